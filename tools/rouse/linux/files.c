// Files on Linux: by descriptors, relative to directories.
#define _GNU_SOURCE
#include "files.h"

#include <dirent.h>
#include <fcntl.h>
#include <rouse/file.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "result.h"

// --- paths ---------------------------------------------------------------------------------------

const char path_separator = '/';

bool path_separates(char letter) { return letter == '/'; }

size_t path_root(const char *path) {
  (void)path;
  return 0;
}

static file_kind kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return KIND_FILE;
    case S_IFDIR:
      return KIND_DIRECTORY;
    case S_IFLNK:
      return KIND_LINK;
    case S_IFIFO:
      return KIND_PIPE;
    case S_IFBLK:
      return KIND_BLOCK_DEVICE;
    case S_IFCHR:
      return KIND_CHARACTER_DEVICE;
    case S_IFSOCK:
      return KIND_SOCKET;
    default:
      return KIND_STRANGE;
  }
}

static file_time time_of(struct timespec time) {
  return (file_time){time.tv_sec, (int32_t)time.tv_nsec};
}

static file_status status_from(const struct stat *stat) {
  return (file_status){
      .kind = kind_of(stat->st_mode),
      .identity = {stat->st_dev, {stat->st_ino, 0}},
      .size = (uint64_t)stat->st_size,
      .stored = (uint64_t)stat->st_blocks * 512,
      .links = stat->st_nlink,
      .read = time_of(stat->st_atim),
      .modified = time_of(stat->st_mtim),
      .mode = stat->st_mode & 07777,
      .owner = stat->st_uid,
      .group = stat->st_gid,
      .device = stat->st_rdev,
  };
}

int path_status(const char *path, file_status *out_status) {
  struct stat status;
  int result = (int)system_result(stat(path, &status));
  if (result == 0) *out_status = status_from(&status);
  return result;
}

static rouse_fd opened(rouse_fd fd, open_as as) {
  if (fd < 0 || (as != OPEN_CONTENTS && as != OPEN_LISTING)) return fd;
  // Reading leaves the time of access alone. Only who owns the file may ask for that.
  if (fcntl(fd, F_SETFL, O_NOATIME) == 0) return fd;
  // A read that must not block would fail where the file system can't tell beforehand.
  if (as == OPEN_CONTENTS) fcntl(fd, F_SETFL, 0);
  return fd;
}

rouse_fd path_open_directory(const char *path, bool listing) {
  int flags = (listing ? O_RDONLY : O_PATH) | O_DIRECTORY | O_CLOEXEC;
  return opened((rouse_fd)system_result(open(path, flags)), listing ? OPEN_LISTING : OPEN_PLACE);
}

int path_remove_directory(const char *path) { return (int)system_result(rmdir(path)); }

int directory_is_inside(rouse_fd directory, identity sought) {
  rouse_fd fd = directory;
  int result = 0;
  identity last = {0, {0, 0}};
  for (;;) {
    file_status status;
    result = file_status_of(fd, &status);
    if (result != 0) break;
    if (identity_equal(status.identity, sought)) result = 1;
    if (result != 0 || identity_equal(status.identity, last)) break;  // the root is above itself
    last = status.identity;
    rouse_fd up = (rouse_fd)system_result(openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (fd != directory) close(fd);
    fd = up;
    if (fd < 0) return fd;
  }
  if (fd != directory) close(fd);
  return result;
}

// --- looking and opening -------------------------------------------------------------------------

int file_status_of(rouse_fd file, file_status *out_status) {
  struct stat status;
  int result = (int)system_result(fstat(file, &status));
  if (result == 0) *out_status = status_from(&status);
  return result;
}

int file_status_at(rouse_fd directory, const char *name, file_status *out_status) {
  struct stat status;
  int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  int result = (int)system_result(fstatat(directory, name, &status, flags));
  if (result == 0) *out_status = status_from(&status);
  return result;
}

static int open_flags(open_as as) {
  switch (as) {
    case OPEN_PLACE:
      return O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    case OPEN_LISTING:
      return O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    case OPEN_CONTENTS:
      // Not blocking: if a pipe has taken the file's place the open must not wait for its writer.
      return O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    default:
      return O_PATH | O_NOFOLLOW | O_CLOEXEC;
  }
}

rouse_fd file_open_now(rouse_fd directory, const char *name, open_as as) {
  return opened((rouse_fd)system_result(openat(directory, name, open_flags(as))), as);
}

// The system's structure for openat2(), and what newer headers call RESOLVE_CACHED and SYS_openat2.
struct open_request {
  uint64_t flags, mode, resolve;
};
enum { OPEN_CACHED = 0x20, OPENAT2 = 437 };

// In place if all it takes is in memory, else by completion.
rouse_fd file_open(gauge *gauge, rouse_fd directory, const char *name, open_as as) {
  (void)gauge;
  static _Atomic bool cached_unknown;
  int flags = open_flags(as);
  // RELAXED: learnt again if it is not seen.
  if (!atomic_load_explicit(&cached_unknown, memory_order_relaxed)) {
    struct open_request request = {.flags = (uint64_t)flags, .resolve = OPEN_CACHED};
    long fd = syscall(OPENAT2, directory, name, &request, sizeof request);
    if (fd >= 0) return opened((rouse_fd)fd, as);
    if (errno == ENOSYS || errno == EINVAL || errno == EPERM) {
      // RELAXED: as above. An open that is really not permitted says so again by completion.
      atomic_store_explicit(&cached_unknown, true, memory_order_relaxed);
    } else if (errno != EAGAIN) {
      return rouse_error_from_system(errno);
    }
  }
  return opened(rouse_file_open(directory, name, flags, 0), as);
}

rouse_fd directory_open_again(rouse_fd directory, bool listing) {
  if (!listing) return (rouse_fd)system_result(fcntl(directory, F_DUPFD_CLOEXEC, 0));
  int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  return opened((rouse_fd)system_result(openat(directory, ".", flags)), OPEN_LISTING);
}

int file_close(rouse_fd file) { return file < 0 ? 0 : (int)system_result(close(file)); }

// --- listings ------------------------------------------------------------------------------------

int64_t listing_read(rouse_fd directory, void *buffer, bool restart) {
  if (restart) lseek(directory, 0, SEEK_SET);
  return system_result(getdents64(directory, buffer, LISTING_SIZE));
}

bool listing_next(const void *buffer, int64_t size, int64_t *at, listing_item *out_item) {
  while (*at < size) {
    const struct dirent64 *item = (const void *)((const char *)buffer + *at);
    const char *name = item->d_name;
    *at += item->d_reclen;
    if (name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0))) continue;
    out_item->name = name;
    out_item->kind = item->d_type == DT_UNKNOWN ? KIND_UNKNOWN : kind_of(DTTOIF(item->d_type));
    return true;
  }
  return false;
}

// --- making and removing -------------------------------------------------------------------------

rouse_fd file_create(rouse_fd directory, const char *name, bool by_completion) {
  (void)by_completion;
  int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  return (rouse_fd)system_result(openat(directory, name, flags, 0600));
}

int file_write_now(rouse_fd file, const void *buffer, size_t size) {
  for (size_t done = 0; done < size;) {
    int64_t result =
        system_result(pwrite(file, (const char *)buffer + done, size - done, (off_t)done));
    if (result == ROUSE_EINTR) continue;
    if (result <= 0) return result < 0 ? (int)result : ROUSE_EIO;
    done += (size_t)result;
  }
  return 0;
}

int file_set_size(rouse_fd file, uint64_t size) {
  return (int)system_result(ftruncate(file, (off_t)size));
}

int file_make_sparse(rouse_fd file) {
  (void)file;
  return 0;
}

int file_find_data(rouse_fd file, uint64_t from, uint64_t size, uint64_t *out_begin,
                   uint64_t *out_end) {
  int64_t begin = system_result(lseek(file, (off_t)from, SEEK_DATA));
  if (begin == ROUSE_ENXIO) begin = (int64_t)size;  // only a hole is left
  int64_t end =
      begin < 0 || begin >= (int64_t)size ? begin : system_result(lseek(file, begin, SEEK_HOLE));
  if (end == ROUSE_EINVAL || end == ROUSE_ENOTSUP) {  // holes are unknown here: all is data
    begin = (int64_t)from;
    end = (int64_t)size;
  }
  if (end < 0) return (int)end;
  *out_begin = (uint64_t)begin < size ? (uint64_t)begin : size;
  *out_end = (uint64_t)end < size ? (uint64_t)end : size;
  return 0;
}

int directory_make(rouse_fd directory, const char *name) {
  return (int)system_result(mkdirat(directory, name, 0700));
}

int file_remove(rouse_fd directory, const char *name) {
  int result = (int)system_result(unlinkat(directory, name, 0));
  // POSIX lets systems say either for a directory.
  return result == ROUSE_EPERM ? ROUSE_EISDIR : result;
}

int directory_remove(rouse_fd directory, const char *name) {
  return (int)system_result(unlinkat(directory, name, AT_REMOVEDIR));
}

int file_rename(rouse_fd directory, const char *name, rouse_fd new_directory,
                const char *new_name) {
  return (int)system_result(renameat(directory, name, new_directory, new_name));
}

int file_link(rouse_fd directory, const char *name, rouse_fd new_directory, const char *new_name) {
  return (int)system_result(linkat(directory, name, new_directory, new_name, 0));
}

int directory_unlock(rouse_fd directory, const char *name) {
  return (int)system_result(fchmodat(directory, name, 0700, 0));
}

// --- links and other nodes -----------------------------------------------------------------------

enum { LINK_TARGET_MAX = 1024 * 1024 };

int link_read(rouse_fd link, link_target *out_target) {
  for (size_t room = 256; room <= LINK_TARGET_MAX; room *= 2) {
    char *data = system_allocate(room);
    int64_t size = system_result(readlinkat(link, "", data, room));
    if (size >= 0 && (size_t)size < room) {
      data[size] = 0;
      *out_target = (link_target){data, (size_t)size};
      return 0;
    }
    free(data);
    if (size < 0) return (int)size;
  }
  return ROUSE_ENAMETOOLONG;
}

static mode_t kind_mode(file_kind kind) {
  switch (kind) {
    case KIND_PIPE:
      return S_IFIFO;
    case KIND_BLOCK_DEVICE:
      return S_IFBLK;
    default:
      return S_IFCHR;
  }
}

int node_make(rouse_fd directory, const char *name, const file_status *status,
              const link_target *target, const char **out_what) {
  if (status->kind == KIND_LINK) {
    *out_what = "cannot make the symbolic link";
    return (int)system_result(symlinkat(target->data, directory, name));
  }
  *out_what = status->kind == KIND_PIPE ? "cannot make the pipe" : "cannot make the device";
  return (int)system_result(
      mknodat(directory, name, kind_mode(status->kind) | 0600, (dev_t)status->device));
}
