// Which backend a loop gets: by default, by name, and what a refusal is called. Run with io_uring
// refused by the kernel (wrapper "refuse"), by the environment, and not at all.
#include <stdlib.h>
#include <string.h>

#include "../support/backends.h"
#include "../support/conformance.h"

static const char *configuration;

// With what the system refuses io_uring in this configuration; 0: not by the wrapper.
static int wrapped_refusal(void) {
  if (!strcmp(configuration, "refused-eperm")) return ROUSE_EPERM;
  if (!strcmp(configuration, "refused-enosys")) return ROUSE_ENOSYS;
  if (!strcmp(configuration, "refused-enomem")) return ROUSE_ENOMEM;
  return 0;
}

static void refused_backend_says_why_when_it_is_named(void **state) {
  (void)state;
  int expected = wrapped_refusal();
  rouse_loop *loop = NULL;
  const rouse_loop_options options = {.backend = backend_names[0]};
  int result = rouse_loop_create(&options, &loop);
  if (expected) {
    check_result(result, expected);
    check(!loop);
    check(!rouse_loop_here());
  } else if (result == ROUSE_DONE) {
    check_string(rouse_loop_backend(loop), backend_names[0]);
    test_loop_destroy(loop);
  } else {
    check(result == ROUSE_EPERM || result == ROUSE_ENOSYS || result == ROUSE_ENOMEM ||
          result == ROUSE_EINVAL);
  }
}

static int64_t answer(void *argument) {
  (void)argument;
  return 42;
}

static void run_with_a_refused_backend_fails_and_starts_nothing(void **state) {
  (void)state;
  int expected = wrapped_refusal();
  if (!expected) return;
  for (uint32_t loops = 1; loops <= 3; loops++) {
    const rouse_run_options options = {.loops = loops, .loop = {.backend = "io_uring"}};
    int64_t value = 0;
    check_result(rouse_run(&options, answer, NULL, &value), expected);
    check_equal(value, 0);
    check(!rouse_loop_here());
  }
}

static void refusals_leave_no_descriptor_behind(void **state) {
  (void)state;
  refused_backend_says_why_when_it_is_named(NULL);  // what is made once and kept
  int before = open_descriptors();
  for (int i = 0; i < 10; i++) refused_backend_says_why_when_it_is_named(NULL);
  for (int i = 0; i < 10; i++) test_loop_destroy(test_loop_create());
  check_equal(open_descriptors(), before);
}

static void default_choice_is_the_environment_s_or_the_best_there_is(void **state) {
  (void)state;
  const char *named = getenv("ROUSE_BACKEND");
  rouse_loop *loop = test_loop_create();
  const char *chosen = rouse_loop_backend(loop);
  test_loop_destroy(loop);
  if (named && *named) {
    check_string(chosen, named);
    return;
  }
  const rouse_loop_options best = {.backend = backend_names[0]};
  int refused = rouse_loop_create(&best, &loop);
  if (!refused) test_loop_destroy(loop);
  check_string(chosen, backend_names[refused ? 1 : 0]);
}

static void choose(const char *name) {
  rouse_loop *loop = NULL;
  const rouse_loop_options options = {.backend = name};
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  check_string(rouse_loop_backend(loop), name);
  test_loop_destroy(loop);
}

static void caller_s_choice_counts_more_than_the_environment_s(void **state) {
  (void)state;
  check(for_each_backend(choose) >= 1);
}

static void probe_tells_the_same(void **state) {
  (void)state;
  static rouse_probe probe;
  check_result(rouse_probe_run(&probe), ROUSE_DONE);
  rouse_loop *loop = test_loop_create();
  check_string(probe.backend, rouse_loop_backend(loop));
  check_string(probe.doorbell, rouse_loop_doorbell(loop));
  test_loop_destroy(loop);
  for (uint32_t i = 0; i < probe.backend_count; i++) {
    const rouse_loop_options options = {.backend = probe.backends[i].name};
    int result = rouse_loop_create(&options, &loop);
    check_result(probe.backends[i].result, result);
    if (result == ROUSE_DONE) {
      test_loop_destroy(loop);
    } else {
      check(probe.backends[i].reason[0]);
    }
    if (wrapped_refusal() && !strcmp(probe.backends[i].name, "io_uring")) {
      check_result(probe.backends[i].result, wrapped_refusal());
    }
  }
}

int main(void) {
  configuration = getenv("ROUSE_CONFIGURATION");
  if (!configuration) configuration = "";
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refused_backend_says_why_when_it_is_named),
      cmocka_unit_test(run_with_a_refused_backend_fails_and_starts_nothing),
      cmocka_unit_test(refusals_leave_no_descriptor_behind),
      cmocka_unit_test(default_choice_is_the_environment_s_or_the_best_there_is),
      cmocka_unit_test(caller_s_choice_counts_more_than_the_environment_s),
      cmocka_unit_test(probe_tells_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
