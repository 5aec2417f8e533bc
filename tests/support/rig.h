// A second thread in step with the test: each round both do their part at nearly the same instant,
// with a random offset that over many rounds covers every interleaving that the machine has in it.
#ifndef ROUSE_TESTS_RIG_H
#define ROUSE_TESTS_RIG_H

#include "support.h"

typedef struct rig {
  test_thread thread;
  void (*act)(void *argument);
  void *argument;
  uint32_t rounds, done;  // atomic: asked for, carried out
  bool stop;              // atomic
  random_source random, own_random;
} rig;

// Starts a thread that calls |act| with |argument| once for each rig_go().
void rig_start(rig *self, void (*act)(void *argument), void *argument, uint64_t stream);
// Lets the other thread act, and waits a random moment, so that the caller's part comes before,
// after or in the middle.
void rig_go(rig *self);
// Waits until the other thread has acted.
void rig_await(rig *self);
void rig_stop(rig *self);

// A random moment: mostly nothing or very short, sometimes long enough for a system call.
void random_moment(random_source *random);

#endif
