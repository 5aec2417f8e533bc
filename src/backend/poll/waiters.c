// Who waits for which descriptor: a list for each direction of each, in order of arrival.
#define _GNU_SOURCE
#include <poll.h>
#include <string.h>

#include "backend/poll/poller.h"
#include "platform/platform.h"

enum { PAGE = 256 };

struct waiters *rouse__waiters_find(const struct poller *poller, int fd) {
  uint32_t page = (uint32_t)fd / PAGE;
  if (fd < 0 || page >= poller->page_count || !poller->pages[page]) return NULL;
  return &poller->pages[page][(uint32_t)fd % PAGE];
}

static bool make_room(struct poller *poller, uint32_t page) {
  uint32_t count = poller->page_count ? poller->page_count : 16;
  while (count <= page) count *= 2;
  struct waiters **pages = rouse__allocate(count * sizeof *pages, _Alignof(struct waiters *));
  if (!pages) return false;
  if (poller->pages) memcpy(pages, poller->pages, poller->page_count * sizeof *pages);
  rouse__free(poller->pages);
  poller->pages = pages;
  poller->page_count = count;
  return true;
}

struct waiters *rouse__waiters_make(struct poller *poller, int fd) {
  uint32_t page = (uint32_t)fd / PAGE;
  if (page >= poller->page_count && !make_room(poller, page)) return NULL;
  struct waiters **at = &poller->pages[page];
  if (!*at) *at = rouse__allocate(PAGE * sizeof **at, _Alignof(struct waiters));
  return *at ? &(*at)[(uint32_t)fd % PAGE] : NULL;
}

int rouse__descriptor_of(const rouse_io *io) {
  return io->operation == ROUSE__IO_SPLICE && io->mode == ROUSE__SPLICE_TO ? io->fd2 : io->fd;
}

enum rouse__direction rouse__direction_of(const rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_READ:
    case ROUSE__IO_READ_SPANS:
    case ROUSE__IO_RECEIVE:
    case ROUSE__IO_RECEIVE_SPANS:
    case ROUSE__IO_RECEIVE_FROM:
    case ROUSE__IO_ACCEPT:
    case ROUSE__IO_ACCEPT_MANY:
    case ROUSE__IO_RECEIVE_MANY:
      return ROUSE__IN;
    case ROUSE__IO_SPLICE:
      return io->mode == ROUSE__SPLICE_TO ? ROUSE__OUT : ROUSE__IN;
    case ROUSE__IO_POLL:
      return ROUSE__ANY;
    default:
      return ROUSE__OUT;
  }
}

void rouse__waiters_add(struct poller *poller, struct waiters *waiters, rouse_io *io) {
  rouse_io **first = &waiters->first[rouse__direction_of(io)];
  rouse_io *last = *first ? rouse__waiters_previous(*first) : io;
  if (!*first) *first = io;
  io->backend[ROUSE__NEXT] = (uintptr_t)*first;
  io->backend[ROUSE__PREVIOUS] = (uintptr_t)last;
  last->backend[ROUSE__NEXT] = (uintptr_t)io;
  (*first)->backend[ROUSE__PREVIOUS] = (uintptr_t)io;
  io->backend[ROUSE__PLACE] = ROUSE__WAITING;
  poller->waiting++;
}

void rouse__waiters_remove(struct poller *poller, struct waiters *waiters, rouse_io *io) {
  rouse_io **first = &waiters->first[rouse__direction_of(io)];
  rouse_io *next = rouse__waiters_next(io), *previous = rouse__waiters_previous(io);
  previous->backend[ROUSE__NEXT] = (uintptr_t)next;
  next->backend[ROUSE__PREVIOUS] = (uintptr_t)previous;
  if (*first == io) *first = next == io ? NULL : next;
  poller->waiting--;
}

uint32_t rouse__events_of(const rouse_io *io) {
  // Further bits mean something else to epoll.
  const uint32_t known =
      POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND | POLLRDHUP;
  return io->flags & known;
}

uint32_t rouse__waiters_events(const struct waiters *waiters) {
  uint32_t events = waiters->first[ROUSE__IN] ? POLLIN : 0;
  if (waiters->first[ROUSE__OUT] && !waiters->held) events |= POLLOUT;
  rouse_io *first = waiters->first[ROUSE__ANY], *io = first;
  while (io) {
    events |= rouse__events_of(io);
    io = rouse__waiters_next(io) == first ? NULL : rouse__waiters_next(io);
  }
  return events;
}
