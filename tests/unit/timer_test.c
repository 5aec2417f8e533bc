// Timers: the wheel by itself, in a time that the test makes, and rouse_wait_timer_start() in real
// time.
#include <stdlib.h>
#include <string.h>

#include "../support/fake_waker.h"
#include "../support/support.h"
#include "runtime/timer.h"

// --- the wheel -----------------------------------------------------------------------------------

enum { MANY = 3000, TICK = 1024 };

static struct rouse__timers timers;
static rouse_wait waits[MANY];
static bool expired[MANY];
static int64_t now_ns;

static void begin(int64_t start_ns) {
  now_ns = start_ns;
  memset(waits, 0, sizeof waits);
  memset(expired, 0, sizeof expired);
  rouse__timers_init(&timers, now_ns);
}

static void add(int index, int64_t deadline_ns) {
  waits[index].deadline_ns = deadline_ns;
  rouse__timers_add(&timers, &waits[index]);
}

// Goes to |to_ns| and takes out all that expires; none may be early, and none more than a tick
// late.
static int advance(int64_t to_ns) {
  int count = 0, budget;
  now_ns = to_ns;
  do {
    budget = 100;
    rouse_wait *wait;
    while ((wait = rouse__timers_expire(&timers, now_ns, &budget))) {
      int index = (int)(wait - waits);
      check(!expired[index]);
      check(wait->deadline_ns <= now_ns);
      check(!wait->timer_at);
      expired[index] = true;
      count++;
    }
  } while (budget < 0);
  for (int i = 0; i < MANY; i++) {
    if (waits[i].timer_at) check(waits[i].deadline_ns > now_ns - TICK);
  }
  return count;
}

static void empty_wheel_has_no_next_deadline(void **state) {
  (void)state;
  begin(12345);
  check_equal(rouse__timers_next_ns(&timers), ROUSE_FOREVER);
  check_equal(advance(now_ns + 1000 * SECOND), 0);
  check_equal(rouse__timers_next_ns(&timers), ROUSE_FOREVER);
}

static void past_deadline_expires_at_once(void **state) {
  (void)state;
  begin(SECOND);
  add(0, 0);
  add(1, -5);
  add(2, SECOND - 1);
  add(3, INT64_MIN);
  int taken = advance(now_ns);
  check(expired[0] && expired[1] && expired[3]);
  check_equal(taken + advance(now_ns + TICK), 4);  // a tick late at most
  check_equal(timers.count, 0);
}

static void next_deadline_is_never_after_the_earliest(void **state) {
  (void)state;
  random_source random = random_from(1);
  begin(777777777);
  for (int i = 0; i < 500; i++) {
    int64_t earliest = INT64_MAX;
    add(i, now_ns + 1 + (int64_t)(random_next(&random) >> (random_below(&random, 40) + 20)));
    for (int j = 0; j <= i; j++) {
      if (waits[j].timer_at && waits[j].deadline_ns < earliest) earliest = waits[j].deadline_ns;
    }
    check(rouse__timers_next_ns(&timers) <= earliest + TICK);
  }
}

static void random_deadlines_of_all_magnitudes_expire_once_and_in_time(void **state) {
  (void)state;
  random_source random = random_from(2);
  for (int round = 0; round < 20; round++) {
    begin((int64_t)(random_next(&random) >> 20));
    for (int i = 0; i < MANY; i++) {
      uint32_t magnitude = random_below(&random, 50);
      add(i, now_ns + (int64_t)(random_next(&random) & ((UINT64_C(2) << magnitude) - 1)));
    }
    int taken = 0, removed = 0, steps = 0;
    while (timers.count) {
      if (random_one_in(&random, 3)) {
        int victim = (int)random_below(&random, MANY);
        if (waits[victim].timer_at) removed++;
        rouse__timers_remove(&timers, &waits[victim]);
        check(!waits[victim].timer_at);
      }
      int64_t next_ns = rouse__timers_next_ns(&timers);
      if (next_ns == ROUSE_FOREVER) break;
      if (next_ns < now_ns) next_ns = now_ns;
      int64_t leap = (int64_t)(random_next(&random) >> (24 + random_below(&random, 39)));
      taken += advance(next_ns + leap);
      check(++steps < 100 * MANY);
    }
    check_equal(taken + removed, MANY);
    check_equal(rouse__timers_next_ns(&timers), ROUSE_FOREVER);
  }
}

static void going_from_one_next_deadline_to_the_next_makes_progress(void **state) {
  (void)state;
  begin(0);
  add(0, INT64_MAX - 2 * TICK);
  int steps = 0;
  while (timers.count) {
    int64_t next_ns = rouse__timers_next_ns(&timers);
    check(next_ns > now_ns || steps == 0);
    advance(next_ns);
    check(++steps < 2000);
  }
  check(expired[0]);
}

static void equal_deadlines_go_in_bounded_slices(void **state) {
  (void)state;
  begin(SECOND);
  for (int i = 0; i < MANY; i++) add(i, 2 * SECOND);
  now_ns = 2 * SECOND + TICK;
  int slices = 0, taken = 0;
  for (;; slices++) {
    int budget = 100, here = 0;
    while (rouse__timers_expire(&timers, now_ns, &budget)) here++;
    check(here <= 100);
    taken += here;
    if (budget >= 0) break;
  }
  check_equal(taken, MANY);
  check(slices >= MANY / 100);
}

static void timer_removed_in_the_middle_of_a_slice_stays_out(void **state) {
  (void)state;
  begin(0);
  for (int i = 0; i < 1000; i++) add(i, 100 * SECOND);
  now_ns = 101 * SECOND;
  int budget = 500;  // the slot has been reached, and its timers are falling
  while (rouse__timers_expire(&timers, now_ns, &budget)) continue;
  int left = 0;
  for (int i = 0; i < 1000; i++) {
    if (!waits[i].timer_at) continue;
    rouse__timers_remove(&timers, &waits[i]);
    left++;
  }
  check(left > 0);
  check_equal(timers.count, 0);
  check_equal(advance(now_ns + SECOND), 0);
}

// --- in real time --------------------------------------------------------------------------------

static void timer_completes_with_timed_out_and_not_early(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  const int64_t delays[] = {0, 1, 1023, 1024, 50 * MICROSECOND, MILLISECOND, 5 * MILLISECOND};
  for (int i = 0; i < 7; i++) {
    test_wait wait;
    test_wait_init(&wait, loop, NULL);
    int64_t deadline_ns = rouse_deadline_in_ns(delays[i]);
    check_result(rouse_wait_timer_start(&wait.wait, deadline_ns), ROUSE_PENDING);
    check_equal(wait.completed, 0);
    test_loop_run_until(loop, &wait.completed, 1);
    check(rouse_now_ns() >= deadline_ns);
    check_result(wait.result, ROUSE_ETIMEDOUT);
  }
  test_loop_destroy(loop);
}

static void past_timer_completes_as_soon_as_the_loop_runs(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  const int64_t deadlines[] = {0, -1, INT64_MIN, 1};
  for (int i = 0; i < 4; i++) {
    test_wait wait;
    test_wait_init(&wait, loop, NULL);
    check_result(rouse_wait_timer_start(&wait.wait, deadlines[i]), ROUSE_PENDING);
    check_equal(wait.completed, 0);
    for (int turn = 0; turn < 3 && !wait.completed; turn++)
      check(rouse_loop_run_once(loop, 0) >= 0);
    check_equal(wait.completed, 1);
    check_result(wait.result, ROUSE_ETIMEDOUT);
  }
  test_loop_destroy(loop);
}

static void timer_for_ever_ends_only_by_cancel(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  check_result(rouse_wait_timer_start(&wait.wait, ROUSE_FOREVER), ROUSE_PENDING);
  check(rouse_loop_run_once(loop, rouse_deadline_in_ns(MILLISECOND)) >= 0);
  check_equal(wait.completed, 0);
  rouse_wait_cancel(&wait.wait);
  rouse_wait_cancel(&wait.wait);
  check_equal(wait.completed, 0);
  test_loop_run_until(loop, &wait.completed, 1);
  test_loop_settle(loop);
  check_equal(wait.completed, 1);
  check_result(wait.result, ROUSE_ECANCELED);
  test_loop_destroy(loop);
}

static void cancelled_timer_completes_once_and_at_once(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  check_result(rouse_wait_timer_start(&wait.wait, rouse_deadline_in_ns(3600 * SECOND)),
               ROUSE_PENDING);
  rouse_wait_cancel(&wait.wait);
  test_loop_run_until(loop, &wait.completed, 1);
  check_result(wait.result, ROUSE_ECANCELED);
  test_loop_destroy(loop);
}

static void cancel_elsewhere(void *argument) { rouse_wait_cancel(argument); }

static void timer_can_be_cancelled_from_another_thread(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  for (int i = 0; i < test_scaled(100); i++) {
    test_wait wait;
    test_wait_init(&wait, loop, NULL);
    check_result(rouse_wait_timer_start(&wait.wait, ROUSE_FOREVER), ROUSE_PENDING);
    test_thread thread;
    test_thread_start(&thread, cancel_elsewhere, &wait.wait);
    test_loop_run_until(loop, &wait.completed, 1);
    test_thread_join(&thread);
    check_result(wait.result, ROUSE_ECANCELED);
  }
  test_loop_destroy(loop);
}

typedef struct ticking {
  rouse_wait wait;
  int ticks;
} ticking;

static void tick(rouse_wait *wait, int result) {
  ticking *self = (ticking *)wait;
  check_result(result, ROUSE_ETIMEDOUT);
  if (++self->ticks < 10) {
    check_result(rouse_wait_timer_start(wait, rouse_deadline_in_ns(10 * MICROSECOND)),
                 ROUSE_PENDING);
  }
}

static void timer_may_be_started_again_in_its_callback(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  ticking self = {.ticks = 0};
  rouse_wait_init(&self.wait, loop, tick);
  check_result(rouse_wait_timer_start(&self.wait, 0), ROUSE_PENDING);
  test_loop_run_until(loop, &self.ticks, 10);
  test_loop_destroy(loop);
}

static int later(const void *a, const void *b) {
  int64_t x = (*(test_wait *const *)a)->wait.deadline_ns,
          y = (*(test_wait *const *)b)->wait.deadline_ns;
  return x < y ? -1 : x > y;
}

static void timers_complete_in_the_order_of_their_deadlines(void **state) {
  (void)state;
  enum { SOME = 200 };
  static test_wait some[SOME];
  test_wait *sorted[SOME];
  int counter = 0;
  random_source random = random_from(3);
  rouse_loop *loop = test_loop_create();
  int64_t start_ns = rouse_deadline_in_ns(MILLISECOND);
  for (int i = 0; i < SOME; i++) {
    test_wait_init(&some[i], loop, &counter);
    sorted[i] = &some[i];
    int64_t deadline_ns = start_ns + random_below(&random, 5000) * INT64_C(4096);  // ticks apart
    check_result(rouse_wait_timer_start(&some[i].wait, deadline_ns), ROUSE_PENDING);
  }
  test_loop_run_until(loop, &counter, SOME);
  qsort(sorted, SOME, sizeof sorted[0], later);
  for (int i = 1; i < SOME; i++) {
    if (sorted[i]->wait.deadline_ns == sorted[i - 1]->wait.deadline_ns) continue;
    check(sorted[i]->order > sorted[i - 1]->order);
  }
  test_loop_destroy(loop);
}

static void wait_of_no_loop_has_no_timer(void **state) {
  (void)state;
  fake_waker waker;
  fake_wait wait;
  fake_waker_init(&waker);
  fake_wait_init(&wait, &waker, NULL);
  check_result(rouse_wait_timer_start(&wait.wait, 0), ROUSE_ENOLOOP);
}

static void init_without_a_loop(void *argument) { rouse_wait_init(argument, NULL, NULL); }
static void init_without_a_loop_dies_with_a_sentence(void **state) {
  (void)state;
  static rouse_wait wait;
  test_expect_death(init_without_a_loop, &wait,
                    "rouse_wait_init: no loop was given and the calling thread has none");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(empty_wheel_has_no_next_deadline),
      cmocka_unit_test(past_deadline_expires_at_once),
      cmocka_unit_test(next_deadline_is_never_after_the_earliest),
      cmocka_unit_test(random_deadlines_of_all_magnitudes_expire_once_and_in_time),
      cmocka_unit_test(going_from_one_next_deadline_to_the_next_makes_progress),
      cmocka_unit_test(equal_deadlines_go_in_bounded_slices),
      cmocka_unit_test(timer_removed_in_the_middle_of_a_slice_stays_out),
      cmocka_unit_test(timer_completes_with_timed_out_and_not_early),
      cmocka_unit_test(past_timer_completes_as_soon_as_the_loop_runs),
      cmocka_unit_test(timer_for_ever_ends_only_by_cancel),
      cmocka_unit_test(cancelled_timer_completes_once_and_at_once),
      cmocka_unit_test(timer_can_be_cancelled_from_another_thread),
      cmocka_unit_test(timer_may_be_started_again_in_its_callback),
      cmocka_unit_test(timers_complete_in_the_order_of_their_deadlines),
      cmocka_unit_test(wait_of_no_loop_has_no_timer),
      cmocka_unit_test(init_without_a_loop_dies_with_a_sentence),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
