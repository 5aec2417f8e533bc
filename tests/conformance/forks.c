// Forks with loops alive, on every backend (31).
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/conformance.h"

typedef struct family {
  rouse_loop *loop;
  rouse_semaphore semaphore;
  int fd;
} family;

static int64_t life_of_a_child(void *argument) {
  (void)argument;
  tcp_pair pair = tcp_pair_make();
  check_equal(rouse_tcp_send(pair.client, "x", 1, ROUSE_FOREVER), 1);
  char byte;
  check_equal(rouse_tcp_receive(pair.server, &byte, 1, ROUSE_FOREVER), 1);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  tcp_pair_close(&pair);
  int fd = rouse_file_open(ROUSE_FD_CWD, "/dev/null", O_WRONLY, 0);
  check(fd >= 0);
  check_equal(rouse_file_write(fd, "x", 1, ROUSE_OFFSET_CURRENT), 1);
  check_result(rouse_file_close(fd), ROUSE_DONE);
  return 31;
}

static void never_called(rouse_wait *wait, int result) {
  (void)wait;
  check_result(result, INT32_MIN);
}

static void live_as_a_child(void *argument) {
  family *self = argument;
  rouse_io io;
  check_result(rouse_loop_run_once(self->loop, 0), ROUSE_EFORKED);
  check_result(rouse_loop_run(self->loop), ROUSE_EFORKED);
  check_result(rouse_loop_destroy(self->loop), ROUSE_EFORKED);
  check_result(rouse_task_spawn(NULL, self->loop, life_of_a_child, NULL), ROUSE_EFORKED);
  memset(&io, 0, sizeof io);
  rouse_io_init(&io, self->loop, never_called);
  check_result(rouse_fd_poll_start(&io, self->fd, POLLIN, ROUSE_FOREVER), ROUSE_EFORKED);
  check_equal(test_run(1, life_of_a_child, NULL), 31);
}

static void live_as_a_child_with_two_loops(void *argument) {
  (void)argument;
  check_equal(test_run(2, life_of_a_child, NULL), 31);
}

static void wait_as_a_plain_thread(void *argument) {
  family *self = argument;
  check_result(
      rouse_semaphore_acquire_until(&self->semaphore, 1, rouse_deadline_in_ns(MILLISECOND)),
      ROUSE_ETIMEDOUT);
}

static void exit_at_once(void *argument) {
  (void)argument;
  exit(0);  // with the parent's loop alive, and all handlers run
}

static void child_is_refused_the_parent_s_loop_and_lives_its_own_life(void **state) {
  (void)state;
  family self = {.loop = test_loop_create(), .semaphore = ROUSE_SEMAPHORE_INIT(0)};
  int ends[2];
  check_system(pipe(ends));
  self.fd = ends[0];
  test_io io;
  test_io_init(&io, self.loop, NULL);
  check_result(rouse_fd_poll_start(&io.io, ends[0], POLLIN, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_settle(self.loop);
  test_expect_clean_child(live_as_a_child, &self);
  test_expect_clean_child(exit_at_once, &self);
  check_equal(io.completed, 0);
  check_equal(write(ends[1], "x", 1), 1);
  test_loop_run_until(self.loop, &io.completed, 1);
  check(io.result & POLLIN);
  test_loop_destroy(self.loop);
  close(ends[0]);
  close(ends[1]);
}

static void child_of_a_thread_with_a_loop_can_wait_and_run_loops(void **state) {
  (void)state;
  family self = {.loop = test_loop_create(), .semaphore = ROUSE_SEMAPHORE_INIT(0)};
  test_expect_clean_child(live_as_a_child_with_two_loops, &self);
  test_expect_clean_child(wait_as_a_plain_thread, &self);
  test_loop_destroy(self.loop);
}

static int64_t fork_in_a_task(void *argument) {
  (void)argument;
  rouse_fd file = rouse_file_open(ROUSE_FD_CWD, "/dev/null", O_WRONLY, 0);  // the pool has threads
  check(file >= 0);
  for (int i = 0; i < 3; i++) test_expect_clean_child(exit_at_once, NULL);
  check_equal(rouse_file_write(file, "x", 1, ROUSE_OFFSET_CURRENT), 1);
  return rouse_file_close(file);
}

static void task_can_fork_a_child_that_exits(void **state) {
  (void)state;
  test_run(2, fork_in_a_task, NULL);
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(child_is_refused_the_parent_s_loop_and_lives_its_own_life),
      cmocka_unit_test(task_can_fork_a_child_that_exits),
      cmocka_unit_test(child_of_a_thread_with_a_loop_can_wait_and_run_loops),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
