// Hot objects: tasks on two loops, or threads, that do nothing but take one object and give it
// back.
//
// Each case has two halves. In the first nothing but the end is timed: that gives the throughput.
// In the second every wait is timed, which slows everything down a little: that gives the longest
// wait. A wait is the time from the end of one round to the next grant, so one reading of the clock
// a round is enough.
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#ifdef ROUSE_BENCH_HAVE_NSYNC
#include <nsync.h>
#endif

#include "bench.h"

enum { TASKS_MAX = 1000, PERMITS = 8, WORK = 20 };

struct hot {
  rouse_mutex mutex;
  rouse_semaphore semaphore;
  bool is_semaphore, yields, timed;
  uint32_t tasks;
  rouse_event go;
  _Alignas(128) atomic_bool stop;
  _Alignas(128) volatile uint64_t shared;  // what the mutex guards
  _Alignas(128) atomic_uint_least64_t rounds, longest;
};

// The critical section: some nanoseconds of work, on memory that the lock guards; under a
// semaphore, on memory of one's own.
static inline void work(volatile uint64_t *memory) {
  for (int i = 0; i < WORK; i++) (*memory)++;
}

static void note_longest(struct hot *hot, uint64_t ticks) {
  uint64_t before = atomic_load_explicit(&hot->longest, memory_order_relaxed);
  while (before < ticks && !atomic_compare_exchange_weak(&hot->longest, &before, ticks)) {
  }
}

static inline void take(struct hot *hot) {
  if (hot->is_semaphore) {
    rouse_semaphore_acquire(&hot->semaphore, 1);
  } else {
    rouse_mutex_lock(&hot->mutex);
  }
}

static inline void give(struct hot *hot) {
  if (hot->is_semaphore) {
    rouse_semaphore_release(&hot->semaphore, 1);
  } else {
    rouse_mutex_unlock(&hot->mutex);
  }
}

static uint64_t rounds(struct hot *hot, volatile uint64_t *memory, uint64_t *out_longest) {
  uint64_t count = 0, longest = 0, last = bench_ticks();
  do {  // once at least, however late it is
    take(hot);
    if (hot->timed) {
      uint64_t now = bench_ticks();
      if (now - last > longest) longest = now - last;
      last = now;
    }
    work(memory);
    if (hot->yields) {
      rouse_task_yield();
      if (hot->timed) last = bench_ticks();
    }
    give(hot);
    count++;
  } while (!atomic_load_explicit(&hot->stop, memory_order_relaxed));
  *out_longest = longest;
  return count;
}

static int64_t hot_task(void *argument) {
  struct hot *hot = argument;
  volatile uint64_t own = 0;
  uint64_t longest;
  rouse_event_wait(&hot->go);
  uint64_t count = rounds(hot, hot->is_semaphore ? &own : &hot->shared, &longest);
  if (hot->timed) note_longest(hot, longest);
  atomic_fetch_add(&hot->rounds, count);
  return 0;
}

// Runs the tasks once. The time per round, in ns; negative: the object came out damaged.
static double run_tasks(struct hot *hot) {
  static rouse_task *tasks[TASKS_MAX];
  rouse_event_init(&hot->go, ROUSE_EVENT_MANUAL, false);
  atomic_store(&hot->stop, false);
  atomic_store(&hot->rounds, 0);
  hot->shared = 0;
  for (uint32_t i = 0; i < hot->tasks; i++) {
    if (rouse_task_spawn(&tasks[i], rouse_run_loop(i & 1), hot_task, hot)) return -1;
  }
  rouse_task_sleep_ns(2000000 + hot->tasks * 2000);  // all stand at the start
  int64_t begin_ns = rouse_now_ns();
  rouse_event_set(&hot->go);
  rouse_task_sleep_ns(bench_slice_ns());
  atomic_store(&hot->stop, true);
  for (uint32_t i = 0; i < hot->tasks; i++) rouse_task_join(tasks[i], NULL);
  double took_ns = (double)(rouse_now_ns() - begin_ns);
  uint64_t count = atomic_load(&hot->rounds);
  if (hot->is_semaphore) {
    if (rouse_semaphore_available(&hot->semaphore) != PERMITS) return -1;
  } else if (hot->shared != count * WORK || rouse_mutex_is_locked(&hot->mutex)) {
    return -1;
  }
  return took_ns / (double)count;
}

struct both {
  struct hot *hot;
  bench_sample *out;
};

static int64_t hot_main(void *argument) {
  struct both *both = argument;
  both->hot->timed = false;
  both->out->value = run_tasks(both->hot);
  if (both->out->value < 0) return -1;
  both->hot->timed = true;
  if (run_tasks(both->hot) < 0) return -1;
  both->out->worst_us = (double)atomic_load(&both->hot->longest) / bench_ticks_per_us();
  return 0;
}

// a: tasks, b: policy, c: whether held over a yield, d: whether a semaphore.
static const char *hot_loops(const bench_case *self, bench_sample *out) {
  static struct hot hot;
  struct both both = {&hot, out};
  rouse_mutex_init(&hot.mutex, (rouse_policy)self->b);
  rouse_semaphore_init(&hot.semaphore, PERMITS, (rouse_policy)self->b);
  hot.tasks = (uint32_t)self->a;
  hot.yields = self->c;
  hot.is_semaphore = self->d;
  atomic_store(&hot.longest, 0);
  return bench_run_loops(2, 0, hot_main, &both);
}

// --- threads -------------------------------------------------------------------------------------

enum kind { PTHREAD, NSYNC, SEM_T, ROUSE };

struct threads {
  enum kind kind;
  bool timed;
  pthread_mutex_t mutex;
  sem_t semaphore;
#ifdef ROUSE_BENCH_HAVE_NSYNC
  nsync_mu nsync;
#endif
  rouse_mutex rouse;
  pthread_barrier_t go;
  atomic_uint next;
  _Alignas(128) atomic_bool stop;
  _Alignas(128) volatile uint64_t shared;
  _Alignas(128) atomic_uint_least64_t rounds, longest;
};

static inline void threads_take(struct threads *threads) {
  switch (threads->kind) {
    case PTHREAD:
      pthread_mutex_lock(&threads->mutex);
      break;
    case SEM_T:
      while (sem_wait(&threads->semaphore)) {
      }
      break;
    case ROUSE:
      rouse_mutex_lock(&threads->rouse);
      break;
    case NSYNC:
#ifdef ROUSE_BENCH_HAVE_NSYNC
      nsync_mu_lock(&threads->nsync);
#endif
      break;
  }
}

static inline void threads_give(struct threads *threads) {
  switch (threads->kind) {
    case PTHREAD:
      pthread_mutex_unlock(&threads->mutex);
      break;
    case SEM_T:
      sem_post(&threads->semaphore);
      break;
    case ROUSE:
      rouse_mutex_unlock(&threads->rouse);
      break;
    case NSYNC:
#ifdef ROUSE_BENCH_HAVE_NSYNC
      nsync_mu_unlock(&threads->nsync);
#endif
      break;
  }
}

static void *thread_main(void *argument) {
  struct threads *threads = argument;
  volatile uint64_t own = 0, *memory = threads->kind == SEM_T ? &own : &threads->shared;
  uint64_t count = 0, longest = 0;
  bench_pin(atomic_fetch_add(&threads->next, 1));
  pthread_barrier_wait(&threads->go);
  uint64_t last = bench_ticks();
  do {
    threads_take(threads);
    if (threads->timed) {
      uint64_t now = bench_ticks();
      if (now - last > longest) longest = now - last;
      last = now;
    }
    work(memory);
    threads_give(threads);
    count++;
  } while (!atomic_load_explicit(&threads->stop, memory_order_relaxed));
  uint64_t before = atomic_load(&threads->longest);
  while (before < longest && !atomic_compare_exchange_weak(&threads->longest, &before, longest)) {
  }
  atomic_fetch_add(&threads->rounds, count);
  return NULL;
}

static const char *run_threads(struct threads *threads, long count, double *out_ns) {
  pthread_t handles[64];
  long started = 0;
  atomic_store(&threads->stop, false);
  atomic_store(&threads->rounds, 0);
  if (pthread_barrier_init(&threads->go, NULL, (unsigned)count + 1)) return "no barrier";
  while (started < count) {
    if (pthread_create(&handles[started], NULL, thread_main, threads)) abort();
    started++;
  }
  pthread_barrier_wait(&threads->go);
  int64_t begin_ns = rouse_now_ns(), slice_ns = bench_slice_ns();
  struct timespec slice = {slice_ns / 1000000000, slice_ns % 1000000000};
  nanosleep(&slice, NULL);
  atomic_store(&threads->stop, true);
  for (long i = 0; i < started; i++) pthread_join(handles[i], NULL);
  pthread_barrier_destroy(&threads->go);
  *out_ns = (double)(rouse_now_ns() - begin_ns) / (double)atomic_load(&threads->rounds);
  return NULL;
}

// a: threads, b: kind, c: policy of the library's mutex.
static const char *hot_threads(const bench_case *self, bench_sample *out) {
  static struct threads threads;
  threads = (struct threads){.kind = (enum kind)self->b};
#ifndef ROUSE_BENCH_HAVE_NSYNC
  if (threads.kind == NSYNC) return "built without nsync";
#endif
  pthread_mutex_init(&threads.mutex, NULL);
  rouse_mutex_init(&threads.rouse, (rouse_policy)self->c);
  if (sem_init(&threads.semaphore, 0, PERMITS)) return "no semaphore";
  double unused;
  const char *problem = run_threads(&threads, self->a, &out->value);
  threads.timed = true;
  atomic_store(&threads.longest, 0);
  if (!problem) problem = run_threads(&threads, self->a, &unused);
  out->worst_us = (double)atomic_load(&threads.longest) / bench_ticks_per_us();
  sem_destroy(&threads.semaphore);
  pthread_mutex_destroy(&threads.mutex);
  return problem;
}

// --- the workloads -------------------------------------------------------------------------------

#define TASKS_CASES(count, held)                                                                   \
  {"rouse EVENTUAL", hot_loops, .a = (count), .b = ROUSE_EVENTUAL, .c = (held)}, {                 \
    "rouse FIFO", hot_loops, .a = (count), .b = ROUSE_FIFO, .c = (held)                            \
  }
#define THREAD_CASES(count)                                                                        \
  {"pthread_mutex, threads", hot_threads, .a = (count), .b = PTHREAD},                             \
      {"nsync_mu, threads", hot_threads, .a = (count), .b = NSYNC}, {                              \
    "rouse, plain threads", hot_threads, .a = (count), .b = ROUSE                                  \
  }

static const bench_case mutex_2[] = {TASKS_CASES(2, 0), THREAD_CASES(2)};
static const bench_case mutex_64[] = {TASKS_CASES(64, 0), THREAD_CASES(64)};
static const bench_case mutex_1000[] = {TASKS_CASES(1000, 0)};
static const bench_case held_2[] = {TASKS_CASES(2, 1)};
static const bench_case held_64[] = {TASKS_CASES(64, 1)};
static const bench_case held_1000[] = {TASKS_CASES(1000, 1)};

static const bench_aim hot_aims[] = {
    {0, -1, 1.0, 50, "Go's, 23 – 50, noted on another machine", 0},
    {0, -1, 0.3, 136, "0.3 x tokio's, 136 – 186, noted on another machine", 0},
    {1, -1, 1.5, 186, "1.5 x tokio's, 136 – 186, noted on another machine", 0},
};
static const bench_aim held_aims[] = {{0, -1, 1.0, 100, NULL, 0}};

static const bench_case semaphore_hot[] = {
    {"rouse EVENTUAL", hot_loops, .a = 1000, .b = ROUSE_EVENTUAL, .d = 1},
    {"rouse FIFO", hot_loops, .a = 1000, .b = ROUSE_FIFO, .d = 1},
    {"sem_t, 64 threads", hot_threads, .a = 64, .b = SEM_T},
};
static const bench_case semaphore_held[] = {
    {"rouse EVENTUAL", hot_loops, .a = 1000, .b = ROUSE_EVENTUAL, .c = 1, .d = 1},
    {"rouse FIFO", hot_loops, .a = 1000, .b = ROUSE_FIFO, .c = 1, .d = 1},
};
static const bench_aim semaphore_aims[] = {
    {0, -1, 0.7, 46, "0.7 x async-lock's, noted on another machine", 0},
};
static const bench_aim semaphore_held_aims[] = {
    {0, -1, 0.5, 176, "half of async-lock's, noted on another machine", 0},
};

static const bench_workload workloads[] = {
    {"mutex.hot.2", "hot mutex, two loops, 2 tasks", "ns/round", BENCH_CASES(mutex_2),
     BENCH_AIMS(hot_aims), 0},
    {"mutex.hot.64", "hot mutex, two loops, 64 tasks", "ns/round", BENCH_CASES(mutex_64),
     BENCH_AIMS(hot_aims), 0},
    {"mutex.hot.1000", "hot mutex, two loops, 1000 tasks", "ns/round", BENCH_CASES(mutex_1000),
     BENCH_AIMS(hot_aims), 0},
    {"mutex.held.2", "mutex held over a yield, two loops, 2 tasks", "ns/round", BENCH_CASES(held_2),
     BENCH_AIMS(held_aims), 0},
    {"mutex.held.64", "mutex held over a yield, two loops, 64 tasks", "ns/round",
     BENCH_CASES(held_64), BENCH_AIMS(held_aims), 0},
    {"mutex.held.1000", "mutex held over a yield, two loops, 1000 tasks", "ns/round",
     BENCH_CASES(held_1000), BENCH_AIMS(held_aims), 0},
    {"semaphore.hot", "semaphore of 8 permits, two loops, 1000 tasks", "ns/round",
     BENCH_CASES(semaphore_hot), BENCH_AIMS(semaphore_aims), 0},
    {"semaphore.held", "semaphore of 8 held over a yield, two loops, 1000 tasks", "ns/round",
     BENCH_CASES(semaphore_held), BENCH_AIMS(semaphore_held_aims), 0},
};
const bench_suite bench_contended = {workloads, BENCH_COUNT(workloads)};
