// Handles that are waited for: events, processes, timers, whatever Windows can wait for.
//
// Where the system has wait-completion packets the port itself waits, and no thread is spent.
// Elsewhere (before Windows 8, and Wine) the waits are registered with the system's thread pool,
// whose callback sends the packet. Which of the two is found at run time;
// ROUSE_IOCP_WITHOUT=wait_packets in the environment rules the first one out.
//
// Cancel against signal. A wait may take what it waited for: an event that resets itself, a permit
// of a semaphore. So a cancel must never drop a packet: it either makes sure that there is none and
// never will be, or leaves the wait to end by it. For packets the system says which. For registered
// waits it says whether a callback is still to run or running; if not, the callback's mark says
// whether it has run. (Waiting for a running callback would be simpler, and block the loop.)
//
// But a registered wait that is ended in the moment in which it has taken a signal, and before it
// has called back, swallows that signal, and nobody can tell. So only what a wait does not change
// (processes, threads, events that stay set) is registered. For the rest a thread is started for
// the time of the wait, which waits for the handle and for the event of the cancel at once: of two
// that are signalled it takes one, and says which.
#include "backend/iocp/iocp.h"

#include <string.h>

#include "platform/platform.h"
#include "runtime/loop_internal.h"

bool rouse__iocp_has_packets(void) {
  const char *without = rouse__environment("ROUSE_IOCP_WITHOUT");
  if (without && strstr(without, "wait_packets")) return false;
  const struct rouse__nt *nt = rouse__nt();
  return nt->create_wait_packet && nt->associate_wait_packet && nt->cancel_wait_packet;
}

// On a thread of the system's. After the post |io| may be gone.
static VOID CALLBACK signalled(PVOID argument, BOOLEAN timed_out) {
  (void)timed_out;
  rouse_io *io = argument;
  HANDLE port = rouse__iocp_of(io)->port;
  // ORDER(iocp_fired): release, to the cancel that comes too late.
  store_release(&rouse__flight(io)->fired, 1);
  if (!PostQueuedCompletionStatus(port, 0, ROUSE__KEY_WAIT, (OVERLAPPED *)(void *)io)) {
    rouse__die("the end of a wait could not be sent to its loop", ROUSE__WHERE);
  }
}

static int register_wait(rouse_io *io, HANDLE target) {
  struct rouse__flight *flight = rouse__flight(io);
  store_relaxed(&flight->fired, 0);  // RELAXED: the registration publishes it
  // Through a copy: the callback may have run, and this call not have returned.
  HANDLE wait;
  const ULONG once = WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD;
  if (!RegisterWaitForSingleObject(&wait, target, signalled, io, INFINITE, once)) {
    return rouse__error_last();
  }
  flight->wait = wait;
  return 0;
}

// --- what a wait changes -------------------------------------------------------------------------

static bool is_event_that_stays(HANDLE target) {
  enum { BASIC = 0, NOTIFICATION = 0 };
  struct {
    LONG type, state;
  } event;
  NTSTATUS status = rouse__nt()->query_event(target, BASIC, &event, sizeof event, NULL);
  return status >= 0 && event.type == NOTIFICATION;
}

// Whether a wait for |target| leaves it as it was. In doubt it does not.
static bool stays(HANDLE target) {
  enum { TYPE = 2 };
  union {
    UNICODE_STRING name;
    char space[512];
  } type;
  if (is_event_that_stays(target)) return true;
  if (rouse__nt()->query_object(target, TYPE, &type, sizeof type, NULL) < 0) return false;
  static const wchar_t *const lasting[] = {L"Process", L"Thread", L"Job"};
  for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++) {
    size_t length = wcslen(lasting[i]);
    if (type.name.Length == length * sizeof(wchar_t) &&
        !wcsncmp(type.name.Buffer, lasting[i], length)) {
      return true;
    }
  }
  return false;
}

// --- a thread that waits -------------------------------------------------------------------------

// After the post |io| may be gone.
static DWORD WINAPI wait_on_thread(void *argument) {
  rouse_io *io = argument;
  struct rouse__flight *flight = rouse__flight(io);
  HANDLE port = rouse__iocp_of(io)->port;
  HANDLE handles[2] = {rouse__handle(io->fd), flight->wait};
  DWORD ended = WaitForMultipleObjects(2, handles, FALSE, INFINITE);
  NTSTATUS status = ROUSE__STATUS(0xC0000008);  // INVALID_HANDLE: it was closed meanwhile
  if (ended == WAIT_OBJECT_0 || ended == WAIT_ABANDONED_0) status = 0;
  if (ended == WAIT_OBJECT_0 + 1) status = ROUSE__STATUS_CANCELLED;
  flight->overlapped.Internal = (ULONG_PTR)(uint32_t)status;
  if (!PostQueuedCompletionStatus(port, 0, ROUSE__KEY_WAIT, (OVERLAPPED *)(void *)io)) {
    rouse__die("the end of a wait could not be sent to its loop", ROUSE__WHERE);
  }
  return 0;
}

static int start_thread(rouse_io *io) {
  struct rouse__flight *flight = rouse__flight(io);
  flight->wait = CreateEventW(NULL, TRUE, FALSE, NULL);
  if (!flight->wait) return rouse__error_last();
  flight->threaded = true;
  HANDLE thread =
      CreateThread(NULL, 0x10000, wait_on_thread, io, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
  if (thread) {
    CloseHandle(thread);  // it ends by itself
    return 0;
  }
  CloseHandle(flight->wait);
  return ROUSE_ENOMEM;
}

// --- the three ways ------------------------------------------------------------------------------

static int associate_packet(struct rouse__iocp *iocp, rouse_io *io, HANDLE target) {
  const struct rouse__nt *nt = rouse__nt();
  HANDLE packet;
  NTSTATUS status = nt->create_wait_packet(&packet, GENERIC_ALL, NULL);
  if (status < 0) return rouse__error_from_status(status);
  status =
      nt->associate_wait_packet(packet, iocp->port, target, (PVOID)ROUSE__KEY_WAIT, io, 0, 0, NULL);
  if (status < 0) {
    CloseHandle(packet);
    return rouse__error_from_status(status);
  }
  rouse__flight(io)->wait = packet;
  return 0;
}

int rouse__iocp_wait_begin(struct rouse__iocp *iocp, rouse_io *io, HANDLE target) {
  struct rouse__flight *flight = rouse__flight(io);
  flight->threaded = false;
  if (iocp->packets) return associate_packet(iocp, io, target);
  flight->overlapped.Internal = 0;
  bool ours = flight->stage == ROUSE__STAGE_EVENT;
  return ours || stays(target) ? register_wait(io, target) : start_thread(io);
}

NTSTATUS rouse__iocp_wait_end(rouse_io *io) {
  struct rouse__flight *flight = rouse__flight(io);
  NTSTATUS status = flight->threaded ? (NTSTATUS)flight->overlapped.Internal : 0;
  if (flight->threaded || rouse__iocp_of(io)->packets) {
    CloseHandle(flight->wait);
  } else if (flight->wait) {
    UnregisterWaitEx(flight->wait, NULL);  // its callback has sent the packet; it may yet return
  }
  flight->wait = NULL;
  return status;
}

bool rouse__iocp_wait_cancel(rouse_io *io) {
  struct rouse__flight *flight = rouse__flight(io);
  if (flight->threaded) {
    SetEvent(flight->wait);
    return false;
  }
  if (rouse__iocp_of(io)->packets) {
    if (rouse__nt()->cancel_wait_packet(flight->wait, FALSE)) return false;
    CloseHandle(flight->wait);
    flight->wait = NULL;
    return true;
  }
  if (!flight->wait) return false;  // asked before
  bool idle = UnregisterWaitEx(flight->wait, NULL);
  flight->wait = NULL;
  // ORDER(iocp_fired): acquire, pairs with the callback.
  return idle && !load_acquire(&flight->fired);
}
