// The results as Markdown, for the documents.
#include <string.h>

#include "reports.h"

static void write_section(FILE *to, const results *results, section section) {
  char text[FIGURE_TEXT_SIZE];
  fprintf(to, "\n## %s\n\n%s\n\n| approach |", sections[section].title, sections[section].what);
  for (int column = 0; column < COLUMN_COUNT; column++) {
    const column_about *about = &columns[column];
    if (about->section != section) continue;
    bool said = *about->unit == 0 || strstr(about->title, about->unit) != NULL;
    fprintf(to, " %s%s%s |", about->title, said ? "" : ", ", said ? "" : about->unit);
  }
  fputs("\n|---|", to);
  for (int column = 0; column < COLUMN_COUNT; column++) {
    if (columns[column].section == section) fputs("---:|", to);
  }
  fputc('\n', to);
  for (uint32_t index = 0; index < results->row_count; index++) {
    fprintf(to, "| `%s` |", results->rows[index].name);
    for (int column = 0; column < COLUMN_COUNT; column++) {
      if (columns[column].section != section) continue;
      const figure *cell = &results->rows[index].cells[column];
      if (!cell->known) {
        fprintf(to, " *%s* |", cell->gap);
        continue;
      }
      fprintf(to, " %s", figure_text(text, cell->value));
      if (cell->least < cell->most) {
        fprintf(to, " (%s", figure_text(text, cell->least));
        fprintf(to, "–%s)", figure_text(text, cell->most));
      }
      fputs(" |", to);
    }
    fputc('\n', to);
  }
}

static void write_matrix(FILE *to, const results *results) {
  char text[FIGURE_TEXT_SIZE];
  fputs("\n## Which when\n\n| need | take | not told apart | rule |\n|---|---|---|---|\n", to);
  for (uint32_t index = 0; index < results->matrix_count; index++) {
    const choice *choice = &results->matrix[index];
    fprintf(to, "| %s |", choice->need);
    if (choice->best < 0) {
      fputs(" nothing here can | |", to);
    } else {
      fprintf(to, " `%s` (%s %s) |", results->rows[choice->best].name,
              figure_text(text, choice->scores[choice->best]),
              choice->score == COLUMN_COUNT ? "× the best" : columns[choice->score].unit);
      const char *before = " ";
      for (uint32_t row = 0; row < results->row_count; row++) {
        if (!choice->as_good[row]) continue;
        fprintf(to, "%s`%s`", before, results->rows[row].name);
        before = ", ";
      }
      fputs(" |", to);
    }
    fprintf(to, " %s |\n", choice->rule);
  }
}

void report_markdown(FILE *to, const results *results) {
  fputs("# Figures\n\nWritten by `rouse compare`; not to be edited by hand.\n\n", to);
  fprintf(to, "%s %s, %s, %u × %s. rouse %s, %s; backend %s, doorbell %s, context %s.\n",
          results->system, results->release, results->machine, results->processors,
          results->processor, results->version, results->compiler, results->backend,
          results->doorbell, results->context);
  fprintf(to, "%u runs in turns, medians (least–most), %s.", results->runs, results->moment);
  if (results->load_before >= 0) {
    fprintf(to, " Load %.1f before and %.1f after.", results->load_before, results->load_after);
  }
  fputs(results->quick ? " **Quick: no figures to quote.**\n" : "\n", to);
  if (results->caveat[0] != 0) fprintf(to, "\n**%s**\n", results->caveat);
  write_matrix(to, results);
  for (int section = 0; section < SECTION_COUNT; section++) write_section(to, results, section);
}
