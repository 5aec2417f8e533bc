// File operations as plain system calls that block, for threads of the pool.
#ifndef ROUSE_RUNTIME_PERFORM_H
#define ROUSE_RUNTIME_PERFORM_H

#include "runtime/backend.h"

// Makes the system call of |io|, a file operation, and returns its result or a negative ROUSE_E…
// code; ROUSE_ENOSYS for operations that are none on files. Any thread; blocks; leaves errno as it
// was.
int64_t rouse__file_perform(rouse_io *io);

// --- reads of nothing: at once, from pipes and sockets, too --------------------------------------

// Whether |io| is a read of no bytes.
bool rouse__reads_nothing(const rouse_io *io);
// Makes |io| if it is one from a pipe or a socket, or from nothing that is open: true, and 0 or
// what it fails with. Does not wait.
bool rouse__read_nothing(const rouse_io *io, int *out_result);

// --- messages: operations that take more than one address or piece of memory ---------------------

struct msghdr;

// What the system calls on messages take for |io| (RECEIVE_SPANS, SEND_SPANS, RECEIVE_FROM,
// SEND_TO), laid out in io->system: it must stay there until the operation ends.
struct msghdr *rouse__message_prepare(rouse_io *io);
// Such an operation has moved |moved| bytes: stores the peer's address size; the result.
int64_t rouse__message_result(rouse_io *io, int64_t moved);

#endif
