// See under_test.h.
#include "under_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const approach *tested;
approach_object object;
rouse_loop *loop;

static const unsigned char UNTOUCHED = 0xa5;

bool can(uint32_t bits) { return (tested->can & bits) == bits; }

bool needs(uint32_t bits) {
  if (can(bits)) return true;
  for (uint32_t bit = 1; bit <= bits; bit <<= 1) {
    if (bits & bit & ~tested->can) {
      print_message("           left out: %s is not \"%s\" (%s)\n", tested->name,
                    approach_bit_name(bit), tested->gaps ? tested->gaps : "by its nature");
    }
  }
  return false;
}

void under_test_begin(int count, char **arguments) {
  const char *name = count > 1 ? arguments[1] : getenv("ROUSE_APPROACH");
  if (name) tested = approach_find(name);
  if (!tested) {
    fprintf(stderr, "usage: %s APPROACH\n", arguments[0]);
    exit(2);
  }
  seed();
  loop = test_loop_create();
  const char *reason = tested->unavailable();
  char why[256];
  snprintf(why, sizeof why, "%s", reason ? reason : "");
  test_loop_destroy(loop);
  if (reason) test_skip("%s: %s", tested->name, why);
}

int set_up(void **state) {
  (void)state;
  memset(&object, UNTOUCHED, sizeof object);
  check_result(tested->init(&object), ROUSE_DONE);
  loop = test_loop_create();
  return 0;
}

int tear_down(void **state) {
  (void)state;
  check_equal(tested->count(&object), 0);
  test_loop_settle(loop);
  tested->finish(&object);
  for (size_t i = tested->object_size; i < sizeof object; i++) {
    check(object.bytes[i] == UNTOUCHED);
  }
  test_loop_destroy(loop);
  return 0;
}

static void check_untouched(const lab_wait *wait) {
  for (size_t i = tested->waiter_size; i < sizeof wait->space; i++) {
    check(wait->space.bytes[i] == UNTOUCHED);
  }
}

static void ended(rouse_wait *self, int result) {
  lab_wait *wait = (lab_wait *)self;
  check_untouched(wait);
  wait->completed++;
  wait->result = result;
  if (wait->counter) wait->order = ++*wait->counter;
}

int start_if(lab_wait *wait, rouse_condition_fn *condition, void *argument, int64_t deadline_ns) {
  // The library's own fields come first; what belongs to nobody must stay as it is.
  memset(&wait->space, UNTOUCHED, sizeof wait->space);
  approach_waiter_init(&wait->space.waiter, loop, ended);
  wait->completed = 0;
  wait->result = 1;
  wait->order = 0;
  return tested->wait_if(&object, &wait->space.waiter, condition, argument, deadline_ns);
}

void arm(void) {
  if (can(APPROACH_KERNEL)) test_loop_settle(loop);
}

void start(lab_wait *wait, int *counter) {
  wait->counter = counter;
  check_result(start_if(wait, NULL, NULL, ROUSE_FOREVER), ROUSE_PENDING);
  arm();
}

void start_many(lab_wait *waits, int count, int *counter) {
  for (int i = 0; i < count; i++) start(&waits[i], counter);
}

void cancel(lab_wait *wait) { tested->cancel(&object, &wait->space.waiter); }
void wake_one(void) { tested->wake_one(&object); }
void wake_all(void) { tested->wake_all(&object); }
uint32_t waiting(void) { return tested->count(&object); }

int await(lab_wait *wait) {
  test_loop_run_until(loop, &wait->completed, 1);
  check_equal(wait->completed, 1);
  return wait->result;
}

void await_count(const int *counter, int times) {
  test_loop_run_until(loop, counter, times);
  test_loop_settle(loop);
  check_equal(*counter, times);
}
