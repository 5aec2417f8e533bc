// Exchanges on every backend: a send and the receive after it in one wait, and how it ends.
#include <stdlib.h>
#include <string.h>

#include "../support/conformance.h"
#include "sockets.h"

#define CLAIM CONFORMANCE_CLAIM

enum { BULK = 1 << 20 };  // more than there is room for in a narrow connection

// An exchange by a task of its own.
typedef struct exchange {
  rouse_fd fd;
  const void *out;
  size_t out_size, sent;
  char in[64];
  int64_t deadline_ns;
} exchange;

static int64_t run(void *argument) {
  exchange *self = argument;
  return rouse_tcp_exchange(self->fd, self->out, self->out_size, &self->sent, self->in,
                            sizeof self->in, self->deadline_ns);
}

static exchange of(rouse_fd fd, const void *out, size_t out_size) {
  return (exchange){
      .fd = fd, .out = out, .out_size = out_size, .sent = 99, .deadline_ns = ROUSE_FOREVER};
}

static unsigned char *bulk_make(void) {
  unsigned char *data = malloc(BULK);
  check(data);
  for (int i = 0; i < BULK; i++) data[i] = (unsigned char)(i * 31 + (i >> 11));
  return data;
}

static tcp_pair narrow_pair(void) {
  tcp_pair pair = tcp_pair_make();
  test_socket_narrow(pair.client);
  test_socket_narrow(pair.server);
  return pair;
}

// Takes |size| bytes from |fd|, in parts, and compares them with |data|.
static void receive_bulk(rouse_fd fd, const unsigned char *data, size_t size) {
  static unsigned char in[100000];
  random_source random = random_from(7);
  for (size_t done = 0; done < size;) {
    size_t part = 1 + random_below(&random, sizeof in);
    if (part > size - done) part = size - done;
    const int64_t got = rouse_tcp_receive(fd, in, part, ROUSE_FOREVER);
    check(got > 0);
    check(!memcmp(in, data + done, (size_t)got));
    done += (size_t)got;
    if (random_one_in(&random, 40)) check_result(rouse_task_sleep_ns(50 * MICROSECOND), ROUSE_DONE);
  }
}

static void nothing_left(rouse_fd fd) {
  char byte;
  check_result(rouse_tcp_receive(fd, &byte, 1, 0), ROUSE_ETIMEDOUT);
}

// --- what it does --------------------------------------------------------------------------------

// Answers each question with the same and a mark, until the peer has finished.
static int64_t answer_all(void *argument) {
  const rouse_fd fd = *(rouse_fd *)argument;
  char buffer[64];
  size_t size = 0, sent;
  int64_t got;
  int answers = 0;
  while ((got = rouse_tcp_exchange(fd, buffer, size, &sent, buffer, sizeof buffer - 1,
                                   ROUSE_FOREVER)) > 0) {
    check_equal(sent, size);
    buffer[got] = '!';
    size = (size_t)got + 1;
    answers++;
  }
  check_equal(sent, size);
  return got < 0 ? got : answers;
}

CLAIM(conversation_takes_one_wait_a_step_on_both_sides) {
  tcp_pair pair = tcp_pair_make();
  rouse_task *server = test_spawn(NULL, answer_all, &pair.server);
  for (int i = 0; i < 100; i++) {
    char out[8] = {(char)('a' + i % 26), (char)('a' + i % 7), 0}, in[8] = {0};
    check_equal(rouse_tcp_exchange(pair.client, out, 2, NULL, in, sizeof in, ROUSE_FOREVER), 3);
    out[2] = '!';
    check(!memcmp(out, in, 3));
  }
  check_result(rouse_tcp_shutdown(pair.client, SHUT_WR), ROUSE_DONE);
  check_equal(test_join(server), 100);
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(without_anything_to_send_it_receives) {
  tcp_pair pair = tcp_pair_make();
  exchange self = of(pair.server, NULL, 0);
  rouse_task *task = test_spawn(NULL, run, &self);
  check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
  check_equal(rouse_tcp_send(pair.client, "abc", 3, ROUSE_FOREVER), 3);
  check_equal(test_join(task), 3);
  check_equal(self.sent, 0);
  check_string(self.in, "abc");
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(room_for_nothing_receives_nothing_when_something_is_there) {
  tcp_pair pair = tcp_pair_make();
  char byte = 0;
  size_t sent = 0;
  check_equal(rouse_tcp_send(pair.client, "a", 1, ROUSE_FOREVER), 1);
  check_equal(rouse_tcp_exchange(pair.server, "xy", 2, &sent, &byte, 0, ROUSE_FOREVER), 0);
  check_equal(sent, 2);
  check_equal(rouse_tcp_receive(pair.server, &byte, 1, ROUSE_FOREVER), 1);
  check_equal(byte, 'a');
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(all_is_sent_to_a_slow_reader_before_anything_is_received) {
  tcp_pair pair = narrow_pair();
  unsigned char *data = bulk_make();
  exchange self = of(pair.client, data, BULK);
  // It is there from the beginning, and is not what ends the exchange.
  check_equal(rouse_tcp_send(pair.server, "early", 5, ROUSE_FOREVER), 5);
  rouse_task *task = test_spawn(NULL, run, &self);
  receive_bulk(pair.server, data, BULK);
  check_equal(test_join(task), 5);
  check_equal(self.sent, BULK);
  check_string(self.in, "early");
  nothing_left(pair.server);
  free(data);
  tcp_pair_close(&pair);
  return 0;
}

CLAIM(end_of_the_peer_is_told_as_by_a_receive) {
  tcp_pair pair = tcp_pair_make();
  exchange self = of(pair.server, "bye", 3);
  check_result(rouse_tcp_shutdown(pair.client, SHUT_WR), ROUSE_DONE);
  check_equal(run(&self), 0);
  check_equal(self.sent, 3);
  char buffer[4] = {0};
  check_equal(rouse_tcp_receive(pair.client, buffer, 3, ROUSE_FOREVER), 3);
  check_string(buffer, "bye");
  tcp_pair_close(&pair);
  return 0;
}

// --- how it ends otherwise -----------------------------------------------------------------------

CLAIM(peer_that_is_gone_is_an_error_and_tells_what_was_sent) {
  tcp_pair pair = narrow_pair();
  unsigned char *data = bulk_make();
  exchange self = of(pair.server, data, BULK);
  rouse_task *task = test_spawn(NULL, run, &self);
  receive_bulk(pair.client, data, 1000);
  check_result(rouse_file_close(pair.client), ROUSE_DONE);  // with bytes that nobody has read
  pair.client = -1;
  const int64_t result = test_join(task);
  check(result == ROUSE_EPIPE || result == ROUSE_ECONNRESET);
  check(self.sent < BULK);
  // There the system does not tell how far a send has come that a broken connection ends.
  if (strcmp(rouse_loop_backend(rouse_loop_here()), "iocp")) check(self.sent >= 1000);
  free(data);
  tcp_pair_close(&pair);
  return 0;
}

// What was sent before it was stopped arrives once, and the rest can be sent behind it.
static void stop_while_it_sends(int64_t deadline_ns, int result) {
  tcp_pair pair = narrow_pair();
  unsigned char *data = bulk_make();
  exchange self = of(pair.server, data, BULK);
  self.deadline_ns = deadline_ns;
  rouse_task *task = test_spawn(NULL, run, &self);
  if (deadline_ns == ROUSE_FOREVER) {
    check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
    rouse_task_cancel(task);
  }
  check_result(test_join(task), result);
  check(self.sent < BULK);
  exchange rest = of(pair.server, data + self.sent, BULK - self.sent);
  task = test_spawn(NULL, run, &rest);
  receive_bulk(pair.client, data, BULK);
  check_equal(rouse_tcp_send(pair.client, "done", 4, ROUSE_FOREVER), 4);
  check_equal(test_join(task), 4);
  check_equal(rest.sent, BULK - self.sent);
  nothing_left(pair.client);
  free(data);
  tcp_pair_close(&pair);
}

CLAIM(cancelled_while_it_sends_it_tells_where_to_go_on) {
  stop_while_it_sends(ROUSE_FOREVER, ROUSE_ECANCELED);
  return 0;
}

CLAIM(deadline_while_it_sends_tells_where_to_go_on) {
  stop_while_it_sends(rouse_deadline_in_ns(2 * MILLISECOND), ROUSE_ETIMEDOUT);
  return 0;
}

CLAIM(stopped_while_it_receives_it_has_sent_all_and_takes_nothing) {
  tcp_pair pair = tcp_pair_make();
  char buffer[8] = {0};
  exchange self = of(pair.server, "one", 3);
  self.deadline_ns = rouse_deadline_in_ns(20 * MILLISECOND);
  check_result(run(&self), ROUSE_ETIMEDOUT);
  check_equal(self.sent, 3);
  self = of(pair.server, "two", 3);
  rouse_task *task = test_spawn(NULL, run, &self);
  for (int64_t got = 0; got < 6;) {
    got += rouse_tcp_receive(pair.client, buffer + got, (size_t)(6 - got), ROUSE_FOREVER);
  }
  check_string(buffer, "onetwo");
  rouse_task_cancel(task);
  check_result(test_join(task), ROUSE_ECANCELED);
  check_equal(self.sent, 3);
  check_equal(rouse_tcp_send(pair.client, "x", 1, ROUSE_FOREVER), 1);
  check_equal(rouse_tcp_receive(pair.server, buffer, sizeof buffer, ROUSE_FOREVER), 1);
  tcp_pair_close(&pair);
  return 0;
}

// It sends what it can at once, and does not wait for an answer.
CLAIM(deadline_that_has_passed_makes_it_a_try_to_send) {
  tcp_pair pair = tcp_pair_make();
  enum { TIMES = 20, SIZE = 5 };
  for (int i = 0; i < TIMES; i++) {
    exchange self = of(pair.server, "12345", SIZE);
    self.deadline_ns = i % 2 ? rouse_now_ns() : 0;
    check_result(run(&self), ROUSE_ETIMEDOUT);
    check_equal(self.sent, SIZE);
  }
  for (size_t got = 0; got < TIMES * SIZE;) {
    char buffer[TIMES * SIZE];
    const int64_t part = rouse_tcp_receive(pair.client, buffer, sizeof buffer - got, ROUSE_FOREVER);
    check(part > 0);
    got += (size_t)part;
  }
  nothing_left(pair.client);
  tcp_pair_close(&pair);
  return 0;
}

// A cancel at any point: each byte is told as sent, and arrives, once.
CLAIM(cancel_against_completion_loses_no_byte) {
  tcp_pair pair = tcp_pair_make();
  random_source random = random_from(3);
  size_t told = 0, answered = 0, answers = 0;
  for (int i = 0; i < test_scaled(300); i++) {
    exchange self = of(pair.server, "abcdef", 1 + random_below(&random, 6));
    rouse_task *task = test_spawn(NULL, run, &self);
    for (uint32_t n = random_below(&random, 4); n > 0; n--) rouse_task_yield();
    if (random_one_in(&random, 2)) {
      answers += (size_t)rouse_tcp_send(pair.client, "x", 1, ROUSE_FOREVER);
    }
    rouse_task_cancel(task);
    const int64_t result = test_join(task);
    check(result > 0 || result == ROUSE_ECANCELED);
    if (result > 0) {
      answered += (size_t)result;
      check_equal(self.sent, self.out_size);
    }
    told += self.sent;
  }
  check_result(rouse_tcp_shutdown(pair.client, SHUT_WR), ROUSE_DONE);
  check_result(rouse_tcp_shutdown(pair.server, SHUT_WR), ROUSE_DONE);
  char buffer[4096];
  int64_t got;
  size_t arrived = 0;
  while ((got = rouse_tcp_receive(pair.client, buffer, sizeof buffer, ROUSE_FOREVER)) > 0) {
    arrived += (size_t)got;
  }
  check_equal(arrived, told);
  while ((got = rouse_tcp_receive(pair.server, buffer, sizeof buffer, ROUSE_FOREVER)) > 0) {
    answered += (size_t)got;
  }
  check_equal(answered, answers);
  tcp_pair_close(&pair);
  return 0;
}

// --- many at once --------------------------------------------------------------------------------

enum { CROWD = 24, STREAM = 100000 };

// Sends back what it receives, until the peer has finished.
static int64_t echo(void *argument) {
  const rouse_fd fd = *(rouse_fd *)argument;
  char buffer[4096];
  size_t size = 0, sent;
  int64_t got;
  while ((got = rouse_tcp_exchange(fd, buffer, size, &sent, buffer, sizeof buffer, ROUSE_FOREVER)) >
         0) {
    check_equal(sent, size);
    size = (size_t)got;
  }
  return got;
}

typedef struct talker {
  rouse_fd fd;
  const unsigned char *data;
  size_t size;
  uint32_t number;
} talker;

// Sends a stream in parts of any size, each with a deadline that mostly is too short for all of it,
// and compares what comes back.
static int64_t talk(void *argument) {
  talker *self = argument;
  random_source random = random_from(self->number);
  unsigned char in[4096];
  size_t sent = 0, received = 0;
  int64_t late = 0;
  while (received < self->size) {
    size_t size = 1 + random_below(&random, 20000), now = 0;
    if (size > self->size - sent) size = self->size - sent;
    if (sent - received > 50000) size = 0;  // else neither would take what the other sends
    const uint32_t patience_ns = random_below(&random, random_one_in(&random, 2) ? 20000 : 500000);
    const int64_t got = rouse_tcp_exchange(self->fd, self->data + sent, size, &now, in, sizeof in,
                                           rouse_deadline_in_ns(patience_ns));
    check(now <= size);
    sent += now;
    if (got == ROUSE_ETIMEDOUT) {
      late++;
      continue;
    }
    check(got > 0);
    check_equal(now, size);
    check(received + (size_t)got <= sent);
    check(!memcmp(in, self->data + received, (size_t)got));
    received += (size_t)got;
  }
  check_result(rouse_tcp_shutdown(self->fd, SHUT_WR), ROUSE_DONE);
  return late;
}

CLAIM(crowd_that_is_late_at_any_point_loses_no_byte_and_gets_none_twice) {
  unsigned char *data = bulk_make();
  tcp_pair pairs[CROWD];
  talker talkers[CROWD];
  rouse_task *tasks[CROWD], *echoes[CROWD];
  for (uint32_t i = 0; i < CROWD; i++) {
    pairs[i] = i % 2 ? tcp_pair_make() : narrow_pair();
    talkers[i] = (talker){pairs[i].client, data, (size_t)test_scaled(STREAM), i + 1};
    echoes[i] = test_spawn(NULL, echo, &pairs[i].server);
    tasks[i] = test_spawn(NULL, talk, &talkers[i]);
  }
  int64_t late = 0;
  for (int i = 0; i < CROWD; i++) {
    late += test_join(tasks[i]);
    check_equal(test_join(echoes[i]), 0);
    tcp_pair_close(&pairs[i]);
  }
  check(late > 0);
  free(data);
  return 0;
}

CLAIM(wrong_descriptor_is_refused_and_nothing_was_sent) {
  char in[4];
  size_t sent = 9;
  check_result(rouse_tcp_exchange(-1, "x", 1, &sent, in, sizeof in, ROUSE_FOREVER), ROUSE_EBADF);
  check_equal(sent, 0);
  check_result(rouse_tcp_exchange(9999, "x", 1, NULL, in, sizeof in, ROUSE_FOREVER), ROUSE_EBADF);
  check_result(rouse_tcp_exchange(9999, NULL, 0, NULL, in, sizeof in, ROUSE_FOREVER), ROUSE_EBADF);
  return 0;
}

static void without_a_loop_it_is_refused(void **state) {
  (void)state;
  char in[4];
  size_t sent = 9;
  check_result(rouse_tcp_exchange(0, "x", 1, &sent, in, sizeof in, ROUSE_FOREVER), ROUSE_ENOLOOP);
  check_equal(sent, 0);
}

// --- callbacks -----------------------------------------------------------------------------------

static int64_t ended(test_io *io, int started) {
  check_result(started, ROUSE_PENDING);
  const int before = io->completed;
  while (io->completed == before) rouse_task_yield();
  return io->result;
}

CLAIM(it_completes_once_by_callback_and_not_in_a_chain) {
  tcp_pair pair = tcp_pair_make();
  rouse_task *server = test_spawn(NULL, answer_all, &pair.server);
  test_io io;
  char in[8] = {0};
  test_io_init(&io, NULL, NULL);
  for (int i = 1; i <= 3; i++) {
    check_equal(ended(&io, rouse_tcp_exchange_start(&io.io, pair.client, "hey", 3, in, sizeof in,
                                                    ROUSE_FOREVER)),
                4);
    check_string(in, "hey!");
    check_equal(rouse_tcp_exchange_sent(&io.io), 3);
    check_equal(io.completed, i);
  }
  rouse_chain chain;
  rouse_chain_init(&chain);
  rouse_chain_add(&chain, &io.io);
  check_result(rouse_tcp_exchange_start(&io.io, pair.client, "no", 2, in, sizeof in, ROUSE_FOREVER),
               ROUSE_EINVAL);
  check_result(rouse_chain_start(&chain), ROUSE_EINVAL);  // it is empty
  // The same rouse_io does a plain operation next.
  check_equal(ended(&io, rouse_tcp_send_start(&io.io, pair.client, "a", 1, ROUSE_FOREVER)), 1);
  check_equal(rouse_tcp_receive(pair.client, in, sizeof in, ROUSE_FOREVER), 2);
  check(!memcmp(in, "a!", 2));
  check_result(rouse_tcp_shutdown(pair.client, SHUT_WR), ROUSE_DONE);
  check_equal(test_join(server), 4);
  tcp_pair_close(&pair);
  return 0;
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conversation_takes_one_wait_a_step_on_both_sides),
      cmocka_unit_test(without_anything_to_send_it_receives),
      cmocka_unit_test(room_for_nothing_receives_nothing_when_something_is_there),
      cmocka_unit_test(all_is_sent_to_a_slow_reader_before_anything_is_received),
      cmocka_unit_test(end_of_the_peer_is_told_as_by_a_receive),
      cmocka_unit_test(peer_that_is_gone_is_an_error_and_tells_what_was_sent),
      cmocka_unit_test(cancelled_while_it_sends_it_tells_where_to_go_on),
      cmocka_unit_test(deadline_while_it_sends_tells_where_to_go_on),
      cmocka_unit_test(stopped_while_it_receives_it_has_sent_all_and_takes_nothing),
      cmocka_unit_test(deadline_that_has_passed_makes_it_a_try_to_send),
      cmocka_unit_test(cancel_against_completion_loses_no_byte),
      cmocka_unit_test(crowd_that_is_late_at_any_point_loses_no_byte_and_gets_none_twice),
      cmocka_unit_test(wrong_descriptor_is_refused_and_nothing_was_sent),
      cmocka_unit_test(without_a_loop_it_is_refused),
      cmocka_unit_test(it_completes_once_by_callback_and_not_in_a_chain),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
