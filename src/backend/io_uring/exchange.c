// Exchanges on a ring: one completion for a send and the receive after it.
//
// The send tries to move all of its bytes and never waits, and only a failure of it is reported
// (IOSQE_CQE_SKIP_SUCCESS); a part that was sent is one. The kernel carries it out inside the call
// that hands it over. So when that has returned and all completions have been looked at, those that
// nothing was heard of are over and went well. Their receives, filled in at the start, go to the
// ring by the next poll(). No earlier: both may be of the same buffer.
//
//   sent     the entry of its send is on the ring; the receive is kept here
//     |  \ a failure, or a part: it becomes a send (rouse__exchange_broken()), like any other from
//     |    then on
//   handed   the kernel has taken the entry (and all before it)
//     |  \ the same
//   over     all completions were looked at since, and none was held back by a full queue
//     |  \ it was cancelled meanwhile: it ends, without having received
//   on ring  as a receive
//
// One that is handed over alone takes its receive with it, as a linked entry, which the kernel does
// not begin unless the send went well, and of which nothing is heard if it did not: in a loop with
// little to do that saves a system call for each. Not so in a crowd: a receive that goes to the
// ring later finds more often what it waits for.
//
// A loop that is to sleep with some that are not on the ring hands over, looks, and puts them there
// first. A close of their descriptor waits for that, too: then its number might mean another file.
#define _GNU_SOURCE
#include <sys/socket.h>

#include "backend/io_uring/ring.h"

enum { FLAGS = ROUSE__URING_FLAGS, NUMBER = ROUSE__URING_NEXT };

static struct uring *uring_of(struct rouse__backend *backend) {
  return ROUSE__CONTAINER(backend, struct uring, backend);
}

static struct io_uring_sqe *receive_of(struct rouse__uring_exchanges *exchanges, unsigned number) {
  return &exchanges->receives[number % ROUSE__URING_EXCHANGES];
}

// Whether the receive of |io| is kept here. Else its number may be anything.
static bool is_kept(struct rouse__uring_exchanges *exchanges, const rouse_io *io) {
  const unsigned number = (unsigned)io->backend[NUMBER];
  if (number - exchanges->begin >= exchanges->end - exchanges->begin) return false;
  return receive_of(exchanges, number)->user_data == (uintptr_t)io;
}

static bool can(struct uring *uring) {
  struct rouse__uring_exchanges *exchanges = &uring->exchanges;
  if (!exchanges->tried) {
    exchanges->tried = true;
    exchanges->can = rouse__uring_abilities(uring->without) & ROUSE__URING_ONE_EXCHANGE;
  }
  return exchanges->can;
}

bool rouse__uring_submit_exchange(struct rouse__backend *backend, rouse_io *io) {
  struct uring *uring = uring_of(backend);
  struct rouse__uring_exchanges *exchanges = &uring->exchanges;
  if (!can(uring) || uring->waiting.first) return false;
  if (exchanges->end - exchanges->begin == ROUSE__URING_EXCHANGES) return false;
  struct io_uring_sqe *sqe = rouse__uring_take_entry(uring);
  if (!sqe) return false;
  io_uring_prep_send(sqe, io->fd, io->address2, (size_t)io->offset, ROUSE__URING_SEND_AT_ONCE);
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  if (uring->registered) rouse__uring_use_registered_file(uring, sqe);
  sqe->user_data = (uintptr_t)io | ROUSE__URING_OF_SEND;
  io->backend[FLAGS] = ROUSE__URING_EXCHANGE;
  io->backend[NUMBER] = exchanges->end;
  struct io_uring_sqe *receive = receive_of(exchanges, exchanges->end++);
  rouse__uring_prepare(receive, io);
  receive->user_data = (uintptr_t)io;
  backend->in_flight++;
  return true;
}

void rouse__uring_exchanges_go_on(struct uring *uring) {
  struct rouse__uring_exchanges *exchanges = &uring->exchanges;
  for (; exchanges->begin != exchanges->over; exchanges->begin++) {
    const struct io_uring_sqe *receive = receive_of(exchanges, exchanges->begin);
    rouse_io *io = (rouse_io *)(uintptr_t)receive->user_data;
    if (!io) continue;  // it broke
    if (exchanges->cancelled && (io->backend[FLAGS] & ROUSE__URING_CANCELLED)) {
      exchanges->cancelled--;
      rouse__uring_end(uring, io, ROUSE_ECANCELED);
    } else if (!rouse__uring_put_prepared(uring, receive)) {
      return;
    }
  }
}

// The entry at |place| of the submission queue.
static struct io_uring_sqe *entry_at(struct uring *uring, unsigned place) {
  return &uring->ring.sq.sqes[place & uring->ring.sq.ring_mask];
}

void rouse__uring_exchange_link(struct uring *uring) {
  struct rouse__uring_exchanges *exchanges = &uring->exchanges;
  const bool lone = exchanges->end - exchanges->begin == 1 && exchanges->handed != exchanges->end;
  if (!lone || exchanges->cancelled || uring->waiting.first || uring->refused) return;
  if (exchanges->linked || (uring->without & ROUSE__URING_WITHOUT_LINKS)) return;
  const struct io_uring_sqe *receive = receive_of(exchanges, exchanges->begin);
  const unsigned place = uring->ring.sq.sqe_tail - 1;
  const uint64_t send = receive->user_data + ROUSE__URING_OF_SEND;
  if (rouse__uring_pending(&uring->ring) != 1 || entry_at(uring, place)->user_data != send) return;
  if (!io_uring_sq_space_left(&uring->ring) || !rouse__uring_put_prepared(uring, receive)) return;
  entry_at(uring, place)->flags |= IOSQE_IO_LINK;
  exchanges->linked = true;
  exchanges->linked_at = place;
}

void rouse__uring_exchange_linked(struct uring *uring, unsigned left) {
  struct rouse__uring_exchanges *exchanges = &uring->exchanges;
  const unsigned place = exchanges->linked_at, end = uring->ring.sq.sqe_tail;
  exchanges->linked = false;
  if (end - left - place >= 2) {
    exchanges->begin = exchanges->over = exchanges->handed = exchanges->end;
    return;
  }
  // Not taken: as if nothing had been linked.
  entry_at(uring, place)->flags &= (uint8_t)~IOSQE_IO_LINK;
  struct io_uring_sqe *receive = entry_at(uring, place + 1);
  io_uring_prep_nop(receive);
  receive->flags = IOSQE_CQE_SKIP_SUCCESS;
  receive->user_data = ROUSE__URING_FOR_CANCEL;
}

rouse_io *rouse__uring_exchange_broke(struct uring *uring, uint64_t user_data) {
  struct rouse__uring_exchanges *exchanges = &uring->exchanges;
  rouse_io *io = (rouse_io *)(uintptr_t)(user_data - ROUSE__URING_OF_SEND);
  if (is_kept(exchanges, io)) {
    receive_of(exchanges, (unsigned)io->backend[NUMBER])->user_data = 0;
    if (io->backend[FLAGS] & ROUSE__URING_CANCELLED) exchanges->cancelled--;
  }
  io->backend[FLAGS] &= ~(uintptr_t)ROUSE__URING_EXCHANGE;
  rouse__exchange_broken(io);
  return io;
}

bool rouse__uring_exchange_cancelled(struct uring *uring, const rouse_io *io) {
  struct rouse__uring_exchanges *exchanges = &uring->exchanges;
  if (!(io->backend[FLAGS] & ROUSE__URING_EXCHANGE) || !is_kept(exchanges, io)) return false;
  exchanges->cancelled++;
  return true;
}

bool rouse__uring_exchanges_on(struct uring *uring, int fd) {
  struct rouse__uring_exchanges *exchanges = &uring->exchanges;
  for (unsigned number = exchanges->begin; number != exchanges->end; number++) {
    const struct io_uring_sqe *receive = receive_of(exchanges, number);
    if (receive->user_data && receive->fd == fd) return true;
  }
  return false;
}
