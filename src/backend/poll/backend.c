// The backends "epoll" and "poll": operations by readiness.
//
// An operation on a socket, a pipe or the like is tried at once, without blocking. What comes out
// too early waits in a list of its descriptor, until readiness says that another try is due. There
// is one list for each direction, served in order of arrival, so that several may read, accept or
// write at a time; while somebody waits in a direction, newcomers are not tried but queue behind.
// All other operations are made by the blocking pool.
//
//   submit ---> tried --result--> done list --poll()--> complete
//           \     | too early         ^
//            \    v                   | result, cancel, close
//             \  waits in the list ---+
//              \  of its descriptor   \ readiness, but the call might block
//               \                      v
//                +--------------->  the pool
//
// A receive that got less than it had room for has most likely emptied the socket, so the next one
// on it waits without a try; nor is one tried each time where tries have been in vain. These are
// guesses and may be wrong: arming looks, too. (So one whose deadline has passed, which will not be
// there for that look, is always tried.)
//
// Descriptors that are closed. rouse_file_close() on this loop ends everything that waits for the
// descriptor on this loop with ROUSE_EBADF. What is closed otherwise (by close(), on another loop)
// while something waits for it is not seen at once. When the number was given out again and
// somebody waits for it here, that is noticed, and what waited before ends with ROUSE_EBADF; until
// then it waits for a cancel or its deadline. It does not receive what is another file's: readiness
// is that of the file for which it waits, see epoll.c and poll.c. (One case is left open, because
// it would cost a system call for each try: on epoll, a file that was closed by close() while
// something waits for it, that a duplicate keeps open, and whose number was given to a file of the
// same kind.)
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rouse/clock.h>

#include "backend/poll/poller.h"
#include "base/assert.h"
#include "platform/futex.h"
#include "platform/platform.h"
#include "runtime/perform.h"

enum { VAIN_MOST = 15, FAILED = POLLERR | POLLHUP };
enum { HELD_LEAST_NS = 1000000, HELD_MOST_NS = 16000000 };

static struct poller *poller_of(struct rouse__backend *backend) { return (struct poller *)backend; }

// --- ends ----------------------------------------------------------------------------------------

// |io|, in no list, has its result; poll() completes it.
static void finish(struct poller *poller, rouse_io *io, int64_t result) {
  io->result = result;
  io->backend[ROUSE__NEXT] = 0;
  io->backend[ROUSE__PLACE] = ROUSE__WAITED;
  if (poller->done_first) {
    poller->done_last->backend[ROUSE__NEXT] = (uintptr_t)io;
  } else {
    poller->done_first = io;
  }
  poller->done_last = io;
}

// Ends all that wait for a descriptor, but |spared|.
static void finish_all(struct poller *poller, struct waiters *waiters, const rouse_io *spared,
                       int64_t result) {
  for (int direction = 0; direction < ROUSE__DIRECTIONS; direction++) {
    rouse_io *io;
    while ((io = waiters->first[direction])) {
      if (io == spared) io = rouse__waiters_next(io);
      if (io == spared) break;
      rouse__waiters_remove(poller, waiters, io);
      finish(poller, io, result);
    }
  }
}

static bool complete_done(struct poller *poller) {
  rouse_io *io = poller->done_first;
  if (!io) return false;
  poller->done_first = NULL;
  do {
    rouse_io *next = rouse__waiters_next(io);
    poller->base.in_flight--;
    rouse__io_complete(io, io->result);
    io = next;
  } while (io);
  return true;
}

// --- starting ------------------------------------------------------------------------------------

static int arm(struct poller *poller, int fd, struct waiters *waiters, bool *replaced) {
  return poller->readiness->ops->arm(poller->readiness, fd, rouse__waiters_events(waiters),
                                     &waiters->key, replaced);
}

static void disarm(struct poller *poller, int fd, struct waiters *waiters) {
  poller->readiness->ops->disarm(poller->readiness, fd, &waiters->key);
}

// Lets |io| wait for its descriptor. 0, or why it can't.
static int start_waiting(struct poller *poller, rouse_io *io) {
  const int fd = rouse__descriptor_of(io);
  struct waiters *waiters = rouse__waiters_make(poller, fd);
  if (!waiters) return ROUSE_ENOMEM;
  bool replaced;
  rouse__waiters_add(poller, waiters, io);
  int refused = arm(poller, fd, waiters, &replaced);
  if (replaced || refused == ROUSE_EBADF) finish_all(poller, waiters, io, ROUSE_EBADF);
  if (!refused) return 0;
  rouse__waiters_remove(poller, waiters, io);
  if (!rouse__waiters_any(waiters)) disarm(poller, fd, waiters);
  return refused;
}

// Guesses for the next receive.
static void note_receive(struct waiters *waiters, const rouse_io *io, int64_t result) {
  if (io->operation != ROUSE__IO_RECEIVE) return;
  waiters->emptied = result > 0 && result < (int64_t)io->length;
}
static void note_try(struct waiters *waiters, const rouse_io *io, bool early) {
  if (io->operation != ROUSE__IO_RECEIVE) return;
  waiters->vain = early ? (uint8_t)((waiters->vain * 2 + 1) & VAIN_MOST) : 0;
  waiters->skips = waiters->vain;
}

// Not by the loop's clock, which the caller's may be ahead of.
static bool is_late(const rouse_io *io) {
  return io->wait.deadline_ns != ROUSE_FOREVER && io->wait.deadline_ns <= rouse_now_ns();
}

// Whether it is guessed that a receive would find nothing.
static bool looks_empty(struct waiters *waiters) {
  if (waiters->emptied) return true;
  if (!waiters->skips) return false;
  waiters->skips--;
  return true;
}

// A connect is always begun: it stands behind nobody.
static bool worth_a_try(struct waiters *waiters, const rouse_io *io) {
  if (!waiters || io->operation == ROUSE__IO_CONNECT) return true;
  if (io->operation == ROUSE__IO_RECEIVE && looks_empty(waiters) && !is_late(io)) return false;
  int direction = rouse__direction_of(io);
  return direction == ROUSE__ANY || !waiters->first[direction];
}

// Tries |io|. True: it has its result.
static bool tried(struct poller *poller, rouse_io *io) {
  struct waiters *waiters = rouse__waiters_find(poller, io->fd);
  if (!worth_a_try(waiters, io)) return false;
  int64_t result = rouse__poller_try(io);
  if (waiters) note_try(waiters, io, result == ROUSE__NOT_NOW);
  if (result == ROUSE__NOT_NOW) return false;
  if (waiters) note_receive(waiters, io, result);
  finish(poller, io, result);
  return true;
}

static int start_by_readiness(struct poller *poller, rouse_io *io) {
  if (tried(poller, io)) return 0;
  int refused = start_waiting(poller, io);
  if (!refused || refused == ROUSE_ENOMEM) return refused;
  finish(poller, io, refused);
  return 0;
}

static int start_by_pool(struct poller *poller, rouse_io *io, int64_t (*perform)(rouse_io *io)) {
  int refused = rouse__io_blocking(io, perform);
  if (!refused) poller->base.in_flight--;
  return refused;
}

static int start_transfer(struct poller *poller, rouse_io *io) {
  int refused = rouse__poller_classify(io);
  if (refused) {
    finish(poller, io, refused);
    return 0;
  }
  if (io->mode == ROUSE__STREAM_FILE) return start_by_pool(poller, io, rouse__file_perform);
  int nothing;
  if (rouse__read_nothing(io, &nothing)) {  // a receive of nothing waits
    finish(poller, io, nothing);
    return 0;
  }
  if (tried(poller, io)) return 0;
  refused = start_waiting(poller, io);
  // A device without readiness.
  return refused == ROUSE_EPERM ? start_by_pool(poller, io, rouse__poller_perform) : refused;
}

// Results of an operation with many come from poll() only, so there is no first try.
static int start_many(struct poller *poller, rouse_io *io) {
  int refused = io->operation == ROUSE__IO_ACCEPT_MANY ? rouse__poller_listens(io->fd) : 0;
  if (!refused) refused = start_waiting(poller, io);
  if (!refused || refused == ROUSE_ENOMEM) return refused;
  finish(poller, io, refused);
  return 0;
}

// Goes on with |io|, a splice: waits for one descriptor after the other.
static int go_on_with_splice(struct poller *poller, rouse_io *io) {
  int64_t result = rouse__poller_try(io);
  if (result == ROUSE__FOR_POOL) return start_by_pool(poller, io, rouse__file_perform);
  if (result == ROUSE__NOT_NOW) {
    int refused = start_waiting(poller, io);
    if (!refused || refused == ROUSE_ENOMEM) return refused;
    result = refused;
  }
  finish(poller, io, result);
  return 0;
}

static int start_splice(struct poller *poller, rouse_io *io) {
  int refused = rouse__poller_check_splice(io);
  if (!refused && io->length) return go_on_with_splice(poller, io);
  finish(poller, io, refused);
  return 0;
}

// The pool may have closed the descriptor before we come to those that wait for it: nothing here
// depends on it, and nothing else runs on this thread meanwhile.
static int start_close(struct poller *poller, rouse_io *io) {
  int refused = 0, fd = io->fd;
  if (rouse__poller_closes_at_once(fd)) {
    finish(poller, io, rouse__file_perform(io));
  } else {
    refused = start_by_pool(poller, io, rouse__file_perform);
  }
  struct waiters *waiters = refused ? NULL : rouse__waiters_find(poller, fd);
  if (!waiters) return refused;
  finish_all(poller, waiters, NULL, ROUSE_EBADF);
  disarm(poller, fd, waiters);
  waiters->emptied = waiters->deceived = false;
  waiters->vain = waiters->skips = 0;
  return 0;
}

// Readiness knows no words.
static int start_futex_wait(struct poller *poller, rouse_io *io) {
  int refused = rouse__io_futex_wait(io);
  if (!refused) poller->base.in_flight--;
  return refused;
}

static int start(struct poller *poller, rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_NOP:
      finish(poller, io, 0);
      return 0;
    case ROUSE__IO_SHUTDOWN:
      finish(poller, io, shutdown(io->fd, (int)io->flags) ? rouse_error_from_system(errno) : 0);
      return 0;
    case ROUSE__IO_READ:
    case ROUSE__IO_WRITE:
    case ROUSE__IO_READ_SPANS:
    case ROUSE__IO_WRITE_SPANS:
      return start_transfer(poller, io);
    case ROUSE__IO_SPLICE:
      return start_splice(poller, io);
    case ROUSE__IO_POLL:
    case ROUSE__IO_ACCEPT:
    case ROUSE__IO_CONNECT:
    case ROUSE__IO_RECEIVE:
    case ROUSE__IO_SEND:
    case ROUSE__IO_RECEIVE_SPANS:
    case ROUSE__IO_SEND_SPANS:
    case ROUSE__IO_RECEIVE_FROM:
    case ROUSE__IO_SEND_TO:
    case ROUSE__IO_SEND_ZERO_COPY:
      return start_by_readiness(poller, io);
    case ROUSE__IO_ACCEPT_MANY:
    case ROUSE__IO_RECEIVE_MANY:
      return start_many(poller, io);
    case ROUSE__IO_CLOSE:
      return start_close(poller, io);
    case ROUSE__IO_FUTEX_WAIT:
      return start_futex_wait(poller, io);
    case ROUSE__IO_FUTEX_WAKE:
      finish(poller, io, rouse__io_futex_wake(io));
      return 0;
    default:
      return start_by_pool(poller, io, rouse__file_perform);
  }
}

static int submit(struct rouse__backend *backend, rouse_io *io) {
  const int saved = errno;
  backend->in_flight++;
  int refused = start(poller_of(backend), io);
  if (refused) backend->in_flight--;
  errno = saved;
  return refused;
}

static void cancel(struct rouse__backend *backend, rouse_io *io) {
  struct poller *poller = poller_of(backend);
  if (io->backend[ROUSE__PLACE] != ROUSE__WAITING) return;  // it has its result
  const int fd = rouse__descriptor_of(io);
  struct waiters *waiters = rouse__waiters_find(poller, fd);
  rouse__waiters_remove(poller, waiters, io);
  finish(poller, io, ROUSE_ECANCELED);
  if (!rouse__waiters_any(waiters)) disarm(poller, fd, waiters);
}

// --- readiness -----------------------------------------------------------------------------------

static void hand_to_pool(struct poller *poller, rouse_io *io) {
  int refused = start_by_pool(poller, io, rouse__poller_perform);
  if (refused) finish(poller, io, refused);
}

static bool is_transfer(const rouse_io *io) {
  return io->operation == ROUSE__IO_READ || io->operation == ROUSE__IO_WRITE ||
         io->operation == ROUSE__IO_READ_SPANS || io->operation == ROUSE__IO_WRITE_SPANS;
}

// |io|, with many results, is ready: what it has ended with, or ROUSE_EAGAIN.
static int64_t serve_many(rouse_io *io) {
  enum { AT_ONCE = 16 };
  if (io->operation == ROUSE__IO_RECEIVE_MANY) return rouse__receive_ready(io);
  for (int i = 0; i < AT_ONCE; i++) {
    int64_t result = rouse__poller_try(io);
    if (result == ROUSE__NOT_NOW) break;
    if (result < 0) return result;
    if (!rouse__io_more(io, result, 0)) return ROUSE_ECANCELED;
  }
  return ROUSE_EAGAIN;
}

// |io|, reported ready, could not be made. A local socket of datagrams without a peer is always
// ready to send, for it can't know where to, even if the receiver's queue is full, and would be
// reported again at once. So when that has happened twice it is held: it is not waited for to
// become ready, but tried again after a while.
static void note_vain_send(struct poller *poller, struct waiters *waiters, const rouse_io *io) {
  if (io->operation != ROUSE__IO_SEND_TO || !io->mode || waiters->held) return;
  if (!waiters->deceived) {
    waiters->deceived = true;
    return;
  }
  if (!poller->held) poller->held_until_ns = rouse_now_ns() + poller->held_ns;
  waiters->held = true;
  waiters->held_next = poller->held;
  poller->held = waiters;
}

// Tries those that wait in one direction, in order, until one is too early.
static void serve(struct poller *poller, struct waiters *waiters, int direction) {
  rouse_io *io;
  while ((io = waiters->first[direction])) {
    if (io->operation == ROUSE__IO_SPLICE) {
      rouse__waiters_remove(poller, waiters, io);
      int refused = go_on_with_splice(poller, io);
      if (refused) finish(poller, io, refused);
      break;  // it may wait here again
    }
    if (io->operation == ROUSE__IO_ACCEPT_MANY || io->operation == ROUSE__IO_RECEIVE_MANY) {
      int64_t result = serve_many(io);
      if (result == ROUSE_EAGAIN) break;
      rouse__waiters_remove(poller, waiters, io);
      finish(poller, io, result);
      continue;
    }
    if (is_transfer(io) && io->mode == ROUSE__STREAM_BLOCKING) {
      rouse__waiters_remove(poller, waiters, io);
      hand_to_pool(poller, io);
      break;  // readiness was for one
    }
    int64_t result = rouse__poller_try_again(io);
    if (result == ROUSE__NOT_NOW) {
      note_vain_send(poller, waiters, io);
      break;
    }
    if (direction == ROUSE__OUT) waiters->deceived = false;
    note_receive(waiters, io, result);
    rouse__waiters_remove(poller, waiters, io);
    finish(poller, io, result);
  }
}

static void serve_polls(struct poller *poller, struct waiters *waiters, uint32_t events) {
  rouse_io *last =
      waiters->first[ROUSE__ANY] ? rouse__waiters_previous(waiters->first[ROUSE__ANY]) : NULL;
  for (rouse_io *io = waiters->first[ROUSE__ANY], *next; last; io = next) {
    next = rouse__waiters_next(io);
    uint32_t matched = events & (rouse__events_of(io) | FAILED);
    if (matched) {
      rouse__waiters_remove(poller, waiters, io);
      finish(poller, io, matched);
    }
    if (io == last) break;
  }
}

// What was reported of |fd| is served: waits for what is left.
static void arm_again(struct poller *poller, int fd, struct waiters *waiters) {
  bool replaced = false;
  int refused = rouse__waiters_any(waiters) ? arm(poller, fd, waiters, &replaced) : 0;
  if (refused || replaced) finish_all(poller, waiters, NULL, refused ? refused : ROUSE_EBADF);
  if (!rouse__waiters_any(waiters)) disarm(poller, fd, waiters);
}

static void report(void *context, int fd, uint32_t key, uint32_t events) {
  struct poller *poller = context;
  if (fd == poller->bell.reads) {
    poller->base.bells_heard += rouse__bell_hear(&poller->bell);
    return;
  }
  struct waiters *waiters = rouse__waiters_find(poller, fd);
  if (!waiters || waiters->key != key) return;  // of a file that was closed
  if (events & POLLNVAL) finish_all(poller, waiters, NULL, ROUSE_EBADF);
  // Writers first: a connect that failed is to have the error before a receive takes it.
  if (events & (POLLOUT | FAILED)) serve(poller, waiters, ROUSE__OUT);
  if (events & ~(uint32_t)POLLOUT) serve(poller, waiters, ROUSE__IN);
  serve_polls(poller, waiters, events);
  arm_again(poller, fd, waiters);
}

// Tries what is held, if it is time. As long as something is held the times between grow.
static void serve_held(struct poller *poller) {
  if (!poller->held || rouse_now_ns() < poller->held_until_ns) return;
  struct waiters *waiters = poller->held, *next;
  poller->held = NULL;
  if (poller->held_ns < HELD_MOST_NS) poller->held_ns *= 2;
  for (; waiters; waiters = next) {
    next = waiters->held_next;
    waiters->held = false;
    const rouse_io *io = waiters->first[ROUSE__OUT];
    if (!io) continue;
    const int fd = rouse__descriptor_of(io);
    arm_again(poller, fd, waiters);  // or the number is another file's by now
    serve(poller, waiters, ROUSE__OUT);
    arm_again(poller, fd, waiters);
  }
  if (!poller->held) poller->held_ns = HELD_LEAST_NS;
}

static int poll_backend(struct rouse__backend *backend, int64_t deadline_ns) {
  struct poller *poller = poller_of(backend);
  if (complete_done(poller)) deadline_ns = 0;
  if (!deadline_ns && !poller->waiting) return 0;
  if (poller->held && poller->held_until_ns < deadline_ns) deadline_ns = poller->held_until_ns;
  const int saved = errno;
  int failed = poller->readiness->ops->wait(poller->readiness, deadline_ns, report, poller);
  // Such a ring may be counted only after it has woken us, and is then not reported again.
  if (poller->bell.cell) backend->bells_heard += rouse__bell_hear(&poller->bell);
  serve_held(poller);
  complete_done(poller);
  errno = saved;
  return failed;
}

static void ring(struct rouse__backend *backend) {
  struct poller *poller = poller_of(backend);
  rouse__bell_ring(&poller->bell, poller->readiness);
}

// --- create, destroy, probe ----------------------------------------------------------------------

static void destroy(struct rouse__backend *backend) {
  struct poller *poller = poller_of(backend);
  poller->readiness->ops->destroy(poller->readiness);
  rouse__bell_close(&poller->bell);
  for (uint32_t page = 0; page < poller->page_count; page++) rouse__free(poller->pages[page]);
  rouse__free(poller->pages);
  rouse__free(poller);
}

static const struct rouse__backend_ops poller_ops = {
    .destroy = destroy,
    .submit = submit,
    .cancel = cancel,
    .poll = poll_backend,
    .ring = ring,
};

static int create(rouse_loop *loop, const struct rouse__readiness_ops *readiness,
                  struct rouse__backend **out_backend, char *reason, size_t reason_size) {
  const char *what = "memory for the backend";
  struct poller *poller = rouse__allocate(sizeof *poller, _Alignof(struct poller));
  int refused = ROUSE_ENOMEM;
  if (!poller) goto out;
  what = "a doorbell: neither an eventfd nor a pipe";
  refused = readiness->ring ? rouse__bell_open_counted(&poller->bell, readiness->name)
                            : rouse__bell_open(&poller->bell);
  if (refused) goto out_free;
  what = readiness->name;
  refused = readiness->create(poller->bell.reads, &poller->readiness);
  if (refused) goto out_bell;
  poller->held_ns = HELD_LEAST_NS;
  poller->ops = poller_ops;
  poller->ops.name = readiness->name;
  poller->base.ops = &poller->ops;
  poller->base.loop = loop;
  poller->base.doorbell = poller->bell.name;
  *out_backend = &poller->base;
  return 0;

out_bell:
  rouse__bell_close(&poller->bell);
out_free:
  rouse__free(poller);
out:
  snprintf(reason, reason_size, "the system refused %s: %s", what, rouse_error_message(refused));
  return refused;
}

int rouse__poller_create(rouse_loop *loop, const struct rouse__readiness_ops *readiness,
                         struct rouse__backend **out_backend, char *reason, size_t reason_size) {
  const int saved = errno;
  int refused = create(loop, readiness, out_backend, reason, reason_size);
  errno = saved;
  return refused;
}

static int create_epoll(rouse_loop *loop, const rouse_loop_options *options,
                        struct rouse__backend **out_backend, char *reason, size_t reason_size) {
  (void)options;
  return rouse__poller_create(loop, &rouse__readiness_epoll, out_backend, reason, reason_size);
}

static int create_poll(rouse_loop *loop, const rouse_loop_options *options,
                       struct rouse__backend **out_backend, char *reason, size_t reason_size) {
  (void)options;
  return rouse__poller_create(loop, &rouse__readiness_poll, out_backend, reason, reason_size);
}

static void probe_futexes(rouse_probe *probe, const char *name) {
  bool prompt = rouse__futex_wait_is_prompt();
  rouse__probe_add(probe, name, "futex_waits", prompt, "by threads, one for each word%s",
                   prompt ? "" : "; they look for cancels every few milliseconds");
}

static void probe_poll(rouse_probe *probe) { probe_futexes(probe, "poll"); }

static void probe_epoll(rouse_probe *probe) {
  bool has = rouse__poller_has_pipes_that_do_not_wait();
  rouse__probe_add(
      probe, "epoll", "pipe_nowait", has, "%s",
      has ? "pipes are read and written in the loop" : "by the pool, unless they have O_NONBLOCK");
  probe_futexes(probe, "epoll");
  has = rouse__epoll_has_pwait2();
  rouse__probe_add(probe, "epoll", "epoll_pwait2", has, "%s",
                   has ? "deadlines in nanoseconds" : "deadlines are rounded up to milliseconds");
}

const struct rouse__backend_kind rouse__backend_epoll = {
    .name = "epoll",
    .create = create_epoll,
    .probe = probe_epoll,
};
const struct rouse__backend_kind rouse__backend_poll = {
    .name = "poll",
    .create = create_poll,
    .probe = probe_poll,
};
