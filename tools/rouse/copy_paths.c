// Which directory goes into which, by the rules of `cp -a`, and what is refused before anything is
// made.
//
// The paths on the command line are the user's own words, so they are followed wherever they lead.
// All that comes after is relative to the descriptors that are opened here.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copy.h"

// A path in two: the directory above, and the last name without slashes after it.
typedef struct split {
  char *above, *name;
  bool slash;  // it ended in a slash
  bool whole;  // the last name is ".", "..", or there is none: it can only be opened as it is
} split;

static char *duplicate(const char *text, size_t length) {
  char *copied = strndup(text, length);
  if (copied == NULL) system_die_without_memory();
  return copied;
}

static char *duplicate_all(const char *text) { return duplicate(text, strlen(text)); }

static split split_path(const char *path) {
  size_t end = strlen(path);
  while (end > 0 && path[end - 1] == '/') end--;
  size_t start = end;
  while (start > 0 && path[start - 1] != '/') start--;
  size_t above = start;
  while (above > 1 && path[above - 1] == '/') above--;
  split split = {
      .above = duplicate(path, above),
      .name = duplicate(path + start, end - start),
      .slash = path[end] == '/',
  };
  split.whole = split.name[0] == 0 || strcmp(split.name, ".") == 0 || strcmp(split.name, "..") == 0;
  return split;
}

static void split_free(split *split) {
  free(split->above);
  free(split->name);
}

__attribute__((format(printf, 4, 5))) static bool refuse(copy *copy, const char *path, int code,
                                                         const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  report_failure_list(&copy->report, path, code, format, arguments);
  va_end(arguments);
  return false;
}

static int open_directory(int dir, const char *path, int flags) {
  return (int)system_result(openat(dir, path, flags | O_DIRECTORY | O_CLOEXEC));
}

static int open_above(const split *split) {
  return open_directory(AT_FDCWD, split->above[0] == 0 ? "." : split->above, O_PATH);
}

// Joins without a second slash. On the heap.
static char *join(const char *left, const char *right) {
  size_t length = strlen(left);
  const char *slash = length == 0 || left[length - 1] == '/' ? "" : "/";
  char *joined;
  if (asprintf(&joined, "%s%s%s", left, slash, right) < 0) system_die_without_memory();
  return joined;
}

// --- the source ----------------------------------------------------------------------------------

// Fills in the source's side. |status| takes its status.
static bool find_source(copy *copy, const split *source, struct stat *status) {
  copy_paths *paths = &copy->paths;
  const char *path = copy->options.source;
  int fd;
  if (source->slash || source->whole) {
    fd = open_directory(AT_FDCWD, path, O_RDONLY);
    if (fd < 0) return refuse(copy, path, fd, "cannot open the directory");
    fstat(fd, status);
  } else {
    int above = open_above(source);
    if (above < 0) return refuse(copy, path, above, "cannot be found");
    int64_t result = system_result(fstatat(above, source->name, status, AT_SYMLINK_NOFOLLOW));
    fd = above;
    if (result == 0 && S_ISDIR(status->st_mode)) {
      fd = open_directory(above, source->name, O_RDONLY | O_NOFOLLOW);
      close(above);
      if (fd < 0) return refuse(copy, path, fd, "cannot open the directory");
      fstat(fd, status);
    } else if (result < 0) {
      close(above);
      return refuse(copy, path, (int)result, "cannot be found");
    }
  }
  paths->fd[SOURCE] = fd;
  paths->is_directory = S_ISDIR(status->st_mode);
  paths->type = IFTODT(status->st_mode);
  paths->path[SOURCE] = duplicate_all(paths->is_directory ? path : source->above);
  paths->name[SOURCE] = duplicate_all(source->name);
  return true;
}

// --- the target ----------------------------------------------------------------------------------

// Where the copy goes: a name in a directory that is open, or (name NULL) that very directory.
typedef struct destination {
  int above;  // -1: none
  char *name;
  bool follow;  // |name| is the user's own word
  char *path;   // of the copy
  char *above_path;
} destination;

static void destination_free(destination *destination) {
  system_close(destination->above);
  free(destination->name);
  free(destination->path);
  free(destination->above_path);
}

static bool find_destination(copy *copy, const split *source, destination *out) {
  const char *path = copy->options.target;
  struct stat status;
  bool is_directory = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
  bool into = is_directory && !copy->options.no_target_directory && !source->whole;
  split target = split_path(path);
  bool good = true;
  if (into || (is_directory && target.whole)) {
    out->above = open_directory(AT_FDCWD, path, O_PATH);
    out->name = into ? duplicate_all(source->name) : NULL;
    out->path = into ? join(path, source->name) : duplicate_all(path);
    out->above_path = duplicate_all(path);
  } else if (target.whole || (target.slash && !is_directory && !copy->paths.is_directory)) {
    good = refuse(copy, path, ROUSE_ENOTDIR, "cannot be the name of the copy");
  } else {
    out->above = open_above(&target);
    out->name = duplicate_all(target.name);
    out->follow = true;
    out->path = duplicate_all(path);
    out->above_path = duplicate_all(target.above);
  }
  if (good && out->above < 0) {
    good = refuse(copy, path, out->above, "cannot open the directory for the copy");
  }
  split_free(&target);
  return good;
}

// Whether the directory |at|, or one above it, is |sought|. Or a failure.
static int is_inside(int at, identity sought) {
  int fd = at;
  int result = 0;
  identity last = {0, 0};
  for (;;) {
    struct stat status;
    result = (int)system_result(fstat(fd, &status));
    if (result < 0) break;
    identity here = identity_of(&status);
    if (identity_equal(here, sought)) result = 1;
    if (result != 0 || identity_equal(here, last)) break;  // the root is above itself
    last = here;
    int up = open_directory(fd, "..", O_PATH);
    if (fd != at) close(fd);
    fd = up;
    if (fd < 0) return fd;
  }
  if (fd != at) close(fd);
  return result;
}

// What stands where the copy goes, against what is to be copied.
static bool check(copy *copy, const destination *to, const struct stat *source) {
  const char *path = to->path;
  struct stat there;
  int flags = to->follow && copy->paths.is_directory ? 0 : AT_SYMLINK_NOFOLLOW;
  int64_t result = to->name == NULL ? system_result(fstat(to->above, &there))
                                    : system_result(fstatat(to->above, to->name, &there, flags));
  if (result == 0) {
    if (identity_equal(identity_of(&there), identity_of(source))) {
      return refuse(copy, path, 0, "is the same as the source");
    }
    if (S_ISDIR(there.st_mode) && !copy->paths.is_directory) {
      return refuse(copy, path, 0, "is a directory; it is not replaced by a file");
    }
    if (!S_ISDIR(there.st_mode) && copy->paths.is_directory) {
      return refuse(copy, path, 0, "is no directory; it is not replaced by one");
    }
  } else if (result != ROUSE_ENOENT) {
    return refuse(copy, path, (int)result, "cannot find out what is there");
  }
  if (!copy->paths.is_directory) return true;
  int inside = is_inside(to->above, identity_of(source));
  if (inside < 0) return refuse(copy, path, inside, "cannot tell what directories it is in");
  if (inside == 0) return true;
  return refuse(copy, path, 0, "is inside the source; a directory can't be copied into itself");
}

// Makes or opens the target's directory.
static bool open_target(copy *copy, const destination *to) {
  copy_paths *paths = &copy->paths;
  int fd;
  if (to->name == NULL) {
    fd = open_directory(to->above, ".", O_RDONLY);
  } else {
    int64_t result = ROUSE_EEXIST;
    if (!copy->options.compare) result = system_result(mkdirat(to->above, to->name, 0700));
    paths->target_created = result == 0;
    if (result < 0 && result != ROUSE_EEXIST) {
      return refuse(copy, to->path, (int)result, "cannot make the directory");
    }
    fd = open_directory(to->above, to->name, O_RDONLY | (to->follow ? 0 : O_NOFOLLOW));
  }
  if (fd < 0) return refuse(copy, to->path, fd, "cannot open the directory");
  paths->fd[TARGET] = fd;
  paths->path[TARGET] = duplicate_all(to->path);
  return true;
}

bool copy_paths_find(copy *copy) {
  copy_paths *paths = &copy->paths;
  memset(paths, 0, sizeof *paths);
  paths->fd[SOURCE] = paths->fd[TARGET] = -1;
  split source = split_path(copy->options.source);
  destination to = {.above = -1};
  struct stat status;
  bool good = find_source(copy, &source, &status) && find_destination(copy, &source, &to) &&
              check(copy, &to, &status);
  if (good && paths->is_directory) good = open_target(copy, &to);
  if (good && !paths->is_directory) {
    paths->fd[TARGET] = to.above;
    paths->path[TARGET] = duplicate_all(to.above_path);
    paths->name[TARGET] = duplicate_all(to.name);
    to.above = -1;
  }
  split_free(&source);
  destination_free(&to);
  return good;
}

void copy_paths_free(copy_paths *paths) {
  for (int side = 0; side < SIDES; side++) {
    system_close(paths->fd[side]);
    paths->fd[side] = -1;
    free(paths->path[side]);
    free(paths->name[side]);
    paths->path[side] = paths->name[side] = NULL;
  }
}
