// A user's program: the version, a lock, and a task that waits in a loop.
#include <rouse/rouse.h>
#include <stdio.h>
#include <string.h>

static rouse_mutex mutex = ROUSE_MUTEX_INIT;

static int64_t answer(void *argument) {
  rouse_mutex_lock(&mutex);
  rouse_task_sleep_ns(1000000);
  rouse_mutex_unlock(&mutex);
  return *(int *)argument;
}

int main(void) {
  if (strcmp(rouse_version(), ROUSE_VERSION_STRING)) {
    printf("headers %s, library %s\n", ROUSE_VERSION_STRING, rouse_version());
    return 1;
  }
  rouse_mutex_lock(&mutex);
  rouse_mutex_unlock(&mutex);
  int given = 42;
  int64_t result = 0;
  int error = rouse_run(NULL, answer, &given, &result);
  if (error || result != 42) {
    printf("rouse_run: %s, result %d\n", rouse_error_name(error), (int)result);
    return 1;
  }
  return 0;
}
