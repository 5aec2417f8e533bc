// The `rouse` command: hands on to its subcommands.
#include <rouse/version.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

static const char help[] =
    "Usage: rouse COMMAND [ARGUMENT]...\n"
    "\n"
    "  probe   what this system offers to event loops, and what it refuses\n"
    "  copy    copy a file or a tree, many files at once\n"
    "  compare the ways to wake a waiter, side by side, measured here\n"
    "  demo    probe, copy a tree of this machine, verify it, and report\n"
    "\n"
    "  --version   show the version\n"
    "  --help      show this; `rouse COMMAND --help` shows more\n";

int tool_finish_output(const char *command, int status) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return status;
  fprintf(stderr, "rouse %s: the output could not be written\n", command);
  return status == EXIT_GOOD ? EXIT_SOME_FAILED : status;
}

int tool_print_help(const char *text) {
  fputs(text, stdout);
  return tool_finish_output("help", EXIT_GOOD);
}

int tool_main(int count, char **arguments) {
  static const struct {
    const char *name;
    int (*run)(int count, char **arguments);
  } commands[] = {{"probe", command_probe},
                  {"copy", command_copy},
                  {"compare", command_compare},
                  {"demo", command_demo}};
  const char *name = count > 1 ? arguments[1] : NULL;
  if (name == NULL) {
    fputs(help, stderr);
    return EXIT_USAGE;
  }
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
    return tool_print_help(help);
  }
  if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
    printf("rouse %s\n", rouse_version());
    return tool_finish_output("version", EXIT_GOOD);
  }
  for (size_t index = 0; index < sizeof commands / sizeof *commands; index++) {
    if (strcmp(name, commands[index].name) == 0) {
      return commands[index].run(count - 1, arguments + 1);
    }
  }
  fprintf(stderr, "rouse: there is no command '%s'\nTry 'rouse --help'.\n", name);
  return EXIT_USAGE;
}
