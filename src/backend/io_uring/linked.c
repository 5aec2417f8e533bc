// Chains as linked entries, which the kernel goes through by itself.
//
// Only where its rule comes to the same as ours (chain.h); else the chain is run in software.
#define _GNU_SOURCE
#include <poll.h>

#include "backend/io_uring/ring.h"
#include "runtime/perform.h"

// What one operation of the kernel's moves at most; of more it does that much and is content.
static const uint64_t MOVES_MOST = INT32_MAX / 4096 * UINT64_C(4096);

// Whether the kernel stops at |io| when, and only when, a chain does. It does not after failures of
// some operations, and goes on after a poll that found only that the peer has finished sending,
// which nobody asked for (where that can be read, it was).
static bool stops_right(const rouse_io *io) {
  if (io->chain_size > MOVES_MOST) return false;
  if (io->operation == ROUSE__IO_POLL) return io->flags & (POLLIN | POLLRDNORM | POLLRDHUP);
  return rouse__uring_stops_a_chain(io->operation);
}

// A chain that goes to the ring as linked entries: all of them at once, or the kernel would not see
// the link. None that ends by more than one completion, or is not the ring's.
static bool linkable(struct uring *uring, rouse_io *first, uint32_t count) {
  if (uring->waiting.first || uring->refused) return false;
  if (uring->without & ROUSE__URING_WITHOUT_LINKS) return false;
  for (rouse_io *io = first; io; io = io->link) {
    if (io->operation == ROUSE__IO_CLOSE) {
      if (uring->registered || rouse__uring_exchanges_on(uring, io->fd)) return false;
    }
    if (io->operation >= ROUSE__IO_OPERATIONS || !rouse__uring_does(uring, io)) return false;
    if (io->operation == ROUSE__IO_SEND_ZERO_COPY || rouse__uring_is_many(io->operation))
      return false;
    if (rouse__uring_connects_here(io) || rouse__reads_nothing(io)) return false;
    if (io->link && !stops_right(io)) return false;
  }
  if (io_uring_sq_space_left(&uring->ring) >= count) return true;
  rouse__uring_hand_over(uring);
  return io_uring_sq_space_left(&uring->ring) >= count;
}

bool rouse__uring_submit_linked(struct rouse__backend *backend, rouse_io *first, uint32_t count) {
  struct uring *uring = ROUSE__CONTAINER(backend, struct uring, backend);
  rouse__uring_put_later(uring);  // before one of the chain closes what they mean
  if (!linkable(uring, first, count)) return false;
  backend->in_flight += count;
  for (rouse_io *io = first; io; io = io->link) {
    io->backend[ROUSE__URING_FLAGS] = ROUSE__URING_LINKED;
    io->state = ROUSE__IO_BACKEND;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);
    rouse__uring_prepare(sqe, io);
    if (uring->registered) rouse__uring_use_registered(uring, sqe, io);
    sqe->user_data = (uintptr_t)io;
    if (io->link) sqe->flags |= IOSQE_IO_LINK;
  }
  return true;
}
