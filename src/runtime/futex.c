// The operations of futex.h.
//
// A wait for one word is an operation of the backend. A wait for several is made of them: each
// entry has one, its part, and the io that the caller waits for completes when all parts have
// ended.
//
//   running  --a part was woken-->   its index is the result; the others are cancelled
//            --a word differs, …-->  that is the result, unless a part turns out to be woken;
//                                    the others are cancelled
//            --cancel, deadline-->   all are cancelled; CANCELED, unless one turns out to be woken
//   ending   --a part was woken, and there is an index already-->  its wake is passed on
//   ended    all parts have reported: the io is complete
//
// INV-1  Each wake that was spent on a part is the io's result or has been passed on.
// INV-2  No part is under way when the io completes, so the caller may free the entries.
//
// Why not the system's calls for several words (futex_waitv(), FUTEX_WAITV on a ring): they report
// one index. A wake that hits another of the words before the waiter has run is counted by its
// waker as having woken somebody, and nobody hears of it. docs/decisions/0009 has more.
#include "runtime/futex.h"

#include <rouse/futex.h>

#include "platform/futex.h"
#include "runtime/operation.h"

enum { WAKES_MOST = INT32_MAX };

static int check(const volatile void *word, uint32_t flags) {
  if (!word || (uintptr_t)word % sizeof(uint32_t)) return ROUSE_EINVAL;
  return flags & ~(uint32_t)ROUSE_FUTEX_SHARED ? ROUSE_EINVAL : 0;
}

static void set_word(rouse_io *io, enum rouse__operation operation, const volatile void *word,
                     uint32_t length, uint32_t flags) {
  rouse__io_set(io, operation, -1, (const void *)(uintptr_t)word, length, flags);
}

// --- one word ------------------------------------------------------------------------------------

static void set_wait(rouse_io *io, const volatile void *word, uint32_t expected, uint32_t flags) {
  set_word(io, ROUSE__IO_FUTEX_WAIT, word, 0, flags);
  io->mode = expected;
}

int rouse_futex_wait(const volatile void *word, uint32_t expected, uint32_t flags,
                     int64_t deadline_ns) {
  int refused = check(word, flags);
  if (refused) return refused;
  rouse_io io;
  set_wait(&io, word, expected, flags);
  return (int)rouse__io_wait(&io, deadline_ns);
}

int rouse_futex_wait_start(rouse_io *io, const volatile void *word, uint32_t expected,
                           uint32_t flags, int64_t deadline_ns) {
  set_wait(io, word, expected, flags);
  return rouse__io_start_unless(check(word, flags), io, deadline_ns);
}

int rouse_futex_wake(const volatile void *word, uint32_t count, uint32_t flags) {
  int refused = check(word, flags);
  if (refused) return refused;
  if (!count) return 0;  // the system would wake one
  return rouse__futex_wake(word, count < WAKES_MOST ? count : WAKES_MOST,
                           flags & ROUSE_FUTEX_SHARED);
}

int rouse_futex_wake_start(rouse_io *io, const volatile void *word, uint32_t count,
                           uint32_t flags) {
  set_word(io, ROUSE__IO_FUTEX_WAKE, word, count < WAKES_MOST ? count : WAKES_MOST, flags);
  return rouse__io_start_unless(check(word, flags), io, ROUSE_FOREVER);
}

// --- several words -------------------------------------------------------------------------------

// What the fields of a FUTEX_ANY keep besides address (the entries) and length (their number):
// mode: how many parts were started. offset: how many of them have not ended. fd: the index that
// was woken, or -1. fd2: another end, or 0.

static rouse_futex_entry *entries_of(const rouse_io *io) { return io->address; }

static bool ending(const rouse_io *io) { return io->fd >= 0 || io->fd2; }

static void cancel_parts(rouse_io *io) {
  rouse_futex_entry *entries = entries_of(io);
  // Those that have ended are in the hands of nobody, or on their way here: they don't mind.
  for (uint32_t i = 0; i < io->mode; i++) rouse_wait_cancel(&entries[i].part.wait);
}

static int64_t result_of(const rouse_io *io) {
  if (io->fd >= 0) return io->fd;
  return io->fd2 ? io->fd2 : ROUSE_ECANCELED;
}

static void part_ended(rouse_wait *wait, int result) {
  rouse_futex_entry *entry = ROUSE__CONTAINER(wait, rouse_futex_entry, part.wait);
  rouse_io *io = entry->part.address2;
  bool first = !ending(io);
  if (result == ROUSE_DONE) {
    if (io->fd >= 0) {
      rouse_futex_wake(entry->word, 1, entry->flags);  // INV-1
    } else {
      io->fd = (int)(entry - entries_of(io));
    }
  } else if (result != ROUSE_ECANCELED && first) {
    io->fd2 = result;
  }
  if (first && ending(io)) cancel_parts(io);
  if (!--io->offset) rouse__io_complete(io, result_of(io));
}

int rouse__futex_any_start(rouse_io *io) {
  rouse_futex_entry *entries = entries_of(io);
  rouse_loop *loop = ROUSE__CONTAINER(io->wait.waker, rouse_loop, waker);
  io->offset = 0;
  io->mode = 0;
  io->fd = -1;
  io->fd2 = 0;
  for (uint32_t i = 0; i < io->length; i++) {
    rouse_io *part = &entries[i].part;
    rouse_io_init(part, loop, part_ended);
    set_wait(part, entries[i].word, entries[i].expected, entries[i].flags);
    part->address2 = io;
  }
  for (uint32_t i = 0; i < io->length; i++) {
    int refused = rouse__io_submit(&entries[i].part, ROUSE_FOREVER);
    if (refused != ROUSE_PENDING) {
      if (!i) return refused;
      io->fd2 = refused;
      cancel_parts(io);
      break;
    }
    io->mode++;
    io->offset++;
  }
  return 0;
}

void rouse__futex_any_leave(rouse_io *io) { cancel_parts(io); }

static int set_any(rouse_io *io, rouse_futex_entry *entries, uint32_t count) {
  if (!entries || !count || count > ROUSE_FUTEX_ENTRIES_MAX) return ROUSE_EINVAL;
  for (uint32_t i = 0; i < count; i++) {
    int refused = check(entries[i].word, entries[i].flags);
    if (refused) return refused;
  }
  rouse__io_set(io, ROUSE__IO_FUTEX_ANY, -1, entries, count, 0);
  return 0;
}

int rouse_futex_wait_any(rouse_futex_entry *entries, uint32_t count, int64_t deadline_ns) {
  rouse_io io;
  int refused = set_any(&io, entries, count);
  return refused ? refused : (int)rouse__io_wait(&io, deadline_ns);
}

int rouse_futex_wait_any_start(rouse_io *io, rouse_futex_entry *entries, uint32_t count,
                               int64_t deadline_ns) {
  return rouse__io_start_unless(set_any(io, entries, count), io, deadline_ns);
}
