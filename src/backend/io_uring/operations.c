// Which operations a ring can do, and those that an older kernel's ring lacks, as calls.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "backend/io_uring/ring.h"
#include "platform/platform.h"
#include "runtime/perform.h"

// What the ring must be able to do itself; what can be done by a blocking call instead; and what it
// does by other operations.
enum need { NEEDED, OR_BLOCKING, OR_OTHERWISE };

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
    [ROUSE__IO_READ_SPANS] = {"READV", IORING_OP_READV, NEEDED},
    [ROUSE__IO_WRITE_SPANS] = {"WRITEV", IORING_OP_WRITEV, NEEDED},
    [ROUSE__IO_SPLICE] = {"SPLICE", IORING_OP_SPLICE, NEEDED},
    [ROUSE__IO_ACCEPT] = {"ACCEPT", IORING_OP_ACCEPT, NEEDED},
    [ROUSE__IO_CONNECT] = {"CONNECT", IORING_OP_CONNECT, NEEDED},
    [ROUSE__IO_RECEIVE] = {"RECV", IORING_OP_RECV, NEEDED},
    [ROUSE__IO_SEND] = {"SEND", IORING_OP_SEND, NEEDED},
    [ROUSE__IO_SHUTDOWN] = {"SHUTDOWN", IORING_OP_SHUTDOWN, OR_BLOCKING},
    [ROUSE__IO_RECEIVE_SPANS] = {"RECVMSG", IORING_OP_RECVMSG, NEEDED},
    [ROUSE__IO_SEND_SPANS] = {"SENDMSG", IORING_OP_SENDMSG, NEEDED},
    [ROUSE__IO_RECEIVE_FROM] = {"RECVMSG", IORING_OP_RECVMSG, NEEDED},
    [ROUSE__IO_SEND_TO] = {"SENDMSG", IORING_OP_SENDMSG, NEEDED},
    [ROUSE__IO_ACCEPT_MANY] = {"ACCEPT", IORING_OP_ACCEPT, NEEDED},
    [ROUSE__IO_RECEIVE_MANY] = {"RECV", IORING_OP_RECV, NEEDED},
    [ROUSE__IO_SEND_ZERO_COPY] = {"SEND_ZC", ROUSE__URING_OP_SEND_ZC, OR_OTHERWISE},
    [ROUSE__IO_FUTEX_WAIT] = {"FUTEX_WAIT", ROUSE__URING_OP_FUTEX_WAIT, OR_BLOCKING},
    [ROUSE__IO_FUTEX_WAKE] = {"FUTEX_WAKE", ROUSE__URING_OP_FUTEX_WAKE, OR_BLOCKING},
};
_Static_assert(ROUSE__IO_OPERATIONS <= 64, "more operations than a word has bits");

const char *rouse__uring_operation_name(unsigned operation) {
  return operation < ROUSE__IO_OPERATIONS ? operations[operation].name : NULL;
}

bool rouse__uring_stops_a_chain(unsigned operation) {
  switch (operation) {
    case ROUSE__IO_OPEN:
    case ROUSE__IO_CLOSE:
    case ROUSE__IO_READ:
    case ROUSE__IO_WRITE:
    case ROUSE__IO_READ_SPANS:
    case ROUSE__IO_WRITE_SPANS:
    case ROUSE__IO_SPLICE:
    case ROUSE__IO_POLL:
    case ROUSE__IO_ACCEPT:
    case ROUSE__IO_CONNECT:
    case ROUSE__IO_RECEIVE:
    case ROUSE__IO_SEND:
    case ROUSE__IO_RECEIVE_SPANS:
    case ROUSE__IO_SEND_SPANS:
    case ROUSE__IO_SEND_TO:
      return true;
    default:
      return false;
  }
}

bool rouse__uring_by_blocking_call(unsigned operation) {
  return operations[operation].need == OR_BLOCKING;
}

enum { PROBED = 256 };  // opcodes that can be asked for

int rouse__uring_operations(struct io_uring *ring, uint32_t without, uint64_t *out_operations,
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
    enum need need = operations[i].need;
    bool has = io_uring_opcode_supported(probe, operations[i].opcode);
    if (need == OR_BLOCKING && (without & ROUSE__URING_WITHOUT_FILE_NAMES)) has = false;
    if (rouse__uring_is_futex((unsigned)i) && (without & ROUSE__URING_WITHOUT_FUTEX)) has = false;
    if (i == ROUSE__IO_SEND_ZERO_COPY && (without & ROUSE__URING_WITHOUT_SEND_ZC)) has = false;
    if (has) *out_operations |= UINT64_C(1) << i;
    if (!has && need == NEEDED) missing = i;
  }
  rouse__free(probe);
  if (missing < 0) return 0;
  snprintf(reason, reason_size, "the kernel's io_uring lacks %s", operations[missing].name);
  return ROUSE_ENOSYS;
}

// --- by a call that blocks -----------------------------------------------------------------------

int64_t rouse__uring_perform(rouse_io *io) {
  if (io->operation == ROUSE__IO_FUTEX_WAKE) return rouse__io_futex_wake(io);
  if (io->operation != ROUSE__IO_SHUTDOWN) return rouse__file_perform(io);
  int saved = errno;
  int result = shutdown(io->fd, (int)io->flags);
  if (result) result = rouse_error_from_system(errno);
  errno = saved;
  return result;
}
