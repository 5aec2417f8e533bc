// Keys that expire: for each shard a heap by time, and a task that sleeps until the first is due.
//
// An expired key is gone for every command at its very time (store_find() looks at the clock); the
// task is there so that its memory does not wait for somebody to ask for it.
#include <stdlib.h>
#include <time.h>

#include "store.h"

enum { BATCH = 64 };  // how many are removed under one lock
static const int64_t NS_PER_MS = 1000000;

// --- times ---------------------------------------------------------------------------------------

int64_t now_ms(void) { return rouse_now_ns() / NS_PER_MS; }

// What can be represented is decided by the clock on the wall, as redis does. Going over to the
// monotonic clock, which is another distance from 0, a time beyond its ends becomes its end.
bool time_of(int64_t number, bool seconds, bool absolute, int64_t *out_ms) {
  struct timespec wall;
  timespec_get(&wall, TIME_UTC);
  int64_t wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / NS_PER_MS;
  if (seconds && __builtin_mul_overflow(number, 1000, &number)) return false;
  if (!absolute && __builtin_add_overflow(number, wall_ms, &number)) return false;
  if (__builtin_add_overflow(number, now_ms() - wall_ms, out_ms)) {
    *out_ms = number < 0 ? INT64_MIN : INT64_MAX;
  }
  if (*out_ms == NEVER) --*out_ms;
  return true;
}

// --- the heap ------------------------------------------------------------------------------------

static void put(struct shard *shard, uint32_t at, struct entry *entry) {
  shard->heap[at] = entry;
  entry->place = at + 1;
}

static void move_up(struct shard *shard, uint32_t at, struct entry *entry) {
  while (at) {
    uint32_t parent = (at - 1) / 2;
    if (shard->heap[parent]->expires_ms <= entry->expires_ms) break;
    put(shard, at, shard->heap[parent]);
    at = parent;
  }
  put(shard, at, entry);
}

static void move_down(struct shard *shard, uint32_t at, struct entry *entry) {
  for (;;) {
    uint32_t child = 2 * at + 1;
    if (child >= shard->heap_count) break;
    if (child + 1 < shard->heap_count &&
        shard->heap[child + 1]->expires_ms < shard->heap[child]->expires_ms) {
      child++;
    }
    if (entry->expires_ms <= shard->heap[child]->expires_ms) break;
    put(shard, at, shard->heap[child]);
    at = child;
  }
  put(shard, at, entry);
}

static void settle(struct shard *shard, uint32_t at, struct entry *entry) {
  if (at && shard->heap[(at - 1) / 2]->expires_ms > entry->expires_ms) {
    move_up(shard, at, entry);
  } else {
    move_down(shard, at, entry);
  }
}

static bool grow(struct shard *shard) {
  if (shard->heap_count < shard->heap_capacity) return true;
  uint32_t capacity = shard->heap_capacity ? 2 * shard->heap_capacity : 64;
  struct entry **heap = realloc(shard->heap, capacity * sizeof *heap);
  if (!heap) return false;
  shard->heap = heap;
  shard->heap_capacity = capacity;
  return true;
}

void expiry_forget(struct shard *shard, struct entry *entry) {
  if (!entry->place) return;
  uint32_t at = entry->place - 1;
  struct entry *last = shard->heap[--shard->heap_count];
  entry->place = 0;
  if (last != entry) settle(shard, at, last);
}

bool expiry_note(struct shard *shard, struct entry *entry, int64_t expires_ms) {
  if (expires_ms == NEVER) {
    expiry_forget(shard, entry);
    return true;
  }
  if (!entry->place) {
    if (!grow(shard)) return false;
    put(shard, shard->heap_count++, entry);
  }
  entry->expires_ms = expires_ms;
  settle(shard, entry->place - 1, entry);
  if (shard->heap[0] == entry) rouse_event_set(&shard->sooner);
  return true;
}

// --- the tasks -----------------------------------------------------------------------------------

// Removes what is due; when to come again.
static int64_t remove_due(struct shard *shard) {
  int64_t now = now_ms(), next_ms = NEVER;
  unsigned removed = 0;
  rouse_mutex_lock(&shard->lock);
  while (shard->heap_count && removed < BATCH && shard->heap[0]->expires_ms <= now) {
    entry_remove(shard, shard->heap[0]);
    removed++;
  }
  if (shard->heap_count) next_ms = shard->heap[0]->expires_ms;
  rouse_mutex_unlock(&shard->lock);
  // RELAXED: a count for INFO.
  atomic_fetch_add_explicit(&counters.expired, removed, memory_order_relaxed);
  return next_ms < ROUSE_FOREVER / NS_PER_MS ? next_ms * NS_PER_MS : ROUSE_FOREVER;
}

static int64_t watch(void *argument) {
  struct shard *shard = argument;
  int64_t next_ns = ROUSE_FOREVER;
  for (;;) {
    int result = rouse_event_wait_until(&shard->sooner, next_ns);
    if (result == ROUSE_ECANCELED) return 0;
    rouse_task_shield(true);
    next_ns = remove_due(shard);
    rouse_task_shield(false);
  }
}

int store_start(void) {
  uint32_t loops = rouse_run_loop_count();
  for (uint32_t i = 0; i < SHARDS; i++) {
    rouse_mutex_init(&shards[i].lock, ROUSE_POLICY_DEFAULT);
    rouse_event_init(&shards[i].sooner, ROUSE_EVENT_AUTO, false);
    int refused = rouse_task_spawn(NULL, rouse_run_loop(i % loops), watch, &shards[i]);
    if (refused) return refused;
  }
  return ROUSE_DONE;
}
