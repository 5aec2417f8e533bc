// What futex waits without a ring stand on: the system's blocking calls, with and without the one
// that waits for two words, and the threads that make them.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../support/support.h"
#include "base/atomics.h"
#include "platform/futex.h"
#include "platform/platform.h"

enum { GOING = 1, STOP = 2 };

typedef struct sleeper {
  uint32_t word;
  bool shared;
  rouse__atomic32 control;
  int result;
  test_flag ended;
} sleeper;

static void sleep_on_word(void *argument) {
  sleeper *self = argument;
  self->result = rouse__futex_wait(&self->word, 0, self->shared, &self->control, GOING);
  test_flag_set(&self->ended);
}

static void stop(sleeper *self) {
  store_release(&self->control, STOP);
  rouse__unpark(&self->control);
}

static int wake_until_heard(sleeper *self) {
  int woken = 0;
  while (!woken) woken = rouse__futex_wake(&self->word, 1, self->shared);
  return woken;
}

static void wake_ends_the_sleep(void *argument) {
  (void)argument;
  for (int shared = 0; shared < 2; shared++) {
    for (int i = 0; i < 20; i++) {
      sleeper self = {.shared = shared, .control = {GOING}};
      test_thread thread;
      test_thread_start(&thread, sleep_on_word, &self);
      check_equal(wake_until_heard(&self), 1);
      if (i % 2) stop(&self);  // the wake was spent, so it is the result all the same
      test_thread_join(&thread);
      check_result(self.result, 0);
    }
  }
}

static void stop_ends_the_sleep_and_no_wake_is_spent(void *argument) {
  (void)argument;
  for (int i = 0; i < 20; i++) {
    sleeper self = {.shared = i % 2, .control = {GOING}};
    test_thread thread;
    if (i % 3 == 0) stop(&self);  // before it begins
    test_thread_start(&thread, sleep_on_word, &self);
    if (i % 3 == 1) rouse__thread_yield();
    if (i % 3 == 2) usleep(2000);
    stop(&self);
    test_thread_join(&thread);
    check_result(self.result, ROUSE_ECANCELED);
    check_equal(rouse__futex_wake(&self.word, 1, self.shared), 0);
  }
}

static void word_that_differs_and_bad_addresses_are_told(void *argument) {
  (void)argument;
  rouse__atomic32 control = {GOING};
  uint32_t word = 9;
  for (int shared = 0; shared < 2; shared++) {
    check_result(rouse__futex_wait(&word, 0, shared, &control, GOING), ROUSE_EAGAIN);
    void *nothing = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(nothing != MAP_FAILED);
    check_result(rouse__futex_wait(nothing, 0, shared, &control, GOING), ROUSE_EFAULT);
    munmap(nothing, 4096);
  }
}

// Wakes and stops at once: the result says exactly what the waker was told.
static void result_agrees_with_the_waker(void *argument) {
  (void)argument;
  int woken_in_all = 0;
  for (int i = 0; i < test_scaled(300); i++) {
    sleeper self = {.shared = i % 2, .control = {GOING}};
    test_thread thread;
    test_thread_start(&thread, sleep_on_word, &self);
    if (i % 4) usleep((unsigned)(i % 7) * 20);
    int woken = rouse__futex_wake(&self.word, 1, self.shared);
    stop(&self);
    test_thread_join(&thread);
    check_result(self.result, woken ? 0 : ROUSE_ECANCELED);
    woken_in_all += woken;
  }
  printf("%d were woken\n", woken_in_all);
}

static void loop_waits_by_threads(void *argument) {
  (void)argument;
  const rouse_loop_options options = {.backend = "poll"};
  rouse_loop *loop = NULL;
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  uint32_t words[2] = {0, 0};
  rouse_futex_entry entries[2] = {{.word = &words[0]}, {.word = &words[1], .flags = 1}};
  for (int i = 0; i < 10; i++) {
    test_io any;
    test_io_init(&any, loop, NULL);
    int64_t deadline_ns = i % 3 == 1 ? rouse_deadline_in_ns(MILLISECOND) : ROUSE_FOREVER;
    check_result(rouse_futex_wait_any_start(&any.io, entries, 2, deadline_ns), ROUSE_PENDING);
    int woken = 0;
    while (i % 3 == 0 && !woken) {
      woken = rouse_futex_wake(&words[1], 1, 1);
      check(rouse_loop_run_once(loop, rouse_deadline_in_ns(50 * MICROSECOND)) >= 0);
    }
    if (i % 3 == 2) rouse_wait_cancel(&any.io.wait);
    test_loop_run_until(loop, &any.completed, 1);
    check_equal(any.reported, i % 3 == 0 ? 1 : i % 3 == 1 ? ROUSE_ETIMEDOUT : ROUSE_ECANCELED);
  }
  test_loop_destroy(loop);
}

// --- with the call for two words, and without ----------------------------------------------------

static void (*const claims[])(void *) = {
    wake_ends_the_sleep,          stop_ends_the_sleep_and_no_wake_is_spent,
    result_agrees_with_the_waker, word_that_differs_and_bad_addresses_are_told,
    loop_waits_by_threads,
};

static void with_the_call_for_two_words(void **state) {
  (void)state;
  if (!rouse__futex_wait_is_prompt()) puts("this kernel has no call for two words");
  for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) claims[i](NULL);
}

static void all_without(void *argument) {
  setenv("ROUSE_FUTEX_WITHOUT", "waitv", 1);
  check(!rouse__futex_wait_is_prompt());
  for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) claims[i](argument);
}
// What is known of the kernel is found out once in a process.
static void without_the_call_for_two_words(void **state) {
  (void)state;
  test_expect_clean_child(all_without, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_the_call_for_two_words),
      cmocka_unit_test(with_the_call_for_two_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
