// The decision matrix. A need is a set of abilities without which an approach is no candidate, a
// figure that must not be above a bound, and the column that decides among those who are left.
// Everything in it comes from the cells and from the abilities that the contract tests hold the
// approaches to; nothing is known here about any approach by name.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "approach.h"
#include "results.h"

enum { NO_BOUND = -1 };

typedef struct need {
  const char *key, *need, *rule;
  uint32_t abilities;  // APPROACH_* bits that it must have
  uint32_t refused;    // and that it must not have
  int bounded;         // a column whose figure must be at most |bound|, or NO_BOUND
  double bound;
  column score;
} need;

static const need needs[] = {
    {"single_loop", "Everything on one loop",
     "most operations of 64 tasks on one loop; must take more than one waiter", APPROACH_MANY, 0,
     NO_BOUND, 0, COLUMN_ONE_64},
    {"fast_path", "Waits are rare",
     "fewest ns for an uncontended acquire and release; more than "
     "one waiter, any loop",
     APPROACH_MANY | APPROACH_LOOPS, 0, NO_BOUND, 0, COLUMN_ACQUIRE},
    {"many_waiters", "Many waiters on several loops",
     "most operations of 1000 tasks on two loops; more than one waiter, any loop",
     APPROACH_MANY | APPROACH_LOOPS, 0, NO_BOUND, 0, COLUMN_TWO_1000},
    {"cancel_heavy", "Many waits are cancelled",
     "fewest ns to cancel one of 1000; a cancelled waiter's place must be free at once, more than "
     "one waiter, any loop",
     APPROACH_REMOVES | APPROACH_MANY | APPROACH_LOOPS, 0, NO_BOUND, 0, COLUMN_CANCEL_CROWD},
    {"fairness", "Nobody may be left behind",
     "least p99 wait of 64 tasks; must wake in order of arrival and exactly whom it says, any loop",
     APPROACH_FIFO | APPROACH_EXACT | APPROACH_MANY | APPROACH_LOOPS, 0, NO_BOUND, 0,
     COLUMN_FAIR_P99},
    {"no_allocation", "No allocation while waiting",
     "most operations of 64 tasks on two loops; counted allocations for each wait must be 0, more "
     "than one waiter, any loop",
     APPROACH_MANY | APPROACH_LOOPS, 0, COLUMN_ALLOCATIONS, 0, COLUMN_TWO_64},
    {"portable", "The same on every system",
     "most operations of 64 tasks on two loops; its waits must not be operations of one system's "
     "kernel, more than one waiter, any loop",
     APPROACH_MANY | APPROACH_LOOPS, APPROACH_KERNEL, NO_BOUND, 0, COLUMN_TWO_64},
    {"one_waiter", "Never more than one waiter",
     "least median from a wake to the woken task across loops; any loop", APPROACH_LOOPS, 0,
     NO_BOUND, 0, COLUMN_WAKE_MEDIAN},
    {"memory", "Very many waiters in little memory",
     "fewest bytes for a waiter, heap counted; more than one waiter, any loop",
     APPROACH_MANY | APPROACH_LOOPS, 0, NO_BOUND, 0, COLUMN_WAITER_ALL},
    {"with_io", "Waits between I/O on one loop",
     "least p99 wait for a lock while the loop does I/O; more than one waiter", APPROACH_MANY, 0,
     NO_BOUND, 0, COLUMN_LOCK_UNIFIED_P99},
    {"never_stuck", "A descheduled thread must stop no caller",
     "most operations of 64 tasks on two loops; no call may wait for another thread, more than "
     "one waiter, any loop",
     APPROACH_LOCK_FREE | APPROACH_MANY | APPROACH_LOOPS, 0, NO_BOUND, 0, COLUMN_TWO_64},
    {"freed_at_once", "The object is freed by whoever is woken",
     "fewest ns for an uncontended acquire and release; the woken must be allowed to destroy the "
     "object at once, any loop",
     APPROACH_DESTROY | APPROACH_LOOPS, 0, NO_BOUND, 0, COLUMN_ACQUIRE},
};

_Static_assert(sizeof needs / sizeof *needs < MATRIX_MAX, "the matrix has a line for each need");

static const char *lack(uint32_t bit) {
  switch (bit) {
    case APPROACH_FIFO:
      return "does not wake in order of arrival";
    case APPROACH_EXACT:
      return "a wake may wake others";
    case APPROACH_MANY:
      return "one waiter only";
    case APPROACH_LOOPS:
      return "one loop only";
    case APPROACH_REMOVES:
      return "a cancelled waiter stays in the queue";
    case APPROACH_DESTROY:
      return "the woken must not destroy the object at once";
    case APPROACH_LOCK_FREE:
      return "a call may wait for a descheduled thread";
    default:
      return "lacks an ability";
  }
}

// Why |row| is no candidate for |need|, in |text|; empty if it is one.
static void judge(const row *row, const need *need, char text[FIGURE_GAP_SIZE]) {
  text[0] = 0;
  if (!row->available) {
    snprintf(text, FIGURE_GAP_SIZE, "not available here");
    return;
  }
  for (int place = 0; place < APPROACH_BITS; place++) {
    uint32_t bit = UINT32_C(1) << place;
    if ((need->abilities & bit) != 0 && (row->can & bit) == 0) {
      snprintf(text, FIGURE_GAP_SIZE, "%s", lack(bit));
      return;
    }
  }
  if ((row->can & need->refused) != 0) {
    snprintf(text, FIGURE_GAP_SIZE, "waits in one system's kernel");
    return;
  }
  if (need->bounded != NO_BOUND) {
    const figure *bounded = &row->cells[need->bounded];
    if (!bounded->known || bounded->value > need->bound) {
      char value[FIGURE_TEXT_SIZE];
      snprintf(text, FIGURE_GAP_SIZE, "%.24s: %.120s", columns[need->bounded].title,
               bounded->known ? figure_text(value, bounded->value) : bounded->gap);
      return;
    }
  }
  const figure *score = &row->cells[need->score];
  if (!score->known) snprintf(text, FIGURE_GAP_SIZE, "%s", score->gap);
}

static void choose(const results *results, const need *need, choice *choice) {
  *choice = (struct choice){
      .key = need->key, .need = need->need, .rule = need->rule, .score = need->score, .best = -1};
  bool more = columns[need->score].more_is_better;
  for (uint32_t index = 0; index < results->row_count; index++) {
    const row *row = &results->rows[index];
    judge(row, need, choice->excluded[index]);
    if (choice->excluded[index][0] != 0) continue;
    choice->scores[index] = row->cells[need->score].value;
    double best = choice->best >= 0 ? choice->scores[choice->best] : 0;
    bool better = more ? choice->scores[index] > best : choice->scores[index] < best;
    if (choice->best < 0 || better) choice->best = (int)index;
  }
  if (choice->best < 0) return;
  const figure *best = &results->rows[choice->best].cells[need->score];
  for (uint32_t index = 0; index < results->row_count; index++) {
    if (choice->excluded[index][0] != 0 || (int)index == choice->best) continue;
    choice->as_good[index] = figure_overlaps(best, &results->rows[index].cells[need->score]);
  }
}

// --- one for everything --------------------------------------------------------------------------

static const column all_round[] = {COLUMN_ACQUIRE,  COLUMN_ONE_64,      COLUMN_TWO_64,
                                   COLUMN_TWO_1000, COLUMN_WAKE_MEDIAN, COLUMN_CANCEL_CROWD,
                                   COLUMN_FAIR_P99};
enum { ALL_ROUND_COUNT = sizeof all_round / sizeof *all_round };

// How many times worse |row| is than the best of each column, as the geometric mean; or less than 0
// if a column has no figure for it.
static double distance(const results *results, const row *row) {
  double sum = 0;
  for (int index = 0; index < ALL_ROUND_COUNT; index++) {
    const figure *cell = &row->cells[all_round[index]];
    const figure *best = results_best(results, all_round[index]);
    if (!cell->known || best == NULL || !(cell->value > 0) || !(best->value > 0)) return -1;
    sum += fabs(log(cell->value / best->value));
  }
  return exp(sum / ALL_ROUND_COUNT);
}

static void choose_all_round(const results *results, choice *choice) {
  static const need need = {
      "all_round",
      "One for everything",
      "least geometric mean of how many times worse it is than the best, over acquire, 64 tasks on "
      "one loop, 64 and 1000 on two, waking one, cancelling one of 1000, and p99 wait; must have a "
      "figure in each, more than one waiter, any loop, removal on cancel",
      APPROACH_MANY | APPROACH_LOOPS | APPROACH_REMOVES,
      0,
      NO_BOUND,
      0,
      COLUMN_TWO_64};
  *choice = (struct choice){
      .key = need.key, .need = need.need, .rule = need.rule, .score = COLUMN_COUNT, .best = -1};
  for (uint32_t index = 0; index < results->row_count; index++) {
    const row *row = &results->rows[index];
    judge(row, &need, choice->excluded[index]);
    if (choice->excluded[index][0] != 0) continue;
    choice->scores[index] = distance(results, row);
    if (choice->scores[index] < 0) {
      snprintf(choice->excluded[index], FIGURE_GAP_SIZE, "a figure is missing");
      continue;
    }
    if (choice->best < 0 || choice->scores[index] < choice->scores[choice->best]) {
      choice->best = (int)index;
    }
  }
}

void matrix_make(results *results) {
  results->matrix_count = 0;
  for (size_t index = 0; index < sizeof needs / sizeof *needs; index++) {
    choose(results, &needs[index], &results->matrix[results->matrix_count++]);
  }
  choose_all_round(results, &results->matrix[results->matrix_count++]);
}
