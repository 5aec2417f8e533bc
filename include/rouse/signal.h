// Signals, received in the loop like messages instead of interrupting whatever runs.
//
// A signal that is received this way must be blocked in every thread, or it acts as it always does.
// rouse_signal_open() blocks it in the calling thread, threads inherit that from their starter, and
// those of the library block everything: so call it first thing in main().
//
// Systems: Linux, on every backend; elsewhere ROUSE_ENOTSUP.
#ifndef ROUSE_SIGNAL_H
#define ROUSE_SIGNAL_H

#include <rouse/io.h>

ROUSE_BEGIN_C

// A signal that was received. What has no meaning for it is 0.
typedef struct rouse_signal {
  int32_t number;  // SIGINT, SIGTERM, …
  int32_t code;    // SI_USER, SI_QUEUE, CLD_EXITED, …
  int32_t pid;     // who sent it, or of whom it tells
  uint32_t uid;    // of that process
  int32_t status;  // SIGCHLD: exit code or signal
  int32_t value;   // what sigqueue() sent along
} rouse_signal;

// Blocks |signals| in the calling thread and gives a descriptor to receive them by; close it with
// rouse_file_close(), which leaves them blocked (see rouse_signal_unblock()). It closes on exec.
//
// |signals|  |count| signal numbers, each 1 and above. SIGKILL and SIGSTOP can't be received.
// |count|    1 and above.
//
// Returns the descriptor, or ROUSE_EINVAL (another number, or none; nothing was blocked),
//   ROUSE_EMFILE, ROUSE_ENFILE, ROUSE_ENOMEM (nothing was blocked), ROUSE_ENOTSUP.
// Threads: any; see the top. Never blocks.
ROUSE_API rouse_fd rouse_signal_open(const int *signals, size_t count);

// Lets |signals| act again in the calling thread as they always do. Those that have come and were
// not received act at once; from now on they act instead of being received. A server that is asked
// to finish does this with the first SIGINT, so that a second one ends it.
//
// |signals|, |count|  As of rouse_signal_open(). One that is not blocked stays so.
//
// Returns ROUSE_DONE, ROUSE_EINVAL (as above; nothing was changed), ROUSE_ENOTSUP.
// Threads: the one that called rouse_signal_open(), usually: each thread has its own set. A task
// changes that of its loop's thread. Never blocks.
ROUSE_API int rouse_signal_unblock(const int *signals, size_t count);

// Waits for the next signal of |fd|. Each signal is received once, by one of those who wait. Like
// every pending signal, one that comes again before it was received is the same one; real-time
// signals are queued.
//
// |fd|           From rouse_signal_open().
// |deadline_ns|  Absolute, monotonic; ROUSE_FOREVER never passes.
//
// Returns ROUSE_DONE and |*out_signal|; ROUSE_ETIMEDOUT, ROUSE_ECANCELED, ROUSE_EBADF,
//   ROUSE_EINVAL (another kind of descriptor, see rouse_signal_take()), ROUSE_ENOLOOP or
//   ROUSE_EDEADLK: then no signal was taken.
// Threads: any task.
ROUSE_API int rouse_signal_wait(rouse_fd fd, rouse_signal *out_signal, int64_t deadline_ns);

// The form for callbacks: completes |io| when a signal can be taken.
//
// Returns ROUSE_PENDING, or a failure as above (no callback).
// Completion: above 0 (call rouse_signal_take() until it returns ROUSE_EAGAIN), or a failure.
// Ownership, threads and cancellation: see io.h.
ROUSE_API int rouse_signal_wait_start(rouse_io *io, rouse_fd fd, int64_t deadline_ns);

// Takes the next signal of |fd| if there is one.
// Returns ROUSE_DONE, ROUSE_EAGAIN, ROUSE_EBADF, ROUSE_ENOTSUP; ROUSE_EINVAL: another kind of
//   descriptor, or its O_NONBLOCK was taken away. Nothing is read from files, pipes, sockets and
//   terminals. An eventfd, a timerfd or an inotify with O_NONBLOCK is told apart only by what it
//   gives, which is lost.
// Threads: any. Never blocks.
ROUSE_API int rouse_signal_take(rouse_fd fd, rouse_signal *out_signal);

ROUSE_END_C
#endif
