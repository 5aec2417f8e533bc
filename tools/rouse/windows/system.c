// What the tool needs of Windows besides files.
#include "system.h"

#include <fcntl.h>
#include <io.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"
// Only after windows.h.
#include <bcrypt.h>

const char *const system_backends[] = {"iocp", NULL};
const char system_backends_text[] = "iocp";

NTSYSAPI NTSTATUS NTAPI RtlGetVersion(PRTL_OSVERSIONINFOW version);

void system_describe(system_about *about) {
  RTL_OSVERSIONINFOW version = {.dwOSVersionInfoSize = sizeof version};
  SYSTEM_INFO info;
  RtlGetVersion(&version);
  GetNativeSystemInfo(&info);
  snprintf(about->name, sizeof about->name, "Windows");
  snprintf(about->release, sizeof about->release, "%lu.%lu.%lu", version.dwMajorVersion,
           version.dwMinorVersion, version.dwBuildNumber);
  bool is_arm = info.wProcessorArchitecture == 12;  // PROCESSOR_ARCHITECTURE_ARM64
  snprintf(about->machine, sizeof about->machine, "%s", is_arm ? "aarch64" : "x86_64");
}

uint32_t system_processors(void) {
  DWORD processors = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
  return processors < 1 ? 1 : processors;
}

void system_start(void) {
  SetErrorMode(SEM_FAILCRITICALERRORS);  // a drive that is not ready is a failure, not a window
  SetConsoleOutputCP(CP_UTF8);
  _setmode(_fileno(stdout), _O_BINARY);
  _setmode(_fileno(stderr), _O_BINARY);
}

bool system_shows_progress(void) {
  HANDLE handle = GetStdHandle(STD_ERROR_HANDLE);
  DWORD mode;
  // The line is rewritten by escape sequences.
  return GetConsoleMode(handle, &mode) &&
         SetConsoleMode(handle, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
}

// Access is by lists that the copy inherits; there is no mode that could keep its maker out.
bool system_is_privileged(void) { return true; }

// Handles are bounded by memory only.
int64_t system_descriptors_max(void) { return 1 << 20; }

int64_t system_descriptors_open(void) {
  DWORD count = 0;
  GetProcessHandleCount(GetCurrentProcess(), &count);
  return count;
}

void system_random(void *bytes, size_t size) {
  while (BCryptGenRandom(NULL, bytes, (ULONG)size, BCRYPT_USE_SYSTEM_PREFERRED_RNG) < 0) {
  }
}

void *system_allocate_aligned(size_t alignment, size_t size) {
  return _aligned_malloc(size, alignment);
}

void system_free_aligned(void *memory) { _aligned_free(memory); }

// --- Ctrl-C --------------------------------------------------------------------------------------

static _Atomic int caught;
static _Atomic(_Atomic bool *) stop_flag;

// On a thread of the system's. FALSE: the default action, which ends the process.
static BOOL WINAPI on_event(DWORD event) {
  bool closing = event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT;
  int none = 0;
  // RELAXED: a note for the thread that has started the copy; the run's end orders it.
  bool first = atomic_compare_exchange_strong_explicit(&caught, &none, closing ? 143 : 130,
                                                       memory_order_relaxed, memory_order_relaxed);
  if (!first) return FALSE;
  // RELAXED: set before the handler was.
  _Atomic bool *flag = atomic_load_explicit(&stop_flag, memory_order_relaxed);
  // RELAXED: a wish; see walk_stopped().
  if (flag != NULL) atomic_store_explicit(flag, true, memory_order_relaxed);
  // When the console closes the process ends as soon as this returns.
  if (closing) Sleep(INFINITE);
  return TRUE;
}

void system_interrupts_catch(_Atomic bool *stop) {
  // RELAXED: read by the handler, which is installed after it.
  atomic_store_explicit(&stop_flag, stop, memory_order_relaxed);
  // RELAXED: as above.
  atomic_store_explicit(&caught, 0, memory_order_relaxed);
  SetConsoleCtrlHandler(on_event, TRUE);
}

int system_interrupts_caught(void) {
  // RELAXED: for whoever has seen the flag, or is told of it later.
  return atomic_load_explicit(&caught, memory_order_relaxed);
}

int system_interrupts_release(void) {
  SetConsoleCtrlHandler(on_event, FALSE);
  // RELAXED: as above.
  atomic_store_explicit(&stop_flag, NULL, memory_order_relaxed);
  return system_interrupts_caught();
}

// --- places --------------------------------------------------------------------------------------

int system_temporary_directory(const char *prefix, char **out_path) {
  wchar_t base[MAX_PATH + 1];
  DWORD length = GetTempPathW(MAX_PATH + 1, base);
  char *above = native_text(base, length > MAX_PATH ? 0 : length);
  char unique[SYSTEM_TEMPORARY_SIZE];
  system_temporary_name(unique);
  size_t size = strlen(above) + strlen(prefix) + strlen(unique) + 2;
  *out_path = system_allocate(size);
  // The letters of the temporary name, without what it begins with.
  snprintf(*out_path, size, "%s%s-%s", above, prefix, strrchr(unique, '-') + 1);
  free(above);
  wchar_t *wide = native_wide(*out_path);
  if (wide == NULL) return ROUSE_EINVAL;
  int result = CreateDirectoryW(wide, NULL) ? 0 : native_last_error();
  free(wide);
  return result;
}

double system_free_bytes(const char *path) {
  ULARGE_INTEGER free_bytes;
  wchar_t *wide = native_wide(path);
  bool good = wide != NULL && GetDiskFreeSpaceExW(wide, &free_bytes, NULL, NULL);
  free(wide);
  return good ? (double)free_bytes.QuadPart : 0;
}

const char *const *system_usual_trees(void) {
  static const char *const below[] = {"\\Help", "\\Fonts", "\\System32\\drivers", "\\inf"};
  enum { TREES = sizeof below / sizeof *below, ROOM = 4 * MAX_PATH };
  static char paths[TREES][ROOM];
  static const char *trees[TREES + 1];
  wchar_t wide[MAX_PATH + 1];
  UINT length = GetWindowsDirectoryW(wide, MAX_PATH);
  char *windows = native_text(wide, length > MAX_PATH ? 0 : length);
  for (int index = 0; index < TREES; index++) {
    snprintf(paths[index], ROOM, "%s%s", windows, below[index]);
    trees[index] = paths[index];
  }
  free(windows);
  return trees;
}
