# Sizes: files to 1,000 lines, functions to 100, lines of C to 100 columns.

function end_file() {
  if (file_name != "" && file_lines > 1000) {
    printf "%s:1: %d lines; 1000 are the most\n", file_name, file_lines
    failed = 1
  }
}

FNR == 1 {
  end_file()
  file_name = FILENAME
  begun = 0
}
{ file_lines = FNR }

FILENAME ~ /\.[ch]$/ {
  columns = $0
  gsub(/[\200-\277]/, "", columns)  # a character of several bytes is one column
  if (length(columns) > 100) report(FNR, length(columns) " columns; 100 are the most")

  # A function begins where a parameter list ends with an opening brace, outside any other.
  if (!begun && code ~ /\)[ \t]*\{[ \t]*$/ && code !~ /^[ \t]+(if|for|while|switch)/) begun = FNR
  if (begun && /^}/) {
    if (FNR - begun + 1 > 100) report(begun, "a function of " FNR - begun + 1 " lines; 100 are the most")
    begun = 0
  }
}

END {
  end_file()
  if (failed) exit 1
}
