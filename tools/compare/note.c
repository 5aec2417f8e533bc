// The research note's own five benchmarks, which approaches/workloads.h has: here they are only
// made to last for about a slice.
#include <string.h>

#include "measure.h"
#include "workloads.h"

static const workload *find(const char *name) {
  for (const workload *workload = workloads; workload->name != NULL; workload++) {
    if (strcmp(workload->name, name) == 0) return workload;
  }
  return NULL;
}

static const char *run(const workload *workload, const approach *approach, uint32_t tasks,
                       uint64_t operations, workload_result *out) {
  workload_scale scale = {.tasks = tasks, .operations = operations};
  int result = workload->run(approach, &scale, out);
  if (result < 0) return rouse_error_message(result);
  return out->operations == 0 || out->elapsed_ns <= 0 ? "the benchmark did nothing" : NULL;
}

// What follows the dot of |self->name| names the workload. Its |amount| is the number of tasks; 0:
// the note's own scale, which is so small that it is run several times.
const char *measure_note(const measurement *self, const approach *approach, measured *out) {
  const workload *workload = find(strchr(self->name, '.') + 1);
  workload_result result = {0};
  if (workload == NULL) return "there is no such benchmark";
  const char *lack = measure_lack(approach, workload->needs);
  if (lack != NULL) return lack;
  bool rate = columns[self->columns[0]].more_is_better;
  samples samples = {.count = 0};
  uint64_t operations = 0;
  if (self->amount != 0) {
    enum { FIRST = 640, MOST = 4000000 };
    const char *problem = run(workload, approach, self->amount, FIRST, &result);
    if (problem != NULL) return problem;
    double fits = (double)measure_slice_ns() / (double)result.elapsed_ns * FIRST;
    operations = fits < FIRST ? FIRST : fits < MOST ? (uint64_t)fits : MOST;
  }
  int64_t end_ns = rouse_now_ns() + measure_slice_ns();
  do {
    const char *problem = run(workload, approach, self->amount, operations, &result);
    if (problem != NULL) return problem;
    double each_ns = (double)result.elapsed_ns / (double)result.operations;
    samples_add(&samples, rate ? 1e9 / each_ns : each_ns);
  } while (self->amount == 0 && samples.count < SAMPLES_MAX && rouse_now_ns() < end_ns);
  out->values[0] = quantile(samples.values, samples.count, 0.5);
  return NULL;
}
