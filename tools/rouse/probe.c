// `rouse probe`: what a loop would get here, what was refused, and why.
#include <cjson/cJSON.h>
#include <getopt.h>
#include <rouse/probe.h>
#include <rouse/version.h>
#include <stdio.h>
#include <string.h>

#include "system.h"
#include "tool.h"

static const char help[] =
    "Usage: rouse probe [--json]\n"
    "\n"
    "Tries every backend and feature that an event loop could use on this system, and shows what\n"
    "it would get, what the system refused, and why. ROUSE_BACKEND=NAME in the environment\n"
    "chooses a backend.\n"
    "\n"
    "  -j, --json   one JSON object\n"
    "  -h, --help   show this\n"
    "\n"
    "Exit status: 0 a loop can be had, 1 none can, 2 the command line is wrong.\n";

static const char *or_none(const char *text) { return text != NULL ? text : "none"; }

static void print_features(const rouse_probe *probe, const char *backend) {
  for (uint32_t index = 0; index < probe->feature_count; index++) {
    const rouse_probe_feature *feature = &probe->features[index];
    if (strcmp(feature->backend, backend) != 0) continue;
    printf("    %-3s %-28s %s\n", feature->available ? "yes" : "no", feature->name,
           feature->detail);
  }
}

static void print_text(const rouse_probe *probe, int result) {
  system_about about;
  system_describe(&about);
  printf("rouse %s on %s %s (%s), %u %s\n", rouse_version(), about.name, about.release,
         about.machine, probe->processors, probe->processors == 1 ? "processor" : "processors");
  printf("  backend   %s\n", or_none(probe->backend));
  printf("  doorbell  %s\n", or_none(probe->doorbell));
  printf("  context   %s\n", or_none(probe->context));
  if (result < 0) printf("  failure   %s\n", rouse_error_message(result));
  for (uint32_t index = 0; index < probe->backend_count; index++) {
    const rouse_probe_backend *backend = &probe->backends[index];
    if (backend->result == ROUSE_DONE) {
      printf("  %s: works\n", backend->name);
    } else {
      printf("  %s: refused (%s)%s%s\n", backend->name, rouse_error_message(backend->result),
             backend->reason[0] != 0 ? ": " : "", backend->reason);
    }
    print_features(probe, backend->name);
  }
}

static cJSON *backends_json(const rouse_probe *probe) {
  cJSON *array = cJSON_CreateArray();
  for (uint32_t index = 0; index < probe->backend_count; index++) {
    const rouse_probe_backend *backend = &probe->backends[index];
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "name", backend->name);
    cJSON_AddBoolToObject(item, "works", backend->result == ROUSE_DONE);
    if (backend->result != ROUSE_DONE) {
      cJSON_AddStringToObject(item, "code", rouse_error_name(backend->result));
      cJSON_AddStringToObject(item, "reason", backend->reason);
    }
    cJSON_AddItemToArray(array, item);
  }
  return array;
}

static cJSON *features_json(const rouse_probe *probe) {
  cJSON *array = cJSON_CreateArray();
  for (uint32_t index = 0; index < probe->feature_count; index++) {
    const rouse_probe_feature *feature = &probe->features[index];
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "backend", feature->backend);
    cJSON_AddStringToObject(item, "name", feature->name);
    cJSON_AddBoolToObject(item, "available", feature->available);
    cJSON_AddStringToObject(item, "detail", feature->detail);
    cJSON_AddItemToArray(array, item);
  }
  return array;
}

static void add_text(cJSON *object, const char *name, const char *text) {
  if (text != NULL) {
    cJSON_AddStringToObject(object, name, text);
  } else {
    cJSON_AddNullToObject(object, name);
  }
}

static void print_json(const rouse_probe *probe, int result) {
  system_about about;
  system_describe(&about);
  cJSON *object = cJSON_CreateObject();
  add_text(object, "version", rouse_version());
  add_text(object, "system", about.name);
  add_text(object, "release", about.release);
  add_text(object, "machine", about.machine);
  cJSON_AddNumberToObject(object, "processors", probe->processors);
  add_text(object, "backend", probe->backend);
  add_text(object, "doorbell", probe->doorbell);
  add_text(object, "context", probe->context);
  if (result < 0) add_text(object, "failure", rouse_error_name(result));
  cJSON_AddItemToObject(object, "backends", backends_json(probe));
  cJSON_AddItemToObject(object, "features", features_json(probe));
  char *text = cJSON_Print(object);
  if (text != NULL) puts(text);
  cJSON_free(text);
  cJSON_Delete(object);
}

int command_probe(int count, char **arguments) {
  static const struct option options[] = {
      {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
  static char name[] = "rouse probe";
  bool json = false;
  arguments[0] = name;
  optind = 1;
  for (int letter; (letter = getopt_long(count, arguments, "jh", options, NULL)) >= 0;) {
    if (letter == 'h') return tool_print_help(help);
    if (letter == 'j') json = true;
    if (letter == '?') {
      fputs("Try 'rouse probe --help'.\n", stderr);
      return EXIT_USAGE;
    }
  }
  if (optind < count) {
    fputs("rouse probe: it takes no arguments\nTry 'rouse probe --help'.\n", stderr);
    return EXIT_USAGE;
  }
  static rouse_probe probe;
  int result = rouse_probe_run(&probe);
  if (json) {
    print_json(&probe, result);
  } else {
    print_text(&probe, result);
  }
  return tool_finish_output("probe", result == ROUSE_DONE ? EXIT_GOOD : EXIT_SOME_FAILED);
}
