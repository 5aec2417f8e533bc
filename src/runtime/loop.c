// The loop: what one thread does, in turns.
//
//   1. take the mail of other threads
//   2. dispatch what is ready: grants, nudges and completions first, then spawns and yields
//   3. read the clock, end what has expired
//   4. more to do: another turn, or a look at the backend, which also hands over what was started,
//      without sleeping
//   5. nothing to do: watch for work a little while, then announce the sleep (see deliver.c) and
//      sleep, by the call that hands over what was started
//
// Every step is bounded, so that none starves another: a turn dispatches at most TURN waits, every
// FAIR_SHARE-th of them from the list of those that are not urgent; timers end in slices.
//
// While more is ready, what turns have started goes to the backend in bulk: after BULK dispatches
// or BULK_NS. In a crowd of connections that costs the system less, and the peers, who get their
// answers in larger parts and sleep less often between them: docs/decisions/0006-figures.md.
//
// The watch before a sleep adapts to how long the loop slept last: while its sleeps are no longer
// than the longest watch it watches, ever longer; when they are longer, it does less, and then not
// at all. A sleep costs two orders of magnitude more than the hand-over that a short watch catches,
// but a watch costs the processor, and a system call, since it has to hand over first.
//
// The longest watch is for what other loops and threads send. For a loop that waits for the system
// only it is a quarter: who sleeps next to a peer is mostly put on its processor, and the two go on
// in turns, while a peer of one who watches wakes on another processor, and both may be slower by
// more than the sleep that was saved.
//
// Retirement: a producer that found the loop asleep rings its bell after the loop may already be
// awake, by other means, with the producer's mail in hand. The loop counts the bells it is owed and
// hears them all before it lets go of the backend.
#include "runtime/backends.h"
#include "runtime/futex.h"
#include "runtime/inbox.h"
#include "runtime/loop_internal.h"
#include "runtime/switch.h"

enum { SPIN_LOOKS = 32 };   // pauses between two readings of the clock
enum { SHORT_SLEEPS = 8 };  // so many in a row, and a loop begins to watch
enum { SPIN_LEAST_NS = 1000, SPIN_DEFAULT_NS = 50000, SPIN_LONGEST_NS = 1000000000 };
enum { SYSTEM_PART = 4 };  // what comes from the system is watched for by this part of the time
enum { BULK = 512, BULK_NS = 50000 };
enum { STACK_DEFAULT = 65536, STACK_LEAST = 16384, STACKS_KEPT = 1024 };
static const int64_t RETIRE_LOOK_NS = 1000000;

void rouse__loop_ready(rouse_loop *loop, rouse_wait *wait) {
  rouse__ready_push(&loop->ready, wait, wait);
}

rouse_loop *rouse_loop_here(void) { return rouse__loop_here; }

// --- turns ---------------------------------------------------------------------------------------

static void take_mail(rouse_loop *loop) {
  // RELAXED: a look; the swap below acquires.
  if (!load_relaxed(&loop->inbox)) return;
  // ORDER(inbox): acquire, the producers' waits and all before.
  uintptr_t mail = swap_acquire(&loop->inbox, 0);
  ROUSE__ASSERT(mail != ROUSE__INBOX_SLEEPING, "a loop that runs is announced as asleep");
  rouse__loop_take_mail(loop, mail);
}

static bool anything_ready(const rouse_loop *loop) {
  return loop->urgent.first || loop->ready.first;
}

// Dispatches up to |most| waits, those included that tasks continue among themselves. Returns
// how many.
static int dispatch_ready(rouse_loop *loop, int most) {
  loop->turn_left = most;
  loop->dispatching = true;
  while (loop->turn_left > 0) {
    struct rouse__ready *list = rouse__loop_first(loop);
    rouse_wait *wait = rouse__ready_pop(list);
    if (!wait) break;
    rouse__look_ahead(list);
    loop->turn_left--;
    loop->stats.dispatches++;
    rouse_task *task = rouse__loop_deliver(loop, wait);
    if (task) rouse__task_continue(loop, task);
  }
  loop->dispatching = false;
  return most - loop->turn_left;
}

// Dispatches, and ends what has expired. Returns how much was dispatched.
static int turn(rouse_loop *loop) {
  take_mail(loop);
  int done = dispatch_ready(loop, ROUSE__TURN);
  loop->waker.now_ns = rouse_now_ns();
  uint64_t saved = rouse__errno_save();
  rouse__loop_expire(loop);
  rouse__errno_restore(saved);
  return done;
}

// Hands over to the backend and looks at it, without sleeping. Returns its failure.
static int look(rouse_loop *loop) {
  uint64_t saved = rouse__errno_save();
  int failed = loop->backend->ops->poll(loop->backend, 0);
  rouse__errno_restore(saved);
  return failed;
}

static bool nothing_to_do(const rouse_loop *loop) {
  // RELAXED: a look; sleeping checks again by CAS.
  return !anything_ready(loop) && !load_relaxed(&loop->inbox);
}

// --- sleep ---------------------------------------------------------------------------------------

// Watches for work for as long as the loop has learned. True: something is ready, or may be, or it
// is |deadline_ns|.
static bool watch(rouse_loop *loop, int64_t deadline_ns) {
  const struct rouse__backend_ops *ops = loop->backend->ops;
  const int64_t until_ns = loop->waker.now_ns + loop->spin_ns;
  for (;;) {
    bool came = false;
    for (int i = 0; i < SPIN_LOOKS && !came; i++) {
      if (load_relaxed(&loop->inbox)) return true;  // RELAXED: a look; taking it acquires
      came = ops->came && ops->came(loop->backend);
      rouse__pause();
    }
    if (look(loop)) return true;  // its failure comes again
    if (anything_ready(loop)) return true;
    int64_t now_ns = rouse_now_ns();
    if (now_ns >= deadline_ns) {
      loop->waker.now_ns = now_ns;
      return true;
    }
    if (now_ns >= until_ns) return false;
  }
}

// How long the loop is to watch at most for what has ended its wait.
static int64_t worth_watching_ns(const rouse_loop *loop) {
  // RELAXED: a look; taking the mail acquires.
  return load_relaxed(&loop->inbox) ? loop->spin_most_ns : loop->spin_most_ns / SYSTEM_PART;
}

static void watch_less(rouse_loop *loop) {
  loop->short_sleeps = 0;
  loop->spin_ns = loop->spin_ns > SPIN_LEAST_NS ? loop->spin_ns / 2 : 0;
}

// The loop has slept for |slept_ns|: how long it is to watch before the next time.
static void learn(rouse_loop *loop, int64_t slept_ns) {
  const int64_t most_ns = worth_watching_ns(loop);
  if (slept_ns > most_ns) {
    watch_less(loop);
  } else if (loop->spin_ns ? loop->spin_ns < most_ns : ++loop->short_sleeps >= SHORT_SLEEPS) {
    loop->spin_ns = loop->spin_ns > 0 ? loop->spin_ns * 2 : SPIN_LEAST_NS;
    if (loop->spin_ns > most_ns) loop->spin_ns = most_ns;
  }
}

// It has watched, and not in vain: but was that worth it?
static void learn_from_watch(rouse_loop *loop, int64_t begin_ns) {
  const int64_t most_ns = worth_watching_ns(loop);
  if (loop->spin_ns > most_ns && rouse_now_ns() - begin_ns > most_ns) watch_less(loop);
}

// Announces the sleep and sleeps, unless mail came first.
static int sleep_until(rouse_loop *loop, int64_t deadline_ns) {
  uintptr_t empty = 0;
  // ORDER(inbox): release, so that a producer that replaces SLEEPING finds the backend as we left
  // it.
  if (!cas_release(&loop->inbox, &empty, ROUSE__INBOX_SLEEPING)) return 0;
  loop->stats.sleeps++;
  uint64_t saved = rouse__errno_save();
  int failed = loop->backend->ops->poll(loop->backend, deadline_ns);
  rouse__errno_restore(saved);
  uintptr_t sleeping = ROUSE__INBOX_SLEEPING;
  // RELAXED: takes nothing; if it fails there is mail, which is taken with acquire.
  if (!cas_relaxed(&loop->inbox, &sleeping, 0)) loop->bells_owed++;
  loop->waker.now_ns = rouse_now_ns();
  return failed;
}

// Waits until there is something to do or |deadline_ns|, and hands over to the backend in any case.
static int idle(rouse_loop *loop, int64_t deadline_ns) {
  int64_t next_ns = rouse__timers_next_ns(&loop->timers);
  if (next_ns < deadline_ns) deadline_ns = next_ns;
  if (deadline_ns <= loop->waker.now_ns) return look(loop);
  const int64_t begin_ns = loop->waker.now_ns;
  if (loop->spin_ns > 0) {
    int failed = look(loop);
    if (failed || !nothing_to_do(loop)) return failed;
    if (watch(loop, deadline_ns)) {
      learn_from_watch(loop, begin_ns);
      return failed;
    }
  }
  int failed = sleep_until(loop, deadline_ns);
  if (loop->spin_most_ns > 0) learn(loop, loop->waker.now_ns - begin_ns);
  return failed;
}

// --- run -----------------------------------------------------------------------------------------

static int may_run(const rouse_loop *loop) {
  if (rouse__loop_forked(loop)) return ROUSE_EFORKED;
  ROUSE__ASSERT(loop == rouse__loop_here, "a loop is run by another thread than its own");
  ROUSE__ASSERT(!loop->dispatching, "a loop is run from inside one of its tasks or callbacks");
  return loop->dispatching ? ROUSE_EDEADLK : 0;
}

int rouse_loop_run_once(rouse_loop *loop, int64_t deadline_ns) {
  int refused = may_run(loop);
  if (refused) return refused;
  for (;;) {
    int done = turn(loop), failed;
    const bool late = deadline_ns <= loop->waker.now_ns;
    if (done || late || !nothing_to_do(loop)) {
      failed = look(loop);
      if (failed) return failed;
      if (done) return done;
      if (!nothing_to_do(loop)) continue;  // it has come after the dispatch
      if (late) return 0;
    }
    failed = idle(loop, deadline_ns);
    if (failed) return failed;
    if (rouse__loop_forked(loop)) return ROUSE_EFORKED;
    rouse__loop_expire(loop);
  }
}

static bool is_over(const rouse_loop *loop) {
  // ORDER(group): acquire, what all tasks of the group did before they ended.
  bool over = load_acquire(&loop->group->holds) == ROUSE__GROUP_STOPPING;
  return over && loop->stop_arrived && !loop->ending;
}

// Turns until nothing more is ready, or it is time to look at the backend. That was done at
// |looked_ns|; INT64_MAX: before the loop was idle, so the time counts from the end of a turn.
// Returns how much was dispatched.
static int turns(rouse_loop *loop, int64_t looked_ns) {
  int done = turn(loop);
  if (loop->waker.now_ns < looked_ns) looked_ns = loop->waker.now_ns;
  while (done < BULK && anything_ready(loop) && loop->waker.now_ns - looked_ns < BULK_NS) {
    done += turn(loop);
  }
  return done;
}

int rouse__loop_run(rouse_loop *loop) {
  if (rouse__loop_forked(loop)) return ROUSE_EFORKED;
  int64_t looked_ns = INT64_MAX;
  for (;;) {
    int done = turns(loop, looked_ns), failed;
    if (!nothing_to_do(loop) || is_over(loop)) {
      failed = look(loop);
      if (failed) return failed;
      looked_ns = rouse_now_ns();
      if (done || !nothing_to_do(loop)) continue;
      if (is_over(loop)) return ROUSE_DONE;
    }
    failed = idle(loop, ROUSE_FOREVER);
    if (failed) return failed;
    if (rouse__loop_forked(loop)) return ROUSE_EFORKED;
    looked_ns = INT64_MAX;
  }
}

int rouse_loop_run(rouse_loop *loop) {
  int refused = may_run(loop);
  return refused ? refused : rouse__loop_run(loop);
}

// --- stop ----------------------------------------------------------------------------------------

// The stop's mail is the stopper's last access to a loop, and a loop ends only after it has
// arrived: so whoever runs the loop may destroy it right away, while the stopper is still
// returning.
static void stop_arrived(rouse_wait *wait, int result) {
  (void)result;
  rouse_loop *loop = ROUSE__CONTAINER(wait, rouse_loop, stop_mail);
  loop->stop_arrived = true;
  rouse__task_cancel_all(loop);
}

static void end_arrived(rouse_wait *wait, int result) { (void)wait, (void)result; }

void rouse__group_end(struct rouse__group *group) {
  for (uint32_t i = 0; i < group->count; i++) {
    rouse_loop_post(group->loops[i], &group->loops[i]->end_mail, end_arrived);
  }
}

void rouse_loop_stop(rouse_loop *loop) {
  struct rouse__group *group = loop->group;
  uint64_t holds = load_relaxed(&group->holds);  // RELAXED: the CAS validates it
  do {
    if (holds & ROUSE__GROUP_STOPPING) return;
    // ORDER(group): release, all before the stop, to those who see it.
  } while (!cas_release(&group->holds, &holds, holds | ROUSE__GROUP_STOPPING));
  const uint32_t count = group->count;  // of a loop of its own nothing may be read after the post
  for (uint32_t i = 0; i < count; i++) {
    rouse_loop *member = group->loops[i];
    rouse_loop_post(member, &member->stop_mail, stop_arrived);
  }
}

static bool stopping(const rouse_loop *loop) {
  // ORDER(group): acquire, pairs with the stop.
  return load_acquire(&loop->group->holds) & ROUSE__GROUP_STOPPING;
}

static bool has_tasks(const rouse_loop *loop) {
  const rouse_wait *next = loop->urgent.first ? loop->urgent.first : loop->ready.first;
  return loop->task_count || (next && next->kind == ROUSE__KIND_TASK);
}

// Takes the mail there is and runs callbacks. False: there are tasks, none of which is run.
static bool settle_mail(rouse_loop *loop) {
  for (;;) {
    take_mail(loop);
    if (has_tasks(loop)) return false;
    if (anything_ready(loop)) {
      dispatch_ready(loop, 1);
    } else if (stopping(loop) && !loop->stop_arrived) {
      rouse__thread_yield();  // the stopper is between its mark and its mail
    } else {
      return true;
    }
  }
}

// --- create and destroy --------------------------------------------------------------------------

static void set_defaults(rouse_loop *loop, const rouse_loop_options *options) {
  if (options) loop->options = *options;
  if (!loop->options.stack_size) loop->options.stack_size = STACK_DEFAULT;
  loop->spin_most_ns = loop->options.spin_ns ? loop->options.spin_ns : SPIN_DEFAULT_NS;
  if (loop->spin_most_ns > SPIN_LONGEST_NS) loop->spin_most_ns = SPIN_LONGEST_NS;
  if (rouse__cpu_count() < 2) loop->spin_most_ns = 0;
  loop->spin_ns = loop->spin_most_ns;
}

static void join_group(rouse_loop *loop, struct rouse__group *group) {
  if (!group) {
    group = &loop->own_group;
    group->count = 1;
    group->loops = loop->own_loops;
    group->pool_threads = loop->options.blocking_threads;
    loop->own_loops[0] = loop;
  }
  loop->group = group;
}

int rouse__loop_create(const rouse_loop_options *options, struct rouse__group *group,
                       rouse_loop **out_loop) {
  *out_loop = NULL;
  rouse__fork_watch();
  if (rouse__loop_here && !rouse__loop_forked(rouse__loop_here)) return ROUSE_EBUSY;
  if (options && options->stack_size && options->stack_size < STACK_LEAST) return ROUSE_EINVAL;
  rouse_loop *loop = rouse__allocate(sizeof *loop, _Alignof(rouse_loop));
  if (!loop) return ROUSE_ENOMEM;
  set_defaults(loop, options);
  join_group(loop, group);
  loop->waker.ops = &rouse__loop_waker_ops;
  loop->waker.now_ns = rouse_now_ns();
  loop->fork_generation = rouse__fork_generation();
  rouse__timers_init(&loop->timers, loop->waker.now_ns);
  int refused = rouse__stack_pool_init(&loop->stacks, loop->options.stack_size, STACKS_KEPT);
  if (refused) goto out_free;
  uint64_t saved = rouse__errno_save();
  refused = rouse__backend_create(loop, &loop->options, &loop->backend);
  rouse__errno_restore(saved);
  if (refused) goto out_stacks;
  rouse__context_adopt(&loop->context);
  rouse__loop_here = loop;
  *out_loop = loop;
  return ROUSE_DONE;

out_stacks:
  rouse__stack_pool_finish(&loop->stacks);
out_free:
  rouse__free(loop);
  return refused;
}

int rouse_loop_create(const rouse_loop_options *options, rouse_loop **out_loop) {
  return rouse__loop_create(options, NULL, out_loop);
}

int rouse_loop_destroy(rouse_loop *loop) {
  if (!loop) return ROUSE_DONE;
  if (rouse__loop_forked(loop)) return ROUSE_EFORKED;
  ROUSE__ASSERT(loop == rouse__loop_here, "a loop is destroyed by another thread than its own");
  ROUSE__ASSERT(!loop->dispatching,
                "a loop is destroyed from inside one of its tasks or callbacks");
  if (loop->dispatching || !settle_mail(loop)) return ROUSE_EBUSY;
  while (loop->ending) {
    loop->backend->ops->poll(loop->backend, rouse_now_ns() + RETIRE_LOOK_NS);
    if (!settle_mail(loop)) return ROUSE_EBUSY;
  }
  if (loop->holders || loop->waker.pending || loop->backend->in_flight) return ROUSE_EBUSY;
  uint64_t saved = rouse__errno_save();
  while (loop->backend->bells_heard < loop->bells_owed) {
    loop->backend->ops->poll(loop->backend, rouse_now_ns() + RETIRE_LOOK_NS);
  }
  if (loop->group == &loop->own_group && loop->own_group.pool) {
    rouse__pool_destroy(loop->own_group.pool);
  }
  rouse__futex_threads_end(loop);
  loop->backend->ops->destroy(loop->backend);
  rouse__errno_restore(saved);
  rouse__task_free_spares(loop);
  rouse__context_release(&loop->context);
  rouse__stack_pool_finish(&loop->stacks);
  rouse__loop_here = NULL;
  rouse__free(loop);
  return ROUSE_DONE;
}

rouse__pool *rouse__loop_pool(rouse_loop *loop) {
  struct rouse__group *group = loop->group;
  // ORDER(pool): acquire, the pool as its maker left it.
  rouse__pool *pool = (rouse__pool *)load_acquire(&group->pool_made);
  if (pool) return pool;
  if (rouse__pool_create(group->pool_threads, &pool)) return NULL;
  uintptr_t none = 0;
  // ORDER(pool): release, the pool we made.
  if (cas_acq_rel_acquire(&group->pool_made, &none, (uintptr_t)pool)) {
    group->pool = pool;
    return pool;
  }
  rouse__pool_destroy(pool);  // another loop was first
  return (rouse__pool *)none;
}

// --- readings ------------------------------------------------------------------------------------

const char *rouse_loop_backend(const rouse_loop *loop) { return loop->backend->ops->name; }
const char *rouse_loop_doorbell(const rouse_loop *loop) { return loop->backend->doorbell; }
void rouse_loop_stats_read(const rouse_loop *loop, rouse_loop_stats *out_stats) {
  *out_stats = loop->stats;
  out_stats->registered = loop->backend->registered_uses;
}
