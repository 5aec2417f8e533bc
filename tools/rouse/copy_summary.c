// What a copy tells at its end: some lines for people, or one JSON object.
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "copy.h"

static uint64_t count(const counter *counter) { return counter_read(counter); }

// Adds ", N things" to the line, if there are any.
static void also(FILE *to, uint64_t number, const char *one, const char *many) {
  if (number > 0) fprintf(to, ", %" PRIu64 " %s", number, number == 1 ? one : many);
}

static void print_copied(const copy *copy, FILE *to) {
  const report *report = &copy->report;
  char size[32], rate[32];
  double bytes = (double)count(&report->bytes);
  uint64_t files = count(&report->files);
  fprintf(to, "copied %" PRIu64 " %s (%s)", files, files == 1 ? "file" : "files",
          text_bytes(size, bytes));
  also(to, count(&report->directories), "directory", "directories");
  also(to, count(&report->symlinks), "symbolic link", "symbolic links");
  also(to, count(&report->links), "hard link", "hard links");
  also(to, count(&report->specials), "special file", "special files");
  fprintf(to, " in %.2f s", copy->seconds);
  if (copy->seconds > 0) fprintf(to, ", %s/s", text_bytes(rate, bytes / copy->seconds));
  fputc('\n', to);
}

void copy_print_summary(const copy *copy, FILE *to) {
  const report *report = &copy->report;
  if (!copy->options.compare) print_copied(copy, to);
  if (copy->verify_seconds > 0) {
    fprintf(to, "compared %" PRIu64 " entries in %.2f s: ", count(&report->compared),
            copy->verify_seconds);
    uint64_t differences = count(&report->differences);
    if (!copy->verified) fputs("interrupted before the end; ", to);
    if (differences == 0) fputs("no differences", to);
    if (differences == 1) fputs("1 difference", to);
    if (differences > 1) fprintf(to, "%" PRIu64 " differences", differences);
    fputs(copy->verified ? "\n" : " so far\n", to);
  } else if ((copy->options.verify || copy->options.compare) && !copy->verified) {
    fputs("not compared\n", to);
  }
  struct {
    uint64_t number;
    const char *what;
  } rest[] = {
      {count(&report->failed), "failed"},
      {count(&report->skipped), "skipped"},
      {count(&report->owners_left), "without their owner or group"},
      {count(&report->attributes_left), "extended attributes not kept"},
  };
  for (size_t index = 0; index < sizeof rest / sizeof *rest; index++) {
    if (rest[index].number > 0)
      fprintf(to, "%" PRIu64 " %s\n", rest[index].number, rest[index].what);
  }
}

static bool add_number(cJSON *object, const char *name, double number) {
  return cJSON_AddNumberToObject(object, name, number) != NULL;
}

static bool add_text(cJSON *object, const char *name, const char *text) {
  if (text == NULL) return cJSON_AddNullToObject(object, name) != NULL;
  return cJSON_AddStringToObject(object, name, text) != NULL;
}

static bool add_path(cJSON *object, const char *name, const char *raw) {
  char *text = text_printable(raw);
  bool good = text != NULL && add_text(object, name, text);
  free(text);
  return good;
}

static bool add_counters(cJSON *object, const copy *copy) {
  const report *report = &copy->report;
  struct {
    const char *name;
    uint64_t number;
  } numbers[] = {
      {"files", count(&report->files)},
      {"directories", count(&report->directories)},
      {"symlinks", count(&report->symlinks)},
      {"hard_links", count(&report->links)},
      {"specials", count(&report->specials)},
      {"bytes", count(&report->bytes)},
      {"skipped", count(&report->skipped)},
      {"failed", count(&report->failed)},
      {"owners_not_kept", count(&report->owners_left)},
      {"attributes_not_kept", count(&report->attributes_left)},
      {"compared", count(&report->compared)},
      {"differences", count(&report->differences)},
      {"loops", copy->options.loops},
      {"in_flight_max", copy->options.max_in_flight},
      {"in_flight_most", count(&report->in_flight_most)},
      {"waits", copy->stats.waits},
      {"wakes", copy->stats.wakes},
      {"bells_rung", copy->stats.bells_rung},
      {"bells_elided", copy->stats.bells_elided},
      {"sleeps", copy->stats.sleeps},
      {"operations", copy->stats.operations},
      {"blocking_calls", copy->stats.blocking_calls},
      {"tasks", copy->stats.tasks},
  };
  for (size_t index = 0; index < sizeof numbers / sizeof *numbers; index++) {
    if (!add_number(object, numbers[index].name, (double)numbers[index].number)) return false;
  }
  return true;
}

static bool add_errors(cJSON *object, const report *report) {
  cJSON *errors = cJSON_AddArrayToObject(object, "errors");
  if (errors == NULL) return false;
  for (uint32_t index = 0; index < report->error_count; index++) {
    const report_error *error = &report->errors[index];
    cJSON *item = cJSON_CreateObject();
    if (item == NULL || !cJSON_AddItemToArray(errors, item)) return false;
    if (!add_text(item, "path", error->path) || !add_text(item, "message", error->message) ||
        !add_text(item, "code", error->name)) {
      return false;
    }
  }
  uint64_t all = count(&report->failed) + count(&report->differences);
  return add_number(object, "errors_left_out", (double)(all - report->error_count));
}

bool copy_print_json(const copy *copy, int status, FILE *to) {
  cJSON *object = cJSON_CreateObject();
  bool good =
      object != NULL && add_path(object, "source", copy->options.source) &&
      add_path(object, "target", copy->options.target) && add_number(object, "status", status) &&
      cJSON_AddBoolToObject(object, "interrupted", status > 128) != NULL &&
      cJSON_AddBoolToObject(object, "verified", copy->verified) != NULL &&
      add_number(object, "seconds", copy->seconds) &&
      add_number(object, "verify_seconds", copy->verify_seconds) &&
      add_text(object, "backend", copy->backend) && add_text(object, "doorbell", copy->doorbell) &&
      add_counters(object, copy) && add_errors(object, &copy->report);
  char *text = good ? cJSON_PrintUnformatted(object) : NULL;
  good = text != NULL && fprintf(to, "%s\n", text) > 0;
  cJSON_free(text);
  cJSON_Delete(object);
  return good;
}
