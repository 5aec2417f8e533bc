// The operations of handle.h and pipe.h, for backends that have them.
#include <rouse/handle.h>
#include <rouse/pipe.h>

#include "platform/pipe.h"
#include "runtime/operation.h"

static int check(void) {
  const rouse_loop *loop = rouse__loop_here;
  return loop && !loop->backend->ops->handles ? ROUSE_ENOSYS : 0;
}

static int wait_for(enum rouse__operation operation, rouse_fd fd, int64_t deadline_ns) {
  if (check()) return ROUSE_ENOSYS;
  rouse_io io;
  rouse__io_set(&io, operation, fd, NULL, 0, 0);
  return (int)rouse__io_wait(&io, deadline_ns);
}

static int start(rouse_io *io, enum rouse__operation operation, rouse_fd fd, int64_t deadline_ns) {
  rouse__io_set(io, operation, fd, NULL, 0, 0);
  return rouse__io_start_unless(check(), io, deadline_ns);
}

int rouse_handle_wait(rouse_fd handle, int64_t deadline_ns) {
  return wait_for(ROUSE__IO_HANDLE, handle, deadline_ns);
}

int rouse_handle_wait_start(rouse_io *io, rouse_fd handle, int64_t deadline_ns) {
  return start(io, ROUSE__IO_HANDLE, handle, deadline_ns);
}

int rouse_pipe_listen(const char *name, bool first) { return rouse__pipe_listen(name, first); }

int rouse_pipe_accept(rouse_fd pipe, int64_t deadline_ns) {
  return wait_for(ROUSE__IO_PIPE, pipe, deadline_ns);
}

int rouse_pipe_accept_start(rouse_io *io, rouse_fd pipe, int64_t deadline_ns) {
  return start(io, ROUSE__IO_PIPE, pipe, deadline_ns);
}
