// A loop: one thread's event loop. Tasks, timers, I/O and every other wait of its thread end here.
//
// A program either calls rouse_run() (see run.h), which makes loops and their threads, or creates a
// loop on each thread that wants one and runs it.
#ifndef ROUSE_LOOP_H
#define ROUSE_LOOP_H

#include <rouse/wait.h>

ROUSE_BEGIN_C

// All-zero is the default of everything.
typedef struct rouse_loop_options {
  // What the loop sleeps in: "io_uring", "epoll", "poll", "iocp". NULL: the environment's
  // ROUSE_BACKEND, else the best that works here. A backend named by the caller or the environment
  // is used or fails; only the choice by default falls back.
  const char *backend;
  // Bytes of each task's stack, rounded up to pages. 0: 65536. 16384 .. 2^36 (2^26 on systems of 32
  // bits). Usable are all but 960 at most, by which stacks differ to spread over the cache's lines.
  size_t stack_size;
  // How long an idle loop watches for work before it sleeps, at most. It adapts: it watches while
  // its sleeps are shorter than that, which costs processor time and saves wake-ups, and not while
  // they are longer. For sleeps that the system ends (I/O, timers), not another thread's call, a
  // quarter of it counts. 0: 50 microseconds; negative: never; more than a second is a second. A
  // process that is confined to one processor never watches.
  int64_t spin_ns;
  // The most threads that run blocking calls. 0: 4, or the number of processors if that is more.
  // More than 1024 are taken for 1024.
  uint32_t blocking_threads;
  // Submission queue entries of an io_uring. 0: 256. Rounded up to a power of two; more than 32768
  // are taken for 32768, and fewer than 4 for 4. Where the system has no memory for so many they
  // are halved until it has.
  uint32_t ring_entries;
} rouse_loop_options;

// Counters since the loop's creation. Read on the loop's own thread, or after it has ended.
typedef struct rouse_loop_stats {
  uint64_t dispatches;    // completions, nudges and resumptions run
  uint64_t waits;         // waits that were queued (did not finish at once) and have completed
  uint64_t wakes;         // hand-overs of finished waits by this loop's thread; a batch counts once
  uint64_t bells_rung;    // doorbells rung by this loop's thread on other loops
  uint64_t bells_elided;  // hand-overs to other loops that needed no doorbell
  uint64_t sleeps;        // times it slept in its backend
  uint64_t operations;    // I/O operations completed
  uint64_t registered;    // of those started, with a registered buffer or file
  // Calls and operations given to the pool. Those count that were cancelled and never ran.
  uint64_t blocking_calls;
  uint64_t tasks;       // tasks that have ended
  uint64_t tasks_most;  // the most tasks alive at once
} rouse_loop_stats;

// Creates a loop for the calling thread.
//
// |options|  NULL: defaults. Copied.
//
// Returns ROUSE_DONE and |*out_loop|; or ROUSE_ENOMEM, ROUSE_EINVAL (an unknown backend, a stack
//   size out of range, or "io_uring" by name and a word in ROUSE_IO_URING_WITHOUT or
//   ROUSE_IO_URING_DOORBELL that is none of theirs), ROUSE_EBUSY (this thread has a loop), or what
//   the system refused the backend with: ROUSE_EPERM, ROUSE_ENOSYS, ROUSE_EMFILE, ROUSE_ENFILE, or
//   another code of its own (errors.h).
// Threads: any without a loop. The loop belongs to that thread until it is destroyed.
ROUSE_API int rouse_loop_create(const rouse_loop_options *options, rouse_loop **out_loop);

// Ends |loop| and frees it. NULL does nothing.
//
// Callbacks of what has completed by now are run first, unless there are tasks.
//
// Returns ROUSE_DONE; or ROUSE_EBUSY: tasks, waits or operations are still pending, objects of the
//   loop (acceptors, receivers, buffers) still there, or it is called by a task or a callback of
//   the loop (debug builds abort); or ROUSE_EFORKED (a parent's loop). Then |loop| lives on.
// Threads: the loop's, outside of tasks and callbacks. Other threads may still be returning from
// wakes they made; that is safe.
ROUSE_API int rouse_loop_destroy(rouse_loop *loop);

// Runs |loop| until rouse_loop_stop() was called and its last task has ended.
// Returns ROUSE_DONE, ROUSE_EFORKED, ROUSE_EDEADLK (called by a task or a callback; debug builds
//   abort), or what the backend failed with. Threads: the loop's, outside of tasks and callbacks.
ROUSE_API int rouse_loop_run(rouse_loop *loop);

// Runs what is ready, what has expired and what has completed; if nothing has, sleeps until
// something has or |deadline_ns| has passed, and runs that.
//
// |deadline_ns|  Absolute, monotonic. 0: does not sleep.
//
// Returns how much was dispatched, 0 (only after |deadline_ns|) or more; ROUSE_EFORKED,
//   ROUSE_EDEADLK (as above), or what the backend failed with.
// Threads: the loop's, outside of tasks and callbacks.
ROUSE_API int rouse_loop_run_once(rouse_loop *loop, int64_t deadline_ns);

// Asks |loop| to stop: all its tasks are cancelled, later ones as soon as they start;
// rouse_loop_run() returns when the last has ended. Inside rouse_run() one stop is for all loops of
// the run. Threads: any, as long as the loop exists. Never blocks.
ROUSE_API void rouse_loop_stop(rouse_loop *loop);

// The loop of the calling thread, or NULL. Threads: any.
ROUSE_API rouse_loop *rouse_loop_here(void);

// Runs |callback| with ROUSE_DONE on |loop|, soon. |wait| needs no rouse_wait_init() and must not
// be in use; it is the caller's again when the callback is entered.
// Threads: any, as long as the loop exists. Takes no mutex, allocates nothing, never blocks.
// Ordering: everything before the post happens before the callback.
ROUSE_API void rouse_loop_post(rouse_loop *loop, rouse_wait *wait, rouse_wait_fn *callback);

// The name of |loop|'s backend ("io_uring", "epoll", "poll", "iocp") and of its doorbell. Static
// storage. Threads: any, as long as the loop exists.
ROUSE_API const char *rouse_loop_backend(const rouse_loop *loop);
ROUSE_API const char *rouse_loop_doorbell(const rouse_loop *loop);

// Copies |loop|'s counters. Threads: the loop's, or any when it does not run.
ROUSE_API void rouse_loop_stats_read(const rouse_loop *loop, rouse_loop_stats *out_stats);

ROUSE_END_C
#endif
