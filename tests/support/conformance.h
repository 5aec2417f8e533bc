// The conformance suite: the same claims for each backend, and each way in which it may be
// degraded. The environment says which (conformance/backends.txt).
#ifndef ROUSE_TESTS_CONFORMANCE_H
#define ROUSE_TESTS_CONFORMANCE_H

#include "support.h"

// To be called first in main(): makes sure that loops get the backend and the doorbell that the
// configuration asks for. Skips the program if the system refuses them; fails it if a loop gets
// others.
void conformance_begin(void);

// A test whose body runs as a task of one loop.
#define CONFORMANCE_CLAIM(name)                                                                    \
  static int64_t name##_body(void *argument);                                                      \
  static void name(void **state) {                                                                 \
    (void)state;                                                                                   \
    test_run(1, name##_body, NULL);                                                                \
  }                                                                                                \
  static int64_t name##_body(void *argument __attribute__((unused)))

// Runs |body| as a task of one loop, in a new empty directory: |path| (at least 200 bytes) and
// |dir|, which is open, are set before.
void conformance_in_directory(rouse_task_fn *body, char *path, rouse_fd *dir);
// A test whose body runs there; |directory| and |dir| are the program's.
#define CONFORMANCE_CLAIM_IN(name, directory, dir)                                                 \
  static int64_t name##_body(void *argument);                                                      \
  static void name(void **state) {                                                                 \
    (void)state;                                                                                   \
    conformance_in_directory(name##_body, directory, &(dir));                                      \
  }                                                                                                \
  static int64_t name##_body(void *argument __attribute__((unused)))
// A new file with |content|, open for reading and writing. In a task.
rouse_fd file_make(rouse_fd dir, const char *name, const char *content);
void file_make_closed(rouse_fd dir, const char *name, const char *content);

// A pair of TCP connections to this host: |listener| is open, too. Made with the library, in a
// task.
typedef struct tcp_pair {
  rouse_fd listener, client, server;
} tcp_pair;
rouse_fd tcp_listen_here(void);
rouse_fd tcp_connect_here(rouse_fd listener);
// The same, and gives the failure instead of ending the test.
int tcp_try_connect_here(rouse_fd listener);
tcp_pair tcp_pair_make(void);
void tcp_pair_close(tcp_pair *pair);

#endif
