// A horizontal or vertical axis of a plot: from values to places.
#ifndef ROUSE_COMPARE_AXIS_H
#define ROUSE_COMPARE_AXIS_H

#include <stdbool.h>
#include <stdint.h>

enum { TICKS_MAX = 16 };

typedef struct axis {
  bool logarithmic;
  double low, high;  // values at the two ends
  double from, to;   // places of the two ends
  double ticks[TICKS_MAX];
  uint32_t tick_count;
} axis;

// An axis for values least … most. It is logarithmic if they differ by more than a factor of 25 and
// are all above 0; else it begins at 0. Its ends are round numbers.
void axis_make(axis *axis, double least, double most, double from, double to);

// The place of |value|, kept between the ends.
double axis_place(const axis *axis, double value);

#endif
