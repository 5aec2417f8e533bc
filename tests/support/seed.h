// Random numbers that can be had again: every random test prints its seed when it fails or starts.
#ifndef ROUSE_TESTS_SEED_H
#define ROUSE_TESTS_SEED_H

#include <stdbool.h>
#include <stdint.h>

// The seed of this run: ROUSE_STRESS_SEED, or one from the clock. Printed at the first call.
uint64_t seed(void);
// Prints the seed if it was asked for.
void seed_print(void);

// How long each stress test runs, in nanoseconds: ROUSE_STRESS_SECONDS (default 2), split over
// |parts|.
int64_t stress_time_ns(int parts);

// A small generator, one for each thread or task.
typedef struct random_source {
  uint64_t state;
} random_source;

// A stream of its own for each |stream|.
random_source random_from(uint64_t stream);
uint64_t random_next(random_source *source);
// 0 .. below - 1.
uint32_t random_below(random_source *source, uint32_t below);
// True once in |times|.
static inline bool random_one_in(random_source *source, uint32_t times) {
  return random_below(source, times) == 0;
}

#endif
