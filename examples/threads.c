// Plain threads and tasks on the same objects: threads produce numbers into a ring under a mutex,
// tasks on two loops take them out. Two semaphores count the free and the used places, as in the
// textbook.
#include <rouse/rouse.h>

#include <pthread.h>
#include <stdio.h>

enum { PLACES = 16, THREADS = 2, TASKS = 4, EACH = 10000 };

static rouse_semaphore free_places = ROUSE_SEMAPHORE_INIT(PLACES);
static rouse_semaphore used_places;  // zeroed: no permits
static rouse_mutex mutex;            // zeroed: unlocked
static int ring[PLACES];
static unsigned head, tail;
static long long sum;

static void *producer(void *argument) {
  for (int i = 1; i <= EACH; i++) {
    rouse_semaphore_acquire(&free_places, 1);  // parks this thread
    rouse_mutex_lock(&mutex);
    ring[tail++ % PLACES] = i;
    rouse_mutex_unlock(&mutex);
    rouse_semaphore_release(&used_places, 1);
  }
  return argument;
}

static int64_t consumer(void *argument) {
  (void)argument;
  while (rouse_semaphore_acquire(&used_places, 1) == ROUSE_DONE) {  // suspends this task
    rouse_mutex_lock(&mutex);
    sum += ring[head++ % PLACES];
    bool last = head == THREADS * EACH;
    rouse_mutex_unlock(&mutex);
    rouse_semaphore_release(&free_places, 1);
    if (last) rouse_semaphore_close(&used_places);  // the other consumers end
  }
  return 0;
}

static int64_t main_task(void *argument) {
  (void)argument;
  rouse_task *tasks[TASKS];
  for (uint32_t i = 0; i < TASKS; i++) {
    rouse_task_spawn(&tasks[i], rouse_run_loop(i % 2), consumer, NULL);
  }
  for (int i = 0; i < TASKS; i++) rouse_task_join(tasks[i], NULL);
  return 0;
}

int main(void) {
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, producer, NULL);
  int failed = rouse_run(&(rouse_run_options){.loops = 2}, main_task, NULL, NULL);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  long long expected = (long long)THREADS * EACH * (EACH + 1) / 2;
  printf("sum %lld, expected %lld\n", sum, expected);
  return failed || sum != expected;
}
