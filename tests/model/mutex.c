// Programs about the mutex.
#include <rouse/mutex.h>

#include "loop.h"
#include "sync/queue.h"

static struct {
  rouse_mutex *mutex;
  struct model_loop *here, *there, *beyond;  // of thread 0, of two others
  struct model_wait *a, *b, *c, *d;
  int *data;
} s;

static void setup(rouse_policy policy) {
  s.mutex = model_new(sizeof *s.mutex, "mutex");
  if (policy != ROUSE_EVENTUAL) rouse_mutex_init(s.mutex, policy);  // all-zero is an EVENTUAL mutex
  s.here = model_loop_new("here");
  s.there = model_loop_new("there");
  s.beyond = model_loop_new("beyond");
  s.a = model_wait_new(s.here, "a");
  s.b = model_wait_new(s.here, "b");
  s.c = model_wait_new(s.there, "c");
  s.d = model_wait_new(s.beyond, "d");
  s.data = model_new(sizeof *s.data, "data");
}
static int start(struct model_wait *wait) {
  return rouse_mutex_lock_start(s.mutex, &wait->wait, ROUSE_FOREVER);
}
static void lock(struct model_wait *wait) {
  MODEL_CHECK(model_finish(wait, start(wait)) == ROUSE_DONE);
}
static void check_quiet(void) {
  MODEL_CHECK(!(s.mutex->queue.word.raw & 31) && !s.mutex->queue.head && !s.mutex->queue.inbox.raw);
  MODEL_CHECK(!rouse_mutex_is_locked(s.mutex));
}
static void cancel(void *wait) { rouse_wait_cancel(&((struct model_wait *)wait)->wait); }
static void unlock(void *unused) {
  (void)unused;
  ++*s.data;
  rouse_mutex_unlock(s.mutex);
}
static void hold(rouse_policy policy) {
  setup(policy);
  MODEL_CHECK(rouse_mutex_try_lock(s.mutex));
}

// The refcount under the mutex: whoever finds itself the last frees it right after its own unlock.
static void visit(struct model_wait *wait, int last_visit) {
  lock(wait);
  bool last = ++*s.data == last_visit;
  rouse_mutex_unlock(s.mutex);
  if (last) model_free(s.mutex);
}
static void visit_of_two(void *wait) { visit(wait, 2); }
static void visit_of_three(void *wait) { visit(wait, 3); }
static void the_last_of_two_frees(rouse_policy policy) {
  setup(policy);
  model_go(visit_of_two, s.c);
  visit(s.a, 2);
}
MODEL_BOTH(the_last_of_two_frees)
static void the_last_of_three_frees(rouse_policy policy) {
  setup(policy);
  model_go(visit_of_three, s.c);
  model_go(visit_of_three, s.d);
  visit(s.a, 3);
}
MODEL_BOTH(the_last_of_three_frees)

static void unlock_against_cancel_of_the_head(rouse_policy policy) {
  hold(policy);
  int a = start(s.a), b = start(s.b);
  int canceller = model_go(cancel, s.a), unlocker = model_go(unlock, NULL);
  model_join(canceller);
  a = model_finish(s.a, a);
  if (a == ROUSE_DONE) {
    MODEL_CHECK(*s.data == 1);
    unlock(NULL);
  }
  MODEL_CHECK(model_finish(s.b, b) == ROUSE_DONE);
  MODEL_CHECK(*s.data == (a == ROUSE_DONE ? 2 : 1));
  rouse_mutex_unlock(s.mutex);
  check_quiet();
  model_free(s.mutex);
  model_join(unlocker);
}
MODEL_BOTH(unlock_against_cancel_of_the_head)

// The head's loop does not run until the next one is served.
static void lock_and_unlock(void *wait) {
  lock(wait);
  ++*s.data;
  rouse_mutex_unlock(s.mutex);
}
static void a_cancelled_head_strands_nobody(void) {
  hold(ROUSE_EVENTUAL);
  int a = start(s.a);
  int waiter = model_go(lock_and_unlock, s.c), unlocker = model_go(unlock, NULL);
  cancel(s.a);
  model_join(waiter);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_ECANCELED);
  model_join(unlocker);
  check_quiet();
}

static void a_newcomer_and_the_head_each_get_it_once(rouse_policy policy) {
  hold(policy);
  int a = start(s.a);
  model_go(unlock, NULL);
  model_go(visit_of_three, s.c);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  bool last = ++*s.data == 3;
  rouse_mutex_unlock(s.mutex);
  if (last) model_free(s.mutex);
}
MODEL_BOTH(a_newcomer_and_the_head_each_get_it_once)

static void try_once(void *unused) {
  (void)unused;
  if (!rouse_mutex_try_lock(s.mutex)) return;
  unlock(NULL);
}
static void unlock_cancel_and_barger_leave_it_free(rouse_policy policy) {
  hold(policy);
  int a = start(s.a);
  int unlocker = model_go(unlock, NULL), canceller = model_go(cancel, s.a);
  int barger = model_go(try_once, NULL);
  model_join(canceller);
  if (model_finish(s.a, a) == ROUSE_DONE) unlock(NULL);
  model_join(unlocker);
  model_join(barger);
  check_quiet();
}
MODEL_BOTH(unlock_cancel_and_barger_leave_it_free)

static void unlock_and_barge(void *rounds) {
  unlock(NULL);
  for (uintptr_t i = 0; i < (uintptr_t)rounds; i++) try_once(NULL);
}
static void bargers_end_and_both_are_served(rouse_policy policy) {
  hold(policy);
  int a = start(s.a), b = start(s.b);
  int barger = model_go(unlock_and_barge, (void *)2);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  unlock(NULL);
  MODEL_CHECK(model_finish(s.b, b) == ROUSE_DONE);
  unlock(NULL);
  model_join(barger);
  check_quiet();
}
MODEL_BOTH(bargers_end_and_both_are_served)

static void bargers_and_cancel_strand_nobody(rouse_policy policy) {
  hold(policy);
  int a = start(s.a), b = start(s.b);
  int barger = model_go(unlock_and_barge, (void *)1), canceller = model_go(cancel, s.a);
  model_join(canceller);
  if (model_finish(s.a, a) == ROUSE_DONE) unlock(NULL);
  MODEL_CHECK(model_finish(s.b, b) == ROUSE_DONE);
  unlock(NULL);
  model_join(barger);
  check_quiet();
}
MODEL_BOTH(bargers_and_cancel_strand_nobody)

// A head that has lost its rounds is handed the mutex.
static void hand_over_after_the_rounds(void) {
  hold(ROUSE_EVENTUAL);
  int a = start(s.a);
  for (int round = 0; round < ROUSE__ROUNDS_MAX; round++) {
    rouse_mutex_unlock(s.mutex);
    MODEL_CHECK(rouse_mutex_try_lock(s.mutex));  // the head's nudge is out
    model_loop_run(s.here);
    MODEL_CHECK(!s.a->completions);
  }
  int other = model_go(try_once, NULL);
  rouse_mutex_unlock(s.mutex);
  MODEL_CHECK(!rouse_mutex_try_lock(s.mutex));
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  unlock(NULL);
  model_join(other);
  check_quiet();
}

// A head that has waited long enough is handed the mutex after one lost round.
static void hand_over_when_overdue(void) {
  hold(ROUSE_EVENTUAL);
  int a = start(s.a);
  rouse_mutex_unlock(s.mutex);
  MODEL_CHECK(rouse_mutex_try_lock(s.mutex));
  s.here->waker.now_ns += INT64_C(1000000) * 2;
  model_loop_run(s.here);
  MODEL_CHECK(!s.a->completions);
  rouse_mutex_unlock(s.mutex);
  MODEL_CHECK(!rouse_mutex_try_lock(s.mutex));
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  unlock(NULL);
  check_quiet();
}

static void cancel_and_deadline_of_one_wait(rouse_policy policy) {
  hold(policy);
  int a = start(s.a);
  int canceller = model_go(cancel, s.a), unlocker = model_go(unlock, NULL);
  rouse__wait_leave(&s.a->wait, ROUSE__CANCEL_ASKED | ROUSE__CANCEL_TIMEOUT);
  model_join(canceller);
  a = model_finish(s.a, a);
  MODEL_CHECK(a == ROUSE_DONE || a == ROUSE_ECANCELED || a == ROUSE_ETIMEDOUT);
  if (a == ROUSE_DONE) rouse_mutex_unlock(s.mutex);
  model_join(unlocker);
  check_quiet();
}
MODEL_BOTH(cancel_and_deadline_of_one_wait)

static void a_wait_is_reusable_at_once(rouse_policy policy) {
  setup(policy);
  int other = model_go(lock_and_unlock, s.c);
  for (int i = 0; i < 2; i++) {
    lock(s.a);
    ++*s.data;
    rouse_mutex_unlock(s.mutex);
  }
  model_join(other);
  MODEL_CHECK(*s.data == 3);
  check_quiet();
}
MODEL_BOTH(a_wait_is_reusable_at_once)

const struct model_program model_mutex_programs[] = {
    MODEL_ENTRIES(the_last_of_two_frees, 0),
    MODEL_ENTRIES(the_last_of_three_frees, 0),
    MODEL_ENTRIES(unlock_against_cancel_of_the_head, 0),
    MODEL_ENTRY(a_cancelled_head_strands_nobody, 0),
    MODEL_ENTRIES(a_newcomer_and_the_head_each_get_it_once, 0),
    MODEL_ENTRIES(unlock_cancel_and_barger_leave_it_free, 0),
    MODEL_ENTRIES(bargers_end_and_both_are_served, 0),
    MODEL_ENTRIES(bargers_and_cancel_strand_nobody, 0),
    MODEL_ENTRY(hand_over_after_the_rounds, 0),
    MODEL_ENTRY(hand_over_when_overdue, 0),
    MODEL_ENTRIES(cancel_and_deadline_of_one_wait, 0),
    MODEL_ENTRIES(a_wait_is_reusable_at_once, 0),
    {NULL, NULL, 0},
};
