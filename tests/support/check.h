// Checks for tests, usable from any thread, task or callback: a failed one prints what was found
// and ends the process. (A jump out of a task's stack, or out of a running loop, would leave behind
// a state in which no further test means anything.)
#ifndef ROUSE_TESTS_CHECK_H
#define ROUSE_TESTS_CHECK_H

#include <rouse/rouse.h>

#define check(condition)                                                                           \
  ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, "is not so: " #condition))

// |actual| and |expected| are integers.
#define check_equal(actual, expected)                                                              \
  check_equal_at(__FILE__, __LINE__, #actual, (int64_t)(actual), (int64_t)(expected))

// |actual| and |expected| are result codes.
#define check_result(actual, expected)                                                             \
  check_result_at(__FILE__, __LINE__, #actual, (int64_t)(actual), (expected))

#define check_string(actual, expected)                                                             \
  check_string_at(__FILE__, __LINE__, #actual, (actual), (expected))

// A system call's result: prints errno if it is negative. Gives the result.
#define check_system(call) check_system_at(__FILE__, __LINE__, #call, (int64_t)(call))

_Noreturn void check_failed(const char *file, int line, const char *text);
void check_equal_at(const char *file, int line, const char *text, int64_t actual, int64_t expected);
void check_result_at(const char *file, int line, const char *text, int64_t actual, int expected);
void check_string_at(const char *file, int line, const char *text, const char *actual,
                     const char *expected);
int64_t check_system_at(const char *file, int line, const char *text, int64_t result);

// Called by a failing check, and by the watchdog, before the process ends: prints what helps.
// One at a time; NULL: none.
void check_on_failure(void (*print)(void));
void check_print_state(void);

#endif
