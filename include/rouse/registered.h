// Buffers and files that a loop announces to the system once, so that operations on them cost less:
// the kernel needs not look up the descriptor, or pin the pages, each time. Operations are started
// as ever; those that can use what is registered do.
//
// It is an option. Where the system has no such thing (every backend but "io_uring") the functions
// do nothing and say so, and operations work the same.
//
// Threads: the loop's. None of these functions waits for an operation.
#ifndef ROUSE_REGISTERED_H
#define ROUSE_REGISTERED_H

#include <rouse/io.h>
#include <rouse/loop.h>

ROUSE_BEGIN_C

// The most registered buffers and files of one loop.
enum { ROUSE_REGISTERED_BUFFERS_MAX = 64, ROUSE_REGISTERED_FILES_MAX = 1024 };

// Registers |buffers|: rouse_file_read() and rouse_file_write(), in all their forms, use them for
// memory that lies within one of them.
//
// |count|  1 .. ROUSE_REGISTERED_BUFFERS_MAX, each above 0 and up to 2^30 bytes.
//
// Returns 1: registered; 0: this backend or kernel has no registered buffers, nothing was done;
//   ROUSE_EINVAL, ROUSE_EBUSY (some are registered already), ROUSE_ENOMEM (also: more than
//   RLIMIT_MEMLOCK allows to be pinned), ROUSE_EFAULT (not all of it is memory), ROUSE_ENOTSUP
//   (memory of a file that can't be pinned).
// Ownership: the memory stays the caller's, and must stay mapped until it is unregistered.
//   |buffers| is copied.
ROUSE_API int rouse_loop_register_buffers(rouse_loop *loop, const rouse_span *buffers,
                                          uint32_t count);
// Returns ROUSE_DONE, also if there were none. Operations under way keep what they use.
ROUSE_API int rouse_loop_unregister_buffers(rouse_loop *loop);

// Registers |fd|: operations on it by this loop use the registered file.
//
// Returns 1: registered; 0: as above; ROUSE_EBADF, ROUSE_EBUSY (it is already), ROUSE_ENFILE (there
//   are as many as may be: also, as RLIMIT_NOFILE was at the first of the loop), ROUSE_ENOMEM.
// A close by rouse_file_close() on this loop unregisters it first. One that is closed otherwise
//   must be unregistered before, or operations on its number go on to mean that file.
ROUSE_API int rouse_loop_register_file(rouse_loop *loop, rouse_fd fd);
// Returns ROUSE_DONE, also if it was not registered.
ROUSE_API int rouse_loop_unregister_file(rouse_loop *loop, rouse_fd fd);

ROUSE_END_C
#endif
