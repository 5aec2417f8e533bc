// Result codes. 0 and positive are success; every failure is one negative ROUSE_E… code of this
// list.
//
// A code's value never changes once released. errno is never set by the library.
//
// Headers list the codes that a caller may want to tell apart. Where a call ends in one of the
// system's, the system may refuse it for other reasons, too: those come as the codes that the
// system's errors map to, here, or as ROUSE_EUNKNOWN.
#ifndef ROUSE_ERRORS_H
#define ROUSE_ERRORS_H

#include <rouse/api.h>

// What a *_start function returns when nothing went wrong.
enum {
  ROUSE_DONE = 0,     // finished inside the call; no callback will run
  ROUSE_PENDING = 1,  // queued; the completion will be delivered exactly once
};

// X(name, value, errno it maps from or 0, Win32 code it maps from or 0, message)
//
// On Windows several more of the system's codes map to these names; the one here stands for them.
#define ROUSE_ERROR_LIST(X)                                                                        \
  X(ECANCELED, -1, ECANCELED, 995, "the wait was cancelled")                                       \
  X(ETIMEDOUT, -2, ETIMEDOUT, 10060, "the deadline passed")                                        \
  X(ECLOSED, -3, 0, 0, "the object is closed")                                                     \
  X(EOVERFLOW, -4, EOVERFLOW, 534, "the number is too large to represent")                         \
  X(EINVAL, -5, EINVAL, 87, "invalid argument")                                                    \
  X(ENOMEM, -6, ENOMEM, 8, "out of memory")                                                        \
  X(EAGAIN, -7, EAGAIN, 10035, "not now; try again")                                               \
  X(EBUSY, -8, EBUSY, 170, "the object is still in use")                                           \
  X(ENOLOOP, -9, 0, 0, "this call needs a loop and the calling thread runs none")                  \
  X(EFORKED, -10, 0, 0, "the loop belongs to the parent process of a fork")                        \
  X(EDEADLK, -11, EDEADLK, 1131, "waiting here would block the loop that has to wake the waiter")  \
  X(ENOSYS, -12, ENOSYS, 120, "the system does not support this operation")                        \
  X(ENOTSUP, -13, EOPNOTSUPP, 50, "this operation is not supported here")                          \
  X(EPERM, -14, EPERM, 1314, "operation not permitted")                                            \
  X(EACCES, -15, EACCES, 5, "permission denied")                                                   \
  X(ENOENT, -16, ENOENT, 2, "no such file or directory")                                           \
  X(EEXIST, -17, EEXIST, 80, "the file exists")                                                    \
  X(ENOTDIR, -18, ENOTDIR, 267, "not a directory")                                                 \
  X(EISDIR, -19, EISDIR, 336, "is a directory")                                                    \
  X(ENOTEMPTY, -20, ENOTEMPTY, 145, "the directory is not empty")                                  \
  X(ENAMETOOLONG, -21, ENAMETOOLONG, 206, "the file name is too long")                             \
  X(ELOOP, -22, ELOOP, 1921, "too many symbolic links, or one where none may be")                  \
  X(EMFILE, -23, EMFILE, 4, "too many open files in this process")                                 \
  X(ENFILE, -24, ENFILE, 36, "too many open files in the system")                                  \
  X(ENOSPC, -25, ENOSPC, 112, "no space left on the device")                                       \
  X(EDQUOT, -26, EDQUOT, 1295, "the disk quota is exceeded")                                       \
  X(EFBIG, -27, EFBIG, 223, "the file is too large")                                               \
  X(EROFS, -28, EROFS, 19, "the file system is read-only")                                         \
  X(EXDEV, -29, EXDEV, 17, "the files are on different file systems")                              \
  X(EMLINK, -30, EMLINK, 1142, "too many links")                                                   \
  X(EBADF, -31, EBADF, 6, "not an open descriptor of the right kind")                              \
  X(EIO, -32, EIO, 1117, "input/output error")                                                     \
  X(EINTR, -33, EINTR, 10004, "interrupted by a signal")                                           \
  X(EFAULT, -34, EFAULT, 998, "bad address")                                                       \
  X(ENODEV, -35, ENODEV, 20, "no such device")                                                     \
  X(ENXIO, -36, ENXIO, 21, "no such device or address")                                            \
  X(ESPIPE, -37, ESPIPE, 132, "the descriptor cannot seek")                                        \
  X(EPIPE, -38, EPIPE, 109, "the peer no longer reads")                                            \
  X(ESTALE, -39, ESTALE, 1006, "the file handle is stale")                                         \
  X(ETXTBSY, -40, ETXTBSY, 1224, "the program file is being executed")                             \
  X(ENODATA, -41, ENODATA, 1168, "no data of that name")                                           \
  X(ERANGE, -42, ERANGE, 122, "the result does not fit")                                           \
  X(E2BIG, -43, E2BIG, 24, "the argument is too large")                                            \
  X(ENOTSOCK, -44, ENOTSOCK, 10038, "not a socket")                                                \
  X(EADDRINUSE, -45, EADDRINUSE, 10048, "the address is in use")                                   \
  X(EADDRNOTAVAIL, -46, EADDRNOTAVAIL, 10049, "the address is not available")                      \
  X(EAFNOSUPPORT, -47, EAFNOSUPPORT, 10047, "the address family is not supported")                 \
  X(EALREADY, -48, EALREADY, 10037, "already under way")                                           \
  X(EISCONN, -49, EISCONN, 10056, "already connected")                                             \
  X(ENOTCONN, -50, ENOTCONN, 10057, "not connected")                                               \
  X(ECONNREFUSED, -51, ECONNREFUSED, 10061, "the connection was refused")                          \
  X(ECONNRESET, -52, ECONNRESET, 10054, "the connection was reset by the peer")                    \
  X(ECONNABORTED, -53, ECONNABORTED, 10053, "the connection was aborted")                          \
  X(EHOSTUNREACH, -54, EHOSTUNREACH, 10065, "no route to the host")                                \
  X(ENETUNREACH, -55, ENETUNREACH, 10051, "the network is unreachable")                            \
  X(ENETDOWN, -56, ENETDOWN, 10050, "the network is down")                                         \
  X(ENOBUFS, -57, ENOBUFS, 10055, "no buffer space is available")                                  \
  X(EMSGSIZE, -58, EMSGSIZE, 10040, "the message is too long")                                     \
  X(EDESTADDRREQ, -59, EDESTADDRREQ, 10039, "a destination address is required")                   \
  X(EPROTO, -60, EPROTO, 10041, "protocol error")                                                  \
  X(ENOPROTOOPT, -61, ENOPROTOOPT, 10042, "the protocol option is not available")                  \
  X(EPROTONOSUPPORT, -62, EPROTONOSUPPORT, 10043, "the protocol is not supported")                 \
  X(ECHILD, -63, ECHILD, 128, "no such child process")                                             \
  X(ESRCH, -64, ESRCH, 1444, "no such process")                                                    \
  X(ENOTTY, -65, ENOTTY, 1, "the descriptor does not support this request")                        \
  X(EUNKNOWN, -99, 0, 0, "a system error without a code of its own")

#define ROUSE__ERROR_ENUM(name, value, error, windows, text) ROUSE_##name = (value),
enum { ROUSE_ERROR_LIST(ROUSE__ERROR_ENUM) };
#undef ROUSE__ERROR_ENUM

ROUSE_BEGIN_C

// Describes |code| in a sentence without a full stop. Codes that are not failures give "success";
// unknown ones a text that says so. Never NULL; static storage. Threads: any, signal handlers too.
ROUSE_API const char *rouse_error_message(int code);

// The name of |code|, such as "ROUSE_ETIMEDOUT"; "ROUSE_OK" for 0 and above, "ROUSE_E?" if unknown.
// Never NULL; static storage. Threads: any, signal handlers too.
ROUSE_API const char *rouse_error_name(int code);

// The code for the system's |error|: a positive errno value, or a Win32 code on Windows. An error
// without a code of its own gives ROUSE_EUNKNOWN; 0 gives 0. Threads: any, signal handlers too.
ROUSE_API int rouse_error_from_system(int error);

ROUSE_END_C
#endif
