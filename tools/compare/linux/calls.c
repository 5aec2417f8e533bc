// System calls, counted by ptrace: a child process plays, and its parent stops it at the entry of
// every system call of every thread.
//
// That slows the child down, so nothing that depends on time may be in what it does: its loops do
// not watch before they sleep, and each task always waits for the other.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

enum { ROUNDS = 100, SECONDS_MAX = 20, THREADS_MAX = 32 };

// What child and parent share.
typedef struct shared {
  measure_counter counter;
  volatile pid_t loops[2];  // the threads of the loops
  char problem[FIGURE_GAP_SIZE];
} shared;

typedef struct play {
  const approach *approach;
  uint32_t loops;
  shared *shared;
} play;

static int64_t tell_thread(void *argument) {
  *(volatile pid_t *)argument = (pid_t)syscall(SYS_gettid);
  return 0;
}

static int64_t play_main(void *argument) {
  play *play = argument;
  for (uint32_t index = 0; index < play->loops; index++) {
    rouse_task *task;
    int failed = rouse_task_spawn(&task, rouse_run_loop(index), tell_thread,
                                  (void *)(uintptr_t)&play->shared->loops[index]);
    if (failed == ROUSE_DONE) rouse_task_join(task, NULL);
  }
  const char *problem =
      measure_ping_pong(play->approach, play->loops, ROUNDS, &play->shared->counter);
  if (problem != NULL) snprintf(play->shared->problem, FIGURE_GAP_SIZE, "%s", problem);
  return problem != NULL;
}

// Never returns: the child must run none of what the parent has registered for its own end.
static _Noreturn void child_main(play *play) {
  alarm(SECONDS_MAX);
  if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
    snprintf(play->shared->problem, FIGURE_GAP_SIZE, "not available here: ptrace: %s",
             strerror(errno));
    _exit(1);
  }
  raise(SIGSTOP);
  rouse_run_options options = {.loops = play->loops,
                               .loop = {.backend = measure_backend(), .spin_ns = -1}};
  int64_t result = 0;
  int failed = rouse_run(&options, play_main, play, &result);
  if (failed < 0)
    snprintf(play->shared->problem, FIGURE_GAP_SIZE, "%s", rouse_error_message(failed));
  _exit(failed < 0 || result != 0);
}

// A traced thread, and which kind of call it is in.
typedef struct tracee {
  pid_t id;
  bool inside, sleeps;
} tracee;

static tracee *find(tracee *tracees, pid_t id) {
  for (int index = 0; index < THREADS_MAX; index++) {
    if (tracees[index].id == 0) tracees[index].id = id;
    if (tracees[index].id == id) return &tracees[index];
  }
  return NULL;
}

// The beginning of what the kernel tells about a call. C libraries differ in the name of the type.
typedef struct call_info {
  uint8_t stop, spare[3];
  uint32_t architecture;
  uint64_t instruction, stack, number, arguments[6];
} call_info;
static const int GET_CALL_INFO = 0x420e;

// Whether |id|, which stands before a system call, is going to sleep in it. A kernel before 5.3
// can't be asked: then nobody seems to sleep, and the playing threads wait for some time instead.
static bool is_sleeping_call(pid_t id) {
  call_info info;
  memset(&info, 0, sizeof info);
  if (ptrace(GET_CALL_INFO, id, (void *)sizeof info, &info) <= 0) return false;
  switch ((long)info.number) {
    case SYS_io_uring_enter:
#ifdef SYS_epoll_wait
    case SYS_epoll_wait:
#endif
    case SYS_epoll_pwait:
#ifdef SYS_epoll_pwait2
    case SYS_epoll_pwait2:
#endif
#ifdef SYS_poll
    case SYS_poll:
#endif
    case SYS_ppoll:
      return true;
    default:
      return false;
  }
}

// |who| stands before a call or behind it.
static void pass(tracee *who, shared *shared, int64_t *entries) {
  if (who->inside) {
    if (who->sleeps) shared->counter.asleep--;
    who->inside = who->sleeps = false;
    return;
  }
  who->inside = true;
  bool loops = who->id == shared->loops[0] || who->id == shared->loops[1];
  who->sleeps = loops && is_sleeping_call(who->id);
  if (who->sleeps) shared->counter.asleep++;
  *entries += shared->counter.counting != 0;
}

// Lets |child| and its threads go from system call to system call until it has ended. The number of
// entries while it was counting, or less than 0 if it ended badly.
static int64_t trace(pid_t child, shared *shared) {
  tracee tracees[THREADS_MAX] = {{0}};
  int64_t entries = 0;
  int status;
  if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return -1;
  ptrace(PTRACE_SETOPTIONS, child, NULL,
         (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL));
  ptrace(PTRACE_SYSCALL, child, NULL, NULL);
  for (;;) {
    pid_t who = waitpid(-1, &status, __WALL);
    if (who < 0) return -1;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (who != child) continue;
      return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? entries : -1;
    }
    int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) {
      tracee *tracee = find(tracees, who);
      if (tracee != NULL) pass(tracee, shared, &entries);
      signal = 0;
    } else if (signal == SIGTRAP || signal == SIGSTOP) {
      signal = 0;  // a new thread, or its first stop
    }
    ptrace(PTRACE_SYSCALL, who, NULL, (void *)(intptr_t)signal);
  }
}

static void count(const approach *approach, uint32_t loops, shared *shared, figure *out) {
  play play = {approach, loops, shared};
  memset(shared, 0, sizeof *shared);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) child_main(&play);
  if (child < 0) {
    figure_gap(out, "not available here: no process can be started");
    return;
  }
  int64_t calls = trace(child, shared);
  if (calls < 0) {
    figure_gap(out, shared->problem[0] != 0 ? shared->problem : "the traced process did not end");
    return;
  }
  // Each round has two waits, one on either side.
  samples samples = {.count = 0};
  samples_add(&samples, (double)calls / (2.0 * ROUNDS));
  figure_summarize(out, &samples);
}

void machine_count_calls(const approach *approach, figure *local, figure *cross) {
  shared *shared =
      mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    figure_gap(local, "no memory");
    figure_gap(cross, "no memory");
    return;
  }
  count(approach, 1, shared, local);
  if ((approach->can & APPROACH_LOOPS) != 0) {
    count(approach, 2, shared, cross);
  } else {
    figure_gap(cross, "one loop only");
  }
  munmap(shared, sizeof *shared);
}
