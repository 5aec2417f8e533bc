// A TCP echo server with a task per connection, and clients to try it, all in one loop. The number
// of connections served at once is bounded by a semaphore, and each receive by a deadline.
#include <rouse/rouse.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { CLIENTS = 50, AT_ONCE = 8 };

static rouse_semaphore slots = ROUSE_SEMAPHORE_INIT(AT_ONCE);
static int port, echoed;

static int64_t serve(void *argument) {
  int fd = (int)(intptr_t)argument;
  char buffer[512];
  for (;;) {
    int64_t size =
        rouse_tcp_receive(fd, buffer, sizeof buffer, rouse_deadline_in_ns(INT64_C(5000000000)));
    if (size <= 0) break;
    if (rouse_tcp_send_all(fd, buffer, (size_t)size, ROUSE_FOREVER) < 0) break;
  }
  rouse_file_close(fd);
  rouse_semaphore_release(&slots, 1);
  return 0;
}

static int64_t listen_task(void *argument) {
  int listener = (int)(intptr_t)argument;
  while (rouse_semaphore_acquire(&slots, 1) == ROUSE_DONE) {
    int fd = rouse_tcp_accept(listener, ROUSE_FOREVER);
    if (fd < 0) break;  // cancelled at the end
    if (rouse_task_spawn(NULL, NULL, serve, (void *)(intptr_t)fd)) rouse_file_close(fd);
  }
  return 0;
}

static int64_t client(void *argument) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = rouse_tcp_connect((struct sockaddr *)&address, sizeof address, ROUSE_FOREVER);
  if (fd < 0) return fd;
  char text[64], back[64];
  int length = snprintf(text, sizeof text, "hello from client %d", (int)(intptr_t)argument),
      got = 0;
  rouse_tcp_send_all(fd, text, (size_t)length, ROUSE_FOREVER);
  while (got < length) {
    int64_t size = rouse_tcp_receive(fd, back + got, sizeof back - (size_t)got, ROUSE_FOREVER);
    if (size <= 0) break;
    got += (int)size;
  }
  if (got == length && !memcmp(text, back, (size_t)length)) echoed++;
  return rouse_file_close(fd);
}

static int64_t main_task(void *argument) {
  (void)argument;
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int listener = rouse_tcp_listen((struct sockaddr *)&address, sizeof address, 0);
  if (listener < 0) return listener;
  port = rouse_tcp_port(listener);
  rouse_task *server, *clients[CLIENTS];
  rouse_task_spawn(&server, NULL, listen_task, (void *)(intptr_t)listener);
  for (int i = 0; i < CLIENTS; i++)
    rouse_task_spawn(&clients[i], NULL, client, (void *)(intptr_t)i);
  for (int i = 0; i < CLIENTS; i++) rouse_task_join(clients[i], NULL);
  rouse_task_cancel(server);
  rouse_task_join(server, NULL);
  rouse_file_close(listener);
  return 0;
}

int main(void) {
  int64_t result = 0;
  int failed = rouse_run(NULL, main_task, NULL, &result);
  if (failed || result) {
    fprintf(stderr, "echo: %s\n", rouse_error_message(failed ? failed : (int)result));
    return 1;
  }
  printf("%d of %d clients got their echo\n", echoed, CLIENTS);
  return echoed == CLIENTS ? 0 : 1;
}
