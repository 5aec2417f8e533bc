// Handles of Windows, awaited in the loop like everything else: events, processes, threads, timers,
// semaphores, change notifications.
//
// Systems: Windows; elsewhere ROUSE_ENOSYS (there a descriptor is waited for by rouse_fd_poll(), a
// process by process.h). windows.h turns a HANDLE into a descriptor.
#ifndef ROUSE_HANDLE_H
#define ROUSE_HANDLE_H

#include <rouse/io.h>
#include <rouse/windows.h>

ROUSE_BEGIN_C

// Waits until |handle| is signalled.
//
// |handle|       Of any kind that WaitForSingleObject() takes, with the right to SYNCHRONIZE; not a
//                mutex, which would become the property of a thread of the system. It must not be
//                closed while somebody waits for it.
// |deadline_ns|  Absolute, monotonic; ROUSE_FOREVER never passes.
//
// Returns ROUSE_DONE: it was signalled, and what a wait takes was taken (an auto-reset event is
//   reset, a semaphore is one less). ROUSE_ETIMEDOUT, ROUSE_ECANCELED: nothing was taken; a signal
//   that wins the race against a cancel or a deadline is reported. ROUSE_EBADF (no handle),
//   ROUSE_EACCES (without the right), ROUSE_ENOMEM, ROUSE_ENOSYS; and what every operation returns
//   (io.h).
// Completion (_start): on the wait's loop, never inside a call.
// Threads: any task; the form with _start on the loop's. Several may wait for one handle, on
//   several loops.
// Backends: "iocp", by wait-completion packets of the kernel. Where there are none
//   (rouse_probe_run() says so, "wait_packets"), by a wait of the system's thread pool for what a
//   wait leaves as it was, and by a thread for each wait for the rest.
ROUSE_API int rouse_handle_wait(rouse_fd handle, int64_t deadline_ns);
ROUSE_API int rouse_handle_wait_start(rouse_io *io, rouse_fd handle, int64_t deadline_ns);

ROUSE_END_C
#endif
