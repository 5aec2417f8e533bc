// Threads, loops and processes for tests. What differs between systems is in posix/ and windows/.
#include "support.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// How much slower than a plain native build this one is.
static int slowness(void) {
  const char *given = getenv("ROUSE_TEST_SLOWNESS");
  int factor = given ? atoi(given) : 1;
  if (factor < 1) factor = 1;
  return factor * (TEST_SANITIZED ? 4 : 1);
}

int test_scaled(int count) {
  int scaled = count / slowness();
  return scaled > 0 ? scaled : 1;
}

_Noreturn void test_skip(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("SKIP: ", stdout);
  vprintf(format, arguments);
  fputc('\n', stdout);
  va_end(arguments);
  fflush(NULL);
  exit(77);
}

// --- the watchdog --------------------------------------------------------------------------------

static struct {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t stop;
  bool running;
  _Alignas(8) uint64_t progress;  // aligned to be atomic on 32-bit systems
} dog = {.lock = PTHREAD_MUTEX_INITIALIZER, .stop = PTHREAD_COND_INITIALIZER};

static void *watch(void *argument) {
  (void)argument;
  const int limit = 20 * slowness();
  uint64_t seen = 0;
  int quiet = 0;
  pthread_mutex_lock(&dog.lock);
  while (dog.running) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    pthread_cond_timedwait(&dog.stop, &dog.lock, &until);
    uint64_t now = __atomic_load_n(&dog.progress, __ATOMIC_RELAXED);
    quiet = now == seen ? quiet + 1 : 0;
    seen = now;
    if (dog.running && quiet >= limit) {
      fprintf(stderr, "watchdog: no progress for %d seconds; a wake was lost\n", quiet);
      check_print_state();
      fflush(NULL);
      abort();
    }
  }
  pthread_mutex_unlock(&dog.lock);
  return NULL;
}

void watchdog_start(void) {
  dog.running = true;
  int error = pthread_create(&dog.thread, NULL, watch, NULL);
  check_equal(error, 0);
}

void watchdog_progress(void) { __atomic_add_fetch(&dog.progress, 1, __ATOMIC_RELAXED); }

void watchdog_stop(void) {
  pthread_mutex_lock(&dog.lock);
  dog.running = false;
  pthread_cond_signal(&dog.stop);
  pthread_mutex_unlock(&dog.lock);
  pthread_join(dog.thread, NULL);
}

// --- threads -------------------------------------------------------------------------------------

static void *thread_main(void *argument) {
  test_thread *thread = argument;
  thread->function(thread->argument);
  return NULL;
}

void test_thread_start(test_thread *thread, test_thread_fn *function, void *argument) {
  thread->function = function;
  thread->argument = argument;
  check_equal(pthread_create(&thread->thread, NULL, thread_main, thread), 0);
}

void test_thread_join(test_thread *thread) { check_equal(pthread_join(thread->thread, NULL), 0); }

void test_flag_await(const test_flag *flag, uint32_t times) {
  const int64_t limit_ns = rouse_deadline_in_ns(30 * SECOND * slowness());
  for (int i = 0; test_flag_read(flag) < times; i++) {
    if (i < 100) {
      sched_yield();
    } else {
      nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    }
    if (rouse_now_ns() > limit_ns) check_failed(__FILE__, __LINE__, "a flag was awaited in vain");
  }
}

// --- loops ---------------------------------------------------------------------------------------

rouse_loop *test_loop_create(void) {
  rouse_loop *loop = NULL;
  check_result(rouse_loop_create(NULL, &loop), ROUSE_DONE);
  check(loop);
  return loop;
}

void test_loop_destroy(rouse_loop *loop) { check_result(rouse_loop_destroy(loop), ROUSE_DONE); }

void test_loop_run_until(rouse_loop *loop, const int *done, int times) {
  const int64_t limit_ns = rouse_deadline_in_ns(30 * SECOND * slowness());
  while (*done < times) {
    check(rouse_loop_run_once(loop, limit_ns) >= 0);
    if (rouse_now_ns() > limit_ns) check_failed(__FILE__, __LINE__, "a loop was run in vain");
  }
}

void test_loop_settle(rouse_loop *loop) {
  int dispatched;
  do {
    dispatched = rouse_loop_run_once(loop, 0);
    check(dispatched >= 0);
  } while (dispatched > 0);
}

int64_t test_run_options(const rouse_run_options *options, rouse_task_fn *function,
                         void *argument) {
  int64_t result = INT64_MIN;
  check_result(rouse_run(options, function, argument, &result), ROUSE_DONE);
  return result;
}

int64_t test_run(uint32_t loops, rouse_task_fn *function, void *argument) {
  const rouse_run_options options = {.loops = loops};
  return test_run_options(&options, function, argument);
}

rouse_task *test_spawn(rouse_loop *loop, rouse_task_fn *function, void *argument) {
  rouse_task *task = NULL;
  check_result(rouse_task_spawn(&task, loop, function, argument), ROUSE_DONE);
  check(task);
  return task;
}

int64_t test_join(rouse_task *task) {
  int64_t result = INT64_MIN;
  check_result(rouse_task_join(task, &result), ROUSE_DONE);
  return result;
}

static void count_completion(rouse_wait *wait, int result) {
  test_wait *self = (test_wait *)wait;
  self->completed++;
  self->result = result;
  if (self->counter) self->order = ++*self->counter;
}

void test_wait_init(test_wait *wait, rouse_loop *loop, int *counter) {
  *wait = (test_wait){.result = INT32_MIN, .counter = counter};
  rouse_wait_init(&wait->wait, loop, count_completion);
}

static void count_operation(rouse_wait *wait, int result) {
  test_io *self = (test_io *)wait;
  self->completed++;
  self->reported = result;
  self->result = rouse_io_result(&self->io);
  if (self->counter) self->order = ++*self->counter;
}

void test_io_init(test_io *io, rouse_loop *loop, int *counter) {
  *io = (test_io){.result = INT64_MIN, .counter = counter};
  rouse_io_init(&io->io, loop, count_operation);
}

// --- files ---------------------------------------------------------------------------------------

bool test_exists(const char *directory, const char *name) {
  test_status status;
  return test_status_of(directory, name, &status);
}

// --- processes -----------------------------------------------------------------------------------

void test_expect_death(void (*function)(void *), void *argument, const char *sentence) {
#ifdef NDEBUG
  (void)function, (void)argument, (void)sentence;
#else
  char output[2000];
  int status = test_in_child(function, argument, output, sizeof output);
  if (!test_was_aborted(status) || !strstr(output, sentence)) {
    fprintf(stderr, "expected to die with \"%s\"; status %#x, output:\n%s\n", sentence,
            (unsigned)status, output);
    check_failed(__FILE__, __LINE__, "a caller's error was not caught");
  }
#endif
}

void test_expect_clean_child(void (*function)(void *), void *argument) {
  char output[4000];
  int status = test_in_child(function, argument, output, sizeof output);
  if (status == 0) return;
  fprintf(stderr, "the child ended with status %#x and wrote:\n%s\n", (unsigned)status, output);
  check_failed(__FILE__, __LINE__, "a child process did not end well");
}
