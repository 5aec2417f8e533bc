// Results with every kind of cell, for the tests of the reports.
#ifndef ROUSE_TESTS_COMPARE_SAMPLE_H
#define ROUSE_TESTS_COMPARE_SAMPLE_H

#include "results.h"

// Four approaches: two that have everything, one with one waiter only, one that is not available.
// Their names and reasons have characters in them that HTML, JSON and Markdown give a meaning to.
void sample_make(results *results);

// A cell with these runs.
void sample_set(figure *figure, double least, double value, double most);

#endif
