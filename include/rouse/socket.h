// What sockets of all kinds have: addresses, options. None of these functions waits.
//
// Streams are in tcp.h, datagrams in udp.h, and addresses of local sockets in unix.h: the calls of
// tcp.h and udp.h take any address, a sockaddr_un too.
//
// Threads: any. They take no mutex and need no loop.
#ifndef ROUSE_SOCKET_H
#define ROUSE_SOCKET_H

#include <rouse/io.h>

ROUSE_BEGIN_C

struct sockaddr;

// Room for the address of any socket.
enum { ROUSE_SOCKET_ADDRESS_MAX = 128 };

// The address that |fd| is bound to, or its peer's.
//
// |size|  In: the room at |address|, in bytes. Out: the address's own size; if that is larger than
//         the room, the address was cut.
//
// Returns ROUSE_DONE; ROUSE_ENOTCONN (no peer), ROUSE_ENOTSOCK, ROUSE_EBADF, ROUSE_EINVAL (no room
//   at all).
ROUSE_API int rouse_socket_address(rouse_fd fd, struct sockaddr *address, uint32_t *size);
ROUSE_API int rouse_socket_peer(rouse_fd fd, struct sockaddr *address, uint32_t *size);

// The port that |fd| is bound to, in host order, 0 .. 65535.
// Returns it; ROUSE_EAFNOSUPPORT if its family has no ports; ROUSE_ENOTSOCK, ROUSE_EBADF.
ROUSE_API int rouse_socket_port(rouse_fd fd);

typedef enum rouse_socket_option {
  ROUSE_SOCKET_NO_DELAY,        // 0, 1: a stream sends at once. On from the start
  ROUSE_SOCKET_KEEP_ALIVE,      // 0, 1: a silent peer is asked whether it is there
  ROUSE_SOCKET_KEEP_IDLE,       // 1 .. 32767: seconds of silence until then
  ROUSE_SOCKET_SEND_BUFFER,     // bytes, above 0. The system may give more or less
  ROUSE_SOCKET_RECEIVE_BUFFER,  // the same
  ROUSE_SOCKET_REUSE_ADDRESS,   // 0, 1. On for listeners
  ROUSE_SOCKET_REUSE_PORT,      // 0, 1: several sockets share a port. Before it is bound
  ROUSE_SOCKET_BROADCAST,       // 0, 1: datagrams may go to everybody
  ROUSE_SOCKET_LINGER,          // seconds that a close waits for what was sent; -1: it does not;
                                // 0: it throws that away, and the peer sees a reset
  ROUSE_SOCKET_ONLY_V6,         // 0, 1: an IPv6 socket has no IPv4 peers. Before it is bound
  ROUSE_SOCKET_ERROR,           // read only: the failure (a ROUSE_E… code, or 0) that is pending;
                                // reading takes it away
  ROUSE_SOCKET_OPTIONS
} rouse_socket_option;

// Sets |option|. Returns ROUSE_DONE; ROUSE_EINVAL (an unknown option, one that is read only, or a
// value out of its range); ROUSE_ENOPROTOOPT, ROUSE_ENOTSUP (not of this kind of socket);
// ROUSE_ENOTSOCK, ROUSE_EBADF.
ROUSE_API int rouse_socket_set(rouse_fd fd, rouse_socket_option option, int value);
// Reads |option| to |*out_value|. Returns the same.
ROUSE_API int rouse_socket_get(rouse_fd fd, rouse_socket_option option, int *out_value);

ROUSE_END_C
#endif
