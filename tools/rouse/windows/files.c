// Files on Windows: by handles, relative to the handles of directories, as the native calls can. So
// there is no limit on paths, and nobody can lead a name elsewhere.
//
// What may be a link (a reparse point that names something else) is always opened as itself. Other
// reparse points (files kept in a cloud, or compressed) are what they stand for.
#include "files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "native.h"

// --- paths ---------------------------------------------------------------------------------------

const char path_separator = '\\';

bool path_separates(char letter) { return letter == '\\' || letter == '/'; }

static bool is_letter(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
}

// The end of the name at |at|.
static size_t past_name(const char *path, size_t at) {
  while (path[at] != 0 && !path_separates(path[at])) at++;
  return at;
}

size_t path_root(const char *path) {
  if (is_letter(path[0]) && path[1] == ':') return 2;
  if (!path_separates(path[0]) || !path_separates(path[1])) return 0;
  if ((path[2] == '?' || path[2] == '.') && path_separates(path[3])) {
    if (strncmp(path + 4, "UNC\\", 4) != 0) return past_name(path, 4);  // \\?\C:
    size_t server = past_name(path, 8);
    return path[server] == 0 ? server : past_name(path, server + 1);
  }
  size_t server = past_name(path, 2);  // \\server\share
  return path[server] == 0 ? server : past_name(path, server + 1);
}

// --- status --------------------------------------------------------------------------------------

static const DWORD tag_socket = 0x80000023, tag_pipe = 0x80000024, tag_device_last = 0x80000026;

static bool is_surrogate(DWORD tag) { return (tag & 0x20000000) != 0; }

static bool is_link(const FILE_ATTRIBUTE_TAG_INFO *info) {
  return (info->FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) && is_surrogate(info->ReparseTag);
}

static file_kind kind_of(DWORD attributes, DWORD tag) {
  if (attributes & FILE_ATTRIBUTE_REPARSE_POINT) {
    if (is_surrogate(tag)) return KIND_LINK;
    if (tag == tag_socket) return KIND_SOCKET;
    if (tag >= tag_pipe && tag <= tag_device_last) return KIND_STRANGE;
  }
  return attributes & FILE_ATTRIBUTE_DIRECTORY ? KIND_DIRECTORY : KIND_FILE;
}

static file_time time_of(FILETIME time) {
  const int64_t to_1970 = INT64_C(11644473600), ticks = 10000000;
  int64_t value = (int64_t)((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime);
  return (file_time){value / ticks - to_1970, (int32_t)(value % ticks * 100)};
}

// What is kept of the attributes; of links also whether they lead to a directory.
enum {
  ATTRIBUTES_KEPT = FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM |
                    FILE_ATTRIBUTE_ARCHIVE | FILE_ATTRIBUTE_NOT_CONTENT_INDEXED
};

static identity identity_of(HANDLE handle, const BY_HANDLE_FILE_INFORMATION *info) {
  FILE_ID_INFO id;
  identity identity = {info->dwVolumeSerialNumber,
                       {(uint64_t)info->nFileIndexHigh << 32 | info->nFileIndexLow, 0}};
  // Where a file system has numbers of 128 bits, the ones of 64 need not be unique.
  if (GetFileInformationByHandleEx(handle, FileIdInfo, &id, sizeof id)) {
    identity.device = id.VolumeSerialNumber;
    memcpy(identity.inode, id.FileId.Identifier, sizeof identity.inode);
  }
  return identity;
}

static int status_of(HANDLE handle, file_status *out_status) {
  BY_HANDLE_FILE_INFORMATION info;
  FILE_STANDARD_INFO standard;
  FILE_ATTRIBUTE_TAG_INFO tag = {0, 0};
  if (!GetFileInformationByHandle(handle, &info)) return native_last_error();
  if (!GetFileInformationByHandleEx(handle, FileStandardInfo, &standard, sizeof standard)) {
    return native_last_error();
  }
  DWORD attributes = info.dwFileAttributes;
  if (attributes & FILE_ATTRIBUTE_REPARSE_POINT) {
    if (!GetFileInformationByHandleEx(handle, FileAttributeTagInfo, &tag, sizeof tag)) {
      return native_last_error();
    }
  }
  file_kind kind = kind_of(attributes, tag.ReparseTag);
  uint64_t size = (uint64_t)info.nFileSizeHigh << 32 | info.nFileSizeLow;
  bool holes = !(attributes & FILE_ATTRIBUTE_COMPRESSED) && kind == KIND_FILE;
  uint64_t stored = (uint64_t)standard.AllocationSize.QuadPart;
  *out_status = (file_status){
      .kind = kind,
      .identity = identity_of(handle, &info),
      .size = size,
      .stored = holes && stored < size ? stored : size,
      .links = kind == KIND_DIRECTORY ? 1 : info.nNumberOfLinks,
      .read = time_of(info.ftLastAccessTime),
      .modified = time_of(info.ftLastWriteTime),
      .created = time_of(info.ftCreationTime),
      .attributes = attributes & ATTRIBUTES_KEPT,
  };
  if (kind == KIND_LINK) out_status->attributes |= attributes & FILE_ATTRIBUTE_DIRECTORY;
  return 0;
}

int file_status_of(rouse_fd file, file_status *out_status) {
  return status_of(native_handle(file), out_status);
}

int file_status_at(rouse_fd directory, const char *name, file_status *out_status) {
  rouse_fd fd = file_open_now(directory, name, OPEN_NODE);
  if (fd < 0) return fd;
  int result = file_status_of(fd, out_status);
  file_close(fd);
  return result;
}

// --- opening -------------------------------------------------------------------------------------

typedef struct opening {
  ACCESS_MASK access, wanted;  // |wanted|: also, if it is granted
  ULONG options;
} opening;

static opening opening_of(open_as as) {
  const ULONG in_order = FILE_SYNCHRONOUS_IO_NONALERT;
  switch (as) {
    case OPEN_PLACE:
      return (opening){FILE_TRAVERSE | FILE_READ_ATTRIBUTES, FILE_WRITE_ATTRIBUTES,
                       FILE_DIRECTORY_FILE | in_order};
    case OPEN_LISTING:
      return (opening){FILE_LIST_DIRECTORY | FILE_TRAVERSE | FILE_READ_ATTRIBUTES,
                       FILE_WRITE_ATTRIBUTES, FILE_DIRECTORY_FILE | in_order};
    case OPEN_CONTENTS:
      return (opening){FILE_READ_DATA | FILE_READ_ATTRIBUTES, 0,
                       FILE_NON_DIRECTORY_FILE | FILE_SEQUENTIAL_ONLY};
    default:
      return (opening){FILE_READ_ATTRIBUTES, FILE_WRITE_ATTRIBUTES, in_order};
  }
}

static NTSTATUS open_wide(HANDLE directory, const wchar_t *name, const opening *how, ULONG more,
                          HANDLE *out) {
  ULONG options = how->options | more;
  NTSTATUS status =
      native_open(directory, name, how->access | how->wanted, FILE_OPEN, options, out);
  if (status >= 0 || how->wanted == 0) return status;
  return native_open(directory, name, how->access, FILE_OPEN, options, out);
}

// Opens |name| as itself. What is a reparse point and no link is opened as what it stands for.
static int open_itself(HANDLE directory, const wchar_t *name, open_as as, HANDLE *out) {
  opening how = opening_of(as);
  FILE_ATTRIBUTE_TAG_INFO info = {0, 0};
  NTSTATUS status = open_wide(directory, name, &how, FILE_OPEN_REPARSE_POINT, out);
  if (status < 0) return native_result(status);
  if (!GetFileInformationByHandleEx(*out, FileAttributeTagInfo, &info, sizeof info)) {
    info.FileAttributes = 0;  // a file system without them
  }
  if (!(info.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) || as == OPEN_NODE) return 0;
  CloseHandle(*out);
  if (is_link(&info)) return as == OPEN_CONTENTS ? ROUSE_ELOOP : ROUSE_ENOTDIR;
  status = open_wide(directory, name, &how, 0, out);
  return native_result(status);
}

rouse_fd file_open_now(rouse_fd directory, const char *name, open_as as) {
  int result;
  wchar_t *wide = native_name(name, &result);
  if (wide == NULL) return result;
  HANDLE handle;
  result = open_itself(native_handle(directory), wide, as, &handle);
  free(wide);
  return result < 0 ? result : native_file(handle);
}

struct open_call {
  rouse_fd directory;
  const char *name;
  open_as as;
};

static int64_t open_called(void *argument) {
  struct open_call *call = argument;
  return file_open_now(call->directory, call->name, call->as);
}

rouse_fd file_open(gauge *gauge, rouse_fd directory, const char *name, open_as as) {
  struct open_call call = {directory, name, as};
  return (rouse_fd)system_call(gauge, open_called, &call);
}

// Follows: |path| is the user's.
static int open_path(const char *path, open_as as, HANDLE *out) {
  wchar_t *wide = native_path(path);
  if (wide == NULL) return ROUSE_ENOENT;
  opening how = opening_of(as);
  NTSTATUS status = open_wide(NULL, wide, &how, 0, out);
  free(wide);
  return native_result(status);
}

int path_status(const char *path, file_status *out_status) {
  HANDLE handle;
  int result = open_path(path, OPEN_NODE, &handle);
  if (result < 0) return result;
  result = status_of(handle, out_status);
  CloseHandle(handle);
  return result;
}

rouse_fd path_open_directory(const char *path, bool listing) {
  HANDLE handle;
  int result = open_path(path, listing ? OPEN_LISTING : OPEN_PLACE, &handle);
  return result < 0 ? result : native_file(handle);
}

// The final path of |handle|, as the system gives it, on the heap. NULL: it has none.
static wchar_t *final_path(HANDLE handle) {
  static const DWORD forms[] = {VOLUME_NAME_DOS, VOLUME_NAME_GUID};
  for (int index = 0; index < 2; index++) {
    DWORD room = GetFinalPathNameByHandleW(handle, NULL, 0, forms[index]);
    if (room == 0) continue;
    wchar_t *path = system_allocate((size_t)(room + 1) * sizeof *path);
    DWORD length = GetFinalPathNameByHandleW(handle, path, room + 1, forms[index]);
    if (length > 0 && length <= room) return path;
    free(path);
  }
  return NULL;
}

rouse_fd directory_open_again(rouse_fd directory, bool listing) {
  wchar_t *path = final_path(native_handle(directory));
  if (path == NULL) return native_last_error();
  opening how = opening_of(listing ? OPEN_LISTING : OPEN_PLACE);
  HANDLE handle;
  path[1] = L'?';  // \\?\ as native calls spell it
  int result = native_result(open_wide(NULL, path, &how, 0, &handle));
  free(path);
  if (result < 0) return result;
  file_status old, new;
  result = file_status_of(directory, &old);
  if (result == 0) result = status_of(handle, &new);
  if (result == 0 && !identity_equal(old.identity, new.identity)) result = ROUSE_ESTALE;
  if (result < 0) CloseHandle(handle);
  return result < 0 ? result : native_file(handle);
}

int directory_is_inside(rouse_fd directory, identity sought) {
  wchar_t *path = final_path(native_handle(directory));
  if (path == NULL) return native_last_error();
  path[1] = L'?';
  int result = 0;
  opening how = opening_of(OPEN_NODE);
  for (size_t length = wcslen(path); length > 4 && result == 0;) {
    HANDLE handle;
    file_status status;
    NTSTATUS opened = open_wide(NULL, path, &how, 0, &handle);
    // What is above the root of a volume or a share can't be opened.
    if (opened < 0) {
      result = wcschr(path + 4, L'\\') == NULL ? 0 : native_result(opened);
      break;
    }
    result = status_of(handle, &status);
    CloseHandle(handle);
    if (result == 0 && identity_equal(status.identity, sought)) result = 1;
    if (path[length - 1] == L'\\') break;  // a root
    while (length > 4 && path[length - 1] != L'\\') length--;
    // The root keeps its separator.
    if (length > 5 && path[length - 2] != L':') length--;
    path[length] = 0;
  }
  free(path);
  return result;
}

int file_close(rouse_fd file) {
  if (file < 0) return 0;
  return CloseHandle(native_handle(file)) ? 0 : native_last_error();
}

// --- listings ------------------------------------------------------------------------------------

int64_t listing_read(rouse_fd directory, void *buffer, bool restart) {
  FILE_INFO_BY_HANDLE_CLASS what =
      restart ? FileIdBothDirectoryRestartInfo : FileIdBothDirectoryInfo;
  if (GetFileInformationByHandleEx(native_handle(directory), what, buffer, LISTING_SIZE)) {
    return LISTING_SIZE;
  }
  DWORD error = GetLastError();
  if (error == ERROR_NO_MORE_FILES || error == ERROR_FILE_NOT_FOUND) return 0;
  return native_last_error();
}

bool listing_next(const void *buffer, int64_t size, int64_t *at, listing_item *out_item) {
  while (*at < size) {
    const FILE_ID_BOTH_DIR_INFO *info = (const void *)((const char *)buffer + *at);
    *at = info->NextEntryOffset == 0 ? size : *at + info->NextEntryOffset;
    size_t units = info->FileNameLength / sizeof(wchar_t);
    if (3 * units + 1 > sizeof out_item->room) continue;  // no name is so long
    native_text_into(out_item->room, info->FileName, units);
    out_item->name = out_item->room;
    if (strcmp(out_item->name, ".") == 0 || strcmp(out_item->name, "..") == 0) continue;
    bool plain = !(info->FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT);
    out_item->kind = plain ? kind_of(info->FileAttributes, 0) : KIND_UNKNOWN;
    return true;
  }
  return false;
}

// --- making --------------------------------------------------------------------------------------

static rouse_fd create(rouse_fd directory, const char *name, ACCESS_MASK access, ULONG options) {
  int result;
  wchar_t *wide = native_name(name, &result);
  if (wide == NULL) return result;
  HANDLE handle;
  NTSTATUS status = native_open(native_handle(directory), wide, access, FILE_CREATE,
                                options | FILE_OPEN_REPARSE_POINT, &handle);
  free(wide);
  return status < 0 ? native_result(status) : native_file(handle);
}

rouse_fd file_create(rouse_fd directory, const char *name, bool by_completion) {
  ACCESS_MASK access = FILE_WRITE_DATA | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES;
  return create(directory, name, access,
                FILE_NON_DIRECTORY_FILE | (by_completion ? 0 : FILE_SYNCHRONOUS_IO_NONALERT));
}

int file_write_now(rouse_fd file, const void *buffer, size_t size) {
  for (size_t done = 0; done < size;) {
    OVERLAPPED at = {.Offset = (DWORD)done, .OffsetHigh = (DWORD)((uint64_t)done >> 32)};
    DWORD part = 0;
    DWORD most = size - done > 1 << 30 ? 1 << 30 : (DWORD)(size - done);
    if (!WriteFile(native_handle(file), (const char *)buffer + done, most, &part, &at)) {
      return native_last_error();
    }
    if (part == 0) return ROUSE_EIO;
    done += part;
  }
  return 0;
}

int file_set_size(rouse_fd file, uint64_t size) {
  LARGE_INTEGER end = {.QuadPart = (LONGLONG)size};
  return native_result(native_set(native_handle(file), NATIVE_END_OF_FILE, &end, sizeof end));
}

int file_make_sparse(rouse_fd file) {
  // Without holes the copy is as good, and takes more room.
  native_control(native_handle(file), FSCTL_SET_SPARSE, NULL, 0, NULL, 0, NULL);
  return 0;
}

int file_find_data(rouse_fd file, uint64_t from, uint64_t size, uint64_t *out_begin,
                   uint64_t *out_end) {
  FILE_ALLOCATED_RANGE_BUFFER asked = {.FileOffset.QuadPart = (LONGLONG)from,
                                       .Length.QuadPart = (LONGLONG)(size - from)};
  FILE_ALLOCATED_RANGE_BUFFER found;
  size_t used = 0;
  *out_begin = from;
  *out_end = size;
  int result = native_control(native_handle(file), FSCTL_QUERY_ALLOCATED_RANGES, &asked,
                              sizeof asked, &found, sizeof found, &used);
  if (result < 0) return 0;  // holes are unknown here: all is data
  if (used < sizeof found) {
    *out_begin = size;
    return 0;
  }
  uint64_t begin = (uint64_t)found.FileOffset.QuadPart;
  uint64_t end = begin + (uint64_t)found.Length.QuadPart;
  if (begin > from) *out_begin = begin < size ? begin : size;
  if (end < size) *out_end = end;
  return 0;
}

int directory_make(rouse_fd directory, const char *name) {
  rouse_fd fd = create(directory, name, FILE_READ_ATTRIBUTES, FILE_DIRECTORY_FILE);
  return fd < 0 ? fd : file_close(fd);
}

// --- links ---------------------------------------------------------------------------------------

enum { REPARSE_MAX = 16 * 1024 };

int link_read(rouse_fd link, link_target *out_target) {
  char *data = system_allocate(REPARSE_MAX);
  size_t size = 0;
  int result = native_control(native_handle(link), FSCTL_GET_REPARSE_POINT, NULL, 0, data,
                              REPARSE_MAX, &size);
  if (result < 0) {
    free(data);
    return result;
  }
  *out_target = (link_target){data, size};
  return 0;
}

int node_make(rouse_fd directory, const char *name, const file_status *status,
              const link_target *target, const char **out_what) {
  if (status->kind != KIND_LINK) {
    *out_what = "cannot be made here";
    return ROUSE_ENOTSUP;
  }
  *out_what = "cannot make the symbolic link";
  bool to_directory = (status->attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
  ULONG options = to_directory ? FILE_DIRECTORY_FILE : FILE_NON_DIRECTORY_FILE;
  ACCESS_MASK access = FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES;
  rouse_fd fd = create(directory, name, access, options | FILE_SYNCHRONOUS_IO_NONALERT);
  if (fd < 0) return fd;
  int result = native_control(native_handle(fd), FSCTL_SET_REPARSE_POINT, target->data,
                              target->size, NULL, 0, NULL);
  file_close(fd);
  if (result < 0 && to_directory) directory_remove(directory, name);
  if (result < 0 && !to_directory) file_remove(directory, name);
  return result;
}
