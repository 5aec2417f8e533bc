// Figures: what several runs of one measurement come down to, and how such a figure is written.
#ifndef ROUSE_COMPARE_FIGURE_H
#define ROUSE_COMPARE_FIGURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FIGURE_GAP_SIZE = 160, FIGURE_TEXT_SIZE = 24, SAMPLES_MAX = 31 };

// One cell: a number with its spread over the runs, or a gap with its reason. A cell that nobody
// has filled is a gap without a reason, and the report calls that a fault.
typedef struct figure {
  bool known;
  double value;        // the median of the runs
  double least, most;  // of the runs
  double low, high;    // the middle half of the runs lies between these
  uint32_t runs;
  char gap[FIGURE_GAP_SIZE];
} figure;

// The values of one cell as the runs bring them.
typedef struct samples {
  double values[SAMPLES_MAX];
  uint32_t count;
} samples;

// Adds |value|; what is over SAMPLES_MAX is dropped. A value that is not finite is not added, and
// false is returned.
bool samples_add(samples *samples, double value);

// Sorts |values| and returns the quantile |q| (0 … 1) by linear interpolation; 0 without values.
double quantile(double *values, size_t count, double q);
double quantile_of_sorted(const double *values, size_t count, double q);

// Makes |figure| the median, least and most of |samples|; a gap ("not measured") without any.
void figure_summarize(figure *figure, const samples *samples);

// Makes |figure| a gap. |reason| is shortened to what fits.
void figure_gap(figure *figure, const char *reason);

// Whether two figures can't be told apart by these runs: their middle halves overlap.
bool figure_overlaps(const figure *left, const figure *right);

// Writes |value| with three significant digits, k, M or G for large ones. Returns |text|.
char *figure_text(char text[FIGURE_TEXT_SIZE], double value);

// --- distributions -------------------------------------------------------------------------------

// How often latencies were in each of the steps of a logarithmic scale, four steps to a doubling.
enum { SPREAD_STEPS_PER_OCTAVE = 4, SPREAD_OCTAVES = 28, SPREAD_FIRST_OCTAVE = 4 };
enum { SPREAD_STEPS = SPREAD_STEPS_PER_OCTAVE * SPREAD_OCTAVES };

typedef struct spread {
  uint64_t counts[SPREAD_STEPS];
  uint64_t total;
} spread;

void spread_add(spread *spread, double ns);
void spread_merge(spread *into, const spread *from);
// The lower edge of step |step|, in ns. |step| = SPREAD_STEPS gives the end of the scale.
double spread_edge(unsigned step);

#endif
