// rouse_run(): a group of loops on threads, a first task, an orderly end.
//
// All loops of the group end together, when the group is stopping and its last task has ended,
// wherever that was: until then a task on one loop may wait for a task on another.
#include <rouse/semaphore.h>
#include <rouse/version.h>

#include "runtime/loop_internal.h"

enum { LOOPS_MAX = 1024 };

struct member {
  struct run *run;
  uint32_t index;
  rouse__thread thread;
  int result;
};

struct run {
  struct rouse__group group;
  const rouse_run_options *options;
  struct member *members;
  rouse_event go;  // all loops are there, or one failed
  rouse_semaphore
      arrived;        // a permit from each thread when its loop is there, and one when it has run
  rouse_event leave;  // all loops have ended: they may be destroyed
  rouse_task_fn *main;
  void *argument;
  int64_t result;
  bool failed;  // written before |go|
};

static int64_t main_task(void *argument) {
  struct run *run = argument;
  run->result = run->main(run->argument);
  rouse_loop_stop(rouse__loop_here);
  return 0;
}

static void destroy_at_the_end(rouse_loop *loop) {
  if (!rouse_loop_destroy(loop)) return;
  rouse__die(
      "rouse_run: a loop has ended with waits or operations by callback pending, or with "
      "acceptors, "
      "receivers or buffers that were not destroyed",
      ROUSE__WHERE);
}

static void member_main(void *argument) {
  struct member *member = argument;
  struct run *run = member->run;
  rouse_loop *loop = NULL;
  member->result = rouse__loop_create(&run->options->loop, &run->group, &loop);
  run->group.loops[member->index] = loop;
  rouse_semaphore_release(&run->arrived, 1);
  rouse__loop_here = NULL;  // park as a plain thread until all are there
  rouse_event_wait(&run->go);
  rouse__loop_here = loop;
  if (!run->failed) member->result = rouse__loop_run(loop);
  rouse_semaphore_release(&run->arrived, 1);
  if (!loop) return;
  rouse__loop_here = NULL;
  rouse_event_wait(&run->leave);
  rouse__loop_here = loop;
  destroy_at_the_end(loop);
}

// Starts the threads of the loops after the first. Returns how many were started; |*failed| if not
// all.
static uint32_t start_threads(struct run *run, int *failed) {
  uint32_t started = 1;
  for (; started < run->group.count; started++) {
    struct member *member = &run->members[started];
    *member = (struct member){.run = run, .index = started};
    *failed = rouse__thread_start(&member->thread, member_main, member, "rouse-loop");
    if (*failed) break;
  }
  return started;
}

static int run_all(struct run *run) {
  int failed = 0;
  uint32_t started = start_threads(run, &failed);
  struct member *first = &run->members[0];
  *first = (struct member){.run = run};
  if (started > 1) rouse_semaphore_acquire(&run->arrived, started - 1);
  for (uint32_t i = 1; i < started && !failed; i++) failed = run->members[i].result;
  rouse_loop *loop = NULL;
  if (!failed) failed = rouse__loop_create(&run->options->loop, &run->group, &loop);
  run->group.loops[0] = loop;
  if (!failed) failed = rouse_task_spawn(&run->group.main, loop, main_task, run);
  run->failed = failed;
  rouse_event_set(&run->go);
  if (!failed) {
    failed = rouse__loop_run(loop);
    if (!failed) failed = run->group.main_refused;
    rouse_task_detach(run->group.main);
  }
  rouse__loop_here = NULL;
  // None may go before all have ended their runs: the last task's end rings every loop.
  if (started > 1) rouse_semaphore_acquire(&run->arrived, started - 1);
  rouse_event_set(&run->leave);
  for (uint32_t i = 1; i < started; i++) rouse__thread_join(&run->members[i].thread);
  rouse__loop_here = loop;
  if (run->group.pool) rouse__pool_destroy(run->group.pool);
  destroy_at_the_end(loop);
  return failed;
}

int rouse_run(const rouse_run_options *options, rouse_task_fn *main, void *argument,
              int64_t *out_result) {
  static const rouse_run_options defaults;
  ROUSE__ASSERT(main, "rouse_run: the function is NULL");
  if (rouse__loop_here && !rouse__loop_forked(rouse__loop_here)) {
    return ROUSE_EBUSY;
  }
  if (!options) options = &defaults;
  uint32_t loops = options->loops ? options->loops : 1;
  if (loops > LOOPS_MAX) return ROUSE_EINVAL;
  struct run run = {.options = options, .main = main, .argument = argument};
  run.members = rouse__allocate(loops * sizeof *run.members, _Alignof(struct member));
  run.group.loops = rouse__allocate(loops * sizeof *run.group.loops, _Alignof(rouse_loop *));
  run.group.count = loops;
  run.group.pool_threads = options->loop.blocking_threads;
  int result = ROUSE_ENOMEM;
  if (run.members && run.group.loops) {
    result = run_all(&run);
  }
  if (result == ROUSE_DONE && out_result) *out_result = run.result;
  rouse__free(run.group.loops);
  rouse__free(run.members);
  return result;
}

uint32_t rouse_run_loop_count(void) {
  return rouse__loop_here ? rouse__loop_here->group->count : 0;
}

rouse_loop *rouse_run_loop(uint32_t index) {
  rouse_loop *here = rouse__loop_here;
  return here && index < here->group->count ? here->group->loops[index] : NULL;
}

// --- counters ------------------------------------------------------------------------------------

struct reading {
  rouse_wait mail;
  rouse_loop_stats stats;
  rouse_event done;
};

static void read_arrived(rouse_wait *wait, int result) {
  (void)result;
  struct reading *reading = ROUSE__CONTAINER(wait, struct reading, mail);
  rouse_loop_stats_read(rouse__loop_here, &reading->stats);
  rouse_event_set(&reading->done);
}

static void add_stats(rouse_loop_stats *sum, const rouse_loop_stats *part) {
  sum->dispatches += part->dispatches;
  sum->waits += part->waits;
  sum->wakes += part->wakes;
  sum->bells_rung += part->bells_rung;
  sum->bells_elided += part->bells_elided;
  sum->sleeps += part->sleeps;
  sum->operations += part->operations;
  sum->registered += part->registered;
  sum->blocking_calls += part->blocking_calls;
  sum->tasks += part->tasks;
  sum->tasks_most += part->tasks_most;
}

void rouse_run_stats_read(rouse_loop_stats *out_stats) {
  *out_stats = (rouse_loop_stats){0};
  rouse_loop *here = rouse__loop_here;
  if (!here || !here->current) return;
  bool shielded = rouse_task_shield(true);
  for (uint32_t i = 0; i < here->group->count; i++) {
    struct reading reading = {.done = ROUSE_EVENT_INIT};
    rouse_loop_post(here->group->loops[i], &reading.mail, read_arrived);
    rouse_event_wait(&reading.done);
    add_stats(out_stats, &reading.stats);
  }
  rouse_task_shield(shielded);
}

const char *rouse_version(void) { return ROUSE_VERSION_STRING; }
