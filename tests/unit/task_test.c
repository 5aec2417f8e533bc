// Tasks: spawn, join, detach, cancel, shield, yield, sleep.
#include "sockets.h"
// The sockets' headers come first.
#include <stdio.h>
#include <string.h>

#include "../support/support.h"

static int64_t give_back(void *argument) { return *(int64_t *)argument; }
static int64_t wait_for_event(void *argument) { return rouse_event_wait(argument); }
static int64_t sleep_for_ever(void *argument) {
  (void)argument;
  return rouse_task_sleep_until(ROUSE_FOREVER);
}

// Most tests are the body of a task of one loop.
#define IN_TASK(name)                                                                              \
  static int64_t name##_body(void *argument);                                                      \
  static void name(void **state) {                                                                 \
    (void)state;                                                                                   \
    test_run(1, name##_body, NULL);                                                                \
  }                                                                                                \
  static int64_t name##_body(void *argument __attribute__((unused)))

// --- spawn ---------------------------------------------------------------------------------------

static void spawn_without_a_loop_is_refused(void **state) {
  (void)state;
  rouse_task *task = NULL;
  check_result(rouse_task_spawn(&task, NULL, sleep_for_ever, NULL), ROUSE_ENOLOOP);
  check_result(rouse_task_spawn(NULL, NULL, sleep_for_ever, NULL), ROUSE_ENOLOOP);
}

static void spawn_nothing(void *argument) {
  (void)argument;
  rouse_task_spawn(NULL, NULL, NULL, NULL);
}
static void join_nothing(void *argument) {
  (void)argument;
  rouse_task_join(NULL, NULL);
}
static void callers_errors_die_with_a_sentence(void **state) {
  (void)state;
  test_expect_death(spawn_nothing, NULL, "rouse_task_spawn: the function is NULL");
  test_expect_death(join_nothing, NULL, "rouse_task_join: the task is NULL");
}

static int64_t note(void *argument) {
  *(int *)argument = 1;
  return 0;
}

IN_TASK(task_starts_after_its_spawner_waits) {
  int started = 0;
  rouse_task *task = test_spawn(NULL, note, &started);
  check_equal(started, 0);
  rouse_task_yield();
  check_equal(started, 1);
  check(rouse_task_is_done(task));
  test_join(task);
  return 0;
}

IN_TASK(join_gives_what_the_function_returned) {
  const int64_t values[] = {0, -1, 42, INT64_MAX, INT64_MIN};
  for (int i = 0; i < 5; i++) {
    int64_t value = values[i];
    check_equal(test_join(test_spawn(NULL, give_back, &value)), values[i]);
  }
  int64_t value = 1;
  check_result(rouse_task_join(test_spawn(NULL, give_back, &value), NULL), ROUSE_DONE);
  return 0;
}

IN_TASK(join_of_an_ended_task_returns_at_once) {
  int64_t value = 9;
  rouse_task *task = test_spawn(NULL, give_back, &value);
  while (!rouse_task_is_done(task)) rouse_task_yield();
  check_equal(test_join(task), 9);
  return 0;
}

typedef struct order {
  int next, seen[3];
} order;
static order spawned;
static int64_t note_order(void *argument) {
  spawned.seen[spawned.next++] = *(int *)argument;
  return 0;
}

IN_TASK(tasks_start_in_the_order_they_were_spawned) {
  int numbers[3] = {0, 1, 2};
  rouse_task *tasks[3];
  spawned.next = 0;
  for (int i = 0; i < 3; i++) tasks[i] = test_spawn(NULL, note_order, &numbers[i]);
  for (int i = 0; i < 3; i++) test_join(tasks[i]);
  for (int i = 0; i < 3; i++) check_equal(spawned.seen[i], i);
  return 0;
}

static int64_t where(void *argument) {
  (void)argument;
  return (int64_t)(intptr_t)rouse_loop_here();
}

static int64_t spawn_on_every_loop(void *argument) {
  (void)argument;
  for (uint32_t i = 0; i < rouse_run_loop_count(); i++) {
    rouse_loop *loop = rouse_run_loop(i);
    check_equal(test_join(test_spawn(loop, where, NULL)), (int64_t)(intptr_t)loop);
  }
  return 0;
}

static void task_runs_on_the_loop_it_was_spawned_on(void **state) {
  (void)state;
  test_run(3, spawn_on_every_loop, NULL);
}

typedef struct visitor {
  rouse_loop *loop;
  int64_t result;
  test_flag done;
} visitor;

static void spawn_and_join_from_thread(void *argument) {
  visitor *self = argument;
  int64_t value = 77;
  for (int i = 0; i < 20; i++) self->result = test_join(test_spawn(self->loop, give_back, &value));
  test_flag_set(&self->done);
}

IN_TASK(plain_thread_can_spawn_and_join) {
  visitor self = {.loop = rouse_loop_here()};
  test_thread thread;
  test_thread_start(&thread, spawn_and_join_from_thread, &self);
  while (!test_flag_read(&self.done))
    check_result(rouse_task_sleep_ns(100 * MICROSECOND), ROUSE_DONE);
  test_thread_join(&thread);
  check_equal(self.result, 77);
  return 0;
}

IN_TASK(many_tasks_live_at_once) {
  enum { MANY = 5000 };
  const int many = test_scaled(MANY);
  static rouse_task *tasks[MANY];
  rouse_event event = ROUSE_EVENT_INIT;
  for (int i = 0; i < many; i++) tasks[i] = test_spawn(NULL, wait_for_event, &event);
  while (rouse_event_waiter_count(&event) < (uint32_t)many) rouse_task_yield();
  rouse_event_set(&event);
  for (int i = 0; i < many; i++) check_result(test_join(tasks[i]), ROUSE_DONE);
  return 0;
}

// --- join ----------------------------------------------------------------------------------------

IN_TASK(join_gives_up_at_its_deadline_and_leaves_the_handle) {
  rouse_event event = ROUSE_EVENT_INIT;
  int64_t result = 55, deadline_ns = rouse_deadline_in_ns(2 * MILLISECOND);
  rouse_task *task = test_spawn(NULL, wait_for_event, &event);
  check_result(rouse_task_join_until(task, &result, 0), ROUSE_ETIMEDOUT);
  check_result(rouse_task_join_until(task, &result, deadline_ns), ROUSE_ETIMEDOUT);
  check(rouse_now_ns() >= deadline_ns);
  check_equal(result, 55);
  rouse_event_set(&event);
  check_result(rouse_task_join_until(task, &result, ROUSE_FOREVER), ROUSE_DONE);
  check_result(result, ROUSE_DONE);
  return 0;
}

static int64_t join_own_task(void *argument) {
  rouse_task **self = argument;
  int64_t result = 0;
  return rouse_task_join(*self, &result);
}

IN_TASK(task_cannot_join_itself) {
  rouse_task *task = NULL;
  check_result(rouse_task_spawn(&task, NULL, join_own_task, &task), ROUSE_DONE);
  check_result(test_join(task), ROUSE_EDEADLK);
  return 0;
}

static int64_t join_other(void *argument) { return rouse_task_join(argument, NULL); }

IN_TASK(cancelled_joiner_leaves_the_handle) {
  rouse_event event = ROUSE_EVENT_INIT;
  rouse_task *task = test_spawn(NULL, wait_for_event, &event);
  rouse_task *joiner = test_spawn(NULL, join_other, task);
  rouse_task_yield();
  rouse_task_cancel(joiner);
  check_result(test_join(joiner), ROUSE_ECANCELED);
  check(!rouse_task_is_done(task));
  rouse_event_set(&event);
  check_result(test_join(task), ROUSE_DONE);
  return 0;
}

static void join_in_callback(rouse_wait *wait, int result) {
  test_wait *self = (test_wait *)wait;
  (void)result;
  self->completed = 1;
  self->result = rouse_task_join((rouse_task *)(void *)self->counter, NULL);
}
static void join_inside_a_callback(void *argument) {
  (void)argument;
  rouse_loop *loop = test_loop_create();
  rouse_event event = ROUSE_EVENT_INIT;
  test_wait post = {.completed = 0};
  post.counter = (int *)(void *)test_spawn(loop, wait_for_event, &event);
  rouse_loop_post(loop, &post.wait, join_in_callback);
  test_loop_run_until(loop, &post.completed, 1);
  check_result(post.result, ROUSE_EDEADLK);
}
static void callback_cannot_join(void **state) {
  (void)state;
  test_expect_death(join_inside_a_callback, NULL, "was called from a callback of a loop");
#ifdef NDEBUG
  test_expect_clean_child(join_inside_a_callback, NULL);
#endif
}

IN_TASK(detached_task_runs_on) {
  int ended = 0;
  rouse_task_detach(NULL);
  rouse_task *task = test_spawn(NULL, note, &ended);
  rouse_task_detach(task);
  while (!ended) rouse_task_yield();
  task = test_spawn(NULL, note, &ended);
  while (!rouse_task_is_done(task)) rouse_task_yield();
  rouse_task_detach(task);  // after its end, too
  return 0;
}

// --- cancel --------------------------------------------------------------------------------------

IN_TASK(cancel_ends_a_sleep_and_a_join) {
  rouse_task *sleeper = test_spawn(NULL, sleep_for_ever, NULL);
  rouse_task *joiner = test_spawn(NULL, join_other, sleeper);
  rouse_task_yield();
  rouse_task_cancel(joiner);
  check_result(test_join(joiner), ROUSE_ECANCELED);
  rouse_task_cancel(sleeper);
  check_result(test_join(sleeper), ROUSE_ECANCELED);
  return 0;
}

static int64_t poll_descriptor(void *argument) {
  return rouse_fd_poll(*(int *)argument, POLLIN, ROUSE_FOREVER);
}

static int64_t cancel_polling_tasks(void *argument) {
  (void)argument;
  int ends[2];
  test_pair(ends);
  for (uint32_t i = 0; i < rouse_run_loop_count(); i++) {
    rouse_task *task = test_spawn(rouse_run_loop(i), poll_descriptor, &ends[0]);
    check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
    rouse_task_cancel(task);
    check_result(test_join(task), ROUSE_ECANCELED);
  }
  test_close(ends[0]);
  test_close(ends[1]);
  return 0;
}

static void cancel_ends_an_operation_on_any_loop(void **state) {
  (void)state;
  test_run(2, cancel_polling_tasks, NULL);
}

static int64_t cancelled_from_the_start(void *argument) {
  (void)argument;
  check(rouse_task_is_cancelled());
  return rouse_task_sleep_ns(SECOND);
}

IN_TASK(task_cancelled_before_it_starts_starts_cancelled) {
  rouse_task *task = test_spawn(NULL, cancelled_from_the_start, NULL);
  rouse_task_cancel(task);
  rouse_task_cancel(task);
  check_result(test_join(task), ROUSE_ECANCELED);
  return 0;
}

IN_TASK(cancel_of_an_ended_task_does_nothing) {
  int64_t value = 3;
  rouse_task *task = test_spawn(NULL, give_back, &value);
  while (!rouse_task_is_done(task)) rouse_task_yield();
  rouse_task_cancel(task);
  check_equal(test_join(task), 3);
  return 0;
}

static int64_t cancel_self(void *argument) {
  (void)argument;
  check(!rouse_task_is_cancelled());
  rouse_task_cancel(rouse_task_here());
  check(rouse_task_is_cancelled());
  check_result(rouse_task_sleep_ns(SECOND), ROUSE_ECANCELED);
  rouse_task_yield();  // not a wait: nothing to end
  return 1;
}

IN_TASK(task_can_cancel_itself) {
  check_equal(test_join(test_spawn(NULL, cancel_self, NULL)), 1);
  return 0;
}

static int64_t cancel_other_loop_s_tasks(void *argument) {
  (void)argument;
  rouse_event never = ROUSE_EVENT_INIT;
  for (int i = 0; i < test_scaled(200); i++) {
    rouse_task *task = test_spawn(rouse_run_loop(1), wait_for_event, &never);
    if (i % 3 == 0) rouse_task_yield();
    if (i % 3 == 1) check_result(rouse_task_sleep_ns(20 * MICROSECOND), ROUSE_DONE);
    rouse_task_cancel(task);
    rouse_task_cancel(task);
    check_result(test_join(task), ROUSE_ECANCELED);
  }
  check_equal(rouse_event_waiter_count(&never), 0);
  return 0;
}

static void cancel_from_another_loop_ends_the_wait_whenever_it_comes(void **state) {
  (void)state;
  test_run(2, cancel_other_loop_s_tasks, NULL);
}

IN_TASK(detach_right_after_a_cancel_is_safe) {
  rouse_event never = ROUSE_EVENT_INIT;
  for (int i = 0; i < 50; i++) {
    rouse_task *task = test_spawn(NULL, wait_for_event, &never);
    if (i % 2) rouse_task_yield();
    rouse_task_cancel(task);
    rouse_task_detach(task);
  }
  while (rouse_event_waiter_count(&never)) rouse_task_yield();
  return 0;
}

// --- shield --------------------------------------------------------------------------------------

static int64_t clean_up_under_shield(void *argument) {
  check_result(rouse_event_wait(argument), ROUSE_ECANCELED);
  check(!rouse_task_shield(true));
  check(rouse_task_shield(true));
  int64_t deadline_ns = rouse_deadline_in_ns(2 * MILLISECOND);
  check_result(rouse_task_sleep_until(deadline_ns), ROUSE_DONE);
  check(rouse_now_ns() >= deadline_ns);
  check(rouse_task_is_cancelled());
  check(rouse_task_shield(false));
  check(!rouse_task_shield(false));
  return rouse_task_sleep_ns(SECOND);
}

IN_TASK(shield_lets_a_cancelled_task_wait) {
  rouse_event never = ROUSE_EVENT_INIT;
  rouse_task *task = test_spawn(NULL, clean_up_under_shield, &never);
  rouse_task_yield();
  rouse_task_cancel(task);
  check_result(test_join(task), ROUSE_ECANCELED);
  return 0;
}

static int64_t wait_under_shield(void *argument) {
  rouse_task_shield(true);
  int result = rouse_event_wait(argument);
  check_result(result, ROUSE_DONE);
  rouse_task_shield(false);
  return rouse_task_sleep_ns(SECOND);
}

IN_TASK(cancel_leaves_a_shielded_wait_alone_and_stays) {
  rouse_event event = ROUSE_EVENT_INIT;
  rouse_task *task = test_spawn(NULL, wait_under_shield, &event);
  rouse_task_yield();
  rouse_task_cancel(task);
  for (int i = 0; i < 10; i++) rouse_task_yield();
  check(!rouse_task_is_done(task));
  rouse_event_set(&event);
  check_result(test_join(task), ROUSE_ECANCELED);
  return 0;
}

static void outside_of_tasks_there_is_none(void **state) {
  (void)state;
  check(!rouse_task_here());
  check(!rouse_task_is_cancelled());
  check(!rouse_task_shield(true));
  check(!rouse_task_shield(true));
  rouse_task_yield();
  rouse_loop *loop = test_loop_create();
  check(!rouse_task_here());
  check(!rouse_task_shield(true));
  rouse_task_yield();
  test_loop_destroy(loop);
}

IN_TASK(task_here_is_the_calling_task) {
  check(rouse_task_here());
  rouse_task *task = test_spawn(NULL, sleep_for_ever, NULL);
  check(rouse_task_here() != task);
  rouse_task_cancel(task);
  test_join(task);
  return 0;
}

// --- yield and sleep -----------------------------------------------------------------------------

static int turns[2];
static int64_t take_turns(void *argument) {
  int self = *(int *)argument;
  for (int i = 0; i < 100; i++) {
    turns[self]++;
    check(turns[self] - turns[1 - self] <= 1 && turns[1 - self] - turns[self] <= 1);
    rouse_task_yield();
  }
  return 0;
}

IN_TASK(yielding_tasks_take_turns) {
  int first = 0, second = 1;
  turns[0] = turns[1] = 0;
  rouse_task *a = test_spawn(NULL, take_turns, &first), *b = test_spawn(NULL, take_turns, &second);
  test_join(a);
  test_join(b);
  return 0;
}

static bool stop_spinning;
static int64_t stop_others(void *argument) {
  (void)argument;
  stop_spinning = true;
  return 0;
}
static int64_t stop_others_later(void *argument) {
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  return stop_others(argument);
}
static int64_t stop_others_by_pipe(void *argument) {
  check(rouse_fd_poll(*(int *)argument, POLLIN, ROUSE_FOREVER) & POLLIN);
  return stop_others(argument);
}

static void spin_in_calls_that_do_not_wait(void) {
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(1);
  rouse_event event = ROUSE_EVENT_INIT;
  rouse_event_set(&event);
  while (!stop_spinning) {
    check_result(rouse_mutex_lock(&mutex), ROUSE_DONE);
    rouse_mutex_unlock(&mutex);
    check_result(rouse_semaphore_acquire(&semaphore, 1), ROUSE_DONE);
    rouse_semaphore_release(&semaphore, 1);
    check_result(rouse_event_wait(&event), ROUSE_DONE);
  }
  stop_spinning = false;
}

IN_TASK(task_that_never_waits_starves_neither_tasks_nor_timers_nor_operations) {
  int ends[2];
  test_pair(ends);
  rouse_task *task = test_spawn(NULL, stop_others, NULL);
  spin_in_calls_that_do_not_wait();
  test_join(task);
  task = test_spawn(NULL, stop_others_later, NULL);
  spin_in_calls_that_do_not_wait();
  test_join(task);
  task = test_spawn(NULL, stop_others_by_pipe, &ends[0]);
  rouse_task_yield();
  test_put(ends[1], 'x');
  spin_in_calls_that_do_not_wait();
  test_join(task);
  test_close(ends[0]);
  test_close(ends[1]);
  return 0;
}

static bool found_ready;

static int64_t find_ready(void *argument) {
  const int events = rouse_fd_poll(*(int *)argument, POLLIN, ROUSE_FOREVER);
  found_ready = true;
  return events;
}

// What a task has started goes to the system after a bounded number of dispatches, however many
// more are ready: here one always is.
IN_TASK(operation_is_handed_over_while_others_run) {
  enum { MOST = 4096 };  // of a loop's bulk of 512, and what it takes to come back
  int ends[2], yields = 0;
  test_pair(ends);
  test_put(ends[1], 'x');
  found_ready = false;
  rouse_task *task = test_spawn(NULL, find_ready, &ends[0]);
  for (; !found_ready; yields++) rouse_task_yield();
  check(test_join(task) & POLLIN);
  // Where the system answers a poll at once, and not from a thread of its own.
  if (strcmp(rouse_loop_backend(rouse_loop_here()), "iocp")) check(yields <= MOST);
  test_close(ends[0]);
  test_close(ends[1]);
  return 0;
}

IN_TASK(sleep_is_never_short) {
  const int64_t delays[] = {1, 1000, 100 * MICROSECOND, 2 * MILLISECOND};
  for (int i = 0; i < 4; i++) {
    int64_t until_ns = rouse_deadline_in_ns(delays[i]);
    check_result(rouse_task_sleep_ns(delays[i]), ROUSE_DONE);
    check(rouse_now_ns() >= until_ns);
    until_ns = rouse_deadline_in_ns(delays[i]);
    check_result(rouse_task_sleep_until(until_ns), ROUSE_DONE);
    check(rouse_now_ns() >= until_ns);
  }
  return 0;
}

IN_TASK(sleep_until_a_past_moment_yields) {
  int started = 0;
  rouse_task *task = test_spawn(NULL, note, &started);
  check_result(rouse_task_sleep_until(0), ROUSE_DONE);
  check_equal(started, 1);
  test_join(task);
  started = 0;
  task = test_spawn(NULL, note, &started);
  check_result(rouse_task_sleep_ns(-5), ROUSE_DONE);
  check_equal(started, 1);
  test_join(task);
  return 0;
}

static void plain_thread_can_sleep_and_yield(void **state) {
  (void)state;
  int64_t until_ns = rouse_deadline_in_ns(2 * MILLISECOND);
  check_result(rouse_task_sleep_until(until_ns), ROUSE_DONE);
  check(rouse_now_ns() >= until_ns);
  check_result(rouse_task_sleep_ns(0), ROUSE_DONE);
  check_result(rouse_task_sleep_until(INT64_MIN), ROUSE_DONE);
  rouse_task_yield();
}

static void sleep_in_callback(rouse_wait *wait, int result) {
  (void)result;
  ((test_wait *)wait)->result = rouse_task_sleep_ns(1000);
  ((test_wait *)wait)->completed = 1;
}
static void sleep_inside_a_callback(void *argument) {
  (void)argument;
  rouse_loop *loop = test_loop_create();
  test_wait post = {.completed = 0};
  rouse_loop_post(loop, &post.wait, sleep_in_callback);
  test_loop_run_until(loop, &post.completed, 1);
  check_result(post.result, ROUSE_EDEADLK);
}
static void callback_cannot_sleep(void **state) {
  (void)state;
  test_expect_death(sleep_inside_a_callback, NULL, "was called from a callback of a loop");
#ifdef NDEBUG
  test_expect_clean_child(sleep_inside_a_callback, NULL);
#endif
}

// --- stacks --------------------------------------------------------------------------------------

static int64_t use_stack(size_t depth) {
  volatile char frame[1024];
  memset((char *)frame, (int)depth, sizeof frame);
  int64_t below = depth ? use_stack(depth - 1) : 0;
  return below + frame[depth % sizeof frame];
}

static int64_t use_most_of_a_megabyte(void *argument) {
  (void)argument;
  return use_stack(test_scaled(800));
}

static void stack_is_as_large_as_was_asked(void **state) {
  (void)state;
  const rouse_run_options options = {.loop = {.stack_size = 1 << 20}};
  test_run_options(&options, use_most_of_a_megabyte, NULL);
}

static int64_t overflow(void *argument) {
  (void)argument;
  return use_stack(1 << 20);
}
static void overflow_in_task(void *argument) {
  (void)argument;
  int64_t result;
  rouse_run(NULL, overflow, NULL, &result);
  fputs("survived", stderr);
}

static void stack_overflow_faults_cleanly(void **state) {
  (void)state;
#if TEST_SANITIZED
  print_message("           not tried: the sanitizer reports the fault in its own way\n");
  (void)overflow_in_task;
#else
  char output[1000];
  int status = test_in_child(overflow_in_task, NULL, output, sizeof output);
  check(!strstr(output, "survived"));
#ifndef _WIN32  // where Wine ends the thread that can't even take the fault, and no more
  check(test_was_faulted(status));
#endif
  (void)status;
#endif
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(spawn_without_a_loop_is_refused),
      cmocka_unit_test(callers_errors_die_with_a_sentence),
      cmocka_unit_test(task_starts_after_its_spawner_waits),
      cmocka_unit_test(join_gives_what_the_function_returned),
      cmocka_unit_test(join_of_an_ended_task_returns_at_once),
      cmocka_unit_test(tasks_start_in_the_order_they_were_spawned),
      cmocka_unit_test(task_runs_on_the_loop_it_was_spawned_on),
      cmocka_unit_test(plain_thread_can_spawn_and_join),
      cmocka_unit_test(many_tasks_live_at_once),
      cmocka_unit_test(join_gives_up_at_its_deadline_and_leaves_the_handle),
      cmocka_unit_test(task_cannot_join_itself),
      cmocka_unit_test(cancelled_joiner_leaves_the_handle),
      cmocka_unit_test(callback_cannot_join),
      cmocka_unit_test(detached_task_runs_on),
      cmocka_unit_test(cancel_ends_a_sleep_and_a_join),
      cmocka_unit_test(cancel_ends_an_operation_on_any_loop),
      cmocka_unit_test(task_cancelled_before_it_starts_starts_cancelled),
      cmocka_unit_test(cancel_of_an_ended_task_does_nothing),
      cmocka_unit_test(task_can_cancel_itself),
      cmocka_unit_test(cancel_from_another_loop_ends_the_wait_whenever_it_comes),
      cmocka_unit_test(detach_right_after_a_cancel_is_safe),
      cmocka_unit_test(shield_lets_a_cancelled_task_wait),
      cmocka_unit_test(cancel_leaves_a_shielded_wait_alone_and_stays),
      cmocka_unit_test(outside_of_tasks_there_is_none),
      cmocka_unit_test(task_here_is_the_calling_task),
      cmocka_unit_test(yielding_tasks_take_turns),
      cmocka_unit_test(task_that_never_waits_starves_neither_tasks_nor_timers_nor_operations),
      cmocka_unit_test(operation_is_handed_over_while_others_run),
      cmocka_unit_test(sleep_is_never_short),
      cmocka_unit_test(sleep_until_a_past_moment_yields),
      cmocka_unit_test(plain_thread_can_sleep_and_yield),
      cmocka_unit_test(callback_cannot_sleep),
      cmocka_unit_test(stack_is_as_large_as_was_asked),
      cmocka_unit_test(stack_overflow_faults_cleanly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
