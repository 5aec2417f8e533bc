// The decision matrix follows the figures and the abilities, and nothing else.
#include <string.h>

#include "../support/support.h"
#include "approach.h"
#include "sample.h"

static results sample;

static const choice *choice_of(const char *key) {
  for (uint32_t index = 0; index < sample.matrix_count; index++) {
    if (strcmp(sample.matrix[index].key, key) == 0) return &sample.matrix[index];
  }
  return NULL;
}

static const char *best_of(const char *key) {
  const choice *choice = choice_of(key);
  check(choice != NULL);
  return choice->best < 0 ? NULL : sample.rows[choice->best].name;
}

static void make(void) {
  sample_make(&sample);
  matrix_make(&sample);
}

static void the_best_of_the_deciding_column_is_taken(void **state) {
  (void)state;
  make();
  // Operations a second: more is better, and mutex_deque has more in this sample.
  assert_string_equal(best_of("many_waiters"), "mutex_deque");
  assert_string_equal(best_of("fast_path"), "rouse");  // atomic_waker takes one waiter only
  sample_set(&sample.rows[1].cells[COLUMN_ACQUIRE], 0.1, 0.2, 0.3);
  matrix_make(&sample);
  assert_string_equal(best_of("fast_path"), "mutex_deque");
}

static void who_lacks_an_ability_is_excluded_and_told_why(void **state) {
  (void)state;
  make();
  const choice *choice = choice_of("never_stuck");
  assert_string_equal(best_of("never_stuck"), "rouse");
  check(strstr(choice->excluded[1], "descheduled") != NULL);
  assert_string_equal(choice->excluded[2], "one waiter only");
  assert_string_equal(choice->excluded[3], "not available here");
  assert_string_equal(choice->excluded[0], "");
}

static void one_waiter_only_may_win_where_one_is_enough(void **state) {
  (void)state;
  make();
  assert_string_equal(best_of("one_waiter"), "atomic_waker");
}

static void a_bound_excludes_by_the_figure(void **state) {
  (void)state;
  make();
  sample_set(&sample.rows[0].cells[COLUMN_ALLOCATIONS], 0, 0, 0);
  matrix_make(&sample);
  assert_string_equal(best_of("no_allocation"), "rouse");
  check(strstr(choice_of("no_allocation")->excluded[1], "allocations") != NULL);
}

static void what_the_runs_cannot_tell_apart_is_named(void **state) {
  (void)state;
  make();
  const choice *choice = choice_of("many_waiters");
  check(!choice->as_good[0]);
  sample_set(&sample.rows[0].cells[COLUMN_TWO_1000], 1, 20, 1000);
  matrix_make(&sample);
  check(choice_of("many_waiters")->as_good[0]);
  check(!choice_of("many_waiters")->as_good[1]);  // the best is not as good as itself
}

static void without_candidates_nothing_is_taken(void **state) {
  (void)state;
  make();
  for (uint32_t index = 0; index < sample.row_count; index++) {
    sample.rows[index].can &= ~(uint32_t)APPROACH_DESTROY;
  }
  matrix_make(&sample);
  check(best_of("freed_at_once") == NULL);
}

static void an_all_rounder_needs_a_figure_everywhere(void **state) {
  (void)state;
  make();
  check(best_of("all_round") != NULL);
  double score = choice_of("all_round")->scores[choice_of("all_round")->best];
  check(score >= 1);
  figure_gap(&sample.rows[0].cells[COLUMN_WAKE_MEDIAN], "not measured");
  matrix_make(&sample);
  assert_string_equal(choice_of("all_round")->excluded[0], "a figure is missing");
}

static void cells_without_figure_and_reason_are_counted(void **state) {
  (void)state;
  make();
  check_equal(results_count_unfilled(&sample), 0);
  memset(&sample.rows[1].cells[COLUMN_TRY], 0, sizeof sample.rows[1].cells[0]);
  check_equal(results_count_unfilled(&sample), 1);
}

int main(void) {
  const struct CMUnitTest claims[] = {
      cmocka_unit_test(the_best_of_the_deciding_column_is_taken),
      cmocka_unit_test(who_lacks_an_ability_is_excluded_and_told_why),
      cmocka_unit_test(one_waiter_only_may_win_where_one_is_enough),
      cmocka_unit_test(a_bound_excludes_by_the_figure),
      cmocka_unit_test(what_the_runs_cannot_tell_apart_is_named),
      cmocka_unit_test(without_candidates_nothing_is_taken),
      cmocka_unit_test(an_all_rounder_needs_a_figure_everywhere),
      cmocka_unit_test(cells_without_figure_and_reason_are_counted),
  };
  return cmocka_run_group_tests(claims, NULL, NULL);
}
