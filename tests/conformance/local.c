// Local sockets on every backend: the calls for TCP and UDP with another kind of address; pairs.
#include "sockets.h"
// The sockets' headers come first.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef _WIN32
#include <sys/resource.h>
#include <sys/un.h>
#endif

#include "../support/conformance.h"

typedef struct place {
  struct sockaddr_storage address;
  uint32_t size;
} place;

static struct sockaddr *address_of(place *at) { return (struct sockaddr *)&at->address; }

static void talk(rouse_fd client, rouse_fd server) {
  char buffer[16];
  check_equal(rouse_tcp_send_all(client, "question", 8, ROUSE_FOREVER), 8);
  check_result(rouse_tcp_shutdown(client, SHUT_WR), ROUSE_DONE);
  size_t got = 0;
  int64_t part;
  while ((part = rouse_tcp_receive(server, buffer + got, sizeof buffer - got, ROUSE_FOREVER)) > 0) {
    got += (size_t)part;
  }
  check_equal(part, 0);
  check_equal(got, 8);
  check(!memcmp(buffer, "question", 8));
  // Half closed: the other direction still works.
  check_equal(rouse_tcp_send_all(server, "answer", 6, ROUSE_FOREVER), 6);
  check_equal(rouse_tcp_receive(client, buffer, sizeof buffer, ROUSE_FOREVER), 6);
  check(!memcmp(buffer, "answer", 6));
}

// --- addresses -----------------------------------------------------------------------------------

// A path of 107 bytes and a NUL, behind the family.
enum { ADDRESS_SIZE = offsetof(struct sockaddr, sa_data) + 108 };

CONFORMANCE_CLAIM(addresses_are_checked) {
  place at = {.size = sizeof at.address};
  char path[200];
  check_result(rouse_unix_address("", address_of(&at), &at.size), ROUSE_EINVAL);
  memset(path, 'x', sizeof path);
  path[107] = 0;
  check_result(rouse_unix_address(path, address_of(&at), &at.size), ROUSE_DONE);
  check_equal(at.size, ADDRESS_SIZE);
  check_equal(address_of(&at)->sa_family, AF_UNIX);
  check_string((const char *)&at.address + offsetof(struct sockaddr, sa_data), path);
  at.size = sizeof at.address;
  path[107] = 'x';
  path[108] = 0;
  check_result(rouse_unix_address(path, address_of(&at), &at.size), ROUSE_ENAMETOOLONG);
  at.size = 20;
  check_result(rouse_unix_address("x", address_of(&at), &at.size), ROUSE_EINVAL);
  // One that names no file: its bytes are all that counts, and no NUL follows.
  at.size = sizeof at.address;
  check_result(rouse_unix_address("@name", address_of(&at), &at.size), ROUSE_DONE);
  check_equal(at.size, offsetof(struct sockaddr, sa_data) + 5);
  check(!memcmp((const char *)&at.address + offsetof(struct sockaddr, sa_data), "\0name", 5));
  return 0;
}

#ifdef _WIN32

// By the library, or by the system: Wine and older Windows do not know the family, and newer ones
// have no datagrams in it.
static bool is_refusal(int result) {
  return result == ROUSE_ENOTSUP || result == ROUSE_EAFNOSUPPORT || result == ROUSE_EPROTONOSUPPORT;
}

CONFORMANCE_CLAIM(connections_and_datagrams_by_address_are_refused) {
  place at = {.size = sizeof at.address};
  check_result(rouse_unix_address("nobody", address_of(&at), &at.size), ROUSE_DONE);
  check(is_refusal(rouse_tcp_connect(address_of(&at), at.size, ROUSE_FOREVER)));
  check(is_refusal(rouse_udp_bind(address_of(&at), at.size)));
  return 0;
}

#else

static char directory[200];
static rouse_fd dir;

#define CLAIM(name) CONFORMANCE_CLAIM_IN(name, directory, dir)

static place place_named(const char *name) {
  place at = {.size = sizeof at.address};
  char path[300];
  snprintf(path, sizeof path, *name == '@' ? "%.0s%s-%d" : "%s/%s", directory, name, (int)getpid());
  check_result(rouse_unix_address(path, address_of(&at), &at.size), ROUSE_DONE);
  return at;
}

static void connect_and_talk(const char *name) {
  place at = place_named(name);
  rouse_fd listener = rouse_tcp_listen(address_of(&at), at.size, 0);
  check(listener >= 0);
  rouse_fd client = rouse_tcp_connect(address_of(&at), at.size, ROUSE_FOREVER);
  check(client >= 0);
  rouse_fd server = rouse_tcp_accept(listener, ROUSE_FOREVER);
  check(server >= 0);
  talk(client, server);
  check_result(rouse_file_close(client), ROUSE_DONE);
  check_result(rouse_file_close(server), ROUSE_DONE);
  check_result(rouse_file_close(listener), ROUSE_DONE);
}

CLAIM(streams_connect_by_path_and_by_name) {
  connect_and_talk("socket");
  connect_and_talk("@rouse-conformance");
  return 0;
}

CLAIM(listener_that_is_gone_refuses_and_its_path_stays_taken) {
  place at = place_named("socket");
  check_result(rouse_tcp_connect(address_of(&at), at.size, ROUSE_FOREVER), ROUSE_ENOENT);
  rouse_fd listener = rouse_tcp_listen(address_of(&at), at.size, 0);
  check(listener >= 0);
  check_result(rouse_socket_port(listener), ROUSE_EAFNOSUPPORT);
  check_result(rouse_file_close(listener), ROUSE_DONE);
  check_result(rouse_tcp_connect(address_of(&at), at.size, ROUSE_FOREVER), ROUSE_ECONNREFUSED);
  check_result(rouse_tcp_listen(address_of(&at), at.size, 0), ROUSE_EADDRINUSE);
  check_result(
      rouse_file_unlink(ROUSE_FD_CWD, ((struct sockaddr_un *)(void *)&at.address)->sun_path, 0),
      ROUSE_DONE);
  listener = rouse_tcp_listen(address_of(&at), at.size, 0);
  check(listener >= 0);
  return rouse_file_close(listener);
}

CLAIM(datagrams_tell_their_sender_and_wait_for_room) {
  place to = place_named("to"), from = place_named("from"), seen = {.size = sizeof seen.address};
  rouse_fd receiver = rouse_udp_bind(address_of(&to), to.size);
  rouse_fd sender = rouse_udp_bind(address_of(&from), from.size);
  check(receiver >= 0 && sender >= 0);
  char buffer[8];
  check_equal(rouse_udp_send_to(sender, "x", 1, address_of(&to), to.size, ROUSE_FOREVER), 1);
  check_equal(rouse_udp_receive_from(receiver, buffer, sizeof buffer, address_of(&seen), &seen.size,
                                     ROUSE_FOREVER),
              1);
  check_equal(seen.size, from.size);
  check(!memcmp(&seen.address, &from.address, from.size));
  // A receiver that does not read stops its senders, and no datagram is lost.
  int sent = 0;
  int64_t result;
  while ((result = rouse_udp_send_to(sender, "full", 4, address_of(&to), to.size,
                                     rouse_deadline_in_ns(20 * MILLISECOND))) == 4) {
    sent++;
  }
  check_result(result, ROUSE_ETIMEDOUT);
  check(sent > 0);
  for (int i = 0; i < sent; i++) {
    check_equal(rouse_udp_receive_from(receiver, buffer, sizeof buffer, NULL, NULL, ROUSE_FOREVER),
                4);
  }
  check_result(rouse_udp_receive_from(receiver, buffer, sizeof buffer, NULL, NULL,
                                      rouse_deadline_in_ns(MILLISECOND)),
               ROUSE_ETIMEDOUT);
  check_result(rouse_file_close(sender), ROUSE_DONE);
  return rouse_file_close(receiver);
}

// The connection stays where it is until there is a descriptor for it.
CLAIM(acceptor_tells_of_the_descriptor_limit_and_goes_on) {
  place at = place_named("socket");
  rouse_fd listener = rouse_tcp_listen(address_of(&at), at.size, 0);
  check(listener >= 0);
  rouse_acceptor *acceptor;
  check_result(rouse_acceptor_create(listener, 0, &acceptor), ROUSE_DONE);
  rouse_fd client = rouse_tcp_connect(address_of(&at), at.size, ROUSE_FOREVER);
  check(client >= 0);
  struct rlimit limit, low;
  check_system(getrlimit(RLIMIT_NOFILE, &limit));
  int next = (int)check_system(dup(0));
  close(next);
  low = limit;
  low.rlim_cur = (rlim_t)next;
  check_system(setrlimit(RLIMIT_NOFILE, &low));
  for (int i = 0; i < 2; i++) {
    check_result(rouse_acceptor_next(acceptor, ROUSE_FOREVER), ROUSE_EMFILE);
  }
  check_system(setrlimit(RLIMIT_NOFILE, &limit));
  rouse_fd server = rouse_acceptor_next(acceptor, ROUSE_FOREVER);
  check(server >= 0);
  talk(client, server);
  rouse_acceptor_destroy(acceptor);
  check_result(rouse_file_close(client), ROUSE_DONE);
  check_result(rouse_file_close(server), ROUSE_DONE);
  return rouse_file_close(listener);
}

#endif

// --- pairs ---------------------------------------------------------------------------------------

CONFORMANCE_CLAIM(pair_of_streams_is_connected_and_closes_on_exec) {
  rouse_fd fds[2];
  check_result(rouse_unix_pair(false, fds), ROUSE_DONE);
  check(!test_is_inherited(fds[0]) && !test_is_inherited(fds[1]));
  talk(fds[0], fds[1]);
  check_result(rouse_file_close(fds[0]), ROUSE_DONE);
  check_equal(rouse_tcp_receive(fds[1], &(char){0}, 1, ROUSE_FOREVER), 0);
  check_result(rouse_file_close(fds[1]), ROUSE_DONE);
  // Connected the other way round, too.
  check_result(rouse_unix_pair(false, fds), ROUSE_DONE);
  talk(fds[1], fds[0]);
  check_result(rouse_file_close(fds[0]), ROUSE_DONE);
  return rouse_file_close(fds[1]);
}

// A local sender has no name; one that stands for it has that of its socket.
static void check_sender(rouse_fd sender, place *seen) {
#ifdef _WIN32
  place name = {.size = sizeof name.address};
  check_result(rouse_socket_address(sender, address_of(&name), &name.size), ROUSE_DONE);
  check_equal(seen->size, name.size);
  check(!memcmp(&seen->address, &name.address, name.size));
#else
  (void)sender;
  check_equal(seen->size, 0);
#endif
}

CONFORMANCE_CLAIM(pair_of_datagrams_is_connected_and_closes_on_exec) {
  rouse_fd fds[2];
  char buffer[8];
  check_result(rouse_unix_pair(true, fds), ROUSE_DONE);
  check(!test_is_inherited(fds[0]) && !test_is_inherited(fds[1]));
  for (int i = 0; i < 2; i++) {
    place seen = {.size = sizeof seen.address};
    check_equal(rouse_udp_send_to(fds[i], "abc", 3, NULL, 0, ROUSE_FOREVER), 3);
    check_result(
        rouse_udp_receive_from(fds[!i], buffer, 2, address_of(&seen), &seen.size, ROUSE_FOREVER),
        ROUSE_EMSGSIZE);
    check_sender(fds[i], &seen);
    // Each is received as it was sent.
    check_equal(rouse_udp_send_to(fds[i], "de", 2, NULL, 0, ROUSE_FOREVER), 2);
    check_equal(rouse_udp_send_to(fds[i], "fgh", 3, NULL, 0, ROUSE_FOREVER), 3);
    check_equal(rouse_udp_receive_from(fds[!i], buffer, sizeof buffer, NULL, NULL, ROUSE_FOREVER),
                2);
    check(!memcmp(buffer, "de", 2));
    check_equal(rouse_udp_receive_from(fds[!i], buffer, sizeof buffer, NULL, NULL, ROUSE_FOREVER),
                3);
    check(!memcmp(buffer, "fgh", 3));
  }
  check_result(rouse_file_close(fds[0]), ROUSE_DONE);
  return rouse_file_close(fds[1]);
}

#ifdef _WIN32
// Whoever finds the address of one of the two is not taken for the other.
CONFORMANCE_CLAIM(pair_of_datagrams_hears_nobody_else) {
  rouse_fd fds[2];
  place at = {.size = sizeof at.address};
  char buffer[8];
  check_result(rouse_unix_pair(true, fds), ROUSE_DONE);
  check_result(rouse_socket_address(fds[0], address_of(&at), &at.size), ROUSE_DONE);
  struct sockaddr_in any = {.sin_family = AF_INET};
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  rouse_fd stranger = rouse_udp_bind((struct sockaddr *)&any, sizeof any);
  check(stranger >= 0);
  check_equal(rouse_udp_send_to(stranger, "bad", 3, address_of(&at), at.size, ROUSE_FOREVER), 3);
  check_equal(rouse_udp_send_to(fds[1], "good", 4, NULL, 0, ROUSE_FOREVER), 4);
  check_equal(rouse_udp_receive_from(fds[0], buffer, sizeof buffer, NULL, NULL, ROUSE_FOREVER), 4);
  check(!memcmp(buffer, "good", 4));
  check_result(rouse_file_close(stranger), ROUSE_DONE);
  check_result(rouse_file_close(fds[0]), ROUSE_DONE);
  return rouse_file_close(fds[1]);
}
#endif

static int64_t receive_byte(void *argument) {
  char byte;
  return rouse_tcp_receive(*(rouse_fd *)argument, &byte, 1, ROUSE_FOREVER);
}

// The flag is the open file's. Whoever sets it does not get other answers from the library.
CONFORMANCE_CLAIM(descriptors_that_do_not_wait_are_waited_for_all_the_same) {
  rouse_fd fds[2];
  check_result(rouse_unix_pair(false, fds), ROUSE_DONE);
  for (int i = 0; i < 2; i++) {
    for (int on = 0; on < 2; on++) {
      test_socket_set_waits(fds[i], !on);
      rouse_task *task = test_spawn(NULL, receive_byte, &fds[i]);
      check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
      check(!rouse_task_is_done(task));
      check_equal(rouse_tcp_send(fds[!i], "x", 1, ROUSE_FOREVER), 1);
      check_equal(test_join(task), 1);
      task = test_spawn(NULL, receive_byte, &fds[i]);
      rouse_task_yield();
      rouse_task_cancel(task);
      check_result(test_join(task), ROUSE_ECANCELED);
    }
  }
  // A send that finds no room, too.
  char *large = calloc(1, 1 << 20);
  check(large);
  int64_t sent = 0, part, got = 0;
  while ((part = rouse_tcp_send(fds[0], large, 1 << 20, rouse_deadline_in_ns(5 * MILLISECOND))) >
         0) {
    sent += part;
  }
  check_result(part, ROUSE_ETIMEDOUT);
  check_result(rouse_tcp_shutdown(fds[0], SHUT_WR), ROUSE_DONE);
  while ((part = rouse_tcp_receive(fds[1], large, 1 << 20, ROUSE_FOREVER)) > 0) got += part;
  check_equal(got, sent);
  free(large);
  check_result(rouse_file_close(fds[0]), ROUSE_DONE);
  return rouse_file_close(fds[1]);
}

// On a ring such a descriptor ends what is linked to it: the chain goes on all the same.
CONFORMANCE_CLAIM(chain_over_descriptors_that_do_not_wait_runs_to_its_end) {
  enum { COUNT = 3 };
  rouse_fd fds[2];
  check_result(rouse_unix_pair(false, fds), ROUSE_DONE);
  for (int i = 0; i < 2; i++) test_socket_set_waits(fds[i], false);
  for (int cancelled = 0; cancelled < 2; cancelled++) {
    test_io ios[COUNT];
    rouse_chain chain;
    char bytes[COUNT];
    int order = 0;
    rouse_chain_init(&chain);
    for (int i = 0; i < COUNT; i++) {
      test_io_init(&ios[i], rouse_loop_here(), &order);
      rouse_chain_add(&chain, &ios[i].io);
      check_result(rouse_file_read_start(&ios[i].io, fds[0], &bytes[i], 1, 0, ROUSE_FOREVER),
                   ROUSE_PENDING);
    }
    check_result(rouse_chain_start(&chain), ROUSE_PENDING);
    check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
    check_equal(rouse_tcp_send(fds[1], "ab", 2, ROUSE_FOREVER), 2);
    if (!cancelled) check_equal(rouse_tcp_send(fds[1], "c", 1, ROUSE_FOREVER), 1);
    while (!ios[1].completed) check_result(rouse_task_sleep_ns(100 * MICROSECOND), ROUSE_DONE);
    if (cancelled) rouse_wait_cancel(&ios[2].io.wait);
    while (!ios[2].completed) check_result(rouse_task_sleep_ns(100 * MICROSECOND), ROUSE_DONE);
    check_equal(ios[0].result, 1);
    check_equal(ios[1].result, 1);
    check_equal(ios[2].result, cancelled ? ROUSE_ECANCELED : 1);
    check(!memcmp(bytes, "abc", cancelled ? 2 : 3));
  }
  check_result(rouse_file_close(fds[0]), ROUSE_DONE);
  return rouse_file_close(fds[1]);
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(addresses_are_checked),
#ifdef _WIN32
      cmocka_unit_test(connections_and_datagrams_by_address_are_refused),
      cmocka_unit_test(pair_of_datagrams_hears_nobody_else),
#else
      cmocka_unit_test(streams_connect_by_path_and_by_name),
      cmocka_unit_test(listener_that_is_gone_refuses_and_its_path_stays_taken),
      cmocka_unit_test(datagrams_tell_their_sender_and_wait_for_room),
      cmocka_unit_test(acceptor_tells_of_the_descriptor_limit_and_goes_on),
#endif
      cmocka_unit_test(pair_of_streams_is_connected_and_closes_on_exec),
      cmocka_unit_test(pair_of_datagrams_is_connected_and_closes_on_exec),
      cmocka_unit_test(descriptors_that_do_not_wait_are_waited_for_all_the_same),
      cmocka_unit_test(chain_over_descriptors_that_do_not_wait_runs_to_its_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
