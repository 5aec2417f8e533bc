// Seeds, and a generator: SplitMix64, a Weyl sequence through a finaliser.
#include "seed.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rouse/clock.h>

static uint64_t seed_value;
static bool seed_used;
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static uint64_t finalise(uint64_t x) {
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

static void seed_choose(void) {
  const char *given = getenv("ROUSE_STRESS_SEED");
  seed_value = given && *given
                   ? strtoull(given, NULL, 0)
                   : finalise((uint64_t)rouse_now_ns() ^ (uint64_t)getpid() << 40) >> 20;
  __atomic_store_n(&seed_used, true, __ATOMIC_RELEASE);
  seed_print();
}

uint64_t seed(void) {
  pthread_once(&seed_once, seed_choose);
  return seed_value;
}

void seed_print(void) {
  if (!__atomic_load_n(&seed_used, __ATOMIC_ACQUIRE)) return;
  fprintf(stderr, "seed: ROUSE_STRESS_SEED=%llu\n", (unsigned long long)seed_value);
}

int64_t stress_time_ns(int parts) {
  const char *given = getenv("ROUSE_STRESS_SECONDS");
  double seconds = given && *given ? strtod(given, NULL) : 2.0;
  if (!(seconds > 0)) seconds = 2.0;
  return (int64_t)(seconds * 1e9 / parts);
}

random_source random_from(uint64_t stream) {
  return (random_source){finalise(seed() + finalise(stream + 1))};
}

uint64_t random_next(random_source *source) {
  source->state += UINT64_C(0x9e3779b97f4a7c15);
  return finalise(source->state);
}

uint32_t random_below(random_source *source, uint32_t below) {
  return (uint32_t)((random_next(source) >> 32) * below >> 32);
}
