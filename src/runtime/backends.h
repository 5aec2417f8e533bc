// The backends that this build has, and the choice among them.
#ifndef ROUSE_RUNTIME_BACKENDS_H
#define ROUSE_RUNTIME_BACKENDS_H

#include "runtime/backend.h"

// All kinds, in the order of preference, ended by NULL.
extern const struct rouse__backend_kind *const rouse__backend_kinds[];

// Creates a backend for |loop|: the one that |options| or else the environment's ROUSE_BACKEND
// names, or the first that works. 0; ROUSE_EINVAL (no backend of that name); or what it was refused
// with, by default the first one's refusal.
int rouse__backend_create(rouse_loop *loop, const rouse_loop_options *options,
                          struct rouse__backend **out_backend);

#endif
