// The contract of approaches/approach.h on one thread, where every step can be told apart.
#include <stdlib.h>
#include <string.h>

#include "under_test.h"

typedef struct watched {
  int calls, true_for;
} watched;
static bool watch(void *argument) {
  watched *self = argument;
  return self->calls++ < self->true_for;
}

// --- what it says of itself ----------------------------------------------------------------------

static void description_is_complete(void **state) {
  (void)state;
  check(tested->title && tested->summary && tested->progress);
  check(tested->object_size > 0 && tested->object_size <= APPROACH_OBJECT_MOST);
  check(tested->waiter_size >= sizeof(rouse_wait) && tested->waiter_size <= APPROACH_WAITER_MOST);
  uint32_t all = APPROACH_FIFO | APPROACH_EXACT | APPROACH_MANY | APPROACH_LOOPS |
                 APPROACH_REMOVES | APPROACH_ALLOCATES_NOT | APPROACH_DESTROY | APPROACH_THREADS;
  if ((tested->can & all) != all) check(tested->gaps);
  check(!can(APPROACH_ALLOCATES_NOT) || !tested->waiter_heap);
}

// --- conditions ----------------------------------------------------------------------------------

static void false_condition_does_not_wait(void **state) {
  (void)state;
  watched never = {0, 0};
  lab_wait wait = {0};
  check_result(start_if(&wait, watch, &never, ROUSE_FOREVER), ROUSE_EAGAIN);
  check(never.calls >= 1);
  check_result(start_if(&wait, watch, &never, 0), ROUSE_EAGAIN);
  check_equal(waiting(), 0);
  wake_one();
  wake_all();
  test_loop_settle(loop);
  check_equal(wait.completed, 0);
}

// One that waits by registering first must get out again without a trace.
static void condition_that_turns_false_does_not_wait(void **state) {
  (void)state;
  watched once = {0, 1};
  lab_wait wait = {0}, other = {0};
  int started = start_if(&wait, watch, &once, ROUSE_FOREVER);
  if (started == ROUSE_PENDING) {  // one look was enough for it
    check_equal(once.calls, 1);
    arm();
    wake_one();
    check_result(await(&wait), ROUSE_DONE);
    return;
  }
  check_result(started, ROUSE_EAGAIN);
  check_equal(once.calls, 2);
  check_equal(waiting(), 0);
  start(&other, NULL);
  wake_one();
  check_result(await(&other), ROUSE_DONE);
}

static void true_condition_waits(void **state) {
  (void)state;
  watched always = {0, 1000};
  lab_wait wait = {0};
  check_result(start_if(&wait, watch, &always, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_settle(loop);
  check_equal(wait.completed, 0);
  check_equal(waiting(), 1);
  wake_one();
  check_result(await(&wait), ROUSE_DONE);
  check_equal(waiting(), 0);
}

// --- wakes ---------------------------------------------------------------------------------------

static void wakes_are_not_remembered(void **state) {
  (void)state;
  lab_wait wait = {0};
  wake_one();
  wake_all();
  wake_one();
  start(&wait, NULL);
  test_loop_settle(loop);
  check_equal(wait.completed, 0);
  wake_one();
  check_result(await(&wait), ROUSE_DONE);
}

static void nothing_ends_inside_the_wake(void **state) {
  (void)state;
  lab_wait wait = {0};
  start(&wait, NULL);
  wake_one();
  check_equal(wait.completed, 0);
  check_result(await(&wait), ROUSE_DONE);
  start(&wait, NULL);
  cancel(&wait);
  check_equal(wait.completed, 0);
  check_result(await(&wait), ROUSE_ECANCELED);
}

enum { FEW = 5, MANY = 1000 };

static void wake_one_wakes_one_the_oldest(void **state) {
  (void)state;
  if (!needs(APPROACH_MANY)) return;
  lab_wait waits[FEW] = {0};
  int counter = 0;
  start_many(waits, FEW, &counter);
  check_equal(waiting(), FEW);
  for (int i = 0; i < FEW; i++) {
    wake_one();
    await_count(&counter, i + 1);
    check_equal(waiting(), FEW - 1 - i);
    if (can(APPROACH_FIFO)) check_equal(waits[i].order, i + 1);
  }
  for (int i = 0; i < FEW; i++) check_result(waits[i].result, ROUSE_DONE);
}

static void several_wakes_wake_several(void **state) {
  (void)state;
  if (!needs(APPROACH_MANY)) return;
  lab_wait waits[FEW] = {0};
  int counter = 0;
  start_many(waits, FEW, &counter);
  wake_one();
  wake_one();
  wake_one();
  await_count(&counter, 3);
  if (can(APPROACH_FIFO)) {
    for (int i = 0; i < FEW; i++) check_equal(waits[i].order, i < 3 ? i + 1 : 0);
  }
  wake_all();
  await_count(&counter, FEW);
}

static void wake_all_wakes_all_and_nobody_later(void **state) {
  (void)state;
  if (!needs(APPROACH_MANY)) return;
  lab_wait *waits = calloc(MANY, sizeof *waits);
  lab_wait late = {0};
  int counter = 0;
  for (int round = 0; round < 3; round++) {
    counter = 0;
    start_many(waits, MANY, &counter);
    check_equal(waiting(), MANY);
    wake_all();
    start(&late, NULL);
    await_count(&counter, MANY);
    for (int i = 0; i < MANY; i++) {
      check_result(waits[i].result, ROUSE_DONE);
      if (can(APPROACH_FIFO)) check_equal(waits[i].order, i + 1);
    }
    check_equal(waiting(), 1);
    check_equal(late.completed, 0);
    wake_one();
    check_result(await(&late), ROUSE_DONE);
  }
  free(waits);
}

static void second_waiter_is_refused_where_there_is_one_place(void **state) {
  (void)state;
  if (can(APPROACH_MANY)) return;
  lab_wait first = {0}, second = {0};
  watched never = {0, 0};
  start(&first, NULL);
  check_result(start_if(&second, NULL, NULL, ROUSE_FOREVER), ROUSE_EBUSY);
  check_result(start_if(&second, watch, &never, ROUSE_FOREVER), ROUSE_EAGAIN);
  check_equal(waiting(), 1);
  wake_all();
  check_result(await(&first), ROUSE_DONE);
  check_equal(second.completed, 0);
  start(&second, NULL);
  wake_one();
  check_result(await(&second), ROUSE_DONE);
}

// --- cancel --------------------------------------------------------------------------------------

static void cancelled_waiter_gets_no_wake(void **state) {
  (void)state;
  lab_wait wait = {0};
  for (int i = 0; i < 100; i++) {
    start(&wait, NULL);
    cancel(&wait);
    if (i % 3 == 0) cancel(&wait);
    if (can(APPROACH_REMOVES)) check_equal(waiting(), 0);
    check_result(await(&wait), ROUSE_ECANCELED);
    check_equal(waiting(), 0);
    wake_one();
    test_loop_settle(loop);
    check_equal(wait.completed, 1);
  }
}

static void cancel_of_one_leaves_the_others(void **state) {
  (void)state;
  if (!needs(APPROACH_MANY)) return;
  for (int victim = 0; victim < FEW; victim++) {
    lab_wait waits[FEW] = {0};
    int counter = 0;
    start_many(waits, FEW, &counter);
    cancel(&waits[victim]);
    check_result(await(&waits[victim]), ROUSE_ECANCELED);
    check_equal(waiting(), FEW - 1);
    for (int woken = 0; woken < FEW - 1; woken++) {
      wake_one();
      await_count(&counter, woken + 2);
    }
    int last = 1;
    for (int i = 0; i < FEW; i++) {
      if (i == victim) continue;
      check_result(waits[i].result, ROUSE_DONE);
      if (can(APPROACH_FIFO)) check(waits[i].order > last);
      last = waits[i].order;
    }
    check_equal(waiting(), 0);
  }
}

static void wake_after_cancels_reaches_the_one_left(void **state) {
  (void)state;
  if (!needs(APPROACH_MANY)) return;
  lab_wait *waits = calloc(MANY, sizeof *waits);
  lab_wait last = {0};
  int counter = 0;
  start_many(waits, MANY, &counter);
  start(&last, NULL);
  for (int i = 0; i < MANY; i += 2) cancel(&waits[i]);
  for (int i = MANY - 1; i > 0; i -= 2) cancel(&waits[i]);
  await_count(&counter, MANY);
  for (int i = 0; i < MANY; i++) check_result(waits[i].result, ROUSE_ECANCELED);
  check_equal(waiting(), 1);
  wake_one();
  check_result(await(&last), ROUSE_DONE);
  free(waits);
}

// The wake is the first's: a cancel that comes before its delivery is too late, and the second
// still waits.
static void cancel_after_the_wake_is_too_late(void **state) {
  (void)state;
  lab_wait first = {0}, second = {0};
  bool many = can(APPROACH_MANY) && can(APPROACH_FIFO);
  start(&first, NULL);
  if (many) start(&second, NULL);
  wake_one();
  cancel(&first);
  int result = await(&first);
  if (result == ROUSE_ECANCELED) {  // then the wake has gone on to the second
    check(many && can(APPROACH_KERNEL));
    check_result(await(&second), ROUSE_DONE);
    return;
  }
  check_result(result, ROUSE_DONE);
  test_loop_settle(loop);
  check_equal(second.completed, 0);
  if (!many) return;
  wake_one();
  check_result(await(&second), ROUSE_DONE);
}

// Where a cancel is a request to the kernel, the wake may still reach the first.
static void wake_after_the_cancel_goes_to_the_next(void **state) {
  (void)state;
  if (!needs(APPROACH_MANY)) return;
  if (can(APPROACH_KERNEL) && !needs(APPROACH_REMOVES)) return;
  lab_wait first = {0}, second = {0};
  start(&first, NULL);
  start(&second, NULL);
  cancel(&first);
  wake_one();
  check_result(await(&first), ROUSE_ECANCELED);
  check_result(await(&second), ROUSE_DONE);
}

// Where conditions are looked at outside of all locks, with the waiter registered already: a second
// waiter comes meanwhile, then a wake, which is the first's. But the first does not wait after all.
static lab_wait second_listener;
static bool let_another_in_and_wake(void *argument) {
  (void)argument;
  start(&second_listener, NULL);
  wake_one();
  return false;
}

static void wake_of_a_listener_that_does_not_wait_goes_on(void **state) {
  (void)state;
  if (strcmp(tested->name, "event_listener") != 0) return;
  lab_wait first = {0};
  check_result(start_if(&first, let_another_in_and_wake, NULL, ROUSE_FOREVER), ROUSE_EAGAIN);
  check_result(await(&second_listener), ROUSE_DONE);
  check_equal(waiting(), 0);
}

static void rouse_wait_cancel_does_the_same(void **state) {
  (void)state;
  lab_wait wait = {0};
  start(&wait, NULL);
  rouse_wait_cancel(&wait.space.waiter.wait);
  check_result(await(&wait), ROUSE_ECANCELED);
}

// --- deadlines -----------------------------------------------------------------------------------

static void past_deadline_does_not_wait(void **state) {
  (void)state;
  lab_wait wait = {0};
  check_result(start_if(&wait, NULL, NULL, 0), ROUSE_ETIMEDOUT);
  check_equal(waiting(), 0);
}

static void deadline_ends_the_wait(void **state) {
  (void)state;
  lab_wait wait = {0}, other = {0};
  int64_t deadline_ns = rouse_deadline_in_ns(2 * MILLISECOND);
  check_result(start_if(&wait, NULL, NULL, deadline_ns), ROUSE_PENDING);
  check_result(await(&wait), ROUSE_ETIMEDOUT);
  check(rouse_now_ns() >= deadline_ns);
  check_equal(waiting(), 0);
  start(&other, NULL);
  wake_one();
  check_result(await(&other), ROUSE_DONE);
}

static void wake_before_the_deadline_is_a_wake(void **state) {
  (void)state;
  lab_wait wait = {0};
  check_result(start_if(&wait, NULL, NULL, rouse_deadline_in_ns(3600 * SECOND)), ROUSE_PENDING);
  arm();
  wake_one();
  check_result(await(&wait), ROUSE_DONE);
}

// --- using a waiter again, and the end of the object ---------------------------------------------

static int rounds_left;
static void wait_again(rouse_wait *self, int result) {
  check_result(result, ROUSE_DONE);
  if (!rounds_left--) return;
  check_result(tested->wait_if(&object, (approach_waiter *)self, NULL, NULL, ROUSE_FOREVER),
               ROUSE_PENDING);
}

static void waiter_may_wait_again_in_its_callback(void **state) {
  (void)state;
  lab_wait wait = {0};
  rounds_left = 100;
  approach_waiter_init(&wait.space.waiter, loop, wait_again);
  check_result(tested->wait_if(&object, &wait.space.waiter, NULL, NULL, ROUSE_FOREVER),
               ROUSE_PENDING);
  while (rounds_left >= 0) {
    test_loop_settle(loop);
    check_equal(waiting(), 1);
    wake_one();
    const int before = rounds_left;
    while (rounds_left == before) check(rouse_loop_run_once(loop, ROUSE_FOREVER) >= 0);
  }
}

static int finished;
static void finish_the_object(rouse_wait *self, int result) {
  (void)self;
  check_result(result, ROUSE_DONE);
  tested->finish(&object);
  memset(&object, 0xee, sizeof object);
  finished++;
}

static void woken_may_finish_the_object(void **state) {
  (void)state;
  if (!needs(APPROACH_DESTROY)) return;
  lab_wait wait = {0};
  approach_waiter_init(&wait.space.waiter, loop, finish_the_object);
  check_result(tested->wait_if(&object, &wait.space.waiter, NULL, NULL, ROUSE_FOREVER),
               ROUSE_PENDING);
  finished = 0;
  arm();
  wake_one();
  test_loop_run_until(loop, &finished, 1);
  memset(&object, 0xa5, sizeof object);
  check_result(tested->init(&object), ROUSE_DONE);
}

// --- the form that waits inside the call ---------------------------------------------------------

static int step;

static int64_t wait_in_a_task(void *argument) {
  watched never = {0, 0};
  check_result(tested->block_if(&object, watch, &never, ROUSE_FOREVER), ROUSE_EAGAIN);
  check_result(tested->block_if(&object, NULL, NULL, 0), ROUSE_ETIMEDOUT);
  check_result(tested->block_if(&object, NULL, NULL, rouse_deadline_in_ns(MILLISECOND)),
               ROUSE_ETIMEDOUT);
  step = 1;
  check_result(tested->block_if(&object, NULL, NULL, ROUSE_FOREVER), *(int *)argument);
  step = 2;
  return 0;
}

static void run_task(int expected, void (*end)(rouse_task *)) {
  rouse_task *task = test_spawn(loop, wait_in_a_task, &expected);
  step = 0;
  test_loop_run_until(loop, &step, 1);
  test_loop_settle(loop);
  check_equal(waiting(), 1);
  end(task);
  test_loop_run_until(loop, &step, 2);
  test_loop_settle(loop);
  check(rouse_task_is_done(task));
  rouse_task_detach(task);
}

static void wake_the_task(rouse_task *task) {
  (void)task;
  wake_one();
}

static void task_waits_until_woken(void **state) {
  (void)state;
  run_task(ROUSE_DONE, wake_the_task);
}

static void cancelled_task_leaves_the_queue(void **state) {
  (void)state;
  run_task(ROUSE_ECANCELED, rouse_task_cancel);
  check_equal(waiting(), 0);
}

static test_flag thread_waits;
static void wait_on_a_thread(void *argument) {
  check_result(tested->block_if(&object, NULL, NULL, rouse_deadline_in_ns(MILLISECOND)),
               ROUSE_ETIMEDOUT);
  test_flag_set(&thread_waits);
  *(int *)argument = tested->block_if(&object, NULL, NULL, ROUSE_FOREVER);
}

static void plain_thread_waits_until_woken(void **state) {
  (void)state;
  if (!needs(APPROACH_THREADS)) return;
  int result = 1;
  test_thread thread;
  thread_waits = (test_flag){0};
  test_thread_start(&thread, wait_on_a_thread, &result);
  test_flag_await(&thread_waits, 1);
  while (waiting() != 1) rouse_task_yield();
  wake_one();
  test_thread_join(&thread);
  check_result(result, ROUSE_DONE);
}

// --- memory --------------------------------------------------------------------------------------

static void allocates_as_it_says(void **state) {
  (void)state;
  lab_wait wait = {0};
  approach_counts counts;
  approach_counts_take(&counts);
  for (int i = 0; i < 1000; i++) {
    start(&wait, NULL);
    if (i % 4) {
      wake_one();
    } else {
      cancel(&wait);
    }
    await(&wait);
  }
  approach_counts_take(&counts);
  if (can(APPROACH_ALLOCATES_NOT)) {
    check_equal(counts.allocations, 0);
  } else {
    print_message("           %.2f allocations for each wait\n", (double)counts.allocations / 1000);
  }
}

int main(int count, char **arguments) {
  under_test_begin(count, arguments);
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CLAIM(description_is_complete),
      CLAIM(false_condition_does_not_wait),
      CLAIM(condition_that_turns_false_does_not_wait),
      CLAIM(true_condition_waits),
      CLAIM(wakes_are_not_remembered),
      CLAIM(nothing_ends_inside_the_wake),
      CLAIM(wake_one_wakes_one_the_oldest),
      CLAIM(several_wakes_wake_several),
      CLAIM(wake_all_wakes_all_and_nobody_later),
      CLAIM(second_waiter_is_refused_where_there_is_one_place),
      CLAIM(cancelled_waiter_gets_no_wake),
      CLAIM(cancel_of_one_leaves_the_others),
      CLAIM(wake_after_cancels_reaches_the_one_left),
      CLAIM(cancel_after_the_wake_is_too_late),
      CLAIM(wake_after_the_cancel_goes_to_the_next),
      CLAIM(wake_of_a_listener_that_does_not_wait_goes_on),
      CLAIM(rouse_wait_cancel_does_the_same),
      CLAIM(past_deadline_does_not_wait),
      CLAIM(deadline_ends_the_wait),
      CLAIM(wake_before_the_deadline_is_a_wake),
      CLAIM(waiter_may_wait_again_in_its_callback),
      CLAIM(woken_may_finish_the_object),
      CLAIM(task_waits_until_woken),
      CLAIM(cancelled_task_leaves_the_queue),
      CLAIM(plain_thread_waits_until_woken),
      CLAIM(allocates_as_it_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
