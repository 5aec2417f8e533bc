// What the TCP functions need of the system besides operations: sockets, before anything is waited
// for. All return a descriptor, a number or 0, or a negative ROUSE_E… code. None of them waits.
#ifndef ROUSE_PLATFORM_SOCKET_H
#define ROUSE_PLATFORM_SOCKET_H

#include <rouse/api.h>

struct sockaddr;

// A stream socket of |address|'s family, closed on exec, Nagle's delay off.
int rouse__socket_open(const struct sockaddr *address, uint32_t size, bool blocking);
// The same, bound to |address| and listening.
int rouse__socket_listen(const struct sockaddr *address, uint32_t size, int backlog, bool blocking);
// The port that |fd| is bound to.
int rouse__socket_port(int fd);
void rouse__socket_close(int fd);

#endif
