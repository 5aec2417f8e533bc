// The sections and columns of the comparison: the one place that names them.
#include "results.h"

const section_about sections[SECTION_COUNT] = {
    [SECTION_UNCONTENDED] = {"uncontended", "Uncontended",
                             "A semaphore with free permits over the approach, one task: nobody "
                             "waits. Most operations of most programs are these."},
    [SECTION_CONTENDED] = {"contended", "Contended",
                           "One permit, held over a yield, and 2 to 1000 tasks that want it, on "
                           "one loop, and spread over two loops on two threads. Each operation is "
                           "a wait and a wake."},
    [SECTION_WAKE_ONE] = {"wake_one", "Waking one",
                          "From the call of wake_one to the moment the woken task runs."},
    [SECTION_WAKE_ALL] = {"wake_all", "Waking all",
                          "From one call of wake_all to the moment each of 64 waiting tasks runs, "
                          "half of them on the waker's loop and half on another."},
    [SECTION_CANCEL] = {"cancel", "Cancelling",
                        "From the request to the delivered cancellation, for each wait."},
    [SECTION_FAIRNESS] = {"fairness", "Fairness",
                          "How evenly 64 tasks on two loops get one permit: the waits of all, and "
                          "how often each came to its turn."},
    [SECTION_COSTS] = {"costs", "What a wait costs besides time",
                       "Counted while waits are queued and woken, not taken from the source."},
    [SECTION_SYSCALLS] = {"system_calls", "System calls",
                          "System calls of the whole process for each wait and wake."},
    [SECTION_MIXED_IO] = {"mixed_io", "Mixed with I/O: the I/O",
                          "Tasks that read a file and exchange messages over sockets share a loop "
                          "with tasks that wait for a lock. Unified: waits end in the loop that "
                          "does the I/O. Dual: a thread beside it takes the wakes and passes them "
                          "on. Here, what is done of both."},
    [SECTION_MIXED_LOCK] =
        {"mixed_lock", "Mixed with I/O: the lock",
         "Of the same runs, how long those who found the lock taken waited for it."},
    [SECTION_NOTE_FAST] = {"note_fast", "The note's benchmarks 1 and 2: nobody waits",
                           "The research note's own benchmarks, over a semaphore on the approach."},
    [SECTION_NOTE_TASKS] = {"note_tasks", "The note's benchmarks 3 to 5: tasks that wait",
                            "2 to 64 tasks acquire and release one of 4 permits; 1000 cycles; 1000 "
                            "tasks on 100 permits. On two loops."},
};

#define NANOSECONDS .unit = "ns"
#define MICROSECONDS .unit = "µs"
#define RATE .unit = "op/s", .more_is_better = true

const column_about columns[COLUMN_COUNT] = {
    [COLUMN_TRY] = {"try_ns", "try", NANOSECONDS, .section = SECTION_UNCONTENDED,
                    .how = "processor time of one task, try_acquire and release"},
    [COLUMN_ACQUIRE] = {"acquire_ns", "acquire", NANOSECONDS, .section = SECTION_UNCONTENDED,
                        .how = "processor time of one task, acquire and release"},
#define CONTENDED(id, key, on, tasks, clock)                                                       \
  [id] = {key, on ": " tasks, RATE, .section = SECTION_CONTENDED,                                  \
          .how = "acquire, yield, release, yield in " tasks " tasks on " on                        \
                 "; operations of all in a second of " clock}
    CONTENDED(COLUMN_ONE_2, "one_loop_2", "1 loop", "2", "the loop\'s processor time"),
    CONTENDED(COLUMN_ONE_16, "one_loop_16", "1 loop", "16", "the loop\'s processor time"),
    CONTENDED(COLUMN_ONE_64, "one_loop_64", "1 loop", "64", "the loop\'s processor time"),
    CONTENDED(COLUMN_ONE_1000, "one_loop_1000", "1 loop", "1000", "the loop\'s processor time"),
    CONTENDED(COLUMN_TWO_2, "two_loops_2", "2 loops", "2", "the clock"),
    CONTENDED(COLUMN_TWO_16, "two_loops_16", "2 loops", "16", "the clock"),
    CONTENDED(COLUMN_TWO_64, "two_loops_64", "2 loops", "64", "the clock"),
    CONTENDED(COLUMN_TWO_1000, "two_loops_1000", "2 loops", "1000", "the clock"),
#undef CONTENDED
    [COLUMN_WAKE_LOCAL] = {"wake_one_local_us", "same loop, median", MICROSECONDS,
                           .section = SECTION_WAKE_ONE,
                           .how = "waker and waiter are tasks of one loop"},
    [COLUMN_WAKE_MEDIAN] = {"wake_one_median_us", "two loops, median", MICROSECONDS,
                            .section = SECTION_WAKE_ONE,
                            .how = "the waiter's loop has nothing else and is asleep when the "
                                   "wake comes"},
    [COLUMN_WAKE_P99] = {"wake_one_p99_us", "p99", MICROSECONDS, .section = SECTION_WAKE_ONE,
                         .how = "as the median: 99 of 100 wakes were as quick or quicker"},
    [COLUMN_WAKE_WORST] = {"wake_one_worst_us", "worst", MICROSECONDS, .section = SECTION_WAKE_ONE,
                           .how = "as the median: the slowest wake of a run"},
    [COLUMN_ALL_MEDIAN] = {"wake_all_median_us", "median", MICROSECONDS,
                           .section = SECTION_WAKE_ALL,
                           .how = "64 waiters on two loops; each one's latency counts"},
    [COLUMN_ALL_P99] = {"wake_all_p99_us", "p99", MICROSECONDS, .section = SECTION_WAKE_ALL,
                        .how = "as the median"},
    [COLUMN_ALL_WORST] = {"wake_all_worst_us", "worst", MICROSECONDS, .section = SECTION_WAKE_ALL,
                          .how = "as the median: the last task of the slowest wake"},
    [COLUMN_CANCEL_LONE] = {"cancel_lone_ns", "the only waiter", NANOSECONDS,
                            .section = SECTION_CANCEL,
                            .how =
                                "one wait is queued and cancelled, many times; processor time, on "
                                "one loop, with the queueing"},
    [COLUMN_CANCEL_CROWD] = {"cancel_crowd_ns", "of 1000 waiters", NANOSECONDS,
                             .section = SECTION_CANCEL,
                             .how = "1000 waits are queued and cancelled in a scattered order; the "
                                    "time from the first request to the last delivery, by 1000"},
    [COLUMN_FAIR_MEDIAN] = {"wait_median_us", "wait, median", MICROSECONDS,
                            .section = SECTION_FAIRNESS,
                            .how = "64 tasks on two loops, one permit held over a yield; every "
                                   "wait is timed"},
    [COLUMN_FAIR_P99] = {"wait_p99_us", "p99", MICROSECONDS, .section = SECTION_FAIRNESS,
                         .how = "as the median"},
    [COLUMN_FAIR_WORST] = {"wait_worst_us", "worst", MICROSECONDS, .section = SECTION_FAIRNESS,
                           .how = "as the median"},
    [COLUMN_FAIR_SPREAD] = {"wait_spread", "p99 / median", .unit = "", .section = SECTION_FAIRNESS,
                            .how = "the spread of the waits: 1 if all waited the same time"},
    [COLUMN_FAIR_SHARE] = {"share_spread", "most / least turns", .unit = "",
                           .section = SECTION_FAIRNESS,
                           .how = "turns of the luckiest of the 64 tasks by those of the "
                                  "unluckiest (a task without a turn counts as half a turn)"},
    [COLUMN_ATOMICS] = {"atomics", "atomic operations", .unit = "", .section = SECTION_COSTS,
                        .how = "read-modify-writes (failed ones, too) of a wait that is queued and "
                               "of its wake, counted in a build of the approaches against counting "
                               "atomics; one loop, 64 others in the queue"},
    [COLUMN_ATOMICS_CANCEL] = {"atomics_cancel", "to cancel", .unit = "", .section = SECTION_COSTS,
                               .how = "the same for a cancel, instead of the wake"},
    [COLUMN_LOCKS] = {"locks", "locks", .unit = "", .section = SECTION_COSTS,
                      .how = "locks of the system or a library that a wait and its wake take, "
                             "counted; what happens in them is not looked into"},
    [COLUMN_ALLOCATIONS] = {"allocations", "allocations", .unit = "", .section = SECTION_COSTS,
                            .how = "calls of the allocator for a wait that is queued and its wake, "
                                   "counted after a warm-up"},
    [COLUMN_WAITER_BYTES] = {"waiter_bytes", "waiter, B", .unit = "B", .section = SECTION_COSTS,
                             .how = "size of the waiter in the caller's memory"},
    [COLUMN_HEAP_BYTES] = {"waiter_heap_bytes", "its heap, B", .unit = "B",
                           .section = SECTION_COSTS,
                           .how = "bytes of the heap that a queued waiter takes besides"},
    [COLUMN_WAITER_ALL] = {"waiter_all_bytes", "both, B", .unit = "B", .section = SECTION_COSTS,
                           .how = "the two together"},
    [COLUMN_OBJECT_BYTES] = {"object_bytes", "object, B", .unit = "B", .section = SECTION_COSTS,
                             .how = "size of the queue"},
    [COLUMN_CALLS_LOCAL] =
        {"calls_local", "same loop", .unit = "", .section = SECTION_SYSCALLS,
         .how =
             "two tasks of one loop wake each other in turns; all calls of the process, those of "
             "a library's threads too, counted by ptrace, by the waits"},
    [COLUMN_CALLS_CROSS] = {"calls_cross", "two loops", .unit = "", .section = SECTION_SYSCALLS,
                            .how = "two tasks on two loops wake each other in turns; each time "
                                   "the other's loop is asleep"},
    [COLUMN_IO_UNIFIED] = {"io_unified", "I/O, unified", RATE, .section = SECTION_MIXED_IO,
                           .how = "reads of 4 KiB from a file by 4 tasks, and messages of 64 bytes "
                                  "there and back over 4 TCP connections, beside 16 tasks that "
                                  "want a lock; all on one loop"},
    [COLUMN_IO_DUAL] = {"io_dual", "I/O, dual", RATE, .section = SECTION_MIXED_IO,
                        .how = "the same, with every wait for the lock queued and woken on a "
                               "second thread, which passes it on"},
    [COLUMN_TURNS_UNIFIED] = {"turns_unified", "lock turns, unified", RATE,
                              .section = SECTION_MIXED_IO,
                              .how = "how often the lock was taken in the same runs"},
    [COLUMN_TURNS_DUAL] = {"turns_dual", "lock turns, dual", RATE, .section = SECTION_MIXED_IO,
                           .how = "how often the lock was taken in the same runs"},
    [COLUMN_LOCK_UNIFIED_MEDIAN] = {"lock_unified_median_us", "unified, median", MICROSECONDS,
                                    .section = SECTION_MIXED_LOCK,
                                    .how = "from the first failed try to the grant, of those who "
                                           "had to wait; one permit, held over a yield"},
    [COLUMN_LOCK_UNIFIED_P99] = {"lock_unified_p99_us", "unified, p99", MICROSECONDS,
                                 .section = SECTION_MIXED_LOCK, .how = "as the median"},
    [COLUMN_LOCK_DUAL_MEDIAN] = {"lock_dual_median_us", "dual, median", MICROSECONDS,
                                 .section = SECTION_MIXED_LOCK,
                                 .how = "the same, by way of the second thread"},
    [COLUMN_LOCK_DUAL_P99] = {"lock_dual_p99_us", "dual, p99", MICROSECONDS,
                              .section = SECTION_MIXED_LOCK, .how = "as the median"},
    [COLUMN_NOTE_TRY] = {"note_try_ns", "try", NANOSECONDS, .section = SECTION_NOTE_FAST,
                         .how = "benchmark 1: try_acquire and release, nobody else"},
    [COLUMN_NOTE_ACQUIRE] = {"note_acquire_ns", "acquire", NANOSECONDS,
                             .section = SECTION_NOTE_FAST,
                             .how = "benchmark 2: acquire and release, nobody else"},
#define NOTE_TASKS(id, key, tasks)                                                                 \
  [id] = {key, tasks " tasks", RATE, .section = SECTION_NOTE_TASKS,                                \
          .how = "benchmark 3: " tasks " tasks on 4 permits"}
    NOTE_TASKS(COLUMN_NOTE_2, "note_tasks_2", "2"),
    NOTE_TASKS(COLUMN_NOTE_4, "note_tasks_4", "4"),
    NOTE_TASKS(COLUMN_NOTE_8, "note_tasks_8", "8"),
    NOTE_TASKS(COLUMN_NOTE_16, "note_tasks_16", "16"),
    NOTE_TASKS(COLUMN_NOTE_32, "note_tasks_32", "32"),
    NOTE_TASKS(COLUMN_NOTE_64, "note_tasks_64", "64"),
#undef NOTE_TASKS
    [COLUMN_NOTE_CYCLES] = {"note_cycles", "1000 cycles", RATE, .section = SECTION_NOTE_TASKS,
                            .how = "benchmark 4: 1000 cycles of acquire and release"},
    [COLUMN_NOTE_CROWD] = {"note_crowd", "100 permits, 1000 tasks", RATE,
                           .section = SECTION_NOTE_TASKS,
                           .how = "benchmark 5: 1000 tasks on 100 permits"},
};

const distribution_about distributions[DISTRIBUTION_COUNT] = {
    [DISTRIBUTION_WAKE] = {"wake_one", "Waking one, across loops",
                           "All wakes of all runs. The waiter's loop is asleep."},
    [DISTRIBUTION_ALL] = {"wake_all", "Waking all, 64 waiters on two loops",
                          "Each waiter's latency, all runs."},
    [DISTRIBUTION_WAIT] = {"wait", "Waits for one permit, 64 tasks on two loops",
                           "Every wait of all runs. Narrow is fair."},
};

const figure *results_best(const results *results, column column) {
  const figure *best = NULL;
  for (uint32_t index = 0; index < results->row_count; index++) {
    const figure *cell = &results->rows[index].cells[column];
    if (!cell->known) continue;
    bool better = best == NULL || (columns[column].more_is_better ? cell->value > best->value
                                                                  : cell->value < best->value);
    if (better) best = cell;
  }
  return best;
}

uint32_t results_count_unfilled(const results *results) {
  uint32_t count = 0;
  for (uint32_t index = 0; index < results->row_count; index++) {
    for (int column = 0; column < COLUMN_COUNT; column++) {
      const figure *cell = &results->rows[index].cells[column];
      count += !cell->known && cell->gap[0] == 0;
    }
  }
  return count;
}
