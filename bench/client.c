// The client of the echo benchmark: one thread, one epoll, any number of connections, each with a
// fixed number of messages under way. As soon as one is back the next is sent, until the end of a
// slice; then what is under way comes back, and the server has nothing to do until the next.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "server.h"

enum { EVENTS = 256, BUFFER = 65536 };
static const int64_t PATIENCE_NS = INT64_C(10000000000);

// --- latencies -----------------------------------------------------------------------------------

// Buckets of a sixteenth of a power of two: enough for two digits.
enum { SUB_BITS = 4, BUCKETS = 64 << SUB_BITS };

struct histogram {
  uint64_t counts[BUCKETS], total;
};

static unsigned bucket_of(uint64_t ns) {
  if (ns < 1U << SUB_BITS) return (unsigned)ns;
  unsigned power = 63U - (unsigned)__builtin_clzll(ns);
  return (power << SUB_BITS) + (unsigned)(ns >> (power - SUB_BITS) & ((1U << SUB_BITS) - 1));
}

static double middle_of(unsigned bucket) {
  unsigned power = bucket >> SUB_BITS, rest = bucket & ((1U << SUB_BITS) - 1);
  if (power < SUB_BITS) return bucket;
  double step = (double)(UINT64_C(1) << (power - SUB_BITS));
  return ((double)(1U << SUB_BITS) + rest + 0.5) * step;
}

static double quantile_us(const struct histogram *histogram, double quantile) {
  uint64_t wanted = (uint64_t)(quantile * (double)histogram->total), seen = 0;
  for (unsigned i = 0; i < BUCKETS; i++) {
    seen += histogram->counts[i];
    if (seen > wanted) return middle_of(i) / 1000;
  }
  return 0;
}

// --- connections ---------------------------------------------------------------------------------

struct connection {
  int fd;
  size_t got;        // bytes of the message that is coming back
  unsigned first;    // of |sent_ns|: the oldest message under way
  int64_t *sent_ns;  // a ring of |depth|
};

struct bench_client {
  bench_load load;
  int epoll;
  struct connection *connections;
  int64_t *times;
  char *message;  // |depth| messages
  bool counts;    // latencies
  bool stops;     // what is back is not followed by more
  long under;     // messages under way, of all connections
  uint64_t back;  // messages that came back
  struct histogram latencies;
  char buffer[BUFFER];
};

static bool send_some(bench_client *client, struct connection *connection, unsigned count) {
  size_t size = (size_t)client->load.size * count;
  client->under += count;
  return send(connection->fd, client->message, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static void note_latency(bench_client *client, int64_t ns) {
  client->latencies.counts[bucket_of(ns > 0 ? (uint64_t)ns : 0)]++;
  client->latencies.total++;
}

// Takes what has come back and sends as many messages again.
static const char *receive_some(bench_client *client, struct connection *connection) {
  ssize_t got = recv(connection->fd, client->buffer, BUFFER, MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN ? NULL : "a connection broke";
  if (got == 0) return "the server closed a connection";
  connection->got += (size_t)got;
  unsigned back = (unsigned)(connection->got / (size_t)client->load.size);
  if (!back) return NULL;
  connection->got %= (size_t)client->load.size;
  unsigned depth = (unsigned)client->load.depth;
  if (back > depth) return "more came back than was sent";
  client->under -= back;
  client->back += back;
  int64_t now_ns = rouse_now_ns();
  for (unsigned i = 0; i < back; i++) {
    int64_t *sent_ns = &connection->sent_ns[connection->first];
    if (client->counts) note_latency(client, now_ns - *sent_ns);
    *sent_ns = now_ns;
    connection->first = (connection->first + 1) % depth;
  }
  if (client->stops) return NULL;
  return send_some(client, connection, back) ? NULL : "the server takes no more";
}

static bool open_one(bench_client *client, struct connection *connection, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection->fd < 0) return false;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(connection->fd, (struct sockaddr *)&address, sizeof address)) return false;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  return !epoll_ctl(client->epoll, EPOLL_CTL_ADD, connection->fd, &event);
}

static bool allocate(bench_client *client) {
  const size_t connections = (size_t)client->load.connections, depth = (size_t)client->load.depth;
  client->connections = calloc(connections, sizeof *client->connections);
  client->times = calloc(connections * depth, sizeof *client->times);
  client->message = calloc(depth, (size_t)client->load.size);
  if (!client->connections || !client->times || !client->message) return false;
  memset(client->message, 'e', depth * (size_t)client->load.size);
  return true;
}

const char *bench_client_open(int port, const bench_load *load, bench_client **out_client) {
  bench_client *client = *out_client = calloc(1, sizeof *client);
  if (!client) return "no memory";
  client->load = *load;
  client->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (client->epoll < 0 || !allocate(client)) return "no memory";
  for (int i = 0; i < load->connections; i++) {
    struct connection *connection = &client->connections[i];
    connection->sent_ns = client->times + (size_t)i * (size_t)load->depth;
    if (!open_one(client, connection, port)) return "no connection to the server";
  }
  return NULL;
}

void bench_client_close(bench_client *client) {
  if (!client) return;
  for (int i = 0; client->connections && i < client->load.connections; i++) {
    if (client->connections[i].fd > 0) close(client->connections[i].fd);
  }
  if (client->epoll >= 0) close(client->epoll);
  free(client->connections);
  free(client->times);
  free(client->message);
  free(client);
}

// --- a slice -------------------------------------------------------------------------------------

static const char *send_first(bench_client *client) {
  for (int i = 0; i < client->load.connections; i++) {
    struct connection *connection = &client->connections[i];
    int64_t now_ns = rouse_now_ns();
    for (int n = 0; n < client->load.depth; n++) connection->sent_ns[n] = now_ns;
    if (!send_some(client, connection, (unsigned)client->load.depth)) {
      return "the server takes nothing";
    }
  }
  return NULL;
}

const char *bench_client_run(bench_client *client, int64_t slice_ns, bool counts,
                             uint64_t *out_requests) {
  struct epoll_event events[EVENTS];
  const int64_t end_ns = rouse_now_ns() + slice_ns;
  const uint64_t before = client->back;
  client->counts = counts;
  client->stops = false;
  const char *problem = send_first(client);
  while (!problem && client->under) {
    int count = epoll_wait(client->epoll, events, EVENTS, (int)(PATIENCE_NS / 1000000));
    if (count == 0) problem = "the server does not answer";
    if (rouse_now_ns() >= end_ns) client->stops = true;
    for (int i = 0; i < count && !problem; i++) {
      problem = receive_some(client, events[i].data.ptr);
    }
  }
  *out_requests = client->back - before;
  return problem;
}

double bench_client_latency_us(const bench_client *client, double quantile) {
  return quantile_us(&client->latencies, quantile);
}
