// What a descriptor is, where an operation must be another for it than was asked for.
//
// Files at their own position. The ring takes the position when it begins with an entry, and sets
// it when the entry has ended, without a lock, and not at all after direct I/O: so others that have
// begun in between, and the next after direct I/O, would get the same place. read(2) and write(2)
// lock it, for all that share it. So those operations are made by the pool.
//
// Writes to sockets. A write to one whose peer is gone raises SIGPIPE; a send can be told not to.
//
// Connections to local sockets. They are made at once or not at all: if the listener's queue is
// full nothing tells when it no longer is, and the ring would have a thread of the kernel's wait
// for that. So the call is made here, and as everywhere EAGAIN says so.
//
// What a descriptor is costs a system call, so it is asked only where it counts: at the current
// position, and for writes at 0, the only place besides where the kernel writes to a socket.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "backend/io_uring/ring.h"

int rouse__uring_socket_type(int fd) {
  const int saved = errno;
  int type;
  socklen_t size = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size)) type = 0;
  errno = saved;
  return type;
}

// S_IFSOCK, …; 0: it has no type (an eventfd and its like), or is not open.
static mode_t kind_of(int fd) {
  const int saved = errno;
  struct stat status;
  if (fstat(fd, &status)) status.st_mode = 0;
  errno = saved;
  return status.st_mode & S_IFMT;
}

static bool reads(const rouse_io *io) {
  return io->operation == ROUSE__IO_READ || io->operation == ROUSE__IO_READ_SPANS;
}

static bool writes(const rouse_io *io) {
  return io->operation == ROUSE__IO_WRITE || io->operation == ROUSE__IO_WRITE_SPANS;
}

// |io|, a write, is one to a socket. In a chain it is to move all, like a send.
static void become_send(rouse_io *io) {
  const bool spans = io->operation == ROUSE__IO_WRITE_SPANS;
  io->operation = spans ? ROUSE__IO_SEND_SPANS : ROUSE__IO_SEND;
  io->flags = io->chain ? ROUSE__SEND_WHOLE : 0;
}

// What can't seek is read as it comes: there the offset for which |io| was refused does not count.
bool rouse__uring_misplaced(rouse_io *io) {
  if (io->offset == ROUSE_OFFSET_CURRENT || !(reads(io) || writes(io))) return false;
  switch (kind_of(io->fd)) {
    case S_IFREG:
    case S_IFBLK:
    case S_IFDIR:
      return false;
    case S_IFSOCK:
      if (writes(io)) become_send(io);
  }
  io->offset = ROUSE_OFFSET_CURRENT;
  return true;
}

bool rouse__uring_suits(rouse_io *io) {
  if (!reads(io) && !writes(io)) return true;
  const bool here = io->offset == ROUSE_OFFSET_CURRENT;
  if (!here && !(writes(io) && !io->offset)) return true;
  switch (kind_of(io->fd)) {
    case S_IFSOCK:
      if (writes(io)) become_send(io);
      return true;
    case S_IFREG:
    case S_IFBLK:
      return !here;
    default:
      return true;
  }
}

// --- connections to local sockets ----------------------------------------------------------------

bool rouse__uring_connects_here(const rouse_io *io) {
  if (io->operation != ROUSE__IO_CONNECT || !io->address) return false;
  const struct sockaddr *address = io->address;
  return io->length >= sizeof address->sa_family && address->sa_family == AF_UNIX;
}

int rouse__uring_connect(const rouse_io *io) {
  const int saved = errno, flags = fcntl(io->fd, F_GETFL);
  const bool blocks = flags >= 0 && !(flags & O_NONBLOCK);
  if (blocks) fcntl(io->fd, F_SETFL, flags | O_NONBLOCK);
  int result;
  do {
    result = connect(io->fd, io->address, io->length);
  } while (result && errno == EINTR);
  if (result) result = rouse_error_from_system(errno);
  if (blocks) fcntl(io->fd, F_SETFL, flags);
  errno = saved;
  return result;
}
