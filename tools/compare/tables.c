// Tables for a terminal: one for each section, a row for each approach. A cell without a figure has
// a number in brackets, and the reason stands below the table.
#include <string.h>

#include "approach.h"
#include "reports.h"

enum { REASONS_MAX = 48, NAME_WIDTH = 18, CELL_WIDTH_LEAST = 9 };

// The reasons of one table, each once.
typedef struct reasons {
  const char *texts[REASONS_MAX];
  int count;
} reasons;

static int reason_number(reasons *reasons, const char *text) {
  for (int index = 0; index < reasons->count; index++) {
    if (strcmp(reasons->texts[index], text) == 0) return index + 1;
  }
  if (reasons->count == REASONS_MAX) return 0;
  reasons->texts[reasons->count++] = text;
  return reasons->count;
}

// How many columns |text| takes on a terminal: no character here is wide.
static int width_of(const char *text) {
  int width = 0;
  for (; *text != 0; text++) width += (*text & 0xC0) != 0x80;
  return width;
}

static void print_right(FILE *to, const char *text, int width) {
  fprintf(to, "%*s%s", width - width_of(text), "", text);
}

// Whether the runs differ so much that the median says little.
static bool is_unsteady(const figure *cell) {
  return cell->value > 0 && (cell->most - cell->least) > cell->value;
}

static void print_cell(FILE *to, const figure *cell, int width, reasons *reasons) {
  char text[FIGURE_TEXT_SIZE + 8], value[FIGURE_TEXT_SIZE];
  if (cell->known) {
    snprintf(text, sizeof text, "%s%s", figure_text(value, cell->value),
             is_unsteady(cell) ? "~" : " ");
  } else {
    snprintf(text, sizeof text, "[%d] ", reason_number(reasons, cell->gap));
  }
  print_right(to, text, width);
}

// The unit that all columns of |section| have, or NULL.
static const char *unit_of(section section) {
  const char *unit = NULL;
  for (int column = 0; column < COLUMN_COUNT; column++) {
    if (columns[column].section != section) continue;
    if (unit != NULL && strcmp(unit, columns[column].unit) != 0) return NULL;
    unit = columns[column].unit;
  }
  return unit != NULL && *unit != 0 ? unit : NULL;
}

// The title of |column|, with its unit where the section has no common one.
static const char *title_of(char text[COMPARE_TEXT_SIZE], column column, bool with_unit) {
  const column_about *about = &columns[column];
  bool said = !with_unit || *about->unit == 0 || strstr(about->title, about->unit) != NULL;
  snprintf(text, COMPARE_TEXT_SIZE, "%s%s%s", about->title, said ? "" : ", ",
           said ? "" : about->unit);
  return text;
}

static int cell_width(const char *title) {
  int width = width_of(title) + 3;
  return width < CELL_WIDTH_LEAST ? CELL_WIDTH_LEAST : width;
}

static void print_section(FILE *to, const results *results, section section) {
  reasons reasons = {.count = 0};
  char title[COMPARE_TEXT_SIZE];
  const char *unit = unit_of(section);
  fprintf(to, "\n%s%s%s\n", sections[section].title, unit != NULL ? ", " : "",
          unit != NULL ? unit : "");
  fprintf(to, "  %-*s", NAME_WIDTH, "");
  for (int column = 0; column < COLUMN_COUNT; column++) {
    if (columns[column].section != section) continue;
    title_of(title, column, unit == NULL);
    print_right(to, title, cell_width(title) - 1);
    fputc(' ', to);
  }
  fputc('\n', to);
  for (uint32_t index = 0; index < results->row_count; index++) {
    const row *row = &results->rows[index];
    fprintf(to, "  %-*s", NAME_WIDTH, row->name);
    for (int column = 0; column < COLUMN_COUNT; column++) {
      if (columns[column].section != section) continue;
      title_of(title, column, unit == NULL);
      print_cell(to, &row->cells[column], cell_width(title), &reasons);
    }
    fputc('\n', to);
  }
  for (int index = 0; index < reasons.count; index++) {
    fprintf(to, "  [%d] %s\n", index + 1, reasons.texts[index]);
  }
}

static void print_abilities(FILE *to, const results *results) {
  fprintf(to, "\nWhat each approach holds of the contract\n  %-*s", NAME_WIDTH, "");
  for (int place = 0; place < APPROACH_BITS; place++) {
    fprintf(to, " %s", approach_bit_name(UINT32_C(1) << place));
  }
  fputc('\n', to);
  for (uint32_t index = 0; index < results->row_count; index++) {
    const row *row = &results->rows[index];
    fprintf(to, "  %-*s", NAME_WIDTH, row->name);
    for (int place = 0; place < APPROACH_BITS; place++) {
      const char *name = approach_bit_name(UINT32_C(1) << place);
      fprintf(to, " %-*s", (int)strlen(name), (row->can >> place & 1) != 0 ? "yes" : "-");
    }
    fputc('\n', to);
  }
  for (uint32_t index = 0; index < results->row_count; index++) {
    const row *row = &results->rows[index];
    if (!row->available) fprintf(to, "  %s: not available here: %s\n", row->name, row->reason);
    if (row->gaps != NULL) fprintf(to, "  %s: %s\n", row->name, row->gaps);
  }
}

static void print_choice(FILE *to, const results *results, const choice *choice) {
  char value[FIGURE_TEXT_SIZE];
  if (choice->best < 0) {
    fprintf(to, "  %-44s nothing here can\n", choice->need);
    return;
  }
  bool is_ratio = choice->score == COLUMN_COUNT;
  fprintf(to, "  %-44s %s (%s %s)", choice->need, results->rows[choice->best].name,
          figure_text(value, choice->scores[choice->best]),
          is_ratio ? "x the best" : columns[choice->score].unit);
  const char *before = "; as good: ";
  for (uint32_t index = 0; index < results->row_count; index++) {
    if (!choice->as_good[index]) continue;
    fprintf(to, "%s%s", before, results->rows[index].name);
    before = ", ";
  }
  fputc('\n', to);
}

static void print_head(FILE *to, const results *results) {
  fprintf(to, "rouse %s compare, %s\n", results->version, results->moment);
  fprintf(to, "%s %s (%s), %u %s, %s\n", results->system, results->release, results->machine,
          results->processors, results->processors == 1 ? "processor" : "processors",
          results->processor);
  fprintf(to, "backend %s, doorbell %s, context %s, built by %s\n", results->backend,
          results->doorbell, results->context, results->compiler);
  if (results->load_before >= 0) {
    fprintf(to, "load %.2f before, %.2f after; ", results->load_before, results->load_after);
  }
  fprintf(to, "%u runs in turns, medians, %.1f s%s\n", results->runs, results->seconds,
          results->quick ? "; quick: no figures to quote" : "");
  if (results->caveat[0] != 0) fprintf(to, "%s\n", results->caveat);
}

void report_tables(FILE *to, const results *results) {
  print_head(to, results);
  print_abilities(to, results);
  for (int section = 0; section < SECTION_COUNT; section++) print_section(to, results, section);
  fputs("\nWhich when, from the figures above (rules: --json or --html)\n", to);
  for (uint32_t index = 0; index < results->matrix_count; index++) {
    print_choice(to, results, &results->matrix[index]);
  }
  fputs("\n~ the runs differ by more than the median: take the figure as an order of magnitude.\n",
        to);
}
