// I/O by completion: files and TCP, in the same loop and with the same waits, deadlines and
// cancels.
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
  uintptr_t backend[3];
} rouse_io;

// Prepares |io| for _start calls: completions run |callback| on |loop| (NULL: the calling
// thread's). The callback's wait is &io->wait, the first member of |io|.
ROUSE_API void rouse_io_init(rouse_io *io, rouse_loop *loop, rouse_wait_fn *callback);

// The whole result of a completed operation. Threads: the loop's.
ROUSE_API int64_t rouse_io_result(const rouse_io *io);

// --- files ---------------------------------------------------------------------------------------

// |flags|, |mask| and |mode| are the system's (O_*, AT_*, STATX_*, S_I*). Paths are relative to
// |dir|, which is an open directory or ROUSE_FD_CWD. Descriptors that are opened close on exec.
ROUSE_API int rouse_file_open(rouse_fd dir, const char *path, int flags, uint32_t mode);
// Not ended by a cancellation of the task: a descriptor can always be closed while cleaning up.
// |fd| is closed also if the system reports a failure of the device (ROUSE_EIO, ROUSE_ENOSPC, …).
ROUSE_API int rouse_file_close(rouse_fd fd);

// Reads up to |size| bytes at |offset|; ROUSE_OFFSET_CURRENT reads at the file's position. Returns
// the bytes read, fewer than |size| at the end or by a signal, 0 at the end. |size| above 2^30 is
// cut to that.
#define ROUSE_OFFSET_CURRENT UINT64_MAX
ROUSE_API int64_t rouse_file_read(rouse_fd fd, void *buffer, size_t size, uint64_t offset);
// Writes up to |size| bytes. Returns the bytes written, which may be fewer.
ROUSE_API int64_t rouse_file_write(rouse_fd fd, const void *buffer, size_t size, uint64_t offset);
// Syncs |fd| to its device. |data_only|: not the metadata that reading does not need.
ROUSE_API int rouse_file_sync(rouse_fd fd, bool data_only);
struct statx;
ROUSE_API int rouse_file_stat(rouse_fd dir, const char *path, int flags, uint32_t mask,
                              struct statx *out_stat);
ROUSE_API int rouse_file_unlink(rouse_fd dir, const char *path, int flags);
ROUSE_API int rouse_file_rename(rouse_fd dir, const char *path, rouse_fd new_dir,
                                const char *new_path, uint32_t flags);
ROUSE_API int rouse_file_mkdir(rouse_fd dir, const char *path, uint32_t mode);
ROUSE_API int rouse_file_symlink(const char *target, rouse_fd dir, const char *path);
ROUSE_API int rouse_file_link(rouse_fd dir, const char *path, rouse_fd new_dir,
                              const char *new_path, int flags);
ROUSE_API int rouse_file_allocate(rouse_fd fd, int mode, uint64_t offset, uint64_t size);

ROUSE_API int rouse_file_open_start(rouse_io *io, rouse_fd dir, const char *path, int flags,
                                    uint32_t mode, int64_t deadline_ns);
ROUSE_API int rouse_file_close_start(rouse_io *io, rouse_fd fd);
ROUSE_API int rouse_file_read_start(rouse_io *io, rouse_fd fd, void *buffer, size_t size,
                                    uint64_t offset, int64_t deadline_ns);
ROUSE_API int rouse_file_write_start(rouse_io *io, rouse_fd fd, const void *buffer, size_t size,
                                     uint64_t offset, int64_t deadline_ns);
ROUSE_API int rouse_file_sync_start(rouse_io *io, rouse_fd fd, bool data_only, int64_t deadline_ns);
ROUSE_API int rouse_file_stat_start(rouse_io *io, rouse_fd dir, const char *path, int flags,
                                    uint32_t mask, struct statx *out_stat, int64_t deadline_ns);

// --- descriptors of any kind ---------------------------------------------------------------------

// Waits until |fd| is ready for |events| (POLLIN, POLLOUT, …). Returns the events that are, above
// 0.
ROUSE_API int rouse_fd_poll(rouse_fd fd, uint32_t events, int64_t deadline_ns);
ROUSE_API int rouse_fd_poll_start(rouse_io *io, rouse_fd fd, uint32_t events, int64_t deadline_ns);

// --- TCP -----------------------------------------------------------------------------------------

struct sockaddr;

// A listening socket on |address| (|size| bytes), address reuse on. |backlog| 0: 128. Does not
// wait. Returns the descriptor or a failure. Threads: any.
ROUSE_API int rouse_tcp_listen(const struct sockaddr *address, uint32_t size, int backlog);
// The port that |fd| is bound to, in host order, or a failure. Threads: any.
ROUSE_API int rouse_tcp_port(rouse_fd fd);
// Accepts a connection: its descriptor. Close it with rouse_file_close().
ROUSE_API int rouse_tcp_accept(rouse_fd listener, int64_t deadline_ns);
// A new connection to |address|: its descriptor. Nagle's delay is off.
ROUSE_API int rouse_tcp_connect(const struct sockaddr *address, uint32_t size, int64_t deadline_ns);
// Receives what is there, up to |size| bytes; 0: the peer has finished sending.
ROUSE_API int64_t rouse_tcp_receive(rouse_fd fd, void *buffer, size_t size, int64_t deadline_ns);
// Sends up to |size| bytes; returns how many. A peer that is gone is ROUSE_EPIPE, never a signal.
ROUSE_API int64_t rouse_tcp_send(rouse_fd fd, const void *buffer, size_t size, int64_t deadline_ns);
// Sends all |size| bytes: |size|, or a failure (how much went out is then unknown).
ROUSE_API int64_t rouse_tcp_send_all(rouse_fd fd, const void *buffer, size_t size,
                                     int64_t deadline_ns);
// |how|: SHUT_RD, SHUT_WR, SHUT_RDWR.
ROUSE_API int rouse_tcp_shutdown(rouse_fd fd, int how);

ROUSE_API int rouse_tcp_accept_start(rouse_io *io, rouse_fd listener, int64_t deadline_ns);
// |fd|: a stream socket of the caller's, which stays the caller's.
ROUSE_API int rouse_tcp_connect_start(rouse_io *io, rouse_fd fd, const struct sockaddr *address,
                                      uint32_t size, int64_t deadline_ns);
ROUSE_API int rouse_tcp_receive_start(rouse_io *io, rouse_fd fd, void *buffer, size_t size,
                                      int64_t deadline_ns);
ROUSE_API int rouse_tcp_send_start(rouse_io *io, rouse_fd fd, const void *buffer, size_t size,
                                   int64_t deadline_ns);

ROUSE_END_C
#endif
