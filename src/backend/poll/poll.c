// Readiness by poll(2): the plain form, for systems with nothing better, and to be compared with.
//
// The descriptors that somebody waits for lie side by side in one array, without gaps: adding
// appends, removing moves the last one into the gap. The key is the place in the array; place 0 is
// the bell's.
//
// The kernel knows the numbers only, not what they stood for when somebody began to wait. So that
// nobody is woken for a file which was opened under the number of one that was closed, each place
// keeps the file's device and inode, which are compared whenever it is armed or reported. (Files
// without an inode of their own, an eventfd for example, can't be told apart; sockets and pipes
// can.)
//
// A look costs time in proportion to the descriptors, so a loop with work to do takes one the more
// rarely the more there are.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <rouse/clock.h>
#include <rouse/errors.h>

#include "backend/poll/readiness.h"
#include "platform/platform.h"

enum { PLACES_AT_FIRST = 64, PLACES_PER_LOOK = 256 };

struct file {
  dev_t device;
  ino_t inode;
  uint32_t *key;
};

struct poll_set {
  struct rouse__readiness base;
  struct pollfd *places;
  struct file *files;  // what is at each place
  uint32_t count, capacity;
  uint32_t looks_to_skip;
};

static struct poll_set *set_of(struct rouse__readiness *set) { return (struct poll_set *)set; }

// --- the array -----------------------------------------------------------------------------------

static bool grow(struct poll_set *set) {
  uint32_t capacity = set->capacity ? set->capacity * 2 : PLACES_AT_FIRST;
  struct pollfd *places = rouse__allocate(capacity * sizeof *places, _Alignof(struct pollfd));
  struct file *files = rouse__allocate(capacity * sizeof *files, _Alignof(struct file));
  if (!places || !files) {
    rouse__free(places);
    rouse__free(files);
    return false;
  }
  if (set->count) {
    memcpy(places, set->places, set->count * sizeof *places);
    memcpy(files, set->files, set->count * sizeof *files);
  }
  rouse__free(set->places);
  rouse__free(set->files);
  set->places = places;
  set->files = files;
  set->capacity = capacity;
  return true;
}

static void remove_place(struct poll_set *set, uint32_t place) {
  *set->files[place].key = 0;
  uint32_t last = --set->count;
  if (place == last) return;
  set->places[place] = set->places[last];
  set->files[place] = set->files[last];
  *set->files[place].key = place;
}

// Whether |fd| is still what stands at |place|; then, or if it is not, it does now.
static bool same_file(struct file *file, const struct stat *now) {
  bool same = file->device == now->st_dev && file->inode == now->st_ino;
  file->device = now->st_dev;
  file->inode = now->st_ino;
  return same;
}

// --- the set -------------------------------------------------------------------------------------

static void set_destroy(struct rouse__readiness *readiness) {
  struct poll_set *set = set_of(readiness);
  rouse__free(set->places);
  rouse__free(set->files);
  rouse__free(set);
}

static int set_create(int bell, struct rouse__readiness **out_set) {
  struct poll_set *set = rouse__allocate(sizeof *set, _Alignof(struct poll_set));
  if (!set) return ROUSE_ENOMEM;
  set->base.ops = &rouse__readiness_poll;
  if (!grow(set)) {
    set_destroy(&set->base);
    return ROUSE_ENOMEM;
  }
  set->places[0] = (struct pollfd){.fd = bell, .events = POLLIN};
  set->count = 1;
  *out_set = &set->base;
  return 0;
}

static int set_arm(struct rouse__readiness *readiness, int fd, uint32_t events, uint32_t *key,
                   bool *out_replaced) {
  struct poll_set *set = set_of(readiness);
  *out_replaced = false;
  struct stat now;
  if (fstat(fd, &now)) return rouse_error_from_system(errno);
  if (!*key) {
    if (set->count == set->capacity && !grow(set)) return ROUSE_ENOMEM;
    *key = set->count++;
    set->files[*key] = (struct file){now.st_dev, now.st_ino, key};
  } else {
    *out_replaced = !same_file(&set->files[*key], &now);
  }
  set->places[*key] = (struct pollfd){.fd = fd, .events = (short)events};
  return 0;
}

static void set_disarm(struct rouse__readiness *readiness, int fd, uint32_t *key) {
  (void)fd;
  if (*key) remove_place(set_of(readiness), *key);
}

static int look(struct poll_set *set, int64_t deadline_ns) {
  struct timespec limit, *most = NULL;
  if (deadline_ns != ROUSE_FOREVER) {
    int64_t left_ns = rouse__readiness_left_ns(deadline_ns);
    limit.tv_sec = left_ns / 1000000000;
    limit.tv_nsec = left_ns % 1000000000;
    most = &limit;
  }
  return ppoll(set->places, set->count, most, NULL);
}

static int set_wait(struct rouse__readiness *readiness, int64_t deadline_ns,
                    rouse__readiness_fn *report, void *context) {
  struct poll_set *set = set_of(readiness);
  if (!deadline_ns && set->looks_to_skip) {
    set->looks_to_skip--;
    return 0;
  }
  int left = look(set, deadline_ns);
  set->looks_to_skip = set->count / PLACES_PER_LOOK;
  if (left < 0) return errno == EINTR ? 0 : rouse_error_from_system(errno);
  // From the end: what a removal moves into a gap has been looked at already.
  for (uint32_t place = set->count; left > 0 && place-- > 1;) {
    struct pollfd *ready = &set->places[place];
    if (!ready->revents) continue;
    left--;
    uint32_t events = (uint32_t)(unsigned short)ready->revents;
    struct stat now;
    if (fstat(ready->fd, &now) || !same_file(&set->files[place], &now)) events = POLLNVAL;
    report(context, ready->fd, place, events);
  }
  if (set->places[0].revents) report(context, set->places[0].fd, 0, POLLIN);
  return 0;
}

const struct rouse__readiness_ops rouse__readiness_poll = {
    .name = "poll",
    .create = set_create,
    .destroy = set_destroy,
    .arm = set_arm,
    .disarm = set_disarm,
    .wait = set_wait,
};
