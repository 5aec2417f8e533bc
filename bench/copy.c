// `rouse copy` against `cp -a`, on a tree that lies in the page cache.
//
// The tree is made once for each place, in a temporary directory, and removed at the end: some
// thousand small files in some hundred directories, and a few large ones. Each run copies it to a
// fresh place; only the copy is timed, the removal is not. In memory (tmpfs) the figure is about
// the program; on a disk it is also about how the system writes back what it has taken.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum { DIRECTORIES = 200, FILES_EACH = 25, LARGE_FILES = 4 };
enum { SMALL_MOST = 16384, LARGE_SIZE = 16 << 20 };
static const uint64_t MEMORY_LEAST = UINT64_C(1) << 29;

extern char **environ;

enum { DISK, MEMORY, PLACES };

// The temporary directories; empty: not made.
static struct place {
  char path[PATH_MAX];
  const char *failed;
} places[PLACES];
static char buffer[65536];

// --- the tree ------------------------------------------------------------------------------------

static int remove_entry(const char *path, const struct stat *status, int flag, struct FTW *ftw) {
  (void)status, (void)flag, (void)ftw;
  return remove(path);
}

static void remove_tree(const char *path) { nftw(path, remove_entry, 32, FTW_DEPTH | FTW_PHYS); }

static void remove_places(void) {
  for (int i = 0; i < PLACES; i++) {
    if (places[i].path[0]) remove_tree(places[i].path);
  }
}

static bool write_file(const char *path, size_t size) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  while (size) {
    size_t part = size < sizeof buffer ? size : sizeof buffer;
    ssize_t written = write(fd, buffer, part);
    if (written <= 0) break;
    size -= (size_t)written;
  }
  return close(fd) == 0 && !size;
}

static bool fill_directory(const char *path, uint32_t *seed) {
  char name[PATH_MAX + 32];
  if (mkdir(path, 0755)) return false;
  for (int i = 0; i < FILES_EACH; i++) {
    *seed = *seed * 1664525 + 1013904223;
    snprintf(name, sizeof name, "%s/file-%02d", path, i);
    if (!write_file(name, (*seed >> 16) % SMALL_MOST)) return false;
  }
  return true;
}

static bool fill_tree(const char *source) {
  char name[PATH_MAX];
  uint32_t seed = 1;
  int files = bench_option.quick ? DIRECTORIES / 10 : DIRECTORIES;
  for (size_t i = 0; i < sizeof buffer; i++) buffer[i] = (char)(i * 31 + (i >> 8));
  if (mkdir(source, 0755)) return false;
  for (int i = 0; i < files; i++) {
    snprintf(name, sizeof name, "%.*s/directory-%03d", PATH_MAX - 32, source, i);
    if (!fill_directory(name, &seed)) return false;
  }
  for (int i = 0; i < LARGE_FILES && !bench_option.quick; i++) {
    snprintf(name, sizeof name, "%.*s/large-%d", PATH_MAX - 32, source, i);
    if (!write_file(name, LARGE_SIZE)) return false;
  }
  return true;
}

static const char *base_of(long which) {
  struct statvfs room;
  const char *base = getenv("TMPDIR");
  if (which == DISK) return base && *base ? base : "/tmp";
  if (statvfs("/dev/shm", &room)) return NULL;
  return (uint64_t)room.f_bavail * room.f_frsize >= MEMORY_LEAST ? "/dev/shm" : NULL;
}

static const char *make_place(struct place *place, const char *base) {
  static bool registered;
  char source[PATH_MAX];
  if (place->path[0] || place->failed) return place->failed;
  if (!base) return place->failed = "no file system in memory with enough room";
  snprintf(place->path, sizeof place->path - 16, "%s/rouse-bench-XXXXXX", base);
  if (!mkdtemp(place->path)) {
    place->path[0] = 0;
    return place->failed = "no temporary directory";
  }
  if (!registered) atexit(remove_places);
  registered = true;
  snprintf(source, sizeof source, "%.*s/source", PATH_MAX - 16, place->path);
  return place->failed = fill_tree(source) ? NULL : "the tree could not be made";
}

// --- the runs ------------------------------------------------------------------------------------

// Where the tool is: named, or beside this program, or in the build tree above it.
static bool find_tool(char tool[PATH_MAX]) {
  if (bench_option.tool) {
    snprintf(tool, PATH_MAX, "%s", bench_option.tool);
    return access(tool, X_OK) == 0;
  }
  static const char *const names[] = {"rouse", "../rouse", "../tools/rouse"};
  char self[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length <= 0) return false;
  self[length] = 0;
  char *slash = strrchr(self, '/');
  if (slash) *slash = 0;
  for (size_t i = 0; i < BENCH_COUNT(names); i++) {
    struct stat status;
    snprintf(tool, PATH_MAX, "%.*s/%s", PATH_MAX - 32, self, names[i]);
    if (stat(tool, &status) == 0 && S_ISREG(status.st_mode) && access(tool, X_OK) == 0) return true;
  }
  return false;
}

static const char *time_command(char *const *command, double *out_ms) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child;
  int status = 0;
  int64_t begin_ns = rouse_now_ns();
  int error = posix_spawnp(&child, command[0], &actions, NULL, command, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error) return "the command could not be started";
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  *out_ms = (double)(rouse_now_ns() - begin_ns) / 1e6;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? NULL : "the command failed";
}

enum { CP, ROUSE };

// a: which command, b: loops, c: where.
static const char *copy(const bench_case *self, bench_sample *out) {
  char tool[PATH_MAX] = "cp", source[PATH_MAX], target[PATH_MAX], loops[16];
  if (self->a == ROUSE && !find_tool(tool)) return "no rouse command: build it, or give --tool";
  struct place *place = &places[self->c];
  const char *problem = make_place(place, base_of(self->c));
  if (problem) return problem;
  snprintf(source, sizeof source, "%.*s/source", PATH_MAX - 16, place->path);
  snprintf(target, sizeof target, "%.*s/target", PATH_MAX - 16, place->path);
  snprintf(loops, sizeof loops, "%ld", self->b);
  char *cp[] = {tool, (char *)"-a", source, target, NULL};
  char *rouse[] = {tool, (char *)"copy", (char *)"--loops", loops, source, target, NULL};
  problem = time_command(self->a == CP ? cp : rouse, &out->value);
  remove_tree(target);
  return problem;
}

#define CASES(where)                                                                               \
  {"rouse copy, two loops", copy, .a = ROUSE, .b = 2, .c = (where)},                               \
      {"rouse copy, one loop", copy, .a = ROUSE, .b = 1, .c = (where)}, {                          \
    "cp -a", copy, .a = CP, .c = (where)                                                           \
  }
static const bench_case memory_cases[] = {CASES(MEMORY)};
static const bench_case disk_cases[] = {CASES(DISK)};
static const bench_aim aims[] = {{0, 2, 1.0, 0, NULL, 0}};

static const bench_workload workloads[] = {
    {"copy.memory", "copy in /dev/shm: 5,000 small files and 4 of 16 MiB (quick: 500 small)", "ms",
     BENCH_CASES(memory_cases), BENCH_AIMS(aims), 0},
    {"copy.disk", "the same in TMPDIR or /tmp, warm", "ms", BENCH_CASES(disk_cases),
     BENCH_AIMS(aims), 5},
};
const bench_suite bench_copy = {workloads, BENCH_COUNT(workloads)};
