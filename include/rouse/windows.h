// Windows: handles as descriptors, and the names of POSIX and Linux that its headers lack.
//
// A descriptor (rouse_fd) is a HANDLE or a SOCKET as a number. Both have 32 significant bits on
// every Windows, so that an int holds them; rouse_fd_from_handle() and its like convert. It is not
// a descriptor of the C library: what open() or fileno() gives is something else
// (_get_osfhandle() leads from there to a handle).
//
// The flags of rouse_file_open() are those of mingw's <fcntl.h> and the ones below; results of
// rouse_file_stat() come in a structure with the names that Linux gives them. What a name means
// here is said beside it. On other systems this header has nothing.
#ifndef ROUSE_WINDOWS_H
#define ROUSE_WINDOWS_H

#include <rouse/api.h>

#ifdef _WIN32

ROUSE_BEGIN_C

// A HANDLE or SOCKET as a descriptor, and back. INVALID_HANDLE_VALUE and INVALID_SOCKET are -1.
static inline int rouse_fd_from_handle(void *handle) { return (int)(intptr_t)handle; }
static inline void *rouse_fd_to_handle(int fd) { return (void *)(intptr_t)fd; }
static inline int rouse_fd_from_socket(uintptr_t socket) { return (int)(intptr_t)socket; }
static inline uintptr_t rouse_fd_to_socket(int fd) { return (uintptr_t)(intptr_t)fd; }

// --- for rouse_file_open() -----------------------------------------------------------------------

// No handle that the library opens is inherited, so this changes nothing.
#ifndef O_CLOEXEC
#define O_CLOEXEC 0x80
#endif
// Nothing but a directory. ROUSE_ENOTDIR otherwise.
#ifndef O_DIRECTORY
#define O_DIRECTORY 0x100000
#endif
// ROUSE_ELOOP for a symbolic link or a junction. With O_PATH: the link itself.
#ifndef O_NOFOLLOW
#define O_NOFOLLOW 0x200000
#endif
// No effect: waiting is by completion.
#ifndef O_NONBLOCK
#define O_NONBLOCK 0x400000
#endif
// No effect: no handle becomes a controlling terminal.
#ifndef O_NOCTTY
#define O_NOCTTY 0
#endif
// Each write goes to the device before it is complete.
#ifndef O_SYNC
#define O_SYNC 0x800000
#define O_DSYNC O_SYNC
#endif
// Past the system's cache: offsets, sizes and buffers must be multiples of the sector's size.
#ifndef O_DIRECT
#define O_DIRECT 0x1000000
#endif
// To look at attributes and to stand for a directory: neither read nor written.
#ifndef O_PATH
#define O_PATH 0x2000000
#endif

// --- flags of other calls ------------------------------------------------------------------------

#ifndef AT_FDCWD
#define AT_FDCWD (-100)
#endif
#ifndef AT_SYMLINK_NOFOLLOW
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_REMOVEDIR 0x200
#define AT_SYMLINK_FOLLOW 0x400
#define AT_NO_AUTOMOUNT 0x800  // no effect
#define AT_EMPTY_PATH 0x1000
#endif
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif
#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE 1
#define FALLOC_FL_PUNCH_HOLE 2
#endif
#ifndef SHUT_RD
#define SHUT_RD 0
#define SHUT_WR 1
#define SHUT_RDWR 2
#endif

// --- what rouse_file_stat() gives ----------------------------------------------------------------

struct statx_timestamp {
  int64_t tv_sec;  // since 1970, UTC
  uint32_t tv_nsec;
};

// The fields have Linux's names and meanings, and more in the same order would break nobody:
// |stx_uid| and |stx_gid| are 0; permissions say whether the file is marked read-only; |stx_ino| is
// the file's index and |stx_dev_major| the serial number of its volume.
struct statx {
  uint32_t stx_mask;        // STATX_BASIC_STATS | STATX_BTIME
  uint32_t stx_blksize;     // 4096
  uint64_t stx_attributes;  // FILE_ATTRIBUTE_…, as Windows has them
  uint32_t stx_nlink, stx_uid, stx_gid;
  uint16_t stx_mode;
  uint64_t stx_ino;
  uint64_t stx_size;
  uint64_t stx_blocks;  // of 512 bytes, as allocated
  uint64_t stx_attributes_mask;
  struct statx_timestamp stx_atime, stx_btime, stx_ctime, stx_mtime;
  uint32_t stx_rdev_major, stx_rdev_minor;
  uint32_t stx_dev_major, stx_dev_minor;
};

#define STATX_TYPE 0x1u
#define STATX_MODE 0x2u
#define STATX_NLINK 0x4u
#define STATX_UID 0x8u
#define STATX_GID 0x10u
#define STATX_ATIME 0x20u
#define STATX_MTIME 0x40u
#define STATX_CTIME 0x80u
#define STATX_INO 0x100u
#define STATX_SIZE 0x200u
#define STATX_BLOCKS 0x400u
#define STATX_BASIC_STATS 0x7ffu
#define STATX_BTIME 0x800u

#ifndef S_IFLNK
#define S_IFLNK 0120000
#define S_ISLNK(mode) (((mode)&0170000) == S_IFLNK)
#endif
#ifndef S_IFSOCK
#define S_IFSOCK 0140000
#define S_ISSOCK(mode) (((mode)&0170000) == S_IFSOCK)
#endif
#ifndef S_ISUID
#define S_ISUID 04000
#define S_ISGID 02000
#define S_ISVTX 01000
#endif

ROUSE_END_C

#endif
#endif
