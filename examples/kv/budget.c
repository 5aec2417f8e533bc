// Memory by permits: what can be in use at once is decided before it is allocated.
//
// A permit stands for UNIT bytes, so that budgets beyond 4 GiB fit a semaphore. Those who wait are
// served in order, so a large request is not starved by small ones. Who holds memory and waits for
// more does so with a deadline (see wait_deadline()): so two such can't wait for each other for
// good.
#include <stdlib.h>

#include "kv.h"

enum { UNIT = 64, OVERHEAD = 16 };  // OVERHEAD: what malloc() adds

struct budget buffers, data;

static uint32_t units_of(size_t size) {
  size_t units = (size + OVERHEAD + UNIT - 1) / UNIT;
  return units < ROUSE_SEMAPHORE_PERMITS_MAX ? (uint32_t)units : ROUSE_SEMAPHORE_PERMITS_MAX;
}

void budget_init(struct budget *budget, size_t bytes) {
  size_t units = bytes / UNIT;
  if (units > ROUSE_SEMAPHORE_PERMITS_MAX) units = ROUSE_SEMAPHORE_PERMITS_MAX;
  budget->total = units * UNIT;
  rouse_semaphore_init(&budget->units, (uint32_t)units, ROUSE_FIFO);
}

static void *allocate(struct budget *budget, size_t size) {
  void *memory = malloc(size);
  if (!memory) rouse_semaphore_release(&budget->units, units_of(size));
  return memory;
}

bool budget_charge(struct budget *budget, size_t size) {
  return !rouse_semaphore_try_acquire(&budget->units, units_of(size));
}

void budget_refund(struct budget *budget, size_t size) {
  rouse_semaphore_release(&budget->units, units_of(size));
}

void *budget_try(struct budget *budget, size_t size) {
  if (rouse_semaphore_try_acquire(&budget->units, units_of(size))) return NULL;
  return allocate(budget, size);
}

int budget_take(struct budget *budget, size_t size, int64_t deadline_ns, void **out_memory) {
  if (size > budget->total) return ROUSE_ENOMEM;
  int refused = rouse_semaphore_acquire_until(&budget->units, units_of(size), deadline_ns);
  if (refused) return refused;
  *out_memory = allocate(budget, size);
  return *out_memory ? ROUSE_DONE : ROUSE_ENOMEM;
}

void budget_give(struct budget *budget, void *memory, size_t size) {
  if (!memory) return;
  free(memory);
  rouse_semaphore_release(&budget->units, units_of(size));
}

bool budget_is_roomy(const struct budget *budget) {
  return rouse_semaphore_available(&budget->units) > (int64_t)(budget->total / UNIT / 2);
}

size_t budget_used(const struct budget *budget) {
  return (size_t)rouse_semaphore_in_use(&budget->units) * UNIT;
}
