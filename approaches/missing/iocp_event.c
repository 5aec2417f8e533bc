#include "missing.h"

static const char *missing_reason(void) { return "needs Windows"; }

const approach approach_iocp_event = {
    .name = "iocp_event",
    .title = "event and completion packet",
    .summary = "an event of the kernel for each wait, heard through the loop's completion port",
    .progress = "the kernel's",
    .can = APPROACH_KERNEL,
    MISSING_CALLS,
};
