// Cancel and deadline against completion, at every point, for every kind of operation that waits:
// one result, and what it says is so. The cancel comes after some steps of the loop, and so does
// what the operation waits for; all pairs are tried.
#include "files.h"

#include <stdlib.h>
#include <string.h>

#include "../support/conformance.h"
#include "sockets.h"

enum { MOMENTS = 5, NEVER = MOMENTS };

// What an operation can act upon, made anew for each try.
typedef struct scene {
  rouse_loop *loop;
  tcp_pair pair;
  rouse_fd udp, client;
  struct sockaddr_in udp_address;
  rouse_acceptor *acceptor;
  rouse_buffers *buffers;
  rouse_receiver *receiver;
  void *data;
  rouse_chain chain;
  test_io io, second, provoking;
  char byte, bytes[2];
  uint32_t word;
} scene;

typedef struct kind {
  const char *name;
  // Starts the operation in scene.io.
  int (*start)(scene *at, int64_t deadline_ns);
  // Starts what it waits for, in scene.provoking, or does it.
  void (*provoke)(scene *at);
  // It has completed, with success or not, and was provoked.
  void (*verify)(scene *at, bool succeeded);
} kind;

static void step(scene *at) { check(rouse_loop_run_once(at->loop, 0) >= 0); }

static void run_until(scene *at, const test_io *io) {
  test_loop_run_until(at->loop, &io->completed, 1);
}

// --- streams -------------------------------------------------------------------------------------

static void send_byte(scene *at) {
  check_result(rouse_tcp_send_start(&at->provoking.io, at->pair.client, "x", 1, ROUSE_FOREVER),
               ROUSE_PENDING);
}

static int start_receive(scene *at, int64_t deadline_ns) {
  return rouse_tcp_receive_start(&at->io.io, at->pair.server, &at->byte, 1, deadline_ns);
}

// The byte was received, or can be received now.
static void check_byte(scene *at, bool succeeded) {
  if (succeeded) {
    check_equal(at->io.result, 1);
    check_equal(at->byte, 'x');
    return;
  }
  test_io_init(&at->second, at->loop, NULL);
  check_result(
      rouse_tcp_receive_start(&at->second.io, at->pair.server, &at->byte, 1, ROUSE_FOREVER),
      ROUSE_PENDING);
  run_until(at, &at->second);
  check_equal(at->second.result, 1);
  check_equal(at->byte, 'x');
}

static int start_read(scene *at, int64_t deadline_ns) {
  return rouse_file_read_start(&at->io.io, at->pair.server, &at->byte, 1, 0, deadline_ns);
}

static int start_receive_spans(scene *at, int64_t deadline_ns) {
  static rouse_span span;
  span = (rouse_span){&at->byte, 1};
  return rouse_tcp_receive_spans_start(&at->io.io, at->pair.server, &span, 1, deadline_ns);
}

static int start_receiver(scene *at, int64_t deadline_ns) {
  return rouse_receiver_next_start(at->receiver, &at->io.io, &at->data, deadline_ns);
}

static void check_received(scene *at, bool succeeded) {
  if (!succeeded) {
    test_io_init(&at->second, at->loop, NULL);
    check_result(rouse_receiver_next_start(at->receiver, &at->second.io, &at->data, ROUSE_FOREVER),
                 ROUSE_PENDING);
    run_until(at, &at->second);
    check_equal(at->second.result, 1);
  }
  check_equal(*(char *)at->data, 'x');
  rouse_buffers_return(at->buffers, at->data);
}

// --- connections ---------------------------------------------------------------------------------

static void connect_one(scene *at) {
  static struct sockaddr_in address;
  address = (struct sockaddr_in){.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)rouse_tcp_port(at->pair.listener)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  at->client = test_socket(AF_INET);
  check_result(rouse_tcp_connect_start(&at->provoking.io, at->client, (struct sockaddr *)&address,
                                       sizeof address, ROUSE_FOREVER),
               ROUSE_PENDING);
}

static int start_accept(scene *at, int64_t deadline_ns) {
  return rouse_tcp_accept_start(&at->io.io, at->pair.listener, deadline_ns);
}

static void check_accepted(scene *at, bool succeeded) {
  test_io *accepted = &at->io;
  if (!succeeded) {
    accepted = &at->second;
    test_io_init(accepted, at->loop, NULL);
    check_result(rouse_tcp_accept_start(&accepted->io, at->pair.listener, ROUSE_FOREVER),
                 ROUSE_PENDING);
    run_until(at, accepted);
  }
  check(accepted->result >= 0);
  test_close((rouse_fd)accepted->result);
}

static int start_acceptor(scene *at, int64_t deadline_ns) {
  return rouse_acceptor_next_start(at->acceptor, &at->io.io, deadline_ns);
}

static void check_taken(scene *at, bool succeeded) {
  test_io *taken = &at->io;
  if (!succeeded) {
    taken = &at->second;
    test_io_init(taken, at->loop, NULL);
    check_result(rouse_acceptor_next_start(at->acceptor, &taken->io, ROUSE_FOREVER), ROUSE_PENDING);
    run_until(at, taken);
  }
  check(taken->result >= 0);
  test_close((rouse_fd)taken->result);
}

// --- datagrams -----------------------------------------------------------------------------------

static void send_datagram(scene *at) {
  check_result(rouse_udp_send_to_start(&at->provoking.io, at->udp, "x", 1,
                                       (struct sockaddr *)&at->udp_address, sizeof at->udp_address,
                                       ROUSE_FOREVER),
               ROUSE_PENDING);
}

static int start_receive_from(scene *at, int64_t deadline_ns) {
  return rouse_udp_receive_from_start(&at->io.io, at->udp, &at->byte, 1, NULL, NULL, deadline_ns);
}

static void check_datagram(scene *at, bool succeeded) {
  if (!succeeded) {
    test_io_init(&at->second, at->loop, NULL);
    check_result(rouse_udp_receive_from_start(&at->second.io, at->udp, &at->byte, 1, NULL, NULL,
                                              ROUSE_FOREVER),
                 ROUSE_PENDING);
    run_until(at, &at->second);
    check_equal(at->second.result, 1);
  }
  check_equal(at->byte, 'x');
}

// --- chains --------------------------------------------------------------------------------------

// A receive, and the answer that follows it.
static int start_chain(scene *at, int64_t deadline_ns) {
  test_io_init(&at->second, at->loop, NULL);
  rouse_chain_init(&at->chain);
  rouse_chain_add(&at->chain, &at->io.io);
  check_result(start_receive(at, deadline_ns), ROUSE_PENDING);
  rouse_chain_add(&at->chain, &at->second.io);
  check_result(rouse_tcp_send_start(&at->second.io, at->pair.server, "y", 1, ROUSE_FOREVER),
               ROUSE_PENDING);
  return rouse_chain_start(&at->chain);
}

// The answer was sent, or it was not and says so; never without the question.
static void check_chain(scene *at, bool succeeded) {
  run_until(at, &at->second);
  check_equal(at->second.completed, 1);
  bool answered = at->second.result == 1;
  if (!answered) check_result(at->second.result, ROUSE_ECANCELED);
  check(succeeded || !answered);
  test_io_init(&at->second, at->loop, NULL);
  char answer;
  check_result(rouse_tcp_receive_start(&at->second.io, at->pair.client, &answer, 1,
                                       answered ? ROUSE_FOREVER : rouse_now_ns() + MILLISECOND),
               ROUSE_PENDING);
  run_until(at, &at->second);
  check_result(at->second.reported, answered ? 1 : ROUSE_ETIMEDOUT);
  check_byte(at, succeeded);
}

static const kind kinds[] = {
    {"receive", start_receive, send_byte, check_byte},
    {"read", start_read, send_byte, check_byte},
    {"receive_spans", start_receive_spans, send_byte, check_byte},
    {"receiver", start_receiver, send_byte, check_received},
    {"accept", start_accept, connect_one, check_accepted},
    {"acceptor", start_acceptor, connect_one, check_taken},
    {"receive_from", start_receive_from, send_datagram, check_datagram},
    {"chain", start_chain, send_byte, check_chain},
};

// --- all pairs -----------------------------------------------------------------------------------

static int64_t make_pair(void *argument) {
  *(tcp_pair *)argument = tcp_pair_make();
  return 0;
}

static void scene_make(scene *at) {
  memset(at, 0, sizeof *at);
  at->loop = test_loop_create();
  // Without the backlog of connections that a task would need a loop for.
  rouse_task *task = test_spawn(at->loop, make_pair, &at->pair);
  while (!rouse_task_is_done(task)) {
    check(rouse_loop_run_once(at->loop, rouse_deadline_in_ns(SECOND)) >= 0);
  }
  rouse_task_detach(task);
  at->client = -1;
  at->udp_address =
      (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  at->udp = rouse_udp_bind((struct sockaddr *)&at->udp_address, sizeof at->udp_address);
  check(at->udp >= 0);
  at->udp_address.sin_port = htons((uint16_t)rouse_socket_port(at->udp));
  check_result(rouse_acceptor_create(at->pair.listener, 0, &at->acceptor), ROUSE_DONE);
  check_result(rouse_buffers_create(2, 8, &at->buffers), ROUSE_DONE);
  check_result(rouse_receiver_create(at->pair.server, at->buffers, &at->receiver), ROUSE_DONE);
  test_io_init(&at->io, at->loop, NULL);
  test_io_init(&at->provoking, at->loop, NULL);
}

static void scene_end(scene *at) {
  rouse_receiver_destroy(at->receiver);
  rouse_acceptor_destroy(at->acceptor);
  check_result(rouse_buffers_destroy(at->buffers), ROUSE_DONE);
  const rouse_fd fds[] = {at->pair.listener, at->pair.client, at->pair.server, at->udp, at->client};
  for (int i = 0; i < 5; i++) {
    if (fds[i] >= 0) test_close(fds[i]);
  }
  test_loop_destroy(at->loop);
}

static void try_pair(const kind *which, int cancelled_at, int provoked_at, bool by_deadline) {
  scene at;
  scene_make(&at);
  int64_t deadline_ns =
      by_deadline ? rouse_now_ns() + cancelled_at * 20 * MICROSECOND : ROUSE_FOREVER;
  check_result(which->start(&at, deadline_ns), ROUSE_PENDING);
  for (int point = 0; point < MOMENTS; point++) {
    if (point == provoked_at) which->provoke(&at);
    if (point == cancelled_at && !by_deadline && !at.io.completed) {
      rouse_wait_cancel(&at.io.io.wait);
    }
    step(&at);
  }
  run_until(&at, &at.io);
  for (int i = 0; i < 3; i++) step(&at);
  check_equal(at.io.completed, 1);
  const bool succeeded = at.io.reported >= 0;
  if (!succeeded) check_result(at.io.reported, by_deadline ? ROUSE_ETIMEDOUT : ROUSE_ECANCELED);
  if (cancelled_at == NEVER) check(succeeded);
  if (provoked_at == NEVER) {
    check(!succeeded);
    which->provoke(&at);
  }
  run_until(&at, &at.provoking);
  which->verify(&at, succeeded);
  scene_end(&at);
}

static void cancel_at_every_point_tells_the_truth(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    for (int cancelled = 0; cancelled <= NEVER; cancelled++) {
      for (int provoked = 0; provoked <= NEVER; provoked++) {
        if (cancelled == NEVER && provoked == NEVER) continue;
        try_pair(&kinds[i], cancelled, provoked, false);
      }
    }
  }
}

static void deadline_at_every_point_tells_the_truth(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    for (int passes = 0; passes < MOMENTS; passes++) {
      for (int provoked = 0; provoked <= NEVER; provoked++) {
        try_pair(&kinds[i], passes, provoked, true);
      }
    }
  }
}

// --- from another thread -------------------------------------------------------------------------

typedef struct canceller {
  test_flag armed, done;
  rouse_wait *wait;
  int spins;
} canceller;

static void cancel_once(void *argument) {
  canceller *self = argument;
  test_flag_await(&self->armed, 1);
  for (volatile int i = 0; i < self->spins; i++) {
  }
  rouse_wait_cancel(self->wait);
  test_flag_set(&self->done);
}

static void cancel_from_another_thread_tells_the_truth(void **state) {
  (void)state;
  random_source random = random_from(3);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    for (int round = 0; round < 12; round++) {
      scene at;
      scene_make(&at);
      canceller self = {.wait = &at.io.io.wait, .spins = (int)random_below(&random, 20000)};
      test_thread thread;
      test_thread_start(&thread, cancel_once, &self);
      check_result(kinds[i].start(&at, ROUSE_FOREVER), ROUSE_PENDING);
      kinds[i].provoke(&at);
      test_flag_set(&self.armed);
      if (round % 2) {
        // The wait is not run to its end before the other thread is through with it.
        test_flag_await(&self.done, 1);
      }
      test_thread_join(&thread);
      run_until(&at, &at.io);
      check_equal(at.io.completed, 1);
      const bool succeeded = at.io.reported >= 0;
      if (!succeeded) check_result(at.io.reported, ROUSE_ECANCELED);
      run_until(&at, &at.provoking);
      kinds[i].verify(&at, succeeded);
      scene_end(&at);
    }
  }
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cancel_at_every_point_tells_the_truth),
      cmocka_unit_test(deadline_at_every_point_tells_the_truth),
      cmocka_unit_test(cancel_from_another_thread_tells_the_truth),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
