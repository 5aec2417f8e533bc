// Threads, choices, and the search over them.
//
// An execution is a sequence of choices: who runs next, and which store a load reads. The search is
// depth first: run with the choices taken so far and the first option from there on, then go back
// to the last choice that has an option left. The first option is always "no deviation": the thread
// that runs goes on, the load reads the newest. Deviations are what the bounds count, and the
// bounds are raised step by step, so that the first failure found has few of them.
//
// A prefix whose execution graph, running thread and remaining bounds were met before is not
// followed: what comes after it was, or is being, explored from there. The graph is known by a
// 64-bit hash.
//
// The threads are coroutines. They are started once, by ucontext, and from then on switched by
// setjmp and longjmp, which cost no system call; an execution that is left half way is dropped by
// letting every thread begin again at the bottom of its stack.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

#include "internal.h"

enum {
  STACK_SIZE = 256 * 1024,
  CHOICES = 20000,
  STEPS = 4000,  // more in one execution: it has no end
  SEEN_MAX = 1 << 25,
};

enum state { UNUSED, READY, WAITS_NONZERO, WAITS_JOIN, FINISHED };
struct thread {
  jmp_buf bottom, at;
  bool begun;
  void (*function)(void *);
  void *argument;
  enum state state;
  const uintptr_t *waits_on;
  int waits_for;
  char *stack;
};
struct choice {
  uint8_t options, chosen;
};
enum outcome { OUTCOME_STARTED, OUTCOME_DONE, OUTCOME_PRUNED, OUTCOME_FAILED };

struct model_thread_view model_views[MODEL_THREADS];
int model_current = -1;
bool model_tracing;
int model_stale_left;
uint32_t model_execution;

static struct thread threads[MODEL_THREADS];
static int thread_count;
static model_program_fn *program;
static jmp_buf explorer;
static ucontext_t starter, start_contexts[MODEL_THREADS];

static struct choice path[CHOICES];
static int path_length, path_depth;  // known choices; those made in this execution
static int preemptions_left;
static struct model_bounds bounds;  // of this search
static uint64_t steps;              // of this execution
static char failure[512];
static char last_schedule[64 * 1024];

// --- graphs seen ---------------------------------------------------------------------------------

static uint64_t *seen;
static size_t seen_size, seen_count;

static bool seen_find(uint64_t key) {
  for (size_t i = key & (seen_size - 1);; i = (i + 1) & (seen_size - 1)) {
    if (seen[i] == key) return true;
    if (!seen[i]) return false;
  }
}
static void seen_add(uint64_t key) {
  if (seen_count * 2 >= seen_size) {
    if (seen_size >= SEEN_MAX) return;  // from here on graphs are explored more than once
    uint64_t *old = seen;
    size_t old_size = seen_size;
    seen_size *= 2;
    seen = calloc(seen_size, sizeof *seen);
    if (!seen) abort();
    seen_count = 0;
    for (size_t i = 0; i < old_size; i++)
      if (old[i]) seen_add(old[i]);
    free(old);
  }
  size_t i = key & (seen_size - 1);
  while (seen[i]) i = (i + 1) & (seen_size - 1);
  seen[i] = key;
  seen_count++;
}
static void seen_reset(void) {
  free(seen);
  seen_size = 1 << 12;
  seen_count = 0;
  seen = calloc(seen_size, sizeof *seen);
  if (!seen) abort();
}

// Whether this very state was met with at least the bounds that are left; notes it.
static bool met_before(void) {
  uint64_t graph = model_mix(11, (uint64_t)model_current);
  for (int i = 0; i < thread_count; i++) graph = model_mix(graph, model_views[i].hash);
  for (int p = preemptions_left; p <= bounds.preemptions; p++)
    for (int s = model_stale_left; s <= bounds.stale; s++)
      if (seen_find(model_mix(graph, (uint64_t)(p * 1000 + s)) | 1)) return true;
  seen_add(model_mix(graph, (uint64_t)(preemptions_left * 1000 + model_stale_left)) | 1);
  return false;
}

// --- failures, traces ----------------------------------------------------------------------------

static void leave(enum outcome outcome) {
  model_current = -1;
  _longjmp(explorer, outcome);
}

void model_fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(failure, sizeof failure, format, arguments);
  va_end(arguments);
  if (model_current < 0) {
    fprintf(stderr, "model: %s\n", failure);
    abort();
  }
  leave(OUTCOME_FAILED);
  abort();
}

void model_trace(const char *format, ...) {
  va_list arguments;
  printf("  %5llu  T%d%*s ", (unsigned long long)steps, model_current, 2 * model_current, "");
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  printf("\n");
}

static void on_signal(int number) {
  if (model_current < 0) {
    signal(number, SIG_DFL);
    raise(number);
    return;
  }
  model_fail("thread %d: signal %d (%s)", model_current, number,
             number == SIGABRT ? "abort" : "invalid memory access");
}

// --- choices -------------------------------------------------------------------------------------

int model_choose(int options) {
  if (options == 1) return 0;
  if (path_depth < path_length) {
    const struct choice *known = &path[path_depth];  // of a replay: 0 options
    if ((known->options && known->options != options) || known->chosen >= options)
      model_fail("the program is not deterministic, or the schedule is another's");
  } else {
    if (path_length == CHOICES) model_fail("too many choices");
    path[path_length++] = (struct choice){(uint8_t)options, 0};
  }
  return path[path_depth++].chosen;
}

static bool next_path(void) {
  while (path_length) {
    struct choice *last = &path[path_length - 1];
    if (++last->chosen < last->options) return true;
    path_length--;
  }
  return false;
}

// p<bound>s<bound>:<zeros>.<option>.<zeros>.<option>…
static void note_schedule(void) {
  size_t used = (size_t)snprintf(last_schedule, sizeof last_schedule, "p%ds%d:", bounds.preemptions,
                                 bounds.stale);
  int zeros = 0;
  for (int i = 0; i < path_depth && used + 16 < sizeof last_schedule; i++) {
    if (!path[i].chosen) {
      zeros++;
      continue;
    }
    used += (size_t)snprintf(last_schedule + used, sizeof last_schedule - used, "%d.%d.", zeros,
                             path[i].chosen);
    zeros = 0;
  }
}
const char *model_schedule(void) { return last_schedule; }

// --- threads -------------------------------------------------------------------------------------

bool model_on_own_stack(uintptr_t address) {
  uintptr_t stack = (uintptr_t)threads[model_current].stack;
  return address >= stack && address < stack + STACK_SIZE;
}
bool model_on_any_stack(uintptr_t address) {
  uintptr_t stacks = (uintptr_t)threads[0].stack;
  return address >= stacks && address < stacks + (size_t)MODEL_THREADS * STACK_SIZE;
}
bool model_alone(void) { return thread_count == 1; }

static bool enabled(int number) {
  const struct thread *thread = &threads[number];
  switch (thread->state) {
    case READY:
      return true;
    case WAITS_NONZERO:
      return *thread->waits_on != 0;
    case WAITS_JOIN:
      return threads[thread->waits_for].state == FINISHED;
    default:
      return false;
  }
}

static void switch_to(int number) {
  int from = model_current;
  if (from == number) return;
  model_current = number;
  struct thread *to = &threads[number];
  if (from < 0 || !_setjmp(threads[from].at)) {
    if (to->begun) _longjmp(to->at, 1);
    to->begun = true;
    _longjmp(to->bottom, 1);
  }
}

static void fail_stuck(void) {
  char text[400] = "";
  for (int i = 0; i < thread_count; i++) {
    const struct thread *thread = &threads[i];
    size_t used = strlen(text);
    if (thread->state == WAITS_NONZERO)
      snprintf(text + used, sizeof text - used, "; thread %d waits for %s", i,
               model_name((uintptr_t)thread->waits_on));
    if (thread->state == WAITS_JOIN)
      snprintf(text + used, sizeof text - used, "; thread %d joins thread %d", i,
               thread->waits_for);
  }
  model_fail("nobody can go on%s", text);
}

// Decides who runs next; the current thread may be waiting or finished.
static void reschedule(void) {
  int order[MODEL_THREADS], count = 0;
  bool may_stay = enabled(model_current);
  if (may_stay) order[count++] = model_current;
  for (int i = 0; i < thread_count; i++)
    if (i != model_current && enabled(i)) order[count++] = i;
  if (!count) {
    for (int i = 0; i < thread_count; i++)
      if (threads[i].state != FINISHED) fail_stuck();
    leave(OUTCOME_DONE);
  }
  if (path_depth >= path_length && !model_tracing && met_before()) leave(OUTCOME_PRUNED);
  int choice = model_choose(may_stay && !preemptions_left ? 1 : count);
  if (choice && may_stay) preemptions_left--;
  switch_to(order[choice]);
}

void model_step(void) {
  if (model_current < 0) return;
  if (++steps > STEPS) model_fail("no end after %d steps: a livelock?", STEPS);
  reschedule();
}

static void thread_main(int number) {
  struct thread *thread = &threads[number];
  if (!_setjmp(thread->bottom)) swapcontext(&start_contexts[number], &starter);
  thread->function(thread->argument);
  thread->state = FINISHED;
  reschedule();
  abort();
}

static void start_threads(void) {
  if (threads[0].stack) return;
  char *stacks = mmap(NULL, (size_t)MODEL_THREADS * STACK_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stacks == MAP_FAILED) abort();
  for (int i = 0; i < MODEL_THREADS; i++) {
    threads[i].stack = stacks + (size_t)i * STACK_SIZE;
    getcontext(&start_contexts[i]);
    start_contexts[i].uc_stack.ss_sp = threads[i].stack;
    start_contexts[i].uc_stack.ss_size = STACK_SIZE;
    makecontext(&start_contexts[i], (void (*)(void))thread_main, 1, i);
    swapcontext(&starter, &start_contexts[i]);
  }
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_NODEFER | SA_ONSTACK};
  static char signal_stack[64 * 1024];
  stack_t alternate = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
  sigaltstack(&alternate, NULL);
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  sigaction(SIGABRT, &action, NULL);
}

int model_go(void (*function)(void *), void *argument) {
  model_step();
  int number = thread_count;
  if (number == MODEL_THREADS) model_fail("too many threads");
  struct model_thread_view *view = &model_views[model_current];
  struct model_thread_view *child = &model_views[number];
  memset(child, 0, sizeof *child);
  model_join_clock(child->clock, view->clock);
  child->clock[number] = 1;
  child->hash = model_mix(view->hash, 100 + (uint64_t)number);
  view->hash = model_mix(view->hash, 200 + (uint64_t)number);
  view->clock[model_current]++;
  threads[number].function = function;
  threads[number].argument = argument;
  threads[number].begun = false;
  threads[number].state = READY;
  thread_count++;
  if (model_tracing) model_trace("starts thread %d", number);
  return number;
}

void model_join(int number) {
  struct thread *self = &threads[model_current];
  self->state = WAITS_JOIN;
  self->waits_for = number;
  model_step();
  self->state = READY;
  struct model_thread_view *view = &model_views[model_current];
  model_join_clock(view->clock, model_views[number].clock);
  view->hash = model_mix(view->hash, model_views[number].hash);
  if (model_tracing) model_trace("joined thread %d", number);
}

void model_step_nonzero(const uintptr_t *at) {
  struct thread *self = &threads[model_current];
  self->state = WAITS_NONZERO;
  self->waits_on = at;
  model_step();
  self->state = READY;
}

// --- the search ----------------------------------------------------------------------------------

static void run_program(void *argument) {
  (void)argument;
  program();
}

static enum outcome execute(void) {
  enum outcome outcome = (enum outcome)_setjmp(explorer);
  if (outcome != OUTCOME_STARTED) return outcome;
  model_execution++;
  model_memory_reset();
  memset(model_views, 0, sizeof model_views);
  model_views[0].clock[0] = 1;
  path_depth = 0;
  steps = 0;
  preemptions_left = bounds.preemptions;
  model_stale_left = bounds.stale;
  thread_count = 1;
  threads[0].function = run_program;
  threads[0].begun = false;
  threads[0].state = READY;
  switch_to(0);
  abort();
}

static bool search(double seconds, clock_t began, struct model_report *report) {
  path_length = 0;
  do {
    enum outcome outcome = execute();
    report->steps += steps;
    if (outcome == OUTCOME_FAILED) {
      path_length = path_depth;
      note_schedule();
      snprintf(report->message, sizeof report->message, "%s", failure);
      report->failed = true;
      return false;
    }
    if (outcome == OUTCOME_PRUNED) {
      report->pruned++;
    } else {
      report->executions++;
    }
    if (seconds > 0 && report->executions % 64 == 0 &&
        (double)(clock() - began) / CLOCKS_PER_SEC > seconds)
      return false;
  } while (next_path());
  return true;
}

void model_explore(model_program_fn *run, struct model_bounds limits, double seconds,
                   struct model_report *report) {
  clock_t began = clock();
  memset(report, 0, sizeof *report);
  start_threads();
  seen_reset();
  model_memory_explore();
  program = run;
  for (int deviations = 0; deviations <= limits.preemptions || deviations <= limits.stale;
       deviations++) {
    bounds.preemptions = deviations < limits.preemptions ? deviations : limits.preemptions;
    bounds.stale = deviations < limits.stale ? deviations : limits.stale;
    if (!search(seconds, began, report)) return;
  }
  report->finished = true;
}

void model_replay(model_program_fn *run, const char *schedule) {
  start_threads();
  program = run;
  if (schedule) {
    int used = 0, zeros, option, length;
    path_length = 0;
    if (sscanf(schedule, "p%ds%d:%n", &bounds.preemptions, &bounds.stale, &used) != 2 || !used) {
      fprintf(stderr, "model: that is no schedule: %s\n", schedule);
      exit(2);
    }
    for (schedule += used; sscanf(schedule, "%d.%d.%n", &zeros, &option, &length) == 2;
         schedule += length) {
      for (; zeros > 0 && path_length < CHOICES - 1; zeros--)
        path[path_length++] = (struct choice){0, 0};
      path[path_length++] = (struct choice){0, (uint8_t)option};
    }
  }
  model_tracing = true;
  enum outcome outcome = execute();
  model_tracing = false;
  printf("  %s\n", outcome == OUTCOME_FAILED ? failure : "ends well");
}
