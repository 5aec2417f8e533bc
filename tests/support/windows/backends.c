// The backends that there are on Windows.
#include "../backends.h"

const char *const backend_names[] = {"iocp", NULL};
