# Chromium without a screen: what ./dev and the test of the report have in common.
#
# chromium_run PROFILE ARGUMENT...: $CHROMIUM, or what is found, with a fresh profile in the directory PROFILE,
# nothing that goes to the network, and its own chatter kept apart from the page's messages.
chromium_program() {
  local name
  for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
    if [ -n "$name" ] && command -v "$name"; then return; fi
  done
  echo chromium
}

chromium_run() {
  local profile=$1
  shift
  rm -rf "$profile"
  timeout 120 "$(chromium_program)" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars \
    --user-data-dir="$profile" "$@"
}

# What makes a page believe that the system is dark or light.
chromium_theme() {
  case $1 in
    dark) echo --blink-settings=preferredColorScheme=0 ;;
    light) echo --blink-settings=preferredColorScheme=1 ;;
  esac
}
