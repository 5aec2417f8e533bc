// The backend "io_uring": full rings, kernels that refuse or lack things, cancels at every stage,
// and each doorbell. What every backend must do is in the conformance suite.
//
// White box: rouse__uring_enter is where the tests count system calls and have them fail.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/support.h"
#include "runtime/loop_internal.h"

#ifndef ROUSE_HAVE_IO_URING
int main(void) { test_skip("this build has no io_uring backend"); }
#else

#include "backend/io_uring/ordering.h"
#include "backend/io_uring/ring.h"

// --- loops ---------------------------------------------------------------------------------------

static void set(const char *name, const char *value) {
  if (value) {
    setenv(name, value, 1);
  } else {
    unsetenv(name);
  }
}
static void do_without(const char *words) { set("ROUSE_IO_URING_WITHOUT", words); }
static void use_bell(const char *kind) { set("ROUSE_IO_URING_DOORBELL", kind); }

static int try_ring(uint32_t entries, rouse_loop **out_loop) {
  rouse_loop_options options = {.backend = "io_uring", .ring_entries = entries, .spin_ns = -1};
  return rouse_loop_create(&options, out_loop);
}

static rouse_loop *ring_of(uint32_t entries) {
  rouse_loop *loop = NULL;
  int result = try_ring(entries, &loop);
  if (result) {
    char reason[ROUSE__URING_REASON_SIZE] = "";
    struct rouse__backend *backend;
    int again = rouse__backend_io_uring.create(NULL, NULL, &backend, reason, sizeof reason);
    fprintf(stderr, "a ring was refused: %s\n", again ? reason : "not again");
  }
  check_result(result, ROUSE_DONE);
  check_string(rouse_loop_backend(loop), "io_uring");
  return loop;
}

// --- system calls --------------------------------------------------------------------------------

static struct {
  int calls;
  int failure;      // what a call that is to fail returns
  uint32_t one_in;  // 0: none fails, 1: all do, 3: one in three goes through
  random_source source;
  struct io_uring *missing;  // the ring whose next |misses| cancels do not find their operation
  int misses;
} kernel;

// As a kernel does whose worker has taken the operation on, and is not yet seen to have it.
static void miss_cancels(struct io_uring *ring) {
  struct io_uring_sq *sq = &ring->sq;
  for (unsigned i = *sq->khead; kernel.misses && i != sq->sqe_tail; i++) {
    struct io_uring_sqe *sqe = &sq->sqes[i & sq->ring_mask];
    if (sqe->opcode != IORING_OP_ASYNC_CANCEL) continue;
    sqe->addr = ROUSE__URING_FOR_PROBE;  // nobody's
    kernel.misses--;
  }
}

static int enter(unsigned fd, unsigned submit, unsigned wait, unsigned flags, sigset_t *argument,
                 size_t size) {
  kernel.calls++;
  if (kernel.missing) miss_cancels(kernel.missing);
  // A kernel that takes no entries still waits and tells what is done.
  bool refuses =
      kernel.one_in == 1 || (kernel.one_in && random_below(&kernel.source, kernel.one_in) != 0);
  if (refuses && (submit || kernel.failure == -EBADR)) return kernel.failure;
  return io_uring_enter2(fd, submit, wait, flags, argument, size);
}

static void kernel_refuses(int failure, uint32_t one_in) {
  kernel.failure = failure;
  kernel.one_in = one_in;
}

static int before_each(void **state) {
  (void)state;
  memset(&kernel, 0, sizeof kernel);
  kernel.source = random_from(1);
  rouse__uring_enter = enter;
  do_without(NULL);
  use_bell(NULL);
  set("ROUSE_BACKEND", NULL);
  return 0;
}

// --- operations ----------------------------------------------------------------------------------

static void start_nop(test_io *io) {
  io->io.operation = ROUSE__IO_NOP;
  check_result(rouse__io_submit(&io->io, ROUSE_FOREVER), ROUSE_PENDING);
}

static void start_poll(test_io *io, int fd) {
  check_result(rouse_fd_poll_start(&io->io, fd, POLLIN, ROUSE_FOREVER), ROUSE_PENDING);
}

static test_io *operations(rouse_loop *loop, int count, int *done) {
  test_io *all = calloc((size_t)count, sizeof *all);
  check(all);
  for (int i = 0; i < count; i++) test_io_init(&all[i], loop, done);
  return all;
}

static void check_each_once(const test_io *all, int count) {
  for (int i = 0; i < count; i++) check_equal(all[i].completed, 1);
}

static void write_one(int fd) {
  uint64_t one = 1;
  check_equal(check_system(write(fd, &one, sizeof one)), sizeof one);
}

static int silent_fd(void) { return (int)check_system(eventfd(0, EFD_CLOEXEC)); }

static void sleep_shortly(rouse_loop *loop) {
  check(rouse_loop_run_once(loop, rouse_deadline_in_ns(MILLISECOND)) >= 0);
}

// --- cancels that miss ---------------------------------------------------------------------------

static void cancel_that_misses_is_made_again(void **state) {
  (void)state;
  enum { COUNT = 40 };
  rouse_loop *loop = ring_of(8);
  int done = 0, fd = silent_fd();
  test_io *all = operations(loop, COUNT, &done);
  for (int i = 0; i < COUNT; i++) start_poll(&all[i], fd);
  sleep_shortly(loop);
  kernel.missing = &ROUSE__CONTAINER(loop->backend, struct uring, backend)->ring;
  kernel.misses = COUNT + COUNT / 2;  // some more than once
  for (int i = 0; i < COUNT; i++) rouse_wait_cancel(&all[i].io.wait);
  test_loop_run_until(loop, &done, COUNT);
  check_each_once(all, COUNT);
  for (int i = 0; i < COUNT; i++) check_result(all[i].reported, ROUSE_ECANCELED);
  check_equal(kernel.misses, 0);
  // Nothing is left to be cancelled: the loop sleeps as long as it is told to.
  kernel.missing = NULL;
  const int before = kernel.calls;
  check_equal(rouse_loop_run_once(loop, rouse_deadline_in_ns(200 * MILLISECOND)), 0);
  check(kernel.calls - before <= 4);
  close(fd);
  test_loop_destroy(loop);
  free(all);
}

// --- full rings ----------------------------------------------------------------------------------

static void thousands_of_operations_pass_a_ring_of_four_entries(void **state) {
  (void)state;
  const int count = test_scaled(20000);
  int done = 0;
  rouse_loop *loop = ring_of(4);
  test_io *all = operations(loop, count, &done);
  for (int i = 0; i < count; i++) start_nop(&all[i]);
  check_equal(done, 0);  // never inside the call that starts it
  test_loop_run_until(loop, &done, count);
  check_each_once(all, count);
  for (int i = 0; i < count; i++) check_equal(all[i].result, 0);
  check_equal(loop->backend->in_flight, 0);
  test_loop_destroy(loop);
  free(all);
}

static void completions_that_overflow_the_queue_all_arrive(void **state) {
  (void)state;
  const int count = test_scaled(4000);
  int done = 0, fd = silent_fd();
  rouse_loop *loop = ring_of(4);
  test_io *all = operations(loop, count, &done);
  for (int i = 0; i < count; i++) start_poll(&all[i], fd);
  test_loop_settle(loop);
  check_equal(done, 0);
  write_one(fd);  // all at once, into a queue of sixteen
  test_loop_run_until(loop, &done, count);
  check_each_once(all, count);
  for (int i = 0; i < count; i++) check_equal(all[i].result, POLLIN);
  test_loop_destroy(loop);
  close(fd);
  free(all);
}

static void a_loop_that_never_sleeps_sees_what_is_done(void **state) {
  (void)state;
  const int count = 100;
  int done = 0, fd = silent_fd();
  rouse_loop *loop = ring_of(4);
  test_io *all = operations(loop, count, &done);
  for (int i = 0; i < count; i++) start_poll(&all[i], fd);
  test_loop_settle(loop);
  write_one(fd);
  const int64_t limit_ns = rouse_deadline_in_ns(10 * SECOND);
  while (done < count) {
    check(rouse_loop_run_once(loop, 0) >= 0);
    check(rouse_now_ns() < limit_ns);
  }
  test_loop_destroy(loop);
  close(fd);
  free(all);
}

// Polls of two descriptors, one of which becomes ready in the midst of random cancels.
static void storm(rouse_loop *loop, random_source *source, int count) {
  int done = 0, quiet = silent_fd(), loud = silent_fd();
  test_io *all = operations(loop, count, &done);
  bool *cancelled = calloc((size_t)count, sizeof *cancelled);
  check(cancelled);
  for (int i = 0; i < count; i++) {
    start_poll(&all[i], i % 2 ? loud : quiet);
    if (random_one_in(source, 50)) check(rouse_loop_run_once(loop, 0) >= 0);
  }
  for (int rest = 0; rest < count; rest++) {
    int i = (int)random_below(source, (uint32_t)count);
    if (rest == count / 2) write_one(loud);
    if (random_one_in(source, 100)) check(rouse_loop_run_once(loop, 0) >= 0);
    if (all[i].completed) continue;
    cancelled[i] = true;
    rouse_wait_cancel(&all[i].io.wait);
  }
  for (int i = 0; i < count; i += 2) {
    if (!all[i].completed) rouse_wait_cancel(&all[i].io.wait);
  }
  test_loop_run_until(loop, &done, count);
  check_each_once(all, count);
  for (int i = 0; i < count; i++) {
    bool odd = i % 2;
    if (all[i].result == ROUSE_ECANCELED) check(cancelled[i] || !odd);
    if (all[i].result != ROUSE_ECANCELED) check_equal(all[i].result, odd ? POLLIN : -1);
  }
  check_equal(loop->backend->in_flight, 0);
  close(quiet);
  close(loud);
  free(cancelled);
  free(all);
}

static void a_storm_of_cancels_on_a_full_ring_ends_each_operation_once(void **state) {
  (void)state;
  random_source source = random_from(30);
  for (int round = 0; round < test_scaled(20); round++) {
    do_without(round % 2 ? "cqe_skip" : NULL);
    rouse_loop *loop = ring_of(4);
    storm(loop, &source, 500);
    test_loop_destroy(loop);
  }
}

struct canceller {
  test_io *all;
  int count;
};
static void cancel_all(void *argument) {
  struct canceller *canceller = argument;
  for (int i = 0; i < canceller->count; i++) rouse_wait_cancel(&canceller->all[i].io.wait);
}

static void cancels_from_another_thread_end_each_operation_once(void **state) {
  (void)state;
  const int count = test_scaled(8000);
  int done = 0, fd = silent_fd();
  rouse_loop *loop = ring_of(4);
  test_io *all = operations(loop, count, &done);
  for (int i = 0; i < count; i++) start_poll(&all[i], fd);
  struct canceller canceller = {all, count};
  test_thread thread;
  test_thread_start(&thread, cancel_all, &canceller);
  test_loop_run_until(loop, &done, count);
  test_thread_join(&thread);
  check_each_once(all, count);
  for (int i = 0; i < count; i++) check_result(all[i].result, ROUSE_ECANCELED);
  test_loop_destroy(loop);
  close(fd);
  free(all);
}

// --- kernels that refuse -------------------------------------------------------------------------

static void a_kernel_that_takes_entries_only_now_and_then_loses_none(void **state) {
  (void)state;
  static const int failures[] = {-EBUSY, -EAGAIN};
  random_source source = random_from(31);
  for (int round = 0; round < test_scaled(20); round++) {
    rouse_loop *loop = ring_of(4);
    kernel_refuses(failures[round % 2], 3);
    storm(loop, &source, 300);
    kernel_refuses(0, 0);
    test_loop_destroy(loop);
  }
}

// Operations that start others when they complete, up to |count|.
static struct {
  test_io *all;
  int count, started, done;
  random_source source;
} chain;

static void chain_start(uint32_t most) {
  for (uint32_t batch = random_below(&chain.source, most + 1); batch; batch--) {
    if (chain.started < chain.count) start_nop(&chain.all[chain.started++]);
  }
}

static void chain_ended(rouse_wait *wait, int result) {
  check_result(result, ROUSE_DONE);
  ((test_io *)wait)->order = ++chain.done;
  chain_start(3);
}

static void run_chain(uint64_t stream) {
  rouse_loop *loop = ring_of(4);
  memset(&chain, 0, sizeof chain);
  chain.count = test_scaled(10000);
  chain.source = random_from(stream);
  chain.all = operations(loop, chain.count, &chain.done);
  for (int i = 0; i < chain.count; i++) rouse_io_init(&chain.all[i].io, loop, chain_ended);
  while (chain.done < chain.count) {
    kernel_refuses(-EAGAIN, random_below(&chain.source, 4));
    if (chain.started == chain.done) chain_start(20);
    // The loop does not sleep for long on what it could not hand over.
    check(rouse_loop_run_once(loop, rouse_deadline_in_ns(MILLISECOND)) >= 0);
  }
  for (int i = 0; i < chain.count; i++) check_equal(chain.all[i].order, i + 1);
  kernel_refuses(0, 0);
  test_loop_destroy(loop);
  free(chain.all);
}

static void operations_that_the_kernel_did_not_take_start_in_order(void **state) {
  (void)state;
  for (uint64_t round = 0; round < 5; round++) run_chain(100 + round);
}

static void a_cancel_that_had_to_wait_does_not_hit_a_later_operation(void **state) {
  (void)state;
  enum { ENTRIES = 4, COUNT = ENTRIES + 2 };
  int done = 0, loud = silent_fd();
  rouse_loop *loop = ring_of(ENTRIES);
  test_io *all = operations(loop, COUNT, &done);
  start_poll(&all[0], loud);
  test_loop_settle(loop);
  kernel_refuses(-EAGAIN, 1);
  for (int i = 1; i < COUNT; i++) start_nop(&all[i]);
  rouse_wait_cancel(&all[0].io.wait);  // finds no room
  write_one(loud);
  test_loop_run_until(loop, &done, 1);
  check_equal(all[0].result, POLLIN);
  start_poll(&all[0], loud);  // the same address
  kernel_refuses(0, 0);
  test_loop_run_until(loop, &done, COUNT + 1);
  check_equal(all[0].result, POLLIN);
  test_loop_destroy(loop);
  close(loud);
  free(all);
}

static void operations_cancelled_before_the_kernel_took_them_end_at_once(void **state) {
  (void)state;
  enum { COUNT = 100, ENTRIES = 4 };
  int done = 0, fd = silent_fd();
  rouse_loop *loop = ring_of(ENTRIES);
  test_io *all = operations(loop, COUNT, &done);
  kernel_refuses(-EBUSY, 1);
  for (int i = 0; i < COUNT; i++) start_poll(&all[i], fd);
  for (int i = 0; i < COUNT; i++) rouse_wait_cancel(&all[i].io.wait);
  check_equal(done, 0);  // never inside the cancel
  test_loop_run_until(loop, &done, COUNT - ENTRIES);
  check_equal(done, COUNT - ENTRIES);
  for (int i = ENTRIES; i < COUNT; i++) check_result(all[i].result, ROUSE_ECANCELED);
  kernel_refuses(0, 0);
  test_loop_run_until(loop, &done, COUNT);
  check_each_once(all, COUNT);
  for (int i = 0; i < ENTRIES; i++) check_result(all[i].result, ROUSE_ECANCELED);
  test_loop_destroy(loop);
  close(fd);
  free(all);
}

static void a_completion_that_the_kernel_dropped_ends_the_run(void **state) {
  (void)state;
  int done = 0;
  rouse_loop *loop = ring_of(4);
  test_io *io = operations(loop, 1, &done);
  start_nop(io);
  kernel_refuses(-EBADR, 1);
  check_result(rouse_loop_run_once(loop, 0), ROUSE_ENOMEM);
  check_result(rouse_loop_run_once(loop, ROUSE_FOREVER), ROUSE_ENOMEM);  // and stays so
  kernel_refuses(0, 0);
  while (!done) rouse_loop_run_once(loop, 0);
  test_loop_destroy(loop);
  free(io);
}

// --- set-up --------------------------------------------------------------------------------------

static void count_post(rouse_wait *wait, int result) {
  (void)result;
  test_wait *self = (test_wait *)wait;
  self->completed++;
}

struct poster {
  rouse_loop *loop;
  test_wait wait;
};
static void post_late(void *argument) {
  struct poster *poster = argument;
  usleep(300);  // the loop is asleep by then, as a rule
  rouse_loop_post(poster->loop, &poster->wait.wait, count_post);
}

// A doorbell, an operation, a cancel, and one that older rings lack.
static void exercise(rouse_loop *loop) {
  struct poster poster = {.loop = loop};
  test_thread thread;
  test_thread_start(&thread, post_late, &poster);
  test_loop_run_until(loop, &poster.wait.completed, 1);
  test_thread_join(&thread);

  int done = 0, fd = silent_fd();
  char path[200], name[240];
  test_directory_make(path, sizeof path);
  snprintf(name, sizeof name, "%s/made", path);
  test_io *all = operations(loop, 3, &done);
  start_poll(&all[0], fd);
  start_nop(&all[1]);
  all[2].io.operation = ROUSE__IO_MKDIR;
  all[2].io.fd = ROUSE_FD_CWD;
  all[2].io.address = name;
  all[2].io.mode = 0700;
  check_result(rouse__io_submit(&all[2].io, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_run_until(loop, &done, 2);
  check_result(all[2].result, ROUSE_DONE);
  check_system(access(name, F_OK));
  rouse_wait_cancel(&all[0].io.wait);
  test_loop_run_until(loop, &done, 3);
  check_result(all[0].result, ROUSE_ECANCELED);
  test_directory_remove(path);
  close(fd);
  free(all);
}

static void a_refused_ring_is_reported_when_it_was_named_and_replaced_when_not(void **state) {
  (void)state;
  rouse_loop *loop = NULL;
  do_without("ring");
  check_result(try_ring(0, &loop), ROUSE_ENOSYS);
  check(!loop);
  set("ROUSE_BACKEND", "io_uring");
  check_result(rouse_loop_create(NULL, &loop), ROUSE_ENOSYS);
  set("ROUSE_BACKEND", NULL);
  check_result(rouse_loop_create(NULL, &loop), ROUSE_DONE);
  check_string(rouse_loop_backend(loop), "epoll");
  test_loop_destroy(loop);
}

static void words_that_are_unknown_are_refused(void **state) {
  (void)state;
  rouse_loop *loop = NULL;
  do_without("futex,wings");
  check_result(try_ring(0, &loop), ROUSE_EINVAL);
  do_without(NULL);
  use_bell("gong");
  check_result(try_ring(0, &loop), ROUSE_EINVAL);
  use_bell("futex");
  do_without("futex");
  check_result(try_ring(0, &loop), ROUSE_ENOSYS);
  use_bell(NULL);
  do_without("eventfd,futex,msg_ring");
  check_result(try_ring(0, &loop), ROUSE_ENOSYS);
}

static void no_descriptors_left_is_reported_and_leaks_none(void **state) {
  (void)state;
  rouse_loop *loop = NULL;
  struct rlimit old, tight;
  check_system(getrlimit(RLIMIT_NOFILE, &old));
  int lowest = dup(0);
  close(lowest);
  int most = 0;
  do {  // one more descriptor each time, until it works
    tight = (struct rlimit){(rlim_t)(lowest + most), old.rlim_max};
    check_system(setrlimit(RLIMIT_NOFILE, &tight));
    int result = try_ring(0, &loop);
    check_system(setrlimit(RLIMIT_NOFILE, &old));
    int after = dup(0);
    close(after);
    if (result) check_result(result, ROUSE_EMFILE);
    if (result) check_equal(after, lowest);
  } while (!loop && ++most < 8);
  check(loop);
  check(most >= 1);
  test_loop_destroy(loop);
}

static void descriptors_close_on_exec(void **state) {
  (void)state;
  enum { LOOKED_AT = 64 };
  bool open_before[LOOKED_AT];
  for (int fd = 0; fd < LOOKED_AT; fd++) open_before[fd] = fcntl(fd, F_GETFD) >= 0;
  rouse_loop *loop = ring_of(0);
  int seen = 0;
  for (int fd = 0; fd < LOOKED_AT; fd++) {
    int flags = fcntl(fd, F_GETFD);
    if (flags < 0 || open_before[fd]) continue;
    seen++;
    check(flags & FD_CLOEXEC);
  }
  check(seen >= 1);
  test_loop_destroy(loop);
}

static void ring_sizes_are_cut_to_what_a_ring_can_have(void **state) {
  (void)state;
  static const uint32_t sizes[] = {1, 3, 1000, 32768, UINT32_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    rouse_loop *loop = ring_of(sizes[i]);
    int done = 0;
    test_io *all = operations(loop, 50, &done);
    for (int k = 0; k < 50; k++) start_nop(&all[k]);
    test_loop_run_until(loop, &done, 50);
    test_loop_destroy(loop);
    free(all);
  }
}

// --- doorbells -----------------------------------------------------------------------------------

static rouse_probe probe;  // of this kernel as it is; filled in by main()

// A doorbell that the probe says works must work for a loop, and no other.
static bool bell_here(const char *kind) {
  char name[40];
  snprintf(name, sizeof name, "doorbell_%s", kind);
  for (uint32_t i = 0; i < probe.feature_count; i++) {
    if (!strcmp(probe.features[i].name, name)) return probe.features[i].available;
  }
  check_failed(__FILE__, __LINE__, "the probe does not speak of a doorbell");
}

static rouse_loop *ring_with_bell(const char *kind) {
  use_bell(kind);
  rouse_loop *loop = NULL;
  int result = try_ring(0, &loop);
  check_result(result, bell_here(kind) ? ROUSE_DONE : ROUSE_ENOSYS);
  if (loop) check_string(rouse_loop_doorbell(loop), kind);
  if (!loop) print_message("the kernel has no doorbell of kind %s\n", kind);
  return loop;
}

static void for_each_bell(void (*claim)(const char *kind)) {
  do_without(NULL);
  for (int i = 0; i < ROUSE__URING_BELLS; i++) claim(rouse__uring_bell_names[i]);
  do_without("multishot");
  claim("eventfd");
}

static void a_loop_works_without_each_thing_that_older_kernels_lack(void **state) {
  (void)state;
  static const char *const words[] = {
      "setup_flags",
      "multishot",
      "futex",
      "cqe_skip",
      "registered_ring",
      "file_names",
      "futex,msg_ring",
      "setup_flags,multishot,futex,msg_ring,cqe_skip,registered_ring,file_names"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    do_without(words[i]);
    rouse_loop *loop = ring_of(8);
    exercise(loop);
    check_equal(loop->stats.blocking_calls, strstr(words[i], "file_names") ? 1 : 0);
    test_loop_destroy(loop);
  }
}

static void without_an_eventfd_another_doorbell_is_taken(void **state) {
  (void)state;
  rouse_loop *loop = NULL;
  do_without("eventfd");
  int result = try_ring(8, &loop);
  bool other = bell_here("futex") || bell_here("msg_ring");
  check_result(result, other ? ROUSE_DONE : ROUSE_ENOSYS);
  if (!other) return;
  check_string(rouse_loop_doorbell(loop), bell_here("futex") ? "futex" : "msg_ring");
  exercise(loop);
  test_loop_destroy(loop);
}

struct ringer {
  rouse_loop *loop;
  test_wait wait;
  test_flag heard;
  int times;
};
static void ring_often(void *argument) {
  struct ringer *ringer = argument;
  random_source source = random_from(24);
  for (int i = 0; i < ringer->times; i++) {
    if (random_one_in(&source, 4)) usleep(random_below(&source, 200));
    rouse_loop_post(ringer->loop, &ringer->wait.wait, count_post);
    test_flag_await(&ringer->heard, (uint32_t)i + 1);
  }
}

static void hears_every_ring(const char *kind) {
  rouse_loop *loop = ring_with_bell(kind);
  if (!loop) return;
  struct ringer ringer = {.loop = loop, .times = test_scaled(2000)};
  test_thread thread;
  test_thread_start(&thread, ring_often, &ringer);
  for (int i = 1; i <= ringer.times; i++) {
    test_loop_run_until(loop, &ringer.wait.completed, i);
    test_flag_set(&ringer.heard);
  }
  test_thread_join(&thread);
  check(loop->bells_owed > 0);
  test_loop_destroy(loop);
}

static void each_doorbell_wakes_a_loop_that_sleeps(void **state) {
  (void)state;
  for_each_bell(hears_every_ring);
}

// The loop goes as soon as it has its mail, while the ringer may still be inside the system call.
static void outlives_its_ringer(const char *kind) {
  for (int i = 0; i < test_scaled(300); i++) {
    rouse_loop *loop = ring_with_bell(kind);
    if (!loop) return;
    struct poster poster = {.loop = loop};
    test_thread thread;
    test_thread_start(&thread, post_late, &poster);
    while (!poster.wait.completed) check(rouse_loop_run_once(loop, ROUSE_FOREVER) >= 0);
    test_loop_destroy(loop);
    test_thread_join(&thread);
  }
}

static void a_loop_may_be_destroyed_while_its_ringer_returns(void **state) {
  (void)state;
  for_each_bell(outlives_its_ringer);
}

// A futex wait left behind in a closed ring would swallow the first wake for the next loop, whose
// bell gets the same word.
static void destroyed_loops_swallow_no_rings(void **state) {
  (void)state;
  if (!bell_here("futex")) return;
  for (int i = 0; i < test_scaled(100); i++) {
    rouse_loop *dead = ring_with_bell("futex");
    sleep_shortly(dead);
    test_loop_destroy(dead);
    rouse_loop *living = ring_with_bell("futex");
    struct poster poster = {.loop = living};
    test_thread thread;
    test_thread_start(&thread, post_late, &poster);
    int64_t before_ns = rouse_now_ns();
    check(rouse_loop_run_once(living, before_ns + 10 * SECOND) >= 0);
    check(rouse_now_ns() - before_ns < 5 * SECOND);
    test_loop_run_until(living, &poster.wait.completed, 1);
    test_thread_join(&thread);
    test_loop_destroy(living);
  }
}

static void hear_the_first_thread(void *argument) {
  (void)argument;
  rouse_loop *loop = ring_with_bell("futex");
  sleep_shortly(loop);  // arms it
  struct poster poster = {.loop = loop};
  test_thread thread;
  test_thread_start(&thread, post_late, &poster);  // the process's first
  int64_t before_ns = rouse_now_ns();
  check(rouse_loop_run_once(loop, before_ns + 10 * SECOND) >= 0);
  check(rouse_now_ns() - before_ns < 5 * SECOND);
  test_loop_run_until(loop, &poster.wait.completed, 1);
  test_thread_join(&thread);
  test_loop_destroy(loop);
}

static void a_futex_bell_armed_before_the_first_thread_is_heard(void **state) {
  (void)state;
  if (!bell_here("futex")) return;
#ifdef ROUSE__URING_TSAN
  // The sanitizer has a thread of its own from the start, and lets no child of a fork have any.
  (void)hear_the_first_thread;
#else
  test_expect_clean_child(hear_the_first_thread, NULL);
#endif
}

// --- sleeping ------------------------------------------------------------------------------------

static void a_look_at_an_idle_ring_makes_no_system_call(void **state) {
  (void)state;
  int done = 0, fd = silent_fd();
  rouse_loop *loop = ring_of(0);
  test_io *io = operations(loop, 1, &done);
  start_poll(io, fd);
  test_loop_settle(loop);
  int calls = kernel.calls;
  for (int i = 0; i < 1000; i++) check_equal(rouse_loop_run_once(loop, 0), 0);
  check_equal(kernel.calls, calls);
  rouse_wait_cancel(&io->io.wait);
  test_loop_run_until(loop, &done, 1);
  test_loop_destroy(loop);
  close(fd);
  free(io);
}

static void a_batch_is_handed_over_by_one_system_call(void **state) {
  (void)state;
  enum { COUNT = 200 };
  int done = 0;
  rouse_loop *loop = ring_of(256);
  test_io *all = operations(loop, COUNT, &done);
  for (int i = 0; i < COUNT; i++) start_nop(&all[i]);
  check_equal(kernel.calls, 0);
  test_loop_run_until(loop, &done, COUNT);
  check_equal(kernel.calls, 1);
  test_loop_destroy(loop);
  free(all);
}

static void a_sleep_lasts_until_its_deadline_and_no_longer(void **state) {
  (void)state;
  rouse_loop *loop = ring_of(0);
  for (int i = 0; i < 3; i++) {
    int64_t deadline_ns = rouse_deadline_in_ns(20 * MILLISECOND);
    check_equal(rouse_loop_run_once(loop, deadline_ns), 0);
    int64_t late_ns = rouse_now_ns() - deadline_ns;
    check(late_ns >= 0);
    check(late_ns < 5 * SECOND);
  }
  check_equal(rouse_loop_run_once(loop, rouse_now_ns() - SECOND), 0);  // passed: does not sleep
  test_loop_destroy(loop);
}

static void ignore_signal(int number) { (void)number; }

static void interrupt_later(void *argument) {
  pthread_t *thread = argument;
  usleep(20000);
  pthread_kill(*thread, SIGUSR1);
}

static void a_signal_is_no_failure_of_a_sleep(void **state) {
  (void)state;
  struct sigaction action = {.sa_handler = ignore_signal}, old;
  check_system(sigaction(SIGUSR1, &action, &old));
  rouse_loop *loop = ring_of(0);
  pthread_t self = pthread_self();
  test_thread thread;
  test_thread_start(&thread, interrupt_later, &self);
  check_equal(rouse_loop_run_once(loop, rouse_deadline_in_ns(200 * MILLISECOND)), 0);
  test_thread_join(&thread);
  test_loop_destroy(loop);
  check_system(sigaction(SIGUSR1, &old, NULL));
}

static void errno_stays_as_it_was(void **state) {
  (void)state;
  static const char *const words[] = {NULL, "multishot", "setup_flags,file_names"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    do_without(words[i]);
    int fd = silent_fd(), done = 0;
    errno = 4711;
    rouse_loop *loop = ring_of(0);
    check_equal(errno, 4711);
    test_io *io = operations(loop, 1, &done);
    errno = 4711;
    check_result(rouse_fd_poll_start(&io->io, fd, POLLIN, rouse_deadline_in_ns(MILLISECOND)),
                 ROUSE_PENDING);
    test_loop_run_until(loop, &done, 1);
    loop->backend->ops->ring(loop->backend);
    loop->bells_owed++;
    sleep_shortly(loop);
    test_loop_destroy(loop);
    check_equal(errno, 4711);
    check_result(io->reported, ROUSE_ETIMEDOUT);
    check_result(io->result, ROUSE_ETIMEDOUT);
    free(io);
    close(fd);
  }
}

// --- descriptors that do not block ---------------------------------------------------------------

static void operations_on_a_nonblocking_socket_wait(void **state) {
  (void)state;
  int ends[2], done = 0;
  char buffer[8];
  check_system(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
  rouse_loop *loop = ring_of(4);
  test_io *all = operations(loop, 3, &done);
  check_result(rouse_tcp_receive_start(&all[0].io, ends[0], buffer, sizeof buffer, ROUSE_FOREVER),
               ROUSE_PENDING);
  test_loop_settle(loop);
  sleep_shortly(loop);
  check_equal(done, 0);
  check_equal(check_system(write(ends[1], "abc", 3)), 3);
  test_loop_run_until(loop, &done, 1);
  check_equal(all[0].result, 3);

  check_result(rouse_tcp_receive_start(&all[1].io, ends[0], buffer, sizeof buffer, ROUSE_FOREVER),
               ROUSE_PENDING);
  test_loop_settle(loop);
  rouse_wait_cancel(&all[1].io.wait);
  test_loop_run_until(loop, &done, 2);
  check_result(all[1].result, ROUSE_ECANCELED);

  check_result(rouse_tcp_receive_start(&all[2].io, ends[0], buffer, sizeof buffer,
                                       rouse_deadline_in_ns(MILLISECOND)),
               ROUSE_PENDING);
  test_loop_run_until(loop, &done, 3);
  check_result(all[2].result, ROUSE_ETIMEDOUT);
  check_result(all[2].reported, ROUSE_ETIMEDOUT);
  test_loop_destroy(loop);
  close(ends[0]);
  close(ends[1]);
  free(all);
}

static void a_send_into_a_full_nonblocking_socket_waits_for_room(void **state) {
  (void)state;
  int ends[2], done = 0;
  static char block[65536];
  check_system(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
  while (write(ends[0], block, sizeof block) > 0) continue;
  rouse_loop *loop = ring_of(4);
  test_io *io = operations(loop, 1, &done);
  check_result(rouse_tcp_send_start(&io->io, ends[0], block, 100, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_settle(loop);
  sleep_shortly(loop);
  check_equal(done, 0);
  while (read(ends[1], block, sizeof block) > 0) continue;
  test_loop_run_until(loop, &done, 1);
  check_equal(io->result, 100);
  test_loop_destroy(loop);
  close(ends[0]);
  close(ends[1]);
  free(io);
}

static void connections_of_nonblocking_sockets_are_made_and_refused(void **state) {
  (void)state;
  int done = 0, listener = (int)check_system(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  int caller = (int)check_system(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  int late = (int)check_system(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  check_system(bind(listener, (struct sockaddr *)&address, size));
  check_system(listen(listener, 4));
  check_system(getsockname(listener, (struct sockaddr *)&address, &size));
  rouse_loop *loop = ring_of(4);
  test_io *all = operations(loop, 3, &done);
  check_result(rouse_tcp_accept_start(&all[0].io, listener, ROUSE_FOREVER), ROUSE_PENDING);
  test_loop_settle(loop);
  check_equal(done, 0);
  check_result(
      rouse_tcp_connect_start(&all[1].io, caller, (struct sockaddr *)&address, size, ROUSE_FOREVER),
      ROUSE_PENDING);
  test_loop_run_until(loop, &done, 2);
  check(all[0].result >= 0);
  check_result(all[1].result, ROUSE_DONE);
  close((int)all[0].result);
  close(listener);
  check_result(
      rouse_tcp_connect_start(&all[2].io, late, (struct sockaddr *)&address, size, ROUSE_FOREVER),
      ROUSE_PENDING);
  test_loop_run_until(loop, &done, 3);
  check_result(all[2].result, ROUSE_ECONNREFUSED);
  test_loop_destroy(loop);
  close(caller);
  close(late);
  free(all);
}

// --- sizes ---------------------------------------------------------------------------------------

static void transfers_are_cut_to_a_gibibyte(void **state) {
  (void)state;
  int done = 0, fd = silent_fd();
  rouse_loop *loop = ring_of(4);
  test_io *io = operations(loop, 1, &done);
  // All of the gibibyte must be a place that a process can have.
  const size_t room = (size_t)1 << 30;
  uint64_t *number =
      mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(number != MAP_FAILED);
  write_one(fd);
  check_result(
      rouse_file_read_start(&io->io, fd, number, SIZE_MAX, ROUSE_OFFSET_CURRENT, ROUSE_FOREVER),
      ROUSE_PENDING);
  check_equal(io->io.length, 1 << 30);
  test_loop_run_until(loop, &done, 1);
  check_equal(io->result, sizeof *number);
  check_equal(*number, 1);
  munmap(number, room);
  test_loop_destroy(loop);
  close(fd);
  free(io);
}

int main(void) {
  rouse_loop *loop = NULL;
  before_each(NULL);
  int refused = try_ring(0, &loop);
  if (refused) test_skip("io_uring is refused here: %s", rouse_error_message(refused));
  test_loop_destroy(loop);
  check_result(rouse_probe_run(&probe), ROUSE_DONE);
#define CLAIM(name) cmocka_unit_test_setup(name, before_each)
  const struct CMUnitTest claims[] = {
      CLAIM(thousands_of_operations_pass_a_ring_of_four_entries),
      CLAIM(completions_that_overflow_the_queue_all_arrive),
      CLAIM(cancel_that_misses_is_made_again),
      CLAIM(a_loop_that_never_sleeps_sees_what_is_done),
      CLAIM(a_storm_of_cancels_on_a_full_ring_ends_each_operation_once),
      CLAIM(cancels_from_another_thread_end_each_operation_once),
      CLAIM(a_kernel_that_takes_entries_only_now_and_then_loses_none),
      CLAIM(operations_that_the_kernel_did_not_take_start_in_order),
      CLAIM(a_cancel_that_had_to_wait_does_not_hit_a_later_operation),
      CLAIM(operations_cancelled_before_the_kernel_took_them_end_at_once),
      CLAIM(a_completion_that_the_kernel_dropped_ends_the_run),
      CLAIM(a_refused_ring_is_reported_when_it_was_named_and_replaced_when_not),
      CLAIM(words_that_are_unknown_are_refused),
      CLAIM(no_descriptors_left_is_reported_and_leaks_none),
      CLAIM(descriptors_close_on_exec),
      CLAIM(ring_sizes_are_cut_to_what_a_ring_can_have),
      CLAIM(a_loop_works_without_each_thing_that_older_kernels_lack),
      CLAIM(without_an_eventfd_another_doorbell_is_taken),
      CLAIM(each_doorbell_wakes_a_loop_that_sleeps),
      CLAIM(a_loop_may_be_destroyed_while_its_ringer_returns),
      CLAIM(destroyed_loops_swallow_no_rings),
      CLAIM(a_futex_bell_armed_before_the_first_thread_is_heard),
      CLAIM(a_look_at_an_idle_ring_makes_no_system_call),
      CLAIM(a_batch_is_handed_over_by_one_system_call),
      CLAIM(a_sleep_lasts_until_its_deadline_and_no_longer),
      CLAIM(a_signal_is_no_failure_of_a_sleep),
      CLAIM(errno_stays_as_it_was),
      CLAIM(operations_on_a_nonblocking_socket_wait),
      CLAIM(a_send_into_a_full_nonblocking_socket_waits_for_room),
      CLAIM(connections_of_nonblocking_sockets_are_made_and_refused),
      CLAIM(transfers_are_cut_to_a_gibibyte),
  };
  return cmocka_run_group_tests(claims, NULL, NULL);
}
#endif
