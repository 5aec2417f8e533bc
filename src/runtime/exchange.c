// Exchanges: a send and the receive after it, in one wait.
//
// If the backend knows exchanges the rouse_io is that of the receive from the start, and |address2|
// and |offset| are what is sent before and how many bytes. It completes once.
//
// Else, and if the send failed or sent a part only, it is that of a send until all is sent; what
// completes it then makes it that of the receive. So a backend sees two operations as they are, one
// after the other, and the task or the callback one completion. While it sends: address and length
// are what is being sent, |offset| how many bytes come after those, |address2| and |mode| where to
// receive and how much. |offset2| counts what was sent.
#include <rouse/tcp.h>

#include "runtime/operation.h"

static void set_send(rouse_io *io, const char *out, uint64_t size) {
  const uint32_t length = rouse__length_of((size_t)size);
  io->address = (void *)(uintptr_t)out;
  io->length = length;
  io->offset = size - length;
}

static void set(rouse_io *io, rouse_fd fd, const void *out, size_t out_size, void *in,
                size_t in_size) {
  io->offset2 = 0;
  if (!out_size) {
    rouse__io_set(io, ROUSE__IO_RECEIVE, fd, in, rouse__length_of(in_size), 0);
    return;
  }
  rouse__io_set(io, ROUSE__IO_EXCHANGE, fd, in, rouse__length_of(in_size), 0);
  io->address2 = (void *)(uintptr_t)out;
  io->offset = out_size;
}

void rouse__exchange_broken(rouse_io *io) {
  void *in = io->address;
  const uint32_t in_size = io->length;
  const char *out = io->address2;
  rouse__io_set(io, ROUSE__IO_SEND, io->fd, NULL, 0, 0);
  set_send(io, out, io->offset);
  io->sends = true;
  io->address2 = in;
  io->mode = in_size;
  io->offset2 = 0;
}

int rouse__exchange_start(struct rouse__backend *backend, rouse_io *io) {
  io->operation = ROUSE__IO_RECEIVE;
  bool (*submit)(struct rouse__backend *, rouse_io *) = backend->ops->submit_exchange;
  if (submit && io->offset <= ROUSE_IO_SIZE_MAX && submit(backend, io)) {
    io->offset2 = io->offset;  // unless it breaks
    return 0;
  }
  rouse__exchange_broken(io);
  return backend->ops->submit(backend, io);
}

bool rouse__exchange_goes_on(rouse_io *io, int64_t *result) {
  if (*result < 0) return false;
  const uint64_t sent = (uint64_t)*result, left = io->length - sent + io->offset;
  io->offset2 += sent;
  // RELAXED: own thread; what a canceller did before is ordered by the drops of |refs|.
  if (load_relaxed(&io->wait.refs) & ROUSE__CANCEL_ASKED) {
    *result = ROUSE_ECANCELED;
    return false;
  }
  if (left) {
    set_send(io, (const char *)io->address + sent, left);
  } else {
    rouse__io_set(io, ROUSE__IO_RECEIVE, io->fd, io->address2, io->mode, 0);
  }
  const int refused = rouse__io_begin(io);
  *result = refused;
  return !refused;
}

int64_t rouse_tcp_exchange(rouse_fd fd, const void *out, size_t out_size, size_t *out_sent,
                           void *in, size_t in_size, int64_t deadline_ns) {
  rouse_io io;
  set(&io, fd, out, out_size, in, in_size);
  const int64_t result = rouse__io_wait(&io, deadline_ns);
  // What was received came after all was sent: then |io|, which has gone cold, is not read.
  if (out_sent) *out_sent = result >= 0 ? out_size : (size_t)io.offset2;
  return result;
}

int rouse_tcp_exchange_start(rouse_io *io, rouse_fd fd, const void *out, size_t out_size, void *in,
                             size_t in_size, int64_t deadline_ns) {
  set(io, fd, out, out_size, in, in_size);
  return rouse__io_start_unless(io->chain ? ROUSE_EINVAL : 0, io, deadline_ns);
}

size_t rouse_tcp_exchange_sent(const rouse_io *io) { return (size_t)io->offset2; }
