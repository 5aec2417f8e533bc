// Ways to wake a waiter, behind one interface: what the lab compares.
//
// An approach is a queue of waiters for building primitives: state lives with the user, waiting
// lives here. All of them complete their waits through the same wakers (src/base/waker.h), so what
// differs is how waiters are parked and found, not how a task is resumed. Two of them wait in the
// kernel by nature.
//
// The contract, with the capability bit that says whether an approach holds a part of it:
//
//   wait_if    queues the waiter only if its condition held at a moment after which no wake was
//              made before the waiter was queued (all). So a change of the state followed by a wake
//              is never lost. A waiter may complete with ROUSE_EAGAIN: look at the state again; it
//              took no wake from anybody.
//   wake_one   wakes exactly one waiter if there is one (APPROACH_EXACT), the one that has waited
//              longest (APPROACH_FIFO). With none it does nothing; wakes are not remembered.
//   wake_all   wakes all that wait now, and none that come later (APPROACH_EXACT).
//   cancel     ends a wait with ROUSE_ECANCELED, or finds that a wake came first: then the result
//              is ROUSE_DONE and the wake counts. A wake is never spent on a waiter that reports
//              anything else (all). Its place is free at once (APPROACH_REMOVES), or found empty by
//              a later wake.
//   count      how many wait: exact when nothing is going on.
//   finish     may be called as soon as the last waiter has completed and its caller knows of no
//              other call on the object that has begun and not yet returned; with
//              APPROACH_DESTROY, by the woken itself while the wake that woke it is still
//              returning.
#ifndef APPROACHES_APPROACH_H
#define APPROACHES_APPROACH_H

#include <rouse/waitqueue.h>

enum {
  APPROACH_FIFO = 1 << 0,           // wake_one wakes in order of arrival
  APPROACH_EXACT = 1 << 1,          // a wake wakes whom it says, and nobody else
  APPROACH_MANY = 1 << 2,           // more than one waiter; without it wait_if gives ROUSE_EBUSY
  APPROACH_LOOPS = 1 << 3,          // waiters and wakers on any loop or thread
  APPROACH_REMOVES = 1 << 4,        // a cancelled waiter's place is free at once
  APPROACH_ALLOCATES_NOT = 1 << 5,  // nothing from the heap for waiting, waking and cancelling
  APPROACH_DESTROY = 1 << 6,        // the woken may finish the object at once
  APPROACH_THREADS = 1 << 7,        // plain threads can wait (approach_wait_if)
  APPROACH_LOCK_FREE = 1 << 8,      // no call waits for a descheduled thread
  APPROACH_KERNEL = 1 << 9,         // each wait is an operation of the kernel
};
enum { APPROACH_BITS = 10 };

// One pending wait, in memory of the caller: |waiter_size| bytes, aligned to 64, this first. Owned
// as a rouse_wait is (see <rouse/wait.h>).
typedef struct approach_waiter {
  rouse_wait wait;  // its callback gets the result
  void *owner;      // private
} approach_waiter;

enum { APPROACH_OBJECT_MOST = 512, APPROACH_WAITER_MOST = 512 };

// Memory for an object, and for a waiter, of any approach.
typedef union approach_object {
  _Alignas(64) unsigned char bytes[APPROACH_OBJECT_MOST];
} approach_object;
typedef union approach_space {
  _Alignas(64) unsigned char bytes[APPROACH_WAITER_MOST];
  approach_waiter waiter;
} approach_space;

typedef struct approach {
  const char *name;      // as its file
  const char *title;     // a few words
  const char *summary;   // one sentence
  const char *progress;  // the guarantee, in a few words
  const char *library;   // the kept library that it uses here, or NULL
  const char *gaps;      // what of the contract it does not hold, and why; NULL: nothing
  uint32_t can;          // APPROACH_* bits
  size_t object_size;    // at most APPROACH_OBJECT_MOST
  size_t waiter_size;    // at most APPROACH_WAITER_MOST
  size_t waiter_heap;    // further bytes from the heap for each waiter that is queued

  // Why it cannot run on this machine, or in this build; NULL if it can. With a loop on the calling
  // thread the answer is about that loop's backend as well.
  const char *(*unavailable)(void);

  // Makes |object| (object_size bytes, aligned to 64) a queue without waiters. ROUSE_DONE or a
  // failure.
  int (*init)(void *object);
  void (*finish)(void *object);

  // Waits until woken, unless |condition| (NULL: always wait) says that there is nothing to wait
  // for. It may run under a lock of the object and must not use the object.
  //
  // ROUSE_PENDING (the callback runs exactly once), ROUSE_DONE (woken already), ROUSE_EAGAIN (the
  // condition was false), ROUSE_ETIMEDOUT, or a failure (ROUSE_EBUSY, ROUSE_ENOMEM, ...).
  // Completion: ROUSE_DONE, ROUSE_EAGAIN, ROUSE_ETIMEDOUT or ROUSE_ECANCELED.
  // Threads: the one of the waiter's loop.
  int (*wait_if)(void *object, approach_waiter *waiter, rouse_condition_fn *condition,
                 void *argument, int64_t deadline_ns);

  // Any thread.
  void (*wake_one)(void *object);
  void (*wake_all)(void *object);
  // As rouse_wait_cancel(), which does the same.
  void (*cancel)(void *object, approach_waiter *waiter);
  uint32_t (*count)(void *object);

  // Waits inside the call, in a task or (APPROACH_THREADS) on a plain thread. ROUSE_DONE,
  // ROUSE_EAGAIN, ROUSE_ETIMEDOUT, ROUSE_ECANCELED (the task was cancelled), or a failure.
  int (*block_if)(void *object, rouse_condition_fn *condition, void *argument, int64_t deadline_ns);
} approach;

// All approaches, in the order of the research; a NULL at the end.
extern const approach *const approaches[];
// NULL if there is none of that name.
const approach *approach_find(const char *name);
// The name of one capability bit ("fifo", "exact", ...), for tables; NULL for others.
const char *approach_bit_name(uint32_t bit);

// Prepares |waiter| for waits on |loop| (NULL: the one here). As rouse_wait_init().
static inline void approach_waiter_init(approach_waiter *waiter, rouse_loop *loop,
                                        rouse_wait_fn *callback) {
  rouse_wait_init(&waiter->wait, loop, callback);
}

// --- what it costs, counted ----------------------------------------------------------------------

// What one thread did. Atomic operations are counted only in the counted twins (below).
typedef struct approach_counts {
  uint64_t loads, stores;  // atomic ones, relaxed to acquire and release
  uint64_t modifications;  // compare-and-swaps (failed ones, too), exchanges, additions, ...
  uint64_t locks;          // acquisitions of a lock of a library or the system: not looked into
  uint64_t allocations, allocated_bytes;
  uint64_t system_calls;  // made by the approach itself
} approach_counts;

// The same approaches compiled against a shim of base/atomics.h that counts: slower, for counting
// only. Same order.
extern const approach *const approaches_counted[];
// The calling thread's counts so far, and none again.
void approach_counts_take(approach_counts *out_counts);

// One wait that queues, the wake that ends it, and its delivery, all on the calling thread's loop;
// the mean of many, with |waiters| others queued behind it (0: none). A wake to another loop adds
// one compare-and-swap to each, the same for all approaches.
typedef struct approach_cost {
  double wait_loads, wait_stores, wait_modifications;  // of wait_if
  double wake_loads, wake_stores, wake_modifications;  // of wake_one
  double cancel_modifications;                         // of cancel, instead of the wake
  double locks;                                        // of wait and wake together
  double allocations, system_calls;                    // of wait and wake together
  double heap_bytes;                                   // taken from the heap in all, for a waiter
  bool atomics_counted;  // false: the library's inside could not be counted; locks says how many
} approach_cost;

// Returns ROUSE_DONE, or why not (ROUSE_ENOTSUP: the approach is unavailable).
// Threads: a thread without a loop; makes one.
int approach_cost_measure(const char *name, uint32_t waiters, approach_cost *out_cost);

#endif
