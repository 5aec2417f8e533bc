// The key-value server of examples/kv against redis-server, both under redis-benchmark, one after
// the other.
//
// The server is on processor 1, or on both if it has two loops; redis-benchmark is on processor 0.
// None of them writes to a disk.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "server.h"

enum server { KV_IO_URING, KV_EPOLL, KV_TWO_LOOPS, REDIS };

// --- servers -------------------------------------------------------------------------------------

static bool answers(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool good = fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof address);
  if (fd >= 0) close(fd);
  return good;
}

static const char *start_kv(enum server which, pid_t *out_server, int *out_port) {
  const bool two = which == KV_TWO_LOOPS;
  return bench_start_example(bench_option.kv, "kv", which == KV_EPOLL ? "epoll" : "io_uring",
                             two ? 2 : 1, two ? -1 : 1, out_server, out_port);
}

// It takes no port 0, so one is looked for that nobody has.
static const char *start_redis(pid_t *out_server, int *out_port) {
  int listener = bench_listen(out_port);
  if (listener < 0) return "no socket";
  close(listener);
  char port[16];
  snprintf(port, sizeof port, "%d", *out_port);
  char *arguments[] = {"redis-server", "--port", port,          "--bind", "127.0.0.1", "--save", "",
                       "--appendonly", "no",     "--daemonize", "no",     NULL};
  int ends[2];
  if (pipe(ends)) return "no pipe";
  *out_server = bench_launch("redis-server", arguments, ends[1], 1);
  close(ends[1]);
  close(ends[0]);  // it does not mind
  for (int i = 0; i < 500; i++) {
    if (answers(*out_port)) return NULL;
    if (waitpid(*out_server, NULL, WNOHANG) > 0) {
      *out_server = 0;
      return "redis-server is not installed";
    }
    usleep(10000);
  }
  return "redis-server does not answer";
}

// --- a case --------------------------------------------------------------------------------------

static const char *const commands[] = {"set", "get", "incr"};

// Requests per second by redis-benchmark; 0: it can't be had.
static double measure(int port, const char *command, long pipeline, long requests) {
  char texts[3][24], output[4096];
  snprintf(texts[0], sizeof texts[0], "%d", port);
  snprintf(texts[1], sizeof texts[1], "%ld", pipeline);
  snprintf(texts[2], sizeof texts[2], "%ld", requests);
  char *arguments[] = {"redis-benchmark",
                       "-p",
                       texts[0],
                       "-t",
                       (char *)(uintptr_t)command,
                       "-P",
                       texts[1],
                       "-n",
                       texts[2],
                       "-c",
                       "50",
                       "--csv",
                       NULL};
  int ends[2];
  if (pipe(ends)) return 0;
  pid_t child = bench_launch("redis-benchmark", arguments, ends[1], 0);
  close(ends[1]);
  bench_read_text(ends[0], output, sizeof output, false);
  close(ends[0]);
  waitpid(child, NULL, 0);
  char name[16];
  double rate = 0;
  snprintf(name, sizeof name, "\n\"%s\",\"", command);
  const char *found = strcasestr(output, name);
  if (found) rate = strtod(found + strlen(name), NULL);
  return rate;
}

// a: which server, b: which command, c: commands under way on each connection.
static const char *run(const bench_case *self, bench_sample *out) {
  pid_t server = 0;
  int port = 0;
  const char *problem = self->a == REDIS ? start_redis(&server, &port)
                                         : start_kv((enum server)self->a, &server, &port);
  long requests = (bench_option.quick ? 2000 : 20000) * (self->c > 1 ? 8 : 1);
  if (!problem) {
    const char *command = commands[self->b];
    measure(port, command, self->c, requests / 4);  // to warm up
    int64_t begin_ns = bench_process_cpu_ns(server);
    double rate = measure(port, command, self->c, requests);
    int64_t end_ns = bench_process_cpu_ns(server);
    if (rate > 0)
      out->value = 1e6 / rate;
    else
      problem = "redis-benchmark is not installed, or failed";
    out->extras[0] = (double)(end_ns - begin_ns) / 1000 / (double)requests;
  }
  if (server > 0) {
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
  }
  return problem;
}

// --- the workloads -------------------------------------------------------------------------------

#define CASES(name, command, pipeline)                                                             \
  static const bench_case name[] = {                                                               \
      {"rouse kv, io_uring", run, KV_IO_URING, command, pipeline, 0},                              \
      {"rouse kv, epoll", run, KV_EPOLL, command, pipeline, 0},                                    \
      {"rouse kv, io_uring, 2 loops", run, KV_TWO_LOOPS, command, pipeline, 0},                    \
      {"redis-server", run, REDIS, command, pipeline, 0},                                          \
  }
CASES(set_one, 0, 1);
CASES(get_one, 1, 1);
CASES(set_deep, 0, 16);
CASES(get_deep, 1, 16);
CASES(incr_deep, 2, 16);

static const bench_aim aims[] = {
    {0, 3, 1.1, 0, "time", 0},
    {0, 3, 1.1, 0, "processor", 1},
};
#define EXTRAS .extras = {"server's processor"}

static const bench_workload workloads[] = {
    {"kv.set", "redis-benchmark: SET, 50 connections", "µs/request", BENCH_CASES(set_one),
     BENCH_AIMS(aims), 5, EXTRAS},
    {"kv.get", "redis-benchmark: GET, 50 connections", "µs/request", BENCH_CASES(get_one),
     BENCH_AIMS(aims), 5, EXTRAS},
    {"kv.set.x16", "redis-benchmark: SET, 50 connections, 16 under way on each", "µs/request",
     BENCH_CASES(set_deep), BENCH_AIMS(aims), 5, EXTRAS},
    {"kv.get.x16", "redis-benchmark: GET, 50 connections, 16 under way on each", "µs/request",
     BENCH_CASES(get_deep), BENCH_AIMS(aims), 5, EXTRAS},
    {"kv.incr.x16", "redis-benchmark: INCR, 50 connections, 16 under way on each", "µs/request",
     BENCH_CASES(incr_deep), BENCH_AIMS(aims), 5, EXTRAS},
};
const bench_suite bench_kv = {workloads, BENCH_COUNT(workloads)};
