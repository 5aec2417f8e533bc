// Futex waits for loops whose backend has none: each word has a thread that sleeps on it.
//
// One thread for each word, because the system's call for several tells of one wake only and
// swallows the others (platform/futex_linux.c), and a wake that was spent must be reported. The
// threads belong to the loop; all but their sleep happens on its own thread: it finds an idle one
// or starts one, gives it work, asks it to stop, and takes it back with the completion.
//
//   loop:    io, control = GOING; order = WORK; unpark
//   thread:                                       sleeps on the caller's word and on |control|
//   loop:    a cancel: control = STOP; unpark
//   thread:                                       order = IDLE; sends the io to the loop's inbox
//   loop:    takes the mail: the io is complete, the thread idle
//
// A cancel touches the thread's own words, never the io, so it may come at any moment: before the
// sleep (the thread sees STOP and does not sleep), during it, or after it, when it changes nothing.
// Which of a wake and a cancel came first is for the system's call to say, and it is exact: the
// result is DONE if a wake was spent. |order| and |control| are two words so that an unpark for the
// first, which may come late, never disturbs a sleep on the second.
#include "platform/futex.h"

#include <rouse/futex.h>

#include "runtime/futex.h"

enum { IDLE, WORK, QUIT };     // order
enum { GOING = 1, STOP = 2 };  // control

struct rouse__futex_thread {
  _Alignas(64) rouse__atomic32 order;
  rouse__atomic32 control;
  rouse_io *io;
  rouse__thread thread;
  struct rouse__futex_thread *next_idle;
};

static struct rouse__futex_thread *thread_of(const rouse_io *io) {
  return (struct rouse__futex_thread *)io->backend[0];
}

// --- the thread ----------------------------------------------------------------------------------

static void thread_main(void *argument) {
  struct rouse__futex_thread *self = argument;
  for (;;) {
    // ORDER(futex_order): acquire, the work.
    uint32_t order = load_acquire(&self->order);
    if (order == QUIT) return;
    if (order == IDLE) {
      rouse__park(&self->order, IDLE, ROUSE_FOREVER);
      continue;
    }
    rouse_io *io = self->io;
    int result = rouse__futex_wait(io->address, io->mode, io->flags & ROUSE_FUTEX_SHARED,
                                   &self->control, GOING);
    store_relaxed(&self->order, IDLE);  // RELAXED: the inbox publishes it
    rouse__io_blocking_done(io, result);
  }
}

static void set_order(struct rouse__futex_thread *thread, uint32_t order) {
  // ORDER(futex_order): release, the work.
  store_release(&thread->order, order);
  rouse__unpark(&thread->order);
}

// --- the loop ------------------------------------------------------------------------------------

static struct rouse__futex_thread *start_thread(rouse_loop *loop) {
  if (loop->futex_thread_count == ROUSE_FUTEX_THREADS_MAX) return NULL;
  struct rouse__futex_thread *thread =
      rouse__allocate(sizeof *thread, _Alignof(struct rouse__futex_thread));
  if (!thread) return NULL;
  if (rouse__thread_start(&thread->thread, thread_main, thread, "rouse-futex")) {
    rouse__free(thread);
    return NULL;
  }
  loop->futex_thread_count++;
  return thread;
}

static rouse_loop *loop_of(const rouse_io *io) {
  return ROUSE__CONTAINER(io->wait.waker, rouse_loop, waker);
}

int rouse__io_futex_wait(rouse_io *io) {
  rouse_loop *loop = loop_of(io);
  struct rouse__futex_thread *thread = loop->futex_idle;
  if (thread) {
    loop->futex_idle = thread->next_idle;
  } else {
    thread = start_thread(loop);
    if (!thread) return ROUSE_ENOMEM;
  }
  io->backend[0] = (uintptr_t)thread;
  io->state = ROUSE__IO_THREADED;
  thread->io = io;
  store_relaxed(&thread->control, GOING);  // RELAXED: published by the order
  set_order(thread, WORK);
  return 0;
}

int64_t rouse__io_futex_wake(const rouse_io *io) {
  return rouse_futex_wake(io->address, io->length, io->flags);
}

void rouse__futex_threads_cancel(rouse_io *io) {
  struct rouse__futex_thread *thread = thread_of(io);
  // ORDER(futex_control): release, all before the cancel.
  store_release(&thread->control, STOP);
  rouse__unpark(&thread->control);
}

void rouse__futex_threads_return(rouse_loop *loop, rouse_io *io) {
  struct rouse__futex_thread *thread = thread_of(io);
  thread->next_idle = loop->futex_idle;
  loop->futex_idle = thread;
}

void rouse__futex_threads_end(rouse_loop *loop) {
  struct rouse__futex_thread *thread;
  while ((thread = loop->futex_idle)) {
    loop->futex_idle = thread->next_idle;
    set_order(thread, QUIT);
    rouse__thread_join(&thread->thread);
    rouse__free(thread);
    loop->futex_thread_count--;
  }
  ROUSE__ASSERT(!loop->futex_thread_count, "a loop ends while it waits for futex words");
}
