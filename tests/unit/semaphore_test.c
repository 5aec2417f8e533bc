// rouse_semaphore: what is its own. The contract it shares with other waits is in wait_test.c.
#include <string.h>

#include "../support/waitable.h"

static const uint32_t MOST = ROUSE_SEMAPHORE_PERMITS_MAX;

static rouse_semaphore semaphore;
static rouse_loop *loop;
static int counter;

static int make_loop(void **state) {
  (void)state;
  loop = test_loop_create();
  counter = 0;
  return 0;
}

static int end_loop(void **state) {
  (void)state;
  test_loop_destroy(loop);
  return 0;
}

static void init(uint32_t permits, rouse_policy policy) {
  memset(&semaphore, 0xff, sizeof semaphore);
  check_result(rouse_semaphore_init(&semaphore, permits, policy), ROUSE_DONE);
}

static void check_numbers(int64_t available, uint32_t capacity, uint32_t in_use) {
  check_equal(rouse_semaphore_available(&semaphore), available);
  check_equal(rouse_semaphore_capacity(&semaphore), capacity);
  check_equal(rouse_semaphore_in_use(&semaphore), in_use);
}

static void start(test_wait *wait, uint32_t permits, int expected) {
  test_wait_init(wait, loop, &counter);
  check_result(rouse_semaphore_acquire_start(&semaphore, &wait->wait, permits, ROUSE_FOREVER),
               expected);
}

// --- making one ----------------------------------------------------------------------------------

static void init_of_an_unknown_policy_is_invalid(void **state) {
  (void)state;
  check_result(rouse_semaphore_init(&semaphore, 1, (rouse_policy)3), ROUSE_EINVAL);
}

static void init_gives_the_permits_asked_for(void **state) {
  (void)state;
  const rouse_policy policies[] = {ROUSE_POLICY_DEFAULT, ROUSE_FIFO, ROUSE_EVENTUAL};
  const uint32_t permits[] = {0, 1, 1000, MOST};
  for (int i = 0; i < 3; i++) {
    for (int j = 0; j < 4; j++) {
      init(permits[j], policies[i]);
      check_numbers(permits[j], permits[j], 0);
      check(!rouse_semaphore_is_closed(&semaphore));
    }
  }
}

static void zeroed_memory_is_an_open_semaphore_without_permits(void **state) {
  (void)state;
  memset(&semaphore, 0, sizeof semaphore);
  check_numbers(0, 0, 0);
  check(!rouse_semaphore_is_closed(&semaphore));
  check_result(rouse_semaphore_try_acquire(&semaphore, 1), ROUSE_EAGAIN);
  check_result(rouse_semaphore_release(&semaphore, 1), ROUSE_DONE);
  check_result(rouse_semaphore_try_acquire(&semaphore, 1), ROUSE_DONE);
}

static rouse_semaphore static_semaphore = ROUSE_SEMAPHORE_INIT(3);
static rouse_semaphore static_full_semaphore = ROUSE_SEMAPHORE_INIT(ROUSE_SEMAPHORE_PERMITS_MAX);
static void static_initializer_is_an_open_semaphore(void **state) {
  (void)state;
  check_equal(rouse_semaphore_available(&static_semaphore), 3);
  check_equal(rouse_semaphore_capacity(&static_semaphore), 3);
  check_result(rouse_semaphore_try_acquire(&static_semaphore, 3), ROUSE_DONE);
  check_result(rouse_semaphore_try_acquire(&static_semaphore, 1), ROUSE_EAGAIN);
  check_result(rouse_semaphore_release(&static_semaphore, 3), ROUSE_DONE);
  check_equal(rouse_semaphore_available(&static_full_semaphore), MOST);
}

static void size_is_as_documented(void **state) {
  (void)state;
  if (sizeof(void *) == 8) check_equal(sizeof(rouse_semaphore), 32);
}

// --- acquire and release -------------------------------------------------------------------------

static void acquire_of_no_permits_is_invalid(void **state) {
  (void)state;
  init(5, ROUSE_FIFO);
  test_wait wait;
  start(&wait, 0, ROUSE_EINVAL);
  check_result(rouse_semaphore_acquire(&semaphore, 0), ROUSE_EINVAL);
  check_result(rouse_semaphore_acquire_until(&semaphore, 0, 0), ROUSE_EINVAL);
  check_result(rouse_semaphore_try_acquire(&semaphore, 0), ROUSE_EINVAL);
  check_numbers(5, 5, 0);
}

static void acquire_takes_all_or_nothing(void **state) {
  (void)state;
  init(5, ROUSE_FIFO);
  check_result(rouse_semaphore_acquire(&semaphore, 3), ROUSE_DONE);
  check_numbers(2, 5, 3);
  check_result(rouse_semaphore_try_acquire(&semaphore, 3), ROUSE_EAGAIN);
  check_numbers(2, 5, 3);
  check_result(rouse_semaphore_try_acquire(&semaphore, 2), ROUSE_DONE);
  check_numbers(0, 5, 5);
  check_result(rouse_semaphore_release(&semaphore, 5), ROUSE_DONE);
  check_numbers(5, 5, 0);
}

static void largest_number_of_permits_can_be_acquired_and_released(void **state) {
  (void)state;
  init(MOST, ROUSE_FIFO);
  check_result(rouse_semaphore_try_acquire(&semaphore, MOST), ROUSE_DONE);
  check_numbers(0, MOST, MOST);
  test_wait wait;
  start(&wait, MOST, ROUSE_PENDING);
  check_result(rouse_semaphore_release(&semaphore, MOST - 1), ROUSE_DONE);
  test_loop_settle(loop);
  check_equal(wait.completed, 0);
  check_result(rouse_semaphore_release(&semaphore, 1), ROUSE_DONE);
  test_loop_run_until(loop, &wait.completed, 1);
  check_result(wait.result, ROUSE_DONE);
  check_numbers(0, MOST, MOST);
}

static void release_of_nothing_does_nothing(void **state) {
  (void)state;
  init(1, ROUSE_FIFO);
  test_wait wait;
  start(&wait, 2, ROUSE_PENDING);
  check_result(rouse_semaphore_release(&semaphore, 0), ROUSE_DONE);
  check_numbers(1, 1, 0);
  rouse_wait_cancel(&wait.wait);
  test_loop_run_until(loop, &wait.completed, 1);
}

static void release_without_an_acquire_makes_permits_and_no_capacity(void **state) {
  (void)state;
  init(0, ROUSE_FIFO);
  check_result(rouse_semaphore_release(&semaphore, 4), ROUSE_DONE);
  check_numbers(4, 0, 0);
  check_result(rouse_semaphore_try_acquire(&semaphore, 4), ROUSE_DONE);
}

static void release_past_the_maximum_is_an_error_and_changes_nothing(void **state) {
  (void)state;
  init(MOST, ROUSE_FIFO);
  check_result(rouse_semaphore_release(&semaphore, 1), ROUSE_EOVERFLOW);
  check_result(rouse_semaphore_release(&semaphore, MOST), ROUSE_EOVERFLOW);
  check_result(rouse_semaphore_release(&semaphore, 0), ROUSE_DONE);
  check_numbers(MOST, MOST, 0);
  check_result(rouse_semaphore_acquire(&semaphore, 10), ROUSE_DONE);
  check_result(rouse_semaphore_release(&semaphore, 11), ROUSE_EOVERFLOW);
  check_result(rouse_semaphore_release(&semaphore, 10), ROUSE_DONE);
  check_numbers(MOST, MOST, 0);
}

static void large_request_at_the_head_holds_back_smaller_ones(void **state) {
  (void)state;
  init(0, ROUSE_FIFO);
  test_wait big, small;
  start(&big, 3, ROUSE_PENDING);
  start(&small, 1, ROUSE_PENDING);
  check_result(rouse_semaphore_release(&semaphore, 2), ROUSE_DONE);
  check_result(rouse_semaphore_try_acquire(&semaphore, 1), ROUSE_EAGAIN);  // overtakes nobody
  test_loop_settle(loop);
  check_equal(counter, 0);
  check_result(rouse_semaphore_release(&semaphore, 2), ROUSE_DONE);
  test_loop_run_until(loop, &counter, 2);
  check_equal(big.order, 1);
  check_equal(small.order, 2);
}

static void one_release_serves_all_that_fit_in_order(void **state) {
  (void)state;
  init(0, ROUSE_FIFO);
  test_wait wait[4];
  const uint32_t wants[] = {1, 2, 3, 1};
  for (int i = 0; i < 4; i++) start(&wait[i], wants[i], ROUSE_PENDING);
  check_result(rouse_semaphore_release(&semaphore, 5), ROUSE_DONE);
  test_loop_run_until(loop, &counter, 2);
  test_loop_settle(loop);
  check_equal(counter, 2);
  check_equal(wait[0].order, 1);
  check_equal(wait[1].order, 2);
  check_numbers(2, 0, 0);
  check_result(rouse_semaphore_release(&semaphore, 2), ROUSE_DONE);
  test_loop_run_until(loop, &counter, 4);
  check_equal(wait[2].order, 3);
  check_numbers(0, 0, 0);
}

static void cancelled_head_lets_the_smaller_request_through_without_a_release(void **state) {
  (void)state;
  const rouse_policy policies[] = {ROUSE_FIFO, ROUSE_EVENTUAL};
  for (int i = 0; i < 2; i++) {
    init(1, policies[i]);
    counter = 0;
    test_wait big, small;
    start(&big, 2, ROUSE_PENDING);
    start(&small, 1, ROUSE_PENDING);
    rouse_wait_cancel(&big.wait);
    test_loop_run_until(loop, &counter, 2);
    check_result(big.result, ROUSE_ECANCELED);
    check_result(small.result, ROUSE_DONE);
    check_numbers(0, 1, 1);
  }
}

static void acquire_of_more_than_the_capacity_waits_for_an_add(void **state) {
  (void)state;
  init(2, ROUSE_FIFO);
  test_wait wait;
  start(&wait, 5, ROUSE_PENDING);
  check_result(rouse_semaphore_add(&semaphore, 3), ROUSE_DONE);
  test_loop_run_until(loop, &wait.completed, 1);
  check_result(wait.result, ROUSE_DONE);
  check_numbers(0, 5, 5);
}

static void eventual_head_is_overtaken_only_for_a_bounded_number_of_rounds(void **state) {
  (void)state;
  init(0, ROUSE_EVENTUAL);
  test_wait wait;
  start(&wait, 1, ROUSE_PENDING);
  int overtaken = 0;
  while (!wait.completed) {
    check_result(rouse_semaphore_release(&semaphore, 1), ROUSE_DONE);
    if (rouse_semaphore_try_acquire(&semaphore, 1) == ROUSE_DONE) {
      overtaken++;
    } else {
      test_loop_run_until(loop, &wait.completed, 1);
      break;
    }
    test_loop_settle(loop);
    check(overtaken < 1000);
  }
  check(overtaken >= 1);
  check(overtaken <= 32);
  check_result(wait.result, ROUSE_DONE);
}

// --- capacity ------------------------------------------------------------------------------------

static void add_raises_capacity_and_frees_the_permits(void **state) {
  (void)state;
  init(1, ROUSE_FIFO);
  check_result(rouse_semaphore_add(&semaphore, 2), ROUSE_DONE);
  check_numbers(3, 3, 0);
  check_result(rouse_semaphore_add(&semaphore, 0), ROUSE_DONE);
  check_numbers(3, 3, 0);
}

static void add_past_the_maximum_is_an_error_and_changes_nothing(void **state) {
  (void)state;
  init(MOST, ROUSE_FIFO);
  check_result(rouse_semaphore_add(&semaphore, 1), ROUSE_EOVERFLOW);
  check_numbers(MOST, MOST, 0);
  // The capacity has room, but the free permits have not.
  init(10, ROUSE_FIFO);
  check_result(rouse_semaphore_release(&semaphore, MOST - 10), ROUSE_DONE);
  check_result(rouse_semaphore_add(&semaphore, 1), ROUSE_EOVERFLOW);
  check_numbers(MOST, 10, 0);
  // The other way round.
  init(MOST, ROUSE_FIFO);
  check_result(rouse_semaphore_acquire(&semaphore, MOST), ROUSE_DONE);
  check_result(rouse_semaphore_add(&semaphore, 1), ROUSE_EOVERFLOW);
  check_numbers(0, MOST, MOST);
}

static void reduce_of_free_permits_takes_them_at_once(void **state) {
  (void)state;
  init(5, ROUSE_FIFO);
  check_result(rouse_semaphore_reduce(&semaphore, 2), ROUSE_DONE);
  check_numbers(3, 3, 0);
  check_result(rouse_semaphore_reduce(&semaphore, 0), ROUSE_DONE);
  check_numbers(3, 3, 0);
  check_result(rouse_semaphore_reduce(&semaphore, 3), ROUSE_DONE);
  check_numbers(0, 0, 0);
}

static void reduce_of_more_than_the_capacity_is_invalid_and_changes_nothing(void **state) {
  (void)state;
  init(5, ROUSE_FIFO);
  check_result(rouse_semaphore_reduce(&semaphore, 6), ROUSE_EINVAL);
  check_result(rouse_semaphore_reduce(&semaphore, MOST), ROUSE_EINVAL);
  check_numbers(5, 5, 0);
}

static void reduce_below_what_is_held_is_a_debt_that_releases_pay_first(void **state) {
  (void)state;
  init(5, ROUSE_FIFO);
  check_result(rouse_semaphore_acquire(&semaphore, 5), ROUSE_DONE);
  check_result(rouse_semaphore_reduce(&semaphore, 3), ROUSE_DONE);
  check_numbers(-3, 2, 5);
  test_wait wait;
  start(&wait, 1, ROUSE_PENDING);
  check_result(rouse_semaphore_release(&semaphore, 3), ROUSE_DONE);  // the debt is paid
  check_numbers(0, 2, 2);
  test_loop_settle(loop);
  check_equal(wait.completed, 0);
  check_result(rouse_semaphore_release(&semaphore, 1), ROUSE_DONE);
  test_loop_run_until(loop, &wait.completed, 1);
  check_numbers(0, 2, 2);
  check_result(rouse_semaphore_release(&semaphore, 2), ROUSE_DONE);
  check_numbers(2, 2, 0);
}

static void shrinking_and_growing_again_is_exact(void **state) {
  (void)state;
  init(8, ROUSE_FIFO);
  check_result(rouse_semaphore_acquire(&semaphore, 6), ROUSE_DONE);
  check_result(rouse_semaphore_reduce(&semaphore, 7), ROUSE_DONE);
  check_numbers(-5, 1, 6);
  check_result(rouse_semaphore_release(&semaphore, 2), ROUSE_DONE);
  check_numbers(-3, 1, 4);
  check_result(rouse_semaphore_add(&semaphore, 9), ROUSE_DONE);
  check_numbers(6, 10, 4);
  check_result(rouse_semaphore_release(&semaphore, 4), ROUSE_DONE);
  check_numbers(10, 10, 0);
}

static void whole_capacity_can_be_a_debt(void **state) {
  (void)state;
  init(MOST, ROUSE_FIFO);
  check_result(rouse_semaphore_acquire(&semaphore, MOST), ROUSE_DONE);
  check_result(rouse_semaphore_reduce(&semaphore, MOST), ROUSE_DONE);
  check_numbers(-(int64_t)MOST, 0, MOST);
  check_result(rouse_semaphore_release(&semaphore, MOST), ROUSE_DONE);
  check_numbers(0, 0, 0);
  check_result(rouse_semaphore_try_acquire(&semaphore, 1), ROUSE_EAGAIN);
}

static void set_capacity_goes_up_and_down(void **state) {
  (void)state;
  init(4, ROUSE_FIFO);
  check_result(rouse_semaphore_set_capacity(&semaphore, 9), ROUSE_DONE);
  check_numbers(9, 9, 0);
  check_result(rouse_semaphore_set_capacity(&semaphore, 9), ROUSE_DONE);
  check_numbers(9, 9, 0);
  check_result(rouse_semaphore_acquire(&semaphore, 9), ROUSE_DONE);
  check_result(rouse_semaphore_set_capacity(&semaphore, 2), ROUSE_DONE);
  check_numbers(-7, 2, 9);
  check_result(rouse_semaphore_set_capacity(&semaphore, 0), ROUSE_DONE);
  check_numbers(-9, 0, 9);
  check_result(rouse_semaphore_set_capacity(&semaphore, MOST), ROUSE_DONE);
  check_numbers((int64_t)MOST - 9, MOST, 9);
}

static void set_capacity_reports_permits_that_do_not_fit(void **state) {
  (void)state;
  init(1, ROUSE_FIFO);
  check_result(rouse_semaphore_release(&semaphore, MOST - 1), ROUSE_DONE);
  check_result(rouse_semaphore_set_capacity(&semaphore, 2), ROUSE_EOVERFLOW);
  check_numbers(MOST, 1, 0);
}

// --- close ---------------------------------------------------------------------------------------

static void close_ends_all_waiters_and_later_acquires(void **state) {
  (void)state;
  const rouse_policy policies[] = {ROUSE_FIFO, ROUSE_EVENTUAL};
  for (int i = 0; i < 2; i++) {
    init(1, policies[i]);
    counter = 0;
    test_wait wait[3];
    for (int j = 0; j < 3; j++) start(&wait[j], 2, ROUSE_PENDING);
    rouse_semaphore_close(&semaphore);
    rouse_semaphore_close(&semaphore);
    check(rouse_semaphore_is_closed(&semaphore));
    check_equal(counter, 0);
    test_loop_run_until(loop, &counter, 3);
    for (int j = 0; j < 3; j++) check_result(wait[j].result, ROUSE_ECLOSED);
    start(&wait[0], 1, ROUSE_ECLOSED);
    check_result(rouse_semaphore_acquire(&semaphore, 1), ROUSE_ECLOSED);
    check_result(rouse_semaphore_acquire_until(&semaphore, 1, 0), ROUSE_ECLOSED);
    check_result(rouse_semaphore_try_acquire(&semaphore, 1), ROUSE_ECLOSED);
    check_numbers(1, 1, 0);
    check_result(rouse_semaphore_release(&semaphore, 1), ROUSE_DONE);
    check_numbers(2, 1, 0);
    check_result(rouse_semaphore_try_acquire(&semaphore, 1), ROUSE_ECLOSED);  // nothing reopens
  }
}

static void cancel_after_close_reports_closed(void **state) {
  (void)state;
  init(0, ROUSE_FIFO);
  test_wait wait;
  start(&wait, 1, ROUSE_PENDING);
  rouse_semaphore_close(&semaphore);
  rouse_wait_cancel(&wait.wait);
  test_loop_run_until(loop, &wait.completed, 1);
  test_loop_settle(loop);
  check_equal(wait.completed, 1);
  check_result(wait.result, ROUSE_ECLOSED);
}

static void request_that_can_never_be_met_is_cancelled_and_then_closed(void **state) {
  (void)state;
  init(3, ROUSE_FIFO);
  test_wait never, behind;
  start(&never, 4, ROUSE_PENDING);
  start(&behind, 4, ROUSE_PENDING);
  rouse_wait_cancel(&never.wait);
  test_loop_run_until(loop, &never.completed, 1);
  check_result(never.result, ROUSE_ECANCELED);
  rouse_semaphore_close(&semaphore);
  test_loop_run_until(loop, &behind.completed, 1);
  check_result(behind.result, ROUSE_ECLOSED);
  check_numbers(3, 3, 0);
}

static void wait_for_close(void *argument) {
  *(int *)argument = rouse_semaphore_acquire(&semaphore, 1);
}

static void close_wakes_a_plain_thread(void **state) {
  (void)state;
  init(0, ROUSE_FIFO);
  int result = INT32_MIN;
  test_thread thread;
  test_thread_start(&thread, wait_for_close, &result);
  test_queue_await_waiter(&semaphore.queue);
  rouse_semaphore_close(&semaphore);
  test_thread_join(&thread);
  check_result(result, ROUSE_ECLOSED);
}

static int64_t acquire_in_task(void *argument) {
  (void)argument;
  return rouse_semaphore_acquire(&semaphore, 1);
}

static int64_t close_with_waiting_tasks(void *argument) {
  rouse_task *tasks[5];
  (void)argument;
  for (uint32_t i = 0; i < 5; i++)
    tasks[i] = test_spawn(rouse_run_loop(i % 2), acquire_in_task, NULL);
  while (!test_queue_has_waiters(&semaphore.queue)) rouse_task_yield();
  rouse_semaphore_close(&semaphore);
  for (int i = 0; i < 5; i++) check_result(test_join(tasks[i]), ROUSE_ECLOSED);
  return 0;
}

static void close_wakes_tasks_of_all_loops(void **state) {
  (void)state;
  init(0, ROUSE_FIFO);
  test_run(2, close_with_waiting_tasks, NULL);
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, make_loop, end_loop)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(init_of_an_unknown_policy_is_invalid),
      cmocka_unit_test(init_gives_the_permits_asked_for),
      cmocka_unit_test(zeroed_memory_is_an_open_semaphore_without_permits),
      cmocka_unit_test(static_initializer_is_an_open_semaphore),
      cmocka_unit_test(size_is_as_documented),
      WITH_LOOP(acquire_of_no_permits_is_invalid),
      cmocka_unit_test(acquire_takes_all_or_nothing),
      WITH_LOOP(largest_number_of_permits_can_be_acquired_and_released),
      WITH_LOOP(release_of_nothing_does_nothing),
      cmocka_unit_test(release_without_an_acquire_makes_permits_and_no_capacity),
      cmocka_unit_test(release_past_the_maximum_is_an_error_and_changes_nothing),
      WITH_LOOP(large_request_at_the_head_holds_back_smaller_ones),
      WITH_LOOP(one_release_serves_all_that_fit_in_order),
      WITH_LOOP(cancelled_head_lets_the_smaller_request_through_without_a_release),
      WITH_LOOP(acquire_of_more_than_the_capacity_waits_for_an_add),
      WITH_LOOP(eventual_head_is_overtaken_only_for_a_bounded_number_of_rounds),
      cmocka_unit_test(add_raises_capacity_and_frees_the_permits),
      cmocka_unit_test(add_past_the_maximum_is_an_error_and_changes_nothing),
      cmocka_unit_test(reduce_of_free_permits_takes_them_at_once),
      cmocka_unit_test(reduce_of_more_than_the_capacity_is_invalid_and_changes_nothing),
      WITH_LOOP(reduce_below_what_is_held_is_a_debt_that_releases_pay_first),
      cmocka_unit_test(shrinking_and_growing_again_is_exact),
      cmocka_unit_test(whole_capacity_can_be_a_debt),
      cmocka_unit_test(set_capacity_goes_up_and_down),
      cmocka_unit_test(set_capacity_reports_permits_that_do_not_fit),
      WITH_LOOP(close_ends_all_waiters_and_later_acquires),
      WITH_LOOP(cancel_after_close_reports_closed),
      WITH_LOOP(request_that_can_never_be_met_is_cancelled_and_then_closed),
      cmocka_unit_test(close_wakes_a_plain_thread),
      cmocka_unit_test(close_wakes_tasks_of_all_loops),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
