// --verify: both trees are gone through again, side by side, and compared: types, contents, modes,
// owners, times of modification, extended attributes, targets of symbolic links, and which names
// are links to one inode. If the copy made its target, nothing more may be in it.
//
// What was counted as not kept during the copy (owners, attributes) is not reported again.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copy.h"

// An entry, or a directory, under comparison.
typedef struct comparison {
  copy *copy;
  const directory *directory;
  const char *name[SIDES];
  int fd[SIDES];
  bool by_path;
  struct stat status[SIDES];
} comparison;

__attribute__((format(printf, 2, 3))) static bool differs(const comparison *comparison,
                                                          const char *format, ...) {
  const copy *copy = comparison->copy;
  char *path = walk_path(&copy->walk, comparison->directory, comparison->name[TARGET], TARGET);
  va_list arguments;
  va_start(arguments, format);
  report_difference(&comparison->copy->report, path, format, arguments);
  va_end(arguments);
  free(path);
  return false;
}

// --- attributes ----------------------------------------------------------------------------------

static bool compare_extended(comparison *comparison) {
  inode left = {comparison->fd[SOURCE], comparison->by_path};
  inode right = {comparison->fd[TARGET], comparison->by_path};
  char *name = NULL;
  int result = attributes_compare(left, right, &name);
  bool same = true;
  if (result < 0) {
    same = differs(comparison, "its extended attributes can't be read: %s",
                   rouse_error_message(result));
  } else if (result > 0 && counter_read(&comparison->copy->report.attributes_left) == 0) {
    same = differs(comparison, "differs in the extended attribute %s", name == NULL ? "?" : name);
  }
  free(name);
  return same;
}

// Compares everything but contents, of inodes of one type.
static bool compare_attributes(comparison *comparison) {
  const struct stat *left = &comparison->status[SOURCE], *right = &comparison->status[TARGET];
  bool same = true;
  if ((left->st_uid != right->st_uid || left->st_gid != right->st_gid) &&
      counter_read(&comparison->copy->report.owners_left) == 0) {
    same = differs(comparison, "differs in owner: %u:%u instead of %u:%u", right->st_uid,
                   right->st_gid, left->st_uid, left->st_gid);
  }
  mode_t mode = attributes_mode(left, right->st_uid, right->st_gid);
  if (!S_ISLNK(left->st_mode) && mode != (right->st_mode & 07777)) {
    same = differs(comparison, "differs in mode: %04o instead of %04o",
                   (unsigned)(right->st_mode & 07777), (unsigned)mode);
  }
  if (left->st_mtim.tv_sec != right->st_mtim.tv_sec ||
      left->st_mtim.tv_nsec != right->st_mtim.tv_nsec) {
    same = differs(comparison, "differs in time of modification");
  }
  return compare_extended(comparison) && same;
}

// --- hard links ----------------------------------------------------------------------------------

// Notes that |here| belongs to |there|; false if it belonged to another before.
static bool pair(link_table *table, identity here, identity there) {
  bool first;
  link_group *group = links_group(table, here, &first);
  if (first) group->partner = there;
  return identity_equal(group->partner, there);
}

static bool compare_links(comparison *comparison) {
  copy *copy = comparison->copy;
  identity left = identity_of(&comparison->status[SOURCE]);
  identity right = identity_of(&comparison->status[TARGET]);
  bool same = true;
  rouse_mutex_lock(&copy->links_lock);
  if (comparison->status[SOURCE].st_nlink > 1) same = pair(&copy->links[SOURCE], left, right);
  if (comparison->status[TARGET].st_nlink > 1) same &= pair(&copy->links[TARGET], right, left);
  rouse_mutex_unlock(&copy->links_lock);
  return same || differs(comparison, "differs in hard links");
}

// --- contents ------------------------------------------------------------------------------------

static bool read_fully(comparison *comparison, enum side side, char *buffer, size_t size,
                       uint64_t offset) {
  for (size_t done = 0; done < size;) {
    int64_t result =
        rouse_file_read(comparison->fd[side], buffer + done, size - done, offset + done);
    if (result < 0) {
      return differs(comparison, "the %s can't be read: %s", side == SOURCE ? "source" : "copy",
                     rouse_error_message((int)result));
    }
    if (result == 0) return differs(comparison, "differs: it became shorter while it was read");
    done += (size_t)result;
  }
  return true;
}

static bool is_sparse(const struct stat *status) {
  return (int64_t)status->st_blocks * 512 < (int64_t)status->st_size;
}

// Where the next bytes are that can differ: what is a hole on both sides is the same. |size| if
// there are none.
static uint64_t skip_holes(const comparison *comparison, uint64_t offset, uint64_t size) {
  uint64_t next = size;
  for (int side = 0; side < SIDES; side++) {
    off_t data = lseek(comparison->fd[side], (off_t)offset, SEEK_DATA);
    if (data < 0 && errno == ENXIO) continue;
    if (data < 0) return offset;
    if ((uint64_t)data < next) next = (uint64_t)data;
  }
  return next;
}

static bool compare_contents(comparison *comparison) {
  copy *copy = comparison->copy;
  uint64_t size = (uint64_t)comparison->status[SOURCE].st_size;
  if (size != (uint64_t)comparison->status[TARGET].st_size) {
    return differs(comparison, "differs in size: %lld instead of %llu",
                   (long long)comparison->status[TARGET].st_size, (unsigned long long)size);
  }
  if (size == 0) return true;
  size_t room;
  char *buffer = buffer_get(copy, 2 * size, &room);  // both halves in one request
  room /= 2;
  bool same = true, sparse = false;
  for (int side = 0; side < SIDES; side++) sparse |= is_sparse(&comparison->status[side]);
  for (uint64_t offset = 0; same && !walk_stopped(&copy->walk);) {
    if (sparse) offset = skip_holes(comparison, offset, size);
    if (offset >= size) break;
    size_t part = size - offset < room ? (size_t)(size - offset) : room;
    same = read_fully(comparison, SOURCE, buffer, part, offset) &&
           read_fully(comparison, TARGET, buffer + room, part, offset);
    if (same && memcmp(buffer, buffer + room, part) != 0) {
      same = differs(comparison, "differs in contents between bytes %llu and %llu",
                     (unsigned long long)offset, (unsigned long long)(offset + part));
    }
    offset += part;
  }
  buffer_put(copy, buffer);
  return same;
}

// Where a symbolic link leads, on the heap.
static char *link_target(int fd, const struct stat *status) {
  size_t room = (size_t)status->st_size + 4096;
  char *target = system_allocate(room);
  ssize_t size = readlinkat(fd, "", target, room - 1);
  target[size < 0 ? 0 : size] = 0;
  return target;
}

static bool compare_symlinks(comparison *comparison) {
  char *left = link_target(comparison->fd[SOURCE], &comparison->status[SOURCE]);
  char *right = link_target(comparison->fd[TARGET], &comparison->status[TARGET]);
  bool same = strcmp(left, right) == 0;
  free(left);
  free(right);
  return same || differs(comparison, "differs: the symbolic link leads elsewhere");
}

// --- entries -------------------------------------------------------------------------------------

static bool open_side(comparison *comparison, enum side side, bool regular) {
  int flags = regular ? O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY : O_PATH | O_NOFOLLOW;
  int fd = system_open(comparison->directory->fd[side], comparison->name[side], flags);
  if (fd >= 0) {
    comparison->fd[side] = fd;
    if (regular) fcntl(fd, F_SETFL, 0);  // from here on it may block
    return fstat(fd, &comparison->status[side]) == 0 ||
           differs(comparison, "can't be looked at: %s", strerror(errno));
  }
  const char *which = side == SOURCE ? "source" : "copy";
  if (fd == ROUSE_ENOENT) return differs(comparison, "is missing in the %s", which);
  return differs(comparison, "can't be opened in the %s: %s", which, rouse_error_message(fd));
}

static void compare_entry(comparison *comparison, unsigned char type) {
  bool regular = type == DT_REG;
  comparison->by_path = !regular;
  if (!open_side(comparison, SOURCE, regular) || !open_side(comparison, TARGET, regular)) return;
  mode_t kind = comparison->status[SOURCE].st_mode & S_IFMT;
  if ((comparison->status[TARGET].st_mode & S_IFMT) != kind) {
    differs(comparison, "differs in what it is");
    return;
  }
  if (kind == S_IFREG) compare_contents(comparison);
  if (kind == S_IFLNK) compare_symlinks(comparison);
  if ((kind == S_IFBLK || kind == S_IFCHR) &&
      comparison->status[SOURCE].st_rdev != comparison->status[TARGET].st_rdev) {
    differs(comparison, "differs: it is another device");
  }
  compare_attributes(comparison);
  compare_links(comparison);
}

static void verify_handle(walk *walk, entry *entry) {
  copy *copy = walk->user;
  if (entry->type == DT_SOCK) return;
  comparison comparison = {
      .copy = copy,
      .directory = entry->directory,
      .name = {entry->name, entry->target_name},
      .fd = {-1, -1},
  };
  rouse_semaphore_acquire(&copy->descriptors, 1);
  if (!walk_stopped(walk)) {
    compare_entry(&comparison, entry->type);
    counter_add(&copy->report.compared, 1);
  }
  system_close(comparison.fd[SOURCE]);
  system_close(comparison.fd[TARGET]);
  rouse_semaphore_release(&copy->descriptors, 1);
}

// --- directories ---------------------------------------------------------------------------------

static int verify_enter(walk *walk, directory *child) {
  struct stat status;
  int fd = system_open(child->parent->fd[TARGET], child->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  int result = fd < 0 ? fd : (int)system_result(fstat(fd, &status));
  child->fd[TARGET] = fd < 0 ? -1 : fd;
  if (result == 0) {
    child->identity[TARGET] = identity_of(&status);
    return 0;
  }
  comparison comparison = {.copy = walk->user, .directory = child};
  if (result == ROUSE_ENOENT) {
    differs(&comparison, "is missing in the copy");
  } else {
    differs(&comparison, "can't be opened in the copy: %s", rouse_error_message(result));
  }
  return result;
}

// Reports what is in the copy only.
static void find_extra(comparison *comparison) {
  const directory *directory = comparison->directory;
  char *names = system_allocate(32768);
  int fd = directory->fd[TARGET];
  int64_t size;
  lseek(fd, 0, SEEK_SET);
  while ((size = system_result(getdents64(fd, names, 32768))) > 0) {
    for (int64_t at = 0; at < size;) {
      const struct dirent64 *item = (const void *)(names + at);
      at += item->d_reclen;
      struct stat status;
      if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0) continue;
      if (fstatat(directory->fd[SOURCE], item->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) continue;
      comparison->name[TARGET] = item->d_name;
      differs(comparison, "is in the copy only");
      comparison->name[TARGET] = NULL;
    }
  }
  free(names);
}

static void verify_leave(walk *walk, directory *directory) {
  copy *copy = walk->user;
  comparison comparison = {
      .copy = copy,
      .directory = directory,
      .fd = {directory->fd[SOURCE], directory->fd[TARGET]},
      .by_path = true,
  };
  if (walk_stopped(walk)) return;
  for (int side = 0; side < SIDES; side++) {
    if (fstat(comparison.fd[side], &comparison.status[side]) == 0) continue;
    differs(&comparison, "can't be looked at: %s", strerror(errno));
    return;
  }
  compare_attributes(&comparison);
  if (copy->paths.target_created || copy->options.compare) find_extra(&comparison);
  counter_add(&copy->report.compared, 1);
}

static const walk_operations verifying = {
    .enter = verify_enter, .handle = verify_handle, .leave = verify_leave};

int verify_run(copy *copy) {
  walk *walk = &copy->walk;
  int fd[SIDES];
  for (int side = 0; side < SIDES; side++) {
    // Anew, since a descriptor remembers how far it was listed.
    int old = walk->root->fd[side];
    fd[side] = openat(old, ".", O_DIRECTORY | O_CLOEXEC);
    if (fd[side] < 0) fd[side] = fcntl(old, F_DUPFD_CLOEXEC, 0);  // above a single file
    if (fd[side] < 0) return (int)system_result(-1);
  }
  walk_finish(walk);
  walk->operations = &verifying;
  walk_init(walk, copy->slots);
  walk_make_root(walk, fd);
  if (copy->paths.is_directory) return walk_run(walk, copy->walkers);
  char *const *name = copy->paths.name;
  walk_start_entry(walk, walk->root, name[SOURCE], name[TARGET], copy->paths.type);
  return 0;
}
