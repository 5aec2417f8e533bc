// The passes of a copy, and the budgets that they keep to.
//
// Four semaphores bound what is used at once: entries in flight (the option), descriptors for
// files, slots for directories (in walk.c), and memory for buffers. They can't deadlock, for
// everybody takes them in one order (slot, in flight, descriptors, memory), takes all he needs of
// one kind in one request, and a slot is never waited for with anything but one slot in hand
// (walk.c).
#include <stdlib.h>
#include <string.h>

#include "copy.h"

// --- entries -------------------------------------------------------------------------------------

bool copy_entry_failure(copy *copy, const entry *entry, enum side side, int code,
                        const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  walk_failure_list(&copy->walk, entry->directory, entry_name(entry, side), side, code, format,
                    arguments);
  va_end(arguments);
  return false;
}

void copy_entry_note(copy *copy, const entry *entry, enum side side, const char *format, ...) {
  char *path = walk_path(&copy->walk, entry->directory, entry_name(entry, side), side);
  va_list arguments;
  va_start(arguments, format);
  report_note(&copy->report, path, format, arguments);
  va_end(arguments);
  free(path);
}

bool copy_target_in_the_way(copy *copy, const entry *entry) {
  // In a directory of our own making there is nothing.
  if (entry->directory->created) return false;
  file_status status;
  rouse_fd dir = entry->directory->fd[TARGET];
  if (file_status_at(dir, entry->target_name, &status) != 0) return false;
  if (status.kind != KIND_DIRECTORY) return false;
  copy_entry_failure(copy, entry, TARGET, 0, "is a directory; it is not replaced by a file");
  return true;
}

void copy_entry(copy *copy, entry *entry, link_group *group) {
  if (entry->kind == KIND_FILE) {
    copy_file(copy, entry, group);
  } else {
    copy_special(copy, entry, group);
  }
}

static void handle(walk *walk, entry *entry) { copy_entry(walk->user, entry, NULL); }

static const walk_operations copying = {.enter = copy_enter, .handle = handle, .leave = copy_leave};

// --- budgets -------------------------------------------------------------------------------------

enum {
  DESCRIPTORS_SPARE = 6,  // for what a library may open for a moment, and the two roots of --verify
  DESCRIPTORS_SCOUT = 10,
  SLOTS_MAX = 128,
};

static bool shows_progress(const copy *copy) {
  return !copy->options.quiet && system_shows_progress();
}

// Divides the descriptors that the limit leaves. Returns false after having told that they don't
// do.
static bool divide_descriptors(copy *copy) {
  int64_t all = system_descriptors_max();
  int64_t used = system_descriptors_open() + DESCRIPTORS_SPARE;
  uint32_t walkers = copy->options.loops;
  // The time left is what can be done without.
  copy->scouts = shows_progress(copy) &&
                 all - used - DESCRIPTORS_SCOUT >= 4 * (int64_t)walk_slots_min(walkers);
  if (copy->scouts) used += DESCRIPTORS_SCOUT;
  // With few descriptors there are fewer walkers, down to one.
  while (walkers > 1 && all - used < 4 * (int64_t)walk_slots_min(walkers)) walkers--;
  int64_t least = walk_slots_min(walkers);
  int64_t slots = (all - used) / 8;
  if (slots > SLOTS_MAX) slots = SLOTS_MAX;
  if (slots < least) slots = least;
  int64_t files = (all - used - 2 * slots) / 2;
  if (files < 1) {
    report_failure(&copy->report, copy->options.source, 0,
                   "the limit of %lld open files is too low: at least %lld are needed",
                   (long long)all, (long long)(used + 2 * slots + 2));
    return false;
  }
  if (files > COPY_IN_FLIGHT_MAX) files = COPY_IN_FLIGHT_MAX;
  copy->walkers = walkers;
  copy->slots = (uint32_t)slots;
  rouse_semaphore_init(&copy->descriptors, (uint32_t)files, ROUSE_POLICY_DEFAULT);
  return true;
}

// --- passes --------------------------------------------------------------------------------------

static void prepare_walk(copy *copy) {
  walk *walk = &copy->walk;
  walk->operations = &copying;
  walk->user = copy;
  walk->report = &copy->report;
  walk->in_flight = &copy->in_flight;
  walk->stop = copy->options.stop;
  walk->two_sided = true;
  walk->loops = rouse_run_loop_count();
  for (int side = 0; side < SIDES; side++) walk->path[side] = copy->paths.path[side];
  walk_init(walk, copy->slots);
  directory *root = walk_make_root(walk, copy->paths.fd);
  root->created = copy->paths.is_directory && copy->paths.target_created;
  root->inherits = attributes_inherited((inode){root->fd[TARGET], true});
  copy->paths.fd[SOURCE] = copy->paths.fd[TARGET] = -1;
}

static int copy_all(copy *copy) {
  int result = ROUSE_DONE;
  if (copy->paths.is_directory) {
    result = walk_run(&copy->walk, copy->walkers);
  } else {
    char *const *name = copy->paths.name;
    walk_start_entry(&copy->walk, copy->walk.root, name[SOURCE], name[TARGET], copy->paths.kind);
  }
  walk_await_entries(&copy->walk, copy->options.max_in_flight);
  links_make(copy);
  copy_late_finish(copy);
  links_free(copy);
  return result;
}

static double seconds_since(int64_t start_ns) { return (double)(rouse_now_ns() - start_ns) / 1e9; }

static int64_t copy_main(void *argument) {
  copy *copy = argument;
  copy->backend = rouse_loop_backend(rouse_loop_here());
  copy->doorbell = rouse_loop_doorbell(rouse_loop_here());
  if (!divide_descriptors(copy)) return ROUSE_DONE;
  prepare_walk(copy);
  rouse_task *progress = NULL;
  if (shows_progress(copy)) rouse_task_spawn(&progress, NULL, copy_progress, copy);

  int result = copy->options.compare ? ROUSE_DONE : copy_all(copy);
  copy->seconds = seconds_since(copy->started_ns);
  bool compares = copy->options.verify || copy->options.compare;
  if (result == ROUSE_DONE && compares && !walk_stopped(&copy->walk)) {
    int64_t start_ns = rouse_now_ns();
    result = verify_run(copy);
    walk_await_entries(&copy->walk, copy->options.max_in_flight);
    copy->verify_seconds = seconds_since(start_ns);
    copy->verified = result == ROUSE_DONE && !walk_stopped(&copy->walk);
    links_free(copy);
  }
  walk_finish(&copy->walk);
  if (progress != NULL) {
    rouse_task_cancel(progress);
    rouse_task_join(progress, NULL);
  }
  rouse_run_stats_read(&copy->stats);
  return result;
}

// --- the whole -----------------------------------------------------------------------------------

enum { STACK_SIZE = 32768 };

static int status_of(const copy *copy, int interrupt) {
  if (interrupt != 0) return interrupt;
  if (copy->failure != 0) return 1;
  return counter_read(&copy->report.failed) > 0 || counter_read(&copy->report.differences) > 0;
}

int copy_run(copy *copy, const copy_options *options) {
  memset(copy, 0, sizeof *copy);
  copy->options = *options;
  copy->privileged = system_is_privileged();
  copy->started_ns = rouse_now_ns();
  report_init(&copy->report, options->quiet);
  rouse_semaphore_init(&copy->in_flight, options->max_in_flight, ROUSE_POLICY_DEFAULT);
  rouse_semaphore_init(&copy->memory, BUFFER_PAGES_TOTAL, ROUSE_POLICY_DEFAULT);
  if (!copy_paths_find(copy)) return status_of(copy, 0);

  bool catches = options->stop == NULL;
  if (catches) {
    copy->options.stop = &copy->stopped;
    system_interrupts_catch(&copy->stopped);
  }
  rouse_run_options run = {
      .loops = options->loops,
      .loop = {.backend = options->backend, .stack_size = STACK_SIZE},
  };
  int64_t result = 0;
  system_spare_begin(copy->options.stop);
  copy->failure = rouse_run(&run, copy_main, copy, &result);
  if (copy->failure == 0) copy->failure = (int)result;
  if (system_spare_end()) {
    report_failure(&copy->report, options->source, ROUSE_ENOMEM,
                   "ended half-way; what is in place is complete");
  }
  int interrupt = catches ? system_interrupts_release() : system_interrupts_caught();
  if (copy->failure < 0) {
    fprintf(stderr, "rouse copy: cannot run on %s: %s\n",
            options->backend != NULL ? options->backend : "this system",
            rouse_error_message(copy->failure));
  }
  if (copy->paths.target_created && counter_read(&copy->report.directories) == 0) {
    path_remove_directory(
        copy->paths.path[TARGET]);  // nothing came of it; if something did, this does nothing
  }
  if (interrupt != 0) {
    fprintf(stderr, "rouse copy: interrupted; %s\n",
            options->compare ? "not all was compared"
                             : "what is in place is complete, and no more was left");
  }
  return status_of(copy, interrupt);
}

void copy_finish(copy *copy) {
  buffers_free(copy);
  copy_paths_free(&copy->paths);
  report_finish(&copy->report);
}
