// What the tool needs of a file system, in terms that every system can answer. One implementation
// per system, in linux/ and windows/.
//
// Everything is named by an open directory and one name in it, and never followed if it is a link;
// only paths that the user has given are followed. Functions return 0 or more, or the library's
// code, and make system calls only unless they say that they wait.
#ifndef ROUSE_TOOL_FILES_H
#define ROUSE_TOOL_FILES_H

#include <rouse/io.h>

#include "system.h"

typedef enum file_kind {
  KIND_UNKNOWN,
  KIND_FILE,
  KIND_DIRECTORY,
  KIND_LINK,  // symbolic; on Windows also what leads to another directory
  KIND_PIPE,
  KIND_BLOCK_DEVICE,
  KIND_CHARACTER_DEVICE,
  KIND_SOCKET,
  KIND_STRANGE,  // what the tool does not know
} file_kind;

typedef struct identity {
  uint64_t device, inode[2];
} identity;

static inline bool identity_equal(identity left, identity right) {
  return left.inode[0] == right.inode[0] && left.inode[1] == right.inode[1] &&
         left.device == right.device;
}

typedef struct file_time {
  int64_t seconds;  // since 1970
  int32_t nanoseconds;
} file_time;

static inline bool file_time_equal(file_time left, file_time right) {
  return left.seconds == right.seconds && left.nanoseconds == right.nanoseconds;
}

// What is known of a file. A system leaves at 0 what it does not have.
typedef struct file_status {
  file_kind kind;
  identity identity;
  uint64_t size;
  uint64_t stored;  // bytes that it takes: fewer than |size| if it has holes
  uint64_t links;   // names
  file_time read, modified, created;
  uint32_t mode, owner, group;  // POSIX
  uint64_t device;              // POSIX: which device it is
  uint32_t attributes;          // Windows: those that are kept
} file_status;

static inline bool file_is_sparse(const file_status *status) {
  return status->stored < status->size;
}

// --- paths ---------------------------------------------------------------------------------------

extern const char path_separator;
bool path_separates(char letter);
// The length of what |path| begins with and no name is: a drive, for example. No separators after
// it.
size_t path_root(const char *path);

int path_status(const char *path, file_status *out_status);
// Opens the directory |path|, for listing or only as a place.
rouse_fd path_open_directory(const char *path, bool listing);
int path_remove_directory(const char *path);

// Whether |directory|, or one above it, is |sought|. Or a failure.
int directory_is_inside(rouse_fd directory, identity sought);

// --- looking and opening -------------------------------------------------------------------------

int file_status_of(rouse_fd file, file_status *out_status);
int file_status_at(rouse_fd directory, const char *name, file_status *out_status);

typedef enum open_as {
  OPEN_PLACE,     // a directory, to name things in it
  OPEN_LISTING,   // a directory, to list it, too, and to be given attributes
  OPEN_CONTENTS,  // a file, to read it by completion
  OPEN_NODE,      // anything, to look at its status and attributes
} open_as;

rouse_fd file_open_now(rouse_fd directory, const char *name, open_as as);
// The same, and waits if it may take long. |gauge| is its file system's.
rouse_fd file_open(gauge *gauge, rouse_fd directory, const char *name, open_as as);
// |directory| opened once more; |listing|: with a listing of its own, else it may be only a place.
rouse_fd directory_open_again(rouse_fd directory, bool listing);

// Closes |file| unless it is -1. What a file system tells only now is the result.
int file_close(rouse_fd file);

// --- listings ------------------------------------------------------------------------------------

enum { LISTING_SIZE = 32768, LISTING_NAME_MAX = 1024 };

typedef struct listing_item {
  const char *name;  // until the next item
  file_kind kind;    // KIND_UNKNOWN if the listing does not tell it
  char room[LISTING_NAME_MAX];
} listing_item;

// Reads a part of a directory's listing into |buffer| (LISTING_SIZE). Returns its size, 0 at the
// end. |restart|: from the beginning.
int64_t listing_read(rouse_fd directory, void *buffer, bool restart);
// Takes the item at |*at|, and moves |*at|. False: no more in this part. "." and ".." are left out.
bool listing_next(const void *buffer, int64_t size, int64_t *at, listing_item *out_item);

// --- making and removing -------------------------------------------------------------------------

// A new file for its owner alone. |by_completion|: it will be written by completion.
rouse_fd file_create(rouse_fd directory, const char *name, bool by_completion);
// Writes all of it, without completion.
int file_write_now(rouse_fd file, const void *buffer, size_t size);
int file_set_size(rouse_fd file, uint64_t size);
// Prepares |file| for holes.
int file_make_sparse(rouse_fd file);
// The next bytes of |file|, from |from| on, that are no hole, up to |size|. None: both are |size|.
int file_find_data(rouse_fd file, uint64_t from, uint64_t size, uint64_t *out_begin,
                   uint64_t *out_end);

// A new directory for its owner alone.
int directory_make(rouse_fd directory, const char *name);
int file_remove(rouse_fd directory, const char *name);
int directory_remove(rouse_fd directory, const char *name);
// What is at |new_name| is replaced, unless it is a directory.
int file_rename(rouse_fd directory, const char *name, rouse_fd new_directory, const char *new_name);
int file_link(rouse_fd directory, const char *name, rouse_fd new_directory, const char *new_name);
// Lets the owner do with the directory what he wants.
int directory_unlock(rouse_fd directory, const char *name);

// Where a symbolic link leads, as the system keeps it.
typedef struct link_target {
  char *data;  // on the heap
  size_t size;
} link_target;
int link_read(rouse_fd link, link_target *out_target);
// Makes a node of |status|'s kind, neither file nor directory. |*out_what|: what has failed.
int node_make(rouse_fd directory, const char *name, const file_status *status,
              const link_target *target, const char **out_what);

#endif
