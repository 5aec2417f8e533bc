// The functions of socket.h and unix.h.
#include <rouse/socket.h>
#include <rouse/unix.h>

#include "platform/socket.h"
#include "runtime/operation.h"

int rouse_socket_address(rouse_fd fd, struct sockaddr *address, uint32_t *size) {
  return rouse__socket_address(fd, false, address, size);
}

int rouse_socket_peer(rouse_fd fd, struct sockaddr *address, uint32_t *size) {
  return rouse__socket_address(fd, true, address, size);
}

int rouse_socket_port(rouse_fd fd) { return rouse__socket_port(fd); }

int rouse_socket_set(rouse_fd fd, rouse_socket_option option, int value) {
  return rouse__socket_set(fd, option, value);
}

int rouse_socket_get(rouse_fd fd, rouse_socket_option option, int *out_value) {
  return rouse__socket_get(fd, option, out_value);
}

int rouse_unix_address(const char *path, struct sockaddr *address, uint32_t *size) {
  return rouse__socket_local_address(path, address, size);
}

int rouse_unix_pair(bool datagrams, rouse_fd out_fds[2]) {
  return rouse__socket_pair(datagrams, rouse__blocking_sockets(), out_fds);
}
