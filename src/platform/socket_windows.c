// Sockets on Windows.
#include "platform/socket.h"

#include "platform/windows.h"

#include <rouse/errors.h>

void rouse__socket_close(int fd) { closesocket(rouse__socket(fd)); }
int rouse__socket_open(const struct sockaddr *address, uint32_t size, bool datagrams,
                       bool blocking) {
  (void)address, (void)size, (void)datagrams, (void)blocking;
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
int rouse__socket_bind(int fd, const struct sockaddr *address, uint32_t size) {
  (void)fd, (void)address, (void)size;
  return ROUSE_ENOSYS;
}
int rouse__socket_set_peer(int fd, const struct sockaddr *address, uint32_t size) {
  (void)fd, (void)address, (void)size;
  return ROUSE_ENOSYS;
}
int rouse__socket_pair(bool datagrams, bool blocking, int out_fds[2]) {
  (void)datagrams, (void)blocking, (void)out_fds;
  return ROUSE_ENOSYS;
}
int rouse__socket_address(int fd, bool of_peer, struct sockaddr *address, uint32_t *size) {
  (void)fd, (void)of_peer, (void)address, (void)size;
  return ROUSE_ENOSYS;
}
int rouse__socket_local_address(const char *path, struct sockaddr *address, uint32_t *size) {
  (void)path, (void)address, (void)size;
  return ROUSE_ENOSYS;
}
int rouse__socket_set(int fd, int option, int value) {
  (void)fd, (void)option, (void)value;
  return ROUSE_ENOSYS;
}
int rouse__socket_get(int fd, int option, int *out_value) {
  (void)fd, (void)option, (void)out_value;
  return ROUSE_ENOSYS;
}
