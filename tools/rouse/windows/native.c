// Native calls, paths and names. See native.h.
#include "native.h"

#include <rouse/errors.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "system.h"

int native_last_error(void) {
  int code = rouse_error_from_system((int)GetLastError());
  return code < 0 ? code : ROUSE_EUNKNOWN;
}

int native_result(NTSTATUS status) {
  // Some say more than the code that the system translates them to.
  static const struct {
    uint32_t status;
    int code;
  } exact[] = {
      {0xC00000BA, ROUSE_EISDIR},     // FILE_IS_A_DIRECTORY
      {0xC0000103, ROUSE_ENOTDIR},    // NOT_A_DIRECTORY
      {0xC0000101, ROUSE_ENOTEMPTY},  // DIRECTORY_NOT_EMPTY
      {0xC0000035, ROUSE_EEXIST},     // OBJECT_NAME_COLLISION
      {0xC0000033, ROUSE_EINVAL},     // OBJECT_NAME_INVALID
      {0xC0000056, ROUSE_ENOENT},     // DELETE_PENDING
      {0xC0000061, ROUSE_EPERM},      // PRIVILEGE_NOT_HELD
  };
  if (status >= 0) return 0;
  for (size_t index = 0; index < sizeof exact / sizeof *exact; index++) {
    if (exact[index].status == (uint32_t)status) return exact[index].code;
  }
  int code = rouse_error_from_system((int)RtlNtStatusToDosError(status));
  return code < 0 ? code : ROUSE_EUNKNOWN;
}

// --- text ----------------------------------------------------------------------------------------

static bool is_high(uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
static bool is_low(uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

size_t native_text_into(char *text, const wchar_t *wide, size_t length) {
  char *to = text;
  for (size_t at = 0; at < length; at++) {
    uint32_t point = (uint16_t)wide[at];
    if (is_high(point) && at + 1 < length && is_low((uint16_t)wide[at + 1])) {
      point = 0x10000 + ((point - 0xD800) << 10) + ((uint16_t)wide[++at] - 0xDC00u);
    }
    if (point < 0x80) {
      *to++ = (char)point;
    } else if (point < 0x800) {
      *to++ = (char)(0xC0 | point >> 6);
      *to++ = (char)(0x80 | (point & 63));
    } else if (point < 0x10000) {
      *to++ = (char)(0xE0 | point >> 12);
      *to++ = (char)(0x80 | (point >> 6 & 63));
      *to++ = (char)(0x80 | (point & 63));
    } else {
      *to++ = (char)(0xF0 | point >> 18);
      *to++ = (char)(0x80 | (point >> 12 & 63));
      *to++ = (char)(0x80 | (point >> 6 & 63));
      *to++ = (char)(0x80 | (point & 63));
    }
  }
  *to = 0;
  return (size_t)(to - text);
}

char *native_text(const wchar_t *wide, size_t length) {
  char *text = system_allocate(3 * length + 1);
  native_text_into(text, wide, length);
  return text;
}

// The code point at |*at|, which moves past it; UINT32_MAX: none.
static uint32_t next_point(const unsigned char **at) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  unsigned char first = *(*at)++;
  if (first < 0x80) return first;
  int length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return UINT32_MAX;
  uint32_t point = first & (0x7Fu >> length);
  for (int index = 1; index < length; index++) {
    if ((**at & 0xC0) != 0x80) return UINT32_MAX;
    point = point << 6 | (*(*at)++ & 63);
  }
  return point < least[length] || point > 0x10FFFF ? UINT32_MAX : point;
}

wchar_t *native_wide(const char *text) {
  wchar_t *wide = system_allocate((strlen(text) + 1) * sizeof *wide);
  wchar_t *to = wide;
  for (const unsigned char *at = (const unsigned char *)text; *at != 0;) {
    uint32_t point = next_point(&at);
    if (point == UINT32_MAX) {
      free(wide);
      return NULL;
    }
    if (point >= 0x10000) {
      *to++ = (wchar_t)(0xD800 + ((point - 0x10000) >> 10));
      point = 0xDC00 + ((point - 0x10000) & 0x3FF);
    }
    *to++ = (wchar_t)point;
  }
  *to = 0;
  return wide;
}

// --- paths and names -----------------------------------------------------------------------------

static wchar_t *full_path(const char *path) {
  wchar_t *wide = native_wide(path);
  if (wide == NULL) return NULL;
  DWORD room = GetFullPathNameW(wide, 0, NULL, NULL);
  wchar_t *full = room == 0 ? NULL : system_allocate((size_t)room * sizeof *full);
  DWORD length = full == NULL ? 0 : GetFullPathNameW(wide, room, full, NULL);
  free(wide);
  if (length > 0 && length < room) return full;
  free(full);
  return NULL;
}

wchar_t *native_path(const char *path) {
  wchar_t *full = full_path(path);
  if (full == NULL) return NULL;
  // That a directory is meant is said to the call, which takes such a name for an invalid one. Only
  // the separator of a root belongs to its name.
  size_t length = wcslen(full);
  while (length > 1 && full[length - 1] == L'\\' && full[length - 2] != L':') full[--length] = 0;
  const wchar_t *prefix = L"\\??\\", *rest = full;
  if (wcsncmp(full, L"\\\\?\\", 4) == 0 || wcsncmp(full, L"\\\\.\\", 4) == 0) {
    rest = full + 4;
  } else if (wcsncmp(full, L"\\\\", 2) == 0) {
    prefix = L"\\??\\UNC\\";
    rest = full + 2;
  }
  size_t before = wcslen(prefix), after = wcslen(rest) + 1;
  wchar_t *native = system_allocate((before + after) * sizeof *native);
  memcpy(native, prefix, before * sizeof *native);
  memcpy(native + before, rest, after * sizeof *native);
  free(full);
  return native;
}

enum { NAME_UNITS_MAX = 255 };

wchar_t *native_name(const char *name, int *out_result) {
  *out_result = ROUSE_EINVAL;
  bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
  // A colon would name a stream in a file.
  if (name[0] == 0 || dots || strpbrk(name, "\\/:") != NULL) return NULL;
  wchar_t *wide = native_wide(name);
  if (wide != NULL && wcslen(wide) > NAME_UNITS_MAX) {
    free(wide);
    wide = NULL;
    *out_result = ROUSE_ENAMETOOLONG;
  }
  return wide;
}

NTSTATUS native_open(HANDLE directory, const wchar_t *name, ACCESS_MASK access, ULONG disposition,
                     ULONG options, HANDLE *out_handle) {
  size_t size = wcslen(name) * sizeof *name;
  if (size > UINT16_MAX - 2) return NATIVE_STATUS(0xC0000106);  // NAME_TOO_LONG
  UNICODE_STRING string = {(USHORT)size, (USHORT)(size + 2), (PWSTR)(uintptr_t)name};
  OBJECT_ATTRIBUTES object = {.Length = sizeof object,
                              .RootDirectory = directory,
                              .ObjectName = &string,
                              .Attributes = OBJ_CASE_INSENSITIVE};
  IO_STATUS_BLOCK block;
  return NtCreateFile(out_handle, access | SYNCHRONIZE, &object, &block, NULL,
                      FILE_ATTRIBUTE_NORMAL, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                      disposition, options | FILE_OPEN_FOR_BACKUP_INTENT, NULL, 0);
}

// --- the rest ------------------------------------------------------------------------------------

NTSYSAPI NTSTATUS NTAPI NtSetInformationFile(HANDLE file, PIO_STATUS_BLOCK status, PVOID data,
                                             ULONG size, FILE_INFORMATION_CLASS what);

NTSTATUS native_set(HANDLE handle, int what, const void *data, size_t size) {
  IO_STATUS_BLOCK block;
  return NtSetInformationFile(handle, &block, (PVOID)(uintptr_t)data, (ULONG)size,
                              (FILE_INFORMATION_CLASS)what);
}

int native_control(HANDLE handle, DWORD code, const void *in, size_t in_size, void *out,
                   size_t out_size, size_t *out_used) {
  HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
  if (event == NULL) return native_last_error();
  // The lowest bit of the event keeps the completion from the port that the handle may belong to.
  OVERLAPPED overlapped = {.hEvent = (HANDLE)((uintptr_t)event | 1)};
  DWORD used = 0;
  BOOL good = DeviceIoControl(handle, code, (PVOID)(uintptr_t)in, (DWORD)in_size, out,
                              (DWORD)out_size, &used, &overlapped);
  if (!good && GetLastError() == ERROR_IO_PENDING) {
    good = GetOverlappedResult(handle, &overlapped, &used, TRUE);
  }
  DWORD error = good ? 0 : GetLastError();
  CloseHandle(event);
  if (out_used != NULL) *out_used = used;
  // What did not fit is asked for again.
  if (error == 0 || error == ERROR_MORE_DATA) return 0;
  SetLastError(error);
  return native_last_error();
}
