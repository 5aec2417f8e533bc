// Numbers of the io_uring interface that the oldest supported headers (liburing 2.3, Linux 6.1) do
// not have. Opcodes are enumerators there, so #ifndef can't ask for them; these have names of our
// own.
#ifndef ROUSE_BACKEND_IO_URING_CONSTANTS_H
#define ROUSE_BACKEND_IO_URING_CONSTANTS_H

// Opcodes. Linux 6.7. fd: futex2 flags, addr: the word, addr2: expected value or count, addr3:
// mask.
enum {
  ROUSE__URING_OP_FUTEX_WAIT = 51,
  ROUSE__URING_OP_FUTEX_WAKE = 52,
  // addr: array of struct futex_waitv, len: how many. Only tried, not used: see runtime/futex.c.
  ROUSE__URING_OP_FUTEX_WAITV = 53,
};

// Linux 6.0. As SEND; a second completion tells when the bytes are no longer needed.
enum { ROUSE__URING_OP_SEND_ZC = 47 };

// Errors by which the kernel tells itself to make a system call again.
enum { ROUSE__ERESTARTSYS = 512, ROUSE__ERESTART_BLOCK = 516 };

// Operations of io_uring_register(). Linux 6.13: sends a MSG_RING without a ring of one's own (fd
// -1).
enum { ROUSE__URING_REGISTER_SEND_MSG_RING = 31 };

// futex2 flags and mask. The size is needed, and the mask may not be wider than the word.
enum { ROUSE__FUTEX2_SIZE_U32 = 2, ROUSE__FUTEX2_PRIVATE = 128 };
#define ROUSE__FUTEX2_MASK_ANY 0xffffffffU

// prctl(). Linux 6.16.
enum {
  ROUSE__PR_FUTEX_HASH = 78,
  ROUSE__PR_FUTEX_HASH_SET_SLOTS = 1,
  ROUSE__PR_FUTEX_HASH_GET_SLOTS = 2,
};

#endif
