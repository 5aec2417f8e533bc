// The switch by the C library's swapcontext: for processors without a switch of their own.
//
// It preserves all that a call does, and the signal mask, by two system calls a round trip.
#ifndef ROUSE_CONTEXT_SWITCH_UCONTEXT_H
#define ROUSE_CONTEXT_SWITCH_UCONTEXT_H

#include <ucontext.h>

struct rouse__context_registers {
  ucontext_t flow;
};

static inline __attribute__((always_inline)) void rouse__context_swap(
    struct rouse__context_registers *from, struct rouse__context_registers *to) {
  // Can't fail: both are structures of ours, and the C library has no other error to report.
  (void)swapcontext(&from->flow, &to->flow);
}

#endif
