// Commands on values.
#include <string.h>

#include "kv.h"

static const char not_integer[] = "ERR value is not an integer or out of range";

// --- SET and its kin -----------------------------------------------------------------------------

enum { ABSOLUTE = 1, SECONDS = 2 };

struct set_options {
  bool if_absent, if_present, get, keep;
  struct slice time;  // without bytes: none
  int unit;
  int64_t expires_ms;
};

// Reads the time that was given. False: replied why not.
static bool read_time(struct client *client, const char *command, struct set_options *options) {
  int64_t number;
  if (!slice_to_integer(options->time, &number)) {
    reply_error(client, not_integer);
    return false;
  }
  if (number <= 0 ||
      !time_of(number, options->unit & SECONDS, options->unit & ABSOLUTE, &options->expires_ms)) {
    reply_error(client, "ERR invalid expire time in '%s' command", command);
    return false;
  }
  return true;
}

// Reads one option, and a value if it has one. How many arguments it took; 0: it is none, or not
// with those before. The same one may come again; of times the last counts.
static size_t read_option(const struct slice *args, size_t count, struct set_options *options) {
  static const struct {
    const char *name;
    int unit;
  } times[] = {{"ex", SECONDS}, {"px", 0}, {"exat", SECONDS | ABSOLUTE}, {"pxat", ABSOLUTE}};
  bool timed = options->time.bytes;
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    if (!slice_is(args[0], times[i].name) || count < 2) continue;
    if (options->keep || (timed && options->unit != times[i].unit)) return 0;
    options->time = args[1];
    options->unit = times[i].unit;
    return 2;
  }
  if (slice_is(args[0], "nx") && !options->if_present) {
    options->if_absent = true;
  } else if (slice_is(args[0], "xx") && !options->if_absent) {
    options->if_present = true;
  } else if (slice_is(args[0], "get")) {
    options->get = true;
  } else if (slice_is(args[0], "keepttl") && !timed) {
    options->keep = true;
  } else {
    return 0;
  }
  return 1;
}

// How a set ended.
enum set_result { SET_DONE, SET_NOT, SET_NO_MEMORY };

// Sets under the key's lock. |*out_before| takes the value of before, if it is asked for.
static enum set_result set(struct slice name, struct slice bytes, const struct set_options *options,
                           struct value **out_before) {
  struct key key = key_of(name);
  struct value *value = value_create(bytes, 0);
  enum set_result result = value ? SET_DONE : SET_NO_MEMORY;
  uint64_t locked = store_lock_key(&key);
  struct entry *entry = NULL;
  if (out_before || options->if_absent || options->if_present || options->keep) {
    entry = store_find(&key);
    if (out_before && entry) *out_before = value_ref(entry_value(entry));
  }
  if ((options->if_absent && entry) || (options->if_present && !entry)) {
    result = SET_NOT;
  } else if (value) {
    int64_t expires_ms = options->expires_ms;
    if (options->keep && entry) expires_ms = entry_expires_ms(entry);
    if (!store_set(&key, value, expires_ms)) result = SET_NO_MEMORY;
    value = NULL;
  }
  store_unlock(locked);
  value_unref(value);
  return result;
}

void command_set(struct client *client, const struct slice *args, size_t count) {
  struct set_options options = {.expires_ms = NEVER};
  for (size_t i = 3; i < count;) {
    size_t took = read_option(args + i, count - i, &options);
    if (!took) {
      reply_error(client, "ERR syntax error");
      return;
    }
    i += took;
  }
  if (options.time.bytes && !read_time(client, "set", &options)) return;
  struct value *before = NULL;
  enum set_result result = set(args[1], args[2], &options, options.get ? &before : NULL);
  if (result == SET_NO_MEMORY) {
    value_unref(before);
    reply_no_memory(client);
  } else if (options.get) {
    reply_value(client, before);
  } else if (result == SET_NOT) {
    reply_null(client);
  } else {
    reply_status(client, "OK");
  }
}

void command_setnx(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  const struct set_options options = {.if_absent = true, .expires_ms = NEVER};
  enum set_result result = set(args[1], args[2], &options, NULL);
  if (result == SET_NO_MEMORY) {
    reply_no_memory(client);
  } else {
    reply_integer(client, result == SET_DONE);
  }
}

void command_setex(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  bool seconds = slice_is(args[0], "setex");
  struct set_options options = {.time = args[2], .unit = seconds ? SECONDS : 0};
  if (!read_time(client, seconds ? "setex" : "psetex", &options)) return;
  if (set(args[1], args[3], &options, NULL) == SET_DONE) {
    reply_status(client, "OK");
  } else {
    reply_no_memory(client);
  }
}

void command_getset(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  const struct set_options options = {.expires_ms = NEVER};
  struct value *before = NULL;
  if (set(args[1], args[2], &options, &before) == SET_DONE) {
    reply_value(client, before);
  } else {
    value_unref(before);
    reply_no_memory(client);
  }
}

// --- reading -------------------------------------------------------------------------------------

static struct value *get(struct slice name, bool remove) {
  struct key key = key_of(name);
  uint64_t locked = store_lock_key(&key);
  struct entry *entry = store_find(&key);
  struct value *value = entry ? value_ref(entry_value(entry)) : NULL;
  if (entry && remove) store_remove(&key);
  store_unlock(locked);
  return value;
}

void command_get(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  reply_value(client, get(args[1], false));
}

void command_getdel(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  reply_value(client, get(args[1], true));
}

void command_strlen(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  struct value *value = get(args[1], false);
  reply_integer(client, value ? (int64_t)value->length : 0);
  value_unref(value);
}

// All values are of one moment.
void command_mget(struct client *client, const struct slice *args, size_t count) {
  size_t keys = count - 1;
  struct value **values = client_take(client, keys * sizeof *values);
  if (!values) {
    reply_no_memory(client);
    return;
  }
  uint64_t locked = store_lock(args + 1, keys, 1);
  for (size_t i = 0; i < keys; i++) {
    struct key key = key_of(args[1 + i]);
    struct entry *entry = store_find(&key);
    values[i] = entry ? value_ref(entry_value(entry)) : NULL;
  }
  store_unlock(locked);
  reply_array(client, keys);
  for (size_t i = 0; i < keys; i++) reply_value(client, values[i]);
  client_give(client, values, keys * sizeof *values);
}

// --- writing -------------------------------------------------------------------------------------

// All keys at once for everybody who looks. The values are made before any is set, so that memory
// rarely ends in between; if a new key finds none all the same, those before it are set.
void command_mset(struct client *client, const struct slice *args, size_t count) {
  if (count % 2 == 0) {
    reply_error(client, "ERR wrong number of arguments for 'mset' command");
    return;
  }
  size_t keys = count / 2, made = 0;
  struct value **values = client_take(client, keys * sizeof *values);
  while (values && made < keys && (values[made] = value_create(args[2 + 2 * made], 0))) made++;
  bool good = values && made == keys;
  size_t set = 0;
  if (good) {
    uint64_t locked = store_lock(args + 1, keys, 2);
    for (; good && set < keys; set++) {
      struct key key = key_of(args[1 + 2 * set]);
      good = store_set(&key, values[set], NEVER);
    }
    store_unlock(locked);
  }
  while (made > set) value_unref(values[--made]);
  client_give(client, values, keys * sizeof *values);
  if (good) {
    reply_status(client, "OK");
  } else {
    reply_no_memory(client);
  }
}

// The value of |entry| made longer by |bytes|. In place if nobody else reads it and there is room.
// NULL: no memory.
static struct value *append(struct entry *entry, struct slice bytes) {
  struct value *value = entry_value(entry);
  size_t length = value->length + bytes.length;
  // ORDER(value_refs): acquire, the last reads of those who had it, before we write over them.
  // Nobody takes a new reference: that needs the lock, or one of one's own.
  if (length <= value->capacity && atomic_load_explicit(&value->refs, memory_order_acquire) == 1) {
    memcpy(value->bytes + value->length, bytes.bytes, bytes.length);
    value->length = (uint32_t)length;
    return value;
  }
  struct value *longer = value_create(value_slice(value), 2 * length);
  if (!longer) longer = value_create(value_slice(value), length);
  if (!longer) return NULL;
  memcpy(longer->bytes + longer->length, bytes.bytes, bytes.length);
  longer->length = (uint32_t)length;
  store_replace(entry, longer);
  return longer;
}

void command_append(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  struct key key = key_of(args[1]);
  uint64_t locked = store_lock_key(&key);
  struct entry *entry = store_find(&key);
  struct value *value;
  if (entry) {
    value = append(entry, args[2]);
  } else {
    value = value_create(args[2], 0);
    if (value && !store_set(&key, value, NEVER)) value = NULL;
  }
  int64_t length = value ? (int64_t)value->length : -1;
  store_unlock(locked);
  if (length < 0) {
    reply_no_memory(client);
  } else {
    reply_integer(client, length);
  }
}

// --- numbers -------------------------------------------------------------------------------------

enum add_result { ADDED, ADD_NOT_INTEGER, ADD_OVERFLOW, ADD_NO_MEMORY };

// With the key's shard locked.
static enum add_result add(const struct key *key, int64_t by, int64_t *out_sum) {
  struct entry *entry = store_find(key);
  struct value *value = entry ? entry_value(entry) : NULL;
  int64_t sum = 0;
  if (value && !slice_to_integer(value_slice(value), &sum)) return ADD_NOT_INTEGER;
  if (__builtin_add_overflow(sum, by, &sum)) return ADD_OVERFLOW;
  char text[INTEGER_MOST];
  struct slice bytes = {text, integer_format(text, sum)};
  *out_sum = sum;
  // ORDER(value_refs): acquire, as in append().
  if (value && value->capacity >= bytes.length &&
      atomic_load_explicit(&value->refs, memory_order_acquire) == 1) {
    memcpy(value->bytes, text, bytes.length);
    value->length = (uint32_t)bytes.length;
    return ADDED;
  }
  value = value_create(bytes, INTEGER_MOST);
  if (!value) return ADD_NO_MEMORY;
  if (entry) {
    store_replace(entry, value);
    return ADDED;
  }
  return store_set(key, value, NEVER) ? ADDED : ADD_NO_MEMORY;
}

static void add_and_reply(struct client *client, struct slice name, int64_t by) {
  struct key key = key_of(name);
  int64_t sum = 0;
  uint64_t locked = store_lock_key(&key);
  enum add_result result = add(&key, by, &sum);
  store_unlock(locked);
  switch (result) {
    case ADDED:
      reply_integer(client, sum);
      break;
    case ADD_NOT_INTEGER:
      reply_error(client, not_integer);
      break;
    case ADD_OVERFLOW:
      reply_error(client, "ERR increment or decrement would overflow");
      break;
    default:
      reply_no_memory(client);
  }
}

void command_incr(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  add_and_reply(client, args[1], slice_is(args[0], "incr") ? 1 : -1);
}

void command_incrby(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  int64_t by;
  bool up = slice_is(args[0], "incrby");
  if (!slice_to_integer(args[2], &by)) {
    reply_error(client, not_integer);
  } else if (!up && by == INT64_MIN) {
    reply_error(client, "ERR decrement would overflow");
  } else {
    add_and_reply(client, args[1], up ? by : -by);
  }
}
