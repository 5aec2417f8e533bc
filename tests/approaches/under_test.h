// What the tests of the approaches share: the approach that the command line names, its object, and
// waiters that count their ends.
//
// The same claims are checked for all. What an approach says that it cannot do (its capability
// bits) is left out for it, and printed, so that a gap is seen and not hidden.
#ifndef ROUSE_TESTS_APPROACHES_UNDER_TEST_H
#define ROUSE_TESTS_APPROACHES_UNDER_TEST_H

#include "../support/rig.h"
#include "approach.h"

extern const approach *tested;  // the approach
extern approach_object object;  // its object, for those tests that use one
extern rouse_loop *loop;        // the calling thread's

// A waiter, with room after it that must stay as it is.
typedef struct lab_wait {
  approach_space space;
  int completed, result;
  int order;  // its number among all that share |counter|
  int *counter;
} lab_wait;

// Main's first call: finds the approach, or ends the program as skipped.
void under_test_begin(int count, char **arguments);

bool can(uint32_t bits);
// The approach has all of |bits|; if not, says that this test is left out.
bool needs(uint32_t bits);

// Each test: an object and a loop.
int set_up(void **state);
int tear_down(void **state);

// Starts |wait| with a condition; returns what wait_if gave.
int start_if(lab_wait *wait, rouse_condition_fn *condition, void *argument, int64_t deadline_ns);
// Lets the kernel take the waits that are its own, so that a wake finds them.
void arm(void);
// Starts |wait|, which must be queued, and lets the kernel take it, if it is the kernel's.
void start(lab_wait *wait, int *counter);
void start_many(lab_wait *waits, int count, int *counter);
void cancel(lab_wait *wait);
void wake_one(void);
void wake_all(void);
uint32_t waiting(void);
// Runs the loop until |wait| has ended; its result.
int await(lab_wait *wait);
// Runs the loop until |*counter| is |times|, then lets whatever else is there come.
void await_count(const int *counter, int times);

#endif
