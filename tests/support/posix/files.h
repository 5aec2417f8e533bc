// Flags of file operations, as this system has them. Include it first.
#ifndef ROUSE_TESTS_FILES_H
#define ROUSE_TESTS_FILES_H

#define _GNU_SOURCE
#include <fcntl.h>
#include <rouse/errors.h>
#include <stdio.h>
#include <sys/stat.h>

// Some C libraries do not pass on all that the kernel has.
#if !defined STATX_BASIC_STATS
#include <linux/stat.h>
#endif
#if !defined RENAME_NOREPLACE
#include <linux/fs.h>
#endif

// What a path below a file is refused with: a file is no directory.
enum { BELOW_A_FILE = ROUSE_ENOTDIR };

#endif
