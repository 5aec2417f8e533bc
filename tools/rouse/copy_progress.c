// Progress on a terminal: files, bytes, rate, and the time that is left.
//
// How much there is to do is not known before the tree has been read. So once a copy has lasted for
// a moment, a scout goes through the source, too, and only counts; until it is through, no time
// left is shown.
#include <stdio.h>
#include <string.h>

#include "copy.h"

enum {
  PERIOD_NS = 200 * 1000 * 1000,
  SCOUT_AFTER_PERIODS = 3,
  SCOUT_SLOTS = 2,
  ENTRY_WORTH = 16 * 1024,  // an entry takes as long as so many bytes
};

typedef struct scout {
  walk walk;
  _Atomic bool stop, done;
  counter entries, bytes;
} scout;

// --- the scout -----------------------------------------------------------------------------------

static int scout_enter(walk *walk, directory *child) {
  (void)walk;
  child->fd[TARGET] = -1;
  return 0;
}

static void scout_handle(walk *walk, entry *entry) {
  scout *scout = walk->user;
  file_status status;
  counter_add(&scout->entries, 1);
  if (entry->kind != KIND_FILE) return;
  if (file_status_at(entry->directory->fd[SOURCE], entry->name, &status) != 0) return;
  // Holes are not copied.
  counter_add(&scout->bytes, file_is_sparse(&status) ? status.stored : status.size);
}

static void scout_leave(walk *walk, directory *directory) {
  (void)walk, (void)directory;
  rouse_task_yield();
}

static const walk_operations scouting = {
    .enter = scout_enter, .handle = scout_handle, .leave = scout_leave, .in_place = true};

static int64_t scout_main(void *argument) {
  scout *scout = argument;
  // RELAXED: only whether the sums are final is asked.
  bool good = walk_run(&scout->walk, 1) == ROUSE_DONE && !walk_stopped(&scout->walk);
  // RELAXED: figures for people.
  atomic_store_explicit(&scout->done, good, memory_order_relaxed);
  return 0;
}

static rouse_task *send_scout(copy *copy, scout *scout) {
  rouse_task *task = NULL;
  if (!copy->paths.is_directory) return NULL;
  rouse_fd fd = directory_open_again(copy->walk.root->fd[SOURCE], true);
  if (fd < 0) return NULL;
  scout->walk.operations = &scouting;
  scout->walk.user = scout;
  scout->walk.stop = &scout->stop;
  scout->walk.loops = copy->walk.loops;
  scout->walk.path[SOURCE] = scout->walk.path[TARGET] = "";
  walk_init(&scout->walk, SCOUT_SLOTS);
  walk_make_root(&scout->walk, (const rouse_fd[SIDES]){fd, -1});
  if (rouse_task_spawn(&task, NULL, scout_main, scout) == ROUSE_DONE) return task;
  walk_finish(&scout->walk);
  return NULL;
}

static void recall_scout(scout *scout, rouse_task *task) {
  // RELAXED: a wish; see walk_stopped().
  atomic_store_explicit(&scout->stop, true, memory_order_relaxed);
  rouse_task_shield(true);
  rouse_task_join(task, NULL);
  walk_finish(&scout->walk);
}

// --- the line ------------------------------------------------------------------------------------

static void add_time(char *text, size_t size, double seconds) {
  uint64_t whole = (uint64_t)(seconds + 0.5);
  size_t length = strlen(text);
  if (whole >= 3600) {
    snprintf(text + length, size - length, ", %llu:%02llu:%02llu left",
             (unsigned long long)(whole / 3600), (unsigned long long)(whole / 60 % 60),
             (unsigned long long)(whole % 60));
  } else {
    snprintf(text + length, size - length, ", %llu:%02llu left", (unsigned long long)(whole / 60),
             (unsigned long long)(whole % 60));
  }
}

static uint64_t entries_done(const copy *copy) {
  const report *report = &copy->report;
  return counter_read(&report->files) + counter_read(&report->symlinks) +
         counter_read(&report->links) + counter_read(&report->specials) +
         counter_read(&report->skipped) + counter_read(&report->failed);
}

static void show(copy *copy, const scout *scout) {
  char line[160], size[32], rate[32];
  double seconds = (double)(rouse_now_ns() - copy->started_ns) / 1e9;
  if (copy->seconds > 0) {
    snprintf(line, sizeof line, "verifying: %llu entries compared",
             (unsigned long long)counter_read(&copy->report.compared));
    report_progress(&copy->report, line);
    return;
  }
  uint64_t entries = entries_done(copy);
  double bytes = (double)counter_read(&copy->report.bytes);
  snprintf(line, sizeof line, "%llu files, %s, %s/s", (unsigned long long)entries,
           text_bytes(size, bytes), text_bytes(rate, seconds > 0 ? bytes / seconds : 0));
  double done = bytes + (double)entries * ENTRY_WORTH;
  double all =
      (double)counter_read(&scout->bytes) + (double)counter_read(&scout->entries) * ENTRY_WORTH;
  // RELAXED: figures for people.
  if (atomic_load_explicit(&scout->done, memory_order_relaxed) && done > 0 && all >= done) {
    add_time(line, sizeof line, seconds * (all - done) / done);
  }
  report_progress(&copy->report, line);
}

int64_t copy_progress(void *argument) {
  copy *copy = argument;
  scout scout;
  memset(&scout, 0, sizeof scout);
  rouse_task *task = NULL;
  bool sent = false;
  for (int period = 0; rouse_task_sleep_ns(PERIOD_NS) == ROUSE_DONE; period++) {
    if (!sent && copy->scouts && period >= SCOUT_AFTER_PERIODS) {
      sent = true;
      task = send_scout(copy, &scout);
    }
    show(copy, &scout);
  }
  if (task != NULL) recall_scout(&scout, task);
  rouse_task_shield(true);
  report_progress(&copy->report, NULL);
  return 0;
}
