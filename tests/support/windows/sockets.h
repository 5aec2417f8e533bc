// Addresses, options and events of sockets, as this system has them.
#ifndef ROUSE_TESTS_SOCKETS_H
#define ROUSE_TESTS_SOCKETS_H

#include <rouse/windows.h>
#include <stdbool.h>
// After it, for it does without what these define.
#include <winsock2.h>
#include <ws2tcpip.h>

// What a poll for POLLIN says where there is something to read: that asks for urgent data, too.
enum { POLLED_INPUT = POLLRDNORM };
// What a poll asks for to be told that the peer has finished: there is no other name for it.
#define POLLED_END POLLRDNORM

// Whether who receives is told that the peer has reset the connection before. Wine says that it was
// closed.
bool system_tells_of_resets(void);

#endif
