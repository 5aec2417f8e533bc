// The backends "epoll" and "poll", datagrams: a local socket without a peer, which the system calls
// ready although the receiver's queue is full.
#define _GNU_SOURCE
#include <sys/un.h>

#include "poll_support.h"

static struct sockaddr_storage full_address;
static uint32_t full_size;

// A receiver that has as many datagrams as it takes, and a socket to send to it from.
static void make_full(int *receiver, int *sender) {
  full_size = sizeof full_address;
  char name[64];
  snprintf(name, sizeof name, "@rouse-poll-udp-test-%d", (int)getpid());
  struct sockaddr *address = (struct sockaddr *)&full_address;
  check_result(rouse_unix_address(name, address, &full_size), ROUSE_DONE);
  *receiver = (int)check_system(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  *sender = (int)check_system(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  check_system(bind(*receiver, address, full_size));
  while (sendto(*sender, "f", 1, MSG_DONTWAIT, address, full_size) == 1) continue;
  check_equal(errno, EAGAIN);
}

static char take(int fd) {
  char byte;
  check_equal(check_system(recv(fd, &byte, 1, MSG_DONTWAIT)), 1);
  return byte;
}

static char take_last(int fd) {
  char byte = 0;
  while (recv(fd, &byte, 1, MSG_DONTWAIT) == 1) continue;
  return byte;
}

static void send_start(op *self, int fd, const char *byte, int64_t deadline_ns) {
  op_init(self);
  check_result(
      rouse_udp_send_to_start(&self->io, fd, byte, 1, (const struct sockaddr *)&full_address,
                              full_size, deadline_ns),
      ROUSE_PENDING);
}

static uint64_t sleeps_of(rouse_loop *loop) {
  rouse_loop_stats stats;
  rouse_loop_stats_read(loop, &stats);
  return stats.sleeps;
}

static rouse_loop *sleepy_loop_on(const char *backend) {
  const rouse_loop_options options = {.backend = backend, .spin_ns = -1};
  rouse_loop *loop = NULL;
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  return loop;
}

// The loop sleeps, and not only for moments: it would be back thousands of times.
static void send_to_a_full_queue_waits_without_going_around(void **state) {
  rouse_loop *loop = sleepy_loop_on(backend_of(state));
  int receiver, sender;
  make_full(&receiver, &sender);
  op first, second, reading;
  ops_completed = 0;
  send_start(&first, sender, "1", ROUSE_FOREVER);
  send_start(&second, sender, "2", ROUSE_FOREVER);
  receive_start(&reading, sender, 1);  // the other direction is not held up
  check_equal(rouse_loop_run_once(loop, rouse_deadline_in_ns(100 * MILLISECOND)), 0);
  check(sleeps_of(loop) < 200);
  check_equal(first.completed, 0);
  check_equal(take(receiver), 'f');
  op_await(loop, &first, 1);
  check_equal(second.completed, 0);
  check_equal(take(receiver), 'f');
  op_await(loop, &second, 1);
  check_equal(second.order, 2);
  check_equal(take_last(receiver), '2');
  rouse_wait_cancel(&reading.io.wait);
  op_await(loop, &reading, ROUSE_ECANCELED);
  test_loop_destroy(loop);
  close(receiver);
  close(sender);
}

static void send_to_a_full_queue_ends_by_cancel_deadline_or_close(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int receiver, sender;
  make_full(&receiver, &sender);
  op cancelled, late, closed, closing;
  send_start(&cancelled, sender, "1", ROUSE_FOREVER);
  op_still_waits(loop, &cancelled);
  rouse_wait_cancel(&cancelled.io.wait);
  op_await(loop, &cancelled, ROUSE_ECANCELED);
  send_start(&late, sender, "2", rouse_deadline_in_ns(5 * MILLISECOND));
  op_await(loop, &late, ROUSE_ETIMEDOUT);
  send_start(&closed, sender, "3", ROUSE_FOREVER);
  op_still_waits(loop, &closed);
  op_init(&closing);
  check_result(rouse_file_close_start(&closing.io, sender), ROUSE_PENDING);
  op_await(loop, &closed, ROUSE_EBADF);
  op_await(loop, &closing, ROUSE_DONE);
  check_equal(take_last(receiver), 'f');  // nothing of it was sent
  test_loop_destroy(loop);
  close(receiver);
}

// A number that is given out again is another file's, for which nothing is sent.
static void held_send_is_not_made_on_another_file(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int receiver, sender;
  make_full(&receiver, &sender);
  op waiting;
  send_start(&waiting, sender, "1", ROUSE_FOREVER);
  op_still_waits(loop, &waiting);
  int other = (int)check_system(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  check_system(dup3(other, sender, O_CLOEXEC));
  take_last(receiver);
  op_await(loop, &waiting, ROUSE_EBADF);
  check_equal(take_last(receiver), 0);
  test_loop_destroy(loop);
  close(receiver);
  close(sender);
  close(other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_BOTH(send_to_a_full_queue_waits_without_going_around),
      ON_BOTH(send_to_a_full_queue_ends_by_cancel_deadline_or_close),
      ON_BOTH(held_send_is_not_made_on_another_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
