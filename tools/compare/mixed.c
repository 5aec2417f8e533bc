// A lock and I/O on one loop: how much I/O is done, and how long the lock takes to come.
//
// Unified: the waits of the lock end in the loop that does the I/O. Dual: a second loop on a thread
// of its own takes all wakes, as a waker's queue beside an I/O poller does, and passes each on to
// the I/O loop. There a wait travels to the second loop to be queued and its wake travels back.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "semaphore.h"

enum { LOCKERS_MAX = 16, READERS = 4, PAIRS = 4, BLOCK = 4096, BLOCKS = 16, MESSAGE = 64 };
enum { SLICES_MAX = 20, WAITS_MAX = 65536, TASKS_MAX = LOCKERS_MAX + READERS + 2 * PAIRS };

typedef struct mixed {
  lab_semaphore permit;
  rouse_loop *waits;  // where waits end: NULL: here
  bool stop, counts, unlinked;
  int failure;
  uint64_t operations, turns;
  uint32_t wait_count;
  rouse_fd file, listener, ends[2 * PAIRS];
  rouse_task *tasks[TASKS_MAX];
  uint32_t task_count;
  char path[512];
} mixed;

// A wait that goes by way of the second loop.
typedef struct relay {
  approach_space space;  // first, so that the callback finds the relay
  rouse_wait post;
  rouse_event done;
  int result;
} relay;

static mixed state;
static relay relays[LOCKERS_MAX];
static double waits_us[WAITS_MAX];
static unsigned char block[READERS][BLOCK];

static void fail(int result) {
  if (state.failure == 0) state.failure = result;
}

// --- the lock ------------------------------------------------------------------------------------

static bool is_taken(void *argument) {
  (void)argument;
  return lab_semaphore_available(&state.permit) == 0;
}

static void finish_relay(relay *relay, int result) {
  relay->result = result;
  rouse_event_set(&relay->done);
}

// On the second loop: the wait has ended.
static void on_woken(rouse_wait *wait, int result) { finish_relay((relay *)(void *)wait, result); }

// On the second loop: the wait begins.
static void on_posted(rouse_wait *post, int result) {
  relay *relay = (struct relay *)(void *)((char *)post - offsetof(struct relay, post));
  (void)result;
  approach_waiter_init(&relay->space.waiter, NULL, on_woken);
  int began = state.permit.approach->wait_if(&state.permit.queue, &relay->space.waiter, is_taken,
                                             NULL, ROUSE_FOREVER);
  if (began != ROUSE_PENDING) finish_relay(relay, began);
}

static int enter_by_relay(relay *relay) {
  while (!lab_semaphore_try(&state.permit)) {
    rouse_loop_post(state.waits, &relay->post, on_posted);
    int result = rouse_event_wait(&relay->done);
    if (result < 0) return result;
    if (relay->result < 0 && relay->result != ROUSE_EAGAIN) return relay->result;
  }
  return ROUSE_DONE;
}

static int enter(relay *relay) {
  if (lab_semaphore_try(&state.permit)) return ROUSE_DONE;
  int64_t begin_ns = rouse_now_ns();
  int result = state.waits != NULL ? enter_by_relay(relay)
                                   : lab_semaphore_acquire(&state.permit, ROUSE_FOREVER, NULL);
  if (result == ROUSE_DONE && state.counts && state.wait_count < WAITS_MAX) {
    waits_us[state.wait_count++] = (double)(rouse_now_ns() - begin_ns) / 1000;
  }
  return result;
}

static int64_t locker_main(void *argument) {
  relay *relay = argument;
  while (!state.stop) {
    int result = enter(relay);
    if (result < 0) {
      fail(result);
      break;
    }
    state.turns += state.counts;
    rouse_task_yield();
    lab_semaphore_release(&state.permit);
    rouse_task_yield();
  }
  return 0;
}

// --- the I/O -------------------------------------------------------------------------------------

static int64_t reader_main(void *argument) {
  size_t self = (size_t)(uintptr_t)argument;
  for (uint64_t at = self; !state.stop; at += 7) {
    int64_t got = rouse_file_read(state.file, block[self], BLOCK, at % BLOCKS * BLOCK);
    if (got != BLOCK) {
      fail(got < 0 ? (int)got : ROUSE_EIO);
      break;
    }
    state.operations += state.counts;
  }
  return 0;
}

static bool receive_all(rouse_fd fd, unsigned char *message) {
  for (size_t got = 0; got < MESSAGE;) {
    int64_t now = rouse_tcp_receive(fd, message + got, MESSAGE - got, ROUSE_FOREVER);
    if (now <= 0) {
      if (now < 0) fail((int)now);
      return false;
    }
    got += (size_t)now;
  }
  return true;
}

// Sends and takes the answer, as long as it goes on; then closes, which ends the other side.
static int64_t asker_main(void *argument) {
  rouse_fd *fd = argument;
  unsigned char message[MESSAGE] = {1};
  while (!state.stop) {
    int64_t sent = rouse_tcp_send_all(*fd, message, MESSAGE, ROUSE_FOREVER);
    if (sent < 0) fail((int)sent);
    if (sent < 0 || !receive_all(*fd, message)) break;
    state.operations += state.counts;
  }
  rouse_file_close(*fd);
  *fd = -1;
  return 0;
}

static int64_t answerer_main(void *argument) {
  rouse_fd *fd = argument;
  unsigned char message[MESSAGE];
  while (receive_all(*fd, message)) {
    if (rouse_tcp_send_all(*fd, message, MESSAGE, ROUSE_FOREVER) < 0) break;
  }
  rouse_file_close(*fd);
  *fd = -1;
  return 0;
}

static const char *directory(void) {
  static const char *const names[] = {"TMPDIR", "TEMP", "TMP"};
  for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
    const char *value = getenv(names[index]);
    if (value != NULL && *value != 0) return value;
  }
  return machine_temporary_directory();
}

static int open_file(void) {
  // The address of a variable differs from process to process, the time from run to run.
  snprintf(state.path, sizeof state.path, "%s/rouse-compare-%llx-%llx", directory(),
           (unsigned long long)rouse_now_ns(), (unsigned long long)(uintptr_t)&state.path);
  state.file = rouse_file_open(ROUSE_FD_CWD, state.path, machine_new_file_flags(), 0600);
  if (state.file < 0) return state.file;
  // At once, where the system lets an open file have no name: then nothing is left behind, whatever
  // happens to this process.
  state.unlinked = rouse_file_unlink(ROUSE_FD_CWD, state.path, 0) == ROUSE_DONE;
  for (int index = 0; index < BLOCKS; index++) {
    int64_t wrote = rouse_file_write(state.file, block[0], BLOCK, (uint64_t)index * BLOCK);
    if (wrote != BLOCK) return wrote < 0 ? (int)wrote : ROUSE_EIO;
  }
  return ROUSE_DONE;
}

static int64_t accept_main(void *argument) {
  rouse_fd *fd = argument;
  *fd = rouse_tcp_accept(state.listener, rouse_now_ns() + INT64_C(10000000000));
  return *fd;
}

static int open_sockets(void) {
  union {
    _Alignas(16) unsigned char bytes[64];
  } address;
  uint32_t size = machine_loopback(&address, sizeof address, 0);
  state.listener = rouse_tcp_listen((struct sockaddr *)(void *)&address, size, 0);
  if (state.listener < 0) return state.listener;
  int port = rouse_tcp_port(state.listener);
  if (port < 0) return port;
  size = machine_loopback(&address, sizeof address, (uint16_t)port);
  for (int index = 0; index < PAIRS; index++) {
    rouse_fd *ends = &state.ends[2 * index];
    rouse_task *task;
    int failed = rouse_task_spawn(&task, NULL, accept_main, &ends[1]);
    if (failed < 0) return failed;
    ends[0] = rouse_tcp_connect((struct sockaddr *)(void *)&address, size, ROUSE_FOREVER);
    rouse_task_join(task, NULL);
    if (ends[0] < 0) return ends[0];
    if (ends[1] < 0) return ends[1];
  }
  return ROUSE_DONE;
}

static void close_all(void) {
  for (int index = 0; index < 2 * PAIRS; index++) {
    if (state.ends[index] >= 0) rouse_file_close(state.ends[index]);
  }
  if (state.listener >= 0) rouse_file_close(state.listener);
  if (state.file >= 0) {
    rouse_file_close(state.file);
    if (!state.unlinked) rouse_file_unlink(ROUSE_FD_CWD, state.path, 0);
  }
}

// --- a run ---------------------------------------------------------------------------------------

static void spawn(rouse_task_fn *function, void *argument) {
  int failed = rouse_task_spawn(&state.tasks[state.task_count], NULL, function, argument);
  if (failed < 0) {
    fail(failed);
  } else {
    state.task_count++;
  }
}

static void spawn_all(uint32_t lockers) {
  for (uint32_t index = 0; index < lockers; index++) {
    rouse_event_init(&relays[index].done, ROUSE_EVENT_AUTO, false);
    spawn(locker_main, &relays[index]);
  }
  for (size_t index = 0; index < READERS; index++) spawn(reader_main, (void *)(uintptr_t)index);
  for (int index = 0; index < PAIRS; index++) {
    spawn(asker_main, &state.ends[2 * index]);
    spawn(answerer_main, &state.ends[2 * index + 1]);
  }
}

static void run_slice(uint32_t lockers, measured *out) {
  spawn_all(lockers);
  rouse_task_sleep_ns(measure_slice_ns() / 4);  // warm
  state.counts = true;
  int64_t begin_ns = rouse_now_ns();
  // On a busy machine a slice may pass in which no wait has ended.
  for (int slice = 0; slice == 0 || (slice < SLICES_MAX && state.wait_count == 0); slice++) {
    rouse_task_sleep_ns(measure_slice_ns());
  }
  state.counts = false;
  double took_s = (double)(rouse_now_ns() - begin_ns) / 1e9;
  state.stop = true;
  for (uint32_t index = 0; index < state.task_count; index++) {
    rouse_task_join(state.tasks[index], NULL);
  }
  out->values[0] = (double)state.operations / took_s;
  out->values[1] = (double)state.turns / took_s;
  out->values[2] = out->values[3] = NAN;
  if (state.wait_count == 0) return;
  out->values[2] = quantile(waits_us, state.wait_count, 0.5);
  out->values[3] = quantile_of_sorted(waits_us, state.wait_count, 0.99);
}

// |self->loops| 1: unified, 2: dual.
const char *measure_mixed(const measurement *self, const approach *approach, measured *out) {
  uint32_t lockers = (approach->can & APPROACH_MANY) != 0 ? self->amount : 2;
  memset(&state, 0, sizeof state);
  for (int index = 0; index < 2 * PAIRS; index++) state.ends[index] = -1;
  state.file = state.listener = -1;
  state.waits = self->loops == 2 ? rouse_run_loop(1) : NULL;
  int failed = lab_semaphore_init(&state.permit, approach, 1);
  if (failed < 0) return rouse_error_message(failed);
  failed = open_file();
  if (failed == ROUSE_DONE) failed = open_sockets();
  if (failed == ROUSE_DONE) run_slice(lockers, out);
  close_all();
  lab_semaphore_finish(&state.permit);
  if (failed < 0) return rouse_error_message(failed);
  return state.failure != 0 ? rouse_error_message(state.failure) : NULL;
}
