// The stack switch: what a flow keeps across it, how flows begin and end.
//
// Flows here run on plain aligned memory; guarded stacks are stack_test's business.
#include "context/context.h"

#include <fenv.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#else
#include <malloc.h>
#define aligned_alloc(alignment, size) _aligned_malloc(size, alignment)
#define free(memory) _aligned_free(memory)
#endif
#if defined __GLIBC__
#include <execinfo.h>
#endif

#include <cmocka.h>

enum { STACK_SIZE = 128 << 10 };

// The main thread's own flow, which runs the tests.
static rouse__context here;
static int adopt_here(void **state) {
  (void)state;
  rouse__context_adopt(&here);
  return 0;
}
static int release_here(void **state) {
  (void)state;
  rouse__context_release(&here);
  return 0;
}

// A flow, who resumes it, and what it is to do.
struct flow {
  rouse__context self;
  rouse__context *resumer;
  char *stack;
  void (*body)(struct flow *flow);
  int number;
  long steps;
  long sum;
  bool ended;
};

static void suspend(struct flow *flow) { rouse__context_switch(&flow->self, flow->resumer); }
static void resume(struct flow *flow) { rouse__context_switch(flow->resumer, &flow->self); }

static void flow_entry(void *argument) {
  struct flow *flow = argument;
  flow->body(flow);
  flow->ended = true;
  rouse__context_exit(&flow->self, flow->resumer);
}

static void flow_make(struct flow *flow, rouse__context *resumer, void (*body)(struct flow *)) {
  memset(flow, 0, sizeof *flow);
  flow->resumer = resumer;
  flow->body = body;
  flow->stack = aligned_alloc(4096, STACK_SIZE);
  assert_non_null(flow->stack);
  rouse__context_make(&flow->self, flow->stack, flow->stack + STACK_SIZE, flow_entry, flow);
}

static void flow_free(struct flow *flow) {
  rouse__context_release(&flow->self);
  free(flow->stack);
}

// --- beginning and ending ------------------------------------------------------------------------

static void count_one(struct flow *flow) { flow->steps++; }

static void first_switch_runs_the_entry_with_its_argument(void **state) {
  (void)state;
  struct flow flow;
  flow_make(&flow, &here, count_one);
  assert_int_equal(flow.steps, 0);
  resume(&flow);
  assert_int_equal(flow.steps, 1);
  assert_true(flow.ended);
  flow_free(&flow);
}

static void flow_never_started_can_be_released(void **state) {
  (void)state;
  struct flow flow;
  flow_make(&flow, &here, count_one);
  flow_free(&flow);
  assert_int_equal(flow.steps, 0);
}

static void name_is_that_of_the_abi(void **state) {
  (void)state;
#if defined ROUSE_CONTEXT_UCONTEXT
  assert_string_equal(rouse__context_name(), "ucontext");
#elif defined _WIN32
  assert_string_equal(rouse__context_name(), "win64");
#elif defined __x86_64__
  assert_string_equal(rouse__context_name(), "sysv-x86-64");
#elif defined __aarch64__
  assert_string_equal(rouse__context_name(), "aarch64");
#elif defined __riscv && __riscv_xlen == 64
  assert_string_equal(rouse__context_name(), "riscv64");
#else
  assert_string_equal(rouse__context_name(), "ucontext");
#endif
}

// Leaves its frames behind, poisoned by AddressSanitizer, for the next flow on the same stack.
static void leave_frames(struct flow *flow) {
  volatile char buffer[500];
  memset((char *)buffer, flow->number, sizeof buffer);
  suspend(flow);
  for (size_t i = 0; i < sizeof buffer; i++) flow->sum += buffer[i];
}

static void stack_is_reusable_after_exit(void **state) {
  (void)state;
  struct flow flow;
  flow_make(&flow, &here, leave_frames);
  for (int i = 0; i < 10000; i++) {
    flow.number = i % 100;
    flow.sum = 0;
    flow.ended = false;
    resume(&flow);
    resume(&flow);
    assert_true(flow.ended);
    assert_int_equal(flow.sum, 500 * (i % 100));
    rouse__context_release(&flow.self);
    // Another depth each time, so that old frames and new ones overlap.
    rouse__context_make(&flow.self, flow.stack, flow.stack + STACK_SIZE - i % 64 * 64, flow_entry,
                        &flow);
  }
  flow_free(&flow);
}

static void exit_into_another(struct flow *flow) {
  flow->steps++;
  suspend(flow);
  flow->steps++;
}

static void exit_may_continue_any_flow(void **state) {
  (void)state;
  struct flow first, second;
  flow_make(&first, &here, exit_into_another);
  flow_make(&second, &here, exit_into_another);
  resume(&first);
  resume(&second);
  first.resumer = &second.self;  // first ends into second, which ends into here
  rouse__context_switch(&here, &first.self);
  assert_true(first.ended && second.ended);
  assert_int_equal(first.steps + second.steps, 4);
  flow_free(&first);
  flow_free(&second);
}

#ifndef _WIN32  // the death of a process is looked at after a fork

static void return_at_once(void *argument) { (void)argument; }

static void entry_that_returns_dies_with_a_sentence(void **state) {
  (void)state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    rouse__context bad;
    char *stack = aligned_alloc(4096, STACK_SIZE);
    signal(SIGABRT, SIG_DFL);
    rouse__context_make(&bad, stack, stack + STACK_SIZE, return_at_once, NULL);
    rouse__context_switch(&here, &bad);
    _exit(0);
  }
  close(ends[1]);
  char text[4096] = {0};
  size_t length = 0;
  ssize_t got;
  while ((got = read(ends[0], text + length, sizeof text - 1 - length)) > 0) length += (size_t)got;
  close(ends[0]);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  assert_non_null(strstr(text, "first function of a flow returned"));
}

#endif

// --- what a flow keeps ---------------------------------------------------------------------------

static void step_forever(struct flow *flow) {
  for (;;) {
    flow->steps++;
    suspend(flow);
  }
}

static void ping_pong_alternates(void **state) {
  (void)state;
  struct flow flow;
  flow_make(&flow, &here, step_forever);
  for (long i = 1; i <= 100000; i++) {
    resume(&flow);
    assert_int_equal(flow.steps, i);
  }
  flow_free(&flow);
}

// More live values of each kind than there are registers of it, all changed in every round and all
// live across the switch. The result is what the same sums give without any.
struct sums {
  uint64_t a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p;
  double_t r, s, t, u, v, w, x, y;  // as wide as what a register holds, so that it may be spilled
  long double z;
};

static inline __attribute__((always_inline)) void compute(struct sums *out, uint64_t seed,
                                                          int rounds, struct flow *flow) {
  uint64_t a = seed, b = a + 1, c = a + 2, d = a + 3, e = a + 4, f = a + 5, g = a + 6, h = a + 7;
  uint64_t i = a + 8, j = a + 9, k = a + 10, l = a + 11, m = a + 12, n = a + 13, o = a + 14,
           p = a + 15;
  double_t r = (double)seed, s = r + 0.5, t = r + 1, u = r + 1.5, v = r + 2, w = r + 3, x = r + 4,
           y = r + 5;
  long double z = (long double)seed / 3;
  for (int round = 0; round < rounds; round++) {
    if (flow) rouse__context_switch(&flow->self, flow->resumer);
    a += p * 3, b ^= a, c += b, d ^= c, e += d, f ^= e, g += f, h ^= g;
    i += h, j ^= i, k += j, l ^= k, m += l, n ^= m, o += n, p ^= o;
    r = y / 3 + 1, s += r / 7, t -= s / 9, u += t / 11, v -= u / 13, w += v / 17, x -= w / 19,
    y += x / 23;
    z = z / 3 + 1;
  }
  *out = (struct sums){a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, r, s, t, u, v, w, x, y, z};
}

static void compare_sums(const struct sums *one, const struct sums *other) {
  assert_memory_equal(one, other, offsetof(struct sums, r));
  assert_true(one->r == other->r && one->s == other->s && one->t == other->t);
  assert_true(one->u == other->u && one->v == other->v && one->w == other->w);
  assert_true(one->x == other->x && one->y == other->y && one->z == other->z);
}

enum { ROUNDS = 50 };
static struct sums results[1000];

static void compute_switching(struct flow *flow) {
  compute(&results[flow->number], (uint64_t)flow->number * 77, ROUNDS, flow);
}

static void thousand_contexts_keep_their_values(void **state) {
  (void)state;
  enum { COUNT = 1000 };
  struct flow *flows = calloc(COUNT, sizeof *flows);
  assert_non_null(flows);
  for (int i = 0; i < COUNT; i++) {
    flow_make(&flows[i], &here, compute_switching);
    flows[i].number = i;
  }
  for (int round = 0; round <= ROUNDS; round++) {
    for (int i = 0; i < COUNT; i++) resume(&flows[(i + round * 7) % COUNT]);
  }
  for (int i = 0; i < COUNT; i++) {
    struct sums expected;
    compute(&expected, (uint64_t)i * 77, ROUNDS, NULL);
    assert_true(flows[i].ended);
    compare_sums(&results[i], &expected);
    flow_free(&flows[i]);
  }
  free(flows);
}

// Reads and changes memory through pointers that the compiler may believe to know.
static void double_in_place(struct flow *flow) {
  for (;;) {
    flow->sum *= 2;
    suspend(flow);
  }
}

static void memory_is_reloaded_after_a_switch(void **state) {
  (void)state;
  struct flow flow;
  flow_make(&flow, &here, double_in_place);
  flow.sum = 1;
  long expected = 1;
  for (int i = 0; i < 20; i++) {
    flow.sum += 1;
    resume(&flow);
    expected = (expected + 1) * 2;
    assert_int_equal(flow.sum, expected);
  }
  flow_free(&flow);
}

// A red zone holds a leaf function's values below the stack pointer; a switch inlined there must
// not push over them.
static __attribute__((noinline)) uint64_t leaf_with_red_zone(struct flow *flow) {
  volatile uint64_t values[12];
  for (uint64_t i = 0; i < 12; i++) values[i] = i * i + 1;
  rouse__context_switch(flow->resumer, &flow->self);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < 12; i++) sum += values[i];
  return sum;
}

static void red_zone_survives(void **state) {
  (void)state;
  struct flow flow;
  flow_make(&flow, &here, step_forever);
  for (int i = 0; i < 100; i++) assert_int_equal(leaf_with_red_zone(&flow), 506 + 12);
  flow_free(&flow);
}

// --- depth ---------------------------------------------------------------------------------------

static __attribute__((noinline)) long dive(struct flow *flow, int depth) {
  volatile char frame[64];
  frame[depth % 64] = (char)depth;
  suspend(flow);
  long below = depth > 0 ? dive(flow, depth - 1) : 0;
  suspend(flow);
  return below + frame[depth % 64];
}
static void dive_deep(struct flow *flow) { flow->sum = dive(flow, 99); }

static void switches_at_every_depth_of_a_recursion(void **state) {
  (void)state;
  struct flow flows[3];
  for (int i = 0; i < 3; i++) flow_make(&flows[i], &here, dive_deep);
  for (int step = 0; step < 200; step++) {
    for (int i = 0; i < 3; i++) {
      assert_false(flows[i].ended);
      resume(&flows[i]);
    }
  }
  for (int i = 0; i < 3; i++) {
    resume(&flows[i]);
    assert_true(flows[i].ended);
    assert_int_equal(flows[i].sum, 99 * 100 / 2);
    flow_free(&flows[i]);
  }
}

// Each flow makes the next and resumes it; the last one suspends the lot, one into the other.
static void nest(struct flow *flow) {
  flow->steps++;
  if (flow->number == 0) {
    suspend(flow);
    return;
  }
  struct flow inner;
  flow_make(&inner, &flow->self, nest);
  inner.number = flow->number - 1;
  resume(&inner);
  suspend(flow);
  resume(&inner);
  assert_true(inner.ended);
  flow->sum = inner.sum + flow->number;
  flow_free(&inner);
}

static void flows_nest_a_hundred_deep(void **state) {
  (void)state;
  struct flow flow;
  flow_make(&flow, &here, nest);
  flow.number = 100;
  resume(&flow);
  assert_false(flow.ended);
  resume(&flow);
  assert_true(flow.ended);
  assert_int_equal(flow.sum, 100 * 101 / 2);
  flow_free(&flow);
}

// --- the ABI -------------------------------------------------------------------------------------

static __attribute__((noinline)) void note_frame(struct flow *flow) {
  // The stack pointer as it was before the call, which the ABIs align.
  flow->sum = (long)((uintptr_t)__builtin_dwarf_cfa() & 15);
  // Aligned to more than the ABI gives: the compiler realigns, perhaps with a base register of its
  // own.
  _Alignas(64) volatile char wide[64];
  wide[flow->number & 63] = 1;
  suspend(flow);
  flow->steps = (long)((uintptr_t)wide & 63) + wide[flow->number & 63];
}

static void entry_is_aligned_whatever_the_top(void **state) {
  (void)state;
  for (int offset = 0; offset < 64; offset++) {
    struct flow flow;
    flow_make(&flow, &here, note_frame);
    rouse__context_release(&flow.self);
    rouse__context_make(&flow.self, flow.stack, flow.stack + STACK_SIZE - offset, flow_entry,
                        &flow);
    resume(&flow);
    resume(&flow);
    assert_true(flow.ended);
    assert_int_equal(flow.sum, 0);
    assert_int_equal(flow.steps, 1);
    flow_free(&flow);
  }
}

static int format(char *out, size_t size, const char *text, ...) {
  va_list list;
  va_start(list, text);
  int length = vsnprintf(out, size, text, list);
  va_end(list);
  return length;
}

static void print_numbers(struct flow *flow) {
  char text[256];
  for (int i = 0; i < 3; i++) {
    format(text, sizeof text, "%d %.3f %s %.2Lf %g %g %g %g %g %g %g %g", i, 1.5 + i, "and", 2.25L,
           1., 2., 3., 4., 5., 6., 7., 8.5);
    suspend(flow);
    char expected[256];
    snprintf(expected, sizeof expected, "%d %d.500 and 2.25 1 2 3 4 5 6 7 8.5", i, 1 + i);
    if (strcmp(text, expected) == 0) flow->steps++;
  }
}

static void variadic_calls_with_doubles_work(void **state) {
  (void)state;
  struct flow flow;
  flow_make(&flow, &here, print_numbers);
  while (!flow.ended) resume(&flow);
  assert_int_equal(flow.steps, 3);
  flow_free(&flow);
}

// The control bits that a call preserves, beyond the rounding mode that <fenv.h> knows.
#if defined __x86_64__
static uint32_t control_bits(void) {
  uint32_t sse;
  uint16_t x87;
  __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(sse), "=m"(x87));
  return (sse & 0xffc0) << 16 | x87;
}
static void set_control_bits(int variant) {
  uint32_t sse;
  uint16_t x87;
  __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(sse), "=m"(x87));
  sse = (sse & ~0x8040u) | (variant & 1 ? 0x8040u : 0);              // flush and denormals to zero
  x87 = (uint16_t)((x87 & ~0x300) | (variant & 2 ? 0x200 : 0x300));  // double or extended
  __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(sse), "m"(x87));
}
#elif defined __aarch64__
static uint32_t control_bits(void) {
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  return (uint32_t)control;
}
static void set_control_bits(int variant) {
  uint64_t control = (control_bits() & ~(UINT64_C(1) << 24)) | (uint64_t)(variant & 1) << 24;
  __asm__ volatile("msr fpcr, %0" : : "r"(control));
}
#else
static uint32_t control_bits(void) { return (uint32_t)fegetround(); }
static void set_control_bits(int variant) { (void)variant; }
#endif

static const int rounding[4] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO, FE_TONEAREST};

static void own_controls(struct flow *flow) {
  flow->sum = (long)control_bits();  // the maker's
  suspend(flow);
  fesetround(rounding[flow->number % 4]);
  set_control_bits(flow->number);
  uint32_t mine = control_bits();
  for (int i = 0; i < 10; i++) {
    suspend(flow);
    if (control_bits() == mine && fegetround() == rounding[flow->number % 4]) flow->steps++;
  }
}

static void floating_point_controls_belong_to_the_flow(void **state) {
  (void)state;
  enum { COUNT = 8 };
  struct flow flows[COUNT];
  uint32_t before = control_bits();
  fesetround(FE_DOWNWARD);
  uint32_t when_made = control_bits();
  for (int i = 0; i < COUNT; i++) {
    flow_make(&flows[i], &here, own_controls);
    flows[i].number = i;
  }
  fesetround(FE_TONEAREST);
  for (int round = 0; round < 12; round++) {
    for (int i = 0; i < COUNT; i++) {
      resume(&flows[i]);
      assert_int_equal(control_bits(), before);
    }
  }
  for (int i = 0; i < COUNT; i++) {
    assert_true(flows[i].ended);
    assert_int_equal(flows[i].sum, when_made);
    assert_int_equal(flows[i].steps, 10);
    flow_free(&flows[i]);
  }
}

// The C library's unwinder walks by the same tables as a debugger. It must end at the flow's
// beginning, and not wander into what lies above the stack.
#if defined __GLIBC__ && !defined ROUSE_CONTEXT_UCONTEXT
static void unwind_here(struct flow *flow) {
  void *frames[64];
  flow->sum = backtrace(frames, 64);
  suspend(flow);
  flow->steps = backtrace(frames, 64);
}

static void unwinding_stops_at_the_entry(void **state) {
  (void)state;
  struct flow flow;
  flow_make(&flow, &here, unwind_here);
  memset(flow.stack, 0x5a, STACK_SIZE);
  rouse__context_release(&flow.self);
  // What lies above the top is the remains of some other frame.
  rouse__context_make(&flow.self, flow.stack, flow.stack + STACK_SIZE / 2, flow_entry, &flow);
  resume(&flow);
  resume(&flow);
  assert_true(flow.ended);
  assert_in_range(flow.sum, 1, 12);
  assert_in_range(flow.steps, 1, 12);
  flow_free(&flow);
}
#endif

// --- threads and signals -------------------------------------------------------------------------

static void *ping_pong_on_thread(void *argument) {
  (void)argument;
  rouse__context own;
  struct flow flows[10];
  rouse__context_adopt(&own);
  for (int i = 0; i < 10; i++) flow_make(&flows[i], &own, step_forever);
  long sum = 0;
  for (int round = 0; round < 2000; round++) {
    for (int i = 0; i < 10; i++) resume(&flows[i]);
  }
  for (int i = 0; i < 10; i++) {
    sum += flows[i].steps;
    flow_free(&flows[i]);
  }
  rouse__context_release(&own);
  return (void *)(intptr_t)sum;
}

static void threads_switch_independently(void **state) {
  (void)state;
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, ping_pong_on_thread, NULL), 0);
  }
  for (int i = 0; i < 4; i++) {
    void *sum;
    assert_int_equal(pthread_join(threads[i], &sum), 0);
    assert_int_equal((intptr_t)sum, 20000);
  }
}

// ThreadSanitizer holds signals back until the program calls the C library, never amid switches:
// there is nothing to test with it.
#if !defined ROUSE__SANITIZE_THREAD && !defined _WIN32
static volatile sig_atomic_t signals_seen;
static void on_signal(int number) {
  (void)number;
  // Uses the stack and the registers that a handler may use.
  volatile double values[32];
  for (int i = 0; i < 32; i++) values[i] = signals_seen * 1.5 + i;
  signals_seen = signals_seen + (values[31] > values[0]);
}

static void signals_during_switches_do_no_harm(void **state) {
  (void)state;
  struct flow flow;
  flow_make(&flow, &here, compute_switching);
  flow.number = 0;
  struct sigaction action = {.sa_handler = on_signal};
  assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
  struct itimerval often = {.it_interval.tv_usec = 200, .it_value.tv_usec = 200}, never = {0};
  setitimer(ITIMER_REAL, &often, NULL);
  struct sums expected;
  compute(&expected, 0, ROUNDS, NULL);
  signals_seen = 0;
  while (signals_seen < 100) {
    while (!flow.ended) resume(&flow);
    compare_sums(&results[0], &expected);
    flow.ended = false;
    rouse__context_release(&flow.self);
    rouse__context_make(&flow.self, flow.stack, flow.stack + STACK_SIZE, flow_entry, &flow);
  }
  setitimer(ITIMER_REAL, &never, NULL);
  signal(SIGALRM, SIG_IGN);  // one may still be on its way
  flow_free(&flow);
}

#endif

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(first_switch_runs_the_entry_with_its_argument),
    cmocka_unit_test(flow_never_started_can_be_released),
    cmocka_unit_test(name_is_that_of_the_abi),
    cmocka_unit_test(stack_is_reusable_after_exit),
    cmocka_unit_test(exit_may_continue_any_flow),
#ifndef _WIN32
    cmocka_unit_test(entry_that_returns_dies_with_a_sentence),
#endif
    cmocka_unit_test(ping_pong_alternates),
    cmocka_unit_test(thousand_contexts_keep_their_values),
    cmocka_unit_test(memory_is_reloaded_after_a_switch),
    cmocka_unit_test(red_zone_survives),
    cmocka_unit_test(switches_at_every_depth_of_a_recursion),
    cmocka_unit_test(flows_nest_a_hundred_deep),
    cmocka_unit_test(entry_is_aligned_whatever_the_top),
    cmocka_unit_test(variadic_calls_with_doubles_work),
    cmocka_unit_test(floating_point_controls_belong_to_the_flow),
#if defined __GLIBC__ && !defined ROUSE_CONTEXT_UCONTEXT
    cmocka_unit_test(unwinding_stops_at_the_entry),
#endif
    cmocka_unit_test(threads_switch_independently),
#if !defined ROUSE__SANITIZE_THREAD && !defined _WIN32
    cmocka_unit_test(signals_during_switches_do_no_harm),
#endif
  };
  return cmocka_run_group_tests(tests, adopt_here, release_here);
}
