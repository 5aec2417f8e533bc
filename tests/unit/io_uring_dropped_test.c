// Operations that the kernel drops though nobody cancelled them: it could not start a worker thread
// for them (see ring.c). They are made again, and whoever waits sees nothing of it.
//
// White box: at rouse__uring_enter entries become ones that do nothing, and what these give becomes
// a cancel.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/support.h"
#include "runtime/loop_internal.h"

#ifndef ROUSE_HAVE_IO_URING
int main(void) { test_skip("this build has no io_uring backend"); }
#else

#include "backend/io_uring/ordering.h"
#include "backend/io_uring/ring.h"

enum { DROPS_MOST = 64 };

static struct io_uring *ring;
static int drops;  // operations that are still to be dropped
static uint64_t dropped[DROPS_MOST];
static int dropped_count;

static void drop_entries(void) {
  struct io_uring_sq *sq = &ring->sq;
  for (unsigned i = *sq->khead; drops && i != sq->sqe_tail; i++) {
    struct io_uring_sqe *sqe = &sq->sqes[i & sq->ring_mask];
    if (sqe->user_data <= ROUSE__URING_FOR_PROBE || sqe->opcode == IORING_OP_NOP) continue;
    const struct io_uring_sqe nothing = {
        .opcode = IORING_OP_NOP, .flags = sqe->flags & IOSQE_IO_LINK, .user_data = sqe->user_data};
    check(dropped_count < DROPS_MOST);
    dropped[dropped_count++] = sqe->user_data;
    *sqe = nothing;
    drops--;
  }
}

static void cancel_completions(void) {
  struct io_uring_cq *cq = &ring->cq;
  for (unsigned head = *cq->khead; head != *cq->ktail; head++) {
    struct io_uring_cqe *cqe = &cq->cqes[head & cq->ring_mask];
    for (int i = 0; i < dropped_count; i++) {
      if (cqe->user_data != dropped[i]) continue;
      cqe->res = -ECANCELED;
      dropped[i] = 0;
    }
  }
}

static int enter(unsigned fd, unsigned submit, unsigned wait, unsigned flags, sigset_t *argument,
                 size_t size) {
  drop_entries();
  int result = io_uring_enter2(fd, submit, wait, flags, argument, size);
  cancel_completions();
  return result;
}

static rouse_loop *loop;

static int make_loop(void) {
  const rouse_loop_options options = {.backend = "io_uring", .spin_ns = -1};
  return rouse_loop_create(&options, &loop);
}

static int before_each(void **state) {
  (void)state;
  check_result(make_loop(), ROUSE_DONE);
  ring = &ROUSE__CONTAINER(loop->backend, struct uring, backend)->ring;
  drops = dropped_count = 0;
  memset(dropped, 0, sizeof dropped);
  rouse__uring_enter = enter;
  return 0;
}

static int after_each(void **state) {
  (void)state;
  check_equal(drops, 0);
  rouse__uring_enter = io_uring_enter2;
  test_loop_destroy(loop);
  return 0;
}

static rouse_fd file_of(const char *text) {
  rouse_fd file = test_file_unnamed();
  check_equal(write(file, text, strlen(text)), strlen(text));
  return file;
}

static void an_operation_is_made_again(void **state) {
  (void)state;
  enum { COUNT = 8 };
  test_io all[COUNT];
  char bytes[COUNT];
  int done = 0;
  rouse_fd file = file_of("12345678");
  drops = 3 * COUNT;  // some more than once
  for (int i = 0; i < COUNT; i++) {
    test_io_init(&all[i], loop, &done);
    check_result(rouse_file_read_start(&all[i].io, file, &bytes[i], 1, (uint64_t)i, ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  test_loop_run_until(loop, &done, COUNT);
  for (int i = 0; i < COUNT; i++) {
    check_equal(all[i].completed, 1);
    check_equal(all[i].result, 1);
  }
  assert_memory_equal(bytes, "12345678", COUNT);
  test_close(file);
}

static void one_that_was_cancelled_ends(void **state) {
  (void)state;
  test_io io;
  int done = 0, fd = (int)check_system(eventfd(0, EFD_CLOEXEC));
  test_io_init(&io, loop, &done);
  drops = 1;
  check_result(rouse_fd_poll_start(&io.io, fd, POLLIN, ROUSE_FOREVER), ROUSE_PENDING);
  rouse_wait_cancel(&io.io.wait);
  test_loop_run_until(loop, &done, 1);
  check_result(io.result, ROUSE_ECANCELED);
  close(fd);
}

static void read_pair(rouse_fd file, rouse_fd second_file, test_io ios[2], char bytes[2]) {
  rouse_chain chain;
  int done = 0;
  rouse_chain_init(&chain);
  for (int i = 0; i < 2; i++) {
    test_io_init(&ios[i], loop, &done);
    rouse_chain_add(&chain, &ios[i].io);
    check_result(rouse_file_read_start(&ios[i].io, i ? second_file : file, &bytes[i], 1,
                                       (uint64_t)i, ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  check_result(rouse_chain_start(&chain), ROUSE_PENDING);
  test_loop_run_until(loop, &done, 2);
}

static void a_chain_goes_on_from_where_it_was_dropped(void **state) {
  (void)state;
  test_io ios[2];
  char bytes[2] = "";
  rouse_fd file = file_of("12");
  for (int count = 1; count <= 2; count++) {
    drops = count;  // the first only, or what follows as well
    read_pair(file, file, ios, bytes);
    for (int i = 0; i < 2; i++) check_equal(ios[i].result, 1);
    assert_memory_equal(bytes, "12", 2);
  }
  test_close(file);
}

// The second one is undone because the first failed: that is no drop.
static void the_rest_of_a_chain_that_failed_stays_undone(void **state) {
  (void)state;
  test_io ios[2];
  char bytes[2] = "";
  rouse_fd file = file_of("12");
  read_pair(-1, file, ios, bytes);
  check_result(ios[0].result, ROUSE_EBADF);
  check_result(ios[1].result, ROUSE_ECANCELED);
  check_equal(bytes[1], 0);
  test_close(file);
}

static void an_acceptor_goes_on(void **state) {
  (void)state;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  rouse_fd listener = rouse_tcp_listen((struct sockaddr *)&address, sizeof address, 4);
  rouse_acceptor *acceptor;
  test_io io;
  int done = 0;
  check(listener >= 0);
  check_result(rouse_acceptor_create(listener, 0, &acceptor), ROUSE_DONE);
  test_io_init(&io, loop, &done);
  drops = 3;
  check_result(rouse_acceptor_next_start(acceptor, &io.io, ROUSE_FOREVER), ROUSE_PENDING);
  address.sin_port = htons((uint16_t)rouse_tcp_port(listener));
  int client = (int)check_system(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  check_system(connect(client, (struct sockaddr *)&address, sizeof address));
  test_loop_run_until(loop, &done, 1);
  check(io.result >= 0);
  close((int)io.result);
  close(client);
  rouse_acceptor_destroy(acceptor);
  test_close(listener);
}

int main(void) {
  int refused = make_loop();
  if (refused) test_skip("io_uring is refused here: %s", rouse_error_message(refused));
  test_loop_destroy(loop);
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, before_each, after_each)
      TEST(an_operation_is_made_again),
      TEST(one_that_was_cancelled_ends),
      TEST(a_chain_goes_on_from_where_it_was_dropped),
      TEST(the_rest_of_a_chain_that_failed_stays_undone),
      TEST(an_acceptor_goes_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
