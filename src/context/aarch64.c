// A new flow's first frame on AArch64; the switch itself is in the header.
//
// The first switch to a new context jumps to the trampoline with sp at the aligned top of the
// stack, the context in x19 and what to call in x29. The undefined return address tells debuggers
// and unwinders that there is no caller; a zero frame pointer and link register tell the simpler
// ones.
#include "context/context.h"

#if defined ROUSE__CONTEXT_AARCH64

void rouse__context_trampoline(void) __attribute__((visibility("hidden")));

#if defined __APPLE__
#define TRAMPOLINE "_rouse__context_trampoline"
#define TRAMPOLINE_BEGIN ".text\n.private_extern " TRAMPOLINE "\n.globl " TRAMPOLINE "\n"
#define TRAMPOLINE_END ".text\n"
#else
#define TRAMPOLINE "rouse__context_trampoline"
#define TRAMPOLINE_BEGIN                                                                           \
  ".pushsection .text.rouse__context_trampoline, \"ax\", %progbits\n.globl " TRAMPOLINE            \
  "\n.hidden " TRAMPOLINE "\n.type " TRAMPOLINE ", %function\n"
#define TRAMPOLINE_END ".size " TRAMPOLINE ", .-" TRAMPOLINE "\n.popsection\n"
#endif

__asm__(TRAMPOLINE_BEGIN ".p2align 4\n" TRAMPOLINE
                         ":\n"
                         "  .cfi_startproc\n"
                         "  .cfi_undefined x30\n"
                         "  hint #38\n"  // bti jc
                         "  mov x0, x19\n"
                         "  mov x1, sp\n"
                         "  mov x2, x29\n"
                         "  mov x29, xzr\n"
                         "  mov x30, xzr\n"
                         "  blr x2\n"
                         "  brk #1\n"
                         "  .cfi_endproc\n" TRAMPOLINE_END);

void rouse__context_make(rouse__context *context, void *stack_low, void *stack_high,
                         rouse__context_entry *entry, void *argument) {
  struct rouse__context_registers *registers = &context->registers;
  registers->stack_pointer = (void *)((uintptr_t)stack_high & ~(uintptr_t)15);
  registers->program_counter = (void *)(uintptr_t)rouse__context_trampoline;
  registers->frame_pointer = (void *)(uintptr_t)rouse__context_begin;
  registers->base_pointer = context;
  __asm__ volatile("mrs %0, fpcr" : "=r"(registers->float_control));
  context->entry = entry;
  context->argument = argument;
  rouse__sanitizer_make(ROUSE__SANITIZER(context), stack_low, stack_high);
}

void rouse__context_adopt(rouse__context *context) {
  rouse__sanitizer_adopt(ROUSE__SANITIZER(context));
}

const char *rouse__context_name(void) { return "aarch64"; }

#endif
