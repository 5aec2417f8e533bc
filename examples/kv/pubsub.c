// Channels, patterns, and who is subscribed to them: all under one lock, which is held while a
// message is put into the outboxes of its subscribers. Nobody waits for a peer or for memory with
// it.
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#include "kv.h"

struct subscription {
  struct channel *channel;
  struct subscriber *subscriber;
  struct subscription *prev, *next;            // of the channel
  struct subscription *mine_prev, *mine_next;  // of the subscriber
};

// A channel with subscribers, or a pattern.
struct channel {
  UT_hash_handle hh;
  struct value *name;
  struct subscription *subscriptions;
  bool is_pattern;
};

struct subscriber {
  struct outbox *outbox;
  struct subscription *mine;
  size_t count;
  struct subscriber *prev, *next;
};

static rouse_mutex lock = ROUSE_MUTEX_INIT;
static struct channel *channels, *patterns;
static struct subscriber *subscribers;

bool client_is_subscribed(const struct client *client) {
  return client->subscriber && client->subscriber->count;
}

// --- sending on behalf of the client itself ------------------------------------------------------

void subscriber_send(struct client *client, struct slice bytes) {
  if (!bytes.length || client->dead) return;
  struct message *message = message_create(bytes.length);
  if (message) {
    memcpy(message->bytes, bytes.bytes, bytes.length);
    if (!outbox_push(client->subscriber->outbox, message)) client->dead = true;
    message_unref(message);
  } else {
    outbox_cut(client->subscriber->outbox, "no memory for its replies");
    client->dead = true;
  }
}

static struct subscriber *subscriber_begin(struct client *client) {
  if (client->subscriber) return client->subscriber;
  struct subscriber *subscriber = budget_try(&buffers, sizeof *subscriber);
  struct outbox *outbox = subscriber ? outbox_create(client->fd, client->id) : NULL;
  if (!outbox) {
    budget_give(&buffers, subscriber, sizeof *subscriber);
    return NULL;
  }
  *subscriber = (struct subscriber){.outbox = outbox};
  rouse_mutex_lock(&lock);
  DL_APPEND(subscribers, subscriber);
  rouse_mutex_unlock(&lock);
  client->subscriber = subscriber;
  return subscriber;
}

// --- channels, with the lock ---------------------------------------------------------------------

static struct channel **table_of(bool is_pattern) { return is_pattern ? &patterns : &channels; }

static struct channel *find(bool is_pattern, struct slice name) {
  struct channel *channel;
  HASH_FIND(hh, *table_of(is_pattern), name.bytes, name.length, channel);
  return channel;
}

static struct channel *find_or_add(bool is_pattern, struct slice name) {
  struct channel *channel = find(is_pattern, name);
  if (channel) return channel;
  channel = budget_try(&buffers, sizeof *channel);
  struct value *copy = channel ? value_create(name, 0) : NULL;
  if (!copy) goto out_free;
  *channel = (struct channel){.name = copy, .is_pattern = is_pattern};
  HASH_ADD_KEYPTR(hh, *table_of(is_pattern), copy->bytes, copy->length, channel);
  if (channel->hh.tbl) return channel;

out_free:
  value_unref(copy);
  budget_give(&buffers, channel, sizeof *channel);
  return NULL;
}

static void remove_if_unused(struct channel *channel) {
  if (channel->subscriptions) return;
  HASH_DELETE(hh, *table_of(channel->is_pattern), channel);
  value_unref(channel->name);
  budget_give(&buffers, channel, sizeof *channel);
}

static struct subscription *subscription_of(const struct subscriber *subscriber, bool is_pattern,
                                            struct slice name) {
  struct channel *channel = find(is_pattern, name);
  if (!channel) return NULL;
  struct subscription *found = subscriber->mine;
  while (found && found->channel != channel) found = found->mine_next;
  return found;
}

// False: no memory.
static bool subscribe(struct subscriber *subscriber, bool is_pattern, struct slice name) {
  if (subscription_of(subscriber, is_pattern, name)) return true;
  struct channel *channel = find_or_add(is_pattern, name);
  if (!channel) return false;
  struct subscription *added = budget_try(&buffers, sizeof *added);
  if (!added) {
    remove_if_unused(channel);
    return false;
  }
  *added = (struct subscription){.channel = channel, .subscriber = subscriber};
  DL_APPEND(channel->subscriptions, added);
  DL_APPEND2(subscriber->mine, added, mine_prev, mine_next);
  subscriber->count++;
  return true;
}

static void unsubscribe(struct subscription *subscription) {
  struct channel *channel = subscription->channel;
  struct subscriber *subscriber = subscription->subscriber;
  DL_DELETE(channel->subscriptions, subscription);
  DL_DELETE2(subscriber->mine, subscription, mine_prev, mine_next);
  subscriber->count--;
  budget_give(&buffers, subscription, sizeof *subscription);
  remove_if_unused(channel);
}

void subscriber_end(struct client *client) {
  struct subscriber *subscriber = client->subscriber;
  if (!subscriber) return;
  rouse_mutex_lock(&lock);
  while (subscriber->mine) unsubscribe(subscriber->mine);
  DL_DELETE(subscribers, subscriber);
  rouse_mutex_unlock(&lock);
  client_flush(client);
  client->subscriber = NULL;
  outbox_destroy(subscriber->outbox);
  budget_give(&buffers, subscriber, sizeof *subscriber);
}

// --- SUBSCRIBE and UNSUBSCRIBE -------------------------------------------------------------------

// |name| without bytes: a null.
static void reply_change(struct client *client, const char *kind, struct slice name) {
  reply_array(client, 3);
  reply_text(client, kind);
  if (name.bytes) {
    reply_bulk(client, name);
  } else {
    reply_null(client);
  }
  reply_integer(client, client->subscriber ? (int64_t)client->subscriber->count : 0);
}

// A reply goes into the outbox under the lock, so before the first message of the channel.
static void subscribe_all(struct client *client, const struct slice *args, size_t count,
                          bool is_pattern) {
  client_flush(client);
  struct subscriber *subscriber = subscriber_begin(client);
  bool good = subscriber;
  for (size_t i = 1; good && i < count && !client->dead; i++) {
    rouse_mutex_lock(&lock);
    good = subscribe(subscriber, is_pattern, args[i]);
    if (good) {
      reply_change(client, is_pattern ? "psubscribe" : "subscribe", args[i]);
      client_flush(client);
    }
    rouse_mutex_unlock(&lock);
  }
  if (!good) reply_no_memory(client);
  if (subscriber && !subscriber->count) subscriber_end(client);
}

static void unsubscribe_one(struct client *client, bool is_pattern, struct slice name) {
  if (client->subscriber) {
    rouse_mutex_lock(&lock);
    struct subscription *found = subscription_of(client->subscriber, is_pattern, name);
    if (found) unsubscribe(found);
    rouse_mutex_unlock(&lock);
  }
  reply_change(client, is_pattern ? "punsubscribe" : "unsubscribe", name);
}

// The name of one of the client's channels, or NULL. Only its own task changes the list.
static struct value *any_of(const struct client *client, bool is_pattern) {
  struct subscription *mine = client->subscriber ? client->subscriber->mine : NULL;
  while (mine && mine->channel->is_pattern != is_pattern) mine = mine->mine_next;
  return mine ? value_ref(mine->channel->name) : NULL;
}

static void unsubscribe_all(struct client *client, const struct slice *args, size_t count,
                            bool is_pattern) {
  for (size_t i = 1; i < count; i++) unsubscribe_one(client, is_pattern, args[i]);
  if (count == 1) {
    struct value *name = any_of(client, is_pattern);
    if (!name) {
      reply_change(client, is_pattern ? "punsubscribe" : "unsubscribe", (struct slice){NULL, 0});
    }
    while (name) {
      unsubscribe_one(client, is_pattern, value_slice(name));
      value_unref(name);
      name = any_of(client, is_pattern);
    }
  }
  if (client->subscriber && !client->subscriber->count) subscriber_end(client);
}

void command_subscribe(struct client *client, const struct slice *args, size_t count) {
  subscribe_all(client, args, count, false);
}

void command_psubscribe(struct client *client, const struct slice *args, size_t count) {
  subscribe_all(client, args, count, true);
}

void command_unsubscribe(struct client *client, const struct slice *args, size_t count) {
  unsubscribe_all(client, args, count, false);
}

void command_punsubscribe(struct client *client, const struct slice *args, size_t count) {
  unsubscribe_all(client, args, count, true);
}

// --- PUBLISH -------------------------------------------------------------------------------------

struct writing {
  char *to;  // NULL: only counts
  size_t size;
};

static void write_bytes(struct writing *writing, const char *bytes, size_t length) {
  if (writing->to) memcpy(writing->to + writing->size, bytes, length);
  writing->size += length;
}

static void write_bulk(struct writing *writing, struct slice bytes) {
  char head[INTEGER_MOST + 3] = "$";
  size_t length = 1 + integer_format(head + 1, (int64_t)bytes.length);
  head[length++] = '\r';
  head[length++] = '\n';
  write_bytes(writing, head, length);
  write_bytes(writing, bytes.bytes, bytes.length);
  write_bytes(writing, "\r\n", 2);
}

static void write_all(struct writing *writing, const struct slice *parts, size_t count) {
  write_bytes(writing, count == 3 ? "*3\r\n" : "*4\r\n", 4);
  for (size_t i = 0; i < count; i++) write_bulk(writing, parts[i]);
}

static struct message *message_of(const struct slice *parts, size_t count) {
  struct writing writing = {.to = NULL};
  write_all(&writing, parts, count);
  struct message *message = message_create(writing.size);
  if (!message) return NULL;
  writing = (struct writing){.to = message->bytes};
  write_all(&writing, parts, count);
  return message;
}

// -1: no memory.
static int64_t send_to(struct channel *channel, const struct slice *parts, size_t count) {
  int64_t receivers = 0;
  struct message *message = message_of(parts, count);
  if (!message) return -1;
  for (struct subscription *one = channel->subscriptions; one; one = one->next) {
    receivers += outbox_push(one->subscriber->outbox, message);
  }
  message_unref(message);
  return receivers;
}

// When memory is short it is taken from the subscriber for whom most is waiting. False: nothing is.
static bool relieve(void) {
  struct subscriber *worst = NULL;
  size_t most = 0;
  for (struct subscriber *one = subscribers; one; one = one->next) {
    size_t waiting = outbox_waiting(one->outbox);
    if (waiting > most) most = waiting, worst = one;
  }
  if (worst) outbox_cut(worst->outbox, "memory is short and most of it was its messages");
  return worst;
}

// The next piece of work is the channel itself, then each pattern that matches. |*done| counts the
// pieces that are done, so that nobody gets a message twice if memory ends in between.
static bool publish(struct slice name, struct slice text, size_t *done, int64_t *receivers) {
  size_t piece = 0;
  const struct slice plain[] = {{"message", 7}, name, text};
  struct channel *channel = find(false, name);
  if (piece++ == *done) {
    int64_t got = channel ? send_to(channel, plain, 3) : 0;
    if (got < 0) return false;
    *receivers += got;
    ++*done;
  }
  for (struct channel *pattern = patterns; pattern; pattern = pattern->hh.next) {
    if (piece++ != *done) continue;
    if (glob_matches(value_slice(pattern->name), name)) {
      const struct slice parts[] = {{"pmessage", 8}, value_slice(pattern->name), name, text};
      int64_t got = send_to(pattern, parts, 4);
      if (got < 0) return false;
      *receivers += got;
    }
    ++*done;
  }
  return true;
}

void command_publish(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  size_t done = 0, size = args[1].length + args[2].length + 256;
  int64_t receivers = 0;
  bool published = false;
  for (;;) {
    rouse_mutex_lock(&lock);
    do {
      published = publish(args[1], args[2], &done, &receivers);
    } while (!published && relieve());
    rouse_mutex_unlock(&lock);
    if (published) break;
    // Those who were cut off give their memory back very soon.
    void *room = client_take(client, size);
    if (!room) break;
    client_give(client, room, size);
  }
  if (published) {
    reply_integer(client, receivers);
  } else {
    reply_no_memory(client);
  }
}

// --- PUBSUB --------------------------------------------------------------------------------------

void pubsub_sizes(size_t *out_channels, size_t *out_patterns) {
  rouse_mutex_lock(&lock);
  *out_channels = HASH_COUNT(channels);
  *out_patterns = HASH_COUNT(patterns);
  rouse_mutex_unlock(&lock);
}

// |pattern| NULL: all.
static void list_channels(struct client *client, const struct slice *pattern) {
  size_t room, unused, count = 0;
  pubsub_sizes(&room, &unused);
  room += 16;  // what comes meanwhile
  struct value **names = client_take(client, room * sizeof *names);
  if (!names) {
    reply_no_memory(client);
    return;
  }
  rouse_mutex_lock(&lock);
  for (struct channel *channel = channels; channel && count < room; channel = channel->hh.next) {
    if (pattern && !glob_matches(*pattern, value_slice(channel->name))) continue;
    names[count++] = value_ref(channel->name);
  }
  rouse_mutex_unlock(&lock);
  reply_array(client, count);
  for (size_t i = 0; i < count; i++) reply_value(client, names[i]);
  client_give(client, names, room * sizeof *names);
}

static int64_t subscribers_of(struct slice name) {
  int64_t count = 0;
  rouse_mutex_lock(&lock);
  struct channel *channel = find(false, name);
  struct subscription *one = channel ? channel->subscriptions : NULL;
  for (; one; one = one->next) count++;
  rouse_mutex_unlock(&lock);
  return count;
}

void command_pubsub(struct client *client, const struct slice *args, size_t count) {
  if (slice_is(args[1], "channels") && count <= 3) {
    list_channels(client, count == 3 ? &args[2] : NULL);
  } else if (slice_is(args[1], "channels")) {
    reply_error(client,
                "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try PUBSUB HELP.",
                (int)args[1].length, args[1].bytes);
  } else if (slice_is(args[1], "numsub")) {
    reply_array(client, 2 * (count - 2));
    for (size_t i = 2; i < count; i++) {
      reply_bulk(client, args[i]);
      reply_integer(client, subscribers_of(args[i]));
    }
  } else {
    size_t unused, number;
    pubsub_sizes(&unused, &number);
    reply_integer(client, (int64_t)number);
  }
}
