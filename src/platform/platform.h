// What the runtime needs of the operating system besides a backend: threads, parking, a few
// readings. One implementation per system; the clock of <rouse/clock.h> belongs to it, too.
#ifndef ROUSE_PLATFORM_PLATFORM_H
#define ROUSE_PLATFORM_PLATFORM_H

#include <errno.h>

#include <rouse/api.h>
#include <rouse/clock.h>

#include "base/atomics.h"

// Sleeps while |*word| is |expected|, until rouse__unpark() or |deadline_ns|. May return early.
void rouse__park(rouse__atomic32 *word, uint32_t expected, int64_t deadline_ns);
// Wakes one thread that sleeps on |word|. The memory may be gone already; nothing of it is touched.
void rouse__unpark(rouse__atomic32 *word);

typedef struct rouse__thread {
  uintptr_t handle;
} rouse__thread;
// Starts a thread that blocks all signals. 0, or ROUSE_ENOMEM (memory, or a limit of threads).
int rouse__thread_start(rouse__thread *thread, void (*function)(void *), void *argument,
                        const char *name);
void rouse__thread_join(rouse__thread *thread);
void rouse__thread_yield(void);

uint32_t rouse__cpu_count(void);
const char *rouse__environment(const char *name);

// How many forks lie between this process and the one that first called rouse__fork_watch().
void rouse__fork_watch(void);
extern rouse__atomic32 rouse__forks;
static inline uint32_t rouse__fork_generation(void) {
  return load_relaxed(&rouse__forks);  // RELAXED: changes only in a child, before it runs on
}

// The calling thread's errno, and on Windows its last error, which no call of the library may
// change.
#if defined _WIN32
uint64_t rouse__errno_save(void);
void rouse__errno_restore(uint64_t saved);
#else
static inline uint64_t rouse__errno_save(void) { return (uint32_t)errno; }
static inline void rouse__errno_restore(uint64_t saved) { errno = (int)(uint32_t)saved; }
#endif

void *rouse__allocate(size_t size, size_t alignment);  // zeroed; NULL if there is none
void rouse__free(void *memory);

void rouse__print_error(const char *text);

#endif
