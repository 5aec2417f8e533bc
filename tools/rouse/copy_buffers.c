// A buffer belongs to the loop that its task runs on, so that its memory stays warm and no lock is
// needed. How much memory all of them take together is bounded by a semaphore of pages, and how
// much of it lies idle on a loop by giving back what is too much.
#include "copy.h"

static const uint32_t kind_pages[BUFFER_CLASSES] = {2, 8, 32, BUFFER_MAX / BUFFER_PAGE};

enum { ALIGNMENT = 64, IDLE_PAGES_MAX = 1024 };
_Static_assert(sizeof(buffer) <= ALIGNMENT, "the head fits before the buffer");

void *buffer_get(copy *copy, uint64_t size, size_t *out_size) {
  uint32_t kind = 0;
  while (kind + 1 < BUFFER_CLASSES && (uint64_t)kind_pages[kind] * BUFFER_PAGE < size) kind++;
  uint32_t pages = kind_pages[kind];
  // All that this file needs at once: who holds pages never waits for more.
  rouse_semaphore_acquire(&copy->memory, pages);
  buffer **list = &copy->buffers[walk_loop_here(&copy->walk)][kind];
  buffer *head = *list;
  if (head != NULL) {
    *list = head->next;
  } else {
    // Who ends for lack of memory must not take what was kept back for that.
    size_t room = (size_t)pages * BUFFER_PAGE + ALIGNMENT;
    head = walk_stopped(&copy->walk) ? NULL : system_allocate_aligned(ALIGNMENT, room);
    if (head == NULL) {
      rouse_semaphore_release(&copy->memory, pages);
      return NULL;
    }
    *head = (buffer){.kind = kind, .pages = pages};
  }
  *out_size = (size_t)pages * BUFFER_PAGE;
  return (char *)head + ALIGNMENT;
}

void buffer_put(copy *copy, void *memory) {
  buffer *head = (buffer *)((char *)memory - ALIGNMENT);
  buffer **list = &copy->buffers[walk_loop_here(&copy->walk)][head->kind];
  uint32_t pages = head->pages;
  head->depth = *list == NULL ? 1 : (*list)->depth + 1;
  if (head->depth * pages > IDLE_PAGES_MAX) {
    system_free_aligned(head);
  } else {
    head->next = *list;
    *list = head;
  }
  rouse_semaphore_release(&copy->memory, pages);
}

void buffers_free(copy *copy) {
  for (uint32_t loop = 0; loop < WALK_LOOPS_MAX; loop++) {
    for (uint32_t kind = 0; kind < BUFFER_CLASSES; kind++) {
      for (buffer *head = copy->buffers[loop][kind]; head != NULL;) {
        buffer *next = head->next;
        system_free_aligned(head);
        head = next;
      }
      copy->buffers[loop][kind] = NULL;
    }
  }
}
