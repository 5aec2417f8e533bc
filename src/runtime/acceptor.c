// Acceptors: streams of connections. Their queue is a ring of descriptors that grows if it must.
//
// A failure takes a place in the queue, as what it is: a negative number. Then the operation has
// ended, so no more than one is ever queued, at the end.
#include <rouse/acceptor.h>

#include "platform/socket.h"
#include "runtime/stream.h"

enum { QUEUE_DEFAULT = 64, QUEUE_FIRST = 16 };

struct rouse_acceptor {
  struct rouse__stream stream;
  int *queue;
  uint32_t head, count, capacity;  // a power of two
  uint32_t most;
};

static rouse_acceptor *acceptor_of(struct rouse__stream *stream) {
  return ROUSE__CONTAINER(stream, rouse_acceptor, stream);
}

// --- the queue -----------------------------------------------------------------------------------

static bool grow(rouse_acceptor *acceptor) {
  const uint32_t capacity = acceptor->capacity ? acceptor->capacity * 2 : QUEUE_FIRST;
  int *queue = rouse__allocate(capacity * sizeof *queue, _Alignof(int));
  if (!queue) return false;
  for (uint32_t i = 0; i < acceptor->count; i++) {
    queue[i] = acceptor->queue[(acceptor->head + i) & (acceptor->capacity - 1)];
  }
  rouse__free(acceptor->queue);
  acceptor->queue = queue;
  acceptor->head = 0;
  acceptor->capacity = capacity;
  return true;
}

static bool put(rouse_acceptor *acceptor, int result) {
  if (acceptor->count == acceptor->capacity && !grow(acceptor)) return false;
  acceptor->queue[(acceptor->head + acceptor->count++) & (acceptor->capacity - 1)] = result;
  return true;
}

static int pop(rouse_acceptor *acceptor) {
  int result = acceptor->queue[acceptor->head];
  acceptor->head = (acceptor->head + 1) & (acceptor->capacity - 1);
  acceptor->count--;
  return result;
}

// --- results -------------------------------------------------------------------------------------

// To whoever waits, else into the queue. False: there was no memory for it.
static bool give(rouse_acceptor *acceptor, int result) {
  rouse_io *io = rouse__stream_first(&acceptor->stream);
  if (!io) return put(acceptor, result);
  rouse__stream_complete(&acceptor->stream, io, result);
  return true;
}

static bool arrived(struct rouse__stream *stream, int64_t result, uint32_t buffer) {
  (void)buffer;
  rouse_acceptor *acceptor = acceptor_of(stream);
  if (stream->destroyed || !give(acceptor, (int)result)) {
    rouse__socket_close((int)result);
    return false;
  }
  return acceptor->count < acceptor->most;
}

static bool goes_on(int64_t result) {
  return result == ROUSE_ECANCELED || result == ROUSE_ECONNABORTED;
}

// What a cancel of ours ended goes on when there is room; what the system ended, at the next call.
static void ended(struct rouse__stream *stream, int64_t result) {
  rouse_acceptor *acceptor = acceptor_of(stream);
  int refused = (int)result;
  if (goes_on(result)) {
    bool wanted = rouse__stream_first(stream) || acceptor->count <= acceptor->most / 2;
    refused = wanted ? rouse__stream_run(stream) : 0;
  }
  if (refused) give(acceptor, refused);
  // Others who wait must not wait for what has stopped.
  if (!stream->running && rouse__stream_first(stream)) {
    refused = rouse__stream_run(stream);
    while (refused && rouse__stream_first(stream)) give(acceptor, refused);
  }
}

static int taken(rouse_acceptor *acceptor) {
  int result = pop(acceptor);
  if (!acceptor->stream.running && result >= 0 && acceptor->count <= acceptor->most / 2) {
    rouse__stream_run(&acceptor->stream);  // if not now, then when somebody has to wait
  }
  return result;
}

static bool take(struct rouse__stream *stream, rouse_io *io) {
  rouse_acceptor *acceptor = acceptor_of(stream);
  if (!acceptor->count) return false;
  rouse__io_complete(io, taken(acceptor));
  return true;
}

static void close_all(rouse_acceptor *acceptor) {
  while (acceptor->count) {
    int fd = pop(acceptor);
    if (fd >= 0) rouse__socket_close(fd);
  }
}

static void free_acceptor(struct rouse__stream *stream) {
  rouse_acceptor *acceptor = acceptor_of(stream);
  rouse__free(acceptor->queue);
  rouse__free(acceptor);
}

static const struct rouse__stream_kind kind = {
    .arrived = arrived,
    .ended = ended,
    .run = rouse__stream_run,
    .take = take,
    .free = free_acceptor,
};

// --- the public functions ------------------------------------------------------------------------

int rouse_acceptor_create(rouse_fd listener, uint32_t queue_max, rouse_acceptor **out_acceptor) {
  *out_acceptor = NULL;
  int refused = rouse__loop_usable();
  if (refused) return refused;
  rouse_acceptor *acceptor = rouse__allocate(sizeof *acceptor, _Alignof(rouse_acceptor));
  if (!acceptor) return ROUSE_ENOMEM;
  acceptor->most = queue_max ? queue_max : QUEUE_DEFAULT;
  rouse__stream_init(&acceptor->stream, &kind);
  rouse__io_set(&acceptor->stream.io, ROUSE__IO_ACCEPT_MANY, listener, NULL, acceptor->most, 0);
  *out_acceptor = acceptor;
  return ROUSE_DONE;
}

void rouse_acceptor_destroy(rouse_acceptor *acceptor) {
  if (!acceptor) return;
  close_all(acceptor);
  rouse__stream_destroy(&acceptor->stream);
}

int rouse_acceptor_next(rouse_acceptor *acceptor, int64_t deadline_ns) {
  if (!acceptor->count) {
    return (int)rouse__stream_wait(&acceptor->stream, NULL, deadline_ns);
  }
  int refused = rouse__loop_may_wait();
  if (refused) return refused;
  return acceptor->count ? taken(acceptor)
                         : (int)rouse__stream_wait(&acceptor->stream, NULL, deadline_ns);
}

int rouse_acceptor_next_start(rouse_acceptor *acceptor, rouse_io *io, int64_t deadline_ns) {
  return rouse__stream_start(&acceptor->stream, io, NULL, deadline_ns);
}
