// Streams on every backend under what spoils them: parts instead of wholes, signals that interrupt,
// readiness that somebody else has used up, peers that finish or vanish half-way.
#define _GNU_SOURCE
#include "sockets.h"
// The sockets' headers come first.
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#ifndef _WIN32
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#endif

#include "../support/conformance.h"

enum { BULK = 1 << 20 };

static unsigned char byte_at(size_t i) { return (unsigned char)(i * 31 + (i >> 9)); }

// --- parts ---------------------------------------------------------------------------------------

typedef struct transfer {
  rouse_fd out, in;
  bool file;  // by the operations of file.h
  size_t size;
} transfer;

static void check_moved(int64_t moved, size_t most) {
  if (moved <= 0) check_result(moved, 1);  // which says what it was
  check((size_t)moved <= most);
}

static int64_t move_out(const transfer *self, const unsigned char *bytes, size_t size) {
  if (self->file) return rouse_file_write(self->out, bytes, size, ROUSE_OFFSET_CURRENT);
  return rouse_tcp_send(self->out, bytes, size, ROUSE_FOREVER);
}

static int64_t send_in_parts(void *argument) {
  const transfer *self = argument;
  unsigned char *bytes = malloc(self->size);
  check(bytes);
  for (size_t i = 0; i < self->size; i++) bytes[i] = byte_at(i);
  random_source random = random_from(41);
  size_t done = 0;
  while (done < self->size) {
    size_t part = 1 + random_below(&random, 300000);
    if (part > self->size - done) part = self->size - done;
    int64_t moved = move_out(self, bytes + done, part);
    check_moved(moved, part);
    done += (size_t)moved;
    watchdog_progress();
  }
  free(bytes);
  return 0;
}

static void receive_in_parts(const transfer *self) {
  static unsigned char bytes[50000];
  random_source random = random_from(43);
  size_t done = 0;
  while (done < self->size) {
    size_t room = 1 + random_below(&random, sizeof bytes);
    int64_t moved = self->file ? rouse_file_read(self->in, bytes, room, ROUSE_OFFSET_CURRENT)
                               : rouse_tcp_receive(self->in, bytes, room, ROUSE_FOREVER);
    check_moved(moved, room < self->size - done ? room : self->size - done);
    for (size_t i = 0; i < (size_t)moved; i++) check_equal(bytes[i], byte_at(done + i));
    done += (size_t)moved;
    if (random_one_in(&random, 10)) check_result(rouse_task_sleep_ns(50 * MICROSECOND), ROUSE_DONE);
    watchdog_progress();
  }
}

// So that sends meet a full socket; the receiver keeps its room, or the connection crawls.
static void shrink_room_to_send(rouse_fd fd) {
  check_result(rouse_socket_set(fd, ROUSE_SOCKET_SEND_BUFFER, 4096), ROUSE_DONE);
}

static int64_t through_tcp(void *argument) {
  (void)argument;
  tcp_pair pair = tcp_pair_make();
  shrink_room_to_send(pair.client);
  transfer self = {pair.client, pair.server, false, (size_t)test_scaled(BULK)};
  rouse_task *sender = test_spawn(rouse_run_loop(1), send_in_parts, &self);
  receive_in_parts(&self);
  test_join(sender);
  tcp_pair_close(&pair);
  return 0;
}

static int64_t through_a_pipe(void *argument) {
  (void)argument;
  rouse_fd ends[2];
  test_pipe(ends);
  transfer self = {ends[1], ends[0], true, (size_t)test_scaled(BULK)};
  rouse_task *writer = test_spawn(rouse_run_loop(1), send_in_parts, &self);
  receive_in_parts(&self);
  test_join(writer);
  test_close(ends[0]);
  test_close(ends[1]);
  return 0;
}

static void run_on_one_and_two_loops(rouse_task_fn *function) {
  watchdog_start();
  for (uint32_t loops = 1; loops <= 2; loops++) test_run(loops, function, NULL);
  watchdog_stop();
}

static void parts_of_a_connection_add_up(void **state) {
  (void)state;
  run_on_one_and_two_loops(through_tcp);
}

static void parts_of_a_pipe_add_up(void **state) {
  (void)state;
  run_on_one_and_two_loops(through_a_pipe);
}

// --- while signals interrupt ---------------------------------------------------------------------

#ifndef _WIN32

static int signals;
static void count_signal(int number) {
  (void)number;
  __atomic_add_fetch(&signals, 1, __ATOMIC_RELAXED);
}

// Without SA_RESTART: every system call that can be interrupted is.
static void under_a_storm_of_signals(rouse_task_fn *function) {
  const struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
  struct sigaction action = {.sa_handler = count_signal}, before;
  check_system(sigaction(SIGALRM, &action, &before));
  check_system(setitimer(ITIMER_REAL, &often, NULL));
  run_on_one_and_two_loops(function);
  check_system(setitimer(ITIMER_REAL, &never, NULL));
  check_system(sigaction(SIGALRM, &before, NULL));
}

static void parts_of_a_connection_add_up_under_a_storm_of_signals(void **state) {
  (void)state;
  under_a_storm_of_signals(through_tcp);
}

static void parts_of_a_pipe_add_up_under_a_storm_of_signals(void **state) {
  (void)state;
  under_a_storm_of_signals(through_a_pipe);
}

static int64_t sync_and_open(void *argument) {
  const rouse_fd fd = *(const rouse_fd *)argument;
  for (int i = 0; i < 4; i++) {
    check_result(rouse_file_sync(fd, false), ROUSE_DONE);
    rouse_fd opened = rouse_file_open(ROUSE_FD_CWD, "/dev/null", O_RDONLY, 0);
    check_moved(opened, INT_MAX);
    check_result(rouse_file_close(opened), ROUSE_DONE);
    watchdog_progress();
  }
  return 0;
}

// Many at once, so that a system which makes them by threads needs more of these, again and again.
static int64_t through_workers(void *argument) {
  (void)argument;
  enum { TASKS = 64 };
  rouse_task *tasks[TASKS];
  rouse_fd file = test_file_unnamed();
  for (int round = 0; round < test_scaled(20); round++) {
    for (uint32_t i = 0; i < TASKS; i++) {
      tasks[i] = test_spawn(rouse_run_loop(i % rouse_run_loop_count()), sync_and_open, &file);
    }
    for (int i = 0; i < TASKS; i++) test_join(tasks[i]);
  }
  test_close(file);
  return 0;
}

static void operations_on_files_are_made_under_a_storm_of_signals(void **state) {
  (void)state;
  under_a_storm_of_signals(through_workers);
}

#endif

// --- readiness that others have used up ----------------------------------------------------------

typedef struct shared_stream {
  rouse_fd fd;
  int64_t taken;
} shared_stream;

static int64_t take_until_the_end(void *argument) {
  shared_stream *self = argument;
  char byte;
  int64_t got;
  while ((got = rouse_tcp_receive(self->fd, &byte, 1, ROUSE_FOREVER)) > 0) self->taken += got;
  check_result(got, 0);
  return 0;
}

// Readers on two loops share one stream: each byte makes both ready, and one of them comes in vain.
static int64_t share_a_stream(void *argument) {
  (void)argument;
  enum { READERS = 4, BYTES = 2000 };
  tcp_pair pair = tcp_pair_make();
  shared_stream readers[READERS];
  rouse_task *tasks[READERS];
  for (int i = 0; i < READERS; i++) {
    readers[i] = (shared_stream){.fd = i % 2 ? test_duplicate(pair.server) : pair.server};
    tasks[i] = test_spawn(rouse_run_loop((uint32_t)i % 2), take_until_the_end, &readers[i]);
  }
  const int64_t bytes = test_scaled(BYTES);
  for (int64_t i = 0; i < bytes; i++) {
    check_equal(rouse_tcp_send(pair.client, "x", 1, ROUSE_FOREVER), 1);
    if (i % 50 == 0) check_result(rouse_task_sleep_ns(100 * MICROSECOND), ROUSE_DONE);
    watchdog_progress();
  }
  check_result(rouse_tcp_shutdown(pair.client, SHUT_WR), ROUSE_DONE);
  int64_t taken = 0;
  for (int i = 0; i < READERS; i++) {
    test_join(tasks[i]);
    taken += readers[i].taken;
    if (i % 2) test_close(readers[i].fd);
  }
  check_equal(taken, bytes);
  tcp_pair_close(&pair);
  return 0;
}

static void readers_of_one_stream_on_two_loops_get_each_byte_once(void **state) {
  (void)state;
  watchdog_start();
  test_run(2, share_a_stream, NULL);
  watchdog_stop();
}

// --- ends ----------------------------------------------------------------------------------------

static int64_t receive_some(void *argument) {
  char bytes[64];
  return rouse_tcp_receive(*(rouse_fd *)argument, bytes, sizeof bytes, ROUSE_FOREVER);
}

static int64_t half_close_while_one_waits(void *argument) {
  (void)argument;
  tcp_pair pair = tcp_pair_make();
  rouse_task *task = test_spawn(NULL, receive_some, &pair.server);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check_result(rouse_tcp_shutdown(pair.client, SHUT_WR), ROUSE_DONE);
  check_equal(test_join(task), 0);
  int events = rouse_fd_poll(pair.server, POLLIN | POLLED_END, ROUSE_FOREVER);
  check(events > 0 && (events & POLLED_END));
  // The other way still carries any amount, in parts.
  shrink_room_to_send(pair.server);
  transfer self = {pair.server, pair.client, false, 200000};
  task = test_spawn(NULL, send_in_parts, &self);
  receive_in_parts(&self);
  test_join(task);
  check_equal(receive_some(&pair.server), 0);  // the end is told each time
  tcp_pair_close(&pair);
  return 0;
}

static void half_close_ends_a_waiting_receive_and_nothing_else(void **state) {
  (void)state;
  test_run(1, half_close_while_one_waits, NULL);
}

static int64_t send_much(void *argument) {
  static char bytes[64 << 20];  // more than any socket holds
  return rouse_tcp_send_all(*(rouse_fd *)argument, bytes, sizeof bytes, ROUSE_FOREVER);
}

static int64_t vanish_half_way(void *argument) {
  (void)argument;
  tcp_pair pair = tcp_pair_make();
  rouse_task *task = test_spawn(NULL, send_much, &pair.client);
  check(receive_some(&pair.server) > 0);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);  // the sender waits for room
  check_result(rouse_file_close(pair.server), ROUSE_DONE);     // unread bytes: a reset
  pair.server = -1;
  int64_t result = test_join(task);
  check(result == ROUSE_ECONNRESET || result == ROUSE_EPIPE);
  check_result(rouse_tcp_send(pair.client, "x", 1, ROUSE_FOREVER), ROUSE_EPIPE);
  tcp_pair_close(&pair);
  return 0;
}

static void peer_that_vanishes_ends_a_send_that_waits(void **state) {
  (void)state;
  test_run(1, vanish_half_way, NULL);
}

static int64_t read_some(void *argument) {
  char bytes[64];
  return rouse_file_read(*(rouse_fd *)argument, bytes, sizeof bytes, ROUSE_OFFSET_CURRENT);
}

static int64_t end_of_a_pipe(void *argument) {
  (void)argument;
  rouse_fd ends[2];
  test_pipe(ends);
  rouse_task *task = test_spawn(NULL, read_some, &ends[0]);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check_equal(rouse_file_write(ends[1], "last", 4, ROUSE_OFFSET_CURRENT), 4);
  check_equal(test_join(task), 4);
  task = test_spawn(NULL, read_some, &ends[0]);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  test_close(ends[1]);
  check_equal(test_join(task), 0);
  check_equal(read_some(&ends[0]), 0);
  test_close(ends[0]);
  return 0;
}

static void writer_of_a_pipe_that_goes_ends_a_waiting_read(void **state) {
  (void)state;
  test_run(1, end_of_a_pipe, NULL);
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parts_of_a_connection_add_up),
      cmocka_unit_test(parts_of_a_pipe_add_up),
#ifndef _WIN32
      cmocka_unit_test(parts_of_a_connection_add_up_under_a_storm_of_signals),
      cmocka_unit_test(parts_of_a_pipe_add_up_under_a_storm_of_signals),
      cmocka_unit_test(operations_on_files_are_made_under_a_storm_of_signals),
#endif
      cmocka_unit_test(readers_of_one_stream_on_two_loops_get_each_byte_once),
      cmocka_unit_test(half_close_ends_a_waiting_receive_and_nothing_else),
      cmocka_unit_test(peer_that_vanishes_ends_a_send_that_waits),
      cmocka_unit_test(writer_of_a_pipe_that_goes_ends_a_waiting_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
