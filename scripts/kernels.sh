# Lanes kernel-VERSION-ARCHITECTURE: the tests on a real kernel of Debian 12, booted under qemu-system. The
# programs are static, and all that the guest has is busybox and them. What it writes to its console is made
# into the file that ctest would have written, and read like that of any lane.

kernel_lanes="kernel-6.1-amd64 kernel-6.12-amd64 kernel-6.1-arm64 kernel-6.12-arm64"
kernel_tests=${ROUSE_KERNEL_TESTS:-^(unit|conformance|fault|stress)\.}
kernel_minutes=90  # until a guest counts as hung

# kernel_settings LANE: see lane_settings. One build serves all kernels of an architecture.
kernel_settings() {
  case $1 in
    *-amd64)
      target=musl
      wants="$wants musl-gcc qemu-system-x86_64"
      ;;
    *-arm64)
      target=aarch64
      wants="$wants aarch64-gcc qemu-aarch64 qemu-system-aarch64"
      ;;
  esac
  wants="$wants make xz cpio gzip debian-keyring"
  cross_settings "$target"
  # A static glibc brings its own malloc() and pthread_create() along, and a test has some that come first,
  # and call the latter by its other name.
  configure+=(-DROUSE_EXAMPLES=OFF
    "-DCMAKE_EXE_LINKER_FLAGS=-static -Wl,-z,muldefs,-u,__pthread_create")
}

# kernel_test: in lane(), once the programs are built.
kernel_test() {
  local architecture=${name##*-} version=${name#kernel-} work=$out/$name xml=$logs/$name.xml
  version=${version%-*}
  rm -f "$xml"
  mkdir -p "$work"
  if ! { kernel_fetch && kernel_initrd; } >"$logs/$name.test" 2>&1; then
    result "$name" failed kernel "cannot be set up; see $logs/$name.test"
    tail -n 20 "$logs/$name.test" >>"$failures"
    return
  fi
  kernel_boot >"$logs/$name.console" 2>&1 </dev/null || true
  tr -d '\r' <"$logs/$name.console" | kernel_report >"$xml"
  echo "what the guest wrote: $logs/$name.console" >>"$logs/$name.test"  # no summary of ctest, and not empty
  awk -v lane="$name" -v failures="$failures.$name" -f "$root/scripts/results.awk" \
    "$logs/$name.test" "$xml" >>"$results"
  if [ -f "$failures.$name" ]; then
    cat "$failures.$name" >>"$failures"
    rm -f "$failures.$name"
  fi
  kernel_check
}

# All tests must have been begun: a guest that dies takes the rest along.
kernel_check() {
  local wanted got
  wanted=$(grep -c '^run ' "$work/root/tests.sh")
  got=$(awk -F '\t' -v lane="$name" '$1 == lane && !($3 ~ /\//) { count++ } END { print +count }' "$results")
  if [ "$got" != "$wanted" ]; then
    result "$name" failed kernel "ran $got of $wanted tests; see $logs/$name.console"
    tail -n 40 "$logs/$name.console" >>"$failures"
  fi
}

# The newest kernel of |version|, and busybox, into $work/kernel and $work/busybox. Debian 12 is asked,
# whatever this system is.
kernel_fetch() {
  local package state
  [ -e "$work/fetched" ] && return 0
  if ! (. /etc/os-release && [ "$ID-$VERSION_ID" = debian-12 ]); then
    state=$(apt_state deb "$architecture")
    mkdir -p "$state"/{lists/partial,cache/archives/partial,sources}
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n' \
      http://deb.debian.org/debian bookworm /usr/share/keyrings/debian-archive-keyring.gpg \
      http://deb.debian.org/debian-security bookworm-security \
      /usr/share/keyrings/debian-archive-keyring.gpg >"$state/sources/debian.sources"
  fi
  private_apt deb "$architecture" update || return 1
  package=$(private_apt deb "$architecture" pkgnames "linux-image-$version." |
    grep -E "^linux-image-[0-9.]+(-[0-9]+|\+deb12)-cloud-$architecture\$" | sort -V | tail -n 1)
  [ -n "$package" ] || { echo "there is no kernel $version for $architecture" && return 1; }
  rm -rf "$work/packages"
  mkdir -p "$work/packages"
  (cd "$work/packages" && private_apt deb "$architecture" download "$package" busybox-static &&
    for file in *.deb; do dpkg-deb -x "$file" . || exit 1; done) || return 1
  cp "$work"/packages/boot/vmlinuz-* "$work/kernel"
  cp "$(find "$work/packages" -type f -path '*/bin/busybox')" "$work/busybox"
  rm -rf "$work/packages"
  : >"$work/fetched"
}

kernel_initrd() {
  local tree=$work/root program strip=strip
  [ "$architecture" = amd64 ] || strip=aarch64-linux-gnu-strip
  rm -rf "$tree"
  mkdir -p "$tree"/{bin,proc,sys,dev,tmp,etc,tests}
  install -m 755 "$work/busybox" "$tree/bin/busybox"
  for program in "$dir"/tests/*; do
    [ -f "$program" ] && [ -x "$program" ] || continue
    $strip -o "$tree/tests/${program##*/}" "$program" || return 1
  done
  printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$tree/etc/passwd"
  kernel_init >"$tree/init"
  chmod 755 "$tree/init"
  (cd "$dir" && ctest --show-only=json-v1 -R "$kernel_tests") |
    kernel_script >"$tree/tests.sh" || return 1
  grep -q '^run ' "$tree/tests.sh" || { echo "no tests" && return 1; }
  (cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$work/initrd"
}

# What the guest runs first.
kernel_init() {
  cat <<'GUEST'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/ ROUSE_TEST_SLOWNESS=20
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts
mount -t devpts -o ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=1777 tmp /tmp
ip link set lo up
ulimit -n 65536
# run NAME SECONDS [NAME=VALUE...] COMMAND...: a passing test's output is of interest where it skips only.
run() {
  name=$1 limit=$2
  shift 2
  echo "@@begin $name"
  timeout -s KILL "$limit" env "$@" </dev/null >/tmp/output 2>&1
  status=$?
  if [ $status = 0 ]; then grep SKIP /tmp/output; else tail -n 100 /tmp/output; fi
  echo
  echo "@@end $name $status"
}
echo "@@kernel $(uname -rm)"
. /tests.sh
echo "@@done"
poweroff -f
GUEST
  }

# From ctest's list to lines for the guest: its own paths, and no emulator.
kernel_script() {
  STRESS=${ROUSE_STRESS_SECONDS:-2} DIRECTORY=$dir perl -MJSON::PP -e '
    local $/;
    my $list = decode_json(<STDIN>);
    for my $test (@{$list->{tests}}) {
      my %is = map { $_->{name} => $_->{value} } @{$test->{properties}};
      my @command = @{$test->{command}};
      shift @command while @command && $command[0] !~ /^\Q$ENV{DIRECTORY}\E/;
      my @words = ($test->{name}, 900, "ROUSE_STRESS_SECONDS=$ENV{STRESS}", @{$is{ENVIRONMENT} // []}, @command);
      s/^\Q$ENV{DIRECTORY}\E// for @words;
      s/\x27/\x27\\\x27\x27/g for @words;
      print "run ", join(" ", map { "\x27$_\x27" } @words), "\n" if @command;
    }'
}

kernel_boot() {
  local console=ttyS0 machine=(qemu-system-x86_64 -cpu Nehalem)
  if [ "$architecture" = arm64 ]; then
    console=ttyAMA0
    machine=(qemu-system-aarch64 -M virt -cpu max,pauth-impdef=on)
  fi
  timeout -k 10 $((kernel_minutes * 60)) "${machine[@]}" -m 1024 -smp 2 -nographic -no-reboot -nic none \
    -kernel "$work/kernel" -initrd "$work/initrd" \
    -append "console=$console quiet loglevel=1 panic=-1 rdinit=/init"
}

# The console as a JUnit file: a line each, as results.awk reads it.
kernel_report() {
  awk '
    function escaped(text) {
      gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text); gsub(/"/, "\\&quot;", text)
      return text
    }
    function close_test(status, element) {
      printf "<testcase name=\"%s\" status=\"%s\">\n%s<system-out>%s</system-out>\n</testcase>\n",
        test, status, element, output
      test = ""
    }
    function failure(message) { close_test("fail", "<failure message=\"" message "\"/>\n") }
    /^@@begin / { if (test) failure("did not end"); test = $2; output = ""; next }
    /^@@end / && test == $2 {
      if ($3 == 0) close_test("run", "")
      else if ($3 == 77) close_test("notrun", "<skipped message=\"SKIP_RETURN_CODE=77\"/>\n")
      else failure($3 == 137 ? "took too long, or was killed" : "ended with " $3)
      next
    }
    test { output = output escaped($0) "\n" }
    END { if (test) failure("the guest died") }'
}
