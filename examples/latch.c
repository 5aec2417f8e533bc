// A primitive of one's own: a countdown latch is one atomic number and a waitqueue.
#include <rouse/rouse.h>

#include <stdatomic.h>
#include <stdio.h>

struct latch {
  atomic_int left;
  rouse_waitqueue waiters;
};

static bool still_counting(void *argument) {
  struct latch *latch = argument;
  return atomic_load_explicit(&latch->left, memory_order_relaxed) > 0;
}

static void latch_count_down(struct latch *latch) {
  if (atomic_fetch_sub(&latch->left, 1) == 1) rouse_waitqueue_wake_all(&latch->waiters);
}

static int latch_wait(struct latch *latch) {
  for (;;) {
    int result = rouse_waitqueue_wait_if(&latch->waiters, still_counting, latch);
    if (result == ROUSE_EAGAIN) return ROUSE_DONE;  // nothing left to wait for
    if (result != ROUSE_DONE) return result;
  }
}

enum { WORKERS = 100 };
static struct latch ready = {.left = WORKERS, .waiters = ROUSE_WAITQUEUE_INIT};
static atomic_int passed;

static int64_t worker(void *argument) {
  rouse_task_sleep_ns((int64_t)(intptr_t)argument * 10000);
  latch_count_down(&ready);
  if (latch_wait(&ready) == ROUSE_DONE) atomic_fetch_add(&passed, 1);
  return 0;
}

static int64_t main_task(void *argument) {
  (void)argument;
  rouse_task *tasks[WORKERS];
  for (uint32_t i = 0; i < WORKERS; i++) {
    rouse_task_spawn(&tasks[i], rouse_run_loop(i % 2), worker, (void *)(intptr_t)(i % 7));
  }
  for (int i = 0; i < WORKERS; i++) rouse_task_join(tasks[i], NULL);
  return passed == WORKERS ? 0 : 1;
}

int main(void) {
  int64_t result = 1;
  int failed = rouse_run(&(rouse_run_options){.loops = 2}, main_task, NULL, &result);
  printf("%d of %d passed the latch together\n", passed, WORKERS);
  return failed || result;
}
