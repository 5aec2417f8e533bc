// Addresses, options and events of sockets, as this system has them; and what is done with them by
// system calls that do not wait.
#ifndef ROUSE_TESTS_SOCKETS_H
#define ROUSE_TESTS_SOCKETS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

// What a poll for POLLIN says where there is something to read.
enum { POLLED_INPUT = POLLIN };
// What a poll asks for to be told that the peer has finished.
#define POLLED_END POLLRDHUP

// Whether who receives is told that the peer has reset the connection before.
static inline bool system_tells_of_resets(void) { return true; }

// Sends into |fd| what there is room for. How many bytes that were.
static inline int64_t socket_fill(int fd) {
  static char block[65536];
  int64_t sum = 0, size;
  while ((size = send(fd, block, sizeof block, MSG_DONTWAIT)) > 0) sum += size;
  return sum;
}

// Takes what |fd| has received. How many bytes that were.
static inline int64_t socket_drain(int fd) {
  static char block[65536];
  int64_t sum = 0, size;
  while ((size = recv(fd, block, sizeof block, MSG_DONTWAIT)) > 0) sum += size;
  return sum;
}

#endif
