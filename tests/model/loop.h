// What the programs share: a waker that stands for a loop, and waits that count their completions.
#ifndef ROUSE_TESTS_MODEL_LOOP_H
#define ROUSE_TESTS_MODEL_LOOP_H

#include "base/atomics.h"
#include "base/waker.h"
#include "explorer.h"

struct model_loop {
  struct rouse__waker waker;
  uintptr_t inbox;
};
struct model_wait {
  rouse_wait wait;
  int completions, result, nudges;
};

// Each thread that waits has a loop of its own.
struct model_loop *model_loop_new(const char *name);
// Ready to be started on |loop|.
struct model_wait *model_wait_new(struct model_loop *loop, const char *name);
// |started| if that is not ROUSE_PENDING, else the result, for which the wait's loop runs.
int model_finish(struct model_wait *wait, int started);
// Runs |loop| once: waits for what arrives, and delivers it.
void model_loop_run(struct model_loop *loop);

struct model_program {
  const char *name;  // a claim
  model_program_fn *function;
  int most;  // preemptions, whatever the bound says, for its size; 0: as many as that
};
extern const struct model_program model_semaphore_programs[], model_mutex_programs[],
    model_event_programs[], model_waitqueue_programs[], model_self_programs[];

// A claim that holds under both policies: |name|(policy) becomes two programs.
#define MODEL_BOTH(name)                                                                           \
  static void name##_fifo(void) { name(ROUSE_FIFO); }                                              \
  static void name##_eventual(void) { name(ROUSE_EVENTUAL); }
#define MODEL_ENTRY(name, less)                                                                    \
  { #name, name, less }
#define MODEL_ENTRIES(name, most)                                                                  \
  {#name "_fifo", name##_fifo, most}, { #name "_eventual", name##_eventual, most }

#endif
