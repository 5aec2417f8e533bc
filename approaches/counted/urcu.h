// Counts the atomic operations of liburcu's inline queue: between <urcu-bp.h> and
// <urcu/rculfqueue.h>. Its read-side sections and what call_rcu() does are not looked into.
#ifndef APPROACHES_COUNTED_URCU_H
#define APPROACHES_COUNTED_URCU_H

#include "parts.h"

static inline uintptr_t counted_cmpxchg(void *address, uintptr_t old, uintptr_t now) {
  approach_counts_here.modifications++;
  return uatomic_cmpxchg((uintptr_t *)address, old, now);
}
static inline void counted_fence(void) {
  approach_counts_here.modifications++;
  cmm_smp_mb();
}
static inline void *counted_dereference(void *pointer) {
  approach_counts_here.loads++;
  return pointer;
}

#undef uatomic_cmpxchg
#define uatomic_cmpxchg(address, old, now)                                                         \
  ((__typeof__(*(address)))counted_cmpxchg((address), (uintptr_t)(old), (uintptr_t)(now)))
#undef cmm_smp_mb
#define cmm_smp_mb() counted_fence()
#undef rcu_dereference
#define rcu_dereference(p) ((__typeof__(p))counted_dereference(CMM_LOAD_SHARED(p)))

#endif
