#include "missing.h"

static const char *missing_reason(void) { return "built without io_uring"; }

const approach approach_uring_futex = {
    .name = "uring_futex",
    .title = "futex wait in the ring",
    .summary = "a futex operation of the loop's ring for each wait",
    .progress = "the kernel's",
    .can = APPROACH_KERNEL,
    MISSING_CALLS,
};
