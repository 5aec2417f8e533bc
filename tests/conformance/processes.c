// The end of other processes, on every backend.
#ifdef _WIN32
#include "sockets.h"
// The sockets' headers come first.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#else
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "../support/conformance.h"

// Whether everybody who asks is told how a process ended. Else the first of those whose child it
// is.
#ifdef _WIN32
static const bool all_are_told = true;
#else
static const bool all_are_told = false;
#endif

typedef struct child {
  test_child system;
  rouse_fd process;
} child;

static child child_start(int code) {
  child self;
  test_child_start(&self.system, code);
  self.process = rouse_process_open(self.system.pid);
  if (self.process == ROUSE_ENOSYS) {
    test_child_release(&self.system);
    test_skip("the system has no descriptors of processes");
  }
  check(self.process >= 0);
  check(!test_is_inherited(self.process));
  return self;
}

static void child_release(child *self) { test_child_release(&self->system); }

static void child_forget(child *self) {
  child_release(self);
  test_child_reap(&self->system);
  test_close(self->process);
}

static int64_t wait_for_it(void *argument) {
  child *self = argument;
  rouse_process_end end;
  int result = rouse_process_wait(self->process, &end, ROUSE_FOREVER);
  if (result) return result;
  return end.known ? end.exit_code + end.signal * 1000 : -1000;
}

static int64_t wait_for_children(void *argument) {
  (void)argument;
  rouse_process_end end;
  child self = child_start(42);
  check_result(rouse_process_collect(self.process, &end), ROUSE_EAGAIN);
  int64_t soon = rouse_deadline_in_ns(MILLISECOND);
  check_result(rouse_process_wait(self.process, &end, soon), ROUSE_ETIMEDOUT);
  rouse_task *waiter = test_spawn(rouse_run_loop(1), wait_for_it, &self);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check(!rouse_task_is_done(waiter));
  rouse_task_cancel(waiter);
  check_equal(test_join(waiter), ROUSE_ECANCELED);
  child_release(&self);
  check_result(rouse_process_wait(self.process, NULL, ROUSE_FOREVER), ROUSE_DONE);
  check_result(rouse_process_wait(self.process, &end, ROUSE_FOREVER), ROUSE_DONE);
  check(end.known);
  check_equal(end.exit_code, 42);
  check_equal(end.signal, 0);
  check(!end.core_dumped);
  check_result(rouse_process_wait(self.process, &end, ROUSE_FOREVER), ROUSE_DONE);
  check_equal(end.known, all_are_told);  // it was collected already
  check_equal(end.exit_code, all_are_told ? 42 : 0);
  child_forget(&self);
  return 0;
}

static void exit_code_is_told(void **state) {
  (void)state;
  test_run(2, wait_for_children, NULL);
}

static int64_t wait_for_many(void *argument) {
  (void)argument;
  enum { MANY = 40 };
  child children[MANY];
  rouse_task *waiters[MANY];
  const int many = test_scaled(MANY);
  for (int i = 0; i < many; i++) {
    children[i] = child_start(i);
    waiters[i] = test_spawn(rouse_run_loop((uint32_t)i % 2), wait_for_it, &children[i]);
  }
  // A later child may hold the leashes of those before it; so they end from the last to the first.
  for (int i = many; i--;) child_release(&children[i]);
  for (int i = 0; i < many; i++) {
    check_equal(test_join(waiters[i]), i);
    child_forget(&children[i]);
  }
  return 0;
}

static void many_children_are_waited_for_at_once(void **state) {
  (void)state;
  test_run(2, wait_for_many, NULL);
}

static int64_t wait_together(void *argument) {
  (void)argument;
  child self = child_start(3);
  rouse_task *first = test_spawn(rouse_run_loop(0), wait_for_it, &self);
  rouse_task *second = test_spawn(rouse_run_loop(1), wait_for_it, &self);
  rouse_task_yield();
  child_release(&self);
  int64_t one = test_join(first), other = test_join(second);
  if (all_are_told) {
    check(one == 3 && other == 3);
  } else {
    check((one == 3 && other == -1000) || (one == -1000 && other == 3));
  }
  child_forget(&self);
  return 0;
}

static void two_who_wait_hear_of_the_end_and_one_or_both_how(void **state) {
  (void)state;
  test_run(2, wait_together, NULL);
}

// --- no child ------------------------------------------------------------------------------------

#ifdef _WIN32

// A child of this process waits for another one.
static const char variable[] = "ROUSE_TEST_SIBLING";

static int64_t wait_for_a_sibling(void *argument) {
  (void)argument;
  rouse_process_end end;
  const char *pid = getenv(variable);
  check(pid);
  rouse_fd process = rouse_process_open(strtoll(pid, NULL, 10));
  check(process >= 0);
  check_result(rouse_process_wait(process, &end, ROUSE_FOREVER), ROUSE_DONE);
  check(end.known);
  check_equal(end.exit_code, 9);
  return rouse_file_close(process);
}

static void live_beside_a_sibling(void *argument) {
  (void)argument;
  check_equal(test_run(1, wait_for_a_sibling, NULL), 0);
}

static void release_in_a_moment(void *argument) {
  nanosleep(&(struct timespec){.tv_nsec = 100 * MILLISECOND}, NULL);
  test_child_release(argument);
}

static void end_of_a_process_that_is_no_child_is_heard(void **state) {
  (void)state;
  char pid[32];
  test_thread thread;
  test_child sibling;
  test_child_start(&sibling, 9);
  snprintf(pid, sizeof pid, "%lld", (long long)sibling.pid);
  test_environment_set(variable, pid);
  test_thread_start(&thread, release_in_a_moment, &sibling);
  test_expect_clean_child(live_beside_a_sibling, NULL);
  test_thread_join(&thread);
  test_environment_set(variable, NULL);
  test_child_reap(&sibling);
}

#else

static int64_t wait_for_a_grandchild(void *argument) {
  (void)argument;
  int leash[2], news[2];
  check_system(pipe(leash));
  check_system(pipe(news));
  pid_t middle = fork(), pid = 0;
  check(middle >= 0);
  if (!middle) {
    pid = fork();
    if (!pid) {
      char byte;
      close(leash[1]);
      while (read(leash[0], &byte, 1) < 0) continue;
      _exit(9);
    }
    if (write(news[1], &pid, sizeof pid) != sizeof pid) _exit(1);
    _exit(0);
  }
  check_equal(read(news[0], &pid, sizeof pid), sizeof pid);
  check_equal(waitpid(middle, NULL, 0), middle);
  close(leash[0]), close(news[0]), close(news[1]);
  rouse_fd process = rouse_process_open(pid);
  if (process == ROUSE_ENOSYS) test_skip("the system has no descriptors of processes");
  check(process >= 0);
  check_system(close(leash[1]));
  rouse_process_end end;
  check_result(rouse_process_wait(process, &end, ROUSE_FOREVER), ROUSE_DONE);
  check(!end.known);
  check_result(rouse_file_close(process), ROUSE_DONE);
  return 0;
}

static void end_of_a_process_that_is_no_child_is_heard(void **state) {
  (void)state;
  test_run(1, wait_for_a_grandchild, NULL);
}

#endif

// --- by callback, and refused --------------------------------------------------------------------

static void callback_hears_of_the_end(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  child self = child_start(0);
  test_io io;
  test_io_init(&io, loop, NULL);
  check_result(rouse_process_wait_start(&io.io, self.process, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_settle(loop);
  check_equal(io.completed, 0);
  child_release(&self);
  test_loop_run_until(loop, &io.completed, 1);
  check(io.result > 0);
  rouse_process_end end;
  check_result(rouse_process_collect(self.process, &end), ROUSE_DONE);
  check(end.known);
  check_equal(end.exit_code, 0);
  child_forget(&self);
  test_loop_destroy(loop);
}

// The number of no process.
static int64_t nobody(void) {
#ifdef _WIN32
  return 0xfffffffc;  // they start low, and those of the dead are given out again at once
#else
  child self = child_start(0);
  child_forget(&self);
  return self.system.pid;
#endif
}

static int64_t ask_wrongly(void *argument) {
  (void)argument;
  rouse_process_end end;
  rouse_fd ends[2];
  check_result(rouse_process_open(0), ROUSE_EINVAL);
  check_result(rouse_process_open(-1), ROUSE_EINVAL);
  check_result(rouse_process_open(INT64_C(1) << 40), ROUSE_EINVAL);
  check_result(rouse_process_open(nobody()), ROUSE_ESRCH);
  check_result(rouse_process_wait(-1, &end, ROUSE_FOREVER), ROUSE_EBADF);
  check_result(rouse_process_collect(-1, &end), ROUSE_EBADF);
  test_pipe(ends);
  check_result(rouse_process_collect(ends[0], &end), ROUSE_EBADF);
  test_close(ends[0]);
  test_close(ends[1]);
  return 0;
}

static void wrong_processes_are_refused(void **state) {
  (void)state;
  child self = child_start(0);  // or skips
  check_result(rouse_process_wait(self.process, NULL, ROUSE_FOREVER), ROUSE_ENOLOOP);
  child_forget(&self);
  test_run(1, ask_wrongly, NULL);
}

// --- what only one system has --------------------------------------------------------------------

#ifdef _WIN32

static int64_t wait_for_large_codes(void *argument) {
  (void)argument;
  static const int codes[] = {256, STILL_ACTIVE, INT32_MAX, (int)STATUS_ACCESS_VIOLATION, -1};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    child self = child_start(codes[i]);
    child_release(&self);
    check_equal(wait_for_it(&self), codes[i]);
    child_forget(&self);
  }
  return 0;
}

static void all_bits_of_an_exit_code_are_told(void **state) {
  (void)state;
  test_run(1, wait_for_large_codes, NULL);
}

static int64_t wait_by_the_maker_s_handle(void *argument) {
  (void)argument;
  child self = child_start(5);
  rouse_fd made = rouse_fd_from_handle((void *)self.system.system);
  rouse_process_end end;
  check_result(rouse_process_collect(made, &end), ROUSE_EAGAIN);
  check(TerminateProcess((HANDLE)self.system.system, 77));
  check_result(rouse_process_wait(made, &end, ROUSE_FOREVER), ROUSE_DONE);
  check(end.known);
  check_equal(end.exit_code, 77);  // that of who killed it, and no signal
  check_equal(end.signal, 0);
  child_forget(&self);
  return 0;
}

static void any_handle_of_a_process_will_do(void **state) {
  (void)state;
  test_run(1, wait_by_the_maker_s_handle, NULL);
}

static void handle_of_something_else_is_refused(void **state) {
  (void)state;
  rouse_process_end end;
  for (int set = 0; set < 2; set++) {
    HANDLE event = CreateEventW(NULL, TRUE, set, NULL);
    check(event);
    check_result(rouse_process_collect(rouse_fd_from_handle(event), &end), ROUSE_EBADF);
    CloseHandle(event);
  }
}

#else

static int64_t wait_for_a_killed_one(void *argument) {
  (void)argument;
  child self = child_start(-SIGKILL);
  child_release(&self);
  check_equal(wait_for_it(&self), SIGKILL * 1000);
  child_forget(&self);
  return 0;
}

static void signal_that_killed_is_told(void **state) {
  (void)state;
  test_run(1, wait_for_a_killed_one, NULL);
}

#endif

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exit_code_is_told),
      cmocka_unit_test(many_children_are_waited_for_at_once),
      cmocka_unit_test(two_who_wait_hear_of_the_end_and_one_or_both_how),
      cmocka_unit_test(end_of_a_process_that_is_no_child_is_heard),
      cmocka_unit_test(callback_hears_of_the_end),
      cmocka_unit_test(wrong_processes_are_refused),
#ifdef _WIN32
      cmocka_unit_test(all_bits_of_an_exit_code_are_told),
      cmocka_unit_test(any_handle_of_a_process_will_do),
      cmocka_unit_test(handle_of_something_else_is_refused),
#else
      cmocka_unit_test(signal_that_killed_is_told),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
