// Tasks: stackful coroutines, each pinned to one loop.
//
// A task runs until it waits, yields or returns. While it waits its loop runs others. Below its
// stack lies a guard of 16 KiB: an overflow into it ends the process with a segmentation fault
// instead of silent corruption. A single frame that is larger than the guard (an array, alloca())
// can step over it, into another task's stack: code that has such frames is to be compiled with
// -fstack-clash-protection, which makes them touch every page.
//
// Cancellation is a request that stays: it ends the task's current wait and every later one with
// ROUSE_ECANCELED, so that the task can clean up and return. A wait whose grant came first returns
// the grant. rouse_task_shield() lets clean-up wait all the same.
//
// A task that never waits is made to yield now and then by the functions that it calls: see "inline
// budget" in docs/ARCHITECTURE.md.
//
// Algorithm: stackful coroutines; the switch and the stacks are those of docs/decisions/0004, see
// src/context/context.h.
#ifndef ROUSE_TASK_H
#define ROUSE_TASK_H

#include <rouse/loop.h>

ROUSE_BEGIN_C

typedef struct rouse_task rouse_task;
typedef int64_t rouse_task_fn(void *argument);

// Starts a task that calls |function| with |argument|.
//
// |out_task|  Takes a handle, which must be given to rouse_task_join() or rouse_task_detach() once.
//             NULL: nobody joins it.
// |loop|      Where it runs, for good. NULL: the calling thread's loop.
//
// Returns ROUSE_DONE; ROUSE_ENOLOOP (no loop was given and the thread has none), ROUSE_ENOMEM,
//   ROUSE_ECLOSED (the loop has stopped), ROUSE_EFORKED. If the task's stack cannot be had when it
//   is to start, the function does not run and the task's result is ROUSE_ENOMEM.
// On the caller's own loop the task starts after the caller next waits, yields or returns. On
// another loop it starts as soon as that comes to it, perhaps before this call has returned.
// Threads: any, as long as the loop exists. Allocates.
// Ordering: what comes before the spawn happens before the function's start.
ROUSE_API int rouse_task_spawn(rouse_task **out_task, rouse_loop *loop, rouse_task_fn *function,
                               void *argument);

// Waits until |task| has ended, stores what its function returned, and releases the handle.
//
// |out_result|  May be NULL.
//
// Returns ROUSE_DONE; ROUSE_ECANCELED (the caller was cancelled), ROUSE_EFORKED (wait.h) or
//   ROUSE_EDEADLK (called from a callback; debug builds abort; or on the task itself): then the
//   handle is still the caller's. A task that has ended is joined without waiting, so with none of
//   these.
// Threads: any task or plain thread. Ordering: the task's end happens before the return.
ROUSE_API int rouse_task_join(rouse_task *task, int64_t *out_result);

// As rouse_task_join(), and gives up at |deadline_ns|: ROUSE_ETIMEDOUT, the handle is still the
// caller's.
ROUSE_API int rouse_task_join_until(rouse_task *task, int64_t *out_result, int64_t deadline_ns);

// Releases the handle without waiting. NULL does nothing. Threads: any. Never blocks.
ROUSE_API void rouse_task_detach(rouse_task *task);

// Whether |task| has ended. Threads: any that has the handle.
ROUSE_API bool rouse_task_is_done(const rouse_task *task);

// Cancels |task|: see the top. Threads: any that has the handle. Never blocks, allocates nothing.
ROUSE_API void rouse_task_cancel(rouse_task *task);

// Whether the calling task was cancelled. False outside of tasks. Threads: any.
ROUSE_API bool rouse_task_is_cancelled(void);

// While |on|, waits of the calling task are not ended by a cancellation of it. Returns what was
// before. Outside of tasks it does nothing and returns false. Threads: any.
ROUSE_API bool rouse_task_shield(bool on);

// The calling task, or NULL. Not a handle: do not join, detach or keep it. Threads: any.
ROUSE_API rouse_task *rouse_task_here(void);

// Lets the loop's other tasks, I/O and timers run, then continues. On a plain thread it yields the
// processor; in a callback, and on a loop's thread outside of tasks, it does nothing. Threads: any.
ROUSE_API void rouse_task_yield(void);

// Sleeps until |deadline_ns|, absolute and monotonic. One already past yields.
// Returns ROUSE_DONE, ROUSE_ECANCELED, ROUSE_EFORKED (wait.h), or ROUSE_EDEADLK (called from a
//   callback; debug builds abort).
// Threads: any task or plain thread.
ROUSE_API int rouse_task_sleep_until(int64_t deadline_ns);

// Sleeps for |delay_ns|. As rouse_task_sleep_until().
ROUSE_API int rouse_task_sleep_ns(int64_t delay_ns);

// --- calls that block ----------------------------------------------------------------------------

// Calls |function| with |argument| on a thread of the loop's pool, and waits for it. For calls into
// the system or into libraries that may block.
//
// |out_result|  Takes what the function returned. May be NULL.
//
// Returns ROUSE_DONE; ROUSE_ECANCELED (the task was cancelled before the function was started; it
//   is not called), ROUSE_ENOMEM (no thread of the pool could be started), ROUSE_EFORKED (the loop
//   is a parent process's; the function is not called), or ROUSE_EDEADLK (called from a callback;
//   debug builds abort). Once the function runs, the call returns only after it.
// Threads: any task; a plain thread calls |function| itself.
ROUSE_API int rouse_blocking_call(rouse_task_fn *function, void *argument, int64_t *out_result);

ROUSE_END_C
#endif
