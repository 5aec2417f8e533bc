// Tasks: the life of a stackful coroutine on its loop.
//
//   spawned --first dispatch: gets a stack--> runs <--> suspended in a wait, or ready after a yield
//                                             |
//                                             returns --last switch--> ended: the loop takes the
//                                                                      stack back and sets |done|
//
// A task has its stack from its first run to its end only, so tasks that run to their end one after
// the other share one warm stack, and spawning on another loop touches none of that loop's memory.
//
// References: the run, the handle, a cancel's mail. The last one out frees the task; on the task's
// own loop it is kept for the next spawn.
#include "runtime/loop_internal.h"
#include "runtime/switch.h"

enum { SPARE_TASKS = 256 };

static void task_unref(rouse_task *task) {
  // ORDER(task): release, our accesses, to the last one out.
  // ORDER(task): acquire, everybody's accesses, if that is us.
  if (sub_acq_rel(&task->refs, 1) != 1) return;
  rouse_loop *loop = task->loop;
  if (loop == rouse__loop_here && loop->spare_task_count < SPARE_TASKS) {
    task->next = loop->spare_tasks;
    loop->spare_tasks = task;
    loop->spare_task_count++;
  } else {
    rouse__free(task);
  }
}

void rouse__task_free_spares(rouse_loop *loop) {
  rouse_task *task = loop->spare_tasks, *next;
  for (; task; task = next) {
    next = task->next;
    rouse__free(task);
  }
  loop->spare_tasks = NULL;
  loop->spare_task_count = 0;
}

// --- running -------------------------------------------------------------------------------------

// The first function on a task's stack.
static void task_main(void *argument) {
  rouse_task *task = argument;
  task->result = task->function(task->argument);
  task->ended = true;
  rouse__context_exit(&task->context, &task->loop->context);
}

static void list_in(rouse_loop *loop, rouse_task *task) {
  task->previous = NULL;
  task->next = loop->tasks;
  if (loop->tasks) loop->tasks->previous = task;
  loop->tasks = task;
}

static void list_out(rouse_loop *loop, rouse_task *task) {
  if (task->previous) {
    task->previous->next = task->next;
  } else {
    loop->tasks = task->next;
  }
  if (task->next) task->next->previous = task->previous;
}

static void drop_hold(struct rouse__group *group) {
  // ORDER(group): release, our tasks' work, to whoever sees the last hold gone; acquire, the
  // others'.
  uint64_t before = sub_acq_rel(&group->holds, ROUSE__GROUP_HOLD);
  if (before == (ROUSE__GROUP_HOLD | ROUSE__GROUP_STOPPING)) rouse__group_end(group);
}

// Adds |flag| to what is known of a cancel of |task|, unless something of |unless| is. Returns what
// was known before.
static uint32_t note_cancel(rouse_task *task, uint32_t flag, uint32_t unless) {
  uint32_t before = load_relaxed(&task->cancelled);  // RELAXED: the CAS validates it
  do {
    if (before & unless) return before;
    // RELAXED: a request, or its end; what follows from it is ordered by the mail.
  } while (!cas_relaxed(&task->cancelled, &before, before | flag));
  return before;
}

static void task_over(rouse_loop *loop, rouse_task *task) {
  loop->stats.tasks++;
  // A cancel that has begun uses the loop until its mail is here.
  if (note_cancel(task, ROUSE__TASK_OVER, 0) & ROUSE__TASK_CANCEL_MAIL) loop->ending++;
  if (task->joiner) rouse__loop_end(loop, task->joiner);
  rouse_event_set(&task->done);
  task_unref(task);
  if (--loop->task_count == 0) drop_hold(loop->group);
}

ROUSE__COLD void rouse__task_ended(rouse_loop *loop, rouse_task *task) {
  rouse__context_release(&task->context);
  rouse__stack_put(&loop->stacks, task->stack);
  list_out(loop, task);
  task_over(loop, task);
}

bool rouse__task_start(rouse_loop *loop, rouse_task *task) {
  if (task->sent) {
    task->sent = false;
    if (loop->task_count++) drop_hold(loop->group);  // the loop has one already
  }
  if (loop->task_count > loop->stats.tasks_most) loop->stats.tasks_most = loop->task_count;
  int refused = rouse__stack_get(&loop->stacks, &task->stack);
  if (refused) {
    task->result = refused;
    if (task == loop->group->main) {
      loop->group->main_refused = refused;
      rouse_loop_stop(loop);
    }
    task_over(loop, task);
    return false;
  }
  list_in(loop, task);
  task->started = true;
  // RELAXED: set before the stop's mail is sent; that mail cancels whoever started earlier.
  if (load_relaxed(&loop->group->holds) & ROUSE__GROUP_STOPPING) {
    note_cancel(task, ROUSE__TASK_CANCELLED, 0);
  }
  rouse__context_make(&task->context, task->stack.low, task->stack.high, task_main, task);
  return true;
}

void rouse_task_yield(void) {
  rouse_loop *loop = rouse__loop_here;
  if (!loop || rouse__loop_forked(loop)) {
    rouse__thread_yield();
    return;
  }
  if (!loop->current) return;
  rouse_task *task = loop->current;
  rouse__loop_ready(loop, &task->resume);
  rouse__task_leave(loop, task);
}

// --- spawn and join ------------------------------------------------------------------------------

static rouse_task *task_take(rouse_loop *loop) {
  if (loop != rouse__loop_here || !loop->spare_tasks) {
    return rouse__allocate(sizeof(rouse_task), _Alignof(rouse_task));
  }
  rouse_task *task = loop->spare_tasks;
  loop->spare_tasks = task->next;
  loop->spare_task_count--;
  return task;
}

// Takes a hold of |group|. False: the group has ended.
static bool take_hold(struct rouse__group *group) {
  uint64_t holds = load_relaxed(&group->holds);  // RELAXED: the CAS validates it
  do {
    if (holds == ROUSE__GROUP_STOPPING) return false;
    // RELAXED: a count; what it guards is ordered by the hold's drop.
  } while (!cas_relaxed(&group->holds, &holds, holds + ROUSE__GROUP_HOLD));
  return true;
}

// Counts a task that is to run on |loop|. False: the group has ended.
static bool enter(rouse_loop *loop, bool here) {
  if (here && loop->task_count) {
    loop->task_count++;
    return true;
  }
  if (!take_hold(loop->group)) return false;
  if (here) loop->task_count = 1;
  return true;
}

int rouse_task_spawn(rouse_task **out_task, rouse_loop *loop, rouse_task_fn *function,
                     void *argument) {
  ROUSE__ASSERT(function, "rouse_task_spawn: the function is NULL");
  if (!loop) loop = rouse__loop_here;
  if (!loop) return ROUSE_ENOLOOP;
  if (rouse__loop_forked(loop)) return ROUSE_EFORKED;
  bool here = loop == rouse__loop_here;
  rouse_task *task = task_take(loop);
  if (!task) return ROUSE_ENOMEM;
  if (!enter(loop, here)) {
    rouse__free(task);
    return ROUSE_ECLOSED;
  }
  task->loop = loop;
  task->function = function;
  task->argument = argument;
  task->result = 0;
  task->waiting = task->joiner = NULL;
  task->shielded = task->started = task->ended = false;
  task->sent = !here;
  rouse_event_init(&task->done, ROUSE_EVENT_MANUAL, false);
  store_relaxed(&task->refs, out_task ? 2 : 1);  // RELAXED: published by the post
  store_relaxed(&task->cancelled, 0);            // RELAXED: as above
  if (out_task) *out_task = task;
  task->resume.kind = ROUSE__KIND_TASK;
  rouse__loop_send(loop, &task->resume);
  return ROUSE_DONE;
}

static void joined_by(rouse_task *task, rouse_wait *joiner) { task->joiner = joiner; }

// Both are tasks of one loop: the end of the one completes the other's wait, and nobody else is in
// it.
static int join_here(rouse_task *task, int64_t deadline_ns) {
  struct rouse__blocked blocked;
  int refused = rouse__block_begin(&blocked);
  if (refused) return refused;
  if (rouse__deadline_passed(deadline_ns)) return ROUSE_ETIMEDOUT;
  joined_by(task, &blocked.wait);
  int result = rouse__block_end(&blocked, rouse_wait_timer_start(&blocked.wait, deadline_ns));
  if (result) joined_by(task, NULL);
  return result;
}

int rouse_task_join_until(rouse_task *task, int64_t *out_result, int64_t deadline_ns) {
  rouse_loop *loop = rouse__loop_here;
  ROUSE__ASSERT(task, "rouse_task_join: the task is NULL");
  if (loop && loop->current == task) return ROUSE_EDEADLK;
  rouse__inline_budget_use();
  bool here = loop && loop == task->loop && loop->current && !rouse_event_is_set(&task->done);
  int result =
      here ? join_here(task, deadline_ns) : rouse_event_wait_until(&task->done, deadline_ns);
  if (result) return result;
  if (out_result) *out_result = task->result;
  task_unref(task);
  return ROUSE_DONE;
}

int rouse_task_join(rouse_task *task, int64_t *out_result) {
  return rouse_task_join_until(task, out_result, ROUSE_FOREVER);
}

void rouse_task_detach(rouse_task *task) {
  if (task) task_unref(task);
}

bool rouse_task_is_done(const rouse_task *task) {
  ROUSE__ASSERT(task, "rouse_task_is_done: the task is NULL");
  return rouse_event_is_set(&task->done);
}

rouse_task *rouse_task_here(void) {
  rouse_loop *loop = rouse__loop_here;
  return loop ? loop->current : NULL;
}

// --- cancel --------------------------------------------------------------------------------------

// Ends the wait that |task| is in, if it is and may be. Own thread, so the wait can't complete
// meanwhile.
static void interrupt(rouse_task *task) {
  if (task->waiting && !task->shielded) rouse__wait_leave(task->waiting, ROUSE__CANCEL_ASKED);
}

static void cancel_arrived(rouse_wait *wait, int result) {
  (void)result;
  rouse_task *task = ROUSE__CONTAINER(wait, rouse_task, mail);
  // RELAXED: own thread; a cancel is made once, so nobody else changes it.
  uint32_t known = load_relaxed(&task->cancelled);
  if (known & ROUSE__TASK_OVER) {
    task->loop->ending--;
  } else {
    store_relaxed(&task->cancelled,
                  known & ~(uint32_t)ROUSE__TASK_CANCEL_MAIL);  // RELAXED: as above
    interrupt(task);
  }
  task_unref(task);
}

void rouse_task_cancel(rouse_task *task) {
  const uint32_t late = ROUSE__TASK_CANCELLED | ROUSE__TASK_OVER;
  ROUSE__ASSERT(task, "rouse_task_cancel: the task is NULL");
  if (task->loop == rouse__loop_here) {
    if (!(note_cancel(task, ROUSE__TASK_CANCELLED, late) & late)) interrupt(task);
    return;
  }
  // The loop waits for mail that is announced before the task is over: till then it is there.
  if (note_cancel(task, ROUSE__TASK_CANCELLED | ROUSE__TASK_CANCEL_MAIL, late) & late) return;
  add_relaxed(&task->refs, 1);  // RELAXED: the caller holds a reference
  rouse_loop_post(task->loop, &task->mail, cancel_arrived);
}

void rouse__task_cancel_all(rouse_loop *loop) {
  rouse_task *next;
  for (rouse_task *task = loop->tasks; task; task = next) {
    next = task->next;  // leaving only moves waits to lists: no task runs or ends here
    if (!note_cancel(task, ROUSE__TASK_CANCELLED, ROUSE__TASK_CANCELLED)) interrupt(task);
  }
}

bool rouse_task_is_cancelled(void) {
  rouse_task *task = rouse_task_here();
  return task && load_relaxed(&task->cancelled);  // RELAXED: a hint to stop
}

bool rouse_task_shield(bool on) {
  rouse_task *task = rouse_task_here();
  if (!task) return false;
  bool before = task->shielded;
  task->shielded = on;
  return before;
}

// --- sleep ---------------------------------------------------------------------------------------

int rouse_task_sleep_until(int64_t deadline_ns) {
  rouse_loop *loop = rouse__loop_here;
  if (!loop || (rouse__loop_forked(loop) && !loop->current)) {
    rouse__atomic32 nobody = {0};
    while (!rouse__deadline_passed(deadline_ns)) rouse__park(&nobody, 0, deadline_ns);
    return ROUSE_DONE;
  }
  rouse__inline_budget_use();
  struct rouse__blocked blocked;
  int refused = rouse__block_begin(&blocked);
  if (refused) return refused;
  if (rouse__deadline_passed(deadline_ns)) {
    rouse_task_yield();
    return ROUSE_DONE;
  }
  int result = rouse__block_end(&blocked, rouse_wait_timer_start(&blocked.wait, deadline_ns));
  return result == ROUSE_ETIMEDOUT ? ROUSE_DONE : result;
}

int rouse_task_sleep_ns(int64_t delay_ns) {
  return rouse_task_sleep_until(rouse_deadline_in_ns(delay_ns));
}
