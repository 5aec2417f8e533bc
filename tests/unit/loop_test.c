// Loops: making and ending them, turns, posts, stops, counters, forks.
#include "sockets.h"
// The sockets' headers come first.
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "../support/support.h"

#ifdef _WIN32
static const char *const all_backends[] = {"iocp"};
#define A_BACKEND "iocp"
#define ANOTHER_BACKEND "iocp"  // there is no other
#else
static const char *const all_backends[] = {"io_uring", "epoll", "poll"};
#define A_BACKEND "poll"
#define ANOTHER_BACKEND "epoll"
#endif

// --- making and ending ---------------------------------------------------------------------------

static void created_loop_is_the_thread_s(void **state) {
  (void)state;
  check(!rouse_loop_here());
  rouse_loop *loop = test_loop_create();
  check(rouse_loop_here() == loop);
  const char *backend = rouse_loop_backend(loop);
  bool known = false;
  for (size_t i = 0; i < sizeof all_backends / sizeof *all_backends; i++) {
    known = known || !strcmp(backend, all_backends[i]);
  }
  check(known);
  check(rouse_loop_doorbell(loop) && *rouse_loop_doorbell(loop));
  test_loop_destroy(loop);
  check(!rouse_loop_here());
}

static void thread_has_one_loop_at_most(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create(), *second = loop;
  check_result(rouse_loop_create(NULL, &second), ROUSE_EBUSY);
  check(!second);
  check(rouse_loop_here() == loop);
  test_loop_destroy(loop);
}

static void loops_come_and_go_on_one_thread(void **state) {
  (void)state;
  for (int i = 0; i < test_scaled(50); i++) test_loop_destroy(test_loop_create());
}

static void unknown_backend_is_invalid(void **state) {
  (void)state;
  rouse_loop *loop = NULL;
  const rouse_loop_options options = {.backend = "abacus"};
  check_result(rouse_loop_create(&options, &loop), ROUSE_EINVAL);
  check(!loop);
  check(!rouse_loop_here());
}

static void create_with_environment(void *argument) {
  rouse_loop *loop = NULL;
  test_environment_set("ROUSE_BACKEND", argument);
  int result = rouse_loop_create(NULL, &loop);
  if (!strcmp(argument, "abacus")) {
    check_result(result, ROUSE_EINVAL);
    return;
  }
  check_result(result, ROUSE_DONE);
  check_string(rouse_loop_backend(loop), argument);
  test_loop_destroy(loop);
  const rouse_loop_options options = {.backend = ANOTHER_BACKEND};
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  check_string(rouse_loop_backend(loop), ANOTHER_BACKEND);  // the caller's word counts more
  test_loop_destroy(loop);
}

static void environment_names_the_backend(void **state) {
  (void)state;
  test_expect_clean_child(create_with_environment, (void *)A_BACKEND);
  test_expect_clean_child(create_with_environment, (void *)ANOTHER_BACKEND);
  test_expect_clean_child(create_with_environment, (void *)"abacus");
}

static void caller_names_the_backend(void **state) {
  (void)state;
  const char *names[] = {ANOTHER_BACKEND, A_BACKEND};
  for (int i = 0; i < 2; i++) {
    rouse_loop *loop = NULL;
    const rouse_loop_options options = {.backend = names[i]};
    check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
    check_string(rouse_loop_backend(loop), names[i]);
    test_loop_destroy(loop);
  }
}

static void stack_below_the_minimum_is_invalid(void **state) {
  (void)state;
  rouse_loop *loop = NULL;
  const rouse_loop_options small = {.stack_size = 16383}, least = {.stack_size = 16384};
  check_result(rouse_loop_create(&small, &loop), ROUSE_EINVAL);
  check(!loop);
  check_result(rouse_loop_create(&least, &loop), ROUSE_DONE);
  test_loop_destroy(loop);
}

static void destroy_of_null_does_nothing(void **state) {
  (void)state;
  check_result(rouse_loop_destroy(NULL), ROUSE_DONE);
}

static void destroy_with_a_pending_wait_is_busy_and_does_nothing(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  rouse_event event = ROUSE_EVENT_INIT;
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  check_result(rouse_event_wait_start(&event, &wait.wait, ROUSE_FOREVER), ROUSE_PENDING);
  check_result(rouse_loop_destroy(loop), ROUSE_EBUSY);
  check(rouse_loop_here() == loop);
  rouse_event_set(&event);
  test_loop_run_until(loop, &wait.completed, 1);
  test_loop_destroy(loop);
}

static int64_t wait_for_event(void *argument) { return rouse_event_wait(argument); }

static void destroy_with_a_task_alive_is_busy(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  rouse_event event = ROUSE_EVENT_INIT;
  rouse_task *task = test_spawn(loop, wait_for_event, &event);
  test_loop_settle(loop);
  check_result(rouse_loop_destroy(loop), ROUSE_EBUSY);
  rouse_event_set(&event);
  test_loop_settle(loop);
  check(rouse_task_is_done(task));
  rouse_task_detach(task);
  test_loop_destroy(loop);
}

static void destroy_with_an_operation_in_flight_is_busy(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  int ends[2];
  test_pair(ends);
  test_io io;
  test_io_init(&io, loop, NULL);
  check_result(rouse_fd_poll_start(&io.io, ends[0], POLLIN, ROUSE_FOREVER), ROUSE_PENDING);
  check_result(rouse_loop_destroy(loop), ROUSE_EBUSY);
  rouse_wait_cancel(&io.io.wait);
  test_loop_run_until(loop, &io.completed, 1);
  check_result(io.result, ROUSE_ECANCELED);
  test_loop_destroy(loop);
  test_close(ends[0]);
  test_close(ends[1]);
}

static void destroy_from_elsewhere(void *argument) { rouse_loop_destroy(argument); }
static void destroy_in_a_thread(void *argument) {
  (void)argument;
  test_thread thread;
  test_thread_start(&thread, destroy_from_elsewhere, test_loop_create());
  test_thread_join(&thread);
}

static void run_from_elsewhere(void *argument) { rouse_loop_run_once(argument, 0); }
static void run_in_a_thread(void *argument) {
  (void)argument;
  test_thread thread;
  test_thread_start(&thread, run_from_elsewhere, test_loop_create());
  test_thread_join(&thread);
}

static int64_t run_inside_task(void *argument) { return rouse_loop_run_once(argument, 0); }
static void run_loop_in_its_task(void *argument) {
  (void)argument;
  rouse_loop *loop = test_loop_create();
  test_spawn(loop, run_inside_task, loop);
  test_loop_settle(loop);
}

static void misuse_of_a_loop_dies_with_a_sentence(void **state) {
  (void)state;
  test_expect_death(destroy_in_a_thread, NULL,
                    "a loop is destroyed by another thread than its own");
  test_expect_death(run_in_a_thread, NULL, "a loop is run by another thread than its own");
  test_expect_death(run_loop_in_its_task, NULL, "a loop is run from inside one of its tasks");
}

// --- turns ---------------------------------------------------------------------------------------

static void turn_without_work_does_not_sleep(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  check_equal(rouse_loop_run_once(loop, 0), 0);
  check_equal(rouse_loop_run_once(loop, -5), 0);
  rouse_loop_stats stats;
  rouse_loop_stats_read(loop, &stats);
  check_equal(stats.sleeps, 0);
  test_loop_destroy(loop);
}

static void turn_without_work_sleeps_until_the_deadline(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  rouse_loop_stats stats = {0};
  // On a machine that is slow enough a deadline has passed before the loop gets to sleep.
  for (int64_t delay_ns = 3 * MILLISECOND; !stats.sleeps; delay_ns *= 2) {
    int64_t deadline_ns = rouse_deadline_in_ns(delay_ns);
    check_equal(rouse_loop_run_once(loop, deadline_ns), 0);
    check(rouse_now_ns() >= deadline_ns);
    rouse_loop_stats_read(loop, &stats);
  }
  test_loop_destroy(loop);
}

static void turn_tells_how_much_was_dispatched(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  int counter = 0;
  test_wait posts[3];
  for (int i = 0; i < 3; i++) {
    test_wait_init(&posts[i], loop, &counter);
    rouse_loop_post(loop, &posts[i].wait, posts[i].wait.callback);
  }
  check_equal(counter, 0);
  check_equal(rouse_loop_run_once(loop, 0), 3);
  check_equal(counter, 3);
  check_equal(rouse_loop_run_once(loop, 0), 0);
  test_loop_destroy(loop);
}

static void loop_without_a_watch_before_sleeping_works(void **state) {
  (void)state;
  rouse_loop *loop = NULL;
  const rouse_loop_options options = {.spin_ns = -1};
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  test_wait timer;
  test_wait_init(&timer, loop, NULL);
  rouse_loop_stats stats = {0};
  int runs = 0;
  for (int64_t delay_ns = MILLISECOND; !stats.sleeps; delay_ns *= 2) {  // see above
    check_result(rouse_wait_timer_start(&timer.wait, rouse_deadline_in_ns(delay_ns)),
                 ROUSE_PENDING);
    test_loop_run_until(loop, &timer.completed, ++runs);
    rouse_loop_stats_read(loop, &stats);
  }
  test_loop_destroy(loop);
}

// --- posts ---------------------------------------------------------------------------------------

typedef struct chain {
  rouse_wait wait;
  int left, runs;
} chain;

static void post_again(rouse_wait *wait, int result) {
  chain *self = (chain *)wait;
  check_result(result, ROUSE_DONE);
  self->runs++;
  if (self->left-- > 0) rouse_loop_post(rouse_loop_here(), wait, post_again);
}

static void post_may_be_posted_again_inside_its_callback(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  chain self = {.left = 999};
  memset(&self.wait, 0xa5, sizeof self.wait);  // needs no rouse_wait_init()
  rouse_loop_post(loop, &self.wait, post_again);
  check_equal(self.runs, 0);
  test_loop_run_until(loop, &self.runs, 1000);
  test_loop_settle(loop);
  check_equal(self.runs, 1000);
  test_loop_destroy(loop);
}

enum { POSTS = 1000 };
typedef struct producer {
  rouse_loop *loop;
  struct numbered {
    rouse_wait wait;
    int number;
    int *next;
    int *total;
  } posts[POSTS];
  int next;
} producer;

static void take_in_order(rouse_wait *wait, int result) {
  struct numbered *self = (struct numbered *)wait;
  check_result(result, ROUSE_DONE);
  check_equal(self->number, *self->next);
  ++*self->next;
  ++*self->total;
}

static void produce(void *argument) {
  producer *self = argument;
  for (int i = 0; i < POSTS; i++) rouse_loop_post(self->loop, &self->posts[i].wait, take_in_order);
}

static void posts_of_each_thread_arrive_once_and_in_order(void **state) {
  (void)state;
  static producer producers[2];
  rouse_loop *loop = test_loop_create();
  int total = 0;
  test_thread threads[2];
  for (int p = 0; p < 2; p++) {
    producers[p].loop = loop;
    producers[p].next = 0;
    for (int i = 0; i < POSTS; i++) {
      producers[p].posts[i].number = i;
      producers[p].posts[i].next = &producers[p].next;
      producers[p].posts[i].total = &total;
    }
    test_thread_start(&threads[p], produce, &producers[p]);
  }
  test_loop_run_until(loop, &total, 2 * POSTS);
  for (int p = 0; p < 2; p++) test_thread_join(&threads[p]);
  test_loop_settle(loop);
  check_equal(total, 2 * POSTS);
  test_loop_destroy(loop);
}

// --- stop ----------------------------------------------------------------------------------------

static void stopped_loop_without_tasks_returns_from_its_run(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  rouse_loop_stop(loop);
  rouse_loop_stop(loop);
  check_result(rouse_loop_run(loop), ROUSE_DONE);
  test_loop_destroy(loop);
}

static int64_t stop_own_loop(void *argument) {
  rouse_loop_stop(rouse_loop_here());
  check(rouse_task_is_cancelled() || rouse_task_sleep_ns(SECOND) == ROUSE_ECANCELED);
  *(int *)argument = 1;
  return 0;
}

static void task_can_stop_its_loop(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  int stopped = 0;
  check_result(rouse_task_spawn(NULL, loop, stop_own_loop, &stopped), ROUSE_DONE);
  check_result(rouse_loop_run(loop), ROUSE_DONE);
  check_equal(stopped, 1);
  test_loop_destroy(loop);
}

typedef struct stopping {
  rouse_loop *loop;
  test_flag may_stop, has_stopped;
} stopping;

static void stop_from_thread(void *argument) {
  stopping *self = argument;
  test_flag_await(&self->may_stop, 1);
  rouse_loop_stop(self->loop);
  test_flag_set(&self->has_stopped);
}

static int64_t sleep_long(void *argument) {
  stopping *self = argument;
  test_flag_set(&self->may_stop);
  check_result(rouse_task_sleep_ns(3600 * SECOND), ROUSE_ECANCELED);
  check(rouse_task_is_cancelled());
  // Later ones are cancelled as soon as they start.
  return 7;
}

static void stop_from_another_thread_cancels_all_tasks(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  stopping self = {.loop = loop};
  rouse_task *task = test_spawn(loop, sleep_long, &self);
  test_thread thread;
  test_thread_start(&thread, stop_from_thread, &self);
  check_result(rouse_loop_run(loop), ROUSE_DONE);
  test_thread_join(&thread);
  check(rouse_task_is_done(task));
  int64_t result = 0;
  check_result(rouse_task_join(task, &result), ROUSE_DONE);  // ended: takes no waiting
  check_equal(result, 7);
  test_loop_destroy(loop);
}

static int64_t started_late(void *argument) {
  (void)argument;
  check(rouse_task_is_cancelled());
  return rouse_task_sleep_ns(3600 * SECOND);
}

static int64_t spawn_while_stopping(void *argument) {
  rouse_task **late = argument;
  rouse_loop_stop(rouse_loop_here());
  *late = test_spawn(NULL, started_late, NULL);
  return 0;
}

static void task_spawned_while_stopping_starts_cancelled(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  rouse_task *late = NULL;
  check_result(rouse_task_spawn(NULL, loop, spawn_while_stopping, &late), ROUSE_DONE);
  check_result(rouse_loop_run(loop), ROUSE_DONE);
  check(rouse_task_is_done(late));
  check_result(test_join(late), ROUSE_ECANCELED);
  test_loop_destroy(loop);
}

static void spawn_on_a_loop_that_has_stopped_is_refused(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  rouse_loop_stop(loop);
  check_result(rouse_loop_run(loop), ROUSE_DONE);
  rouse_task *task = NULL;
  check_result(rouse_task_spawn(&task, loop, started_late, NULL), ROUSE_ECLOSED);
  check_result(rouse_task_spawn(NULL, loop, started_late, NULL), ROUSE_ECLOSED);
  test_loop_destroy(loop);
}

// --- counters ------------------------------------------------------------------------------------

static int64_t count_something(void *argument) {
  (void)argument;
  rouse_task_yield();
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  return 0;
}

static void counters_count(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  rouse_loop_stats stats;
  memset(&stats, 0xff, sizeof stats);
  rouse_loop_stats_read(loop, &stats);
  const rouse_loop_stats none = {0};
  check(memcmp(&stats, &none, sizeof none) == 0);
  for (int i = 0; i < 5; i++) {
    check_result(rouse_task_spawn(NULL, loop, count_something, NULL), ROUSE_DONE);
  }
  do {
    check(rouse_loop_run_once(loop, rouse_deadline_in_ns(SECOND)) >= 0);
    rouse_loop_stats_read(loop, &stats);
  } while (stats.tasks < 5);
  check_equal(stats.tasks, 5);
  check_equal(stats.tasks_most, 5);
  check_equal(stats.waits, 5);       // the sleeps
  check(stats.dispatches >= 3 * 5);  // starts, yields, sleeps
  check_equal(stats.operations, 0);
  check_equal(stats.blocking_calls, 0);
  check_equal(stats.bells_rung, 0);
  test_loop_destroy(loop);
}

enum { POSTS_ACROSS = 100 };

static int64_t post_across_loops(void *argument) {
  static test_wait posts[POSTS_ACROSS];
  rouse_loop_stats before, after;
  rouse_loop *other = rouse_run_loop(1);
  rouse_loop_stats_read(rouse_loop_here(), &before);
  for (int i = 0; i < POSTS_ACROSS; i++) {
    test_wait_init(&posts[i], other, NULL);
    rouse_loop_post(other, &posts[i].wait, posts[i].wait.callback);
    if (i % 10 == 0) sched_yield();  // the other may sleep again
  }
  rouse_loop_stats_read(rouse_loop_here(), &after);
  check_equal(after.bells_rung + after.bells_elided - before.bells_rung - before.bells_elided,
              POSTS_ACROSS);
  test_join(test_spawn(other, count_something, NULL));  // started after all of them
  for (int i = 0; i < POSTS_ACROSS; i++) check_equal(posts[i].completed, 1);
  rouse_run_stats_read(argument);
  return 0;
}

static void every_hand_over_to_another_loop_rings_its_bell_or_needs_not(void **state) {
  (void)state;
  rouse_loop_stats stats;
  test_run(2, post_across_loops, &stats);
  check(stats.bells_rung <= stats.sleeps);  // at most one for each sleep
}

#ifndef _WIN32  // where nobody forks

// --- fork ----------------------------------------------------------------------------------------

static int64_t no_task(void *argument) {
  (void)argument;
  return 5;
}

typedef struct parent {
  rouse_loop *loop;
  rouse_io *io;
  int fd;
} parent;

static void use_parent_s_loop(void *argument) {
  parent *self = argument;
  rouse_task *task = NULL;
  check_result(rouse_loop_run_once(self->loop, 0), ROUSE_EFORKED);
  check_result(rouse_loop_run(self->loop), ROUSE_EFORKED);
  check_result(rouse_task_spawn(&task, self->loop, no_task, NULL), ROUSE_EFORKED);
  check_result(rouse_fd_poll_start(self->io, self->fd, POLLIN, ROUSE_FOREVER), ROUSE_EFORKED);
  check_result(rouse_loop_destroy(self->loop), ROUSE_EFORKED);
  // A loop of its own is to be had.
  int64_t result = 0;
  check_result(rouse_run(NULL, no_task, NULL, &result), ROUSE_DONE);
  check_equal(result, 5);
  rouse_loop *own = NULL;
  check_result(rouse_loop_create(NULL, &own), ROUSE_DONE);
  test_loop_destroy(own);
}

static void child_of_a_fork_is_refused_its_parent_s_loop_and_may_have_its_own(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  int ends[2];
  test_pair(ends);
  test_io io, spare;
  test_io_init(&io, loop, NULL);
  test_io_init(&spare, loop, NULL);
  check_result(rouse_fd_poll_start(&io.io, ends[0], POLLIN, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_settle(loop);
  parent self = {loop, &spare.io, ends[0]};
  test_expect_clean_child(use_parent_s_loop, &self);
  // The parent goes on as if nothing had been.
  test_put(ends[1], 'x');
  test_loop_run_until(loop, &io.completed, 1);
  check(io.result & POLLIN);
  test_loop_destroy(loop);
  test_close(ends[0]);
  test_close(ends[1]);
}

static int64_t sync_in_child(void *argument) {
  rouse_mutex *mutex = argument;
  check_result(rouse_mutex_lock(mutex), ROUSE_DONE);  // takes no waiting: allowed
  check_result(rouse_mutex_lock(mutex), ROUSE_EFORKED);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_EFORKED);
  _exit(0);
}
static void sync_in_child_process(void *argument) { sync_in_child(argument); }
static int64_t wait_in_a_forked_task(void *argument) {
  test_expect_clean_child(sync_in_child_process, argument);
  return 0;
}

static void task_that_forked_is_refused_to_wait_in_the_child(void **state) {
  (void)state;
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  test_run(1, wait_in_a_forked_task, &mutex);
}

#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(created_loop_is_the_thread_s),
      cmocka_unit_test(thread_has_one_loop_at_most),
      cmocka_unit_test(loops_come_and_go_on_one_thread),
      cmocka_unit_test(unknown_backend_is_invalid),
      cmocka_unit_test(environment_names_the_backend),
      cmocka_unit_test(caller_names_the_backend),
      cmocka_unit_test(stack_below_the_minimum_is_invalid),
      cmocka_unit_test(destroy_of_null_does_nothing),
      cmocka_unit_test(destroy_with_a_pending_wait_is_busy_and_does_nothing),
      cmocka_unit_test(destroy_with_a_task_alive_is_busy),
      cmocka_unit_test(destroy_with_an_operation_in_flight_is_busy),
      cmocka_unit_test(misuse_of_a_loop_dies_with_a_sentence),
      cmocka_unit_test(turn_without_work_does_not_sleep),
      cmocka_unit_test(turn_without_work_sleeps_until_the_deadline),
      cmocka_unit_test(turn_tells_how_much_was_dispatched),
      cmocka_unit_test(loop_without_a_watch_before_sleeping_works),
      cmocka_unit_test(post_may_be_posted_again_inside_its_callback),
      cmocka_unit_test(posts_of_each_thread_arrive_once_and_in_order),
      cmocka_unit_test(stopped_loop_without_tasks_returns_from_its_run),
      cmocka_unit_test(task_can_stop_its_loop),
      cmocka_unit_test(stop_from_another_thread_cancels_all_tasks),
      cmocka_unit_test(task_spawned_while_stopping_starts_cancelled),
      cmocka_unit_test(spawn_on_a_loop_that_has_stopped_is_refused),
      cmocka_unit_test(counters_count),
      cmocka_unit_test(every_hand_over_to_another_loop_rings_its_bell_or_needs_not),
#ifndef _WIN32
      cmocka_unit_test(child_of_a_fork_is_refused_its_parent_s_loop_and_may_have_its_own),
      cmocka_unit_test(task_that_forked_is_refused_to_wait_in_the_child),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
