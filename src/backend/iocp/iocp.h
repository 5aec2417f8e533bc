// What the files of the backend "iocp" share.
#ifndef ROUSE_BACKEND_IOCP_IOCP_H
#define ROUSE_BACKEND_IOCP_IOCP_H

#include "base/assert.h"
#include "base/atomics.h"
#include "platform/nt.h"
#include "platform/windows.h"
#include "runtime/backend.h"

// What a packet of the port is: the completion of an operation (its OVERLAPPED), the doorbell, or
// a handle that was waited for (its rouse_io).
enum { ROUSE__KEY_OPERATION, ROUSE__KEY_BELL, ROUSE__KEY_WAIT };

// Room for the two addresses that AcceptEx writes, each with the 16 bytes that it wants beyond.
enum { ROUSE__ACCEPT_ADDRESS = sizeof(struct sockaddr_storage) + 16 };

struct rouse__iocp {
  struct rouse__backend base;
  HANDLE port;
  uint32_t serial;  // of this port; 0 is none's
  bool packets;     // handles are waited for by packets; else by registered waits
  rouse_io *done_first, *done_last;
  WSABUF buffers[ROUSE_SPANS_MAX];            // the system copies them when an operation is started
  char addresses[2 * ROUSE__ACCEPT_ADDRESS];  // written by every accept, and read by nobody
};

// Where an operation is.
enum rouse__stage {
  ROUSE__STAGE_DONE,   // has its result
  ROUSE__STAGE_PORT,   // with the system, which sends a packet to our port
  ROUSE__STAGE_EVENT,  // with the system, which sets an event that is waited for: the handle
                       // belongs to another port
  ROUSE__STAGE_WAIT,   // waits for a handle
};

// What AFD, the driver behind sockets, is asked for readiness by.
struct rouse__afd_poll {
  LARGE_INTEGER timeout;
  ULONG count, exclusive;
  HANDLE socket;
  ULONG events;
  NTSTATUS status;
};

// An operation under way; lies in rouse_io.system.
struct rouse__flight {
  OVERLAPPED overlapped;
  HANDLE wait;  // a packet, a registered wait, or the event that tells a thread to stop waiting
  uint8_t stage;
  bool asked;             // to end early, by cancel()
  uint16_t threaded;      // a thread waits
  rouse__atomic32 fired;  // the registered wait has sent its packet, or will at once
  union {
    struct {
      uint64_t moved;  // by the spans before |span|
      uint32_t span;
      bool positioned;  // the file's position is to follow
    };
    SOCKET accepted;
    int address_size;
    struct rouse__afd_poll poll;
  };
};
_Static_assert(sizeof(struct rouse__flight) <= sizeof((rouse_io *)0)->system,
               "no room for an operation under way");

static inline struct rouse__flight *rouse__flight(rouse_io *io) {
  return (struct rouse__flight *)(void *)io->system;
}

// What starting an operation gives: its result, or STARTED (a packet will come), or POOL (to be
// made as a blocking call). No operation has the last two as its result.
#define ROUSE__IOCP_STARTED (INT64_MIN)
#define ROUSE__IOCP_POOL (INT64_MIN + 1)

// --- port.c --------------------------------------------------------------------------------------

struct rouse__iocp *rouse__iocp_of(const rouse_io *io);

// --- attach.c: whose port a handle's packets go to -----------------------------------------------

// Prepares an operation on |handle|: attaches that to our port if it has none, and sets up the
// flight. STARTED: go on, and say how it went by rouse__iocp_launched(). Else as above; POOL: the
// handle can't be used overlapped.
int64_t rouse__iocp_prepare(struct rouse__iocp *iocp, rouse_io *io, HANDLE handle);
// After the call that starts the operation: |error| is 0 or what it failed with. STARTED, or the
// failure.
int64_t rouse__iocp_launched(rouse_io *io, DWORD error);
// The event of a flight, or NULL, as native functions take it.
static inline HANDLE rouse__iocp_event(const struct rouse__flight *flight) {
  return (HANDLE)((uintptr_t)flight->overlapped.hEvent & ~(uintptr_t)1);
}
// Frees what prepare made.
void rouse__iocp_landed(rouse_io *io);
// |handle| is being closed: its number may come to mean another one.
void rouse__iocp_forget(HANDLE handle);

// --- wait.c: handles that are waited for ---------------------------------------------------------

// Sends a packet with KEY_WAIT and |io| when |target| is signalled. 0 or a failure.
int rouse__iocp_wait_begin(struct rouse__iocp *iocp, rouse_io *io, HANDLE target);
// True: no packet will come. False: it will.
bool rouse__iocp_wait_cancel(rouse_io *io);
// The packet has come. 0, or why the wait ended without a signal.
NTSTATUS rouse__iocp_wait_end(rouse_io *io);
// Whether wait-completion packets are used.
bool rouse__iocp_has_packets(void);
// Whether |fd| is a handle. To the system -1 would mean this process, and -2 the calling thread.
static inline bool rouse__iocp_is_handle(int fd) {
  DWORD flags;
  return fd >= 0 && GetHandleInformation(rouse__handle(fd), &flags);
}

// --- transfer.c, socket.c, poll.c, many.c: operations --------------------------------------------

// Each starts an operation, and says what an ended one gave; |status| and |moved| are the system's.
// The latter may be STARTED: there is more to do.
int64_t rouse__iocp_transfer_start(struct rouse__iocp *iocp, rouse_io *io);
int64_t rouse__iocp_transfer_end(struct rouse__iocp *iocp, rouse_io *io, NTSTATUS status,
                                 uint32_t moved);
int64_t rouse__iocp_socket_start(struct rouse__iocp *iocp, rouse_io *io);
int64_t rouse__iocp_socket_end(struct rouse__iocp *iocp, rouse_io *io, NTSTATUS status,
                               uint32_t moved);
int64_t rouse__iocp_poll_start(struct rouse__iocp *iocp, rouse_io *io);
int64_t rouse__iocp_poll_end(rouse_io *io, NTSTATUS status);
// After rouse__iocp_poll_end(): whether the peer has reset the connection.
bool rouse__iocp_poll_aborted(rouse_io *io);
// ACCEPT_MANY and RECEIVE_MANY.
int64_t rouse__iocp_many_start(struct rouse__iocp *iocp, rouse_io *io);
int64_t rouse__iocp_many_end(struct rouse__iocp *iocp, rouse_io *io, NTSTATUS status,
                             uint32_t moved);
int64_t rouse__iocp_shutdown(const rouse_io *io);
// READ_SPANS and WRITE_SPANS on a socket.
int64_t rouse__iocp_socket_spans(struct rouse__iocp *iocp, rouse_io *io);

// Whether connections can be made and taken by completion.
bool rouse__iocp_has_extension(void);

// --- probe.c -------------------------------------------------------------------------------------

void rouse__iocp_probe(rouse_probe *probe);

// --- port.c, once more ---------------------------------------------------------------------------

// The code for |status|. An operation that was aborted though nobody asked has lost its handle.
int64_t rouse__iocp_failure(rouse_io *io, NTSTATUS status);

#endif
