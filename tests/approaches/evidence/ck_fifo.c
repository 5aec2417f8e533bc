// Why lockfree_queue does not use Concurrency Kit's ck_fifo_mpmc: an enqueue may return while its
// entry cannot be found. Shown step by step, with two threads that are held at one place each.
//
//   1. A reads the queue's end: the stub T, whose next pointer is empty with counter 0. A is held
//      just before its compare-and-swap.
//   2. Another entry goes in and out again. T is garbage now, and may be used again.
//   3. D enqueues with T as its entry, whose next pointer is set to empty with counter 0, as ever.
//      D is held before it links T.
//   4. A goes on. T looks exactly as it did: A's compare-and-swap succeeds, its enqueue returns.
//   5. A dequeue finds the queue empty. Whoever was to be woken by A's entry is not.
//   6. D goes on and links T, and A's entry with it: now both are there, D's first.
//
// If this test fails the library has changed, and its queue may be looked at again.
#include "../../support/support.h"

// The place where a thread is held: before the compare-and-swaps of the queue.
static _Thread_local test_flag *held, *go_on;
static void before_cas(void) {
  test_flag *mine = held;
  if (!mine) return;
  held = NULL;  // once
  test_flag_set(mine);
  test_flag_await(go_on, 1);
}

#include <ck_pr.h>
#define ck_pr_cas_ptr_2(target, old, now) (before_cas(), ck_pr_cas_ptr_2((target), (old), (now)))
#include <ck_fifo.h>

static ck_fifo_mpmc_t fifo;

typedef struct enqueuer {
  test_thread thread;
  ck_fifo_mpmc_entry_t *entry;
  void *value;
  test_flag is_held, go_on;
} enqueuer;

static void enqueue_held(void *argument) {
  enqueuer *self = argument;
  held = &self->is_held;
  go_on = &self->go_on;
  ck_fifo_mpmc_enqueue(&fifo, self->entry, self->value);
}

static void start(enqueuer *self, ck_fifo_mpmc_entry_t *entry, void *value) {
  *self = (enqueuer){.entry = entry, .value = value};
  test_thread_start(&self->thread, enqueue_held, self);
  test_flag_await(&self->is_held, 1);
}

static void let_go(enqueuer *self) {
  test_flag_set(&self->go_on);
  test_thread_join(&self->thread);
}

static void enqueue_returns_before_its_entry_can_be_found(void **state) {
  (void)state;
  static ck_fifo_mpmc_entry_t stub, passing, of_a;
  static enqueuer a, d;
  static int value_a, value_passing, value_d;
  ck_fifo_mpmc_entry_t *garbage;
  void *value;
  ck_fifo_mpmc_init(&fifo, &stub);
  start(&a, &of_a, &value_a);
  ck_fifo_mpmc_enqueue(&fifo, &passing, &value_passing);
  check(ck_fifo_mpmc_dequeue(&fifo, &value, &garbage));
  check(value == &value_passing);
  check(garbage == &stub);
  start(&d, garbage, &value_d);
  let_go(&a);
  check(!ck_fifo_mpmc_dequeue(&fifo, &value, &garbage));  // A's enqueue has returned
  let_go(&d);
  check(ck_fifo_mpmc_dequeue(&fifo, &value, &garbage));
  check(value == &value_d);
  check(ck_fifo_mpmc_dequeue(&fifo, &value, &garbage));
  check(value == &value_a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(enqueue_returns_before_its_entry_can_be_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
