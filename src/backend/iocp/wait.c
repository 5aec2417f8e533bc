// Handles that are waited for: events, processes, timers, whatever Windows can wait for.
//
// Where the system has wait-completion packets the port itself waits, and no thread is spent.
// Elsewhere (before Windows 8, and Wine) the waits are registered with the system's thread pool,
// whose callback sends the packet. Which of the two is found at run time;
// ROUSE_IOCP_WITHOUT=wait_packets in the environment rules the first one out.
//
// Cancel against signal. A wait may have consumed what it waited for (an event that resets itself),
// so a cancel must never drop a packet: it either makes sure that there is none and never will be,
// or leaves the wait to end by it. For packets the system says which. For registered waits it says
// whether a callback is still to run or running; if not, the callback's mark says whether it has
// run. (Waiting for a running callback would be simpler, and block the loop.)
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

int rouse__iocp_wait_begin(struct rouse__iocp *iocp, rouse_io *io, HANDLE target) {
  if (!iocp->packets) return register_wait(io, target);
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

void rouse__iocp_wait_end(rouse_io *io) {
  struct rouse__flight *flight = rouse__flight(io);
  if (!flight->wait) return;
  if (rouse__iocp_of(io)->packets) {
    CloseHandle(flight->wait);
  } else {
    UnregisterWaitEx(flight->wait, NULL);  // its callback has sent the packet; it may yet return
  }
  flight->wait = NULL;
}

bool rouse__iocp_wait_cancel(rouse_io *io) {
  struct rouse__flight *flight = rouse__flight(io);
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
