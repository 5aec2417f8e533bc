// The results as one JSON object. A cell is {"value", "least", "most", "low", "high", "runs"}, or
// {"gap"}.
#include <cjson/cJSON.h>
#include <string.h>

#include "approach.h"
#include "reports.h"

static void add_text(cJSON *object, const char *name, const char *text) {
  if (text != NULL && *text != 0) {
    cJSON_AddStringToObject(object, name, text);
  } else {
    cJSON_AddNullToObject(object, name);
  }
}

static cJSON *cell_json(const figure *cell) {
  cJSON *object = cJSON_CreateObject();
  if (!cell->known) {
    cJSON_AddStringToObject(object, "gap", cell->gap);
    return object;
  }
  cJSON_AddNumberToObject(object, "value", cell->value);
  cJSON_AddNumberToObject(object, "least", cell->least);
  cJSON_AddNumberToObject(object, "most", cell->most);
  cJSON_AddNumberToObject(object, "low", cell->low);
  cJSON_AddNumberToObject(object, "high", cell->high);
  cJSON_AddNumberToObject(object, "runs", cell->runs);
  return object;
}

// The steps that hold something: [lower edge in ns, count].
static cJSON *spread_json(const spread *spread) {
  cJSON *array = cJSON_CreateArray();
  for (unsigned step = 0; step < SPREAD_STEPS; step++) {
    if (spread->counts[step] == 0) continue;
    double pair[] = {spread_edge(step), (double)spread->counts[step]};
    cJSON_AddItemToArray(array, cJSON_CreateDoubleArray(pair, 2));
  }
  return array;
}

static cJSON *abilities_json(uint32_t can) {
  cJSON *object = cJSON_CreateObject();
  for (int place = 0; place < APPROACH_BITS; place++) {
    uint32_t bit = UINT32_C(1) << place;
    cJSON_AddBoolToObject(object, approach_bit_name(bit), (can & bit) != 0);
  }
  return object;
}

static cJSON *row_json(const row *row) {
  cJSON *object = cJSON_CreateObject();
  add_text(object, "name", row->name);
  add_text(object, "title", row->title);
  add_text(object, "summary", row->summary);
  add_text(object, "progress", row->progress);
  add_text(object, "library", row->library);
  add_text(object, "gaps", row->gaps);
  cJSON_AddBoolToObject(object, "available", row->available);
  if (!row->available) add_text(object, "reason", row->reason);
  cJSON_AddItemToObject(object, "holds", abilities_json(row->can));
  cJSON *cells = cJSON_AddObjectToObject(object, "cells");
  for (int column = 0; column < COLUMN_COUNT; column++) {
    cJSON_AddItemToObject(cells, columns[column].key, cell_json(&row->cells[column]));
  }
  cJSON *spreads = cJSON_AddObjectToObject(object, "distributions");
  for (int index = 0; index < DISTRIBUTION_COUNT; index++) {
    cJSON_AddItemToObject(spreads, distributions[index].key, spread_json(&row->spreads[index]));
  }
  return object;
}

static cJSON *columns_json(void) {
  cJSON *array = cJSON_CreateArray();
  for (int column = 0; column < COLUMN_COUNT; column++) {
    const column_about *about = &columns[column];
    cJSON *object = cJSON_CreateObject();
    add_text(object, "key", about->key);
    add_text(object, "section", sections[about->section].title);
    add_text(object, "section_key", sections[about->section].key);
    add_text(object, "title", about->title);
    cJSON_AddStringToObject(object, "unit", about->unit);
    cJSON_AddBoolToObject(object, "more_is_better", about->more_is_better);
    add_text(object, "how", about->how);
    cJSON_AddItemToArray(array, object);
  }
  return array;
}

static cJSON *choice_json(const results *results, const choice *choice) {
  cJSON *object = cJSON_CreateObject();
  add_text(object, "key", choice->key);
  add_text(object, "need", choice->need);
  add_text(object, "rule", choice->rule);
  add_text(object, "score", choice->score == COLUMN_COUNT ? NULL : columns[choice->score].key);
  add_text(object, "best", choice->best < 0 ? NULL : results->rows[choice->best].name);
  cJSON *as_good = cJSON_AddArrayToObject(object, "as_good");
  cJSON *scores = cJSON_AddObjectToObject(object, "scores");
  cJSON *excluded = cJSON_AddObjectToObject(object, "excluded");
  for (uint32_t index = 0; index < results->row_count; index++) {
    const char *name = results->rows[index].name;
    if (choice->as_good[index]) cJSON_AddItemToArray(as_good, cJSON_CreateString(name));
    if (choice->excluded[index][0] != 0) {
      cJSON_AddStringToObject(excluded, name, choice->excluded[index]);
    } else {
      cJSON_AddNumberToObject(scores, name, choice->scores[index]);
    }
  }
  return object;
}

static void add_head(cJSON *object, const results *results) {
  add_text(object, "version", results->version);
  add_text(object, "moment", results->moment);
  add_text(object, "system", results->system);
  add_text(object, "release", results->release);
  add_text(object, "machine", results->machine);
  add_text(object, "processor", results->processor);
  cJSON_AddNumberToObject(object, "processors", results->processors);
  add_text(object, "compiler", results->compiler);
  add_text(object, "backend", results->backend);
  add_text(object, "doorbell", results->doorbell);
  add_text(object, "context", results->context);
  if (results->load_before >= 0) {
    cJSON_AddNumberToObject(object, "load_before", results->load_before);
    cJSON_AddNumberToObject(object, "load_after", results->load_after);
  }
  cJSON_AddNumberToObject(object, "runs", results->runs);
  cJSON_AddNumberToObject(object, "seconds", results->seconds);
  cJSON_AddBoolToObject(object, "quick", results->quick);
  cJSON_AddBoolToObject(object, "speed_claims", results->caveat[0] == 0);
  add_text(object, "caveat", results->caveat);
}

bool report_json(FILE *to, const results *results) {
  cJSON *object = cJSON_CreateObject();
  add_head(object, results);
  cJSON_AddItemToObject(object, "columns", columns_json());
  cJSON *rows = cJSON_AddArrayToObject(object, "approaches");
  for (uint32_t index = 0; index < results->row_count; index++) {
    cJSON_AddItemToArray(rows, row_json(&results->rows[index]));
  }
  cJSON *matrix = cJSON_AddArrayToObject(object, "matrix");
  for (uint32_t index = 0; index < results->matrix_count; index++) {
    cJSON_AddItemToArray(matrix, choice_json(results, &results->matrix[index]));
  }
  char *text = cJSON_Print(object);
  cJSON_Delete(object);
  if (text == NULL) return false;
  fputs(text, to);
  fputc('\n', to);
  cJSON_free(text);
  return true;
}
