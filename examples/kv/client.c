// A connection, from its start to its end: a task that receives, runs commands and sends replies.
//
// The stop of the server reaches the task as a cancellation, and only where it waits for its peer
// or for memory. From then on it reads what had been received at that time, runs the commands that
// are whole, sends all replies, and closes: so no command is run whose reply is not sent, and none
// that was received before is left out, as long as the peer reads in time.
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "kv.h"

static const int64_t LINGER_NS = 1000000000;

// --- waiting for the peer ------------------------------------------------------------------------

bool stop_began(struct stop *stop, int64_t result) {
  if (result != ROUSE_ECANCELED || stop->asked) return false;
  stop->asked = true;
  stop->deadline_ns = rouse_deadline_in_ns(options.grace_ns);
  return true;
}

int64_t wait_deadline(const struct stop *stop, bool holds) {
  if (stop->asked) return stop->deadline_ns;
  return holds && options.stall_ns ? rouse_deadline_in_ns(options.stall_ns) : ROUSE_FOREVER;
}

int wire_send(rouse_fd fd, struct slice bytes, struct stop *stop, bool holds) {
  while (bytes.length) {
    bool before = rouse_task_shield(stop->asked);
    int64_t sent = rouse_tcp_send(fd, bytes.bytes, bytes.length, wait_deadline(stop, holds));
    rouse_task_shield(before);
    if (stop_began(stop, sent)) continue;
    if (sent < 0) return (int)sent;
    bytes.bytes += sent;
    bytes.length -= (size_t)sent;
  }
  return ROUSE_DONE;
}

static int64_t receive(struct client *client, char *to, size_t size) {
  bool stopped = client->stop.asked;
  if (stopped && !client->unread_known) {
    int unread = 0;
    client->unread = ioctl(client->fd, FIONREAD, &unread) ? 0 : (size_t)unread;
    client->unread_known = true;
  }
  if (stopped && size > client->unread) size = client->unread;
  if (!size) return 0;
  rouse_task_shield(stopped);
  int64_t got = rouse_tcp_receive(client->fd, to, size, wait_deadline(&client->stop, client->held));
  rouse_task_shield(true);
  if (stopped && got > 0) client->unread -= (size_t)got;
  return got;
}

void client_send(struct client *client, struct slice bytes) {
  if (client->dead) return;
  int failed = wire_send(client->fd, bytes, &client->stop, client->held);
  if (!failed) return;
  client->dead = true;
  if (failed == ROUSE_ETIMEDOUT) {
    note("client %llu: cut off, it does not read its replies", (unsigned long long)client->id);
  }
}

void client_flush(struct client *client) {
  struct slice bytes = {client->out, client->out_used};
  client->out_used = 0;
  if (client->subscriber) {
    subscriber_send(client, bytes);
  } else {
    client_send(client, bytes);
  }
}

// --- the life ------------------------------------------------------------------------------------

// Runs all commands that are whole. False: the connection is to end.
static bool run_commands(struct client *client) {
  unsigned ran = 0;
  enum parsed parsed = PARSED_PART;
  while (!client->quits && !client->dead && (parsed = input_parse(client)) == PARSED_COMMAND) {
    if (client->count) {
      command_run(client);
      ran++;
    }
    input_next(client);
  }
  // RELAXED: a count for INFO.
  atomic_fetch_add_explicit(&counters.commands, ran, memory_order_relaxed);
  if (parsed == PARSED_NONSENSE) client->quits = true;
  return !client->quits && !client->dead;
}

// Receives what comes next. False: nothing will.
static bool receive_more(struct client *client) {
  int64_t got;
  do {
    if (!input_make_room(client)) {
      client->quits = true;
      return false;
    }
    got = receive(client, client->input + client->end, client->size - client->end);
    // One that sends nothing holds nothing.
    if (got == ROUSE_ETIMEDOUT && input_give_back(client)) got = ROUSE_EAGAIN;
  } while (got == ROUSE_EAGAIN || stop_began(&client->stop, got));
  if (got == ROUSE_ETIMEDOUT && !client->stop.asked) {
    note("client %llu: cut off, it stopped in the middle of a command",
         (unsigned long long)client->id);
  }
  if (got <= 0) return false;
  client->end += (size_t)got;
  return true;
}

// A close with unread bytes resets the connection, and the peer may lose what was sent to it. So
// the peer is told that this was all, and what it still sends is dropped for a moment.
static void linger(struct client *client) {
  char dropped[1024];
  int64_t deadline_ns = rouse_deadline_in_ns(LINGER_NS);
  if (client->stop.asked && client->stop.deadline_ns < deadline_ns) {
    deadline_ns = client->stop.deadline_ns;
  }
  if (client->dead || rouse_tcp_shutdown(client->fd, SHUT_WR)) return;
  while (rouse_tcp_receive(client->fd, dropped, sizeof dropped, deadline_ns) > 0) {
    if (rouse_now_ns() >= deadline_ns) break;
  }
}

static void free_client(struct client *client) {
  free(client);
  budget_refund(&buffers, CLIENT_COST);
}

static int64_t client_main(void *argument) {
  struct client *client = argument;
  rouse_task_shield(true);
  while (run_commands(client)) {
    client_flush(client);
    if (client->dead || !receive_more(client)) break;
  }
  client_flush(client);
  subscriber_end(client);
  if (client->quits || client->stop.asked) linger(client);
  rouse_file_close(client->fd);
  input_finish(client);
  value_unref(client->name);
  free_client(client);
  atomic_fetch_sub(&counters.clients, 1);
  return 0;
}

bool client_start(rouse_fd fd, uint64_t id, rouse_loop *loop) {
  if (!budget_charge(&buffers, CLIENT_COST)) return false;
  struct client *client = malloc(sizeof *client);
  if (!client) {
    budget_refund(&buffers, CLIENT_COST);
    return false;
  }
  *client = (struct client){.fd = fd, .id = id, .bulk = -1};
  client->input = client->fixed_input;
  client->size = INPUT_FIXED;
  client->args = client->fixed_args;
  client->capacity = ARGUMENTS_FIXED;
  if (!rouse_task_spawn(NULL, loop, client_main, client)) return true;
  free_client(client);
  return false;
}
