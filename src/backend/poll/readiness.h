// Readiness: the one thing in which epoll, poll(2) and kqueue differ. One file for each.
//
// A descriptor is armed for some events and reported once when one of them is so, or when it has
// failed or was hung up. Then it is unarmed. Arming and sleeping happen on the loop's thread.
#ifndef ROUSE_BACKEND_POLL_READINESS_H
#define ROUSE_BACKEND_POLL_READINESS_H

#include <rouse/api.h>

struct rouse__readiness;

// |fd|, armed with |*key == key|, has |events| (POLL*; POLLNVAL: it is no longer the file that was
// armed). Answered by arm() or disarm() of |fd|, and of nothing else, before it returns; but the
// bell by nothing.
typedef void rouse__readiness_fn(void *context, int fd, uint32_t key, uint32_t events);

struct rouse__readiness_ops {
  const char *name;
  // Makes a set that reports |bell|, with key 0, whenever it can be read; -1: there is none, for
  // the set has its own, ring(). 0 or what was refused.
  int (*create)(int bell, struct rouse__readiness **out_set);
  void (*destroy)(struct rouse__readiness *set);
  // Arms |fd| for |events| in place of those before. |key| is the set's, one for each number, 0 at
  // first; it does not move. |*out_replaced|: what was armed under this number was another file,
  // closed since. 0; ROUSE_EPERM (nobody can wait for such a file), ROUSE_EBADF, ROUSE_ENOMEM,
  // ROUSE_ENOSPC: not armed.
  int (*arm)(struct rouse__readiness *set, int fd, uint32_t events, uint32_t *key,
             bool *out_replaced);
  // NULL, or: makes the wait() that sleeps, or the next one, return. Any thread. 0 or an errno
  // value.
  int (*ring)(struct rouse__readiness *set);
  // Nobody waits for |fd| any more. One report may still come.
  void (*disarm)(struct rouse__readiness *set, int fd, uint32_t *key);
  // Reports what is ready. If nothing is, sleeps until something is, or |deadline_ns| (0: not at
  // all). 0 or a failure; a signal ends the sleep, and is none.
  int (*wait)(struct rouse__readiness *set, int64_t deadline_ns, rouse__readiness_fn *report,
              void *context);
};

struct rouse__readiness {
  const struct rouse__readiness_ops *ops;
};

extern const struct rouse__readiness_ops rouse__readiness_epoll, rouse__readiness_poll;
extern const struct rouse__readiness_ops rouse__readiness_kqueue;

// Whether the kernel has a sleep on an epoll set in nanoseconds.
bool rouse__epoll_has_pwait2(void);

// What is left until |deadline_ns|, at least 0.
int64_t rouse__readiness_left_ns(int64_t deadline_ns);

#endif
