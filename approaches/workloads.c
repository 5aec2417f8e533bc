// The note's benchmarks over the semaphore of semaphore.h.
#include "workloads.h"

#include <rouse/event.h>
#include <rouse/run.h>
#include <rouse/semaphore.h>

#include "parts.h"
#include "semaphore.h"

// --- one task alone ------------------------------------------------------------------------------

static workload_scale scaled(const workload_scale *wanted, const workload_scale *defaults) {
  workload_scale scale = wanted ? *wanted : *defaults;
  if (!scale.tasks) scale.tasks = defaults->tasks;
  if (!scale.permits) scale.permits = defaults->permits;
  if (!scale.operations) scale.operations = defaults->operations;
  return scale;
}

static int alone(const approach *approach, const workload_scale *scale, bool try_only,
                 workload_result *out_result) {
  lab_semaphore semaphore;
  int result = lab_semaphore_init(&semaphore, approach, scale->permits);
  if (result) return result;
  int64_t started_ns = rouse_now_ns();
  uint64_t done = 0;
  while (done < scale->operations) {
    if (try_only) {
      if (!lab_semaphore_try(&semaphore)) break;
    } else {
      result = lab_semaphore_acquire(&semaphore, ROUSE_FOREVER, NULL);
      if (result) break;
    }
    lab_semaphore_release(&semaphore);
    done++;
  }
  *out_result = (workload_result){
      .operations = done,
      .elapsed_ns = rouse_now_ns() - started_ns,
      .fewest = done,
      .most = done,
  };
  lab_semaphore_finish(&semaphore);
  return result;
}

// --- many tasks ----------------------------------------------------------------------------------

struct crowd {
  lab_semaphore semaphore;
  rouse_semaphore ready;
  rouse_event go;
  _Alignas(64) rouse__atomic64 left;  // operations that nobody has begun
  rouse__atomic32 failed;             // the first failure, negated
};

struct member {
  _Alignas(64) struct crowd *crowd;
  rouse_task *task;
  uint64_t operations, waited;
  int64_t worst_ns, ended_ns;
};

// Takes a permit; a wait is timed, which costs those who need not wait nothing.
static int take_permit(struct member *member) {
  lab_semaphore *semaphore = &member->crowd->semaphore;
  rouse__inline_budget_use();
  if (lab_semaphore_try(semaphore)) return ROUSE_DONE;
  int64_t started_ns = rouse_now_ns();
  int result = lab_semaphore_acquire(semaphore, ROUSE_FOREVER, NULL);
  int64_t waited_ns = rouse_now_ns() - started_ns;
  member->waited++;
  if (waited_ns > member->worst_ns) member->worst_ns = waited_ns;
  return result;
}

// Whether there is one more operation to be done.
static bool take_operation(struct crowd *crowd) {
  uint64_t left = load_relaxed(&crowd->left);  // RELAXED: the CAS validates it
  while (left) {
    // RELAXED: a number, that orders nothing.
    if (cas_relaxed(&crowd->left, &left, left - 1)) return true;
  }
  return false;
}

static int64_t compete(void *argument) {
  struct member *member = argument;
  struct crowd *crowd = member->crowd;
  int result = rouse_semaphore_release(&crowd->ready, 1);
  if (!result) result = rouse_event_wait(&crowd->go);
  while (!result && take_operation(crowd)) {
    result = take_permit(member);
    if (result) break;
    rouse_task_yield();  // with the permit in hand: so that others find it taken
    lab_semaphore_release(&crowd->semaphore);
    member->operations++;
    rouse_task_yield();  // without it: so that who was woken finds the permit
  }
  member->ended_ns = rouse_now_ns();
  uint32_t none = 0;
  // RELAXED: read after all tasks were joined.
  if (result) (void)cas_relaxed(&crowd->failed, &none, (uint32_t)-result);
  return result;
}

static int spawn_all(struct crowd *crowd, struct member *members, uint32_t count, bool one_loop) {
  uint32_t loops = one_loop ? 1 : rouse_run_loop_count();
  for (uint32_t i = 0; i < count; i++) {
    members[i].crowd = crowd;
    rouse_loop *loop = loops > 1 ? rouse_run_loop(i % loops) : rouse_loop_here();
    int failed = rouse_task_spawn(&members[i].task, loop, compete, &members[i]);
    if (failed) return failed;
  }
  return rouse_semaphore_acquire(&crowd->ready, count);
}

static int join_all(struct member *members, uint32_t count, workload_result *out_result) {
  int result = ROUSE_DONE;
  out_result->fewest = UINT64_MAX;
  for (uint32_t i = 0; i < count && members[i].task; i++) {
    struct member *member = &members[i];
    int joined = rouse_task_join(member->task, NULL);
    if (joined) {
      result = joined;
      rouse_task_cancel(member->task);
      rouse_task_shield(true);
      rouse_task_join(member->task, NULL);
      rouse_task_shield(false);
    }
    out_result->operations += member->operations;
    out_result->waited += member->waited;
    if (member->worst_ns > out_result->worst_wait_ns) out_result->worst_wait_ns = member->worst_ns;
    if (member->ended_ns > out_result->elapsed_ns) out_result->elapsed_ns = member->ended_ns;
    if (member->operations < out_result->fewest) out_result->fewest = member->operations;
    if (member->operations > out_result->most) out_result->most = member->operations;
  }
  return result;
}

static int crowded(const approach *approach, const workload_scale *scale, bool one_loop,
                   workload_result *out_result) {
  *out_result = (workload_result){0};
  bool several = !one_loop && rouse_run_loop_count() > 1;
  if (several && !(approach->can & APPROACH_LOOPS)) return ROUSE_ENOTSUP;
  struct crowd *crowd = approach_allocate(sizeof *crowd);
  struct member *members = approach_allocate(scale->tasks * sizeof *members);
  int result = ROUSE_ENOMEM;
  if (!crowd || !members) goto out_free;
  result = lab_semaphore_init(&crowd->semaphore, approach, scale->permits);
  if (result) goto out_free;
  store_relaxed(&crowd->left, scale->operations);  // RELAXED: published by the spawns
  rouse_semaphore_init(&crowd->ready, 0, ROUSE_FIFO);
  result = spawn_all(crowd, members, scale->tasks, one_loop);
  if (result) store_relaxed(&crowd->left, 0);  // RELAXED: published by the event
  int64_t started_ns = rouse_now_ns();
  rouse_event_set(&crowd->go);
  int joined = join_all(members, scale->tasks, out_result);
  out_result->elapsed_ns -= started_ns;
  if (!result) result = joined;
  // RELAXED: the joins ordered it.
  if (!result) result = -(int)load_relaxed(&crowd->failed);
  lab_semaphore_finish(&crowd->semaphore);
out_free:
  approach_free(members);
  approach_free(crowd);
  return result;
}

// --- the five ------------------------------------------------------------------------------------

enum { TRY, ACQUIRE, CONTENDED, CYCLES, CROWD };

static int run(int index, const approach *approach, const workload_scale *scale,
               workload_result *out_result) {
  const workload *workload = &workloads[index];
  if (approach->unavailable()) return ROUSE_ENOTSUP;
  if ((approach->can & workload->needs) != workload->needs) return ROUSE_ENOTSUP;
  workload_scale mine = scaled(scale, &workload->defaults);
  if (index == TRY || index == ACQUIRE) return alone(approach, &mine, index == TRY, out_result);
  return crowded(approach, &mine, workload->one_loop, out_result);
}

static int run_try(const approach *approach, const workload_scale *scale, workload_result *out) {
  return run(TRY, approach, scale, out);
}
static int run_acquire(const approach *approach, const workload_scale *scale,
                       workload_result *out) {
  return run(ACQUIRE, approach, scale, out);
}
static int run_contended(const approach *approach, const workload_scale *scale,
                         workload_result *out) {
  return run(CONTENDED, approach, scale, out);
}
static int run_cycles(const approach *approach, const workload_scale *scale, workload_result *out) {
  return run(CYCLES, approach, scale, out);
}
static int run_crowd(const approach *approach, const workload_scale *scale, workload_result *out) {
  return run(CROWD, approach, scale, out);
}

const workload workloads[] = {
    [TRY] = {.name = "try",
             .title = "uncontended try",
             .one_loop = true,
             .defaults = {.tasks = 1, .permits = 1, .operations = 1000000},
             .run = run_try},
    [ACQUIRE] = {.name = "acquire",
                 .title = "uncontended acquire",
                 .one_loop = true,
                 .defaults = {.tasks = 1, .permits = 1, .operations = 1000000},
                 .run = run_acquire},
    [CONTENDED] = {.name = "contended",
                   .title = "tasks competing for 4 permits, each held over a yield",
                   .needs = APPROACH_MANY,
                   .defaults = {.tasks = 16, .permits = 4, .operations = 20000},
                   .run = run_contended},
    [CYCLES] = {.name = "cycles",
                .title = "1000 cycles of two tasks that take one permit from each other",
                .one_loop = true,
                .defaults = {.tasks = 2, .permits = 1, .operations = 1000},
                .run = run_cycles},
    [CROWD] = {.name = "crowd",
               .title = "1000 tasks through 100 permits",
               .needs = APPROACH_MANY,
               .defaults = {.tasks = 1000, .permits = 100, .operations = 1000},
               .run = run_crowd},
    {0},
};
