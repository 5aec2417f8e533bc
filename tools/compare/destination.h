// Where a report is written to. What was there before stays whole until the new one is complete.
#ifndef ROUSE_COMPARE_DESTINATION_H
#define ROUSE_COMPARE_DESTINATION_H

#include <stdio.h>

#include "results.h"

typedef struct destination {
  const char *path;  // as it was given; NULL: none
  char *place;       // what a complete report replaces
  char *temporary;   // what it is written to; NULL: |path| itself, at the end
  FILE *file;        // no file that could be replaced: open from the start
} destination;

// Finds out whether |path| can be written, so that one that can't costs no measurement. Leaves
// nothing behind. False after having told why not.
bool destination_find(destination *destination, const char *path);

// Writes the report. False after having told that it could not be written.
bool destination_write(destination *destination, void (*write)(FILE *to, const results *results),
                       const results *results);

void destination_free(destination *destination);

#endif
