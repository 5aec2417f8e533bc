// The functions of registered.h: what a backend without such things answers, and what all check.
#include <rouse/registered.h>

#include "runtime/loop_internal.h"

int rouse_loop_register_buffers(rouse_loop *loop, const rouse_span *buffers, uint32_t count) {
  if (rouse__loop_forked(loop)) return ROUSE_EFORKED;
  if (!count || count > ROUSE_REGISTERED_BUFFERS_MAX) return ROUSE_EINVAL;
  for (uint32_t i = 0; i < count; i++) {
    if (!buffers[i].size || buffers[i].size > ROUSE_IO_SIZE_MAX) return ROUSE_EINVAL;
  }
  struct rouse__backend *backend = loop->backend;
  return backend->ops->register_buffers ? backend->ops->register_buffers(backend, buffers, count)
                                        : 0;
}

int rouse_loop_unregister_buffers(rouse_loop *loop) {
  if (rouse__loop_forked(loop)) return ROUSE_EFORKED;
  struct rouse__backend *backend = loop->backend;
  if (backend->ops->unregister_buffers) backend->ops->unregister_buffers(backend);
  return ROUSE_DONE;
}

int rouse_loop_register_file(rouse_loop *loop, rouse_fd fd) {
  if (rouse__loop_forked(loop)) return ROUSE_EFORKED;
  if (fd < 0) return ROUSE_EBADF;
  struct rouse__backend *backend = loop->backend;
  return backend->ops->register_file ? backend->ops->register_file(backend, fd) : 0;
}

int rouse_loop_unregister_file(rouse_loop *loop, rouse_fd fd) {
  if (rouse__loop_forked(loop)) return ROUSE_EFORKED;
  struct rouse__backend *backend = loop->backend;
  if (backend->ops->unregister_file) backend->ops->unregister_file(backend, fd);
  return ROUSE_DONE;
}
