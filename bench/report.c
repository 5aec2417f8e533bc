// The table, the ratios and the aims.
#include "report.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

const char bench_absent[] = "not to be had here";

static cJSON *document, *workloads_array;
static int aims_met, aims_missed, aims_open, failures;

// --- medians -------------------------------------------------------------------------------------

struct spread {
  double median, least, most;
};

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static struct spread spread_of(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, by_value);
  double median = values[count / 2];
  if (count % 2 == 0) median = (median + values[count / 2 - 1]) / 2;
  return (struct spread){median, values[0], values[count - 1]};
}

// The value, or with |extra| one of the extras.
static double figure_of(const bench_result *result, size_t index, int run, int extra) {
  const bench_sample *sample = &result->figures[index].samples[run];
  return extra ? sample->extras[extra - 1] : sample->value;
}

static struct spread value_of(const bench_result *result, size_t index, int extra) {
  double values[BENCH_RUNS_MAX];
  for (int i = 0; i < result->runs; i++) values[i] = figure_of(result, index, i, extra);
  return spread_of(values, result->runs);
}

static struct spread worst_of(const bench_result *result, size_t index) {
  double values[BENCH_RUNS_MAX];
  for (int i = 0; i < result->runs; i++) values[i] = result->figures[index].samples[i].worst_us;
  return spread_of(values, result->runs);
}

// The median over the turns of figure |index| by figure |by| (or by |constant|).
static double ratio_of(const bench_result *result, int index, int by, double constant, int extra) {
  double values[BENCH_RUNS_MAX];
  for (int i = 0; i < result->runs; i++) {
    double base = by < 0 ? constant : figure_of(result, (size_t)by, i, extra);
    double value = figure_of(result, (size_t)index, i, extra);
    values[i] = base > 0 ? value / base : (value > 0 ? 1e9 : 0);
  }
  return spread_of(values, result->runs).median;
}

static bool is_peer(const bench_result *result, size_t index) {
  return strncmp(result->workload->cases[index].name, "rouse", 5) != 0;
}

// --- the table -----------------------------------------------------------------------------------

static const char *number(double value, char text[32]) {
  if (value >= 1000) {
    snprintf(text, 32, "%.0f", value);
  } else if (value >= 100) {
    snprintf(text, 32, "%.1f", value);
  } else {
    snprintf(text, 32, "%.2f", value);
  }
  return text;
}

static void print_figure(const bench_result *result, size_t index) {
  const bench_figure *figure = &result->figures[index];
  char median[32], least[32], most[32];
  printf("  %-30s", result->workload->cases[index].name);
  if (figure->problem) {
    printf(" not measured: %s\n", figure->problem);
    return;
  }
  struct spread spread = value_of(result, index, 0);
  printf(" %9s", number(spread.median, median));
  if (result->runs > 1) {
    printf("  %9s – %-9s", number(spread.least, least), number(spread.most, most));
  } else {
    printf("  %23s", "");
  }
  if (is_peer(result, index) && !result->figures[0].problem) {
    printf(" %6.2fx", ratio_of(result, 0, (int)index, 0, 0));
  } else {
    printf(" %7s", "");
  }
  if (figure->samples[0].worst_us >= 0) {
    struct spread worst = worst_of(result, index);
    printf("  worst wait %s µs (%s)", number(worst.median, median), number(worst.most, most));
  }
  for (int i = 0; i < BENCH_EXTRAS_MAX && result->workload->extras[i]; i++) {
    printf("  %s %s", result->workload->extras[i],
           number(value_of(result, index, i + 1).median, median));
  }
  printf("\n");
}

enum verdict { MET, MISSED, OPEN };

// To the hundredth, as it is printed: no ratio is measured to less.
static const double RESOLUTION = 0.005;

static enum verdict judge(const bench_result *result, const bench_aim *aim, double *ratio) {
  if (result->figures[aim->subject].problem) return OPEN;
  if (aim->peer >= 0 && result->figures[aim->peer].problem) return OPEN;
  *ratio = ratio_of(result, aim->subject, aim->peer, aim->constant, aim->extra);
  return *ratio <= aim->factor * (1 + RESOLUTION) ? MET : MISSED;
}

static const char *const verdicts[] = {"met", "missed", "not measured"};

static void count_verdict(enum verdict verdict) {
  aims_met += verdict == MET;
  aims_missed += verdict == MISSED;
  aims_open += verdict == OPEN;
}

static void print_aim(const bench_result *result, const bench_aim *aim) {
  double ratio = 0;
  char text[32];
  enum verdict verdict = judge(result, aim, &ratio);
  const bench_case *cases = result->workload->cases;
  if (aim->peer >= 0) {
    printf("    aim: %s at most %.2f x %s", cases[aim->subject].name, aim->factor,
           cases[aim->peer].name);
  } else {
    printf("    aim: %s at most %s %s", cases[aim->subject].name,
           number(aim->factor * aim->constant, text), result->workload->unit);
  }
  if (aim->text) printf(" (%s)", aim->text);
  if (verdict == OPEN || aim->factor <= 0) {
    printf(": %s\n", verdicts[verdict]);
  } else {
    printf(": %s, by %.2f\n", verdicts[verdict], ratio / aim->factor);
  }
}

static void print_result(const bench_result *result) {
  printf("%s   [%s]  %s\n", result->workload->title, result->workload->name,
         result->workload->unit);
  for (size_t i = 0; i < result->workload->case_count; i++) print_figure(result, i);
  for (size_t i = 0; i < result->workload->aim_count; i++) {
    print_aim(result, &result->workload->aims[i]);
  }
  printf("\n");
  fflush(stdout);
}

// --- JSON ----------------------------------------------------------------------------------------

static cJSON *json_figure(const bench_result *result, size_t index) {
  const bench_figure *figure = &result->figures[index];
  cJSON *object = cJSON_CreateObject();
  cJSON_AddStringToObject(object, "name", result->workload->cases[index].name);
  if (figure->problem) {
    cJSON_AddStringToObject(object, "problem", figure->problem);
    return object;
  }
  struct spread spread = value_of(result, index, 0);
  cJSON_AddNumberToObject(object, "median", spread.median);
  cJSON_AddNumberToObject(object, "least", spread.least);
  cJSON_AddNumberToObject(object, "most", spread.most);
  if (is_peer(result, index) && !result->figures[0].problem) {
    cJSON_AddNumberToObject(object, "ratio", ratio_of(result, 0, (int)index, 0, 0));
  }
  if (figure->samples[0].worst_us >= 0) {
    struct spread worst = worst_of(result, index);
    cJSON_AddNumberToObject(object, "worst_us_median", worst.median);
    cJSON_AddNumberToObject(object, "worst_us_most", worst.most);
  }
  for (int i = 0; i < BENCH_EXTRAS_MAX && result->workload->extras[i]; i++) {
    cJSON_AddNumberToObject(object, result->workload->extras[i],
                            value_of(result, index, i + 1).median);
  }
  return object;
}

static cJSON *json_aim(const bench_result *result, const bench_aim *aim) {
  double ratio = 0;
  enum verdict verdict = judge(result, aim, &ratio);
  const bench_case *cases = result->workload->cases;
  cJSON *object = cJSON_CreateObject();
  cJSON_AddStringToObject(object, "subject", cases[aim->subject].name);
  if (aim->peer >= 0) {
    cJSON_AddStringToObject(object, "peer", cases[aim->peer].name);
  } else {
    cJSON_AddNumberToObject(object, "constant", aim->constant);
    if (aim->text) cJSON_AddStringToObject(object, "text", aim->text);
  }
  cJSON_AddNumberToObject(object, "factor", aim->factor);
  if (verdict != OPEN) cJSON_AddNumberToObject(object, "ratio", ratio);
  cJSON_AddStringToObject(object, "verdict", verdicts[verdict]);
  return object;
}

static void json_result(const bench_result *result) {
  const bench_workload *workload = result->workload;
  cJSON *object = cJSON_CreateObject();
  cJSON_AddStringToObject(object, "name", workload->name);
  cJSON_AddStringToObject(object, "title", workload->title);
  cJSON_AddStringToObject(object, "unit", workload->unit);
  cJSON_AddNumberToObject(object, "runs", result->runs);
  cJSON *cases = cJSON_AddArrayToObject(object, "cases");
  for (size_t i = 0; i < workload->case_count; i++) {
    cJSON_AddItemToArray(cases, json_figure(result, i));
  }
  cJSON *aims = cJSON_AddArrayToObject(object, "aims");
  for (size_t i = 0; i < workload->aim_count; i++) {
    cJSON_AddItemToArray(aims, json_aim(result, &workload->aims[i]));
  }
  cJSON_AddItemToArray(workloads_array, object);
}

// --- the whole -----------------------------------------------------------------------------------

static double load_average(void) {
  double load = -1;
  if (getloadavg(&load, 1) != 1) return -1;
  return load;
}

void bench_report_begin(void) {
  struct utsname name = {0};
  uname(&name);
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  if (!bench_option.json) {
    printf("rouse %s on %s %s %s, %ld processors, load %.2f, %d turns%s\n", rouse_version(),
           name.sysname, name.release, name.machine, processors, load_average(), bench_option.runs,
           bench_option.quick ? ", quick: no figures to quote" : "");
    printf(
        "Figures: median (least – most); the ratio is rouse's first figure by the peer's.\n"
        "Work of one thread is measured in its processor time. Cases with two loops or two "
        "threads\n"
        "are measured by the clock, and pinned to processors 0 and 1.\n\n");
    return;
  }
  document = cJSON_CreateObject();
  cJSON_AddStringToObject(document, "version", rouse_version());
  cJSON_AddStringToObject(document, "system", name.sysname);
  cJSON_AddStringToObject(document, "release", name.release);
  cJSON_AddStringToObject(document, "machine", name.machine);
  cJSON_AddNumberToObject(document, "processors", (double)processors);
  cJSON_AddNumberToObject(document, "load", load_average());
  cJSON_AddBoolToObject(document, "quick", bench_option.quick);
  workloads_array = cJSON_AddArrayToObject(document, "workloads");
}

void bench_report_add(const bench_result *result) {
  for (size_t i = 0; i < result->workload->case_count; i++) {
    const char *problem = result->figures[i].problem;
    failures += !is_peer(result, i) && problem && problem != bench_absent;
  }
  for (size_t i = 0; i < result->workload->aim_count; i++) {
    double ratio;
    count_verdict(judge(result, &result->workload->aims[i], &ratio));
  }
  if (bench_option.json) {
    json_result(result);
  } else {
    print_result(result);
  }
}

int bench_report_end(void) {
  if (!bench_option.json) {
    printf("aims: %d met, %d missed, %d not measured\n", aims_met, aims_missed, aims_open);
  } else {
    cJSON_AddNumberToObject(document, "aims_met", aims_met);
    cJSON_AddNumberToObject(document, "aims_missed", aims_missed);
    cJSON_AddNumberToObject(document, "aims_open", aims_open);
    char *text = cJSON_Print(document);
    if (text) puts(text);
    free(text);
    cJSON_Delete(document);
  }
  return failures ? 1 : 0;
}
