// What store.c and expiry.c share: the shards.
#ifndef KV_STORE_H
#define KV_STORE_H

// A failed allocation must be told, not end the process.
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "kv.h"

enum { SHARDS = 64 };

struct entry {
  UT_hash_handle hh;
  struct value *key, *value;
  int64_t expires_ms;
  uint32_t place;  // in the shard's heap, from 1; 0: it does not expire
};

// A part of the map, with a lock of its own.
struct shard {
  _Alignas(64) rouse_mutex lock;
  struct entry *entries;
  // Those that expire, a heap by time: heap[0] is the first to go.
  struct entry **heap;
  uint32_t heap_count, heap_capacity;
  rouse_event sooner;  // heap[0] is another, or the server stops
};
extern struct shard shards[SHARDS];

void entry_remove(struct shard *shard, struct entry *entry);
// Takes |entry| out of the heap, if it is in.
void expiry_forget(struct shard *shard, struct entry *entry);
// Puts it there, or moves it. False: no memory.
bool expiry_note(struct shard *shard, struct entry *entry, int64_t expires_ms);

#endif
