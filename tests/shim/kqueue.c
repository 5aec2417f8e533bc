// An imitation of kqueue(2), by poll(2): enough to run src/backend/poll/kqueue.c, and no proof that
// a real one does the same.
//
// What is imitated: filters belong to a number and go with its close (seen here by another file's
// identity under it, as far as files have one); changing one that is not there fails with ENOENT;
// EV_DISPATCH disables a filter that reported; reports say what is so at the moment of reporting;
// EV_EOF comes with what is still there to be read; triggers of a user event collapse into one.
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { QUEUES_MOST = 65536 };

struct note {
  struct kevent event;  // as it was added: udata, fflags, data
  dev_t device;
  ino_t inode;
  bool enabled, triggered;
  short found;  // by the last look
};

struct queue {
  pthread_mutex_t lock;
  struct note *notes;
  int count, capacity;
};

static struct queue *queues[QUEUES_MOST];  // by the descriptor of what wakes the queue's sleeper

int kqueue(void) {
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return -1;
  if (fd >= QUEUES_MOST) abort();
  if (queues[fd]) free(queues[fd]->notes);  // one that was closed
  free(queues[fd]);
  queues[fd] = calloc(1, sizeof *queues[fd]);
  if (!queues[fd]) abort();
  pthread_mutex_init(&queues[fd]->lock, NULL);
  return fd;
}

// --- changes -------------------------------------------------------------------------------------

static void drop_note(struct queue *queue, struct note *note) {
  *note = queue->notes[--queue->count];
}

// Whether |note|'s descriptor is still the file that it was added for.
static bool alive(const struct note *note) {
  struct stat now;
  if (note->event.filter == EVFILT_USER) return true;
  return !fstat((int)note->event.ident, &now) && now.st_dev == note->device &&
         now.st_ino == note->inode;
}

static struct note *find(struct queue *queue, const struct kevent *change) {
  for (int i = 0; i < queue->count; i++) {
    struct note *note = &queue->notes[i];
    if (note->event.ident != change->ident || note->event.filter != change->filter) continue;
    if (alive(note)) return note;
    drop_note(queue, note);
    return NULL;
  }
  return NULL;
}

static struct note *add(struct queue *queue, const struct kevent *change) {
  struct stat now = {0};
  if (change->filter != EVFILT_USER) {
    if (fstat((int)change->ident, &now)) return NULL;
    if (S_ISREG(now.st_mode) || S_ISDIR(now.st_mode)) {
      errno = EINVAL;
      return NULL;
    }
  }
  if (queue->count == queue->capacity) {
    queue->capacity = queue->capacity ? queue->capacity * 2 : 16;
    queue->notes = realloc(queue->notes, (size_t)queue->capacity * sizeof *queue->notes);
    if (!queue->notes) abort();
  }
  struct note *note = &queue->notes[queue->count++];
  *note = (struct note){.event = *change, .device = now.st_dev, .inode = now.st_ino};
  return note;
}

// 0 or an errno value.
static int apply(int fd, struct queue *queue, const struct kevent *change) {
  struct stat now;
  if (change->filter != EVFILT_USER && fstat((int)change->ident, &now)) return EBADF;
  struct note *note = find(queue, change);
  if (change->flags & EV_ADD) {
    if (!note) note = add(queue, change);
    if (!note) return errno;
    note->enabled = true;
  }
  if (!note) return ENOENT;
  if (change->flags & EV_DELETE) {
    drop_note(queue, note);
    return 0;
  }
  if (change->flags & EV_ENABLE) note->enabled = true;
  if (change->fflags & NOTE_TRIGGER) {
    note->triggered = true;
    const uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0 && errno != EAGAIN) return errno;
  } else {
    const unsigned short dispatch = note->event.flags & EV_DISPATCH;
    note->event = *change;
    note->event.flags |= dispatch;
  }
  return 0;
}

// --- reports -------------------------------------------------------------------------------------

static short asked(const struct note *note) {
  if (note->event.filter == EVFILT_WRITE) return POLLOUT;
  return note->event.fflags & NOTE_LOWAT ? POLLRDHUP : POLLIN | POLLRDHUP;
}

// Whether |note|, of whose file |found| is so, has something to report.
static bool report_of(const struct note *note, short found, struct kevent *out) {
  const bool reads = note->event.filter == EVFILT_READ;
  const short ends = reads ? POLLRDHUP | POLLHUP | POLLERR : POLLHUP | POLLERR;
  if (!(found & (asked(note) | ends))) return false;
  *out = note->event;
  out->flags = found & ends ? EV_EOF : 0;
  out->fflags = found & POLLERR ? ECONNRESET : 0;
  int size = 0;
  if (reads) ioctl((int)note->event.ident, FIONREAD, &size);
  out->data = size;
  return true;
}

// Reports what the last look has found.
static int collect(struct queue *queue, struct kevent *events, int most) {
  int count = 0;
  for (int i = queue->count; i-- > 0 && count < most;) {
    struct note *note = &queue->notes[i];
    if (note->event.filter == EVFILT_USER) {
      if (note->triggered) events[count++] = note->event;
      note->triggered = false;
      continue;
    }
    const short found = note->found;
    note->found = 0;
    if (!found || !note->enabled) continue;
    if (!alive(note)) {
      drop_note(queue, note);
    } else if (report_of(note, found, &events[count])) {
      if (note->event.flags & EV_DISPATCH) note->enabled = false;
      count++;
    }
  }
  return count;
}

// Sleeps until anything may have changed, and looks. What poll(2) says. The lock is held before and
// after.
static int look(int fd, struct queue *queue, const struct timespec *limit) {
  static const struct timespec at_once = {0, 0};
  struct pollfd *places = calloc((size_t)queue->count + 1, sizeof *places);
  if (!places) abort();
  places[0] = (struct pollfd){.fd = fd, .events = POLLIN};
  const int count = queue->count;  // only the queue's own thread changes it, and that is this one
  for (int i = 0; i < count; i++) {
    const struct note *note = &queue->notes[i];
    if (note->triggered) limit = &at_once;  // the last call had no room for it
    const bool wanted = note->enabled && note->event.filter != EVFILT_USER;
    places[i + 1] =
        (struct pollfd){.fd = wanted ? (int)note->event.ident : -1, .events = asked(note)};
  }
  pthread_mutex_unlock(&queue->lock);
  int result = ppoll(places, (nfds_t)count + 1, limit, NULL);
  int error = errno;
  pthread_mutex_lock(&queue->lock);
  for (int i = 0; i < count && result > 0; i++) queue->notes[i].found = places[i + 1].revents;
  free(places);
  errno = error;
  return result;
}

static struct timespec left_until(const struct timespec *until) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  struct timespec left = {until->tv_sec - now.tv_sec, until->tv_nsec - now.tv_nsec};
  if (left.tv_nsec < 0) {
    left.tv_sec--;
    left.tv_nsec += 1000000000;
  }
  return left.tv_sec < 0 ? (struct timespec){0, 0} : left;
}

static int wait_for(int fd, struct queue *queue, struct kevent *events, int most,
                    const struct timespec *limit) {
  struct timespec until;
  if (limit) {
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += limit->tv_sec;
    until.tv_nsec += limit->tv_nsec;
    if (until.tv_nsec >= 1000000000) {
      until.tv_sec++;
      until.tv_nsec -= 1000000000;
    }
  }
  for (;;) {
    struct timespec left = {0, 0};
    if (limit) left = left_until(&until);
    int found = look(fd, queue, limit ? &left : NULL);
    if (found < 0) return -1;
    uint64_t rings;
    if (read(fd, &rings, sizeof rings) < 0 && errno != EAGAIN) return -1;
    int count = collect(queue, events, most);
    if (count || !found) return count;
  }
}

int kevent(int queue_fd, const struct kevent *changes, int change_count, struct kevent *events,
           int event_count, const struct timespec *limit) {
  struct queue *queue = queues[queue_fd];
  pthread_mutex_lock(&queue->lock);
  int error = 0, result = 0;
  for (int i = 0; i < change_count && !error; i++) error = apply(queue_fd, queue, &changes[i]);
  if (error) {
    result = -1;
  } else if (event_count) {
    result = wait_for(queue_fd, queue, events, event_count, limit);
    error = errno;
  }
  pthread_mutex_unlock(&queue->lock);
  errno = error;
  return result;
}
