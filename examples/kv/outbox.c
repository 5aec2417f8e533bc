// What waits for a subscriber, and the task that sends it.
//
// A publisher never waits for a subscriber: it leaves the message and goes on. One who does not
// read what it is sent is cut off when too much waits for it. A message is one piece of memory,
// however many wait for it.
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kv.h"

enum { BATCH = 4096 };  // bytes that are taken to be sent together

struct parcel {
  struct message *message;
  struct parcel *next;
};

struct outbox {
  rouse_fd fd;
  uint64_t id;
  rouse_mutex lock;
  rouse_event filled;  // something is there, or it closes
  struct parcel *first, *last;
  size_t waiting;  // bytes, those included that the writer has taken and not sent
  bool closing, cut;
  rouse_task *writer;
};

// --- messages ------------------------------------------------------------------------------------

struct message *message_create(size_t size) {
  struct message *message = budget_try(&buffers, sizeof *message + size);
  if (!message) return NULL;
  atomic_init(&message->refs, 1);
  message->size = size;
  return message;
}

void message_unref(struct message *message) {
  if (!message) return;
  // ORDER(message_refs): release, our reads of the bytes, to the last one out; acquire,
  // everybody's, if that is us.
  if (atomic_fetch_sub_explicit(&message->refs, 1, memory_order_acq_rel) > 1) return;
  budget_give(&buffers, message, sizeof *message + message->size);
}

static size_t cost_of(const struct message *message) {
  return message->size + sizeof(struct message) + sizeof(struct parcel);
}

static void free_parcels(struct parcel *parcel) {
  while (parcel) {
    struct parcel *next = parcel->next;
    message_unref(parcel->message);
    budget_give(&buffers, parcel, sizeof *parcel);
    parcel = next;
  }
}

static size_t cost_of_all(const struct parcel *parcel) {
  size_t cost = 0;
  for (; parcel; parcel = parcel->next) cost += cost_of(parcel->message);
  return cost;
}

// --- putting in ----------------------------------------------------------------------------------

// With the lock. |why| NULL: the connection is gone, which needs no word.
static void cut(struct outbox *outbox, const char *why) {
  if (outbox->cut) return;
  outbox->cut = true;
  if (why) {
    note("client %llu: subscriber cut off, %s; %zu bytes were waiting",
         (unsigned long long)outbox->id, why, outbox->waiting);
    atomic_fetch_add(&counters.cut, 1);
  }
  outbox->waiting -= cost_of_all(outbox->first);
  free_parcels(outbox->first);
  outbox->first = outbox->last = NULL;
  shutdown(outbox->fd, SHUT_RDWR);  // ends what both of its tasks wait for
}

void outbox_cut(struct outbox *outbox, const char *why) {
  rouse_mutex_lock(&outbox->lock);
  cut(outbox, why);
  rouse_mutex_unlock(&outbox->lock);
}

static bool push(struct outbox *outbox, struct message *message) {
  if (outbox->cut) return false;
  if (outbox->waiting && outbox->waiting + cost_of(message) > options.subscriber) {
    cut(outbox, "it does not read its messages");
    return false;
  }
  struct parcel *parcel = budget_try(&buffers, sizeof *parcel);
  if (!parcel) {
    cut(outbox, "no memory for its messages");
    return false;
  }
  // RELAXED: the caller has one, so it can't be the last that goes meanwhile.
  atomic_fetch_add_explicit(&message->refs, 1, memory_order_relaxed);
  *parcel = (struct parcel){.message = message};
  if (outbox->last) {
    outbox->last->next = parcel;
  } else {
    outbox->first = parcel;
  }
  outbox->last = parcel;
  outbox->waiting += cost_of(message);
  return true;
}

bool outbox_push(struct outbox *outbox, struct message *message) {
  rouse_mutex_lock(&outbox->lock);
  bool was_empty = !outbox->first;
  bool pushed = push(outbox, message);
  rouse_mutex_unlock(&outbox->lock);
  if (pushed && was_empty) rouse_event_set(&outbox->filled);
  return pushed;
}

size_t outbox_waiting(struct outbox *outbox) {
  rouse_mutex_lock(&outbox->lock);
  size_t waiting = outbox->waiting;
  rouse_mutex_unlock(&outbox->lock);
  return waiting;
}

// --- sending -------------------------------------------------------------------------------------

// Takes some parcels. NULL: there are none.
static struct parcel *take(struct outbox *outbox, bool *out_closing) {
  rouse_mutex_lock(&outbox->lock);
  struct parcel *first = outbox->first, *last = first;
  size_t size = first ? first->message->size : 0;
  while (last && last->next && size + last->next->message->size <= BATCH) {
    last = last->next;
    size += last->message->size;
  }
  if (first) {
    outbox->first = last->next;
    if (!outbox->first) outbox->last = NULL;
    last->next = NULL;
  }
  *out_closing = outbox->closing;
  rouse_mutex_unlock(&outbox->lock);
  return first;
}

// Several are gathered to be sent in one piece; one is sent from where it is.
static int send_parcels(struct outbox *outbox, const struct parcel *parcel, struct stop *stop) {
  char gathered[BATCH];
  struct slice bytes = {parcel->message->bytes, parcel->message->size};
  if (parcel->next) {
    bytes = (struct slice){gathered, 0};
    for (; parcel; parcel = parcel->next) {
      memcpy(gathered + bytes.length, parcel->message->bytes, parcel->message->size);
      bytes.length += parcel->message->size;
    }
  }
  return wire_send(outbox->fd, bytes, stop, true);
}

static void sent(struct outbox *outbox, struct parcel *parcels, int failed) {
  size_t cost = cost_of_all(parcels);
  rouse_mutex_lock(&outbox->lock);
  if (failed == ROUSE_ETIMEDOUT) {
    cut(outbox, "it does not read its messages");
  } else if (failed) {
    cut(outbox, NULL);
  }
  outbox->waiting -= cost;
  rouse_mutex_unlock(&outbox->lock);
  free_parcels(parcels);
}

static int64_t writer_main(void *argument) {
  struct outbox *outbox = argument;
  struct stop stop = {.asked = false};
  bool closing = false;
  rouse_task_shield(true);
  for (;;) {
    struct parcel *parcels = take(outbox, &closing);
    if (parcels) {
      sent(outbox, parcels, send_parcels(outbox, parcels, &stop));
    } else if (closing) {
      return 0;
    } else {
      rouse_event_wait(&outbox->filled);
    }
  }
}

// --- beginning and end ---------------------------------------------------------------------------

struct outbox *outbox_create(rouse_fd fd, uint64_t id) {
  if (!budget_charge(&buffers, sizeof(struct outbox) + CLIENT_STACK)) return NULL;
  struct outbox *outbox = malloc(sizeof *outbox);
  if (outbox) {
    *outbox = (struct outbox){.fd = fd, .id = id};
    rouse_mutex_init(&outbox->lock, ROUSE_POLICY_DEFAULT);
    rouse_event_init(&outbox->filled, ROUSE_EVENT_AUTO, false);
    if (!rouse_task_spawn(&outbox->writer, NULL, writer_main, outbox)) return outbox;
  }
  free(outbox);
  budget_refund(&buffers, sizeof(struct outbox) + CLIENT_STACK);
  return NULL;
}

void outbox_destroy(struct outbox *outbox) {
  rouse_mutex_lock(&outbox->lock);
  outbox->closing = true;
  rouse_mutex_unlock(&outbox->lock);
  rouse_event_set(&outbox->filled);
  rouse_task_join(outbox->writer, NULL);
  free_parcels(outbox->first);
  free(outbox);
  budget_refund(&buffers, sizeof(struct outbox) + CLIENT_STACK);
}
