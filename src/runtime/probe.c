// The probe: every backend is created and destroyed once, and asked what it found out about the
// system.
#include <rouse/probe.h>

#include <stdarg.h>
#include <stdio.h>

#include "context/context.h"
#include "platform/platform.h"
#include "runtime/backends.h"

void rouse__probe_add(rouse_probe *probe, const char *backend, const char *name, bool available,
                      const char *format, ...) {
  if (probe->feature_count == ROUSE_PROBE_FEATURES_MAX) return;
  rouse_probe_feature *feature = &probe->features[probe->feature_count++];
  feature->backend = backend;
  feature->name = name;
  feature->available = available;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(feature->detail, sizeof feature->detail, format, arguments);
  va_end(arguments);
}

static void try_kind(rouse_probe *probe, const struct rouse__backend_kind *kind) {
  if (probe->backend_count == ROUSE_PROBE_BACKENDS_MAX) return;
  rouse_probe_backend *entry = &probe->backends[probe->backend_count++];
  struct rouse__backend *backend;
  entry->name = kind->name;
  entry->result = kind->create(NULL, NULL, &backend, entry->reason, sizeof entry->reason);
  if (!entry->result) {
    entry->reason[0] = 0;
    backend->ops->destroy(backend);
  }
  if (kind->probe) kind->probe(probe);
}

static int probe(rouse_probe *out_probe) {
  *out_probe = (rouse_probe){.context = rouse__context_name(), .processors = rouse__cpu_count()};
  for (size_t i = 0; rouse__backend_kinds[i]; i++) try_kind(out_probe, rouse__backend_kinds[i]);
  struct rouse__backend *backend;
  int refused = rouse__backend_create(NULL, NULL, &backend);
  if (refused) return refused;
  out_probe->backend = backend->ops->name;
  out_probe->doorbell = backend->doorbell;
  backend->ops->destroy(backend);
  return ROUSE_DONE;
}

int rouse_probe_run(rouse_probe *out_probe) {
  uint64_t saved = rouse__errno_save();
  int refused = probe(out_probe);
  rouse__errno_restore(saved);
  return refused;
}
