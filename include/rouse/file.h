// Files and directories, by completion. io.h has what holds for all operations: it is part of each
// contract here.
//
// |flags|, |mask| and |mode| are the system's (O_*, AT_*, STATX_*, RENAME_*, FALLOC_*, S_I*); what
// Windows lacks of these is in windows.h. Paths end with a NUL, are UTF-8 on Windows and bytes
// elsewhere, and are relative to |dir|, which is an open directory or ROUSE_FD_CWD. Failures are
// the system's: ROUSE_ENOENT, ROUSE_EACCES, ROUSE_EPERM, ROUSE_EEXIST, ROUSE_ENOTDIR, ROUSE_EISDIR,
// ROUSE_ELOOP, ROUSE_ENAMETOOLONG, ROUSE_EROFS, ROUSE_ENOSPC, ROUSE_EIO, or another (errors.h).
//
// Each operation has three forms: plain (no deadline), _until and _start.
//
// Backends: "io_uring" does all of it on the ring, except reads and writes of files at their
// current position, which are made by the pool (and, for kernels before 5.15, operations on names
// that they lack); "epoll" and "poll" on the pool, except reads and writes of
// pipes, sockets and the like, which wait by readiness; "iocp" reads and writes by overlapped calls
// and does the rest on the pool.
#ifndef ROUSE_FILE_H
#define ROUSE_FILE_H

#include <rouse/io.h>
#include <rouse/windows.h>

ROUSE_BEGIN_C

struct statx;

// For |offset|: at the file's position, which moves on.
//
// Several reads and writes may be under way at the position of one regular file, by any loops and
// descriptors that share it: each gets a place of its own, in any order. That does not hold for
// splices, for block devices, and on the backend "iocp", where several may get the same place:
// there let one be under way at a time.
#define ROUSE_OFFSET_CURRENT UINT64_MAX

// Opens |path|. The descriptor closes on exec. |mode| counts if a file is created.
// Returns the descriptor. Close it with rouse_file_close().
ROUSE_API int rouse_file_open(rouse_fd dir, const char *path, int flags, uint32_t mode);
ROUSE_API int rouse_file_open_until(rouse_fd dir, const char *path, int flags, uint32_t mode,
                                    int64_t deadline_ns);
ROUSE_API int rouse_file_open_start(rouse_io *io, rouse_fd dir, const char *path, int flags,
                                    uint32_t mode, int64_t deadline_ns);

// Closes |fd|, of any kind. What waits for |fd| on this loop ends with ROUSE_EBADF (or, on
// "io_uring", goes on to its end on the open file).
//
// Returns ROUSE_DONE, or a failure of the device (ROUSE_EIO, ROUSE_ENOSPC, ROUSE_EDQUOT, or another
//   of the system's), with |fd| closed all the same; ROUSE_EBADF.
// Cancellation: not ended by one of the task: a descriptor can always be closed while cleaning up.
//   There is no deadline.
ROUSE_API int rouse_file_close(rouse_fd fd);
ROUSE_API int rouse_file_close_start(rouse_io *io, rouse_fd fd);

// Reads up to |size| bytes at |offset|. What can't seek is read as it comes, whatever |offset|.
// |size| 0 gives 0 at once, of pipes and sockets, too (on "iocp" a socket may wait).
// Returns the bytes read, fewer than |size| at the end of a file or if no more are there; 0 at the
//   end.
ROUSE_API int64_t rouse_file_read(rouse_fd fd, void *buffer, size_t size, uint64_t offset);
ROUSE_API int64_t rouse_file_read_until(rouse_fd fd, void *buffer, size_t size, uint64_t offset,
                                        int64_t deadline_ns);
ROUSE_API int rouse_file_read_start(rouse_io *io, rouse_fd fd, void *buffer, size_t size,
                                    uint64_t offset, int64_t deadline_ns);

// Writes up to |size| bytes at |offset|.
// Returns the bytes written, which may be fewer. ROUSE_ENOSPC, ROUSE_EDQUOT: no room; ROUSE_EFBIG:
//   beyond the largest size that the file system or the process's limit allows; in both cases only
//   if nothing was written. A socket whose peer is gone gives ROUSE_EPIPE; a pipe that nobody reads
//   does too, and raises SIGPIPE.
ROUSE_API int64_t rouse_file_write(rouse_fd fd, const void *buffer, size_t size, uint64_t offset);
ROUSE_API int64_t rouse_file_write_until(rouse_fd fd, const void *buffer, size_t size,
                                         uint64_t offset, int64_t deadline_ns);
ROUSE_API int rouse_file_write_start(rouse_io *io, rouse_fd fd, const void *buffer, size_t size,
                                     uint64_t offset, int64_t deadline_ns);

// The same into and from several pieces of memory, filled and taken in order, as one operation.
// |count|  1 .. ROUSE_SPANS_MAX, else ROUSE_EINVAL.
ROUSE_API int64_t rouse_file_read_spans(rouse_fd fd, const rouse_span *spans, uint32_t count,
                                        uint64_t offset, int64_t deadline_ns);
ROUSE_API int rouse_file_read_spans_start(rouse_io *io, rouse_fd fd, const rouse_span *spans,
                                          uint32_t count, uint64_t offset, int64_t deadline_ns);
ROUSE_API int64_t rouse_file_write_spans(rouse_fd fd, const rouse_span *spans, uint32_t count,
                                         uint64_t offset, int64_t deadline_ns);
ROUSE_API int rouse_file_write_spans_start(rouse_io *io, rouse_fd fd, const rouse_span *spans,
                                           uint32_t count, uint64_t offset, int64_t deadline_ns);

// Brings what was written to |fd| to its device. |data_only|: not the metadata that reading the
// data does not need. Returns ROUSE_DONE.
ROUSE_API int rouse_file_sync(rouse_fd fd, bool data_only);
ROUSE_API int rouse_file_sync_until(rouse_fd fd, bool data_only, int64_t deadline_ns);
ROUSE_API int rouse_file_sync_start(rouse_io *io, rouse_fd fd, bool data_only, int64_t deadline_ns);

// Reads the attributes in |mask| of |path| (or of |dir| itself: "" and AT_EMPTY_PATH).
// Returns ROUSE_DONE and |*out_stat|, which the caller owns.
ROUSE_API int rouse_file_stat(rouse_fd dir, const char *path, int flags, uint32_t mask,
                              struct statx *out_stat);
ROUSE_API int rouse_file_stat_until(rouse_fd dir, const char *path, int flags, uint32_t mask,
                                    struct statx *out_stat, int64_t deadline_ns);
ROUSE_API int rouse_file_stat_start(rouse_io *io, rouse_fd dir, const char *path, int flags,
                                    uint32_t mask, struct statx *out_stat, int64_t deadline_ns);

// Removes the name |path|; of an empty directory with AT_REMOVEDIR. Returns ROUSE_DONE.
ROUSE_API int rouse_file_unlink(rouse_fd dir, const char *path, int flags);
ROUSE_API int rouse_file_unlink_until(rouse_fd dir, const char *path, int flags,
                                      int64_t deadline_ns);
ROUSE_API int rouse_file_unlink_start(rouse_io *io, rouse_fd dir, const char *path, int flags,
                                      int64_t deadline_ns);

// Gives |path| the name |new_path|, in place of what has it, or as |flags| say (RENAME_NOREPLACE).
// Returns ROUSE_DONE; ROUSE_EINVAL for flags that the file system does not know.
ROUSE_API int rouse_file_rename(rouse_fd dir, const char *path, rouse_fd new_dir,
                                const char *new_path, uint32_t flags);
ROUSE_API int rouse_file_rename_until(rouse_fd dir, const char *path, rouse_fd new_dir,
                                      const char *new_path, uint32_t flags, int64_t deadline_ns);
ROUSE_API int rouse_file_rename_start(rouse_io *io, rouse_fd dir, const char *path,
                                      rouse_fd new_dir, const char *new_path, uint32_t flags,
                                      int64_t deadline_ns);

// Makes a directory. Returns ROUSE_DONE.
ROUSE_API int rouse_file_mkdir(rouse_fd dir, const char *path, uint32_t mode);
ROUSE_API int rouse_file_mkdir_until(rouse_fd dir, const char *path, uint32_t mode,
                                     int64_t deadline_ns);
ROUSE_API int rouse_file_mkdir_start(rouse_io *io, rouse_fd dir, const char *path, uint32_t mode,
                                     int64_t deadline_ns);

// Makes |path| a symbolic link with the text |target|. Returns ROUSE_DONE.
ROUSE_API int rouse_file_symlink(const char *target, rouse_fd dir, const char *path);
ROUSE_API int rouse_file_symlink_until(const char *target, rouse_fd dir, const char *path,
                                       int64_t deadline_ns);
ROUSE_API int rouse_file_symlink_start(rouse_io *io, const char *target, rouse_fd dir,
                                       const char *path, int64_t deadline_ns);

// Makes |new_path| another name of the file |path|. Returns ROUSE_DONE.
ROUSE_API int rouse_file_link(rouse_fd dir, const char *path, rouse_fd new_dir,
                              const char *new_path, int flags);
ROUSE_API int rouse_file_link_until(rouse_fd dir, const char *path, rouse_fd new_dir,
                                    const char *new_path, int flags, int64_t deadline_ns);
ROUSE_API int rouse_file_link_start(rouse_io *io, rouse_fd dir, const char *path, rouse_fd new_dir,
                                    const char *new_path, int flags, int64_t deadline_ns);

// Gives |size| bytes of |fd| from |offset| on their space, or what |mode| asks for.
// Returns ROUSE_DONE; ROUSE_ENOTSUP where the file system can't; ROUSE_EINVAL for a size of 0.
ROUSE_API int rouse_file_allocate(rouse_fd fd, int mode, uint64_t offset, uint64_t size);
ROUSE_API int rouse_file_allocate_until(rouse_fd fd, int mode, uint64_t offset, uint64_t size,
                                        int64_t deadline_ns);
ROUSE_API int rouse_file_allocate_start(rouse_io *io, rouse_fd fd, int mode, uint64_t offset,
                                        uint64_t size, int64_t deadline_ns);

ROUSE_END_C
#endif
