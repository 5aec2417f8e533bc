// Datagrams on every backend: whole or not at all, with their sender, cut ones reported.
#include <stdlib.h>
#include <string.h>

#include "../support/conformance.h"
#include "sockets.h"

#define CLAIM CONFORMANCE_CLAIM

static const struct sockaddr_in anywhere = {.sin_family = AF_INET};

static struct sockaddr_in here(int port) {
  return (struct sockaddr_in){.sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static rouse_fd bind_here(struct sockaddr_in *out_address) {
  struct sockaddr_in address = here(0);
  rouse_fd fd = rouse_udp_bind((struct sockaddr *)&address, sizeof address);
  check(fd >= 0);
  int port = rouse_socket_port(fd);
  check(port > 0);
  *out_address = here(port);
  return fd;
}

static int64_t send_to(rouse_fd fd, const char *text, const struct sockaddr_in *to) {
  return rouse_udp_send_to(fd, text, strlen(text), (const struct sockaddr *)to, sizeof *to,
                           ROUSE_FOREVER);
}

CLAIM(datagram_arrives_whole_and_tells_its_sender) {
  struct sockaddr_in address, other, from = {0};
  rouse_fd fd = bind_here(&address), sender = bind_here(&other);
  char buffer[16] = {0};
  uint32_t size = sizeof from;
  check_equal(send_to(sender, "one", &address), 3);
  check_equal(send_to(sender, "second", &address), 6);
  check_equal(rouse_udp_receive_from(fd, buffer, sizeof buffer, (struct sockaddr *)&from, &size,
                                     ROUSE_FOREVER),
              3);
  check_string(buffer, "one");
  check_equal(size, sizeof from);
  check_equal(from.sin_port, other.sin_port);
  check_equal(from.sin_addr.s_addr, other.sin_addr.s_addr);
  check_equal(rouse_udp_receive_from(fd, buffer, sizeof buffer, NULL, NULL, ROUSE_FOREVER), 6);
  check_string(buffer, "second");
  check_result(rouse_file_close(sender), ROUSE_DONE);
  return rouse_file_close(fd);
}

CLAIM(empty_datagram_is_one_and_no_end) {
  struct sockaddr_in address;
  rouse_fd fd = bind_here(&address);
  char buffer[4] = {0};
  check_equal(send_to(fd, "", &address), 0);
  check_equal(send_to(fd, "x", &address), 1);
  check_equal(rouse_udp_receive_from(fd, buffer, sizeof buffer, NULL, NULL, ROUSE_FOREVER), 0);
  check_equal(rouse_udp_receive_from(fd, buffer, sizeof buffer, NULL, NULL, ROUSE_FOREVER), 1);
  return rouse_file_close(fd);
}

CLAIM(datagram_longer_than_the_buffer_is_reported_and_only_it) {
  struct sockaddr_in address, from;
  rouse_fd fd = bind_here(&address);
  char buffer[5] = "....";
  uint32_t size = sizeof from;
  check_equal(send_to(fd, "0123456789", &address), 10);
  check_equal(send_to(fd, "next", &address), 4);
  check_result(
      rouse_udp_receive_from(fd, buffer, 3, (struct sockaddr *)&from, &size, ROUSE_FOREVER),
      ROUSE_EMSGSIZE);
  check_string(buffer, "012.");
  check_equal(from.sin_port, address.sin_port);
  // One that fits exactly was not cut.
  check_equal(rouse_udp_receive_from(fd, buffer, 4, NULL, NULL, ROUSE_FOREVER), 4);
  check_string(buffer, "next");
  return rouse_file_close(fd);
}

CLAIM(address_without_enough_room_is_cut_and_tells_its_size) {
  struct sockaddr_in address;
  rouse_fd fd = bind_here(&address);
  struct {
    char bytes[4], after;
  } from = {{0}, 'a'};
  uint32_t size = sizeof from.bytes;
  char buffer[4];
  check_equal(send_to(fd, "x", &address), 1);
  check_equal(rouse_udp_receive_from(fd, buffer, sizeof buffer, (struct sockaddr *)(void *)&from,
                                     &size, ROUSE_FOREVER),
              1);
  check(size >= sizeof from.bytes);
  check_equal(from.after, 'a');
  return rouse_file_close(fd);
}

CLAIM(no_room_for_the_sender_is_no_question) {
  struct sockaddr_in address, from;
  rouse_fd fd = bind_here(&address);
  char byte;
  uint32_t size = 0;
  check_equal(send_to(fd, "x", &address), 1);
  check_equal(rouse_udp_receive_from(fd, &byte, 1, (struct sockaddr *)&from, &size, ROUSE_FOREVER),
              1);
  check_equal(size, 0);
  return rouse_file_close(fd);
}

CLAIM(connected_socket_needs_no_address_and_hears_its_peer_only) {
  struct sockaddr_in address, stranger_address, client_address;
  rouse_fd server = bind_here(&address), stranger = bind_here(&stranger_address);
  rouse_fd client = rouse_udp_connect((struct sockaddr *)&address, sizeof address);
  check(client >= 0);
  uint32_t size = sizeof client_address;
  check_result(rouse_socket_address(client, (struct sockaddr *)&client_address, &size), ROUSE_DONE);
  struct sockaddr_in peer;
  size = sizeof peer;
  check_result(rouse_socket_peer(client, (struct sockaddr *)&peer, &size), ROUSE_DONE);
  check_equal(peer.sin_port, address.sin_port);
  char buffer[16];
  check_equal(rouse_udp_send_to(client, "hello", 5, NULL, 0, ROUSE_FOREVER), 5);
  check_equal(rouse_udp_receive_from(server, buffer, sizeof buffer, NULL, NULL, ROUSE_FOREVER), 5);
  check_equal(send_to(stranger, "strange", &client_address), 7);
  check_equal(send_to(server, "back", &client_address), 4);
  check_equal(rouse_udp_receive_from(client, buffer, sizeof buffer, NULL, NULL, ROUSE_FOREVER), 4);
  check(!memcmp(buffer, "back", 4));
  check_result(rouse_file_close(client), ROUSE_DONE);
  check_result(rouse_file_close(stranger), ROUSE_DONE);
  return rouse_file_close(server);
}

CLAIM(send_without_a_peer_or_too_long_is_refused) {
  struct sockaddr_in address;
  rouse_fd fd = bind_here(&address);
  int64_t result = rouse_udp_send_to(fd, "x", 1, NULL, 0, ROUSE_FOREVER);
  if (result != ROUSE_EDESTADDRREQ) check_result(result, ROUSE_ENOTCONN);
  char *large = calloc(1, 70000);
  check(large);
  check_result(rouse_udp_send_to(fd, large, 70000, (struct sockaddr *)&address, sizeof address,
                                 ROUSE_FOREVER),
               ROUSE_EMSGSIZE);
  free(large);
  check_result(rouse_udp_receive_from(9999, NULL, 0, NULL, NULL, ROUSE_FOREVER), ROUSE_EBADF);
  check_result(rouse_udp_bind((struct sockaddr *)&address, sizeof address), ROUSE_EADDRINUSE);
  check_result(rouse_udp_bind((struct sockaddr *)&address, 1), ROUSE_EINVAL);
  return rouse_file_close(fd);
}

CLAIM(receive_gives_up_at_its_deadline_and_when_cancelled) {
  struct sockaddr_in address;
  rouse_fd fd = bind_here(&address);
  char buffer[4];
  int64_t deadline_ns = rouse_deadline_in_ns(2 * MILLISECOND);
  check_result(rouse_udp_receive_from(fd, buffer, sizeof buffer, NULL, NULL, deadline_ns),
               ROUSE_ETIMEDOUT);
  check(rouse_now_ns() >= deadline_ns);
  // The socket goes on.
  check_equal(send_to(fd, "x", &address), 1);
  check_equal(rouse_udp_receive_from(fd, buffer, sizeof buffer, NULL, NULL, ROUSE_FOREVER), 1);
  return rouse_file_close(fd);
}

static int64_t receive_one(void *argument) {
  char buffer[4];
  return rouse_udp_receive_from(*(rouse_fd *)argument, buffer, sizeof buffer, NULL, NULL,
                                ROUSE_FOREVER);
}

CLAIM(cancel_against_arrival_loses_no_datagram) {
  struct sockaddr_in address;
  rouse_fd fd = bind_here(&address);
  random_source random = random_from(7);
  int sent = 0, received = 0;
  char buffer[4];
  for (int i = 0; i < 300; i++) {
    rouse_task *task = test_spawn(NULL, receive_one, &fd);
    rouse_task_yield();
    bool first = random_one_in(&random, 2);
    if (first) sent += send_to(fd, "x", &address) == 1;
    rouse_task_cancel(task);
    if (!first) sent += send_to(fd, "x", &address) == 1;
    int64_t result = test_join(task);
    if (result == 1) {
      received++;
    } else {
      check_result(result, ROUSE_ECANCELED);
      while (rouse_udp_receive_from(fd, buffer, sizeof buffer, NULL, NULL,
                                    rouse_deadline_in_ns(5 * SECOND)) == 1) {
        received++;
        if (received == sent) break;
      }
    }
  }
  check_equal(received, sent);
  return rouse_file_close(fd);
}

static void datagrams_complete_by_callback(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  struct sockaddr_in address, from;
  rouse_fd fd = bind_here(&address);
  test_io sending, receiving;
  test_io_init(&sending, loop, NULL);
  test_io_init(&receiving, loop, NULL);
  char buffer[3];
  uint32_t size = sizeof from;
  check_result(rouse_udp_receive_from_start(&receiving.io, fd, buffer, sizeof buffer,
                                            (struct sockaddr *)&from, &size, ROUSE_FOREVER),
               ROUSE_PENDING);
  test_loop_settle(loop);
  check_equal(receiving.completed, 0);
  check_result(rouse_udp_send_to_start(&sending.io, fd, "four", 4, (struct sockaddr *)&address,
                                       sizeof address, ROUSE_FOREVER),
               ROUSE_PENDING);
  test_loop_run_until(loop, &sending.completed, 1);
  test_loop_run_until(loop, &receiving.completed, 1);
  check_equal(sending.result, 4);
  check_result(receiving.result, ROUSE_EMSGSIZE);
  check_result(receiving.reported, ROUSE_EMSGSIZE);
  check_equal(from.sin_port, address.sin_port);
  check_result(rouse_udp_receive_from_start(&receiving.io, fd, buffer, sizeof buffer, NULL, NULL,
                                            ROUSE_FOREVER),
               ROUSE_PENDING);
  rouse_wait_cancel(&receiving.io.wait);
  test_loop_run_until(loop, &receiving.completed, 2);
  check_result(receiving.reported, ROUSE_ECANCELED);
  test_close(fd);
  test_loop_destroy(loop);
}

CLAIM(options_are_set_read_and_checked) {
  struct sockaddr_in address = anywhere;
  rouse_fd fd = rouse_udp_bind((struct sockaddr *)&address, sizeof address);
  check(fd >= 0);
  int value = -7;
  check_result(rouse_socket_get(fd, ROUSE_SOCKET_BROADCAST, &value), ROUSE_DONE);
  check_equal(value, 0);
  check_result(rouse_socket_set(fd, ROUSE_SOCKET_BROADCAST, 1), ROUSE_DONE);
  check_result(rouse_socket_get(fd, ROUSE_SOCKET_BROADCAST, &value), ROUSE_DONE);
  check_equal(value, 1);
  check_result(rouse_socket_set(fd, ROUSE_SOCKET_RECEIVE_BUFFER, 65536), ROUSE_DONE);
  check_result(rouse_socket_get(fd, ROUSE_SOCKET_RECEIVE_BUFFER, &value), ROUSE_DONE);
  check(value >= 32768);
  check_result(rouse_socket_get(fd, ROUSE_SOCKET_ERROR, &value), ROUSE_DONE);
  check_equal(value, 0);
  check_result(rouse_socket_set(fd, ROUSE_SOCKET_ERROR, 1), ROUSE_EINVAL);
  check_result(rouse_socket_set(fd, ROUSE_SOCKET_BROADCAST, 2), ROUSE_EINVAL);
  check_result(rouse_socket_set(fd, ROUSE_SOCKET_OPTIONS, 1), ROUSE_EINVAL);
  check_result(rouse_socket_get(fd, (rouse_socket_option)-1, &value), ROUSE_EINVAL);
  check_result(rouse_socket_set(9999, ROUSE_SOCKET_BROADCAST, 1), ROUSE_EBADF);
  return rouse_file_close(fd);
}

CLAIM(options_of_streams_are_set_and_read) {
  tcp_pair pair = tcp_pair_make();
  int value;
  check_result(rouse_socket_set(pair.client, ROUSE_SOCKET_NO_DELAY, 0), ROUSE_DONE);
  check_result(rouse_socket_get(pair.client, ROUSE_SOCKET_NO_DELAY, &value), ROUSE_DONE);
  check_equal(value, 0);
  check_result(rouse_socket_set(pair.client, ROUSE_SOCKET_KEEP_ALIVE, 1), ROUSE_DONE);
  check_result(rouse_socket_get(pair.client, ROUSE_SOCKET_KEEP_ALIVE, &value), ROUSE_DONE);
  check_equal(value, 1);
  check_result(rouse_socket_get(pair.client, ROUSE_SOCKET_LINGER, &value), ROUSE_DONE);
  check_equal(value, -1);
  check_result(rouse_socket_set(pair.client, ROUSE_SOCKET_LINGER, 7), ROUSE_DONE);
  check_result(rouse_socket_get(pair.client, ROUSE_SOCKET_LINGER, &value), ROUSE_DONE);
  check_equal(value, 7);
  check_result(rouse_socket_set(pair.client, ROUSE_SOCKET_LINGER, 0), ROUSE_DONE);
  // A close that does not linger throws away, and the peer sees a reset.
  check_result(rouse_file_close(pair.client), ROUSE_DONE);
  pair.client = -1;
  char byte;
  int64_t received = rouse_tcp_receive(pair.server, &byte, 1, ROUSE_FOREVER);
  if (received || system_tells_of_resets()) check_result(received, ROUSE_ECONNRESET);
  tcp_pair_close(&pair);
  return 0;
}

// Sends |text| to whom |fd| is connected to, and receives it at |to|, from |from|.
static void check_arrives(rouse_fd fd, const char *text, rouse_fd to,
                          const struct sockaddr_in *from) {
  const int64_t length = (int64_t)strlen(text);
  struct sockaddr_in sender = {0};
  uint32_t size = sizeof sender;
  char buffer[16];
  check_equal(rouse_udp_send_to(fd, text, strlen(text), NULL, 0, ROUSE_FOREVER), length);
  check_equal(rouse_udp_receive_from(to, buffer, sizeof buffer, (struct sockaddr *)&sender, &size,
                                     ROUSE_FOREVER),
              length);
  check(!memcmp(buffer, text, strlen(text)));
  check_equal(sender.sin_port, from->sin_port);
}

CLAIM(peer_of_a_bound_socket_can_be_set_and_set_anew) {
  struct sockaddr_in address, first_address, second_address, peer;
  rouse_fd fd = bind_here(&address);
  rouse_fd first = bind_here(&first_address), second = bind_here(&second_address);
  check_result(rouse_udp_set_peer(fd, (struct sockaddr *)&first_address, sizeof first_address),
               ROUSE_DONE);
  check_arrives(fd, "one", first, &address);
  check_equal(rouse_socket_port(fd), ntohs(address.sin_port));  // where it was bound
  check_result(rouse_udp_set_peer(fd, (struct sockaddr *)&second_address, sizeof second_address),
               ROUSE_DONE);
  uint32_t size = sizeof peer;
  check_result(rouse_socket_peer(fd, (struct sockaddr *)&peer, &size), ROUSE_DONE);
  check_equal(peer.sin_port, second_address.sin_port);
  check_arrives(fd, "second", second, &address);
  // It hears the second only, now.
  char buffer[16];
  check_equal(send_to(first, "strange", &address), 7);
  check_equal(send_to(second, "back", &address), 4);
  check_equal(rouse_udp_receive_from(fd, buffer, sizeof buffer, NULL, NULL, ROUSE_FOREVER), 4);
  check(!memcmp(buffer, "back", 4));
  check_result(rouse_file_close(first), ROUSE_DONE);
  check_result(rouse_file_close(second), ROUSE_DONE);
  return rouse_file_close(fd);
}

CLAIM(peer_of_the_wrong_descriptor_or_size_is_refused) {
  struct sockaddr_in address, peer;
  rouse_fd fd = bind_here(&address), ends[2];
  test_pipe(ends);
  check_result(rouse_udp_set_peer(9999, (struct sockaddr *)&address, sizeof address), ROUSE_EBADF);
  check_result(rouse_udp_set_peer(ends[0], (struct sockaddr *)&address, sizeof address),
               ROUSE_ENOTSOCK);
#ifdef __linux__
  check_result(rouse_udp_set_peer(fd, (struct sockaddr *)&address, 1), ROUSE_EINVAL);
  address.sin_family = 999;
  check_result(rouse_udp_set_peer(fd, (struct sockaddr *)&address, sizeof address),
               ROUSE_EAFNOSUPPORT);
#endif
  uint32_t size = sizeof peer;
  check_result(rouse_socket_peer(fd, (struct sockaddr *)&peer, &size), ROUSE_ENOTCONN);
  test_close(ends[0]);
  test_close(ends[1]);
  return rouse_file_close(fd);
}

#ifdef __linux__  // where it is known what the system says to it

// A socket that may use no gateway, and an address that is on no network of this host's.
CLAIM(datagram_without_a_route_is_refused) {
  struct sockaddr_in address;
  rouse_fd fd = rouse_udp_bind((const struct sockaddr *)&anywhere, sizeof anywhere);
  check(fd >= 0);
  const int on = 1;
  check_system(setsockopt(fd, SOL_SOCKET, SO_DONTROUTE, &on, sizeof on));
  address = (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0xf0000001)};
  if (sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof address) >= 0) {
    print_message("           all addresses are on this host's network\n");
    return rouse_file_close(fd);
  }
  check_result(send_to(fd, "x", &address), ROUSE_ENETUNREACH);
  check_result(rouse_udp_set_peer(fd, (struct sockaddr *)&address, sizeof address),
               ROUSE_ENETUNREACH);
  // The socket goes on.
  struct sockaddr_in to;
  rouse_fd other = bind_here(&to);
  char byte;
  check_equal(send_to(fd, "x", &to), 1);
  check_equal(rouse_udp_receive_from(other, &byte, 1, NULL, NULL, ROUSE_FOREVER), 1);
  check_result(rouse_file_close(other), ROUSE_DONE);
  return rouse_file_close(fd);
}

CLAIM(connected_local_stream_takes_no_address) {
  char room[ROUSE_SOCKET_ADDRESS_MAX];
  struct sockaddr *address = (struct sockaddr *)(void *)room;
  uint32_t size = sizeof room;
  rouse_fd ends[2];
  check_result(rouse_unix_address("@rouse-nobody", address, &size), ROUSE_DONE);
  check_result(rouse_unix_pair(false, ends), ROUSE_DONE);
  check_result(rouse_udp_send_to(ends[0], "x", 1, address, size, ROUSE_FOREVER), ROUSE_EISCONN);
  check_equal(rouse_udp_send_to(ends[0], "y", 1, NULL, 0, ROUSE_FOREVER), 1);
  check_equal(test_take(ends[1]), 'y');  // and nothing before it
  check_result(rouse_file_close(ends[0]), ROUSE_DONE);
  return rouse_file_close(ends[1]);
}

CLAIM(options_of_another_kind_of_socket_are_refused) {
  struct sockaddr_in address;
  rouse_fd fd = bind_here(&address), ends[2];
  int value = -7;
  check_result(rouse_socket_set(fd, ROUSE_SOCKET_NO_DELAY, 1), ROUSE_ENOPROTOOPT);
  check_result(rouse_socket_set(fd, ROUSE_SOCKET_KEEP_IDLE, 60), ROUSE_ENOPROTOOPT);
  check_result(rouse_socket_set(fd, ROUSE_SOCKET_ONLY_V6, 1), ROUSE_ENOPROTOOPT);
  check(rouse_socket_get(fd, ROUSE_SOCKET_NO_DELAY, &value) < 0);
  check_result(rouse_unix_pair(false, ends), ROUSE_DONE);
  check_result(rouse_socket_set(ends[0], ROUSE_SOCKET_NO_DELAY, 1), ROUSE_ENOTSUP);
  check(rouse_socket_get(ends[0], ROUSE_SOCKET_NO_DELAY, &value) < 0);
  check_equal(value, -7);
  check_result(rouse_file_close(ends[0]), ROUSE_DONE);
  check_result(rouse_file_close(ends[1]), ROUSE_DONE);
  return rouse_file_close(fd);
}

#endif

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(datagram_arrives_whole_and_tells_its_sender),
      cmocka_unit_test(empty_datagram_is_one_and_no_end),
      cmocka_unit_test(datagram_longer_than_the_buffer_is_reported_and_only_it),
      cmocka_unit_test(address_without_enough_room_is_cut_and_tells_its_size),
      cmocka_unit_test(no_room_for_the_sender_is_no_question),
      cmocka_unit_test(connected_socket_needs_no_address_and_hears_its_peer_only),
      cmocka_unit_test(send_without_a_peer_or_too_long_is_refused),
      cmocka_unit_test(receive_gives_up_at_its_deadline_and_when_cancelled),
      cmocka_unit_test(cancel_against_arrival_loses_no_datagram),
      cmocka_unit_test(datagrams_complete_by_callback),
      cmocka_unit_test(options_are_set_read_and_checked),
      cmocka_unit_test(options_of_streams_are_set_and_read),
      cmocka_unit_test(peer_of_a_bound_socket_can_be_set_and_set_anew),
      cmocka_unit_test(peer_of_the_wrong_descriptor_or_size_is_refused),
#ifdef __linux__
      cmocka_unit_test(datagram_without_a_route_is_refused),
      cmocka_unit_test(connected_local_stream_takes_no_address),
      cmocka_unit_test(options_of_another_kind_of_socket_are_refused),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
