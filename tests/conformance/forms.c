// The forms of operations on every backend: with a deadline, by callback, and on several pieces of
// memory.
#include "files.h"

#include <stdlib.h>
#include <string.h>

#include "../support/conformance.h"
#include "sockets.h"

static char directory[200];
static rouse_fd dir;

#define CLAIM(name) CONFORMANCE_CLAIM_IN(name, directory, dir)

static int64_t later(void) { return rouse_deadline_in_ns(100 * SECOND); }

static bool exists(const char *name) {
  rouse_fd fd = rouse_file_open(dir, name, O_RDONLY, 0);
  if (fd >= 0) check_result(rouse_file_close(fd), ROUSE_DONE);
  return fd >= 0;
}

CLAIM(files_are_worked_on_with_deadlines) {
  rouse_fd fd = rouse_file_open_until(dir, "f", O_RDWR | O_CREAT, 0600, later());
  check(fd >= 0);
  char buffer[8] = {0};
  check_equal(rouse_file_write_until(fd, "hello", 5, 0, later()), 5);
  check_result(rouse_file_sync_until(fd, true, later()), ROUSE_DONE);
  check_equal(rouse_file_read_until(fd, buffer, sizeof buffer, 0, later()), 5);
  check_string(buffer, "hello");
  check_result(rouse_file_close(fd), ROUSE_DONE);
  check_result(rouse_file_mkdir_until(dir, "d", 0700, later()), ROUSE_DONE);
  check_result(rouse_file_rename_until(dir, "f", dir, "d/g", 0, later()), ROUSE_DONE);
  check_result(rouse_file_link_until(dir, "d/g", dir, "h", 0, later()), ROUSE_DONE);
  check_result(rouse_file_unlink_until(dir, "d/g", 0, later()), ROUSE_DONE);
  check_result(rouse_file_unlink_until(dir, "d", AT_REMOVEDIR, later()), ROUSE_DONE);
  check(exists("h") && !exists("d"));
  return 0;
}

// A deadline that has passed makes it a try: done or not, but not half.
CLAIM(deadline_that_has_passed_ends_or_does_not_begin) {
  rouse_fd fd = file_make(dir, "f", "x");
  char byte = 0;
  int64_t result = rouse_file_read_until(fd, &byte, 1, 0, 1);
  check(result == 1 || result == ROUSE_ETIMEDOUT);
  if (result == 1) check_equal(byte, 'x');
  result = rouse_file_mkdir_until(dir, "d", 0700, 1);
  check(result == ROUSE_DONE || result == ROUSE_ETIMEDOUT);
  check_equal(exists("d"), result == ROUSE_DONE);
  return rouse_file_close(fd);
}

static rouse_loop *loop;
static test_io io;
static int times;

static int64_t ended(int started) {
  check_result(started, ROUSE_PENDING);
  test_loop_run_until(loop, &io.completed, ++times);
  return io.result;
}

static void files_are_worked_on_by_callback(void **state) {
  (void)state;
  test_directory_make(directory, sizeof directory);
  loop = test_loop_create();
  test_io_init(&io, loop, NULL);
  times = 0;
  dir = (rouse_fd)ended(
      rouse_file_open_start(&io.io, ROUSE_FD_CWD, directory, O_RDONLY | O_DIRECTORY, 0, later()));
  check(dir >= 0);
  check_result(ended(rouse_file_mkdir_start(&io.io, dir, "d", 0700, later())), ROUSE_DONE);
  check_result(ended(rouse_file_mkdir_start(&io.io, dir, "d", 0700, later())), ROUSE_EEXIST);
  rouse_fd fd = (rouse_fd)ended(
      rouse_file_open_start(&io.io, dir, "f", O_RDWR | O_CREAT, 0600, ROUSE_FOREVER));
  check(fd >= 0);
  check_equal(ended(rouse_file_write_start(&io.io, fd, "abc", 3, 0, later())), 3);
  check_result(ended(rouse_file_allocate_start(&io.io, fd, 0, 0, 4096, later())), ROUSE_DONE);
  check_result(ended(rouse_file_sync_start(&io.io, fd, false, later())), ROUSE_DONE);
  check_result(ended(rouse_file_close_start(&io.io, fd)), ROUSE_DONE);
  check_result(ended(rouse_file_rename_start(&io.io, dir, "f", dir, "d/g", 0, later())),
               ROUSE_DONE);
  check_result(ended(rouse_file_link_start(&io.io, dir, "d/g", dir, "h", 0, later())), ROUSE_DONE);
  check_result(ended(rouse_file_unlink_start(&io.io, dir, "d", AT_REMOVEDIR, later())),
               ROUSE_ENOTEMPTY);
  check_result(ended(rouse_file_unlink_start(&io.io, dir, "d/g", 0, later())), ROUSE_DONE);
  check_result(ended(rouse_file_unlink_start(&io.io, dir, "d/g", 0, later())), ROUSE_ENOENT);
  check_result(ended(rouse_file_close_start(&io.io, dir)), ROUSE_DONE);
  test_loop_destroy(loop);
  test_directory_remove(directory);
}

// What a ring can do needs no thread of the pool.
CLAIM(ring_does_all_of_it_itself) {
  const char *configuration = getenv("ROUSE_CONFIGURATION");
  if (!configuration || strcmp(configuration, "io_uring")) return 0;
  struct statx *nowhere = NULL;
  char byte;
  const rouse_span span = {&byte, 1};
  rouse_fd fd = file_make(dir, "f", "x");
  check_equal(rouse_file_read(fd, &byte, 1, 0), 1);
  check_equal(rouse_file_read_spans(fd, &span, 1, 0, ROUSE_FOREVER), 1);
  check_equal(rouse_file_write_spans(fd, &span, 1, 0, ROUSE_FOREVER), 1);
  check_result(rouse_file_sync(fd, true), ROUSE_DONE);
  check_result(rouse_file_allocate(fd, 0, 0, 4096), ROUSE_DONE);
  check_result(rouse_file_stat(dir, "missing", 0, 0, nowhere), ROUSE_ENOENT);
  check_result(rouse_file_mkdir(dir, "d", 0700), ROUSE_DONE);
  check_result(rouse_file_symlink("f", dir, "s"), ROUSE_DONE);
  check_result(rouse_file_link(dir, "f", dir, "l", 0), ROUSE_DONE);
  check_result(rouse_file_rename(dir, "l", dir, "m", 0), ROUSE_DONE);
  check_result(rouse_file_unlink(dir, "m", 0), ROUSE_DONE);
  check_result(rouse_file_close(fd), ROUSE_DONE);
  rouse_fd ends[2];
  test_pipe(ends);
  test_put(ends[1], 'x');
  check_equal(rouse_file_read(ends[0], &byte, 1, 0), 1);
  test_put(ends[1], 'x');
  fd = file_make(dir, "g", "");
  check_equal(rouse_fd_splice(ends[0], ROUSE_OFFSET_CURRENT, fd, 0, 1, ROUSE_FOREVER), 1);
  check_result(rouse_file_close(fd), ROUSE_DONE);
  test_close(ends[0]);
  test_close(ends[1]);
  tcp_pair pair = tcp_pair_make();
  check_equal(rouse_tcp_send_zero_copy(pair.client, "x", 1, ROUSE_FOREVER), 1);
  check_result(rouse_tcp_shutdown(pair.client, SHUT_WR), ROUSE_DONE);
  tcp_pair_close(&pair);
  rouse_loop_stats stats;
  rouse_loop_stats_read(rouse_loop_here(), &stats);
  check_equal(stats.blocking_calls, 0);
  return 0;
}

CLAIM(spans_are_filled_and_written_in_order) {
  rouse_fd fd = file_make(dir, "f", "0123456789");
  char first[3], second[1], third[16] = {0};
  const rouse_span spans[] = {
      {first, sizeof first}, {NULL, 0}, {second, sizeof second}, {third, sizeof third}};
  check_equal(rouse_file_read_spans(fd, spans, 4, 1, ROUSE_FOREVER), 9);
  check(!memcmp(first, "123", 3));
  check_equal(second[0], '4');
  check_string(third, "56789");
  const rouse_span out[] = {{"ab", 2}, {"c", 1}};
  check_equal(rouse_file_write_spans(fd, out, 2, 8, ROUSE_FOREVER), 3);
  char content[16] = {0};
  check_equal(rouse_file_read(fd, content, sizeof content, 0), 11);
  check_string(content, "01234567abc");
  check_result(rouse_file_read_spans(fd, spans, 0, 0, ROUSE_FOREVER), ROUSE_EINVAL);
  check_result(rouse_file_write_spans(fd, spans, ROUSE_SPANS_MAX + 1, 0, ROUSE_FOREVER),
               ROUSE_EINVAL);
  return rouse_file_close(fd);
}

CLAIM(spans_at_the_position_move_it) {
  rouse_fd fd = file_make(dir, "f", "");
  const rouse_span out[] = {{"ab", 2}, {"cde", 3}};
  check_equal(rouse_file_write_spans(fd, out, 2, ROUSE_OFFSET_CURRENT, ROUSE_FOREVER), 5);
  check_equal(rouse_file_write_spans(fd, out, 2, ROUSE_OFFSET_CURRENT, ROUSE_FOREVER), 5);
  char content[16] = {0};
  check_equal(rouse_file_read(fd, content, sizeof content, 0), 10);
  check_string(content, "abcdeabcde");
  return rouse_file_close(fd);
}

CLAIM(connections_carry_spans) {
  tcp_pair pair = tcp_pair_make();
  const rouse_span out[] = {{"ab", 2}, {"cde", 3}};
  check_equal(rouse_tcp_send_spans(pair.client, out, 2, ROUSE_FOREVER), 5);
  char first[2], rest[8] = {0};
  const rouse_span in[] = {{first, sizeof first}, {rest, sizeof rest}};
  check_equal(rouse_tcp_receive_spans(pair.server, in, 2, ROUSE_FOREVER), 5);
  check(!memcmp(first, "ab", 2));
  check_string(rest, "cde");
  check_equal(rouse_file_write_spans(pair.server, out, 2, 0, ROUSE_FOREVER), 5);
  check_equal(rouse_file_read_spans(pair.client, in, 2, 0, ROUSE_FOREVER), 5);
  check_result(rouse_tcp_receive_spans(pair.server, in, 2, rouse_deadline_in_ns(MILLISECOND)),
               ROUSE_ETIMEDOUT);
  check_result(rouse_tcp_send_spans(pair.server, in, 0, ROUSE_FOREVER), ROUSE_EINVAL);
  check_result(rouse_file_close(pair.client), ROUSE_DONE);
  pair.client = -1;
  int64_t sent;
  while ((sent = rouse_tcp_send_spans(pair.server, out, 2, ROUSE_FOREVER)) > 0) {
    check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  }
  check(sent == ROUSE_EPIPE || sent == ROUSE_ECONNRESET);  // and no signal
  tcp_pair_close(&pair);
  return 0;
}

typedef struct sending {
  rouse_fd fd;
  const char *bytes;
  size_t size;
} sending;

static int64_t send_without_copy(void *argument) {
  sending *self = argument;
  size_t sent = 0;
  while (sent < self->size) {
    int64_t part =
        rouse_tcp_send_zero_copy(self->fd, self->bytes + sent, self->size - sent, ROUSE_FOREVER);
    check(part > 0);
    sent += (size_t)part;
  }
  return (int64_t)sent;
}

// The buffer is overwritten as soon as it is the sender's again: what arrives must not show it.
CLAIM(zero_copy_sends_arrive_as_they_were) {
  tcp_pair pair = tcp_pair_make();
  enum { SIZE = 300000, TIMES = 5 };
  char *out = malloc(SIZE), *in = malloc(SIZE);
  check(out && in);
  for (int round = 0; round < TIMES; round++) {
    memset(out, 'a' + round, SIZE);
    sending self = {pair.client, out, SIZE};
    rouse_task *task = test_spawn(NULL, send_without_copy, &self);
    size_t got = 0;
    while (got < SIZE) {
      int64_t part = rouse_tcp_receive(pair.server, in + got, SIZE - got, ROUSE_FOREVER);
      check(part > 0);
      got += (size_t)part;
    }
    check_equal(test_join(task), SIZE);
    for (int i = 0; i < SIZE; i++) {
      if (in[i] != 'a' + round) check_equal(in[i], 'a' + round);
    }
  }
  char byte = 'x';
  check_result(rouse_file_close(pair.server), ROUSE_DONE);
  pair.server = -1;
  int64_t sent;
  while ((sent = rouse_tcp_send_zero_copy(pair.client, &byte, 1, ROUSE_FOREVER)) > 0) {
    check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  }
  check(sent == ROUSE_EPIPE || sent == ROUSE_ECONNRESET);
  free(out);
  free(in);
  tcp_pair_close(&pair);
  return 0;
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(files_are_worked_on_with_deadlines),
      cmocka_unit_test(deadline_that_has_passed_ends_or_does_not_begin),
      cmocka_unit_test(files_are_worked_on_by_callback),
      cmocka_unit_test(ring_does_all_of_it_itself),
      cmocka_unit_test(spans_are_filled_and_written_in_order),
      cmocka_unit_test(spans_at_the_position_move_it),
      cmocka_unit_test(connections_carry_spans),
      cmocka_unit_test(zero_copy_sends_arrive_as_they_were),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
