// The version of the headers (macros) and of the library at run time (function).
#ifndef ROUSE_VERSION_H
#define ROUSE_VERSION_H

#include <rouse/api.h>

#define ROUSE_VERSION_MAJOR 0
#define ROUSE_VERSION_MINOR 1
#define ROUSE_VERSION_PATCH 0
#define ROUSE_VERSION_STRING "0.1.0"

ROUSE_BEGIN_C

// Returns the version of the library that is running, "major.minor.patch". Never NULL; static
// storage.
// Threads: any, signal handlers too.
ROUSE_API const char *rouse_version(void);

ROUSE_END_C
#endif
