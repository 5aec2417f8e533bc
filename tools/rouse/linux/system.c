// What the tool needs of Linux besides files.
#define _GNU_SOURCE
#include "system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

const char *const system_backends[] = {"io_uring", "epoll", "poll", NULL};
const char system_backends_text[] = "io_uring, epoll or poll";

void system_describe(system_about *about) {
  struct utsname system;
  memset(&system, 0, sizeof system);
  uname(&system);
  snprintf(about->name, sizeof about->name, "%.63s", system.sysname);
  snprintf(about->release, sizeof about->release, "%.63s", system.release);
  snprintf(about->machine, sizeof about->machine, "%.63s", system.machine);
}

uint32_t system_processors(void) {
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  return processors < 1 ? 1 : (uint32_t)processors;
}

void system_start(void) {
  signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes is a failed write, not the end
  signal(SIGPIPE, SIG_IGN);  // and a reader who is gone one as well
}

bool system_shows_progress(void) { return isatty(STDERR_FILENO) == 1; }

bool system_is_privileged(void) { return geteuid() == 0; }

int64_t system_descriptors_max(void) {
  struct rlimit limit = {.rlim_cur = 1024};
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur > 1 << 20 ? 1 << 20 : (int64_t)limit.rlim_cur;
}

int64_t system_descriptors_open(void) {
  int64_t count = 0;
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

void system_random(void *bytes, size_t size) {
  // Never fails for few bytes once the system is up.
  while (getrandom(bytes, size, 0) != (ssize_t)size) {
  }
}

void *system_allocate_aligned(size_t alignment, size_t size) {
  return aligned_alloc(alignment, size);
}

void system_free_aligned(void *memory) { free(memory); }

// --- signals -------------------------------------------------------------------------------------

enum { ONE_ORDER_MS = 500 };

static _Atomic int caught;
static _Atomic uint32_t first_ms;  // when the first came; 0: none has
static _Atomic(_Atomic bool *) stop_flag;

// Milliseconds of a clock that starts anywhere, never 0. For differences.
static uint32_t clock_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return ((uint32_t)now.tv_sec * 1000 + (uint32_t)(now.tv_nsec / 1000000)) | 1;
}

// The first signal asks for an orderly end. What comes within half a second is the same order, told
// twice: timeout(1) tells its child and then the child's group, a terminal its group and then
// whoever passes it on. One that comes later ends the process: its action is the default again, and
// it is raised anew, to act when this returns. Nothing but what a handler may call.
static void on_signal(int number) {
  uint32_t now = clock_ms(), first = 0;
  // RELAXED: there is nothing but the time itself.
  if (!atomic_compare_exchange_strong_explicit(&first_ms, &first, now, memory_order_relaxed,
                                               memory_order_relaxed)) {
    // As signed: another thread's clock may have been read before.
    if ((int32_t)(now - first) < ONE_ORDER_MS) return;
    signal(number, SIG_DFL);
    raise(number);
    return;
  }
  // RELAXED: a note for the thread that has started the copy; the run's end orders it.
  atomic_store_explicit(&caught, number, memory_order_relaxed);
  // RELAXED: set before the handler was.
  _Atomic bool *flag = atomic_load_explicit(&stop_flag, memory_order_relaxed);
  // RELAXED: a wish; see walk_stopped().
  if (flag != NULL) atomic_store_explicit(flag, true, memory_order_relaxed);
}

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { SIGNALS = sizeof signals / sizeof *signals };
static struct sigaction before[SIGNALS];

void system_interrupts_catch(_Atomic bool *stop) {
  // RELAXED: read by the handler, which is installed after it.
  atomic_store_explicit(&stop_flag, stop, memory_order_relaxed);
  // RELAXED: as above.
  atomic_store_explicit(&caught, 0, memory_order_relaxed);
  // RELAXED: as above.
  atomic_store_explicit(&first_ms, 0, memory_order_relaxed);
  for (int index = 0; index < SIGNALS; index++) {
    sigaction(signals[index], NULL, &before[index]);
    if (before[index].sa_handler == SIG_IGN) continue;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(signals[index], &action, NULL);
  }
}

int system_interrupts_caught(void) {
  // RELAXED: for whoever has seen the flag, or is told of it later.
  int number = atomic_load_explicit(&caught, memory_order_relaxed);
  return number == 0 ? 0 : 128 + number;
}

int system_interrupts_release(void) {
  // After one has come its like are still the same order, while what there is to tell is told.
  for (int index = 0; index < SIGNALS && system_interrupts_caught() == 0; index++) {
    sigaction(signals[index], &before[index], NULL);
  }
  // RELAXED: the run has ended, and with it all threads but this one.
  atomic_store_explicit(&stop_flag, NULL, memory_order_relaxed);
  return system_interrupts_caught();
}

// --- places --------------------------------------------------------------------------------------

int system_temporary_directory(const char *prefix, char **out_path) {
  const char *base = getenv("TMPDIR");
  if (asprintf(out_path, "%s/%s-XXXXXX", base != NULL && *base != 0 ? base : "/tmp", prefix) < 0) {
    system_die_without_memory();
  }
  return mkdtemp(*out_path) != NULL ? 0 : rouse_error_from_system(errno);
}

double system_free_bytes(const char *path) {
  struct statvfs system;
  if (statvfs(path, &system) != 0) return 0;
  return (double)system.f_bavail * (double)system.f_frsize;
}

const char *const *system_usual_trees(void) {
  static const char *const trees[] = {"/usr/include",    "/usr/share/doc", "/usr/lib/python3",
                                      "/usr/share/perl", "/etc",           NULL};
  return trees;
}
