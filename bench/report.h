// What rouse-bench prints: a table for people, or JSON.
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench.h"

typedef struct bench_figure {
  const char *problem;  // why it was not measured; NULL: it was
  bench_sample samples[BENCH_RUNS_MAX];
} bench_figure;

typedef struct bench_result {
  const bench_workload *workload;
  int runs;
  bench_figure figures[BENCH_CASES_MAX];
} bench_result;

void bench_report_begin(void);
void bench_report_add(const bench_result *result);
// Prints what is left to print. The program's exit code: 1 if one of the library's own cases
// failed.
int bench_report_end(void);

#endif
