// File operations as calls that block, for threads of the pool. Those that name things are in
// names_windows.c.
#include "platform/windows.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <rouse/windows.h>

#include "platform/files_windows.h"
#include "platform/nt.h"
#include "platform/platform.h"
#include "platform/socket.h"

// --- open ----------------------------------------------------------------------------------------

static ACCESS_MASK access_of(uint32_t flags) {
  if (flags & O_PATH) return FILE_READ_ATTRIBUTES | READ_CONTROL;
  ACCESS_MASK access = FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES;
  switch (flags & O_ACCMODE) {
    case O_RDONLY:
      access = FILE_GENERIC_READ;
      break;
    case O_WRONLY:
      access |= FILE_GENERIC_WRITE;
      break;
    default:
      access |= FILE_GENERIC_READ | FILE_GENERIC_WRITE;
  }
  // Who may append but not write appends, whatever the offset.
  if (flags & O_APPEND) access &= ~(ACCESS_MASK)FILE_WRITE_DATA;
  if (flags & O_TEMPORARY) access |= DELETE;
  return access;
}

static ULONG disposition_of(uint32_t flags) {
  if ((flags & O_CREAT) && (flags & O_EXCL)) return FILE_CREATE;
  if (flags & O_CREAT) return flags & O_TRUNC ? FILE_OVERWRITE_IF : FILE_OPEN_IF;
  return flags & O_TRUNC ? FILE_OVERWRITE : FILE_OPEN;
}

// Directories are opened for calls that wait; files, pipes and the like for overlapped ones.
static ULONG options_of(uint32_t flags) {
  ULONG options = 0;
  if (flags & O_DIRECTORY) options |= FILE_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT;
  if (!(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY) options |= FILE_NON_DIRECTORY_FILE;
  if (flags & O_NOFOLLOW) options |= FILE_OPEN_REPARSE_POINT;
  if (flags & O_SYNC) options |= FILE_WRITE_THROUGH;
  if (flags & O_DIRECT) options |= FILE_NO_INTERMEDIATE_BUFFERING;
  if (flags & O_SEQUENTIAL) options |= FILE_SEQUENTIAL_ONLY;
  if (flags & O_RANDOM) options |= FILE_RANDOM_ACCESS;
  if (flags & O_TEMPORARY) options |= FILE_DELETE_ON_CLOSE;
  return options;
}

static bool is_invalid(uint32_t flags) {
  if ((flags & O_ACCMODE) == O_ACCMODE) return true;
  if ((flags & O_DIRECTORY) && (flags & O_CREAT)) return true;
  return (flags & O_TRUNC) && (flags & O_ACCMODE) == O_RDONLY;
}

static int64_t open_at(const rouse_io *io) {
  struct rouse__nt_path path;
  uint32_t flags = io->flags;
  if (is_invalid(flags)) return ROUSE_EINVAL;
  int refused = rouse__nt_path_make(&path, io->fd, io->address);
  if (refused) return refused;
  if (path.to_directory) {
    if (flags & O_CREAT) {
      rouse__nt_path_free(&path);
      return ROUSE_EISDIR;
    }
    flags |= O_DIRECTORY;
  }
  bool read_only = (flags & O_CREAT) && !(io->mode & 0222);
  ULONG attributes = read_only ? FILE_ATTRIBUTE_READONLY : FILE_ATTRIBUTE_NORMAL;
  HANDLE handle;
  NTSTATUS status = rouse__nt_open(&path, access_of(flags), disposition_of(flags),
                                   options_of(flags), attributes, &handle);
  if (status >= 0 && (flags & O_NOFOLLOW) && !(flags & O_PATH)) {
    ULONG tag = rouse__reparse_tag(handle);
    if (rouse__is_link(tag)) {
      CloseHandle(handle);
      rouse__nt_path_free(&path);
      return ROUSE_ELOOP;
    }
    if (tag) {  // something else that stands for a file: what it stands for is meant
      CloseHandle(handle);
      status = rouse__nt_open(&path, access_of(flags), FILE_OPEN,
                              options_of(flags) & ~(ULONG)FILE_OPEN_REPARSE_POINT, 0, &handle);
    }
  }
  rouse__nt_path_free(&path);
  return status < 0 ? rouse__error_from_status(status) : rouse_fd_from_handle(handle);
}

static int64_t close_handle(const rouse_io *io) {
  if (rouse__socket_is(io->fd)) {
    return closesocket(rouse__socket(io->fd)) ? rouse__error_last() : 0;
  }
  // A debugger makes an exception of the close of what is no handle.
  DWORD flags;
  if (!GetHandleInformation(rouse__handle(io->fd), &flags)) return ROUSE_EBADF;
  return CloseHandle(rouse__handle(io->fd)) ? 0 : rouse__error_last();
}

// --- transfers on handles that can't be used overlapped ------------------------------------------

static int64_t transfer(const rouse_io *io) {
  OVERLAPPED at = {0}, *where = NULL;
  if (io->offset != ROUSE_OFFSET_CURRENT && GetFileType(rouse__handle(io->fd)) == FILE_TYPE_DISK) {
    at.Offset = (DWORD)io->offset;
    at.OffsetHigh = (DWORD)(io->offset >> 32);
    where = &at;
  }
  DWORD moved = 0;
  bool reads = io->operation == ROUSE__IO_READ;
  HANDLE handle = rouse__handle(io->fd);
  bool done = reads ? ReadFile(handle, io->address, io->length, &moved, where)
                    : WriteFile(handle, io->address, io->length, &moved, where);
  if (done) return moved;
  DWORD error = GetLastError();
  if (reads && (error == ERROR_HANDLE_EOF || error == ERROR_BROKEN_PIPE)) return 0;
  if (error == ERROR_MORE_DATA) return moved;
  return rouse__transfer_failure(handle, rouse_error_from_system((int)error));
}

// A pipe with nothing left in it: the next read would wait, with data in hand.
static bool is_drained(HANDLE handle) {
  DWORD left = 0;
  return GetFileType(handle) == FILE_TYPE_PIPE &&
         !(PeekNamedPipe(handle, NULL, 0, NULL, &left, NULL) && left);
}

static int64_t transfer_spans(const rouse_io *io) {
  const rouse_span *spans = io->address;
  rouse_io part = *io;
  part.operation = io->operation == ROUSE__IO_READ_SPANS ? ROUSE__IO_READ : ROUSE__IO_WRITE;
  int64_t all = 0;
  for (uint32_t i = 0; i < io->length; i++) {
    size_t size = spans[i].size < ROUSE_IO_SIZE_MAX ? spans[i].size : ROUSE_IO_SIZE_MAX;
    part.address = spans[i].data;
    part.length = (uint32_t)size;
    int64_t moved = transfer(&part);
    if (moved < 0) return all ? all : moved;
    all += moved;
    if (io->offset != ROUSE_OFFSET_CURRENT) part.offset += (uint64_t)moved;
    if ((size_t)moved < spans[i].size) break;
    if (part.operation == ROUSE__IO_READ && is_drained(rouse__handle(io->fd))) break;
  }
  return all;
}

static int64_t allocate(const rouse_io *io) {
  HANDLE handle = rouse__handle(io->fd);
  uint64_t size = io->offset2, end = io->offset + size;
  if (!size || end < size || end > INT64_MAX) return size ? ROUSE_EFBIG : ROUSE_EINVAL;
  if (io->mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) {
    FILE_ZERO_DATA_INFORMATION zero = {.FileOffset.QuadPart = (LONGLONG)io->offset,
                                       .BeyondFinalZero.QuadPart = (LONGLONG)end};
    DWORD none;
    return DeviceIoControl(handle, FSCTL_SET_ZERO_DATA, &zero, sizeof zero, NULL, 0, &none, NULL)
               ? 0
               : rouse__error_last();
  }
  if (io->mode & ~(uint32_t)FALLOC_FL_KEEP_SIZE) return ROUSE_ENOTSUP;
  FILE_STANDARD_INFO standard;
  if (!GetFileInformationByHandleEx(handle, FileStandardInfo, &standard, sizeof standard)) {
    return rouse__error_last();
  }
  IO_STATUS_BLOCK block;
  ACCESS_MASK access = FILE_WRITE_DATA;
  rouse__nt()->query_information_file(handle, &block, &access, sizeof access, ROUSE__FILE_ACCESS);
  if (!(access & FILE_WRITE_DATA)) return ROUSE_EBADF;
  LARGE_INTEGER to = {.QuadPart = (LONGLONG)end};
  NTSTATUS status = 0;
  if (standard.AllocationSize.QuadPart < to.QuadPart) {
    status =
        rouse__nt()->set_information_file(handle, &block, &to, sizeof to, ROUSE__FILE_ALLOCATION);
  }
  bool grows = !(io->mode & FALLOC_FL_KEEP_SIZE) && standard.EndOfFile.QuadPart < to.QuadPart;
  if (status >= 0 && grows) {
    status =
        rouse__nt()->set_information_file(handle, &block, &to, sizeof to, ROUSE__FILE_END_OF_FILE);
  }
  return rouse__is_unknown(status) ? ROUSE_ENOTSUP : rouse__error_from_status(status);
}

// --- all -----------------------------------------------------------------------------------------

static int64_t perform(rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_NOP:
      return 0;
    case ROUSE__IO_OPEN:
      return open_at(io);
    case ROUSE__IO_CLOSE:
      return close_handle(io);
    case ROUSE__IO_READ:
    case ROUSE__IO_WRITE:
      return transfer(io);
    case ROUSE__IO_READ_SPANS:
    case ROUSE__IO_WRITE_SPANS:
      return transfer_spans(io);
    case ROUSE__IO_SYNC:
      return FlushFileBuffers(rouse__handle(io->fd)) ? 0 : rouse__error_last();
    case ROUSE__IO_ALLOCATE:
      return allocate(io);
    case ROUSE__IO_STAT:
      return rouse__stat_at(io->fd, io->address, io->flags, io->address2);
    case ROUSE__IO_UNLINK:
      return rouse__unlink_at(io->fd, io->address, io->flags);
    case ROUSE__IO_RENAME:
      return rouse__rename_at(io->fd, io->address, io->fd2, io->address2, io->flags);
    case ROUSE__IO_MKDIR:
      return rouse__mkdir_at(io->fd, io->address);
    case ROUSE__IO_SYMLINK:
      return rouse__symlink_at(io->address, io->fd, io->address2);
    case ROUSE__IO_LINK:
      return rouse__link_at(io->fd, io->address, io->fd2, io->address2, io->flags);
    default:
      return ROUSE_ENOSYS;
  }
}

int64_t rouse__file_perform(rouse_io *io) {
  uint64_t saved = rouse__errno_save();
  int64_t result = perform(io);
  rouse__errno_restore(saved);
  return result;
}
