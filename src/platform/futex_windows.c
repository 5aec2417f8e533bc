// Waiting on words on Windows: a table of our own, in which rouse__futex_wake() finds who waits.
//
// WaitOnAddress() may return for no reason, and a wake by it tells nobody whether anybody was
// reached. Here a wait says whether a wake was spent on it, and a wake says how many it reached. So
// those that wait stand in lists, by address, each sleeping on its own control word; a wake takes
// them off in order of arrival. It follows that the system's own calls wake nobody here.
//
//   waiter:  lock; *word == expected? append; unlock; sleep while control is |going|; lock; unlink
//   waker:   lock; take off, mark as woken, control = WOKEN, unpark; unlock
//   cancel:  control = another value, unpark
//
// Whether a wake was spent is what |woken| says under the lock, whatever became of the control. The
// waiter's node is on its stack, and the waker's last access to it is before the unlock.
#include "platform/futex.h"

#include <rouse/errors.h>

#include "platform/platform.h"
#include "platform/windows.h"

enum { LISTS = 64 };
static const uint32_t WOKEN = 0x80000000U;

struct sleeper {
  const volatile void *word;
  rouse__atomic32 *control;
  struct sleeper *next, *previous;
  bool woken;
};

static struct {
  SRWLOCK lock;
  struct sleeper *first, *last;
} lists[LISTS];

static size_t list_of(const volatile void *word) { return ((uintptr_t)word >> 4) % LISTS; }

// The lock of |i| is held.
static void append(size_t i, struct sleeper *sleeper) {
  sleeper->previous = lists[i].last;
  *(sleeper->previous ? &sleeper->previous->next : &lists[i].first) = sleeper;
  lists[i].last = sleeper;
}

static void take_off(size_t i, struct sleeper *sleeper) {
  *(sleeper->previous ? &sleeper->previous->next : &lists[i].first) = sleeper->next;
  *(sleeper->next ? &sleeper->next->previous : &lists[i].last) = sleeper->previous;
}

static bool queue_if(size_t i, struct sleeper *sleeper, uint32_t expected) {
  AcquireSRWLockExclusive(&lists[i].lock);
  // RELAXED: the lock orders it against the waker, who changed the word before taking the lock.
  bool same = load_relaxed((const rouse__atomic32 *)(uintptr_t)sleeper->word) == expected;
  if (same) append(i, sleeper);
  ReleaseSRWLockExclusive(&lists[i].lock);
  return same;
}

// Reading what is no memory would end the process.
static bool is_memory(const volatile void *word) {
  MEMORY_BASIC_INFORMATION info;
  return VirtualQuery((const void *)word, &info, sizeof info) && info.State == MEM_COMMIT &&
         !(info.Protect & (PAGE_NOACCESS | PAGE_GUARD));
}

int rouse__futex_wait(const volatile void *word, uint32_t expected, bool shared,
                      rouse__atomic32 *control, uint32_t going) {
  if (shared) return ROUSE_ENOSYS;
  if (!is_memory(word)) return ROUSE_EFAULT;
  size_t i = list_of(word);
  struct sleeper sleeper = {.word = word, .control = control};
  if (!queue_if(i, &sleeper, expected)) return ROUSE_EAGAIN;
  // ORDER(futex_control): acquire, what the canceller did before.
  while (load_acquire(control) == going) rouse__park(control, going, ROUSE_FOREVER);
  AcquireSRWLockExclusive(&lists[i].lock);
  bool woken = sleeper.woken;
  if (!woken) take_off(i, &sleeper);
  ReleaseSRWLockExclusive(&lists[i].lock);
  return woken ? 0 : ROUSE_ECANCELED;
}

int rouse__futex_wake(const volatile void *word, uint32_t count, bool shared) {
  if (shared) return ROUSE_ENOSYS;
  uint32_t woken = 0;
  size_t i = list_of(word);
  AcquireSRWLockExclusive(&lists[i].lock);
  struct sleeper *sleeper = lists[i].first, *next;
  for (; sleeper && woken < count; sleeper = next) {
    next = sleeper->next;
    if (sleeper->word != word) continue;
    take_off(i, sleeper);
    sleeper->woken = true;
    // ORDER(futex_control): release, all before the wake.
    store_release(sleeper->control, WOKEN);
    rouse__unpark(sleeper->control);
    woken++;
  }
  ReleaseSRWLockExclusive(&lists[i].lock);
  return (int)woken;
}

bool rouse__futex_wait_is_prompt(void) { return true; }
