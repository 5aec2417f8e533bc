// The system's part of the support: POSIX.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support.h"

// --- processes -----------------------------------------------------------------------------------

// What a forked child leaves behind is its parent's: the leak checker does not look there.
static bool in_child;
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) { return in_child; }

int test_in_child(void (*function)(void *), void *argument, char *output, size_t size) {
  int ends[2], status;
  check_system(pipe(ends));
  fflush(NULL);
  pid_t child = (pid_t)check_system(fork());
  if (child == 0) {
    in_child = true;
    close(ends[0]);
    dup2(ends[1], STDERR_FILENO);
    prctl(PR_SET_DUMPABLE, 0);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    signal(SIGABRT, SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
    function(argument);
    _exit(0);
  }
  close(ends[1]);
  size_t filled = 0;
  char spill[256];
  for (;;) {
    bool full = filled + 1 >= size;
    ssize_t got = full ? read(ends[0], spill, sizeof spill)
                       : read(ends[0], output + filled, size - filled - 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (!full) filled += (size_t)got;
  }
  if (size) output[filled] = 0;
  close(ends[0]);
  while (waitpid(child, &status, 0) < 0) check(errno == EINTR);
  return status;
}

static _Noreturn void live_on_a_leash(int leash, int code) {
  char byte;
  while (read(leash, &byte, 1) < 0) check(errno == EINTR);
  if (code < 0) kill(getpid(), -code);
  _exit(code);
}

// A later child holds the write ends of those before it.
void test_child_start(test_child *child, int code) {
  int ends[2];
  check_system(pipe(ends));
  fflush(NULL);
  pid_t pid = (pid_t)check_system(fork());
  if (!pid) {
    close(ends[1]);
    live_on_a_leash(ends[0], code);
  }
  close(ends[0]);
  *child = (test_child){.pid = pid, .leash = ends[1]};
}

void test_child_release(test_child *child) {
  if (child->leash) check_system(close(child->leash));
  child->leash = 0;
}

void test_child_reap(test_child *child) {
  while (waitpid((pid_t)child->pid, NULL, 0) < 0) {
    if (errno == ECHILD) return;
    check(errno == EINTR);
  }
}

bool test_was_aborted(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT; }
bool test_was_faulted(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV; }

void test_environment_set(const char *name, const char *value) {
  check_system(value ? setenv(name, value, 1) : unsetenv(name));
}

// --- files ---------------------------------------------------------------------------------------

void test_directory_make(char *path, size_t size) {
  const char *base = getenv("TMPDIR");
  snprintf(path, size, "%s/rouse-test-XXXXXX", base && *base ? base : "/tmp");
  check(mkdtemp(path));
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *at) {
  (void)status, (void)type, (void)at;
  return remove(path);
}

void test_directory_remove(const char *path) {
  check_system(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS));
}

rouse_fd test_directory_open(const char *path) {
  return (rouse_fd)check_system(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

bool test_status_of(const char *directory, const char *name, test_status *out_status) {
  struct stat status;
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  if (lstat(path, &status) != 0) {
    check(errno == ENOENT);
    return false;
  }
  *out_status = (test_status){.is_directory = S_ISDIR(status.st_mode),
                              .is_link = S_ISLNK(status.st_mode),
                              .size = (uint64_t)status.st_size,
                              .inode = status.st_ino,
                              .links = status.st_nlink};
  return true;
}

rouse_fd test_file_unnamed(void) {
  return (rouse_fd)check_system(memfd_create("test", MFD_CLOEXEC));
}

int64_t test_file_read(rouse_fd fd, void *buffer, size_t size, uint64_t offset) {
  return check_system(pread(fd, buffer, size, (off_t)offset));
}

// --- descriptors ---------------------------------------------------------------------------------

void test_pipe(rouse_fd ends[2]) { check_system(pipe2(ends, O_CLOEXEC)); }

void test_pair(rouse_fd ends[2]) {
  check_system(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
}

void test_put(rouse_fd fd, char byte) { check_equal(write(fd, &byte, 1), 1); }

char test_take(rouse_fd fd) {
  char byte;
  check_equal(read(fd, &byte, 1), 1);
  return byte;
}

bool test_has_input(rouse_fd fd) {
  struct pollfd waiting = {.fd = fd, .events = POLLIN};
  return check_system(poll(&waiting, 1, 0)) == 1 && (waiting.revents & POLLIN);
}

rouse_fd test_duplicate(rouse_fd fd) { return (rouse_fd)check_system(dup(fd)); }

void test_close(rouse_fd fd) { check_system(close(fd)); }

// The C library may look into /sys at a thread's first allocation, by the lowest number that is
// free.
bool test_is_open(rouse_fd fd) {
  struct statfs system;
  return !fstatfs(fd, &system) && system.f_type != SYSFS_MAGIC;
}

bool test_is_inherited(rouse_fd fd) { return (check_system(fcntl(fd, F_GETFD)) & FD_CLOEXEC) == 0; }

rouse_fd test_socket(int family) {
  return (rouse_fd)check_system(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

void test_socket_set_waits(rouse_fd fd, bool waits) {
  int flags = (int)check_system(fcntl(fd, F_GETFL));
  check_system(fcntl(fd, F_SETFL, waits ? flags & ~O_NONBLOCK : flags | O_NONBLOCK));
}

void test_socket_reset_on_close(rouse_fd fd) {
  const struct linger at_once = {1, 0};
  check_system(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
}

void test_socket_narrow(rouse_fd fd) {
  const int size = 65536;
  check_system(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
  check_system(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size));
}

bool test_socket_sends_at_once(rouse_fd fd) {
  int on = 0;
  socklen_t size = sizeof on;
  check_system(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size));
  return on != 0;
}

int open_descriptors(void) {
  DIR *directory = opendir("/proc/self/fd");
  check(directory);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(directory));) {
    count += entry->d_name[0] != '.' && test_is_open(atoi(entry->d_name));
  }
  closedir(directory);
  return count;
}

int test_descriptors_most(void) {
  struct rlimit limit;
  check_system(getrlimit(RLIMIT_NOFILE, &limit));
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  check_system(getrlimit(RLIMIT_NOFILE, &limit));
  return limit.rlim_cur < 1000000 ? (int)limit.rlim_cur : 1000000;
}
