// Allocations: how often waiting, waking and cancelling call the allocator. The aim is never.
//
// The allocator of the whole program is wrapped here, where the C library lets us: glibc exports
// what it does under second names. The wrappers count only while somebody asks them to.
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

#if defined __GLIBC__ && !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
#define WRAPPED 1
#else
#define WRAPPED 0
#endif

static atomic_bool counting;
static atomic_uint_least64_t calls;

#if WRAPPED
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

static void count_call(void) {
  if (atomic_load_explicit(&counting, memory_order_relaxed)) atomic_fetch_add(&calls, 1);
}

void *malloc(size_t size) {
  count_call();
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  count_call();
  return __libc_calloc(count, size);
}
void *realloc(void *memory, size_t size) {
  count_call();
  return __libc_realloc(memory, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  count_call();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void **out_memory, size_t alignment, size_t size) {
  count_call();
  *out_memory = __libc_memalign(alignment, size);
  return *out_memory ? 0 : ENOMEM;
}
void free(void *memory) { __libc_free(memory); }
#endif

// --- what is counted -----------------------------------------------------------------------------

enum { ROUNDS = 10000 };

struct both {
  rouse_semaphore ping, pong;
  rouse_mutex mutex;
  bool stop;
  uint32_t loops;
};

static int64_t partner(void *argument) {
  struct both *both = argument;
  for (;;) {
    rouse_semaphore_acquire(&both->ping, 1);
    if (both->stop) return 0;
    rouse_semaphore_release(&both->pong, 1);
  }
}

// Waits and wakes, on one loop or across two; deadlines that pass; cancels.
static void rounds(struct both *both) {
  for (int i = 0; i < ROUNDS; i++) {
    rouse_semaphore_release(&both->ping, 1);
    rouse_semaphore_acquire(&both->pong, 1);
  }
  for (int i = 0; i < 100; i++) {
    rouse_semaphore_acquire_until(&both->pong, 1, rouse_now_ns() + 10000);
    rouse_mutex_lock(&both->mutex);
    rouse_mutex_lock_until(&both->mutex, rouse_now_ns() + 10000);
    rouse_mutex_unlock(&both->mutex);
    rouse_task_sleep_ns(1000);
    rouse_task_yield();
  }
}

static int cancelled;
static void count_cancelled(rouse_wait *wait, int result) {
  (void)wait;
  cancelled += result == ROUSE_ECANCELED;
}

static void cancels(struct both *both) {
  rouse_wait waits[100];
  for (int i = 0; i < 100; i++) {
    rouse_wait_init(&waits[i], NULL, count_cancelled);
    rouse_semaphore_acquire_start(&both->pong, &waits[i], 1, rouse_now_ns() + 1000000000);
  }
  for (int i = 0; i < 100; i++) rouse_wait_cancel(&waits[i]);
  while (cancelled < 100) rouse_task_yield();
}

static int64_t count_main(void *argument) {
  struct both *both = argument;
  rouse_task *task;
  if (rouse_task_spawn(&task, rouse_run_loop(both->loops - 1), partner, both)) return -1;
  rounds(both);  // warm
  atomic_store(&calls, 0);
  atomic_store(&counting, true);
  rounds(both);
  cancelled = 0;
  cancels(both);
  atomic_store(&counting, false);
  both->stop = true;
  rouse_semaphore_release(&both->ping, 1);
  rouse_task_join(task, NULL);
  return 0;
}

// a: loops.
static const char *count(const bench_case *self, bench_sample *out) {
  struct both both = {.loops = (uint32_t)self->a};
  if (!WRAPPED) return "the allocator can't be wrapped here";
  rouse_semaphore_init(&both.ping, 0, ROUSE_FIFO);
  rouse_semaphore_init(&both.pong, 0, ROUSE_FIFO);
  rouse_mutex_init(&both.mutex, ROUSE_EVENTUAL);
  const char *problem = bench_run_loops((uint32_t)self->a, 0, count_main, &both);
  out->value = (double)atomic_load(&calls);
  return problem;
}

// That the wrapper counts at all: a task's spawn does allocate, when it is the first.
static int64_t nothing(void *argument) {
  (void)argument;
  return 0;
}

static int64_t spawn_main(void *argument) {
  (void)argument;
  rouse_task *tasks[8];
  atomic_store(&calls, 0);
  atomic_store(&counting, true);
  for (int i = 0; i < 8; i++) {
    if (rouse_task_spawn(&tasks[i], NULL, nothing, NULL)) return -1;
  }
  atomic_store(&counting, false);
  for (int i = 0; i < 8; i++) rouse_task_join(tasks[i], NULL);
  return 0;
}

static const char *check(const bench_case *self, bench_sample *out) {
  (void)self;
  if (!WRAPPED) return "the allocator can't be wrapped here";
  const char *problem = bench_run_loops(1, 0, spawn_main, NULL);
  out->value = (double)atomic_load(&calls);
  if (!problem && out->value < 1) return "the counter does not count";
  return problem;
}

static const bench_case cases[] = {
    {"rouse, one loop", count, .a = 1},
    {"rouse, two loops", count, .a = 2},
    {"rouse, 8 cold spawns (check)", check, .a = 0},
};
static const bench_aim aims[] = {{0, -1, 0, 1, NULL, 0}, {1, -1, 0, 1, NULL, 0}};

static const bench_workload workloads[] = {
    {"allocations", "allocator calls in 20,000 waits, wakes, deadlines and cancels", "calls",
     BENCH_CASES(cases), BENCH_AIMS(aims), 1},
};
const bench_suite bench_allocations = {workloads, BENCH_COUNT(workloads)};
