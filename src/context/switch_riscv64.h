// The switch for 64-bit RISC-V with the standard calling conventions (lp64, lp64f, lp64d).
//
// The compiler is told that everything is lost but sp, s0 and s1, so it saves what it needs, where
// it likes. s0 (frame pointer) and s1 (which may serve as the base of a realigned frame) are saved
// here, with sp and the place to go on at. Nothing is pushed. gp and tp belong to the thread.
//
// Of the floating-point status register only the rounding mode is a flow's own: the exception flags
// are not preserved by calls either. It is written only when it differs, since writing it is slow
// on some cores.
#ifndef ROUSE_CONTEXT_SWITCH_RISCV64_H
#define ROUSE_CONTEXT_SWITCH_RISCV64_H

#include <stdint.h>

struct rouse__context_registers {
  void *stack_pointer;     //  0
  void *program_counter;   //  8
  void *frame_pointer;     // 16: s0; of a new flow, what the trampoline calls
  void *base_pointer;      // 24: s1; of a new flow, its context
  uint64_t rounding_mode;  // 32: frm
};

#if defined __riscv_flen
#define ROUSE__CONTEXT_ROUNDING_SWAP                                                               \
  "frrm t1\n\t"                                                                                    \
  "sd t1, 32(%0)\n\t"                                                                              \
  "ld t2, 32(%1)\n\t"                                                                              \
  "beq t1, t2, 2f\n\t"                                                                             \
  "fsrm t2\n"                                                                                      \
  "2:\n\t"
#define ROUSE__CONTEXT_LOSES_FLOATS                                                                \
  , "f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12", "f13", "f14", \
      "f15", "f16", "f17", "f18", "f19", "f20", "f21", "f22", "f23", "f24", "f25", "f26", "f27",   \
      "f28", "f29", "f30", "f31"
#else
#define ROUSE__CONTEXT_ROUNDING_SWAP
#define ROUSE__CONTEXT_LOSES_FLOATS
#endif

// How long vectors are is set anew after any inline assembly by clang, which has no name for it.
#if defined __riscv_vector
#if defined __clang__
#define ROUSE__CONTEXT_LOSES_LENGTH
#else
#define ROUSE__CONTEXT_LOSES_LENGTH , "vl", "vtype"
#endif
#define ROUSE__CONTEXT_LOSES_VECTORS                                                               \
  , "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", \
      "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27",   \
      "v28", "v29", "v30", "v31" ROUSE__CONTEXT_LOSES_LENGTH
#else
#define ROUSE__CONTEXT_LOSES_VECTORS
#endif

static inline __attribute__((always_inline)) void rouse__context_swap(
    struct rouse__context_registers *from, struct rouse__context_registers *to) {
  register struct rouse__context_registers *from_register __asm__("a0") = from;
  register struct rouse__context_registers *to_register __asm__("a1") = to;
  __asm__ volatile(
      "lla t0, 1f\n\t"
      "sd sp, 0(%0)\n\t"
      "sd t0, 8(%0)\n\t"
      "sd s0, 16(%0)\n\t"
      "sd s1, 24(%0)\n\t"  //
      ROUSE__CONTEXT_ROUNDING_SWAP
      "ld t0, 8(%1)\n\t"
      "ld s0, 16(%1)\n\t"
      "ld s1, 24(%1)\n\t"
      "ld sp, 0(%1)\n\t"
      "jr t0\n"
      "1:\n\t"
      : "+r"(from_register), "+r"(to_register)
      :
      : "memory", "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a2", "a3", "a4", "a5", "a6",
        "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10",
        "s11" ROUSE__CONTEXT_LOSES_FLOATS ROUSE__CONTEXT_LOSES_VECTORS);
}

#endif
