# The conformance suite: each program once for each configuration in conformance/backends.txt, as
# conformance.<file>@<configuration>.

file(GLOB sources CONFIGURE_DEPENDS conformance/*.c)

# What has no meaning on this system: skip_reason_<file> says why.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
  ${CMAKE_CURRENT_SOURCE_DIR}/conformance/skips.txt)
file(STRINGS conformance/skips.txt skips REGEX "^[a-z]")
foreach(skip ${skips})
  if(NOT skip MATCHES "^([^|]+)[|]([^|]+)[|] *([^|]+)$")
    message(FATAL_ERROR "conformance/skips.txt: not a row of three columns: ${skip}")
  endif()
  string(STRIP "${CMAKE_MATCH_1}" name)
  string(STRIP "${CMAKE_MATCH_2}" systems)
  set(reason "${CMAKE_MATCH_3}")
  if(CMAKE_SYSTEM_NAME MATCHES "^(${systems})$")
    list(REMOVE_ITEM sources ${CMAKE_CURRENT_SOURCE_DIR}/conformance/${name}.c)
    list(APPEND skipped ${name})
    set(skip_reason_${name} "${reason}")
  endif()
endforeach()

foreach(source ${sources})
  get_filename_component(name ${source} NAME_WE)
  rouse_test_program(conformance_${name} ${source})
endforeach()

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
  ${CMAKE_CURRENT_SOURCE_DIR}/conformance/backends.txt)
file(STRINGS conformance/backends.txt rows REGEX "^[a-z]")

foreach(row ${rows})
  if(NOT row MATCHES "^([^|]+)[|]([^|]*)[|]([^|]*)$")
    message(FATAL_ERROR "conformance/backends.txt: not a row of three columns: ${row}")
  endif()
  string(STRIP "${CMAKE_MATCH_1}" configuration)
  string(STRIP "${CMAKE_MATCH_2}" environment)
  string(STRIP "${CMAKE_MATCH_3}" wrapper)
  string(REPLACE " " ";" environment "${environment}")
  string(REPLACE " " ";" wrapper "${wrapper}")

  # Each system has its own backends.
  if(WIN32 AND NOT configuration MATCHES "^iocp" OR NOT WIN32 AND configuration MATCHES "^iocp")
    continue()
  endif()
  # Without the io_uring backend there is nothing to degrade, and nothing to refuse.
  if(NOT ROUSE_IO_URING AND (configuration MATCHES "^io_uring" OR wrapper MATCHES "^refuse"))
    continue()
  endif()
  if(wrapper)
    list(POP_FRONT wrapper program)
    if(sources AND NOT TARGET ${program})
      message(SEND_ERROR "conformance/backends.txt: no program ${program} for ${configuration}")
      continue()
    endif()
    list(PREPEND wrapper $<TARGET_FILE:${program}>)
  endif()

  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    set(command conformance_${name})  # by its target's name, so that an emulator is put before it
    if(wrapper)
      set(command ${wrapper} $<TARGET_FILE:conformance_${name}>)
    endif()
    set(test conformance.${name}@${configuration})
    rouse_test(${test} conformance ${command})
    set_property(TEST ${test} PROPERTY ENVIRONMENT ${environment} ROUSE_CONFIGURATION=${configuration})
  endforeach()

  foreach(name ${skipped})
    set(test conformance.${name}@${configuration})
    rouse_test(${test} conformance ${CMAKE_COMMAND} "-DREASON=${skip_reason_${name}}"
      -P ${CMAKE_CURRENT_SOURCE_DIR}/support/skip.cmake)
    set_property(TEST ${test} PROPERTY SKIP_REGULAR_EXPRESSION "SKIP:")
  endforeach()
endforeach()
