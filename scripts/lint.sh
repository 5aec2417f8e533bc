# Lint: the format, and what two static checkers say. Each of the three counts as one test.

c_files() { find "$root"/{include,src,approaches,tools,bench,examples,tests} -name '*.[ch]' | LC_ALL=C sort; }

# checked NAME COMMAND...: one of the lint lane's tests; what it prints goes to a log and, if it failed,
# to the failures.
checked() {
  local check=$1 log=$logs/lint.$1
  shift
  if "$@" >"$log" 2>&1 </dev/null; then
    result lint passed "lint.$check" ""
  else
    result lint failed "lint.$check" "see $log"
    { printf '\n--- lint: %s\n' "$check"; tail -n 100 "$log"; } >>"$failures"
  fi
}

lint_format() { c_files | xargs clang-format --dry-run -Werror; }

# The database of what is compiled how, for clang.
lint_database() {
  cmake -S "$root" -B "$out/lint" -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug \
    -DROUSE_TESTS=ON -DROUSE_BENCH=ON -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
}

# The library and its tools; tests only as far as compilers look at them.
lint_tidy() {
  lint_database >"$logs/lint.database" || return 1
  # What this system compiles: files for others have headers that are not here.
  grep -oE '"file": "[^"]+\.c"' "$out/lint/compile_commands.json" | cut -d '"' -f 4 | LC_ALL=C sort -u |
    grep -E "^$root/(src|approaches|tools|examples)/" | grep -v /context/ |
    xargs -P "$jobs" -n 4 clang-tidy --quiet -p "$out/lint" --config-file="$root/.clang-tidy" \
      --warnings-as-errors='*'
}

lint_cppcheck() {
  cppcheck --quiet --error-exitcode=1 --std=c11 -j "$jobs" --inline-suppr --suppressions-list="$root/.ci/cppcheck" \
    --enable=warning,portability -DROUSE_HAVE_IO_URING=1 -D__x86_64__=1 -D__linux__=1 \
    -D__GCC_ATOMIC_INT_LOCK_FREE=2 -D__GCC_ATOMIC_LLONG_LOCK_FREE=2 -D__GCC_ATOMIC_POINTER_LOCK_FREE=2 \
    -i "$root/src/backend/iocp" -i "$root/tools/rouse/windows" -i "$root/tools/compare/windows" \
    -I "$root/include" -I "$root/src" -I "$root/approaches" "$root/src" "$root/approaches" "$root/tools" "$root/examples"
}

lint_lane() {
  checked format lint_format
  checked clang-tidy lint_tidy
  checked cppcheck lint_cppcheck
}

command_lint() { run_lanes forbidden lint; }

command_format() {
  need clang-format
  c_files | xargs clang-format -i
}
