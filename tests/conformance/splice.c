// Splices on every backend: between pipes, files and sockets, with ends, deadlines and cancels.
#include "files.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../support/conformance.h"
#include "sockets.h"

static char directory[200];
static rouse_fd dir;

#define CLAIM(name) CONFORMANCE_CLAIM_IN(name, directory, dir)

#define HERE ROUSE_OFFSET_CURRENT

static void pipe_make(int ends[2]) { check_system(pipe2(ends, O_CLOEXEC)); }

static int64_t splice_forever(rouse_fd from, uint64_t from_offset, rouse_fd to, uint64_t to_offset,
                              size_t size) {
  return rouse_fd_splice(from, from_offset, to, to_offset, size, ROUSE_FOREVER);
}

CLAIM(bytes_go_from_a_file_through_a_pipe_to_a_file) {
  int ends[2];
  pipe_make(ends);
  rouse_fd in = file_make(dir, "in", "0123456789"), out = file_make(dir, "out", "..........");
  check_equal(splice_forever(in, 2, ends[1], HERE, 5), 5);
  check_equal(splice_forever(ends[0], HERE, out, 4, 100), 5);
  char buffer[16] = {0};
  check_equal(rouse_file_read(out, buffer, sizeof buffer, 0), 10);
  check_string(buffer, "....23456.");
  check_equal(splice_forever(in, 10, ends[1], HERE, 5), 0);  // the end of the file
  close(ends[0]);
  close(ends[1]);
  check_result(rouse_file_close(in), ROUSE_DONE);
  return rouse_file_close(out);
}

typedef struct moving {
  rouse_fd from, to;
} moving;

static int64_t move_one(void *argument) {
  moving *move = argument;
  return splice_forever(move->from, HERE, move->to, HERE, 100);
}

CLAIM(empty_pipe_is_waited_for_and_its_end_is_zero) {
  int first[2], second[2];
  pipe_make(first);
  pipe_make(second);
  moving move = {first[0], second[1]};
  rouse_task *task = test_spawn(NULL, move_one, &move);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(task));
  check_equal(write(first[1], "abc", 3), 3);
  check_equal(test_join(task), 3);
  char buffer[8];
  check_equal(read(second[0], buffer, sizeof buffer), 3);
  task = test_spawn(NULL, move_one, &move);
  rouse_task_yield();
  rouse_task_cancel(task);
  check_result(test_join(task), ROUSE_ECANCELED);
  check_result(rouse_fd_splice(first[0], HERE, second[1], HERE, 9, rouse_deadline_in_ns(1000)),
               ROUSE_ETIMEDOUT);
  close(first[1]);
  check_equal(move_one(&move), 0);
  close(first[0]);
  close(second[0]);
  close(second[1]);
  return 0;
}

CLAIM(full_pipe_is_waited_for) {
  int first[2], second[2];
  pipe_make(first);
  pipe_make(second);
  check_system(fcntl(second[1], F_SETPIPE_SZ, 4096));
  char page[4096] = {0};
  check_equal(write(second[1], page, sizeof page), sizeof page);
  check_equal(write(first[1], "abc", 3), 3);
  moving move = {first[0], second[1]};
  rouse_task *task = test_spawn(NULL, move_one, &move);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(task));
  check_equal(read(second[0], page, sizeof page), sizeof page);
  check_equal(test_join(task), 3);
  for (int i = 0; i < 2; i++) {
    close(first[i]);
    close(second[i]);
  }
  return 0;
}

CLAIM(sockets_take_part) {
  tcp_pair pair = tcp_pair_make();
  int ends[2];
  pipe_make(ends);
  moving move = {pair.server, ends[1]};
  const int flags = fcntl(pair.server, F_GETFL);
  rouse_task *task = test_spawn(NULL, move_one, &move);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(task));
  check_equal(rouse_tcp_send(pair.client, "hello", 5, ROUSE_FOREVER), 5);
  check_equal(test_join(task), 5);
  check_equal(splice_forever(ends[0], HERE, pair.server, HERE, 100), 5);
  check_equal(fcntl(pair.server, F_GETFL), flags);  // left as it was
  char buffer[8];
  check_equal(rouse_tcp_receive(pair.client, buffer, sizeof buffer, ROUSE_FOREVER), 5);
  check_result(rouse_tcp_shutdown(pair.client, SHUT_WR), ROUSE_DONE);
  check_equal(move_one(&move), 0);
  close(ends[0]);
  close(ends[1]);
  tcp_pair_close(&pair);
  return 0;
}

static int64_t splice_soon(rouse_fd from, rouse_fd to, size_t size) {
  return rouse_fd_splice(from, HERE, to, HERE, size, rouse_deadline_in_ns(10 * SECOND));
}

static void check_waits(moving *move) {
  rouse_task *task = test_spawn(NULL, move_one, move);
  check_result(rouse_task_sleep_ns(3 * MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(task));
  rouse_task_cancel(task);
  check_result(test_join(task), ROUSE_ECANCELED);
  check_result(rouse_fd_splice(move->from, HERE, move->to, HERE, 9, rouse_deadline_in_ns(1000)),
               ROUSE_ETIMEDOUT);
}

// The flag is the open file's. Whoever sets it does not get other answers from the library.
CLAIM(descriptors_that_do_not_wait_are_waited_for_all_the_same) {
  int first[2], second[2];
  check_system(pipe2(first, O_CLOEXEC | O_NONBLOCK));
  check_system(pipe2(second, O_CLOEXEC | O_NONBLOCK));
  check_system(fcntl(second[1], F_SETPIPE_SZ, 4096));
  tcp_pair pair = tcp_pair_make();
  check_system(fcntl(pair.server, F_SETFL, O_NONBLOCK));
  moving move = {first[0], second[1]}, receive = {pair.server, second[1]};
  check_waits(&move);
  check_waits(&receive);
  char page[4096] = {0};
  check_equal(write(second[1], page, sizeof page), sizeof page);
  check_equal(write(first[1], "abc", 3), 3);
  check_equal(rouse_tcp_send(pair.client, "defg", 4, ROUSE_FOREVER), 4);
  check_waits(&move);
  check_waits(&receive);
  // First nothing is there, then there is no room.
  check_equal(read(first[0], page, sizeof page), 3);
  rouse_task *task = test_spawn(NULL, move_one, &move);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check_equal(write(first[1], "abc", 3), 3);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(task));
  check_equal(read(second[0], page, sizeof page), sizeof page);
  check_equal(test_join(task), 3);
  check_equal(read(second[0], page, sizeof page), 3);
  check_equal(move_one(&receive), 4);
  for (int i = 0; i < 2; i++) {
    close(first[i]);
    close(second[i]);
  }
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(what_is_no_splice_is_refused) {
  rouse_fd in = file_make(dir, "in", "x"), out = file_make(dir, "out", "");
  check_result(splice_forever(in, 0, out, 0, 1), ROUSE_EINVAL);
  check_result(splice_forever(9999, 0, out, 0, 1), ROUSE_EBADF);
  check_result(splice_forever(in, 0, 9999, 0, 1), ROUSE_EBADF);
  int ends[2];
  pipe_make(ends);
  check_equal(write(ends[1], "x", 1), 1);
  check_result(splice_forever(ends[0], HERE, ends[1], HERE, 1), ROUSE_EINVAL);
  close(ends[0]);
  close(ends[1]);
  check_result(rouse_file_close(in), ROUSE_DONE);
  return rouse_file_close(out);
}

// What can be told at once is told at once, not only when there is something to move.
CLAIM(what_is_no_splice_is_refused_while_nothing_is_there) {
  int first[2], second[2];
  pipe_make(first);
  pipe_make(second);
  tcp_pair pair = tcp_pair_make();
  rouse_fd log = rouse_file_open(dir, "log", O_WRONLY | O_APPEND | O_CREAT, 0600);
  check(log >= 0);
  check_result(splice_soon(first[0], first[1], 4), ROUSE_EINVAL);
  check_result(splice_soon(pair.server, pair.client, 4), ROUSE_EINVAL);
  check_result(splice_soon(first[0], log, 4), ROUSE_EINVAL);
  check_result(splice_soon(first[0], -1, 4), ROUSE_EBADF);
  check_result(splice_soon(-1, first[1], 4), ROUSE_EBADF);
  check_result(splice_soon(first[0], second[0], 4), ROUSE_EBADF);
  check_result(splice_soon(second[1], first[1], 4), ROUSE_EBADF);
  check_equal(splice_soon(first[0], second[1], 0), 0);
  check_result(rouse_fd_splice(first[0], 1, second[1], HERE, 4, ROUSE_FOREVER), ROUSE_ESPIPE);
  for (int i = 0; i < 2; i++) {
    close(first[i]);
    close(second[i]);
  }
  tcp_pair_close(&pair);
  return rouse_file_close(log);
}

static void splice_to_nobody(rouse_fd from, rouse_fd from_writes, rouse_fd to) {
  check_equal(write(from_writes, "abc", 3), 3);
  check_result(splice_soon(from, to, 3), ROUSE_EPIPE);
  char buffer[4];
  check_equal(read(from, buffer, sizeof buffer), 3);  // still there
}

// The process, which has no handler, goes on.
CLAIM(nobody_who_reads_is_an_error_and_no_signal) {
  int ends[2], unread[2];
  pipe_make(ends);
  pipe_make(unread);
  close(unread[0]);
  tcp_pair pair = tcp_pair_make();
  check_result(rouse_tcp_shutdown(pair.server, SHUT_WR), ROUSE_DONE);
  splice_to_nobody(ends[0], ends[1], unread[1]);
  splice_to_nobody(ends[0], ends[1], pair.server);
  close(ends[0]);
  close(ends[1]);
  close(unread[1]);
  tcp_pair_close(&pair);
  return 0;
}

static bool broken_pipe_waits(void) {
  sigset_t waiting;
  check_system(sigpending(&waiting));
  return sigismember(&waiting, SIGPIPE);
}

static int64_t splice_with_the_signal_blocked(void *argument) {
  const sigset_t *broken = argument;
  int ends[2], unread[2];
  pipe_make(ends);
  pipe_make(unread);
  close(unread[0]);
  splice_to_nobody(ends[0], ends[1], unread[1]);
  check(!broken_pipe_waits());
  check_equal(pthread_kill(pthread_self(), SIGPIPE), 0);
  splice_to_nobody(ends[0], ends[1], unread[1]);
  check(broken_pipe_waits());
  check_equal(sigtimedwait(broken, NULL, &(struct timespec){0}), SIGPIPE);
  check(!broken_pipe_waits());
  close(ends[0]);
  close(ends[1]);
  close(unread[1]);
  return 0;
}

// Blocked outside of the task: where ucontext switches stacks, a task's mask is its own.
static void signal_that_waits_already_goes_on_waiting(void **state) {
  (void)state;
  sigset_t broken, before;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  check_equal(pthread_sigmask(SIG_BLOCK, &broken, &before), 0);
  test_run(1, splice_with_the_signal_blocked, &broken);
  check_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

static void splice_completes_by_callback(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  int first[2], second[2];
  pipe_make(first);
  pipe_make(second);
  test_io splicing;
  test_io_init(&splicing, loop, NULL);
  check_result(
      rouse_fd_splice_start(&splicing.io, first[0], HERE, second[1], HERE, 10, ROUSE_FOREVER),
      ROUSE_PENDING);
  test_loop_settle(loop);
  check_equal(splicing.completed, 0);
  check_equal(write(first[1], "abc", 3), 3);
  test_loop_run_until(loop, &splicing.completed, 1);
  check_equal(splicing.result, 3);
  for (int i = 0; i < 2; i++) {
    close(first[i]);
    close(second[i]);
  }
  test_loop_destroy(loop);
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_go_from_a_file_through_a_pipe_to_a_file),
      cmocka_unit_test(empty_pipe_is_waited_for_and_its_end_is_zero),
      cmocka_unit_test(full_pipe_is_waited_for),
      cmocka_unit_test(sockets_take_part),
      cmocka_unit_test(descriptors_that_do_not_wait_are_waited_for_all_the_same),
      cmocka_unit_test(what_is_no_splice_is_refused),
      cmocka_unit_test(what_is_no_splice_is_refused_while_nothing_is_there),
      cmocka_unit_test(nobody_who_reads_is_an_error_and_no_signal),
      cmocka_unit_test(signal_that_waits_already_goes_on_waiting),
      cmocka_unit_test(splice_completes_by_callback),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
