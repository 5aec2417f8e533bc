// The mean of a gauge moves by an eighth of each new duration. One slow call (the thread lost its
// processor, say) sends a few calls to the pool; a file system that is slow keeps them there.
#include "system.h"

#include <rouse/clock.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOW_NS = 400 * 1000 };

struct measured {
  gauge *gauge;
  rouse_task_fn *function;
  void *argument;
};

static int64_t call_measured(void *argument) {
  struct measured *measured = argument;
  int64_t before = rouse_now_ns();
  int64_t result = measured->function(measured->argument);
  int64_t taken = rouse_now_ns() - before;
  // RELAXED: an estimate; a lost update does no harm.
  int64_t mean = atomic_load_explicit(&measured->gauge->mean_ns, memory_order_relaxed);
  // RELAXED: as above.
  atomic_store_explicit(&measured->gauge->mean_ns, mean + (taken - mean) / 8, memory_order_relaxed);
  return result;
}

int64_t system_call(gauge *gauge, rouse_task_fn *function, void *argument) {
  struct measured measured = {gauge, function, argument};
  // RELAXED: an estimate.
  if (atomic_load_explicit(&gauge->mean_ns, memory_order_relaxed) < SLOW_NS) {
    return call_measured(&measured);
  }
  int64_t result;
  // Without a thread for it the call is made all the same.
  if (rouse_blocking_call(call_measured, &measured, &result) != ROUSE_DONE) {
    return call_measured(&measured);
  }
  return result;
}

void system_temporary_name(char *name) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
  static _Thread_local unsigned char random[240];
  static _Thread_local size_t left;
  enum { PREFIX = 7, LETTERS = 12 };
  if (left < LETTERS) {
    system_random(random, sizeof random);
    left = sizeof random;
  }
  memcpy(name, ".rouse-", PREFIX);
  for (int index = 0; index < LETTERS; index++) name[PREFIX + index] = letters[random[--left] & 31];
  name[PREFIX + LETTERS] = 0;
}

// --- memory --------------------------------------------------------------------------------------

// In pieces, so that everybody who finds no memory at the same moment gets one.
enum { SPARES = 16, SPARE_SIZE = 256 * 1024 };

static _Atomic(void *) spares[SPARES];
static _Atomic(_Atomic bool *) spares_stop;
static _Atomic bool spares_used;

void system_spare_begin(_Atomic bool *stop) {
  // RELAXED, here and below: the run's threads begin after it, and have ended before the end.
  atomic_store_explicit(&spares_stop, stop, memory_order_relaxed);
  atomic_store_explicit(&spares_used, false, memory_order_relaxed);
  for (int index = 0; index < SPARES; index++) {
    // RELAXED: as above.
    atomic_store_explicit(&spares[index], malloc(SPARE_SIZE), memory_order_relaxed);
  }
}

bool system_spare_end(void) {
  // RELAXED: as above.
  for (int index = 0; index < SPARES; index++) {
    free(atomic_exchange_explicit(&spares[index], NULL, memory_order_relaxed));
  }
  // RELAXED: as above.
  return atomic_load_explicit(&spares_used, memory_order_relaxed);
}

// Gives back a piece and asks for the end. False: none is left.
static bool use_spare(void) {
  for (int index = 0; index < SPARES; index++) {
    // RELAXED: whoever gets it has it alone, and what is in it is nothing.
    void *spare = atomic_exchange_explicit(&spares[index], NULL, memory_order_relaxed);
    if (spare == NULL) continue;
    // RELAXED: as in system_spare_begin().
    _Atomic bool *stop = atomic_load_explicit(&spares_stop, memory_order_relaxed);
    // RELAXED: a wish; see walk_stopped().
    atomic_store_explicit(stop, true, memory_order_relaxed);
    // RELAXED: as in system_spare_begin().
    atomic_store_explicit(&spares_used, true, memory_order_relaxed);
    free(spare);
    return true;
  }
  return false;
}

void *system_allocate(size_t size) {
  void *memory = malloc(size);
  while (memory == NULL) {
    if (!use_spare()) system_die_without_memory();
    memory = malloc(size);
  }
  return memory;
}

char *system_duplicate(const char *text, size_t length) {
  char *copied = system_allocate(length + 1);
  memcpy(copied, text, length);
  copied[length] = 0;
  return copied;
}

void system_die_without_memory(void) {
  fputs("rouse: out of memory\n", stderr);
  _Exit(1);  // other threads are at work
}
