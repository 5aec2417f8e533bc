// How the public operations are made. Each has a function that fills in a rouse_io, and two forms
// on it: the plain one waits on a rouse_io of its own, the one with _start leaves the caller's to
// complete by callback.
#ifndef ROUSE_RUNTIME_OPERATION_H
#define ROUSE_RUNTIME_OPERATION_H

#include "runtime/loop_internal.h"

static inline uint32_t rouse__length_of(size_t size) {
  return (uint32_t)(size < ROUSE_IO_SIZE_MAX ? size : ROUSE_IO_SIZE_MAX);
}

// What every operation has, in one call. Of the rest only what the operation uses is set.
static inline void rouse__io_set(rouse_io *io, enum rouse__operation operation, rouse_fd fd,
                                 const void *address, uint32_t length, uint32_t flags) {
  io->operation = (uint8_t)operation;
  io->sends = false;
  io->fd = fd;
  io->address = (void *)(uintptr_t)address;
  io->length = length;
  io->flags = flags;
}

static inline void rouse__io_set_second(rouse_io *io, rouse_fd fd, const void *address) {
  io->fd2 = fd;
  io->address2 = (void *)(uintptr_t)address;
}

// 0, or why an operation can't have |count| spans.
static inline int rouse__spans_check(uint32_t count) {
  return count > 0 && count <= ROUSE_SPANS_MAX ? 0 : ROUSE_EINVAL;
}

// Whether sockets that the calling thread opens are better off without O_NONBLOCK.
static inline bool rouse__blocking_sockets(void) {
  const rouse_loop *loop = rouse__loop_here;
  return loop && loop->backend->ops->blocking_sockets;
}

// The form with _start of an operation whose fields are set. All of them end here, for after a
// failure |io| is not in the chain that it was to be added to.
int rouse__io_start(rouse_io *io, int64_t deadline_ns);
// The same for one that may be refused for its arguments: |refused|, or 0.
int rouse__io_start_unless(int refused, rouse_io *io, int64_t deadline_ns);

#endif
