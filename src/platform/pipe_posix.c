// POSIX systems have no such pipes.
#include "platform/pipe.h"

int rouse__pipe_listen(const char *name, bool first) {
  (void)name, (void)first;
  return ROUSE_ENOSYS;
}
