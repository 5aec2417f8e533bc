// Futex words on every backend: wakes against cancels and deadlines, and what becomes of each wake.
//
// The words never change here, so a wake is all that can end a wait well, and each that the system
// says to have reached somebody must be one wait's result.
#include <stdio.h>

#include "../support/conformance.h"
#include "../support/rig.h"

enum { WAITS = 6 };

typedef struct race {
  uint32_t word;
  uint32_t flags;
  // By wakes; the rig's thread, or both in turns. Aligned where 64 bits are not by themselves: an
  // atomic word across two cache lines stops the whole machine.
  _Alignas(8) uint64_t woken;
} race;

static void wake_one(void *argument) {
  race *self = argument;
  int woken = rouse_futex_wake(&self->word, 1, self->flags);
  check(woken == 0 || woken == 1);
  __atomic_add_fetch(&self->woken, (uint64_t)woken, __ATOMIC_RELEASE);
}

static uint64_t woken_by_now(const race *self) {
  return __atomic_load_n(&self->woken, __ATOMIC_ACQUIRE);
}

// The kinds of words that this system has: all below it.
static uint32_t kinds(void) {
  uint32_t word = 0;
  return rouse_futex_wake(&word, 1, ROUSE_FUTEX_SHARED) == ROUSE_ENOSYS ? 1 : 2;
}

static race shown;
static void show(void) {
  fprintf(stderr, "woken %llu, flags %u\n", (unsigned long long)woken_by_now(&shown), shown.flags);
}

// --- one wait against one cancel or deadline -----------------------------------------------------

static void wait_once(rouse_loop *loop, race *self, rig *waker, random_source *random,
                      bool by_deadline, uint64_t *done) {
  test_io io;
  test_io_init(&io, loop, NULL);
  int64_t deadline_ns = ROUSE_FOREVER;
  if (by_deadline) deadline_ns = rouse_deadline_in_ns(random_below(random, 60 * MICROSECOND));
  int started = rouse_futex_wait_start(&io.io, &self->word, 0, self->flags, deadline_ns);
  check_result(started, ROUSE_PENDING);
  check(rouse_loop_run_once(loop, 0) >= 0);
  rig_go(waker);
  if (random_one_in(random, 4)) rig_await(waker);  // the wake is first, and not delivered yet
  if (!by_deadline) rouse_wait_cancel(&io.io.wait);
  test_loop_run_until(loop, &io.completed, 1);
  rig_await(waker);
  if (io.reported == ROUSE_DONE) {
    ++*done;
  } else {
    check_result(io.reported, by_deadline ? ROUSE_ETIMEDOUT : ROUSE_ECANCELED);
  }
  check_equal(io.completed, 1);
  check_equal(*done, woken_by_now(self));
}

static void one_against_one(bool by_deadline) {
  rouse_loop *loop = test_loop_create();
  random_source random = random_from(3);
  watchdog_start();
  for (uint32_t flags = 0; flags < kinds(); flags++) {
    race *self = &shown;
    *self = (race){.flags = flags};
    uint64_t done = 0;
    rig waker;
    rig_start(&waker, wake_one, self, 7 + flags);
    for (int i = 0; i < test_scaled(3000); i++) {
      wait_once(loop, self, &waker, &random, by_deadline, &done);
      watchdog_progress();
    }
    rig_stop(&waker);
    check_equal(rouse_futex_wake(&self->word, ROUSE_FUTEX_ALL, flags), 0);
    printf("%s: %llu were woken\n", by_deadline ? "deadlines" : "cancels",
           (unsigned long long)done);
  }
  watchdog_stop();
  test_loop_destroy(loop);
}

static void wake_against_cancel_is_either(void **state) {
  (void)state;
  one_against_one(false);
}
static void wake_against_deadline_is_either(void **state) {
  (void)state;
  one_against_one(true);
}

// --- a storm -------------------------------------------------------------------------------------

// Several waits on one word, started again as they end, cancelled at random, while another thread
// wakes at random. In the end: as many ended well as were woken.
typedef struct storm {
  race race;
  rouse_loop *loop;
  test_io waits[WAITS];
  uint64_t done, cancelled, late;
  bool over;
} storm;

static void wait_ended(rouse_wait *wait, int result);

static void storm_start(storm *self, int i, int64_t deadline_ns) {
  test_io *slot = &self->waits[i];
  slot->completed = 0;
  check_result(
      rouse_futex_wait_start(&slot->io, &self->race.word, 0, self->race.flags, deadline_ns),
      ROUSE_PENDING);
}

static storm *storm_here;
static void wait_ended(rouse_wait *wait, int result) {
  test_io *slot = (test_io *)(void *)wait;
  slot->completed = 1;
  storm_here->done += result == ROUSE_DONE;
  storm_here->cancelled += result == ROUSE_ECANCELED;
  storm_here->late += result == ROUSE_ETIMEDOUT;
  check(result == ROUSE_DONE || result == ROUSE_ECANCELED || result == ROUSE_ETIMEDOUT);
}

static void storm_step(storm *self, random_source *random) {
  for (int i = 0; i < WAITS; i++) {
    test_io *slot = &self->waits[i];
    if (!slot->completed) {
      if (random_one_in(random, 5)) rouse_wait_cancel(&slot->io.wait);
      continue;
    }
    bool hurried = random_one_in(random, 4);
    storm_start(
        self, i,
        hurried ? rouse_deadline_in_ns(random_below(random, 100 * MICROSECOND)) : ROUSE_FOREVER);
  }
}

static void every_wake_in_a_storm_is_somebody_s_result(void **state) {
  (void)state;
  static storm self;
  watchdog_start();
  for (uint32_t flags = 0; flags < kinds(); flags++) {
    self = (storm){.race.flags = flags, .loop = test_loop_create()};
    storm_here = &self;
    random_source random = random_from(11 + flags);
    for (int i = 0; i < WAITS; i++) {
      rouse_io_init(&self.waits[i].io, self.loop, wait_ended);
      self.waits[i].completed = 1;
    }
    rig waker;
    rig_start(&waker, wake_one, &self.race, 21 + flags);
    for (int round = 0; round < test_scaled(4000); round++) {
      storm_step(&self, &random);
      rig_go(&waker);
      check(rouse_loop_run_once(self.loop, 0) >= 0);
      rig_await(&waker);
      watchdog_progress();
    }
    rig_stop(&waker);
    for (int i = 0; i < WAITS; i++) {
      if (!self.waits[i].completed) rouse_wait_cancel(&self.waits[i].io.wait);
    }
    for (int i = 0; i < WAITS; i++) {
      while (!self.waits[i].completed) {
        check(rouse_loop_run_once(self.loop, rouse_deadline_in_ns(MILLISECOND)) >= 0);
      }
    }
    printf("storm: %llu woken, %llu cancelled, %llu late\n", (unsigned long long)self.done,
           (unsigned long long)self.cancelled, (unsigned long long)self.late);
    check_equal(self.done, woken_by_now(&self.race));
    check_equal(rouse_futex_wake(&self.race.word, ROUSE_FUTEX_ALL, flags), 0);
    test_loop_destroy(self.loop);
  }
  watchdog_stop();
}

// --- several words against a cancel --------------------------------------------------------------

// A wait for two words is cancelled while both are woken. What it does not report it has passed on:
// to the waits for one word each, which otherwise nobody would wake.
typedef struct both {
  uint32_t words[2];
} both;

static void change_and_wake_both(void *argument) {
  both *self = argument;
  for (int i = 0; i < 2; i++) {
    __atomic_add_fetch(&self->words[i], 1, __ATOMIC_RELEASE);
    check(rouse_futex_wake(&self->words[i], 1, 0) >= 0);
  }
}

static void cancel_of_several_words_passes_on_what_it_does_not_report(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  static both self;
  rig waker;
  watchdog_start();
  rig_start(&waker, change_and_wake_both, &self, 31);
  for (int round = 0; round < test_scaled(2000); round++) {
    rouse_futex_entry entries[2];
    test_io any, one[2];
    int completed = 0;
    test_io_init(&any, loop, &completed);
    for (int i = 0; i < 2; i++) {
      entries[i].word = &self.words[i];
      entries[i].expected = self.words[i];
      entries[i].flags = 0;
    }
    check_result(rouse_futex_wait_any_start(&any.io, entries, 2, ROUSE_FOREVER), ROUSE_PENDING);
    for (int i = 0; i < 2; i++) {
      test_io_init(&one[i], loop, &completed);
      check_result(
          rouse_futex_wait_start(&one[i].io, &self.words[i], self.words[i], 0, ROUSE_FOREVER),
          ROUSE_PENDING);
    }
    check(rouse_loop_run_once(loop, 0) >= 0);
    rig_go(&waker);
    rouse_wait_cancel(&any.io.wait);
    // At least so many end by two changes and two wakes; if the first was cancelled, both others.
    test_loop_run_until(loop, &any.completed, 1);
    test_loop_run_until(loop, &completed, any.reported == ROUSE_ECANCELED ? 3 : 2);
    rig_await(&waker);
    for (int i = 0; i < 2; i++) {
      if (!one[i].completed) rouse_wait_cancel(&one[i].io.wait);
    }
    test_loop_run_until(loop, &completed, 3);
    watchdog_progress();
  }
  rig_stop(&waker);
  watchdog_stop();
  test_loop_destroy(loop);
}

int main(void) {
  conformance_begin();
  check_on_failure(show);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(wake_against_cancel_is_either),
      cmocka_unit_test(wake_against_deadline_is_either),
      cmocka_unit_test(every_wake_in_a_storm_is_somebody_s_result),
      cmocka_unit_test(cancel_of_several_words_passes_on_what_it_does_not_report),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
