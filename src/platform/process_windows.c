// Processes on Windows are handles, which a loop waits for by themselves. Console events are not
// signals.
#include "platform/process.h"

#include <rouse/windows.h>

#include "platform/platform.h"
#include "platform/windows.h"

rouse_fd rouse__process_open(int64_t pid) {
  if (pid <= 0 || pid > UINT32_MAX) return ROUSE_EINVAL;
  uint64_t saved = rouse__errno_save();
  HANDLE process = OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, (DWORD)pid);
  int result = rouse_fd_from_handle(process);
  if (!process) {  // a number that is nobody's is an invalid parameter here
    result = GetLastError() == ERROR_INVALID_PARAMETER ? ROUSE_ESRCH : rouse__error_last();
  }
  rouse__errno_restore(saved);
  return result;
}

static int collect(HANDLE process, DWORD *out_code) {
  if (!GetExitCodeProcess(process, out_code)) return ROUSE_EBADF;  // another kind of handle
  switch (WaitForSingleObject(process, 0)) {
    case WAIT_TIMEOUT:
      return ROUSE_EAGAIN;
    case WAIT_OBJECT_0:
      return GetExitCodeProcess(process, out_code) ? 0 : ROUSE_EBADF;
    default:
      return ROUSE_EBADF;
  }
}

// Whoever has a handle knows how the process ended, child or not, as often as they ask. To the
// system -1 would mean this process.
int rouse__process_collect(rouse_fd process, rouse_process_end *out_end) {
  uint64_t saved = rouse__errno_save();
  DWORD code = 0;
  int result = process < 0 ? ROUSE_EBADF : collect(rouse__handle(process), &code);
  if (!result) *out_end = (rouse_process_end){.known = true, .exit_code = (int32_t)code};
  rouse__errno_restore(saved);
  return result;
}

rouse_fd rouse__signal_open(const int *signals, size_t count) {
  (void)signals, (void)count;
  return ROUSE_ENOTSUP;
}

int rouse__signal_unblock(const int *signals, size_t count) {
  (void)signals, (void)count;
  return ROUSE_ENOTSUP;
}

int rouse__signal_take(rouse_fd fd, rouse_signal *out_signal) {
  (void)fd, (void)out_signal;
  return ROUSE_ENOTSUP;
}
