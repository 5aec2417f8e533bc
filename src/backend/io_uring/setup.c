// Setting up a ring on whatever kernel this is.
//
// Kernels refuse a set-up that has a flag they don't know, with EINVAL and without saying which. So
// it is tried with all that is wanted, then with one group of flags less each time, in the order in
// which kernels learned them, newest first. ENOMEM asks for a smaller ring. Any other refusal is
// final.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/io_uring/ordering.h"
#include "backend/io_uring/ring.h"
#include "platform/platform.h"

enum { ENTRIES_LEAST = 4, ENTRIES_MOST = 32768, COMPLETIONS_PER_ENTRY = 4 };

int (*rouse__uring_enter)(unsigned fd, unsigned submit, unsigned wait, unsigned flags,
                          sigset_t *argument, size_t argument_size) = io_uring_enter2;

int rouse__uring_go(struct io_uring *ring, unsigned submit, unsigned wait, unsigned flags,
                    struct __kernel_timespec *limit) {
  struct io_uring_getevents_arg argument = {.sigmask_sz = _NSIG / 8, .ts = (uintptr_t)limit};
  if (ring->enter_ring_fd != ring->ring_fd) flags |= IORING_ENTER_REGISTERED_RING;
  if (wait) flags |= IORING_ENTER_GETEVENTS;
  unsigned fd = (unsigned)ring->enter_ring_fd;
  if (!limit) return rouse__uring_enter(fd, submit, wait, flags, NULL, _NSIG / 8);
  flags |= IORING_ENTER_EXT_ARG;
  return rouse__uring_enter(fd, submit, wait, flags, (void *)&argument, sizeof argument);
}

// --- doing without -------------------------------------------------------------------------------

int rouse__uring_without(uint32_t *out_without, char *reason, size_t reason_size) {
  static const char *const names[] = {
      "ring",       "setup_flags", "multishot",        "eventfd",
      "futex",      "msg_ring",    "cqe_skip",         "registered_ring",
      "file_names", "send_zc",     "multishot_accept", "multishot_receive",
      "links",      "registered"};
  *out_without = 0;
  const char *text = rouse__environment("ROUSE_IO_URING_WITHOUT");
  while (text && *text) {
    size_t length = strcspn(text, ",");
    size_t i = 0;
    while (i < sizeof names / sizeof *names &&
           (strlen(names[i]) != length || memcmp(names[i], text, length))) {
      i++;
    }
    if (i == sizeof names / sizeof *names) {
      snprintf(reason, reason_size, "ROUSE_IO_URING_WITHOUT has an unknown word: %.*s", (int)length,
               text);
      return ROUSE_EINVAL;
    }
    *out_without |= 1U << i;
    text += length;
    text += *text == ',';
  }
  return 0;
}

// --- flags ---------------------------------------------------------------------------------------

static const struct {
  unsigned flag;
  const char *name;
} flag_names[] = {
    {IORING_SETUP_SINGLE_ISSUER, "SINGLE_ISSUER"},
    {IORING_SETUP_DEFER_TASKRUN, "DEFER_TASKRUN"},
    {IORING_SETUP_COOP_TASKRUN, "COOP_TASKRUN"},
    {IORING_SETUP_TASKRUN_FLAG, "TASKRUN_FLAG"},
    {IORING_SETUP_SUBMIT_ALL, "SUBMIT_ALL"},
    {IORING_SETUP_CQSIZE, "CQSIZE"},
    {IORING_SETUP_CLAMP, "CLAMP"},
};

// What is dropped, in turn.
static const unsigned groups[] = {
    IORING_SETUP_DEFER_TASKRUN,                             // Linux 6.1
    IORING_SETUP_SINGLE_ISSUER,                             // 6.0
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,  // 5.19
    IORING_SETUP_SUBMIT_ALL,                                // 5.18
};
enum { GROUPS = sizeof groups / sizeof *groups };
static const unsigned FLAGS_KEPT = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;

void rouse__uring_flag_names(unsigned flags, char *text, size_t size) {
  size_t used = 0;
  if (size) *text = 0;
  for (size_t i = 0; i < sizeof flag_names / sizeof *flag_names && used < size; i++) {
    if (!(flags & flag_names[i].flag)) continue;
    int length = snprintf(text + used, size - used, "%s%s", used ? " " : "", flag_names[i].name);
    used += (size_t)length;
  }
}

// --- reasons -------------------------------------------------------------------------------------

static int disabled_setting(void) {
  char digit = 0;
  int fd = open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t size = read(fd, &digit, 1);
  close(fd);
  return size == 1 && digit >= '1' && digit <= '9' ? digit - '0' : 0;
}

static int refused(int error, char *reason, size_t size) {
  int setting = error == EPERM ? disabled_setting() : 0;
  if (setting) {
    snprintf(reason, size, "io_uring_setup is refused: kernel.io_uring_disabled is %d", setting);
  } else if (error == EPERM) {
    snprintf(reason, size,
             "io_uring_setup is refused, by a security policy or a container's filter");
  } else if (error == ENOSYS) {
    snprintf(reason, size, "the kernel has no io_uring, or a filter hides it");
  } else if (error == ENOMEM) {
    snprintf(reason, size, "no memory for the smallest ring; see RLIMIT_MEMLOCK");
  } else {
    snprintf(reason, size, "io_uring_setup failed: %s", strerror(error));
  }
  return rouse_error_from_system(error);
}

__attribute__((format(printf, 2, 3))) static void note(struct rouse__uring_setup *setup,
                                                       const char *format, ...) {
  size_t used = strlen(setup->refused);
  if (used && used + 2 < sizeof setup->refused) {
    memcpy(setup->refused + used, ", ", 3);
    used += 2;
  }
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(setup->refused + used, sizeof setup->refused - used, format, arguments);
  va_end(arguments);
}

// --- set-up --------------------------------------------------------------------------------------

static int try_flags(struct io_uring *ring, unsigned entries, unsigned flags,
                     struct io_uring_params *out_parameters) {
  memset(out_parameters, 0, sizeof *out_parameters);
  out_parameters->flags = flags | FLAGS_KEPT;
  out_parameters->cq_entries = entries * COMPLETIONS_PER_ENTRY;
  return -io_uring_queue_init_params(entries, ring, out_parameters);
}

// Drops flags, then size, until the kernel agrees. A positive errno value if it never does.
static int negotiate(struct io_uring *ring, unsigned entries, uint32_t without,
                     struct rouse__uring_setup *setup, struct io_uring_params *out_parameters) {
  unsigned flags = 0;
  for (int i = 0; i < GROUPS; i++) flags |= groups[i];
  if (without & ROUSE__URING_WITHOUT_SETUP_FLAGS) {
    note(setup, "none, as ROUSE_IO_URING_WITHOUT asks");
    flags = 0;
  }
  for (int group = 0;;) {
    int error = try_flags(ring, entries, flags, out_parameters);
    if (error == EINVAL && flags) {
      char names[ROUSE__URING_REASON_SIZE];
      rouse__uring_flag_names(groups[group], names, sizeof names);
      note(setup, "no %s", names);
      flags &= ~groups[group++];
    } else if (error == ENOMEM && entries > ENTRIES_LEAST) {
      entries /= 2;
    } else {
      return error;
    }
  }
}

static const char *missing_feature(unsigned features) {
  if (!(features & IORING_FEAT_NODROP)) return "NODROP";
  if (!(features & IORING_FEAT_RW_CUR_POS)) return "RW_CUR_POS";
  if (!(features & IORING_FEAT_FAST_POLL)) return "FAST_POLL";
  if (!(features & IORING_FEAT_EXT_ARG)) return "EXT_ARG";
  return NULL;
}

void rouse__uring_exit(struct io_uring *ring) {
  ROUSE__URING_SENDS(true);  // the memory may become another thread's ring
  io_uring_queue_exit(ring);
}

int rouse__uring_set_up(struct io_uring *ring, uint32_t entries, uint32_t without,
                        struct rouse__uring_setup *out_setup, char *reason, size_t reason_size) {
  struct io_uring_params parameters;
  memset(out_setup, 0, sizeof *out_setup);
  if (entries < ENTRIES_LEAST) entries = ENTRIES_LEAST;
  if (entries > ENTRIES_MOST) entries = ENTRIES_MOST;
  if (without & ROUSE__URING_WITHOUT_RING) return refused(ENOSYS, reason, reason_size);
  int error = negotiate(ring, entries, without, out_setup, &parameters);
  if (error) return refused(error, reason, reason_size);
  const char *missing = missing_feature(parameters.features);
  if (missing) {
    snprintf(reason, reason_size, "the kernel's io_uring is too old: it lacks %s", missing);
    rouse__uring_exit(ring);
    return ROUSE_ENOSYS;
  }
  ROUSE__URING_RECEIVED(true);  // the memory may have been another thread's ring
  if (ring->sq.array) {
    for (unsigned i = 0; i < ring->sq.ring_entries; i++) ring->sq.array[i] = i;
  }
  // Saves the look-up of the descriptor in each system call. Not having it changes nothing else.
  if (!(without & ROUSE__URING_WITHOUT_REGISTERED_RING)) io_uring_register_ring_fd(ring);
  out_setup->flags = parameters.flags;
  out_setup->entries = parameters.sq_entries;
  if (out_setup->entries < entries)
    note(out_setup, "%u entries instead of %u", out_setup->entries, entries);
  return 0;
}
