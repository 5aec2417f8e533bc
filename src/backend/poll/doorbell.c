// The doorbell of a sleeping loop: an eventfd, or a pipe where there is none. Both count the rings.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/poll/poller.h"
#include "base/assert.h"

int rouse__bell_open(struct rouse__bell *bell) {
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

void rouse__bell_close(struct rouse__bell *bell) {
  close(bell->reads);
  if (bell->writes != bell->reads) close(bell->writes);
}

// A loop is rung once for each sleep, and hears all it was rung whenever it wakes for that: neither
// form can be full. So what fails here is a descriptor that somebody else has closed, and with it
// the loop.
void rouse__bell_ring(const struct rouse__bell *bell) {
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

uint64_t rouse__bell_hear(const struct rouse__bell *bell) {
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
