// Streams; see stream.h.
#include "runtime/stream.h"

enum { NEXT, PREVIOUS };

// --- those who wait ------------------------------------------------------------------------------

static void add(struct rouse__stream *stream, rouse_io *io) {
  io->backend[NEXT] = 0;
  io->backend[PREVIOUS] = (uintptr_t)stream->last;
  if (stream->last) {
    stream->last->backend[NEXT] = (uintptr_t)io;
  } else {
    stream->first = io;
  }
  stream->last = io;
}

static void take_off(struct rouse__stream *stream, rouse_io *io) {
  rouse_io *next = (rouse_io *)io->backend[NEXT], *previous = (rouse_io *)io->backend[PREVIOUS];
  if (previous) {
    previous->backend[NEXT] = (uintptr_t)next;
  } else {
    stream->first = next;
  }
  if (next) {
    next->backend[PREVIOUS] = (uintptr_t)previous;
  } else {
    stream->last = previous;
  }
}

rouse_io *rouse__stream_first(const struct rouse__stream *stream) { return stream->first; }

void rouse__stream_complete(struct rouse__stream *stream, rouse_io *io, int64_t result) {
  take_off(stream, io);
  rouse__io_complete(io, result);
}

static struct rouse__stream *stream_of(const rouse_io *io) {
  return (struct rouse__stream *)io->address;
}

int rouse__stream_next(rouse_io *io) {
  struct rouse__stream *stream = stream_of(io);
  if (stream->kind->take(stream, io)) return 0;
  int refused = stream->kind->run(stream);
  if (!refused) add(stream, io);
  return refused;
}

void rouse__stream_leave(rouse_io *io) {
  rouse__stream_complete(stream_of(io), io, ROUSE_ECANCELED);
}

static void set_next(struct rouse__stream *stream, rouse_io *io, void *out) {
  rouse__io_set(io, ROUSE__IO_NEXT, -1, stream, 0, 0);
  rouse__io_set_second(io, -1, out);
}

int64_t rouse__stream_wait(struct rouse__stream *stream, void *out, int64_t deadline_ns) {
  rouse_io io;
  set_next(stream, &io, out);
  return rouse__io_wait(&io, deadline_ns);
}

int rouse__stream_start(struct rouse__stream *stream, rouse_io *io, void *out,
                        int64_t deadline_ns) {
  set_next(stream, io, out);
  return rouse__io_start(io, deadline_ns);
}

// --- the operation -------------------------------------------------------------------------------

static void operation_ended(rouse_wait *wait, int result) {
  (void)result;
  struct rouse__stream *stream = ROUSE__CONTAINER(wait, struct rouse__stream, io.wait);
  stream->running = false;
  if (stream->destroyed) {
    stream->loop->ending--;
    stream->kind->free(stream);
  } else {
    stream->kind->ended(stream, stream->io.result);
  }
}

bool rouse__io_more(rouse_io *io, int64_t result, uint32_t buffer) {
  struct rouse__stream *stream = (struct rouse__stream *)io;
  return stream->kind->arrived(stream, result, buffer) && !stream->destroyed;
}

void rouse__stream_init(struct rouse__stream *stream, const struct rouse__stream_kind *kind) {
  stream->loop = rouse__loop_here;
  stream->loop->holders++;
  stream->kind = kind;
  rouse_wait_init(&stream->io.wait, stream->loop, operation_ended);
}

int rouse__stream_run(struct rouse__stream *stream) {
  if (stream->running) return 0;
  int started = rouse__io_submit(&stream->io, ROUSE_FOREVER);
  if (started != ROUSE_PENDING) return started;
  stream->running = true;
  return 0;
}

void rouse__stream_destroy(struct rouse__stream *stream) {
  ROUSE__ASSERT(stream->loop == rouse__loop_here,
                "an acceptor or receiver is destroyed by another thread than its loop's");
  while (stream->first) rouse__stream_complete(stream, stream->first, ROUSE_ECLOSED);
  stream->destroyed = true;
  stream->loop->holders--;
  if (!stream->running) {
    stream->kind->free(stream);
    return;
  }
  stream->loop->ending++;
  rouse_wait_cancel(&stream->io.wait);
}
