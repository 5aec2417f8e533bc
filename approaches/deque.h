// A growing ring of pointers: the deque of approaches that keep one. Not for use by two threads at
// once.
#ifndef APPROACHES_DEQUE_H
#define APPROACHES_DEQUE_H

#include "parts.h"

typedef struct deque {
  approach_waiter **slots;
  uint32_t capacity;  // 0, or a power of two
  uint32_t first, count;
} deque;

// Makes room for one more. False: no memory.
bool deque_reserve(deque *self);
// Takes |waiter| out of the middle; the later ones move up. False: it is not in.
bool deque_remove(deque *self, const approach_waiter *waiter);

static inline approach_waiter **deque_at(const deque *self, uint32_t index) {
  return &self->slots[(self->first + index) & (self->capacity - 1)];
}
// There is room for it.
static inline void deque_push(deque *self, approach_waiter *waiter) {
  *deque_at(self, self->count++) = waiter;
}
static inline approach_waiter *deque_pop(deque *self) {
  if (!self->count) return NULL;
  approach_waiter *waiter = *deque_at(self, 0);
  self->first = (self->first + 1) & (self->capacity - 1);
  self->count--;
  return waiter;
}
static inline void deque_finish(deque *self) {
  approach_free(self->slots);
  *self = (deque){0};
}

#endif
