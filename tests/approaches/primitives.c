// What is built on the approaches: the semaphore, the latch, the note's benchmarks, the counts.
#include <rouse/run.h>
#include <string.h>

#include "latch.h"
#include "semaphore.h"
#include "under_test.h"
#include "workloads.h"

// --- semaphore -----------------------------------------------------------------------------------

enum { TASKS = 20, PERMITS = 3, ROUNDS = 50 };

static lab_semaphore semaphore;
static uint32_t inside, most_inside;  // atomic
static uint64_t acquired;             // atomic

static int64_t use_permits(void *argument) {
  (void)argument;
  for (int i = 0; i < ROUNDS; i++) {
    check_result(lab_semaphore_acquire(&semaphore, ROUSE_FOREVER, NULL), ROUSE_DONE);
    uint32_t now = __atomic_add_fetch(&inside, 1, __ATOMIC_RELAXED);
    uint32_t most = __atomic_load_n(&most_inside, __ATOMIC_RELAXED);
    while (now > most && !__atomic_compare_exchange_n(&most_inside, &most, now, false,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    rouse_task_yield();
    __atomic_sub_fetch(&inside, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&acquired, 1, __ATOMIC_RELAXED);
    lab_semaphore_release(&semaphore);
    watchdog_progress();
  }
  return 0;
}

static int64_t many_users(void *argument) {
  (void)argument;
  rouse_task *tasks[TASKS];
  uint32_t loops = rouse_run_loop_count();
  for (uint32_t i = 0; i < TASKS; i++) {
    tasks[i] = test_spawn(rouse_run_loop(i % loops), use_permits, NULL);
  }
  for (int i = 0; i < TASKS; i++) test_join(tasks[i]);
  return 0;
}

static void permits_are_conserved(void **state) {
  (void)state;
  if (!needs(APPROACH_MANY)) return;
  inside = most_inside = 0;
  acquired = 0;
  check_result(lab_semaphore_init(&semaphore, tested, PERMITS), ROUSE_DONE);
  watchdog_start();
  test_run(can(APPROACH_LOOPS) ? 2 : 1, many_users, NULL);
  watchdog_stop();
  check_equal(acquired, TASKS * ROUNDS);
  check(most_inside <= PERMITS);
  check_equal(lab_semaphore_available(&semaphore), PERMITS);
  lab_semaphore_finish(&semaphore);
}

static int64_t run_out_of_permits(void *argument) {
  (void)argument;
  uint32_t waits = 7;
  check(lab_semaphore_try(&semaphore));
  check(!lab_semaphore_try(&semaphore));
  check_result(lab_semaphore_acquire(&semaphore, 0, &waits), ROUSE_ETIMEDOUT);
  check_result(lab_semaphore_acquire(&semaphore, rouse_deadline_in_ns(MILLISECOND), &waits),
               ROUSE_ETIMEDOUT);
  check_equal(waits, 0);
  lab_semaphore_release(&semaphore);
  check_result(lab_semaphore_acquire(&semaphore, 0, &waits), ROUSE_DONE);
  check_equal(waits, 0);
  lab_semaphore_release(&semaphore);
  return 0;
}

static void semaphore_times_out(void **state) {
  (void)state;
  check_result(lab_semaphore_init(&semaphore, tested, 1), ROUSE_DONE);
  test_run(1, run_out_of_permits, NULL);
  check_equal(lab_semaphore_available(&semaphore), 1);
  lab_semaphore_finish(&semaphore);
}

// --- latch ---------------------------------------------------------------------------------------

static lab_latch latch;
static uint32_t passed;  // atomic

static int64_t pass(void *argument) {
  (void)argument;
  check_result(lab_latch_wait(&latch, ROUSE_FOREVER), ROUSE_DONE);
  __atomic_add_fetch(&passed, 1, __ATOMIC_RELAXED);
  return 0;
}

static void await_waiters(uint32_t count) {
  while (tested->count(&latch.queue) != count) rouse_task_yield();
  // A wait of the kernel's is counted before the kernel has it.
  if (can(APPROACH_KERNEL)) check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
}

static int64_t open_and_shut(void *argument) {
  (void)argument;
  const uint32_t count = can(APPROACH_MANY) ? TASKS : 1, loops = rouse_run_loop_count();
  rouse_task *tasks[TASKS];
  check_result(lab_latch_wait(&latch, 0), ROUSE_ETIMEDOUT);
  for (uint32_t i = 0; i < count; i++) {
    tasks[i] = test_spawn(rouse_run_loop(i % loops), pass, NULL);
  }
  await_waiters(count);
  check_equal(passed, 0);
  if (can(APPROACH_EXACT)) {
    check(lab_latch_pass_one(&latch));
    while (__atomic_load_n(&passed, __ATOMIC_RELAXED) < 1) rouse_task_yield();
    check_equal(tested->count(&latch.queue), count - 1);
  }
  lab_latch_set(&latch);
  for (uint32_t i = 0; i < count; i++) test_join(tasks[i]);
  check_equal(passed, count);
  check(lab_latch_is_set(&latch));
  check_result(lab_latch_wait(&latch, ROUSE_FOREVER), ROUSE_DONE);
  lab_latch_reset(&latch);
  check(!lab_latch_is_set(&latch));
  check(!lab_latch_pass_one(&latch));
  check_result(lab_latch_wait(&latch, rouse_deadline_in_ns(MILLISECOND)), ROUSE_ETIMEDOUT);
  return 0;
}

static void latch_opens_for_all_and_stays_open(void **state) {
  (void)state;
  passed = 0;
  check_result(lab_latch_init(&latch, tested), ROUSE_DONE);
  watchdog_start();
  test_run(can(APPROACH_LOOPS) ? 2 : 1, open_and_shut, NULL);
  watchdog_stop();
  lab_latch_finish(&latch);
}

// --- the note's benchmarks -----------------------------------------------------------------------

static int64_t run_all_workloads(void *argument) {
  (void)argument;
  for (const workload *self = workloads; self->name; self++) {
    workload_scale scale = self->defaults;
    if (scale.operations > 10000) scale.operations = 10000;
    if (TEST_SANITIZED && scale.operations > 1000) scale.operations = 1000;
    workload_result result;
    int failed = self->run(tested, &scale, &result);
    bool several = rouse_run_loop_count() > 1 && !self->one_loop;
    if (!can(self->needs) || (several && !can(APPROACH_LOOPS))) {
      check_result(failed, ROUSE_ENOTSUP);
      continue;
    }
    check_result(failed, ROUSE_DONE);
    check_equal(result.operations, scale.operations);
    check(result.elapsed_ns > 0);
    check(result.fewest <= result.most);
    check(result.waited <= result.operations);
    // With two loops one of them may do all the work before the other starts.
    if (self->defaults.tasks > 1 && rouse_run_loop_count() == 1) check(result.waited > 0);
    print_message("           %s: %llu operations, %llu waited\n", self->name,
                  (unsigned long long)result.operations, (unsigned long long)result.waited);
    watchdog_progress();
  }
  return 0;
}

static void workloads_do_what_they_were_asked(void **state) {
  (void)state;
  watchdog_start();
  test_run(1, run_all_workloads, NULL);
  test_run(2, run_all_workloads, NULL);
  watchdog_stop();
}

// --- counts --------------------------------------------------------------------------------------

static void print_cost(uint32_t waiters, const approach_cost *cost) {
  print_message(
      "           with %u others: wait %.2f rmw %.2f loads %.2f stores, wake %.2f rmw, "
      "cancel %.2f rmw, %.2f locks, %.3f allocations, %.0f bytes, %.2f system calls\n",
      waiters, cost->wait_modifications, cost->wait_loads, cost->wait_stores,
      cost->wake_modifications, cost->cancel_modifications, cost->locks, cost->allocations,
      cost->heap_bytes, cost->system_calls);
}

static void check_same(const approach_cost *a, const approach_cost *b) {
  check(a->wait_loads == b->wait_loads && a->wait_stores == b->wait_stores);
  check(a->wait_modifications == b->wait_modifications);
  check(a->wake_loads == b->wake_loads && a->wake_stores == b->wake_stores);
  check(a->wake_modifications == b->wake_modifications);
  check(a->cancel_modifications == b->cancel_modifications && a->locks == b->locks);
  check(a->allocations == b->allocations && a->heap_bytes == b->heap_bytes);
}

// The counts are the same each time, and fit what the approach says of itself.
static void costs_are_counted(void **state) {
  (void)state;
  for (uint32_t waiters = 0; waiters <= 16; waiters += 16) {
    approach_cost cost, again;
    int result = approach_cost_measure(tested->name, waiters, &cost);
    if (waiters && !can(APPROACH_MANY)) {
      check_result(result, ROUSE_ENOTSUP);
      continue;
    }
    check_result(result, ROUSE_DONE);
    check_result(approach_cost_measure(tested->name, waiters, &again), ROUSE_DONE);
    print_cost(waiters, &cost);
    if (!can(APPROACH_KERNEL)) check_same(&cost, &again);
    if (can(APPROACH_ALLOCATES_NOT)) check(cost.allocations == 0 && cost.heap_bytes == 0);
    if (can(APPROACH_LOCK_FREE)) check(cost.locks == 0);
    if (cost.atomics_counted && can(APPROACH_LOOPS)) {
      check(cost.wait_modifications >= 1 && cost.wake_modifications >= 1);
    }
  }
}

int main(int count, char **arguments) {
  under_test_begin(count, arguments);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(permits_are_conserved),
      cmocka_unit_test(semaphore_times_out),
      cmocka_unit_test(latch_opens_for_all_and_stays_open),
      cmocka_unit_test(workloads_do_what_they_were_asked),
      cmocka_unit_test(costs_are_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
