// `rouse demo`: the whole thing at work on this machine: a probe, a copy of real trees into a fresh
// directory, a comparison, and what the runtime did for it.
#include <getopt.h>
#include <inttypes.h>
#include <rouse/probe.h>
#include <stdlib.h>
#include <string.h>

#include "copy.h"
#include "remove.h"
#include "tool.h"

static const char help[] =
    "Usage: rouse demo [OPTION]... [DIRECTORY]...\n"
    "\n"
    "Shows what this system offers, copies trees of it (DIRECTORY..., or some that every system\n"
    "has) into a temporary directory, compares the copies with their sources, reports, and\n"
    "removes them.\n"
    "\n"
    "  -f, --max-in-flight N, -l, --loops N, -b, --backend NAME   as for `rouse copy`\n"
    "  -h, --help   show this\n"
    "\n"
    "Exit status: 0 the copies are the same as their sources, 1 they are not, 2 the command line\n"
    "is wrong, 130 interrupted by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP. What it has made is\n"
    "removed then, too; half a second later another Ctrl-C ends it at once.\n";

enum { ENOUGH_BYTES = 300 * 1000 * 1000 };

// What the copies add up to.
typedef struct sums {
  uint64_t files, directories, symlinks, links, bytes, compared, differences, failed;
  uint64_t most, waits, wakes, rung, elided, sleeps, tasks, operations;
  double seconds, verify_seconds;
  const char *backend, *doorbell;
  bool unverified;  // a comparison did not get to its end
} sums;

static void add(sums *sums, const copy *copy) {
  const report *report = &copy->report;
  sums->files += counter_read(&report->files);
  sums->directories += counter_read(&report->directories);
  sums->symlinks += counter_read(&report->symlinks);
  sums->links += counter_read(&report->links);
  sums->bytes += counter_read(&report->bytes);
  sums->compared += counter_read(&report->compared);
  sums->differences += counter_read(&report->differences);
  sums->failed += counter_read(&report->failed);
  uint64_t most = counter_read(&report->in_flight_most);
  if (most > sums->most) sums->most = most;
  sums->waits += copy->stats.waits;
  sums->wakes += copy->stats.wakes;
  sums->rung += copy->stats.bells_rung;
  sums->elided += copy->stats.bells_elided;
  sums->sleeps += copy->stats.sleeps;
  sums->tasks += copy->stats.tasks;
  sums->operations += copy->stats.operations;
  sums->seconds += copy->seconds;
  sums->verify_seconds += copy->verify_seconds;
  sums->backend = copy->backend;
  sums->doorbell = copy->doorbell;
  if (!copy->verified) sums->unverified = true;
}

static void print_probe(void) {
  static rouse_probe probe;
  int result = rouse_probe_run(&probe);
  if (result < 0) {
    printf("probe: no event loop can be had here: %s\n", rouse_error_message(result));
    return;
  }
  printf("probe: backend %s, doorbell %s, context %s, %u processors\n", probe.backend,
         probe.doorbell, probe.context, probe.processors);
  for (uint32_t index = 0; index < probe.backend_count; index++) {
    const rouse_probe_backend *backend = &probe.backends[index];
    if (backend->result == ROUSE_DONE) continue;
    printf("       %s refused (%s) %s\n", backend->name, rouse_error_message(backend->result),
           backend->reason);
  }
  fflush(stdout);
}

static void print_report(const sums *sums, uint32_t loops) {
  char size[32], rate[32];
  double bytes = (double)sums->bytes;
  double seconds = sums->seconds > 0 ? sums->seconds : 1e-9;
  printf("\n  files              %" PRIu64 " (%" PRIu64 " directories, %" PRIu64
         " symbolic links, %" PRIu64 " hard links)\n",
         sums->files, sums->directories, sums->symlinks, sums->links);
  printf("  bytes              %" PRIu64 " (%s)\n", sums->bytes, text_bytes(size, bytes));
  printf("  time               %.2f s to copy (%.0f files/s, %s/s), %.2f s to verify\n",
         sums->seconds, (double)sums->files / seconds, text_bytes(rate, bytes / seconds),
         sums->verify_seconds);
  printf("  waits              %" PRIu64 " (of %" PRIu64 " tasks; %" PRIu64 " I/O operations)\n",
         sums->waits, sums->tasks, sums->operations);
  printf("  wakes              %" PRIu64 "\n", sums->wakes);
  printf("  doorbells          %" PRIu64 " rung, %" PRIu64 " elided; %" PRIu64 " sleeps\n",
         sums->rung, sums->elided, sums->sleeps);
  printf("  most in flight     %" PRIu64 "\n", sums->most);
  printf("  backend            %s, doorbell %s, %u %s\n", sums->backend, sums->doorbell, loops,
         loops == 1 ? "loop" : "loops");
  if (sums->unverified) {
    printf("  verified           not all: %" PRIu64 " entries, %" PRIu64
           " differences so far, %" PRIu64 " failed\n",
           sums->compared, sums->differences, sums->failed);
  } else if (sums->differences == 0 && sums->failed == 0) {
    printf("  verified           %" PRIu64 " entries, no differences\n", sums->compared);
  } else {
    printf("  verified           %" PRIu64 " differences, %" PRIu64 " failed\n", sums->differences,
           sums->failed);
  }
}

// Copies |source| into |target| and verifies. Returns the status.
static int copy_tree(const copy_options *base, const char *source, const char *target, sums *sums) {
  copy *copy = system_allocate(sizeof *copy);
  copy_options options = *base;
  options.source = source;
  options.target = target;
  options.verify = true;
  printf("copy:  %s\n", source);
  fflush(stdout);
  int status = copy_run(copy, &options);
  if (copy->backend != NULL) add(sums, copy);
  copy_finish(copy);
  free(copy);
  return status;
}

static bool is_directory(const char *path) {
  file_status status;
  return path_status(path, &status) == 0 && status.kind == KIND_DIRECTORY;
}

static bool has_room(const char *path) { return system_free_bytes(path) > 3.0 * ENOUGH_BYTES; }

static bool interrupted(const copy_options *options) {
  // RELAXED: a wish; see walk_stopped().
  return atomic_load_explicit(options->stop, memory_order_relaxed);
}

static int copy_trees(const copy_options *options, char **trees, int count, const char *into,
                      sums *sums) {
  const char *const *usual = system_usual_trees();
  int status = EXIT_GOOD;
  if (count > 0) {
    for (int index = 0; index < count && !interrupted(options); index++) {
      int now = copy_tree(options, trees[index], into, sums);
      if (now > status) status = now;
    }
    return status;
  }
  int copied = 0;
  for (size_t index = 0; usual[index] != NULL && !interrupted(options); index++) {
    bool last_resort = usual[index + 1] == NULL;
    if (!is_directory(usual[index]) || (last_resort && copied > 0)) continue;
    if (copied > 0 && (sums->bytes > ENOUGH_BYTES / 2 || !has_room(into))) break;
    int now = copy_tree(options, usual[index], into, sums);
    if (now > status) status = now;
    copied++;
  }
  if (copied > 0 || interrupted(options)) return status;
  fputs("rouse demo: no tree to copy was found; name one\n", stderr);
  return EXIT_SOME_FAILED;
}

static int run_inside(const copy_options *options, char **trees, int count) {
  char *into = NULL;
  int failure = system_temporary_directory("rouse-demo", &into);
  if (failure < 0) {
    fprintf(stderr, "rouse demo: cannot make a directory %s: %s\n", into,
            rouse_error_message(failure));
    free(into);
    return EXIT_SOME_FAILED;
  }
  print_probe();
  sums sums = {0};
  int status = copy_trees(options, trees, count, into, &sums);
  if (sums.backend != NULL) print_report(&sums, options->loops);
  fflush(stdout);
  failure = remove_tree(into);
  if (failure < 0) {
    fprintf(stderr, "rouse demo: cannot remove %s: %s\n", into, rouse_error_message(failure));
    if (status == EXIT_GOOD) status = EXIT_SOME_FAILED;
  }
  free(into);
  return status;
}

// Signals are caught from before the directory is there until it is gone.
static int run(copy_options *options, char **trees, int count) {
  static _Atomic bool stop;
  options->stop = &stop;
  system_interrupts_catch(&stop);
  int status = run_inside(options, trees, count);
  int interrupt = system_interrupts_release();
  if (interrupt == 0) return status;
  fputs("rouse demo: interrupted\n", stderr);
  return interrupt;
}

static const struct option options_known[] = {
    {"max-in-flight", required_argument, NULL, 'f'},
    {"loops", required_argument, NULL, 'l'},
    {"backend", required_argument, NULL, 'b'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

int command_demo(int count, char **arguments) {
  copy_options options;
  copy_options_default(&options);
  static char name[] = "rouse demo";
  arguments[0] = name;
  optind = 1;
  int letter;
  while ((letter = getopt_long(count, arguments, "f:l:b:h", options_known, NULL)) >= 0) {
    if (letter == 'h') return tool_print_help(help);
    if (!copy_options_take(letter, &options, name)) {
      fputs("Try 'rouse demo --help'.\n", stderr);
      return EXIT_USAGE;
    }
  }
  return tool_finish_output("demo", run(&options, arguments + optind, count - optind));
}
