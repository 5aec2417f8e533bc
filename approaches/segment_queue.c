// segment_queue: cells in segments, handed out by fetch-and-add. The CancellableQueueSynchronizer
// of Kotlin's coroutines (PLDI 2023).
//
// How it works. Waiters and wakes are numbered, and the n-th wake belongs to the n-th waiter. Both
// meet in cell n, whichever comes first. The two counters lie in one word, so that a wake can see
// whether there is a waiter left for it. Cells lie in segments of 32, a linked list that grows at
// one end and is freed at the other.
//
//   word:  arrivals 70 | wakes 34            anchors:  (segment, users)
//
//            wakes' anchor                    arrivals' anchor
//                 v                                v
//            [segment 1: 32..63] ----next----> [segment 2: 64..95]
//              x x o w w c w ...                w w w w w w . . .
//
//   cell:   EMPTY --wait_if, CAS--> waiter --wake, exchange--> TAKEN: woken
//             |  \                    `------cancel, CAS-----> CANCELLED
//             |   `--wait_if, condition false, CAS-----------> CANCELLED
//             `------wake, exchange--> TAKEN: the waiter, when it gets here, need not wait
//
// A wake that meets a CANCELLED cell takes the next number. Who cancels sweeps: it takes the
// numbers of cancelled cells at the front itself, so waiters that give up one after another leave
// nothing behind. Cancelled cells behind one that still waits stay (the original can also unlink a
// segment whose cells are all cancelled).
//
// Memory. Kotlin has a garbage collector; here segments are counted. Each cell counts twice, for
// its waiter and its wake, and a segment counts for the one after it. To get at a segment at all
// its address has to be read and counted in one step: an anchor is one word, the address and how
// many are using it right now, and both are changed together. Who uses a segment through an anchor
// gives that back to the anchor, or, if it has moved on, to the segment, to which the users' count
// was added when it moved. That costs three more read-modify-writes for each wait and wake than the
// paper's.
//
// What it allocates. A segment for every 32 waits; if there is no memory for one when a number has
// been taken already, the program ends.
//
// Progress. Lock-free but for malloc() and free(), and wait-free but for them and for CAS loops on
// the word that others advance.
//
// Why no wake is lost. A waiter takes its number first, then looks at its condition. A wake changes
// the state, then reads the word by an addition of zero. Both are read-modify-writes of the word:
// the second sees the first, or its change of the state. A number is one waiter's and one wake's,
// so nobody can take another's wake.
//
// What a cancel costs. One CAS, and a sweep: the anchor taken and given back, one CAS for each
// cancelled cell at the front.
//
// Memory order. ORDER(numbers) for the word, ORDER(cell) for what passes through a cell,
// ORDER(segments) for links and anchors, ORDER(segment-refs) for who frees.
#include "parts.h"

enum { CELLS = 32, ID_MASK = (1 << 27) - 1 };
enum { EMPTY = 0, TAKEN = 1, CANCELLED = 2 };
enum { BIAS = 1 << 20 };  // what an anchor counts for in the segment that it points to
enum { USERS_SHIFT = 48 };

static const uint64_t ONE_USER = UINT64_C(1) << USERS_SHIFT;
static const uint64_t ONE_ARRIVAL = UINT64_C(1) << 32;

struct segment {
  rouse__atomic32 refs;
  uint32_t id;
  rouse__atomic_pointer next;
  rouse__atomic_pointer cells[CELLS];
};

struct object {
  rouse__atomic64 word;             // arrivals << 32 | wakes
  rouse__atomic64 arrivals, wakes;  // anchors
  rouse__atomic32 cancelled;        // cells that no wake has passed
};

struct waiter {
  approach_waiter base;
  struct object *object;
  struct segment *segment;
  rouse__atomic_pointer *cell;
  rouse_wait_fn *callback;  // the user's
};

static uint32_t arrivals_of(uint64_t word) { return (uint32_t)(word >> 32); }
static uint32_t wakes_of(uint64_t word) { return (uint32_t)word; }
static uint32_t waiting_of(uint64_t word) { return arrivals_of(word) - wakes_of(word); }
// The wakes' half of |word| at |number|.
static uint64_t with_wakes(uint64_t word, uint32_t number) {
  return (word & ~(uint64_t)UINT32_MAX) | number;
}
static uint32_t id_of(uint32_t number) { return number / CELLS & ID_MASK; }

// --- segments ------------------------------------------------------------------------------------

static struct segment *segment_new(uint32_t id, uint32_t refs) {
  struct segment *segment = approach_allocate(sizeof *segment);
  if (!segment) return NULL;
  ROUSE__ASSERT((uint64_t)(uintptr_t)segment < ONE_USER, "an address does not fit beside a count");
  segment->id = id & ID_MASK;
  store_relaxed(&segment->refs, refs);  // RELAXED: not shared yet
  return segment;
}

static void segment_drop(struct segment *segment, uint32_t count) {
  // ORDER(segment-refs): release, our accesses; acquire, everybody's, for the one who frees.
  while (segment && sub_acq_rel(&segment->refs, count) == count) {
    struct segment *next = (struct segment *)load_relaxed(&segment->next);  // RELAXED: nobody else
    approach_free(segment);
    segment = next;
    count = 1;
  }
}

static struct segment *next_of(struct segment *segment) {
  // ORDER(segments): acquire, the segment as its maker left it.
  struct segment *next = (struct segment *)load_acquire(&segment->next);
  if (next) return next;
  struct segment *made = segment_new(segment->id + 1, 1 + 2 * CELLS);
  if (!made) rouse__die("no memory for a segment of waiters", ROUSE__WHERE);
  uintptr_t none = 0;
  // ORDER(segments): release, the segment we made; acquire, the one that was made before.
  if (cas_acq_rel_acquire(&segment->next, &none, (uintptr_t)made)) return made;
  approach_free(made);
  return (struct segment *)none;
}

// The segment |id|, which is |from| or a later one. |from| is kept alive, and so are those after
// it.
static struct segment *find(struct segment *from, uint32_t id) {
  while (from->id != id) from = next_of(from);
  return from;
}

// --- anchors -------------------------------------------------------------------------------------

static struct segment *segment_of(uint64_t anchor) {
  return (struct segment *)(uintptr_t)(anchor & (ONE_USER - 1));
}

// The segment that |anchor| points to; kept alive until anchor_leave(). To be called before a
// number is taken: then the number is in that segment or a later one.
static struct segment *anchor_use(rouse__atomic64 *anchor) {
  // ORDER(segments): acquire, the segment; release, that a number which is taken next comes after.
  return segment_of(add_acq_rel(anchor, ONE_USER));
}

static void anchor_leave(rouse__atomic64 *anchor, struct segment *segment) {
  uint64_t now = load_relaxed(anchor);  // RELAXED: the CAS validates it
  while (segment_of(now) == segment) {
    // ORDER(segments): release, our accesses to the segment, to who moves the anchor.
    if (cas_release(anchor, &now, now - ONE_USER)) return;
  }
  segment_drop(segment, 1);  // it moved, and our use was added to the segment
}

// Moves |anchor| from |from|, which the caller uses, on to |to|, which is alive by the caller's
// number.
static void anchor_move(rouse__atomic64 *anchor, struct segment *from, struct segment *to) {
  if (from == to) return;
  uint64_t now = load_relaxed(anchor);  // RELAXED: the CAS validates it
  if (segment_of(now) != from) return;
  add_relaxed(&to->refs, BIAS);  // RELAXED: what is counted is ordered by the drops
  while (segment_of(now) == from) {
    // ORDER(segments): acquire and release, the uses that went by, and the segment.
    if (!cas_acq_rel(anchor, &now, (uint64_t)(uintptr_t)to)) continue;
    uint32_t users = (uint32_t)(now >> USERS_SHIFT);
    segment_drop(from, BIAS - users);
    return;
  }
  segment_drop(to, BIAS);
}

// --- making and finishing ------------------------------------------------------------------------

static int init(void *object) {
  struct object *self = object;
  struct segment *first = segment_new(0, 2 * CELLS + 2 * BIAS);
  if (!first) return ROUSE_ENOMEM;
  *self = (struct object){0};
  // RELAXED: not shared yet
  store_relaxed(&self->arrivals, (uint64_t)(uintptr_t)first);
  store_relaxed(&self->wakes, (uint64_t)(uintptr_t)first);
  return ROUSE_DONE;
}

// All waiters have ended, so every segment before both anchors is gone.
static void finish(void *object) {
  struct object *self = object;
  // RELAXED: nobody else uses the object now.
  struct segment *segment = segment_of(load_relaxed(&self->wakes));
  struct segment *other = segment_of(load_relaxed(&self->arrivals));
  if (((other->id - segment->id) & ID_MASK) > ID_MASK / 2) segment = other;
  while (segment) {
    struct segment *next = (struct segment *)load_relaxed(&segment->next);  // RELAXED: as above
    approach_free(segment);
    segment = next;
  }
}

// --- waking --------------------------------------------------------------------------------------

// The wake's part of cell |number| of |segment|: the waiter to be woken, if it is there; |*gone| if
// the cell was cancelled.
static struct waiter *take(struct object *self, struct segment *segment, uint32_t number,
                           bool *gone) {
  // ORDER(cell): acquire, the waiter's fields; release, our change of the state.
  uintptr_t found = swap_acq_rel(&segment->cells[number % CELLS], TAKEN);
  segment_drop(segment, 1);
  *gone = found == CANCELLED;
  if (found == CANCELLED) sub_relaxed(&self->cancelled, 1);  // RELAXED: a count
  return found == CANCELLED || found == EMPTY ? NULL : (struct waiter *)found;
}

static bool nobody_waits(struct object *self) {
  // ORDER(numbers): release, our change of the state, to those who take a number later.
  return waiting_of(add_acq_rel(&self->word, 0)) == 0;
}

// Takes |most| numbers of waiters, or as many as there are; the first is |*out_number|.
static uint32_t take_numbers(struct object *self, uint32_t most, uint32_t *out_number) {
  uint64_t word = load_relaxed(&self->word);  // RELAXED: the CAS validates it
  for (;;) {
    uint32_t count = waiting_of(word);
    if (count > most) count = most;
    if (!count) return 0;
    *out_number = wakes_of(word);
    // ORDER(numbers): as in nobody_waits(); acquire, the wakes before.
    if (cas_acq_rel(&self->word, &word, with_wakes(word, *out_number + count))) return count;
  }
}

static void wake_one(void *object) {
  struct object *self = object;
  struct waiter *waiter = NULL;
  if (nobody_waits(self)) return;
  for (bool gone = true; gone;) {
    uint32_t number;
    struct segment *used = anchor_use(&self->wakes);
    gone = false;
    if (take_numbers(self, 1, &number)) {
      struct segment *segment = find(used, id_of(number));
      anchor_move(&self->wakes, used, segment);
      waiter = take(self, segment, number, &gone);
    }
    anchor_leave(&self->wakes, used);
  }
  if (waiter) parts_wake(&waiter->base);
}

static void wake_all(void *object) {
  struct object *self = object;
  parts_list woken = {NULL, NULL};
  if (nobody_waits(self)) return;
  uint32_t number;
  struct segment *used = anchor_use(&self->wakes), *segment = used;
  uint32_t count = take_numbers(self, UINT32_MAX, &number);
  // What is used keeps all segments after it alive, through the links.
  for (uint32_t i = 0; i < count; i++) {
    bool gone;
    segment = find(segment, id_of(number + i));
    if (i == count - 1) anchor_move(&self->wakes, used, segment);
    struct waiter *waiter = take(self, segment, number + i, &gone);
    if (waiter) parts_list_add(&woken, &waiter->base);
  }
  anchor_leave(&self->wakes, used);
  parts_list_wake(&woken);
}

// Takes the numbers of cancelled cells at the front.
static void sweep(struct object *self) {
  struct segment *used = anchor_use(&self->wakes), *segment = used;
  uint64_t word = load_relaxed(&self->word);  // RELAXED: the CAS validates it
  while (waiting_of(word)) {
    uint32_t number = wakes_of(word);
    segment = find(segment, id_of(number));
    // RELAXED: cancelled is for good.
    if (load_relaxed(&segment->cells[number % CELLS]) != CANCELLED) break;
    // ORDER(numbers): nothing of ours; release and acquire keep the chain of the others' unbroken.
    if (!cas_acq_rel(&self->word, &word, with_wakes(word, number + 1))) {
      segment = used;  // not ours: the front is elsewhere now, but not before what we use
      continue;
    }
    word = with_wakes(word, number + 1);
    sub_relaxed(&self->cancelled, 1);  // RELAXED: a count
    anchor_move(&self->wakes, used, segment);
    segment_drop(segment, 1);
  }
  anchor_leave(&self->wakes, used);
}

// --- waiting -------------------------------------------------------------------------------------

static bool cancel_cell(struct object *self, rouse__atomic_pointer *cell, uintptr_t expected) {
  add_relaxed(&self->cancelled, 1);  // RELAXED: a count; before the wake that passes subtracts
  // ORDER(cell): release, all that we did with the waiter, to the wake that finds it gone; acquire
  // if it is taken: a waiter that has not waited yet returns at once, woken, and what the wake did
  // before comes to it by nothing else.
  if (cas_acq_rel_acquire(cell, &expected, CANCELLED)) return true;
  sub_relaxed(&self->cancelled, 1);  // RELAXED: as above
  return false;
}

static void leave(rouse_wait *wait, unsigned reason) {
  struct waiter *waiter = ROUSE__CONTAINER(wait, struct waiter, base.wait);
  struct object *self = waiter->object;
  if (!cancel_cell(self, waiter->cell, (uintptr_t)waiter)) return;
  sweep(self);
  parts_remove(&waiter->base, reason);
}
static const struct rouse__foreign foreign = {leave};

// The waiter's wait has ended, on its own thread.
static void ended(approach_waiter *base) { segment_drop(((struct waiter *)base)->segment, 1); }

static void end_and_call(rouse_wait *wait, int result) {
  struct waiter *waiter = ROUSE__CONTAINER(wait, struct waiter, base.wait);
  wait->callback = waiter->callback;
  ended(&waiter->base);
  wait->callback(wait, result);
}

// Takes a number. The waiter's cell is its own until it is in it.
static void take_place(struct object *self, struct waiter *waiter) {
  struct segment *used = anchor_use(&self->arrivals);
  // ORDER(numbers): acquire, the changes of the state before the wakes that came earlier, for the
  // condition; release, that we come.
  uint32_t number = arrivals_of(add_acq_rel(&self->word, ONE_ARRIVAL));
  waiter->object = self;
  waiter->segment = find(used, id_of(number));
  waiter->cell = &waiter->segment->cells[number % CELLS];
  anchor_move(&self->arrivals, used, waiter->segment);
  anchor_leave(&self->arrivals, used);
}

static int wait_if(void *object, approach_waiter *base, rouse_condition_fn *condition,
                   void *argument, int64_t deadline_ns) {
  struct object *self = object;
  struct waiter *waiter = (struct waiter *)base;
  if (parts_unwanted(condition, argument)) return ROUSE_EAGAIN;
  if (parts_late(deadline_ns)) return ROUSE_ETIMEDOUT;
  take_place(self, waiter);
  if (parts_unwanted(condition, argument)) {
    bool left = cancel_cell(self, waiter->cell, EMPTY);
    if (left) sweep(self);
    ended(base);
    return left ? ROUSE_EAGAIN : ROUSE_DONE;  // DONE: a wake has been spent on us
  }
  waiter->callback = base->wait.callback;
  if (waiter->callback) base->wait.callback = end_and_call;
  parts_begin(base, &foreign);
  uintptr_t empty = EMPTY;
  // ORDER(cell): release, our fields; acquire, if it is taken, what the wake did before.
  if (cas_acq_rel_acquire(waiter->cell, &empty, (uintptr_t)waiter)) {
    return parts_pending(base, deadline_ns);
  }
  base->wait.callback = waiter->callback;
  ended(base);
  return ROUSE_DONE;
}

static uint32_t count(void *object) {
  struct object *self = object;
  // RELAXED: a snapshot
  uint32_t cancelled = load_relaxed(&self->cancelled);
  uint32_t waiting = waiting_of(load_relaxed(&self->word));
  return waiting > cancelled ? waiting - cancelled : 0;
}

static int block_if(void *object, rouse_condition_fn *condition, void *argument,
                    int64_t deadline_ns) {
  return parts_block_if(&approach_segment_queue, object, condition, argument, deadline_ns, ended);
}

const approach approach_segment_queue = {
    .name = "segment_queue",
    .title = "cells in segments",
    .summary = "waiters and wakes numbered by fetch-and-add; they meet in a cell",
    .progress = "lock-free but for the heap",
    .gaps =
        "a cancelled cell behind one that waits stays until it is at the front; a segment comes "
        "from the heap for every 32 waits",
    .can = APPROACH_FIFO | APPROACH_EXACT | APPROACH_MANY | APPROACH_LOOPS | APPROACH_DESTROY |
           APPROACH_THREADS | APPROACH_LOCK_FREE,
    .object_size = sizeof(struct object),
    .waiter_size = sizeof(struct waiter),
    .waiter_heap = (sizeof(struct segment) + 63) / 64 * 64 / CELLS,
    .unavailable = parts_available,
    .init = init,
    .finish = finish,
    .wait_if = wait_if,
    .wake_one = wake_one,
    .wake_all = wake_all,
    .cancel = parts_cancel,
    .count = count,
    .block_if = block_if,
};
