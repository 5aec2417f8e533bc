// What is counted and not timed. Once is enough.
#include <stdio.h>
#include <string.h>

#include "measure.h"

static void set(figure *figure, double value) {
  samples samples = {.count = 0};
  samples_add(&samples, value);
  figure_summarize(figure, &samples);
}

static void set_sizes(const approach *approach, row *row, double heap_bytes) {
  set(&row->cells[COLUMN_WAITER_BYTES], (double)approach->waiter_size);
  set(&row->cells[COLUMN_HEAP_BYTES], heap_bytes);
  set(&row->cells[COLUMN_WAITER_ALL], (double)approach->waiter_size + heap_bytes);
  set(&row->cells[COLUMN_OBJECT_BYTES], (double)approach->object_size);
}

void measure_costs(const approach *approach, row *row) {
  enum { OTHERS = 64 };
  static const column counted[] = {COLUMN_ATOMICS, COLUMN_ATOMICS_CANCEL};
  approach_cost cost;
  memset(&cost, 0, sizeof cost);
  uint32_t others = (approach->can & APPROACH_MANY) != 0 ? OTHERS : 0;
  int failed = approach_cost_measure(approach->name, others, &cost);
  if (failed < 0) {
    for (int column = 0; column < COLUMN_COUNT; column++) {
      if (columns[column].section == SECTION_COSTS) {
        figure_gap(&row->cells[column], rouse_error_message(failed));
      }
    }
    return;
  }
  set(&row->cells[COLUMN_ATOMICS], cost.wait_modifications + cost.wake_modifications);
  set(&row->cells[COLUMN_ATOMICS_CANCEL], cost.wait_modifications + cost.cancel_modifications);
  if (!cost.atomics_counted) {
    char text[FIGURE_GAP_SIZE];
    bool kernel = (approach->can & APPROACH_KERNEL) != 0;
    snprintf(text, sizeof text, "not countable inside %s",
             kernel                      ? "the kernel"
             : approach->library != NULL ? approach->library
                                         : "the system's locks");
    for (size_t index = 0; index < sizeof counted / sizeof *counted; index++) {
      figure_gap(&row->cells[counted[index]], text);
    }
  }
  set(&row->cells[COLUMN_LOCKS], cost.locks);
  set(&row->cells[COLUMN_ALLOCATIONS], cost.allocations);
  set_sizes(approach, row, cost.heap_bytes);
}
