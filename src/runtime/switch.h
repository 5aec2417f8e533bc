// From one task to the next: the inner part of the dispatch loop, inlined wherever a flow is left.
//
// A task that suspends or yields continues the next ready task itself, if nothing but that is to be
// done: one stack switch instead of two. Whatever else is ready (a callback, a nudge, a first run,
// a timer to disarm) is the loop's. The turn's budget and the fair share are counted in the loop,
// whoever dispatches, so tasks that hand over to one another for ever end the turn like all others.
//
// Everything here is inline, so that the code between two switches has no unmatched return: the
// processor's return predictor then fits on both sides.
#ifndef ROUSE_RUNTIME_SWITCH_H
#define ROUSE_RUNTIME_SWITCH_H

#include "runtime/loop_internal.h"

// The list that the next dispatch of this turn is to look at first.
static inline struct rouse__ready *rouse__loop_first(rouse_loop *loop) {
  if (!loop->urgent.first) return &loop->ready;
  bool share = loop->turn_left % ROUSE__FAIR_SHARE == 0;
  return ROUSE__UNLIKELY(share) && loop->ready.first ? &loop->ready : &loop->urgent;
}

// The task that waits by |wait|, which has no callback.
static inline rouse_task *rouse__wait_task(rouse_wait *wait) {
  return wait->kind == ROUSE__KIND_IO ? (rouse_task *)wait->next
                                      : ROUSE__CONTAINER(wait, struct rouse__blocked, wait)->owner;
}

// Fetches what the next dispatches will touch: of the next wait, which an earlier look has fetched,
// its task's registers and the frames next to the operation on the task's stack; and the wait after
// that. In a crowd of connections all of these have left the cache since they were used last.
// Inlined by force: gcc drops calls of a function that does nothing but this.
static inline __attribute__((always_inline)) void rouse__look_ahead(
    const struct rouse__ready *list) {
  const rouse_wait *next = list->first;
  if (!next) return;
  ROUSE__PREFETCH(next->link);
  if (next->kind != ROUSE__KIND_IO) return;
  ROUSE__PREFETCH(next->next);
  ROUSE__PREFETCH((const char *)next - 64);
  ROUSE__PREFETCH((const char *)next + sizeof(rouse_io));
}

// The task that is next, off its list, if nothing is to be done but to run it; else NULL.
static inline rouse_task *rouse__loop_next_task(rouse_loop *loop) {
  if (loop->turn_left <= 0) return NULL;
  struct rouse__ready *list = rouse__loop_first(loop);
  rouse_wait *wait = list->first;
  rouse_task *task;
  if (!wait) return NULL;
  if (wait->kind == ROUSE__KIND_TASK) {
    task = ROUSE__CONTAINER(wait, rouse_task, resume);
    if (!task->started) return NULL;
  } else {
    if (wait->kind == ROUSE__KIND_POST || wait->callback || wait->timer_at) return NULL;
    // ORDER(refs): acquire, everybody's last accesses to the node.
    if (load_acquire(&wait->refs) & ROUSE__REFS) return NULL;  // a nudge, or back from the pool
    task = rouse__wait_task(wait);
    loop->waker.pending--;
    loop->stats.waits++;
  }
  list->first = wait->link;
  rouse__look_ahead(list);
  loop->turn_left--;
  loop->stats.dispatches++;
  return task;
}

// Leaves |task|, which runs and has said what it waits for, for the next one, or for the loop.
static inline __attribute__((always_inline)) void rouse__task_leave(rouse_loop *loop,
                                                                    rouse_task *task) {
  rouse_task *next = rouse__loop_next_task(loop);
  if (!next) {
    rouse__context_switch(&task->context, &loop->context);
    return;
  }
  rouse__inline_budget = ROUSE__INLINE_BUDGET;
  if (next == task) return;
  loop->current = next;
  rouse__context_switch(&task->context, &next->context);
}

// Suspends the current task until |wait| is delivered; a cancel of the task meanwhile ends |wait|.
static inline __attribute__((always_inline)) void rouse__task_suspend(rouse_loop *loop,
                                                                      rouse_wait *wait) {
  rouse_task *task = loop->current;
  task->waiting = wait;
  rouse__task_leave(loop, task);
  task->waiting = NULL;
}

// Runs |task| until it waits, yields or ends. Outside of tasks only.
static inline __attribute__((always_inline)) void rouse__task_continue(rouse_loop *loop,
                                                                       rouse_task *task) {
  loop->current = task;
  rouse__inline_budget = ROUSE__INLINE_BUDGET;
  rouse__context_switch(&loop->context, &task->context);
  task = loop->current;  // tasks switch to one another: perhaps not the one that was continued
  loop->current = NULL;
  if (ROUSE__UNLIKELY(task->ended)) rouse__task_ended(loop, task);
}

#endif
