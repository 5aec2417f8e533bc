// What the files of the backends "epoll" and "poll" share.
#ifndef ROUSE_BACKEND_POLL_POLLER_H
#define ROUSE_BACKEND_POLL_POLLER_H

#include "backend/poll/readiness.h"
#include "runtime/backend.h"
#include "runtime/cell.h"

// --- operations.c: system calls that don't wait --------------------------------------------------

// The result of a try that came too early. No system call gives it.
#define ROUSE__NOT_NOW INT64_MIN

// What a READ or WRITE moves bytes of; kept in rouse_io.mode, which these have no other use for.
enum rouse__stream {
  ROUSE__STREAM_FILE,      // never has to be waited for, but may block: for the pool
  ROUSE__STREAM_SOCKET,    // can be asked not to wait, call by call
  ROUSE__STREAM_OTHER,     // a pipe, a terminal, …: perhaps
  ROUSE__STREAM_BLOCKING,  // an OTHER that can't: after readiness it is for the pool
};

// The result of a try that is worth another, by the pool: both ends of a splice are ready.
#define ROUSE__FOR_POOL (INT64_MIN + 1)

// Which end a SPLICE waits for; kept in rouse_io.mode.
enum { ROUSE__SPLICE_FROM, ROUSE__SPLICE_TO };
// rouse_io.flags of a SPLICE: one of the two is a file.
enum { ROUSE__SPLICE_FILE = 1 };

// Sets |io->mode|. 0, or ROUSE_EBADF.
int rouse__poller_classify(rouse_io *io);
// For a SPLICE, before its first try. Sets |io->flags|. 0, or what it fails with.
int rouse__poller_check_splice(rouse_io *io);
// Makes the system call of |io|, one that waits by readiness, without blocking. The result, or
// NOT_NOW.
int64_t rouse__poller_try(rouse_io *io);
// The same for one that has waited and was reported ready: a CONNECT is not started anew.
int64_t rouse__poller_try_again(rouse_io *io);
// For a thread of the pool: a READ or WRITE on what is BLOCKING.
int64_t rouse__poller_perform(rouse_io *io);
// Whether the kernel can be asked not to wait for a pipe.
bool rouse__poller_has_pipes_that_do_not_wait(void);
// 0 if |fd| is a socket that listens; else what an accept fails with.
int rouse__poller_listens(int fd);
// Whether a close of |fd| can't block: a socket that does not linger.
bool rouse__poller_closes_at_once(int fd);

// --- backend.c -----------------------------------------------------------------------------------

// A backend over a set of the kind |readiness|, whose name it has. As rouse__backend_kind.create().
int rouse__poller_create(rouse_loop *loop, const struct rouse__readiness_ops *readiness,
                         struct rouse__backend **out_backend, char *reason, size_t reason_size);

// --- doorbell.c ----------------------------------------------------------------------------------

struct rouse__bell {
  int reads, writes;  // descriptors; the same one if it is an eventfd; -1: the set's own bell
  const char *name;
  struct rouse__cell *cell;  // the set's own bell: counts the rings, for it does not
  uint32_t seen;             // the count that was heard
};

int rouse__bell_open(struct rouse__bell *bell);
// For a set with a bell of its own.
int rouse__bell_open_counted(struct rouse__bell *bell, const char *name);
void rouse__bell_close(struct rouse__bell *bell);
// Any thread. After the system call |bell| and |set| are touched no more.
void rouse__bell_ring(const struct rouse__bell *bell, struct rouse__readiness *set);
// How often it was rung since it was last heard.
uint64_t rouse__bell_hear(struct rouse__bell *bell);

// --- waiters.c -----------------------------------------------------------------------------------

// The words of a rouse_io that are the backend's: links, and where it is.
enum { ROUSE__NEXT, ROUSE__PREVIOUS, ROUSE__PLACE };
enum { ROUSE__WAITING = 1, ROUSE__WAITED };

enum rouse__direction { ROUSE__IN, ROUSE__OUT, ROUSE__ANY, ROUSE__DIRECTIONS };

// What waits for one descriptor.
struct waiters {
  rouse_io *first[ROUSE__DIRECTIONS];  // rings; the last is first's previous
  uint32_t key;                        // the readiness set's
  bool emptied;                        // by the last receive, it seems
  uint8_t vain;                        // tries to receive that came too early, in a row; as 2^n - 1
  uint8_t skips;                       // so many more receives wait without a try
  bool deceived;                       // was ready for a datagram that could not be sent
  bool held;                           // in |poller->held|: not waited for to be ready to send
  struct waiters *held_next;
};

struct poller {
  struct rouse__backend base;
  struct rouse__backend_ops ops;
  struct rouse__readiness *readiness;
  struct rouse__bell bell;
  uint64_t waiting;
  rouse_io *done_first, *done_last;
  struct waiters *held;  // those that are tried again at |held_until_ns|
  int64_t held_until_ns, held_ns;
  struct waiters **pages;  // by descriptor, so many to a page
  uint32_t page_count;
};

// What waits for |fd|. NULL: nothing ever did; or (make) there is no memory.
struct waiters *rouse__waiters_find(const struct poller *poller, int fd);
struct waiters *rouse__waiters_make(struct poller *poller, int fd);
// The descriptor that |io| waits for, and in which direction.
int rouse__descriptor_of(const rouse_io *io);
enum rouse__direction rouse__direction_of(const rouse_io *io);
void rouse__waiters_add(struct poller *poller, struct waiters *waiters, rouse_io *io);
void rouse__waiters_remove(struct poller *poller, struct waiters *waiters, rouse_io *io);
// The events for which anything waits; 0 is also what somebody may wait for.
uint32_t rouse__waiters_events(const struct waiters *waiters);
// The events of POLL* that |io|, a POLL, waits for.
uint32_t rouse__events_of(const rouse_io *io);
static inline bool rouse__waiters_any(const struct waiters *waiters) {
  return waiters->first[ROUSE__IN] || waiters->first[ROUSE__OUT] || waiters->first[ROUSE__ANY];
}
static inline rouse_io *rouse__waiters_next(const rouse_io *io) {
  return (rouse_io *)io->backend[ROUSE__NEXT];
}
static inline rouse_io *rouse__waiters_previous(const rouse_io *io) {
  return (rouse_io *)io->backend[ROUSE__PREVIOUS];
}

#endif
