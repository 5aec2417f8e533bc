// The measurements: what each one is, what it needs, and which columns it fills.
//
// A measurement runs in a task inside rouse_run(), once for each approach and turn. All turns of
// all measurements go over all approaches, so that each approach meets the same machine.
#ifndef ROUSE_COMPARE_MEASURE_H
#define ROUSE_COMPARE_MEASURE_H

#include <rouse/rouse.h>
#include <stdio.h>

#include "approach.h"
#include "results.h"

enum { MEASURED_MAX = 8 };

typedef struct measure_options {
  bool quick;
  uint32_t runs;
  const char *backend;  // NULL: the default
  const char *only;     // names of approaches, separated by commas; NULL: all
  int64_t budget_ns;    // no new turn is begun after that; 0: no limit
  bool progress;        // on standard error, for people
} measure_options;

typedef struct measurement measurement;

// What one run brings.
typedef struct measured {
  double values[MEASURED_MAX];
  spread spread;
} measured;

// Runs |self| on |approach|. Returns NULL, or why there is no figure (static text).
typedef const char *measure_fn(const measurement *self, const approach *approach, measured *out);

struct measurement {
  const char *name;  // for the progress line
  measure_fn *run;
  uint32_t loops;   // that it runs on
  bool spins;       // whether its loops may watch before they sleep
  uint32_t needs;   // APPROACH_* bits
  uint32_t amount;  // tasks, mostly
  column columns[MEASURED_MAX];
  uint32_t column_count;
  bool has_spread;
  distribution distribution;
};

extern const measurement measurements[];
extern const uint32_t measurement_count;

// Fills |results|. Returns 0, or a negative code: no loop can be had here.
int measure_all(const measure_options *options, results *results);

// --- what the measurements share -----------------------------------------------------------------

// The backend that was asked for, or NULL.
const char *measure_backend(void);

// For how long one run of one measurement goes on, and how much it does.
int64_t measure_slice_ns(void);
uint64_t measure_count(uint64_t quick, uint64_t full);

// Stops the calling task for |ns|, or yields until |*flag| is |value|.
void measure_await(const _Atomic uint32_t *flag, uint32_t value);

// The processor time that the calling thread has used, in ns. Less than 0: not known here.
int64_t measure_cpu_ns(void);

measure_fn measure_uncontended, measure_contended, measure_fairness, measure_wake_local,
    measure_wake_cross, measure_wake_all, measure_cancel_lone, measure_cancel_crowd, measure_mixed,
    measure_note;

// Counts, taken once and before the turns.
void measure_costs(const approach *approach, row *row);

// What the workload whose system calls are counted and the one who counts them tell each other.
typedef struct measure_counter {
  volatile uint32_t counting;  // 1 while calls count
  volatile uint32_t asleep;    // how many threads are inside a call that sleeps
} measure_counter;

// That workload: wakes back and forth |rounds| times between two tasks, on |loops| loops (1 or 2).
// NULL, or why not.
const char *measure_ping_pong(const approach *approach, uint32_t loops, uint32_t rounds,
                              measure_counter *counter);

// What an approach lacks of |needs|, in a few words, or NULL.
const char *measure_lack(const approach *approach, uint32_t needs);

// --- what the system tells: one file for each ----------------------------------------------------

// Names, processor, load. Fills what it knows.
void machine_describe(results *results);
double machine_load(void);             // less than 0: not known
bool machine_is_terminal_error(void);  // whether standard error is a terminal
int64_t machine_cpu_ns(void);          // as measure_cpu_ns()
// The number of system calls of |measure_ping_pong| for each wait, into the two cells.
void machine_count_calls(const approach *approach, figure *local, figure *cross);
// Binds the calling thread to processor |index| of those that it may use; and undoes that.
void machine_pin(uint32_t index);
void machine_unpin(void);
// The flags to open a file for reading and writing that must not exist yet.
int machine_new_file_flags(void);
// What a file called |path| is to replace, on the heap; NULL: what is there is no file.
char *machine_replaceable(const char *path);
// A new file, for writing. NULL: errno says why not.
FILE *machine_create(const char *path);
// Moves |from| to where |to| is or is not.
bool machine_replace(const char *from, const char *to);
// Where temporary files go if the environment does not say.
const char *machine_temporary_directory(void);
// An address on this machine, with a port; its size.
uint32_t machine_loopback(void *address, uint32_t size, uint16_t port);

#endif
