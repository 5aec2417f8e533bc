// Echo servers, one thread each, under the same load: examples/echo.c on two backends, and servers
// on the bare interfaces.
//
// A server is a process of its own, and runs where the system puts it; the client is on processor
// 0. What is compared is the time from one request to the next at full load, and the server's
// processor time for each. The machine's speed changes within a turn by more than the servers
// differ; so all of them are there at once, and are loaded one after the other, many times, for a
// short while each. What can't be told apart that way is shown by a server that is there twice.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "server.h"

enum { BACKLOG = 4096, SLICES = 12, SETTLE_US = 1000 };

int bench_listen(int *out_port) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  const int on = 1;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, size) || listen(fd, BACKLOG) ||
      getsockname(fd, (struct sockaddr *)&address, &size)) {
    close(fd);
    return -1;
  }
  *out_port = ntohs(address.sin_port);
  return fd;
}

int64_t bench_process_cpu_ns(pid_t pid) {
  char path[sizeof(((struct dirent *)0)->d_name) + 64];
  snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
  DIR *tasks = opendir(path);
  if (!tasks) return -1;
  int64_t sum = -1;
  struct dirent *task;
  while ((task = readdir(tasks))) {
    if (task->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%ld/task/%s/schedstat", (long)pid, task->d_name);
    FILE *file = fopen(path, "re");
    long long used;
    if (file && fscanf(file, "%lld", &used) == 1) sum = (sum < 0 ? 0 : sum) + used;
    if (file) fclose(file);
  }
  closedir(tasks);
  return sum;
}

// --- a server ------------------------------------------------------------------------------------

enum server { ROUSE_IO_URING, LIBURING, ROUSE_EPOLL, EPOLL, LIBUV };

static bench_server_fn *const others[] = {
    [LIBURING] = bench_serve_liburing, [EPOLL] = bench_serve_epoll, [LIBUV] = bench_serve_libuv};

// One that is made here: it is a child that has inherited the listening socket.
static const char *start_other(bench_server_fn *serve, pid_t *out_server, int *out_port) {
  int listener = bench_listen(out_port);
  if (listener < 0) return "no socket";
  fflush(NULL);
  pid_t parent = getpid(), child = fork();
  if (child) {
    close(listener);
    *out_server = child;
    return child < 0 ? "no process" : NULL;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  serve(listener);
  _exit(BENCH_SERVER_ABSENT);
}

static const char *start(enum server which, pid_t *out_server, int *out_port) {
  if (others[which]) return start_other(others[which], out_server, out_port);
  return bench_start_example(bench_option.echo, "echo", which == ROUSE_EPOLL ? "epoll" : "io_uring",
                             1, -1, out_server, out_port);
}

static const char *stop(pid_t server, const char *problem) {
  int status = 0;
  if (server <= 0) return problem;
  usleep(problem ? 100000 : 0);  // one that ends by itself is to say so
  kill(server, SIGKILL);
  waitpid(server, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == BENCH_SERVER_ABSENT) return bench_absent;
  return problem;
}

// --- a turn --------------------------------------------------------------------------------------

// One of the servers, and what it has done.
struct side {
  pid_t server;
  bench_client *client;
  double wall_ns, cpu_ns, requests;
};

// a: which server; b: connections, c: bytes of a message, d: messages under way on each.
static const char *open_side(const bench_case *self, struct side *side) {
  const bench_load load = {(int)self->b, (int)self->c, (int)self->d};
  int port = 0;
  const char *problem = start((enum server)self->a, &side->server, &port);
  if (!problem) problem = bench_client_open(port, &load, &side->client);
  return problem;
}

static const char *load_side(struct side *side, int64_t slice_ns, bool counts) {
  uint64_t requests;
  int64_t cpu_ns = bench_process_cpu_ns(side->server), begin_ns = rouse_now_ns();
  const char *problem = bench_client_run(side->client, slice_ns, counts, &requests);
  if (!counts) return problem;
  side->wall_ns += (double)(rouse_now_ns() - begin_ns);
  usleep(SETTLE_US);  // the time of a process that still runs is behind by a tick
  side->cpu_ns += (double)(bench_process_cpu_ns(side->server) - cpu_ns);
  side->requests += (double)requests;
  return problem;
}

static const char *close_side(struct side *side, const char *problem, bench_sample *out) {
  problem = stop(side->server, problem);
  if (!problem) {
    out->value = side->wall_ns / 1000 / side->requests;
    out->extras[0] = side->cpu_ns / 1000 / side->requests;
    out->extras[1] = bench_client_latency_us(side->client, 0.5);
    out->extras[2] = bench_client_latency_us(side->client, 0.99);
  }
  bench_client_close(side->client);
  return problem;
}

// The first slice of each does not count. Each is the first of a round in turn.
static void turn(const bench_workload *self, bench_sample *samples, const char **problems) {
  struct side sides[BENCH_CASES_MAX] = {{0}};
  const size_t count = self->case_count;
  for (size_t i = 0; i < count; i++) {
    if (!problems[i]) problems[i] = open_side(&self->cases[i], &sides[i]);
  }
  bench_pin(0);
  for (size_t slice = 0; slice <= SLICES; slice++) {
    for (size_t i = 0; i < count; i++) {
      const size_t at = (slice + i) % count;
      if (problems[at]) continue;
      problems[at] = load_side(&sides[at], bench_slice_ns() / 2, slice > 0);
    }
  }
  bench_unpin();
  for (size_t i = 0; i < count; i++) {
    problems[i] = close_side(&sides[i], problems[i], &samples[i]);
  }
}

// --- the workloads -------------------------------------------------------------------------------

#define CASES(name, connections, size, depth)                                                      \
  static const bench_case name[] = {                                                               \
      {"rouse, io_uring", NULL, ROUSE_IO_URING, connections, size, depth},                         \
      {"liburing", NULL, LIBURING, connections, size, depth},                                      \
      {"rouse, epoll", NULL, ROUSE_EPOLL, connections, size, depth},                               \
      {"epoll", NULL, EPOLL, connections, size, depth},                                            \
      {"libuv", NULL, LIBUV, connections, size, depth},                                            \
      {"liburing, once more", NULL, LIBURING, connections, size, depth},                           \
  }
CASES(one, 1, 64, 1);
CASES(fifty, 50, 64, 1);
CASES(many, 500, 64, 1);
CASES(deep, 50, 64, 16);
CASES(large, 50, 16384, 1);

// With one connection a server has nothing to do most of the time, and rouse's watches a moment for
// more before it sleeps: that costs processor time by intention, and saves the wake-up.
static const bench_aim one_aims[] = {{0, 1, 1, 0, "time", 0}};
static const bench_aim aims[] = {
    {0, 1, 1, 0, "time", 0},
    {0, 1, 1.05, 0, "processor", 1},
    {2, 3, 1.25, 0, "processor", 1},
};
#define EXTRAS .extras = {"server's processor", "p50", "p99"}, .turn = turn

static const bench_workload workloads[] = {
    {"echo.1", "echo: 1 connection, 64 bytes", "µs/request", BENCH_CASES(one), BENCH_AIMS(one_aims),
     0, EXTRAS},
    {"echo.50", "echo: 50 connections, 64 bytes", "µs/request", BENCH_CASES(fifty),
     BENCH_AIMS(aims), 0, EXTRAS},
    {"echo.500", "echo: 500 connections, 64 bytes", "µs/request", BENCH_CASES(many),
     BENCH_AIMS(aims), 0, EXTRAS},
    {"echo.50x16", "echo: 50 connections, 64 bytes, 16 messages under way on each", "µs/request",
     BENCH_CASES(deep), BENCH_AIMS(aims), 0, EXTRAS},
    {"echo.large", "echo: 50 connections, 16 KiB", "µs/request", BENCH_CASES(large),
     BENCH_AIMS(aims), 0, EXTRAS},
};
const bench_suite bench_echo = {workloads, BENCH_COUNT(workloads)};
