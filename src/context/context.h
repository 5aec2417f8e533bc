// The stack switch: suspends the running flow of control and continues another one.
//
// A flow is a stack and what a call preserves. A context stands for a flow while that is suspended;
// its contents mean nothing while the flow runs. Contexts belong to one thread: a flow is only ever
// continued by the thread that first ran it.
//
//   rouse__context_adopt(&thread)          the calling thread's own stack, so that it can be left
//   rouse__context_make(&task, …)          a flow that has not started
//   rouse__context_switch(&thread, &task)  the thread's flow sleeps, the task runs
//   rouse__context_switch(&task, &thread)  … and back, as often as wanted
//   rouse__context_exit(&task, &thread)    the task's last switch
//   rouse__context_release(&task)          by another flow; then stack and context can be reused
//
// A switch is inlined: the compiler knows which registers live across it and keeps only those, and
// the jump at its end has a branch-predictor entry of its own for each place that suspends. A
// switch that is a function has to save all of the preserved registers and ends in a return to a
// place that its caller did not call, which the processor always mispredicts. What is saved by hand
// is what the compiler can't be told about, and the floating-point control words, which a call
// preserves by the ABI: a task's fesetround() must be nobody else's.
//
// Signal masks, errno and the like belong to the thread and are not switched.
#ifndef ROUSE_CONTEXT_CONTEXT_H
#define ROUSE_CONTEXT_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#include "context/sanitizer.h"

typedef struct rouse__context rouse__context;

// The first function of a flow. It never returns: its last act is rouse__context_exit().
typedef void rouse__context_entry(void *argument);

// Exactly one switch is chosen. Its header defines struct rouse__context_registers and
// rouse__context_swap(from, to); the .c file beside it has make, adopt and name.
#if defined ROUSE_CONTEXT_UCONTEXT
#define ROUSE__CONTEXT_UCONTEXT 1
#elif defined __x86_64__ && !defined __APX_F__ && defined _WIN32
#define ROUSE__CONTEXT_WIN64 1
#elif defined __x86_64__ && !defined __ILP32__ && !defined __APX_F__
#define ROUSE__CONTEXT_SYSV_X86_64 1
#elif defined __aarch64__ && !defined __ILP32__ && !defined _WIN32
#define ROUSE__CONTEXT_AARCH64 1
#elif defined __riscv && __riscv_xlen == 64
#define ROUSE__CONTEXT_RISCV64 1
#else
#define ROUSE__CONTEXT_UCONTEXT 1
#endif

#if defined ROUSE__CONTEXT_SYSV_X86_64
#include "context/switch_sysv_x86_64.h"
#elif defined ROUSE__CONTEXT_WIN64
#include "context/switch_win64.h"
#elif defined ROUSE__CONTEXT_AARCH64
#include "context/switch_aarch64.h"
#elif defined ROUSE__CONTEXT_RISCV64
#include "context/switch_riscv64.h"
#else
#include "context/switch_ucontext.h"
#endif

// A suspended flow of control. Embedded by value; must not move between make or adopt and release.
struct rouse__context {
  struct rouse__context_registers registers;
  rouse__context_entry *entry;  // what the first switch runs
  void *argument;
  ROUSE__SANITIZER_FIELD
};

// Prepares |context| to run entry(argument) on [stack_low, stack_high) at its first switch. Touches
// no stack memory. |stack_high| is rounded down to what the ABI needs. The new flow starts with the
// floating-point control words of the calling one.
void rouse__context_make(rouse__context *context, void *stack_low, void *stack_high,
                         rouse__context_entry *entry, void *argument);

// Makes |context| stand for the flow that runs now, on the calling thread's own stack.
void rouse__context_adopt(rouse__context *context);

// Frees what make or adopt attached to |context|, which must be suspended for good (its flow has
// left by rouse__context_exit(), or was never started) or be the adopted one. Called once for each
// make and adopt.
void rouse__context_release(rouse__context *context);

// The name of the switch in use: "sysv-x86-64", "win64", "aarch64", "riscv64" or "ucontext".
const char *rouse__context_name(void);

// Saves the running flow into |from| and continues |to|. Returns when something switches to |from|.
static inline void rouse__context_switch(rouse__context *from, rouse__context *to) {
  rouse__sanitizer_leave(ROUSE__SANITIZER(from), ROUSE__SANITIZER(to), 0);
  rouse__context_swap(&from->registers, &to->registers);
  rouse__sanitizer_arrive(ROUSE__SANITIZER(from));
}

// Ends the running flow, which |from| stood for, and continues |to|. Never returns; |from| can then
// be released and its stack reused.
_Noreturn static inline void rouse__context_exit(rouse__context *from, rouse__context *to) {
  rouse__sanitizer_leave(ROUSE__SANITIZER(from), ROUSE__SANITIZER(to), 1);
  rouse__context_swap(&from->registers, &to->registers);
  __builtin_unreachable();
}

// For the files of this directory: the first C function of every flow. |stack_pointer| is what it
// was just before the call.
_Noreturn void rouse__context_begin(rouse__context *context, uintptr_t stack_pointer);

#endif
