// rouse_run(): loops on threads, a first task, an orderly end, whatever is still waiting.
#include "sockets.h"
// The sockets' headers come first.
#include <pthread.h>
#include <string.h>

#include "../support/waitable.h"

static int64_t answer(void *argument) { return *(int64_t *)argument; }

// --- starting ------------------------------------------------------------------------------------

static void result_is_what_main_returned(void **state) {
  (void)state;
  const int64_t values[] = {0, 42, -1, INT64_MIN, INT64_MAX};
  for (int i = 0; i < 5; i++) {
    int64_t value = values[i], result = 1;
    check_result(rouse_run(NULL, answer, &value, &result), ROUSE_DONE);
    check_equal(result, values[i]);
    check_result(rouse_run(NULL, answer, &value, NULL), ROUSE_DONE);
  }
  check(!rouse_loop_here());
}

typedef struct place {
  pthread_t thread;
  rouse_loop *loop;
} place;

static int64_t note_place(void *argument) {
  place *self = argument;
  self->thread = pthread_self();
  self->loop = rouse_loop_here();
  return 0;
}

static int64_t note_places(void *argument) {
  place *places = argument;
  check_equal(rouse_run_loop_count(), 4);
  check(!rouse_run_loop(4));
  check(!rouse_run_loop(UINT32_MAX));
  note_place(&places[0]);
  for (uint32_t i = 1; i < 4; i++) test_join(test_spawn(rouse_run_loop(i), note_place, &places[i]));
  for (uint32_t i = 0; i < 4; i++) check(places[i].loop == rouse_run_loop(i));
  return 0;
}

static void each_loop_has_a_thread_and_the_first_is_the_caller_s(void **state) {
  (void)state;
  place places[4];
  test_run(4, note_places, places);
  check(pthread_equal(places[0].thread, pthread_self()));
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < i; j++) check(!pthread_equal(places[i].thread, places[j].thread));
  }
}

static int64_t count_loops(void *argument) {
  (void)argument;
  check(rouse_run_loop(0) == rouse_loop_here());
  return rouse_run_loop_count();
}

static void no_number_of_loops_means_one(void **state) {
  (void)state;
  check_equal(test_run(0, count_loops, NULL), 1);
}

static void outside_of_a_run_there_are_no_numbered_loops(void **state) {
  (void)state;
  check_equal(rouse_run_loop_count(), 0);
  check(!rouse_run_loop(0));
  rouse_loop *loop = test_loop_create();
  check_equal(rouse_run_loop_count(), 1);
  check(rouse_run_loop(0) == loop);
  check(!rouse_run_loop(1));
  test_loop_destroy(loop);
}

static void loops_can_be_many(void **state) {
  (void)state;
  check_equal(test_run((uint32_t)test_scaled(40), count_loops, NULL), test_scaled(40));
}

// --- refusals ------------------------------------------------------------------------------------

static int64_t run_inside(void *argument) { return rouse_run(NULL, answer, argument, NULL); }

static void run_inside_a_run_is_refused(void **state) {
  (void)state;
  int64_t value = 1;
  check_result(test_run(1, run_inside, &value), ROUSE_EBUSY);
  rouse_loop *loop = test_loop_create();
  check_result(run_inside(&value), ROUSE_EBUSY);
  test_loop_destroy(loop);
}

static void too_many_loops_are_invalid(void **state) {
  (void)state;
  const rouse_run_options options = {.loops = 1025};
  int64_t value = 1, result = 9;
  check_result(rouse_run(&options, answer, &value, &result), ROUSE_EINVAL);
  check_equal(result, 9);
}

static void options_that_no_loop_accepts_are_refused_for_any_number_of_loops(void **state) {
  (void)state;
  for (uint32_t loops = 1; loops <= 3; loops++) {
    const rouse_run_options unknown = {.loops = loops, .loop = {.backend = "abacus"}};
    const rouse_run_options small = {.loops = loops, .loop = {.stack_size = 1}};
    int64_t value = 1, result = 9;
    check_result(rouse_run(&unknown, answer, &value, &result), ROUSE_EINVAL);
    check_result(rouse_run(&small, answer, &value, &result), ROUSE_EINVAL);
    check_equal(result, 9);
    check(!rouse_loop_here());
  }
}

static void run_nothing(void *argument) {
  (void)argument;
  rouse_run(NULL, NULL, NULL, NULL);
}
static void run_of_null_dies_with_a_sentence(void **state) {
  (void)state;
  test_expect_death(run_nothing, NULL, "rouse_run: the function is NULL");
}

// --- the end -------------------------------------------------------------------------------------

typedef struct ending {
  rouse_mutex mutex;
  rouse_semaphore semaphore;
  rouse_event event;
  rouse_waitqueue queue;
  int ends[2];
  test_flag ended;
} ending;

static int64_t end_in_mutex(void *argument) {
  ending *self = argument;
  check_result(rouse_mutex_lock(&self->mutex), ROUSE_ECANCELED);
  test_flag_set(&self->ended);
  return 0;
}
static int64_t end_in_semaphore(void *argument) {
  ending *self = argument;
  check_result(rouse_semaphore_acquire(&self->semaphore, 1), ROUSE_ECANCELED);
  test_flag_set(&self->ended);
  return 0;
}
static int64_t end_in_event(void *argument) {
  ending *self = argument;
  check_result(rouse_event_wait_until(&self->event, rouse_deadline_in_ns(3600 * SECOND)),
               ROUSE_ECANCELED);
  test_flag_set(&self->ended);
  return 0;
}
static int64_t end_in_queue(void *argument) {
  ending *self = argument;
  check_result(rouse_waitqueue_wait_if(&self->queue, NULL, NULL), ROUSE_ECANCELED);
  test_flag_set(&self->ended);
  return 0;
}
static int64_t end_in_sleep(void *argument) {
  ending *self = argument;
  check_result(rouse_task_sleep_ns(3600 * SECOND), ROUSE_ECANCELED);
  test_flag_set(&self->ended);
  return 0;
}
static int64_t end_in_poll(void *argument) {
  ending *self = argument;
  check_result(rouse_fd_poll(self->ends[0], POLLIN, ROUSE_FOREVER), ROUSE_ECANCELED);
  test_flag_set(&self->ended);
  return 0;
}
static int64_t end_in_join(void *argument) {
  ending *self = argument;
  rouse_task *task = test_spawn(NULL, end_in_semaphore, self);
  int result =
      rouse_task_join(task, NULL);  // the task is cancelled, too, and may be the first to end
  if (result != ROUSE_DONE) {
    check_result(result, ROUSE_ECANCELED);
    rouse_task_detach(task);
  }
  test_flag_set(&self->ended);
  return 0;
}
static int64_t end_in_shielded_clean_up(void *argument) {
  ending *self = argument;
  check_result(rouse_event_wait(&self->event), ROUSE_ECANCELED);
  rouse_task_shield(true);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  rouse_task *task = test_spawn(NULL, end_in_event, self);  // late ones are cancelled, too
  check_result(rouse_task_join(task, NULL), ROUSE_DONE);
  test_flag_set(&self->ended);
  return 0;
}

enum { ENDINGS = 8 };
static rouse_task_fn *const endings[ENDINGS] = {
    end_in_mutex, end_in_semaphore, end_in_event, end_in_queue,
    end_in_sleep, end_in_poll,      end_in_join,  end_in_shielded_clean_up,
};

static int64_t leave_all_waiting(void *argument) {
  for (int round = 0; round < 3; round++) {
    for (uint32_t i = 0; i < ENDINGS; i++) {
      for (uint32_t loop = 0; loop < rouse_run_loop_count(); loop++) {
        check_result(rouse_task_spawn(NULL, rouse_run_loop(loop), endings[i], argument),
                     ROUSE_DONE);
      }
    }
    if (round == 0) check_result(rouse_task_sleep_ns(2 * MILLISECOND), ROUSE_DONE);
    if (round == 1) rouse_task_yield();
  }
  return 0;
}

static void tasks_in_any_wait_on_any_loop_are_cancelled_and_joined(void **state) {
  (void)state;
  for (uint32_t loops = 1; loops <= 3; loops++) {
    ending self = {.mutex = ROUSE_MUTEX_INIT,
                   .semaphore = ROUSE_SEMAPHORE_INIT(0),
                   .event = ROUSE_EVENT_INIT,
                   .queue = ROUSE_WAITQUEUE_INIT};
    test_pair(self.ends);
    check(rouse_mutex_try_lock(&self.mutex));
    test_run(loops, leave_all_waiting, &self);
    // Two of the eight end together with a task of their own.
    check_equal(test_flag_read(&self.ended), 3 * loops * (ENDINGS + 2));
    check(!test_queue_has_waiters(&self.mutex.queue));
    check(!test_queue_has_waiters(&self.semaphore.queue));
    check(!test_queue_has_waiters(&self.event.queue));
    check(!test_queue_has_waiters(&self.queue.queue));
    test_close(self.ends[0]);
    test_close(self.ends[1]);
  }
}

static int64_t main_may_not_be_first_to_stop(void *argument) {
  (void)argument;
  rouse_loop_stop(rouse_run_loop(1));  // stops all
  check_result(rouse_task_sleep_ns(3600 * SECOND), ROUSE_ECANCELED);
  return 11;
}

static void stop_of_any_loop_stops_all(void **state) {
  (void)state;
  check_equal(test_run(2, main_may_not_be_first_to_stop, NULL), 11);
}

static int64_t pass_on(void *argument) {
  int *left = argument;
  if (--*left <= 0) return 0;
  uint32_t next = (uint32_t)*left % rouse_run_loop_count();
  check_result(rouse_task_spawn(NULL, rouse_run_loop(next), pass_on, argument), ROUSE_DONE);
  return 0;
}

static int64_t start_chain(void *argument) {
  pass_on(argument);
  return 0;
}

static void chain_of_spawns_is_run_to_its_end_though_main_has_returned(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) {
    int left = 50;
    test_run(3, start_chain, &left);
    check_equal(left, 0);
  }
}

static int64_t leave_a_callback_wait(void *argument) {
  test_wait *wait = argument;
  test_wait_init(wait, NULL, NULL);
  check_result(rouse_wait_timer_start(&wait->wait, ROUSE_FOREVER), ROUSE_PENDING);
  return 0;
}
static void run_and_leave_a_callback_wait(void *argument) {
  (void)argument;
  test_wait wait;
  rouse_run(NULL, leave_a_callback_wait, &wait, NULL);
}
static void callback_wait_left_behind_dies_with_a_sentence(void **state) {
  (void)state;
  test_expect_death(run_and_leave_a_callback_wait, NULL,
                    "rouse_run: a loop has ended with waits or operations by callback pending");
}

static void runs_can_follow_each_other(void **state) {
  (void)state;
  for (int i = 0; i < test_scaled(60); i++) {
    int left = 5;
    test_run(1 + (uint32_t)i % 3, start_chain, &left);
    check_equal(left, 0);
  }
}

static void run_in_its_own_thread(void *argument) {
  int64_t value = 7;
  for (int i = 0; i < 5; i++) check_equal(test_run(2, answer, &value), 7);
  test_flag_set(argument);
}

static void runs_can_go_on_side_by_side(void **state) {
  (void)state;
  test_thread threads[3];
  test_flag done = {0};
  for (int i = 0; i < 3; i++) test_thread_start(&threads[i], run_in_its_own_thread, &done);
  for (int i = 0; i < 3; i++) test_thread_join(&threads[i]);
  check_equal(test_flag_read(&done), 3);
}

// --- counters ------------------------------------------------------------------------------------

static int64_t one_sleep(void *argument) {
  (void)argument;
  return rouse_task_sleep_ns(5 * MILLISECOND);  // long enough to be a wait on any machine
}

static int64_t read_all_counters(void *argument) {
  rouse_loop_stats *stats = argument;
  for (uint32_t i = 0; i < 6; i++) {
    check_result(test_join(test_spawn(rouse_run_loop(i % 3), one_sleep, NULL)), ROUSE_DONE);
  }
  rouse_run_stats_read(stats);
  return 0;
}

static void counters_of_all_loops_are_summed_up(void **state) {
  (void)state;
  rouse_loop_stats stats;
  memset(&stats, 0xff, sizeof stats);
  rouse_run_stats_read(&stats);  // outside of a run: zero
  const rouse_loop_stats none = {0};
  check(memcmp(&stats, &none, sizeof none) == 0);
  test_run(3, read_all_counters, &stats);
  check_equal(stats.tasks, 6);
  check(stats.waits >= 6);
  check(stats.tasks_most >= 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(result_is_what_main_returned),
      cmocka_unit_test(each_loop_has_a_thread_and_the_first_is_the_caller_s),
      cmocka_unit_test(no_number_of_loops_means_one),
      cmocka_unit_test(outside_of_a_run_there_are_no_numbered_loops),
      cmocka_unit_test(loops_can_be_many),
      cmocka_unit_test(run_inside_a_run_is_refused),
      cmocka_unit_test(too_many_loops_are_invalid),
      cmocka_unit_test(options_that_no_loop_accepts_are_refused_for_any_number_of_loops),
      cmocka_unit_test(run_of_null_dies_with_a_sentence),
      cmocka_unit_test(tasks_in_any_wait_on_any_loop_are_cancelled_and_joined),
      cmocka_unit_test(stop_of_any_loop_stops_all),
      cmocka_unit_test(chain_of_spawns_is_run_to_its_end_though_main_has_returned),
      cmocka_unit_test(callback_wait_left_behind_dies_with_a_sentence),
      cmocka_unit_test(runs_can_follow_each_other),
      cmocka_unit_test(runs_can_go_on_side_by_side),
      cmocka_unit_test(counters_of_all_loops_are_summed_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
