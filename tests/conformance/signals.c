// Signals, on every backend: that come while a loop sleeps, and that are received in it.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../support/conformance.h"

static void do_nothing(int number) { (void)number; }

typedef struct shooter {
  pthread_t target;
  test_flag stop;
} shooter;
static void send_signals(void *argument) {
  shooter *self = argument;
  while (!test_flag_read(&self->stop)) {
    check_equal(pthread_kill(self->target, SIGUSR1), 0);
    nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
  }
}

static void signal_to_the_sleeping_thread_is_no_failure(void **state) {
  (void)state;
  struct sigaction action = {.sa_handler = do_nothing}, old;
  check_system(sigaction(SIGUSR1, &action, &old));
  rouse_loop *loop = NULL;
  const rouse_loop_options sleepy = {.spin_ns = -1};
  check_result(rouse_loop_create(&sleepy, &loop), ROUSE_DONE);
  shooter self = {.target = pthread_self()};
  test_thread thread;
  test_thread_start(&thread, send_signals, &self);
  int64_t until_ns = rouse_deadline_in_ns(10 * MILLISECOND);
  while (rouse_now_ns() < until_ns) check_equal(rouse_loop_run_once(loop, until_ns), 0);
  test_flag_set(&self.stop);
  test_thread_join(&thread);
  check_system(sigaction(SIGUSR1, &old, NULL));
  test_loop_destroy(loop);
}

// --- received in the loop ------------------------------------------------------------------------

static rouse_fd opened;  // for SIGUSR2, SIGHUP and SIGRTMIN, before any thread was started

static void send_value(int number, int value) {
  check_system(sigqueue(getpid(), number, (union sigval){.sival_int = value}));
}

static int64_t receive_and_return(void *argument) {
  rouse_signal got;
  int result = rouse_signal_wait(opened, &got, *(int64_t *)argument);
  return result ? result : got.number * 1000 + got.value;
}

static int64_t wait_for_signals(void *argument) {
  (void)argument;
  rouse_signal got;
  int64_t for_ever = ROUSE_FOREVER, soon = rouse_deadline_in_ns(MILLISECOND);
  check_result(rouse_signal_take(opened, &got), ROUSE_EAGAIN);
  check_equal(receive_and_return(&soon), ROUSE_ETIMEDOUT);

  rouse_task *waiter = test_spawn(NULL, receive_and_return, &for_ever);
  rouse_task_yield();
  send_value(SIGUSR2, 17);
  check_equal(test_join(waiter), SIGUSR2 * 1000 + 17);

  waiter = test_spawn(rouse_run_loop(1), receive_and_return, &for_ever);
  check_system(kill(getpid(), SIGHUP));
  check_equal(test_join(waiter), SIGHUP * 1000);

  waiter = test_spawn(NULL, receive_and_return, &for_ever);
  rouse_task_yield();
  rouse_task_cancel(waiter);
  check_equal(test_join(waiter), ROUSE_ECANCELED);
  send_value(SIGUSR2, 1);  // the cancelled one took nothing
  check_result(rouse_signal_wait(opened, &got, ROUSE_FOREVER), ROUSE_DONE);
  check_equal(got.number, SIGUSR2);
  check_equal(got.code, SI_QUEUE);
  check_equal(got.pid, getpid());
  check_equal(got.uid, getuid());
  return 0;
}

static void signals_are_received_by_tasks(void **state) {
  (void)state;
  test_run(2, wait_for_signals, NULL);
}

static int64_t share_queued_signals(void *argument) {
  (void)argument;
  enum { MANY = 50 };
  rouse_task *waiters[MANY];
  int64_t for_ever = ROUSE_FOREVER;
  bool seen[MANY] = {false};
  for (uint32_t i = 0; i < MANY; i++) {
    waiters[i] = test_spawn(rouse_run_loop(i % 2), receive_and_return, &for_ever);
  }
  for (int i = 0; i < MANY; i++) send_value(SIGRTMIN, i);
  for (int i = 0; i < MANY; i++) {
    int64_t value = test_join(waiters[i]) - SIGRTMIN * INT64_C(1000);
    check(value >= 0 && value < MANY);
    check(!seen[value]);
    seen[value] = true;
  }
  return 0;
}

static void each_queued_signal_is_received_once(void **state) {
  (void)state;
  test_run(2, share_queued_signals, NULL);
}

static void callback_hears_that_a_signal_can_be_taken(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  test_io io;
  test_io_init(&io, loop, NULL);
  check_result(rouse_signal_wait_start(&io.io, opened, ROUSE_FOREVER), ROUSE_PENDING);
  send_value(SIGUSR2, 5);
  test_loop_run_until(loop, &io.completed, 1);
  check(io.result > 0);
  rouse_signal got;
  check_result(rouse_signal_take(opened, &got), ROUSE_DONE);
  check_equal(got.value, 5);
  check_result(rouse_signal_take(opened, &got), ROUSE_EAGAIN);
  test_loop_destroy(loop);
}

static volatile sig_atomic_t acted;
static void count_action(int number) {
  (void)number;
  acted++;
}

static void unblocked_signal_acts_again(void **state) {
  (void)state;
  const int changed[] = {SIGWINCH};
  struct sigaction action = {.sa_handler = count_action}, old;
  check_system(sigaction(SIGWINCH, &action, &old));
  rouse_fd fd = rouse_signal_open(changed, 1);
  check(fd >= 0);
  rouse_signal got;
  check_system(raise(SIGWINCH));
  check_result(rouse_signal_take(fd, &got), ROUSE_DONE);
  check_system(raise(SIGWINCH));  // not received: it acts as soon as it may
  check_equal(acted, 0);
  check_result(rouse_signal_unblock(changed, 1), ROUSE_DONE);
  while (acted < 1) nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
  check_result(rouse_signal_take(fd, &got), ROUSE_EAGAIN);
  check_result(rouse_signal_unblock(changed, 1), ROUSE_DONE);  // as it is
  check_system(raise(SIGWINCH));
  while (acted < 2) nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
  check_equal(acted, 2);
  check_system(close(fd));
  check_system(sigaction(SIGWINCH, &old, NULL));
}

static int64_t is_blocked(void *unused) {
  (void)unused;
  sigset_t blocked;
  check_equal(pthread_sigmask(SIG_BLOCK, NULL, &blocked), 0);
  return sigismember(&blocked, SIGWINCH);
}
static int64_t block_for_others(void *unused) {
  (void)unused;
  const int changed[] = {SIGWINCH};
  rouse_fd fd = rouse_signal_open(changed, 1);
  check(fd >= 0);
  check_equal(test_join(test_spawn(NULL, is_blocked, NULL)), 1);
  check_result(rouse_signal_unblock(changed, 1), ROUSE_DONE);
  check_equal(test_join(test_spawn(NULL, is_blocked, NULL)), 0);
  return rouse_file_close(fd);
}
static void what_is_blocked_is_the_thread_s_and_not_the_task_s(void **state) {
  (void)state;
  test_run(1, block_for_others, NULL);
}

static void wrong_signals_and_descriptors_are_refused(void **state) {
  (void)state;
  rouse_signal got;
  sigset_t before, after;
  const int never[] = {SIGUSR1, SIGKILL}, none[] = {0}, large[] = {1000};
  check_system(pthread_sigmask(SIG_SETMASK, NULL, &before));
  check_result(rouse_signal_open(never, 2), ROUSE_EINVAL);
  check_result(rouse_signal_open(none, 1), ROUSE_EINVAL);
  check_result(rouse_signal_open(large, 1), ROUSE_EINVAL);
  check_result(rouse_signal_open(never, 0), ROUSE_EINVAL);
  check_result(rouse_signal_unblock(never, 2), ROUSE_EINVAL);
  check_result(rouse_signal_unblock(none, 1), ROUSE_EINVAL);
  check_result(rouse_signal_unblock(never, 0), ROUSE_EINVAL);
  check_system(pthread_sigmask(SIG_SETMASK, NULL, &after));
  check_equal(sigismember(&after, SIGUSR1), sigismember(&before, SIGUSR1));
  check_result(rouse_signal_take(-1, &got), ROUSE_EBADF);
}

static void check_is_refused(rouse_fd fd, int expected) {
  rouse_signal got;
  check_result(rouse_signal_take(fd, &got), expected);
  check_system(close(fd));
}

static int64_t wait_on_another_kind(void *argument) {
  rouse_signal got;
  check_result(rouse_signal_wait(*(rouse_fd *)argument, &got, ROUSE_FOREVER), ROUSE_EINVAL);
  return 0;
}

// And loses nothing of what it would give.
static void other_kinds_of_descriptors_are_refused(void **state) {
  (void)state;
  int ends[2], pair[2];
  char bytes[200] = {0};
  check_system(pipe(ends));
  check_result(rouse_signal_take(ends[0], &(rouse_signal){0}), ROUSE_EINVAL);
  test_run(1, wait_on_another_kind, &ends[0]);
  check_equal(write(ends[1], bytes, 128), 128);
  check_result(rouse_signal_take(ends[0], &(rouse_signal){0}), ROUSE_EINVAL);
  check_equal(read(ends[0], bytes, sizeof bytes), 128);
  check_is_refused(ends[0], ROUSE_EINVAL);
  check_is_refused(ends[1], ROUSE_EINVAL);
  check_system(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
  check_equal(write(pair[1], bytes, 128), 128);
  check_result(rouse_signal_take(pair[0], &(rouse_signal){0}), ROUSE_EINVAL);
  check_equal(read(pair[0], bytes, sizeof bytes), 128);
  check_is_refused(pair[0], ROUSE_EINVAL);
  check_is_refused(pair[1], ROUSE_EINVAL);
  check_is_refused((rouse_fd)check_system(open("/dev/zero", O_RDONLY)), ROUSE_EINVAL);
  check_is_refused((rouse_fd)check_system(open("/", O_RDONLY | O_DIRECTORY)), ROUSE_EINVAL);
  check_is_refused((rouse_fd)check_system(eventfd(1, 0)), ROUSE_EINVAL);
  check_is_refused((rouse_fd)check_system(eventfd(1, EFD_NONBLOCK)), ROUSE_EINVAL);
  check_is_refused((rouse_fd)check_system(epoll_create1(0)), ROUSE_EINVAL);
}

int main(void) {
  const int received[] = {SIGUSR2, SIGHUP, SIGRTMIN};
  opened = rouse_signal_open(received, 3);
  check(opened >= 0);
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(signal_to_the_sleeping_thread_is_no_failure),
      cmocka_unit_test(signals_are_received_by_tasks),
      cmocka_unit_test(each_queued_signal_is_received_once),
      cmocka_unit_test(callback_hears_that_a_signal_can_be_taken),
      cmocka_unit_test(unblocked_signal_acts_again),
      cmocka_unit_test(what_is_blocked_is_the_thread_s_and_not_the_task_s),
      cmocka_unit_test(wrong_signals_and_descriptors_are_refused),
      cmocka_unit_test(other_kinds_of_descriptors_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
