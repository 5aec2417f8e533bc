// What is neither a file nor a directory: symbolic links, pipes, devices, sockets.
//
// Each is made under a temporary name, opened without following anything, checked to be
// what was made, given its attributes through that descriptor, and renamed. Owner and times are
// never set by name, for a name in a directory that others can write may mean another file by then.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy.h"

typedef struct special {
  copy *copy;
  entry *entry;
  rouse_fd fd[SIDES];
  file_status status;
  link_target link;  // where a symbolic link leads
  char temporary[SYSTEM_TEMPORARY_SIZE];
  const char *what;
  enum side side;
} special;

static int fail(special *special, enum side side, int64_t code, const char *what) {
  special->side = side;
  special->what = what;
  return (int)code;
}

static int64_t open_source(void *argument) {
  special *special = argument;
  entry *entry = special->entry;
  rouse_fd fd = file_open_now(entry->directory->fd[SOURCE], entry->name, OPEN_NODE);
  if (fd < 0) {
    return fail(special, SOURCE, fd,
                fd == ROUSE_ENOENT ? "vanished before it could be copied" : "cannot open");
  }
  special->fd[SOURCE] = fd;
  int result = file_status_of(fd, &special->status);
  if (result < 0) return fail(special, SOURCE, result, "cannot open");
  if (special->status.kind != KIND_LINK) return 0;
  result = link_read(fd, &special->link);
  return result < 0 ? fail(special, SOURCE, result, "cannot read the symbolic link") : 0;
}

static int64_t place_special(void *argument) {
  special *special = argument;
  directory *directory = special->entry->directory;
  rouse_fd dir = directory->fd[TARGET];
  const char *what;
  int result = node_make(dir, special->temporary, &special->status, &special->link, &what);
  if (result < 0) {
    special->temporary[0] = 0;
    return fail(special, TARGET, result, what);
  }
  file_status made;
  rouse_fd fd = file_open_now(dir, special->temporary, OPEN_NODE);
  special->fd[TARGET] = fd;
  result = fd < 0 ? fd : file_status_of(fd, &made);
  if (result < 0) return fail(special, TARGET, result, "cannot open what was made");
  if (made.kind != special->status.kind || made.links != 1) {
    return fail(special, TARGET, ROUSE_ESTALE, "somebody has replaced what was made");
  }
  inode from = {special->fd[SOURCE], true}, to = {fd, true};
  place where = {directory, special->entry->target_name};
  result = attributes_keep(special->copy, &special->status, from, &made, to, directory->inherits,
                           where, &what);
  if (result < 0) return fail(special, TARGET, result, what);
  result = file_rename(dir, special->temporary, dir, special->entry->target_name);
  if (result < 0) return fail(special, TARGET, result, "cannot put the copy in its place");
  special->temporary[0] = 0;
  return 0;
}

static int64_t discard(void *argument) {
  special *special = argument;
  file_remove(special->entry->directory->fd[TARGET], special->temporary);
  return 0;
}

// Makes the entry's copy. |*out_later|: it is a link to what is copied already.
static bool copy_node(special *special, link_group **group, bool *out_later) {
  copy *copy = special->copy;
  gauge *gauges = copy->walk.gauges;
  int64_t result = system_call(&gauges[SOURCE], open_source, special);
  if (result == 0 && special->status.kind == KIND_SOCKET) {
    counter_add(&copy->report.skipped, 1);
    copy_entry_note(copy, special->entry, SOURCE,
                    "skipped: a socket belongs to the program that listens on it");
    return false;
  }
  file_kind kind = special->status.kind;
  if (result == 0 && kind == KIND_STRANGE) {
    return copy_entry_failure(copy, special->entry, SOURCE, 0,
                              "is of a kind that is not known here; it is not copied");
  }
  if (result == 0 && (kind == KIND_FILE || kind == KIND_DIRECTORY)) {
    return copy_entry_failure(copy, special->entry, SOURCE, 0,
                              "changed what it is while the tree was read");
  }
  if (result == 0) {
    if (*group == NULL && special->status.links > 1) {
      *out_later = !links_claim(copy, special->entry, &special->status, group);
      if (*out_later) return false;
    }
    if (copy_target_in_the_way(copy, special->entry)) return false;
    system_temporary_name(special->temporary);
    result = system_call(&gauges[TARGET], place_special, special);
    if (result == 0) return true;
    if (special->temporary[0] != 0) system_call(&gauges[TARGET], discard, special);
  }
  return copy_entry_failure(copy, special->entry, special->side, (int)result, "%s", special->what);
}

bool copy_special(copy *copy, entry *entry, link_group *group) {
  special special;
  memset(&special, 0, sizeof special);
  special.copy = copy;
  special.entry = entry;
  special.fd[SOURCE] = special.fd[TARGET] = -1;
  bool later = false;
  rouse_semaphore_acquire(&copy->descriptors, 1);
  bool good = !walk_stopped(&copy->walk) && copy_node(&special, &group, &later);
  file_close(special.fd[SOURCE]);
  file_close(special.fd[TARGET]);
  rouse_semaphore_release(&copy->descriptors, 1);
  free(special.link.data);
  if (good) {
    bool is_link = special.status.kind == KIND_LINK;
    counter_add(is_link ? &copy->report.symlinks : &copy->report.specials, 1);
  }
  if (!good && !later && group != NULL) group->failed = true;
  return good;
}
