// What the conformance programs share.
#include "files.h"

#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sockets.h"

static bool starts_with(const char *text, const char *start) {
  return strncmp(text, start, strlen(start)) == 0;
}

void conformance_begin(void) {
  const char *configuration = getenv("ROUSE_CONFIGURATION");
  const char *named = getenv("ROUSE_BACKEND"), *bell = getenv("ROUSE_IO_URING_DOORBELL");
  if (!configuration) configuration = "(none)";
  rouse_loop *loop = NULL;
  int refused = rouse_loop_create(NULL, &loop);
  if (refused && named && refused != ROUSE_EINVAL) {
    test_skip("backend %s (configuration %s) is refused here: %s", named, configuration,
              rouse_error_message(refused));
  }
  check_result(refused, ROUSE_DONE);
  printf("configuration %s: backend %s, doorbell %s\n", configuration, rouse_loop_backend(loop),
         rouse_loop_doorbell(loop));
  if (named) check_string(rouse_loop_backend(loop), named);
  if (bell) check_string(rouse_loop_doorbell(loop), bell);
  if (starts_with(configuration, "refused")) check_string(rouse_loop_backend(loop), "epoll");
  if (!strcmp(configuration, "io_uring-nofutex") || !strcmp(configuration, "io_uring-plain")) {
    check(strcmp(rouse_loop_doorbell(loop), "futex") != 0);
  }
  test_loop_destroy(loop);
}

void conformance_in_directory(rouse_task_fn *body, char *path, rouse_fd *dir) {
  test_directory_make(path, 200);
  *dir = test_directory_open(path);
  test_run(1, body, NULL);
  test_close(*dir);
  test_directory_remove(path);
}

rouse_fd file_make(rouse_fd dir, const char *name, const char *content) {
  rouse_fd fd = rouse_file_open(dir, name, O_RDWR | O_CREAT | O_EXCL, 0644);
  if (fd < 0) check_result((int)fd, ROUSE_DONE);
  size_t size = strlen(content);
  if (size) check_equal(rouse_file_write(fd, content, size, 0), size);
  return fd;
}

void file_make_closed(rouse_fd dir, const char *name, const char *content) {
  check_result(rouse_file_close(file_make(dir, name, content)), ROUSE_DONE);
}

static struct sockaddr_in here(uint16_t port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

rouse_fd tcp_listen_here(void) {
  struct sockaddr_in address = here(0);
  rouse_fd fd = rouse_tcp_listen((struct sockaddr *)&address, sizeof address, 0);
  if (fd < 0) check_result((int)fd, ROUSE_DONE);
  return fd;
}

int tcp_try_connect_here(rouse_fd listener) {
  int port = rouse_tcp_port(listener);
  check(port > 0);
  struct sockaddr_in address = here((uint16_t)port);
  return rouse_tcp_connect((struct sockaddr *)&address, sizeof address, ROUSE_FOREVER);
}

rouse_fd tcp_connect_here(rouse_fd listener) {
  int fd = tcp_try_connect_here(listener);
  if (fd < 0) check_result((int)fd, ROUSE_DONE);
  return fd;
}

tcp_pair tcp_pair_make(void) {
  tcp_pair pair = {.listener = tcp_listen_here()};
  pair.client = tcp_connect_here(pair.listener);
  pair.server = rouse_tcp_accept(pair.listener, ROUSE_FOREVER);
  if (pair.server < 0) check_result(pair.server, ROUSE_DONE);
  return pair;
}

void tcp_pair_close(tcp_pair *pair) {
  rouse_fd fds[] = {pair->client, pair->server, pair->listener};
  for (int i = 0; i < 3; i++) {
    if (fds[i] >= 0) check_result(rouse_file_close(fds[i]), ROUSE_DONE);
  }
}
