// The operations: as entries of a ring, and, for those that an older kernel's ring lacks, as calls.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

#include "backend/io_uring/ordering.h"
#include "backend/io_uring/ring.h"
#include "platform/platform.h"
#include "runtime/perform.h"

#ifdef ROUSE__URING_TSAN
char rouse__uring_wire;
#endif

// What the ring must be able to do itself, and what can be done by a blocking call instead.
enum need { NEEDED, OR_BLOCKING };

static const struct {
  const char *name;
  uint8_t opcode, need;
} operations[ROUSE__IO_OPERATIONS] = {
    [ROUSE__IO_NOP] = {"NOP", IORING_OP_NOP, NEEDED},
    [ROUSE__IO_OPEN] = {"OPENAT", IORING_OP_OPENAT, NEEDED},
    [ROUSE__IO_CLOSE] = {"CLOSE", IORING_OP_CLOSE, NEEDED},
    [ROUSE__IO_READ] = {"READ", IORING_OP_READ, NEEDED},
    [ROUSE__IO_WRITE] = {"WRITE", IORING_OP_WRITE, NEEDED},
    [ROUSE__IO_SYNC] = {"FSYNC", IORING_OP_FSYNC, NEEDED},
    [ROUSE__IO_STAT] = {"STATX", IORING_OP_STATX, NEEDED},
    [ROUSE__IO_UNLINK] = {"UNLINKAT", IORING_OP_UNLINKAT, OR_BLOCKING},
    [ROUSE__IO_RENAME] = {"RENAMEAT", IORING_OP_RENAMEAT, OR_BLOCKING},
    [ROUSE__IO_MKDIR] = {"MKDIRAT", IORING_OP_MKDIRAT, OR_BLOCKING},
    [ROUSE__IO_SYMLINK] = {"SYMLINKAT", IORING_OP_SYMLINKAT, OR_BLOCKING},
    [ROUSE__IO_LINK] = {"LINKAT", IORING_OP_LINKAT, OR_BLOCKING},
    [ROUSE__IO_ALLOCATE] = {"FALLOCATE", IORING_OP_FALLOCATE, NEEDED},
    [ROUSE__IO_POLL] = {"POLL_ADD", IORING_OP_POLL_ADD, NEEDED},
    [ROUSE__IO_ACCEPT] = {"ACCEPT", IORING_OP_ACCEPT, NEEDED},
    [ROUSE__IO_CONNECT] = {"CONNECT", IORING_OP_CONNECT, NEEDED},
    [ROUSE__IO_RECEIVE] = {"RECV", IORING_OP_RECV, NEEDED},
    [ROUSE__IO_SEND] = {"SEND", IORING_OP_SEND, NEEDED},
    [ROUSE__IO_SHUTDOWN] = {"SHUTDOWN", IORING_OP_SHUTDOWN, OR_BLOCKING},
};

const char *rouse__uring_operation_name(unsigned operation) {
  return operation < ROUSE__IO_OPERATIONS ? operations[operation].name : NULL;
}

enum { PROBED = 256 };  // opcodes that can be asked for

int rouse__uring_operations(struct io_uring *ring, uint32_t without, uint32_t *out_operations,
                            char *reason, size_t reason_size) {
  size_t size = sizeof(struct io_uring_probe) + PROBED * sizeof(struct io_uring_probe_op);
  struct io_uring_probe *probe = rouse__allocate(size, _Alignof(struct io_uring_probe));
  if (!probe) {
    snprintf(reason, reason_size, "no memory");
    return ROUSE_ENOMEM;
  }
  if (io_uring_register_probe(ring, probe, PROBED) < 0) {
    snprintf(reason, reason_size, "the ring does not say which operations it has");
    rouse__free(probe);
    return ROUSE_ENOSYS;
  }
  int missing = -1;
  *out_operations = 0;
  for (int i = 0; i < ROUSE__IO_OPERATIONS; i++) {
    bool blocking = operations[i].need == OR_BLOCKING;
    bool has = io_uring_opcode_supported(probe, operations[i].opcode);
    if (blocking && (without & ROUSE__URING_WITHOUT_FILE_NAMES)) has = false;
    if (has) *out_operations |= 1U << i;
    if (!has && !blocking) missing = i;
  }
  rouse__free(probe);
  if (missing < 0) return 0;
  snprintf(reason, reason_size, "the kernel's io_uring lacks %s", operations[missing].name);
  return ROUSE_ENOSYS;
}

// --- on the ring ---------------------------------------------------------------------------------

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

static void prepare_socket(struct io_uring_sqe *sqe, rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_POLL:
      io_uring_prep_poll_add(sqe, io->fd, io->flags);
      break;
    case ROUSE__IO_ACCEPT:
      io_uring_prep_accept(sqe, io->fd, NULL, NULL, SOCK_CLOEXEC);
      break;
    case ROUSE__IO_CONNECT:
      io_uring_prep_connect(sqe, io->fd, io->address, io->length);
      break;
    case ROUSE__IO_RECEIVE:
      io_uring_prep_recv(sqe, io->fd, io->address, io->length, 0);
      break;
    case ROUSE__IO_SEND:
      io_uring_prep_send(sqe, io->fd, io->address, io->length, MSG_NOSIGNAL);
      break;
    default:
      ROUSE__ASSERT(io->operation == ROUSE__IO_SHUTDOWN, "an operation of an unknown kind");
      io_uring_prep_shutdown(sqe, io->fd, (int)io->flags);
  }
}

void rouse__uring_prepare(struct io_uring_sqe *sqe, rouse_io *io) {
  ROUSE__URING_SENDS(ROUSE__URING_TALKS(io->operation));
  switch (io->operation) {
    case ROUSE__IO_NOP:
      io_uring_prep_nop(sqe);
      break;
    case ROUSE__IO_CLOSE:
      io_uring_prep_close(sqe, io->fd);
      break;
    case ROUSE__IO_READ:
      io_uring_prep_read(sqe, io->fd, io->address, io->length, io->offset);
      break;
    case ROUSE__IO_WRITE:
      io_uring_prep_write(sqe, io->fd, io->address, io->length, io->offset);
      break;
    case ROUSE__IO_SYNC:
      io_uring_prep_fsync(sqe, io->fd, io->flags ? IORING_FSYNC_DATASYNC : 0);
      break;
    case ROUSE__IO_ALLOCATE:
      io_uring_prep_fallocate(sqe, io->fd, (int)io->mode, io->offset, *(uint64_t *)io->address);
      break;
    default:
      if (io->operation >= ROUSE__IO_POLL) {
        prepare_socket(sqe, io);
      } else {
        prepare_names(sqe, io);
      }
  }
}

// --- by a call that blocks -----------------------------------------------------------------------

int64_t rouse__uring_perform(rouse_io *io) {
  if (io->operation != ROUSE__IO_SHUTDOWN) return rouse__file_perform(io);
  int saved = errno;
  int result = shutdown(io->fd, (int)io->flags);
  if (result) result = rouse_error_from_system(errno);
  errno = saved;
  return result;
}
