// An acceptor: one operation that goes on accepting connections, and hands them out one at a time.
//
// It costs less than an accept for each connection: on a ring that can (Linux 5.19 and later) the
// kernel is asked once, and connections arrive as they come, if there is room for many (see
// |queue_max|); elsewhere one readiness serves many.
// The operation begins with the first call of rouse_acceptor_next().
#ifndef ROUSE_ACCEPTOR_H
#define ROUSE_ACCEPTOR_H

#include <rouse/tcp.h>

ROUSE_BEGIN_C

typedef struct rouse_acceptor rouse_acceptor;

// An acceptor for |listener|, on the calling thread's loop.
//
// |listener|   A listening socket, which stays the caller's: to be closed after the acceptor's
//              destruction. While it lives, nobody else should accept from |listener| on this loop.
// |queue_max|  How many connections it may hold that nobody has asked for; 1 and above, 0: 64. When
//              it holds so many it stops, and begins again when half of them are taken; what
//              arrives meanwhile waits in the system. Below 64 that is a limit on every backend.
//              From 64 on "io_uring" takes all that the system has whenever it begins, so that it
//              may hold as many more as the listener's backlog lets wait.
//
// Returns ROUSE_DONE and |*out_acceptor|; ROUSE_ENOLOOP, ROUSE_EFORKED, ROUSE_ENOMEM.
// Ownership: the caller's until rouse_acceptor_destroy(). Threads: its loop's, for all functions.
ROUSE_API int rouse_acceptor_create(rouse_fd listener, uint32_t queue_max,
                                    rouse_acceptor **out_acceptor);

// Ends |acceptor|. NULL does nothing. Connections that it holds are closed; calls that wait in it
// end with ROUSE_ECLOSED. The system may let go of the listener only a moment later, but what
// arrives then is closed.
// Threads: the loop's. Never waits: a loop does not end before the operation has.
ROUSE_API void rouse_acceptor_destroy(rouse_acceptor *acceptor);

// The next connection, in the order of arrival. Several may wait, and are served in their order.
//
// Returns its descriptor; ROUSE_ECLOSED (destroyed), ROUSE_ETIMEDOUT, ROUSE_ECANCELED, or what the
//   system refused to accept with (see rouse_tcp_accept()): that is reported once, in its place
//   among the connections, and the next call makes the acceptor go on. A connection that was given
//   up by its peer is none, and not reported. ROUSE_ENOLOOP, ROUSE_EFORKED, ROUSE_EDEADLK.
// Cancellation, deadline: give up the place; the connection goes to the next. None is lost. With a
//   deadline already past it gives what has arrived at the acceptor. At the first call that is
//   nothing, whatever waits in the system, for this call begins the operation.
ROUSE_API int rouse_acceptor_next(rouse_acceptor *acceptor, int64_t deadline_ns);
// The form for callbacks. Returns ROUSE_PENDING or a failure, as in io.h.
ROUSE_API int rouse_acceptor_next_start(rouse_acceptor *acceptor, rouse_io *io,
                                        int64_t deadline_ns);

ROUSE_END_C
#endif
