// Flags of file operations, as this system has them. Include it first.
#ifndef ROUSE_TESTS_FILES_H
#define ROUSE_TESTS_FILES_H

#include <fcntl.h>
#include <rouse/windows.h>
#include <stdio.h>
#include <sys/stat.h>

#endif
