// Chains of operations.
//
//   added --start--> chained --its turn--> with the backend --> complete
//                        \ one before failed, or the chain was cancelled: complete, ECANCELED
//
// In software the completion of one starts the next. If the backend can link operations it has all
// of them from the start (|linked|) and reports their results in order; then only two things are
// done here. A cancel goes to the one that is under way, since the others can't be found by the
// kernel, and again to the next if it came too late. And where the backend would have made an
// operation again by itself (its descriptor does not wait), the links after it are broken: when all
// the rest has come back, the chain goes on from there in software.
//
// The operation that completes is taken off the chain before the next is looked at; callbacks run
// later, from the loop, so none of them sees a chain in the middle of this.
#include <rouse/chain.h>

#include "runtime/operation.h"

static rouse_loop *loop_of(const rouse_io *io) {
  return ROUSE__CONTAINER(io->wait.waker, rouse_loop, waker);
}

// --- making one ----------------------------------------------------------------------------------

void rouse_chain_init(rouse_chain *chain) { *chain = (rouse_chain){.first = NULL}; }

void rouse_chain_add(rouse_chain *chain, rouse_io *io) {
  ROUSE__ASSERT(!chain->started, "rouse_chain_add: the chain is under way");
  io->chain = chain;
}

static bool moves_all(const rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_READ:
    case ROUSE__IO_WRITE:
    case ROUSE__IO_READ_SPANS:
    case ROUSE__IO_WRITE_SPANS:
    case ROUSE__IO_SPLICE:
    case ROUSE__IO_SEND:
    case ROUSE__IO_SEND_SPANS:
    case ROUSE__IO_SEND_ZERO_COPY:
      return true;
    default:
      return false;
  }
}

static bool sends(const rouse_io *io) {
  return io->operation == ROUSE__IO_SEND || io->operation == ROUSE__IO_SEND_SPANS ||
         io->operation == ROUSE__IO_SEND_ZERO_COPY;
}

static uint64_t size_of(const rouse_io *io) {
  bool spans = io->operation == ROUSE__IO_READ_SPANS || io->operation == ROUSE__IO_WRITE_SPANS ||
               io->operation == ROUSE__IO_SEND_SPANS;
  if (!spans) return io->length;
  uint64_t size = 0;
  const rouse_span *span = io->address;
  for (uint32_t i = 0; i < io->length; i++) size += span[i].size;
  return size;
}

// The size is noted, since an operation may use up what it is told: io->chain_size. So are the
// spans of a send, in fields that no send uses: address2 (NULL: it has none), and mode, how many.
int rouse__chain_collect(rouse_io *io, int64_t deadline_ns) {
  rouse_chain *chain = io->chain;
  if (chain->started) return ROUSE_EINVAL;
  io->wait.deadline_ns = deadline_ns;
  io->link = NULL;
  io->chain_size = moves_all(io) ? size_of(io) : 0;
  io->chain_done = 0;
  if (sends(io)) {
    const bool spans = io->operation == ROUSE__IO_SEND_SPANS;
    io->address2 = spans ? io->address : NULL;
    io->mode = spans ? io->length : 0;
  }
  if (io->operation == ROUSE__IO_SEND || io->operation == ROUSE__IO_SEND_SPANS) {
    io->flags |= ROUSE__SEND_WHOLE;
  }
  if (chain->last) {
    chain->last->link = io;
  } else {
    chain->first = io;
  }
  chain->last = io;
  chain->count++;
  return ROUSE_PENDING;
}

void rouse_chain_drop(rouse_chain *chain) {
  ROUSE__ASSERT(!chain->started, "rouse_chain_drop: the chain is under way");
  for (rouse_io *io = chain->first; io; io = io->link) io->chain = NULL;
  rouse_chain_init(chain);
}

// --- going through it ----------------------------------------------------------------------------

// Takes the first one off, which has ended.
static void take_off(rouse_chain *chain, rouse_io *io, int64_t result) {
  chain->first = io->link;
  if (!chain->first) chain->last = NULL;
  if (result >= (int64_t)io->chain_size) {
    chain->succeeded++;
  } else {
    chain->failed = true;
  }
  io->chain = NULL;
}

static void end(rouse_chain *chain) {
  rouse_io *waiter = chain->waiter;
  const uint32_t succeeded = chain->succeeded;
  rouse_chain_init(chain);
  if (waiter) rouse__io_complete(waiter, succeeded);
}

static void give_up(rouse_chain *chain) {
  rouse_io *io;
  while ((io = chain->first)) {
    take_off(chain, io, ROUSE_ECANCELED);
    rouse__io_complete(io, ROUSE_ECANCELED);
  }
  end(chain);
}

// Starts the first, now that it is its turn.
static void begin(rouse_chain *chain) {
  rouse_io *io = chain->first;
  int refused = rouse__io_begin(io);
  if (refused) rouse__io_complete(io, refused);
}

static void go_on(rouse_chain *chain) {
  if (!chain->first) {
    end(chain);
  } else if (chain->cancelled) {
    give_up(chain);
  } else {
    begin(chain);
  }
}

// The rest of a chain that was broken off has come back.
static void resume(rouse_chain *chain) {
  chain->linked = false;
  chain->again = NULL;
  for (rouse_io *io = chain->first; io; io = io->link) io->state = ROUSE__IO_CHAINED;
  go_on(chain);
}

// What is left of |io|, a send of spans that has sent |io->chain_done| bytes. The spans are the
// caller's and stay as they are: one that went out in part is finished by a send of its own.
static void skip_spans(rouse_io *io) {
  const rouse_span *span = io->address2;
  const rouse_span *end = span + io->mode;
  size_t sent = (size_t)io->chain_done;
  for (; sent >= span->size; span++) sent -= span->size;
  if (sent) {
    rouse__io_set(io, ROUSE__IO_SEND, io->fd, (char *)span->data + sent,
                  rouse__length_of(span->size - sent), io->flags);
  } else {
    rouse__io_set(io, ROUSE__IO_SEND_SPANS, io->fd, span, (uint32_t)(end - span), io->flags);
  }
}

static void skip_bytes(rouse_io *io, uint32_t sent) {
  io->address = (char *)io->address + sent;
  io->length -= sent;
}

// A send that is not through goes on; not on a ring, where the kernel sees to that.
static bool sends_on(rouse_io *io, int64_t *result) {
  rouse_chain *chain = io->chain;
  if (!sends(io) || chain->linked) return false;
  if (*result > 0) {
    io->chain_done += (uint64_t)*result;
    bool more = io->chain_done < io->chain_size && !chain->cancelled;
    if (more) {
      if (io->address2) {
        skip_spans(io);
      } else {
        skip_bytes(io, (uint32_t)*result);
      }
      int refused = rouse__io_begin(io);
      if (!refused) return true;
    }
  }
  // What has gone out is what counts, whatever ended it.
  if (io->chain_done) *result = (int64_t)io->chain_done;
  return false;
}

bool rouse__chain_absorbs(rouse_io *io, int64_t *result) {
  rouse_chain *chain = io->chain;
  if (chain->again && io != chain->again) {
    if (!io->link) resume(chain);
    return true;
  }
  return sends_on(io, result);
}

void rouse__chain_ended(rouse_io *io) {
  rouse_chain *chain = io->chain;
  const int64_t result = io->result;
  const bool succeeded = result >= (int64_t)io->chain_size;
  take_off(chain, io, result);
  if (chain->linked) {
    if (!chain->first) {
      end(chain);
    } else if (chain->cancelled && succeeded) {
      rouse__io_leave(chain->first);
    }
  } else if (!succeeded && chain->first) {
    give_up(chain);
  } else {
    go_on(chain);
  }
}

void rouse__chain_broken(rouse_io *io) {
  io->chain->again = io;
  if (!io->link) resume(io->chain);
}

bool rouse__chain_is_over(const rouse_chain *chain) {
  return chain->failed || chain->again || chain->cancelled;
}

// --- cancels -------------------------------------------------------------------------------------

static void cancel(rouse_chain *chain) {
  if (chain->cancelled) return;
  chain->cancelled = true;
  if (chain->first && !chain->again) rouse__io_leave(chain->first);
}

void rouse__chain_leave(rouse_io *io) { cancel(io->chain); }

void rouse__chain_wait_leave(rouse_io *waiter) { cancel(waiter->address); }

// --- starting ------------------------------------------------------------------------------------

int rouse_chain_start(rouse_chain *chain) {
  if (!chain->first || chain->started) return ROUSE_EINVAL;
  rouse_loop *loop = loop_of(chain->first);
  int refused = rouse__loop_usable();
  if (refused) return refused;
  ROUSE__ASSERT(loop == rouse__loop_here,
                "a chain is started on another thread than its operations' loop's");
  if (loop != rouse__loop_here) return ROUSE_ENOLOOP;
  chain->started = true;
  for (rouse_io *io = chain->first; io; io = io->link) {
    ROUSE__ASSERT(loop_of(io) == loop, "the operations of a chain belong to different loops");
    rouse__io_prepare(io, io->wait.deadline_ns);
  }
  struct rouse__backend *backend = loop->backend;
  chain->linked = chain->count > 1 && backend->ops->submit_linked &&
                  backend->ops->submit_linked(backend, chain->first, chain->count);
  if (!chain->linked) begin(chain);
  return ROUSE_PENDING;
}

int rouse__chain_wait_start(rouse_io *waiter) {
  rouse_chain *chain = waiter->address;
  chain->waiter = waiter;
  int started = rouse_chain_start(chain);
  if (started == ROUSE_PENDING) return 0;
  chain->waiter = NULL;
  return started;
}

int64_t rouse_chain_wait(rouse_chain *chain) {
  rouse_io io;
  rouse__io_set(&io, ROUSE__IO_CHAIN, -1, chain, 0, 0);
  return rouse__io_wait(&io, ROUSE_FOREVER);
}
