// Futex words: waiting for a 32-bit word of memory to change, in the same loop as I/O.
//
// Whoever changes a word wakes those that wait on it: rouse_futex_wake(), or the system's own call
// (futex(2)) by any thread of any process. The word stays the caller's, who reads and writes it
// with atomic operations; the library only compares it. This is for words that others define (a
// mutex of another library, a ring buffer shared with another process, a counter in a file that
// both have mapped); for waiting inside one program the objects of event.h and its like are better.
//
// The protocol is that of every futex:
//   waiter:  read the word; if its value says "wait", rouse_futex_wait(word, that value).
//   waker:   change the word, then wake.
// A change that comes between the waiter's reading and its wait is not missed: the wait ends at
// once, with ROUSE_EAGAIN. Whatever the result, read the word again and decide anew.
//
// Wakes are conserved. Each wait that a wake was spent on reports it: one result of ROUSE_DONE (an
// index, for rouse_futex_wait_any()) for each waiter that a wake counted. A cancel or a deadline
// that comes together with a wake reports the wake, or, where a wait has already a result,
// passes the wake on to the next waiter of that word. Waits of a loop that has ended take none.
//
// Private and shared. A wake reaches only waits of its own kind, among threads here and in the
// system's call alike: ROUSE_FUTEX_SHARED waits need FUTEX_WAKE, others FUTEX_WAKE |
// FUTEX_PRIVATE_FLAG. A mismatch wakes nobody, and nothing can report it.
//
// Backends. With io_uring the waits are operations of the ring (Linux 6.7). Elsewhere each word
// that is waited for has a thread of the loop that sleeps on it, at most ROUSE_FUTEX_THREADS_MAX
// for a loop; the contract is the same, a start may allocate, and an end takes a hand-over between
// threads. On kernels before 5.16 those threads look for cancels only every few milliseconds.
// Windows: its own waits on words are private to the process and do not tell whether a wake was
// spent, so only rouse_futex_wake() is heard, under a lock for a few instructions, and
// ROUSE_FUTEX_SHARED gives ROUSE_ENOSYS.
#ifndef ROUSE_FUTEX_H
#define ROUSE_FUTEX_H

#include <rouse/io.h>

ROUSE_BEGIN_C

enum {
  ROUSE_FUTEX_PRIVATE = 0,  // all who wait for the word and wake it are threads of this process
  ROUSE_FUTEX_SHARED = 1,   // the word lies in memory that processes share, at any addresses
};

enum {
  ROUSE_FUTEX_ENTRIES_MAX = 128,  // words of one rouse_futex_wait_any()
  ROUSE_FUTEX_THREADS_MAX = 512,  // words that one loop can wait for where threads do the waiting
};
// For rouse_futex_wake(): everybody.
#define ROUSE_FUTEX_ALL UINT32_MAX

// Waits on |word|, as long as it has the value |expected|, for a wake.
//
// |word|         Four bytes, at a multiple of four. Must stay mapped until the wait has ended.
// |expected|     The value that the caller has read and found to mean "wait".
// |flags|        ROUSE_FUTEX_PRIVATE or ROUSE_FUTEX_SHARED; the wakers' kind.
// |deadline_ns|  Absolute, monotonic. ROUSE_FOREVER never passes; one already past makes the wait a
//                look at the word: ROUSE_EAGAIN or ROUSE_ETIMEDOUT.
//
// Returns ROUSE_DONE: a wake was spent on this wait. ROUSE_EAGAIN: |*word| was not |expected|; no
//   wake was spent. ROUSE_ETIMEDOUT, ROUSE_ECANCELED: no wake was spent. ROUSE_EINVAL (no address,
//   a crooked one, unknown flags), ROUSE_EFAULT (no memory there), ROUSE_ENOSYS (shared, on a
//   system that can't), ROUSE_ENOMEM (more words than there may be threads, or no thread); and
//   what every operation returns (io.h).
// Completion (_start): on the wait's loop, never inside a call. ROUSE_EAGAIN may come by callback.
// Cancellation: rouse_wait_cancel(&io->wait). If a wake was spent on the wait the result is DONE.
// Threads: the loop's. Any thread or process may wake, also rouse_futex_wake() on the same loop.
// Ordering: none by itself. Read the word with acquire after the wait, as its writer releases it.
ROUSE_API int rouse_futex_wait(const volatile void *word, uint32_t expected, uint32_t flags,
                               int64_t deadline_ns);
ROUSE_API int rouse_futex_wait_start(rouse_io *io, const volatile void *word, uint32_t expected,
                                     uint32_t flags, int64_t deadline_ns);

// One word of a rouse_futex_wait_any(). The caller sets the first three fields; the rest is the
// library's, and needs no initialisation.
typedef struct rouse_futex_entry {
  const volatile void *word;
  uint32_t expected, flags;
  rouse_io part;
} rouse_futex_entry;

// Waits on all words of |entries| at once, each with the value that its entry expects, for the
// first wake of any.
//
// |entries|  Must stay valid until the wait has ended. About 200 bytes each: mind a task's stack.
// |count|    1 .. ROUSE_FUTEX_ENTRIES_MAX.
//
// Returns the index of the entry whose wake was spent on this wait. A wake of another of its words
//   that comes at the same moment is passed on to the next waiter of that word, so no wake is
//   lost. (The system's calls for several words, futex_waitv() among them, swallow such a wake.)
//   ROUSE_EAGAIN: one of the words was not as expected, and no wake was spent. Else as
//   rouse_futex_wait(); the count is a further reason for ROUSE_EINVAL.
// Completion, cancellation, threads, ordering: as for rouse_futex_wait().
// Backends: where threads do the waiting each word needs one.
ROUSE_API int rouse_futex_wait_any(rouse_futex_entry *entries, uint32_t count, int64_t deadline_ns);
ROUSE_API int rouse_futex_wait_any_start(rouse_io *io, rouse_futex_entry *entries, uint32_t count,
                                         int64_t deadline_ns);

// Wakes up to |count| that wait on |word|, those that wait by the system's own call included.
//
// |word|   As above. Its memory is not read.
// |count|  0 wakes nobody; ROUSE_FUTEX_ALL everybody.
// |flags|  The kind of the waits.
//
// Returns how many were woken, 0 or more; or ROUSE_EINVAL, ROUSE_EFAULT, ROUSE_ENOSYS (shared, on a
//   system that can't).
// Threads: any, with or without a loop, and signal handlers. Takes no mutex, allocates nothing,
//   never blocks. errno is left as it was.
// Ordering: a waiter that is woken runs after the wake.
ROUSE_API int rouse_futex_wake(const volatile void *word, uint32_t count, uint32_t flags);

// The same as an operation of |io|'s loop, which completes with the number of those that were
// woken: for sequences of operations. Threads: the loop's.
ROUSE_API int rouse_futex_wake_start(rouse_io *io, const volatile void *word, uint32_t count,
                                     uint32_t flags);

ROUSE_END_C
#endif
