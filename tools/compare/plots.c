// What the plots have in common: the frame, the axis, the names of the rows, gaps; and the bars and
// pairs, which are rows of marks.
#include <math.h>
#include <string.h>

#include "axis.h"
#include "plot_parts.h"

void markup_text(FILE *to, const char *text) {
  for (; *text != 0; text++) {
    switch (*text) {
      case '&':
        fputs("&amp;", to);
        break;
      case '<':
        fputs("&lt;", to);
        break;
      case '>':
        fputs("&gt;", to);
        break;
      case '"':
        fputs("&quot;", to);
        break;
      default:
        // Control characters, which XML does not allow, are left out.
        if ((unsigned char)*text >= 0x20 || *text == '\n' || *text == '\t') fputc(*text, to);
    }
  }
}

void plot_begin(FILE *to, const plot *plot, double height, const char *note) {
  fprintf(to, "<figure class=\"plot\" id=\"plot-%s\" data-plot=\"%s\"", plot->key, plot->key);
  if (plot->draw == plot_spreads) {
    fprintf(to, " data-distribution=\"%s\"", distributions[plot->distribution].key);
  } else {
    fputs(" data-columns=\"", to);
    for (uint32_t index = 0; index < plot->column_count; index++) {
      fprintf(to, "%s%s", index > 0 ? " " : "", columns[plot->columns[index]].key);
    }
    fputc('"', to);
  }
  fputs(">\n<figcaption>", to);
  markup_text(to, plot->title);
  fputs(" <span class=\"note\">", to);
  markup_text(to, note);
  fputs("</span></figcaption>\n", to);
  fprintf(to,
          "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-labelledby=\"t-%s d-%s\" "
          "xmlns=\"http://www.w3.org/2000/svg\">\n<title id=\"t-%s\">",
          PLOT_WIDTH, height, plot->key, plot->key, plot->key);
  markup_text(to, plot->title);
  fprintf(to, "</title>\n<desc id=\"d-%s\">", plot->key);
  markup_text(to, note);
  fputs(" The table below has the same figures.</desc>\n", to);
}

void plot_end(FILE *to) { fputs("</svg>\n</figure>\n", to); }

bool plot_row_stands_out(const char *name) {
  return strcmp(name, "rouse") == 0 || strcmp(name, "mutex_deque") == 0;
}

void plot_row_class(FILE *to, const row *row) {
  fprintf(to, "class=\"row%s\" data-approach=\"%s\"",
          plot_row_stands_out(row->name) ? " shown" : "", row->name);
}

void plot_row_name(FILE *to, const row *row, double y) {
  fprintf(to, "<text class=\"name\" x=\"%d\" y=\"%.1f\">", PLOT_LEFT - 10, y + 4);
  markup_text(to, row->name);
  fputs("</text>\n", to);
}

void plot_row_gap(FILE *to, const row *row, const char *gap, double y) {
  // A gap is one line: what does not fit is in the table, and in the title.
  enum { FITS = 58 };
  fputs("<g ", to);
  plot_row_class(to, row);
  fputs(">\n", to);
  plot_row_name(to, row, y);
  fprintf(to, "<text class=\"gap\" x=\"%d\" y=\"%.1f\"><title>", PLOT_LEFT + 4, y + 4);
  markup_text(to, gap);
  fputs("</title>", to);
  char text[FITS + 8];
  size_t length = strlen(gap);
  size_t shown = length > FITS ? FITS : length;
  while (shown < length && shown > 0 && ((unsigned char)gap[shown] & 0xC0) == 0x80) shown--;
  snprintf(text, sizeof text, "%.*s%s", (int)shown, gap, shown < length ? "…" : "");
  markup_text(to, text);
  fputs("</text>\n</g>\n", to);
}

void plot_axis_across(FILE *to, const axis *axis, double top, double bottom) {
  char text[FIGURE_TEXT_SIZE];
  for (uint32_t index = 0; index < axis->tick_count; index++) {
    double x = axis_place(axis, axis->ticks[index]);
    fprintf(to, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", x, x,
            top, bottom);
    fprintf(to, "<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x,
            bottom + 15, figure_text(text, axis->ticks[index]));
  }
}

void plot_range(const results *results, const plot *plot, double *least, double *most) {
  *least = INFINITY;
  *most = 0;
  for (uint32_t index = 0; index < results->row_count; index++) {
    for (uint32_t place = 0; place < plot->column_count; place++) {
      const figure *cell = &results->rows[index].cells[plot->columns[place]];
      if (!cell->known) continue;
      if (cell->least < *least) *least = cell->least;
      if (cell->most > *most) *most = cell->most;
    }
  }
  if (!isfinite(*least)) *least = 0;
}

void plot_note(char *note, size_t size, const column_about *about, const axis *axis) {
  snprintf(note, size, "%s%s%s%s", about->unit, *about->unit != 0 ? ", " : "",
           about->more_is_better ? "more is better" : "less is better",
           axis->logarithmic ? ", logarithmic" : "");
}

void plot_value_title(FILE *to, const row *row, const column_about *about, const figure *cell) {
  char value[FIGURE_TEXT_SIZE], least[FIGURE_TEXT_SIZE], most[FIGURE_TEXT_SIZE];
  fputs("<title>", to);
  markup_text(to, row->name);
  fputs(", ", to);
  markup_text(to, about->title);
  fprintf(to, ": %s", figure_text(value, cell->value));
  if (*about->unit != 0) {
    fputc(' ', to);
    markup_text(to, about->unit);
  }
  fprintf(to, " (%s to %s in %u runs)</title>", figure_text(least, cell->least),
          figure_text(most, cell->most), cell->runs);
}

// --- bars ----------------------------------------------------------------------------------------

static void draw_whisker(FILE *to, const axis *axis, const figure *cell, double y, double size) {
  double from = axis_place(axis, cell->least), end = axis_place(axis, cell->most);
  if (end - from < 1) return;
  fprintf(to, "<path class=\"whisker\" d=\"M%.1f %.1fH%.1fM%.1f %.1fv%.1fM%.1f %.1fv%.1f\"/>\n",
          from, y, end, from, y - size / 2, size, end, y - size / 2, size);
}

static void draw_bar(FILE *to, const row *row, const column_about *about, const figure *cell,
                     const axis *axis, double y, bool best) {
  char value[FIGURE_TEXT_SIZE];
  double height = axis->logarithmic ? 4 : 14;
  double end = axis_place(axis, cell->value), width = end - PLOT_LEFT;
  if (width < 1.5) width = 1.5;
  fputs("<g ", to);
  plot_row_class(to, row);
  fputs(">\n", to);
  plot_row_name(to, row, y);
  fprintf(to, "<g class=\"mark\" data-approach=\"%s\">", row->name);
  plot_value_title(to, row, about, cell);
  fprintf(to, "<rect class=\"bar\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%.0f\" rx=\"2\"/>",
          PLOT_LEFT, y - height / 2, width, height);
  if (axis->logarithmic) {
    fprintf(to, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"/>", end, y);
  }
  fputs("</g>\n", to);
  draw_whisker(to, axis, cell, y, 8);
  fprintf(to, "<text class=\"value%s\" x=\"%d\" y=\"%.1f\">%s</text>\n</g>\n", best ? " best" : "",
          PLOT_WIDTH - 2, y + 4, figure_text(value, cell->value));
}

void plot_bars(FILE *to, const results *results, const plot *plot) {
  column column = plot->columns[0];
  const column_about *about = &columns[column];
  const figure *best = results_best(results, column);
  double least, most, bottom = PLOT_TOP + ROW_HEIGHT * results->row_count;
  char note[COMPARE_TEXT_SIZE];
  axis axis;
  plot_range(results, plot, &least, &most);
  axis_make(&axis, least, most, PLOT_LEFT, PLOT_RIGHT);
  plot_note(note, sizeof note, about, &axis);
  plot_begin(to, plot, bottom + 22, note);
  plot_axis_across(to, &axis, PLOT_TOP, bottom);
  for (uint32_t index = 0; index < results->row_count; index++) {
    const row *row = &results->rows[index];
    const figure *cell = &row->cells[column];
    double y = PLOT_TOP + ROW_HEIGHT * (index + 0.5);
    if (cell->known) {
      draw_bar(to, row, about, cell, &axis, y, best->value == cell->value);
    } else {
      plot_row_gap(to, row, cell->gap, y);
    }
  }
  plot_end(to);
}

// --- pairs ---------------------------------------------------------------------------------------

static void draw_pair(FILE *to, const plot *plot, const row *row, const axis *axis, double y) {
  const figure *cells[2] = {&row->cells[plot->columns[0]], &row->cells[plot->columns[1]]};
  char value[FIGURE_TEXT_SIZE];
  fputs("<g ", to);
  plot_row_class(to, row);
  fputs(">\n", to);
  plot_row_name(to, row, y);
  if (cells[0]->known && cells[1]->known) {
    fprintf(to, "<line class=\"join\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
            axis_place(axis, cells[0]->value), axis_place(axis, cells[1]->value), y, y);
  }
  for (int side = 0; side < 2; side++) {
    if (!cells[side]->known) continue;
    double at = y + (side == 0 ? -4 : 4);
    draw_whisker(to, axis, cells[side], at, 5);
    fprintf(to, "<g class=\"mark\" data-approach=\"%s\">", row->name);
    plot_value_title(to, row, &columns[plot->columns[side]], cells[side]);
    fprintf(to, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"/></g>\n",
            side == 0 ? "dot" : "ring", axis_place(axis, cells[side]->value), at);
  }
  for (int side = 0; side < 2; side++) {
    fprintf(to, "<text class=\"value%s\" x=\"%d\" y=\"%.1f\">%s</text>\n",
            side == 0 ? "" : " second", PLOT_WIDTH - 2, y + (side == 0 ? -1 : 11),
            cells[side]->known ? figure_text(value, cells[side]->value) : "–");
  }
  fputs("</g>\n", to);
}

void plot_pairs(FILE *to, const results *results, const plot *plot) {
  double least, most, bottom = PLOT_TOP + PAIR_HEIGHT * results->row_count;
  char note[COMPARE_TEXT_SIZE], whole[COMPARE_TEXT_SIZE + 64];
  axis axis;
  plot_range(results, plot, &least, &most);
  axis_make(&axis, least, most, PLOT_LEFT, PLOT_RIGHT);
  plot_note(note, sizeof note, &columns[plot->columns[0]], &axis);
  snprintf(whole, sizeof whole, "● unified  ○ dual; %s", note);
  plot_begin(to, plot, bottom + 22, whole);
  plot_axis_across(to, &axis, PLOT_TOP, bottom);
  for (uint32_t index = 0; index < results->row_count; index++) {
    const row *row = &results->rows[index];
    double y = PLOT_TOP + PAIR_HEIGHT * (index + 0.5);
    const figure *first = &row->cells[plot->columns[0]];
    if (first->known || row->cells[plot->columns[1]].known) {
      draw_pair(to, plot, row, &axis, y);
    } else {
      plot_row_gap(to, row, first->gap, y);
    }
  }
  plot_end(to);
}
