// Plots as SVG, to be set into a page: their colours come from its style sheet.
//
// Every mark has the class "mark" and the name of its approach in data-approach; it tells its value
// in a <title>. A plot names what it shows in data-columns (or data-distribution).
#ifndef ROUSE_COMPARE_PLOTS_H
#define ROUSE_COMPARE_PLOTS_H

#include <stdio.h>

#include "results.h"

enum { PLOT_COLUMNS_MAX = 8 };

typedef struct plot plot;
typedef void plot_fn(FILE *to, const results *results, const plot *plot);

struct plot {
  plot_fn *draw;
  section section;
  const char *key, *title;
  column columns[PLOT_COLUMNS_MAX];
  uint32_t column_count;
  double places[PLOT_COLUMNS_MAX];  // of the columns on the horizontal axis, for lines
  distribution distribution;
};

// A bar for each approach, with whiskers from the least to the most of the runs.
plot_fn plot_bars;
// A line for each approach: its columns against their places, on a logarithmic axis.
plot_fn plot_lines;
// The whole distribution of each approach, on a logarithmic axis of time.
plot_fn plot_spreads;
// Two values for each approach, joined: before and after.
plot_fn plot_pairs;

// Whether the approach called |name| stands out from the first: ours, and the baseline.
bool plot_row_stands_out(const char *name);

// Writes |text| with what HTML and XML give a meaning to escaped.
void markup_text(FILE *to, const char *text);

#endif
