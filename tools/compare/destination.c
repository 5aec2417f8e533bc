// A report is made beside its place and moved there when it is complete. Only what can't be
// replaced is written to directly: a device or a pipe, and a file in a directory that may not be
// written.
#include "destination.h"

#include <errno.h>
#include <rouse/clock.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

static bool refuse(const char *path) {
  fprintf(stderr, "rouse compare: cannot write %s: %s\n", path, strerror(errno));
  return false;
}

// A name beside |place| that nothing has. NULL: nothing can be made there, says errno.
static char *name_beside(const char *place) {
  size_t size = strlen(place) + 32;
  char *name = malloc(size);
  uint64_t number = (uint64_t)rouse_now_ns();
  for (int left = 100; name != NULL; left--, number++) {
    snprintf(name, size, "%s.%08x.part", place, (unsigned)number);
    FILE *file = machine_create(name);
    if (file != NULL) {
      fclose(file);
      remove(name);
      return name;
    }
    if (errno != EEXIST || left == 0) break;
  }
  free(name);
  return NULL;
}

bool destination_find(destination *destination, const char *path) {
  destination->path = path;
  errno = ENOENT;
  if (path[0] == 0) return refuse(path);
  destination->place = machine_replaceable(path);
  if (destination->place == NULL) {
    destination->file = fopen(path, "wb");
    return destination->file != NULL || refuse(path);
  }
  // What may not be written is not replaced either.
  FILE *file = fopen(destination->place, "r+b");
  if (file == NULL && errno != ENOENT) return refuse(path);
  destination->temporary = name_beside(destination->place);
  bool good = destination->temporary != NULL || file != NULL || refuse(path);
  if (file != NULL) fclose(file);
  return good;
}

bool destination_write(destination *destination, void (*write)(FILE *to, const results *results),
                       const results *results) {
  FILE *file = destination->file;
  destination->file = NULL;
  if (file == NULL) {
    file = destination->temporary != NULL ? machine_create(destination->temporary)
                                          : fopen(destination->place, "wb");
  }
  if (file == NULL) return refuse(destination->path);
  write(file, results);
  bool lost = ferror(file) != 0;
  if (fclose(file) != 0) lost = true;
  if (destination->temporary != NULL) {
    if (!lost) lost = !machine_replace(destination->temporary, destination->place);
    if (lost) remove(destination->temporary);
  }
  if (lost) fprintf(stderr, "rouse compare: %s could not be written\n", destination->path);
  return !lost;
}

void destination_free(destination *destination) {
  if (destination->file != NULL) fclose(destination->file);
  free(destination->place);
  free(destination->temporary);
}
