// The backend "iocp": the doorbell, handles that are waited for, pipes, sockets and files by
// overlapped operations, handles that several loops use, and cancels against all of them.
#include "sockets.h"
// The sockets' headers come first.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "../support/support.h"
#include "runtime/backend.h"

// --- help ----------------------------------------------------------------------------------------

#define check_windows(condition)                                                                   \
  ((condition) ? (void)0                                                                           \
               : check_equal_at(__FILE__, __LINE__, #condition, (int64_t)GetLastError(), 0))

static rouse_fd event_make(bool manual, bool set) {
  HANDLE event = CreateEventW(NULL, manual, set, NULL);
  check_windows(event != NULL);
  return rouse_fd_from_handle(event);
}

static HANDLE handle(rouse_fd fd) { return rouse_fd_to_handle(fd); }

static bool is_signalled(rouse_fd fd) {
  return WaitForSingleObject(handle(fd), 0) == WAIT_OBJECT_0;
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((u_short)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static rouse_fd listener_make(void) {
  struct sockaddr_in address = loopback(0);
  rouse_fd listener = rouse_tcp_listen((struct sockaddr *)&address, sizeof address, 0);
  check(listener > 0);
  return listener;
}

static rouse_fd connect_to(rouse_fd listener) {
  struct sockaddr_in address = loopback(rouse_tcp_port(listener));
  rouse_fd fd = rouse_tcp_connect((struct sockaddr *)&address, sizeof address, ROUSE_FOREVER);
  check(fd > 0);
  return fd;
}

static int64_t soon(void) { return rouse_deadline_in_ns(20 * MILLISECOND); }

static const char *pipe_name(void) {
  static char name[64];
  static int number;
  snprintf(name, sizeof name, "//./pipe/rouse-test-%lu-%d", GetCurrentProcessId(), number++);
  return name;
}

static void run_as_task(void **state, rouse_task_fn *function) {
  (void)state;
  check_equal(test_run(1, function, NULL), 0);
}
#define TASK_TEST(name)                                                                            \
  static int64_t name##_task(void *unused);                                                        \
  static void name(void **state) { run_as_task(state, name##_task); }                              \
  static int64_t name##_task(void *unused)

// --- the port ------------------------------------------------------------------------------------

TASK_TEST(default_loop_sleeps_in_a_port) {
  (void)unused;
  check_string(rouse_loop_backend(rouse_loop_here()), "iocp");
  check_string(rouse_loop_doorbell(rouse_loop_here()), "port");
  return 0;
}

static void set_soon(void *event) {
  rouse_task_sleep_ns(2 * MILLISECOND);
  rouse_event_set(event);
}

static void bell_ends_the_sleep_and_is_heard_once(void **state) {
  (void)state;
  rouse_loop *loop;
  rouse_loop_options options = {.spin_ns = -1};
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  rouse_event event = ROUSE_EVENT_INIT;
  test_wait wait;
  test_wait_init(&wait, loop, NULL);
  for (int i = 0; i < 20; i++) {
    rouse_event_reset(&event);
    wait.completed = 0;
    check_result(rouse_event_wait_start(&event, &wait.wait, ROUSE_FOREVER), ROUSE_PENDING);
    test_thread thread;
    test_thread_start(&thread, set_soon, &event);
    while (!wait.completed) check(rouse_loop_run_once(loop, ROUSE_FOREVER) >= 0);
    test_thread_join(&thread);
  }
  test_loop_destroy(loop);  // which hears every bell that it is owed
}

// --- handles -------------------------------------------------------------------------------------

TASK_TEST(wait_ends_when_the_handle_is_signalled) {
  (void)unused;
  rouse_fd set = event_make(false, true), clear = event_make(false, false);
  check_result(rouse_handle_wait(set, ROUSE_FOREVER), ROUSE_DONE);
  check(!is_signalled(set));  // it has reset itself
  check_result(rouse_handle_wait(clear, soon()), ROUSE_ETIMEDOUT);
  check(SetEvent(handle(clear)));
  check(is_signalled(clear));  // nobody waits for it any more
  check_result(rouse_handle_wait(rouse_fd_from_handle((HANDLE)(intptr_t)0xfff0), ROUSE_FOREVER),
               ROUSE_EBADF);
  check_result(rouse_handle_wait(rouse_fd_from_handle(GetCurrentProcess()), soon()), ROUSE_EBADF);
  check_result(rouse_handle_wait(rouse_fd_from_handle(GetCurrentThread()), soon()), ROUSE_EBADF);
  check_result(rouse_file_close(set), ROUSE_DONE);
  check_result(rouse_file_close(clear), ROUSE_DONE);
  return 0;
}

struct ping {
  rouse_fd here, there;
  int rounds;
};

static void answer(void *argument) {
  struct ping *ping = argument;
  for (int i = 0; i < ping->rounds; i++) {
    check(WaitForSingleObject(handle(ping->there), INFINITE) == WAIT_OBJECT_0);
    check(SetEvent(handle(ping->here)));
  }
}

TASK_TEST(each_signal_of_an_event_ends_one_wait) {
  (void)unused;
  struct ping ping = {event_make(false, false), event_make(false, false), test_scaled(200)};
  test_thread thread;
  test_thread_start(&thread, answer, &ping);
  for (int i = 0; i < ping.rounds; i++) {
    check(SetEvent(handle(ping.there)));
    check_result(rouse_handle_wait(ping.here, ROUSE_FOREVER), ROUSE_DONE);
  }
  test_thread_join(&thread);
  check(!is_signalled(ping.here));
  rouse_file_close(ping.here);
  rouse_file_close(ping.there);
  return 0;
}

static void set_event(void *event) { check(SetEvent(event)); }

// The signal is either reported or still there: never lost.
static void cancel_against_signal_loses_no_signal(void **state) {
  (void)state;
  rouse_loop *loop = test_loop_create();
  int granted = 0;
  for (int i = 0; i < test_scaled(300); i++) {
    rouse_fd event = event_make(false, false);
    test_io wait;
    test_io_init(&wait, loop, NULL);
    check_result(rouse_handle_wait_start(&wait.io, event, ROUSE_FOREVER), ROUSE_PENDING);
    test_thread thread;
    test_thread_start(&thread, set_event, handle(event));
    for (int spin = 0; spin < i % 50; spin++) rouse_loop_run_once(loop, 0);
    if (!wait.completed) rouse_wait_cancel(&wait.io.wait);
    test_loop_run_until(loop, &wait.completed, 1);
    test_thread_join(&thread);
    if (wait.result == ROUSE_DONE) {
      granted++;
      check(!is_signalled(event));
    } else {
      check_result(wait.result, ROUSE_ECANCELED);
      check(is_signalled(event));
    }
    CloseHandle(handle(event));
  }
  test_loop_destroy(loop);
}

TASK_TEST(waitable_timer_ends_a_wait) {
  (void)unused;
  HANDLE timer = CreateWaitableTimerW(NULL, TRUE, NULL);
  check_windows(timer != NULL);
  LARGE_INTEGER due = {.QuadPart = -10 * 10000};  // 10 ms from now
  int64_t begun = rouse_now_ns();
  check_windows(SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE));
  check_result(rouse_handle_wait(rouse_fd_from_handle(timer), ROUSE_FOREVER), ROUSE_DONE);
  check(rouse_now_ns() - begun >= 5 * MILLISECOND);
  CloseHandle(timer);
  return 0;
}

static HANDLE start_process(const wchar_t *arguments) {
  wchar_t line[64];
  wcscpy(line, arguments);
  STARTUPINFOW startup = {.cb = sizeof startup};
  PROCESS_INFORMATION child;
  check_windows(CreateProcessW(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &child));
  CloseHandle(child.hThread);
  return child.hProcess;
}

TASK_TEST(end_of_a_process_ends_a_wait_and_tells_how) {
  (void)unused;
  HANDLE child = start_process(L"cmd.exe /c exit 7");
  rouse_fd process = rouse_process_open((int64_t)GetProcessId(child));
  check(process > 0);
  rouse_process_end end;
  check_result(rouse_process_wait(process, &end, ROUSE_FOREVER), ROUSE_DONE);
  check(end.known);
  check_equal(end.exit_code, 7);
  check_result(rouse_handle_wait(rouse_fd_from_handle(child), ROUSE_FOREVER), ROUSE_DONE);
  check_result(rouse_file_close(process), ROUSE_DONE);
  CloseHandle(child);
  check_result(rouse_process_open(0), ROUSE_EINVAL);
  return 0;
}

TASK_TEST(hundreds_of_handles_are_waited_for_at_a_time) {
  (void)unused;
  enum { COUNT = 300 };
  static rouse_fd events[COUNT];
  static test_io waits[COUNT];
  for (int i = 0; i < COUNT; i++) {
    events[i] = event_make(true, false);
    test_io_init(&waits[i], NULL, NULL);
    check_result(rouse_handle_wait_start(&waits[i].io, events[i], ROUSE_FOREVER), ROUSE_PENDING);
  }
  for (int i = COUNT - 1; i >= 0; i--) {
    check(SetEvent(handle(events[i])));
    while (!waits[i].completed) rouse_task_sleep_ns(MILLISECOND);
    check_result(waits[i].result, ROUSE_DONE);
    CloseHandle(handle(events[i]));
  }
  return 0;
}

static void environment_rules_packets_out(void **state) {
  (void)state;
  static rouse_probe probe;
  check_windows(SetEnvironmentVariableA("ROUSE_IOCP_WITHOUT", "wait_packets"));
  _putenv("ROUSE_IOCP_WITHOUT=wait_packets");
  check_result(rouse_probe_run(&probe), ROUSE_DONE);
  bool found = false;
  for (uint32_t i = 0; i < probe.feature_count; i++) {
    if (strcmp(probe.features[i].name, "wait_packets")) continue;
    found = true;
    check(!probe.features[i].available);
    check(strstr(probe.features[i].detail, "RegisterWaitForSingleObject") != NULL);
  }
  check(found);
  check_equal(test_run(1, each_signal_of_an_event_ends_one_wait_task, NULL), 0);
  _putenv("ROUSE_IOCP_WITHOUT=");
}

// --- pipes ---------------------------------------------------------------------------------------

static rouse_fd pipe_client(const char *name) {
  return rouse_file_open(ROUSE_FD_CWD, name, O_RDWR, 0);
}

static int64_t accept_pipe(void *fd) { return rouse_pipe_accept(*(rouse_fd *)fd, ROUSE_FOREVER); }

static void pipe_pair(rouse_fd out[2]) {
  const char *name = pipe_name();
  out[0] = rouse_pipe_listen(name, true);
  check(out[0] > 0);
  rouse_task *task = test_spawn(NULL, accept_pipe, &out[0]);
  rouse_task_yield();
  out[1] = pipe_client(name);
  check(out[1] > 0);
  check_result(test_join(task), ROUSE_DONE);
}

TASK_TEST(named_pipe_carries_bytes_both_ways) {
  (void)unused;
  rouse_fd ends[2];
  char buffer[8] = {0};
  pipe_pair(ends);
  check_equal(rouse_file_write(ends[1], "question", 8, ROUSE_OFFSET_CURRENT), 8);
  check_equal(rouse_file_read(ends[0], buffer, 8, ROUSE_OFFSET_CURRENT), 8);
  check(!memcmp(buffer, "question", 8));
  check_equal(rouse_file_write(ends[0], "answer", 6, 0), 6);
  check_equal(rouse_file_read(ends[1], buffer, 8, ROUSE_OFFSET_CURRENT), 6);
  check(!memcmp(buffer, "answer", 6));
  check_result(rouse_file_close(ends[0]), ROUSE_DONE);
  check_equal(rouse_file_read(ends[1], buffer, 8, ROUSE_OFFSET_CURRENT), 0);
  check_result(rouse_file_write(ends[1], "more", 4, ROUSE_OFFSET_CURRENT), ROUSE_EPIPE);
  check_result(rouse_file_close(ends[1]), ROUSE_DONE);
  return 0;
}

TASK_TEST(read_of_spans_takes_what_a_pipe_has_and_waits_for_no_more) {
  (void)unused;
  rouse_fd ends[2];
  char first[4], second[4], third[4];
  rouse_span spans[3] = {{first, 4}, {second, 4}, {third, 4}};
  pipe_pair(ends);
  check_equal(rouse_file_write(ends[1], "12345678", 8, ROUSE_OFFSET_CURRENT), 8);
  check_equal(rouse_file_read_spans(ends[0], spans, 3, ROUSE_OFFSET_CURRENT, ROUSE_FOREVER), 8);
  check(!memcmp(first, "1234", 4) && !memcmp(second, "5678", 4));
  rouse_span parts[2] = {{first, 4}, {second, 4}};
  check_equal(rouse_file_write_spans(ends[0], parts, 2, ROUSE_OFFSET_CURRENT, ROUSE_FOREVER), 8);
  char all[9] = {0};
  int64_t got = 0;
  while (got < 8) {
    int64_t part = rouse_file_read(ends[1], all + got, (size_t)(8 - got), ROUSE_OFFSET_CURRENT);
    check(part > 0);
    got += part;
  }
  check_string(all, "12345678");
  rouse_file_close(ends[0]);
  rouse_file_close(ends[1]);
  return 0;
}

TASK_TEST(instance_of_a_pipe_has_one_client) {
  (void)unused;
  const char *name = pipe_name();
  check_result(pipe_client(name), ROUSE_ENOENT);
  rouse_fd pipe = rouse_pipe_listen(name, true);
  check(pipe > 0);
  rouse_fd client = pipe_client(name);
  check(client > 0);
  check_result(rouse_pipe_accept(pipe, ROUSE_FOREVER), ROUSE_DONE);  // it has come already
  check_result(pipe_client(name), ROUSE_EBUSY);
  rouse_fd first = rouse_pipe_listen(name, true);
  if (first > 0) {
    rouse_file_close(first);  // Wine does not know the flag
  } else {
    check_result(first, ROUSE_EACCES);
  }
  rouse_fd another = rouse_pipe_listen(name, false);
  check(another > 0);
  check_result(rouse_pipe_accept(another, soon()), ROUSE_ETIMEDOUT);
  rouse_file_close(another);
  rouse_file_close(client);
  rouse_file_close(pipe);
  check_result(rouse_pipe_listen("//./pipe/", true), ROUSE_EINVAL);
  check_result(rouse_pipe_listen("\xff", true), ROUSE_EINVAL);
  return 0;
}

TASK_TEST(read_of_a_pipe_is_cancelled_timed_out_and_cut_by_a_close) {
  (void)unused;
  rouse_fd ends[2];
  char buffer[8];
  pipe_pair(ends);
  check_result(rouse_file_read_until(ends[0], buffer, 8, 0, soon()), ROUSE_ETIMEDOUT);
  test_io read;
  test_io_init(&read, NULL, NULL);
  check_result(rouse_file_read_start(&read.io, ends[0], buffer, 8, 0, ROUSE_FOREVER),
               ROUSE_PENDING);
  rouse_wait_cancel(&read.io.wait);
  while (!read.completed) rouse_task_sleep_ns(MILLISECOND);
  check_result(read.result, ROUSE_ECANCELED);
  read.completed = 0;
  check_result(rouse_file_read_start(&read.io, ends[0], buffer, 8, 0, ROUSE_FOREVER),
               ROUSE_PENDING);
  check_result(rouse_file_close(ends[0]), ROUSE_DONE);
  while (!read.completed) rouse_task_sleep_ns(MILLISECOND);
  check_result(read.result, ROUSE_EBADF);
  rouse_file_close(ends[1]);
  return 0;
}

// --- sockets -------------------------------------------------------------------------------------

TASK_TEST(accept_and_receive_are_cancelled_timed_out_and_cut_by_a_close) {
  (void)unused;
  rouse_fd listener = listener_make();
  check_result(rouse_tcp_accept(listener, soon()), ROUSE_ETIMEDOUT);
  rouse_fd client = connect_to(listener);
  rouse_fd server = rouse_tcp_accept(listener, ROUSE_FOREVER);
  check(server > 0);
  char buffer[8];
  check_result(rouse_tcp_receive(server, buffer, 8, soon()), ROUSE_ETIMEDOUT);
  test_io receive, accept;
  test_io_init(&receive, NULL, NULL);
  test_io_init(&accept, NULL, NULL);
  check_result(rouse_tcp_receive_start(&receive.io, server, buffer, 8, ROUSE_FOREVER),
               ROUSE_PENDING);
  check_result(rouse_tcp_accept_start(&accept.io, listener, ROUSE_FOREVER), ROUSE_PENDING);
  rouse_wait_cancel(&accept.io.wait);
  check_result(rouse_file_close(server), ROUSE_DONE);
  while (!accept.completed || !receive.completed) rouse_task_sleep_ns(MILLISECOND);
  check_result(accept.result, ROUSE_ECANCELED);
  check_result(receive.result, ROUSE_EBADF);
  rouse_file_close(client);
  rouse_file_close(listener);
  return 0;
}

TASK_TEST(readiness_of_a_socket_is_reported) {
  (void)unused;
  rouse_fd listener = listener_make();
  rouse_fd client = connect_to(listener);
  check_equal(rouse_fd_poll(listener, POLLRDNORM, ROUSE_FOREVER), POLLRDNORM);
  rouse_fd server = rouse_tcp_accept(listener, ROUSE_FOREVER);
  check(server > 0);
  check_equal(rouse_fd_poll(server, POLLOUT, ROUSE_FOREVER), POLLOUT);
  check_result(rouse_fd_poll(server, POLLRDNORM, soon()), ROUSE_ETIMEDOUT);
  check_equal(rouse_tcp_send(client, "x", 1, ROUSE_FOREVER), 1);
  check_equal(rouse_fd_poll(server, POLLRDNORM, ROUSE_FOREVER), POLLRDNORM);
  char byte;
  check_equal(rouse_tcp_receive(server, &byte, 1, ROUSE_FOREVER), 1);
  test_io poll;
  test_io_init(&poll, NULL, NULL);
  check_result(rouse_fd_poll_start(&poll.io, server, POLLRDNORM, ROUSE_FOREVER), ROUSE_PENDING);
  check_result(rouse_tcp_shutdown(client, SHUT_WR), ROUSE_DONE);
  while (!poll.completed) rouse_task_sleep_ns(MILLISECOND);
  check(poll.result > 0 && (poll.result & POLLRDNORM));
  rouse_file_close(client);
  rouse_file_close(server);
  rouse_file_close(listener);
  return 0;
}

// --- handles that several loops use --------------------------------------------------------------

static int64_t accept_one(void *listener) {
  rouse_fd fd = rouse_tcp_accept(*(rouse_fd *)listener, ROUSE_FOREVER);
  check(fd > 0);
  check_equal(rouse_tcp_send(fd, "hi", 2, ROUSE_FOREVER), 2);
  check_result(rouse_file_close(fd), ROUSE_DONE);
  return 0;
}

static int64_t share_a_listener(void *unused) {
  (void)unused;
  enum { LOOPS = 3, ROUNDS = 10 };
  rouse_fd listener = listener_make();
  for (int round = 0; round < ROUNDS; round++) {
    rouse_task *tasks[LOOPS];
    for (uint32_t i = 0; i < LOOPS; i++) {
      tasks[i] = test_spawn(rouse_run_loop(i), accept_one, &listener);
    }
    for (int i = 0; i < LOOPS; i++) {
      char buffer[4];
      rouse_fd client = connect_to(listener);
      check_equal(rouse_tcp_receive(client, buffer, 4, ROUSE_FOREVER), 2);
      check_equal(rouse_tcp_receive(client, buffer, 4, ROUSE_FOREVER), 0);
      check_result(rouse_file_close(client), ROUSE_DONE);
    }
    for (int i = 0; i < LOOPS; i++) test_join(tasks[i]);
  }
  check_result(rouse_file_close(listener), ROUSE_DONE);
  return 0;
}

static void loops_share_a_listener(void **state) {
  (void)state;
  check_equal(test_run(3, share_a_listener, NULL), 0);
}

static int64_t accept_and_receive(void *pair) {
  rouse_fd *fds = pair;
  char byte = 0;
  if (!fds[1]) {
    rouse_fd client = connect_to(fds[0]);
    fds[1] = rouse_tcp_accept(fds[0], ROUSE_FOREVER);
    check(fds[1] > 0);
    check_equal(rouse_tcp_send(client, "abc", 3, ROUSE_FOREVER), 3);
    fds[2] = client;
  }
  check_equal(rouse_tcp_receive(fds[1], &byte, 1, ROUSE_FOREVER), 1);
  check_result(rouse_tcp_accept(fds[0], soon()), ROUSE_ETIMEDOUT);
  return byte;
}

// The port that a handle belongs to may be gone: the next loop can use the handle all the same.
static void handle_outlives_the_loop_that_used_it_first(void **state) {
  (void)state;
  rouse_fd fds[3] = {listener_make(), 0, 0};
  check_equal(test_run(1, accept_and_receive, fds), 'a');
  check_equal(test_run(1, accept_and_receive, fds), 'b');
  check_equal(test_run(1, accept_and_receive, fds), 'c');
  for (int i = 0; i < 3; i++) closesocket(rouse_fd_to_socket(fds[i]));
}

static int64_t ping_through(void *unused) {
  (void)unused;
  // Handles that were closed behind our back leave their numbers to others.
  for (int i = 0; i < 20; i++) {
    rouse_fd listener = listener_make(), client = connect_to(listener);
    rouse_fd server = rouse_tcp_accept(listener, ROUSE_FOREVER);
    char byte;
    check_equal(rouse_tcp_send(client, "x", 1, ROUSE_FOREVER), 1);
    check_equal(rouse_tcp_receive(server, &byte, 1, ROUSE_FOREVER), 1);
    closesocket(rouse_fd_to_socket(server));
    closesocket(rouse_fd_to_socket(client));
    closesocket(rouse_fd_to_socket(listener));
  }
  return 0;
}

static int64_t ping_on_all(void *unused) {
  (void)unused;
  for (int round = 0; round < 5; round++) {
    for (uint32_t i = 0; i < 2; i++) {
      test_join(test_spawn(rouse_run_loop(i), ping_through, NULL));
    }
  }
  return 0;
}

static void numbers_of_closed_handles_are_used_again(void **state) {
  (void)state;
  check_equal(test_run(2, ping_on_all, NULL), 0);
}

// --- last errors ---------------------------------------------------------------------------------

TASK_TEST(errno_and_the_last_error_are_left_alone) {
  (void)unused;
  rouse_fd event = event_make(true, true);
  char byte;
  errno = 77;
  SetLastError(1234);
  check_result(rouse_handle_wait(event, ROUSE_FOREVER), ROUSE_DONE);
  check_result(rouse_file_read(event, &byte, 1, 0), ROUSE_EBADF);
  check_result(rouse_file_open(ROUSE_FD_CWD, "no such file", O_RDONLY, 0), ROUSE_ENOENT);
  check_result(rouse_tcp_port(event), ROUSE_ENOTSOCK);
  rouse_fd listener = rouse_tcp_listen(&(struct sockaddr){.sa_family = 99}, 16, 0);
  check(listener < 0);
  rouse_task_sleep_ns(MILLISECOND);
  check_equal(GetLastError(), 1234);
  check_equal(errno, 77);
  rouse_file_close(event);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(default_loop_sleeps_in_a_port),
      cmocka_unit_test(bell_ends_the_sleep_and_is_heard_once),
      cmocka_unit_test(wait_ends_when_the_handle_is_signalled),
      cmocka_unit_test(each_signal_of_an_event_ends_one_wait),
      cmocka_unit_test(cancel_against_signal_loses_no_signal),
      cmocka_unit_test(waitable_timer_ends_a_wait),
      cmocka_unit_test(end_of_a_process_ends_a_wait_and_tells_how),
      cmocka_unit_test(hundreds_of_handles_are_waited_for_at_a_time),
      cmocka_unit_test(environment_rules_packets_out),
      cmocka_unit_test(named_pipe_carries_bytes_both_ways),
      cmocka_unit_test(read_of_spans_takes_what_a_pipe_has_and_waits_for_no_more),
      cmocka_unit_test(instance_of_a_pipe_has_one_client),
      cmocka_unit_test(read_of_a_pipe_is_cancelled_timed_out_and_cut_by_a_close),
      cmocka_unit_test(accept_and_receive_are_cancelled_timed_out_and_cut_by_a_close),
      cmocka_unit_test(readiness_of_a_socket_is_reported),
      cmocka_unit_test(loops_share_a_listener),
      cmocka_unit_test(handle_outlives_the_loop_that_used_it_first),
      cmocka_unit_test(numbers_of_closed_handles_are_used_again),
      cmocka_unit_test(errno_and_the_last_error_are_left_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
