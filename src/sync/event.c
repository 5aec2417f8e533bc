// The event, manual-reset and automatic.
//
//   word   | sets made : 57 | SET | flags |      POLICY: automatic reset (the default is manual)
//
//   SET   manual: the event is set. Automatic, nobody combining: one set is remembered.
//         Automatic, while somebody combines: there was a set since the last reset.
//         A fact of the newest word, never summed up: derived.
//
// A set is a number: the count is raised by every set. A waiter notes the count, and SET, as it
// arrives.
// Manual: a waiter is released by any set that is younger than what it noted. So a pulse (set,
// reset) reaches everybody who came before it, whoever combines when.
// Automatic: a set is spent on at most one waiter. Sets from before a waiter's arrival that are
// still unspent then collapse into one, which is what a flag does; later ones count singly. So two
// sets on two queued waiters wake both, though a combiner may see them in one word. What a pass
// leaves unspent stays as SET if nobody is queued. If the pass ran out of budget with waiters
// queued, it is written down in |owed|.
#include <rouse/event.h>

#include "sync/queue.h"

enum { SET = 1 << ROUSE__WORD_SHIFT, SETS_SHIFT = ROUSE__WORD_SHIFT + 1 };
static const uint64_t ONE_SET = UINT64_C(1) << SETS_SHIFT;

// What a waiter notes, and the bits of the word it is compared with: the count over SET.
static uint64_t noted(uint64_t word) { return word >> ROUSE__WORD_SHIFT; }

// How far count |now| is ahead of |then|; the counts are those of noted(), without SET.
static int64_t ahead(uint64_t now, uint64_t then) {
  return (int64_t)((now - then) << SETS_SHIFT) >> SETS_SHIFT;
}

static void note_waiters(rouse_event *event, struct rouse__pass *pass) {
  if (!pass->joined) return;
  uint32_t waiters = load_relaxed(&event->waiters);  // RELAXED: written by combiners only
  store_relaxed(&event->waiters, waiters + (uint32_t)pass->joined);  // RELAXED: a snapshot
  pass->joined = 0;
}

static uint64_t match_manual(rouse_event *event, uint64_t word, struct rouse__pass *pass) {
  struct rouse__queue *queue = &event->queue;
  rouse_wait *head;
  while ((head = queue->head)) {
    // Not "or SET": our copy of the word may be older than a reset that the head came after. A
    // waiter queues only after it saw SET clear, so every set that is meant for it has raised the
    // count.
    if (ahead(word >> SETS_SHIFT, head->demand >> 1) <= 0) break;
    if (pass->budget <= 0) {
      rouse__queue_nudge(pass, head);
      break;
    }
    rouse__queue_grant(queue, pass, head);
  }
  note_waiters(event, pass);
  return word;
}

// pass->before becomes, at the first try, the number of the last set that is spent.
static uint64_t match_automatic(rouse_event *event, uint64_t word, struct rouse__pass *pass) {
  struct rouse__queue *queue = &event->queue;
  const uint64_t made = word >> SETS_SHIFT;
  if (pass->first) {
    pass->before = (pass->before >> SETS_SHIFT) - !!(pass->before & SET) - event->owed;
  }
  uint64_t spent = pass->before;
  event->owed = 0;
  rouse_wait *head;
  while ((head = queue->head) && ahead(made, spent) > 0) {
    uint64_t then = head->demand >> 1;
    if (ahead(then, made) > 0) break;  // our word is the older one: the exit will fail
    bool collapsed = ahead(then, spent) > 0;
    uint64_t last = collapsed ? then : spent;  // the last set that is not for this waiter alone
    if (!(collapsed && (head->demand & 1))) {
      if (ahead(made, last) <= 0) break;
      last++;
    }
    if (pass->budget <= 0) {
      uint64_t unspent = (uint64_t)ahead(made, spent);
      event->owed = unspent > UINT32_MAX ? UINT32_MAX : (uint32_t)unspent;
      rouse__queue_nudge(pass, head);
      break;
    }
    rouse__queue_grant(queue, pass, head);
    spent = last;
  }
  pass->before = spent;
  note_waiters(event, pass);
  bool left = !queue->head && ahead(made, spent) > 0;
  return left ? word : word & ~(uint64_t)SET;
}

static uint64_t match(struct rouse__queue *queue, uint64_t word, struct rouse__pass *pass) {
  rouse_event *event = ROUSE__CONTAINER(queue, rouse_event, queue);
  return word & ROUSE__POLICY ? match_automatic(event, word, pass)
                              : match_manual(event, word, pass);
}

const struct rouse__queue_kind rouse__event_kind = {.match = match, .derived = SET};

int rouse_event_init(rouse_event *event, rouse_event_mode mode, bool set) {
  if ((unsigned)mode > ROUSE_EVENT_AUTO) return ROUSE_EINVAL;
  uint64_t bits = mode == ROUSE_EVENT_AUTO ? ROUSE__POLICY : 0;
  rouse__queue_init(&event->queue, bits | (set ? ONE_SET | SET : 0));
  store_relaxed(&event->waiters, 0);  // RELAXED: not shared yet
  event->owed = 0;
  return ROUSE_DONE;
}

void rouse_event_set(rouse_event *event) {
  uint64_t word = load_relaxed(&event->queue.word), with;  // RELAXED: the CAS validates it
  bool run;
  do {
    with = (word + ONE_SET) | SET;
    run = (word & (ROUSE__BUSY | ROUSE__QUEUED)) == ROUSE__QUEUED;
    if (run) with |= ROUSE__BUSY;
    // ORDER(give): release, what we did before. ORDER(list): acquire, the list, if we combine.
  } while (!cas_acq_rel(&event->queue.word, &word, with));
  if (run) rouse__queue_run(&event->queue, word, with, ROUSE__KIND_EVENT);
}

void rouse_event_reset(rouse_event *event) {
  uint64_t word = load_relaxed(&event->queue.word);  // RELAXED: the CAS validates it
  while (word & SET) {
    // ORDER(give): acquire, what was done before the set that this takes back.
    if (cas_acquire(&event->queue.word, &word, word & ~(uint64_t)SET)) return;
  }
}

bool rouse_event_is_set(const rouse_event *event) {
  // ORDER(give): acquire, what was done before the set.
  return load_acquire(&event->queue.word) & SET;
}

// Takes the event if it is set; else leaves in |*word| the word under which it was not.
static inline bool try_wait(rouse_event *event, uint64_t *word) {
  // ORDER(give): acquire, what was done before the set.
  *word = load_acquire(&event->queue.word);
  while (*word & SET) {
    if (!(*word & ROUSE__POLICY)) return true;
    if (*word & ROUSE__BUSY) return false;
    // ORDER(give): acquire, what was done before the set.
    if (cas_acquire(&event->queue.word, word, *word & ~(uint64_t)SET)) return true;
  }
  return false;
}

bool rouse_event_try_wait(rouse_event *event) {
  uint64_t word;
  return try_wait(event, &word);
}

static ROUSE__COLD int wait_slow(rouse_event *event, rouse_wait *wait, uint64_t word,
                                 int64_t deadline_ns) {
  if (rouse__deadline_passed(deadline_ns)) return ROUSE_ETIMEDOUT;
  wait->demand = noted(word);
  return rouse__queue_wait(&event->queue, wait, ROUSE__KIND_EVENT, deadline_ns);
}

int rouse_event_wait_start(rouse_event *event, rouse_wait *wait, int64_t deadline_ns) {
  uint64_t word;
  if (try_wait(event, &word)) return ROUSE_DONE;
  return wait_slow(event, wait, word, deadline_ns);
}

static ROUSE__COLD int wait_blocking(rouse_event *event, uint64_t word, int64_t deadline_ns) {
  struct rouse__blocked blocked;
  int refused = rouse__block_begin(&blocked);
  if (refused) return refused;
  return rouse__block_end(&blocked, wait_slow(event, &blocked.wait, word, deadline_ns));
}

int rouse_event_wait_until(rouse_event *event, int64_t deadline_ns) {
  uint64_t word;
  rouse__inline_budget_use();
  if (ROUSE__UNLIKELY(!try_wait(event, &word))) return wait_blocking(event, word, deadline_ns);
  return ROUSE_DONE;
}

int rouse_event_wait(rouse_event *event) { return rouse_event_wait_until(event, ROUSE_FOREVER); }

uint32_t rouse_event_waiter_count(const rouse_event *event) {
  return load_relaxed(&event->waiters);  // RELAXED: a snapshot
}
