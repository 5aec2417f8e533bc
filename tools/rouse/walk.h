// A walk over a tree of directories, or over two trees side by side, by tasks.
//
// Walkers, one per loop, take directories from a stack, open them, list them, push the directories
// they find and start a task for every other entry. A directory is finished ("left") when its own
// entries are done and its subdirectories have been entered; from then on nothing changes in it.
//
// Everything is opened relative to the directory above it, one name at a time, never through a
// symbolic link. Open directories are few: those in use, and as many more as the budget allows. One
// that was closed is opened again on demand, from its nearest open ancestor down, and must then be
// the very directory it was.
#ifndef ROUSE_TOOL_WALK_H
#define ROUSE_TOOL_WALK_H

#include <rouse/rouse.h>
#include <stdatomic.h>

#include "files.h"
#include "report.h"

enum side { SOURCE, TARGET, SIDES };
enum { WALK_LOOPS_MAX = 64 };

typedef struct walk walk;
typedef struct directory directory;
typedef struct entry entry;

struct directory {
  directory *parent;         // NULL: the root
  directory *next;           // on the walk's stack, or in a list of whoever holds it
  directory *older, *newer;  // among the open ones that nobody uses
  uint32_t references;       // its own until it is left, one per child, those of walk_hold()
  uint32_t pins;             // users of the descriptors
  uint32_t pending;          // entries not done, subdirectories not entered, and the listing itself
  uint32_t depth;
  rouse_fd fd[SIDES];  // -1: closed
  identity identity[SIDES];
  file_status status;  // of the source, before it was read
  bool open, idle, left;
  bool created;   // the copy made the target
  bool inherits;  // the target hands an access control list down to what is made in it
  char name[];
};

// An entry that is no directory. Its directory is open until it has been handled.
struct entry {
  walk *walk;
  directory *directory;
  entry *next;  // among those whose tasks were started
  rouse_task *task;
  uint32_t loop;
  file_kind kind;
  const char *target_name;
  char name[];
};

typedef struct walk_operations {
  // Opens the target of |child|, whose source is open and whose parent is open on both sides, and
  // sets fd[TARGET] and identity[TARGET]. Not 0: it was reported, and |child| is not entered.
  int (*enter)(walk *walk, directory *child);
  // Handles |entry|, usually in a task of its own.
  void (*handle)(walk *walk, entry *entry);
  // All of |directory|'s own entries are done. It is open.
  void (*leave)(walk *walk, directory *directory);
  // Entries are handled inside the listing, and no task is started for them.
  bool in_place;
  // Failures are differences: what can't be read can't be the same.
  bool compares;
} walk_operations;

struct walk {
  const walk_operations *operations;
  void *user;
  report *report;              // NULL: failures are nobody's business
  rouse_semaphore *in_flight;  // one permit per entry's task; NULL if in place
  _Atomic bool *stop;          // true: nothing new is started
  const char *path[SIDES];     // how the root's sides are called; "" for none
  bool two_sided;
  uint32_t loops;
  directory *root;

  rouse_mutex lock;  // of all below, and of the directories' fields
  directory *stack;
  uint64_t outstanding;  // directories on the stack or being listed
  directory *oldest, *newest;
  uint32_t slot_waiters;
  entry *started, *started_last;          // entries with tasks
  rouse_semaphore ready;                  // directories on the stack
  rouse_semaphore slots;                  // pairs of descriptors
  gauge gauges[SIDES];                    // how quickly the file systems answer
  _Atomic uint32_t load[WALK_LOOPS_MAX];  // entries' tasks on each loop
};

// The fewest slots that can't deadlock: each walker holds one while it waits for another, and who
// makes a hard link holds two.
static inline uint32_t walk_slots_min(uint32_t walkers) { return walkers < 2 ? 3 : walkers + 1; }

// Prepares |walk|, of which the caller has filled in the first group. |slots| directories, besides
// the root, are open at most. Then the caller makes the root.
void walk_init(walk *walk, uint32_t slots);

// Makes the root of open descriptors, which become its own; |fd| of an absent side is -1.
directory *walk_make_root(walk *walk, const rouse_fd fd[SIDES]);

// Walks all of the tree below the root with |walkers| tasks, and returns when they have ended;
// tasks for entries may still be under way. Fails if no task can be had.
int walk_run(walk *walk, uint32_t walkers);

// Starts the task for one entry of |directory|. Used for a source that is no directory.
void walk_start_entry(walk *walk, directory *directory, const char *name, const char *target_name,
                      file_kind kind);

// Waits until all that was started has been handled. |permits|: all that there are in flight.
void walk_await_entries(walk *walk, uint32_t permits);

// Ends the walk: closes and frees what is still there. All tasks have ended.
void walk_finish(walk *walk);

// Opens |directory| if it is closed, and keeps it open until walk_unpin(). 0 or a failure.
// The caller holds it, or something that does.
int walk_pin(walk *walk, directory *directory);
void walk_unpin(walk *walk, directory *directory);

// Keeps the memory of |directory|, and what is needed to open it again.
void walk_hold(walk *walk, directory *directory);
void walk_drop(walk *walk, directory *directory);

// One more thing that must be done before |directory| is left. From within an entry of it.
void walk_owe(walk *walk, directory *directory);
// It was done: leaves |directory| if it was the last. Gives up the caller's pin, too.
void walk_paid(walk *walk, directory *directory);
// The same when |directory| can't be opened any more: it is never left.
void walk_abandon(walk *walk, directory *directory);

// The number of the calling task's loop.
uint32_t walk_loop_here(const walk *walk);

// The path of |name| in |directory| on |side|, on the heap. |name| NULL: of the directory itself.
// |directory| NULL: the bare name. Never NULL: without memory the process ends.
char *walk_path(const walk *walk, const directory *directory, const char *name, enum side side);

// Reports that |name| in |directory| failed, as report_failure() does.
SYSTEM_PRINTF(6, 7)
void walk_failure(const walk *walk, const directory *directory, const char *name, enum side side,
                  int code, const char *format, ...);

SYSTEM_PRINTF(6, 0)
void walk_failure_list(const walk *walk, const directory *directory, const char *name,
                       enum side side, int code, const char *format, va_list arguments);

static inline bool walk_stopped(const walk *walk) {
  // RELAXED: a wish to stop is seen soon, at no exact point.
  return atomic_load_explicit(walk->stop, memory_order_relaxed);
}

#endif
