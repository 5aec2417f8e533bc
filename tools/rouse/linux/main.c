// Where the program begins on Linux.
#include "system.h"
#include "tool.h"

int main(int count, char **arguments) {
  system_start();
  return tool_main(count, arguments);
}
