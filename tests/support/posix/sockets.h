// Addresses, options and events of sockets, as this system has them.
#ifndef ROUSE_TESTS_SOCKETS_H
#define ROUSE_TESTS_SOCKETS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../check.h"

// qemu's user mode writes all of an address, however little room it was given.
static inline bool system_cuts_addresses(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct {
    char bytes[4], after;
  } from = {{0}, 'a'};
  char byte = 'x';
  struct iovec span = {&byte, 1};
  struct msghdr message = {
      .msg_name = &from, .msg_namelen = sizeof from.bytes, .msg_iov = &span, .msg_iovlen = 1};
  socklen_t size = sizeof address;
  int fd = (int)check_system(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  check_system(bind(fd, (struct sockaddr *)&address, size));
  check_system(getsockname(fd, (struct sockaddr *)&address, &size));
  check_equal(sendto(fd, &byte, 1, 0, (struct sockaddr *)&address, size), 1);
  check_equal(recvmsg(fd, &message, 0), 1);
  check_system(close(fd));
  return from.after == 'a';
}

// Whether who receives is told that the peer has reset the connection before.
static inline bool system_tells_of_resets(void) { return true; }

#endif
