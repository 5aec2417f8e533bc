// The harness of rouse-bench: what a workload is, and what its cases share.
//
// A workload is one thing to do and several cases that do it: the library's, and its peers'. The
// harness runs the cases in turns (A B C A B C …), so that each turn meets the same machine, and
// compares each of the library's figures with the peer's of the same turn. A figure of the table is
// the median over the turns; a ratio is the median of the turns' ratios.
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rouse/rouse.h>

enum { BENCH_CASES_MAX = 8, BENCH_RUNS_MAX = 31, BENCH_LOOPS_MAX = 2, BENCH_EXTRAS_MAX = 3 };

typedef struct bench_case bench_case;
typedef struct bench_sample {
  double value;                     // in the workload's unit
  double worst_us;                  // the longest wait seen; negative: not measured
  double extras[BENCH_EXTRAS_MAX];  // what the workload names so, in µs
} bench_sample;

// One run of a case. NULL and |*out|, or why it can't be measured here.
typedef const char *bench_case_fn(const bench_case *self, bench_sample *out);

struct bench_case {
  const char *name;
  bench_case_fn *run;
  long a, b, c, d;  // the case's own parameters
};

// What is said of a case that this system or this build does not have.
extern const char bench_absent[];

// That figure |subject| is at most |factor| times that of |peer|, or |constant| (peer: -1). If
// the machine of a constant had a floor that is measured here too, the factor is one of the floor.
typedef struct bench_aim {
  int subject, peer;
  double factor, constant;
  const char *text;  // what the factor or the constant stands for
  int extra;         // 0: of the value; else of extras[extra - 1]
} bench_aim;

typedef struct bench_workload bench_workload;
// One turn of all cases together, for those that can be measured in finer turns within it: into
// |samples|, or why not into |problems|, of each. What has a problem already is left out.
typedef void bench_turn_fn(const bench_workload *self, bench_sample *samples,
                           const char **problems);

struct bench_workload {
  const char *name, *title, *unit;
  const bench_case *cases;
  size_t case_count;
  const bench_aim *aims;
  size_t aim_count;
  int runs_most;  // turns that are enough; 0: as many as are asked for
  const char *extras[BENCH_EXTRAS_MAX];
  bench_turn_fn *turn;  // NULL: the cases' |run|, one after the other
};

#define BENCH_COUNT(array) (sizeof(array) / sizeof *(array))
#define BENCH_CASES(array) .cases = (array), .case_count = BENCH_COUNT(array)
#define BENCH_AIMS(array) .aims = (array), .aim_count = BENCH_COUNT(array)

typedef struct bench_suite {
  const bench_workload *workloads;
  size_t count;
} bench_suite;
extern const bench_suite bench_uncontended, bench_switch, bench_contended, bench_cross, bench_crowd,
    bench_timers, bench_allocations, bench_copy, bench_echo, bench_kv;
#ifdef ROUSE_HAVE_IO_URING
extern const bench_suite bench_bells;
#endif

typedef struct bench_options {
  bool json, quick;
  const char *filter, *tool, *echo, *kv;
  int runs;
} bench_options;
extern bench_options bench_option;

// How long one run of one case should take.
int64_t bench_slice_ns(void);

// The processor time that the calling thread has used, in ns. For work of one thread that never
// waits: there it is the time, less what other programs took. Reading it is a system call.
int64_t bench_cpu_ns(void);

// Calls |body| with growing counts for about one slice: the median time of one of its operations,
// in ns, by the clock given (rouse_now_ns or bench_cpu_ns).
typedef void bench_body_fn(void *argument, uint64_t count);
typedef int64_t bench_clock_fn(void);
double bench_time(bench_clock_fn *clock, bench_body_fn *body, void *argument);

// Pins the calling thread to processor |index| (modulo what there is); bench_unpin() undoes it.
void bench_pin(unsigned index);
void bench_unpin(void);

// rouse_run() with |loops| loops, each thread pinned to a processor of its own if there is more
// than one. |spin_ns| as in rouse_loop_options. NULL, or why not.
const char *bench_run_loops(uint32_t loops, int64_t spin_ns, rouse_task_fn *main, void *argument);
// The same, with smaller stacks, for very many tasks.
const char *bench_run_small(rouse_task_fn *main, void *argument);

// Runs |measure| in a child process, so that it starts with a process of known size.
const char *bench_in_child(const char *(*measure)(const bench_case *self, bench_sample *out),
                           const bench_case *self, bench_sample *out);

// The memory that is resident, in bytes.
int64_t bench_resident(void);

// A processor's own clock: cheap to read, and monotonic where it matters here.
static inline uint64_t bench_ticks(void) {
#if defined __x86_64__ || defined __i386__
  return __builtin_ia32_rdtsc();
#elif defined __aarch64__
  uint64_t ticks;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return (uint64_t)rouse_now_ns();
#endif
}
double bench_ticks_per_us(void);

// Keeps a value alive that the compiler would else throw away.
#define BENCH_KEEP(value) __asm__ volatile("" : : "g"(value) : "memory")

#endif
