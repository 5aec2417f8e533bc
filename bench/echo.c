// Echo servers, one thread each, under the same load: examples/echo.c on two backends, and servers
// on the bare interfaces.
//
// A server is a process of its own, and runs where the system puts it; the client is on processor
// 0. What is compared is the time from one request to the next at full load, and the server's
// processor time for each.
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

enum server { ROUSE_IO_URING, LIBURING, ROUSE_EPOLL, EPOLL, LIBUV };

static bench_server_fn *const others[] = {
    [LIBURING] = bench_serve_liburing, [EPOLL] = bench_serve_epoll, [LIBUV] = bench_serve_libuv};

struct clock {
  pid_t server;
  int64_t begin_ns, end_ns;
};

static void mark(void *argument) {
  struct clock *clock = argument;
  clock->begin_ns = clock->end_ns;
  clock->end_ns = bench_process_cpu_ns(clock->server);
}

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

// a: which server; b: connections, c: bytes of a message, d: messages under way on each.
static const char *run(const bench_case *self, bench_sample *out) {
  int port = 0;
  struct clock clock = {.server = 0};
  const char *problem = start((enum server)self->a, &clock.server, &port);
  if (problem) return stop(clock.server, problem);
  const bench_load load = {(int)self->b, (int)self->c, (int)self->d};
  bench_load_result result = {0};
  int64_t slice_ns = SLICES * bench_slice_ns();
  bench_pin(0);
  problem = bench_client_run(port, &load, slice_ns / 3, slice_ns, mark, &clock, &result);
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
      {"rouse, io_uring", run, ROUSE_IO_URING, connections, size, depth},                          \
      {"liburing", run, LIBURING, connections, size, depth},                                       \
      {"rouse, epoll", run, ROUSE_EPOLL, connections, size, depth},                                \
      {"epoll", run, EPOLL, connections, size, depth},                                             \
      {"libuv", run, LIBUV, connections, size, depth},                                             \
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
