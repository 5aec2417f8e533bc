// What a comparison has found: a row for each approach, a column for each measured quantity, and
// what else the reports tell. The measurements fill it; printing, JSON and HTML only read it.
#ifndef ROUSE_COMPARE_RESULTS_H
#define ROUSE_COMPARE_RESULTS_H

#include "figure.h"

enum { ROWS_MAX = 16, MATRIX_MAX = 24, COMPARE_TEXT_SIZE = 256 };

typedef enum section {
  SECTION_UNCONTENDED,
  SECTION_CONTENDED,
  SECTION_WAKE_ONE,
  SECTION_WAKE_ALL,
  SECTION_CANCEL,
  SECTION_FAIRNESS,
  SECTION_COSTS,
  SECTION_SYSCALLS,
  SECTION_MIXED_IO,
  SECTION_MIXED_LOCK,
  SECTION_NOTE_FAST,
  SECTION_NOTE_TASKS,
  SECTION_COUNT,
} section;

typedef enum column {
  COLUMN_TRY,
  COLUMN_ACQUIRE,
  COLUMN_ONE_2,
  COLUMN_ONE_16,
  COLUMN_ONE_64,
  COLUMN_ONE_1000,
  COLUMN_TWO_2,
  COLUMN_TWO_16,
  COLUMN_TWO_64,
  COLUMN_TWO_1000,
  COLUMN_WAKE_LOCAL,
  COLUMN_WAKE_MEDIAN,
  COLUMN_WAKE_P99,
  COLUMN_WAKE_WORST,
  COLUMN_ALL_MEDIAN,
  COLUMN_ALL_P99,
  COLUMN_ALL_WORST,
  COLUMN_CANCEL_LONE,
  COLUMN_CANCEL_CROWD,
  COLUMN_FAIR_MEDIAN,
  COLUMN_FAIR_P99,
  COLUMN_FAIR_WORST,
  COLUMN_FAIR_SPREAD,
  COLUMN_FAIR_SHARE,
  COLUMN_ATOMICS,
  COLUMN_ATOMICS_CANCEL,
  COLUMN_LOCKS,
  COLUMN_ALLOCATIONS,
  COLUMN_WAITER_BYTES,
  COLUMN_HEAP_BYTES,
  COLUMN_WAITER_ALL,
  COLUMN_OBJECT_BYTES,
  COLUMN_CALLS_LOCAL,
  COLUMN_CALLS_CROSS,
  COLUMN_IO_UNIFIED,
  COLUMN_IO_DUAL,
  COLUMN_TURNS_UNIFIED,
  COLUMN_TURNS_DUAL,
  COLUMN_LOCK_UNIFIED_MEDIAN,
  COLUMN_LOCK_UNIFIED_P99,
  COLUMN_LOCK_DUAL_MEDIAN,
  COLUMN_LOCK_DUAL_P99,
  COLUMN_NOTE_TRY,
  COLUMN_NOTE_ACQUIRE,
  COLUMN_NOTE_2,
  COLUMN_NOTE_4,
  COLUMN_NOTE_8,
  COLUMN_NOTE_16,
  COLUMN_NOTE_32,
  COLUMN_NOTE_64,
  COLUMN_NOTE_CYCLES,
  COLUMN_NOTE_CROWD,
  COLUMN_COUNT,
} column;

typedef struct section_about {
  const char *key, *title;
  const char *what;  // one or two sentences for the reports
} section_about;

typedef struct column_about {
  const char *key, *title, *unit;
  section section;
  bool more_is_better;
  const char *how;  // how the figure was taken
} column_about;

extern const section_about sections[SECTION_COUNT];
extern const column_about columns[COLUMN_COUNT];

// The distributions that are kept besides their quantiles.
typedef enum distribution {
  DISTRIBUTION_WAKE,
  DISTRIBUTION_ALL,
  DISTRIBUTION_WAIT,
  DISTRIBUTION_COUNT,
} distribution;

typedef struct distribution_about {
  const char *key, *title, *what;
} distribution_about;

extern const distribution_about distributions[DISTRIBUTION_COUNT];

typedef struct row {
  const char *name, *title, *summary, *progress;
  const char *library;  // the kept library that it uses, or NULL
  const char *gaps;     // what of the contract it does not hold, or NULL
  uint32_t can;         // APPROACH_* bits
  bool available;
  char reason[FIGURE_GAP_SIZE];  // why it is not available
  figure cells[COLUMN_COUNT];
  spread spreads[DISTRIBUTION_COUNT];
} row;

// A line of the decision matrix.
typedef struct choice {
  const char *key, *need, *rule;
  column score;  // the column that decides; COLUMN_COUNT: several do, and a score is a ratio
  int best;      // its row, or -1
  bool as_good[ROWS_MAX];                    // rows that these runs can't tell from the best
  char excluded[ROWS_MAX][FIGURE_GAP_SIZE];  // why a row is no candidate; empty: it is one
  double scores[ROWS_MAX];
} choice;

typedef struct results {
  const char *version;
  char system[COMPARE_TEXT_SIZE], release[COMPARE_TEXT_SIZE], machine[COMPARE_TEXT_SIZE];
  char processor[COMPARE_TEXT_SIZE], compiler[COMPARE_TEXT_SIZE];
  char backend[32], doorbell[32], context[32];
  char moment[32];  // when the run began, UTC
  uint32_t processors, runs;
  double load_before, load_after;  // negative: this system does not say
  double seconds;
  bool quick;
  char caveat[COMPARE_TEXT_SIZE];  // why the times are no statement about speed; empty: they are
  row rows[ROWS_MAX];
  uint32_t row_count;
  choice matrix[MATRIX_MAX];
  uint32_t matrix_count;
} results;

// Fills the decision matrix from the cells.
void matrix_make(results *results);

// The best known cell of |column|, or NULL.
const figure *results_best(const results *results, column column);

// How many cells have neither a figure nor a reason. A report with one is a fault.
uint32_t results_count_unfilled(const results *results);

#endif
