#!/usr/bin/env bash
# On a terminal progress is shown, and gone at the end; elsewhere there is none.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

command -v script >/dev/null || skip 'script (bsdutils, util-linux) is needed for a terminal'
mkdir source
head -c 1000000 /dev/zero >chunk
for f in {1..400}; do ln chunk source/hard$f; done
for f in {1..250}; do cp chunk source/file$f; done
# Slowly enough to see it: a large tree, copied again and again until a line was seen. The time left is
# known once the tree has been gone through, which is begun after some periods only: many files.
more() { (cd "$(mktemp -d source/more-XXXX)" && head -c 30000000 /dev/zero | split -a 4 -b 1000); }
more
seen=
for try in 1 2 3 4 5 6 7 8; do
  rm -rf copy
  script -qec "'$rouse' copy --max-in-flight 1 --loops 1 --verify source copy" typescript >shown </dev/null
  if grep -aqE '[0-9]+ files, [0-9.]+ MB, [0-9.]+ [KMG]B/s, [0-9:]+ left' shown; then seen=1 && break; fi
  more
done
[ -n "$seen" ] || fail 'no progress with files, bytes, rate and the time left was shown'
grep -aq 'copied ' shown || fail 'no summary was shown'
# The summary starts on a line that was cleared.
perl -0777 -ne 'exit !/\r\e\[Kcopied /' shown || fail 'a piece of progress is left'
rm -rf copy
script -qec "'$rouse' copy --quiet source copy" typescript >shown </dev/null
[ ! -s shown ] || fail "quiet, it printed: $(cat shown)"
rm -rf copy
expect 0 "$rouse" copy source copy
[ ! -s err ] || fail 'progress without a terminal'
