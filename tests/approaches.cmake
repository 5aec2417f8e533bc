# The approaches of the lab: each program in tests/approaches once for each approach that this build
# has, as approach.<approach>.<program>.

file(GLOB sources CONFIGURE_DEPENDS approaches/*.c)
list(FILTER sources EXCLUDE REGEX "/under_test\\.c$")
get_property(names GLOBAL PROPERTY ROUSE_APPROACHES)
foreach(source ${sources})
  get_filename_component(name ${source} NAME_WE)
  rouse_test_program(approach_${name} ${source})
  target_sources(approach_${name} PRIVATE approaches/under_test.c)
  target_link_libraries(approach_${name} PRIVATE rouse_approaches)
  foreach(approach ${names})
    rouse_test(approach.${approach}.${name} approach approach_${name} ${approach})
  endforeach()
endforeach()
