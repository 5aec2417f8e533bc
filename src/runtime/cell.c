// A list of free cells, which any thread may take from and put back to.
#include "runtime/cell.h"

#include "base/atomics.h"
#include "platform/platform.h"

static rouse__atomic_pointer free_cells;

static void put_cells(struct rouse__cell *first, struct rouse__cell *last) {
  uintptr_t top = load_relaxed(&free_cells);  // RELAXED: the CAS validates it
  do {
    last->next = (struct rouse__cell *)top;
    // ORDER(cells): release, the links, to the next taker.
  } while (!cas_release(&free_cells, &top, (uintptr_t)first));
}

// Takes all that are free, keeps one and puts the rest back: taking a single one off a shared stack
// would have to follow the link of a cell that another thread has taken meanwhile.
struct rouse__cell *rouse__cell_take(void) {
  // ORDER(cells): acquire, the links.
  uintptr_t all = swap_acquire(&free_cells, 0);
  struct rouse__cell *cell = (struct rouse__cell *)all;
  if (!cell) return rouse__allocate(sizeof *cell, _Alignof(struct rouse__cell));
  struct rouse__cell *rest = cell->next, *last = rest;
  if (rest) {
    while (last->next) last = last->next;
    put_cells(rest, last);
  }
  return cell;
}

void rouse__cell_put(struct rouse__cell *cell) { put_cells(cell, cell); }
