# ./dev compare: the ways to wake a waiter, measured; and what the documents have of it.

# screenshot PAGE FILE: the head of the page and its first plots, without the tables before them.
screenshot() {
  local short=$out/compare/short.html
  . "$root/scripts/chromium.sh"
  sed 's|</head>|<style>nav, #matrix, #approaches { display: none; }</style></head>|' "$1" >"$short"
  rm -f "$2"
  if ! chromium_run "$out/chromium" "$(chromium_theme light)" --window-size=1200,1400 --screenshot="$2" \
      "file://$short" >"$logs/screenshot" 2>&1 || [ ! -s "$2" ]; then
    tail -n 5 "$logs/screenshot" >&2
    die "the browser took no screenshot; all of it is in $logs/screenshot"
  fi
}

command_compare() {
  local research=$root/docs/research tool=$out/compare/tools/rouse wants="" page=$out/compare/report.html
  case ${1:-} in
    --docs | --screenshot) wants=chromium ;;
  esac
  need compiler cmake ninja pkg-config liburing cjson nsync urcu $wants
  build "$out/compare" -DCMAKE_BUILD_TYPE=Release -DROUSE_TOOLS=ON -DROUSE_EXAMPLES=OFF
  case ${1:-} in
    --docs)
      shift
      mkdir -p "$research"
      "$tool" compare --html "$page" --markdown "$out/compare/figures.md" "$@"
      cp "$out/compare/figures.md" "$research/figures.md"
      screenshot "$page" "$research/compare.png"
      say "written: docs/research/figures.md, docs/research/compare.png; the page is $page"
      ;;
    --screenshot)
      shift
      "$tool" compare --html "$page" "$@" >/dev/null
      screenshot "$page" "$research/compare.png"
      say "written: docs/research/compare.png"
      ;;
    *) exec "$tool" compare "$@" ;;
  esac
}
