# The conformance suite's table (see table.awk): of one run, after its summary, and of what each lane found
# last, in docs/conformance.md.

last=$logs/lanes  # NAME.results of each lane, and NAME.commit it was run at

# remember LANE: called with its results in $results. Part of a lane says nothing about the whole.
remember() {
  case $1 in
    kernel-*) [ -z "${ROUSE_KERNEL_TESTS:-}" ] || return 0 ;;
    *) [ ${#ctest_arguments[@]} = 0 ] || return 0 ;;
  esac
  mkdir -p "$last"
  awk -F '\t' -v lane="$1" '$1 == lane' "$results" >"$last/$1.results"
  { git -C "$root" describe --always --dirty 2>/dev/null || echo unknown; } >"$last/$1.commit"
}

print_table() { awk -f "$root/scripts/table.awk" "$@"; }

# What of an earlier run can still be told from the tree: the commits, not the times.
command_table() {
  local name lane known="" missing="" document=$root/docs/conformance.md
  for name in $all_lanes $heavy_lanes $kernel_lanes; do
    [ "$name" != lint ] || continue
    if [ -e "$last/$name.results" ]; then
      known="$known $last/$name.results"
    else
      missing="$missing $name"
    fi
  done
  [ -n "$known" ] || die "no lane has been run yet: ./dev test --all, ./dev nightly"
  {
    table_head
    print_table $known
    printf '\nThe lanes, and the commits that they were run at:\n\n'
    for name in $known; do
      lane=$(basename "$name" .results)
      printf '* %s (%s): %s\n' "$lane" "$(cat "$last/$lane.commit")" "$(results=$name counts_of "$lane")"
    done
    [ -z "$missing" ] || printf '\nNot run: %s.\n' "$(echo $missing | sed 's/ /, /g')"
  } >"$document.new"
  mv "$document.new" "$document"
  say "written: ${document#"$root"/}"
}

table_head() {
  cat <<'HEAD'
# The conformance suite, suite by backend

Written by `./dev table` from what each lane of `./dev test --all` and `./dev nightly` found last.

Each column is a program of `tests/conformance`: the same source on every row. A row is a system and one of the
configurations of `tests/conformance/backends.txt`, degraded ones among them: `io_uring-nofutex` and
`io_uring-plain` leave out what old kernels do not have, `refused-*` let the system refuse io_uring. The first
system is built by gcc and clang, in Debug and Release and under the sanitizers; `pass` means: in all of these.

HEAD
}
