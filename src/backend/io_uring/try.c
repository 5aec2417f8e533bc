// Trying things on a ring made for that.
#define _GNU_SOURCE
#include "backend/io_uring/try.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/platform.h"

static const int64_t TRY_NS = 200000000;  // what has not come by then does not come

int rouse__try_no(int code, char *reason, size_t size, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reason, size, format, arguments);
  va_end(arguments);
  return code;
}

void rouse__try_hand_over(struct io_uring *ring) {
  rouse__uring_go(ring, rouse__uring_publish(ring), 0, IORING_ENTER_GETEVENTS, NULL);
}

bool rouse__try_take(struct io_uring *ring, bool wait, struct io_uring_cqe *out_cqe) {
  int64_t until_ns = rouse_now_ns() + TRY_NS;
  for (;;) {
    struct io_uring_cqe *cqe;
    unsigned head;
    io_uring_for_each_cqe(ring, head, cqe) {
      *out_cqe = *cqe;
      io_uring_cq_advance(ring, 1);
      return true;
    }
    int64_t left_ns = until_ns - rouse_now_ns();
    if (left_ns <= 0) return false;
    if (!wait) until_ns = 0;
    struct __kernel_timespec limit = {.tv_nsec = left_ns};
    int result = rouse__uring_go(ring, rouse__uring_publish(ring), wait, IORING_ENTER_GETEVENTS,
                                 wait ? &limit : NULL);
    if (result < 0 && result != -ETIME && result != -EINTR) return false;
  }
}

bool rouse__try_take_of(struct io_uring *ring, uint64_t user_data, struct io_uring_cqe *out_cqe) {
  while (rouse__try_take(ring, true, out_cqe)) {
    if (out_cqe->user_data == user_data) return true;
  }
  return false;
}

int rouse__try_cancel_of(struct io_uring *ring, uint64_t user_data) {
  struct io_uring_cqe cqe;
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  io_uring_prep_cancel64(sqe, user_data, 0);
  sqe->user_data = ROUSE__URING_FOR_CANCEL;
  int result = -ETIME;
  bool ended = false, told = false;  // the two may come in any order
  while (!ended || !told) {
    if (!rouse__try_take(ring, true, &cqe)) return result;
    if (cqe.user_data == ROUSE__URING_FOR_CANCEL) told = true;
    if (cqe.user_data == user_data && !(cqe.flags & IORING_CQE_F_MORE)) {
      ended = true;
      result = cqe.res;
    }
  }
  return result;
}

// --- futex words ---------------------------------------------------------------------------------

void rouse__try_futex_wait(struct io_uring *ring, rouse__atomic32 *word, uint32_t expected,
                           unsigned flags) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  io_uring_prep_rw(ROUSE__URING_OP_FUTEX_WAIT, sqe, (int)flags, word, 0, expected);
  sqe->addr3 = ROUSE__FUTEX2_MASK_ANY;
  sqe->user_data = ROUSE__URING_FOR_PROBE;
  rouse__try_hand_over(ring);
}

long rouse__try_futex_wake(rouse__atomic32 *word, int flags) {
  return syscall(SYS_futex, &word->raw, FUTEX_WAKE | flags, 1, NULL, NULL, 0);
}

int rouse__try_no_futex(char *reason, size_t size) {
  return rouse__try_no(ROUSE_ENOSYS, reason, size, "the kernel's rings have no futex operations");
}

// --- a second thread -----------------------------------------------------------------------------

struct second {
  rouse__atomic32 word;
  int flags;
  long woken;
};

static void wake_from_second_thread(void *argument) {
  struct second *second = argument;
  add_relaxed(&second->word, 1);  // RELAXED: the wake orders
  second->woken = rouse__try_futex_wake(&second->word, second->flags);
}

int rouse__try_second_thread(struct io_uring *ring, bool is_private, char *reason, size_t size) {
  struct io_uring_cqe cqe;
  struct second second = {.flags = is_private ? FUTEX_PRIVATE_FLAG : 0};
  unsigned flags = ROUSE__FUTEX2_SIZE_U32 | (is_private ? ROUSE__FUTEX2_PRIVATE : 0);
  rouse__try_futex_wait(ring, &second.word, 0, flags);
  rouse__thread thread;
  int failed = rouse__thread_start(&thread, wake_from_second_thread, &second, "rouse-probe");
  if (failed) {
    rouse__try_cancel_of(ring, ROUSE__URING_FOR_PROBE);
    return rouse__try_no(failed, reason, size, "a thread to wake it from could not be started");
  }
  rouse__thread_join(&thread);
  // Whoever woke nobody has nothing to wait for, but an answer that is there already.
  bool taken = rouse__try_take(ring, second.woken == 1, &cqe);
  if (taken && cqe.res == 0) return 0;
  if (taken && cqe.res == -EINVAL) return rouse__try_no_futex(reason, size);
  if (!taken) rouse__try_cancel_of(ring, ROUSE__URING_FOR_PROBE);
  return rouse__try_no(ROUSE_ENOSYS, reason, size,
                       "a wait armed before a thread was created is not found by it");
}
