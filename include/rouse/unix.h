// Local sockets: addresses and pairs. The calls of tcp.h serve their streams and those of udp.h
// their datagrams; nothing else is different, but that addresses are paths.
//
// A listener's path stays when it is closed, and is the caller's to remove (rouse_file_unlink())
// before another can listen there: rouse_tcp_listen() gives ROUSE_EADDRINUSE.
//
// Systems: Linux, on every backend. On Windows
//   pairs      are sockets of TCP or UDP on this host (127.0.0.1) that are connected to each other:
//              the listener is gone, and datagrams that others send from then on are dropped. They
//              have addresses, which a receiver of datagrams is told, and a datagram that finds no
//              room is lost;
//   addresses  are filled in, but rouse_tcp_connect() and rouse_udp_bind() refuse them, with
//              ROUSE_ENOTSUP, or with ROUSE_EAFNOSUPPORT or ROUSE_EPROTONOSUPPORT where that is the
//              system's answer.
//
// Threads: any. None of these functions waits.
#ifndef ROUSE_UNIX_H
#define ROUSE_UNIX_H

#include <rouse/socket.h>

ROUSE_BEGIN_C

// The address of the local socket |path|.
//
// |path|  Ends with a NUL. One that begins with '@' names no file, but a socket in a space of names
//         of its own, which goes with the socket (Linux).
// |size|  In: the room at |address|, at least that of a sockaddr_un; ROUSE_SOCKET_ADDRESS_MAX is
//         enough. Out: what to pass on as the address's size.
//
// Returns ROUSE_DONE; ROUSE_EINVAL: an empty path, or too little room; ROUSE_ENAMETOOLONG: a path
//   longer than the system has room for (107 bytes on Linux).
ROUSE_API int rouse_unix_address(const char *path, struct sockaddr *address, uint32_t *size);

// Two connected local sockets, of streams or (|datagrams|) of datagrams. Both close on exec; on
// Windows neither is inherited.
// Returns ROUSE_DONE, or ROUSE_EMFILE, ROUSE_ENFILE, ROUSE_ENOTSUP; on Windows also what making a
//   connection over the loopback may fail with.
ROUSE_API int rouse_unix_pair(bool datagrams, rouse_fd out_fds[2]);

ROUSE_END_C
#endif
