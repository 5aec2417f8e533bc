// `rouse compare`: the ways to wake a waiter, side by side, measured on this machine.
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "destination.h"
#include "measure.h"
#include "reports.h"
#include "tool.h"

static const char help[] =
    "Usage: rouse compare [OPTION]...\n"
    "\n"
    "Runs every way to wake a waiter that this machine can run, in turns, and shows what each\n"
    "costs: time, contended and not, latency, cancelling, fairness, atomic operations, memory,\n"
    "system calls, and beside I/O; and which to take when, computed from these figures.\n"
    "\n"
    "  -q, --quick          short runs and few: under a minute, for a look\n"
    "  -r, --runs N         at most N turns, 1 to 31 (9; quick: 5); figures are their medians\n"
    "  -o, --only NAME,...  only these approaches\n"
    "  -b, --backend NAME   what the loops sleep in: io_uring, epoll, poll, iocp\n"
    "  -j, --json           one JSON object instead of the tables\n"
    "  -H, --html FILE      and a report with plots, as one page\n"
    "  -m, --markdown FILE  and the tables for the documents\n"
    "                       (a FILE that is there already is replaced when the new one is whole)\n"
    "  -l, --list           name the approaches and end\n"
    "  -h, --help           show this\n"
    "\n"
    "Exit status: 0 measured, 1 something could not be measured or written, 2 the command line is\n"
    "wrong.\n";

typedef struct request {
  measure_options measure;
  const char *html, *markdown;
  bool json, list;
} request;

static int usage(const char *text, const char *about) {
  fprintf(stderr, "rouse compare: ");
  fprintf(stderr, text, about);
  fputs("\nTry 'rouse compare --help'.\n", stderr);
  return EXIT_USAGE;
}

// Whether all of |names|, separated by commas, are approaches; tells if one is not.
static bool names_are_known(const char *names) {
  for (const char *at = names;; at++) {
    size_t length = strcspn(at, ",");
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(length < 63 ? length : 63), at);
    if (approach_find(name) == NULL) {
      usage("there is no approach '%s'; --list names them", name);
      return false;
    }
    at += length;
    if (*at == 0) return true;
  }
}

// The number in |text|, 1 to SAMPLES_MAX, or 0.
static uint32_t runs_of(const char *text) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  bool good = errno == 0 && end != text && *end == 0 && value >= 1 && value <= SAMPLES_MAX;
  return good ? (uint32_t)value : 0;
}

// Takes one option. EXIT_GOOD, or the status to end with.
static int take(int letter, request *request) {
  switch (letter) {
    case 'q':
      request->measure.quick = true;
      return EXIT_GOOD;
    case 'r':
      request->measure.runs = runs_of(optarg);
      if (request->measure.runs != 0) return EXIT_GOOD;
      return usage("--runs takes a number from 1 to 31, not '%s'", optarg);
    case 'o':
      request->measure.only = optarg;
      return names_are_known(optarg) ? EXIT_GOOD : EXIT_USAGE;
    case 'b':
      request->measure.backend = optarg;
      return EXIT_GOOD;
    case 'j':
      request->json = true;
      return EXIT_GOOD;
    case 'H':
      request->html = optarg;
      return EXIT_GOOD;
    case 'm':
      request->markdown = optarg;
      return EXIT_GOOD;
    case 'l':
      request->list = true;
      return EXIT_GOOD;
    default:
      fputs("Try 'rouse compare --help'.\n", stderr);
      return EXIT_USAGE;
  }
}

static int list_all(void) {
  for (int index = 0; approaches[index] != NULL; index++) {
    printf("%-18s %s\n", approaches[index]->name, approaches[index]->title);
  }
  return EXIT_GOOD;
}

static int tell(const request *request, const results *results, destination *html,
                destination *markdown) {
  int status = EXIT_GOOD;
  if (request->json) {
    if (!report_json(stdout, results)) {
      fputs("rouse compare: out of memory\n", stderr);
      status = EXIT_SOME_FAILED;
    }
  } else {
    report_tables(stdout, results);
  }
  if (html->path != NULL && !destination_write(html, report_page, results)) {
    status = EXIT_SOME_FAILED;
  }
  if (markdown->path != NULL && !destination_write(markdown, report_markdown, results)) {
    status = EXIT_SOME_FAILED;
  }
  uint32_t unfilled = results_count_unfilled(results);
  if (unfilled > 0) {
    fprintf(stderr, "rouse compare: %u cells have neither a figure nor a reason\n", unfilled);
    status = EXIT_SOME_FAILED;
  }
  return status;
}

static int measure(const request *request, destination *html, destination *markdown) {
  static results results;
  int failed = measure_all(&request->measure, &results);
  if (failed == ROUSE_DONE) return tell(request, &results, html, markdown);
  if (failed == ROUSE_EINVAL && request->measure.backend != NULL) {
    return usage("there is no backend '%s'", request->measure.backend);
  }
  fprintf(stderr, "rouse compare: no loop can be had here: %s\n", rouse_error_message(failed));
  return EXIT_SOME_FAILED;
}

static int run(const request *request) {
  destination html = {0}, markdown = {0};
  bool good = (request->html == NULL || destination_find(&html, request->html)) &&
              (request->markdown == NULL || destination_find(&markdown, request->markdown));
  int status = good ? measure(request, &html, &markdown) : EXIT_SOME_FAILED;
  destination_free(&html);
  destination_free(&markdown);
  return status;
}

int command_compare(int count, char **arguments) {
  static const struct option known[] = {
      {"quick", no_argument, NULL, 'q'},          {"runs", required_argument, NULL, 'r'},
      {"only", required_argument, NULL, 'o'},     {"backend", required_argument, NULL, 'b'},
      {"json", no_argument, NULL, 'j'},           {"html", required_argument, NULL, 'H'},
      {"markdown", required_argument, NULL, 'm'}, {"list", no_argument, NULL, 'l'},
      {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0}};
  static char name[] = "rouse compare";
  request request = {.measure = {.progress = machine_is_terminal_error()}};
  arguments[0] = name;
  optind = 1;
  for (int letter; (letter = getopt_long(count, arguments, "qr:o:b:jH:m:lh", known, NULL)) >= 0;) {
    if (letter == 'h') return tool_print_help(help);
    int status = take(letter, &request);
    if (status != EXIT_GOOD) return status;
  }
  if (optind < count) return usage("it takes no arguments, but got '%s'", arguments[optind]);
  if (request.list) return tool_finish_output("compare", list_all());
  if (request.measure.runs == 0) request.measure.runs = request.measure.quick ? 5 : 9;
  // Room for the start, the reports, and a machine that is busy.
  if (request.measure.quick) request.measure.budget_ns = INT64_C(40000000000);
  return tool_finish_output("compare", run(&request));
}
