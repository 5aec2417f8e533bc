// At which offsets bytes are read and written, and how many at a time, on every backend.
#include "files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../support/conformance.h"

static char directory[200];
static rouse_fd dir;

#define CLAIM(name) CONFORMANCE_CLAIM_IN(name, directory, dir)

enum { RECORDS = 32, RECORD = 4096 };

static test_io recording[RECORDS];
static rouse_span record_spans[RECORDS];

// By two descriptors of one open file, with one position.
static void start_records(const rouse_fd fds[2], char *records, bool write) {
  for (int i = 0; i < RECORDS; i++) {
    const rouse_fd fd = fds[i / 2 % 2];
    rouse_io *io = &recording[i].io;
    test_io_init(&recording[i], rouse_loop_here(), NULL);
    record_spans[i] = (rouse_span){records + (size_t)i * RECORD, RECORD};
    int started;
    if (i % 2) {
      started = write ? rouse_file_write_start(io, fd, record_spans[i].data, RECORD,
                                               ROUSE_OFFSET_CURRENT, ROUSE_FOREVER)
                      : rouse_file_read_start(io, fd, record_spans[i].data, RECORD,
                                              ROUSE_OFFSET_CURRENT, ROUSE_FOREVER);
    } else {
      started = write ? rouse_file_write_spans_start(io, fd, &record_spans[i], 1,
                                                     ROUSE_OFFSET_CURRENT, ROUSE_FOREVER)
                      : rouse_file_read_spans_start(io, fd, &record_spans[i], 1,
                                                    ROUSE_OFFSET_CURRENT, ROUSE_FOREVER);
    }
    check_result(started, ROUSE_PENDING);
  }
}

static void await_records(void) {
  for (int i = 0; i < RECORDS; i++) {
    while (!recording[i].completed) check_result(rouse_task_sleep_ns(MILLISECOND), ROUSE_DONE);
    check_equal(recording[i].result, RECORD);
  }
}

// Each record is there once.
static void check_records(const char *records) {
  int seen[RECORDS] = {0};
  for (int i = 0; i < RECORDS; i++) {
    const unsigned char number = (unsigned char)records[(size_t)i * RECORD];
    check(number < RECORDS);
    seen[number]++;
    for (size_t j = 0; j < RECORD; j++) {
      check_equal((unsigned char)records[(size_t)i * RECORD + j], number);
    }
  }
  for (int i = 0; i < RECORDS; i++) check_equal(seen[i], 1);
}

static void records_have_places(int flags) {
  char *records = aligned_alloc(RECORD, (size_t)RECORDS * RECORD);
  check(records);
  for (size_t i = 0; i < (size_t)RECORDS * RECORD; i++) records[i] = (char)(i / RECORD);
  // Not every file system can do without its cache.
  rouse_fd fd = rouse_file_open(dir, "f", O_RDWR | O_CREAT | O_TRUNC | flags, 0600);
  if (fd < 0 && flags) fd = rouse_file_open(dir, "f", O_RDWR | O_CREAT | O_TRUNC, 0600);
  check(fd >= 0);
  const rouse_fd fds[] = {fd, (rouse_fd)check_system(dup(fd))};
  start_records(fds, records, true);
  await_records();
  check_equal(lseek(fd, 0, SEEK_CUR), (off_t)RECORDS * RECORD);
  memset(records, 0xff, (size_t)RECORDS * RECORD);
  check_equal(pread(fd, records, (size_t)RECORDS * RECORD, 0), (ssize_t)RECORDS * RECORD);
  check_records(records);
  memset(records, 0xff, (size_t)RECORDS * RECORD);
  check_system(fsync(fd));
  check_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
  check_equal(lseek(fd, 0, SEEK_SET), 0);
  start_records(fds, records, false);
  await_records();
  check_records(records);
  check_equal(lseek(fd, 0, SEEK_CUR), (off_t)RECORDS * RECORD);
  free(records);
  for (int i = 0; i < 2; i++) check_result(rouse_file_close(fds[i]), ROUSE_DONE);
}

// Also when none overlaps with another.
CLAIM(current_position_moves_on_after_each_operation) {
  char *records = aligned_alloc(RECORD, RECORD);
  check(records);
  rouse_fd fd = rouse_file_open(dir, "f", O_RDWR | O_CREAT | O_DIRECT, 0600);
  if (fd < 0) fd = rouse_file_open(dir, "f", O_RDWR | O_CREAT, 0600);
  check(fd >= 0);
  for (int turn = 0; turn < 2; turn++) {
    for (int i = 0; i < RECORDS; i++) {
      memset(records, turn ? 0xff : i, RECORD);
      check_equal(turn ? rouse_file_read(fd, records, RECORD, ROUSE_OFFSET_CURRENT)
                       : rouse_file_write(fd, records, RECORD, ROUSE_OFFSET_CURRENT),
                  RECORD);
      check_equal(records[0], i);
      check_equal(lseek(fd, 0, SEEK_CUR), (off_t)(i + 1) * RECORD);
    }
    check_equal(lseek(fd, 0, SEEK_SET), 0);
  }
  free(records);
  return rouse_file_close(fd);
}

CLAIM(operations_at_the_current_position_have_places_of_their_own) {
  records_have_places(0);
  records_have_places(O_DIRECT);
  return 0;
}

// The system moves that much and no more, and does not call it a failure.
CLAIM(chain_ends_after_spans_that_are_too_much_for_one_operation) {
  const size_t size = (size_t)1 << 30;
  void *room =
      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(room != MAP_FAILED);
  // Nothing of it is touched: the device takes without looking.
  const rouse_span spans[] = {{room, size}, {room, size}};
  rouse_fd sink = rouse_file_open(ROUSE_FD_CWD, "/dev/null", O_RDWR, 0);
  check(sink >= 0);
  rouse_chain chain;
  rouse_chain_init(&chain);
  for (int i = 0; i < 2; i++) {
    test_io_init(&recording[i], rouse_loop_here(), NULL);
    rouse_chain_add(&chain, &recording[i].io);
  }
  check_result(rouse_file_write_spans_start(&recording[0].io, sink, spans, 2, 0, ROUSE_FOREVER),
               ROUSE_PENDING);
  check_result(rouse_file_mkdir_start(&recording[1].io, dir, "d", 0700, ROUSE_FOREVER),
               ROUSE_PENDING);
  check_equal(rouse_chain_wait(&chain), 0);
  check(recording[0].result > 0 && recording[0].result < (int64_t)size * 2);
  check_result(recording[1].result, ROUSE_ECANCELED);
  check(!test_exists(directory, "d"));
  check_system(munmap(room, size));
  return rouse_file_close(sink);
}

// What can't seek has no places.
CLAIM(offsets_do_not_count_where_nothing_can_seek) {
  static const uint64_t offsets[] = {1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX - 1};
  const rouse_span span = {(char[]){"y"}, 1};
  for (int pair = 0; pair < 2; pair++) {
    rouse_fd ends[2];
    if (pair) {
      test_pair(ends);
    } else {
      test_pipe(ends);
    }
    for (int i = 0; i < 4; i++) {
      char byte = 0;
      const rouse_span room = {&byte, 1};
      check_equal(rouse_file_write(ends[1], "x", 1, offsets[i]), 1);
      check_equal(rouse_file_write_spans(ends[1], &span, 1, offsets[i], ROUSE_FOREVER), 1);
      check_equal(rouse_file_read(ends[0], &byte, 1, offsets[i]), 1);
      check_equal(byte, 'x');
      check_equal(rouse_file_read_spans(ends[0], &room, 1, offsets[i], ROUSE_FOREVER), 1);
      check_equal(byte, 'y');
      check_result(
          rouse_file_read_until(ends[0], &byte, 1, offsets[i], rouse_deadline_in_ns(MILLISECOND)),
          ROUSE_ETIMEDOUT);
    }
    test_close(ends[0]);
    test_close(ends[1]);
  }
  rouse_fd fd = file_make(dir, "f", "abc");
  char byte;
  check_result(rouse_file_read(fd, &byte, 1, (uint64_t)INT64_MAX + 1), ROUSE_EINVAL);
  check_result(rouse_file_write(fd, "x", 1, UINT64_MAX - 1), ROUSE_EINVAL);
  return rouse_file_close(fd);
}

// A position is what only one can be at: a pipe has none.
CLAIM(reader_of_a_pair_does_not_hold_back_its_writer) {
  rouse_fd ends[2];
  char bytes[2];
  test_pair(ends);
  for (int i = 0; i < 2; i++) {
    test_io_init(&recording[i], rouse_loop_here(), NULL);
    check_result(rouse_file_read_start(&recording[i].io, ends[0], &bytes[i], 1,
                                       ROUSE_OFFSET_CURRENT, ROUSE_FOREVER),
                 ROUSE_PENDING);
  }
  check_equal(rouse_file_write(ends[0], "x", 1, ROUSE_OFFSET_CURRENT), 1);
  check_equal(test_take(ends[1]), 'x');
  rouse_wait_cancel(&recording[0].io.wait);
  while (!recording[0].completed) rouse_task_yield();
  check_result(recording[0].result, ROUSE_ECANCELED);
  test_put(ends[1], 'y');
  while (!recording[1].completed) rouse_task_yield();
  check_equal(recording[1].result, 1);
  test_close(ends[0]);
  test_close(ends[1]);
  return 0;
}

int main(void) {
  conformance_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(current_position_moves_on_after_each_operation),
      cmocka_unit_test(operations_at_the_current_position_have_places_of_their_own),
      cmocka_unit_test(chain_ends_after_spans_that_are_too_much_for_one_operation),
      cmocka_unit_test(offsets_do_not_count_where_nothing_can_seek),
      cmocka_unit_test(reader_of_a_pair_does_not_hold_back_its_writer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
