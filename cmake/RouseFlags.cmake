# rouse_flags: what everything in this tree is compiled with. It is not passed on to users.

add_library(rouse_flags INTERFACE)

target_compile_options(rouse_flags INTERFACE -Wall -Wextra -Wpedantic
  $<$<BOOL:${ROUSE_WERROR}>:-Werror>)

if(WIN32)
  target_compile_definitions(rouse_flags INTERFACE
    _WIN32_WINNT=0x0A00       # what is newer than Windows 8 is looked up at run time all the same
    WIN32_LEAN_AND_MEAN NOMINMAX
    __USE_MINGW_ANSI_STDIO=1)  # printf as everywhere else
endif()
if(ROUSE_UCONTEXT)
  target_compile_definitions(rouse_flags INTERFACE ROUSE_CONTEXT_UCONTEXT=1)
endif()
if(ROUSE_IO_URING)
  target_compile_definitions(rouse_flags INTERFACE ROUSE_HAVE_IO_URING=1)
endif()

if(ROUSE_SANITIZE)
  set(sanitize -fsanitize=${ROUSE_SANITIZE} -fno-omit-frame-pointer)
  if(ROUSE_SANITIZE MATCHES "undefined")
    list(APPEND sanitize -fno-sanitize-recover=undefined)
  endif()
  target_compile_options(rouse_flags INTERFACE ${sanitize})
  target_link_options(rouse_flags INTERFACE ${sanitize})
endif()
