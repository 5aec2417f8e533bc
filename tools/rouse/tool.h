// What the commands of the tool share: exit statuses and the commands themselves.
#ifndef ROUSE_TOOL_TOOL_H
#define ROUSE_TOOL_TOOL_H

enum {
  EXIT_GOOD = 0,
  EXIT_SOME_FAILED = 1,
  EXIT_USAGE = 2,
};

// The whole command: |arguments| as main() gets them, in UTF-8. Returns the exit status.
int tool_main(int count, char **arguments);

// Each gets the arguments from its own name on, and returns the exit status.
int command_probe(int count, char **arguments);
int command_copy(int count, char **arguments);
int command_compare(int count, char **arguments);
int command_demo(int count, char **arguments);

// Prints |text| and says whether all of it, and all before it, could be written: the exit status.
int tool_print_help(const char *text);

// Flushes standard output. Returns |status|, or EXIT_SOME_FAILED if output was lost.
int tool_finish_output(const char *command, int status);

#endif
