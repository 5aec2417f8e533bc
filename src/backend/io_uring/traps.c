// What futex operations on this kernel's rings do where one might expect something else, found by
// doing it, for the probe. Each line says what was seen and what the library does about it, and
// "available" is whether that is enough: whether waits made in the library's way are right here.
//
// None of this runs when a loop is made: the library's way is the same whatever is seen here, and
// the little that it relies on is tried before the first wait (futex.c).
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>

#include "backend/io_uring/try.h"
#include "platform/platform.h"

static const char OURS[] = "io_uring";
enum { TURNS = 10 };
enum { FOR_TIMEOUT = ROUSE__URING_FOR_PROBE + 1 };  // a user_data

// As the kernel wants it. Older headers do not have it.
struct waitv_entry {
  uint64_t expected, address;
  uint32_t flags, reserved;
};

// A wait with any flags and mask, not armed yet.
static struct io_uring_sqe *any_wait(struct io_uring *ring, rouse__atomic32 *word, int flags,
                                     uint64_t mask) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  io_uring_prep_rw(ROUSE__URING_OP_FUTEX_WAIT, sqe, flags, word, 0, 0);
  sqe->addr3 = mask;
  sqe->user_data = ROUSE__URING_FOR_PROBE;
  return sqe;
}

// The result of a wait that is expected to be refused. 0: it was armed, and is no longer.
static int refusal(struct io_uring *ring, int flags, uint64_t mask) {
  rouse__atomic32 word = {0};
  struct io_uring_cqe cqe;
  any_wait(ring, &word, flags, mask);
  rouse__try_hand_over(ring);
  if (rouse__try_take(ring, false, &cqe)) return cqe.res;
  rouse__try_cancel_of(ring, ROUSE__URING_FOR_PROBE);
  return 0;
}

// The name of a refusal, or what it is instead of one.
static const char *told(int result) {
  return result ? rouse_error_name(rouse_error_from_system(-result)) + strlen("ROUSE_")
                : "accepted";
}

static void report_flags(rouse_probe *probe, struct io_uring *ring, bool works) {
  int none = refusal(ring, 0, ROUSE__FUTEX2_MASK_ANY);
  rouse__probe_add(probe, OURS, "futex_flags", works,
                   "a wait whose flags have no size: %s; the size is always given", told(none));
  int zero = refusal(ring, ROUSE__FUTEX2_SIZE_U32, 0);
  int wide = refusal(ring, ROUSE__FUTEX2_SIZE_U32, UINT64_MAX);
  rouse__probe_add(probe, OURS, "futex_mask", works,
                   "a mask of 0: %s, of 64 bits: %s; 32 bits are given", told(zero), told(wide));
}

// --- the private table ---------------------------------------------------------------------------

static void report_private_hash(rouse_probe *probe, struct io_uring *ring) {
  static const char name[] = "futex_private_hash";
  char reason[ROUSE__URING_REASON_SIZE] = "";
  int slots = rouse__uring_futex_slots();
  if (slots > 0) {
    rouse__probe_add(probe, OURS, name, true,
                     "this process has its table of private words already (%d slots)", slots);
    return;
  }
  bool lost = rouse__try_second_thread(ring, true, reason, sizeof reason) != 0;
  if (!lost) {
    rouse__probe_add(probe, OURS, name, true, "private waits are found by threads created later");
  } else if (slots < 0) {
    rouse__probe_add(probe, OURS, name, false, "%s", reason);
  } else {
    rouse__probe_add(probe, OURS, name, true,
                     "a private wait is lost when the process gets its second thread; its table is "
                     "made before the first wait");
  }
}

// --- closed rings --------------------------------------------------------------------------------

// Whether a ring that was closed after a wait for |word| swallows a wake. -1: no ring could be had.
static int swallows(rouse__atomic32 *word, bool drained, uint32_t without) {
  struct io_uring ring;
  struct rouse__uring_setup setup;
  char reason[ROUSE__URING_REASON_SIZE];
  if (rouse__uring_set_up(&ring, ROUSE__TRY_ENTRIES, without, &setup, reason, sizeof reason)) {
    return -1;
  }
  rouse__try_futex_wait(&ring, word, 0, ROUSE__FUTEX2_SIZE_U32);
  if (drained) rouse__try_cancel_of(&ring, ROUSE__URING_FOR_PROBE);
  rouse__uring_exit(&ring);
  return rouse__try_futex_wake(word, 0) == 1;
}

// The words outlive the call: a dead ring's waits may do so, too.
static void report_closed_ring(rouse_probe *probe, uint32_t without) {
  static rouse__atomic32 words[2][TURNS];
  int swallowed[2] = {0, 0};
  for (int drained = 0; drained < 2; drained++) {
    for (int i = 0; i < TURNS; i++) {
      int swallowed_one = swallows(&words[drained][i], drained, without);
      if (swallowed_one > 0) swallowed[drained]++;
    }
  }
  rouse__probe_add(probe, OURS, "futex_closed_ring", !swallowed[1],
                   "rings closed with a wait swallowed %d of %d wakes, with none %d; waits are "
                   "cancelled and heard before a close",
                   swallowed[0], TURNS, swallowed[1]);
}

// --- cancels and deadlines -----------------------------------------------------------------------

static void report_cancelled_but_woken(rouse_probe *probe, struct io_uring *ring) {
  rouse__atomic32 word = {0};
  rouse__try_futex_wait(ring, &word, 0, ROUSE__FUTEX2_SIZE_U32);
  long woken = rouse__try_futex_wake(&word, 0);
  int result = rouse__try_cancel_of(ring, ROUSE__URING_FOR_PROBE);
  rouse__probe_add(probe, OURS, "futex_cancelled_but_woken", woken == 1 && result == 0,
                   "a wait that was woken, then cancelled: %s; its wake is reported, or passed on",
                   result ? told(result) : "woken");
}

// The codes of a wait that its LINK_TIMEOUT ended, and of that.
static bool time_out(struct io_uring *ring, int *out_wait, int *out_timeout) {
  rouse__atomic32 word = {0};
  struct __kernel_timespec limit = {.tv_nsec = 100000};
  struct io_uring_cqe cqe;
  any_wait(ring, &word, ROUSE__FUTEX2_SIZE_U32, ROUSE__FUTEX2_MASK_ANY)->flags |= IOSQE_IO_LINK;
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  io_uring_prep_link_timeout(sqe, &limit, 0);
  sqe->user_data = FOR_TIMEOUT;
  rouse__try_hand_over(ring);
  for (int i = 0; i < 2; i++) {
    if (!rouse__try_take(ring, true, &cqe)) return false;
    *(cqe.user_data == ROUSE__URING_FOR_PROBE ? out_wait : out_timeout) = cqe.res;
  }
  return true;
}

static void report_link_timeout(rouse_probe *probe, struct io_uring *ring) {
  int wait = 0, timeout = 0;
  bool heard = time_out(ring, &wait, &timeout);
  if (!heard) rouse__try_cancel_of(ring, ROUSE__URING_FOR_PROBE);
  rouse__probe_add(probe, OURS, "futex_link_timeout", true,
                   "a wait ended by LINK_TIMEOUT: %s, the timeout's own code: %d%s; deadlines are "
                   "the loop's timers",
                   heard ? told(wait) : "nothing", timeout, timeout == -ETIME ? " (ETIME)" : "");
}

// --- several words -------------------------------------------------------------------------------

static void report_waitv(rouse_probe *probe, struct io_uring *ring) {
  rouse__atomic32 words[2] = {{0}, {0}};
  struct waitv_entry entries[2];
  struct io_uring_cqe cqe = {.res = 0};
  for (int i = 0; i < 2; i++) {
    entries[i] = (struct waitv_entry){0, (uintptr_t)&words[i].raw, ROUSE__FUTEX2_SIZE_U32, 0};
  }
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  io_uring_prep_rw(ROUSE__URING_OP_FUTEX_WAITV, sqe, 0, entries, 2, 0);
  sqe->user_data = ROUSE__URING_FOR_PROBE;
  rouse__try_hand_over(ring);
  long woken = rouse__try_futex_wake(&words[0], 0) + rouse__try_futex_wake(&words[1], 0);
  bool heard = rouse__try_take(ring, woken > 0, &cqe);
  if (!heard) rouse__try_cancel_of(ring, ROUSE__URING_FOR_PROBE);
  const char *seen = "not there";
  if (woken) seen = woken == 2 ? "two words, two wakes, both counted, one told" : "one wake, told";
  rouse__probe_add(probe, OURS, "futex_waitv", true,
                   "%s; a wait for several words is made of waits for one", seen);
}

// --- the report ----------------------------------------------------------------------------------

void rouse__uring_report_futexes(rouse_probe *probe, struct io_uring *ring, uint32_t without) {
  char reason[ROUSE__URING_REASON_SIZE] = "";
  int refused = 0;
  if (without & ROUSE__URING_WITHOUT_FUTEX) {
    refused = rouse__try_no(ROUSE_ENOSYS, reason, sizeof reason,
                            "ROUSE_IO_URING_WITHOUT asks to do without");
  } else {
    refused = rouse__uring_futex_try(ring, reason, sizeof reason);
  }
  rouse__probe_add(probe, OURS, "futex_waits", !refused, "%s%s", refused ? "by threads: " : "",
                   refused ? reason : "on the ring");
  if (refused) return;
  // First: once the process has had a second thread there is nothing to be seen.
  report_private_hash(probe, ring);
  report_flags(probe, ring, !refused);
  report_cancelled_but_woken(probe, ring);
  report_link_timeout(probe, ring);
  report_waitv(probe, ring);
  report_closed_ring(probe, without);
}
