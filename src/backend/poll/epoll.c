// Readiness by epoll.
//
// Every registration is one-shot, and every operation that begins to wait arms it anew. That costs
// one system call for each wait, and buys that nothing depends on what this code believes of a
// number: numbers are closed and given out again behind its back, by close() and by other loops,
// and the kernel drops a registration only with the last duplicate of its file.
//
// A registration that is gone shows itself when it is to be changed: ENOENT. Then whoever still
// waits under that number waits for a file that is no longer there. And one that outlives its
// number (a duplicate keeps the file open) can't be removed any more by any call; being one-shot it
// reports at most once, and its serial number, which is the key, no longer fits.
//
// Level-triggered and kept, the former would let a new file of that number wait for ever, and the
// latter would report for ever; edge-triggered, both, and every consumer would have to read until
// EAGAIN.
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rouse/clock.h>
#include <rouse/errors.h>

#include "backend/poll/readiness.h"
#include "platform/platform.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

enum { REPORTS_AT_ONCE = 128 };

struct epoll_set {
  struct rouse__readiness base;
  int fd;
  uint32_t serial;
  bool no_pwait2;
};

static struct epoll_set *set_of(struct rouse__readiness *set) { return (struct epoll_set *)set; }

static uint64_t token(int fd, uint32_t serial) { return (uint64_t)serial << 32 | (uint32_t)fd; }

// --- create and destroy --------------------------------------------------------------------------

static void set_destroy(struct rouse__readiness *readiness) {
  close(set_of(readiness)->fd);
  rouse__free(readiness);
}

static int set_create(int bell, struct rouse__readiness **out_set) {
  struct epoll_set *set = rouse__allocate(sizeof *set, _Alignof(struct epoll_set));
  if (!set) return ROUSE_ENOMEM;
  set->base.ops = &rouse__readiness_epoll;
  set->fd = epoll_create1(EPOLL_CLOEXEC);
  if (set->fd < 0) {
    int refused = rouse_error_from_system(errno);
    rouse__free(set);
    return refused;
  }
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = token(bell, 0)};
  if (epoll_ctl(set->fd, EPOLL_CTL_ADD, bell, &event)) {
    int refused = rouse_error_from_system(errno);
    set_destroy(&set->base);
    return refused;
  }
  *out_set = &set->base;
  return 0;
}

// --- arming --------------------------------------------------------------------------------------

static int set_arm(struct rouse__readiness *readiness, int fd, uint32_t events, uint32_t *key,
                   bool *out_replaced) {
  struct epoll_set *set = set_of(readiness);
  struct epoll_event event = {.events = events | EPOLLONESHOT};
  *out_replaced = false;
  if (*key) {
    event.data.u64 = token(fd, *key);
    if (!epoll_ctl(set->fd, EPOLL_CTL_MOD, fd, &event)) return 0;
    if (errno != ENOENT) return rouse_error_from_system(errno);
    *out_replaced = true;
    *key = 0;
  }
  if (!++set->serial) set->serial = 1;
  event.data.u64 = token(fd, set->serial);
  int result = epoll_ctl(set->fd, EPOLL_CTL_ADD, fd, &event);
  // It was registered under this number before, closed, and is back by a duplicate.
  if (result && errno == EEXIST) result = epoll_ctl(set->fd, EPOLL_CTL_MOD, fd, &event);
  if (result) return rouse_error_from_system(errno);
  *key = set->serial;
  return 0;
}

// A report that comes although nobody waits is cheaper than a system call that prevents it.
static void set_disarm(struct rouse__readiness *readiness, int fd, uint32_t *key) {
  (void)readiness, (void)fd, (void)key;
}

// --- sleeping ------------------------------------------------------------------------------------

int64_t rouse__readiness_left_ns(int64_t deadline_ns) {
  if (!deadline_ns) return 0;
  int64_t left_ns = deadline_ns - rouse_now_ns();
  return left_ns > 0 ? left_ns : 0;
}

// As the kernel wants it, on 32-bit systems too.
struct pwait2_time {
  int64_t seconds, nanoseconds;
};

static int pwait2(int fd, struct epoll_event *events, int most, int64_t left_ns) {
  const struct pwait2_time limit = {left_ns / 1000000000, left_ns % 1000000000};
  return (int)syscall(SYS_epoll_pwait2, fd, events, most, &limit, NULL, (size_t)0);
}

// Rounded up: to wake before the deadline is to go around once more.
static int milliseconds(int64_t left_ns) {
  int64_t rounded = left_ns / 1000000 + (left_ns % 1000000 > 0);
  return rounded < INT_MAX ? (int)rounded : INT_MAX;
}

static int sleep_in(struct epoll_set *set, struct epoll_event *events, int64_t deadline_ns) {
  if (deadline_ns == ROUSE_FOREVER) return epoll_wait(set->fd, events, REPORTS_AT_ONCE, -1);
  int64_t left_ns = rouse__readiness_left_ns(deadline_ns);
  if (left_ns && !set->no_pwait2) {
    int count = pwait2(set->fd, events, REPORTS_AT_ONCE, left_ns);
    if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
    set->no_pwait2 = true;
  }
  return epoll_wait(set->fd, events, REPORTS_AT_ONCE, milliseconds(left_ns));
}

static int set_wait(struct rouse__readiness *readiness, int64_t deadline_ns,
                    rouse__readiness_fn *report, void *context) {
  struct epoll_event events[REPORTS_AT_ONCE];
  int count = sleep_in(set_of(readiness), events, deadline_ns);
  if (count < 0) return errno == EINTR ? 0 : rouse_error_from_system(errno);
  for (int i = 0; i < count; i++) {
    uint64_t token = events[i].data.u64;
    report(context, (int)(uint32_t)token, (uint32_t)(token >> 32), events[i].events);
  }
  return 0;
}

bool rouse__epoll_has_pwait2(void) {
  int fd = epoll_create1(EPOLL_CLOEXEC), saved = errno;
  if (fd < 0) return false;
  struct epoll_event none;
  bool has = pwait2(fd, &none, 1, 0) == 0;
  close(fd);
  errno = saved;
  return has;
}

const struct rouse__readiness_ops rouse__readiness_epoll = {
    .name = "epoll",
    .create = set_create,
    .destroy = set_destroy,
    .arm = set_arm,
    .disarm = set_disarm,
    .wait = set_wait,
};
