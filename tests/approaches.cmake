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

# What docs/research says of others' queues, shown on them. (Sanitizers do not follow inline
# assembler.)
find_path(CK_INCLUDE_DIR ck_fifo.h)
if(CK_INCLUDE_DIR AND NOT ROUSE_SANITIZE AND CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64 AND NOT WIN32)
  rouse_test_program(approach_evidence_ck_fifo approaches/evidence/ck_fifo.c)
  target_include_directories(approach_evidence_ck_fifo SYSTEM PRIVATE ${CK_INCLUDE_DIR})
  rouse_test(approach.evidence.ck_fifo approach approach_evidence_ck_fifo)
endif()
