// The failing side of the checks.
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seed.h"

static void (*print_state)(void);

void check_on_failure(void (*print)(void)) {
  __atomic_store_n(&print_state, print, __ATOMIC_RELEASE);
}

void check_print_state(void) {
  seed_print();
  void (*print)(void) = __atomic_exchange_n(&print_state, NULL, __ATOMIC_ACQ_REL);
  if (print) print();
}

_Noreturn void check_failed(const char *file, int line, const char *text) {
  fprintf(stderr, "%s:%d: %s\n", file, line, text);
  check_print_state();
  fflush(NULL);
  abort();
}

void check_equal_at(const char *file, int line, const char *text, int64_t actual,
                    int64_t expected) {
  if (actual == expected) return;
  char found[400];
  snprintf(found, sizeof found, "%s is %lld, expected %lld", text, (long long)actual,
           (long long)expected);
  check_failed(file, line, found);
}

void check_result_at(const char *file, int line, const char *text, int64_t actual, int expected) {
  if (actual == expected) return;
  char found[400];
  snprintf(found, sizeof found, "%s is %lld (%s), expected %d (%s)", text, (long long)actual,
           rouse_error_name(actual < 0 ? (int)actual : 0), expected, rouse_error_name(expected));
  check_failed(file, line, found);
}

void check_string_at(const char *file, int line, const char *text, const char *actual,
                     const char *expected) {
  if (actual && expected && strcmp(actual, expected) == 0) return;
  char found[600];
  snprintf(found, sizeof found, "%s is \"%.200s\", expected \"%.200s\"", text,
           actual ? actual : "(null)", expected ? expected : "(null)");
  check_failed(file, line, found);
}

int64_t check_system_at(const char *file, int line, const char *text, int64_t result) {
  if (result >= 0) return result;
  char found[400];
  snprintf(found, sizeof found, "%s failed: %s", text, strerror(errno));
  check_failed(file, line, found);
}
