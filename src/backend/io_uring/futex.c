// Futex words on the ring: waits and wakes as entries, and what must be so before they are used.
//
// A wait needs the size among its flags and a mask as wide as the word, or it is refused. Its
// result is exact: 0 when a wake was spent on it, also if it was cancelled at the same moment. A
// deadline is a timer of the loop that cancels it, never a LINK_TIMEOUT, whose code for a wait that
// it ended is not ETIME. And no wait is left in a ring that closes (a loop ends only when nothing
// is in flight), for there it would go on to swallow wakes.
//
// Private waits. Since Linux 6.16 a process has a table of its own for private words, which the
// kernel makes when the second thread is created. A wait that was armed before that lies in the
// common table, and nobody finds it any more. (Blocking calls can't get into this: their thread
// sleeps.) So before its first private wait a process that has no table yet is given one, as large
// as the kernel itself would make it for a thread on each processor. If that is not allowed a
// thread is started, and has the kernel make it.
#define _GNU_SOURCE
#include <errno.h>
#include <sys/prctl.h>

#include <rouse/futex.h>

#include "backend/io_uring/try.h"
#include "platform/platform.h"

void rouse__uring_futex_prepare(struct io_uring_sqe *sqe, const rouse_io *io) {
  bool waits = io->operation == ROUSE__IO_FUTEX_WAIT;
  int flags = ROUSE__FUTEX2_SIZE_U32;
  if (!(io->flags & ROUSE_FUTEX_SHARED)) flags |= ROUSE__FUTEX2_PRIVATE;
  io_uring_prep_rw(waits ? ROUSE__URING_OP_FUTEX_WAIT : ROUSE__URING_OP_FUTEX_WAKE, sqe, flags,
                   io->address, 0, waits ? io->mode : io->length);
  sqe->addr3 = ROUSE__FUTEX2_MASK_ANY;
}

// --- seen to work --------------------------------------------------------------------------------

int rouse__uring_futex_try(struct io_uring *ring, char *reason, size_t size) {
  rouse__atomic32 word = {0};
  struct io_uring_cqe cqe;
  rouse__try_futex_wait(ring, &word, 1, ROUSE__FUTEX2_SIZE_U32);
  bool taken = rouse__try_take(ring, true, &cqe);
  if (taken && cqe.res == -EINVAL) return rouse__try_no_futex(reason, size);
  if (!taken || cqe.res != -EAGAIN) {
    return rouse__try_no(ROUSE_ENOSYS, reason, size,
                         "a wait for a word that has changed does not say so");
  }
  rouse__try_futex_wait(ring, &word, 0, ROUSE__FUTEX2_SIZE_U32);
  if (rouse__try_futex_wake(&word, 0) != 1 || !rouse__try_take(ring, true, &cqe) || cqe.res) {
    return rouse__try_no(ROUSE_ENOSYS, reason, size, "futex() does not wake a ring's wait");
  }
  rouse__try_futex_wait(ring, &word, 0, ROUSE__FUTEX2_SIZE_U32);
  if (rouse__try_cancel_of(ring, ROUSE__URING_FOR_PROBE) != -ECANCELED) {
    return rouse__try_no(ROUSE_ENOSYS, reason, size, "a wait can't be cancelled");
  }
  if (rouse__try_futex_wake(&word, 0) != 0) {
    return rouse__try_no(ROUSE_ENOSYS, reason, size, "a cancelled wait swallows a wake");
  }
  return 0;
}

enum answer { UNKNOWN, YES, NO };

static enum answer try_on_own_ring(void) {
  uint32_t without;
  struct io_uring ring;
  struct rouse__uring_setup setup;
  char reason[ROUSE__URING_REASON_SIZE];
  if (rouse__uring_without(&without, reason, sizeof reason)) return NO;
  if (rouse__uring_set_up(&ring, ROUSE__TRY_ENTRIES, without, &setup, reason, sizeof reason)) {
    return UNKNOWN;  // descriptors or memory are short at this moment: no reason for ever
  }
  bool works = !rouse__uring_futex_try(&ring, reason, sizeof reason);
  rouse__uring_exit(&ring);
  return works ? YES : NO;
}

static bool works(void) {
  static rouse__atomic32 answer;
  uint32_t known = load_relaxed(&answer);  // RELAXED: the word is all there is
  if (known == UNKNOWN) {
    known = try_on_own_ring();
    store_relaxed(&answer, known);  // RELAXED: as above; two that try at once find the same
  }
  return known == YES;
}

// --- private words -------------------------------------------------------------------------------

static void do_nothing(void *argument) { (void)argument; }

static unsigned long slots_wanted(void) {
  unsigned long slots = 16, wanted = 4UL * rouse__cpu_count();
  while (slots < wanted) slots *= 2;
  return slots;
}

int rouse__uring_futex_slots(void) {
  int saved = errno;
  int slots = prctl(ROUSE__PR_FUTEX_HASH, ROUSE__PR_FUTEX_HASH_GET_SLOTS, 0, 0, 0);
  // Refused for another reason than that the kernel does not know it: there may be tables.
  if (slots < 0 && errno != EINVAL) slots = 0;
  errno = saved;
  return slots;
}

static void make_private_table(void) {
  if (rouse__uring_futex_slots()) return;
  if (!prctl(ROUSE__PR_FUTEX_HASH, ROUSE__PR_FUTEX_HASH_SET_SLOTS, slots_wanted(), 0, 0)) return;
  rouse__thread thread;
  if (!rouse__thread_start(&thread, do_nothing, NULL, "rouse-futex")) rouse__thread_join(&thread);
}

static void settle_private(void) {
  static rouse__atomic32 settled;  // for the process of so many forks, plus one
  uint32_t process = rouse__fork_generation() + 1;
  if (load_relaxed(&settled) == process) return;  // RELAXED: twice does no harm
  int saved = errno;
  make_private_table();
  errno = saved;
  store_relaxed(&settled, process);  // RELAXED: as above
}

bool rouse__uring_futex_ready(const rouse_io *io) {
  if (!works()) return false;
  if (!(io->flags & ROUSE_FUTEX_SHARED)) settle_private();
  return true;
}
