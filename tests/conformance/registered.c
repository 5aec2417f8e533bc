// Registered buffers and files on every backend: the same results, with or without them.
#include "files.h"

#include <stdlib.h>
#include <string.h>

#include "../support/conformance.h"
#include "sockets.h"

static char directory[200];
static rouse_fd dir;

#define CLAIM(name) CONFORMANCE_CLAIM_IN(name, directory, dir)

static uint64_t uses(void) {
  rouse_loop_stats stats, all;
  rouse_loop_stats_read(rouse_loop_here(), &stats);
  rouse_run_stats_read(&all);
  check_equal(rouse_run_loop_count(), 1);
  check_equal(all.registered, stats.registered);
  return stats.registered;
}

// What the function says is what the configuration is to give.
static void check_registered(int registered) {
  const char *configuration = getenv("ROUSE_CONFIGURATION");
  check(registered == 0 || registered == 1);
  if (configuration && !strcmp(configuration, "io_uring")) check_equal(registered, 1);
  if (configuration && !strcmp(configuration, "io_uring-old")) check_equal(registered, 0);
  if (strcmp(rouse_loop_backend(rouse_loop_here()), "io_uring")) check_equal(registered, 0);
}

CLAIM(registered_buffers_carry_the_same_bytes) {
  // Kernels before 6.5 register no page of a file, and the one before may be the program's last.
  static _Alignas(4096) char memory[2][8192];
  const rouse_span buffers[] = {{memory[0], sizeof memory[0]}, {memory[1], sizeof memory[1]}};
  rouse_loop *loop = rouse_loop_here();
  rouse_fd fd = file_make(dir, "f", "0123456789");
  int registered = rouse_loop_register_buffers(loop, buffers, 2);
  check_registered(registered);
  const uint64_t before = uses();
  char *inside = memory[1] + 4000;
  check_equal(rouse_file_read(fd, inside, 10, 0), 10);
  check(!memcmp(inside, "0123456789", 10));
  memcpy(memory[0] + sizeof memory[0] - 3, "abc", 3);
  check_equal(rouse_file_write(fd, memory[0] + sizeof memory[0] - 3, 3, 2), 3);
  check_equal(uses() - before, registered ? 2 : 0);
  // Over the end of one, and outside.
  char outside[4] = {0};
  check_equal(rouse_file_read(fd, outside, 3, 2), 3);
  check_string(outside, "abc");
  check_equal(uses() - before, registered ? 2 : 0);
  if (registered) check_result(rouse_loop_register_buffers(loop, buffers, 1), ROUSE_EBUSY);
  check_result(rouse_loop_unregister_buffers(loop), ROUSE_DONE);
  check_result(rouse_loop_unregister_buffers(loop), ROUSE_DONE);
  check_equal(rouse_file_read(fd, inside, 10, 0), 10);
  check(!memcmp(inside, "01abc56789", 10));
  check_equal(uses() - before, registered ? 2 : 0);
  check_equal(rouse_loop_register_buffers(loop, buffers, 1), registered);
  check_result(rouse_loop_unregister_buffers(loop), ROUSE_DONE);
  return rouse_file_close(fd);
}

CLAIM(arguments_are_checked) {
  rouse_loop *loop = rouse_loop_here();
  char byte;
  rouse_span spans[ROUSE_REGISTERED_BUFFERS_MAX + 1] = {{&byte, 0}};
  check_result(rouse_loop_register_buffers(loop, spans, 0), ROUSE_EINVAL);
  check_result(rouse_loop_register_buffers(loop, spans, 1), ROUSE_EINVAL);
  check_result(rouse_loop_register_buffers(loop, spans, ROUSE_REGISTERED_BUFFERS_MAX + 1),
               ROUSE_EINVAL);
  check_result(rouse_loop_register_file(loop, -1), ROUSE_EBADF);
  int result = rouse_loop_register_file(loop, 9999);
  check(result == 0 || result == ROUSE_EBADF);
  check_result(rouse_loop_unregister_file(loop, 9999), ROUSE_DONE);
  return 0;
}

CLAIM(registered_files_are_used_until_they_are_closed) {
  rouse_loop *loop = rouse_loop_here();
  rouse_fd fd = file_make(dir, "f", "first");
  int registered = rouse_loop_register_file(loop, fd);
  check_registered(registered);
  if (registered) check_result(rouse_loop_register_file(loop, fd), ROUSE_EBUSY);
  char content[8] = {0};
  const uint64_t before = uses();
  check_equal(rouse_file_read(fd, content, sizeof content, 0), 5);
  check_string(content, "first");
  check_result(rouse_file_sync(fd, false), ROUSE_DONE);
  check_equal(uses() - before, registered ? 2 : 0);
  check_result(rouse_file_close(fd), ROUSE_DONE);
  // Its number is another file's now, and nothing remembers the first.
  rouse_fd other = file_make(dir, "g", "other");
  memset(content, 0, sizeof content);
  check_equal(rouse_file_read(other, content, sizeof content, 0), 5);
  check_string(content, "other");
  check_equal(rouse_loop_register_file(loop, other), registered);
  check_result(rouse_loop_unregister_file(loop, other), ROUSE_DONE);
  check_equal(rouse_file_read(other, content, sizeof content, 0), 5);
  check_equal(uses() - before, registered ? 2 : 0);
  return rouse_file_close(other);
}

static int64_t receive_byte(void *argument) {
  char byte;
  return rouse_tcp_receive(*(rouse_fd *)argument, &byte, 1, ROUSE_FOREVER);
}

CLAIM(connections_with_registered_files_wait_cancel_and_chain) {
  rouse_loop *loop = rouse_loop_here();
  tcp_pair pair = tcp_pair_make();
  check(rouse_loop_register_file(loop, pair.client) >= 0);
  check(rouse_loop_register_file(loop, pair.server) >= 0);
  rouse_task *task = test_spawn(NULL, receive_byte, &pair.server);
  rouse_task_yield();
  rouse_task_cancel(task);
  check_result(test_join(task), ROUSE_ECANCELED);
  task = test_spawn(NULL, receive_byte, &pair.server);
  check_equal(rouse_tcp_send(pair.client, "x", 1, ROUSE_FOREVER), 1);
  check_equal(test_join(task), 1);
  test_io ios[2];
  rouse_chain chain;
  char bytes[2];
  rouse_chain_init(&chain);
  for (int i = 0; i < 2; i++) {
    test_io_init(&ios[i], loop, NULL);
    rouse_chain_add(&chain, &ios[i].io);
    check_result(rouse_tcp_receive_start(&ios[i].io, pair.server, &bytes[i], 1, ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  check_result(rouse_chain_start(&chain), ROUSE_PENDING);
  check_equal(rouse_tcp_send(pair.client, "ab", 2, ROUSE_FOREVER), 2);
  while (!ios[1].completed) check_result(rouse_task_sleep_ns(100 * MICROSECOND), ROUSE_DONE);
  check(!memcmp(bytes, "ab", 2));
  tcp_pair_close(&pair);
  return 0;
}

// As many as may be, all of the same file. The next is refused; one that goes makes room for it.
CLAIM(more_files_than_may_be_are_refused) {
  rouse_loop *loop = rouse_loop_here();
  rouse_fd fd = file_make(dir, "f", "x");
  int registered = rouse_loop_register_file(loop, fd);
  check_registered(registered);
#ifndef _WIN32  // which has none anyway
  enum { MOST = ROUSE_REGISTERED_FILES_MAX };
  static rouse_fd fds[MOST];
  if (!registered) return rouse_file_close(fd);
  if (test_descriptors_most() < MOST + 100) {
    print_message("           too few descriptors may be open\n");
    return rouse_file_close(fd);
  }
  for (int i = 0; i < MOST; i++) {
    fds[i] = (rouse_fd)check_system(dup(fd));
    check_equal(rouse_loop_register_file(loop, fds[i]), i < MOST - 1 ? 1 : ROUSE_ENFILE);
  }
  char byte = 0;
  check_equal(rouse_file_read(fds[MOST - 1], &byte, 1, 0), 1);  // it works without
  check_result(rouse_file_close(fds[0]), ROUSE_DONE);
  check_equal(rouse_loop_register_file(loop, fds[MOST - 1]), 1);
  for (int i = 1; i < MOST; i++) check_result(rouse_file_close(fds[i]), ROUSE_DONE);
#endif
  return rouse_file_close(fd);
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(registered_buffers_carry_the_same_bytes),
      cmocka_unit_test(arguments_are_checked),
      cmocka_unit_test(registered_files_are_used_until_they_are_closed),
      cmocka_unit_test(connections_with_registered_files_wait_cancel_and_chain),
      cmocka_unit_test(more_files_than_may_be_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
