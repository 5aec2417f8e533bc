// Readiness of sockets, by the driver behind them (AFD), which sends a packet when it is there.
//
// Handles that are no sockets have no readiness; those that can be waited for (processes, events)
// are ready when they are signalled.
#include "backend/iocp/iocp.h"

#include <rouse/windows.h>

#include "platform/socket.h"

enum {
  IOCTL_POLL = 0x00012024,
  RECEIVE = 0x01,
  RECEIVE_EXPEDITED = 0x02,
  SEND = 0x04,
  DISCONNECT = 0x08,  // the peer sends no more
  ABORT = 0x10,
  LOCAL_CLOSE = 0x20,
  ACCEPT = 0x80,
  CONNECT_FAIL = 0x100,
};

static ULONG events_of(uint32_t flags) {
  ULONG events = ABORT | LOCAL_CLOSE | CONNECT_FAIL;
  if (flags & POLLRDNORM) events |= RECEIVE | ACCEPT | DISCONNECT;
  if (flags & (POLLRDBAND | POLLPRI)) events |= RECEIVE_EXPEDITED;
  if (flags & POLLWRNORM) events |= SEND;
  return events;
}

static uint32_t flags_of(ULONG events, uint32_t wanted) {
  uint32_t flags = 0;
  if (events & (RECEIVE | ACCEPT | DISCONNECT)) flags |= POLLRDNORM;
  if (events & RECEIVE_EXPEDITED) flags |= POLLRDBAND | POLLPRI;
  if (events & (SEND | CONNECT_FAIL)) flags |= POLLWRNORM;
  flags &= wanted;
  if (events & (ABORT | CONNECT_FAIL)) flags |= POLLERR;
  if (events & ABORT) flags |= POLLHUP;
  return flags;
}

static int64_t start_on_socket(struct rouse__iocp *iocp, rouse_io *io) {
  struct rouse__flight *flight = rouse__flight(io);
  HANDLE handle = rouse__handle(io->fd);
  int64_t result = rouse__iocp_prepare(iocp, io, handle);
  if (result != ROUSE__IOCP_STARTED) return result == ROUSE__IOCP_POOL ? ROUSE_ENOTSUP : result;
  flight->poll = (struct rouse__afd_poll){
      .timeout.QuadPart = INT64_MAX,
      .count = 1,
      .socket = handle,
      .events = events_of(io->flags),
  };
  bool by_port = flight->stage == ROUSE__STAGE_PORT;
  flight->overlapped.Internal = (ULONG_PTR)ROUSE__STATUS_PENDING;
  NTSTATUS status = rouse__nt()->device_control_file(
      handle, rouse__iocp_event(flight), NULL, by_port ? &flight->overlapped : NULL,
      (PIO_STATUS_BLOCK)(void *)&flight->overlapped, IOCTL_POLL, &flight->poll, sizeof flight->poll,
      &flight->poll, sizeof flight->poll);
  if (status >= 0) return ROUSE__IOCP_STARTED;
  int64_t failed = rouse__error_from_status(status);
  result = rouse__iocp_launched(io, ERROR_GEN_FAILURE);
  return result == ROUSE__IOCP_STARTED ? result : failed;
}

int64_t rouse__iocp_poll_start(struct rouse__iocp *iocp, rouse_io *io) {
  if (rouse__socket_is(io->fd)) return start_on_socket(iocp, io);
  if (!rouse__iocp_is_handle(io->fd)) return ROUSE_EBADF;
  HANDLE handle = rouse__handle(io->fd);
  switch (GetFileType(handle)) {
    case FILE_TYPE_DISK:
      return ROUSE_EPERM;
    case FILE_TYPE_PIPE:
      return ROUSE_ENOTSUP;
    default:
      rouse__flight(io)->stage = ROUSE__STAGE_WAIT;
      int refused = rouse__iocp_wait_begin(iocp, io, handle);
      return refused ? refused : ROUSE__IOCP_STARTED;
  }
}

int64_t rouse__iocp_poll_end(rouse_io *io, NTSTATUS status) {
  const struct rouse__afd_poll *poll = &rouse__flight(io)->poll;
  if (status < 0) return rouse__iocp_failure(io, status);
  if (!poll->count || (poll->events & LOCAL_CLOSE)) return ROUSE_EBADF;
  uint32_t flags = flags_of(poll->events, io->flags);
  return flags ? flags : POLLHUP;
}

bool rouse__iocp_poll_aborted(rouse_io *io) { return rouse__flight(io)->poll.events & ABORT; }
