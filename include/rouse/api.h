// Visibility, language linkage, and the field types shared by all public structures.
#ifndef ROUSE_API_H
#define ROUSE_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined __GNUC__ && !defined _WIN32
#define ROUSE_API __attribute__((visibility("default")))
#else
#define ROUSE_API
#endif

#ifdef __cplusplus
#define ROUSE_BEGIN_C extern "C" {
#define ROUSE_END_C }
#else
#define ROUSE_BEGIN_C
#define ROUSE_END_C
#endif

// Words that the library reads and writes atomically. They are structures so that no plain
// assignment compiles by accident, and plain inside so that C and C++ agree on their layout.
// Their contents are private; all-zero is valid.
typedef struct rouse__atomic64 {
  uint64_t raw __attribute__((aligned(8)));
} rouse__atomic64;
typedef struct rouse__atomic32 {
  uint32_t raw;
} rouse__atomic32;
typedef struct rouse__atomic16 {
  uint16_t raw;
} rouse__atomic16;
typedef struct rouse__atomic_pointer {
  uintptr_t raw;
} rouse__atomic_pointer;

#endif
