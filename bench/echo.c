// Echo servers, one thread each, under the same load: rouse's on two backends, and servers on the
// bare interfaces.
//
// A server is a process of its own, on processor 1; the client is on processor 0. What is compared
// is the time from one request to the next at full load, and the server's processor time for each.
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
#include "echo.h"

enum { BACKLOG = 4096, SLICES = 6 };

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

// --- a case --------------------------------------------------------------------------------------

static bench_server_fn *const servers[] = {bench_serve_rouse_io_uring, bench_serve_liburing,
                                           bench_serve_rouse_epoll, bench_serve_epoll,
                                           bench_serve_libuv};

struct clock {
  pid_t server;
  int64_t begin_ns, end_ns;
};

static void mark(void *argument) {
  struct clock *clock = argument;
  clock->begin_ns = clock->end_ns;
  clock->end_ns = bench_process_cpu_ns(clock->server);
}

static pid_t start(bench_server_fn *serve, int listener) {
  fflush(NULL);
  pid_t parent = getpid(), child = fork();
  if (child) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  bench_pin(1);
  serve(listener);
  _exit(BENCH_SERVER_ABSENT);
}

static const char *stop(pid_t server, const char *problem) {
  int status = 0;
  usleep(problem ? 100000 : 0);  // one that ends by itself is to say so
  kill(server, SIGKILL);
  waitpid(server, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == BENCH_SERVER_ABSENT) return bench_absent;
  return problem;
}

// a: which server; b: connections, c: bytes of a message, d: messages under way on each.
static const char *run(const bench_case *self, bench_sample *out) {
  int port, listener = bench_listen(&port);
  if (listener < 0) return "no socket";
  struct clock clock = {.server = start(servers[self->a], listener)};
  close(listener);
  if (clock.server < 0) return "no process";
  const bench_load load = {(int)self->b, (int)self->c, (int)self->d};
  bench_load_result result = {0};
  int64_t slice_ns = SLICES * bench_slice_ns();
  bench_pin(0);
  const char *problem =
      bench_client_run(port, &load, slice_ns / 3, slice_ns, mark, &clock, &result);
  bench_unpin();
  problem = stop(clock.server, problem);
  if (problem) return problem;
  out->value = result.wall_ns / 1000 / result.requests;
  out->extras[0] = (double)(clock.end_ns - clock.begin_ns) / 1000 / result.requests;
  out->extras[1] = result.p50_us;
  out->extras[2] = result.p99_us;
  return NULL;
}

// --- the workloads -------------------------------------------------------------------------------

#define CASES(name, connections, size, depth)                                                      \
  static const bench_case name[] = {                                                               \
      {"rouse, io_uring", run, 0, connections, size, depth},                                       \
      {"liburing", run, 1, connections, size, depth},                                              \
      {"rouse, epoll", run, 2, connections, size, depth},                                          \
      {"epoll", run, 3, connections, size, depth},                                                 \
      {"libuv", run, 4, connections, size, depth},                                                 \
  }
CASES(one, 1, 64, 1);
CASES(fifty, 50, 64, 1);
CASES(many, 500, 64, 1);
CASES(deep, 50, 64, 16);
CASES(large, 50, 16384, 1);

// With one connection a server has nothing to do most of the time, and rouse's watches a moment for
// more before it sleeps: that costs processor time by intention.
static const bench_aim one_aims[] = {{0, 1, 1.05, 0, "time", 0}};
static const bench_aim aims[] = {
    {0, 1, 1.05, 0, "time", 0},
    {0, 1, 1.05, 0, "processor", 1},
    {2, 3, 1.25, 0, "processor", 1},
};
#define EXTRAS .extras = {"server's processor", "p50", "p99"}

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
