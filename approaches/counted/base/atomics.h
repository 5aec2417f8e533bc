// A stand-in for src/base/atomics.h that counts, on the calling thread: for the counted twins of
// the approaches and of the core. The operations are the same.
#ifndef APPROACHES_COUNTED_ATOMICS_H
#define APPROACHES_COUNTED_ATOMICS_H

#include "../../../src/base/atomics.h"
#include "../../approach.h"

extern _Thread_local approach_counts approach_counts_here;

#define COUNT_LOAD(p, order)                                                                       \
  (approach_counts_here.loads++, __atomic_load_n(&(p)->raw, __ATOMIC_##order))
#define COUNT_STORE(p, v, order)                                                                   \
  (approach_counts_here.stores++, __atomic_store_n(&(p)->raw, (v), __ATOMIC_##order))
#define COUNT_RMW(operation, p, v, order)                                                          \
  (approach_counts_here.modifications++, operation(&(p)->raw, (v), __ATOMIC_##order))
#define COUNT_CAS(p, expected, v, success, failure)                                                \
  (approach_counts_here.modifications++,                                                           \
   __atomic_compare_exchange_n(&(p)->raw, (expected), (v), false, __ATOMIC_##success,              \
                               __ATOMIC_##failure))

#undef load_relaxed
#undef load_acquire
#undef store_relaxed
#undef store_release
#define load_relaxed(p) COUNT_LOAD(p, RELAXED)
#define load_acquire(p) COUNT_LOAD(p, ACQUIRE)
#define store_relaxed(p, v) COUNT_STORE(p, v, RELAXED)
#define store_release(p, v) COUNT_STORE(p, v, RELEASE)

#undef add_relaxed
#undef add_release
#undef add_acq_rel
#undef sub_relaxed
#undef sub_release
#undef sub_acq_rel
#undef or_acq_rel
#undef and_acquire
#undef swap_acquire
#undef swap_release
#undef swap_acq_rel
#define add_relaxed(p, v) COUNT_RMW(__atomic_fetch_add, p, v, RELAXED)
#define add_release(p, v) COUNT_RMW(__atomic_fetch_add, p, v, RELEASE)
#define add_acq_rel(p, v) COUNT_RMW(__atomic_fetch_add, p, v, ACQ_REL)
#define sub_relaxed(p, v) COUNT_RMW(__atomic_fetch_sub, p, v, RELAXED)
#define sub_release(p, v) COUNT_RMW(__atomic_fetch_sub, p, v, RELEASE)
#define sub_acq_rel(p, v) COUNT_RMW(__atomic_fetch_sub, p, v, ACQ_REL)
#define or_acq_rel(p, v) COUNT_RMW(__atomic_fetch_or, p, v, ACQ_REL)
#define and_acquire(p, v) COUNT_RMW(__atomic_fetch_and, p, v, ACQUIRE)
#define swap_acquire(p, v) COUNT_RMW(__atomic_exchange_n, p, v, ACQUIRE)
#define swap_release(p, v) COUNT_RMW(__atomic_exchange_n, p, v, RELEASE)
#define swap_acq_rel(p, v) COUNT_RMW(__atomic_exchange_n, p, v, ACQ_REL)

#undef cas_relaxed
#undef cas_acquire
#undef cas_release
#undef cas_acq_rel
#undef cas_acq_rel_acquire
#define cas_relaxed(p, expected, v) COUNT_CAS(p, expected, v, RELAXED, RELAXED)
#define cas_acquire(p, expected, v) COUNT_CAS(p, expected, v, ACQUIRE, RELAXED)
#define cas_release(p, expected, v) COUNT_CAS(p, expected, v, RELEASE, RELAXED)
#define cas_acq_rel(p, expected, v) COUNT_CAS(p, expected, v, ACQ_REL, RELAXED)
#define cas_acq_rel_acquire(p, expected, v) COUNT_CAS(p, expected, v, ACQ_REL, ACQUIRE)

#endif
