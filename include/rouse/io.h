// I/O by completion, in the same loop and with the same waits, deadlines and cancels: what all
// operations have in common. The operations themselves are in file.h, tcp.h, udp.h and their like.
//
// Every operation has these forms:
//   rouse_<noun>_<verb>()        for tasks: waits, and returns the result, 0 or positive, or one
//                                negative code. Where it takes no deadline, a form with _until
//                                does.
//   rouse_<noun>_<verb>_start()  for callbacks: takes a rouse_io that the caller owns, initialised
//                                with rouse_io_init(), and completes like any other wait (wait.h);
//                                the callback's result is that of the plain form, limited to int
//                                (rouse_io_result() has all of it). Returns ROUSE_PENDING, or
//                                ROUSE_ENOLOOP, ROUSE_EFORKED, ROUSE_EINVAL, ROUSE_ENOMEM: then
//                                nothing was started and no callback will run. A failure of the
//                                operation itself is its completion's result, never the start's.
//
// What holds for all of them, unless their own contract says otherwise:
//
// Returns: besides the codes listed there and the system's own failures, plain forms return
//   ROUSE_ECANCELED (the task was cancelled; the operation had no effect), ROUSE_ETIMEDOUT (the
//   deadline passed; the operation had no effect), ROUSE_ENOLOOP (the calling thread has no loop),
//   ROUSE_EFORKED (the loop is a parent process's), ROUSE_EDEADLK (called from a callback; debug
//   builds abort), ROUSE_ENOMEM, and ROUSE_EBADF for a descriptor that is not open. A signal never
//   ends an operation: ROUSE_EINTR is not returned. Nor is ROUSE_EAGAIN where a descriptor is not
//   ready, whatever its O_NONBLOCK says: the operation waits.
// Deadlines: |deadline_ns| is absolute and monotonic; ROUSE_FOREVER never passes; one already past
//   makes the operation a try: what can be had at once is had, unless others wait for it already.
//   But what a thread of the pool has to do (files on "epoll" and "poll") is mostly not begun by
//   then, and gives ROUSE_ETIMEDOUT. A deadline is a request to cancel with another name.
// Cancellation: an operation that was under way when it was cancelled returns its real result if it
//   had an effect: bytes that were moved are reported, a connection that was accepted is given.
//   Operations on files that run on a thread of the pool (file.h says which) can't be interrupted,
//   and end when the system lets them.
// Ownership: buffers, spans, paths and addresses are the caller's, and must stay valid and (those
//   that are written from) unchanged until the completion.
// Threads: those that run a loop. Plain forms: tasks. Forms with _start: the thread of the loop
//   that the rouse_io was initialised for. Several operations may be under way on one descriptor;
//   those in the same direction are served in the order of their start on "epoll" and "poll", and
//   in an order of the kernel's on "io_uring".
// Ordering: what the caller did before the start happens before the operation, and the operation
//   before its completion is delivered.
#ifndef ROUSE_IO_H
#define ROUSE_IO_H

#include <rouse/wait.h>

ROUSE_BEGIN_C

// A file descriptor; on Windows a HANDLE or SOCKET as a number, see windows.h.
typedef int rouse_fd;

// The current directory, where a directory descriptor is asked for.
#define ROUSE_FD_CWD (-100)

// The most bytes that one operation moves; a larger |size| is cut to it. (Spans are not cut. What
// they move beyond it is up to the system, which may leave the rest: Linux moves 2^31 - 4096 bytes
// at most.)
#define ROUSE_IO_SIZE_MAX ((size_t)1 << 30)

// A piece of memory, of an operation that moves several.
typedef struct rouse_span {
  void *data;
  size_t size;
} rouse_span;
// The most spans of one operation. More give ROUSE_EINVAL, as do none.
enum { ROUSE_SPANS_MAX = 1024 };

// An I/O operation. Fields are private.
typedef struct rouse_io {
  // What a completion touches comes first, in two cache lines if |wait| begins one.
  rouse_wait wait;
  int64_t result;
  struct rouse_chain *chain;  // that it is part of
  uint8_t operation, state;
  bool sends;  // an exchange that is still sending
  uint32_t mode;
  uintptr_t backend[3];
  void *address, *address2;
  uint32_t length, flags;
  rouse_fd fd, fd2;
  uint64_t offset, offset2;
  struct rouse_io *link;  // the next in |chain|
  uint64_t chain_size, chain_done;
  uintptr_t system[10];  // what the system uses while the operation is under way
} rouse_io;

// Prepares |io| for _start calls: completions run |callback| on |loop|.
//
// |loop|      NULL: the loop that the calling thread runs (there must be one).
// |callback|  Not NULL. Its wait is &io->wait, the first member of |io|.
//
// Needed once; an operation may be started again with |io| after each completion.
// Ownership: the caller owns |io|, and must not move, reuse or free it between a start and the
//   entry of the callback; |loop| must outlive it. Threads: any that owns |io|.
ROUSE_API void rouse_io_init(rouse_io *io, rouse_loop *loop, rouse_wait_fn *callback);

// The whole result of a completed operation: what its plain form returns.
// Threads: the loop's, from the entry of the callback to the next start.
ROUSE_API int64_t rouse_io_result(const rouse_io *io);

// Waits until |fd|, of any kind that can be waited for, is ready.
//
// |events|  POLLIN, POLLOUT, POLLPRI, POLLRDHUP, …, or 0: then only failure and hang-up.
//
// Returns those of |events| that are, above 0 (POLLERR and POLLHUP come unasked); ROUSE_EBADF. A
//   file is always ready to be read and written (POLLIN, POLLOUT), and most know no other event:
//   then a wait for others alone, or for 0, gives ROUSE_EPERM on "epoll"; "io_uring" and "poll"
//   wait. On "iocp" all files give ROUSE_EPERM, and pipes, which have no readiness there,
//   ROUSE_ENOTSUP; other handles are ready when they are signalled (handle.h), and give back
//   |events|.
// Level-triggered: a state that lasts is reported again by the next call.
ROUSE_API int rouse_fd_poll(rouse_fd fd, uint32_t events, int64_t deadline_ns);
ROUSE_API int rouse_fd_poll_start(rouse_io *io, rouse_fd fd, uint32_t events, int64_t deadline_ns);

// Moves up to |size| bytes from |from| to |to| without taking them through the process's memory.
// One of the two must be a pipe; the other may be a file, a pipe or a socket.
//
// |from_offset|, |to_offset|  Where to read and write in a file. ROUSE_OFFSET_CURRENT (file.h): at
//                             its position, and always for what has none.
//
// Returns the bytes moved, fewer than |size| if that is what there was or what had room; 0 at the
//   end of |from|, or if |size| is 0. ROUSE_EINVAL: neither is a pipe, or both are the same one, or
//   |to| is no pipe and was opened to append. ROUSE_ESPIPE: an offset in a pipe. ROUSE_EBADF also:
//   |from| can't be read, or |to| not written. ROUSE_EPIPE: nobody reads |to|, or the peer of that
//   socket is gone; never a signal. ROUSE_ENOTSUP where the system has no such operation.
// Backends: on "epoll" and "poll" both descriptors are waited for, then the loop moves the bytes,
//   or a thread of the pool if one of the two is a file.
ROUSE_API int64_t rouse_fd_splice(rouse_fd from, uint64_t from_offset, rouse_fd to,
                                  uint64_t to_offset, size_t size, int64_t deadline_ns);
ROUSE_API int rouse_fd_splice_start(rouse_io *io, rouse_fd from, uint64_t from_offset, rouse_fd to,
                                    uint64_t to_offset, size_t size, int64_t deadline_ns);

ROUSE_END_C
#endif
