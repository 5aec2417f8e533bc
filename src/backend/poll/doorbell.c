// The doorbell of a sleeping loop: an eventfd, or a pipe where there is none. Both count the rings.
// A set's own bell, such as a kqueue's user event, does not, so a cell does.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/poll/poller.h"
#include "base/assert.h"
#include "base/atomics.h"

int rouse__bell_open(struct rouse__bell *bell) {
  *bell = (struct rouse__bell){.reads = -1, .writes = -1};
  bell->reads = bell->writes = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  bell->name = "eventfd";
  if (bell->reads >= 0) return 0;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) return rouse_error_from_system(errno);
  bell->reads = ends[0];
  bell->writes = ends[1];
  bell->name = "pipe";
  return 0;
}

int rouse__bell_open_counted(struct rouse__bell *bell, const char *name) {
  *bell = (struct rouse__bell){.reads = -1, .writes = -1, .name = name};
  bell->cell = rouse__cell_take();
  if (!bell->cell) return ROUSE_ENOMEM;
  // RELAXED: whoever counted in it last was heard before it was given back.
  bell->seen = load_relaxed(&bell->cell->word);
  return 0;
}

void rouse__bell_close(struct rouse__bell *bell) {
  if (bell->cell) {
    rouse__cell_put(bell->cell);
    return;
  }
  close(bell->reads);
  if (bell->writes != bell->reads) close(bell->writes);
}

// A loop is rung once for each sleep, and hears all it was rung whenever it wakes for that: neither
// form can be full. So what fails here is a descriptor that somebody else has closed, and with it
// the loop.
static void ring_counted(struct rouse__cell *cell, struct rouse__readiness *set) {
  if (set->ops->ring(set)) rouse__die("a loop's doorbell could not be rung", ROUSE__WHERE);
  // ORDER(poll_bell): release, our use of the set and of the loop's memory.
  add_release(&cell->word, 1);
}

void rouse__bell_ring(const struct rouse__bell *bell, struct rouse__readiness *set) {
  if (bell->cell) {
    ring_counted(bell->cell, set);
    return;
  }
  const uint64_t once = 1;
  const int fd = bell->writes;
  const size_t size = fd == bell->reads ? sizeof once : 1;
  const int saved = errno;
  ssize_t written;
  do {
    written = write(fd, &once, size);
  } while (written < 0 && errno == EINTR);
  if (written < 0) rouse__die("a loop's doorbell could not be rung", ROUSE__WHERE);
  errno = saved;
}

static uint64_t hear_counted(struct rouse__bell *bell) {
  // ORDER(poll_bell): acquire, the end of the ringers' use of the loop and its set.
  uint32_t now = load_acquire(&bell->cell->word), before = bell->seen;
  bell->seen = now;
  return now - before;
}

uint64_t rouse__bell_hear(struct rouse__bell *bell) {
  if (bell->cell) return hear_counted(bell);
  union {
    uint64_t count;
    char rings[64];
  } heard;
  const bool counts = bell->writes == bell->reads;
  ssize_t size = read(bell->reads, &heard, counts ? sizeof heard.count : sizeof heard.rings);
  if (size > 0) return counts ? heard.count : (uint64_t)size;
  if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
    rouse__die("a loop's doorbell could not be heard", ROUSE__WHERE);
  }
  return 0;
}
