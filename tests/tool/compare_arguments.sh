#!/usr/bin/env bash
# rouse compare: what is wrong on the command line is said before anything is measured.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

# refused TEXT ARGUMENT...: status 2, and TEXT on standard error; nothing on standard output.
refused() {
  local text=$1
  shift
  expect 2 timeout 20 "$rouse" compare "$@"
  said "$text"
  [ ! -s out ] || fail "it printed something: $(head -1 out)"
}

for number in 0 -1 32 x '' 3x 99999999999999999999; do
  refused "not '$number'" --runs "$number"
done
refused "no approach 'nothing'" --only nothing
refused "no approach ''" --only ''
refused "no approach ''" --only rouse,
refused "no approach 'Rouse'" --only mutex_deque,Rouse
refused "'more'" --quick more
refused "no backend 'nonsense'" --quick --backend nonsense
refused "Try 'rouse compare --help'" --nonsense
refused "Try 'rouse compare --help'" --html

expect 1 timeout 20 "$rouse" compare --html missing/page.html
said 'missing/page.html'
expect 1 timeout 20 "$rouse" compare --html page.html --markdown missing/page.md
said 'missing/page.md'

expect 1 timeout 20 "$rouse" compare --html ''
said 'cannot write'
[ -z "$(ls | grep -vxE 'out|err')" ] || fail "it left something: $(ls)"

# An earlier report is there until the next one is: not if the next one fails, is refused or interrupted.
printf earlier >page.html
printf earlier >page.md
ln -s page.md link.md
chmod 640 page.html
earlier() { [ "$(cat page.html page.md)" = earlierearlier ] || fail "$1 destroyed an earlier report"; }
expect 1 timeout 20 "$rouse" compare --html page.html --markdown missing/page.md
earlier 'a path that is wrong'
expect 2 timeout 20 "$rouse" compare --html page.html --markdown link.md --backend nonsense
earlier 'a backend that is wrong'
for signal in INT TERM KILL; do
  perl -e '
    my ($signal) = shift;
    my $job = fork // die;
    if (!$job) { $SIG{INT} = "DEFAULT"; exec @ARGV }
    # Loops have their threads: it measures.
    select undef, undef, undef, 0.001 until (() = glob "/proc/$job/task/*") > 1 or waitpid($job, 1) == $job;
    kill $signal => $job and waitpid $job, 0;
    exit !($? & 127)' $signal "$rouse" compare --runs 3 --html page.html --markdown link.md >out 2>err ||
    fail "it could not be interrupted"
  earlier "an interruption (SIG$signal)"
done
[ "$(ls | grep -vxE 'out|err' | tr '\n' ' ')" = 'link.md page.html page.md ' ] || fail "it left something: $(ls)"
expect 0 "$rouse" compare --quick --runs 1 --only rouse --html page.html --markdown link.md
grep -q '</html>' page.html && grep -q '^| .rouse. |' page.md || fail 'no new report'
[ -L link.md ] && [ "$(stat -c %a page.html)" = 640 ] || fail 'a link or a mode was not kept'
[ "$(ls | grep -vxE 'out|err' | tr '\n' ' ')" = 'link.md page.html page.md ' ] || fail "it left something: $(ls)"

expect 0 "$rouse" compare --help
grep -q -- '--quick' out || fail 'the help does not help'
expect 0 "$rouse" compare --list
[ "$(awk '{ print $1 }' out | sort -u | wc -l)" -ge 11 ] || fail 'the list is short'

# What can't be written is told, and the status says so.
if [ -w /dev/full ]; then
  expect 1 sh -c '"$0" compare --quick --runs 1 --only rouse >/dev/full' "$rouse"
  said 'could not be written'
  expect 1 "$rouse" compare --quick --runs 1 --only rouse --html /dev/full
  said '/dev/full'
fi
# A backend that is refused is no error of the command line.
if ROUSE_BACKEND=io_uring "$rouse" probe >/dev/null 2>&1; then
  expect 0 "$rouse" compare --quick --runs 1 --only rouse --backend io_uring
fi
