// Every primitive under random cancels and deadlines, over two loops with tasks and callbacks, and
// two plain threads. What is conserved: permits, exclusion, the baton; order, where FIFO promises
// it; and that every wait ends, once. A run of any length: ROUSE_STRESS_SECONDS, ROUSE_STRESS_SEED.
//
// A subject is a primitive seen as something to enter and to leave. Who is inside checks its
// invariant with plain variables, so that ThreadSanitizer sees a failure of exclusion or ordering,
// too.
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "../support/waitable.h"

enum { LOOPS = 2, TASKS = 48, ACTORS = 24, THREADS = 2, WAYS = LOOPS + THREADS, PERMITS = 5 };

typedef struct subject subject;
struct subject {
  const char *name;
  int (*enter)(subject *self, uint32_t demand, int64_t deadline_ns);
  int (*start)(subject *self, rouse_wait *wait, uint32_t demand, int64_t deadline_ns);
  bool (*attempt)(subject *self, uint32_t demand);
  void (*leave)(subject *self, uint32_t demand);
  uint32_t capacity;  // how many may be inside; 1: exclusion
  bool fifo;          // order of arrival is the order of entering, checked for capacity 1
  bool again;         // who was woken must attempt, and perhaps wait again
  test_object object;
  uint32_t counter;                // of the waitqueue and the manual event: permits that are free
  uint64_t sets_begun, sets_made;  // atomic, of the manual event

  uint32_t inside;              // atomic, in permits
  long entered;                 // guarded by exclusion
  bool occupied;                // the same
  uint64_t tickets[WAYS];       // each way's own
  uint64_t last_entered[WAYS];  // guarded by exclusion
  uint64_t entries;             // atomic
  uint64_t results[4];          // atomic: done, timed out, cancelled, other
};

enum { SUBJECTS = 8 };
static subject subjects[SUBJECTS];
static bool stopping;  // atomic

static bool stop_asked(void) { return __atomic_load_n(&stopping, __ATOMIC_RELAXED); }

// --- subjects ------------------------------------------------------------------------------------

static int mutex_enter(subject *self, uint32_t demand, int64_t deadline_ns) {
  (void)demand;
  return rouse_mutex_lock_until(&self->object.mutex, deadline_ns);
}
static int mutex_start(subject *self, rouse_wait *wait, uint32_t demand, int64_t deadline_ns) {
  (void)demand;
  return rouse_mutex_lock_start(&self->object.mutex, wait, deadline_ns);
}
static bool mutex_attempt(subject *self, uint32_t demand) {
  (void)demand;
  return rouse_mutex_try_lock(&self->object.mutex);
}
static void mutex_leave(subject *self, uint32_t demand) {
  (void)demand;
  rouse_mutex_unlock(&self->object.mutex);
}

static int semaphore_enter(subject *self, uint32_t demand, int64_t deadline_ns) {
  return rouse_semaphore_acquire_until(&self->object.semaphore, demand, deadline_ns);
}
static int semaphore_start(subject *self, rouse_wait *wait, uint32_t demand, int64_t deadline_ns) {
  return rouse_semaphore_acquire_start(&self->object.semaphore, wait, demand, deadline_ns);
}
static bool semaphore_attempt(subject *self, uint32_t demand) {
  return rouse_semaphore_try_acquire(&self->object.semaphore, demand) == ROUSE_DONE;
}
static void semaphore_leave(subject *self, uint32_t demand) {
  check_result(rouse_semaphore_release(&self->object.semaphore, demand), ROUSE_DONE);
}

// An automatic event as a baton: who takes its set is alone until he sets it again.
static int baton_enter(subject *self, uint32_t demand, int64_t deadline_ns) {
  (void)demand;
  return rouse_event_wait_until(&self->object.event, deadline_ns);
}
static int baton_start(subject *self, rouse_wait *wait, uint32_t demand, int64_t deadline_ns) {
  (void)demand;
  return rouse_event_wait_start(&self->object.event, wait, deadline_ns);
}
static bool baton_attempt(subject *self, uint32_t demand) {
  (void)demand;
  return rouse_event_try_wait(&self->object.event);
}
static void baton_leave(subject *self, uint32_t demand) {
  (void)demand;
  rouse_event_set(&self->object.event);
}

// A semaphore of the user's own: a counter, and something to wait for it with.
static bool counter_attempt(subject *self, uint32_t demand) {
  uint32_t free_permits = __atomic_load_n(&self->counter, __ATOMIC_RELAXED);
  while (free_permits >= demand) {
    if (__atomic_compare_exchange_n(&self->counter, &free_permits, free_permits - demand, false,
                                    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
      return true;
    }
  }
  return false;
}

// A waitqueue.
static bool counter_is_empty(void *argument) {
  subject *self = argument;
  return __atomic_load_n(&self->counter, __ATOMIC_RELAXED) == 0;
}
static int queue_enter(subject *self, uint32_t demand, int64_t deadline_ns) {
  while (!counter_attempt(self, demand)) {
    int result =
        rouse_waitqueue_wait_if_until(&self->object.waitqueue, counter_is_empty, self, deadline_ns);
    if (result != ROUSE_DONE && result != ROUSE_EAGAIN) return result;
  }
  return ROUSE_DONE;
}
static int queue_start(subject *self, rouse_wait *wait, uint32_t demand, int64_t deadline_ns) {
  for (;;) {
    if (counter_attempt(self, demand)) return ROUSE_DONE;
    int result = rouse_waitqueue_wait_if_start(&self->object.waitqueue, wait, counter_is_empty,
                                               self, deadline_ns);
    if (result != ROUSE_DONE && result != ROUSE_EAGAIN) return result;
  }
}
static void queue_leave(subject *self, uint32_t demand) {
  __atomic_fetch_add(&self->counter, demand, __ATOMIC_RELEASE);
  rouse_waitqueue_wake_one(&self->object.waitqueue);
}

// A manual event, which each set opens to all who wait, and which is reset by those who found
// nothing. Whoever resets it looks once more: what was given before that set is his to take.
static bool gate_attempt(subject *self, uint32_t demand) {
  if (counter_attempt(self, demand)) return true;
  rouse_event_reset(&self->object.event);
  return counter_attempt(self, demand);
}
static int gate_enter(subject *self, uint32_t demand, int64_t deadline_ns) {
  for (;;) {
    uint64_t made = __atomic_load_n(&self->sets_made, __ATOMIC_SEQ_CST);
    uint64_t begun = __atomic_load_n(&self->sets_begun, __ATOMIC_SEQ_CST);
    if (gate_attempt(self, demand)) return ROUSE_DONE;
    int result = rouse_event_wait_until(&self->object.event, deadline_ns);
    if (result != ROUSE_DONE) return result;
    // No set was under way before the reset: it was released by one that came later.
    if (made == begun) check(__atomic_load_n(&self->sets_begun, __ATOMIC_SEQ_CST) > begun);
  }
}
static int gate_start(subject *self, rouse_wait *wait, uint32_t demand, int64_t deadline_ns) {
  for (;;) {
    if (gate_attempt(self, demand)) return ROUSE_DONE;
    int result = rouse_event_wait_start(&self->object.event, wait, deadline_ns);
    if (result != ROUSE_DONE) return result;
  }
}
static void gate_leave(subject *self, uint32_t demand) {
  __atomic_fetch_add(&self->sets_begun, 1, __ATOMIC_SEQ_CST);
  __atomic_fetch_add(&self->counter, demand, __ATOMIC_RELEASE);
  rouse_event_set(&self->object.event);
  __atomic_fetch_add(&self->sets_made, 1, __ATOMIC_SEQ_CST);
}

#define MUTEX mutex_enter, mutex_start, mutex_attempt, mutex_leave
#define SEMAPHORE semaphore_enter, semaphore_start, semaphore_attempt, semaphore_leave
#define BATON baton_enter, baton_start, baton_attempt, baton_leave
#define QUEUE queue_enter, queue_start, counter_attempt, queue_leave
#define GATE gate_enter, gate_start, gate_attempt, gate_leave
static subject subjects[SUBJECTS] = {
    {"FIFO mutex", MUTEX, .capacity = 1, .fifo = true},
    {"eventual mutex", MUTEX, .capacity = 1},
    {"FIFO semaphore of one", SEMAPHORE, .capacity = 1, .fifo = true},
    {"FIFO semaphore", SEMAPHORE, .capacity = PERMITS},
    {"eventual semaphore", SEMAPHORE, .capacity = PERMITS},
    {"automatic event", BATON, .capacity = 1},
    {"waitqueue", QUEUE, .capacity = 1, .again = true},
    {"manual event", GATE, .capacity = 1, .again = true},
};

static void subject_reset(subject *self) {
  subject fresh = {self->name,    self->enter, self->start,
                   self->attempt, self->leave, self->capacity,
                   self->fifo,    self->again, .counter = self->capacity};
  *self = fresh;
  rouse_policy policy = strstr(self->name, "eventual") ? ROUSE_EVENTUAL : ROUSE_FIFO;
  if (self->enter == mutex_enter) {
    check_result(rouse_mutex_init(&self->object.mutex, policy), ROUSE_DONE);
  } else if (self->enter == semaphore_enter) {
    check_result(rouse_semaphore_init(&self->object.semaphore, self->capacity, policy), ROUSE_DONE);
  } else if (self->enter == baton_enter) {
    check_result(rouse_event_init(&self->object.event, ROUSE_EVENT_AUTO, true), ROUSE_DONE);
  } else if (self->enter == gate_enter) {
    check_result(rouse_event_init(&self->object.event, ROUSE_EVENT_MANUAL, false), ROUSE_DONE);
  } else {
    rouse_waitqueue_init(&self->object.waitqueue);
  }
}

// Nobody is inside or waits: all that there was is there.
static void subject_check_whole(subject *self) {
  check_equal(self->inside, 0);
  check(!test_queue_has_waiters(&self->object.queue));
  check_equal(self->object.queue.inbox.raw, 0);
  check(!self->object.queue.head);
  if (self->capacity == 1) check_equal(self->entered, self->entries);
  if (self->enter == semaphore_enter) {
    check_equal(rouse_semaphore_available(&self->object.semaphore), self->capacity);
  }
  if (self->attempt == counter_attempt || self->attempt == gate_attempt) {
    check_equal(self->counter, self->capacity);
  }
  if (self->enter == baton_enter || self->enter == gate_enter) {
    check_equal(rouse_event_waiter_count(&self->object.event), 0);
  }
  check(self->attempt(self, self->capacity));
  check(!self->attempt(self, 1));
  self->leave(self, self->capacity);
}

static void print_subjects(void) {
  for (int i = 0; i < SUBJECTS; i++) {
    subject *self = &subjects[i];
    fprintf(stderr,
            "%-22s word %#llx inbox %#llx head %p inside %u entries %llu "
            "done/timed out/cancelled/other %llu/%llu/%llu/%llu\n",
            self->name, (unsigned long long)self->object.queue.word.raw,
            (unsigned long long)self->object.queue.inbox.raw, (void *)self->object.queue.head,
            self->inside, (unsigned long long)self->entries, (unsigned long long)self->results[0],
            (unsigned long long)self->results[1], (unsigned long long)self->results[2],
            (unsigned long long)self->results[3]);
  }
}

// --- inside --------------------------------------------------------------------------------------

static void count_result(subject *self, int result) {
  int which = result == ROUSE_DONE        ? 0
              : result == ROUSE_ETIMEDOUT ? 1
              : result == ROUSE_ECANCELED ? 2
                                          : 3;
  __atomic_fetch_add(&self->results[which], 1, __ATOMIC_RELAXED);
  check(which < 3);
}

static void come_in(subject *self, uint32_t demand, int way, uint64_t ticket) {
  uint32_t inside = __atomic_add_fetch(&self->inside, demand, __ATOMIC_RELAXED);
  check(inside <= self->capacity);
  __atomic_fetch_add(&self->entries, 1, __ATOMIC_RELAXED);
  if (self->capacity > 1) return;
  check(!self->occupied);
  self->occupied = true;
  self->entered++;
  if (self->fifo) check(ticket > self->last_entered[way]);
  self->last_entered[way] = ticket;
}

static void go_out(subject *self, uint32_t demand) {
  if (self->capacity == 1) {
    check(self->occupied);
    self->occupied = false;
  }
  __atomic_sub_fetch(&self->inside, demand, __ATOMIC_RELAXED);
  self->leave(self, demand);
  watchdog_progress();
}

static uint32_t choose_demand(const subject *self, random_source *random) {
  return self->capacity == 1 ? 1 : 1 + random_below(random, self->capacity);
}

static int64_t choose_deadline(random_source *random) {
  switch (random_below(random, 5)) {
    case 0:
      return 0;
    case 1:
      return rouse_deadline_in_ns(random_below(random, 20000));
    case 2:
      return rouse_deadline_in_ns(random_below(random, 400000));
    default:
      return ROUSE_FOREVER;
  }
}

static subject *choose_subject(random_source *random, int only) {
  return &subjects[only >= 0 ? only : (int)random_below(random, SUBJECTS)];
}

static int only_subject = -1;

// --- tasks and plain threads ---------------------------------------------------------------------

static void stay_a_while(random_source *random, bool in_task) {
  uint32_t how = random_below(random, 200);
  if (how < 30 && in_task) {
    rouse_task_yield();
  } else if (how == 30 && in_task) {
    rouse_task_sleep_ns(random_below(random, 3000));  // cancelled: shorter
  } else if (how < 90) {
    for (uint32_t i = random_below(random, 200); i; i--) __asm__ volatile("");
  } else if (how == 90) {
    sched_yield();
  }
}

// One try to enter. False: it was cancelled.
static bool visit(random_source *random, int way, bool in_task) {
  subject *self = choose_subject(random, only_subject);
  uint32_t demand = choose_demand(self, random);
  uint64_t ticket = ++self->tickets[way];  // each way has one thread, and tasks do not move
  int result;
  if (random_one_in(random, 6)) {
    result = self->attempt(self, demand) ? ROUSE_DONE : ROUSE_ETIMEDOUT;
  } else {
    result = self->enter(self, demand, choose_deadline(random));
  }
  count_result(self, result);
  if (result == ROUSE_DONE) {
    come_in(self, demand, way, ticket);
    stay_a_while(random, in_task);
    go_out(self, demand);
  }
  if (!in_task) check(result != ROUSE_ECANCELED);
  return result != ROUSE_ECANCELED;
}

typedef struct visitor {
  int way;
  uint64_t stream;
} visitor;

static int64_t visiting_task(void *argument) {
  visitor *self = argument;
  random_source random = random_from(self->stream);
  while (!stop_asked()) {
    if (!visit(&random, self->way, true)) break;
    if (random_one_in(&random, 10)) rouse_task_yield();
  }
  return 0;
}

static void visiting_thread(void *argument) {
  visitor *self = argument;
  random_source random = random_from(self->stream);
  while (!stop_asked()) visit(&random, self->way, false);
}

// --- callbacks -----------------------------------------------------------------------------------

typedef struct actor {
  rouse_wait wait, pause;  // the visit, and what comes between
  subject *subject;
  uint32_t demand;
  uint64_t ticket;
  int64_t deadline_ns;
  int way;
  bool inside;
  int64_t starts, ends;
  random_source random;
  uint32_t guard;  // a small lock: cancels from outside against the completion
  bool pending;    // under |guard|
} actor;

static actor actors[LOOPS][ACTORS];
static rouse_semaphore at_rest;

static void guard_lock(actor *self) {
  while (__atomic_exchange_n(&self->guard, 1, __ATOMIC_ACQUIRE)) sched_yield();
}
static void guard_unlock(actor *self) { __atomic_store_n(&self->guard, 0, __ATOMIC_RELEASE); }

static void set_pending(actor *self, bool pending) {
  guard_lock(self);
  check(self->pending != pending);
  self->pending = pending;
  guard_unlock(self);
}

static void actor_continues(rouse_wait *pause, int result);

static void actor_pauses(actor *self) {
  if (random_one_in(&self->random, 100)) {
    check_result(rouse_wait_timer_start(&self->pause,
                                        rouse_deadline_in_ns(random_below(&self->random, 5000))),
                 ROUSE_PENDING);
  } else {
    rouse_loop_post(rouse_loop_here(), &self->pause, actor_continues);
  }
}

static void actor_ended(actor *self, int result) {
  count_result(self->subject, result);
  self->inside = result == ROUSE_DONE;
  if (self->inside) come_in(self->subject, self->demand, self->way, self->ticket);
  actor_pauses(self);
}

static void actor_starts(actor *self) {
  // The start itself is under the guard: until |pending| is said, nobody cancels.
  guard_lock(self);
  int result = self->subject->start(self->subject, &self->wait, self->demand, self->deadline_ns);
  self->pending = result == ROUSE_PENDING;
  guard_unlock(self);
  if (result == ROUSE_PENDING) {
    self->starts++;
  } else {
    actor_ended(self, result);
  }
}

static void actor_completed(rouse_wait *wait, int result) {
  actor *self = (actor *)wait;
  set_pending(self, false);
  check_equal(++self->ends, self->starts);  // each wait ends once
  if (self->subject->again && (result == ROUSE_DONE || result == ROUSE_EAGAIN)) {
    actor_starts(self);  // woken: attempt, or wait again
  } else {
    actor_ended(self, result);
  }
}

static void actor_continues(rouse_wait *pause, int result) {
  actor *self = (actor *)(void *)((char *)pause - offsetof(actor, pause));
  (void)result;
  if (self->inside) {
    self->inside = false;
    go_out(self->subject, self->demand);
  }
  if (stop_asked()) {
    rouse_semaphore_release(&at_rest, 1);
    return;
  }
  self->subject = choose_subject(&self->random, only_subject);
  self->demand = choose_demand(self->subject, &self->random);
  self->deadline_ns = choose_deadline(&self->random);
  self->ticket = ++self->subject->tickets[self->way];
  actor_starts(self);
}

static int64_t start_actors(void *argument) {
  int way = *(int *)argument;
  for (int i = 0; i < ACTORS; i++) {
    actor *self = &actors[way][i];
    self->way = way;  // the rest is zero; the cancelling thread may look at the guard already
    self->random = random_from((uint64_t)(1000 + way * ACTORS + i));
    rouse_wait_init(&self->wait, NULL, actor_completed);
    rouse_wait_init(&self->pause, NULL, actor_continues);
    actor_pauses(self);
  }
  return 0;
}

static void cancel_an_actor(random_source *random) {
  actor *self = &actors[random_below(random, LOOPS)][random_below(random, ACTORS)];
  guard_lock(self);
  if (self->pending) rouse_wait_cancel(&self->wait);
  guard_unlock(self);
}

// --- all together --------------------------------------------------------------------------------

static void cancelling_thread(void *argument) {
  random_source random = random_from(*(uint64_t *)argument);
  while (!stop_asked()) {
    cancel_an_actor(&random);
    for (uint32_t i = random_below(&random, 20000); i; i--) __asm__ volatile("");
    if (random_one_in(&random, 4)) sched_yield();
  }
}

static int64_t supervise(void *argument) {
  const int64_t end_ns = rouse_deadline_in_ns(*(int64_t *)argument);
  random_source random = random_from(1);
  visitor visitors[TASKS];
  rouse_task *tasks[TASKS], *starters[LOOPS];
  int ways[LOOPS];
  uint64_t stream = 10000;
  for (int i = 0; i < LOOPS; i++) {
    ways[i] = i;
    starters[i] = test_spawn(rouse_run_loop((uint32_t)i), start_actors, &ways[i]);
  }
  for (int i = 0; i < LOOPS; i++) test_join(starters[i]);
  for (int i = 0; i < TASKS; i++) {
    visitors[i] = (visitor){i % LOOPS, stream++};
    tasks[i] = test_spawn(rouse_run_loop((uint32_t)i % LOOPS), visiting_task, &visitors[i]);
  }
  while (rouse_now_ns() < end_ns) {
    check_result(rouse_task_sleep_ns(random_below(&random, 40000)), ROUSE_DONE);
    cancel_an_actor(&random);
    int i = (int)random_below(&random, TASKS);
    rouse_task_cancel(tasks[i]);
    test_join(tasks[i]);
    visitors[i].stream = stream++;
    tasks[i] = test_spawn(rouse_run_loop((uint32_t)i % LOOPS), visiting_task, &visitors[i]);
  }
  __atomic_store_n(&stopping, true, __ATOMIC_RELAXED);
  for (int i = 0; i < TASKS; i++) test_join(tasks[i]);
  check_result(rouse_semaphore_acquire(&at_rest, LOOPS * ACTORS), ROUSE_DONE);
  return 0;
}

static void stress(int only, int parts) {
  int64_t time_ns = stress_time_ns(parts);
  uint64_t canceller_stream = 2;
  visitor visitors[THREADS];
  test_thread threads[THREADS + 1];
  only_subject = only;
  stopping = false;
  for (int i = 0; i < SUBJECTS; i++) subject_reset(&subjects[i]);
  check_result(rouse_semaphore_init(&at_rest, 0, ROUSE_FIFO), ROUSE_DONE);
  check_on_failure(print_subjects);
  watchdog_start();
  memset(actors, 0, sizeof actors);
  for (int i = 0; i < THREADS; i++) {
    visitors[i] = (visitor){LOOPS + i, (uint64_t)(100 + i)};
    test_thread_start(&threads[i], visiting_thread, &visitors[i]);
  }
  test_thread_start(&threads[THREADS], cancelling_thread, &canceller_stream);
  test_run(LOOPS, supervise, &time_ns);
  for (int i = 0; i <= THREADS; i++) test_thread_join(&threads[i]);
  watchdog_stop();
  check_on_failure(NULL);
  uint64_t entries = 0;
  for (int i = 0; i < SUBJECTS; i++) {
    subject_check_whole(&subjects[i]);
    entries += subjects[i].entries;
  }
  print_message("           %llu entries\n", (unsigned long long)entries);
  check(entries > 0);
}

#define ALONE(name, index)                                                                         \
  static void name(void **state) {                                                                 \
    (void)state;                                                                                   \
    stress(index, SUBJECTS);                                                                       \
  }
ALONE(fifo_mutex_conserves_exclusion_and_order, 0)
ALONE(eventual_mutex_conserves_exclusion, 1)
ALONE(fifo_semaphore_of_one_conserves_its_permit_and_order, 2)
ALONE(fifo_semaphore_conserves_its_permits, 3)
ALONE(eventual_semaphore_conserves_its_permits, 4)
ALONE(automatic_event_conserves_its_baton, 5)
ALONE(waitqueue_loses_no_wake, 6)
ALONE(manual_event_releases_only_by_a_set, 7)

static void all_primitives_at_once_conserve_what_they_hold(void **state) {
  (void)state;
  stress(-1, 1);  // as long as was asked for
}

int main(void) {
  seed();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fifo_mutex_conserves_exclusion_and_order),
      cmocka_unit_test(eventual_mutex_conserves_exclusion),
      cmocka_unit_test(fifo_semaphore_of_one_conserves_its_permit_and_order),
      cmocka_unit_test(fifo_semaphore_conserves_its_permits),
      cmocka_unit_test(eventual_semaphore_conserves_its_permits),
      cmocka_unit_test(automatic_event_conserves_its_baton),
      cmocka_unit_test(waitqueue_loses_no_wake),
      cmocka_unit_test(manual_event_releases_only_by_a_set),
      cmocka_unit_test(all_primitives_at_once_conserve_what_they_hold),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
