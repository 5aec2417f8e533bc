// Everything at once, on every backend: operations and locks in one task, small rings, storms of
// submissions and cancels, ends with work in flight.
#include <string.h>

#include "../support/conformance.h"
#include "sockets.h"

// --- operations and locks ------------------------------------------------------------------------

enum { WORKERS = 40, STEPS = 30 };
typedef struct ledger {
  rouse_mutex mutex;
  rouse_semaphore in_flight;
  rouse_event go;
  rouse_fd fd;
  uint64_t next;  // guarded by |mutex|: the next free record
  uint32_t writing;
} ledger;

static int64_t write_records(void *argument) {
  ledger *self = argument;
  check_result(rouse_event_wait(&self->go), ROUSE_DONE);
  for (int i = 0; i < STEPS; i++) {
    check_result(rouse_semaphore_acquire(&self->in_flight, 1), ROUSE_DONE);
    uint32_t writing = __atomic_add_fetch(&self->writing, 1, __ATOMIC_RELAXED);
    check(writing <= 8);
    check_result(rouse_mutex_lock(&self->mutex), ROUSE_DONE);
    uint64_t record = self->next;
    if (i % 5 == 0) check_result(rouse_task_sleep_ns(MICROSECOND), ROUSE_DONE);  // while holding it
    self->next = record + 1;
    rouse_mutex_unlock(&self->mutex);
    check_equal(rouse_file_write(self->fd, &record, sizeof record, record * sizeof record),
                sizeof record);
    uint64_t read_back = 0;
    check_equal(rouse_file_read(self->fd, &read_back, sizeof read_back, record * sizeof record),
                sizeof read_back);
    check_equal(read_back, record);
    __atomic_sub_fetch(&self->writing, 1, __ATOMIC_RELAXED);
    check_result(rouse_semaphore_release(&self->in_flight, 1), ROUSE_DONE);
  }
  return 0;
}

static int64_t write_a_ledger(void *argument) {
  ledger *self = argument;
  rouse_task *tasks[WORKERS];
  for (uint32_t i = 0; i < WORKERS; i++) {
    tasks[i] = test_spawn(rouse_run_loop(i % rouse_run_loop_count()), write_records, self);
  }
  rouse_event_set(&self->go);
  for (int i = 0; i < WORKERS; i++) test_join(tasks[i]);
  return 0;
}

static void tasks_mix_operations_with_locks(void **state) {
  (void)state;
  for (uint32_t loops = 1; loops <= 2; loops++) {
    ledger self = {
        .mutex = ROUSE_MUTEX_INIT, .in_flight = ROUSE_SEMAPHORE_INIT(8), .go = ROUSE_EVENT_INIT};
    self.fd = test_file_unnamed();
    test_run(loops, write_a_ledger, &self);
    check_equal(self.next, WORKERS * STEPS);
    check_equal(rouse_semaphore_available(&self.in_flight), 8);
    for (uint64_t i = 0; i < self.next; i++) {
      uint64_t record;
      check_equal(test_file_read(self.fd, &record, sizeof record, i * sizeof record),
                  sizeof record);
      check_equal(record, i);
    }
    test_close(self.fd);
  }
}

// --- small rings and storms (30 of docs/scenarios.md) --------------------------------------------

enum { STORM = 3000 };
typedef struct storm_io {
  test_io io;
  uint64_t value;
} storm_io;
static storm_io storm[STORM];

static void submit_a_storm(uint32_t entries) {
  const rouse_loop_options options = {.ring_entries = entries, .blocking_threads = 2};
  const int many = test_scaled(STORM);
  rouse_loop *loop = NULL;
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  rouse_fd fd = test_file_unnamed();
  int counter = 0;
  for (int i = 0; i < many; i++) {  // more than any queue holds, without a turn of the loop
    storm[i].value = (uint64_t)i;
    test_io_init(&storm[i].io, loop, &counter);
    check_result(rouse_file_write_start(&storm[i].io.io, fd, &storm[i].value, 8, (uint64_t)i * 8,
                                        ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  test_loop_run_until(loop, &counter, many);
  for (int i = 0; i < many; i++) {
    check_equal(storm[i].io.completed, 1);
    check_equal(storm[i].io.result, 8);
  }
  test_loop_destroy(loop);
  test_close(fd);
}

static void storm_of_submissions_is_served_by_small_rings(void **state) {
  (void)state;
  const uint32_t entries[] = {1, 2, 3, 8, 0};
  for (int i = 0; i < 5; i++) submit_a_storm(entries[i]);
}

static void ring_that_is_too_large_is_refused_or_cut(void **state) {
  (void)state;
  rouse_loop *loop = NULL;
  const rouse_loop_options most = {.ring_entries = 32768}, more = {.ring_entries = 32769};
  int result = rouse_loop_create(&most, &loop);
  if (result != ROUSE_ENOMEM) check_result(result, ROUSE_DONE);
  if (!result) test_loop_destroy(loop);
  result = rouse_loop_create(&more, &loop);
  check(result == ROUSE_DONE || result == ROUSE_EINVAL || result == ROUSE_ENOMEM);
  if (!result) test_loop_destroy(loop);
}

static void storm_of_cancels_past_a_full_ring_completes_all(void **state) {
  (void)state;
  const rouse_loop_options options = {.ring_entries = 2};
  const int many = test_scaled(2000);
  rouse_loop *loop = NULL;
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  rouse_fd ends[2];
  int counter = 0;
  test_pair(ends);
  for (int i = 0; i < many; i++) {
    test_io_init(&storm[i].io, loop, &counter);
    check_result(rouse_fd_poll_start(&storm[i].io.io, ends[0], POLLIN, ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  test_loop_settle(loop);
  for (int i = 0; i < many; i++) rouse_wait_cancel(&storm[i].io.io.wait);
  for (int i = 0; i < many; i++) rouse_wait_cancel(&storm[i].io.io.wait);
  test_loop_run_until(loop, &counter, many);
  test_loop_settle(loop);
  for (int i = 0; i < many; i++) {
    check_equal(storm[i].io.completed, 1);
    check_result(storm[i].io.result, ROUSE_ECANCELED);
  }
  // The loop is in order after all that.
  test_put(ends[1], 'x');
  check_result(rouse_fd_poll_start(&storm[0].io.io, ends[0], POLLIN, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_run_until(loop, &storm[0].io.completed, 2);
  check(storm[0].io.result & POLLIN);
  test_loop_destroy(loop);
  test_close(ends[0]);
  test_close(ends[1]);
}

static void completions_beyond_the_queue_are_not_lost(void **state) {
  (void)state;
  // All become ready at one stroke: far more completions than a small ring's queue holds.
  const rouse_loop_options options = {.ring_entries = 4};
  const int many = test_scaled(2000);
  rouse_loop *loop = NULL;
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  rouse_fd ends[2];
  int counter = 0;
  test_pair(ends);
  for (int i = 0; i < many; i++) {
    test_io_init(&storm[i].io, loop, &counter);
    check_result(rouse_fd_poll_start(&storm[i].io.io, ends[0], POLLIN, ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  test_loop_settle(loop);
  check_equal(counter, 0);
  test_put(ends[1], 'x');
  test_loop_run_until(loop, &counter, many);
  for (int i = 0; i < many; i++) {
    check_equal(storm[i].io.completed, 1);
    check(storm[i].io.result & POLLIN);
  }
  test_loop_destroy(loop);
  test_close(ends[0]);
  test_close(ends[1]);
}

typedef struct chaos {
  rouse_fd ends[2], file;
  _Alignas(8) uint64_t stream;  // atomic
  test_flag ended;
} chaos;

static int64_t operate_at_random(void *argument) {
  chaos *self = argument;
  random_source random = random_from(__atomic_fetch_add(&self->stream, 1, __ATOMIC_RELAXED));
  char buffer[64] = {0};
  for (int i = 0; i < 20; i++) {
    int64_t result, deadline_ns = rouse_deadline_in_ns(random_below(&random, 300000));
    switch (random_below(&random, 5)) {
      case 0:
        result = rouse_fd_poll(self->ends[0], POLLIN, deadline_ns);
        check(result == ROUSE_ETIMEDOUT || result == ROUSE_ECANCELED);
        break;
      case 1:
        result = rouse_file_write(self->file, buffer, sizeof buffer, random_below(&random, 4096));
        check(result == (int64_t)sizeof buffer || result == ROUSE_ECANCELED);
        break;
      case 2:
        result = rouse_file_read(self->file, buffer, sizeof buffer, 0);
        check(result >= 0 || result == ROUSE_ECANCELED);
        break;
      case 3:
        result = rouse_task_sleep_until(deadline_ns);
        check(result == ROUSE_DONE || result == ROUSE_ECANCELED);
        break;
      default:
        rouse_task_yield();
        break;
    }
  }
  test_flag_set(&self->ended);
  return 0;
}

static int64_t operate_and_cancel_at_random(void *argument) {
  chaos *self = argument;
  random_source random = random_from(1000);
  for (int round = 0; round < test_scaled(20); round++) {
    rouse_task *tasks[60];
    for (uint32_t i = 0; i < 60; i++) {
      tasks[i] = test_spawn(rouse_run_loop(i % 2), operate_at_random, self);
    }
    for (int i = 0; i < 60; i++) {
      if (random_one_in(&random, 2)) rouse_task_cancel(tasks[random_below(&random, 60)]);
      if (random_one_in(&random, 3))
        check_result(rouse_task_sleep_ns(20 * MICROSECOND), ROUSE_DONE);
    }
    for (int i = 0; i < 60; i++) test_join(tasks[i]);
    watchdog_progress();
  }
  return 0;
}

static void random_operations_with_random_cancels_and_deadlines_all_end(void **state) {
  (void)state;
  const uint32_t entries[] = {2, 0};
  for (int i = 0; i < 2; i++) {
    chaos self = {.stream = 0};
    test_pair(self.ends);
    self.file = test_file_unnamed();
    const rouse_run_options options = {.loops = 2, .loop = {.ring_entries = entries[i]}};
    watchdog_start();
    test_run_options(&options, operate_and_cancel_at_random, &self);
    watchdog_stop();
    check_equal(test_flag_read(&self.ended), 60 * test_scaled(20));
    test_close(self.ends[0]);
    test_close(self.ends[1]);
    test_close(self.file);
  }
}

// --- ends with work in flight --------------------------------------------------------------------

static int64_t wait_in_an_operation(void *argument) {
  chaos *self = argument;
  char byte;
  uint64_t which = __atomic_fetch_add(&self->stream, 1, __ATOMIC_RELAXED) % 3;
  int64_t result;
  if (which == 0) {
    result = rouse_fd_poll(self->ends[0], POLLIN, ROUSE_FOREVER);
  } else if (which == 1) {
    result = rouse_tcp_accept(self->file, ROUSE_FOREVER);
  } else {
    result = tcp_try_connect_here(self->file);
    if (result >= 0) {
      rouse_fd fd = (rouse_fd)result;
      result = rouse_tcp_receive(fd, &byte, 1, ROUSE_FOREVER);
      check_result(rouse_file_close(fd), ROUSE_DONE);
    }
  }
  check(result == ROUSE_ECANCELED || (which == 1 && result >= 0) || (which == 2 && result == 0));
  if (which == 1 && result >= 0) test_close((rouse_fd)result);
  test_flag_set(&self->ended);
  return 0;
}

static int64_t leave_operations_in_flight(void *argument) {
  chaos *self = argument;
  for (uint32_t i = 0; i < 30; i++) {
    check_result(rouse_task_spawn(NULL, rouse_run_loop(i % 2), wait_in_an_operation, self),
                 ROUSE_DONE);
  }
  check_result(rouse_task_sleep_ns(20 * MILLISECOND), ROUSE_DONE);
  return 0;
}

static void run_ends_cleanly_with_operations_in_flight(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) {
    chaos self = {.file = tcp_listen_here()};
    test_pair(self.ends);
    test_run(2, leave_operations_in_flight, &self);
    check_equal(test_flag_read(&self.ended), 30);
    test_close(self.file);
    test_close(self.ends[0]);
    test_close(self.ends[1]);
  }
}

static void stopped_loop_ends_its_tasks_operations(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  chaos self = {.file = -1};
  test_pair(self.ends);
  for (int i = 0; i < 10; i++) {
    self.stream = 0;
    check_result(rouse_task_spawn(NULL, loop, wait_in_an_operation, &self), ROUSE_DONE);
    test_loop_settle(loop);
  }
  rouse_loop_stop(loop);
  check_result(rouse_loop_run(loop), ROUSE_DONE);
  check_equal(test_flag_read(&self.ended), 10);
  test_loop_destroy(loop);
  test_close(self.ends[0]);
  test_close(self.ends[1]);
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tasks_mix_operations_with_locks),
      cmocka_unit_test(storm_of_submissions_is_served_by_small_rings),
      cmocka_unit_test(ring_that_is_too_large_is_refused_or_cut),
      cmocka_unit_test(storm_of_cancels_past_a_full_ring_completes_all),
      cmocka_unit_test(completions_beyond_the_queue_are_not_lost),
      cmocka_unit_test(random_operations_with_random_cancels_and_deadlines_all_end),
      cmocka_unit_test(run_ends_cleanly_with_operations_in_flight),
      cmocka_unit_test(stopped_loop_ends_its_tasks_operations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
