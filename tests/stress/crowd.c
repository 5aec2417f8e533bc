// Very many tasks at once, each with a stack of its own: they wait, are cancelled, and end.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../support/support.h"
#include "platform/memory.h"

enum { WANTED = 200000, BYTES_EACH = 16384, ADDRESSES_EACH = 96 << 10 };

// As many as are wanted, or as there are guards, addresses, and memory that is free now.
static int crowd_size(void) {
  int64_t free_bytes = (int64_t)sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE);
  int64_t fit = free_bytes / 2 / BYTES_EACH;
  int64_t addresses = SIZE_MAX / 4 / ADDRESSES_EACH;
  if (addresses < fit) fit = addresses;
  int64_t guards = (int64_t)rouse__memory_split_max() / 2;
  if (!rouse__memory_guards_are_marks() && guards < fit) fit = guards;
  int wanted = test_scaled(TEST_SANITIZED ? WANTED / 50 : WANTED);
  if (fit < wanted) print_message("           room is short: %lld tasks\n", (long long)fit);
  return fit < wanted ? (int)fit : wanted;
}

typedef struct crowd {
  int size;
  rouse_task **tasks;
  rouse_event go;
  rouse_mutex mutex;
  rouse_semaphore few;
  int64_t sum;  // guarded by |mutex|
} crowd;

static int64_t wait_then_count(void *argument) {
  crowd *self = argument;
  check_result(rouse_event_wait(&self->go), ROUSE_DONE);
  check_result(rouse_semaphore_acquire(&self->few, 1), ROUSE_DONE);
  check_result(rouse_mutex_lock(&self->mutex), ROUSE_DONE);
  self->sum++;
  rouse_mutex_unlock(&self->mutex);
  check_result(rouse_semaphore_release(&self->few, 1), ROUSE_DONE);
  watchdog_progress();
  return 1;
}

static int64_t gather(void *argument) {
  crowd *self = argument;
  for (int i = 0; i < self->size; i++) {
    self->tasks[i] =
        test_spawn(rouse_run_loop((uint32_t)i % rouse_run_loop_count()), wait_then_count, self);
    if (i % 1000 == 0) {
      rouse_task_yield();
      watchdog_progress();
    }
  }
  while (rouse_event_waiter_count(&self->go) < (uint32_t)self->size) {
    check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  }
  rouse_event_set(&self->go);
  int64_t ended = 0;
  for (int i = 0; i < self->size; i++) ended += test_join(self->tasks[i]);
  return ended;
}

static void two_hundred_thousand_tasks_wait_at_once(void **state) {
  (void)state;
  crowd self = {.size = crowd_size(),
                .go = ROUSE_EVENT_INIT,
                .mutex = ROUSE_MUTEX_INIT,
                .few = ROUSE_SEMAPHORE_INIT(8)};
  self.tasks = calloc((size_t)self.size, sizeof *self.tasks);
  check(self.tasks);
  watchdog_start();
  check_equal(test_run(2, gather, &self), self.size);
  watchdog_stop();
  check_equal(self.sum, self.size);
  check_equal(rouse_semaphore_available(&self.few), 8);
  free(self.tasks);
}

static int64_t wait_for_nothing(void *argument) {
  check_result(rouse_event_wait_until(argument, rouse_deadline_in_ns(3600 * SECOND)),
               ROUSE_ECANCELED);
  watchdog_progress();
  return 0;
}

static int64_t leave_a_crowd_waiting(void *argument) {
  crowd *self = argument;
  for (int i = 0; i < self->size; i++) {
    check_result(rouse_task_spawn(NULL, rouse_run_loop((uint32_t)i % rouse_run_loop_count()),
                                  wait_for_nothing, &self->go),
                 ROUSE_DONE);
    if (i % 1000 == 0) rouse_task_yield();
  }
  while (rouse_event_waiter_count(&self->go) < (uint32_t)self->size) {
    check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  }
  return 0;  // all others are cancelled now
}

static void run_ends_with_a_crowd_waiting(void **state) {
  (void)state;
  crowd self = {.size = crowd_size() / 4, .go = ROUSE_EVENT_INIT};
  watchdog_start();
  test_run(2, leave_a_crowd_waiting, &self);
  watchdog_stop();
  check_equal(rouse_event_waiter_count(&self.go), 0);
}

static int64_t come_and_go(void *argument) {
  (void)argument;
  rouse_task_yield();
  watchdog_progress();
  return 1;
}

static int64_t spawn_without_pause(void *argument) {
  crowd *self = argument;
  int64_t ended = 0;
  enum { AT_ONCE = 64 };
  for (int i = 0; i < self->size; i += AT_ONCE) {
    rouse_task *tasks[AT_ONCE];
    for (uint32_t j = 0; j < AT_ONCE; j++) {
      tasks[j] = test_spawn(rouse_run_loop(j % rouse_run_loop_count()), come_and_go, NULL);
    }
    for (int j = 0; j < AT_ONCE; j++) ended += test_join(tasks[j]);
  }
  return ended;
}

static void tasks_that_come_and_go_reuse_what_is_there(void **state) {
  (void)state;
  crowd self = {.size = test_scaled(64 * 1000)};
  watchdog_start();
  check(test_run(2, spawn_without_pause, &self) >= self.size);
  watchdog_stop();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_hundred_thousand_tasks_wait_at_once),
      cmocka_unit_test(run_ends_with_a_crowd_waiting),
      cmocka_unit_test(tasks_that_come_and_go_reuse_what_is_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
