// What a POSIX system tells about itself.
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"

// The processor's name, where the system has it in a file.
static void describe_processor(results *results) {
  static const char *const keys[] = {"model name", "Model", "uarch", "cpu model"};
  char line[COMPARE_TEXT_SIZE];
  FILE *file = fopen("/proc/cpuinfo", "r");
  if (file == NULL) return;
  while (results->processor[0] == 0 && fgets(line, sizeof line, file) != NULL) {
    char *value = strstr(line, ": ");
    for (size_t index = 0; value != NULL && index < sizeof keys / sizeof *keys; index++) {
      if (strncmp(line, keys[index], strlen(keys[index])) != 0) continue;
      value[strcspn(value, "\n")] = 0;
      snprintf(results->processor, sizeof results->processor, "%s", value + 2);
    }
  }
  fclose(file);
}

void machine_describe(results *results) {
  struct utsname name;
  if (uname(&name) == 0) {
    snprintf(results->system, sizeof results->system, "%s", name.sysname);
    snprintf(results->release, sizeof results->release, "%s", name.release);
    snprintf(results->machine, sizeof results->machine, "%s", name.machine);
  }
  describe_processor(results);
}

double machine_load(void) {
  double load;
  return getloadavg(&load, 1) == 1 ? load : -1;
}

bool machine_is_terminal_error(void) { return isatty(STDERR_FILENO) == 1; }

int64_t machine_cpu_ns(void) {
  struct timespec used;
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0) return -1;
  return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

int machine_new_file_flags(void) { return O_RDWR | O_CREAT | O_EXCL; }

char *machine_replaceable(const char *path) {
  struct stat status;
  // A link that leads nowhere is written through, not replaced.
  if (lstat(path, &status) != 0) return strdup(path);
  if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) return NULL;
  return realpath(path, NULL);
}

FILE *machine_create(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  return fd < 0 ? NULL : fdopen(fd, "wb");
}

bool machine_replace(const char *from, const char *to) {
  struct stat status;
  if (stat(to, &status) == 0) chmod(from, status.st_mode & 0777);
  return rename(from, to) == 0;
}

const char *machine_temporary_directory(void) { return "/tmp"; }

uint32_t machine_loopback(void *address, uint32_t size, uint16_t port) {
  struct sockaddr_in inet = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (size < sizeof inet) return 0;
  memcpy(address, &inet, sizeof inet);
  return sizeof inet;
}
