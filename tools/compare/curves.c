// Plots with curves: throughput over the number of waiters, and whole distributions.
#include <math.h>
#include <stdlib.h>

#include "plot_parts.h"

enum { LINES_HEIGHT = 300, LINES_LEFT = 58, LINES_RIGHT = 420, LINES_TOP = 10, LABEL_STEP = 13 };

// --- lines ---------------------------------------------------------------------------------------

// Where the names of the lines stand: at their ends, moved apart.
typedef struct label {
  const row *row;
  double line_x, line_y, y;
} label;

static int by_height(const void *left, const void *right) {
  const label *x = left, *y = right;
  return (x->line_y > y->line_y) - (x->line_y < y->line_y);
}

static void move_apart(label *labels, uint32_t count, double top, double bottom) {
  qsort(labels, count, sizeof *labels, by_height);
  for (uint32_t index = 0; index < count; index++) {
    double least = index == 0 ? top : labels[index - 1].y + LABEL_STEP;
    labels[index].y = labels[index].line_y > least ? labels[index].line_y : least;
  }
  for (uint32_t index = count; index-- > 0;) {
    double most = index + 1 == count ? bottom : labels[index + 1].y - LABEL_STEP;
    if (labels[index].y > most) labels[index].y = most;
  }
}

static void draw_axis_up(FILE *to, const axis *axis) {
  char text[FIGURE_TEXT_SIZE];
  for (uint32_t index = 0; index < axis->tick_count; index++) {
    double y = axis_place(axis, axis->ticks[index]);
    fprintf(to, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n", LINES_LEFT,
            LINES_RIGHT, y, y);
    fprintf(to, "<text class=\"tick\" text-anchor=\"end\" x=\"%d\" y=\"%.1f\">%s</text>\n",
            LINES_LEFT - 8, y + 4, figure_text(text, axis->ticks[index]));
  }
}

static double place_across(const plot *plot, uint32_t place) {
  double low = log(plot->places[0]), high = log(plot->places[plot->column_count - 1]);
  double part = (log(plot->places[place]) - low) / (high - low);
  return LINES_LEFT + 12 + part * (LINES_RIGHT - LINES_LEFT - 24);
}

static void draw_line(FILE *to, const plot *plot, const row *row, const axis *axis, label *label) {
  bool begun = false;
  fputs("<path class=\"line\" d=\"", to);
  for (uint32_t place = 0; place < plot->column_count; place++) {
    const figure *cell = &row->cells[plot->columns[place]];
    if (!cell->known) {
      begun = false;
      continue;
    }
    label->line_x = place_across(plot, place);
    label->line_y = axis_place(axis, cell->value);
    fprintf(to, "%s%.1f %.1f", begun ? "L" : "M", label->line_x, label->line_y);
    begun = true;
  }
  fputs("\"/>\n", to);
  for (uint32_t place = 0; place < plot->column_count; place++) {
    const figure *cell = &row->cells[plot->columns[place]];
    if (!cell->known) continue;
    double x = place_across(plot, place);
    double from = axis_place(axis, cell->least), end = axis_place(axis, cell->most);
    fprintf(to, "<path class=\"whisker\" d=\"M%.1f %.1fV%.1f\"/>\n", x, from, end);
    fprintf(to, "<g class=\"mark\" data-approach=\"%s\">", row->name);
    plot_value_title(to, row, &columns[plot->columns[place]], cell);
    fprintf(to, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/></g>\n", x,
            axis_place(axis, cell->value));
  }
}

static bool has_any(const plot *plot, const row *row) {
  for (uint32_t place = 0; place < plot->column_count; place++) {
    if (row->cells[plot->columns[place]].known) return true;
  }
  return false;
}

static void draw_name(FILE *to, const row *row, double x, double y) {
  fprintf(to, "<text class=\"end\" x=\"%.1f\" y=\"%.1f\">", x, y + 4);
  markup_text(to, row->name);
  fputs("</text>", to);
}

static void draw_names(FILE *to, label *labels, uint32_t count, double bottom) {
  move_apart(labels, count, LINES_TOP + 4, bottom);
  for (uint32_t index = 0; index < count; index++) {
    const label *label = &labels[index];
    fputs("<g ", to);
    plot_row_class(to, label->row);
    fprintf(to, "><path class=\"lead\" d=\"M%.1f %.1fL%d %.1f\"/>", label->line_x + 6,
            label->line_y, LINES_RIGHT + 10, label->y);
    draw_name(to, label->row, LINES_RIGHT + 13, label->y);
    fputs("</g>\n", to);
  }
}

void plot_lines(FILE *to, const results *results, const plot *plot) {
  label labels[ROWS_MAX];
  uint32_t count = 0;
  double least, most, bottom = LINES_HEIGHT - 40;
  char note[COMPARE_TEXT_SIZE], text[FIGURE_TEXT_SIZE];
  axis axis;
  plot_range(results, plot, &least, &most);
  axis_make(&axis, least, most, bottom, LINES_TOP);
  plot_note(note, sizeof note, &columns[plot->columns[0]], &axis);
  plot_begin(to, plot, LINES_HEIGHT, note);
  draw_axis_up(to, &axis);
  for (uint32_t place = 0; place < plot->column_count; place++) {
    fprintf(to, "<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
            place_across(plot, place), bottom + 17, figure_text(text, plot->places[place]));
  }
  fprintf(to, "<text class=\"tick\" text-anchor=\"middle\" x=\"%d\" y=\"%.1f\">tasks</text>\n",
          (LINES_LEFT + LINES_RIGHT) / 2, bottom + 34);
  for (uint32_t index = 0; index < results->row_count; index++) {
    const row *row = &results->rows[index];
    if (!has_any(plot, row)) continue;
    labels[count] = (label){.row = row};
    fputs("<g ", to);
    plot_row_class(to, row);
    fputs(">\n", to);
    draw_line(to, plot, row, &axis, &labels[count]);
    // A line that ends early has its name where it ends; the others have theirs at the side.
    if (row->cells[plot->columns[plot->column_count - 1]].known) {
      count++;
    } else {
      draw_name(to, row, labels[count].line_x + 8, labels[count].line_y);
    }
    fputs("</g>\n", to);
  }
  draw_names(to, labels, count, bottom);
  plot_end(to);
}

// --- distributions -------------------------------------------------------------------------------

enum { SPREAD_ROW = 34, SPREAD_PEAK = 24 };

// The value below which |part| of |spread| lies: the upper edge of that step, in µs.
static double spread_quantile(const spread *spread, double part) {
  double wanted = part * (double)spread->total, seen = 0;
  for (unsigned step = 0; step < SPREAD_STEPS; step++) {
    seen += (double)spread->counts[step];
    if (seen >= wanted && spread->counts[step] > 0) return spread_edge(step + 1) / 1000;
  }
  return spread_edge(SPREAD_STEPS) / 1000;
}

static bool spread_ends(const results *results, distribution which, double *least, double *most) {
  unsigned first = SPREAD_STEPS, last = 0;
  for (uint32_t index = 0; index < results->row_count; index++) {
    const spread *spread = &results->rows[index].spreads[which];
    for (unsigned step = 0; step < SPREAD_STEPS; step++) {
      if (spread->counts[step] == 0) continue;
      if (step < first) first = step;
      if (step > last) last = step;
    }
  }
  if (first > last) return false;
  *least = spread_edge(first) / 1000;
  *most = spread_edge(last + 1) / 1000;
  // The axis is always logarithmic, as the steps are.
  if (*most < *least * 30) *most = *least * 30;
  return true;
}

static void draw_hill(FILE *to, const spread *spread, const axis *axis, double base) {
  uint64_t highest = 1;
  for (unsigned step = 0; step < SPREAD_STEPS; step++) {
    if (spread->counts[step] > highest) highest = spread->counts[step];
  }
  bool begun = false;
  fputs("<path class=\"hill\" d=\"", to);
  unsigned last = 0;
  for (unsigned step = 0; step < SPREAD_STEPS; step++) {
    if (spread->counts[step] > 0) last = step;
  }
  for (unsigned step = 0; step <= last; step++) {
    if (!begun && spread->counts[step] == 0) continue;
    double x = axis_place(axis, spread_edge(step) / 1000);
    // The root lifts what is rare to where it can be seen.
    double y = base - SPREAD_PEAK * sqrt((double)spread->counts[step] / (double)highest);
    if (!begun) fprintf(to, "M%.1f %.1f", x, base);
    begun = true;
    fprintf(to, "L%.1f %.1fH%.1f", x, y, axis_place(axis, spread_edge(step + 1) / 1000));
  }
  fprintf(to, "V%.1fZ\"/>", base);
}

static void draw_spread(FILE *to, const plot *plot, const row *row, const axis *axis, double base) {
  const spread *spread = &row->spreads[plot->distribution];
  double median = spread_quantile(spread, 0.5), p99 = spread_quantile(spread, 0.99);
  double worst = spread_quantile(spread, 1);
  char text[3][FIGURE_TEXT_SIZE];
  fputs("<g ", to);
  plot_row_class(to, row);
  fputs(">\n", to);
  plot_row_name(to, row, base - 8);
  fprintf(to, "<g class=\"mark\" data-approach=\"%s\"><title>", row->name);
  markup_text(to, row->name);
  fprintf(to, ": median %s, p99 %s, worst %s µs (%.0f samples)</title>",
          figure_text(text[0], median), figure_text(text[1], p99), figure_text(text[2], worst),
          (double)spread->total);
  draw_hill(to, spread, axis, base);
  fprintf(to, "<path class=\"median\" d=\"M%.1f %.1fv%d\"/>", axis_place(axis, median), base + 2,
          -SPREAD_PEAK - 2);
  fprintf(to, "<path class=\"p99\" d=\"M%.1f %.1fv%d\"/>", axis_place(axis, p99), base + 2,
          -SPREAD_PEAK / 2);
  fprintf(to, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/></g>\n",
          axis_place(axis, worst), base);
  fprintf(to, "<text class=\"value\" x=\"%d\" y=\"%.1f\">%s</text>\n</g>\n", PLOT_WIDTH - 2,
          base - 4, figure_text(text[0], row->cells[plot->columns[0]].value));
}

void plot_spreads(FILE *to, const results *results, const plot *plot) {
  double least = 1, most = 100, bottom = PLOT_TOP + SPREAD_ROW * results->row_count;
  axis axis;
  spread_ends(results, plot->distribution, &least, &most);
  axis_make(&axis, least, most, PLOT_LEFT, PLOT_RIGHT);
  plot_begin(to, plot, bottom + 24,
             "µs, logarithmic; long tick: median (at the right), short: p99, dot: worst");
  plot_axis_across(to, &axis, PLOT_TOP, bottom + 2);
  for (uint32_t index = 0; index < results->row_count; index++) {
    const row *row = &results->rows[index];
    const spread *spread = &row->spreads[plot->distribution];
    double base = PLOT_TOP + SPREAD_ROW * (index + 1) - 2;
    if (spread->total > 0) {
      draw_spread(to, plot, row, &axis, base);
    } else {
      const figure *cell = &row->cells[plot->columns[0]];
      plot_row_gap(to, row, cell->known ? "no distribution" : cell->gap, base - 8);
    }
  }
  plot_end(to);
}
