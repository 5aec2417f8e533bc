// What rouse_probe_run() finds out about the backend "iocp": by trying it.
#include "backend/iocp/iocp.h"

#include "platform/socket.h"

// Whether the end of a wait comes to a port by a packet of the kernel's.
static bool try_packets(void) {
  const struct rouse__nt *nt = rouse__nt();
  HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
  HANDLE event = CreateEventW(NULL, TRUE, TRUE, NULL), packet = NULL;
  bool works = false;
  if (port && event && nt->create_wait_packet(&packet, GENERIC_ALL, NULL) >= 0) {
    OVERLAPPED_ENTRY entry;
    ULONG count;
    works = nt->associate_wait_packet(packet, port, event, NULL, &entry, 0, 0, NULL) >= 0 &&
            GetQueuedCompletionStatusEx(port, &entry, 1, &count, 1000, FALSE) && count == 1;
    CloseHandle(packet);
  }
  if (event) CloseHandle(event);
  if (port) CloseHandle(port);
  return works;
}

static void probe_waits(rouse_probe *probe) {
  const struct rouse__nt *nt = rouse__nt();
  bool there = nt->create_wait_packet && nt->associate_wait_packet && nt->cancel_wait_packet;
  bool used = rouse__iocp_has_packets();
  if (used) {
    bool works = try_packets();
    rouse__probe_add(probe, "iocp", "wait_packets", works, "%s",
                     works ? "handles are waited for by the port itself"
                           : "the system has them, and no packet came");
    return;
  }
  rouse__probe_add(probe, "iocp", "wait_packets", false,
                   there ? "ruled out by ROUSE_IOCP_WITHOUT; RegisterWaitForSingleObject instead"
                         : "the system has none; RegisterWaitForSingleObject instead");
}

void rouse__iocp_probe(rouse_probe *probe) {
  probe_waits(probe);
  bool sockets = rouse__socket_start();
  rouse__probe_add(probe, "iocp", "sockets", sockets, sockets ? "Winsock 2.2" : "no Winsock 2.2");
  bool connects = rouse__iocp_has_extension();
  rouse__probe_add(probe, "iocp", "AcceptEx", connects,
                   connects ? "connections are made and taken by completion"
                            : "the provider lacks AcceptEx or ConnectEx");
  rouse__probe_add(probe, "iocp", "parking", true, "plain threads park by %s", rouse__park_name());
}
