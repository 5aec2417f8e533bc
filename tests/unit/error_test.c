// The list of result codes: names, messages, and the way in from the system's errors.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../support/support.h"

static const struct {
  int code, value, error;
  const char *name, *text;
} codes[] = {
#ifdef _WIN32
#define OF_SYSTEM(error, windows) windows
#else
#define OF_SYSTEM(error, windows) error
#endif
#define CODE(name, value, error, windows, text)                                                    \
  {ROUSE_##name, value, OF_SYSTEM(error, windows), "ROUSE_" #name, text},
    ROUSE_ERROR_LIST(CODE)
#undef CODE
};
enum { CODES = sizeof codes / sizeof *codes };

static void codes_are_negative_and_each_is_there_once(void **state) {
  (void)state;
  for (int i = 0; i < CODES; i++) {
    check(codes[i].code < 0);
    check_equal(codes[i].code, codes[i].value);
    for (int j = 0; j < i; j++) {
      check(codes[i].code != codes[j].code);
      check(strcmp(codes[i].text, codes[j].text) != 0);
      if (codes[i].error) check(codes[i].error != codes[j].error);
    }
  }
}

// A released code's value never changes. These are samples of the whole list's order.
static void codes_keep_their_values(void **state) {
  (void)state;
  check_equal(ROUSE_DONE, 0);
  check_equal(ROUSE_PENDING, 1);
  check_equal(ROUSE_ECANCELED, -1);
  check_equal(ROUSE_ETIMEDOUT, -2);
  check_equal(ROUSE_ECLOSED, -3);
  check_equal(ROUSE_ENOLOOP, -9);
  check_equal(ROUSE_ENOENT, -16);
  check_equal(ROUSE_ECONNREFUSED, -51);
  check_equal(ROUSE_ENOTTY, -65);
  check_equal(ROUSE_EUNKNOWN, -99);
}

static void each_code_has_its_name_and_a_sentence(void **state) {
  (void)state;
  for (int i = 0; i < CODES; i++) {
    check_string(rouse_error_name(codes[i].code), codes[i].name);
    const char *text = rouse_error_message(codes[i].code);
    check_string(text, codes[i].text);
    check(strlen(text) > 5);
    check(text[strlen(text) - 1] != '.');
  }
}

static void successes_are_no_errors(void **state) {
  (void)state;
  static const int successes[] = {ROUSE_DONE, ROUSE_PENDING, 42, INT_MAX};
  for (size_t i = 0; i < sizeof successes / sizeof *successes; i++) {
    check_string(rouse_error_name(successes[i]), "ROUSE_OK");
    check_string(rouse_error_message(successes[i]), "success");
  }
}

static void unknown_codes_say_so(void **state) {
  (void)state;
  static const int unknown[] = {-66, -98, -100, -4711, INT_MIN};
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
    check_string(rouse_error_name(unknown[i]), "ROUSE_E?");
    check(strstr(rouse_error_message(unknown[i]), "unknown"));
  }
}

static void errors_of_the_system_have_their_codes(void **state) {
  (void)state;
  for (int i = 0; i < CODES; i++) {
    if (codes[i].error) check_result(rouse_error_from_system(codes[i].error), codes[i].code);
  }
#ifndef _WIN32  // windows_test has what maps there besides the list
  check_result(rouse_error_from_system(ENOENT), ROUSE_ENOENT);
  check_result(rouse_error_from_system(EWOULDBLOCK), ROUSE_EAGAIN);
  check_result(rouse_error_from_system(ENOTSUP), ROUSE_ENOTSUP);
#endif
  check_equal(rouse_error_from_system(0), 0);
}

static void errors_without_a_code_are_unknown_and_still_failures(void **state) {
  (void)state;
  static const int strange[] = {99999, EILSEQ, INT_MAX};
  for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
    check_result(rouse_error_from_system(strange[i]), ROUSE_EUNKNOWN);
  }
  // Whatever the system says, a failure is a failure and has a text.
  for (int error = 1; error < 600; error++) {
    int code = rouse_error_from_system(error);
    check(code < 0);
    check(strcmp(rouse_error_name(code), "ROUSE_E?") != 0);
  }
}

static void errno_is_never_set(void **state) {
  (void)state;
  errno = 4711;
  for (int code = -200; code < 10; code++) {
    rouse_error_message(code);
    rouse_error_name(code);
    if (code > 0) rouse_error_from_system(code);
  }
  check_equal(errno, 4711);
}

int main(void) {
  const struct CMUnitTest claims[] = {
      cmocka_unit_test(codes_are_negative_and_each_is_there_once),
      cmocka_unit_test(codes_keep_their_values),
      cmocka_unit_test(each_code_has_its_name_and_a_sentence),
      cmocka_unit_test(successes_are_no_errors),
      cmocka_unit_test(unknown_codes_say_so),
      cmocka_unit_test(errors_of_the_system_have_their_codes),
      cmocka_unit_test(errors_without_a_code_are_unknown_and_still_failures),
      cmocka_unit_test(errno_is_never_set),
  };
  return cmocka_run_group_tests(claims, NULL, NULL);
}
