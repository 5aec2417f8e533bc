// Ticks are 1, 2 and 5 times powers of ten. A linear axis has four to eight of them; a logarithmic
// one has the powers of ten, and those between if there are few.
#include "axis.h"

#include <math.h>

enum { RATIO_OF_LOGARITHMIC = 25, TICKS_WANTED = 5 };

// The round number nearest to |value|: below it, or above.
static double round_number(double value, bool up) {
  static const double steps[] = {1, 2, 5, 10};
  double power = pow(10, floor(log10(value)));
  double digits = value / power;
  // A value that is round but for the last bits of its representation counts as round.
  double slack = 1e-9;
  if (up) {
    int step = 0;
    while (steps[step] < digits - slack) step++;
    return steps[step] * power;
  }
  int step = 3;
  while (steps[step] > digits + slack) step--;
  return steps[step] * power;
}

static void add_tick(axis *axis, double value) {
  if (axis->tick_count < TICKS_MAX) axis->ticks[axis->tick_count++] = value;
}

static void make_linear(axis *axis, double most) {
  double step = most > 0 ? round_number(most / TICKS_WANTED, true) : 0.2;
  axis->low = 0;
  axis->high = most > 0 ? ceil(most / step - 1e-9) * step : 1;
  for (int index = 0; index * step <= axis->high + step / 2; index++) add_tick(axis, index * step);
}

static void make_logarithmic(axis *axis, double least, double most) {
  axis->low = round_number(least, false);
  axis->high = round_number(most, true);
  double decades = log10(axis->high / axis->low);
  int every = (int)ceil(decades / 6);
  static const double between[] = {1, 2, 5};
  int first = (int)floor(log10(axis->low) + 1e-9);
  for (int decade = first; pow(10, decade) <= axis->high * 1.0001; decade++) {
    for (int index = 0; index < 3; index++) {
      bool wanted = index == 0 ? (decade - first) % every == 0 : decades <= 2.5;
      double value = between[index] * pow(10, decade);
      if (wanted && value >= axis->low * 0.9999 && value <= axis->high * 1.0001) {
        add_tick(axis, value);
      }
    }
  }
}

void axis_make(axis *axis, double least, double most, double from, double to) {
  *axis = (struct axis){.from = from, .to = to};
  axis->logarithmic = least > 0 && most > least * RATIO_OF_LOGARITHMIC;
  if (axis->logarithmic) {
    make_logarithmic(axis, least, most);
  } else {
    make_linear(axis, most);
  }
  // What rounding has cut off in the last bits.
  if (axis->low > least) axis->low = least;
  if (axis->high < most) axis->high = most;
}

double axis_place(const axis *axis, double value) {
  double part;
  if (axis->logarithmic) {
    part = value > axis->low ? log(value / axis->low) / log(axis->high / axis->low) : 0;
  } else {
    part = (value - axis->low) / (axis->high - axis->low);
  }
  if (part < 0) part = 0;
  if (part > 1) part = 1;
  return axis->from + part * (axis->to - axis->from);
}
