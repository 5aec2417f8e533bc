// The reports: well-formed, complete, and with nothing of the results left unescaped.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/support.h"
#include "measure.h"
#include "reports.h"
#include "sample.h"

static results sample;
static char *text;

static void take(void (*write)(FILE *to, const results *results)) {
  FILE *file = tmpfile();
  check(file != NULL);
  sample_make(&sample);
  matrix_make(&sample);
  write(file, &sample);
  long size = ftell(file);
  check(size > 0);
  free(text);
  text = malloc((size_t)size + 1);
  rewind(file);
  check(text != NULL && fread(text, 1, (size_t)size, file) == (size_t)size);
  text[size] = 0;
  fclose(file);
}

static int count_of(const char *needle) {
  int count = 0;
  for (const char *at = text; (at = strstr(at, needle)) != NULL; at++) count++;
  return count;
}

static bool is_void(const char *name) {
  static const char *const names[] = {"meta", "link", "br"};
  for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
    if (strcmp(names[index], name) == 0) return true;
  }
  return false;
}

// Reads the tag at |at| into |name|. Returns where it ends, and whether it closes itself.
static const char *read_tag(const char *at, char name[16], bool *alone) {
  size_t length = strspn(at, "/!abcdefghijklmnopqrstuvwxyzDOCTYPEhH0123456789");
  check(length > 0 && length < 16);
  memcpy(name, at, length);
  name[length] = 0;
  const char *end = strchr(at, '>');
  check(end != NULL);
  int quotes = 0;
  for (const char *in = at; in < end; in++) {
    check(*in != '<');
    quotes += *in == '"';
  }
  check(quotes % 2 == 0);
  *alone = end[-1] == '/';
  return end + 1;
}

// Every element that is opened is closed, in order, and no '<' stands for itself.
static void tags_are_balanced(void **state) {
  (void)state;
  enum { DEEP = 64 };
  char open[DEEP][16];
  int depth = 0;
  take(report_page);
  for (const char *at = text; (at = strchr(at, '<')) != NULL;) {
    char name[16];
    bool alone;
    at = read_tag(at + 1, name, &alone);
    if (name[0] == '!' || alone || is_void(name)) continue;
    if (name[0] == '/') {
      check(depth > 0);
      assert_string_equal(name + 1, open[--depth]);
      continue;
    }
    check(depth < DEEP);
    strcpy(open[depth++], name);
    // What is in these is no markup.
    if (strcmp(name, "script") == 0) at = strstr(at, "</script>");
    if (strcmp(name, "style") == 0) at = strstr(at, "</style>");
    check(at != NULL);
  }
  check_equal(depth, 0);
}

static void ids_are_there_once(void **state) {
  (void)state;
  take(report_page);
  for (const char *at = text; (at = strstr(at, " id=\"")) != NULL; at++) {
    char id[80];
    const char *end = strchr(at + 5, '"');
    check(end != NULL && end - at < 70);
    snprintf(id, sizeof id, "%.*s", (int)(end + 1 - at), at);
    check_equal(count_of(id), 1);
  }
}

static void nothing_outside_of_the_page_is_asked_for(void **state) {
  (void)state;
  take(report_page);
  check_equal(count_of("http://") + count_of("https://"), count_of("xmlns=\"http://"));
  check_equal(count_of("src="), 0);
  check_equal(count_of("url("), 0);
  check_equal(count_of("@import"), 0);
}

static void texts_are_escaped(void **state) {
  (void)state;
  take(report_page);
  check(count_of("Linux &lt;&amp;&gt;") >= 1);
  check(count_of("waits &amp; &quot;wakes&quot; &lt;quickly&gt;") >= 1);
  check(count_of("one waiter &lt;only&gt; &amp; &quot;no more&quot;") >= 1);
  check_equal(count_of("<only>") + count_of("<quickly>") + count_of("<title> &"), 0);
}

static void every_gap_is_shown(void **state) {
  (void)state;
  take(report_page);
  check(count_of("not available here: Windows only") >= COLUMN_COUNT);
  take(report_tables);
  check(count_of("not available here: Windows only") >= SECTION_COUNT);
  check(count_of("one waiter only") >= 1);
}

// A mark for each known cell of a plot: 2 rows have everything, one lacks two cells and a
// distribution, one has nothing.
static void plots_have_a_mark_for_each_figure(void **state) {
  (void)state;
  take(report_page);
  const char *plot = strstr(text, "data-plot=\"try\"");
  check(plot != NULL);
  const char *end = strstr(plot, "</figure>");
  check(end != NULL);
  int marks = 0;
  for (const char *at = plot; (at = strstr(at, "class=\"mark\"")) != NULL && at < end; at++)
    marks++;
  check_equal(marks, 3);
  plot = strstr(text, "data-plot=\"contended-one\"");
  check(plot != NULL);
  end = strstr(plot, "</figure>");
  marks = 0;
  for (const char *at = plot; (at = strstr(at, "class=\"mark\"")) != NULL && at < end; at++)
    marks++;
  check_equal(marks, 3 * 4 - 1);
}

static void every_column_is_in_one_plot_or_table_of_the_page(void **state) {
  (void)state;
  take(report_page);
  for (int column = 0; column < COLUMN_COUNT; column++) check(count_of(columns[column].how) >= 1);
  for (int section = 0; section < SECTION_COUNT; section++) {
    char id[80];
    snprintf(id, sizeof id, "<section id=\"%s\">", sections[section].key);
    check_equal(count_of(id), 1);
  }
}

static void write_json(FILE *to, const results *results) { check(report_json(to, results)); }

static void json_has_each_cell_as_a_number_or_a_gap(void **state) {
  (void)state;
  take(write_json);
  int gaps = COLUMN_COUNT + 2;
  check_equal(count_of("\"gap\":"), gaps);
  check_equal(count_of("\"runs\":"), 4 * COLUMN_COUNT - gaps + 1);
}

static void columns_have_names_of_their_own_and_say_how_they_were_taken(void **state) {
  (void)state;
  for (int column = 0; column < COLUMN_COUNT; column++) {
    const column_about *about = &columns[column];
    check(about->key != NULL && about->title != NULL && about->unit != NULL && about->how != NULL);
    for (int other = 0; other < column; other++) check(strcmp(about->key, columns[other].key) != 0);
  }
}

// What is counted before the turns has no measurement; every other column has one.
static void every_column_is_measured_once(void **state) {
  (void)state;
  int times[COLUMN_COUNT] = {0};
  for (uint32_t index = 0; index < measurement_count; index++) {
    const measurement *measurement = &measurements[index];
    check(measurement->run != NULL && measurement->loops >= 1 && measurement->column_count >= 1);
    for (uint32_t place = 0; place < measurement->column_count; place++) {
      times[measurement->columns[place]]++;
    }
  }
  for (int column = 0; column < COLUMN_COUNT; column++) {
    section section = columns[column].section;
    check_equal(times[column], section != SECTION_COSTS && section != SECTION_SYSCALLS);
  }
}

static void markdown_rows_have_as_many_cells_as_their_head(void **state) {
  (void)state;
  take(report_markdown);
  int head = 0;
  for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    if (line[0] != '|') {
      head = 0;
      continue;
    }
    int cells = 0;
    for (const char *at = line; *at != 0; at++) cells += *at == '|';
    if (head == 0) head = cells;
    check_equal(cells, head);
  }
}

int main(void) {
  const struct CMUnitTest claims[] = {
      cmocka_unit_test(tags_are_balanced),
      cmocka_unit_test(ids_are_there_once),
      cmocka_unit_test(nothing_outside_of_the_page_is_asked_for),
      cmocka_unit_test(texts_are_escaped),
      cmocka_unit_test(every_gap_is_shown),
      cmocka_unit_test(plots_have_a_mark_for_each_figure),
      cmocka_unit_test(every_column_is_in_one_plot_or_table_of_the_page),
      cmocka_unit_test(json_has_each_cell_as_a_number_or_a_gap),
      cmocka_unit_test(columns_have_names_of_their_own_and_say_how_they_were_taken),
      cmocka_unit_test(every_column_is_measured_once),
      cmocka_unit_test(markdown_rows_have_as_many_cells_as_their_head),
  };
  int failed = cmocka_run_group_tests(claims, NULL, NULL);
  free(text);
  return failed;
}
