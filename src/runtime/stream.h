// A stream: one operation of the backend that gives many results, and those who wait for them.
//
//   stopped --first next()--> running --enough results, no buffers, a failure--> ending --> stopped
//                                |                                                 ^
//                                destroyed, while it runs -------------------------+---> freed
//
// The operation is a wait like any other, and ends once. Before that the backend reports results by
// rouse__io_more(). A result goes to whoever has waited longest, else into the stream's own queue.
// Those who wait are operations that no backend sees (ROUSE__IO_NEXT), in a list.
#ifndef ROUSE_RUNTIME_STREAM_H
#define ROUSE_RUNTIME_STREAM_H

#include "runtime/operation.h"

struct rouse__stream;

struct rouse__stream_kind {
  // A result; |buffer| is the backend's number of one. False: the operation is to end.
  bool (*arrived)(struct rouse__stream *stream, int64_t result, uint32_t buffer);
  // The operation has ended with |result|, not by a destruction.
  void (*ended)(struct rouse__stream *stream, int64_t result);
  // Somebody has to wait: sees to it that the operation runs, or will. 0, or a failure.
  int (*run)(struct rouse__stream *stream);
  // Hands the first result of the queue to |io|. False: there is none.
  bool (*take)(struct rouse__stream *stream, rouse_io *io);
  // Throws away what is left, and frees the stream.
  void (*free)(struct rouse__stream *stream);
};

struct rouse__stream {
  rouse_io io;  // the operation
  rouse_loop *loop;
  const struct rouse__stream_kind *kind;
  rouse_io *first, *last;  // who waits, by backend[]: next, previous
  bool running, destroyed;
};

// Prepares |stream| on the calling thread's loop.
void rouse__stream_init(struct rouse__stream *stream, const struct rouse__stream_kind *kind);
void rouse__stream_destroy(struct rouse__stream *stream);
// Starts the operation if it does not run. 0, or a failure.
int rouse__stream_run(struct rouse__stream *stream);
// Completes the one who has waited longest with |result|. NULL: nobody waits.
rouse_io *rouse__stream_first(const struct rouse__stream *stream);
void rouse__stream_complete(struct rouse__stream *stream, rouse_io *io, int64_t result);
// The forms of next(). |out|: for io->address2.
int64_t rouse__stream_wait(struct rouse__stream *stream, void *out, int64_t deadline_ns);
int rouse__stream_start(struct rouse__stream *stream, rouse_io *io, void *out, int64_t deadline_ns);

// --- buffers.c -----------------------------------------------------------------------------------

struct rouse__buffer {
  uint32_t next;    // of a list; ROUSE__NO_BUFFER: none
  uint32_t length;  // bytes in it
  bool out;         // with the caller
};

struct rouse_buffers {
  rouse_loop *loop;
  char *memory;
  struct rouse__buffer *buffers;
  uint32_t count, size;
  uint32_t free_count;
  uint32_t free_first;         // if the backend has none of its own
  uint32_t receivers, living;  // all, and those that are not destroyed
  bool dying;                  // to be freed with the last receiver
  bool feeding;                // |feeder| is on its way
  rouse_wait feeder;
  rouse_receiver *starved, *starved_last;  // a list of those who found no buffer
  void *system;    // what the backend has of the group; NULL: it takes them from the list
  uint16_t group;  // its number there
};

#define ROUSE__NO_BUFFER UINT32_MAX

static inline char *rouse__buffer_data(const rouse_buffers *buffers, uint32_t index) {
  return buffers->memory + (size_t)index * buffers->size;
}
// Takes a free buffer off the group's own list, or ROUSE__NO_BUFFER; puts one back.
uint32_t rouse__buffers_take(rouse_buffers *buffers);
void rouse__buffers_untake(rouse_buffers *buffers, uint32_t index);
// A receiver has gone: if |buffers| are dying and that was the last, they are freed.
void rouse__buffers_settle(rouse_buffers *buffers);
// A buffer that was out is free.
void rouse__buffer_free(rouse_buffers *buffers, uint32_t index);

// --- receiver.c ----------------------------------------------------------------------------------

// There are free buffers and starved receivers: some of these go on, soon.
void rouse__receivers_feed(rouse_buffers *buffers);

#endif
