// Replies. They gather in the client's buffer, which is sent when it is full and before the task
// waits for more commands. A large value is not copied into it, but sent from where it is.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kv.h"

enum { COPIED_MOST = 1024 };  // a longer value is sent by itself

void reply_raw(struct client *client, struct slice bytes) {
  while (bytes.length && !client->dead) {
    size_t room = OUTPUT_FIXED - client->out_used;
    size_t part = bytes.length < room ? bytes.length : room;
    memcpy(client->out + client->out_used, bytes.bytes, part);
    client->out_used += part;
    bytes.bytes += part;
    bytes.length -= part;
    if (bytes.length) client_flush(client);
  }
}

static void reply_head(struct client *client, char kind, int64_t number) {
  char text[INTEGER_MOST + 3];
  text[0] = kind;
  size_t length = 1 + integer_format(text + 1, number);
  text[length++] = '\r';
  text[length++] = '\n';
  reply_raw(client, (struct slice){text, length});
}

static void reply_end(struct client *client) { reply_raw(client, (struct slice){"\r\n", 2}); }

void reply_status(struct client *client, const char *status) {
  reply_raw(client, (struct slice){"+", 1});
  reply_raw(client, slice_of(status));
  reply_end(client);
}

void reply_error(struct client *client, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (length < 0) length = 0;
  if ((size_t)length >= sizeof text) length = sizeof text - 1;
  for (int i = 0; i < length; i++) {
    if (text[i] == '\r' || text[i] == '\n') text[i] = ' ';  // it is one line
  }
  reply_raw(client, (struct slice){"-", 1});
  reply_raw(client, (struct slice){text, (size_t)length});
  reply_end(client);
}

void reply_integer(struct client *client, int64_t value) { reply_head(client, ':', value); }

void reply_bulk(struct client *client, struct slice bytes) {
  reply_head(client, '$', (int64_t)bytes.length);
  reply_raw(client, bytes);
  reply_end(client);
}

void reply_text(struct client *client, const char *text) { reply_bulk(client, slice_of(text)); }

void reply_null(struct client *client) { reply_raw(client, (struct slice){"$-1\r\n", 5}); }

void reply_array(struct client *client, size_t count) { reply_head(client, '*', (int64_t)count); }

void reply_value(struct client *client, struct value *value) {
  if (!value) {
    reply_null(client);
    return;
  }
  struct slice bytes = value_slice(value);
  if (bytes.length <= COPIED_MOST || client->subscriber) {
    reply_bulk(client, bytes);
  } else {
    reply_head(client, '$', (int64_t)bytes.length);
    client_flush(client);
    client->held += bytes.length;  // one who does not read it keeps it from being freed
    client_send(client, bytes);
    client->held -= bytes.length;
    reply_end(client);
  }
  value_unref(value);
}

void reply_no_memory(struct client *client) {
  reply_error(client, "OOM command not allowed when used memory > 'maxmemory'.");
}
