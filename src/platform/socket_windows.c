// Sockets on Windows.
#include "platform/socket.h"

#include "platform/windows.h"

#include <rouse/errors.h>

void rouse__socket_close(int fd) { closesocket(rouse__socket(fd)); }
int rouse__socket_open(const struct sockaddr *address, uint32_t size, bool blocking) {
  (void)address, (void)size, (void)blocking;
  return ROUSE_ENOSYS;
}
int rouse__socket_listen(const struct sockaddr *address, uint32_t size, int backlog,
                         bool blocking) {
  (void)address, (void)size, (void)blocking, (void)backlog;
  return ROUSE_ENOSYS;
}
int rouse__socket_port(int fd) {
  (void)fd;
  return ROUSE_ENOSYS;
}
