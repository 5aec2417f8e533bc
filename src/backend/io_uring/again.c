// Operations that came too early, and are made again.
//
// The ring waits by itself, but not always. A descriptor with O_NONBLOCK ends an operation with
// EAGAIN. And what the ring does when it has waited is to go on with the entry as it left it: a
// local socket of datagrams has taken the bytes off that entry before it finds its peer's queue
// full, so that the second attempt would send an empty datagram, and say 0. So sends are made with
// MSG_DONTWAIT, and what waits for them is an entry of its own:
//
//   try --EAGAIN--> POLLING --ready--> try --EAGAIN--> PAUSING --a moment--> try ...
//        \--EAGAIN, a stream--> PATIENT: the ring waits; a stream is copied from only when there is
//                               room. If that ends with EAGAIN, too (O_NONBLOCK): POLLING
//
// A pause, since readiness can be a lie: an unconnected socket of datagrams can be written to, says
// poll, but the queue of the one peer that is meant is full, and nothing tells when it no longer
// is. Pauses grow, and are made for sends of messages only.
//
// A poll of the kernel's always looks for POLLRDHUP, asked or not, and ends by it. As the peer that
// has finished sending stays so, another would end at once. So the second is one with many results
// (EDGE): those that come only when something happens, until one is what was asked for. An older
// kernel gets pauses.
#define _GNU_SOURCE
#include <poll.h>
#include <sys/socket.h>

#include "backend/io_uring/ring.h"

enum { FLAGS = ROUSE__URING_FLAGS };
enum {
  POLLING = ROUSE__URING_POLLING,
  EDGE = ROUSE__URING_EDGE,
  PAUSING = ROUSE__URING_PAUSING,
  SECOND = ROUSE__URING_SECOND,
  READY = ROUSE__URING_READY,
  PATIENT = ROUSE__URING_PATIENT,
};

// --- what is waited for --------------------------------------------------------------------------

unsigned rouse__uring_readiness_of(const rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_POLL:
      return io->flags & UINT16_MAX;  // as poll(2) has them
    case ROUSE__IO_SPLICE:
      return io->backend[FLAGS] & SECOND ? POLLOUT : POLLIN;
    case ROUSE__IO_READ:
    case ROUSE__IO_READ_SPANS:
    case ROUSE__IO_ACCEPT:
    case ROUSE__IO_ACCEPT_MANY:
    case ROUSE__IO_RECEIVE_MANY:
    case ROUSE__IO_RECEIVE:
    case ROUSE__IO_RECEIVE_SPANS:
    case ROUSE__IO_RECEIVE_FROM:
      return POLLIN;
    case ROUSE__IO_WRITE:
    case ROUSE__IO_WRITE_SPANS:
    case ROUSE__IO_SEND:
    case ROUSE__IO_SEND_SPANS:
    case ROUSE__IO_SEND_TO:
    case ROUSE__IO_SEND_ZERO_COPY:
      return POLLOUT;
    default:
      return 0;
  }
}

// --- entries that wait ---------------------------------------------------------------------------

enum { PAUSE_STEPS = 4, STEP_SHIFT = 16 };
static const int64_t PAUSE_NS = 1000000;
static const int64_t LONG_PAUSE_S = 3600;

static struct __kernel_timespec *pause_of(rouse_io *io) {
  return (struct __kernel_timespec *)(void *)io->system;
}
_Static_assert(sizeof(struct __kernel_timespec) <= sizeof((rouse_io *)0)->system,
               "no room for a pause");

// Lets |io| wait for a moment, longer each time.
static void pause_a_moment(rouse_io *io) {
  const uintptr_t step = io->backend[FLAGS] >> STEP_SHIFT;
  *pause_of(io) = (struct __kernel_timespec){.tv_nsec = PAUSE_NS << step};
  if (step < PAUSE_STEPS) io->backend[FLAGS] += (uintptr_t)1 << STEP_SHIFT;
  io->backend[FLAGS] |= PAUSING;
}

// For what can never be ready.
static void pause_for_ever(rouse_io *io) {
  *pause_of(io) = (struct __kernel_timespec){.tv_sec = LONG_PAUSE_S};
  io->backend[FLAGS] |= PAUSING;
}

void rouse__uring_prepare_wait(struct io_uring_sqe *sqe, rouse_io *io) {
  const uintptr_t flags = io->backend[FLAGS];
  if (flags & PAUSING) {
    io_uring_prep_timeout(sqe, pause_of(io), 0, 0);
    return;
  }
  io_uring_prep_poll_add(sqe, flags & SECOND ? io->fd2 : io->fd, rouse__uring_readiness_of(io));
  if (flags & EDGE) sqe->len = IORING_POLL_ADD_MULTI;
}

// --- results -------------------------------------------------------------------------------------

// What of |result| |io| was to wait for, or comes unasked.
static int matched(const rouse_io *io, int result) {
  return result & (int)(rouse__uring_readiness_of(io) | POLLERR | POLLHUP | POLLNVAL);
}

bool rouse__uring_edge_is_it(rouse_io *io, int result) {
  if (result <= 0 || io->result) return false;
  io->result = matched(io, result);
  return io->result;
}

// What |io| waits for is there. True: it goes to the ring again.
static bool is_ready(rouse_io *io) {
  uintptr_t *flags = &io->backend[FLAGS];
  if (io->operation == ROUSE__IO_POLL) return false;
  if (io->operation == ROUSE__IO_SPLICE && !(*flags & SECOND)) {
    *flags |= POLLING | SECOND;
  } else {
    *flags = (*flags & ~(uintptr_t)SECOND) | READY;
  }
  return true;
}

// A poll has ended with |*result|. True: |io| goes to the ring again.
static bool poll_ended(const struct uring *uring, rouse_io *io, int *result) {
  uintptr_t *flags = &io->backend[FLAGS];
  const bool edge = *flags & EDGE;
  int events = *result > 0 ? matched(io, *result) : 0;
  if (edge && io->result) events = (int)io->result;
  *flags &= ~(uintptr_t)(POLLING | EDGE);
  if (events) {
    *result = events;
    return is_ready(io);
  }
  if (*result < 0 && *result != -EINVAL) return false;
  if (*result < 0 && !edge) {
    pause_for_ever(io);  // nothing is asked for that |fd| could ever be
  } else if (edge || (uring->without & ROUSE__URING_WITHOUT_MULTISHOT)) {
    pause_a_moment(io);  // no such polls
  } else {
    *flags |= POLLING | EDGE;
    io->result = 0;
  }
  return true;
}

static bool sends(const rouse_io *io) {
  return io->operation == ROUSE__IO_SEND || io->operation == ROUSE__IO_SEND_SPANS ||
         io->operation == ROUSE__IO_SEND_TO || io->operation == ROUSE__IO_WRITE ||
         io->operation == ROUSE__IO_WRITE_SPANS;
}

static bool too_early(rouse_io *io) {
  uintptr_t *flags = &io->backend[FLAGS];
  if (!rouse__uring_readiness_of(io)) return false;
  const bool was_ready = *flags & READY;
  *flags &= ~(uintptr_t)READY;
  if (sends(io) && !(*flags & PATIENT)) {
    const int type = rouse__uring_socket_type(io->fd);
    if (type == SOCK_STREAM) {
      *flags |= PATIENT;
      return true;
    }
    if (type && was_ready) {
      pause_a_moment(io);
      return true;
    }
  }
  *flags |= POLLING;
  return true;
}

// Whether the kernel has dropped |io|, which nobody cancelled.
static bool was_dropped(const rouse_io *io, int result) {
  if (result != -ECANCELED || (io->backend[FLAGS] & ROUSE__URING_CANCELLED)) return false;
  return !io->chain || !rouse__chain_is_over(io->chain);
}

// EINTR    a signal, which has nothing to do with the operation; or a cancel, which interrupts it.
// ECANCELED  the kernel wanted a worker thread for it, and each time that it was to start one a
//          signal came (seen with Linux 6.1.192, which gives up after three times).
// EAGAIN   too early, see above.
// ESPIPE, EINVAL  perhaps for an offset, where there are none.
// EOPNOTSUPP  of a zero-copy send: the socket can only copy. ENOMEM, ENOBUFS: so many bytes may not
//          be pinned (RLIMIT_MEMLOCK); if there is no memory for a copy, that says so itself.
bool rouse__uring_to_try_again(const struct uring *uring, rouse_io *io, int *result) {
  uintptr_t *flags = &io->backend[FLAGS];
  if (*flags & PAUSING) {
    *flags &= ~(uintptr_t)PAUSING;
    return true;
  }
  const bool noted = (*flags & EDGE) && io->result;
  if (!noted && was_dropped(io, *result)) return true;
  if (rouse__uring_interrupted(*result)) return io->operation != ROUSE__IO_CLOSE;
  if (io->operation == ROUSE__IO_POLL || (*flags & POLLING)) return poll_ended(uring, io, result);
  switch (*result) {
    case -EAGAIN:
      return too_early(io);
    case -ESPIPE:
    case -EINVAL:
      return rouse__uring_misplaced(io);
    case -EOPNOTSUPP:
    case -ENOMEM:
    case -ENOBUFS:
      if (io->operation != ROUSE__IO_SEND_ZERO_COPY) return false;
      io->operation = ROUSE__IO_SEND;
      return true;
    default:
      return false;
  }
}
