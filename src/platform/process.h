// What the system has for processes and signals as descriptors. Results are those of the public
// functions of the same names; errno is left as it was.
#ifndef ROUSE_PLATFORM_PROCESS_H
#define ROUSE_PLATFORM_PROCESS_H

#include <rouse/process.h>
#include <rouse/signal.h>

rouse_fd rouse__process_open(int64_t pid);
int rouse__process_collect(rouse_fd process, rouse_process_end *out_end);

rouse_fd rouse__signal_open(const int *signals, size_t count);
int rouse__signal_unblock(const int *signals, size_t count);
int rouse__signal_take(rouse_fd fd, rouse_signal *out_signal);

#endif
