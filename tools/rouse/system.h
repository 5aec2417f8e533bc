// What the tool needs of the system besides files: one implementation per system, in linux/ and
// windows/. And where system calls are made that have no form by completion.
//
// Such a call is made in place while the file system answers as quickly as memory does, for then
// the way to a thread of the pool costs more than the call. A gauge keeps the mean of what the
// calls took, wherever they were made; while it is high they go to the pool, so that a slow disk or
// network delays the task that asked and not its loop.
#ifndef ROUSE_TOOL_SYSTEM_H
#define ROUSE_TOOL_SYSTEM_H

#include <rouse/errors.h>
#include <rouse/task.h>
#include <stdatomic.h>

#if defined _WIN32  // there "printf" would mean the system's own
#define SYSTEM_PRINTF(format_at, first_at) __attribute__((format(gnu_printf, format_at, first_at)))
#else
#define SYSTEM_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#endif

typedef struct gauge {
  _Atomic int64_t mean_ns;
} gauge;

// Calls |function| with |argument|, in place or on the pool. It must not wait in the library.
int64_t system_call(gauge *gauge, rouse_task_fn *function, void *argument);

// Makes |name| (at least SYSTEM_TEMPORARY_SIZE) a name that nobody can guess: ".rouse-" and
// letters.
enum { SYSTEM_TEMPORARY_SIZE = 24 };
void system_temporary_name(char *name);

// The heap, or the end of the process with a message: for little things without which not even a
// failure can be told. Between spare_begin and spare_end that is only the last resort: some memory
// is kept back, and when there is no other |*stop| is set and the rest ends in good order with it.
// spare_end returns whether it came to this.
void system_spare_begin(_Atomic bool *stop);
bool system_spare_end(void);
void *system_allocate(size_t size);
char *system_duplicate(const char *text, size_t length);
_Noreturn void system_die_without_memory(void);

// --- one per system ------------------------------------------------------------------------------

// The names of the backends that there are, NULL at the end; and as words.
extern const char *const system_backends[];
extern const char system_backends_text[];

typedef struct system_about {
  char name[64], release[64], machine[64];
} system_about;
void system_describe(system_about *about);
uint32_t system_processors(void);

// Once, before anything else: what concerns the whole process.
void system_start(void);
bool system_shows_progress(void);  // standard error is a terminal
// Whether modes and owners keep nobody out who runs this process.
bool system_is_privileged(void);

// How many descriptors this process may have, and has.
int64_t system_descriptors_max(void);
int64_t system_descriptors_open(void);

void system_random(void *bytes, size_t size);
// A multiple of |alignment|; NULL if there is no memory.
void *system_allocate_aligned(size_t alignment, size_t size);
void system_free_aligned(void *memory);

// Ctrl-C and its like: the first asks for an orderly end by setting |*stop|, a later one kills.
// caught returns the exit status that the first one asks for, or 0; so does release, which gives
// the signals back what they did before unless one has come.
void system_interrupts_catch(_Atomic bool *stop);
int system_interrupts_caught(void);
int system_interrupts_release(void);

// A new directory for temporary files, named after |prefix|. On the heap.
int system_temporary_directory(const char *prefix, char **out_path);
// How many bytes are free where |path| is; 0 if that is not known.
double system_free_bytes(const char *path);
// Trees that a machine like this has, NULL at the end.
const char *const *system_usual_trees(void);

#endif
