// The five benchmarks of the research note, over a semaphore built on any approach. They do the
// work and tell what they did; measuring in turns, medians and tables are the caller's.
#ifndef APPROACHES_WORKLOADS_H
#define APPROACHES_WORKLOADS_H

#include "approach.h"

typedef struct workload_scale {
  uint32_t tasks;       // how many compete, where the workload has tasks; 0: its own default
  uint32_t permits;     // 0: its own default
  uint64_t operations;  // acquire + release pairs in all, over all tasks; 0: its own default
} workload_scale;

typedef struct workload_result {
  uint64_t operations;    // acquire + release pairs that were done
  int64_t elapsed_ns;     // of the part that counts: from the first task's go to the last one's end
  uint64_t waited;        // operations that found no permit free
  int64_t worst_wait_ns;  // the longest of them (0 where waits are not timed)
  uint64_t fewest, most;  // operations of the luckless and the luckiest task
} workload_result;

typedef struct workload {
  const char *name;   // "try", "acquire", "contended", "cycles", "crowd"
  const char *title;  // as the note has it
  uint32_t needs;     // APPROACH_* bits without which it cannot run
  bool one_loop;      // it runs on the calling task's loop only
  workload_scale defaults;
  // Runs in a task inside rouse_run(), and uses all loops of the run (unless one_loop).
  // Returns ROUSE_DONE, ROUSE_ENOTSUP (the approach cannot), or a failure.
  int (*run)(const approach *approach, const workload_scale *scale, workload_result *out_result);
} workload;

// A NULL name at the end.
extern const workload workloads[];

#endif
