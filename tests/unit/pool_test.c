// The blocking pool itself: order, growth, cancels, forks. Calls of tasks on it are
// blocking_test's.
//
// White box: the source is included, so that a test can hold the pool's queue in its hands.
#define _GNU_SOURCE
#include "../../src/runtime/pool.c"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifndef _WIN32
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#else
#include <windows.h>
// These come after it.
#include <tlhelp32.h>
#endif

#include "../support/support.h"

typedef struct job {
  struct rouse__work work;
  test_flag started, may_end, reported;
  bool blocks, cancelled;
  int order;
  uint32_t *counter;
} job;

static void run_job(struct rouse__work *work, bool cancelled) {
  job *self = ROUSE__CONTAINER(work, job, work);
  check_equal(test_flag_read(&self->reported), 0);
  self->cancelled = cancelled;
  if (!cancelled) {
    test_flag_set(&self->started);
    if (self->blocks) test_flag_await(&self->may_end, 1);
  }
  if (self->counter) {
    self->order = (int)__atomic_add_fetch(self->counter, 1, __ATOMIC_ACQ_REL);
  }
  test_flag_set(&self->reported);
}

static const struct rouse__work_kind job_kind = {.run = run_job};

static rouse__pool *pool_of(uint32_t threads) {
  rouse__pool *pool = NULL;
  check_result(rouse__pool_create(threads, &pool), ROUSE_DONE);
  check(pool);
  return pool;
}

static void submit(rouse__pool *pool, job *self) {
  check_result(rouse__pool_submit(pool, &self->work, &job_kind), ROUSE_DONE);
}

// A job that occupies a thread until it is told to end.
static void occupy(rouse__pool *pool, job *self) {
  *self = (job){.blocks = true};
  submit(pool, self);
  test_flag_await(&self->started, 1);
}

#ifdef _WIN32

// How many threads this process has more than at the first call.
static int pool_threads(void) {
  static int others = -1;
  HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
  check(all != INVALID_HANDLE_VALUE);
  THREADENTRY32 entry = {.dwSize = sizeof entry};
  int count = 0;
  for (BOOL more = Thread32First(all, &entry); more; more = Thread32Next(all, &entry)) {
    count += entry.th32OwnerProcessID == GetCurrentProcessId();
  }
  CloseHandle(all);
  if (others < 0) others = count;
  return count - others;
}

#else

// How many threads of this process have the name of a pool's.
static int pool_threads(void) {
  DIR *tasks = opendir("/proc/self/task");
  check(tasks);
  int count = 0;
  struct dirent *entry;
  while ((entry = readdir(tasks))) {
    char path[300], name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    if (fgets(name, sizeof name, file) && !strcmp(name, "rouse-pool\n")) count++;
    fclose(file);
  }
  closedir(tasks);
  return count;
}

#endif

// A thread has its name a moment after its start, and is listed for a moment after it was joined.
static void await_pool_threads(int count) {
  for (int i = 0; i < 5000 && pool_threads() != count; i++) usleep(1000);
  check_equal(pool_threads(), count);
}

// --- order and growth ----------------------------------------------------------------------------

static void work_runs_in_order_of_submission(void **state) {
  (void)state;
  rouse__pool *pool = pool_of(1);
  uint32_t counter = 0;
  static job busy, jobs[300];
  occupy(pool, &busy);
  for (int i = 0; i < 300; i++) {
    jobs[i] = (job){.counter = &counter};
    submit(pool, &jobs[i]);
    if (i == 150) test_flag_set(&busy.may_end);  // the rest comes while it is at work
  }
  for (int i = 0; i < 300; i++) {
    test_flag_await(&jobs[i].reported, 1);
    check_equal(jobs[i].order, i + 1);
    check(!jobs[i].cancelled);
  }
  rouse__pool_destroy(pool);
}

static void threads_start_on_demand_and_no_more_than_allowed(void **state) {
  (void)state;
  enum { THREADS = 5 };
  await_pool_threads(0);
  rouse__pool *pool = pool_of(THREADS);
  await_pool_threads(1);
  job jobs[THREADS + 3];
  for (int i = 0; i < THREADS; i++) {
    occupy(pool, &jobs[i]);
    await_pool_threads(i + 2 < THREADS ? i + 2 : THREADS);  // one idle ahead
  }
  for (int i = THREADS; i < THREADS + 3; i++) {
    jobs[i] = (job){.blocks = true};
    submit(pool, &jobs[i]);
  }
  usleep(20000);
  for (int i = THREADS; i < THREADS + 3; i++) check_equal(test_flag_read(&jobs[i].started), 0);
  check_equal(pool_threads(), THREADS);
  for (int i = 0; i < THREADS + 3; i++) test_flag_set(&jobs[i].may_end);
  for (int i = 0; i < THREADS + 3; i++) test_flag_await(&jobs[i].reported, 1);
  rouse__pool_destroy(pool);
  await_pool_threads(0);
}

static void one_after_the_other_needs_two_threads(void **state) {
  (void)state;
  rouse__pool *pool = pool_of(8);
  job self;
  for (int i = 0; i < 200; i++) {
    self = (job){.cancelled = true};
    submit(pool, &self);
    test_flag_await(&self.reported, 1);
    check(!self.cancelled);
  }
  check(pool_threads() <= 3);  // a worker that has reported is not idle at once
  rouse__pool_destroy(pool);
}

#ifndef _WIN32

typedef struct look {
  struct rouse__work work;
  sigset_t blocked;
  test_flag reported;
} look;

static void look_at_signals(struct rouse__work *work, bool cancelled) {
  look *self = ROUSE__CONTAINER(work, look, work);
  check(!cancelled);
  pthread_sigmask(SIG_SETMASK, NULL, &self->blocked);
  test_flag_set(&self->reported);
}

static void threads_of_the_pool_take_no_signals(void **state) {
  (void)state;
  const struct rouse__work_kind kind = {.run = look_at_signals};
  rouse__pool *pool = pool_of(1);
  look self = {.reported = {0}};
  check_result(rouse__pool_submit(pool, &self.work, &kind), ROUSE_DONE);
  test_flag_await(&self.reported, 1);
  const int signals[] = {SIGINT, SIGTERM, SIGALRM, SIGCHLD, SIGPIPE, SIGUSR1, SIGHUP, SIGWINCH};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
    check_equal(sigismember(&self.blocked, signals[i]), 1);
  }
  rouse__pool_destroy(pool);
}

#endif

// --- cancels -------------------------------------------------------------------------------------

static void cancelled_work_is_reported_at_once_though_all_threads_are_busy(void **state) {
  (void)state;
  rouse__pool *pool = pool_of(1);
  job busy, jobs[5] = {{.blocks = false}};
  occupy(pool, &busy);
  for (int i = 0; i < 5; i++) submit(pool, &jobs[i]);
  const int order[] = {2, 0, 4, 1};  // the middle, the first, the last, the new first
  for (int i = 0; i < 4; i++) {
    check(rouse__pool_cancel(pool, &jobs[order[i]].work));
    check_equal(test_flag_read(&jobs[order[i]].reported), 1);
    check(jobs[order[i]].cancelled);
    check(!rouse__pool_cancel(pool, &jobs[order[i]].work));
    check_equal(test_flag_read(&jobs[order[i]].reported), 1);
  }
  test_flag_set(&busy.may_end);
  test_flag_await(&jobs[3].reported, 1);
  check(!jobs[3].cancelled);
  for (int i = 0; i < 5; i++) check_equal(test_flag_read(&jobs[i].started), i == 3);
  rouse__pool_destroy(pool);
}

static void work_that_runs_cannot_be_cancelled(void **state) {
  (void)state;
  rouse__pool *pool = pool_of(1);
  job busy;
  occupy(pool, &busy);
  check(!rouse__pool_cancel(pool, &busy.work));
  test_flag_set(&busy.may_end);
  test_flag_await(&busy.reported, 1);
  check(!rouse__pool_cancel(pool, &busy.work));
  check(!busy.cancelled);
  rouse__pool_destroy(pool);
}

// The thread that holds the queue at the moment of a cancel lets go of the cancelled work.
static void cancel_of_a_queue_in_other_hands_leaves_the_rest_to_them(void **state) {
  (void)state;
  rouse__pool *pool = pool_of(1);
  job busy, jobs[4] = {{.blocks = false}};
  occupy(pool, &busy);
  for (int i = 0; i < 3; i++) submit(pool, &jobs[i]);
  check(rouse_mutex_try_lock(&pool->lock));
  check(rouse__pool_cancel(pool, &jobs[2].work));
  submit(pool, &jobs[3]);
  check(rouse__pool_cancel(pool, &jobs[3].work));
  check(rouse__pool_cancel(pool, &jobs[0].work));
  for (int i = 0; i < 4; i++) check_equal(test_flag_read(&jobs[i].reported), 0);
  rouse_mutex_unlock(&pool->lock);
  let_go_of_claimed(pool);
  for (int i = 0; i < 4; i++) {
    check_equal(test_flag_read(&jobs[i].reported), i != 1);
    check_equal(jobs[i].cancelled, i != 1);
  }
  test_flag_set(&busy.may_end);
  test_flag_await(&jobs[1].reported, 1);
  rouse__pool_destroy(pool);
}

static void worker_lets_go_of_what_was_cancelled_while_it_had_the_queue(void **state) {
  (void)state;
  rouse__pool *pool = pool_of(2);
  job busy, next = {.blocks = true}, claimed = {.blocks = false};
  occupy(pool, &busy);
  await_pool_threads(2);
  check(rouse_mutex_try_lock(&pool->lock));
  submit(pool, &next);
  while (rouse_semaphore_available(&pool->permits)) usleep(100);  // the second has its permit
  submit(pool, &claimed);
  check(rouse__pool_cancel(pool, &claimed.work));
  check_equal(test_flag_read(&claimed.reported), 0);
  rouse_mutex_unlock(&pool->lock);
  test_flag_await(&claimed.reported, 1);  // by the worker that has |next| now
  check(claimed.cancelled);
  check_equal(test_flag_read(&next.reported), 0);
  test_flag_set(&busy.may_end), test_flag_set(&next.may_end);
  test_flag_await(&busy.reported, 1), test_flag_await(&next.reported, 1);
  rouse__pool_destroy(pool);
}

static void permits_of_cancelled_work_go_with_it(void **state) {
  (void)state;
  rouse__pool *pool = pool_of(2);
  job busy[2], waiting[50] = {{.blocks = false}};
  occupy(pool, &busy[0]);
  occupy(pool, &busy[1]);
  for (int i = 0; i < 50; i++) submit(pool, &waiting[i]);
  check_equal(rouse_semaphore_available(&pool->permits), 50);
  for (int i = 0; i < 50; i += 2) check(rouse__pool_cancel(pool, &waiting[i].work));
  check_equal(rouse_semaphore_available(&pool->permits), 25);
  for (int i = 0; i < 2; i++) test_flag_set(&busy[i].may_end);
  for (int i = 0; i < 50; i++) {
    test_flag_await(&waiting[i].reported, 1);
    check_equal(waiting[i].cancelled, i % 2 == 0);
  }
  rouse__pool_destroy(pool);
}

// The worker that has the permit of cancelled work finds nothing, and later another piece of work,
// while whoever takes the cancelled one off the list is about to report it.
static void permit_of_later_work_is_not_taken_for_a_cancelled_one(void **state) {
  (void)state;
  rouse__pool *pool = pool_of(1);
  job cancelled = {.blocks = false}, busy, later = {.blocks = false};
  check(rouse_mutex_try_lock(&pool->lock));
  submit(pool, &cancelled);
  while (rouse_semaphore_available(&pool->permits)) usleep(100);
  check(rouse__pool_cancel(pool, &cancelled.work));
  struct rouse__work *claimed = take_claimed(pool);
  check(claimed == &cancelled.work);
  while (load_relaxed(&pool->idle)) usleep(100);
  rouse_mutex_unlock(&pool->lock);
  while (!load_relaxed(&pool->idle)) usleep(100);  // it has found nothing
  occupy(pool, &busy);
  submit(pool, &later);
  report_claimed(claimed);
  let_go_of_claimed(pool);
  check_equal(test_flag_read(&cancelled.reported), 1);
  test_flag_set(&busy.may_end);
  test_flag_await(&later.reported, 1);
  rouse__pool_destroy(pool);
}

// Several submitters that cancel their own work and let it run: each piece is reported once, and as
// cancelled if and only if a cancel claimed it.
typedef struct storm {
  rouse__pool *pool;
  int index, rounds;
  uint32_t claimed;
} storm;

static void submit_and_cancel(void *argument) {
  storm *self = argument;
  enum { MANY = 64 };
  job *jobs = calloc(MANY, sizeof *jobs);
  check(jobs);
  random_source random = random_from((uint64_t)self->index);
  for (int round = 0; round < self->rounds; round++) {
    bool claimed[MANY] = {false};
    for (int i = 0; i < MANY; i++) {
      jobs[i] = (job){.blocks = false};
      submit(self->pool, &jobs[i]);
      if (!random_one_in(&random, 3)) continue;
      uint32_t which = random_below(&random, (uint32_t)i + 1);
      claimed[which] |= rouse__pool_cancel(self->pool, &jobs[which].work);
    }
    for (int i = 0; i < MANY; i++) {
      test_flag_await(&jobs[i].reported, 1);
      check_equal(jobs[i].cancelled, claimed[i]);
      check_equal(test_flag_read(&jobs[i].started), !claimed[i]);
      self->claimed += claimed[i];
    }
    watchdog_progress();
  }
  free(jobs);
}

static void work_is_run_or_cancelled_exactly_once(void **state) {
  (void)state;
  watchdog_start();
  for (uint32_t threads = 1; threads <= 3; threads++) {
    enum { SUBMITTERS = 3 };
    storm storms[SUBMITTERS];
    test_thread submitters[SUBMITTERS];
    rouse__pool *pool = pool_of(threads);
    uint32_t claimed = 0;
    for (int i = 0; i < SUBMITTERS; i++) {
      storms[i] = (storm){.pool = pool, .index = i, .rounds = test_scaled(300)};
      test_thread_start(&submitters[i], submit_and_cancel, &storms[i]);
    }
    for (int i = 0; i < SUBMITTERS; i++) {
      test_thread_join(&submitters[i]);
      claimed += storms[i].claimed;
    }
    check(claimed > 0);
    rouse__pool_destroy(pool);
  }
  watchdog_stop();
}

static void pool_is_destroyed_right_after_the_last_report(void **state) {
  (void)state;
  for (int round = 0; round < test_scaled(300); round++) {
    rouse__pool *pool = pool_of(3);
    job jobs[4] = {{.blocks = false}};
    for (int i = 0; i < 4; i++) submit(pool, &jobs[i]);
    for (int i = 0; i < 4; i++) test_flag_await(&jobs[i].reported, 1);
    rouse__pool_destroy(pool);
  }
}

#ifndef _WIN32  // where nobody forks, and no limit on threads can be set

// --- no threads ----------------------------------------------------------------------------------

// From here on this process can't start threads. Root may always, so it becomes somebody else.
static void forbid_threads(void) {
  check_system(setrlimit(RLIMIT_NPROC, &(struct rlimit){0, 0}));
  if (getuid() == 0) check_system(setuid(65534));
}

static void create_without_threads(void *argument) {
  (void)argument;
  forbid_threads();
  rouse__pool *pool;
  check_result(rouse__pool_create(4, &pool), ROUSE_ENOMEM);
  check(!pool);
}

static void no_pool_without_a_thread(void **state) {
  (void)state;
  test_expect_clean_child(create_without_threads, NULL);
}

static void work_on_one_thread(void *argument) {
  (void)argument;
  rouse__pool *pool = pool_of(4);
  forbid_threads();
  static job jobs[GROW_PAUSE * 2 + 10];
  for (int i = 0; i < GROW_PAUSE * 2 + 10; i++) submit(pool, &jobs[i]);
  for (int i = 0; i < GROW_PAUSE * 2 + 10; i++) test_flag_await(&jobs[i].reported, 1);
  check_equal(pool->thread_count, 1);
  rouse__pool_destroy(pool);
}

static void pool_that_cannot_grow_works_with_what_it_has(void **state) {
  (void)state;
  test_expect_clean_child(work_on_one_thread, NULL);
}

static int64_t make_no_call(void *argument) {
  (void)argument;
  check_failed(__FILE__, __LINE__, "is not so: a call that was refused is not made");
}

static int64_t call_without_threads(void *argument) {
  (void)argument;
  forbid_threads();
  check_result(rouse_blocking_call(make_no_call, NULL, NULL), ROUSE_ENOMEM);
  return 0;
}

static void run_without_threads(void *argument) { test_run(1, call_without_threads, argument); }

static void call_without_a_thread_is_refused(void **state) {
  (void)state;
  test_expect_clean_child(run_without_threads, NULL);
}

// --- forks ---------------------------------------------------------------------------------------

static void use_in_child(void *argument) {
  rouse__pool *pool = argument;
  job self = {.blocks = false};
  check_result(rouse__pool_submit(pool, &self.work, &job_kind), ROUSE_EFORKED);
  rouse__pool_destroy(pool);
}

static void child_neither_uses_the_pool_nor_hangs_on_it(void **state) {
  (void)state;
  rouse__pool *pool = pool_of(2);
  job busy;
  occupy(pool, &busy);
  test_expect_clean_child(use_in_child, pool);
  test_flag_set(&busy.may_end);
  test_flag_await(&busy.reported, 1);
  rouse__pool_destroy(pool);
}

// A call that forks and comes back twice.
static int64_t fork_and_return(void *argument) {
  (void)argument;
  fflush(NULL);
  return fork();
}

static int64_t call_fork(void *argument) {
  (void)argument;
  int64_t child = -1;
  int status = -1;
  check_result(rouse_blocking_call(fork_and_return, NULL, &child), ROUSE_DONE);
  check(child > 0);
  while (waitpid((pid_t)child, &status, 0) < 0) check_equal(errno, EINTR);
  check(WIFEXITED(status));
  // The child ends with the stacks of all but one thread left behind: leaks, to a sanitizer.
  if (!TEST_SANITIZED) check_equal(WEXITSTATUS(status), 0);
  return 0;
}

static void child_of_a_call_ends_with_it(void **state) {
  (void)state;
  test_run(1, call_fork, NULL);
}

#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(work_runs_in_order_of_submission),
      cmocka_unit_test(threads_start_on_demand_and_no_more_than_allowed),
      cmocka_unit_test(one_after_the_other_needs_two_threads),
#ifndef _WIN32
      cmocka_unit_test(threads_of_the_pool_take_no_signals),
#endif
      cmocka_unit_test(cancelled_work_is_reported_at_once_though_all_threads_are_busy),
      cmocka_unit_test(work_that_runs_cannot_be_cancelled),
      cmocka_unit_test(cancel_of_a_queue_in_other_hands_leaves_the_rest_to_them),
      cmocka_unit_test(worker_lets_go_of_what_was_cancelled_while_it_had_the_queue),
      cmocka_unit_test(permits_of_cancelled_work_go_with_it),
      cmocka_unit_test(permit_of_later_work_is_not_taken_for_a_cancelled_one),
      cmocka_unit_test(work_is_run_or_cancelled_exactly_once),
      cmocka_unit_test(pool_is_destroyed_right_after_the_last_report),
#ifndef _WIN32
      cmocka_unit_test(no_pool_without_a_thread),
      cmocka_unit_test(pool_that_cannot_grow_works_with_what_it_has),
      cmocka_unit_test(call_without_a_thread_is_refused),
      cmocka_unit_test(child_neither_uses_the_pool_nor_hangs_on_it),
      cmocka_unit_test(child_of_a_call_ends_with_it),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
