// Timers: a hierarchical wheel of nine levels with 64 slots each.
//
// Time is cut into ticks of 1,024 ns. A timer lies on the level of the highest group of six bits in
// which its tick differs from |now|, in the slot that this group names. So on each level only slots
// after the current one are in use, the lowest level in use holds the earliest timers, and its
// first slot in use is the lowest bit of its |occupied| word: nothing is searched. When |now|
// reaches a slot of a higher level its timers fall to lower ones; a timer falls at most eight times
// in its life.
//
// Deadlines are rounded up to ticks: a timer is never early, and at most a tick late.
//
// Why not a heap: it has to grow (an allocation in the path of a wait) or costs three links per
// wait, and its removal, which is what most deadlines end in, is logarithmic. docs/decisions/0005
// has figures.
#include "runtime/timer.h"

#include "base/assert.h"

enum { TICK_SHIFT = 10, GROUP = 6 };

static uint64_t tick_of(int64_t deadline_ns) {
  if (deadline_ns <= 0) return 0;
  return ((uint64_t)deadline_ns + (1 << TICK_SHIFT) - 1) >> TICK_SHIFT;
}

void rouse__timers_init(struct rouse__timers *timers, int64_t now_ns) {
  *timers = (struct rouse__timers){.now = (uint64_t)now_ns >> TICK_SHIFT};
}

static void link_in(rouse_wait **list, rouse_wait *wait) {
  wait->timer_next = *list;
  if (*list) (*list)->timer_at = &wait->timer_next;
  wait->timer_at = list;
  *list = wait;
}

static void link_out(rouse_wait *wait) {
  *wait->timer_at = wait->timer_next;
  if (wait->timer_next) wait->timer_next->timer_at = wait->timer_at;
  wait->timer_at = NULL;
}

static void place(struct rouse__timers *timers, rouse_wait *wait) {
  uint64_t tick = tick_of(wait->deadline_ns);
  if (tick <= timers->now) {
    link_in(&timers->expired, wait);
    return;
  }
  unsigned level = (63 - (unsigned)__builtin_clzll(tick ^ timers->now)) / GROUP;
  unsigned slot = (tick >> (level * GROUP)) & (ROUSE__WHEEL_SLOTS - 1);
  timers->occupied[level] |= UINT64_C(1) << slot;
  link_in(&timers->slots[level][slot], wait);
}

void rouse__timers_add(struct rouse__timers *timers, rouse_wait *wait) {
  timers->count++;
  place(timers, wait);
}

void rouse__timers_remove(struct rouse__timers *timers, rouse_wait *wait) {
  if (!wait->timer_at) return;
  rouse_wait **list = wait->timer_at;
  link_out(wait);
  timers->count--;
  rouse_wait **first = &timers->slots[0][0],
             **end = first + ROUSE__WHEEL_LEVELS * ROUSE__WHEEL_SLOTS;
  if (list >= first && list < end && !*list) {  // it was the last of its slot
    size_t index = (size_t)(list - first);
    timers->occupied[index / ROUSE__WHEEL_SLOTS] &= ~(UINT64_C(1) << index % ROUSE__WHEEL_SLOTS);
  }
}

// The lowest level in use; ROUSE__WHEEL_LEVELS if none is.
static unsigned lowest_level(const struct rouse__timers *timers) {
  unsigned level = 0;
  while (level < ROUSE__WHEEL_LEVELS && !timers->occupied[level]) level++;
  return level;
}

// When the first slot in use on |level| begins, in ticks.
static uint64_t slot_start(const struct rouse__timers *timers, unsigned level) {
  unsigned slot = (unsigned)__builtin_ctzll(timers->occupied[level]);
  uint64_t above = timers->now >> (level * GROUP) >> GROUP << GROUP;
  return (above | slot) << (level * GROUP);
}

// |now| has reached the first slot in use on |level|: its timers are to be placed anew.
static void take_first_slot(struct rouse__timers *timers, unsigned level) {
  unsigned slot = (unsigned)__builtin_ctzll(timers->occupied[level]);
  timers->falling = timers->slots[level][slot];
  timers->falling->timer_at = &timers->falling;
  timers->slots[level][slot] = NULL;
  timers->occupied[level] &= ~(UINT64_C(1) << slot);
}

rouse_wait *rouse__timers_expire(struct rouse__timers *timers, int64_t now_ns, int *budget) {
  uint64_t now = (uint64_t)now_ns >> TICK_SHIFT;
  while ((*budget)-- > 0) {
    rouse_wait *wait = timers->expired;
    if (wait) {
      link_out(wait);
      timers->count--;
      return wait;
    }
    if ((wait = timers->falling)) {
      // One timer a step, so that a slot with very many does not hold up the loop.
      link_out(wait);
      place(timers, wait);
      continue;
    }
    unsigned level = lowest_level(timers);
    uint64_t start = level < ROUSE__WHEEL_LEVELS ? slot_start(timers, level) : UINT64_MAX;
    if (start > now) {
      if (now > timers->now) timers->now = now;
      return NULL;
    }
    timers->now = start;
    take_first_slot(timers, level);
  }
  return NULL;
}

int64_t rouse__timers_next_ns(const struct rouse__timers *timers) {
  if (timers->expired || timers->falling) return 0;
  unsigned level = lowest_level(timers);
  if (level == ROUSE__WHEEL_LEVELS) return ROUSE_FOREVER;
  uint64_t start = slot_start(timers, level);
  return start > (uint64_t)ROUSE_FOREVER >> TICK_SHIFT ? ROUSE_FOREVER
                                                       : (int64_t)(start << TICK_SHIFT);
}
