// Directories of a copy: made when they are entered, given their attributes when they are left.
//
// While a directory is filled it belongs to the copier alone (mode 0700). It is left when all in it
// is in place, so its times are then final. A mode that would keep its owner out is set at the very
// end, since its subdirectories may have to be reached through it until then.
#include "copy.h"

struct entering {
  directory *child;
  const char *what;
};

static int64_t enter_now(void *argument) {
  struct entering *entering = argument;
  directory *child = entering->child;
  rouse_fd dir = child->parent->fd[TARGET];
  entering->what = "cannot make the directory";
  int result = directory_make(dir, child->name);
  child->created = result == 0;
  if (result < 0 && result != ROUSE_EEXIST) return result;
  if (!child->created) entering->what = "cannot be replaced by a directory, or not be used as one";
  rouse_fd fd = file_open_now(dir, child->name, OPEN_LISTING);
  file_status status;
  result = fd < 0 ? fd : file_status_of(fd, &status);
  if (result < 0) {
    file_close(fd);
    if (child->created) directory_remove(dir, child->name);
    return result;
  }
  child->fd[TARGET] = fd;
  child->identity[TARGET] = status.identity;
  child->inherits = attributes_inherited((inode){fd, false});
  return 0;
}

int copy_enter(walk *walk, directory *child) {
  if (identity_equal(child->identity[SOURCE], walk->root->identity[TARGET])) {
    walk_failure(walk, child, NULL, SOURCE, 0,
                 "is where the copy goes; a directory can't be copied into itself");
    return ROUSE_EINVAL;
  }
  struct entering entering = {.child = child};
  int result = (int)system_call(&walk->gauges[TARGET], enter_now, &entering);
  if (result == 0) return 0;
  walk_failure(walk, child, NULL, TARGET, result, "%s", entering.what);
  return result;
}

// --- leaving -------------------------------------------------------------------------------------

enum { OWNER_ALL = 0700 };

// Whether |directory| must stay open to its owner until the end.
static bool is_late(const copy *copy, const directory *directory) {
  return !copy->privileged && (directory->status.mode & OWNER_ALL) != OWNER_ALL;
}

struct leaving {
  copy *copy;
  directory *directory;
  const char *what;
};

static int64_t leave_now(void *argument) {
  struct leaving *leaving = argument;
  directory *directory = leaving->directory;
  file_status wanted = directory->status, made;
  rouse_fd target = directory->fd[TARGET];
  leaving->what = "cannot find out its status";
  int result = file_status_of(target, &made);
  if (result < 0) return result;
  if (is_late(leaving->copy, directory)) wanted.mode |= OWNER_ALL;
  // The source may have been opened anew just to be gone through.
  inode from = {directory->fd[SOURCE], true}, to = {target, false};
  // Whether it was there before or inherited something: it gets the source's and no others.
  return attributes_keep(leaving->copy, &wanted, from, &made, to, true, (place){directory, NULL},
                         &leaving->what);
}

void copy_leave(walk *walk, directory *directory) {
  copy *copy = walk->user;
  struct leaving leaving = {.copy = copy, .directory = directory};
  int64_t result = system_call(&walk->gauges[TARGET], leave_now, &leaving);
  if (result < 0) {
    walk_failure(walk, directory, NULL, TARGET, (int)result, "%s", leaving.what);
    return;
  }
  counter_add(&copy->report.directories, 1);
  if (!is_late(copy, directory)) return;
  walk_hold(walk, directory);
  rouse_mutex_lock(&copy->late_lock);
  directory->next = copy->late;
  copy->late = directory;
  rouse_mutex_unlock(&copy->late_lock);
}

// Merges two lists that are sorted, deepest first.
static directory *merge(directory *left, directory *right) {
  directory *head = NULL, **end = &head;
  while (left != NULL && right != NULL) {
    directory **from = left->depth >= right->depth ? &left : &right;
    directory *deepest = *from;
    *from = deepest->next;
    *end = deepest;
    end = &deepest->next;
  }
  *end = left != NULL ? left : right;
  return head;
}

// Sorts by merging lists of growing powers of two, as a binary counter counts.
static directory *sort_by_depth(directory *list) {
  directory *runs[40] = {NULL};
  while (list != NULL) {
    directory *run = list;
    list = list->next;
    run->next = NULL;
    int bit = 0;
    for (; runs[bit] != NULL; bit++) {
      run = merge(runs[bit], run);
      runs[bit] = NULL;
    }
    runs[bit] = run;
  }
  directory *sorted = NULL;
  for (int bit = 0; bit < 40; bit++) sorted = merge(runs[bit], sorted);
  return sorted;
}

void copy_late_finish(copy *copy) {
  directory *list = sort_by_depth(copy->late);
  copy->late = NULL;
  while (list != NULL) {
    directory *directory = list;
    list = list->next;
    int result = walk_pin(&copy->walk, directory);
    if (result == 0) {
      file_status made;
      // As a place: it was left.
      inode to = {directory->fd[TARGET], true};
      result = file_status_of(to.fd, &made);
      if (result == 0) {
        result =
            attributes_set_mode(to, attributes_mode(&directory->status, made.owner, made.group));
      }
      walk_unpin(&copy->walk, directory);
    }
    if (result < 0) {
      walk_failure(&copy->walk, directory, NULL, TARGET, result, "cannot set its mode");
    }
    walk_drop(&copy->walk, directory);
  }
}
