// Native functions, and UTF-8 paths for them.
//
// A path becomes one of two things. If it is absolute, or relative to the current directory, it is
// made complete by GetFullPathNameW, which knows all forms that Windows has, and gets the prefix
// that ends the limit of 260 characters. If it is relative to the handle of a directory it stays
// relative: the system then looks it up below that directory, whatever that is called by now. The
// native functions know no ".." and no ".", so these are taken out of the text; where ".." leads
// above the handle's directory, the path is made absolute by the name that the directory has now.
#include "platform/nt.h"

#include <string.h>

#include <rouse/errors.h>

#include "platform/platform.h"

enum { CURRENT_DIRECTORY = -100, UTF8_MOST = 4 * 32768, LENGTH_MOST = 32760 };

static struct rouse__nt nt;
static INIT_ONCE nt_once = INIT_ONCE_STATIC_INIT;

#define FIND(type, name) (type *)(uintptr_t)rouse__windows_function(L"ntdll.dll", name)

static BOOL CALLBACK find_functions(PINIT_ONCE once, PVOID argument, PVOID *context) {
  (void)once, (void)argument, (void)context;
  nt.create_file = FIND(rouse__nt_create_file, "NtCreateFile");
  nt.query_information_file = FIND(rouse__nt_information_file, "NtQueryInformationFile");
  nt.set_information_file = FIND(rouse__nt_information_file, "NtSetInformationFile");
  nt.device_control_file = FIND(rouse__nt_device_control, "NtDeviceIoControlFile");
  nt.query_object = FIND(rouse__nt_query_object, "NtQueryObject");
  nt.query_event = FIND(rouse__nt_query_event, "NtQueryEvent");
  nt.create_wait_packet = FIND(rouse__nt_create_packet, "NtCreateWaitCompletionPacket");
  nt.associate_wait_packet = FIND(rouse__nt_associate_packet, "NtAssociateWaitCompletionPacket");
  nt.cancel_wait_packet = FIND(rouse__nt_cancel_packet, "NtCancelWaitCompletionPacket");
  return TRUE;
}

const struct rouse__nt *rouse__nt(void) {
  InitOnceExecuteOnce(&nt_once, find_functions, NULL, NULL);
  return &nt;
}

bool rouse__is_unknown(NTSTATUS status) {
  switch ((uint32_t)status) {
    case 0xC0000002:  // NOT_IMPLEMENTED
    case 0xC0000003:  // INVALID_INFO_CLASS
    case 0xC000000D:  // INVALID_PARAMETER
    case 0xC0000010:  // INVALID_DEVICE_REQUEST
    case 0xC00000BB:  // NOT_SUPPORTED
      return true;
    default:
      return false;
  }
}

// --- text ----------------------------------------------------------------------------------------

static bool has_prefix(const wchar_t *text, const wchar_t *prefix) {
  return wcsncmp(text, prefix, wcslen(prefix)) == 0;
}

static bool is_absolute(const wchar_t *name) {
  bool letter = (name[0] >= 'A' && name[0] <= 'Z') || (name[0] >= 'a' && name[0] <= 'z');
  return name[0] == '\\' || (letter && name[1] == ':');
}

static wchar_t *make_room(size_t length) {
  return rouse__allocate((length + 1) * sizeof(wchar_t), _Alignof(wchar_t));
}

// The system calls a name that is too long an invalid one.
static bool names_fit(const wchar_t *text) {
  enum { NAME_MOST = 255 };
  while (*text) {
    size_t part = wcscspn(text, L"\\");
    if (part > NAME_MOST) return false;
    text += part;
    if (*text) text++;
  }
  return true;
}

static int to_wide(struct rouse__nt_path *path, const char *utf8) {
  size_t size = strnlen(utf8, UTF8_MOST);
  if (size == 0) return ROUSE_ENOENT;
  if (size == UTF8_MOST) return ROUSE_ENAMETOOLONG;
  int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, utf8, (int)size, NULL, 0);
  if (length <= 0) return ROUSE_EINVAL;
  if (length > LENGTH_MOST) return ROUSE_ENAMETOOLONG;
  path->name = make_room((size_t)length);
  if (!path->name) return ROUSE_ENOMEM;
  MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, utf8, (int)size, path->name, length);
  path->length = (uint32_t)length;
  for (wchar_t *at = path->name; *at; at++) {
    if (*at == '/') *at = '\\';
  }
  path->to_directory = path->name[length - 1] == '\\';
  return names_fit(path->name) ? 0 : ROUSE_ENAMETOOLONG;
}

// Takes ".", ".." and empty parts out of |text| (which may be |out|), from its character |keep| on.
// False: ".." leads above that.
static bool simplify(wchar_t *text, size_t keep) {
  wchar_t *out = text + keep, *at = text + keep;
  while (*at) {
    size_t part = wcscspn(at, L"\\");
    bool up = part == 2 && at[0] == '.' && at[1] == '.';
    if (up) {
      if (out == text + keep) return false;
      while (out > text + keep && out[-1] != '\\') out--;
      if (out > text + keep) out--;
    } else if (part > 1 || (part == 1 && at[0] != '.')) {
      if (out > text + keep) *out++ = '\\';
      memmove(out, at, part * sizeof *at);
      out += part;
    }
    at += part;
    if (*at) at++;
  }
  *out = 0;
  return true;
}

// --- absolute paths ------------------------------------------------------------------------------

// |prefix| and |text| become the name of |path|, whose old one goes.
static int join(struct rouse__nt_path *path, const wchar_t *prefix, const wchar_t *text) {
  size_t before = wcslen(prefix), length = wcslen(text);
  if (before + length > LENGTH_MOST) return ROUSE_ENAMETOOLONG;
  wchar_t *name = make_room(before + length);
  if (!name) return ROUSE_ENOMEM;
  memcpy(name, prefix, before * sizeof *prefix);
  memcpy(name + before, text, (length + 1) * sizeof *text);
  rouse__free(path->name);
  path->name = name;
  path->length = (uint32_t)(before + length);
  return 0;
}

static int complete(struct rouse__nt_path *path) {
  path->root = NULL;
  if (has_prefix(path->name, L"\\\\?\\") || has_prefix(path->name, L"\\??\\")) {
    return join(path, L"\\??\\", path->name + 4);
  }
  DWORD room = GetFullPathNameW(path->name, 0, NULL, NULL);
  if (!room) return rouse__error_last();
  wchar_t *full = make_room(room);
  if (!full) return ROUSE_ENOMEM;
  DWORD length = GetFullPathNameW(path->name, room, full, NULL);
  int result;
  if (!length || length >= room) {
    result = length ? ROUSE_EAGAIN : rouse__error_last();  // the current directory was changed
  } else if (has_prefix(full, L"\\\\.\\") || has_prefix(full, L"\\\\?\\")) {
    result = join(path, L"\\??\\", full + 4);
  } else if (has_prefix(full, L"\\\\")) {
    result = join(path, L"\\??\\UNC\\", full + 2);
  } else {
    result = join(path, L"\\??\\", full);
  }
  rouse__free(full);
  // A root keeps its separator, everything else is named without.
  if (!result && path->length > 7 && path->name[path->length - 1] == '\\') {
    path->name[--path->length] = 0;
  }
  return result;
}

// Where ".." in a path may lead at most: behind "\??\C:\" or "\??\UNC\server\share\".
static size_t root_length(const wchar_t *name) {
  size_t at = 4;
  int parts = has_prefix(name, L"\\??\\UNC\\") ? 3 : 1;
  while (parts-- > 0) {
    at += wcscspn(name + at, L"\\");
    if (name[at]) at++;
  }
  return at;
}

int rouse__nt_path_absolute(struct rouse__nt_path *path) {
  if (!path->root) return 0;
  DWORD room = GetFinalPathNameByHandleW(path->root, NULL, 0, VOLUME_NAME_DOS);
  if (!room) return rouse__error_last();
  wchar_t *full = make_room(room + 1 + path->length);
  if (!full) return ROUSE_ENOMEM;
  DWORD length = GetFinalPathNameByHandleW(path->root, full, room, VOLUME_NAME_DOS);
  int result = ROUSE_EAGAIN;  // it has been renamed meanwhile
  if (!length || length >= room) goto out_free;
  full[length++] = '\\';
  memcpy(full + length, path->name, (path->length + 1) * sizeof *full);
  full[1] = '?';  // from "\\?\" to "\??\"
  result = ROUSE_EINVAL;
  if (!simplify(full, root_length(full))) goto out_free;
  path->root = NULL;
  result = join(path, L"", full);
out_free:
  rouse__free(full);
  return result;
}

// --- paths ---------------------------------------------------------------------------------------

int rouse__nt_path_make(struct rouse__nt_path *path, int dir, const char *utf8) {
  *path = (struct rouse__nt_path){0};
  if (!utf8) return ROUSE_EFAULT;
  int result = to_wide(path, utf8);
  if (result) return result;
  if (dir == CURRENT_DIRECTORY || is_absolute(path->name)) {
    result = complete(path);
  } else {
    path->root = rouse__handle(dir);
    // What can't be simplified in place goes through the whole name of the directory.
    wchar_t *copy = make_room(path->length);
    if (!copy) {
      result = ROUSE_ENOMEM;
    } else {
      memcpy(copy, path->name, (path->length + 1) * sizeof *copy);
      if (simplify(copy, 0)) {
        wcscpy(path->name, copy);
        path->length = (uint32_t)wcslen(copy);
      } else {
        result = rouse__nt_path_absolute(path);
      }
      rouse__free(copy);
    }
  }
  if (result) rouse__nt_path_free(path);
  return result;
}

void rouse__nt_path_free(struct rouse__nt_path *path) {
  rouse__free(path->name);
  path->name = NULL;
}

NTSTATUS rouse__nt_open(const struct rouse__nt_path *path, ACCESS_MASK access, ULONG disposition,
                        ULONG options, ULONG attributes, HANDLE *out_handle) {
  UNICODE_STRING name = {
      .Length = (USHORT)(path->length * sizeof(wchar_t)),
      .MaximumLength = (USHORT)((path->length + 1) * sizeof(wchar_t)),
      .Buffer = path->name,
  };
  OBJECT_ATTRIBUTES object = {
      .Length = sizeof object,
      .RootDirectory = path->root,
      .ObjectName = &name,
      .Attributes = OBJ_CASE_INSENSITIVE,
  };
  IO_STATUS_BLOCK status;
  return rouse__nt()->create_file(out_handle, access | SYNCHRONIZE, &object, &status, NULL,
                                  attributes,
                                  FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                  disposition, options | FILE_OPEN_FOR_BACKUP_INTENT, NULL, 0);
}

int rouse__transfer_failure(HANDLE handle, int code) {
  FILE_STANDARD_INFO info;
  if (GetFileInformationByHandleEx(handle, FileStandardInfo, &info, sizeof info) &&
      info.Directory) {
    return ROUSE_EISDIR;
  }
  return code == ROUSE_EACCES ? ROUSE_EBADF : code;  // it was not opened for that
}
