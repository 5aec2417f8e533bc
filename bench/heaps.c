// The two heaps that the timer wheel is measured against.
#include "heaps.h"

#include <stdlib.h>

// --- four children per node, in an array ---------------------------------------------------------

enum { FAN = 4 };

static void array_put(bench_array_heap *heap, size_t at, struct slot slot) {
  heap->slots[at] = slot;
  slot.timer->index = at;
}

static void array_rise(bench_array_heap *heap, size_t at, struct slot slot) {
  while (at) {
    size_t parent = (at - 1) / FAN;
    if (heap->slots[parent].deadline_ns <= slot.deadline_ns) break;
    array_put(heap, at, heap->slots[parent]);
    at = parent;
  }
  array_put(heap, at, slot);
}

static void array_sink(bench_array_heap *heap, size_t at, struct slot slot) {
  for (;;) {
    size_t child = at * FAN + 1, end = child + FAN, least;
    if (child >= heap->count) break;
    if (end > heap->count) end = heap->count;
    for (least = child++; child < end; child++) {
      if (heap->slots[child].deadline_ns < heap->slots[least].deadline_ns) least = child;
    }
    if (heap->slots[least].deadline_ns >= slot.deadline_ns) break;
    array_put(heap, at, heap->slots[least]);
    at = least;
  }
  array_put(heap, at, slot);
}

void bench_array_heap_add(bench_array_heap *heap, bench_timer *timer) {
  if (heap->count == heap->room) {
    heap->room = heap->room ? heap->room * 2 : 64;
    heap->slots = realloc(heap->slots, heap->room * sizeof *heap->slots);
    if (!heap->slots) abort();
  }
  array_rise(heap, heap->count++, (struct slot){timer->wait.deadline_ns, timer});
}

void bench_array_heap_remove(bench_array_heap *heap, bench_timer *timer) {
  size_t at = timer->index;
  struct slot last = heap->slots[--heap->count];
  if (at == heap->count) return;
  if (at && heap->slots[(at - 1) / FAN].deadline_ns > last.deadline_ns) {
    array_rise(heap, at, last);
  } else {
    array_sink(heap, at, last);
  }
}

// --- the pairing heap ----------------------------------------------------------------------------

// |before| of a first child is its parent, of others the sibling before; of the root NULL.
static bench_timer *meld(bench_timer *a, bench_timer *b) {
  if (!a) return b;
  if (!b) return a;
  if (b->wait.deadline_ns < a->wait.deadline_ns) {
    bench_timer *swap = a;
    a = b;
    b = swap;
  }
  b->next = a->child;
  if (b->next) b->next->before = b;
  b->before = a;
  a->child = b;
  return a;
}

// Melds a list of siblings in pairs from the left, and the pairs from the right.
static bench_timer *meld_pairs(bench_timer *first) {
  bench_timer *pairs = NULL;
  while (first) {
    bench_timer *a = first, *b = a->next;
    first = b ? b->next : NULL;
    a->next = a->before = NULL;
    if (b) b->next = b->before = NULL;
    bench_timer *pair = meld(a, b);
    pair->next = pairs;
    pairs = pair;
  }
  bench_timer *all = NULL;
  while (pairs) {
    bench_timer *next = pairs->next;
    pairs->next = NULL;
    all = meld(all, pairs);
    pairs = next;
  }
  return all;
}

void bench_pairing_heap_add(bench_pairing_heap *heap, bench_timer *timer) {
  timer->child = timer->next = timer->before = NULL;
  heap->root = meld(heap->root, timer);
}

void bench_pairing_heap_remove(bench_pairing_heap *heap, bench_timer *timer) {
  if (timer == heap->root) {
    heap->root = meld_pairs(timer->child);
    return;
  }
  if (timer->before->child == timer) {
    timer->before->child = timer->next;
  } else {
    timer->before->next = timer->next;
  }
  if (timer->next) timer->next->before = timer->before;
  heap->root = meld(heap->root, meld_pairs(timer->child));
}
