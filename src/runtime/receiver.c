// Receivers: streams of buffers with bytes in them. Their queue is a list through the group's
// buffers, so a result never needs memory.
//
// A receiver that ends because there was no buffer is starved: in a list of its group, until one is
// returned. The one that is then started may find that another has taken it, and starves again, at
// the end of the list; so all get their turn. It may also have nothing to receive: the system looks
// for a buffer first. So while buffers are free the next ones are started, too; only one for each
// buffer at a time, or all of thousands would be started for each buffer that is returned.
#include <rouse/receiver.h>

#include "platform/socket.h"
#include "runtime/stream.h"

struct rouse_receiver {
  struct rouse__stream stream;
  rouse_buffers *buffers;
  uint32_t first, last;
  rouse_receiver *starved_next;
  bool starved;
  bool over;  // the end, or a failure, has come
  int64_t end;
};

static rouse_receiver *receiver_of(struct rouse__stream *stream) {
  return ROUSE__CONTAINER(stream, rouse_receiver, stream);
}

// --- those that found no buffer ------------------------------------------------------------------

static void starve(rouse_receiver *receiver) {
  rouse_buffers *buffers = receiver->buffers;
  if (buffers->starved) {
    buffers->starved_last->starved_next = receiver;
  } else {
    buffers->starved = receiver;
  }
  buffers->starved_last = receiver;
  receiver->starved_next = NULL;
  receiver->starved = true;
}

static void unstarve(rouse_receiver *receiver) {
  rouse_buffers *buffers = receiver->buffers;
  rouse_receiver *previous = NULL, **at = &buffers->starved;
  while (*at != receiver) {
    previous = *at;
    at = &previous->starved_next;
  }
  *at = receiver->starved_next;
  if (buffers->starved_last == receiver) buffers->starved_last = previous;
  receiver->starved = false;
}

static void finish(rouse_receiver *receiver, int64_t result);

// As many as there are buffers; and then the next, as long as there still are: one that went on may
// have found nothing to receive.
static void feed(rouse_wait *wait, int result) {
  (void)result;
  rouse_buffers *buffers = ROUSE__CONTAINER(wait, rouse_buffers, feeder);
  buffers->feeding = false;
  for (uint32_t i = buffers->free_count; i > 0 && buffers->starved; i--) {
    rouse_receiver *receiver = buffers->starved;
    unstarve(receiver);
    int refused = rouse__stream_run(&receiver->stream);
    if (refused) finish(receiver, refused);
  }
  if (buffers->starved && buffers->free_count) rouse__receivers_feed(buffers);
  rouse__buffers_settle(buffers);
}

void rouse__receivers_feed(rouse_buffers *buffers) {
  if (buffers->feeding) return;
  buffers->feeding = true;
  rouse_loop_post(buffers->loop, &buffers->feeder, feed);
}

// --- results -------------------------------------------------------------------------------------

static int64_t hand_out(rouse_receiver *receiver, uint32_t index, void **out_data) {
  rouse_buffers *buffers = receiver->buffers;
  buffers->buffers[index].out = true;
  *out_data = rouse__buffer_data(buffers, index);
  return buffers->buffers[index].length;
}

static void finish(rouse_receiver *receiver, int64_t result) {
  receiver->over = true;
  receiver->end = result;
  rouse_io *io;
  while ((io = rouse__stream_first(&receiver->stream))) {
    rouse__stream_complete(&receiver->stream, io, result);
  }
}

static bool arrived(struct rouse__stream *stream, int64_t result, uint32_t buffer) {
  rouse_receiver *receiver = receiver_of(stream);
  rouse_buffers *buffers = receiver->buffers;
  buffers->free_count--;
  if (stream->destroyed) {
    rouse__buffer_free(buffers, buffer);
    return false;
  }
  buffers->buffers[buffer].length = (uint32_t)result;
  rouse_io *io = rouse__stream_first(stream);
  if (io) {
    rouse__stream_complete(stream, io, hand_out(receiver, buffer, io->address2));
    return true;
  }
  buffers->buffers[buffer].next = ROUSE__NO_BUFFER;
  if (receiver->first == ROUSE__NO_BUFFER) {
    receiver->first = buffer;
  } else {
    buffers->buffers[receiver->last].next = buffer;
  }
  receiver->last = buffer;
  return true;
}

static void ended(struct rouse__stream *stream, int64_t result) {
  rouse_receiver *receiver = receiver_of(stream);
  if (result == ROUSE_ENOBUFS) {
    starve(receiver);
    // One may have been returned between the system's look and ours.
    if (receiver->buffers->free_count) rouse__receivers_feed(receiver->buffers);
  } else {
    finish(receiver, result);
  }
}

static uint32_t pop(rouse_receiver *receiver) {
  uint32_t index = receiver->first;
  receiver->first = receiver->buffers->buffers[index].next;
  return index;
}

// One that is starved is started when a buffer is there.
static int run(struct rouse__stream *stream) {
  return receiver_of(stream)->starved ? 0 : rouse__stream_run(stream);
}

// The next result into |*out_result|. False: there is none yet.
static bool ready(rouse_receiver *receiver, void **out_data, int64_t *out_result) {
  if (receiver->first != ROUSE__NO_BUFFER) {
    *out_result = hand_out(receiver, pop(receiver), out_data);
    return true;
  }
  *out_result = receiver->end;
  return receiver->over;
}

static bool take(struct rouse__stream *stream, rouse_io *io) {
  int64_t result;
  if (!ready(receiver_of(stream), io->address2, &result)) return false;
  rouse__io_complete(io, result);
  return true;
}

static void throw_away(rouse_receiver *receiver) {
  while (receiver->first != ROUSE__NO_BUFFER) {
    rouse__buffer_free(receiver->buffers, pop(receiver));
  }
}

static void free_receiver(struct rouse__stream *stream) {
  rouse_receiver *receiver = receiver_of(stream);
  rouse_buffers *buffers = receiver->buffers;
  rouse__free(receiver);
  buffers->receivers--;
  rouse__buffers_settle(buffers);
}

static const struct rouse__stream_kind kind = {
    .arrived = arrived,
    .ended = ended,
    .run = run,
    .take = take,
    .free = free_receiver,
};

// --- for backends --------------------------------------------------------------------------------

int64_t rouse__receive_ready(rouse_io *io) {
  enum { AT_ONCE = 16 };
  rouse_buffers *buffers = io->address;
  for (int i = 0; i < AT_ONCE; i++) {
    const uint32_t index = rouse__buffers_take(buffers);
    if (index == ROUSE__NO_BUFFER) return ROUSE_ENOBUFS;
    int64_t got =
        rouse__socket_receive_now(io->fd, rouse__buffer_data(buffers, index), buffers->size);
    if (got <= 0) rouse__buffers_untake(buffers, index);
    if (got <= 0) return got;
    if (!rouse__io_more(io, got, index)) return ROUSE_ECANCELED;
    if (got < (int64_t)buffers->size) break;  // most likely it is empty
  }
  return ROUSE_EAGAIN;
}

// --- the public functions ------------------------------------------------------------------------

// What else can be waited for until it can be read, and is no socket, would not be refused by every
// backend, and not before there is something. 0, or why nothing can be received.
static int check(rouse_fd fd) {
  int size, refused = rouse__socket_get(fd, ROUSE_SOCKET_RECEIVE_BUFFER, &size);
  return refused == ROUSE_ENOTSOCK || refused == ROUSE_EBADF ? refused : 0;
}

int rouse_receiver_create(rouse_fd fd, rouse_buffers *buffers, rouse_receiver **out_receiver) {
  *out_receiver = NULL;
  int refused = rouse__loop_usable();
  if (refused) return refused;
  if (buffers->loop != rouse__loop_here) return ROUSE_ENOLOOP;
  rouse_receiver *receiver = rouse__allocate(sizeof *receiver, _Alignof(rouse_receiver));
  if (!receiver) return ROUSE_ENOMEM;
  rouse__stream_init(&receiver->stream, &kind);
  rouse__io_set(&receiver->stream.io, ROUSE__IO_RECEIVE_MANY, fd, buffers, 0, 0);
  receiver->end = check(fd);
  receiver->over = receiver->end != 0;
  receiver->buffers = buffers;
  receiver->first = receiver->last = ROUSE__NO_BUFFER;
  buffers->receivers++;
  buffers->living++;
  *out_receiver = receiver;
  return ROUSE_DONE;
}

void rouse_receiver_destroy(rouse_receiver *receiver) {
  if (!receiver) return;
  if (receiver->starved) unstarve(receiver);
  throw_away(receiver);
  receiver->buffers->living--;
  rouse__stream_destroy(&receiver->stream);
}

int64_t rouse_receiver_next(rouse_receiver *receiver, void **out_data, int64_t deadline_ns) {
  if (receiver->first != ROUSE__NO_BUFFER || receiver->over) {
    int refused = rouse__loop_may_wait();
    if (refused) return refused;
    int64_t result;
    if (ready(receiver, out_data, &result)) return result;
  }
  return rouse__stream_wait(&receiver->stream, out_data, deadline_ns);
}

int rouse_receiver_next_start(rouse_receiver *receiver, rouse_io *io, void **out_data,
                              int64_t deadline_ns) {
  return rouse__stream_start(&receiver->stream, io, out_data, deadline_ns);
}
