// The backend "io_uring": operations, cancels, doorbell and sleep by one ring for each loop.
//
// submit() fills in an entry; poll() hands all of them to the kernel in the system call that also
// sleeps. What a turn of the loop costs when there is nothing to hand over and nothing has come is
// a look at three words of shared memory.
//
// Where an operation is, from submit() to its completion:
//
//   WAITING   the ring had no room and the kernel took none of it: in a list, in order, until then
//   on ring   an entry of the ring, or in the kernel. The order of entries is that of the calls, so
//             a cancel always finds its operation, and never a later one at the same address
//   ENDED     before it came to the ring: in a list until poll(), since completions come from there
//             only
//   later     a receive, until the next poll(): its entry is kept aside, to go to the ring behind
//             all else that was started since. What it waits for is mostly the answer to something
//             that was sent just now, and a receive that finds it there spares the kernel a wait. A
//             close is not put before it: its number might mean another file then
//   exchange  the receive of an exchange whose send is not over: see exchange.c
//
// A cancel is an entry, too, keyed by the operation's address. If there is no room for it the
// operation (which is on the ring) goes to a list of those to be cancelled; its completion takes it
// off again. Links are in rouse_io.backend: an operation is in at most one of the lists.
//
// The kernel can miss an operation that a worker thread of its own has just taken on, or is about
// to (-ENOENT, -EALREADY; seen with Linux 6.1). So those that were cancelled stay in a list until
// they end, and after a miss are cancelled once more, at growing intervals: a worker inside a call
// that can't be interrupted answers so, too.
//
// The completion queue can overflow: there may be more operations under way than it has room for.
// The kernel then keeps the completions (NODROP) and says so by a flag; entering fetches them. If
// the kernel had no memory to keep one, it says so, too, and the loop's run fails: a lost
// completion is a lost wait. So it does if the kernel had no memory for the second of two linked
// entries.
//
// The doorbell (doorbell.c) is armed before a sleep if it is not. A sleep without it, or with
// entries that the kernel did not take, is kept short.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/io_uring/ordering.h"
#include "backend/io_uring/ring.h"
#include "platform/platform.h"
#include "runtime/perform.h"

enum { ENTRIES_DEFAULT = 256, ROUNDS = 8 };
static const int64_t SHORT_SLEEP_NS = 1000000, CANCEL_PAUSE_MOST_NS = 64000000;

enum { FLAGS = ROUSE__URING_FLAGS, NEXT = ROUSE__URING_NEXT, PREVIOUS = ROUSE__URING_PREVIOUS };
enum { CANCELLED = ROUSE__URING_CANCELLED };
enum {
  WAITING = 1,         // in |waiting|
  ENDED = 2,           // in |ended|
  CANCEL_WAITING = 4,  // on the ring, and in |cancels|
  CANCEL_SENT = 64,    // on the ring, and in |cancelled|
};

static struct uring *uring_of(struct rouse__backend *backend) {
  return ROUSE__CONTAINER(backend, struct uring, backend);
}

// --- lists ---------------------------------------------------------------------------------------

static rouse_io *next_of(const rouse_io *io) { return (rouse_io *)io->backend[NEXT]; }
static rouse_io *previous_of(const rouse_io *io) { return (rouse_io *)io->backend[PREVIOUS]; }

static void list_add(struct list *list, rouse_io *io, uintptr_t flag) {
  io->backend[NEXT] = 0;
  io->backend[PREVIOUS] = (uintptr_t)list->last;
  io->backend[FLAGS] |= flag;
  if (list->last) {
    list->last->backend[NEXT] = (uintptr_t)io;
  } else {
    list->first = io;
  }
  list->last = io;
}

static void list_remove(struct list *list, rouse_io *io, uintptr_t flag) {
  rouse_io *next = next_of(io), *previous = previous_of(io);
  io->backend[FLAGS] &= ~flag;
  if (previous) {
    previous->backend[NEXT] = (uintptr_t)next;
  } else {
    list->first = next;
  }
  if (next) {
    next->backend[PREVIOUS] = (uintptr_t)previous;
  } else {
    list->last = previous;
  }
}

// --- entering the kernel -------------------------------------------------------------------------

static unsigned ring_flags(const struct uring *uring) {
  // RELAXED: hints to enter the kernel, which orders.
  return load_relaxed((rouse__atomic32 *)(void *)uring->ring.sq.kflags);
}

// Of entries that are linked the kernel has taken only the first ones: it had no memory for more.
// Those it has begun without the rest.
static bool is_cut(const struct uring *uring, unsigned left) {
  const struct io_uring_sq *sq = &uring->ring.sq;
  const unsigned last = sq->sqe_tail - left - 1;
  return sq->sqes[last & sq->ring_mask].flags & IOSQE_IO_LINK;
}

// Enters with |submit| entries, and waits for |wait| completions. 0, -ETIME or -EINTR.
static int enter(struct uring *uring, unsigned submit, unsigned wait, unsigned flags,
                 struct __kernel_timespec *limit) {
  int result = rouse__uring_go(&uring->ring, submit, wait, flags, limit);
  const unsigned left = rouse__uring_pending(&uring->ring);
  if (left && is_cut(uring, left) && !uring->failure) uring->failure = ROUSE_ENOMEM;
  if (uring->exchanges.linked) rouse__uring_exchange_linked(uring, left);
  if (!left) rouse__uring_exchanges_handed(uring);
  if (result >= 0 || result == -ETIME || result == -EINTR) return result < 0 ? result : 0;
  if (result == -EBUSY || result == -EAGAIN) {
    uring->refused = true;
  } else if (!uring->failure) {
    // EBADR: the kernel had to drop a completion.
    uring->failure = result == -EBADR ? ROUSE_ENOMEM : rouse_error_from_system(-result);
  }
  return 0;
}

void rouse__uring_hand_over(struct uring *uring) {
  enter(uring, rouse__uring_publish(&uring->ring), 0, 0, NULL);
}

struct io_uring_sqe *rouse__uring_take_entry(struct uring *uring) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);
  if (sqe || uring->refused) return sqe;
  rouse__uring_hand_over(uring);
  return io_uring_get_sqe(&uring->ring);
}

// --- starting and cancelling ---------------------------------------------------------------------

// False: not now.
static bool start(struct uring *uring, rouse_io *io) {
  if (io->operation == ROUSE__IO_CLOSE && rouse__uring_exchanges_on(uring, io->fd)) return false;
  struct io_uring_sqe *sqe = rouse__uring_take_entry(uring);
  if (!sqe) return false;
  const bool waits = rouse__uring_waits(io);
  if (waits) {
    rouse__uring_prepare_wait(sqe, io);
  } else if (rouse__uring_is_many(io->operation)) {
    rouse__uring_many_prepare(uring, sqe, io);
  } else {
    rouse__uring_prepare(sqe, io);
  }
  if (uring->registered && !waits) rouse__uring_use_registered(uring, sqe, io);
  sqe->user_data = (uintptr_t)io;
  return true;
}

static void put(struct uring *uring, rouse_io *io) {
  if (uring->waiting.first || !start(uring, io)) list_add(&uring->waiting, io, WAITING);
}

static bool receives(const rouse_io *io) {
  return io->operation == ROUSE__IO_RECEIVE || io->operation == ROUSE__IO_RECEIVE_SPANS ||
         io->operation == ROUSE__IO_RECEIVE_FROM;
}

void rouse__uring_start(struct uring *uring, rouse_io *io) {
  if (!receives(io) || rouse__uring_waits(io)) {
    put(uring, io);
    return;
  }
  if (uring->later_count == ROUSE__URING_LATER) rouse__uring_put_later(uring);
  struct io_uring_sqe *sqe = &uring->later[uring->later_count++];
  rouse__uring_prepare(sqe, io);
  sqe->user_data = (uintptr_t)io;
}

bool rouse__uring_does(const struct uring *uring, rouse_io *io) {
  if (!(uring->operations & UINT64_C(1) << io->operation)) return false;
  if (io->operation == ROUSE__IO_FUTEX_WAIT) return rouse__uring_futex_ready(io);
  return rouse__uring_suits(io);
}

// Of the operation itself nothing is read: in a crowd it has left the cache.
bool rouse__uring_put_prepared(struct uring *uring, const struct io_uring_sqe *prepared) {
  struct io_uring_sqe *sqe = rouse__uring_take_entry(uring);
  if (!sqe) return false;
  *sqe = *prepared;
  if (uring->registered) rouse__uring_use_registered_file(uring, sqe);
  return true;
}

void rouse__uring_put_later(struct uring *uring) {
  for (unsigned i = 0; i < uring->later_count; i++) {
    const struct io_uring_sqe *prepared = &uring->later[i];
    if (uring->waiting.first || !rouse__uring_put_prepared(uring, prepared)) {
      list_add(&uring->waiting, (rouse_io *)(uintptr_t)prepared->user_data, WAITING);
    }
  }
  uring->later_count = 0;
}

// Whether |io| is one of those that all rings have, and that go there whatever they ask for.
static bool is_plain(const rouse_io *io) {
  return io->operation == ROUSE__IO_RECEIVE || io->operation == ROUSE__IO_SEND;
}

// What is done without the ring. False: |io| is none of these.
static bool ends_here(struct uring *uring, rouse_io *io) {
  int result;
  if (rouse__uring_connects_here(io)) {
    result = rouse__uring_connect(io);
  } else if (!rouse__read_nothing(io, &result)) {  // older kernels wait with it
    return false;
  }
  rouse__uring_end(uring, io, result);
  return true;
}

static int submit(struct rouse__backend *backend, rouse_io *io) {
  struct uring *uring = uring_of(backend);
  ROUSE__ASSERT(io->operation < ROUSE__IO_OPERATIONS, "an operation of an unknown kind");
  const bool plain = is_plain(io);
  if (!plain && !rouse__uring_does(uring, io)) {
    if (io->operation == ROUSE__IO_FUTEX_WAIT) return rouse__io_futex_wait(io);
    if (io->operation != ROUSE__IO_SEND_ZERO_COPY) {
      return rouse__io_blocking(io, rouse__uring_perform);
    }
    io->operation = ROUSE__IO_SEND;
  }
  if (io->operation == ROUSE__IO_CLOSE) {
    rouse__uring_put_later(uring);  // while the descriptor is what they mean
    if (uring->registered) rouse__uring_unregister_file(backend, io->fd);
  }
  io->backend[FLAGS] = 0;
  backend->in_flight++;
  if (plain || !ends_here(uring, io)) rouse__uring_start(uring, io);
  return 0;
}

static bool start_cancel(struct uring *uring, rouse_io *io) {
  struct io_uring_sqe *sqe = rouse__uring_take_entry(uring);
  if (!sqe) return false;
  io_uring_prep_cancel(sqe, io, 0);
  sqe->flags |= (uint8_t)uring->cancel_flags;
  sqe->user_data = ROUSE__URING_FOR_CANCEL;
  return true;
}

// Asks the kernel to end |io|, which is on the ring. Once is enough.
static void ask_for_end(struct uring *uring, rouse_io *io) {
  if (io->backend[FLAGS] & (CANCEL_WAITING | CANCEL_SENT)) return;
  if (uring->cancels.first || !start_cancel(uring, io)) {
    list_add(&uring->cancels, io, CANCEL_WAITING);
  } else {
    list_add(&uring->cancelled, io, CANCEL_SENT);
  }
}

void rouse__uring_end(struct uring *uring, rouse_io *io, int64_t result) {
  io->result = result;
  list_add(&uring->ended, io, ENDED);
}

void rouse__uring_cancel(struct uring *uring, rouse_io *io) {
  if (io->backend[FLAGS] & (CANCELLED | ENDED)) return;
  io->backend[FLAGS] |= CANCELLED;
  if (rouse__uring_exchange_cancelled(uring, io)) return;
  if (receives(io)) rouse__uring_put_later(uring);  // to be tried once, before the cancel
  if (io->backend[FLAGS] & WAITING) {
    list_remove(&uring->waiting, io, WAITING);
    rouse__uring_end(uring, io, ROUSE_ECANCELED);
  } else {
    ask_for_end(uring, io);
  }
}

// |io| has ended: off the lists of cancels.
static void leave_cancels(struct uring *uring, rouse_io *io) {
  if (io->backend[FLAGS] & CANCEL_WAITING) list_remove(&uring->cancels, io, CANCEL_WAITING);
  if (!(io->backend[FLAGS] & CANCEL_SENT)) return;
  list_remove(&uring->cancelled, io, CANCEL_SENT);
  if (!uring->cancelled.first) uring->cancel_again_ns = uring->cancel_pause_ns = 0;
}

// A cancel has failed. Most often its operation has ended by itself, and is found so in a moment.
static void cancel_missed(struct uring *uring, int result) {
  if ((result != -ENOENT && result != -EALREADY) || uring->cancel_again_ns) return;
  int64_t pause_ns = uring->cancel_pause_ns ? uring->cancel_pause_ns * 2 : SHORT_SLEEP_NS;
  if (pause_ns > CANCEL_PAUSE_MOST_NS) pause_ns = CANCEL_PAUSE_MOST_NS;
  uring->cancel_pause_ns = pause_ns;
  uring->cancel_again_ns = rouse_now_ns() + pause_ns;
}

// Cancels once more what a cancel has missed, if it is time. How long a sleep may be at most.
static int64_t cancel_again(struct uring *uring, int64_t most_ns) {
  if (!uring->cancel_again_ns) return most_ns;
  if (!uring->cancelled.first) {  // what was missed had ended
    uring->cancel_again_ns = uring->cancel_pause_ns = 0;
    return most_ns;
  }
  int64_t left_ns = uring->cancel_again_ns - rouse_now_ns();
  if (left_ns > 0) return left_ns < most_ns ? left_ns : most_ns;
  uring->cancel_again_ns = 0;  // a miss sets it again
  for (rouse_io *io = uring->cancelled.first; io; io = next_of(io)) {
    if (start_cancel(uring, io)) continue;
    cancel_missed(uring, -EALREADY);
    break;
  }
  return most_ns;
}

static void cancel(struct rouse__backend *backend, rouse_io *io) {
  rouse__uring_cancel(uring_of(backend), io);
}

// Before a sleep, not earlier: a bell rung while none listens is heard by the next that does. So an
// entry for it never costs a system call of its own.
static bool arm_bell(struct uring *uring) {
  if (uring->bell.armed) return true;
  struct io_uring_sqe *sqe = rouse__uring_take_entry(uring);
  if (sqe) rouse__uring_bell_arm(&uring->bell, sqe);
  return sqe;
}

// Puts onto the ring what had to wait. False: some of it still waits.
static bool refill(struct uring *uring) {
  if (uring->waiting.first) rouse__uring_exchanges_go_on(uring);  // a close may wait for them
  while (uring->cancels.first) {
    rouse_io *io = uring->cancels.first;
    if (!start_cancel(uring, io)) return false;
    list_remove(&uring->cancels, io, CANCEL_WAITING);
    list_add(&uring->cancelled, io, CANCEL_SENT);
  }
  while (uring->waiting.first) {
    rouse_io *io = uring->waiting.first;
    if (!start(uring, io)) return false;
    list_remove(&uring->waiting, io, WAITING);
  }
  return !uring->waiting.first;
}

// --- completions ---------------------------------------------------------------------------------

void rouse__uring_complete(struct uring *uring, rouse_io *io, int64_t result) {
  leave_cancels(uring, io);
  uring->backend.in_flight--;
  uring->events++;
  ROUSE__URING_RECEIVED(ROUSE__URING_TALKS(io->operation));
  rouse__io_complete(io, result);
}

// A close is done, whatever interrupted it.
static int64_t result_of(rouse_io *io, int result) {
  if (io->operation == ROUSE__IO_CLOSE && rouse__uring_interrupted(result)) return 0;
  if (result < 0) return rouse_error_from_system(-result);
  return io->operation == ROUSE__IO_RECEIVE_FROM ? rouse__message_result(io, result) : result;
}

// What was linked to |io|, which would have to be made again, has been cancelled by the kernel.
static void chain_broke(struct uring *uring, rouse_io *io) {
  leave_cancels(uring, io);
  uring->backend.in_flight--;
  uring->events++;
  rouse__chain_broken(io);
}

// A result after which more is to come. True: it was one.
static bool more_comes(struct uring *uring, rouse_io *io, const struct io_uring_cqe *cqe) {
  if (!(cqe->flags & IORING_CQE_F_MORE)) return false;
  if (!(io->backend[FLAGS] & ROUSE__URING_EDGE)) {
    io->result = cqe->res;
  } else if (rouse__uring_edge_is_it(io, cqe->res)) {
    ask_for_end(uring, io);
  }
  return true;
}

static void operation_ended(struct uring *uring, rouse_io *io, const struct io_uring_cqe *cqe) {
  const uintptr_t special = io->backend[FLAGS] & ~(uintptr_t)ROUSE__URING_EXCHANGE;
  if (is_plain(io) && cqe->res >= 0 && !special) {  // the same as below, at once
    rouse__uring_complete(uring, io, cqe->res);
    return;
  }
  if (rouse__uring_is_many(io->operation)) {
    rouse__uring_many_ended(uring, io, cqe);
    return;
  }
  if (more_comes(uring, io, cqe)) return;
  int result = cqe->res;
  if (cqe->flags & IORING_CQE_F_NOTIF) result = (int)io->result;  // as noted
  const bool again = rouse__uring_to_try_again(uring, io, &result);
  if (!again) {
    rouse__uring_complete(uring, io, result_of(io, result));
  } else if (io->backend[FLAGS] & CANCELLED) {
    rouse__uring_complete(uring, io, ROUSE_ECANCELED);
  } else if (io->backend[FLAGS] & ROUSE__URING_LINKED) {
    chain_broke(uring, io);
  } else {
    leave_cancels(uring, io);
    rouse__uring_start(uring, io);
  }
}

static void bell_rang(struct uring *uring, const struct io_uring_cqe *cqe) {
  int failure = rouse__uring_bell_hear(&uring->bell, cqe, &uring->backend.bells_heard);
  if (failure && !uring->failure) uring->failure = failure;
  uring->events++;
}

// What |cqe| is for: an operation, or the send of an exchange, of which only failures are heard.
static rouse_io *operation_of(struct uring *uring, const struct io_uring_cqe *cqe) {
  if (cqe->user_data & ROUSE__URING_OF_SEND) {
    return rouse__uring_exchange_broke(uring, cqe->user_data);
  }
  return (rouse_io *)(uintptr_t)cqe->user_data;
}

// Takes all completions off the queue.
static void reap(struct uring *uring) {
  struct io_uring_cq *cq = &uring->ring.cq;
  // RELAXED: only this thread writes it.
  unsigned head = load_relaxed((rouse__atomic32 *)(void *)cq->khead);
  for (;;) {
    // ORDER(cq-tail): acquire, the completions that the kernel wrote before it.
    unsigned tail = load_acquire((rouse__atomic32 *)(void *)cq->ktail);
    if (head == tail) break;
    for (; head != tail; head++) {
      const struct io_uring_cqe *cqe = &cq->cqes[head & cq->ring_mask];
      if (cqe->user_data == ROUSE__URING_FOR_BELL) {
        bell_rang(uring, cqe);
      } else if (cqe->user_data == ROUSE__URING_FOR_CANCEL) {
        cancel_missed(uring, cqe->res);
      } else {
        operation_ended(uring, operation_of(uring, cqe), cqe);
      }
    }
    // ORDER(cq-head): release, our reads; the kernel acquires before it uses the places again.
    store_release((rouse__atomic32 *)(void *)cq->khead, head);
  }
  if (!(ring_flags(uring) & IORING_SQ_CQ_OVERFLOW)) rouse__uring_exchanges_heard(uring);
}

static void settle_ended(struct uring *uring) {
  rouse_io *io;
  while ((io = uring->ended.first)) {
    list_remove(&uring->ended, io, ENDED);
    rouse__uring_complete(uring, io, io->result);
  }
}

// --- poll ----------------------------------------------------------------------------------------

// Hands over and fetches without sleeping. Bounded: what comes meanwhile is for the next poll. A
// kernel that refuses the entries does not look for completions in the same call.
static void flush(struct uring *uring) {
  for (int i = 0; i < ROUNDS; i++) {
    rouse__uring_exchange_link(uring);
    unsigned submit = uring->refused ? 0 : rouse__uring_publish(&uring->ring);
    if (!submit && !(ring_flags(uring) & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN))) break;
    enter(uring, submit, 0, IORING_ENTER_GETEVENTS, NULL);
    reap(uring);
    refill(uring);
  }
}

static struct __kernel_timespec timespec_of(int64_t ns) {
  return (struct __kernel_timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

// Enters to hand over what there is and to sleep, at most |most_ns|. -EINTR if that ended it.
static int sleep_once(struct uring *uring, int64_t most_ns) {
  most_ns = cancel_again(uring, most_ns);
  bool all = refill(uring);
  rouse__uring_put_later(uring);
  all = all && !uring->waiting.first && !rouse__uring_exchanges_left(uring);
  all = all && arm_bell(uring) && !uring->refused;
  if (!all && most_ns > SHORT_SLEEP_NS) most_ns = SHORT_SLEEP_NS;
  struct __kernel_timespec limit = timespec_of(most_ns);
  uring->refused = false;
  int result = enter(uring, rouse__uring_publish(&uring->ring), 1, 0,
                     most_ns == ROUSE_FOREVER ? NULL : &limit);
  if (uring->refused) {  // it did not sleep
    if (most_ns > SHORT_SLEEP_NS) limit = timespec_of(SHORT_SLEEP_NS);
    result = enter(uring, 0, 1, 0, &limit);
  }
  reap(uring);
  return result;
}

// Before a sleep: no exchange may be left of which it is not known that its send is over.
static void finish_sends(struct uring *uring) {
  flush(uring);
  rouse__uring_exchanges_go_on(uring);
  settle_ended(uring);
}

// Sleeps until something comes. False: it did not even enter the kernel.
static bool sleep_until(struct uring *uring, int64_t deadline_ns) {
  bool entered = false;
  for (uint64_t events = uring->events; uring->events == events && !uring->failure;) {
    if (rouse__uring_bell_look(&uring->bell, &uring->backend.bells_heard)) break;
    rouse__uring_exchange_link(uring);
    if (rouse__uring_exchanges_left(uring)) {
      entered = true;
      finish_sends(uring);
      if (uring->events != events) break;
    }
    int64_t most_ns = ROUSE_FOREVER;
    if (deadline_ns != ROUSE_FOREVER) most_ns = deadline_ns - rouse_now_ns();
    if (most_ns <= 0) break;
    entered = true;
    if (sleep_once(uring, most_ns) == -EINTR) break;
  }
  return entered;
}

static int poll(struct rouse__backend *backend, int64_t deadline_ns) {
  struct uring *uring = uring_of(backend);
  uint64_t events = uring->events;
  uring->refused = false;
  reap(uring);
  rouse__uring_exchanges_go_on(uring);
  if (uring->ended.first) settle_ended(uring);
  refill(uring);
  rouse__uring_put_later(uring);
  cancel_again(uring, 0);
  bool sleeps = deadline_ns > 0 && uring->events == events;
  if (!sleeps || !sleep_until(uring, deadline_ns)) flush(uring);
  return uring->failure;
}

static bool came(const struct rouse__backend *backend) {
  const struct uring *uring = ROUSE__CONTAINER(backend, const struct uring, backend);
  const struct io_uring_cq *cq = &uring->ring.cq;
  // RELAXED: a look; reap() acquires.
  return load_relaxed((rouse__atomic32 *)(void *)cq->ktail) !=
             load_relaxed((rouse__atomic32 *)(void *)cq->khead) ||
         (ring_flags(uring) & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN)) ||
         rouse__uring_exchanges_left(uring);
}

static void ring(struct rouse__backend *backend) {
  if (rouse__uring_bell_ring(&uring_of(backend)->bell)) {
    rouse__die("a loop's doorbell could not be rung", ROUSE__WHERE);
  }
}

// --- create and destroy --------------------------------------------------------------------------

// Ends what listens to the doorbell. A futex wait left behind in a closed ring would go on to
// swallow wakes that are meant for others.
static void disarm(struct uring *uring) {
  struct rouse__uring_bell *bell = &uring->bell;
  if (bell->kind == ROUSE__URING_BELL_MSG_RING || !bell->armed) return;
  struct io_uring_sqe *sqe = rouse__uring_take_entry(uring);
  if (!sqe) return;
  io_uring_prep_cancel64(sqe, ROUSE__URING_FOR_BELL, 0);
  sqe->user_data = ROUSE__URING_FOR_CANCEL;
  for (int i = 0; i < 1000 && bell->armed; i++) {
    struct __kernel_timespec limit = timespec_of(SHORT_SLEEP_NS);
    enter(uring, rouse__uring_publish(&uring->ring), 1, 0, &limit);
    reap(uring);
  }
}

static void destroy(struct rouse__backend *backend) {
  struct uring *uring = uring_of(backend);
  ROUSE__ASSERT(!backend->in_flight, "a ring is destroyed with operations in flight");
  disarm(uring);
  rouse__uring_exit(&uring->ring);
  rouse__uring_bell_close(&uring->bell);
  rouse__uring_registered_free(uring);
  rouse__free(uring);
}

static const struct rouse__backend_ops ops = {
    .name = "io_uring",
    .blocking_sockets = true,
    .destroy = destroy,
    .submit = submit,
    .submit_linked = rouse__uring_submit_linked,
    .submit_exchange = rouse__uring_submit_exchange,
    .cancel = cancel,
    .poll = poll,
    .came = came,
    .ring = ring,
    .register_buffers = rouse__uring_register_buffers,
    .unregister_buffers = rouse__uring_unregister_buffers,
    .register_file = rouse__uring_register_file,
    .unregister_file = rouse__uring_unregister_file,
    .buffers_open = rouse__uring_buffers_open,
    .buffers_close = rouse__uring_buffers_close,
    .buffers_give = rouse__uring_buffers_give,
};

static int open_bell(struct uring *uring, uint32_t without, char *reason, size_t reason_size) {
  enum rouse__uring_bell_kind kind;
  int refused = rouse__uring_bell_choose(without, &kind, reason, reason_size);
  if (refused) return refused;
  refused = rouse__uring_bell_open(&uring->bell, kind, without, &uring->ring);
  if (refused) {
    snprintf(reason, reason_size, "no doorbell: %s", rouse_error_message(refused));
    return refused;
  }
  uring->backend.doorbell = rouse__uring_bell_names[kind];
  return 0;
}

static int create(rouse_loop *loop, const rouse_loop_options *options,
                  struct rouse__backend **out_backend, char *reason, size_t reason_size) {
  uint32_t without, entries = options && options->ring_entries ? options->ring_entries : 0;
  int refused = rouse__uring_without(&without, reason, reason_size);
  if (refused) return refused;
  struct uring *uring = rouse__allocate(sizeof *uring, _Alignof(struct uring));
  if (!uring) {
    snprintf(reason, reason_size, "no memory");
    return ROUSE_ENOMEM;
  }
  uring->backend.ops = &ops;
  uring->backend.loop = loop;
  uring->without = without;
  refused = rouse__uring_set_up(&uring->ring, entries ? entries : ENTRIES_DEFAULT, without,
                                &uring->setup, reason, reason_size);
  if (refused) goto out_free;
  refused = rouse__uring_operations(&uring->ring, without, &uring->operations, reason, reason_size);
  if (!refused) refused = open_bell(uring, without, reason, reason_size);
  if (refused) goto out_ring;
  if ((uring->ring.features & IORING_FEAT_CQE_SKIP) && !(without & ROUSE__URING_WITHOUT_CQE_SKIP)) {
    uring->cancel_flags = IOSQE_CQE_SKIP_SUCCESS;
  }
  *out_backend = &uring->backend;
  return 0;

out_ring:
  rouse__uring_exit(&uring->ring);
out_free:
  rouse__free(uring);
  return refused;
}

const struct rouse__backend_kind rouse__backend_io_uring = {
    .name = "io_uring",
    .create = create,
    .probe = rouse__uring_probe,
};
