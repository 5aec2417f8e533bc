// The locks that approaches are built on.
#ifndef APPROACHES_LOCKS_H
#define APPROACHES_LOCKS_H

#include "parts.h"
#include "platform/platform.h"

// The system's own mutex: lock_posix.c, lock_windows.c.
typedef struct system_lock {
  uintptr_t space[8];
} system_lock;
void system_lock_init(system_lock *lock);
void system_lock_finish(system_lock *lock);
void system_lock_acquire(system_lock *lock);
void system_lock_release(system_lock *lock);

// A lock of one word. Threads that find it taken watch it for a moment, then sleep in the system's
// own parking lot: a queue that the kernel finds by the word's address, as parking_lot finds its
// queues in a table of the process. So the lock needs no more than its word, and no memory for
// those who wait.
//
//   FREE --acquire--> TAKEN --release--> FREE
//   TAKEN, CROWDED --somebody is about to sleep--> CROWDED --release: wake one--> FREE
//
// Who has slept takes it as CROWDED, for there may be more.
typedef struct word_lock {
  rouse__atomic32 word;
} word_lock;
enum { WORD_LOCK_FREE, WORD_LOCK_TAKEN, WORD_LOCK_CROWDED };

void word_lock_acquire_slowly(word_lock *lock);

static inline void word_lock_init(word_lock *lock) {
  store_relaxed(&lock->word, WORD_LOCK_FREE);  // RELAXED: not shared yet
}
static inline void word_lock_acquire(word_lock *lock) {
  uint32_t free = WORD_LOCK_FREE;
  // ORDER(word-lock): acquire, what the last holder did.
  if (!cas_acquire(&lock->word, &free, WORD_LOCK_TAKEN)) word_lock_acquire_slowly(lock);
}
// The lock's memory is not touched after it is free: the system gets the address only.
static inline void word_lock_release(word_lock *lock) {
  // ORDER(word-lock): release, what we did, to the next holder.
  if (swap_release(&lock->word, WORD_LOCK_FREE) == WORD_LOCK_CROWDED) rouse__unpark(&lock->word);
}

#endif
