// The stack pool: guards, reuse, memory given back, and what happens when there is no more.
//
// All of it runs twice: with guards as this kernel makes them, and with marks refused by a seccomp
// filter, as on kernels that have none. Whether a page can be touched is asked of the kernel: a
// write to a pipe from a guard fails with EFAULT.
#if !defined _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "runtime/stack.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined __linux__ && defined __x86_64__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#define CAN_REFUSE_MARKS 1
#endif

#include <cmocka.h>

#include "context/context.h"
#include "platform/memory.h"

// --- helpers -------------------------------------------------------------------------------------

// In a child an assertion of cmocka would return into the parent's tests.
static void require(bool condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "in the child: %s\n", what);
  _exit(1);
}

static bool is_touchable(const void *address) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  ssize_t written = write(ends[1], address, 1);
  bool faults = written < 0 && errno == EFAULT;
  close(ends[0]);
  close(ends[1]);
  assert_true(written == 1 || faults);
  return written == 1;
}

// Bytes of this process: resident (1), or addresses in use (0).
static size_t process_bytes(int field) {
  unsigned long pages[2] = {0, 0};
  FILE *file = fopen("/proc/self/statm", "r");
  require(file && fscanf(file, "%lu %lu", &pages[0], &pages[1]) == 2, "statm");
  fclose(file);
  return pages[field] * rouse__memory_page_size();
}
static size_t resident(void) { return process_bytes(1); }

// Pages of |stack| that hold memory; none once its addresses have gone.
static size_t resident_pages(struct rouse__stack stack) {
  static unsigned char pages[64];
  size_t page = rouse__memory_page_size();
  size_t size = ((size_t)((char *)stack.high - (char *)stack.low) + page - 1) / page * page;
  require(size / page <= sizeof pages, "the test's table is large enough");
  if (mincore(stack.low, size, (void *)pages) != 0) return 0;
  size_t count = 0;
  for (size_t i = 0; i < size / page; i++) count += pages[i] & 1;
  return count;
}

static size_t mappings_within(const void *low, const void *high) {
  size_t count = 0;
  char line[512];
  FILE *file = fopen("/proc/self/maps", "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file)) {
    unsigned long start, end;
    if (sscanf(line, "%lx-%lx", &start, &end) != 2) continue;
    if (start < (uintptr_t)high && end > (uintptr_t)low) count++;
  }
  fclose(file);
  return count;
}

static void touch_top(struct rouse__stack stack) { ((volatile char *)stack.high)[-8] = 1; }

// Runs |body| in a child. Returns its wait status. The child's exit code is 0 if body returns, and
// what it wrote to stderr is dropped unless that was a failure that the test does not expect.
static int in_child(void (*body)(void), bool quiet) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    if (quiet && !freopen("/dev/null", "w", stderr)) _exit(3);
    body();
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  return status;
}

static void succeeds_in_child(void (*body)(void)) {
  int status = in_child(body, false);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

#if defined CAN_REFUSE_MARKS
// Makes the kernel answer as one that does not know the advice.
static void refuse_marks(void) {
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 102, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {sizeof program / sizeof *program, program};
  require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  require(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0, "the seccomp filter");
}
#endif

// --- geometry ------------------------------------------------------------------------------------

static void size_is_rounded_up_and_has_a_minimum(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 16 << 10, (64 << 10) + 1, 256 << 10, 1 << 20, 8 << 20};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    rouse__stack_pool pool;
    struct rouse__stack stack;
    assert_int_equal(rouse__stack_pool_init(&pool, sizes[i], 4), 0);
    assert_int_equal(rouse__stack_get(&pool, &stack), 0);
    size_t size = (size_t)((char *)stack.high - (char *)stack.low);
    assert_true(size + 960 >= sizes[i]);
    assert_true(size + 960 >= ROUSE__STACK_SIZE_MIN);
    assert_int_equal((uintptr_t)stack.low % rouse__memory_page_size(), 0);
    assert_int_equal((uintptr_t)stack.high % 64, 0);
    memset(stack.low, 0x5a, size);  // all of it is there
    rouse__stack_put(&pool, stack);
    rouse__stack_pool_finish(&pool);
  }
}

static void absurd_sizes_are_refused(void **state) {
  (void)state;
  rouse__stack_pool pool;
  assert_int_equal(rouse__stack_pool_init(&pool, ROUSE__STACK_SIZE_MAX + 1, 4), ROUSE_EINVAL);
  rouse__stack_pool_finish(&pool);
  assert_int_equal(rouse__stack_pool_init(&pool, SIZE_MAX, 4), ROUSE_EINVAL);
  rouse__stack_pool_finish(&pool);
  assert_int_equal(rouse__stack_pool_init(&pool, 64 << 10, SIZE_MAX), ROUSE_EINVAL);
  rouse__stack_pool_finish(&pool);
}

static void finish_accepts_null_and_zeroed_memory(void **state) {
  (void)state;
  rouse__stack_pool pool;
  memset(&pool, 0, sizeof pool);
  rouse__stack_pool_finish(NULL);
  rouse__stack_pool_finish(&pool);
  assert_int_equal(rouse__stack_pool_init(&pool, 64 << 10, 4), 0);
  rouse__stack_pool_finish(&pool);
  rouse__stack_pool_finish(&pool);
}

static void tops_differ_by_cache_lines(void **state) {
  (void)state;
  enum { COUNT = 64 };
  rouse__stack_pool pool;
  struct rouse__stack stacks[COUNT];
  int per_line[64] = {0};
  assert_int_equal(rouse__stack_pool_init(&pool, 64 << 10, 4), 0);
  for (int i = 0; i < COUNT; i++) {
    assert_int_equal(rouse__stack_get(&pool, &stacks[i]), 0);
    per_line[(uintptr_t)stacks[i].high / 64 % 64]++;
  }
  for (int i = 0; i < 64; i++) assert_true(per_line[i] <= COUNT / 16);
  for (int i = 0; i < COUNT; i++) rouse__stack_put(&pool, stacks[i]);
  rouse__stack_pool_finish(&pool);
}

static int by_address(const void *one, const void *other) {
  const struct rouse__stack *a = one, *b = other;
  return a->low < b->low ? -1 : a->low > b->low;
}

// Several slabs' worth, of an awkward size.
static void stacks_never_overlap(void **state) {
  (void)state;
  enum { COUNT = 2000 };
  rouse__stack_pool pool;
  struct rouse__stack *stacks = calloc(COUNT, sizeof *stacks);
  assert_non_null(stacks);
  assert_int_equal(rouse__stack_pool_init(&pool, 72 << 10, 4), 0);
  for (int i = 0; i < COUNT; i++) assert_int_equal(rouse__stack_get(&pool, &stacks[i]), 0);
  qsort(stacks, COUNT, sizeof *stacks, by_address);
  for (int i = 0; i < COUNT; i++) {
    assert_true((char *)stacks[i].low + (71 << 10) <= (char *)stacks[i].high);
    if (i > 0) assert_true((char *)stacks[i - 1].high + 4096 <= (char *)stacks[i].low);
  }
  for (int i = 0; i < COUNT; i++) rouse__stack_put(&pool, stacks[i]);
  rouse__stack_pool_finish(&pool);
  free(stacks);
}

// --- guards --------------------------------------------------------------------------------------

static bool guarded(struct rouse__stack stack) {
  const char *low = stack.low;
  size_t page = rouse__memory_page_size();
  for (size_t below = 1; below <= 16384; below += page / 2) {
    if (is_touchable(low - below)) return false;
  }
  return is_touchable((char *)stack.high - 1);
}

static void every_stack_is_guarded(void **state) {
  (void)state;
  enum { COUNT = 600 };
  rouse__stack_pool pool;
  struct rouse__stack stacks[COUNT];
  assert_int_equal(rouse__stack_pool_init(&pool, 16 << 10, 0), 0);
  // Twice: fresh, and after their memory went back in runs that span the guards.
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < COUNT; i++) {
      assert_int_equal(rouse__stack_get(&pool, &stacks[i]), 0);
      touch_top(stacks[i]);
    }
    for (int i = 0; i < COUNT; i++) assert_true(guarded(stacks[i]));
    for (int i = 0; i + round < COUNT; i++) rouse__stack_put(&pool, stacks[i]);
  }
  rouse__stack_put(&pool, stacks[COUNT - 1]);
  rouse__stack_pool_finish(&pool);
}

static volatile long overflow_depth;
static __attribute__((noinline)) long overflow(long depth) {
  volatile char frame[512];
  frame[0] = (char)depth;
  overflow_depth = depth;
  long below = depth < 1000000 ? overflow(depth + 1) : 0;
  return below + frame[0];
}

static rouse__context overflow_thread, overflow_task;
static void overflow_entry(void *argument) {
  (void)argument;
  overflow(0);
  rouse__context_exit(&overflow_task, &overflow_thread);
}

static void overflow_the_middle_stack(void) {
  signal(SIGSEGV, SIG_DFL);
  rouse__stack_pool pool;
  struct rouse__stack stacks[3];
  require(rouse__stack_pool_init(&pool, 64 << 10, 4) == 0, "init");
  for (int i = 0; i < 3; i++) require(rouse__stack_get(&pool, &stacks[i]) == 0, "get");
  rouse__context_adopt(&overflow_thread);
  rouse__context_make(&overflow_task, stacks[1].low, stacks[1].high, overflow_entry, NULL);
  rouse__context_switch(&overflow_thread, &overflow_task);
}

static void overflow_is_a_segmentation_fault(void **state) {
  (void)state;
  int status = in_child(overflow_the_middle_stack, true);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGSEGV);
}

// --- reuse and memory ----------------------------------------------------------------------------

static void last_stack_put_is_the_first_got(void **state) {
  (void)state;
  rouse__stack_pool pool;
  struct rouse__stack a, b, again;
  assert_int_equal(rouse__stack_pool_init(&pool, 64 << 10, 4), 0);
  assert_int_equal(rouse__stack_get(&pool, &a), 0);
  assert_int_equal(rouse__stack_get(&pool, &b), 0);
  rouse__stack_put(&pool, b);
  rouse__stack_put(&pool, a);
  assert_int_equal(rouse__stack_get(&pool, &again), 0);
  assert_ptr_equal(again.low, a.low);
  assert_ptr_equal(again.high, a.high);
  assert_int_equal(rouse__stack_get(&pool, &again), 0);
  assert_ptr_equal(again.low, b.low);
  rouse__stack_put(&pool, a);
  rouse__stack_put(&pool, b);
  rouse__stack_pool_finish(&pool);
}

// Warm stacks keep their contents and cold ones lose them: that is how they can be told apart.
static void stacks_beyond_the_cache_lose_their_memory(void **state) {
  (void)state;
  enum { COUNT = 100, WARM = 10 };
  rouse__stack_pool pool;
  struct rouse__stack stacks[COUNT];
  assert_int_equal(rouse__stack_pool_init(&pool, 64 << 10, WARM), 0);
  for (int i = 0; i < COUNT; i++) {
    assert_int_equal(rouse__stack_get(&pool, &stacks[i]), 0);
    touch_top(stacks[i]);
  }
  for (int i = 0; i < COUNT - 1; i++) rouse__stack_put(&pool, stacks[i]);
  size_t pages = 0;
  for (int i = 0; i < COUNT - 1; i++) pages += resident_pages(stacks[i]);
  assert_in_range(pages, WARM, WARM + 31);  // and at most one run that is not yet full
  int warm = 0;
  for (int i = 0; i < COUNT - 1; i++) {
    assert_int_equal(rouse__stack_get(&pool, &stacks[i]), 0);
    warm += ((volatile char *)stacks[i].high)[-8] == 1;
  }
  assert_int_equal(warm, WARM);
  for (int i = 0; i < COUNT; i++) rouse__stack_put(&pool, stacks[i]);
  rouse__stack_pool_finish(&pool);
}

// Random gets and puts; every stack in use keeps what was written to its two ends.
static void contents_survive_while_others_come_and_go(void **state) {
  (void)state;
  enum { COUNT = 700, STEPS = 200000 };
  static const size_t caches[] = {0, 8, 100};
  for (size_t cache = 0; cache < 3; cache++) {
    rouse__stack_pool pool;
    struct rouse__stack stacks[COUNT] = {{0}};
    uint32_t random = 12345;
    assert_int_equal(rouse__stack_pool_init(&pool, 100 << 10, caches[cache]), 0);
    for (int step = 0; step < STEPS; step++) {
      random = random * 1664525 + 1013904223;
      // Long runs of neighbours half of the time, single ones otherwise.
      int i = step / 2000 % 2 ? step % COUNT : (int)(random >> 8) % COUNT;
      struct rouse__stack *stack = &stacks[i];
      if (stack->low) {
        assert_int_equal(*(volatile int *)stack->low, i);
        assert_int_equal(((volatile int *)stack->high)[-1], ~i);
        rouse__stack_put(&pool, *stack);
        stack->low = NULL;
      } else {
        assert_int_equal(rouse__stack_get(&pool, stack), 0);
        *(volatile int *)stack->low = i;
        ((volatile int *)stack->high)[-1] = ~i;
      }
    }
    for (int i = 0; i < COUNT; i++) {
      if (stacks[i].low) rouse__stack_put(&pool, stacks[i]);
    }
    rouse__stack_pool_finish(&pool);
  }
}

// Takes stacks until one is in another slab than the first, and returns their number.
static int take_two_slabs(rouse__stack_pool *pool, struct rouse__stack *stacks, int max) {
  for (int i = 0; i < max; i++) {
    assert_int_equal(rouse__stack_get(pool, &stacks[i]), 0);
    uintptr_t changed = (uintptr_t)stacks[i].low ^ (uintptr_t)stacks[0].low;
    if (changed >= pool->slab_size) return i + 1;
  }
  fail_msg("%d stacks fit one slab", max);
  return 0;
}

static void empty_slab_stays_while_the_others_are_full(void **state) {
  (void)state;
  enum { MAX = 1000 };
  rouse__stack_pool pool;
  struct rouse__stack stacks[MAX];
  assert_int_equal(rouse__stack_pool_init(&pool, 64 << 10, 0), 0);
  int count = take_two_slabs(&pool, stacks, MAX);
  struct rouse__stack last = stacks[count - 1];
  rouse__stack_put(&pool, last);
  assert_true(mappings_within(last.low, last.high) > 0);
  rouse__stack_put(&pool, stacks[0]);  // now there is room in the first
  assert_int_equal(rouse__stack_get(&pool, &stacks[0]), 0);
  assert_int_equal(rouse__stack_get(&pool, &last), 0);
  rouse__stack_put(&pool, last);
  for (int i = 0; i < count - 1; i++) rouse__stack_put(&pool, stacks[i]);
  rouse__stack_pool_finish(&pool);
}

// A slab goes while memory of it is pending, and somebody else's memory comes to lie there.
static void memory_in_the_place_of_a_slab_is_left_alone(void **state) {
  (void)state;
  enum { MAX = 1000 };
  rouse__stack_pool pool;
  struct rouse__stack stacks[MAX];
  assert_int_equal(rouse__stack_pool_init(&pool, 64 << 10, 0), 0);
  int count = take_two_slabs(&pool, stacks, MAX);
  struct rouse__stack last = stacks[count - 1];
  touch_top(last);
  rouse__stack_put(&pool, stacks[0]);
  rouse__stack_put(&pool, last);
  assert_int_equal(mappings_within(last.low, last.high), 0);
  size_t size = 64 << 10;
  char *other = mmap(last.low, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_ptr_equal(other, last.low);
  memset(other, 7, size);
  assert_int_equal(rouse__stack_get(&pool, &stacks[0]), 0);
  for (int i = 0; i < count - 1; i++) rouse__stack_put(&pool, stacks[i]);
  for (size_t i = 0; i < size; i++) assert_int_equal(other[i], 7);
  munmap(other, size);
  rouse__stack_pool_finish(&pool);
}

static void finish_gives_all_addresses_back(void **state) {
  (void)state;
  enum { COUNT = 1000 };
  rouse__stack_pool pool;
  struct rouse__stack *stacks = calloc(COUNT, sizeof *stacks);
  assert_non_null(stacks);
  assert_int_equal(rouse__stack_pool_init(&pool, 64 << 10, COUNT / 2), 0);
  for (int i = 0; i < COUNT; i++) {
    assert_int_equal(rouse__stack_get(&pool, &stacks[i]), 0);
    touch_top(stacks[i]);
    assert_true(mappings_within(stacks[i].low, stacks[i].high) > 0 || i % 100 != 0);
  }
  for (int i = 0; i < COUNT; i++) rouse__stack_put(&pool, stacks[i]);
  rouse__stack_pool_finish(&pool);
  for (int i = 0; i < COUNT; i += 50) {
    assert_int_equal(mappings_within(stacks[i].low, stacks[i].high), 0);
  }
  free(stacks);
}

#if !defined ROUSE__SANITIZE_ADDRESS && !defined ROUSE__SANITIZE_THREAD
enum { SANITIZED = 0, MANY = 200000 };
#else
enum { SANITIZED = 1, MANY = 20000 };  // each costs several times as much
#endif

// The tasks of a large server, all waiting: one page each. Then they leave. Counted by page in any
// build, and as the system sees it where no sanitizer adds memory of its own; that with room for
// the books of an emulator.
enum { WARM = 1000 };

static void crowd_comes_and_goes(rouse__stack_pool *pool, struct rouse__stack *stacks,
                                 size_t count) {
  size_t page = rouse__memory_page_size();
  size_t before = resident(), pages = 0;
  for (size_t i = 0; i < count; i++) {
    require(rouse__stack_get(pool, &stacks[i]) == 0, "a stack for each of the crowd");
    touch_top(stacks[i]);
  }
  size_t during = resident();
  for (size_t i = 0; i < count; i++) pages += resident_pages(stacks[i]);
  require(pages == count, "a shallow stack takes one page");
  require(SANITIZED || during < before + count * page / 2 * 3,
          "in all, less than a page and a half");
  for (size_t i = 0; i < count; i += 997) require(guarded(stacks[i]), "each stack has its guard");
  for (size_t i = 0; i < count; i++) rouse__stack_put(pool, stacks[i]);
  size_t after = resident();
  pages = 0;
  for (size_t i = 0; i < count; i++) pages += resident_pages(stacks[i]);
  require(pages >= WARM && pages < WARM + 32, "only the warm ones keep theirs");
  require(SANITIZED || after < before + count * page / 2, "the memory of a crowd goes back");
}

static void two_crowds(void) {
  size_t count = MANY, addresses = SIZE_MAX / 4 / (96 << 10);
  if (count > addresses) count = addresses;
  if (!rouse__memory_guards_are_marks() && count > rouse__memory_split_max()) {
    count = rouse__memory_split_max();
    print_message("guards are mappings here: a crowd of %zu, not %d\n", count, MANY);
  }
  rouse__stack_pool pool;
  struct rouse__stack *stacks = calloc(count, sizeof *stacks);
  require(stacks != NULL, "calloc");
  memset(stacks, 1, count * sizeof *stacks);
  require(rouse__stack_pool_init(&pool, 64 << 10, WARM) == 0, "init");
  crowd_comes_and_goes(&pool, stacks, count);
  crowd_comes_and_goes(&pool, stacks, count);
  rouse__stack_pool_finish(&pool);
  free(stacks);
}

static void crowd_takes_a_page_each_and_gives_it_back(void **state) {
  (void)state;
  succeeds_in_child(two_crowds);
}

// --- limits --------------------------------------------------------------------------------------

// Takes stacks until there are none, then shows that the pool still works.
static size_t exhaust(rouse__stack_pool *pool, struct rouse__stack *stacks, size_t max) {
  size_t count = 0;
  int result = 0;
  while (count < max && (result = rouse__stack_get(pool, &stacks[count])) == 0) {
    touch_top(stacks[count++]);
  }
  require(result == ROUSE_ENOMEM, "the last get says ROUSE_ENOMEM");
  require(count > 0, "some stacks were to be had");
  require(guarded(stacks[count - 1]), "the last stack has its guard");
  struct rouse__stack again;
  require(rouse__stack_get(pool, &again) == ROUSE_ENOMEM, "refused again");
  rouse__stack_put(pool, stacks[count - 1]);
  require(rouse__stack_get(pool, &again) == 0, "what was put back can be got");
  require(again.low == stacks[count - 1].low, "and is the same");
  return count;
}

#if !defined ROUSE__SANITIZE_ADDRESS && !defined ROUSE__SANITIZE_THREAD
static void exhaust_addresses(void) {
  enum { MAX = 100000 };
  struct rouse__stack *stacks = calloc(MAX, sizeof *stacks);
  require(stacks != NULL, "calloc");
  struct rlimit limit = {.rlim_cur = 512 << 20, .rlim_max = RLIM_INFINITY};
  rouse__stack_pool pool;
  require(rouse__stack_pool_init(&pool, 64 << 10, 16) == 0, "init");
  require(setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit");
  size_t count = exhaust(&pool, stacks, MAX);
  require(count > 1000, "most of the addresses were usable");
  for (size_t i = 0; i < count; i++) rouse__stack_put(&pool, stacks[i]);
  rouse__stack_pool_finish(&pool);
}

static void exhausted_addresses_return_enomem(void **state) {
  (void)state;
  succeeds_in_child(exhaust_addresses);
}
#endif

#if defined CAN_REFUSE_MARKS
// Kernels without marks: as many guards as mappings allow, then ROUSE_ENOMEM, and the rest of the
// process can still map memory.
static void exhaust_mappings(void) {
  enum { MAX = 100000 };
  struct rouse__stack *stacks = calloc(MAX, sizeof *stacks);
  require(stacks != NULL, "calloc");
  refuse_marks();
  rouse__stack_pool pool, other;
  require(rouse__stack_pool_init(&pool, 16 << 10, 0) == 0, "init");
  require(rouse__stack_pool_init(&other, 16 << 10, 0) == 0, "init");
  for (int round = 0; round < 2; round++) {
    size_t count = exhaust(&pool, stacks, MAX);
    require(count == rouse__memory_split_max(), "all of the share, and no more");
    struct rouse__stack stack;
    require(rouse__stack_get(&other, &stack) == ROUSE_ENOMEM, "the share is the process's");
    for (int i = 0; i < 1000; i++) {  // alternating protections, so that they are not merged
      int protection = i % 2 ? PROT_READ : PROT_READ | PROT_WRITE;
      void *page = mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      require(page != MAP_FAILED, "others can still map memory");
    }
    for (size_t i = 0; i < count; i += 501) require(guarded(stacks[i]), "each stack has its guard");
    for (size_t i = 0; i < count; i++) rouse__stack_put(&pool, stacks[i]);
    // The guards went with their slabs, all but the last: there is room again.
    require(rouse__stack_get(&other, &stack) == 0, "what was given back can be used elsewhere");
    rouse__stack_put(&other, stack);
    rouse__stack_pool_finish(&other);
    require(rouse__stack_pool_init(&other, 16 << 10, 0) == 0, "init");
  }
  rouse__stack_pool_finish(&pool);
  rouse__stack_pool_finish(&other);
}

static void without_marks_the_limit_on_mappings_returns_enomem(void **state) {
  (void)state;
  succeeds_in_child(exhaust_mappings);
}

static char *program_path;
static bool refusing_marks;

static void run_without_marks(void) {
  execl(program_path, program_path, "--refuse-marks", (char *)NULL);
  _exit(2);
}

static void all_of_this_passes_without_marks(void **state) {
  (void)state;
  if (refusing_marks) {
    assert_false(rouse__memory_guards_are_marks());
  } else {
    succeeds_in_child(run_without_marks);
  }
}
#endif

// --- the port ------------------------------------------------------------------------------------

static void regions_are_aligned_zero_and_never_set_errno(void **state) {
  (void)state;
  size_t before = process_bytes(0);
  for (size_t shift = 16; shift <= 26; shift++) {
    struct rouse__memory_region region;
    size_t size = (size_t)1 << shift;
    errno = 77;
    assert_int_equal(rouse__memory_reserve(&region, size, size), 0);
    assert_int_equal((uintptr_t)region.base % size, 0);
    char *bytes = region.base;
    assert_int_equal(bytes[0] + bytes[size - 1], 0);
    assert_int_equal(rouse__memory_guard(&region, bytes, rouse__memory_page_size()), 0);
    rouse__memory_discard(bytes, size);
    assert_false(is_touchable(bytes));
    errno = 77;
    rouse__memory_release(&region);
    assert_int_equal(errno, 77);
  }
  assert_true(process_bytes(0) < before + (8 << 20));  // what was cut off to align them is gone
  struct rouse__memory_region region;
  errno = 77;
  assert_int_equal(rouse__memory_reserve(&region, SIZE_MAX & ~(size_t)0xffff, 1 << 16),
                   ROUSE_ENOMEM);
  assert_int_equal(errno, 77);
  assert_null(region.base);
  rouse__memory_release(&region);
}

int main(int count, char **arguments) {
  (void)count, (void)arguments;
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(size_is_rounded_up_and_has_a_minimum),
    cmocka_unit_test(absurd_sizes_are_refused),
    cmocka_unit_test(finish_accepts_null_and_zeroed_memory),
    cmocka_unit_test(tops_differ_by_cache_lines),
    cmocka_unit_test(stacks_never_overlap),
    cmocka_unit_test(every_stack_is_guarded),
    cmocka_unit_test(overflow_is_a_segmentation_fault),
    cmocka_unit_test(last_stack_put_is_the_first_got),
    cmocka_unit_test(stacks_beyond_the_cache_lose_their_memory),
    cmocka_unit_test(contents_survive_while_others_come_and_go),
    cmocka_unit_test(empty_slab_stays_while_the_others_are_full),
    cmocka_unit_test(memory_in_the_place_of_a_slab_is_left_alone),
    cmocka_unit_test(finish_gives_all_addresses_back),
    cmocka_unit_test(crowd_takes_a_page_each_and_gives_it_back),
#if !defined ROUSE__SANITIZE_ADDRESS && !defined ROUSE__SANITIZE_THREAD
    cmocka_unit_test(exhausted_addresses_return_enomem),
#endif
#if defined CAN_REFUSE_MARKS
    cmocka_unit_test(without_marks_the_limit_on_mappings_returns_enomem),
    cmocka_unit_test(all_of_this_passes_without_marks),
#endif
    cmocka_unit_test(regions_are_aligned_zero_and_never_set_errno),
  };
#if defined CAN_REFUSE_MARKS
  program_path = arguments[0];
  refusing_marks = count > 1 && strcmp(arguments[1], "--refuse-marks") == 0;
  if (refusing_marks) refuse_marks();
#endif
  return cmocka_run_group_tests(tests, NULL, NULL);
}
