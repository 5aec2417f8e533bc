# From results (lane <tab> status <tab> test <tab> reason) to the conformance suite's table in Markdown: a row
# per system and configuration, a column per program. Lanes of one system share a row: FAIL if any of them
# failed, skip if all skipped, else pass. What is not as it should be has a note.

function system_of(lane,   part) {
  if (lane ~ /^(gcc|clang)-/) return "1 Linux"
  if (lane == "musl") return "2 Linux, musl"
  if (lane == "i386") return "3 Linux, i386"
  if (lane == "aarch64") return "4 Linux, AArch64 (qemu-user)"
  if (lane == "riscv64") return "5 Linux, RISC-V (qemu-user)"
  if (lane ~ /^windows/) return "6 Windows (Wine)"
  if (lane ~ /^kernel-/) {
    split(lane, part, "-")
    return "7 Linux " part[2] ", " (part[3] == "amd64" ? "x86-64" : "AArch64") " (qemu-system)"
  }
  return "8 " lane
}

function note_of(text) {
  if (!(text in notes)) {
    notes[text] = ++note_count
    note_text[note_count] = text
  }
  return notes[text]
}

function add_note(cell, text,   number) {
  number = note_of(text)
  if (!((cell, number) in noted)) {
    noted[cell, number] = 1
    marks[cell] = marks[cell] (marks[cell] == "" ? "" : ",") number
  }
}

BEGIN { FS = "\t" }

$3 ~ /^conformance\./ {
  rest = substr($3, 13)
  at = index(rest, "@")
  if (!at) next
  program = substr(rest, 1, at - 1)
  configuration = substr(rest, at + 1)
  claim = ""
  if ((slash = index(configuration, "/")) > 0) {
    claim = substr(configuration, slash + 1)
    configuration = substr(configuration, 1, slash - 1)
  }
  row = system_of($1) SUBSEP configuration
  if (!(row in row_number)) {
    row_number[row] = ++row_count
    rows[row_count] = row
  }
  if (!(program in seen)) {
    seen[program] = 1
    for (i = ++program_count; i > 1 && programs[i - 1] > program; i--) programs[i] = programs[i - 1]
    programs[i] = program
  }
  cell = row SUBSEP program
  if (claim != "") {
    add_note(cell, "`" claim "`" ($2 == "failed" ? " failed: " : " skipped: ") $4)
    if ($2 == "failed") state[cell] = "FAIL"
    next
  }
  if ($2 == "failed") {
    state[cell] = "FAIL"
    add_note(cell, "failed in lane " $1 ": " $4)
  } else if ($2 == "skipped") {
    if (state[cell] == "") state[cell] = "skip"
    add_note(cell, "skipped: " $4)
  } else if (state[cell] != "FAIL") {
    state[cell] = "pass"
  }
  next
}

# A lane that did not come as far as its tests.
$2 == "failed" && $3 !~ /\./ { broken[++broken_count] = $1 ": " $3 ": " $4 }

function padded(text, width) {
  while (length(text) < width) text = text " "
  return text
}

# Rows by system, then in the order in which they came.
function sort_rows(   i, j, held) {
  for (i = 2; i <= row_count; i++) {
    held = rows[i]
    for (j = i; j > 1 && substr(rows[j - 1], 1, index(rows[j - 1], SUBSEP) - 1) \
        > substr(held, 1, index(held, SUBSEP) - 1); j--) rows[j] = rows[j - 1]
    rows[j] = held
  }
}

END {
  sort_rows()
  for (r = 1; r <= row_count; r++) {
    split(rows[r], part, SUBSEP)
    text[r, 1] = substr(part[1], 3)
    text[r, 2] = part[2]
    for (p = 1; p <= program_count; p++) {
      cell = rows[r] SUBSEP programs[p]
      text[r, p + 2] = (state[cell] == "" ? "-" : state[cell]) (marks[cell] == "" ? "" : " [" marks[cell] "]")
      if (state[cell] == "") absent = 1
    }
  }
  text[0, 1] = "system"
  text[0, 2] = "configuration"
  for (p = 1; p <= program_count; p++) text[0, p + 2] = programs[p]
  for (c = 1; c <= program_count + 2; c++) {
    for (r = 0; r <= row_count; r++) if (length(text[r, c]) > width[c]) width[c] = length(text[r, c])
  }
  for (r = 0; r <= row_count; r++) {
    line = "|"
    for (c = 1; c <= program_count + 2; c++) line = line " " padded(text[r, c], width[c]) " |"
    print line
    if (r == 0) {
      line = "|"
      for (c = 1; c <= program_count + 2; c++) {
        dashes = padded("", width[c] + 2)
        gsub(/ /, "-", dashes)
        line = line dashes "|"
      }
      print line
    }
  }
  if (note_count || broken_count || absent) print ""
  for (i = 1; i <= note_count; i++) printf "* [%d] %s\n", i, note_text[i]
  if (absent) print "* `-`: there is no such program on that system"
  for (i = 1; i <= broken_count; i++) print "* lane " broken[i]
}
