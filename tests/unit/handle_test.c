// Handles and named pipes of Windows, where there are none.
#include <string.h>

#include "../support/support.h"

static int64_t use_all(void *unused) {
  (void)unused;
  test_io io;
  test_io_init(&io, NULL, NULL);
  check_result(rouse_handle_wait(0, ROUSE_FOREVER), ROUSE_ENOSYS);
  check_result(rouse_handle_wait_start(&io.io, 0, ROUSE_FOREVER), ROUSE_ENOSYS);
  check_result(rouse_pipe_listen("name", true), ROUSE_ENOSYS);
  check_result(rouse_pipe_accept(0, ROUSE_FOREVER), ROUSE_ENOSYS);
  check_result(rouse_pipe_accept_start(&io.io, 0, ROUSE_FOREVER), ROUSE_ENOSYS);
  check_equal(io.completed, 0);
  return 0;
}

static void operations_of_windows_are_refused_elsewhere(void **state) {
  (void)state;
  check_equal(test_run(1, use_all, NULL), 0);
}

static void thread_without_a_loop_is_told_so(void **state) {
  (void)state;
  check_result(rouse_handle_wait(0, ROUSE_FOREVER), ROUSE_ENOLOOP);
  check_result(rouse_pipe_accept(0, ROUSE_FOREVER), ROUSE_ENOLOOP);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(operations_of_windows_are_refused_elsewhere),
      cmocka_unit_test(thread_without_a_loop_is_told_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
