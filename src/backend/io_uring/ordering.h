// The order that the kernel gives through rings and sockets, told to ThreadSanitizer.
//
// What one thread writes to a pipe or a socket happens before what another does after having read
// it. The sanitizer knows that of write(2) and read(2), but not of operations on a ring, nor of
// messages from ring to ring. Here all that is sent comes before all that is received later: more
// order than there is, and only there. An operation and its completion belong to one thread, so
// nothing else needs a bridge.
#ifndef ROUSE_BACKEND_IO_URING_ORDERING_H
#define ROUSE_BACKEND_IO_URING_ORDERING_H

#if defined __SANITIZE_THREAD__
#define ROUSE__URING_TSAN 1
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define ROUSE__URING_TSAN 1
#endif
#endif

// Each does its work if |condition|.
#ifdef ROUSE__URING_TSAN
#include <sanitizer/tsan_interface.h>
extern char rouse__uring_wire;
#define ROUSE__URING_SENDS(condition) ((condition) ? __tsan_release(&rouse__uring_wire) : (void)0)
#define ROUSE__URING_RECEIVED(condition)                                                           \
  ((condition) ? __tsan_acquire(&rouse__uring_wire) : (void)0)
#else
#define ROUSE__URING_SENDS(condition) ((void)0)
#define ROUSE__URING_RECEIVED(condition) ((void)0)
#endif

// Whether an operation may have to do with another thread.
#define ROUSE__URING_TALKS(operation)                                                              \
  ((operation) == ROUSE__IO_READ || (operation) == ROUSE__IO_WRITE || (operation) >= ROUSE__IO_POLL)

#endif
