// Chains on every backend: each operation only after the success of the one before, and the same
// results, whoever goes from one to the next.
#include "files.h"

#include <stdlib.h>
#include <string.h>

#include "../support/conformance.h"
#include "sockets.h"

static char directory[200];
static rouse_fd dir;

#define CLAIM(name) CONFORMANCE_CLAIM_IN(name, directory, dir)

enum { MOST = 8 };
static rouse_chain chain;
static test_io ios[MOST];
static int order;

static void begin(int count) {
  order = 0;
  rouse_chain_init(&chain);
  for (int i = 0; i < count; i++) test_io_init(&ios[i], rouse_loop_here(), &order);
}

// The next start with it is of the chain.
static rouse_io *add(int index) {
  rouse_chain_add(&chain, &ios[index].io);
  return &ios[index].io;
}

#define ADD(started) check_result(started, ROUSE_PENDING)

static void check_ended(int count) {
  for (int i = 0; i < count; i++) {
    check_equal(ios[i].completed, 1);
    check_equal(ios[i].order, i + 1);
  }
}

static bool exists(const char *name) {
  rouse_fd fd = rouse_file_open(dir, name, O_RDONLY, 0);
  if (fd >= 0) check_result(rouse_file_close(fd), ROUSE_DONE);
  return fd >= 0;
}

CLAIM(what_was_read_is_written) {
  rouse_fd in = file_make(dir, "in", "0123456789"), out = file_make(dir, "out", "");
  char buffer[10];
  begin(3);
  ADD(rouse_file_read_start(add(0), in, buffer, sizeof buffer, 0, ROUSE_FOREVER));
  ADD(rouse_file_write_start(add(1), out, buffer, sizeof buffer, 0, ROUSE_FOREVER));
  ADD(rouse_file_sync_start(add(2), out, true, ROUSE_FOREVER));
  check_equal(rouse_chain_wait(&chain), 3);
  check_ended(3);
  check_equal(ios[0].result, 10);
  check_equal(ios[1].result, 10);
  check_result(ios[2].result, ROUSE_DONE);
  char content[16] = {0};
  check_equal(rouse_file_read(out, content, sizeof content, 0), 10);
  check_string(content, "0123456789");
  check_result(rouse_file_close(in), ROUSE_DONE);
  return rouse_file_close(out);
}

CLAIM(answer_is_sent_when_the_question_has_come) {
  tcp_pair pair = tcp_pair_make();
  char question[16] = {0}, answer[16] = {0};
  begin(2);
  ADD(rouse_tcp_receive_start(add(0), pair.server, question, sizeof question, ROUSE_FOREVER));
  ADD(rouse_tcp_send_start(add(1), pair.server, "answer", 6, ROUSE_FOREVER));
  check_result(rouse_chain_start(&chain), ROUSE_PENDING);
  check_result(rouse_chain_start(&chain), ROUSE_EINVAL);
  check_result(rouse_tcp_receive(pair.client, answer, 6, rouse_deadline_in_ns(2 * MILLISECOND)),
               ROUSE_ETIMEDOUT);
  check_equal(rouse_tcp_send(pair.client, "what?", 5, ROUSE_FOREVER), 5);
  check_equal(rouse_tcp_receive(pair.client, answer, sizeof answer, ROUSE_FOREVER), 6);
  check_string(answer, "answer");
  check_string(question, "what?");
  while (!ios[1].completed) rouse_task_yield();
  check_ended(2);
  check_equal(ios[0].result, 5);  // a short receive is none
  check_equal(ios[1].result, 6);
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(after_a_failure_nothing_is_done) {
  begin(4);
  ADD(rouse_file_mkdir_start(add(0), dir, "a", 0700, ROUSE_FOREVER));
  ADD(rouse_file_unlink_start(add(1), dir, "missing", 0, ROUSE_FOREVER));
  ADD(rouse_file_mkdir_start(add(2), dir, "b", 0700, ROUSE_FOREVER));
  ADD(rouse_file_mkdir_start(add(3), dir, "c", 0700, ROUSE_FOREVER));
  check_equal(rouse_chain_wait(&chain), 1);
  check_ended(4);
  check_result(ios[0].result, ROUSE_DONE);
  check_result(ios[1].result, ROUSE_ENOENT);
  check_result(ios[2].reported, ROUSE_ECANCELED);
  check_result(ios[3].reported, ROUSE_ECANCELED);
  check(exists("a") && !exists("b") && !exists("c"));
  return 0;
}

static rouse_fd bad;

static int start_to_fail(int kind, rouse_io *io) {
  static char byte;
  static const rouse_span span = {&byte, 1};
  switch (kind) {
    case 0:
      return rouse_file_open_start(io, dir, "missing", O_RDONLY, 0, ROUSE_FOREVER);
    case 1:
      return rouse_file_close_start(io, bad);
    case 2:
      return rouse_file_read_start(io, bad, &byte, 1, 0, ROUSE_FOREVER);
    case 3:
      return rouse_file_write_start(io, bad, &byte, 1, 0, ROUSE_FOREVER);
    case 4:
      return rouse_file_read_spans_start(io, bad, &span, 1, 0, ROUSE_FOREVER);
    case 5:
      return rouse_file_write_spans_start(io, bad, &span, 1, 0, ROUSE_FOREVER);
    case 6:
      return rouse_file_sync_start(io, bad, false, ROUSE_FOREVER);
    case 7:
      return rouse_file_allocate_start(io, bad, 0, 0, 1, ROUSE_FOREVER);
    case 8:
      return rouse_file_mkdir_start(io, dir, "missing/a", 0700, ROUSE_FOREVER);
    case 9:
      return rouse_file_rename_start(io, dir, "missing", dir, "a", 0, ROUSE_FOREVER);
    case 10:
      return rouse_file_link_start(io, dir, "missing", dir, "a", 0, ROUSE_FOREVER);
    case 11:
      return rouse_tcp_accept_start(io, bad, ROUSE_FOREVER);
    case 12:
      return rouse_tcp_receive_start(io, bad, &byte, 1, ROUSE_FOREVER);
    case 13:
      return rouse_tcp_send_start(io, bad, &byte, 1, ROUSE_FOREVER);
    case 14:
      return rouse_tcp_receive_spans_start(io, bad, &span, 1, ROUSE_FOREVER);
    case 15:
      return rouse_tcp_send_spans_start(io, bad, &span, 1, ROUSE_FOREVER);
    case 16:
      return rouse_tcp_send_zero_copy_start(io, bad, &byte, 1, ROUSE_FOREVER);
    case 17:
      return rouse_udp_receive_from_start(io, bad, &byte, 1, NULL, NULL, ROUSE_FOREVER);
    case 18:
      return rouse_udp_send_to_start(io, bad, &byte, 1, NULL, 0, ROUSE_FOREVER);
    default:
      return rouse_tcp_shutdown_start(io, bad, SHUT_RDWR);
  }
}

CLAIM(failure_of_every_kind_of_operation_ends_the_chain) {
  rouse_fd fd = file_make(dir, "f", "0"), readable = rouse_file_open(dir, "f", O_RDONLY, 0);
  // No descriptor, and one that can't be written to and is no socket.
  for (int round = 0; round < 40; round++) {
    const int kind = round % 20;
    bool can = kind == 1 || kind == 2 || kind == 4 || kind == 6;
    if (round >= 20 && can) continue;
    bad = round < 20 ? 9999 : readable;
    begin(2);
    ADD(start_to_fail(kind, add(0)));
    ADD(rouse_file_write_start(add(1), fd, "1", 1, 0, ROUSE_FOREVER));
    check_equal(rouse_chain_wait(&chain), 0);
    check(ios[0].result < 0);
    if (ios[1].result != ROUSE_ECANCELED) check_equal(kind, -1);
    char byte = 0;
    check_equal(rouse_file_read(fd, &byte, 1, 0), 1);
    check_equal(byte, '0');
  }
  check_result(rouse_file_close(readable), ROUSE_DONE);
  return rouse_file_close(fd);
}

CLAIM(short_transfer_is_the_last_one) {
  rouse_fd fd = file_make(dir, "f", "0123456789");
  char buffer[100];
  begin(3);
  ADD(rouse_file_read_start(add(0), fd, buffer, 4, 0, ROUSE_FOREVER));
  ADD(rouse_file_read_start(add(1), fd, buffer, sizeof buffer, 0, ROUSE_FOREVER));
  ADD(rouse_file_mkdir_start(add(2), dir, "a", 0700, ROUSE_FOREVER));
  check_equal(rouse_chain_wait(&chain), 1);
  check_ended(3);
  check_equal(ios[0].result, 4);
  check_equal(ios[1].result, 10);
  check_result(ios[2].result, ROUSE_ECANCELED);
  check(!exists("a"));
  return rouse_file_close(fd);
}

static int64_t wait_for_chain(void *argument) { return rouse_chain_wait(argument); }

static void add_waiting(tcp_pair *pair, char *byte, int64_t deadline_ns) {
  begin(3);
  ADD(rouse_file_mkdir_start(add(0), dir, "a", 0700, ROUSE_FOREVER));
  ADD(rouse_tcp_receive_start(add(1), pair->server, byte, 1, ROUSE_FOREVER));
  ADD(rouse_file_mkdir_start(add(2), dir, "b", 0700, deadline_ns));
}

static void check_was_ended(int of_the_last) {
  check_ended(3);
  check_result(ios[0].result, ROUSE_DONE);
  check_result(ios[1].reported, ROUSE_ECANCELED);
  check_result(ios[2].reported, of_the_last);
  check_result(ios[2].result, of_the_last);
  check(!exists("b"));
  check_result(rouse_file_unlink(dir, "a", AT_REMOVEDIR), ROUSE_DONE);
}

CLAIM(cancel_of_any_and_a_deadline_of_any_end_the_chain) {
  tcp_pair pair = tcp_pair_make();
  char byte;
  for (int which = 1; which < 4; which++) {
    add_waiting(&pair, &byte, ROUSE_FOREVER);
    rouse_task *task = test_spawn(NULL, wait_for_chain, &chain);
    do {
      check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
    } while (!ios[0].completed);
    check(!rouse_task_is_done(task));
    if (which == 3) {
      rouse_task_cancel(task);
    } else {
      rouse_wait_cancel(&ios[which].io.wait);
    }
    check_equal(test_join(task), 1);
    check_was_ended(ROUSE_ECANCELED);
  }
  add_waiting(&pair, &byte, rouse_deadline_in_ns(SECOND));
  check_equal(rouse_chain_wait(&chain), 1);
  check_was_ended(ROUSE_ETIMEDOUT);
  tcp_pair_close(&pair);
  return 0;
}

// Each is done if it says so, and only then; and what is done is a beginning.
CLAIM(cancel_at_any_moment_leaves_a_beginning_done) {
  static const char *const names[] = {"a", "b", "c", "d"};
  enum { COUNT = 4, POINTS = 40 };
  for (int point = 0; point < POINTS; point++) {
    begin(COUNT);
    for (int i = 0; i < COUNT; i++) {
      ADD(rouse_file_mkdir_start(add(i), dir, names[i], 0700, ROUSE_FOREVER));
    }
    check_result(rouse_chain_start(&chain), ROUSE_PENDING);
    for (int i = 0; i < point / 2; i++) rouse_task_yield();
    int which = point % COUNT;
    if (!ios[which].completed) rouse_wait_cancel(&ios[which].io.wait);
    while (!ios[COUNT - 1].completed) rouse_task_yield();
    check_ended(COUNT);
    bool over = false;
    for (int i = 0; i < COUNT; i++) {
      bool done = ios[i].result == ROUSE_DONE;
      if (!done) check_result(ios[i].result, ROUSE_ECANCELED);
      check(!(done && over));
      over = !done;
      check_equal(exists(names[i]), done);
      if (done) check_result(rouse_file_unlink(dir, names[i], AT_REMOVEDIR), ROUSE_DONE);
    }
  }
  return 0;
}

CLAIM(sends_are_whole_and_in_order) {
  enum { SIZE = 3000000 };
  tcp_pair pair = tcp_pair_make();
  char *large = malloc(SIZE);
  check(large);
  memset(large, 'a', SIZE);
  begin(3);
  ADD(rouse_tcp_send_start(add(0), pair.client, large, SIZE, ROUSE_FOREVER));
  ADD(rouse_tcp_send_zero_copy_start(add(1), pair.client, large, SIZE, ROUSE_FOREVER));
  ADD(rouse_tcp_send_start(add(2), pair.client, "z", 1, ROUSE_FOREVER));
  rouse_task *task = test_spawn(NULL, wait_for_chain, &chain);
  static char buffer[65536];
  size_t got = 0;
  while (got < 2 * SIZE + 1) {
    int64_t part = rouse_tcp_receive(pair.server, buffer, sizeof buffer, ROUSE_FOREVER);
    check(part > 0);
    got += (size_t)part;
    check_equal(buffer[part - 1], got == 2 * SIZE + 1 ? 'z' : 'a');
  }
  check_equal(test_join(task), 3);
  check_ended(3);
  check_equal(ios[0].result, SIZE);
  check_equal(ios[1].result, SIZE);
  free(large);
  tcp_pair_close(&pair);
  return 0;
}

// Cut anywhere, and its spans are left as they were.
CLAIM(send_of_spans_is_whole_too) {
  enum { SIZE = 3000000, SPANS = 7 };
  tcp_pair pair = tcp_pair_make();
  check_result(rouse_socket_set(pair.client, ROUSE_SOCKET_SEND_BUFFER, 65536), ROUSE_DONE);
  char *large = malloc(SIZE);
  check(large);
  for (int i = 0; i < SIZE; i++) large[i] = (char)(i % 251);
  const size_t sizes[SPANS] = {0, 1, 1000003, 0, 999, 1500000, 0};
  rouse_span spans[SPANS + 1], before[SPANS + 1];
  size_t at = 0;
  for (int i = 0; i < SPANS; i++) {
    spans[i] = (rouse_span){large + at, sizes[i]};
    at += sizes[i];
  }
  spans[SPANS] = (rouse_span){large + at, SIZE - at};
  memcpy(before, spans, sizeof spans);
  begin(2);
  ADD(rouse_tcp_send_spans_start(add(0), pair.client, spans, SPANS + 1, ROUSE_FOREVER));
  ADD(rouse_tcp_send_start(add(1), pair.client, "z", 1, ROUSE_FOREVER));
  rouse_task *task = test_spawn(NULL, wait_for_chain, &chain);
  static char buffer[65536];
  int got = 0;
  while (got < SIZE + 1) {
    int64_t part = rouse_tcp_receive(pair.server, buffer, sizeof buffer, ROUSE_FOREVER);
    check(part > 0);
    for (int i = 0; i < part; i++, got++) {
      const char expected = got < SIZE ? (char)(got % 251) : 'z';
      if (buffer[i] != expected) check_equal(got, -1);
    }
  }
  check_equal(test_join(task), 2);
  check_ended(2);
  check_equal(ios[0].result, SIZE);
  check_equal(ios[1].result, 1);
  check(!memcmp(before, spans, sizeof spans));
  free(large);
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(chain_that_is_dropped_does_nothing_and_can_be_made_anew) {
  begin(2);
  check_result(rouse_chain_start(&chain), ROUSE_EINVAL);
  check_result(rouse_chain_wait(&chain), ROUSE_EINVAL);
  ADD(rouse_file_mkdir_start(add(0), dir, "a", 0700, ROUSE_FOREVER));
  check_result(rouse_file_read_spans_start(add(1), dir, NULL, 0, 0, ROUSE_FOREVER), ROUSE_EINVAL);
  rouse_chain_drop(&chain);
  rouse_task_yield();
  check(!ios[0].completed && !exists("a"));
  ADD(rouse_file_mkdir_start(&ios[0].io, dir, "a", 0700, ROUSE_FOREVER));  // by itself, now
  while (!ios[0].completed) rouse_task_yield();
  check(exists("a"));
  begin(1);
  ADD(rouse_file_mkdir_start(add(0), dir, "b", 0700, ROUSE_FOREVER));
  check_equal(rouse_chain_wait(&chain), 1);  // one is a chain, too
  check(exists("b"));
  return 0;
}

// How many kinds of starts are refused for their arguments.
#ifdef _WIN32
enum { REFUSED = 7 };
#else
enum { REFUSED = 9 };  // there are no handles
#endif

static int start_to_be_refused(int kind, rouse_io *io) {
  static char byte;
  static const rouse_span span = {&byte, 1};
  const uint32_t many = ROUSE_SPANS_MAX + 1;
  switch (kind) {
    case 0:
      return rouse_file_read_spans_start(io, dir, &span, 0, 0, ROUSE_FOREVER);
    case 1:
      return rouse_file_write_spans_start(io, dir, &span, many, 0, ROUSE_FOREVER);
    case 2:
      return rouse_tcp_receive_spans_start(io, dir, &span, 0, ROUSE_FOREVER);
    case 3:
      return rouse_tcp_send_spans_start(io, dir, &span, many, ROUSE_FOREVER);
    case 4:
      return rouse_futex_wait_start(io, NULL, 0, ROUSE_FUTEX_PRIVATE, ROUSE_FOREVER);
    case 5:
      return rouse_futex_wake_start(io, NULL, 1, ROUSE_FUTEX_PRIVATE);
    case 6:
      return rouse_futex_wait_any_start(io, NULL, 0, ROUSE_FOREVER);
    case 7:
      return rouse_handle_wait_start(io, dir, ROUSE_FOREVER);
    default:
      return rouse_pipe_accept_start(io, dir, ROUSE_FOREVER);
  }
}

// Then it is in no chain, and the next start with it is one by itself. The chain may be gone.
CLAIM(refused_start_takes_the_operation_out_of_its_chain) {
  begin(1);
  for (int kind = 0; kind < REFUSED; kind++) {
    rouse_chain *gone = malloc(sizeof *gone);
    check(gone);
    rouse_chain_init(gone);
    rouse_chain_add(gone, &ios[0].io);
    check_result(start_to_be_refused(kind, &ios[0].io), kind < 7 ? ROUSE_EINVAL : ROUSE_ENOSYS);
    check_result(rouse_chain_start(gone), ROUSE_EINVAL);  // it is empty
    memset(gone, 0xff, sizeof *gone);
    free(gone);
    ADD(rouse_file_mkdir_start(&ios[0].io, dir, "a", 0700, ROUSE_FOREVER));
    while (ios[0].completed == kind) rouse_task_yield();
    check_result(ios[0].result, ROUSE_DONE);
    check_result(rouse_file_unlink(dir, "a", AT_REMOVEDIR), ROUSE_DONE);
  }
  return 0;
}

// Longer than a ring, and many at a time.
static int64_t long_and_many(void *argument) {
  (void)argument;
  enum { LENGTH = 50, CHAINS = 20 };
  static test_io members[CHAINS][LENGTH];
  static rouse_chain chains[CHAINS];
  static int counters[CHAINS];
  tcp_pair pair = tcp_pair_make();
  for (int i = 0; i < CHAINS; i++) {
    rouse_chain_init(&chains[i]);
    counters[i] = 0;
    for (int j = 0; j < LENGTH; j++) {
      test_io_init(&members[i][j], rouse_loop_here(), &counters[i]);
      rouse_chain_add(&chains[i], &members[i][j].io);
      ADD(rouse_tcp_send_start(&members[i][j].io, pair.client, "x", 1, ROUSE_FOREVER));
    }
    check_result(rouse_chain_start(&chains[i]), ROUSE_PENDING);
  }
  char buffer[256];
  int64_t got = 0;
  while (got < LENGTH * CHAINS) {
    int64_t part = rouse_tcp_receive(pair.server, buffer, sizeof buffer, ROUSE_FOREVER);
    check(part > 0);
    got += part;
  }
  check_equal(got, LENGTH * CHAINS);
  for (int i = 0; i < CHAINS; i++) {
    while (!members[i][LENGTH - 1].completed) rouse_task_yield();
    for (int j = 0; j < LENGTH; j++) {
      check_equal(members[i][j].result, 1);
      check_equal(members[i][j].order, j + 1);
    }
  }
  tcp_pair_close(&pair);
  return 0;
}

static void chains_may_be_longer_than_a_ring(void **state) {
  (void)state;
  const rouse_run_options options = {.loops = 1, .loop = {.ring_entries = 16}};
  test_run_options(&options, long_and_many, NULL);
  test_run(1, long_and_many, NULL);
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_read_is_written),
      cmocka_unit_test(answer_is_sent_when_the_question_has_come),
      cmocka_unit_test(after_a_failure_nothing_is_done),
      cmocka_unit_test(failure_of_every_kind_of_operation_ends_the_chain),
      cmocka_unit_test(short_transfer_is_the_last_one),
      cmocka_unit_test(cancel_of_any_and_a_deadline_of_any_end_the_chain),
      cmocka_unit_test(cancel_at_any_moment_leaves_a_beginning_done),
      cmocka_unit_test(sends_are_whole_and_in_order),
      cmocka_unit_test(send_of_spans_is_whole_too),
      cmocka_unit_test(chain_that_is_dropped_does_nothing_and_can_be_made_anew),
      cmocka_unit_test(refused_start_takes_the_operation_out_of_its_chain),
      cmocka_unit_test(chains_may_be_longer_than_a_ring),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
