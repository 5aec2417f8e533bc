// Owner, extended attributes, mode, times: in this order, because each may undo the one after it. A
// change of owner clears the set-id bits and file capabilities; extended attributes can hold an
// access control list, which is part of the mode, and need a file that its owner may write;
// everything changes the time of change, and nothing but writing the time of modification.
//
// What the system does not permit (another owner without privilege, attributes that the target's
// file system does not have) is counted and noted, and is no failure.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "copy.h"
#include "result.h"

enum { LINK_SIZE = 32, SMALL = 512 };

// Descriptors with O_PATH can't be asked for attributes; their name under /proc can, and leads to
// the inode itself, even if it is a symbolic link.
static const char *proc_name(inode inode, char text[LINK_SIZE]) {
  snprintf(text, LINK_SIZE, "/proc/self/fd/%d", inode.fd);
  return text;
}

// Whether there are such names. Where /proc is not mounted other calls do what they can.
static bool proc_is_there(void) {
  enum { UNKNOWN, THERE, MISSING };
  static _Atomic int known;
  // RELAXED: found out again if it is not seen.
  int state = atomic_load_explicit(&known, memory_order_relaxed);
  if (state == UNKNOWN) {
    state = access("/proc/self/fd", F_OK) == 0 ? THERE : MISSING;
    // RELAXED: as above.
    atomic_store_explicit(&known, state, memory_order_relaxed);
  }
  return state == THERE;
}

// --- extended attributes -------------------------------------------------------------------------

// The way to an inode's extended attributes: by |name|, or if that is empty by |fd|; if that is a
// failure there is none.
typedef struct way {
  char name[LINK_SIZE];
  rouse_fd fd;
  bool opened;
} way;

static way way_to(inode inode) {
  way way = {.fd = inode.fd};
  if (!inode.by_path) return way;
  if (proc_is_there()) {
    proc_name(inode, way.name);
    return way;
  }
  if (!(fcntl(inode.fd, F_GETFL) & O_PATH)) return way;
  // What is no directory can't be opened anew without its name.
  way.fd = (rouse_fd)system_result(openat(inode.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  way.opened = way.fd >= 0;
  if (way.fd == ROUSE_ENOTDIR) way.fd = ROUSE_ENOTSUP;
  return way;
}

static void way_end(const way *way) {
  if (way->opened) close(way->fd);
}

static int64_t list_names(const way *way, char *names, size_t size) {
  if (way->fd < 0) return way->fd;
  return system_result(way->name[0] != 0 ? listxattr(way->name, names, size)
                                         : flistxattr(way->fd, names, size));
}

static int64_t get_value(const way *way, const char *name, void *value, size_t size) {
  if (way->fd < 0) return way->fd;
  return system_result(way->name[0] != 0 ? getxattr(way->name, name, value, size)
                                         : fgetxattr(way->fd, name, value, size));
}

static int set_value(const way *way, const char *name, const void *value, size_t size) {
  if (way->fd < 0) return way->fd;
  return (int)system_result(way->name[0] != 0 ? setxattr(way->name, name, value, size, 0)
                                              : fsetxattr(way->fd, name, value, size, 0));
}

static int remove_value(const way *way, const char *name) {
  if (way->fd < 0) return way->fd;
  return (int)system_result(way->name[0] != 0 ? removexattr(way->name, name)
                                              : fremovexattr(way->fd, name));
}

// A list of names or a value, in |small| if it fits, else on the heap.
typedef struct bytes {
  char *data;
  int64_t size;  // or a failure
  char small[SMALL];
} bytes;

// |name| NULL: the list of names. Free with bytes_free(), whatever comes out.
static void bytes_read(bytes *bytes, const way *way, const char *name) {
  size_t room = SMALL;
  bytes->data = bytes->small;
  for (;;) {
    bytes->size =
        name == NULL ? list_names(way, bytes->data, room) : get_value(way, name, bytes->data, room);
    if (bytes->size != ROUSE_ERANGE) return;
    if (bytes->data != bytes->small) free(bytes->data);
    // What the system allows at most is 64 KiB.
    room *= 16;
    bytes->data = system_allocate(room);
  }
}

static void bytes_free(bytes *bytes) {
  if (bytes->data != bytes->small) free(bytes->data);
}

// Failures that mean that attributes of this kind can't be had there.
static bool is_refusal(int code) {
  return code == ROUSE_ENOTSUP || code == ROUSE_EPERM || code == ROUSE_EACCES ||
         code == ROUSE_EINVAL || code == ROUSE_ENOSYS;
}

static bool names_contain(const bytes *names, const char *name) {
  for (int64_t at = 0; at < names->size; at += (int64_t)strlen(names->data + at) + 1) {
    if (strcmp(names->data + at, name) == 0) return true;
  }
  return false;
}

// Counts and tells, if |result| is a refusal; then the rest goes on.
static int pass_refusal(copy *copy, int result, const char *name, const char *what, place where) {
  if (result >= 0 || !is_refusal(result)) return result;
  char *shown = text_printable(name);
  attributes_note_left(copy, &copy->report.attributes_left, where,
                       "its attribute %s is not %s (%s); others are only counted",
                       shown == NULL ? "?" : shown, what, rouse_error_message(result));
  free(shown);
  return 0;
}

// Whether an attribute that the source lacks goes away: what users set, and access control lists.
// The rest is the system's.
static bool is_cleaned(const char *name) {
  return strncmp(name, "user.", 5) == 0 || strncmp(name, "system.posix_acl_", 17) == 0;
}

// Takes from |to| what is not in |names|.
static int clean_extended(copy *copy, const bytes *names, const way *to, place where) {
  bytes theirs;
  int result = 0;
  bytes_read(&theirs, to, NULL);
  for (int64_t at = 0; at < theirs.size && result == 0;) {
    const char *name = theirs.data + at;
    at += (int64_t)strlen(name) + 1;
    if (!is_cleaned(name) || names_contain(names, name)) continue;
    result = remove_value(to, name);
    if (result == ROUSE_ENODATA) result = 0;
    result = pass_refusal(copy, result, name, "removed", where);
  }
  bytes_free(&theirs);
  return result;
}

static int set_extended(copy *copy, const bytes *names, const way *from, const way *to,
                        place where) {
  bytes value;
  int result = 0;
  for (int64_t at = 0; at < names->size && result == 0;) {
    const char *name = names->data + at;
    at += (int64_t)strlen(name) + 1;
    bytes_read(&value, from, name);
    if (value.size >= 0) {
      result = set_value(to, name, value.data, (size_t)value.size);
    } else if (value.size != ROUSE_ENODATA) {  // else it has just been removed
      result = (int)value.size;
    }
    bytes_free(&value);
    result = pass_refusal(copy, result, name, "kept", where);
  }
  return result;
}

static int copy_extended(copy *copy, inode from_inode, inode to_inode, bool clean, place where) {
  way from = way_to(from_inode), to = way_to(to_inode);
  bytes names;
  bytes_read(&names, &from, NULL);
  int result = (int)(names.size < 0 ? names.size : 0);
  // A file system that has none is as good as a file that has none. What may not be read may be
  // anything.
  if (clean && (result == 0 || result == ROUSE_ENOTSUP)) {
    result = clean_extended(copy, &names, &to, where);
  }
  if (is_refusal(result)) result = 0;
  if (result == 0) result = set_extended(copy, &names, &from, &to, where);
  bytes_free(&names);
  way_end(&from);
  way_end(&to);
  return result;
}

bool attributes_inherited(inode directory) {
  way way = way_to(directory);
  bool inherited = get_value(&way, "system.posix_acl_default", NULL, 0) > 0;
  way_end(&way);
  return inherited;
}

// --- owner, mode, times --------------------------------------------------------------------------

static int set_owner(inode to, uid_t uid, gid_t gid) {
  return (int)system_result(to.by_path ? fchownat(to.fd, "", uid, gid, AT_EMPTY_PATH)
                                       : fchown(to.fd, uid, gid));
}

// Sets the owner as far as it is permitted; |uid| and |gid| take what it then is.
static int keep_owner(copy *copy, const file_status *status, const file_status *made, inode to,
                      place where, uid_t *uid, gid_t *gid) {
  *uid = made->owner;
  *gid = made->group;
  if (*uid == status->owner && *gid == status->group) return 0;
  int result = set_owner(to, status->owner, status->group);
  if (result == 0) {
    *uid = status->owner;
    *gid = status->group;
    return 0;
  }
  if (result != ROUSE_EPERM && result != ROUSE_EINVAL) return result;
  if (*gid != status->group && set_owner(to, (uid_t)-1, status->group) == 0) {
    *gid = status->group;
  }
  attributes_note_left(copy, &copy->report.owners_left, where,
                       "its owner is not kept (%s); others are only counted",
                       rouse_error_message(result));
  return 0;
}

// What newer headers call SYS_fchmodat2. Only it sets the mode of what is no directory by a
// descriptor with O_PATH.
enum { FCHMODAT2 = 452 };

int attributes_set_mode(inode to, uint32_t mode) {
  char text[LINK_SIZE];
  if (!to.by_path) return (int)system_result(fchmod(to.fd, mode));
  if (proc_is_there()) return (int)system_result(chmod(proc_name(to, text), mode));
  int result = (int)system_result(fchmodat(to.fd, ".", mode, 0));
  if (result != ROUSE_ENOTDIR) return result;
  return (int)system_result(syscall(FCHMODAT2, to.fd, "", mode, AT_EMPTY_PATH));
}

static int set_times(inode to, const struct timespec times[2]) {
  char text[LINK_SIZE];
  if (!to.by_path) return (int)system_result(futimens(to.fd, times));
  return (int)system_result(proc_is_there() ? utimensat(AT_FDCWD, proc_name(to, text), times, 0)
                                            : utimensat(to.fd, "", times, AT_EMPTY_PATH));
}

void attributes_restore_read(inode inode, const file_status *status) {
  set_times(inode, (const struct timespec[2]){{status->read.seconds, status->read.nanoseconds},
                                              {.tv_nsec = UTIME_OMIT}});
}

int attributes_keep(copy *copy, const file_status *status, inode from, const file_status *made,
                    inode to, bool clean, place where, const char **out_what) {
  uid_t uid;
  gid_t gid;
  *out_what = "cannot set its owner";
  int result = keep_owner(copy, status, made, to, where, &uid, &gid);
  if (result < 0) return result;

  *out_what = "cannot set an extended attribute";
  result = copy_extended(copy, from, to, clean, where);
  if (result < 0) return result;

  *out_what = "cannot set its mode";
  uint32_t mode = attributes_mode(status, uid, gid);
  if (status->kind != KIND_LINK) {  // a symbolic link has none of its own
    result = attributes_set_mode(to, mode);
    if (result < 0) return result;
  }

  *out_what = "cannot set its times";
  const struct timespec times[2] = {{status->read.seconds, status->read.nanoseconds},
                                    {status->modified.seconds, status->modified.nanoseconds}};
  return set_times(to, times);
}

int attributes_compare(inode left, inode right, char **out_name) {
  bytes names[2], value[2];
  way ways[2] = {way_to(left), way_to(right)};
  int result = 0;
  *out_name = NULL;
  for (int side = 0; side < 2; side++) bytes_read(&names[side], &ways[side], NULL);
  for (int side = 0; side < 2 && result == 0; side++) {
    if (names[side].size < 0 && !is_refusal((int)names[side].size)) result = (int)names[side].size;
    for (int64_t at = 0; at < names[side].size && result == 0;) {
      const char *name = names[side].data + at;
      at += (int64_t)strlen(name) + 1;
      for (int index = 0; index < 2; index++) bytes_read(&value[index], &ways[index], name);
      bool same =
          value[0].size == value[1].size &&
          (value[0].size <= 0 || memcmp(value[0].data, value[1].data, (size_t)value[0].size) == 0);
      for (int index = 0; index < 2; index++) bytes_free(&value[index]);
      if (same) continue;
      result = 1;
      *out_name = text_printable(name);
    }
  }
  for (int side = 0; side < 2; side++) {
    bytes_free(&names[side]);
    way_end(&ways[side]);
  }
  return result;
}
