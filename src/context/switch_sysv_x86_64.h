// The switch for x86-64 with the System V ABI.
//
// The compiler is told that everything is lost but rsp, rbp and rbx, so it saves what it needs,
// where it likes. rbp and rbx it may hold back for itself (frame pointer, base of a realigned
// frame): they are saved here, with rsp and the place to go on at. Nothing is pushed, so a caller's
// red zone stays whole.
//
// The control words are saved and loaded without looking: comparing first, to spare the loads, was
// measured to be slower.
//
// The last two instructions change the stack and leave; all else is loaded before, so that a
// signal's unwinder finds a matching frame nearly everywhere.
#ifndef ROUSE_CONTEXT_SWITCH_SYSV_X86_64_H
#define ROUSE_CONTEXT_SWITCH_SYSV_X86_64_H

#include <stdint.h>

struct rouse__context_registers {
  void *stack_pointer;    //  0
  void *program_counter;  //  8
  void *frame_pointer;    // 16: rbp; of a new flow, what the trampoline calls
  void *base_pointer;     // 24: rbx; of a new flow, its context
  uint32_t sse_control;   // 32: mxcsr
  uint16_t x87_control;   // 36
  uint16_t unused;
};

// With branch tracking an indirect jump must land on this.
#if defined __CET__ && (__CET__ & 1)
#define ROUSE__CONTEXT_LANDING "endbr64\n\t"
#else
#define ROUSE__CONTEXT_LANDING
#endif

#if defined __AVX512F__
#define ROUSE__CONTEXT_LOSES_AVX512                                                                \
  , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",      \
      "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5",    \
      "k6", "k7"
#else
#define ROUSE__CONTEXT_LOSES_AVX512
#endif

static inline __attribute__((always_inline)) void rouse__context_swap(
    struct rouse__context_registers *from, struct rouse__context_registers *to) {
  __asm__ volatile(
      "leaq 1f(%%rip), %%rax\n\t"
      "movq %%rsp, 0(%0)\n\t"
      "movq %%rax, 8(%0)\n\t"
      "movq %%rbp, 16(%0)\n\t"
      "movq %%rbx, 24(%0)\n\t"
      "stmxcsr 32(%0)\n\t"
      "fnstcw 36(%0)\n\t"
      "ldmxcsr 32(%1)\n\t"
      "fldcw 36(%1)\n\t"
      "movq 0(%1), %%rcx\n\t"
      "movq 8(%1), %%rax\n\t"
      "movq 16(%1), %%rbp\n\t"
      "movq 24(%1), %%rbx\n\t"
      "movq %%rcx, %%rsp\n\t"
      "jmpq *%%rax\n"
      "1:\n\t" ROUSE__CONTEXT_LANDING
      : "+D"(from), "+S"(to)
      :
      : "memory", "cc", "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
        "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "mm0", "mm1", "mm2",
        "mm3", "mm4", "mm5", "mm6", "mm7", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
        "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
        "xmm15" ROUSE__CONTEXT_LOSES_AVX512);
}

#endif
