// What the files of the runtime share about a loop.
#ifndef ROUSE_RUNTIME_LOOP_INTERNAL_H
#define ROUSE_RUNTIME_LOOP_INTERNAL_H

#include <rouse/event.h>
#include <rouse/run.h>

#include "base/assert.h"
#include "base/atomics.h"
#include "base/waker.h"
#include "context/context.h"
#include "platform/platform.h"
#include "runtime/backend.h"
#include "runtime/pool.h"
#include "runtime/stack.h"
#include "runtime/timer.h"

// Loops that stop together: those of one rouse_run(), or a single one.
struct rouse__group {
  // What keeps the group going, twice, | stopping: each loop that has tasks, and each spawn on its
  // way to another loop. One word, so that a spawn and the end can't miss each other.
  rouse__atomic64 holds;
  uint32_t count;
  rouse_loop **loops;
  rouse__pool *pool;  // made by the first that needs it
  rouse__atomic_pointer pool_made;
  uint32_t pool_threads;
  rouse_task *main;  // of rouse_run(): if it cannot start, the group stops
  int main_refused;
};
enum { ROUSE__GROUP_STOPPING = 1, ROUSE__GROUP_HOLD = 2 };

// A FIFO of waits, by |link|.
struct rouse__ready {
  rouse_wait *first, *last;
};

struct rouse_task {
  // What a wait touches comes first.
  rouse_wait *waiting;        // what it waits in
  rouse__atomic32 cancelled;  // ROUSE__TASK_…
  bool shielded, started, ended;
  bool sent;  // spawned by another thread: brings a hold of the group along
  rouse__context context;
  rouse_loop *loop;
  rouse_task_fn *function;
  void *argument;
  int64_t result;
  rouse_task *next, *previous;  // of the loop's tasks
  struct rouse__stack stack;    // from its first run to its end
  rouse_event done;
  rouse_wait *joiner;    // of a task of the same loop that joins it: completed without |done|
  rouse__atomic32 refs;  // the handle, the run, a cancel under way
  rouse_wait resume;     // on the ready list after a spawn or a yield
  rouse_wait mail;       // a cancel from another thread
};

// rouse_task.cancelled: a cancel was asked for; its mail is under way; none may begin any more.
enum { ROUSE__TASK_CANCELLED = 1, ROUSE__TASK_CANCEL_MAIL = 2, ROUSE__TASK_OVER = 4 };

struct rouse_loop {
  struct rouse__waker waker;
  rouse_task *current;
  struct rouse__ready urgent;  // grants and nudges: dispatched first
  struct rouse__ready ready;   // spawns, yields
  struct rouse__backend *backend;
  rouse__context context;  // of the loop itself, while a task runs
  rouse_task *tasks, *spare_tasks;
  uint32_t spare_task_count;
  uint32_t fork_generation;
  struct rouse__group *group;
  struct rouse__group own_group;
  rouse_loop *own_loops[1];
  int64_t spin_ns, spin_most_ns;
  uint32_t short_sleeps;  // in a row, while spin_ns is 0
  uint64_t bells_owed;
  int32_t turn_left;    // dispatches that the current turn may still make
  uint32_t ending;      // operations of destroyed objects, cancels of ended tasks: under way
  uint32_t holders;     // objects that are to be destroyed before the loop
  uint64_t task_count;  // spawned here or arrived, not ended: above 0 it holds the group
  rouse_loop_options options;
  rouse_loop_stats stats;
  rouse__stack_pool stacks;
  struct rouse__timers timers;
  struct rouse__futex_thread *futex_idle;  // see futex_threads.c
  uint32_t futex_thread_count;
  rouse_wait stop_mail, end_mail;  // each is sent once: see the end of loop.c's run section
  bool stop_arrived;
  bool dispatching;                           // inside a turn: a task or a callback runs
  _Alignas(128) rouse__atomic_pointer inbox;  // mail from other threads
};

extern _Thread_local rouse_loop *rouse__loop_here;

// |loop| belongs to a process that this one was forked from.
static inline bool rouse__loop_forked(const rouse_loop *loop) {
  return loop->fork_generation != rouse__fork_generation();
}

// Calls of a task in a row that may be completed without waiting before it is made to yield.
enum { ROUSE__INLINE_BUDGET = 64 };
// Dispatches in a turn of the loop, and which of them begin with the list of those not urgent.
enum { ROUSE__TURN = 64, ROUSE__FAIR_SHARE = 16 };

// --- loop.c --------------------------------------------------------------------------------------

// As rouse_loop_create(), for a loop of |group| (NULL: a group of its own).
int rouse__loop_create(const rouse_loop_options *options, struct rouse__group *group,
                       rouse_loop **out_loop);
// Runs until the group stops and its last task has ended.
int rouse__loop_run(rouse_loop *loop);
// The last hold of |group|, which is stopping, was dropped: wakes its loops so that they end. A
// loop's thread of that group.
void rouse__group_end(struct rouse__group *group);
// Lets |loop| run |wait| after what is ready now. Own thread.
void rouse__loop_ready(rouse_loop *loop, rouse_wait *wait);
// The pool of the loop's group, made at the first call. NULL if there is no memory.
rouse__pool *rouse__loop_pool(rouse_loop *loop);

// --- deliver.c -----------------------------------------------------------------------------------

extern const struct rouse__waker_ops rouse__loop_waker_ops;
// Takes the mail of other threads to the ready lists. Own thread.
void rouse__loop_take_mail(rouse_loop *loop, uintptr_t mail);
// Takes one wait that has arrived: completes it, or reports its nudge. Returns the task that is to
// run because of it, or NULL.
rouse_task *rouse__loop_deliver(rouse_loop *loop, rouse_wait *wait);
// Completes |wait|, of kind TIMER, with ROUSE_DONE, if it is pending. Own thread.
void rouse__loop_end(rouse_loop *loop, rouse_wait *wait);
// Pushes |wait|, whose kind is set, to |loop|. Any thread.
void rouse__loop_send(rouse_loop *loop, rouse_wait *wait);
// Ends what has expired, in bounded steps. True: there is more.
bool rouse__loop_expire(rouse_loop *loop);

// Starts |io|, whose fields are set. Own thread. ROUSE_PENDING or a failure.
int rouse__io_submit(rouse_io *io, int64_t deadline_ns);
// The parts of rouse__io_submit(), for operations that begin later than they are started. |io| is
// pending from now on, its deadline runs. Own thread.
void rouse__io_prepare(rouse_io *io, int64_t deadline_ns);
// Begins it: 0, or a failure, which is then for the caller to complete it with.
int rouse__io_begin(rouse_io *io);
// Asks the operation |io|, which has begun, to end.
void rouse__io_leave(rouse_io *io);

// exchange.c: starts one. 0 or a failure.
int rouse__exchange_start(struct rouse__backend *backend, rouse_io *io);
// |io|, an exchange that sends, has ended with |*result|, which may be changed. True:
// it has not ended yet.
bool rouse__exchange_goes_on(rouse_io *io, int64_t *result);
// chain.c: puts |io| into its chain; ROUSE_PENDING or a failure.
int rouse__chain_collect(rouse_io *io, int64_t deadline_ns);
// |io|, in a chain, has ended with |*result|, which may be changed. True: it has not ended yet.
bool rouse__chain_absorbs(rouse_io *io, int64_t *result);
// |io|, in a chain, is complete.
void rouse__chain_ended(rouse_io *io);
// |io|, in a chain, is asked to end.
void rouse__chain_leave(rouse_io *io);
int rouse__chain_wait_start(rouse_io *waiter);
void rouse__chain_wait_leave(rouse_io *waiter);

// Operations that no backend sees (stream.c): a wait for a stream's next result.
int rouse__stream_next(rouse_io *io);
void rouse__stream_leave(rouse_io *io);
// 0, or why the calling thread has no loop to use.
int rouse__loop_usable(void);
// 0, or why the calling task may not wait now, even where it would not have to; counts the call.
int rouse__loop_may_wait(void);
// A pooled operation has ended with |result|. Any thread.
void rouse__io_blocking_done(rouse_io *io, int64_t result);

// --- task.c --------------------------------------------------------------------------------------

// Prepares the first run of |task|. False: there was no stack for it, and it has ended.
bool rouse__task_start(rouse_loop *loop, rouse_task *task);
// Takes care of |task|, which has returned.
void rouse__task_ended(rouse_loop *loop, rouse_task *task);
// The plain form of an operation: submits |io|, whose fields are set, and waits for it. The result.
int64_t rouse__io_wait(rouse_io *io, int64_t deadline_ns);
// Cancels all tasks of |loop|. Own thread.
void rouse__task_cancel_all(rouse_loop *loop);
// Frees the task structures kept for reuse.
void rouse__task_free_spares(rouse_loop *loop);

static inline void rouse__ready_push(struct rouse__ready *ready, rouse_wait *first,
                                     rouse_wait *last) {
  last->link = NULL;
  if (ready->first) {
    ready->last->link = first;
  } else {
    ready->first = first;
  }
  ready->last = last;
}
static inline rouse_wait *rouse__ready_pop(struct rouse__ready *ready) {
  rouse_wait *wait = ready->first;
  if (wait) ready->first = wait->link;
  return wait;
}

#endif
