// What atomic operations read, and what happens before what.
//
// Time is a vector clock per thread; each atomic operation is one tick. A store carries the clocks
// that a reader with acquire order joins to its own: the writer's, if it stored with release order,
// and for a read-modify-write also those of the store it replaced (the release sequence).
//
// Every atomic location keeps its stores in modification order, which is the order they were made
// in. A load may return any store that is not older than one which the thread knows of: one it has
// read or made itself, or one that somebody read or made before something that happens before this
// load. A read-modify-write reads the newest. A compare-and-swap that fails is a load.
//
// Plain accesses are checked against a shadow of each byte: its last write and each thread's last
// read.
//
// Each thread keeps a hash of its part of the execution graph: a load is hashed with the store it
// reads from, a store with the one before it in modification order, so equal hashes of all threads
// mean equal graphs, and equal states.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

enum {
  ARENA_SIZE = 8192,  // each thread's own, so that addresses do not depend on the schedule
  GRANULE = 8,
  GRANULES = MODEL_THREADS * ARENA_SIZE / GRANULE,
  OBJECTS = 100,
  LOCATIONS = 200,
  POOL = 8192,
  SITES = 400,
};

struct byte {  // one byte of memory as plain accesses have left it
  model_clock write, reads[MODEL_THREADS];
  uint8_t writer;
  uint32_t write_at, read_at[MODEL_THREADS];  // code addresses, for reports
};
struct granule {
  uint32_t execution;  // all below is void unless it is the current one
  uint8_t object;
  uint8_t location[GRANULE / 2];  // number + 1 of the atomic that lies here
};
struct object {
  uintptr_t start;
  size_t size;
  const char *name;
  bool freed;
  int freed_by;
};
struct store {
  uint64_t value, hash;
  uint16_t older, number;  // older: index in the pool; number: in modification order
  model_clock message[MODEL_THREADS];
};
struct sighting {  // at |time| its thread came to know the store |number|
  model_clock time;
  uint16_t number, earlier;
};
struct location {
  uintptr_t at;
  unsigned size;
  uint16_t newest;                    // store
  uint16_t sightings[MODEL_THREADS];  // newest first
  model_clock reads[MODEL_THREADS], writes[MODEL_THREADS];
  bool overwritten;  // by a plain write since
};

static _Alignas(64) unsigned char arena[MODEL_THREADS][ARENA_SIZE];
static size_t arena_used[MODEL_THREADS];
static struct granule granules[GRANULES];
static struct byte bytes[GRANULES][GRANULE];
static struct object objects[OBJECTS];
static struct location locations[LOCATIONS];
static struct store stores[POOL];
static struct sighting sightings[POOL];
static unsigned object_count, location_count, store_count, sighting_count;

// --- sites ---------------------------------------------------------------------------------------

static struct model_site *sites[SITES], *first_of[SITES];
static uint32_t reached[SITES];  // the exploration that last came by
static int site_count, distinct_count;
static uint32_t exploration;
static struct {
  const struct model_site *site;
  unsigned order, failure_order;
} weakened;

static bool same_site(const struct model_site *a, const struct model_site *b) {
  return a->line == b->line && !strcmp(a->file, b->file) && !strcmp(a->operation, b->operation);
}
static void set_orders(struct model_site *site) {
  bool weak = weakened.site && same_site(site, weakened.site);
  site->weak = (unsigned char)(weak ? weakened.order : site->order);
  site->weak_failure = (unsigned char)(weak ? weakened.failure_order : site->failure_order);
}
static void meet(struct model_site *site) {
  if (!site->known) {
    if (site_count == SITES) abort();
    site->number = distinct_count;
    for (int i = 0; i < distinct_count; i++)
      if (same_site(first_of[i], site)) site->number = i;
    if (site->number == distinct_count) first_of[distinct_count++] = site;
    sites[site_count++] = site;
    site->known = true;
    set_orders(site);
  }
  reached[site->number] = exploration;
}
int model_site_count(void) { return distinct_count; }
struct model_site *model_site_at(int number, bool *out_reached) {
  if (out_reached) *out_reached = reached[number] == exploration;
  return first_of[number];
}
void model_weaken(const struct model_site *site, unsigned order, unsigned failure_order) {
  weakened.site = site;
  weakened.order = order;
  weakened.failure_order = failure_order;
  for (int i = 0; i < site_count; i++) set_orders(sites[i]);
}
void model_memory_explore(void) { exploration++; }

// --- reports -------------------------------------------------------------------------------------

static bool in_arena(uintptr_t address) {
  return address >= (uintptr_t)arena && address < (uintptr_t)arena + sizeof arena;
}
static struct granule *granule_of(uintptr_t address) {
  struct granule *granule = &granules[(address - (uintptr_t)arena) / GRANULE];
  if (granule->execution != model_execution) {
    memset(granule, 0, sizeof *granule);
    memset(bytes[granule - granules], 0, sizeof bytes[0]);
    granule->execution = model_execution;
  }
  return granule;
}
static struct byte *byte_of(uintptr_t address) {
  return &bytes[granule_of(address) - granules][address % GRANULE];
}

const char *model_name(uintptr_t address) {
  static char texts[4][80];
  static int next;
  char *text = texts[next++ % 4];
  unsigned index = in_arena(address) ? granule_of(address)->object : 0;
  if (index) {
    const struct object *object = &objects[index - 1];
    snprintf(text, sizeof texts[0], "%s+%zu", object->name, (size_t)(address - object->start));
  } else {
    snprintf(text, sizeof texts[0], "%#zx", (size_t)address);
  }
  return text;
}

// The source line of a code address, by the binutils if they are there.
static const char *source(uintptr_t where) {
  static char texts[4][160];
  static int next;
  char *text = texts[next++ % 4], command[128];
  snprintf(text, sizeof texts[0], "%#zx", (size_t)where);
  snprintf(command, sizeof command, "addr2line -s -f -e /proc/%d/exe %#zx 2>/dev/null",
           (int)getpid(), (size_t)where - 1);
  FILE *pipe = popen(command, "r");
  if (!pipe) return text;
  char function[80], line[60];
  if (fscanf(pipe, "%79s %59s", function, line) == 2)
    snprintf(text, sizeof texts[0], "%s (%s)", line, function);
  pclose(pipe);
  return text;
}

static _Noreturn void fail_race(uintptr_t address, const char *ours, uintptr_t our_code,
                                const char *theirs, int thread, uintptr_t their_code) {
  model_fail("race on %s: %s by thread %d%s%s, not ordered after %s by thread %d%s%s",
             model_name(address), ours, model_current, our_code ? " at " : "",
             our_code ? source(our_code) : "", theirs, thread, their_code ? " at " : "",
             their_code ? source(their_code) : "");
}
static void check_alive(uintptr_t address, unsigned size, const char *what, uintptr_t where) {
  for (uintptr_t at = address; at < address + size; at++) {
    unsigned index = in_arena(at) ? granule_of(at)->object : 0;
    const struct object *object = index ? &objects[index - 1] : NULL;
    if (object && at < object->start + object->size && !object->freed) continue;
    if (object && object->freed)
      model_fail("use after free: %s of %s by thread %d%s%s (thread %d freed it)", what,
                 model_name(at), model_current, where ? " at " : "", where ? source(where) : "",
                 object->freed_by);
    model_fail("%s of memory that is in no object (%#zx) by thread %d%s%s", what, (size_t)at,
               model_current, where ? " at " : "", where ? source(where) : "");
  }
}

// --- objects -------------------------------------------------------------------------------------

void model_memory_reset(void) {
  object_count = location_count = 0;
  store_count = sighting_count = 1;  // 0: none
  memset(arena_used, 0, sizeof arena_used);
}

void *model_new(size_t size, const char *name) {
  size_t *used = &arena_used[model_current];
  size_t rounded = (size + 15) / 16 * 16;
  if (*used + rounded > ARENA_SIZE || object_count == OBJECTS) model_fail("out of model memory");
  unsigned char *memory = arena[model_current] + *used;
  *used += rounded + 16;
  memset(memory, 0, rounded);
  objects[object_count++] = (struct object){(uintptr_t)memory, size, name, false, 0};
  for (size_t i = 0; i < rounded; i += GRANULE)
    granule_of((uintptr_t)memory + i)->object = (uint8_t)object_count;
  return memory;
}

static struct location *location_in(uintptr_t address) {
  unsigned index = granule_of(address)->location[address % GRANULE / 2];
  return index ? &locations[index - 1] : NULL;
}

void model_free(void *pointer) {
  uintptr_t start = (uintptr_t)pointer;
  struct model_thread_view *view = &model_views[model_current];
  check_alive(start, 1, "free", 0);
  struct object *object = &objects[granule_of(start)->object - 1];
  for (uintptr_t at = start; at < start + object->size; at++) {
    const struct byte *byte = byte_of(at);
    const struct location *location = location_in(at);
    for (int i = 0; i < MODEL_THREADS; i++) {
      if (byte->write > view->clock[i] && byte->writer == i)
        fail_race(at, "free", 0, "write", i, byte->write_at);
      if (byte->reads[i] > view->clock[i]) fail_race(at, "free", 0, "read", i, byte->read_at[i]);
      if (location && location->writes[i] > view->clock[i])
        fail_race(at, "free", 0, "atomic write", i, 0);
      if (location && location->reads[i] > view->clock[i])
        fail_race(at, "free", 0, "atomic read", i, 0);
    }
  }
  if (model_tracing) model_trace("free %s", object->name);
  object->freed = true;
  object->freed_by = model_current;
  memset(pointer, 0xdb, object->size);
  view->hash = model_mix(view->hash, 77 + (uint64_t)(object - objects));
}

// --- plain accesses ------------------------------------------------------------------------------

void model_plain(uintptr_t address, unsigned size, bool write, uintptr_t where) {
  if (model_current < 0 || model_on_own_stack(address)) return;
  if (!in_arena(address)) {
    if (model_on_any_stack(address))
      model_fail("thread %d uses another's stack at %s: model_new() is for what threads share",
                 model_current, source(where));
    if (write && !model_alone())
      model_fail(
          "thread %d writes to unchecked memory at %s: model_new() is for what threads share",
          model_current, source(where));
    return;
  }
  const char *what = write ? "write" : "read";
  check_alive(address, size, what, where);
  struct model_thread_view *view = &model_views[model_current];
  model_clock now = view->clock[model_current];
  for (uintptr_t at = address; at < address + size; at++) {
    struct byte *byte = byte_of(at);
    if (byte->write > view->clock[byte->writer])
      fail_race(at, what, where, "write", byte->writer, byte->write_at);
    struct location *location = location_in(at);
    for (int i = 0; i < MODEL_THREADS; i++) {
      if (write && byte->reads[i] > view->clock[i])
        fail_race(at, what, where, "read", i, byte->read_at[i]);
      if (location && location->writes[i] > view->clock[i])
        fail_race(at, what, where, "atomic write", i, 0);
      if (location && write && location->reads[i] > view->clock[i])
        fail_race(at, what, where, "atomic read", i, 0);
    }
    if (write) {
      byte->write = now;
      byte->writer = (uint8_t)model_current;
      byte->write_at = (uint32_t)where;
      if (location) location->overwritten = true;
    } else {
      byte->reads[model_current] = now;
      byte->read_at[model_current] = (uint32_t)where;
    }
  }
}

// --- atomic operations ---------------------------------------------------------------------------

static uint64_t memory_read(uintptr_t at, unsigned size) {
  uint64_t value = 0;
  memcpy(&value, (const void *)at, size);  // little endian, as all hosts of this test are
  return value;
}
static void memory_write(uintptr_t at, unsigned size, uint64_t value) {
  memcpy((void *)at, &value, size);
}

static struct store *new_store(struct location *location, uint64_t value) {
  if (store_count == POOL) model_fail("too many stores");
  struct store *store = &stores[store_count];
  store->value = value;
  store->older = location->newest;
  store->number = (uint16_t)(stores[location->newest].number + 1);
  location->newest = (uint16_t)store_count++;
  return store;
}
static void restart_history(struct location *location) {
  location->newest = 0;
  struct store *first = new_store(location, memory_read(location->at, location->size));
  first->number = 1;
  memset(first->message, 0, sizeof first->message);
  first->hash = model_mix(location->at - (uintptr_t)arena, first->value);
  memset(location->sightings, 0, sizeof location->sightings);
  location->overwritten = false;
}

static struct location *find_location(uintptr_t at, unsigned size) {
  struct location *location = location_in(at);
  if (location) {
    if (location->at != at || location->size != size) model_fail("atomics that overlap");
    if (location->overwritten) restart_history(location);
    return location;
  }
  if (location_count == LOCATIONS) model_fail("too many atomics");
  location = &locations[location_count++];
  memset(location, 0, sizeof *location);
  location->at = at;
  location->size = size;
  for (unsigned i = 0; i < size; i += 2)
    granule_of(at + i)->location[(at + i) % GRANULE / 2] = (uint8_t)location_count;
  restart_history(location);
  return location;
}

// All checks of an atomic access.
static struct location *check(const void *pointer, unsigned size, bool write) {
  uintptr_t at = (uintptr_t)pointer;
  check_alive(at, size, "atomic access", 0);
  struct location *location = find_location(at, size);
  const model_clock *clock = model_views[model_current].clock;
  for (uintptr_t each = at; each < at + size; each++) {
    const struct byte *byte = byte_of(each);
    if (byte->write > clock[byte->writer])
      fail_race(at, "atomic access", 0, "write", byte->writer, byte->write_at);
    for (int i = 0; write && i < MODEL_THREADS; i++)
      if (byte->reads[i] > clock[i]) fail_race(at, "atomic write", 0, "read", i, byte->read_at[i]);
  }
  return location;
}
static struct location *begin(const void *pointer, unsigned size, bool write) {
  model_step();
  return check(pointer, size, write);
}
static void end(void) { model_views[model_current].clock[model_current]++; }

// The oldest store that the current thread may still read.
static unsigned floor_of(const struct location *location) {
  const model_clock *clock = model_views[model_current].clock;
  unsigned number = 0;
  for (int i = 0; i < MODEL_THREADS; i++) {
    unsigned s = location->sightings[i];
    while (s && sightings[s].time > clock[i]) s = sightings[s].earlier;
    if (s && sightings[s].number > number) number = sightings[s].number;
  }
  return number;
}
static void sight(struct location *location, const struct store *store) {
  unsigned known = location->sightings[model_current];
  if (known && sightings[known].number >= store->number) return;
  if (sighting_count == POOL) model_fail("too many stores");
  sightings[sighting_count] = (struct sighting){model_views[model_current].clock[model_current],
                                                store->number, (uint16_t)known};
  location->sightings[model_current] = (uint16_t)sighting_count++;
}

// The store that a load reads; |cas|: one whose value is not |expected|, or the newest.
static struct store *pick(struct location *location, bool cas, uint64_t expected) {
  struct store *candidates[16];
  int count = 0;
  candidates[count++] = &stores[location->newest];
  if (model_stale_left > 0) {
    unsigned oldest = floor_of(location);
    for (unsigned s = stores[location->newest].older; s && count < 16; s = stores[s].older) {
      if (stores[s].number < oldest) break;
      if (!cas || stores[s].value != expected) candidates[count++] = &stores[s];
    }
  }
  int choice = model_choose(count);
  if (choice) model_stale_left--;
  return candidates[choice];
}

static void read_from(struct location *location, const struct store *store, unsigned order) {
  struct model_thread_view *view = &model_views[model_current];
  sight(location, store);
  location->reads[model_current] = view->clock[model_current];
  if (order & MODEL_ACQUIRE) model_join_clock(view->clock, store->message);
  view->hash = model_mix(view->hash, store->hash);
}
// |replaced|: the store that a read-modify-write has read, or NULL.
static void write_to(struct location *location, const struct store *replaced, uint64_t value,
                     unsigned order) {
  struct model_thread_view *view = &model_views[model_current];
  uint64_t before = stores[location->newest].hash;
  struct store *store = new_store(location, value);
  if (replaced) {
    memcpy(store->message, replaced->message, sizeof store->message);
  } else {
    memset(store->message, 0, sizeof store->message);
  }
  if (order & MODEL_RELEASE) model_join_clock(store->message, view->clock);
  store->hash = view->hash = model_mix(model_mix(view->hash, before), 5);
  sight(location, store);
  location->writes[model_current] = view->clock[model_current];
  memory_write(location->at, location->size, value);
}

static void trace(const struct model_site *site, const void *at, uint64_t found, uint64_t value,
                  const char *note) {
  if (!model_tracing) return;
  const char *file = strrchr(site->file, '/');
  model_trace("%-19s %-22s %#llx -> %#llx%s   %s:%d %s", site->operation, model_name((uintptr_t)at),
              (unsigned long long)found, (unsigned long long)value, note,
              file ? file + 1 : site->file, site->line, site->function);
}

uint64_t model_load(struct model_site *site, const void *at, unsigned size) {
  meet(site);
  struct location *location = begin(at, size, false);
  struct store *store = pick(location, false, 0);
  read_from(location, store, site->weak);
  trace(site, at, store->value, store->value, store != &stores[location->newest] ? " (stale)" : "");
  end();
  return store->value;
}

void model_store(struct model_site *site, void *at, unsigned size, uint64_t value) {
  meet(site);
  struct location *location = begin(at, size, true);
  trace(site, at, stores[location->newest].value, value, "");
  write_to(location, NULL, value, site->weak);
  end();
}

uint64_t model_rmw(struct model_site *site, void *at, unsigned size, enum model_rmw operation,
                   uint64_t operand) {
  meet(site);
  struct location *location = begin(at, size, true);
  const struct store *old = &stores[location->newest];
  uint64_t value = operand, mask = size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * size) - 1;
  if (operation == MODEL_ADD) value = old->value + operand;
  if (operation == MODEL_SUB) value = old->value - operand;
  if (operation == MODEL_OR) value = old->value | operand;
  if (operation == MODEL_AND) value = old->value & operand;
  read_from(location, old, site->weak);
  write_to(location, old, value & mask, site->weak);
  trace(site, at, old->value, value & mask, "");
  end();
  return old->value;
}

bool model_cas(struct model_site *site, void *at, unsigned size, uint64_t expected,
               uint64_t desired, uint64_t *out_found) {
  meet(site);
  struct location *location = begin(at, size, true);
  const struct store *old = pick(location, true, expected);
  *out_found = old->value;
  bool done = old->value == expected;
  read_from(location, old, done ? site->weak : site->weak_failure);
  if (done) write_to(location, old, desired, site->weak);
  trace(site, at, old->value, done ? desired : old->value, done ? "" : " (failed)");
  end();
  return done;
}

// --- the explorer's own operations ---------------------------------------------------------------

static void trace_own(const char *what, const void *at) {
  if (model_tracing) model_trace("%-19s %s", what, model_name((uintptr_t)at));
}

void model_push(uintptr_t *stack, uintptr_t first, uintptr_t *last_link) {
  model_plain((uintptr_t)last_link, sizeof *last_link, true,
              (uintptr_t)__builtin_return_address(0));
  struct location *location = begin(stack, sizeof *stack, true);
  const struct store *old = &stores[location->newest];
  *last_link = (uintptr_t)old->value;
  read_from(location, old, MODEL_RELAXED);
  write_to(location, old, first, MODEL_RELEASE);
  trace_own("push", stack);
  end();
}
uintptr_t model_take(uintptr_t *stack) {
  model_step_nonzero(stack);
  struct location *location = check(stack, sizeof *stack, true);
  const struct store *old = &stores[location->newest];
  read_from(location, old, MODEL_ACQUIRE);
  write_to(location, old, 0, MODEL_RELAXED);
  trace_own("take", stack);
  end();
  return (uintptr_t)old->value;
}
void model_set(uintptr_t *flag) {
  struct location *location = begin(flag, sizeof *flag, true);
  trace_own("set", flag);
  write_to(location, NULL, 1, MODEL_RELEASE);
  end();
}
void model_wait(uintptr_t *flag) {
  model_step_nonzero(flag);
  struct location *location = check(flag, sizeof *flag, false);
  read_from(location, &stores[location->newest], MODEL_ACQUIRE);
  trace_own("has waited for", flag);
  end();
}
