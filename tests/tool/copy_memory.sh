#!/usr/bin/env bash
# Where memory is short a copy ends in good order: whole files, no temporary ones, and a message.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

(ulimit -v 200000 && "$rouse" --version >/dev/null 2>&1) || skip 'address space can not be limited here'
mkdir source
perl -e 'my $long = "d" x 200; mkdir "source/$long$_" or die for 1 .. 3000'
head -c 400000 /dev/urandom >source/f1
for f in {2..80}; do cp source/f1 source/f$f; done

# From too little to begin at all to enough, so that it runs out in all sorts of places.
met=0 done=0
for backend in $(backends); do
  for megabytes in $(seq 8 4 120); do
    rm -rf copy
    status=0
    (
      ulimit -v $((megabytes * 1024))
      exec timeout 60 "$rouse" copy --backend "$backend" --loops 2 source copy
    ) >out 2>err || status=$?
    case $status in
      0) done=$((done + 1)) ;;
      1) grep -q 'out of memory' err || fail "with $megabytes MB it failed otherwise: $(tail -2 err)" ;;
      *) [ ! -e copy ] || fail "with $megabytes MB: status $status $(tail -2 err)" ;;
    esac
    [ -e copy ] || continue
    no_temporaries copy
    for file in copy/f*; do
      [ ! -e "$file" ] || cmp source/f1 "$file"
    done
    [ $status = 0 ] || met=$((met + 1))
  done
done
[ $met -gt 0 ] || fail 'no copy ran out of memory half-way'
[ $done -gt 0 ] || fail 'no copy had enough memory'
