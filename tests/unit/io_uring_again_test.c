// Operations of the backend "io_uring" that came too early: they wait, and that costs next to
// nothing. And nobody waits for what can't come.
//
// White box: at rouse__uring_enter the tests count system calls.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../support/support.h"
#include "runtime/loop_internal.h"
#include "sockets.h"

#ifndef ROUSE_HAVE_IO_URING
int main(void) { test_skip("this build has no io_uring backend"); }
#else

#include "backend/io_uring/ring.h"

static int calls, calls_in_vain;

static int enter(unsigned fd, unsigned submit, unsigned wait, unsigned flags, sigset_t *argument,
                 size_t size) {
  int result = io_uring_enter2(fd, submit, wait, flags, argument, size);
  calls++;
  if (result == -ETIME) calls_in_vain++;
  return result;
}

static rouse_loop *loop;
static test_io io;
static int done;

static int make_loop(void) {
  const rouse_loop_options options = {.backend = "io_uring", .spin_ns = -1};
  return rouse_loop_create(&options, &loop);
}

static int before_each(void **state) {
  (void)state;
  check_result(make_loop(), ROUSE_DONE);
  done = 0;
  test_io_init(&io, loop, &done);
  rouse__uring_enter = enter;
  calls = calls_in_vain = 0;
  return 0;
}

static int after_each(void **state) {
  (void)state;
  test_loop_destroy(loop);
  rouse__uring_enter = io_uring_enter2;
  test_environment_set("ROUSE_IO_URING_WITHOUT", NULL);
  return 0;
}

static int before_each_without_multishot(void **state) {
  test_environment_set("ROUSE_IO_URING_WITHOUT", "multishot");
  return before_each(state);
}

static char block[65536];

// |io| was started, and its loop sleeps until the deadline, instead of looking again and again.
static void check_sleeps(int calls_most) {
  calls = 0;
  int64_t until_ns = rouse_deadline_in_ns(100 * MILLISECOND);
  while (rouse_now_ns() < until_ns) check(rouse_loop_run_once(loop, until_ns) >= 0);
  check_equal(done, 0);
  if (calls > calls_most) check_equal(calls, calls_most);
}

// --- a peer that has finished sending ------------------------------------------------------------

// A full socket whose peer has finished sending, which the kernel reports in each poll.
static int64_t make_half_closed(int fds[2], int flags) {
  check_system(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, fds));
  int64_t filled = socket_fill(fds[0]);
  check_system(shutdown(fds[1], SHUT_WR));
  return filled;
}

static void poll_half_closed(int calls_most) {
  int fds[2];
  make_half_closed(fds, 0);
  check_result(rouse_fd_poll_start(&io.io, fds[0], POLLOUT, ROUSE_FOREVER), ROUSE_PENDING);
  check_sleeps(calls_most);
  socket_drain(fds[1]);
  test_loop_run_until(loop, &done, 1);
  check_equal(io.result, POLLOUT);
  check_result(rouse_fd_poll_start(&io.io, fds[0], POLLPRI, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_settle(loop);
  rouse_wait_cancel(&io.io.wait);
  test_loop_run_until(loop, &done, 2);
  check_result(io.result, ROUSE_ECANCELED);
  close(fds[0]);
  close(fds[1]);
}

static void a_poll_that_finds_what_nobody_asked_for_sleeps(void **state) {
  (void)state;
  poll_half_closed(10);
}

static void a_poll_on_a_kernel_without_multishot_sleeps_most_of_the_time(void **state) {
  (void)state;
  poll_half_closed(60);
}

// As poll(2) has them: there are no others. The kernel has some of its own beyond, by one of which
// only the first of those who wait would be woken.
static void bits_that_are_no_events_do_not_count(void **state) {
  (void)state;
  int ends[2];
  test_io both[2];
  check_system(pipe2(ends, O_CLOEXEC));
  for (int i = 0; i < 2; i++) {
    test_io_init(&both[i], loop, &done);
    check_result(rouse_fd_poll_start(&both[i].io, ends[0], POLLIN | 0xffff0000, ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  test_loop_settle(loop);
  check_equal(done, 0);
  check_equal(write(ends[1], "x", 1), 1);
  test_loop_run_until(loop, &done, 2);
  for (int i = 0; i < 2; i++) check_equal(both[i].result, POLLIN);
  close(ends[0]);
  close(ends[1]);
}

static void a_send_to_a_peer_that_has_finished_sending_sleeps(void **state) {
  (void)state;
  int fds[2];
  int64_t filled = make_half_closed(fds, SOCK_NONBLOCK);
  check_result(rouse_tcp_send_start(&io.io, fds[0], "hello", 5, ROUSE_FOREVER), ROUSE_PENDING);
  check_sleeps(20);
  int64_t drained = socket_drain(fds[1]);  // perhaps with what is sent meanwhile
  test_loop_run_until(loop, &done, 1);
  check_equal(io.result, 5);
  drained += socket_drain(fds[1]);
  check_equal(drained, filled + 5);
  close(fds[0]);
  close(fds[1]);
}

// --- a readiness that is none --------------------------------------------------------------------

static void a_send_whose_socket_only_seems_ready_sleeps_most_of_the_time(void **state) {
  (void)state;
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  socklen_t size = sizeof to;
  int receiver = (int)check_system(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  int sender = (int)check_system(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  check_system(bind(receiver, (struct sockaddr *)&to, sizeof to.sun_family));
  check_system(getsockname(receiver, (struct sockaddr *)&to, &size));
  int queued = 0;
  while (sendto(sender, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&to, size) == 1) queued++;
  check(queued > 0);
  for (int cancelled = 1; cancelled >= 0; cancelled--) {
    done = 0;
    check_result(rouse_udp_send_to_start(&io.io, sender, "hello", 5, (struct sockaddr *)&to, size,
                                         ROUSE_FOREVER),
                 ROUSE_PENDING);
    check_sleeps(60);
    if (cancelled) rouse_wait_cancel(&io.io.wait);
    if (!cancelled) socket_drain(receiver);
    test_loop_run_until(loop, &done, 1);
    check_equal(io.result, cancelled ? ROUSE_ECANCELED : 5);
  }
  check_equal(recv(receiver, block, sizeof block, 0), 5);
  assert_memory_equal(block, "hello", 5);
  close(sender);
  close(receiver);
}

// --- finding out what the kernel does ------------------------------------------------------------

// What was tried has all ended, and is known to have: no wait for more of it runs out.
static void finding_out_waits_for_nothing_that_does_not_come(void **state) {
  (void)state;
  static rouse_probe probe;
  rouse_buffers *buffers;
  check_result(rouse_buffers_create(16, 1, &buffers), ROUSE_DONE);
  rouse_buffers_destroy(buffers);
  check(calls > 0);
  check_equal(calls_in_vain, 0);
  check_result(rouse_probe_run(&probe), ROUSE_DONE);
  check_equal(calls_in_vain, 0);
}

int main(void) {
  int refused = make_loop();
  if (refused) test_skip("io_uring is refused here: %s", rouse_error_message(refused));
  test_loop_destroy(loop);
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, before_each, after_each)
      TEST(finding_out_waits_for_nothing_that_does_not_come),  // once for the process
      TEST(a_poll_that_finds_what_nobody_asked_for_sleeps),
      cmocka_unit_test_setup_teardown(a_poll_on_a_kernel_without_multishot_sleeps_most_of_the_time,
                                      before_each_without_multishot, after_each),
      TEST(bits_that_are_no_events_do_not_count),
      TEST(a_send_to_a_peer_that_has_finished_sending_sleeps),
      TEST(a_send_whose_socket_only_seems_ready_sleeps_most_of_the_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
