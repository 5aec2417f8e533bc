// Readiness by kqueue, for macOS and the BSDs.
//
// THIS FILE HAS NOT BEEN RUN ON ANY OF THEM. It is written from the manual page of kqueue(2), is
// compiled against a header of the tests (tests/shim), and is run there over an imitation of what
// that page says. A build for such a system needs more than this: see docs/ARCHITECTURE.md.
//
// A descriptor has up to two filters, one for reading and one for writing. They are added with
// EV_DISPATCH: a filter that has reported stays, disabled, until it is armed anew. (With EV_ONESHOT
// it would be gone, and so would be the sign that follows.)
//
// Closed descriptors. close() removes the filters of a number, so enabling one that was added
// before fails with ENOENT: the number is another file's now, and whoever still waits under it
// waits for one that is no longer there. For that to be told of the right file, what is registered
// after arming is always exactly what is wanted: a filter that is not wanted any more is deleted,
// not left behind. (A close removes both, so one that is missing is proof for both.)
//
// The doorbell is a user event of the queue itself. Triggers before it is heard become one report,
// so rings are counted elsewhere (doorbell.c).
//
// What poll(2) tells and this can't: urgent data (POLLPRI alone is refused), and, of sockets,
// whether a peer that has finished sending is gone altogether: a wait for failures only, with no
// other event, ends in both cases.
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
// sys/types.h comes before sys/event.h
#include <sys/event.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <rouse/clock.h>
#include <rouse/errors.h>

#include "backend/poll/poller.h"
#include "platform/platform.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

enum { REPORTS_AT_ONCE = 128, FILES_AT_FIRST = 64 };
enum { BELL = 0 };                // ident of the user event
enum mode { NONE, READY, ENDS };  // of a filter; ENDS: only what ends the stream
static const uint32_t READING = POLLIN | POLLRDNORM | POLLRDBAND;
static const uint32_t WRITING = POLLOUT | POLLWRNORM | POLLWRBAND;

struct file {
  uint32_t serial;
  uint8_t read, write;  // how the filters are registered: enum mode
  bool failures;        // armed for failures only, not even for the end of what the peer sends
};

struct kqueue_set {
  struct rouse__readiness base;
  int fd;
  uint32_t serial;
  struct file *files;  // by descriptor
  uint32_t file_count;
};

static struct kqueue_set *set_of(struct rouse__readiness *set) { return (struct kqueue_set *)set; }

// --- create, destroy, ring -----------------------------------------------------------------------

// One change. 0 or an errno value.
static int change(const struct kqueue_set *set, uintptr_t ident, int filter, unsigned flags,
                  unsigned notes, intptr_t data, uint32_t serial) {
  struct kevent event;
  EV_SET(&event, ident, (short)filter, (unsigned short)flags, notes, data,
         (void *)(uintptr_t)serial);
  while (kevent(set->fd, &event, 1, NULL, 0, NULL) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

static void set_destroy(struct rouse__readiness *readiness) {
  struct kqueue_set *set = set_of(readiness);
  close(set->fd);
  rouse__free(set->files);
  rouse__free(set);
}

static int set_create(int bell, struct rouse__readiness **out_set) {
  (void)bell;
  struct kqueue_set *set = rouse__allocate(sizeof *set, _Alignof(struct kqueue_set));
  if (!set) return ROUSE_ENOMEM;
  set->base.ops = &rouse__readiness_kqueue;
  set->fd = kqueue();
  if (set->fd < 0) {
    int refused = rouse_error_from_system(errno);
    rouse__free(set);
    return refused;
  }
  int error = change(set, BELL, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, 0);
  if (error) {
    set_destroy(&set->base);
    return rouse_error_from_system(error);
  }
  *out_set = &set->base;
  return 0;
}

static int set_ring(struct rouse__readiness *readiness) {
  return change(set_of(readiness), BELL, EVFILT_USER, 0, NOTE_TRIGGER, 0, 0);
}

// --- arming --------------------------------------------------------------------------------------

static struct file *file_of(struct kqueue_set *set, int fd) {
  uint32_t count = set->file_count ? set->file_count : FILES_AT_FIRST;
  if (fd < 0) return NULL;
  if ((uint32_t)fd < set->file_count) return &set->files[fd];
  while (count <= (uint32_t)fd) count *= 2;
  struct file *files = rouse__allocate(count * sizeof *files, _Alignof(struct file));
  if (!files) return NULL;
  if (set->file_count) memcpy(files, set->files, set->file_count * sizeof *files);
  rouse__free(set->files);
  set->files = files;
  set->file_count = count;
  return &set->files[fd];
}

// Brings one filter from the mode |*now| to |wanted|, armed. 0 or an errno value; ENOENT: it was
// registered and is gone.
static int set_filter(struct kqueue_set *set, int fd, int filter, uint8_t *now, enum mode wanted,
                      uint32_t serial) {
  int error = 0;
  if (*now == wanted) {
    if (wanted == NONE) return 0;
    return change(set, (uintptr_t)fd, filter, EV_ENABLE | EV_DISPATCH,
                  wanted == ENDS ? NOTE_LOWAT : 0, wanted == ENDS ? INT32_MAX : 0, serial);
  }
  if (*now != NONE) error = change(set, (uintptr_t)fd, filter, EV_DELETE, 0, 0, serial);
  if (error) return error;
  *now = NONE;
  if (wanted == NONE) return 0;
  error = change(set, (uintptr_t)fd, filter, EV_ADD | EV_DISPATCH, wanted == ENDS ? NOTE_LOWAT : 0,
                 wanted == ENDS ? INT32_MAX : 0, serial);
  if (!error) *now = (uint8_t)wanted;
  return error;
}

static int set_both(struct kqueue_set *set, int fd, struct file *file, uint32_t events) {
  enum mode reading = events & READING ? READY : NONE, writing = events & WRITING ? READY : NONE;
  if (!reading && (!writing || (events & POLLRDHUP))) reading = ENDS;
  file->failures = !(events & (READING | WRITING | POLLRDHUP));
  int error = set_filter(set, fd, EVFILT_READ, &file->read, reading, file->serial);
  return error ? error : set_filter(set, fd, EVFILT_WRITE, &file->write, writing, file->serial);
}

static void begin(struct kqueue_set *set, struct file *file) {
  if (!++set->serial) set->serial = 1;
  *file = (struct file){.serial = set->serial};
}

static int refusal(int error) {
  if (error == EBADF || error == ENOMEM) return rouse_error_from_system(error);
  return ROUSE_EPERM;  // such a file has no filter, or what it says no longer changes
}

static int set_arm(struct rouse__readiness *readiness, int fd, uint32_t events, uint32_t *key,
                   bool *out_replaced) {
  struct kqueue_set *set = set_of(readiness);
  *out_replaced = false;
  if (!(events & (READING | WRITING | POLLRDHUP)) && (events & POLLPRI)) return ROUSE_EPERM;
  struct file *file = file_of(set, fd);
  if (!file) return fd < 0 ? ROUSE_EBADF : ROUSE_ENOMEM;
  if (!*key) begin(set, file);
  int error = set_both(set, fd, file, events);
  if (error == ENOENT && *key) {
    *out_replaced = true;
    begin(set, file);
    error = set_both(set, fd, file, events);
  }
  *key = error ? 0 : file->serial;
  return error ? refusal(error) : 0;
}

// A report that comes although nobody waits is cheaper than a system call that prevents it.
static void set_disarm(struct rouse__readiness *readiness, int fd, uint32_t *key) {
  (void)readiness, (void)fd, (void)key;
}

// --- sleeping ------------------------------------------------------------------------------------

static bool is_socket(int fd) {
  int type;
  socklen_t size = sizeof type;
  return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
}

// The end of what |event|'s filter is about, in poll(2)'s words.
static uint32_t end_of(const struct kqueue_set *set, const struct kevent *event) {
  int fd = (int)event->ident;
  bool reading = event->filter == EVFILT_READ;
  if (!is_socket(fd)) return reading ? POLLHUP : POLLERR;
  uint32_t events = event->fflags ? POLLERR | POLLHUP : 0;
  if (!reading) return events;
  return events | POLLRDHUP | (set->files[fd].failures ? POLLHUP : 0);
}

static uint32_t events_of(const struct kqueue_set *set, const struct kevent *event) {
  bool reading = event->filter == EVFILT_READ, ends = event->flags & EV_EOF;
  if (event->flags & EV_ERROR) return POLLERR;
  if (!ends) return reading ? POLLIN | POLLRDNORM : POLLOUT | POLLWRNORM;
  uint32_t events = end_of(set, event);
  // The end of a pipe that still holds something can be read later.
  if (!reading) return events | POLLOUT | POLLWRNORM;
  bool something = event->data > 0 || !(events & POLLHUP);
  return something ? events | POLLIN | POLLRDNORM : events;
}

static int set_wait(struct rouse__readiness *readiness, int64_t deadline_ns,
                    rouse__readiness_fn *report, void *context) {
  struct kqueue_set *set = set_of(readiness);
  struct kevent events[REPORTS_AT_ONCE];
  struct timespec limit, *most = NULL;
  if (deadline_ns != ROUSE_FOREVER) {
    int64_t left_ns = deadline_ns ? deadline_ns - rouse_now_ns() : 0;
    if (left_ns < 0) left_ns = 0;
    limit.tv_sec = (time_t)(left_ns / 1000000000);
    limit.tv_nsec = (long)(left_ns % 1000000000);
    most = &limit;
  }
  int count = kevent(set->fd, NULL, 0, events, REPORTS_AT_ONCE, most);
  if (count < 0) return errno == EINTR ? 0 : rouse_error_from_system(errno);
  for (int i = 0; i < count; i++) {
    if (events[i].filter == EVFILT_USER) {
      report(context, -1, 0, POLLIN);
    } else {
      report(context, (int)events[i].ident, (uint32_t)(uintptr_t)events[i].udata,
             events_of(set, &events[i]));
    }
  }
  return 0;
}

const struct rouse__readiness_ops rouse__readiness_kqueue = {
    .name = "kqueue",
    .create = set_create,
    .destroy = set_destroy,
    .ring = set_ring,
    .arm = set_arm,
    .disarm = set_disarm,
    .wait = set_wait,
};

// --- the backend ---------------------------------------------------------------------------------

static int create(rouse_loop *loop, const rouse_loop_options *options,
                  struct rouse__backend **out_backend, char *reason, size_t reason_size) {
  (void)options;
  return rouse__poller_create(loop, &rouse__readiness_kqueue, out_backend, reason, reason_size);
}

const struct rouse__backend_kind rouse__backend_kqueue = {.name = "kqueue", .create = create};
