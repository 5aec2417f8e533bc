// File operations as plain system calls that block, for threads of the pool.
#ifndef ROUSE_RUNTIME_PERFORM_H
#define ROUSE_RUNTIME_PERFORM_H

#include "runtime/backend.h"

// Makes the system call of |io|, a file operation, and returns its result or a negative ROUSE_E…
// code; ROUSE_ENOSYS for operations that are none on files. Any thread; blocks; leaves errno as it
// was.
int64_t rouse__file_perform(rouse_io *io);

#endif
