// The platform port on Windows: WaitOnAddress, threads, the performance counter.
//
// What not every Windows has is looked up at run time. Parking without WaitOnAddress (before
// Windows 8) is by condition variables, one for many addresses: a wake wakes all of them, which
// look at their words again.
#include "platform/windows.h"

#include <malloc.h>
#include <process.h>
#include <stdlib.h>
#include <string.h>

#include <rouse/errors.h>

#include "base/assert.h"
#include "platform/platform.h"

// --- functions that may be missing ---------------------------------------------------------------

FARPROC rouse__windows_function(const wchar_t *module, const char *name) {
  HMODULE loaded = GetModuleHandleW(module);
  if (!loaded) loaded = LoadLibraryExW(module, NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
  return loaded ? GetProcAddress(loaded, name) : NULL;
}

// --- the clock -----------------------------------------------------------------------------------

int64_t rouse_now_ns(void) {
  static rouse__atomic64 frequency;
  LARGE_INTEGER now;
  uint64_t ticks_per_s = load_relaxed(&frequency);  // RELAXED: every reader finds the same number
  if (!ticks_per_s) {
    LARGE_INTEGER found;
    QueryPerformanceFrequency(&found);
    ticks_per_s = (uint64_t)found.QuadPart;
    store_relaxed(&frequency, ticks_per_s);  // RELAXED: as above
  }
  QueryPerformanceCounter(&now);
  uint64_t ticks = (uint64_t)now.QuadPart;
  uint64_t rest = ticks % ticks_per_s;
  return (int64_t)(ticks / ticks_per_s * 1000000000 + rest * 1000000000 / ticks_per_s);
}

int64_t rouse_deadline_in_ns(int64_t delay_ns) {
  int64_t now_ns = rouse_now_ns();
  return delay_ns > ROUSE_FOREVER - now_ns ? ROUSE_FOREVER : now_ns + delay_ns;
}

DWORD rouse__windows_left_ms(int64_t deadline_ns) {
  if (deadline_ns == ROUSE_FOREVER) return INFINITE;
  int64_t left_ns = deadline_ns - rouse_now_ns();
  if (left_ns <= 0) return 0;
  int64_t left_ms = left_ns / 1000000 + (left_ns % 1000000 != 0);
  return left_ms < INT32_MAX ? (DWORD)left_ms : INT32_MAX;
}

// --- parking -------------------------------------------------------------------------------------

typedef BOOL WINAPI wait_on_address_fn(volatile VOID *address, PVOID compare, SIZE_T size,
                                       DWORD ms);
typedef VOID WINAPI wake_by_address_fn(PVOID address);

enum { BUCKETS = 64 };

static struct {
  wait_on_address_fn *wait;
  wake_by_address_fn *wake;
} on_address;

static struct {
  SRWLOCK lock;
  CONDITION_VARIABLE woken;
} buckets[BUCKETS];

static INIT_ONCE on_address_once = INIT_ONCE_STATIC_INIT;

static BOOL CALLBACK find_on_address(PINIT_ONCE once, PVOID argument, PVOID *context) {
  (void)once, (void)argument, (void)context;
  const wchar_t *module = L"api-ms-win-core-synch-l1-2-0.dll";
  FARPROC wait = rouse__windows_function(module, "WaitOnAddress");
  FARPROC wake = rouse__windows_function(module, "WakeByAddressSingle");
  const char *without = rouse__environment("ROUSE_PARK_WITHOUT");
  if (without && !strcmp(without, "wait_on_address")) return TRUE;
  if (!wait || !wake) return TRUE;
  on_address.wait = (wait_on_address_fn *)(uintptr_t)wait;
  on_address.wake = (wake_by_address_fn *)(uintptr_t)wake;
  return TRUE;
}

static bool has_on_address(void) {
  InitOnceExecuteOnce(&on_address_once, find_on_address, NULL, NULL);
  return on_address.wait;
}

const char *rouse__park_name(void) {
  return has_on_address() ? "WaitOnAddress" : "condition variables";
}

static size_t bucket_of(const void *address) { return ((uintptr_t)address >> 4) % BUCKETS; }

void rouse__park(rouse__atomic32 *word, uint32_t expected, int64_t deadline_ns) {
  uint64_t saved = rouse__errno_save();
  DWORD ms = rouse__windows_left_ms(deadline_ns);
  if (has_on_address()) {
    on_address.wait(&word->raw, &expected, sizeof expected, ms);
  } else {
    size_t i = bucket_of(word);
    AcquireSRWLockExclusive(&buckets[i].lock);
    // RELAXED: the lock orders it against the waker, who changed the word before taking the lock.
    if (load_relaxed(word) == expected) {
      SleepConditionVariableSRW(&buckets[i].woken, &buckets[i].lock, ms, 0);
    }
    ReleaseSRWLockExclusive(&buckets[i].lock);
  }
  rouse__errno_restore(saved);
}

void rouse__unpark(rouse__atomic32 *word) {
  uint64_t saved = rouse__errno_save();
  if (has_on_address()) {
    on_address.wake(word);
  } else {
    size_t i = bucket_of(word);
    AcquireSRWLockExclusive(&buckets[i].lock);
    ReleaseSRWLockExclusive(&buckets[i].lock);
    WakeAllConditionVariable(&buckets[i].woken);
  }
  rouse__errno_restore(saved);
}

// --- threads -------------------------------------------------------------------------------------

struct start {
  void (*function)(void *);
  void *argument;
  wchar_t name[16];
};

static void name_thread(const wchar_t *name) {
  typedef HRESULT WINAPI describe_fn(HANDLE thread, PCWSTR description);
  FARPROC found = rouse__windows_function(L"kernelbase.dll", "SetThreadDescription");
  if (found) ((describe_fn *)(uintptr_t)found)(GetCurrentThread(), name);
}

static unsigned __stdcall thread_main(void *argument) {
  struct start start = *(struct start *)argument;
  free(argument);
  name_thread(start.name);
  start.function(start.argument);
  return 0;
}

int rouse__thread_start(rouse__thread *thread, void (*function)(void *), void *argument,
                        const char *name) {
  uint64_t saved = rouse__errno_save();
  struct start *start = malloc(sizeof *start);
  if (!start) goto out_restore;
  start->function = function;
  start->argument = argument;
  size_t length = 0;
  for (; length < sizeof start->name / sizeof *start->name - 1 && name[length]; length++) {
    start->name[length] = (unsigned char)name[length];
  }
  start->name[length] = 0;
  thread->handle = _beginthreadex(NULL, 0, thread_main, start, 0, NULL);
  if (thread->handle) {
    rouse__errno_restore(saved);
    return 0;
  }
  free(start);
out_restore:
  rouse__errno_restore(saved);
  return ROUSE_ENOMEM;
}

void rouse__thread_join(rouse__thread *thread) {
  HANDLE handle = (HANDLE)thread->handle;
  if (WaitForSingleObject(handle, INFINITE) != WAIT_OBJECT_0) {
    rouse__die("a thread could not be joined", ROUSE__WHERE);
  }
  CloseHandle(handle);
}

void rouse__thread_yield(void) { SwitchToThread(); }

// --- readings ------------------------------------------------------------------------------------

// A process in more than one processor group has an affinity of 0: then all processors count.
uint32_t rouse__cpu_count(void) {
  DWORD_PTR ours = 0, all = 0;
  if (GetProcessAffinityMask(GetCurrentProcess(), &ours, &all) && ours) {
    return (uint32_t)__builtin_popcountll(ours);
  }
  DWORD active = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
  return active ? active : 1;
}

const char *rouse__environment(const char *name) {
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

// There is no fork on Windows.
rouse__atomic32 rouse__forks;
void rouse__fork_watch(void) {}

uint64_t rouse__errno_save(void) { return (uint64_t)GetLastError() << 32 | (uint32_t)errno; }
void rouse__errno_restore(uint64_t saved) {
  errno = (int)(uint32_t)saved;
  SetLastError((DWORD)(saved >> 32));
}

// --- memory and last words -----------------------------------------------------------------------

void *rouse__allocate(size_t size, size_t alignment) {
  uint64_t saved = rouse__errno_save();
  if (alignment < sizeof(void *)) alignment = sizeof(void *);
  void *memory = _aligned_malloc(size, alignment);
  if (memory) memset(memory, 0, size);
  rouse__errno_restore(saved);
  return memory;
}

void rouse__free(void *memory) { _aligned_free(memory); }

void rouse__print_error(const char *text) {
  HANDLE error = GetStdHandle(STD_ERROR_HANDLE);
  DWORD length = (DWORD)strlen(text), written;
  while (length && WriteFile(error, text, length, &written, NULL) && written) {
    text += written;
    length -= written;
  }
}

_Noreturn void rouse__die(const char *sentence, const char *where) {
  rouse__print_error("rouse: ");
  rouse__print_error(sentence);
  rouse__print_error(" (");
  rouse__print_error(where);
  rouse__print_error(")\n");
  abort();
}
