// The parts of a wait that every primitive shares: results, leaving early, waiting inside a call.
#include "sync/queue.h"

int rouse__wait_result(const rouse_wait *wait) {
  switch (wait->outcome & 0x0f) {
    case ROUSE__OUTCOME_GRANTED:
      return ROUSE_DONE;
    case ROUSE__OUTCOME_CLOSED:
      return ROUSE_ECLOSED;
    default:
      break;
  }
  uint16_t refs = load_relaxed(&wait->refs);  // RELAXED: the wait is complete, nobody changes it
  if (refs & ROUSE__CANCEL_TIMEOUT) return ROUSE_ETIMEDOUT;
  return refs & ROUSE__CANCEL_AGAIN ? ROUSE_EAGAIN : ROUSE_ECANCELED;
}

void rouse__wait_leave(rouse_wait *wait, unsigned reason) {
  if (wait->kind == ROUSE__KIND_FOREIGN) {
    ((const struct rouse__foreign *)wait->queue)->leave(wait, reason);
    return;
  }
  if (wait->kind > ROUSE__KIND_QUEUED) {
    wait->waker->ops->cancel(wait->waker, wait, reason);
    return;
  }
  struct rouse__pass pass;
  rouse__pass_init(&pass);
  rouse__queue_cancel(wait, reason, &pass);
  rouse__queue_settle(&pass, NULL);
}

void rouse_wait_cancel(rouse_wait *wait) {
  ROUSE__ASSERT(wait, "rouse_wait_cancel: the wait is NULL");
  rouse__wait_leave(wait, ROUSE__CANCEL_ASKED);
}

int rouse__block_begin(struct rouse__blocked *blocked) {
  struct rouse__waker *waker = rouse__waker_here();
  blocked->wait.waker = waker;
  blocked->wait.callback = NULL;
  blocked->owner = NULL;
  return waker->ops->may_block(waker);
}

int rouse__block_end(struct rouse__blocked *blocked, int started) {
  if (started != ROUSE_PENDING) return started;
  struct rouse__waker *waker = blocked->wait.waker;
  waker->ops->block(waker, blocked);
  return rouse__wait_result(&blocked->wait);
}

void rouse__inline_budget_spent(void) {
  struct rouse__waker *waker = rouse__waker_here();
  waker->ops->yield(waker);
}
