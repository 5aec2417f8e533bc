// rouse_blocking_call(): calls that block, made on a thread of the pool.
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "../support/support.h"

typedef struct call {
  pthread_t thread;
  int64_t returns;
  test_flag started, may_end;
  int runs;
} call;

static int64_t note_thread(void *argument) {
  call *self = argument;
  self->thread = pthread_self();
  self->runs++;
  return self->returns;
}

static int64_t block_until_told(void *argument) {
  call *self = argument;
  test_flag_set(&self->started);
  test_flag_await(&self->may_end, 1);
  self->runs++;
  return self->returns;
}

static int64_t call_blocking(void *argument) {
  call *self = argument;
  int64_t result = INT64_MIN;
  int called = rouse_blocking_call(block_until_told, self, &result);
  if (called == ROUSE_DONE) check_equal(result, self->returns);
  return called;
}

#define IN_TASK(name)                                                                              \
  static int64_t name##_body(void *argument);                                                      \
  static void name(void **state) {                                                                 \
    (void)state;                                                                                   \
    test_run(1, name##_body, NULL);                                                                \
  }                                                                                                \
  static int64_t name##_body(void *argument __attribute__((unused)))

IN_TASK(function_runs_on_another_thread_and_gives_its_result) {
  const int64_t values[] = {0, -5, INT64_MIN, INT64_MAX};
  for (int i = 0; i < 4; i++) {
    call self = {.returns = values[i]};
    int64_t result = 1;
    check_result(rouse_blocking_call(note_thread, &self, &result), ROUSE_DONE);
    check_equal(result, values[i]);
    check(!pthread_equal(self.thread, pthread_self()));
    check_result(rouse_blocking_call(note_thread, &self, NULL), ROUSE_DONE);
    check_equal(self.runs, 2);
  }
  return 0;
}

static void plain_thread_makes_the_call_itself(void **state) {
  (void)state;
  call self = {.returns = 31};
  int64_t result = 0;
  check_result(rouse_blocking_call(note_thread, &self, &result), ROUSE_DONE);
  check_equal(result, 31);
  check(pthread_equal(self.thread, pthread_self()));
}

IN_TASK(loop_goes_on_while_a_call_blocks) {
  call self = {.returns = 1};
  rouse_task *task = test_spawn(NULL, call_blocking, &self);
  while (!test_flag_read(&self.started)) rouse_task_yield();
  for (int i = 0; i < 100; i++) rouse_task_yield();
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(task));
  test_flag_set(&self.may_end);
  check_result(test_join(task), ROUSE_DONE);
  return 0;
}

typedef struct crowd {
  uint32_t inside, most;
  int calls;
} crowd;

static int64_t count_inside(void *argument) {
  crowd *self = argument;
  uint32_t inside = __atomic_add_fetch(&self->inside, 1, __ATOMIC_ACQ_REL);
  uint32_t most = __atomic_load_n(&self->most, __ATOMIC_ACQUIRE);
  while (inside > most) {
    if (__atomic_compare_exchange_n(&self->most, &most, inside, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
      break;
    }
  }
  usleep(200);
  __atomic_sub_fetch(&self->inside, 1, __ATOMIC_ACQ_REL);
  __atomic_add_fetch(&self->calls, 1, __ATOMIC_ACQ_REL);
  return 0;
}

static int64_t call_count_inside(void *argument) {
  return rouse_blocking_call(count_inside, argument, NULL);
}

static int64_t crowd_of_calls(void *argument) {
  rouse_task *tasks[60];
  for (uint32_t i = 0; i < 60; i++) {
    tasks[i] = test_spawn(rouse_run_loop(i % rouse_run_loop_count()), call_count_inside, argument);
  }
  for (int i = 0; i < 60; i++) check_result(test_join(tasks[i]), ROUSE_DONE);
  return 0;
}

static void no_more_threads_than_allowed_run_calls(void **state) {
  (void)state;
  for (uint32_t threads = 1; threads <= 3; threads++) {
    crowd self = {.calls = 0};
    const rouse_run_options options = {.loops = 2, .loop = {.blocking_threads = threads}};
    test_run_options(&options, crowd_of_calls, &self);
    check_equal(self.calls, 60);
    check(self.most <= threads);
    check(self.most >= 1);
  }
}

static int64_t cancel_before_start(void *argument) {
  (void)argument;
  call busy = {.returns = 1}, waiting = {.returns = 2};
  rouse_task *first = test_spawn(NULL, call_blocking, &busy);
  while (!test_flag_read(&busy.started)) rouse_task_yield();
  rouse_task *second = test_spawn(NULL, call_blocking, &waiting);
  for (int i = 0; i < 10; i++) rouse_task_yield();
  rouse_task_cancel(second);
  check_result(test_join(second), ROUSE_ECANCELED);  // though the only thread is busy
  check_equal(waiting.runs, 0);
  test_flag_set(&busy.may_end);
  check_result(test_join(first), ROUSE_DONE);
  return 0;
}

static void call_cancelled_before_its_start_is_not_made(void **state) {
  (void)state;
  const rouse_run_options options = {.loop = {.blocking_threads = 1}};
  test_run_options(&options, cancel_before_start, NULL);
}

IN_TASK(call_cancelled_while_it_runs_returns_only_after_it) {
  call self = {.returns = 12};
  rouse_task *task = test_spawn(NULL, call_blocking, &self);
  while (!test_flag_read(&self.started)) rouse_task_yield();
  rouse_task_cancel(task);
  for (int i = 0; i < 100; i++) rouse_task_yield();
  check(!rouse_task_is_done(task));
  test_flag_set(&self.may_end);
  check_result(test_join(task), ROUSE_DONE);
  check_equal(self.runs, 1);
  return 0;
}

static int64_t call_when_cancelled(void *argument) {
  rouse_task_cancel(rouse_task_here());
  check_result(rouse_blocking_call(note_thread, argument, NULL), ROUSE_ECANCELED);
  rouse_task_shield(true);
  return rouse_blocking_call(note_thread, argument, NULL);
}

IN_TASK(cancelled_task_can_call_only_under_a_shield) {
  call self = {.returns = 1};
  check_result(test_join(test_spawn(NULL, call_when_cancelled, &self)), ROUSE_DONE);
  check_equal(self.runs, 1);
  return 0;
}

static int64_t cancel_storm(void *argument) {
  crowd *self = argument;
  random_source random = random_from(7);
  int done = 0;
  for (int round = 0; round < test_scaled(40); round++) {
    rouse_task *tasks[20];
    for (uint32_t i = 0; i < 20; i++) {
      tasks[i] = test_spawn(rouse_run_loop(i % 2), call_count_inside, self);
    }
    for (int i = 0; i < 20; i++) {
      if (random_one_in(&random, 2)) rouse_task_cancel(tasks[random_below(&random, 20)]);
      if (random_one_in(&random, 4)) rouse_task_yield();
    }
    for (int i = 0; i < 20; i++) {
      int64_t result = test_join(tasks[i]);
      if (result != ROUSE_ECANCELED) {
        check_result(result, ROUSE_DONE);
        done++;
      }
    }
  }
  check_equal(self->calls, done);
  return 0;
}

static void every_call_is_either_made_or_cancelled(void **state) {
  (void)state;
  crowd self = {.calls = 0};
  const rouse_run_options options = {.loops = 2, .loop = {.blocking_threads = 2}};
  test_run_options(&options, cancel_storm, &self);
}

static int64_t leave_calls_under_way(void *argument) {
  call *calls = argument;
  for (int i = 0; i < 4; i++) {
    check_result(rouse_task_spawn(NULL, NULL, call_blocking, &calls[i]), ROUSE_DONE);
  }
  while (!test_flag_read(&calls[0].started)) rouse_task_yield();
  for (int i = 0; i < 4; i++) test_flag_set(&calls[i].may_end);
  return 0;
}

static void run_ends_with_calls_under_way(void **state) {
  (void)state;
  call calls[4] = {{.returns = 1}, {.returns = 2}, {.returns = 3}, {.returns = 4}};
  const rouse_run_options options = {.loop = {.blocking_threads = 1}};
  test_run_options(&options, leave_calls_under_way, calls);
  check_equal(calls[0].runs, 1);
}

static int64_t call_inside_call(void *argument) {
  call *self = argument;
  check(!rouse_loop_here());
  check(!rouse_task_here());
  return rouse_blocking_call(note_thread, self, NULL);
}

IN_TASK(function_on_the_pool_is_on_a_plain_thread) {
  call self = {.returns = 0};
  int64_t result = 1;
  check_result(rouse_blocking_call(call_inside_call, &self, &result), ROUSE_DONE);
  check_result(result, ROUSE_DONE);
  check_equal(self.runs, 1);
  return 0;
}

static void call_in_callback(rouse_wait *wait, int result) {
  (void)result;
  call self = {.returns = 0};
  ((test_wait *)wait)->result = rouse_blocking_call(note_thread, &self, NULL);
  check_equal(self.runs, 0);
  ((test_wait *)wait)->completed = 1;
}
static void call_inside_a_callback(void *argument) {
  (void)argument;
  rouse_loop *loop = test_loop_create();
  test_wait post = {.completed = 0};
  rouse_loop_post(loop, &post.wait, call_in_callback);
  test_loop_run_until(loop, &post.completed, 1);
  check_result(post.result, ROUSE_EDEADLK);
  test_loop_destroy(loop);
}
static void callback_cannot_make_a_blocking_call(void **state) {
  (void)state;
  test_expect_death(call_inside_a_callback, NULL, "was called from a callback of a loop");
#ifdef NDEBUG
  call_inside_a_callback(NULL);
#endif
}

static int64_t count_calls(void *argument) {
  rouse_loop_stats *stats = argument;
  call self = {.returns = 0};
  for (int i = 0; i < 5; i++)
    check_result(rouse_blocking_call(note_thread, &self, NULL), ROUSE_DONE);
  rouse_run_stats_read(stats);
  return 0;
}

static void calls_are_counted(void **state) {
  (void)state;
  rouse_loop_stats stats;
  test_run(1, count_calls, &stats);
  check_equal(stats.blocking_calls, 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(function_runs_on_another_thread_and_gives_its_result),
      cmocka_unit_test(plain_thread_makes_the_call_itself),
      cmocka_unit_test(loop_goes_on_while_a_call_blocks),
      cmocka_unit_test(no_more_threads_than_allowed_run_calls),
      cmocka_unit_test(call_cancelled_before_its_start_is_not_made),
      cmocka_unit_test(call_cancelled_while_it_runs_returns_only_after_it),
      cmocka_unit_test(cancelled_task_can_call_only_under_a_shield),
      cmocka_unit_test(every_call_is_either_made_or_cancelled),
      cmocka_unit_test(run_ends_with_calls_under_way),
      cmocka_unit_test(function_on_the_pool_is_on_a_plain_thread),
      cmocka_unit_test(callback_cannot_make_a_blocking_call),
      cmocka_unit_test(calls_are_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
