// A key-value server that speaks redis's protocol: options, accepting, and the end.
#include <arpa/inet.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "kv.h"

enum { BACKLOG = 4096, DESCRIPTORS_SPARE = 64 };

struct options options = {
    .port = 6379,
    .memory = (size_t)256 << 20,
    .data = (size_t)1 << 30,
    .clients = 10000,
    .stall_ns = INT64_C(30000000000),
    .grace_ns = INT64_C(5000000000),
};
struct counters counters;
int64_t started_ns;
int listening_port;
static rouse_fd signals;

void note(const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  fprintf(stderr, "kv: %s\n", text);
}

// --- options -------------------------------------------------------------------------------------

static const char usage[] =
    "usage: kv [OPTION VALUE]...\n"
    "\n"
    "A key-value server that speaks redis's protocol, on 127.0.0.1.\n"
    "\n"
    "  --port N          0: any that is free; it is printed (6379)\n"
    "  --loops N         event loops, each on a thread of its own (one for each processor)\n"
    "  --backend NAME    io_uring, epoll or poll (the best there is)\n"
    "  --memory SIZE     buffers of all connections together (256M)\n"
    "  --data SIZE       keys and values (1G)\n"
    "  --subscriber SIZE what may wait for one subscriber (a sixteenth of --memory)\n"
    "  --clients N       connections at once (10000)\n"
    "  --stall SECONDS   how long a peer may hold memory without moving; 0: for ever (30)\n"
    "  --grace SECONDS   how long a shutdown may take (5)\n"
    "\n"
    "SIZE is a number of bytes, or one with K, M or G. SIGTERM and SIGINT end the server in "
    "order.\n";

static _Noreturn void refuse(const char *option, const char *value) {
  fprintf(stderr, "kv: %s: not a value for it: %s\n", option, value);
  exit(2);
}

static uint64_t number_of(const char *option, const char *text, uint64_t most) {
  char *end;
  if (*text < '0' || *text > '9') refuse(option, text);
  unsigned long long number = strtoull(text, &end, 10);
  if (*end || number > most) refuse(option, text);
  return number;
}

static size_t size_of(const char *option, const char *text) {
  char *end;
  unsigned shift = 0;
  if (*text < '0' || *text > '9') refuse(option, text);
  unsigned long long number = strtoull(text, &end, 10);
  if (*end == 'K' || *end == 'k') shift = 10;
  if (*end == 'M' || *end == 'm') shift = 20;
  if (*end == 'G' || *end == 'g') shift = 30;
  if (end[shift != 0] || number > SIZE_MAX >> shift) refuse(option, text);
  return (size_t)number << shift;
}

static void set_option(const char *option, const char *value) {
  if (!strcmp(option, "--port")) {
    options.port = (int)number_of(option, value, 65535);
  } else if (!strcmp(option, "--loops")) {
    options.loops = (uint32_t)number_of(option, value, 1024);
  } else if (!strcmp(option, "--backend")) {
    options.backend = value;
  } else if (!strcmp(option, "--memory")) {
    options.memory = size_of(option, value);
  } else if (!strcmp(option, "--data")) {
    options.data = size_of(option, value);
  } else if (!strcmp(option, "--subscriber")) {
    options.subscriber = size_of(option, value);
  } else if (!strcmp(option, "--clients")) {
    options.clients = (uint32_t)number_of(option, value, 1000000);
  } else if (!strcmp(option, "--stall")) {
    options.stall_ns = (int64_t)number_of(option, value, 1000000) * 1000000000;
  } else if (!strcmp(option, "--grace")) {
    options.grace_ns = (int64_t)number_of(option, value, 1000000) * 1000000000;
  } else {
    fprintf(stderr, "kv: no such option: %s\n%s", option, usage);
    exit(2);
  }
}

static void read_options(int argc, char **argv) {
  for (int i = 1; i < argc; i += 2) {
    if (!strcmp(argv[i], "--help")) {
      fputs(usage, stdout);
      exit(0);
    }
    if (i + 1 == argc) {
      fprintf(stderr, "kv: %s needs a value, or is none of the options\n", argv[i]);
      exit(2);
    }
    set_option(argv[i], argv[i + 1]);
  }
  if (!options.loops) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    options.loops = processors > 0 ? (uint32_t)processors : 1;
  }
  if (!options.subscriber) options.subscriber = options.memory / 16;
}

// As many descriptors as the system allows, and no more connections than there are.
static void raise_limits(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY) return;
  rlim_t most = limit.rlim_cur > DESCRIPTORS_SPARE ? limit.rlim_cur - DESCRIPTORS_SPARE : 1;
  if (options.clients <= most) return;
  options.clients = (uint32_t)most;
  note("the limit of descriptors allows for %u connections", options.clients);
}

// --- signals -------------------------------------------------------------------------------------

// They are received as messages: nothing is interrupted by one. Blocked first thing, before there
// are threads, so that all threads leave them to the one that asks.
static const int orders[] = {SIGINT, SIGTERM};
enum { ORDERS = sizeof orders / sizeof *orders };

static int watch_signals(void) {
  signal(SIGPIPE, SIG_IGN);
  signals = rouse_signal_open(orders, ORDERS);
  return signals < 0 ? signals : ROUSE_DONE;
}

// The first is an order to finish; from then on another one ends the process as ever.
static int await_order(void) {
  rouse_signal order;
  int failed = rouse_signal_wait(signals, &order, ROUSE_FOREVER);
  rouse_file_close(signals);
  return failed ? failed : rouse_signal_unblock(orders, ORDERS);
}

// --- accepting -----------------------------------------------------------------------------------

static void turn_away(rouse_fd fd, struct slice why) {
  static int64_t next_word_ns;
  int64_t now_ns = rouse_now_ns();
  if (now_ns >= next_word_ns) {
    note("a connection was turned away: %u are there, and %zu bytes of %zu in use",
         atomic_load(&counters.clients), budget_used(&buffers), buffers.total);
    next_word_ns = now_ns + 1000000000;
  }
  atomic_fetch_add(&counters.refused, 1);
  rouse_tcp_send(fd, why.bytes, why.length, rouse_deadline_in_ns(100000000));
  rouse_file_close(fd);
}

// Connections are accepted by one loop and given to all in turn: so each has its share, whichever
// way the system would hand them out.
static int64_t accept_all(void *argument) {
  rouse_fd listener = (int)(intptr_t)argument;
  for (uint64_t id = 1;; id++) {
    int fd = rouse_tcp_accept(listener, ROUSE_FOREVER);
    if (fd == ROUSE_ECANCELED) break;
    if (fd < 0) {
      // A peer that has gone is its own affair; a lack of descriptors may pass.
      if (fd != ROUSE_ECONNABORTED) {
        note("accepting: %s", rouse_error_message(fd));
        if (rouse_task_sleep_ns(100000000) == ROUSE_ECANCELED) break;
      }
      continue;
    }
    atomic_fetch_add(&counters.connections, 1);
    unsigned before = atomic_fetch_add(&counters.clients, 1);
    rouse_loop *loop = rouse_run_loop((uint32_t)(id % rouse_run_loop_count()));
    bool allowed = before < options.clients;
    if (allowed && client_start(fd, id, loop)) continue;
    atomic_fetch_sub(&counters.clients, 1);
    turn_away(fd, slice_of(allowed ? "-ERR no memory for one more client\r\n"
                                   : "-ERR max number of clients reached\r\n"));
  }
  rouse_file_close(listener);
  return 0;
}

// --- the first task ------------------------------------------------------------------------------

static int64_t serve(void *argument) {
  (void)argument;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  rouse_fd listener = rouse_tcp_listen((struct sockaddr *)&address, sizeof address, BACKLOG);
  if (listener < 0) return listener;
  listening_port = rouse_tcp_port(listener);
  int refused = store_start();
  if (!refused) refused = rouse_task_spawn(NULL, NULL, accept_all, (void *)(intptr_t)listener);
  if (refused) {
    rouse_file_close(listener);
    return refused;
  }
  printf("kv: ready on 127.0.0.1:%d (%s, %u loops)\n", listening_port,
         rouse_loop_backend(rouse_loop_here()), rouse_run_loop_count());
  fflush(stdout);
  int failed = await_order();
  if (failed) return failed;
  // All other tasks are cancelled when this one returns: that is the order to finish.
  note("stopping: %u connections are finished first", atomic_load(&counters.clients));
  return 0;
}

int main(int argc, char **argv) {
  int64_t result = 0;
  read_options(argc, argv);
  raise_limits();
  started_ns = rouse_now_ns();
  budget_init(&buffers, options.memory);
  budget_init(&data, options.data);
  int failed = watch_signals();
  rouse_run_options run = {.loops = options.loops, .loop.backend = options.backend};
  if (!failed) failed = rouse_run(&run, serve, NULL, &result);
  if (!failed) failed = (int)result;
  if (failed) {
    note("%s", rouse_error_message(failed));
    return 1;
  }
  store_finish();
  note("stopped after %llu commands on %llu connections", atomic_load(&counters.commands),
       atomic_load(&counters.connections));
  return 0;
}
