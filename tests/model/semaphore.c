// Programs about the semaphore.
#include <rouse/semaphore.h>

#include "loop.h"

static struct {
  rouse_semaphore *semaphore;
  struct model_loop *here, *there;  // of thread 0, of another
  struct model_wait *a, *b, *c, *d;
  rouse__atomic32 *left;
  int *data;
} s;

static void setup(uint32_t permits, rouse_policy policy) {
  s.semaphore = model_new(sizeof *s.semaphore, "semaphore");
  rouse_semaphore_init(s.semaphore, permits, policy);
  s.here = model_loop_new("here");
  s.there = model_loop_new("there");
  s.a = model_wait_new(s.here, "a");
  s.b = model_wait_new(s.here, "b");
  s.c = model_wait_new(s.there, "c");
  s.d = model_wait_new(s.there, "d");
  s.left = model_new(sizeof *s.left, "left");
  s.data = model_new(sizeof *s.data, "data");
}
static int start(struct model_wait *wait, uint32_t permits) {
  return rouse_semaphore_acquire_start(s.semaphore, &wait->wait, permits, ROUSE_FOREVER);
}
static void check_quiet(int64_t permits) {
  uint64_t word = s.semaphore->queue.word.raw;
  MODEL_CHECK(!(word & 7) && !s.semaphore->queue.head && !s.semaphore->queue.inbox.raw);
  MODEL_CHECK(rouse_semaphore_available(s.semaphore) == permits);
}
static void free_if_last(void) {
  if (sub_acq_rel(s.left, 1) == 1) model_free(s.semaphore);
}

// Threads that take their argument from |amount|.
static void release(void *amount) {
  *s.data = 42;
  rouse_semaphore_release(s.semaphore, (uint32_t)(uintptr_t)amount);
}
static void release_quietly(void *amount) {
  rouse_semaphore_release(s.semaphore, (uint32_t)(uintptr_t)amount);
}
static void release_one_by_one(void *amount) {
  for (uintptr_t i = 0; i < (uintptr_t)amount; i++) rouse_semaphore_release(s.semaphore, 1);
}
static void cancel(void *wait) { rouse_wait_cancel(&((struct model_wait *)wait)->wait); }
static void close_it(void *unused) {
  (void)unused;
  rouse_semaphore_close(s.semaphore);
}
#define AMOUNT(n) ((void *)(uintptr_t)(n))

static void acquire_there_and_free(void *unused) {
  (void)unused;
  MODEL_CHECK(model_finish(s.c, start(s.c, 1)) == ROUSE_DONE);
  MODEL_CHECK(*s.data == 42);
  model_free(s.semaphore);
}
static void the_granted_may_free(rouse_policy policy) {
  setup(0, policy);
  model_go(acquire_there_and_free, NULL);
  release(AMOUNT(1));
}
MODEL_BOTH(the_granted_may_free)

static void acquire_there(void *unused) {
  (void)unused;
  MODEL_CHECK(model_finish(s.c, start(s.c, 1)) == ROUSE_DONE);
  free_if_last();
}
static void two_waiters_share_a_release(rouse_policy policy) {
  setup(0, policy);
  store_relaxed(s.left, 2);
  model_go(acquire_there, NULL);
  model_go(release, AMOUNT(2));
  MODEL_CHECK(model_finish(s.a, start(s.a, 1)) == ROUSE_DONE);
  MODEL_CHECK(*s.data == 42);
  free_if_last();
}
MODEL_BOTH(two_waiters_share_a_release)

static void cancel_against_grant_conserves_the_permit(rouse_policy policy) {
  setup(0, policy);
  int releaser = model_go(release, AMOUNT(1));
  int started = start(s.a, 1);
  if (started == ROUSE_PENDING) cancel(s.a);
  int result = model_finish(s.a, started);
  MODEL_CHECK(result == ROUSE_DONE || result == ROUSE_ECANCELED);
  if (result == ROUSE_DONE) MODEL_CHECK(*s.data == 42);
  model_join(releaser);
  check_quiet(result != ROUSE_DONE);
}
MODEL_BOTH(cancel_against_grant_conserves_the_permit)

static void cancel_of_a_big_head_lets_the_next_in(rouse_policy policy) {
  setup(1, policy);
  int a = start(s.a, 2), b = start(s.b, 1);
  MODEL_CHECK(a == ROUSE_PENDING);
  int canceller = model_go(cancel, s.a);
  b = model_finish(s.b, b);
  MODEL_CHECK(b == ROUSE_DONE);
  model_join(canceller);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_ECANCELED);
  check_quiet(0);
}
MODEL_BOTH(cancel_of_a_big_head_lets_the_next_in)

static void cancel_of_a_big_head_against_release(rouse_policy policy) {
  setup(0, policy);
  int a = start(s.a, 2), b = start(s.b, 1);
  int canceller = model_go(cancel, s.a), releaser = model_go(release, AMOUNT(1));
  model_join(canceller);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_ECANCELED);
  MODEL_CHECK(model_finish(s.b, b) == ROUSE_DONE);
  model_free(s.semaphore);
  model_join(releaser);
}
MODEL_BOTH(cancel_of_a_big_head_against_release)

static void close_against_acquire_and_release(rouse_policy policy) {
  setup(0, policy);
  int releaser = model_go(release, AMOUNT(1)), closer = model_go(close_it, NULL);
  int result = model_finish(s.a, start(s.a, 1));
  MODEL_CHECK(result == ROUSE_DONE || result == ROUSE_ECLOSED);
  MODEL_CHECK(result == ROUSE_ECLOSED || *s.data == 42);
  model_join(releaser);
  model_join(closer);
  MODEL_CHECK(start(s.b, 1) == ROUSE_ECLOSED);
  check_quiet(result != ROUSE_DONE);
}
MODEL_BOTH(close_against_acquire_and_release)

static void guard_there(void *unused) {
  (void)unused;
  MODEL_CHECK(model_finish(s.c, start(s.c, 1)) == ROUSE_DONE);
  if (++*s.data == 2) {
    model_free(s.semaphore);
  } else {
    rouse_semaphore_release(s.semaphore, 1);
  }
}
static void one_permit_guards_data(rouse_policy policy) {
  setup(1, policy);
  model_go(guard_there, NULL);
  MODEL_CHECK(model_finish(s.a, start(s.a, 1)) == ROUSE_DONE);
  if (++*s.data == 2) {
    model_free(s.semaphore);
  } else {
    rouse_semaphore_release(s.semaphore, 1);
  }
}
MODEL_BOTH(one_permit_guards_data)

static void two_cancels_against_one_release(rouse_policy policy) {
  setup(0, policy);
  int a = start(s.a, 1), b = start(s.b, 1);
  int one = model_go(cancel, s.a), two = model_go(cancel, s.b),
      three = model_go(release, AMOUNT(1));
  model_join(one);
  model_join(two);
  a = model_finish(s.a, a);
  b = model_finish(s.b, b);
  MODEL_CHECK(a != ROUSE_DONE || b != ROUSE_DONE);
  if (a == ROUSE_DONE || b == ROUSE_DONE) MODEL_CHECK(*s.data == 42);
  model_join(three);
  check_quiet(a != ROUSE_DONE && b != ROUSE_DONE);
}
MODEL_BOTH(two_cancels_against_one_release)

static void the_granted_may_free_under_a_second_releaser(rouse_policy policy) {
  setup(0, policy);
  int a = start(s.a, 2);
  model_go(release_quietly, AMOUNT(1));
  model_go(release_quietly, AMOUNT(1));
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  model_free(s.semaphore);
}
MODEL_BOTH(the_granted_may_free_under_a_second_releaser)

static void small_there(void *unused) {
  (void)unused;
  MODEL_CHECK(model_finish(s.c, start(s.c, 1)) == ROUSE_DONE);
  MODEL_CHECK(*s.data == 7);  // the big one was first
}
static void nobody_overtakes_under_fifo(void) {
  setup(0, ROUSE_FIFO);
  int a = start(s.a, 2), small = model_go(small_there, NULL);
  int releaser = model_go(release_one_by_one, AMOUNT(2));
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  *s.data = 7;
  rouse_semaphore_release(s.semaphore, 1);
  model_join(small);
  model_join(releaser);
  check_quiet(0);
}

// Two requests that may lie in one mail keep their order.
static void come_and_go_there(void *unused) {
  (void)unused;
  int d = start(s.d, 3);
  if (d == ROUSE_PENDING) cancel(s.d);
  MODEL_CHECK(model_finish(s.d, d) == ROUSE_ECANCELED);
}
static void requests_of_one_thread_keep_their_order(void) {
  setup(0, ROUSE_FIFO);
  int other = model_go(come_and_go_there, NULL);
  int a = start(s.a, 1), b = start(s.b, 1);
  rouse_semaphore_release(s.semaphore, 1);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  MODEL_CHECK(!s.b->completions);
  rouse_semaphore_release(s.semaphore, 1);
  MODEL_CHECK(model_finish(s.b, b) == ROUSE_DONE);
  model_join(other);
  check_quiet(0);
}

static void leave_by_timeout(void *wait) {
  rouse__wait_leave(&((struct model_wait *)wait)->wait,
                    ROUSE__CANCEL_ASKED | ROUSE__CANCEL_TIMEOUT);
}
static void cancel_twice_and_deadline(rouse_policy policy) {
  setup(0, policy);
  int a = start(s.a, 1);
  int canceller = model_go(cancel, s.a), releaser = model_go(release_quietly, AMOUNT(1));
  leave_by_timeout(s.a);
  leave_by_timeout(s.a);
  model_join(canceller);
  int result = model_finish(s.a, a);
  MODEL_CHECK(result == ROUSE_DONE || result == ROUSE_ECANCELED || result == ROUSE_ETIMEDOUT);
  model_join(releaser);
  check_quiet(result != ROUSE_DONE);
}
MODEL_BOTH(cancel_twice_and_deadline)

static void a_wait_is_reusable_at_once(rouse_policy policy) {
  setup(0, policy);
  int a = start(s.a, 1);
  int canceller = model_go(cancel, s.a), releaser = model_go(release_one_by_one, AMOUNT(2));
  model_join(canceller);
  int first = model_finish(s.a, a);
  MODEL_CHECK(model_finish(s.a, start(s.a, 1)) == ROUSE_DONE);
  model_join(releaser);
  check_quiet(first != ROUSE_DONE);
}
MODEL_BOTH(a_wait_is_reusable_at_once)

static void cancel_of_the_middle_while_neighbours_leave(rouse_policy policy) {
  setup(0, policy);
  struct model_wait *middle = model_wait_new(s.here, "middle");
  int a = start(s.a, 2), m = start(middle, 1), b = start(s.b, 1);
  int one = model_go(cancel, middle), two = model_go(cancel, s.a);
  rouse_semaphore_release(s.semaphore, 1);
  model_join(one);
  model_join(two);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_ECANCELED);
  m = model_finish(middle, m);
  if (m == ROUSE_DONE) rouse_semaphore_release(s.semaphore, 1);
  MODEL_CHECK(model_finish(s.b, b) == ROUSE_DONE);
  check_quiet(0);
}
MODEL_BOTH(cancel_of_the_middle_while_neighbours_leave)

static void cancel_of_the_impossible_then_close(rouse_policy policy) {
  setup(1, policy);
  int a = start(s.a, 5), b = start(s.b, 6);
  int canceller = model_go(cancel, s.a), closer = model_go(close_it, NULL);
  model_join(canceller);
  a = model_finish(s.a, a);
  MODEL_CHECK(a == ROUSE_ECANCELED || a == ROUSE_ECLOSED);
  MODEL_CHECK(model_finish(s.b, b) == ROUSE_ECLOSED);
  model_join(closer);
  check_quiet(1);
}
MODEL_BOTH(cancel_of_the_impossible_then_close)

static void post_there(void *unused) {
  (void)unused;
  MODEL_CHECK(model_finish(s.c, start(s.c, 1)) == ROUSE_DONE);
}
static void two_posters_and_a_releaser(rouse_policy policy) {
  setup(0, policy);
  int poster = model_go(post_there, NULL), releaser = model_go(release_quietly, AMOUNT(2));
  MODEL_CHECK(model_finish(s.a, start(s.a, 1)) == ROUSE_DONE);
  model_join(poster);
  model_free(s.semaphore);
  model_join(releaser);
}
MODEL_BOTH(two_posters_and_a_releaser)

static void reduce_one(void *unused) {
  (void)unused;
  MODEL_CHECK(rouse_semaphore_reduce(s.semaphore, 1) == ROUSE_DONE);
}
static void reduce_is_exact_against_a_combiner(rouse_policy policy) {
  setup(2, policy);
  MODEL_CHECK(rouse_semaphore_try_acquire(s.semaphore, 2) == ROUSE_DONE);
  int a = start(s.a, 1);
  int releaser = model_go(release_one_by_one, AMOUNT(2)), reducer = model_go(reduce_one, NULL);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  model_join(releaser);
  model_join(reducer);
  check_quiet(0);
  MODEL_CHECK(rouse_semaphore_capacity(s.semaphore) == 1);
}
MODEL_BOTH(reduce_is_exact_against_a_combiner)

static void two_reductions_are_exact_against_a_combiner(rouse_policy policy) {
  setup(2, policy);
  int a = start(s.a, 3);
  int one = model_go(reduce_one, NULL), two = model_go(reduce_one, NULL);
  int releaser = model_go(release_quietly, AMOUNT(1));
  rouse_semaphore_release(s.semaphore, 2);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  model_join(one);
  model_join(two);
  model_join(releaser);
  check_quiet(0);
}
MODEL_BOTH(two_reductions_are_exact_against_a_combiner)

// Reduced below what is held, released while it shrinks, and grown again.
static void a_debt_is_paid_once(rouse_policy policy) {
  setup(1, policy);
  MODEL_CHECK(rouse_semaphore_try_acquire(s.semaphore, 1) == ROUSE_DONE);
  int a = start(s.a, 1);
  int reducer = model_go(reduce_one, NULL), releaser = model_go(release_quietly, AMOUNT(1));
  MODEL_CHECK(rouse_semaphore_add(s.semaphore, 1) == ROUSE_DONE);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  model_join(reducer);
  model_join(releaser);
  check_quiet(0);
  MODEL_CHECK(rouse_semaphore_capacity(s.semaphore) == 1);
}
MODEL_BOTH(a_debt_is_paid_once)

static void an_added_permit_serves_the_head(rouse_policy policy) {
  setup(0, policy);
  int a = start(s.a, 1);
  int reducer = model_go(release_quietly, AMOUNT(1));
  MODEL_CHECK(rouse_semaphore_add(s.semaphore, 1) == ROUSE_DONE);
  MODEL_CHECK(rouse_semaphore_reduce(s.semaphore, 1) == ROUSE_DONE);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  model_join(reducer);
  check_quiet(0);
}
MODEL_BOTH(an_added_permit_serves_the_head)

// --- the head's loop does not run ----------------------------------------------------------------

static void acquire_c(void *unused) {
  (void)unused;
  MODEL_CHECK(model_finish(s.c, start(s.c, 1)) == ROUSE_DONE);
}
static void a_cancelled_head_strands_nobody(void) {
  setup(0, ROUSE_EVENTUAL);
  int a = start(s.a, 1);  // its loop does not run until c is served: it can't be granted
  int waiter = model_go(acquire_c, NULL), releaser = model_go(release_quietly, AMOUNT(1));
  cancel(s.a);
  model_join(waiter);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_ECANCELED);
  model_join(releaser);
  check_quiet(0);
}

#if ROUSE__PASS_BUDGET > 1  // a pass whose budget is used up leaves more to the nudged head
static void a_nudged_head_holds_up_no_more_than_its_share(void) {
  setup(0, ROUSE_EVENTUAL);
  int a = start(s.a, 1);
  int waiter = model_go(acquire_c, NULL);
  model_go(release_quietly, AMOUNT(1));
  model_go(release_quietly, AMOUNT(1));
  model_join(waiter);  // here does not run meanwhile
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
}

static void acquire_two_there(void *unused) {
  (void)unused;
  MODEL_CHECK(model_finish(s.c, start(s.c, 2)) == ROUSE_DONE);
}
static void a_big_one_behind_a_nudged_head_is_served(void) {
  setup(0, ROUSE_EVENTUAL);
  int a = start(s.a, 1);
  rouse_semaphore_release(s.semaphore, 1);
  int waiter = model_go(acquire_two_there, NULL);
  int releaser = model_go(release_quietly, AMOUNT(1));
  rouse_semaphore_release(s.semaphore, 1);
  model_join(waiter);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  model_join(releaser);
}
#endif

static void try_and_release(void *rounds) {
  for (uintptr_t i = 0; i < (uintptr_t)rounds; i++) {
    if (rouse_semaphore_try_acquire(s.semaphore, 1) != ROUSE_DONE) continue;
    ++*s.data;
    rouse_semaphore_release(s.semaphore, 1);
  }
}
static void release_and_barge(void *rounds) {
  ++*s.data;
  rouse_semaphore_release(s.semaphore, 1);
  try_and_release(rounds);
}
static void a_barger_ends_and_the_head_is_served(rouse_policy policy) {
  setup(0, policy);
  int a = start(s.a, 1);
  int barger = model_go(release_and_barge, AMOUNT(2));
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  ++*s.data;
  rouse_semaphore_release(s.semaphore, 1);
  model_join(barger);
  check_quiet(1);
}
MODEL_BOTH(a_barger_ends_and_the_head_is_served)

static void a_newcomer_and_a_barger_share_a_permit(rouse_policy policy) {
  setup(0, policy);
  int releaser = model_go(release_quietly, AMOUNT(1)),
      barger = model_go(try_and_release, AMOUNT(1));
  MODEL_CHECK(model_finish(s.a, start(s.a, 1)) == ROUSE_DONE);
  ++*s.data;
  rouse_semaphore_release(s.semaphore, 1);
  model_join(releaser);
  model_join(barger);
  check_quiet(1);
}
MODEL_BOTH(a_newcomer_and_a_barger_share_a_permit)

static void close_under_a_nudge(void) {
  setup(0, ROUSE_EVENTUAL);
  int a = start(s.a, 1);
  int releaser = model_go(release_and_barge, AMOUNT(1)), closer = model_go(close_it, NULL);
  a = model_finish(s.a, a);
  MODEL_CHECK(a == ROUSE_DONE || a == ROUSE_ECLOSED);
  model_join(releaser);
  model_join(closer);
  check_quiet(a != ROUSE_DONE);
}

static void try_there(void *unused) {
  (void)unused;
  if (rouse_semaphore_try_acquire(s.semaphore, 1) == ROUSE_DONE)
    rouse_semaphore_release(s.semaphore, 1);
}
static void a_big_head_and_a_barger(rouse_policy policy) {
  setup(0, policy);
  int a = start(s.a, 2), b = start(s.b, 1);
  int releaser = model_go(release_quietly, AMOUNT(2)), barger = model_go(try_there, NULL);
  MODEL_CHECK(model_finish(s.a, a) == ROUSE_DONE);
  rouse_semaphore_release(s.semaphore, 2);
  MODEL_CHECK(model_finish(s.b, b) == ROUSE_DONE);
  model_join(releaser);
  model_join(barger);
  check_quiet(1);
}
MODEL_BOTH(a_big_head_and_a_barger)

const struct model_program model_semaphore_programs[] = {
    MODEL_ENTRIES(the_granted_may_free, 0),
    MODEL_ENTRIES(two_waiters_share_a_release, 0),
    MODEL_ENTRIES(cancel_against_grant_conserves_the_permit, 0),
    MODEL_ENTRIES(cancel_of_a_big_head_lets_the_next_in, 0),
    MODEL_ENTRIES(cancel_of_a_big_head_against_release, 0),
    MODEL_ENTRIES(close_against_acquire_and_release, 0),
    MODEL_ENTRIES(one_permit_guards_data, 0),
    MODEL_ENTRIES(two_cancels_against_one_release, 0),
    MODEL_ENTRIES(the_granted_may_free_under_a_second_releaser, 0),
    MODEL_ENTRY(nobody_overtakes_under_fifo, 0),
    MODEL_ENTRY(requests_of_one_thread_keep_their_order, 0),
    MODEL_ENTRIES(cancel_twice_and_deadline, 0),
    MODEL_ENTRIES(a_wait_is_reusable_at_once, 0),
    MODEL_ENTRIES(cancel_of_the_middle_while_neighbours_leave, 0),
    MODEL_ENTRIES(cancel_of_the_impossible_then_close, 0),
    MODEL_ENTRIES(two_posters_and_a_releaser, 0),
    MODEL_ENTRIES(reduce_is_exact_against_a_combiner, 0),
    MODEL_ENTRIES(two_reductions_are_exact_against_a_combiner, 2),
    MODEL_ENTRIES(a_debt_is_paid_once, 0),
    MODEL_ENTRIES(an_added_permit_serves_the_head, 0),
    MODEL_ENTRY(a_cancelled_head_strands_nobody, 0),
#if ROUSE__PASS_BUDGET > 1
    MODEL_ENTRY(a_nudged_head_holds_up_no_more_than_its_share, 0),
    MODEL_ENTRY(a_big_one_behind_a_nudged_head_is_served, 0),
#endif
    MODEL_ENTRIES(a_barger_ends_and_the_head_is_served, 0),
    MODEL_ENTRIES(a_newcomer_and_a_barger_share_a_permit, 0),
    MODEL_ENTRY(close_under_a_nudge, 0),
    MODEL_ENTRIES(a_big_head_and_a_barger, 0),
    {NULL, NULL, 0},
};
