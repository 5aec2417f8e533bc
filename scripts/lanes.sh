# Lanes: one way each of building and testing. What they find is gathered in $logs/results, a line per
# test (see results.awk), and summed up at the end. What each lane found last stays in $logs/lanes.

failures=$logs/failures
results=$logs/results

# lane_settings NAME: sets |configure| (arguments for cmake), |select| (for ctest), |wants| (for need),
# |launch| (words before ctest), |environment|.
lane_settings() {
  configure=(-DCMAKE_BUILD_TYPE=Debug)
  select=()
  launch=()
  environment=()
  wants="compiler gcc g++ cmake ninja pkg-config liburing cjson cmocka nsync urcu ck perl attr acl"
  wants="$wants uthash redis-tools"
  # What runs our code in this process. The tests of the rouse command take long and are left to some lanes.
  local code='^(unit|conformance|stress|fault|approach|example|server)\.'

  case $1 in
    clang-*)
      wants="$wants clang"
      configure+=(-DCMAKE_C_COMPILER=clang)
      ;;
    gcc-*) configure+=(-DCMAKE_C_COMPILER=gcc) ;;
  esac
  case $1 in
    gcc-debug) select=(-E '^(tool|browser|approach)\.') ;;
    # What another compiler may do otherwise shows in the runs of the library itself.
    clang-debug) select=(-E '^(tool|browser|model|consumer|approach|server)\.') ;;
    gcc-release | clang-release)
      configure+=(-DCMAKE_BUILD_TYPE=Release -DROUSE_BENCH=ON)
      environment=("ROUSE_COPY_FILES=$copy_files")
      select=(-E '^(model|tidy|browser)\.')
      [ "$1" = gcc-release ] || select=(-E '^(model|tidy|browser|approach|server)\.')
      ;;
    gcc-thread | clang-thread)
      wants="$wants ${1%-*}-sanitizers"
      configure+=(-DROUSE_SANITIZE=thread -DROUSE_TEST_TIMEOUT=600 "-DCMAKE_C_FLAGS_DEBUG=-O1 -g")
      select=(-R "$code")
      [ "$1" = gcc-thread ] || select=(-R "$code|^tool\.")
      environment=("TSAN_OPTIONS=halt_on_error=1 second_deadlock_stack=1")
      # The run-time library of older compilers cannot live with much randomness in the address space.
      if setarch "$(uname -m)" -R true 2>/dev/null; then
        launch=(setarch "$(uname -m)" -R)
      fi
      ;;
    gcc-address)
      wants="$wants gcc-sanitizers"
      configure+=(-DROUSE_SANITIZE=address,undefined -DROUSE_TEST_TIMEOUT=600
        "-DCMAKE_C_FLAGS_DEBUG=-O1 -g")
      select=(-R "$code|^tool\.")
      environment=("ASAN_OPTIONS=detect_stack_use_after_return=1:detect_leaks=1"
        "UBSAN_OPTIONS=print_stacktrace=1")
      ;;
    aarch64 | riscv64)
      wants="$wants make xz $1-gcc qemu-$1"
      cross_settings "$1"
      configure+=(-DROUSE_IO_URING=OFF -DROUSE_TEST_TIMEOUT=600)
      environment+=(ROUSE_TEST_SLOWNESS=10)
      ;;
    i386 | musl)
      wants="$wants make xz $1-gcc"
      cross_settings "$1"
      ;;
    windows) windows_settings ;;
    browser)
      wants="$wants chromium"
      configure=(-DCMAKE_BUILD_TYPE=Release)
      select=(-R '^browser\.')
      ;;
    kernel-*) kernel_settings "$1" ;;
    lint) wants="$wants clang clang-format clang-tidy cppcheck" ;;
    *) die "no such lane: $1" ;;
  esac
}

# What lanes for other targets have in common: libraries of their own, assertions, and some speed. They
# look for what is different there, not for rare interleavings, so the stress tests are short.
cross_settings() {
  configure=(-DCMAKE_BUILD_TYPE=Debug "-DCMAKE_C_FLAGS_DEBUG=-O2 -g" -DROUSE_TOOLS=OFF
    "-DROUSE_SYSROOT=$out/sysroot/$1" "-DCMAKE_TOOLCHAIN_FILE=$root/cmake/$1.cmake")
  environment=(ROUSE_STRESS_SECONDS=$(((${ROUSE_STRESS_SECONDS:-2} + 2) / 3)))
}

all_lanes="gcc-debug gcc-release gcc-thread gcc-address"
heavy_lanes="clang-debug clang-release clang-thread aarch64 riscv64 i386 musl windows browser lint"

# A result that is not a test's own.
result() { printf '%s\t%s\t%s\t%s\n' "$@" >>"$results"; }

counts_of() {
  awk -F '\t' -v lane="$1" '
    lane == "" || $1 == lane { count[$2]++ }
    END { printf "%d passed, %d failed, %d skipped", count["passed"], count["failed"], count["skipped"] }
  ' "$results"
}

# lane NAME CTEST_ARGUMENTS...
lane() {
  local name=$1 dir=$out/lane/$1 target=$1 configure select launch environment wants started=$SECONDS built
  shift
  lane_settings "$name"
  case $name in  # one build serves all kernels
    kernel-*) dir=$out/lane/kernel-${name##*-} ;;
  esac
  if [ "$name" = lint ]; then
    lint_lane
  elif ! lane_build; then
    result "$name" failed build "does not build; see $logs/$name.build"
    { printf '\n--- %s: build\n' "$name"; tail -n 60 "$logs/$name.build"; } >>"$failures"
    printf '%-14s does not build\n' "$name"
    remember "$name"
    return
  else
    built=$((SECONDS - started))
    started=$SECONDS
    case $name in
      kernel-*) kernel_test ;;
      windows) windows_test "$@" ;;
      *) lane_test "$@" ;;
    esac
  fi
  remember "$name"
  printf '%-14s %s (built in %d s, tested in %d s)\n' "$name" "$(counts_of "$name")" "${built:-0}" \
    $((SECONDS - started))
}

lane_build() {
  : >"$logs/$name.build"
  case $name in
    aarch64 | riscv64 | i386 | musl | kernel-*)
      make_sysroot "$target" >>"$logs/$name.build" 2>&1 </dev/null || return 1
      ;;
    windows) make_mingw_libraries >>"$logs/$name.build" 2>&1 </dev/null || return 1 ;;
  esac
  {
    cmake -S "$root" -B "$dir" -G Ninja -DROUSE_TESTS=ON -DROUSE_WERROR=ON "${configure[@]}" &&
      cmake --build "$dir" -j "$jobs"
  } >>"$logs/$name.build" 2>&1 </dev/null
}

lane_test() {
  local xml=$logs/$name.xml status=0
  rm -f "$xml"
  env "${environment[@]}" "${launch[@]}" ctest --test-dir "$dir" --output-on-failure --no-tests=error \
    --test-output-size-passed 100000 --output-junit "$xml" "${select[@]}" "$@" \
    >"$logs/$name.test" 2>&1 </dev/null || status=$?
  if [ -f "$xml" ]; then
    awk -v lane="$name" -v failures="$failures.$name" -f "$root/scripts/results.awk" \
      "$logs/$name.test" "$xml" >>"$results"
    if [ -f "$failures.$name" ]; then
      cat "$failures.$name" >>"$failures"
      rm -f "$failures.$name"
    fi
  fi
  # ctest must agree with what was read out of its report.
  if [ $status != 0 ] && ! grep -q "^$name	failed" "$results"; then
    result "$name" failed ctest "ended with $status; see $logs/$name.test"
    tail -n 20 "$logs/$name.test" >>"$failures"
  elif ! grep -q "^$name	" "$results"; then
    result "$name" failed ctest "ran no test; see $logs/$name.test"
  fi
}

# Where no skip is allowed, one that .ci/skips-allowed does not list is a failure.
forbid_skips() {
  awk -F '\t' -v OFS='\t' -v allowed="$root/.ci/skips-allowed" '
    BEGIN {
      while ((getline line < allowed) > 0) {
        if (line ~ /^[ \t]*(#|$)/) continue
        split(line, column, /[ \t]+\|[ \t]+/)
        lanes[++count] = "^(" column[1] ")$"
        tests[count] = "^(" column[2] ")$"
      }
    }
    $2 == "skipped" {
      for (i = 1; i <= count; i++) if ($1 ~ lanes[i] && $3 ~ tests[i]) break
      if (i > count) { $2 = "failed"; $4 = "skipped, which is not allowed here: " $4 }
    }
    { print }
  ' "$results" >"$results.new"
  mv "$results.new" "$results"
}

# Tests of one status with the lanes they had it in, and the reason.
list_of() {
  awk -F '\t' -v status="$1" '
    $2 == status {
      key = $3 "\t" $4
      if (!(key in lanes)) order[++count] = key
      lanes[key] = lanes[key] (lanes[key] == "" ? "" : " ") $1
    }
    END {
      for (i = 1; i <= count; i++) {
        split(order[i], part, "\t")
        printf "  %s [%s]: %s\n", part[1], lanes[order[i]], part[2]
      }
    }
  ' "$results"
}

# run_lanes SKIPS LANE...: all of them, then the summary. SKIPS: allowed or forbidden.
run_lanes() {
  local skips=$1 name target wants configure select launch environment together=""
  shift
  for name in "$@"; do
    lane_settings "$name"
    together="$together $wants"
  done
  need $(printf '%s\n' $together | awk '!seen[$0]++')
  mkdir -p "$logs"
  : >"$results"
  : >"$failures"
  for name in "$@"; do lane "$name" "${ctest_arguments[@]}"; done
  [ "$skips" = allowed ] || forbid_skips

  cat "$failures"
  if [ $# -gt 1 ] && grep -q '	conformance\.' "$results"; then
    printf '\n'
    print_table "$results"
  fi
  if grep -q '	skipped	' "$results"; then
    printf '\nskipped:\n'
    list_of skipped
  fi
  if grep -q '	failed	' "$results"; then
    printf '\nfailed:\n'
    list_of failed
  fi
  printf '\n%s\n' "$(counts_of "")"
  ! grep -q '	failed	' "$results"
}

ctest_arguments=()
copy_files=400  # in the tree of tool.copy_tree, where nothing slows it down

command_test() {
  local lanes=$all_lanes skips=allowed seconds=2
  case ${1:-} in
    --all)
      lanes="$all_lanes $heavy_lanes"
      skips=forbidden
      seconds=5
      shift
      ;;
    --list)
      printf '%s\n' $all_lanes $heavy_lanes $kernel_lanes
      return
      ;;
    -*) die "test: no such option: $1" ;;
  esac
  export ROUSE_STRESS_SECONDS=${ROUSE_STRESS_SECONDS:-$seconds}
  [ $# = 0 ] || lanes="$*"
  run_lanes $skips $lanes
}

command_asan() {
  ctest_arguments=("$@")
  run_lanes allowed gcc-address
}

command_tsan() {
  ctest_arguments=("$@")
  run_lanes allowed gcc-thread
}

command_nightly() {
  export ROUSE_STRESS_SECONDS=${ROUSE_STRESS_SECONDS:-60}
  ctest_arguments=(-R '^(stress|conformance)\.|^tool\.copy_tree$' --timeout 3600)
  copy_files=50000
  run_lanes allowed gcc-release gcc-thread gcc-address clang-thread $kernel_lanes
}
