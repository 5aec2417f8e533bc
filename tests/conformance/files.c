// File operations on every backend: what they do, what they refuse, and with which code.
#include "files.h"

#include <stdlib.h>
#include <string.h>

#include "../support/conformance.h"

static char directory[200];
static rouse_fd dir;

#define CLAIM(name) CONFORMANCE_CLAIM_IN(name, directory, dir)

static void check_content(rouse_fd fd, const char *expected) {
  char buffer[256];
  int64_t got = rouse_file_read(fd, buffer, sizeof buffer - 1, 0);
  check(got >= 0);
  buffer[got] = 0;
  check_string(buffer, expected);
}

// --- open and close ------------------------------------------------------------------------------

CLAIM(open_is_relative_to_its_directory_or_the_current_one) {
  file_make_closed(dir, "f", "x");
  char path[300];
  snprintf(path, sizeof path, "%s/f", directory);
  rouse_fd fd = rouse_file_open(ROUSE_FD_CWD, path, O_RDONLY, 0);
  check(fd >= 0);
  check_result(rouse_file_close(fd), ROUSE_DONE);
  fd = rouse_file_open(dir, "f", O_RDONLY, 0);
  check(fd >= 0);
  check_result(rouse_file_close(fd), ROUSE_DONE);
  return 0;
}

CLAIM(open_refuses_with_the_code_that_says_why) {
  file_make_closed(dir, "f", "x");
  check_result(rouse_file_open(dir, "missing", O_RDONLY, 0), ROUSE_ENOENT);
  check_result(rouse_file_open(dir, "f/x", O_RDONLY, 0), BELOW_A_FILE);
  check_result(rouse_file_open(dir, "f", O_RDWR | O_CREAT | O_EXCL, 0600), ROUSE_EEXIST);
  check_result(rouse_file_open(dir, ".", O_WRONLY, 0), ROUSE_EISDIR);
  check_result(rouse_file_open(9999, "f", O_RDONLY, 0), ROUSE_EBADF);
  char name[300];
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = 0;
  check_result(rouse_file_open(dir, name, O_RDONLY, 0), ROUSE_ENAMETOOLONG);
  return 0;
}

CLAIM(opened_file_is_not_inherited) {
  rouse_fd fd = rouse_file_open(dir, "f", O_WRONLY | O_CREAT | O_EXCL, 0640);
  check(fd >= 0);
  check(!test_is_inherited(fd));
  return rouse_file_close(fd);
}

CLAIM(close_of_what_is_not_open_is_refused) {
  check_result(rouse_file_close(9999), ROUSE_EBADF);
  check_result(rouse_file_close(-1), ROUSE_EBADF);
  return 0;
}

// --- read and write ------------------------------------------------------------------------------

CLAIM(read_and_write_go_to_their_offset) {
  rouse_fd fd = file_make(dir, "f", "0123456789");
  char buffer[8] = {0};
  check_equal(rouse_file_read(fd, buffer, 4, 3), 4);
  check_string(buffer, "3456");
  check_equal(rouse_file_write(fd, "ab", 2, 8), 2);
  check_content(fd, "01234567ab");
  check_equal(rouse_file_write(fd, "z", 1, 12), 1);  // past the end: a hole
  check_equal(rouse_file_read(fd, buffer, 8, 8), 5);
  check(!memcmp(buffer, "ab\0\0z", 5));
  check_equal(rouse_file_read(fd, buffer, 1, ROUSE_OFFSET_CURRENT), 1);
  check_equal(buffer[0], '0');  // the position is another matter
  return rouse_file_close(fd);
}

CLAIM(current_offset_is_the_file_s_position) {
  rouse_fd fd = file_make(dir, "f", "0123456789");
  char buffer[8] = {0};
  check_equal(rouse_file_read(fd, buffer, 3, ROUSE_OFFSET_CURRENT), 3);
  check_string(buffer, "012");
  check_equal(rouse_file_read(fd, buffer, 3, ROUSE_OFFSET_CURRENT), 3);
  check_string(buffer, "345");
  check_equal(rouse_file_write(fd, "xy", 2, ROUSE_OFFSET_CURRENT), 2);
  check_equal(rouse_file_read(fd, buffer, 1, ROUSE_OFFSET_CURRENT), 1);
  check_equal(buffer[0], '8');
  check_content(fd, "012345xy89");
  return rouse_file_close(fd);
}

CLAIM(read_at_the_end_gives_what_is_left_and_then_nothing) {
  rouse_fd fd = file_make(dir, "f", "abc");
  char buffer[16];
  check_equal(rouse_file_read(fd, buffer, sizeof buffer, 0), 3);
  check_equal(rouse_file_read(fd, buffer, sizeof buffer, 2), 1);
  check_equal(rouse_file_read(fd, buffer, sizeof buffer, 3), 0);
  check_equal(rouse_file_read(fd, buffer, sizeof buffer, 1000), 0);
  check_equal(rouse_file_read(fd, buffer, 0, 0), 0);
  return rouse_file_close(fd);
}

CLAIM(read_and_write_refuse_with_the_code_that_says_why) {
  char buffer[16];
  rouse_fd fd = file_make(dir, "f", "abc");
  check_result(rouse_file_read(9999, buffer, 1, 0), ROUSE_EBADF);
  check_result(rouse_file_write(9999, buffer, 1, 0), ROUSE_EBADF);
  check_result(rouse_file_read(dir, buffer, 1, 0), ROUSE_EISDIR);
  check_result(rouse_file_close(fd), ROUSE_DONE);
  fd = rouse_file_open(dir, "f", O_RDONLY, 0);
  check_result(rouse_file_write(fd, "x", 1, 0), ROUSE_EBADF);
  check_result(rouse_file_close(fd), ROUSE_DONE);
  rouse_fd ends[2];
  test_pipe(ends);
  check_equal(rouse_file_write(ends[1], "x", 1, ROUSE_OFFSET_CURRENT), 1);
  check_equal(rouse_file_read(ends[0], buffer, 1, ROUSE_OFFSET_CURRENT), 1);
  test_close(ends[0]);
  test_close(ends[1]);
  return 0;
}

CLAIM(large_transfer_is_whole) {
  enum { SIZE = 3 << 20 };
  char *out = malloc(SIZE), *in = malloc(SIZE);
  check(out && in);
  for (int i = 0; i < SIZE; i++) out[i] = (char)(i * 31 + (i >> 10));
  rouse_fd fd = file_make(dir, "f", "");
  for (size_t done = 0; done < SIZE;) {
    int64_t part = rouse_file_write(fd, out + done, SIZE - done, done);
    check(part > 0);
    done += (size_t)part;
  }
  for (size_t done = 0; done < SIZE;) {
    int64_t part = rouse_file_read(fd, in + done, SIZE - done, done);
    check(part > 0);
    done += (size_t)part;
  }
  check(!memcmp(out, in, SIZE));
  free(out);
  free(in);
  return rouse_file_close(fd);
}

// --- the rest of a file's life -------------------------------------------------------------------

CLAIM(sync_works_on_files) {
  rouse_fd fd = file_make(dir, "f", "abc");
  check_result(rouse_file_sync(fd, false), ROUSE_DONE);
  check_result(rouse_file_sync(fd, true), ROUSE_DONE);
  check_result(rouse_file_sync(9999, false), ROUSE_EBADF);
  return rouse_file_close(fd);
}

static void check_status(const struct statx *status, uint64_t size) {
  check(S_ISREG(status->stx_mode));
  check_equal(status->stx_size, size);
  check_equal(status->stx_nlink, 1);
  check(status->stx_mtime.tv_sec > 1600000000);
}

CLAIM(stat_tells_about_paths_and_descriptors) {
  rouse_fd fd = file_make(dir, "f", "abcdef");
  struct statx status, same;
  check_result(rouse_file_stat(dir, "f", 0, STATX_BASIC_STATS, &status), ROUSE_DONE);
  check_status(&status, 6);
  check_result(rouse_file_stat(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &same), ROUSE_DONE);
  check_status(&same, 6);
  check(same.stx_ino == status.stx_ino);
  check_result(rouse_file_stat(dir, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status), ROUSE_DONE);
  check(S_ISDIR(status.stx_mode));
  check_result(rouse_file_stat(dir, "missing", 0, STATX_BASIC_STATS, &status), ROUSE_ENOENT);
  check_result(rouse_file_stat(9999, "f", 0, STATX_BASIC_STATS, &status), ROUSE_EBADF);
  check_result(rouse_file_stat(9999, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status), ROUSE_EBADF);
  return rouse_file_close(fd);
}

CLAIM(stat_completes_by_callback) {
  struct statx status;
  file_make_closed(dir, "f", "12345");
  test_io io;
  test_io_init(&io, NULL, NULL);
  check_result(rouse_file_stat_start(&io.io, dir, "f", 0, STATX_SIZE, &status, ROUSE_FOREVER),
               ROUSE_PENDING);
  check_equal(io.completed, 0);
  while (io.completed == 0) rouse_task_yield();
  check_result(io.result, ROUSE_DONE);
  check_equal(status.stx_size, 5);
  return 0;
}

static uint64_t size_of(const char *name) {
  test_status status;
  check(test_status_of(directory, name, &status));
  return status.size;
}

CLAIM(allocate_makes_room) {
  rouse_fd fd = file_make(dir, "f", "");
  int result = rouse_file_allocate(fd, 0, 0, 100000);
  if (result == ROUSE_ENOTSUP) {  // not on every file system
    print_message("           the file system at hand does not allocate\n");
    check_equal(size_of("f"), 0);
  } else {
    check_result(result, ROUSE_DONE);
    check_equal(size_of("f"), 100000);
    check_result(rouse_file_allocate(fd, FALLOC_FL_KEEP_SIZE, 0, 200000), ROUSE_DONE);
    check_equal(size_of("f"), 100000);
    check_result(rouse_file_allocate(fd, 0, 0, 0), ROUSE_EINVAL);
  }
  check_result(rouse_file_allocate(9999, 0, 0, 10), ROUSE_EBADF);
  return rouse_file_close(fd);
}

CLAIM(directories_are_made_and_removed) {
  check_result(rouse_file_mkdir(dir, "d", 0750), ROUSE_DONE);
  test_status status;
  check(test_status_of(directory, "d", &status));
  check(status.is_directory);
  check_result(rouse_file_mkdir(dir, "d", 0755), ROUSE_EEXIST);
  check_result(rouse_file_mkdir(dir, "missing/d", 0755), ROUSE_ENOENT);
  file_make_closed(dir, "d/f", "x");
  check_result(rouse_file_unlink(dir, "d", AT_REMOVEDIR), ROUSE_ENOTEMPTY);
  check_result(rouse_file_unlink(dir, "d/f", AT_REMOVEDIR), ROUSE_ENOTDIR);
  check_result(rouse_file_unlink(dir, "d", 0), ROUSE_EISDIR);
  check_result(rouse_file_unlink(dir, "d/f", 0), ROUSE_DONE);
  check_result(rouse_file_unlink(dir, "d/f", 0), ROUSE_ENOENT);
  check_result(rouse_file_unlink(dir, "d", AT_REMOVEDIR), ROUSE_DONE);
  check(!test_exists(directory, "d"));
  return 0;
}

CLAIM(rename_moves_replaces_and_can_refuse_to_replace) {
  file_make_closed(dir, "a", "from a");
  file_make_closed(dir, "b", "from b");
  check_result(rouse_file_rename(dir, "a", dir, "b", RENAME_NOREPLACE), ROUSE_EEXIST);
  check_result(rouse_file_rename(dir, "a", dir, "b", 0), ROUSE_DONE);
  check(!test_exists(directory, "a"));
  rouse_fd fd = rouse_file_open(dir, "b", O_RDONLY, 0);
  check_content(fd, "from a");
  check_result(rouse_file_close(fd), ROUSE_DONE);
  check_result(rouse_file_mkdir(dir, "d", 0755), ROUSE_DONE);
  rouse_fd sub = rouse_file_open(dir, "d", O_RDONLY | O_DIRECTORY, 0);
  check_result(rouse_file_rename(dir, "b", sub, "c", RENAME_NOREPLACE), ROUSE_DONE);
  check(test_exists(directory, "d/c"));
  check_result(rouse_file_rename(dir, "missing", dir, "x", 0), ROUSE_ENOENT);
  return rouse_file_close(sub);
}

CLAIM(hard_links_share_the_file) {
  file_make_closed(dir, "a", "shared");
  check_result(rouse_file_link(dir, "a", dir, "b", 0), ROUSE_DONE);
  test_status a, b;
  check(test_status_of(directory, "a", &a));
  check(test_status_of(directory, "b", &b));
  check_equal(a.inode, b.inode);
  check_equal(a.links, 2);
  check_result(rouse_file_link(dir, "a", dir, "b", 0), ROUSE_EEXIST);
  check_result(rouse_file_link(dir, "missing", dir, "c", 0), ROUSE_ENOENT);
  return 0;
}

// --- cancelled tasks and deadlines ---------------------------------------------------------------

CLAIM(cancelled_task_still_closes_what_it_opened) {
  rouse_fd fd = file_make(dir, "f", "abc");
  char byte;
  rouse_task_cancel(rouse_task_here());
  check_result(rouse_file_read(fd, &byte, 1, 0), ROUSE_ECANCELED);
  check_result(rouse_file_open(dir, "f", O_RDONLY, 0), ROUSE_ECANCELED);
  check_result(rouse_file_mkdir(dir, "d", 0755), ROUSE_ECANCELED);
  check(!test_exists(directory, "d"));
  check_result(rouse_file_close(fd), ROUSE_DONE);
  check(!test_is_open(fd));
  return 0;
}

static int64_t read_pipe(void *argument) {
  char byte;
  return rouse_file_read(*(rouse_fd *)argument, &byte, 1, ROUSE_OFFSET_CURRENT);
}

CLAIM(read_that_is_cancelled_under_way_takes_nothing_it_does_not_report) {
  // A pipe that stays empty keeps the read under way; a byte then ends it if the cancel could not.
  rouse_fd ends[2];
  test_pipe(ends);
  rouse_task *task = test_spawn(NULL, read_pipe, &ends[0]);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  rouse_task_cancel(task);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  test_put(ends[1], 'x');
  int64_t result = test_join(task);
  if (result == 1) {
    check(!test_has_input(ends[0]));
  } else {
    check_result(result, ROUSE_ECANCELED);
    check_equal(test_take(ends[0]), 'x');
  }
  test_close(ends[0]);
  test_close(ends[1]);
  return 0;
}

// --- callbacks -----------------------------------------------------------------------------------

static void operations_complete_by_callback(void **state) {
  (void)state;
  test_directory_make(directory, sizeof directory);
  dir = test_directory_open(directory);
  rouse_loop *loop = test_loop_create();
  test_io io;
  char buffer[16] = {0};

  test_io_init(&io, loop, NULL);
  check_result(rouse_file_open_start(&io.io, dir, "f", O_RDWR | O_CREAT, 0600, ROUSE_FOREVER),
               ROUSE_PENDING);
  check_equal(io.completed, 0);
  test_loop_run_until(loop, &io.completed, 1);
  check(io.result >= 0);
  check_equal(io.reported, io.result);
  rouse_fd fd = (rouse_fd)io.result;

  test_io_init(&io, loop, NULL);
  check_result(rouse_file_write_start(&io.io, fd, "hello", 5, 0, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_run_until(loop, &io.completed, 1);
  check_equal(io.result, 5);
  // The same operation again, without a new init.
  check_result(
      rouse_file_read_start(&io.io, fd, buffer, 15, 1, rouse_deadline_in_ns(3600 * SECOND)),
      ROUSE_PENDING);
  test_loop_run_until(loop, &io.completed, 2);
  check_equal(io.result, 4);
  check_string(buffer, "ello");
  check_result(rouse_file_sync_start(&io.io, fd, true, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_run_until(loop, &io.completed, 3);
  check_result(io.result, ROUSE_DONE);
  check_result(rouse_file_close_start(&io.io, fd), ROUSE_PENDING);
  test_loop_run_until(loop, &io.completed, 4);
  check_result(io.result, ROUSE_DONE);
  check_result(rouse_file_read_start(&io.io, fd, buffer, 1, 0, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_run_until(loop, &io.completed, 5);
  check_result(io.result, ROUSE_EBADF);
  check_result(io.reported, ROUSE_EBADF);

  test_loop_destroy(loop);
  test_close(dir);
  test_directory_remove(directory);
}

static void many_operations_at_once_all_complete(void **state) {
  (void)state;
  enum { MANY = 700 };
  static test_io ios[MANY];
  static char out[MANY], in[MANY];
  rouse_loop *loop = test_loop_create();
  rouse_fd fd = test_file_unnamed();
  int counter = 0;
  for (int i = 0; i < MANY; i++) {
    out[i] = (char)(i * 7);
    test_io_init(&ios[i], loop, &counter);
    check_result(rouse_file_write_start(&ios[i].io, fd, &out[i], 1, (uint64_t)i, ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  test_loop_run_until(loop, &counter, MANY);
  for (int i = 0; i < MANY; i++) {
    check_equal(ios[i].result, 1);
    check_result(rouse_file_read_start(&ios[i].io, fd, &in[i], 1, (uint64_t)i, ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  test_loop_run_until(loop, &counter, 2 * MANY);
  check(!memcmp(out, in, MANY));
  for (int i = 0; i < MANY; i++) check_equal(ios[i].completed, 2);
  test_loop_destroy(loop);
  test_close(fd);
}

static void operations_without_a_loop_are_refused(void **state) {
  (void)state;
  char byte;
  check_result(rouse_file_open(ROUSE_FD_CWD, "/", O_RDONLY, 0), ROUSE_ENOLOOP);
  check_result(rouse_file_close(0), ROUSE_ENOLOOP);
  check_result(rouse_file_read(0, &byte, 1, 0), ROUSE_ENOLOOP);
  check_result(rouse_file_write(0, &byte, 1, 0), ROUSE_ENOLOOP);
  check_result(rouse_file_sync(0, false), ROUSE_ENOLOOP);
  check_result(rouse_file_unlink(ROUSE_FD_CWD, "/x", 0), ROUSE_ENOLOOP);
  check_result(rouse_file_rename(ROUSE_FD_CWD, "/x", ROUSE_FD_CWD, "/y", 0), ROUSE_ENOLOOP);
  check_result(rouse_file_mkdir(ROUSE_FD_CWD, "/x", 0), ROUSE_ENOLOOP);
  check_result(rouse_file_symlink("x", ROUSE_FD_CWD, "/x"), ROUSE_ENOLOOP);
  check_result(rouse_file_link(ROUSE_FD_CWD, "/x", ROUSE_FD_CWD, "/y", 0), ROUSE_ENOLOOP);
  check_result(rouse_file_allocate(0, 0, 0, 1), ROUSE_ENOLOOP);
  struct statx status;
  check_result(rouse_file_stat(ROUSE_FD_CWD, "/", 0, STATX_SIZE, &status), ROUSE_ENOLOOP);
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(open_is_relative_to_its_directory_or_the_current_one),
      cmocka_unit_test(open_refuses_with_the_code_that_says_why),
      cmocka_unit_test(opened_file_is_not_inherited),
      cmocka_unit_test(close_of_what_is_not_open_is_refused),
      cmocka_unit_test(read_and_write_go_to_their_offset),
      cmocka_unit_test(current_offset_is_the_file_s_position),
      cmocka_unit_test(read_at_the_end_gives_what_is_left_and_then_nothing),
      cmocka_unit_test(read_and_write_refuse_with_the_code_that_says_why),
      cmocka_unit_test(large_transfer_is_whole),
      cmocka_unit_test(sync_works_on_files),
      cmocka_unit_test(stat_tells_about_paths_and_descriptors),
      cmocka_unit_test(stat_completes_by_callback),
      cmocka_unit_test(allocate_makes_room),
      cmocka_unit_test(directories_are_made_and_removed),
      cmocka_unit_test(rename_moves_replaces_and_can_refuse_to_replace),
      cmocka_unit_test(hard_links_share_the_file),
      cmocka_unit_test(cancelled_task_still_closes_what_it_opened),
      cmocka_unit_test(read_that_is_cancelled_under_way_takes_nothing_it_does_not_report),
      cmocka_unit_test(operations_complete_by_callback),
      cmocka_unit_test(many_operations_at_once_all_complete),
      cmocka_unit_test(operations_without_a_loop_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
