// Waiting on words on Linux.
//
// futex_waitv() waits for several words and returns the highest index among those that were woken.
// So with the caller's word behind the control word the answer is exact: whenever a wake of the
// caller's word was spent on the call it says so, even if the control was rung at the same moment.
// That holds for two words only, the one that matters and one that does not; with two that matter
// a wake of the lower one would be swallowed. So a thread waits for one word.
//
// Before Linux 5.16 there is no such call. A thread then waits in slices and looks at the control
// between them. A wait that ends by its time has had no wake (the kernel takes the waiter off the
// queue first, and if it is no longer there it was woken). Between two slices nobody is queued, so
// a wake goes to another waiter or to nobody, as if this one had woken and come back by itself;
// what the word changed to is seen by the next slice.
#define _GNU_SOURCE
#include "platform/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rouse/errors.h>

#include "base/atomics.h"
#include "platform/platform.h"

enum { SYSTEM_FUTEX_WAITV = 449 };
enum { SIZE_U32 = 2 };  // futex2 flags; FUTEX_PRIVATE_FLAG is the same bit
enum { SLICE_LEAST_NS = 1000000, SLICE_MOST_NS = 8000000 };

// As the kernel wants it, on 32-bit systems too. Older headers do not have it.
struct waitv_entry {
  uint64_t expected, address;
  uint32_t flags, reserved;
};

// What is known of futex_waitv(). ROUSE_FUTEX_WITHOUT=waitv does without it, for tests.
enum { UNKNOWN, THERE, ABSENT };
static rouse__atomic32 waitv;

static bool has_waitv(void) {
  uint32_t known = load_relaxed(&waitv);  // RELAXED: a fact about the kernel
  if (known == UNKNOWN) {
    const char *without = rouse__environment("ROUSE_FUTEX_WITHOUT");
    // Refused for its arguments by a kernel that has it.
    bool there = !(without && !strcmp(without, "waitv")) &&
                 syscall(SYSTEM_FUTEX_WAITV, NULL, 0, 0, NULL, 0) < 0 && errno == EINVAL;
    known = there ? THERE : ABSENT;
    store_relaxed(&waitv, known);  // RELAXED: as above
  }
  return known == THERE;
}

static bool going_on(rouse__atomic32 *control, uint32_t going) {
  // ORDER(futex_control): acquire, what the canceller did before.
  return load_acquire(control) == going;
}

static int failure(int error) {
  return error == EAGAIN ? ROUSE_EAGAIN : rouse_error_from_system(error);
}

// Whether |*word| is |expected|, by a call that does not wait, wakes none and moves none. 0, or
// what a wait would end with at once.
static int look(const volatile void *word, uint32_t expected, bool shared) {
  int operation = shared ? FUTEX_CMP_REQUEUE : FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG;
  if (syscall(SYS_futex, word, operation, 0, NULL, word, expected) >= 0) return 0;
  return errno == EAGAIN || errno == EFAULT ? failure(errno) : 0;
}

static int wait_in_slices(const volatile void *word, uint32_t expected, bool shared,
                          rouse__atomic32 *control, uint32_t going) {
  int operation = shared ? FUTEX_WAIT : FUTEX_WAIT | FUTEX_PRIVATE_FLAG;
  long slice[2] = {0, SLICE_LEAST_NS};  // seconds, nanoseconds: in this call always long
  while (going_on(control, going)) {
    if (!syscall(SYS_futex, word, operation, expected, slice, NULL, 0)) return 0;
    if (errno != ETIMEDOUT && errno != EINTR) return failure(errno);
    if (slice[1] < SLICE_MOST_NS) slice[1] *= 2;
  }
  return ROUSE_ECANCELED;
}

static int wait_both(const volatile void *word, uint32_t expected, bool shared,
                     rouse__atomic32 *control, uint32_t going) {
  const struct waitv_entry entries[2] = {
      {going, (uintptr_t)&control->raw, SIZE_U32 | FUTEX_PRIVATE_FLAG, 0},
      {expected, (uintptr_t)word, SIZE_U32 | (shared ? 0 : FUTEX_PRIVATE_FLAG), 0}};
  while (going_on(control, going)) {
    long woken = syscall(SYSTEM_FUTEX_WAITV, entries, 2, 0, NULL, 0);
    if (woken == 1) return 0;
    if (woken == 0 || errno == EINTR) continue;
    // Either word may be the one that differs.
    if (errno != EAGAIN || going_on(control, going)) return failure(errno);
  }
  return ROUSE_ECANCELED;
}

int rouse__futex_wait(const volatile void *word, uint32_t expected, bool shared,
                      rouse__atomic32 *control, uint32_t going) {
  int saved = errno;
  // The word comes before the control, as on a ring, so that a wait without time is a look. (The
  // wait itself does not say whether it came to look before it was cancelled.)
  int result = look(word, expected, shared);
  if (!result) {
    result = has_waitv() ? wait_both(word, expected, shared, control, going)
                         : wait_in_slices(word, expected, shared, control, going);
  }
  errno = saved;
  return result;
}

int rouse__futex_wake(const volatile void *word, uint32_t count, bool shared) {
  int saved = errno;
  int operation = shared ? FUTEX_WAKE : FUTEX_WAKE | FUTEX_PRIVATE_FLAG;
  long woken = syscall(SYS_futex, word, operation, (int)count, NULL, NULL, 0);
  if (woken < 0) woken = rouse_error_from_system(errno);
  errno = saved;
  return (int)woken;
}

bool rouse__futex_wait_is_prompt(void) {
  int saved = errno;
  bool has = has_waitv();
  errno = saved;
  return has;
}
