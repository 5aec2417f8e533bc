// A receiver: one operation that goes on receiving from a connection, into buffers that are taken
// only when there is something to put into them.
//
// Thousands of connections that are mostly silent then need a few buffers, not one each. On a ring
// that can (Linux 6.0 and later) the kernel takes the buffers by itself and is asked once for each
// connection; elsewhere one is taken when the socket is ready.
//
// When all buffers of a group are out, nothing is received until one is returned: bytes stay in the
// sockets, and their peers are held back. Nothing is lost, and the receivers go on by themselves.
#ifndef ROUSE_RECEIVER_H
#define ROUSE_RECEIVER_H

#include <rouse/tcp.h>

ROUSE_BEGIN_C

// --- buffers -------------------------------------------------------------------------------------

// A group of buffers of the same size, for the receivers of one loop.
typedef struct rouse_buffers rouse_buffers;

// A group of |count| buffers (1 .. 32768) of |size| bytes each (1 .. 2^24), for the calling
// thread's loop.
// Returns ROUSE_DONE and |*out_buffers|; ROUSE_EINVAL, ROUSE_ENOLOOP, ROUSE_EFORKED, ROUSE_ENOMEM.
// Ownership: the caller's until rouse_buffers_destroy(). Threads: its loop's, for all functions.
ROUSE_API int rouse_buffers_create(uint32_t count, uint32_t size, rouse_buffers **out_buffers);

// Frees |buffers|. NULL does nothing.
// Returns ROUSE_DONE; ROUSE_EBUSY, and nothing was done: buffers are out, or it has receivers that
//   were not destroyed.
ROUSE_API int rouse_buffers_destroy(rouse_buffers *buffers);

// Gives a buffer back. |data|: what rouse_receiver_next() gave, exactly once; another pointer is a
// caller's bug (debug builds abort).
ROUSE_API void rouse_buffers_return(rouse_buffers *buffers, void *data);

// How many buffers are not out: neither with the caller nor, with bytes, in a receiver.
ROUSE_API uint32_t rouse_buffers_free(const rouse_buffers *buffers);

// --- receivers -----------------------------------------------------------------------------------

typedef struct rouse_receiver rouse_receiver;

// A receiver from |fd| into |buffers|, on the loop of those.
//
// |fd|  A connected socket of streams, which stays the caller's: to be closed after the receiver's
//       destruction. While it lives, nobody else may receive from |fd|.
//
// Returns ROUSE_DONE and |*out_receiver|; ROUSE_ENOLOOP (another thread's buffers), ROUSE_EFORKED,
//   ROUSE_ENOMEM.
// Ownership: the caller's until rouse_receiver_destroy(). Threads: its loop's, for all functions.
ROUSE_API int rouse_receiver_create(rouse_fd fd, rouse_buffers *buffers,
                                    rouse_receiver **out_receiver);

// Ends |receiver|. NULL does nothing. Bytes that nobody took are thrown away, and their buffers
// given back; calls that wait in it end with ROUSE_ECLOSED.
// Threads: the loop's. Never waits: the system may use one more buffer until the loop has run; a
// loop does not end before the operation has.
ROUSE_API void rouse_receiver_destroy(rouse_receiver *receiver);

// The next bytes, in order.
//
// |out_data|  Where they are: a buffer of the group, the caller's until rouse_buffers_return().
//             Written before the completion, and only if the result is above 0.
//
// Returns how many, above 0; 0: the peer has finished sending; ROUSE_ECONNRESET and other failures
//   of rouse_tcp_receive(). The end and failures come after all bytes, and again at each call.
//   ROUSE_ECLOSED (destroyed), ROUSE_ETIMEDOUT, ROUSE_ECANCELED, ROUSE_ENOLOOP, ROUSE_EFORKED,
//   ROUSE_EDEADLK.
// Cancellation, deadline: give up the place; the bytes go to the next call. None is lost. With a
//   deadline already past it gives what has arrived at the receiver. At the first call that is
//   nothing, whatever waits in the socket, for this call begins the operation.
ROUSE_API int64_t rouse_receiver_next(rouse_receiver *receiver, void **out_data,
                                      int64_t deadline_ns);
// The form for callbacks. Returns ROUSE_PENDING or a failure, as in io.h.
ROUSE_API int rouse_receiver_next_start(rouse_receiver *receiver, rouse_io *io, void **out_data,
                                        int64_t deadline_ns);

ROUSE_END_C
#endif
