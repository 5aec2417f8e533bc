// File operations as calls that block, for threads of the pool.
#include "platform/windows.h"

#include "runtime/perform.h"

int64_t rouse__file_perform(rouse_io *io) {
  (void)io;
  return ROUSE_ENOSYS;
}
