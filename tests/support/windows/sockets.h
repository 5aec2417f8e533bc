// Addresses, options and events of sockets, as this system has them.
#ifndef ROUSE_TESTS_SOCKETS_H
#define ROUSE_TESTS_SOCKETS_H

#include <rouse/windows.h>
// After it, for it does without what these define.
#include <winsock2.h>
#include <ws2tcpip.h>

#endif
