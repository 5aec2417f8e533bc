// The report as one page. It asks for nothing outside of itself, and is whole without its script,
// which only brings approaches out and changes between light and dark.
#include <string.h>

#include "approach.h"
#include "page_parts.h"
#include "plots.h"
#include "reports.h"

#define BARS(in, name, text, column)                                                               \
  {                                                                                                \
    .draw = plot_bars, .section = (in), .key = (name), .title = (text), .columns = {(column)},     \
    .column_count = 1                                                                              \
  }
#define PAIRS(in, name, text, left, right)                                                         \
  {                                                                                                \
    .draw = plot_pairs, .section = (in), .key = (name), .title = (text),                           \
    .columns = {(left), (right)}, .column_count = 2                                                \
  }
// The column says why a row has no distribution.
#define SPREADS(in, name, text, which, column)                                                     \
  {                                                                                                \
    .draw = plot_spreads, .section = (in), .key = (name), .title = (text),                         \
    .distribution = (which), .columns = {(column)}, .column_count = 1                              \
  }

static const plot plots[] = {
    BARS(SECTION_UNCONTENDED, "try", "try_acquire and release", COLUMN_TRY),
    BARS(SECTION_UNCONTENDED, "acquire", "acquire and release", COLUMN_ACQUIRE),
    {.draw = plot_lines,
     .section = SECTION_CONTENDED,
     .key = "contended-one",
     .title = "Throughput over tasks, one loop",
     .columns = {COLUMN_ONE_2, COLUMN_ONE_16, COLUMN_ONE_64, COLUMN_ONE_1000},
     .column_count = 4,
     .places = {2, 16, 64, 1000}},
    {.draw = plot_lines,
     .section = SECTION_CONTENDED,
     .key = "contended-two",
     .title = "Throughput over tasks, two loops",
     .columns = {COLUMN_TWO_2, COLUMN_TWO_16, COLUMN_TWO_64, COLUMN_TWO_1000},
     .column_count = 4,
     .places = {2, 16, 64, 1000}},
    SPREADS(SECTION_WAKE_ONE, "wake-one", "Latency of a wake across loops", DISTRIBUTION_WAKE,
            COLUMN_WAKE_MEDIAN),
    BARS(SECTION_WAKE_ONE, "wake-local", "Median on the same loop", COLUMN_WAKE_LOCAL),
    SPREADS(SECTION_WAKE_ALL, "wake-all", "Latency of each of 64 waiters", DISTRIBUTION_ALL,
            COLUMN_ALL_MEDIAN),
    BARS(SECTION_WAKE_ALL, "wake-all-worst", "The last of 64 waiters", COLUMN_ALL_WORST),
    BARS(SECTION_CANCEL, "cancel-lone", "The only waiter", COLUMN_CANCEL_LONE),
    BARS(SECTION_CANCEL, "cancel-crowd", "One of 1000 waiters", COLUMN_CANCEL_CROWD),
    SPREADS(SECTION_FAIRNESS, "wait", "Waits of 64 tasks for one permit", DISTRIBUTION_WAIT,
            COLUMN_FAIR_MEDIAN),
    BARS(SECTION_FAIRNESS, "share", "Turns of the luckiest task by the unluckiest's",
         COLUMN_FAIR_SHARE),
    BARS(SECTION_COSTS, "atomics", "Atomic read-modify-writes, wait and wake", COLUMN_ATOMICS),
    BARS(SECTION_COSTS, "allocations", "Allocations, wait and wake", COLUMN_ALLOCATIONS),
    BARS(SECTION_COSTS, "waiter-bytes", "A waiter, heap counted", COLUMN_WAITER_ALL),
    BARS(SECTION_COSTS, "object-bytes", "The object", COLUMN_OBJECT_BYTES),
    BARS(SECTION_SYSCALLS, "calls-local", "System calls, same loop", COLUMN_CALLS_LOCAL),
    BARS(SECTION_SYSCALLS, "calls-cross", "System calls, two loops that sleep", COLUMN_CALLS_CROSS),
    PAIRS(SECTION_MIXED_IO, "mixed-io", "I/O done beside the lock", COLUMN_IO_UNIFIED,
          COLUMN_IO_DUAL),
    PAIRS(SECTION_MIXED_IO, "mixed-turns", "Turns of the lock beside the I/O", COLUMN_TURNS_UNIFIED,
          COLUMN_TURNS_DUAL),
    PAIRS(SECTION_MIXED_LOCK, "mixed-lock-median", "Wait for the lock beside the I/O, median",
          COLUMN_LOCK_UNIFIED_MEDIAN, COLUMN_LOCK_DUAL_MEDIAN),
    PAIRS(SECTION_MIXED_LOCK, "mixed-lock", "Wait for the lock beside the I/O, p99",
          COLUMN_LOCK_UNIFIED_P99, COLUMN_LOCK_DUAL_P99),
    BARS(SECTION_NOTE_FAST, "note-try", "1: uncontended try", COLUMN_NOTE_TRY),
    BARS(SECTION_NOTE_FAST, "note-acquire", "2: uncontended acquire", COLUMN_NOTE_ACQUIRE),
    {.draw = plot_lines,
     .section = SECTION_NOTE_TASKS,
     .key = "note-tasks",
     .title = "3: tasks on 4 permits",
     .columns = {COLUMN_NOTE_2, COLUMN_NOTE_4, COLUMN_NOTE_8, COLUMN_NOTE_16, COLUMN_NOTE_32,
                 COLUMN_NOTE_64},
     .column_count = 6,
     .places = {2, 4, 8, 16, 32, 64}},
    BARS(SECTION_NOTE_TASKS, "note-cycles", "4: 1000 cycles", COLUMN_NOTE_CYCLES),
    BARS(SECTION_NOTE_TASKS, "note-crowd", "5: 100 permits, 1000 tasks", COLUMN_NOTE_CROWD),
};

// --- tables --------------------------------------------------------------------------------------

static void write_cell(FILE *to, const results *results, const figure *cell, column column) {
  char text[FIGURE_TEXT_SIZE];
  if (!cell->known) {
    fputs("<td class=\"gap\">", to);
    markup_text(to, cell->gap);
    fputs("</td>", to);
    return;
  }
  bool best = results_best(results, column)->value == cell->value;
  fprintf(to, "<td%s>%s", best ? " class=\"best\"" : "", figure_text(text, cell->value));
  if (cell->least < cell->most) {
    fprintf(to, "<small>%s", figure_text(text, cell->least));
    fprintf(to, " – %s</small>", figure_text(text, cell->most));
  }
  fputs("</td>", to);
}

static void write_table(FILE *to, const results *results, section section) {
  fprintf(to,
          "<details><summary>The same as a table</summary><div class=\"scroll\">"
          "<table data-section=\"%s\"><thead><tr><th>approach</th>",
          sections[section].key);
  for (int column = 0; column < COLUMN_COUNT; column++) {
    const column_about *about = &columns[column];
    if (about->section != section) continue;
    fputs("<th>", to);
    markup_text(to, about->title);
    if (*about->unit != 0 && strstr(about->title, about->unit) == NULL) {
      fprintf(to, ", %s", about->unit);
    }
    fputs("</th>", to);
  }
  fputs("</tr></thead><tbody>\n", to);
  for (uint32_t index = 0; index < results->row_count; index++) {
    const row *row = &results->rows[index];
    fprintf(to, "<tr data-approach=\"%s\"><th class=\"code\">%s</th>", row->name, row->name);
    for (int column = 0; column < COLUMN_COUNT; column++) {
      if (columns[column].section == section) {
        write_cell(to, results, &row->cells[column], column);
      }
    }
    fputs("</tr>\n", to);
  }
  fputs("</tbody></table></div>\n<dl>\n", to);
  for (int column = 0; column < COLUMN_COUNT; column++) {
    if (columns[column].section != section) continue;
    fputs("<dt>", to);
    markup_text(to, columns[column].title);
    fputs("</dt><dd>", to);
    markup_text(to, columns[column].how);
    fputs("</dd>\n", to);
  }
  fputs("</dl></details>\n", to);
}

static void write_section(FILE *to, const results *results, section section) {
  fprintf(to, "<section id=\"%s\">\n<h2>", sections[section].key);
  markup_text(to, sections[section].title);
  fputs("</h2>\n<p class=\"lead\">", to);
  markup_text(to, sections[section].what);
  fputs("</p>\n<div class=\"plots\">\n", to);
  for (size_t index = 0; index < sizeof plots / sizeof *plots; index++) {
    if (plots[index].section == section) plots[index].draw(to, results, &plots[index]);
  }
  fputs("</div>\n", to);
  write_table(to, results, section);
  fputs("</section>\n", to);
}

// --- the matrix and the abilities ----------------------------------------------------------------

static void write_best(FILE *to, const results *results, const choice *choice) {
  char value[FIGURE_TEXT_SIZE];
  if (choice->best < 0) {
    fputs("<td class=\"words\">nothing here can</td>", to);
    return;
  }
  fprintf(to, "<td class=\"words\"><span class=\"pick\">%s</span> <span class=\"note amount\">%s ",
          results->rows[choice->best].name, figure_text(value, choice->scores[choice->best]));
  markup_text(to,
              choice->score == COLUMN_COUNT ? "× the best of each" : columns[choice->score].unit);
  fputs("</span>", to);
  const char *before = "<br>not told apart: ";
  for (uint32_t index = 0; index < results->row_count; index++) {
    if (!choice->as_good[index]) continue;
    fprintf(to, "%s%s <span class=\"note amount\">%s</span>", before, results->rows[index].name,
            figure_text(value, choice->scores[index]));
    before = ", ";
  }
  fputs("</td>", to);
}

// Reasons in the order of their first rows, each with all its rows. What is not available here is
// told once, above the table.
static void write_excluded(FILE *to, const results *results, const choice *choice) {
  bool told[ROWS_MAX] = {false};
  fputs("<td class=\"words\"><span class=\"note\">", to);
  for (uint32_t index = 0; index < results->row_count; index++) {
    const char *reason = choice->excluded[index];
    if (reason[0] == 0 || told[index] || !results->rows[index].available) continue;
    fputs("<div>", to);
    markup_text(to, reason);
    const char *before = ": ";
    for (uint32_t other = index; other < results->row_count; other++) {
      if (strcmp(choice->excluded[other], reason) != 0) continue;
      told[other] = true;
      fprintf(to, "%s%s", before, results->rows[other].name);
      before = ", ";
    }
    fputs("</div>", to);
  }
  fputs("</span></td>", to);
}

static void write_unavailable(FILE *to, const results *results) {
  for (uint32_t index = 0; index < results->row_count; index++) {
    const row *row = &results->rows[index];
    if (row->available) continue;
    fprintf(to, " Not available here: %s (", row->name);
    markup_text(to, row->reason);
    fputs(").", to);
  }
}

static void write_matrix(FILE *to, const results *results) {
  fputs(
      "<section id=\"matrix\">\n<h2>Which when</h2>\n<p class=\"lead\">Computed from the figures "
      "and abilities below by the rule that stands under each need. Beside the best "
      "stand those whose middle half of runs overlaps its: these runs can't tell them apart.",
      to);
  write_unavailable(to, results);
  fputs(
      "</p>\n<div class=\"scroll\"><table class=\"matrix\" data-section=\"matrix\"><thead><tr>"
      "<th>need and rule</th><th class=\"words\">take</th><th class=\"words\">no "
      "candidates</th></tr></thead><tbody>\n",
      to);
  for (uint32_t index = 0; index < results->matrix_count; index++) {
    const choice *choice = &results->matrix[index];
    fprintf(to, "<tr data-need=\"%s\"><td class=\"words\"><b>", choice->key);
    markup_text(to, choice->need);
    fputs("</b><div class=\"rule\">", to);
    markup_text(to, choice->rule);
    fputs("</div></td>", to);
    write_best(to, results, choice);
    write_excluded(to, results, choice);
    fputs("</tr>\n", to);
  }
  fputs("</tbody></table></div>\n</section>\n", to);
}

static void write_ability_row(FILE *to, const row *row) {
  fprintf(to, "<tr data-approach=\"%s\"><th class=\"code\">%s</th><td class=\"words\">", row->name,
          row->name);
  markup_text(to, row->summary);
  if (row->library != NULL) {
    fputs(" <span class=\"note\">With ", to);
    markup_text(to, row->library);
    fputs(".</span>", to);
  }
  if (row->gaps != NULL) {
    fputs(" <span class=\"note\">", to);
    markup_text(to, row->gaps);
    fputs("</span>", to);
  }
  if (!row->available) {
    fputs(" <b>Not available here: ", to);
    markup_text(to, row->reason);
    fputs(".</b>", to);
  }
  fputs("</td><td class=\"words\">", to);
  markup_text(to, row->progress);
  fputs("</td>", to);
  for (int place = 0; place < APPROACH_BITS; place++) {
    fputs((row->can >> place & 1) != 0 ? "<td class=\"yes\">yes</td>" : "<td class=\"no\">–</td>",
          to);
  }
  fputs("</tr>\n", to);
}

static void write_abilities(FILE *to, const results *results) {
  fputs(
      "<section id=\"approaches\">\n<h2>The approaches</h2>\n<p class=\"lead\">What each holds "
      "of the common contract. The contract tests hold it to every yes.</p>\n<div "
      "class=\"scroll\"><table class=\"abilities\"><thead><tr><th>approach</th><th "
      "class=\"words\">how it works</th><th class=\"words\">progress</th>",
      to);
  for (int place = 0; place < APPROACH_BITS; place++) {
    // A name of several words may stand on several lines.
    fputs("<th>", to);
    for (const char *at = approach_bit_name(UINT32_C(1) << place); *at != 0; at++) {
      fputc(*at == '_' ? ' ' : *at, to);
    }
    fputs("</th>", to);
  }
  fputs("</tr></thead><tbody>\n", to);
  for (uint32_t index = 0; index < results->row_count; index++) {
    write_ability_row(to, &results->rows[index]);
  }
  fputs("</tbody></table></div>\n</section>\n", to);
}

// --- head and foot -------------------------------------------------------------------------------

static void write_fact(FILE *to, const char *name, const char *text) {
  fputs("<b>", to);
  markup_text(to, name);
  fputs("</b> ", to);
  markup_text(to, text);
  fputs(" &nbsp; ", to);
}

static void write_head(FILE *to, const results *results) {
  char text[COMPARE_TEXT_SIZE * 4 + 64];
  fputs(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
      "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Ways to wake a "
      "waiter, measured</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n",
      to);
  fputs(page_style, to);
  fputs(
      "</style>\n</head>\n<body>\n<header class=\"top\">\n<h1>Ways to wake a waiter, "
      "measured</h1>\n<button id=\"theme\" type=\"button\" hidden>Dark</button>\n<p "
      "class=\"facts\">",
      to);
  snprintf(text, sizeof text, "%s %s, %s, %u × %s", results->system, results->release,
           results->machine, results->processors, results->processor);
  write_fact(to, "Machine", text);
  snprintf(text, sizeof text, "%s, doorbell %s, context %s", results->backend, results->doorbell,
           results->context);
  write_fact(to, "Loops", text);
  snprintf(text, sizeof text, "rouse %s, %s", results->version, results->compiler);
  write_fact(to, "Build", text);
  snprintf(text, sizeof text, "%s, %u in turns, %.0f s%s", results->moment, results->runs,
           results->seconds, results->quick ? ", quick: no figures to quote" : "");
  write_fact(to, "Runs", text);
  if (results->load_before >= 0) {
    snprintf(text, sizeof text, "%.1f before, %.1f after", results->load_before,
             results->load_after);
    write_fact(to, "Load", text);
  }
  fputs("</p>\n", to);
  if (results->caveat[0] != 0) {
    fputs("<p class=\"caveat\">", to);
    markup_text(to, results->caveat);
    fputs("</p>\n", to);
  }
  fputs(
      "<nav class=\"facts\"><a href=\"#matrix\">Which when</a> · <a "
      "href=\"#approaches\">The approaches</a>",
      to);
  for (int section = 0; section < SECTION_COUNT; section++) {
    fprintf(to, " · <a href=\"#%s\">", sections[section].key);
    markup_text(to, sections[section].title);
    fputs("</a>", to);
  }
  fputs("</nav>\n</header>\n<main>\n", to);
}

static void write_names(FILE *to, const results *results) {
  fputs("<div id=\"names\" role=\"group\" aria-label=\"Bring out in all plots\" hidden>\n", to);
  for (uint32_t index = 0; index < results->row_count; index++) {
    const char *name = results->rows[index].name;
    fprintf(to, "<button type=\"button\" data-approach=\"%s\" aria-pressed=\"%s\">%s</button>\n",
            name, plot_row_stands_out(name) ? "true" : "false", name);
  }
  fputs("</div>\n", to);
}

void report_page(FILE *to, const results *results) {
  write_head(to, results);
  write_matrix(to, results);
  write_abilities(to, results);
  write_names(to, results);
  for (int section = 0; section < SECTION_COUNT; section++) write_section(to, results, section);
  fputs(
      "</main>\n<footer>\n<p>All approaches ran in turns (A B C A B C …) in one process; a figure "
      "is the median of its runs, whiskers and small print are the least and the most of them. "
      "How each figure was taken stands under its table.</p>\n</footer>\n<script>\n",
      to);
  fputs(page_script, to);
  fputs("</script>\n</body>\n</html>\n", to);
}
