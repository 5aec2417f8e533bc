// The backends of this system. See backends.h.
#include "backends.h"

#include <dirent.h>

int for_each_backend(void (*test)(const char *name)) {
  static const char *const names[] = {"io_uring", "epoll", "poll"};
  int count = 0;
  for (int i = 0; i < 3; i++) {
    const rouse_loop_options options = {.backend = names[i]};
    rouse_loop *loop = NULL;
    int refused = rouse_loop_create(&options, &loop);
    if (refused) {
      check(i == 0);  // the others are there on every system
      print_message("           %s is refused here: %s\n", names[i], rouse_error_message(refused));
      continue;
    }
    test_loop_destroy(loop);
    print_message("           %s\n", names[i]);
    test(names[i]);
    count++;
  }
  return count;
}

int open_descriptors(void) {
  DIR *directory = opendir("/proc/self/fd");
  check(directory);
  int count = 0;
  while (readdir(directory)) count++;
  closedir(directory);
  return count;
}
