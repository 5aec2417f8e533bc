// The port contract: all that a loop asks of what it sleeps in.
//
// A backend is an object whose first member is struct rouse__backend. All calls are made on the
// loop's thread, except ring(). Operations complete by rouse__io_complete(), only from inside
// poll() (or a call of the backend's own through rouse_loop_post()); never from inside submit() or
// cancel().
#ifndef ROUSE_RUNTIME_BACKEND_H
#define ROUSE_RUNTIME_BACKEND_H

#include <rouse/file.h>
#include <rouse/probe.h>
#include <rouse/receiver.h>
#include <rouse/tcp.h>

#include "base/assert.h"

// What rouse_io.operation says, and what the fields of the rouse_io mean for it:
enum rouse__operation {
  ROUSE__IO_NOP,
  ROUSE__IO_OPEN,   // fd: directory, address: path, flags: O_*, mode
  ROUSE__IO_CLOSE,  // fd
  ROUSE__IO_READ,   // fd, address, length, offset (UINT64_MAX: current)
  ROUSE__IO_WRITE,  // the same
  ROUSE__IO_SYNC,   // fd, flags: 1 = data only
  ROUSE__IO_STAT,   // fd: directory, address: path, flags: AT_*, mode: mask, address2: struct statx
  ROUSE__IO_UNLINK,    // fd: directory, address: path, flags
  ROUSE__IO_RENAME,    // fd, address; fd2, address2; flags
  ROUSE__IO_MKDIR,     // fd, address, mode
  ROUSE__IO_SYMLINK,   // address: target; fd, address2: the new path
  ROUSE__IO_LINK,      // fd, address; fd2, address2; flags
  ROUSE__IO_ALLOCATE,  // fd, mode, offset, offset2: size
  // From here on operations may have to do with other threads and processes.
  ROUSE__IO_POLL,            // fd, flags: POLL*; result: the events
  ROUSE__IO_READ_SPANS,      // fd, address: spans, length: how many, offset
  ROUSE__IO_WRITE_SPANS,     // the same
  ROUSE__IO_SPLICE,          // fd, offset; fd2, offset2 (UINT64_MAX: current); length
  ROUSE__IO_ACCEPT,          // fd; the connection closes on exec
  ROUSE__IO_CONNECT,         // fd, address, length
  ROUSE__IO_RECEIVE,         // fd, address, length
  ROUSE__IO_SEND,            // fd, address, length, flags: ROUSE__SEND_WHOLE; no signal
  ROUSE__IO_SHUTDOWN,        // fd, flags: how
  ROUSE__IO_RECEIVE_SPANS,   // fd, address: spans, length: how many
  ROUSE__IO_SEND_SPANS,      // the same; flags as SEND; no signal
  ROUSE__IO_RECEIVE_FROM,    // fd, address, length; address2: the peer's (or NULL), mode: the room
                             // there; offset: uint32_t *, where its size goes
  ROUSE__IO_SEND_TO,         // fd, address, length; address2: the peer's (or NULL), mode: its size
  ROUSE__IO_SEND_ZERO_COPY,  // as SEND; complete when the system has let go of the bytes

  // address: the word, flags: ROUSE_FUTEX_*; mode: the value expected; length: how many to wake
  ROUSE__IO_FUTEX_WAIT,
  ROUSE__IO_FUTEX_WAKE,

  // Operations with many results (stream.h), each reported by rouse__io_more().
  ROUSE__IO_ACCEPT_MANY,   // fd, length: how many connections there is room for
  ROUSE__IO_RECEIVE_MANY,  // fd, address: rouse_buffers
  ROUSE__IO_OPERATIONS,
  ROUSE__IO_NEXT =
      ROUSE__IO_OPERATIONS,  // address: the stream; made by stream.c; no backend sees it
  ROUSE__IO_CHAIN,           // address: the chain; made by chain.c; no backend sees it
  ROUSE__IO_FUTEX_ANY,       // made of others by futex.c; no backend sees it
  ROUSE__IO_EXCHANGE,        // made of two others by exchange.c; no backend sees it
  // Only for backends with |handles|:
  ROUSE__IO_HANDLE,  // fd: a handle that is waited for
  ROUSE__IO_PIPE,    // fd: a named pipe; until a client has connected
};

// SEND, SEND_SPANS: try to move all of it.
enum { ROUSE__SEND_WHOLE = 1 };

// rouse_io.state: who has the operation. Set to BACKEND before submit(), to POOLED by
// rouse__io_blocking(), to THREADED by rouse__io_futex_wait(); CHAINED until its turn in a chain.
enum { ROUSE__IO_BACKEND, ROUSE__IO_POOLED, ROUSE__IO_THREADED, ROUSE__IO_CHAINED };

struct rouse__backend;

struct rouse__backend_ops {
  const char *name;
  // Operations wait by themselves on sockets without O_NONBLOCK, and are better off so. Otherwise
  // the sockets that the library opens have O_NONBLOCK. (Sockets from outside may be of either
  // kind.)
  bool blocking_sockets;
  // Descriptors are handles of Windows, and there are operations on these.
  bool handles;
  // Ends the backend and frees it. Nothing is in flight, and every bell owed has been heard.
  void (*destroy)(struct rouse__backend *backend);
  // Starts |io|. 0: its completion will come. A failure: it was not started.
  int (*submit)(struct rouse__backend *backend, rouse_io *io);
  // May be NULL. Starts the |count| operations from |first| on (by |link|), each to begin when the
  // one before has succeeded; their completions come in that order. False: not this way; nothing
  // was started.
  bool (*submit_linked)(struct rouse__backend *backend, rouse_io *first, uint32_t count);
  // May be NULL. Starts |io|, a RECEIVE, behind a send of all |offset| bytes (at most
  // ROUSE_IO_SIZE_MAX) at |address2|. It completes as that receive, unless the send fails or sends
  // a part only: then the backend calls rouse__exchange_broken() and goes on with the SEND that
  // |io| has become. Asked to end before all is sent, or just when it was, it has ROUSE_ECANCELED.
  // False: not this way; nothing was started, and |io| is as it was.
  bool (*submit_exchange)(struct rouse__backend *backend, rouse_io *io);
  // Asks that |io|, in flight, end soon. Its completion still comes, with ROUSE_ECANCELED or its
  // result.
  void (*cancel)(struct rouse__backend *backend, rouse_io *io);
  // Hands what was submitted to the system and completes what is finished. If nothing is, sleeps
  // until something is, the doorbell rings, or |deadline_ns| (0: does not sleep, and makes no
  // system call if it can see that there is nothing to do). 0, or a failure that ends the loop's
  // run. EINTR is no failure.
  int (*poll)(struct rouse__backend *backend, int64_t deadline_ns);
  // May be NULL. Whether there may be something for poll() to complete or to go on with, as far as
  // memory shows: no system call, and nothing is changed.
  bool (*came)(const struct rouse__backend *backend);
  // Any thread: makes a poll() that sleeps, or the next one that would, return. Called once for
  // each time the loop announced its sleep and was found asleep. The backend adds what it has heard
  // to backend->bells_heard, on the loop's thread, inside poll(). After the system call the ringer
  // touches the backend no more.
  void (*ring)(struct rouse__backend *backend);
  // For backends with registered buffers and files (registered.h); else NULL. Checked are the
  // number of buffers, their sizes, and that |fd| is not negative.
  int (*register_buffers)(struct rouse__backend *backend, const rouse_span *buffers,
                          uint32_t count);
  void (*unregister_buffers)(struct rouse__backend *backend);
  int (*register_file)(struct rouse__backend *backend, rouse_fd fd);
  void (*unregister_file)(struct rouse__backend *backend, rouse_fd fd);
  // For backends that take buffers of a group by themselves; else NULL. buffers_open() makes a
  // group of |count|; NULL if it can't: then they are taken one by one. buffers_give() gives one
  // that is free.
  void *(*buffers_open)(struct rouse__backend *backend, uint32_t count, uint16_t *out_group);
  void (*buffers_close)(struct rouse__backend *backend, void *system, uint16_t group);
  void (*buffers_give)(struct rouse__backend *backend, rouse_buffers *buffers, uint32_t index);
};

struct rouse__backend {
  const struct rouse__backend_ops *ops;
  rouse_loop *loop;
  const char *doorbell;  // its name, static storage
  uint64_t in_flight;    // operations submitted and not completed; the backend's to keep
  uint64_t bells_heard;
  uint64_t registered_uses;  // operations that used a registered buffer or file
};

// A kind of backend. create() returns 0 and |*out_backend|, or what the system refused it with, and
// why in |reason| (a sentence without a full stop). probe() adds what it finds out to |*probe|.
struct rouse__backend_kind {
  const char *name;
  int (*create)(rouse_loop *loop, const rouse_loop_options *options,
                struct rouse__backend **out_backend, char *reason, size_t reason_size);
  void (*probe)(rouse_probe *probe);  // may be NULL
};
extern const struct rouse__backend_kind rouse__backend_epoll, rouse__backend_poll;
extern const struct rouse__backend_kind rouse__backend_kqueue;
extern const struct rouse__backend_kind rouse__backend_iocp;  // on Windows
#ifdef ROUSE_HAVE_IO_URING
extern const struct rouse__backend_kind rouse__backend_io_uring;
#endif

// For backends: |io| has ended with |result|. Loop's thread only.
void rouse__io_complete(rouse_io *io, int64_t result);

// For backends: |io|, submitted linked, would have to be made again, and with that its links were
// broken. It and those that follow (whose completions come) are submitted again, without links.
void rouse__chain_broken(rouse_io *io);
// Whether what is left of |chain| is to come back undone: one before it has failed or is to be made
// again, or it was cancelled.
bool rouse__chain_is_over(const struct rouse_chain *chain);

// For backends: |io|, submitted as an exchange, is the SEND of all of it from now on.
void rouse__exchange_broken(rouse_io *io);

// For backends: |io|, with many results, has one more: a descriptor, or so many bytes (above 0) in
// buffer |buffer|. False: it is to end, as if it had been cancelled.
bool rouse__io_more(rouse_io *io, int64_t result, uint32_t buffer);
// For backends that take buffers one by one: |io|, a RECEIVE_MANY, can receive. ROUSE_EAGAIN: it is
// to wait for that again; else what it has ended with.
int64_t rouse__receive_ready(rouse_io *io);
// Of a group: what the backend has of it, its number there, and where a buffer is.
void *rouse__buffers_system(const rouse_buffers *buffers, uint16_t *out_group);
void *rouse__buffers_data(const rouse_buffers *buffers, uint32_t index, uint32_t *out_size);

// For backends: runs |io| (a file operation) as a blocking call on the loop's pool, and completes
// it. 0, or ROUSE_ENOMEM. |perform| makes the system call on a pool thread and returns the result.
// rouse__io_blocking_cancel asks that it not be started any more; its completion still comes.
int rouse__io_blocking(rouse_io *io, int64_t (*perform)(rouse_io *io));
void rouse__io_blocking_cancel(rouse_io *io);

// For backends without futex waits: starts the FUTEX_WAIT |io| on a thread of the loop, and
// completes it. 0, or ROUSE_ENOMEM: there are as many threads as may be, or none was to be had.
int rouse__io_futex_wait(rouse_io *io);
// Carries out the FUTEX_WAKE |io|. The result.
int64_t rouse__io_futex_wake(const rouse_io *io);

// For probe(): adds a feature; too many are left out.
ROUSE__PRINTF(5, 6)
void rouse__probe_add(rouse_probe *probe, const char *backend, const char *name, bool available,
                      const char *format, ...);

#endif
