// Programs about the waitqueue.
#include <rouse/waitqueue.h>

#include "loop.h"

static struct {
  rouse_waitqueue *queue;
  rouse__atomic32 *flag;
  struct model_loop *here, *there;
  struct model_wait *a, *b, *c, *d;
  int *data;
} s;

static void setup(void) {
  s.queue = model_new(sizeof *s.queue, "queue");
  s.flag = model_new(sizeof *s.flag, "flag");
  s.here = model_loop_new("here");
  s.there = model_loop_new("there");
  s.a = model_wait_new(s.here, "a");
  s.b = model_wait_new(s.here, "b");
  s.c = model_wait_new(s.there, "c");
  s.d = model_wait_new(s.there, "d");
  s.data = model_new(sizeof *s.data, "data");
}
static int start(struct model_wait *wait, rouse_condition_fn *condition) {
  return rouse_waitqueue_wait_if_start(s.queue, &wait->wait, condition, NULL, ROUSE_FOREVER);
}
static void check_quiet(void) {
  MODEL_CHECK(!(s.queue->queue.word.raw & 31) && !s.queue->queue.head && !s.queue->queue.inbox.raw);
  MODEL_CHECK(rouse_waitqueue_count(s.queue) == 0);
}
static bool unset(void *unused) {
  (void)unused;
  return !load_relaxed(s.flag);
}
static void cancel(void *wait) { rouse_wait_cancel(&((struct model_wait *)wait)->wait); }
static void wake_one(void *unused) {
  (void)unused;
  rouse_waitqueue_wake_one(s.queue);
}
static void wake_all(void *unused) {
  (void)unused;
  rouse_waitqueue_wake_all(s.queue);
}

// Waits until the flag is set; every end of a wait finds it set, for it is set before any wake.
static void wait_for_flag(void *wait) {
  struct model_wait *self = wait;
  int result = model_finish(self, start(self, unset));
  MODEL_CHECK(result == ROUSE_DONE || result == ROUSE_EAGAIN);
  MODEL_CHECK(load_relaxed(s.flag));
  if (result == ROUSE_DONE) MODEL_CHECK(*s.data == 42);
}
static void set_and_wake_one(void *unused) {
  (void)unused;
  *s.data = 42;
  store_relaxed(s.flag, 1);
  rouse_waitqueue_wake_one(s.queue);
}
static void set_and_wake_all(void *unused) {
  (void)unused;
  *s.data = 42;
  store_relaxed(s.flag, 1);
  rouse_waitqueue_wake_all(s.queue);
}
static void set_and_wake_two(void *unused) {
  (void)unused;
  *s.data = 42;
  store_relaxed(s.flag, 1);
  rouse_waitqueue_wake(s.queue, 2);
}
static void no_wake_is_lost(void) {
  setup();
  int setter = model_go(set_and_wake_one, NULL);
  wait_for_flag(s.a);
  model_join(setter);
  check_quiet();
}
static void no_wake_is_lost_on_two(void) {
  setup();
  int setter = model_go(set_and_wake_all, NULL), waiter = model_go(wait_for_flag, s.c);
  wait_for_flag(s.a);
  model_join(setter);
  model_join(waiter);
  check_quiet();
}
static void no_wake_is_lost_beside_a_cancel(void) {
  setup();
  int b = start(s.b, NULL);
  int canceller = model_go(cancel, s.b), setter = model_go(set_and_wake_all, NULL);
  wait_for_flag(s.a);
  model_join(canceller);
  model_join(setter);
  b = model_finish(s.b, b);
  MODEL_CHECK(b == ROUSE_DONE || b == ROUSE_ECANCELED);
  check_quiet();
}

static void no_counted_wake_is_lost_beside_a_cancel(void) {
  setup();
  int b = start(s.b, NULL);
  int canceller = model_go(cancel, s.b), setter = model_go(set_and_wake_two, NULL);
  wait_for_flag(s.a);
  model_join(canceller);
  model_join(setter);
  b = model_finish(s.b, b);
  MODEL_CHECK(b == ROUSE_DONE || b == ROUSE_ECANCELED);
  check_quiet();
}

static void a_wake_against_a_cancel_reaches_one(void) {
  setup();
  int a = start(s.a, NULL), b = start(s.b, NULL);
  int waker = model_go(wake_one, NULL), canceller = model_go(cancel, s.a);
  model_join(canceller);
  a = model_finish(s.a, a);
  if (a == ROUSE_DONE) {
    model_join(waker);
    MODEL_CHECK(rouse_waitqueue_count(s.queue) == 1);
    rouse_waitqueue_wake_one(s.queue);
  }
  MODEL_CHECK(model_finish(s.b, b) == ROUSE_DONE);
  model_join(waker);
  check_quiet();
}

// Two wakes and a cancel for two waiters: one may be left over, and must not reach who comes later.
static void wake_one_twice(void *unused) {
  (void)unused;
  rouse_waitqueue_wake_one(s.queue);
  rouse_waitqueue_wake_one(s.queue);
  MODEL_CHECK(start(s.c, NULL) == ROUSE_PENDING);
}
static void a_wake_is_not_stolen_by_a_later_waiter(void) {
  setup();
  int a = start(s.a, NULL), b = start(s.b, NULL);
  int waker = model_go(wake_one_twice, NULL), canceller = model_go(cancel, s.a);
  model_join(canceller);
  a = model_finish(s.a, a);
  MODEL_CHECK(a == ROUSE_DONE || a == ROUSE_ECANCELED);
  MODEL_CHECK(model_finish(s.b, b) == ROUSE_DONE);
  model_join(waker);
  MODEL_CHECK(!s.there->inbox);
  rouse_waitqueue_wake_one(s.queue);
  MODEL_CHECK(model_finish(s.c, ROUSE_PENDING) == ROUSE_DONE);
  check_quiet();
}

static void wake_all_wakes_each_once(void) {
  setup();
  int a = start(s.a, NULL), b = start(s.b, NULL);
  int waker = model_go(wake_all, NULL), canceller = model_go(cancel, s.b);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  int again = start(s.a, NULL);  // the same wake does not reach it again
  model_join(waker);
  model_join(canceller);
  b = model_finish(s.b, b);
  MODEL_CHECK(b == ROUSE_DONE || b == ROUSE_ECANCELED);
  MODEL_CHECK(again == ROUSE_PENDING && !s.a->completions && !s.here->inbox);
  rouse_waitqueue_wake(s.queue, 5);
  MODEL_CHECK(model_finish(s.a, again) == ROUSE_DONE);
  check_quiet();
}

static void wake_two(void *unused) {
  (void)unused;
  rouse_waitqueue_wake(s.queue, 2);
}
static void wake_n_wakes_the_oldest_n(void) {
  setup();
  struct model_wait *third = model_wait_new(s.here, "third");
  int a = start(s.a, NULL), b = start(s.b, NULL), t = start(third, NULL);
  int waker = model_go(wake_two, NULL), other = model_go(wake_one, NULL);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  MODEL_CHECK(model_finish(s.b, b) == ROUSE_DONE);
  MODEL_CHECK(model_finish(third, t) == ROUSE_DONE);
  model_join(waker);
  model_join(other);
  check_quiet();
}

static void the_woken_may_free(void) {
  setup();
  int a = start(s.a, NULL);
  model_go(set_and_wake_one, NULL);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  MODEL_CHECK(*s.data == 42);
  model_free(s.queue);
}

const struct model_program model_waitqueue_programs[] = {
    MODEL_ENTRY(no_wake_is_lost, 0),
    MODEL_ENTRY(no_wake_is_lost_on_two, 0),
    MODEL_ENTRY(no_wake_is_lost_beside_a_cancel, 0),
    MODEL_ENTRY(no_counted_wake_is_lost_beside_a_cancel, 0),
    MODEL_ENTRY(a_wake_against_a_cancel_reaches_one, 0),
    MODEL_ENTRY(a_wake_is_not_stolen_by_a_later_waiter, 0),
    MODEL_ENTRY(wake_all_wakes_each_once, 0),
    MODEL_ENTRY(wake_n_wakes_the_oldest_n, 0),
    MODEL_ENTRY(the_woken_may_free, 0),
    {NULL, NULL, 0},
};
