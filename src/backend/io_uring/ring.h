// What the files of the io_uring backend share.
#ifndef ROUSE_BACKEND_IO_URING_RING_H
#define ROUSE_BACKEND_IO_URING_RING_H

#include <errno.h>
#include <liburing.h>

#include "backend/io_uring/constants.h"
#include "base/assert.h"
#include "base/atomics.h"
#include "runtime/backend.h"
#include "runtime/cell.h"

enum { ROUSE__URING_REASON_SIZE = 160 };

// What to do without although the kernel may have it: the names in ROUSE_IO_URING_WITHOUT, for
// tests of what older kernels leave us. In the order of the table in setup.c.
enum {
  ROUSE__URING_WITHOUT_RING = 1 << 0,         // io_uring_setup() itself
  ROUSE__URING_WITHOUT_SETUP_FLAGS = 1 << 1,  // the flags that can be dropped
  ROUSE__URING_WITHOUT_MULTISHOT = 1 << 2,    // multishot polls
  ROUSE__URING_WITHOUT_EVENTFD = 1 << 3,      // the doorbells …
  ROUSE__URING_WITHOUT_FUTEX = 1 << 4,
  ROUSE__URING_WITHOUT_MSG_RING = 1 << 5,
  ROUSE__URING_WITHOUT_CQE_SKIP = 1 << 6,
  ROUSE__URING_WITHOUT_REGISTERED_RING = 1 << 7,
  ROUSE__URING_WITHOUT_FILE_NAMES = 1 << 8,  // operations on names: unlink, rename, mkdir, …
  ROUSE__URING_WITHOUT_SEND_ZC = 1 << 9,
  ROUSE__URING_WITHOUT_MULTISHOT_ACCEPT = 1 << 10,
  ROUSE__URING_WITHOUT_MULTISHOT_RECEIVE = 1 << 11,  // into provided buffers
  ROUSE__URING_WITHOUT_LINKS = 1 << 12,              // of entries
  ROUSE__URING_WITHOUT_REGISTERED = 1 << 13,         // files and buffers
};

// user_data of what is not an operation. Operations have their address, which is larger.
enum { ROUSE__URING_FOR_CANCEL = 1, ROUSE__URING_FOR_BELL = 2, ROUSE__URING_FOR_PROBE = 3 };
// Added to the address of an exchange for the entry of its send.
enum { ROUSE__URING_OF_SEND = 4 };

// rouse_io.backend: flags, two links. Of an exchange the first link is its number (exchange.c).
enum { ROUSE__URING_FLAGS = 0, ROUSE__URING_NEXT = 1, ROUSE__URING_PREVIOUS = 2 };
enum {
  ROUSE__URING_CANCELLED = 8,  // its end was asked for
  ROUSE__URING_LINKED = 32,    // it was submitted in a chain
  // How it waits (again.c):
  ROUSE__URING_POLLING = 16,     // for readiness, since it was tried too early
  ROUSE__URING_EDGE = 128,       // by a poll with many results
  ROUSE__URING_PAUSING = 256,    // for a moment to pass
  ROUSE__URING_SECOND = 512,     // for the other descriptor of a splice
  ROUSE__URING_READY = 1024,     // no more: a poll has reported what it needs
  ROUSE__URING_PATIENT = 2048,   // as the kernel does it
  ROUSE__URING_EXCHANGE = 4096,  // it was submitted as an exchange
};

// --- setup.c -------------------------------------------------------------------------------------

// Reads ROUSE_IO_URING_WITHOUT. 0 and |*out_without|; or ROUSE_EINVAL and why.
int rouse__uring_without(uint32_t *out_without, char *reason, size_t reason_size);

// What a set-up came to.
struct rouse__uring_setup {
  unsigned flags, entries;
  char refused[ROUSE__URING_REASON_SIZE];  // what had to be given up, and why; empty: nothing
};

// Closes what rouse__uring_set_up() made.
void rouse__uring_exit(struct io_uring *ring);

// Sets up |ring| with all that this kernel allows. 0, or a failure and |reason|. Ends with
// rouse__uring_exit().
int rouse__uring_set_up(struct io_uring *ring, uint32_t entries, uint32_t without,
                        struct rouse__uring_setup *out_setup, char *reason, size_t reason_size);
// The names of set-up flags, as "SINGLE_ISSUER DEFER_TASKRUN …".
void rouse__uring_flag_names(unsigned flags, char *text, size_t size);

// io_uring_enter(), by which every system call on a ring goes: a place for tests to have it fail.
extern int (*rouse__uring_enter)(unsigned fd, unsigned submit, unsigned wait, unsigned flags,
                                 sigset_t *argument, size_t argument_size);

// How many entries that were filled in the kernel has not taken yet.
static inline unsigned rouse__uring_pending(const struct io_uring *ring) {
  // RELAXED: the kernel moves it only inside our own system calls.
  return ring->sq.sqe_tail - load_relaxed((rouse__atomic32 *)(void *)ring->sq.khead);
}
// Makes them visible to it, and returns the same.
static inline unsigned rouse__uring_publish(struct io_uring *ring) {
  unsigned pending = rouse__uring_pending(ring);
  if (pending) {
    // ORDER(sq-tail): release, the entries; the kernel acquires when it is entered.
    store_release((rouse__atomic32 *)(void *)ring->sq.ktail, ring->sq.sqe_tail);
  }
  return pending;
}
// Enters: submits |submit| entries, waits for |wait| completions, at most |limit| long (NULL: for
// ever). What io_uring_enter() returns: how many entries were taken, or a negative errno value.
int rouse__uring_go(struct io_uring *ring, unsigned submit, unsigned wait, unsigned flags,
                    struct __kernel_timespec *limit);

// --- doorbell.c ----------------------------------------------------------------------------------

enum rouse__uring_bell_kind {
  ROUSE__URING_BELL_EVENTFD,
  ROUSE__URING_BELL_FUTEX,
  ROUSE__URING_BELL_MSG_RING,
  ROUSE__URING_BELLS
};
extern const char *const rouse__uring_bell_names[ROUSE__URING_BELLS];

struct rouse__uring_bell {
  enum rouse__uring_bell_kind kind;
  bool armed;      // the ring has, or will have with its next entry, something that hears it
  bool multishot;  // eventfd: stays armed
  int event_fd;
  int ring_fd;
  struct rouse__cell *cell;  // eventfd, futex: the word that counts the rings
  uint32_t seen;             // its value up to which they were heard
};

// Makes a doorbell of |kind| for |ring|. 0 or a failure.
int rouse__uring_bell_open(struct rouse__uring_bell *bell, enum rouse__uring_bell_kind kind,
                           uint32_t without, const struct io_uring *ring);
// Ends it. Nothing on the ring may listen any more.
void rouse__uring_bell_close(struct rouse__uring_bell *bell);
// Fills in |sqe| so that the ring hears |bell|. Only if it is not armed.
void rouse__uring_bell_arm(struct rouse__uring_bell *bell, struct io_uring_sqe *sqe);
// A completion for the bell has come: adds the rings to |*heard|. 0, or a failure.
int rouse__uring_bell_hear(struct rouse__uring_bell *bell, const struct io_uring_cqe *cqe,
                           uint64_t *heard);
// Whether rings were counted that were not heard yet; adds them to |*heard|. No system call.
bool rouse__uring_bell_look(struct rouse__uring_bell *bell, uint64_t *heard);
// Any thread. 0 or a negative errno value, which only a doorbell that was never seen to work can
// have.
int rouse__uring_bell_ring(struct rouse__uring_bell *bell);

// --- ring.c --------------------------------------------------------------------------------------

struct list {
  rouse_io *first, *last;
};

// How many receives are kept aside at most.
enum { ROUSE__URING_LATER = 512, ROUSE__URING_EXCHANGES = 512 };

// Exchanges whose receive is not on the ring yet (exchange.c). By running numbers:
struct rouse__uring_exchanges {
  bool tried, can;      // the kernel was seen to do what they rely on
  unsigned begin, end;  // those that there are
  unsigned handed;      // from |begin| to here the kernel has taken the sends
  unsigned over;        // and from |begin| to here they are over, and all went well
  bool linked;          // the only one is on the ring with its receive, and not handed over yet
  unsigned linked_at;   // where its entries are in the submission queue
  unsigned cancelled;   // how many are
  struct io_uring_sqe receives[ROUSE__URING_EXCHANGES];  // at the number's remainder
};

struct uring {
  struct rouse__backend backend;
  struct io_uring ring;
  struct rouse__uring_bell bell;
  struct rouse__uring_setup setup;
  struct list waiting, ended, cancels, cancelled;
  int64_t
      cancel_again_ns;  // when to cancel once more what is in |cancelled|; 0: nothing was missed
  int64_t cancel_pause_ns;                     // from a miss until then
  uint32_t without;                            // what to do without
  uint64_t operations;                         // that the ring can do, a bit each
  struct rouse__uring_registered *registered;  // NULL: nothing is
  uint32_t groups;                             // of buffers, made so far
  unsigned cancel_flags;
  uint64_t events;  // completions and bells, to tell whether anything came
  bool refused;     // the kernel did not take all entries
  int failure;      // what ends the loop's run
  struct rouse__uring_exchanges exchanges;
  unsigned later_count;
  struct io_uring_sqe later[ROUSE__URING_LATER];  // of receives, to go to the ring behind all else
};

// Whether |io| goes to the ring, in the form that suits its descriptor.
bool rouse__uring_does(const struct uring *uring, rouse_io *io);
// Puts |io| onto the ring, or into the list of those that wait for room; receives at the end of the
// turn.
void rouse__uring_start(struct uring *uring, rouse_io *io);
// Puts the receives there now.
void rouse__uring_put_later(struct uring *uring);
// Puts one whose entry has been filled in. False: there is no room.
bool rouse__uring_put_prepared(struct uring *uring, const struct io_uring_sqe *prepared);
// A free entry, or NULL if the kernel does not take what is there.
struct io_uring_sqe *rouse__uring_take_entry(struct uring *uring);
void rouse__uring_cancel(struct uring *uring, rouse_io *io);
void rouse__uring_complete(struct uring *uring, rouse_io *io, int64_t result);
// |io|, which is not on the ring, has ended with |result|: completed by the next poll().
void rouse__uring_end(struct uring *uring, rouse_io *io, int64_t result);

// A wait inside a system call was interrupted: as EINTR, or by the numbers with which the kernel
// asks itself to make the call again, which some operations let out.
static inline bool rouse__uring_interrupted(int result) {
  return result == -EINTR || (result <= -ROUSE__ERESTARTSYS && result >= -ROUSE__ERESTART_BLOCK);
}

// Hands over the entries that were filled in.
void rouse__uring_hand_over(struct uring *uring);

// --- exchange.c ----------------------------------------------------------------------------------

// How their sends are made: at once and whole, or not at all.
#define ROUSE__URING_SEND_AT_ONCE (MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL)

// As struct rouse__backend_ops has it.
bool rouse__uring_submit_exchange(struct rouse__backend *backend, rouse_io *io);
// The kernel has taken all entries.
static inline void rouse__uring_exchanges_handed(struct uring *uring) {
  uring->exchanges.handed = uring->exchanges.end;
}
// All completions that the kernel had by then have been looked at.
static inline void rouse__uring_exchanges_heard(struct uring *uring) {
  uring->exchanges.over = uring->exchanges.handed;
}
static inline bool rouse__uring_exchanges_left(const struct uring *uring) {
  return uring->exchanges.begin != uring->exchanges.end && !uring->exchanges.linked;
}
// All entries are about to be handed over: if there is but one, the send of an exchange, its
// receive is linked to it.
void rouse__uring_exchange_link(struct uring *uring);
// They were, but for |left| that the kernel did not take.
void rouse__uring_exchange_linked(struct uring *uring, unsigned left);
// Puts onto the ring the receives of those whose send is over.
void rouse__uring_exchanges_go_on(struct uring *uring);
// The send for which |user_data| is has failed, or has sent a part: the operation, now a send.
rouse_io *rouse__uring_exchange_broke(struct uring *uring, uint64_t user_data);
// |io|, cancelled, is one whose receive is not on the ring: true, and it ends with its send.
bool rouse__uring_exchange_cancelled(struct uring *uring, const rouse_io *io);
// Whether there is one on |fd|.
bool rouse__uring_exchanges_on(struct uring *uring, int fd);

// --- linked.c ------------------------------------------------------------------------------------

// As struct rouse__backend_ops has it.
bool rouse__uring_submit_linked(struct rouse__backend *backend, rouse_io *first, uint32_t count);

// --- registered.c --------------------------------------------------------------------------------

int rouse__uring_register_buffers(struct rouse__backend *backend, const rouse_span *buffers,
                                  uint32_t count);
void rouse__uring_unregister_buffers(struct rouse__backend *backend);
int rouse__uring_register_file(struct rouse__backend *backend, rouse_fd fd);
void rouse__uring_unregister_file(struct rouse__backend *backend, rouse_fd fd);
// Lets |sqe|, filled in for |io|, use what is registered. Something is.
void rouse__uring_use_registered(struct uring *uring, struct io_uring_sqe *sqe, const rouse_io *io);
// The same for a send or receive, of which nothing else can be.
void rouse__uring_use_registered_file(struct uring *uring, struct io_uring_sqe *sqe);
void rouse__uring_registered_free(struct uring *uring);

// --- many.c: operations with many results, and groups of buffers ---------------------------------

static inline bool rouse__uring_is_many(unsigned operation) {
  return operation == ROUSE__IO_ACCEPT_MANY || operation == ROUSE__IO_RECEIVE_MANY;
}
void rouse__uring_many_prepare(struct uring *uring, struct io_uring_sqe *sqe, rouse_io *io);
void rouse__uring_many_ended(struct uring *uring, rouse_io *io, const struct io_uring_cqe *cqe);
void *rouse__uring_buffers_open(struct rouse__backend *backend, uint32_t count,
                                uint16_t *out_group);
void rouse__uring_buffers_close(struct rouse__backend *backend, void *system, uint16_t group);
void rouse__uring_buffers_give(struct rouse__backend *backend, rouse_buffers *buffers,
                               uint32_t index);

// --- try_many.c, try_exchange.c ------------------------------------------------------------------

// 0, or a failure and why: operations with many results; exchanges.
int rouse__uring_try_accepts(struct io_uring *ring, uint32_t without, char *reason, size_t size);
int rouse__uring_try_receives(struct io_uring *ring, uint32_t without, char *reason, size_t size);
int rouse__uring_try_exchange(struct io_uring *ring, uint32_t without, char *reason, size_t size);

// --- behaviour.c ---------------------------------------------------------------------------------

// Chooses the doorbell that ROUSE_IO_URING_DOORBELL asks for, or the best that was seen to work.
// 0, or a failure and why.
int rouse__uring_bell_choose(uint32_t without, enum rouse__uring_bell_kind *out_kind, char *reason,
                             size_t reason_size);
enum {
  ROUSE__URING_MANY_ACCEPTS = 1,
  ROUSE__URING_MANY_RECEIVES = 2,
  ROUSE__URING_ONE_EXCHANGE = 4,
};
// Which of these the kernel was seen to do. Tried once for the process.
uint32_t rouse__uring_abilities(uint32_t without);
// Adds to |probe| what was found out by trying.
void rouse__uring_probe(rouse_probe *probe);

// --- operations.c --------------------------------------------------------------------------------

// Which operations |ring| can do, a bit each. 0, or a failure and why.
int rouse__uring_operations(struct io_uring *ring, uint32_t without, uint64_t *out_operations,
                            char *reason, size_t reason_size);
// The name of an operation in the kernel's words, or NULL.
const char *rouse__uring_operation_name(unsigned operation);
// Whether the kernel starts nothing linked to an operation that failed. It does not look at the
// results of some: of those on names, for example.
bool rouse__uring_stops_a_chain(unsigned operation);
// What a ring can't do is done by a blocking call; else by other entries.
bool rouse__uring_by_blocking_call(unsigned operation);
// Does |io| by a system call that blocks: the result.
int64_t rouse__uring_perform(rouse_io *io);

// --- prepare.c -----------------------------------------------------------------------------------

// Fills in |sqe| for |io|.
void rouse__uring_prepare(struct io_uring_sqe *sqe, rouse_io *io);

// --- again.c -------------------------------------------------------------------------------------

// |io| has ended with |*result|: whether it is to go to the ring again, since nothing has happened
// yet. Else |*result| is what counts.
bool rouse__uring_to_try_again(const struct uring *uring, rouse_io *io, int *result);
// Whether |io| waits before it is tried again; then its entry is filled in by:
static inline bool rouse__uring_waits(const rouse_io *io) {
  return io->backend[ROUSE__URING_FLAGS] & (ROUSE__URING_POLLING | ROUSE__URING_PAUSING);
}
void rouse__uring_prepare_wait(struct io_uring_sqe *sqe, rouse_io *io);
// The poll with many results of |io| has one: whether that is what it waits for, and is noted.
bool rouse__uring_edge_is_it(rouse_io *io, int result);
// The readiness that |io| needs; 0: it has none.
unsigned rouse__uring_readiness_of(const rouse_io *io);

// --- descriptors.c -------------------------------------------------------------------------------

// Makes |io| what its descriptor asks for. False: that is a call of the pool's.
bool rouse__uring_suits(rouse_io *io);
// |io| was refused for what it asks for: whether it is to be made again, without its offset.
bool rouse__uring_misplaced(rouse_io *io);
// Whether |io| is made by a call that does not wait; that call: its result.
bool rouse__uring_connects_here(const rouse_io *io);
int rouse__uring_connect(const rouse_io *io);
// SOCK_STREAM, …; 0: |fd| is no socket.
int rouse__uring_socket_type(int fd);

// --- futex.c -------------------------------------------------------------------------------------

static inline bool rouse__uring_is_futex(unsigned operation) {
  return operation == ROUSE__IO_FUTEX_WAIT || operation == ROUSE__IO_FUTEX_WAKE;
}
// Fills in |sqe| for |io|, a futex operation.
void rouse__uring_futex_prepare(struct io_uring_sqe *sqe, const rouse_io *io);
// Before the wait |io| goes to a ring: false if rings here do not do what a wait relies on.
bool rouse__uring_futex_ready(const rouse_io *io);
// Whether |ring|, one to try things on, does all that futex waits and doorbells rely on. 0, or a
// failure and why.
int rouse__uring_futex_try(struct io_uring *ring, char *reason, size_t size);

// How many slots the process's table of private futex words has; 0: it has none yet; below 0: the
// kernel has no such tables.
int rouse__uring_futex_slots(void);

// --- traps.c -------------------------------------------------------------------------------------

// Adds to |probe| what this kernel's futex operations do, found by trying it, and what is done
// about it.
void rouse__uring_report_futexes(rouse_probe *probe, struct io_uring *ring, uint32_t without);

#endif
