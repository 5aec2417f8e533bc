// The system's limits: no descriptors left, no memory to lock, no address space, files that may not
// grow. Calls say so with their codes, give back what they had taken, and work when there is room
// again.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/backends.h"
#include "../support/conformance.h"

// --- descriptors ---------------------------------------------------------------------------------

static struct rlimit old_limit;
static int fillers[4096], filler_count;

// Leaves |count| descriptors to be had.
static void leave_descriptors(int count) {
  check_system(getrlimit(RLIMIT_NOFILE, &old_limit));
  const struct rlimit low = {256, old_limit.rlim_max};
  check_system(setrlimit(RLIMIT_NOFILE, &low));
  filler_count = 0;
  int fd;
  while ((fd = fcntl(0, F_DUPFD_CLOEXEC, 0)) >= 0) fillers[filler_count++] = fd;
  check_equal(errno, EMFILE);
  check(filler_count >= count);
  while (count--) close(fillers[--filler_count]);
}

static void give_descriptors_back(void) {
  while (filler_count) close(fillers[--filler_count]);
  check_system(setrlimit(RLIMIT_NOFILE, &old_limit));
}

static const char *backend;

static void create_with_few_descriptors(const char *name) {
  backend = name;
  const rouse_loop_options options = {.backend = backend};
  bool succeeded = false;
  for (int count = 0; count < 12; count++) {
    int before = open_descriptors();
    rouse_loop *loop = NULL;
    leave_descriptors(count);
    int result = rouse_loop_create(&options, &loop);
    if (result) {
      check(!succeeded);  // more descriptors do not make it worse
      check_result(result, ROUSE_EMFILE);
      check(!loop);
      check(!rouse_loop_here());
    } else {
      succeeded = true;
      test_loop_destroy(loop);
    }
    give_descriptors_back();
    check_equal(open_descriptors(), before);
  }
  check(succeeded);
  test_loop_destroy(test_loop_create());
}

static void loop_create_says_that_descriptors_are_short(void **state) {
  (void)state;
  check(for_each_backend(create_with_few_descriptors) >= 2);
  print_message("           the default choice\n");
  create_with_few_descriptors(NULL);
}

static int64_t answer(void *argument) {
  (void)argument;
  return 42;
}

static void run_with_few_descriptors(const char *name) {
  bool succeeded = false;
  for (int count = 0; count < 16; count++) {
    const rouse_run_options options = {.loops = 3, .loop = {.backend = name}};
    int before = open_descriptors();
    int64_t value = 0;
    leave_descriptors(count);
    int result = rouse_run(&options, answer, NULL, &value);
    give_descriptors_back();
    if (result) {
      check_result(result, ROUSE_EMFILE);
      check_equal(value, 0);
    } else {
      check_equal(value, 42);
      succeeded = true;
    }
    check_equal(open_descriptors(), before);
  }
  check(succeeded);
}

static void run_says_that_descriptors_are_short_and_ends_its_threads(void **state) {
  (void)state;
  check(for_each_backend(run_with_few_descriptors) >= 2);
}

static int64_t connect_with_none_left(void *argument) {
  (void)argument;
  tcp_pair pair = tcp_pair_make();
  rouse_fd waiting = tcp_connect_here(pair.listener);
  struct {
    int64_t accepted, opened, connected, listened;
  } results;
  leave_descriptors(0);
  results.accepted = rouse_tcp_accept(pair.listener, ROUSE_FOREVER);
  results.opened = rouse_file_open(ROUSE_FD_CWD, "/dev/null", O_RDONLY, 0);
  char address[128];
  socklen_t size = sizeof address;
  check_system(getsockname(pair.listener, (struct sockaddr *)(void *)address, &size));
  results.connected = rouse_tcp_connect((struct sockaddr *)(void *)address, size, ROUSE_FOREVER);
  results.listened = rouse_tcp_listen((struct sockaddr *)(void *)address, size, 0);
  give_descriptors_back();
  check_result(results.accepted, ROUSE_EMFILE);
  check_result(results.opened, ROUSE_EMFILE);
  check_result(results.connected, ROUSE_EMFILE);
  check_result(results.listened, ROUSE_EMFILE);
  // The connection that could not be accepted still can.
  rouse_fd accepted = rouse_tcp_accept(pair.listener, ROUSE_FOREVER);
  check(accepted >= 0);
  check_result(rouse_file_close(accepted), ROUSE_DONE);
  check_result(rouse_file_close(waiting), ROUSE_DONE);
  tcp_pair_close(&pair);
  return 0;
}

static void operate_with_none_left(const char *name) {
  const rouse_run_options options = {.loop = {.backend = name}};
  int before = open_descriptors();
  test_run_options(&options, connect_with_none_left, NULL);
  check_equal(open_descriptors(), before);
}

static void operations_say_that_descriptors_are_short_and_work_again(void **state) {
  (void)state;
  check(for_each_backend(operate_with_none_left) >= 2);
}

// --- registered files ----------------------------------------------------------------------------

static void register_with_low_limits(const char *name) {
  enum { LOW = 100, FEW = 10 };
  const rouse_loop_options options = {.backend = name};
  rouse_loop *loop;
  struct rlimit old, low;
  int fds[LOW], count = 0;
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  const int registers = rouse_loop_register_file(loop, 0);
  test_loop_destroy(loop);
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  check_system(getrlimit(RLIMIT_NOFILE, &old));
  low = (struct rlimit){LOW, old.rlim_max};
  check_system(setrlimit(RLIMIT_NOFILE, &low));
  while (count < FEW) {
    fds[count] = (int)check_system(fcntl(0, F_DUPFD_CLOEXEC, 0));
    check_equal(rouse_loop_register_file(loop, fds[count++]), registers);
  }
  check_system(setrlimit(RLIMIT_NOFILE, &old));
  // As many as there might have been, and no more; then there is room again.
  while (count < LOW) {
    fds[count] = (int)check_system(fcntl(0, F_DUPFD_CLOEXEC, 0));
    check_equal(rouse_loop_register_file(loop, fds[count++]), registers);
  }
  check_equal(rouse_loop_register_file(loop, 0), registers == 1 ? ROUSE_ENFILE : registers);
  check_result(rouse_loop_unregister_file(loop, fds[FEW]), ROUSE_DONE);
  check_equal(rouse_loop_register_file(loop, 0), registers);
  while (count) close(fds[--count]);
  test_loop_destroy(loop);
}

static void files_are_registered_within_the_limit_of_descriptors(void **state) {
  (void)state;
  check(for_each_backend(register_with_low_limits) >= 2);
}

#if !TEST_SANITIZED
static void register_what_is_not_open(void *argument) {
  const rouse_loop_options options = {.backend = argument};
  const struct rlimit little = {(rlim_t)1 << 30, (rlim_t)1 << 30};
  rouse_loop *loop;
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  check_system(setrlimit(RLIMIT_AS, &little));
  const int expected = rouse_loop_register_file(loop, 0) ? ROUSE_EBADF : 0;
  static const int numbers[] = {9999, 100000000, INT_MAX};
  for (int i = 0; i < 3; i++) check_equal(rouse_loop_register_file(loop, numbers[i]), expected);
  test_loop_destroy(loop);
}

static void register_in_little_space(const char *name) {
  test_expect_clean_child(register_what_is_not_open, (void *)(uintptr_t)name);
}

static void number_that_is_not_open_takes_no_room(void **state) {
  (void)state;
  check(for_each_backend(register_in_little_space) >= 2);
}
#endif

// --- memory that may be locked -------------------------------------------------------------------

static void run_as_nobody_without_locked_memory(void *argument) {
  (void)argument;
  const struct rlimit none = {0, 0};
  check_system(setrlimit(RLIMIT_MEMLOCK, &none));
  if (getuid() == 0) check_system(setuid(65534));
  // By default some backend is always to be had; by name io_uring is, or says why not.
  check_equal(test_run(2, answer, NULL), 42);
  const rouse_loop_options options = {.backend = "io_uring"};
  rouse_loop *loop = NULL;
  int result = rouse_loop_create(&options, &loop);
  if (result == ROUSE_DONE) {
    test_loop_destroy(loop);
  } else {
    check(result == ROUSE_ENOMEM || result == ROUSE_EPERM || result == ROUSE_ENOSYS ||
          result == ROUSE_EINVAL);
  }
}

static void no_locked_memory_leaves_a_loop_by_default(void **state) {
  (void)state;
  test_expect_clean_child(run_as_nobody_without_locked_memory, NULL);
}

static int64_t send_without_a_copy(void *argument) {
  (void)argument;
  char bytes[8192];
  tcp_pair pair = tcp_pair_make();
  memset(bytes, 'z', sizeof bytes);
  const struct rlimit none = {0, 0};
  check_system(setrlimit(RLIMIT_MEMLOCK, &none));  // a ring itself may count
  check_equal(rouse_tcp_send_zero_copy(pair.client, bytes, sizeof bytes, ROUSE_FOREVER),
              sizeof bytes);
  memset(bytes, 0, sizeof bytes);
  for (size_t got = 0; got < sizeof bytes;) {
    int64_t part = rouse_tcp_receive(pair.server, bytes + got, sizeof bytes - got, ROUSE_FOREVER);
    check(part > 0);
    got += (size_t)part;
  }
  for (size_t i = 0; i < sizeof bytes; i++) check_equal(bytes[i], 'z');
  tcp_pair_close(&pair);
  return 0;
}

static void send_as_nobody_without_locked_memory(void *argument) {
  const rouse_run_options options = {.loop = {.backend = argument}};
  if (getuid() == 0) check_system(setuid(65534));
  test_run_options(&options, send_without_a_copy, NULL);
}

static void send_without_locked_memory(const char *name) {
  test_expect_clean_child(send_as_nobody_without_locked_memory, (void *)(uintptr_t)name);
}

static void no_locked_memory_makes_zero_copy_sends_copy(void **state) {
  (void)state;
  check(for_each_backend(send_without_locked_memory) >= 2);
}

// --- address space -------------------------------------------------------------------------------

#if !TEST_SANITIZED
enum { CROWD = 3000 };

static int64_t wait_for_go(void *argument) { return rouse_event_wait(argument); }

static int64_t spawn_more_than_fit(void *argument) {
  static rouse_task *tasks[CROWD];
  rouse_event go = ROUSE_EVENT_INIT;
  int *counts = argument;
  int spawned = 0;
  for (; spawned < CROWD; spawned++) {
    int result = rouse_task_spawn(&tasks[spawned], NULL, wait_for_go, &go);
    if (result) {
      check_result(result, ROUSE_ENOMEM);
      break;
    }
    if (spawned % 64 == 0) rouse_task_yield();
  }
  for (int i = 0; i < 100; i++) rouse_task_yield();
  rouse_event_set(&go);
  for (int i = 0; i < spawned; i++) {
    int64_t result = test_join(tasks[i]);
    if (result != ROUSE_DONE) check_result(result, ROUSE_ENOMEM);
    counts[result == ROUSE_DONE]++;
  }
  return 0;
}

static void run_out_of_address_space(void *argument) {
  (void)argument;
  // Stacks of a megabyte: some dozens fit.
  const rouse_run_options options = {.loop = {.stack_size = 1 << 20}};
  const struct rlimit low = {256 << 20, 256 << 20};
  int counts[2] = {0};
  check_system(setrlimit(RLIMIT_AS, &low));
  test_run_options(&options, spawn_more_than_fit, counts);
  check(counts[0] > 0);  // some had no stack
  check(counts[1] > 0);  // the others ran
  test_run_options(&options, answer, NULL);
}

static void map_beyond_the_limit(void *argument) {
  (void)argument;
  const struct rlimit low = {256 << 20, 256 << 20};
  check_system(setrlimit(RLIMIT_AS, &low));
  check(mmap(NULL, 512 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
}

static void tasks_beyond_the_address_space_end_with_their_code(void **state) {
  (void)state;
  char output[400];
  if (test_in_child(map_beyond_the_limit, NULL, output, sizeof output)) {
    print_message("SKIP: the limit on the address space has no effect here\n");
    skip();
  }
  test_expect_clean_child(run_out_of_address_space, NULL);
}
#endif

// --- files that may not grow ---------------------------------------------------------------------

static int64_t write_past_the_limit(void *argument) {
  rouse_fd fd = *(rouse_fd *)argument;
  static char block[4096];
  check_equal(rouse_file_write(fd, block, sizeof block, 0), sizeof block);
  check_equal(rouse_file_write(fd, block, sizeof block, 8192 - 100), 100);  // what fits
  check_result(rouse_file_write(fd, block, sizeof block, 8192), ROUSE_EFBIG);
  check_result(rouse_file_write(fd, block, 1, 1 << 20), ROUSE_EFBIG);
  return 0;
}

static void write_past_the_limit_in_child(void *argument) {
  const struct rlimit low = {8192, 8192};
  const rouse_run_options options = {.loop = {.backend = argument}};
  char directory[200], path[300];
  test_directory_make(directory, sizeof directory);
  snprintf(path, sizeof path, "%s/f", directory);
  rouse_fd fd = (rouse_fd)check_system(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  signal(SIGXFSZ, SIG_IGN);
  check_system(setrlimit(RLIMIT_FSIZE, &low));
  test_run_options(&options, write_past_the_limit, &fd);
  close(fd);
  test_directory_remove(directory);
}

static void write_past_the_limit_on(const char *name) {
  test_expect_clean_child(write_past_the_limit_in_child, (void *)(uintptr_t)name);
}

static void write_past_the_file_size_limit_says_so(void **state) {
  (void)state;
  check(for_each_backend(write_past_the_limit_on) >= 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(loop_create_says_that_descriptors_are_short),
    cmocka_unit_test(run_says_that_descriptors_are_short_and_ends_its_threads),
    cmocka_unit_test(operations_say_that_descriptors_are_short_and_work_again),
    cmocka_unit_test(files_are_registered_within_the_limit_of_descriptors),
    cmocka_unit_test(no_locked_memory_leaves_a_loop_by_default),
    cmocka_unit_test(no_locked_memory_makes_zero_copy_sends_copy),
#if !TEST_SANITIZED  // a sanitizer needs all the address space there is
    cmocka_unit_test(number_that_is_not_open_takes_no_room),
    cmocka_unit_test(tasks_beyond_the_address_space_end_with_their_code),
#endif
    cmocka_unit_test(write_past_the_file_size_limit_says_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
