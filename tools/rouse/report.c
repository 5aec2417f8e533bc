// Failures are told when they happen, on standard error, one line each: a name with a newline in it
// must not look like two failures, so names are made printable first. They are also kept, up to a
// number, for the JSON summary at the end.
#include "report.h"

#include <rouse/errors.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"

void counter_raise(counter *counter, uint64_t value) {
  // RELAXED: a figure for people, as in counter_add().
  uint64_t seen = atomic_load_explicit(&counter->value, memory_order_relaxed);
  while (seen < value &&
         // RELAXED: the same.
         !atomic_compare_exchange_weak_explicit(&counter->value, &seen, value, memory_order_relaxed,
                                                memory_order_relaxed)) {
  }
}

// The length of the valid UTF-8 sequence at |at|, or 0. Overlong forms, surrogates and values past
// the last code point are not valid.
static int utf8_length(const unsigned char *at) {
  if (at[0] < 0x80) return 1;
  int length = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
  if (at[0] < 0xC2 || at[0] > 0xF4) return 0;
  for (int index = 1; index < length; index++) {
    if ((at[index] & 0xC0) != 0x80) return 0;
  }
  if (at[0] == 0xE0 && at[1] < 0xA0) return 0;
  if (at[0] == 0xED && at[1] > 0x9F) return 0;
  if (at[0] == 0xF0 && at[1] < 0x90) return 0;
  if (at[0] == 0xF4 && at[1] > 0x8F) return 0;
  return length;
}

char *text_printable(const char *raw) {
  static const char digits[] = "0123456789abcdef";
  char *text = malloc(strlen(raw) * 4 + 1);
  if (text == NULL) return NULL;
  char *to = text;
  for (const unsigned char *at = (const unsigned char *)raw; *at != 0;) {
    int length = utf8_length(at);
    // C1 controls are two bytes in UTF-8, and terminals obey them.
    bool control = *at < 0x20 || *at == 0x7F || (length == 2 && *at == 0xC2 && at[1] < 0xA0);
    // Where it separates names it is in none.
    bool ambiguous = *at == '\\' && !path_separates('\\');
    if (length > 0 && !control && !ambiguous) {
      memcpy(to, at, (size_t)length);
      to += length;
      at += length;
      continue;
    }
    *to++ = '\\';
    switch (*at) {
      case '\\':
        *to++ = '\\';
        break;
      case '\n':
        *to++ = 'n';
        break;
      case '\r':
        *to++ = 'r';
        break;
      case '\t':
        *to++ = 't';
        break;
      default:
        *to++ = 'x';
        *to++ = digits[*at >> 4];
        *to++ = digits[*at & 15];
    }
    at++;
  }
  *to = 0;
  return text;
}

char *text_bytes(char text[32], double bytes) {
  static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB", "PB"};
  size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < sizeof units / sizeof *units) {
    bytes /= 1000;
    unit++;
  }
  snprintf(text, 32, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
  return text;
}

void report_init(report *report, bool quiet) {
  memset(report, 0, sizeof *report);
  report->quiet = quiet;
}

void report_finish(report *report) {
  for (uint32_t index = 0; index < report->error_count; index++) {
    free(report->errors[index].path);
    free(report->errors[index].message);
  }
  free(report->errors);
  report->errors = NULL;
  report->error_count = report->error_room = 0;
}

// Keeps |path| and |message|, which become the report's, or frees them.
static void keep(report *report, char *path, char *message, int code) {
  if (report->error_count == report->error_room && report->error_room < REPORT_ERRORS_MAX) {
    uint32_t room = report->error_room == 0 ? 64 : report->error_room * 2;
    if (room > REPORT_ERRORS_MAX) room = REPORT_ERRORS_MAX;
    report_error *more = realloc(report->errors, room * sizeof *more);
    if (more != NULL) {
      report->errors = more;
      report->error_room = room;
    }
  }
  if (report->error_count == report->error_room) {
    free(path);
    free(message);
    return;
  }
  const char *name = code == 0 ? NULL : rouse_error_name(code);
  report->errors[report->error_count++] =
      (report_error){.path = path, .message = message, .name = name};
}

// |format| as text on the heap; NULL without memory. What |code| means is added unless it is 0.
SYSTEM_PRINTF(2, 0) static char *text_of(int code, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  const char *meaning = code == 0 ? "" : rouse_error_message(code);
  size_t size = (length < 0 ? 0 : (size_t)length) + strlen(meaning) + 3;
  char *text = malloc(size);
  if (text == NULL) return NULL;
  vsnprintf(text, size, format, arguments);
  if (code != 0) {
    strcat(text, ": ");
    strcat(text, meaning);
  }
  return text;
}

// Tells and keeps. |keep_it| false: only tells.
SYSTEM_PRINTF(5, 0)
static void tell(report *report, const char *path, int code, bool keep_it, const char *format,
                 va_list arguments) {
  char *shown = text_printable(path);
  char *message = text_of(code, format, arguments);
  // Nobody cancels the tasks of a copy, so the lock is always had.
  rouse_mutex_lock(&report->lock);
  if (report->progress_line) {
    fputs("\r\033[K", stderr);
    report->progress_line = false;
  }
  const char *name = shown == NULL ? "?" : *shown == 0 ? "''" : shown;
  fprintf(stderr, "rouse copy: %s: %s\n", name,
          message != NULL ? message : rouse_error_message(ROUSE_ENOMEM));
  if (keep_it && shown != NULL && message != NULL) {
    keep(report, shown, message, code);
    shown = message = NULL;
  }
  rouse_mutex_unlock(&report->lock);
  free(shown);
  free(message);
}

void report_failure_list(report *report, const char *path, int code, const char *format,
                         va_list arguments) {
  counter_add(&report->failed, 1);
  tell(report, path, code, true, format, arguments);
}

void report_failure(report *report, const char *path, int code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  report_failure_list(report, path, code, format, arguments);
  va_end(arguments);
}

void report_difference(report *report, const char *path, int code, const char *format,
                       va_list arguments) {
  counter_add(&report->differences, 1);
  tell(report, path, code, true, format, arguments);
}

void report_note(report *report, const char *path, const char *format, va_list arguments) {
  if (!report->quiet) tell(report, path, 0, false, format, arguments);
}

void report_progress(report *report, const char *line) {
  rouse_mutex_lock(&report->lock);
  if (line != NULL || report->progress_line) fputs("\r\033[K", stderr);
  if (line != NULL) fputs(line, stderr);
  fflush(stderr);
  report->progress_line = line != NULL;
  rouse_mutex_unlock(&report->lock);
}
