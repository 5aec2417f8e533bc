// Exchanges on the backend "io_uring", where a send that goes well reports nothing: full sockets,
// full rings, full queues, kernels that take entries one by one, and cancels and closes between the
// send and the receive. What every backend must do is in the conformance suite.
//
// White box: at rouse__uring_enter the tests count entries and completions, and hold entries back.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/support.h"
#include "runtime/loop_internal.h"
#include "sockets.h"

#ifndef ROUSE_HAVE_IO_URING
int main(void) { test_skip("this build has no io_uring backend"); }
#else

#include "backend/io_uring/ordering.h"
#include "backend/io_uring/ring.h"

enum { BULK = 1 << 18 };

static struct {
  unsigned most;     // entries that a call takes at most
  bool cuts;         // even of linked ones
  uint32_t one_in;   // so many calls and one fails: 0: none
  unsigned entries;  // that were taken
  int64_t completions;
  random_source source;
} kernel;

static rouse_loop *loop;
static struct uring *uring;
static int done;

static unsigned completions_posted(void) { return *uring->ring.cq.ktail; }

// |count| entries and those that are linked to them.
static unsigned whole(unsigned count) {
  const struct io_uring_sq *sq = &uring->ring.sq;
  while (sq->sqes[(*sq->khead + count - 1) & sq->ring_mask].flags & IOSQE_IO_LINK) count++;
  return count;
}

static int enter(unsigned fd, unsigned submit, unsigned wait, unsigned flags, sigset_t *argument,
                 size_t size) {
  if (kernel.one_in && submit && random_one_in(&kernel.source, kernel.one_in)) return -EBUSY;
  if (submit > kernel.most) {  // then it does not look for completions
    submit = kernel.cuts ? kernel.most : whole(kernel.most);
    wait = 0;
    flags &= ~IORING_ENTER_GETEVENTS;
  }
  const unsigned before = completions_posted();
  int result = io_uring_enter2(fd, submit, wait, flags, argument, size);
  if (result > 0) kernel.entries += (unsigned)result;
  kernel.completions += completions_posted() - before;
  return result;
}

static void open_loop(uint32_t entries) {
  const rouse_loop_options options = {
      .backend = "io_uring", .spin_ns = -1, .ring_entries = entries};
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  uring = ROUSE__CONTAINER(loop->backend, struct uring, backend);
  done = 0;
}

static int before_each(void **state) {
  (void)state;
  open_loop(0);
  memset(&kernel, 0, sizeof kernel);
  kernel.most = UINT32_MAX;
  kernel.source = random_from(11);
  rouse__uring_enter = enter;
  // What the kernel can do is found out by the first exchange, on a ring of its own.
  if (!(rouse__uring_abilities(uring->without) & ROUSE__URING_ONE_EXCHANGE)) {
    test_skip("this kernel reports each send");
  }
  return 0;
}

static int after_each(void **state) {
  (void)state;
  check_equal(uring->exchanges.cancelled, 0);
  test_loop_destroy(loop);
  rouse__uring_enter = io_uring_enter2;
  return 0;
}

static void reopen(uint32_t entries) {
  test_loop_destroy(loop);
  open_loop(entries);
}

static void look(void) { check_result(loop->backend->ops->poll(loop->backend, 0), 0); }

// --- connections ---------------------------------------------------------------------------------

typedef struct connection {
  int ours, peers;
  test_io io;
  char in[16];
} connection;

static void connect_one(connection *self) {
  int fds[2];
  check_system(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));  // whose calls wait
  *self = (connection){.ours = fds[0], .peers = fds[1]};
  test_io_init(&self->io, loop, &done);
}

static void close_one(connection *self) {
  if (self->ours >= 0) check_system(close(self->ours));
  check_system(close(self->peers));
}

static void start(connection *self, const char *out, size_t size) {
  check_result(rouse_tcp_exchange_start(&self->io.io, self->ours, out, size, self->in,
                                        sizeof self->in, ROUSE_FOREVER),
               ROUSE_PENDING);
}

static size_t sent(const connection *self) { return rouse_tcp_exchange_sent(&self->io.io); }

static char block[BULK];

// The peer has got |text|, and no more.
static void check_arrived(connection *self, const char *text) {
  char bytes[64];
  const ssize_t size = recv(self->peers, bytes, sizeof bytes, MSG_DONTWAIT);
  check_equal(size, strlen(text));
  check(!memcmp(bytes, text, (size_t)size));
}

static void answer(connection *self, const char *text) {
  check_equal(send(self->peers, text, strlen(text), 0), strlen(text));
}

static void check_ended(const connection *self, int64_t result, size_t size) {
  check_equal(self->io.completed, 1);
  check_equal(self->io.result, result);
  check_equal(sent(self), size);
}

// --- one completion ------------------------------------------------------------------------------

static void a_question_and_its_answer_are_one_completion(void **state) {
  (void)state;
  enum { ROUNDS = 50 };
  connection one;
  connect_one(&one);
  start(&one, "warm", 4);
  answer(&one, "up");
  test_loop_run_until(loop, &done, 1);
  socket_drain(one.peers);
  kernel.completions = kernel.entries = 0;
  for (int i = 0; i < ROUNDS; i++) {
    start(&one, "ask", 3);
    look();
    check_arrived(&one, "ask");
    answer(&one, "reply");
    test_loop_run_until(loop, &done, i + 2);
    check_equal(one.io.result, 5);
    check_equal(sent(&one), 3);
    check(!memcmp(one.in, "reply", 5));
  }
  check_equal(kernel.completions, ROUNDS);
  check_equal(kernel.entries, 2 * ROUNDS);
  close_one(&one);
}

static void a_loop_that_goes_to_sleep_has_its_receives_on_the_ring(void **state) {
  (void)state;
  connection one;
  connect_one(&one);
  start(&one, "ask", 3);
  check_result(rouse_loop_run_once(loop, rouse_deadline_in_ns(MILLISECOND)), 0);
  check(!rouse__uring_exchanges_left(uring));
  check_arrived(&one, "ask");
  answer(&one, "reply");
  test_loop_run_until(loop, &done, 1);
  check_ended(&one, 5, 3);
  close_one(&one);
}

// --- sends that fail, or get through in parts ----------------------------------------------------

// The answer is there from the beginning, and is not taken before all is sent.
static void check_goes_on(int64_t filled, int64_t size, connection *self) {
  answer(self, "early");
  start(self, block, (size_t)size);
  for (int i = 0; i < 5; i++) look();
  check_equal(done, 0);
  for (int64_t arrived = 0; arrived < filled + size; arrived += socket_drain(self->peers)) {
    check_equal(done, 0);
    check(rouse_loop_run_once(loop, rouse_deadline_in_ns(MILLISECOND)) >= 0);
  }
  test_loop_run_until(loop, &done, 1);
  check_ended(self, 5, (size_t)size);
  check_equal(socket_drain(self->peers), 0);
}

static void a_send_into_a_full_socket_is_made_again(void **state) {
  (void)state;
  connection one;
  connect_one(&one);
  check_goes_on(socket_fill(one.ours), 10, &one);
  close_one(&one);
}

static void a_part_that_was_sent_is_followed_by_the_rest(void **state) {
  (void)state;
  connection one;
  connect_one(&one);
  test_socket_narrow(one.ours);
  check_goes_on(0, BULK, &one);
  close_one(&one);
}

static void the_same_on_sockets_that_do_not_block(void **state) {
  (void)state;
  connection one;
  connect_one(&one);
  test_socket_set_waits(one.ours, false);
  check_goes_on(socket_fill(one.ours), BULK, &one);
  close_one(&one);
}

static void a_peer_that_is_gone_is_told(void **state) {
  (void)state;
  connection gone, shut;
  connect_one(&gone);
  connect_one(&shut);
  check_system(close(gone.peers));
  gone.peers = dup(gone.ours);
  check_system(shutdown(shut.peers, SHUT_WR));
  start(&gone, "lost", 4);
  start(&shut, "heard", 5);
  test_loop_run_until(loop, &done, 2);
  check_ended(&gone, ROUSE_EPIPE, 0);
  check_ended(&shut, 0, 5);
  check_arrived(&shut, "heard");
  close_one(&gone);
  close_one(&shut);
}

static void a_failure_after_all_was_sent_says_that_it_was(void **state) {
  (void)state;
  connection one;
  connect_one(&one);
  start(&one, "unread", 6);
  look();
  check_system(close(one.peers));  // with bytes that nobody has read
  one.peers = dup(one.ours);
  test_loop_run_until(loop, &done, 1);
  check_ended(&one, ROUSE_ECONNRESET, 6);
  close_one(&one);
}

// --- many ----------------------------------------------------------------------------------------

// Each third one finds its socket full, and each answer is there from the beginning.
static void crowd(int count) {
  connection *all = calloc((size_t)count, sizeof *all);
  check(all);
  int64_t *filled = calloc((size_t)count, sizeof *filled);
  check(filled);
  for (int i = 0; i < count; i++) {
    connect_one(&all[i]);
    if (i % 3 == 0) filled[i] = socket_fill(all[i].ours);
    answer(&all[i], "yes");
    start(&all[i], "question", 8);
  }
  const int easy = count - (count + 2) / 3;
  test_loop_run_until(loop, &done, easy);
  test_loop_settle(loop);
  check_equal(done, easy);
  for (int i = 0; i < count; i++) check_equal(all[i].io.completed, i % 3 != 0);
  int64_t arrived = 0, expected = 0;
  for (int i = 0; i < count; i++) {
    expected += filled[i] + 8;
    arrived += socket_drain(all[i].peers);
  }
  test_loop_run_until(loop, &done, count);
  for (int i = 0; i < count; i++) {
    check_ended(&all[i], 3, 8);
    arrived += socket_drain(all[i].peers);
    close_one(&all[i]);
  }
  check_equal(arrived, expected);
  free(filled);
  free(all);
}

static void crowds_are_served_on_rings_of_any_size(void **state) {
  (void)state;
  for (uint32_t entries = 4; entries <= 256; entries *= 4) {
    reopen(entries);  // the completions of those that fail overflow the smaller ones
    crowd(300);
  }
}

static void a_kernel_that_takes_one_entry_at_a_time_loses_none(void **state) {
  (void)state;
  kernel.most = 1;
  crowd(100);
  reopen(4);
  crowd(100);
}

static void a_kernel_that_refuses_now_and_then_loses_none(void **state) {
  (void)state;
  for (uint32_t entries = 4; entries <= 64; entries *= 4) {
    reopen(entries);
    kernel.one_in = 2;
    crowd(100);
    kernel.one_in = 0;
  }
}

// The kernel takes the send, but not what was started after it.
static void what_was_left_over_is_linked_to_nothing(void **state) {
  (void)state;
  connection one, silent;
  connect_one(&one);
  connect_one(&silent);
  kernel.most = 1;
  start(&one, "ask", 3);
  check_result(rouse_fd_poll_start(&silent.io.io, silent.ours, POLLIN, ROUSE_FOREVER),
               ROUSE_PENDING);
  for (int i = 0; i < 4; i++) look();
  answer(&one, "yes");
  test_loop_run_until(loop, &done, 1);
  check_ended(&one, 3, 3);
  rouse_wait_cancel(&silent.io.io.wait);
  test_loop_run_until(loop, &done, 2);
  close_one(&one);
  close_one(&silent);
}

static void more_in_a_turn_than_are_kept_aside_are_all_made(void **state) {
  (void)state;
  enum { COUNT = 2 * ROUSE__URING_EXCHANGES + 100 };
  connection one;
  connect_one(&one);
  static test_io all[COUNT];
  static char in[COUNT];
  for (int i = 0; i < COUNT; i++) {
    test_io_init(&all[i], loop, &done);
    check_result(rouse_tcp_exchange_start(&all[i].io, one.ours, "x", 1, &in[i], 1, ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  // There is room for some at a time only, in both directions.
  int64_t arrived = 0;
  int answered = 0;
  while (done < COUNT) {
    check(rouse_loop_run_once(loop, rouse_deadline_in_ns(MILLISECOND)) >= 0);
    arrived += socket_drain(one.peers);
    while (answered < COUNT && send(one.peers, "y", 1, MSG_DONTWAIT) == 1) answered++;
  }
  check_equal(arrived, COUNT);
  for (int i = 0; i < COUNT; i++) {
    check_equal(all[i].completed, 1);
    check_equal(all[i].result, 1);
    check_equal(in[i], 'y');
  }
  close_one(&one);
}

// It has begun the send, by a thread of its own, and nobody will hear how that goes.
static void a_kernel_without_memory_for_the_receive_ends_the_run(void **state) {
  (void)state;
  connection one;
  connect_one(&one);
  kernel.most = 1;
  kernel.cuts = true;
  start(&one, "ask", 3);
  check_result(rouse_loop_run_once(loop, rouse_deadline_in_ns(SECOND)), ROUSE_ENOMEM);
  char bytes[3];
  check_equal(recv(one.peers, bytes, sizeof bytes, MSG_WAITALL), 3);
  kernel.most = UINT32_MAX;
  // What the run could not end is taken off by hand.
  uring->backend.in_flight--;
  loop->waker.pending--;
  close_one(&one);
}

// --- cancels -------------------------------------------------------------------------------------

// Cancelled after |looks| looks at the ring: before it is handed over, when its send is over, when
// it receives.
static void cancelled_after(int looks) {
  connection one;
  connect_one(&one);
  start(&one, "ask", 3);
  for (int i = 0; i < looks; i++) look();
  rouse_wait_cancel(&one.io.io.wait);
  test_loop_run_until(loop, &done, done + 1);
  check_ended(&one, ROUSE_ECANCELED, 3);
  check_arrived(&one, "ask");
  answer(&one, "late");
  look();
  check_equal(recv(one.ours, one.in, sizeof one.in, MSG_DONTWAIT), 4);  // it took nothing
  close_one(&one);
}

static void cancelled_in_vain_after(int looks) {
  connection one;
  connect_one(&one);
  const int64_t filled = socket_fill(one.ours);
  start(&one, "ask", 3);
  for (int i = 0; i < looks; i++) look();
  rouse_wait_cancel(&one.io.io.wait);
  test_loop_run_until(loop, &done, done + 1);
  check_ended(&one, ROUSE_ECANCELED, 0);
  check_equal(socket_drain(one.peers), filled);
  close_one(&one);
}

static void cancelled_in_part_after(int looks) {
  connection one;
  connect_one(&one);
  test_socket_narrow(one.ours);
  start(&one, block, BULK);
  for (int i = 0; i < looks; i++) look();
  rouse_wait_cancel(&one.io.io.wait);
  test_loop_run_until(loop, &done, done + 1);
  check(sent(&one) > 0 && sent(&one) < BULK);
  const size_t size = sent(&one);
  check_ended(&one, ROUSE_ECANCELED, size);
  check_equal(socket_drain(one.peers), size);
  close_one(&one);
}

static void a_cancel_at_any_point_tells_what_was_sent(void **state) {
  (void)state;
  for (int looks = 0; looks <= 4; looks++) {
    cancelled_after(looks);
    cancelled_in_vain_after(looks);
    cancelled_in_part_after(looks);
  }
}

// Of several some are cancelled, and the others go on.
static void cancels_among_others_end_only_what_they_mean(void **state) {
  (void)state;
  enum { COUNT = 60 };
  static connection all[COUNT];
  for (int i = 0; i < COUNT; i++) {
    connect_one(&all[i]);
    start(&all[i], "ask", 3);
    if (i % 7 == 6) look();
  }
  for (int i = 0; i < COUNT; i += 4) rouse_wait_cancel(&all[i].io.io.wait);
  test_loop_run_until(loop, &done, COUNT / 4);
  test_loop_settle(loop);
  check_equal(done, COUNT / 4);
  check_equal(uring->exchanges.cancelled, 0);
  for (int i = 0; i < COUNT; i++) answer(&all[i], "yes");
  test_loop_run_until(loop, &done, COUNT);
  for (int i = 0; i < COUNT; i++) {
    check_ended(&all[i], i % 4 ? 3 : ROUSE_ECANCELED, 3);
    check_arrived(&all[i], "ask");
    close_one(&all[i]);
  }
}

// --- closes --------------------------------------------------------------------------------------

// The exchange goes on on the file that it was started on, whatever gets its number.
static void closed_after(int looks, uint32_t entries) {
  reopen(entries);
  connection one, other;
  connect_one(&one);
  test_io close_io;
  int closed = 0;
  test_io_init(&close_io, loop, &closed);
  start(&one, "ask", 3);
  for (int i = 0; i < looks; i++) look();
  check_result(rouse_file_close_start(&close_io.io, one.ours), ROUSE_PENDING);
  test_loop_run_until(loop, &closed, 1);
  check_result((int)close_io.result, ROUSE_DONE);
  const int number = one.ours;
  connect_one(&other);
  check_equal(other.ours, number);
  answer(&other, "wrong");
  test_loop_settle(loop);
  check_equal(done, 0);
  check_arrived(&one, "ask");
  answer(&one, "right");
  test_loop_run_until(loop, &done, 1);
  check_ended(&one, 5, 3);
  check(!memcmp(one.in, "right", 5));
  one.ours = -1;
  close_one(&one);
  close_one(&other);
}

static void a_close_waits_until_the_receive_is_on_its_file(void **state) {
  (void)state;
  for (int looks = 0; looks <= 3; looks++) {
    closed_after(looks, 0);
    closed_after(looks, 4);
    kernel.most = 1;
    closed_after(looks, 0);
    kernel.most = UINT32_MAX;
  }
}

static void a_close_in_a_chain_waits_too(void **state) {
  (void)state;
  connection one;
  connect_one(&one);
  test_io chained[2];
  int ended = 0;
  rouse_chain chain;
  rouse_chain_init(&chain);
  for (int i = 0; i < 2; i++) {
    test_io_init(&chained[i], loop, &ended);
    rouse_chain_add(&chain, &chained[i].io);
  }
  start(&one, "ask", 3);
  check_result(rouse_tcp_send_start(&chained[0].io, one.ours, "!", 1, ROUSE_FOREVER),
               ROUSE_PENDING);
  check_result(rouse_file_close_start(&chained[1].io, one.ours), ROUSE_PENDING);
  check_result(rouse_chain_start(&chain), ROUSE_PENDING);
  test_loop_run_until(loop, &ended, 2);
  check_result((int)chained[1].result, ROUSE_DONE);
  one.ours = -1;
  check_arrived(&one, "ask!");
  answer(&one, "right");
  test_loop_run_until(loop, &done, 1);
  check_ended(&one, 5, 3);
  close_one(&one);
}

// --- registered files ----------------------------------------------------------------------------

static void registered_and_closed_it_goes_on_on_its_file(void **state) {
  (void)state;
  for (int looks = 0; looks <= 3; looks++) {
    connection one;
    connect_one(&one);
    test_io close_io;
    int closed = 0;
    test_io_init(&close_io, loop, &closed);
    check_result(rouse_loop_register_file(loop, one.ours), 1);
    start(&one, "ask", 3);
    for (int i = 0; i < looks; i++) look();
    check_result(rouse_file_close_start(&close_io.io, one.ours), ROUSE_PENDING);
    test_loop_run_until(loop, &closed, 1);
    one.ours = -1;
    check_arrived(&one, "ask");
    answer(&one, "right");
    test_loop_run_until(loop, &done, looks + 1);
    check_ended(&one, 5, 3);
    close_one(&one);
  }
}

int main(void) {
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, before_each, after_each)
  const struct CMUnitTest claims[] = {
      CLAIM(a_question_and_its_answer_are_one_completion),
      CLAIM(a_loop_that_goes_to_sleep_has_its_receives_on_the_ring),
      CLAIM(a_send_into_a_full_socket_is_made_again),
      CLAIM(a_part_that_was_sent_is_followed_by_the_rest),
      CLAIM(the_same_on_sockets_that_do_not_block),
      CLAIM(a_peer_that_is_gone_is_told),
      CLAIM(a_failure_after_all_was_sent_says_that_it_was),
      CLAIM(crowds_are_served_on_rings_of_any_size),
      CLAIM(a_kernel_that_takes_one_entry_at_a_time_loses_none),
      CLAIM(a_kernel_that_refuses_now_and_then_loses_none),
      CLAIM(what_was_left_over_is_linked_to_nothing),
      CLAIM(more_in_a_turn_than_are_kept_aside_are_all_made),
      CLAIM(a_kernel_without_memory_for_the_receive_ends_the_run),
      CLAIM(a_cancel_at_any_point_tells_what_was_sent),
      CLAIM(cancels_among_others_end_only_what_they_mean),
      CLAIM(a_close_waits_until_the_receive_is_on_its_file),
      CLAIM(a_close_in_a_chain_waits_too),
      CLAIM(registered_and_closed_it_goes_on_on_its_file),
  };
  return cmocka_run_group_tests(claims, NULL, NULL);
}
#endif
