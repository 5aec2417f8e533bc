// An intrusive list with a guard: who is in it can be taken out knowing its neighbours only,
// whichever list that is by now. Not for use by two threads at once.
#ifndef APPROACHES_LIST_H
#define APPROACHES_LIST_H

#include "parts.h"

typedef struct list_link {
  struct list_link *next, *previous;  // NULL: in no list
} list_link;

// A waiter with a place in a list.
typedef struct list_waiter {
  approach_waiter base;
  list_link link;
  void *object;
} list_waiter;

static inline void list_init(list_link *guard) { guard->next = guard->previous = guard; }
static inline bool list_is_empty(const list_link *guard) { return guard->next == guard; }

static inline void list_append(list_link *guard, list_link *link) {
  link->next = guard;
  link->previous = guard->previous;
  guard->previous->next = link;
  guard->previous = link;
}

static inline void list_remove(list_link *link) {
  link->previous->next = link->next;
  link->next->previous = link->previous;
  link->next = link->previous = NULL;
}

static inline list_waiter *list_pop(list_link *guard) {
  if (list_is_empty(guard)) return NULL;
  list_link *first = guard->next;
  list_remove(first);
  return ROUSE__CONTAINER(first, list_waiter, link);
}

// Moves all of |from| to the empty list |to|.
static inline void list_move(list_link *to, list_link *from) {
  list_init(to);
  if (list_is_empty(from)) return;
  *to = *from;
  to->next->previous = to;
  to->previous->next = to;
  list_init(from);
}

static inline list_waiter *list_waiter_of(rouse_wait *wait) {
  return ROUSE__CONTAINER(wait, list_waiter, base.wait);
}

#endif
