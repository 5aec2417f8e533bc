# The backend "kqueue", where there is none: compiled against the header in shim/, and run through the
# conformance suite over an imitation of its calls, as conformance.<file>@kqueue-shim. What that shows
# is that the file compiles and does right by what the manual says, not that it runs on a BSD.

add_library(rouse_kqueue OBJECT
  shim/kqueue.c
  ${PROJECT_SOURCE_DIR}/src/backend/poll/kqueue.c
  # In place of the library's, which does not have it in its list.
  ${PROJECT_SOURCE_DIR}/src/runtime/backends.c)
target_include_directories(rouse_kqueue PRIVATE
  shim ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(rouse_kqueue PRIVATE ROUSE_HAVE_KQUEUE _GNU_SOURCE)
target_link_libraries(rouse_kqueue PRIVATE rouse_flags)

file(GLOB sources CONFIGURE_DEPENDS conformance/*.c)
foreach(source ${sources})
  get_filename_component(name ${source} NAME_WE)
  rouse_test_program(kqueue_${name} ${source})
  target_sources(kqueue_${name} PRIVATE $<TARGET_OBJECTS:rouse_kqueue>)
  set(test conformance.${name}@kqueue-shim)
  rouse_test(${test} conformance kqueue_${name})
  set_property(TEST ${test} PROPERTY ENVIRONMENT
    ROUSE_BACKEND=kqueue ROUSE_CONFIGURATION=kqueue-shim)
endforeach()

foreach(name poll_test)
  rouse_test_program(kqueue_${name} unit/${name}.c)
  target_sources(kqueue_${name} PRIVATE $<TARGET_OBJECTS:rouse_kqueue>)
  target_compile_definitions(kqueue_${name} PRIVATE ROUSE_HAVE_KQUEUE)
  rouse_test(unit.${name}@kqueue-shim unit kqueue_${name})
endforeach()
