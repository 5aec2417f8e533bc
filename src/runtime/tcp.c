// The operations of tcp.h.
#include <rouse/tcp.h>

#include "platform/socket.h"
#include "runtime/operation.h"

enum { BACKLOG_DEFAULT = 128 };

int rouse_tcp_listen(const struct sockaddr *address, uint32_t size, int backlog) {
  return rouse__socket_listen(address, size, backlog ? backlog : BACKLOG_DEFAULT,
                              rouse__blocking_sockets());
}

int rouse_tcp_port(rouse_fd fd) { return rouse__socket_port(fd); }

// --- connections ---------------------------------------------------------------------------------

int rouse_tcp_accept(rouse_fd listener, int64_t deadline_ns) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_ACCEPT, listener, NULL, 0, 0);
  return (int)rouse__io_wait(&io, deadline_ns);
}

int rouse_tcp_accept_start(rouse_io *io, rouse_fd listener, int64_t deadline_ns) {
  rouse__io_set(io, ROUSE__IO_ACCEPT, listener, NULL, 0, 0);
  return rouse__io_start(io, deadline_ns);
}

int rouse_tcp_connect(const struct sockaddr *address, uint32_t size, int64_t deadline_ns) {
  rouse_io io;
  int fd = rouse__socket_open(address, size, false, rouse__blocking_sockets());
  if (fd < 0) return fd;
  rouse__io_set(&io, ROUSE__IO_CONNECT, fd, address, size, 0);
  int result = (int)rouse__io_wait(&io, deadline_ns);
  if (result == ROUSE_DONE) return fd;
  rouse__socket_close(fd);
  return result;
}

int rouse_tcp_connect_start(rouse_io *io, rouse_fd fd, const struct sockaddr *address,
                            uint32_t size, int64_t deadline_ns) {
  rouse__io_set(io, ROUSE__IO_CONNECT, fd, address, size, 0);
  return rouse__io_start(io, deadline_ns);
}

int rouse_tcp_shutdown(rouse_fd fd, int how) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_SHUTDOWN, fd, NULL, 0, (uint32_t)how);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_tcp_shutdown_start(rouse_io *io, rouse_fd fd, int how) {
  rouse__io_set(io, ROUSE__IO_SHUTDOWN, fd, NULL, 0, (uint32_t)how);
  return rouse__io_start(io, ROUSE_FOREVER);
}

// --- bytes ---------------------------------------------------------------------------------------

static int64_t wait_transfer(enum rouse__operation operation, rouse_fd fd, const void *buffer,
                             size_t size, int64_t deadline_ns) {
  rouse_io io;
  rouse__io_set(&io, operation, fd, buffer, rouse__length_of(size), 0);
  return rouse__io_wait(&io, deadline_ns);
}

static int start_transfer(rouse_io *io, enum rouse__operation operation, rouse_fd fd,
                          const void *buffer, size_t size, int64_t deadline_ns) {
  rouse__io_set(io, operation, fd, buffer, rouse__length_of(size), 0);
  return rouse__io_start(io, deadline_ns);
}

int64_t rouse_tcp_receive(rouse_fd fd, void *buffer, size_t size, int64_t deadline_ns) {
  return wait_transfer(ROUSE__IO_RECEIVE, fd, buffer, size, deadline_ns);
}

int rouse_tcp_receive_start(rouse_io *io, rouse_fd fd, void *buffer, size_t size,
                            int64_t deadline_ns) {
  return start_transfer(io, ROUSE__IO_RECEIVE, fd, buffer, size, deadline_ns);
}

int64_t rouse_tcp_send(rouse_fd fd, const void *buffer, size_t size, int64_t deadline_ns) {
  return wait_transfer(ROUSE__IO_SEND, fd, buffer, size, deadline_ns);
}

int rouse_tcp_send_start(rouse_io *io, rouse_fd fd, const void *buffer, size_t size,
                         int64_t deadline_ns) {
  return start_transfer(io, ROUSE__IO_SEND, fd, buffer, size, deadline_ns);
}

int64_t rouse_tcp_send_zero_copy(rouse_fd fd, const void *buffer, size_t size,
                                 int64_t deadline_ns) {
  return wait_transfer(ROUSE__IO_SEND_ZERO_COPY, fd, buffer, size, deadline_ns);
}

int rouse_tcp_send_zero_copy_start(rouse_io *io, rouse_fd fd, const void *buffer, size_t size,
                                   int64_t deadline_ns) {
  return start_transfer(io, ROUSE__IO_SEND_ZERO_COPY, fd, buffer, size, deadline_ns);
}

int64_t rouse_tcp_send_all(rouse_fd fd, const void *buffer, size_t size, int64_t deadline_ns) {
  size_t sent = 0;
  do {
    int64_t part = rouse_tcp_send(fd, (const char *)buffer + sent, size - sent, deadline_ns);
    if (part < 0) return part;
    sent += (size_t)part;
  } while (sent < size);
  return (int64_t)size;
}

int64_t rouse_tcp_receive_spans(rouse_fd fd, const rouse_span *spans, uint32_t count,
                                int64_t deadline_ns) {
  if (rouse__spans_check(count)) return ROUSE_EINVAL;
  return wait_transfer(ROUSE__IO_RECEIVE_SPANS, fd, spans, count, deadline_ns);
}

int rouse_tcp_receive_spans_start(rouse_io *io, rouse_fd fd, const rouse_span *spans,
                                  uint32_t count, int64_t deadline_ns) {
  rouse__io_set(io, ROUSE__IO_RECEIVE_SPANS, fd, spans, count, 0);
  return rouse__io_start_unless(rouse__spans_check(count), io, deadline_ns);
}

int64_t rouse_tcp_send_spans(rouse_fd fd, const rouse_span *spans, uint32_t count,
                             int64_t deadline_ns) {
  if (rouse__spans_check(count)) return ROUSE_EINVAL;
  return wait_transfer(ROUSE__IO_SEND_SPANS, fd, spans, count, deadline_ns);
}

int rouse_tcp_send_spans_start(rouse_io *io, rouse_fd fd, const rouse_span *spans, uint32_t count,
                               int64_t deadline_ns) {
  rouse__io_set(io, ROUSE__IO_SEND_SPANS, fd, spans, count, 0);
  return rouse__io_start_unless(rouse__spans_check(count), io, deadline_ns);
}
