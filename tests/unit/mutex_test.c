// rouse_mutex: what is its own. The contract it shares with other waits is in wait_test.c.
#include <string.h>

#include "../support/waitable.h"

static void init_of_an_unknown_policy_is_invalid(void **state) {
  (void)state;
  rouse_mutex mutex;
  check_result(rouse_mutex_init(&mutex, (rouse_policy)3), ROUSE_EINVAL);
  check_result(rouse_mutex_init(&mutex, (rouse_policy)-1), ROUSE_EINVAL);
}

static void use_once(rouse_mutex *mutex) {
  check(!rouse_mutex_is_locked(mutex));
  check_result(rouse_mutex_lock(mutex), ROUSE_DONE);
  check(rouse_mutex_is_locked(mutex));
  check(!rouse_mutex_try_lock(mutex));
  rouse_mutex_unlock(mutex);
  check(!rouse_mutex_is_locked(mutex));
  check(rouse_mutex_try_lock(mutex));
  rouse_mutex_unlock(mutex);
}

static void init_gives_an_unlocked_mutex_of_each_policy(void **state) {
  (void)state;
  const rouse_policy policies[] = {ROUSE_POLICY_DEFAULT, ROUSE_FIFO, ROUSE_EVENTUAL};
  for (int i = 0; i < 3; i++) {
    rouse_mutex mutex;
    memset(&mutex, 0xff, sizeof mutex);
    check_result(rouse_mutex_init(&mutex, policies[i]), ROUSE_DONE);
    use_once(&mutex);
  }
}

static void zeroed_memory_is_an_unlocked_mutex(void **state) {
  (void)state;
  rouse_mutex mutex;
  memset(&mutex, 0, sizeof mutex);
  use_once(&mutex);
}

static rouse_mutex static_mutex = ROUSE_MUTEX_INIT;
static void static_initializer_is_an_unlocked_mutex(void **state) {
  (void)state;
  use_once(&static_mutex);
}

static void size_is_as_documented(void **state) {
  (void)state;
  if (sizeof(void *) == 8) check_equal(sizeof(rouse_mutex), 24);
}

static void default_policy_is_eventual(void **state) {
  (void)state;
  // Only EVENTUAL leaves the mutex free for a moment although somebody waits.
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  rouse_loop *loop = test_loop_create();
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  check(rouse_mutex_try_lock(&mutex));
  check_result(rouse_mutex_lock_start(&mutex, &wait.wait, ROUSE_FOREVER), ROUSE_PENDING);
  rouse_mutex_unlock(&mutex);
  check(!rouse_mutex_is_locked(&mutex));
  test_loop_run_until(loop, &wait.completed, 1);
  check(rouse_mutex_is_locked(&mutex));
  test_loop_destroy(loop);
}

static void fifo_unlock_hands_over_without_leaving_the_mutex_free(void **state) {
  (void)state;
  rouse_mutex mutex;
  check_result(rouse_mutex_init(&mutex, ROUSE_FIFO), ROUSE_DONE);
  rouse_loop *loop = test_loop_create();
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  check(rouse_mutex_try_lock(&mutex));
  check_result(rouse_mutex_lock_start(&mutex, &wait.wait, ROUSE_FOREVER), ROUSE_PENDING);
  rouse_mutex_unlock(&mutex);
  check(rouse_mutex_is_locked(&mutex));
  check(!rouse_mutex_try_lock(&mutex));
  test_loop_run_until(loop, &wait.completed, 1);
  rouse_mutex_unlock(&mutex);
  test_loop_destroy(loop);
}

static void lock_until_a_past_deadline_takes_a_free_mutex(void **state) {
  (void)state;
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  check_result(rouse_mutex_lock_until(&mutex, 0), ROUSE_DONE);
  check_result(rouse_mutex_lock_until(&mutex, 0), ROUSE_ETIMEDOUT);
  rouse_mutex_unlock(&mutex);
}

static void unlock_by_another_thread(void *argument) { rouse_mutex_unlock(argument); }

static void any_thread_may_unlock(void **state) {
  (void)state;
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  check_result(rouse_mutex_lock(&mutex), ROUSE_DONE);
  test_thread thread;
  test_thread_start(&thread, unlock_by_another_thread, &mutex);
  check_result(rouse_mutex_lock(&mutex), ROUSE_DONE);
  test_thread_join(&thread);
  rouse_mutex_unlock(&mutex);
}

static void unlock_what_is_free(void *argument) {
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  (void)argument;
  rouse_mutex_unlock(&mutex);
}

static void unlock_of_an_unlocked_mutex_dies_with_a_sentence(void **state) {
  (void)state;
  test_expect_death(unlock_what_is_free, NULL, "rouse_mutex_unlock: the mutex is not locked");
}

// --- bounded overtaking --------------------------------------------------------------------------

typedef struct hog {
  rouse_mutex mutex;
  int rounds, rounds_before_victim;
  bool victim_had_it;
} hog;

static int64_t victim(void *argument) {
  hog *self = argument;
  check_result(rouse_mutex_lock(&self->mutex), ROUSE_DONE);
  self->victim_had_it = true;
  self->rounds_before_victim = self->rounds;
  rouse_mutex_unlock(&self->mutex);
  return 0;
}

static int64_t hogging(void *argument) {
  hog *self = argument;
  check_result(rouse_mutex_lock(&self->mutex), ROUSE_DONE);
  rouse_task *other = test_spawn(NULL, victim, self);
  rouse_task_yield();
  while (!self->victim_had_it) {
    rouse_mutex_unlock(&self->mutex);
    check_result(rouse_mutex_lock(&self->mutex), ROUSE_DONE);
    self->rounds++;
    check(self->rounds < 1000);
    rouse_task_yield();  // holding it
  }
  rouse_mutex_unlock(&self->mutex);
  test_join(other);
  return 0;
}

static void waiter_is_overtaken_only_for_a_bounded_number_of_rounds(void **state) {
  (void)state;
  hog self = {.mutex = ROUSE_MUTEX_INIT};
  test_run(1, hogging, &self);
  check(self.rounds_before_victim >= 1);   // EVENTUAL lets the hog overtake
  check(self.rounds_before_victim <= 32);  // but not for long
}

static void fifo_mutex_is_never_taken_before_a_waiter(void **state) {
  (void)state;
  hog self = {.rounds = 0};
  check_result(rouse_mutex_init(&self.mutex, ROUSE_FIFO), ROUSE_DONE);
  test_run(1, hogging, &self);
  check_equal(self.rounds_before_victim, 0);
}

// --- exclusion -----------------------------------------------------------------------------------

enum { TASKS = 20 };
typedef struct counting {
  rouse_mutex mutex;
  long count;  // guarded by |mutex|: a data race shows under ThreadSanitizer
  int rounds;
} counting;

static int64_t count_under_lock(void *argument) {
  counting *self = argument;
  for (int i = 0; i < self->rounds; i++) {
    check_result(rouse_mutex_lock(&self->mutex), ROUSE_DONE);
    long seen = self->count;
    if (i % 8 == 0) rouse_task_yield();
    self->count = seen + 1;
    rouse_mutex_unlock(&self->mutex);
  }
  return 0;
}

static void count_in_a_thread(void *argument) { count_under_lock(argument); }

static int64_t count_on_two_loops(void *argument) {
  counting *self = argument;
  test_thread threads[2];
  rouse_task *tasks[TASKS];
  for (int i = 0; i < 2; i++) test_thread_start(&threads[i], count_in_a_thread, self);
  for (int i = 0; i < TASKS; i++) {
    tasks[i] = test_spawn(rouse_run_loop((uint32_t)i % 2), count_under_lock, self);
  }
  for (int i = 0; i < TASKS; i++) test_join(tasks[i]);
  for (int i = 0; i < 2; i++) test_thread_join(&threads[i]);
  return 0;
}

static void one_holder_at_a_time_over_loops_and_threads(void **state) {
  (void)state;
  const rouse_policy policies[] = {ROUSE_FIFO, ROUSE_EVENTUAL};
  for (int i = 0; i < 2; i++) {
    counting self = {.rounds = test_scaled(2000)};
    check_result(rouse_mutex_init(&self.mutex, policies[i]), ROUSE_DONE);
    test_run(2, count_on_two_loops, &self);
    check_equal(self.count, (long)self.rounds * (TASKS + 2));
    check(!rouse_mutex_is_locked(&self.mutex));
  }
}

// --- a cancelled task ----------------------------------------------------------------------------

static int64_t lock_when_cancelled(void *argument) {
  rouse_mutex *mutex = argument;
  rouse_task_cancel(rouse_task_here());
  check_result(rouse_mutex_lock(mutex), ROUSE_DONE);  // takes no waiting
  check_result(rouse_mutex_lock(mutex), ROUSE_ECANCELED);
  rouse_mutex_unlock(mutex);
  return 0;
}

static void cancelled_task_can_lock_what_takes_no_waiting(void **state) {
  (void)state;
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  test_run(1, lock_when_cancelled, &mutex);
  check(!rouse_mutex_is_locked(&mutex));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(init_of_an_unknown_policy_is_invalid),
      cmocka_unit_test(init_gives_an_unlocked_mutex_of_each_policy),
      cmocka_unit_test(zeroed_memory_is_an_unlocked_mutex),
      cmocka_unit_test(static_initializer_is_an_unlocked_mutex),
      cmocka_unit_test(size_is_as_documented),
      cmocka_unit_test(default_policy_is_eventual),
      cmocka_unit_test(fifo_unlock_hands_over_without_leaving_the_mutex_free),
      cmocka_unit_test(lock_until_a_past_deadline_takes_a_free_mutex),
      cmocka_unit_test(any_thread_may_unlock),
      cmocka_unit_test(unlock_of_an_unlocked_mutex_dies_with_a_sentence),
      cmocka_unit_test(waiter_is_overtaken_only_for_a_bounded_number_of_rounds),
      cmocka_unit_test(fifo_mutex_is_never_taken_before_a_waiter),
      cmocka_unit_test(one_holder_at_a_time_over_loops_and_threads),
      cmocka_unit_test(cancelled_task_can_lock_what_takes_no_waiting),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
