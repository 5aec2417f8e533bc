// The end of other processes, on every backend.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/conformance.h"

// A child that lives until its pipe is closed, and then exits with |code|, or is killed by -|code|.
typedef struct child {
  pid_t pid;
  int leash;
  rouse_fd process;
} child;

static void live(int leash, int code) {
  char byte;
  while (read(leash, &byte, 1) < 0) {
  }
  if (code < 0) kill(getpid(), -code);
  _exit(code);
}

static child child_start(int code) {
  int ends[2];
  check_system(pipe(ends));
  child self = {.leash = ends[1]};
  self.pid = fork();
  check(self.pid >= 0);
  if (!self.pid) {
    close(ends[1]);
    live(ends[0], code);
  }
  close(ends[0]);
  self.process = rouse_process_open(self.pid);
  if (self.process == ROUSE_ENOSYS) {
    close(ends[1]);
    waitpid(self.pid, NULL, 0);
    test_skip("the system has no descriptors of processes");
  }
  check(self.process >= 0);
  return self;
}

static void child_release(child *self) {
  if (self->leash >= 0) check_system(close(self->leash));
  self->leash = -1;
}

static void child_forget(child *self) {
  child_release(self);
  check_result(rouse_file_close(self->process), ROUSE_DONE);
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
  check_result(rouse_process_wait(self.process, &end, ROUSE_FOREVER), ROUSE_DONE);
  check(!end.known);  // it was collected already
  child_forget(&self);

  self = child_start(-SIGKILL);
  child_release(&self);
  check_equal(wait_for_it(&self), SIGKILL * 1000);
  child_forget(&self);
  return 0;
}

static void exit_codes_and_signals_are_told(void **state) {
  (void)state;
  test_run(2, wait_for_children, NULL);
}

static int64_t wait_for_many(void *argument) {
  (void)argument;
  enum { MANY = 40 };
  child children[MANY];
  rouse_task *waiters[MANY];
  for (uint32_t i = 0; i < MANY; i++) {
    children[i] = child_start((int)i);
    waiters[i] = test_spawn(rouse_run_loop(i % 2), wait_for_it, &children[i]);
  }
  // A later child holds the write ends of those before it; so they end from the last to the first.
  for (int i = MANY; i--;) child_release(&children[i]);
  for (int i = 0; i < MANY; i++) {
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
  check((one == 3 && other == -1000) || (one == -1000 && other == 3));
  child_forget(&self);
  return 0;
}

static void of_two_waiters_one_learns_how_it_ended(void **state) {
  (void)state;
  test_run(2, wait_together, NULL);
}

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
      close(leash[1]);
      live(leash[0], 9);
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
  check_system(close(self.process));
  test_loop_destroy(loop);
}

static int64_t ask_wrongly(void *argument) {
  (void)argument;
  rouse_process_end end;
  check_result(rouse_process_open(0), ROUSE_EINVAL);
  check_result(rouse_process_open(-1), ROUSE_EINVAL);
  check_result(rouse_process_open(INT64_C(1) << 40), ROUSE_EINVAL);
  pid_t gone = fork();
  check(gone >= 0);
  if (!gone) _exit(0);
  check_equal(waitpid(gone, NULL, 0), gone);
  check_result(rouse_process_open(gone), ROUSE_ESRCH);
  check_result(rouse_process_wait(-1, &end, ROUSE_FOREVER), ROUSE_EBADF);
  check_result(rouse_process_collect(-1, &end), ROUSE_EBADF);
  check_result(rouse_process_collect(STDERR_FILENO, &end), ROUSE_EBADF);
  return 0;
}

static void wrong_processes_are_refused(void **state) {
  (void)state;
  child self = child_start(0);  // or skips
  child_release(&self);
  check_equal(waitpid(self.pid, NULL, 0), self.pid);
  check_system(close(self.process));
  test_run(1, ask_wrongly, NULL);
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exit_codes_and_signals_are_told),
      cmocka_unit_test(many_children_are_waited_for_at_once),
      cmocka_unit_test(of_two_waiters_one_learns_how_it_ended),
      cmocka_unit_test(end_of_a_process_that_is_no_child_is_heard),
      cmocka_unit_test(callback_hears_of_the_end),
      cmocka_unit_test(wrong_processes_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
