// Names that go, move or are added, on Windows.
//
// Newer systems can do it as POSIX does: at once, whoever has the file open, read-only or not.
// Older ones, and some file systems, can't; there a read-only mark in the way is taken off first.
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "files.h"
#include "native.h"

// Opens |name| as itself, to remove or move it.
static int open_name(rouse_fd directory, const char *name, ULONG options, HANDLE *out) {
  int result;
  wchar_t *wide = native_name(name, &result);
  if (wide == NULL) return result;
  ACCESS_MASK access = DELETE | FILE_READ_ATTRIBUTES;
  options |= FILE_OPEN_REPARSE_POINT | FILE_SYNCHRONOUS_IO_NONALERT;
  // To take a mark off needs a right of its own, which need not be there if there is none.
  NTSTATUS status = native_open(native_handle(directory), wide, access | FILE_WRITE_ATTRIBUTES,
                                FILE_OPEN, options, out);
  if (status == NATIVE_ACCESS_DENIED) {
    status = native_open(native_handle(directory), wide, access, FILE_OPEN, options, out);
  }
  free(wide);
  return native_result(status);
}

// Takes the read-only mark off. False: there was none.
static bool take_mark_off(HANDLE handle) {
  FILE_BASIC_INFO info;
  if (!GetFileInformationByHandleEx(handle, FileBasicInfo, &info, sizeof info)) return false;
  if (!(info.FileAttributes & FILE_ATTRIBUTE_READONLY)) return false;
  memset(&info, 0, offsetof(FILE_BASIC_INFO, FileAttributes));  // the times stay
  info.FileAttributes &= ~(DWORD)FILE_ATTRIBUTE_READONLY;
  if (info.FileAttributes == 0) info.FileAttributes = FILE_ATTRIBUTE_NORMAL;
  return SetFileInformationByHandle(handle, FileBasicInfo, &info, sizeof info);
}

// --- removing ------------------------------------------------------------------------------------

static int remove_opened(HANDLE handle) {
  enum { DELETE_IT = 1, POSIX_SEMANTICS = 2, IGNORE_READ_ONLY = 16 };
  const ULONG flags = DELETE_IT | POSIX_SEMANTICS | IGNORE_READ_ONLY;
  NTSTATUS status = native_set(handle, NATIVE_DISPOSITION_EX, &flags, sizeof flags);
  if (status >= 0) return 0;
  const BOOLEAN yes = TRUE;
  status = native_set(handle, NATIVE_DISPOSITION, &yes, sizeof yes);
  if (status < 0 && take_mark_off(handle)) {
    status = native_set(handle, NATIVE_DISPOSITION, &yes, sizeof yes);
  }
  return native_result(status);
}

int file_remove(rouse_fd directory, const char *name) {
  HANDLE handle;
  int result = open_name(directory, name, 0, &handle);
  if (result < 0) return result;
  FILE_ATTRIBUTE_TAG_INFO info = {0, 0};
  GetFileInformationByHandleEx(handle, FileAttributeTagInfo, &info, sizeof info);
  // A link to a directory is one for the system, too.
  bool link = (info.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
  bool real = (info.FileAttributes & FILE_ATTRIBUTE_DIRECTORY) && !link;
  result = real ? ROUSE_EISDIR : remove_opened(handle);
  CloseHandle(handle);
  return result;
}

int directory_remove(rouse_fd directory, const char *name) {
  HANDLE handle;
  int result = open_name(directory, name, FILE_DIRECTORY_FILE, &handle);
  if (result < 0) return result;
  result = remove_opened(handle);
  CloseHandle(handle);
  return result;
}

int path_remove_directory(const char *path) {
  wchar_t *wide = native_path(path);
  if (wide == NULL) return ROUSE_ENOENT;
  HANDLE handle;
  NTSTATUS status = native_open(NULL, wide, DELETE | FILE_READ_ATTRIBUTES, FILE_OPEN,
                                FILE_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT, &handle);
  free(wide);
  if (status < 0) return native_result(status);
  int result = remove_opened(handle);
  CloseHandle(handle);
  return result;
}

int directory_unlock(rouse_fd directory, const char *name) {
  HANDLE handle;
  int result = open_name(directory, name, FILE_DIRECTORY_FILE, &handle);
  if (result < 0) return result;
  take_mark_off(handle);
  CloseHandle(handle);
  return 0;
}

// --- moving and linking --------------------------------------------------------------------------

// What NtSetInformationFile() takes to rename and to link.
typedef struct naming {
  ULONG flags;  // or one byte: replace
  HANDLE root;
  ULONG size;
  wchar_t name[256];
} naming;

static int naming_make(naming *naming, rouse_fd directory, const char *name) {
  int result;
  wchar_t *wide = native_name(name, &result);
  if (wide == NULL) return result;
  size_t size = wcslen(wide) * sizeof *wide;
  memset(naming, 0, sizeof *naming);
  naming->root = native_handle(directory);
  naming->size = (ULONG)size;
  memcpy(naming->name, wide, size);
  free(wide);
  return 0;
}

// Others (scanners, indexers) open what has just been written, for a moment and without sharing.
static NTSTATUS set_patiently(HANDLE handle, int what, const naming *naming) {
  NTSTATUS status;
  for (DWORD wait_ms = 1;; wait_ms *= 2) {
    status = native_set(handle, what, naming, sizeof *naming);
    if (status != NATIVE_SHARING_VIOLATION || wait_ms > 256) return status;
    Sleep(wait_ms);
  }
}

static int rename_opened(HANDLE handle, naming *naming, rouse_fd new_directory,
                         const char *new_name) {
  enum { REPLACE = 1, POSIX_SEMANTICS = 2, IGNORE_READ_ONLY = 64 };
  naming->flags = REPLACE | POSIX_SEMANTICS | IGNORE_READ_ONLY;
  NTSTATUS status = set_patiently(handle, NATIVE_RENAME_EX, naming);
  if (status >= 0) return 0;
  naming->flags = REPLACE;
  status = set_patiently(handle, NATIVE_RENAME, naming);
  if (status == NATIVE_ACCESS_DENIED) {
    HANDLE there;
    int opened = open_name(new_directory, new_name, FILE_NON_DIRECTORY_FILE, &there);
    bool marked = opened == 0 && take_mark_off(there);
    if (opened == 0) CloseHandle(there);
    if (marked) status = set_patiently(handle, NATIVE_RENAME, naming);
  }
  return native_result(status);
}

int file_rename(rouse_fd directory, const char *name, rouse_fd new_directory,
                const char *new_name) {
  naming naming;
  HANDLE handle;
  int result = naming_make(&naming, new_directory, new_name);
  if (result == 0) result = open_name(directory, name, 0, &handle);
  if (result < 0) return result;
  result = rename_opened(handle, &naming, new_directory, new_name);
  CloseHandle(handle);
  return result;
}

int file_link(rouse_fd directory, const char *name, rouse_fd new_directory, const char *new_name) {
  naming naming;
  int result = naming_make(&naming, new_directory, new_name);
  if (result < 0) return result;
  wchar_t *wide = native_name(name, &result);
  if (wide == NULL) return result;
  HANDLE handle;
  NTSTATUS status = native_open(
      native_handle(directory), wide, FILE_WRITE_ATTRIBUTES, FILE_OPEN,
      FILE_NON_DIRECTORY_FILE | FILE_OPEN_REPARSE_POINT | FILE_SYNCHRONOUS_IO_NONALERT, &handle);
  free(wide);
  if (status < 0) return native_result(status);
  status = native_set(handle, NATIVE_LINK, &naming, sizeof naming);
  CloseHandle(handle);
  return native_result(status);
}
