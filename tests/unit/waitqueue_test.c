// rouse_waitqueue: what is its own. The contract it shares with other waits is in wait_test.c.
#include <string.h>

#include "../support/waitable.h"

static rouse_waitqueue queue;
static rouse_loop *loop;
static int counter;

static int make_loop(void **state) {
  (void)state;
  rouse_waitqueue_init(&queue);
  loop = test_loop_create();
  counter = 0;
  return 0;
}

static int end_loop(void **state) {
  (void)state;
  check_equal(rouse_waitqueue_count(&queue), 0);
  test_loop_destroy(loop);
  return 0;
}

typedef struct watched {
  int calls;
  int true_for;  // calls
} watched;

static bool watch(void *argument) {
  watched *self = argument;
  return self->calls++ < self->true_for;
}

static void start(test_wait *wait, int expected) {
  test_wait_init(wait, loop, &counter);
  check_result(rouse_waitqueue_wait_if_start(&queue, &wait->wait, NULL, NULL, ROUSE_FOREVER),
               expected);
}

static void start_many(test_wait *waits, int count) {
  for (int i = 0; i < count; i++) start(&waits[i], ROUSE_PENDING);
}

static void cancel_many(test_wait *waits, int count) {
  for (int i = 0; i < count; i++) rouse_wait_cancel(&waits[i].wait);
}

// --- making one ----------------------------------------------------------------------------------

static void use_once(rouse_waitqueue *fresh) {
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  check_equal(rouse_waitqueue_count(fresh), 0);
  check_result(rouse_waitqueue_wait_if_start(fresh, &wait.wait, NULL, NULL, ROUSE_FOREVER),
               ROUSE_PENDING);
  check_equal(rouse_waitqueue_count(fresh), 1);
  rouse_waitqueue_wake_one(fresh);
  check_equal(rouse_waitqueue_count(fresh), 0);
  test_loop_run_until(loop, &wait.completed, 1);
  check_result(wait.result, ROUSE_DONE);
}

static rouse_waitqueue static_queue = ROUSE_WAITQUEUE_INIT;
static void init_zeroed_memory_and_initializer_give_an_empty_queue(void **state) {
  (void)state;
  rouse_waitqueue fresh;
  memset(&fresh, 0xff, sizeof fresh);
  rouse_waitqueue_init(&fresh);
  use_once(&fresh);
  memset(&fresh, 0, sizeof fresh);
  use_once(&fresh);
  use_once(&static_queue);
  if (sizeof(void *) == 8) check_equal(sizeof(rouse_waitqueue), 32);
}

// --- conditions ----------------------------------------------------------------------------------

static int64_t check_condition_in_task(void *argument) {
  (void)argument;
  watched never = {0, 0};
  check_result(rouse_waitqueue_wait_if(&queue, watch, &never), ROUSE_EAGAIN);
  check_result(rouse_waitqueue_wait_if_until(&queue, watch, &never, 0), ROUSE_EAGAIN);
  check_equal(never.calls, 2);
  watched always = {0, 1000};
  check_result(rouse_waitqueue_wait_if_until(&queue, watch, &always, 0), ROUSE_ETIMEDOUT);
  check_result(
      rouse_waitqueue_wait_if_until(&queue, watch, &always, rouse_deadline_in_ns(2 * MILLISECOND)),
      ROUSE_ETIMEDOUT);
  counter = 1;
  return 0;
}

static void false_condition_does_not_wait(void **state) {
  (void)state;
  watched never = {0, 0};
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  check_result(rouse_waitqueue_wait_if_start(&queue, &wait.wait, watch, &never, ROUSE_FOREVER),
               ROUSE_EAGAIN);
  check_equal(never.calls, 1);
  check_result(rouse_waitqueue_wait_if_start(&queue, &wait.wait, watch, &never, 0), ROUSE_EAGAIN);
  check_equal(rouse_waitqueue_count(&queue), 0);
  check_result(rouse_task_spawn(NULL, loop, check_condition_in_task, NULL), ROUSE_DONE);
  test_loop_run_until(loop, &counter, 1);
  check_equal(wait.completed, 0);
}

static void true_condition_waits(void **state) {
  (void)state;
  watched once = {0, 1};
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  check_result(rouse_waitqueue_wait_if_start(&queue, &wait.wait, watch, &once, ROUSE_FOREVER),
               ROUSE_PENDING);
  check_equal(rouse_waitqueue_count(&queue), 1);
  rouse_waitqueue_wake_one(&queue);
  test_loop_run_until(loop, &wait.completed, 1);
  check_result(wait.result, ROUSE_DONE);  // whatever the condition says by now
  check_equal(once.calls, 1);
}

static bool wake_while_checking(void *argument) {
  watched *self = argument;
  if (self->calls == 0) rouse_waitqueue_wake_one(&queue);
  return watch(argument);
}

static void condition_that_changes_with_a_wake_is_checked_again(void **state) {
  (void)state;
  watched once = {0, 1};
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  check_result(
      rouse_waitqueue_wait_if_start(&queue, &wait.wait, wake_while_checking, &once, ROUSE_FOREVER),
      ROUSE_EAGAIN);
  check_equal(once.calls, 2);
  check_equal(rouse_waitqueue_count(&queue), 0);
}

// --- wakes ---------------------------------------------------------------------------------------

static void wake_with_nobody_queued_is_not_remembered(void **state) {
  (void)state;
  rouse_waitqueue_wake_one(&queue);
  rouse_waitqueue_wake(&queue, 100);
  rouse_waitqueue_wake_all(&queue);
  test_wait wait;
  start(&wait, ROUSE_PENDING);
  test_loop_settle(loop);
  check_equal(counter, 0);
  rouse_waitqueue_wake_one(&queue);
  test_loop_run_until(loop, &counter, 1);
}

static void wake_one_wakes_the_one_who_has_waited_longest(void **state) {
  (void)state;
  test_wait waits[3];
  start_many(waits, 3);
  check_equal(rouse_waitqueue_count(&queue), 3);
  for (int i = 0; i < 3; i++) {
    rouse_waitqueue_wake_one(&queue);
    test_loop_run_until(loop, &counter, i + 1);
    test_loop_settle(loop);
    check_equal(counter, i + 1);
    check_equal(waits[i].order, i + 1);
    check_equal(rouse_waitqueue_count(&queue), 2 - i);
  }
}

static void wake_wakes_as_many_as_it_says(void **state) {
  (void)state;
  test_wait waits[10];
  start_many(waits, 10);
  rouse_waitqueue_wake(&queue, 0);
  test_loop_settle(loop);
  check_equal(counter, 0);
  rouse_waitqueue_wake(&queue, 4);
  test_loop_run_until(loop, &counter, 4);
  test_loop_settle(loop);
  check_equal(counter, 4);
  check_equal(waits[3].order, 4);
  rouse_waitqueue_wake(&queue, 100);  // more than there are
  test_loop_run_until(loop, &counter, 10);
  test_wait late;
  start(&late, ROUSE_PENDING);  // the rest is not for those who come later
  test_loop_settle(loop);
  check_equal(counter, 10);
  rouse_waitqueue_wake(&queue, UINT32_MAX);
  test_loop_run_until(loop, &counter, 11);
}

static void largest_counts_wake_all(void **state) {
  (void)state;
  const uint32_t counts[] = {(1u << 24) - 1, 1u << 24, UINT32_MAX};
  for (int i = 0; i < 3; i++) {
    test_wait waits[5];
    counter = 0;
    start_many(waits, 5);
    rouse_waitqueue_wake(&queue, counts[i]);
    test_loop_run_until(loop, &counter, 5);
    test_wait late;
    start(&late, ROUSE_PENDING);
    test_loop_settle(loop);
    check_equal(counter, 5);
    cancel_many(&late, 1);
    test_loop_run_until(loop, &counter, 6);
  }
}

static void wake_all_wakes_those_who_wait_now_and_no_others(void **state) {
  (void)state;
  test_wait waits[6], late;
  start_many(waits, 6);
  rouse_waitqueue_wake_all(&queue);
  start(&late, ROUSE_PENDING);
  test_loop_run_until(loop, &counter, 6);
  test_loop_settle(loop);
  check_equal(counter, 6);
  check_equal(late.completed, 0);
  cancel_many(&late, 1);
  test_loop_run_until(loop, &counter, 7);
}

typedef struct again {
  rouse_wait wait;
  int woken;
} again;

static void wait_again(rouse_wait *wait, int result) {
  again *self = (again *)wait;
  if (result == ROUSE_ECANCELED) return;
  self->woken++;
  counter++;
  check_result(rouse_waitqueue_wait_if_start(&queue, wait, NULL, NULL, ROUSE_FOREVER),
               ROUSE_PENDING);
}

static void waiter_that_waits_again_at_once_is_woken_once_by_wake_all(void **state) {
  (void)state;
  enum { MANY = 200 };  // more than one pass of work
  static again waits[MANY];
  for (int i = 0; i < MANY; i++) {
    waits[i].woken = 0;
    rouse_wait_init(&waits[i].wait, loop, wait_again);
    check_result(rouse_waitqueue_wait_if_start(&queue, &waits[i].wait, NULL, NULL, ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  rouse_waitqueue_wake_all(&queue);
  test_loop_run_until(loop, &counter, MANY);
  test_loop_settle(loop);
  check_equal(counter, MANY);
  for (int i = 0; i < MANY; i++) check_equal(waits[i].woken, 1);
  check_equal(rouse_waitqueue_count(&queue), MANY);
  for (int i = 0; i < MANY; i++) rouse_wait_cancel(&waits[i].wait);
  test_loop_settle(loop);
}

static void wake_given_to_nobody_cancelled_goes_to_the_next(void **state) {
  (void)state;
  test_wait waits[3];
  start_many(waits, 3);
  cancel_many(waits, 1);
  check_equal(rouse_waitqueue_count(&queue), 2);
  rouse_waitqueue_wake_one(&queue);
  test_loop_run_until(loop, &counter, 2);
  check_result(waits[0].result, ROUSE_ECANCELED);
  check_result(waits[1].result, ROUSE_DONE);
  check_equal(waits[2].completed, 0);
  cancel_many(&waits[2], 1);
  test_loop_run_until(loop, &counter, 3);
}

static void counts_of_wakes_may_wrap(void **state) {
  (void)state;
  // Each round advances the number of signals by 128 * (2^16 - 1): together they go round twice.
  for (int i = 0; i < 140; i++) {
    test_wait waits[2], late;
    for (int n = 1; n < 128; n++) rouse_waitqueue_wake(&queue, (1u << 16) - 1);
    counter = 0;
    start_many(waits, 2);
    rouse_waitqueue_wake(&queue, (1u << 16) - 1);
    start(&late, ROUSE_PENDING);
    test_loop_settle(loop);
    check_equal(counter, 2);
    rouse_waitqueue_wake_one(&queue);
    test_loop_settle(loop);
    check_equal(counter, 3);
  }
}

// --- a primitive of one's own --------------------------------------------------------------------

// A counter that can be waited for, without a lock.
typedef struct gate {
  rouse_waitqueue queue;
  uint32_t value, wanted;
} gate;

static bool is_below(void *argument) {
  gate *self = argument;
  return __atomic_load_n(&self->value, __ATOMIC_RELAXED) < self->wanted;
}

static int64_t wait_for_gate(void *argument) {
  gate *self = argument;
  while (is_below(self)) {
    int result = rouse_waitqueue_wait_if(&self->queue, is_below, self);
    check(result == ROUSE_DONE || result == ROUSE_EAGAIN);
  }
  return 0;
}
static void wait_for_gate_in_thread(void *argument) { wait_for_gate(argument); }

static int64_t raise_gate(void *argument) {
  gate *self = argument;
  rouse_task *tasks[10];
  test_thread thread;
  test_thread_start(&thread, wait_for_gate_in_thread, self);
  for (uint32_t i = 0; i < 10; i++)
    tasks[i] = test_spawn(rouse_run_loop(i % 2), wait_for_gate, self);
  for (uint32_t i = 0; i < self->wanted; i++) {
    __atomic_fetch_add(&self->value, 1, __ATOMIC_RELAXED);
    rouse_waitqueue_wake_all(&self->queue);
    if (i % 4 == 0) rouse_task_yield();
  }
  for (int i = 0; i < 10; i++) test_join(tasks[i]);
  test_thread_join(&thread);
  return 0;
}

static void no_wake_is_lost_between_condition_and_queueing(void **state) {
  (void)state;
  for (int i = 0; i < test_scaled(100); i++) {
    gate self = {.queue = ROUSE_WAITQUEUE_INIT, .wanted = 20};
    test_run(2, raise_gate, &self);
    check_equal(rouse_waitqueue_count(&self.queue), 0);
  }
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, make_loop, end_loop)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH_LOOP(init_zeroed_memory_and_initializer_give_an_empty_queue),
      WITH_LOOP(false_condition_does_not_wait),
      WITH_LOOP(true_condition_waits),
      WITH_LOOP(condition_that_changes_with_a_wake_is_checked_again),
      WITH_LOOP(wake_with_nobody_queued_is_not_remembered),
      WITH_LOOP(wake_one_wakes_the_one_who_has_waited_longest),
      WITH_LOOP(wake_wakes_as_many_as_it_says),
      WITH_LOOP(largest_counts_wake_all),
      WITH_LOOP(wake_all_wakes_those_who_wait_now_and_no_others),
      WITH_LOOP(waiter_that_waits_again_at_once_is_woken_once_by_wake_all),
      WITH_LOOP(wake_given_to_nobody_cancelled_goes_to_the_next),
      WITH_LOOP(counts_of_wakes_may_wrap),
      cmocka_unit_test(no_wake_is_lost_between_condition_and_queueing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
