// What this system offers, and what it refused: which backend and doorbell a loop would get, and
// why.
#ifndef ROUSE_PROBE_H
#define ROUSE_PROBE_H

#include <rouse/loop.h>

ROUSE_BEGIN_C

enum { ROUSE_PROBE_BACKENDS_MAX = 8, ROUSE_PROBE_FEATURES_MAX = 64 };

// A backend: |result| is ROUSE_DONE if a loop can have it, else what it was refused with.
typedef struct rouse_probe_backend {
  const char *name;
  int result;
  char reason[160];  // for a refusal: in words
} rouse_probe_backend;

// A feature of a backend, found by trying it.
typedef struct rouse_probe_feature {
  const char *backend;
  const char *name;
  bool available;
  char detail[160];  // what was seen; empty if there is nothing to say
} rouse_probe_feature;

typedef struct rouse_probe {
  const char *backend;   // what a loop with default options gets
  const char *doorbell;  // and what wakes it
  const char *context;   // how tasks are switched
  uint32_t processors;
  uint32_t backend_count;
  rouse_probe_backend backends[ROUSE_PROBE_BACKENDS_MAX];  // in order of preference
  uint32_t feature_count;
  rouse_probe_feature features[ROUSE_PROBE_FEATURES_MAX];
} rouse_probe;

// Tries every backend and fills in |*out_probe|. Takes some milliseconds.
// Returns ROUSE_DONE, or the failure of the default choice (then |backend| is NULL; the rest is
// filled in).
// Threads: any without a loop.
ROUSE_API int rouse_probe_run(rouse_probe *out_probe);

ROUSE_END_C
#endif
