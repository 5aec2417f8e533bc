// Descriptors are what is scarce here, and this is how they can neither run out nor deadlock.
//
// A directory that is open holds a slot, which stands for its two descriptors. Slots are permits of
// a semaphore. Who needs one takes a free one, or closes the open directory that has been idle for
// longest and takes over its slot, or waits. While somebody waits, a directory that becomes idle is
// closed at once instead of being kept.
//
// INV-1  A walker holds at most one slot (its directory's parent) while it waits for another.
// INV-2  A task for an entry waits for no slot: its directory was pinned for it, and a task ends
//        without waiting for walkers.
// So with more slots than walkers somebody can always go on: slots that no waiting walker holds
// belong to idle directories, which are taken over, or to tasks, which end.
//
// Opening a directory again starts at its nearest open ancestor (the root is always open) and goes
// down one name at a time. What is opened must be the same inode as before, so that a tree that is
// being changed under the walk can't lead it elsewhere. The directories on the way stay open as
// idle ones; since those that were passed last are kept longest, coming back up a deep tree opens
// each ancestor once for as many levels as there are slots.
#include "walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- idle directories and slots ------------------------------------------------------------------

static void idle_append(walk *walk, directory *directory) {
  directory->idle = true;
  directory->newer = NULL;
  directory->older = walk->newest;
  *(walk->newest != NULL ? &walk->newest->newer : &walk->oldest) = directory;
  walk->newest = directory;
}

static void idle_remove(walk *walk, directory *directory) {
  *(directory->older != NULL ? &directory->older->newer : &walk->oldest) = directory->newer;
  *(directory->newer != NULL ? &directory->newer->older : &walk->newest) = directory->older;
  directory->idle = false;
}

// Under the lock: takes the descriptors out of |directory|, for closing without the lock.
static void shut(directory *directory, rouse_fd out_fd[SIDES]) {
  for (int side = 0; side < SIDES; side++) {
    out_fd[side] = directory->fd[side];
    directory->fd[side] = -1;
  }
  directory->open = false;
}

static void close_both(const rouse_fd fd[SIDES]) {
  file_close(fd[SOURCE]);
  file_close(fd[TARGET]);
}

static void take_slot(walk *walk) {
  if (rouse_semaphore_try_acquire(&walk->slots, 1) == ROUSE_DONE) return;
  rouse_fd fd[SIDES];
  rouse_mutex_lock(&walk->lock);
  directory *victim = walk->oldest;
  if (victim != NULL) {
    idle_remove(walk, victim);
    shut(victim, fd);
    rouse_mutex_unlock(&walk->lock);
    close_both(fd);
    return;
  }
  walk->slot_waiters++;
  rouse_mutex_unlock(&walk->lock);
  rouse_semaphore_acquire(&walk->slots, 1);
  rouse_mutex_lock(&walk->lock);
  walk->slot_waiters--;
  rouse_mutex_unlock(&walk->lock);
}

static void give_slot(walk *walk) { rouse_semaphore_release(&walk->slots, 1); }

// --- references and pins -------------------------------------------------------------------------

void walk_hold(walk *walk, directory *directory) {
  rouse_mutex_lock(&walk->lock);
  directory->references++;
  rouse_mutex_unlock(&walk->lock);
}

void walk_drop(walk *walk, directory *directory) {
  while (directory != NULL) {
    rouse_fd fd[SIDES] = {-1, -1};
    rouse_mutex_lock(&walk->lock);
    bool last = --directory->references == 0;
    bool had_slot = last && directory->open && directory->parent != NULL;
    if (last && directory->idle) idle_remove(walk, directory);
    if (last && directory->open) shut(directory, fd);
    rouse_mutex_unlock(&walk->lock);
    if (!last) return;
    close_both(fd);
    if (had_slot) give_slot(walk);
    struct directory *parent = directory->parent;
    free(directory);
    directory = parent;
  }
}

// Under the lock: gives up a pin. True: |out_fd| is to be closed and its slot given back.
static bool unpin(walk *walk, directory *directory, rouse_fd out_fd[SIDES]) {
  if (--directory->pins > 0) return false;
  if (walk->slot_waiters == 0) {
    idle_append(walk, directory);
    return false;
  }
  shut(directory, out_fd);
  return true;
}

static void unpin_end(walk *walk, bool closing, const rouse_fd fd[SIDES]) {
  if (!closing) return;
  close_both(fd);
  give_slot(walk);
}

void walk_unpin(walk *walk, directory *directory) {
  rouse_fd fd[SIDES];
  rouse_mutex_lock(&walk->lock);
  bool closing = unpin(walk, directory, fd);
  rouse_mutex_unlock(&walk->lock);
  unpin_end(walk, closing, fd);
}

// Pins |directory| if it is open.
static bool pin_open(walk *walk, directory *directory) {
  rouse_mutex_lock(&walk->lock);
  bool open = directory->open;
  if (open && directory->pins++ == 0) idle_remove(walk, directory);
  rouse_mutex_unlock(&walk->lock);
  return open;
}

// Opens one side of |directory| below its parent, which is pinned, and compares.
static rouse_fd open_again(directory *directory, enum side side, open_as as) {
  rouse_fd fd = file_open_now(directory->parent->fd[side], directory->name, as);
  if (fd < 0) return fd;
  file_status status;
  int result = file_status_of(fd, &status);
  if (result == 0 && !identity_equal(status.identity, directory->identity[side])) {
    result = ROUSE_ESTALE;
  }
  if (result == 0) return fd;
  file_close(fd);
  return result;
}

// Opens and pins |directory|, whose parent is pinned.
static int pin_below(walk *walk, directory *directory) {
  if (pin_open(walk, directory)) return 0;
  take_slot(walk);
  rouse_mutex_lock(&walk->lock);
  bool left = directory->left;
  rouse_mutex_unlock(&walk->lock);
  rouse_fd fd[SIDES] = {-1, -1};
  fd[SOURCE] = open_again(directory, SOURCE, OPEN_PLACE);
  int result = fd[SOURCE] < 0 ? fd[SOURCE] : 0;
  if (result == 0 && walk->two_sided) {
    // Once it is left its attributes are not touched again, and it may not be readable any more.
    fd[TARGET] = open_again(directory, TARGET, left ? OPEN_PLACE : OPEN_LISTING);
    if (fd[TARGET] < 0) result = fd[TARGET];
  }
  bool mine = false;
  if (result == 0) {
    rouse_mutex_lock(&walk->lock);
    mine = !directory->open;  // else somebody else was quicker
    if (mine) {
      memcpy(directory->fd, fd, sizeof fd);
      directory->open = true;
    } else if (directory->pins == 0) {
      idle_remove(walk, directory);
    }
    directory->pins++;
    rouse_mutex_unlock(&walk->lock);
  }
  if (!mine) {
    close_both(fd);
    give_slot(walk);
  }
  return result;
}

int walk_pin(walk *walk, directory *target) {
  if (pin_open(walk, target)) return 0;
  // The closed ones, deepest first. The depths say how many there can be.
  directory **chain = system_allocate((target->depth + 1) * sizeof *chain);
  uint32_t length = 0;
  directory *at = target;
  do {
    chain[length++] = at;
    at = at->parent;
  } while (!pin_open(walk, at));
  int result = 0;
  while (length > 0 && result == 0) {
    directory *below = chain[--length];
    result = pin_below(walk, below);
    walk_unpin(walk, at);
    at = below;
  }
  free(chain);
  return result;
}

// --- being done ----------------------------------------------------------------------------------

void walk_owe(walk *walk, directory *directory) {
  rouse_mutex_lock(&walk->lock);
  directory->pending++;
  rouse_mutex_unlock(&walk->lock);
}

void walk_paid(walk *walk, directory *directory) {
  rouse_fd fd[SIDES];
  rouse_mutex_lock(&walk->lock);
  // Whoever is not the last to pay gives up his pin in the same step, for the last frees the
  // directory; so the last one finds no other pins.
  bool last = --directory->pending == 0;
  bool closing = !last && unpin(walk, directory, fd);
  rouse_mutex_unlock(&walk->lock);
  unpin_end(walk, closing, fd);
  if (!last) return;
  walk->operations->leave(walk, directory);
  rouse_mutex_lock(&walk->lock);
  directory->left = true;
  closing = unpin(walk, directory, fd);
  rouse_mutex_unlock(&walk->lock);
  unpin_end(walk, closing, fd);
  walk_drop(walk, directory);
}

void walk_abandon(walk *walk, directory *directory) {
  rouse_mutex_lock(&walk->lock);
  bool last = --directory->pending == 0;
  if (last) directory->left = true;
  rouse_mutex_unlock(&walk->lock);
  if (last) walk_drop(walk, directory);
}

uint32_t walk_loop_here(const walk *walk) {
  uint32_t index = 0;
  while (index + 1 < walk->loops && rouse_run_loop(index) != rouse_loop_here()) index++;
  return index;
}

// --- entries -------------------------------------------------------------------------------------

static int64_t entry_main(void *argument) {
  entry *entry = argument;
  walk *walk = entry->walk;
  walk->operations->handle(walk, entry);
  walk_paid(walk, entry->directory);
  // RELAXED: a hint for spreading tasks.
  atomic_fetch_sub_explicit(&walk->load[entry->loop], 1, memory_order_relaxed);
  // Last: whoever has all permits knows that only looking after the tasks is left to do.
  rouse_semaphore_release(walk->in_flight, 1);
  return 0;
}

// A task whose stack can't be had ends without having run, and nothing that it holds would ever be
// given back. So whoever starts another looks at two of the tasks that were started before, and
// whoever waits looks at all of them now and then. What did not run is run there.

// Under the lock.
static void started_append(walk *walk, entry *entry) {
  entry->next = NULL;
  *(walk->started != NULL ? &walk->started_last->next : &walk->started) = entry;
  walk->started_last = entry;
}

// Under the lock: takes out what has ended of the first |most|, and puts the others behind.
static entry *started_take(walk *walk, uint64_t most) {
  entry *ended = NULL, *last = walk->started_last;
  for (; most > 0 && walk->started != NULL; most--) {
    entry *first = walk->started;
    walk->started = first->next;
    if (rouse_task_is_done(first->task)) {
      first->next = ended;
      ended = first;
    } else {
      started_append(walk, first);
    }
    if (first == last) break;  // once round
  }
  return ended;
}

static void started_end(entry *ended) {
  while (ended != NULL) {
    entry *entry = ended;
    ended = entry->next;
    int64_t result = 0;
    rouse_task_join(entry->task, &result);
    if (result == ROUSE_ENOMEM) entry_main(entry);
    free(entry);
  }
}

static void acquire_permits(walk *walk, uint32_t permits) {
  enum { PATIENCE_NS = 100 * 1000 * 1000 };
  if (rouse_semaphore_try_acquire(walk->in_flight, permits) == ROUSE_DONE) return;
  while (rouse_semaphore_acquire_until(walk->in_flight, permits, rouse_now_ns() + PATIENCE_NS) ==
         ROUSE_ETIMEDOUT) {
    rouse_mutex_lock(&walk->lock);
    entry *ended = started_take(walk, UINT64_MAX);
    rouse_mutex_unlock(&walk->lock);
    started_end(ended);
  }
}

void walk_await_entries(walk *walk, uint32_t permits) {
  acquire_permits(walk, permits);
  rouse_semaphore_release(walk->in_flight, permits);
  entry *all = walk->started;
  walk->started = NULL;
  started_end(all);
}

// The calling loop if it has little more to do than the one with the least, else that one: a task
// that stays needs no hand-over, and directories that stay on one loop are not fought over.
static uint32_t choose_loop(walk *walk) {
  uint32_t best = 0, here = walk_loop_here(walk);
  uint32_t least = UINT32_MAX;
  for (uint32_t index = 0; index < walk->loops; index++) {
    // RELAXED: a hint.
    uint32_t load = atomic_load_explicit(&walk->load[index], memory_order_relaxed);
    if (load < least) {
      least = load;
      best = index;
    }
  }
  // RELAXED: a hint.
  uint32_t mine = atomic_load_explicit(&walk->load[here], memory_order_relaxed);
  return mine <= 2 * least + 8 ? here : best;
}

static entry *make_entry(walk *walk, directory *directory, const char *name,
                         const char *target_name, file_kind kind) {
  size_t size = strlen(name) + 1;
  size_t target_size = target_name == NULL ? 0 : strlen(target_name) + 1;
  entry *entry = system_allocate(sizeof *entry + size + target_size);
  *entry = (struct entry){.walk = walk, .directory = directory, .kind = kind};
  memcpy(entry->name, name, size);
  entry->target_name = entry->name;
  if (target_name != NULL)
    entry->target_name = memcpy(entry->name + size, target_name, target_size);
  return entry;
}

void walk_start_entry(walk *walk, directory *directory, const char *name, const char *target_name,
                      file_kind kind) {
  entry *entry = make_entry(walk, directory, name, target_name, kind);
  if (walk->operations->in_place) {
    walk->operations->handle(walk, entry);
    free(entry);
    return;
  }
  // The memory of a whole directory's entries is never needed at once: the listing waits here.
  acquire_permits(walk, 1);
  if (walk_stopped(walk)) {
    rouse_semaphore_release(walk->in_flight, 1);
    free(entry);
    return;
  }
  counter_raise(&walk->report->in_flight_most, rouse_semaphore_in_use(walk->in_flight));
  rouse_mutex_lock(&walk->lock);
  directory->pins++;
  directory->pending++;
  rouse_mutex_unlock(&walk->lock);
  entry->loop = choose_loop(walk);
  // RELAXED: a hint.
  atomic_fetch_add_explicit(&walk->load[entry->loop], 1, memory_order_relaxed);
  rouse_loop *loop = rouse_run_loop(entry->loop);
  if (rouse_task_spawn(&entry->task, loop, entry_main, entry) != ROUSE_DONE) {
    entry_main(entry);  // no memory for a task: the listing does it
    free(entry);
    return;
  }
  rouse_mutex_lock(&walk->lock);
  started_append(walk, entry);
  struct entry *ended = started_take(walk, 2);
  rouse_mutex_unlock(&walk->lock);
  started_end(ended);
}

// --- directories ---------------------------------------------------------------------------------

static directory *make_directory(walk *walk, directory *parent, const char *name) {
  size_t size = strlen(name) + 1;
  directory *made = system_allocate(sizeof *made + size);
  memset(made, 0, sizeof *made);
  memcpy(made->name, name, size);
  made->parent = parent;
  made->references = 1;
  made->pending = 1;  // the listing
  made->depth = parent == NULL ? 0 : parent->depth + 1;
  made->fd[SOURCE] = made->fd[TARGET] = -1;
  if (parent != NULL) {
    rouse_mutex_lock(&walk->lock);
    parent->references++;
    parent->pending++;
    rouse_mutex_unlock(&walk->lock);
  }
  return made;
}

// Puts |first|, a list of |count| directories, on the stack.
static void push(walk *walk, directory *first, uint32_t count) {
  if (count == 0) return;
  directory *last = first;
  while (last->next != NULL) last = last->next;
  rouse_mutex_lock(&walk->lock);
  last->next = walk->stack;
  walk->stack = first;
  walk->outstanding += count;
  rouse_mutex_unlock(&walk->lock);
  rouse_semaphore_release(&walk->ready, count);
}

struct batch {
  rouse_fd fd;
  void *buffer;
};

static int64_t read_batch(void *argument) {
  struct batch *batch = argument;
  return listing_read(batch->fd, batch->buffer, false);
}

// The kind of |name| where the listing does not tell it; KIND_UNKNOWN if it was reported.
static file_kind find_kind(walk *walk, directory *directory, const char *name) {
  file_status status;
  int result = file_status_at(directory->fd[SOURCE], name, &status);
  if (result == 0) return status.kind;
  walk_failure(walk, directory, name, SOURCE, result, "cannot find out what it is");
  return KIND_UNKNOWN;
}

static void list_batch(walk *walk, directory *directory, const void *buffer, int64_t size) {
  struct directory *found = NULL;
  uint32_t count = 0;
  listing_item item;
  for (int64_t at = 0; !walk_stopped(walk) && listing_next(buffer, size, &at, &item);) {
    file_kind kind = item.kind;
    if (kind == KIND_UNKNOWN) kind = find_kind(walk, directory, item.name);
    if (kind == KIND_UNKNOWN) continue;
    if (kind == KIND_DIRECTORY) {
      struct directory *child = make_directory(walk, directory, item.name);
      child->next = found;
      found = child;
      count++;
    } else {
      walk_start_entry(walk, directory, item.name, NULL, kind);
    }
  }
  push(walk, found, count);
}

static void list(walk *walk, directory *directory) {
  struct batch batch = {directory->fd[SOURCE], system_allocate(LISTING_SIZE)};
  while (!walk_stopped(walk)) {
    int64_t size = system_call(&walk->gauges[SOURCE], read_batch, &batch);
    if (size < 0) {
      walk_failure(walk, directory, NULL, SOURCE, (int)size, "cannot list the directory");
    }
    if (size <= 0) break;
    list_batch(walk, directory, batch.buffer, size);
  }
  free(batch.buffer);
}

// Opens both sides of |child|, whose parent is pinned. Not 0: it was reported.
static int open_child(walk *walk, directory *child) {
  directory *parent = child->parent;
  rouse_fd fd = file_open(&walk->gauges[SOURCE], parent->fd[SOURCE], child->name, OPEN_LISTING);
  int result = fd < 0 ? fd : file_status_of(fd, &child->status);
  child->fd[SOURCE] = fd < 0 ? -1 : fd;
  if (result < 0) {
    walk_failure(walk, parent, child->name, SOURCE, result, "cannot open the directory");
  } else {
    child->identity[SOURCE] = child->status.identity;
    result = walk->operations->enter(walk, child);
  }
  return result;
}

// Opens |child| below its parent. Not 0: it was reported, and |child| is gone.
static int enter(walk *walk, directory *child) {
  directory *parent = child->parent;
  int result = ROUSE_ECANCELED;
  if (!walk_stopped(walk)) {
    result = walk_pin(walk, parent);
    if (result < 0) {
      walk_failure(walk, parent, child->name, SOURCE, result, "cannot find the way back to it");
    }
  }
  if (result < 0) {
    walk_abandon(walk, parent);
    walk_drop(walk, child);
    return result;
  }
  take_slot(walk);
  result = open_child(walk, child);
  if (result == 0) {
    rouse_mutex_lock(&walk->lock);
    child->open = true;
    child->pins = 1;
    rouse_mutex_unlock(&walk->lock);
  } else {
    close_both(child->fd);
    give_slot(walk);
  }
  walk_paid(walk, parent);
  if (result != 0) walk_drop(walk, child);
  return result;
}

static void visit(walk *walk, directory *directory) {
  if (directory->parent == NULL) {
    pin_open(walk, directory);
  } else if (enter(walk, directory) != 0) {
    return;
  }
  list(walk, directory);
  walk_paid(walk, directory);
}

static int64_t walker_main(void *argument) {
  walk *walk = argument;
  while (rouse_semaphore_acquire(&walk->ready, 1) == ROUSE_DONE) {
    rouse_mutex_lock(&walk->lock);
    directory *directory = walk->stack;
    walk->stack = directory->next;
    rouse_mutex_unlock(&walk->lock);
    directory->next = NULL;
    visit(walk, directory);
    rouse_mutex_lock(&walk->lock);
    bool last = --walk->outstanding == 0;
    rouse_mutex_unlock(&walk->lock);
    if (last) rouse_semaphore_close(&walk->ready);
  }
  return 0;
}

// --- the whole -----------------------------------------------------------------------------------

void walk_init(walk *walk, uint32_t slots) {
  rouse_mutex_init(&walk->lock, ROUSE_POLICY_DEFAULT);
  rouse_semaphore_init(&walk->ready, 0, ROUSE_POLICY_DEFAULT);
  rouse_semaphore_init(&walk->slots, slots, ROUSE_POLICY_DEFAULT);
}

directory *walk_make_root(walk *walk, const rouse_fd fd[SIDES]) {
  directory *root = make_directory(walk, NULL, "");
  root->references = 2;  // one is walk_finish()'s
  root->pins = 1;        // the same: it is never closed before
  root->open = true;
  memcpy(root->fd, fd, sizeof root->fd);
  for (int side = 0; side < SIDES; side++) {
    file_status status;
    if (fd[side] < 0 || file_status_of(fd[side], &status) != 0) continue;
    root->identity[side] = status.identity;
    if (side == SOURCE) root->status = status;
  }
  walk->root = root;
  return root;
}

int walk_run(walk *walk, uint32_t walkers) {
  rouse_task *tasks[WALK_LOOPS_MAX];
  uint32_t started = 0;
  int result = ROUSE_DONE;
  push(walk, walk->root, 1);
  for (uint32_t index = 0; index < walkers && index < WALK_LOOPS_MAX; index++) {
    rouse_loop *loop = rouse_run_loop(index % walk->loops);
    result = rouse_task_spawn(&tasks[started], loop, walker_main, walk);
    if (result == ROUSE_DONE) started++;
  }
  bool walked = false;
  for (uint32_t index = 0; index < started; index++) {
    int64_t outcome = 0;
    rouse_task_join(tasks[index], &outcome);
    if (outcome == 0) walked = true;
    if (outcome < 0) result = (int)outcome;  // there was no stack for it
  }
  return walked ? ROUSE_DONE : result;
}

void walk_finish(walk *walk) {
  directory *root = walk->root;
  if (root == NULL) return;
  // Idle directories that were abandoned are freed with what refers to them; the root is all that
  // the walk itself has kept.
  if (!root->left) walk_drop(walk, root);
  walk_drop(walk, root);
  walk->root = NULL;
}

// --- paths ---------------------------------------------------------------------------------------

char *walk_path(const walk *walk, const directory *directory, const char *name, enum side side) {
  const char *top = walk->path[side];
  size_t size = strlen(top) + 2 + (name == NULL ? 0 : strlen(name) + 1);
  for (const struct directory *at = directory; at != NULL; at = at->parent) {
    size += strlen(at->name) + 1;
  }
  char *path = system_allocate(size);
  char *from = path + size - 1;
  *from = 0;
  const char *part = name;
  for (const struct directory *at = directory;; at = at->parent) {
    if (part != NULL && *part != 0) {
      size_t length = strlen(part);
      from -= length;
      memcpy(from, part, length);
      *--from = path_separator;
    }
    if (at == NULL) break;
    part = at->name;
  }
  size_t top_length = strlen(top);
  if (*from == path_separator && (top_length == 0 || path_separates(top[top_length - 1]))) from++;
  from -= top_length;
  memcpy(from, top, top_length);
  memmove(path, from, strlen(from) + 1);
  return path;
}

SYSTEM_PRINTF(4, 5)
static void not_compared(const walk *walk, const char *path, int code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  report_difference(walk->report, path, code, format, arguments);
  va_end(arguments);
}

void walk_failure_list(const walk *walk, const directory *directory, const char *name,
                       enum side side, int code, const char *format, va_list arguments) {
  if (walk->report == NULL) return;
  char *path = walk_path(walk, directory, name, side);
  if (walk->operations->compares) {
    char text[128];
    vsnprintf(text, sizeof text, format, arguments);
    not_compared(walk, path, code, "can't be compared: %s", text);
  } else {
    report_failure_list(walk->report, path, code, format, arguments);
  }
  free(path);
}

void walk_failure(const walk *walk, const directory *directory, const char *name, enum side side,
                  int code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  walk_failure_list(walk, directory, name, side, code, format, arguments);
  va_end(arguments);
}
