// How another thread wakes a loop that sleeps in its ring. Three ways, one object.
//
// eventfd   The ring polls an eventfd; ringing writes to it. The poll is a multishot one where the
//           kernel has that: it is armed once, and each write gives a completion, so the counter is
//           never read. A poll looks at the state, not at a change: a bell rung while none is armed
//           is heard when the next one is.
// futex     The ring waits on a word; ringing adds one to the word and wakes it. There is no
//           telling when the wait is armed, and none is needed: it is armed with the value up to
//           which rings were heard, so a ring that comes first has it end at once with EAGAIN. The
//           shared flag is a must: a private wait armed while the process has one thread hashes
//           into a table that the kernel replaces when a second one is created, and is never found
//           again.
// msg_ring  Ringing posts a completion straight to the ring, by a system call that needs no ring of
//           the ringer's own. One completion for each ring.
//
// A loop ends only when it has heard all the bells it is owed, so what was heard must be exact, and
// completions are not: one may stand for two writes. So rings are counted in a word: by a futex's
// ringer before its system call (it is the word that the ring waits on), by an eventfd's after it
// (so that nobody is about to write to a descriptor that the loop closes). The word is then the
// last thing that a ringer touches. That may be after the loop has gone; so words are never given
// back to the system, only to a list for later bells. A wake that comes so late ends the wait of a
// new owner early, which is then armed again.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/io_uring/ordering.h"
#include "backend/io_uring/ring.h"
#include "platform/platform.h"

const char *const rouse__uring_bell_names[ROUSE__URING_BELLS] = {"eventfd", "futex", "msg_ring"};

// --- open and close ------------------------------------------------------------------------------

int rouse__uring_bell_open(struct rouse__uring_bell *bell, enum rouse__uring_bell_kind kind,
                           uint32_t without, const struct io_uring *ring) {
  *bell = (struct rouse__uring_bell){.kind = kind, .event_fd = -1, .ring_fd = ring->ring_fd};
  if (kind == ROUSE__URING_BELL_MSG_RING) {
    bell->armed = true;
    return 0;
  }
  if (kind == ROUSE__URING_BELL_EVENTFD) {
    int saved = errno;
    bell->multishot = !(without & ROUSE__URING_WITHOUT_MULTISHOT);
    bell->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = errno;
    errno = saved;
    if (bell->event_fd < 0) return rouse_error_from_system(error);
  }
  bell->cell = rouse__cell_take();
  if (!bell->cell) {
    rouse__uring_bell_close(bell);
    return ROUSE_ENOMEM;
  }
  // RELAXED: whoever rang it last was heard before it was given back.
  bell->seen = load_relaxed(&bell->cell->word);
  return 0;
}

void rouse__uring_bell_close(struct rouse__uring_bell *bell) {
  if (bell->event_fd >= 0) close(bell->event_fd);
  if (bell->cell) rouse__cell_put(bell->cell);
  bell->event_fd = -1;
  bell->cell = NULL;
}

// --- the loop's side -----------------------------------------------------------------------------

void rouse__uring_bell_arm(struct rouse__uring_bell *bell, struct io_uring_sqe *sqe) {
  if (bell->kind == ROUSE__URING_BELL_EVENTFD) {
    if (bell->multishot) {
      io_uring_prep_poll_multishot(sqe, bell->event_fd, POLLIN);
    } else {
      io_uring_prep_poll_add(sqe, bell->event_fd, POLLIN);
    }
  } else {
    io_uring_prep_rw(ROUSE__URING_OP_FUTEX_WAIT, sqe, ROUSE__FUTEX2_SIZE_U32, &bell->cell->word, 0,
                     bell->seen);
    sqe->addr3 = ROUSE__FUTEX2_MASK_ANY;
  }
  sqe->user_data = ROUSE__URING_FOR_BELL;
  bell->armed = true;
}

// A poll that is to be armed again would find what was rung before. Rings are counted by the word.
static void reset_eventfd(int fd) {
  uint64_t count;
  int saved = errno;
  ssize_t size = read(fd, &count, sizeof count);
  (void)size;  // EAGAIN: it was reset already
  errno = saved;
}

bool rouse__uring_bell_look(struct rouse__uring_bell *bell, uint64_t *heard) {
  if (!bell->cell) return false;
  // ORDER(bell): acquire, the end of the ringers' use of the loop and of its descriptor.
  uint32_t word = load_acquire(&bell->cell->word);
  if (word == bell->seen) return false;
  *heard += (uint32_t)(word - bell->seen);
  bell->seen = word;
  return true;
}

int rouse__uring_bell_hear(struct rouse__uring_bell *bell, const struct io_uring_cqe *cqe,
                           uint64_t *heard) {
  if (bell->kind == ROUSE__URING_BELL_MSG_RING) {
    ROUSE__URING_RECEIVED(true);
    *heard += 1;
    return 0;
  }
  if (!(cqe->flags & IORING_CQE_F_MORE)) {
    bell->armed = false;
    if (bell->kind == ROUSE__URING_BELL_EVENTFD) reset_eventfd(bell->event_fd);
  }
  rouse__uring_bell_look(bell, heard);
  bool rang = cqe->res >= 0;
  if (bell->kind == ROUSE__URING_BELL_FUTEX) rang |= cqe->res == -EAGAIN || cqe->res == -EINTR;
  return rang ? 0 : rouse_error_from_system(-cqe->res);
}

// --- the ringer's side ---------------------------------------------------------------------------

static int ring_eventfd(int fd, rouse__atomic32 *word) {
  const uint64_t one = 1;
  while (write(fd, &one, sizeof one) != (ssize_t)sizeof one) {
    if (errno != EINTR) return -errno;
  }
  // ORDER(bell): release, our use of the descriptor and of the loop's memory.
  add_release(word, 1);
  return 0;
}

static int ring_futex(rouse__atomic32 *word) {
  // ORDER(bell): release, our reading of the loop's memory, before that is freed. The kernel orders
  // the word and its own look at it.
  add_release(word, 1);
  return syscall(SYS_futex, &word->raw, FUTEX_WAKE, 1, NULL, NULL, 0) < 0 ? -errno : 0;
}

static int ring_message(int ring_fd) {
  ROUSE__URING_SENDS(true);
  struct io_uring_sqe sqe = {.opcode = IORING_OP_MSG_RING, .fd = ring_fd};
  sqe.off = ROUSE__URING_FOR_BELL;
  for (;;) {
    int result = io_uring_register(-1U, ROUSE__URING_REGISTER_SEND_MSG_RING, &sqe, 1);
    if (result >= 0) return 0;
    // The kernel may lack the memory of a message for a moment; without it the loop would sleep on.
    if (result != -ENOMEM && result != -EAGAIN && result != -EINTR) return result;
    rouse__thread_yield();
  }
}

int rouse__uring_bell_ring(struct rouse__uring_bell *bell) {
  int saved = errno, result;
  if (bell->kind == ROUSE__URING_BELL_EVENTFD) {
    result = ring_eventfd(bell->event_fd, &bell->cell->word);
  } else if (bell->kind == ROUSE__URING_BELL_FUTEX) {
    result = ring_futex(&bell->cell->word);
  } else {
    result = ring_message(bell->ring_fd);
  }
  errno = saved;
  return result;
}
