// What the switches have in common: the life of a context around them.
#include "context/context.h"

#include "base/assert.h"

void rouse__context_release(rouse__context *context) {
  rouse__sanitizer_release(ROUSE__SANITIZER(context));
}

// A flow begins here, on its own stack, with nothing to return to. |stack_pointer| is judged rather
// than trusted: compilers rely on its alignment only where they happen to use aligned vector moves,
// so a mistake in a hand-built frame shows in some builds, far away, and not in others.
_Noreturn void rouse__context_begin(rouse__context *context, uintptr_t stack_pointer) {
  rouse__sanitizer_arrive(ROUSE__SANITIZER(context));
  ROUSE__ASSERT(stack_pointer % 16 == 0,
                "a new stack must enter its first function aligned to 16 bytes");
  (void)stack_pointer;
  context->entry(context->argument);
  rouse__die("the first function of a flow returned; it must end with rouse__context_exit",
             ROUSE__WHERE);
}
