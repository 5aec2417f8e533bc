// A median is taken of the runs, not a mean: one run that another program disturbed moves a mean
// and leaves a median alone. Least and most are shown with it, for they say how far the median can
// be trusted.
#include "figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *left, const void *right) {
  double x = *(const double *)left, y = *(const double *)right;
  return (x > y) - (x < y);
}

bool samples_add(samples *samples, double value) {
  if (!isfinite(value)) return false;
  if (samples->count < SAMPLES_MAX) samples->values[samples->count++] = value;
  return true;
}

double quantile_of_sorted(const double *values, size_t count, double q) {
  if (count == 0) return 0;
  if (q < 0) q = 0;
  if (q > 1) q = 1;
  double place = q * (double)(count - 1);
  size_t below = (size_t)place;
  if (below + 1 >= count) return values[count - 1];
  double part = place - (double)below;
  return values[below] + part * (values[below + 1] - values[below]);
}

double quantile(double *values, size_t count, double q) {
  qsort(values, count, sizeof *values, by_value);
  return quantile_of_sorted(values, count, q);
}

void figure_summarize(figure *figure, const samples *samples) {
  if (samples->count == 0) {
    figure_gap(figure, "not measured");
    return;
  }
  double sorted[SAMPLES_MAX];
  memcpy(sorted, samples->values, samples->count * sizeof *sorted);
  figure->value = quantile(sorted, samples->count, 0.5);
  figure->least = sorted[0];
  figure->most = sorted[samples->count - 1];
  figure->low = quantile_of_sorted(sorted, samples->count, 0.25);
  figure->high = quantile_of_sorted(sorted, samples->count, 0.75);
  figure->runs = samples->count;
  figure->known = true;
  figure->gap[0] = 0;
}

void figure_gap(figure *figure, const char *reason) {
  memset(figure, 0, sizeof *figure);
  snprintf(figure->gap, sizeof figure->gap, "%s", reason);
}

bool figure_overlaps(const figure *left, const figure *right) {
  return left->known && right->known && left->low <= right->high && right->low <= left->high;
}

char *figure_text(char text[FIGURE_TEXT_SIZE], double value) {
  static const struct {
    double from, by;
    const char *letter;
  } scales[] = {{1e9, 1e9, " G"}, {1e6, 1e6, " M"}, {1e4, 1e3, " k"}, {0, 1, ""}};
  double size = fabs(value);
  size_t scale = 0;
  while (size < scales[scale].from) scale++;
  double scaled = value / scales[scale].by;
  double of_scale = fabs(scaled);
  int digits = of_scale == floor(of_scale) && of_scale < 10000 && scales[scale].by == 1 ? 0
               : of_scale < 9.995                                                       ? 2
               : of_scale < 99.95                                                       ? 1
                                                                                        : 0;
  snprintf(text, FIGURE_TEXT_SIZE, "%.*f%s", digits, scaled, scales[scale].letter);
  return text;
}

// --- distributions -------------------------------------------------------------------------------

double spread_edge(unsigned step) {
  return exp2(SPREAD_FIRST_OCTAVE + (double)step / SPREAD_STEPS_PER_OCTAVE);
}

void spread_add(spread *spread, double ns) {
  double place = ns > 0 ? (log2(ns) - SPREAD_FIRST_OCTAVE) * SPREAD_STEPS_PER_OCTAVE : 0;
  // What lies outside the scale counts at its end: nothing is left out of the total.
  if (!(place > 0)) place = 0;
  if (place > SPREAD_STEPS - 1) place = SPREAD_STEPS - 1;
  spread->counts[(unsigned)place]++;
  spread->total++;
}

void spread_merge(spread *into, const spread *from) {
  for (unsigned step = 0; step < SPREAD_STEPS; step++) into->counts[step] += from->counts[step];
  into->total += from->total;
}
