// What a copy reports: counters that any loop adds to, and failures told one by one as they happen.
#ifndef ROUSE_TOOL_REPORT_H
#define ROUSE_TOOL_REPORT_H

#include <rouse/mutex.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "system.h"

typedef struct counter {
  _Atomic uint64_t value;
} counter;

// RELAXED: counters are summed up for people; the end of a task orders the final reading.
static inline void counter_add(counter *counter, uint64_t amount) {
  atomic_fetch_add_explicit(&counter->value, amount, memory_order_relaxed);
}

// Takes back what was added before it was final.
static inline void counter_subtract(counter *counter, uint64_t amount) {
  // RELAXED: as above.
  atomic_fetch_sub_explicit(&counter->value, amount, memory_order_relaxed);
}

// RELAXED: as above.
static inline uint64_t counter_read(const counter *counter) {
  return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

// Raises |counter| to |value| if it is below.
void counter_raise(counter *counter, uint64_t value);

// A failure that was told, kept for the JSON summary. Strings are printable text.
typedef struct report_error {
  char *path, *message;
  const char *name;  // ROUSE_E…, or NULL
} report_error;

enum { REPORT_ERRORS_MAX = 10000 };  // kept; all are told and counted

typedef struct report {
  counter files, directories, symlinks, links, specials, bytes;
  counter skipped;          // sockets
  counter failed;           // entries that could not be copied
  counter compared;         // entries that --verify looked at
  counter differences;      // differences that it found
  counter attributes_left;  // extended attributes that the target refused
  counter owners_left;      // entries whose owner or group could not be kept
  counter in_flight_most;
  rouse_mutex lock;  // of all below, and of standard error
  report_error *errors;
  uint32_t error_count, error_room;
  bool quiet;          // no notes
  bool progress_line;  // the last line on the terminal is a progress line
} report;

void report_init(report *report, bool quiet);
void report_finish(report *report);

// Tells that |path| failed: "rouse copy: PATH: MESSAGE", with what |code| (0: nothing) means at the
// end. Counts it as failed. From tasks and plain threads.
SYSTEM_PRINTF(4, 5)
void report_failure(report *report, const char *path, int code, const char *format, ...);

SYSTEM_PRINTF(4, 0)
void report_failure_list(report *report, const char *path, int code, const char *format,
                         va_list arguments);

// The same for a difference that --verify has found.
SYSTEM_PRINTF(4, 0)
void report_difference(report *report, const char *path, int code, const char *format,
                       va_list arguments);

// Tells something that is no failure, unless the report is quiet.
SYSTEM_PRINTF(3, 0)
void report_note(report *report, const char *path, const char *format, va_list arguments);

// Shows |line| as the terminal's last line, in place of the one before; NULL takes it away.
void report_progress(report *report, const char *line);

// |raw| as printable text: valid UTF-8 without control characters stays, a newline and its like
// become \n …, every other byte \xHH. A backslash is doubled, except on Windows, where it separates
// names. On the heap; NULL without memory.
char *text_printable(const char *raw);

// Writes |bytes| for people, such as "12.3 MB", into |text|. Returns |text|.
char *text_bytes(char text[32], double bytes);

#endif
