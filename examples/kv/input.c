// Received bytes to commands, and the room for them.
//
// A client has a small buffer of its own. A command that does not fit gets a larger one, paid for
// by the budget for buffers and given back when the command is done. Nothing is copied: arguments
// point into the buffer, which stays where it is while the command runs; when it moves before that,
// they move along.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kv.h"

enum { LINE_MOST = 65536 };  // of an inline command, and of a number

// The longest argument: several such commands at once must fit the budget.
static int64_t bulk_most(void) {
  int64_t most = (int64_t)(buffers.total / 4);
  return most < 536870912 ? most : 536870912;
}

// --- room ----------------------------------------------------------------------------------------

// Who holds none can wait as long as it takes: those who do are made to give it back.
void *client_take(struct client *client, size_t size) {
  void *memory = NULL;
  int refused;
  do {
    rouse_task_shield(client->stop.asked);
    refused = budget_take(&buffers, size, wait_deadline(&client->stop, client->held), &memory);
    rouse_task_shield(true);
  } while (stop_began(&client->stop, refused));
  if (refused) return NULL;
  client->held += size;
  return memory;
}

void client_give(struct client *client, void *memory, size_t size) {
  if (!memory) return;
  budget_give(&buffers, memory, size);
  client->held -= size;
}

static void input_move(struct client *client, char *to, size_t size) {
  const char *from = client->input + client->begin;
  for (size_t i = 0; i < client->count; i++) {
    client->args[i].bytes = to + (client->args[i].bytes - from);
  }
  memmove(to, from, client->end - client->begin);
  if (client->input != client->fixed_input && client->input != to) {
    client_give(client, client->input, client->size);
  }
  client->input = to;
  client->size = size;
  client->end -= client->begin;
  client->begin = 0;
}

static void input_shrink(struct client *client) {
  if (client->input == client->fixed_input) return;
  if (client->end - client->begin > INPUT_FIXED) return;
  // One that sends much at a time keeps what helps it to, while there is plenty.
  if (client->size == INPUT_ROOMY && client->end == client->size && budget_is_roomy(&buffers)) {
    return;
  }
  input_move(client, client->fixed_input, INPUT_FIXED);
}

static bool input_grow(struct client *client, size_t size) {
  char *larger = client_take(client, size);
  if (larger) {
    input_move(client, larger, size);
    return true;
  }
  note("client %llu: no memory for a command of %zu bytes or more", (unsigned long long)client->id,
       size);
  reply_no_memory(client);
  return false;
}

// Only for speed, so without waiting.
static void input_try_roomy(struct client *client) {
  if (client->size >= INPUT_ROOMY || !budget_is_roomy(&buffers)) return;
  char *larger = budget_try(&buffers, INPUT_ROOMY);
  if (!larger) return;
  client->held += INPUT_ROOMY;
  input_move(client, larger, INPUT_ROOMY);
}

bool input_make_room(struct client *client) {
  bool was_full = client->end == client->size;
  size_t used = client->end - client->begin, wanted = used + 1;
  if (client->left && client->bulk >= 0) wanted = client->at + (size_t)client->bulk + 2;
  if (!used) {
    input_shrink(client);
    client->begin = client->end = 0;
  }
  if (was_full) input_try_roomy(client);
  if (wanted <= client->size - client->begin && client->end < client->size) return true;
  if (client->begin) input_move(client, client->input, client->size);
  if (wanted <= client->size) return true;
  size_t size = 2 * client->size;
  if (size < wanted) size = wanted;
  return input_grow(client, size);
}

bool input_give_back(struct client *client) {
  if (client->begin < client->end || client->input == client->fixed_input) return false;
  input_move(client, client->fixed_input, INPUT_FIXED);
  return true;
}

void input_finish(struct client *client) {
  if (client->input != client->fixed_input) client_give(client, client->input, client->size);
  if (client->args != client->fixed_args) {
    client_give(client, client->args, client->capacity * sizeof *client->args);
  }
}

// --- arguments -----------------------------------------------------------------------------------

// Room for |capacity| of them.
static bool args_grow(struct client *client, size_t capacity) {
  struct slice *args = client_take(client, capacity * sizeof *args);
  if (!args) {
    reply_no_memory(client);
    return false;
  }
  memcpy(args, client->args, client->count * sizeof *args);
  if (client->args != client->fixed_args) {
    client_give(client, client->args, client->capacity * sizeof *args);
  }
  client->args = args;
  client->capacity = capacity;
  return true;
}

static bool args_add(struct client *client, const char *bytes, size_t length) {
  if (client->count == client->capacity && !args_grow(client, 2 * client->capacity)) return false;
  client->args[client->count++] = (struct slice){bytes, length};
  return true;
}

void input_next(struct client *client) {
  client->begin += client->at;
  client->at = client->count = 0;
  client->left = 0;
  client->bulk = -1;
  if (client->args != client->fixed_args) {
    client_give(client, client->args, client->capacity * sizeof *client->args);
    client->args = client->fixed_args;
    client->capacity = ARGUMENTS_FIXED;
  }
}

static enum parsed nonsense(struct client *client, const char *what) {
  reply_error(client, "ERR Protocol error: %s", what);
  return PARSED_NONSENSE;
}

// --- arrays of bulk strings ----------------------------------------------------------------------

// The line at |at|, without its end; |*at| goes past it. False: it is not all there.
static bool take_line(struct client *client, char end, size_t ends, struct slice *out_line) {
  const char *from = client->input + client->begin + client->at;
  size_t rest = client->end - client->begin - client->at;
  const char *found = rest ? memchr(from, end, rest) : NULL;
  if (!found || (size_t)(found - from) + ends > rest) return false;
  *out_line = (struct slice){from, (size_t)(found - from)};
  client->at += out_line->length + ends;
  return true;
}

static bool line_too_long(const struct client *client) {
  return client->end - client->begin - client->at > LINE_MOST;
}

static enum parsed parse_head(struct client *client) {
  struct slice line;
  if (!take_line(client, '\r', 2, &line)) {
    return line_too_long(client) ? nonsense(client, "too big mbulk count string") : PARSED_PART;
  }
  line.bytes++, line.length--;  // the star
  int64_t count;
  if (!slice_to_integer(line, &count) || count > ARGUMENTS_MOST) {
    return nonsense(client, "invalid multibulk length");
  }
  client->left = count > 0 ? count : 0;
  client->bulk = -1;
  return PARSED_COMMAND;
}

static enum parsed parse_bulk_head(struct client *client) {
  struct slice line;
  if (!take_line(client, '\r', 2, &line)) {
    return line_too_long(client) ? nonsense(client, "too big bulk count string") : PARSED_PART;
  }
  if (!line.length || line.bytes[0] != '$') {
    reply_error(client, "ERR Protocol error: expected '$', got '%c'",
                line.length ? line.bytes[0] : '\r');
    return PARSED_NONSENSE;
  }
  line.bytes++, line.length--;
  int64_t length;
  if (!slice_to_integer(line, &length) || length < 0 || length > bulk_most()) {
    return nonsense(client, "invalid bulk length");
  }
  client->bulk = length;
  return PARSED_COMMAND;
}

static enum parsed parse_array(struct client *client) {
  if (!client->left) {
    enum parsed parsed = parse_head(client);
    if (parsed != PARSED_COMMAND || !client->left) return parsed;
  }
  while (client->left) {
    if (client->bulk < 0) {
      enum parsed parsed = parse_bulk_head(client);
      if (parsed != PARSED_COMMAND) return parsed;
    }
    size_t length = (size_t)client->bulk;
    if (client->end - client->begin - client->at < length + 2) return PARSED_PART;
    if (!args_add(client, client->input + client->begin + client->at, length)) {
      return PARSED_NONSENSE;
    }
    client->at += length + 2;
    client->bulk = -1;
    client->left--;
  }
  return PARSED_COMMAND;
}

// --- inline commands -----------------------------------------------------------------------------

// Before a word, and behind a quoted part.
static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
// These alone end a word: redis takes \v and \f for a part of it.
static bool ends_word(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static int hex_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The character after a backslash in double quotes. |*from| goes past it.
static char unescape(const char **from, const char *end) {
  const char *at = *from;
  if (end - at >= 3 && at[0] == 'x' && hex_of(at[1]) >= 0 && hex_of(at[2]) >= 0) {
    *from += 3;
    return (char)(hex_of(at[1]) * 16 + hex_of(at[2]));
  }
  ++*from;
  switch (*at) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return *at;
  }
}

// A quoted part, from after its quote; writes what it stands for to |*to|. False: it does not end,
// or goes on without a space.
static bool unquote(const char **from, const char *end, char **to) {
  char quote = (*from)[-1];
  while (*from < end && **from != quote) {
    char c = *(*from)++;
    if (c == '\\' && *from < end && quote == '"') {
      c = unescape(from, end);
    } else if (c == '\\' && *from < end && quote == '\'' && **from == '\'') {
      c = *(*from)++;
    }
    *(*to)++ = c;
  }
  if (*from == end) return false;
  ++*from;
  return *from == end || is_space(**from);
}

// Words are written where they are read: what they stand for is never longer.
static enum parsed split_line(struct client *client, struct slice line) {
  const char *from = line.bytes, *end = line.bytes + line.length;
  for (;;) {
    while (from < end && is_space(*from)) from++;
    if (from == end) return PARSED_COMMAND;
    char *word = client->input + (from - client->input), *to = word;
    while (from < end && !ends_word(*from)) {
      char c = *from++;
      if (c != '"' && c != '\'') {
        *to++ = c;
      } else if (unquote(&from, end, &to)) {
        break;  // a quote that closes ends the word
      } else {
        return nonsense(client, "unbalanced quotes in request");
      }
    }
    if (!args_add(client, word, (size_t)(to - word))) return PARSED_NONSENSE;
  }
}

static enum parsed parse_inline(struct client *client) {
  struct slice line;
  if (!take_line(client, '\n', 1, &line)) {
    return line_too_long(client) ? nonsense(client, "too big inline request") : PARSED_PART;
  }
  if (line.length && line.bytes[line.length - 1] == '\r') line.length--;
  const char *nul = memchr(line.bytes, '\0', line.length);
  if (nul) line.length = (size_t)(nul - line.bytes);
  return split_line(client, line);
}

enum parsed input_parse(struct client *client) {
  if (client->begin + client->at == client->end && !client->left) return PARSED_PART;
  if (!client->left && client->input[client->begin] != '*') return parse_inline(client);
  return parse_array(client);
}
