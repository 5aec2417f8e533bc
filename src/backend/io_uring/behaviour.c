// What the kernel's rings really do, found by trying it on a ring made for that.
//
// That an opcode is known says little: words can be refused for their flags, waits can be lost when
// the process gets its second thread, a cancelled wait can go on to swallow wakes. So a doorbell is
// chosen only after it was seen to do all that a loop relies on. The candidates are tried in the
// order of preference (docs/decisions/0003-doorbell.md says why), and the first that passes is it,
// for the life of the process. Two threads that try at the same time find the same.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/io_uring/ordering.h"
#include "backend/io_uring/ring.h"
#include "backend/io_uring/try.h"
#include "platform/platform.h"

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
    rouse__try_hand_over(ring);
    if (!before) error = -rouse__uring_bell_ring(bell);
    if (error) {
      return rouse__try_no(ROUSE_ENOSYS, reason, size, "ringing it failed: %s", strerror(error));
    }
    if (!rouse__try_take_of(ring, ROUSE__URING_FOR_BELL, &cqe)) {
      return rouse__try_no(ROUSE_ENOSYS, reason, size, "a ring %s was not heard",
                           before ? "before the bell was armed" : "of the armed bell");
    }
    int failed = rouse__uring_bell_hear(bell, &cqe, &heard);
    if (failed)
      return rouse__try_no(failed, reason, size, "arming it failed: %s", strerror(-cqe.res));
    if (heard != rung) {
      return rouse__try_no(ROUSE_ENOSYS, reason, size, "after %u rings %u were heard",
                           (unsigned)rung, (unsigned)heard);
    }
  }
  return 0;
}

static int try_futex(struct io_uring *ring, char *reason, size_t size) {
  int refused = rouse__uring_futex_try(ring, reason, size);
  return refused ? refused : rouse__try_second_thread(ring, false, reason, size);
}

static uint32_t without_bell(enum rouse__uring_bell_kind kind) {
  static const uint32_t bits[ROUSE__URING_BELLS] = {
      ROUSE__URING_WITHOUT_EVENTFD, ROUSE__URING_WITHOUT_FUTEX, ROUSE__URING_WITHOUT_MSG_RING};
  return bits[kind];
}

static int try_on(struct io_uring *ring, enum rouse__uring_bell_kind kind, uint32_t without,
                  char *reason, size_t size) {
  if (without & without_bell(kind)) {
    return rouse__try_no(ROUSE_ENOSYS, reason, size, "ROUSE_IO_URING_WITHOUT asks to do without");
  }
  if (kind == ROUSE__URING_BELL_FUTEX) {
    int refused = try_futex(ring, reason, size);
    if (refused) return refused;
  }
  struct rouse__uring_bell bell;
  int refused = rouse__uring_bell_open(&bell, kind, without, ring);
  if (refused) return rouse__try_no(refused, reason, size, "%s", rouse_error_message(refused));
  refused = try_bell(ring, &bell, reason, size);
  if (bell.armed && kind != ROUSE__URING_BELL_MSG_RING)
    rouse__try_cancel_of(ring, ROUSE__URING_FOR_BELL);
  rouse__uring_bell_close(&bell);
  return refused;
}

static int try_kind(enum rouse__uring_bell_kind kind, uint32_t without, char *reason, size_t size) {
  struct io_uring ring;
  struct rouse__uring_setup setup;
  int refused = rouse__uring_set_up(&ring, ROUSE__TRY_ENTRIES, without, &setup, reason, size);
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
    return refused
               ? rouse__try_no(refused, reason, size, "no doorbell of kind %s: %.100s", name, why)
               : 0;
  }
  return rouse__try_no(ROUSE_EINVAL, reason, size,
                       "ROUSE_IO_URING_DOORBELL has an unknown kind: %.40s", name);
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
      first_refusal = rouse__try_no(refused, reason, reason_size, "no doorbell works; %s: %.100s",
                                    rouse__uring_bell_names[preference[i]], why);
    }
  }
  return first_refusal;
}

// --- other abilities -----------------------------------------------------------------------------

// The same of these, and a mark that they were tried.
static rouse__atomic64 abilities_found;
enum { ABILITIES_KNOWN = 8 };

static uint32_t try_abilities(struct io_uring *ring, uint32_t without) {
  char why[ROUSE__URING_REASON_SIZE];
  uint32_t abilities = 0;
  if (!rouse__uring_try_accepts(ring, without, why, sizeof why)) {
    abilities |= ROUSE__URING_MANY_ACCEPTS;
  }
  if (!rouse__uring_try_receives(ring, without, why, sizeof why)) {
    abilities |= ROUSE__URING_MANY_RECEIVES;
  }
  if (!rouse__uring_try_exchange(ring, without, why, sizeof why)) {
    abilities |= ROUSE__URING_ONE_EXCHANGE;
  }
  return abilities;
}

uint32_t rouse__uring_abilities(uint32_t without) {
  uint64_t known = load_relaxed(&abilities_found);  // RELAXED: the word is all there is
  bool same = known >> 32 == without;
  if (same && (known & ABILITIES_KNOWN)) return (uint32_t)known & (ABILITIES_KNOWN - 1);
  struct io_uring ring;
  struct rouse__uring_setup setup;
  char why[ROUSE__URING_REASON_SIZE];
  if (rouse__uring_set_up(&ring, ROUSE__TRY_ENTRIES, without, &setup, why, sizeof why)) return 0;
  const uint32_t abilities = try_abilities(&ring, without);
  rouse__uring_exit(&ring);
  // RELAXED: as above
  store_relaxed(&abilities_found, (uint64_t)without << 32 | ABILITIES_KNOWN | abilities);
  return abilities;
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
  const bool sends = operations & UINT64_C(1) << ROUSE__IO_SEND_ZERO_COPY;
  rouse__probe_add(probe, OURS, "send_zc", sends, sends ? "" : "zero-copy sends copy");
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

static void report_abilities(rouse_probe *probe, struct io_uring *ring, uint32_t without) {
  char reason[ROUSE__URING_REASON_SIZE] = "";
  int refused = rouse__uring_try_accepts(ring, without, reason, sizeof reason);
  rouse__probe_add(probe, OURS, "multishot_accept", !refused, "%s", reason);
  *reason = 0;
  refused = rouse__uring_try_receives(ring, without, reason, sizeof reason);
  rouse__probe_add(probe, OURS, "multishot_receive", !refused, "%s", reason);
  *reason = 0;
  refused = rouse__uring_try_exchange(ring, without, reason, sizeof reason);
  rouse__probe_add(probe, OURS, "exchange", !refused, "%s",
                   refused ? reason : "a send and the receive after it: one completion");
}

static void report_bells(rouse_probe *probe, struct io_uring *ring, uint32_t without) {
  static const char *const names[ROUSE__URING_BELLS] = {"doorbell_eventfd", "doorbell_futex",
                                                        "doorbell_msg_ring"};
  char reason[ROUSE__URING_REASON_SIZE];
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
    refused =
        rouse__uring_set_up(&ring, ROUSE__TRY_ENTRIES, without, &setup, reason, sizeof reason);
  }
  rouse__probe_add(probe, OURS, "setup", !refused, "%s", reason);
  if (refused) return;
  rouse__uring_flag_names(setup.flags, flags, sizeof flags);
  rouse__probe_add(probe, OURS, "setup_flags", !setup.refused[0], "%.100s%s%.50s", flags,
                   setup.refused[0] ? "; " : "", setup.refused);
  report_features(probe, &ring, without);
  report_operations(probe, &ring, without);
  rouse__uring_report_futexes(probe, &ring, without);
  report_bells(probe, &ring, without);
  report_abilities(probe, &ring, without);
  rouse__uring_exit(&ring);
}
