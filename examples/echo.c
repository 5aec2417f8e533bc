// A TCP echo server with a task per connection. With --port it serves until SIGTERM or SIGINT;
// without it a crowd of its own clients tries it, and it ends.
//
// One loop accepts and gives the connections to all loops in turn. The number of those served at
// once is bounded by a semaphore: when it is used up, the next ones wait to be accepted. At the
// end of the first task all others are cancelled: each sends back what it has received, and
// closes.
#include <rouse/rouse.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CLIENTS = 200, ROUNDS = 20, BACKLOG = 4096, BUFFER = 16384 };
static const int64_t GRACE_NS = INT64_C(2000000000);

static struct {
  int port;
  bool serves;
  rouse_run_options run;
} options = {.run.loops = 1};

static rouse_semaphore slots = ROUSE_SEMAPHORE_INIT(10000);
static atomic_ullong served;
static atomic_int echoed;
static rouse_fd signals;
static int port;

// --- the server ----------------------------------------------------------------------------------

// Sends what is left of an answer when the task is cancelled. It has a little time for it.
static void send_rest(int fd, const char *rest, size_t size) {
  rouse_task_shield(true);
  rouse_tcp_send_all(fd, rest, size, rouse_deadline_in_ns(GRACE_NS));
}

// Each answer goes out together with the wait for the next question. The connection is registered,
// which spares a ring the look for its file at each of them; where that can't be, nothing is lost.
static int64_t serve(void *argument) {
  int fd = (int)(intptr_t)argument;
  char buffer[BUFFER];
  rouse_loop_register_file(rouse_loop_here(), fd);
  size_t size = 0, sent;
  int64_t got;
  while ((got = rouse_tcp_exchange(fd, buffer, size, &sent, buffer, sizeof buffer, ROUSE_FOREVER)) >
         0) {
    size = (size_t)got;
  }
  if (got == ROUSE_ECANCELED && sent < size) send_rest(fd, buffer + sent, size - sent);
  rouse_file_close(fd);
  rouse_semaphore_release(&slots, 1);
  atomic_fetch_add(&served, 1);
  return 0;
}

// Gives the connection to the next loop in turn. False: it could not be taken, and is closed.
static bool hand_over(int fd) {
  static uint32_t next;
  rouse_loop *loop = rouse_run_loop(next++ % rouse_run_loop_count());
  if (!rouse_task_spawn(NULL, loop, serve, (void *)(intptr_t)fd)) return true;
  rouse_file_close(fd);
  return false;
}

static int64_t accept_all(void *argument) {
  int listener = (int)(intptr_t)argument;
  while (rouse_semaphore_acquire(&slots, 1) == ROUSE_DONE) {
    int fd = rouse_tcp_accept(listener, ROUSE_FOREVER);
    if (fd == ROUSE_ECANCELED) break;
    if (fd >= 0 && hand_over(fd)) continue;
    rouse_semaphore_release(&slots, 1);
    // Without descriptors or memory: some come back when others end.
    if (fd != ROUSE_ECONNABORTED && rouse_task_sleep_ns(10000000)) break;
  }
  rouse_file_close(listener);
  return 0;
}

// --- the clients ---------------------------------------------------------------------------------

static bool call(int fd, int number, int round) {
  char text[64], back[64];
  size_t length = (size_t)snprintf(text, sizeof text, "client %d, round %d", number, round),
         got = 0;
  int64_t size = rouse_tcp_exchange(fd, text, length, NULL, back, sizeof back, ROUSE_FOREVER);
  while (size > 0 && (got += (size_t)size) < length) {
    size = rouse_tcp_receive(fd, back + got, sizeof back - got, ROUSE_FOREVER);
  }
  return got == length && !memcmp(text, back, length);
}

static int64_t client(void *argument) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int number = (int)(intptr_t)argument, round = 0;
  int fd = rouse_tcp_connect((struct sockaddr *)&address, sizeof address, ROUSE_FOREVER);
  if (fd < 0) return fd;
  while (round < ROUNDS && call(fd, number, round)) round++;
  if (round == ROUNDS) atomic_fetch_add(&echoed, 1);
  return rouse_file_close(fd);
}

static void run_clients(void) {
  static rouse_task *clients[CLIENTS];
  uint32_t loops = rouse_run_loop_count();
  for (int i = 0; i < CLIENTS; i++) {
    rouse_loop *loop = rouse_run_loop((uint32_t)i % loops);
    if (rouse_task_spawn(&clients[i], loop, client, (void *)(intptr_t)i)) clients[i] = NULL;
  }
  for (int i = 0; i < CLIENTS; i++) {
    if (clients[i]) rouse_task_join(clients[i], NULL);
  }
}

// --- all of it -----------------------------------------------------------------------------------

static const int orders[] = {SIGINT, SIGTERM};
enum { ORDERS = sizeof orders / sizeof *orders };

static int64_t main_task(void *argument) {
  (void)argument;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int listener = rouse_tcp_listen((struct sockaddr *)&address, sizeof address, BACKLOG);
  if (listener < 0) return listener;
  port = rouse_tcp_port(listener);
  int refused = rouse_task_spawn(NULL, NULL, accept_all, (void *)(intptr_t)listener);
  if (refused) {
    rouse_file_close(listener);
    return refused;
  }
  if (!options.serves) {
    run_clients();
    return 0;
  }
  printf("echo: ready on 127.0.0.1:%d (%s, %u loops)\n", port,
         rouse_loop_backend(rouse_loop_here()), rouse_run_loop_count());
  fflush(stdout);
  // The first signal is an order to finish: when this returns all other tasks are cancelled.
  rouse_signal order;
  int failed = rouse_signal_wait(signals, &order, ROUSE_FOREVER);
  rouse_file_close(signals);
  return failed ? failed : rouse_signal_unblock(orders, ORDERS);  // another one acts as ever
}

static _Noreturn void explain(int status) {
  fputs(
      "usage: echo [--port N] [--loops N] [--backend NAME]\n"
      "With --port (0: any, printed) it serves on 127.0.0.1 until SIGTERM or SIGINT; without it "
      "tries itself.\n",
      status ? stderr : stdout);
  exit(status);
}

static unsigned number_of(const char *text, unsigned long most) {
  char *end;
  unsigned long number = strtoul(text, &end, 10);
  if (*text < '0' || *text > '9' || *end || number > most) explain(2);
  return (unsigned)number;
}

static void read_options(int argc, char **argv) {
  for (int i = 1; i < argc; i += 2) {
    if (!strcmp(argv[i], "--help")) explain(0);
    if (i + 1 == argc) explain(2);
    if (!strcmp(argv[i], "--port")) {
      options.port = (int)number_of(argv[i + 1], 65535);
      options.serves = true;
    } else if (!strcmp(argv[i], "--loops")) {
      options.run.loops = number_of(argv[i + 1], 1024);
    } else if (!strcmp(argv[i], "--backend")) {
      options.run.loop.backend = argv[i + 1];
    } else {
      explain(2);
    }
  }
}

int main(int argc, char **argv) {
  int64_t result = 0;
  struct rlimit limit;
  read_options(argc, argv);
  if (!getrlimit(RLIMIT_NOFILE, &limit)) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  int failed = 0;
  if (options.serves) {
    // Before there are threads, for they inherit what is blocked.
    signals = rouse_signal_open(orders, ORDERS);
    if (signals < 0) failed = signals;
  }
  if (!failed) failed = rouse_run(&options.run, main_task, NULL, &result);
  if (failed || result) {
    fprintf(stderr, "echo: %s\n", rouse_error_message(failed ? failed : (int)result));
    return 1;
  }
  if (options.serves) {
    printf("echo: served %llu connections\n", atomic_load(&served));
    return 0;
  }
  printf("%d of %d clients got all their echoes\n", atomic_load(&echoed), CLIENTS);
  return atomic_load(&echoed) == CLIENTS ? 0 : 1;
}
