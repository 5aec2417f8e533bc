// The blocking pool: a few threads that make the calls that would block a loop. See pool.c.
#ifndef ROUSE_RUNTIME_POOL_H
#define ROUSE_RUNTIME_POOL_H

#include <rouse/api.h>

typedef struct rouse__pool rouse__pool;
struct rouse__work;

// What is done with a piece of work, once. With |cancelled| false it does the work, on a thread of
// the pool, and reports its end. With true, after rouse__pool_cancel() has claimed it, it only
// reports, on any thread, perhaps inside that call, so it runs no callback of a user. Neither the
// pool nor a cancel under way on another thread touches the work after it was entered.
typedef void rouse__work_fn(struct rouse__work *work, bool cancelled);
struct rouse__work_kind {
  rouse__work_fn *run;
} __attribute__((aligned(8)));  // so that a state fits into the low bits of its address

// A piece of work, in memory that the submitter owns until it has been run. Three words, which fit
// into the words that a rouse_io keeps for a backend; hence may_alias.
struct __attribute__((may_alias)) rouse__work {
  struct rouse__work *next;
  struct rouse__work *previous;
  rouse__atomic_pointer what;  // the kind | state
};

// Makes a pool of at most |threads_max| threads (0: 4, or the number of processors if that is
// more), one of which is started at once. 0, or ROUSE_ENOMEM: no memory or no thread.
int rouse__pool_create(uint32_t threads_max, rouse__pool **out_pool);

// Ends the threads and frees the pool. All work has been run: whoever submitted it has had its
// report. In a forked child there are no threads to wait for. NULL does nothing.
void rouse__pool_destroy(rouse__pool *pool);

// Has |work| run by a thread of the pool; in order of submission.
// 0, or ROUSE_EFORKED (the pool's threads are in the parent process; the work is not queued).
// Threads: any. Takes no mutex, allocates nothing, never blocks.
// Ordering: everything before the call happens before the run.
int rouse__pool_submit(rouse__pool *pool, struct rouse__work *work,
                       const struct rouse__work_kind *kind);

// Claims |work| before its start. True: it will not be run but reported as cancelled, at once or by
// the thread that has the queue in its hands at this moment; never only after other work has been
// run. False: it runs, has run, or was claimed before. The caller keeps the work's memory alive
// during the call. Threads: any. Never blocks.
bool rouse__pool_cancel(rouse__pool *pool, struct rouse__work *work);

#endif
