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

static int64_t list_names(inode inode, char *names, size_t size) {
  char text[LINK_SIZE];
  return system_result(inode.by_path ? listxattr(proc_name(inode, text), names, size)
                                     : flistxattr(inode.fd, names, size));
}

static int64_t get_value(inode inode, const char *name, void *value, size_t size) {
  char text[LINK_SIZE];
  return system_result(inode.by_path ? getxattr(proc_name(inode, text), name, value, size)
                                     : fgetxattr(inode.fd, name, value, size));
}

static int set_value(inode inode, const char *name, const void *value, size_t size) {
  char text[LINK_SIZE];
  return (int)system_result(inode.by_path ? setxattr(proc_name(inode, text), name, value, size, 0)
                                          : fsetxattr(inode.fd, name, value, size, 0));
}

static int remove_value(inode inode, const char *name) {
  char text[LINK_SIZE];
  return (int)system_result(inode.by_path ? removexattr(proc_name(inode, text), name)
                                          : fremovexattr(inode.fd, name));
}

// A list of names or a value, in |small| if it fits, else on the heap.
typedef struct bytes {
  char *data;
  int64_t size;  // or a failure
  char small[SMALL];
} bytes;

// |name| NULL: the list of names. Free with bytes_free(), whatever comes out.
static void bytes_read(bytes *bytes, inode inode, const char *name) {
  size_t room = SMALL;
  bytes->data = bytes->small;
  for (;;) {
    bytes->size = name == NULL ? list_names(inode, bytes->data, room)
                               : get_value(inode, name, bytes->data, room);
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

static int copy_extended(copy *copy, inode from, inode to, bool clean, place where) {
  bytes names, theirs, value;
  int result = 0;
  bytes_read(&names, from, NULL);
  if (clean) {
    static const char *const lists[] = {"system.posix_acl_access", "system.posix_acl_default"};
    bytes_read(&theirs, to, NULL);
    for (int index = 0; index < 2 && theirs.size > 0; index++) {
      if (names_contain(&theirs, lists[index]) && !names_contain(&names, lists[index])) {
        result = remove_value(to, lists[index]);
      }
    }
    bytes_free(&theirs);
  }
  if (names.size < 0 && !is_refusal((int)names.size)) result = (int)names.size;
  for (int64_t at = 0; at < names.size && result == 0;) {
    const char *name = names.data + at;
    at += (int64_t)strlen(name) + 1;
    bytes_read(&value, from, name);
    if (value.size >= 0) {
      result = set_value(to, name, value.data, (size_t)value.size);
    } else if (value.size != ROUSE_ENODATA) {  // else it has just been removed
      result = (int)value.size;
    }
    bytes_free(&value);
    if (result < 0 && is_refusal(result)) {
      attributes_note_left(copy, &copy->report.attributes_left, where,
                           "its attribute %s is not kept (%s); others are only counted", name,
                           rouse_error_message(result));
      result = 0;
    }
  }
  bytes_free(&names);
  return result;
}

bool attributes_inherited(inode directory) {
  return get_value(directory, "system.posix_acl_default", NULL, 0) > 0;
}

static int set_owner(inode to, uid_t uid, gid_t gid) {
  char text[LINK_SIZE];
  return (int)system_result(to.by_path ? chown(proc_name(to, text), uid, gid)
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

int attributes_set_mode(inode to, uint32_t mode) {
  char text[LINK_SIZE];
  return (int)system_result(to.by_path ? chmod(proc_name(to, text), mode) : fchmod(to.fd, mode));
}

int attributes_keep(copy *copy, const file_status *status, inode from, const file_status *made,
                    inode to, bool clean, place where, const char **out_what) {
  char text[LINK_SIZE];
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
  return (int)system_result(to.by_path ? utimensat(AT_FDCWD, proc_name(to, text), times, 0)
                                       : futimens(to.fd, times));
}

int attributes_compare(inode left, inode right, char **out_name) {
  bytes names[2], value[2];
  inode inodes[2] = {left, right};
  int result = 0;
  *out_name = NULL;
  bytes_read(&names[0], left, NULL);
  bytes_read(&names[1], right, NULL);
  for (int side = 0; side < 2 && result == 0; side++) {
    if (names[side].size < 0 && !is_refusal((int)names[side].size)) result = (int)names[side].size;
    for (int64_t at = 0; at < names[side].size && result == 0;) {
      const char *name = names[side].data + at;
      at += (int64_t)strlen(name) + 1;
      for (int index = 0; index < 2; index++) bytes_read(&value[index], inodes[index], name);
      bool same =
          value[0].size == value[1].size &&
          (value[0].size <= 0 || memcmp(value[0].data, value[1].data, (size_t)value[0].size) == 0);
      for (int index = 0; index < 2; index++) bytes_free(&value[index]);
      if (same) continue;
      result = 1;
      *out_name = strdup(name);
    }
  }
  bytes_free(&names[0]);
  bytes_free(&names[1]);
  return result;
}
