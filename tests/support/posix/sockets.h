// Addresses, options and events of sockets, as this system has them.
#ifndef ROUSE_TESTS_SOCKETS_H
#define ROUSE_TESTS_SOCKETS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#endif
