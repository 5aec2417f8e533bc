// The list of commands, and how one is found and run.
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "kv.h"

// name, function, arguments with the name (negative: or more), first and last key, step, allowed
// while subscribed
const struct command commands[] = {
    {"append", command_append, 3, 1, 1, 1, false},
    {"auth", command_auth, -2, 0, 0, 0, false},
    {"client", command_client, -2, 0, 0, 0, false},
    {"command", command_command, -1, 0, 0, 0, false},
    {"config", command_config, -2, 0, 0, 0, false},
    {"dbsize", command_dbsize, 1, 0, 0, 0, false},
    {"decr", command_incr, 2, 1, 1, 1, false},
    {"decrby", command_incrby, 3, 1, 1, 1, false},
    {"del", command_del, -2, 1, -1, 1, false},
    {"echo", command_echo, 2, 0, 0, 0, false},
    {"exists", command_exists, -2, 1, -1, 1, false},
    {"expire", command_expire, -3, 1, 1, 1, false},
    {"expireat", command_expire, -3, 1, 1, 1, false},
    {"flushall", command_flush, -1, 0, 0, 0, false},
    {"flushdb", command_flush, -1, 0, 0, 0, false},
    {"get", command_get, 2, 1, 1, 1, false},
    {"getdel", command_getdel, 2, 1, 1, 1, false},
    {"getset", command_getset, 3, 1, 1, 1, false},
    {"hello", command_hello, -1, 0, 0, 0, false},
    {"incr", command_incr, 2, 1, 1, 1, false},
    {"incrby", command_incrby, 3, 1, 1, 1, false},
    {"info", command_info, -1, 0, 0, 0, false},
    {"keys", command_keys, 2, 0, 0, 0, false},
    {"mget", command_mget, -2, 1, -1, 1, false},
    {"mset", command_mset, -3, 1, -1, 2, false},
    {"persist", command_persist, 2, 1, 1, 1, false},
    {"pexpire", command_expire, -3, 1, 1, 1, false},
    {"pexpireat", command_expire, -3, 1, 1, 1, false},
    {"ping", command_ping, -1, 0, 0, 0, true},
    {"psetex", command_setex, 4, 1, 1, 1, false},
    {"psubscribe", command_psubscribe, -2, 0, 0, 0, true},
    {"pttl", command_ttl, 2, 1, 1, 1, false},
    {"publish", command_publish, 3, 0, 0, 0, false},
    {"pubsub", command_pubsub, -2, 0, 0, 0, false},
    {"punsubscribe", command_punsubscribe, -1, 0, 0, 0, true},
    {"quit", command_quit, -1, 0, 0, 0, true},
    {"reset", command_reset, 1, 0, 0, 0, true},
    {"select", command_select, 2, 0, 0, 0, false},
    {"set", command_set, -3, 1, 1, 1, false},
    {"setex", command_setex, 4, 1, 1, 1, false},
    {"setnx", command_setnx, 3, 1, 1, 1, false},
    {"strlen", command_strlen, 2, 1, 1, 1, false},
    {"subscribe", command_subscribe, -2, 0, 0, 0, true},
    {"ttl", command_ttl, 2, 1, 1, 1, false},
    {"type", command_type, 2, 1, 1, 1, false},
    {"unlink", command_del, -2, 1, -1, 1, false},
    {"unsubscribe", command_unsubscribe, -1, 0, 0, 0, true},
};
const size_t command_count = sizeof commands / sizeof *commands;

// Commands that have subcommands; arguments with both names.
static const struct part {
  const char *command, *name;
  int arity;
} parts[] = {
    {"client", "getname", 2}, {"client", "id", 2},        {"client", "info", 2},
    {"client", "setinfo", 4}, {"client", "setname", 3},   {"command", "count", 2},
    {"command", "docs", -2},  {"command", "info", -2},    {"command", "list", -2},
    {"config", "get", -3},    {"config", "resetstat", 2}, {"pubsub", "channels", -2},
    {"pubsub", "numpat", 2},  {"pubsub", "numsub", -2},
};
enum { PARTS = sizeof parts / sizeof *parts };

static int compare(struct slice name, const char *with) {
  size_t length = strlen(with), least = name.length < length ? name.length : length;
  int order = strncasecmp(name.bytes, with, least);
  return order ? order : (name.length > length) - (name.length < length);
}

const struct command *command_find(struct slice name) {
  size_t low = 0, high = command_count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    int order = compare(name, commands[middle].name);
    if (!order) return &commands[middle];
    if (order < 0) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return NULL;
}

enum { SHOWN = 128 };  // of a name that is unknown, and of its arguments

static void reply_unknown(struct client *client, const struct slice *args, size_t count) {
  char shown[2 * SHOWN];
  int used = 0;
  shown[0] = '\0';
  for (size_t i = 1; i < count && used < SHOWN; i++) {
    int length = SHOWN - used, most = args[i].length < SHOWN ? (int)args[i].length : SHOWN;
    if (most < length) length = most;
    used += snprintf(shown + used, sizeof shown - (size_t)used, "'%.*s' ", length, args[i].bytes);
  }
  reply_error(client, "ERR unknown command '%.*s', with args beginning with: %s",
              args[0].length < SHOWN ? (int)args[0].length : SHOWN, args[0].bytes, shown);
}

static void reply_unknown_part(struct client *client, const char *command, struct slice name) {
  char upper[16];
  size_t length = strlen(command);
  for (size_t i = 0; i <= length; i++) upper[i] = (char)toupper((unsigned char)command[i]);
  reply_error(client, "ERR unknown subcommand '%.*s'. Try %s HELP.",
              name.length < SHOWN ? (int)name.length : SHOWN, name.bytes, upper);
}

// The part |name| of |command|, or NULL; |*out_any|: whether it has parts.
static const struct part *part_find(const struct command *command, struct slice name,
                                    bool *out_any) {
  for (size_t i = 0; i < PARTS; i++) {
    if (strcmp(parts[i].command, command->name)) continue;
    *out_any = true;
    if (slice_is(name, parts[i].name)) return &parts[i];
  }
  return NULL;
}

// Whether a browser was made to send this. Redis drops such a connection without a word, and so
// does this server: what follows are headers and a body, and none of it is to be taken for
// commands.
static bool is_http(struct client *client) {
  static atomic_llong next_word_ns;
  if (!slice_is(client->args[0], "post") && !slice_is(client->args[0], "host:")) return false;
  long long now_ns = rouse_now_ns(), next_ns = atomic_load(&next_word_ns);
  if (now_ns >= next_ns &&
      atomic_compare_exchange_strong(&next_word_ns, &next_ns, now_ns + 60000000000)) {
    note("client %llu: cut off, it speaks HTTP", (unsigned long long)client->id);
  }
  client->dead = true;
  return true;
}

void command_run(struct client *client) {
  const struct slice *args = client->args;
  size_t count = client->count;
  const struct command *command = command_find(args[0]);
  if (!command) {
    if (!is_http(client)) reply_unknown(client, args, count);
    return;
  }
  bool has_parts = false;
  const struct part *part = NULL;
  // Those that have parts take no keys.
  if (count > 1 && !command->first) part = part_find(command, args[1], &has_parts);
  if (has_parts && !part) {
    reply_unknown_part(client, command->name, args[1]);
    return;
  }
  const char *bar = part ? "|" : "", *rest = part ? part->name : "";
  int arity = part ? part->arity : command->arity;
  if (arity > 0 ? count != (size_t)arity : count < (size_t)-arity) {
    reply_error(client, "ERR wrong number of arguments for '%s%s%s' command", command->name, bar,
                rest);
    return;
  }
  if (!command->subscribed && client_is_subscribed(client)) {
    reply_error(client,
                "ERR Can't execute '%s%s%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / "
                "QUIT / RESET are allowed in this context",
                command->name, bar, rest);
    return;
  }
  command->run(client, args, count);
}
