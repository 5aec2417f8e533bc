// A waker under the test's control, for white-box tests of the sync core: what it is handed lies on
// a list until the test delivers it. The combiner's role is taken by hand, so that every other
// caller has to go by mail.
#ifndef ROUSE_TESTS_FAKE_WAKER_H
#define ROUSE_TESTS_FAKE_WAKER_H

#include "check.h"
#include "sync/queue.h"

typedef struct fake_waker {
  struct rouse__waker waker;
  rouse_wait *first, *last;
  int wake_calls;  // how often it was handed a chain
  int arrivals;    // how many waits and nudges that were, all told
  int armed;       // deadlines
} fake_waker;

void fake_waker_init(fake_waker *waker);
// Delivers the oldest arrival: true if it was a completion, false for a nudge. There must be one.
bool fake_waker_deliver_one(fake_waker *waker);
// Delivers all, and what arrives meanwhile. How many completions that were.
int fake_waker_deliver(fake_waker *waker);

typedef struct fake_wait {
  rouse_wait wait;
  int completed;
  int result;
  int order;
  int *counter;
} fake_wait;
// Completions are numbered by |counter| (NULL: not numbered).
void fake_wait_init(fake_wait *wait, fake_waker *waker, int *counter);

// The word of |queue|.
uint64_t queue_word(const struct rouse__queue *queue);
// The flags of it.
unsigned queue_flags(const struct rouse__queue *queue);
// Takes the combiner's role, as a thread would that is then descheduled. The word before.
uint64_t queue_hold(struct rouse__queue *queue);
// Does the combiner's work and leaves.
void queue_let_go(struct rouse__queue *queue, uint64_t before, enum rouse__kind kind);
// Leaves as a combiner does that others have kept for too long. There must be no mail.
void queue_let_go_without_budget(struct rouse__queue *queue, uint64_t before,
                                 enum rouse__kind kind);
// Nobody combines: no mail is left, and QUEUED says whether the list is empty (INV-1).
void queue_check_quiet(const struct rouse__queue *queue);
// The references a wait has, and why it was asked to leave.
unsigned wait_references(const rouse_wait *wait);
unsigned wait_reasons(const rouse_wait *wait);

#endif
