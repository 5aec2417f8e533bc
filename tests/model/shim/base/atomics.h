// The model checker's stand-in for src/base/atomics.h: the same names, each a call of the explorer.
#ifndef ROUSE_BASE_ATOMICS_H
#define ROUSE_BASE_ATOMICS_H

#include <rouse/api.h>

#include "explorer.h"

#define MODEL_SITE(name, order_, failure_)                                                         \
  __extension__({                                                                                  \
    static struct model_site site_ = {__FILE__, __func__, name, __LINE__, order_,                  \
                                      failure_, false,    0,    0,        0};                      \
    &site_;                                                                                        \
  })

#define MODEL_LOAD(name, order, p)                                                                 \
  ((__typeof__((p)->raw))model_load(MODEL_SITE(name, order, 0), &(p)->raw, sizeof((p)->raw)))
#define load_relaxed(p) MODEL_LOAD("load_relaxed", MODEL_RELAXED, p)
#define load_acquire(p) MODEL_LOAD("load_acquire", MODEL_ACQUIRE, p)

#define MODEL_STORE(name, order, p, v)                                                             \
  model_store(MODEL_SITE(name, order, 0), &(p)->raw, sizeof((p)->raw), (__typeof__((p)->raw))(v))
#define store_relaxed(p, v) MODEL_STORE("store_relaxed", MODEL_RELAXED, p, v)
#define store_release(p, v) MODEL_STORE("store_release", MODEL_RELEASE, p, v)

#define MODEL_RMW(name, order, operation, p, v)                                                    \
  __extension__({                                                                                  \
    (__typeof__((p)->raw))model_rmw(MODEL_SITE(name, order, 0), &(p)->raw, sizeof((p)->raw),       \
                                    operation, (__typeof__((p)->raw))(v));                         \
  })
#define add_relaxed(p, v) MODEL_RMW("add_relaxed", MODEL_RELAXED, MODEL_ADD, p, v)
#define add_release(p, v) MODEL_RMW("add_release", MODEL_RELEASE, MODEL_ADD, p, v)
#define add_acq_rel(p, v) MODEL_RMW("add_acq_rel", MODEL_ACQ_REL, MODEL_ADD, p, v)
#define sub_relaxed(p, v) MODEL_RMW("sub_relaxed", MODEL_RELAXED, MODEL_SUB, p, v)
#define sub_release(p, v) MODEL_RMW("sub_release", MODEL_RELEASE, MODEL_SUB, p, v)
#define sub_acq_rel(p, v) MODEL_RMW("sub_acq_rel", MODEL_ACQ_REL, MODEL_SUB, p, v)
#define or_acq_rel(p, v) MODEL_RMW("or_acq_rel", MODEL_ACQ_REL, MODEL_OR, p, v)
#define and_acquire(p, v) MODEL_RMW("and_acquire", MODEL_ACQUIRE, MODEL_AND, p, v)
#define swap_acquire(p, v) MODEL_RMW("swap_acquire", MODEL_ACQUIRE, MODEL_SWAP, p, v)
#define swap_release(p, v) MODEL_RMW("swap_release", MODEL_RELEASE, MODEL_SWAP, p, v)
#define swap_acq_rel(p, v) MODEL_RMW("swap_acq_rel", MODEL_ACQ_REL, MODEL_SWAP, p, v)

#define MODEL_CAS(name, order, failure, p, expected, v)                                            \
  __extension__({                                                                                  \
    __typeof__((p)->raw) *expected_ = (expected);                                                  \
    uint64_t found_;                                                                               \
    bool done_ = model_cas(MODEL_SITE(name, order, failure), &(p)->raw, sizeof((p)->raw),          \
                           *expected_, (__typeof__((p)->raw))(v), &found_);                        \
    if (!done_) *expected_ = (__typeof__((p)->raw))found_;                                         \
    done_;                                                                                         \
  })
#define cas_relaxed(p, expected, v)                                                                \
  MODEL_CAS("cas_relaxed", MODEL_RELAXED, MODEL_RELAXED, p, expected, v)
#define cas_acquire(p, expected, v)                                                                \
  MODEL_CAS("cas_acquire", MODEL_ACQUIRE, MODEL_RELAXED, p, expected, v)
#define cas_release(p, expected, v)                                                                \
  MODEL_CAS("cas_release", MODEL_RELEASE, MODEL_RELAXED, p, expected, v)
#define cas_acq_rel(p, expected, v)                                                                \
  MODEL_CAS("cas_acq_rel", MODEL_ACQ_REL, MODEL_RELAXED, p, expected, v)
#define cas_acq_rel_acquire(p, expected, v)                                                        \
  MODEL_CAS("cas_acq_rel_acquire", MODEL_ACQ_REL, MODEL_ACQUIRE, p, expected, v)

static inline void rouse__pause(void) {}

#endif
