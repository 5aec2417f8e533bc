# The libraries that the tool and the tests need on Windows, cross-built into a directory of our own:
# the distribution has their sources, and no packages for mingw.
#
# make_mingw_libraries fills $out/mingw-libraries with cJSON and cmocka, as static libraries. apt fetches
# the sources with a state of its own, from the mirrors that this system uses.

mingw_libraries=$out/mingw-libraries
mingw_prefix=x86_64-w64-mingw32

make_mingw_libraries() {
  [ -e "$mingw_libraries/complete" ] && return 0
  program apt-get || {
    echo "the sources of cJSON and cmocka can be fetched with apt only"
    return 1
  }
  rm -rf "$mingw_libraries"
  mkdir -p "$mingw_libraries"/apt/{lists/partial,cache/archives/partial,sources} \
    "$mingw_libraries"/{include/cjson,lib,source/cjson,source/cmocka}
  mingw_sources || return 1
  mingw_apt update || return 1
  (cd "$mingw_libraries/source" && mingw_apt source --download-only cjson cmocka) || return 1
  mingw_build_cjson || return 1
  mingw_build_cmocka || return 1
  rm -rf "$mingw_libraries/apt" "$mingw_libraries/source"
  : >"$mingw_libraries/complete"
}

mingw_sources() {
  local source
  for source in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ -s "$source" ] || continue
    # Only the distribution's own: others need not have sources.
    grep -Eq '(debian|ubuntu)\.(org|com)/' "$source" || continue
    sed -E -e 's/^Types:.*/Types: deb-src/' -e 's/^deb /deb-src /' "$source" \
      >"$mingw_libraries/apt/sources/$(basename "$source")"
  done
}

mingw_apt() {
  apt-get -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$mingw_libraries/apt/sources" \
    -o Dir::State::Lists="$mingw_libraries/apt/lists" -o Dir::Cache="$mingw_libraries/apt/cache" \
    -o APT::Sandbox::User="$(id -un)" -qq "$@"
}

# mingw_unpack NAME: the upstream sources into source/NAME.
mingw_unpack() {
  tar -xf "$mingw_libraries"/source/"$1"_*.orig.tar.?z -C "$mingw_libraries/source/$1" \
    --strip-components=1
}

# mingw_archive NAME FLAGS... FILES...: compiles and puts lib/libNAME.a together.
mingw_archive() {
  local name=$1
  shift
  (cd "$mingw_libraries/source/$name" && $mingw_prefix-gcc -O2 -c "$@" &&
    $mingw_prefix-ar rcs "$mingw_libraries/lib/lib$name.a" ./*.o)
}

mingw_build_cjson() {
  mingw_unpack cjson || return 1
  mingw_archive cjson -DCJSON_HIDE_SYMBOLS cJSON.c || return 1  # as a static library
  cp "$mingw_libraries/source/cjson/cJSON.h" "$mingw_libraries/include/cjson/"
}

mingw_build_cmocka() {
  mingw_unpack cmocka || return 1
  # What its own build would find out about mingw.
  mingw_archive cmocka -DHAVE_MALLOC_H -DHAVE_INTTYPES_H -DHAVE_SIGNAL_H -DHAVE_STRINGS_H \
    -DHAVE_GCC_THREAD_LOCAL_STORAGE -Iinclude src/cmocka.c || return 1
  cp "$mingw_libraries/source/cmocka/include/cmocka.h" "$mingw_libraries/include/"
}
