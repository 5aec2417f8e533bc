// Operations on sockets.
//
// AcceptEx and ConnectEx are functions of the provider, asked for once. What they leave undone (a
// new connection does not know its listener, a connected socket does not know that it is) is put
// right at the end.
#include "backend/iocp/iocp.h"

#include <rouse/socket.h>
#include <rouse/windows.h>

#include "platform/socket.h"

static struct {
  LPFN_ACCEPTEX accept;
  LPFN_CONNECTEX connect;
} extension;
static INIT_ONCE extension_once = INIT_ONCE_STATIC_INIT;

static void *ask_for(SOCKET socket, GUID id) {
  void *function = NULL;
  DWORD size;
  WSAIoctl(socket, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, &function, sizeof function,
           &size, NULL, NULL);
  return function;
}

static BOOL CALLBACK find_extension(PINIT_ONCE once, PVOID argument, PVOID *context) {
  (void)once, (void)argument, (void)context;
  SOCKET socket = WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
  if (socket == INVALID_SOCKET) return FALSE;  // tried again by the next who asks
  const GUID accept_id = WSAID_ACCEPTEX, connect_id = WSAID_CONNECTEX;
  extension.accept = (LPFN_ACCEPTEX)(uintptr_t)ask_for(socket, accept_id);
  extension.connect = (LPFN_CONNECTEX)(uintptr_t)ask_for(socket, connect_id);
  closesocket(socket);
  return extension.accept && extension.connect;
}

bool rouse__iocp_has_extension(void) {
  return rouse__socket_start() && InitOnceExecuteOnce(&extension_once, find_extension, NULL, NULL);
}

static int64_t launched(rouse_io *io, bool failed) {
  int64_t result = rouse__iocp_launched(io, failed ? (DWORD)WSAGetLastError() : 0);
  bool odd = result < 0 && result != ROUSE__IOCP_STARTED && !rouse__socket_is(io->fd);
  return odd ? rouse__socket_error(io->fd) : result;
}

static int64_t prepare(struct rouse__iocp *iocp, rouse_io *io) {
  int64_t prepared = rouse__iocp_prepare(iocp, io, rouse__handle(io->fd));
  return prepared == ROUSE__IOCP_POOL ? ROUSE_ENOTSOCK : prepared;
}

// --- connections ---------------------------------------------------------------------------------

static int family_of(SOCKET socket, int *out_type) {
  WSAPROTOCOL_INFOW info;
  int size = sizeof info;
  if (getsockopt(socket, SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &size)) {
    return rouse__socket_error(rouse_fd_from_socket(socket));
  }
  *out_type = info.iSocketType;
  return info.iAddressFamily;
}

// AcceptEx would wait, on some systems, for what never comes.
static int refuse_unless_listening(SOCKET socket) {
  BOOL listens = FALSE;
  int size = sizeof listens;
  bool known = !getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, (char *)&listens, &size);
  return known && !listens ? ROUSE_EINVAL : 0;
}

static int64_t accept_start(struct rouse__iocp *iocp, rouse_io *io) {
  struct rouse__flight *flight = rouse__flight(io);
  SOCKET listener = rouse__socket(io->fd);
  if (!rouse__iocp_has_extension()) return ROUSE_ENOSYS;
  int type, family = family_of(listener, &type);
  if (family < 0) return family;
  if (type != SOCK_STREAM) return ROUSE_ENOTSUP;
  int refused = refuse_unless_listening(listener);
  if (refused) return refused;
  SOCKET accepted =
      WSASocketW(family, type, 0, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  if (accepted == INVALID_SOCKET) return rouse__error_last();
  int64_t result = prepare(iocp, io);
  if (result == ROUSE__IOCP_STARTED) {
    flight->accepted = accepted;
    DWORD received;
    bool done = extension.accept(listener, accepted, iocp->addresses, 0, ROUSE__ACCEPT_ADDRESS,
                                 ROUSE__ACCEPT_ADDRESS, &received, &flight->overlapped);
    result = launched(io, !done);
  }
  if (result != ROUSE__IOCP_STARTED) closesocket(accepted);
  return result;
}

// A caller who has gone again before he was accepted is nobody's failure: the next one is waited
// for.
static bool has_gone(int64_t failure) {
  return failure == ROUSE_ECONNRESET || failure == ROUSE_ECONNABORTED || failure == ROUSE_ENOTCONN;
}

static int64_t accept_end(struct rouse__iocp *iocp, rouse_io *io, NTSTATUS status) {
  SOCKET accepted = rouse__flight(io)->accepted, listener = rouse__socket(io->fd);
  int64_t failed = status < 0 ? rouse__iocp_failure(io, status) : 0;
  if (!failed && setsockopt(accepted, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (char *)&listener,
                            sizeof listener)) {
    failed = rouse__error_last();
  }
  if (failed) {
    closesocket(accepted);
    return has_gone(failed) ? accept_start(iocp, io) : failed;
  }
  int fd = rouse_fd_from_socket(accepted);
  rouse__socket_set(fd, ROUSE_SOCKET_NO_DELAY, 1);
  return fd;
}

// ConnectEx wants a socket that is bound; one that is already gives WSAEINVAL.
static int bind_to_any(SOCKET socket, int family) {
  struct sockaddr_storage any = {.ss_family = (short)family};
  int size = family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
  if (!bind(socket, (struct sockaddr *)&any, size) || WSAGetLastError() == WSAEINVAL) return 0;
  return rouse__error_last();
}

static int64_t connect_start(struct rouse__iocp *iocp, rouse_io *io) {
  SOCKET socket = rouse__socket(io->fd);
  if (!rouse__iocp_has_extension()) return ROUSE_ENOSYS;
  int type, family = family_of(socket, &type);
  if (family < 0) return family;
  if (type != SOCK_STREAM) return rouse__socket_set_peer(io->fd, io->address, io->length);
  if (family != AF_INET && family != AF_INET6) return ROUSE_ENOTSUP;
  int refused = bind_to_any(socket, family);
  if (refused) return refused;
  int64_t result = prepare(iocp, io);
  if (result != ROUSE__IOCP_STARTED) return result;
  DWORD sent;
  bool done = extension.connect(socket, io->address, (int)io->length, NULL, 0, &sent,
                                &rouse__flight(io)->overlapped);
  return launched(io, !done);
}

static int64_t connect_end(rouse_io *io, NTSTATUS status) {
  if (status < 0) return rouse__iocp_failure(io, status);
  SOCKET socket = rouse__socket(io->fd);
  return setsockopt(socket, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, NULL, 0) ? rouse__error_last()
                                                                            : 0;
}

// --- bytes ---------------------------------------------------------------------------------------

static bool has_spans(const rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_RECEIVE_SPANS:
    case ROUSE__IO_SEND_SPANS:
    case ROUSE__IO_READ_SPANS:
    case ROUSE__IO_WRITE_SPANS:
      return true;
    default:
      return false;
  }
}

static DWORD fill_buffers(struct rouse__iocp *iocp, const rouse_io *io) {
  if (!has_spans(io)) {
    iocp->buffers[0] = (WSABUF){.len = io->length, .buf = io->address};
    return 1;
  }
  const rouse_span *spans = io->address;
  for (uint32_t i = 0; i < io->length; i++) {
    size_t size = spans[i].size < ROUSE_IO_SIZE_MAX ? spans[i].size : ROUSE_IO_SIZE_MAX;
    iocp->buffers[i] = (WSABUF){.len = (ULONG)size, .buf = spans[i].data};
    if (size < spans[i].size) return i + 1;
  }
  return io->length;
}

static int64_t receive_start(struct rouse__iocp *iocp, rouse_io *io) {
  struct rouse__flight *flight = rouse__flight(io);
  int64_t result = prepare(iocp, io);
  if (result != ROUSE__IOCP_STARTED) return result;
  DWORD flags = 0, count = fill_buffers(iocp, io);
  SOCKET socket = rouse__socket(io->fd);
  if (io->operation != ROUSE__IO_RECEIVE_FROM) {
    result = launched(
        io, WSARecv(socket, iocp->buffers, count, NULL, &flags, &flight->overlapped, NULL));
    return result == ROUSE_EPIPE ? 0 : result;  // it was shut down
  }
  flight->address_size = (int)io->mode;
  bool wanted = io->address2 && io->mode;
  return launched(
      io, WSARecvFrom(socket, iocp->buffers, count, NULL, &flags, wanted ? io->address2 : NULL,
                      wanted ? &flight->address_size : NULL, &flight->overlapped, NULL));
}

static bool has_peer(SOCKET socket) {
  struct sockaddr_storage peer;
  int size = sizeof peer;
  return !getpeername(socket, (struct sockaddr *)&peer, &size);
}

// Whoever sends to a connection that one of the two sides has given up learns it by other names
// than elsewhere.
static int64_t sent(int64_t result) {
  return result == ROUSE_ECONNABORTED || result == ROUSE_ECONNRESET ? ROUSE_EPIPE : result;
}

static int64_t send_start(struct rouse__iocp *iocp, rouse_io *io) {
  struct rouse__flight *flight = rouse__flight(io);
  int64_t result = prepare(iocp, io);
  if (result != ROUSE__IOCP_STARTED) return result;
  DWORD count = fill_buffers(iocp, io);
  SOCKET socket = rouse__socket(io->fd);
  bool addressed = io->operation == ROUSE__IO_SEND_TO && io->address2 && io->mode;
  if (addressed) {
    return launched(io, WSASendTo(socket, iocp->buffers, count, NULL, 0, io->address2,
                                  (int)io->mode, &flight->overlapped, NULL));
  }
  result = launched(io, WSASend(socket, iocp->buffers, count, NULL, 0, &flight->overlapped, NULL));
  if (result == ROUSE_EINVAL && !has_peer(socket)) return ROUSE_ENOTCONN;
  return sent(result);
}

// What was under way is taken back: the system would leave receives waiting for the peer.
int64_t rouse__iocp_shutdown(const rouse_io *io) {
  if (shutdown(rouse__socket(io->fd), (int)io->flags)) return rouse__socket_error(io->fd);
  if (io->flags != SHUT_WR) CancelIoEx(rouse__handle(io->fd), NULL);
  return 0;
}

// Whether |io| was taken back by nobody who asked for it, and by no close: by a shutdown.
static bool was_shut_down(rouse_io *io, NTSTATUS status) {
  return status == ROUSE__STATUS_CANCELLED && !rouse__flight(io)->asked && rouse__socket_is(io->fd);
}

static int64_t receive_end(rouse_io *io, NTSTATUS status, uint32_t moved) {
  if (was_shut_down(io, status)) return 0;
  if (io->operation == ROUSE__IO_RECEIVE_FROM) {
    uint32_t *size = (uint32_t *)(uintptr_t)io->offset;
    if (size) *size = (uint32_t)rouse__flight(io)->address_size;
  } else if (status == ROUSE__STATUS_BUFFER_OVERFLOW) {
    return moved;  // the rest of the datagram is lost, as everywhere
  }
  if (status == ROUSE__STATUS_BUFFER_OVERFLOW) return ROUSE_EMSGSIZE;
  return status < 0 ? rouse__iocp_failure(io, status) : moved;
}

static int64_t send_end(struct rouse__iocp *iocp, rouse_io *io, NTSTATUS status, uint32_t moved) {
  if (moved) return moved;  // whatever ended it
  // Tried again: if it was only receiving that was shut down, sending goes on.
  if (was_shut_down(io, status)) return send_start(iocp, io);
  return status < 0 ? sent(rouse__iocp_failure(io, status)) : 0;
}

int64_t rouse__iocp_socket_spans(struct rouse__iocp *iocp, rouse_io *io) {
  return io->operation == ROUSE__IO_READ_SPANS ? receive_start(iocp, io) : send_start(iocp, io);
}

// --- all -----------------------------------------------------------------------------------------

int64_t rouse__iocp_socket_start(struct rouse__iocp *iocp, rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_ACCEPT:
    case ROUSE__IO_ACCEPT_MANY:
      return accept_start(iocp, io);
    case ROUSE__IO_CONNECT:
      return connect_start(iocp, io);
    case ROUSE__IO_RECEIVE:
    case ROUSE__IO_RECEIVE_SPANS:
    case ROUSE__IO_RECEIVE_FROM:
      return receive_start(iocp, io);
    default:
      return send_start(iocp, io);
  }
}

int64_t rouse__iocp_socket_end(struct rouse__iocp *iocp, rouse_io *io, NTSTATUS status,
                               uint32_t moved) {
  switch (io->operation) {
    case ROUSE__IO_ACCEPT:
    case ROUSE__IO_ACCEPT_MANY:
      return accept_end(iocp, io, status);
    case ROUSE__IO_CONNECT:
      return connect_end(io, status);
    case ROUSE__IO_RECEIVE:
    case ROUSE__IO_RECEIVE_SPANS:
    case ROUSE__IO_RECEIVE_FROM:
    case ROUSE__IO_READ_SPANS:
      return receive_end(io, status, moved);
    default:
      return send_end(iocp, io, status, moved);
  }
}
