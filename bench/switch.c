// Switching between tasks of one loop: a yield, a ping-pong through two semaphores, spawn and join.
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "bench.h"
#include "context/context.h"

enum { STACK = 65536 };

// --- the library's -------------------------------------------------------------------------------

struct partner {
  rouse_semaphore ping, pong;
  bool stop;
  double value;
};

static void yield_body(void *argument, uint64_t count) {
  (void)argument;
  for (uint64_t i = 0; i < count; i++) rouse_task_yield();
}

static int64_t yield_partner(void *argument) {
  struct partner *partner = argument;
  while (!partner->stop) rouse_task_yield();
  return 0;
}

// Two tasks that yield in turns: the time per yield, which is one switch out and one in.
static int64_t yield_main(void *argument) {
  struct partner *partner = argument;
  rouse_task *task;
  if (rouse_task_spawn(&task, NULL, yield_partner, partner)) return -1;
  partner->value = bench_time(bench_cpu_ns, yield_body, NULL) / 2;
  partner->stop = true;
  rouse_task_join(task, NULL);
  return 0;
}

static void pingpong_body(void *argument, uint64_t count) {
  struct partner *partner = argument;
  for (uint64_t i = 0; i < count; i++) {
    rouse_semaphore_release(&partner->ping, 1);
    rouse_semaphore_acquire(&partner->pong, 1);
  }
}

static int64_t pingpong_partner(void *argument) {
  struct partner *partner = argument;
  for (;;) {
    rouse_semaphore_acquire(&partner->ping, 1);
    if (partner->stop) return 0;
    rouse_semaphore_release(&partner->pong, 1);
  }
}

// The time per switch: half a round trip.
static int64_t pingpong_main(void *argument) {
  struct partner *partner = argument;
  rouse_task *task;
  if (rouse_task_spawn(&task, NULL, pingpong_partner, partner)) return -1;
  partner->value = bench_time(bench_cpu_ns, pingpong_body, partner) / 2;
  partner->stop = true;
  rouse_semaphore_release(&partner->ping, 1);
  rouse_task_join(task, NULL);
  return 0;
}

static int64_t empty_task(void *argument) {
  (void)argument;
  return 0;
}

static void spawn_body(void *argument, uint64_t count) {
  (void)argument;
  for (uint64_t i = 0; i < count; i++) {
    rouse_task *task;
    if (rouse_task_spawn(&task, NULL, empty_task, NULL)) abort();
    rouse_task_join(task, NULL);
  }
}

static int64_t spawn_main(void *argument) {
  struct partner *partner = argument;
  partner->value = bench_time(bench_cpu_ns, spawn_body, NULL);
  return 0;
}

enum { CROWD = 64 };

static void spawn_crowd_body(void *argument, uint64_t count) {
  (void)argument;
  for (uint64_t i = 0; i < count; i += CROWD) {
    rouse_task *tasks[CROWD];
    for (int j = 0; j < CROWD; j++) {
      if (rouse_task_spawn(&tasks[j], NULL, empty_task, NULL)) abort();
    }
    for (int j = 0; j < CROWD; j++) rouse_task_join(tasks[j], NULL);
  }
}

static int64_t spawn_crowd_main(void *argument) {
  struct partner *partner = argument;
  partner->value = bench_time(bench_cpu_ns, spawn_crowd_body, NULL);
  return 0;
}

enum { YIELD, PINGPONG, SPAWN, SPAWN_CROWD };
static rouse_task_fn *const mains[] = {
    [YIELD] = yield_main,
    [PINGPONG] = pingpong_main,
    [SPAWN] = spawn_main,
    [SPAWN_CROWD] = spawn_crowd_main,
};

static const char *in_loop(const bench_case *self, bench_sample *out) {
  struct partner partner = {.stop = false};
  rouse_semaphore_init(&partner.ping, 0, ROUSE_FIFO);
  rouse_semaphore_init(&partner.pong, 0, ROUSE_FIFO);
  const char *problem = bench_run_loops(1, 0, mains[self->a], &partner);
  out->value = partner.value;
  return problem;
}

// --- bare switches -------------------------------------------------------------------------------

static void *stack_map(void) {
  void *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return stack == MAP_FAILED ? NULL : stack;
}

struct bare {
  rouse__context here, there;
  bool stop;
};

static void bare_entry(void *argument) {
  struct bare *bare = argument;
  while (!bare->stop) rouse__context_switch(&bare->there, &bare->here);
  rouse__context_exit(&bare->there, &bare->here);
}

static void bare_body(void *argument, uint64_t count) {
  struct bare *bare = argument;
  for (uint64_t i = 0; i < count; i++) rouse__context_switch(&bare->here, &bare->there);
}

static const char *bare_switch(const bench_case *self, bench_sample *out) {
  (void)self;
  struct bare bare = {.stop = false};
  char *stack = stack_map();
  if (!stack) return "no memory";
  rouse__context_adopt(&bare.here);
  rouse__context_make(&bare.there, stack, stack + STACK, bare_entry, &bare);
  out->value = bench_time(bench_cpu_ns, bare_body, &bare) / 2;
  bare.stop = true;
  rouse__context_switch(&bare.here, &bare.there);
  rouse__context_release(&bare.there);
  rouse__context_release(&bare.here);
  munmap(stack, STACK);
  return NULL;
}

// What a task costs at least: make a context on a warm stack, switch to it, and back for good.
static void bare_once(void *argument) {
  struct bare *bare = argument;
  rouse__context_exit(&bare->there, &bare->here);
}

static void bare_make_body(void *argument, uint64_t count) {
  struct bare *bare = ((void **)argument)[0];
  char *stack = ((void **)argument)[1];
  for (uint64_t i = 0; i < count; i++) {
    rouse__context_make(&bare->there, stack, stack + STACK, bare_once, bare);
    rouse__context_switch(&bare->here, &bare->there);
    rouse__context_release(&bare->there);
  }
}

static const char *bare_make(const bench_case *self, bench_sample *out) {
  (void)self;
  struct bare bare = {.stop = false};
  char *stack = stack_map();
  if (!stack) return "no memory";
  rouse__context_adopt(&bare.here);
  void *arguments[] = {&bare, stack};
  out->value = bench_time(bench_cpu_ns, bare_make_body, arguments);
  rouse__context_release(&bare.here);
  munmap(stack, STACK);
  return NULL;
}

static ucontext_t system_here, system_there;
static bool system_stop;

static void system_entry(void) {
  while (!system_stop) swapcontext(&system_there, &system_here);
}

static void system_body(void *argument, uint64_t count) {
  (void)argument;
  for (uint64_t i = 0; i < count; i++) swapcontext(&system_here, &system_there);
}

static const char *system_switch(const bench_case *self, bench_sample *out) {
  (void)self;
  char *stack = stack_map();
  if (!stack) return "no memory";
  system_stop = false;
  getcontext(&system_there);
  system_there.uc_stack.ss_sp = stack;
  system_there.uc_stack.ss_size = STACK;
  system_there.uc_link = &system_here;
  makecontext(&system_there, system_entry, 0);
  out->value = bench_time(bench_cpu_ns, system_body, NULL) / 2;
  system_stop = true;
  swapcontext(&system_here, &system_there);
  munmap(stack, STACK);
  return NULL;
}

// --- the workloads -------------------------------------------------------------------------------

static const bench_case yield_cases[] = {
    {"rouse", in_loop, .a = YIELD},
    {"bare stack switch", bare_switch, .a = 0},
    {"swapcontext", system_switch, .a = 0},
};
static const bench_aim yield_aims[] = {
    {0, -1, 1.0, 26, "libdill's yield, 14 – 26, noted on another machine", 0},
    {0, -1, 0.4, 37, "0.4 x tokio's fastest, noted on another machine", 0},
};
static const bench_case pingpong_cases[] = {
    {"rouse", in_loop, .a = PINGPONG},
    {"bare stack switch", bare_switch, .a = 0},
    {"swapcontext", system_switch, .a = 0},
};
static const bench_aim pingpong_aims[] = {
    {0, -1, 1.0, 46, "libdill's channel, 46 – 64, noted on another machine", 0},
    {0, -1, 0.4, 82, "0.4 x tokio's fastest, noted on another machine", 0},
};
static const bench_case spawn_cases[] = {
    {"rouse, one at a time", in_loop, .a = SPAWN},
    {"rouse, 64 at a time", in_loop, .a = SPAWN_CROWD},
    {"bare make + switch + back", bare_make, .a = 0},
};
static const bench_aim spawn_aims[] = {
    {0, -1, 1.0, 88, "libdill's, 57 – 88, noted on another machine", 0},
};

static const bench_workload workloads[] = {
    {"switch.yield", "one loop: yield, two tasks in turns", "ns/switch", BENCH_CASES(yield_cases),
     BENCH_AIMS(yield_aims), 0},
    {"switch.pingpong", "one loop: semaphore ping-pong", "ns/switch", BENCH_CASES(pingpong_cases),
     BENCH_AIMS(pingpong_aims), 0},
    {"switch.spawn", "one loop: spawn + join, empty task", "ns/task", BENCH_CASES(spawn_cases),
     BENCH_AIMS(spawn_aims), 0},
};
const bench_suite bench_switch = {workloads, BENCH_COUNT(workloads)};
