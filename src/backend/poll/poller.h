// What the files of the backends "epoll" and "poll" share.
#ifndef ROUSE_BACKEND_POLL_POLLER_H
#define ROUSE_BACKEND_POLL_POLLER_H

#include "backend/poll/readiness.h"
#include "runtime/backend.h"

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

// Sets |io->mode|. 0, or ROUSE_EBADF.
int rouse__poller_classify(rouse_io *io);
// Makes the system call of |io|, one that waits by readiness, without blocking. The result, or
// NOT_NOW.
int64_t rouse__poller_try(rouse_io *io);
// The same for one that has waited and was reported ready: a CONNECT is not started anew.
int64_t rouse__poller_try_again(rouse_io *io);
// For a thread of the pool: a READ or WRITE on what is BLOCKING.
int64_t rouse__poller_perform(rouse_io *io);
// Whether the kernel can be asked not to wait for a pipe.
bool rouse__poller_has_pipes_that_do_not_wait(void);
// Whether a close of |fd| can't block: a socket that does not linger.
bool rouse__poller_closes_at_once(int fd);

// --- doorbell.c ----------------------------------------------------------------------------------

struct rouse__bell {
  int reads, writes;  // descriptors; the same one if it is an eventfd
  const char *name;
};

int rouse__bell_open(struct rouse__bell *bell);
void rouse__bell_close(struct rouse__bell *bell);
// Any thread. After the system call |bell| is touched no more.
void rouse__bell_ring(const struct rouse__bell *bell);
// How often it was rung since it was last heard.
uint64_t rouse__bell_hear(const struct rouse__bell *bell);

#endif
