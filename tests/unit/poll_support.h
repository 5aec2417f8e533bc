// What the tests of the backends "epoll" and "poll" share: each test runs on both.
#ifndef ROUSE_TESTS_POLL_SUPPORT_H
#define ROUSE_TESTS_POLL_SUPPORT_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/support.h"

// A test is called with the backend's name as its state.
#ifdef ROUSE_HAVE_KQUEUE  // see tests/kqueue.cmake
#define ON_BOTH(test)                                                                              \
  { #test "@kqueue", test, NULL, NULL, "kqueue" }
#else
#define ON_BOTH(test)                                                                              \
  {#test "@epoll", test, NULL, NULL, "epoll"}, { #test "@poll", test, NULL, NULL, "poll" }
#endif

static inline const char *backend_of(void **state) { return *state; }

static inline rouse_loop *loop_on(const char *backend) {
  const rouse_loop_options options = {.backend = backend};
  rouse_loop *loop = NULL;
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  check_string(rouse_loop_backend(loop), backend);
  return loop;
}

static inline int64_t run_on(const char *backend, uint32_t loops, rouse_task_fn *function,
                             void *argument) {
  const rouse_run_options options = {.loops = loops, .loop = {.backend = backend}};
  return test_run_options(&options, function, argument);
}

// An operation that ends by callback.
typedef struct op {
  rouse_io io;
  int completed, order;
  int result;
  char bytes[8];
} op;

static int ops_completed;  // of all, since the last reset

static void op_ended(rouse_wait *wait, int result) {
  op *self = (op *)wait;
  self->completed++;
  self->order = ++ops_completed;
  self->result = result;
}

static inline void op_init(op *self) {
  *self = (op){.result = INT32_MIN};
  rouse_io_init(&self->io, NULL, op_ended);
}

static inline void op_await(rouse_loop *loop, op *self, int expected) {
  test_loop_run_until(loop, &self->completed, 1);
  check_equal(self->completed, 1);
  check_result(self->result, expected);
}

// Runs |loop| for a while; |self| must not end.
static inline void op_still_waits(rouse_loop *loop, const op *self) {
  int64_t until_ns = rouse_deadline_in_ns(10 * MILLISECOND);
  while (rouse_now_ns() < until_ns) {
    check(rouse_loop_run_once(loop, rouse_deadline_in_ns(2 * MILLISECOND)) >= 0);
  }
  check_equal(self->completed, 0);
}

static inline void receive_start(op *self, int fd, size_t size) {
  op_init(self);
  check_result(rouse_tcp_receive_start(&self->io, fd, self->bytes, size, ROUSE_FOREVER),
               ROUSE_PENDING);
}

static inline void make_pair(int ends[2]) {
  check_system(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
}

static inline void put(int fd, const char *text) {
  check_equal(check_system(write(fd, text, strlen(text))), strlen(text));
}

static inline int flags_of(int fd) { return (int)check_system(fcntl(fd, F_GETFL)); }

#endif
