// System calls that have no form by completion: results as the library's, and where they are made.
//
// Such a call is made in place while the file system answers as quickly as memory does, for then
// the way to a thread of the pool costs more than the call. A gauge keeps the mean of what the
// calls took, wherever they were made; while it is high they go to the pool, so that a slow disk or
// network delays the task that asked and not its loop.
#ifndef ROUSE_TOOL_SYSTEM_H
#define ROUSE_TOOL_SYSTEM_H

#include <errno.h>
#include <rouse/errors.h>
#include <rouse/task.h>
#include <stdatomic.h>

// |result| of a system call: itself, or the library's code for errno.
static inline int64_t system_result(int64_t result) {
  return result < 0 ? rouse_error_from_system(errno) : result;
}

typedef struct gauge {
  _Atomic int64_t mean_ns;
} gauge;

// Calls |function| with |argument|, in place or on the pool. It must not wait in the library.
int64_t system_call(gauge *gauge, rouse_task_fn *function, void *argument);

// Opens |name| in |dir| for reading with |flags|: in place if all it takes is in memory, else by
// completion. Returns the descriptor or a failure.
int system_open(int dir, const char *name, int flags);

// How many descriptors this process has open, or a failure.
int system_descriptors_open(void);

// Closes |fd| unless it is -1, whatever comes of it.
void system_close(int fd);

// Makes |name| (at least SYSTEM_TEMPORARY_SIZE) a name that nobody can guess: ".rouse-" and
// letters.
enum { SYSTEM_TEMPORARY_SIZE = 24 };
void system_temporary_name(char *name);

// The heap, or the end of the process with a message: for little things without which not even a
// failure can be told.
void *system_allocate(size_t size);
_Noreturn void system_die_without_memory(void);

#endif
