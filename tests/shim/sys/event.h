// The part of <sys/event.h> that src/backend/poll/kqueue.c uses, so that it can be compiled and run
// where there is no kqueue: names as the manual page of kqueue(2) has them, values of our own. The
// calls are in tests/shim/kqueue.c.
#ifndef ROUSE_TESTS_SHIM_EVENT_H
#define ROUSE_TESTS_SHIM_EVENT_H

#include <stdint.h>
#include <time.h>

struct kevent {
  uintptr_t ident;
  short filter;
  unsigned short flags;
  unsigned int fflags;
  intptr_t data;
  void *udata;
};

#define EV_SET(event, a, b, c, d, e, f)                                                            \
  (*(event) = (struct kevent){                                                                     \
       .ident = (a), .filter = (b), .flags = (c), .fflags = (d), .data = (e), .udata = (f)})

enum { EVFILT_READ = -1, EVFILT_WRITE = -2, EVFILT_USER = -3 };
enum {
  EV_ADD = 0x1,
  EV_DELETE = 0x2,
  EV_ENABLE = 0x4,
  EV_CLEAR = 0x8,
  EV_DISPATCH = 0x10,
  EV_EOF = 0x20,
  EV_ERROR = 0x40,
};
enum { NOTE_LOWAT = 0x1, NOTE_TRIGGER = 0x2 };

int kqueue(void);
int kevent(int queue, const struct kevent *changes, int change_count, struct kevent *events,
           int event_count, const struct timespec *limit);

#endif
