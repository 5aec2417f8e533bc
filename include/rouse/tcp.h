// Connections, by completion: TCP, and local sockets of streams (unix.h has their addresses). io.h
// has what holds for all operations: it is part of each contract here.
//
// Sockets are closed with rouse_file_close(). They close on exec.
#ifndef ROUSE_TCP_H
#define ROUSE_TCP_H

#include <rouse/socket.h>

ROUSE_BEGIN_C

// A listening socket on |address| (|size| bytes), address reuse on; port 0: one that the system
// chooses, see rouse_socket_port().
//
// |backlog|  How many connections may wait to be accepted, at most; 0: 128. The system may cut it.
//
// Returns the descriptor; ROUSE_EADDRINUSE, ROUSE_EADDRNOTAVAIL, ROUSE_EACCES, ROUSE_EAFNOSUPPORT,
//   ROUSE_EINVAL (|size| is too small), ROUSE_EMFILE, ROUSE_ENFILE, ROUSE_ENOBUFS, or another code
//   of the system's (errors.h).
// Threads: any; does not wait, and needs no loop.
ROUSE_API int rouse_tcp_listen(const struct sockaddr *address, uint32_t size, int backlog);
// rouse_socket_port().
ROUSE_API int rouse_tcp_port(rouse_fd fd);

// Accepts a connection. (acceptor.h has a way that costs less for many.)
// Returns its descriptor; ROUSE_ECONNABORTED (a peer that gave up; try again), ROUSE_EMFILE,
//   ROUSE_ENFILE, ROUSE_ENOBUFS, ROUSE_ENOMEM (the connection stays where it is), ROUSE_EINVAL
//   (|listener| does not listen), ROUSE_ENOTSUP, ROUSE_ENOTSOCK.
// Backends: "epoll" and "poll" set O_NONBLOCK on |listener|, and it stays.
ROUSE_API int rouse_tcp_accept(rouse_fd listener, int64_t deadline_ns);
ROUSE_API int rouse_tcp_accept_start(rouse_io *io, rouse_fd listener, int64_t deadline_ns);

// A new connection to |address|. Nagle's delay is off.
// Returns its descriptor; ROUSE_ECONNREFUSED, ROUSE_ETIMEDOUT (the deadline's or the system's),
//   ROUSE_ENETUNREACH, ROUSE_EHOSTUNREACH, ROUSE_EADDRNOTAVAIL (no port is left), ROUSE_EMFILE,
//   ROUSE_EAGAIN (a local listener's queue is full), ROUSE_ENOENT (a local path). Nothing is left
//   open after a failure.
ROUSE_API int rouse_tcp_connect(const struct sockaddr *address, uint32_t size, int64_t deadline_ns);
// Connects |fd|, a stream socket of the caller's, which stays the caller's; after a failure it is
// only good to be closed. The result is ROUSE_DONE, or as above; ROUSE_EISCONN, ROUSE_EALREADY.
ROUSE_API int rouse_tcp_connect_start(rouse_io *io, rouse_fd fd, const struct sockaddr *address,
                                      uint32_t size, int64_t deadline_ns);

// Receives what is there, up to |size| bytes; waits if nothing is, also if |size| is 0 (that
// receives nothing, and returns 0, when something is there).
// Returns the bytes; 0: the peer has finished sending (it may go on to receive).
//   ROUSE_ECONNRESET (the peer is gone without having finished), ROUSE_ETIMEDOUT (also: the peer
//   does not answer any more), ROUSE_ENOTCONN, ROUSE_ENOTSOCK.
ROUSE_API int64_t rouse_tcp_receive(rouse_fd fd, void *buffer, size_t size, int64_t deadline_ns);
ROUSE_API int rouse_tcp_receive_start(rouse_io *io, rouse_fd fd, void *buffer, size_t size,
                                      int64_t deadline_ns);

// Sends up to |size| bytes; waits if there is room for none.
// Returns how many, which may be fewer. ROUSE_EPIPE: the peer is gone, or this side has finished
//   sending; never a signal. ROUSE_ECONNRESET, ROUSE_ENOTCONN, ROUSE_ENOTSOCK.
ROUSE_API int64_t rouse_tcp_send(rouse_fd fd, const void *buffer, size_t size, int64_t deadline_ns);
ROUSE_API int rouse_tcp_send_start(rouse_io *io, rouse_fd fd, const void *buffer, size_t size,
                                   int64_t deadline_ns);

// The same for several pieces of memory, filled and taken in order, as one operation.
// |count|  1 .. ROUSE_SPANS_MAX, else ROUSE_EINVAL.
ROUSE_API int64_t rouse_tcp_receive_spans(rouse_fd fd, const rouse_span *spans, uint32_t count,
                                          int64_t deadline_ns);
ROUSE_API int rouse_tcp_receive_spans_start(rouse_io *io, rouse_fd fd, const rouse_span *spans,
                                            uint32_t count, int64_t deadline_ns);
ROUSE_API int64_t rouse_tcp_send_spans(rouse_fd fd, const rouse_span *spans, uint32_t count,
                                       int64_t deadline_ns);
ROUSE_API int rouse_tcp_send_spans_start(rouse_io *io, rouse_fd fd, const rouse_span *spans,
                                         uint32_t count, int64_t deadline_ns);

// Sends all |size| bytes, in as many operations as it takes; one at least.
// Returns |size|, or a failure (how much went out is then unknown).
ROUSE_API int64_t rouse_tcp_send_all(rouse_fd fd, const void *buffer, size_t size,
                                     int64_t deadline_ns);

// Sends all of |out|, and then receives what is there, up to |in_size| bytes, in one wait: a step
// of a conversation, for the side that asks as for the one that answers. It takes a task through
// the loop once instead of twice.
//
// |out_size|  0: sends nothing, and receives.
// |out_sent|  May be NULL. How many bytes of |out| were sent: |out_size| if the result is not
//             negative, else 0 .. |out_size|. After a failure of the connection it may be less than
//             what the peer has got: "iocp" is not told.
// |in|        May be the same memory as |out|: nothing is received before all of that is sent.
//
// Returns the bytes received; 0: the peer has finished sending. The failures of rouse_tcp_send()
//   and rouse_tcp_receive().
// Cancellation, deadline: if it is asked to end while it sends it ends with ROUSE_ECANCELED or
//   ROUSE_ETIMEDOUT, and |*out_sent| says where to go on. So it does if the deadline has passed by
//   the time that all is sent. Nothing was received then; else bytes that were are reported.
ROUSE_API int64_t rouse_tcp_exchange(rouse_fd fd, const void *out, size_t out_size,
                                     size_t *out_sent, void *in, size_t in_size,
                                     int64_t deadline_ns);
// Not in a chain: ROUSE_EINVAL, and |io| is not in it.
ROUSE_API int rouse_tcp_exchange_start(rouse_io *io, rouse_fd fd, const void *out, size_t out_size,
                                       void *in, size_t in_size, int64_t deadline_ns);
// How many bytes |io|, an exchange that has completed, has sent.
// Threads: the loop's, from the entry of the callback to the next start.
ROUSE_API size_t rouse_tcp_exchange_sent(const rouse_io *io);

// Sends like rouse_tcp_send(), without a copy of the bytes where the system can: for large buffers.
// The completion comes only when the system has no more use for |buffer|, which may be after the
// peer has acknowledged the bytes; a peer that does not read delays it, and cancelling does not
// speed it up once bytes were taken.
// Returns how many bytes were taken, as rouse_tcp_send().
// Backends: "io_uring" on Linux 6.0 and later, for sockets that can, and as much as the process may
//   pin (RLIMIT_MEMLOCK); elsewhere it copies.
ROUSE_API int64_t rouse_tcp_send_zero_copy(rouse_fd fd, const void *buffer, size_t size,
                                           int64_t deadline_ns);
ROUSE_API int rouse_tcp_send_zero_copy_start(rouse_io *io, rouse_fd fd, const void *buffer,
                                             size_t size, int64_t deadline_ns);

// Finishes one direction or both. |how|: SHUT_RD, SHUT_WR, SHUT_RDWR. After SHUT_WR the peer
// receives what was sent and then 0; this side goes on to receive. A receive that waits on this
// side ends with 0 after SHUT_RD.
// Returns ROUSE_DONE; ROUSE_ENOTCONN, ROUSE_EINVAL (|how|), ROUSE_ENOTSOCK.
ROUSE_API int rouse_tcp_shutdown(rouse_fd fd, int how);
ROUSE_API int rouse_tcp_shutdown_start(rouse_io *io, rouse_fd fd, int how);

ROUSE_END_C
#endif
