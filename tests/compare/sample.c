#include "sample.h"

#include <stdio.h>
#include <string.h>

#include "approach.h"

void sample_set(figure *figure, double least, double value, double most) {
  samples samples = {.values = {least, value, most}, .count = 3};
  figure_summarize(figure, &samples);
}

static void add(results *results, const char *name, uint32_t can, double factor) {
  row *row = &results->rows[results->row_count++];
  row->name = name;
  row->title = "a <title> & more";
  row->summary = "waits & \"wakes\" <quickly>";
  row->progress = "blocking";
  row->can = can;
  row->available = true;
  for (int column = 0; column < COLUMN_COUNT; column++) {
    double value = (column + 1) * factor;
    sample_set(&row->cells[column], value * 0.9, value, value * 1.1);
  }
  for (int which = 0; which < DISTRIBUTION_COUNT; which++) {
    for (int index = 1; index <= 100; index++) {
      spread_add(&row->spreads[which], 1000.0 * index * factor);
    }
  }
}

void sample_make(results *results) {
  enum { ALL = (1 << APPROACH_BITS) - 1 - APPROACH_KERNEL };
  memset(results, 0, sizeof *results);
  results->version = "1.2.3";
  results->runs = 3;
  results->processors = 2;
  results->load_before = results->load_after = 0.5;
  snprintf(results->system, sizeof results->system, "Linux <&>");
  snprintf(results->backend, sizeof results->backend, "io_uring");
  add(results, "rouse", ALL, 1);
  add(results, "mutex_deque", ALL & ~(unsigned)APPROACH_LOCK_FREE, 3);
  add(results, "atomic_waker", ALL & ~(unsigned)APPROACH_MANY, 0.5);
  add(results, "iocp_event", ALL | APPROACH_KERNEL, 1);
  row *lone = &results->rows[2], *absent = &results->rows[3];
  figure_gap(&lone->cells[COLUMN_ONE_64], "one waiter only");
  figure_gap(&lone->cells[COLUMN_TWO_64], "one waiter <only> & \"no more\"");
  memset(&lone->spreads[DISTRIBUTION_ALL], 0, sizeof lone->spreads[0]);
  absent->available = false;
  snprintf(absent->reason, sizeof absent->reason, "Windows only");
  for (int column = 0; column < COLUMN_COUNT; column++) {
    figure_gap(&absent->cells[column], "not available here: Windows only");
  }
  memset(absent->spreads, 0, sizeof absent->spreads);
}
