// The platform port on Linux: futex, pthreads, clock_gettime.
#define _GNU_SOURCE
#include "platform/platform.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <rouse/errors.h>

#include "base/assert.h"
#include "base/atomics.h"

int64_t rouse_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t rouse_deadline_in_ns(int64_t delay_ns) {
  int64_t now_ns = rouse_now_ns();
  return delay_ns > ROUSE_FOREVER - now_ns ? ROUSE_FOREVER : now_ns + delay_ns;
}

// --- parking -------------------------------------------------------------------------------------

// The call that takes a timespec as the C library has it: some have a 64-bit time on 32 bits.
#if defined SYS_futex_time64
#define FUTEX_CALL (sizeof(time_t) > sizeof(long) ? SYS_futex_time64 : SYS_futex)
#else
#define FUTEX_CALL SYS_futex
#endif

// Absolute deadlines need FUTEX_WAIT_BITSET, whose clock is the monotonic one.
void rouse__park(rouse__atomic32 *word, uint32_t expected, int64_t deadline_ns) {
  struct timespec until, *limit = NULL;
  if (deadline_ns != ROUSE_FOREVER) {
    if (deadline_ns < 0) deadline_ns = 0;
    until.tv_sec = deadline_ns / 1000000000;
    until.tv_nsec = deadline_ns % 1000000000;
    limit = &until;
  }
  uint64_t saved = rouse__errno_save();
  syscall(FUTEX_CALL, &word->raw, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected, limit, NULL,
          FUTEX_BITSET_MATCH_ANY);
  rouse__errno_restore(saved);
}

void rouse__unpark(rouse__atomic32 *word) {
  uint64_t saved = rouse__errno_save();
  syscall(SYS_futex, &word->raw, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
  rouse__errno_restore(saved);
}

// --- threads -------------------------------------------------------------------------------------

struct start {
  void (*function)(void *);
  void *argument;
  char name[16];
};

static void *thread_main(void *argument) {
  struct start start = *(struct start *)argument;
  free(argument);
  pthread_setname_np(pthread_self(), start.name);
  start.function(start.argument);
  return NULL;
}

int rouse__thread_start(rouse__thread *thread, void (*function)(void *), void *argument,
                        const char *name) {
  struct start *start = malloc(sizeof *start);
  if (!start) return ROUSE_ENOMEM;
  start->function = function;
  start->argument = argument;
  strncpy(start->name, name, sizeof start->name - 1);
  start->name[sizeof start->name - 1] = 0;
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pthread_t handle;
  int error = pthread_create(&handle, NULL, thread_main, start);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (error) {
    free(start);
    return ROUSE_ENOMEM;  // also EAGAIN: a limit of threads, which are memory to their starter
  }
  thread->handle = (uintptr_t)handle;
  return 0;
}

void rouse__thread_join(rouse__thread *thread) {
  int error = pthread_join((pthread_t)thread->handle, NULL);
  if (error) rouse__die("a thread could not be joined", ROUSE__WHERE);
}

void rouse__thread_yield(void) { sched_yield(); }

// --- readings ------------------------------------------------------------------------------------

static uint32_t processors_of(pid_t thread) {
  cpu_set_t set;
  if (sched_getaffinity(thread, sizeof set, &set)) return 0;
  return (uint32_t)CPU_COUNT(&set);
}

// Threads that pin themselves must not make the process look smaller: the most ever seen counts.
uint32_t rouse__cpu_count(void) {
  static rouse__atomic32 most;
  uint32_t count = processors_of(0), process = processors_of(getpid());
  if (process > count) count = process;
  if (!count) {
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    count = online > 0 ? (uint32_t)online : 1;
  }
  uint32_t seen = load_relaxed(&most);  // RELAXED: a number of its own
  if (count <= seen) return seen;
  store_relaxed(&most, count);  // RELAXED: two that store at once store what they saw
  return count;
}

const char *rouse__environment(const char *name) {
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

rouse__atomic32 rouse__forks;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void forked(void) { add_relaxed(&rouse__forks, 1); }  // RELAXED: the child has one thread
static void watch_forks(void) { pthread_atfork(NULL, NULL, forked); }
void rouse__fork_watch(void) { pthread_once(&fork_once, watch_forks); }

// --- memory and last words -----------------------------------------------------------------------

void *rouse__allocate(size_t size, size_t alignment) {
  void *memory;
  if (alignment < sizeof(void *)) alignment = sizeof(void *);
  if (posix_memalign(&memory, alignment, size)) return NULL;
  return memset(memory, 0, size);
}

void rouse__free(void *memory) { free(memory); }

void rouse__print_error(const char *text) {
  size_t length = strlen(text);
  while (length) {
    ssize_t written = write(STDERR_FILENO, text, length);
    if (written <= 0) return;
    text += written;
    length -= (size_t)written;
  }
}

_Noreturn void rouse__die(const char *sentence, const char *where) {
  rouse__print_error("rouse: ");
  rouse__print_error(sentence);
  rouse__print_error(" (");
  rouse__print_error(where);
  rouse__print_error(")\n");
  abort();
}
