// Datagrams, by completion: UDP, and local sockets of datagrams (unix.h has their addresses). io.h
// has what holds for all operations: it is part of each contract here.
//
// A datagram is sent and received as a whole or not at all. It may be lost on its way, and nobody
// is told. Sockets are closed with rouse_file_close().
#ifndef ROUSE_UDP_H
#define ROUSE_UDP_H

#include <rouse/socket.h>

ROUSE_BEGIN_C

// A datagram socket that is bound to |address| (|size| bytes); port 0: one that the system chooses,
// see rouse_socket_port(). It closes on exec.
// Returns the descriptor; ROUSE_EADDRINUSE, ROUSE_EADDRNOTAVAIL, ROUSE_EACCES, ROUSE_EAFNOSUPPORT,
//   ROUSE_EINVAL (|size| is too small), ROUSE_EMFILE, ROUSE_ENFILE, ROUSE_ENOBUFS, or another code
//   of the system's (errors.h).
// Threads: any; does not wait.
ROUSE_API int rouse_udp_bind(const struct sockaddr *address, uint32_t size);

// A datagram socket of |address|'s family that is connected to |address|: it sends there, and
// receives from there only. Not bound to an address of the caller's choice: for that, bind first
// and use rouse_udp_set_peer().
// Returns the descriptor; ROUSE_ECONNREFUSED (a local socket that nobody has any more),
//   ROUSE_ENOENT (a local path), ROUSE_ENETUNREACH.
// Threads: any; does not wait.
ROUSE_API int rouse_udp_connect(const struct sockaddr *address, uint32_t size);
// Connects |fd|, or connects it anew.
// Returns ROUSE_DONE; ROUSE_EBADF, ROUSE_ENOTSOCK, ROUSE_EAFNOSUPPORT (another family than |fd|'s),
//   ROUSE_EINVAL (|size| is too small, or no route from the address that |fd| has), ROUSE_EACCES
//   (ROUSE_SOCKET_BROADCAST is off), ROUSE_ENETUNREACH; of a local path ROUSE_ENOENT,
//   ROUSE_ECONNREFUSED (nobody has it); or another code of the system's (errors.h).
// Threads: any; does not wait.
ROUSE_API int rouse_udp_set_peer(rouse_fd fd, const struct sockaddr *address, uint32_t size);

// Sends one datagram of |size| bytes, 0 included, to |address| (|address_size| bytes), or, with
// NULL and 0, to the peer that |fd| is connected to. Waits while the socket's buffer is full.
//
// Returns |size|; ROUSE_EMSGSIZE (too long for a datagram), ROUSE_EDESTADDRREQ or ROUSE_ENOTCONN
//   (no address, no peer), ROUSE_EISCONN (an address, and a local stream that has its peer),
//   ROUSE_ECONNREFUSED (an earlier datagram reached a host, but nobody there), ROUSE_EACCES
//   (ROUSE_SOCKET_BROADCAST is off), ROUSE_ENETUNREACH, ROUSE_EHOSTUNREACH, ROUSE_ENOENT (a local
//   path).
ROUSE_API int64_t rouse_udp_send_to(rouse_fd fd, const void *buffer, size_t size,
                                    const struct sockaddr *address, uint32_t address_size,
                                    int64_t deadline_ns);
ROUSE_API int rouse_udp_send_to_start(rouse_io *io, rouse_fd fd, const void *buffer, size_t size,
                                      const struct sockaddr *address, uint32_t address_size,
                                      int64_t deadline_ns);

// Receives one datagram, and where it came from.
//
// |out_address|   Where its sender's address goes. NULL: nobody asks.
// |address_size|  In: the room there. Out: the address's own size, which is more than the room if
//                 it was cut, and 0 if the sender has none (a local socket without a name), or if
//                 there was no room at all: nobody asks then. NULL if |out_address| is.
//
// Returns the datagram's bytes, 0 for an empty one; ROUSE_EMSGSIZE: it was longer than |size|; its
//   first |size| bytes are in |buffer|, the sender's address is stored, the rest is lost.
//   ROUSE_ECONNREFUSED: a datagram that was sent reached a host, but nobody there; nothing was
//   received, and the socket goes on.
ROUSE_API int64_t rouse_udp_receive_from(rouse_fd fd, void *buffer, size_t size,
                                         struct sockaddr *out_address, uint32_t *address_size,
                                         int64_t deadline_ns);
ROUSE_API int rouse_udp_receive_from_start(rouse_io *io, rouse_fd fd, void *buffer, size_t size,
                                           struct sockaddr *out_address, uint32_t *address_size,
                                           int64_t deadline_ns);

ROUSE_END_C
#endif
