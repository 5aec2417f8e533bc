# What the shell tests share: scratch directories, checks, and a listing of a tree that two equal trees
# have in common. Source it from bash, as the first thing.
set -euo pipefail
export LC_ALL=C
rouse=${ROUSE_BIN:?ROUSE_BIN must name the rouse command}
support=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
self=$(cd "$(dirname "$0")" && pwd)/${0##*/}
# In memory where that is possible: what is tested is the tool and not the disk.
place=${TMPDIR:-/tmp}
if [ -z "${TMPDIR:-}" ] && [ "$(stat -fc %T /dev/shm 2>/dev/null)" = tmpfs ] && [ -w /dev/shm ] &&
  [ $(($(stat -fc '%a * %S' /dev/shm) / 1000000)) -gt 500 ]; then
  place=/dev/shm
fi
scratch=$(mktemp -d "$place/rouse-tool-XXXXXX")
leave=()
leave() {
  local command
  for command in "${leave[@]}"; do eval "$command"; done
  chmod -R u+rwx "$scratch" 2>/dev/null || true
  rm -rf "$scratch"
}
trap leave EXIT
cd "$scratch"

# at_exit COMMAND...: runs it when the test ends, however that is.
at_exit() { leave+=("$(printf '%q ' "$@")"); }

skip() {
  printf 'SKIP: %s\n' "$*"
  exit 77
}

# fail WHY: ends the test, with the last of what the command that was looked at has said.
fail() {
  local output
  for output in out err; do
    [ -s "$scratch/$output" ] || continue
    printf -- '--- the end of %s\n' "$output"
    tail -c 2000 "$scratch/$output"
  done >&2
  printf 'FAIL: %s\n' "$*" >&2
  exit 1
}

# expect STATUS COMMAND...: runs it with its output in the files out and err.
expect() {
  local wanted=$1 status=0
  shift
  "$@" >out 2>err || status=$?
  [ "$status" = "$wanted" ] || fail "status $status instead of $wanted: $*"
}

# said TEXT: the last command said it on standard error.
said() {
  grep -qF -- "$1" err || fail "standard error does not have: $1"
}

make_tree() { bash "$support/make_tree.sh" "$@"; }

# Every name below $1 with its type, mode, owner, times, size, target, and which names share an inode.
# Times of directories and links are in it; times of access are not, since reading changes them.
listing() {
  (cd "$1" && find . -printf '%i %n %y %m %U:%G %T@ %s %P\n%l\0') | perl -0 -e '
    my (%entry, %first);
    while (<STDIN>) {
      chomp;
      my ($inode, $links, $type, $rest, $size, $path) =
        /^(\d+) (\d+) (\w) (\S+ \S+ \S+) (\d+) (.*)$/s or die "odd line $_";
      $rest .= " $size" unless $type eq "d";
      $entry{$path} = [$inode, $type eq "d" ? 1 : $links, "$type $rest"];
    }
    for my $path (sort keys %entry) {
      my ($inode, $links, $rest) = @{$entry{$path}};
      my $same = $links > 1 ? ($first{$inode} //= $path) : "";
      print "$rest $path = $links $same\0";
    }' | tr '\n\0' '\001\n'
}

# same_tree LEFT RIGHT: names, attributes, contents, extended attributes, holes.
same_tree() {
  listing "$1" >left.list
  listing "$2" >right.list
  cmp -s left.list right.list || {
    diff left.list right.list | cut -c1-300 | head -20 >&2
    fail "the attributes of $1 and $2 differ"
  }
  # diff can't follow paths of any length: what is deep is compared by checksums, without paths.
  diff -r --no-dereference --exclude=deep --exclude=big "$1" "$2" >contents.diff 2>&1 || true
  # Pipes and devices can't be compared by contents.
  grep -vE '(fifo|special file)' contents.diff | head >&2 &&
    fail "the contents of $1 and $2 differ"
  local part
  for part in deep big; do
    [ -e "$1/$part" ] || continue
    (cd "$1/$part" && find . -type f -execdir cksum {} +) | sort >left.sums
    (cd "$2/$part" && find . -type f -execdir cksum {} +) | sort >right.sums
    cmp left.sums right.sums || fail "the contents of $1 and $2 differ in $part"
  done
  if command -v getfattr >/dev/null; then
    (cd "$1" && find . -path ./deep -prune -o -print0 | sort -z |
      xargs -0 getfattr -h -d -m - -e hex 2>/dev/null) >left.attributes || true
    (cd "$2" && find . -path ./deep -prune -o -print0 | sort -z |
      xargs -0 getfattr -h -d -m - -e hex 2>/dev/null) >right.attributes || true
    cmp left.attributes right.attributes || fail "the extended attributes of $1 and $2 differ"
  fi
  same_holes "$1" "$2"
}

# Whatever files $2 has of $1 are whole, and there are some; and nothing else is there.
all_whole() {
  find "$2" -path "$2/deep" -prune -o -path '*/sparse/*' -prune -o -type f -printf '%P\0' |
    perl -0 -e '
      sub whole { open my $h, "<", $_[0] or return undef; local $/; return scalar <$h> }
      my $count = 0;
      while (<STDIN>) {
        chomp;
        my ($left, $right) = (whole("$ARGV[0]/$_"), whole("$ARGV[1]/$_"));
        die "$_ is not whole\n" unless defined $left && defined $right && $left eq $right;
        $count++;
      }
      die "no file at all is there\n" unless $count' "$1" "$2" || fail "$2 has what is not whole"
  no_temporaries "$2"
}

# A sparse file's copy takes no more room than the file, give or take how the system rounds.
same_holes() {
  [ -d "$1/sparse" ] || return 0
  local file blocks copied
  for file in "$1"/sparse/*; do
    blocks=$(stat -c %b "$file")
    copied=$(stat -c %b "$2/sparse/${file##*/}")
    [ "$copied" -le $((blocks + 64)) ] || fail "the holes of $file were filled: $copied blocks"
  done
}

# No temporary file is left below $1.
no_temporaries() {
  local left
  left=$(find "$1" -name '.rouse-*' | head -3)
  [ -z "$left" ] || fail "temporary files are left: $left"
}

# The backends that work here.
backends() {
  local name
  for name in io_uring epoll poll; do
    if ROUSE_BACKEND=$name "$rouse" probe >/dev/null 2>&1; then echo "$name"; fi
  done
}
