// Objects in zeroed memory, used without init by three threads for the first time at once, and
// freed by the last of those who waited, while the others are still returning from their calls.
// Freed memory is overwritten first; under AddressSanitizer and ThreadSanitizer each late access is
// caught as such.
#include <stdlib.h>
#include <string.h>

#include "../support/rig.h"

enum { PARTS = 4, WAITERS = 2 };

typedef struct object {
  union {
    rouse_mutex mutex;
    rouse_semaphore semaphore;
    rouse_event event;
    rouse_waitqueue waitqueue;
  };
  int users;       // of the mutex: guarded by it
  uint32_t ready;  // atomic: what is waited for in the waitqueue
} object;

static object *shared;
static uint32_t waiters_left;  // atomic
static uint32_t kept;          // atomic: the object is not to be freed before all have returned

static void bury(object *self) {
  memset(self, 0xdd, sizeof *self);
  free(self);
}

static void waiter_leaves(object *self) {
  if (__atomic_sub_fetch(&waiters_left, 1, __ATOMIC_ACQ_REL) > 0) return;
  if (!__atomic_load_n(&kept, __ATOMIC_RELAXED)) bury(self);
}

// Again and again a new object: |wait| is done to it by two threads, one of them the test's own,
// and |give| by a third.
static void repeat(void (*wait)(void *), void (*give)(void *), uint64_t stream) {
  const int64_t end_ns = rouse_deadline_in_ns(stress_time_ns(PARTS));
  rig waiter, giver;
  long rounds = 0, freed_early = 0;
  watchdog_start();
  rig_start(&waiter, wait, NULL, stream);
  rig_start(&giver, give, NULL, stream + 1);
  do {
    shared = calloc(1, sizeof *shared);
    check(shared);
    waiters_left = WAITERS;
    kept = 0;
    rig_go(&waiter);
    rig_go(&giver);
    wait(NULL);
    rig_await(&waiter);
    rig_await(&giver);
    if (kept) bury(shared);
    freed_early += !kept;
    rounds++;
    watchdog_progress();
  } while (rouse_now_ns() < end_ns);
  rig_stop(&waiter);
  rig_stop(&giver);
  watchdog_stop();
  print_message("           %ld rounds, %ld freed by a waiter\n", rounds, freed_early);
}

// --- mutex: the last to unlock it frees it -------------------------------------------------------

static void lock_unlock(void *argument) {
  (void)argument;
  object *self = shared;
  check_result(rouse_mutex_lock(&self->mutex), ROUSE_DONE);
  bool last = ++self->users == WAITERS + 1;
  rouse_mutex_unlock(&self->mutex);
  if (last) bury(self);
}

static void zeroed_mutex_may_be_used_by_all_at_once(void **state) {
  (void)state;
  repeat(lock_unlock, lock_unlock, 340);
}

// --- semaphore -----------------------------------------------------------------------------------

static void acquire(void *argument) {
  (void)argument;
  object *self = shared;
  check_result(rouse_semaphore_acquire(&self->semaphore, 1), ROUSE_DONE);
  waiter_leaves(self);
}

static void release_to_both(void *argument) {
  (void)argument;
  rouse_semaphore *semaphore = &shared->semaphore;
  for (int i = 0; i < WAITERS; i++) check_result(rouse_semaphore_release(semaphore, 1), ROUSE_DONE);
}

static void zeroed_semaphore_may_be_used_by_all_at_once(void **state) {
  (void)state;
  repeat(acquire, release_to_both, 342);
}

// --- event ---------------------------------------------------------------------------------------

static void wait_for_event(void *argument) {
  (void)argument;
  object *self = shared;
  check_result(rouse_event_wait(&self->event), ROUSE_DONE);
  waiter_leaves(self);
}

static void set_event(void *argument) {
  (void)argument;
  rouse_event_set(&shared->event);
}

static void zeroed_event_may_be_used_by_all_at_once(void **state) {
  (void)state;
  repeat(wait_for_event, set_event, 344);
}

// --- waitqueue -----------------------------------------------------------------------------------

static bool not_ready(void *argument) {
  return !__atomic_load_n(&((object *)argument)->ready, __ATOMIC_RELAXED);
}

static void wait_until_ready(void *argument) {
  (void)argument;
  object *self = shared;
  int result = rouse_waitqueue_wait_if(&self->waitqueue, not_ready, self);
  check(!not_ready(self));
  if (result != ROUSE_DONE) {  // not woken: the wake itself may be yet to come
    check_result(result, ROUSE_EAGAIN);
    __atomic_store_n(&kept, 1, __ATOMIC_RELAXED);
  }
  waiter_leaves(self);
}

static void make_ready(void *argument) {
  (void)argument;
  object *self = shared;
  __atomic_store_n(&self->ready, 1, __ATOMIC_RELAXED);
  rouse_waitqueue_wake_all(&self->waitqueue);
}

static void zeroed_waitqueue_may_be_used_by_all_at_once(void **state) {
  (void)state;
  repeat(wait_until_ready, make_ready, 346);
}

int main(void) {
  seed();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(zeroed_mutex_may_be_used_by_all_at_once),
      cmocka_unit_test(zeroed_semaphore_may_be_used_by_all_at_once),
      cmocka_unit_test(zeroed_event_may_be_used_by_all_at_once),
      cmocka_unit_test(zeroed_waitqueue_may_be_used_by_all_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
