// Flags of file operations, as this system has them. Include it first.
#ifndef ROUSE_TESTS_FILES_H
#define ROUSE_TESTS_FILES_H

#include <fcntl.h>
#include <rouse/errors.h>
#include <rouse/windows.h>
#include <stdio.h>
#include <sys/stat.h>

// What a path below a file is refused with: the system tells only that there is no such path.
enum { BELOW_A_FILE = ROUSE_ENOENT };

#endif
