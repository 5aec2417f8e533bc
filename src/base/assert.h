// Programmer errors: a sentence and an abort in debug builds, nothing in release builds.
#ifndef ROUSE_BASE_ASSERT_H
#define ROUSE_BASE_ASSERT_H

#include <rouse/api.h>

// Prints "rouse: |sentence| (|where|)" and aborts.
_Noreturn void rouse__die(const char *sentence, const char *where);

#define ROUSE__STRING_(x) #x
#define ROUSE__STRING(x) ROUSE__STRING_(x)
#define ROUSE__WHERE __FILE__ ":" ROUSE__STRING(__LINE__)

#ifdef NDEBUG
#define ROUSE__ASSERT(condition, sentence) ((void)sizeof(condition))
#else
#define ROUSE__ASSERT(condition, sentence)                                                         \
  ((condition) ? (void)0 : rouse__die((sentence), ROUSE__WHERE))
#endif

#define ROUSE__LIKELY(x) __builtin_expect(!!(x), 1)
#define ROUSE__UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ROUSE__PREFETCH(address) __builtin_prefetch(address)
// Out of line. Not "cold": these are the paths of every wait, and are to be compiled for speed.
#define ROUSE__COLD __attribute__((noinline))
// The arguments of a function like printf. On Windows "printf" would mean Microsoft's own.
#ifdef _WIN32
#define ROUSE__PRINTF(format_at, first_at) __attribute__((format(gnu_printf, format_at, first_at)))
#else
#define ROUSE__PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#endif
#define ROUSE__CONTAINER(pointer, type, member)                                                    \
  ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
