// The switch by the C library's swapcontext: for processors without a switch of their own.
//
// It preserves all that a call does, and would keep a signal mask for each flow. The mask is the
// thread's, as with the other switches, so it is carried over first: two system calls a switch.
#ifndef ROUSE_CONTEXT_SWITCH_UCONTEXT_H
#define ROUSE_CONTEXT_SWITCH_UCONTEXT_H

#include <signal.h>
#include <ucontext.h>

struct rouse__context_registers {
  ucontext_t flow;
};

static inline __attribute__((always_inline)) void rouse__context_swap(
    struct rouse__context_registers *from, struct rouse__context_registers *to) {
  (void)pthread_sigmask(SIG_BLOCK, NULL, &to->flow.uc_sigmask);
  // Can't fail: both are structures of ours, and the C library has no other error to report.
  (void)swapcontext(&from->flow, &to->flow);
}

#endif
