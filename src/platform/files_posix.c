// File operations as plain system calls. They run on threads of the blocking pool, which block all
// signals; a call that is interrupted all the same (by a debugger, say) is made again.
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/perform.h"

_Static_assert(ROUSE_FD_CWD == AT_FDCWD, "the current directory has another number here");

static int64_t read_at(const rouse_io *io) {
  if (io->offset != ROUSE_OFFSET_CURRENT) {
    ssize_t got = pread(io->fd, io->address, io->length, (off_t)io->offset);
    // What can't seek has no offsets to read at: there the offset does not count, as in an
    // io_uring.
    if (got >= 0 || errno != ESPIPE) return got;
  }
  return read(io->fd, io->address, io->length);
}

static int64_t write_at(const rouse_io *io) {
  if (io->offset != ROUSE_OFFSET_CURRENT) {
    ssize_t put = pwrite(io->fd, io->address, io->length, (off_t)io->offset);
    if (put >= 0 || errno != ESPIPE) return put;
  }
  return write(io->fd, io->address, io->length);
}

_Static_assert(sizeof(rouse_span) == sizeof(struct iovec) &&
                   offsetof(rouse_span, data) == offsetof(struct iovec, iov_base) &&
                   offsetof(rouse_span, size) == offsetof(struct iovec, iov_len),
               "a span is not what the system takes");

static int64_t transfer_spans(const rouse_io *io) {
  const struct iovec *spans = io->address;
  const int count = (int)io->length;
  const bool reads = io->operation == ROUSE__IO_READ_SPANS;
  if (io->offset != ROUSE_OFFSET_CURRENT) {
    const off_t at = (off_t)io->offset;
    ssize_t moved = reads ? preadv(io->fd, spans, count, at) : pwritev(io->fd, spans, count, at);
    if (moved >= 0 || errno != ESPIPE) return moved;
  }
  return reads ? readv(io->fd, spans, count) : writev(io->fd, spans, count);
}

static int64_t splice_bytes(const rouse_io *io) {
  loff_t from = (loff_t)io->offset, to = (loff_t)io->offset2;
  return splice(io->fd, io->offset == ROUSE_OFFSET_CURRENT ? NULL : &from, io->fd2,
                io->offset2 == ROUSE_OFFSET_CURRENT ? NULL : &to, io->length, 0);
}

// The C libraries differ in whether they know this call, and statx.
static int64_t rename_at(const rouse_io *io) {
  if (!io->flags) return renameat(io->fd, io->address, io->fd2, io->address2);
  return syscall(SYS_renameat2, io->fd, io->address, io->fd2, io->address2, io->flags);
}

// After EINTR the descriptor is closed, and may be somebody else's by now: never a second time.
static int64_t close_once(const rouse_io *io) {
  int result = close(io->fd);
  return result < 0 && errno == EINTR ? 0 : result;
}

// The result, or -1 and errno.
static int64_t call(const rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_NOP:
      return 0;
    case ROUSE__IO_OPEN:
      return openat(io->fd, io->address, (int)io->flags | O_CLOEXEC, (mode_t)io->mode);
    case ROUSE__IO_CLOSE:
      return close_once(io);
    case ROUSE__IO_READ:
      return read_at(io);
    case ROUSE__IO_WRITE:
      return write_at(io);
    case ROUSE__IO_SYNC:
      return io->flags & 1 ? fdatasync(io->fd) : fsync(io->fd);
    case ROUSE__IO_STAT:
      return syscall(SYS_statx, io->fd, io->address, io->flags, io->mode, io->address2);
    case ROUSE__IO_UNLINK:
      return unlinkat(io->fd, io->address, (int)io->flags);
    case ROUSE__IO_RENAME:
      return rename_at(io);
    case ROUSE__IO_MKDIR:
      return mkdirat(io->fd, io->address, (mode_t)io->mode);
    case ROUSE__IO_SYMLINK:
      return symlinkat(io->address, io->fd, io->address2);
    case ROUSE__IO_LINK:
      return linkat(io->fd, io->address, io->fd2, io->address2, (int)io->flags);
    case ROUSE__IO_ALLOCATE:
      return fallocate(io->fd, (int)io->mode, (off_t)io->offset, (off_t)io->offset2);
    case ROUSE__IO_READ_SPANS:
    case ROUSE__IO_WRITE_SPANS:
      return transfer_spans(io);
    case ROUSE__IO_SPLICE:
      return splice_bytes(io);
    default:
      errno = ENOSYS;
      return -1;
  }
}

int64_t rouse__file_perform(rouse_io *io) {
  int saved = errno;
  int64_t result;
  do {
    result = call(io);
  } while (result < 0 && errno == EINTR);
  if (result < 0) result = rouse_error_from_system(errno);
  errno = saved;
  return result;
}

// --- reads of nothing ----------------------------------------------------------------------------

bool rouse__reads_nothing(const rouse_io *io) {
  if (io->operation == ROUSE__IO_READ) return !io->length;
  if (io->operation != ROUSE__IO_READ_SPANS) return false;
  const rouse_span *spans = io->address;
  for (size_t i = 0; i < io->length; i++) {
    if (spans[i].size) return false;
  }
  return true;
}

// Only of those that are known not to wait then: a device may.
bool rouse__read_nothing(const rouse_io *io, int *out_result) {
  if (!rouse__reads_nothing(io)) return false;
  const int saved = errno;
  struct stat status = {0};
  char nothing;
  int result = fstat(io->fd, &status);
  const bool made = result || S_ISSOCK(status.st_mode) || S_ISFIFO(status.st_mode);
  if (made && !result) result = (int)read(io->fd, &nothing, 0);
  *out_result = result ? rouse_error_from_system(errno) : 0;
  errno = saved;
  return made;
}
