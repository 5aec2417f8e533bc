// Waiting for descriptors of any kind, on every backend.
#define _GNU_SOURCE
#include "sockets.h"
// The sockets' headers come first.
#include <stdlib.h>
#include <string.h>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/eventfd.h>
#endif

#include "../support/conformance.h"

// ends[0] reads what ends[1] writes: a connection, or a pipe where pipes can be polled.
static rouse_fd ends[2];

static int open_pair(void **state) {
  (void)state;
  test_pair(ends);
  return 0;
}
static int open_pipe(void **state) {
  (void)state;
  test_pipe(ends);
  return 0;
}
static void close_end(int i) {
  if (ends[i] >= 0) test_close(ends[i]);
  ends[i] = -1;
}
static int close_ends(void **state) {
  (void)state;
  close_end(0);
  close_end(1);
  return 0;
}

// |result| says that all of |events| are there; a failure is a negative number, with any bits.
static void check_events(int64_t result, uint32_t events) {
  if (result <= 0) check_result((int)result, ROUSE_DONE);  // which says what it was
  check(result > 0);
  check_equal(result & events, events);
}

#define CLAIM CONFORMANCE_CLAIM

static int64_t wait_for_input(void *argument) {
  return rouse_fd_poll(*(rouse_fd *)argument, POLLIN, ROUSE_FOREVER);
}

typedef struct both {
  rouse_fd fd;
  uint32_t events;
} both;
static int64_t wait_for_events(void *argument) {
  both *self = argument;
  return rouse_fd_poll(self->fd, self->events, ROUSE_FOREVER);
}

CLAIM(poll_of_what_is_ready_gives_the_events) {
  check_equal(rouse_fd_poll(ends[1], POLLOUT, ROUSE_FOREVER), POLLOUT);
  test_put(ends[1], 'x');
  check_equal(rouse_fd_poll(ends[0], POLLIN, ROUSE_FOREVER), POLLED_INPUT);
  check_equal(rouse_fd_poll(ends[0], POLLIN, ROUSE_FOREVER), POLLED_INPUT);  // takes nothing
  return 0;
}

CLAIM(poll_waits_until_the_descriptor_is_ready) {
  rouse_task *task = test_spawn(NULL, wait_for_input, &ends[0]);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(task));
  test_put(ends[1], 'x');
  check_events(test_join(task), POLLED_INPUT);
  return 0;
}

CLAIM(poll_for_input_ends_when_the_peer_has_gone) {
  rouse_task *task = test_spawn(NULL, wait_for_input, &ends[0]);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(task));
  close_end(1);
  check_events(test_join(task), POLLED_INPUT);  // the end can be read
  check_events(rouse_fd_poll(ends[0], POLLIN, ROUSE_FOREVER), POLLED_INPUT);
  return 0;
}

CLAIM(poll_reports_a_reset_that_was_not_asked_for) {
  tcp_pair pair = tcp_pair_make();
  both nothing = {pair.server, 0};
  rouse_task *task = test_spawn(NULL, wait_for_events, &nothing);
  check_equal(rouse_tcp_send(pair.client, "x", 1, ROUSE_FOREVER), 1);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(task));  // input is not what it waits for
  test_socket_reset_on_close(pair.client);
  check_result(rouse_file_close(pair.client), ROUSE_DONE);
  pair.client = -1;
  check_events(test_join(task), POLLERR | POLLHUP);
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(poll_gives_up_at_its_deadline_and_not_early) {
  int64_t deadline_ns = rouse_deadline_in_ns(2 * MILLISECOND);
  check_result(rouse_fd_poll(ends[0], POLLIN, deadline_ns), ROUSE_ETIMEDOUT);
  check(rouse_now_ns() >= deadline_ns);
  int again = rouse_fd_poll(ends[0], POLLIN, 0);
  check_result(again, ROUSE_ETIMEDOUT);
  test_put(ends[1], 'x');
  check_events(rouse_fd_poll(ends[0], POLLIN, rouse_deadline_in_ns(3600 * SECOND)), POLLED_INPUT);
  return 0;
}

CLAIM(poll_of_a_descriptor_that_is_not_open_is_refused) {
  check_result(rouse_fd_poll(9999, POLLIN, ROUSE_FOREVER), ROUSE_EBADF);
  check_result(rouse_fd_poll(-1, POLLIN, ROUSE_FOREVER), ROUSE_EBADF);
  check_result(rouse_fd_poll(-2, POLLIN, ROUSE_FOREVER), ROUSE_EBADF);
  return 0;
}

CLAIM(several_polls_of_one_descriptor_all_complete) {
  rouse_task *tasks[5];
  for (int i = 0; i < 5; i++) tasks[i] = test_spawn(NULL, wait_for_input, &ends[0]);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  rouse_task_cancel(tasks[2]);
  check_result(test_join(tasks[2]), ROUSE_ECANCELED);
  test_put(ends[1], 'x');
  for (int i = 0; i < 5; i++) {
    if (i != 2) check_events(test_join(tasks[i]), POLLED_INPUT);
  }
  return 0;
}

// A peer may take its time to say that it has got something: 200 ms.
static bool is_writable_soon(rouse_fd fd) {
  int result = rouse_fd_poll(fd, POLLOUT, rouse_deadline_in_ns(250 * MILLISECOND));
  if (result < 0) check_result(result, ROUSE_ETIMEDOUT);
  return result > 0;
}

// Sends until there is no room, and none comes. What |fd| has sent.
static int64_t fill(rouse_fd fd) {
  static char block[65536];
  int64_t sent = 0;
  while (is_writable_soon(fd)) {
    int64_t deadline_ns = rouse_deadline_in_ns(20 * MILLISECOND), part;
    while ((part = rouse_tcp_send(fd, block, sizeof block, deadline_ns)) > 0) sent += part;
    check_result((int)part, ROUSE_ETIMEDOUT);
  }
  return sent;
}

static void drain(rouse_fd fd, int64_t size) {
  static char block[65536];
  while (size > 0) {
    int64_t part = rouse_tcp_receive(fd, block, sizeof block, ROUSE_FOREVER);
    check(part > 0 && part <= size);
    size -= part;
  }
}

CLAIM(reader_and_writer_of_one_descriptor_wait_apart) {
  rouse_fd pair[2];
  test_pair(pair);
  const int64_t sent = fill(pair[0]);
  check(sent > 0);
  both reading = {pair[0], POLLIN}, writing = {pair[0], POLLOUT};
  rouse_task *reader = test_spawn(NULL, wait_for_events, &reading);
  rouse_task *writer = test_spawn(NULL, wait_for_events, &writing);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(reader) && !rouse_task_is_done(writer));
  test_put(pair[1], 'x');
  check_events(test_join(reader), POLLED_INPUT);
  check(!rouse_task_is_done(writer));
  drain(pair[1], sent);
  check_events(test_join(writer), POLLOUT);
  test_close(pair[0]);
  test_close(pair[1]);
  return 0;
}

CLAIM(descriptor_that_is_closed_and_opened_anew_is_polled_anew) {
  for (int i = 0; i < 50; i++) {
    rouse_fd fresh[2];
    test_pair(fresh);
    rouse_task *task = test_spawn(NULL, wait_for_input, &fresh[0]);
    rouse_task_yield();
    if (i % 2) {
      test_put(fresh[1], 'x');
      check_events(test_join(task), POLLED_INPUT);
    } else {
      rouse_task_cancel(task);
      check_result(test_join(task), ROUSE_ECANCELED);
    }
    test_close(fresh[0]);  // the next pair gets the same numbers
    test_close(fresh[1]);
  }
  return 0;
}

CLAIM(regular_files_are_always_ready_or_refused) {
  rouse_fd fd = test_file_unnamed();
  int result = rouse_fd_poll(fd, POLLIN, ROUSE_FOREVER);
  if (!strcmp(rouse_loop_backend(rouse_loop_here()), "iocp")) {
    check_result(result, ROUSE_EPERM);
  } else {
    check_events(result, POLLIN);
  }
  test_close(fd);
  return 0;
}

static int64_t echo_through_pairs(void *argument) {
  rouse_fd *both_ways = argument;
  for (int i = 0; i < 300; i++) {
    check_events(rouse_fd_poll(both_ways[0], POLLIN, ROUSE_FOREVER), POLLED_INPUT);
    check_equal(test_take(both_ways[0]), 'x');
    test_put(both_ways[1], 'x');
  }
  return 0;
}

static int64_t ping_through_pairs(void *argument) {
  (void)argument;
  rouse_fd there[2], back[2];
  test_pair(there);
  test_pair(back);
  rouse_fd other_ends[2] = {there[0], back[1]};
  rouse_task *other = test_spawn(rouse_run_loop(1), echo_through_pairs, other_ends);
  for (int i = 0; i < 300; i++) {
    test_put(there[1], 'x');
    check_events(rouse_fd_poll(back[0], POLLIN, ROUSE_FOREVER), POLLED_INPUT);
    check_equal(test_take(back[0]), 'x');
  }
  test_join(other);
  for (int i = 0; i < 2; i++) test_close(there[i]), test_close(back[i]);
  return 0;
}

static void loops_wait_for_each_other_s_descriptors(void **state) {
  (void)state;
  test_run(2, ping_through_pairs, NULL);
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

  test_put(ends[1], 'x');
  check_result(rouse_fd_poll_start(&io.io, ends[0], POLLIN, ROUSE_FOREVER), ROUSE_PENDING);
  check_equal(io.completed, 3);  // never inside the call that starts it
  test_loop_run_until(loop, &io.completed, 4);
  check_events(io.reported, POLLED_INPUT);
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

// --- what only one system has --------------------------------------------------------------------

#ifdef _WIN32

CLAIM(pipes_are_refused) {
  check_result(rouse_fd_poll(ends[0], POLLIN, ROUSE_FOREVER), ROUSE_ENOTSUP);
  check_result(rouse_fd_poll(ends[1], POLLOUT, ROUSE_FOREVER), ROUSE_ENOTSUP);
  return 0;
}

CLAIM(handles_are_ready_when_they_are_signalled) {
  HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
  check(event);
  rouse_fd fd = rouse_fd_from_handle(event);
  check_result(rouse_fd_poll(fd, POLLIN, rouse_deadline_in_ns(MILLISECOND)), ROUSE_ETIMEDOUT);
  rouse_task *task = test_spawn(NULL, wait_for_input, &fd);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(task));
  check(SetEvent(event));
  check_equal(test_join(task), POLLIN);
  check_equal(rouse_fd_poll(fd, POLLIN | POLLOUT, ROUSE_FOREVER), POLLIN | POLLOUT);
  test_close(fd);
  return 0;
}

#else

CLAIM(poll_reports_a_hang_up_that_was_not_asked_for) {
  rouse_task *task = test_spawn(NULL, wait_for_input, &ends[0]);
  rouse_task_yield();
  close_end(1);
  check_events(test_join(task), POLLHUP);
  return 0;
}

CLAIM(poll_reports_an_error_that_was_not_asked_for) {
  close_end(0);
  check_events(rouse_fd_poll(ends[1], POLLOUT, ROUSE_FOREVER), POLLERR);
  return 0;
}

CLAIM(event_descriptors_work) {
  int fd = (int)check_system(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  rouse_task *task = test_spawn(NULL, wait_for_input, &fd);
  rouse_task_yield();
  const uint64_t one = 1;
  check_equal(write(fd, &one, sizeof one), sizeof one);
  check_events(test_join(task), POLLIN);
  close(fd);
  return 0;
}

#endif

#define WITH(open, test)                                                                           \
  { #test " with " #open, test, open, close_ends, NULL }
#define WITH_EACH(open)                                                                            \
  WITH(open, poll_of_what_is_ready_gives_the_events),                                              \
      WITH(open, poll_waits_until_the_descriptor_is_ready),                                        \
      WITH(open, poll_gives_up_at_its_deadline_and_not_early),                                     \
      WITH(open, several_polls_of_one_descriptor_all_complete),                                    \
      WITH(open, poll_by_callback_completes_or_is_cancelled),                                      \
      WITH(open, cancel_right_after_the_start_completes_once)

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      WITH_EACH(open_pair),
      WITH(open_pair, poll_for_input_ends_when_the_peer_has_gone),
      cmocka_unit_test(poll_reports_a_reset_that_was_not_asked_for),
      cmocka_unit_test(poll_of_a_descriptor_that_is_not_open_is_refused),
      cmocka_unit_test(reader_and_writer_of_one_descriptor_wait_apart),
      cmocka_unit_test(descriptor_that_is_closed_and_opened_anew_is_polled_anew),
      cmocka_unit_test(regular_files_are_always_ready_or_refused),
      cmocka_unit_test(loops_wait_for_each_other_s_descriptors),
#ifdef _WIN32
      WITH(open_pipe, pipes_are_refused),
      cmocka_unit_test(handles_are_ready_when_they_are_signalled),
#else
      WITH_EACH(open_pipe),
      WITH(open_pipe, poll_reports_a_hang_up_that_was_not_asked_for),
      WITH(open_pipe, poll_reports_an_error_that_was_not_asked_for),
      cmocka_unit_test(event_descriptors_work),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
