#!/usr/bin/env bash
# On Windows: Ctrl-C ends a copy with whole files only, no temporary ones, and the status 130.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../support/windows.sh"

command -v script >/dev/null || skip 'script (bsdutils, util-linux) is needed for a terminal'
mkdir source
for number in {1..12}; do head -c 15000000 /dev/zero >"source/large$number"; done
mkfifo keys
exec 7<>keys
# Ctrl-C is a key of the console that Wine makes of a terminal. Sent when the first thing is there; on a
# busy machine that may be too late, or before anybody listens, so it is tried some times.
for try in 1 2 3 4 5 6 7 8; do
  rm -rf copy
  script -qec "'$rouse' copy --loops 1 --max-in-flight 1 source copy" /dev/null <keys >shown 2>&1 &
  job=$! status=0
  perl -e 'select undef, undef, undef, 0.002 until -e "copy" or !kill 0, $ARGV[0]' $job
  printf '\003' >&7
  wait $job || status=$?
  [ ! -e copy ] || no_temporaries copy
  [ ! -e copy ] || find copy -type f -printf '%P\n' | while IFS= read -r file; do
    cmp -s "source/$file" "copy/$file" || fail "$file is not whole"
  done
  case $status in
    0) ;;
    130) break ;;
    *) fail "status $status after Ctrl-C: $(cat shown)" ;;
  esac
done
[ $status = 130 ] || fail 'no copy was interrupted half-way'
