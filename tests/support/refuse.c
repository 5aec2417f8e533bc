// refuse ERROR[:CALL,...] COMMAND [ARGUMENT...]
// refuse MEMLOCK COMMAND [ARGUMENT...]
//
// Runs COMMAND so that for it and its children the system calls named fail with ERROR, as they do
// in a container whose profile forbids them or on a kernel that does not have them. Without names:
// io_uring_setup. ERROR: EPERM, ENOSYS or ENOMEM.
//
// MEMLOCK: they may lock no memory, without the privilege to lock more. Kernels that charge rings
// to that limit refuse them with ENOMEM; for the others it is made to fail so.
//
// Exit status: COMMAND's; 2 for a usage error; 126 if the system has no seccomp filters; 127 if
// COMMAND can't be run.
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined __i386__
#define ARCHITECTURE AUDIT_ARCH_I386
#elif defined __riscv && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#else
#error "the audit number of this architecture is not known here"
#endif

// From Linux 5.1 on calls have the same number everywhere.
enum { IO_URING_SETUP = 425, EPOLL_PWAIT2 = 441 };
enum { CALLS_MOST = 16 };

static const struct {
  const char *name;
  int number;
} errors[] = {{"EPERM", EPERM}, {"ENOSYS", ENOSYS}, {"ENOMEM", ENOMEM}},
  calls[] = {
      {"io_uring_setup", IO_URING_SETUP},
      {"epoll_pwait2", EPOLL_PWAIT2},
      {"epoll_create1", SYS_epoll_create1},
      {"eventfd2", SYS_eventfd2},
      {"preadv2", SYS_preadv2},
      {"pwritev2", SYS_pwritev2},
};

static int usage(void) {
  fputs(
      "usage: refuse MEMLOCK|EPERM|ENOSYS|ENOMEM[:CALL,...] COMMAND [ARGUMENT...]\n"
      "CALL:",
      stderr);
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) fprintf(stderr, " %s", calls[i].name);
  fputc('\n', stderr);
  return 2;
}

static int error_of(const char *name, size_t length) {
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    if (strlen(errors[i].name) == length && !strncmp(errors[i].name, name, length)) {
      return errors[i].number;
    }
  }
  return -1;
}

static int call_of(const char *name) {
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    if (!strcmp(calls[i].name, name)) return calls[i].number;
  }
  return -1;
}

// The filter: another architecture's calls pass; those listed end with |error|.
static int install(const int *refused, int count, int error) {
  struct sock_filter program[CALLS_MOST * 2 + 4];
  unsigned short length = 0;
  program[length++] =
      (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0,
                                                   (uint8_t)(1 + 2 * count));
  program[length++] =
      (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (int i = 0; i < count; i++) {
    program[length++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)refused[i], 0, 1);
    program[length++] =
        (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error);
  }
  program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog filter = {.len = length, .filter = program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

// Takes away the privilege to lock memory, for good: whoever has all others does not get it back
// by running another program.
static int drop_privilege(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
  if (syscall(SYS_capget, &header, data)) return -1;
  const uint32_t others = ~CAP_TO_MASK(CAP_IPC_LOCK);
  if (data[0].effective & CAP_TO_MASK(CAP_SETPCAP)) {
    if (prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0)) return -1;
  }
  data[0].effective &= others;
  data[0].permitted &= others;
  data[0].inheritable &= others;
  return (int)syscall(SYS_capset, &header, data);
}

// Whether the kernel makes no ring under the limit.
static bool limit_is_charged(void) {
  uint32_t parameters[30] = {0};  // struct io_uring_params
  int ring = (int)syscall(IO_URING_SETUP, 1, parameters);
  if (ring < 0) return errno == ENOMEM;
  close(ring);
  return false;
}

static int refuse_locked_memory(void) {
  const struct rlimit none = {0, 0};
  const int calls_refused[] = {IO_URING_SETUP};
  if (setrlimit(RLIMIT_MEMLOCK, &none) || drop_privilege()) return -1;
  return limit_is_charged() ? 0 : install(calls_refused, 1, ENOMEM);
}

static int run(char **command) {
  execvp(command[0], command);
  fprintf(stderr, "refuse: %s: %s\n", command[0], strerror(errno));
  return 127;
}

int main(int argc, char **argv) {
  if (argc < 3) return usage();
  if (!strcmp(argv[1], "MEMLOCK")) {
    if (!refuse_locked_memory()) return run(argv + 2);
    perror("refuse: locked memory");
    return 126;
  }
  char *names = strchr(argv[1], ':');
  int error = error_of(argv[1], names ? (size_t)(names - argv[1]) : strlen(argv[1]));
  if (error < 0) return usage();
  int refused[CALLS_MOST] = {IO_URING_SETUP}, count = names ? 0 : 1;
  for (char *name = names ? strtok(names + 1, ",") : NULL; name; name = strtok(NULL, ",")) {
    int number = call_of(name);
    if (number < 0 || count == CALLS_MOST) return usage();
    refused[count++] = number;
  }
  if (!count) return usage();
  if (install(refused, count, error)) {
    perror("refuse: seccomp");
    return 126;
  }
  return run(argv + 2);
}
