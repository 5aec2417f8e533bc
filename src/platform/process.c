// Processes and signals as descriptors: pidfd and signalfd of Linux.
#define _GNU_SOURCE
#include "platform/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/platform.h"

// Constants that are newer than some headers.
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
enum { WAIT_BY_PIDFD = 3 };  // P_PIDFD

// The code for errno, which becomes what it was before.
static int failure(int saved) {
  int code = rouse_error_from_system(errno);
  rouse__errno_restore(saved);
  return code;
}

// --- processes -----------------------------------------------------------------------------------

rouse_fd rouse__process_open(int64_t pid) {
  if (pid < 1 || pid > INT32_MAX) return ROUSE_EINVAL;
  int saved = rouse__errno_save();
  long fd = syscall(SYS_pidfd_open, (pid_t)pid, 0);
  if (fd >= 0) return (rouse_fd)fd;
  if (errno == ENOENT) errno = EINVAL;  // what newer kernels say of a thread's number
  return failure(saved);
}

// Whether |process| has ended, be it whose child it may; at once.
static bool has_ended(rouse_fd process) {
  struct pollfd end = {.fd = process, .events = POLLIN};
  return poll(&end, 1, 0) != 0;
}

static void describe_end(const siginfo_t *info, rouse_process_end *out_end) {
  out_end->known = true;
  if (info->si_code == CLD_EXITED) {
    out_end->exit_code = info->si_status;
    return;
  }
  out_end->signal = info->si_status;
  out_end->core_dumped = info->si_code == CLD_DUMPED;
}

int rouse__process_collect(rouse_fd process, rouse_process_end *out_end) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  *out_end = (rouse_process_end){0};
  int saved = rouse__errno_save(), result;
  do {
    result = waitid((idtype_t)WAIT_BY_PIDFD, (id_t)process, &info, WEXITED | WNOHANG);
  } while (result && errno == EINTR);
  if (!result) {
    if (!info.si_pid) return ROUSE_EAGAIN;
    describe_end(&info, out_end);
    return ROUSE_DONE;
  }
  if (errno == EINVAL) errno = EBADF;  // a descriptor, but of no process
  int code = failure(saved);
  if (code != ROUSE_ECHILD) return code;
  // No child of ours, or one that was collected: the descriptor says whether it has ended.
  return has_ended(process) ? ROUSE_DONE : ROUSE_EAGAIN;
}

// --- signals -------------------------------------------------------------------------------------

// The set of |signals|; false: there are none, or one that can't be received.
static bool set_of(const int *signals, size_t count, sigset_t *out_set) {
  sigemptyset(out_set);
  int saved = rouse__errno_save();
  for (size_t i = 0; i < count; i++) {
    bool never = signals[i] == SIGKILL || signals[i] == SIGSTOP;
    if (never || sigaddset(out_set, signals[i])) {
      rouse__errno_restore(saved);
      return false;
    }
  }
  return count;
}

rouse_fd rouse__signal_open(const int *signals, size_t count) {
  sigset_t set, before;
  if (!set_of(signals, count, &set)) return ROUSE_EINVAL;
  int saved = rouse__errno_save();
  pthread_sigmask(SIG_BLOCK, &set, &before);
  int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd >= 0) return fd;
  int code = failure(saved);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return code;
}

int rouse__signal_unblock(const int *signals, size_t count) {
  sigset_t set;
  if (!set_of(signals, count, &set)) return ROUSE_EINVAL;
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  return ROUSE_DONE;
}

// Whether |fd| may be one of signals: of a file without a type, and not to be waited for. What else
// there is of that kind can't be told apart without reading from it. 0, or why not.
static int check_signals(rouse_fd fd) {
  struct stat status;
  if (fstat(fd, &status)) return ROUSE_EBADF;
  if (status.st_mode & S_IFMT) return ROUSE_EINVAL;
  return fcntl(fd, F_GETFL) & O_NONBLOCK ? 0 : ROUSE_EINVAL;
}

int rouse__signal_take(rouse_fd fd, rouse_signal *out_signal) {
  struct signalfd_siginfo info;
  int saved = rouse__errno_save();
  int refused = check_signals(fd);
  if (refused) {
    rouse__errno_restore(saved);
    return refused;
  }
  ssize_t size;
  do {
    size = read(fd, &info, sizeof info);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno != EAGAIN && errno != EBADF) errno = EINVAL;  // nothing to be read from
  if (size < 0) return failure(saved);
  if (size != sizeof info) return ROUSE_EINVAL;
  *out_signal = (rouse_signal){.number = (int32_t)info.ssi_signo,
                               .code = info.ssi_code,
                               .pid = (int32_t)info.ssi_pid,
                               .uid = info.ssi_uid,
                               .status = info.ssi_status,
                               .value = info.ssi_int};
  return ROUSE_DONE;
}
