// The slow paths of the growing ring.
#include "deque.h"

enum { FIRST_CAPACITY = 8 };

bool deque_reserve(deque *self) {
  if (self->count < self->capacity) return true;
  uint32_t capacity = self->capacity ? 2 * self->capacity : FIRST_CAPACITY;
  approach_waiter **slots = approach_allocate(capacity * sizeof(approach_waiter *));
  if (!slots) return false;
  for (uint32_t i = 0; i < self->count; i++) slots[i] = *deque_at(self, i);
  approach_free(self->slots);
  self->slots = slots;
  self->capacity = capacity;
  self->first = 0;
  return true;
}

bool deque_remove(deque *self, const approach_waiter *waiter) {
  for (uint32_t i = 0; i < self->count; i++) {
    if (*deque_at(self, i) != waiter) continue;
    for (uint32_t j = i + 1; j < self->count; j++) *deque_at(self, j - 1) = *deque_at(self, j);
    self->count--;
    return true;
  }
  return false;
}
