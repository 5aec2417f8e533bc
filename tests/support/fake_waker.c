// The fake waker. See fake_waker.h.
#include "fake_waker.h"

static fake_waker *of(struct rouse__waker *waker) {
  return ROUSE__CONTAINER(waker, fake_waker, waker);
}

static void wake(struct rouse__waker *waker, rouse_wait *first, rouse_wait *last) {
  fake_waker *self = of(waker);
  self->wake_calls++;
  for (rouse_wait *wait = first;; wait = wait->link) {
    self->arrivals++;
    if (wait == last) break;
  }
  last->link = NULL;
  if (self->first) {
    self->last->link = first;
  } else {
    self->first = first;
  }
  self->last = last;
}

static void cancel(struct rouse__waker *waker, rouse_wait *wait, unsigned reason) {
  (void)waker, (void)wait, (void)reason;
  check(!"the core cancelled a wait of a kind that is not queued");
}

static void arm(struct rouse__waker *waker, rouse_wait *wait) {
  (void)wait;
  of(waker)->armed++;
}

static void block(struct rouse__waker *waker, struct rouse__blocked *blocked) {
  (void)waker, (void)blocked;
  check(!"a fake waker has nobody to block");
}

static int may_block(struct rouse__waker *waker) {
  (void)waker;
  return ROUSE_EDEADLK;
}

static void yield(struct rouse__waker *waker) { (void)waker; }

static const struct rouse__waker_ops ops = {
    .wake = wake,
    .cancel = cancel,
    .arm = arm,
    .block = block,
    .may_block = may_block,
    .yield = yield,
};

void fake_waker_init(fake_waker *waker) { *waker = (fake_waker){.waker = {.ops = &ops}}; }

bool fake_waker_deliver_one(fake_waker *waker) {
  rouse_wait *wait = waker->first;
  check(wait);
  waker->first = wait->link;
  if (!rouse__wait_arrived(wait)) return false;
  waker->waker.pending--;
  wait->callback(wait, rouse__wait_result(wait));
  return true;
}

int fake_waker_deliver(fake_waker *waker) {
  int completed = 0;
  while (waker->first) completed += fake_waker_deliver_one(waker);
  return completed;
}

static void count_completion(rouse_wait *wait, int result) {
  fake_wait *self = (fake_wait *)wait;
  self->completed++;
  self->result = result;
  if (self->counter) self->order = ++*self->counter;
}

void fake_wait_init(fake_wait *wait, fake_waker *waker, int *counter) {
  *wait = (fake_wait){.result = INT32_MIN, .counter = counter};
  wait->wait.waker = &waker->waker;
  wait->wait.callback = count_completion;
}

uint64_t queue_word(const struct rouse__queue *queue) {
  return __atomic_load_n(&queue->word.raw, __ATOMIC_ACQUIRE);
}

unsigned queue_flags(const struct rouse__queue *queue) {
  return (unsigned)(queue_word(queue) & ROUSE__FLAGS);
}

uint64_t queue_hold(struct rouse__queue *queue) {
  uint64_t before = __atomic_fetch_or(&queue->word.raw, ROUSE__BUSY, __ATOMIC_ACQ_REL);
  check(!(before & ROUSE__BUSY));
  return before;
}

void queue_let_go(struct rouse__queue *queue, uint64_t before, enum rouse__kind kind) {
  rouse__queue_run(queue, before, queue_word(queue), kind);
}

void queue_let_go_without_budget(struct rouse__queue *queue, uint64_t before,
                                 enum rouse__kind kind) {
  struct rouse__pass pass;
  rouse__pass_init(&pass);
  pass.before = before;
  pass.budget = 0;
  uint64_t word = queue_word(queue);
  check(!(word & ROUSE__MAIL));
  word &= ~(uint64_t)(ROUSE__BUSY | ROUSE__QUEUED | ROUSE__NUDGED);
  word = rouse__queue_kinds[kind]->match(queue, word, &pass);
  if (queue->head) word |= ROUSE__QUEUED;
  __atomic_store_n(&queue->word.raw, word, __ATOMIC_RELEASE);
  check(!rouse__queue_settle(&pass, NULL));
}

void queue_check_quiet(const struct rouse__queue *queue) {
  unsigned flags = queue_flags(queue);
  check(!(flags & (ROUSE__BUSY | ROUSE__MAIL)));
  check_equal(queue->inbox.raw, 0);
  check_equal(!!(flags & ROUSE__QUEUED), !!queue->head);
}

unsigned wait_references(const rouse_wait *wait) {
  return __atomic_load_n(&wait->refs.raw, __ATOMIC_ACQUIRE) & ROUSE__REFS;
}

unsigned wait_reasons(const rouse_wait *wait) {
  return __atomic_load_n(&wait->refs.raw, __ATOMIC_ACQUIRE) & ~(unsigned)ROUSE__REFS;
}
