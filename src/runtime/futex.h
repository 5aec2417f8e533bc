// Waiting for futex words where a backend can't, and for several of them anywhere.
#ifndef ROUSE_RUNTIME_FUTEX_H
#define ROUSE_RUNTIME_FUTEX_H

#include "runtime/loop_internal.h"

// --- futex.c: several words ----------------------------------------------------------------------

// Starts |io|, a FUTEX_ANY. 0 or a failure: nothing was started.
int rouse__futex_any_start(rouse_io *io);
// Asks that |io|, started, end soon.
void rouse__futex_any_leave(rouse_io *io);

// --- futex_threads.c: one word, by a thread that sleeps on it ------------------------------------

// Asks that |io|, of state THREADED, end soon.
void rouse__futex_threads_cancel(rouse_io *io);
// |io| has come back from its thread: that is free for the next.
void rouse__futex_threads_return(rouse_loop *loop, rouse_io *io);
// Ends the threads of |loop|. None of them has work.
void rouse__futex_threads_end(rouse_loop *loop);

#endif
