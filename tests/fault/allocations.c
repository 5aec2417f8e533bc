// The nth allocation fails, the nth mapping fails, the nth thread can't be started: every call that
// may allocate says so with its code, gives back what it had taken, and works when there is memory
// again.
//
// This program's own malloc() and friends, mmap() and pthread_create() stand before the C
// library's.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../support/backends.h"

#ifndef __GLIBC__
int main(void) { test_skip("allocations can't be made to fail with this C library"); }
#else

// --- what fails ----------------------------------------------------------------------------------

enum fault { NO_FAULT, MEMORY, MAPPINGS, STARTS };
static enum fault armed;  // atomic
static pthread_t armed_by;
static int64_t countdown;  // atomic: calls until the one that fails
static int64_t fired;      // atomic: how many have failed
static bool all_after;     // the later ones fail, too
static int64_t alive;      // atomic: allocations that were not freed

// What stands behind ours: the C library's, or a sanitizer's, which does the same as we do.
#if TEST_SANITIZED
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif
void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *memory, size_t size);
void *REAL(memalign)(size_t alignment, size_t size);
void REAL(free)(void *memory);

// Called before a sanitizer is ready to see anything.
#if defined __clang__ && TEST_SANITIZED
#define UNSEEN __attribute__((disable_sanitizer_instrumentation))
#elif TEST_SANITIZED
#define UNSEEN __attribute__((no_sanitize("thread"), no_sanitize("address")))
#else
#define UNSEEN
#endif

UNSEEN static bool fails(enum fault kind) {
  if (__atomic_load_n(&armed, __ATOMIC_RELAXED) != kind) return false;
#if TEST_SANITIZED  // whose threads do not start without memory
  if (!pthread_equal(armed_by, pthread_self())) return false;
#endif
  int64_t left = __atomic_sub_fetch(&countdown, 1, __ATOMIC_RELAXED);
  bool now = left == 0 || (left < 0 && all_after);
  if (now) __atomic_add_fetch(&fired, 1, __ATOMIC_RELAXED);
  return now;
}

UNSEEN static void *counted(void *memory) {
  if (memory) __atomic_add_fetch(&alive, 1, __ATOMIC_RELAXED);
  return memory;
}

UNSEEN void *malloc(size_t size) { return fails(MEMORY) ? NULL : counted(REAL(malloc)(size)); }
UNSEEN void *calloc(size_t count, size_t size) {
  return fails(MEMORY) ? NULL : counted(REAL(calloc)(count, size));
}
UNSEEN void *realloc(void *memory, size_t size) {
  void *moved = REAL(realloc)(memory, size);
  return memory ? moved : counted(moved);
}
UNSEEN void *aligned_alloc(size_t alignment, size_t size) {
  return fails(MEMORY) ? NULL : counted(REAL(memalign)(alignment, size));
}
UNSEEN int posix_memalign(void **out_memory, size_t alignment, size_t size) {
  if (fails(MEMORY)) return ENOMEM;
  *out_memory = counted(REAL(memalign)(alignment, size));
  return *out_memory ? 0 : ENOMEM;
}
UNSEEN void free(void *memory) {
  if (memory) __atomic_sub_fetch(&alive, 1, __ATOMIC_RELAXED);
  REAL(free)(memory);
}

#if TEST_SANITIZED
void *__interceptor_mmap(void *address, size_t size, int protection, int flags, int fd,
                         off_t offset);
int __interceptor_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                                 void *(*function)(void *), void *argument);
#endif

UNSEEN void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
  if (fails(MAPPINGS)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
#if TEST_SANITIZED
  return __interceptor_mmap(address, size, protection, flags, fd, offset);
#elif defined SYS_mmap2  // 32 bits: the offset is in pages
  return (void *)syscall(SYS_mmap2, address, size, protection, flags, fd, (long)(offset >> 12));
#else
  return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
#endif
}

typedef int start_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
static start_fn *real_start;
extern start_fn __pthread_create __attribute__((weak));  // the C library's, in a static program
UNSEEN int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*function)(void *), void *argument) {
  if (fails(STARTS)) return EAGAIN;
  return real_start(thread, attributes, function, argument);
}

static void arm(enum fault kind, int nth, bool later_ones_too) {
  fired = 0;
  armed_by = pthread_self();
  countdown = nth;
  all_after = later_ones_too;
  __atomic_store_n(&armed, kind, __ATOMIC_SEQ_CST);
}
static bool disarm(void) {
  __atomic_store_n(&armed, NO_FAULT, __ATOMIC_SEQ_CST);
  return fired > 0;
}

enum { MANY = 200 };  // no call here makes as many allocations

// Calls |attempt| with the 1st, the 2nd, … call of |kind| failing, until none does any more. What
// is taken must be given back each time.
static void for_each_fault(enum fault kind, bool later_ones_too, void (*attempt)(void)) {
  attempt();  // what is made once and kept, without a fault
  int nth = 1;
  for (;; nth++) {
    check(nth < MANY);
    int64_t alive_before = __atomic_load_n(&alive, __ATOMIC_RELAXED);
    int descriptors_before = open_descriptors();
    arm(kind, nth, later_ones_too);
    attempt();
    bool hit = disarm();
    check_equal(open_descriptors(), descriptors_before);
    check_equal(__atomic_load_n(&alive, __ATOMIC_RELAXED), alive_before);
    check(!rouse_loop_here());
    if (!hit) break;
  }
  print_message("             %d calls made to fail\n", nth - 1);
}

// --- loops ---------------------------------------------------------------------------------------

static const char *backend;  // NULL: the default choice

static void create_a_loop(void) {
  const rouse_loop_options options = {.backend = backend};
  rouse_loop *loop = (rouse_loop *)&options;
  int result = rouse_loop_create(&options, &loop);
  bool hit = disarm();
  if (result) {
    check(hit);
    check_result(result, ROUSE_ENOMEM);
    check(!loop);
  } else {
    test_loop_destroy(loop);
  }
}

static void create_on(const char *name) {
  backend = name;
  for_each_fault(MEMORY, false, create_a_loop);
  for_each_fault(MEMORY, true, create_a_loop);
}

static void loop_create_says_that_memory_is_short(void **state) {
  (void)state;
  check(for_each_backend(create_on) >= 2);
  print_message("           the default choice\n");
  create_on(NULL);
}

// --- runs ----------------------------------------------------------------------------------------

static int64_t small_task(void *argument) {
  rouse_event *go = argument;
  return rouse_event_wait(go);
}

static int64_t small_main(void *argument) {
  (void)argument;
  rouse_event go = ROUSE_EVENT_INIT;
  rouse_task *tasks[4];
  int spawned = 0;
  for (uint32_t i = 0; i < 4; i++) {
    int result = rouse_task_spawn(&tasks[spawned], rouse_run_loop(i % rouse_run_loop_count()),
                                  small_task, &go);
    if (result == ROUSE_DONE) {
      spawned++;
    } else {
      check_result(result, ROUSE_ENOMEM);
    }
  }
  rouse_event_set(&go);
  for (int i = 0; i < spawned; i++) {
    int64_t result = test_join(tasks[i]);
    if (result != ROUSE_DONE) check_result(result, ROUSE_ENOMEM);  // no stack to be had
  }
  return 9;
}

static void run_two_loops(void) {
  const rouse_run_options options = {.loops = 2, .loop = {.backend = backend}};
  int64_t value = 0;
  int result = rouse_run(&options, small_main, NULL, &value);
  if (result) {
    check(fired > 0);
    check_result(result, ROUSE_ENOMEM);
  } else if (value != 9) {
    check_result(value, ROUSE_ENOMEM);  // there was no stack for the first task
  }
}

static void run_on(const char *name) {
  backend = name;
  for_each_fault(MEMORY, false, run_two_loops);
  for_each_fault(MEMORY, true, run_two_loops);
  for_each_fault(MAPPINGS, false, run_two_loops);
  for_each_fault(MAPPINGS, true, run_two_loops);
  for_each_fault(STARTS, false, run_two_loops);
}

static void run_says_what_is_short_and_ends_what_it_had_started(void **state) {
  (void)state;
  check(for_each_backend(run_on) >= 2);
}

// --- tasks ---------------------------------------------------------------------------------------

static int64_t give_five(void *argument) {
  (void)argument;
  return 5;
}

static void spawn_says_that_memory_is_short_and_works_again(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  rouse_task *task = NULL;
  arm(MEMORY, 1, true);
  check_result(rouse_task_spawn(&task, loop, give_five, NULL), ROUSE_ENOMEM);
  check_result(rouse_task_spawn(NULL, loop, give_five, NULL), ROUSE_ENOMEM);
  check(disarm());
  task = test_spawn(loop, give_five, NULL);
  test_loop_settle(loop);
  check_equal(test_join(task), 5);
  rouse_loop_stop(loop);
  check_result(rouse_loop_run(loop), ROUSE_DONE);  // no task is thought to be alive
  test_loop_destroy(loop);
}

static void task_without_a_stack_ends_with_its_code_and_does_not_run(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  rouse_task *task = test_spawn(loop, give_five, NULL);
  arm(MAPPINGS, 1, true);
  test_loop_settle(loop);
  check(disarm());
  check(rouse_task_is_done(task));
  check_result(test_join(task), ROUSE_ENOMEM);
  task = test_spawn(loop, give_five, NULL);
  test_loop_settle(loop);
  check_equal(test_join(task), 5);
  rouse_loop_stop(loop);
  check_result(rouse_loop_run(loop), ROUSE_DONE);
  test_loop_destroy(loop);
}

// --- waits take no memory ------------------------------------------------------------------------

static test_flag arrived;

static int64_t wait_everywhere(void *argument) {
  rouse_semaphore *semaphore = argument;
  rouse_mutex mutex = ROUSE_MUTEX_INIT;
  rouse_waitqueue queue = ROUSE_WAITQUEUE_INIT;
  rouse_event event = ROUSE_EVENT_INIT;
  check_result(rouse_mutex_lock(&mutex), ROUSE_DONE);
  check_result(rouse_mutex_lock_until(&mutex, rouse_deadline_in_ns(1000)), ROUSE_ETIMEDOUT);
  check_result(rouse_event_wait_until(&event, rouse_deadline_in_ns(1000)), ROUSE_ETIMEDOUT);
  check_result(rouse_waitqueue_wait_if_until(&queue, NULL, NULL, rouse_deadline_in_ns(1000)),
               ROUSE_ETIMEDOUT);
  check_result(rouse_task_sleep_ns(1000), ROUSE_DONE);
  rouse_task_yield();
  test_flag_set(&arrived);
  int result = rouse_semaphore_acquire(semaphore, 1);
  if (result == ROUSE_DONE) return rouse_semaphore_release(semaphore, 1);
  return result == ROUSE_ECANCELED ? 0 : result;
}

static int64_t wait_without_memory(void *argument) {
  (void)argument;
  rouse_semaphore semaphore = ROUSE_SEMAPHORE_INIT(0);
  rouse_task *tasks[20];
  for (uint32_t i = 0; i < 20; i++) {
    tasks[i] = test_spawn(rouse_run_loop(i % 2), wait_everywhere, &semaphore);
  }
  while (test_flag_read(&arrived) < 20) {  // with their stacks, and all that is made once
    check_result(rouse_task_sleep_ns(100 * MICROSECOND), ROUSE_DONE);
  }
  arm(MEMORY, 1, true);
  check_result(rouse_semaphore_release(&semaphore, 1), ROUSE_DONE);
  for (int i = 0; i < 10; i++) rouse_task_cancel(tasks[i]);
  for (int i = 0; i < 20; i++) {
    check_result(test_join(tasks[i]), ROUSE_DONE);
  }
  check(!disarm());  // nobody asked for memory
  return 0;
}

static void waits_wakes_and_cancels_allocate_nothing(void **state) {
  (void)state;
  test_run(2, wait_without_memory, NULL);
}

// --- the pool ------------------------------------------------------------------------------------

static int64_t call_with_faults(void *argument) {
  const enum fault kind = *(enum fault *)argument;
  int64_t result = 0;
  for (int nth = 1; nth < MANY; nth++) {
    arm(kind, nth, true);
    int called = rouse_blocking_call(give_five, NULL, &result);
    bool hit = disarm();
    if (called == ROUSE_DONE) {
      check_equal(result, 5);
      check(nth > 1);
      break;
    }
    check(hit);
    check_result(called, ROUSE_ENOMEM);
    check_equal(result, 0);
  }
  check_result(rouse_blocking_call(give_five, NULL, &result), ROUSE_DONE);
  check_equal(result, 5);
  return 0;
}

static void blocking_call_says_that_there_is_no_thread_to_be_had(void **state) {
  (void)state;
  enum fault kinds[] = {MEMORY, STARTS};
  for (int i = 0; i < 2; i++) test_run(1, call_with_faults, &kinds[i]);
}

static int64_t operate_with_faults(void *argument) {
  const enum fault kind = *(enum fault *)argument;
  int ends[2];
  check_system(pipe2(ends, O_CLOEXEC));
  for (int nth = 1; nth < MANY; nth++) {
    char byte;
    arm(kind, nth, true);
    int opened = rouse_file_open(ROUSE_FD_CWD, "/dev/zero", O_RDONLY, 0);
    int64_t read = opened < 0 ? opened : rouse_file_read(opened, &byte, 1, 0);
    int polled = rouse_fd_poll(ends[1], POLLOUT, ROUSE_FOREVER);
    bool hit = disarm();
    if (opened >= 0) check_result(rouse_file_close(opened), ROUSE_DONE);
    if (opened < 0) check_result(opened, ROUSE_ENOMEM);
    if (read < 0) check_result(read, ROUSE_ENOMEM);
    if (polled < 0) check_result(polled, ROUSE_ENOMEM);
    if (!hit) {
      check(opened >= 0 && read == 1 && polled == POLLOUT);
      break;
    }
  }
  close(ends[0]);
  close(ends[1]);
  return 0;
}

static void operate_on(const char *name) {
  enum fault kinds[] = {MEMORY, STARTS};
  const rouse_run_options options = {.loop = {.backend = name}};
  for (int i = 0; i < 2; i++) test_run_options(&options, operate_with_faults, &kinds[i]);
}

static void operations_say_that_memory_is_short_and_work_again(void **state) {
  (void)state;
  check(for_each_backend(operate_on) >= 2);
}

// --- futex words ---------------------------------------------------------------------------------

static uint32_t words[3];

static int64_t wait_for_words(void *argument) {
  (void)argument;
  rouse_futex_entry entries[3];
  for (int i = 0; i < 3; i++) {
    entries[i].word = &words[i];
    entries[i].expected = entries[i].flags = 0;
  }
  return rouse_futex_wait_any(entries, 3, ROUSE_FOREVER);
}

// Threads stay with their loop, so each loop gets one short spell. What was started before the one
// that failed is undone, and the same wait then works.
static int64_t wait_for_words_with_fault(void *argument) {
  const int *what = argument;  // kind, nth, whether it struck
  rouse_task *task = test_spawn(NULL, wait_for_words, NULL);
  arm((enum fault)what[0], what[1], true);
  rouse_task_yield();  // it waits now, or could not
  bool hit = disarm();
  if (!hit) rouse_task_cancel(task);
  check_result(test_join(task), hit ? ROUSE_ENOMEM : ROUSE_ECANCELED);
  for (int i = 0; i < 3; i++) check_equal(rouse_futex_wake(&words[i], 1, 0), 0);
  if (hit) {
    task = test_spawn(NULL, wait_for_words, NULL);
    while (!rouse_futex_wake(&words[1], 1, 0)) rouse_task_yield();
    check_equal(test_join(task), 1);
  }
  return hit;
}

static void wait_for_words_on(const char *name) {
  const rouse_run_options options = {.loop = {.backend = name}};
  const enum fault kinds[] = {MEMORY, STARTS};
  for (int k = 0; k < 2; k++) {
    for (int nth = 1; nth < MANY; nth++) {
      int what[] = {(int)kinds[k], nth};
      if (!test_run_options(&options, wait_for_words_with_fault, what)) break;
    }
  }
}

static void wait_for_words_says_that_there_is_no_thread_to_be_had(void **state) {
  (void)state;
  check(for_each_backend(wait_for_words_on) >= 2);
}

// --- streams, and what is registered -------------------------------------------------------------

// Whether |result| is a success; if not, memory was short.
static bool worked(int64_t result) {
  if (result >= 0) return true;
  check(fired > 0);
  check_result(result, ROUSE_ENOMEM);
  return false;
}

// A connection by plain system calls, so that only what is tested asks for memory.
static int connect_to(rouse_fd listener) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)rouse_tcp_port(listener))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check_system(connect(fd, (struct sockaddr *)&address, sizeof address));
  return fd;
}

static void accept_one(void) {
  const struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  rouse_fd listener = rouse_tcp_listen((const struct sockaddr *)&address, sizeof address, 4);
  if (!worked(listener)) return;
  rouse_acceptor *acceptor = (rouse_acceptor *)&address;
  if (worked(rouse_acceptor_create(listener, 2, &acceptor))) {
    int client = connect_to(listener);
    int64_t accepted = rouse_acceptor_next(acceptor, ROUSE_FOREVER);
    if (!worked(accepted)) {  // which loses nothing: the connection is still to be had
      disarm();
      accepted = rouse_acceptor_next(acceptor, ROUSE_FOREVER);
    }
    check(accepted >= 0);
    close((int)accepted);
    close(client);
    rouse_acceptor_destroy(acceptor);
  } else {
    check(!acceptor);
  }
  close(listener);
}

static void receive_one(rouse_buffers *buffers) {
  int ends[2];
  void *data = NULL;
  test_pair(ends);
  rouse_receiver *receiver = (rouse_receiver *)ends;
  if (worked(rouse_receiver_create(ends[0], buffers, &receiver))) {
    check_equal(write(ends[1], "bytes", 5), 5);
    int64_t got = rouse_receiver_next(receiver, &data, ROUSE_FOREVER);
    if (worked(got)) {
      check_equal(got, 5);
      assert_memory_equal(data, "bytes", 5);
      rouse_buffers_return(buffers, data);
    } else {  // a failure is the receiver's end; the bytes are the next one's
      check(!data);
      check_result(rouse_receiver_next(receiver, &data, ROUSE_FOREVER), got);
    }
    rouse_receiver_destroy(receiver);
  } else {
    check(!receiver);
  }
  close(ends[0]);
  close(ends[1]);
}

static void register_some(void) {
  static char memory[2][4096];
  const rouse_span spans[] = {{memory[0], sizeof memory[0]}, {memory[1], sizeof memory[1]}};
  rouse_loop *loop = rouse_loop_here();
  int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  check_system(fd);
  memory[0][0] = 1;
  worked(rouse_loop_register_buffers(loop, spans, 2));
  worked(rouse_loop_register_file(loop, fd));
  if (worked(rouse_file_read(fd, memory[0], 1, 0))) check_equal(memory[0][0], 0);
  check_result(rouse_loop_unregister_file(loop, fd), ROUSE_DONE);
  check_result(rouse_loop_unregister_buffers(loop), ROUSE_DONE);
  close(fd);
}

static int64_t use_streams(void *argument) {
  (void)argument;
  rouse_buffers *buffers = (rouse_buffers *)&argument;
  accept_one();
  if (worked(rouse_buffers_create(2, 64, &buffers))) {
    receive_one(buffers);
    check_result(rouse_buffers_destroy(buffers), ROUSE_DONE);
  } else {
    check(!buffers);
  }
  register_some();
  return 9;
}

static void run_streams(void) {
  const rouse_run_options options = {.loop = {.backend = backend}};
  int64_t value = 0;
  int64_t result = rouse_run(&options, use_streams, NULL, &value);
  if (result || value != 9) worked(result ? result : value);
}

static void use_streams_on(const char *name) {
  backend = name;
  for_each_fault(MEMORY, false, run_streams);
  for_each_fault(MEMORY, true, run_streams);
}

static void streams_and_registrations_say_that_memory_is_short(void **state) {
  (void)state;
  check(for_each_backend(use_streams_on) >= 2);
}

int main(void) {
#if TEST_SANITIZED
  real_start = __interceptor_pthread_create;
#else
  *(void **)(void *)&real_start = dlsym(RTLD_NEXT, "pthread_create");
  if (!real_start) real_start = __pthread_create;
#endif
  check(real_start);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(spawn_says_that_memory_is_short_and_works_again),
      cmocka_unit_test(task_without_a_stack_ends_with_its_code_and_does_not_run),
      cmocka_unit_test(waits_wakes_and_cancels_allocate_nothing),
      cmocka_unit_test(blocking_call_says_that_there_is_no_thread_to_be_had),
      cmocka_unit_test(operations_say_that_memory_is_short_and_work_again),
      cmocka_unit_test(wait_for_words_says_that_there_is_no_thread_to_be_had),
      cmocka_unit_test(streams_and_registrations_say_that_memory_is_short),
      cmocka_unit_test(run_says_what_is_short_and_ends_what_it_had_started),
      cmocka_unit_test(loop_create_says_that_memory_is_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
