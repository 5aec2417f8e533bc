// Commands on keys.
#include "kv.h"

void command_del(struct client *client, const struct slice *args, size_t count) {
  int64_t removed = 0;
  uint64_t locked = store_lock(args + 1, count - 1, 1);
  for (size_t i = 1; i < count; i++) {
    struct key key = key_of(args[i]);
    removed += store_remove(&key);
  }
  store_unlock(locked);
  reply_integer(client, removed);
}

void command_exists(struct client *client, const struct slice *args, size_t count) {
  int64_t found = 0;
  uint64_t locked = store_lock(args + 1, count - 1, 1);
  for (size_t i = 1; i < count; i++) {
    struct key key = key_of(args[i]);
    found += store_find(&key) != NULL;
  }
  store_unlock(locked);
  reply_integer(client, found);
}

void command_type(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  struct key key = key_of(args[1]);
  uint64_t locked = store_lock_key(&key);
  bool found = store_find(&key);
  store_unlock(locked);
  reply_status(client, found ? "string" : "none");
}

// --- times ---------------------------------------------------------------------------------------

enum { IF_NONE = 1, IF_ANY = 2, IF_LATER = 4, IF_SOONER = 8 };

// Reads the conditions of EXPIRE. -1: replied why not.
static int read_conditions(struct client *client, const struct slice *args, size_t count) {
  static const char *const names[] = {"nx", "xx", "gt", "lt"};
  int conditions = 0;
  for (size_t i = 0; i < count; i++) {
    int n = 0;
    while (n < 4 && !slice_is(args[i], names[n])) n++;
    if (n == 4) {
      reply_error(client, "ERR Unsupported option %.*s",
                  args[i].length < 128 ? (int)args[i].length : 128, args[i].bytes);
      return -1;
    }
    conditions |= 1 << n;
  }
  if ((conditions & IF_NONE) && (conditions & ~IF_NONE)) {
    reply_error(client, "ERR NX and XX, GT or LT options at the same time are not compatible");
    return -1;
  }
  if ((conditions & IF_LATER) && (conditions & IF_SOONER)) {
    reply_error(client, "ERR GT and LT options at the same time are not compatible");
    return -1;
  }
  return conditions;
}

static bool allowed(int conditions, int64_t before_ms, int64_t wanted_ms) {
  if ((conditions & IF_NONE) && before_ms != NEVER) return false;
  if ((conditions & IF_ANY) && before_ms == NEVER) return false;
  if ((conditions & IF_LATER) && wanted_ms <= before_ms) return false;
  return !(conditions & IF_SOONER) || wanted_ms < before_ms;
}

void command_expire(struct client *client, const struct slice *args, size_t count) {
  bool seconds = args[0].bytes[0] != 'p' && args[0].bytes[0] != 'P';
  bool absolute = args[0].length > 7;  // (P)EXPIREAT
  int64_t number, expires_ms;
  int conditions = read_conditions(client, args + 3, count - 3);
  if (conditions < 0) return;
  if (!slice_to_integer(args[2], &number)) {
    reply_error(client, "ERR value is not an integer or out of range");
    return;
  }
  if (!time_of(number, seconds, absolute, &expires_ms)) {
    reply_error(client, "ERR invalid expire time in '%s%s%s' command", seconds ? "" : "p", "expire",
                absolute ? "at" : "");
    return;
  }
  struct key key = key_of(args[1]);
  bool good = true;
  int64_t done = 0;
  uint64_t locked = store_lock_key(&key);
  struct entry *entry = store_find(&key);
  if (entry && allowed(conditions, entry_expires_ms(entry), expires_ms)) {
    done = 1;
    if (expires_ms <= now_ms()) {
      store_remove(&key);
    } else {
      good = store_expire(&key, entry, expires_ms);
    }
  }
  store_unlock(locked);
  if (good) {
    reply_integer(client, done);
  } else {
    reply_no_memory(client);
  }
}

void command_ttl(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  struct key key = key_of(args[1]);
  bool seconds = args[0].length == 3;  // not PTTL
  uint64_t locked = store_lock_key(&key);
  struct entry *entry = store_find(&key);
  int64_t expires_ms = entry ? entry_expires_ms(entry) : 0;
  store_unlock(locked);
  int64_t left = entry ? -1 : -2;
  if (entry && expires_ms != NEVER) {
    left = expires_ms - now_ms();
    if (left < 0) left = 0;
    if (seconds) left = left / 1000 + (left % 1000 >= 500);
  }
  reply_integer(client, left);
}

void command_persist(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  struct key key = key_of(args[1]);
  uint64_t locked = store_lock_key(&key);
  struct entry *entry = store_find(&key);
  bool had = entry && entry_expires_ms(entry) != NEVER;
  if (had) store_expire(&key, entry, NEVER);
  store_unlock(locked);
  reply_integer(client, had);
}

// --- all keys ------------------------------------------------------------------------------------

struct listing {
  struct slice pattern;
  size_t count, room;
  struct value **names;
};

static void list_one(void *argument, struct value *key) {
  struct listing *listing = argument;
  if (!slice_is(listing->pattern, "*") && !glob_matches(listing->pattern, value_slice(key))) return;
  if (listing->count < listing->room) listing->names[listing->count] = value_ref(key);
  listing->count++;
}

// Names are gathered under the locks, and sent without them. If there are more than there is room
// for, it starts again with more room.
void command_keys(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  struct listing listing = {.pattern = args[1], .count = 64};
  do {
    listing.room = listing.count + listing.count / 8;
    listing.count = 0;
    listing.names = client_take(client, listing.room * sizeof *listing.names);
    if (!listing.names) {
      reply_no_memory(client);
      return;
    }
    uint64_t locked = store_lock_all();
    store_visit(list_one, &listing);
    store_unlock(locked);
    if (listing.count <= listing.room) break;
    for (size_t i = 0; i < listing.room; i++) value_unref(listing.names[i]);
    client_give(client, listing.names, listing.room * sizeof *listing.names);
  } while (true);
  reply_array(client, listing.count);
  for (size_t i = 0; i < listing.count; i++) reply_value(client, listing.names[i]);
  client_give(client, listing.names, listing.room * sizeof *listing.names);
}

void command_dbsize(struct client *client, const struct slice *args, size_t count) {
  (void)args, (void)count;
  size_t keys, expiring;
  store_sizes(&keys, &expiring);
  reply_integer(client, (int64_t)keys);
}

void command_flush(struct client *client, const struct slice *args, size_t count) {
  if (count > 2 || (count == 2 && !slice_is(args[1], "async") && !slice_is(args[1], "sync"))) {
    reply_error(client, "ERR syntax error");
    return;
  }
  store_clear();
  reply_status(client, "OK");
}
