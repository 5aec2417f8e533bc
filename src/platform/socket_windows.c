// Sockets on Windows. Neither errno nor the last error is changed.
#include "platform/socket.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

#include <rouse/errors.h>
#include <rouse/socket.h>
#include <rouse/windows.h>

#include "platform/platform.h"
#include "platform/windows.h"

static INIT_ONCE started = INIT_ONCE_STATIC_INIT;

// Never undone: Winsock counts, and ends with the process.
static BOOL CALLBACK start(PINIT_ONCE once, PVOID argument, PVOID *context) {
  (void)once, (void)argument, (void)context;
  WSADATA data;
  return WSAStartup(MAKEWORD(2, 2), &data) == 0;
}

bool rouse__socket_start(void) { return InitOnceExecuteOnce(&started, start, NULL, NULL); }

bool rouse__socket_is(int fd) {
  int type, size = sizeof type;
  rouse__socket_start();
  return !getsockopt(rouse__socket(fd), SOL_SOCKET, SO_TYPE, (char *)&type, &size);
}

void rouse__socket_close(int fd) {
  uint64_t saved = rouse__errno_save();
  closesocket(rouse__socket(fd));
  rouse__errno_restore(saved);
}

// What is no socket is refused by all calls, with a code of each one's choice; and what is no
// handle at all with the same.
int rouse__socket_error(int fd) {
  int code = rouse__error_last();
  DWORD flags;
  if (rouse__socket_is(fd)) return code;
  return GetHandleInformation(rouse__handle(fd), &flags) ? ROUSE_ENOTSOCK : ROUSE_EBADF;
}

// The same, where the last error becomes what it was before.
static int failure_of(uint64_t saved, int fd) {
  int code = rouse__socket_error(fd);
  rouse__errno_restore(saved);
  return code;
}

// The code for the last error, which becomes what it was before. |fd| is closed if there is one.
static int failure(uint64_t saved, int fd) {
  int code = rouse__error_last();
  if (fd >= 0) closesocket(rouse__socket(fd));
  rouse__errno_restore(saved);
  return code;
}

// Whether a socket of datagrams is told that one reached a host and nobody there. Only one with a
// peer is to be: otherwise one such peer makes receiving from all others fail. Streams refuse this.
static void tell_of_nobody(SOCKET socket, BOOL on) {
  const DWORD connection_reset = 0x9800000C;  // SIO_UDP_CONNRESET
  DWORD none;
  WSAIoctl(socket, connection_reset, &on, sizeof on, NULL, 0, &none, NULL, NULL);
}

// Operations are overlapped, whatever the socket is.
int rouse__socket_open(const struct sockaddr *address, uint32_t size, bool datagrams,
                       bool blocking) {
  (void)blocking;
  if (size < sizeof address->sa_family) return ROUSE_EINVAL;
  uint64_t saved = rouse__errno_save();
  if (!rouse__socket_start()) return failure(saved, -1);
  SOCKET made = WSASocketW(address->sa_family, datagrams ? SOCK_DGRAM : SOCK_STREAM, 0, NULL, 0,
                           WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  if (made == INVALID_SOCKET) return failure(saved, -1);
  const BOOL on = TRUE;
  if (datagrams) {
    tell_of_nobody(made, FALSE);
  } else {  // other families have no such delay
    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
  }
  rouse__errno_restore(saved);
  return rouse_fd_from_socket(made);
}

// Addresses of connections that linger can be bound anew without being asked for. SO_REUSEADDR is
// something else here: it would let others bind the same address at the same time.
int rouse__socket_listen(const struct sockaddr *address, uint32_t size, int backlog,
                         bool blocking) {
  uint64_t saved = rouse__errno_save();
  int fd = rouse__socket_open(address, size, false, blocking);
  if (fd < 0) return fd;
  if (bind(rouse__socket(fd), address, (int)size)) return failure(saved, fd);
  if (listen(rouse__socket(fd), backlog)) return failure(saved, fd);
  return fd;
}

int rouse__socket_bind(int fd, const struct sockaddr *address, uint32_t size) {
  uint64_t saved = rouse__errno_save();
  if (!rouse__socket_start()) return failure(saved, -1);
  return bind(rouse__socket(fd), address, (int)size) ? failure_of(saved, fd) : 0;
}

int rouse__socket_set_peer(int fd, const struct sockaddr *address, uint32_t size) {
  uint64_t saved = rouse__errno_save();
  if (!rouse__socket_start()) return failure(saved, -1);
  if (connect(rouse__socket(fd), address, (int)size)) return failure_of(saved, fd);
  tell_of_nobody(rouse__socket(fd), TRUE);
  rouse__errno_restore(saved);
  return 0;
}

// The mode counts for calls that are not overlapped, so for this one only.
int64_t rouse__socket_receive_now(int fd, void *buffer, uint32_t size) {
  uint64_t saved = rouse__errno_save();
  u_long on = 1;
  ioctlsocket(rouse__socket(fd), FIONBIO, &on);
  int got = recv(rouse__socket(fd), buffer, (int)size, 0);
  if (got < 0) return failure_of(saved, fd);
  rouse__errno_restore(saved);
  return got;
}

// --- pairs ---------------------------------------------------------------------------------------
//
// Windows has no pairs: connections over the loopback stand for them.

union address {
  struct sockaddr any;
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
  struct sockaddr_storage storage;
};

static union address loopback(void) {
  union address address = {.in = {.sin_family = AF_INET}};
  address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static bool is_bound_to(int fd, bool of_peer, const union address *expected) {
  union address found;
  uint32_t size = sizeof found;
  return rouse__socket_address(fd, of_peer, &found.any, &size) == 0 &&
         found.in.sin_port == expected->in.sin_port &&
         found.in.sin_addr.s_addr == expected->in.sin_addr.s_addr;
}

static int bound_address(int fd, union address *out_address) {
  uint32_t size = sizeof *out_address;
  return rouse__socket_address(fd, false, &out_address->any, &size);
}

// Two sockets of datagrams, each with the other for its peer: what others send is not received.
static int pair_of_datagrams(int out_fds[2]) {
  union address addresses[2] = {loopback(), loopback()};
  int result = 0;
  for (int i = 0; i < 2 && !result; i++) {
    out_fds[i] = rouse__socket_open(&addresses[i].any, sizeof addresses[i].in, true, false);
    if (out_fds[i] < 0) return out_fds[i];
    result = rouse__socket_bind(out_fds[i], &addresses[i].any, sizeof addresses[i].in);
    if (!result) result = bound_address(out_fds[i], &addresses[i]);
  }
  for (int i = 0; i < 2 && !result; i++) {
    result = rouse__socket_set_peer(out_fds[i], &addresses[1 - i].any, sizeof addresses[i].in);
  }
  return result;
}

// A connection through a listener that nobody else knows; whoever finds it all the same is refused.
static int pair_of_streams(int listener, int out_fds[2]) {
  union address address, mine;
  int result = bound_address(listener, &address);
  if (result) return result;
  out_fds[0] = rouse__socket_open(&address.any, sizeof address.in, false, false);
  if (out_fds[0] < 0) return out_fds[0];
  result = rouse__socket_set_peer(out_fds[0], &address.any, sizeof address.in);
  if (!result) result = bound_address(out_fds[0], &mine);
  while (!result) {
    SOCKET accepted = accept(rouse__socket(listener), NULL, NULL);
    if (accepted == INVALID_SOCKET) return rouse__error_last();
    out_fds[1] = rouse_fd_from_socket(accepted);
    if (is_bound_to(out_fds[1], true, &mine)) break;
    closesocket(accepted);
    out_fds[1] = -1;
  }
  if (result) return result;
  SetHandleInformation(rouse__handle(out_fds[1]), HANDLE_FLAG_INHERIT, 0);
  return rouse__socket_set(out_fds[1], ROUSE_SOCKET_NO_DELAY, 1);
}

int rouse__socket_pair(bool datagrams, bool blocking, int out_fds[2]) {
  uint64_t saved = rouse__errno_save();
  int result;
  out_fds[0] = out_fds[1] = -1;
  if (datagrams) {
    result = pair_of_datagrams(out_fds);
  } else {
    union address address = loopback();
    int listener = rouse__socket_listen(&address.any, sizeof address.in, 1, blocking);
    result = listener < 0 ? listener : pair_of_streams(listener, out_fds);
    if (listener >= 0) rouse__socket_close(listener);
  }
  for (int i = 0; i < 2 && result; i++) {
    if (out_fds[i] >= 0) rouse__socket_close(out_fds[i]);
  }
  rouse__errno_restore(saved);
  return result;
}

// --- addresses -----------------------------------------------------------------------------------

int rouse__socket_address(int fd, bool of_peer, struct sockaddr *address, uint32_t *size) {
  if (!address || !*size) return ROUSE_EINVAL;
  uint64_t saved = rouse__errno_save();
  if (!rouse__socket_start()) return failure(saved, -1);
  union address all;
  int length = sizeof all;
  SOCKET socket = rouse__socket(fd);
  int failed =
      of_peer ? getpeername(socket, &all.any, &length) : getsockname(socket, &all.any, &length);
  // A socket that is not bound has an address of zeros on other systems, and none here.
  if (failed && !of_peer && WSAGetLastError() == WSAEINVAL) {
    WSAPROTOCOL_INFOW info;
    int info_size = sizeof info;
    if (getsockopt(socket, SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &info_size)) {
      return failure_of(saved, fd);
    }
    memset(&all, 0, sizeof all);
    all.any.sa_family = (ADDRESS_FAMILY)info.iAddressFamily;
    length = all.any.sa_family == AF_INET ? (int)sizeof all.in : (int)sizeof all.in6;
    failed = 0;
  }
  if (failed) return failure_of(saved, fd);
  memcpy(address, &all, *size < (uint32_t)length ? *size : (uint32_t)length);
  *size = (uint32_t)length;
  rouse__errno_restore(saved);
  return 0;
}

int rouse__socket_port(int fd) {
  union address address;
  uint32_t size = sizeof address;
  int failed = rouse__socket_address(fd, false, &address.any, &size);
  if (failed) return failed;
  if (address.any.sa_family == AF_INET) return ntohs(address.in.sin_port);
  if (address.any.sa_family == AF_INET6) return ntohs(address.in6.sin6_port);
  return ROUSE_EAFNOSUPPORT;
}

// Windows 10 knows this family; mingw's headers don't.
struct local {
  ADDRESS_FAMILY family;
  char path[108];
};

int rouse__socket_local_address(const char *path, struct sockaddr *address, uint32_t *size) {
  struct local local = {.family = AF_UNIX};
  const size_t length = strlen(path);
  if (!length || !address || *size < sizeof local) return ROUSE_EINVAL;
  if (length >= sizeof local.path) return ROUSE_ENAMETOOLONG;
  memcpy(local.path, path, length);
  const bool abstract = *path == '@';
  if (abstract) local.path[0] = 0;
  memcpy(address, &local, sizeof local);
  *size = (uint32_t)(offsetof(struct local, path) + length + !abstract);
  return 0;
}

// --- options -------------------------------------------------------------------------------------

enum { NONE = -1, KEEP_IDLE = 3 };  // TCP_KEEPIDLE, of Windows 10

static const struct {
  int level, name, least, most;
} options[ROUSE_SOCKET_OPTIONS] = {
    [ROUSE_SOCKET_NO_DELAY] = {IPPROTO_TCP, TCP_NODELAY, 0, 1},
    [ROUSE_SOCKET_KEEP_ALIVE] = {SOL_SOCKET, SO_KEEPALIVE, 0, 1},
    [ROUSE_SOCKET_KEEP_IDLE] = {IPPROTO_TCP, KEEP_IDLE, 1, 32767},
    [ROUSE_SOCKET_SEND_BUFFER] = {SOL_SOCKET, SO_SNDBUF, 1, INT_MAX},
    [ROUSE_SOCKET_RECEIVE_BUFFER] = {SOL_SOCKET, SO_RCVBUF, 1, INT_MAX},
    [ROUSE_SOCKET_REUSE_ADDRESS] = {SOL_SOCKET, SO_REUSEADDR, 0, 1},
    [ROUSE_SOCKET_REUSE_PORT] = {NONE, NONE, 0, 1},  // no such thing
    [ROUSE_SOCKET_BROADCAST] = {SOL_SOCKET, SO_BROADCAST, 0, 1},
    [ROUSE_SOCKET_LINGER] = {SOL_SOCKET, SO_LINGER, -1, 65535},
    [ROUSE_SOCKET_ONLY_V6] = {IPPROTO_IPV6, IPV6_V6ONLY, 0, 1},
    [ROUSE_SOCKET_ERROR] = {SOL_SOCKET, SO_ERROR, 1, 0},  // no value is in range
};

static bool known(int option) { return option >= 0 && option < ROUSE_SOCKET_OPTIONS; }

int rouse__socket_set(int fd, int option, int value) {
  if (!known(option)) return ROUSE_EINVAL;
  if (value < options[option].least || value > options[option].most) return ROUSE_EINVAL;
  if (options[option].name == NONE) return ROUSE_ENOPROTOOPT;
  const struct linger linger = {.l_onoff = value >= 0, .l_linger = (u_short)value};
  const bool lingers = option == ROUSE_SOCKET_LINGER;
  uint64_t saved = rouse__errno_save();
  if (!rouse__socket_start()) return failure(saved, -1);
  int failed = setsockopt(rouse__socket(fd), options[option].level, options[option].name,
                          lingers ? (const char *)&linger : (const char *)&value,
                          lingers ? (int)sizeof linger : (int)sizeof value);
  return failed ? failure_of(saved, fd) : 0;
}

int rouse__socket_get(int fd, int option, int *out_value) {
  if (!known(option)) return ROUSE_EINVAL;
  if (options[option].name == NONE) return ROUSE_ENOPROTOOPT;
  union {
    int number;
    struct linger linger;
  } value = {0};
  int size = option == ROUSE_SOCKET_LINGER ? sizeof value.linger : sizeof value.number;
  uint64_t saved = rouse__errno_save();
  if (!rouse__socket_start()) return failure(saved, -1);
  if (getsockopt(rouse__socket(fd), options[option].level, options[option].name, (char *)&value,
                 &size)) {
    return failure_of(saved, fd);
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
