// Waiting for descriptors of any kind, on every backend.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/conformance.h"

static int ends[2];

static int open_pipe(void **state) {
  (void)state;
  check_system(pipe2(ends, O_CLOEXEC));
  return 0;
}
static int close_pipe(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    if (ends[i] >= 0) close(ends[i]);
  }
  return 0;
}

#define CLAIM(name)                                                                                \
  static int64_t name##_body(void *argument);                                                      \
  static void name(void **state) {                                                                 \
    (void)state;                                                                                   \
    test_run(1, name##_body, NULL);                                                                \
  }                                                                                                \
  static int64_t name##_body(void *argument __attribute__((unused)))

static void put(int fd) { check_equal(write(fd, "x", 1), 1); }
static void take(int fd) {
  char byte;
  check_equal(read(fd, &byte, 1), 1);
}

static int64_t wait_for_input(void *argument) {
  return rouse_fd_poll(*(int *)argument, POLLIN, ROUSE_FOREVER);
}

CLAIM(poll_of_what_is_ready_gives_the_events) {
  check_equal(rouse_fd_poll(ends[1], POLLOUT, ROUSE_FOREVER), POLLOUT);
  put(ends[1]);
  check_equal(rouse_fd_poll(ends[0], POLLIN, ROUSE_FOREVER) & POLLIN, POLLIN);
  check_equal(rouse_fd_poll(ends[0], POLLIN, ROUSE_FOREVER) & POLLIN, POLLIN);  // takes nothing
  return 0;
}

CLAIM(poll_waits_until_the_descriptor_is_ready) {
  rouse_task *task = test_spawn(NULL, wait_for_input, &ends[0]);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(task));
  put(ends[1]);
  check(test_join(task) & POLLIN);
  return 0;
}

CLAIM(poll_reports_a_hang_up_that_was_not_asked_for) {
  rouse_task *task = test_spawn(NULL, wait_for_input, &ends[0]);
  rouse_task_yield();
  close(ends[1]);
  ends[1] = -1;
  check(test_join(task) & POLLHUP);
  return 0;
}

CLAIM(poll_reports_an_error_that_was_not_asked_for) {
  close(ends[0]);
  ends[0] = -1;
  check(rouse_fd_poll(ends[1], POLLOUT, ROUSE_FOREVER) & POLLERR);
  return 0;
}

CLAIM(poll_gives_up_at_its_deadline_and_not_early) {
  int64_t deadline_ns = rouse_deadline_in_ns(2 * MILLISECOND);
  check_result(rouse_fd_poll(ends[0], POLLIN, deadline_ns), ROUSE_ETIMEDOUT);
  check(rouse_now_ns() >= deadline_ns);
  int again = rouse_fd_poll(ends[0], POLLIN, 0);
  check_result(again, ROUSE_ETIMEDOUT);
  put(ends[1]);
  check(rouse_fd_poll(ends[0], POLLIN, rouse_deadline_in_ns(3600 * SECOND)) & POLLIN);
  return 0;
}

CLAIM(poll_of_a_descriptor_that_is_not_open_is_refused) {
  check_result(rouse_fd_poll(9999, POLLIN, ROUSE_FOREVER), ROUSE_EBADF);
  check_result(rouse_fd_poll(-1, POLLIN, ROUSE_FOREVER), ROUSE_EBADF);
  return 0;
}

CLAIM(several_polls_of_one_descriptor_all_complete) {
  rouse_task *tasks[5];
  for (int i = 0; i < 5; i++) tasks[i] = test_spawn(NULL, wait_for_input, &ends[0]);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  rouse_task_cancel(tasks[2]);
  check_result(test_join(tasks[2]), ROUSE_ECANCELED);
  put(ends[1]);
  for (int i = 0; i < 5; i++) {
    if (i != 2) check(test_join(tasks[i]) & POLLIN);
  }
  return 0;
}

typedef struct both {
  int fd;
  uint32_t events;
} both;
static int64_t wait_for_events(void *argument) {
  both *self = argument;
  return rouse_fd_poll(self->fd, self->events, ROUSE_FOREVER);
}

CLAIM(reader_and_writer_of_one_descriptor_wait_apart) {
  int pair[2];
  check_system(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
  char block[4096];
  memset(block, 0, sizeof block);
  while (write(pair[0], block, sizeof block) > 0) continue;  // full: not writable
  both reading = {pair[0], POLLIN}, writing = {pair[0], POLLOUT};
  rouse_task *reader = test_spawn(NULL, wait_for_events, &reading);
  rouse_task *writer = test_spawn(NULL, wait_for_events, &writing);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(reader) && !rouse_task_is_done(writer));
  put(pair[1]);
  check(test_join(reader) & POLLIN);
  check(!rouse_task_is_done(writer));
  check_system(fcntl(pair[1], F_SETFL, O_NONBLOCK));
  while (read(pair[1], block, sizeof block) > 0) continue;
  check(test_join(writer) & POLLOUT);
  close(pair[0]);
  close(pair[1]);
  return 0;
}

CLAIM(descriptor_that_is_closed_and_opened_anew_is_polled_anew) {
  for (int i = 0; i < 50; i++) {
    int fresh[2];
    check_system(pipe2(fresh, O_CLOEXEC));
    rouse_task *task = test_spawn(NULL, wait_for_input, &fresh[0]);
    rouse_task_yield();
    if (i % 2) {
      put(fresh[1]);
      check(test_join(task) & POLLIN);
    } else {
      rouse_task_cancel(task);
      check_result(test_join(task), ROUSE_ECANCELED);
    }
    close(fresh[0]);  // the next pipe gets the same numbers
    close(fresh[1]);
  }
  return 0;
}

CLAIM(regular_files_are_always_ready) {
  int fd = (int)check_system(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  check(rouse_fd_poll(fd, POLLIN, ROUSE_FOREVER) & POLLIN);
  close(fd);
  return 0;
}

CLAIM(event_descriptors_work) {
  int fd = (int)check_system(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  rouse_task *task = test_spawn(NULL, wait_for_input, &fd);
  rouse_task_yield();
  const uint64_t one = 1;
  check_equal(write(fd, &one, sizeof one), sizeof one);
  check(test_join(task) & POLLIN);
  close(fd);
  return 0;
}

static int64_t echo_through_pipes(void *argument) {
  int *both_ways = argument;
  for (int i = 0; i < 300; i++) {
    check(rouse_fd_poll(both_ways[0], POLLIN, ROUSE_FOREVER) & POLLIN);
    take(both_ways[0]);
    put(both_ways[1]);
  }
  return 0;
}

static int64_t ping_through_pipes(void *argument) {
  (void)argument;
  int there[2], back[2];
  check_system(pipe2(there, O_CLOEXEC));
  check_system(pipe2(back, O_CLOEXEC));
  int other_ends[2] = {there[0], back[1]};
  rouse_task *other = test_spawn(rouse_run_loop(1), echo_through_pipes, other_ends);
  for (int i = 0; i < 300; i++) {
    put(there[1]);
    check(rouse_fd_poll(back[0], POLLIN, ROUSE_FOREVER) & POLLIN);
    take(back[0]);
  }
  test_join(other);
  for (int i = 0; i < 2; i++) close(there[i]), close(back[i]);
  return 0;
}

static void loops_wait_for_each_other_s_descriptors(void **state) {
  (void)state;
  test_run(2, ping_through_pipes, NULL);
}

static void cancel_elsewhere(void *argument) { rouse_wait_cancel(argument); }

static void poll_by_callback_completes_or_is_cancelled(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  test_io io;
  test_io_init(&io, loop, NULL);
  check_result(rouse_fd_poll_start(&io.io, ends[0], POLLIN, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_settle(loop);
  check_equal(io.completed, 0);
  rouse_wait_cancel(&io.io.wait);
  rouse_wait_cancel(&io.io.wait);
  test_loop_run_until(loop, &io.completed, 1);
  check_result(io.reported, ROUSE_ECANCELED);
  check_result(io.result, ROUSE_ECANCELED);

  check_result(rouse_fd_poll_start(&io.io, ends[0], POLLIN, rouse_deadline_in_ns(MILLISECOND)),
               ROUSE_PENDING);
  test_loop_run_until(loop, &io.completed, 2);
  check_result(io.reported, ROUSE_ETIMEDOUT);
  check_result(io.result, ROUSE_ETIMEDOUT);

  check_result(rouse_fd_poll_start(&io.io, ends[0], POLLIN, ROUSE_FOREVER), ROUSE_PENDING);
  test_thread thread;
  test_thread_start(&thread, cancel_elsewhere, &io.io.wait);
  test_loop_run_until(loop, &io.completed, 3);
  test_thread_join(&thread);
  check_result(io.reported, ROUSE_ECANCELED);

  put(ends[1]);
  check_result(rouse_fd_poll_start(&io.io, ends[0], POLLIN, ROUSE_FOREVER), ROUSE_PENDING);
  check_equal(io.completed, 3);  // never inside the call that starts it
  test_loop_run_until(loop, &io.completed, 4);
  check(io.reported & POLLIN);
  test_loop_destroy(loop);
}

static void cancel_right_after_the_start_completes_once(void **state) {
  (void)state;
  enum { MANY = 600 };
  static test_io ios[MANY];
  rouse_loop *loop = test_loop_create();
  int counter = 0;
  for (int i = 0; i < MANY; i++) {
    test_io_init(&ios[i], loop, &counter);
    check_result(rouse_fd_poll_start(&ios[i].io, ends[0], POLLIN, ROUSE_FOREVER), ROUSE_PENDING);
    if (i % 2) rouse_wait_cancel(&ios[i].io.wait);
  }
  for (int i = 0; i < MANY; i += 2) rouse_wait_cancel(&ios[i].io.wait);
  test_loop_run_until(loop, &counter, MANY);
  test_loop_settle(loop);
  for (int i = 0; i < MANY; i++) {
    check_equal(ios[i].completed, 1);
    check_result(ios[i].result, ROUSE_ECANCELED);
  }
  test_loop_destroy(loop);
}

#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, open_pipe, close_pipe)

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      WITH_PIPE(poll_of_what_is_ready_gives_the_events),
      WITH_PIPE(poll_waits_until_the_descriptor_is_ready),
      WITH_PIPE(poll_reports_a_hang_up_that_was_not_asked_for),
      WITH_PIPE(poll_reports_an_error_that_was_not_asked_for),
      WITH_PIPE(poll_gives_up_at_its_deadline_and_not_early),
      cmocka_unit_test(poll_of_a_descriptor_that_is_not_open_is_refused),
      WITH_PIPE(several_polls_of_one_descriptor_all_complete),
      cmocka_unit_test(reader_and_writer_of_one_descriptor_wait_apart),
      cmocka_unit_test(descriptor_that_is_closed_and_opened_anew_is_polled_anew),
      cmocka_unit_test(regular_files_are_always_ready),
      cmocka_unit_test(event_descriptors_work),
      cmocka_unit_test(loops_wait_for_each_other_s_descriptors),
      WITH_PIPE(poll_by_callback_completes_or_is_cancelled),
      WITH_PIPE(cancel_right_after_the_start_completes_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
