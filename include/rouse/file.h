// Files and directories, by completion. See io.h for what all operations have in common.
#ifndef ROUSE_FILE_H
#define ROUSE_FILE_H

#include <rouse/io.h>

ROUSE_BEGIN_C

// |flags|, |mask| and |mode| are the system's (O_*, AT_*, STATX_*, S_I*). Paths are relative to
// |dir|, which is an open directory or ROUSE_FD_CWD. Descriptors that are opened close on exec.
ROUSE_API int rouse_file_open(rouse_fd dir, const char *path, int flags, uint32_t mode);
// Not ended by a cancellation of the task: a descriptor can always be closed while cleaning up.
// |fd| is closed also if the system reports a failure of the device (ROUSE_EIO, ROUSE_ENOSPC, …).
ROUSE_API int rouse_file_close(rouse_fd fd);

// Reads up to |size| bytes at |offset|; ROUSE_OFFSET_CURRENT reads at the file's position. Returns
// the bytes read, fewer than |size| at the end or by a signal, 0 at the end. |size| above 2^30 is
// cut to that.
#define ROUSE_OFFSET_CURRENT UINT64_MAX
ROUSE_API int64_t rouse_file_read(rouse_fd fd, void *buffer, size_t size, uint64_t offset);
// Writes up to |size| bytes. Returns the bytes written, which may be fewer.
ROUSE_API int64_t rouse_file_write(rouse_fd fd, const void *buffer, size_t size, uint64_t offset);
// Syncs |fd| to its device. |data_only|: not the metadata that reading does not need.
ROUSE_API int rouse_file_sync(rouse_fd fd, bool data_only);
struct statx;
ROUSE_API int rouse_file_stat(rouse_fd dir, const char *path, int flags, uint32_t mask,
                              struct statx *out_stat);
ROUSE_API int rouse_file_unlink(rouse_fd dir, const char *path, int flags);
ROUSE_API int rouse_file_rename(rouse_fd dir, const char *path, rouse_fd new_dir,
                                const char *new_path, uint32_t flags);
ROUSE_API int rouse_file_mkdir(rouse_fd dir, const char *path, uint32_t mode);
ROUSE_API int rouse_file_symlink(const char *target, rouse_fd dir, const char *path);
ROUSE_API int rouse_file_link(rouse_fd dir, const char *path, rouse_fd new_dir,
                              const char *new_path, int flags);
ROUSE_API int rouse_file_allocate(rouse_fd fd, int mode, uint64_t offset, uint64_t size);

ROUSE_API int rouse_file_open_start(rouse_io *io, rouse_fd dir, const char *path, int flags,
                                    uint32_t mode, int64_t deadline_ns);
ROUSE_API int rouse_file_close_start(rouse_io *io, rouse_fd fd);
ROUSE_API int rouse_file_read_start(rouse_io *io, rouse_fd fd, void *buffer, size_t size,
                                    uint64_t offset, int64_t deadline_ns);
ROUSE_API int rouse_file_write_start(rouse_io *io, rouse_fd fd, const void *buffer, size_t size,
                                     uint64_t offset, int64_t deadline_ns);
ROUSE_API int rouse_file_sync_start(rouse_io *io, rouse_fd fd, bool data_only, int64_t deadline_ns);
ROUSE_API int rouse_file_stat_start(rouse_io *io, rouse_fd dir, const char *path, int flags,
                                    uint32_t mask, struct statx *out_stat, int64_t deadline_ns);

ROUSE_END_C
#endif
