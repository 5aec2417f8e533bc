// system_lock on Windows: a slim reader/writer lock, always taken for writing.
#include <windows.h>

#include "locks.h"

_Static_assert(sizeof(SRWLOCK) <= sizeof(system_lock), "a lock must fit");

static SRWLOCK *lock_of(system_lock *lock) { return (SRWLOCK *)lock; }

void system_lock_init(system_lock *lock) { InitializeSRWLock(lock_of(lock)); }
void system_lock_finish(system_lock *lock) { (void)lock; }
void system_lock_acquire(system_lock *lock) { AcquireSRWLockExclusive(lock_of(lock)); }
void system_lock_release(system_lock *lock) { ReleaseSRWLockExclusive(lock_of(lock)); }
