#include "missing.h"

static const char *missing_reason(void) { return "built without liburcu, which was not found"; }

const approach approach_lockfree_queue = {
    .name = "lockfree_queue",
    .title = "lock-free queue",
    .summary = "a Michael-Scott queue of wakers: try, register, try again",
    .progress = "lock-free but for the heap",
    MISSING_CALLS,
};
