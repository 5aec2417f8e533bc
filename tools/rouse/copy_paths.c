// Which directory goes into which, by the rules of `cp -a`, and what is refused before anything is
// made.
//
// The paths on the command line are the user's own words, so they are followed wherever they lead.
// All that comes after is relative to the descriptors that are opened here.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy.h"

// A path in two: the directory above, and the last name without slashes after it.
typedef struct split {
  char *above, *name;
  bool slash;  // it ended in a slash
  bool whole;  // the last name is ".", "..", or there is none: it can only be opened as it is
} split;

static char *duplicate_all(const char *text) { return system_duplicate(text, strlen(text)); }

static split split_path(const char *path) {
  size_t root = path_root(path);
  size_t end = strlen(path);
  while (end > root && path_separates(path[end - 1])) end--;
  size_t start = end;
  while (start > root && !path_separates(path[start - 1])) start--;
  size_t above = start;
  while (above > root + 1 && path_separates(path[above - 1])) above--;
  split split = {
      .above = system_duplicate(path, above),
      .name = system_duplicate(path + start, end - start),
      .slash = path_separates(path[end]),
  };
  split.whole = split.name[0] == 0 || strcmp(split.name, ".") == 0 || strcmp(split.name, "..") == 0;
  return split;
}

static void split_free(split *split) {
  free(split->above);
  free(split->name);
}

SYSTEM_PRINTF(4, 5)
static bool refuse(copy *copy, const char *path, int code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  report_failure_list(&copy->report, path, code, format, arguments);
  va_end(arguments);
  return false;
}

// Joins without a second slash. On the heap.
static char *join(const char *left, const char *right) {
  size_t length = strlen(left);
  bool separated = length == 0 || path_separates(left[length - 1]);
  size_t size = length + strlen(right) + 2;
  char *joined = system_allocate(size);
  snprintf(joined, size, "%s%.*s%s", left, separated ? 0 : 1, &path_separator, right);
  return joined;
}

// Opens the directory above a name; where the path has none it is the one we are in.
static rouse_fd open_above(const char *above) {
  return path_open_directory(above[0] == 0 ? "." : above, false);
}

// --- the source ----------------------------------------------------------------------------------

// Fills in the source's side. |status| takes its status.
static bool find_source(copy *copy, const split *source, file_status *status) {
  copy_paths *paths = &copy->paths;
  const char *path = copy->options.source;
  rouse_fd fd;
  int result = 0;
  if (source->slash || source->whole) {
    fd = path_open_directory(path, true);
    if (fd < 0) return refuse(copy, path, fd, "cannot open the directory");
    result = file_status_of(fd, status);
  } else {
    rouse_fd above = open_above(source->above);
    if (above < 0) return refuse(copy, path, above, "cannot be found");
    result = file_status_at(above, source->name, status);
    fd = above;
    if (result == 0 && status->kind == KIND_DIRECTORY) {
      fd = file_open_now(above, source->name, OPEN_LISTING);
      file_close(above);
      if (fd < 0) return refuse(copy, path, fd, "cannot open the directory");
      result = file_status_of(fd, status);
    }
  }
  if (result < 0) {
    file_close(fd);
    return refuse(copy, path, result, "cannot be found");
  }
  if (status->kind == KIND_SOCKET) {
    file_close(fd);
    return refuse(copy, path, 0, "is a socket, which only the program that listens on it can make");
  }
  paths->fd[SOURCE] = fd;
  paths->is_directory = status->kind == KIND_DIRECTORY;
  paths->kind = status->kind;
  paths->path[SOURCE] = duplicate_all(paths->is_directory ? path : source->above);
  paths->name[SOURCE] = duplicate_all(source->name);
  return true;
}

// --- the target ----------------------------------------------------------------------------------

// Where the copy goes: a name in a directory that is open, or (name NULL) that very directory.
typedef struct destination {
  rouse_fd above;  // -1: none
  char *name;
  bool follow;  // |name| is the user's own word
  char *path;   // of the copy
  char *above_path;
} destination;

static void destination_free(destination *destination) {
  file_close(destination->above);
  free(destination->name);
  free(destination->path);
  free(destination->above_path);
}

static bool find_destination(copy *copy, const split *source, destination *out) {
  const char *path = copy->options.target;
  file_status status;
  bool is_directory = path_status(path, &status) == 0 && status.kind == KIND_DIRECTORY;
  bool into = is_directory && !copy->options.no_target_directory && !source->whole;
  split target = split_path(path);
  bool good = true;
  if (into || (is_directory && target.whole)) {
    out->above = path_open_directory(path, false);
    out->name = into ? duplicate_all(source->name) : NULL;
    out->path = into ? join(path, source->name) : duplicate_all(path);
    out->above_path = duplicate_all(path);
  } else if (target.whole || (target.slash && !is_directory && !copy->paths.is_directory)) {
    good = refuse(copy, path, ROUSE_ENOTDIR, "cannot be the name of the copy");
  } else {
    out->above = open_above(target.above);
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

// What stands where the copy goes, against what is to be copied.
static bool check(copy *copy, const destination *to, const file_status *source) {
  const char *path = to->path;
  file_status there;
  int result;
  if (to->name == NULL) {
    result = file_status_of(to->above, &there);
  } else if (to->follow && copy->paths.is_directory) {
    result = path_status(path, &there);
  } else {
    result = file_status_at(to->above, to->name, &there);
  }
  if (result == 0) {
    if (identity_equal(there.identity, source->identity)) {
      return refuse(copy, path, 0, "is the same as the source");
    }
    if (there.kind == KIND_DIRECTORY && !copy->paths.is_directory) {
      return refuse(copy, path, 0, "is a directory; it is not replaced by a file");
    }
    if (there.kind != KIND_DIRECTORY && copy->paths.is_directory) {
      return refuse(copy, path, 0, "is no directory; it is not replaced by one");
    }
  } else if (result != ROUSE_ENOENT) {
    return refuse(copy, path, result, "cannot find out what is there");
  }
  if (!copy->paths.is_directory) return true;
  int inside = directory_is_inside(to->above, source->identity);
  if (inside < 0) return refuse(copy, path, inside, "cannot tell what directories it is in");
  if (inside == 0) return true;
  return refuse(copy, path, 0, "is inside the source; a directory can't be copied into itself");
}

// Makes or opens the target's directory.
static bool open_target(copy *copy, const destination *to) {
  copy_paths *paths = &copy->paths;
  rouse_fd fd;
  if (to->name == NULL) {
    fd = path_open_directory(to->path, true);
  } else {
    int result = ROUSE_EEXIST;
    if (!copy->options.compare) result = directory_make(to->above, to->name);
    paths->target_created = result == 0;
    if (result < 0 && result != ROUSE_EEXIST) {
      return refuse(copy, to->path, result, "cannot make the directory");
    }
    bool made = paths->target_created || !to->follow;
    fd = made ? file_open_now(to->above, to->name, OPEN_LISTING)
              : path_open_directory(to->path, true);
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
  // As the system has it, an empty path is the name of nothing, and not of where we are.
  if (copy->options.source[0] == 0) return refuse(copy, "", ROUSE_ENOENT, "SOURCE is empty");
  if (copy->options.target[0] == 0) return refuse(copy, "", ROUSE_ENOENT, "TARGET is empty");
  split source = split_path(copy->options.source);
  destination to = {.above = -1};
  file_status status;
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
    file_close(paths->fd[side]);
    paths->fd[side] = -1;
    free(paths->path[side]);
    free(paths->name[side]);
    paths->path[side] = paths->name[side] = NULL;
  }
}
