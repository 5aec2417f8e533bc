// `rouse copy`: what its parts share.
//
// copy.c reads the command line, copy_paths.c finds out what is to go where, copy_run.c runs the
// passes, walk.c goes through the trees; copy_file.c, copy_special.c, copy_links.c and
// copy_attributes.c make one entry each; copy_verify.c compares afterwards; copy_progress.c and
// copy_summary.c tell about it. What differs between systems is in linux/ and windows/, behind
// files.h, system.h and the attributes below.
#ifndef ROUSE_TOOL_COPY_H
#define ROUSE_TOOL_COPY_H

#include <rouse/rouse.h>
#include <stdio.h>

#include "report.h"
#include "walk.h"

typedef struct copy_options {
  const char *source, *target;
  const char *backend;                // NULL: the library's choice
  uint32_t max_in_flight;             // 1 .. COPY_IN_FLIGHT_MAX
  uint32_t loops;                     // 1 .. WALK_LOOPS_MAX
  bool verify, compare, json, quiet;  // compare: only compare
  bool no_target_directory;
  _Atomic bool *stop;  // set when the copy is to end; NULL: the copy catches the signals itself
} copy_options;

enum { COPY_IN_FLIGHT_MAX = 65536, COPY_IN_FLIGHT_DEFAULT = 64, COPY_LOOPS_DEFAULT_MAX = 4 };

typedef struct copy copy;
typedef struct link_group link_group;
typedef struct link_wish link_wish;

// A table of inodes that have several names.
typedef struct link_table {
  link_group **groups;
  size_t count, room;
} link_table;

// Buffers of a few sizes, kept for reuse on the loop that used them last.
enum { BUFFER_CLASSES = 4, BUFFER_PAGE = 4096, BUFFER_MAX = 256 * 1024 };

typedef struct buffer {
  struct buffer *next;
  uint32_t kind, pages, depth;
} buffer;

// Where everything goes, found by copy_paths_find().
typedef struct copy_paths {
  bool is_directory;  // the source: then fd is the two directories, else the ones above the files
  rouse_fd fd[SIDES];
  char *path[SIDES];  // how these are called
  char *name[SIDES];  // of the files
  file_kind kind;
  bool target_created;
} copy_paths;

struct copy {
  copy_options options;
  report report;
  copy_paths paths;
  walk walk;
  rouse_semaphore in_flight;    // --max-in-flight
  rouse_semaphore descriptors;  // pairs for files: source and target
  rouse_semaphore memory;       // pages of buffers
  uint32_t walkers, slots;
  bool privileged;
  bool scouts;           // there are descriptors for finding out how much there is
  _Atomic bool stopped;  // what the walks stop by if options.stop is NULL
  buffer *buffers[WALK_LOOPS_MAX][BUFFER_CLASSES];

  rouse_mutex links_lock;   // of the next two
  link_table links[SIDES];  // by the source's inodes; --verify: also by the target's
  link_wish *wishes, **wishes_end;

  rouse_mutex late_lock;
  directory *late;  // directories that get their modes at the very end

  int64_t started_ns;
  double seconds, verify_seconds;
  bool verified;  // the comparison got through to its end
  rouse_loop_stats stats;
  const char *backend, *doorbell;
  int failure;  // why it could not even start, or 0
};

// --- the whole -----------------------------------------------------------------------------------

// Copies as |options| say. Returns the exit status; then the figures are in |copy|, to be freed by
// copy_finish(). Failures have been told on standard error.
int copy_run(copy *copy, const copy_options *options);
void copy_options_default(copy_options *options);
// Takes the option |letter| (getopt's, with optarg). False after having told what is wrong with it.
bool copy_options_take(int letter, copy_options *options, const char *command);
void copy_finish(copy *copy);

void copy_print_summary(const copy *copy, FILE *to);
// The JSON object on a line. False: no memory, or the output was refused.
bool copy_print_json(const copy *copy, int status, FILE *to);

// Finds the two places, checks that one can be copied to the other, and makes the target directory.
// Returns false after having told why not. |copy->paths| is freed by copy_paths_free() either way.
bool copy_paths_find(copy *copy);
void copy_paths_free(copy_paths *paths);

// Shows progress on standard error until it is cancelled. A task's function; its argument is the
// copy.
int64_t copy_progress(void *argument);

// --- entries -------------------------------------------------------------------------------------

// Copies one entry; reports failures. |group|: the entry's hard links, if they are known already.
void copy_entry(copy *copy, entry *entry, link_group *group);
bool copy_file(copy *copy, entry *entry, link_group *group);
bool copy_special(copy *copy, entry *entry, link_group *group);

// Reports a failure of |entry|. False, for returning it.
SYSTEM_PRINTF(5, 6)
bool copy_entry_failure(copy *copy, const entry *entry, enum side side, int code,
                        const char *format, ...);

// Notes something about |entry| that is no failure.
SYSTEM_PRINTF(4, 5)
void copy_entry_note(copy *copy, const entry *entry, enum side side, const char *format, ...);

// Whether something at |entry|'s target forbids the copy (a directory). Reported then.
bool copy_target_in_the_way(copy *copy, const entry *entry);

// The file system's name for |entry| on |side|.
static inline const char *entry_name(const entry *entry, enum side side) {
  return side == SOURCE ? entry->name : entry->target_name;
}

// --- attributes ----------------------------------------------------------------------------------

// An inode whose attributes are read or written. |by_path|: opened as a place or a node.
typedef struct inode {
  rouse_fd fd;
  bool by_path;
} inode;

// A name in a directory; NULL: the directory itself.
typedef struct place {
  const directory *directory;
  const char *name;
} place;

// Gives |to|, which has the status |made|, the owner, extended attributes, mode and times that
// |from| has, whose status was |status|. |clean|: attributes that |to| had or inherited go away.
// Returns 0, or a failure and what was not possible in |*out_what|.
// |where| it is, for notes. Makes system calls only: for system_call().
int attributes_keep(copy *copy, const file_status *status, inode from, const file_status *made,
                    inode to, bool clean, place where, const char **out_what);

// Whether what is made in |directory| inherits an access control list from it.
bool attributes_inherited(inode directory);

// The mode that a copy with this owner and group may have: set-id bits only with the same ones. But
// a directory's set-group-id bit, which gives nobody rights, stays.
uint32_t attributes_mode(const file_status *status, uint32_t owner, uint32_t group);

int attributes_set_mode(inode to, uint32_t mode);

// Sets the time of access back to what it was when |status| was asked for, if that is possible.
void attributes_restore_read(inode inode, const file_status *status);

// Counts something that is not kept, and tells of the first.
SYSTEM_PRINTF(4, 5)
void attributes_note_left(copy *copy, counter *counter, place where, const char *format, ...);

// Compares the extended attributes. Returns 0, a failure, or 1 and the name of one that differs,
// printable and on the heap, in |*out_name|.
int attributes_compare(inode left, inode right, char **out_name);

// --- hard links ----------------------------------------------------------------------------------

// An inode with several names.
struct link_group {
  identity identity;
  directory *directory;  // of the first name, held
  char *name;            // of the first name in the target
  bool failed;           // the first name could not be copied
  identity partner;      // --verify: the inode on the other side
};

// Says whether |entry|, which has several links, is the first of them: then it is to be copied, and
// |*out_group| to be told if that fails. Else the link will be made by links_make().
bool links_claim(copy *copy, entry *entry, const file_status *status, link_group **out_group);

// Makes all the links that are owed.
void links_make(copy *copy);

// Finds or makes the group of |identity|. Under the lock of the links. |*out_new| says which.
link_group *links_group(link_table *table, identity identity, bool *out_new);
void links_free(copy *copy);

// --- directories ---------------------------------------------------------------------------------

// Operations of the walk that copies.
int copy_enter(walk *walk, directory *child);
void copy_leave(walk *walk, directory *directory);

// Sets the modes that could not be set before the end.
void copy_late_finish(copy *copy);

// --- buffers -------------------------------------------------------------------------------------

// A buffer for |size| bytes, or for BUFFER_MAX of them if |size| is more. Waits until others have
// given back theirs; NULL: the system has no memory, or the copy is to end.
void *buffer_get(copy *copy, uint64_t size, size_t *out_size);
void buffer_put(copy *copy, void *memory);
void buffers_free(copy *copy);
enum { BUFFER_PAGES_TOTAL = 64 * 1024 * 1024 / BUFFER_PAGE };

// --- verification --------------------------------------------------------------------------------

// Walks both trees again and reports differences. Returns 0, or why it could not be started.
int verify_run(copy *copy);

#endif
