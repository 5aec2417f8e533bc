// Commands about the server and the connection.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kv.h"

// What clients take for the version of redis whose commands these are.
static const char compatible_version[] = "7.0.0";

void command_ping(struct client *client, const struct slice *args, size_t count) {
  if (count > 2) {
    reply_error(client, "ERR wrong number of arguments for 'ping' command");
  } else if (client_is_subscribed(client)) {
    reply_array(client, 2);
    reply_text(client, "pong");
    reply_bulk(client, count == 2 ? args[1] : slice_of(""));
  } else if (count == 2) {
    reply_bulk(client, args[1]);
  } else {
    reply_status(client, "PONG");
  }
}

void command_echo(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  reply_bulk(client, args[1]);
}

void command_quit(struct client *client, const struct slice *args, size_t count) {
  (void)args, (void)count;
  reply_status(client, "OK");
  client->quits = true;
}

void command_reset(struct client *client, const struct slice *args, size_t count) {
  (void)args, (void)count;
  subscriber_end(client);
  value_unref(client->name);
  client->name = NULL;
  reply_status(client, "RESET");
}

void command_select(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  int64_t index;
  if (!slice_to_integer(args[1], &index)) {
    reply_error(client, "ERR value is not an integer or out of range");
  } else if (index < INT32_MIN || index > INT32_MAX) {
    reply_error(client, "ERR value is out of range, value must between -2147483648 and 2147483647");
  } else if (index) {
    reply_error(client, "ERR DB index is out of range");
  } else {
    reply_status(client, "OK");
  }
}

// There is the default user, who needs no password: whatever is given for one will do.
static bool user_is_known(struct client *client, struct slice name) {
  if (name.length == 7 && !memcmp(name.bytes, "default", 7)) return true;
  reply_error(client, "WRONGPASS invalid username-password pair or user is disabled.");
  return false;
}

void command_auth(struct client *client, const struct slice *args, size_t count) {
  if (count > 3) {
    reply_error(client, "ERR syntax error");
  } else if (count == 2) {
    reply_error(client,
                "ERR AUTH <password> called without any password configured for the default user. "
                "Are you sure your configuration is correct?");
  } else if (user_is_known(client, args[1])) {
    reply_status(client, "OK");
  }
}

// --- CLIENT and HELLO ----------------------------------------------------------------------------

// False: replied why not.
static bool set_name(struct client *client, struct slice name) {
  for (size_t i = 0; i < name.length; i++) {
    if (name.bytes[i] < '!' || name.bytes[i] > '~') {
      reply_error(client,
                  "ERR Client names cannot contain spaces, newlines or special characters.");
      return false;
    }
  }
  struct value *value = name.length ? value_create(name, 0) : NULL;
  if (name.length && !value) {
    reply_no_memory(client);
    return false;
  }
  value_unref(client->name);
  client->name = value;
  return true;
}

static void reply_client_info(struct client *client) {
  char text[256];
  struct slice name = client->name ? value_slice(client->name) : slice_of("");
  snprintf(text, sizeof text, "id=%llu fd=%d name=%.*s db=0 sub=%d qbuf=%zu obl=%zu tot-mem=%zu\n",
           (unsigned long long)client->id, client->fd, name.length < 64 ? (int)name.length : 64,
           name.bytes, client_is_subscribed(client), client->end - client->begin, client->out_used,
           client->held + CLIENT_COST);
  reply_text(client, text);
}

void command_client(struct client *client, const struct slice *args, size_t count) {
  (void)count;
  if (slice_is(args[1], "id")) {
    reply_integer(client, (int64_t)client->id);
  } else if (slice_is(args[1], "getname")) {
    if (client->name) {
      reply_value(client, value_ref(client->name));
    } else {
      reply_null(client);
    }
  } else if (slice_is(args[1], "setname")) {
    if (set_name(client, args[2])) reply_status(client, "OK");
  } else if (slice_is(args[1], "setinfo")) {
    reply_status(client, "OK");
  } else {
    reply_client_info(client);
  }
}

static void reply_hello(struct client *client) {
  reply_array(client, 14);
  reply_text(client, "server");
  reply_text(client, "redis");
  reply_text(client, "version");
  reply_text(client, compatible_version);
  reply_text(client, "proto");
  reply_integer(client, 2);
  reply_text(client, "id");
  reply_integer(client, (int64_t)client->id);
  reply_text(client, "mode");
  reply_text(client, "standalone");
  reply_text(client, "role");
  reply_text(client, "master");
  reply_text(client, "modules");
  reply_array(client, 0);
}

void command_hello(struct client *client, const struct slice *args, size_t count) {
  int64_t version;
  if (count > 1 && !slice_to_integer(args[1], &version)) {
    reply_error(client, "ERR Protocol version is not an integer or out of range");
    return;
  }
  if (count > 1 && version != 2) {
    reply_error(client, "NOPROTO unsupported protocol version");
    return;
  }
  // Each has its effect at once, whatever is wrong with those behind it.
  for (size_t i = 2; i < count; i++) {
    if (slice_is(args[i], "auth") && i + 2 < count) {
      if (!user_is_known(client, args[i + 1])) return;
      i += 2;
    } else if (slice_is(args[i], "setname") && i + 1 < count) {
      if (!set_name(client, args[++i])) return;
    } else {
      reply_error(client, "ERR Syntax error in HELLO option '%.*s'",
                  args[i].length < 128 ? (int)args[i].length : 128, args[i].bytes);
      return;
    }
  }
  reply_hello(client);
}

// --- COMMAND -------------------------------------------------------------------------------------

static void reply_command(struct client *client, const struct command *command) {
  reply_array(client, 6);
  reply_text(client, command->name);
  reply_integer(client, command->arity);
  reply_array(client, 0);  // flags
  reply_integer(client, command->first);
  reply_integer(client, command->last);
  reply_integer(client, command->step);
}

void command_command(struct client *client, const struct slice *args, size_t count) {
  bool list = count > 1 && slice_is(args[1], "list");
  if (count > 1 && slice_is(args[1], "count")) {
    reply_integer(client, (int64_t)command_count);
  } else if (count > 1 && slice_is(args[1], "docs")) {
    reply_array(client, 0);
  } else if (list && count > 2) {
    reply_error(client, "ERR syntax error");  // FILTERBY is not there
  } else if (list || count < 3) {
    reply_array(client, command_count);
    for (size_t i = 0; i < command_count; i++) {
      if (list) {
        reply_text(client, commands[i].name);
      } else {
        reply_command(client, &commands[i]);
      }
    }
  } else {
    reply_array(client, count - 2);
    for (size_t i = 2; i < count; i++) {
      const struct command *command = command_find(args[i]);
      if (command) {
        reply_command(client, command);
      } else {
        reply_null(client);
      }
    }
  }
}

// --- CONFIG --------------------------------------------------------------------------------------

struct setting {
  const char *name;
  char value[32];
};
enum { SETTINGS = 8 };

static void read_settings(struct setting settings[SETTINGS]) {
  static const char *const names[SETTINGS] = {"save",      "appendonly", "databases", "maxclients",
                                              "maxmemory", "timeout",    "port",      "io-threads"};
  for (int i = 0; i < SETTINGS; i++) settings[i].name = names[i];
  settings[0].value[0] = '\0';
  strcpy(settings[1].value, "no");
  strcpy(settings[2].value, "1");
  snprintf(settings[3].value, sizeof settings[3].value, "%u", options.clients);
  snprintf(settings[4].value, sizeof settings[4].value, "%zu", options.data);
  strcpy(settings[5].value, "0");
  snprintf(settings[6].value, sizeof settings[6].value, "%d", listening_port);
  snprintf(settings[7].value, sizeof settings[7].value, "%u", rouse_run_loop_count());
}

static bool setting_is_wanted(const char *name, const struct slice *patterns, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (slice_is(patterns[i], name) || glob_matches(patterns[i], slice_of(name))) return true;
  }
  return false;
}

void command_config(struct client *client, const struct slice *args, size_t count) {
  if (slice_is(args[1], "resetstat")) {
    atomic_store(&counters.connections, 0);
    atomic_store(&counters.commands, 0);
    atomic_store(&counters.expired, 0);
    reply_status(client, "OK");
    return;
  }
  struct setting settings[SETTINGS];
  size_t wanted = 0;
  read_settings(settings);
  for (int i = 0; i < SETTINGS; i++) {
    wanted += setting_is_wanted(settings[i].name, args + 2, count - 2);
  }
  reply_array(client, 2 * wanted);
  for (int i = 0; i < SETTINGS; i++) {
    if (!setting_is_wanted(settings[i].name, args + 2, count - 2)) continue;
    reply_text(client, settings[i].name);
    reply_text(client, settings[i].value);
  }
}

// --- INFO ----------------------------------------------------------------------------------------

enum { INFO_MOST = 4096 };

struct info {
  char text[INFO_MOST];
  size_t used;
};

static void add(struct info *info, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct info *info, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(info->text + info->used, INFO_MOST - info->used, format, arguments);
  va_end(arguments);
  if (length > 0) info->used += (size_t)length;
  if (info->used >= INFO_MOST) info->used = INFO_MOST - 1;
}

static void add_server(struct info *info) {
  int64_t up_s = (rouse_now_ns() - started_ns) / 1000000000;
  add(info, "# Server\r\nredis_version:%s\r\nredis_mode:standalone\r\nrouse_version:%s\r\n",
      compatible_version, rouse_version());
  add(info, "process_id:%ld\r\ntcp_port:%d\r\nuptime_in_seconds:%lld\r\n", (long)getpid(),
      listening_port, (long long)up_s);
  add(info, "loops:%u\r\nmultiplexing_api:%s\r\ndoorbell:%s\r\n", rouse_run_loop_count(),
      rouse_loop_backend(rouse_loop_here()), rouse_loop_doorbell(rouse_loop_here()));
}

static void add_clients(struct info *info) {
  size_t channels, patterns;
  pubsub_sizes(&channels, &patterns);
  add(info, "# Clients\r\nconnected_clients:%u\r\nmaxclients:%u\r\n",
      atomic_load(&counters.clients), options.clients);
  add(info, "pubsub_channels:%zu\r\npubsub_patterns:%zu\r\n", channels, patterns);
}

static void add_memory(struct info *info) {
  add(info, "# Memory\r\nused_memory:%zu\r\nmaxmemory:%zu\r\n", budget_used(&data), data.total);
  add(info, "used_buffers:%zu\r\nmaxbuffers:%zu\r\n", budget_used(&buffers), buffers.total);
}

static void add_stats(struct info *info) {
  rouse_loop_stats stats;
  rouse_run_stats_read(&stats);
  add(info, "# Stats\r\ntotal_connections_received:%llu\r\ntotal_commands_processed:%llu\r\n",
      atomic_load(&counters.connections), atomic_load(&counters.commands));
  add(info, "rejected_connections:%llu\r\nexpired_keys:%llu\r\nsubscribers_cut_off:%llu\r\n",
      atomic_load(&counters.refused), atomic_load(&counters.expired), atomic_load(&counters.cut));
  add(info, "io_operations:%llu\r\nloop_sleeps:%llu\r\nbells_rung:%llu\r\nbells_elided:%llu\r\n",
      (unsigned long long)stats.operations, (unsigned long long)stats.sleeps,
      (unsigned long long)stats.bells_rung, (unsigned long long)stats.bells_elided);
}

static void add_keyspace(struct info *info) {
  size_t keys, expiring;
  store_sizes(&keys, &expiring);
  add(info, "# Keyspace\r\n");
  if (keys) add(info, "db0:keys=%zu,expires=%zu,avg_ttl=0\r\n", keys, expiring);
}

void command_info(struct client *client, const struct slice *args, size_t count) {
  static const struct {
    const char *name;
    void (*add)(struct info *info);
  } sections[] = {
      {"server", add_server}, {"clients", add_clients},   {"memory", add_memory},
      {"stats", add_stats},   {"keyspace", add_keyspace},
  };
  struct info *info = client_take(client, sizeof *info);
  if (!info) {
    reply_no_memory(client);
    return;
  }
  info->used = 0;
  for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
    bool wanted = count == 1;
    for (size_t n = 1; n < count; n++) {
      wanted |= slice_is(args[n], sections[i].name) || slice_is(args[n], "all") ||
                slice_is(args[n], "default") || slice_is(args[n], "everything");
    }
    if (!wanted) continue;
    if (info->used) add(info, "\r\n");
    sections[i].add(info);
  }
  reply_bulk(client, (struct slice){info->text, info->used});
  client_give(client, info, sizeof *info);
}
