// A semaphore at the largest number of permits: adds that do not fit, against reduces.
//
// An add that is refused must leave nothing behind that a reduce could have spent meanwhile.
#include <rouse/semaphore.h>

#include "../support/support.h"

enum { AMOUNT = 5, SPARE = 7 };

static rouse_semaphore semaphore;
static test_flag stop;
static int64_t changed[2];  // by each thread, in permits

static void resize(void *argument) {
  const uintptr_t index = (uintptr_t)argument;
  random_source random = random_from(index);
  int64_t sum = 0;
  while (!test_flag_read(&stop)) {
    int result;
    if (random_one_in(&random, 2)) {
      result = rouse_semaphore_add(&semaphore, AMOUNT);
      check(result == ROUSE_DONE || result == ROUSE_EOVERFLOW);
      sum += result == ROUSE_DONE ? AMOUNT : 0;
    } else {
      result = rouse_semaphore_reduce(&semaphore, AMOUNT);
      check(result == ROUSE_DONE || result == ROUSE_EINVAL);
      sum -= result == ROUSE_DONE ? AMOUNT : 0;
    }
    check(rouse_semaphore_capacity(&semaphore) <= 4 * AMOUNT);
    watchdog_progress();
  }
  changed[index] = sum;
}

// The permits that are free without being in the capacity leave room for one add and a bit.
static void adds_at_the_limit_and_reduces_are_exact(void **state) {
  (void)state;
  const int64_t almost_all = (int64_t)ROUSE_SEMAPHORE_PERMITS_MAX - SPARE;
  check_result(rouse_semaphore_init(&semaphore, 0, ROUSE_FIFO), ROUSE_DONE);
  check_result(rouse_semaphore_release(&semaphore, (uint32_t)almost_all), ROUSE_DONE);
  test_thread threads[2];
  watchdog_start();
  for (uintptr_t i = 0; i < 2; i++) test_thread_start(&threads[i], resize, (void *)i);
  const int64_t end_ns = rouse_deadline_in_ns(stress_time_ns(1));
  while (rouse_now_ns() < end_ns) rouse_task_sleep_ns(MILLISECOND);
  test_flag_set(&stop);
  for (int i = 0; i < 2; i++) test_thread_join(&threads[i]);
  watchdog_stop();
  int64_t sum = changed[0] + changed[1];
  check_equal(rouse_semaphore_capacity(&semaphore), sum);
  check_equal(rouse_semaphore_available(&semaphore), almost_all + sum);
}

int main(void) {
  seed();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(adds_at_the_limit_and_reduces_are_exact),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
