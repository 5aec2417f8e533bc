# From the JUnit file of one lane to one line per test:  lane <tab> status <tab> test <tab> reason
#
# status: passed, failed, skipped. A test function that a program skips counts as a skip of its own.
# Use: awk -v lane=NAME -v failures=FILE -f results.awk ctest.log file.xml
# What failed tests printed goes to |failures|. Why a test failed only ctest's own summary says.

function unescaped(text) {
  gsub(/&lt;/, "<", text)
  gsub(/&gt;/, ">", text)
  gsub(/&quot;/, "\"", text)
  gsub(/&apos;/, "'", text)
  gsub(/&amp;/, "\\&", text)
  return text
}

function attribute(line, name) {
  if (!match(line, "[ \t]" name "=\"[^\"]*\"")) return ""
  return unescaped(substr(line, RSTART + length(name) + 3, RLENGTH - length(name) - 4))
}

function emit(status, name, reason) {
  gsub(/[\t\n]/, " ", reason)
  printf "%s\t%s\t%s\t%s\n", lane, status, name, reason
}

function begin(line) {
  test = attribute(line, "name")
  state = attribute(line, "status")
  message = reason = ""
  lines = skips = 0
  listed = 0
}

# A line that the test printed.
function take(line) {
  line = unescaped(line)
  printed[lines++] = line
  if (line ~ /^SKIP:/) {
    reason = line
    sub(/^SKIP:[ \t]*/, "", reason)
  }
  if (line ~ /^\[  SKIPPED \] .*listed below/) listed = 1
  if (line ~ /^\[  SKIPPED \]/ && !listed) {
    skip_name[skips] = substr(line, 14)
    skip_reason[skips++] = reason
    reason = ""
  }
}

function finish(   i, from) {
  for (i = 0; i < skips; i++) {
    emit("skipped", test "/" skip_name[i], skip_reason[i] == "" ? "gave no reason" : skip_reason[i])
  }
  if (state == "run") {
    emit("passed", test, "")
  } else if (state == "notrun" && message ~ /^SKIP_/) {
    emit("skipped", test, reason == "" ? "gave no reason" : reason)
  } else {
    if (test in why) message = why[test]
    emit("failed", test, message == "" ? "failed" : message)
    printf "\n--- %s: %s: %s\n", lane, test, message == "" ? "failed" : message >failures
    from = lines > 80 ? lines - 80 : 0
    if (from) printf "(%d lines before these)\n", from >failures
    for (i = from; i < lines; i++) print printed[i] >failures
  }
}

# "  3 - unit.name (Timeout)"
FNR == NR {
  if (match($0, /^[ \t]+[0-9]+ - [^ ]+ \(.*\)$/)) {
    text = $0
    sub(/^.*\(/, "", text)
    sub(/\)$/, "", text)
    why[$3] = text
  }
  next
}

inside {
  text = $0
  if (index(text, "</system-out>")) {
    sub(/<\/system-out>.*/, "", text)
    inside = 0
  }
  take(text)
  next
}

/<testcase / { begin($0) }
/<(failure|skipped) / { message = attribute($0, "message") }

/<system-out>/ {
  text = $0
  sub(/.*<system-out>/, "", text)
  if (index(text, "</system-out>")) {
    sub(/<\/system-out>.*/, "", text)
  } else {
    inside = 1
  }
  take(text)
}

/<\/testcase>/ { finish() }
