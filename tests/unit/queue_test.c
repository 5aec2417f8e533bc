// White-box tests of the combining wait queue: the word's states, references, nudges, the work
// budget, and every way that mail can take. The combiner's role is taken by hand, so that each
// interleaving is the one that the test's name says.
#include "../support/fake_waker.h"
#include "../support/support.h"

enum { LOCKED = 1 << ROUSE__WORD_SHIFT };
enum { WAITS = 200 };

static fake_waker home;
static fake_wait waits[WAITS];
static int counter;

static int prepare(void **state) {
  (void)state;
  fake_waker_init(&home);
  counter = 0;
  for (int i = 0; i < WAITS; i++) fake_wait_init(&waits[i], &home, &counter);
  return 0;
}

static void lock_start(rouse_mutex *mutex, int index, int expected) {
  check_result(rouse_mutex_lock_start(mutex, &waits[index].wait, ROUSE_FOREVER), expected);
}

static void acquire_start(rouse_semaphore *semaphore, int index, uint32_t permits, int expected) {
  check_result(rouse_semaphore_acquire_start(semaphore, &waits[index].wait, permits, ROUSE_FOREVER),
               expected);
}

// --- the word ------------------------------------------------------------------------------------

static void lock_and_unlock_leave_the_word_as_it_was(void **state) {
  (void)state;
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  check(rouse_mutex_try_lock(&mutex));
  check_equal(queue_word(&mutex.queue), LOCKED);
  rouse_mutex_unlock(&mutex);
  check_equal(queue_word(&mutex.queue), 0);
}

static void queued_is_exact_when_nobody_combines(void **state) {
  (void)state;
  rouse_mutex mutex;
  rouse_mutex_init(&mutex, ROUSE_FIFO);
  lock_start(&mutex, 0, ROUSE_DONE);
  lock_start(&mutex, 1, ROUSE_PENDING);
  check_equal(queue_word(&mutex.queue), LOCKED | ROUSE__QUEUED | ROUSE__POLICY);
  check(mutex.queue.head == &waits[1].wait);
  rouse_mutex_unlock(&mutex);
  check_equal(queue_word(&mutex.queue), LOCKED | ROUSE__POLICY);
  queue_check_quiet(&mutex.queue);
  check_equal(fake_waker_deliver(&home), 1);
  check_result(waits[1].result, ROUSE_DONE);
  rouse_mutex_unlock(&mutex);
  check_equal(queue_word(&mutex.queue), ROUSE__POLICY);
}

static void list_links_are_whole_after_removals_in_every_place(void **state) {
  (void)state;
  for (int victim = 0; victim < 3; victim++) {
    prepare(NULL);
    rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
    for (int i = 0; i < 3; i++) acquire_start(&semaphore, i, 1, ROUSE_PENDING);
    rouse_wait_cancel(&waits[victim].wait);
    queue_check_quiet(&semaphore.queue);
    rouse_wait *first = semaphore.queue.head, *second = first->next;
    check(first == &waits[victim == 0].wait);
    check(second == &waits[victim == 2 ? 1 : 2].wait);
    check(second->next == first && first->previous == second && second->previous == first);
    rouse_semaphore_release(&semaphore, 2);
    check_equal(fake_waker_deliver(&home), 3);
    for (int i = 0; i < 3; i++) {
      check_result(waits[i].result, i == victim ? ROUSE_ECANCELED : ROUSE_DONE);
    }
    check_equal(semaphore.queue.head == NULL, true);
  }
}

// --- references ----------------------------------------------------------------------------------

static void queued_wait_holds_result_and_nudge_references(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  acquire_start(&semaphore, 0, 1, ROUSE_PENDING);
  check_equal(wait_references(&waits[0].wait), 2);
  check_equal(home.waker.pending, 1);
  rouse_semaphore_release(&semaphore, 1);
  check_equal(wait_references(&waits[0].wait), 0);
  check_equal(fake_waker_deliver(&home), 1);
  check_equal(home.waker.pending, 0);
}

static void mailed_wait_keeps_no_reference_of_its_poster(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  uint64_t before = queue_hold(&semaphore.queue);
  acquire_start(&semaphore, 0, 1, ROUSE_PENDING);
  check(queue_flags(&semaphore.queue) & ROUSE__MAIL);
  check_equal(wait_references(&waits[0].wait), 2);
  check(!semaphore.queue.head);  // nobody but the combiner touches the list
  queue_let_go(&semaphore.queue, before, ROUSE__KIND_SEMAPHORE);
  queue_check_quiet(&semaphore.queue);
  check(semaphore.queue.head == &waits[0].wait);
  rouse_semaphore_release(&semaphore, 1);
  check_equal(fake_waker_deliver(&home), 1);
}

// --- mail ----------------------------------------------------------------------------------------

static void mail_is_queued_in_the_order_it_was_sent(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  acquire_start(&semaphore, 0, 1, ROUSE_PENDING);
  uint64_t before = queue_hold(&semaphore.queue);
  for (int i = 1; i < 6; i++) acquire_start(&semaphore, i, 1, ROUSE_PENDING);
  queue_let_go(&semaphore.queue, before, ROUSE__KIND_SEMAPHORE);
  rouse_semaphore_release(&semaphore, 6);
  check_equal(fake_waker_deliver(&home), 6);
  for (int i = 0; i < 6; i++) check_equal(waits[i].order, i + 1);
}

static void release_by_value_reaches_mail_that_a_combiner_has_not_seen(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  uint64_t before = queue_hold(&semaphore.queue);
  acquire_start(&semaphore, 0, 2, ROUSE_PENDING);
  acquire_start(&semaphore, 1, 1, ROUSE_PENDING);
  check_result(rouse_semaphore_release(&semaphore, 3), ROUSE_DONE);
  check_equal(home.arrivals, 0);
  queue_let_go(&semaphore.queue, before, ROUSE__KIND_SEMAPHORE);
  check_equal(home.arrivals, 2);
  check_equal(fake_waker_deliver(&home), 2);
  check_equal(rouse_semaphore_available(&semaphore), 0);
  queue_check_quiet(&semaphore.queue);
}

static void mail_pushed_before_its_ring_is_taken_by_whoever_rings_first(void **state) {
  (void)state;
  // A poster between its push and its ring: the node lies in the inbox, and nothing says so.
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  uint64_t before = queue_hold(&semaphore.queue);
  acquire_start(&semaphore, 0, 1, ROUSE_PENDING);
  __atomic_and_fetch(&semaphore.queue.word.raw, ~(uint64_t)ROUSE__MAIL, __ATOMIC_RELAXED);
  acquire_start(&semaphore, 1, 1, ROUSE_PENDING);  // rings for both
  queue_let_go(&semaphore.queue, before, ROUSE__KIND_SEMAPHORE);
  queue_check_quiet(&semaphore.queue);
  check(semaphore.queue.head == &waits[0].wait);
  // The first poster's ring comes now, and finds nothing left to do but combine.
  uint64_t word =
      __atomic_fetch_or(&semaphore.queue.word.raw, ROUSE__MAIL | ROUSE__BUSY, __ATOMIC_ACQ_REL);
  check(!(word & ROUSE__BUSY));
  rouse__queue_run(&semaphore.queue, word, word | ROUSE__MAIL | ROUSE__BUSY, ROUSE__KIND_SEMAPHORE);
  queue_check_quiet(&semaphore.queue);
  rouse_semaphore_release(&semaphore, 2);
  check_equal(fake_waker_deliver(&home), 2);
}

static void cancel_by_mail_removes_a_queued_wait(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  for (int i = 0; i < 3; i++) acquire_start(&semaphore, i, 1, ROUSE_PENDING);
  uint64_t before = queue_hold(&semaphore.queue);
  rouse_wait_cancel(&waits[1].wait);  // a middle one, while a combiner is inside
  check_equal(home.arrivals, 0);
  check_equal(wait_references(&waits[1].wait), 3);  // result, nudge slot, the cancel's mail
  queue_let_go(&semaphore.queue, before, ROUSE__KIND_SEMAPHORE);
  check_equal(fake_waker_deliver(&home), 1);
  check_result(waits[1].result, ROUSE_ECANCELED);
  rouse_semaphore_release(&semaphore, 2);
  check_equal(fake_waker_deliver(&home), 2);
  check_equal(rouse_semaphore_available(&semaphore), 0);
}

static void post_and_its_cancel_may_lie_in_the_inbox_together(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  uint64_t before = queue_hold(&semaphore.queue);
  acquire_start(&semaphore, 0, 1, ROUSE_PENDING);
  rouse_wait_cancel(&waits[0].wait);
  acquire_start(&semaphore, 1, 1, ROUSE_PENDING);
  queue_let_go(&semaphore.queue, before, ROUSE__KIND_SEMAPHORE);
  queue_check_quiet(&semaphore.queue);
  check_equal(fake_waker_deliver(&home), 1);
  check_result(waits[0].result, ROUSE_ECANCELED);
  check(semaphore.queue.head == &waits[1].wait);
  rouse_semaphore_release(&semaphore, 1);
  check_equal(fake_waker_deliver(&home), 1);
}

static void cancels_of_neighbours_in_one_drain_all_leave(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  for (int i = 0; i < 5; i++) acquire_start(&semaphore, i, 1, ROUSE_PENDING);
  uint64_t before = queue_hold(&semaphore.queue);
  for (int i = 1; i < 4; i++) rouse_wait_cancel(&waits[i].wait);
  queue_let_go(&semaphore.queue, before, ROUSE__KIND_SEMAPHORE);
  check_equal(fake_waker_deliver(&home), 3);
  check(semaphore.queue.head == &waits[0].wait && waits[0].wait.next == &waits[4].wait);
  rouse_semaphore_release(&semaphore, 2);
  check_equal(fake_waker_deliver(&home), 2);
}

// --- cancel against grant ------------------------------------------------------------------------

static void second_cancel_changes_nothing(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  acquire_start(&semaphore, 0, 1, ROUSE_PENDING);
  uint64_t before = queue_hold(&semaphore.queue);
  rouse_wait_cancel(&waits[0].wait);
  unsigned references = wait_references(&waits[0].wait);
  rouse__wait_leave(&waits[0].wait, ROUSE__CANCEL_ASKED | ROUSE__CANCEL_TIMEOUT);
  rouse_wait_cancel(&waits[0].wait);
  check_equal(wait_references(&waits[0].wait), references);
  queue_let_go(&semaphore.queue, before, ROUSE__KIND_SEMAPHORE);
  check_equal(fake_waker_deliver(&home), 1);
  check_equal(waits[0].completed, 1);
  check_result(waits[0].result, ROUSE_ECANCELED);  // the first reason stays
}

static void deadline_before_cancel_reports_timed_out(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  acquire_start(&semaphore, 0, 1, ROUSE_PENDING);
  uint64_t before = queue_hold(&semaphore.queue);
  rouse__wait_leave(&waits[0].wait, ROUSE__CANCEL_ASKED | ROUSE__CANCEL_TIMEOUT);
  rouse_wait_cancel(&waits[0].wait);
  queue_let_go(&semaphore.queue, before, ROUSE__KIND_SEMAPHORE);
  check_equal(fake_waker_deliver(&home), 1);
  check_result(waits[0].result, ROUSE_ETIMEDOUT);
}

static void cancel_mailed_after_the_grant_reports_the_grant_once_its_mail_is_read(void **state) {
  (void)state;
  // A wants 2 and holds back B, who wants the 1 that is free. A's cancel grants B; before B is
  // handed over, B is cancelled past another combiner.
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  acquire_start(&semaphore, 0, 2, ROUSE_PENDING);
  acquire_start(&semaphore, 1, 1, ROUSE_PENDING);
  rouse_semaphore_release(&semaphore, 1);
  struct rouse__pass pass;
  rouse__pass_init(&pass);
  rouse__queue_cancel(&waits[0].wait, ROUSE__CANCEL_ASKED, &pass);  // decided, not yet settled
  check_equal(home.arrivals, 0);
  uint64_t before = queue_hold(&semaphore.queue);
  rouse_wait_cancel(&waits[1].wait);
  rouse__queue_settle(&pass, NULL);
  check_equal(home.arrivals, 1);  // A only: B's cancel still lies in the inbox
  check_equal(wait_references(&waits[1].wait), 1);
  queue_let_go(&semaphore.queue, before, ROUSE__KIND_SEMAPHORE);
  check_equal(fake_waker_deliver(&home), 2);
  check_result(waits[0].result, ROUSE_ECANCELED);
  check_result(waits[1].result, ROUSE_DONE);
  check_equal(rouse_semaphore_available(&semaphore), 0);
  // The node is free for use right after its delivery.
  acquire_start(&semaphore, 1, 1, ROUSE_PENDING);
  rouse_semaphore_release(&semaphore, 1);
  check_equal(fake_waker_deliver(&home), 1);
}

static void cancel_in_place_after_the_grant_reports_the_grant(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  acquire_start(&semaphore, 0, 2, ROUSE_PENDING);
  acquire_start(&semaphore, 1, 1, ROUSE_PENDING);
  rouse_semaphore_release(&semaphore, 1);
  struct rouse__pass pass;
  rouse__pass_init(&pass);
  rouse__queue_cancel(&waits[0].wait, ROUSE__CANCEL_ASKED, &pass);
  rouse_wait_cancel(&waits[1].wait);  // nobody combines: it finds the node finished
  check_equal(home.arrivals, 0);
  rouse__queue_settle(&pass, NULL);
  check_equal(fake_waker_deliver(&home), 2);
  check_result(waits[1].result, ROUSE_DONE);
  queue_check_quiet(&semaphore.queue);
}

static void cancel_after_the_last_reference_does_nothing(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  acquire_start(&semaphore, 0, 1, ROUSE_PENDING);
  rouse_semaphore_release(&semaphore, 1);
  check_equal(home.arrivals, 1);
  rouse_wait_cancel(&waits[0].wait);  // granted, on its way home
  check_equal(wait_reasons(&waits[0].wait), 0);
  check_equal(fake_waker_deliver(&home), 1);
  check_result(waits[0].result, ROUSE_DONE);
}

static void removed_head_grants_the_smaller_request_behind_it(void **state) {
  (void)state;
  for (int by_mail = 0; by_mail < 2; by_mail++) {
    prepare(NULL);
    rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(1);
    acquire_start(&semaphore, 0, 2, ROUSE_PENDING);
    acquire_start(&semaphore, 1, 1, ROUSE_PENDING);
    uint64_t before = by_mail ? queue_hold(&semaphore.queue) : 0;
    rouse_wait_cancel(&waits[0].wait);
    if (by_mail) queue_let_go(&semaphore.queue, before, ROUSE__KIND_SEMAPHORE);
    check_equal(fake_waker_deliver(&home), 2);
    check_result(waits[0].result, ROUSE_ECANCELED);
    check_result(waits[1].result, ROUSE_DONE);
    check_equal(queue_flags(&semaphore.queue), 0);
  }
}

// --- the budget ----------------------------------------------------------------------------------

// Many waiters, and whatever sets them free does so at once.
static void one_call_frees_all_that_it_is_for(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  for (int i = 0; i < WAITS; i++) acquire_start(&semaphore, i, 1, ROUSE_PENDING);
  rouse_semaphore_release(&semaphore, WAITS / 2);
  check_equal(home.arrivals, WAITS / 2);
  queue_check_quiet(&semaphore.queue);
  rouse_semaphore_close(&semaphore);
  check_equal(home.arrivals, WAITS);
  check_equal(fake_waker_deliver(&home), WAITS);
  for (int i = 0; i < WAITS; i++) {
    check_result(waits[i].result, i < WAITS / 2 ? ROUSE_DONE : ROUSE_ECLOSED);
  }
  queue_check_quiet(&semaphore.queue);
  prepare(NULL);

  rouse_event event = ROUSE_EVENT_INIT;
  for (int i = 0; i < WAITS; i++) {
    check_result(rouse_event_wait_start(&event, &waits[i].wait, ROUSE_FOREVER), ROUSE_PENDING);
  }
  rouse_event_set(&event);
  rouse_event_reset(&event);  // a pulse: all who waited before the set are released all the same
  check_equal(home.arrivals, WAITS);
  check_equal(rouse_event_waiter_count(&event), 0);
  check_equal(fake_waker_deliver(&home), WAITS);
  prepare(NULL);

  rouse_waitqueue queue = ROUSE_WAITQUEUE_INIT;
  for (int i = 0; i < WAITS; i++) {
    check_result(rouse_waitqueue_wait_if_start(&queue, &waits[i].wait, NULL, NULL, ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  rouse_waitqueue_wake(&queue, WAITS / 2);
  check_equal(home.arrivals, WAITS / 2);
  rouse_waitqueue_wake_all(&queue);
  check_equal(home.arrivals, WAITS);
  check_equal(fake_waker_deliver(&home), WAITS);
}

// A combiner that others have kept for too long leaves the rest to the head's nudge.
static void pass_without_budget_leaves_the_rest_to_the_nudge(void **state) {
  (void)state;
  for (int closes = 0; closes < 2; closes++) {
    prepare(NULL);
    rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
    for (int i = 0; i < 3; i++) acquire_start(&semaphore, i, 1, ROUSE_PENDING);
    uint64_t before = queue_hold(&semaphore.queue);
    if (closes) {
      rouse_semaphore_close(&semaphore);
    } else {
      rouse_semaphore_release(&semaphore, 3);
    }
    queue_let_go_without_budget(&semaphore.queue, before, ROUSE__KIND_SEMAPHORE);
    check_equal(home.arrivals, 1);
    queue_check_quiet(&semaphore.queue);
    check_equal(fake_waker_deliver(&home), 3);
    for (int i = 0; i < 3; i++) {
      check_result(waits[i].result, closes ? ROUSE_ECLOSED : ROUSE_DONE);
    }
    check_equal(queue_word(&semaphore.queue), closes ? ROUSE__CLOSED : 0);
  }
}

static void pulse_left_by_the_budget_reaches_the_old_and_not_the_new(void **state) {
  (void)state;
  rouse_event event = ROUSE_EVENT_INIT;
  for (int i = 0; i < 3; i++) {
    check_result(rouse_event_wait_start(&event, &waits[i].wait, ROUSE_FOREVER), ROUSE_PENDING);
  }
  uint64_t before = queue_hold(&event.queue);
  rouse_event_set(&event);
  rouse_event_reset(&event);
  queue_let_go_without_budget(&event.queue, before, ROUSE__KIND_EVENT);
  check_equal(home.arrivals, 1);
  check_equal(rouse_event_waiter_count(&event), 3);
  fake_wait late;
  fake_wait_init(&late, &home, &counter);
  check_result(rouse_event_wait_start(&event, &late.wait, ROUSE_FOREVER), ROUSE_PENDING);
  check_equal(fake_waker_deliver(&home), 3);
  check_equal(late.completed, 0);
  check_equal(rouse_event_waiter_count(&event), 1);
  rouse_event_set(&event);
  check_equal(fake_waker_deliver(&home), 1);
  check_equal(late.completed, 1);
}

// Sets that were left by the budget: spent by the nudge's report, or by a cancel that comes first.
static void sets_left_unspent_by_the_budget_are_spent_later(void **state) {
  (void)state;
  for (int cancels = 0; cancels < 2; cancels++) {
    prepare(NULL);
    rouse_event event;
    check_result(rouse_event_init(&event, ROUSE_EVENT_AUTO, false), ROUSE_DONE);
    for (int i = 0; i < 3; i++) {
      check_result(rouse_event_wait_start(&event, &waits[i].wait, ROUSE_FOREVER), ROUSE_PENDING);
    }
    uint64_t before = queue_hold(&event.queue);
    for (int i = 0; i < 2; i++) rouse_event_set(&event);
    queue_let_go_without_budget(&event.queue, before, ROUSE__KIND_EVENT);
    check(!rouse_event_is_set(&event));
    for (int i = 0; cancels && i < 3; i++) rouse_wait_cancel(&waits[i].wait);
    check_equal(fake_waker_deliver(&home), cancels ? 3 : 2);
    for (int i = 0; i < 2; i++) check_result(waits[i].result, ROUSE_DONE);
    check(!rouse_event_is_set(&event));
    rouse_event_set(&event);
    check_equal(fake_waker_deliver(&home), !cancels);
    check_equal(rouse_event_is_set(&event), cancels);
  }
}

static void wakes_left_unspent_by_the_budget_are_spent_later(void **state) {
  (void)state;
  rouse_waitqueue queue = ROUSE_WAITQUEUE_INIT;
  for (int i = 0; i < 3; i++) {
    check_result(rouse_waitqueue_wait_if_start(&queue, &waits[i].wait, NULL, NULL, ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  uint64_t before = queue_hold(&queue.queue);
  rouse_waitqueue_wake(&queue, 2);
  queue_let_go_without_budget(&queue.queue, before, ROUSE__KIND_WAITQUEUE);
  check_equal(home.arrivals, 1);
  check_equal(fake_waker_deliver(&home), 2);
  check_equal(rouse_waitqueue_count(&queue), 1);
  rouse_waitqueue_wake_all(&queue);
  check_equal(fake_waker_deliver(&home), 1);
  queue_check_quiet(&queue.queue);
}

// --- cancels and gives ---------------------------------------------------------------------------

// What was given before a cancel was made goes before it, whoever combines when.
static void cancel_after_a_give_reports_the_give(void **state) {
  (void)state;
  for (int by_mail = 0; by_mail < 2; by_mail++) {
    prepare(NULL);
    rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
    for (int i = 0; i < WAITS; i++) acquire_start(&semaphore, i, 1, ROUSE_PENDING);
    uint64_t before = by_mail ? queue_hold(&semaphore.queue) : 0;
    rouse_semaphore_release(&semaphore, WAITS);
    for (int i = 0; i < WAITS; i++) rouse_wait_cancel(&waits[i].wait);
    if (by_mail) queue_let_go(&semaphore.queue, before, ROUSE__KIND_SEMAPHORE);
    check_equal(fake_waker_deliver(&home), WAITS);
    for (int i = 0; i < WAITS; i++) check_result(waits[i].result, ROUSE_DONE);
    check_equal(queue_word(&semaphore.queue), 0);
  }
}

// The permit that fits nobody once the first has gone fits the next.
static void cancels_beside_a_give_leave_nobody_behind(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  acquire_start(&semaphore, 0, 2, ROUSE_PENDING);
  acquire_start(&semaphore, 1, 2, ROUSE_PENDING);
  acquire_start(&semaphore, 2, 1, ROUSE_PENDING);
  uint64_t before = queue_hold(&semaphore.queue);
  rouse_semaphore_release(&semaphore, 1);
  rouse_wait_cancel(&waits[1].wait);
  rouse_wait_cancel(&waits[0].wait);
  queue_let_go(&semaphore.queue, before, ROUSE__KIND_SEMAPHORE);
  check_equal(fake_waker_deliver(&home), 3);
  check_result(waits[0].result, ROUSE_ECANCELED);
  check_result(waits[1].result, ROUSE_ECANCELED);
  check_result(waits[2].result, ROUSE_DONE);
  check_equal(queue_word(&semaphore.queue), 0);
}

// --- nudges --------------------------------------------------------------------------------------

static void unlock_of_an_eventual_mutex_nudges_the_head_and_leaves_it_free(void **state) {
  (void)state;
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  lock_start(&mutex, 0, ROUSE_DONE);
  lock_start(&mutex, 1, ROUSE_PENDING);
  rouse_mutex_unlock(&mutex);
  check_equal(queue_word(&mutex.queue), ROUSE__QUEUED | ROUSE__NUDGED);
  check_equal(home.arrivals, 1);
  check(!rouse_mutex_is_locked(&mutex));
  check(mutex.queue.head == &waits[1].wait);  // the head never leaves the queue
  check_equal(wait_references(&waits[1].wait), 2);
  check_equal(fake_waker_deliver(&home), 1);  // the report takes the lock
  check_result(waits[1].result, ROUSE_DONE);
  check_equal(queue_word(&mutex.queue), LOCKED);
}

static void newcomer_overtakes_only_while_the_nudge_is_out(void **state) {
  (void)state;
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  lock_start(&mutex, 0, ROUSE_DONE);
  lock_start(&mutex, 1, ROUSE_PENDING);
  rouse_mutex_unlock(&mutex);
  check(rouse_mutex_try_lock(&mutex));  // overtakes
  check_equal(queue_word(&mutex.queue), ROUSE__QUEUED | ROUSE__NUDGED | LOCKED);
  check(!fake_waker_deliver_one(&home));  // the report finds it taken: a lost round
  check_equal(waits[1].wait.rounds, 1);
  check_equal(queue_word(&mutex.queue), ROUSE__QUEUED | LOCKED);
  check(!rouse_mutex_try_lock(&mutex));
  rouse_mutex_unlock(&mutex);
  check_equal(fake_waker_deliver(&home), 1);
  check_equal(waits[1].completed, 1);
}

static void unlock_while_the_nudge_is_out_needs_no_second_one(void **state) {
  (void)state;
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  lock_start(&mutex, 0, ROUSE_DONE);
  lock_start(&mutex, 1, ROUSE_PENDING);
  rouse_mutex_unlock(&mutex);
  for (int i = 0; i < 100; i++) {
    check(rouse_mutex_try_lock(&mutex));
    rouse_mutex_unlock(&mutex);
  }
  check_equal(home.arrivals, 1);
  check_equal(fake_waker_deliver(&home), 1);
}

static void mutex_is_handed_over_after_the_stated_number_of_lost_rounds(void **state) {
  (void)state;
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  lock_start(&mutex, 0, ROUSE_DONE);
  lock_start(&mutex, 1, ROUSE_PENDING);
  for (int lost = 0; lost < ROUSE__ROUNDS_MAX; lost++) {
    rouse_mutex_unlock(&mutex);
    check(rouse_mutex_try_lock(&mutex));
    check(!fake_waker_deliver_one(&home));
    check_equal(waits[1].wait.rounds, lost + 1);
  }
  rouse_mutex_unlock(&mutex);
  check(rouse_mutex_is_locked(&mutex));  // handed over, not free for a moment
  check(!rouse_mutex_try_lock(&mutex));
  check_equal(fake_waker_deliver(&home), 1);
  check_result(waits[1].result, ROUSE_DONE);
}

static void mutex_is_handed_over_after_the_stated_time(void **state) {
  (void)state;
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  home.waker.now_ns = 5 * SECOND;
  lock_start(&mutex, 0, ROUSE_DONE);
  lock_start(&mutex, 1, ROUSE_PENDING);
  rouse_mutex_unlock(&mutex);
  check(rouse_mutex_try_lock(&mutex));
  home.waker.now_ns += 2 * MILLISECOND;
  check(!fake_waker_deliver_one(&home));
  check_equal(waits[1].wait.rounds, ROUSE__ROUNDS_MAX);
  rouse_mutex_unlock(&mutex);
  check(rouse_mutex_is_locked(&mutex));
  check_equal(fake_waker_deliver(&home), 1);
}

static void cancelled_head_with_a_nudge_out_is_delivered_once_by_it(void **state) {
  (void)state;
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  lock_start(&mutex, 0, ROUSE_DONE);
  lock_start(&mutex, 1, ROUSE_PENDING);
  lock_start(&mutex, 2, ROUSE_PENDING);
  rouse_mutex_unlock(&mutex);
  check_equal(home.arrivals, 1);
  rouse_wait_cancel(&waits[1].wait);
  check_equal(wait_references(&waits[1].wait), 1);  // the nudge slot: it lies in the waker's list
  check_equal(home.arrivals, 2);                    // the next was nudged without the head's loop
  check_equal(fake_waker_deliver(&home), 2);
  check_equal(waits[1].completed, 1);
  check_result(waits[1].result, ROUSE_ECANCELED);
  check_result(waits[2].result, ROUSE_DONE);
}

static void report_that_goes_by_mail_is_counted_and_granted(void **state) {
  (void)state;
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  lock_start(&mutex, 0, ROUSE_DONE);
  lock_start(&mutex, 1, ROUSE_PENDING);
  rouse_mutex_unlock(&mutex);
  uint64_t before = queue_hold(&mutex.queue);
  check(!fake_waker_deliver_one(&home));  // the report is left as mail
  check_equal(waits[1].completed, 0);
  queue_let_go(&mutex.queue, before, ROUSE__KIND_MUTEX);
  check_equal(fake_waker_deliver(&home), 1);
  check_result(waits[1].result, ROUSE_DONE);
  check_equal(queue_word(&mutex.queue), LOCKED);
}

static void report_by_mail_beside_a_cancel_takes_what_is_free(void **state) {
  (void)state;
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  lock_start(&mutex, 0, ROUSE_DONE);
  lock_start(&mutex, 1, ROUSE_PENDING);
  rouse_mutex_unlock(&mutex);
  uint64_t before = queue_hold(&mutex.queue);
  rouse_wait_cancel(&waits[1].wait);
  check(!fake_waker_deliver_one(&home));  // the report lies behind the cancel in the inbox
  queue_let_go(&mutex.queue, before, ROUSE__KIND_MUTEX);
  check_equal(fake_waker_deliver(&home), 1);
  check_equal(waits[1].completed, 1);
  check_result(waits[1].result, ROUSE_DONE);  // the mutex was free for it before the cancel
  check_equal(queue_word(&mutex.queue), LOCKED);
}

static void nudge_is_marked_anew_when_the_exit_has_to_be_retried(void **state) {
  (void)state;
  // The word changes after match has decided on a nudge: by mail that cancels the head.
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  lock_start(&mutex, 0, ROUSE_DONE);
  lock_start(&mutex, 1, ROUSE_PENDING);
  lock_start(&mutex, 2, ROUSE_PENDING);
  uint64_t before = queue_hold(&mutex.queue);
  rouse_mutex_unlock(&mutex);  // by value
  uint64_t stale = queue_word(&mutex.queue);
  rouse_wait_cancel(&waits[1].wait);
  // The combiner goes by the word without MAIL, chooses to nudge the head, and fails to leave.
  rouse__queue_run(&mutex.queue, before, stale, ROUSE__KIND_MUTEX);
  check_equal(home.arrivals, 2);
  check_equal(fake_waker_deliver(&home), 2);
  check_result(waits[1].result, ROUSE_ECANCELED);
  check_result(waits[2].result, ROUSE_DONE);
  check_equal(queue_word(&mutex.queue), LOCKED);
}

static void semaphore_grants_outright_with_room_for_two_and_nudges_the_last(void **state) {
  (void)state;
  rouse_semaphore semaphore;
  check_result(rouse_semaphore_init(&semaphore, 0, ROUSE_EVENTUAL), ROUSE_DONE);
  for (int i = 0; i < 3; i++) acquire_start(&semaphore, i, 1, ROUSE_PENDING);
  rouse_semaphore_release(&semaphore, 3);
  check_equal(rouse_semaphore_available(&semaphore), 1);  // only the last one's own share
  check_equal(home.arrivals, 3);
  check_result(rouse_semaphore_try_acquire(&semaphore, 1), ROUSE_DONE);  // overtakes
  check_equal(fake_waker_deliver(&home), 2);
  rouse_semaphore_release(&semaphore, 1);
  check_equal(fake_waker_deliver(&home), 1);
  check_equal(rouse_semaphore_available(&semaphore), 0);
}

static void release_looks_at_the_queue_when_head_and_next_fit_together(void **state) {
  (void)state;
  rouse_semaphore semaphore;
  check_result(rouse_semaphore_init(&semaphore, 0, ROUSE_EVENTUAL), ROUSE_DONE);
  acquire_start(&semaphore, 0, 2, ROUSE_PENDING);
  acquire_start(&semaphore, 1, 3, ROUSE_PENDING);
  rouse_semaphore_release(&semaphore, 2);  // nudges the head
  check_equal(home.arrivals, 1);
  rouse_semaphore_release(&semaphore, 2);  // 4 free: not enough for both
  check_equal(rouse_semaphore_available(&semaphore), 4);
  rouse_semaphore_release(&semaphore, 1);  // 5: the head is granted though its loop never ran
  check_equal(rouse_semaphore_available(&semaphore), 3);
  check_equal(fake_waker_deliver(&home), 2);
  check_equal(rouse_semaphore_available(&semaphore), 0);
  check_equal(waits[0].order, 1);
}

// --- settling ------------------------------------------------------------------------------------

static void waits_of_one_waker_are_handed_over_in_one_chain(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  for (int i = 0; i < 10; i++) acquire_start(&semaphore, i, 1, ROUSE_PENDING);
  rouse_semaphore_release(&semaphore, 10);
  check_equal(home.arrivals, 10);
  check_equal(home.wake_calls, 1);
  check_equal(fake_waker_deliver(&home), 10);
}

static void waits_of_many_wakers_all_come_home(void **state) {
  (void)state;
  enum { WAKERS = 9, EACH = 5 };
  fake_waker wakers[WAKERS];
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  for (int i = 0; i < WAKERS; i++) fake_waker_init(&wakers[i]);
  for (int i = 0; i < WAKERS * EACH; i++) {
    fake_wait_init(&waits[i], &wakers[i % WAKERS], &counter);
    acquire_start(&semaphore, i, 1, ROUSE_PENDING);
  }
  rouse_semaphore_release(&semaphore, WAKERS * EACH);
  for (int i = 0; i < WAKERS; i++) check_equal(fake_waker_deliver(&wakers[i]), EACH);
}

static void grant_to_the_caller_itself_is_not_delivered(void **state) {
  (void)state;
  // A permit is released, by value, between the caller's look and its post.
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  uint64_t before = queue_hold(&semaphore.queue);
  rouse_semaphore_release(&semaphore, 1);
  __atomic_and_fetch(&semaphore.queue.word.raw, ~(uint64_t)ROUSE__BUSY, __ATOMIC_RELAXED);
  (void)before;
  waits[0].wait.demand = 1;
  check_result(
      rouse__queue_wait(&semaphore.queue, &waits[0].wait, ROUSE__KIND_SEMAPHORE, ROUSE_FOREVER),
      ROUSE_DONE);
  check_equal(home.arrivals, 0);
  check_equal(home.waker.pending, 0);
  check_equal(rouse_semaphore_available(&semaphore), 0);
}

static void deadline_is_armed_only_for_a_wait_that_is_pending(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(1);
  const int64_t soon = rouse_deadline_in_ns(3600 * SECOND);
  check_result(rouse_semaphore_acquire_start(&semaphore, &waits[0].wait, 1, soon), ROUSE_DONE);
  check_equal(home.armed, 0);
  check_result(rouse_semaphore_acquire_start(&semaphore, &waits[1].wait, 1, soon), ROUSE_PENDING);
  check_equal(home.armed, 1);
  check_result(rouse_semaphore_acquire_start(&semaphore, &waits[2].wait, 1, ROUSE_FOREVER),
               ROUSE_PENDING);
  check_equal(home.armed, 1);
  rouse_semaphore_release(&semaphore, 2);
  check_equal(fake_waker_deliver(&home), 2);
}

// --- what primitives do by value while somebody combines -----------------------------------------

static void reduce_past_a_combiner_is_a_debt_that_it_pays(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(5);
  uint64_t before = queue_hold(&semaphore.queue);
  check_result(rouse_semaphore_reduce(&semaphore, 2), ROUSE_DONE);
  check_result(rouse_semaphore_reduce(&semaphore, 1), ROUSE_DONE);
  check_equal(rouse_semaphore_capacity(&semaphore), 2);
  check_equal(semaphore.debt.raw, 3);
  queue_let_go(&semaphore.queue, before, ROUSE__KIND_SEMAPHORE);
  check_equal(semaphore.debt.raw, 0);
  check_equal(rouse_semaphore_available(&semaphore), 2);
  queue_check_quiet(&semaphore.queue);
}

static void close_past_a_combiner_ends_what_it_finds_in_the_inbox(void **state) {
  (void)state;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  uint64_t before = queue_hold(&semaphore.queue);
  acquire_start(&semaphore, 0, 1, ROUSE_PENDING);
  rouse_semaphore_close(&semaphore);
  rouse_semaphore_release(&semaphore, 1);
  acquire_start(&semaphore, 1, 1, ROUSE_ECLOSED);
  queue_let_go(&semaphore.queue, before, ROUSE__KIND_SEMAPHORE);
  check_equal(fake_waker_deliver(&home), 1);
  check_result(waits[0].result, ROUSE_ECLOSED);
  check_equal(rouse_semaphore_available(&semaphore), 1);
}

static void two_sets_past_a_combiner_release_two_waiters(void **state) {
  (void)state;
  rouse_event event;
  check_result(rouse_event_init(&event, ROUSE_EVENT_AUTO, false), ROUSE_DONE);
  for (int i = 0; i < 3; i++) {
    check_result(rouse_event_wait_start(&event, &waits[i].wait, ROUSE_FOREVER), ROUSE_PENDING);
  }
  uint64_t before = queue_hold(&event.queue);
  rouse_event_set(&event);
  rouse_event_set(&event);
  queue_let_go(&event.queue, before, ROUSE__KIND_EVENT);
  check_equal(fake_waker_deliver(&home), 2);
  check_equal(waits[0].completed + waits[1].completed, 2);
  check(!rouse_event_is_set(&event));
  check_equal(rouse_event_waiter_count(&event), 1);
  rouse_wait_cancel(&waits[2].wait);
  check_equal(fake_waker_deliver(&home), 1);
}

static void pulse_past_a_combiner_releases_the_old_and_not_the_new(void **state) {
  (void)state;
  rouse_event event = ROUSE_EVENT_INIT;
  check_result(rouse_event_wait_start(&event, &waits[0].wait, ROUSE_FOREVER), ROUSE_PENDING);
  uint64_t before = queue_hold(&event.queue);
  check_result(rouse_event_wait_start(&event, &waits[1].wait, ROUSE_FOREVER), ROUSE_PENDING);
  rouse_event_set(&event);
  rouse_event_reset(&event);
  check_result(rouse_event_wait_start(&event, &waits[2].wait, ROUSE_FOREVER), ROUSE_PENDING);
  queue_let_go(&event.queue, before, ROUSE__KIND_EVENT);
  check_equal(fake_waker_deliver(&home), 2);
  check_equal(waits[0].completed + waits[1].completed, 2);
  check_equal(waits[2].completed, 0);
  rouse_wait_cancel(&waits[2].wait);
  check_equal(fake_waker_deliver(&home), 1);
}

static void combiner_with_an_old_word_does_not_release_who_came_after_the_reset(void **state) {
  (void)state;
  rouse_event event = ROUSE_EVENT_INIT;
  rouse_event_set(&event);
  uint64_t before = queue_hold(&event.queue);
  uint64_t old = queue_word(&event.queue);  // still says SET
  rouse_event_reset(&event);
  check_result(rouse_event_wait_start(&event, &waits[0].wait, ROUSE_FOREVER), ROUSE_PENDING);
  rouse__queue_run(&event.queue, before, old | ROUSE__MAIL, ROUSE__KIND_EVENT);
  check_equal(home.arrivals, 0);
  check_equal(rouse_event_waiter_count(&event), 1);
  rouse_event_set(&event);
  check_equal(fake_waker_deliver(&home), 1);
}

static bool holds(void *argument) { return *(bool *)argument; }

static void wake_after_the_ring_belongs_to_the_mailed_waiter(void **state) {
  (void)state;
  rouse_waitqueue queue = ROUSE_WAITQUEUE_INIT;
  bool wanted = true;
  uint64_t before = queue_hold(&queue.queue);
  check_result(rouse_waitqueue_wait_if_start(&queue, &waits[0].wait, holds, &wanted, ROUSE_FOREVER),
               ROUSE_PENDING);
  rouse_waitqueue_wake_one(&queue);  // after the ring: it is the waiter's
  queue_let_go(&queue.queue, before, ROUSE__KIND_WAITQUEUE);
  check_equal(fake_waker_deliver(&home), 1);
  check_result(waits[0].result, ROUSE_DONE);
}

static rouse_waitqueue *woken_inside_condition;
static bool wake_meanwhile(void *argument) {
  int *calls = argument;
  if (++*calls == 1) rouse_waitqueue_wake_one(woken_inside_condition);
  return true;
}

static void wake_between_check_and_queueing_makes_the_caller_check_again(void **state) {
  (void)state;
  rouse_waitqueue queue = ROUSE_WAITQUEUE_INIT;
  woken_inside_condition = &queue;
  int calls = 0;
  check_result(
      rouse_waitqueue_wait_if_start(&queue, &waits[0].wait, wake_meanwhile, &calls, ROUSE_FOREVER),
      ROUSE_PENDING);
  check_equal(calls, 2);
  check_equal(rouse_waitqueue_count(&queue), 1);
  rouse_waitqueue_wake_one(&queue);
  check_equal(fake_waker_deliver(&home), 1);
}

// The wake is the first one's; who noted the word before it, and is queued after it, looks again.
// With nobody before it, it has the wake.
static void wake_between_check_and_mail_ends_the_wait(void **state) {
  (void)state;
  for (int alone = 0; alone < 2; alone++) {
    prepare(NULL);
    rouse_waitqueue queue = ROUSE_WAITQUEUE_INIT;
    woken_inside_condition = &queue;
    int calls = 0;
    if (!alone) {
      check_result(rouse_waitqueue_wait_if_start(&queue, &waits[1].wait, NULL, NULL, ROUSE_FOREVER),
                   ROUSE_PENDING);
    }
    uint64_t before = queue_hold(&queue.queue);
    check_result(rouse_waitqueue_wait_if_start(&queue, &waits[0].wait, wake_meanwhile, &calls,
                                               ROUSE_FOREVER),
                 ROUSE_PENDING);
    check_equal(calls, 1);
    queue_let_go(&queue.queue, before, ROUSE__KIND_WAITQUEUE);
    check_equal(fake_waker_deliver(&home), alone ? 1 : 2);
    check_result(waits[0].result, alone ? ROUSE_DONE : ROUSE_EAGAIN);
    if (!alone) check_result(waits[1].result, ROUSE_DONE);
    queue_check_quiet(&queue.queue);
    check_equal(rouse_waitqueue_count(&queue), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(lock_and_unlock_leave_the_word_as_it_was, prepare),
      cmocka_unit_test_setup(queued_is_exact_when_nobody_combines, prepare),
      cmocka_unit_test_setup(list_links_are_whole_after_removals_in_every_place, prepare),
      cmocka_unit_test_setup(queued_wait_holds_result_and_nudge_references, prepare),
      cmocka_unit_test_setup(mailed_wait_keeps_no_reference_of_its_poster, prepare),
      cmocka_unit_test_setup(mail_is_queued_in_the_order_it_was_sent, prepare),
      cmocka_unit_test_setup(release_by_value_reaches_mail_that_a_combiner_has_not_seen, prepare),
      cmocka_unit_test_setup(mail_pushed_before_its_ring_is_taken_by_whoever_rings_first, prepare),
      cmocka_unit_test_setup(cancel_by_mail_removes_a_queued_wait, prepare),
      cmocka_unit_test_setup(post_and_its_cancel_may_lie_in_the_inbox_together, prepare),
      cmocka_unit_test_setup(cancels_of_neighbours_in_one_drain_all_leave, prepare),
      cmocka_unit_test_setup(second_cancel_changes_nothing, prepare),
      cmocka_unit_test_setup(deadline_before_cancel_reports_timed_out, prepare),
      cmocka_unit_test_setup(cancel_mailed_after_the_grant_reports_the_grant_once_its_mail_is_read,
                             prepare),
      cmocka_unit_test_setup(cancel_in_place_after_the_grant_reports_the_grant, prepare),
      cmocka_unit_test_setup(cancel_after_the_last_reference_does_nothing, prepare),
      cmocka_unit_test_setup(removed_head_grants_the_smaller_request_behind_it, prepare),
      cmocka_unit_test_setup(one_call_frees_all_that_it_is_for, prepare),
      cmocka_unit_test_setup(pass_without_budget_leaves_the_rest_to_the_nudge, prepare),
      cmocka_unit_test_setup(pulse_left_by_the_budget_reaches_the_old_and_not_the_new, prepare),
      cmocka_unit_test_setup(sets_left_unspent_by_the_budget_are_spent_later, prepare),
      cmocka_unit_test_setup(wakes_left_unspent_by_the_budget_are_spent_later, prepare),
      cmocka_unit_test_setup(cancel_after_a_give_reports_the_give, prepare),
      cmocka_unit_test_setup(cancels_beside_a_give_leave_nobody_behind, prepare),
      cmocka_unit_test_setup(unlock_of_an_eventual_mutex_nudges_the_head_and_leaves_it_free,
                             prepare),
      cmocka_unit_test_setup(newcomer_overtakes_only_while_the_nudge_is_out, prepare),
      cmocka_unit_test_setup(unlock_while_the_nudge_is_out_needs_no_second_one, prepare),
      cmocka_unit_test_setup(mutex_is_handed_over_after_the_stated_number_of_lost_rounds, prepare),
      cmocka_unit_test_setup(mutex_is_handed_over_after_the_stated_time, prepare),
      cmocka_unit_test_setup(cancelled_head_with_a_nudge_out_is_delivered_once_by_it, prepare),
      cmocka_unit_test_setup(report_that_goes_by_mail_is_counted_and_granted, prepare),
      cmocka_unit_test_setup(report_by_mail_beside_a_cancel_takes_what_is_free, prepare),
      cmocka_unit_test_setup(nudge_is_marked_anew_when_the_exit_has_to_be_retried, prepare),
      cmocka_unit_test_setup(semaphore_grants_outright_with_room_for_two_and_nudges_the_last,
                             prepare),
      cmocka_unit_test_setup(release_looks_at_the_queue_when_head_and_next_fit_together, prepare),
      cmocka_unit_test_setup(waits_of_one_waker_are_handed_over_in_one_chain, prepare),
      cmocka_unit_test_setup(waits_of_many_wakers_all_come_home, prepare),
      cmocka_unit_test_setup(grant_to_the_caller_itself_is_not_delivered, prepare),
      cmocka_unit_test_setup(deadline_is_armed_only_for_a_wait_that_is_pending, prepare),
      cmocka_unit_test_setup(reduce_past_a_combiner_is_a_debt_that_it_pays, prepare),
      cmocka_unit_test_setup(close_past_a_combiner_ends_what_it_finds_in_the_inbox, prepare),
      cmocka_unit_test_setup(two_sets_past_a_combiner_release_two_waiters, prepare),
      cmocka_unit_test_setup(pulse_past_a_combiner_releases_the_old_and_not_the_new, prepare),
      cmocka_unit_test_setup(combiner_with_an_old_word_does_not_release_who_came_after_the_reset,
                             prepare),
      cmocka_unit_test_setup(wake_after_the_ring_belongs_to_the_mailed_waiter, prepare),
      cmocka_unit_test_setup(wake_between_check_and_queueing_makes_the_caller_check_again, prepare),
      cmocka_unit_test_setup(wake_between_check_and_mail_ends_the_wait, prepare),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
