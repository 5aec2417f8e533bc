// The combining wait queue. The rules and invariants are at the top of queue.h.
//
// The life of a post, in phases:
//   1. Post. Nobody combines: one CAS takes BUSY, and the node is appended in place. Somebody does:
//      the node is pushed to the inbox, then OR MAIL|BUSY rings. If that found BUSY clear (the
//      combiner left in between), the ringer has become the combiner.
//   2. Combine. While MAIL: clear MAIL, then take the inbox. Match; take out who was cancelled, and
//      match again. Exit by a CAS on the whole
//      word.
//   3. Settle. Nodes finished in the pass lose their references; the last one out is handed to its
//      waker.
//
// The naive race: a poster pushes while the combiner is about to leave, the combiner sees an empty
// inbox, leaves, and the node lies there for ever. It can't happen: the ring changes the word
// (MAIL), so either the exit CAS fails, or it came first and the ring finds BUSY clear and combines
// itself.
//
// Why MAIL is cleared before the inbox is taken: the other way round, mail pushed and rung in
// between loses its flag, and the exit succeeds over a full inbox.
//
// Why not a lock around the list: its holder may be descheduled while everybody else, releasers
// too, spins or sleeps. Here they leave their mail and go.
#include "sync/queue.h"

const struct rouse__queue_kind *const rouse__queue_kinds[ROUSE__KIND_QUEUED + 1] = {
    [ROUSE__KIND_MUTEX] = &rouse__mutex_kind,
    [ROUSE__KIND_SEMAPHORE] = &rouse__semaphore_kind,
    [ROUSE__KIND_EVENT] = &rouse__event_kind,
    [ROUSE__KIND_WAITQUEUE] = &rouse__waitqueue_kind,
};

// Mail is a node's address with what it says in the low bits.
enum { MAIL_POST = 0, MAIL_CANCEL = 1, MAIL_REPORT = 2, MAIL_OVERDUE = 4, MAIL_TAGS = 7 };

_Static_assert(_Alignof(rouse_wait) > MAIL_TAGS, "mail has its tags in a wait's address");

static rouse_wait *mail_node(uintptr_t mail) {
  return (rouse_wait *)(mail & ~(uintptr_t)MAIL_TAGS);
}

// The link is kept as an integer, tags included. A node can be in the inbox twice: it, and its
// cancel.
static uintptr_t mail_next(uintptr_t mail) {
  rouse_wait *node = mail_node(mail);
  return mail & MAIL_CANCEL ? node->cancel_link : (uintptr_t)node->link;
}
static void mail_set_next(uintptr_t mail, uintptr_t next) {
  rouse_wait *node = mail_node(mail);
  if (mail & MAIL_CANCEL) {
    node->cancel_link = next;
  } else {
    node->link = (rouse_wait *)next;
  }
}

// --- the list, combiner only ---------------------------------------------------------------------

static void append(struct rouse__queue *queue, struct rouse__pass *pass, rouse_wait *node) {
  rouse_wait *head = queue->head;
  node->flags |= ROUSE__NODE_QUEUED;
  pass->joined++;
  if (!head) {
    node->next = node->previous = node;
    queue->head = node;
    return;
  }
  node->next = head;
  node->previous = head->previous;
  head->previous->next = node;
  head->previous = node;
}

static void chain_done(struct rouse__pass *pass, rouse_wait *node) {
  node->next = NULL;
  *pass->done_end = node;
  pass->done_end = &node->next;
}

void rouse__queue_finish(struct rouse__queue *queue, struct rouse__pass *pass, rouse_wait *node,
                         enum rouse__outcome outcome, unsigned extra_drops) {
  if (node->next == node) {
    queue->head = NULL;
  } else {
    node->previous->next = node->next;
    node->next->previous = node->previous;
    if (queue->head == node) queue->head = node->next;
  }
  node->flags &= (uint8_t)~ROUSE__NODE_QUEUED;
  pass->joined--;
  // The result's reference, and the nudge slot's unless a nudge is under way: that one keeps its
  // slot.
  unsigned drops = 1 + !(node->flags & ROUSE__NODE_NUDGED) + extra_drops;
  node->outcome = (uint8_t)(outcome | drops << 4);  // INV-3
  chain_done(pass, node);
}

// --- mail ----------------------------------------------------------------------------------------

static void push(struct rouse__queue *queue, uintptr_t mail) {
  uintptr_t top = load_relaxed(&queue->inbox);  // RELAXED: the CAS validates it
  do {
    mail_set_next(mail, top);
    // ORDER(mail): release, the node's fields, to the swap in drain().
  } while (!cas_release(&queue->inbox, &top, mail));
}

static void apply_late(struct rouse__pass *pass, uintptr_t mail) {
  mail_set_next(mail, pass->late);  // its reference is dropped after the exit
  pass->late = mail;
}

static void apply_report(struct rouse__pass *pass, uintptr_t mail) {
  rouse_wait *node = mail_node(mail);
  node->flags &= (uint8_t)~ROUSE__NODE_NUDGED;
  if (!(node->flags & ROUSE__NODE_QUEUED)) {  // finished meanwhile: it gives the slot back
    apply_late(pass, mail);
    return;
  }
  if (mail & MAIL_OVERDUE) {
    node->rounds = ROUSE__ROUNDS_MAX;
  } else if (node->rounds < ROUSE__ROUNDS_MAX) {
    node->rounds++;
  }
  pass->arrived = true;
}

static void apply(struct rouse__queue *queue, struct rouse__pass *pass, uintptr_t mail) {
  rouse_wait *node = mail_node(mail);
  if (mail & MAIL_CANCEL) {
    mail_set_next(mail, pass->cancels);
    pass->cancels = mail;
  } else if (mail & MAIL_REPORT) {
    apply_report(pass, mail);
  } else {
    append(queue, pass, node);
  }
}

static __attribute__((noinline)) void drain(struct rouse__queue *queue, struct rouse__pass *pass) {
  // ORDER(mail): acquire, what the pushers wrote into their nodes.
  uintptr_t mail = swap_acquire(&queue->inbox, 0), oldest = 0;
  while (mail) {  // newest first: turn it round
    uintptr_t older = mail_next(mail);
    mail_set_next(mail, oldest);
    oldest = mail;
    mail = older;
  }
  while (oldest) {
    uintptr_t newer = mail_next(oldest);
    apply(queue, pass, oldest);
    oldest = newer;
  }
}

// --- the combiner --------------------------------------------------------------------------------

static void withdraw_nudge(struct rouse__pass *pass) {
  if (!pass->nudge) return;
  pass->nudge->flags &= (uint8_t)~ROUSE__NODE_NUDGED;
  pass->nudge = NULL;
}

// Takes out those who want to leave and were granted nothing by |out|, which came of |word|, and
// matches again: who comes after them may fit.
static uint64_t match_without_cancelled(struct rouse__queue *queue, uint64_t word, uint64_t out,
                                        const struct rouse__queue_kind *kind,
                                        struct rouse__pass *pass) {
  withdraw_nudge(pass);  // it may be the head that leaves
  while (pass->cancels) {
    uintptr_t mail = pass->cancels;
    rouse_wait *node = mail_node(mail);
    pass->cancels = mail_next(mail);
    if (node->flags & ROUSE__NODE_QUEUED) {
      rouse__queue_finish(queue, pass, node, ROUSE__OUTCOME_REMOVED, 1);  // the mail's reference
    } else {
      apply_late(pass, mail);
    }
  }
  out &= ~(kind->derived | ROUSE__NUDGED);
  return kind->match(queue, out | (word & kind->derived), pass);
}

// The caller's RMW replaced pass->before by |word| and thereby took BUSY.
static void combine(struct rouse__queue *queue, uint64_t word, enum rouse__kind kind_index,
                    struct rouse__pass *pass) {
  const struct rouse__queue_kind *kind = rouse__queue_kinds[kind_index];
  const uint64_t own = ~(kind->derived | ROUSE__FLAGS);  // what the delta is about
  uint64_t delta = 0;
  for (;;) {
    if (word & ROUSE__MAIL) {
      // ORDER(ring): acquire, so that the drain sees what was pushed before the ring.
      word = and_acquire(&queue->word, ~(uint64_t)ROUSE__MAIL) & ~(uint64_t)ROUSE__MAIL;
      drain(queue, pass);
    }
    uint64_t base = (word & ~(uint64_t)(ROUSE__BUSY | ROUSE__QUEUED | ROUSE__NUDGED)) + delta;
    uint64_t out = kind->match(queue, base, pass);
    pass->first = false;
    // Only now: what was given before a cancel was made is in |word|, and goes before it.
    if (pass->cancels) out = match_without_cancelled(queue, base, out, kind, pass);
    delta += (out & own) - (base & own);
    if (queue->head) out |= ROUSE__QUEUED;
    // ORDER(list): release, the list, to the next combiner.
    // ORDER(give): acquire, the givers' data for those granted, also when it fails.
    if (cas_acq_rel_acquire(&queue->word, &word, out)) return;  // R3: nothing of |queue| below
    pass->budget--;
    withdraw_nudge(pass);  // the head may leave before the next try
  }
}

bool rouse__queue_drop(rouse_wait *node, unsigned count) {
  // ORDER(refs): release, our accesses to the node; acquire, everybody's, for the last one out.
  return (sub_acq_rel(&node->refs, (uint16_t)count) & ROUSE__REFS) == count;
}

// Waits on their way to a few wakers: one wake call, and at most one bell, for each batch.
struct batch {
  struct rouse__waker *waker;
  rouse_wait *first, *last;
};
enum { BATCHES = 4 };

static void batch_send(struct batch *batch) {
  batch->waker->ops->wake(batch->waker, batch->first, batch->last);
}

// Adds |node| to the batches |from| .. |to|, the last of which is likely its own; returns the new
// end.
static struct batch *batch_add(struct batch *from, struct batch *to, rouse_wait *node) {
  struct rouse__waker *waker = node->waker;
  for (struct batch *batch = to; batch-- != from;) {
    if (batch->waker != waker) continue;
    batch->last->link = node;
    batch->last = node;
    return to;
  }
  if (to - from == BATCHES) batch_send(--to);
  *to = (struct batch){waker, node, node};
  return to + 1;
}

// The usual pass: one node, and nothing else to send.
static bool settle_one(struct rouse__pass *pass, rouse_wait *node, const rouse_wait *self) {
  unsigned drops = node->outcome >> 4;
  pass->done = NULL;
  pass->done_end = &pass->done;
  if (drops && !rouse__queue_drop(node, drops)) return false;
  if (node == self) return true;
  node->waker->ops->wake(node->waker, node, node);
  return false;
}

bool rouse__queue_settle_all(struct rouse__pass *pass, const rouse_wait *self) {
  rouse_wait *only = pass->done;
  if (ROUSE__LIKELY(only && !only->next && !pass->nudge && !pass->late)) {
    return settle_one(pass, only, self);
  }
  struct batch batches[BATCHES], *end = batches;
  bool mine = false;
  for (;;) {
    rouse_wait *node = pass->done;
    if (node) {
      pass->done = node->next;  // links are read before the drop
      if (!pass->done) pass->done_end = &pass->done;
      unsigned drops = node->outcome >> 4;
      if (drops && !rouse__queue_drop(node, drops)) continue;
    } else if (pass->late) {
      uintptr_t mail = pass->late;
      node = mail_node(mail);
      pass->late = mail_next(mail);
      if (!rouse__queue_drop(node, 1)) continue;
    } else {
      break;
    }
    if (node == self) {
      mine = true;
    } else {
      end = batch_add(batches, end, node);
    }
  }
  if (pass->nudge) end = batch_add(batches, end, pass->nudge);  // its slot keeps it alive
  pass->nudge = NULL;
  for (struct batch *batch = batches; batch != end; batch++) batch_send(batch);
  return mine;
}

void rouse__queue_run(struct rouse__queue *queue, uint64_t before, uint64_t word,
                      enum rouse__kind kind) {
  struct rouse__pass pass;
  rouse__pass_init(&pass);
  pass.before = before;
  combine(queue, word, kind, &pass);
  rouse__queue_settle(&pass, NULL);
}

// --- posts ---------------------------------------------------------------------------------------

static void prepare(struct rouse__queue *queue, rouse_wait *node, enum rouse__kind kind,
                    uint16_t refs) {
  node->queue = queue;
  node->kind = (uint8_t)kind;
  node->outcome = ROUSE__OUTCOME_PENDING;
  node->flags = 0;
  node->rounds = 0;
  node->started = rouse__wait_clock(node->waker->now_ns);
  store_relaxed(&node->refs, refs);  // RELAXED: published by the post
}

bool rouse__queue_post_direct(struct rouse__queue *queue, rouse_wait *node, uint64_t word,
                              enum rouse__kind kind, struct rouse__pass *pass) {
  prepare(queue, node, kind, 2);  // result, nudge slot
  // ORDER(list): acquire, the list as the last combiner left it.
  // ORDER(give): acquire, the givers' data, for those that this pass grants.
  if (!cas_acquire(&queue->word, &word, word | ROUSE__BUSY)) return false;
  append(queue, pass, node);
  pass->before = word;
  combine(queue, word | ROUSE__BUSY, kind, pass);
  return true;
}

uint64_t rouse__queue_post_mail(struct rouse__queue *queue, rouse_wait *node, enum rouse__kind kind,
                                struct rouse__pass *pass) {
  prepare(queue, node, kind, 3);  // result, nudge slot, poster (R2)
  push(queue, (uintptr_t)node | MAIL_POST);
  // ORDER(ring): release, the push before MAIL. ORDER(list): acquire, the list, if we combine.
  uint64_t word = or_acq_rel(&queue->word, ROUSE__MAIL | ROUSE__BUSY);
  if (!(word & ROUSE__BUSY)) {
    pass->before = word;
    combine(queue, word | ROUSE__MAIL | ROUSE__BUSY, kind, pass);
  }
  return word;
}

int rouse__queue_started(rouse_wait *node, bool done, int64_t deadline_ns) {
  if (done) return rouse__wait_result(node);
  node->waker->pending++;
  node->deadline_ns = deadline_ns;
  node->timer_at = NULL;
  if (deadline_ns != ROUSE_FOREVER) node->waker->ops->arm(node->waker, node);
  return ROUSE_PENDING;
}

int rouse__queue_wait(struct rouse__queue *queue, rouse_wait *node, enum rouse__kind kind,
                      int64_t deadline_ns) {
  struct rouse__pass pass;
  rouse__pass_init(&pass);
  bool done = false;
  for (;;) {
    uint64_t word = load_relaxed(&queue->word);  // RELAXED: the CAS validates it
    if (word & ROUSE__BUSY) {
      rouse__queue_post_mail(queue, node, kind, &pass);
      done = rouse__queue_drop(node, 1);
      break;
    }
    if (rouse__queue_post_direct(queue, node, word, kind, &pass)) break;
  }
  done |= rouse__queue_settle(&pass, done ? NULL : node);
  return rouse__queue_started(node, done, deadline_ns);
}

// --- cancel --------------------------------------------------------------------------------------

// Only after the post of |node| has returned (or under its poster's reference): then !BUSY implies
// that it is in the list or finished, which is what lets us cancel in place instead of by mail.
void rouse__queue_cancel(rouse_wait *node, unsigned reason, struct rouse__pass *pass) {
  uint16_t refs = load_relaxed(&node->refs);  // RELAXED: the CAS validates it
  do {
    if (!(refs & ROUSE__REFS) || (refs & ROUSE__CANCEL_ASKED)) return;
    // RELAXED: takes references (this call's, the mail's); what they guard is ordered by refs'
    // drops.
  } while (!cas_relaxed(&node->refs, &refs, (uint16_t)((refs + 2) | reason)));
  struct rouse__queue *queue = node->queue;
  enum rouse__kind kind = (enum rouse__kind)node->kind;
  const uintptr_t mail = (uintptr_t)node | MAIL_CANCEL;
  for (;;) {
    uint64_t word = load_relaxed(&queue->word);  // RELAXED: the CAS validates it
    if (word & ROUSE__BUSY) {
      push(queue, mail);
      // ORDER(ring): release, the push before MAIL. ORDER(list): acquire, the list, if we combine.
      word = or_acq_rel(&queue->word, ROUSE__MAIL | ROUSE__BUSY);
      if (word & ROUSE__BUSY) break;
      pass->before = word;
      combine(queue, word | ROUSE__MAIL | ROUSE__BUSY, kind, pass);
      break;
    }
    // ORDER(list): acquire, the list as the last combiner left it.
    // ORDER(give): acquire, the givers' data, for those that this pass grants.
    if (!cas_acquire(&queue->word, &word, word | ROUSE__BUSY)) continue;
    mail_set_next(mail, 0);
    pass->cancels = mail;
    pass->before = word;
    combine(queue, word | ROUSE__BUSY, kind, pass);
    break;
  }
  if (rouse__queue_drop(node, 1)) {  // in no list: its links are free
    node->outcome &= 0x0f;
    chain_done(pass, node);
  }
}

// --- nudges --------------------------------------------------------------------------------------

// The nudge of |node| has reached its own loop: reports that to the queue. True: |node| is
// complete.
static bool report(rouse_wait *node) {
  struct rouse__queue *queue = node->queue;
  enum rouse__kind kind = (enum rouse__kind)node->kind;
  uint16_t waited = (uint16_t)(rouse__wait_clock(node->waker->now_ns) - node->started);
  uintptr_t mail = (uintptr_t)node | MAIL_REPORT | (waited >= ROUSE__OVERDUE ? MAIL_OVERDUE : 0);
  struct rouse__pass pass;
  rouse__pass_init(&pass);
  bool done = false;
  for (;;) {
    uint64_t word = load_relaxed(&queue->word);  // RELAXED: the CAS validates it
    if (!(word & ROUSE__BUSY)) {
      // ORDER(list): acquire, the list as the last combiner left it.
      // ORDER(give): acquire, the givers' data, for those that this pass grants.
      if (!cas_acquire(&queue->word, &word, word | ROUSE__BUSY)) continue;
      apply_report(&pass, mail);
      pass.before = word;
      combine(queue, word | ROUSE__BUSY, kind, &pass);
      break;
    }
    // RELAXED: takes this call's reference (R2); the nudge slot keeps the node alive.
    add_relaxed(&node->refs, 1);
    push(queue, mail);
    // ORDER(ring): release, the push before MAIL. ORDER(list): acquire, the list, if we combine.
    word = or_acq_rel(&queue->word, ROUSE__MAIL | ROUSE__BUSY);
    if (!(word & ROUSE__BUSY)) {
      pass.before = word;
      combine(queue, word | ROUSE__MAIL | ROUSE__BUSY, kind, &pass);
    }
    done = rouse__queue_drop(node, 1);
    break;
  }
  done |= rouse__queue_settle(&pass, done ? NULL : node);
  return done;
}

bool rouse__wait_arrived(rouse_wait *wait) {
  if (wait->kind > ROUSE__KIND_QUEUED) return true;
  // ORDER(refs): acquire, everybody's last accesses to the node.
  // 0: delivered. 1: finished meanwhile, and this nudge holds the last reference.
  if ((load_acquire(&wait->refs) & ROUSE__REFS) <= 1) return true;
  return report(wait);
}
