// Groups of buffers. Where the backend takes buffers by itself it is told which are free; else they
// are in a list here.
#include <rouse/receiver.h>

#include "runtime/stream.h"

enum { COUNT_MOST = 32768, SIZE_MOST = 1 << 24 };

void *rouse__buffers_system(const rouse_buffers *buffers, uint16_t *out_group) {
  *out_group = buffers->group;
  return buffers->system;
}

uint32_t rouse__buffers_take(rouse_buffers *buffers) {
  uint32_t index = buffers->free_first;
  if (index == ROUSE__NO_BUFFER) return index;
  buffers->free_first = buffers->buffers[index].next;
  return index;
}

void rouse__buffers_untake(rouse_buffers *buffers, uint32_t index) {
  buffers->buffers[index].next = buffers->free_first;
  buffers->free_first = index;
}

void *rouse__buffers_data(const rouse_buffers *buffers, uint32_t index, uint32_t *out_size) {
  *out_size = buffers->size;
  return rouse__buffer_data(buffers, index);
}

static void give(rouse_buffers *buffers, uint32_t index) {
  if (buffers->system) {
    buffers->loop->backend->ops->buffers_give(buffers->loop->backend, buffers, index);
  } else {
    rouse__buffers_untake(buffers, index);
  }
}

void rouse__buffer_free(rouse_buffers *buffers, uint32_t index) {
  buffers->free_count++;
  give(buffers, index);
  if (buffers->starved) rouse__receivers_feed(buffers);
}

static void free_memory(rouse_buffers *buffers) {
  rouse__free(buffers->memory);
  rouse__free(buffers->buffers);
  rouse__free(buffers);
}

int rouse_buffers_create(uint32_t count, uint32_t size, rouse_buffers **out_buffers) {
  *out_buffers = NULL;
  if (!count || count > COUNT_MOST || !size || size > SIZE_MOST) return ROUSE_EINVAL;
  int refused = rouse__loop_usable();
  if (refused) return refused;
  rouse_buffers *buffers = rouse__allocate(sizeof *buffers, _Alignof(rouse_buffers));
  if (!buffers) return ROUSE_ENOMEM;
  buffers->memory = rouse__allocate((size_t)count * size, 64);
  buffers->buffers =
      rouse__allocate(count * sizeof *buffers->buffers, _Alignof(struct rouse__buffer));
  if (!buffers->memory || !buffers->buffers) {
    free_memory(buffers);
    return ROUSE_ENOMEM;
  }
  buffers->loop = rouse__loop_here;
  buffers->loop->holders++;
  buffers->count = buffers->free_count = count;
  buffers->size = size;
  buffers->free_first = ROUSE__NO_BUFFER;
  struct rouse__backend *backend = buffers->loop->backend;
  if (backend->ops->buffers_open) {
    buffers->system = backend->ops->buffers_open(backend, count, &buffers->group);
  }
  for (uint32_t i = count; i-- > 0;) give(buffers, i);
  *out_buffers = buffers;
  return ROUSE_DONE;
}

void rouse__buffers_settle(rouse_buffers *buffers) {
  if (!buffers->dying || buffers->receivers || buffers->feeding) return;
  struct rouse__backend *backend = buffers->loop->backend;
  if (buffers->system) backend->ops->buffers_close(backend, buffers->system, buffers->group);
  buffers->loop->holders--;
  free_memory(buffers);
}

int rouse_buffers_destroy(rouse_buffers *buffers) {
  if (!buffers) return ROUSE_DONE;
  ROUSE__ASSERT(buffers->loop == rouse__loop_here,
                "buffers are destroyed by another thread than their loop's");
  if (buffers->living || buffers->free_count != buffers->count) return ROUSE_EBUSY;
  buffers->dying = true;
  rouse__buffers_settle(buffers);
  return ROUSE_DONE;
}

void rouse_buffers_return(rouse_buffers *buffers, void *data) {
  const size_t at = (size_t)((char *)data - buffers->memory);
  const uint32_t index = (uint32_t)(at / buffers->size);
  ROUSE__ASSERT(buffers->loop == rouse__loop_here,
                "a buffer is returned by another thread than its loop's");
  bool ours = (char *)data >= buffers->memory && index < buffers->count && !(at % buffers->size) &&
              buffers->buffers[index].out;
  ROUSE__ASSERT(ours, "rouse_buffers_return: this buffer is not out, or is no buffer of the group");
  if (!ours) return;
  buffers->buffers[index].out = false;
  rouse__buffer_free(buffers, index);
}

uint32_t rouse_buffers_free(const rouse_buffers *buffers) { return buffers->free_count; }
