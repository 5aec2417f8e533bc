// Whose port a handle's packets go to.
//
// A file object belongs to one port for all its life, and nobody can ask which. So each operation
// first tries to attach its handle to the loop's port. If that works, or a table says that it
// worked before, the completion comes as a packet. If not, the handle is either one that can't be
// used overlapped, which is for the pool, or it belongs to another loop's port (a listener that
// several loops share, a connection that was handed on), and may outlive that loop. Then the
// operation gets an event of its own, with the low bit set that keeps it from the port, and the
// event is waited for like any handle.
//
// The table is the process's, by the handle's number. Closing a handle elsewhere leaves an old
// entry behind, which does no harm: a new handle of that number is attached anew, and the entry
// with it. Only a duplicate that others made of an attached handle may be taken for ours; a packet
// that comes to the wrong port is sent on (see port.c).
//
// Why the attempt each time, when the table knows? Handles come from outside and are closed by
// others. A table that is believed would, one day, start an operation on a new handle with an old
// number, whose packet never comes. The attempt is one short system call.
#include "backend/iocp/iocp.h"

#include "platform/platform.h"

enum { PAGES = 4096, PAGE = 1024 };

struct page {
  rouse__atomic32 serial[PAGE];
};

static rouse__atomic_pointer pages[PAGES];

static rouse__atomic32 *find(HANDLE handle, bool make) {
  uintptr_t number = (uintptr_t)handle >> 2;
  if (number >= (uintptr_t)PAGES * PAGE) return NULL;
  rouse__atomic_pointer *at = &pages[number / PAGE];
  // ORDER(iocp_table): acquire, a page that is all zero.
  uintptr_t page = load_acquire(at);
  if (!page && make) {
    struct page *made = rouse__allocate(sizeof *made, _Alignof(struct page));
    if (!made) return NULL;
    // ORDER(iocp_table): release, the page that was made; acquire, that of another who was first.
    if (cas_acq_rel_acquire(at, &page, (uintptr_t)made)) {
      page = (uintptr_t)made;
    } else {
      rouse__free(made);
    }
  }
  return page ? &((struct page *)page)->serial[number % PAGE] : NULL;
}

void rouse__iocp_forget(HANDLE handle) {
  rouse__atomic32 *serial = find(handle, false);
  if (serial) store_relaxed(serial, 0);  // RELAXED: a note; who attaches a handle owns its number
}

// --- which way -----------------------------------------------------------------------------------

enum way { BY_PORT, BY_EVENT, BY_POOL };

// The way, or a failure.
static int choose(const struct rouse__iocp *iocp, HANDLE handle) {
  enum { SYNCHRONOUS = FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT };
  if (CreateIoCompletionPort(handle, iocp->port, ROUSE__KEY_OPERATION, 0)) {
    rouse__atomic32 *serial = find(handle, true);
    // RELAXED: whoever uses the handle on another loop got it from us, by ordered ways.
    if (serial) store_relaxed(serial, iocp->serial);
    return BY_PORT;
  }
  if (GetLastError() != ERROR_INVALID_PARAMETER) return rouse__error_last();
  const rouse__atomic32 *serial = find(handle, false);
  if (serial && load_relaxed(serial) == iocp->serial) return BY_PORT;  // RELAXED: as above
  IO_STATUS_BLOCK block;
  ULONG mode = 0;
  NTSTATUS status =
      rouse__nt()->query_information_file(handle, &block, &mode, sizeof mode, ROUSE__FILE_MODE);
  if (status < 0) return rouse__error_from_status(status);
  return mode & SYNCHRONOUS ? BY_POOL : BY_EVENT;
}

// An event that ends the wait is waited for before anything can set it.
static int make_event(struct rouse__iocp *iocp, rouse_io *io) {
  struct rouse__flight *flight = rouse__flight(io);
  HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
  if (!event) return rouse__error_last();
  flight->overlapped.hEvent = (HANDLE)((uintptr_t)event | 1);
  int refused = rouse__iocp_wait_begin(iocp, io, event);
  if (refused) CloseHandle(event);
  return refused;
}

int64_t rouse__iocp_prepare(struct rouse__iocp *iocp, rouse_io *io, HANDLE handle) {
  struct rouse__flight *flight = rouse__flight(io);
  int way = choose(iocp, handle);
  if (way < 0) return way;
  if (way == BY_POOL) return ROUSE__IOCP_POOL;
  flight->overlapped = (OVERLAPPED){0};
  flight->stage = ROUSE__STAGE_PORT;
  flight->asked = false;
  if (way == BY_PORT) return ROUSE__IOCP_STARTED;
  flight->stage = ROUSE__STAGE_EVENT;
  int refused = make_event(iocp, io);
  return refused ? refused : ROUSE__IOCP_STARTED;
}

void rouse__iocp_landed(rouse_io *io) {
  struct rouse__flight *flight = rouse__flight(io);
  if (flight->stage == ROUSE__STAGE_EVENT) CloseHandle(rouse__iocp_event(flight));
  flight->stage = ROUSE__STAGE_DONE;
}

int64_t rouse__iocp_launched(rouse_io *io, DWORD error) {
  struct rouse__flight *flight = rouse__flight(io);
  // That something did not fit is a warning: there is data, and a packet.
  bool cut = error == ERROR_MORE_DATA || error == WSAEMSGSIZE;
  if (!error || error == ERROR_IO_PENDING || cut) return ROUSE__IOCP_STARTED;
  if (flight->stage == ROUSE__STAGE_EVENT && !rouse__iocp_wait_cancel(io)) {
    // The event was set all the same: its packet comes, and must find the failure.
    flight->overlapped.Internal = 0xC0000001;  // UNSUCCESSFUL
    return ROUSE__IOCP_STARTED;
  }
  rouse__iocp_landed(io);
  return rouse_error_from_system((int)error);
}
