// What the files of the echo benchmark share: servers, and the client that all of them meet.
#ifndef BENCH_ECHO_H
#define BENCH_ECHO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// A server: echoes on connections of |listener| until it is killed. It returns only if it can't be
// had here. Runs in a process of its own.
typedef void bench_server_fn(int listener);
bench_server_fn bench_serve_rouse_io_uring, bench_serve_rouse_epoll, bench_serve_liburing,
    bench_serve_libuv, bench_serve_epoll;

// The exit code of a server that can't be had here.
enum { BENCH_SERVER_ABSENT = 3 };

typedef struct bench_load {
  int connections, size, depth;  // of each connection: bytes of a message, messages under way
} bench_load;

typedef struct bench_load_result {
  double requests, wall_ns;
  double p50_us, p99_us;
} bench_load_result;

// Loads the server on 127.0.0.1:|port|, first for |warm_ns|, then for |slice_ns|, which counts. At
// the beginning of that, and at its end, |mark| is called. NULL, or what went wrong.
typedef void bench_mark_fn(void *argument);
const char *bench_client_run(int port, const bench_load *load, int64_t warm_ns, int64_t slice_ns,
                             bench_mark_fn *mark, void *argument, bench_load_result *out);

// A socket that listens on 127.0.0.1, and its port; negative: there is none.
int bench_listen(int *out_port);
// The processor time of all threads of process |pid|, in ns, kernel threads of its rings included.
// Negative: not known.
int64_t bench_process_cpu_ns(pid_t pid);

#endif
