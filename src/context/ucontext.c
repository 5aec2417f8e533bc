// A new flow's first frame by the C library's makecontext.
//
// makecontext passes its arguments as ints, so the context's address travels in two halves.
#include "context/context.h"

#if defined ROUSE__CONTEXT_UCONTEXT

#include "base/assert.h"

static void trampoline(unsigned high_half, unsigned low_half) {
  uintptr_t address = (uintptr_t)((uint64_t)high_half << 32 | low_half);
  rouse__context_begin((rouse__context *)address, (uintptr_t)__builtin_dwarf_cfa());
}

void rouse__context_make(rouse__context *context, void *stack_low, void *stack_high,
                         rouse__context_entry *entry, void *argument) {
  ucontext_t *flow = &context->registers.flow;
  if (getcontext(flow) != 0) rouse__die("getcontext failed", ROUSE__WHERE);
  flow->uc_stack.ss_sp = stack_low;
  flow->uc_stack.ss_size = (size_t)((char *)stack_high - (char *)stack_low);
  flow->uc_link = NULL;
  uint64_t address = (uintptr_t)context;
  makecontext(flow, (void (*)(void))(uintptr_t)trampoline, 2, (unsigned)(address >> 32),
              (unsigned)address);
  context->entry = entry;
  context->argument = argument;
  rouse__sanitizer_make(ROUSE__SANITIZER(context), stack_low, stack_high);
}

void rouse__context_adopt(rouse__context *context) {
  rouse__sanitizer_adopt(ROUSE__SANITIZER(context));
}

const char *rouse__context_name(void) { return "ucontext"; }

#endif
