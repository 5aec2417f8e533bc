// A model checker for the synchronization core: runs a small program under every schedule, within
// bounds, and reports the first one that goes wrong.
//
// The real sources of src/sync are compiled against shim/base/atomics.h, in which every atomic
// operation is a call of this explorer, and with the compiler's thread-sanitizer instrumentation,
// so that every plain access is one too (the sanitizer's own run-time library is not linked:
// hooks.c takes its place). The program's threads are coroutines on one thread of the system;
// before each atomic operation the explorer decides who goes on.
//
// What is explored: all interleavings of atomic operations with at most P preemptions (a switch
// away from a thread that could have gone on), and, for loads and failing compare-and-swaps, all
// stale values that C11 allows them to see, at most S times in an execution. Two prefixes that give
// the same execution graph (program order, who reads from whom, order of writes) are explored once.
//
// What is reported: a failed check or assertion; no thread can go on though one still waits (a lost
// wake, a deadlock); an access to freed memory, or a free that another thread's last access does
// not happen before; a data race, i.e. two accesses of which one is plain and one writes, that the
// declared memory orders leave unordered; an execution without end; a wait that completes twice.
//
// What that proves: within the bounds, for the programs given, on the memory model of C11 without
// the following. Not explored: load buffering (reads from writes that come later; RC11 forbids it),
// writes that enter the modification order anywhere but at its end, sequentially consistent orders
// and fences (there is no operation for them), more than P preemptions or S stale reads, failures
// of weak compare-and-swaps, and a compiler that breaks the code. Nothing is said about larger
// programs.
//
// A failure prints a schedule. ROUSE_MODEL_REPLAY=<schedule> with the name of the program runs that
// schedule alone, with a trace of every step.
#ifndef ROUSE_TESTS_MODEL_EXPLORER_H
#define ROUSE_TESTS_MODEL_EXPLORER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_THREADS = 6 };

// --- for programs --------------------------------------------------------------------------------

// A program is a function that the explorer runs as thread 0, once per execution. Whatever its
// threads share must come from model_new(): other memory is neither reset between executions nor
// checked.
typedef void model_program_fn(void);

// Zeroed memory. |name| is for traces.
void *model_new(size_t size, const char *name);
// Every access of another thread to it must happen before; it is not used again in this execution.
void model_free(void *object);

// Starts a thread; returns its number for model_join().
int model_go(void (*function)(void *argument), void *argument);
void model_join(int thread);

// Pushes the chain that starts at |first| and whose last link is |last_link|: a release.
void model_push(uintptr_t *stack, uintptr_t first, uintptr_t *last_link);
// Waits until |*stack| is not 0, and takes it whole: an acquire.
uintptr_t model_take(uintptr_t *stack);
// A flag for the program's own use: set is a release, wait is an acquire.
void model_set(uintptr_t *flag);
void model_wait(uintptr_t *flag);

#define MODEL_CHECK(condition)                                                                     \
  ((condition) ? (void)0 : model_fail("%s:%d: %s does not hold", __FILE__, __LINE__, #condition))
_Noreturn void model_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// --- for the shim --------------------------------------------------------------------------------

enum { MODEL_RELAXED = 0, MODEL_ACQUIRE = 1, MODEL_RELEASE = 2, MODEL_ACQ_REL = 3 };

// One atomic operation in the source.
struct model_site {
  const char *file, *function, *operation;
  int line;
  unsigned char order, failure_order;  // MODEL_…: as written
  bool known;                          // the rest is set
  unsigned char weak, weak_failure;    // orders to run with
  int number;
};
enum model_rmw { MODEL_ADD, MODEL_SUB, MODEL_OR, MODEL_AND, MODEL_SWAP };

uint64_t model_load(struct model_site *site, const void *at, unsigned size);
void model_store(struct model_site *site, void *at, unsigned size, uint64_t value);
uint64_t model_rmw(struct model_site *site, void *at, unsigned size, enum model_rmw operation,
                   uint64_t operand);
bool model_cas(struct model_site *site, void *at, unsigned size, uint64_t expected,
               uint64_t desired, uint64_t *out_found);

// --- for main ------------------------------------------------------------------------------------

struct model_bounds {
  int preemptions, stale;
};
struct model_report {
  bool failed;
  bool finished;        // everything within the bounds was explored
  uint64_t executions;  // run to their end
  uint64_t pruned;      // left, for their graph was explored before
  uint64_t steps;
  char message[512];
};
// Explores |program| with at most |seconds| of processor time (0: no limit).
void model_explore(model_program_fn *program, struct model_bounds bounds, double seconds,
                   struct model_report *report);
// Runs the schedule of the last failure, or |schedule|, once more, and prints every step.
void model_replay(model_program_fn *program, const char *schedule);
// The schedule of the last failure, to be printed.
const char *model_schedule(void);

// The sites met so far. |reached| says whether the last model_explore() came by it.
int model_site_count(void);
struct model_site *model_site_at(int number, bool *out_reached);
// From now on sites like |site| (same file, line, operation) run with these orders. NULL: none.
void model_weaken(const struct model_site *site, unsigned order, unsigned failure_order);

#endif
