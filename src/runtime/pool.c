// The blocking pool.
//
// Submitting is a push to a stack of mail and a permit to a semaphore; workers sleep on the
// semaphore as plain threads do. So a submitter takes no mutex, and its cost with an awake worker
// is two atomic operations. Workers share a list, guarded by a mutex: who finds it empty moves the
// mail to it, oldest first.
//
// POOL-1: permits, and workers on their way from the semaphore to the list, together are at least
// as many as pieces of work in mail and list (but for submitters between push and release).
// Cancelled work leaves the list early, and a permit with it, in the same hold of the mutex. If
// there is none it has been taken already: then a worker finds nothing and goes back to sleep.
// (A permit that is taken back later may be that of work which came after that.)
//
// A piece of work is, in the low bits of its |what|,
//
//   QUEUED --a worker takes it off the list--> OUT, run
//   QUEUED --cancel--> CLAIMED --whoever holds the mutex takes it off--> OUT, reported as cancelled
//
// Only a holder of the mutex takes work off the list and sets OUT, so who holds it and sees CLAIMED
// knows that the work is still linked. A cancel that gets the mutex at once takes its work off
// itself. One that does not must not wait: it counts a claim and goes. The holder of the mutex
// looks at the claims after its unlock, and lets go of the claimed. That works because both sides
// are read-modify-writes of one word: if the holder's look came before the count, the canceller has
// seen that look, and with it the unlock, so its second attempt on the mutex succeeds or meets a
// later holder, who looks later. (With plain loads each might miss the other's store, and the
// cancelled work would lie there until some worker has ended what it does, which may be never.)
//
// Threads: the first is started with the pool, so that a submit can't find a pool without threads
// and has no thread to start. A worker that takes work while no other is idle starts one first, as
// long as there may be more. A loop's thread never pays for a thread's start, and work waits only
// while all threads that there may be are busy.
#include "runtime/pool.h"

#include <rouse/mutex.h>
#include <rouse/semaphore.h>
#include <rouse/task.h>

#include "runtime/loop_internal.h"

enum { THREADS_LEAST = 4, THREADS_MOST = 1024 };
enum { GROW_PAUSE = 64 };  // pieces of work until a thread that could not be started is tried again
enum { QUEUED = 0, CLAIMED = 1, OUT = 2, STATES = 3 };

struct rouse__pool {
  rouse_semaphore permits;
  rouse_mutex lock;
  rouse__atomic32 claims;  // by cancels that did not get the mutex
  rouse__atomic32 idle;    // workers without work
  uint32_t fork_generation;
  uint32_t threads_max;
  // Guarded by the mutex:
  uint32_t thread_count;
  uint32_t grow_pause;
  struct rouse__work *first, *last;
  rouse__thread *threads;
  _Alignas(64) rouse__atomic_pointer mail;  // newest first
};

_Static_assert(sizeof(struct rouse__work) <= sizeof(((rouse_io *)0)->backend),
               "work does not fit into an operation");

// --- the list, under the mutex -------------------------------------------------------------------

static void append(rouse__pool *pool, struct rouse__work *first, struct rouse__work *last) {
  first->previous = pool->last;
  last->next = NULL;
  if (pool->last) {
    pool->last->next = first;
  } else {
    pool->first = first;
  }
  pool->last = last;
}

static void take_mail(rouse__pool *pool) {
  // ORDER(pool_mail): acquire, the submitters' work.
  struct rouse__work *work = (struct rouse__work *)swap_acquire(&pool->mail, 0);
  struct rouse__work *oldest = NULL, *newest = work;
  while (work) {
    struct rouse__work *older = work->next;
    work->next = oldest;
    if (oldest) oldest->previous = work;
    oldest = work;
    work = older;
  }
  if (oldest) append(pool, oldest, newest);
}

static void unlink_work(rouse__pool *pool, struct rouse__work *work) {
  *(work->previous ? &work->previous->next : &pool->first) = work->next;
  *(work->next ? &work->next->previous : &pool->last) = work->previous;
}

// Takes |work| off the list. What it was: QUEUED or CLAIMED.
static uintptr_t take_out(rouse__pool *pool, struct rouse__work *work) {
  unlink_work(pool, work);
  uintptr_t what = load_relaxed(&work->what);  // RELAXED: the kind does not change
  // ORDER(claim): release, the list's links, to the cancel that comes too late; acquire, what the
  // claiming thread did.
  return swap_acq_rel(&work->what, (what & ~(uintptr_t)STATES) | OUT) & STATES;
}

static void run(struct rouse__work *work, bool cancelled) {
  // RELAXED: the work came through the list.
  uintptr_t what = load_relaxed(&work->what) & ~(uintptr_t)STATES;
  ((const struct rouse__work_kind *)what)->run(work, cancelled);
}

// --- claimed work --------------------------------------------------------------------------------

// Takes |work|, which was claimed, off the list, with a permit if there is one; see POOL-1.
static void withdraw(rouse__pool *pool, struct rouse__work *work) {
  take_out(pool, work);
  rouse_semaphore_try_acquire(&pool->permits, 1);
}

// Takes all claimed work off the list; under the mutex. A chain, or NULL.
static struct rouse__work *take_claimed(rouse__pool *pool) {
  struct rouse__work *claimed = NULL, *next;
  take_mail(pool);
  for (struct rouse__work *work = pool->first; work; work = next) {
    next = work->next;
    // RELAXED: a look; the swap that takes it out acquires.
    if ((load_relaxed(&work->what) & STATES) != CLAIMED) continue;
    withdraw(pool, work);
    work->next = claimed;
    claimed = work;
  }
  return claimed;
}

// Reports a chain of claimed work that was taken off the list.
static void report_claimed(struct rouse__work *claimed) {
  while (claimed) {
    struct rouse__work *next = claimed->next;
    run(claimed, true);
    claimed = next;
  }
}

// After each unlock of the mutex, and each claim that did not get it.
static void let_go_of_claimed(rouse__pool *pool) {
  // ORDER(claims): acquire, the claims; release, the unlock before, to a canceller that counts
  // later.
  while (swap_acq_rel(&pool->claims, 0)) {
    if (!rouse_mutex_try_lock(&pool->lock)) {
      // ORDER(claims): both, as when it was counted first: the next holder looks after its unlock.
      add_acq_rel(&pool->claims, 1);
      if (!rouse_mutex_try_lock(&pool->lock)) return;
    }
    struct rouse__work *claimed = take_claimed(pool);
    rouse_mutex_unlock(&pool->lock);
    report_claimed(claimed);
  }
}

bool rouse__pool_cancel(rouse__pool *pool, struct rouse__work *work) {
  uintptr_t what = load_relaxed(&work->what);  // RELAXED: the CAS validates it
  if ((what & STATES) != QUEUED) return false;
  // ORDER(claim): release, ours, to whoever takes the work off the list.
  if (!cas_release(&work->what, &what, what | CLAIMED)) return false;
  if (rouse_mutex_try_lock(&pool->lock)) {
    // ORDER(claim): acquire, pairs with a take between our claim and our lock.
    bool linked = (load_acquire(&work->what) & STATES) == CLAIMED;
    if (linked) {
      take_mail(pool);
      withdraw(pool, work);
      work->next = NULL;
    }
    rouse_mutex_unlock(&pool->lock);
    if (linked) report_claimed(work);
  } else {
    // ORDER(claims): release, the claim; acquire, the unlock of a holder that has looked already.
    add_acq_rel(&pool->claims, 1);
  }
  let_go_of_claimed(pool);
  return true;
}

// --- workers -------------------------------------------------------------------------------------

static void worker_main(void *argument);

// Starts a worker; under the mutex, or before there are others. False: it could not be had.
static bool start_worker(rouse__pool *pool) {
  add_relaxed(&pool->idle, 1);  // RELAXED: a hint when to grow
  if (!rouse__thread_start(&pool->threads[pool->thread_count], worker_main, pool, "rouse-pool")) {
    pool->thread_count++;
    return true;
  }
  sub_relaxed(&pool->idle, 1);  // RELAXED: as above
  pool->grow_pause = GROW_PAUSE;
  return false;
}

// A worker takes work and leaves none idle behind it: one more is needed for what comes next.
static void grow(rouse__pool *pool) {
  if (pool->thread_count == pool->threads_max) return;
  if (load_relaxed(&pool->idle)) return;  // RELAXED: a hint
  if (pool->grow_pause) {
    pool->grow_pause--;
    return;
  }
  start_worker(pool);
}

// The oldest work, and in |*cancelled| whether it was claimed; NULL if it has left early.
static struct rouse__work *take(rouse__pool *pool, bool *cancelled) {
  rouse_mutex_lock(&pool->lock);
  if (!pool->first) take_mail(pool);
  struct rouse__work *work = pool->first;
  if (work) {
    *cancelled = take_out(pool, work) == CLAIMED;
    // Only before work that is run: its report comes after, so that whoever has had all reports
    // knows that no more threads are started, and may destroy the pool.
    if (!*cancelled) grow(pool);
  }
  rouse_mutex_unlock(&pool->lock);
  let_go_of_claimed(pool);
  return work;
}

static void worker_main(void *argument) {
  rouse__pool *pool = argument;
  bool idle = true;  // whoever started it has counted it
  for (;;) {
    if (!idle && rouse_semaphore_try_acquire(&pool->permits, 1) != ROUSE_DONE) {
      add_relaxed(&pool->idle, 1);  // RELAXED: a hint when to grow
      idle = true;
    }
    if (idle) {
      if (rouse_semaphore_acquire(&pool->permits, 1) != ROUSE_DONE) return;
      sub_relaxed(&pool->idle, 1);  // RELAXED: as above
      idle = false;
    }
    bool cancelled = false;
    struct rouse__work *work = take(pool, &cancelled);
    if (work) run(work, cancelled);
    // The work forked, and this is the child: its only thread, in which nobody waits for a report.
    if (pool->fork_generation != rouse__fork_generation()) return;
  }
}

// --- create, destroy, submit ---------------------------------------------------------------------

int rouse__pool_create(uint32_t threads_max, rouse__pool **out_pool) {
  if (!threads_max) {
    threads_max = rouse__cpu_count();
    if (threads_max < THREADS_LEAST) threads_max = THREADS_LEAST;
  }
  if (threads_max > THREADS_MOST) threads_max = THREADS_MOST;
  *out_pool = NULL;
  rouse__fork_watch();
  rouse__pool *pool = rouse__allocate(sizeof *pool, _Alignof(rouse__pool));
  if (!pool) return ROUSE_ENOMEM;
  pool->threads_max = threads_max;
  pool->fork_generation = rouse__fork_generation();
  rouse_semaphore_init(&pool->permits, 0, ROUSE_FIFO);
  pool->threads = rouse__allocate(threads_max * sizeof *pool->threads, _Alignof(rouse__thread));
  if (!pool->threads) goto out_free_pool;
  if (!start_worker(pool)) goto out_free_threads;
  *out_pool = pool;
  return 0;

out_free_threads:
  rouse__free(pool->threads);
out_free_pool:
  rouse__free(pool);
  return ROUSE_ENOMEM;
}

void rouse__pool_destroy(rouse__pool *pool) {
  if (!pool) return;
  if (pool->fork_generation == rouse__fork_generation()) {
    rouse_semaphore_close(&pool->permits);
    for (uint32_t i = 0; i < pool->thread_count; i++) rouse__thread_join(&pool->threads[i]);
    // RELAXED: no thread is left.
    ROUSE__ASSERT(!pool->first && !load_relaxed(&pool->mail),
                  "a pool is destroyed that has work to do");
  }
  rouse__free(pool->threads);
  rouse__free(pool);
}

int rouse__pool_submit(rouse__pool *pool, struct rouse__work *work,
                       const struct rouse__work_kind *kind) {
  if (pool->fork_generation != rouse__fork_generation()) return ROUSE_EFORKED;
  store_relaxed(&work->what, (uintptr_t)kind | QUEUED);  // RELAXED: published by the push
  work->previous = NULL;
  uintptr_t newest = load_relaxed(&pool->mail);  // RELAXED: the CAS validates it
  do {
    work->next = (struct rouse__work *)newest;
    // ORDER(pool_mail): release, the work and all before, to the worker's swap.
  } while (!cas_release(&pool->mail, &newest, (uintptr_t)work));
  int released = rouse_semaphore_release(&pool->permits, 1);
  ROUSE__ASSERT(!released, "more work is queued than there can be permits");
  (void)released;
  return 0;
}

// --- operations ----------------------------------------------------------------------------------

// An operation keeps in |result|, until there is one, what makes it.
static void run_operation(struct rouse__work *work, bool cancelled) {
  rouse_io *io = ROUSE__CONTAINER(work, rouse_io, backend);
  int64_t (*perform)(rouse_io *) = (int64_t(*)(rouse_io *))(uintptr_t)io->result;
  rouse__io_blocking_done(io, cancelled ? ROUSE_ECANCELED : perform(io));
}

static const struct rouse__work_kind operation_kind = {.run = run_operation};

static rouse_loop *loop_of(const rouse_io *io) {
  return ROUSE__CONTAINER(io->wait.waker, rouse_loop, waker);
}

int rouse__io_blocking(rouse_io *io, int64_t (*perform)(rouse_io *io)) {
  rouse_loop *loop = loop_of(io);
  rouse__pool *pool = rouse__loop_pool(loop);
  if (!pool) return ROUSE_ENOMEM;
  io->result = (int64_t)(uintptr_t)perform;
  io->state = ROUSE__IO_POOLED;
  int refused = rouse__pool_submit(pool, (struct rouse__work *)io->backend, &operation_kind);
  if (refused) {
    io->state = ROUSE__IO_BACKEND;
    return refused;
  }
  loop->stats.blocking_calls++;
  return 0;
}

void rouse__io_blocking_cancel(rouse_io *io) {
  rouse__pool_cancel(rouse__loop_pool(loop_of(io)), (struct rouse__work *)io->backend);
}

// --- calls ---------------------------------------------------------------------------------------

struct call {
  struct rouse__work work;
  rouse_task_fn *function;
  void *argument;
  int64_t result;
  uint32_t fork_generation;
  bool cancelled;
  rouse_event done;
};

static void run_call(struct rouse__work *work, bool cancelled) {
  struct call *call = ROUSE__CONTAINER(work, struct call, work);
  call->cancelled = cancelled;
  if (!cancelled) call->result = call->function(call->argument);
  // In a child that the function forked nobody waits, and the loop's bell is the parent's.
  if (call->fork_generation != rouse__fork_generation()) return;
  rouse_event_set(&call->done);
}

static const struct rouse__work_kind call_kind = {.run = run_call};

int rouse_blocking_call(rouse_task_fn *function, void *argument, int64_t *out_result) {
  ROUSE__ASSERT(function, "rouse_blocking_call: the function is NULL");
  rouse_loop *loop = rouse__loop_here;
  struct call call = {.function = function, .argument = argument, .done = ROUSE_EVENT_INIT};
  if (!loop) {
    call.result = function(argument);
    if (out_result) *out_result = call.result;
    return ROUSE_DONE;
  }
  rouse__inline_budget_use();
  int refused = loop->waker.ops->may_block(&loop->waker);
  if (refused) return refused;
  call.fork_generation = loop->fork_generation;
  rouse__pool *pool = rouse__loop_pool(loop);
  if (!pool) return ROUSE_ENOMEM;
  refused = rouse__pool_submit(pool, &call.work, &call_kind);
  if (refused) return refused;
  loop->stats.blocking_calls++;
  if (rouse_event_wait(&call.done) != ROUSE_DONE) {
    rouse__pool_cancel(pool, &call.work);
    bool shielded = rouse_task_shield(true);
    rouse_event_wait(&call.done);
    rouse_task_shield(shielded);
  }
  if (call.cancelled) return ROUSE_ECANCELED;
  if (out_result) *out_result = call.result;
  return ROUSE_DONE;
}
