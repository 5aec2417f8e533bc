// Ping-pong between two loops, and between two threads on raw futexes.
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

// --- two loops -----------------------------------------------------------------------------------

struct loops {
  _Alignas(128) rouse_semaphore ping;
  _Alignas(128) rouse_semaphore pong;
  _Alignas(128) bool stop;
  double value;
};

static int64_t far_task(void *argument) {
  struct loops *loops = argument;
  for (;;) {
    rouse_semaphore_acquire(&loops->ping, 1);
    if (loops->stop) return 0;
    rouse_semaphore_release(&loops->pong, 1);
  }
}

static void loops_body(void *argument, uint64_t count) {
  struct loops *loops = argument;
  for (uint64_t i = 0; i < count; i++) {
    rouse_semaphore_release(&loops->ping, 1);
    rouse_semaphore_acquire(&loops->pong, 1);
  }
}

static int64_t loops_main(void *argument) {
  struct loops *loops = argument;
  rouse_task *task;
  if (rouse_task_spawn(&task, rouse_run_loop(1), far_task, loops)) return -1;
  loops->value = bench_time(rouse_now_ns, loops_body, loops);
  loops->stop = true;
  rouse_semaphore_release(&loops->ping, 1);
  rouse_task_join(task, NULL);
  return 0;
}

// a: spin_ns.
static const char *two_loops(const bench_case *self, bench_sample *out) {
  struct loops loops = {.stop = false};
  rouse_semaphore_init(&loops.ping, 0, ROUSE_FIFO);
  rouse_semaphore_init(&loops.pong, 0, ROUSE_FIFO);
  const char *problem = bench_run_loops(2, self->a, loops_main, &loops);
  out->value = loops.value / 1000;
  return problem;
}

// --- two threads ---------------------------------------------------------------------------------

enum { EMPTY, FULL, SLEEPING };

struct threads {
  _Alignas(128) atomic_uint ping;
  _Alignas(128) atomic_uint pong;
  atomic_bool stop;
  long spins;
  bool shared_line;
};

static void futex(atomic_uint *word, int operation, unsigned value) {
  syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void pause_once(void) {
#if defined __x86_64__ || defined __i386__
  __builtin_ia32_pause();
#elif defined __aarch64__
  __asm__ volatile("isb" ::: "memory");
#endif
}

static void fill(struct threads *threads, atomic_uint *word) {
  // ORDER(turn): release, all of our turn, to the other's look; acquire, what it did before it went
  // to sleep. Whether it is asleep yet the kernel decides by the word itself.
  unsigned before = atomic_exchange_explicit(word, FULL, memory_order_acq_rel);
  if (!threads->shared_line && before == SLEEPING) futex(word, FUTEX_WAKE, 1);
}

static bool taken(atomic_uint *word) {
  // ORDER(turn): acquire, the turn of the one who filled it.
  if (atomic_load_explicit(word, memory_order_acquire) != FULL) return false;
  // RELAXED: nobody fills it again before we have filled the other word, which releases this.
  atomic_store_explicit(word, EMPTY, memory_order_relaxed);
  return true;
}

static void take(struct threads *threads, atomic_uint *word) {
  for (long i = 0; i < threads->spins || threads->shared_line; i++) {
    if (taken(word)) return;
    pause_once();
  }
  unsigned empty = EMPTY;
  atomic_compare_exchange_strong(word, &empty, SLEEPING);
  while (!taken(word)) futex(word, FUTEX_WAIT, SLEEPING);
}

static void *far_thread(void *argument) {
  struct threads *threads = argument;
  bench_pin(1);
  for (;;) {
    take(threads, &threads->ping);
    if (atomic_load(&threads->stop)) return NULL;
    fill(threads, &threads->pong);
  }
}

static void threads_body(void *argument, uint64_t count) {
  struct threads *threads = argument;
  for (uint64_t i = 0; i < count; i++) {
    fill(threads, &threads->ping);
    take(threads, &threads->pong);
  }
}

// a: pauses before a sleep, negative: never sleeps.
static const char *two_threads(const bench_case *self, bench_sample *out) {
  static struct threads threads;
  threads = (struct threads){.spins = self->a, .shared_line = self->a < 0};
  pthread_t handle;
  bench_pin(0);
  if (pthread_create(&handle, NULL, far_thread, &threads)) return "no thread";
  out->value = bench_time(rouse_now_ns, threads_body, &threads) / 1000;
  atomic_store(&threads.stop, true);
  fill(&threads, &threads.ping);
  pthread_join(handle, NULL);
  bench_unpin();
  return NULL;
}

// --- the workloads -------------------------------------------------------------------------------

static const bench_case asleep_cases[] = {
    {"rouse, two loops", two_loops, .a = -1},
    {"futex pair, two threads", two_threads, .a = 0},
};
static const bench_aim asleep_aims[] = {{0, 1, 1.0, 0, NULL, 0}};
static const bench_case awake_cases[] = {
    {"rouse, two loops", two_loops, .a = 0},
    {"futex pair that spins first", two_threads, .a = 2000},
    {"a shared line (floor)", two_threads, .a = -1},
};
static const bench_aim awake_aims[] = {{0, -1, 1.0, 0.5, NULL, 0}};

static const bench_workload workloads[] = {
    {"cross.asleep", "ping-pong between two loops that sleep (no spin)", "µs/round trip",
     BENCH_CASES(asleep_cases), BENCH_AIMS(asleep_aims), 0},
    {"cross.awake", "ping-pong between two loops that spin before sleep", "µs/round trip",
     BENCH_CASES(awake_cases), BENCH_AIMS(awake_aims), 0},
};
const bench_suite bench_cross = {workloads, BENCH_COUNT(workloads)};
