// What the files of the key-value server share. README.md has the design.
//
// Everything runs in tasks. A task is shielded from cancellation except where it may be told to
// stop (see struct stop), so that locks and clean-up need no care of it.
#ifndef KV_H
#define KV_H

#include <rouse/rouse.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// --- the server (main.c) -------------------------------------------------------------------------

struct options {
  int port;             // 0: any
  uint32_t loops;       // 0: one for each processor
  const char *backend;  // NULL: the best there is
  size_t memory;        // bytes of buffers in flight, connections included
  size_t data;          // bytes of keys and values
  size_t subscriber;    // bytes that may wait for one subscriber
  uint32_t clients;     // connections at once
  int64_t stall_ns;     // how long a peer may hold memory without moving
  int64_t grace_ns;     // how long a shutdown may take
};
extern struct options options;

struct counters {
  atomic_ullong connections, commands, expired, refused, cut;
  atomic_uint clients;
};
extern struct counters counters;
extern int64_t started_ns;
extern int listening_port;

// A line in the log.
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Becomes one for a task that was cancelled: the server stops, and there is little time left.
struct stop {
  bool asked;
  int64_t deadline_ns;
};

// If |result| of a wait is a first cancellation: notes the stop in |stop|, and the wait may be
// repeated.
bool stop_began(struct stop *stop, int64_t result);

// --- memory (budget.c) ---------------------------------------------------------------------------

// An amount of memory, shared out by a semaphore.
struct budget {
  rouse_semaphore units;
  size_t total;
};
extern struct budget buffers, data;

void budget_init(struct budget *budget, size_t bytes);
// Memory, or NULL if there is none at once.
void *budget_try(struct budget *budget, size_t size);
// Memory, waiting for it in order of arrival. ROUSE_DONE, ROUSE_ETIMEDOUT, ROUSE_ECANCELED,
// ROUSE_ENOMEM (there never will be that much).
int budget_take(struct budget *budget, size_t size, int64_t deadline_ns, void **out_memory);
// The same for what is not allocated here. False: there is not enough at once.
bool budget_charge(struct budget *budget, size_t size);
void budget_refund(struct budget *budget, size_t size);
void budget_give(struct budget *budget, void *memory, size_t size);
// Whether there is so much left that some may be spent on speed.
bool budget_is_roomy(const struct budget *budget);
size_t budget_used(const struct budget *budget);

// --- text (text.c) -------------------------------------------------------------------------------

struct slice {
  const char *bytes;
  size_t length;
};

struct slice slice_of(const char *text);
bool slice_is(struct slice slice, const char *word);  // in whatever case
bool slice_to_integer(struct slice slice, int64_t *out_value);
enum { INTEGER_MOST = 21 };  // characters
size_t integer_format(char text[INTEGER_MOST], int64_t value);
// Redis's patterns: * ? [a-z] [^a-z] \x.
bool glob_matches(struct slice pattern, struct slice text);

// --- the map (store.c, expiry.c) -----------------------------------------------------------------

// Bytes that are shared by counting. Whoever changes them holds the only reference.
struct value {
  atomic_uint refs;
  uint32_t length, capacity;
  char bytes[];
};

// A value with one reference, or NULL: the data's budget is spent.
struct value *value_create(struct slice bytes, size_t capacity);
struct value *value_ref(struct value *value);
void value_unref(struct value *value);  // NULL does nothing
struct slice value_slice(const struct value *value);

struct key {
  struct slice name;
  unsigned hash;
};
struct key key_of(struct slice name);

struct entry;
struct value *entry_value(const struct entry *entry);
// Times of keys are in ms of the monotonic clock.
#define NEVER INT64_MAX
int64_t now_ms(void);
// The time that is |number| from now; or, if it is |absolute|, at |number| of the clock on the
// wall. False: on the wall's clock it can't be represented in ms.
bool time_of(int64_t number, bool seconds, bool absolute, int64_t *out_ms);
int64_t entry_expires_ms(const struct entry *entry);  // NEVER: it does not

// Locks the shards of |count| keys, each |stride| after the other, always in the same order. The
// result is for store_unlock().
uint64_t store_lock(const struct slice *keys, size_t count, size_t stride);
uint64_t store_lock_key(const struct key *key);
uint64_t store_lock_all(void);
void store_unlock(uint64_t locked);

// With the key's shard locked:

// NULL if it is not there or has expired.
struct entry *store_find(const struct key *key);
// Takes over the reference to |value|. False: no memory, nothing has changed but the reference.
bool store_set(const struct key *key, struct value *value, int64_t expires_ms);
// Replaces the value of |entry|, and takes over the reference.
void store_replace(struct entry *entry, struct value *value);
bool store_remove(const struct key *key);
// False: no memory.
bool store_expire(const struct key *key, struct entry *entry, int64_t expires_ms);

// With all shards locked: calls |visit| for each key.
typedef void store_visit_fn(void *argument, struct value *key);
void store_visit(store_visit_fn *visit, void *argument);

void store_sizes(size_t *out_keys, size_t *out_expiring);
void store_clear(void);
// Starts the tasks that remove what expires, on all loops.
int store_start(void);
void store_finish(void);

// --- connections (client.c, input.c) -------------------------------------------------------------

enum { INPUT_FIXED = 4096, OUTPUT_FIXED = 4096, ARGUMENTS_FIXED = 16 };
enum { INPUT_ROOMY = 32768 };  // for those who send much at once
enum { ARGUMENTS_MOST = 1024 * 1024 };

struct subscriber;

struct client {
  rouse_fd fd;
  uint64_t id;
  struct value *name;
  struct stop stop;
  size_t unread;  // after a stop: what had been received before, and is still to be read
  bool unread_known;
  bool quits;   // ends when all replies are sent
  bool dead;    // no more can be sent
  size_t held;  // bytes of |buffers|, besides its own
  struct subscriber *subscriber;

  char *input;
  size_t size, begin, end;  // of |input|, and of what was received and not used

  // The command that is being received, from |begin|:
  size_t at;     // how far it was looked at
  int64_t left;  // arguments to come; 0: its head has not been seen
  int64_t bulk;  // length of the argument that comes; -1: not known
  struct slice *args;
  size_t count, capacity;

  size_t out_used;
  struct slice fixed_args[ARGUMENTS_FIXED];
  char fixed_input[INPUT_FIXED];
  char out[OUTPUT_FIXED];
};

// What a connection costs: the above, its task and the task's stack.
enum { CLIENT_STACK = 16384, CLIENT_COST = sizeof(struct client) + CLIENT_STACK };

// A task for the accepted connection |fd| on |loop|. False: there is no room for it.
bool client_start(rouse_fd fd, uint64_t id, rouse_loop *loop);
// Sends all of |bytes|. ROUSE_DONE, or why not; a first cancellation only makes it hurry.
int wire_send(rouse_fd fd, struct slice bytes, struct stop *stop, bool holds);
// Until when a wait may take for somebody who |holds| memory or not.
int64_t wait_deadline(const struct stop *stop, bool holds);
// Sends |bytes| by the client's own task. After a failure client->dead is set.
void client_send(struct client *client, struct slice bytes);
// Sends what was replied.
void client_flush(struct client *client);
// Memory for a command under way, NULL if there is none; client_give() when it is done.
void *client_take(struct client *client, size_t size);
void client_give(struct client *client, void *memory, size_t size);

enum parsed { PARSED_PART, PARSED_COMMAND, PARSED_NONSENSE };
// Takes the next command from the input: then client->args has it. PARSED_NONSENSE: replied so.
enum parsed input_parse(struct client *client);
// Goes on to what follows the command.
void input_next(struct client *client);
// Makes room to receive more. False: there is none for so long a command; replied so.
bool input_make_room(struct client *client);
// Gives back a large buffer that is empty. False: there is none.
bool input_give_back(struct client *client);
void input_finish(struct client *client);

// --- replies (reply.c) ---------------------------------------------------------------------------

// These wait while the client does not read. No lock may be held.
void reply_raw(struct client *client, struct slice bytes);
void reply_status(struct client *client, const char *status);
void reply_error(struct client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void reply_integer(struct client *client, int64_t value);
void reply_bulk(struct client *client, struct slice bytes);
void reply_text(struct client *client, const char *text);
void reply_null(struct client *client);
void reply_array(struct client *client, size_t count);
// Takes over the reference. NULL: a null.
void reply_value(struct client *client, struct value *value);
void reply_no_memory(struct client *client);

// --- commands (commands.c; strings.c, keys.c, about.c, pubsub.c) ---------------------------------

typedef void command_fn(struct client *client, const struct slice *args, size_t count);
struct command {
  const char *name;
  command_fn *run;
  int arity;              // negative: at least
  int first, last, step;  // where keys are
  bool subscribed;        // is allowed while subscribed
};
extern const struct command commands[];
extern const size_t command_count;

const struct command *command_find(struct slice name);
void command_run(struct client *client);

command_fn command_get, command_set, command_setnx, command_setex, command_getset, command_getdel,
    command_mget, command_mset, command_append, command_strlen, command_incr, command_incrby;
command_fn command_del, command_exists, command_expire, command_ttl, command_persist, command_keys,
    command_dbsize, command_flush, command_type;
command_fn command_ping, command_echo, command_info, command_command, command_config,
    command_select, command_quit, command_reset, command_client, command_hello, command_auth;
command_fn command_publish, command_subscribe, command_unsubscribe, command_psubscribe,
    command_punsubscribe, command_pubsub;

// --- subscriptions (pubsub.c, outbox.c) ----------------------------------------------------------

// A text on its way to any number of subscribers.
struct message {
  atomic_uint refs;
  size_t size;
  char bytes[];
};
struct message *message_create(size_t size);  // one reference, or NULL: no memory at once
void message_unref(struct message *message);

// What waits for one subscriber, and the task that sends it.
struct outbox;
struct outbox *outbox_create(rouse_fd fd, uint64_t id);  // NULL: no memory
// Adds |message| (the caller keeps its reference). False: the subscriber has been cut off, or is
// now, since it has not read what it was sent.
bool outbox_push(struct outbox *outbox, struct message *message);
// Drops what waits and ends the connection, with a word in the log.
void outbox_cut(struct outbox *outbox, const char *why);
size_t outbox_waiting(struct outbox *outbox);
// Waits until all is sent or can't be, and frees it.
void outbox_destroy(struct outbox *outbox);

bool client_is_subscribed(const struct client *client);
// Replies on behalf of a client that is subscribed.
void subscriber_send(struct client *client, struct slice bytes);
// Ends all its subscriptions and the sending task.
void subscriber_end(struct client *client);
void pubsub_sizes(size_t *out_channels, size_t *out_patterns);

#endif
