// System calls that do not wait.
//
// Descriptors come from anywhere, most of them without O_NONBLOCK, and that flag belongs to the
// open file, which other processes may share. So it is left alone where a single call can be asked
// not to wait:
//
// Sockets: MSG_DONTWAIT.
//
// Pipes and such: RWF_NOWAIT. Where the kernel or the file does not know it, the descriptor is
// waited for; then a call can't be trusted not to block, since others may have been faster, or the
// room may be too small. So it is made by the pool, and a write is cut to what a pipe with any room
// takes at once. (A pipe that nobody reads raises SIGPIPE, as ever.)
//
// Connect: the flag is on for the moment of the call; the connection then goes on by itself.
//
// Accept: there is no way but the flag, for between readiness and the call another process may take
// the connection, or its peer may give up. The listener gets it and keeps it. The accepted socket
// is an open file of its own, and blocking like any.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend/poll/poller.h"
#include "runtime/perform.h"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x8
#endif

// --- bytes ---------------------------------------------------------------------------------------

int rouse__poller_classify(rouse_io *io) {
  struct stat status;
  if (fstat(io->fd, &status)) return rouse_error_from_system(errno);
  switch (status.st_mode & S_IFMT) {
    case S_IFSOCK:
      io->mode = ROUSE__STREAM_SOCKET;
      break;
    case S_IFREG:
    case S_IFDIR:
    case S_IFBLK:
    case S_IFLNK:
      io->mode = ROUSE__STREAM_FILE;
      break;
    default:  // with no type at all: eventfd, timerfd, inotify, …
      io->mode = ROUSE__STREAM_OTHER;
  }
  return 0;
}

static int64_t receive(const rouse_io *io) {
  return recv(io->fd, io->address, io->length, MSG_DONTWAIT);
}

static int64_t send_bytes(const rouse_io *io) {
  return send(io->fd, io->address, io->length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// At the current position: streams have no other.
static int64_t transfer_now(const rouse_io *io) {
  struct iovec bytes = {.iov_base = io->address, .iov_len = io->length};
  long call = io->operation == ROUSE__IO_READ ? SYS_preadv2 : SYS_pwritev2;
  return syscall(call, io->fd, &bytes, 1L, -1L, -1L, RWF_NOWAIT);
}

static int64_t transfer(const rouse_io *io) {
  if (io->operation == ROUSE__IO_READ) return read(io->fd, io->address, io->length);
  return write(io->fd, io->address, io->length);
}

static int64_t transfer_other(rouse_io *io) {
  int64_t result = transfer_now(io);
  if (result >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS)) return result;
  int flags = fcntl(io->fd, F_GETFL);
  if (flags < 0) return -1;
  if (flags & O_NONBLOCK) return transfer(io);
  io->mode = ROUSE__STREAM_BLOCKING;
  errno = EAGAIN;
  return -1;
}

static int64_t read_or_write(rouse_io *io) {
  if (io->mode != ROUSE__STREAM_SOCKET) return transfer_other(io);
  return io->operation == ROUSE__IO_READ ? receive(io) : send_bytes(io);
}

int64_t rouse__poller_perform(rouse_io *io) {
  uint32_t length = io->length;
  if (io->operation == ROUSE__IO_WRITE && length > PIPE_BUF) io->length = PIPE_BUF;
  io->offset = ROUSE_OFFSET_CURRENT;
  int64_t result = rouse__file_perform(io);
  io->length = length;
  return result;
}

bool rouse__poller_has_pipes_that_do_not_wait(void) {
  int ends[2], saved = errno;
  if (pipe2(ends, O_CLOEXEC)) return false;
  char byte;
  const rouse_io io = {
      .operation = ROUSE__IO_READ, .fd = ends[0], .address = &byte, .length = sizeof byte};
  bool has = transfer_now(&io) < 0 && errno == EAGAIN;
  close(ends[0]);
  close(ends[1]);
  errno = saved;
  return has;
}

// --- connections ---------------------------------------------------------------------------------

static int64_t accept_one(const rouse_io *io) {
  int flags = fcntl(io->fd, F_GETFL);
  if (flags < 0) return -1;
  if (!(flags & O_NONBLOCK) && fcntl(io->fd, F_SETFL, flags | O_NONBLOCK)) return -1;
  return accept4(io->fd, NULL, NULL, SOCK_CLOEXEC);
}

static int64_t connect_start(const rouse_io *io) {
  int flags = fcntl(io->fd, F_GETFL);
  if (flags < 0) return -1;
  bool blocks = !(flags & O_NONBLOCK);
  if (blocks && fcntl(io->fd, F_SETFL, flags | O_NONBLOCK)) return -1;
  int result = connect(io->fd, io->address, io->length);
  int error = errno;
  if (blocks) fcntl(io->fd, F_SETFL, flags);
  errno = error;
  return result;
}

static int64_t connect_first(const rouse_io *io) {
  if (connect_start(io) == 0) return 0;
  // A signal does not end the connecting.
  if (errno == EINPROGRESS || errno == EINTR) return ROUSE__NOT_NOW;
  // EAGAIN: a local listener's queue is full. Nothing reports when it no longer is.
  return rouse_error_from_system(errno);
}

static int64_t connect_end(const rouse_io *io) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &error, &size)) {
    return rouse_error_from_system(errno);
  }
  if (error) return rouse_error_from_system(error);
  // The error is told once; somebody who received meanwhile may have been told.
  struct sockaddr_storage peer;
  size = sizeof peer;
  if (getpeername(io->fd, (struct sockaddr *)&peer, &size)) return rouse_error_from_system(errno);
  return 0;
}

bool rouse__poller_closes_at_once(int fd) {
  struct linger linger = {0};
  socklen_t size = sizeof linger;
  if (getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size)) return false;
  return !linger.l_onoff || !linger.l_linger;
}

// --- any operation -------------------------------------------------------------------------------

static int64_t poll_now(const rouse_io *io) {
  struct pollfd now = {.fd = io->fd, .events = (short)io->flags};
  int count = io->fd < 0 ? 1 : poll(&now, 1, 0);
  if (count < 0) return rouse_error_from_system(errno);
  if (count == 0) return ROUSE__NOT_NOW;
  return io->fd < 0 || (now.revents & POLLNVAL) ? ROUSE_EBADF : (unsigned short)now.revents;
}

static int64_t call(rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_READ:
    case ROUSE__IO_WRITE:
      return read_or_write(io);
    case ROUSE__IO_RECEIVE:
      return receive(io);
    case ROUSE__IO_SEND:
      return send_bytes(io);
    default:
      return accept_one(io);
  }
}

int64_t rouse__poller_try(rouse_io *io) {
  if (io->operation == ROUSE__IO_CONNECT) return connect_first(io);
  if (io->operation == ROUSE__IO_POLL) return poll_now(io);
  int64_t result;
  do {
    result = call(io);
  } while (result < 0 && errno == EINTR);
  if (result >= 0) return result;
  return errno == EAGAIN || errno == EWOULDBLOCK ? ROUSE__NOT_NOW : rouse_error_from_system(errno);
}

int64_t rouse__poller_try_again(rouse_io *io) {
  return io->operation == ROUSE__IO_CONNECT ? connect_end(io) : rouse__poller_try(io);
}
