// rouse__queue: the combining wait queue, once, for every primitive.
//
// An object is one control word, an inbox (a stack of mail, taken whole) and a FIFO list:
//
//   word   | primitive's bits ... | POLICY | NUDGED | CLOSED | QUEUED | MAIL | BUSY |
//
//   BUSY    somebody is the combiner. Only the combiner touches |head| and the nodes in the list.
//   MAIL    the inbox was pushed to since the combiner last emptied it. MAIL implies BUSY.
//   QUEUED  the list was not empty when the last combiner left. Constant while BUSY.
//   CLOSED  the primitive's, if it can be closed. Set once, by anyone.
//   NUDGED  the head's nudge is under way, and newcomers may overtake it meanwhile. Constant while
//           BUSY.
//   POLICY  the object's policy is not its primitive's default. Constant.
//
// A primitive adds its bits, its fast paths and one match step, which grants from the front of the
// list what the word allows and returns the word less the grants.
//
// R1 (grant stability). While BUSY is set nobody but the combiner may take anything from the word;
//     others only give, and what they give makes no grant illegal that was legal before. So a
//     decided grant is never undone, and the sum of a pass's grants is one delta that stays right
//     when the exit has to be retried on a newer word. (Bits named |derived| by a kind are facts,
//     not sums: they are computed anew from the newest word at each try.)
// R2 (last access). A post is one RMW on the word and the poster's last access to the object. Where
//     it needs two (push, then ring) the poster holds a reference on its node until it is through,
//     and an undelivered node keeps its object alive.
// R3 After its exit the combiner touches no object again; nodes are settled only then.
//
// INV-1 !BUSY => !MAIL, every completely posted node is in the list or finished, QUEUED is exact.
// INV-2 !BUSY => match would grant nothing, or the head's nudge is under way and its report will
//       look.
// INV-3 an outcome is written once, by a combiner, before the node's result reference drops.
//
// A node's references: its result (1), its nudge slot (1, charged from the start so that sending a
// nudge costs no RMW), its poster's (1, only if posted by mail), a cancel's (2: the call, the
// mail). Whoever drops the last one hands the node to its waker.
//
// A nudge is a wake that is no completion: the node stays at the head of the list, its loop runs
// and reports back; the combiner that takes the report grants the head if it can. One nudge at a
// time is under way for a node, so |link| serves, in turn, as inbox link of the post, as the
// waker's link of the nudge, as inbox link of the report, and as the waker's link of the
// completion.
#ifndef ROUSE_SYNC_QUEUE_H
#define ROUSE_SYNC_QUEUE_H

#include "base/assert.h"
#include "base/atomics.h"
#include "base/waker.h"

enum {
  ROUSE__BUSY = 1,
  ROUSE__MAIL = 2,
  ROUSE__QUEUED = 4,
  ROUSE__CLOSED = 8,
  ROUSE__NUDGED = 16,
  ROUSE__POLICY = 32,
  ROUSE__FLAGS = 63,
  ROUSE__WORD_SHIFT = 6,
};

// rouse_wait.flags, written by combiners only.
enum { ROUSE__NODE_QUEUED = 1, ROUSE__NODE_NUDGED = 2 };

// Rounds that a waiter at the head may lose to newcomers before the object is handed to it, and how
// long it may wait for that, in units of rouse__wait_clock().
#ifndef ROUSE__ROUNDS_MAX
#define ROUSE__ROUNDS_MAX 8
#endif
enum { ROUSE__OVERDUE = 16 };

// Words that one pass matches in full; each but the first is one that others changed while it was
// at work. After so many it grants no more and leaves the rest to the head's nudge: others can't
// keep a combiner for ever. What a single call gives is handed out in full by that call, or by
// whoever combines while it is made.
#ifndef ROUSE__PASS_BUDGET
#define ROUSE__PASS_BUDGET 256
#endif

// One combiner's work, and what is to be settled after its exit.
struct rouse__pass {
  rouse_wait *done, **done_end;
  uintptr_t cancels;  // mail (tagged) of those who want to leave
  uintptr_t late;     // mail (tagged) whose node is not in the list any more
  rouse_wait *nudge;  // to be sent after the exit
  uint64_t before;    // the word before BUSY was taken
  int32_t budget;     // words that may still be matched in full
  int32_t joined;     // nodes that entered the list less those that left, since match last looked
  bool arrived;       // a nudged node's report came in this pass
  bool first;         // match has not run yet in this pass
};

// What a primitive is to the core.
struct rouse__queue_kind {
  // Grants from the front of the list what |word| allows and returns |word| less the grants. BUSY,
  // MAIL and QUEUED in |word| mean nothing; NUDGED is clear, and may be set in the result. May
  // change nothing else but its own bits.
  uint64_t (*match)(struct rouse__queue *queue, uint64_t word, struct rouse__pass *pass);
  uint64_t derived;  // bits that match computes anew each time
};
extern const struct rouse__queue_kind *const rouse__queue_kinds[ROUSE__KIND_QUEUED + 1];
extern const struct rouse__queue_kind rouse__mutex_kind, rouse__semaphore_kind, rouse__event_kind,
    rouse__waitqueue_kind;

// --- for match steps -----------------------------------------------------------------------------

// Takes |node| out of the list with |outcome|.
void rouse__queue_finish(struct rouse__queue *queue, struct rouse__pass *pass, rouse_wait *node,
                         enum rouse__outcome outcome, unsigned extra_drops);
static inline void rouse__queue_grant(struct rouse__queue *queue, struct rouse__pass *pass,
                                      rouse_wait *node) {
  rouse__queue_finish(queue, pass, node, ROUSE__OUTCOME_GRANTED, 0);
}
// Sends the head a nudge after the exit, unless one is under way.
static inline void rouse__queue_nudge(struct rouse__pass *pass, rouse_wait *head) {
  if (head->flags & ROUSE__NODE_NUDGED) return;
  head->flags |= ROUSE__NODE_NUDGED;
  pass->nudge = head;
}
// The head's turn has come for good: its report is here, or it has lost enough rounds.
static inline bool rouse__queue_due(const struct rouse__pass *pass, const rouse_wait *head) {
  return pass->arrived || head->rounds >= ROUSE__ROUNDS_MAX;
}

// --- for fast and slow paths ---------------------------------------------------------------------

// Queues |node|, which the match step of |kind| may grant at once: ROUSE_DONE, or ROUSE_PENDING, or
// a failure that the match step decided. The caller has set node->demand.
int rouse__queue_wait(struct rouse__queue *queue, rouse_wait *node, enum rouse__kind kind,
                      int64_t deadline_ns);
// The caller's RMW turned |before| into |word| and took BUSY with it.
void rouse__queue_run(struct rouse__queue *queue, uint64_t before, uint64_t word,
                      enum rouse__kind kind);

// The two ways to queue a node, for waitqueue.c, which must know the word it queues under.
// Posts |node| by becoming the combiner from exactly the word |word| (BUSY clear). False: it
// changed.
bool rouse__queue_post_direct(struct rouse__queue *queue, rouse_wait *node, uint64_t word,
                              enum rouse__kind kind, struct rouse__pass *pass);
// Posts |node| past a combiner; returns the word as it was then. The caller drops the poster's
// reference.
uint64_t rouse__queue_post_mail(struct rouse__queue *queue, rouse_wait *node, enum rouse__kind kind,
                                struct rouse__pass *pass);
// Cancels |node| for |reason|; what is finished by that goes to |pass|.
void rouse__queue_cancel(rouse_wait *node, unsigned reason, struct rouse__pass *pass);
// Drops |count| references. True: they were the last, and |node| is the caller's to settle.
bool rouse__queue_drop(rouse_wait *node, unsigned count);
// Settles what |pass| finished. True: |self| was among it (then it is not handed to its waker).
bool rouse__queue_settle_all(struct rouse__pass *pass, const rouse_wait *self);
static inline bool rouse__queue_settle(struct rouse__pass *pass, const rouse_wait *self) {
  if (!pass->done && !pass->nudge && !pass->late) return false;
  return rouse__queue_settle_all(pass, self);
}
// What a start call returns for |node|; arms its deadline if it is pending.
int rouse__queue_started(rouse_wait *node, bool done, int64_t deadline_ns);

static inline void rouse__pass_init(struct rouse__pass *pass) {
  *pass = (struct rouse__pass){.budget = ROUSE__PASS_BUDGET, .first = true};
  pass->done_end = &pass->done;
}

// An empty queue whose word holds |bits|.
static inline void rouse__queue_init(struct rouse__queue *queue, uint64_t bits) {
  store_relaxed(&queue->word, bits);  // RELAXED: not shared yet
  store_relaxed(&queue->inbox, 0);    // RELAXED: not shared yet
  queue->head = NULL;
}
#endif
