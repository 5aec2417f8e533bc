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

static void set_stat(rouse_io *io, rouse_fd dir, const char *path, int flags, uint32_t mask,
                     struct statx *out_stat) {
  rouse__io_set(io, ROUSE__IO_STAT, dir, path, 0, (uint32_t)flags);
  rouse__io_set_second(io, -1, out_stat);
  io->mode = mask;
}

// --- tasks ---------------------------------------------------------------------------------------

int rouse_file_open(rouse_fd dir, const char *path, int flags, uint32_t mode) {
  rouse_io io;
  set_open(&io, dir, path, flags, mode);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_close(rouse_fd fd) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_CLOSE, fd, NULL, 0, 0);
  bool shielded = rouse_task_shield(true);
  int result = (int)rouse__io_wait(&io, ROUSE_FOREVER);
  rouse_task_shield(shielded);
  return result;
}

int64_t rouse_file_read(rouse_fd fd, void *buffer, size_t size, uint64_t offset) {
  rouse_io io;
  set_transfer(&io, ROUSE__IO_READ, fd, buffer, size, offset);
  return rouse__io_wait(&io, ROUSE_FOREVER);
}

int64_t rouse_file_write(rouse_fd fd, const void *buffer, size_t size, uint64_t offset) {
  rouse_io io;
  set_transfer(&io, ROUSE__IO_WRITE, fd, buffer, size, offset);
  return rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_sync(rouse_fd fd, bool data_only) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_SYNC, fd, NULL, 0, data_only);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_stat(rouse_fd dir, const char *path, int flags, uint32_t mask,
                    struct statx *out_stat) {
  rouse_io io;
  set_stat(&io, dir, path, flags, mask, out_stat);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_unlink(rouse_fd dir, const char *path, int flags) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_UNLINK, dir, path, 0, (uint32_t)flags);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_rename(rouse_fd dir, const char *path, rouse_fd new_dir, const char *new_path,
                      uint32_t flags) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_RENAME, dir, path, 0, flags);
  rouse__io_set_second(&io, new_dir, new_path);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_mkdir(rouse_fd dir, const char *path, uint32_t mode) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_MKDIR, dir, path, 0, 0);
  io.mode = mode;
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_symlink(const char *target, rouse_fd dir, const char *path) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_SYMLINK, dir, target, 0, 0);
  rouse__io_set_second(&io, -1, path);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_link(rouse_fd dir, const char *path, rouse_fd new_dir, const char *new_path,
                    int flags) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_LINK, dir, path, 0, (uint32_t)flags);
  rouse__io_set_second(&io, new_dir, new_path);
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

int rouse_file_allocate(rouse_fd fd, int mode, uint64_t offset, uint64_t size) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_ALLOCATE, fd, &size, 0, 0);
  io.mode = (uint32_t)mode;
  io.offset = offset;
  return (int)rouse__io_wait(&io, ROUSE_FOREVER);
}

// --- callbacks -----------------------------------------------------------------------------------

int rouse_file_open_start(rouse_io *io, rouse_fd dir, const char *path, int flags, uint32_t mode,
                          int64_t deadline_ns) {
  set_open(io, dir, path, flags, mode);
  return rouse__io_start(io, deadline_ns);
}

int rouse_file_close_start(rouse_io *io, rouse_fd fd) {
  rouse__io_set(io, ROUSE__IO_CLOSE, fd, NULL, 0, 0);
  return rouse__io_start(io, ROUSE_FOREVER);
}

int rouse_file_read_start(rouse_io *io, rouse_fd fd, void *buffer, size_t size, uint64_t offset,
                          int64_t deadline_ns) {
  set_transfer(io, ROUSE__IO_READ, fd, buffer, size, offset);
  return rouse__io_start(io, deadline_ns);
}

int rouse_file_write_start(rouse_io *io, rouse_fd fd, const void *buffer, size_t size,
                           uint64_t offset, int64_t deadline_ns) {
  set_transfer(io, ROUSE__IO_WRITE, fd, buffer, size, offset);
  return rouse__io_start(io, deadline_ns);
}

int rouse_file_sync_start(rouse_io *io, rouse_fd fd, bool data_only, int64_t deadline_ns) {
  rouse__io_set(io, ROUSE__IO_SYNC, fd, NULL, 0, data_only);
  return rouse__io_start(io, deadline_ns);
}

int rouse_file_stat_start(rouse_io *io, rouse_fd dir, const char *path, int flags, uint32_t mask,
                          struct statx *out_stat, int64_t deadline_ns) {
  set_stat(io, dir, path, flags, mask, out_stat);
  return rouse__io_start(io, deadline_ns);
}
