// A hundred thousand waiters on one object: what each costs in memory, and how fast all are woken.
//
// Each case runs in a child process: a process that has run something else before has memory to
// reuse, and would report too little.
#include <stdlib.h>
#include <sys/mman.h>

#include "bench.h"

enum { CROWD = 100000, CROWD_QUICK = 10000 };

static uint32_t crowd_size(void) { return bench_option.quick ? CROWD_QUICK : CROWD; }

struct crowd {
  rouse_event event, leave;
  rouse_waitqueue queue;
  bool on_queue;
  uint32_t size, waiting, woken;
  int64_t bytes;     // that became resident by the waiting
  int64_t woken_ns;  // from the wake to the last one that runs
};

static void wake_all(struct crowd *crowd) {
  if (crowd->on_queue) {
    rouse_waitqueue_wake_all(&crowd->queue);
  } else {
    rouse_event_set(&crowd->event);
  }
}

// --- completion style ----------------------------------------------------------------------------

static struct crowd *callback_crowd;
static void woken(rouse_wait *wait, int result) {
  (void)wait;
  callback_crowd->woken += result == ROUSE_DONE;
}

static const char *start_waits(struct crowd *crowd, rouse_wait *waits) {
  for (uint32_t i = 0; i < crowd->size; i++) {
    rouse_wait_init(&waits[i], NULL, woken);
    int started = crowd->on_queue ? rouse_waitqueue_wait_if_start(&crowd->queue, &waits[i], NULL,
                                                                  NULL, ROUSE_FOREVER)
                                  : rouse_event_wait_start(&crowd->event, &waits[i], ROUSE_FOREVER);
    if (started != ROUSE_PENDING) return "a wait did not start";
  }
  return NULL;
}

static const char *run_callbacks(struct crowd *crowd) {
  rouse_loop *loop;
  size_t size = crowd->size * sizeof(rouse_wait);
  if (rouse_loop_create(NULL, &loop)) return "no loop";
  rouse_wait *waits = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (waits == MAP_FAILED) return "no memory";
  callback_crowd = crowd;
  int64_t before = bench_resident();
  const char *problem = start_waits(crowd, waits);
  if (problem) return problem;
  crowd->bytes = bench_resident() - before;
  int64_t begin_ns = rouse_now_ns();
  wake_all(crowd);
  while (crowd->woken < crowd->size) {
    if (rouse_loop_run_once(loop, begin_ns + 10000000000) < 0) return "the loop failed";
    if (rouse_now_ns() > begin_ns + 10000000000) return "not all were woken";
  }
  crowd->woken_ns = rouse_now_ns() - begin_ns;
  munmap(waits, size);
  return rouse_loop_destroy(loop) ? "the loop is still in use" : NULL;
}

// --- task style ----------------------------------------------------------------------------------

static int64_t waiting_task(void *argument) {
  struct crowd *crowd = argument;
  crowd->waiting++;
  if (crowd->on_queue) {
    rouse_waitqueue_wait_if(&crowd->queue, NULL, NULL);
  } else {
    rouse_event_wait(&crowd->event);
  }
  if (++crowd->woken == crowd->size) crowd->woken_ns += rouse_now_ns();
  rouse_event_wait(&crowd->leave);  // so that nobody's end is in the figure
  return 0;
}

static int64_t tasks_main(void *argument) {
  struct crowd *crowd = argument;
  int64_t before = bench_resident();
  for (uint32_t i = 0; i < crowd->size; i++) {
    if (rouse_task_spawn(NULL, NULL, waiting_task, crowd)) return -1;
  }
  while (crowd->waiting < crowd->size) rouse_task_yield();
  rouse_task_yield();
  crowd->bytes = bench_resident() - before;
  crowd->woken_ns = -rouse_now_ns();
  wake_all(crowd);
  while (crowd->woken < crowd->size) rouse_task_yield();
  rouse_event_set(&crowd->leave);
  return 0;
}

static const char *run_crowd(struct crowd *crowd, bool tasks) {
  rouse_event_init(&crowd->event, ROUSE_EVENT_MANUAL, false);
  rouse_event_init(&crowd->leave, ROUSE_EVENT_MANUAL, false);
  rouse_waitqueue_init(&crowd->queue);
  crowd->size = crowd_size();
  return tasks ? bench_run_small(tasks_main, crowd) : run_callbacks(crowd);
}

// --- cases ---------------------------------------------------------------------------------------

// a: whether a waitqueue, b: whether tasks.
static const char *bytes_here(const bench_case *self, bench_sample *out) {
  struct crowd crowd = {.on_queue = self->a};
  const char *problem = run_crowd(&crowd, self->b);
  out->value = (double)crowd.bytes / crowd_size();
  return problem;
}

static const char *wake_here(const bench_case *self, bench_sample *out) {
  struct crowd crowd = {.on_queue = self->a};
  const char *problem = run_crowd(&crowd, self->b);
  out->value = (double)crowd.woken_ns / crowd_size();
  return problem;
}

static const char *bytes(const bench_case *self, bench_sample *out) {
  return bench_in_child(bytes_here, self, out);
}
static const char *wake(const bench_case *self, bench_sample *out) {
  return bench_in_child(wake_here, self, out);
}

static const char *size(const bench_case *self, bench_sample *out) {
  out->value = (double)self->a;
  return NULL;
}

static const bench_case object_cases[] = {
    {"rouse_mutex", size, .a = sizeof(rouse_mutex)},
    {"rouse_semaphore", size, .a = sizeof(rouse_semaphore)},
    {"rouse_event", size, .a = sizeof(rouse_event)},
    {"rouse_waitqueue", size, .a = sizeof(rouse_waitqueue)},
};
static const bench_aim object_aims[] = {{0, -1, 1, 24, NULL, 0}, {1, -1, 1, 32, NULL, 0}};
static const bench_case bytes_cases[] = {
    {"rouse_wait, its size", size, .a = sizeof(rouse_wait)},
    {"rouse_wait, resident", bytes, .a = 0, .b = 0},
    {"rouse task, resident", bytes, .a = 0, .b = 1},
};
static const bench_aim bytes_aims[] = {{0, -1, 1, 96, NULL, 0},
                                       {2, -1, 1.5, 4096, "one and a half pages", 0}};
static const bench_case wake_cases[] = {
    {"rouse event, callbacks", wake, .a = 0, .b = 0},
    {"rouse event, tasks", wake, .a = 0, .b = 1},
    {"rouse waitqueue, callbacks", wake, .a = 1, .b = 0},
    {"rouse waitqueue, tasks", wake, .a = 1, .b = 1},
};

static const bench_workload workloads[] = {
    {"crowd.objects", "size of an object", "bytes", BENCH_CASES(object_cases),
     BENCH_AIMS(object_aims), 1},
    {"crowd.bytes", "100,000 waiters (quick: 10,000): memory of each", "bytes",
     BENCH_CASES(bytes_cases), BENCH_AIMS(bytes_aims), 1},
    {"crowd.wake", "100,000 waiters (quick: 10,000): wake all, until the last runs", "ns/waiter",
     BENCH_CASES(wake_cases), NULL, 0, 0},
};
const bench_suite bench_crowd = {workloads, BENCH_COUNT(workloads)};
