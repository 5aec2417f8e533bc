// The backend "iocp": one completion port for each loop.
#include "platform/windows.h"

#include <stdio.h>

#include "base/assert.h"
#include "platform/platform.h"
#include "runtime/backend.h"
#include "runtime/perform.h"

enum { BATCH = 64 };
enum { KEY_OPERATION, KEY_BELL };
enum { NEXT };  // word of a rouse_io in the list of those that have their result

struct iocp {
  struct rouse__backend base;
  HANDLE port;
  rouse_io *done_first, *done_last;
};

static struct iocp *iocp_of(struct rouse__backend *backend) { return (struct iocp *)backend; }

static void finish(struct iocp *iocp, rouse_io *io, int64_t result) {
  io->result = result;
  io->backend[NEXT] = 0;
  if (iocp->done_first) {
    iocp->done_last->backend[NEXT] = (uintptr_t)io;
  } else {
    iocp->done_first = io;
  }
  iocp->done_last = io;
}

static bool complete_done(struct iocp *iocp) {
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

static int submit(struct rouse__backend *backend, rouse_io *io) {
  if (io->operation == ROUSE__IO_NOP) {
    backend->in_flight++;
    finish(iocp_of(backend), io, 0);
    return 0;
  }
  if (io->operation == ROUSE__IO_FUTEX_WAIT) return rouse__io_futex_wait(io);
  if (io->operation == ROUSE__IO_FUTEX_WAKE) {
    backend->in_flight++;
    finish(iocp_of(backend), io, rouse__io_futex_wake(io));
    return 0;
  }
  return rouse__io_blocking(io, rouse__file_perform);
}

static void cancel(struct rouse__backend *backend, rouse_io *io) { (void)backend, (void)io; }

static int poll(struct rouse__backend *backend, int64_t deadline_ns) {
  struct iocp *iocp = iocp_of(backend);
  if (complete_done(iocp)) deadline_ns = 0;
  if (!deadline_ns && !backend->in_flight) return 0;
  OVERLAPPED_ENTRY entries[BATCH];
  ULONG count = 0;
  DWORD ms = deadline_ns ? rouse__windows_left_ms(deadline_ns) : 0;
  if (!GetQueuedCompletionStatusEx(iocp->port, entries, BATCH, &count, ms, FALSE)) {
    return GetLastError() == WAIT_TIMEOUT ? 0 : rouse__error_last();
  }
  for (ULONG i = 0; i < count; i++) {
    if (entries[i].lpCompletionKey == KEY_BELL) backend->bells_heard++;
  }
  return 0;
}

static void ring(struct rouse__backend *backend) {
  HANDLE port = iocp_of(backend)->port;
  if (!PostQueuedCompletionStatus(port, 0, KEY_BELL, NULL)) {
    rouse__die("a loop's doorbell could not be rung", ROUSE__WHERE);
  }
}

static void destroy(struct rouse__backend *backend) {
  CloseHandle(iocp_of(backend)->port);
  rouse__free(backend);
}

static const struct rouse__backend_ops iocp_ops = {
    .name = "iocp",
    .blocking_sockets = true,
    .destroy = destroy,
    .submit = submit,
    .cancel = cancel,
    .poll = poll,
    .ring = ring,
};

static int create(rouse_loop *loop, const rouse_loop_options *options,
                  struct rouse__backend **out_backend, char *reason, size_t reason_size) {
  (void)options;
  struct iocp *iocp = rouse__allocate(sizeof *iocp, _Alignof(struct iocp));
  if (!iocp) {
    snprintf(reason, reason_size, "out of memory");
    return ROUSE_ENOMEM;
  }
  iocp->base = (struct rouse__backend){.ops = &iocp_ops, .loop = loop, .doorbell = "port"};
  iocp->port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
  if (!iocp->port) {
    int refused = rouse__error_last();
    snprintf(reason, reason_size, "a completion port was refused (%s)",
             rouse_error_message(refused));
    rouse__free(iocp);
    return refused;
  }
  *out_backend = &iocp->base;
  return 0;
}

const struct rouse__backend_kind rouse__backend_iocp = {.name = "iocp", .create = create};
