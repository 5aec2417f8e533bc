// The end of other processes, awaited in the loop like everything else.
//
// A process is a descriptor here (a pidfd on Linux), so that its number can't come to mean another
// process while somebody waits for it. Several may wait for one process, on several loops.
//
// Systems: Linux 5.3 and later, on every backend, and Windows, where a process is a handle (any
// handle of a process will do), and everybody who has one gets to know how it ended. Elsewhere
// ROUSE_ENOTSUP.
#ifndef ROUSE_PROCESS_H
#define ROUSE_PROCESS_H

#include <rouse/io.h>

ROUSE_BEGIN_C

// How a process ended.
typedef struct rouse_process_end {
  // It was a child of this process whose end nobody had collected before; otherwise the rest is
  // zero.
  bool known;
  bool core_dumped;
  int32_t exit_code;  // 0 .. 255; 0 if it was killed. On Windows all 32 bits
  int32_t signal;     // that killed it; 0: it exited by itself
} rouse_process_end;

// A descriptor of the process |pid|; close it with rouse_file_close(). It closes on exec.
//
// |pid|  1 and above: a child, or any process that exists. A child whose end was collected is gone.
//
// Returns the descriptor, or ROUSE_ESRCH (no such process), ROUSE_EINVAL (not a number of a
//   process, or of a thread other than its first), ROUSE_EMFILE, ROUSE_ENFILE, ROUSE_ENOMEM,
//   ROUSE_ENOSYS or ROUSE_ENOTSUP (the system has no such descriptors).
// Threads: any. Never blocks.
ROUSE_API rouse_fd rouse_process_open(int64_t pid);

// Waits until |process| has ended, and collects how.
//
// |process|      From rouse_process_open().
// |out_end|      May be NULL: then the end is waited for and not collected.
// |deadline_ns|  Absolute, monotonic; ROUSE_FOREVER never passes.
//
// Returns ROUSE_DONE, ROUSE_ETIMEDOUT, ROUSE_ECANCELED, ROUSE_EBADF, ROUSE_ENOLOOP or
//   ROUSE_EDEADLK. After a failure the process may be waited for again.
// Threads: any task. Ordering: what the process did before its end is done.
ROUSE_API int rouse_process_wait(rouse_fd process, rouse_process_end *out_end, int64_t deadline_ns);

// The form for callbacks: completes |io| when |process| has ended.
//
// Returns ROUSE_PENDING, or a failure as above (no callback).
// Completion: above 0 (it has ended: call rouse_process_collect()), or a failure as above.
// Ownership, threads and cancellation: see io.h.
ROUSE_API int rouse_process_wait_start(rouse_io *io, rouse_fd process, int64_t deadline_ns);

// Collects how |process| ended, without waiting. Of several callers one gets it; for the others,
// and for processes that are no children of this one, |out_end->known| is false.
//
// Returns ROUSE_DONE, ROUSE_EAGAIN (it has not ended), ROUSE_EBADF, ROUSE_ENOTSUP.
// Threads: any. Never blocks.
ROUSE_API int rouse_process_collect(rouse_fd process, rouse_process_end *out_end);

ROUSE_END_C
#endif
