// Messages as the system calls take them.
#define _GNU_SOURCE
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "runtime/perform.h"

struct message {
  struct msghdr header;
  struct iovec bytes;
};
_Static_assert(sizeof(struct message) <= sizeof((rouse_io *)0)->system, "no room for a message");

static struct message *message_of(rouse_io *io) { return (struct message *)(void *)io->system; }

struct msghdr *rouse__message_prepare(rouse_io *io) {
  struct message *message = message_of(io);
  memset(message, 0, sizeof *message);
  if (io->operation == ROUSE__IO_RECEIVE_SPANS || io->operation == ROUSE__IO_SEND_SPANS) {
    message->header.msg_iov = io->address;
    message->header.msg_iovlen = io->length;
    return &message->header;
  }
  message->bytes = (struct iovec){.iov_base = io->address, .iov_len = io->length};
  message->header.msg_iov = &message->bytes;
  message->header.msg_iovlen = 1;
  message->header.msg_name = io->mode ? io->address2 : NULL;
  message->header.msg_namelen = io->mode;
  return &message->header;
}

int64_t rouse__message_result(rouse_io *io, int64_t moved) {
  if (io->operation != ROUSE__IO_RECEIVE_FROM) return moved;
  const struct msghdr *header = &message_of(io)->header;
  uint32_t *size = (uint32_t *)(uintptr_t)io->offset;
  if (size) *size = header->msg_namelen;
  return header->msg_flags & MSG_TRUNC ? ROUSE_EMSGSIZE : moved;
}
