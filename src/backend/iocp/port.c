// The backend "iocp": one completion port for each loop.
//
// Operations are overlapped, and complete by packets of the port: so does the doorbell, and so do
// the waits for handles. What Windows can't do overlapped (everything about names, closing, and
// all on handles that were opened for calls that wait) is made by the blocking pool.
//
//   submit ---> started ---packet---> complete, or the next part is started
//          \--> result at once ---> list of the done ---poll()---> complete
//           \-> the pool
//
// A packet comes for each operation that was started, whatever becomes of it: a cancel only asks
// the system to hurry.
//
// While the loop is awake nobody rings: see deliver.c. So a bell's packet costs a system call only
// where a sleep is ended by it.
#include <stdio.h>

#include "backend/iocp/iocp.h"
#include "platform/platform.h"
#include "platform/socket.h"
#include "runtime/loop_internal.h"
#include "runtime/perform.h"

enum { BATCH = 64 };
enum { NEXT };  // word of rouse_io.backend: the list of the done

static struct rouse__iocp *of_backend(struct rouse__backend *backend) {
  return (struct rouse__iocp *)backend;
}

struct rouse__iocp *rouse__iocp_of(const rouse_io *io) {
  rouse_loop *loop = ROUSE__CONTAINER(io->wait.waker, rouse_loop, waker);
  return of_backend(loop->backend);
}

int64_t rouse__iocp_failure(rouse_io *io, NTSTATUS status) {
  int code = rouse__error_from_status(status);
  return code == ROUSE_ECANCELED && !rouse__flight(io)->asked ? ROUSE_EBADF : code;
}

// --- results -------------------------------------------------------------------------------------

static void finish(struct rouse__iocp *iocp, rouse_io *io, int64_t result) {
  rouse__flight(io)->stage = ROUSE__STAGE_DONE;
  io->result = result;
  io->backend[NEXT] = 0;
  if (iocp->done_first) {
    iocp->done_last->backend[NEXT] = (uintptr_t)io;
  } else {
    iocp->done_first = io;
  }
  iocp->done_last = io;
}

static bool complete_done(struct rouse__iocp *iocp) {
  rouse_io *io = iocp->done_first;
  if (!io) return false;
  iocp->done_first = NULL;
  do {
    rouse_io *next = (rouse_io *)io->backend[NEXT];
    iocp->base.in_flight--;
    rouse__io_complete(io, io->result);
    io = next;
  } while (io);
  return true;
}

// --- submit and cancel ---------------------------------------------------------------------------

// What waits for it is aborted first, on all loops: what a close alone does to it depends on its
// kind.
static int64_t close_start(rouse_io *io) {
  if (io->fd < 0) return ROUSE_EBADF;  // -1 would mean this process, which can always be closed
  rouse__iocp_forget(rouse__handle(io->fd));
  CancelIoEx(rouse__handle(io->fd), NULL);
  struct linger linger;
  int size = sizeof linger;
  bool may_block =
      !rouse__socket_is(io->fd) ||
      getsockopt(rouse__socket(io->fd), SOL_SOCKET, SO_LINGER, (char *)&linger, &size) ||
      (linger.l_onoff && linger.l_linger);
  return may_block ? ROUSE__IOCP_POOL : rouse__file_perform(io);
}

static int64_t wait_start(struct rouse__iocp *iocp, rouse_io *io) {
  rouse__flight(io)->stage = ROUSE__STAGE_WAIT;
  if (!rouse__iocp_is_handle(io->fd)) return ROUSE_EBADF;
  int refused = rouse__iocp_wait_begin(iocp, io, rouse__handle(io->fd));
  return refused ? refused : ROUSE__IOCP_STARTED;
}

static int64_t pipe_start(struct rouse__iocp *iocp, rouse_io *io) {
  HANDLE pipe = rouse__handle(io->fd);
  int64_t result = rouse__iocp_prepare(iocp, io, pipe);
  if (result != ROUSE__IOCP_STARTED) return result == ROUSE__IOCP_POOL ? ROUSE_ENOTSUP : result;
  bool done = ConnectNamedPipe(pipe, &rouse__flight(io)->overlapped);
  DWORD error = done ? 0 : GetLastError();
  result = rouse__iocp_launched(io, error);
  if (result == ROUSE__IOCP_STARTED) return result;
  // A client that came before anybody waited, and perhaps has gone again: reading will tell.
  return error == ERROR_PIPE_CONNECTED || error == ERROR_NO_DATA ? 0 : result;
}

static int64_t start(struct rouse__iocp *iocp, rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_NOP:
      return 0;
    case ROUSE__IO_READ:
    case ROUSE__IO_WRITE:
    case ROUSE__IO_READ_SPANS:
    case ROUSE__IO_WRITE_SPANS:
      return rouse__iocp_transfer_start(iocp, io);
    case ROUSE__IO_ACCEPT:
    case ROUSE__IO_CONNECT:
    case ROUSE__IO_RECEIVE:
    case ROUSE__IO_RECEIVE_SPANS:
    case ROUSE__IO_RECEIVE_FROM:
    case ROUSE__IO_SEND:
    case ROUSE__IO_SEND_SPANS:
    case ROUSE__IO_SEND_TO:
    case ROUSE__IO_SEND_ZERO_COPY:
      return rouse__iocp_socket_start(iocp, io);
    case ROUSE__IO_SHUTDOWN:
      return rouse__iocp_shutdown(io);
    case ROUSE__IO_POLL:
      return rouse__iocp_poll_start(iocp, io);
    case ROUSE__IO_ACCEPT_MANY:
    case ROUSE__IO_RECEIVE_MANY:
      return rouse__iocp_many_start(iocp, io);
    case ROUSE__IO_SPLICE:
      return ROUSE_ENOTSUP;
    case ROUSE__IO_CLOSE:
      return close_start(io);
    case ROUSE__IO_FUTEX_WAKE:
      return rouse__io_futex_wake(io);
    case ROUSE__IO_HANDLE:
      return wait_start(iocp, io);
    case ROUSE__IO_PIPE:
      return pipe_start(iocp, io);
    default:
      return ROUSE__IOCP_POOL;
  }
}

static int submit(struct rouse__backend *backend, rouse_io *io) {
  struct rouse__iocp *iocp = of_backend(backend);
  if (io->operation == ROUSE__IO_FUTEX_WAIT) return rouse__io_futex_wait(io);
  int64_t result = start(iocp, io);
  if (result == ROUSE__IOCP_POOL) return rouse__io_blocking(io, rouse__file_perform);
  backend->in_flight++;
  if (result != ROUSE__IOCP_STARTED) finish(iocp, io, result);
  return 0;
}

static void cancel(struct rouse__backend *backend, rouse_io *io) {
  struct rouse__flight *flight = rouse__flight(io);
  flight->asked = true;
  switch ((enum rouse__stage)flight->stage) {
    case ROUSE__STAGE_PORT:
    case ROUSE__STAGE_EVENT:
      // If it is not found it has ended, and its packet is on the way.
      CancelIoEx(rouse__handle(io->fd), &flight->overlapped);
      break;
    case ROUSE__STAGE_WAIT:
      if (rouse__iocp_wait_cancel(io)) finish(of_backend(backend), io, ROUSE_ECANCELED);
      break;
    case ROUSE__STAGE_DONE:
      break;
  }
}

// --- packets -------------------------------------------------------------------------------------

static int64_t end(struct rouse__iocp *iocp, rouse_io *io, NTSTATUS status, uint32_t moved) {
  switch (io->operation) {
    case ROUSE__IO_READ:
    case ROUSE__IO_WRITE:
      return rouse__iocp_transfer_end(iocp, io, status, moved);
    case ROUSE__IO_READ_SPANS:
    case ROUSE__IO_WRITE_SPANS:
      return rouse__socket_is(io->fd) ? rouse__iocp_socket_end(iocp, io, status, moved)
                                      : rouse__iocp_transfer_end(iocp, io, status, moved);
    case ROUSE__IO_POLL:
      return rouse__iocp_poll_end(io, status);
    case ROUSE__IO_ACCEPT_MANY:
    case ROUSE__IO_RECEIVE_MANY:
      return rouse__iocp_many_end(iocp, io, status, moved);
    case ROUSE__IO_PIPE:
      return status < 0 ? rouse__iocp_failure(io, status) : 0;
    default:
      return rouse__iocp_socket_end(iocp, io, status, moved);
  }
}

static void complete(struct rouse__iocp *iocp, rouse_io *io, int64_t result) {
  if (result == ROUSE__IOCP_STARTED) return;
  iocp->base.in_flight--;
  rouse__io_complete(io, result);
}

static void take_operation(struct rouse__iocp *iocp, const OVERLAPPED_ENTRY *entry) {
  rouse_io *io = (rouse_io *)(void *)((char *)entry->lpOverlapped - offsetof(rouse_io, system));
  struct rouse__iocp *owner = rouse__iocp_of(io);
  if (owner != iocp) {  // a duplicate of a handle was taken for attached to another port
    PostQueuedCompletionStatus(owner->port, entry->dwNumberOfBytesTransferred,
                               entry->lpCompletionKey, entry->lpOverlapped);
    return;
  }
  NTSTATUS status = (NTSTATUS)entry->lpOverlapped->Internal;
  rouse__iocp_landed(io);
  complete(iocp, io, end(iocp, io, status, entry->dwNumberOfBytesTransferred));
}

// What was waited for: a handle by itself, or the event of an operation on somebody else's handle.
static void take_wait(struct rouse__iocp *iocp, rouse_io *io) {
  struct rouse__flight *flight = rouse__flight(io);
  NTSTATUS failed = rouse__iocp_wait_end(io);
  if (flight->stage == ROUSE__STAGE_EVENT) {
    NTSTATUS status = (NTSTATUS)flight->overlapped.Internal;
    uint32_t moved = (uint32_t)flight->overlapped.InternalHigh;
    rouse__iocp_landed(io);
    complete(iocp, io, end(iocp, io, status, moved));
    return;
  }
  flight->stage = ROUSE__STAGE_DONE;
  int64_t result = 0;
  if (failed) {
    result = rouse__error_from_status(failed);
  } else if (io->operation == ROUSE__IO_POLL) {
    result = io->flags ? (int64_t)io->flags : 1;
  }
  complete(iocp, io, result);
}

static int poll(struct rouse__backend *backend, int64_t deadline_ns) {
  struct rouse__iocp *iocp = of_backend(backend);
  if (complete_done(iocp)) deadline_ns = 0;
  if (!deadline_ns && !backend->in_flight) return 0;
  OVERLAPPED_ENTRY entries[BATCH];
  ULONG count = 0;
  DWORD ms = deadline_ns ? rouse__windows_left_ms(deadline_ns) : 0;
  if (!GetQueuedCompletionStatusEx(iocp->port, entries, BATCH, &count, ms, FALSE)) {
    return GetLastError() == WAIT_TIMEOUT ? 0 : rouse__error_last();
  }
  for (ULONG i = 0; i < count; i++) {
    switch (entries[i].lpCompletionKey) {
      case ROUSE__KEY_OPERATION:
        take_operation(iocp, &entries[i]);
        break;
      case ROUSE__KEY_BELL:
        backend->bells_heard++;
        break;
      default:
        take_wait(iocp, (rouse_io *)(void *)entries[i].lpOverlapped);
    }
  }
  complete_done(iocp);
  return 0;
}

// The port lives as long as a bell is owed. What fails here is memory of the kernel, which comes
// back; without the bell the loop would sleep on its mail.
static void ring(struct rouse__backend *backend) {
  HANDLE port = of_backend(backend)->port;
  while (!PostQueuedCompletionStatus(port, 0, ROUSE__KEY_BELL, NULL)) {
    if (rouse__error_last() != ROUSE_ENOMEM) {
      rouse__die("a loop's doorbell could not be rung", ROUSE__WHERE);
    }
    rouse__thread_yield();
  }
}

// --- create and destroy --------------------------------------------------------------------------

static void destroy(struct rouse__backend *backend) {
  CloseHandle(of_backend(backend)->port);
  rouse__free(backend);
}

static const struct rouse__backend_ops iocp_ops = {
    .name = "iocp",
    .blocking_sockets = true,
    .handles = true,
    .destroy = destroy,
    .submit = submit,
    .cancel = cancel,
    .poll = poll,
    .ring = ring,
};

static int create(rouse_loop *loop, const rouse_loop_options *options,
                  struct rouse__backend **out_backend, char *reason, size_t reason_size) {
  static rouse__atomic32 serials;
  (void)options;
  struct rouse__iocp *iocp = rouse__allocate(sizeof *iocp, _Alignof(struct rouse__iocp));
  if (!iocp) {
    snprintf(reason, reason_size, "no memory");
    return ROUSE_ENOMEM;
  }
  iocp->base = (struct rouse__backend){.ops = &iocp_ops, .loop = loop, .doorbell = "port"};
  iocp->packets = rouse__iocp_has_packets();
  iocp->serial = add_relaxed(&serials, 1) + 1;  // RELAXED: a number of its own
  iocp->port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
  if (!iocp->port) {
    int refused = rouse__error_last();
    snprintf(reason, reason_size, "a completion port was refused: %s",
             rouse_error_message(refused));
    rouse__free(iocp);
    return refused;
  }
  *out_backend = &iocp->base;
  return 0;
}

const struct rouse__backend_kind rouse__backend_iocp = {
    .name = "iocp",
    .create = create,
    .probe = rouse__iocp_probe,
};
