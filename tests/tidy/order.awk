# ORDER: every ordered atomic operation names its partner, every relaxed one has a reason.
#
# An operation is a macro of base/atomics.h (the first file). On its line, or on one of the six above it,
# a comment has ORDER(tag) for an ordered one, RELAXED: for a relaxed one. A tag is found in two places at
# least, or its comment says that the kernel is the partner.

FNR == NR {
  if ($1 == "#define" && match($2, /^[a-z_0-9]+\(/)) {
    name = substr($2, 1, RLENGTH - 1)
    if (name ~ /_relaxed$/) relaxed[name] = 1
    else if (name ~ /_(acquire|release|acq_rel|seq_cst)$/) ordered[name] = 1
  }
  next
}

FNR == 1 { order_line = relaxed_line = -100; open = "" }

comment ~ /ORDER\([^)]*\)/ {
  order_line = FNR
  rest = comment
  open = ""
  while (match(rest, /ORDER\([^)]*\)/)) {
    tag = substr(rest, RSTART + 6, RLENGTH - 7)
    rest = substr(rest, RSTART + RLENGTH)
    places[tag]++
    if (!(tag in where)) { where[tag] = FILENAME; line_of[tag] = FNR }
    open = open " " tag
  }
}
comment ~ /RELAXED:/ { relaxed_line = FNR }

# The comment that a tag is in, to its end.
open != "" {
  if (order_line != FNR && (code ~ /[^ \t]/ || comment == "")) open = ""
  else if (comment ~ /kernel/) {
    count = split(open, tags, " ")
    for (i = 1; i <= count; i++) kernel[tags[i]] = 1
  }
}

{
  rest = code
  while (match(rest, /[A-Za-z_][A-Za-z_0-9]*[ \t]*\(/)) {
    name = substr(rest, RSTART, RLENGTH - 1)
    sub(/[ \t]+$/, "", name)
    rest = substr(rest, RSTART + RLENGTH)
    if (name in ordered && FNR - order_line > 6) {
      report(FNR, name "() without ORDER(tag): who is its partner?")
    }
    if (name in relaxed && FNR - relaxed_line > 6) {
      report(FNR, name "() without RELAXED: why may it be?")
    }
  }
}

END {
  for (name in ordered) operations++
  if (!operations) { print "order.awk: base/atomics.h defines no ordered operation"; failed = 1 }
  for (tag in places) {
    if (places[tag] < 2 && !(tag in kernel)) {
      printf "%s:%d: ORDER(%s) has no partner\n", where[tag], line_of[tag], tag
      failed = 1
    }
  }
  if (failed) exit 1
}
