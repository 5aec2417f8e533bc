// The public operations. Each has a function that fills in a rouse_io, and two forms on it: the
// plain one waits on a rouse_io of its own, the one with _start leaves the caller's to complete by
// callback.
#include <rouse/io.h>

#include "platform/socket.h"
#include "runtime/loop_internal.h"

enum { LENGTH_MOST = 1 << 30, BACKLOG_DEFAULT = 128 };

static uint32_t length_of(size_t size) { return size < LENGTH_MOST ? (uint32_t)size : LENGTH_MOST; }

// What every operation has, in one call. Of the rest only what the operation uses is set.
static void set(rouse_io *io, enum rouse__operation operation, rouse_fd fd, const void *address,
                uint32_t length, uint32_t flags) {
  io->operation = (uint8_t)operation;
  io->fd = fd;
  io->address = (void *)(uintptr_t)address;
  io->length = length;
  io->flags = flags;
}

static void set_second(rouse_io *io, rouse_fd fd, const void *address) {
  io->fd2 = fd;
  io->address2 = (void *)(uintptr_t)address;
}

static int start(rouse_io *io, int64_t deadline_ns) {
  if (!io->wait.waker) return ROUSE_ENOLOOP;
  ROUSE__ASSERT(io->wait.callback, "an operation is started that rouse_io_init() did not prepare");
  return rouse__io_submit(io, deadline_ns);
}

void rouse_io_init(rouse_io *io, rouse_loop *loop, rouse_wait_fn *callback) {
  *io = (rouse_io){.fd = -1, .fd2 = -1};
  rouse_wait_init(&io->wait, loop, callback);
}

int64_t rouse_io_result(const rouse_io *io) {
  // A deadline is a cancel with another name, here as in the callback's result.
  // RELAXED: the operation is complete, and this is the loop's thread.
  bool late = load_relaxed(&io->wait.refs) & ROUSE__CANCEL_TIMEOUT;
  return io->result == ROUSE_ECANCELED && late ? ROUSE_ETIMEDOUT : io->result;
}

// --- files: what they are ------------------------------------------------------------------------

static void set_open(rouse_io *io, rouse_fd dir, const char *path, int flags, uint32_t mode) {
  set(io, ROUSE__IO_OPEN, dir, path, 0, (uint32_t)flags);
  io->mode = mode;
}

static void set_transfer(rouse_io *io, enum rouse__operation operation, rouse_fd fd,
                         const void *buffer, size_t size, uint64_t offset) {
  set(io, operation, fd, buffer, length_of(size), 0);
  io->offset = offset;
}

static void set_stat(rouse_io *io, rouse_fd dir, const char *path, int flags, uint32_t mask,
                     struct statx *out_stat) {
  set(io, ROUSE__IO_STAT, dir, path, 0, (uint32_t)flags);
  set_second(io, -1, out_stat);
  io->mode = mask;
}

// --- files: tasks --------------------------------------------------------------------------------

int rouse_file_open(rouse_fd dir, const char *path, int flags, uint32_t mode) {
  rouse_io io;
  set_open(&io, dir, path, flags, mode);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_close(rouse_fd fd) {
  rouse_io io;
  set(&io, ROUSE__IO_CLOSE, fd, NULL, 0, 0);
  bool shielded = rouse_task_shield(true);
  int result = (int)rouse__io_wait(&io, ROUSE_FOREVER);
  rouse_task_shield(shielded);
  return result;
}

int64_t rouse_file_read(rouse_fd fd, void *buffer, size_t size, uint64_t offset) {
  rouse_io io;
  set_transfer(&io, ROUSE__IO_READ, fd, buffer, size, offset);
  return rouse__io_wait(&io, ROUSE_FOREVER);
}

int64_t rouse_file_write(rouse_fd fd, const void *buffer, size_t size, uint64_t offset) {
  rouse_io io;
  set_transfer(&io, ROUSE__IO_WRITE, fd, buffer, size, offset);
  return rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_sync(rouse_fd fd, bool data_only) {
  rouse_io io;
  set(&io, ROUSE__IO_SYNC, fd, NULL, 0, data_only);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_stat(rouse_fd dir, const char *path, int flags, uint32_t mask,
                    struct statx *out_stat) {
  rouse_io io;
  set_stat(&io, dir, path, flags, mask, out_stat);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_unlink(rouse_fd dir, const char *path, int flags) {
  rouse_io io;
  set(&io, ROUSE__IO_UNLINK, dir, path, 0, (uint32_t)flags);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_rename(rouse_fd dir, const char *path, rouse_fd new_dir, const char *new_path,
                      uint32_t flags) {
  rouse_io io;
  set(&io, ROUSE__IO_RENAME, dir, path, 0, flags);
  set_second(&io, new_dir, new_path);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_mkdir(rouse_fd dir, const char *path, uint32_t mode) {
  rouse_io io;
  set(&io, ROUSE__IO_MKDIR, dir, path, 0, 0);
  io.mode = mode;
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_symlink(const char *target, rouse_fd dir, const char *path) {
  rouse_io io;
  set(&io, ROUSE__IO_SYMLINK, dir, target, 0, 0);
  set_second(&io, -1, path);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_link(rouse_fd dir, const char *path, rouse_fd new_dir, const char *new_path,
                    int flags) {
  rouse_io io;
  set(&io, ROUSE__IO_LINK, dir, path, 0, (uint32_t)flags);
  set_second(&io, new_dir, new_path);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_allocate(rouse_fd fd, int mode, uint64_t offset, uint64_t size) {
  rouse_io io;
  set(&io, ROUSE__IO_ALLOCATE, fd, &size, 0, 0);
  io.mode = (uint32_t)mode;
  io.offset = offset;
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

// --- files: callbacks ----------------------------------------------------------------------------

int rouse_file_open_start(rouse_io *io, rouse_fd dir, const char *path, int flags, uint32_t mode,
                          int64_t deadline_ns) {
  set_open(io, dir, path, flags, mode);
  return start(io, deadline_ns);
}

int rouse_file_close_start(rouse_io *io, rouse_fd fd) {
  set(io, ROUSE__IO_CLOSE, fd, NULL, 0, 0);
  return start(io, ROUSE_FOREVER);
}

int rouse_file_read_start(rouse_io *io, rouse_fd fd, void *buffer, size_t size, uint64_t offset,
                          int64_t deadline_ns) {
  set_transfer(io, ROUSE__IO_READ, fd, buffer, size, offset);
  return start(io, deadline_ns);
}

int rouse_file_write_start(rouse_io *io, rouse_fd fd, const void *buffer, size_t size,
                           uint64_t offset, int64_t deadline_ns) {
  set_transfer(io, ROUSE__IO_WRITE, fd, buffer, size, offset);
  return start(io, deadline_ns);
}

int rouse_file_sync_start(rouse_io *io, rouse_fd fd, bool data_only, int64_t deadline_ns) {
  set(io, ROUSE__IO_SYNC, fd, NULL, 0, data_only);
  return start(io, deadline_ns);
}

int rouse_file_stat_start(rouse_io *io, rouse_fd dir, const char *path, int flags, uint32_t mask,
                          struct statx *out_stat, int64_t deadline_ns) {
  set_stat(io, dir, path, flags, mask, out_stat);
  return start(io, deadline_ns);
}

// --- descriptors of any kind ---------------------------------------------------------------------

int rouse_fd_poll(rouse_fd fd, uint32_t events, int64_t deadline_ns) {
  rouse_io io;
  set(&io, ROUSE__IO_POLL, fd, NULL, 0, events);
  return (int)rouse__io_wait(&io, deadline_ns);
}

int rouse_fd_poll_start(rouse_io *io, rouse_fd fd, uint32_t events, int64_t deadline_ns) {
  set(io, ROUSE__IO_POLL, fd, NULL, 0, events);
  return start(io, deadline_ns);
}

// --- TCP -----------------------------------------------------------------------------------------

static bool blocking_sockets(void) {
  rouse_loop *loop = rouse__loop_here;
  return loop && loop->backend->ops->blocking_sockets;
}

int rouse_tcp_listen(const struct sockaddr *address, uint32_t size, int backlog) {
  return rouse__socket_listen(address, size, backlog ? backlog : BACKLOG_DEFAULT,
                              blocking_sockets());
}

int rouse_tcp_port(rouse_fd fd) { return rouse__socket_port(fd); }

int rouse_tcp_accept(rouse_fd listener, int64_t deadline_ns) {
  rouse_io io;
  set(&io, ROUSE__IO_ACCEPT, listener, NULL, 0, 0);
  return (int)rouse__io_wait(&io, deadline_ns);
}

int rouse_tcp_connect(const struct sockaddr *address, uint32_t size, int64_t deadline_ns) {
  rouse_io io;
  int fd = rouse__socket_open(address, size, blocking_sockets());
  if (fd < 0) return fd;
  set(&io, ROUSE__IO_CONNECT, fd, address, size, 0);
  int result = (int)rouse__io_wait(&io, deadline_ns);
  if (result == ROUSE_DONE) return fd;
  rouse__socket_close(fd);
  return result;
}

int64_t rouse_tcp_receive(rouse_fd fd, void *buffer, size_t size, int64_t deadline_ns) {
  rouse_io io;
  set(&io, ROUSE__IO_RECEIVE, fd, buffer, length_of(size), 0);
  return rouse__io_wait(&io, deadline_ns);
}

int64_t rouse_tcp_send(rouse_fd fd, const void *buffer, size_t size, int64_t deadline_ns) {
  rouse_io io;
  set(&io, ROUSE__IO_SEND, fd, buffer, length_of(size), 0);
  return rouse__io_wait(&io, deadline_ns);
}

int64_t rouse_tcp_send_all(rouse_fd fd, const void *buffer, size_t size, int64_t deadline_ns) {
  size_t sent = 0;
  while (sent < size) {
    int64_t part = rouse_tcp_send(fd, (const char *)buffer + sent, size - sent, deadline_ns);
    if (part < 0) return part;
    sent += (size_t)part;
  }
  return (int64_t)size;
}

int rouse_tcp_shutdown(rouse_fd fd, int how) {
  rouse_io io;
  set(&io, ROUSE__IO_SHUTDOWN, fd, NULL, 0, (uint32_t)how);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_tcp_accept_start(rouse_io *io, rouse_fd listener, int64_t deadline_ns) {
  set(io, ROUSE__IO_ACCEPT, listener, NULL, 0, 0);
  return start(io, deadline_ns);
}

int rouse_tcp_connect_start(rouse_io *io, rouse_fd fd, const struct sockaddr *address,
                            uint32_t size, int64_t deadline_ns) {
  set(io, ROUSE__IO_CONNECT, fd, address, size, 0);
  return start(io, deadline_ns);
}

int rouse_tcp_receive_start(rouse_io *io, rouse_fd fd, void *buffer, size_t size,
                            int64_t deadline_ns) {
  set(io, ROUSE__IO_RECEIVE, fd, buffer, length_of(size), 0);
  return start(io, deadline_ns);
}

int rouse_tcp_send_start(rouse_io *io, rouse_fd fd, const void *buffer, size_t size,
                         int64_t deadline_ns) {
  set(io, ROUSE__IO_SEND, fd, buffer, length_of(size), 0);
  return start(io, deadline_ns);
}
