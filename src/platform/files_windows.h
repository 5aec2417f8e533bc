// File operations by name, and what they share with the others.
#ifndef ROUSE_PLATFORM_FILES_WINDOWS_H
#define ROUSE_PLATFORM_FILES_WINDOWS_H

#include <rouse/file.h>

#include "platform/windows.h"
#include "runtime/perform.h"

// What |file| is a substitute for: 0 if it is not, else a tag IO_REPARSE_TAG_….
ULONG rouse__reparse_tag(HANDLE file);
// Whether a tag is that of a symbolic link or a junction.
bool rouse__is_link(ULONG tag);

// Each is 0 or a code; the parameters are those of the operations in backend.h.
int rouse__stat_at(int dir, const char *path, uint32_t flags, struct statx *out_stat);
int rouse__unlink_at(int dir, const char *path, uint32_t flags);
int rouse__rename_at(int dir, const char *path, int new_dir, const char *new_path, uint32_t flags);
int rouse__mkdir_at(int dir, const char *path);
int rouse__symlink_at(const char *target, int dir, const char *path);
int rouse__link_at(int dir, const char *path, int new_dir, const char *new_path, uint32_t flags);

#endif
