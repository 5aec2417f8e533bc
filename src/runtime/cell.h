// Words that count how often a doorbell was rung, in memory that is never given back.
//
// A ringer counts after its system call, so that whoever has heard all rings knows that nobody is
// about to use what the bell is made of. The count is then the ringer's last access, and may come
// after the loop has gone: so a cell goes from one bell to a later one, never back to the system.
#ifndef ROUSE_RUNTIME_CELL_H
#define ROUSE_RUNTIME_CELL_H

#include <rouse/api.h>

struct rouse__cell {
  _Alignas(64) rouse__atomic32 word;
  struct rouse__cell *next;  // while free
};

// A cell that nobody uses, with any count; NULL if there is no memory. Any thread.
struct rouse__cell *rouse__cell_take(void);
void rouse__cell_put(struct rouse__cell *cell);

#endif
