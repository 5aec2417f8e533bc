// Medians, spreads, and how figures are written.
#include "figure.h"

#include <math.h>
#include <string.h>

#include "../support/support.h"

static figure figure_of(const double *values, uint32_t count) {
  samples samples = {.count = 0};
  figure figure = {.known = false};
  for (uint32_t index = 0; index < count; index++) check(samples_add(&samples, values[index]));
  figure_summarize(&figure, &samples);
  return figure;
}

static void the_median_is_the_middle_whatever_the_order(void **state) {
  (void)state;
  figure odd = figure_of((double[]){9, 1, 100, 2, 3}, 5);
  check(odd.known && odd.value == 3 && odd.least == 1 && odd.most == 100 && odd.runs == 5);
  figure even = figure_of((double[]){4, 1, 3, 2}, 4);
  check(even.value == 2.5);
  figure one = figure_of((double[]){7}, 1);
  check(one.value == 7 && one.least == 7 && one.most == 7 && one.runs == 1);
}

static void one_disturbed_run_does_not_move_the_median(void **state) {
  (void)state;
  check(figure_of((double[]){10, 11, 12}, 3).value == 11);
  check(figure_of((double[]){10, 11, 12000}, 3).value == 11);
}

static void quantiles_lie_between_the_values(void **state) {
  (void)state;
  double values[] = {40, 10, 30, 20, 50};
  check(quantile(values, 5, 0) == 10);
  check(quantile(values, 5, 1) == 50);
  check(quantile(values, 5, 0.25) == 20);
  check(fabs(quantile(values, 5, 0.99) - 49.6) < 1e-9);
  check(quantile_of_sorted(values, 5, -1) == 10 && quantile_of_sorted(values, 5, 2) == 50);
  check(quantile(values, 0, 0.5) == 0);
}

static void nothing_measured_is_a_gap_that_says_so(void **state) {
  (void)state;
  figure none = figure_of(NULL, 0);
  check(!none.known && strcmp(none.gap, "not measured") == 0);
}

static void what_is_no_number_is_not_taken(void **state) {
  (void)state;
  samples samples = {.count = 0};
  check(!samples_add(&samples, NAN) && !samples_add(&samples, INFINITY));
  check_equal(samples.count, 0);
}

static void more_samples_than_fit_are_dropped(void **state) {
  (void)state;
  samples samples = {.count = 0};
  for (int index = 0; index < 2 * SAMPLES_MAX; index++) check(samples_add(&samples, index));
  check_equal(samples.count, SAMPLES_MAX);
}

static void a_long_reason_is_cut_and_ends(void **state) {
  (void)state;
  char reason[1000];
  figure figure = {.known = true};
  memset(reason, 'x', sizeof reason);
  reason[sizeof reason - 1] = 0;
  figure_gap(&figure, reason);
  check(!figure.known && strlen(figure.gap) == FIGURE_GAP_SIZE - 1);
}

static void figures_whose_middle_halves_overlap_are_not_told_apart(void **state) {
  (void)state;
  figure low = figure_of((double[]){1, 2, 3, 4, 5}, 5),
         high = figure_of((double[]){3, 4, 5, 6, 7}, 5);
  figure far = figure_of((double[]){6, 7, 8, 9, 10}, 5), gap = figure_of(NULL, 0);
  check(low.low == 2 && low.high == 4);
  check(figure_overlaps(&low, &high) && figure_overlaps(&high, &low));
  check(!figure_overlaps(&low, &far) && !figure_overlaps(&far, &low));
  check(!figure_overlaps(&low, &gap) && !figure_overlaps(&gap, &low));
  // One disturbed run is no reason to give up.
  figure disturbed = figure_of((double[]){1, 2, 3, 4, 5000}, 5);
  check(!figure_overlaps(&disturbed, &far));
}

static void figures_are_written_with_three_digits(void **state) {
  (void)state;
  static const struct {
    double value;
    const char *text;
  } samples[] = {{0, "0"},          {3, "3"},          {1.234, "1.23"},   {12.34, "12.3"},
                 {123.4, "123"},    {9.996, "10.0"},   {1234.4, "1234"},  {12345, "12.3 k"},
                 {999000, "999 k"}, {1.5e6, "1.50 M"}, {2.5e9, "2.50 G"}, {0.0314, "0.03"},
                 {-12.34, "-12.3"}};
  char text[FIGURE_TEXT_SIZE];
  for (size_t index = 0; index < sizeof samples / sizeof *samples; index++) {
    assert_string_equal(figure_text(text, samples[index].value), samples[index].text);
  }
}

static void each_latency_is_in_the_step_that_holds_it(void **state) {
  (void)state;
  for (double ns = 17; ns < 1e9; ns *= 1.37) {
    spread spread = {.total = 0};
    spread_add(&spread, ns);
    for (unsigned step = 0; step < SPREAD_STEPS; step++) {
      bool here = ns >= spread_edge(step) && ns < spread_edge(step + 1);
      check_equal(spread.counts[step], here);
    }
  }
}

static void latencies_outside_the_scale_count_at_its_ends(void **state) {
  (void)state;
  spread spread = {.total = 0}, sum = {.total = 0};
  spread_add(&spread, -5);
  spread_add(&spread, 0);
  spread_add(&spread, 1e30);
  check_equal(spread.counts[0], 2);
  check_equal(spread.counts[SPREAD_STEPS - 1], 1);
  spread_merge(&sum, &spread);
  spread_merge(&sum, &spread);
  check_equal(sum.total, 6);
  check_equal(sum.counts[0], 4);
}

int main(void) {
  const struct CMUnitTest claims[] = {
      cmocka_unit_test(the_median_is_the_middle_whatever_the_order),
      cmocka_unit_test(one_disturbed_run_does_not_move_the_median),
      cmocka_unit_test(quantiles_lie_between_the_values),
      cmocka_unit_test(nothing_measured_is_a_gap_that_says_so),
      cmocka_unit_test(what_is_no_number_is_not_taken),
      cmocka_unit_test(more_samples_than_fit_are_dropped),
      cmocka_unit_test(a_long_reason_is_cut_and_ends),
      cmocka_unit_test(figures_whose_middle_halves_overlap_are_not_told_apart),
      cmocka_unit_test(figures_are_written_with_three_digits),
      cmocka_unit_test(each_latency_is_in_the_step_that_holds_it),
      cmocka_unit_test(latencies_outside_the_scale_count_at_its_ends),
  };
  return cmocka_run_group_tests(claims, NULL, NULL);
}
