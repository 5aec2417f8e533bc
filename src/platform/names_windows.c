// Operations on names: unlink, rename, link, symlink, mkdir.
//
// Windows 10 can delete and replace what is open, as POSIX wants it; before, and in Wine, the older
// forms of the same calls must do: then a name in use stays until its last handle is closed, and
// what is open can't be replaced.
#include "platform/files_windows.h"

#include <stdio.h>
#include <string.h>

#include "platform/nt.h"
#include "platform/platform.h"

enum { DELETE_IT = 1, DELETE_POSIX = 2, DELETE_READ_ONLY = 0x10 };
enum { REPLACE = 1, REPLACE_POSIX = 2, REPLACE_READ_ONLY = 0x40 };

static NTSTATUS set(HANDLE file, ULONG what, void *data, size_t size) {
  IO_STATUS_BLOCK block;
  return rouse__nt()->set_information_file(file, &block, data, (ULONG)size, what);
}

static DWORD attributes_of(HANDLE file) {
  FILE_ATTRIBUTE_TAG_INFO info;
  if (!GetFileInformationByHandleEx(file, FileAttributeTagInfo, &info, sizeof info)) return 0;
  return info.FileAttributes;
}

static NTSTATUS set_attributes(HANDLE file, DWORD attributes) {
  FILE_BASIC_INFO basic = {.FileAttributes = attributes ? attributes : FILE_ATTRIBUTE_NORMAL};
  return set(file, ROUSE__FILE_BASIC, &basic, sizeof basic);
}

// --- unlink --------------------------------------------------------------------------------------

// The older form: refuses what is marked read-only, so that the mark is taken away for the moment.
static NTSTATUS dispose_plainly(HANDLE file) {
  BOOLEAN yes = TRUE;
  NTSTATUS status = set(file, ROUSE__FILE_DISPOSITION, &yes, sizeof yes);
  if (status != ROUSE__STATUS_CANNOT_DELETE) return status;
  DWORD attributes = attributes_of(file);
  if (!(attributes & FILE_ATTRIBUTE_READONLY)) return status;
  if (set_attributes(file, attributes & ~(DWORD)FILE_ATTRIBUTE_READONLY) < 0) return status;
  status = set(file, ROUSE__FILE_DISPOSITION, &yes, sizeof yes);
  if (status < 0) set_attributes(file, attributes);
  return status;
}

static NTSTATUS dispose(HANDLE file) {
  ULONG how = DELETE_IT | DELETE_POSIX | DELETE_READ_ONLY;
  NTSTATUS status = set(file, ROUSE__FILE_DISPOSITION_EX, &how, sizeof how);
  return rouse__is_unknown(status) ? dispose_plainly(file) : status;
}

int rouse__unlink_at(int dir, const char *text, uint32_t flags) {
  struct rouse__nt_path path;
  if (flags & ~(uint32_t)AT_REMOVEDIR) return ROUSE_EINVAL;
  int refused = rouse__nt_path_make(&path, dir, text);
  if (refused) return refused;
  HANDLE file;
  NTSTATUS status =
      rouse__nt_open(&path, DELETE | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES, FILE_OPEN,
                     FILE_OPEN_REPARSE_POINT | FILE_SYNCHRONOUS_IO_NONALERT, 0, &file);
  bool to_directory = path.to_directory;
  rouse__nt_path_free(&path);
  if (status < 0) return rouse__error_from_status(status);
  // A link to a directory is one to Windows, and none to those who unlink it.
  bool link = rouse__is_link(rouse__reparse_tag(file));
  bool directory = (attributes_of(file) & FILE_ATTRIBUTE_DIRECTORY) && !link;
  int result = 0;
  if (directory && !(flags & AT_REMOVEDIR)) result = ROUSE_EISDIR;
  if (!directory && ((flags & AT_REMOVEDIR) || to_directory)) result = ROUSE_ENOTDIR;
  if (!result) result = rouse__error_from_status(dispose(file));
  CloseHandle(file);
  return result;
}

// --- rename and link -----------------------------------------------------------------------------

// What both calls take: flags (of the older forms a BOOLEAN), the directory, the name.
struct new_name {
  ULONG flags;
  HANDLE root;
  ULONG size;
  wchar_t name[];
};

static struct new_name *make_new_name(const struct rouse__nt_path *path, size_t *out_size) {
  size_t bytes = path->length * sizeof(wchar_t);
  *out_size = sizeof(struct new_name) + bytes + sizeof(wchar_t);
  struct new_name *name = rouse__allocate(*out_size, _Alignof(struct new_name));
  if (!name) return NULL;
  name->root = path->root;
  name->size = (ULONG)bytes;
  memcpy(name->name, path->name, bytes);
  return name;
}

// Opens the one path and makes a structure of the other.
static int open_old(int dir, const char *text, ACCESS_MASK access, bool follow,
                    const struct rouse__nt_path *new_path, HANDLE *out_file,
                    struct new_name **out_name, size_t *out_size) {
  struct rouse__nt_path path;
  int refused = rouse__nt_path_make(&path, dir, text);
  if (refused) return refused;
  ULONG options = FILE_SYNCHRONOUS_IO_NONALERT | (follow ? 0 : FILE_OPEN_REPARSE_POINT);
  NTSTATUS status = rouse__nt_open(&path, access, FILE_OPEN, options, 0, out_file);
  rouse__nt_path_free(&path);
  if (status < 0) return rouse__error_from_status(status);
  *out_name = make_new_name(new_path, out_size);
  if (*out_name) return 0;
  CloseHandle(*out_file);
  return ROUSE_ENOMEM;
}

static int rename_to(int dir, const char *text, const struct rouse__nt_path *new_path,
                     bool replace) {
  HANDLE file;
  struct new_name *name;
  size_t size;
  int refused =
      open_old(dir, text, DELETE | FILE_READ_ATTRIBUTES, false, new_path, &file, &name, &size);
  if (refused) return refused;
  name->flags = replace ? REPLACE | REPLACE_POSIX | REPLACE_READ_ONLY : 0;
  NTSTATUS status = set(file, ROUSE__FILE_RENAME_EX, name, size);
  if (rouse__is_unknown(status)) {
    name->flags = replace;
    status = set(file, ROUSE__FILE_RENAME, name, size);
  }
  CloseHandle(file);
  rouse__free(name);
  return rouse__error_from_status(status);
}

int rouse__rename_at(int dir, const char *path, int new_dir, const char *new_path, uint32_t flags) {
  struct rouse__nt_path to;
  if (flags & ~(uint32_t)RENAME_NOREPLACE) return ROUSE_EINVAL;
  int result = rouse__nt_path_make(&to, new_dir, new_path);
  if (result) return result;
  result = rename_to(dir, path, &to, !(flags & RENAME_NOREPLACE));
  rouse__nt_path_free(&to);
  return result;
}

int rouse__link_at(int dir, const char *path, int new_dir, const char *new_path, uint32_t flags) {
  struct rouse__nt_path to;
  if (flags & ~(uint32_t)AT_SYMLINK_FOLLOW) return ROUSE_EINVAL;
  int result = rouse__nt_path_make(&to, new_dir, new_path);
  if (result) return result;
  HANDLE file;
  struct new_name *name;
  size_t size;
  result = open_old(dir, path, FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES,
                    flags & AT_SYMLINK_FOLLOW, &to, &file, &name, &size);
  rouse__nt_path_free(&to);
  if (result) return result;
  result = rouse__error_from_status(set(file, ROUSE__FILE_LINK, name, size));
  CloseHandle(file);
  rouse__free(name);
  return result;
}

// --- what is new ---------------------------------------------------------------------------------

int rouse__mkdir_at(int dir, const char *text) {
  struct rouse__nt_path path;
  int refused = rouse__nt_path_make(&path, dir, text);
  if (refused) return refused;
  HANDLE made;
  NTSTATUS status = rouse__nt_open(&path, FILE_READ_ATTRIBUTES, FILE_CREATE,
                                   FILE_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT, 0, &made);
  rouse__nt_path_free(&path);
  if (status < 0) return rouse__error_from_status(status);
  CloseHandle(made);
  return 0;
}

// Whether |target|, seen from where the link |path| lies, is a directory: Windows wants to know.
static bool leads_to_directory(const wchar_t *target, const wchar_t *path) {
  size_t length = wcslen(path), target_length = wcslen(target);
  wchar_t *whole = rouse__allocate((length + target_length + 2) * sizeof *whole, _Alignof(wchar_t));
  if (!whole) return false;
  bool absolute = target[0] == '\\' || (target[0] && target[1] == ':');
  if (!absolute) {
    while (length && path[length - 1] != '\\') length--;
    memcpy(whole, path, length * sizeof *whole);
  }
  wcscpy(whole + (absolute ? 0 : length), target);
  DWORD attributes = GetFileAttributesW(whole);
  rouse__free(whole);
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
}

// Without being asked to make sure: a system without links says that it has made one.
static int make_link(const wchar_t *target, const wchar_t *path) {
  enum { DIRECTORY = 1, UNPRIVILEGED = 2 };
  if (GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES) return ROUSE_EEXIST;
  DWORD flags = leads_to_directory(target, path) ? DIRECTORY : 0;
  bool made = CreateSymbolicLinkW(path, target, flags | UNPRIVILEGED);
  if (!made && GetLastError() == ERROR_INVALID_PARAMETER) {
    made = CreateSymbolicLinkW(path, target, flags);
  }
  if (!made) return rouse__error_last();
  DWORD attributes = GetFileAttributesW(path);
  bool is_there =
      attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_REPARSE_POINT);
  return is_there ? 0 : ROUSE_ENOSYS;
}

int rouse__symlink_at(const char *target, int dir, const char *text) {
  if (!target) return ROUSE_EFAULT;
  struct rouse__nt_path path;
  int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, target, -1, NULL, 0);
  if (length <= 1) return length ? ROUSE_ENOENT : ROUSE_EINVAL;
  int result = rouse__nt_path_make(&path, dir, text);
  if (result) return result;
  wchar_t *wide = rouse__allocate((size_t)length * sizeof *wide, _Alignof(wchar_t));
  result = wide ? rouse__nt_path_absolute(&path) : ROUSE_ENOMEM;
  if (!result) {
    MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, target, -1, wide, length);
    for (wchar_t *at = wide; *at; at++) {
      if (*at == '/') *at = '\\';
    }
    path.name[1] = '\\';  // from "\??\" to "\\?\"
    result = make_link(wide, path.name);
  }
  rouse__free(wide);
  rouse__nt_path_free(&path);
  return result;
}
