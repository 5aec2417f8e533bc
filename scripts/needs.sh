# What a command needs, how to see whether it is there, and what the package that has it is called.
#
# need NAME...   returns at once if all is there; else says what is missing, installs it, and looks again.
#
# Things are looked for themselves (a program, a header, a pkg-config module), not as packages, so that
# it does not matter where they came from.

# The libraries that we can do without, if the package manager has none.
optional=" liburing nsync urcu libuv uthash redis-tools ck "

program() { command -v "$1" >/dev/null 2>&1; }
header() { echo "#include <$2>" | $1 -E - >/dev/null 2>&1; }
links() { echo 'int main(void) { return 0; }' | "$@" -x c - -o /dev/null >/dev/null 2>&1; }

has() {
  case $1 in
    compiler) program "${CC:-cc}" && header "${CC:-cc} -x c" stdio.h ;;
    gcc) program gcc && header "gcc -x c" stdio.h ;;
    g++) program g++ && header "g++ -x c++" cstddef ;;
    gcc-sanitizers) links gcc -fsanitize=thread && links gcc -fsanitize=address,undefined ;;
    clang) program clang && header "clang -x c" stdio.h ;;
    clang-sanitizers) links clang -fsanitize=thread && links clang -fsanitize=address,undefined ;;
    cmake) program cmake ;;
    ninja) program ninja ;;
    pkg-config) program pkg-config ;;
    liburing) program pkg-config && pkg-config --exists liburing ;;
    cjson) program pkg-config && pkg-config --exists libcjson ;;
    cmocka) header "${CC:-gcc} -x c" cmocka.h ;;
    nsync) header "${CC:-cc} -x c" nsync.h ;;
    urcu) header "${CC:-cc} -x c" urcu/rculfqueue.h ;;
    libuv) program pkg-config && pkg-config --exists libuv ;;
    ck) header "${CC:-cc} -x c" ck_fifo.h ;;
    uthash) header "${CC:-cc} -x c" uthash.h ;;
    redis-tools) program redis-cli && program redis-benchmark ;;
    perl) program perl && perl -MJSON::PP -MSocket -e 1 >/dev/null 2>&1 ;;
    attr) program setfattr && program getfattr ;;
    acl) program setfacl ;;
    clang-format) program clang-format ;;
    clang-tidy) program clang-tidy ;;
    cppcheck) program cppcheck ;;
    chromium) program chromium || program chromium-browser || program google-chrome ;;
    make | xz | cpio | gzip | qemu-system-*) program "$1" ;;
    aarch64-gcc | riscv64-gcc)
      program "${1%-gcc}-linux-gnu-gcc" && links "${1%-gcc}-linux-gnu-gcc" -static
      ;;
    mingw) program x86_64-w64-mingw32-gcc && header "x86_64-w64-mingw32-gcc -x c" windows.h ;;
    wine) program wineserver && program wineboot && { program wine64 || [ -x /usr/lib/wine/wine64 ]; } ;;
    i386-gcc) program gcc && links gcc -m32 -idirafter "/usr/include/$(gcc -print-multiarch)" ;;
    debian-keyring) [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] ;;
    musl-gcc) program musl-gcc && links musl-gcc -static ;;
    qemu-aarch64 | qemu-riscv64) program "$1" || program "$1-static" ;;
    *) die "scripts/needs.sh does not know '$1'" ;;
  esac
}

# package NEED MANAGER: the packages' names; nothing if that system has none.
package() {
  case $1:$2 in
    compiler:apt | gcc:apt) echo gcc libc6-dev ;;
    compiler:apk | gcc:apk) echo gcc musl-dev linux-headers ;;
    compiler:pacman | gcc:pacman | g++:pacman | gcc-sanitizers:pacman) echo gcc ;;
    compiler:* | gcc:*) echo gcc glibc-devel ;;
    g++:apt | g++:apk) echo g++ ;;
    g++:*) echo gcc-c++ ;;
    gcc-sanitizers:apt) echo gcc ;;
    gcc-sanitizers:dnf) echo libasan libtsan libubsan ;;
    gcc-sanitizers:zypper) echo libasan8 libtsan2 libubsan1 ;;
    clang-sanitizers:apt) echo libclang-rt-dev ;;
    clang-sanitizers:zypper) echo clang ;;
    clang-sanitizers:*) echo compiler-rt ;;
    ninja:apt | ninja:dnf) echo ninja-build ;;
    ninja:apk) echo samurai ;;
    ninja:*) echo ninja ;;
    pkg-config:apt) echo pkg-config ;;
    pkg-config:dnf | pkg-config:zypper) echo pkgconf-pkg-config ;;
    pkg-config:*) echo pkgconf ;;
    liburing:apt | liburing:apk) echo liburing-dev ;;
    liburing:pacman) echo liburing ;;
    liburing:*) echo liburing-devel ;;
    cjson:apt) echo libcjson-dev ;;
    cjson:apk) echo cjson-dev ;;
    cjson:pacman) echo cjson ;;
    cjson:zypper) echo cJSON-devel ;;
    cjson:*) echo cjson-devel ;;
    cmocka:apt) echo libcmocka-dev ;;
    cmocka:apk) echo cmocka-dev ;;
    cmocka:pacman) echo cmocka ;;
    cmocka:*) echo libcmocka-devel ;;
    libuv:apt) echo libuv1-dev ;;
    libuv:pacman) echo libuv ;;
    libuv:apk) echo libuv-dev ;;
    libuv:*) echo libuv-devel ;;
    uthash:apt | uthash:apk) echo uthash-dev ;;
    uthash:pacman) echo uthash ;;
    uthash:*) echo uthash-devel ;;
    redis-tools:apt) echo redis-tools ;;
    redis-tools:*) echo redis ;;
    nsync:apt) echo libnsync-dev ;;
    nsync:apk) echo nsync-dev ;;
    nsync:dnf) echo nsync-devel ;;
    ck:apt) echo libck-dev ;;
    ck:dnf) echo ck-devel ;;
    urcu:apt) echo liburcu-dev ;;
    urcu:apk) echo userspace-rcu-dev ;;
    urcu:pacman) echo liburcu ;;
    urcu:*) echo userspace-rcu-devel ;;
    clang-format:apt | clang-tidy:apt) echo "$1" ;;
    clang-format:apk | clang-tidy:apk) echo clang-extra-tools ;;
    clang-format:pacman | clang-tidy:pacman) echo clang ;;
    clang-format:zypper | clang-tidy:zypper) echo clang-tools ;;
    clang-format:* | clang-tidy:*) echo clang-tools-extra ;;
    aarch64-gcc:apt) echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross ;;
    aarch64-gcc:pacman) echo aarch64-linux-gnu-gcc ;;
    riscv64-gcc:apt) echo gcc-riscv64-linux-gnu libc6-dev-riscv64-cross ;;
    riscv64-gcc:pacman) echo riscv64-linux-gnu-gcc ;;
    # Not gcc-multilib, which can't be installed beside cross compilers.
    i386-gcc:apt) echo "$(apt-cache depends gcc | sed -nE 's/.*Depends: (gcc-[0-9]+)$/\1/p' | head -n 1)-multilib" ;;
    mingw:apt) echo gcc-mingw-w64-x86-64-win32 ;;
    mingw:dnf) echo mingw64-gcc mingw64-winpthreads-static ;;
    mingw:zypper) echo mingw64-cross-gcc mingw64-winpthreads-devel ;;
    mingw:*) echo mingw-w64-gcc ;;
    wine:apt) echo wine64 wine ;;
    wine:*) echo wine ;;
    musl-gcc:apt) echo musl-tools ;;
    debian-keyring:apt) echo debian-archive-keyring ;;
    musl-gcc:pacman) echo musl ;;
    qemu-aarch64:zypper | qemu-riscv64:zypper) echo qemu-linux-user ;;
    qemu-aarch64:apk | qemu-riscv64:apk) echo "$1" ;;
    qemu-aarch64:* | qemu-riscv64:*) echo qemu-user ;;
    xz:apt) echo xz-utils ;;
    qemu-system-x86_64:apt) echo qemu-system-x86 ;;
    qemu-system-aarch64:apt) echo qemu-system-arm ;;
    perl:dnf) echo perl-interpreter perl-JSON-PP perl-Socket ;;
    cmake:* | make:* | xz:* | cpio:* | gzip:* | qemu-system-*:* | clang:* | cppcheck:* | chromium:* | perl:* | attr:* | acl:*) echo "$1" ;;
  esac
}

package_manager() {
  local manager
  for manager in apt-get dnf pacman zypper apk; do
    if program "$manager"; then
      echo "${manager%-get}"
      return
    fi
  done
}

# The words to put before a command that root must run; fails if there is no way.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    echo env
  elif program sudo && sudo -n true 2>/dev/null; then
    echo sudo -n env
  elif program sudo && [ -t 0 ]; then
    echo sudo env
  else
    return 1
  fi
}

# install_packages MANAGER PREFIX PACKAGE...
install_packages() {
  local manager=$1 prefix=$2
  shift 2
  case $manager in
    apt)
      local apt="$prefix DEBIAN_FRONTEND=noninteractive apt-get -y -qq"
      # The lists may be absent or too old; only then are they worth the time.
      $apt install --no-install-recommends "$@" ||
        { $apt update && $apt install --no-install-recommends "$@"; }
      ;;
    dnf) $prefix dnf install -y --setopt=install_weak_deps=False "$@" ;;
    pacman) $prefix pacman -S --needed --noconfirm "$@" ;;
    zypper) $prefix zypper --non-interactive install --no-recommends "$@" ;;
    apk) $prefix apk add "$@" ;;
  esac
}

missing_of() {
  local name
  for name in "$@"; do
    has "$name" || echo "$name"
  done
}

# What to tell somebody who must install |packages| by hand.
by_hand() {
  case $1 in
    apt) echo "apt-get install $2" ;;
    dnf) echo "dnf install $2" ;;
    pacman) echo "pacman -S $2" ;;
    zypper) echo "zypper install $2" ;;
    apk) echo "apk add $2" ;;
  esac
}

need() {
  local missing manager prefix name names packages="" unknown="" log=$logs/install
  missing=$(missing_of "$@")
  if [ -z "$missing" ]; then
    note_old_liburing "$@"
    return 0
  fi
  manager=$(package_manager)
  say "missing:" $missing
  for name in $missing; do
    names=""
    [ -z "$manager" ] || names=$(package "$name" "$manager")
    if [ -n "$names" ]; then
      packages="$packages $names"
    elif [[ $optional != *" $name "* ]]; then
      unknown="$unknown $name"
    fi
  done
  packages=$(printf '%s\n' $packages | sort -u | tr '\n' ' ')
  packages=${packages% }
  if [ -n "$unknown" ]; then
    say "no package is known here for:$unknown"
    [ -z "$packages" ] || say "the rest comes by: $(by_hand "$manager" "$packages")"
    die "please install these, and try again"
  fi
  if [ -n "$packages" ]; then
    if ! prefix=$(as_root); then
      die "installing needs root or sudo. Please run as root: $(by_hand "$manager" "$packages")"
    fi
    say "installing: $packages"
    mkdir -p "$logs"
    if ! install_packages "$manager" "$prefix" $packages >"$log" 2>&1 </dev/null; then
      tail -n 20 "$log" >&2
      say "installing failed; all of it is in $log"
      say "by hand: $(by_hand "$manager" "$packages")"
      [ -n "$(required_of $(missing_of "$@"))" ] && exit 1
    fi
    hash -r
  fi
  missing=$(missing_of "$@")
  names=$(required_of $missing)
  [ -z "$names" ] || die "installed, but still missing:" $names
  for name in $missing; do say "going on without $name"; done
  note_old_liburing "$@"
}

# Of the names given, those that are not optional.
required_of() {
  local name
  for name in "$@"; do
    [[ $optional == *" $name "* ]] || echo "$name"
  done
}

note_old_liburing() {
  case " $* " in
    *" liburing "*) ;;
    *) return 0 ;;
  esac
  if has liburing && ! pkg-config --exists 'liburing >= 2.3'; then
    say "liburing $(pkg-config --modversion liburing) is older than 2.3: building without io_uring"
  fi
}
