// --verify: both trees are gone through again, side by side, and compared: types, contents, modes,
// owners, times of modification, extended attributes, targets of symbolic links, and which names
// are links to one inode. If the copy made its target, nothing more may be in it.
//
// What was counted as not kept during the copy (owners, attributes) is not reported again.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy.h"

// An entry, or a directory, under comparison.
typedef struct comparison {
  copy *copy;
  const directory *directory;
  const char *name[SIDES];
  rouse_fd fd[SIDES];
  bool by_path;
  bool interrupted;  // there is more to compare
  file_status status[SIDES];
} comparison;

SYSTEM_PRINTF(2, 3) static bool differs(const comparison *comparison, const char *format, ...) {
  const copy *copy = comparison->copy;
  char *path = walk_path(&copy->walk, comparison->directory, comparison->name[TARGET], TARGET);
  va_list arguments;
  va_start(arguments, format);
  report_difference(&comparison->copy->report, path, 0, format, arguments);
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
  const file_status *left = &comparison->status[SOURCE], *right = &comparison->status[TARGET];
  bool same = true;
  if ((left->owner != right->owner || left->group != right->group) &&
      counter_read(&comparison->copy->report.owners_left) == 0) {
    same = differs(comparison, "differs in owner: %u:%u instead of %u:%u", right->owner,
                   right->group, left->owner, left->group);
  }
  uint32_t mode = attributes_mode(left, right->owner, right->group);
  if (left->kind != KIND_LINK && mode != right->mode) {
    same = differs(comparison, "differs in mode: %04o instead of %04o", right->mode, mode);
  }
  if (left->attributes != right->attributes) {
    same = differs(comparison, "differs in attributes: %#x instead of %#x", right->attributes,
                   left->attributes);
  }
  if (!file_time_equal(left->modified, right->modified)) {
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
  identity left = comparison->status[SOURCE].identity;
  identity right = comparison->status[TARGET].identity;
  bool same = true;
  rouse_mutex_lock(&copy->links_lock);
  if (comparison->status[SOURCE].links > 1) same = pair(&copy->links[SOURCE], left, right);
  if (comparison->status[TARGET].links > 1) same &= pair(&copy->links[TARGET], right, left);
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

// Where the next bytes are that can differ: what is a hole on both sides is the same. |size| if
// there are none.
static uint64_t skip_holes(const comparison *comparison, uint64_t offset, uint64_t size) {
  uint64_t next = size;
  for (int side = 0; side < SIDES; side++) {
    uint64_t begin, end;
    if (file_find_data(comparison->fd[side], offset, size, &begin, &end) < 0) return offset;
    if (begin < next) next = begin;
  }
  return next;
}

// Whether the source ends at |size|, whatever its status says: sizes of the files that the system
// makes up (in /proc and /sys) mean nothing.
static bool ends_at(const comparison *comparison, uint64_t size) {
  char byte;
  rouse_fd fd = comparison->fd[SOURCE];
  return (size == 0 || rouse_file_read(fd, &byte, 1, size - 1) == 1) &&
         rouse_file_read(fd, &byte, 1, size) == 0;
}

static bool compare_contents(comparison *comparison) {
  copy *copy = comparison->copy;
  uint64_t size = comparison->status[SOURCE].size;
  if (size != comparison->status[TARGET].size &&
      ends_at(comparison, comparison->status[TARGET].size)) {
    size = comparison->status[TARGET].size;
  }
  if (size != comparison->status[TARGET].size) {
    return differs(comparison, "differs in size: %llu instead of %llu",
                   (unsigned long long)comparison->status[TARGET].size, (unsigned long long)size);
  }
  if (size == 0) return true;
  size_t room;
  char *buffer = buffer_get(copy, 2 * size, &room);  // both halves in one request
  if (buffer == NULL) {
    comparison->interrupted = walk_stopped(&copy->walk);
    return !comparison->interrupted && differs(comparison, "can't be read: out of memory");
  }
  room /= 2;
  bool same = true, sparse = false;
  for (int side = 0; side < SIDES; side++) sparse |= file_is_sparse(&comparison->status[side]);
  for (uint64_t offset = 0; same;) {
    if (sparse) offset = skip_holes(comparison, offset, size);
    if (offset >= size) break;
    comparison->interrupted = walk_stopped(&copy->walk);
    if (comparison->interrupted) break;
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

static bool compare_symlinks(comparison *comparison) {
  link_target target[SIDES] = {{NULL, 0}, {NULL, 0}};
  bool same = link_read(comparison->fd[SOURCE], &target[SOURCE]) == 0 &&
              link_read(comparison->fd[TARGET], &target[TARGET]) == 0 &&
              target[SOURCE].size == target[TARGET].size &&
              memcmp(target[SOURCE].data, target[TARGET].data, target[SOURCE].size) == 0;
  // A link can't be read without a trace; what was just made gets back the time that it was given.
  if (!comparison->copy->options.compare) {
    attributes_restore_read((inode){comparison->fd[TARGET], true}, &comparison->status[TARGET]);
  }
  for (int side = 0; side < SIDES; side++) free(target[side].data);
  return same || differs(comparison, "differs: the symbolic link leads elsewhere");
}

// --- entries -------------------------------------------------------------------------------------

static bool open_side(comparison *comparison, enum side side, bool regular) {
  gauge *gauge = &comparison->copy->walk.gauges[side];
  rouse_fd fd = file_open(gauge, comparison->directory->fd[side], comparison->name[side],
                          regular ? OPEN_CONTENTS : OPEN_NODE);
  if (fd >= 0) {
    comparison->fd[side] = fd;
    int result = file_status_of(fd, &comparison->status[side]);
    return result == 0 ||
           differs(comparison, "can't be looked at: %s", rouse_error_message(result));
  }
  const char *which = side == SOURCE ? "source" : "copy";
  if (fd == ROUSE_ENOENT) return differs(comparison, "is missing in the %s", which);
  return differs(comparison, "can't be opened in the %s: %s", which, rouse_error_message(fd));
}

static void compare_entry(comparison *comparison, file_kind expected) {
  bool regular = expected == KIND_FILE;
  comparison->by_path = !regular;
  if (!open_side(comparison, SOURCE, regular) || !open_side(comparison, TARGET, regular)) return;
  const file_status *left = &comparison->status[SOURCE], *right = &comparison->status[TARGET];
  if (left->kind != right->kind) {
    differs(comparison, "differs in what it is");
    return;
  }
  if (left->kind == KIND_FILE) compare_contents(comparison);
  if (left->kind == KIND_LINK) compare_symlinks(comparison);
  if (left->device != right->device) differs(comparison, "differs: it is another device");
  compare_attributes(comparison);
  compare_links(comparison);
}

static void verify_handle(walk *walk, entry *entry) {
  copy *copy = walk->user;
  if (entry->kind == KIND_SOCKET) return;
  comparison comparison = {
      .copy = copy,
      .directory = entry->directory,
      .name = {entry->name, entry->target_name},
      .fd = {-1, -1},
  };
  rouse_semaphore_acquire(&copy->descriptors, 1);
  if (!walk_stopped(walk)) {
    compare_entry(&comparison, entry->kind);
    if (!comparison.interrupted) counter_add(&copy->report.compared, 1);
  }
  file_close(comparison.fd[SOURCE]);
  file_close(comparison.fd[TARGET]);
  rouse_semaphore_release(&copy->descriptors, 1);
}

// --- directories ---------------------------------------------------------------------------------

static int verify_enter(walk *walk, directory *child) {
  file_status status;
  rouse_fd dir = child->parent->fd[TARGET];
  rouse_fd fd = file_open(&walk->gauges[TARGET], dir, child->name, OPEN_LISTING);
  int result = fd < 0 ? fd : file_status_of(fd, &status);
  child->fd[TARGET] = fd < 0 ? -1 : fd;
  if (result == 0) {
    child->identity[TARGET] = status.identity;
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
  void *buffer = system_allocate(LISTING_SIZE);
  listing_item item;
  int64_t size;
  for (bool first = true;; first = false) {
    size = listing_read(directory->fd[TARGET], buffer, first);
    if (size <= 0) break;
    for (int64_t at = 0; listing_next(buffer, size, &at, &item);) {
      file_status status;
      if (file_status_at(directory->fd[SOURCE], item.name, &status) == 0) continue;
      comparison->name[TARGET] = item.name;
      differs(comparison, "is in the copy only");
      comparison->name[TARGET] = NULL;
    }
  }
  free(buffer);
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
    int result = file_status_of(comparison.fd[side], &comparison.status[side]);
    if (result == 0) continue;
    differs(&comparison, "can't be looked at: %s", rouse_error_message(result));
    return;
  }
  compare_attributes(&comparison);
  if (copy->paths.target_created || copy->options.compare) find_extra(&comparison);
  counter_add(&copy->report.compared, 1);
}

static const walk_operations verifying = {
    .enter = verify_enter, .handle = verify_handle, .leave = verify_leave, .compares = true};

int verify_run(copy *copy) {
  walk *walk = &copy->walk;
  rouse_fd fd[SIDES] = {-1, -1};
  for (int side = 0; side < SIDES; side++) {
    // Anew, since a descriptor remembers how far it was listed.
    fd[side] = directory_open_again(walk->root->fd[side], copy->paths.is_directory);
    if (fd[side] < 0) {
      int failure = fd[side];
      if (side == TARGET) file_close(fd[SOURCE]);
      return failure;
    }
  }
  walk_finish(walk);
  walk->operations = &verifying;
  walk_init(walk, copy->slots);
  walk_make_root(walk, fd);
  if (copy->paths.is_directory) return walk_run(walk, copy->walkers);
  char *const *name = copy->paths.name;
  walk_start_entry(walk, walk->root, name[SOURCE], name[TARGET], copy->paths.kind);
  return 0;
}
