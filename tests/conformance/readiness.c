// What operations on sockets and pipes wait for, and what they do not wait for, on every backend:
// room in a queue, events that were asked for.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../support/conformance.h"

#define CLAIM CONFORMANCE_CLAIM

typedef struct place {
  struct sockaddr_storage address;
  uint32_t size;
} place;

static struct sockaddr *address_of(place *at) { return (struct sockaddr *)&at->address; }

static place place_of_our_own(void) {
  place at = {.size = sizeof at.address};
  char name[64];
  snprintf(name, sizeof name, "@rouse-readiness-%d", (int)getpid());
  check_result(rouse_unix_address(name, address_of(&at), &at.size), ROUSE_DONE);
  return at;
}

// --- room in a queue -----------------------------------------------------------------------------

typedef struct message {
  rouse_fd from;
  int form;
  place *to;
} message;

enum { FORMS = 6 };  // of send_message()

static int64_t send_message(void *argument) {
  const message *self = argument;
  char bytes[] = "hello";
  const rouse_span spans[] = {{bytes, 2}, {bytes + 2, 3}};
  switch (self->form) {
    case 0:
      return self->to ? rouse_udp_send_to(self->from, bytes, 5, address_of(self->to),
                                          self->to->size, ROUSE_FOREVER)
                      : rouse_udp_send_to(self->from, bytes, 5, NULL, 0, ROUSE_FOREVER);
    case 1:
      return rouse_tcp_send(self->from, bytes, 5, ROUSE_FOREVER);
    case 2:
      return rouse_tcp_send_spans(self->from, spans, 2, ROUSE_FOREVER);
    case 3:
      return rouse_tcp_send_zero_copy(self->from, bytes, 5, ROUSE_FOREVER);
    case 4:
      return rouse_file_write(self->from, bytes, 5, ROUSE_OFFSET_CURRENT);
    default:
      return rouse_file_write_spans(self->from, spans, 2, ROUSE_OFFSET_CURRENT, ROUSE_FOREVER);
  }
}

// |filler| fills the queue of |receiver|; what |message| sends then waits, and arrives as it is.
static void send_into_a_full_queue(rouse_fd filler, rouse_fd receiver, message *sent) {
  char buffer[8];
  int queued = 0;
  while (send(filler, "x", 1, MSG_DONTWAIT) == 1) queued++;
  check(queued > 0);
  rouse_task *task = test_spawn(NULL, send_message, sent);
  check_result(rouse_task_sleep_ns(3 * MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(task));
  for (int i = 0; i < queued; i++) check_equal(recv(receiver, buffer, sizeof buffer, 0), 1);
  check_equal(test_join(task), 5);
  check_equal(rouse_tcp_receive(receiver, buffer, sizeof buffer, ROUSE_FOREVER), 5);
  check(!memcmp(buffer, "hello", 5));
}

// A message that had to wait is what it was, whether the socket has O_NONBLOCK or not.
CLAIM(messages_that_wait_for_room_arrive_whole) {
  for (int i = 0; i < 2 * FORMS; i++) {
    place to = place_of_our_own();
    rouse_fd receiver = rouse_udp_bind(address_of(&to), to.size), fds[2];
    rouse_fd filler = rouse_udp_connect(address_of(&to), to.size);
    rouse_fd sender = rouse_udp_connect(address_of(&to), to.size);
    check(receiver >= 0 && filler >= 0 && sender >= 0);
    const int flags = i < FORMS ? 0 : O_NONBLOCK;
    check_system(fcntl(sender, F_SETFL, flags));
    send_into_a_full_queue(filler, receiver, &(message){sender, i % FORMS, NULL});
    check_system(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds));
    check_system(fcntl(fds[0], F_SETFL, flags));
    send_into_a_full_queue(fds[0], fds[1], &(message){fds[0], i % FORMS, NULL});
    // Without a peer of its own: nothing says when the receiver's queue is no longer full.
    rouse_fd loner = (rouse_fd)check_system(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    check_system(fcntl(loner, F_SETFL, flags));
    if (i % FORMS == 0) send_into_a_full_queue(filler, receiver, &(message){loner, 0, &to});
    const rouse_fd all[] = {receiver, filler, sender, fds[0], fds[1], loner};
    for (int j = 0; j < 6; j++) check_result(rouse_file_close(all[j]), ROUSE_DONE);
  }
  return 0;
}

// Nothing tells when there is room again, so nobody waits for it, whether
// the socket would or not.
CLAIM(connect_to_a_full_queue_says_so) {
  enum { MOST = 16 };
  place at = place_of_our_own();
  rouse_fd listener = rouse_tcp_listen(address_of(&at), at.size, 1), clients[MOST];
  check(listener >= 0);
  int count = 0;
  while ((clients[count] = rouse_tcp_connect(address_of(&at), at.size, ROUSE_FOREVER)) >= 0) {
    count++;
    check(count < MOST);
  }
  check_result(clients[count], ROUSE_EAGAIN);
  for (int i = 0; i < 4; i++) {
    const int flags = i % 2 ? SOCK_NONBLOCK : 0;
    rouse_fd fd = (rouse_fd)check_system(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
    const int before = fcntl(fd, F_GETFL);
    test_io ios[2];
    rouse_chain chain;
    rouse_chain_init(&chain);
    for (int j = 0; j < 2; j++) {
      test_io_init(&ios[j], rouse_loop_here(), NULL);
      if (i >= 2) rouse_chain_add(&chain, &ios[j].io);
      if (j && i < 2) break;
      check_result(
          j ? rouse_tcp_send_start(&ios[j].io, fd, "x", 1, ROUSE_FOREVER)
            : rouse_tcp_connect_start(&ios[j].io, fd, address_of(&at), at.size, ROUSE_FOREVER),
          ROUSE_PENDING);
    }
    if (i >= 2) check_result(rouse_chain_start(&chain), ROUSE_PENDING);
    check(!ios[0].completed);  // never inside the call that starts it
    while (!ios[i / 2].completed) check_result(rouse_task_sleep_ns(MICROSECOND), ROUSE_DONE);
    check_result(ios[0].result, ROUSE_EAGAIN);
    if (i >= 2) check_result(ios[1].result, ROUSE_ECANCELED);
    check_equal(fcntl(fd, F_GETFL), before);
    check_result(rouse_file_close(fd), ROUSE_DONE);
  }
  rouse_fd server = rouse_tcp_accept(listener, ROUSE_FOREVER);
  check(server >= 0);
  rouse_fd client = rouse_tcp_connect(address_of(&at), at.size, ROUSE_FOREVER);
  check(client >= 0);
  for (int i = 0; i < count; i++) check_result(rouse_file_close(clients[i]), ROUSE_DONE);
  check_result(rouse_file_close(client), ROUSE_DONE);
  check_result(rouse_file_close(server), ROUSE_DONE);
  return rouse_file_close(listener);
}

// --- events --------------------------------------------------------------------------------------

typedef struct both {
  int fd;
  uint32_t events;
} both;
static int64_t wait_for_events(void *argument) {
  both *self = argument;
  return rouse_fd_poll(self->fd, self->events, ROUSE_FOREVER);
}

// A peer that has finished sending is no news to who did not ask for it, and stays so.
CLAIM(poll_does_not_report_a_half_close_that_was_not_asked_for) {
  // There an end of what comes in is a hang-up.
  if (!strcmp(rouse_loop_backend(rouse_loop_here()), "kqueue")) return 0;
  int pair[2];
  check_system(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  char block[4096];
  memset(block, 0, sizeof block);
  while (send(pair[0], block, sizeof block, MSG_DONTWAIT) > 0) continue;  // full: not writable
  check_system(shutdown(pair[1], SHUT_WR));
  static const uint32_t events[] = {0, POLLPRI, POLLOUT};
  both waiting[3];
  rouse_task *tasks[3];
  for (int i = 0; i < 3; i++) {
    check_result(rouse_fd_poll(pair[0], events[i], rouse_deadline_in_ns(MILLISECOND)),
                 ROUSE_ETIMEDOUT);
    waiting[i] = (both){pair[0], events[i]};
    tasks[i] = test_spawn(NULL, wait_for_events, &waiting[i]);
  }
  check_equal(rouse_fd_poll(pair[0], POLLRDHUP, ROUSE_FOREVER), POLLRDHUP);
  check_result(rouse_task_sleep_ns(3 * MILLISECOND), ROUSE_DONE);
  for (int i = 0; i < 3; i++) check(!rouse_task_is_done(tasks[i]));
  while (recv(pair[1], block, sizeof block, MSG_DONTWAIT) > 0) continue;
  check_equal(test_join(tasks[2]), POLLOUT);
  check_equal(rouse_fd_poll(pair[0], POLLOUT, ROUSE_FOREVER), POLLOUT);
  check(!rouse_task_is_done(tasks[0]) && !rouse_task_is_done(tasks[1]));
  rouse_task_cancel(tasks[1]);
  check_result(test_join(tasks[1]), ROUSE_ECANCELED);
  close(pair[1]);
  check(test_join(tasks[0]) & POLLHUP);
  close(pair[0]);
  return 0;
}

CLAIM(chain_does_not_go_on_after_what_was_not_asked_for) {
  if (!strcmp(rouse_loop_backend(rouse_loop_here()), "kqueue")) return 0;  // as above
  int pair[2], fds[2], order = 0;
  test_io ios[2];
  rouse_chain chain;
  check_system(pipe2(fds, O_CLOEXEC));
  check_system(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  char block[4096];
  memset(block, 0, sizeof block);
  while (send(pair[0], block, sizeof block, MSG_DONTWAIT) > 0) continue;
  check_system(shutdown(pair[1], SHUT_WR));
  rouse_chain_init(&chain);
  for (int i = 0; i < 2; i++) {
    test_io_init(&ios[i], rouse_loop_here(), &order);
    rouse_chain_add(&chain, &ios[i].io);
    check_result(rouse_fd_poll_start(&ios[i].io, i ? fds[1] : pair[0], POLLOUT, ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  check_result(rouse_chain_start(&chain), ROUSE_PENDING);
  check_result(rouse_task_sleep_ns(3 * MILLISECOND), ROUSE_DONE);
  check_equal(order, 0);
  while (recv(pair[1], block, sizeof block, MSG_DONTWAIT) > 0) continue;
  while (!ios[1].completed) check_result(rouse_task_sleep_ns(100 * MICROSECOND), ROUSE_DONE);
  for (int i = 0; i < 2; i++) {
    check_equal(ios[i].result, POLLOUT);
    close(fds[i]);
    close(pair[i]);
  }
  return 0;
}

CLAIM(poll_for_nothing_waits_for_a_hang_up) {
  int fds[2];
  check_system(pipe2(fds, O_CLOEXEC));
  both waiting = {fds[0], 0};
  rouse_task *task = test_spawn(NULL, wait_for_events, &waiting);
  check_equal(write(fds[1], "x", 1), 1);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(task));
  close(fds[1]);
  check_equal(test_join(task), POLLHUP);
  close(fds[0]);
  return 0;
}

// What never fails and has nothing to tell is waited for until somebody gives up.
CLAIM(poll_for_what_a_regular_file_never_is_waits) {
  int fd = (int)check_system(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  static const uint32_t events[] = {0, POLLPRI};
  for (int i = 0; i < 2; i++) {
    int result = rouse_fd_poll(fd, events[i], rouse_deadline_in_ns(MILLISECOND));
    if (result == ROUSE_EPERM) break;  // as with all that is asked for
    check_result(result, ROUSE_ETIMEDOUT);
    both waiting = {fd, events[i]};
    rouse_task *task = test_spawn(NULL, wait_for_events, &waiting);
    check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
    check(!rouse_task_is_done(task));
    rouse_task_cancel(task);
    check_result(test_join(task), ROUSE_ECANCELED);
  }
  close(fd);
  return 0;
}

// --- who is gone ---------------------------------------------------------------------------------

// No SIGPIPE, which would end this process; alone and in a chain, wherever it was to be written.
CLAIM(write_to_a_socket_whose_peer_is_gone_says_so) {
  rouse_fd fds[2];
  check_result(rouse_unix_pair(false, fds), ROUSE_DONE);
  check_result(rouse_file_close(fds[1]), ROUSE_DONE);
  static const uint64_t offsets[] = {ROUSE_OFFSET_CURRENT, 0, 7};
  const rouse_span span = {(char[]){"x"}, 1};
  for (int i = 0; i < 3; i++) {
    test_io ios[2];
    rouse_chain chain;
    check_result(rouse_file_write(fds[0], "x", 1, offsets[i]), ROUSE_EPIPE);
    check_result(rouse_file_write_spans(fds[0], &span, 1, offsets[i], ROUSE_FOREVER), ROUSE_EPIPE);
    rouse_chain_init(&chain);
    for (int j = 0; j < 2; j++) {
      test_io_init(&ios[j], rouse_loop_here(), NULL);
      rouse_chain_add(&chain, &ios[j].io);
      check_result(
          j == i % 2 ? rouse_file_write_start(&ios[j].io, fds[0], "x", 1, offsets[i], ROUSE_FOREVER)
                     : rouse_file_write_spans_start(&ios[j].io, fds[0], &span, 1, offsets[i],
                                                    ROUSE_FOREVER),
          ROUSE_PENDING);
    }
    check_equal(rouse_chain_wait(&chain), 0);
    check_result(ios[0].result, ROUSE_EPIPE);
    check_result(ios[1].result, ROUSE_ECANCELED);
  }
  return rouse_file_close(fds[0]);
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_that_wait_for_room_arrive_whole),
      cmocka_unit_test(connect_to_a_full_queue_says_so),
      cmocka_unit_test(poll_does_not_report_a_half_close_that_was_not_asked_for),
      cmocka_unit_test(chain_does_not_go_on_after_what_was_not_asked_for),
      cmocka_unit_test(poll_for_nothing_waits_for_a_hang_up),
      cmocka_unit_test(poll_for_what_a_regular_file_never_is_waits),
      cmocka_unit_test(write_to_a_socket_whose_peer_is_gone_says_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
