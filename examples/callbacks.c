// The completion style: no tasks. A state machine takes a mutex with a deadline, reads a file
// through the loop, and stops. Two more waits on the same loop end by a timer and by a cancel.
#include <rouse/rouse.h>

#include <fcntl.h>
#include <stdio.h>

struct reader {
  rouse_wait lock;
  rouse_io io;
  int fd;
  char text[256];
  int64_t size;
};

static rouse_loop *loop;
static rouse_mutex mutex = ROUSE_MUTEX_INIT;
static int pending = 3;

static void one_less(void) {
  if (--pending == 0) rouse_loop_stop(loop);
}

static void was_read(rouse_wait *wait, int result) {
  struct reader *reader = (struct reader *)((char *)wait - offsetof(struct reader, io));
  reader->size = rouse_io_result(&reader->io);
  if (result < 0) printf("read: %s\n", rouse_error_message(result));
  rouse_mutex_unlock(&mutex);
  one_less();
}

static void read_it(struct reader *reader) {
  rouse_io_init(&reader->io, loop, was_read);
  int started = rouse_file_read_start(&reader->io, reader->fd, reader->text, sizeof reader->text, 0,
                                      ROUSE_FOREVER);
  if (started != ROUSE_PENDING) was_read(&reader->io.wait, started);
}

static void was_locked(rouse_wait *wait, int result) {
  struct reader *reader = (struct reader *)((char *)wait - offsetof(struct reader, lock));
  if (result == ROUSE_DONE) {
    read_it(reader);
  } else {
    printf("lock: %s\n", rouse_error_message(result));
    one_less();
  }
}

static void timer_ended(rouse_wait *wait, int result) {
  (void)wait;
  printf("timer: %s; unlocking\n", rouse_error_message(result));
  rouse_mutex_unlock(&mutex);  // held since main(): the reader gets it now
  one_less();
}

static void event_ended(rouse_wait *wait, int result) {
  (void)wait;
  printf("event: %s\n", rouse_error_message(result));
  one_less();
}

int main(int argc, char **argv) {
  struct reader reader = {.fd = open(argc > 1 ? argv[1] : "/proc/version", O_RDONLY | O_CLOEXEC)};
  int failed = rouse_loop_create(NULL, &loop);
  if (failed || reader.fd < 0) {
    fprintf(stderr, "callbacks: %s\n", failed ? rouse_error_message(failed) : "no such file");
    return 1;
  }
  rouse_mutex_try_lock(&mutex);
  rouse_wait_init(&reader.lock, loop, was_locked);
  rouse_mutex_lock_start(&mutex, &reader.lock, rouse_deadline_in_ns(5 * INT64_C(1000000000)));

  rouse_wait timer, idle;
  rouse_wait_init(&timer, loop, timer_ended);
  rouse_wait_timer_start(&timer, rouse_deadline_in_ns(10 * 1000 * 1000));

  rouse_event event = ROUSE_EVENT_INIT;
  rouse_wait_init(&idle, loop, event_ended);
  rouse_event_wait_start(&event, &idle, ROUSE_FOREVER);
  rouse_wait_cancel(&idle);

  failed = rouse_loop_run(loop);
  printf("%lld bytes read on %s\n", (long long)reader.size, rouse_loop_backend(loop));
  rouse_loop_destroy(loop);
  return failed || reader.size <= 0;
}
