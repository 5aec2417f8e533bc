// I/O by completion, in the same loop and with the same waits, deadlines and cancels: what all
// operations have in common. The operations themselves are in file.h, tcp.h and their like.
//
// Every operation has two forms. The plain one is for tasks: it waits, and returns the result, 0 or
// positive, or one negative code. With _start it is for callbacks: it takes a rouse_io that the
// caller owns, initialised with rouse_io_init(), and completes like any other wait (wait.h); the
// callback's result is that of the plain form, limited to int (rouse_io_result() has all of it).
//
// Plain forms return, besides the system's own failures, ROUSE_ECANCELED (the task was cancelled;
// the operation had no effect), ROUSE_ETIMEDOUT, ROUSE_ENOLOOP (the calling thread has no loop), or
// ROUSE_EDEADLK (called from a callback; debug builds abort). An operation that was under way when
// it was cancelled returns its real result if it had an effect.
//
// |deadline_ns| is absolute and monotonic; ROUSE_FOREVER never passes. A deadline is a request to
// cancel with another name: file operations on a thread of the pool (backends "epoll" and "poll")
// can't be interrupted, and end when the system lets them.
//
// Buffers, paths and addresses must stay valid until the completion.
#ifndef ROUSE_IO_H
#define ROUSE_IO_H

#include <rouse/wait.h>

ROUSE_BEGIN_C

typedef int rouse_fd;

// The current directory, where a directory descriptor is asked for.
#define ROUSE_FD_CWD (-100)

// An I/O operation. Fields are private.
typedef struct rouse_io {
  rouse_wait wait;
  int64_t result;
  uint64_t offset;
  void *address, *address2;
  uint32_t length, flags;
  rouse_fd fd, fd2;
  uint32_t mode;
  uint8_t operation, state;
  uint16_t spare;
#ifdef _WIN32
  uintptr_t backend[8];
#else
  uintptr_t backend[3];
#endif
} rouse_io;

// Prepares |io| for _start calls: completions run |callback| on |loop| (NULL: the calling
// thread's). The callback's wait is &io->wait, the first member of |io|.
ROUSE_API void rouse_io_init(rouse_io *io, rouse_loop *loop, rouse_wait_fn *callback);

// The whole result of a completed operation. Threads: the loop's.
ROUSE_API int64_t rouse_io_result(const rouse_io *io);

// Waits until |fd| is ready for |events| (POLLIN, POLLOUT, …). Returns the events that are, above
// 0.
ROUSE_API int rouse_fd_poll(rouse_fd fd, uint32_t events, int64_t deadline_ns);
ROUSE_API int rouse_fd_poll_start(rouse_io *io, rouse_fd fd, uint32_t events, int64_t deadline_ns);

ROUSE_END_C
#endif
