// The parts that plots are made of.
#ifndef ROUSE_COMPARE_PLOT_PARTS_H
#define ROUSE_COMPARE_PLOT_PARTS_H

#include "axis.h"
#include "plots.h"

enum {
  PLOT_WIDTH = 540,
  PLOT_LEFT = 132,
  PLOT_RIGHT = 470,
  PLOT_TOP = 6,
  ROW_HEIGHT = 24,
  PAIR_HEIGHT = 32,
};

// The frame: a <figure> with a caption and an <svg>, |height| high.
void plot_begin(FILE *to, const plot *plot, double height, const char *note);
void plot_end(FILE *to);

// The attributes of a group that belongs to |row|.
void plot_row_class(FILE *to, const row *row);
void plot_row_name(FILE *to, const row *row, double y);
// A row without a figure: its name, and why.
void plot_row_gap(FILE *to, const row *row, const char *gap, double y);

// Grid and ticks of a horizontal axis.
void plot_axis_across(FILE *to, const axis *axis, double top, double bottom);

// The least and the most of all runs in the plot's columns.
void plot_range(const results *results, const plot *plot, double *least, double *most);

// "unit, less is better, logarithmic".
void plot_note(char *note, size_t size, const column_about *about, const axis *axis);

// The <title> of a mark.
void plot_value_title(FILE *to, const row *row, const column_about *about, const figure *cell);

#endif
