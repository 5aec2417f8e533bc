// Doorbells of loops that sleep in rings, on bare rings: an eventfd under a multishot poll, against
// messages from ring to ring, sent by a call that needs no ring and from the ringer's own ring.
// docs/decisions/0003 is about the choice.
#define _GNU_SOURCE
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum bell { EVENTFD, REGISTER, OWN_RING };
enum { REGISTER_SEND_MSG_RING = 31, WARM_UP = 200 };

// One side: a thread that sleeps in its ring until it is rung, and rings the other.
struct side {
  struct io_uring ring;
  int event_fd;
  enum bell bell;
  int failed;
  struct side *other;
  atomic_bool ready;
  uint64_t rounds;
  unsigned processor;
};

// --- a side --------------------------------------------------------------------------------------

// On the thread that is to use it.
static bool open_side(struct side *side) {
  struct io_uring_params parameters = {
      .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN};
  side->event_fd = -1;
  if (io_uring_queue_init_params(32, &side->ring, &parameters)) return false;
  if (side->bell != EVENTFD) return true;
  side->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  io_uring_prep_poll_multishot(io_uring_get_sqe(&side->ring), side->event_fd, POLLIN);
  return side->event_fd >= 0 && io_uring_submit(&side->ring) == 1;
}

static void close_side(struct side *side) {
  io_uring_queue_exit(&side->ring);
  if (side->event_fd >= 0) close(side->event_fd);
}

static void ring_other(struct side *side) {
  struct side *other = side->other;
  const uint64_t one = 1;
  int result = 0;
  if (side->bell == EVENTFD) {
    result = write(other->event_fd, &one, sizeof one) == (ssize_t)sizeof one ? 0 : -1;
  } else if (side->bell == REGISTER) {
    struct io_uring_sqe message = {.opcode = IORING_OP_MSG_RING, .fd = other->ring.ring_fd};
    message.off = 1;
    result = io_uring_register(-1U, REGISTER_SEND_MSG_RING, &message, 1);
  } else {
    struct io_uring_sqe *message = io_uring_get_sqe(&side->ring);
    io_uring_prep_msg_ring(message, other->ring.ring_fd, 0, 1, 0);
    message->flags |= IOSQE_CQE_SKIP_SUCCESS;
    // At once: whoever rings may go on to compute for long.
    result = io_uring_submit(&side->ring) == 1 ? 0 : -1;
  }
  if (result < 0) side->failed = result;
}

static void hear(struct side *side) {
  struct io_uring_cqe *cqe;
  if (io_uring_wait_cqe(&side->ring, &cqe)) side->failed = -1;
  io_uring_cq_advance(&side->ring, io_uring_cq_ready(&side->ring));
}

static void *far_side(void *argument) {
  struct side *side = argument;
  bench_pin(side->processor);
  if (!open_side(side)) side->failed = -1;
  atomic_store(&side->ready, true);
  while (!atomic_load(&side->other->ready)) sched_yield();
  for (uint64_t i = 0; i < side->rounds && !side->failed && !side->other->failed; i++) {
    hear(side);
    ring_other(side);
  }
  return NULL;
}

// --- round trips ---------------------------------------------------------------------------------

static int64_t clock_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static double play(struct side *near, uint64_t rounds, clockid_t clock) {
  for (int i = 0; i < WARM_UP; i++) {
    ring_other(near);
    hear(near);
  }
  int64_t start_ns = clock_ns(clock);
  for (uint64_t i = 0; i < rounds && !near->failed && !near->other->failed; i++) {
    ring_other(near);
    hear(near);
  }
  return (double)(clock_ns(clock) - start_ns) / (double)rounds / 1000;
}

// a: the bell. b: how many processors.
static const char *round_trips(const bench_case *self, bench_sample *out) {
  static struct side sides[2];
  const uint64_t rounds = bench_option.quick ? 2000 : 20000;
  pthread_t thread;
  for (int i = 0; i < 2; i++) {
    sides[i] = (struct side){.bell = (enum bell)self->a,
                             .other = &sides[1 - i],
                             .rounds = rounds + WARM_UP,
                             .processor = i && self->b > 1};
  }
  bench_pin(0);
  if (pthread_create(&thread, NULL, far_side, &sides[1])) return "no thread";
  if (!open_side(&sides[0])) sides[0].failed = -1;
  atomic_store(&sides[0].ready, true);
  while (!atomic_load(&sides[1].ready)) sched_yield();
  bool failed = sides[0].failed || sides[1].failed;
  if (!failed) {
    out->value = play(&sides[0], rounds, self->b > 1 ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID);
  }
  pthread_join(thread, NULL);
  failed = sides[0].failed || sides[1].failed;
  for (int i = 0; i < 2; i++) close_side(&sides[i]);
  bench_unpin();
  return failed ? "this kernel's rings do not do that" : NULL;
}

static const bench_case work_cases[] = {
    {"eventfd", round_trips, .a = EVENTFD, .b = 1},
    {"msg_ring, no ring", round_trips, .a = REGISTER, .b = 1},
    {"msg_ring, own ring", round_trips, .a = OWN_RING, .b = 1},
};
static const bench_case asleep_cases[] = {
    {"eventfd", round_trips, .a = EVENTFD, .b = 2},
    {"msg_ring, no ring", round_trips, .a = REGISTER, .b = 2},
    {"msg_ring, own ring", round_trips, .a = OWN_RING, .b = 2},
};

static const bench_workload workloads[] = {
    {"bells.work", "processor time of two sides that ring each other on one processor",
     "µs/round trip", BENCH_CASES(work_cases), NULL, 0, 0},
    {"bells.asleep", "two sides that ring each other and sleep, on two processors", "µs/round trip",
     BENCH_CASES(asleep_cases), NULL, 0, 0},
};
const bench_suite bench_bells = {workloads, BENCH_COUNT(workloads)};
