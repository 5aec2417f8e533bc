// Tasks that want one permit: throughput, and how evenly it is shared.
//
// Each task acquires, yields, releases, and yields again: so the permit is held while others
// run, and nobody who releases it can take it again before the one it has woken has had a chance.
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "semaphore.h"

enum { TASKS_MAX = 1000, KEPT = 1024, SLICES_MAX = 20 };

// What one task did. Lines of their own: the counters must not be what is measured.
typedef struct contender {
  _Alignas(128) _Atomic uint64_t turns;
  struct contest *contest;
  rouse_task *task;
  uint32_t kept;
  int64_t worst_ns;
  float *waits_ns;  // the last KEPT of them; NULL: not timed
} contender;

typedef struct contest {
  lab_semaphore permit;
  _Atomic uint32_t ready, go, stop;
  _Atomic int failure;
} contest;

static contender contenders[TASKS_MAX];
static contest the_contest;

static int take_turn(contender *self) {
  contest *contest = self->contest;
  int64_t begin_ns = self->waits_ns != NULL ? rouse_now_ns() : 0;
  int failed = lab_semaphore_acquire(&contest->permit, ROUSE_FOREVER, NULL);
  if (failed) return failed;
  if (self->waits_ns != NULL) {
    int64_t took_ns = rouse_now_ns() - begin_ns;
    if (took_ns > self->worst_ns) self->worst_ns = took_ns;
    self->waits_ns[self->kept++ % KEPT] = (float)took_ns;
  }
  rouse_task_yield();
  lab_semaphore_release(&contest->permit);
  atomic_fetch_add_explicit(&self->turns, 1, memory_order_relaxed);
  rouse_task_yield();
  return 0;
}

static int64_t contender_main(void *argument) {
  contender *self = argument;
  contest *contest = self->contest;
  atomic_fetch_add(&contest->ready, 1);
  measure_await(&contest->go, 1);
  while (atomic_load_explicit(&contest->stop, memory_order_relaxed) == 0) {
    int failed = take_turn(self);
    if (failed) {
      atomic_store(&contest->failure, failed);
      break;
    }
  }
  return 0;
}

static uint64_t turns_of_all(uint32_t tasks) {
  uint64_t sum = 0;
  for (uint32_t index = 0; index < tasks; index++) sum += atomic_load(&contenders[index].turns);
  return sum;
}

static const char *join_all(uint32_t started) {
  for (uint32_t index = 0; index < started; index++) {
    rouse_task_join(contenders[index].task, NULL);
  }
  int failure = atomic_load(&the_contest.failure);
  return failure != 0 ? rouse_error_message(failure) : NULL;
}

// Runs |tasks| for a slice: turns in a second into |*out_rate|.
static const char *compete(uint32_t tasks, float *waits_ns, double *out_rate) {
  contest *contest = &the_contest;
  uint32_t started = 0, loops = rouse_run_loop_count();
  // What one thread does is measured in its processor time: other programs matter little then.
  int64_t (*clock)(void) = loops == 1 ? measure_cpu_ns : rouse_now_ns;
  for (; started < tasks; started++) {
    contender *contender = &contenders[started];
    memset(contender, 0, sizeof *contender);
    contender->contest = contest;
    contender->waits_ns = waits_ns != NULL ? waits_ns + (size_t)started * KEPT : NULL;
    if (rouse_task_spawn(&contender->task, rouse_run_loop(started % loops), contender_main,
                         contender) < 0) {
      break;
    }
  }
  bool all = started == tasks;
  while (atomic_load(&contest->ready) < started) rouse_task_yield();
  if (!all) atomic_store(&contest->stop, 1);
  int64_t begin_ns = clock();
  atomic_store(&contest->go, 1);
  uint64_t turns = 0;
  // On a busy machine, or with very slow waits, a slice may pass without a turn.
  for (int slice = 0; all && turns == 0 && slice < SLICES_MAX; slice++) {
    rouse_task_sleep_ns(measure_slice_ns());
    turns = turns_of_all(started);
  }
  double took_s = (double)(clock() - begin_ns) / 1e9;
  atomic_store(&contest->stop, 1);
  const char *problem = join_all(started);
  if (!all) return "no memory for so many tasks";
  *out_rate = turns > 0 ? (double)turns / took_s : NAN;
  return problem;
}

static const char *begin(const approach *approach) {
  memset(&the_contest, 0, sizeof the_contest);
  int failed = lab_semaphore_init(&the_contest.permit, approach, 1);
  return failed < 0 ? rouse_error_message(failed) : NULL;
}

const char *measure_contended(const measurement *self, const approach *approach, measured *out) {
  const char *problem = begin(approach);
  if (problem != NULL) return problem;
  problem = compete(self->amount, NULL, &out->values[0]);
  lab_semaphore_finish(&the_contest.permit);
  return problem;
}

// --- fairness ------------------------------------------------------------------------------------

// Gathers the waits of all tasks in |waits_ns| itself. Returns how many there are.
static uint32_t gather(uint32_t tasks, float *waits_ns, double *values, spread *spread,
                       double *worst_ns) {
  uint32_t count = 0;
  for (uint32_t index = 0; index < tasks; index++) {
    const contender *contender = &contenders[index];
    uint32_t kept = contender->kept < KEPT ? contender->kept : KEPT;
    for (uint32_t place = 0; place < kept; place++) {
      values[count] = waits_ns[(size_t)index * KEPT + place];
      spread_add(spread, values[count++]);
    }
    if ((double)contender->worst_ns > *worst_ns) *worst_ns = (double)contender->worst_ns;
  }
  return count;
}

static double share_spread(uint32_t tasks) {
  double fewest = 0, most = 0;
  for (uint32_t index = 0; index < tasks; index++) {
    double turns = (double)atomic_load(&contenders[index].turns);
    if (turns < 0.5) turns = 0.5;
    if (index == 0 || turns < fewest) fewest = turns;
    if (turns > most) most = turns;
  }
  return most / fewest;
}

const char *measure_fairness(const measurement *self, const approach *approach, measured *out) {
  size_t room = (size_t)self->amount * KEPT;
  float *waits_ns = malloc(room * sizeof *waits_ns);
  double *values = malloc(room * sizeof *values), rate, worst_ns = 0;
  const char *problem = waits_ns == NULL || values == NULL ? "no memory" : begin(approach);
  if (problem == NULL) {
    problem = compete(self->amount, waits_ns, &rate);
    lab_semaphore_finish(&the_contest.permit);
  }
  if (problem == NULL) {
    uint32_t count = gather(self->amount, waits_ns, values, &out->spread, &worst_ns);
    double median = quantile(values, count, 0.5), p99 = quantile_of_sorted(values, count, 0.99);
    out->values[0] = median / 1000;
    out->values[1] = p99 / 1000;
    out->values[2] = worst_ns / 1000;
    out->values[3] = p99 / (median > 1 ? median : 1);
    out->values[4] = share_spread(self->amount);
  }
  free(waits_ns);
  free(values);
  return problem;
}

// --- uncontended ---------------------------------------------------------------------------------

typedef bool pair_fn(lab_semaphore *permit);

static bool pair_by_try(lab_semaphore *permit) {
  if (!lab_semaphore_try(permit)) return false;
  lab_semaphore_release(permit);
  return true;
}

static bool pair_by_acquire(lab_semaphore *permit) {
  if (lab_semaphore_acquire(permit, ROUSE_FOREVER, NULL) < 0) return false;
  lab_semaphore_release(permit);
  return true;
}

// The time of one pair: the median over batches, in processor time where that is known, so that
// other programs matter little.
static const char *time_pairs(lab_semaphore *permit, pair_fn *pair, double *out_ns) {
  enum { BATCH = 2000, BATCHES_MAX = 512 };
  double batches[BATCHES_MAX];
  uint32_t count = 0;
  int64_t end_ns = rouse_now_ns() + measure_slice_ns() / 2;
  do {
    int64_t begin_ns = measure_cpu_ns();
    for (int index = 0; index < BATCH; index++) {
      if (!pair(permit)) return "an uncontended acquire failed";
    }
    batches[count++] = (double)(measure_cpu_ns() - begin_ns) / BATCH;
  } while (count < BATCHES_MAX && rouse_now_ns() < end_ns);
  *out_ns = quantile(batches, count, 0.5);
  return NULL;
}

const char *measure_uncontended(const measurement *self, const approach *approach, measured *out) {
  (void)self;
  const char *problem = begin(approach);
  if (problem != NULL) return problem;
  problem = time_pairs(&the_contest.permit, pair_by_try, &out->values[0]);
  if (problem == NULL) {
    problem = time_pairs(&the_contest.permit, pair_by_acquire, &out->values[1]);
  }
  lab_semaphore_finish(&the_contest.permit);
  return problem;
}
