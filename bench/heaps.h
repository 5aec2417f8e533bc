// Two other ways to keep timers, as yardsticks for the library's wheel: see timers.c.
#ifndef BENCH_HEAPS_H
#define BENCH_HEAPS_H

#include <stddef.h>

#include "base/waker.h"

// A timer for each of the three structures; only one is used at a time.
typedef struct bench_timer {
  rouse_wait wait;                            // the wheel's; its deadline_ns is everybody's
  size_t index;                               // where it lies in the array heap
  struct bench_timer *child, *next, *before;  // its place in the pairing heap
} bench_timer;

// A heap of four children per node in one array, which grows.
struct slot {
  int64_t deadline_ns;
  bench_timer *timer;
};
typedef struct bench_array_heap {
  struct slot *slots;
  size_t count, room;
} bench_array_heap;
void bench_array_heap_add(bench_array_heap *heap, bench_timer *timer);
void bench_array_heap_remove(bench_array_heap *heap, bench_timer *timer);

// A pairing heap: intrusive, with three links a timer.
typedef struct bench_pairing_heap {
  bench_timer *root;
} bench_pairing_heap;
void bench_pairing_heap_add(bench_pairing_heap *heap, bench_timer *timer);
void bench_pairing_heap_remove(bench_pairing_heap *heap, bench_timer *timer);

#endif
