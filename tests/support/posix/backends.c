// The backends that there are on POSIX systems.
#include "../backends.h"

const char *const backend_names[] = {"io_uring", "epoll", "poll", NULL};
