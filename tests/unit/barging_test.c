// How far newcomers may overtake the head of an EVENTUAL semaphore, by the stated bound: so many
// rounds lost, or so long a wait, and never more than while a nudge travels. White-box, with
// deliveries by hand; queue_test.c has the same of the mutex.
#include "../support/fake_waker.h"
#include "../support/support.h"

static fake_waker home;
static fake_wait head, next;
static rouse_semaphore semaphore;

static int prepare(void **state) {
  (void)state;
  fake_waker_init(&home);
  fake_wait_init(&head, &home, NULL);
  fake_wait_init(&next, &home, NULL);
  check_result(rouse_semaphore_init(&semaphore, 0, ROUSE_EVENTUAL), ROUSE_DONE);
  return 0;
}

static void start(fake_wait *wait, uint32_t permits) {
  check_result(rouse_semaphore_acquire_start(&semaphore, &wait->wait, permits, ROUSE_FOREVER),
               ROUSE_PENDING);
}

static void release(uint32_t permits) {
  check_result(rouse_semaphore_release(&semaphore, permits), ROUSE_DONE);
}

static bool overtake(uint32_t permits) {
  int result = rouse_semaphore_try_acquire(&semaphore, permits);
  if (result != ROUSE_DONE) check_result(result, ROUSE_EAGAIN);
  return result == ROUSE_DONE;
}

// The head has its permits already: nobody takes them on the way.
static void check_handed_over(int64_t left) {
  check_equal(rouse_semaphore_available(&semaphore), left);
  check(!overtake((uint32_t)left + 1));
  check_equal(fake_waker_deliver(&home), 1);
  check_equal(head.completed, 1);
  check_result(head.result, ROUSE_DONE);
  check_equal(rouse_semaphore_available(&semaphore), left);
}

static void semaphore_is_handed_over_after_the_stated_number_of_lost_rounds(void **state) {
  (void)state;
  start(&head, 1);
  for (int lost = 0; lost < ROUSE__ROUNDS_MAX; lost++) {
    release(1);
    check(overtake(1));
    check(!fake_waker_deliver_one(&home));  // the report finds nothing: a lost round
    check_equal(head.wait.rounds, lost + 1);
    check(!overtake(1));
  }
  release(1);
  check_handed_over(0);
}

static void semaphore_is_handed_over_after_the_stated_time(void **state) {
  (void)state;
  home.waker.now_ns = 5 * SECOND;
  start(&head, 1);
  release(1);
  check(overtake(1));
  home.waker.now_ns += 2 * MILLISECOND;
  check(!fake_waker_deliver_one(&home));
  check_equal(head.wait.rounds, ROUSE__ROUNDS_MAX);  // all at once
  release(1);
  check_handed_over(0);
}

static void shorter_wait_than_stated_loses_a_round_and_no_more(void **state) {
  (void)state;
  home.waker.now_ns = 5 * SECOND;
  start(&head, 1);
  release(1);
  check(overtake(1));
  home.waker.now_ns += 900 * MICROSECOND;
  check(!fake_waker_deliver_one(&home));
  check_equal(head.wait.rounds, 1);
  release(1);
  check(overtake(1));
}

// Small ones leave one by one until the big one fits. Till then nobody else comes in.
static void small_ones_leave(uint32_t big) {
  while (rouse_semaphore_available(&semaphore) < big) {
    check(!overtake(1));
    release(1);
  }
}

// Small ones without end, who take what they can get as soon as they can: the big one is put off
// for the stated number of rounds, and is then the next.
static void big_request_among_endless_small_ones_is_granted_within_the_stated_rounds(void **state) {
  (void)state;
  const uint32_t big = 3;  // of as many as there are
  start(&head, big);
  for (int lost = 0; lost < ROUSE__ROUNDS_MAX; lost++) {
    small_ones_leave(big);
    check_equal(home.arrivals, lost + 1);  // it is told that it fits
    for (int newcomers = 0; newcomers <= lost % (int)big; newcomers++) check(overtake(1));
    check(!fake_waker_deliver_one(&home));
    check_equal(head.wait.rounds, lost + 1);
  }
  check(rouse_semaphore_available(&semaphore) < big);
  small_ones_leave(big - 1);
  check(!overtake(1));
  release(1);
  check_handed_over(0);
}

static void rounds_of_one_head_are_not_the_next_one_s(void **state) {
  (void)state;
  start(&head, 1);
  start(&next, 1);
  for (int lost = 0; lost <= ROUSE__ROUNDS_MAX; lost++) {
    release(1);
    if (lost == ROUSE__ROUNDS_MAX) break;
    check(overtake(1));
    check(!fake_waker_deliver_one(&home));
  }
  check_handed_over(0);
  // The one behind it has lost nothing yet: it may be overtaken as often, and no oftener.
  for (int lost = 0; lost < ROUSE__ROUNDS_MAX; lost++) {
    check_equal(next.wait.rounds, lost);
    release(1);
    check(overtake(1));
    check(!fake_waker_deliver_one(&home));
  }
  release(1);
  check(!overtake(1));
  check_equal(fake_waker_deliver(&home), 1);
  check_result(next.result, ROUSE_DONE);
}

static void fifo_semaphore_is_never_overtaken(void **state) {
  (void)state;
  check_result(rouse_semaphore_init(&semaphore, 0, ROUSE_FIFO), ROUSE_DONE);
  start(&head, 3);
  for (int i = 0; i < 2; i++) {
    release(1);
    check(!overtake(1));
  }
  release(1);
  check_handed_over(0);
}

#define CLAIM(name) cmocka_unit_test_setup(name, prepare)

int main(void) {
  const struct CMUnitTest tests[] = {
      CLAIM(semaphore_is_handed_over_after_the_stated_number_of_lost_rounds),
      CLAIM(semaphore_is_handed_over_after_the_stated_time),
      CLAIM(shorter_wait_than_stated_loses_a_round_and_no_more),
      CLAIM(big_request_among_endless_small_ones_is_granted_within_the_stated_rounds),
      CLAIM(rounds_of_one_head_are_not_the_next_one_s),
      CLAIM(fifo_semaphore_is_never_overtaken),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
