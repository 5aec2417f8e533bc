// The timers of one loop: a hierarchical wheel, intrusive in the waits. Owner thread only.
#ifndef ROUSE_RUNTIME_TIMER_H
#define ROUSE_RUNTIME_TIMER_H

#include "base/waker.h"

enum { ROUSE__WHEEL_LEVELS = 9, ROUSE__WHEEL_SLOTS = 64 };

struct rouse__timers {
  uint64_t now;  // in ticks; every timer in the wheel is later
  uint64_t count;
  uint64_t occupied[ROUSE__WHEEL_LEVELS];
  rouse_wait *expired;  // to be handed out
  rouse_wait *falling;  // from a slot that |now| has reached, to be placed anew
  rouse_wait *slots[ROUSE__WHEEL_LEVELS][ROUSE__WHEEL_SLOTS];
};

void rouse__timers_init(struct rouse__timers *timers, int64_t now_ns);
// Adds |wait|, which expires at wait->deadline_ns.
void rouse__timers_add(struct rouse__timers *timers, rouse_wait *wait);
// Removes |wait|; wait->timer_at is NULL if it is not in, and afterwards.
void rouse__timers_remove(struct rouse__timers *timers, rouse_wait *wait);
// Takes out one wait whose deadline is not after |now_ns|; NULL if there is none, or if |*budget|
// steps have been used up (then there may be more).
rouse_wait *rouse__timers_expire(struct rouse__timers *timers, int64_t now_ns, int *budget);
// A moment not after the earliest deadline, when to look again; ROUSE_FOREVER if there is no timer.
int64_t rouse__timers_next_ns(const struct rouse__timers *timers);

#endif
