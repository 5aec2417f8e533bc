// Sockets on POSIX systems. errno is left as it was.
#define _GNU_SOURCE
#include "platform/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rouse/errors.h>

void rouse__socket_close(int fd) {
  int saved = errno;
  close(fd);
  errno = saved;
}

// The code for errno, which becomes what it was before. |fd| is closed if there is one.
static int failure(int saved, int fd) {
  int code = rouse_error_from_system(errno);
  if (fd >= 0) close(fd);
  errno = saved;
  return code;
}

int rouse__socket_open(const struct sockaddr *address, uint32_t size, bool blocking) {
  if (size < sizeof address->sa_family) return ROUSE_EINVAL;
  int saved = errno;
  int fd =
      socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0);
  if (fd < 0) return failure(saved, -1);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // other families have no such delay
  errno = saved;
  return fd;
}

int rouse__socket_listen(const struct sockaddr *address, uint32_t size, int backlog,
                         bool blocking) {
  int saved = errno;
  int fd = rouse__socket_open(address, size, blocking);
  if (fd < 0) return fd;
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)) return failure(saved, fd);
  if (bind(fd, address, size)) return failure(saved, fd);
  if (listen(fd, backlog)) return failure(saved, fd);
  return fd;
}

int rouse__socket_port(int fd) {
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_storage storage;
  } address;
  socklen_t size = sizeof address;
  int saved = errno;
  if (getsockname(fd, &address.any, &size)) return failure(saved, -1);
  if (address.any.sa_family == AF_INET) return ntohs(address.in.sin_port);
  if (address.any.sa_family == AF_INET6) return ntohs(address.in6.sin6_port);
  return ROUSE_EAFNOSUPPORT;
}
