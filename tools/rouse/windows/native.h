// Windows for the tool: its headers, the native calls that open relative to a directory, results as
// the library's, and names between UTF-16 and UTF-8.
#ifndef ROUSE_TOOL_WINDOWS_NATIVE_H
#define ROUSE_TOOL_WINDOWS_NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <windows.h>
#include <winioctl.h>
#include <winternl.h>

#include <rouse/io.h>

static inline HANDLE native_handle(rouse_fd file) { return (HANDLE)(intptr_t)file; }
// Handles have 32 significant bits.
static inline rouse_fd native_file(HANDLE handle) { return (rouse_fd)(intptr_t)handle; }

// The codes for a status, and for the thread's last error (never 0).
int native_result(NTSTATUS status);
int native_last_error(void);

// UTF-16 as UTF-8, and back, on the heap. A half of a surrogate pair that stands alone, which file
// names can have, is kept as three bytes. native_wide() fails with NULL for what is no such text.
char *native_text(const wchar_t *wide, size_t length);
wchar_t *native_wide(const char *text);
// The same into |text|, which has room for three bytes per unit and one more. Returns the length.
size_t native_text_into(char *text, const wchar_t *wide, size_t length);

// An absolute form of the user's |path| that native calls take, on the heap; NULL: no path.
wchar_t *native_path(const char *path);

// Opens or creates |name|: one name below |directory|, or a path as native_path() gives it if that
// is NULL. |access|, |disposition| and |options| are those of NtCreateFile().
NTSTATUS native_open(HANDLE directory, const wchar_t *name, ACCESS_MASK access, ULONG disposition,
                     ULONG options, HANDLE *out_handle);

// A name in a directory as native_open() takes it, on the heap. NULL, and the code in
// |*out_result|, if no file can have it: names lead nowhere else.
wchar_t *native_name(const char *name, int *out_result);

// Sets |what|, a FILE_INFORMATION_CLASS by its number.
NTSTATUS native_set(HANDLE handle, int what, const void *data, size_t size);

// A control code on a handle of either kind, without a completion on a port. 0 or a code.
int native_control(HANDLE handle, DWORD code, const void *in, size_t in_size, void *out,
                   size_t out_size, size_t *out_used);

enum { NATIVE_RENAME = 10, NATIVE_LINK = 11, NATIVE_DISPOSITION = 13, NATIVE_END_OF_FILE = 20 };
enum { NATIVE_DISPOSITION_EX = 64, NATIVE_RENAME_EX = 65 };

#define NATIVE_STATUS(code) ((NTSTATUS)(code))
#define NATIVE_ACCESS_DENIED NATIVE_STATUS(0xC0000022)
#define NATIVE_SHARING_VIOLATION NATIVE_STATUS(0xC0000043)

#endif
