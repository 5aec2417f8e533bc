// The primitives as seen through the contract that all of them share (wait.h): something to wait
// for, and a way to let one waiter through.
#ifndef ROUSE_TESTS_WAITABLE_H
#define ROUSE_TESTS_WAITABLE_H

#include "support.h"

typedef union test_object {
  rouse_mutex mutex;
  rouse_semaphore semaphore;
  rouse_event event;
  rouse_waitqueue waitqueue;
  struct rouse__queue queue;
} test_object;

typedef struct waitable {
  const char *name;
  bool releases_all;  // one grant lets everybody through who waits
  bool remembers;     // a grant with nobody waiting lets the next one through
  bool nudges;        // a grant leaves the object free for a moment: the head may be overtaken
  // Makes |object| one that has to be waited for.
  void (*init)(test_object *object);
  int (*wait)(test_object *object, int64_t deadline_ns);
  int (*start)(test_object *object, rouse_wait *wait, int64_t deadline_ns);
  // Lets the first waiter through.
  void (*grant)(test_object *object);
  // Takes what can be had without waiting. False: nothing.
  bool (*take)(test_object *object);
} waitable;

enum { WAITABLES = 7 };
extern const waitable waitables[WAITABLES];

// Whether somebody is queued, and nobody is busy with the queue.
bool test_queue_has_waiters(const struct rouse__queue *queue);
// Waits until it is so: a plain thread that is to wait is queued.
void test_queue_await_waiter(const struct rouse__queue *queue);

#endif
