// Two tasks that wake each other in turns, each waiting in between: the workload whose system calls
// are counted.
//
// Across loops, who gives first waits until the other's loop is asleep: a loop that is awake needs
// no bell, and how often one is would depend on how the counting slows both down. That it is asleep
// is what the one who counts says.
#include <stdatomic.h>
#include <string.h>

#include "measure.h"

typedef struct side {
  approach_object object;
  _Atomic uint32_t balls;  // that have come to this side and were not taken
} side;

typedef struct game {
  const approach *approach;
  side sides[2];
  uint32_t rounds;
  bool across;
  measure_counter *counter;
  _Atomic int failure;
} game;

static game the_game;

static bool is_empty(void *argument) { return atomic_load(&((side *)argument)->balls) == 0; }

static bool take(side *side) {
  while (is_empty(side)) {
    int result = the_game.approach->block_if(&side->object, is_empty, side, ROUSE_FOREVER);
    if (result < 0 && result != ROUSE_EAGAIN) {
      atomic_store(&the_game.failure, result);
      return false;
    }
  }
  atomic_fetch_sub(&side->balls, 1);
  return true;
}

static void give(side *side) {
  enum { PATIENCE_NS = 20000000 };
  // Reading the clock is no system call where this is counted.
  int64_t end_ns = the_game.across ? rouse_now_ns() + PATIENCE_NS : 0;
  while (the_game.across && the_game.counter->asleep == 0 && rouse_now_ns() < end_ns) {
  }
  atomic_fetch_add(&side->balls, 1);
  the_game.approach->wake_one(&side->object);
}

static int64_t returner_main(void *argument) {
  (void)argument;
  for (uint32_t round = 0; round < the_game.rounds; round++) {
    if (!take(&the_game.sides[1])) break;
    give(&the_game.sides[0]);
  }
  return 0;
}

static void play(uint32_t warm) {
  for (uint32_t round = 0; round < the_game.rounds; round++) {
    if (round == warm) the_game.counter->counting = 1;
    give(&the_game.sides[1]);
    if (!take(&the_game.sides[0])) break;
  }
  the_game.counter->counting = 0;
}

const char *measure_ping_pong(const approach *approach, uint32_t loops, uint32_t rounds,
                              measure_counter *counter) {
  enum { WARM = 16 };
  memset(&the_game, 0, sizeof the_game);
  the_game.approach = approach;
  the_game.rounds = rounds + WARM;
  the_game.across = loops > 1;
  the_game.counter = counter;
  for (int index = 0; index < 2; index++) {
    int failed = approach->init(&the_game.sides[index].object);
    if (failed < 0) return rouse_error_message(failed);
  }
  rouse_task *task;
  int failed = rouse_task_spawn(&task, rouse_run_loop(loops - 1), returner_main, NULL);
  if (failed == ROUSE_DONE) {
    play(WARM);
    rouse_task_join(task, NULL);
    failed = atomic_load(&the_game.failure);
  }
  for (int index = 0; index < 2; index++) approach->finish(&the_game.sides[index].object);
  return failed < 0 ? rouse_error_message(failed) : NULL;
}
