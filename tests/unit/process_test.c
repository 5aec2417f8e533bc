// Processes without a loop: whose end is told to whom, and what is no process.
#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/support.h"

static rouse_fd open_process(pid_t pid) {
  rouse_fd process = rouse_process_open(pid);
  if (process == ROUSE_ENOSYS) test_skip("the system has no descriptors of processes");
  check(process >= 0);
  return process;
}

static void living_process_that_is_no_child_has_not_ended(void **state) {
  (void)state;
  rouse_process_end end = {.known = true};
  rouse_fd process = open_process(getpid());
  errno = 4321;
  check_result(rouse_process_collect(process, &end), ROUSE_EAGAIN);
  check_equal(errno, 4321);
  test_close(process);
}

static void end_that_was_collected_is_not_known_but_an_end(void **state) {
  (void)state;
  int leash[2];
  check_system(pipe(leash));
  pid_t child = fork();
  check(child >= 0);
  if (!child) {
    char byte;
    close(leash[1]);
    _exit(read(leash[0], &byte, 1) != 0);
  }
  close(leash[0]);
  rouse_process_end end = {.known = true};
  rouse_fd process = open_process(child);
  check_result(rouse_process_collect(process, &end), ROUSE_EAGAIN);
  close(leash[1]);
  check_equal(check_system(waitpid(child, NULL, 0)), child);
  errno = 4321;
  check_result(rouse_process_collect(process, &end), ROUSE_DONE);
  check(!end.known);
  check_equal(errno, 4321);
  test_close(process);
}

typedef struct numbered {
  int64_t number;
  test_flag known, seen;
} numbered;

static void tell_number(void *argument) {
  numbered *self = argument;
  self->number = syscall(SYS_gettid);
  test_flag_set(&self->known);
  test_flag_await(&self->seen, 1);
}

static void number_of_a_thread_is_none_of_a_process(void **state) {
  (void)state;
  test_close(open_process(getpid()));
  numbered self = {.number = 0};
  test_thread thread;
  test_thread_start(&thread, tell_number, &self);
  test_flag_await(&self.known, 1);
  check(self.number != getpid());
  errno = 4321;
  check_result(rouse_process_open(self.number), ROUSE_EINVAL);
  check_equal(errno, 4321);
  test_flag_set(&self.seen);
  test_thread_join(&thread);
  check_result(rouse_process_open(0), ROUSE_EINVAL);
  check_result(rouse_process_open(-1), ROUSE_EINVAL);
  check_result(rouse_process_open(INT64_MAX), ROUSE_EINVAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(living_process_that_is_no_child_has_not_ended),
      cmocka_unit_test(end_that_was_collected_is_not_known_but_an_end),
      cmocka_unit_test(number_of_a_thread_is_none_of_a_process),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
