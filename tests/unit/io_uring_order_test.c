// The backend "io_uring": in which order a turn's operations are handed over.
//
// White box: rouse__uring_enter is where the tests see what is handed over.
#define _GNU_SOURCE
#include <sys/socket.h>
#include <unistd.h>

#include <rouse/chain.h>

#include "../support/support.h"
#include "runtime/loop_internal.h"

#ifndef ROUSE_HAVE_IO_URING
int main(void) { test_skip("this build has no io_uring backend"); }
#else

#include "backend/io_uring/ring.h"

enum { SEEN_MOST = 64 };

static struct {
  struct io_uring *ring;  // whose entries are noted
  unsigned count;
  uint8_t opcodes[SEEN_MOST];
} seen;

static int enter(unsigned fd, unsigned submit, unsigned wait, unsigned flags, sigset_t *argument,
                 size_t size) {
  if (seen.ring) {
    const struct io_uring_sq *sq = &seen.ring->sq;
    for (unsigned i = 0; i < submit && seen.count < SEEN_MOST; i++) {
      seen.opcodes[seen.count++] = sq->sqes[(*sq->khead + i) & sq->ring_mask].opcode;
    }
  }
  return io_uring_enter2(fd, submit, wait, flags, argument, size);
}

static rouse_loop *ring_of(uint32_t entries) {
  rouse_loop *loop = NULL;
  rouse_loop_options options = {.backend = "io_uring", .ring_entries = entries, .spin_ns = -1};
  rouse__uring_enter = enter;
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  seen.ring = &ROUSE__CONTAINER(loop->backend, struct uring, backend)->ring;
  seen.count = 0;
  return loop;
}

static void finish(rouse_loop *loop) {
  seen.ring = NULL;
  test_loop_destroy(loop);
}

static void socket_pair(int ends[2]) {
  check_system(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
}

static void close_pair(const int ends[2]) {
  close(ends[0]);
  close(ends[1]);
}

static void start_nop(test_io *io) {
  io->io.operation = ROUSE__IO_NOP;
  check_result(rouse__io_submit(&io->io, ROUSE_FOREVER), ROUSE_PENDING);
}

static void a_receive_goes_behind_all_that_the_turn_has_started(void **state) {
  (void)state;
  int ends[2], done = 0;
  char byte = 'x', got[2] = {0};
  const rouse_span span = {&got[1], 1};
  test_io receive, receive_spans, send, send_again;
  socket_pair(ends);
  rouse_loop *loop = ring_of(0);
  test_io_init(&receive, loop, &done);
  test_io_init(&receive_spans, loop, &done);
  test_io_init(&send, loop, &done);
  test_io_init(&send_again, loop, &done);
  rouse_tcp_receive_start(&receive.io, ends[0], &got[0], 1, ROUSE_FOREVER);
  rouse_tcp_send_start(&send.io, ends[1], &byte, 1, ROUSE_FOREVER);
  rouse_tcp_receive_spans_start(&receive_spans.io, ends[0], &span, 1, ROUSE_FOREVER);
  rouse_tcp_send_start(&send_again.io, ends[1], &byte, 1, ROUSE_FOREVER);
  test_loop_run_until(loop, &done, 4);
  check_equal(seen.opcodes[0], IORING_OP_SEND);
  check_equal(seen.opcodes[1], IORING_OP_SEND);
  check_equal(seen.opcodes[2], IORING_OP_RECV);  // and these in the order of their start
  check_equal(seen.opcodes[3], IORING_OP_RECVMSG);
  check_equal(receive.result, 1);
  check_equal(receive_spans.result, 1);
  check_equal(got[0], 'x');
  check_equal(got[1], 'x');
  finish(loop);
  close_pair(ends);
}

// Else the receive might find another file by that number.
static void a_receive_goes_before_a_close_that_was_started_later(void **state) {
  (void)state;
  int ends[2], done = 0;
  char got;
  test_io receive, nop, closing;
  socket_pair(ends);
  rouse_loop *loop = ring_of(0);
  test_io_init(&receive, loop, &done);
  test_io_init(&nop, loop, &done);
  test_io_init(&closing, loop, &done);
  rouse_tcp_receive_start(&receive.io, ends[0], &got, 1, ROUSE_FOREVER);
  start_nop(&nop);
  rouse_file_close_start(&closing.io, ends[0]);
  test_loop_run_until(loop, &done, 2);
  check_equal(seen.opcodes[0], IORING_OP_NOP);
  check_equal(seen.opcodes[1], IORING_OP_RECV);
  check_equal(seen.opcodes[2], IORING_OP_CLOSE);
  check_equal(receive.completed, 0);  // the open file is still there, and its peer
  check_equal(check_system(write(ends[1], "x", 1)), 1);
  test_loop_run_until(loop, &done, 3);
  check_equal(receive.result, 1);
  finish(loop);
  close(ends[1]);
}

static void a_receive_goes_before_a_chain_that_closes(void **state) {
  (void)state;
  int ends[2], done = 0;
  char got;
  test_io receive, send, closing;
  rouse_chain chain;
  socket_pair(ends);
  rouse_loop *loop = ring_of(0);
  test_io_init(&receive, loop, &done);
  test_io_init(&send, loop, &done);
  test_io_init(&closing, loop, &done);
  rouse_chain_init(&chain);
  rouse_tcp_receive_start(&receive.io, ends[0], &got, 1, ROUSE_FOREVER);
  rouse_chain_add(&chain, &send.io);
  rouse_tcp_send_start(&send.io, ends[1], "x", 1, ROUSE_FOREVER);
  rouse_chain_add(&chain, &closing.io);
  rouse_file_close_start(&closing.io, ends[0]);
  check_result(rouse_chain_start(&chain), ROUSE_PENDING);
  test_loop_run_until(loop, &done, 3);
  check_equal(seen.opcodes[0], IORING_OP_RECV);
  check_equal(receive.result, 1);
  check_equal(send.result, 1);
  check_equal(closing.result, ROUSE_DONE);
  finish(loop);
  close(ends[1]);
}

static void a_receive_cancelled_before_it_was_handed_over_is_tried(void **state) {
  (void)state;
  int ends[2], done = 0;
  char byte = 'x', got = 0;
  test_io receive, another, late;
  socket_pair(ends);
  check_equal(check_system(write(ends[1], &byte, 1)), 1);
  rouse_loop *loop = ring_of(0);
  test_io_init(&receive, loop, &done);
  test_io_init(&another, loop, &done);
  test_io_init(&late, loop, &done);
  rouse_tcp_receive_start(&receive.io, ends[0], &got, 1, ROUSE_FOREVER);
  rouse_tcp_receive_start(&another.io, ends[0], &got, 1, ROUSE_FOREVER);
  rouse_wait_cancel(&receive.io.wait);
  rouse_wait_cancel(&another.io.wait);
  test_loop_run_until(loop, &done, 2);
  check_equal(receive.result, 1);  // there was a byte
  check_result(another.result, ROUSE_ECANCELED);
  check_equal(got, 'x');
  // A deadline that has passed is such a cancel.
  check_equal(check_system(write(ends[1], &byte, 1)), 1);
  rouse_tcp_receive_start(&late.io, ends[0], &got, 1, rouse_now_ns() - 1);
  test_loop_run_until(loop, &done, 3);
  check_equal(late.result, 1);
  finish(loop);
  close_pair(ends);
}

// More receives than a ring of four entries takes, cancelled at every stage.
static void receives_that_wait_for_room_end_once_each(void **state) {
  (void)state;
  enum { COUNT = 100 };
  int ends[2], done = 0;
  char got[COUNT];
  static test_io all[COUNT];
  socket_pair(ends);
  rouse_loop *loop = ring_of(4);
  for (int i = 0; i < COUNT; i++) {
    test_io_init(&all[i], loop, &done);
    rouse_tcp_receive_start(&all[i].io, ends[0], &got[i], 1, ROUSE_FOREVER);
    if (i % 10 == 9) check(rouse_loop_run_once(loop, 0) >= 0);
    if (i % 3 == 0) rouse_wait_cancel(&all[i].io.wait);
  }
  const int cancelled = (COUNT + 2) / 3;
  test_loop_run_until(loop, &done, cancelled);
  for (int i = cancelled; i < COUNT; i++) check_equal(check_system(write(ends[1], "x", 1)), 1);
  test_loop_run_until(loop, &done, COUNT);
  for (int i = 0; i < COUNT; i++) {
    check_equal(all[i].completed, 1);
    check_equal(all[i].result, i % 3 ? 1 : ROUSE_ECANCELED);
  }
  finish(loop);
  close_pair(ends);
}

// None is cancelled, which would hand them over.
static void receives_of_a_turn_may_be_more_than_are_kept_aside(void **state) {
  (void)state;
  enum { COUNT = 2 * ROUSE__URING_LATER + 10 };
  int ends[2], done = 0;
  static char got[COUNT];
  static test_io all[COUNT];
  socket_pair(ends);
  rouse_loop *loop = ring_of(0);
  for (int i = 0; i < COUNT; i++) {
    test_io_init(&all[i], loop, &done);
    rouse_tcp_receive_start(&all[i].io, ends[0], &got[i], 1, ROUSE_FOREVER);
  }
  check_equal(check_system(write(ends[1], got, COUNT)), COUNT);
  test_loop_run_until(loop, &done, COUNT);
  for (int i = 0; i < COUNT; i++) {
    check_equal(all[i].completed, 1);
    check_equal(all[i].result, 1);
  }
  finish(loop);
  close_pair(ends);
}

int main(void) {
  rouse_loop *loop = NULL;
  const rouse_loop_options options = {.backend = "io_uring"};
  int refused = rouse_loop_create(&options, &loop);
  if (refused) test_skip("io_uring is refused here: %s", rouse_error_message(refused));
  test_loop_destroy(loop);
#define CLAIM(name) cmocka_unit_test(name)
  const struct CMUnitTest claims[] = {
      CLAIM(a_receive_goes_behind_all_that_the_turn_has_started),
      CLAIM(a_receive_goes_before_a_close_that_was_started_later),
      CLAIM(a_receive_goes_before_a_chain_that_closes),
      CLAIM(a_receive_cancelled_before_it_was_handed_over_is_tried),
      CLAIM(receives_that_wait_for_room_end_once_each),
      CLAIM(receives_of_a_turn_may_be_more_than_are_kept_aside),
  };
  return cmocka_run_group_tests(claims, NULL, NULL);
}
#endif
