// The counting semaphore.
//
//   word   | free permits, signed : 34 | due : 24 | flags |
//
//   POLICY   EVENTUAL (the default is FIFO).
//   due      A release that leaves fewer permits free than this need not look at the queue.
//            Saturates: a release that reaches the largest value always looks. Written by combiners
//            only.
//
//   acquire, fast   free -= n         if nobody is queued, or the head's nudge travels (EVENTUAL)
//   release, fast   free += n         by value while somebody combines, whose exit then fails
//   release, slow   free += n, BUSY   if free reaches due
//
// EVENTUAL: with room for two, the head is granted outright; only the last one that fits is nudged,
// so a woken waiter that does not run holds up no permits but its own share. While its nudge
// travels, due is what the head and the next need together.
//
// reduce: while nobody combines, free -= n in place (it may go negative: a debt). While somebody
// does, R1 forbids taking; the number is added to |debt| and rung like mail, and the combiner
// subtracts it.
#include <rouse/semaphore.h>

#include "sync/queue.h"

#define SHIFT ROUSE__SEMAPHORE_SHIFT
#define DUE_MAX ((UINT64_C(1) << (SHIFT - ROUSE__WORD_SHIFT)) - 1)
#define DUE_BITS (DUE_MAX << ROUSE__WORD_SHIFT)

static int64_t free_permits(uint64_t word) { return (int64_t)word >> SHIFT; }

static uint64_t with_due(uint64_t word, uint64_t due) {
  if (due > DUE_MAX) due = DUE_MAX;
  return (word & ~DUE_BITS) | due << ROUSE__WORD_SHIFT;
}

static bool reaches_due(uint64_t word) {
  return free_permits(word) >= (int64_t)((word & DUE_BITS) >> ROUSE__WORD_SHIFT);
}

static bool fits(const rouse_wait *node, uint64_t word) {
  return (int64_t)node->demand <= free_permits(word);
}

// With FIFO, or when it is due, or with room for the next one too: grant the head without a nudge.
static bool grant_outright(const struct rouse__pass *pass, const rouse_wait *head, uint64_t word) {
  if (!(word & ROUSE__POLICY) || rouse__queue_due(pass, head)) return true;
  return head->next != head && (int64_t)(head->demand + head->next->demand) <= free_permits(word);
}

static uint64_t match(struct rouse__queue *queue, uint64_t word, struct rouse__pass *pass) {
  rouse_semaphore *semaphore = ROUSE__CONTAINER(queue, rouse_semaphore, queue);
  if (load_relaxed(&semaphore->debt)) {  // RELAXED: the ring made it visible, or rings again
    // ORDER(debt): acquire, pairs with the reducer's add.
    word -= (uint64_t)swap_acquire(&semaphore->debt, 0) << SHIFT;
  }
  rouse_wait *head;
  while ((head = queue->head) && pass->budget > 0) {
    if (word & ROUSE__CLOSED) {
      rouse__queue_finish(queue, pass, head, ROUSE__OUTCOME_CLOSED, 0);
    } else if (fits(head, word) && grant_outright(pass, head, word)) {
      word -= head->demand << SHIFT;
      rouse__queue_grant(queue, pass, head);
    } else {
      break;
    }
  }
  if (!head) return with_due(word, 0);
  if ((word & ROUSE__CLOSED) || fits(head, word)) rouse__queue_nudge(pass, head);
  if (!(word & ROUSE__POLICY) || !(head->flags & ROUSE__NODE_NUDGED) || (word & ROUSE__CLOSED)) {
    return with_due(word, head->demand);
  }
  bool alone = head->next == head;
  return with_due(word, alone ? DUE_MAX : head->demand + head->next->demand) | ROUSE__NUDGED;
}

const struct rouse__queue_kind rouse__semaphore_kind = {.match = match};

int rouse_semaphore_init(rouse_semaphore *semaphore, uint32_t permits, rouse_policy policy) {
  if ((unsigned)policy > ROUSE_EVENTUAL) return ROUSE_EINVAL;
  uint64_t bits = policy == ROUSE_EVENTUAL ? ROUSE__POLICY : 0;
  rouse__queue_init(&semaphore->queue, bits | (uint64_t)permits << SHIFT);
  store_relaxed(&semaphore->capacity, permits);  // RELAXED: not shared yet
  store_relaxed(&semaphore->debt, 0);            // RELAXED: not shared yet
  return ROUSE_DONE;
}

// --- acquire -------------------------------------------------------------------------------------

// ROUSE_DONE, ROUSE_EAGAIN or ROUSE_ECLOSED.
static inline int try_acquire(rouse_semaphore *semaphore, uint32_t permits) {
  uint64_t word = load_relaxed(&semaphore->queue.word);  // RELAXED: the CAS validates it
  for (;;) {
    if (word & ROUSE__CLOSED) return ROUSE_ECLOSED;
    if ((word & ROUSE__BUSY) || free_permits(word) < (int64_t)permits) return ROUSE_EAGAIN;
    if ((word & (ROUSE__QUEUED | ROUSE__NUDGED)) == ROUSE__QUEUED) return ROUSE_EAGAIN;
    // ORDER(give): acquire, what was done before the releases.
    if (cas_acquire(&semaphore->queue.word, &word, word - ((uint64_t)permits << SHIFT))) {
      return ROUSE_DONE;
    }
  }
}

int rouse_semaphore_try_acquire(rouse_semaphore *semaphore, uint32_t permits) {
  return permits ? try_acquire(semaphore, permits) : ROUSE_EINVAL;
}

static ROUSE__COLD int acquire_slow(rouse_semaphore *semaphore, rouse_wait *wait, uint32_t permits,
                                    int64_t deadline_ns) {
  if (rouse__deadline_passed(deadline_ns)) return ROUSE_ETIMEDOUT;
  wait->demand = permits;
  return rouse__queue_wait(&semaphore->queue, wait, ROUSE__KIND_SEMAPHORE, deadline_ns);
}

int rouse_semaphore_acquire_start(rouse_semaphore *semaphore, rouse_wait *wait, uint32_t permits,
                                  int64_t deadline_ns) {
  if (!permits) return ROUSE_EINVAL;
  int result = try_acquire(semaphore, permits);
  if (result != ROUSE_EAGAIN) return result;
  return acquire_slow(semaphore, wait, permits, deadline_ns);
}

static ROUSE__COLD int acquire_blocking(rouse_semaphore *semaphore, uint32_t permits,
                                        int64_t deadline_ns) {
  struct rouse__blocked blocked;
  int refused = rouse__block_begin(&blocked);
  if (refused) return refused;
  int started = acquire_slow(semaphore, &blocked.wait, permits, deadline_ns);
  return rouse__block_end(&blocked, started);
}

int rouse_semaphore_acquire_until(rouse_semaphore *semaphore, uint32_t permits,
                                  int64_t deadline_ns) {
  if (ROUSE__UNLIKELY(!permits)) return ROUSE_EINVAL;
  rouse__inline_budget_use();
  int result = try_acquire(semaphore, permits);
  if (ROUSE__UNLIKELY(result == ROUSE_EAGAIN)) {
    return acquire_blocking(semaphore, permits, deadline_ns);
  }
  return result;
}

int rouse_semaphore_acquire(rouse_semaphore *semaphore, uint32_t permits) {
  return rouse_semaphore_acquire_until(semaphore, permits, ROUSE_FOREVER);
}

// --- release -------------------------------------------------------------------------------------

int rouse_semaphore_release(rouse_semaphore *semaphore, uint32_t permits) {
  uint64_t word = load_relaxed(&semaphore->queue.word), released;  // RELAXED: the CAS validates it
  bool run;
  do {
    if (free_permits(word) + (int64_t)permits > (int64_t)ROUSE_SEMAPHORE_PERMITS_MAX) {
      return ROUSE_EOVERFLOW;
    }
    released = word + ((uint64_t)permits << SHIFT);
    run = (word & (ROUSE__QUEUED | ROUSE__BUSY)) == ROUSE__QUEUED && reaches_due(released);
    if (run) released |= ROUSE__BUSY;
    // ORDER(give): release, what we did before. ORDER(list): acquire, the list, if we combine.
  } while (!cas_acq_rel(&semaphore->queue.word, &word, released));
  if (ROUSE__UNLIKELY(run)) {
    rouse__queue_run(&semaphore->queue, word, released, ROUSE__KIND_SEMAPHORE);
  }
  return ROUSE_DONE;
}

void rouse_semaphore_close(rouse_semaphore *semaphore) {
  uint64_t word = load_relaxed(&semaphore->queue.word), closed;  // RELAXED: the CAS validates it
  bool run;
  do {
    run = (word & (ROUSE__QUEUED | ROUSE__BUSY)) == ROUSE__QUEUED;
    closed = word | ROUSE__CLOSED | (run ? ROUSE__BUSY : 0);
    // ORDER(list): acquire, the list, if we combine.
  } while (!cas_acquire(&semaphore->queue.word, &word, closed));
  if (run) rouse__queue_run(&semaphore->queue, word, closed, ROUSE__KIND_SEMAPHORE);
}

// --- capacity ------------------------------------------------------------------------------------

static void take_out(rouse_semaphore *semaphore, uint32_t permits) {
  for (;;) {
    uint64_t word = load_relaxed(&semaphore->queue.word);  // RELAXED: the CAS validates it
    while (!(word & ROUSE__BUSY)) {
      // ORDER(give): acquire, as if they had been acquired.
      if (cas_acquire(&semaphore->queue.word, &word, word - ((uint64_t)permits << SHIFT))) return;
    }
    uint32_t debt = load_relaxed(&semaphore->debt);  // RELAXED: the CAS validates it
    while (permits <= UINT32_MAX - debt) {
      // ORDER(debt): release, to the combiner's swap.
      if (!cas_release(&semaphore->debt, &debt, debt + permits)) continue;
      // ORDER(ring): release, the debt before MAIL. ORDER(list): acquire, the list, if we combine.
      word = or_acq_rel(&semaphore->queue.word, ROUSE__MAIL | ROUSE__BUSY);
      if (word & ROUSE__BUSY) return;
      rouse__queue_run(&semaphore->queue, word, word | ROUSE__MAIL | ROUSE__BUSY,
                       ROUSE__KIND_SEMAPHORE);
      return;
    }
  }
}

int rouse_semaphore_add(rouse_semaphore *semaphore, uint32_t permits) {
  uint32_t capacity = load_relaxed(&semaphore->capacity);  // RELAXED: the CAS validates it
  if (permits > ROUSE_SEMAPHORE_PERMITS_MAX - capacity) return ROUSE_EOVERFLOW;
  // The permits first: a capacity that had to be taken back could have been reduced by then.
  int result = rouse_semaphore_release(semaphore, permits);
  if (result != ROUSE_DONE) return result;
  // RELAXED: a number of its own; the permits travel by the word.
  while (!cas_relaxed(&semaphore->capacity, &capacity, capacity + permits)) {
    if (permits <= ROUSE_SEMAPHORE_PERMITS_MAX - capacity) continue;
    take_out(semaphore, permits);  // others have added meanwhile
    return ROUSE_EOVERFLOW;
  }
  return ROUSE_DONE;
}

int rouse_semaphore_reduce(rouse_semaphore *semaphore, uint32_t permits) {
  uint32_t capacity = load_relaxed(&semaphore->capacity);  // RELAXED: the CAS validates it
  do {
    if (permits > capacity) return ROUSE_EINVAL;
    // RELAXED: a number of its own; the permits travel by the word.
  } while (!cas_relaxed(&semaphore->capacity, &capacity, capacity - permits));
  if (permits) take_out(semaphore, permits);
  return ROUSE_DONE;
}

int rouse_semaphore_set_capacity(rouse_semaphore *semaphore, uint32_t permits) {
  for (;;) {
    uint32_t capacity = load_relaxed(&semaphore->capacity);  // RELAXED: a reading, checked below
    if (permits > capacity) return rouse_semaphore_add(semaphore, permits - capacity);
    if (rouse_semaphore_reduce(semaphore, capacity - permits) == ROUSE_DONE) return ROUSE_DONE;
  }
}

// --- readings ------------------------------------------------------------------------------------

bool rouse_semaphore_is_closed(const rouse_semaphore *semaphore) {
  return load_relaxed(&semaphore->queue.word) & ROUSE__CLOSED;  // RELAXED: a snapshot
}

int64_t rouse_semaphore_available(const rouse_semaphore *semaphore) {
  return free_permits(load_relaxed(&semaphore->queue.word));  // RELAXED: a snapshot
}

uint32_t rouse_semaphore_capacity(const rouse_semaphore *semaphore) {
  return load_relaxed(&semaphore->capacity);  // RELAXED: a snapshot
}

uint32_t rouse_semaphore_in_use(const rouse_semaphore *semaphore) {
  int64_t held =
      (int64_t)rouse_semaphore_capacity(semaphore) - rouse_semaphore_available(semaphore);
  if (held < 0) return 0;
  return held > (int64_t)UINT32_MAX ? UINT32_MAX : (uint32_t)held;
}
