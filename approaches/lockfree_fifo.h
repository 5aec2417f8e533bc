// The lock-free queue of lockfree_queue.c: liburcu's, behind four calls.
//
// A file of its own, so that what ThreadSanitizer cannot follow (the library's inline assembler) is
// compiled without it; lockfree_queue.c says what it orders (tsan.h).
#ifndef APPROACHES_LOCKFREE_FIFO_H
#define APPROACHES_LOCKFREE_FIFO_H

#include <stdbool.h>
#include <stddef.h>

typedef struct lockfree_fifo {
  _Alignas(64) unsigned char space[128];
} lockfree_fifo;

// An entry begins with this.
typedef struct lockfree_entry {
  _Alignas(16) unsigned char space[48];
} lockfree_entry;

void lockfree_fifo_init(lockfree_fifo *fifo);
void lockfree_fifo_finish(lockfree_fifo *fifo);  // empty
// Returns after a full fence.
void lockfree_fifo_push(lockfree_fifo *fifo, lockfree_entry *entry);
// Begins with a full fence. NULL: empty.
lockfree_entry *lockfree_fifo_pop(lockfree_fifo *fifo);
// Frees |entry|, which was popped, when no thread can look at it any more.
void lockfree_entry_free(lockfree_entry *entry);

#endif
