// The backends "epoll" and "poll": order, cancels, descriptors that are closed and given out again,
// descriptors that block. What every backend has to do is the conformance suite's business.
#define _GNU_SOURCE
#include "poll_support.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/time.h>

// --- order ---------------------------------------------------------------------------------------

static void receives_of_one_descriptor_are_served_in_order(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int ends[2];
  op ops[4];
  make_pair(ends);
  ops_completed = 0;
  for (int i = 0; i < 4; i++) receive_start(&ops[i], ends[0], 1);
  put(ends[1], "ab");
  op_await(loop, &ops[1], 1);
  op_still_waits(loop, &ops[2]);
  put(ends[1], "cd");
  op_await(loop, &ops[3], 1);
  for (int i = 0; i < 4; i++) {
    check_result(ops[i].result, 1);
    check_equal(ops[i].bytes[0], 'a' + i);
    check_equal(ops[i].order, i + 1);
  }
  close(ends[0]);
  close(ends[1]);
  test_loop_destroy(loop);
}

static void newcomer_does_not_overtake_although_bytes_are_there(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int ends[2];
  op first, second;
  make_pair(ends);
  receive_start(&first, ends[0], 1);
  test_loop_settle(loop);
  put(ends[1], "xy");
  receive_start(&second, ends[0], 1);
  op_await(loop, &second, 1);
  check_result(first.result, 1);
  check_equal(first.bytes[0], 'x');
  check_equal(second.bytes[0], 'y');
  close(ends[0]);
  close(ends[1]);
  test_loop_destroy(loop);
}

static void cancel_in_the_middle_leaves_the_others_their_order(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int ends[2];
  op ops[5];
  make_pair(ends);
  for (int i = 0; i < 5; i++) receive_start(&ops[i], ends[0], 1);
  test_loop_settle(loop);
  const int leave[] = {2, 0, 4};
  for (int i = 0; i < 3; i++) {
    rouse_wait_cancel(&ops[leave[i]].io.wait);
    check_equal(ops[leave[i]].completed, 0);  // not inside the call
    op_await(loop, &ops[leave[i]], ROUSE_ECANCELED);
  }
  put(ends[1], "ab");
  op_await(loop, &ops[3], 1);
  check_result(ops[1].result, 1);
  check_equal(ops[1].bytes[0], 'a');
  check_equal(ops[3].bytes[0], 'b');
  close(ends[0]);
  close(ends[1]);
  test_loop_destroy(loop);
}

static void cancel_after_the_result_reports_the_result(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int ends[2];
  op self;
  make_pair(ends);
  put(ends[1], "z");
  receive_start(&self, ends[0], 1);  // there is a byte: it has it already
  check_equal(self.completed, 0);
  rouse_wait_cancel(&self.io.wait);
  op_await(loop, &self, 1);
  check_equal(self.bytes[0], 'z');
  close(ends[0]);
  close(ends[1]);
  test_loop_destroy(loop);
}

static void reader_writer_and_pollers_share_a_descriptor(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int ends[2];
  op reader, writer, in, out, hangup;
  static char block[1 << 16];
  make_pair(ends);
  while (send(ends[0], block, sizeof block, MSG_DONTWAIT) > 0) continue;
  receive_start(&reader, ends[0], 1);
  op_init(&writer), op_init(&in), op_init(&out), op_init(&hangup);
  check_result(rouse_tcp_send_start(&writer.io, ends[0], "w", 1, ROUSE_FOREVER), ROUSE_PENDING);
  check_result(rouse_fd_poll_start(&in.io, ends[0], POLLIN, ROUSE_FOREVER), ROUSE_PENDING);
  check_result(rouse_fd_poll_start(&out.io, ends[0], POLLOUT, ROUSE_FOREVER), ROUSE_PENDING);
  check_result(rouse_fd_poll_start(&hangup.io, ends[0], POLLRDHUP, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_settle(loop);
  put(ends[1], "r");
  op_await(loop, &reader, 1);
  op_await(loop, &in, POLLIN);
  check_equal(writer.completed, 0);
  op_still_waits(loop, &out);
  while (recv(ends[1], block, sizeof block, MSG_DONTWAIT) > 0) continue;
  op_await(loop, &writer, 1);
  op_await(loop, &out, POLLOUT);
  op_still_waits(loop, &hangup);
  check_system(shutdown(ends[1], SHUT_WR));
  op_await(loop, &hangup, POLLRDHUP);
  close(ends[0]);
  close(ends[1]);
  test_loop_destroy(loop);
}

static void pollers_of_one_descriptor_each_get_what_they_asked_for(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int ends[2];
  op hangup, in;
  make_pair(ends);
  op_init(&hangup), op_init(&in);
  check_result(rouse_fd_poll_start(&hangup.io, ends[0], POLLRDHUP, ROUSE_FOREVER), ROUSE_PENDING);
  check_result(rouse_fd_poll_start(&in.io, ends[0], POLLIN, ROUSE_FOREVER), ROUSE_PENDING);
  op_still_waits(loop, &in);
  put(ends[1], "r");
  op_await(loop, &in, POLLIN);
  op_still_waits(loop, &hangup);
  close(ends[1]);
  test_loop_run_until(loop, &hangup.completed, 1);
  check_equal(hangup.result & ~POLLHUP, POLLRDHUP);
  close(ends[0]);
  test_loop_destroy(loop);
}

// Many descriptors that come, go and are cancelled in any order: each byte finds its reader.
static void each_of_many_waiters_gets_its_own_event(void **state) {
  enum { PAIRS = 300 };
  rouse_loop *loop = loop_on(backend_of(state));
  static int ends[PAIRS][2];
  static op ops[PAIRS];
  random_source random = random_from(11);
  for (int i = 0; i < PAIRS; i++) make_pair(ends[i]);
  for (int i = 0; i < PAIRS; i++) receive_start(&ops[i], ends[i][0], 1);
  for (int round = 0; round < test_scaled(20); round++) {
    for (int i = 0; i < PAIRS; i++) {
      uint32_t which = random_below(&random, PAIRS);
      if (ops[which].completed) continue;
      if (random_one_in(&random, 2)) {
        put(ends[which][1], (char[]){(char)(which % 100 + 1), 0});
        op_await(loop, &ops[which], 1);
        check_equal(ops[which].bytes[0], which % 100 + 1);
      } else {
        rouse_wait_cancel(&ops[which].io.wait);
        op_await(loop, &ops[which], ROUSE_ECANCELED);
      }
    }
    for (int i = 0; i < PAIRS; i++) {
      if (ops[i].completed) receive_start(&ops[i], ends[i][0], 1);
    }
  }
  for (int i = 0; i < PAIRS; i++) rouse_wait_cancel(&ops[i].io.wait);
  for (int i = 0; i < PAIRS; i++) op_await(loop, &ops[i], ROUSE_ECANCELED);
  for (int i = 0; i < PAIRS; i++) close(ends[i][0]), close(ends[i][1]);
  test_loop_destroy(loop);
}

// --- descriptors that are closed -----------------------------------------------------------------

static void close_ends_what_waits_for_the_descriptor(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int ends[2];
  op reader[2], writer, poller, closer;
  static char block[1 << 16];
  make_pair(ends);
  while (send(ends[0], block, sizeof block, MSG_DONTWAIT) > 0) continue;
  receive_start(&reader[0], ends[0], 1);
  receive_start(&reader[1], ends[0], 1);
  op_init(&writer), op_init(&poller), op_init(&closer);
  check_result(rouse_tcp_send_start(&writer.io, ends[0], "w", 1, ROUSE_FOREVER), ROUSE_PENDING);
  check_result(rouse_fd_poll_start(&poller.io, ends[0], POLLIN, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_settle(loop);
  check_result(rouse_file_close_start(&closer.io, ends[0]), ROUSE_PENDING);
  op_await(loop, &closer, ROUSE_DONE);
  op_await(loop, &reader[0], ROUSE_EBADF);
  op_await(loop, &reader[1], ROUSE_EBADF);
  op_await(loop, &writer, ROUSE_EBADF);
  op_await(loop, &poller, ROUSE_EBADF);
  check_equal(fcntl(ends[0], F_GETFL), -1);
  close(ends[1]);
  test_loop_destroy(loop);
}

// A socket that lingers is closed on the pool, whose thread may take its time.
static void close_that_may_block_ends_what_waits_too(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int ends[2];
  op reader, closer;
  make_pair(ends);
  const struct linger linger = {.l_onoff = 1, .l_linger = 1};
  check_system(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
  receive_start(&reader, ends[0], 1);
  op_init(&closer);
  check_result(rouse_file_close_start(&closer.io, ends[0]), ROUSE_PENDING);
  op_await(loop, &reader, ROUSE_EBADF);
  op_await(loop, &closer, ROUSE_DONE);
  check_equal(fcntl(ends[0], F_GETFL), -1);
  rouse_loop_stats stats;
  rouse_loop_stats_read(loop, &stats);
  check_equal(stats.blocking_calls, 1);
  close(ends[1]);
  test_loop_destroy(loop);
}

// Puts another socket under the number of |fd|. Returns the new one's other end.
static int replace(int fd) {
  int ends[2];
  make_pair(ends);
  check_equal(check_system(dup2(ends[0], fd)), fd);
  close(ends[0]);
  return ends[1];
}

static void number_that_was_given_out_again_is_waited_for_anew(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int ends[2];
  op self;
  make_pair(ends);
  for (int round = 0; round < 5; round++) {
    // A wait that has ended, by an event or by a cancel, leaves nothing behind for the number.
    receive_start(&self, ends[0], 1);
    test_loop_settle(loop);
    if (round % 2) {
      rouse_wait_cancel(&self.io.wait);
      op_await(loop, &self, ROUSE_ECANCELED);
    } else {
      put(ends[1], "a");
      op_await(loop, &self, 1);
    }
    close(ends[1]);
    ends[1] = replace(ends[0]);
    receive_start(&self, ends[0], 1);
    op_still_waits(loop, &self);
    put(ends[1], "b");
    op_await(loop, &self, 1);
    check_equal(self.bytes[0], 'b');
  }
  close(ends[0]);
  close(ends[1]);
  test_loop_destroy(loop);
}

static void waiter_of_a_replaced_file_takes_nothing_of_the_new_one(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int ends[2];
  op old[2], fresh;
  make_pair(ends);
  receive_start(&old[0], ends[0], 1);
  receive_start(&old[1], ends[0], 1);
  test_loop_settle(loop);
  close(ends[1]);
  ends[1] = replace(ends[0]);
  receive_start(&fresh, ends[0], 1);
  put(ends[1], "n");
  op_await(loop, &fresh, 1);
  check_equal(fresh.bytes[0], 'n');
  op_await(loop, &old[0], ROUSE_EBADF);
  op_await(loop, &old[1], ROUSE_EBADF);
  close(ends[0]);
  close(ends[1]);
  test_loop_destroy(loop);
}

static void readiness_of_the_new_file_does_not_end_a_wait_for_the_old_one(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int ends[2];
  op old;
  char byte = 0;
  make_pair(ends);
  receive_start(&old, ends[0], 1);
  test_loop_settle(loop);
  close(ends[1]);
  ends[1] = replace(ends[0]);
  put(ends[1], "n");
  if (!strcmp(backend_of(state), "poll")) {
    op_await(loop, &old, ROUSE_EBADF);
  } else {
    op_still_waits(loop, &old);
    rouse_wait_cancel(&old.io.wait);
    op_await(loop, &old, ROUSE_ECANCELED);
  }
  check_equal(read(ends[0], &byte, 1), 1);  // the byte is still there
  check_equal(byte, 'n');
  close(ends[0]);
  close(ends[1]);
  test_loop_destroy(loop);
}

// A number can stand for a file, then for one that nobody can wait for, and for the first one
// again.
static void file_that_is_back_under_its_number_is_waited_for(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int ends[2];
  op self;
  make_pair(ends);
  receive_start(&self, ends[0], 1);
  test_loop_settle(loop);
  rouse_wait_cancel(&self.io.wait);
  op_await(loop, &self, ROUSE_ECANCELED);
  int duplicate = (int)check_system(dup(ends[0]));
  int file = (int)check_system(open("/bin/sh", O_RDONLY | O_CLOEXEC));
  check_system(dup2(file, ends[0]));
  op_init(&self);
  check_result(rouse_fd_poll_start(&self.io, ends[0], POLLPRI, rouse_deadline_in_ns(MILLISECOND)),
               ROUSE_PENDING);
  test_loop_run_until(loop, &self.completed, 1);
  check_result(self.result, !strcmp(backend_of(state), "poll") ? ROUSE_ETIMEDOUT : ROUSE_EPERM);
  check_system(dup2(duplicate, ends[0]));
  receive_start(&self, ends[0], 1);
  op_still_waits(loop, &self);
  put(ends[1], "b");
  op_await(loop, &self, 1);
  close(file), close(duplicate), close(ends[0]), close(ends[1]);
  test_loop_destroy(loop);
}

static void waiter_of_a_closed_file_can_be_cancelled(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int ends[2];
  op self;
  make_pair(ends);
  receive_start(&self, ends[0], 1);
  test_loop_settle(loop);
  close(ends[0]);
  close(ends[1]);
  if (!strcmp(backend_of(state), "poll")) {
    op_await(loop, &self, ROUSE_EBADF);  // poll(2) tells
  } else {
    op_still_waits(loop, &self);
    rouse_wait_cancel(&self.io.wait);
    op_await(loop, &self, ROUSE_ECANCELED);
  }
  test_loop_destroy(loop);
}

// A duplicate keeps the file open, so that the registration outlives the number.
static void registration_that_outlives_its_number_does_not_keep_the_loop_awake(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int ends[2];
  op self, fresh, poller;
  make_pair(ends);
  int duplicate = (int)check_system(dup(ends[0]));
  receive_start(&self, ends[0], 1);
  test_loop_settle(loop);
  rouse_wait_cancel(&self.io.wait);
  op_await(loop, &self, ROUSE_ECANCELED);
  int peer = replace(ends[0]);
  receive_start(&fresh, ends[0], 1);
  op_init(&poller);
  check_result(rouse_fd_poll_start(&poller.io, ends[0], POLLIN, ROUSE_FOREVER), ROUSE_PENDING);
  put(ends[1], "o");  // the old file is readable, and stays so
  op_still_waits(loop, &fresh);
  rouse_loop_stats before, after;
  rouse_loop_stats_read(loop, &before);
  int64_t until_ns = rouse_deadline_in_ns(50 * MILLISECOND);
  while (rouse_now_ns() < until_ns) check(rouse_loop_run_once(loop, until_ns) >= 0);
  rouse_loop_stats_read(loop, &after);
  check(after.sleeps - before.sleeps <= 3);
  check_equal(poller.completed, 0);
  put(peer, "f");
  op_await(loop, &fresh, 1);
  op_await(loop, &poller, POLLIN);
  check_equal(fresh.bytes[0], 'f');
  close(duplicate), close(ends[0]), close(ends[1]), close(peer);
  test_loop_destroy(loop);
}

// --- connections ---------------------------------------------------------------------------------

typedef union address {
  struct sockaddr any;
  struct sockaddr_in in;
} address;

// A listener without O_NONBLOCK, as a program may bring one along.
static int listen_blocking(address *where, int backlog) {
  int fd = (int)check_system(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  *where = (address){.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
  check_system(bind(fd, &where->any, sizeof where->in));
  check_system(listen(fd, backlog));
  socklen_t size = sizeof *where;
  check_system(getsockname(fd, &where->any, &size));
  return fd;
}

static int connect_blocking(const address *where) {
  int fd = (int)check_system(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  check_system(connect(fd, &where->any, sizeof where->in));
  return fd;
}

static void accepts_of_a_blocking_listener_are_served_in_order(void **state) {
  enum { MANY = 10 };
  rouse_loop *loop = loop_on(backend_of(state));
  address where;
  op ops[MANY];
  int clients[MANY], listener = listen_blocking(&where, 128);
  for (int i = 0; i < MANY; i++) {
    op_init(&ops[i]);
    check_result(rouse_tcp_accept_start(&ops[i].io, listener, ROUSE_FOREVER), ROUSE_PENDING);
  }
  op_still_waits(loop, &ops[0]);  // and does not block the loop
  for (int i = 0; i < MANY; i++) {
    clients[i] = connect_blocking(&where);
    test_loop_run_until(loop, &ops[i].completed, 1);
    int accepted = ops[i].result;
    check(accepted >= 0);
    check(!(flags_of(accepted) & O_NONBLOCK));
    check(check_system(fcntl(accepted, F_GETFD)) & FD_CLOEXEC);
    for (int k = i + 1; k < MANY; k++) check_equal(ops[k].completed, 0);
    // It is this connection, and no other.
    char byte = 0;
    put(clients[i], "q");
    check_equal(read(accepted, &byte, 1), 1);
    close(accepted);
    close(clients[i]);
  }
  close(listener);
  test_loop_destroy(loop);
}

static void connect_leaves_the_flags_of_its_socket(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  address where;
  int listener = listen_blocking(&where, 16);
  for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
    op self;
    int type = SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0);
    int fd = (int)check_system(socket(AF_INET, type, 0)), flags = flags_of(fd);
    op_init(&self);
    check_result(rouse_tcp_connect_start(&self.io, fd, &where.any, sizeof where.in, ROUSE_FOREVER),
                 ROUSE_PENDING);
    check_equal(flags_of(fd), flags);
    op_await(loop, &self, ROUSE_DONE);
    check_equal(flags_of(fd), flags);
    close(fd);
  }
  close(listener);
  test_loop_destroy(loop);
}

// Fills the queue of |listener|, so that the next connections are under way until somebody accepts:
// their first packet is dropped, and sent again after a second.
enum { FILLERS = 3 };
static void fill_queue(const address *where, int fillers[FILLERS]) {
  for (int i = 0; i < FILLERS; i++) {
    fillers[i] = (int)check_system(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    connect(fillers[i], &where->any, sizeof where->in);
  }
}

static void connect_start(op *self, const address *where, int64_t deadline_ns) {
  int fd = (int)check_system(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  op_init(self);
  check_result(rouse_tcp_connect_start(&self->io, fd, &where->any, sizeof where->in, deadline_ns),
               ROUSE_PENDING);
}

static void connect_under_way_ends_by_cancel_deadline_or_connection(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  address where;
  int listener = listen_blocking(&where, 0), fillers[FILLERS];
  fill_queue(&where, fillers);
  op ops[3];
  for (int i = 0; i < 3; i++) {
    connect_start(&ops[i], &where, i == 1 ? rouse_deadline_in_ns(20 * MILLISECOND) : ROUSE_FOREVER);
  }
  op_await(loop, &ops[1], ROUSE_ETIMEDOUT);
  check_equal(ops[0].completed, 0);
  rouse_wait_cancel(&ops[0].io.wait);
  op_await(loop, &ops[0], ROUSE_ECANCELED);
  check_equal(ops[2].completed, 0);
  for (int i = 0; i < FILLERS; i++) close(fillers[i]);
  check_system(fcntl(listener, F_SETFL, O_NONBLOCK));
  while (!ops[2].completed) {
    int accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (accepted >= 0) close(accepted);
    check(rouse_loop_run_once(loop, rouse_deadline_in_ns(20 * MILLISECOND)) >= 0);
  }
  check_result(ops[2].result, ROUSE_DONE);
  for (int i = 0; i < 3; i++) close(ops[i].io.fd);
  close(listener);
  test_loop_destroy(loop);
}

static void failed_connect_gets_its_error_though_others_wait_too(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  address where;
  int listener = listen_blocking(&where, 0), fillers[FILLERS];
  fill_queue(&where, fillers);
  op self, reader, poller;
  connect_start(&self, &where, ROUSE_FOREVER);
  receive_start(&reader, self.io.fd, 1);
  op_init(&poller);
  check_result(rouse_fd_poll_start(&poller.io, self.io.fd, POLLIN, ROUSE_FOREVER), ROUSE_PENDING);
  op_still_waits(loop, &reader);
  check_equal(self.completed + poller.completed, 0);
  close(listener);  // now nobody listens there any more
  op_await(loop, &self, ROUSE_ECONNREFUSED);
  test_loop_run_until(loop, &reader.completed, 1);
  check(reader.result <= 0);
  test_loop_run_until(loop, &poller.completed, 1);
  check(poller.result & (POLLIN | POLLERR | POLLHUP));
  for (int i = 0; i < FILLERS; i++) close(fillers[i]);
  close(self.io.fd);
  test_loop_destroy(loop);
}

static void refused_connect_says_so(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  address where;
  close(listen_blocking(&where, 16));
  op self;
  connect_start(&self, &where, ROUSE_FOREVER);
  op_await(loop, &self, ROUSE_ECONNREFUSED);
  close(self.io.fd);
  test_loop_destroy(loop);
}

static void accept_past_the_limit_of_descriptors_says_so_and_loses_no_connection(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  address where;
  int listener = listen_blocking(&where, 16), client = connect_blocking(&where);
  struct rlimit limit, low;
  check_system(getrlimit(RLIMIT_NOFILE, &limit));
  int next = (int)check_system(dup(client));
  close(next);
  low = (struct rlimit){(rlim_t)next, limit.rlim_max};
  check_system(setrlimit(RLIMIT_NOFILE, &low));
  op self;
  op_init(&self);
  check_result(rouse_tcp_accept_start(&self.io, listener, ROUSE_FOREVER), ROUSE_PENDING);
  op_await(loop, &self, ROUSE_EMFILE);
  check_system(setrlimit(RLIMIT_NOFILE, &limit));
  op_init(&self);
  check_result(rouse_tcp_accept_start(&self.io, listener, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_run_until(loop, &self.completed, 1);
  check(self.result >= 0);
  close(self.result), close(client), close(listener);
  test_loop_destroy(loop);
}

// --- many ----------------------------------------------------------------------------------------

typedef struct crowd {
  address where;
  int listener, connections, rounds, bytes;
  uint32_t accepted, echoed;
} crowd;

static int64_t serve(void *argument) {
  int fd = (int)(intptr_t)argument;
  char buffer[512];
  int64_t got;
  while ((got = rouse_tcp_receive(fd, buffer, sizeof buffer, ROUSE_FOREVER)) > 0) {
    check_result(rouse_tcp_send_all(fd, buffer, (size_t)got, ROUSE_FOREVER), (int)got);
  }
  // The last caller may be gone, and the run at its end, before this has heard of it.
  if (got != ROUSE_ECANCELED) check_result(got, 0);
  check_result(rouse_file_close(fd), ROUSE_DONE);
  return 0;
}

static int64_t accept_all(void *argument) {
  crowd *self = argument;
  for (;;) {
    int fd = rouse_tcp_accept(self->listener, ROUSE_FOREVER);
    if (fd == ROUSE_ECANCELED) return 0;
    check(fd >= 0);
    __atomic_add_fetch(&self->accepted, 1, __ATOMIC_RELAXED);
    check_result(rouse_task_spawn(NULL, NULL, serve, (void *)(intptr_t)fd), ROUSE_DONE);
  }
}

static int64_t call_and_compare(void *argument) {
  crowd *self = argument;
  int fd = rouse_tcp_connect(&self->where.any, sizeof self->where.in, ROUSE_FOREVER);
  check(fd >= 0);
  char out[300], in[300];
  for (int i = 0; i < self->rounds; i++) {
    memset(out, i + fd, sizeof out);
    check_result(rouse_tcp_send_all(fd, out, (size_t)self->bytes, ROUSE_FOREVER), self->bytes);
    for (int got = 0; got < self->bytes;) {
      int64_t part = rouse_tcp_receive(fd, in + got, (size_t)(self->bytes - got), ROUSE_FOREVER);
      check(part > 0);
      got += (int)part;
    }
    check(!memcmp(in, out, (size_t)self->bytes));
    __atomic_add_fetch(&self->echoed, 1, __ATOMIC_RELAXED);
  }
  check_result(rouse_file_close(fd), ROUSE_DONE);
  watchdog_progress();
  return 0;
}

static int64_t echo_crowd(void *argument) {
  crowd *self = argument;
  self->listener = listen_blocking(&self->where, 4096);
  const uint32_t loops = rouse_run_loop_count();
  rouse_task *acceptors[2], **callers = calloc((size_t)self->connections, sizeof *callers);
  check(callers);
  for (uint32_t i = 0; i < loops; i++) {
    acceptors[i] = test_spawn(rouse_run_loop(i), accept_all, self);
  }
  for (int i = 0; i < self->connections; i++) {
    callers[i] = test_spawn(rouse_run_loop((uint32_t)i % loops), call_and_compare, self);
  }
  for (int i = 0; i < self->connections; i++) test_join(callers[i]);
  for (uint32_t i = 0; i < loops; i++) {
    rouse_task_cancel(acceptors[i]);
    test_join(acceptors[i]);
  }
  check_equal(self->accepted, self->connections);
  check_equal(self->echoed, self->connections * self->rounds);
  free(callers);
  close(self->listener);
  return 0;
}

static void two_thousand_connections_echo_on_one_loop(void **state) {
  struct rlimit limit;
  check_system(getrlimit(RLIMIT_NOFILE, &limit));
  limit.rlim_cur = limit.rlim_max;
  check_system(setrlimit(RLIMIT_NOFILE, &limit));
  crowd self = {.connections = test_scaled(2000), .rounds = 3, .bytes = 100};
  if (limit.rlim_cur < 4200) self.connections = (int)(limit.rlim_cur - 100) / 2;
  watchdog_start();
  run_on(backend_of(state), 1, echo_crowd, &self);
  watchdog_stop();
}

static void two_loops_accept_from_one_listener(void **state) {
  crowd self = {.connections = test_scaled(200), .rounds = 5, .bytes = 300};
  watchdog_start();
  run_on(backend_of(state), 2, echo_crowd, &self);
  watchdog_stop();
}

static void count_signal(int signal) { (void)signal; }

static int64_t sleep_a_little(void *argument) {
  (void)argument;
  for (int i = 0; i < 20; i++) {
    int64_t deadline_ns = rouse_deadline_in_ns(2 * MILLISECOND);
    check_result(rouse_task_sleep_until(deadline_ns), ROUSE_DONE);
    check(rouse_now_ns() >= deadline_ns);
  }
  return 0;
}

static void storm_of_signals_interrupts_nothing(void **state) {
  const struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
  struct sigaction action = {.sa_handler = count_signal}, before;  // without SA_RESTART
  check_system(sigaction(SIGALRM, &action, &before));
  check_system(setitimer(ITIMER_REAL, &often, NULL));
  crowd self = {.connections = 20, .rounds = test_scaled(200), .bytes = 300};
  watchdog_start();
  run_on(backend_of(state), 1, echo_crowd, &self);
  run_on(backend_of(state), 1, sleep_a_little, NULL);
  watchdog_stop();
  check_system(setitimer(ITIMER_REAL, &never, NULL));
  check_system(sigaction(SIGALRM, &before, NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_BOTH(receives_of_one_descriptor_are_served_in_order),
      ON_BOTH(newcomer_does_not_overtake_although_bytes_are_there),
      ON_BOTH(cancel_in_the_middle_leaves_the_others_their_order),
      ON_BOTH(cancel_after_the_result_reports_the_result),
      ON_BOTH(reader_writer_and_pollers_share_a_descriptor),
      ON_BOTH(pollers_of_one_descriptor_each_get_what_they_asked_for),
      ON_BOTH(each_of_many_waiters_gets_its_own_event),
      ON_BOTH(close_ends_what_waits_for_the_descriptor),
      ON_BOTH(close_that_may_block_ends_what_waits_too),
      ON_BOTH(number_that_was_given_out_again_is_waited_for_anew),
      ON_BOTH(waiter_of_a_replaced_file_takes_nothing_of_the_new_one),
      ON_BOTH(readiness_of_the_new_file_does_not_end_a_wait_for_the_old_one),
      ON_BOTH(file_that_is_back_under_its_number_is_waited_for),
      ON_BOTH(waiter_of_a_closed_file_can_be_cancelled),
      ON_BOTH(registration_that_outlives_its_number_does_not_keep_the_loop_awake),
      ON_BOTH(accepts_of_a_blocking_listener_are_served_in_order),
      ON_BOTH(connect_leaves_the_flags_of_its_socket),
      ON_BOTH(connect_under_way_ends_by_cancel_deadline_or_connection),
      ON_BOTH(refused_connect_says_so),
      ON_BOTH(failed_connect_gets_its_error_though_others_wait_too),
      ON_BOTH(accept_past_the_limit_of_descriptors_says_so_and_loses_no_connection),
      ON_BOTH(two_thousand_connections_echo_on_one_loop),
      ON_BOTH(two_loops_accept_from_one_listener),
      ON_BOTH(storm_of_signals_interrupts_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
