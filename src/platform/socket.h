// What the socket functions need of the system besides operations: all that is not waited for. All
// return a descriptor, a number or 0, or a negative ROUSE_E… code. errno is left as it was.
#ifndef ROUSE_PLATFORM_SOCKET_H
#define ROUSE_PLATFORM_SOCKET_H

#include <rouse/api.h>

struct sockaddr;

// A socket of |address|'s family, closed on exec; of streams (Nagle's delay off) or datagrams.
int rouse__socket_open(const struct sockaddr *address, uint32_t size, bool datagrams,
                       bool blocking);
// A stream socket, bound to |address| and listening.
int rouse__socket_listen(const struct sockaddr *address, uint32_t size, int backlog, bool blocking);
int rouse__socket_bind(int fd, const struct sockaddr *address, uint32_t size);
// Connects a socket of datagrams, which does not wait.
int rouse__socket_set_peer(int fd, const struct sockaddr *address, uint32_t size);
int rouse__socket_pair(bool datagrams, bool blocking, int out_fds[2]);
void rouse__socket_close(int fd);

// Receives what is there, without waiting: the bytes, 0 at the end, ROUSE_EAGAIN, or a failure.
int64_t rouse__socket_receive_now(int fd, void *buffer, uint32_t size);

// The address that |fd| is bound to, or its peer's.
int rouse__socket_address(int fd, bool of_peer, struct sockaddr *address, uint32_t *size);
// The port that |fd| is bound to.
int rouse__socket_port(int fd);
// The address of the local socket |path|; see unix.h.
int rouse__socket_local_address(const char *path, struct sockaddr *address, uint32_t *size);

// Options, by their public numbers; see socket.h.
int rouse__socket_set(int fd, int option, int value);
int rouse__socket_get(int fd, int option, int *out_value);

// On Windows: makes sockets available to the process. Cheap after the first call. False: there are
// none.
bool rouse__socket_start(void);
// On Windows: whether |fd| is a socket.
bool rouse__socket_is(int fd);
// On Windows: the code for the last error of a call with |fd|.
int rouse__socket_error(int fd);

#endif
