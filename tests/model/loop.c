#include "loop.h"

#include "base/assert.h"
#include "sync/queue.h"

_Thread_local int32_t rouse__inline_budget;

void rouse__die(const char *sentence, const char *where) { model_fail("%s (%s)", sentence, where); }
int64_t rouse_now_ns(void) { return 0; }
struct rouse__waker *rouse__waker_here(void) {
  model_fail("programs use *_start calls only");
}

static void wake(struct rouse__waker *waker, rouse_wait *first, rouse_wait *last) {
  struct model_loop *loop = (struct model_loop *)waker;
  model_push(&loop->inbox, (uintptr_t)first, (uintptr_t *)&last->link);
}
static const struct rouse__waker_ops ops = {.wake = wake};

struct model_loop *model_loop_new(const char *name) {
  struct model_loop *loop = model_new(sizeof *loop, name);
  loop->waker.ops = &ops;
  return loop;
}

static void complete(rouse_wait *wait, int result) {
  struct model_wait *self = (struct model_wait *)wait;
  if (self->completions++) model_fail("a wait was completed twice");
  self->result = result;
}
struct model_wait *model_wait_new(struct model_loop *loop, const char *name) {
  struct model_wait *wait = model_new(sizeof *wait, name);
  wait->wait.waker = &loop->waker;
  wait->wait.callback = complete;
  return wait;
}

void model_loop_run(struct model_loop *loop) {
  rouse_wait *arrived = (rouse_wait *)model_take(&loop->inbox);
  while (arrived) {
    rouse_wait *next = arrived->link;
    if (rouse__wait_arrived(arrived)) {
      loop->waker.pending--;
      arrived->callback(arrived, rouse__wait_result(arrived));
    } else if (++((struct model_wait *)arrived)->nudges > ROUSE__ROUNDS_MAX) {
      model_fail("a wait was nudged more often than it may lose rounds");
    }
    arrived = next;
  }
}

int model_finish(struct model_wait *wait, int started) {
  if (started != ROUSE_PENDING) return started;
  while (!wait->completions) model_loop_run((struct model_loop *)wait->wait.waker);
  int result = wait->result;
  wait->completions = wait->nudges = 0;  // it may be started again
  return result;
}
