// system_lock where there are POSIX threads.
#include <pthread.h>

#include "locks.h"

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(system_lock), "a mutex must fit");
_Static_assert(_Alignof(pthread_mutex_t) <= _Alignof(system_lock), "a mutex must fit");

static pthread_mutex_t *mutex_of(system_lock *lock) { return (pthread_mutex_t *)lock; }

void system_lock_init(system_lock *lock) {
  int failed = pthread_mutex_init(mutex_of(lock), NULL);
  ROUSE__ASSERT(!failed, "a mutex could not be made");
  (void)failed;
}
void system_lock_finish(system_lock *lock) { pthread_mutex_destroy(mutex_of(lock)); }
void system_lock_acquire(system_lock *lock) { pthread_mutex_lock(mutex_of(lock)); }
void system_lock_release(system_lock *lock) { pthread_mutex_unlock(mutex_of(lock)); }
