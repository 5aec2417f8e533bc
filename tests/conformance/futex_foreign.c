// Futex words on every backend, woken by the system's own call: by threads that know nothing of the
// library, by other processes at other addresses, and by the first thread that a process has.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../support/conformance.h"

static void word_add(uint32_t *word) { __atomic_add_fetch(word, 1, __ATOMIC_RELEASE); }
static uint32_t word_read(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

static int system_wake(uint32_t *word, int count, uint32_t flags) {
  int operation = flags ? FUTEX_WAKE : FUTEX_WAKE | FUTEX_PRIVATE_FLAG;
  return (int)check_system(syscall(SYS_futex, word, operation, count, NULL, NULL, 0));
}

static void nap(void) { nanosleep(&(struct timespec){.tv_nsec = 100 * MICROSECOND}, NULL); }

// --- threads -------------------------------------------------------------------------------------

typedef struct foreign {
  uint32_t word, flags;
  int wakes;  // until so many were woken
} foreign;

static void wake_by_the_system(void *argument) {
  foreign *self = argument;
  while (self->wakes) {
    int woken = system_wake(&self->word, 1, self->flags);
    self->wakes -= woken;
    if (!woken) nap();
  }
}

static int64_t wait_three_times(void *argument) {
  foreign *self = argument;
  for (int i = 0; i < 3; i++) {
    check_result(rouse_futex_wait(&self->word, 5, self->flags, ROUSE_FOREVER), ROUSE_DONE);
  }
  return 0;
}

static void wake_by_a_thread_s_own_system_call_is_heard(void **state) {
  (void)state;
  watchdog_start();
  for (uint32_t flags = 0; flags <= ROUSE_FUTEX_SHARED; flags++) {
    foreign self = {.word = 5, .flags = flags, .wakes = 3};
    test_thread thread;
    test_thread_start(&thread, wake_by_the_system, &self);
    test_run(1, wait_three_times, &self);
    test_thread_join(&thread);
    check_equal(self.wakes, 0);
  }
  watchdog_stop();
}

static void wait_by_the_system(void *argument) {
  foreign *self = argument;
  int operation = self->flags ? FUTEX_WAIT : FUTEX_WAIT | FUTEX_PRIVATE_FLAG;
  while (syscall(SYS_futex, &self->word, operation, 5, NULL, NULL, 0)) check_equal(errno, EINTR);
}

static void threads_that_wait_by_the_system_s_call_are_woken(void **state) {
  (void)state;
  watchdog_start();
  for (uint32_t flags = 0; flags <= ROUSE_FUTEX_SHARED; flags++) {
    foreign self = {.word = 5, .flags = flags};
    test_thread threads[3];
    for (int i = 0; i < 3; i++) test_thread_start(&threads[i], wait_by_the_system, &self);
    for (int woken = 0; woken < 3;) {
      int more = rouse_futex_wake(&self.word, 3, flags);
      check(more >= 0);
      woken += more;
      if (woken < 3) nap();
    }
    for (int i = 0; i < 3; i++) test_thread_join(&threads[i]);
  }
  watchdog_stop();
}

// --- processes -----------------------------------------------------------------------------------

enum { WORDS = 4, PAGE = 65536 };
typedef struct mapping {
  int fd;
  uint32_t *words;
} mapping;

static mapping mapping_make(void) {
  mapping self = {.fd = (int)check_system(syscall(SYS_memfd_create, "rouse-test", 0U))};
  check_system(ftruncate(self.fd, PAGE));
  self.words = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, self.fd, 0);
  check(self.words != MAP_FAILED);
  return self;
}

// The same memory at another address.
static uint32_t *map_elsewhere(const mapping *self) {
  uint32_t *words = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
  check(words != MAP_FAILED && words != self->words);
  munmap(self->words, PAGE);
  return words;
}

static pid_t child_start(void (*function)(const mapping *), const mapping *argument) {
  pid_t child = (pid_t)check_system(fork());
  if (child) return child;
  function(argument);
  _exit(0);
}

static void child_end(pid_t child, mapping *self) {
  int status = 0;
  check_system(waitpid(child, &status, 0));
  check_equal(status, 0);
  munmap(self->words, PAGE);
  close(self->fd);
}

static void child_that_wakes(const mapping *self) {
  uint32_t *words = map_elsewhere(self);
  for (int i = 0; i < 3; i++) {
    while (!system_wake(&words[1], 1, ROUSE_FUTEX_SHARED)) nap();
  }
  word_add(&words[2]);
  system_wake(&words[2], 1, ROUSE_FUTEX_SHARED);
}

static int64_t wait_for_the_child(void *argument) {
  uint32_t *words = argument;
  check_result(rouse_futex_wait(&words[1], 0, ROUSE_FUTEX_SHARED, ROUSE_FOREVER), ROUSE_DONE);
  rouse_futex_entry entries[2] = {{.word = &words[0], .flags = ROUSE_FUTEX_SHARED},
                                  {.word = &words[1], .flags = ROUSE_FUTEX_SHARED}};
  check_equal(rouse_futex_wait_any(entries, 2, ROUSE_FOREVER), 1);
  check_result(rouse_futex_wait(&words[1], 0, ROUSE_FUTEX_SHARED, ROUSE_FOREVER), ROUSE_DONE);
  while (!word_read(&words[2])) {
    int result = rouse_futex_wait(&words[2], 0, ROUSE_FUTEX_SHARED, ROUSE_FOREVER);
    check(result == ROUSE_DONE || result == ROUSE_EAGAIN);
  }
  return 0;
}

static void another_process_wakes_at_another_address(void **state) {
  (void)state;
  mapping self = mapping_make();
  pid_t child = child_start(child_that_wakes, &self);
  watchdog_start();
  test_run(1, wait_for_the_child, self.words);
  watchdog_stop();
  child_end(child, &self);
}

static int64_t wait_in_the_child(void *argument) {
  uint32_t *words = argument;
  check_result(rouse_futex_wait(&words[0], 0, ROUSE_FUTEX_SHARED, ROUSE_FOREVER), ROUSE_DONE);
  rouse_futex_entry entries[2] = {{.word = &words[0], .flags = ROUSE_FUTEX_SHARED},
                                  {.word = &words[3], .flags = ROUSE_FUTEX_SHARED}};
  check_equal(rouse_futex_wait_any(entries, 2, ROUSE_FOREVER), 1);
  return 0;
}
static void child_that_waits(const mapping *self) {
  test_run(1, wait_in_the_child, map_elsewhere(self));
}

static void wake_reaches_a_loop_of_another_process(void **state) {
  (void)state;
  mapping self = mapping_make();
  pid_t child = child_start(child_that_waits, &self);
  watchdog_start();
  while (!rouse_futex_wake(&self.words[0], 1, ROUSE_FUTEX_SHARED)) nap();
  while (!rouse_futex_wake(&self.words[3], 1, ROUSE_FUTEX_SHARED)) nap();
  watchdog_stop();
  child_end(child, &self);
}

// --- a wait armed before the first other thread (28 of docs/scenarios.md) ------------------------

typedef struct first_thread {
  uint32_t word, flags;
  int woken;
} first_thread;

static void change_and_wake_once(void *argument) {
  first_thread *self = argument;
  word_add(&self->word);
  self->woken = system_wake(&self->word, 1, self->flags);
}

// This process has one thread, and waits. Then the first other thread that it ever has changes the
// word and wakes once. Where the wait was armed the wake must find it; where it was not, it must
// see the change.
static void wait_before_the_first_thread(uint32_t flags) {
  rouse_loop *loop = test_loop_create();
  first_thread self = {.flags = flags};
  test_io io;
  test_io_init(&io, loop, NULL);
  check_result(rouse_futex_wait_start(&io.io, &self.word, 0, flags, ROUSE_FOREVER), ROUSE_PENDING);
  check(rouse_loop_run_once(loop, rouse_deadline_in_ns(MILLISECOND)) >= 0);
  test_thread thread;
  test_thread_start(&thread, change_and_wake_once, &self);
  int64_t limit_ns = rouse_deadline_in_ns(60 * SECOND);
  while (!io.completed && rouse_now_ns() < limit_ns) {
    check(rouse_loop_run_once(loop, limit_ns) >= 0);
  }
  check(rouse_now_ns() < limit_ns);  // otherwise the wake was lost
  test_thread_join(&thread);
  check_result(io.reported, self.woken ? ROUSE_DONE : ROUSE_EAGAIN);
  test_loop_destroy(loop);
}

static void private_before_the_first_thread(void *argument) {
  (void)argument;
  wait_before_the_first_thread(ROUSE_FUTEX_PRIVATE);
}
static void shared_before_the_first_thread(void *argument) {
  (void)argument;
  wait_before_the_first_thread(ROUSE_FUTEX_SHARED);
}

static void wait_armed_before_the_first_other_thread_is_found_by_it(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) {
    test_expect_clean_child(private_before_the_first_thread, NULL);
    test_expect_clean_child(shared_before_the_first_thread, NULL);
  }
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(wait_armed_before_the_first_other_thread_is_found_by_it),
      cmocka_unit_test(another_process_wakes_at_another_address),
      cmocka_unit_test(wake_reaches_a_loop_of_another_process),
      cmocka_unit_test(wake_by_a_thread_s_own_system_call_is_heard),
      cmocka_unit_test(threads_that_wait_by_the_system_s_call_are_woken),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
