# Libraries for targets other than this system: cmocka and liburing, as static libraries, built from the
# distribution's own sources. So every target has the same ones, whichever architectures the distribution
# has packages for, and the system keeps its list of architectures.
#
# make_sysroot TARGET: aarch64, riscv64, i386 or musl, with the compiler of cmake/TARGET.cmake. Fills
# $out/sysroot/TARGET with include, lib and lib/pkgconfig.

sources=$out/sources

make_sysroot() {
  local target=$1 sysroot=$out/sysroot/$1
  [ -e "$sysroot/complete" ] && return 0
  rm -rf "$sysroot"
  mkdir -p "$sysroot"/{include,lib}
  [ "$target" != musl ] || link_kernel_headers "$sysroot" || return 1
  source_of cmocka && build_cmocka && source_of liburing && build_liburing || return 1
  : >"$sysroot/complete"
}

# The compiler of a target as one word list, for what is not built by cmake.
target_compiler() {
  case $1 in
    i386) echo gcc -m32 -idirafter "/usr/include/$(gcc -print-multiarch)" ;;
    musl) echo musl-gcc ;;
    *) echo "$1-linux-gnu-gcc" ;;
  esac
}

# musl's own directory has none of the kernel's headers, and must not see those of another C library.
link_kernel_headers() {
  local name place
  for name in linux asm asm-generic mtd; do
    for place in /usr/include /usr/include/"$(gcc -print-multiarch)"; do
      [ -d "$place/$name" ] && ln -sfn "$place/$name" "$1/include/$name"
    done
  done
  [ -e "$1/include/asm/unistd.h" ] && [ -e "$1/include/linux/futex.h" ]
}

# Its versions differ in how they name a static library.
build_cmocka() {
  local work=$sysroot/work
  cmake -S "$sources/cmocka" -B "$work" -G Ninja -DBUILD_SHARED_LIBS=OFF -DWITH_STATIC_LIB=ON \
    -DWITH_EXAMPLES=OFF -DUNIT_TESTING=OFF -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DROUSE_SYSROOT="$sysroot" -DCMAKE_TOOLCHAIN_FILE="$root/cmake/$target.cmake" &&
    cmake --build "$work" -j "$jobs" &&
    cp "$(find "$work" -name 'libcmocka*.a' | head -n 1)" "$sysroot/lib/libcmocka.a" &&
    cp "$sources"/cmocka/include/cmocka*.h "$sysroot/include" && rm -rf "$work"
}

# It can't be built outside its sources.
build_liburing() {
  local work=$sysroot/work
  mkdir -p "$work" && cp -r "$sources/liburing/." "$work" &&
    (cd "$work" && CFLAGS="-I$sysroot/include" \
      ./configure --cc="$(target_compiler "$target")" --cxx=false --prefix="$sysroot" &&
      make -C src -j "$jobs" ENABLE_SHARED=0 CFLAGS="-O2 -g -isystem $sysroot/include" install &&
      make liburing.pc && install -D -m 644 liburing.pc "$sysroot/lib/pkgconfig/liburing.pc") &&
    rm -rf "$work"
}

# source_of NAME: the distribution's source of a package, unpacked into $sources/NAME.
source_of() {
  local name=$1 place=$sources/$1
  [ -e "$place/complete" ] && return 0
  program apt-get || {
    echo "the source of $name can be fetched with apt only"
    return 1
  }
  rm -rf "$place"
  mkdir -p "$place/fetched"
  private_apt deb-src "$(dpkg --print-architecture)" update &&
    (cd "$place/fetched" &&
      private_apt deb-src "$(dpkg --print-architecture)" source --download-only "$name") &&
    tar -x -C "$place" --strip-components=1 -f "$(ls "$place"/fetched/*.orig.tar.[gx]z)" || return 1
  : >"$place/complete"
}

apt_state() { echo "$out/apt/$1-$2"; }

# private_apt TYPE ARCHITECTURE WORD...: apt-get (or apt-cache pkgnames) with a state of its own, from the
# mirrors that this system uses (for Ubuntu, whose other architectures live elsewhere, from there). TYPE:
# deb or deb-src.
private_apt() {
  local type=$1 architecture=$2 state lists command=apt-get
  state=$(apt_state "$type" "$architecture")
  shift 2
  [ "$1" != pkgnames ] || command=apt-cache
  if [ ! -d "$state" ]; then
    mkdir -p "$state"/{lists/partial,cache/archives/partial,sources}
    for lists in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
      # Only the distribution's own: others need not have this.
      grep -Eqs '(debian|ubuntu)' "$lists" || continue
      sed -E -e "s/^(Types:) .*/\1 $type/" -e '/^deb-src /d' -e "s/^deb /$type /" \
        -e 's/\[ *arch=[a-z0-9,]* *\]//' -e '/^Architectures:/d' "$lists" >"$state/sources/${lists##*/}"
    done
    if [ "$type" = deb ] && [ "$architecture" != "$(dpkg --print-architecture)" ]; then
      sed -i -E 's#https?://([a-z.]*archive|security)\.ubuntu\.com/ubuntu/?#http://ports.ubuntu.com/ubuntu-ports/#' \
        "$state"/sources/*
    fi
  fi
  $command -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" \
    -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$state/sources" \
    -o Dir::State::Lists="$state/lists" -o Dir::State::Status=/dev/null \
    -o Dir::Cache="$state/cache" -o APT::Sandbox::User="$(id -un)" -qq "$@"
}
