// Operations on descriptors: what does not depend on the backend. The operations themselves are in
// tests/conformance.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../support/support.h"

static const size_t CUT = (size_t)1 << 30;

// --- sizes ---------------------------------------------------------------------------------------

// Where a write can't be asked not to wait (no pwritev2(): under qemu's user mode), what is no file
// is given pieces that a pipe would take whole.
static bool is_cut(int64_t result, size_t size) {
  if (result == PIPE_BUF) return syscall(SYS_pwritev2, -1, NULL, 0, 0, 0, 0) < 0 && errno == ENOSYS;
  return result == (int64_t)size;
}

static int64_t transfer_too_much(void *argument) {
  // Nothing of it is touched: the device takes and gives without looking.
  const size_t size = CUT * 2 + 5;
  rouse_fd sink = rouse_file_open(ROUSE_FD_CWD, "/dev/null", O_RDWR, 0);
  check(sink >= 0);
  check(is_cut(rouse_file_write(sink, argument, size, ROUSE_OFFSET_CURRENT), CUT));
  check(is_cut(rouse_file_write(sink, argument, CUT - 1, ROUSE_OFFSET_CURRENT), CUT - 1));
  check_equal(rouse_file_read(sink, argument, size, ROUSE_OFFSET_CURRENT), 0);
  return rouse_file_close(sink);
}

static void transfer_above_the_limit_is_cut(void **state) {
  (void)state;
  const size_t size = CUT * 2 + 4096;
  void *room =
      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(room != MAP_FAILED);
  test_run(1, transfer_too_much, room);
  check_system(munmap(room, size));
}

static void result_of_a_callback_is_that_of_the_plain_form(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  test_io io;
  test_io_init(&io, loop, NULL);
  check_result(rouse_file_open_start(&io.io, ROUSE_FD_CWD, "/dev/null", O_WRONLY, 0, ROUSE_FOREVER),
               ROUSE_PENDING);
  test_loop_run_until(loop, &io.completed, 1);
  rouse_fd sink = (rouse_fd)io.result;
  check(sink >= 0);
  check_equal(io.reported, sink);
  check_result(rouse_file_write_start(&io.io, sink, "abc", 3, ROUSE_OFFSET_CURRENT, ROUSE_FOREVER),
               ROUSE_PENDING);
  test_loop_run_until(loop, &io.completed, 2);
  check_equal(io.result, 3);
  check_equal(io.reported, 3);
  close(sink);
  test_loop_destroy(loop);
}

// --- deadlines of operations that do not wait ----------------------------------------------------

static void deadline_of_a_file_operation_ends_it_or_comes_too_late(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  test_io io;
  char byte;
  int fd = (int)check_system(open("/dev/zero", O_RDONLY | O_CLOEXEC));
  test_io_init(&io, loop, NULL);
  for (int i = 1; i <= 50; i++) {
    int64_t deadline_ns = rouse_deadline_in_ns(i % 2 ? -1 : 1000);
    check_result(rouse_file_read_start(&io.io, fd, &byte, 1, 0, deadline_ns), ROUSE_PENDING);
    test_loop_run_until(loop, &io.completed, i);
    if (io.result != 1) {
      check_result(io.result, ROUSE_ETIMEDOUT);
      check_result(io.reported, ROUSE_ETIMEDOUT);
    }
  }
  close(fd);
  test_loop_destroy(loop);
}

static int64_t poll_past_deadline(void *argument) {
  int *ends = argument;
  check_result(rouse_fd_poll(ends[0], POLLIN, 0), ROUSE_ETIMEDOUT);
  check_result(rouse_fd_poll(ends[0], POLLIN, INT64_MIN), ROUSE_ETIMEDOUT);
  return 0;
}

static void past_deadline_of_a_wait_for_a_descriptor_ends_it(void **state) {
  (void)state;
  int ends[2];
  check_system(pipe(ends));
  test_run(1, poll_past_deadline, ends);
  close(ends[0]);
  close(ends[1]);
}

// --- who may not wait ----------------------------------------------------------------------------

typedef int64_t operation(void);
static int64_t op_open(void) { return rouse_file_open(ROUSE_FD_CWD, "/dev/null", O_RDONLY, 0); }
static int64_t op_close(void) { return rouse_file_close(0); }
static int64_t op_read(void) {
  char byte;
  return rouse_file_read(0, &byte, 1, 0);
}
static int64_t op_sync(void) { return rouse_file_sync(0, false); }
static int64_t op_poll(void) { return rouse_fd_poll(0, POLLIN, ROUSE_FOREVER); }
static int64_t op_accept(void) { return rouse_tcp_accept(0, ROUSE_FOREVER); }
static int64_t op_send(void) { return rouse_tcp_send(0, "x", 1, ROUSE_FOREVER); }
enum { OPERATIONS = 7 };
static operation *const operations[OPERATIONS] = {op_open, op_close,  op_read, op_sync,
                                                  op_poll, op_accept, op_send};

static operation *chosen;
static void operate_in_callback(rouse_wait *wait, int result) {
  (void)result;
  ((test_wait *)wait)->result = (int)chosen();
  ((test_wait *)wait)->completed = 1;
}
static void operate_inside_a_callback(void *argument) {
  (void)argument;
  rouse_loop *loop = test_loop_create();
  test_wait post = {.completed = 0};
  rouse_loop_post(loop, &post.wait, operate_in_callback);
  test_loop_run_until(loop, &post.completed, 1);
  check_result(post.result, ROUSE_EDEADLK);
  test_loop_destroy(loop);
}

static void callback_cannot_operate_by_plain_forms(void **state) {
  (void)state;
  for (int i = 0; i < OPERATIONS; i++) {
    chosen = operations[i];
    test_expect_death(operate_inside_a_callback, NULL, "was called from a callback of a loop");
#ifdef NDEBUG
    operate_inside_a_callback(NULL);
#endif
  }
}

static void thread_without_a_loop_cannot_operate(void **state) {
  (void)state;
  for (int i = 0; i < OPERATIONS; i++) check_result(operations[i](), ROUSE_ENOLOOP);
}

static int64_t operate_when_cancelled(void *argument) {
  (void)argument;
  rouse_task_cancel(rouse_task_here());
  for (int i = 0; i < OPERATIONS; i++) {
    if (operations[i] == op_close) continue;  // which is never refused: descriptors must not leak
    check_result(operations[i](), ROUSE_ECANCELED);
  }
  return 0;
}

static void cancelled_task_cannot_operate(void **state) {
  (void)state;
  test_run(1, operate_when_cancelled, NULL);
}

// --- callers' errors -----------------------------------------------------------------------------

static void init_without_a_loop(void *argument) { rouse_io_init(argument, NULL, NULL); }
static void start_without_init(void *argument) {
  (void)argument;
  rouse_loop *loop = test_loop_create();
  rouse_io io;
  rouse_io_init(&io, loop, (rouse_wait_fn *)operate_in_callback);
  io.wait.callback = NULL;
  rouse_fd_poll_start(&io, 0, POLLIN, ROUSE_FOREVER);
}

static void callers_errors_die_with_a_sentence(void **state) {
  (void)state;
  rouse_io io;
  test_expect_death(init_without_a_loop, &io, "no loop was given and the calling thread has none");
  test_expect_death(start_without_init, NULL,
                    "an operation is started that rouse_io_init() did not prepare");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(transfer_above_the_limit_is_cut),
      cmocka_unit_test(result_of_a_callback_is_that_of_the_plain_form),
      cmocka_unit_test(deadline_of_a_file_operation_ends_it_or_comes_too_late),
      cmocka_unit_test(past_deadline_of_a_wait_for_a_descriptor_ends_it),
      cmocka_unit_test(callback_cannot_operate_by_plain_forms),
      cmocka_unit_test(thread_without_a_loop_cannot_operate),
      cmocka_unit_test(cancelled_task_cannot_operate),
      cmocka_unit_test(callers_errors_die_with_a_sentence),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
