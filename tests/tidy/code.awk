# Shared by the checks: report(), the position in the file, and code without comments.
#
# For each line, before the check's own rules:
#   code     the line without comments, and with the contents of strings and characters blanked
#   comment  the text of its comments

function report(line, text) {
  printf "%s:%d: %s\n", FILENAME, line, text
  failed = 1
}

# Splits |line|; |in_comment| carries over to the next.
function split_comments(line,   i, c, two, quote) {
  code = comment = ""
  for (i = 1; i <= length(line); i++) {
    c = substr(line, i, 1)
    two = substr(line, i, 2)
    if (in_comment) {
      if (two == "*/") { in_comment = 0; i++ } else comment = comment c
    } else if (quote != "") {
      if (c == "\\") i++
      else if (c == quote) { quote = ""; code = code c }
    } else if (two == "//") {
      comment = comment substr(line, i + 2)
      break
    } else if (two == "/*") {
      in_comment = 1
      i++
    } else {
      if (c == "\"" || c == "'") quote = c
      code = code c
    }
  }
}

FNR == 1 { in_comment = 0 }
FILENAME ~ /\.[ch]$/ { split_comments($0) }
END { if (failed) exit 1 }
