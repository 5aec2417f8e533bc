#!/bin/sh
# Plants each bug of the list in a copy of src/sync, builds the model programs with it, and wants
# one of them to fail. Prints a table: the bug, the program that catches it, and how.
#
#   mutations.sh LIST SOURCE_DIR WORK_DIR COMPILER "FLAGS" "LINK_FLAGS" CONFIGURATION… [-- NAME…]
#
# CONFIGURATION: rounds,budget=archive of a model executable; see CMakeLists.txt. A bug need be caught
# in one of them only. NAME: only these mutations.
set -u
export LC_ALL=C
list=$1 source=$2 work=$3 compiler=$4 flags=$5 link=$6
shift 6
configurations=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  configurations="$configurations $1"
  shift
done
[ $# -gt 0 ] && shift

rm -rf "$work"
mkdir -p "$work/lines"
# One directory for each mutation, with its sed lines.
awk -v work="$work/lines" '
  /^== / { name = $2; file = work "/" name; print $3 > file; next }
  /^#/ || /^$/ || name == "" { next }
  { print > file }
' "$list"

# Prints what the first failing program says, and succeeds, if the bug is caught.
try() { # name rounds budget archive
  mkdir -p "$work/$1/$2"
  for unit in $units; do
    # shellcheck disable=SC2086
    $compiler $flags -I"$work/$1" -I"$source" -DROUSE__ROUNDS_MAX="$2" -DROUSE__PASS_BUDGET="$3" \
      -c "$unit" -o "$work/$1/$2/$(basename "$unit").o" > "$work/$1/log" 2>&1 || return 2
  done
  # shellcheck disable=SC2086
  $compiler $link "$work/$1/$2"/*.o "$4" -o "$work/$1/$2/run" > "$work/$1/log" 2>&1 || return 2
  "$work/$1/$2/run" --quiet --stop 2>&1 && return 1
  return 0
}

caught=0 missed=0
for lines in "$work"/lines/*; do
  name=$(basename "$lines")
  case " $* " in "  " | *" $name "*) ;; *) continue ;; esac
  file=$(head -n 1 "$lines")
  mkdir -p "$work/$name"
  cp -r "$source/sync" "$work/$name/sync"
  sed 1d "$lines" > "$work/$name/script"
  while IFS= read -r line; do
    sed -E "$line" "$work/$name/sync/$file" > "$work/$name/changed"
    if cmp -s "$work/$name/changed" "$work/$name/sync/$file"; then
      printf 'OUT OF DATE  %s: does not change %s: %s\n' "$name" "$file" "$line"
      missed=$((missed + 1))
      continue 2
    fi
    mv "$work/$name/changed" "$work/$name/sync/$file"
  done < "$work/$name/script"
  units=$work/$name/sync/$file  # of the rest the archive has the original
  case $file in *.h) units=$work/$name/sync/*.c ;; esac
  result=1
  for configuration in $configurations; do
    archive=${configuration#*=} numbers=${configuration%%=*}
    by=$(try "$name" "${numbers%,*}" "${numbers#*,}" "$archive")
    result=$?
    [ $result -eq 1 ] || break
  done
  if [ $result -eq 0 ]; then
    program=$(echo "$by" | sed -n 's/^FAILED *\([^:]*\):.*/\1/p')
    how=$(echo "$by" | sed -n 2p | cut -c 3-100)
    printf 'ok           %-38s %-50s %s\n' "$name" "$program" "$how"
    caught=$((caught + 1))
  elif [ $result -eq 1 ]; then
    echo "NOT CAUGHT   $name"
    missed=$((missed + 1))
  else
    echo "NOT BUILT    $name"
    sed 's/^/             /' "$work/$name/log" | head -n 10
    missed=$((missed + 1))
  fi
  rm -rf "${work:?}/$name"
done
echo "$caught bugs caught, $missed not"
[ "$missed" -eq 0 ] && [ "$caught" -gt 0 ]
