// Where the program begins on Windows: the command line in UTF-8, as it was typed, with no pattern
// expanded.
#include "native.h"

#include <rouse/errors.h>
#include <shellapi.h>
#include <stdlib.h>
#include <string.h>

#include "system.h"
#include "tool.h"

int main(void) {
  system_start();
  int count = 0;
  wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &count);
  if (wide == NULL) system_die_without_memory();
  char **arguments = system_allocate(((size_t)count + 1) * sizeof *arguments);
  for (int index = 0; index < count; index++) {
    arguments[index] = native_text(wide[index], wcslen(wide[index]));
  }
  arguments[count] = NULL;
  LocalFree(wide);
  static char name[] = "rouse";
  __argv[0] = name;  // what getopt's messages begin with
  int status = tool_main(count, arguments);
  for (int index = 0; index < count; index++) free(arguments[index]);
  free(arguments);
  return status;
}
