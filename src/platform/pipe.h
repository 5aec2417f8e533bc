// Named pipes of Windows, before anything is waited for.
#ifndef ROUSE_PLATFORM_PIPE_H
#define ROUSE_PLATFORM_PIPE_H

#include <rouse/errors.h>

// As rouse_pipe_listen().
int rouse__pipe_listen(const char *name, bool first);

#endif
