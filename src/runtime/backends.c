// The choice of a backend: the one that was named, or the first that the system grants.
//
// A name is taken at its word: who asks for a backend by name wants that or to be told why not.
// Only the choice by default falls back, from what does most to what is there on every system.
#include "runtime/backends.h"

#include <string.h>

#include "platform/platform.h"

const struct rouse__backend_kind *const rouse__backend_kinds[] = {
#ifdef ROUSE_HAVE_IO_URING
    &rouse__backend_io_uring,
#endif
#ifdef _WIN32
    &rouse__backend_iocp,
#else
#ifdef ROUSE_HAVE_KQUEUE
    &rouse__backend_kqueue,
#endif
    &rouse__backend_epoll,
    &rouse__backend_poll,
#endif
    NULL,
};

static int create_named(const char *name, rouse_loop *loop, const rouse_loop_options *options,
                        struct rouse__backend **out_backend) {
  char reason[160];
  for (size_t i = 0; rouse__backend_kinds[i]; i++) {
    const struct rouse__backend_kind *kind = rouse__backend_kinds[i];
    if (strcmp(kind->name, name)) continue;
    return kind->create(loop, options, out_backend, reason, sizeof reason);
  }
  return ROUSE_EINVAL;
}

int rouse__backend_create(rouse_loop *loop, const rouse_loop_options *options,
                          struct rouse__backend **out_backend) {
  const char *name = options && options->backend ? options->backend : NULL;
  if (!name) name = rouse__environment("ROUSE_BACKEND");
  if (name) return create_named(name, loop, options, out_backend);
  // The last one asks for least. What it lacks is what is short; why a better one was refused is
  // for the probe to tell.
  int refused = ROUSE_ENOTSUP;
  for (size_t i = 0; rouse__backend_kinds[i] && refused; i++) {
    char reason[160];
    refused = rouse__backend_kinds[i]->create(loop, options, out_backend, reason, sizeof reason);
  }
  return refused;
}
