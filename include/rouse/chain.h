// Chains: operations that are started together and run one after the other, each only if the one
// before succeeded: read, then write what was read; wait for a descriptor, then send.
//
//   rouse_chain_init(&chain);
//   rouse_chain_add(&chain, &reading.io);
//   rouse_file_read_start(&reading.io, in, buffer, size, 0, ROUSE_FOREVER);
//   rouse_chain_add(&chain, &writing.io);
//   rouse_file_write_start(&writing.io, out, buffer, size, 0, ROUSE_FOREVER);
//   rouse_chain_start(&chain);
//
// On a ring the kernel goes from one to the next without the process (linked entries); elsewhere
// the loop does, in the same order and with the same results.
//
// An operation succeeds if its result is not negative, and a read, write, splice or send has moved
// all its bytes. (A send goes on until all are sent, or it fails. A receive moves what is there: a
// short one succeeds, and so does the end, 0.) After one that did not succeed, or moved fewer, all
// that follow complete with ROUSE_ECANCELED, and have had no effect.
//
// Cancelling any of them, or the passing of its deadline, ends the whole chain: the one that is
// under way is asked to end, and none that has not begun begins. The one whose deadline passed
// completes with ROUSE_ETIMEDOUT, the others with ROUSE_ECANCELED, except those that were complete,
// or had an effect. Deadlines count from the start of the chain.
//
// Each operation completes by its own callback, in the order of the chain.
//
// Threads: the loop's, of which all operations must be.
#ifndef ROUSE_CHAIN_H
#define ROUSE_CHAIN_H

#include <rouse/io.h>

ROUSE_BEGIN_C

// A chain. Fields are private.
typedef struct rouse_chain {
  rouse_io *first, *last;  // of those that are not complete
  rouse_io *again;         // where it was broken off, to be gone on with
  rouse_io *waiter;
  uint32_t count, succeeded;
  bool started, linked, cancelled;
  bool failed;  // one of those that are complete
} rouse_chain;

// Prepares an empty chain. Once; after its end it may be used anew.
// Ownership: the caller owns |chain| and must not move or free it before its last operation's
//   callback was entered.
ROUSE_API void rouse_chain_init(rouse_chain *chain);

// Makes the next start with |io|, which was initialised, put the operation at the end of |chain|
// instead of starting it. That start returns ROUSE_PENDING, or a failure: then |io| is not in it.
// Not while the chain is started.
ROUSE_API void rouse_chain_add(rouse_chain *chain, rouse_io *io);

// Takes all operations out of a chain that was not started: none runs, and none completes.
ROUSE_API void rouse_chain_drop(rouse_chain *chain);

// Starts the chain.
// Returns ROUSE_PENDING: each operation will complete once; ROUSE_EINVAL: it is empty, or under
//   way; ROUSE_ENOLOOP, ROUSE_EFORKED (nothing was started; the operations are still in it).
ROUSE_API int rouse_chain_start(rouse_chain *chain);

// For tasks: starts the chain, and waits until all its operations have completed. Their callbacks
// have run before.
// Returns how many have succeeded (all: the chain ran to its end); or a failure as above,
//   ROUSE_EDEADLK or ROUSE_ECANCELED (nothing was started). A task that is cancelled while it waits
//   cancels the chain.
ROUSE_API int64_t rouse_chain_wait(rouse_chain *chain);

ROUSE_END_C
#endif
