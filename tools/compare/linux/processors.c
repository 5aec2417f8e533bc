// Threads on processors of their own: where two loops share one, a wake is a switch of threads and
// no message.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include "measure.h"

static cpu_set_t all;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void note_all(void) {
  if (sched_getaffinity(0, sizeof all, &all) != 0) CPU_ZERO(&all);
}

void machine_pin(uint32_t index) {
  pthread_once(&once, note_all);
  int count = CPU_COUNT(&all);
  if (count < 2) return;
  uint32_t left = index % (uint32_t)count;
  for (int processor = 0; processor < CPU_SETSIZE; processor++) {
    if (!CPU_ISSET(processor, &all) || left-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    return;
  }
}

void machine_unpin(void) {
  pthread_once(&once, note_all);
  if (CPU_COUNT(&all) > 1) pthread_setaffinity_np(pthread_self(), sizeof all, &all);
}
