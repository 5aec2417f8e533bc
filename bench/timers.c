// Timers: the library's wheel against a heap in an array and a pairing heap, on the same sequences.
//
//   add      |n| timers, one after the other, deadlines spread over ten seconds
//   cancel   all of them, in another order
//   expire   all of them, the clock going on in steps in which one timer expires on average
//   churn    |n| timers are there; one is cancelled and one added, and the clock goes on by a
//            microsecond and what has passed expires: a server whose deadlines rarely pass
#include <stdlib.h>

#include "bench.h"
#include "heaps.h"
#include "runtime/timer.h"

enum { TIMERS_MAX = 100000, CHURN_STEPS = 100000 };
enum structure { WHEEL, ARRAY, PAIRING };
enum what { ADD, CANCEL, EXPIRE, CHURN };
static const int64_t SPREAD_NS = 10000000000, START_NS = 1000000000000;

struct keeper {
  enum structure structure;
  struct rouse__timers wheel;
  bench_array_heap array;
  bench_pairing_heap pairing;
};

static inline void add(struct keeper *keeper, bench_timer *timer) {
  switch (keeper->structure) {
    case WHEEL:
      rouse__timers_add(&keeper->wheel, &timer->wait);
      break;
    case ARRAY:
      bench_array_heap_add(&keeper->array, timer);
      break;
    case PAIRING:
      bench_pairing_heap_add(&keeper->pairing, timer);
      break;
  }
}

static inline void cancel(struct keeper *keeper, bench_timer *timer) {
  switch (keeper->structure) {
    case WHEEL:
      rouse__timers_remove(&keeper->wheel, &timer->wait);
      break;
    case ARRAY:
      bench_array_heap_remove(&keeper->array, timer);
      break;
    case PAIRING:
      bench_pairing_heap_remove(&keeper->pairing, timer);
      break;
  }
}

// Takes out one timer that has expired by |now_ns|, or returns NULL.
static inline bench_timer *expire(struct keeper *keeper, int64_t now_ns) {
  bench_timer *timer = NULL;
  if (keeper->structure == WHEEL) {
    int budget = INT32_MAX;
    return (bench_timer *)rouse__timers_expire(&keeper->wheel, now_ns, &budget);
  }
  if (keeper->structure == ARRAY) {
    if (keeper->array.count) timer = keeper->array.slots[0].timer;
    if (!timer || timer->wait.deadline_ns > now_ns) return NULL;
    bench_array_heap_remove(&keeper->array, timer);
    return timer;
  }
  timer = keeper->pairing.root;
  if (!timer || timer->wait.deadline_ns > now_ns) return NULL;
  bench_pairing_heap_remove(&keeper->pairing, timer);
  return timer;
}

static uint64_t state = 1;
static uint64_t random_next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static bench_timer *timers;
static uint32_t *order;

static bool prepare(void) {
  if (timers) return true;
  timers = calloc(TIMERS_MAX, sizeof *timers);
  order = calloc(TIMERS_MAX, sizeof *order);
  return timers && order;
}

static void fill(uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    timers[i].wait.timer_at = NULL;
    timers[i].wait.deadline_ns = START_NS + 1 + (int64_t)(random_next() % (uint64_t)SPREAD_NS);
    order[i] = i;
  }
  for (uint32_t i = count; i > 1; i--) {
    uint32_t j = (uint32_t)(random_next() % i), swap = order[i - 1];
    order[i - 1] = order[j];
    order[j] = swap;
  }
}

static int64_t clock_ns;  // what reading the clock takes

static int64_t add_all(struct keeper *keeper, uint32_t count) {
  int64_t begin_ns = bench_cpu_ns();
  for (uint32_t i = 0; i < count; i++) add(keeper, &timers[i]);
  return bench_cpu_ns() - begin_ns - clock_ns;
}

static int64_t cancel_all(struct keeper *keeper, uint32_t count) {
  int64_t begin_ns = bench_cpu_ns();
  for (uint32_t i = 0; i < count; i++) cancel(keeper, &timers[order[i]]);
  return bench_cpu_ns() - begin_ns - clock_ns;
}

static int64_t expire_all(struct keeper *keeper, uint32_t count) {
  uint32_t expired = 0;
  int64_t now_ns = START_NS, step_ns = SPREAD_NS / count;
  int64_t begin_ns = bench_cpu_ns();
  while (expired < count) {
    now_ns += step_ns;
    while (expire(keeper, now_ns)) expired++;
  }
  return bench_cpu_ns() - begin_ns - clock_ns;
}

static int64_t churn(struct keeper *keeper, uint32_t count) {
  int64_t now_ns = START_NS;
  int64_t begin_ns = bench_cpu_ns();
  for (uint32_t i = 0; i < CHURN_STEPS; i++) {
    bench_timer *timer = &timers[order[i % count]];
    cancel(keeper, timer);
    timer->wait.deadline_ns = now_ns + SPREAD_NS / 2 + (int64_t)(i & 1023) * 1000000;
    add(keeper, timer);
    now_ns += 1000;
    while ((timer = expire(keeper, now_ns))) {
      timer->wait.deadline_ns = now_ns + SPREAD_NS;
      add(keeper, timer);
    }
  }
  return bench_cpu_ns() - begin_ns - clock_ns;
}

// One pass of all timers: its time, and how many operations it was.
static int64_t pass(struct keeper *keeper, enum what what, uint32_t count, uint64_t *operations) {
  int64_t took_ns = 0;
  fill(count);
  rouse__timers_init(&keeper->wheel, START_NS);
  keeper->array.count = 0;
  keeper->pairing.root = NULL;
  int64_t adding_ns = add_all(keeper, count);
  switch (what) {
    case ADD:
      took_ns = adding_ns;
      break;
    case CANCEL:
      took_ns = cancel_all(keeper, count);
      break;
    case EXPIRE:
      took_ns = expire_all(keeper, count);
      break;
    case CHURN:
      *operations += CHURN_STEPS;
      return churn(keeper, count);
  }
  *operations += count;
  return took_ns;
}

// A single timer is too short to be timed alone: many rounds of add and cancel or expire.
static int64_t single(struct keeper *keeper, enum what what, uint64_t *operations) {
  enum { ROUNDS = 10000 };
  int64_t now_ns = START_NS;
  fill(1);
  rouse__timers_init(&keeper->wheel, START_NS);
  int64_t begin_ns = bench_cpu_ns();
  for (int i = 0; i < ROUNDS; i++) {
    timers[0].wait.deadline_ns = now_ns + 1000000 + (i & 1023) * 4096;
    add(keeper, &timers[0]);
    if (what == CANCEL) {
      cancel(keeper, &timers[0]);
      now_ns += 1000;
    } else {
      now_ns = timers[0].wait.deadline_ns + 1024;
      while (!expire(keeper, now_ns)) abort();
    }
  }
  *operations += ROUNDS;
  return bench_cpu_ns() - begin_ns - clock_ns;
}

static int64_t read_clock(void) {
  enum { READS = 10000 };
  int64_t begin_ns = bench_cpu_ns();
  for (int i = 1; i < READS; i++) bench_cpu_ns();
  return (bench_cpu_ns() - begin_ns) / READS;
}

// a: structure, b: what, c: how many.
static const char *run(const bench_case *self, bench_sample *out) {
  static struct keeper keeper;
  if (!prepare()) return "no memory";
  if (!clock_ns) clock_ns = read_clock();
  keeper.structure = (enum structure)self->a;
  state = 88172645463325252;
  uint64_t operations = 0;
  int64_t took_ns = 0, until_ns = rouse_now_ns() + bench_slice_ns();
  do {
    if (self->c == 1) {
      took_ns += single(&keeper, (enum what)self->b, &operations);
    } else {
      took_ns += pass(&keeper, (enum what)self->b, (uint32_t)self->c, &operations);
    }
  } while (rouse_now_ns() < until_ns);
  free(keeper.array.slots);
  keeper = (struct keeper){.structure = WHEEL};
  out->value = (double)took_ns / (double)operations;
  return NULL;
}

#define CASES(name, what, count)                                                                   \
  static const bench_case name[] = {                                                               \
      {"rouse wheel", run, .a = WHEEL, .b = (what), .c = (count)},                                 \
      {"4-ary heap in an array", run, .a = ARRAY, .b = (what), .c = (count)},                      \
      {"pairing heap", run, .a = PAIRING, .b = (what), .c = (count)},                              \
  }

CASES(single_cancel, CANCEL, 1);
CASES(single_expire, EXPIRE, 1);
CASES(add_1000, ADD, 1000);
CASES(cancel_1000, CANCEL, 1000);
CASES(expire_1000, EXPIRE, 1000);
CASES(churn_1000, CHURN, 1000);
CASES(add_100000, ADD, 100000);
CASES(cancel_100000, CANCEL, 100000);
CASES(expire_100000, EXPIRE, 100000);
CASES(churn_100000, CHURN, 100000);

static const bench_workload workloads[] = {
    {"timers.1.cancel", "one timer: add + cancel", "ns/timer", BENCH_CASES(single_cancel), NULL, 0,
     0},
    {"timers.1.expire", "one timer: add + expire", "ns/timer", BENCH_CASES(single_expire), NULL, 0,
     0},
    {"timers.1000.add", "1000 timers: add", "ns/timer", BENCH_CASES(add_1000), NULL, 0, 0},
    {"timers.1000.cancel", "1000 timers: cancel", "ns/timer", BENCH_CASES(cancel_1000), NULL, 0, 0},
    {"timers.1000.expire", "1000 timers: expire, one a look", "ns/timer", BENCH_CASES(expire_1000),
     NULL, 0, 0},
    {"timers.1000.churn", "1000 timers: cancel + add + look", "ns/step", BENCH_CASES(churn_1000),
     NULL, 0, 0},
    {"timers.100000.add", "100,000 timers: add", "ns/timer", BENCH_CASES(add_100000), NULL, 0, 0},
    {"timers.100000.cancel", "100,000 timers: cancel", "ns/timer", BENCH_CASES(cancel_100000), NULL,
     0, 0},
    {"timers.100000.expire", "100,000 timers: expire, one a look", "ns/timer",
     BENCH_CASES(expire_100000), NULL, 0, 0},
    {"timers.100000.churn", "100,000 timers: cancel + add + look", "ns/step",
     BENCH_CASES(churn_100000), NULL, 0, 0},
};
const bench_suite bench_timers = {workloads, BENCH_COUNT(workloads)};
