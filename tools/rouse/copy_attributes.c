// What keeping attributes has in common on all systems. The rest is in linux/ and windows/.
#include <stdlib.h>

#include "copy.h"

void attributes_note_left(copy *copy, counter *counter, place where, const char *format, ...) {
  uint64_t before = counter_read(counter);
  counter_add(counter, 1);
  if (before != 0 || copy->options.quiet) return;
  char *path = walk_path(&copy->walk, where.directory, where.name, TARGET);
  va_list arguments;
  va_start(arguments, format);
  report_note(&copy->report, path, format, arguments);
  va_end(arguments);
  free(path);
}

enum { MODE_SET_USER = 04000, MODE_SET_GROUP = 02000 };

uint32_t attributes_mode(const file_status *status, uint32_t owner, uint32_t group) {
  uint32_t mode = status->mode;
  if (owner != status->owner) mode &= ~(uint32_t)MODE_SET_USER;
  if (group != status->group && status->kind != KIND_DIRECTORY) mode &= ~(uint32_t)MODE_SET_GROUP;
  return mode;
}
