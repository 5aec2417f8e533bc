// The operations of file.h.
#include <rouse/file.h>

#include "runtime/operation.h"

// --- what they are -------------------------------------------------------------------------------

static void set_open(rouse_io *io, rouse_fd dir, const char *path, int flags, uint32_t mode) {
  rouse__io_set(io, ROUSE__IO_OPEN, dir, path, 0, (uint32_t)flags);
  io->mode = mode;
}

static void set_transfer(rouse_io *io, enum rouse__operation operation, rouse_fd fd,
                         const void *buffer, size_t size, uint64_t offset) {
  rouse__io_set(io, operation, fd, buffer, rouse__length_of(size), 0);
  io->offset = offset;
}

static void set_spans(rouse_io *io, enum rouse__operation operation, rouse_fd fd,
                      const rouse_span *spans, uint32_t count, uint64_t offset) {
  rouse__io_set(io, operation, fd, spans, count, 0);
  io->offset = offset;
}

static void set_stat(rouse_io *io, rouse_fd dir, const char *path, int flags, uint32_t mask,
                     struct statx *out_stat) {
  rouse__io_set(io, ROUSE__IO_STAT, dir, path, 0, (uint32_t)flags);
  rouse__io_set_second(io, -1, out_stat);
  io->mode = mask;
}

static void set_rename(rouse_io *io, rouse_fd dir, const char *path, rouse_fd new_dir,
                       const char *new_path, uint32_t flags) {
  rouse__io_set(io, ROUSE__IO_RENAME, dir, path, 0, flags);
  rouse__io_set_second(io, new_dir, new_path);
}

static void set_mkdir(rouse_io *io, rouse_fd dir, const char *path, uint32_t mode) {
  rouse__io_set(io, ROUSE__IO_MKDIR, dir, path, 0, 0);
  io->mode = mode;
}

static void set_symlink(rouse_io *io, const char *target, rouse_fd dir, const char *path) {
  rouse__io_set(io, ROUSE__IO_SYMLINK, dir, target, 0, 0);
  rouse__io_set_second(io, -1, path);
}

static void set_link(rouse_io *io, rouse_fd dir, const char *path, rouse_fd new_dir,
                     const char *new_path, int flags) {
  rouse__io_set(io, ROUSE__IO_LINK, dir, path, 0, (uint32_t)flags);
  rouse__io_set_second(io, new_dir, new_path);
}

static void set_allocate(rouse_io *io, rouse_fd fd, int mode, uint64_t offset, uint64_t size) {
  rouse__io_set(io, ROUSE__IO_ALLOCATE, fd, NULL, 0, 0);
  io->mode = (uint32_t)mode;
  io->offset = offset;
  io->offset2 = size;
}

// --- opening and closing -------------------------------------------------------------------------

int rouse_file_close(rouse_fd fd) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_CLOSE, fd, NULL, 0, 0);
  bool shielded = rouse_task_shield(true);
  int result = (int)rouse__io_wait(&io, ROUSE_FOREVER);
  rouse_task_shield(shielded);
  return result;
}

int rouse_file_close_start(rouse_io *io, rouse_fd fd) {
  rouse__io_set(io, ROUSE__IO_CLOSE, fd, NULL, 0, 0);
  return rouse__io_start(io, ROUSE_FOREVER);
}

int rouse_file_open(rouse_fd dir, const char *path, int flags, uint32_t mode) {
  return rouse_file_open_until(dir, path, flags, mode, ROUSE_FOREVER);
}

int rouse_file_open_until(rouse_fd dir, const char *path, int flags, uint32_t mode,
                          int64_t deadline_ns) {
  rouse_io io;
  set_open(&io, dir, path, flags, mode);
  return (int)rouse__io_wait(&io, deadline_ns);
}

int rouse_file_open_start(rouse_io *io, rouse_fd dir, const char *path, int flags, uint32_t mode,
                          int64_t deadline_ns) {
  set_open(io, dir, path, flags, mode);
  return rouse__io_start(io, deadline_ns);
}

// --- bytes ---------------------------------------------------------------------------------------

int64_t rouse_file_read(rouse_fd fd, void *buffer, size_t size, uint64_t offset) {
  return rouse_file_read_until(fd, buffer, size, offset, ROUSE_FOREVER);
}

int64_t rouse_file_read_until(rouse_fd fd, void *buffer, size_t size, uint64_t offset,
                              int64_t deadline_ns) {
  rouse_io io;
  set_transfer(&io, ROUSE__IO_READ, fd, buffer, size, offset);
  return rouse__io_wait(&io, deadline_ns);
}

int rouse_file_read_start(rouse_io *io, rouse_fd fd, void *buffer, size_t size, uint64_t offset,
                          int64_t deadline_ns) {
  set_transfer(io, ROUSE__IO_READ, fd, buffer, size, offset);
  return rouse__io_start(io, deadline_ns);
}

int64_t rouse_file_write(rouse_fd fd, const void *buffer, size_t size, uint64_t offset) {
  return rouse_file_write_until(fd, buffer, size, offset, ROUSE_FOREVER);
}

int64_t rouse_file_write_until(rouse_fd fd, const void *buffer, size_t size, uint64_t offset,
                               int64_t deadline_ns) {
  rouse_io io;
  set_transfer(&io, ROUSE__IO_WRITE, fd, buffer, size, offset);
  return rouse__io_wait(&io, deadline_ns);
}

int rouse_file_write_start(rouse_io *io, rouse_fd fd, const void *buffer, size_t size,
                           uint64_t offset, int64_t deadline_ns) {
  set_transfer(io, ROUSE__IO_WRITE, fd, buffer, size, offset);
  return rouse__io_start(io, deadline_ns);
}

int64_t rouse_file_read_spans(rouse_fd fd, const rouse_span *spans, uint32_t count, uint64_t offset,
                              int64_t deadline_ns) {
  if (rouse__spans_check(count)) return ROUSE_EINVAL;
  rouse_io io;
  set_spans(&io, ROUSE__IO_READ_SPANS, fd, spans, count, offset);
  return rouse__io_wait(&io, deadline_ns);
}

int rouse_file_read_spans_start(rouse_io *io, rouse_fd fd, const rouse_span *spans, uint32_t count,
                                uint64_t offset, int64_t deadline_ns) {
  set_spans(io, ROUSE__IO_READ_SPANS, fd, spans, count, offset);
  return rouse__io_start_unless(rouse__spans_check(count), io, deadline_ns);
}

int64_t rouse_file_write_spans(rouse_fd fd, const rouse_span *spans, uint32_t count,
                               uint64_t offset, int64_t deadline_ns) {
  if (rouse__spans_check(count)) return ROUSE_EINVAL;
  rouse_io io;
  set_spans(&io, ROUSE__IO_WRITE_SPANS, fd, spans, count, offset);
  return rouse__io_wait(&io, deadline_ns);
}

int rouse_file_write_spans_start(rouse_io *io, rouse_fd fd, const rouse_span *spans, uint32_t count,
                                 uint64_t offset, int64_t deadline_ns) {
  set_spans(io, ROUSE__IO_WRITE_SPANS, fd, spans, count, offset);
  return rouse__io_start_unless(rouse__spans_check(count), io, deadline_ns);
}

int rouse_file_sync(rouse_fd fd, bool data_only) {
  return rouse_file_sync_until(fd, data_only, ROUSE_FOREVER);
}

int rouse_file_sync_until(rouse_fd fd, bool data_only, int64_t deadline_ns) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_SYNC, fd, NULL, 0, data_only);
  return (int)rouse__io_wait(&io, deadline_ns);
}

int rouse_file_sync_start(rouse_io *io, rouse_fd fd, bool data_only, int64_t deadline_ns) {
  rouse__io_set(io, ROUSE__IO_SYNC, fd, NULL, 0, data_only);
  return rouse__io_start(io, deadline_ns);
}

int rouse_file_allocate(rouse_fd fd, int mode, uint64_t offset, uint64_t size) {
  return rouse_file_allocate_until(fd, mode, offset, size, ROUSE_FOREVER);
}

int rouse_file_allocate_until(rouse_fd fd, int mode, uint64_t offset, uint64_t size,
                              int64_t deadline_ns) {
  rouse_io io;
  set_allocate(&io, fd, mode, offset, size);
  return (int)rouse__io_wait(&io, deadline_ns);
}

int rouse_file_allocate_start(rouse_io *io, rouse_fd fd, int mode, uint64_t offset, uint64_t size,
                              int64_t deadline_ns) {
  set_allocate(io, fd, mode, offset, size);
  return rouse__io_start(io, deadline_ns);
}

// --- names ---------------------------------------------------------------------------------------

int rouse_file_stat(rouse_fd dir, const char *path, int flags, uint32_t mask,
                    struct statx *out_stat) {
  return rouse_file_stat_until(dir, path, flags, mask, out_stat, ROUSE_FOREVER);
}

int rouse_file_stat_until(rouse_fd dir, const char *path, int flags, uint32_t mask,
                          struct statx *out_stat, int64_t deadline_ns) {
  rouse_io io;
  set_stat(&io, dir, path, flags, mask, out_stat);
  return (int)rouse__io_wait(&io, deadline_ns);
}

int rouse_file_stat_start(rouse_io *io, rouse_fd dir, const char *path, int flags, uint32_t mask,
                          struct statx *out_stat, int64_t deadline_ns) {
  set_stat(io, dir, path, flags, mask, out_stat);
  return rouse__io_start(io, deadline_ns);
}

int rouse_file_unlink(rouse_fd dir, const char *path, int flags) {
  return rouse_file_unlink_until(dir, path, flags, ROUSE_FOREVER);
}

int rouse_file_unlink_until(rouse_fd dir, const char *path, int flags, int64_t deadline_ns) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_UNLINK, dir, path, 0, (uint32_t)flags);
  return (int)rouse__io_wait(&io, deadline_ns);
}

int rouse_file_unlink_start(rouse_io *io, rouse_fd dir, const char *path, int flags,
                            int64_t deadline_ns) {
  rouse__io_set(io, ROUSE__IO_UNLINK, dir, path, 0, (uint32_t)flags);
  return rouse__io_start(io, deadline_ns);
}

int rouse_file_rename(rouse_fd dir, const char *path, rouse_fd new_dir, const char *new_path,
                      uint32_t flags) {
  return rouse_file_rename_until(dir, path, new_dir, new_path, flags, ROUSE_FOREVER);
}

int rouse_file_rename_until(rouse_fd dir, const char *path, rouse_fd new_dir, const char *new_path,
                            uint32_t flags, int64_t deadline_ns) {
  rouse_io io;
  set_rename(&io, dir, path, new_dir, new_path, flags);
  return (int)rouse__io_wait(&io, deadline_ns);
}

int rouse_file_rename_start(rouse_io *io, rouse_fd dir, const char *path, rouse_fd new_dir,
                            const char *new_path, uint32_t flags, int64_t deadline_ns) {
  set_rename(io, dir, path, new_dir, new_path, flags);
  return rouse__io_start(io, deadline_ns);
}

int rouse_file_mkdir(rouse_fd dir, const char *path, uint32_t mode) {
  return rouse_file_mkdir_until(dir, path, mode, ROUSE_FOREVER);
}

int rouse_file_mkdir_until(rouse_fd dir, const char *path, uint32_t mode, int64_t deadline_ns) {
  rouse_io io;
  set_mkdir(&io, dir, path, mode);
  return (int)rouse__io_wait(&io, deadline_ns);
}

int rouse_file_mkdir_start(rouse_io *io, rouse_fd dir, const char *path, uint32_t mode,
                           int64_t deadline_ns) {
  set_mkdir(io, dir, path, mode);
  return rouse__io_start(io, deadline_ns);
}

int rouse_file_symlink(const char *target, rouse_fd dir, const char *path) {
  return rouse_file_symlink_until(target, dir, path, ROUSE_FOREVER);
}

int rouse_file_symlink_until(const char *target, rouse_fd dir, const char *path,
                             int64_t deadline_ns) {
  rouse_io io;
  set_symlink(&io, target, dir, path);
  return (int)rouse__io_wait(&io, deadline_ns);
}

int rouse_file_symlink_start(rouse_io *io, const char *target, rouse_fd dir, const char *path,
                             int64_t deadline_ns) {
  set_symlink(io, target, dir, path);
  return rouse__io_start(io, deadline_ns);
}

int rouse_file_link(rouse_fd dir, const char *path, rouse_fd new_dir, const char *new_path,
                    int flags) {
  return rouse_file_link_until(dir, path, new_dir, new_path, flags, ROUSE_FOREVER);
}

int rouse_file_link_until(rouse_fd dir, const char *path, rouse_fd new_dir, const char *new_path,
                          int flags, int64_t deadline_ns) {
  rouse_io io;
  set_link(&io, dir, path, new_dir, new_path, flags);
  return (int)rouse__io_wait(&io, deadline_ns);
}

int rouse_file_link_start(rouse_io *io, rouse_fd dir, const char *path, rouse_fd new_dir,
                          const char *new_path, int flags, int64_t deadline_ns) {
  set_link(io, dir, path, new_dir, new_path, flags);
  return rouse__io_start(io, deadline_ns);
}
