// lockfree_queue: a Michael-Scott queue of wakers, with try, register, retry.
//
// How it works. A waiter makes an entry that points to it, pushes it to a lock-free queue of many
// producers and consumers (liburcu's; lockfree_fifo.c), and looks at its condition again. A wake
// pops entries until it finds one whose waiter is still there, and takes it by exchange. An entry
// can't be taken out of the middle of such a queue: who cancels only takes its waiter out of its
// entry, and leaves the empty entry for a later wake to find.
//
//   head -> [dummy] -> [e1: w1] -> [e2: --] -> [e3: w3] <- tail       arrivals 3 | waiting 2
//                        ^ pop       ^ cancelled
//                        | exchange waiter by nothing: w1 is woken
//
//   entry:  waiter --wake, exchange--> nothing, popped ----------> freed after a grace period
//             `-----cancel, CAS------> nothing, in the queue --popped by some wake--> freed, too
//
// What it allocates. An entry for each wait, and now and then a dummy. They are freed by a thread
// of liburcu's, some time later.
//
// Progress. Lock-free but for malloc() and free().
//
// Why no wake is lost. Register, then look again. First the waiter raises |waiting|, then it pushes
// its entry, and after a full fence it looks at its condition. A wake changes the state, then reads
// |waiting| by a read-modify-write: 0 means that whoever registers later reads from that and sees
// the change. Else it has a full fence of its own, and looks into the queue: if the entry is not
// there yet, the waiter's look comes after the wake's fence, and sees the change.
//
// wake_all wakes in order until the queue is empty or until it pops somebody who arrived after it
// had begun. That one can't be put back at the head: it is sent away with ROUSE_EAGAIN, to look
// again.
//
// What a cancel costs. One compare-and-swap. But the entry stays, and its memory: if many waiters
// give up and nobody wakes, the queue only grows.
//
// Memory order. ORDER(registered) for the word. ORDER(entry) for the waiter in the entry,
// ORDER(entry-refs) for who frees it. The
// queue's own are liburcu's; its compare-and-swap is a full fence.
#include "lockfree_fifo.h"
#include "parts.h"
#include "tsan.h"

struct object {
  lockfree_fifo fifo;
  rouse__atomic64 word;  // arrivals << 32 | waiting
};

struct waiter;
struct entry {
  lockfree_entry queued;
  rouse__atomic_pointer waiter;  // 0: woken, or gone
  rouse__atomic32 refs;          // the queue's, and the waiter's until it has ended
  uint32_t arrival;
};

struct waiter {
  approach_waiter base;
  struct object *object;
  struct entry *entry;
  rouse_wait_fn *callback;  // the user's
};

static const uint64_t ONE_ARRIVAL = (UINT64_C(1) << 32) + 1;
static uint32_t waiting_of(uint64_t word) { return (uint32_t)word; }
static uint32_t arrivals_of(uint64_t word) { return (uint32_t)(word >> 32); }

static void entry_drop(struct entry *entry) {
  // ORDER(entry-refs): release, our last access; acquire, the other's, for the one who frees.
  if (sub_acq_rel(&entry->refs, 1) == 1) lockfree_entry_free(&entry->queued);
}

static struct entry *pop(struct object *self) {
  tsan_release(&self->fifo);
  struct entry *entry = (struct entry *)lockfree_fifo_pop(&self->fifo);
  tsan_acquire(&self->fifo);
  tsan_release(&self->fifo);  // the queue may have made a dummy
  return entry;
}

// Takes the waiter out of |entry|; NULL if it is gone.
static struct waiter *take(struct object *self, struct entry *entry) {
  // ORDER(entry): acquire, the waiter's fields; release, that it is taken.
  struct waiter *waiter = (struct waiter *)swap_acq_rel(&entry->waiter, 0);
  // RELAXED: a count; who registers acquires from the wakes' own read-modify-writes.
  if (waiter) sub_relaxed(&self->word, 1);
  return waiter;
}

static int init(void *object) {
  struct object *self = object;
  store_relaxed(&self->word, 0);  // RELAXED: not shared yet
  lockfree_fifo_init(&self->fifo);
  return ROUSE_DONE;
}

static void finish(void *object) {
  struct object *self = object;
  struct entry *entry;
  // RELAXED: only a check.
  ROUSE__ASSERT(!waiting_of(load_relaxed(&self->word)), "a queue is finished while somebody waits");
  while ((entry = pop(self))) entry_drop(entry);
  lockfree_fifo_finish(&self->fifo);
}

// --- waiting -------------------------------------------------------------------------------------

static bool withdraw(struct object *self, struct waiter *waiter) {
  uintptr_t expected = (uintptr_t)waiter;
  // ORDER(entry): release, all that we did with the waiter, to the wake that finds nothing.
  if (!cas_release(&waiter->entry->waiter, &expected, 0)) return false;
  sub_relaxed(&self->word, 1);  // RELAXED: as in take()
  return true;
}

static void leave(rouse_wait *wait, unsigned reason) {
  struct waiter *waiter = ROUSE__CONTAINER(wait, struct waiter, base.wait);
  if (withdraw(waiter->object, waiter)) parts_remove(&waiter->base, reason);
}
static const struct rouse__foreign foreign = {leave};

// The waiter's wait has ended, on its own thread.
static void ended(approach_waiter *base) { entry_drop(((struct waiter *)base)->entry); }

static void end_and_call(rouse_wait *wait, int result) {
  struct waiter *waiter = ROUSE__CONTAINER(wait, struct waiter, base.wait);
  wait->callback = waiter->callback;
  ended(&waiter->base);
  wait->callback(wait, result);
}

static void enter(struct object *self, struct waiter *waiter) {
  struct entry *entry = waiter->entry;
  store_relaxed(&entry->waiter, (uintptr_t)waiter);  // RELAXED: published by the push
  store_relaxed(&entry->refs, 2);                    // RELAXED: as above
  // ORDER(registered): acquire, what wakers did that have found nobody; release, that we come.
  entry->arrival = arrivals_of(add_acq_rel(&self->word, ONE_ARRIVAL));
  tsan_release(&self->fifo);
  lockfree_fifo_push(&self->fifo, &entry->queued);
  tsan_acquire(&self->fifo);
}

static int wait_if(void *object, approach_waiter *base, rouse_condition_fn *condition,
                   void *argument, int64_t deadline_ns) {
  struct object *self = object;
  struct waiter *waiter = (struct waiter *)base;
  if (parts_unwanted(condition, argument)) return ROUSE_EAGAIN;
  if (parts_late(deadline_ns)) return ROUSE_ETIMEDOUT;
  waiter->object = self;
  waiter->entry = approach_allocate(sizeof *waiter->entry);
  if (!waiter->entry) return ROUSE_ENOMEM;
  waiter->callback = base->wait.callback;
  if (waiter->callback) base->wait.callback = end_and_call;
  parts_begin(base, &foreign);
  enter(self, waiter);
  if (parts_unwanted(condition, argument) && withdraw(self, waiter)) {
    base->wait.callback = waiter->callback;
    ended(base);
    return ROUSE_EAGAIN;
  }
  return parts_pending(base, deadline_ns);
}

// --- waking --------------------------------------------------------------------------------------

// The word, after our change of the state.
static uint64_t look(struct object *self) {
  // ORDER(registered): release, our change, to those who register later; acquire, that they came.
  return add_acq_rel(&self->word, 0);
}

static void wake_one(void *object) {
  struct object *self = object;
  struct entry *entry;
  if (!waiting_of(look(self))) return;
  while ((entry = pop(self))) {
    struct waiter *waiter = take(self, entry);
    entry_drop(entry);
    if (!waiter) continue;
    parts_wake(&waiter->base);
    return;
  }
}

static void wake_all(void *object) {
  struct object *self = object;
  parts_list woken = {NULL, NULL};
  struct waiter *too_late = NULL;
  struct entry *entry;
  uint64_t word = look(self);
  if (!waiting_of(word)) return;
  while (!too_late && (entry = pop(self))) {
    bool later = (int32_t)(entry->arrival - arrivals_of(word)) >= 0;
    struct waiter *waiter = take(self, entry);
    entry_drop(entry);
    if (!waiter) continue;
    if (later) {
      too_late = waiter;
    } else {
      parts_list_add(&woken, &waiter->base);
    }
  }
  parts_list_wake(&woken);
  if (too_late) parts_remove(&too_late->base, ROUSE__CANCEL_AGAIN);
}

static uint32_t count(void *object) {
  struct object *self = object;
  return waiting_of(load_relaxed(&self->word));  // RELAXED: a snapshot
}

static int block_if(void *object, rouse_condition_fn *condition, void *argument,
                    int64_t deadline_ns) {
  return parts_block_if(&approach_lockfree_queue, object, condition, argument, deadline_ns, ended);
}

const approach approach_lockfree_queue = {
    .name = "lockfree_queue",
    .title = "lock-free queue",
    .summary = "a Michael-Scott queue of wakers: try, register, try again",
    .progress = "lock-free but for the heap",
    .library = "liburcu",
    .gaps =
        "a cancelled entry stays in the queue until a wake finds it; an entry comes from the "
        "heap for each wait; a wake_all may send one who came later back to its condition",
    .can = APPROACH_FIFO | APPROACH_EXACT | APPROACH_MANY | APPROACH_LOOPS | APPROACH_DESTROY |
           APPROACH_THREADS | APPROACH_LOCK_FREE,
    .object_size = sizeof(struct object),
    .waiter_size = sizeof(struct waiter),
    .waiter_heap = (sizeof(struct entry) + 63) / 64 * 64,
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
