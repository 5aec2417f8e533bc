// TCP connections, by completion. See io.h for what all operations have in common.
#ifndef ROUSE_TCP_H
#define ROUSE_TCP_H

#include <rouse/io.h>

ROUSE_BEGIN_C

struct sockaddr;

// A listening socket on |address| (|size| bytes), address reuse on. |backlog| 0: 128. Does not
// wait. Returns the descriptor or a failure. Threads: any.
ROUSE_API int rouse_tcp_listen(const struct sockaddr *address, uint32_t size, int backlog);
// The port that |fd| is bound to, in host order, or a failure. Threads: any.
ROUSE_API int rouse_tcp_port(rouse_fd fd);
// Accepts a connection: its descriptor. Close it with rouse_file_close().
ROUSE_API int rouse_tcp_accept(rouse_fd listener, int64_t deadline_ns);
// A new connection to |address|: its descriptor. Nagle's delay is off.
ROUSE_API int rouse_tcp_connect(const struct sockaddr *address, uint32_t size, int64_t deadline_ns);
// Receives what is there, up to |size| bytes; 0: the peer has finished sending.
ROUSE_API int64_t rouse_tcp_receive(rouse_fd fd, void *buffer, size_t size, int64_t deadline_ns);
// Sends up to |size| bytes; returns how many. A peer that is gone is ROUSE_EPIPE, never a signal.
ROUSE_API int64_t rouse_tcp_send(rouse_fd fd, const void *buffer, size_t size, int64_t deadline_ns);
// Sends all |size| bytes: |size|, or a failure (how much went out is then unknown).
ROUSE_API int64_t rouse_tcp_send_all(rouse_fd fd, const void *buffer, size_t size,
                                     int64_t deadline_ns);
// |how|: SHUT_RD, SHUT_WR, SHUT_RDWR.
ROUSE_API int rouse_tcp_shutdown(rouse_fd fd, int how);

ROUSE_API int rouse_tcp_accept_start(rouse_io *io, rouse_fd listener, int64_t deadline_ns);
// |fd|: a stream socket of the caller's, which stays the caller's.
ROUSE_API int rouse_tcp_connect_start(rouse_io *io, rouse_fd fd, const struct sockaddr *address,
                                      uint32_t size, int64_t deadline_ns);
ROUSE_API int rouse_tcp_receive_start(rouse_io *io, rouse_fd fd, void *buffer, size_t size,
                                      int64_t deadline_ns);
ROUSE_API int rouse_tcp_send_start(rouse_io *io, rouse_fd fd, const void *buffer, size_t size,
                                   int64_t deadline_ns);

ROUSE_END_C
#endif
