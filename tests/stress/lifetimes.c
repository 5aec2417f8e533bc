// Memory that is freed right after its last use, while others are still inside the calls that made
// that possible: objects, waits, loops. Freed memory is overwritten first; under AddressSanitizer
// and ThreadSanitizer each late access is caught as such. The numbers are those of
// docs/scenarios.md.
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "../support/rig.h"
#include "../support/waitable.h"

enum { PARTS = 8 };

static void bury(void *memory, size_t size) {
  memset(memory, 0xdd, size);
  free(memory);
}

static void *dig(size_t size) {
  void *memory = malloc(size);
  check(memory);
  return memory;
}

typedef void round_fn(rouse_loop *loop, rig *partner);
static void repeat(round_fn *round, void (*act)(void *), uint64_t stream) {
  const int64_t end_ns = rouse_deadline_in_ns(stress_time_ns(PARTS));
  rig partner;
  watchdog_start();
  rig_start(&partner, act, NULL, stream);
  rouse_loop *loop = test_loop_create();
  long rounds = 0;
  do {
    round(loop, &partner);
    rounds++;
    watchdog_progress();
  } while (rouse_now_ns() < end_ns);
  test_loop_destroy(loop);
  rig_stop(&partner);
  watchdog_stop();
  print_message("           %ld rounds\n", rounds);
}

// --- 8: the last unlocker ------------------------------------------------------------------------

typedef struct counted {
  rouse_mutex mutex;
  int users;  // guarded by |mutex|
} counted;
static counted *shared;

static void leave_counted(counted *self) {
  int left = --self->users;
  rouse_mutex_unlock(&self->mutex);
  if (!left) bury(self, sizeof *self);
}

static void use_counted(void *argument) {
  (void)argument;
  counted *self = shared;
  check_result(rouse_mutex_lock(&self->mutex), ROUSE_DONE);
  leave_counted(self);
}

typedef struct counted_wait {
  rouse_wait wait;
  counted *object;
  int *completed;
} counted_wait;
static void counted_locked(rouse_wait *wait, int result) {
  counted_wait *self = (counted_wait *)wait;
  check_result(result, ROUSE_DONE);
  leave_counted(self->object);
  ++*self->completed;
}

static void last_unlocker_round(rouse_loop *loop, rig *partner) {
  enum { CALLBACKS = 2 };
  counted *self = dig(sizeof *self);
  counted_wait waits[CALLBACKS];
  int completed = 0;
  rouse_policy policy = random_one_in(&partner->own_random, 2) ? ROUSE_FIFO : ROUSE_EVENTUAL;
  check_result(rouse_mutex_init(&self->mutex, policy), ROUSE_DONE);
  self->users = 1 + CALLBACKS;
  shared = self;
  rig_go(partner);
  for (int i = 0; i < CALLBACKS; i++) {
    rouse_wait_init(&waits[i].wait, loop, counted_locked);
    waits[i].object = self;
    waits[i].completed = &completed;
    int result = rouse_mutex_lock_start(&self->mutex, &waits[i].wait, ROUSE_FOREVER);
    if (result == ROUSE_DONE) counted_locked(&waits[i].wait, ROUSE_DONE);
  }
  test_loop_run_until(loop, &completed, CALLBACKS);
  rig_await(partner);
}

static void last_unlocker_may_free_the_mutex(void **state) {
  (void)state;
  repeat(last_unlocker_round, use_counted, 8);
}

static int64_t use_counted_in_task(void *argument) {
  counted *self = argument;
  check_result(rouse_mutex_lock(&self->mutex), ROUSE_DONE);
  if (rouse_now_ns() & 64) rouse_task_yield();
  leave_counted(self);
  return 0;
}

static int64_t last_unlockers_on_two_loops(void *argument) {
  enum { USERS = 6 };
  const int64_t end_ns = rouse_deadline_in_ns(*(int64_t *)argument);
  do {
    counted *self = dig(sizeof *self);
    rouse_mutex_init(&self->mutex, ROUSE_POLICY_DEFAULT);
    self->users = USERS;
    rouse_task *tasks[USERS];
    for (uint32_t i = 0; i < USERS; i++) {
      tasks[i] = test_spawn(rouse_run_loop(i % 2), use_counted_in_task, self);
    }
    for (int i = 0; i < USERS; i++) test_join(tasks[i]);
    watchdog_progress();
  } while (rouse_now_ns() < end_ns);
  return 0;
}

static void last_unlocker_of_two_loops_may_free_the_mutex(void **state) {
  (void)state;
  int64_t time_ns = stress_time_ns(PARTS);
  watchdog_start();
  test_run(2, last_unlockers_on_two_loops, &time_ns);
  watchdog_stop();
}

// --- 9: a waiter that two releasers served -------------------------------------------------------

static rouse_semaphore *two_permits;
static rig other_releaser;
static void release_one(void *argument) {
  (void)argument;
  check_result(rouse_semaphore_release(two_permits, 1), ROUSE_DONE);
}

typedef struct freeing {
  rouse_wait wait;
  void *object;
  size_t size;
  int *completed;
  uint32_t *left;  // atomic: how many of those who wait have not ended. The last one frees.
} freeing;
static void free_object(rouse_wait *wait, int result) {
  freeing *self = (freeing *)wait;
  check_result(result, ROUSE_DONE);
  if (!self->left || __atomic_sub_fetch(self->left, 1, __ATOMIC_ACQ_REL) == 0) {
    bury(self->object, self->size);
  }
  ++*self->completed;
}

static void two_releasers_round(rouse_loop *loop, rig *partner) {
  int completed = 0;
  rouse_semaphore *self = dig(sizeof *self);
  freeing wait = {.object = self, .size = sizeof *self, .completed = &completed};
  rouse_policy policy = random_one_in(&partner->own_random, 2) ? ROUSE_FIFO : ROUSE_EVENTUAL;
  check_result(rouse_semaphore_init(self, 0, policy), ROUSE_DONE);
  rouse_wait_init(&wait.wait, loop, free_object);
  two_permits = self;
  bool early = random_one_in(&partner->own_random, 2);
  if (early) {
    check_result(rouse_semaphore_acquire_start(self, &wait.wait, 2, ROUSE_FOREVER), ROUSE_PENDING);
  }
  rig_go(partner);
  rig_go(&other_releaser);
  if (!early) {
    int result = rouse_semaphore_acquire_start(self, &wait.wait, 2, ROUSE_FOREVER);
    if (result == ROUSE_DONE) free_object(&wait.wait, ROUSE_DONE);
  }
  test_loop_run_until(loop, &completed, 1);
  rig_await(partner);
  rig_await(&other_releaser);
}

static void waiter_may_free_the_semaphore_under_both_its_releasers(void **state) {
  (void)state;
  rig_start(&other_releaser, release_one, NULL, 99);
  repeat(two_releasers_round, release_one, 9);
  rig_stop(&other_releaser);
}

// --- 7: a poster that stalls ---------------------------------------------------------------------

// Two wait, from two threads, so that one posts past the other as combiner; a third serves both
// with one call; the last of them frees the object.
static const waitable *kind;
static test_object *fleeting;
static uint32_t waiters_left;
static rig third;

static void wait_as_a_thread(void *argument) {
  (void)argument;
  test_object *self = fleeting;
  check_result(kind->wait(self, ROUSE_FOREVER), ROUSE_DONE);
  if (__atomic_sub_fetch(&waiters_left, 1, __ATOMIC_ACQ_REL) == 0) bury(self, sizeof *self);
}

static void serve_both(void *argument) {
  (void)argument;
  test_object *self = fleeting;
  switch (kind - waitables) {
    case 2:
    case 3:
      check_result(rouse_semaphore_release(&self->semaphore, 2), ROUSE_DONE);
      break;
    default:
      rouse_event_set(&self->event);
      break;
  }
}

static void stalled_poster_round(rouse_loop *loop, rig *partner) {
  static const int which[] = {2, 3, 4};  // those semaphores, and the manual event
  int completed = 0;
  kind = &waitables[which[random_below(&partner->own_random, 3)]];
  test_object *self = dig(sizeof *self);
  kind->init(self);
  fleeting = self;
  waiters_left = 2;
  freeing wait = {
      .object = self, .size = sizeof *self, .completed = &completed, .left = &waiters_left};
  rouse_wait_init(&wait.wait, loop, free_object);
  rig_go(partner);
  rig_go(&third);
  int result = kind->start(self, &wait.wait, ROUSE_FOREVER);
  if (result == ROUSE_DONE) {
    free_object(&wait.wait, ROUSE_DONE);
  } else {
    check_result(result, ROUSE_PENDING);
  }
  test_loop_run_until(loop, &completed, 1);
  rig_await(partner);
  rig_await(&third);
}

static void last_of_two_waiters_may_free_the_object_under_a_stalled_poster(void **state) {
  (void)state;
  rig_start(&third, serve_both, NULL, 77);
  repeat(stalled_poster_round, wait_as_a_thread, 7);
  rig_stop(&third);
}

// --- one waiter, one granter, each primitive -----------------------------------------------------

static void grant_fleeting(void *argument) {
  (void)argument;
  kind->grant(fleeting);
}

static void freed_when_granted_round(rouse_loop *loop, rig *partner) {
  int completed = 0;
  kind = &waitables[random_below(&partner->own_random, WAITABLES)];
  test_object *self = dig(sizeof *self);
  kind->init(self);
  fleeting = self;
  freeing wait = {.object = self, .size = sizeof *self, .completed = &completed};
  rouse_wait_init(&wait.wait, loop, free_object);
  bool early = !kind->remembers || random_one_in(&partner->own_random, 2);
  if (early) check_result(kind->start(self, &wait.wait, ROUSE_FOREVER), ROUSE_PENDING);
  rig_go(partner);
  if (!early && kind->start(self, &wait.wait, ROUSE_FOREVER) == ROUSE_DONE) {
    free_object(&wait.wait, ROUSE_DONE);
  }
  test_loop_run_until(loop, &completed, 1);
  rig_await(partner);
}

static void waiter_may_free_the_object_under_its_granter(void **state) {
  (void)state;
  repeat(freed_when_granted_round, grant_fleeting, 70);
}

static void thread_may_free_the_object_round(rouse_loop *loop, rig *partner) {
  (void)loop;
  kind = &waitables[random_below(&partner->own_random, WAITABLES - 1)];  // those that remember
  test_object *self = dig(sizeof *self);
  kind->init(self);
  fleeting = self;
  waiters_left = 1;
  rig_go(&third);  // waits, and frees
  rig_go(partner);
  rig_await(partner);
  rig_await(&third);
}

static void plain_thread_may_free_the_object_under_its_granter(void **state) {
  (void)state;
  rig_start(&third, wait_as_a_thread, NULL, 78);
  repeat(thread_may_free_the_object_round, grant_fleeting, 71);
  rig_stop(&third);
}

// --- cancels: the object goes, and then the wait -------------------------------------------------

static rouse_wait *to_cancel;
static void cancel_it(void *argument) {
  (void)argument;
  rouse_wait_cancel(to_cancel);
}

static void free_cancelled_object(rouse_wait *wait, int result) {
  freeing *self = (freeing *)wait;
  check_result(result, ROUSE_ECANCELED);
  bury(self->object, self->size);  // the canceller may still be on its way out
  ++*self->completed;
}

static void cancelled_round(rouse_loop *loop, rig *partner) {
  int completed = 0;
  kind = &waitables[random_below(&partner->own_random, WAITABLES)];
  test_object *self = dig(sizeof *self);
  kind->init(self);
  freeing *wait = dig(sizeof *wait);
  *wait = (freeing){.object = self, .size = sizeof *self, .completed = &completed};
  rouse_wait_init(&wait->wait, loop, free_cancelled_object);
  check_result(kind->start(self, &wait->wait, rouse_deadline_in_ns(3600 * SECOND)), ROUSE_PENDING);
  to_cancel = &wait->wait;
  rig_go(partner);
  test_loop_run_until(loop, &completed, 1);
  rig_await(partner);
  bury(wait, sizeof *wait);
}

static void cancelled_waiter_may_free_the_object_under_its_canceller(void **state) {
  (void)state;
  repeat(cancelled_round, cancel_it, 72);
}

// --- loops ---------------------------------------------------------------------------------------

static rouse_loop *short_lived;
static void stop_it(void *argument) {
  (void)argument;
  rouse_loop_stop(short_lived);
}

static void loop_may_be_destroyed_under_its_stopper(void **state) {
  (void)state;
  const int64_t end_ns = rouse_deadline_in_ns(stress_time_ns(PARTS));
  rig stopper;
  watchdog_start();
  rig_start(&stopper, stop_it, NULL, 73);
  do {
    short_lived = test_loop_create();
    rig_go(&stopper);
    check_result(rouse_loop_run(short_lived), ROUSE_DONE);
    test_loop_destroy(short_lived);
    rig_await(&stopper);
    watchdog_progress();
  } while (rouse_now_ns() < end_ns);
  rig_stop(&stopper);
  watchdog_stop();
}

int main(void) {
  seed();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(last_unlocker_may_free_the_mutex),
      cmocka_unit_test(last_unlocker_of_two_loops_may_free_the_mutex),
      cmocka_unit_test(waiter_may_free_the_semaphore_under_both_its_releasers),
      cmocka_unit_test(last_of_two_waiters_may_free_the_object_under_a_stalled_poster),
      cmocka_unit_test(waiter_may_free_the_object_under_its_granter),
      cmocka_unit_test(plain_thread_may_free_the_object_under_its_granter),
      cmocka_unit_test(cancelled_waiter_may_free_the_object_under_its_canceller),
      cmocka_unit_test(loop_may_be_destroyed_under_its_stopper),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
