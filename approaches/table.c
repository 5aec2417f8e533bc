// The table of all approaches.
#include "parts.h"

#include <string.h>

const approach *const approaches[] = {
    &approach_mutex_deque,      &approach_hybrid,         &approach_lockfree_queue,
    &approach_intrusive_locked, &approach_event_listener, &approach_atomic_waker,
    &approach_single_thread,    &approach_uring_futex,    &approach_iocp_event,
    &approach_segment_queue,    &approach_rouse,          NULL,
};

#ifndef APPROACHES_COUNTED
const approach *approach_find(const char *name) {
  for (int i = 0; approaches[i]; i++) {
    if (!strcmp(approaches[i]->name, name)) return approaches[i];
  }
  return NULL;
}

const char *approach_bit_name(uint32_t bit) {
  static const char *const names[APPROACH_BITS] = {
      "fifo",          "exact",   "many",    "loops",     "removes",
      "allocates-not", "destroy", "threads", "lock-free", "kernel",
  };
  for (int i = 0; i < APPROACH_BITS; i++) {
    if (bit == UINT32_C(1) << i) return names[i];
  }
  return NULL;
}
#endif
