// Named pipes of Windows, before anything is waited for.
#include "platform/pipe.h"

#include <string.h>

#include <rouse/windows.h>

#include "platform/platform.h"
#include "platform/windows.h"

enum { NAME_MOST = 240, BUFFER = 65536 };

// The name behind "\\.\pipe\", which it may have before it.
static const char *bare(const char *name) {
  const char prefix[] = "//./pipe/";
  size_t i = 0;
  for (; prefix[i]; i++) {
    char at = name[i] == '\\' ? '/' : name[i];
    if (at >= 'A' && at <= 'Z') at = (char)(at - 'A' + 'a');
    if (at != prefix[i]) return name;
  }
  return name + i;
}

int rouse__pipe_listen(const char *name, bool first) {
  const wchar_t prefix[] = L"\\\\.\\pipe\\";
  enum { PREFIX = sizeof prefix / sizeof *prefix - 1 };
  wchar_t wide[PREFIX + NAME_MOST + 1];
  if (!name || !*bare(name)) return ROUSE_EINVAL;
  uint64_t saved = rouse__errno_save();
  memcpy(wide, prefix, sizeof prefix);
  int length =
      MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, bare(name), -1, wide + PREFIX, NAME_MOST);
  int result =
      length ? 0
             : (GetLastError() == ERROR_INSUFFICIENT_BUFFER ? ROUSE_ENAMETOOLONG : ROUSE_EINVAL);
  if (!result) {
    DWORD open = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED;
    if (first) open |= FILE_FLAG_FIRST_PIPE_INSTANCE;
    HANDLE pipe = CreateNamedPipeW(
        wide, open, PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
        PIPE_UNLIMITED_INSTANCES, BUFFER, BUFFER, 0, NULL);
    result = pipe == INVALID_HANDLE_VALUE ? rouse__error_last() : rouse_fd_from_handle(pipe);
  }
  rouse__errno_restore(saved);
  return result;
}
