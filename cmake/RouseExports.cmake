# rouse_write_exports(FILE): the names that the public headers declare with ROUSE_API, as a module definition
# file for the linker of a DLL.

function(rouse_write_exports file)
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/rouse/*.h)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${headers})
  set(text "EXPORTS\n")
  foreach(header ${headers})
    file(READ ${header} content)
    string(REGEX REPLACE "//[^\n]*" "" content "${content}")
    string(REGEX MATCHALL "\nROUSE_API[^(;]*[(;]" declarations "${content}")
    foreach(declaration ${declarations})
      string(REGEX MATCH "rouse_[a-z0-9_]+[ \n]*[(;]$" name "${declaration}")
      string(REGEX REPLACE "[ \n]*[(;]$" "" name "${name}")
      string(APPEND text "  ${name}\n")
    endforeach()
  endforeach()
  file(CONFIGURE OUTPUT ${file} CONTENT "${text}" @ONLY)
endfunction()
