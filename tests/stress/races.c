// The races that a correct implementation survives, one test each, with two or three threads that
// meet at one object over and over. The sections are numbered as in docs/scenarios.md, which tells
// where the others are tested.
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "../support/rig.h"
#include "../support/waitable.h"

enum { PARTS = 11 };

static test_object object;
static const waitable *kind;
static rouse_loop *loop;

// Calls |round| again and again for this test's share of the time.
static void repeat(void (*round)(void)) {
  const int64_t end_ns = rouse_deadline_in_ns(stress_time_ns(PARTS));
  watchdog_start();
  loop = test_loop_create();
  long rounds = 0;
  do {
    round();
    rounds++;
    watchdog_progress();
  } while (rouse_now_ns() < end_ns);
  test_loop_destroy(loop);
  watchdog_stop();
  print_message("           %ld rounds\n", rounds);
}

static void repeat_for_all(void (*round)(void), bool only_with_memory) {
  int64_t share_ns = stress_time_ns(PARTS * WAITABLES);
  watchdog_start();
  loop = test_loop_create();
  for (int i = 0; i < WAITABLES; i++) {
    kind = &waitables[i];
    if (only_with_memory && !kind->remembers) continue;
    const int64_t end_ns = rouse_deadline_in_ns(share_ns);
    kind->init(&object);
    do {
      round();
      watchdog_progress();
    } while (rouse_now_ns() < end_ns);
    check(!test_queue_has_waiters(&object.queue));
  }
  test_loop_destroy(loop);
  watchdog_stop();
}

static rig partner;
static void grant_it(void *argument) {
  (void)argument;
  kind->grant(&object);
}

// After a grant and a wait that ended with |result|: one of them has it. Makes it ungranted again.
static void check_conserved(int result) {
  if (kind->releases_all) {
    check(rouse_event_is_set(&object.event));
    rouse_event_reset(&object.event);
  } else if (result == ROUSE_DONE) {
    check(!kind->take(&object));
  } else {
    check_result(result, ROUSE_ECANCELED);
    check(kind->take(&object));
  }
}

// --- 1, 15: a cancel against a grant -------------------------------------------------------------

static void cancel_against_grant_round(void) {
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  check_result(kind->start(&object, &wait.wait, ROUSE_FOREVER), ROUSE_PENDING);
  rig_go(&partner);
  rouse_wait_cancel(&wait.wait);
  test_loop_run_until(loop, &wait.completed, 1);
  rig_await(&partner);
  test_loop_settle(loop);
  check_equal(wait.completed, 1);
  check_conserved(wait.result);
}

static void cancel_against_grant_gives_one_result(void **state) {
  (void)state;
  rig_start(&partner, grant_it, NULL, 1);
  repeat_for_all(cancel_against_grant_round, true);
  rig_stop(&partner);
}

static void set_against_cancel_round(void) {
  kind = &waitables[5];
  check_string(kind->name, "automatic event");
  kind->init(&object);
  cancel_against_grant_round();
}

static void set_against_cancel_stays_or_is_given(void **state) {
  (void)state;
  kind = &waitables[5];
  rig_start(&partner, grant_it, NULL, 15);
  repeat(set_against_cancel_round);
  rig_stop(&partner);
}

// --- 2: a cancelled head -------------------------------------------------------------------------

static test_wait *head_to_cancel;
static void cancel_head(void *argument) {
  (void)argument;
  rouse_wait_cancel(&head_to_cancel->wait);
}

static void cancelled_head_round(void) {
  random_source *random = &partner.own_random;
  test_wait head, next;
  test_wait_init(&head, loop, NULL);
  test_wait_init(&next, loop, NULL);
  rouse_policy policy = random_one_in(random, 2) ? ROUSE_FIFO : ROUSE_EVENTUAL;
  check_result(rouse_semaphore_init(&object.semaphore, 1, policy), ROUSE_DONE);
  check_result(rouse_semaphore_acquire_start(&object.semaphore, &head.wait, 2, ROUSE_FOREVER),
               ROUSE_PENDING);
  head_to_cancel = &head;
  rig_go(&partner);
  // The second comes before, during or after the cancel of the first.
  int started = rouse_semaphore_acquire_start(&object.semaphore, &next.wait, 1, ROUSE_FOREVER);
  if (started == ROUSE_PENDING) test_loop_run_until(loop, &next.completed, 1);
  test_loop_run_until(loop, &head.completed, 1);
  rig_await(&partner);
  check_result(head.result, ROUSE_ECANCELED);
  if (started == ROUSE_PENDING) check_result(next.result, ROUSE_DONE);
  check_equal(rouse_semaphore_available(&object.semaphore), 0);
}

static void cancelled_head_lets_the_next_through(void **state) {
  (void)state;
  rig_start(&partner, cancel_head, NULL, 2);
  repeat(cancelled_head_round);
  rig_stop(&partner);
}

// --- 3, 10: mail, and who leaves meanwhile -------------------------------------------------------

// A thread with a loop of its own, which queues on the one object and cancels, as the test does.
enum { QUEUED = 6 };
typedef struct neighbour {
  rouse_loop *loop;
  test_wait waits[QUEUED];
  int counter;
  random_source random;
  bool stop;
} neighbour;

static void queue_and_cancel(neighbour *self, bool cancel_all) {
  bool started[QUEUED], asked[QUEUED] = {false};
  self->counter = 0;
  int pending = 0;
  for (int i = 0; i < QUEUED; i++) {
    test_wait_init(&self->waits[i], self->loop, &self->counter);
    started[i] = rouse_semaphore_acquire_start(&object.semaphore, &self->waits[i].wait, 1,
                                               ROUSE_FOREVER) == ROUSE_PENDING;
    pending += started[i];
    if (!started[i]) check_result(rouse_semaphore_release(&object.semaphore, 1), ROUSE_DONE);
  }
  random_moment(&self->random);
  for (int i = 0; i < QUEUED; i++) {
    int victim = cancel_all ? i : (int)random_below(&self->random, QUEUED);
    if (!started[victim]) continue;
    rouse_wait_cancel(&self->waits[victim].wait);
    asked[victim] = true;
  }
  if (!cancel_all) {  // those that nobody cancels are granted
    check_result(rouse_semaphore_release(&object.semaphore, QUEUED), ROUSE_DONE);
  }
  test_loop_run_until(self->loop, &self->counter, pending);
  for (int i = 0; i < QUEUED; i++) {
    if (!started[i]) continue;
    check_equal(self->waits[i].completed, 1);
    if (self->waits[i].result == ROUSE_DONE) {
      check_result(rouse_semaphore_release(&object.semaphore, 1), ROUSE_DONE);
    } else {
      check(asked[i]);
      check_result(self->waits[i].result, ROUSE_ECANCELED);
    }
  }
  if (!cancel_all) {  // takes back what was lent
    int taken = 0;
    while (taken < QUEUED) {
      if (rouse_semaphore_try_acquire(&object.semaphore, 1) == ROUSE_DONE) {
        taken++;
      } else {  // the others are using them
        check(rouse_loop_run_once(self->loop, 0) >= 0);
        sched_yield();
      }
    }
  }
}

static void be_a_neighbour(void *argument) {
  neighbour *self = argument;
  self->loop = test_loop_create();
  while (!__atomic_load_n(&self->stop, __ATOMIC_ACQUIRE)) {
    queue_and_cancel(self, random_one_in(&self->random, 2));
  }
  test_loop_destroy(self->loop);
}

static void with_neighbours(bool cancel_all, uint64_t stream) {
  static neighbour self, others[2];
  test_thread threads[2];
  check_result(rouse_semaphore_init(&object.semaphore, 0, ROUSE_FIFO), ROUSE_DONE);
  const int64_t end_ns = rouse_deadline_in_ns(stress_time_ns(PARTS));
  watchdog_start();
  self = (neighbour){.loop = test_loop_create(), .random = random_from(stream)};
  for (uint64_t i = 0; i < 2; i++) {
    others[i] = (neighbour){.random = random_from(stream + 1 + i)};
    test_thread_start(&threads[i], be_a_neighbour, &others[i]);
  }
  do {
    queue_and_cancel(&self, cancel_all);
    watchdog_progress();
  } while (rouse_now_ns() < end_ns);
  for (int i = 0; i < 2; i++) __atomic_store_n(&others[i].stop, true, __ATOMIC_RELEASE);
  for (int i = 0; i < 2; i++) test_thread_join(&threads[i]);
  test_loop_destroy(self.loop);
  watchdog_stop();
  check_equal(rouse_semaphore_available(&object.semaphore), 0);
  check(!test_queue_has_waiters(&object.queue));
  check_equal(object.queue.inbox.raw, 0);
}

static void middle_nodes_leave_while_mail_comes_in(void **state) {
  (void)state;
  with_neighbours(true, 30);
}

static void no_mail_is_left_lying(void **state) {
  (void)state;
  with_neighbours(false, 100);
}

// --- 4: a cancel after the grant -----------------------------------------------------------------

// Each wait is a block of its own, freed inside its callback: whoever touches it later is caught.
typedef struct fleeting {
  rouse_wait wait;
  uint32_t *cancelling;  // a cancel from outside must have returned before the memory goes
  int *completed, *result;
} fleeting;

static uint32_t cancelling_now;
static fleeting *to_cancel;

static void cancel_fleeting(void *argument) {
  (void)argument;
  rouse_wait_cancel(&to_cancel->wait);
  __atomic_store_n(&cancelling_now, 0, __ATOMIC_RELEASE);
}

static void fleeting_ended(rouse_wait *wait, int result) {
  fleeting *self = (fleeting *)wait;
  while (__atomic_load_n(self->cancelling, __ATOMIC_ACQUIRE)) sched_yield();
  *self->result = result;
  ++*self->completed;
  free(self);
}

static void fleeting_round(void) {
  int completed = 0, result = INT32_MIN;
  fleeting *self = malloc(sizeof *self);
  check(self);
  *self = (fleeting){.cancelling = &cancelling_now, .completed = &completed, .result = &result};
  rouse_wait_init(&self->wait, loop, fleeting_ended);
  check_result(kind->start(&object, &self->wait, rouse_deadline_in_ns(3600 * SECOND)),
               ROUSE_PENDING);
  to_cancel = self;
  __atomic_store_n(&cancelling_now, 1, __ATOMIC_RELEASE);
  rig_go(&partner);
  kind->grant(&object);  // here, and the cancel there
  test_loop_run_until(loop, &completed, 1);
  rig_await(&partner);
  check_conserved(result);
}

static void wait_is_free_for_use_once_delivered(void **state) {
  (void)state;
  rig_start(&partner, cancel_fleeting, NULL, 4);
  repeat_for_all(fleeting_round, true);
  rig_stop(&partner);
}

// --- 5: two cancels and a deadline ---------------------------------------------------------------

static test_wait twice_cancelled;
static rig second_partner;
static void cancel_twice(void *argument) {
  (void)argument;
  rouse_wait_cancel(&twice_cancelled.wait);
  rouse_wait_cancel(&twice_cancelled.wait);
}

static void cancels_and_deadline_round(void) {
  test_wait_init(&twice_cancelled, loop, NULL);
  int64_t deadline_ns = rouse_deadline_in_ns(random_below(&partner.own_random, 8000));
  int started = kind->start(&object, &twice_cancelled.wait, deadline_ns);
  if (started == ROUSE_ETIMEDOUT) return;
  check_result(started, ROUSE_PENDING);
  rig_go(&partner);
  rig_go(&second_partner);
  if (random_one_in(&partner.own_random, 2)) test_loop_settle(loop);
  test_loop_run_until(loop, &twice_cancelled.completed, 1);
  rig_await(&partner);
  rig_await(&second_partner);
  test_loop_settle(loop);
  check_equal(twice_cancelled.completed, 1);
  int result = twice_cancelled.result;
  if (result != ROUSE_ECANCELED) check_result(result, ROUSE_ETIMEDOUT);
  check(!kind->take(&object));
}

static void cancels_and_a_deadline_end_a_wait_once(void **state) {
  (void)state;
  rig_start(&partner, cancel_twice, NULL, 5);
  rig_start(&second_partner, cancel_twice, NULL, 6);
  repeat_for_all(cancels_and_deadline_round, false);
  rig_stop(&partner);
  rig_stop(&second_partner);
}

// --- 14, 17: events ------------------------------------------------------------------------------

static void set_event(void *argument) {
  (void)argument;
  rouse_event_set(&object.event);
}

static void two_sets_round(void) {
  test_wait waits[3];
  int counter = 0;
  check_result(rouse_event_init(&object.event, ROUSE_EVENT_AUTO, false), ROUSE_DONE);
  for (int i = 0; i < 3; i++) {
    test_wait_init(&waits[i], loop, &counter);
    check_result(rouse_event_wait_start(&object.event, &waits[i].wait, ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  rig_go(&partner);
  bool cancel = random_one_in(&partner.own_random, 3);
  if (cancel) rouse_wait_cancel(&waits[2].wait);
  rouse_event_set(&object.event);
  test_loop_run_until(loop, &counter, 2 + cancel);
  rig_await(&partner);
  test_loop_settle(loop);
  check_result(waits[0].result, ROUSE_DONE);
  check_result(waits[1].result, ROUSE_DONE);
  check(!rouse_event_is_set(&object.event));
  if (cancel) {
    check_result(waits[2].result, ROUSE_ECANCELED);
  } else {
    check_equal(counter, 2);
    rouse_wait_cancel(&waits[2].wait);
    test_loop_run_until(loop, &counter, 3);
  }
}

static void two_sets_reach_two_waiters(void **state) {
  (void)state;
  rig_start(&partner, set_event, NULL, 14);
  repeat(two_sets_round);
  rig_stop(&partner);
}

static uint32_t resets_done;
static void pulse(void *argument) {
  (void)argument;
  rouse_event_set(&object.event);
  rouse_event_reset(&object.event);
  __atomic_add_fetch(&resets_done, 1, __ATOMIC_SEQ_CST);
}

static void pulse_round(void) {
  enum { OLD = 3, NEW = 8 };
  test_wait old[OLD], young[NEW];
  uint32_t resets[NEW];
  int old_counter = 0, young_counter = 0, pending = 0;
  bool started[NEW];
  rouse_event_init(&object.event, ROUSE_EVENT_MANUAL, false);
  resets_done = 0;
  for (int i = 0; i < OLD; i++) {
    test_wait_init(&old[i], loop, &old_counter);
    check_result(rouse_event_wait_start(&object.event, &old[i].wait, ROUSE_FOREVER), ROUSE_PENDING);
  }
  rig_go(&partner);
  for (int i = 0; i < NEW; i++) {  // some come before the pulse, some within, some after
    test_wait_init(&young[i], loop, &young_counter);
    resets[i] = __atomic_load_n(&resets_done, __ATOMIC_SEQ_CST);
    int result = rouse_event_wait_start(&object.event, &young[i].wait, ROUSE_FOREVER);
    started[i] = result == ROUSE_PENDING;
    pending += started[i];
    if (!started[i]) check_equal(resets[i], 0);  // found it set: then not after the reset
    random_moment(&partner.own_random);
  }
  rig_await(&partner);
  test_loop_run_until(loop, &old_counter, OLD);
  test_loop_settle(loop);
  for (int i = 0; i < NEW; i++) {
    if (resets[i]) check_equal(young[i].completed, 0);
  }
  rouse_event_set(&object.event);
  test_loop_run_until(loop, &young_counter, pending);
  for (int i = 0; i < NEW; i++) check_equal(young[i].completed, started[i]);
  check_equal(rouse_event_waiter_count(&object.event), 0);
}

static void pulse_releases_the_old_and_none_of_the_new(void **state) {
  (void)state;
  rig_start(&partner, pulse, NULL, 17);
  repeat(pulse_round);
  rig_stop(&partner);
}

// --- 18, 19: waitqueues --------------------------------------------------------------------------

typedef struct again {
  rouse_wait wait;
  int woken;
  bool over;
} again;

static int woken_in_all;
static void wait_again(rouse_wait *wait, int result) {
  again *self = (again *)wait;
  if (result == ROUSE_ECANCELED) {
    self->over = true;
    return;
  }
  check_result(result, ROUSE_DONE);
  self->woken++;
  woken_in_all++;
  check_result(rouse_waitqueue_wait_if_start(&object.waitqueue, wait, NULL, NULL, ROUSE_FOREVER),
               ROUSE_PENDING);
}

static void wake_all(void *argument) {
  (void)argument;
  rouse_waitqueue_wake_all(&object.waitqueue);
}

static void woken_once_round(void) {
  enum { MANY = 100 };
  static again waits[MANY];
  rouse_waitqueue_init(&object.waitqueue);
  woken_in_all = 0;
  for (int i = 0; i < MANY; i++) {
    waits[i] = (again){.woken = 0};
    rouse_wait_init(&waits[i].wait, loop, wait_again);
    check_result(
        rouse_waitqueue_wait_if_start(&object.waitqueue, &waits[i].wait, NULL, NULL, ROUSE_FOREVER),
        ROUSE_PENDING);
  }
  rig_go(&partner);  // wakes all, while those woken come back to wait
  test_loop_run_until(loop, &woken_in_all, MANY);
  rig_await(&partner);
  test_loop_settle(loop);
  check_equal(woken_in_all, MANY);
  for (int i = 0; i < MANY; i++) {
    check_equal(waits[i].woken, 1);
    rouse_wait_cancel(&waits[i].wait);
  }
  test_loop_settle(loop);
  for (int i = 0; i < MANY; i++) check(waits[i].over);
}

static void woken_once_by_each_wake_all(void **state) {
  (void)state;
  rig_start(&partner, wake_all, NULL, 18);
  repeat(woken_once_round);
  rig_stop(&partner);
}

static void wake_one(void *argument) {
  (void)argument;
  rouse_waitqueue_wake_one(&object.waitqueue);
}

static void wake_is_passed_on_round(void) {
  test_wait waits[3];
  int counter = 0;
  rouse_waitqueue_init(&object.waitqueue);
  for (int i = 0; i < 3; i++) {
    test_wait_init(&waits[i], loop, &counter);
    check_result(
        rouse_waitqueue_wait_if_start(&object.waitqueue, &waits[i].wait, NULL, NULL, ROUSE_FOREVER),
        ROUSE_PENDING);
  }
  rig_go(&partner);
  rouse_wait_cancel(&waits[0].wait);
  test_loop_run_until(loop, &waits[0].completed, 1);
  rig_await(&partner);
  test_loop_settle(loop);
  // The wake was given to the first, or else to the second; never to both or nobody.
  check_equal(waits[1].completed, waits[0].result == ROUSE_ECANCELED);
  check_equal(waits[2].completed, 0);
  rouse_waitqueue_wake_all(&object.waitqueue);
  test_loop_run_until(loop, &counter, 3);
}

static void wake_is_passed_on_or_given(void **state) {
  (void)state;
  rig_start(&partner, wake_one, NULL, 19);
  repeat(wake_is_passed_on_round);
  rig_stop(&partner);
}

int main(void) {
  seed();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cancel_against_grant_gives_one_result),
      cmocka_unit_test(cancelled_head_lets_the_next_through),
      cmocka_unit_test(middle_nodes_leave_while_mail_comes_in),
      cmocka_unit_test(wait_is_free_for_use_once_delivered),
      cmocka_unit_test(cancels_and_a_deadline_end_a_wait_once),
      cmocka_unit_test(no_mail_is_left_lying),
      cmocka_unit_test(two_sets_reach_two_waiters),
      cmocka_unit_test(set_against_cancel_stays_or_is_given),
      cmocka_unit_test(pulse_releases_the_old_and_none_of_the_new),
      cmocka_unit_test(woken_once_by_each_wake_all),
      cmocka_unit_test(wake_is_passed_on_or_given),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
