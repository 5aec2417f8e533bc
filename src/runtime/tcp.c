// The operations of tcp.h.
#include <rouse/tcp.h>

#include "platform/socket.h"
#include "runtime/operation.h"

enum { BACKLOG_DEFAULT = 128 };

static bool blocking_sockets(void) {
  rouse_loop *loop = rouse__loop_here;
  return loop && loop->backend->ops->blocking_sockets;
}

int rouse_tcp_listen(const struct sockaddr *address, uint32_t size, int backlog) {
  return rouse__socket_listen(address, size, backlog ? backlog : BACKLOG_DEFAULT,
                              blocking_sockets());
}

int rouse_tcp_port(rouse_fd fd) { return rouse__socket_port(fd); }

int rouse_tcp_accept(rouse_fd listener, int64_t deadline_ns) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_ACCEPT, listener, NULL, 0, 0);
  return (int)rouse__io_wait(&io, deadline_ns);
}

int rouse_tcp_connect(const struct sockaddr *address, uint32_t size, int64_t deadline_ns) {
  rouse_io io;
  int fd = rouse__socket_open(address, size, blocking_sockets());
  if (fd < 0) return fd;
  rouse__io_set(&io, ROUSE__IO_CONNECT, fd, address, size, 0);
  int result = (int)rouse__io_wait(&io, deadline_ns);
  if (result == ROUSE_DONE) return fd;
  rouse__socket_close(fd);
  return result;
}

int64_t rouse_tcp_receive(rouse_fd fd, void *buffer, size_t size, int64_t deadline_ns) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_RECEIVE, fd, buffer, rouse__length_of(size), 0);
  return rouse__io_wait(&io, deadline_ns);
}

int64_t rouse_tcp_send(rouse_fd fd, const void *buffer, size_t size, int64_t deadline_ns) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_SEND, fd, buffer, rouse__length_of(size), 0);
  return rouse__io_wait(&io, deadline_ns);
}

int64_t rouse_tcp_send_all(rouse_fd fd, const void *buffer, size_t size, int64_t deadline_ns) {
  size_t sent = 0;
  while (sent < size) {
    int64_t part = rouse_tcp_send(fd, (const char *)buffer + sent, size - sent, deadline_ns);
    if (part < 0) return part;
    sent += (size_t)part;
  }
  return (int64_t)size;
}

int rouse_tcp_shutdown(rouse_fd fd, int how) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_SHUTDOWN, fd, NULL, 0, (uint32_t)how);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_tcp_accept_start(rouse_io *io, rouse_fd listener, int64_t deadline_ns) {
  rouse__io_set(io, ROUSE__IO_ACCEPT, listener, NULL, 0, 0);
  return rouse__io_start(io, deadline_ns);
}

int rouse_tcp_connect_start(rouse_io *io, rouse_fd fd, const struct sockaddr *address,
                            uint32_t size, int64_t deadline_ns) {
  rouse__io_set(io, ROUSE__IO_CONNECT, fd, address, size, 0);
  return rouse__io_start(io, deadline_ns);
}

int rouse_tcp_receive_start(rouse_io *io, rouse_fd fd, void *buffer, size_t size,
                            int64_t deadline_ns) {
  rouse__io_set(io, ROUSE__IO_RECEIVE, fd, buffer, rouse__length_of(size), 0);
  return rouse__io_start(io, deadline_ns);
}

int rouse_tcp_send_start(rouse_io *io, rouse_fd fd, const void *buffer, size_t size,
                         int64_t deadline_ns) {
  rouse__io_set(io, ROUSE__IO_SEND, fd, buffer, rouse__length_of(size), 0);
  return rouse__io_start(io, deadline_ns);
}
