// The semaphore's amounts under contention: big requests and small ones, requests that can never be
// met, close, and a capacity that shrinks below what is held and grows again. The sections are
// numbered as in docs/scenarios.md.
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "../support/rig.h"
#include "../support/waitable.h"

enum { PARTS = 5, CAPACITY = 4, TASKS = 12, THREADS = 2 };

static rouse_semaphore semaphore;
static bool stopping;        // atomic
static uint32_t phase;       // atomic; odd: the big request is queued, or has just been granted
static uint64_t small_ones;  // atomic

static void print_semaphore(void) {
  fprintf(stderr, "word %#llx inbox %#llx head %p available %lld capacity %u debt %u phase %u\n",
          (unsigned long long)semaphore.queue.word.raw,
          (unsigned long long)semaphore.queue.inbox.raw, (void *)semaphore.queue.head,
          (long long)rouse_semaphore_available(&semaphore), rouse_semaphore_capacity(&semaphore),
          semaphore.debt.raw, phase);
}

static bool stop_asked(void) { return __atomic_load_n(&stopping, __ATOMIC_RELAXED); }

static void begin(uint32_t permits, rouse_policy policy) {
  stopping = false;
  phase = 0;
  check_result(rouse_semaphore_init(&semaphore, permits, policy), ROUSE_DONE);
  check_on_failure(print_semaphore);
  watchdog_start();
}

static void end(uint32_t expected) {
  watchdog_stop();
  check_on_failure(NULL);
  check_equal(rouse_semaphore_available(&semaphore), expected);
  check_equal(rouse_semaphore_capacity(&semaphore), expected);
  check_equal(rouse_semaphore_in_use(&semaphore), 0);
  check_equal(semaphore.debt.raw, 0);
  check(!test_queue_has_waiters(&semaphore.queue));
}

// --- 11: a big request among small ones ----------------------------------------------------------

static bool fifo;

// Small requests without end. Returns when the semaphore is closed or the test stops.
static int churn(bool in_task, uint64_t stream) {
  random_source random = random_from(stream);
  while (!stop_asked()) {
    uint32_t before = __atomic_load_n(&phase, __ATOMIC_SEQ_CST);
    int result = random_one_in(&random, 8) ? rouse_semaphore_try_acquire(&semaphore, 1)
                                           : rouse_semaphore_acquire(&semaphore, 1);
    if (result == ROUSE_EAGAIN) continue;
    if (result != ROUSE_DONE) return result;
    uint32_t after = __atomic_load_n(&phase, __ATOMIC_SEQ_CST);
    // The big one takes all there is: had it been granted, it would have gone on to the next phase
    // before this could succeed.
    if (fifo && (before & 1)) check(after != before);
    __atomic_add_fetch(&small_ones, 1, __ATOMIC_RELAXED);
    if (in_task && random_one_in(&random, 3)) rouse_task_yield();
    random_moment(&random);
    check_result(rouse_semaphore_release(&semaphore, 1), ROUSE_DONE);
    watchdog_progress();
  }
  return ROUSE_DONE;
}

static int64_t churning_task(void *argument) { return churn(true, (uint64_t)(uintptr_t)argument); }
static void churning_thread(void *argument) {
  int result = churn(false, (uint64_t)(uintptr_t)argument);
  if (result != ROUSE_DONE) check_result(result, ROUSE_ECLOSED);
}

typedef struct big {
  rouse_wait wait;
  rouse_event granted;
  int result;
} big;
static void big_ended(rouse_wait *wait, int result) {
  ((big *)wait)->result = result;
  rouse_event_set(&((big *)wait)->granted);
}

static int64_t be_big(void *argument) {
  const int64_t end_ns = rouse_deadline_in_ns(*(int64_t *)argument);
  rouse_task *tasks[TASKS];
  big self;
  int queued = 0;
  rouse_wait_init(&self.wait, NULL, big_ended);
  for (uintptr_t i = 0; i < TASKS; i++) {
    tasks[i] = test_spawn(rouse_run_loop(i % 2), churning_task, (void *)(i + 10));
  }
  do {
    rouse_event_init(&self.granted, ROUSE_EVENT_MANUAL, false);
    int started = rouse_semaphore_acquire_start(&semaphore, &self.wait, CAPACITY, ROUSE_FOREVER);
    if (started == ROUSE_PENDING) {
      __atomic_add_fetch(&phase, 1, __ATOMIC_SEQ_CST);
      queued++;
      check_result(rouse_event_wait(&self.granted), ROUSE_DONE);
      check_result(self.result, ROUSE_DONE);
      check_equal(rouse_semaphore_available(&semaphore), 0);
      __atomic_add_fetch(&phase, 1, __ATOMIC_SEQ_CST);
    } else {
      check_result(started, ROUSE_DONE);
    }
    check_result(rouse_semaphore_release(&semaphore, CAPACITY), ROUSE_DONE);
    rouse_task_yield();
    watchdog_progress();
  } while (rouse_now_ns() < end_ns);
  __atomic_store_n(&stopping, true, __ATOMIC_RELAXED);
  for (int i = 0; i < TASKS; i++) check_result(test_join(tasks[i]), ROUSE_DONE);
  return queued;
}

static void big_among_small(rouse_policy policy) {
  int64_t time_ns = stress_time_ns(PARTS);
  test_thread threads[THREADS];
  fifo = policy == ROUSE_FIFO;
  begin(CAPACITY, policy);
  for (uintptr_t i = 0; i < THREADS; i++) {
    test_thread_start(&threads[i], churning_thread, (void *)(i + 1));
  }
  int64_t queued = test_run(2, be_big, &time_ns);
  for (int i = 0; i < THREADS; i++) test_thread_join(&threads[i]);
  end(CAPACITY);
  print_message("           %lld big ones were queued\n", (long long)queued);
  check(queued > 0);
}

static void small_requests_never_overtake_a_big_one_under_fifo(void **state) {
  (void)state;
  big_among_small(ROUSE_FIFO);
}

static void big_request_gets_through_under_eventual(void **state) {
  (void)state;
  big_among_small(ROUSE_EVENTUAL);
}

// --- 12: a request that can never be met ---------------------------------------------------------

static int64_t ask_too_much_then_close(void *argument) {
  const int64_t end_ns = rouse_deadline_in_ns(*(int64_t *)argument);
  rouse_task *tasks[TASKS];
  random_source random = random_from(12);
  for (uintptr_t i = 0; i < TASKS; i++) {
    tasks[i] = test_spawn(rouse_run_loop(i % 2), churning_task, (void *)(i + 10));
  }
  test_wait never[3];
  do {
    for (int i = 0; i < 3; i++) {
      test_wait_init(&never[i], NULL, NULL);
      uint32_t permits = CAPACITY + 1 + random_below(&random, 1000);
      check_result(
          rouse_semaphore_acquire_start(&semaphore, &never[i].wait, permits, ROUSE_FOREVER),
          ROUSE_PENDING);
    }
    if (random_one_in(&random, 2)) rouse_task_yield();
    for (int i = 0; i < 3; i++) rouse_wait_cancel(&never[(i + 1) % 3].wait);
    while (never[0].completed + never[1].completed + never[2].completed < 3) rouse_task_yield();
    for (int i = 0; i < 3; i++) check_result(never[i].result, ROUSE_ECANCELED);
    // With those gone the others go on.
    uint64_t seen = __atomic_load_n(&small_ones, __ATOMIC_RELAXED);
    while (__atomic_load_n(&small_ones, __ATOMIC_RELAXED) == seen) rouse_task_yield();
  } while (rouse_now_ns() < end_ns);
  test_wait_init(&never[0], NULL, NULL);
  check_result(
      rouse_semaphore_acquire_start(&semaphore, &never[0].wait, CAPACITY + 1, ROUSE_FOREVER),
      ROUSE_PENDING);
  rouse_semaphore_close(&semaphore);
  while (!never[0].completed) rouse_task_yield();
  check_result(never[0].result, ROUSE_ECLOSED);
  for (int i = 0; i < TASKS; i++) check_result(test_join(tasks[i]), ROUSE_ECLOSED);
  return 0;
}

static void requests_that_can_never_be_met_are_cancelled_and_closed(void **state) {
  (void)state;
  int64_t time_ns = stress_time_ns(PARTS);
  test_thread threads[THREADS];
  fifo = false;
  begin(CAPACITY, ROUSE_FIFO);
  for (uintptr_t i = 0; i < THREADS; i++) {
    test_thread_start(&threads[i], churning_thread, (void *)(i + 1));
  }
  test_run(2, ask_too_much_then_close, &time_ns);
  for (int i = 0; i < THREADS; i++) test_thread_join(&threads[i]);
  end(CAPACITY);
}

// --- 13: close against acquire and release -------------------------------------------------------

enum { WAITERS = 6, RELEASED = 4 };
static uint32_t closed_now;  // atomic
static void close_it(void *argument) {
  (void)argument;
  rouse_semaphore_close(&semaphore);
  __atomic_store_n(&closed_now, 1, __ATOMIC_SEQ_CST);
}
static void release_some(void *argument) {
  (void)argument;
  for (int i = 0; i < RELEASED; i++) {
    check_result(rouse_semaphore_release(&semaphore, 1), ROUSE_DONE);
  }
}

static void close_round(rouse_loop *loop, rig *closer, rig *releaser) {
  test_wait waits[WAITERS];
  int counter = 0, pending = 0, granted = 0;
  rouse_policy policy = random_one_in(&closer->own_random, 2) ? ROUSE_FIFO : ROUSE_EVENTUAL;
  check_result(rouse_semaphore_init(&semaphore, 1, policy), ROUSE_DONE);
  closed_now = 0;
  rig_go(closer);
  rig_go(releaser);
  for (int i = 0; i < WAITERS; i++) {
    test_wait_init(&waits[i], loop, &counter);
    bool closed = __atomic_load_n(&closed_now, __ATOMIC_SEQ_CST);
    int result = rouse_semaphore_acquire_start(&semaphore, &waits[i].wait, 1, ROUSE_FOREVER);
    if (closed) check_result(result, ROUSE_ECLOSED);  // nothing reopens
    pending += result == ROUSE_PENDING;
    granted += result == ROUSE_DONE;
    if (result < 0) check_result(result, ROUSE_ECLOSED);
    random_moment(&closer->own_random);
  }
  test_loop_run_until(loop, &counter, pending);
  rig_await(closer);
  rig_await(releaser);
  test_loop_settle(loop);
  check_equal(counter, pending);
  for (int i = 0; i < WAITERS; i++) {
    if (!waits[i].completed) continue;
    check_equal(waits[i].completed, 1);
    if (waits[i].result == ROUSE_DONE) granted++;
    if (waits[i].result != ROUSE_DONE) check_result(waits[i].result, ROUSE_ECLOSED);
  }
  check(rouse_semaphore_is_closed(&semaphore));
  check_result(rouse_semaphore_try_acquire(&semaphore, 1), ROUSE_ECLOSED);
  check_equal(rouse_semaphore_available(&semaphore), 1 + RELEASED - granted);
}

static void close_against_acquire_and_release_ends_every_wait_once(void **state) {
  (void)state;
  const int64_t end_ns = rouse_deadline_in_ns(stress_time_ns(PARTS));
  rig closer, releaser;
  watchdog_start();
  rig_start(&closer, close_it, NULL, 13);
  rig_start(&releaser, release_some, NULL, 14);
  rouse_loop *loop = test_loop_create();
  do {
    close_round(loop, &closer, &releaser);
    watchdog_progress();
  } while (rouse_now_ns() < end_ns);
  test_loop_destroy(loop);
  rig_stop(&closer);
  rig_stop(&releaser);
  watchdog_stop();
}

// --- 33: a capacity that shrinks and grows -------------------------------------------------------

enum { LARGEST = 40 };
static int64_t net_change;  // atomic: added less reduced
static uint32_t held;       // atomic

static void resize_at_random(void *argument) {
  random_source random = random_from((uint64_t)(uintptr_t)argument);
  int64_t own =
      0;  // what this thread has added: it takes no more back, so the capacity stays above 0
  while (!stop_asked()) {
    uint32_t amount = random_below(&random, LARGEST / 2);
    if (random_one_in(&random, 2) && own + amount <= LARGEST) {
      check_result(rouse_semaphore_add(&semaphore, amount), ROUSE_DONE);
      own += amount;
    } else if (amount <= own) {
      check_result(rouse_semaphore_reduce(&semaphore, amount), ROUSE_DONE);
      own -= amount;
    }
    random_moment(&random);
    if (random_one_in(&random, 20)) sched_yield();
  }
  __atomic_fetch_add(&net_change, own, __ATOMIC_RELAXED);
}

static int64_t use_at_random(void *argument) {
  random_source random = random_from((uint64_t)(uintptr_t)argument);
  while (!stop_asked()) {
    uint32_t amount = 1 + random_below(&random, CAPACITY);
    int64_t deadline_ns = random_one_in(&random, 3)
                              ? rouse_deadline_in_ns(random_below(&random, 30000))
                              : ROUSE_FOREVER;
    int result = rouse_semaphore_acquire_until(&semaphore, amount, deadline_ns);
    if (result == ROUSE_ETIMEDOUT) continue;
    if (result == ROUSE_ECANCELED) break;
    check_result(result, ROUSE_DONE);
    uint32_t now = __atomic_add_fetch(&held, amount, __ATOMIC_RELAXED);
    check(now <= CAPACITY + THREADS * LARGEST);
    if (random_one_in(&random, 4)) rouse_task_yield();
    __atomic_sub_fetch(&held, amount, __ATOMIC_RELAXED);
    check_result(rouse_semaphore_release(&semaphore, amount), ROUSE_DONE);
    watchdog_progress();
  }
  return 0;
}

static int64_t use_while_resized(void *argument) {
  const int64_t end_ns = rouse_deadline_in_ns(*(int64_t *)argument);
  rouse_task *tasks[TASKS];
  random_source random = random_from(33);
  for (uintptr_t i = 0; i < TASKS; i++) {
    tasks[i] = test_spawn(rouse_run_loop(i % 2), use_at_random, (void *)(i + 100));
  }
  while (rouse_now_ns() < end_ns) {
    check_result(rouse_task_sleep_ns(random_below(&random, 50000)), ROUSE_DONE);
    uint32_t i = random_below(&random, TASKS);
    rouse_task_cancel(tasks[i]);
    test_join(tasks[i]);
    tasks[i] =
        test_spawn(rouse_run_loop(i % 2), use_at_random, (void *)(uintptr_t)random_next(&random));
  }
  __atomic_store_n(&stopping, true, __ATOMIC_RELAXED);
  for (int i = 0; i < TASKS; i++) test_join(tasks[i]);
  return 0;
}

static void shrinking_into_debt_and_growing_keeps_the_sum_exact(void **state) {
  (void)state;
  int64_t time_ns = stress_time_ns(PARTS);
  test_thread threads[THREADS];
  net_change = 0;
  held = 0;
  begin(CAPACITY, ROUSE_FIFO);
  for (uintptr_t i = 0; i < THREADS; i++) {
    test_thread_start(&threads[i], resize_at_random, (void *)(i + 1));
  }
  test_run(2, use_while_resized, &time_ns);
  for (int i = 0; i < THREADS; i++) test_thread_join(&threads[i]);
  end((uint32_t)(CAPACITY + net_change));
  check_result(rouse_semaphore_set_capacity(&semaphore, 3), ROUSE_DONE);
  check_equal(rouse_semaphore_available(&semaphore), 3);
}

int main(void) {
  seed();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(small_requests_never_overtake_a_big_one_under_fifo),
      cmocka_unit_test(big_request_gets_through_under_eventual),
      cmocka_unit_test(requests_that_can_never_be_met_are_cancelled_and_closed),
      cmocka_unit_test(close_against_acquire_and_release_ends_every_wait_once),
      cmocka_unit_test(shrinking_into_debt_and_growing_keeps_the_sum_exact),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
