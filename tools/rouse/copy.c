// `rouse copy`: its command line.
#include "copy.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static const char help[] =
    "Usage: rouse copy [OPTION]... SOURCE TARGET\n"
    "\n"
    "Copies a file or a whole tree, many files at once. Like `cp -a`: if TARGET is an existing\n"
    "directory the copy goes into it, under SOURCE's last name (a SOURCE that ends in \"/.\" goes\n"
    "into TARGET itself); else TARGET is the name of the copy. Kept are modes, times, owners and\n"
    "groups and extended attributes (where permitted), symbolic links, hard links, holes, and\n"
    "empty directories. A SOURCE that is a symbolic link is copied as one, unless a slash\n"
    "follows its name.\n"
    "\n"
    "Every file is written under a temporary name (.rouse-...) and renamed when it is complete:\n"
    "neither an interruption nor a full disk leaves part of a file. Existing files are replaced,\n"
    "existing directories filled up. What fails is told, and the rest goes on.\n"
    "\n"
    "  -f, --max-in-flight N      copy at most N files at once, 1 to 65536 (64)\n"
    "  -l, --loops N              run N event loops, each on a thread, 1 to 64 (one per\n"
    "                             processor, at most 4)\n"
    "  -b, --backend NAME         as in `rouse probe` (the best that works here)\n"
    "  -v, --verify               read both again afterwards, and compare\n"
    "  -c, --compare              copy nothing; only compare, as --verify does\n"
    "  -j, --json                 end with one JSON object on standard output\n"
    "  -q, --quiet                no summary, no notes, no progress\n"
    "  -T, --no-target-directory  TARGET is the name of the copy, even if it is a directory\n"
    "  -h, --help                 show this\n"
    "\n"
    "Exit status: 0 all is copied (with --verify: and the same), 1 something failed, 2 the\n"
    "command line is wrong, 130 interrupted by Ctrl-C (another one, half a second later, ends it\n"
    "at once), 143 by SIGTERM, 129 by SIGHUP.\n";

static const struct option options_known[] = {
    {"max-in-flight", required_argument, NULL, 'f'},
    {"loops", required_argument, NULL, 'l'},
    {"backend", required_argument, NULL, 'b'},
    {"verify", no_argument, NULL, 'v'},
    {"compare", no_argument, NULL, 'c'},
    {"json", no_argument, NULL, 'j'},
    {"quiet", no_argument, NULL, 'q'},
    {"no-target-directory", no_argument, NULL, 'T'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool is_backend(const char *name) {
  for (int index = 0; system_backends[index] != NULL; index++) {
    if (strcmp(name, system_backends[index]) == 0) return true;
  }
  return false;
}

static bool parse_number(const char *text, uint32_t most, const char *command, const char *option,
                         uint32_t *out) {
  char *end;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  if (*text >= '0' && *text <= '9' && *end == 0 && errno == 0 && number >= 1 && number <= most) {
    *out = (uint32_t)number;
    return true;
  }
  char *shown = text_printable(text);
  fprintf(stderr, "%s: --%s takes a number from 1 to %u, not '%s'\n", command, option, most,
          shown != NULL ? shown : "?");
  free(shown);
  return false;
}

static int usage_error(void) {
  fputs("Try 'rouse copy --help'.\n", stderr);
  return EXIT_USAGE;
}

bool copy_options_take(int letter, copy_options *options, const char *command) {
  switch (letter) {
    case 'f':
      return parse_number(optarg, COPY_IN_FLIGHT_MAX, command, "max-in-flight",
                          &options->max_in_flight);
    case 'l':
      return parse_number(optarg, WALK_LOOPS_MAX, command, "loops", &options->loops);
    case 'b':
      options->backend = optarg;
      if (is_backend(optarg)) return true;
      fprintf(stderr, "%s: --backend takes %s, not '%s'\n", command, system_backends_text, optarg);
      return false;
    case 'v':
      options->verify = true;
      return true;
    case 'c':
      options->compare = true;
      return true;
    case 'j':
      options->json = true;
      return true;
    case 'q':
      options->quiet = true;
      return true;
    case 'T':
      options->no_target_directory = true;
      return true;
    default:
      return false;  // getopt has told
  }
}

void copy_options_default(copy_options *options) {
  uint32_t processors = system_processors();
  *options = (copy_options){
      .max_in_flight = COPY_IN_FLIGHT_DEFAULT,
      .loops = processors < COPY_LOOPS_DEFAULT_MAX ? processors : COPY_LOOPS_DEFAULT_MAX,
  };
}

int command_copy(int count, char **arguments) {
  copy_options options;
  copy_options_default(&options);
  static char name[] = "rouse copy";
  arguments[0] = name;  // what getopt's messages begin with
  optind = 1;
  int letter;
  while ((letter = getopt_long(count, arguments, "f:l:b:vcjqTh", options_known, NULL)) >= 0) {
    if (letter == 'h') return tool_print_help(help);
    if (!copy_options_take(letter, &options, name)) return usage_error();
  }
  if (count - optind != 2) {
    fputs(count - optind < 2 ? "rouse copy: SOURCE and TARGET are needed\n"
                             : "rouse copy: only one SOURCE and one TARGET can be given\n",
          stderr);
    return usage_error();
  }
  options.source = arguments[optind];
  options.target = arguments[optind + 1];

  copy *copy = system_allocate(sizeof *copy);
  int status = copy_run(copy, &options);
  if (options.json && !copy_print_json(copy, status, stdout) && status == EXIT_GOOD) {
    status = EXIT_SOME_FAILED;
  }
  if (!options.json && !options.quiet && copy->backend != NULL) copy_print_summary(copy, stdout);
  copy_finish(copy);
  free(copy);
  return tool_finish_output("copy", status);
}
