// Removing a tree that the tool itself has made, however deep, with two descriptors.
//
// Instead of going down, every directory that is found inside another is moved up beside it, under
// a number. So there is never more than one level to look at, and no path.
#include "remove.h"

#include <stdio.h>
#include <stdlib.h>

#include "files.h"

typedef struct removal {
  rouse_fd top;
  uint64_t number;  // of the directories that were moved up
} removal;

// Empties the directory |fd|: files go, directories move to the top.
static int empty(removal *removal, rouse_fd fd) {
  void *buffer = system_allocate(LISTING_SIZE);
  listing_item item;
  int64_t size;
  int result = 0;
  while (result >= 0 && (size = listing_read(fd, buffer, false)) != 0) {
    if (size < 0) result = (int)size;
    for (int64_t at = 0; result >= 0 && listing_next(buffer, size, &at, &item);) {
      result = file_remove(fd, item.name);
      if (result != ROUSE_EISDIR) continue;
      char name[32];
      snprintf(name, sizeof name, "+%llu", (unsigned long long)++removal->number);
      // A directory without permissions can't be moved, for its ".." changes.
      directory_unlock(fd, item.name);
      result = file_rename(fd, item.name, removal->top, name);
    }
  }
  free(buffer);
  return result;
}

static int remove_one(removal *removal, const char *name) {
  int result = file_remove(removal->top, name);
  if (result != ROUSE_EISDIR) return result;
  directory_unlock(removal->top, name);
  rouse_fd fd = file_open_now(removal->top, name, OPEN_LISTING);
  if (fd < 0) return fd;
  result = empty(removal, fd);
  file_close(fd);
  return result < 0 ? result : directory_remove(removal->top, name);
}

// Removes what is at the top now. Returns how much there was, or a failure.
static int remove_round(removal *removal, void *buffer) {
  listing_item item;
  int64_t size;
  int count = 0;
  while ((size = listing_read(removal->top, buffer, false)) > 0) {
    for (int64_t at = 0; listing_next(buffer, size, &at, &item); count++) {
      int result = remove_one(removal, item.name);
      if (result < 0) return result;
    }
  }
  return size < 0 ? (int)size : count;
}

int remove_tree(const char *path) {
  removal removal = {.number = 0};
  void *buffer = system_allocate(LISTING_SIZE);
  int result = 1;
  // What moved up in one round is removed in the next, which opens the top anew: a listing need not
  // tell what came after it was begun.
  while (result > 0) {
    removal.top = path_open_directory(path, true);
    result = removal.top < 0 ? removal.top : remove_round(&removal, buffer);
    file_close(removal.top);
  }
  free(buffer);
  return result < 0 ? result : path_remove_directory(path);
}
