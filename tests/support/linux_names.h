// Names of the kernel that some C libraries do not pass on.
#ifndef ROUSE_TESTS_LINUX_NAMES_H
#define ROUSE_TESTS_LINUX_NAMES_H

#include <stdio.h>
#include <sys/stat.h>

#if !defined STATX_BASIC_STATS
#include <linux/stat.h>
#endif
#if !defined RENAME_NOREPLACE
#include <linux/fs.h>
#endif

#endif
