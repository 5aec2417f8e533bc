// Timers and deadlines on every backend: never early, in order, and in numbers.
#include <stdlib.h>

#include "../support/conformance.h"

static void sleep_is_never_short_at_any_length(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  const int64_t delays[] = {1,      500,    5000,    20000,   100000,
                            300000, 999999, 1000000, 1500000, 7 * MILLISECOND};
  for (int i = 0; i < 10; i++) {
    test_wait wait;
    test_wait_init(&wait, loop, NULL);
    int64_t deadline_ns = rouse_deadline_in_ns(delays[i]);
    check_result(rouse_wait_timer_start(&wait.wait, deadline_ns), ROUSE_PENDING);
    while (!wait.completed) {
      check(rouse_loop_run_once(loop, ROUSE_FOREVER) >= 0);
      if (wait.completed) check(rouse_now_ns() >= deadline_ns);
    }
  }
  test_loop_destroy(loop);
}

static void turn_ends_at_its_deadline_and_not_early(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  for (int i = 0; i < 5; i++) {
    int64_t deadline_ns = rouse_deadline_in_ns(i * 400 * MICROSECOND);
    while (rouse_now_ns() < deadline_ns) check_equal(rouse_loop_run_once(loop, deadline_ns), 0);
  }
  test_loop_destroy(loop);
}

static int64_t sleep_and_note(void *argument) {
  int64_t deadline_ns = *(int64_t *)argument;
  check_result(rouse_task_sleep_until(deadline_ns), ROUSE_DONE);
  check(rouse_now_ns() >= deadline_ns);
  return 0;
}

static int64_t many_sleepers(void *argument) {
  (void)argument;
  enum { MANY = 1000 };
  static int64_t deadlines[MANY];
  static rouse_task *tasks[MANY];
  random_source random = random_from(1);
  for (int i = 0; i < MANY; i++) {
    deadlines[i] = rouse_deadline_in_ns(random_below(&random, 20 * MILLISECOND));
    tasks[i] = test_spawn(rouse_run_loop((uint32_t)i % 2), sleep_and_note, &deadlines[i]);
  }
  for (int i = 0; i < MANY; i++) test_join(tasks[i]);
  return 0;
}

static void many_sleepers_on_two_loops_all_wake(void **state) {
  (void)state;
  test_run(2, many_sleepers, NULL);
}

// --- 100,000 deadlines at once (6 of docs/scenarios.md) ------------------------------------------

enum { WAITERS = 100000 };
static struct counted_wait {
  rouse_wait wait;
  int completed;
} * crowd;
static int crowd_size, crowd_ended, longest_burst, burst, turns_meanwhile;
static bool crowd_expired;

static void crowd_wait_ended(rouse_wait *wait, int result) {
  struct counted_wait *self = (struct counted_wait *)wait;
  check_result(result, ROUSE_ETIMEDOUT);
  check_equal(++self->completed, 1);
  crowd_ended++;
  burst++;
  if (burst > longest_burst) longest_burst = burst;
  crowd_expired = true;
}

static int64_t keep_running(void *argument) {
  (void)argument;
  while (crowd_ended < crowd_size) {
    burst = 0;
    if (crowd_expired) turns_meanwhile++;
    rouse_task_yield();
  }
  return 0;
}

static int64_t write_to_socket(void *argument) {
  // Comes and goes with I/O while the others expire.
  rouse_fd *ends = argument;
  int rounds = 0;
  while (crowd_ended < crowd_size) {
    char byte;
    test_put(ends[1], 'x');
    check_equal(rouse_tcp_receive(ends[0], &byte, 1, ROUSE_FOREVER), 1);
    if (crowd_expired && crowd_ended < crowd_size) rounds++;
  }
  return rounds;
}

static void expire_a_crowd(bool on_one_event) {
  int many = test_scaled(WAITERS);
  rouse_event event = ROUSE_EVENT_INIT;
  crowd = calloc((size_t)many, sizeof *crowd);
  check(crowd);
  crowd_ended = longest_burst = burst = turns_meanwhile = 0;
  crowd_expired = false;
  rouse_fd ends[2];
  test_pair(ends);
  crowd_size = many;
  rouse_loop *loop = test_loop_create();
  int64_t deadline_ns = rouse_deadline_in_ns(200 * MILLISECOND);
  for (int i = 0; i < many; i++) {
    rouse_wait_init(&crowd[i].wait, loop, crowd_wait_ended);
    int started = on_one_event ? rouse_event_wait_start(&event, &crowd[i].wait, deadline_ns)
                               : rouse_wait_timer_start(&crowd[i].wait, deadline_ns);
    if (started == ROUSE_ETIMEDOUT) {  // a slow machine
      crowd_ended++;
      crowd[i].completed = 1;
    } else {
      check_result(started, ROUSE_PENDING);
    }
  }
  check_result(rouse_task_spawn(NULL, loop, keep_running, NULL), ROUSE_DONE);
  rouse_task *writer = test_spawn(loop, write_to_socket, ends);
  while (crowd_ended < many || !rouse_task_is_done(writer)) {
    check(rouse_loop_run_once(loop, rouse_deadline_in_ns(SECOND)) >= 0);
  }
  int64_t rounds = 0;
  check_result(rouse_task_join(writer, &rounds), ROUSE_DONE);
  test_loop_settle(loop);
  for (int i = 0; i < many; i++) check_equal(crowd[i].completed, 1);
  check_equal(rouse_event_waiter_count(&event), 0);
  // Others had their turns in between: with slices of some hundreds there are many.
  if (many > 10000) {
    check(longest_burst < many / 10);
    check(turns_meanwhile > 10);
    check(rounds >= 1);
  }
  test_loop_destroy(loop);
  test_close(ends[0]);
  test_close(ends[1]);
  free(crowd);
}

static void crowd_of_equal_timers_leaves_turns_to_others(void **state) {
  (void)state;
  expire_a_crowd(false);
}

static void crowd_of_equal_deadlines_on_one_event_leaves_turns_to_others(void **state) {
  (void)state;
  expire_a_crowd(true);
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sleep_is_never_short_at_any_length),
      cmocka_unit_test(turn_ends_at_its_deadline_and_not_early),
      cmocka_unit_test(many_sleepers_on_two_loops_all_wake),
      cmocka_unit_test(crowd_of_equal_timers_leaves_turns_to_others),
      cmocka_unit_test(crowd_of_equal_deadlines_on_one_event_leaves_turns_to_others),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
