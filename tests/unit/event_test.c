// rouse_event: what is its own. The contract it shares with other waits is in wait_test.c.
#include <string.h>

#include "../support/waitable.h"

static rouse_event event;
static rouse_loop *loop;
static int counter;

static int make_loop(void **state) {
  (void)state;
  loop = test_loop_create();
  counter = 0;
  return 0;
}

static int end_loop(void **state) {
  (void)state;
  test_loop_destroy(loop);
  return 0;
}

static void init(rouse_event_mode mode, bool set) {
  memset(&event, 0xff, sizeof event);
  check_result(rouse_event_init(&event, mode, set), ROUSE_DONE);
}

static void start(test_wait *wait, int expected) {
  test_wait_init(wait, loop, &counter);
  check_result(rouse_event_wait_start(&event, &wait->wait, ROUSE_FOREVER), expected);
}

static void start_many(test_wait *waits, int count) {
  for (int i = 0; i < count; i++) start(&waits[i], ROUSE_PENDING);
}

// --- making one ----------------------------------------------------------------------------------

static void init_of_an_unknown_mode_is_invalid(void **state) {
  (void)state;
  check_result(rouse_event_init(&event, (rouse_event_mode)2, false), ROUSE_EINVAL);
  check_result(rouse_event_init(&event, (rouse_event_mode)-1, false), ROUSE_EINVAL);
}

static void init_gives_a_set_or_an_unset_event(void **state) {
  (void)state;
  for (int mode = ROUSE_EVENT_MANUAL; mode <= ROUSE_EVENT_AUTO; mode++) {
    init((rouse_event_mode)mode, false);
    check(!rouse_event_is_set(&event));
    check(!rouse_event_try_wait(&event));
    init((rouse_event_mode)mode, true);
    check(rouse_event_is_set(&event));
    check_equal(rouse_event_waiter_count(&event), 0);
    check_result(rouse_event_wait(&event), ROUSE_DONE);
    check_equal(rouse_event_is_set(&event), mode == ROUSE_EVENT_MANUAL);
  }
}

static void zeroed_memory_is_an_unset_manual_event(void **state) {
  (void)state;
  memset(&event, 0, sizeof event);
  check(!rouse_event_is_set(&event));
  rouse_event_set(&event);
  check(rouse_event_try_wait(&event));
  check(rouse_event_is_set(&event));
}

static rouse_event static_event = ROUSE_EVENT_INIT;
static void static_initializer_is_an_unset_manual_event(void **state) {
  (void)state;
  check(!rouse_event_is_set(&static_event));
  rouse_event_set(&static_event);
  check(rouse_event_try_wait(&static_event));
  check(rouse_event_try_wait(&static_event));
}

static void size_is_as_documented(void **state) {
  (void)state;
  if (sizeof(void *) == 8) check_equal(sizeof(rouse_event), 32);
}

// --- manual reset --------------------------------------------------------------------------------

static void manual_set_releases_everybody_until_a_reset(void **state) {
  (void)state;
  init(ROUSE_EVENT_MANUAL, false);
  test_wait waits[4];
  start_many(waits, 3);
  check_equal(rouse_event_waiter_count(&event), 3);
  rouse_event_set(&event);
  check_equal(rouse_event_waiter_count(&event), 0);
  test_loop_run_until(loop, &counter, 3);
  start(&waits[3], ROUSE_DONE);
  check(rouse_event_is_set(&event));
  rouse_event_reset(&event);
  check(!rouse_event_is_set(&event));
  start(&waits[3], ROUSE_PENDING);
  test_loop_settle(loop);
  check_equal(counter, 3);
  rouse_event_set(&event);
  test_loop_run_until(loop, &counter, 4);
}

static void setting_twice_is_setting_once(void **state) {
  (void)state;
  for (int mode = ROUSE_EVENT_MANUAL; mode <= ROUSE_EVENT_AUTO; mode++) {
    init((rouse_event_mode)mode, false);
    rouse_event_set(&event);
    rouse_event_set(&event);
    check(rouse_event_try_wait(&event));
    check_equal(rouse_event_try_wait(&event), mode == ROUSE_EVENT_MANUAL);
    rouse_event_reset(&event);
    check(!rouse_event_is_set(&event));
  }
}

static void reset_of_an_unset_event_changes_nothing(void **state) {
  (void)state;
  for (int mode = ROUSE_EVENT_MANUAL; mode <= ROUSE_EVENT_AUTO; mode++) {
    init((rouse_event_mode)mode, false);
    rouse_event_reset(&event);
    test_wait wait;
    counter = 0;
    start(&wait, ROUSE_PENDING);
    rouse_event_reset(&event);
    rouse_event_set(&event);
    rouse_event_reset(&event);
    test_loop_run_until(loop, &counter, 1);
    check_result(wait.result, ROUSE_DONE);
    check(!rouse_event_is_set(&event));
  }
}

static void pulse_releases_those_who_waited_and_nobody_who_comes_after(void **state) {
  (void)state;
  init(ROUSE_EVENT_MANUAL, false);
  test_wait before[3], after;
  start_many(before, 3);
  rouse_event_set(&event);
  rouse_event_reset(&event);
  start(&after, ROUSE_PENDING);
  test_loop_run_until(loop, &counter, 3);
  test_loop_settle(loop);
  check_equal(after.completed, 0);
  check_equal(rouse_event_waiter_count(&event), 1);
  rouse_wait_cancel(&after.wait);
  test_loop_run_until(loop, &after.completed, 1);
  check_equal(rouse_event_waiter_count(&event), 0);
}

// --- automatic reset -----------------------------------------------------------------------------

static void automatic_set_releases_one_waiter_in_order(void **state) {
  (void)state;
  init(ROUSE_EVENT_AUTO, false);
  test_wait waits[3];
  start_many(waits, 3);
  for (int i = 0; i < 3; i++) {
    check_equal(rouse_event_waiter_count(&event), 3 - i);
    rouse_event_set(&event);
    check(!rouse_event_is_set(&event));
    test_loop_run_until(loop, &counter, i + 1);
    test_loop_settle(loop);
    check_equal(counter, i + 1);
    check_equal(waits[i].order, i + 1);
  }
}

static void automatic_set_without_waiters_is_remembered_once(void **state) {
  (void)state;
  init(ROUSE_EVENT_AUTO, false);
  for (int i = 0; i < 5; i++) rouse_event_set(&event);
  test_wait first, second;
  start(&first, ROUSE_DONE);
  check(!rouse_event_is_set(&event));
  start(&second, ROUSE_PENDING);
  rouse_event_set(&event);
  test_loop_run_until(loop, &counter, 1);
  check(!rouse_event_is_set(&event));
}

static void two_sets_with_two_waiters_queued_release_both(void **state) {
  (void)state;
  init(ROUSE_EVENT_AUTO, false);
  test_wait waits[3];
  start_many(waits, 3);
  rouse_event_set(&event);
  rouse_event_set(&event);
  test_loop_run_until(loop, &counter, 2);
  test_loop_settle(loop);
  check_equal(counter, 2);
  check(!rouse_event_is_set(&event));
  check_equal(rouse_event_waiter_count(&event), 1);
  rouse_wait_cancel(&waits[2].wait);
  test_loop_run_until(loop, &counter, 3);
}

static void set_after_the_only_waiter_was_cancelled_stays(void **state) {
  (void)state;
  init(ROUSE_EVENT_AUTO, false);
  test_wait wait;
  start(&wait, ROUSE_PENDING);
  rouse_wait_cancel(&wait.wait);
  rouse_event_set(&event);
  test_loop_run_until(loop, &counter, 1);
  check_result(wait.result, ROUSE_ECANCELED);
  check(rouse_event_is_set(&event));
  check(rouse_event_try_wait(&event));
  check(!rouse_event_try_wait(&event));
}

static void cancelled_waiter_hands_no_set_on_that_it_did_not_get(void **state) {
  (void)state;
  init(ROUSE_EVENT_AUTO, false);
  test_wait waits[2];
  start_many(waits, 2);
  rouse_wait_cancel(&waits[0].wait);
  rouse_event_set(&event);
  test_loop_run_until(loop, &counter, 2);
  check_result(waits[0].result, ROUSE_ECANCELED);
  check_result(waits[1].result, ROUSE_DONE);
  check(!rouse_event_is_set(&event));
}

static void past_deadline_takes_a_set_event(void **state) {
  (void)state;
  init(ROUSE_EVENT_AUTO, true);
  check_result(rouse_event_wait_until(&event, 0), ROUSE_DONE);
  check_result(rouse_event_wait_until(&event, 0), ROUSE_ETIMEDOUT);
}

// --- ordering ------------------------------------------------------------------------------------

static long written;

static void set_in_thread(void *argument) {
  (void)argument;
  written = 42;
  rouse_event_set(&event);
}

static void what_was_written_before_the_set_is_seen_after_the_wait(void **state) {
  (void)state;
  for (int i = 0; i < test_scaled(200); i++) {
    init(i % 2 ? ROUSE_EVENT_AUTO : ROUSE_EVENT_MANUAL, false);
    written = 0;
    test_thread thread;
    test_thread_start(&thread, set_in_thread, NULL);
    if (i % 3 == 0) {
      while (!rouse_event_is_set(&event)) continue;
    } else {
      check_result(rouse_event_wait(&event), ROUSE_DONE);
    }
    check_equal(written, 42);
    test_thread_join(&thread);
  }
}

// --- over loops and threads ----------------------------------------------------------------------

enum { WAITERS = 40 };
static test_flag got;

static int64_t wait_in_task(void *argument) {
  (void)argument;
  int result = rouse_event_wait(&event);
  if (result == ROUSE_DONE) test_flag_set(&got);
  return result;
}

static int64_t set_for_all(void *argument) {
  rouse_task *tasks[WAITERS];
  const bool automatic = *(bool *)argument;
  for (uint32_t i = 0; i < WAITERS; i++) {
    tasks[i] = test_spawn(rouse_run_loop(i % 2), wait_in_task, NULL);
  }
  while (rouse_event_waiter_count(&event) < WAITERS) rouse_task_yield();
  for (int i = 0; i < (automatic ? WAITERS : 1); i++) rouse_event_set(&event);
  for (int i = 0; i < WAITERS; i++) check_result(test_join(tasks[i]), ROUSE_DONE);
  return 0;
}

static void tasks_of_all_loops_are_released(void **state) {
  (void)state;
  for (int automatic = 0; automatic < 2; automatic++) {
    bool mode = automatic;
    got.raw = 0;
    init(automatic ? ROUSE_EVENT_AUTO : ROUSE_EVENT_MANUAL, false);
    test_run(2, set_for_all, &mode);
    check_equal(test_flag_read(&got), WAITERS);
    check_equal(rouse_event_waiter_count(&event), 0);
    check_equal(rouse_event_is_set(&event), !automatic);
  }
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, make_loop, end_loop)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(init_of_an_unknown_mode_is_invalid),
      cmocka_unit_test(init_gives_a_set_or_an_unset_event),
      cmocka_unit_test(zeroed_memory_is_an_unset_manual_event),
      cmocka_unit_test(static_initializer_is_an_unset_manual_event),
      cmocka_unit_test(size_is_as_documented),
      WITH_LOOP(manual_set_releases_everybody_until_a_reset),
      cmocka_unit_test(setting_twice_is_setting_once),
      WITH_LOOP(reset_of_an_unset_event_changes_nothing),
      WITH_LOOP(pulse_releases_those_who_waited_and_nobody_who_comes_after),
      WITH_LOOP(automatic_set_releases_one_waiter_in_order),
      WITH_LOOP(automatic_set_without_waiters_is_remembered_once),
      WITH_LOOP(two_sets_with_two_waiters_queued_release_both),
      WITH_LOOP(set_after_the_only_waiter_was_cancelled_stays),
      WITH_LOOP(cancelled_waiter_hands_no_set_on_that_it_did_not_get),
      cmocka_unit_test(past_deadline_takes_a_set_event),
      cmocka_unit_test(what_was_written_before_the_set_is_seen_after_the_wait),
      cmocka_unit_test(tasks_of_all_loops_are_released),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
