// Results of system calls as the library's.
#ifndef ROUSE_TOOL_LINUX_RESULT_H
#define ROUSE_TOOL_LINUX_RESULT_H

#include <errno.h>
#include <rouse/errors.h>
#include <stdint.h>

// |result| of a system call: itself, or the library's code for errno.
static inline int64_t system_result(int64_t result) {
  return result < 0 ? rouse_error_from_system(errno) : result;
}

#endif
