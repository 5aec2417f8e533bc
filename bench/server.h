// What the benchmarks of servers share: the servers, the programs, and the client of the echoes.
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// A server: echoes on connections of |listener| until it is killed. It returns only if it can't be
// had here. Runs in a process of its own.
typedef void bench_server_fn(int listener);
bench_server_fn bench_serve_liburing, bench_serve_libuv, bench_serve_epoll;

// The exit code of a server that can't be had here.
enum { BENCH_SERVER_ABSENT = 3 };

// Runs |program| with |arguments|, its output going to |output|, on |processor| (-1: any). It ends
// when we do. The child's id; negative: there is none.
pid_t bench_launch(const char *program, char *const *arguments, int output, int processor);
// Reads what comes from |fd| until the end, or until |text| ends with a full line if |one_line|.
void bench_read_text(int fd, char *text, size_t size, bool one_line);
// Starts the server |program| of examples/, which calls itself |name|, and waits until it is ready.
// NULL, or what went wrong.
const char *bench_start_example(const char *program, const char *name, const char *backend,
                                int loops, int processor, pid_t *out_server, int *out_port);

typedef struct bench_load {
  int connections, size, depth;  // of each connection: bytes of a message, messages under way
} bench_load;

// A client with connections to the server on 127.0.0.1:|port|. NULL, or what went wrong; closed in
// any case by bench_client_close().
typedef struct bench_client bench_client;
const char *bench_client_open(int port, const bench_load *load, bench_client **out_client);
void bench_client_close(bench_client *client);
// Loads the server for |slice_ns|, and waits until all is back. NULL and the number of requests, or
// what went wrong. |counts|: the latencies are added to the client's.
const char *bench_client_run(bench_client *client, int64_t slice_ns, bool counts,
                             uint64_t *out_requests);
double bench_client_latency_us(const bench_client *client, double quantile);

// A socket that listens on 127.0.0.1, and its port; negative: there is none.
int bench_listen(int *out_port);
// The processor time of all threads of process |pid|, in ns, kernel threads of its rings included.
// Negative: not known.
int64_t bench_process_cpu_ns(pid_t pid);

#endif
