// The races of the contract: two loops and plain threads that meet at one object over and over.
//
//   lost wakes          a_wake_against_the_look_is_never_lost, wakes_along_a_row_are_never_lost,
//                       tokens_reach_everybody
//   cancelled waiters   cancel_against_wake_passes_it_on_or_has_it, tokens_reach_everybody
//   exactness           nobody_is_woken_twice_by_one_wake_all
//   lifetimes           woken_may_finish_the_object_at_once
#include <string.h>

#include "platform/platform.h"
#include "under_test.h"

enum { PARTS = 8 };

static rig partner;

static void repeat_part(void (*round)(void), int parts) {
  const int64_t end_ns = rouse_deadline_in_ns(stress_time_ns(parts));
  long rounds = 0;
  watchdog_start();
  do {
    round();
    rounds++;
    watchdog_progress();
  } while (rouse_now_ns() < end_ns);
  watchdog_stop();
  print_message("           %ld rounds\n", rounds);
}
static void repeat(void (*round)(void)) { repeat_part(round, PARTS); }

// What a change of the state is to these tests: relaxed on purpose, for the queue must order it.
static uint32_t state_word;
static uint32_t state_read(void) { return __atomic_load_n(&state_word, __ATOMIC_RELAXED); }
static void state_write(uint32_t value) { __atomic_store_n(&state_word, value, __ATOMIC_RELAXED); }
static bool state_is_zero(void *argument) {
  (void)argument;
  return state_read() == 0;
}

// --- a wake against the look at the condition ----------------------------------------------------

static uint32_t payload;  // plain: the wake has to order it
static bool with_all;

static void change_and_wake(void *argument) {
  (void)argument;
  payload++;
  state_write(1);
  if (with_all) {
    wake_all();
  } else {
    wake_one();
  }
}

static void wake_against_look_round(void) {
  lab_wait wait = {0};
  random_source *random = &partner.own_random;
  const uint32_t before = payload;
  state_write(0);
  with_all = random_one_in(random, 2);
  rig_go(&partner);
  int result;
  do {
    result = start_if(&wait, state_is_zero, NULL, ROUSE_FOREVER);
    if (result == ROUSE_PENDING) result = await(&wait);
    check(result == ROUSE_DONE || result == ROUSE_EAGAIN);
  } while (result == ROUSE_EAGAIN && state_is_zero(NULL));  // sent back to look again
  check_equal(state_read(), 1);
  // The change may be seen before its wake has come: then only the partner's end orders the rest.
  if (result == ROUSE_EAGAIN) rig_await(&partner);
  check_equal(payload, before + 1);
  rig_await(&partner);
  check_equal(waiting(), 0);
}

static void a_wake_against_the_look_is_never_lost(void **state) {
  (void)state;
  if (!needs(APPROACH_LOOPS)) return;
  rig_start(&partner, change_and_wake, NULL, 1);
  repeat(wake_against_look_round);
  rig_stop(&partner);
}

// The same at many objects in a row, without a word between the two threads: they walk along them
// in the same direction or in opposite ones, and so meet somewhere within a few nanoseconds. What
// one round tries is whether a store and a load of each side may both come too early. That takes
// longest where the state is in the waiter's cache and the object in the waker's: so the waker
// looks at the object first, and the state has lines of its own.
enum { ROW = 64 };
static approach_object *row;
static struct row_state { _Alignas(64) uint32_t word; } row_state[ROW];
static lab_wait row_waits[ROW];
static bool backwards;

static bool row_is_unchanged(void *argument) {
  return !__atomic_load_n((uint32_t *)argument, __ATOMIC_RELAXED);
}

// Both are here, and running, before either begins: else one is through before the other has woken
// up.
static uint32_t row_present;
static void meet_at_the_row(void) {
  __atomic_add_fetch(&row_present, 1, __ATOMIC_ACQ_REL);
  for (int i = 1; __atomic_load_n(&row_present, __ATOMIC_ACQUIRE) < 2; i++) {
    if (i % 10000 == 0) rouse_task_yield();
  }
}

static uint32_t looked;
static void change_the_row(void *argument) {
  (void)argument;
  meet_at_the_row();
  for (int i = 0; i < ROW; i++) {
    int at = backwards ? ROW - 1 - i : i;
    looked += tested->count(&row[at]);
    __atomic_store_n(&row_state[at].word, 1, __ATOMIC_RELAXED);
    tested->wake_one(&row[at]);
  }
}

static void row_ended(rouse_wait *self, int result) {
  check(result == ROUSE_DONE || result == ROUSE_EAGAIN);
  ((lab_wait *)self)->completed++;
}

static void row_round(void) {
  bool pending[ROW];
  backwards = random_one_in(&partner.own_random, 2);
  memset(row_state, 0, sizeof row_state);
  __atomic_store_n(&row_present, 0, __ATOMIC_RELAXED);
  rig_go(&partner);
  meet_at_the_row();
  for (int i = 0; i < ROW; i++) {
    row_waits[i].completed = 0;
    int started = tested->wait_if(&row[i], &row_waits[i].space.waiter, row_is_unchanged,
                                  &row_state[i].word, ROUSE_FOREVER);
    pending[i] = started == ROUSE_PENDING;
    check(started == ROUSE_PENDING || started == ROUSE_EAGAIN || started == ROUSE_DONE);
  }
  for (int i = 0; i < ROW; i++) {
    if (pending[i]) test_loop_run_until(loop, &row_waits[i].completed, 1);
  }
  rig_await(&partner);
}

static void wakes_along_a_row_are_never_lost(void **state) {
  (void)state;
  if (!needs(APPROACH_LOOPS)) return;
  row = rouse__allocate(ROW * sizeof *row, 64);
  for (int i = 0; i < ROW; i++) {
    check_result(tested->init(&row[i]), ROUSE_DONE);
    approach_waiter_init(&row_waits[i].space.waiter, loop, row_ended);
  }
  rig_start(&partner, change_the_row, NULL, 5);
  repeat_part(row_round, 3);  // what it looks for is rare
  rig_stop(&partner);
  for (int i = 0; i < ROW; i++) tested->finish(&row[i]);
  rouse__free(row);
}

// --- cancel against wake -------------------------------------------------------------------------

static void just_wake_one(void *argument) {
  (void)argument;
  wake_one();
}

// Two wait, one is cancelled, one wake comes: whoever is woken has it, and it is one.
static void cancel_against_wake_round(void) {
  lab_wait waits[2] = {0};
  const int count = can(APPROACH_MANY) ? 2 : 1;
  for (int i = 0; i < count; i++) start(&waits[i], NULL);
  const int victim = (int)random_below(&partner.own_random, (uint32_t)count);
  rig_go(&partner);
  cancel(&waits[victim]);
  int first = await(&waits[victim]);
  rig_await(&partner);
  test_loop_settle(loop);
  int woken = first == ROUSE_DONE;
  if (first != ROUSE_DONE) check_result(first, ROUSE_ECANCELED);
  if (count == 2) {
    lab_wait *other = &waits[!victim];
    if (first == ROUSE_ECANCELED) await(other);  // the wake is the other's, or is lost for ever
    woken += other->completed;
    check_equal(woken, 1);
    if (!other->completed) {
      wake_one();
      await(other);
    }
    check_result(other->result, ROUSE_DONE);
  }
  check_equal(waiting(), 0);
}

static void cancel_against_wake_passes_it_on_or_has_it(void **state) {
  (void)state;
  if (!needs(APPROACH_LOOPS)) return;
  rig_start(&partner, just_wake_one, NULL, 2);
  repeat(cancel_against_wake_round);
  rig_stop(&partner);
}

// --- wake_all against those who wait again -------------------------------------------------------

enum { WAITERS = 8 };
static lab_wait again[WAITERS];
static int woken_in_all;

static void just_wake_all(void *argument) {
  (void)argument;
  wake_all();
}

static void again_ended(rouse_wait *self, int result) {
  lab_wait *wait = (lab_wait *)self;
  wait->completed++;
  if (result == ROUSE_ECANCELED) return;  // the end of the test
  check(result == ROUSE_DONE || result == ROUSE_EAGAIN);
  woken_in_all += result == ROUSE_DONE;
  check_result(tested->wait_if(&object, &wait->space.waiter, NULL, NULL, ROUSE_FOREVER),
               ROUSE_PENDING);
}

// All wait again as soon as they are woken: one wake_all wakes each of them once.
static void wake_all_round(void) {
  const int before = woken_in_all;
  if (can(APPROACH_KERNEL)) test_loop_settle(loop);
  rig_go(&partner);
  test_loop_run_until(loop, &woken_in_all, before + WAITERS);
  rig_await(&partner);
  for (int i = 0; i < 3; i++) test_loop_settle(loop);
  check_equal(woken_in_all - before, WAITERS);
}

static void nobody_is_woken_twice_by_one_wake_all(void **state) {
  (void)state;
  if (!needs(APPROACH_LOOPS | APPROACH_MANY | APPROACH_EXACT)) return;
  woken_in_all = 0;
  for (int i = 0; i < WAITERS; i++) {
    again[i] = (lab_wait){0};
    approach_waiter_init(&again[i].space.waiter, loop, again_ended);
    check_result(tested->wait_if(&object, &again[i].space.waiter, NULL, NULL, ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  rig_start(&partner, just_wake_all, NULL, 3);
  repeat(wake_all_round);
  rig_stop(&partner);
  for (int i = 0; i < WAITERS; i++) {
    again[i].completed = 0;
    cancel(&again[i]);
    await(&again[i]);
  }
}

// --- the end of the object -----------------------------------------------------------------------

typedef struct shelter {
  lab_wait wait;
  approach_object *object;
  int gone;
} shelter;

static approach_object *heap_object;
static void wake_heap_object(void *argument) {
  (void)argument;
  tested->wake_one(heap_object);
}

static void free_the_object(rouse_wait *self, int result) {
  shelter *shelter_ = (shelter *)self;
  check_result(result, ROUSE_DONE);
  tested->finish(shelter_->object);
  memset(shelter_->object, 0xee, sizeof *shelter_->object);
  rouse__free(shelter_->object);
  shelter_->gone++;
}

static void finish_at_once_round(void) {
  static shelter waiter;
  waiter = (shelter){0};
  heap_object = rouse__allocate(sizeof *heap_object, 64);
  waiter.object = heap_object;
  check_result(tested->init(heap_object), ROUSE_DONE);
  approach_waiter_init(&waiter.wait.space.waiter, loop, free_the_object);
  check_result(tested->wait_if(heap_object, &waiter.wait.space.waiter, NULL, NULL, ROUSE_FOREVER),
               ROUSE_PENDING);
  rig_go(&partner);
  test_loop_run_until(loop, &waiter.gone, 1);
  rig_await(&partner);
}

static void woken_may_finish_the_object_at_once(void **state) {
  (void)state;
  if (!needs(APPROACH_LOOPS | APPROACH_DESTROY)) return;
  rig_start(&partner, wake_heap_object, NULL, 4);
  repeat(finish_at_once_round);
  rig_stop(&partner);
}

// --- everything at once --------------------------------------------------------------------------

// Tokens are given out one by one, each with a wake. Consumers take one each time; between looking
// and taking they wait, are cancelled, run out of time. If a wake is lost a token lies there with
// somebody waiting, and the watchdog ends it.
enum { TASKS = 6, PRODUCERS = 2 };
static uint32_t tokens;
static uint64_t taken, given;  // atomic
static bool no_more;           // atomic

static bool take_token(void) {
  uint32_t left = __atomic_load_n(&tokens, __ATOMIC_RELAXED);
  while (left) {
    if (__atomic_compare_exchange_n(&tokens, &left, left - 1, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED)) {
      __atomic_add_fetch(&taken, 1, __ATOMIC_RELAXED);
      return true;
    }
  }
  return false;
}

static bool nothing_to_take(void *argument) {
  (void)argument;
  return !__atomic_load_n(&tokens, __ATOMIC_RELAXED) &&
         !__atomic_load_n(&no_more, __ATOMIC_RELAXED);
}

static void give_token(void) {
  __atomic_add_fetch(&given, 1, __ATOMIC_RELAXED);
  __atomic_add_fetch(&tokens, 1, __ATOMIC_RELAXED);
  wake_one();
}

typedef struct consumer {
  random_source random;
  rouse_task *task;
} consumer;

// A consumer passes on what it may have kept from another: woken, it takes a token or wakes the
// next.
static void consume(consumer *self) {
  while (!__atomic_load_n(&no_more, __ATOMIC_RELAXED)) {
    if (take_token()) {
      watchdog_progress();
      if (random_one_in(&self->random, 4)) rouse_task_yield();
      continue;
    }
    int64_t deadline_ns = ROUSE_FOREVER;
    if (random_one_in(&self->random, 4)) {
      deadline_ns = rouse_deadline_in_ns(random_below(&self->random, 50000));
    }
    int result = tested->block_if(&object, nothing_to_take, NULL, deadline_ns);
    check(result == ROUSE_DONE || result == ROUSE_EAGAIN || result == ROUSE_ETIMEDOUT ||
          result == ROUSE_ECANCELED);
    if (result == ROUSE_ECANCELED) return;
  }
}

static int64_t consumer_task(void *argument) {
  consume(argument);
  return 0;
}
static void consumer_thread(void *argument) { consume(argument); }

static void producer_thread(void *argument) {
  random_source random = random_from((uint64_t)(uintptr_t)argument);
  while (!__atomic_load_n(&no_more, __ATOMIC_RELAXED)) {
    if (__atomic_load_n(&tokens, __ATOMIC_RELAXED) < 64) give_token();
    random_moment(&random);
    if (random_one_in(&random, 64)) rouse_task_yield();
  }
}

static void produce_in_a_task(random_source *random, int64_t end_ns) {
  while (rouse_now_ns() < end_ns) {
    for (uint32_t i = random_below(random, 8); i; i--) {
      if (__atomic_load_n(&tokens, __ATOMIC_RELAXED) < 64) give_token();
    }
    rouse_task_yield();
  }
}

// Cancels a consumer now and then, and starts another in its place.
static void replace_one(consumer *consumers, random_source *random, uint32_t loops) {
  consumer *victim = &consumers[random_below(random, TASKS)];
  rouse_task_cancel(victim->task);
  test_join(victim->task);
  uint32_t index = (uint32_t)(victim - consumers);
  victim->task = test_spawn(rouse_run_loop(index % loops), consumer_task, victim);
}

static int64_t all_at_once(void *argument) {
  (void)argument;
  const uint32_t loops = rouse_run_loop_count();
  const bool threads = can(APPROACH_LOOPS);
  const int64_t end_ns = rouse_deadline_in_ns(stress_time_ns(2));
  static consumer consumers[TASKS], on_thread;
  test_thread producers[PRODUCERS], thread;
  random_source random = random_from(100);
  for (uint32_t i = 0; i < TASKS; i++) {
    consumers[i] = (consumer){.random = random_from(10 + i)};
    consumers[i].task = test_spawn(rouse_run_loop(i % loops), consumer_task, &consumers[i]);
  }
  if (threads) {
    for (uintptr_t i = 0; i < PRODUCERS; i++) {
      test_thread_start(&producers[i], producer_thread, (void *)(20 + i));
    }
  }
  on_thread = (consumer){.random = random_from(30)};
  const bool waits_on_thread = threads && can(APPROACH_THREADS);
  if (waits_on_thread) test_thread_start(&thread, consumer_thread, &on_thread);
  while (rouse_now_ns() < end_ns) {
    produce_in_a_task(&random, rouse_deadline_in_ns(MILLISECOND));
    replace_one(consumers, &random, loops);
  }
  // The end, too, is a change of the state and a wake.
  __atomic_store_n(&no_more, true, __ATOMIC_RELAXED);
  wake_all();
  for (int i = 0; i < TASKS; i++) test_join(consumers[i].task);
  if (threads) {
    for (int i = 0; i < PRODUCERS; i++) test_thread_join(&producers[i]);
  }
  if (waits_on_thread) test_thread_join(&thread);
  return 0;
}

static void tokens_reach_everybody(void **state) {
  (void)state;
  if (!can(APPROACH_MANY)) {
    needs(APPROACH_MANY);
    return;
  }
  memset(&object, 0, sizeof object);
  check_result(tested->init(&object), ROUSE_DONE);
  tokens = 0;
  taken = given = 0;
  no_more = false;
  watchdog_start();
  test_run(can(APPROACH_LOOPS) ? 2 : 1, all_at_once, NULL);
  watchdog_stop();
  check_equal(waiting(), 0);
  check_equal(taken + tokens, given);
  tested->finish(&object);
  print_message("           %llu tokens\n", (unsigned long long)given);
}

int main(int count, char **arguments) {
  under_test_begin(count, arguments);
#define RACE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      RACE(a_wake_against_the_look_is_never_lost),      RACE(wakes_along_a_row_are_never_lost),
      RACE(cancel_against_wake_passes_it_on_or_has_it), RACE(nobody_is_woken_twice_by_one_wake_all),
      RACE(woken_may_finish_the_object_at_once),        cmocka_unit_test(tokens_reach_everybody),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
