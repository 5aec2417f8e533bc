// Acceptors and receivers on every backend: operations with many results, of which none is lost.
#include <stdlib.h>
#include <string.h>

#include "../support/conformance.h"
#include "sockets.h"

#define CLAIM CONFORMANCE_CLAIM

static rouse_acceptor *acceptor_make(rouse_fd listener, uint32_t queue_max) {
  rouse_acceptor *acceptor;
  check_result(rouse_acceptor_create(listener, queue_max, &acceptor), ROUSE_DONE);
  return acceptor;
}

static void close_all(const rouse_fd *fds, int count) {
  for (int i = 0; i < count; i++) check_result(rouse_file_close(fds[i]), ROUSE_DONE);
}

// --- acceptors -----------------------------------------------------------------------------------

// More than the queue holds, so that it stops and goes on, several times.
CLAIM(every_connection_is_handed_out_once) {
  enum { COUNT = 60 };
  rouse_fd listener = tcp_listen_here(), clients[COUNT], servers[COUNT];
  rouse_acceptor *acceptor = acceptor_make(listener, 4);
  check_result(rouse_acceptor_next(acceptor, rouse_deadline_in_ns(MILLISECOND)), ROUSE_ETIMEDOUT);
  for (int i = 0; i < COUNT; i++) {
    clients[i] = tcp_connect_here(listener);
    char name = (char)i;
    check_equal(rouse_tcp_send(clients[i], &name, 1, ROUSE_FOREVER), 1);
  }
  bool seen[COUNT] = {false};
  for (int i = 0; i < COUNT; i++) {
    servers[i] = rouse_acceptor_next(acceptor, ROUSE_FOREVER);
    check(servers[i] >= 0);
    check(!test_is_inherited(servers[i]));
    unsigned char name;
    check_equal(rouse_tcp_receive(servers[i], &name, 1, ROUSE_FOREVER), 1);
    check(name < COUNT && !seen[name]);
    seen[name] = true;
  }
  check_result(rouse_acceptor_next(acceptor, rouse_deadline_in_ns(MILLISECOND)), ROUSE_ETIMEDOUT);
  close_all(clients, COUNT);
  close_all(servers, COUNT);
  rouse_acceptor_destroy(acceptor);
  return rouse_file_close(listener);
}

static int64_t next_of(void *argument) { return rouse_acceptor_next(argument, ROUSE_FOREVER); }

CLAIM(those_who_wait_are_served_and_the_rest_ends_with_the_acceptor) {
  enum { WAITERS = 5, COUNT = 3 };
  rouse_fd listener = tcp_listen_here(), clients[COUNT];
  rouse_acceptor *acceptor = acceptor_make(listener, 0);
  rouse_task *tasks[WAITERS];
  for (int i = 0; i < WAITERS; i++) tasks[i] = test_spawn(NULL, next_of, acceptor);
  rouse_task_yield();
  for (int i = 0; i < COUNT; i++) clients[i] = tcp_connect_here(listener);
  for (int i = 0; i < COUNT; i++) {
    int64_t fd = test_join(tasks[i]);
    check(fd >= 0);
    check_result(rouse_file_close((rouse_fd)fd), ROUSE_DONE);
  }
  rouse_acceptor_destroy(acceptor);
  for (int i = COUNT; i < WAITERS; i++) check_result(test_join(tasks[i]), ROUSE_ECLOSED);
  close_all(clients, COUNT);
  return rouse_file_close(listener);
}

CLAIM(cancel_against_arrival_loses_no_connection) {
  rouse_fd listener = tcp_listen_here();
  rouse_acceptor *acceptor = acceptor_make(listener, 0);
  random_source random = random_from(11);
  for (int i = 0; i < 60; i++) {
    rouse_task *task = test_spawn(NULL, next_of, acceptor);
    rouse_task_yield();
    rouse_fd client = -1;
    bool first = random_one_in(&random, 2);
    if (first) client = tcp_connect_here(listener);
    rouse_task_cancel(task);
    if (!first) client = tcp_connect_here(listener);
    int64_t server = test_join(task);
    if (server < 0) {
      check_result(server, ROUSE_ECANCELED);
      server = rouse_acceptor_next(acceptor, ROUSE_FOREVER);
    }
    check(server >= 0);
    check_equal(rouse_tcp_send(client, "x", 1, ROUSE_FOREVER), 1);
    char byte;
    check_equal(rouse_tcp_receive((rouse_fd)server, &byte, 1, ROUSE_FOREVER), 1);
    check_result(rouse_file_close(client), ROUSE_DONE);
    check_result(rouse_file_close((rouse_fd)server), ROUSE_DONE);
  }
  rouse_acceptor_destroy(acceptor);
  return rouse_file_close(listener);
}

CLAIM(connections_nobody_took_are_closed_with_the_acceptor) {
  rouse_fd listener = tcp_listen_here();
  rouse_acceptor *acceptor = acceptor_make(listener, 0);
  rouse_fd first = tcp_connect_here(listener), second = tcp_connect_here(listener);
  rouse_fd server = rouse_acceptor_next(acceptor, ROUSE_FOREVER);
  check(server >= 0);
  // The second one is in the acceptor by now, or else still the listener's.
  check_result(rouse_task_sleep_ns(2 * MILLISECOND), ROUSE_DONE);
  rouse_acceptor_destroy(acceptor);
  check_result(rouse_file_close(listener), ROUSE_DONE);
  char byte;
  int64_t end = rouse_tcp_receive(second, &byte, 1, ROUSE_FOREVER);
  check(end == 0 || end == ROUSE_ECONNRESET);
  check_result(rouse_file_close(first), ROUSE_DONE);
  check_result(rouse_file_close(second), ROUSE_DONE);
  return rouse_file_close(server);
}

CLAIM(acceptor_holds_no_more_than_it_was_told_to) {
  enum { COUNT = 40 };
  static const uint32_t most[] = {1, 4, 16};
  for (int i = 0; i < 3; i++) {
    rouse_fd listener = tcp_listen_here(), clients[COUNT];
    rouse_acceptor *acceptor = acceptor_make(listener, most[i]);
    for (int j = 0; j < COUNT; j++) clients[j] = tcp_connect_here(listener);
    rouse_fd server = rouse_acceptor_next(acceptor, ROUSE_FOREVER);
    check(server >= 0);
    check_result(rouse_task_sleep_ns(5 * MILLISECOND), ROUSE_DONE);
    rouse_acceptor_destroy(acceptor);
    // What it did not hold is the listener's; one may have been on its way.
    int left = 0;
    rouse_fd fd;
    while ((fd = rouse_tcp_accept(listener, rouse_deadline_in_ns(20 * MILLISECOND))) >= 0) {
      check_result(rouse_file_close(fd), ROUSE_DONE);
      left++;
    }
    check_result(fd, ROUSE_ETIMEDOUT);
    check(left <= COUNT - 1);
    check(left >= COUNT - 2 - (int)most[i]);
    close_all(clients, COUNT);
    check_result(rouse_file_close(server), ROUSE_DONE);
    check_result(rouse_file_close(listener), ROUSE_DONE);
  }
  return 0;
}

CLAIM(what_does_not_listen_is_refused_each_time) {
  tcp_pair pair = tcp_pair_make();
  rouse_acceptor *acceptor = acceptor_make(pair.client, 0);
  for (int i = 0; i < 3; i++) {
    check_result(rouse_acceptor_next(acceptor, ROUSE_FOREVER), ROUSE_EINVAL);
  }
  rouse_acceptor_destroy(acceptor);
  rouse_acceptor_destroy(NULL);
  tcp_pair_close(&pair);
  return 0;
}

static void check_accepts_nothing(rouse_fd fd, int expected) {
  rouse_acceptor *acceptor = acceptor_make(fd, 0);
  check_result(rouse_acceptor_next(acceptor, rouse_deadline_in_ns(10 * SECOND)), expected);
  rouse_acceptor_destroy(acceptor);
  check_result(rouse_tcp_accept(fd, rouse_deadline_in_ns(10 * SECOND)), expected);
}

static void check_receives_nothing(rouse_fd fd, int expected) {
  rouse_buffers *buffers;
  rouse_receiver *receiver;
  void *data;
  check_result(rouse_buffers_create(2, 16, &buffers), ROUSE_DONE);
  check_result(rouse_receiver_create(fd, buffers, &receiver), ROUSE_DONE);
  check_result(rouse_receiver_next(receiver, &data, rouse_deadline_in_ns(10 * SECOND)), expected);
  rouse_receiver_destroy(receiver);
  check_result(rouse_buffers_destroy(buffers), ROUSE_DONE);
}

// At once, though nothing is there that could be received.
CLAIM(other_kinds_of_descriptors_are_refused) {
  const struct sockaddr_in anywhere = {.sin_family = AF_INET};
  rouse_fd ends[2], stream = test_socket(AF_INET);
  rouse_fd datagrams = rouse_udp_bind((const struct sockaddr *)&anywhere, sizeof anywhere);
  check(datagrams >= 0);
  test_pipe(ends);
  check_accepts_nothing(ends[0], ROUSE_ENOTSOCK);
  check_accepts_nothing(9999, ROUSE_EBADF);
  check_accepts_nothing(datagrams, ROUSE_ENOTSUP);
  check_accepts_nothing(stream, ROUSE_EINVAL);
  check_receives_nothing(ends[0], ROUSE_ENOTSOCK);
  check_receives_nothing(9999, ROUSE_EBADF);
  test_close(ends[0]);
  test_close(ends[1]);
  test_close(stream);
  return rouse_file_close(datagrams);
}

static void loop_waits_for_what_was_destroyed_and_refuses_what_was_not(void **state) {
  (void)state;
  rouse_acceptor *acceptor;
  rouse_buffers *buffers;
  check_result(rouse_acceptor_create(0, 0, &acceptor), ROUSE_ENOLOOP);
  check_result(rouse_buffers_create(1, 1, &buffers), ROUSE_ENOLOOP);
  rouse_loop *loop = test_loop_create();
  rouse_fd listener = tcp_listen_here();
  check_result(rouse_acceptor_create(listener, 0, &acceptor), ROUSE_DONE);
  test_io next;
  test_io_init(&next, loop, NULL);
  check_result(rouse_acceptor_next_start(acceptor, &next.io, ROUSE_FOREVER), ROUSE_PENDING);
  check_result(rouse_buffers_create(3, 100, &buffers), ROUSE_DONE);
  test_loop_settle(loop);
  check_equal(next.completed, 0);
  check_result(rouse_loop_destroy(loop), ROUSE_EBUSY);
  rouse_acceptor_destroy(acceptor);
  check_equal(next.completed, 0);  // never inside the call
  test_loop_run_until(loop, &next.completed, 1);
  check_result(next.reported, ROUSE_ECLOSED);
  check_result(rouse_loop_destroy(loop), ROUSE_EBUSY);  // the buffers
  check_result(rouse_buffers_destroy(buffers), ROUSE_DONE);
  test_loop_destroy(loop);
  test_close(listener);
}

// --- receivers -----------------------------------------------------------------------------------

static rouse_buffers *buffers_make(uint32_t count, uint32_t size) {
  rouse_buffers *buffers;
  check_result(rouse_buffers_create(count, size, &buffers), ROUSE_DONE);
  check_equal(rouse_buffers_free(buffers), count);
  return buffers;
}

static rouse_receiver *receiver_make(rouse_fd fd, rouse_buffers *buffers) {
  rouse_receiver *receiver;
  check_result(rouse_receiver_create(fd, buffers, &receiver), ROUSE_DONE);
  return receiver;
}

static unsigned char byte_at(size_t position) {
  return (unsigned char)(position * 7 + position / 251);
}

static void send_bytes(rouse_fd fd, size_t from, size_t count) {
  unsigned char bytes[4096];
  while (count) {
    size_t part = count < sizeof bytes ? count : sizeof bytes;
    for (size_t i = 0; i < part; i++) bytes[i] = byte_at(from + i);
    check_equal(rouse_tcp_send_all(fd, bytes, part, ROUSE_FOREVER), part);
    from += part;
    count -= part;
  }
}

static void check_bytes(const unsigned char *data, size_t from, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (data[i] != byte_at(from + (size_t)i)) check_equal(data[i], byte_at(from + (size_t)i));
  }
}

CLAIM(bytes_come_in_order_and_then_the_end) {
  tcp_pair pair = tcp_pair_make();
  rouse_buffers *buffers = buffers_make(5, 100);
  rouse_receiver *receiver = receiver_make(pair.server, buffers);
  enum { TOTAL = 30000 };
  void *data;
  check_result(rouse_receiver_next(receiver, &data, rouse_deadline_in_ns(MILLISECOND)),
               ROUSE_ETIMEDOUT);
  send_bytes(pair.client, 0, TOTAL);
  check_result(rouse_tcp_shutdown(pair.client, SHUT_WR), ROUSE_DONE);
  size_t got = 0;
  int64_t part;
  while ((part = rouse_receiver_next(receiver, &data, ROUSE_FOREVER)) > 0) {
    check(part <= 100);
    check_bytes(data, got, part);
    got += (size_t)part;
    rouse_buffers_return(buffers, data);
  }
  check_equal(part, 0);
  check_equal(got, TOTAL);
  check_equal(rouse_receiver_next(receiver, &data, ROUSE_FOREVER), 0);
  check_equal(rouse_buffers_free(buffers), 5);
  // The other direction goes on.
  check_equal(rouse_tcp_send(pair.server, "x", 1, ROUSE_FOREVER), 1);
  rouse_receiver_destroy(receiver);
  check_result(rouse_buffers_destroy(buffers), ROUSE_DONE);
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(without_a_free_buffer_nothing_comes_and_nothing_is_lost) {
  tcp_pair pair = tcp_pair_make();
  rouse_buffers *buffers = buffers_make(2, 8);
  rouse_receiver *receiver = receiver_make(pair.server, buffers);
  enum { TOTAL = 500 };
  send_bytes(pair.client, 0, TOTAL);
  void *held[2];
  size_t got = 0;
  for (int i = 0; i < 2; i++) {
    int64_t part = rouse_receiver_next(receiver, &held[i], ROUSE_FOREVER);
    check(part > 0);
    check_bytes(held[i], got, part);
    got += (size_t)part;
  }
  check_equal(rouse_buffers_free(buffers), 0);
  check_result(rouse_buffers_destroy(buffers), ROUSE_EBUSY);
  for (int i = 0; got < TOTAL; i = !i) {
    void *data;
    check_result(rouse_receiver_next(receiver, &data, rouse_deadline_in_ns(MICROSECOND)),
                 ROUSE_ETIMEDOUT);
    rouse_buffers_return(buffers, held[i]);
    int64_t part = rouse_receiver_next(receiver, &held[i], ROUSE_FOREVER);
    check(part > 0);
    check_bytes(held[i], got, part);
    got += (size_t)part;
  }
  rouse_buffers_return(buffers, held[0]);
  check_result(rouse_buffers_destroy(buffers), ROUSE_EBUSY);
  rouse_buffers_return(buffers, held[1]);
  check_result(rouse_buffers_destroy(buffers), ROUSE_EBUSY);  // the receiver
  rouse_receiver_destroy(receiver);
  check_result(rouse_buffers_destroy(buffers), ROUSE_DONE);
  tcp_pair_close(&pair);
  return 0;
}

typedef struct reading {
  rouse_receiver *receiver;
  rouse_buffers *buffers;
  size_t got;
} reading;

static int64_t read_all(void *argument) {
  reading *self = argument;
  void *data;
  int64_t part;
  while ((part = rouse_receiver_next(self->receiver, &data, ROUSE_FOREVER)) > 0) {
    check_bytes(data, self->got, part);
    self->got += (size_t)part;
    rouse_task_yield();
    rouse_buffers_return(self->buffers, data);
  }
  return part;
}

CLAIM(many_connections_share_few_buffers_and_none_starves) {
  enum { COUNT = 40, EACH = 2000 };
  rouse_buffers *buffers = buffers_make(3, 64);
  tcp_pair pairs[COUNT];
  reading readings[COUNT];
  rouse_task *tasks[COUNT];
  for (int i = 0; i < COUNT; i++) {
    pairs[i] = tcp_pair_make();
    readings[i] = (reading){receiver_make(pairs[i].server, buffers), buffers, 0};
    tasks[i] = test_spawn(NULL, read_all, &readings[i]);
    send_bytes(pairs[i].client, 0, EACH / 2);
  }
  for (int i = 0; i < COUNT; i++) {
    send_bytes(pairs[i].client, EACH / 2, EACH / 2);
    check_result(rouse_tcp_shutdown(pairs[i].client, SHUT_WR), ROUSE_DONE);
  }
  for (int i = 0; i < COUNT; i++) {
    check_equal(test_join(tasks[i]), 0);
    check_equal(readings[i].got, EACH);
    rouse_receiver_destroy(readings[i].receiver);
    tcp_pair_close(&pairs[i]);
  }
  check_equal(rouse_buffers_free(buffers), 3);
  return rouse_buffers_destroy(buffers);
}

static int64_t next_bytes(void *argument) {
  reading *self = argument;
  void *data;
  int64_t part = rouse_receiver_next(self->receiver, &data, ROUSE_FOREVER);
  if (part > 0) rouse_buffers_return(self->buffers, data);
  return part;
}

CLAIM(cancel_against_arrival_loses_no_byte) {
  tcp_pair pair = tcp_pair_make();
  rouse_buffers *buffers = buffers_make(2, 8);
  reading self = {receiver_make(pair.server, buffers), buffers, 0};
  random_source random = random_from(13);
  int sent = 0, received = 0;
  for (int i = 0; i < 300; i++) {
    rouse_task *task = test_spawn(NULL, next_bytes, &self);
    rouse_task_yield();
    bool first = random_one_in(&random, 2);
    if (first) sent += (int)rouse_tcp_send(pair.client, "x", 1, ROUSE_FOREVER);
    rouse_task_cancel(task);
    if (!first) sent += (int)rouse_tcp_send(pair.client, "x", 1, ROUSE_FOREVER);
    int64_t result = test_join(task);
    if (result < 0) {
      check_result(result, ROUSE_ECANCELED);
    } else {
      received += (int)result;
    }
  }
  check_result(rouse_tcp_shutdown(pair.client, SHUT_WR), ROUSE_DONE);
  int64_t part;
  while ((part = next_bytes(&self)) > 0) received += (int)part;
  check_equal(part, 0);
  check_equal(received, sent);
  rouse_receiver_destroy(self.receiver);
  tcp_pair_close(&pair);
  return rouse_buffers_destroy(buffers);
}

CLAIM(reset_is_told_after_the_bytes_and_again) {
  tcp_pair pair = tcp_pair_make();
  rouse_buffers *buffers = buffers_make(2, 8);
  reading self = {receiver_make(pair.server, buffers), buffers, 0};
  rouse_task *task = test_spawn(NULL, next_bytes, &self);
  rouse_task_yield();
  check_result(rouse_socket_set(pair.client, ROUSE_SOCKET_LINGER, 0), ROUSE_DONE);
  check_result(rouse_file_close(pair.client), ROUSE_DONE);
  pair.client = -1;
  check_result(test_join(task), ROUSE_ECONNRESET);
  check_result(next_bytes(&self), ROUSE_ECONNRESET);
  rouse_receiver_destroy(self.receiver);
  check_result(rouse_buffers_destroy(buffers), ROUSE_DONE);
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(destroyed_receiver_gives_its_buffers_back) {
  tcp_pair pair = tcp_pair_make();
  rouse_buffers *buffers = buffers_make(4, 8);
  reading self = {receiver_make(pair.server, buffers), buffers, 0};
  check_equal(rouse_tcp_send(pair.client, "0123456789", 10, ROUSE_FOREVER), 10);
  check(next_bytes(&self) > 0);
  check_result(rouse_task_sleep_ns(2 * MILLISECOND), ROUSE_DONE);
  rouse_receiver_destroy(self.receiver);
  check_equal(rouse_buffers_free(buffers), 4);
  self.receiver = receiver_make(pair.server, buffers);
  rouse_task *task = test_spawn(NULL, next_bytes, &self);
  rouse_task_yield();
  rouse_receiver_destroy(self.receiver);
  rouse_receiver_destroy(NULL);
  int64_t result = test_join(task);
  check(result == ROUSE_ECLOSED || result > 0);
  // At once, although the system may still have one of them.
  check_result(rouse_buffers_destroy(buffers), ROUSE_DONE);
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(groups_are_checked) {
  rouse_buffers *buffers;
  check_result(rouse_buffers_create(0, 8, &buffers), ROUSE_EINVAL);
  check_result(rouse_buffers_create(32769, 8, &buffers), ROUSE_EINVAL);
  check_result(rouse_buffers_create(1, 0, &buffers), ROUSE_EINVAL);
  check_result(rouse_buffers_create(1, (1 << 24) + 1, &buffers), ROUSE_EINVAL);
  check(!buffers);
  check_result(rouse_buffers_destroy(NULL), ROUSE_DONE);
  check_result(rouse_buffers_create(32768, 1, &buffers), ROUSE_DONE);
  check_result(rouse_buffers_destroy(buffers), ROUSE_DONE);
  buffers = buffers_make(1, 8);
  rouse_receiver *receiver = receiver_make(9999, buffers);
  void *data;
  check_result(rouse_receiver_next(receiver, &data, ROUSE_FOREVER), ROUSE_EBADF);
  rouse_receiver_destroy(receiver);
  return rouse_buffers_destroy(buffers);
}

static void foreign_buffer(void *argument) {
  (void)argument;
  rouse_loop *loop = test_loop_create();
  rouse_buffers *buffers = buffers_make(2, 8);
  char other[8];
  rouse_buffers_return(buffers, other);
  check_result(rouse_buffers_destroy(buffers), ROUSE_DONE);
  test_loop_destroy(loop);
}

static void buffer_that_is_not_out_is_not_taken_back(void **state) {
  (void)state;
  test_expect_death(foreign_buffer, NULL, "this buffer is not out");
}

static void results_complete_by_callback(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  rouse_fd listener = tcp_listen_here();
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)rouse_tcp_port(listener)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  rouse_acceptor *acceptor = acceptor_make(listener, 0);
  rouse_buffers *buffers = buffers_make(2, 8);
  rouse_fd client = test_socket(AF_INET);
  test_io accepting, connecting, sending, receiving;
  test_io *all[] = {&accepting, &connecting, &sending, &receiving};
  for (int i = 0; i < 4; i++) test_io_init(all[i], loop, NULL);
  check_result(rouse_acceptor_next_start(acceptor, &accepting.io, ROUSE_FOREVER), ROUSE_PENDING);
  check_result(rouse_tcp_connect_start(&connecting.io, client, (struct sockaddr *)&address,
                                       sizeof address, ROUSE_FOREVER),
               ROUSE_PENDING);
  test_loop_run_until(loop, &accepting.completed, 1);
  test_loop_run_until(loop, &connecting.completed, 1);
  rouse_receiver *receiver = receiver_make((rouse_fd)accepting.result, buffers);
  void *data = NULL;
  check_result(rouse_receiver_next_start(receiver, &receiving.io, &data, ROUSE_FOREVER),
               ROUSE_PENDING);
  rouse_wait_cancel(&receiving.io.wait);
  test_loop_run_until(loop, &receiving.completed, 1);
  check_result(receiving.reported, ROUSE_ECANCELED);
  check_result(rouse_tcp_send_start(&sending.io, client, "hey", 3, ROUSE_FOREVER), ROUSE_PENDING);
  check_result(rouse_receiver_next_start(receiver, &receiving.io, &data, ROUSE_FOREVER),
               ROUSE_PENDING);
  test_loop_run_until(loop, &receiving.completed, 2);
  test_loop_run_until(loop, &sending.completed, 1);
  check_equal(receiving.result, 3);
  check(!memcmp(data, "hey", 3));
  rouse_buffers_return(buffers, data);
  rouse_receiver_destroy(receiver);
  rouse_acceptor_destroy(acceptor);
  check_result(rouse_buffers_destroy(buffers), ROUSE_DONE);
  test_close(client);
  test_close((rouse_fd)accepting.result);
  test_close(listener);
  test_loop_destroy(loop);
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_connection_is_handed_out_once),
      cmocka_unit_test(those_who_wait_are_served_and_the_rest_ends_with_the_acceptor),
      cmocka_unit_test(cancel_against_arrival_loses_no_connection),
      cmocka_unit_test(connections_nobody_took_are_closed_with_the_acceptor),
      cmocka_unit_test(acceptor_holds_no_more_than_it_was_told_to),
      cmocka_unit_test(what_does_not_listen_is_refused_each_time),
      cmocka_unit_test(other_kinds_of_descriptors_are_refused),
      cmocka_unit_test(loop_waits_for_what_was_destroyed_and_refuses_what_was_not),
      cmocka_unit_test(bytes_come_in_order_and_then_the_end),
      cmocka_unit_test(without_a_free_buffer_nothing_comes_and_nothing_is_lost),
      cmocka_unit_test(many_connections_share_few_buffers_and_none_starves),
      cmocka_unit_test(cancel_against_arrival_loses_no_byte),
      cmocka_unit_test(reset_is_told_after_the_bytes_and_again),
      cmocka_unit_test(destroyed_receiver_gives_its_buffers_back),
      cmocka_unit_test(groups_are_checked),
      cmocka_unit_test(buffer_that_is_not_out_is_not_taken_back),
      cmocka_unit_test(results_complete_by_callback),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
