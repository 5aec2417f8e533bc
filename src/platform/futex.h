// Waiting on words by the system's blocking calls: what the runtime's emulation of futex operations
// stands on. One implementation per system.
#ifndef ROUSE_PLATFORM_FUTEX_H
#define ROUSE_PLATFORM_FUTEX_H

#include <rouse/api.h>

// Blocks the calling thread while |*word| is |expected|, for a wake of |word|, and as long as
// |*control| is |going|. Whoever changes |*control| calls rouse__unpark() on it.
//
// Returns 0 if a wake of |word| was spent on this call, whatever else is so; ROUSE_EAGAIN
// (|*word| differs, which is looked at first), ROUSE_ECANCELED (|*control| differs): no wake was
// spent; ROUSE_EFAULT, ROUSE_EINVAL; ROUSE_ENOSYS (|shared|, and the system's waits are private to
// a process).
//
// |*control| is set to |going| before each call, and is the call's own to change until it returns:
// a wake may do so, too.
//
// Where the system's calls can't tell whether a wake was spent, rouse__futex_wake() is the only one
// that a wait hears.
int rouse__futex_wait(const volatile void *word, uint32_t expected, bool shared,
                      rouse__atomic32 *control, uint32_t going);

// Wakes up to |count| (1 .. INT32_MAX) that wait on |word|. How many were woken, ROUSE_EFAULT or
// ROUSE_ENOSYS. Any thread, signal handlers too.
int rouse__futex_wake(const volatile void *word, uint32_t count, bool shared);

// Whether rouse__futex_wait() hears of a changed |control| at once. If not, it looks for it now and
// then.
bool rouse__futex_wait_is_prompt(void);

#endif
