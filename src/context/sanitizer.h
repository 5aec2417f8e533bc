// What the sanitizers and valgrind must be told about stacks that change under them.
//
// ThreadSanitizer keeps a shadow call stack and a vector clock per fiber. Two fibers of one thread
// run one after the other, so every switch synchronizes them. The one of gcc 12 can keep 8,128
// threads and fibers together.
//
// AddressSanitizer keeps the bounds of the current stack, and a fake stack for its use-after-return
// check. A leaving flow hands over its fake stack (or none, when it ends, which frees it); an
// arriving one takes it back and learns the bounds of the stack that was left. That is how the
// bounds of a thread's own stack become known: they are filled in when it is left for the first
// time.
//
// valgrind takes a jump of the stack pointer by less than 2 MB for a deep call unless the stacks
// are registered; ROUSE_VALGRIND builds register them.
//
// Without any of them all of this is empty.
#ifndef ROUSE_CONTEXT_SANITIZER_H
#define ROUSE_CONTEXT_SANITIZER_H

#include <stddef.h>
#include <stdint.h>

#if defined __SANITIZE_THREAD__
#define ROUSE__SANITIZE_THREAD 1
#endif
#if defined __SANITIZE_ADDRESS__
#define ROUSE__SANITIZE_ADDRESS 1
#endif
#if defined __has_feature
#if __has_feature(thread_sanitizer) && !defined ROUSE__SANITIZE_THREAD
#define ROUSE__SANITIZE_THREAD 1
#endif
#if __has_feature(address_sanitizer) && !defined ROUSE__SANITIZE_ADDRESS
#define ROUSE__SANITIZE_ADDRESS 1
#endif
#endif

#if defined ROUSE__SANITIZE_THREAD
#include <sanitizer/tsan_interface.h>
#endif
#if defined ROUSE__SANITIZE_ADDRESS
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined ROUSE_VALGRIND
#include <valgrind/valgrind.h>
#endif

// Stacks in [low, low + size) are gone; other memory may come to lie there.
static inline void rouse__sanitizer_forget(void *low, size_t size) {
#if defined ROUSE__SANITIZE_ADDRESS
  __asan_unpoison_memory_region(low, size);
#endif
  (void)low, (void)size;
}

// |leave| just before a switch, |arrive| just after it or at the start of a flow. They run between
// two fibers and must leave no trace of their own on either one's shadow stack: always inlined.
#define ROUSE__SANITIZER_INLINE static inline __attribute__((always_inline))

#if defined ROUSE__SANITIZE_THREAD || defined ROUSE__SANITIZE_ADDRESS || defined ROUSE_VALGRIND

struct rouse__sanitizer {
#if defined ROUSE__SANITIZE_THREAD
  void *fiber;
  int owns_fiber;
#endif
#if defined ROUSE__SANITIZE_ADDRESS
  void *fake_stack;
  const void *stack_low;
  size_t stack_size;
  struct rouse__sanitizer *left;  // the flow that switched to this one
#endif
#if defined ROUSE_VALGRIND
  unsigned stack_id;
  int stack_registered;
#endif
};

#define ROUSE__SANITIZER_FIELD struct rouse__sanitizer sanitizer;
#define ROUSE__SANITIZER(context) (&(context)->sanitizer)

// A new flow on [low, high). The stack may hold the remains of another one.
static inline void rouse__sanitizer_make(struct rouse__sanitizer *self, void *low, void *high) {
#if defined ROUSE__SANITIZE_THREAD
  self->fiber = __tsan_create_fiber(0);
  self->owns_fiber = 1;
#endif
#if defined ROUSE__SANITIZE_ADDRESS
  self->fake_stack = NULL;
  self->stack_low = low;
  self->stack_size = (size_t)((char *)high - (char *)low);
  self->left = NULL;
  __asan_unpoison_memory_region(low, self->stack_size);
#endif
#if defined ROUSE_VALGRIND
  self->stack_id = VALGRIND_STACK_REGISTER(low, high);
  self->stack_registered = 1;
#endif
  (void)self, (void)low, (void)high;
}

// The flow that runs now.
static inline void rouse__sanitizer_adopt(struct rouse__sanitizer *self) {
  *self = (struct rouse__sanitizer){0};
#if defined ROUSE__SANITIZE_THREAD
  self->fiber = __tsan_get_current_fiber();
#endif
}

static inline void rouse__sanitizer_release(struct rouse__sanitizer *self) {
#if defined ROUSE__SANITIZE_THREAD
  if (self->owns_fiber) __tsan_destroy_fiber(self->fiber);
#endif
#if defined ROUSE_VALGRIND
  if (self->stack_registered) VALGRIND_STACK_DEREGISTER(self->stack_id);
#endif
  *self = (struct rouse__sanitizer){0};
}

ROUSE__SANITIZER_INLINE void rouse__sanitizer_leave(struct rouse__sanitizer *from,
                                                    struct rouse__sanitizer *to, int for_good) {
#if defined ROUSE__SANITIZE_ADDRESS
  to->left = from;
  __sanitizer_start_switch_fiber(for_good ? NULL : &from->fake_stack, to->stack_low,
                                 to->stack_size);
#endif
#if defined ROUSE__SANITIZE_THREAD
  __tsan_switch_to_fiber(to->fiber, 0);
#endif
  (void)from, (void)to, (void)for_good;
}

ROUSE__SANITIZER_INLINE void rouse__sanitizer_arrive(struct rouse__sanitizer *self) {
#if defined ROUSE__SANITIZE_ADDRESS
  const void *low = NULL;
  size_t size = 0;
  __sanitizer_finish_switch_fiber(self->fake_stack, &low, &size);
  self->left->stack_low = low;
  self->left->stack_size = size;
#endif
  (void)self;
}

#else

struct rouse__sanitizer;
#define ROUSE__SANITIZER_FIELD
#define ROUSE__SANITIZER(context) ((void)(context), (struct rouse__sanitizer *)0)

static inline void rouse__sanitizer_make(struct rouse__sanitizer *self, void *low, void *high) {
  (void)self, (void)low, (void)high;
}
static inline void rouse__sanitizer_adopt(struct rouse__sanitizer *self) { (void)self; }
static inline void rouse__sanitizer_release(struct rouse__sanitizer *self) { (void)self; }
ROUSE__SANITIZER_INLINE void rouse__sanitizer_leave(struct rouse__sanitizer *from,
                                                    struct rouse__sanitizer *to, int for_good) {
  (void)from, (void)to, (void)for_good;
}
ROUSE__SANITIZER_INLINE void rouse__sanitizer_arrive(struct rouse__sanitizer *self) { (void)self; }

#endif

#endif
