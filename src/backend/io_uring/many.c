// Operations with many results, and groups of buffers that the kernel takes by itself.
//
// Where the kernel has a multishot form, one entry gives completions until one comes without MORE.
// Then it has ended: for good, by a failure; or for the moment (the completion queue was full, for
// example), and is started again. Where it has none, an accept is started again after each result,
// and a receive becomes a poll, after which we take the buffer and receive ourselves: so no buffer
// is tied to a connection that is silent.
//
// An accept with many results takes all that the listener has, before we see the first and could
// say stop. Who has room for a few only gets one at a time.
#define _GNU_SOURCE
#include <sys/socket.h>

#include "backend/io_uring/ordering.h"
#include "backend/io_uring/ring.h"
#include "platform/platform.h"

enum { FLAGS = ROUSE__URING_FLAGS };
enum { ACCEPTS_LEAST = 64 };  // from so much room on, many at a time

// --- groups of buffers ---------------------------------------------------------------------------

// What the kernel and we share about a group: a ring of the buffers that are free.
struct group {
  struct io_uring_buf_ring *free;
  int mask;
};

static struct uring *uring_of(struct rouse__backend *backend) {
  return ROUSE__CONTAINER(backend, struct uring, backend);
}

static uint32_t power_of_two(uint32_t least) {
  uint32_t power = 1;
  while (power < least) power *= 2;
  return power;
}

static bool register_group(struct uring *uring, struct group *group, uint32_t entries) {
  struct io_uring_buf_reg request = {
      .ring_addr = (uintptr_t)group->free,
      .ring_entries = entries,
      .bgid = (uint16_t)uring->groups++,
  };
  return io_uring_register_buf_ring(&uring->ring, &request, 0) == 0;
}

void *rouse__uring_buffers_open(struct rouse__backend *backend, uint32_t count,
                                uint16_t *out_group) {
  enum { PAGE = 4096 };
  struct uring *uring = uring_of(backend);
  if (!(rouse__uring_abilities(uring->without) & ROUSE__URING_MANY_RECEIVES)) return NULL;
  const uint32_t entries = power_of_two(count);
  struct group *group = rouse__allocate(sizeof *group, _Alignof(struct group));
  if (!group) return NULL;
  group->free = rouse__allocate(entries * sizeof(struct io_uring_buf), PAGE);
  *out_group = (uint16_t)uring->groups;
  if (!group->free || !register_group(uring, group, entries)) {
    rouse__free(group->free);
    rouse__free(group);
    return NULL;
  }
  io_uring_buf_ring_init(group->free);
  group->mask = io_uring_buf_ring_mask(entries);
  return group;
}

void rouse__uring_buffers_close(struct rouse__backend *backend, void *system, uint16_t number) {
  struct group *group = system;
  io_uring_unregister_buf_ring(&uring_of(backend)->ring, number);
  rouse__free(group->free);
  rouse__free(group);
}

void rouse__uring_buffers_give(struct rouse__backend *backend, rouse_buffers *buffers,
                               uint32_t index) {
  (void)backend;
  uint16_t number;
  uint32_t size;
  struct group *group = rouse__buffers_system(buffers, &number);
  void *data = rouse__buffers_data(buffers, index, &size);
  io_uring_buf_ring_add(group->free, data, size, (uint16_t)index, group->mask, 0);
  io_uring_buf_ring_advance(group->free, 1);
}

// --- entries -------------------------------------------------------------------------------------

// The kernel does not take the buffers of |io|, a RECEIVE_MANY.
static bool by_polls(const rouse_io *io) {
  uint16_t group;
  return io->operation == ROUSE__IO_RECEIVE_MANY && !rouse__buffers_system(io->address, &group);
}

void rouse__uring_many_prepare(struct uring *uring, struct io_uring_sqe *sqe, rouse_io *io) {
  ROUSE__URING_SENDS(true);
  if (io->operation == ROUSE__IO_ACCEPT_MANY) {
    io_uring_prep_accept(sqe, io->fd, NULL, NULL, SOCK_CLOEXEC);
    if (io->length >= ACCEPTS_LEAST &&
        (rouse__uring_abilities(uring->without) & ROUSE__URING_MANY_ACCEPTS)) {
      sqe->ioprio |= IORING_ACCEPT_MULTISHOT;
    }
    return;
  }
  uint16_t group;
  if (!rouse__buffers_system(io->address, &group)) {
    io_uring_prep_poll_add(sqe, io->fd, rouse__uring_readiness_of(io));
    return;
  }
  io_uring_prep_recv(sqe, io->fd, NULL, 0, 0);
  sqe->ioprio |= IORING_RECV_MULTISHOT;
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = group;
}

// --- results -------------------------------------------------------------------------------------

// What |io| is to end with; ROUSE_EAGAIN: not, if it was not cancelled.
static int64_t failed(rouse_io *io, int result) {
  if (rouse__uring_interrupted(result) || result == -ECANCELED) return ROUSE_EAGAIN;
  if (result != -EAGAIN) return rouse_error_from_system(-result);
  io->backend[FLAGS] |= ROUSE__URING_POLLING;
  return ROUSE_EAGAIN;
}

static int64_t received(struct uring *uring, rouse_io *io, const struct io_uring_cqe *cqe) {
  const uint32_t index = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
  if (cqe->res > 0) return rouse__io_more(io, cqe->res, index) ? ROUSE_EAGAIN : ROUSE_ECANCELED;
  if (cqe->flags & IORING_CQE_F_BUFFER) {
    rouse__uring_buffers_give(&uring->backend, io->address, index);
  }
  return 0;
}

static int64_t one_result(struct uring *uring, rouse_io *io, const struct io_uring_cqe *cqe) {
  const bool polled = io->backend[FLAGS] & ROUSE__URING_POLLING;
  io->backend[FLAGS] &= ~(uintptr_t)ROUSE__URING_POLLING;
  if (cqe->res < 0) return failed(io, cqe->res);
  if (polled) return ROUSE_EAGAIN;
  if (by_polls(io)) return rouse__receive_ready(io);
  if (io->operation == ROUSE__IO_RECEIVE_MANY) return received(uring, io, cqe);
  return rouse__io_more(io, cqe->res, 0) ? ROUSE_EAGAIN : ROUSE_ECANCELED;
}

void rouse__uring_many_ended(struct uring *uring, rouse_io *io, const struct io_uring_cqe *cqe) {
  ROUSE__URING_RECEIVED(true);
  uring->events++;
  int64_t end = one_result(uring, io, cqe);
  if (cqe->flags & IORING_CQE_F_MORE) {
    if (end != ROUSE_EAGAIN) rouse__uring_cancel(uring, io);
    return;
  }
  if (end == ROUSE_EAGAIN && (io->backend[FLAGS] & ROUSE__URING_CANCELLED)) end = ROUSE_ECANCELED;
  if (end == ROUSE_EAGAIN) {
    rouse__uring_start(uring, io);
  } else {
    rouse__uring_complete(uring, io, end);
  }
}
