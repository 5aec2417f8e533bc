// The system's part of the support: Windows.
#include "sockets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support.h"

static HANDLE handle_of(rouse_fd fd) { return (HANDLE)(intptr_t)fd; }

// |condition| held; if not, shows the system's error.
#define check_windows(condition)                                                                   \
  ((condition) ? (void)0 : failed(__FILE__, __LINE__, #condition, GetLastError()))

static void failed(const char *file, int line, const char *text, DWORD error) {
  char found[400];
  snprintf(found, sizeof found, "%s: error %lu", text, error);
  check_failed(file, line, found);
}

// --- processes -----------------------------------------------------------------------------------
//
// There is no fork: a child is this program once more, told by the environment which function to
// run. Functions, and arguments that are static, lie at the same distance from the program's
// beginning in both.

static const char variable[] = "ROUSE_TEST_CHILD";

static char *program(void) { return (char *)GetModuleHandleW(NULL); }

static size_t program_size(void) {
  const IMAGE_DOS_HEADER *dos = (const void *)program();
  const IMAGE_NT_HEADERS *image = (const void *)(program() + dos->e_lfanew);
  return image->OptionalHeader.SizeOfImage;
}

// Before main(), in such a child.
__attribute__((constructor)) static void live_as_a_child(void) {
  unsigned long long function, argument;
  const char *told = getenv(variable);
  if (!told || sscanf(told, "%llx %llx", &function, &argument) != 2) return;
  SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
  void (*run)(void *) = (void (*)(void *))(uintptr_t)(program() + function);
  run(argument ? program() + argument : NULL);
  fflush(NULL);
  _exit(0);
}

static HANDLE start_child(HANDLE input, HANDLE error_output) {
  wchar_t path[MAX_PATH];
  STARTUPINFOW startup = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES};
  startup.hStdInput = input;
  startup.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
  startup.hStdError = error_output;
  PROCESS_INFORMATION child;
  check_windows(GetModuleFileNameW(NULL, path, MAX_PATH) < MAX_PATH);
  check_windows(CreateProcessW(path, NULL, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &child));
  CloseHandle(child.hThread);
  return child.hProcess;
}

// A pipe of which a child is to have one end: |theirs|, 0 or 1.
static void pipe_make(HANDLE ends[2], int theirs) {
  SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
  check_windows(CreatePipe(&ends[0], &ends[1], &inherited, 0));
  check_windows(SetHandleInformation(ends[!theirs], HANDLE_FLAG_INHERIT, 0));
}

static HANDLE run_in_child(void (*function)(void *), void *argument, HANDLE input,
                           HANDLE error_output) {
  uintptr_t distance = argument ? (uintptr_t)argument - (uintptr_t)program() : 0;
  check(distance < program_size());  // otherwise the child has no such thing
  char told[64];
  snprintf(told, sizeof told, "%llx %llx",
           (unsigned long long)((uintptr_t)function - (uintptr_t)program()),
           (unsigned long long)distance);
  fflush(NULL);
  check_windows(SetEnvironmentVariableA(variable, told));
  HANDLE child = start_child(input, error_output);
  check_windows(SetEnvironmentVariableA(variable, NULL));
  return child;
}

int test_in_child(void (*function)(void *), void *argument, char *output, size_t size) {
  HANDLE ends[2];
  pipe_make(ends, 1);
  HANDLE child = run_in_child(function, argument, GetStdHandle(STD_INPUT_HANDLE), ends[1]);
  CloseHandle(ends[1]);
  size_t filled = 0;
  char spill[256];
  for (;;) {
    bool full = filled + 1 >= size;
    DWORD got = 0, room = full ? (DWORD)sizeof spill : (DWORD)(size - filled - 1);
    if (!ReadFile(ends[0], full ? spill : output + filled, room, &got, NULL) || got == 0) break;
    if (!full) filled += got;
  }
  if (size) output[filled] = 0;
  CloseHandle(ends[0]);
  DWORD status = 0;
  check_windows(WaitForSingleObject(child, INFINITE) == WAIT_OBJECT_0);
  check_windows(GetExitCodeProcess(child, &status));
  CloseHandle(child);
  return (int)status;
}

// In the child: its input gives the code, and then ends.
static void live_on_a_leash(void *argument) {
  (void)argument;
  DWORD got;
  int code = 0;
  char byte;
  HANDLE leash = GetStdHandle(STD_INPUT_HANDLE);
  check_windows(ReadFile(leash, &code, sizeof code, &got, NULL));
  check_equal(got, sizeof code);
  while (ReadFile(leash, &byte, 1, &got, NULL) && got) continue;
  ExitProcess((UINT)code);
}

void test_child_start(test_child *child, int code) {
  HANDLE ends[2];
  DWORD put;
  pipe_make(ends, 0);
  check_windows(WriteFile(ends[1], &code, sizeof code, &put, NULL));
  HANDLE process = run_in_child(live_on_a_leash, NULL, ends[0], GetStdHandle(STD_ERROR_HANDLE));
  CloseHandle(ends[0]);
  *child = (test_child){.pid = (int64_t)GetProcessId(process),
                        .leash = (rouse_fd)(intptr_t)ends[1],
                        .system = (intptr_t)process};
}

void test_child_release(test_child *child) {
  if (child->leash) test_close(child->leash);
  child->leash = 0;
}

void test_child_reap(test_child *child) {
  check_windows(WaitForSingleObject((HANDLE)child->system, INFINITE) == WAIT_OBJECT_0);
  check_windows(CloseHandle((HANDLE)child->system));
}

// The C library's abort() exits with 3.
bool test_was_aborted(int status) { return status == 3; }

// By the system, which tells why.
bool test_was_faulted(int status) { return (DWORD)status == STATUS_ACCESS_VIOLATION; }

// Both the C library's environment and the system's.
void test_environment_set(const char *name, const char *value) {
  check_equal(_putenv_s(name, value ? value : ""), 0);
}

// --- files ---------------------------------------------------------------------------------------

// A path for something temporary. Numbers of processes come back soon.
static void temporary_path(char *path, size_t size, const char *kind) {
  char base[MAX_PATH + 1];
  static uint32_t number;
  LARGE_INTEGER now;
  DWORD length = GetTempPathA(sizeof base, base);
  check_windows(length > 0 && length < sizeof base);
  check_windows(QueryPerformanceCounter(&now));
  snprintf(path, size, "%srouse-%s-%lu-%llx-%u", base, kind, GetCurrentProcessId(),
           (unsigned long long)now.QuadPart, __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED));
}

void test_directory_make(char *path, size_t size) {
  temporary_path(path, size, "test");
  check_windows(CreateDirectoryA(path, NULL));
}

void test_directory_remove(const char *path) {
  char below[2 * MAX_PATH];
  WIN32_FIND_DATAA found;
  snprintf(below, sizeof below, "%s\\*", path);
  HANDLE search = FindFirstFileA(below, &found);
  check_windows(search != INVALID_HANDLE_VALUE);
  do {
    if (!strcmp(found.cFileName, ".") || !strcmp(found.cFileName, "..")) continue;
    snprintf(below, sizeof below, "%s\\%s", path, found.cFileName);
    bool link = (found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
    if (!(found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)) {
      SetFileAttributesA(below, FILE_ATTRIBUTE_NORMAL);
      check_windows(DeleteFileA(below));
    } else if (link) {
      check_windows(RemoveDirectoryA(below));
    } else {
      test_directory_remove(below);
    }
  } while (FindNextFileA(search, &found));
  FindClose(search);
  check_windows(RemoveDirectoryA(path));
}

static HANDLE open_to_look(const char *path, DWORD access) {
  return CreateFileA(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                     OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT,
                     NULL);
}

rouse_fd test_directory_open(const char *path) {
  HANDLE handle = open_to_look(path, FILE_LIST_DIRECTORY | FILE_TRAVERSE | FILE_READ_ATTRIBUTES);
  check_windows(handle != INVALID_HANDLE_VALUE);
  return (rouse_fd)(intptr_t)handle;
}

bool test_status_of(const char *directory, const char *name, test_status *out_status) {
  char path[2 * MAX_PATH];
  snprintf(path, sizeof path, "%s\\%s", directory, name);
  HANDLE handle = open_to_look(path, FILE_READ_ATTRIBUTES);
  if (handle == INVALID_HANDLE_VALUE) {
    check_windows(GetLastError() == ERROR_FILE_NOT_FOUND || GetLastError() == ERROR_PATH_NOT_FOUND);
    return false;
  }
  BY_HANDLE_FILE_INFORMATION info;
  check_windows(GetFileInformationByHandle(handle, &info));
  CloseHandle(handle);
  bool link = (info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
  *out_status =
      (test_status){.is_directory = !link && (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY),
                    .is_link = link,
                    .size = (uint64_t)info.nFileSizeHigh << 32 | info.nFileSizeLow,
                    .inode = (uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow,
                    .links = info.nNumberOfLinks};
  return true;
}

rouse_fd test_file_unnamed(void) {
  char path[MAX_PATH + 80];
  temporary_path(path, sizeof path, "file");
  HANDLE handle = CreateFileA(path, GENERIC_READ | GENERIC_WRITE | DELETE,
                              FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              CREATE_NEW, FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE, NULL);
  check_windows(handle != INVALID_HANDLE_VALUE);
  return (rouse_fd)(intptr_t)handle;
}

// Waits for an operation outside of a port: the lowest bit of the event keeps it away from one.
static HANDLE event_begin(OVERLAPPED *overlapped, uint64_t offset) {
  HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
  check_windows(event != NULL);
  *overlapped = (OVERLAPPED){.Offset = (DWORD)offset,
                             .OffsetHigh = (DWORD)(offset >> 32),
                             .hEvent = (HANDLE)((uintptr_t)event | 1)};
  return event;
}

static DWORD event_end(HANDLE handle, HANDLE event, OVERLAPPED *overlapped, BOOL good) {
  DWORD done = 0;
  check_windows(good || GetLastError() == ERROR_IO_PENDING);
  check_windows(WaitForSingleObject(event, INFINITE) == WAIT_OBJECT_0);
  check_windows(GetOverlappedResult(handle, overlapped, &done, FALSE));
  CloseHandle(event);
  return done;
}

int64_t test_file_read(rouse_fd fd, void *buffer, size_t size, uint64_t offset) {
  OVERLAPPED overlapped;
  HANDLE handle = handle_of(fd), event = event_begin(&overlapped, offset);
  BOOL good = ReadFile(handle, buffer, (DWORD)size, NULL, &overlapped);
  return event_end(handle, event, &overlapped, good);
}

// --- descriptors ---------------------------------------------------------------------------------

void test_pipe(rouse_fd ends[2]) {
  char name[80];
  static uint32_t number;
  snprintf(name, sizeof name, "\\\\.\\pipe\\rouse-test-%lu-%u", GetCurrentProcessId(),
           __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED));
  HANDLE reading = CreateNamedPipeA(
      name, PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
      PIPE_TYPE_BYTE, 1, 4096, 4096, 0, NULL);
  check_windows(reading != INVALID_HANDLE_VALUE);
  HANDLE writing =
      CreateFileA(name, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
  check_windows(writing != INVALID_HANDLE_VALUE);
  ends[0] = (rouse_fd)(intptr_t)reading;
  ends[1] = (rouse_fd)(intptr_t)writing;
}

static void start_sockets(void) {
  WSADATA data;
  static uint32_t started;
  if (!__atomic_exchange_n(&started, 1, __ATOMIC_ACQ_REL)) {
    check_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
  }
}

rouse_fd test_socket(int family) {
  start_sockets();
  SOCKET made =
      WSASocketW(family, SOCK_STREAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  check_windows(made != INVALID_SOCKET);
  return (rouse_fd)made;
}

void test_pair(rouse_fd ends[2]) {
  rouse_fd listener = test_socket(AF_INET);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int size = sizeof address;
  check_windows(bind((SOCKET)listener, (struct sockaddr *)&address, size) == 0);
  check_windows(listen((SOCKET)listener, 1) == 0);
  check_windows(getsockname((SOCKET)listener, (struct sockaddr *)&address, &size) == 0);
  ends[1] = test_socket(AF_INET);
  check_windows(connect((SOCKET)ends[1], (struct sockaddr *)&address, size) == 0);
  SOCKET accepted = accept((SOCKET)listener, NULL, NULL);
  check_windows(accepted != INVALID_SOCKET);
  SetHandleInformation((HANDLE)accepted, HANDLE_FLAG_INHERIT, 0);
  ends[0] = (rouse_fd)accepted;
  test_close(listener);
}

static bool is_socket(rouse_fd fd) {
  int type = 0, size = sizeof type;
  start_sockets();
  return getsockopt((SOCKET)fd, SOL_SOCKET, SO_TYPE, (char *)&type, &size) == 0;
}

void test_socket_set_waits(rouse_fd fd, bool waits) {
  u_long on = !waits;
  check_windows(ioctlsocket((SOCKET)fd, FIONBIO, &on) == 0);
}

void test_socket_reset_on_close(rouse_fd fd) {
  const struct linger at_once = {1, 0};
  check_windows(
      setsockopt((SOCKET)fd, SOL_SOCKET, SO_LINGER, (const char *)&at_once, sizeof at_once) == 0);
}

void test_socket_narrow(rouse_fd fd) {
  const int size = 65536;
  const char *option = (const char *)&size;
  check_windows(setsockopt((SOCKET)fd, SOL_SOCKET, SO_SNDBUF, option, sizeof size) == 0);
  check_windows(setsockopt((SOCKET)fd, SOL_SOCKET, SO_RCVBUF, option, sizeof size) == 0);
}

bool test_socket_sends_at_once(rouse_fd fd) {
  DWORD on = 0;
  int size = sizeof on;
  check_windows(getsockopt((SOCKET)fd, IPPROTO_TCP, TCP_NODELAY, (char *)&on, &size) == 0);
  return on != 0;
}

bool system_tells_of_resets(void) {
  rouse_fd ends[2];
  char byte;
  test_pair(ends);
  test_socket_reset_on_close(ends[0]);
  test_close(ends[0]);
  int got = recv((SOCKET)ends[1], &byte, 1, 0);
  test_close(ends[1]);
  return got < 0;
}

void test_put(rouse_fd fd, char byte) {
  OVERLAPPED overlapped;
  HANDLE handle = handle_of(fd), event = event_begin(&overlapped, 0);
  BOOL good;
  if (is_socket(fd)) {
    WSABUF buffer = {1, &byte};
    good = WSASend((SOCKET)fd, &buffer, 1, NULL, 0, &overlapped, NULL) == 0;
  } else {
    good = WriteFile(handle, &byte, 1, NULL, &overlapped);
  }
  check_equal(event_end(handle, event, &overlapped, good), 1);
}

char test_take(rouse_fd fd) {
  OVERLAPPED overlapped;
  HANDLE handle = handle_of(fd), event = event_begin(&overlapped, 0);
  char byte = 0;
  BOOL good;
  if (is_socket(fd)) {
    WSABUF buffer = {1, &byte};
    DWORD flags = 0;
    good = WSARecv((SOCKET)fd, &buffer, 1, NULL, &flags, &overlapped, NULL) == 0;
  } else {
    good = ReadFile(handle, &byte, 1, NULL, &overlapped);
  }
  check_equal(event_end(handle, event, &overlapped, good), 1);
  return byte;
}

bool test_has_input(rouse_fd fd) {
  DWORD available = 0;
  check_windows(PeekNamedPipe(handle_of(fd), NULL, 0, NULL, &available, NULL));
  return available > 0;
}

rouse_fd test_duplicate(rouse_fd fd) {
  HANDLE here = GetCurrentProcess(), made;
  check_windows(DuplicateHandle(here, handle_of(fd), here, &made, 0, FALSE, DUPLICATE_SAME_ACCESS));
  return (rouse_fd)(intptr_t)made;
}

void test_close(rouse_fd fd) {
  if (is_socket(fd)) {
    check_windows(closesocket((SOCKET)fd) == 0);
  } else {
    check_windows(CloseHandle(handle_of(fd)));
  }
}

bool test_is_open(rouse_fd fd) {
  DWORD flags;
  return GetHandleInformation(handle_of(fd), &flags);
}

bool test_is_inherited(rouse_fd fd) {
  DWORD flags = 0;
  check_windows(GetHandleInformation(handle_of(fd), &flags));
  return (flags & HANDLE_FLAG_INHERIT) != 0;
}

int open_descriptors(void) {
  DWORD count = 0;
  check_windows(GetProcessHandleCount(GetCurrentProcess(), &count));
  return (int)count;
}

// Handles are limited by memory only.
int test_descriptors_most(void) { return 1000000; }
