# The libraries that the tool and the tests need on Windows, cross-built into a directory of our own:
# the distribution has their sources, and no packages for mingw.
#
# make_mingw_libraries fills $out/mingw-libraries with cJSON and cmocka, as static libraries, made of the
# distribution's sources (source_of in sysroot.sh).

mingw_libraries=$out/mingw-libraries
mingw_prefix=x86_64-w64-mingw32

make_mingw_libraries() {
  [ -e "$mingw_libraries/complete" ] && return 0
  source_of cjson && source_of cmocka || return 1
  rm -rf "$mingw_libraries"
  mkdir -p "$mingw_libraries"/{include/cjson,lib,source}
  cp -r "$sources/cjson" "$sources/cmocka" "$mingw_libraries/source/" || return 1
  mingw_build_cjson || return 1
  mingw_build_cmocka || return 1
  rm -rf "$mingw_libraries/source"
  : >"$mingw_libraries/complete"
}

# mingw_archive NAME FLAGS... FILES...: compiles and puts lib/libNAME.a together.
mingw_archive() {
  local name=$1
  shift
  (cd "$mingw_libraries/source/$name" && $mingw_prefix-gcc -O2 -c "$@" &&
    $mingw_prefix-ar rcs "$mingw_libraries/lib/lib$name.a" ./*.o)
}

mingw_build_cjson() {
  mingw_archive cjson -DCJSON_HIDE_SYMBOLS cJSON.c || return 1  # as a static library
  cp "$mingw_libraries/source/cjson/cJSON.h" "$mingw_libraries/include/cjson/"
}

mingw_build_cmocka() {
  # What its own build would find out about mingw.
  mingw_archive cmocka -DHAVE_MALLOC_H -DHAVE_INTTYPES_H -DHAVE_SIGNAL_H -DHAVE_STRINGS_H \
    -DHAVE_GCC_THREAD_LOCAL_STORAGE -Iinclude src/cmocka.c || return 1
  cp "$mingw_libraries/source/cmocka/include/cmocka.h" "$mingw_libraries/include/"
}
