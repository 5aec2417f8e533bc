// Operations with many results: an accept that is started again after each connection, and a wait
// for input after which the runtime takes what is there into its buffers.
//
// Between two results the operation is nobody's for a moment, on the loop's thread, where a cancel
// can't come in between: rouse__io_more() says that there was one.
#include "backend/iocp/iocp.h"

#include <rouse/windows.h>

#include "platform/socket.h"

static int64_t await_input(struct rouse__iocp *iocp, rouse_io *io) {
  if (!rouse__iocp_is_handle(io->fd)) return ROUSE_EBADF;
  if (!rouse__socket_is(io->fd)) return ROUSE_ENOTSOCK;
  io->flags = POLLRDNORM;
  return rouse__iocp_poll_start(iocp, io);
}

int64_t rouse__iocp_many_start(struct rouse__iocp *iocp, rouse_io *io) {
  return io->operation == ROUSE__IO_ACCEPT_MANY ? rouse__iocp_socket_start(iocp, io)
                                                : await_input(iocp, io);
}

static int64_t accepted(struct rouse__iocp *iocp, rouse_io *io, NTSTATUS status, uint32_t moved) {
  int64_t result = rouse__iocp_socket_end(iocp, io, status, moved);
  if (result < 0) return result;  // or STARTED
  return rouse__io_more(io, result, 0) ? rouse__iocp_socket_start(iocp, io) : ROUSE_ECANCELED;
}

int64_t rouse__iocp_many_end(struct rouse__iocp *iocp, rouse_io *io, NTSTATUS status,
                             uint32_t moved) {
  if (io->operation == ROUSE__IO_ACCEPT_MANY) return accepted(iocp, io, status, moved);
  int64_t result = rouse__iocp_poll_end(io, status);
  if (result >= 0) {
    bool aborted = rouse__iocp_poll_aborted(io);
    result = rouse__receive_ready(io);
    // To have been told once may be all that is told.
    if (aborted && result == 0) result = ROUSE_ECONNRESET;
  }
  return result == ROUSE_EAGAIN ? await_input(iocp, io) : result;
}
