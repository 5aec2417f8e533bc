// Addresses, options and events of sockets, as this system has them.
#ifndef ROUSE_TESTS_SOCKETS_H
#define ROUSE_TESTS_SOCKETS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

// What a poll for POLLIN says where there is something to read.
enum { POLLED_INPUT = POLLIN };
// What a poll asks for to be told that the peer has finished.
#define POLLED_END POLLRDHUP

// Whether who receives is told that the peer has reset the connection before.
static inline bool system_tells_of_resets(void) { return true; }

#endif
