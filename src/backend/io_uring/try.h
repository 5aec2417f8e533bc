// Trying things on a ring made for that.
#ifndef ROUSE_BACKEND_IO_URING_TRY_H
#define ROUSE_BACKEND_IO_URING_TRY_H

#include "backend/io_uring/ring.h"

enum { ROUSE__TRY_ENTRIES = 8 };

// Writes |reason|. |code|.
__attribute__((format(printf, 4, 5))) int rouse__try_no(int code, char *reason, size_t size,
                                                        const char *format, ...);

// Submits what there is.
void rouse__try_hand_over(struct io_uring *ring);
// Takes the next completion, and waits for it if |wait|. False: none came.
bool rouse__try_take(struct io_uring *ring, bool wait, struct io_uring_cqe *out_cqe);
// As rouse__try_take() with |wait|, for a completion for |user_data|. Others are passed over.
bool rouse__try_take_of(struct io_uring *ring, uint64_t user_data, struct io_uring_cqe *out_cqe);
// Cancels what has |user_data| and takes its completion. Its result; -ETIME if none came.
int rouse__try_cancel_of(struct io_uring *ring, uint64_t user_data);

// Arms a wait for ROUSE__URING_FOR_PROBE, with futex2 |flags|.
void rouse__try_futex_wait(struct io_uring *ring, rouse__atomic32 *word, uint32_t expected,
                           unsigned flags);
// Wakes one by futex(); |flags|: FUTEX_PRIVATE_FLAG or 0. How many were woken.
long rouse__try_futex_wake(rouse__atomic32 *word, int flags);
// Whether a wait armed by now is found by a thread that is created only then. 0, or a failure and
// why.
int rouse__try_second_thread(struct io_uring *ring, bool is_private, char *reason, size_t size);
// A reason, and ROUSE_ENOSYS.
int rouse__try_no_futex(char *reason, size_t size);

#endif
