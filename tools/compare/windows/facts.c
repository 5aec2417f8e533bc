// What Windows tells about itself; and Wine, which says so.
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <winsock2.h>
// After winsock2.h.
#include <windows.h>

#include "measure.h"

// The version that Wine says it is, or NULL: this is Windows.
static const char *wine_version(void) {
  typedef const char *version_fn(void);
  HMODULE module = GetModuleHandleA("ntdll.dll");
  FARPROC found = module != NULL ? GetProcAddress(module, "wine_get_version") : NULL;
  version_fn *version = NULL;
  if (found == NULL) return NULL;
  memcpy(&version, &found, sizeof version);
  return version();
}

static void describe_release(results *results) {
  typedef LONG(WINAPI * version_fn)(OSVERSIONINFOW *);
  OSVERSIONINFOW info = {.dwOSVersionInfoSize = sizeof info};
  HMODULE module = GetModuleHandleA("ntdll.dll");
  FARPROC found = module != NULL ? GetProcAddress(module, "RtlGetVersion") : NULL;
  version_fn version = NULL;
  memcpy(&version, &found, sizeof version);
  if (version == NULL || version(&info) != 0) return;
  snprintf(results->release, sizeof results->release, "%lu.%lu.%lu", info.dwMajorVersion,
           info.dwMinorVersion, info.dwBuildNumber);
}

void machine_describe(results *results) {
  const char *wine = wine_version();
  SYSTEM_INFO info;
  GetNativeSystemInfo(&info);
  snprintf(results->system, sizeof results->system, "%s", "Windows");
  describe_release(results);
  snprintf(results->machine, sizeof results->machine, "%s",
           info.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_AMD64 ? "x86_64" : "arm64");
  DWORD size = sizeof results->processor;
  RegGetValueA(HKEY_LOCAL_MACHINE, "HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0",
               "ProcessorNameString", RRF_RT_REG_SZ, NULL, results->processor, &size);
  if (wine == NULL) return;
  snprintf(results->system, sizeof results->system, "Wine %s as Windows", wine);
  snprintf(results->caveat, sizeof results->caveat,
           "This is Wine: the times say that everything ran, and nothing about speed on Windows.");
}

double machine_load(void) { return -1; }

bool machine_is_terminal_error(void) { return _isatty(_fileno(stderr)) != 0; }

// A thread's processor time has steps of milliseconds here, too coarse to measure with.
int64_t machine_cpu_ns(void) { return -1; }

int machine_new_file_flags(void) { return _O_RDWR | _O_CREAT | _O_EXCL | _O_BINARY; }

char *machine_replaceable(const char *path) {
  struct _stat64 status;
  if (_stat64(path, &status) == 0 && (status.st_mode & _S_IFMT) != _S_IFREG) return NULL;
  return _strdup(path);
}

FILE *machine_create(const char *path) {
  int fd = _open(path, _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY, _S_IREAD | _S_IWRITE);
  return fd < 0 ? NULL : _fdopen(fd, "wb");
}

bool machine_replace(const char *from, const char *to) {
  return MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING) != 0;
}

const char *machine_temporary_directory(void) { return "."; }

uint32_t machine_loopback(void *address, uint32_t size, uint16_t port) {
  struct sockaddr_in inet = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (size < sizeof inet) return 0;
  memcpy(address, &inet, sizeof inet);
  return sizeof inet;
}
