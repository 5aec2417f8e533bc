// The contract that all waits share (wait.h), for every primitive and policy, and every kind of
// waiter: callbacks, tasks and plain threads.
#include <string.h>

#include "../support/waitable.h"

static const int64_t FAR_NS = 3600 * SECOND;
static const int64_t SHORT_NS = 3 * MILLISECOND;

static const waitable *kind;  // the primitive under test
static test_object object;
static rouse_loop *loop;

static void setup(const waitable *which) {
  kind = which;
  memset(&object, 0xa5, sizeof object);
  kind->init(&object);
  loop = test_loop_create();
}

static void teardown(void) {
  test_loop_destroy(loop);
  check(!test_queue_has_waiters(&object.queue));
}

// Runs |test| once for every primitive.
static void for_all(void (*test)(void)) {
  for (int i = 0; i < WAITABLES; i++) {
    setup(&waitables[i]);
    print_message("           %s\n", kind->name);
    test();
    teardown();
  }
}
#define CLAIM(name)                                                                                \
  static void name##_body(void);                                                                   \
  static void name(void **state) {                                                                 \
    (void)state;                                                                                   \
    for_all(name##_body);                                                                          \
  }                                                                                                \
  static void name##_body(void)

// --- other kinds of waiters ----------------------------------------------------------------------

typedef struct waiter {
  int64_t deadline_ns;
  int result;
  int done;
  int order;
  int *counter;
  int64_t ended_ns;
} waiter;

static int64_t waiting_task(void *argument) {
  waiter *self = argument;
  self->result = kind->wait(&object, self->deadline_ns);
  self->ended_ns = rouse_now_ns();
  if (self->counter) self->order = ++*self->counter;
  self->done = 1;
  return self->result;
}

static void waiting_thread(void *argument) {
  waiter *self = argument;
  self->result = kind->wait(&object, self->deadline_ns);
  self->ended_ns = rouse_now_ns();
}

static void start(test_wait *wait, int64_t deadline_ns, int expected) {
  check_result(kind->start(&object, &wait->wait, deadline_ns), expected);
}

// --- finishing at once ---------------------------------------------------------------------------

CLAIM(start_that_finds_the_object_free_returns_done_and_runs_no_callback) {
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  if (!kind->remembers) return;
  kind->grant(&object);
  start(&wait, ROUSE_FOREVER, ROUSE_DONE);
  test_loop_settle(loop);
  check_equal(wait.completed, 0);
}

CLAIM(past_deadline_makes_it_a_try) {
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  start(&wait, 0, ROUSE_ETIMEDOUT);
  start(&wait, rouse_now_ns() - 1, ROUSE_ETIMEDOUT);
  start(&wait, INT64_MIN, ROUSE_ETIMEDOUT);
  waiter self = {.deadline_ns = 0};
  test_thread thread;
  test_thread_start(&thread, waiting_thread, &self);
  test_thread_join(&thread);
  check_result(self.result, ROUSE_ETIMEDOUT);
  self.result = ROUSE_DONE;
  check_result(rouse_task_spawn(NULL, loop, waiting_task, &self), ROUSE_DONE);
  test_loop_settle(loop);
  check_equal(self.done, 1);
  check_result(self.result, ROUSE_ETIMEDOUT);
  check_equal(wait.completed, 0);
  if (!kind->remembers) return;
  kind->grant(&object);
  start(&wait, 0, ROUSE_DONE);
}

// --- the three kinds of waiters ------------------------------------------------------------------

CLAIM(callback_runs_from_the_loop_and_not_inside_the_call_that_caused_it) {
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  start(&wait, ROUSE_FOREVER, ROUSE_PENDING);
  check_equal(wait.completed, 0);
  kind->grant(&object);
  check_equal(wait.completed, 0);
  test_loop_run_until(loop, &wait.completed, 1);
  test_loop_settle(loop);
  check_equal(wait.completed, 1);
  check_result(wait.result, ROUSE_DONE);
}

CLAIM(task_waits_until_it_is_granted) {
  waiter task = {.deadline_ns = ROUSE_FOREVER};
  check_result(rouse_task_spawn(NULL, loop, waiting_task, &task), ROUSE_DONE);
  test_loop_settle(loop);
  check(test_queue_has_waiters(&object.queue));
  check_equal(task.done, 0);
  kind->grant(&object);
  check_equal(task.done, 0);
  test_loop_run_until(loop, &task.done, 1);
  check_result(task.result, ROUSE_DONE);
}

CLAIM(plain_thread_waits_until_it_is_granted) {
  waiter self = {.deadline_ns = ROUSE_FOREVER};
  test_thread thread;
  test_thread_start(&thread, waiting_thread, &self);
  test_queue_await_waiter(&object.queue);
  kind->grant(&object);
  test_thread_join(&thread);
  check_result(self.result, ROUSE_DONE);
}

CLAIM(all_kinds_of_waiters_on_one_object_are_served_in_order) {
  int counter = 0;
  waiter thread_self = {.deadline_ns = ROUSE_FOREVER};
  waiter first_task = {.deadline_ns = ROUSE_FOREVER, .counter = &counter};
  waiter last_task = {.deadline_ns = ROUSE_FOREVER, .counter = &counter};
  test_wait callback;
  test_wait_init(&callback, loop, &counter);
  test_thread thread;
  test_thread_start(&thread, waiting_thread, &thread_self);
  test_queue_await_waiter(&object.queue);
  check_result(rouse_task_spawn(NULL, loop, waiting_task, &first_task), ROUSE_DONE);
  test_loop_settle(loop);
  start(&callback, ROUSE_FOREVER, ROUSE_PENDING);
  check_result(rouse_task_spawn(NULL, loop, waiting_task, &last_task), ROUSE_DONE);
  test_loop_settle(loop);

  kind->grant(&object);
  test_thread_join(&thread);
  check_result(thread_self.result, ROUSE_DONE);
  if (!kind->releases_all) {
    test_loop_settle(loop);
    check_equal(counter, 0);
    kind->grant(&object);
    test_loop_run_until(loop, &counter, 1);
    check_equal(first_task.order, 1);
    kind->grant(&object);
    test_loop_run_until(loop, &counter, 2);
    check_equal(callback.order, 2);
    kind->grant(&object);
  }
  test_loop_run_until(loop, &counter, 3);
  check_equal(first_task.order, 1);
  check_equal(callback.order, 2);
  check_equal(last_task.order, 3);
  check_result(first_task.result, ROUSE_DONE);
  check_result(callback.result, ROUSE_DONE);
  check_result(last_task.result, ROUSE_DONE);
  check_equal(callback.completed, 1);
}

// --- deadlines -----------------------------------------------------------------------------------

CLAIM(deadline_ends_a_callback_wait_and_not_early) {
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  int64_t deadline_ns = rouse_deadline_in_ns(SHORT_NS);
  start(&wait, deadline_ns, ROUSE_PENDING);
  test_loop_run_until(loop, &wait.completed, 1);
  check(rouse_now_ns() >= deadline_ns);
  check_result(wait.result, ROUSE_ETIMEDOUT);
  check(!test_queue_has_waiters(&object.queue));
  if (!kind->remembers) return;
  kind->grant(&object);  // nothing was taken
  check(kind->take(&object));
}

CLAIM(deadline_ends_a_task_s_wait_and_not_early) {
  waiter task = {.deadline_ns = rouse_deadline_in_ns(SHORT_NS)};
  check_result(rouse_task_spawn(NULL, loop, waiting_task, &task), ROUSE_DONE);
  test_loop_run_until(loop, &task.done, 1);
  check_result(task.result, ROUSE_ETIMEDOUT);
  check(task.ended_ns >= task.deadline_ns);
}

CLAIM(deadline_ends_a_plain_thread_s_wait_and_not_early) {
  waiter self = {.deadline_ns = rouse_deadline_in_ns(SHORT_NS)};
  test_thread thread;
  test_thread_start(&thread, waiting_thread, &self);
  test_thread_join(&thread);
  check_result(self.result, ROUSE_ETIMEDOUT);
  check(self.ended_ns >= self.deadline_ns);
}

CLAIM(grant_before_the_deadline_leaves_no_timer_behind) {
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  int64_t deadline_ns = rouse_deadline_in_ns(SHORT_NS);
  start(&wait, deadline_ns, ROUSE_PENDING);
  kind->grant(&object);
  test_loop_run_until(loop, &wait.completed, 1);
  while (rouse_now_ns() <= deadline_ns + MILLISECOND) {
    check(rouse_loop_run_once(loop, deadline_ns + 2 * MILLISECOND) >= 0);
  }
  check_equal(wait.completed, 1);
  if (wait.result != ROUSE_DONE) check_result(wait.result, ROUSE_ETIMEDOUT);  // a slow machine
}

CLAIM(earlier_deadline_behind_a_later_one_ends_first) {
  int counter = 0;
  test_wait late, early;
  test_wait_init(&late, loop, &counter);
  test_wait_init(&early, loop, &counter);
  start(&late, rouse_deadline_in_ns(4 * SHORT_NS), ROUSE_PENDING);
  start(&early, rouse_deadline_in_ns(SHORT_NS), ROUSE_PENDING);
  test_loop_run_until(loop, &counter, 2);
  check_equal(early.order, 1);
  check_result(early.result, ROUSE_ETIMEDOUT);
  check_result(late.result, ROUSE_ETIMEDOUT);
}

// --- cancelling ----------------------------------------------------------------------------------

CLAIM(cancelled_wait_ends_once_and_holds_nothing) {
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  start(&wait, rouse_deadline_in_ns(FAR_NS), ROUSE_PENDING);
  rouse_wait_cancel(&wait.wait);
  rouse_wait_cancel(&wait.wait);
  check_equal(wait.completed, 0);
  test_loop_run_until(loop, &wait.completed, 1);
  test_loop_settle(loop);
  check_equal(wait.completed, 1);
  check_result(wait.result, ROUSE_ECANCELED);
  if (!kind->remembers) return;
  kind->grant(&object);
  check(kind->take(&object));
}

CLAIM(cancelled_head_gives_way_to_the_next) {
  int counter = 0;
  test_wait first, second;
  test_wait_init(&first, loop, &counter);
  test_wait_init(&second, loop, &counter);
  start(&first, ROUSE_FOREVER, ROUSE_PENDING);
  start(&second, ROUSE_FOREVER, ROUSE_PENDING);
  rouse_wait_cancel(&first.wait);
  kind->grant(&object);
  test_loop_run_until(loop, &counter, 2);
  check_result(first.result, ROUSE_ECANCELED);
  check_result(second.result, ROUSE_DONE);
}

CLAIM(cancel_that_comes_after_the_grant_loses_nothing) {
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  start(&wait, ROUSE_FOREVER, ROUSE_PENDING);
  kind->grant(&object);
  rouse_wait_cancel(&wait.wait);
  test_loop_run_until(loop, &wait.completed, 1);
  if (kind->nudges && wait.result != ROUSE_DONE) {  // was only nudged: then nobody has it
    check_result(wait.result, ROUSE_ECANCELED);
    check(kind->take(&object));
  } else {
    check_result(wait.result, ROUSE_DONE);
    if (!kind->releases_all) check(!kind->take(&object));
  }
}

CLAIM(cancel_in_the_middle_leaves_the_others_in_order) {
  int counter = 0;
  test_wait wait[5];
  for (int i = 0; i < 5; i++) {
    test_wait_init(&wait[i], loop, &counter);
    start(&wait[i], ROUSE_FOREVER, ROUSE_PENDING);
  }
  rouse_wait_cancel(&wait[2].wait);
  rouse_wait_cancel(&wait[4].wait);
  test_loop_run_until(loop, &counter, 2);
  for (int i = 0, turn = 3; i < 4; i++) {
    if (i == 2) continue;
    if (turn == 3 || !kind->releases_all) kind->grant(&object);
    test_loop_run_until(loop, &counter, turn);
    check_result(wait[i].result, ROUSE_DONE);
    check_equal(wait[i].order, turn++);
  }
  check_result(wait[2].result, ROUSE_ECANCELED);
  check_result(wait[4].result, ROUSE_ECANCELED);
}

static void cancelling_thread(void *argument) { rouse_wait_cancel(argument); }

CLAIM(cancel_from_another_thread_wakes_the_loop) {
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  start(&wait, ROUSE_FOREVER, ROUSE_PENDING);
  test_thread thread;
  test_thread_start(&thread, cancelling_thread, &wait.wait);
  test_loop_run_until(loop, &wait.completed, 1);
  test_thread_join(&thread);
  check_result(wait.result, ROUSE_ECANCELED);
}

CLAIM(cancel_and_deadline_together_complete_once) {
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  int64_t deadline_ns = rouse_deadline_in_ns(MILLISECOND);
  start(&wait, deadline_ns, ROUSE_PENDING);
  while (rouse_now_ns() <= deadline_ns) continue;
  rouse_wait_cancel(&wait.wait);
  test_loop_run_until(loop, &wait.completed, 1);
  test_loop_settle(loop);
  check_equal(wait.completed, 1);
  check_result(wait.result, ROUSE_ECANCELED);
}

// --- using a wait again --------------------------------------------------------------------------

typedef struct restarting {
  rouse_wait wait;
  int completed;
} restarting;

static void start_again(rouse_wait *wait, int result) {
  restarting *self = (restarting *)wait;
  check_result(result, ROUSE_DONE);
  if (++self->completed == 3) return;
  if (kind->releases_all) rouse_event_reset(&object.event);
  check_result(kind->start(&object, wait, ROUSE_FOREVER), ROUSE_PENDING);
}

CLAIM(wait_may_be_started_again_inside_its_callback) {
  restarting self = {.completed = 0};
  rouse_wait_init(&self.wait, loop, start_again);
  check_result(kind->start(&object, &self.wait, ROUSE_FOREVER), ROUSE_PENDING);
  for (int i = 1; i <= 3; i++) {
    kind->grant(&object);
    test_loop_run_until(loop, &self.completed, i);
    test_loop_settle(loop);
    check_equal(self.completed, i);
  }
}

static int64_t starting_task(void *argument) {
  test_wait *wait = argument;
  check_result(kind->start(&object, &wait->wait, ROUSE_FOREVER), ROUSE_PENDING);
  return 0;
}

CLAIM(callback_wait_may_be_started_inside_a_task) {
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  check_result(rouse_task_spawn(NULL, loop, starting_task, &wait), ROUSE_DONE);
  test_loop_settle(loop);
  kind->grant(&object);
  test_loop_run_until(loop, &wait.completed, 1);
  check_result(wait.result, ROUSE_DONE);
}

// --- cancelled tasks -----------------------------------------------------------------------------

CLAIM(cancel_of_a_task_ends_its_wait) {
  waiter self = {.deadline_ns = rouse_deadline_in_ns(FAR_NS)};
  rouse_task *task = test_spawn(loop, waiting_task, &self);
  test_loop_settle(loop);
  check(test_queue_has_waiters(&object.queue));
  rouse_task_cancel(task);
  test_loop_run_until(loop, &self.done, 1);
  check_result(self.result, ROUSE_ECANCELED);
  check(!test_queue_has_waiters(&object.queue));
  rouse_task_detach(task);
  test_loop_settle(loop);
}

static int64_t waiting_twice(void *argument) {
  waiter *self = argument;
  check_result(kind->wait(&object, ROUSE_FOREVER), ROUSE_ECANCELED);
  check(rouse_task_is_cancelled());
  check_result(kind->wait(&object, rouse_deadline_in_ns(FAR_NS)), ROUSE_ECANCELED);
  check(!rouse_task_shield(true));
  self->done = 1;
  self->result = kind->wait(&object, ROUSE_FOREVER);
  check(rouse_task_shield(false));
  check_result(kind->wait(&object, ROUSE_FOREVER),
               kind->releases_all ? ROUSE_DONE : ROUSE_ECANCELED);
  self->done = 2;
  return 0;
}

CLAIM(cancelled_task_can_wait_only_under_a_shield) {
  waiter self = {.result = INT32_MIN};
  rouse_task *task = test_spawn(loop, waiting_twice, &self);
  test_loop_settle(loop);
  rouse_task_cancel(task);
  test_loop_run_until(loop, &self.done, 1);
  test_loop_settle(loop);
  check_equal(self.done, 1);
  kind->grant(&object);
  test_loop_run_until(loop, &self.done, 2);
  check_result(self.result, ROUSE_DONE);
  rouse_task_detach(task);
  test_loop_settle(loop);
}

// --- callers' errors -----------------------------------------------------------------------------

static void waiting_callback(rouse_wait *wait, int result) {
  (void)result;
  ((test_wait *)wait)->completed = 1;
  ((test_wait *)wait)->result = kind->wait(&object, ROUSE_FOREVER);
}

static void wait_inside_a_callback(void *argument) {
  kind = argument;
  kind->init(&object);
  test_wait post = {.completed = 0};
  rouse_loop *own = NULL;
  check_result(rouse_loop_create(NULL, &own), ROUSE_DONE);
  rouse_loop_post(own, &post.wait, waiting_callback);
  test_loop_run_until(own, &post.completed, 1);
  check_result(post.result, ROUSE_EDEADLK);
  test_loop_destroy(own);
}

static void waiting_inside_a_callback_is_refused(void **state) {
  (void)state;
  for (int i = 0; i < WAITABLES; i++) {
    void *each = (void *)(uintptr_t)&waitables[i];
    test_expect_death(wait_inside_a_callback, each, "was called from a callback of a loop");
#ifdef NDEBUG
    wait_inside_a_callback(each);
#endif
  }
}

static void cancel_nothing(void *argument) {
  (void)argument;
  rouse_wait_cancel(NULL);
}

static void cancel_of_null_dies_with_a_sentence(void **state) {
  (void)state;
  test_expect_death(cancel_nothing, NULL, "rouse_wait_cancel: the wait is NULL");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(start_that_finds_the_object_free_returns_done_and_runs_no_callback),
      cmocka_unit_test(past_deadline_makes_it_a_try),
      cmocka_unit_test(callback_runs_from_the_loop_and_not_inside_the_call_that_caused_it),
      cmocka_unit_test(task_waits_until_it_is_granted),
      cmocka_unit_test(plain_thread_waits_until_it_is_granted),
      cmocka_unit_test(all_kinds_of_waiters_on_one_object_are_served_in_order),
      cmocka_unit_test(deadline_ends_a_callback_wait_and_not_early),
      cmocka_unit_test(deadline_ends_a_task_s_wait_and_not_early),
      cmocka_unit_test(deadline_ends_a_plain_thread_s_wait_and_not_early),
      cmocka_unit_test(grant_before_the_deadline_leaves_no_timer_behind),
      cmocka_unit_test(earlier_deadline_behind_a_later_one_ends_first),
      cmocka_unit_test(cancelled_wait_ends_once_and_holds_nothing),
      cmocka_unit_test(cancelled_head_gives_way_to_the_next),
      cmocka_unit_test(cancel_that_comes_after_the_grant_loses_nothing),
      cmocka_unit_test(cancel_in_the_middle_leaves_the_others_in_order),
      cmocka_unit_test(cancel_from_another_thread_wakes_the_loop),
      cmocka_unit_test(cancel_and_deadline_together_complete_once),
      cmocka_unit_test(wait_may_be_started_again_inside_its_callback),
      cmocka_unit_test(callback_wait_may_be_started_inside_a_task),
      cmocka_unit_test(cancel_of_a_task_ends_its_wait),
      cmocka_unit_test(cancelled_task_can_wait_only_under_a_shield),
      cmocka_unit_test(waiting_inside_a_callback_is_refused),
      cmocka_unit_test(cancel_of_null_dies_with_a_sentence),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
