// Whether sends do what exchanges rely on (exchange.c).
//
// One that took all says nothing; one that took a part, and one that took nothing, say so, and all
// of them before the system call that hands them over returns. If a receive is linked to one,
// either says something: the receive after a send that took all, else the send.
#define _GNU_SOURCE
#include <sys/socket.h>
#include <unistd.h>

#include "backend/io_uring/try.h"
#include "platform/platform.h"

enum { BULK = 65536, ROOM = 4096 };

static int no(char *reason, size_t size, const char *what) {
  return rouse__try_no(ROUSE_ENOSYS, reason, size, "%s", what);
}

static void drain(int fd) {
  char bytes[ROOM];
  while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) continue;
}

static struct io_uring_sqe *send_of(struct io_uring *ring, int fd, const char *bytes,
                                    size_t length) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  io_uring_prep_send(sqe, fd, bytes, length, ROUSE__URING_SEND_AT_ONCE);
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  sqe->user_data = ROUSE__URING_OF_SEND;
  return sqe;
}

// Sends |length| bytes. What is reported of it by the time that it is handed over; 1: nothing.
static int report_of(struct io_uring *ring, int fd, const char *bytes, size_t length) {
  send_of(ring, fd, bytes, length);
  const int taken = rouse__uring_go(ring, rouse__uring_publish(ring), 0, 0, NULL);
  if (taken != 1) return taken < 0 ? taken : -EAGAIN;
  struct io_uring_cqe *cqe;
  unsigned head;
  io_uring_for_each_cqe(ring, head, cqe) {
    const int result = cqe->res;
    io_uring_cq_advance(ring, 1);
    return result;
  }
  return 1;
}

// Sends |length| bytes, and receives one of those that are there. Which of the two was reported,
// and only that, and with what.
static uint64_t reported_of(struct io_uring *ring, int fd, const char *bytes, size_t length,
                            int *out_result) {
  char byte;
  struct io_uring_cqe cqe, second;
  send_of(ring, fd, bytes, length)->flags |= IOSQE_IO_LINK;
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  io_uring_prep_recv(sqe, fd, &byte, 1, 0);
  sqe->user_data = ROUSE__URING_FOR_PROBE;
  if (!rouse__try_take(ring, true, &cqe) || rouse__try_take(ring, false, &second)) return 0;
  *out_result = cqe.res;
  return cqe.user_data;
}

static int try_linked(struct io_uring *ring, const int *pair, const char *bulk, char *reason,
                      size_t size) {
  int result = 0;
  if (send(pair[1], "ab", 2, MSG_DONTWAIT) != 2) return no(reason, size, "a socket takes nothing");
  if (reported_of(ring, pair[0], bulk, 1, &result) != ROUSE__URING_FOR_PROBE || result != 1) {
    return no(reason, size, "a send that took all and its receive do not report once");
  }
  if (reported_of(ring, pair[0], bulk, BULK, &result) != ROUSE__URING_OF_SEND || result < 2) {
    return no(reason, size, "a part that was sent does not stop the receive after it");
  }
  drain(pair[1]);
  return 0;
}

static int try_on(struct io_uring *ring, const int *pair, const char *bulk, char *reason,
                  size_t size) {
  char byte;
  if (report_of(ring, pair[0], bulk, 1) != 1) {
    return no(reason, size, "a send that took all is reported");
  }
  if (recv(pair[1], &byte, 1, MSG_DONTWAIT) != 1) {
    return no(reason, size, "a send is not carried out by the call that hands it over");
  }
  const int part = report_of(ring, pair[0], bulk, BULK);
  if (part < 2 || part >= BULK) return no(reason, size, "a part that was sent is not reported");
  if (report_of(ring, pair[0], bulk, BULK) != -EAGAIN) {
    return no(reason, size, "a send that came too early is not reported");
  }
  drain(pair[1]);
  return try_linked(ring, pair, bulk, reason, size);
}

int rouse__uring_try_exchange(struct io_uring *ring, uint32_t without, char *reason, size_t size) {
  if (without & ROUSE__URING_WITHOUT_CQE_SKIP) {
    return no(reason, size, "ROUSE_IO_URING_WITHOUT asks to do without cqe_skip");
  }
  if (!(ring->features & IORING_FEAT_CQE_SKIP)) {
    return no(reason, size, "the kernel reports each success");
  }
  const int saved = errno, room = ROOM;
  int pair[2], refused = ROUSE_ENOMEM;
  char *bulk = rouse__allocate(BULK, 1);
  if (!bulk) return rouse__try_no(refused, reason, size, "no memory");
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
    refused = rouse__try_no(refused, reason, size, "no sockets to try it on");
    goto out_free;
  }
  setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  refused = try_on(ring, pair, bulk, reason, size);
  close(pair[0]);
  close(pair[1]);

out_free:
  rouse__free(bulk);
  errno = saved;
  return refused;
}
