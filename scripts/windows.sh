# Windows: cross-built by mingw-w64, run by Wine.
#
# Wine gets a directory of its own for what it takes for drive C:, so that nothing of the user's is
# touched; making it takes some seconds, once. Its server is kept running while the tests run, for each
# program would otherwise start and end one.

windows_needs="compiler cmake ninja make xz mingw"
wine_prefix=$out/wine
wine_environment=(-u DISPLAY "WINEPREFIX=$wine_prefix" WINEDEBUG=-all
  "WINEDLLOVERRIDES=mscoree,mshtml=;winemenubuilder.exe=")

# windows_settings: as lane_settings.
windows_settings() {
  wants="$windows_needs wine"
  configure=(-DCMAKE_BUILD_TYPE=Debug "-DCMAKE_C_FLAGS_DEBUG=-O1 -g" -DROUSE_TEST_TIMEOUT=600
    "-DROUSE_SYSROOT=$mingw_libraries" "-DCMAKE_TOOLCHAIN_FILE=$root/cmake/windows.cmake")
  environment=("${wine_environment[@]}" ROUSE_TEST_SLOWNESS=4
    ROUSE_STRESS_SECONDS=$(((${ROUSE_STRESS_SECONDS:-2} + 2) / 3)))
}

wine_start() {
  mkdir -p "$wine_prefix"
  env "${wine_environment[@]}" wineserver -p || return 1
  # Wine's own services come up with the first program and keep what that has for its output: a test that
  # is the first would seem to hang.
  local how=""
  [ -e "$wine_prefix/complete" ] || how=-i
  env "${wine_environment[@]}" timeout 300 wineboot $how || return 1
  : >"$wine_prefix/complete"
}

wine_end() { env "${wine_environment[@]}" wineserver -k || true; }

# The lane's test: the server is there before the first, and ends after the last.
windows_test() {
  if ! wine_start >"$logs/wine" 2>&1 </dev/null; then
    result "$name" failed wine "does not start; see $logs/wine"
    tail -n 20 "$logs/wine" >>"$failures"
    wine_end
    return
  fi
  lane_test "$@"
  wine_end
}

command_windows() {
  local dir=$out/windows
  need $windows_needs
  mkdir -p "$logs"
  make_mingw_libraries >"$logs/mingw" 2>&1 </dev/null || {
    tail -n 20 "$logs/mingw" >&2
    die "the libraries that the rouse command needs could not be built; all of it is in $logs/mingw"
  }
  build "$dir" -DCMAKE_BUILD_TYPE=RelWithDebInfo "-DCMAKE_TOOLCHAIN_FILE=$root/cmake/windows.cmake" \
    "-DROUSE_SYSROOT=$mingw_libraries" "-DCMAKE_INSTALL_PREFIX=$dir/rouse"
  cmake --install "$dir" >>"$logs/windows.build" 2>&1 ||
    die "the result could not be put together; all of it is in $logs/windows.build"
  say "built for 64-bit Windows:"
  (cd "$dir/rouse" && find bin lib -type f \( -name '*.exe' -o -name '*.dll' -o -name '*.a' \) | sort |
    sed "s|^|  $dir/rouse/|")
}
