// The mean of a gauge moves by an eighth of each new duration. One slow call (the thread lost its
// processor, say) sends a few calls to the pool; a file system that is slow keeps them there.
#include "system.h"

#include <dirent.h>
#include <fcntl.h>
#include <rouse/clock.h>
#include <rouse/file.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SLOW_NS = 400 * 1000 };

struct measured {
  gauge *gauge;
  rouse_task_fn *function;
  void *argument;
};

static int64_t call_measured(void *argument) {
  struct measured *measured = argument;
  int64_t before = rouse_now_ns();
  int64_t result = measured->function(measured->argument);
  int64_t taken = rouse_now_ns() - before;
  // RELAXED: an estimate; a lost update does no harm.
  int64_t mean = atomic_load_explicit(&measured->gauge->mean_ns, memory_order_relaxed);
  // RELAXED: as above.
  atomic_store_explicit(&measured->gauge->mean_ns, mean + (taken - mean) / 8, memory_order_relaxed);
  return result;
}

int64_t system_call(gauge *gauge, rouse_task_fn *function, void *argument) {
  struct measured measured = {gauge, function, argument};
  // RELAXED: an estimate.
  if (atomic_load_explicit(&gauge->mean_ns, memory_order_relaxed) < SLOW_NS) {
    return call_measured(&measured);
  }
  int64_t result;
  // Without a thread for it the call is made all the same.
  if (rouse_blocking_call(call_measured, &measured, &result) != ROUSE_DONE) {
    return call_measured(&measured);
  }
  return result;
}

// The system's structure for openat2(), and what newer headers call RESOLVE_CACHED and SYS_openat2.
struct open_request {
  uint64_t flags, mode, resolve;
};
enum { OPEN_CACHED = 0x20, OPENAT2 = 437 };

int system_open(int dir, const char *name, int flags) {
  static _Atomic bool cached_unknown;
  // RELAXED: learnt again if it is not seen.
  if (!atomic_load_explicit(&cached_unknown, memory_order_relaxed)) {
    struct open_request request = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = OPEN_CACHED};
    long fd = syscall(OPENAT2, dir, name, &request, sizeof request);
    if (fd >= 0) return (int)fd;
    if (errno == ENOSYS || errno == EINVAL || errno == EPERM) {
      // RELAXED: as above. An open that is really not permitted says so again by completion.
      atomic_store_explicit(&cached_unknown, true, memory_order_relaxed);
    } else if (errno != EAGAIN) {
      return rouse_error_from_system(errno);
    }
  }
  return rouse_file_open(dir, name, flags | O_CLOEXEC, 0);
}

int system_descriptors_open(void) {
  int count = 0;
  DIR *listing = opendir("/proc/self/fd");
  if (listing == NULL) {
    long limit = sysconf(_SC_OPEN_MAX);
    for (int fd = 0; fd < limit && fd < 65536; fd++) count += fcntl(fd, F_GETFD) >= 0;
    return count;
  }
  for (struct dirent *entry; (entry = readdir(listing)) != NULL;) count += entry->d_name[0] != '.';
  closedir(listing);
  return count - 1;  // the listing's own
}

void system_close(int fd) {
  if (fd >= 0) close(fd);
}

void system_temporary_name(char *name) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
  static _Thread_local unsigned char random[240];
  static _Thread_local size_t left;
  enum { PREFIX = 7, LETTERS = 12 };
  if (left < LETTERS) {
    // Never fails for so few bytes once the system is up.
    while (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
    }
    left = sizeof random;
  }
  memcpy(name, ".rouse-", PREFIX);
  for (int index = 0; index < LETTERS; index++) name[PREFIX + index] = letters[random[--left] & 31];
  name[PREFIX + LETTERS] = 0;
}

void *system_allocate(size_t size) {
  void *memory = malloc(size);
  if (memory == NULL) system_die_without_memory();
  return memory;
}

void system_die_without_memory(void) {
  fputs("rouse: out of memory\n", stderr);
  exit(1);
}
