// The part of the word lock for those who find it taken.
#include "locks.h"

enum { LOOKS = 64 };

void word_lock_acquire_slowly(word_lock *lock) {
  for (int i = 0; i < LOOKS; i++) {
    // RELAXED: a look; the CAS acquires.
    if (load_relaxed(&lock->word) == WORD_LOCK_FREE) {
      uint32_t free = WORD_LOCK_FREE;
      // ORDER(word-lock): acquire, what the last holder did.
      if (cas_acquire(&lock->word, &free, WORD_LOCK_TAKEN)) return;
    }
    rouse__pause();
  }
  // ORDER(word-lock): acquire, what the last holder did.
  while (swap_acquire(&lock->word, WORD_LOCK_CROWDED) != WORD_LOCK_FREE) {
    rouse__park(&lock->word, WORD_LOCK_CROWDED, ROUSE_FOREVER);
  }
}
