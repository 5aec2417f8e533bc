// How loops are woken by other threads, on every backend: asleep, going to sleep, or gone.
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../support/conformance.h"
#include "../support/rig.h"
#include "runtime/backend.h"
#include "runtime/loop_internal.h"

// Loops that sleep at once, so that nearly every hand-over finds them asleep or going to sleep; and
// loops that watch for a while first.
static const rouse_run_options sleepy = {.loops = 2, .loop = {.spin_ns = -1}};
static const rouse_run_options watchful = {.loops = 2};
static const rouse_run_options *const both[] = {&sleepy, &watchful};

static rouse_loop *sleepy_loop(void) {
  rouse_loop *loop = NULL;
  check_result(rouse_loop_create(&sleepy.loop, &loop), ROUSE_DONE);
  return loop;
}

// --- one producer --------------------------------------------------------------------------------

typedef struct caller {
  test_wait post;
  rouse_loop *loop;
} caller;

static void post_after_a_while(void *argument) {
  caller *self = argument;
  nanosleep(&(struct timespec){.tv_nsec = 2 * MILLISECOND}, NULL);
  rouse_loop_post(self->loop, &self->post.wait, self->post.wait.callback);
}

static void post_wakes_a_loop_that_sleeps(void **state) {
  (void)state;
  rouse_loop *loop = sleepy_loop();
  for (int i = 0; i < 10; i++) {
    caller self = {.loop = loop};
    test_wait_init(&self.post, loop, NULL);
    test_thread thread;
    test_thread_start(&thread, post_after_a_while, &self);
    while (!self.post.completed) check(rouse_loop_run_once(loop, ROUSE_FOREVER) >= 0);
    check_result(self.post.result, ROUSE_DONE);
    test_thread_join(&thread);
  }
  rouse_loop_stats stats;
  rouse_loop_stats_read(loop, &stats);
  check(stats.sleeps >= 1);
  test_loop_destroy(loop);
}

// --- storms --------------------------------------------------------------------------------------

enum { PRODUCERS = 3, POSTS = 4000 };
typedef struct storm {
  rouse_loop *loop;
  test_wait *posts;
  int count;
  uint64_t stream;
} storm;

static void post_in_bursts(void *argument) {
  storm *self = argument;
  random_source random = random_from(self->stream);
  for (int i = 0; i < self->count; i++) {
    rouse_loop_post(self->loop, &self->posts[i].wait, self->posts[i].wait.callback);
    if (random_one_in(&random, 8)) {
      for (uint32_t spin = random_below(&random, 3000); spin; spin--) __asm__ volatile("");
    }
    if (random_one_in(&random, 50)) sched_yield();
    if (random_one_in(&random, 400)) nanosleep(&(struct timespec){.tv_nsec = 30000}, NULL);
  }
}

static void no_post_of_several_producers_is_lost(void **state) {
  (void)state;
  static test_wait posts[PRODUCERS][POSTS];
  const int each = test_scaled(POSTS);
  watchdog_start();
  for (int round = 0; round < 2; round++) {
    rouse_loop *loop = NULL;
    check_result(rouse_loop_create(&both[round]->loop, &loop), ROUSE_DONE);
    int counter = 0;
    test_thread threads[PRODUCERS];
    storm storms[PRODUCERS];
    for (int p = 0; p < PRODUCERS; p++) {
      for (int i = 0; i < each; i++) test_wait_init(&posts[p][i], loop, &counter);
      storms[p] = (storm){loop, posts[p], each, (uint64_t)p};
      test_thread_start(&threads[p], post_in_bursts, &storms[p]);
    }
    while (counter < PRODUCERS * each) {
      check(rouse_loop_run_once(loop, ROUSE_FOREVER) >= 0);
      watchdog_progress();
    }
    for (int p = 0; p < PRODUCERS; p++) test_thread_join(&threads[p]);
    check_equal(rouse_loop_run_once(loop, 0), 0);
    for (int p = 0; p < PRODUCERS; p++) {
      for (int i = 0; i < each; i++) check_equal(posts[p][i].completed, 1);
    }
    test_loop_destroy(loop);
  }
  watchdog_stop();
}

// --- two producers, one bell (24 of docs/scenarios.md) -------------------------------------------

// A loop whose bell is counted, and which lets others act at the moment at which it has announced
// its sleep and does not sleep yet.
static struct rouse__backend_ops counting;
static const struct rouse__backend_ops *counted;
static uint32_t rings;  // atomic
static void (*before_sleep)(void);

static void count_and_ring(struct rouse__backend *backend) {
  __atomic_fetch_add(&rings, 1, __ATOMIC_RELAXED);
  counted->ring(backend);
}

static int act_and_poll(struct rouse__backend *backend, int64_t deadline_ns) {
  if (deadline_ns && before_sleep) {
    before_sleep();
    before_sleep = NULL;
  }
  return counted->poll(backend, deadline_ns);
}

static rouse_loop *counted_loop(void) {
  rouse_loop *loop = sleepy_loop();
  counted = loop->backend->ops;
  counting = *counted;
  counting.ring = count_and_ring;
  counting.poll = act_and_poll;
  loop->backend->ops = &counting;
  return loop;
}

// Posts from a thread that has a loop of its own, whose counters tell the same.
enum { BURST = 3 };
typedef struct producer {
  rig rig;
  rouse_loop *loop, *own;
  test_wait posts[BURST];
  bool over;
  rouse_loop_stats stats;
} producer;
static producer producers[2];

static void produce(void *argument) {
  producer *self = argument;
  if (!self->own) self->own = test_loop_create();
  if (self->over) {
    rouse_loop_stats_read(self->own, &self->stats);
    test_loop_destroy(self->own);
    return;
  }
  for (int i = 0; i < BURST; i++) {
    rouse_loop_post(self->loop, &self->posts[i].wait, self->posts[i].wait.callback);
  }
}

static void both_produce(void) {
  for (int i = 0; i < 2; i++) rig_go(&producers[i].rig);
  for (int i = 0; i < 2; i++) rig_await(&producers[i].rig);
}

static void producers_start(rouse_loop *loop) {
  for (int i = 0; i < 2; i++) {
    producers[i] = (producer){.loop = loop};
    rig_start(&producers[i].rig, produce, &producers[i], (uint64_t)(24 + i));
  }
}

static void posts_renew(rouse_loop *loop, int *counter) {
  *counter = 0;
  rings = 0;
  for (int i = 0; i < 2 * BURST; i++) test_wait_init(&producers[i % 2].posts[i / 2], loop, counter);
}

static void producers_stop(uint64_t rung, uint64_t elided) {
  for (int i = 0; i < 2; i++) producers[i].over = true;
  both_produce();
  for (int i = 0; i < 2; i++) rig_stop(&producers[i].rig);
  check_equal(producers[0].stats.bells_rung + producers[1].stats.bells_rung, rung);
  check_equal(producers[0].stats.bells_elided + producers[1].stats.bells_elided, elided);
}

static void two_producers_ring_a_loop_that_sleeps_once(void **state) {
  (void)state;
  const int rounds = test_scaled(3000);
  rouse_loop *loop = counted_loop();
  int counter;
  watchdog_start();
  producers_start(loop);
  for (int i = 0; i < rounds; i++) {
    posts_renew(loop, &counter);
    before_sleep = both_produce;
    while (counter < 2 * BURST) check(rouse_loop_run_once(loop, ROUSE_FOREVER) >= 0);
    check(!before_sleep);
    check_equal(rings, 1);
    check_equal(loop->bells_owed, i + 1);
    watchdog_progress();
  }
  producers_stop((uint64_t)rounds, (uint64_t)rounds * (2 * BURST - 1));
  watchdog_stop();
  test_loop_destroy(loop);
}

static void two_producers_do_not_ring_a_loop_that_is_awake(void **state) {
  (void)state;
  const int rounds = test_scaled(3000);
  rouse_loop *loop = counted_loop();
  int counter;
  watchdog_start();
  producers_start(loop);
  for (int i = 0; i < rounds; i++) {
    posts_renew(loop, &counter);
    both_produce();  // while the loop is between two turns
    check_equal(rouse_loop_run_once(loop, 0), 2 * BURST);
    check_equal(counter, 2 * BURST);
    check_equal(rings, 0);
    watchdog_progress();
  }
  check_equal(loop->bells_owed, 0);
  producers_stop(0, (uint64_t)rounds * 2 * BURST);
  watchdog_stop();
  test_loop_destroy(loop);
}

// --- loops that wake each other ------------------------------------------------------------------

typedef struct ball {
  rouse_semaphore there, back;
  int rounds;
} ball;

static int64_t return_it(void *argument) {
  ball *self = argument;
  for (int i = 0; i < self->rounds; i++) {
    check_result(rouse_semaphore_acquire(&self->there, 1), ROUSE_DONE);
    check_result(rouse_semaphore_release(&self->back, 1), ROUSE_DONE);
    watchdog_progress();
  }
  return 0;
}

static int64_t play(void *argument) {
  ball *self = argument;
  random_source random = random_from(9);
  rouse_task *other = test_spawn(rouse_run_loop(1), return_it, self);
  for (int i = 0; i < self->rounds; i++) {
    if (random_one_in(&random, 20)) check_result(rouse_task_sleep_ns(40 * MICROSECOND), ROUSE_DONE);
    check_result(rouse_semaphore_release(&self->there, 1), ROUSE_DONE);
    check_result(rouse_semaphore_acquire(&self->back, 1), ROUSE_DONE);
  }
  test_join(other);
  return 0;
}

static void loops_that_sleep_wake_each_other_in_both_directions(void **state) {
  (void)state;
  watchdog_start();
  for (int i = 0; i < 2; i++) {
    ball self = {ROUSE_SEMAPHORE_INIT(0), ROUSE_SEMAPHORE_INIT(0), test_scaled(2000)};
    test_run_options(both[i], play, &self);
  }
  watchdog_stop();
}

typedef struct ring {
  rouse_event events[8];
  int rounds;
} ring;
typedef struct seat {
  ring *ring;
  uint32_t index;
} seat;

static int64_t pass_round(void *argument) {
  seat *self = argument;
  for (int i = 0; i < self->ring->rounds; i++) {
    check_result(rouse_event_wait(&self->ring->events[self->index]), ROUSE_DONE);
    rouse_event_set(&self->ring->events[(self->index + 1) % 8]);
    watchdog_progress();
  }
  return 0;
}

static int64_t sit_in_a_ring(void *argument) {
  ring *self = argument;
  seat seats[8];
  rouse_task *tasks[8];
  for (uint32_t i = 0; i < 8; i++) {
    check_result(rouse_event_init(&self->events[i], ROUSE_EVENT_AUTO, false), ROUSE_DONE);
    seats[i] = (seat){self, i};
  }
  for (uint32_t i = 0; i < 8; i++) {
    tasks[i] = test_spawn(rouse_run_loop(i % rouse_run_loop_count()), pass_round, &seats[i]);
  }
  rouse_event_set(&self->events[0]);
  for (int i = 0; i < 8; i++) test_join(tasks[i]);
  return 0;
}

static void ring_of_loops_passes_a_token(void **state) {
  (void)state;
  const rouse_run_options options = {.loops = 4, .loop = {.spin_ns = -1}};
  ring self = {.rounds = test_scaled(300)};
  watchdog_start();
  test_run_options(&options, sit_in_a_ring, &self);
  watchdog_stop();
}

// --- a loop that goes while others still ring (24, 29 of docs/scenarios.md) ----------------------

typedef struct short_life {
  rouse_loop *loop;
  test_flag made;
  test_wait *posts;
  int count;
} short_life;

static void live_shortly(void *argument) {
  short_life *self = argument;
  self->loop = sleepy_loop();
  int counter = 0;
  for (int i = 0; i < self->count; i++) test_wait_init(&self->posts[i], self->loop, &counter);
  test_flag_set(&self->made);
  while (counter < self->count) check(rouse_loop_run_once(self->loop, ROUSE_FOREVER) >= 0);
  // All mail is here; whoever sent the last of it may still be ringing.
  test_loop_destroy(self->loop);
}

static void loop_may_be_destroyed_as_soon_as_its_mail_is_in(void **state) {
  (void)state;
  enum { FEW = 3 };
  watchdog_start();
  for (int round = 0; round < test_scaled(400); round++) {
    test_wait posts[FEW];
    short_life self = {.posts = posts, .count = FEW};
    test_thread thread;
    test_thread_start(&thread, live_shortly, &self);
    test_flag_await(&self.made, 1);
    for (int i = 0; i < FEW; i++) {
      rouse_loop_post(self.loop, &posts[i].wait, posts[i].wait.callback);
      if (round % 2) sched_yield();
    }
    test_thread_join(&thread);
    watchdog_progress();
  }
  watchdog_stop();
}

typedef struct shared_word {
  rouse_semaphore semaphore;
  test_flag waiting;
} shared_word;

static int64_t wait_on_shared(void *argument) {
  shared_word *self = argument;
  return rouse_semaphore_acquire(&self->semaphore, 1);
}

static int64_t wait_shortly_on_shared(void *argument) {
  shared_word *self = argument;
  rouse_task *task = test_spawn(NULL, wait_on_shared, self);
  test_flag_set(&self->waiting);
  check_result(rouse_task_sleep_ns(200 * MICROSECOND), ROUSE_DONE);
  rouse_task_cancel(task);
  int64_t result = test_join(task);
  // A permit that reached the one who left is passed on.
  if (result == ROUSE_DONE) check_result(rouse_semaphore_release(&self->semaphore, 1), ROUSE_DONE);
  return 0;
}
static void short_lived_loop(void *argument) { test_run(1, wait_shortly_on_shared, argument); }
static int64_t wait_long_on_shared(void *argument) {
  check_result(wait_on_shared(argument), ROUSE_DONE);
  return 0;
}
static void long_lived_loop(void *argument) { test_run(1, wait_long_on_shared, argument); }

static void wake_after_one_waiter_s_loop_has_gone_reaches_the_other(void **state) {
  (void)state;
  watchdog_start();
  for (int i = 0; i < test_scaled(60); i++) {
    shared_word self = {.semaphore = ROUSE_SEMAPHORE_INIT(0)};
    test_thread going, staying;
    test_thread_start(&going, short_lived_loop, &self);
    test_flag_await(&self.waiting, 1);
    test_thread_start(&staying, long_lived_loop, &self);
    test_thread_join(&going);  // its loop is destroyed
    check_result(rouse_semaphore_release(&self.semaphore, 1), ROUSE_DONE);
    test_thread_join(&staying);
    watchdog_progress();
  }
  watchdog_stop();
}

// --- a bell armed before the first other thread (28 of docs/scenarios.md) ------------------------

static void single_threaded_when_the_bell_was_armed(void *argument) {
  (void)argument;
  // This process has one thread. Its loop sleeps once, so that its bell is armed; then the first
  // other thread that the process ever has rings it.
  rouse_loop *loop = sleepy_loop();
  check(rouse_loop_run_once(loop, rouse_deadline_in_ns(MILLISECOND)) >= 0);
  caller self = {.loop = loop};
  test_wait_init(&self.post, loop, NULL);
  test_thread thread;
  test_thread_start(&thread, post_after_a_while, &self);
  int64_t limit_ns = rouse_deadline_in_ns(60 * SECOND);
  while (!self.post.completed && rouse_now_ns() < limit_ns) {
    check(rouse_loop_run_once(loop, limit_ns) >= 0);
  }
  check(rouse_now_ns() < limit_ns);  // otherwise the bell was not heard
  test_thread_join(&thread);
  test_loop_destroy(loop);
}

static void bell_armed_before_the_first_other_thread_is_heard(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++)
    test_expect_clean_child(single_threaded_when_the_bell_was_armed, NULL);
}

// --- manners -------------------------------------------------------------------------------------

static int64_t keep_errno(void *argument) {
  (void)argument;
  ball self = {ROUSE_SEMAPHORE_INIT(0), ROUSE_SEMAPHORE_INIT(0), 50};
  rouse_task *other = test_spawn(rouse_run_loop(1), return_it, &self);
  for (int i = 0; i < self.rounds; i++) {
    errno = 4242;
    check_result(rouse_semaphore_release(&self.there, 1), ROUSE_DONE);
    check_equal(errno, 4242);
    check_result(rouse_semaphore_acquire(&self.back, 1), ROUSE_DONE);
    check_equal(errno, 4242);
    check_result(rouse_task_sleep_ns(20 * MICROSECOND), ROUSE_DONE);
    check_equal(errno, 4242);
    check_result(rouse_fd_poll(9999, 1, ROUSE_FOREVER), ROUSE_EBADF);
    check_equal(errno, 4242);
    check_result(rouse_file_open(ROUSE_FD_CWD, "/missing/file", 0, 0), ROUSE_ENOENT);
    check_equal(errno, 4242);
  }
  test_join(other);
  check_equal(errno, 4242);
  return 0;
}

static void errno_is_left_alone(void **state) {
  (void)state;
  test_run_options(&sleepy, keep_errno, NULL);
  errno = 77;
  rouse_loop *loop = test_loop_create();
  check_equal(errno, 77);
  check(rouse_loop_run_once(loop, rouse_deadline_in_ns(MILLISECOND)) >= 0);
  check_equal(errno, 77);
  test_loop_destroy(loop);
  check_equal(errno, 77);
}

static void descriptors_are_given_back(void **state) {
  (void)state;
  test_loop_destroy(test_loop_create());  // what is made once and kept
  int before = open_descriptors();
  for (int i = 0; i < 20; i++) test_loop_destroy(sleepy_loop());
  check_equal(open_descriptors(), before);
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bell_armed_before_the_first_other_thread_is_heard),
      cmocka_unit_test(post_wakes_a_loop_that_sleeps),
      cmocka_unit_test(no_post_of_several_producers_is_lost),
      cmocka_unit_test(two_producers_ring_a_loop_that_sleeps_once),
      cmocka_unit_test(two_producers_do_not_ring_a_loop_that_is_awake),
      cmocka_unit_test(loops_that_sleep_wake_each_other_in_both_directions),
      cmocka_unit_test(ring_of_loops_passes_a_token),
      cmocka_unit_test(loop_may_be_destroyed_as_soon_as_its_mail_is_in),
      cmocka_unit_test(wake_after_one_waiter_s_loop_has_gone_reaches_the_other),
      cmocka_unit_test(errno_is_left_alone),
      cmocka_unit_test(descriptors_are_given_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
