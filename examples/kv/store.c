// The map: shards, each a hash table under a rouse_mutex.
//
// A key's hash picks its shard. A command on several keys locks their shards in ascending order, so
// two such can't deadlock, and each sees the other's effect whole or not at all. While locks are
// held nothing is waited for but locks.
//
// Values are counted references: a reply that is being sent keeps the bytes it needs, whatever
// becomes of the key meanwhile. All memory is paid for by the data's budget, so it may be refused.
#include <stdlib.h>
#include <string.h>

#include "store.h"

// What a key costs besides its bytes: its share of the table, and of the heap.
enum { ENTRY_COST = sizeof(struct entry) + 64 };

struct shard shards[SHARDS];

// --- values --------------------------------------------------------------------------------------

static size_t value_size(size_t capacity) { return sizeof(struct value) + capacity; }

struct value *value_create(struct slice bytes, size_t capacity) {
  if (capacity < bytes.length) capacity = bytes.length;
  struct value *value = capacity < UINT32_MAX ? budget_try(&data, value_size(capacity)) : NULL;
  if (!value) return NULL;
  atomic_init(&value->refs, 1);
  value->length = (uint32_t)bytes.length;
  value->capacity = (uint32_t)capacity;
  if (bytes.length) memcpy(value->bytes, bytes.bytes, bytes.length);
  return value;
}

struct value *value_ref(struct value *value) {
  // RELAXED: who adds one has one, or holds the lock under which the map's can't go.
  atomic_fetch_add_explicit(&value->refs, 1, memory_order_relaxed);
  return value;
}

void value_unref(struct value *value) {
  if (!value) return;
  // ORDER(value_refs): release, our reads of the bytes, to the last one out and to whoever finds
  // theirs the only one and writes; acquire, everybody's, if the last is us.
  if (atomic_fetch_sub_explicit(&value->refs, 1, memory_order_acq_rel) > 1) return;
  budget_give(&data, value, value_size(value->capacity));
}

struct slice value_slice(const struct value *value) {
  return (struct slice){value->bytes, value->length};
}

// --- locks ---------------------------------------------------------------------------------------

// uthash takes buckets by the low bits; the shard is by the high ones.
static struct shard *shard_of(unsigned hash) { return &shards[hash >> 26]; }
static uint64_t bit_of(unsigned hash) { return UINT64_C(1) << (hash >> 26); }

struct key key_of(struct slice name) {
  struct key key = {.name = name};
  HASH_VALUE(name.bytes, name.length, key.hash);
  return key;
}

static uint64_t lock_all_of(uint64_t wanted) {
  for (unsigned i = 0; i < SHARDS; i++) {
    if (wanted & UINT64_C(1) << i) rouse_mutex_lock(&shards[i].lock);
  }
  return wanted;
}

uint64_t store_lock(const struct slice *keys, size_t count, size_t stride) {
  uint64_t wanted = 0;
  for (size_t i = 0; i < count; i++) wanted |= bit_of(key_of(keys[i * stride]).hash);
  return lock_all_of(wanted);
}

uint64_t store_lock_key(const struct key *key) {
  rouse_mutex_lock(&shard_of(key->hash)->lock);
  return bit_of(key->hash);
}

uint64_t store_lock_all(void) { return lock_all_of(UINT64_MAX); }

void store_unlock(uint64_t locked) {
  while (locked) {
    rouse_mutex_unlock(&shards[__builtin_ctzll(locked)].lock);
    locked &= locked - 1;
  }
}

// --- entries -------------------------------------------------------------------------------------

struct value *entry_value(const struct entry *entry) {
  return entry->value;
}
int64_t entry_expires_ms(const struct entry *entry) {
  return entry->place ? entry->expires_ms : NEVER;
}

static void entry_free(struct entry *entry) {
  value_unref(entry->key);
  value_unref(entry->value);
  budget_give(&data, entry, ENTRY_COST);
}

void entry_remove(struct shard *shard, struct entry *entry) {
  expiry_forget(shard, entry);
  HASH_DELETE(hh, shard->entries, entry);
  entry_free(entry);
}

static struct entry *find(struct shard *shard, const struct key *key) {
  struct entry *entry = NULL;
  HASH_FIND_BYHASHVALUE(hh, shard->entries, key->name.bytes, key->name.length, key->hash, entry);
  return entry;
}

struct entry *store_find(const struct key *key) {
  struct shard *shard = shard_of(key->hash);
  struct entry *entry = find(shard, key);
  if (!entry || !entry->place || entry->expires_ms > now_ms()) return entry;
  entry_remove(shard, entry);
  // RELAXED: a count for INFO.
  atomic_fetch_add_explicit(&counters.expired, 1, memory_order_relaxed);
  return NULL;
}

void store_replace(struct entry *entry, struct value *value) {
  value_unref(entry->value);
  entry->value = value;
}

static struct entry *add(struct shard *shard, const struct key *key, struct value *value) {
  struct entry *entry = budget_try(&data, ENTRY_COST);
  struct value *name = entry ? value_create(key->name, 0) : NULL;
  if (!name) goto out_free;
  *entry = (struct entry){.key = name, .value = value};
  HASH_ADD_KEYPTR_BYHASHVALUE(hh, shard->entries, name->bytes, name->length, key->hash, entry);
  if (entry->hh.tbl) return entry;

out_free:
  value_unref(name);
  budget_give(&data, entry, ENTRY_COST);
  return NULL;
}

bool store_set(const struct key *key, struct value *value, int64_t expires_ms) {
  struct shard *shard = shard_of(key->hash);
  struct entry *entry = find(shard, key), *added = NULL;
  if (!entry) entry = added = add(shard, key, value);
  if (entry && !expiry_note(shard, entry, expires_ms)) {
    if (added) {
      entry_remove(shard, added);
      return false;
    }
    entry = NULL;
  }
  if (!entry) {
    value_unref(value);
    return false;
  }
  if (!added) store_replace(entry, value);
  return true;
}

bool store_remove(const struct key *key) {
  struct entry *entry = store_find(key);
  if (entry) entry_remove(shard_of(key->hash), entry);
  return entry;
}

bool store_expire(const struct key *key, struct entry *entry, int64_t expires_ms) {
  return expiry_note(shard_of(key->hash), entry, expires_ms);
}

// --- all of it -----------------------------------------------------------------------------------

void store_visit(store_visit_fn *visit, void *argument) {
  int64_t now = now_ms();
  for (int i = 0; i < SHARDS; i++) {
    for (struct entry *entry = shards[i].entries; entry; entry = entry->hh.next) {
      if (!entry->place || entry->expires_ms > now) visit(argument, entry->key);
    }
  }
}

// One shard after the other: the sum need not be of one moment.
void store_sizes(size_t *out_keys, size_t *out_expiring) {
  *out_keys = *out_expiring = 0;
  for (int i = 0; i < SHARDS; i++) {
    rouse_mutex_lock(&shards[i].lock);
    *out_keys += HASH_COUNT(shards[i].entries);
    *out_expiring += shards[i].heap_count;
    rouse_mutex_unlock(&shards[i].lock);
  }
}

// Frees what was taken out of a shard. In slices, since others want to run.
static void free_entries(struct entry *first) {
  struct entry *entries = first;
  HASH_CLEAR(hh, entries);  // the table; the entries stay linked
  for (int freed = 1; first; freed++) {
    struct entry *entry = first;
    first = entry->hh.next;
    entry_free(entry);
    if (freed % 1024 == 0) rouse_task_yield();
  }
}

void store_clear(void) {
  struct entry *taken[SHARDS];
  uint64_t locked = store_lock_all();
  for (int i = 0; i < SHARDS; i++) {
    taken[i] = shards[i].entries;
    shards[i].entries = NULL;
    shards[i].heap_count = 0;
  }
  store_unlock(locked);
  for (int i = 0; i < SHARDS; i++) free_entries(taken[i]);
}

void store_finish(void) {
  for (int i = 0; i < SHARDS; i++) {
    free_entries(shards[i].entries);
    free(shards[i].heap);
  }
}
