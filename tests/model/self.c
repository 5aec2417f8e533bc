// Programs about the explorer itself: those named must_fail_… are wrong, and it has to say so.
#include "loop.h"

static struct {
  rouse__atomic32 *word, *other;
  int *data;
  uintptr_t *flag;
} s;

static void setup(void) {
  s.word = model_new(sizeof *s.word, "word");
  s.other = model_new(sizeof *s.other, "other");
  s.data = model_new(sizeof *s.data, "data");
  s.flag = model_new(sizeof *s.flag, "flag");
}

static void send_release(void *unused) {
  (void)unused;
  *s.data = 1;
  store_release(s.word, 1);
}
static void send_relaxed(void *unused) {
  (void)unused;
  *s.data = 1;
  store_relaxed(s.word, 1);
}
static void message_arrives(void) {
  setup();
  int sender = model_go(send_release, NULL);
  if (load_acquire(s.word)) MODEL_CHECK(*s.data == 1);
  model_join(sender);
}
static void must_fail_by_race_of_relaxed_message(void) {
  setup();
  int sender = model_go(send_relaxed, NULL);
  if (load_acquire(s.word)) MODEL_CHECK(*s.data == 1);
  model_join(sender);
}
static void must_fail_by_race_of_relaxed_reader(void) {
  setup();
  int sender = model_go(send_release, NULL);
  if (load_relaxed(s.word)) MODEL_CHECK(*s.data == 1);
  model_join(sender);
}

// Two relaxed stores seen in the wrong order: needs a stale read.
static void store_both(void *unused) {
  (void)unused;
  store_relaxed(s.word, 1);
  store_relaxed(s.other, 1);
}
static void must_fail_by_stale_read(void) {
  setup();
  int writer = model_go(store_both, NULL);
  if (load_relaxed(s.other)) MODEL_CHECK(load_relaxed(s.word) == 1);
  model_join(writer);
}
static void a_location_is_never_read_backwards(void) {
  setup();
  int writer = model_go(store_both, NULL);
  uint32_t first = load_relaxed(s.word);
  MODEL_CHECK(load_relaxed(s.word) >= first);
  model_join(writer);
}

static void add_one(void *unused) {
  (void)unused;
  add_relaxed(s.word, 1);
}
static void additions_add_up(void) {
  setup();
  int a = model_go(add_one, NULL), b = model_go(add_one, NULL);
  model_join(a);
  model_join(b);
  MODEL_CHECK(load_relaxed(s.word) == 2);
}
static void add_by_halves(void *unused) {
  (void)unused;
  store_relaxed(s.word, load_relaxed(s.word) + 1);
}
static void must_fail_by_lost_update(void) {
  setup();
  int a = model_go(add_by_halves, NULL), b = model_go(add_by_halves, NULL);
  model_join(a);
  model_join(b);
  MODEL_CHECK(load_relaxed(s.word) == 2);
}

static void set_if_word(void *unused) {
  (void)unused;
  if (load_relaxed(s.word)) model_set(s.flag);
}
static void must_fail_by_lost_wake(void) {
  setup();
  model_go(set_if_word, NULL);
  store_relaxed(s.word, 1);
  model_wait(s.flag);
}

static void touch_word(void *unused) {
  (void)unused;
  add_relaxed(s.word, 1);
}
static void must_fail_by_use_after_free(void) {
  setup();
  model_go(touch_word, NULL);
  model_free(s.word);
}
static void must_fail_by_unordered_free(void) {
  setup();
  model_go(touch_word, NULL);
  if (load_relaxed(s.word)) model_free(s.word);
}
static void free_after_join(void) {
  setup();
  model_join(model_go(touch_word, NULL));
  model_free(s.word);
}

static void must_fail_by_livelock(void) {
  setup();
  while (!load_relaxed(s.word)) {
  }
}

const struct model_program model_self_programs[] = {
    MODEL_ENTRY(message_arrives, 0),
    MODEL_ENTRY(must_fail_by_race_of_relaxed_message, 0),
    MODEL_ENTRY(must_fail_by_race_of_relaxed_reader, 0),
    MODEL_ENTRY(must_fail_by_stale_read, 0),
    MODEL_ENTRY(a_location_is_never_read_backwards, 0),
    MODEL_ENTRY(additions_add_up, 0),
    MODEL_ENTRY(must_fail_by_lost_update, 0),
    MODEL_ENTRY(must_fail_by_lost_wake, 0),
    MODEL_ENTRY(must_fail_by_use_after_free, 0),
    MODEL_ENTRY(must_fail_by_unordered_free, 0),
    MODEL_ENTRY(free_after_join, 0),
    MODEL_ENTRY(must_fail_by_livelock, 0),
    {NULL, NULL, 0},
};
