// wait_if: a queue of waiters whose condition is checked atomically against wakes.
//
//   word   | broadcasts : 29 | signals : 29 | flags |
//
// Wakes are numbers. A waiter notes the word before it looks at its condition, and is queued under
// exactly that word, or else finds out that a wake came in between. A signal may wake only a waiter
// that noted a smaller number, oldest first, and is spent on at most one; a broadcast wakes all
// that noted a smaller one. So nothing is given to a later waiter, whenever it is combined.
//
//   1. load the word (acquire: pairs with the waker's change of the state)
//   2. condition false: leave. It runs in the caller, never in a combiner.
//   3. nobody combines: queue by a CAS from that very word, else from 1 again.
//      somebody does: queue by mail; if the ring finds that a wake came since 1, leave again
//      (AGAIN).
//
// The counts wrap. What is compared is at most what is posted by value while one combiner is
// inside, or while a condition is looked at, plus the wakes spent on older waiters: 2^28 of either
// would have to pass in that time to confuse it. A call counts for less than 2^16 (a larger number
// is a broadcast), so that is 2^12 calls at least.
//
// The naive race: check, a wake finds nobody, queue, sleep for ever. A wake always advances the
// word, so it can't slip in between 1 and 3.
#include <rouse/waitqueue.h>

#include "sync/queue.h"

enum { COUNT_BITS = 29, SIGNALS = ROUSE__WORD_SHIFT, BROADCASTS = SIGNALS + COUNT_BITS };
enum { WAKE_ALL_FROM = 1 << 16 };
static const uint64_t COUNT_MASK = (UINT64_C(1) << COUNT_BITS) - 1;
static const uint64_t ONE_BROADCAST = UINT64_C(1) << BROADCASTS;

static uint64_t signals_of(uint64_t word) { return (word >> SIGNALS) & COUNT_MASK; }
static uint64_t broadcasts_of(uint64_t word) { return word >> BROADCASTS; }

static uint64_t add_signals(uint64_t word, uint64_t count) {
  uint64_t signals = (signals_of(word) + count) & COUNT_MASK;
  return (word & ~(COUNT_MASK << SIGNALS)) | signals << SIGNALS;
}

// How many numbers |then| is behind |now|; 0 if it is not (our copy of the word may be the older
// one).
static uint64_t since(uint64_t now, uint64_t then) {
  uint64_t distance = (now - then) & COUNT_MASK;
  return distance >> (COUNT_BITS - 1) ? 0 : distance;
}

static void note_waiters(rouse_waitqueue *queue, struct rouse__pass *pass) {
  if (!pass->joined) return;
  uint32_t waiters = load_relaxed(&queue->waiters);  // RELAXED: written by combiners only
  store_relaxed(&queue->waiters, waiters + (uint32_t)pass->joined);  // RELAXED: a snapshot
  pass->joined = 0;
}

// pass->before becomes, at the first try, the number of the last signal that is spent.
static uint64_t match(struct rouse__queue *core, uint64_t word, struct rouse__pass *pass) {
  rouse_waitqueue *queue = ROUSE__CONTAINER(core, rouse_waitqueue, queue);
  if (pass->first) pass->before = signals_of(pass->before) - queue->owed;
  queue->owed = 0;
  rouse_wait *head;
  while ((head = core->head)) {
    uint64_t unspent = since(signals_of(word), pass->before);
    uint64_t later = since(signals_of(word), signals_of(head->demand));
    uint64_t usable = unspent < later ? unspent : later;  // signals that may wake the head
    bool broadcast = since(broadcasts_of(word), broadcasts_of(head->demand));
    if (!broadcast && !usable) break;
    if (pass->budget <= 0) {
      queue->owed = (uint32_t)unspent;
      rouse__queue_nudge(pass, head);
      break;
    }
    rouse__queue_grant(core, pass, head);
    if (!broadcast) pass->before = signals_of(word) - usable + 1;
  }
  note_waiters(queue, pass);
  return word;
}

const struct rouse__queue_kind rouse__waitqueue_kind = {.match = match};

void rouse_waitqueue_init(rouse_waitqueue *queue) {
  *queue = (rouse_waitqueue)ROUSE_WAITQUEUE_INIT;
}

// --- wake ----------------------------------------------------------------------------------------

static void wake(rouse_waitqueue *queue, uint64_t signals, uint64_t broadcast) {
  uint64_t word = load_relaxed(&queue->queue.word), with;  // RELAXED: the CAS validates it
  bool run;
  do {
    with = add_signals(word, signals) + broadcast;
    run = (word & (ROUSE__BUSY | ROUSE__QUEUED)) == ROUSE__QUEUED;
    if (run) with |= ROUSE__BUSY;
    // ORDER(give): release, the change of the state before. ORDER(list): acquire, if we combine.
  } while (!cas_acq_rel(&queue->queue.word, &word, with));
  if (run) rouse__queue_run(&queue->queue, word, with, ROUSE__KIND_WAITQUEUE);
}

void rouse_waitqueue_wake_one(rouse_waitqueue *queue) { wake(queue, 1, 0); }

void rouse_waitqueue_wake_all(rouse_waitqueue *queue) { wake(queue, 0, ONE_BROADCAST); }

void rouse_waitqueue_wake(rouse_waitqueue *queue, uint32_t count) {
  if (!count) return;
  if (count >= WAKE_ALL_FROM) {
    rouse_waitqueue_wake_all(queue);
  } else {
    wake(queue, count, 0);
  }
}

// --- wait ----------------------------------------------------------------------------------------

// Queues |wait| if the condition holds. ROUSE_DONE or ROUSE_EAGAIN with |*woken|: queued, and out
// again.
static int wait_if(rouse_waitqueue *queue, rouse_wait *wait, rouse_condition_fn *condition,
                   void *argument, int64_t deadline_ns) {
  for (;;) {
    // ORDER(give): acquire, the wakers' changes of the state, for the condition.
    uint64_t word = load_acquire(&queue->queue.word);
    if (condition && !condition(argument)) return ROUSE_EAGAIN;
    if (rouse__deadline_passed(deadline_ns)) return ROUSE_ETIMEDOUT;
    struct rouse__pass pass;
    rouse__pass_init(&pass);
    wait->demand = word;
    bool done = false;
    if (!(word & ROUSE__BUSY)) {
      if (!rouse__queue_post_direct(&queue->queue, wait, word, ROUSE__KIND_WAITQUEUE, &pass))
        continue;
    } else {
      uint64_t at = rouse__queue_post_mail(&queue->queue, wait, ROUSE__KIND_WAITQUEUE, &pass);
      if ((at ^ word) & ~(uint64_t)ROUSE__FLAGS) {  // a wake came in between: out again
        rouse__queue_cancel(wait, ROUSE__CANCEL_ASKED | ROUSE__CANCEL_AGAIN, &pass);
      }
      done = rouse__queue_drop(wait, 1);
    }
    done |= rouse__queue_settle(&pass, done ? NULL : wait);
    int result = rouse__queue_started(wait, done, deadline_ns);
    if (result != ROUSE_EAGAIN) return result;
  }
}

int rouse_waitqueue_wait_if_start(rouse_waitqueue *queue, rouse_wait *wait,
                                  rouse_condition_fn *condition, void *argument,
                                  int64_t deadline_ns) {
  return wait_if(queue, wait, condition, argument, deadline_ns);
}

int rouse_waitqueue_wait_if_until(rouse_waitqueue *queue, rouse_condition_fn *condition,
                                  void *argument, int64_t deadline_ns) {
  struct rouse__blocked blocked;
  rouse__inline_budget_use();
  for (;;) {
    int refused = rouse__block_begin(&blocked);
    if (refused) return refused;
    int started = wait_if(queue, &blocked.wait, condition, argument, deadline_ns);
    if (started != ROUSE_PENDING) return started;
    int result = rouse__block_end(&blocked, started);
    if (result != ROUSE_EAGAIN) return result;  // EAGAIN: queued too late; check anew
  }
}

int rouse_waitqueue_wait_if(rouse_waitqueue *queue, rouse_condition_fn *condition, void *argument) {
  return rouse_waitqueue_wait_if_until(queue, condition, argument, ROUSE_FOREVER);
}

uint32_t rouse_waitqueue_count(const rouse_waitqueue *queue) {
  return load_relaxed(&queue->waiters);  // RELAXED: a snapshot
}
