// Runs the measurements in turns. One turn is every measurement with every approach; the approach
// that begins moves on by one with each turn. So what disturbs the machine for a while disturbs one
// turn of all, and the medians over turns forget it.
//
// What is counted comes first, while the process has had no other thread yet: the children that are
// traced are copies of it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "measure.h"

#ifdef __clang__
#define COMPILER ""  // its version has its name
#else
#define COMPILER "gcc "
#endif

static const measure_options *options;
static const approach *chosen[ROWS_MAX];  // by row

int64_t measure_slice_ns(void) { return options->quick ? 15000000 : 60000000; }

uint64_t measure_count(uint64_t quick, uint64_t full) { return options->quick ? quick : full; }

const char *measure_backend(void) { return options->backend; }

int64_t measure_cpu_ns(void) {
  int64_t used_ns = machine_cpu_ns();
  return used_ns >= 0 ? used_ns : rouse_now_ns();
}

void measure_await(const _Atomic uint32_t *flag, uint32_t value) {
  while (*flag != value) rouse_task_yield();
}

static void show(uint32_t turn, const char *what, const char *name) {
  if (!options->progress) return;
  fprintf(stderr, "\r\033[Krouse compare: turn %u of %u: %s: %s", turn + 1, options->runs, what,
          name);
  fflush(stderr);
}

static void show_end(void) {
  if (options->progress) fputs("\r\033[K", stderr);
}

// --- what there is -------------------------------------------------------------------------------

static bool is_wanted(const char *name) {
  const char *at = options->only;
  if (at == NULL) return true;
  size_t length = strlen(name);
  for (;;) {
    size_t part = strcspn(at, ",");
    if (part == length && strncmp(at, name, length) == 0) return true;
    if (at[part] == 0) return false;
    at += part + 1;
  }
}

static void fill(row *row, const char *gap) {
  for (int column = 0; column < COLUMN_COUNT; column++) figure_gap(&row->cells[column], gap);
}

static void add_row(results *results, const approach *approach) {
  row *row = &results->rows[results->row_count];
  chosen[results->row_count++] = approach;
  row->name = approach->name;
  row->title = approach->title;
  row->summary = approach->summary;
  row->progress = approach->progress;
  row->library = approach->library;
  row->gaps = approach->gaps;
  row->can = approach->can;
  const char *reason = approach->unavailable();
  row->available = reason == NULL;
  if (row->available) return;
  char gap[FIGURE_GAP_SIZE];
  snprintf(row->reason, sizeof row->reason, "%s", reason);
  snprintf(gap, sizeof gap, "not available here: %.120s", reason);
  fill(row, gap);
}

static int64_t look_main(void *argument) {
  results *results = argument;
  for (int index = 0; approaches[index] != NULL && results->row_count < ROWS_MAX; index++) {
    if (is_wanted(approaches[index]->name)) add_row(results, approaches[index]);
  }
  rouse_loop *loop = rouse_loop_here();
  snprintf(results->backend, sizeof results->backend, "%s", rouse_loop_backend(loop));
  snprintf(results->doorbell, sizeof results->doorbell, "%s", rouse_loop_doorbell(loop));
  return 0;
}

static int look(results *results) {
  static rouse_probe probe;
  rouse_run_options run = {.loops = 1, .loop = {.backend = options->backend}};
  int failed = rouse_run(&run, look_main, results, NULL);
  if (failed < 0) return failed;
  if (rouse_probe_run(&probe) == ROUSE_DONE) {
    snprintf(results->context, sizeof results->context, "%s", probe.context);
  }
  results->processors = probe.processors;
  results->version = rouse_version();
  snprintf(results->compiler, sizeof results->compiler, "%s%s", COMPILER, __VERSION__);
  machine_describe(results);
  return ROUSE_DONE;
}

// --- counts --------------------------------------------------------------------------------------

static void count_all(results *results) {
  for (uint32_t index = 0; index < results->row_count; index++) {
    row *row = &results->rows[index];
    if (!row->available) continue;
    show(0, "counting", row->name);
    machine_count_calls(chosen[index], &row->cells[COLUMN_CALLS_LOCAL],
                        &row->cells[COLUMN_CALLS_CROSS]);
  }
  for (uint32_t index = 0; index < results->row_count; index++) {
    if (results->rows[index].available) measure_costs(chosen[index], &results->rows[index]);
  }
}

// --- turns ---------------------------------------------------------------------------------------

// One run.
typedef struct run {
  const measurement *measurement;
  const approach *approach;
  const char *problem;
  measured measured;
} run;

static int64_t pin_main(void *argument) {
  machine_pin((uint32_t)(uintptr_t)argument);
  return 0;
}

static int64_t run_main(void *argument) {
  run *run = argument;
  uint32_t loops = rouse_run_loop_count();
  for (uint32_t index = 0; index < loops && loops > 1; index++) {
    rouse_task *task;
    int failed = rouse_task_spawn(&task, rouse_run_loop(index), pin_main, (void *)(uintptr_t)index);
    if (failed == ROUSE_DONE) rouse_task_join(task, NULL);
  }
  run->problem = run->measurement->run(run->measurement, run->approach, &run->measured);
  return 0;
}

const char *measure_lack(const approach *approach, uint32_t needs) {
  uint32_t lacks = needs & ~approach->can;
  if ((lacks & APPROACH_MANY) != 0) return "one waiter only";
  if ((lacks & APPROACH_LOOPS) != 0) return "one loop only";
  return lacks != 0 ? "lacks an ability" : NULL;
}

static void gap_all(row *row, const measurement *measurement, const char *reason) {
  for (uint32_t index = 0; index < measurement->column_count; index++) {
    figure_gap(&row->cells[measurement->columns[index]], reason);
  }
}

typedef struct gathered {
  samples cells[ROWS_MAX][COLUMN_COUNT];
} gathered;

static void run_one(results *results, gathered *gathered, const measurement *measurement,
                    uint32_t which) {
  row *row = &results->rows[which];
  // A cell that is a gap already was found to be one.
  if (!row->available || row->cells[measurement->columns[0]].gap[0] != 0) return;
  const char *reason = measure_lack(chosen[which], measurement->needs);
  if (reason != NULL) {
    gap_all(row, measurement, reason);
    return;
  }
  static run run;
  memset(&run, 0, sizeof run);
  run.measurement = measurement;
  run.approach = chosen[which];
  rouse_run_options settings = {
      .loops = measurement->loops,
      .loop = {.backend = options->backend, .spin_ns = measurement->spins ? 0 : -1}};
  int failed = rouse_run(&settings, run_main, &run, NULL);
  machine_unpin();
  if (failed < 0) run.problem = rouse_error_message(failed);
  if (run.problem != NULL) {
    gap_all(row, measurement, run.problem);
    return;
  }
  for (uint32_t index = 0; index < measurement->column_count; index++) {
    samples_add(&gathered->cells[which][measurement->columns[index]], run.measured.values[index]);
  }
  if (measurement->has_spread) {
    spread_merge(&row->spreads[measurement->distribution], &run.measured.spread);
  }
}

static void take_turn(results *results, gathered *gathered, uint32_t turn) {
  for (uint32_t index = 0; index < measurement_count; index++) {
    for (uint32_t step = 0; step < results->row_count; step++) {
      uint32_t which = (turn + step) % results->row_count;
      show(turn, measurements[index].name, results->rows[which].name);
      run_one(results, gathered, &measurements[index], which);
    }
  }
}

static void summarize(results *results, const gathered *gathered) {
  for (uint32_t which = 0; which < results->row_count; which++) {
    for (uint32_t index = 0; index < measurement_count; index++) {
      const measurement *measurement = &measurements[index];
      for (uint32_t place = 0; place < measurement->column_count; place++) {
        column column = measurement->columns[place];
        figure *cell = &results->rows[which].cells[column];
        const samples *samples = &gathered->cells[which][column];
        if (cell->gap[0] != 0) continue;
        figure_summarize(cell, samples);
        if (samples->count == 0) figure_gap(cell, "nothing came to its end in the time of a run");
      }
    }
  }
}

int measure_all(const measure_options *with, results *results) {
  options = with;
  memset(results, 0, sizeof *results);
  results->quick = options->quick;
  time_t now = time(NULL);
  strftime(results->moment, sizeof results->moment, "%Y-%m-%d %H:%M UTC", gmtime(&now));
  int failed = look(results);
  if (failed < 0) return failed;
  gathered *gathered = calloc(1, sizeof *gathered);
  if (gathered == NULL) return ROUSE_ENOMEM;
  int64_t begin_ns = rouse_now_ns();
  results->load_before = machine_load();
  count_all(results);
  for (uint32_t turn = 0; turn < options->runs; turn++) {
    int64_t turn_began_ns = rouse_now_ns();
    take_turn(results, gathered, turn);
    results->runs++;
    // The next one is taken to last as long as this one.
    int64_t now_ns = rouse_now_ns();
    if (options->budget_ns > 0 && 2 * now_ns - turn_began_ns - begin_ns > options->budget_ns) break;
  }
  show_end();
  results->load_after = machine_load();
  results->seconds = (double)(rouse_now_ns() - begin_ns) / 1e9;
  summarize(results, gathered);
  free(gathered);
  matrix_make(results);
  return ROUSE_DONE;
}
