// What all operations have in common, and waiting for a descriptor of any kind.
#include "runtime/operation.h"

static int start(rouse_io *io, int64_t deadline_ns) {
  if (!io->wait.waker) return ROUSE_ENOLOOP;
  ROUSE__ASSERT(io->wait.callback, "an operation is started that rouse_io_init() did not prepare");
  return io->chain ? rouse__chain_collect(io, deadline_ns) : rouse__io_submit(io, deadline_ns);
}

int rouse__io_start_unless(int refused, rouse_io *io, int64_t deadline_ns) {
  int started = refused ? refused : start(io, deadline_ns);
  if (started < 0) io->chain = NULL;
  return started;
}

int rouse__io_start(rouse_io *io, int64_t deadline_ns) {
  return rouse__io_start_unless(0, io, deadline_ns);
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

int rouse_fd_poll(rouse_fd fd, uint32_t events, int64_t deadline_ns) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_POLL, fd, NULL, 0, events);
  return (int)rouse__io_wait(&io, deadline_ns);
}

int rouse_fd_poll_start(rouse_io *io, rouse_fd fd, uint32_t events, int64_t deadline_ns) {
  rouse__io_set(io, ROUSE__IO_POLL, fd, NULL, 0, events);
  return rouse__io_start(io, deadline_ns);
}

static void set_splice(rouse_io *io, rouse_fd from, uint64_t from_offset, rouse_fd to,
                       uint64_t to_offset, size_t size) {
  rouse__io_set(io, ROUSE__IO_SPLICE, from, NULL, rouse__length_of(size), 0);
  rouse__io_set_second(io, to, NULL);
  io->offset = from_offset;
  io->offset2 = to_offset;
}

int64_t rouse_fd_splice(rouse_fd from, uint64_t from_offset, rouse_fd to, uint64_t to_offset,
                        size_t size, int64_t deadline_ns) {
  rouse_io io;
  set_splice(&io, from, from_offset, to, to_offset, size);
  return rouse__io_wait(&io, deadline_ns);
}

int rouse_fd_splice_start(rouse_io *io, rouse_fd from, uint64_t from_offset, rouse_fd to,
                          uint64_t to_offset, size_t size, int64_t deadline_ns) {
  set_splice(io, from, from_offset, to, to_offset, size);
  return rouse__io_start(io, deadline_ns);
}
