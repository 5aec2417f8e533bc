// What the tests share: threads, loops that are run until something has happened, a watchdog, and
// processes that are expected to die.
#ifndef ROUSE_TESTS_SUPPORT_H
#define ROUSE_TESTS_SUPPORT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <rouse/rouse.h>

#include "check.h"
#include "seed.h"

#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
#define TEST_SANITIZED 1
#elif defined __has_feature
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define TEST_SANITIZED 1
#endif
#endif
#ifndef TEST_SANITIZED
#define TEST_SANITIZED 0
#endif

enum { MICROSECOND = 1000, MILLISECOND = 1000000 };
#define SECOND INT64_C(1000000000)

// Fewer rounds for a test under a sanitizer or an emulator: |count| divided by what the machine
// needs.
int test_scaled(int count);

// Ends the whole test program as skipped, and says why.
_Noreturn __attribute__((format(printf, 1, 2))) void test_skip(const char *format, ...);

// --- a watchdog ----------------------------------------------------------------------------------

// Ends the process with the seed and the state (check_on_failure()) if nobody calls
// watchdog_progress() for a long time (20 seconds, more where everything is slow).
void watchdog_start(void);
void watchdog_progress(void);
void watchdog_stop(void);

// --- threads -------------------------------------------------------------------------------------

typedef void test_thread_fn(void *argument);
typedef struct test_thread {
  pthread_t thread;
  test_thread_fn *function;
  void *argument;
} test_thread;
void test_thread_start(test_thread *thread, test_thread_fn *function, void *argument);
void test_thread_join(test_thread *thread);

// --- flags between threads: ordered like a mutex, invisible to the library -----------------------

typedef struct test_flag {
  uint32_t raw;
} test_flag;
static inline void test_flag_set(test_flag *flag) {
  __atomic_add_fetch(&flag->raw, 1, __ATOMIC_RELEASE);
}
static inline uint32_t test_flag_read(const test_flag *flag) {
  return __atomic_load_n(&flag->raw, __ATOMIC_ACQUIRE);
}
// Waits, spinning and then sleeping, until the flag was set |times| times.
void test_flag_await(const test_flag *flag, uint32_t times);

// --- loops ---------------------------------------------------------------------------------------

// A loop with default options for the calling thread.
rouse_loop *test_loop_create(void);
// Destroys it; nothing may be pending.
void test_loop_destroy(rouse_loop *loop);
// Runs |loop| until |*done| is at least |times|.
void test_loop_run_until(rouse_loop *loop, const int *done, int times);
// Runs |loop| as long as there is something to run without sleeping.
void test_loop_settle(rouse_loop *loop);
// rouse_run() with |loops| loops; must succeed. What |function| returned.
int64_t test_run(uint32_t loops, rouse_task_fn *function, void *argument);
int64_t test_run_options(const rouse_run_options *options, rouse_task_fn *function, void *argument);
// rouse_task_spawn(), which must succeed.
rouse_task *test_spawn(rouse_loop *loop, rouse_task_fn *function, void *argument);
// rouse_task_join(), which must succeed. The task's result.
int64_t test_join(rouse_task *task);

// A wait that counts its completions and keeps the last result.
typedef struct test_wait {
  rouse_wait wait;
  int completed;
  int result;
  int order;  // the number of its completion among all that share |counter|
  int *counter;
} test_wait;
void test_wait_init(test_wait *wait, rouse_loop *loop, int *counter);

// The same for an operation.
typedef struct test_io {
  rouse_io io;
  int completed;
  int reported;    // what the callback was given
  int64_t result;  // rouse_io_result()
  int order;
  int *counter;
} test_io;
void test_io_init(test_io *io, rouse_loop *loop, int *counter);

// --- processes -----------------------------------------------------------------------------------

// Runs |function| in a child process. Its status, 0 if it returned; what it wrote to stderr goes to
// |output|.
int test_in_child(void (*function)(void *), void *argument, char *output, size_t size);
// Whether |status| says that the child ended by abort(), or by an access to what is no memory.
bool test_was_aborted(int status);
bool test_was_faulted(int status);
// Sets a variable of this process's environment; NULL: there is none.
void test_environment_set(const char *name, const char *value);
// |function| must die by an assertion whose message contains |sentence|. Does nothing in builds
// without assertions.
void test_expect_death(void (*function)(void *), void *argument, const char *sentence);
// |function| must return in a child process (which then ends with 0).
void test_expect_clean_child(void (*function)(void *), void *argument);

// A child process that lives until it is let go, or this process has ended, and then exits with
// |code|. Below 0: where there are signals it is killed by -|code|.
typedef struct test_child {
  int64_t pid;
  rouse_fd leash;   // 0: it was let go
  intptr_t system;  // a handle, where there are such
} test_child;
void test_child_start(test_child *child, int code);
void test_child_release(test_child *child);
// Waits until it has ended, and has the system forget it if nobody has collected its end.
void test_child_reap(test_child *child);

// --- files ---------------------------------------------------------------------------------------

// A new empty directory, removed with all in it by test_directory_remove().
void test_directory_make(char *path, size_t size);
void test_directory_remove(const char *path);
// Opens it for use as the directory of operations.
rouse_fd test_directory_open(const char *path);

typedef struct test_status {
  bool is_directory, is_link;
  uint64_t size, inode, links;
} test_status;
// Looks at |name| in |directory|, following no link. False: there is nothing.
bool test_status_of(const char *directory, const char *name, test_status *out_status);
bool test_exists(const char *directory, const char *name);
// An empty file that goes away when it is closed.
rouse_fd test_file_unnamed(void);
// Reads without the library.
int64_t test_file_read(rouse_fd fd, void *buffer, size_t size, uint64_t offset);

// --- descriptors: made, used and closed without the library --------------------------------------

// ends[0] reads what ends[1] writes.
void test_pipe(rouse_fd ends[2]);
// Two stream sockets that are connected.
void test_pair(rouse_fd ends[2]);
// A stream socket of |family|.
rouse_fd test_socket(int family);
// Whether the system's calls on it wait (O_NONBLOCK).
void test_socket_set_waits(rouse_fd fd, bool waits);
// Makes its close a reset of the connection.
void test_socket_reset_on_close(rouse_fd fd);
// Gives it little room for bytes in either direction.
void test_socket_narrow(rouse_fd fd);
// Whether it does without Nagle's delay.
bool test_socket_sends_at_once(rouse_fd fd);
// A byte of a pipe or a socket.
void test_put(rouse_fd fd, char byte);
char test_take(rouse_fd fd);
// Whether a byte could be taken from the pipe |fd|.
bool test_has_input(rouse_fd fd);
// Another descriptor of the same.
rouse_fd test_duplicate(rouse_fd fd);
void test_close(rouse_fd fd);
// Whether |fd| is open, by this process's own doing.
bool test_is_open(rouse_fd fd);
// Whether a program that this process starts would have it, too.
bool test_is_inherited(rouse_fd fd);
// How many descriptors this process has open.
int open_descriptors(void);
// Has the system allow this process as many as it can be made to. How many it may have open.
int test_descriptors_most(void);

#endif
