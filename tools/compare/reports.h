// The forms in which results are told.
#ifndef ROUSE_COMPARE_REPORTS_H
#define ROUSE_COMPARE_REPORTS_H

#include <stdio.h>

#include "results.h"

// Tables for a terminal.
void report_tables(FILE *to, const results *results);

// One JSON object. False: there was no memory for it (nothing was written).
bool report_json(FILE *to, const results *results);

// One page that needs nothing else: styles, plots and script are in it.
void report_page(FILE *to, const results *results);

// Tables for the documents, in Markdown.
void report_markdown(FILE *to, const results *results);

#endif
