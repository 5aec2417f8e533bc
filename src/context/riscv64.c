// A new flow's first frame on 64-bit RISC-V; the switch itself is in the header.
//
// The first switch to a new context jumps to the trampoline with sp at the aligned top of the
// stack, the context in s1 and what to call in s0. The undefined return address tells debuggers
// and unwinders that there is no caller; a zero frame pointer and return address tell the simpler
// ones.
#include "context/context.h"

#if defined ROUSE__CONTEXT_RISCV64

void rouse__context_trampoline(void) __attribute__((visibility("hidden")));

__asm__(
    ".pushsection .text.rouse__context_trampoline, \"ax\", @progbits\n"
    ".globl rouse__context_trampoline\n"
    ".hidden rouse__context_trampoline\n"
    ".type rouse__context_trampoline, @function\n"
    ".p2align 2\n"
    "rouse__context_trampoline:\n"
    "  .cfi_startproc\n"
    "  .cfi_undefined ra\n"
    "  mv a0, s1\n"
    "  mv a1, sp\n"
    "  mv t0, s0\n"
    "  li s0, 0\n"
    "  li ra, 0\n"
    "  jalr t0\n"
    "  ebreak\n"
    "  .cfi_endproc\n"
    ".size rouse__context_trampoline, .-rouse__context_trampoline\n"
    ".popsection\n");

void rouse__context_make(rouse__context *context, void *stack_low, void *stack_high,
                         rouse__context_entry *entry, void *argument) {
  struct rouse__context_registers *registers = &context->registers;
  registers->stack_pointer = (void *)((uintptr_t)stack_high & ~(uintptr_t)15);
  registers->program_counter = (void *)(uintptr_t)rouse__context_trampoline;
  registers->frame_pointer = (void *)(uintptr_t)rouse__context_begin;
  registers->base_pointer = context;
  registers->rounding_mode = 0;
#if defined __riscv_flen
  __asm__ volatile("frrm %0" : "=r"(registers->rounding_mode));
#endif
  context->entry = entry;
  context->argument = argument;
  rouse__sanitizer_make(ROUSE__SANITIZER(context), stack_low, stack_high);
}

void rouse__context_adopt(rouse__context *context) {
  rouse__sanitizer_adopt(ROUSE__SANITIZER(context));
}

const char *rouse__context_name(void) { return "riscv64"; }

#endif
