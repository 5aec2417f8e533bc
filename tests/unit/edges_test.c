// A loop at its edges: ended with work left, used from inside itself, run turn by turn by its
// owner, kept busy by calls that never wait, and asked for after it has ended.
#include "../support/support.h"
#include "platform/platform.h"

static int64_t count_up(void *argument) {
  ++*(int *)argument;
  return 0;
}

// --- ending --------------------------------------------------------------------------------------

static void destroy_runs_no_task(void **state) {
  (void)state;
  int ran = 0;
  rouse_loop *loop = test_loop_create();
  rouse_task *task = test_spawn(NULL, count_up, &ran);
  for (int i = 0; i < 2; i++) check_result(rouse_loop_destroy(loop), ROUSE_EBUSY);
  check_equal(ran, 0);
  test_loop_run_until(loop, &ran, 1);
  check_equal(test_join(task), 0);
  test_loop_destroy(loop);
}

static void spawn_there(void *loop) {
  static int ran;
  rouse_task_detach(test_spawn(loop, count_up, &ran));
}
// |loop| is refused to be destroyed, its task does not run by that, and then does.
static void check_refused_with_a_task(rouse_loop *loop) {
  check_result(rouse_loop_destroy(loop), ROUSE_EBUSY);
  rouse_loop_stats stats;
  rouse_loop_stats_read(loop, &stats);
  check_equal(stats.tasks, 0);
  test_loop_settle(loop);
  rouse_loop_stats_read(loop, &stats);
  check_equal(stats.tasks, 1);
  test_loop_destroy(loop);
}

static void destroy_runs_no_task_that_has_come_by_mail(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  test_thread thread;
  test_thread_start(&thread, spawn_there, loop);
  test_thread_join(&thread);
  check_refused_with_a_task(loop);
}

static void spawn_in_a_callback(rouse_wait *wait, int result) {
  (void)wait, (void)result;
  spawn_there(rouse_loop_here());
}
static void destroy_runs_no_task_of_a_callback_that_it_runs(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  rouse_wait post;
  rouse_loop_post(loop, &post, spawn_in_a_callback);
  check_refused_with_a_task(loop);
}

// --- from inside ---------------------------------------------------------------------------------

static void destroy_it(void) { rouse_loop_destroy(rouse_loop_here()); }
static void run_it_once(void) { rouse_loop_run_once(rouse_loop_here(), 0); }
static void run_it(void) { rouse_loop_run(rouse_loop_here()); }
static void (*const uses[])(void) = {destroy_it, run_it_once, run_it};

static int64_t use_in_a_task(void *use) {
  (*(void (**)(void))use)();
  return 0;
}
static void (*in_callback)(void);
static void use_in_a_callback(rouse_wait *wait, int result) {
  (void)wait, (void)result;
  in_callback();
}

// The processes that die may be others: what they need is in their argument.
static void in_a_task(void *use) { rouse_run(NULL, use_in_a_task, use, NULL); }
static void in_a_callback(void *use) {
  in_callback = *(void (**)(void))use;
  rouse_loop *loop = test_loop_create();
  rouse_wait post;
  rouse_loop_post(loop, &post, use_in_a_callback);
  rouse_loop_run_once(loop, 0);
}

static void loop_used_from_inside_itself_dies_with_a_sentence(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
    void *use = (void *)(uintptr_t)&uses[i];
    test_expect_death(in_a_task, use, "from inside one of its tasks or callbacks");
    test_expect_death(in_a_callback, use, "from inside one of its tasks or callbacks");
  }
}

// --- turn by turn --------------------------------------------------------------------------------

static void one_turn_runs_what_has_expired_and_what_has_completed(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  test_wait timer;
  int completed = 0;
  test_wait_init(&timer, loop, &completed);
  check_result(rouse_wait_timer_start(&timer.wait, 0), ROUSE_PENDING);
  check_equal(rouse_loop_run_once(loop, 0), 1);
  check_equal(completed, 1);
  check_equal(rouse_loop_run_once(loop, 0), 0);

  rouse_event event = ROUSE_EVENT_INIT;
  test_wait_init(&timer, loop, &completed);
  check_result(rouse_event_wait_start(&event, &timer.wait, ROUSE_FOREVER), ROUSE_PENDING);
  rouse_event_set(&event);
  check_equal(rouse_loop_run_once(loop, 0), 1);
  check_equal(completed, 2);
  test_loop_destroy(loop);
}

static void turn_that_may_sleep_returns_when_something_has_run(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  for (int i = 1; i <= 60; i += 7) {
    test_wait timer;
    int completed = 0;
    test_wait_init(&timer, loop, &completed);
    check_result(rouse_wait_timer_start(&timer.wait, rouse_deadline_in_ns(i * MILLISECOND)),
                 ROUSE_PENDING);
    check(rouse_loop_run_once(loop, ROUSE_FOREVER) > 0);
    check_equal(completed, 1);
  }
  test_loop_destroy(loop);
}

static void watching_for_ever_is_a_second_at_most(void **state) {
  (void)state;
  const rouse_loop_options options = {.spin_ns = INT64_MAX};
  rouse_loop *loop = NULL;
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  for (int i = 0; i < 3; i++) {
    check_equal(rouse_loop_run_once(loop, rouse_deadline_in_ns(MILLISECOND)), 0);
  }
  test_loop_destroy(loop);
}

// Waits for |delay_ns|. Whether the loop has slept.
static bool sleeps_for(rouse_loop *loop, int64_t delay_ns) {
  rouse_loop_stats before, after;
  rouse_loop_stats_read(loop, &before);
  check_equal(rouse_loop_run_once(loop, rouse_deadline_in_ns(delay_ns)), 0);
  rouse_loop_stats_read(loop, &after);
  return after.sleeps > before.sleeps;
}

// A thread that does not run for a while may take a short sleep for a long one, and may miss that
// it would have slept. So what is looked for is looked for until it is seen.
static void long_sleeps_end_the_watching_and_short_ones_begin_it(void **state) {
  (void)state;
  enum { LONG = 16, MOST = 20000 };
  const rouse_loop_options options = {.spin_ns = 8 * MILLISECOND};
  rouse_loop *loop = NULL;
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  for (int sleeps = 0; sleeps < LONG;) sleeps += sleeps_for(loop, 10 * MILLISECOND);
  int waits = 0;
  while (!sleeps_for(loop, MILLISECOND / 20)) check(++waits < MOST);  // it does not watch any more
  while (rouse__cpu_count() > 1 && sleeps_for(loop, MILLISECOND / 20)) check(++waits < MOST);
  test_loop_destroy(loop);
}

typedef struct letter {
  rouse_wait wait;  // first
  rouse_loop *loop;
  int64_t when_ns;
  bool arrived;
} letter;

static void letter_arrived(rouse_wait *wait, int result) {
  (void)result;
  ((letter *)wait)->arrived = true;
}
static void send_letter(void *argument) {
  letter *self = argument;
  while (rouse_now_ns() < self->when_ns) continue;
  rouse_loop_post(self->loop, &self->wait, letter_arrived);
}

// Waits for another thread's call in |delay_ns|. Whether the loop has slept.
static bool sleeps_until_called(rouse_loop *loop, int64_t delay_ns) {
  letter self = {.loop = loop, .when_ns = rouse_deadline_in_ns(delay_ns)};
  rouse_loop_stats before, after;
  test_thread thread;
  test_thread_start(&thread, send_letter, &self);
  rouse_loop_stats_read(loop, &before);
  while (!self.arrived) check(rouse_loop_run_once(loop, ROUSE_FOREVER) >= 0);
  rouse_loop_stats_read(loop, &after);
  test_thread_join(&thread);
  return after.sleeps > before.sleeps;
}

static void what_the_system_sends_is_watched_for_a_quarter_of_the_time(void **state) {
  (void)state;
  enum { ROW = 4, MOST = 500 };
  const rouse_loop_options options = {.spin_ns = 16 * MILLISECOND};
  rouse_loop *loop = NULL;
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  int waits = 0, row = rouse__cpu_count() > 1 ? 0 : ROW;  // on one processor no loop watches
  for (; row < ROW; row++) {  // longer than a quarter, shorter than all of it
    if (sleeps_until_called(loop, 8 * MILLISECOND)) row = -1;
    check(++waits < MOST);
  }
  for (waits = 0; !sleeps_for(loop, 8 * MILLISECOND);) check(++waits < MOST);
  test_loop_destroy(loop);
}

static void wait_that_was_never_made_has_no_timer(void **state) {
  (void)state;
  rouse_wait wait = {0};
  check_result(rouse_wait_timer_start(&wait, 0), ROUSE_ENOLOOP);
}

// --- calls that never wait -----------------------------------------------------------------------

enum { CALLS = 1000 };
static rouse_waitqueue queue = ROUSE_WAITQUEUE_INIT;
static rouse_task *never_ends;

static bool false_condition(void *unused) {
  (void)unused;
  return false;
}
static bool true_condition(void *unused) {
  (void)unused;
  return true;
}
static int64_t return_at_once(void *unused) {
  (void)unused;
  return 0;
}
static int64_t sleep_for_ever(void *unused) {
  (void)unused;
  return rouse_task_sleep_until(ROUSE_FOREVER);
}

static int look_at_a_condition(void) {
  return rouse_waitqueue_wait_if(&queue, false_condition, NULL);
}
static int be_late(void) { return rouse_waitqueue_wait_if_until(&queue, true_condition, NULL, 0); }
static int join_too_late(void) { return rouse_task_join_until(never_ends, NULL, 0); }
static int sleep_cancelled(void) {
  rouse_task_cancel(rouse_task_here());
  return rouse_task_sleep_ns(SECOND);
}
static int call_cancelled(void) {
  rouse_task_cancel(rouse_task_here());
  return rouse_blocking_call(return_at_once, NULL, NULL);
}

typedef struct never_waits {
  int (*call)(void);
  int result;
} never_waits;
static const never_waits kinds[] = {{look_at_a_condition, ROUSE_EAGAIN},
                                    {be_late, ROUSE_ETIMEDOUT},
                                    {join_too_late, ROUSE_ETIMEDOUT},
                                    {sleep_cancelled, ROUSE_ECANCELED},
                                    {call_cancelled, ROUSE_ECANCELED}};

static int64_t call_again_and_again(void *argument) {
  const never_waits *kind = argument;
  int others = 0, calls = 0;
  rouse_task_detach(test_spawn(NULL, count_up, &others));
  while (!others && calls < CALLS) {
    check_result(kind->call(), kind->result);
    calls++;
  }
  return calls;
}

static int64_t call_all_kinds(void *unused) {
  (void)unused;
  never_ends = test_spawn(NULL, sleep_for_ever, NULL);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    rouse_task *task = test_spawn(NULL, call_again_and_again, (void *)(uintptr_t)&kinds[i]);
    check(test_join(task) < CALLS);
  }
  rouse_task_cancel(never_ends);
  check_equal(test_join(never_ends), ROUSE_ECANCELED);
  return 0;
}

static void calls_that_never_wait_let_others_run(void **state) {
  (void)state;
  test_run(1, call_all_kinds, NULL);
}

// As many wakes as a call can make, while the condition is looked at: they are not taken for none.
static bool wake_very_often(void *argument) {
  if (++*(int *)argument > 1) return false;
  for (int i = 0; i < 64; i++) rouse_waitqueue_wake(&queue, 1u << 23);
  return true;
}
static void large_wakes_inside_the_condition_make_it_be_looked_at_again(void **state) {
  (void)state;
  int looks = 0;
  check_result(rouse_waitqueue_wait_if(&queue, wake_very_often, &looks), ROUSE_EAGAIN);
  check_equal(looks, 2);
}

// --- cancels after the end -----------------------------------------------------------------------

static void cancel_after_the_loop_has_ended_does_nothing(void **state) {
  (void)state;
  int ran = 0;
  rouse_loop *loop = test_loop_create();
  rouse_task *task = test_spawn(NULL, count_up, &ran);
  test_loop_run_until(loop, &ran, 1);
  test_loop_settle(loop);
  test_loop_destroy(loop);
  check(rouse_task_is_done(task));
  rouse_task_cancel(task);
  check_equal(test_join(task), 0);
}

typedef struct late_cancel {
  test_flag spawned;
  rouse_task *task;
} late_cancel;
static void cancel_it(void *argument) {
  late_cancel *self = argument;
  test_flag_await(&self->spawned, 1);
  rouse_task_cancel(self->task);
}
static int64_t spawn_and_return(void *argument) {
  late_cancel *self = argument;
  self->task = test_spawn(rouse_run_loop(1), return_at_once, NULL);
  test_flag_set(&self->spawned);
  return 0;
}

// The canceller meets the task's end, the end of its loop, or neither.
static void cancel_while_the_loops_end_is_safe(void **state) {
  (void)state;
  for (int i = 0; i < test_scaled(300); i++) {
    late_cancel self = {.task = NULL};
    test_thread thread;
    test_thread_start(&thread, cancel_it, &self);
    test_run(2, spawn_and_return, &self);
    test_thread_join(&thread);
    check_equal(test_join(self.task), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(destroy_runs_no_task),
      cmocka_unit_test(destroy_runs_no_task_that_has_come_by_mail),
      cmocka_unit_test(destroy_runs_no_task_of_a_callback_that_it_runs),
      cmocka_unit_test(loop_used_from_inside_itself_dies_with_a_sentence),
      cmocka_unit_test(one_turn_runs_what_has_expired_and_what_has_completed),
      cmocka_unit_test(turn_that_may_sleep_returns_when_something_has_run),
      cmocka_unit_test(watching_for_ever_is_a_second_at_most),
      cmocka_unit_test(long_sleeps_end_the_watching_and_short_ones_begin_it),
      cmocka_unit_test(what_the_system_sends_is_watched_for_a_quarter_of_the_time),
      cmocka_unit_test(wait_that_was_never_made_has_no_timer),
      cmocka_unit_test(calls_that_never_wait_let_others_run),
      cmocka_unit_test(large_wakes_inside_the_condition_make_it_be_looked_at_again),
      cmocka_unit_test(cancel_after_the_loop_has_ended_does_nothing),
      cmocka_unit_test(cancel_while_the_loops_end_is_safe),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
