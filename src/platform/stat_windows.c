// rouse_file_stat() on Windows.
#include "platform/files_windows.h"

#include <string.h>
#include <sys/stat.h>

#include "platform/nt.h"
#include "platform/socket.h"

ULONG rouse__reparse_tag(HANDLE file) {
  FILE_ATTRIBUTE_TAG_INFO info;
  if (!GetFileInformationByHandleEx(file, FileAttributeTagInfo, &info, sizeof info)) return 0;
  return info.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT ? info.ReparseTag : 0;
}

bool rouse__is_link(ULONG tag) {
  return tag == IO_REPARSE_TAG_SYMLINK || tag == IO_REPARSE_TAG_MOUNT_POINT;
}

// From units of 100 ns since 1601.
static struct statx_timestamp time_of(int64_t time) {
  const int64_t until_1970 = 116444736000000000;
  int64_t since = time - until_1970, seconds = since / 10000000, rest = since % 10000000;
  if (rest < 0) {
    rest += 10000000;
    seconds--;
  }
  return (struct statx_timestamp){.tv_sec = seconds, .tv_nsec = (uint32_t)rest * 100};
}

static int64_t join_halves(DWORD high, DWORD low) { return (int64_t)((uint64_t)high << 32 | low); }

static uint16_t mode_of(HANDLE file, DWORD attributes) {
  if (rouse__is_link(rouse__reparse_tag(file))) return S_IFLNK | 0777;
  if (attributes & FILE_ATTRIBUTE_DIRECTORY) return S_IFDIR | 0777;
  return S_IFREG | (attributes & FILE_ATTRIBUTE_READONLY ? 0444 : 0666);
}

static int stat_file(HANDLE file, struct statx *out) {
  BY_HANDLE_FILE_INFORMATION info;
  FILE_BASIC_INFO basic;
  FILE_STANDARD_INFO standard;
  if (!GetFileInformationByHandle(file, &info)) return rouse__error_last();
  if (!GetFileInformationByHandleEx(file, FileBasicInfo, &basic, sizeof basic) ||
      !GetFileInformationByHandleEx(file, FileStandardInfo, &standard, sizeof standard)) {
    return rouse__error_last();
  }
  out->stx_mode = mode_of(file, info.dwFileAttributes);
  out->stx_attributes = info.dwFileAttributes;
  out->stx_attributes_mask = UINT32_MAX;
  out->stx_nlink = info.nNumberOfLinks;
  out->stx_ino = (uint64_t)join_halves(info.nFileIndexHigh, info.nFileIndexLow);
  out->stx_dev_major = info.dwVolumeSerialNumber;
  if (!S_ISDIR(out->stx_mode)) {
    out->stx_size = (uint64_t)standard.EndOfFile.QuadPart;
    out->stx_blocks = ((uint64_t)standard.AllocationSize.QuadPart + 511) / 512;
  }
  out->stx_atime = time_of(basic.LastAccessTime.QuadPart);
  out->stx_btime = time_of(basic.CreationTime.QuadPart);
  out->stx_mtime = time_of(basic.LastWriteTime.QuadPart);
  out->stx_ctime = time_of(basic.ChangeTime.QuadPart);
  return 0;
}

static int stat_handle(int fd, struct statx *out) {
  HANDLE file = rouse__handle(fd);
  SetLastError(0);
  switch (GetFileType(file)) {
    case FILE_TYPE_DISK:
      return stat_file(file, out);
    case FILE_TYPE_CHAR:
      out->stx_mode = S_IFCHR | 0666;
      break;
    case FILE_TYPE_PIPE:
      out->stx_mode = (uint16_t)((rouse__socket_is(fd) ? S_IFSOCK : S_IFIFO) | 0666);
      break;
    default:
      return GetLastError() ? rouse__error_last() : ROUSE_EBADF;
  }
  out->stx_nlink = 1;
  return 0;
}

static int stat_path(int dir, const char *text, uint32_t flags, struct statx *out) {
  struct rouse__nt_path path;
  int result = rouse__nt_path_make(&path, dir, text);
  if (result) return result;
  ULONG options = flags & AT_SYMLINK_NOFOLLOW ? FILE_OPEN_REPARSE_POINT : 0;
  if (path.to_directory) options = FILE_DIRECTORY_FILE;
  HANDLE file;
  NTSTATUS status = rouse__nt_open(&path, FILE_READ_ATTRIBUTES, FILE_OPEN,
                                   options | FILE_SYNCHRONOUS_IO_NONALERT, 0, &file);
  rouse__nt_path_free(&path);
  if (status < 0) return rouse__error_from_status(status);
  result = stat_handle(rouse_fd_from_handle(file), out);
  CloseHandle(file);
  return result;
}

int rouse__stat_at(int dir, const char *path, uint32_t flags, struct statx *out_stat) {
  const uint32_t known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;
  if (flags & ~known) return ROUSE_EINVAL;
  if (!path || !out_stat) return ROUSE_EFAULT;
  struct statx stat = {.stx_mask = STATX_BASIC_STATS | STATX_BTIME, .stx_blksize = 4096};
  bool itself = !*path && (flags & AT_EMPTY_PATH) && dir != ROUSE_FD_CWD;
  if (!*path && (flags & AT_EMPTY_PATH) && !itself) path = ".";
  int result = itself ? stat_handle(dir, &stat) : stat_path(dir, path, flags, &stat);
  if (!result) *out_stat = stat;
  return result;
}
