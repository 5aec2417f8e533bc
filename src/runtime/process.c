// The operations of process.h and signal.h. Both are readiness of a descriptor, which every backend
// waits for in its loop, and then a call that does not wait.
//
// Readiness is no promise: another task may be faster. Who finds nothing to take waits again.
#include <rouse/process.h>
#include <rouse/signal.h>

#include "platform/process.h"
#include "runtime/operation.h"

enum { READABLE = 1 };  // POLLIN

rouse_fd rouse_process_open(int64_t pid) { return rouse__process_open(pid); }

int rouse_process_collect(rouse_fd process, rouse_process_end *out_end) {
  return rouse__process_collect(process, out_end);
}

int rouse_process_wait(rouse_fd process, rouse_process_end *out_end, int64_t deadline_ns) {
  for (;;) {
    int events = rouse_fd_poll(process, READABLE, deadline_ns);
    if (events < 0) return events;
    if (!out_end) return ROUSE_DONE;
    int result = rouse__process_collect(process, out_end);
    if (result != ROUSE_EAGAIN) return result;
  }
}

int rouse_process_wait_start(rouse_io *io, rouse_fd process, int64_t deadline_ns) {
  return rouse_fd_poll_start(io, process, READABLE, deadline_ns);
}

rouse_fd rouse_signal_open(const int *signals, size_t count) {
  return rouse__signal_open(signals, count);
}

int rouse_signal_unblock(const int *signals, size_t count) {
  return rouse__signal_unblock(signals, count);
}

int rouse_signal_take(rouse_fd fd, rouse_signal *out_signal) {
  return rouse__signal_take(fd, out_signal);
}

int rouse_signal_wait(rouse_fd fd, rouse_signal *out_signal, int64_t deadline_ns) {
  for (;;) {
    int result = rouse__signal_take(fd, out_signal);
    if (result != ROUSE_EAGAIN) return result;
    int events = rouse_fd_poll(fd, READABLE, deadline_ns);
    if (events < 0) return events;
  }
}

int rouse_signal_wait_start(rouse_io *io, rouse_fd fd, int64_t deadline_ns) {
  return rouse_fd_poll_start(io, fd, READABLE, deadline_ns);
}
