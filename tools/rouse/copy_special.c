// What is neither a file nor a directory: symbolic links, pipes, devices, sockets.
//
// Each is made under a temporary name, opened by O_PATH without following anything, checked to be
// what was made, given its attributes through that descriptor, and renamed. Owner and times are
// never set by name, for a name in a directory that others can write may mean another file by then.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "copy.h"

typedef struct special {
  copy *copy;
  entry *entry;
  int fd[SIDES];
  struct stat status;
  char *link;  // where a symbolic link leads
  char temporary[SYSTEM_TEMPORARY_SIZE];
  const char *what;
  enum side side;
} special;

static int fail(special *special, enum side side, int64_t code, const char *what) {
  special->side = side;
  special->what = what;
  return (int)code;
}

enum { LINK_MAX_SIZE = 1024 * 1024 };

static int read_link(special *special) {
  for (size_t room = (size_t)special->status.st_size + 1; room <= LINK_MAX_SIZE;) {
    if (room < 64) room = 64;
    free(special->link);
    special->link = system_allocate(room);
    int64_t size = system_result(readlinkat(special->fd[SOURCE], "", special->link, room));
    if (size < 0) return fail(special, SOURCE, size, "cannot read the symbolic link");
    if ((size_t)size < room) {
      special->link[size] = 0;
      return 0;
    }
    room *= 2;
  }
  return fail(special, SOURCE, ROUSE_ENAMETOOLONG, "cannot read the symbolic link");
}

static int64_t open_source(void *argument) {
  special *special = argument;
  entry *entry = special->entry;
  int fd = (int)system_result(
      openat(entry->directory->fd[SOURCE], entry->name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (fd < 0) {
    return fail(special, SOURCE, fd,
                fd == ROUSE_ENOENT ? "vanished before it could be copied" : "cannot open");
  }
  special->fd[SOURCE] = fd;
  int64_t result = system_result(fstat(fd, &special->status));
  if (result < 0) return fail(special, SOURCE, result, "cannot open");
  return S_ISLNK(special->status.st_mode) ? read_link(special) : 0;
}

static int make(special *special) {
  int dir = special->entry->directory->fd[TARGET];
  const struct stat *status = &special->status;
  if (S_ISLNK(status->st_mode)) {
    int64_t result = system_result(symlinkat(special->link, dir, special->temporary));
    return result < 0 ? fail(special, TARGET, result, "cannot make the symbolic link") : 0;
  }
  mode_t mode = (status->st_mode & S_IFMT) | 0600;
  int64_t result = system_result(mknodat(dir, special->temporary, mode, status->st_rdev));
  if (result == 0) return 0;
  return fail(special, TARGET, result,
              S_ISFIFO(status->st_mode) ? "cannot make the pipe" : "cannot make the device");
}

static int64_t place_special(void *argument) {
  special *special = argument;
  directory *directory = special->entry->directory;
  int dir = directory->fd[TARGET];
  int result = make(special);
  if (result < 0) {
    special->temporary[0] = 0;
    return result;
  }
  struct stat made;
  int fd = openat(dir, special->temporary, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  special->fd[TARGET] = fd;
  if (fd < 0 || fstat(fd, &made) != 0) {
    return fail(special, TARGET, system_result(-1), "cannot open what was made");
  }
  if ((made.st_mode & S_IFMT) != (special->status.st_mode & S_IFMT) || made.st_nlink != 1) {
    return fail(special, TARGET, ROUSE_ESTALE, "somebody has replaced what was made");
  }
  inode from = {special->fd[SOURCE], true}, to = {fd, true};
  place where = {directory, special->entry->target_name};
  const char *what;
  result = attributes_keep(special->copy, &special->status, from, &made, to, directory->inherits,
                           where, &what);
  if (result < 0) return fail(special, TARGET, result, what);
  result = (int)system_result(renameat(dir, special->temporary, dir, special->entry->target_name));
  if (result < 0) return fail(special, TARGET, result, "cannot put the copy in its place");
  special->temporary[0] = 0;
  return 0;
}

static int64_t discard(void *argument) {
  special *special = argument;
  unlinkat(special->entry->directory->fd[TARGET], special->temporary, 0);
  return 0;
}

// Makes the entry's copy. |*out_later|: it is a link to what is copied already.
static bool copy_node(special *special, link_group **group, bool *out_later) {
  copy *copy = special->copy;
  gauge *gauges = copy->walk.gauges;
  int64_t result = system_call(&gauges[SOURCE], open_source, special);
  if (result == 0 && S_ISSOCK(special->status.st_mode)) {
    counter_add(&copy->report.skipped, 1);
    copy_entry_note(copy, special->entry, SOURCE,
                    "skipped: a socket belongs to the program that listens on it");
    return false;
  }
  mode_t type = special->status.st_mode & S_IFMT;
  if (result == 0 && (type == S_IFREG || type == S_IFDIR)) {
    return copy_entry_failure(copy, special->entry, SOURCE, 0,
                              "changed what it is while the tree was read");
  }
  if (result == 0) {
    if (*group == NULL && special->status.st_nlink > 1) {
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
  system_close(special.fd[SOURCE]);
  system_close(special.fd[TARGET]);
  rouse_semaphore_release(&copy->descriptors, 1);
  free(special.link);
  if (good) {
    bool is_link = S_ISLNK(special.status.st_mode);
    counter_add(is_link ? &copy->report.symlinks : &copy->report.specials, 1);
  }
  if (!good && !later && group != NULL) group->failed = true;
  return good;
}
