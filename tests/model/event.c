// Programs about the event.
#include <rouse/event.h>

#include "loop.h"
#include "sync/queue.h"

static struct {
  rouse_event *event;
  struct model_loop *here, *there;
  struct model_wait *a, *b, *c, *d;
  int *data;
} s;

static void setup(rouse_event_mode mode) {
  s.event = model_new(sizeof *s.event, "event");
  if (mode != ROUSE_EVENT_MANUAL) rouse_event_init(s.event, mode, false);  // all-zero: manual
  s.here = model_loop_new("here");
  s.there = model_loop_new("there");
  s.a = model_wait_new(s.here, "a");
  s.b = model_wait_new(s.here, "b");
  s.c = model_wait_new(s.there, "c");
  s.d = model_wait_new(s.there, "d");
  s.data = model_new(sizeof *s.data, "data");
}
static int start(struct model_wait *wait) {
  return rouse_event_wait_start(s.event, &wait->wait, ROUSE_FOREVER);
}
static void check_quiet(bool set) {
  MODEL_CHECK(!(s.event->queue.word.raw & 31) && !s.event->queue.head && !s.event->queue.inbox.raw);
  MODEL_CHECK(rouse_event_is_set(s.event) == set);
  MODEL_CHECK(rouse_event_waiter_count(s.event) == 0);
}
static void cancel(void *wait) { rouse_wait_cancel(&((struct model_wait *)wait)->wait); }
static void set(void *unused) {
  (void)unused;
  *s.data = 42;
  rouse_event_set(s.event);
}
static void set_quietly(void *unused) {
  (void)unused;
  rouse_event_set(s.event);
}
static void wait_there(void *wait) {
  struct model_wait *self = wait;
  MODEL_CHECK(model_finish(self, start(self)) == ROUSE_DONE);
}

// --- automatic reset -----------------------------------------------------------------------------

static void two_sets_wake_two(void) {
  setup(ROUSE_EVENT_AUTO);
  int a = start(s.a), b = start(s.b);
  MODEL_CHECK(rouse_event_waiter_count(s.event) == 2);
  int one = model_go(set_quietly, NULL), two = model_go(set_quietly, NULL);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  MODEL_CHECK(model_finish(s.b, b) == ROUSE_DONE);
  model_join(one);
  model_join(two);
  check_quiet(false);
  model_free(s.event);
}

static void set_against_cancel_of_the_only_waiter(void) {
  setup(ROUSE_EVENT_AUTO);
  int a = start(s.a);
  int setter = model_go(set, NULL), canceller = model_go(cancel, s.a);
  model_join(canceller);
  a = model_finish(s.a, a);
  if (a == ROUSE_DONE) MODEL_CHECK(*s.data == 42);
  model_join(setter);
  check_quiet(a != ROUSE_DONE);
}

static void set_cancel_and_a_newcomer(void) {
  setup(ROUSE_EVENT_AUTO);
  int a = start(s.a);
  int setter = model_go(set_quietly, NULL), canceller = model_go(cancel, s.a);
  int b = start(s.b);
  model_join(setter);
  model_join(canceller);
  a = model_finish(s.a, a);
  if (a == ROUSE_DONE && b != ROUSE_DONE) {  // the only set is spent
    rouse_event_set(s.event);
    MODEL_CHECK(model_finish(s.b, b) == ROUSE_DONE);
    check_quiet(false);
  } else {
    MODEL_CHECK(a != ROUSE_DONE);
    MODEL_CHECK(model_finish(s.b, b) == ROUSE_DONE);
    check_quiet(false);
  }
}

// Three sets against one waiter that stays and one that leaves: one wakes the first, the others
// collapse.
static void set_thrice(void *unused) {
  (void)unused;
  for (int i = 0; i < 3; i++) rouse_event_set(s.event);
  int c = start(s.c), d = start(s.d);
  MODEL_CHECK(model_finish(s.c, c) == ROUSE_DONE);
  MODEL_CHECK(d == ROUSE_PENDING && !s.d->completions);
}
static void sets_before_a_waiter_collapse_into_one(void) {
  setup(ROUSE_EVENT_AUTO);
  int gone = start(s.b), a = start(s.a);
  cancel(s.b);
  MODEL_CHECK(model_finish(s.b, gone) == ROUSE_ECANCELED);
  int setter = model_go(set_thrice, NULL), canceller = model_go(cancel, s.a);
  model_join(setter);
  model_join(canceller);
  a = model_finish(s.a, a);
  MODEL_CHECK(a == ROUSE_DONE || a == ROUSE_ECANCELED);
  rouse_event_set(s.event);
  MODEL_CHECK(model_finish(s.d, ROUSE_PENDING) == ROUSE_DONE);
  check_quiet(false);
}

static void the_woken_may_free_automatic(void) {
  setup(ROUSE_EVENT_AUTO);
  model_go(set, NULL);
  MODEL_CHECK(model_finish(s.a, start(s.a)) == ROUSE_DONE);
  MODEL_CHECK(*s.data == 42);
  model_free(s.event);
}

static void a_set_event_is_taken_once(void) {
  setup(ROUSE_EVENT_AUTO);
  int waiter = model_go(wait_there, s.c), setter = model_go(set_quietly, NULL);
  bool took = rouse_event_try_wait(s.event);
  if (took) rouse_event_set(s.event);
  model_join(waiter);
  model_join(setter);
  check_quiet(false);
}

// White box: a word without SET whose count is 2 means that the second set was taken.
static void set_reset_set(void *unused) {
  (void)unused;
  rouse_event_set(s.event);
  rouse_event_reset(s.event);
  *s.data = 42;
  rouse_event_set(s.event);
}
static void a_taken_set_brings_its_data(void) {
  setup(ROUSE_EVENT_AUTO);
  int setter = model_go(set_reset_set, NULL);
  if (rouse_event_try_wait(s.event)) {
    uint64_t word = load_relaxed(&s.event->queue.word) >> ROUSE__WORD_SHIFT;
    if (word == 2 << 1) MODEL_CHECK(*s.data == 42);
  }
  model_join(setter);
}

static void reset_against_set(void) {
  setup(ROUSE_EVENT_AUTO);
  int a = start(s.a);
  int setter = model_go(set, NULL);
  rouse_event_reset(s.event);  // can't take back what a waiter was there to get
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  MODEL_CHECK(*s.data == 42);
  model_join(setter);
  check_quiet(false);
}

// --- manual reset --------------------------------------------------------------------------------

static void a_set_releases_all(void) {
  setup(ROUSE_EVENT_MANUAL);
  int a = start(s.a), setter = model_go(set, NULL), waiter = model_go(wait_there, s.c);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  MODEL_CHECK(*s.data == 42);
  model_join(waiter);
  model_join(setter);
  check_quiet(true);
}

static void the_woken_may_free_manual(void) {
  setup(ROUSE_EVENT_MANUAL);
  model_go(set, NULL);
  MODEL_CHECK(model_finish(s.a, start(s.a)) == ROUSE_DONE);
  MODEL_CHECK(*s.data == 42);
  model_free(s.event);
}

static void pulse_then_wait(void *unused) {
  (void)unused;
  rouse_event_set(s.event);
  rouse_event_reset(s.event);
  int c = start(s.c);
  MODEL_CHECK(c == ROUSE_PENDING && !s.c->completions);
}
static void a_pulse_releases_the_old_and_not_the_new(void) {
  setup(ROUSE_EVENT_MANUAL);
  int a = start(s.a), b = start(s.b);
  int pulser = model_go(pulse_then_wait, NULL), canceller = model_go(cancel, s.b);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  model_join(canceller);
  b = model_finish(s.b, b);
  MODEL_CHECK(b == ROUSE_DONE || b == ROUSE_ECANCELED);
  model_join(pulser);
  MODEL_CHECK(!s.there->inbox);
  rouse_event_set(s.event);
  MODEL_CHECK(model_finish(s.c, ROUSE_PENDING) == ROUSE_DONE);
  check_quiet(true);
}

static void cancel_against_set(void) {
  setup(ROUSE_EVENT_MANUAL);
  int a = start(s.a);
  int setter = model_go(set, NULL), canceller = model_go(cancel, s.a);
  model_join(canceller);
  a = model_finish(s.a, a);
  MODEL_CHECK(a == ROUSE_ECANCELED || (a == ROUSE_DONE && *s.data == 42));
  model_join(setter);
  check_quiet(true);
}

static void is_set_happens_after_the_set(void) {
  setup(ROUSE_EVENT_MANUAL);
  int setter = model_go(set, NULL);
  if (rouse_event_is_set(s.event)) MODEL_CHECK(*s.data == 42);
  if (rouse_event_try_wait(s.event)) MODEL_CHECK(*s.data == 42);
  model_join(setter);
  check_quiet(true);
}

static void a_wait_is_reusable_at_once(void) {
  setup(ROUSE_EVENT_AUTO);
  int b = start(s.b);
  int setter = model_go(set_quietly, NULL), canceller = model_go(cancel, s.b);
  model_join(canceller);
  b = model_finish(s.b, b);
  int again = start(s.b);
  if (b == ROUSE_DONE) rouse_event_set(s.event);
  MODEL_CHECK(model_finish(s.b, again) == ROUSE_DONE);
  model_join(setter);
  check_quiet(false);
}

const struct model_program model_event_programs[] = {
    MODEL_ENTRY(two_sets_wake_two, 0),
    MODEL_ENTRY(set_against_cancel_of_the_only_waiter, 0),
    MODEL_ENTRY(set_cancel_and_a_newcomer, 0),
    MODEL_ENTRY(sets_before_a_waiter_collapse_into_one, 0),
    MODEL_ENTRY(the_woken_may_free_automatic, 0),
    MODEL_ENTRY(a_set_event_is_taken_once, 0),
    MODEL_ENTRY(a_taken_set_brings_its_data, 0),
    MODEL_ENTRY(reset_against_set, 0),
    MODEL_ENTRY(a_set_releases_all, 0),
    MODEL_ENTRY(the_woken_may_free_manual, 0),
    MODEL_ENTRY(a_pulse_releases_the_old_and_not_the_new, 0),
    MODEL_ENTRY(cancel_against_set, 0),
    MODEL_ENTRY(is_set_happens_after_the_set, 0),
    MODEL_ENTRY(a_wait_is_reusable_at_once, 0),
    {NULL, NULL, 0},
};
