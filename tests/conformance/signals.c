// Signals that come while a loop sleeps, on every backend.
#include <pthread.h>
#include <signal.h>
#include <time.h>

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

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(signal_to_the_sleeping_thread_is_no_failure),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
