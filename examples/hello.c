// Eight tasks on two loops share a counter under a mutex and two permits of a semaphore.
#include <rouse/rouse.h>

#include <stdio.h>

static rouse_mutex mutex = ROUSE_MUTEX_INIT;
static rouse_semaphore permits = ROUSE_SEMAPHORE_INIT(2);
static int counter;

static int64_t worker(void *name) {
  rouse_semaphore_acquire(&permits, 1);  // at most two get past here
  rouse_task_sleep_ns(10 * 1000 * 1000);
  rouse_mutex_lock(&mutex);
  printf("%s is number %d\n", (const char *)name, ++counter);
  rouse_mutex_unlock(&mutex);
  rouse_semaphore_release(&permits, 1);
  return 0;
}

static int64_t main_task(void *unused) {
  (void)unused;
  static char *names[] = {"Ada", "Ben", "Cleo", "Dov", "Eve", "Finn", "Gil", "Hana"};
  rouse_task *tasks[8];
  for (uint32_t i = 0; i < 8; i++)
    rouse_task_spawn(&tasks[i], rouse_run_loop(i % 2), worker, names[i]);
  for (int i = 0; i < 8; i++) rouse_task_join(tasks[i], NULL);
  return counter == 8 ? 0 : 1;
}

int main(void) {
  int64_t result = 1;
  int failed = rouse_run(&(rouse_run_options){.loops = 2}, main_task, NULL, &result);
  if (failed) fprintf(stderr, "hello: %s\n", rouse_error_message(failed));
  return failed ? 1 : (int)result;
}
