// File operations on every backend: what only POSIX systems have.
#include "files.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/conformance.h"

static char directory[200];
static rouse_fd dir;

#define CLAIM(name) CONFORMANCE_CLAIM_IN(name, directory, dir)

CLAIM(opened_file_has_the_mode_asked_for_and_closes) {
  umask(022);
  rouse_fd fd = rouse_file_open(dir, "f", O_WRONLY | O_CREAT | O_EXCL, 0640);
  check(fd >= 0);
  struct stat status;
  check_system(fstat(fd, &status));
  check_equal(status.st_mode & 0777, 0640);
  check_result(rouse_file_close(fd), ROUSE_DONE);
  check(!test_is_open(fd));
  return 0;
}

CLAIM(open_past_the_limit_of_descriptors_is_refused) {
  file_make_closed(dir, "f", "x");
  struct rlimit old, low;
  check_system(getrlimit(RLIMIT_NOFILE, &old));
  int highest = (int)check_system(dup(0));
  close(highest);
  low = (struct rlimit){(rlim_t)highest, old.rlim_max};
  // Descriptors below the limit that are free would still be had: fill them.
  int fillers[64], count = 0;
  while (count < 64 && (fillers[count] = dup(0)) >= 0 && fillers[count] < highest) count++;
  if (count < 64 && fillers[count] >= 0) close(fillers[count]);
  check_system(setrlimit(RLIMIT_NOFILE, &low));
  int result = rouse_file_open(dir, "f", O_RDONLY, 0);
  check_system(setrlimit(RLIMIT_NOFILE, &old));
  for (int i = 0; i < count; i++) close(fillers[i]);
  check_result(result, ROUSE_EMFILE);
  return 0;
}

CLAIM(write_to_a_full_device_says_so) {
  rouse_fd full = (rouse_fd)check_system(open("/dev/full", O_WRONLY | O_CLOEXEC));
  check_result(rouse_file_write(full, "x", 1, ROUSE_OFFSET_CURRENT), ROUSE_ENOSPC);
  return rouse_file_close(full);
}

CLAIM(stat_tells_about_links_or_where_they_lead) {
  file_make_closed(dir, "f", "abcdef");
  check_system(symlinkat("f", dir, "link"));
  struct statx status;
  check_result(rouse_file_stat(dir, "link", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status),
               ROUSE_DONE);
  check(S_ISLNK(status.stx_mode));
  check_result(rouse_file_stat(dir, "link", 0, STATX_BASIC_STATS, &status), ROUSE_DONE);
  check(S_ISREG(status.stx_mode));
  check_equal(status.stx_size, 6);
  return 0;
}

CLAIM(open_of_a_symbolic_link_that_may_not_be_followed_or_never_ends_is_refused) {
  file_make_closed(dir, "f", "x");
  check_result(rouse_file_symlink("f", dir, "link"), ROUSE_DONE);
  check_result(rouse_file_symlink("circle", dir, "circle"), ROUSE_DONE);
  check_result(rouse_file_open(dir, "link", O_RDONLY | O_NOFOLLOW, 0), ROUSE_ELOOP);
  check_result(rouse_file_open(dir, "circle", O_RDONLY, 0), ROUSE_ELOOP);
  return 0;
}

CLAIM(symbolic_links_keep_their_target) {
  check_result(rouse_file_symlink("some/where", dir, "link"), ROUSE_DONE);
  char target[32] = {0};
  check_equal(readlinkat(dir, "link", target, sizeof target - 1), 10);
  check_string(target, "some/where");
  check_result(rouse_file_symlink("x", dir, "link"), ROUSE_EEXIST);
  check_result(rouse_file_symlink("x", dir, "missing/link"), ROUSE_ENOENT);
  return 0;
}

CLAIM(sync_of_a_pipe_is_refused) {
  rouse_fd ends[2];
  test_pipe(ends);
  check_result(rouse_file_sync(ends[1], false), ROUSE_EINVAL);
  test_close(ends[0]);
  test_close(ends[1]);
  return 0;
}

CLAIM(directory_has_the_mode_asked_for) {
  umask(022);
  check_result(rouse_file_mkdir(dir, "d", 0750), ROUSE_DONE);
  struct stat status;
  check_system(fstatat(dir, "d", &status, 0));
  check(S_ISDIR(status.st_mode));
  check_equal(status.st_mode & 0777, 0750);
  return 0;
}

// --- the forms of those --------------------------------------------------------------------------

static int64_t later(void) { return rouse_deadline_in_ns(100 * SECOND); }

CLAIM(files_are_told_about_linked_and_grown_with_deadlines) {
  rouse_fd fd = file_make(dir, "f", "abc");
  struct statx status;
  check_result(rouse_file_stat_until(dir, "f", 0, STATX_SIZE, &status, later()), ROUSE_DONE);
  check_equal(status.stx_size, 3);
  check_result(rouse_file_stat_until(dir, "missing", 0, STATX_SIZE, &status, later()),
               ROUSE_ENOENT);
  check_result(rouse_file_stat_until(9999, "f", 0, STATX_SIZE, &status, later()), ROUSE_EBADF);
  check_result(rouse_file_symlink_until("f", dir, "link", later()), ROUSE_DONE);
  char target[8] = {0};
  check_equal(readlinkat(dir, "link", target, sizeof target - 1), 1);
  check_string(target, "f");
  check_result(rouse_file_symlink_until("x", dir, "link", later()), ROUSE_EEXIST);
  check_result(rouse_file_symlink_until("x", dir, "f/link", later()), ROUSE_ENOTDIR);
  int result = rouse_file_allocate_until(fd, 0, 0, 5000, later());
  if (result != ROUSE_ENOTSUP) {  // not on every file system
    check_result(result, ROUSE_DONE);
    check_result(rouse_file_stat_until(fd, "", AT_EMPTY_PATH, STATX_SIZE, &status, later()),
                 ROUSE_DONE);
    check_equal(status.stx_size, 5000);
    check_result(rouse_file_allocate_until(fd, 0, 0, 0, later()), ROUSE_EINVAL);
  }
  check_result(rouse_file_allocate_until(9999, 0, 0, 10, later()), ROUSE_EBADF);
  return rouse_file_close(fd);
}

// Done or not, but not half, and no other answer.
CLAIM(deadline_that_has_passed_makes_a_try_of_them) {
  rouse_fd fd = file_make(dir, "f", "abc");
  struct statx status = {.stx_size = 77};
  int result = rouse_file_stat_until(dir, "f", 0, STATX_SIZE, &status, 1);
  if (result != ROUSE_DONE) check_result(result, ROUSE_ETIMEDOUT);
  if (result == ROUSE_DONE) check_equal(status.stx_size, 3);
  result = rouse_file_symlink_until("f", dir, "link", 1);
  if (result != ROUSE_DONE) check_result(result, ROUSE_ETIMEDOUT);
  check_equal(test_exists(directory, "link"), result == ROUSE_DONE);
  result = rouse_file_allocate_until(fd, 0, 0, 5000, 1);
  if (result != ROUSE_DONE && result != ROUSE_ENOTSUP) check_result(result, ROUSE_ETIMEDOUT);
  check_result(rouse_file_stat(fd, "", AT_EMPTY_PATH, STATX_SIZE, &status), ROUSE_DONE);
  check_equal(status.stx_size, result == ROUSE_DONE ? 5000 : 3);
  return rouse_file_close(fd);
}

CLAIM(symbolic_links_are_made_by_callback) {
  test_io io;
  test_io_init(&io, NULL, NULL);
  check_result(rouse_file_symlink_start(&io.io, "some/where", dir, "link", later()), ROUSE_PENDING);
  check_equal(io.completed, 0);
  while (io.completed == 0) rouse_task_yield();
  check_result(io.result, ROUSE_DONE);
  char target[32] = {0};
  check_equal(readlinkat(dir, "link", target, sizeof target - 1), 10);
  check_string(target, "some/where");
  check_result(rouse_file_symlink_start(&io.io, "x", dir, "link", ROUSE_FOREVER), ROUSE_PENDING);
  while (io.completed == 1) rouse_task_yield();
  check_result(io.result, ROUSE_EEXIST);
  check_result(io.reported, ROUSE_EEXIST);
  return 0;
}

// What a read of no bytes is of a file, it is of all else: 0, at once.
CLAIM(read_of_nothing_is_zero_at_once) {
  int ends[2], pair[2];
  check_system(pipe(ends));
  check_system(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  rouse_fd fds[] = {file_make(dir, "f", "abc"), ends[0], pair[0]};
  char byte;
  const rouse_span none[] = {{&byte, 0}, {&byte, 0}};
  for (int i = 0; i < 3; i++) {
    const int64_t soon_ns = rouse_deadline_in_ns(10 * SECOND);
    check_equal(rouse_file_read_until(fds[i], &byte, 0, ROUSE_OFFSET_CURRENT, soon_ns), 0);
    check_equal(rouse_file_read_spans(fds[i], none, 2, ROUSE_OFFSET_CURRENT, soon_ns), 0);
    check_result(rouse_file_close(fds[i]), ROUSE_DONE);
  }
  check_result(rouse_file_close(ends[1]), ROUSE_DONE);
  return rouse_file_close(pair[1]);
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opened_file_has_the_mode_asked_for_and_closes),
      cmocka_unit_test(open_past_the_limit_of_descriptors_is_refused),
      cmocka_unit_test(write_to_a_full_device_says_so),
      cmocka_unit_test(stat_tells_about_links_or_where_they_lead),
      cmocka_unit_test(open_of_a_symbolic_link_that_may_not_be_followed_or_never_ends_is_refused),
      cmocka_unit_test(symbolic_links_keep_their_target),
      cmocka_unit_test(sync_of_a_pipe_is_refused),
      cmocka_unit_test(directory_has_the_mode_asked_for),
      cmocka_unit_test(files_are_told_about_linked_and_grown_with_deadlines),
      cmocka_unit_test(deadline_that_has_passed_makes_a_try_of_them),
      cmocka_unit_test(symbolic_links_are_made_by_callback),
      cmocka_unit_test(read_of_nothing_is_zero_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
