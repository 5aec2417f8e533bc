// Removing a tree that the tool itself has made, however deep, with two descriptors.
//
// Instead of going down, every directory that is found inside another is moved up beside it, under
// a number. So there is never more than one level to look at, and no path.
#define _GNU_SOURCE
#include "remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_dots(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

// Empties the directory |fd|, a listing of which is |listing|: files go, directories move to |top|.
static int empty(int top, DIR *listing, uint64_t *number) {
  int fd = dirfd(listing);
  struct dirent *item;
  while ((item = readdir(listing)) != NULL) {
    if (is_dots(item->d_name)) continue;
    if (unlinkat(fd, item->d_name, 0) == 0) continue;
    if (errno != EISDIR && errno != EPERM) return -1;
    char name[32];
    snprintf(name, sizeof name, "+%llu", (unsigned long long)++*number);
    // A directory without permissions can't be moved, for its ".." changes.
    fchmodat(fd, item->d_name, 0700, 0);
    if (renameat(fd, item->d_name, top, name) != 0) return -1;
  }
  return 0;
}

static int remove_one(int top, const char *name, uint64_t *number) {
  if (unlinkat(top, name, 0) == 0) return 0;
  if (errno != EISDIR && errno != EPERM) return -1;
  fchmodat(top, name, 0700, 0);
  int fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *listing = fd < 0 ? NULL : fdopendir(fd);
  if (listing == NULL) {
    if (fd >= 0) close(fd);
    return -1;
  }
  int result = empty(top, listing, number);
  closedir(listing);
  return result != 0 ? result : unlinkat(top, name, AT_REMOVEDIR);
}

int remove_tree(const char *path) {
  int top = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *listing = top < 0 ? NULL : fdopendir(top);
  if (listing == NULL) {
    if (top >= 0) close(top);
    return -1;
  }
  uint64_t number = 0;
  int result = 0, found;
  do {  // what moved up in one round is removed in the next
    found = 0;
    rewinddir(listing);
    for (struct dirent *item; result == 0 && (item = readdir(listing)) != NULL;) {
      if (is_dots(item->d_name)) continue;
      found = 1;
      result = remove_one(top, item->d_name, &number);
    }
  } while (result == 0 && found);
  closedir(listing);
  return result != 0 ? result : rmdir(path);
}
