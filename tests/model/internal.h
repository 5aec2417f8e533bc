// Shared by the parts of the explorer: schedule.c (threads, choices), memory.c (what operations see
// and order), hooks.c (plain accesses).
#ifndef ROUSE_TESTS_MODEL_INTERNAL_H
#define ROUSE_TESTS_MODEL_INTERNAL_H

#include "explorer.h"

typedef uint16_t model_clock;

struct model_thread_view {
  model_clock clock[MODEL_THREADS];  // what of each thread happens before now; own: the time now
  uint64_t hash;                     // of its part of the execution graph
};

// schedule.c
extern struct model_thread_view model_views[MODEL_THREADS];
extern int model_current;  // the thread that runs; -1: the explorer
extern bool model_tracing;
extern int model_stale_left;
extern uint32_t model_execution;  // its number, for lazily reset tables
void model_step(void);            // a scheduling point: others may run before it returns
void model_step_nonzero(const uintptr_t *at);  // as model_step(), once *at is not 0
int model_choose(int options);
bool model_on_own_stack(uintptr_t address);
bool model_on_any_stack(uintptr_t address);
bool model_alone(void);  // no second thread was started yet
void model_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

// memory.c
void model_memory_explore(void);  // a new exploration begins
void model_memory_reset(void);    // a new execution
void model_plain(uintptr_t address, unsigned size, bool write, uintptr_t where);
const char *model_name(uintptr_t address);

static inline uint64_t model_mix(uint64_t a, uint64_t b) {
  uint64_t x =
      (a ^ (b + UINT64_C(0x9e3779b97f4a7c15) + (a << 6) + (a >> 2))) * UINT64_C(0xff51afd7ed558ccd);
  x ^= x >> 32;
  x *= UINT64_C(0xc4ceb9fe1a85ec53);
  return x ^ x >> 29;
}
static inline void model_join_clock(model_clock *into, const model_clock *from) {
  for (int i = 0; i < MODEL_THREADS; i++)
    if (into[i] < from[i]) into[i] = from[i];
}

#endif
