// A new flow's first frame on x86-64 with the System V ABI; the switch itself is in the header.
//
// The first switch to a new context jumps to the trampoline with rsp at the aligned top of the
// stack and the context in rbx, what to call in rbp. The call pushes a return address, so its
// target starts with rsp = 8 mod 16, as after any call. The undefined return address tells
// debuggers and unwinders that there is no caller.
#include "context/context.h"

#if defined ROUSE__CONTEXT_SYSV_X86_64

#include "base/assert.h"

void rouse__context_trampoline(void) __attribute__((visibility("hidden")));

__asm__(
    ".pushsection .text.rouse__context_trampoline, \"ax\", @progbits\n"
    ".globl rouse__context_trampoline\n"
    ".hidden rouse__context_trampoline\n"
    ".type rouse__context_trampoline, @function\n"
    ".p2align 4\n"
    "rouse__context_trampoline:\n"
    "  .cfi_startproc\n"
    "  .cfi_undefined %rip\n"
    "  endbr64\n"
    "  movq %rbx, %rdi\n"
    "  movq %rsp, %rsi\n"
    "  movq %rbp, %rax\n"
    "  xorl %ebp, %ebp\n"
    "  call *%rax\n"
    "  ud2\n"
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
  __asm__ volatile("stmxcsr %0\n\tfnstcw %1"
                   : "=m"(registers->sse_control), "=m"(registers->x87_control));
  context->entry = entry;
  context->argument = argument;
  rouse__sanitizer_make(ROUSE__SANITIZER(context), stack_low, stack_high);
}

// A shadow stack holds the return addresses of one flow and would have to be switched along; the
// first return after a switch would fault. Say so here, once per thread, where it can be
// understood.
static void refuse_shadow_stack(void) {
#if defined __CET__ && (__CET__ & 2)
  uint64_t shadow_stack = 0;
  __asm__ volatile("rdsspq %0" : "+r"(shadow_stack));
  if (shadow_stack) {
    rouse__die(
        "this thread has a shadow stack, which tasks can't share; turn it off in GLIBC_TUNABLES",
        ROUSE__WHERE);
  }
#endif
}

void rouse__context_adopt(rouse__context *context) {
  refuse_shadow_stack();
  rouse__sanitizer_adopt(ROUSE__SANITIZER(context));
}

const char *rouse__context_name(void) { return "sysv-x86-64"; }

#endif
