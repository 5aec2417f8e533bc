// uring_futex: a futex operation of the loop's ring for each wait.
//
// How it works. The object has a word that counts wakes. A waiter reads it, looks at its condition,
// and submits a futex wait on the word, with the value it read, to its own loop's ring. A wake adds
// one to the word and wakes by the ordinary system call, which reaches waits of rings as it reaches
// threads. The queue of waiters is the kernel's, found by the word's address.
//
//   waiter                                kernel                             waker
//     value = word
//     condition true?
//     SQE: FUTEX_WAIT(word, value)
//     (with the ring's next turn) ------> word == value? queue it
//                                         else: CQE with EAGAIN              change the state
//                                         [ w1 w2 .. ] <---- FUTEX_WAKE(1) - word += 1
//     <---------- CQE of the ring ------- w1 leaves
//
//   waiter:  idle --submitted--> (in the ring) --armed--> QUEUED --woken--> woken
//                                    | the word has changed  `--cancelled--> cancelled
//                                    v
//                                  EAGAIN: look at the condition again
//
// What it allocates. Nothing; the kernel does for each wait.
//
// Progress. The kernel's: its queue has a spinlock for each bucket of a hash table.
//
// Why no wake is lost. The word is read before the condition, and the kernel compares it, under its
// own lock, when it queues the wait. A wake changes the word before it looks for waiters. So a wake
// in between is seen by the comparison. A count of waiters lets a wake do without the system call
// if nobody waits: both sides modify that count, the waiter before its look and the waker after its
// change, so one of them sees the other.
//
// What it can't do. Nothing tells the waiter when its wait is armed. A wake that comes before sends
// back every waiter that is not armed yet (ROUSE_EAGAIN), and wakes somebody who is armed besides.
// The order is that in which rings got to it. Who was woken may not free the object at once: the
// waker is on its way to the system call with the word's address.
//
// What a cancel costs. A cancel operation in the ring of the waiter's loop: a message to that loop,
// if it comes from another, and a system call.
//
// Memory order. ORDER(futex-word): a waiter's loads, before its look and after its wake, acquire
// what wakers did before they counted: the kernel orders nothing for us. ORDER(futex-count) for the
// count of waiters. Between comparison and queueing the kernel's lock.
#include <rouse/futex.h>
#include <rouse/probe.h>
#include <string.h>

#include "parts.h"

struct object {
  rouse__atomic32 word;
  rouse__atomic32 waiting;
};

struct waiter {
  approach_waiter base;
  struct object *object;
  rouse_io io;
};

static int init(void *object) {
  *(struct object *)object = (struct object){0};
  return ROUSE_DONE;
}

static void finish(void *object) {
  struct object *self = object;
  // RELAXED: only a check.
  ROUSE__ASSERT(!load_relaxed(&self->waiting), "a queue is finished while somebody waits in it");
  (void)self;
}

// Counts the caller as a waiter and reads the word. False: there is nothing to wait for.
static bool enter(struct object *self, rouse_condition_fn *condition, void *argument,
                  uint32_t *out_value) {
  // ORDER(futex-count): acquire, what wakers did that have found nobody; release, that we come.
  add_acq_rel(&self->waiting, 1);
  // ORDER(futex-word): acquire, what wakers did before, for the condition.
  *out_value = load_acquire(&self->word);
  return !parts_unwanted(condition, argument);
}
static void depart(struct object *self) {
  sub_relaxed(&self->waiting, 1);  // RELAXED: a wake too many is a system call too many
}

static void leave(rouse_wait *wait, unsigned reason) {
  (void)reason;
  struct waiter *waiter = ROUSE__CONTAINER(wait, struct waiter, base.wait);
  rouse_wait_cancel(&waiter->io.wait);
}
static const struct rouse__foreign foreign = {leave};

// The wait has ended. A wake by the kernel orders nothing by itself: the word does.
static void end(struct object *self) {
  // ORDER(futex-word): acquire, what the waker did before it counted.
  (void)load_acquire(&self->word);
  depart(self);
}

static void arrived(rouse_wait *io, int result) {
  struct waiter *waiter = ROUSE__CONTAINER(io, struct waiter, io.wait);
  end(waiter->object);
  waiter->base.wait.callback(&waiter->base.wait, result);
}

static rouse_loop *loop_of(const rouse_wait *wait) { return (rouse_loop *)wait->waker; }

static int wait_if(void *object, approach_waiter *base, rouse_condition_fn *condition,
                   void *argument, int64_t deadline_ns) {
  struct object *self = object;
  struct waiter *waiter = (struct waiter *)base;
  uint32_t value;
  int started = ROUSE_EAGAIN;
  if (enter(self, condition, argument, &value)) {
    started = ROUSE_ETIMEDOUT;
    if (!parts_late(deadline_ns)) {
      waiter->object = self;
      parts_begin(base, &foreign);
      rouse_io_init(&waiter->io, loop_of(&base->wait), arrived);
      started =
          rouse_futex_wait_start(&waiter->io, &self->word, value, ROUSE_FUTEX_PRIVATE, deadline_ns);
    }
  }
  if (started != ROUSE_PENDING) depart(self);
  return started;
}

static int block_if(void *object, rouse_condition_fn *condition, void *argument,
                    int64_t deadline_ns) {
  struct object *self = object;
  int result;
  do {
    uint32_t value;
    if (!enter(self, condition, argument, &value)) {
      depart(self);
      return ROUSE_EAGAIN;
    }
    result = parts_late(deadline_ns)
                 ? ROUSE_ETIMEDOUT
                 : rouse_futex_wait(&self->word, value, ROUSE_FUTEX_PRIVATE, deadline_ns);
    end(self);
  } while (result == ROUSE_EAGAIN);
  return result;
}

static void wake(struct object *self, uint32_t count) {
  // ORDER(futex-count): release, our change of the state, to those who come later.
  if (!add_acq_rel(&self->waiting, 0)) return;
  // ORDER(futex-word): release, our change of the state, to those who read the word later.
  add_release(&self->word, 1);
  approach_counts_here.system_calls++;
  rouse_futex_wake(&self->word, count, ROUSE_FUTEX_PRIVATE);
}

static void wake_one(void *object) { wake(object, 1); }
static void wake_all(void *object) { wake(object, ROUSE_FUTEX_ALL); }

static uint32_t count(void *object) {
  struct object *self = object;
  return load_relaxed(&self->waiting);  // RELAXED: a snapshot
}

// What the kernel can do is found by trying, once, on a thread that has no loop yet.
static const char *without_a_loop(void) {
  static rouse__atomic32 known;            // 1: yes, 2: no
  uint32_t answer = load_relaxed(&known);  // RELAXED: whoever finds it finds the same
  if (!answer) {
    static _Thread_local rouse_probe probe;
    answer = 2;
    rouse_probe_run(&probe);
    for (uint32_t i = 0; i < probe.feature_count; i++) {
      const rouse_probe_feature *feature = &probe.features[i];
      bool ours = !strcmp(feature->backend, "io_uring") && !strcmp(feature->name, "futex_waits");
      if (ours && feature->available && strstr(feature->detail, "on the ring")) answer = 1;
    }
    store_relaxed(&known, answer);  // RELAXED: as above
  }
  return answer == 1 ? NULL : "the kernel's io_uring has no futex operations, or refuses rings";
}

static const char *unavailable(void) {
  rouse_loop *loop = rouse_loop_here();
  if (!loop) return without_a_loop();
  return strcmp(rouse_loop_backend(loop), "io_uring") ? "this loop's backend is not io_uring"
                                                      : NULL;
}

const approach approach_uring_futex = {
    .name = "uring_futex",
    .title = "futex wait in the ring",
    .summary = "a futex operation of the loop's ring for each wait, woken by the system call",
    .progress = "the kernel's",
    .gaps =
        "a wake sends back all that are not armed yet; the order is that of arming; a cancelled "
        "wait may still take a wake, and reports it; the object must outlive the wake; loops "
        "only",
    .can = APPROACH_MANY | APPROACH_LOOPS | APPROACH_ALLOCATES_NOT | APPROACH_KERNEL,
    .object_size = sizeof(struct object),
    .waiter_size = sizeof(struct waiter),
    .unavailable = unavailable,
    .init = init,
    .finish = finish,
    .wait_if = wait_if,
    .wake_one = wake_one,
    .wake_all = wake_all,
    .cancel = parts_cancel,
    .count = count,
    .block_if = block_if,
};
