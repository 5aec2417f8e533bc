// Futex words on every backend: what a wait and a wake promise, by the library's own calls.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/conformance.h"
#include "platform/memory.h"

static uint32_t word_read(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static void word_add(uint32_t *word) { __atomic_add_fetch(word, 1, __ATOMIC_RELEASE); }

// The kinds of words that this system has: all below it.
static uint32_t kinds(void) {
  uint32_t word = 0;
  return rouse_futex_wake(&word, 1, ROUSE_FUTEX_SHARED) == ROUSE_ENOSYS ? 1 : 2;
}

// Nothing tells when a wait is armed. So whoever wants to wake exactly |count| wakes until so many
// were. In a task.
static void wake_in_task(uint32_t *word, uint32_t count, uint32_t flags) {
  while (count) {
    int woken = rouse_futex_wake(word, count, flags);
    check(woken >= 0 && (uint32_t)woken <= count);
    count -= (uint32_t)woken;
    if (count) check_result(rouse_task_sleep_ns(100 * MICROSECOND), ROUSE_DONE);
  }
}

// The same outside of tasks, running |loop| meanwhile.
static void wake_from_loop(rouse_loop *loop, uint32_t *word, uint32_t count, uint32_t flags) {
  while (count) {
    int woken = rouse_futex_wake(word, count, flags);
    check(woken >= 0 && (uint32_t)woken <= count);
    count -= (uint32_t)woken;
    if (count) check(rouse_loop_run_once(loop, rouse_deadline_in_ns(100 * MICROSECOND)) >= 0);
  }
}

// --- wait and wake -------------------------------------------------------------------------------

typedef struct waiters {
  uint32_t word, flags;
  int done;
} waiters;

static int64_t wait_for_word(void *argument) {
  waiters *self = argument;
  int result = rouse_futex_wait(&self->word, 0, self->flags, ROUSE_FOREVER);
  self->done++;
  return result;
}

enum { SEVERAL = 5 };
static int64_t wake_two_then_all(void *argument) {
  waiters *self = argument;
  rouse_task *tasks[SEVERAL];
  for (int i = 0; i < SEVERAL; i++) tasks[i] = test_spawn(NULL, wait_for_word, self);
  wake_in_task(&self->word, 2, self->flags);
  while (self->done < 2) check_result(rouse_task_sleep_ns(100 * MICROSECOND), ROUSE_DONE);
  for (int i = 0; i < 20; i++) rouse_task_yield();
  check_equal(self->done, 2);
  int left = SEVERAL - 2;
  while (left) {
    int woken = rouse_futex_wake(&self->word, ROUSE_FUTEX_ALL, self->flags);
    check(woken >= 0 && woken <= left);
    left -= woken;
    check_result(rouse_task_sleep_ns(100 * MICROSECOND), ROUSE_DONE);
  }
  for (int i = 0; i < SEVERAL; i++) check_result(test_join(tasks[i]), ROUSE_DONE);
  check_equal(rouse_futex_wake(&self->word, ROUSE_FUTEX_ALL, self->flags), 0);
  return 0;
}

static void wake_reaches_as_many_as_it_says(void **state) {
  (void)state;
  for (uint32_t flags = 0; flags < kinds(); flags++) {
    waiters self = {.flags = flags};
    test_run(1, wake_two_then_all, &self);
    check_equal(self.done, SEVERAL);
  }
}

static int64_t changed_word(void *argument) {
  uint32_t *word = argument;
  for (uint32_t flags = 0; flags < kinds(); flags++) {
    check_result(rouse_futex_wait(word, 8, flags, ROUSE_FOREVER), ROUSE_EAGAIN);
    rouse_futex_entry entries[2] = {{.word = word, .expected = 7, .flags = flags},
                                    {.word = word + 1, .expected = 1, .flags = flags}};
    check_result(rouse_futex_wait_any(entries, 2, ROUSE_FOREVER), ROUSE_EAGAIN);
    check_equal(rouse_futex_wake(word, ROUSE_FUTEX_ALL, flags), 0);  // nobody was left behind
  }
  return 0;
}

static void word_that_differs_ends_the_wait_at_once(void **state) {
  (void)state;
  uint32_t words[2] = {7, 0};
  test_run(1, changed_word, words);
}

// However little time there is: the word comes before the deadline.
static int64_t look_at_words(void *argument) {
  uint32_t *words = argument;
  for (int i = 0; i < test_scaled(200); i++) {
    for (uint32_t flags = 0; flags < kinds(); flags++) {
      rouse_futex_entry entries[2] = {{.word = words, .expected = 7, .flags = flags},
                                      {.word = words + 1, .expected = 1, .flags = flags}};
      const int64_t late_ns = i % 2 ? rouse_now_ns() : 0;
      check_result(rouse_futex_wait(words, 8, flags, late_ns), ROUSE_EAGAIN);
      check_result(rouse_futex_wait(words, 7, flags, late_ns), ROUSE_ETIMEDOUT);
      check_result(rouse_futex_wait_any(entries, 2, late_ns), ROUSE_EAGAIN);
      check_result(rouse_futex_wait_any(entries, 1, late_ns), ROUSE_ETIMEDOUT);
    }
    watchdog_progress();
  }
  return 0;
}

static void wait_with_a_deadline_that_has_passed_looks_at_the_word(void **state) {
  (void)state;
  uint32_t words[2] = {7, 0};
  watchdog_start();
  test_run(1, look_at_words, words);
  watchdog_stop();
}

static int64_t change_and_wake(void *argument) {
  waiters *self = argument;
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  word_add(&self->word);
  check(rouse_futex_wake(&self->word, 1, self->flags) >= 0);
  return 0;
}
static int64_t wait_for_a_change(void *argument) {
  waiters *self = argument;
  rouse_task *waker = test_spawn(rouse_run_loop(1), change_and_wake, self);
  while (!word_read(&self->word)) {
    int result = rouse_futex_wait(&self->word, 0, self->flags, ROUSE_FOREVER);
    check(result == ROUSE_DONE || result == ROUSE_EAGAIN);
  }
  test_join(waker);
  return 0;
}

static void change_by_another_loop_is_seen(void **state) {
  (void)state;
  for (uint32_t round = 0; round < 20; round++) {
    waiters self = {.flags = round % kinds()};
    test_run(2, wait_for_a_change, &self);
  }
}

static int64_t kinds_do_not_mix(void *argument) {
  waiters *self = argument;
  rouse_task *task = test_spawn(NULL, wait_for_word, self);
  for (int i = 0; i < 30; i++) {
    check(rouse_futex_wake(&self->word, ROUSE_FUTEX_ALL, !self->flags) <= 0);
    check_result(rouse_task_sleep_ns(100 * MICROSECOND), ROUSE_DONE);
  }
  wake_in_task(&self->word, 1, self->flags);
  check_result(test_join(task), ROUSE_DONE);
  return 0;
}

static void wake_of_the_other_kind_wakes_nobody(void **state) {
  (void)state;
  for (uint32_t flags = 0; flags < kinds(); flags++) {
    waiters self = {.flags = flags};
    test_run(1, kinds_do_not_mix, &self);
  }
}

static void wake_of_nobody_wakes_nobody(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  uint32_t word = 0;
  test_io io;
  test_io_init(&io, loop, NULL);
  check_result(rouse_futex_wait_start(&io.io, &word, 0, 0, ROUSE_FOREVER), ROUSE_PENDING);
  for (int i = 0; i < 20; i++) {
    check_equal(rouse_futex_wake(&word, 0, 0), 0);
    check(rouse_loop_run_once(loop, rouse_deadline_in_ns(100 * MICROSECOND)) >= 0);
  }
  check_equal(io.completed, 0);
  wake_from_loop(loop, &word, 1, 0);
  test_loop_run_until(loop, &io.completed, 1);
  check_result(io.reported, ROUSE_DONE);
  test_loop_destroy(loop);
}

// --- callbacks -----------------------------------------------------------------------------------

static void wake_is_an_operation_too(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  uint32_t word = 0;
  test_io waits[3], wake;
  int completed = 0;
  for (int i = 0; i < 3; i++) {
    test_io_init(&waits[i], loop, &completed);
    check_result(rouse_futex_wait_start(&waits[i].io, &word, 0, 0, ROUSE_FOREVER), ROUSE_PENDING);
  }
  int woken = 0;
  while (woken < 3) {
    test_io_init(&wake, loop, NULL);
    check_result(rouse_futex_wake_start(&wake.io, &word, 2, 0), ROUSE_PENDING);
    test_loop_run_until(loop, &wake.completed, 1);
    check(wake.reported >= 0 && wake.reported <= 2);
    woken += wake.reported;
  }
  test_loop_run_until(loop, &completed, 3);
  for (int i = 0; i < 3; i++) check_result(waits[i].result, ROUSE_DONE);
  test_io_init(&wake, loop, NULL);
  check_result(rouse_futex_wake_start(&wake.io, &word, ROUSE_FUTEX_ALL, 0), ROUSE_PENDING);
  test_loop_run_until(loop, &wake.completed, 1);
  check_equal(wake.reported, 0);
  test_loop_destroy(loop);
}

static void wait_and_wake_go_with_operations_and_timers(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  uint32_t word = 0;
  test_io wait, open;
  test_wait timer;
  test_io_init(&wait, loop, NULL);
  test_io_init(&open, loop, NULL);
  test_wait_init(&timer, loop, NULL);
  check_result(rouse_futex_wait_start(&wait.io, &word, 0, 0, ROUSE_FOREVER), ROUSE_PENDING);
  check_result(rouse_file_open_start(&open.io, ROUSE_FD_CWD, "missing/file", 0, 0, ROUSE_FOREVER),
               ROUSE_PENDING);
  check_result(rouse_wait_timer_start(&timer.wait, rouse_deadline_in_ns(2 * MILLISECOND)),
               ROUSE_PENDING);
  test_loop_run_until(loop, &timer.completed, 1);
  test_loop_run_until(loop, &open.completed, 1);
  check_equal(wait.completed, 0);
  wake_from_loop(loop, &word, 1, 0);
  test_loop_run_until(loop, &wait.completed, 1);
  check_result(wait.reported, ROUSE_DONE);
  test_loop_destroy(loop);
}

// --- several words -------------------------------------------------------------------------------

static void wait_any_tells_which_word_it_was(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  static uint32_t words[ROUSE_FUTEX_ENTRIES_MAX];
  static rouse_futex_entry entries[ROUSE_FUTEX_ENTRIES_MAX];
  static const uint32_t counts[] = {1, 2, 3, ROUSE_FUTEX_ENTRIES_MAX};
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
    const uint32_t count = counts[c], picks[] = {0, count / 2, count - 1};
    for (int p = 0; p < 3; p++) {
      memset(entries, 0xa5, sizeof entries);
      for (uint32_t i = 0; i < count; i++) {
        words[i] = i;
        entries[i].word = &words[i];
        entries[i].expected = i;
        entries[i].flags = i % kinds();
      }
      test_io io;
      test_io_init(&io, loop, NULL);
      check_result(rouse_futex_wait_any_start(&io.io, entries, count, ROUSE_FOREVER),
                   ROUSE_PENDING);
      wake_from_loop(loop, &words[picks[p]], 1, picks[p] % kinds());
      test_loop_run_until(loop, &io.completed, 1);
      check_equal(io.reported, picks[p]);
      for (uint32_t i = 0; i < count; i++)
        check_equal(rouse_futex_wake(&words[i], 1, i % kinds()), 0);
    }
  }
  test_loop_destroy(loop);
}

static int64_t any_in_a_task(void *argument) {
  waiters *self = argument;
  rouse_futex_entry entries[2] = {{.word = &self->flags, .expected = 0},
                                  {.word = &self->word, .expected = 0}};
  return rouse_futex_wait_any(entries, 2, ROUSE_FOREVER);
}
static int64_t wake_any_of_a_task(void *argument) {
  waiters *self = argument;
  rouse_task *task = test_spawn(NULL, any_in_a_task, self);
  wake_in_task(&self->word, 1, 0);
  check_equal(test_join(task), 1);
  task = test_spawn(NULL, any_in_a_task, self);
  check_result(rouse_task_sleep_ns(200 * MICROSECOND), ROUSE_DONE);
  rouse_task_cancel(task);
  check_result(test_join(task), ROUSE_ECANCELED);
  check_equal(rouse_futex_wake(&self->word, 1, 0), 0);
  check_equal(rouse_futex_wake(&self->flags, 1, 0), 0);
  return 0;
}
static void wait_any_is_for_tasks_too(void **state) {
  (void)state;
  waiters self = {0};
  test_run(1, wake_any_of_a_task, &self);
}

// One wait for two words and one for each of them; both words change, and one wake for each. Then
// at least two of the three end: each of them either was woken or was late and saw the change. If
// the wait for two swallowed the second wake that reaches it, one of the others would sleep on.
static void wakes_of_several_words_at_once_are_all_delivered(void **state) {
  (void)state;
  watchdog_start();
  rouse_loop *loop = test_loop_create();
  for (int round = 0; round < test_scaled(400); round++) {
    uint32_t words[2] = {0, 0};
    rouse_futex_entry entries[2] = {{.word = &words[0]}, {.word = &words[1]}};
    int completed = 0;
    test_io waits[3];
    for (int i = 0; i < 3; i++) test_io_init(&waits[i], loop, &completed);
    check_result(rouse_futex_wait_any_start(&waits[2].io, entries, 2, ROUSE_FOREVER),
                 ROUSE_PENDING);
    for (int i = 0; i < 2; i++) {
      check_result(rouse_futex_wait_start(&waits[i].io, &words[i], 0, 0, ROUSE_FOREVER),
                   ROUSE_PENDING);
    }
    int64_t arming_ns = round % 2 ? rouse_deadline_in_ns(200 * MICROSECOND) : 0;
    check(rouse_loop_run_once(loop, arming_ns) >= 0);
    word_add(&words[0]);
    word_add(&words[1]);
    for (int i = 0; i < 2; i++) check(rouse_futex_wake(&words[i], 1, 0) >= 0);
    test_loop_run_until(loop, &completed, 2);
    for (int i = 0; i < 3; i++) {
      if (!waits[i].completed) rouse_wait_cancel(&waits[i].io.wait);
    }
    test_loop_run_until(loop, &completed, 3);
    watchdog_progress();
  }
  test_loop_destroy(loop);
  watchdog_stop();
}

// --- deadlines and cancels -----------------------------------------------------------------------

static int64_t late(void *argument) {
  uint32_t *word = argument;
  rouse_futex_entry entries[2] = {{.word = word}, {.word = word + 1}};
  const int64_t deadlines[] = {1, rouse_now_ns(), rouse_deadline_in_ns(2 * MILLISECOND)};
  for (int i = 0; i < 3; i++) {
    check_result(rouse_futex_wait(word, 0, 0, deadlines[i]), ROUSE_ETIMEDOUT);
    check(rouse_now_ns() >= deadlines[i]);
    check_equal(rouse_futex_wake(word, 1, 0), 0);
    check_result(rouse_futex_wait_any(entries, 2, deadlines[i]), ROUSE_ETIMEDOUT);
    check_equal(rouse_futex_wake(word + 1, 1, 0), 0);
  }
  return 0;
}

static void deadline_ends_a_wait_which_then_takes_no_wake(void **state) {
  (void)state;
  uint32_t words[2] = {0, 0};
  test_run(1, late, words);
}

static void cancelled_wait_takes_no_wake(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  uint32_t word = 0;
  test_io io;
  for (int i = 0; i < 30; i++) {
    test_io_init(&io, loop, NULL);
    check_result(rouse_futex_wait_start(&io.io, &word, 0, i % kinds(), ROUSE_FOREVER),
                 ROUSE_PENDING);
    if (i % 3) check(rouse_loop_run_once(loop, rouse_deadline_in_ns(100 * MICROSECOND)) >= 0);
    rouse_wait_cancel(&io.io.wait);
    rouse_wait_cancel(&io.io.wait);  // again: changes nothing
    test_loop_run_until(loop, &io.completed, 1);
    check_result(io.reported, ROUSE_ECANCELED);
    check_equal(rouse_futex_wake(&word, 1, i % kinds()), 0);
  }
  test_loop_destroy(loop);
}

// --- bad input -----------------------------------------------------------------------------------

static int64_t bad_input(void *argument) {
  char *bytes = argument;
  uint32_t *word = argument;
  check_result(rouse_futex_wait(NULL, 0, 0, ROUSE_FOREVER), ROUSE_EINVAL);
  check_result(rouse_futex_wait(bytes + 1, 0, 0, ROUSE_FOREVER), ROUSE_EINVAL);
  check_result(rouse_futex_wait(bytes + 2, 0, 0, ROUSE_FOREVER), ROUSE_EINVAL);
  check_result(rouse_futex_wait(word, 0, 2, ROUSE_FOREVER), ROUSE_EINVAL);
  check_result(rouse_futex_wait(word, 0, UINT32_MAX, ROUSE_FOREVER), ROUSE_EINVAL);
  check_result(rouse_futex_wake(NULL, 1, 0), ROUSE_EINVAL);
  check_result(rouse_futex_wake(bytes + 3, 1, 0), ROUSE_EINVAL);
  check_result(rouse_futex_wake(word, 1, 4), ROUSE_EINVAL);
  rouse_futex_entry entries[2] = {{.word = word}, {.word = bytes + 1}};
  check_result(rouse_futex_wait_any(NULL, 1, ROUSE_FOREVER), ROUSE_EINVAL);
  check_result(rouse_futex_wait_any(entries, 0, ROUSE_FOREVER), ROUSE_EINVAL);
  check_result(rouse_futex_wait_any(entries, ROUSE_FUTEX_ENTRIES_MAX + 1, ROUSE_FOREVER),
               ROUSE_EINVAL);
  check_result(rouse_futex_wait_any(entries, 2, ROUSE_FOREVER), ROUSE_EINVAL);
  entries[1] = (rouse_futex_entry){.word = word, .flags = 2};
  check_result(rouse_futex_wait_any(entries, 2, ROUSE_FOREVER), ROUSE_EINVAL);
  rouse_io io;
  test_io callback;
  test_io_init(&callback, NULL, NULL);
  io = callback.io;
  check_result(rouse_futex_wait_start(&io, bytes + 1, 0, 0, ROUSE_FOREVER), ROUSE_EINVAL);
  check_result(rouse_futex_wait_any_start(&io, entries, 2, ROUSE_FOREVER), ROUSE_EINVAL);
  check_result(rouse_futex_wake_start(&io, word, 1, 2), ROUSE_EINVAL);
  check_equal(rouse_futex_wake(word, ROUSE_FUTEX_ALL, 0), 0);
  return 0;
}

static void bad_input_is_refused_and_nothing_waits(void **state) {
  (void)state;
  uint32_t words[2] = {0, 0};
  test_run(1, bad_input, words);
}

static void waiting_needs_a_loop_and_waking_does_not(void **state) {
  (void)state;
  uint32_t word = 0;
  rouse_futex_entry entry = {.word = &word};
  check_result(rouse_futex_wait(&word, 0, 0, ROUSE_FOREVER), ROUSE_ENOLOOP);
  check_result(rouse_futex_wait_any(&entry, 1, ROUSE_FOREVER), ROUSE_ENOLOOP);
  errno = 4242;
  check_equal(rouse_futex_wake(&word, 1, 0), 0);
  int refused = rouse_futex_wake((void *)(uintptr_t)8, 1, ROUSE_FUTEX_SHARED);
  check_result(refused, kinds() == 2 ? ROUSE_EFAULT : ROUSE_ENOSYS);
  check_equal(errno, 4242);
}

// --- the end of a loop ---------------------------------------------------------------------------

static void loop_with_waits_is_busy_and_then_ends(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  uint32_t words[3] = {0, 0, 0};
  test_io one, any;
  rouse_futex_entry entries[2] = {{.word = &words[1]}, {.word = &words[2]}};
  test_io_init(&one, loop, NULL);
  test_io_init(&any, loop, NULL);
  check_result(rouse_futex_wait_start(&one.io, &words[0], 0, 0, ROUSE_FOREVER), ROUSE_PENDING);
  check_result(rouse_futex_wait_any_start(&any.io, entries, 2, ROUSE_FOREVER), ROUSE_PENDING);
  check_result(rouse_loop_destroy(loop), ROUSE_EBUSY);
  rouse_wait_cancel(&one.io.wait);
  rouse_wait_cancel(&any.io.wait);
  test_loop_run_until(loop, &one.completed, 1);
  test_loop_run_until(loop, &any.completed, 1);
  check_result(one.reported, ROUSE_ECANCELED);
  check_result(any.reported, ROUSE_ECANCELED);
  test_loop_destroy(loop);
  for (int i = 0; i < 3; i++) check_equal(rouse_futex_wake(&words[i], 1, 0), 0);
}

typedef struct survivor {
  uint32_t word, flags, other;
  test_flag waiting, gone;
} survivor;

static int64_t wait_until_stopped(void *argument) {
  survivor *self = argument;
  return rouse_futex_wait(&self->word, 0, self->flags, ROUSE_FOREVER);
}
static int64_t wait_any_until_stopped(void *argument) {
  survivor *self = argument;
  rouse_futex_entry entries[2] = {{.word = &self->other},
                                  {.word = &self->word, .flags = self->flags}};
  return rouse_futex_wait_any(entries, 2, ROUSE_FOREVER);
}
static int64_t leave_waits_pending(void *argument) {
  survivor *self = argument;
  rouse_task_detach(test_spawn(NULL, wait_until_stopped, self));
  rouse_task_detach(test_spawn(rouse_run_loop(1), wait_any_until_stopped, self));
  check_result(rouse_task_sleep_ns(300 * MICROSECOND), ROUSE_DONE);
  return 0;  // the run ends, and with it its loops, while two wait
}
static void loops_that_go(void *argument) {
  survivor *self = argument;
  test_run(2, leave_waits_pending, self);
  test_flag_set(&self->gone);
}
static int64_t outlive(void *argument) {
  survivor *self = argument;
  int result = rouse_futex_wait(&self->word, 0, self->flags, ROUSE_FOREVER);
  check(result == ROUSE_DONE || result == ROUSE_EAGAIN);
  return 0;
}
static void loop_that_stays(void *argument) { test_run(1, outlive, argument); }

// A loop ends with waits pending for a word for which another waits, too (29 of
// docs/scenarios.md).
static void wake_after_loops_have_gone_with_waits_pending_reaches_the_living(void **state) {
  (void)state;
  watchdog_start();
  for (int i = 0; i < test_scaled(30); i++) {
    survivor self = {.flags = (uint32_t)i % kinds()};
    test_thread going, staying;
    test_thread_start(&going, loops_that_go, &self);
    test_thread_start(&staying, loop_that_stays, &self);
    test_flag_await(&self.gone, 1);
    word_add(&self.word);
    check(rouse_futex_wake(&self.word, 1, self.flags) >= 0);  // just one
    test_thread_join(&staying);
    test_thread_join(&going);
    watchdog_progress();
  }
  watchdog_stop();
}

// --- many ----------------------------------------------------------------------------------------

// More words than there may be threads: rings take them all, threads as many as there may be.
static void more_words_than_threads_are_refused_by_a_clear_error(void **state) {
  (void)state;
  enum { MANY = ROUSE_FUTEX_THREADS_MAX + 20 };
  static uint32_t words[MANY];
  static test_io waits[MANY];
  rouse_loop *loop = test_loop_create();
  int completed = 0, started = 0, refused = 0;
  for (int i = 0; i < MANY && !refused; i++) {
    test_io_init(&waits[i], loop, &completed);
    int result = rouse_futex_wait_start(&waits[i].io, &words[i], 0, 0, ROUSE_FOREVER);
    if (result == ROUSE_PENDING) {
      started++;
    } else {
      refused = result;
    }
  }
  printf("%d words at once\n", started);
  if (refused) {
    check_result(refused, ROUSE_ENOMEM);
    check(started > 0 && started <= ROUSE_FUTEX_THREADS_MAX);
    // A wait for two needs two: the first that is refused ends all of it, and nothing is left over.
    rouse_wait_cancel(&waits[0].io.wait);
    test_loop_run_until(loop, &waits[0].completed, 1);
    check_result(waits[0].reported, ROUSE_ECANCELED);
    rouse_futex_entry entries[2] = {{.word = &words[0]}, {.word = &words[1]}};
    test_io any;
    test_io_init(&any, loop, NULL);
    int result = rouse_futex_wait_any_start(&any.io, entries, 2, ROUSE_FOREVER);
    if (result == ROUSE_PENDING) {
      test_loop_run_until(loop, &any.completed, 1);
      result = any.reported;
    }
    check_result(result, ROUSE_ENOMEM);
  }
  for (int i = 0; i < started; i++) {
    if (!waits[i].completed) rouse_wait_cancel(&waits[i].io.wait);
  }
  test_loop_run_until(loop, &completed, started);
  test_loop_destroy(loop);
}

static int64_t wait_where_nothing_is(void *argument) {
  check_result(rouse_futex_wait(argument, 0, ROUSE_FUTEX_PRIVATE, ROUSE_FOREVER), ROUSE_EFAULT);
  check_result(rouse_futex_wait(argument, 0, ROUSE_FUTEX_SHARED, ROUSE_FOREVER),
               kinds() == 2 ? ROUSE_EFAULT : ROUSE_ENOSYS);
  uint32_t word = 0;
  rouse_futex_entry entries[2] = {{.word = &word}, {.word = argument}};
  check_result(rouse_futex_wait_any(entries, 2, ROUSE_FOREVER), ROUSE_EFAULT);
  check_equal(rouse_futex_wake(&word, 1, 0), 0);
  return 0;
}

static void address_without_memory_is_refused(void **state) {
  (void)state;
  const size_t size = rouse__memory_page_size();
  struct rouse__memory_region region;
  check_result(rouse__memory_reserve(&region, size, size), 0);
  check_result(rouse__memory_guard(&region, region.base, size), 0);
  test_run(1, wait_where_nothing_is, region.base);
  rouse__memory_release(&region);
}

// Threads and entries are used again: very many waits one after the other, with few at a time.
static int64_t take_turns(void *argument) {
  waiters *self = argument;
  for (int i = 0; i < test_scaled(300); i++) {
    rouse_task *task = test_spawn(NULL, wait_for_word, self);
    wake_in_task(&self->word, 1, 0);
    check_result(test_join(task), ROUSE_DONE);
    watchdog_progress();
  }
  return 0;
}
static void waits_one_after_the_other_use_up_nothing(void **state) {
  (void)state;
  waiters self = {0};
  watchdog_start();
  test_run(1, take_turns, &self);
  watchdog_stop();
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(wake_reaches_as_many_as_it_says),
      cmocka_unit_test(word_that_differs_ends_the_wait_at_once),
      cmocka_unit_test(wait_with_a_deadline_that_has_passed_looks_at_the_word),
      cmocka_unit_test(change_by_another_loop_is_seen),
      cmocka_unit_test(wake_of_the_other_kind_wakes_nobody),
      cmocka_unit_test(wake_of_nobody_wakes_nobody),
      cmocka_unit_test(wake_is_an_operation_too),
      cmocka_unit_test(wait_and_wake_go_with_operations_and_timers),
      cmocka_unit_test(wait_any_tells_which_word_it_was),
      cmocka_unit_test(wait_any_is_for_tasks_too),
      cmocka_unit_test(wakes_of_several_words_at_once_are_all_delivered),
      cmocka_unit_test(deadline_ends_a_wait_which_then_takes_no_wake),
      cmocka_unit_test(cancelled_wait_takes_no_wake),
      cmocka_unit_test(bad_input_is_refused_and_nothing_waits),
      cmocka_unit_test(address_without_memory_is_refused),
      cmocka_unit_test(waiting_needs_a_loop_and_waking_does_not),
      cmocka_unit_test(loop_with_waits_is_busy_and_then_ends),
      cmocka_unit_test(wake_after_loops_have_gone_with_waits_pending_reaches_the_living),
      cmocka_unit_test(more_words_than_threads_are_refused_by_a_clear_error),
      cmocka_unit_test(waits_one_after_the_other_use_up_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
