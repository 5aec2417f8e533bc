// Measuring: batches and medians, pinning, the size of the process.
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

int64_t bench_slice_ns(void) { return bench_option.quick ? 5000000 : 50000000; }

// --- batches -------------------------------------------------------------------------------------

enum { BATCHES_MAX = 64 };

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int64_t bench_cpu_ns(void) {
  struct timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

// The batches are counted out beforehand: a thirtieth of the slice or more each, so that a
// disturbance spoils a few of them and not the median.
double bench_time(bench_clock_fn *clock, bench_body_fn *body, void *argument) {
  int64_t slice_ns = bench_slice_ns(), end_ns = rouse_now_ns() + slice_ns, took_ns = 0;
  uint64_t count = 16;
  for (;;) {
    int64_t begin_ns = clock();
    body(argument, count);
    took_ns = clock() - begin_ns;
    if (took_ns >= slice_ns / 32 || rouse_now_ns() > end_ns) break;
    count *= 2;
  }
  double batches[BATCHES_MAX];
  int batch = 0;
  do {
    int64_t begin_ns = clock();
    body(argument, count);
    batches[batch++] = (double)(clock() - begin_ns) / (double)count;
  } while (batch < BATCHES_MAX && rouse_now_ns() < end_ns);
  qsort(batches, (size_t)batch, sizeof *batches, by_value);
  return batches[batch / 2];
}

double bench_ticks_per_us(void) {
  static double cached;
  if (cached > 0) return cached;
  int64_t begin_ns = rouse_now_ns(), now_ns;
  uint64_t begin = bench_ticks();
  do {
    now_ns = rouse_now_ns();
  } while (now_ns - begin_ns < 20000000);
  cached = (double)(bench_ticks() - begin) * 1000.0 / (double)(now_ns - begin_ns);
  return cached;
}

// --- processors ----------------------------------------------------------------------------------

static cpu_set_t all_processors;
static pthread_once_t all_once = PTHREAD_ONCE_INIT;

static void note_all(void) {
  if (sched_getaffinity(0, sizeof all_processors, &all_processors)) CPU_ZERO(&all_processors);
}

void bench_pin(unsigned index) {
  pthread_once(&all_once, note_all);
  unsigned count = (unsigned)CPU_COUNT(&all_processors);
  if (count < 2) return;
  unsigned nth = index % count;
  for (int i = 0; i < CPU_SETSIZE; i++) {
    if (!CPU_ISSET(i, &all_processors) || nth--) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(i, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    return;
  }
}

void bench_unpin(void) {
  pthread_once(&all_once, note_all);
  if (CPU_COUNT(&all_processors)) {
    pthread_setaffinity_np(pthread_self(), sizeof all_processors, &all_processors);
  }
}

// --- loops ---------------------------------------------------------------------------------------

struct run {
  rouse_task_fn *main;
  void *argument;
};

static int64_t pin_task(void *argument) {
  bench_pin((unsigned)(uintptr_t)argument);
  return 0;
}

static int64_t main_task(void *argument) {
  struct run *run = argument;
  uint32_t loops = rouse_run_loop_count();
  for (uint32_t i = 0; i < loops && loops > 1; i++) {
    rouse_task *task;
    if (rouse_task_spawn(&task, rouse_run_loop(i), pin_task, (void *)(uintptr_t)i)) return -1;
    rouse_task_join(task, NULL);
  }
  return run->main(run->argument);
}

static const char *run_with(const rouse_run_options *options, struct run *run) {
  int64_t result = 0;
  bench_unpin();
  int failed = rouse_run(options, main_task, run, &result);
  bench_unpin();
  if (failed) return rouse_error_message(failed);
  return result ? "the workload failed" : NULL;
}

const char *bench_run_loops(uint32_t loops, int64_t spin_ns, rouse_task_fn *main, void *argument) {
  struct run run = {main, argument};
  rouse_run_options options = {.loops = loops, .loop = {.spin_ns = spin_ns, .stack_size = 16384}};
  return run_with(&options, &run);
}

const char *bench_run_small(rouse_task_fn *main, void *argument) {
  return bench_run_loops(1, 0, main, argument);
}

// --- memory --------------------------------------------------------------------------------------

int64_t bench_resident(void) {
  char text[128] = {0};
  FILE *file = fopen("/proc/self/statm", "re");
  if (!file) return -1;
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  char *second = size ? strchr(text, ' ') : NULL;
  return second ? strtoll(second, NULL, 10) * sysconf(_SC_PAGESIZE) : -1;
}

struct report {
  bench_sample sample;
  char problem[96];
};

static void child_main(int fd, bench_case_fn *measure, const bench_case *self) {
  struct report report = {.sample = {.worst_us = -1}};
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  const char *problem = measure(self, &report.sample);
  if (problem) snprintf(report.problem, sizeof report.problem, "%s", problem);
  ssize_t written = write(fd, &report, sizeof report);
  _exit(written == sizeof report ? 0 : 1);
}

const char *bench_in_child(bench_case_fn *measure, const bench_case *self, bench_sample *out) {
  struct report report;
  int ends[2];
  if (pipe(ends)) return "no pipe";
  fflush(NULL);
  pid_t child = fork();
  if (child < 0) return "no process";
  if (child == 0) child_main(ends[1], measure, self);
  close(ends[1]);
  ssize_t got = read(ends[0], &report, sizeof report);
  close(ends[0]);
  int status;
  if (waitpid(child, &status, 0) < 0 || got != sizeof report) return "the child process failed";
  *out = report.sample;
  return report.problem[0] ? strdup(report.problem) : NULL;  // lives as long as the program
}
