// Windows has neither: a process is a handle, and console events are not signals.
#include "platform/process.h"

rouse_fd rouse__process_open(int64_t pid) {
  (void)pid;
  return ROUSE_ENOTSUP;
}

int rouse__process_collect(rouse_fd process, rouse_process_end *out_end) {
  (void)process, (void)out_end;
  return ROUSE_ENOTSUP;
}

rouse_fd rouse__signal_open(const int *signals, size_t count) {
  (void)signals, (void)count;
  return ROUSE_ENOTSUP;
}

int rouse__signal_take(rouse_fd fd, rouse_signal *out_signal) {
  (void)fd, (void)out_signal;
  return ROUSE_ENOTSUP;
}
