// Plain threads that wait: they park on a word of their own, and mix freely with loops.
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "../support/waitable.h"

// --- ping-pong -----------------------------------------------------------------------------------

typedef struct pair {
  rouse_semaphore a, b;
  int rounds;
} pair;

static void answer(void *argument) {
  pair *self = argument;
  for (int i = 0; i < self->rounds; i++) {
    check_result(rouse_semaphore_acquire(&self->a, 1), ROUSE_DONE);
    check_result(rouse_semaphore_release(&self->b, 1), ROUSE_DONE);
  }
}

static void two_plain_threads_wake_each_other(void **state) {
  (void)state;
  pair self = {ROUSE_SEMAPHORE_INIT(0), ROUSE_SEMAPHORE_INIT(0), test_scaled(5000)};
  test_thread thread;
  test_thread_start(&thread, answer, &self);
  for (int i = 0; i < self.rounds; i++) {
    check_result(rouse_semaphore_release(&self.a, 1), ROUSE_DONE);
    check_result(rouse_semaphore_acquire(&self.b, 1), ROUSE_DONE);
  }
  test_thread_join(&thread);
}

static int64_t answer_in_task(void *argument) {
  answer(argument);
  return 0;
}

static void run_answering_task(void *argument) { test_run(1, answer_in_task, argument); }

static void plain_thread_and_task_wake_each_other(void **state) {
  (void)state;
  pair self = {ROUSE_SEMAPHORE_INIT(0), ROUSE_SEMAPHORE_INIT(0), test_scaled(3000)};
  test_thread thread;
  test_thread_start(&thread, run_answering_task, &self);
  for (int i = 0; i < self.rounds; i++) {
    check_result(rouse_semaphore_release(&self.a, 1), ROUSE_DONE);
    check_result(rouse_semaphore_acquire(&self.b, 1), ROUSE_DONE);
  }
  test_thread_join(&thread);
}

// --- deadlines against grants --------------------------------------------------------------------

typedef struct race {
  rouse_semaphore semaphore;
  int rounds, got;
} race;

static void wait_briefly(void *argument) {
  race *self = argument;
  random_source random = random_from(1);
  for (int i = 0; i < self->rounds; i++) {
    int64_t deadline_ns = rouse_deadline_in_ns(random_below(&random, 30000));
    int result = rouse_semaphore_acquire_until(&self->semaphore, 1, deadline_ns);
    if (result == ROUSE_DONE) {
      self->got++;
    } else {
      check_result(result, ROUSE_ETIMEDOUT);
      check(rouse_now_ns() >= deadline_ns);
    }
  }
}

static void deadline_and_grant_at_the_same_instant_lose_no_permit(void **state) {
  (void)state;
  for (int policy = ROUSE_FIFO; policy <= ROUSE_EVENTUAL; policy++) {
    race self = {.rounds = test_scaled(3000)};
    check_result(rouse_semaphore_init(&self.semaphore, 0, (rouse_policy)policy), ROUSE_DONE);
    test_thread thread;
    random_source random = random_from(2);
    test_thread_start(&thread, wait_briefly, &self);
    int released = 0;
    for (int i = 0; i < self.rounds / 2; i++) {
      check_result(rouse_semaphore_release(&self.semaphore, 1), ROUSE_DONE);
      released++;
      int64_t pause_ns = rouse_deadline_in_ns(random_below(&random, 30000));
      while (rouse_now_ns() < pause_ns) continue;
    }
    test_thread_join(&thread);
    check_equal(rouse_semaphore_available(&self.semaphore), released - self.got);
    check(!test_queue_has_waiters(&self.semaphore.queue));
  }
}

static void thread_that_timed_out_can_wait_again_at_once(void **state) {
  (void)state;
  rouse_event event;
  check_result(rouse_event_init(&event, ROUSE_EVENT_AUTO, false), ROUSE_DONE);
  for (int i = 0; i < 200; i++) {
    check_result(rouse_event_wait_until(&event, rouse_deadline_in_ns(MICROSECOND)),
                 ROUSE_ETIMEDOUT);
  }
  rouse_event_set(&event);
  check_result(rouse_event_wait_until(&event, rouse_deadline_in_ns(SECOND)), ROUSE_DONE);
  check_equal(rouse_event_waiter_count(&event), 0);
}

// --- interruptions -------------------------------------------------------------------------------

#ifndef _WIN32  // where no signal interrupts a thread

static void do_nothing(int number) { (void)number; }

typedef struct interrupted {
  rouse_event event;
  int result;
} interrupted;

static void wait_through_signals(void *argument) {
  interrupted *self = argument;
  self->result = rouse_event_wait(&self->event);
}

static void signals_do_not_end_a_wait(void **state) {
  (void)state;
  struct sigaction action = {.sa_handler = do_nothing}, old;
  check_system(sigaction(SIGUSR1, &action, &old));
  interrupted self = {.event = ROUSE_EVENT_INIT};
  test_thread thread;
  test_thread_start(&thread, wait_through_signals, &self);
  test_queue_await_waiter(&self.event.queue);
  for (int i = 0; i < 20; i++) {
    check_equal(pthread_kill(thread.thread, SIGUSR1), 0);
    usleep(200);
  }
  check_equal(rouse_event_waiter_count(&self.event), 1);
  rouse_event_set(&self.event);
  test_thread_join(&thread);
  check_result(self.result, ROUSE_DONE);
  check_system(sigaction(SIGUSR1, &old, NULL));
}

#endif

static void wait_for_event(void *argument) { check_result(rouse_event_wait(argument), ROUSE_DONE); }

static void many_threads_on_one_event_are_all_woken(void **state) {
  (void)state;
  enum { THREADS = 12 };
  rouse_event event = ROUSE_EVENT_INIT;
  test_thread threads[THREADS];
  for (int i = 0; i < THREADS; i++) test_thread_start(&threads[i], wait_for_event, &event);
  while (rouse_event_waiter_count(&event) < THREADS) usleep(100);
  rouse_event_set(&event);
  for (int i = 0; i < THREADS; i++) test_thread_join(&threads[i]);
}

static void plain_wait_returns_with_errno_untouched(void **state) {
  (void)state;
  rouse_event event = ROUSE_EVENT_INIT;
  errno = 4321;
  check_result(rouse_event_wait_until(&event, rouse_deadline_in_ns(100 * MICROSECOND)),
               ROUSE_ETIMEDOUT);
  check_equal(errno, 4321);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_plain_threads_wake_each_other),
      cmocka_unit_test(plain_thread_and_task_wake_each_other),
      cmocka_unit_test(deadline_and_grant_at_the_same_instant_lose_no_permit),
      cmocka_unit_test(thread_that_timed_out_can_wait_again_at_once),
#ifndef _WIN32
      cmocka_unit_test(signals_do_not_end_a_wait),
#endif
      cmocka_unit_test(many_threads_on_one_event_are_all_woken),
      cmocka_unit_test(plain_wait_returns_with_errno_untouched),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
