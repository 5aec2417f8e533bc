// The primitives behind one interface. See waitable.h.
#include "waitable.h"

#include <sched.h>

#include "sync/queue.h"

// --- mutex: held by the test ---------------------------------------------------------------------

static void mutex_init(test_object *object, rouse_policy policy) {
  check_result(rouse_mutex_init(&object->mutex, policy), ROUSE_DONE);
  check(rouse_mutex_try_lock(&object->mutex));
}
static void fifo_mutex_init(test_object *object) { mutex_init(object, ROUSE_FIFO); }
static void eventual_mutex_init(test_object *object) { mutex_init(object, ROUSE_EVENTUAL); }
static int mutex_wait(test_object *object, int64_t deadline_ns) {
  return rouse_mutex_lock_until(&object->mutex, deadline_ns);
}
static int mutex_start(test_object *object, rouse_wait *wait, int64_t deadline_ns) {
  return rouse_mutex_lock_start(&object->mutex, wait, deadline_ns);
}
static void mutex_grant(test_object *object) { rouse_mutex_unlock(&object->mutex); }
static bool mutex_take(test_object *object) { return rouse_mutex_try_lock(&object->mutex); }

// --- semaphore: without permits ------------------------------------------------------------------

static void fifo_semaphore_init(test_object *object) {
  check_result(rouse_semaphore_init(&object->semaphore, 0, ROUSE_FIFO), ROUSE_DONE);
}
static void eventual_semaphore_init(test_object *object) {
  check_result(rouse_semaphore_init(&object->semaphore, 0, ROUSE_EVENTUAL), ROUSE_DONE);
}
static int semaphore_wait(test_object *object, int64_t deadline_ns) {
  return rouse_semaphore_acquire_until(&object->semaphore, 1, deadline_ns);
}
static int semaphore_start(test_object *object, rouse_wait *wait, int64_t deadline_ns) {
  return rouse_semaphore_acquire_start(&object->semaphore, wait, 1, deadline_ns);
}
static void semaphore_grant(test_object *object) {
  check_result(rouse_semaphore_release(&object->semaphore, 1), ROUSE_DONE);
}
static bool semaphore_take(test_object *object) {
  return rouse_semaphore_try_acquire(&object->semaphore, 1) == ROUSE_DONE;
}

// --- event ---------------------------------------------------------------------------------------

static void manual_event_init(test_object *object) {
  check_result(rouse_event_init(&object->event, ROUSE_EVENT_MANUAL, false), ROUSE_DONE);
}
static void automatic_event_init(test_object *object) {
  check_result(rouse_event_init(&object->event, ROUSE_EVENT_AUTO, false), ROUSE_DONE);
}
static int event_wait(test_object *object, int64_t deadline_ns) {
  return rouse_event_wait_until(&object->event, deadline_ns);
}
static int event_start(test_object *object, rouse_wait *wait, int64_t deadline_ns) {
  return rouse_event_wait_start(&object->event, wait, deadline_ns);
}
static void event_grant(test_object *object) { rouse_event_set(&object->event); }
static bool event_take(test_object *object) { return rouse_event_try_wait(&object->event); }

// --- waitqueue -----------------------------------------------------------------------------------

static void waitqueue_init(test_object *object) { rouse_waitqueue_init(&object->waitqueue); }
static int waitqueue_wait(test_object *object, int64_t deadline_ns) {
  return rouse_waitqueue_wait_if_until(&object->waitqueue, NULL, NULL, deadline_ns);
}
static int waitqueue_start(test_object *object, rouse_wait *wait, int64_t deadline_ns) {
  return rouse_waitqueue_wait_if_start(&object->waitqueue, wait, NULL, NULL, deadline_ns);
}
static void waitqueue_grant(test_object *object) { rouse_waitqueue_wake_one(&object->waitqueue); }
static bool waitqueue_take(test_object *object) {
  (void)object;
  return false;
}

const waitable waitables[WAITABLES] = {
    {"FIFO mutex", false, true, false, fifo_mutex_init, mutex_wait, mutex_start, mutex_grant,
     mutex_take},
    {"eventual mutex", false, true, true, eventual_mutex_init, mutex_wait, mutex_start, mutex_grant,
     mutex_take},
    {"FIFO semaphore", false, true, false, fifo_semaphore_init, semaphore_wait, semaphore_start,
     semaphore_grant, semaphore_take},
    {"eventual semaphore", false, true, true, eventual_semaphore_init, semaphore_wait,
     semaphore_start, semaphore_grant, semaphore_take},
    {"manual event", true, true, false, manual_event_init, event_wait, event_start, event_grant,
     event_take},
    {"automatic event", false, true, false, automatic_event_init, event_wait, event_start,
     event_grant, event_take},
    {"waitqueue", false, false, false, waitqueue_init, waitqueue_wait, waitqueue_start,
     waitqueue_grant, waitqueue_take},
};

bool test_queue_has_waiters(const struct rouse__queue *queue) {
  uint64_t word = __atomic_load_n(&queue->word.raw, __ATOMIC_ACQUIRE);
  return (word & (ROUSE__QUEUED | ROUSE__BUSY)) == ROUSE__QUEUED;
}

void test_queue_await_waiter(const struct rouse__queue *queue) {
  const int64_t limit_ns = rouse_deadline_in_ns(120 * SECOND);
  while (!test_queue_has_waiters(queue)) {
    sched_yield();
    if (rouse_now_ns() > limit_ns) check_failed(__FILE__, __LINE__, "nobody came to wait");
  }
}
