// Time. Every deadline of the library is an absolute point of one monotonic clock, in nanoseconds.
#ifndef ROUSE_CLOCK_H
#define ROUSE_CLOCK_H

#include <rouse/api.h>

// A deadline that never passes.
#define ROUSE_FOREVER INT64_MAX

ROUSE_BEGIN_C

// The monotonic clock now, in nanoseconds. Not related to the time of day; never goes back.
// Threads: any, signal handlers too.
ROUSE_API int64_t rouse_now_ns(void);

// The deadline that lies |delay_ns| from now; ROUSE_FOREVER if that does not fit.
// |delay_ns| may be 0 or negative: the deadline has passed then. Threads: any.
ROUSE_API int64_t rouse_deadline_in_ns(int64_t delay_ns);

ROUSE_END_C
#endif
