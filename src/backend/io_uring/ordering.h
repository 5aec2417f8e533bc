// The order that the kernel gives through rings and sockets, told to ThreadSanitizer.
//
// What one thread writes to a pipe or a socket happens before what another thread does after having
// read it. The sanitizer knows that of write(2) and read(2), but not of operations on a ring. Here
// all that is sent comes before all that is received later: more order than there is, and only
// there. An operation and its completion belong to one thread, so nothing else needs a bridge.
#ifndef ROUSE_BACKEND_IO_URING_ORDERING_H
#define ROUSE_BACKEND_IO_URING_ORDERING_H

#if defined __SANITIZE_THREAD__
#define ROUSE__URING_TSAN 1
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define ROUSE__URING_TSAN 1
#endif
#endif

#ifdef ROUSE__URING_TSAN
#include <sanitizer/tsan_interface.h>
extern char rouse__uring_wire;
#define ROUSE__URING_SENDS() __tsan_release(&rouse__uring_wire)
#define ROUSE__URING_RECEIVED() __tsan_acquire(&rouse__uring_wire)
#else
#define ROUSE__URING_SENDS() ((void)0)
#define ROUSE__URING_RECEIVED() ((void)0)
#endif

#endif
