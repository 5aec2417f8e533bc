// The operations as entries of a ring.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/socket.h>

#include "backend/io_uring/ordering.h"
#include "backend/io_uring/ring.h"
#include "runtime/perform.h"

#ifdef ROUSE__URING_TSAN
char rouse__uring_wire;
#endif

static void prepare_names(struct io_uring_sqe *sqe, rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_UNLINK:
      io_uring_prep_unlinkat(sqe, io->fd, io->address, (int)io->flags);
      break;
    case ROUSE__IO_RENAME:
      io_uring_prep_renameat(sqe, io->fd, io->address, io->fd2, io->address2, io->flags);
      break;
    case ROUSE__IO_MKDIR:
      io_uring_prep_mkdirat(sqe, io->fd, io->address, io->mode);
      break;
    case ROUSE__IO_SYMLINK:
      io_uring_prep_symlinkat(sqe, io->address, io->fd, io->address2);
      break;
    case ROUSE__IO_LINK:
      io_uring_prep_linkat(sqe, io->fd, io->address, io->fd2, io->address2, (int)io->flags);
      break;
    case ROUSE__IO_STAT:
      io_uring_prep_statx(sqe, io->fd, io->address, (int)io->flags, io->mode, io->address2);
      break;
    default:
      ROUSE__ASSERT(io->operation == ROUSE__IO_OPEN, "an operation of an unknown kind");
      io_uring_prep_openat(sqe, io->fd, io->address, (int)io->flags | O_CLOEXEC, io->mode);
  }
}

// Sends don't wait in the kernel, unless they were found to be of a stream: see again.c. One that
// is to move all of its bytes must not end with a part of them, so there it is asked before.
static int send_flags(const rouse_io *io) {
  if (io->backend[ROUSE__URING_FLAGS] & ROUSE__URING_PATIENT) return MSG_NOSIGNAL;
  return MSG_NOSIGNAL | MSG_DONTWAIT;
}

static int send_whole_flags(const rouse_io *io) {
  bool whole = io->flags & ROUSE__SEND_WHOLE;
  if (!whole || rouse__uring_socket_type(io->fd) != SOCK_STREAM) return send_flags(io);
  return MSG_NOSIGNAL | MSG_WAITALL;
}

static void prepare_socket(struct io_uring_sqe *sqe, rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_ACCEPT:
      io_uring_prep_accept(sqe, io->fd, NULL, NULL, SOCK_CLOEXEC);
      break;
    case ROUSE__IO_CONNECT:
      io_uring_prep_connect(sqe, io->fd, io->address, io->length);
      break;
    case ROUSE__IO_SEND_ZERO_COPY:
      io_uring_prep_rw(ROUSE__URING_OP_SEND_ZC, sqe, io->fd, io->address, io->length, 0);
      sqe->msg_flags = MSG_NOSIGNAL;
      break;
    case ROUSE__IO_RECEIVE_SPANS:
    case ROUSE__IO_RECEIVE_FROM:
      io_uring_prep_recvmsg(sqe, io->fd, rouse__message_prepare(io), 0);
      break;
    case ROUSE__IO_SEND_SPANS:
      io_uring_prep_sendmsg(sqe, io->fd, rouse__message_prepare(io),
                            (unsigned)send_whole_flags(io));
      break;
    case ROUSE__IO_SEND_TO:
      io_uring_prep_sendmsg(sqe, io->fd, rouse__message_prepare(io), (unsigned)send_flags(io));
      break;
    default:
      ROUSE__ASSERT(io->operation == ROUSE__IO_SHUTDOWN, "an operation of an unknown kind");
      io_uring_prep_shutdown(sqe, io->fd, (int)io->flags);
  }
}

static void prepare_bytes(struct io_uring_sqe *sqe, rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_READ:
      io_uring_prep_read(sqe, io->fd, io->address, io->length, io->offset);
      break;
    case ROUSE__IO_WRITE:
      io_uring_prep_write(sqe, io->fd, io->address, io->length, io->offset);
      break;
    case ROUSE__IO_READ_SPANS:
      io_uring_prep_readv(sqe, io->fd, io->address, io->length, io->offset);
      break;
    case ROUSE__IO_WRITE_SPANS:
      io_uring_prep_writev(sqe, io->fd, io->address, io->length, io->offset);
      break;
    default:
      ROUSE__ASSERT(io->operation == ROUSE__IO_SPLICE, "an operation of an unknown kind");
      io_uring_prep_splice(sqe, io->fd, (int64_t)io->offset, io->fd2, (int64_t)io->offset2,
                           io->length, 0);
  }
}

void rouse__uring_prepare(struct io_uring_sqe *sqe, rouse_io *io) {
  ROUSE__URING_SENDS(ROUSE__URING_TALKS(io->operation));
  switch (io->operation) {
    case ROUSE__IO_RECEIVE:
      io_uring_prep_recv(sqe, io->fd, io->address, io->length, 0);
      break;
    case ROUSE__IO_SEND:
      io_uring_prep_send(sqe, io->fd, io->address, io->length, send_whole_flags(io));
      break;
    case ROUSE__IO_NOP:
      io_uring_prep_nop(sqe);
      break;
    case ROUSE__IO_CLOSE:
      io_uring_prep_close(sqe, io->fd);
      break;
    case ROUSE__IO_SYNC:
      io_uring_prep_fsync(sqe, io->fd, io->flags ? IORING_FSYNC_DATASYNC : 0);
      break;
    case ROUSE__IO_FUTEX_WAIT:
    case ROUSE__IO_FUTEX_WAKE:
      rouse__uring_futex_prepare(sqe, io);
      break;
    case ROUSE__IO_ALLOCATE:
      io_uring_prep_fallocate(sqe, io->fd, (int)io->mode, io->offset, io->offset2);
      break;
    case ROUSE__IO_POLL:
      io_uring_prep_poll_add(sqe, io->fd, rouse__uring_readiness_of(io));
      break;
    case ROUSE__IO_READ:
    case ROUSE__IO_WRITE:
    case ROUSE__IO_READ_SPANS:
    case ROUSE__IO_WRITE_SPANS:
    case ROUSE__IO_SPLICE:
      prepare_bytes(sqe, io);
      break;
    default:
      if (io->operation > ROUSE__IO_SPLICE) {
        prepare_socket(sqe, io);
      } else {
        prepare_names(sqe, io);
      }
  }
}
