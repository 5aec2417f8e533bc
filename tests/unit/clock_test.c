// The clock and its deadlines.
#include <errno.h>
#include <time.h>

#include "../support/support.h"

static void clock_never_goes_back(void **state) {
  (void)state;
  int64_t last = rouse_now_ns();
  check(last > 0);
  for (int i = 0; i < 100000; i++) {
    int64_t now = rouse_now_ns();
    check(now >= last);
    last = now;
  }
}

static void clock_is_the_system_s_monotonic_one(void **state) {
  (void)state;
  struct timespec before, after;
  check_system(clock_gettime(CLOCK_MONOTONIC, &before));
  int64_t now = rouse_now_ns();
  check_system(clock_gettime(CLOCK_MONOTONIC, &after));
  check(now >= before.tv_sec * SECOND + before.tv_nsec);
  check(now <= after.tv_sec * SECOND + after.tv_nsec);
}

static void deadline_lies_as_far_off_as_was_asked(void **state) {
  (void)state;
  const int64_t delays[] = {0, 1, 1000, SECOND, 3600 * SECOND, -1, -SECOND};
  for (int i = 0; i < 7; i++) {
    int64_t before = rouse_now_ns();
    int64_t deadline = rouse_deadline_in_ns(delays[i]);
    int64_t after = rouse_now_ns();
    check(deadline >= before + delays[i]);
    check(deadline <= after + delays[i]);
  }
}

static void deadline_too_far_off_is_forever(void **state) {
  (void)state;
  check_equal(rouse_deadline_in_ns(ROUSE_FOREVER), ROUSE_FOREVER);
  check_equal(rouse_deadline_in_ns(INT64_MAX - 1), ROUSE_FOREVER);
}

static void deadline_as_far_back_as_can_be_said_has_passed(void **state) {
  (void)state;
  check(rouse_deadline_in_ns(INT64_MIN) < rouse_now_ns());
}

static void clock_leaves_errno_alone(void **state) {
  (void)state;
  errno = 12345;
  rouse_now_ns();
  rouse_deadline_in_ns(5);
  check_equal(errno, 12345);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(clock_never_goes_back),
      cmocka_unit_test(clock_is_the_system_s_monotonic_one),
      cmocka_unit_test(deadline_lies_as_far_off_as_was_asked),
      cmocka_unit_test(deadline_too_far_off_is_forever),
      cmocka_unit_test(deadline_as_far_back_as_can_be_said_has_passed),
      cmocka_unit_test(clock_leaves_errno_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
