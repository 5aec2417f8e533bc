// A new flow's first frame on x86-64 Windows; the switch itself is in the header.
//
// The first switch to a new context jumps to the trampoline with rsp at the aligned top of the
// stack and the context in rbx, what to call in rbp. It pushes a return address of 0, at which
// unwinders stop, and makes the frame that every caller owes: 32 bytes for the callee, and rsp a
// multiple of 16 before the call.
#include "context/context.h"

#if defined ROUSE__CONTEXT_WIN64

#include "base/assert.h"

void rouse__context_trampoline(void);

__asm__(
    ".section .text$rouse__context_trampoline, \"x\"\n"
    ".globl rouse__context_trampoline\n"
    ".p2align 4\n"
    "rouse__context_trampoline:\n"
    "  pushq $0\n"
    "  jmp rouse__context_first_frame\n"
    ".def rouse__context_first_frame; .scl 3; .type 32; .endef\n"
    ".p2align 4\n"
    ".seh_proc rouse__context_first_frame\n"
    "rouse__context_first_frame:\n"
    "  subq $40, %rsp\n"
    "  .seh_stackalloc 40\n"
    "  .seh_endprologue\n"
    "  movq %rbx, %rcx\n"
    "  movq %rsp, %rdx\n"
    "  movq %rbp, %rax\n"
    "  xorl %ebp, %ebp\n"
    "  call *%rax\n"
    "  ud2\n"
    ".seh_endproc\n"
    ".text\n");

void rouse__context_make(rouse__context *context, void *stack_low, void *stack_high,
                         rouse__context_entry *entry, void *argument) {
  struct rouse__context_registers *registers = &context->registers;
  registers->stack_pointer = (void *)((uintptr_t)stack_high & ~(uintptr_t)15);
  registers->program_counter = (void *)(uintptr_t)rouse__context_trampoline;
  registers->frame_pointer = (void *)(uintptr_t)rouse__context_begin;
  registers->base_pointer = context;
  registers->stack_base = stack_high;
  registers->stack_limit = stack_low;
  registers->deallocation_stack = stack_low;
  registers->guaranteed_bytes = 0;
  __asm__ volatile("stmxcsr %0\n\tfnstcw %1\n\tmovq %%gs:0x20, %2"
                   : "=m"(registers->sse_control), "=m"(registers->x87_control),
                     "=r"(registers->fiber_data));
  context->entry = entry;
  context->argument = argument;
  rouse__sanitizer_make(ROUSE__SANITIZER(context), stack_low, stack_high);
}

void rouse__context_adopt(rouse__context *context) {
  rouse__sanitizer_adopt(ROUSE__SANITIZER(context));
}

const char *rouse__context_name(void) { return "win64"; }

#endif
