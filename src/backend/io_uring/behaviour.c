// What the kernel's rings really do, found by trying it on a ring made for that.
//
// That an opcode is known says little: words can be refused for their flags, waits can be lost when
// the process gets its second thread, a cancelled wait can go on to swallow wakes. So a doorbell is
// chosen only after it was seen to do all that a loop relies on. The candidates are tried in the
// order of preference (docs/decisions/0003-doorbell.md says why), and the first that passes is it,
// for the life of the process. Two threads that try at the same time find the same.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/io_uring/ordering.h"
#include "backend/io_uring/ring.h"
#include "platform/platform.h"

enum { TRY_ENTRIES = 8 };
static const int64_t TRY_NS = 200000000;  // what has not come by then does not come

__attribute__((format(printf, 4, 5))) static int no(int code, char *reason, size_t size,
                                                    const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reason, size, format, arguments);
  va_end(arguments);
  return code;
}

// --- a ring to try things on ---------------------------------------------------------------------

static void hand_over(struct io_uring *ring) {
  rouse__uring_go(ring, rouse__uring_publish(ring), 0, IORING_ENTER_GETEVENTS, NULL);
}

// Takes the next completion, and waits for it if |wait|. False: none came.
static bool take(struct io_uring *ring, bool wait, struct io_uring_cqe *out_cqe) {
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

// As take(), for a completion for |user_data|. Others are passed over.
static bool take_of(struct io_uring *ring, uint64_t user_data, struct io_uring_cqe *out_cqe) {
  while (take(ring, true, out_cqe)) {
    if (out_cqe->user_data == user_data) return true;
  }
  return false;
}

// Cancels what has |user_data| and takes its completion. Its result.
static int cancel_of(struct io_uring *ring, uint64_t user_data) {
  struct io_uring_cqe cqe = {.res = -ETIME};
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  io_uring_prep_cancel64(sqe, user_data, 0);
  sqe->user_data = ROUSE__URING_FOR_CANCEL;
  do {
    if (!take_of(ring, user_data, &cqe)) return -ETIME;
  } while (cqe.flags & IORING_CQE_F_MORE);
  return cqe.res;
}

// --- doorbells -----------------------------------------------------------------------------------

// What a loop relies on: a ring of the bell is heard, with its number, again and again, and also
// when it came while nothing listened.
static int try_bell(struct io_uring *ring, struct rouse__uring_bell *bell, char *reason,
                    size_t size) {
  struct io_uring_cqe cqe;
  uint64_t heard = 0;
  for (uint64_t rung = 1; rung <= 4; rung++) {
    bool before = rung % 2;
    int error = before ? -rouse__uring_bell_ring(bell) : 0;
    if (!bell->armed) rouse__uring_bell_arm(bell, io_uring_get_sqe(ring));
    hand_over(ring);
    if (!before) error = -rouse__uring_bell_ring(bell);
    if (error) {
      return no(ROUSE_ENOSYS, reason, size, "ringing it failed: %s", strerror(error));
    }
    if (!take_of(ring, ROUSE__URING_FOR_BELL, &cqe)) {
      return no(ROUSE_ENOSYS, reason, size, "a ring %s was not heard",
                before ? "before the bell was armed" : "of the armed bell");
    }
    int failed = rouse__uring_bell_hear(bell, &cqe, &heard);
    if (failed) return no(failed, reason, size, "arming it failed: %s", strerror(-cqe.res));
    if (heard != rung) {
      return no(ROUSE_ENOSYS, reason, size, "after %u rings %u were heard", (unsigned)rung,
                (unsigned)heard);
    }
  }
  return 0;
}

static void futex_wait(struct io_uring *ring, rouse__atomic32 *word, uint32_t expected,
                       unsigned flags) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  io_uring_prep_rw(ROUSE__URING_OP_FUTEX_WAIT, sqe, (int)flags, word, 0, expected);
  sqe->addr3 = ROUSE__FUTEX2_MASK_ANY;
  sqe->user_data = ROUSE__URING_FOR_PROBE;
  hand_over(ring);
}

static long futex_wake(rouse__atomic32 *word, int flags) {
  return syscall(SYS_futex, &word->raw, FUTEX_WAKE | flags, 1, NULL, NULL, 0);
}

static int no_futex(char *reason, size_t size) {
  return no(ROUSE_ENOSYS, reason, size, "the kernel's rings have no futex operations");
}

struct second {
  rouse__atomic32 *word;
  int flags;
};
static void wake_from_second_thread(void *argument) {
  struct second *second = argument;
  add_relaxed(second->word, 1);  // RELAXED: the wake orders
  futex_wake(second->word, second->flags);
}

// Whether a wait armed by now is found by a thread that is created only then.
static int try_second_thread(struct io_uring *ring, bool private, char *reason, size_t size) {
  rouse__atomic32 word = {0};
  struct io_uring_cqe cqe;
  struct second second = {&word, private ? FUTEX_PRIVATE_FLAG : 0};
  unsigned flags = ROUSE__FUTEX2_SIZE_U32 | (private ? ROUSE__FUTEX2_PRIVATE : 0);
  futex_wait(ring, &word, 0, flags);
  rouse__thread thread;
  int failed = rouse__thread_start(&thread, wake_from_second_thread, &second, "rouse-probe");
  if (failed) return no(failed, reason, size, "a thread to wake it from could not be started");
  rouse__thread_join(&thread);
  bool taken = take(ring, true, &cqe);
  if (taken && cqe.res == 0) return 0;
  if (taken && cqe.res == -EINVAL) return no_futex(reason, size);
  if (!taken) cancel_of(ring, ROUSE__URING_FOR_PROBE);
  return no(ROUSE_ENOSYS, reason, size,
            "a wait armed before a thread was created is not found by it");
}

static int try_futex(struct io_uring *ring, char *reason, size_t size) {
  rouse__atomic32 word = {0};
  struct io_uring_cqe cqe;
  futex_wait(ring, &word, 1, ROUSE__FUTEX2_SIZE_U32);
  bool taken = take(ring, true, &cqe);
  if (taken && cqe.res == -EINVAL) return no_futex(reason, size);
  if (!taken || cqe.res != -EAGAIN) {
    return no(ROUSE_ENOSYS, reason, size, "a wait for a word that has changed does not say so");
  }
  futex_wait(ring, &word, 0, ROUSE__FUTEX2_SIZE_U32);
  if (futex_wake(&word, 0) != 1 || !take(ring, true, &cqe) || cqe.res) {
    return no(ROUSE_ENOSYS, reason, size, "futex() does not wake a ring's wait");
  }
  futex_wait(ring, &word, 0, ROUSE__FUTEX2_SIZE_U32);
  if (cancel_of(ring, ROUSE__URING_FOR_PROBE) != -ECANCELED) {
    return no(ROUSE_ENOSYS, reason, size, "a wait can't be cancelled");
  }
  if (futex_wake(&word, 0) != 0) {
    return no(ROUSE_ENOSYS, reason, size, "a cancelled wait swallows a wake");
  }
  return try_second_thread(ring, false, reason, size);
}

static uint32_t without_bell(enum rouse__uring_bell_kind kind) {
  static const uint32_t bits[ROUSE__URING_BELLS] = {
      ROUSE__URING_WITHOUT_EVENTFD, ROUSE__URING_WITHOUT_FUTEX, ROUSE__URING_WITHOUT_MSG_RING};
  return bits[kind];
}

static int try_on(struct io_uring *ring, enum rouse__uring_bell_kind kind, uint32_t without,
                  char *reason, size_t size) {
  if (without & without_bell(kind)) {
    return no(ROUSE_ENOSYS, reason, size, "ROUSE_IO_URING_WITHOUT asks to do without");
  }
  if (kind == ROUSE__URING_BELL_FUTEX) {
    int refused = try_futex(ring, reason, size);
    if (refused) return refused;
  }
  struct rouse__uring_bell bell;
  int refused = rouse__uring_bell_open(&bell, kind, without, ring);
  if (refused) return no(refused, reason, size, "%s", rouse_error_message(refused));
  refused = try_bell(ring, &bell, reason, size);
  if (bell.armed && kind != ROUSE__URING_BELL_MSG_RING) cancel_of(ring, ROUSE__URING_FOR_BELL);
  rouse__uring_bell_close(&bell);
  return refused;
}

static int try_kind(enum rouse__uring_bell_kind kind, uint32_t without, char *reason, size_t size) {
  struct io_uring ring;
  struct rouse__uring_setup setup;
  int refused = rouse__uring_set_up(&ring, TRY_ENTRIES, without, &setup, reason, size);
  if (refused) return refused;
  refused = try_on(&ring, kind, without, reason, size);
  rouse__uring_exit(&ring);
  return refused;
}

// --- the choice ----------------------------------------------------------------------------------

static const enum rouse__uring_bell_kind preference[ROUSE__URING_BELLS] = {
    ROUSE__URING_BELL_EVENTFD, ROUSE__URING_BELL_FUTEX, ROUSE__URING_BELL_MSG_RING};

// What was found out: |without| in the upper half, and a bit for each kind that was seen to work.
static rouse__atomic64 found;

static int try_once(enum rouse__uring_bell_kind kind, uint32_t without, char *reason, size_t size) {
  uint64_t known = load_relaxed(&found);  // RELAXED: the word is all there is
  bool same = known >> 32 == without;
  if (same && (known >> kind & 1)) return 0;
  int refused = try_kind(kind, without, reason, size);
  if (!refused) {
    uint64_t bits = same ? known & UINT32_MAX : 0;
    store_relaxed(&found, (uint64_t)without << 32 | bits | 1U << kind);  // RELAXED: as above
  }
  return refused;
}

static int choose_named(const char *name, uint32_t without, enum rouse__uring_bell_kind *out_kind,
                        char *reason, size_t size) {
  for (int i = 0; i < ROUSE__URING_BELLS; i++) {
    if (strcmp(name, rouse__uring_bell_names[i])) continue;
    *out_kind = (enum rouse__uring_bell_kind)i;
    char why[ROUSE__URING_REASON_SIZE] = "";
    int refused = try_once(*out_kind, without, why, sizeof why);
    return refused ? no(refused, reason, size, "no doorbell of kind %s: %.100s", name, why) : 0;
  }
  return no(ROUSE_EINVAL, reason, size, "ROUSE_IO_URING_DOORBELL has an unknown kind: %.40s", name);
}

int rouse__uring_bell_choose(uint32_t without, enum rouse__uring_bell_kind *out_kind, char *reason,
                             size_t reason_size) {
  const char *name = rouse__environment("ROUSE_IO_URING_DOORBELL");
  if (name) return choose_named(name, without, out_kind, reason, reason_size);
  int first_refusal = 0;
  for (int i = 0; i < ROUSE__URING_BELLS; i++) {
    char why[ROUSE__URING_REASON_SIZE] = "";
    *out_kind = preference[i];
    int refused = try_once(preference[i], without, why, sizeof why);
    if (!refused) return 0;
    if (!first_refusal) {
      first_refusal = no(refused, reason, reason_size, "no doorbell works; %s: %.100s",
                         rouse__uring_bell_names[preference[i]], why);
    }
  }
  return first_refusal;
}

// --- the report ----------------------------------------------------------------------------------

static const char OURS[] = "io_uring";

static void report_operations(rouse_probe *probe, struct io_uring *ring, uint32_t without) {
  uint64_t operations;
  char reason[ROUSE__URING_REASON_SIZE] = "";
  if (rouse__uring_operations(ring, without, &operations, reason, sizeof reason)) {
    rouse__probe_add(probe, OURS, "operations", false, "%s", reason);
    return;
  }
  char missing[ROUSE__URING_REASON_SIZE] = "";
  size_t used = 0;
  for (unsigned i = 0; i < ROUSE__IO_OPERATIONS && used < sizeof missing; i++) {
    if (operations & UINT64_C(1) << i || !rouse__uring_by_blocking_call(i)) continue;
    used += (size_t)snprintf(missing + used, sizeof missing - used, " %s",
                             rouse__uring_operation_name(i));
  }
  if (used) {
    rouse__probe_add(probe, OURS, "operations", false, "by blocking calls:%s", missing);
  } else {
    rouse__probe_add(probe, OURS, "operations", true, "all on the ring");
  }
}

static void report_features(rouse_probe *probe, const struct io_uring *ring, uint32_t without) {
  bool skip = (ring->features & IORING_FEAT_CQE_SKIP) && !(without & ROUSE__URING_WITHOUT_CQE_SKIP);
  rouse__probe_add(probe, OURS, "cqe_skip", skip, "cancels that work leave no completion");
  rouse__probe_add(probe, OURS, "registered_ring", ring->enter_ring_fd != ring->ring_fd,
                   "system calls need no look-up of the descriptor");
}

// The private wait comes first: once the process has had a second thread it works.
static void report_bells(rouse_probe *probe, struct io_uring *ring, uint32_t without) {
  static const char *const names[ROUSE__URING_BELLS] = {"doorbell_eventfd", "doorbell_futex",
                                                        "doorbell_msg_ring"};
  char reason[ROUSE__URING_REASON_SIZE] = "";
  if (!(without & ROUSE__URING_WITHOUT_FUTEX)) {
    int refused = try_second_thread(ring, true, reason, sizeof reason);
    rouse__probe_add(probe, OURS, "futex_private", !refused, "%s", reason);
  }
  for (int i = 0; i < ROUSE__URING_BELLS; i++) {
    *reason = 0;
    int refused = try_on(ring, (enum rouse__uring_bell_kind)i, without, reason, sizeof reason);
    rouse__probe_add(probe, OURS, names[i], !refused, "%s", reason);
  }
}

void rouse__uring_probe(rouse_probe *probe) {
  uint32_t without;
  struct io_uring ring;
  struct rouse__uring_setup setup;
  char reason[ROUSE__URING_REASON_SIZE] = "", flags[ROUSE__URING_REASON_SIZE];
  int refused = rouse__uring_without(&without, reason, sizeof reason);
  if (!refused) {
    refused = rouse__uring_set_up(&ring, TRY_ENTRIES, without, &setup, reason, sizeof reason);
  }
  rouse__probe_add(probe, OURS, "setup", !refused, "%s", reason);
  if (refused) return;
  rouse__uring_flag_names(setup.flags, flags, sizeof flags);
  rouse__probe_add(probe, OURS, "setup_flags", !setup.refused[0], "%.100s%s%.50s", flags,
                   setup.refused[0] ? "; " : "", setup.refused);
  report_features(probe, &ring, without);
  report_operations(probe, &ring, without);
  report_bells(probe, &ring, without);
  rouse__uring_exit(&ring);
}
