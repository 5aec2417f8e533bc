// Thousands of connections at once, and peers that vanish at every moment, on every backend.
#include <stdlib.h>
#include <string.h>

#include "../support/conformance.h"
#include "sockets.h"

enum { WANTED = 3000, SIZE_MOST = 1000, EXCHANGES = 3, CONNECTING_MOST = 64 };

typedef struct server {
  rouse_fd listener;
  rouse_acceptor *acceptor;
  rouse_buffers *buffers;
  int serving;    // connections, from their acceptance to the end of their task
  int64_t bytes;  // echoed
} server;

typedef struct connection {
  server *server;
  rouse_fd fd;
} connection;

static void check_end(int64_t result) {
  if (result == 0 || result == ROUSE_EPIPE) return;
  check_result(result, ROUSE_ECONNRESET);
}

// Echoes until the peer has finished, or is gone.
static int64_t echo(void *argument) {
  connection *self = argument;
  rouse_buffers *buffers = self->server->buffers;
  rouse_receiver *receiver;
  check_result(rouse_receiver_create(self->fd, buffers, &receiver), ROUSE_DONE);
  void *data;
  int64_t part;
  while ((part = rouse_receiver_next(receiver, &data, ROUSE_FOREVER)) > 0) {
    int64_t sent = rouse_tcp_send_all(self->fd, data, (size_t)part, ROUSE_FOREVER);
    rouse_buffers_return(buffers, data);
    if (sent < 0) {
      check_end(sent);
      part = 0;
      break;
    }
    self->server->bytes += sent;
    watchdog_progress();
  }
  check_end(part);
  rouse_receiver_destroy(receiver);
  check_result(rouse_file_close(self->fd), ROUSE_DONE);
  self->server->serving--;
  free(self);
  return 0;
}

// Until it is cancelled.
static int64_t accept_all(void *argument) {
  server *self = argument;
  for (;;) {
    rouse_fd fd = rouse_acceptor_next(self->acceptor, ROUSE_FOREVER);
    if (fd == ROUSE_ECANCELED) return 0;
    check(fd >= 0);
    connection *made = malloc(sizeof *made);
    check(made);
    *made = (connection){self, fd};
    self->serving++;
    rouse_task_detach(test_spawn(NULL, echo, made));
  }
}

static void server_start(server *self, uint32_t buffers) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  *self = (server){0};
  self->listener = rouse_tcp_listen((struct sockaddr *)&address, sizeof address, 1024);
  check(self->listener >= 0);
  check_result(rouse_acceptor_create(self->listener, 128, &self->acceptor), ROUSE_DONE);
  check_result(rouse_buffers_create(buffers, 512, &self->buffers), ROUSE_DONE);
}

static void server_end(server *self) {
  while (self->serving) check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check_result(rouse_buffers_destroy(self->buffers), ROUSE_DONE);
  rouse_acceptor_destroy(self->acceptor);
  check_result(rouse_file_close(self->listener), ROUSE_DONE);
}

// --- thousands -----------------------------------------------------------------------------------

typedef struct crowd {
  server server;
  int size;
  rouse_semaphore connecting;  // how many may at once
  rouse_event go;              // all are connected
} crowd;

static int64_t chat(void *argument) {
  crowd *self = argument;
  check_result(rouse_semaphore_acquire(&self->connecting, 1), ROUSE_DONE);
  rouse_fd fd = tcp_connect_here(self->server.listener);
  check_result(rouse_semaphore_release(&self->connecting, 1), ROUSE_DONE);
  check_result(rouse_event_wait(&self->go), ROUSE_DONE);
  random_source random = random_from((uint64_t)fd);
  for (int i = 0; i < EXCHANGES; i++) {
    unsigned char out[SIZE_MOST], in[SIZE_MOST];
    size_t size = 1 + random_below(&random, SIZE_MOST), done = 0;
    memset(out, (int)(fd + i), size);
    check_equal(rouse_tcp_send_all(fd, out, size, ROUSE_FOREVER), size);
    while (done < size) {
      int64_t part = rouse_tcp_receive(fd, in + done, size - done, ROUSE_FOREVER);
      check(part > 0);
      done += (size_t)part;
    }
    check(!memcmp(in, out, size));
    watchdog_progress();
  }
  return rouse_file_close(fd);
}

static int64_t gather(void *argument) {
  crowd *self = argument;
  server_start(&self->server, 64);
  rouse_task *acceptor = test_spawn(NULL, accept_all, &self->server);
  rouse_task **tasks = calloc((size_t)self->size, sizeof *tasks);
  check(tasks);
  for (int i = 0; i < self->size; i++) tasks[i] = test_spawn(rouse_run_loop(1), chat, self);
  while (rouse_event_waiter_count(&self->go) < (uint32_t)self->size) {
    check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
    watchdog_progress();
  }
  rouse_event_set(&self->go);
  for (int i = 0; i < self->size; i++) check_result(test_join(tasks[i]), ROUSE_DONE);
  free(tasks);
  rouse_task_cancel(acceptor);
  test_join(acceptor);
  check(self->server.bytes >= self->size * EXCHANGES);
  server_end(&self->server);
  return 0;
}

static void thousands_of_connections_share_a_few_buffers(void **state) {
  (void)state;
  crowd self = {.size = test_scaled(WANTED)};
  int fit = (test_descriptors_most() - 100) / 2;
  if (self.size > fit) self.size = fit;
  rouse_semaphore_init(&self.connecting, CONNECTING_MOST, ROUSE_FIFO);
  rouse_event_init(&self.go, ROUSE_EVENT_MANUAL, false);
  watchdog_start();
  test_run(2, gather, &self);
  watchdog_stop();
}

// --- peers that vanish ---------------------------------------------------------------------------

// What a peer does before it is gone, without a word or with one.
static int64_t vanish(void *argument) {
  server *to = argument;
  static uint64_t peers;
  random_source random = random_from(__atomic_add_fetch(&peers, 1, __ATOMIC_RELAXED));
  rouse_fd fd = tcp_connect_here(to->listener);
  static const char bytes[20000];
  char in[600];
  const size_t size = 1 + random_below(&random, sizeof bytes);
  int64_t sent = 0;
  if (!random_one_in(&random, 4)) {
    sent = rouse_tcp_send(fd, bytes, size, rouse_deadline_in_ns(50 * MILLISECOND));
  }
  if (random_one_in(&random, 2)) {
    rouse_tcp_receive(fd, in, sizeof in, rouse_deadline_in_ns(2 * MILLISECOND));
  }
  if (random_one_in(&random, 3)) test_socket_reset_on_close(fd);
  if (random_one_in(&random, 3) && sent >= 0) {
    check_result(rouse_tcp_shutdown(fd, SHUT_WR), ROUSE_DONE);
  }
  if (random_one_in(&random, 4)) check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  watchdog_progress();
  return rouse_file_close(fd);
}

static int64_t serve_those_who_vanish(void *argument) {
  (void)argument;
  enum { PEERS = 300, AT_ONCE = 30 };
  server self;
  const int before = open_descriptors();
  server_start(&self, 4);
  rouse_task *acceptor = test_spawn(NULL, accept_all, &self), *tasks[AT_ONCE];
  for (int round = 0; round < test_scaled(PEERS) / AT_ONCE + 1; round++) {
    for (int i = 0; i < AT_ONCE; i++) {
      tasks[i] = test_spawn(rouse_run_loop((uint32_t)i % 2), vanish, &self);
    }
    for (int i = 0; i < AT_ONCE; i++) check_result(test_join(tasks[i]), ROUSE_DONE);
  }
  rouse_task_cancel(acceptor);
  test_join(acceptor);
  server_end(&self);
  while (open_descriptors() > before) {
    check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  }
  return 0;
}

static void peers_that_vanish_leave_nothing_behind(void **state) {
  (void)state;
  watchdog_start();
  test_run(2, serve_those_who_vanish, NULL);
  watchdog_stop();
}

// --- loops that end with work in flight ----------------------------------------------------------

typedef struct abandoned {
  server server;
  rouse_receiver *receiver;
  tcp_pair pair;
} abandoned;

static int64_t wait_in_acceptor(void *argument) {
  return rouse_acceptor_next(((abandoned *)argument)->server.acceptor, ROUSE_FOREVER);
}

static int64_t wait_in_receiver(void *argument) {
  void *data;
  return rouse_receiver_next(((abandoned *)argument)->receiver, &data, ROUSE_FOREVER);
}

static int64_t wait_in_chain(void *argument) {
  abandoned *self = argument;
  test_io ios[2];
  char bytes[2];
  rouse_chain chain;
  rouse_chain_init(&chain);
  for (int i = 0; i < 2; i++) {
    test_io_init(&ios[i], NULL, NULL);
    rouse_chain_add(&chain, &ios[i].io);
    check_result(
        rouse_tcp_receive_start(&ios[i].io, self->pair.client, &bytes[i], 1, ROUSE_FOREVER),
        ROUSE_PENDING);
  }
  int64_t result = rouse_chain_wait(&chain);
  check(ios[0].completed && ios[1].completed);
  return result;
}

// The main task returns: the others are cancelled, and what was destroyed may still be under way.
static int64_t leave_all_of_it(void *argument) {
  abandoned *self = argument;
  server_start(&self->server, 4);
  self->pair = tcp_pair_make();
  check_result(rouse_receiver_create(self->pair.server, self->server.buffers, &self->receiver),
               ROUSE_DONE);
  rouse_task *tasks[] = {test_spawn(NULL, wait_in_acceptor, self),
                         test_spawn(NULL, wait_in_receiver, self),
                         test_spawn(NULL, wait_in_chain, self)};
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  for (int i = 0; i < 3; i++) rouse_task_detach(tasks[i]);
  rouse_receiver_destroy(self->receiver);
  check_result(rouse_buffers_destroy(self->server.buffers), ROUSE_DONE);
  rouse_acceptor_destroy(self->server.acceptor);
  return 0;
}

static void loops_end_with_all_of_it_in_flight(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) {
    abandoned self;
    const int before = open_descriptors();
    test_run(1, leave_all_of_it, &self);
    test_close(self.server.listener);
    test_close(self.pair.listener);
    test_close(self.pair.client);
    test_close(self.pair.server);
    check_equal(open_descriptors(), before);
  }
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(thousands_of_connections_share_a_few_buffers),
      cmocka_unit_test(peers_that_vanish_leave_nothing_behind),
      cmocka_unit_test(loops_end_with_all_of_it_in_flight),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
