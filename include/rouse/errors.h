// Result codes. 0 and positive are success; every failure is one negative ROUSE_E… code of this
// list.
//
// A code's value never changes once released. errno is never set by the library.
#ifndef ROUSE_ERRORS_H
#define ROUSE_ERRORS_H

#include <rouse/api.h>

// What a *_start function returns when nothing went wrong.
enum {
  ROUSE_DONE = 0,     // finished inside the call; no callback will run
  ROUSE_PENDING = 1,  // queued; the completion will be delivered exactly once
};

// X(name, value, errno it maps from or 0, message)
#define ROUSE_ERROR_LIST(X)                                                                        \
  X(ECANCELED, -1, ECANCELED, "the wait was cancelled")                                            \
  X(ETIMEDOUT, -2, ETIMEDOUT, "the deadline passed")                                               \
  X(ECLOSED, -3, 0, "the object is closed")                                                        \
  X(EOVERFLOW, -4, EOVERFLOW, "the number is too large to represent")                              \
  X(EINVAL, -5, EINVAL, "invalid argument")                                                        \
  X(ENOMEM, -6, ENOMEM, "out of memory")                                                           \
  X(EAGAIN, -7, EAGAIN, "not now; try again")                                                      \
  X(EBUSY, -8, EBUSY, "the object is still in use")                                                \
  X(ENOLOOP, -9, 0, "this call needs a loop and the calling thread runs none")                     \
  X(EFORKED, -10, 0, "the loop belongs to the parent process of a fork")                           \
  X(EDEADLK, -11, EDEADLK, "waiting here would block the loop that has to wake the waiter")        \
  X(ENOSYS, -12, ENOSYS, "the system does not support this operation")                             \
  X(ENOTSUP, -13, EOPNOTSUPP, "this operation is not supported here")                              \
  X(EPERM, -14, EPERM, "operation not permitted")                                                  \
  X(EACCES, -15, EACCES, "permission denied")                                                      \
  X(ENOENT, -16, ENOENT, "no such file or directory")                                              \
  X(EEXIST, -17, EEXIST, "the file exists")                                                        \
  X(ENOTDIR, -18, ENOTDIR, "not a directory")                                                      \
  X(EISDIR, -19, EISDIR, "is a directory")                                                         \
  X(ENOTEMPTY, -20, ENOTEMPTY, "the directory is not empty")                                       \
  X(ENAMETOOLONG, -21, ENAMETOOLONG, "the file name is too long")                                  \
  X(ELOOP, -22, ELOOP, "too many symbolic links, or one where none may be")                        \
  X(EMFILE, -23, EMFILE, "too many open files in this process")                                    \
  X(ENFILE, -24, ENFILE, "too many open files in the system")                                      \
  X(ENOSPC, -25, ENOSPC, "no space left on the device")                                            \
  X(EDQUOT, -26, EDQUOT, "the disk quota is exceeded")                                             \
  X(EFBIG, -27, EFBIG, "the file is too large")                                                    \
  X(EROFS, -28, EROFS, "the file system is read-only")                                             \
  X(EXDEV, -29, EXDEV, "the files are on different file systems")                                  \
  X(EMLINK, -30, EMLINK, "too many links")                                                         \
  X(EBADF, -31, EBADF, "not an open descriptor of the right kind")                                 \
  X(EIO, -32, EIO, "input/output error")                                                           \
  X(EINTR, -33, EINTR, "interrupted by a signal")                                                  \
  X(EFAULT, -34, EFAULT, "bad address")                                                            \
  X(ENODEV, -35, ENODEV, "no such device")                                                         \
  X(ENXIO, -36, ENXIO, "no such device or address")                                                \
  X(ESPIPE, -37, ESPIPE, "the descriptor cannot seek")                                             \
  X(EPIPE, -38, EPIPE, "the peer no longer reads")                                                 \
  X(ESTALE, -39, ESTALE, "the file handle is stale")                                               \
  X(ETXTBSY, -40, ETXTBSY, "the program file is being executed")                                   \
  X(ENODATA, -41, ENODATA, "no data of that name")                                                 \
  X(ERANGE, -42, ERANGE, "the result does not fit")                                                \
  X(E2BIG, -43, E2BIG, "the argument is too large")                                                \
  X(ENOTSOCK, -44, ENOTSOCK, "not a socket")                                                       \
  X(EADDRINUSE, -45, EADDRINUSE, "the address is in use")                                          \
  X(EADDRNOTAVAIL, -46, EADDRNOTAVAIL, "the address is not available")                             \
  X(EAFNOSUPPORT, -47, EAFNOSUPPORT, "the address family is not supported")                        \
  X(EALREADY, -48, EALREADY, "already under way")                                                  \
  X(EISCONN, -49, EISCONN, "already connected")                                                    \
  X(ENOTCONN, -50, ENOTCONN, "not connected")                                                      \
  X(ECONNREFUSED, -51, ECONNREFUSED, "the connection was refused")                                 \
  X(ECONNRESET, -52, ECONNRESET, "the connection was reset by the peer")                           \
  X(ECONNABORTED, -53, ECONNABORTED, "the connection was aborted")                                 \
  X(EHOSTUNREACH, -54, EHOSTUNREACH, "no route to the host")                                       \
  X(ENETUNREACH, -55, ENETUNREACH, "the network is unreachable")                                   \
  X(ENETDOWN, -56, ENETDOWN, "the network is down")                                                \
  X(ENOBUFS, -57, ENOBUFS, "no buffer space is available")                                         \
  X(EMSGSIZE, -58, EMSGSIZE, "the message is too long")                                            \
  X(EDESTADDRREQ, -59, EDESTADDRREQ, "a destination address is required")                          \
  X(EPROTO, -60, EPROTO, "protocol error")                                                         \
  X(ENOPROTOOPT, -61, ENOPROTOOPT, "the protocol option is not available")                         \
  X(EPROTONOSUPPORT, -62, EPROTONOSUPPORT, "the protocol is not supported")                        \
  X(ECHILD, -63, ECHILD, "no such child process")                                                  \
  X(ESRCH, -64, ESRCH, "no such process")                                                          \
  X(ENOTTY, -65, ENOTTY, "the descriptor does not support this request")                           \
  X(EUNKNOWN, -99, 0, "a system error without a code of its own")

#define ROUSE__ERROR_ENUM(name, value, error, text) ROUSE_##name = (value),
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
