# Writes C source in which files are arrays of characters that end with 0.
#   cmake -DOUT=FILE -DIN=FILE;... -DNAMES=NAME;... -P embed.cmake
set(text "// Made by the build.\n#include \"page_parts.h\"\n")
foreach(file name IN ZIP_LISTS IN NAMES)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
  string(APPEND text "const char ${name}[] = {\n${bytes}0};\n")
endforeach()
file(WRITE ${OUT} "${text}")
