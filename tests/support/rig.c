// The second thread. See rig.h.
#include "rig.h"

#include <sched.h>

void random_moment(random_source *random) {
  uint32_t spins = random_below(random, 1u << random_below(random, 12));
  while (spins--) __asm__ volatile("");
}

// Spins, and gives the processor away now and then: there may be fewer processors than threads.
static uint32_t await_change(uint32_t *word, uint32_t old, bool *stop) {
  for (int i = 1;; i++) {
    uint32_t now = __atomic_load_n(word, __ATOMIC_ACQUIRE);
    if (now != old || __atomic_load_n(stop, __ATOMIC_ACQUIRE)) return now;
    if (i % 500 == 0) sched_yield();
  }
}

static void rig_main(void *argument) {
  rig *self = argument;
  uint32_t round = 0;
  while (await_change(&self->rounds, round, &self->stop) != round) {
    round++;
    random_moment(&self->random);
    self->act(self->argument);
    __atomic_store_n(&self->done, round, __ATOMIC_RELEASE);
  }
}

void rig_start(rig *self, void (*act)(void *argument), void *argument, uint64_t stream) {
  *self = (rig){.act = act,
                .argument = argument,
                .random = random_from(2 * stream),
                .own_random = random_from(2 * stream + 1)};
  test_thread_start(&self->thread, rig_main, self);
}

void rig_go(rig *self) {
  __atomic_add_fetch(&self->rounds, 1, __ATOMIC_RELEASE);
  random_moment(&self->own_random);
}

void rig_await(rig *self) {
  uint32_t rounds = __atomic_load_n(&self->rounds, __ATOMIC_RELAXED);
  bool never = false;
  uint32_t done = __atomic_load_n(&self->done, __ATOMIC_ACQUIRE);
  while (done != rounds) done = await_change(&self->done, done, &never);
}

void rig_stop(rig *self) {
  rig_await(self);
  __atomic_store_n(&self->stop, true, __ATOMIC_RELEASE);
  test_thread_join(&self->thread);
}
