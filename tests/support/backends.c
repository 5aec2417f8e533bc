// The backends of this system. See backends.h.
#include "backends.h"

int for_each_backend(void (*test)(const char *name)) {
  int count = 0;
  for (int i = 0; backend_names[i]; i++) {
    const char *name = backend_names[i];
    const rouse_loop_options options = {.backend = name};
    rouse_loop *loop = NULL;
    int refused = rouse_loop_create(&options, &loop);
    if (refused) {
      check(i == 0 && backend_names[1]);  // the others are there on every system
      print_message("           %s is refused here: %s\n", name, rouse_error_message(refused));
      continue;
    }
    test_loop_destroy(loop);
    print_message("           %s\n", name);
    test(name);
    count++;
  }
  return count;
}
