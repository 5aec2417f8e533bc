// From a wake to the task that it wakes.
//
// A waiter waits for the number of the next round; the waker writes down the time, moves on to that
// round, and wakes. The condition is the number, so that no wake is lost and one that comes for
// somebody else changes nothing.
#include <stdatomic.h>
#include <string.h>

#include "measure.h"

enum { WAITERS = 64, SAMPLES_OF_RUN = 8192 };

// How long a waker waits after its waiters have queued: so long that their loop is asleep.
enum { SETTLE_NS = 100000 };

typedef struct wake_test {
  const approach *approach;
  _Alignas(128) _Atomic uint32_t round, stop;
  _Alignas(128) _Atomic uint32_t woken;  // in this round
  _Atomic int64_t stamp_ns;
  _Atomic int failure;
  _Atomic uint32_t sample_count;
} wake_test;

typedef struct wake_waiter {
  uint32_t seen;  // the round that it has come through
  rouse_task *task;
} wake_waiter;

static approach_object object;
static wake_test test;
static wake_waiter waiters[WAITERS];
static double samples_us[SAMPLES_OF_RUN];
static spread *kept_spread;

static bool is_same_round(void *argument) {
  const wake_waiter *waiter = argument;
  return atomic_load(&test.round) == waiter->seen && atomic_load(&test.stop) == 0;
}

static int64_t waiter_main(void *argument) {
  wake_waiter *self = argument;
  while (atomic_load(&test.stop) == 0) {
    while (is_same_round(self)) {
      int result = test.approach->block_if(&object, is_same_round, self, ROUSE_FOREVER);
      if (result < 0 && result != ROUSE_EAGAIN) {
        atomic_store(&test.failure, result);
        return 0;
      }
    }
    if (atomic_load(&test.stop) != 0) break;
    int64_t took_ns = rouse_now_ns() - atomic_load(&test.stamp_ns);
    uint32_t place = atomic_fetch_add(&test.sample_count, 1);
    if (place < SAMPLES_OF_RUN) samples_us[place] = (double)took_ns / 1000;
    self->seen++;
    atomic_fetch_add(&test.woken, 1);
  }
  return 0;
}

// Until |count| wait. |settle|: and their loop has had time to fall asleep.
static void await_waiters(uint32_t count, bool settle) {
  while (test.approach->count(&object) < count && atomic_load(&test.failure) == 0) {
    if (settle) {
      rouse_task_sleep_ns(SETTLE_NS / 4);
    } else {
      rouse_task_yield();
    }
  }
  if (settle) rouse_task_sleep_ns(SETTLE_NS);
}

// Runs |rounds| with |count| waiters that were spawned, and ends them.
static const char *run_rounds(uint32_t count, uint64_t rounds, bool settle, bool all) {
  for (uint64_t index = 0; index < rounds && atomic_load(&test.failure) == 0; index++) {
    await_waiters(count, settle);
    atomic_store(&test.woken, 0);
    atomic_store(&test.stamp_ns, rouse_now_ns());
    atomic_fetch_add(&test.round, 1);
    if (all) {
      test.approach->wake_all(&object);
    } else {
      test.approach->wake_one(&object);
    }
    while (atomic_load(&test.woken) < count && atomic_load(&test.failure) == 0) {
      rouse_task_yield();
    }
  }
  atomic_store(&test.stop, 1);
  test.approach->wake_all(&object);
  for (uint32_t index = 0; index < count; index++) rouse_task_join(waiters[index].task, NULL);
  int failure = atomic_load(&test.failure);
  return failure != 0 ? rouse_error_message(failure) : NULL;
}

// |first_loop|: where the first waiter runs; the others follow in turns.
static const char *begin(const approach *approach, uint32_t count, uint32_t first_loop) {
  memset(&test, 0, sizeof test);
  memset(waiters, 0, sizeof waiters);
  test.approach = approach;
  int failed = approach->init(&object);
  if (failed < 0) return rouse_error_message(failed);
  for (uint32_t index = 0; index < count; index++) {
    rouse_loop *loop = rouse_run_loop((first_loop + index) % rouse_run_loop_count());
    failed = rouse_task_spawn(&waiters[index].task, loop, waiter_main, &waiters[index]);
    if (failed == 0) continue;
    atomic_store(&test.stop, 1);
    approach->wake_all(&object);
    while (index-- > 0) rouse_task_join(waiters[index].task, NULL);
    approach->finish(&object);
    return rouse_error_message(failed);
  }
  return NULL;
}

static const char *end(const char *problem, measured *out) {
  test.approach->finish(&object);
  if (problem != NULL) return problem;
  uint32_t count = atomic_load(&test.sample_count);
  if (count > SAMPLES_OF_RUN) count = SAMPLES_OF_RUN;
  for (uint32_t index = 0; index < count; index++)
    spread_add(kept_spread, samples_us[index] * 1000);
  out->values[0] = quantile(samples_us, count, 0.5);
  out->values[1] = quantile_of_sorted(samples_us, count, 0.99);
  out->values[2] = quantile_of_sorted(samples_us, count, 1);
  return NULL;
}

static const char *measure(const approach *approach, uint32_t count, uint64_t rounds,
                           uint32_t first_loop, bool settle, bool all, measured *out) {
  kept_spread = &out->spread;
  const char *problem = begin(approach, count, first_loop);
  if (problem != NULL) return problem;
  return end(run_rounds(count, rounds, settle, all), out);
}

const char *measure_wake_local(const measurement *self, const approach *approach, measured *out) {
  (void)self;
  return measure(approach, 1, measure_count(500, 4000), 0, false, false, out);
}

const char *measure_wake_cross(const measurement *self, const approach *approach, measured *out) {
  (void)self;
  return measure(approach, 1, measure_count(80, 400), 1, true, false, out);
}

const char *measure_wake_all(const measurement *self, const approach *approach, measured *out) {
  (void)self;
  return measure(approach, WAITERS, measure_count(10, 60), 0, true, true, out);
}
