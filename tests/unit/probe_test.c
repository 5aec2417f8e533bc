// The probe: what it reports is what a loop gets, whatever the environment asks for.
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/support.h"
#include "runtime/backend.h"
#include "runtime/backends.h"

#ifdef _WIN32
#define LAST_RESORT "iocp"
enum { BACKENDS_LEAST = 1 };
#else
#define LAST_RESORT "poll"
enum { BACKENDS_LEAST = 2 };
#endif

static rouse_probe probe;

static int before_each(void **state) {
  (void)state;
  test_environment_set("ROUSE_BACKEND", NULL);
  test_environment_set("ROUSE_IO_URING_DOORBELL", NULL);
  test_environment_set("ROUSE_IO_URING_WITHOUT", NULL);
  memset(&probe, 0xa5, sizeof probe);  // nothing of what was there before may show
  return 0;
}

static const rouse_probe_backend *backend_of(const char *name) {
  for (uint32_t i = 0; i < probe.backend_count; i++) {
    if (!strcmp(probe.backends[i].name, name)) return &probe.backends[i];
  }
  return NULL;
}

static const rouse_probe_feature *feature_of(const char *backend, const char *name) {
  for (uint32_t i = 0; i < probe.feature_count; i++) {
    const rouse_probe_feature *feature = &probe.features[i];
    if (!strcmp(feature->backend, backend) && !strcmp(feature->name, name)) return feature;
  }
  return NULL;
}

static bool ends_inside(const char *text, size_t size) { return memchr(text, 0, size) != NULL; }

static void the_default_is_the_first_backend_that_works_and_what_a_loop_gets(void **state) {
  (void)state;
  check_result(rouse_probe_run(&probe), ROUSE_DONE);
  uint32_t first = 0;
  while (first < probe.backend_count && probe.backends[first].result) first++;
  check(first < probe.backend_count);
  check_string(probe.backend, probe.backends[first].name);
  rouse_loop *loop = test_loop_create();
  check_string(rouse_loop_backend(loop), probe.backend);
  check_string(rouse_loop_doorbell(loop), probe.doorbell);
  test_loop_destroy(loop);
  check(probe.processors >= 1);
  check(probe.context && *probe.context);
}

static void every_backend_of_the_build_is_listed_with_its_result(void **state) {
  (void)state;
  rouse_probe_run(&probe);
  uint32_t count = 0;
  for (; rouse__backend_kinds[count]; count++) {
    const rouse_probe_backend *entry = &probe.backends[count];
    check_string(entry->name, rouse__backend_kinds[count]->name);
    check(ends_inside(entry->reason, sizeof entry->reason));
    check((entry->result == ROUSE_DONE) == (entry->reason[0] == 0));
    rouse_loop *loop = NULL;
    const rouse_loop_options options = {.backend = entry->name};
    check_result(rouse_loop_create(&options, &loop), entry->result);
    if (loop) test_loop_destroy(loop);
  }
  check_equal(probe.backend_count, count);
  check(backend_of(LAST_RESORT));
}

static void features_have_names_and_details_that_end(void **state) {
  (void)state;
  rouse_probe_run(&probe);
  check(probe.feature_count <= ROUSE_PROBE_FEATURES_MAX);
  for (uint32_t i = 0; i < probe.feature_count; i++) {
    const rouse_probe_feature *feature = &probe.features[i];
    check(backend_of(feature->backend));
    check(*feature->name);
    check(ends_inside(feature->detail, sizeof feature->detail));
    check(feature_of(feature->backend, feature->name) == feature);  // each once
  }
}

static void a_backend_named_in_the_environment_is_the_choice(void **state) {
  (void)state;
  test_environment_set("ROUSE_BACKEND", LAST_RESORT);
  check_result(rouse_probe_run(&probe), ROUSE_DONE);
  check_string(probe.backend, LAST_RESORT);
  check(probe.backend_count >= BACKENDS_LEAST);  // the others are reported all the same
}

static void an_unknown_backend_is_an_error_and_the_rest_is_filled_in(void **state) {
  (void)state;
  test_environment_set("ROUSE_BACKEND", "semaphore-flags");
  check_result(rouse_probe_run(&probe), ROUSE_EINVAL);
  check(!probe.backend);
  check(!probe.doorbell);
  check(probe.backend_count >= BACKENDS_LEAST);
  check_result(backend_of(LAST_RESORT)->result, ROUSE_DONE);
  rouse_loop *loop = NULL;
  check_result(rouse_loop_create(NULL, &loop), ROUSE_EINVAL);
  const rouse_loop_options options = {.backend = LAST_RESORT};  // the caller's word comes first
  check_result(rouse_loop_create(&options, &loop), ROUSE_DONE);
  test_loop_destroy(loop);
}

static void the_probe_leaves_no_descriptor_and_no_loop_behind(void **state) {
  (void)state;
  rouse_probe_run(&probe);
  int lowest = dup(0);
  close(lowest);
  rouse_probe_run(&probe);
  int after = dup(0);
  close(after);
  check_equal(after, lowest);
  check(!rouse_loop_here());
}

static void features_beyond_the_most_are_left_out(void **state) {
  (void)state;
  static rouse_probe full;
  for (int i = 0; i < ROUSE_PROBE_FEATURES_MAX + 5; i++) {
    rouse__probe_add(&full, "poll", "many", true, "%d", i);
  }
  check_equal(full.feature_count, ROUSE_PROBE_FEATURES_MAX);
  check_string(full.features[ROUSE_PROBE_FEATURES_MAX - 1].detail, "63");
  char text[400];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = 0;
  full.feature_count = 0;
  rouse__probe_add(&full, "poll", "long", true, "%s", text);
  check(ends_inside(full.features[0].detail, sizeof full.features[0].detail));
}

#ifdef ROUSE_HAVE_IO_URING

static bool detail_has(const char *backend, const char *name, const char *text) {
  const rouse_probe_feature *feature = feature_of(backend, name);
  return feature && strstr(feature->detail, text);
}

static void a_refused_io_uring_is_explained_and_passed_over(void **state) {
  (void)state;
  test_environment_set("ROUSE_IO_URING_WITHOUT", "ring");
  check_result(rouse_probe_run(&probe), ROUSE_DONE);
  check_string(probe.backend, "epoll");
  const rouse_probe_backend *refused = backend_of("io_uring");
  check_result(refused->result, ROUSE_ENOSYS);
  check(strstr(refused->reason, "no io_uring"));
  check(!feature_of("io_uring", "setup")->available);
}

static void what_is_done_without_is_reported_as_absent(void **state) {
  (void)state;
  rouse_probe_run(&probe);
  if (backend_of("io_uring")->result) return;  // refused here: the test above has its say
  bool eventfd = feature_of("io_uring", "doorbell_eventfd")->available;
  check(eventfd);
  test_environment_set("ROUSE_IO_URING_WITHOUT",
                       "eventfd,setup_flags,file_names,cqe_skip,registered_ring");
  rouse_probe_run(&probe);
  check(feature_of("io_uring", "setup")->available);
  check(!feature_of("io_uring", "doorbell_eventfd")->available);
  check(!feature_of("io_uring", "setup_flags")->available);
  check(!feature_of("io_uring", "operations")->available);
  check(detail_has("io_uring", "operations", "MKDIRAT"));
  check(!feature_of("io_uring", "cqe_skip")->available);
  check(!feature_of("io_uring", "registered_ring")->available);
}

static const char *const futex_traps[] = {
    "futex_flags",        "futex_mask",  "futex_private_hash", "futex_cancelled_but_woken",
    "futex_link_timeout", "futex_waitv", "futex_closed_ring"};
enum { FUTEX_TRAPS = sizeof futex_traps / sizeof *futex_traps };

static void each_futex_trap_has_a_line_that_says_what_was_seen_and_done(void **state) {
  (void)state;
  rouse_probe_run(&probe);
  const rouse_probe_feature *waits = feature_of("io_uring", "futex_waits");
  if (!waits || !waits->available) return;  // no ring, or none with futex operations
  for (int i = 0; i < FUTEX_TRAPS; i++) {
    const rouse_probe_feature *trap = feature_of("io_uring", futex_traps[i]);
    check(trap);
    check(trap->available);
    check(*trap->detail);
  }
  check(detail_has("io_uring", "futex_flags", "EINVAL"));
  check(detail_has("io_uring", "futex_mask", "EINVAL"));
  check(detail_has("io_uring", "futex_closed_ring", "with none 0"));
}

static void without_futex_operations_the_waits_are_by_threads(void **state) {
  (void)state;
  test_environment_set("ROUSE_IO_URING_WITHOUT", "futex");
  rouse_probe_run(&probe);
  check(detail_has("epoll", "futex_waits", "by threads"));
  check(detail_has("poll", "futex_waits", "by threads"));
  if (backend_of("io_uring")->result) return;
  check(!feature_of("io_uring", "futex_waits")->available);
  check(detail_has("io_uring", "futex_waits", "by threads"));
  for (int i = 0; i < FUTEX_TRAPS; i++) check(!feature_of("io_uring", futex_traps[i]));
}

#endif

int main(void) {
#define CLAIM(name) cmocka_unit_test_setup(name, before_each)
  const struct CMUnitTest claims[] = {
      CLAIM(the_default_is_the_first_backend_that_works_and_what_a_loop_gets),
      CLAIM(every_backend_of_the_build_is_listed_with_its_result),
      CLAIM(features_have_names_and_details_that_end),
      CLAIM(a_backend_named_in_the_environment_is_the_choice),
      CLAIM(an_unknown_backend_is_an_error_and_the_rest_is_filled_in),
      CLAIM(the_probe_leaves_no_descriptor_and_no_loop_behind),
      CLAIM(features_beyond_the_most_are_left_out),
#ifdef ROUSE_HAVE_IO_URING
      CLAIM(a_refused_io_uring_is_explained_and_passed_over),
      CLAIM(what_is_done_without_is_reported_as_absent),
      CLAIM(each_futex_trap_has_a_line_that_says_what_was_seen_and_done),
      CLAIM(without_futex_operations_the_waits_are_by_threads),
#endif
  };
  return cmocka_run_group_tests(claims, NULL, NULL);
}
