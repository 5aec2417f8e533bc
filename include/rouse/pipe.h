// Named pipes of Windows, by completion.
//
// A name has one or more instances, each for one client. The server makes an instance, waits for
// its client, and goes on to read and write it by file.h; for the next client it makes another one.
// A client opens the name, "//./pipe/NAME", by rouse_file_open(); if all instances have clients it
// gets ROUSE_EBUSY. Both ends are closed by rouse_file_close(). The end of the other side is the
// end of the file to those who read, and ROUSE_EPIPE to those who write.
//
// Systems: Windows; elsewhere ROUSE_ENOSYS (unix.h has local sockets).
#ifndef ROUSE_PIPE_H
#define ROUSE_PIPE_H

#include <rouse/io.h>
#include <rouse/windows.h>

ROUSE_BEGIN_C

// A new instance of the pipe |name|, in both directions, of bytes, for clients of this machine.
//
// |name|   UTF-8, with or without "//./pipe/" before it (either kind of slash).
// |first|  Only if there is none yet.
//
// Returns the descriptor, which is not inherited; ROUSE_EACCES (|first|, and there is one; or not
//   allowed), ROUSE_EINVAL (not UTF-8, or no name), ROUSE_ENAMETOOLONG (over 240 characters),
//   ROUSE_ENOMEM, ROUSE_ENOSYS.
// Threads: any; does not wait.
ROUSE_API int rouse_pipe_listen(const char *name, bool first);

// Waits until a client has opened the instance |pipe|. One that has gone again already counts: the
// first read then finds the end.
//
// Returns ROUSE_DONE; ROUSE_EBADF, ROUSE_ENOSYS; and what every operation returns (io.h).
// Threads: any task; the form with _start on the loop's.
ROUSE_API int rouse_pipe_accept(rouse_fd pipe, int64_t deadline_ns);
ROUSE_API int rouse_pipe_accept_start(rouse_io *io, rouse_fd pipe, int64_t deadline_ns);

ROUSE_END_C
#endif
