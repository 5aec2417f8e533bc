// A regular file: read by completion, written under a temporary name beside its target, and
// renamed.
//
// What makes and finishes the target (open, owner, attributes, mode, times, close, rename) is one
// group of system calls, made at one go wherever system_call() decides. A file that fits one buffer
// is one read, and one group that writes it, too. Bigger ones are a group, reads and writes by
// completion, and another group. The temporary file goes away on every path that does not rename
// it.
//
// Holes are found by the system and never written.
#include <stdio.h>
#include <string.h>

#include "copy.h"

// A file on its way to its place. |what| and |side| say what failed.
typedef struct passage {
  copy *copy;
  entry *entry;
  rouse_fd fd[SIDES];
  file_status status, made;
  char temporary[SYSTEM_TEMPORARY_SIZE];
  void *buffer;
  size_t room;
  size_t size;     // what |buffer| holds, for placing at one go
  uint64_t bytes;  // counted as copied
  const char *what;
  enum side side;
} passage;

static int fail(passage *passage, enum side side, int64_t code, const char *what) {
  passage->side = side;
  passage->what = what;
  return (int)code;
}

// --- groups of system calls ----------------------------------------------------------------------

static int create_now(passage *passage, bool by_completion) {
  rouse_fd dir = passage->entry->directory->fd[TARGET];
  rouse_fd fd = file_create(dir, passage->temporary, by_completion);
  if (fd < 0) return fail(passage, TARGET, fd, "cannot create");
  passage->fd[TARGET] = fd;
  int result = file_status_of(fd, &passage->made);
  return result < 0 ? fail(passage, TARGET, result, "cannot create") : 0;
}

static int write_now(passage *passage) {
  int result = file_write_now(passage->fd[TARGET], passage->buffer, passage->size);
  return result < 0 ? fail(passage, TARGET, result, "cannot write") : 0;
}

static int finish_now(passage *passage) {
  directory *directory = passage->entry->directory;
  const char *name = passage->entry->target_name;
  inode from = {passage->fd[SOURCE], false}, to = {passage->fd[TARGET], false};
  const char *what;
  int result = attributes_keep(passage->copy, &passage->status, from, &passage->made, to,
                               directory->inherits, (place){directory, name}, &what);
  if (result < 0) return fail(passage, TARGET, result, what);
  // Network file systems tell only now that there was no room.
  result = file_close(passage->fd[TARGET]);
  passage->fd[TARGET] = -1;
  if (result < 0) return fail(passage, TARGET, result, "cannot write");
  rouse_fd dir = directory->fd[TARGET];
  result = file_rename(dir, passage->temporary, dir, name);
  if (result < 0) return fail(passage, TARGET, result, "cannot put the copy in its place");
  passage->temporary[0] = 0;
  return 0;
}

static int64_t discard(void *argument) {
  passage *passage = argument;
  file_close(passage->fd[TARGET]);
  passage->fd[TARGET] = -1;
  if (passage->temporary[0] != 0) {
    file_remove(passage->entry->directory->fd[TARGET], passage->temporary);
  }
  return 0;
}

static int64_t create(void *argument) { return create_now(argument, true); }
static int64_t finish(void *argument) { return finish_now(argument); }

static int64_t place_whole(void *argument) {
  passage *passage = argument;
  int result = create_now(passage, false);
  if (result == 0) result = write_now(passage);
  if (result == 0) result = finish_now(passage);
  return result;
}

static int call(passage *passage, rouse_task_fn *function) {
  return (int)system_call(&passage->copy->walk.gauges[TARGET], function, passage);
}

// --- contents ------------------------------------------------------------------------------------

static int write_all(passage *passage, size_t size, uint64_t offset) {
  for (size_t done = 0; done < size;) {
    int64_t result = rouse_file_write(passage->fd[TARGET], (char *)passage->buffer + done,
                                      size - done, offset + done);
    if (result <= 0) return fail(passage, TARGET, result < 0 ? result : ROUSE_EIO, "cannot write");
    done += (size_t)result;
  }
  return 0;
}

// Copies the bytes from |offset| to |end|, or to the end of the file. Returns where it got to.
static int64_t copy_range(passage *passage, uint64_t offset, uint64_t end) {
  while (offset < end) {
    if (walk_stopped(&passage->copy->walk)) {
      return fail(passage, SOURCE, ROUSE_ECANCELED, "interrupted");
    }
    uint64_t left = end - offset;
    size_t room = left < passage->room ? (size_t)left : passage->room;
    int64_t size = rouse_file_read(passage->fd[SOURCE], passage->buffer, room, offset);
    if (size < 0) return fail(passage, SOURCE, size, "cannot read");
    if (size == 0) break;
    int result = write_all(passage, (size_t)size, offset);
    if (result < 0) return result;
    counter_add(&passage->copy->report.bytes, (uint64_t)size);
    passage->bytes += (uint64_t)size;
    offset += (uint64_t)size;
  }
  return (int64_t)offset;
}

struct search {
  rouse_fd fd;
  uint64_t from, size, begin, end;
};

static int64_t search_now(void *argument) {
  struct search *search = argument;
  return file_find_data(search->fd, search->from, search->size, &search->begin, &search->end);
}

// Where the source ends now, if that is in the hole from |from| to |to|.
static int end_in_hole(passage *passage, uint64_t from, uint64_t to, uint64_t *out_end) {
  file_status now;
  int result = file_status_of(passage->fd[SOURCE], &now);
  if (result < 0) return fail(passage, SOURCE, result, "cannot find out its size");
  *out_end = now.size < from ? from : now.size < to ? now.size : to;
  return 0;
}

// Copies what is between the holes. The status tells where they may be, and only reading where the
// file ends: it may have been cut short or have grown meanwhile, and files that the system makes up
// (in /sys, for example) say what size they like.
static int copy_sparse(passage *passage) {
  uint64_t size = passage->status.size;
  int result = file_make_sparse(passage->fd[TARGET]);
  if (result < 0) return fail(passage, TARGET, result, "cannot have holes");
  struct search search = {.fd = passage->fd[SOURCE], .size = size};
  uint64_t end = 0;  // of what was found so far
  while (end == search.from && end < size) {
    gauge *gauge = &passage->copy->walk.gauges[SOURCE];
    int64_t found = system_call(gauge, search_now, &search);
    if (found < 0) return fail(passage, SOURCE, found, "cannot find its holes");
    int64_t reached = copy_range(passage, search.begin, search.end);
    if (reached < 0) return (int)reached;
    if ((uint64_t)reached > search.begin) {
      end = (uint64_t)reached;
    } else {  // only a hole is left
      result = end_in_hole(passage, end, search.begin, &end);
      if (result < 0) return result;
    }
    search.from = search.end;
  }
  if (end == size) {
    int64_t reached = copy_range(passage, size, UINT64_MAX);
    if (reached < 0) return (int)reached;
    end = (uint64_t)reached;
  }
  result = file_set_size(passage->fd[TARGET], end);
  return result < 0 ? fail(passage, TARGET, result, "cannot set its size") : 0;
}

// Reads a file that fits the buffer. Returns 1 if that was all of it, and 0 if there may be more.
static int read_whole(passage *passage) {
  int64_t size = rouse_file_read(passage->fd[SOURCE], passage->buffer, passage->room, 0);
  if (size < 0) return fail(passage, SOURCE, size, "cannot read");
  passage->size = (size_t)size;
  // Less than what there was room for is the end, if it is where the end should be.
  return (uint64_t)size == passage->status.size && (size_t)size < passage->room;
}

static int carry(passage *passage) {
  uint64_t size = passage->status.size;
  if (!file_is_sparse(&passage->status) && size < passage->room) {
    int whole = read_whole(passage);
    if (whole < 0) return whole;
    if (whole > 0) {
      int result = call(passage, place_whole);
      if (result == 0) counter_add(&passage->copy->report.bytes, passage->size);
      return result;
    }
  }
  int result = call(passage, create);
  if (result < 0) return result;
  if (file_is_sparse(&passage->status)) {
    result = copy_sparse(passage);
  } else {
    int64_t reached = copy_range(passage, 0, UINT64_MAX);
    result = reached < 0 ? (int)reached : 0;
  }
  return result < 0 ? result : call(passage, finish);
}

// --- the whole -----------------------------------------------------------------------------------

// Opens the source and looks at it. Not 0: told.
static bool open_source(passage *passage) {
  entry *entry = passage->entry;
  gauge *gauge = &passage->copy->walk.gauges[SOURCE];
  rouse_fd fd = file_open(gauge, entry->directory->fd[SOURCE], entry->name, OPEN_CONTENTS);
  const char *what = "cannot open";
  if (fd == ROUSE_ENOENT) what = "vanished before it could be copied";
  if (fd == ROUSE_ELOOP) what = "became a symbolic link while the tree was read";
  if (fd < 0) return copy_entry_failure(passage->copy, entry, SOURCE, fd, "%s", what);
  passage->fd[SOURCE] = fd;
  int result = file_status_of(fd, &passage->status);
  if (result < 0) return copy_entry_failure(passage->copy, entry, SOURCE, result, "cannot open");
  if (passage->status.kind == KIND_FILE) return true;
  return copy_entry_failure(passage->copy, entry, SOURCE, 0,
                            "is no regular file any more; it changed while the tree was read");
}

static bool transfer(passage *passage) {
  copy *copy = passage->copy;
  uint64_t size = passage->status.size;
  system_temporary_name(passage->temporary);
  // One byte more than there should be shows that there is no more.
  passage->buffer = buffer_get(copy, size + 1, &passage->room);
  if (passage->buffer == NULL) {
    if (walk_stopped(&copy->walk)) return false;
    return copy_entry_failure(copy, passage->entry, SOURCE, ROUSE_ENOMEM, "cannot read");
  }
  int result = carry(passage);
  buffer_put(copy, passage->buffer);
  if (result == 0) return true;
  call(passage, discard);
  counter_subtract(&copy->report.bytes, passage->bytes);
  if (result == ROUSE_ECANCELED && walk_stopped(&copy->walk)) return false;
  return copy_entry_failure(copy, passage->entry, passage->side, result, "%s", passage->what);
}

bool copy_file(copy *copy, entry *entry, link_group *group) {
  passage passage;
  passage.copy = copy;
  passage.entry = entry;
  passage.bytes = 0;
  passage.fd[SOURCE] = passage.fd[TARGET] = -1;
  // Both descriptors at once: who has one never waits for the other.
  rouse_semaphore_acquire(&copy->descriptors, 1);
  bool good = false, later = false;
  if (!walk_stopped(&copy->walk) && open_source(&passage)) {
    if (group == NULL && passage.status.links > 1) {
      later = !links_claim(copy, entry, &passage.status, &group);
    }
    good = !later && !copy_target_in_the_way(copy, entry) && transfer(&passage);
  }
  file_close(passage.fd[SOURCE]);
  rouse_semaphore_release(&copy->descriptors, 1);
  if (good) counter_add(&copy->report.files, 1);
  if (!good && !later && group != NULL) group->failed = true;
  return good;
}
