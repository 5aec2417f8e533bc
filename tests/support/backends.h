// The backends that this system has, for tests that go through all of them in one program.
#ifndef ROUSE_TESTS_BACKENDS_H
#define ROUSE_TESTS_BACKENDS_H

#include "support.h"

// The best first; NULL at the end. One list per system.
extern const char *const backend_names[];

// Calls |test| with the name of each backend of which a loop can be had here, and says which are
// not. Returns how many there were: at least the last one.
int for_each_backend(void (*test)(const char *name));

#endif
