// Whether multishot accepts and receives do what operations with many results rely on.
//
// Kernels that don't know a flag refuse it, or don't look at it: so what counts is that one entry
// gives two results, each with the promise of more, and that a receive that finds no buffer says
// ENOBUFS and leaves the bytes where they are.
#define _GNU_SOURCE
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/io_uring/try.h"
#include "platform/platform.h"

static int asked(char *reason, size_t size) {
  return rouse__try_no(ROUSE_ENOSYS, reason, size, "ROUSE_IO_URING_WITHOUT asks to do without");
}

// --- accepts -------------------------------------------------------------------------------------

// A listener of local sockets, under a name that the system chooses.
static int listen_somewhere(struct sockaddr_storage *out_address, socklen_t *size) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const struct sockaddr any = {.sa_family = AF_UNIX};
  if (bind(fd, &any, sizeof any.sa_family) || listen(fd, 2) ||
      getsockname(fd, (struct sockaddr *)out_address, size)) {
    close(fd);
    return -1;
  }
  return fd;
}

static bool accepts_one(struct io_uring *ring, const struct sockaddr_storage *address,
                        socklen_t size) {
  struct io_uring_cqe cqe;
  int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool connected = client >= 0 && !connect(client, (const struct sockaddr *)address, size);
  bool accepted = connected && rouse__try_take_of(ring, ROUSE__URING_FOR_PROBE, &cqe);
  if (accepted && cqe.res >= 0) close(cqe.res);
  if (client >= 0) close(client);
  return accepted && cqe.res >= 0 && (cqe.flags & IORING_CQE_F_MORE);
}

int rouse__uring_try_accepts(struct io_uring *ring, uint32_t without, char *reason, size_t size) {
  if (without & ROUSE__URING_WITHOUT_MULTISHOT_ACCEPT) return asked(reason, size);
  const int saved = errno;
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  int listener = listen_somewhere(&address, &length);
  bool works = listener >= 0;
  if (works) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
    io_uring_prep_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
    sqe->ioprio |= IORING_ACCEPT_MULTISHOT;
    sqe->user_data = ROUSE__URING_FOR_PROBE;
    rouse__try_hand_over(ring);
    for (int i = 0; i < 2 && works; i++) works = accepts_one(ring, &address, length);
    if (works) rouse__try_cancel_of(ring, ROUSE__URING_FOR_PROBE);
    close(listener);
  }
  errno = saved;
  return works ? 0
               : rouse__try_no(ROUSE_ENOSYS, reason, size, "one entry accepts no more than one");
}

// --- receives ------------------------------------------------------------------------------------

enum { BUFFERS = 2 };

// |*armed|: more may come.
static bool receives_one(struct io_uring *ring, int from, int *out_result, bool *armed) {
  struct io_uring_cqe cqe;
  if (write(from, "x", 1) != 1) return false;
  if (!rouse__try_take_of(ring, ROUSE__URING_FOR_PROBE, &cqe)) return false;
  *out_result = cqe.res;
  *armed = cqe.flags & IORING_CQE_F_MORE;
  const unsigned both = IORING_CQE_F_BUFFER | IORING_CQE_F_MORE;
  return cqe.res == 1 && (cqe.flags & both) == both;
}

static bool receives_many(struct io_uring *ring, const int *pair, bool *armed) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  int result = 0;
  char left[2];
  io_uring_prep_recv(sqe, pair[0], NULL, 0, 0);
  sqe->ioprio |= IORING_RECV_MULTISHOT;
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->user_data = ROUSE__URING_FOR_PROBE;
  rouse__try_hand_over(ring);
  *armed = true;
  for (int i = 0; i < BUFFERS; i++) {
    if (!receives_one(ring, pair[1], &result, armed)) return false;
  }
  if (receives_one(ring, pair[1], &result, armed) || result != -ENOBUFS) return false;
  return recv(pair[0], left, sizeof left, MSG_DONTWAIT) == 1;
}

int rouse__uring_try_receives(struct io_uring *ring, uint32_t without, char *reason, size_t size) {
  if (without & ROUSE__URING_WITHOUT_MULTISHOT_RECEIVE) return asked(reason, size);
  const int saved = errno;
  enum { PAGE = 4096 };
  int pair[2], refused = ROUSE_ENOMEM;
  char bytes[BUFFERS];
  struct io_uring_buf_ring *free = rouse__allocate(PAGE, PAGE);
  struct io_uring_buf_reg request = {.ring_addr = (uintptr_t)free, .ring_entries = BUFFERS};
  if (!free || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) goto out_free;
  refused = ROUSE_ENOSYS;
  if (!io_uring_register_buf_ring(ring, &request, 0)) {
    io_uring_buf_ring_init(free);
    for (int i = 0; i < BUFFERS; i++) {
      io_uring_buf_ring_add(free, &bytes[i], 1, (unsigned short)i, io_uring_buf_ring_mask(BUFFERS),
                            i);
    }
    io_uring_buf_ring_advance(free, BUFFERS);
    bool armed = false;
    if (receives_many(ring, pair, &armed)) refused = 0;
    shutdown(pair[0], SHUT_RDWR);  // ends what may be left of it
    if (armed) rouse__try_cancel_of(ring, ROUSE__URING_FOR_PROBE);
    io_uring_unregister_buf_ring(ring, 0);
  }
  close(pair[0]);
  close(pair[1]);

out_free:
  rouse__free(free);
  errno = saved;
  if (!refused) return 0;
  return rouse__try_no(refused, reason, size, "one entry does not receive into provided buffers");
}
