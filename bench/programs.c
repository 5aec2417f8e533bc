// Starting other programs, and the servers of examples/ among them.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "server.h"

pid_t bench_launch(const char *program, char *const *arguments, int output, int processor) {
  fflush(NULL);
  pid_t parent = getpid(), child = fork();
  if (child) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  if (processor >= 0) bench_pin((unsigned)processor);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execvp(program, arguments);
  // The same program under another name, which Debian has in another package.
  if (!strcmp(program, "redis-server")) execvp("redis-check-rdb", arguments);
  _exit(BENCH_SERVER_ABSENT);
}

void bench_read_text(int fd, char *text, size_t size, bool one_line) {
  size_t used = 0;
  while (used + 1 < size) {
    ssize_t got = read(fd, text + used, one_line ? 1 : size - 1 - used);
    if (got <= 0) break;
    used += (size_t)got;
    if (one_line && text[used - 1] == '\n') break;
  }
  text[used] = '\0';
}

const char *bench_start_example(const char *program, const char *name, const char *backend,
                                int loops, int processor, pid_t *out_server, int *out_port) {
  if (!program) return "no program given";
  char count[16], line[256], got[32];
  snprintf(count, sizeof count, "%d", loops);
  char *arguments[] = {(char *)(uintptr_t)name,    "--port", "0", "--loops", count, "--backend",
                       (char *)(uintptr_t)backend, NULL};
  int ends[2];
  if (pipe(ends)) return "no pipe";
  *out_server = bench_launch(program, arguments, ends[1], processor);
  close(ends[1]);
  bench_read_text(ends[0], line, sizeof line, true);
  close(ends[0]);
  if (sscanf(line, "%*[^:]: ready on 127.0.0.1:%d (%31[^,]", out_port, got) != 2) {
    return bench_absent;
  }
  return strcmp(got, backend) ? "the server has taken another backend" : NULL;
}
