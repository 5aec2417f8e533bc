// The operations of udp.h.
#include <rouse/udp.h>

#include "platform/socket.h"
#include "runtime/operation.h"

int rouse_udp_bind(const struct sockaddr *address, uint32_t size) {
  int fd = rouse__socket_open(address, size, true, rouse__blocking_sockets());
  if (fd < 0) return fd;
  int refused = rouse__socket_bind(fd, address, size);
  if (refused) rouse__socket_close(fd);
  return refused ? refused : fd;
}

int rouse_udp_connect(const struct sockaddr *address, uint32_t size) {
  int fd = rouse__socket_open(address, size, true, rouse__blocking_sockets());
  if (fd < 0) return fd;
  int refused = rouse__socket_set_peer(fd, address, size);
  if (refused) rouse__socket_close(fd);
  return refused ? refused : fd;
}

int rouse_udp_set_peer(rouse_fd fd, const struct sockaddr *address, uint32_t size) {
  return rouse__socket_set_peer(fd, address, size);
}

static void set_send_to(rouse_io *io, rouse_fd fd, const void *buffer, size_t size,
                        const struct sockaddr *address, uint32_t address_size) {
  rouse__io_set(io, ROUSE__IO_SEND_TO, fd, buffer, rouse__length_of(size), 0);
  rouse__io_set_second(io, -1, address);
  io->mode = address ? address_size : 0;
}

static void set_receive_from(rouse_io *io, rouse_fd fd, void *buffer, size_t size,
                             struct sockaddr *out_address, uint32_t *address_size) {
  rouse__io_set(io, ROUSE__IO_RECEIVE_FROM, fd, buffer, rouse__length_of(size), 0);
  rouse__io_set_second(io, -1, out_address);
  io->mode = out_address ? *address_size : 0;
  io->offset = (uint64_t)(uintptr_t)address_size;
}

int64_t rouse_udp_send_to(rouse_fd fd, const void *buffer, size_t size,
                          const struct sockaddr *address, uint32_t address_size,
                          int64_t deadline_ns) {
  rouse_io io;
  set_send_to(&io, fd, buffer, size, address, address_size);
  return rouse__io_wait(&io, deadline_ns);
}

int rouse_udp_send_to_start(rouse_io *io, rouse_fd fd, const void *buffer, size_t size,
                            const struct sockaddr *address, uint32_t address_size,
                            int64_t deadline_ns) {
  set_send_to(io, fd, buffer, size, address, address_size);
  return rouse__io_start(io, deadline_ns);
}

int64_t rouse_udp_receive_from(rouse_fd fd, void *buffer, size_t size, struct sockaddr *out_address,
                               uint32_t *address_size, int64_t deadline_ns) {
  rouse_io io;
  set_receive_from(&io, fd, buffer, size, out_address, address_size);
  return rouse__io_wait(&io, deadline_ns);
}

int rouse_udp_receive_from_start(rouse_io *io, rouse_fd fd, void *buffer, size_t size,
                                 struct sockaddr *out_address, uint32_t *address_size,
                                 int64_t deadline_ns) {
  set_receive_from(io, fd, buffer, size, out_address, address_size);
  return rouse__io_start(io, deadline_ns);
}
