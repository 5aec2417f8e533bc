// rouse-bench: runs the workloads, each in turns with its peers, and prints what came out.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "report.h"

bench_options bench_option;

static const bench_suite *const suites[] = {
    &bench_uncontended, &bench_switch,      &bench_contended, &bench_cross, &bench_crowd,
    &bench_timers,      &bench_allocations, &bench_copy,      &bench_echo,  &bench_kv,
#ifdef ROUSE_HAVE_IO_URING
    &bench_bells,
#endif
};

static const char usage[] =
    "usage: rouse-bench [--json] [--quick] [--filter NAME] [--runs N] [--tool PATH] "
    "[--echo PATH] [--kv PATH] [--list]\n"
    "\n"
    "Measures the library against its peers, each workload in turns with them.\n"
    "\n"
    "  --json         print JSON instead of the table\n"
    "  --quick        short runs: says that it works, not how fast it is\n"
    "  --filter NAME  only workloads with NAME in their names\n"
    "  --runs N       turns of each workload (1 .. 31; without it 7, quick 3)\n"
    "  --tool PATH    the rouse command, for the workload copy\n"
    "  --echo PATH    the example echo, for the workloads echo\n"
    "  --kv PATH      the example kv, for the workloads with redis-benchmark\n"
    "  --list         print the names of the workloads\n";

static bool selected(const bench_workload *workload) {
  return !bench_option.filter || strstr(workload->name, bench_option.filter);
}

static void list(void) {
  for (size_t i = 0; i < BENCH_COUNT(suites); i++) {
    for (size_t j = 0; j < suites[i]->count; j++) {
      const bench_workload *workload = &suites[i]->workloads[j];
      if (selected(workload)) printf("%-32s %s\n", workload->name, workload->title);
    }
  }
}

static const char *value_of(int argc, char **argv, int *at) {
  if (*at + 1 >= argc) {
    fprintf(stderr, "rouse-bench: %s needs a value\n", argv[*at]);
    exit(2);
  }
  return argv[++*at];
}

static int runs_of(const char *text) {
  char *end;
  long runs = strtol(text, &end, 10);
  if (*end || runs < 1 || runs > BENCH_RUNS_MAX) {
    fprintf(stderr, "rouse-bench: --runs is 1 .. %d\n", BENCH_RUNS_MAX);
    exit(2);
  }
  return (int)runs;
}

// Returns whether --list was asked for.
static bool parse(int argc, char **argv) {
  bool only_list = false;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--json")) {
      bench_option.json = true;
    } else if (!strcmp(argv[i], "--quick")) {
      bench_option.quick = true;
    } else if (!strcmp(argv[i], "--filter")) {
      bench_option.filter = value_of(argc, argv, &i);
    } else if (!strcmp(argv[i], "--runs")) {
      bench_option.runs = runs_of(value_of(argc, argv, &i));
    } else if (!strcmp(argv[i], "--tool")) {
      bench_option.tool = value_of(argc, argv, &i);
    } else if (!strcmp(argv[i], "--echo")) {
      bench_option.echo = value_of(argc, argv, &i);
    } else if (!strcmp(argv[i], "--kv")) {
      bench_option.kv = value_of(argc, argv, &i);
    } else if (!strcmp(argv[i], "--list")) {
      only_list = true;
    } else if (!strcmp(argv[i], "--help")) {
      fputs(usage, stdout);
      exit(0);
    } else {
      fprintf(stderr, "rouse-bench: unknown argument %s\n%s", argv[i], usage);
      exit(2);
    }
  }
  if (!bench_option.runs) bench_option.runs = bench_option.quick ? 3 : 7;
  return only_list;
}

static void run_cases(const bench_workload *workload, bench_sample *samples,
                      const char **problems) {
  for (size_t i = 0; i < workload->case_count; i++) {
    if (!problems[i]) problems[i] = workload->cases[i].run(&workload->cases[i], &samples[i]);
  }
}

// Runs all turns of |workload|.
static void measure(const bench_workload *workload, bench_result *result) {
  bench_turn_fn *turn = workload->turn ? workload->turn : run_cases;
  const char *problems[BENCH_CASES_MAX] = {NULL};
  int runs = bench_option.runs;
  if (workload->runs_most && runs > workload->runs_most) runs = workload->runs_most;
  *result = (bench_result){.workload = workload, .runs = runs};
  for (int run = 0; run < runs; run++) {
    bench_sample samples[BENCH_CASES_MAX];
    for (int i = 0; i < BENCH_CASES_MAX; i++) samples[i] = (bench_sample){.worst_us = -1};
    turn(workload, samples, problems);
    for (size_t i = 0; i < workload->case_count; i++) {
      result->figures[i].problem = problems[i];
      result->figures[i].samples[run] = samples[i];
    }
  }
}

static void *sleep_for_ever(void *unused) {
  for (;;) pause();
  return unused;
}

// The C library leaves the atomic operations out of its locks while a process has one thread. Who
// needs a lock has more than one, so a second thread is there in all measurements.
static void be_threaded(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, sleep_for_ever, NULL) || pthread_detach(thread)) {
    fputs("rouse-bench: no second thread\n", stderr);
    exit(1);
  }
}

int main(int argc, char **argv) {
  bool only_list = parse(argc, argv);
  if (only_list) {
    list();
    return 0;
  }
  be_threaded();
  bench_ticks_per_us();
  bench_report_begin();
  for (size_t i = 0; i < BENCH_COUNT(suites); i++) {
    for (size_t j = 0; j < suites[i]->count; j++) {
      static bench_result result;
      if (!selected(&suites[i]->workloads[j])) continue;
      measure(&suites[i]->workloads[j], &result);
      bench_report_add(&result);
    }
  }
  return bench_report_end();
}
