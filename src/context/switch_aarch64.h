// The switch for AArch64 with the standard procedure call standard (Linux, the BSDs, macOS).
//
// The compiler is told that everything is lost but sp, x29 and x19, so it saves what it needs,
// where it likes. x29 (frame pointer) and x19 (which may serve as the base of a realigned frame)
// are saved here, with sp and the place to go on at. Nothing is pushed. x18 is a register like any
// other where the platform does not keep it for itself; to leave it out there is a bug that shows
// as soon as a compiler tracks which registers a function really uses.
//
// Writing fpcr is slow on many cores, and reading it is not: it is written only when it differs.
//
// Branch protection: the jump goes through x16, and each place that it lands on is marked. The
// marks are hints, which processors without it ignore. Signed return addresses are bound to their
// own stack's sp, which is the same again when the flow goes on.
#ifndef ROUSE_CONTEXT_SWITCH_AARCH64_H
#define ROUSE_CONTEXT_SWITCH_AARCH64_H

#include <stdint.h>

struct rouse__context_registers {
  void *stack_pointer;     //  0
  void *program_counter;   //  8
  void *frame_pointer;     // 16: x29; of a new flow, what the trampoline calls
  void *base_pointer;      // 24: x19; of a new flow, its context
  uint64_t float_control;  // 32: fpcr
};

#if defined __ARM_FEATURE_SVE
#define ROUSE__CONTEXT_LOSES_SVE                                                                   \
  , "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13", "p14", \
      "p15"
#else
#define ROUSE__CONTEXT_LOSES_SVE
#endif

#if defined __APPLE__ || defined __ANDROID__ || defined __FreeBSD__ || defined __OpenBSD__
#define ROUSE__CONTEXT_LOSES_X18
#else
#define ROUSE__CONTEXT_LOSES_X18 , "x18"
#endif

static inline __attribute__((always_inline)) void rouse__context_swap(
    struct rouse__context_registers *from, struct rouse__context_registers *to) {
  register struct rouse__context_registers *from_register __asm__("x0") = from;
  register struct rouse__context_registers *to_register __asm__("x1") = to;
  __asm__ volatile(
      "adr x16, 1f\n\t"
      "mov x17, sp\n\t"
      "mrs x2, fpcr\n\t"
      "stp x17, x16, [%0]\n\t"
      "stp x29, x19, [%0, #16]\n\t"
      "str x2, [%0, #32]\n\t"
      "ldr x3, [%1, #32]\n\t"
      "cmp x2, x3\n\t"
      "b.eq 2f\n\t"
      "msr fpcr, x3\n"
      "2:\n\t"
      "ldp x17, x16, [%1]\n\t"
      "ldp x29, x19, [%1, #16]\n\t"
      "mov sp, x17\n\t"
      "br x16\n"
      "1:\n\t"
      "hint #38\n\t"  // bti jc
      : "+r"(from_register), "+r"(to_register)
      :
      : "memory", "cc", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
        "x14", "x15", "x16", "x17", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28",
        "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12",
        "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25",
        "v26", "v27", "v28", "v29", "v30", "v31" ROUSE__CONTEXT_LOSES_X18 ROUSE__CONTEXT_LOSES_SVE);
}

#endif
