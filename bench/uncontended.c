// Uncontended operations: what everybody pays who never waits. One thread.
#include <pthread.h>
#include <semaphore.h>
#ifdef ROUSE_BENCH_HAVE_NSYNC
#include <nsync.h>
#endif

#include "bench.h"

// --- the library's -------------------------------------------------------------------------------

static void mutex_body(void *argument, uint64_t count) {
  rouse_mutex *mutex = argument;
  for (uint64_t i = 0; i < count; i++) {
    rouse_mutex_lock(mutex);
    rouse_mutex_unlock(mutex);
  }
}

static void semaphore_body(void *argument, uint64_t count) {
  rouse_semaphore *semaphore = argument;
  for (uint64_t i = 0; i < count; i++) {
    rouse_semaphore_acquire(semaphore, 1);
    rouse_semaphore_release(semaphore, 1);
  }
}

static void event_body(void *argument, uint64_t count) {
  rouse_event *event = argument;
  for (uint64_t i = 0; i < count; i++) {
    rouse_event_set(event);
    rouse_event_wait(event);
  }
}

static void event_is_set_body(void *argument, uint64_t count) {
  rouse_event *event = argument;
  for (uint64_t i = 0; i < count; i++) rouse_event_wait(event);
}

enum { MUTEX, SEMAPHORE, EVENT, EVENT_IS_SET };

static double time_object(long which) {
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(1);
  rouse_event event;
  switch (which) {
    case MUTEX:
      return bench_time(bench_cpu_ns, mutex_body, &mutex);
    case SEMAPHORE:
      return bench_time(bench_cpu_ns, semaphore_body, &semaphore);
    case EVENT:
      rouse_event_init(&event, ROUSE_EVENT_AUTO, false);
      return bench_time(bench_cpu_ns, event_body, &event);
    default:
      rouse_event_init(&event, ROUSE_EVENT_MANUAL, true);
      return bench_time(bench_cpu_ns, event_is_set_body, &event);
  }
}

static const char *on_thread(const bench_case *self, bench_sample *out) {
  out->value = time_object(self->a);
  return NULL;
}

struct in_task {
  long which;
  double value;
};

static int64_t task_main(void *argument) {
  struct in_task *in_task = argument;
  in_task->value = time_object(in_task->which);
  return 0;
}

static const char *in_task(const bench_case *self, bench_sample *out) {
  struct in_task in_task = {.which = self->a};
  const char *problem = bench_run_loops(1, 0, task_main, &in_task);
  out->value = in_task.value;
  return problem;
}

// --- peers ---------------------------------------------------------------------------------------

static void pthread_body(void *argument, uint64_t count) {
  pthread_mutex_t *mutex = argument;
  for (uint64_t i = 0; i < count; i++) {
    pthread_mutex_lock(mutex);
    pthread_mutex_unlock(mutex);
  }
}

static const char *pthread_mutex(const bench_case *self, bench_sample *out) {
  (void)self;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  out->value = bench_time(bench_cpu_ns, pthread_body, &mutex);
  return NULL;
}

static void sem_body(void *argument, uint64_t count) {
  sem_t *semaphore = argument;
  for (uint64_t i = 0; i < count; i++) {
    sem_wait(semaphore);
    sem_post(semaphore);
  }
}

static const char *posix_semaphore(const bench_case *self, bench_sample *out) {
  (void)self;
  sem_t semaphore;
  if (sem_init(&semaphore, 0, 1)) return "no semaphore";
  out->value = bench_time(bench_cpu_ns, sem_body, &semaphore);
  sem_destroy(&semaphore);
  return NULL;
}

// An event as one builds it from pthreads.
struct flag {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool set;
};

static void flag_body(void *argument, uint64_t count) {
  struct flag *flag = argument;
  for (uint64_t i = 0; i < count; i++) {
    pthread_mutex_lock(&flag->mutex);
    flag->set = true;
    pthread_mutex_unlock(&flag->mutex);
    pthread_cond_signal(&flag->changed);
    pthread_mutex_lock(&flag->mutex);
    while (!flag->set) pthread_cond_wait(&flag->changed, &flag->mutex);
    flag->set = false;
    pthread_mutex_unlock(&flag->mutex);
  }
}

static const char *pthread_flag(const bench_case *self, bench_sample *out) {
  (void)self;
  struct flag flag = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
  out->value = bench_time(bench_cpu_ns, flag_body, &flag);
  return NULL;
}

// The least that a lock can cost: one compare-and-swap in, one exchange out.
static void floor_body(void *argument, uint64_t count) {
  uint32_t *word = argument;
  for (uint64_t i = 0; i < count; i++) {
    uint32_t free_word = 0;
    while (!__atomic_compare_exchange_n(word, &free_word, 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
      free_word = 0;
    }
    __atomic_exchange_n(word, 0, __ATOMIC_RELEASE);
  }
}

static const char *bare_atomics(const bench_case *self, bench_sample *out) {
  (void)self;
  uint32_t word = 0;
  out->value = bench_time(bench_cpu_ns, floor_body, &word);
  return NULL;
}

#ifdef ROUSE_BENCH_HAVE_NSYNC
static void nsync_body(void *argument, uint64_t count) {
  nsync_mu *mutex = argument;
  for (uint64_t i = 0; i < count; i++) {
    nsync_mu_lock(mutex);
    nsync_mu_unlock(mutex);
  }
}

static const char *nsync_mutex(const bench_case *self, bench_sample *out) {
  (void)self;
  nsync_mu mutex = NSYNC_MU_INIT;
  out->value = bench_time(bench_cpu_ns, nsync_body, &mutex);
  return NULL;
}

static void note_body(void *argument, uint64_t count) {
  nsync_note note = argument;
  for (uint64_t i = 0; i < count; i++) BENCH_KEEP(nsync_note_is_notified(note));
}

static const char *nsync_notified(const bench_case *self, bench_sample *out) {
  (void)self;
  nsync_note note = nsync_note_new(NULL, nsync_time_no_deadline);
  if (!note) return "no memory";
  nsync_note_notify(note);
  out->value = bench_time(bench_cpu_ns, note_body, note);
  nsync_note_free(note);
  return NULL;
}
#else
static const char *nsync_mutex(const bench_case *self, bench_sample *out) {
  (void)self, (void)out;
  return "built without nsync";
}
static const char *nsync_notified(const bench_case *self, bench_sample *out) {
  (void)self, (void)out;
  return "built without nsync";
}
#endif

// --- the workloads -------------------------------------------------------------------------------

static const bench_case mutex_cases[] = {
    {"rouse, plain thread", on_thread, .a = MUTEX},   {"rouse, in a task", in_task, .a = MUTEX},
    {"pthread_mutex", pthread_mutex, .a = 0},         {"nsync_mu", nsync_mutex, .a = 0},
    {"CAS + exchange (floor)", bare_atomics, .a = 0},
};
static const bench_aim mutex_aims[] = {
    {0, 2, 1.0, 0, NULL, 0},
    {1, 2, 1.0, 0, NULL, 0},
    {1, 4, 0.5 * 12.7 / 5.0, 0,
     "half of async-lock's, noted on another machine beside such a floor", 0},
};
static const bench_case semaphore_cases[] = {
    {"rouse, plain thread", on_thread, .a = SEMAPHORE},
    {"rouse, in a task", in_task, .a = SEMAPHORE},
    {"sem_t", posix_semaphore, .a = 0},
    {"CAS + exchange (floor)", bare_atomics, .a = 0},
};
static const bench_aim semaphore_aims[] = {
    {0, 2, 1.0, 0, NULL, 0},
    {1, 3, 0.5 * 13.7 / 5.0, 0,
     "half of async-lock's, noted on another machine beside such a floor", 0},
};
static const bench_case event_cases[] = {
    {"rouse, plain thread", on_thread, .a = EVENT},
    {"rouse, in a task", in_task, .a = EVENT},
    {"mutex + flag + cond", pthread_flag, .a = 0},
    {"CAS + exchange (floor)", bare_atomics, .a = 0},
};
static const bench_aim event_aims[] = {{0, 2, 1.0, 0, NULL, 0}};
static const bench_case is_set_cases[] = {
    {"rouse, plain thread", on_thread, .a = EVENT_IS_SET},
    {"rouse, in a task", in_task, .a = EVENT_IS_SET},
    {"nsync_note", nsync_notified, .a = 0},
};

static const bench_workload workloads[] = {
    {"uncontended.mutex", "mutex: lock + unlock, nobody else", "ns/op", BENCH_CASES(mutex_cases),
     BENCH_AIMS(mutex_aims), 0},
    {"uncontended.semaphore", "semaphore: acquire + release, nobody else", "ns/op",
     BENCH_CASES(semaphore_cases), BENCH_AIMS(semaphore_aims), 0},
    {"uncontended.event", "automatic event: set + wait, nobody else", "ns/op",
     BENCH_CASES(event_cases), BENCH_AIMS(event_aims), 0},
    {"uncontended.event-set", "manual event that is set: wait", "ns/op", BENCH_CASES(is_set_cases),
     NULL, 0, 0},
};
const bench_suite bench_uncontended = {workloads, BENCH_COUNT(workloads)};
