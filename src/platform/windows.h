// Windows's own headers, in the one order that works, and small helpers over them.
#ifndef ROUSE_PLATFORM_WINDOWS_H
#define ROUSE_PLATFORM_WINDOWS_H

#include <winsock2.h>
// winsock2.h comes before windows.h
#include <windows.h>
// and these come after
#include <mswsock.h>
#include <winioctl.h>
#include <winternl.h>
#include <ws2tcpip.h>

#include <errno.h>
#include <stdint.h>

#include <rouse/api.h>

// A function of a system's library, or NULL if this Windows has none of that name.
FARPROC rouse__windows_function(const wchar_t *module, const char *name);

// The code for an NTSTATUS (0 if it is no failure), and for the thread's last error (never 0).
int rouse__error_from_status(NTSTATUS status);
int rouse__error_last(void);

// What is left until |deadline_ns| in whole milliseconds, rounded up, at least 0; INFINITE for
// ROUSE_FOREVER.
DWORD rouse__windows_left_ms(int64_t deadline_ns);

// What threads park by.
const char *rouse__park_name(void);

// Descriptors are handles and sockets, of which 32 bits count on every Windows.
static inline HANDLE rouse__handle(int fd) { return (HANDLE)(intptr_t)fd; }
static inline SOCKET rouse__socket(int fd) { return (SOCKET)(intptr_t)fd; }

#endif
