// Axes: round ends, ticks inside, values in order.
#include "axis.h"

#include <math.h>

#include "../support/support.h"

static const struct {
  double least, most;
} ranges[] = {{0, 0},      {0, 1},       {20, 40},     {0.1, 0.14},  {96, 128}, {1, 1000},
              {2.5, 4000}, {0.001, 1e9}, {1e-6, 2e-5}, {999, 1001},  {1, 25.1}, {0, 5000},
              {7, 7},      {0, 1e-3},    {3, 1e12},    {0.08, 0.085}};

static void all_values_have_places_between_the_ends_and_in_order(void **state) {
  (void)state;
  for (size_t index = 0; index < sizeof ranges / sizeof *ranges; index++) {
    axis axis;
    axis_make(&axis, ranges[index].least, ranges[index].most, 100, 500);
    check(axis.low <= ranges[index].least && axis.high >= ranges[index].most);
    check(axis.low < axis.high);
    double before = 100;
    for (int step = 0; step <= 20; step++) {
      double value = ranges[index].least + (ranges[index].most - ranges[index].least) * step / 20.0;
      double place = axis_place(&axis, value);
      check(isfinite(place) && place >= before && place <= 500);
      before = place;
    }
  }
}

static void ticks_rise_and_lie_on_the_axis(void **state) {
  (void)state;
  for (size_t index = 0; index < sizeof ranges / sizeof *ranges; index++) {
    axis axis;
    axis_make(&axis, ranges[index].least, ranges[index].most, 0, 300);
    check(axis.tick_count >= 2);
    for (uint32_t tick = 0; tick < axis.tick_count; tick++) {
      check(axis.ticks[tick] >= axis.low * 0.999 && axis.ticks[tick] <= axis.high * 1.001);
      check(tick == 0 || axis.ticks[tick] > axis.ticks[tick - 1]);
    }
  }
}

static void a_linear_axis_begins_at_zero(void **state) {
  (void)state;
  axis axis;
  axis_make(&axis, 20, 40, 100, 500);
  check(!axis.logarithmic && axis.low == 0 && axis_place(&axis, 0) == 100);
}

static void only_wide_positive_ranges_are_logarithmic(void **state) {
  (void)state;
  axis axis;
  axis_make(&axis, 1, 1000, 0, 100);
  check(axis.logarithmic);
  check(fabs(axis_place(&axis, 10) - 100.0 / 3) < 1e-6);
  axis_make(&axis, 0, 1000, 0, 100);
  check(!axis.logarithmic);
}

static void what_is_outside_stays_at_the_ends(void **state) {
  (void)state;
  axis axis;
  axis_make(&axis, 1, 1000, 10, 20);
  check(axis_place(&axis, 0) == 10 && axis_place(&axis, -1) == 10);
  check(axis_place(&axis, 1e9) == 20);
}

int main(void) {
  const struct CMUnitTest claims[] = {
      cmocka_unit_test(all_values_have_places_between_the_ends_and_in_order),
      cmocka_unit_test(ticks_rise_and_lie_on_the_axis),
      cmocka_unit_test(a_linear_axis_begins_at_zero),
      cmocka_unit_test(only_wide_positive_ranges_are_logarithmic),
      cmocka_unit_test(what_is_outside_stays_at_the_ends),
  };
  return cmocka_run_group_tests(claims, NULL, NULL);
}
