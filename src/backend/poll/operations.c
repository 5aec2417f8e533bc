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
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
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

static bool sends(const rouse_io *io) {
  return io->operation == ROUSE__IO_WRITE || io->operation == ROUSE__IO_WRITE_SPANS ||
         io->operation == ROUSE__IO_SEND_SPANS || io->operation == ROUSE__IO_SEND_TO;
}

static int64_t receive(const rouse_io *io) {
  return recv(io->fd, io->address, io->length, MSG_DONTWAIT);
}

static int64_t send_bytes(const rouse_io *io) {
  return send(io->fd, io->address, io->length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// The sender's address comes into room for any, and is cut by us: not every system (an emulator, a
// sanitizer) keeps to the room that it is told.
static int64_t receive_from(rouse_io *io) {
  struct sockaddr_storage sender;
  struct msghdr *header = rouse__message_prepare(io);
  if (io->mode) {
    header->msg_name = &sender;
    header->msg_namelen = sizeof sender;
  }
  int64_t result = recvmsg(io->fd, header, MSG_DONTWAIT);
  if (result >= 0 && io->mode) {
    memcpy(io->address2, &sender, header->msg_namelen < io->mode ? header->msg_namelen : io->mode);
  }
  return result;
}

static int64_t message(rouse_io *io) {
  struct msghdr *header = rouse__message_prepare(io);
  if (sends(io)) return sendmsg(io->fd, header, MSG_DONTWAIT | MSG_NOSIGNAL);
  return recvmsg(io->fd, header, MSG_DONTWAIT);
}

// What a READ or WRITE moves, as spans.
static const struct iovec *spans_of(const rouse_io *io, struct iovec *room, size_t *count) {
  if (io->operation == ROUSE__IO_READ_SPANS || io->operation == ROUSE__IO_WRITE_SPANS) {
    *count = io->length;
    return io->address;
  }
  *room = (struct iovec){.iov_base = io->address, .iov_len = io->length};
  *count = 1;
  return room;
}

// At the current position: streams have no other.
static int64_t transfer_now(const rouse_io *io) {
  struct iovec room;
  size_t count;
  const struct iovec *spans = spans_of(io, &room, &count);
  return syscall(sends(io) ? SYS_pwritev2 : SYS_preadv2, io->fd, spans, (long)count, -1L, -1L,
                 RWF_NOWAIT);
}

static int64_t transfer(const rouse_io *io) {
  struct iovec room;
  size_t count;
  const struct iovec *spans = spans_of(io, &room, &count);
  return sends(io) ? writev(io->fd, spans, (int)count) : readv(io->fd, spans, (int)count);
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
  struct iovec room;
  struct msghdr header = {0};
  size_t count;
  header.msg_iov = (struct iovec *)spans_of(io, &room, &count);
  header.msg_iovlen = count;
  if (sends(io)) return sendmsg(io->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
  return recvmsg(io->fd, &header, MSG_DONTWAIT);
}

// What of |io| a pipe with any room takes at once: the beginning.
static rouse_io beginning_of(const rouse_io *io) {
  rouse_io part = {.operation = ROUSE__IO_WRITE, .fd = io->fd, .offset = ROUSE_OFFSET_CURRENT};
  struct iovec room;
  size_t count;
  const struct iovec *span = spans_of(io, &room, &count);
  while (count > 1 && !span->iov_len) span++, count--;
  part.address = span->iov_base;
  part.length = (uint32_t)(span->iov_len < PIPE_BUF ? span->iov_len : PIPE_BUF);
  return part;
}

int64_t rouse__poller_perform(rouse_io *io) {
  if (sends(io)) {
    rouse_io part = beginning_of(io);
    return rouse__file_perform(&part);
  }
  io->offset = ROUSE_OFFSET_CURRENT;
  return rouse__file_perform(io);
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
  // For Linux it stays under way until somebody connects again, which does not wait any more: so
  // that the next who does so is told EISCONN, it is done here.
  bool settled = !connect(io->fd, io->address, io->length) || errno == EISCONN;
  return settled ? 0 : rouse_error_from_system(errno);
}

static int socket_option(int fd, int option, int *out_value) {
  socklen_t size = sizeof *out_value;
  return getsockopt(fd, SOL_SOCKET, option, out_value, &size) ? rouse_error_from_system(errno) : 0;
}

int rouse__poller_listens(int fd) {
  int listens, type;
  int refused = socket_option(fd, SO_ACCEPTCONN, &listens);
  if (refused || listens) return refused;
  refused = socket_option(fd, SO_TYPE, &type);
  if (refused) return refused;
  return type == SOCK_STREAM || type == SOCK_SEQPACKET ? ROUSE_EINVAL : ROUSE_ENOTSUP;
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

static bool is_file(const struct stat *status) {
  return S_ISREG(status->st_mode) || S_ISBLK(status->st_mode);
}

// What the system finds wrong it would tell only when both ends are ready.
int rouse__poller_check_splice(rouse_io *io) {
  const int reading = fcntl(io->fd, F_GETFL), writing = fcntl(io->fd2, F_GETFL);
  struct stat from, to;
  if (reading < 0 || writing < 0 || fstat(io->fd, &from) || fstat(io->fd2, &to)) {
    return ROUSE_EBADF;
  }
  const bool readable = (reading & O_ACCMODE) != O_WRONLY;
  const bool writable = (writing & O_ACCMODE) != O_RDONLY;
  if (!readable || !writable) return ROUSE_EBADF;
  const bool from_pipe = S_ISFIFO(from.st_mode), to_pipe = S_ISFIFO(to.st_mode);
  if (from_pipe && io->offset != ROUSE_OFFSET_CURRENT) return ROUSE_ESPIPE;
  if (to_pipe && io->offset2 != ROUSE_OFFSET_CURRENT) return ROUSE_ESPIPE;
  if (!from_pipe && !to_pipe) return ROUSE_EINVAL;
  const bool same = from.st_dev == to.st_dev && from.st_ino == to.st_ino;
  if (from_pipe && to_pipe && same) return ROUSE_EINVAL;
  if (!to_pipe && (writing & O_APPEND)) return ROUSE_EINVAL;
  io->flags = is_file(&from) || is_file(&to) ? ROUSE__SPLICE_FILE : 0;
  return 0;
}

// Has |fd|, if it is a socket that waits, not wait. Its flags before, or -1 if they stay.
static int stop_waiting(int fd) {
  int type;
  socklen_t size = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size)) return -1;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_NONBLOCK)) return -1;
  return fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? -1 : flags;
}

// The call's flag is for pipes only. A socket is asked as in a connect: by its own flag, for the
// moment.
static int64_t splice_now(const rouse_io *io) {
  const int from = stop_waiting(io->fd), to = stop_waiting(io->fd2);
  loff_t from_offset = (loff_t)io->offset, to_offset = (loff_t)io->offset2;
  int64_t result = splice(io->fd, io->offset == ROUSE_OFFSET_CURRENT ? NULL : &from_offset, io->fd2,
                          io->offset2 == ROUSE_OFFSET_CURRENT ? NULL : &to_offset, io->length,
                          SPLICE_F_NONBLOCK);
  const int error = errno;
  if (from >= 0) fcntl(io->fd, F_SETFL, from);
  if (to >= 0) fcntl(io->fd2, F_SETFL, to);
  errno = error;
  return result;
}

// No flag keeps the call from raising SIGPIPE, which it does in the calling thread before it
// returns, also when it has moved a part. So the signal is blocked meanwhile, and taken off again
// if it came; one that waited before is left waiting.
static int64_t splice_without_signal(const rouse_io *io) {
  sigset_t broken, before, waiting;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken, &before);
  const bool blocked = sigismember(&before, SIGPIPE) == 1;
  const bool waits = blocked && !sigpending(&waiting) && sigismember(&waiting, SIGPIPE) == 1;
  int64_t result = splice_now(io);
  const int error = errno;
  const bool may_have_come = result < 0 ? error == EPIPE : result < (int64_t)io->length;
  if (may_have_come && !waits) {
    const struct timespec at_once = {0, 0};
    while (sigtimedwait(&broken, NULL, &at_once) < 0 && errno == EINTR) continue;
  }
  if (!blocked) pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = error;
  return result;
}

static int64_t try_splice(rouse_io *io) {
  const rouse_io ends[] = {{.fd = io->fd, .flags = POLLIN}, {.fd = io->fd2, .flags = POLLOUT}};
  for (int i = 0; i < 2; i++) {
    int64_t ready = poll_now(&ends[i]);
    io->mode = i ? ROUSE__SPLICE_TO : ROUSE__SPLICE_FROM;
    if (ready < 0) return ready;
  }
  if (io->flags & ROUSE__SPLICE_FILE) return ROUSE__FOR_POOL;
  int64_t result = splice_without_signal(io);
  if (result >= 0) return result;
  io->mode = ROUSE__SPLICE_FROM;
  return errno == EAGAIN || errno == EINTR ? ROUSE__NOT_NOW : rouse_error_from_system(errno);
}

static int64_t call(rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_READ:
    case ROUSE__IO_WRITE:
    case ROUSE__IO_READ_SPANS:
    case ROUSE__IO_WRITE_SPANS:
      return read_or_write(io);
    case ROUSE__IO_RECEIVE:
      return receive(io);
    case ROUSE__IO_SEND:
    case ROUSE__IO_SEND_ZERO_COPY:
      return send_bytes(io);
    case ROUSE__IO_RECEIVE_SPANS:
    case ROUSE__IO_SEND_SPANS:
    case ROUSE__IO_SEND_TO:
      return message(io);
    case ROUSE__IO_RECEIVE_FROM:
      return receive_from(io);
    default:
      return accept_one(io);
  }
}

int64_t rouse__poller_try(rouse_io *io) {
  if (io->operation == ROUSE__IO_CONNECT) return connect_first(io);
  if (io->operation == ROUSE__IO_POLL) return poll_now(io);
  if (io->operation == ROUSE__IO_SPLICE) return try_splice(io);
  int64_t result;
  do {
    result = call(io);
  } while (result < 0 && errno == EINTR);
  if (result >= 0) return rouse__message_result(io, result);
  return errno == EAGAIN || errno == EWOULDBLOCK ? ROUSE__NOT_NOW : rouse_error_from_system(errno);
}

int64_t rouse__poller_try_again(rouse_io *io) {
  return io->operation == ROUSE__IO_CONNECT ? connect_end(io) : rouse__poller_try(io);
}
