// The backends "epoll" and "poll": pipes, terminals, devices and files, their doorbells, and what
// is left when the system lacks a call. See poll_test.c for the rest.
#define _GNU_SOURCE
#include "poll_support.h"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "backend/poll/poller.h"
#include "runtime/pool.h"

// The wrapper that refuses system calls, for its filter.
#define main refuse_main
#include "../support/refuse.c"
#undef main

// --- pipes ---------------------------------------------------------------------------------------

enum { STREAM = 300000 };

static unsigned char pattern(int64_t at) { return (unsigned char)(at * 7 + at / 251); }

// Writes STREAM bytes, in pieces that are larger than a pipe has room for.
static int64_t write_stream(void *argument) {
  int fd = *(int *)argument;
  static unsigned char bytes[STREAM];
  for (int i = 0; i < STREAM; i++) bytes[i] = pattern(i);
  int64_t done = 0;
  while (done < STREAM) {
    int64_t part =
        rouse_file_write(fd, bytes + done, (size_t)(STREAM - done), ROUSE_OFFSET_CURRENT);
    check(part > 0);
    done += part;
  }
  check_result(rouse_file_close(fd), ROUSE_DONE);
  return 0;
}

static bool calls_refused;  // those that can be asked not to wait

static int64_t stream_through_pipe(void *argument) {
  const int pipe_flags = *(int *)argument;
  int ends[2];
  check_system(pipe2(ends, O_CLOEXEC | pipe_flags));
  rouse_task *writer = test_spawn(NULL, write_stream, &ends[1]);
  int64_t done = 0;
  for (;;) {
    unsigned char bytes[1000];
    // An offset means nothing to a pipe.
    int64_t part = rouse_file_read(ends[0], bytes, sizeof bytes, done % 2 ? 17 : UINT64_MAX);
    check(part >= 0);
    if (part == 0) break;
    for (int i = 0; i < part; i++) check_equal(bytes[i], pattern(done + i));
    done += part;
    check_equal(flags_of(ends[0]) & O_NONBLOCK, pipe_flags);
  }
  check_equal(done, STREAM);
  test_join(writer);
  rouse_loop_stats stats;
  rouse_run_stats_read(&stats);
  if (calls_refused && !pipe_flags) check(stats.blocking_calls > STREAM / 4096);
  close(ends[0]);
  return 0;
}

static void writer_and_reader_of_a_pipe_share_a_loop(void **state) {
  for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
    int flags = nonblocking ? O_NONBLOCK : 0;
    run_on(backend_of(state), 1, stream_through_pipe, &flags);
  }
}

static void read_of_an_empty_pipe_can_be_cancelled(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int ends[2];
  op self;
  check_system(pipe2(ends, O_CLOEXEC));
  op_init(&self);
  check_result(rouse_file_read_start(&self.io, ends[0], self.bytes, 8, 0, ROUSE_FOREVER),
               ROUSE_PENDING);
  op_still_waits(loop, &self);
  rouse_wait_cancel(&self.io.wait);
  op_await(loop, &self, ROUSE_ECANCELED);
  op_init(&self);
  check_result(rouse_file_read_start(&self.io, ends[0], self.bytes, 8, 0,
                                     rouse_deadline_in_ns(5 * MILLISECOND)),
               ROUSE_PENDING);
  op_await(loop, &self, ROUSE_ETIMEDOUT);
  put(ends[1], "abc");  // nobody has taken a part of it
  op_init(&self);
  check_result(rouse_file_read_start(&self.io, ends[0], self.bytes, 8, 0, ROUSE_FOREVER),
               ROUSE_PENDING);
  op_await(loop, &self, 3);
  check(!memcmp(self.bytes, "abc", 3));
  close(ends[0]), close(ends[1]);
  test_loop_destroy(loop);
}

static void read_and_write_work_on_sockets(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int ends[2];
  op reader, writer;
  make_pair(ends);
  op_init(&reader), op_init(&writer);
  check_result(rouse_file_read_start(&reader.io, ends[0], reader.bytes, 8, 5, ROUSE_FOREVER),
               ROUSE_PENDING);
  op_still_waits(loop, &reader);
  check_result(rouse_file_write_start(&writer.io, ends[1], "xyz", 3, 5, ROUSE_FOREVER),
               ROUSE_PENDING);
  op_await(loop, &writer, 3);
  op_await(loop, &reader, 3);
  check(!memcmp(reader.bytes, "xyz", 3));
  check_equal(flags_of(ends[0]) & O_NONBLOCK, 0);
  close(ends[0]);
  op_init(&writer);  // the peer is gone: no signal
  check_result(rouse_file_write_start(&writer.io, ends[1], "xyz", 3, 5, ROUSE_FOREVER),
               ROUSE_PENDING);
  op_await(loop, &writer, ROUSE_EPIPE);
  close(ends[1]);
  test_loop_destroy(loop);
}

// --- devices -------------------------------------------------------------------------------------

static void terminal_is_waited_for_and_can_be_cancelled(void **state) {
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  check_system(master);
  check_system(grantpt(master));
  check_system(unlockpt(master));
  int terminal = (int)check_system(open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC));
  rouse_loop *loop = loop_on(backend_of(state));
  op self;
  op_init(&self);
  check_result(rouse_file_read_start(&self.io, terminal, self.bytes, 8, UINT64_MAX, ROUSE_FOREVER),
               ROUSE_PENDING);
  op_still_waits(loop, &self);
  rouse_wait_cancel(&self.io.wait);
  op_await(loop, &self, ROUSE_ECANCELED);
  op_init(&self);
  check_result(rouse_file_read_start(&self.io, terminal, self.bytes, 8, UINT64_MAX, ROUSE_FOREVER),
               ROUSE_PENDING);
  put(master, "hal");
  op_still_waits(loop, &self);  // no line yet
  put(master, "lo\n");
  op_await(loop, &self, 6);
  check(!memcmp(self.bytes, "hallo\n", 6));
  op_init(&self);
  check_result(rouse_file_write_start(&self.io, terminal, "ok", 2, UINT64_MAX, ROUSE_FOREVER),
               ROUSE_PENDING);
  op_await(loop, &self, 2);
  check_equal(flags_of(terminal) & O_NONBLOCK, 0);
  close(terminal), close(master);
  test_loop_destroy(loop);
}

static void read_one_start(op *self, int fd, size_t size) {
  op_init(self);
  check_result(rouse_file_read_start(&self->io, fd, self->bytes, size, UINT64_MAX, ROUSE_FOREVER),
               ROUSE_PENDING);
}

static void devices_without_readiness_are_read_and_written(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  op self;
  const char *const sources[] = {"/dev/zero", "/dev/urandom"};
  for (int i = 0; i < 2; i++) {
    int fd = (int)check_system(open(sources[i], O_RDONLY | O_CLOEXEC));
    read_one_start(&self, fd, 8);
    op_await(loop, &self, 8);
    close(fd);
  }
  int fd = (int)check_system(open("/dev/null", O_RDWR | O_CLOEXEC));
  read_one_start(&self, fd, 8);
  op_await(loop, &self, 0);
  op_init(&self);
  check_result(rouse_file_write_start(&self.io, fd, "12345", 5, UINT64_MAX, ROUSE_FOREVER),
               ROUSE_PENDING);
  op_await(loop, &self, 5);
  close(fd);
  fd = (int)check_system(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  read_one_start(&self, fd, 8);
  op_await(loop, &self, ROUSE_EISDIR);
  close(fd);
  read_one_start(&self, fd, 8);
  op_await(loop, &self, ROUSE_EBADF);
  test_loop_destroy(loop);
}

static void event_descriptor_without_a_type_is_waited_for(void **state) {
  rouse_loop *loop = loop_on(backend_of(state));
  int fd = (int)check_system(eventfd(0, EFD_CLOEXEC));
  op self;
  read_one_start(&self, fd, 8);
  op_still_waits(loop, &self);
  uint64_t count = 7;
  check_equal(write(fd, &count, sizeof count), 8);
  op_await(loop, &self, 8);
  memcpy(&count, self.bytes, 8);
  check_equal(count, 7);
  close(fd);
  test_loop_destroy(loop);
}

// --- the pool ------------------------------------------------------------------------------------

// Until a thread of the pool has taken |self| on: till then a cancel would take it back.
static void await_thread_in(rouse_loop *loop, const op *self) {
  const struct rouse__work *work = (const struct rouse__work *)(const void *)self->io.backend;
  while (!(__atomic_load_n(&work->what.raw, __ATOMIC_ACQUIRE) & 7)) {
    check(rouse_loop_run_once(loop, rouse_deadline_in_ns(MILLISECOND)) >= 0);
  }
}

// The opening of a pipe that has a name waits, on its thread of the pool, for somebody to open the
// other end.
static void file_operation_that_has_not_begun_ends_at_its_deadline(void **state) {
  const rouse_loop_options options = {.backend = backend_of(state), .blocking_threads = 1};
  rouse_loop *loop = NULL;
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  char directory[200], path[220];
  test_directory_make(directory, sizeof directory);
  snprintf(path, sizeof path, "%s/fifo", directory);
  check_system(mkfifo(path, 0600));
  int zero = (int)check_system(open("/bin/sh", O_RDONLY | O_CLOEXEC));
  op opener, late, cancelled, waiting;
  op_init(&opener), op_init(&late), op_init(&cancelled), op_init(&waiting);
  check_result(rouse_file_open_start(&opener.io, ROUSE_FD_CWD, path, O_RDONLY, 0, ROUSE_FOREVER),
               ROUSE_PENDING);
  await_thread_in(loop, &opener);
  op_still_waits(loop, &opener);
  check_result(rouse_file_read_start(&late.io, zero, late.bytes, 8, 0,
                                     rouse_deadline_in_ns(5 * MILLISECOND)),
               ROUSE_PENDING);
  check_result(rouse_file_read_start(&cancelled.io, zero, cancelled.bytes, 8, 0, ROUSE_FOREVER),
               ROUSE_PENDING);
  check_result(rouse_file_read_start(&waiting.io, zero, waiting.bytes, 8, 0, ROUSE_FOREVER),
               ROUSE_PENDING);
  op_await(loop, &late, ROUSE_ETIMEDOUT);
  rouse_wait_cancel(&cancelled.io.wait);
  check_equal(cancelled.completed, 0);
  op_await(loop, &cancelled, ROUSE_ECANCELED);
  rouse_wait_cancel(&opener.io.wait);  // it runs: only a writer ends it
  op_still_waits(loop, &opener);
  check_equal(waiting.completed, 0);
  int writer = (int)check_system(open(path, O_WRONLY | O_CLOEXEC));
  op_await(loop, &waiting, 8);
  test_loop_run_until(loop, &opener.completed, 1);
  check(opener.result >= 0);  // the descriptor is there: a cancel does not lose it
  close(opener.result), close(writer), close(zero);
  test_directory_remove(directory);
  test_loop_destroy(loop);
}

// --- the doorbell, and no system calls -----------------------------------------------------------

typedef struct ringer {
  rouse_loop *loop;
  int rounds;
  test_flag arrived;
  rouse_wait mail;
} ringer;

static void mail_arrived(rouse_wait *wait, int result) {
  check_result(result, ROUSE_DONE);
  test_flag_set(&((ringer *)((char *)wait - offsetof(ringer, mail)))->arrived);
}

static void ring_often(void *argument) {
  ringer *self = argument;
  for (int i = 0; i < self->rounds; i++) {
    rouse_loop_post(self->loop, &self->mail, mail_arrived);
    test_flag_await(&self->arrived, (uint32_t)i + 1);
    watchdog_progress();
  }
}

// A loop that never watches before it sleeps is rung for almost every mail.
static void ring_from_three_threads(const char *backend, const char *doorbell) {
  enum { RINGERS = 3 };
  const rouse_loop_options options = {.backend = backend, .spin_ns = -1};
  rouse_loop *loop = NULL;
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  check_string(rouse_loop_doorbell(loop), doorbell);
  ringer ringers[RINGERS];
  test_thread threads[RINGERS];
  watchdog_start();
  for (int i = 0; i < RINGERS; i++) {
    ringers[i] = (ringer){.loop = loop, .rounds = test_scaled(2000)};
    test_thread_start(&threads[i], ring_often, &ringers[i]);
  }
  for (int i = 0; i < RINGERS; i++) {
    while (test_flag_read(&ringers[i].arrived) < (uint32_t)ringers[i].rounds) {
      check(rouse_loop_run_once(loop, ROUSE_FOREVER) >= 0);
    }
  }
  rouse_loop_stats stats;
  rouse_loop_stats_read(loop, &stats);
  check(stats.sleeps > 0);
  test_loop_destroy(loop);  // hears all bells that it is owed, or hangs
  for (int i = 0; i < RINGERS; i++) test_thread_join(&threads[i]);
  watchdog_stop();
}

static void every_bell_is_heard(void **state) {
  ring_from_three_threads(backend_of(state), "eventfd");
}

// The descriptor of this process that is an epoll set.
static int epoll_descriptor(void) {
  for (int fd = 0; fd < 1000; fd++) {
    char path[64], target[64] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (readlink(path, target, sizeof target - 1) < 0) continue;
    if (strstr(target, "[eventpoll]")) return fd;
  }
  return -1;
}

static void idle_look_makes_no_system_call_and_a_failed_set_ends_the_run(void **state) {
  (void)state;
  rouse_loop *loop = loop_on("epoll");
  int fd = epoll_descriptor();
  check(fd >= 0);
  close(fd);  // from here on every wait fails
  for (int i = 0; i < 10; i++) check_equal(rouse_loop_run_once(loop, 0), 0);
  check_result(rouse_loop_run_once(loop, rouse_deadline_in_ns(SECOND)), ROUSE_EBADF);
  test_loop_destroy(loop);
}

// --- systems that lack a call --------------------------------------------------------------------

// Refuses |numbers| for the rest of this process. False: this system has no filters.
static bool refuse_calls(int error, const int *numbers, int count) {
  return install(numbers, count, error) == 0;
}

typedef struct lack {
  const char *backend;
  int error, numbers[4], count;
  void (*test)(const struct lack *);
} lack;

enum { NO_FILTERS = 99 };

static void run_without(void *argument) {
  const lack *self = argument;
  if (!refuse_calls(self->error, self->numbers, self->count)) _exit(NO_FILTERS);
  self->test(self);
}

static void in_a_system_without(lack *self) {
  char output[2000];
  int status = test_in_child(run_without, self, output, sizeof output);
  if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTERS) {
    print_message("SKIP: system calls can't be filtered here\n");
    skip();
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status)) {
    fprintf(stderr, "%s", output);
    check_failed(__FILE__, __LINE__, "is not so: it works without the call");
  }
}

// On one thread: a write that waited for the reader would have the thread that the reader needs.
static void stream(const lack *self) {
  calls_refused = true;
  const rouse_run_options options = {.loop = {.backend = self->backend, .blocking_threads = 1}};
  for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
    int flags = nonblocking ? O_NONBLOCK : 0;
    test_run_options(&options, stream_through_pipe, &flags);
  }
}

static void pipes_work_without_calls_that_do_not_wait(void **state) {
  lack self = {backend_of(state), EOPNOTSUPP, {SYS_preadv2, SYS_pwritev2}, 2, stream};
  in_a_system_without(&self);
  self.error = ENOSYS;
  in_a_system_without(&self);
}

static void cancel_reads(const lack *self) {
  void *state = (void *)(uintptr_t)self->backend;
  read_of_an_empty_pipe_can_be_cancelled(&state);
}

static void reads_are_cancelled_without_calls_that_do_not_wait(void **state) {
  lack self = {backend_of(state), ENOSYS, {SYS_preadv2, SYS_pwritev2}, 2, cancel_reads};
  in_a_system_without(&self);
}

static void count_rings(const char *name) {
  struct rouse__bell bell;
  check_result(rouse__bell_open(&bell), ROUSE_DONE);
  check_string(bell.name, name);
  check_equal(rouse__bell_hear(&bell), 0);
  for (uint64_t rings = 1; rings < 50; rings += 7) {
    for (uint64_t i = 0; i < rings; i++) rouse__bell_ring(&bell, NULL);
    check_equal(rouse__bell_hear(&bell), rings);
    check_equal(rouse__bell_hear(&bell), 0);
  }
  rouse__bell_close(&bell);
}

static void bell_counts_its_rings(void **state) {
  (void)state;
  count_rings("eventfd");
}

static void ring_a_pipe(const lack *self) {
  count_rings("pipe");
  ring_from_three_threads(self->backend, "pipe");
}

static void doorbell_is_a_pipe_where_there_is_no_eventfd(void **state) {
  lack self = {backend_of(state), ENOSYS, {SYS_eventfd2}, 1, ring_a_pipe};
  in_a_system_without(&self);
}

static void sleep_to_deadlines(const lack *self) {
  rouse_loop *loop = loop_on(self->backend);
  for (int i = 0; i < 40; i++) {
    test_wait wait;
    test_wait_init(&wait, NULL, NULL);
    int64_t deadline_ns = rouse_deadline_in_ns(i * 100 * MICROSECOND);
    check_result(rouse_wait_timer_start(&wait.wait, deadline_ns), ROUSE_PENDING);
    test_loop_run_until(loop, &wait.completed, 1);
    check_result(wait.result, ROUSE_ETIMEDOUT);
    check(rouse_now_ns() >= deadline_ns);
  }
  rouse_loop_stats stats;
  rouse_loop_stats_read(loop, &stats);
  check(stats.sleeps < 200);  // rounded up: it does not go around until the millisecond is over
  test_loop_destroy(loop);
}

static void deadlines_are_kept_without_a_sleep_in_nanoseconds(void **state) {
  lack self = {backend_of(state), ENOSYS, {EPOLL_PWAIT2}, 1, sleep_to_deadlines};
  in_a_system_without(&self);
  self.error = EPERM;
  in_a_system_without(&self);
}

static bool probed(const rouse_probe *probe, const char *feature) {
  for (uint32_t i = 0; i < probe->feature_count; i++) {
    const rouse_probe_feature *found = &probe->features[i];
    if (!strcmp(found->backend, "epoll") && !strcmp(found->name, feature)) return found->available;
  }
  check_failed(__FILE__, __LINE__, "is not so: the probe tells of the feature");
}

static void probe_without(const lack *self) {
  (void)self;
  rouse_probe probe;
  check_result(rouse_probe_run(&probe), ROUSE_DONE);
  check(!probed(&probe, "pipe_nowait"));
  check(!probed(&probe, "epoll_pwait2"));
}

static void probe_tells_what_the_system_lacks(void **state) {
  (void)state;
  lack self = {NULL, ENOSYS, {SYS_preadv2, EPOLL_PWAIT2}, 2, probe_without};
  in_a_system_without(&self);
}

static void no_epoll(const lack *self) {
  const rouse_loop_options named = {.backend = "epoll"};
  rouse_loop *loop = NULL;
  check_result(rouse_loop_create(&named, &loop), rouse_error_from_system(self->error));
  check(!loop);
  unsetenv("ROUSE_BACKEND");
  check_result(rouse_loop_create(NULL, &loop), ROUSE_DONE);
  check_string(rouse_loop_backend(loop), "poll");
  test_loop_destroy(loop);
}

static void poll_is_chosen_where_nothing_else_is_left(void **state) {
  (void)state;
  lack self = {NULL, ENOSYS, {IO_URING_SETUP, SYS_epoll_create1}, 2, no_epoll};
  in_a_system_without(&self);
  self.error = EPERM;
  in_a_system_without(&self);
}

static void no_descriptors(void *argument) {
  const rouse_loop_options options = {.backend = argument};
  struct rlimit limit;
  check_system(getrlimit(RLIMIT_NOFILE, &limit));
  rouse_loop *loop = NULL;
  int next = (int)check_system(dup(0));
  close(next);
  for (int spare = 0; spare < 20; spare++) {
    limit.rlim_cur = (rlim_t)(next + spare);
    check_system(setrlimit(RLIMIT_NOFILE, &limit));
    int created = rouse_loop_create(&options, &loop);
    if (created == ROUSE_DONE) break;
    check_result(created, ROUSE_EMFILE);
    if (!spare) continue;
    int again = (int)check_system(dup(0));
    check_equal(again, next);  // nothing was left open
    close(again);
  }
  check(loop);
  test_loop_destroy(loop);
}

static void loop_without_descriptors_is_refused(void **state) {
  test_expect_clean_child(no_descriptors, (void *)(uintptr_t)backend_of(state));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_BOTH(writer_and_reader_of_a_pipe_share_a_loop),
      ON_BOTH(read_of_an_empty_pipe_can_be_cancelled),
      ON_BOTH(read_and_write_work_on_sockets),
      ON_BOTH(terminal_is_waited_for_and_can_be_cancelled),
      ON_BOTH(devices_without_readiness_are_read_and_written),
      ON_BOTH(event_descriptor_without_a_type_is_waited_for),
      ON_BOTH(file_operation_that_has_not_begun_ends_at_its_deadline),
      cmocka_unit_test(bell_counts_its_rings),
      ON_BOTH(every_bell_is_heard),
      cmocka_unit_test(idle_look_makes_no_system_call_and_a_failed_set_ends_the_run),
      ON_BOTH(pipes_work_without_calls_that_do_not_wait),
      ON_BOTH(reads_are_cancelled_without_calls_that_do_not_wait),
      ON_BOTH(doorbell_is_a_pipe_where_there_is_no_eventfd),
      ON_BOTH(deadlines_are_kept_without_a_sleep_in_nanoseconds),
      cmocka_unit_test(probe_tells_what_the_system_lacks),
      cmocka_unit_test(poll_is_chosen_where_nothing_else_is_left),
      ON_BOTH(loop_without_descriptors_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
