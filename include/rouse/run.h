// One call that runs a whole program: loops on threads, a first task, an orderly end.
#ifndef ROUSE_RUN_H
#define ROUSE_RUN_H

#include <rouse/task.h>

ROUSE_BEGIN_C

typedef struct rouse_run_options {
  uint32_t loops;  // each on a thread of its own, the first on the calling one. 0: 1. At most 1024
  rouse_loop_options loop;
} rouse_run_options;

// Starts the loops, runs |main| as a task on the first, and returns when it and all others have
// ended.
//
// When |main| returns, all other tasks on all loops are cancelled, and joined. So no task outlives
// the call. What |main| returned goes to |*out_result| (may be NULL). rouse_loop_stop() on any of
// the loops cancels all tasks on all of them, |main| included.
//
// Waits and operations with callbacks are not cancelled: the program sees to it that each has
// completed, and that acceptors, receivers and groups of buffers are destroyed, when the last task
// ends. If something is left then, the process is aborted with a sentence: its memory would be the
// loop's, which is gone.
//
// |options|  NULL: defaults.
//
// Returns ROUSE_DONE; or why it could not start: as rouse_loop_create(), ROUSE_EINVAL (more than
//   1024 loops), ROUSE_ENOMEM (a thread, or the stack of |main|); or, as rouse_loop_run(), what a
//   backend failed with.
// Threads: any without a loop.
ROUSE_API int rouse_run(const rouse_run_options *options, rouse_task_fn *main, void *argument,
                        int64_t *out_result);

// Inside rouse_run(): how many loops there are, and the loop number |index| (NULL if out of range).
// Elsewhere 0, or 1 on a loop of its own. Threads: any with a loop.
ROUSE_API uint32_t rouse_run_loop_count(void);
ROUSE_API rouse_loop *rouse_run_loop(uint32_t index);

// Inside rouse_run(), from a task: the sum of all loops' counters; each loop is asked, so this
// waits. Outside of tasks: all zero.
ROUSE_API void rouse_run_stats_read(rouse_loop_stats *out_stats);

ROUSE_END_C
#endif
