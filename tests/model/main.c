// Runs model programs.
//
//   rouse_model [--quiet] [--stop] [--orders] [NAME …]
//
// NAME is a suite (self, semaphore, mutex, event, waitqueue) or a program; none: all but self.
//   --stop    ends at the first failure
//   --quiet   prints failures only, and no traces
//   --orders  weakens the memory order of one operation at a time, and wants each to be caught; see
//             orders.txt for those that are known not to be
//
// ROUSE_MODEL_PREEMPTIONS (2) and ROUSE_MODEL_STALE (1) are the bounds, ROUSE_MODEL_SECONDS (0:
// none) a limit for each program; a program that does not finish in it fails. ROUSE_MODEL_REPLAY is
// a schedule. Exit: 0, 1 (something failed), 2 (usage).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loop.h"

static const struct {
  const char *name;
  const struct model_program *programs;
} suites[] = {
    {"self", model_self_programs},           {"semaphore", model_semaphore_programs},
    {"mutex", model_mutex_programs},         {"event", model_event_programs},
    {"waitqueue", model_waitqueue_programs},
};
enum { SUITES = sizeof suites / sizeof *suites, PROGRAMS = 200, KNOWN = 100 };

static struct {
  const struct model_program *program;
  const char *suite;
} chosen[PROGRAMS];
static int chosen_count;
static bool quiet, stop;
static struct model_bounds bounds;
static double seconds;

static int number_from(const char *name, int otherwise) {
  const char *text = getenv(name);
  return text && *text ? atoi(text) : otherwise;
}
static double now(void) { return (double)clock() / CLOCKS_PER_SEC; }

static bool choose(const char *name) {
  bool found = false;
  for (int i = 0; i < SUITES; i++) {
    bool all = name ? !strcmp(name, suites[i].name) : i > 0;
    for (const struct model_program *p = suites[i].programs; p->name; p++) {
      if (!all && !(name && !strcmp(name, p->name))) continue;
      if (chosen_count == PROGRAMS) abort();
      chosen[chosen_count].suite = suites[i].name;
      chosen[chosen_count++].program = p;
      found = true;
    }
  }
  return found;
}

static void explore(const struct model_program *program, int less, struct model_report *report) {
  struct model_bounds own = bounds;
  if (program->most && program->most < own.preemptions) own.preemptions = program->most;
  own.preemptions -= less;
  if (own.preemptions < 0) own.preemptions = 0;
  model_explore(program->function, own, seconds, report);
}

static bool run_one(const struct model_program *program, const char *suite, int less) {
  struct model_report report;
  double began = now();
  explore(program, less, &report);
  bool wanted = !strncmp(program->name, "must_fail_", 10);
  bool good = report.finished ? !wanted : wanted && report.failed;
  if (good && quiet) return true;
  printf("%-6s %s.%s: %llu executions, %llu cut short, %llu steps, %.2f s\n",
         good ? "ok" : "FAILED", suite, program->name, (unsigned long long)report.executions,
         (unsigned long long)report.pruned, (unsigned long long)report.steps, now() - began);
  if (good && wanted) printf("       found: %s\n", report.message);
  if (good) return true;
  if (!report.failed) {
    printf("  %s\n", report.finished ? "the fault was not found" : "the time was not enough");
    return false;
  }
  printf("  %s\n", report.message);
  if (quiet) return false;
  printf("  again by: ROUSE_MODEL_REPLAY=%s rouse_model %s\n", model_schedule(), program->name);
  model_replay(program->function, NULL);
  return false;
}

static int run_all(void) {
  int failed = 0;
  double began = now();
  for (int less = stop ? bounds.preemptions : 0; less >= 0;
       less--)  // to stop early: all a little first
    for (int i = 0; i < chosen_count && !(failed && stop); i++)
      failed += !run_one(chosen[i].program, chosen[i].suite, less);
  if (!quiet)
    printf("%d programs, %d failed; at most %d preemptions, %d stale reads; %.1f s\n", chosen_count,
           failed, bounds.preemptions, bounds.stale, now() - began);
  return failed != 0;
}

// --- weakened orders -----------------------------------------------------------------------------

struct weakening {
  const char *name;
  unsigned order, failure_order;  // to take away
};
static const struct weakening weakenings[] = {
    {"acquire", MODEL_ACQUIRE, 0},
    {"release", MODEL_RELEASE, 0},
    {"failure-acquire", 0, MODEL_ACQUIRE},
    {"both-acquire", MODEL_ACQUIRE, MODEL_ACQUIRE},
};
enum { WEAKENINGS = sizeof weakenings / sizeof *weakenings };

static struct {
  char file[40], function[60], operation[40], weakening[20];
  bool met;
} known[KNOWN];
static int known_count;

// Lines of: file function operation weakening # why it can't be caught
static void read_known(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) {
    fprintf(stderr, "rouse_model: cannot read %s\n", path);
    exit(2);
  }
  char line[400];
  while (fgets(line, sizeof line, file)) {
    if (*line == '#' || *line == '\n') continue;
    if (known_count == KNOWN || !strchr(line, '#') ||
        sscanf(line, "%39s %59s %39s %19s", known[known_count].file, known[known_count].function,
               known[known_count].operation, known[known_count].weakening) != 4) {
      fprintf(stderr, "rouse_model: bad line in %s: %s", path, line);
      exit(2);
    }
    known_count++;
  }
  fclose(file);
}
static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}
static bool is_known(const struct model_site *site, const char *weakening) {
  bool found = false;
  for (int i = 0; i < known_count; i++) {
    if (strcmp(known[i].file, base_name(site->file)) || strcmp(known[i].function, site->function) ||
        strcmp(known[i].operation, site->operation) || strcmp(known[i].weakening, weakening))
      continue;
    known[i].met = found = true;
  }
  return found;
}

static bool reaches[PROGRAMS][400];

// The name of a program that catches the weakening, or NULL.
static const char *catcher(int site, struct model_report *report) {
  static int last;  // often the one that caught the last one, too
  for (int less = bounds.preemptions; less >= 0; less--) {
    for (int i = 0; i < chosen_count; i++) {
      int which = (last + i) % chosen_count;
      if (!reaches[which][site]) continue;
      explore(chosen[which].program, less, report);
      if (!report->failed) continue;
      last = which;
      return chosen[which].program->name;
    }
  }
  return NULL;
}

static int run_orders(const char *known_path) {
  read_known(known_path);
  struct model_report report;
  for (int i = 0; i < chosen_count; i++) {  // who comes by which operation
    explore(chosen[i].program, bounds.preemptions, &report);
    if (bounds.preemptions > 1) explore(chosen[i].program, bounds.preemptions - 1, &report);
    for (int site = 0; site < model_site_count(); site++) model_site_at(site, &reaches[i][site]);
  }
  int wrong = 0, caught = 0, kept = 0;
  for (int number = 0; number < model_site_count(); number++) {
    const struct model_site *site = model_site_at(number, NULL);
    if (!strstr(site->file, "sync/")) continue;  // the programs' own
    for (int i = 0; i < WEAKENINGS; i++) {
      const struct weakening *weakening = &weakenings[i];
      if (weakening->order && !(site->order & weakening->order)) continue;
      if (weakening->failure_order && !(site->failure_order & weakening->failure_order)) continue;
      model_weaken(site, site->order & ~weakening->order,
                   site->failure_order & ~weakening->failure_order);
      const char *by = catcher(number, &report);
      model_weaken(NULL, 0, 0);
      bool expected = !is_known(site, weakening->name);
      char where[80];
      snprintf(where, sizeof where, "%s:%d", base_name(site->file), site->line);
      printf("%-6s %-17s %-26s %-20s less %-15s %s\n", !by == expected ? "WRONG" : "ok", where,
             site->function, site->operation, weakening->name,
             by         ? by
             : expected ? "is not caught"
                        : "is not caught, as known");
      if (by && !quiet) printf("         %s\n", report.message);
      fflush(stdout);
      wrong += !by == expected;
      caught += by != NULL;
      kept += !by;
    }
  }
  for (int i = 0; i < known_count; i++) {
    if (known[i].met) continue;
    printf("WRONG  %s: no such operation: %s %s %s\n", known_path, known[i].file, known[i].function,
           known[i].operation);
    wrong++;
  }
  printf("%d weakened orders caught, %d not; %d not as expected; %.1f s\n", caught, kept, wrong,
         now());
  return wrong != 0;
}

int main(int count, char **arguments) {
  const char *orders = NULL;
  bounds.preemptions = number_from("ROUSE_MODEL_PREEMPTIONS", 2);
  bounds.stale = number_from("ROUSE_MODEL_STALE", 1);
  seconds = number_from("ROUSE_MODEL_SECONDS", 0);
  for (int i = 1; i < count; i++) {
    if (!strcmp(arguments[i], "--quiet")) {
      quiet = true;
    } else if (!strcmp(arguments[i], "--stop")) {
      stop = true;
    } else if (!strcmp(arguments[i], "--orders") && i + 1 < count) {
      orders = arguments[++i];
    } else if (!choose(arguments[i])) {
      fprintf(stderr, "rouse_model: no suite or program %s\n", arguments[i]);
      return 2;
    }
  }
  if (!chosen_count) choose(NULL);
  setvbuf(stdout, NULL, _IOLBF, 0);
  const char *schedule = getenv("ROUSE_MODEL_REPLAY");
  if (schedule && chosen_count == 1) {
    model_replay(chosen[0].program->function, schedule);
    return 0;
  }
  return orders ? run_orders(orders) : run_all();
}
