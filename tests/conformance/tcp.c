// TCP on every backend: connections, partial transfers, ends of all sorts, cancels and deadlines.
#include <stdlib.h>
#include <string.h>

#include "../support/conformance.h"
#include "sockets.h"

#define CLAIM CONFORMANCE_CLAIM

// --- connections ---------------------------------------------------------------------------------

CLAIM(bytes_go_both_ways) {
  tcp_pair pair = tcp_pair_make();
  char buffer[16] = {0};
  check_equal(rouse_tcp_send(pair.client, "ping", 4, ROUSE_FOREVER), 4);
  check_equal(rouse_tcp_receive(pair.server, buffer, sizeof buffer, ROUSE_FOREVER), 4);
  check_string(buffer, "ping");
  check_equal(rouse_tcp_send(pair.server, "pong!", 5, ROUSE_FOREVER), 5);
  check_equal(rouse_tcp_receive(pair.client, buffer, sizeof buffer, ROUSE_FOREVER), 5);
  check_string(buffer, "pong!");
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(descriptors_are_not_inherited_and_send_without_delay) {
  tcp_pair pair = tcp_pair_make();
  const rouse_fd fds[] = {pair.listener, pair.client, pair.server};
  for (int i = 0; i < 3; i++) check(!test_is_inherited(fds[i]));
  check(test_socket_sends_at_once(pair.client));
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(listen_tells_its_port_and_refuses_one_that_is_taken) {
  rouse_fd listener = tcp_listen_here();
  int port = rouse_tcp_port(listener);
  check(port > 0 && port < 65536);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  check_result(rouse_tcp_listen((struct sockaddr *)&address, sizeof address, 0), ROUSE_EADDRINUSE);
  check_result(rouse_tcp_listen((struct sockaddr *)&address, 1, 0), ROUSE_EINVAL);
  address.sin_family = 999;
  check_result(rouse_tcp_listen((struct sockaddr *)&address, sizeof address, 0),
               ROUSE_EAFNOSUPPORT);
  check_result(rouse_tcp_port(9999), ROUSE_EBADF);
  return rouse_file_close(listener);
}

static void listen_works_without_a_loop(void **state) {
  (void)state;
  rouse_fd listener = tcp_listen_here();
  check(rouse_tcp_port(listener) > 0);
  test_close(listener);
  check_result(rouse_tcp_accept(0, ROUSE_FOREVER), ROUSE_ENOLOOP);
  check_result(rouse_tcp_send(0, "x", 1, ROUSE_FOREVER), ROUSE_ENOLOOP);
  check_result(rouse_tcp_send_all(0, "", 0, ROUSE_FOREVER), ROUSE_ENOLOOP);
  check_result(rouse_tcp_receive(0, NULL, 0, ROUSE_FOREVER), ROUSE_ENOLOOP);
  check_result(rouse_tcp_shutdown(0, SHUT_WR), ROUSE_ENOLOOP);
}

static int64_t accept_on(void *argument) {
  return rouse_tcp_accept(*(rouse_fd *)argument, ROUSE_FOREVER);
}

static int64_t listen_outside_accept_inside(void *argument) {
  rouse_fd listener = *(rouse_fd *)argument;
  rouse_task *task = test_spawn(NULL, accept_on, &listener);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(task));  // waits without blocking the loop
  rouse_fd client = tcp_connect_here(listener);
  rouse_fd server = (rouse_fd)test_join(task);
  check(server >= 0);
  check_result(rouse_file_close(client), ROUSE_DONE);
  return rouse_file_close(server);
}

static void listener_made_without_a_loop_serves_one(void **state) {
  (void)state;
  rouse_fd listener = tcp_listen_here();
  test_run(1, listen_outside_accept_inside, &listener);
  test_close(listener);
}

CLAIM(ipv6_and_its_port_work) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  rouse_fd listener = rouse_tcp_listen((struct sockaddr *)&address, sizeof address, 4);
  if (listener == ROUSE_EADDRNOTAVAIL || listener == ROUSE_EAFNOSUPPORT) {
    print_message("           this machine has no IPv6\n");
    return 0;
  }
  check(listener >= 0);
  int port = rouse_tcp_port(listener);
  check(port > 0);
  address.sin6_port = htons((uint16_t)port);
  rouse_fd client = rouse_tcp_connect((struct sockaddr *)&address, sizeof address, ROUSE_FOREVER);
  check(client >= 0);
  rouse_fd server = rouse_tcp_accept(listener, ROUSE_FOREVER);
  check(server >= 0);
  check_result(rouse_file_close(server), ROUSE_DONE);
  check_result(rouse_file_close(client), ROUSE_DONE);
  return rouse_file_close(listener);
}

CLAIM(connect_to_nobody_is_refused_and_leaks_no_descriptor) {
  rouse_fd listener = tcp_listen_here();
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)rouse_tcp_port(listener)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  check_result(rouse_file_close(listener), ROUSE_DONE);
  int before = open_descriptors();
  for (int i = 0; i < 3; i++) {
    check_result(rouse_tcp_connect((struct sockaddr *)&address, sizeof address, ROUSE_FOREVER),
                 ROUSE_ECONNREFUSED);
  }
  check_equal(open_descriptors(), before);
  check_result(rouse_tcp_connect((struct sockaddr *)&address, 1, ROUSE_FOREVER), ROUSE_EINVAL);
  return 0;
}

CLAIM(operations_on_the_wrong_descriptor_are_refused) {
  char byte = 0;
  rouse_fd ends[2];
  test_pipe(ends);
  check_result(rouse_tcp_accept(9999, ROUSE_FOREVER), ROUSE_EBADF);
  check_result(rouse_tcp_accept(ends[0], ROUSE_FOREVER), ROUSE_ENOTSOCK);
  check_result(rouse_tcp_send(9999, &byte, 1, ROUSE_FOREVER), ROUSE_EBADF);
  check_result(rouse_tcp_send(ends[1], &byte, 1, ROUSE_FOREVER), ROUSE_ENOTSOCK);
  check_result(rouse_tcp_receive(9999, &byte, 1, ROUSE_FOREVER), ROUSE_EBADF);
  check_result(rouse_tcp_receive(ends[0], &byte, 1, ROUSE_FOREVER), ROUSE_ENOTSOCK);
  check_result(rouse_tcp_shutdown(9999, SHUT_WR), ROUSE_EBADF);
  check_result(rouse_tcp_shutdown(ends[0], SHUT_WR), ROUSE_ENOTSOCK);
  rouse_fd fd = test_socket(AF_INET);
  check_result(rouse_tcp_shutdown(fd, SHUT_WR), ROUSE_ENOTCONN);
  check_result(rouse_tcp_receive(fd, &byte, 1, ROUSE_FOREVER), ROUSE_ENOTCONN);
  check_result(rouse_tcp_accept(fd, ROUSE_FOREVER), ROUSE_EINVAL);
  test_close(fd);
  test_close(ends[0]);
  test_close(ends[1]);
  return 0;
}

// --- ends ----------------------------------------------------------------------------------------

CLAIM(send_all_of_nothing_is_an_operation_too) {
  tcp_pair pair = tcp_pair_make();
  check_equal(rouse_tcp_send_all(pair.client, "", 0, ROUSE_FOREVER), 0);
  check_result(rouse_tcp_send_all(-1, "", 0, ROUSE_FOREVER), ROUSE_EBADF);
  check_result(rouse_tcp_send_all(9999, "", 0, ROUSE_FOREVER), ROUSE_EBADF);
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(receive_of_nothing_waits_for_something) {
  tcp_pair pair = tcp_pair_make();
  char byte = 0;
  check_result(rouse_tcp_receive(pair.server, &byte, 0, rouse_deadline_in_ns(MILLISECOND)),
               ROUSE_ETIMEDOUT);
  check_equal(rouse_tcp_send(pair.client, "x", 1, ROUSE_FOREVER), 1);
  check_equal(rouse_tcp_receive(pair.server, &byte, 0, ROUSE_FOREVER), 0);
  check_equal(rouse_tcp_receive(pair.server, &byte, 1, ROUSE_FOREVER), 1);
  check_equal(byte, 'x');
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(half_closed_connection_still_carries_the_other_way) {
  tcp_pair pair = tcp_pair_make();
  char buffer[16] = {0};
  check_equal(rouse_tcp_send(pair.client, "last", 4, ROUSE_FOREVER), 4);
  check_result(rouse_tcp_shutdown(pair.client, SHUT_WR), ROUSE_DONE);
  check_equal(rouse_tcp_receive(pair.server, buffer, sizeof buffer, ROUSE_FOREVER), 4);
  check_equal(rouse_tcp_receive(pair.server, buffer, sizeof buffer, ROUSE_FOREVER), 0);
  check_equal(rouse_tcp_receive(pair.server, buffer, sizeof buffer, ROUSE_FOREVER), 0);
  check_equal(rouse_tcp_send(pair.server, "answer", 6, ROUSE_FOREVER), 6);
  check_equal(rouse_tcp_receive(pair.client, buffer, sizeof buffer, ROUSE_FOREVER), 6);
  check_result(rouse_tcp_send(pair.client, "x", 1, ROUSE_FOREVER), ROUSE_EPIPE);
  tcp_pair_close(&pair);
  return 0;
}

static int64_t receive_one(void *argument) {
  char byte;
  return rouse_tcp_receive(*(rouse_fd *)argument, &byte, 1, ROUSE_FOREVER);
}

CLAIM(close_of_the_peer_ends_a_waiting_receive) {
  tcp_pair pair = tcp_pair_make();
  rouse_task *task = test_spawn(NULL, receive_one, &pair.server);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check_result(rouse_file_close(pair.client), ROUSE_DONE);
  pair.client = -1;
  check_equal(test_join(task), 0);
  tcp_pair_close(&pair);
  return 0;
}

static void reset(rouse_fd fd) {
  test_socket_reset_on_close(fd);
  check_result(rouse_file_close(fd), ROUSE_DONE);
}

CLAIM(reset_by_the_peer_is_reported_and_kills_nobody) {
  tcp_pair pair = tcp_pair_make();
  rouse_task *task = test_spawn(NULL, receive_one, &pair.server);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  reset(pair.client);
  pair.client = -1;
  check_result(test_join(task), ROUSE_ECONNRESET);
  // Sending to a peer that is gone is an error, never a signal.
  char block[1000] = {0};
  int64_t result;
  do {
    result = rouse_tcp_send(pair.server, block, sizeof block, ROUSE_FOREVER);
  } while (result > 0);
  check_result(result, ROUSE_EPIPE);
  check_result(rouse_tcp_send_all(pair.server, block, sizeof block, ROUSE_FOREVER), ROUSE_EPIPE);
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(shutdown_wakes_a_receive_of_the_same_descriptor) {
  tcp_pair pair = tcp_pair_make();
  rouse_task *task = test_spawn(NULL, receive_one, &pair.server);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check_result(rouse_tcp_shutdown(pair.server, SHUT_RDWR), ROUSE_DONE);
  check_equal(test_join(task), 0);
  tcp_pair_close(&pair);
  return 0;
}

// --- amounts -------------------------------------------------------------------------------------

enum { BULK = 4 << 20 };
typedef struct bulk {
  rouse_fd fd;
  unsigned char *data;
} bulk;

static int64_t send_bulk(void *argument) {
  bulk *self = argument;
  return rouse_tcp_send_all(self->fd, self->data, BULK, ROUSE_FOREVER);
}

CLAIM(send_all_waits_for_a_slow_reader_and_sends_all) {
  tcp_pair pair = tcp_pair_make();
  bulk self = {pair.client, malloc(BULK)};
  unsigned char *in = malloc(BULK);
  check(self.data && in);
  for (int i = 0; i < BULK; i++) self.data[i] = (unsigned char)(i * 17 + (i >> 12));
  rouse_task *sender = test_spawn(NULL, send_bulk, &self);
  size_t done = 0;
  random_source random = random_from(1);
  while (done < BULK) {
    size_t part = 1 + random_below(&random, 100000);
    if (part > BULK - done) part = BULK - done;
    int64_t got = rouse_tcp_receive(pair.server, in + done, part, ROUSE_FOREVER);
    check(got > 0);
    done += (size_t)got;
    if (random_one_in(&random, 40)) check_result(rouse_task_sleep_ns(50 * MICROSECOND), ROUSE_DONE);
  }
  check_equal(test_join(sender), BULK);
  check(!memcmp(in, self.data, BULK));
  free(in);
  free(self.data);
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(receive_gives_what_is_there_and_not_more) {
  tcp_pair pair = tcp_pair_make();
  char buffer[8] = {0};
  check_equal(rouse_tcp_send(pair.client, "abcdef", 6, ROUSE_FOREVER), 6);
  check_equal(rouse_tcp_receive(pair.server, buffer, 2, ROUSE_FOREVER), 2);
  check_string(buffer, "ab");
  check_equal(rouse_tcp_receive(pair.server, buffer, 8, ROUSE_FOREVER), 4);
  check_string(buffer, "cdef");
  check_equal(rouse_tcp_send_all(pair.client, "", 0, ROUSE_FOREVER), 0);
  tcp_pair_close(&pair);
  return 0;
}

// --- cancels and deadlines -----------------------------------------------------------------------

CLAIM(accept_and_receive_give_up_at_their_deadline_and_not_early) {
  tcp_pair pair = tcp_pair_make();
  char byte;
  int64_t deadline_ns = rouse_deadline_in_ns(2 * MILLISECOND);
  check_result(rouse_tcp_accept(pair.listener, deadline_ns), ROUSE_ETIMEDOUT);
  check(rouse_now_ns() >= deadline_ns);
  deadline_ns = rouse_deadline_in_ns(2 * MILLISECOND);
  check_result(rouse_tcp_receive(pair.server, &byte, 1, deadline_ns), ROUSE_ETIMEDOUT);
  check(rouse_now_ns() >= deadline_ns);
  // Nothing was lost by giving up.
  check_equal(rouse_tcp_send(pair.client, "z", 1, ROUSE_FOREVER), 1);
  check_equal(rouse_tcp_receive(pair.server, &byte, 1, ROUSE_FOREVER), 1);
  check_equal(byte, 'z');
  tcp_pair_close(&pair);
  return 0;
}

// However often it was in vain before, and whatever the last one left.
CLAIM(receive_with_a_deadline_that_has_passed_takes_what_is_there) {
  tcp_pair pair = tcp_pair_make();
  char buffer[16];
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < round % 4; i++) {
      const int64_t late_ns = i ? rouse_now_ns() : 0;
      check_result(rouse_tcp_receive(pair.server, buffer, sizeof buffer, late_ns), ROUSE_ETIMEDOUT);
    }
    check_equal(rouse_tcp_send(pair.client, "x", 1, ROUSE_FOREVER), 1);
    check(rouse_fd_poll(pair.server, POLLIN, ROUSE_FOREVER) > 0);
    const int64_t late_ns = round % 2 ? rouse_now_ns() : 0;
    check_equal(rouse_tcp_receive(pair.server, buffer, sizeof buffer, late_ns), 1);
  }
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(send_to_a_full_connection_gives_up_at_its_deadline) {
  tcp_pair pair = tcp_pair_make();
  static char block[1 << 20];
  int64_t result;
  do {
    result =
        rouse_tcp_send(pair.client, block, sizeof block, rouse_deadline_in_ns(3 * MILLISECOND));
  } while (result > 0);
  check_result(result, ROUSE_ETIMEDOUT);
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(cancelled_accept_leaves_the_listener_in_order) {
  rouse_fd listener = tcp_listen_here();
  for (int i = 0; i < 20; i++) {
    rouse_task *task = test_spawn(NULL, accept_on, &listener);
    if (i % 2) check_result(rouse_task_sleep_ns(100 * MICROSECOND), ROUSE_DONE);
    rouse_task_cancel(task);
    check_result(test_join(task), ROUSE_ECANCELED);
  }
  rouse_fd client = tcp_connect_here(listener);
  rouse_fd server = rouse_tcp_accept(listener, ROUSE_FOREVER);
  check(server >= 0);
  check_result(rouse_file_close(client), ROUSE_DONE);
  check_result(rouse_file_close(server), ROUSE_DONE);
  return rouse_file_close(listener);
}

CLAIM(cancel_against_arrival_loses_no_byte) {
  tcp_pair pair = tcp_pair_make();
  random_source random = random_from(2);
  int sent = 0, received = 0;
  for (int i = 0; i < test_scaled(300); i++) {
    rouse_task *task = test_spawn(NULL, receive_one, &pair.server);
    rouse_task_yield();
    bool send_first = random_one_in(&random, 2);
    if (send_first) sent += (int)rouse_tcp_send(pair.client, "x", 1, ROUSE_FOREVER);
    rouse_task_cancel(task);
    if (!send_first) sent += (int)rouse_tcp_send(pair.client, "x", 1, ROUSE_FOREVER);
    int64_t result = test_join(task);
    if (result == 1) {
      received++;
    } else {
      check_result(result, ROUSE_ECANCELED);
    }
  }
  check_result(rouse_tcp_shutdown(pair.client, SHUT_WR), ROUSE_DONE);
  char buffer[1024];
  int64_t got;
  while ((got = rouse_tcp_receive(pair.server, buffer, sizeof buffer, ROUSE_FOREVER)) > 0) {
    received += (int)got;
  }
  check_equal(got, 0);
  check_equal(received, sent);
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(cancelled_connect_leaks_no_descriptor) {
  // A listener with its backlog full leaves connects under way.
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  rouse_fd listener = rouse_tcp_listen((struct sockaddr *)&address, sizeof address, 1);
  check(listener >= 0);
  address.sin_port = htons((uint16_t)rouse_tcp_port(listener));
  rouse_fd clients[8];
  int connected = 0;
  int64_t result = 0;
  while (connected < 8) {
    result = rouse_tcp_connect((struct sockaddr *)&address, sizeof address,
                               rouse_deadline_in_ns(50 * MILLISECOND));
    if (result < 0) break;
    clients[connected++] = (rouse_fd)result;
  }
  check_result(result, ROUSE_ETIMEDOUT);
  int before = open_descriptors();
  result = rouse_tcp_connect((struct sockaddr *)&address, sizeof address,
                             rouse_deadline_in_ns(MILLISECOND));
  if (result >= 0) {  // a busy machine was late the first time
    check_result(rouse_file_close((rouse_fd)result), ROUSE_DONE);
  } else {
    check_result(result, ROUSE_ETIMEDOUT);
  }
  check_equal(open_descriptors(), before);
  for (int i = 0; i < connected; i++) check_result(rouse_file_close(clients[i]), ROUSE_DONE);
  return rouse_file_close(listener);
}

#ifdef __linux__  // where it is known what the system says to it

// --- connects that can't be ----------------------------------------------------------------------

static int64_t connected(rouse_fd fd, const struct sockaddr_in *address) {
  test_io io;
  test_io_init(&io, NULL, NULL);
  check_result(rouse_tcp_connect_start(&io.io, fd, (const struct sockaddr *)address,
                                       sizeof *address, ROUSE_FOREVER),
               ROUSE_PENDING);
  while (!io.completed) rouse_task_yield();
  return io.result;
}

CLAIM(connect_of_what_is_connected_is_refused_and_harms_nothing) {
  tcp_pair pair = tcp_pair_make();
  struct sockaddr_in address;
  uint32_t size = sizeof address;
  check_result(rouse_socket_peer(pair.client, (struct sockaddr *)&address, &size), ROUSE_DONE);
  check_result(connected(pair.client, &address), ROUSE_EISCONN);
  check_result(connected(pair.server, &address), ROUSE_EISCONN);
  char byte = 0;
  check_equal(rouse_tcp_send(pair.client, "x", 1, ROUSE_FOREVER), 1);
  check_equal(rouse_tcp_receive(pair.server, &byte, 1, ROUSE_FOREVER), 1);
  check_equal(byte, 'x');
  tcp_pair_close(&pair);
  return 0;
}

// A listener whose backlog is full leaves connects under way.
CLAIM(second_connect_while_the_first_is_under_way_is_refused) {
  enum { MOST = 16 };
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  rouse_fd listener = rouse_tcp_listen((struct sockaddr *)&address, sizeof address, 1);
  check(listener >= 0);
  address.sin_port = htons((uint16_t)rouse_tcp_port(listener));
  rouse_fd fds[MOST];
  test_io ios[MOST];
  int count = 0;
  bool refused = false;
  while (!refused) {
    check(count < MOST);
    fds[count] = test_socket(AF_INET);
    test_io_init(&ios[count], NULL, NULL);
    check_result(rouse_tcp_connect_start(&ios[count].io, fds[count], (struct sockaddr *)&address,
                                         sizeof address, ROUSE_FOREVER),
                 ROUSE_PENDING);
    // The first may be through by now, and may have told so or not.
    int64_t second = connected(fds[count], &address);
    refused = second == ROUSE_EALREADY;
    if (!refused && second != ROUSE_DONE) check_result(second, ROUSE_EISCONN);
    count++;
  }
  check_equal(ios[count - 1].completed, 0);  // it goes on
  for (int i = 0; i < count; i++) {
    rouse_wait_cancel(&ios[i].io.wait);
    while (!ios[i].completed) rouse_task_yield();
    if (ios[i].reported != ROUSE_DONE) check_result(ios[i].reported, ROUSE_ECANCELED);
    check_result(rouse_file_close(fds[i]), ROUSE_DONE);
  }
  return rouse_file_close(listener);
}

// A stream has one peer: addresses of many have no route for it, whatever network there is.
CLAIM(connect_to_more_than_one_host_finds_no_network_and_leaks_no_descriptor) {
  const in_addr_t many[] = {INADDR_BROADCAST, INADDR_ALLHOSTS_GROUP};
  int before = open_descriptors();
  for (int i = 0; i < 2; i++) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(many[i])};
    check_result(rouse_tcp_connect((struct sockaddr *)&address, sizeof address, ROUSE_FOREVER),
                 ROUSE_ENETUNREACH);
    rouse_fd fd = test_socket(AF_INET);
    check_result(connected(fd, &address), ROUSE_ENETUNREACH);
    check_result(rouse_file_close(fd), ROUSE_DONE);
  }
  check_equal(open_descriptors(), before);
  return 0;
}

#endif

// --- many ----------------------------------------------------------------------------------------

enum { CONNECTIONS = 60, ECHOES = 30 };

static int64_t serve(void *argument) {
  rouse_fd fd = (rouse_fd)(intptr_t)argument;
  char buffer[256];
  int64_t got;
  while ((got = rouse_tcp_receive(fd, buffer, sizeof buffer, ROUSE_FOREVER)) > 0) {
    check_equal(rouse_tcp_send_all(fd, buffer, (size_t)got, ROUSE_FOREVER), got);
  }
  check_equal(got, 0);
  return rouse_file_close(fd);
}

static int64_t accept_many(void *argument) {
  rouse_fd listener = *(rouse_fd *)argument;
  rouse_task *servers[CONNECTIONS];
  for (int i = 0; i < CONNECTIONS; i++) {
    rouse_fd fd = rouse_tcp_accept(listener, ROUSE_FOREVER);
    check(fd >= 0);
    servers[i] = test_spawn(NULL, serve, (void *)(intptr_t)fd);
  }
  for (int i = 0; i < CONNECTIONS; i++) check_result(test_join(servers[i]), ROUSE_DONE);
  return 0;
}

static int64_t chat(void *argument) {
  rouse_fd fd = tcp_connect_here(*(rouse_fd *)argument);
  random_source random = random_from((uint64_t)fd);
  for (int i = 0; i < ECHOES; i++) {
    char out[200], in[200];
    size_t size = 1 + random_below(&random, sizeof out), done = 0;
    for (size_t j = 0; j < size; j++) out[j] = (char)random_next(&random);
    check_equal(rouse_tcp_send_all(fd, out, size, ROUSE_FOREVER), size);
    while (done < size) {
      int64_t got = rouse_tcp_receive(fd, in + done, size - done, ROUSE_FOREVER);
      check(got > 0);
      done += (size_t)got;
    }
    check(!memcmp(in, out, size));
  }
  return rouse_file_close(fd);
}

static int64_t chat_with_all(void *argument) {
  (void)argument;
  rouse_fd listener = tcp_listen_here();
  rouse_task *clients[CONNECTIONS];
  uint32_t loops = rouse_run_loop_count();
  rouse_task *acceptor = test_spawn(rouse_run_loop(0), accept_many, &listener);
  for (uint32_t i = 0; i < CONNECTIONS; i++) {
    clients[i] = test_spawn(rouse_run_loop((i + 1) % loops), chat, &listener);
  }
  for (int i = 0; i < CONNECTIONS; i++) check_result(test_join(clients[i]), ROUSE_DONE);
  test_join(acceptor);
  return rouse_file_close(listener);
}

static void many_connections_echo_on_one_loop_and_on_two(void **state) {
  (void)state;
  test_run(1, chat_with_all, NULL);
  test_run(2, chat_with_all, NULL);
}

// --- callbacks -----------------------------------------------------------------------------------

static void operations_complete_by_callback(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  rouse_fd listener = tcp_listen_here();
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)rouse_tcp_port(listener)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  rouse_fd client = test_socket(AF_INET);
  test_io accepting, connecting, sending, receiving;
  char buffer[8] = {0};
  test_io_init(&accepting, loop, NULL);
  test_io_init(&connecting, loop, NULL);
  test_io_init(&sending, loop, NULL);
  test_io_init(&receiving, loop, NULL);
  check_result(rouse_tcp_accept_start(&accepting.io, listener, ROUSE_FOREVER), ROUSE_PENDING);
  check_result(rouse_tcp_connect_start(&connecting.io, client, (struct sockaddr *)&address,
                                       sizeof address, ROUSE_FOREVER),
               ROUSE_PENDING);
  test_loop_run_until(loop, &accepting.completed, 1);
  test_loop_run_until(loop, &connecting.completed, 1);
  check_result(connecting.result, ROUSE_DONE);
  rouse_fd server = (rouse_fd)accepting.result;
  check(server >= 0);
  check_result(rouse_tcp_receive_start(&receiving.io, server, buffer, 7, ROUSE_FOREVER),
               ROUSE_PENDING);
  test_loop_settle(loop);
  check_equal(receiving.completed, 0);
  check_result(rouse_tcp_send_start(&sending.io, client, "hey", 3, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_run_until(loop, &sending.completed, 1);
  test_loop_run_until(loop, &receiving.completed, 1);
  check_equal(sending.result, 3);
  check_equal(receiving.result, 3);
  check_string(buffer, "hey");
  // Deadlines and cancels, too.
  check_result(
      rouse_tcp_receive_start(&receiving.io, server, buffer, 7, rouse_deadline_in_ns(MILLISECOND)),
      ROUSE_PENDING);
  test_loop_run_until(loop, &receiving.completed, 2);
  check_result(receiving.reported, ROUSE_ETIMEDOUT);
  check_result(rouse_tcp_accept_start(&accepting.io, listener, ROUSE_FOREVER), ROUSE_PENDING);
  rouse_wait_cancel(&accepting.io.wait);
  test_loop_run_until(loop, &accepting.completed, 2);
  check_result(accepting.reported, ROUSE_ECANCELED);
  test_close(client);
  test_close(server);
  test_close(listener);
  test_loop_destroy(loop);
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_go_both_ways),
      cmocka_unit_test(descriptors_are_not_inherited_and_send_without_delay),
      cmocka_unit_test(listen_tells_its_port_and_refuses_one_that_is_taken),
      cmocka_unit_test(listen_works_without_a_loop),
      cmocka_unit_test(listener_made_without_a_loop_serves_one),
      cmocka_unit_test(ipv6_and_its_port_work),
      cmocka_unit_test(connect_to_nobody_is_refused_and_leaks_no_descriptor),
      cmocka_unit_test(operations_on_the_wrong_descriptor_are_refused),
      cmocka_unit_test(send_all_of_nothing_is_an_operation_too),
      cmocka_unit_test(receive_of_nothing_waits_for_something),
      cmocka_unit_test(half_closed_connection_still_carries_the_other_way),
      cmocka_unit_test(close_of_the_peer_ends_a_waiting_receive),
      cmocka_unit_test(reset_by_the_peer_is_reported_and_kills_nobody),
      cmocka_unit_test(shutdown_wakes_a_receive_of_the_same_descriptor),
      cmocka_unit_test(send_all_waits_for_a_slow_reader_and_sends_all),
      cmocka_unit_test(receive_gives_what_is_there_and_not_more),
      cmocka_unit_test(accept_and_receive_give_up_at_their_deadline_and_not_early),
      cmocka_unit_test(receive_with_a_deadline_that_has_passed_takes_what_is_there),
      cmocka_unit_test(send_to_a_full_connection_gives_up_at_its_deadline),
      cmocka_unit_test(cancelled_accept_leaves_the_listener_in_order),
      cmocka_unit_test(cancel_against_arrival_loses_no_byte),
      cmocka_unit_test(cancelled_connect_leaks_no_descriptor),
#ifdef __linux__
      cmocka_unit_test(connect_of_what_is_connected_is_refused_and_harms_nothing),
      cmocka_unit_test(second_connect_while_the_first_is_under_way_is_refused),
      cmocka_unit_test(connect_to_more_than_one_host_finds_no_network_and_leaks_no_descriptor),
#endif
      cmocka_unit_test(many_connections_echo_on_one_loop_and_on_two),
      cmocka_unit_test(operations_complete_by_callback),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
