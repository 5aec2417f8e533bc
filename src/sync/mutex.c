// The mutex: one bit on the combining queue.
//
//   word   | 0 ... | LOCKED | flags |      POLICY: FIFO (the default is EVENTUAL)
//
//   0                    -> LOCKED                 lock, nobody waits                   (guessed)
//   LOCKED               -> 0                      unlock, nobody waits                 (fast)
//   POLICY               -> POLICY,LOCKED          the same for FIFO, and back          (found)
//   NUDGED,QUEUED        -> NUDGED,QUEUED,LOCKED   lock while the head's nudge travels  (barging)
//   LOCKED,NUDGED,QUEUED -> NUDGED,QUEUED          unlock: the head's report will look
//   LOCKED,QUEUED        -> QUEUED,BUSY            unlock, then combine: grant or nudge the head
//   LOCKED,BUSY          -> BUSY                   unlock by value: the combiner's exit fails, and
//                                                  it looks again
//
// The naive race of the nudge: the head is woken to compete, leaves the queue, loses against a
// newcomer and goes to the end. Here it never leaves the queue; only its loop is asked to come by.
#include <rouse/mutex.h>

#include "sync/queue.h"

enum { LOCKED = 1 << ROUSE__WORD_SHIFT };

static uint64_t match(struct rouse__queue *queue, uint64_t word, struct rouse__pass *pass) {
  rouse_wait *head;
  while ((head = queue->head)) {
    bool fifo = word & ROUSE__POLICY;
    bool nudged = head->flags & ROUSE__NODE_NUDGED;
    if (word & LOCKED) return nudged && !fifo ? word | ROUSE__NUDGED : word;
    if (!fifo && !rouse__queue_due(pass, head)) {
      rouse__queue_nudge(pass, head);
      return word | ROUSE__NUDGED;
    }
    rouse__queue_grant(queue, pass, head);
    word |= LOCKED;
  }
  return word;
}

const struct rouse__queue_kind rouse__mutex_kind = {.match = match};

int rouse_mutex_init(rouse_mutex *mutex, rouse_policy policy) {
  if ((unsigned)policy > ROUSE_EVENTUAL) return ROUSE_EINVAL;
  rouse__queue_init(&mutex->queue, policy == ROUSE_FIFO ? ROUSE__POLICY : 0);
  return ROUSE_DONE;
}

// Nobody holds it, nobody waits: the one case that has to be fast. The word is guessed, not loaded,
// for a load right after the last RMW on it has to wait until that is through. A wrong guess costs
// a queued, nudged or FIFO mutex one RMW and leaves what was found in |*word|.
static inline bool try_lock_free(rouse_mutex *mutex, uint64_t *word) {
  *word = 0;
  // ORDER(give): acquire, what the last holder did.
  return cas_acquire(&mutex->queue.word, word, LOCKED);
}

static bool try_lock_found(rouse_mutex *mutex, uint64_t word) {
  for (;;) {
    if (word & (LOCKED | ROUSE__BUSY)) return false;
    if ((word & (ROUSE__QUEUED | ROUSE__NUDGED)) == ROUSE__QUEUED) return false;
    // ORDER(give): acquire, what the last holder did.
    if (cas_acquire(&mutex->queue.word, &word, word | LOCKED)) return true;
  }
}

static bool try_lock(rouse_mutex *mutex) {
  // RELAXED: the CAS validates it
  return try_lock_found(mutex, load_relaxed(&mutex->queue.word));
}

bool rouse_mutex_try_lock(rouse_mutex *mutex) {
  uint64_t word;
  return try_lock_free(mutex, &word) || try_lock_found(mutex, word);
}

static ROUSE__COLD int lock_slow(rouse_mutex *mutex, rouse_wait *wait, int64_t deadline_ns) {
  if (rouse__deadline_passed(deadline_ns)) return ROUSE_ETIMEDOUT;
  return rouse__queue_wait(&mutex->queue, wait, ROUSE__KIND_MUTEX, deadline_ns);
}

int rouse_mutex_lock_start(rouse_mutex *mutex, rouse_wait *wait, int64_t deadline_ns) {
  if (rouse_mutex_try_lock(mutex)) return ROUSE_DONE;
  return lock_slow(mutex, wait, deadline_ns);
}

static ROUSE__COLD int lock_blocking(rouse_mutex *mutex, int64_t deadline_ns) {
  struct rouse__blocked blocked;
  int refused = rouse__block_begin(&blocked);
  if (refused) return refused;
  return rouse__block_end(&blocked, lock_slow(mutex, &blocked.wait, deadline_ns));
}

// Out of line and last, so that the fast path needs no stack frame.
static __attribute__((noinline)) int lock_contended(rouse_mutex *mutex, int64_t deadline_ns) {
  rouse__inline_budget_use();
  return try_lock(mutex) ? ROUSE_DONE : lock_blocking(mutex, deadline_ns);
}

// The guess failed without having to wait for the budget: the word is known.
static __attribute__((noinline)) int lock_found(rouse_mutex *mutex, uint64_t word,
                                                int64_t deadline_ns) {
  return try_lock_found(mutex, word) ? ROUSE_DONE : lock_blocking(mutex, deadline_ns);
}

int rouse_mutex_lock_until(rouse_mutex *mutex, int64_t deadline_ns) {
  if (ROUSE__UNLIKELY(!rouse__inline_budget_left())) return lock_contended(mutex, deadline_ns);
  uint64_t word;
  if (ROUSE__LIKELY(try_lock_free(mutex, &word))) return ROUSE_DONE;
  return lock_found(mutex, word, deadline_ns);
}

int rouse_mutex_lock(rouse_mutex *mutex) { return rouse_mutex_lock_until(mutex, ROUSE_FOREVER); }

static __attribute__((noinline)) void unlock_found(rouse_mutex *mutex, uint64_t word) {
  uint64_t unlocked;
  bool run;
  do {
    ROUSE__ASSERT(word & LOCKED, "rouse_mutex_unlock: the mutex is not locked");
    run = (word & (ROUSE__QUEUED | ROUSE__NUDGED | ROUSE__BUSY)) == ROUSE__QUEUED;
    unlocked = (word & ~(uint64_t)LOCKED) | (run ? ROUSE__BUSY : 0);
    // ORDER(give): release, what we did under the lock. ORDER(list): acquire, the list, if we
    // combine.
  } while (!cas_acq_rel(&mutex->queue.word, &word, unlocked));
  if (run) rouse__queue_run(&mutex->queue, word, unlocked, ROUSE__KIND_MUTEX);
}

// No guess: what was done under the lock has come between, and a wrong one would cost each unlock
// of a queued mutex an RMW.
void rouse_mutex_unlock(rouse_mutex *mutex) {
  uint64_t word = load_relaxed(&mutex->queue.word);  // RELAXED: the CAS validates it
  if (ROUSE__LIKELY(word == LOCKED)) {
    // ORDER(give): release, what we did under the lock.
    if (ROUSE__LIKELY(cas_release(&mutex->queue.word, &word, 0))) return;
  }
  unlock_found(mutex, word);
}

bool rouse_mutex_is_locked(const rouse_mutex *mutex) {
  return load_relaxed(&mutex->queue.word) & LOCKED;  // RELAXED: a snapshot
}
