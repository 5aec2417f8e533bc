#!/usr/bin/env bash
# On a terminal progress is shown, and gone at the end; elsewhere there is none.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

command -v script >/dev/null || skip 'script (bsdutils, util-linux) is needed for a terminal'
mkdir source
head -c 1000000 /dev/zero >chunk
for f in {1..400}; do ln chunk source/hard$f; done
for f in {1..250}; do cp chunk source/file$f; done
# Slowly enough to see it: a large tree, copied again and again until a line was seen.
seen=
for try in 1 2 3 4 5 6 7 8; do
  rm -rf copy
  script -qec "'$rouse' copy --max-in-flight 1 --loops 1 --verify source copy" typescript >shown </dev/null
  if grep -aqE '[0-9]+ files, [0-9.]+ MB, [0-9.]+ [KMG]B/s' shown; then seen=1 && break; fi
  cp -r source/file* "$(mktemp -d source/more-XXXX)"
done
[ -n "$seen" ] || fail 'no progress was shown'
grep -aq 'copied ' shown || fail 'no summary was shown'
# The summary starts on a line that was cleared.
perl -0777 -ne 'exit !/\r\e\[Kcopied /' shown || fail 'a piece of progress is left'
rm -rf copy
script -qec "'$rouse' copy --quiet source copy" typescript >shown </dev/null
[ ! -s shown ] || fail "quiet, it printed: $(cat shown)"
rm -rf copy
expect 0 "$rouse" copy source copy
[ ! -s err ] || fail 'progress without a terminal'
