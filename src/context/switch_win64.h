// The switch for x86-64 Windows.
//
// As with the System V ABI the compiler is told that everything is lost but rsp, rbp and rbx, and
// saves what it needs of rdi, rsi, r12-r15 and xmm6-xmm15, which a call preserves here. What it
// can't know of is switched by hand: the control words, and what the thread's environment block
// says of its stack. The kernel, the unwinder and __chkstk look at those fields: an exception on a
// stack outside of them ends the process without a word, and a stack that is thought to be another
// one grows where it must not.
#ifndef ROUSE_CONTEXT_SWITCH_WIN64_H
#define ROUSE_CONTEXT_SWITCH_WIN64_H

#include <stdint.h>

struct rouse__context_registers {
  void *stack_pointer;        //  0
  void *program_counter;      //  8
  void *frame_pointer;        // 16: rbp; of a new flow, what the trampoline calls
  void *base_pointer;         // 24: rbx; of a new flow, its context
  uint32_t sse_control;       // 32: mxcsr
  uint16_t x87_control;       // 36
  uint16_t unused;            // 38
  void *stack_base;           // 40: the high end
  void *stack_limit;          // 48: the low end of what is committed
  void *deallocation_stack;   // 56: the low end of what is reserved
  uint64_t guaranteed_bytes;  // 64: of the stack, for the handler of an overflow; 32 bits
  void *fiber_data;           // 72
};

#if defined __AVX512F__
#define ROUSE__CONTEXT_LOSES_AVX512                                                                \
  , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",      \
      "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5",    \
      "k6", "k7"
#else
#define ROUSE__CONTEXT_LOSES_AVX512
#endif

// The stack pointer and the fields that describe its stack change together, right before the jump.
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
      "movq %%gs:0x30, %%r10\n\t"  // the environment block
      "movq 0x08(%%r10), %%rax\n\t"
      "movq 0x10(%%r10), %%rcx\n\t"
      "movq 0x1478(%%r10), %%rdx\n\t"
      "movl 0x1748(%%r10), %%r8d\n\t"
      "movq 0x20(%%r10), %%r9\n\t"
      "movq %%rax, 40(%0)\n\t"
      "movq %%rcx, 48(%0)\n\t"
      "movq %%rdx, 56(%0)\n\t"
      "movq %%r8, 64(%0)\n\t"
      "movq %%r9, 72(%0)\n\t"
      "ldmxcsr 32(%1)\n\t"
      "fldcw 36(%1)\n\t"
      "movq 0(%1), %%r11\n\t"
      "movq 8(%1), %%r12\n\t"
      "movq 16(%1), %%rbp\n\t"
      "movq 24(%1), %%rbx\n\t"
      "movq 40(%1), %%rax\n\t"
      "movq 48(%1), %%rcx\n\t"
      "movq 56(%1), %%rdx\n\t"
      "movq 64(%1), %%r8\n\t"
      "movq 72(%1), %%r9\n\t"
      "movq %%rax, 0x08(%%r10)\n\t"
      "movq %%rcx, 0x10(%%r10)\n\t"
      "movq %%rdx, 0x1478(%%r10)\n\t"
      "movl %%r8d, 0x1748(%%r10)\n\t"
      "movq %%r9, 0x20(%%r10)\n\t"
      "movq %%r11, %%rsp\n\t"
      "jmpq *%%r12\n"
      "1:\n\t"
      : "+D"(from), "+S"(to)
      :
      : "memory", "cc", "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
        "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "mm0", "mm1", "mm2",
        "mm3", "mm4", "mm5", "mm6", "mm7", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
        "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
        "xmm15" ROUSE__CONTEXT_LOSES_AVX512);
}

#endif
