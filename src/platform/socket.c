// Sockets on POSIX systems. errno is left as it was.
#define _GNU_SOURCE
#include "platform/socket.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <rouse/errors.h>
#include <rouse/socket.h>

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

int rouse__socket_open(const struct sockaddr *address, uint32_t size, bool datagrams,
                       bool blocking) {
  if (size < sizeof address->sa_family) return ROUSE_EINVAL;
  int saved = errno;
  int type = (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC;
  int fd = socket(address->sa_family, type | (blocking ? 0 : SOCK_NONBLOCK), 0);
  if (fd < 0) return failure(saved, -1);
  const int on = 1;
  // Other families have no such delay.
  if (!datagrams) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  errno = saved;
  return fd;
}

int rouse__socket_listen(const struct sockaddr *address, uint32_t size, int backlog,
                         bool blocking) {
  int saved = errno;
  int fd = rouse__socket_open(address, size, false, blocking);
  if (fd < 0) return fd;
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)) return failure(saved, fd);
  if (bind(fd, address, size)) return failure(saved, fd);
  if (listen(fd, backlog)) return failure(saved, fd);
  return fd;
}

int rouse__socket_bind(int fd, const struct sockaddr *address, uint32_t size) {
  int saved = errno;
  return bind(fd, address, size) ? failure(saved, -1) : 0;
}

int rouse__socket_set_peer(int fd, const struct sockaddr *address, uint32_t size) {
  int saved = errno;
  return connect(fd, address, size) ? failure(saved, -1) : 0;
}

int rouse__socket_pair(bool datagrams, bool blocking, int out_fds[2]) {
  int saved = errno;
  int type = (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC;
  int failed = socketpair(AF_UNIX, type | (blocking ? 0 : SOCK_NONBLOCK), 0, out_fds);
  return failed ? failure(saved, -1) : 0;
}

int64_t rouse__socket_receive_now(int fd, void *buffer, uint32_t size) {
  int saved = errno;
  ssize_t got;
  do {
    got = recv(fd, buffer, size, MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  return got < 0 ? failure(saved, -1) : got;
}

// --- addresses -----------------------------------------------------------------------------------

int rouse__socket_address(int fd, bool of_peer, struct sockaddr *address, uint32_t *size) {
  if (!address || !*size) return ROUSE_EINVAL;
  int saved = errno;
  socklen_t length = *size;
  int failed = of_peer ? getpeername(fd, address, &length) : getsockname(fd, address, &length);
  if (failed) return failure(saved, -1);
  *size = length;
  return 0;
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

int rouse__socket_local_address(const char *path, struct sockaddr *address, uint32_t *size) {
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  const size_t length = strlen(path);
  if (!length || !address || *size < sizeof local) return ROUSE_EINVAL;
  if (length >= sizeof local.sun_path) return ROUSE_ENAMETOOLONG;
  memcpy(local.sun_path, path, length);
  const bool abstract = *path == '@';
  if (abstract) local.sun_path[0] = 0;
  memcpy(address, &local, sizeof local);
  *size = (uint32_t)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
  return 0;
}

// --- options -------------------------------------------------------------------------------------

static const struct {
  int level, name, least, most;
} options[ROUSE_SOCKET_OPTIONS] = {
    [ROUSE_SOCKET_NO_DELAY] = {IPPROTO_TCP, TCP_NODELAY, 0, 1},
    [ROUSE_SOCKET_KEEP_ALIVE] = {SOL_SOCKET, SO_KEEPALIVE, 0, 1},
    [ROUSE_SOCKET_KEEP_IDLE] = {IPPROTO_TCP, TCP_KEEPIDLE, 1, 32767},
    [ROUSE_SOCKET_SEND_BUFFER] = {SOL_SOCKET, SO_SNDBUF, 1, INT_MAX},
    [ROUSE_SOCKET_RECEIVE_BUFFER] = {SOL_SOCKET, SO_RCVBUF, 1, INT_MAX},
    [ROUSE_SOCKET_REUSE_ADDRESS] = {SOL_SOCKET, SO_REUSEADDR, 0, 1},
    [ROUSE_SOCKET_REUSE_PORT] = {SOL_SOCKET, SO_REUSEPORT, 0, 1},
    [ROUSE_SOCKET_BROADCAST] = {SOL_SOCKET, SO_BROADCAST, 0, 1},
    [ROUSE_SOCKET_LINGER] = {SOL_SOCKET, SO_LINGER, -1, 65535},
    [ROUSE_SOCKET_ONLY_V6] = {IPPROTO_IPV6, IPV6_V6ONLY, 0, 1},
    [ROUSE_SOCKET_ERROR] = {SOL_SOCKET, SO_ERROR, 1, 0},  // no value is in range
};

static bool known(int option) { return option >= 0 && option < ROUSE_SOCKET_OPTIONS; }

int rouse__socket_set(int fd, int option, int value) {
  if (!known(option)) return ROUSE_EINVAL;
  if (value < options[option].least || value > options[option].most) return ROUSE_EINVAL;
  const struct linger linger = {.l_onoff = value >= 0, .l_linger = value};
  const bool lingers = option == ROUSE_SOCKET_LINGER;
  int saved = errno;
  int failed =
      setsockopt(fd, options[option].level, options[option].name,
                 lingers ? (const void *)&linger : &value, lingers ? sizeof linger : sizeof value);
  return failed ? failure(saved, -1) : 0;
}

int rouse__socket_get(int fd, int option, int *out_value) {
  if (!known(option)) return ROUSE_EINVAL;
  union {
    int number;
    struct linger linger;
  } value = {0};
  socklen_t size = option == ROUSE_SOCKET_LINGER ? sizeof value.linger : sizeof value.number;
  int saved = errno;
  if (getsockopt(fd, options[option].level, options[option].name, &value, &size)) {
    return failure(saved, -1);
  }
  *out_value = value.number;
  if (options[option].most == 1) *out_value = value.number != 0;
  if (option == ROUSE_SOCKET_LINGER) {
    *out_value = value.linger.l_onoff ? value.linger.l_linger : -1;
  } else if (option == ROUSE_SOCKET_ERROR) {
    *out_value = rouse_error_from_system(value.number);
  }
  return 0;
}
