// All measurements. Each column is in one of them, or is counted before the turns (costs.c).
#include "measure.h"

#define MANY_LOOPS (APPROACH_MANY | APPROACH_LOOPS)

#define CONTENDED(id, on, tasks, abilities)                                                        \
  {                                                                                                \
    .name = "contended, " #on " loop(s), " #tasks " tasks", .run = measure_contended, .loops = on, \
    .spins = true, .needs = (abilities), .amount = tasks, .columns = {id}, .column_count = 1       \
  }
#define NOTE(id, workload, on, tasks, abilities)                                                   \
  {                                                                                                \
    .name = "note." workload, .run = measure_note, .loops = on, .spins = true,                     \
    .needs = (abilities), .amount = tasks, .columns = {id}, .column_count = 1                      \
  }

const measurement measurements[] = {
    {.name = "uncontended",
     .run = measure_uncontended,
     .loops = 1,
     .columns = {COLUMN_TRY, COLUMN_ACQUIRE},
     .column_count = 2},
    // Of two tasks one at most waits.
    CONTENDED(COLUMN_ONE_2, 1, 2, 0),
    CONTENDED(COLUMN_ONE_16, 1, 16, APPROACH_MANY),
    CONTENDED(COLUMN_ONE_64, 1, 64, APPROACH_MANY),
    CONTENDED(COLUMN_ONE_1000, 1, 1000, APPROACH_MANY),
    CONTENDED(COLUMN_TWO_2, 2, 2, APPROACH_LOOPS),
    CONTENDED(COLUMN_TWO_16, 2, 16, MANY_LOOPS),
    CONTENDED(COLUMN_TWO_64, 2, 64, MANY_LOOPS),
    CONTENDED(COLUMN_TWO_1000, 2, 1000, MANY_LOOPS),
    {.name = "wake one, same loop",
     .run = measure_wake_local,
     .loops = 1,
     .columns = {COLUMN_WAKE_LOCAL},
     .column_count = 1},
    {.name = "wake one, across loops",
     .run = measure_wake_cross,
     .loops = 2,
     .needs = APPROACH_LOOPS,
     .columns = {COLUMN_WAKE_MEDIAN, COLUMN_WAKE_P99, COLUMN_WAKE_WORST},
     .column_count = 3,
     .has_spread = true,
     .distribution = DISTRIBUTION_WAKE},
    {.name = "wake all",
     .run = measure_wake_all,
     .loops = 2,
     .needs = MANY_LOOPS,
     .columns = {COLUMN_ALL_MEDIAN, COLUMN_ALL_P99, COLUMN_ALL_WORST},
     .column_count = 3,
     .has_spread = true,
     .distribution = DISTRIBUTION_ALL},
    {.name = "cancel, the only waiter",
     .run = measure_cancel_lone,
     .loops = 1,
     .columns = {COLUMN_CANCEL_LONE},
     .column_count = 1},
    {.name = "cancel, 1000 waiters",
     .run = measure_cancel_crowd,
     .loops = 1,
     .needs = APPROACH_MANY,
     .columns = {COLUMN_CANCEL_CROWD},
     .column_count = 1},
    {.name = "fairness",
     .run = measure_fairness,
     .loops = 2,
     .spins = true,
     .needs = MANY_LOOPS,
     .amount = 64,
     .columns = {COLUMN_FAIR_MEDIAN, COLUMN_FAIR_P99, COLUMN_FAIR_WORST, COLUMN_FAIR_SPREAD,
                 COLUMN_FAIR_SHARE},
     .column_count = 5,
     .has_spread = true,
     .distribution = DISTRIBUTION_WAIT},
    {.name = "mixed with I/O, unified",
     .run = measure_mixed,
     .loops = 1,
     .spins = true,
     .amount = 16,
     .columns = {COLUMN_IO_UNIFIED, COLUMN_TURNS_UNIFIED, COLUMN_LOCK_UNIFIED_MEDIAN,
                 COLUMN_LOCK_UNIFIED_P99},
     .column_count = 4},
    {.name = "mixed with I/O, dual",
     .run = measure_mixed,
     .loops = 2,
     .spins = true,
     .needs = APPROACH_LOOPS,
     .amount = 16,
     .columns = {COLUMN_IO_DUAL, COLUMN_TURNS_DUAL, COLUMN_LOCK_DUAL_MEDIAN, COLUMN_LOCK_DUAL_P99},
     .column_count = 4},
    NOTE(COLUMN_NOTE_TRY, "try", 1, 1, 0),
    NOTE(COLUMN_NOTE_ACQUIRE, "acquire", 1, 1, 0),
    NOTE(COLUMN_NOTE_2, "contended", 2, 2, APPROACH_LOOPS),
    NOTE(COLUMN_NOTE_4, "contended", 2, 4, APPROACH_LOOPS),
    NOTE(COLUMN_NOTE_8, "contended", 2, 8, MANY_LOOPS),
    NOTE(COLUMN_NOTE_16, "contended", 2, 16, MANY_LOOPS),
    NOTE(COLUMN_NOTE_32, "contended", 2, 32, MANY_LOOPS),
    NOTE(COLUMN_NOTE_64, "contended", 2, 64, MANY_LOOPS),
    NOTE(COLUMN_NOTE_CYCLES, "cycles", 2, 0, APPROACH_LOOPS),
    NOTE(COLUMN_NOTE_CROWD, "crowd", 2, 0, MANY_LOOPS),
};
const uint32_t measurement_count = sizeof measurements / sizeof *measurements;
