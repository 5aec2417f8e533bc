// Registered buffers and files: what operations find them by, and what their entries become.
//
// Files: the kernel's table is registered empty at the first file, and filled place by place. Which
// place a descriptor has is in a list by descriptor. Buffers: all at once, so few that they are
// looked through.
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#include "backend/io_uring/ring.h"
#include "platform/platform.h"

#include <rouse/registered.h>

struct rouse__uring_registered {
  rouse_span buffers[ROUSE_REGISTERED_BUFFERS_MAX];
  uint32_t buffer_count;
  uint32_t room;                                 // places in the kernel's table; 0: it has none
  int files[ROUSE_REGISTERED_FILES_MAX];         // the descriptor at each place, or -1
  uint16_t *places;                              // by descriptor: place + 1, or 0
  uint32_t places_count, file_count, next_free;  // where to begin looking for a free place
};

static struct uring *uring_of(struct rouse__backend *backend) {
  return ROUSE__CONTAINER(backend, struct uring, backend);
}

static int failure(int result) {
  return result == -EOPNOTSUPP ? ROUSE_ENOTSUP : rouse_error_from_system(-result);
}

static struct rouse__uring_registered *make(struct uring *uring) {
  if (!uring->registered) {
    uring->registered =
        rouse__allocate(sizeof *uring->registered, _Alignof(struct rouse__uring_registered));
  }
  return uring->registered;
}

void rouse__uring_registered_free(struct uring *uring) {
  if (!uring->registered) return;
  rouse__free(uring->registered->places);
  rouse__free(uring->registered);
  uring->registered = NULL;
}

// --- buffers -------------------------------------------------------------------------------------

int rouse__uring_register_buffers(struct rouse__backend *backend, const rouse_span *buffers,
                                  uint32_t count) {
  struct uring *uring = uring_of(backend);
  if (uring->without & ROUSE__URING_WITHOUT_REGISTERED) return 0;
  struct rouse__uring_registered *registered = make(uring);
  if (!registered) return ROUSE_ENOMEM;
  if (registered->buffer_count) return ROUSE_EBUSY;
  struct iovec spans[ROUSE_REGISTERED_BUFFERS_MAX];
  for (uint32_t i = 0; i < count; i++) {
    spans[i] = (struct iovec){.iov_base = buffers[i].data, .iov_len = buffers[i].size};
  }
  int result = io_uring_register_buffers(&uring->ring, spans, count);
  if (result == -EINVAL || result == -EACCES) return 0;  // a kernel or a restriction without them
  if (result < 0) return failure(result);
  memcpy(registered->buffers, buffers, count * sizeof *buffers);
  registered->buffer_count = count;
  return 1;
}

void rouse__uring_unregister_buffers(struct rouse__backend *backend) {
  struct uring *uring = uring_of(backend);
  if (!uring->registered || !uring->registered->buffer_count) return;
  // Entries that were not handed over yet mean the buffers of now.
  rouse__uring_hand_over(uring);
  io_uring_unregister_buffers(&uring->ring);
  uring->registered->buffer_count = 0;
}

static int buffer_of(const struct rouse__uring_registered *registered, const rouse_io *io) {
  const char *from = io->address;
  for (uint32_t i = 0; i < registered->buffer_count; i++) {
    const char *data = registered->buffers[i].data;
    const size_t size = registered->buffers[i].size;
    if (from >= data && (size_t)(from - data) <= size &&
        io->length <= size - (size_t)(from - data)) {
      return (int)i;
    }
  }
  return -1;
}

// --- files ---------------------------------------------------------------------------------------

// A table may not have more places than the process may have descriptors.
static uint32_t room_for_files(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return ROUSE_REGISTERED_FILES_MAX;
  bool less = limit.rlim_cur < ROUSE_REGISTERED_FILES_MAX;
  return less ? (uint32_t)limit.rlim_cur : ROUSE_REGISTERED_FILES_MAX;
}

static bool make_table(struct uring *uring, struct rouse__uring_registered *registered) {
  if (registered->room) return true;
  const uint32_t room = room_for_files();
  if (!room || io_uring_register_files_sparse(&uring->ring, room)) return false;
  for (int i = 0; i < ROUSE_REGISTERED_FILES_MAX; i++) registered->files[i] = -1;
  registered->room = room;
  return true;
}

static bool make_room(struct rouse__uring_registered *registered, uint32_t fd) {
  if (fd < registered->places_count) return true;
  uint32_t count = registered->places_count ? registered->places_count : 64;
  while (count <= fd) count *= 2;
  uint16_t *places = rouse__allocate(count * sizeof *places, _Alignof(uint16_t));
  if (!places) return false;
  if (registered->places_count) {
    memcpy(places, registered->places, registered->places_count * sizeof *places);
  }
  rouse__free(registered->places);
  registered->places = places;
  registered->places_count = count;
  return true;
}

static uint32_t free_place(const struct rouse__uring_registered *registered) {
  uint32_t place = registered->next_free;
  while (registered->files[place] >= 0) place = (place + 1) % registered->room;
  return place;
}

static bool is_open(int fd) {
  const int saved = errno;
  const bool open = fcntl(fd, F_GETFD) >= 0;
  errno = saved;
  return open;
}

int rouse__uring_register_file(struct rouse__backend *backend, rouse_fd fd) {
  struct uring *uring = uring_of(backend);
  if (uring->without & ROUSE__URING_WITHOUT_REGISTERED) return 0;
  if (!is_open(fd)) return ROUSE_EBADF;  // before room is made for a number that is nobody's
  struct rouse__uring_registered *registered = make(uring);
  if (!registered || !make_room(registered, (uint32_t)fd)) return ROUSE_ENOMEM;
  if (registered->places[fd]) return ROUSE_EBUSY;
  if (!make_table(uring, registered)) return 0;
  if (registered->file_count == registered->room) return ROUSE_ENFILE;
  const uint32_t place = free_place(registered);
  int result = io_uring_register_files_update(&uring->ring, place, &fd, 1);
  if (result < 0) return failure(result);
  registered->files[place] = fd;
  registered->places[fd] = (uint16_t)(place + 1);
  registered->file_count++;
  registered->next_free = (place + 1) % registered->room;
  return 1;
}

static uint32_t place_of(const struct rouse__uring_registered *registered, rouse_fd fd) {
  return (uint32_t)fd < registered->places_count ? registered->places[fd] : 0;
}

void rouse__uring_unregister_file(struct rouse__backend *backend, rouse_fd fd) {
  struct uring *uring = uring_of(backend);
  struct rouse__uring_registered *registered = uring->registered;
  const uint32_t place = registered ? place_of(registered, fd) : 0;
  if (!place) return;
  int none = -1;
  rouse__uring_hand_over(uring);  // as with buffers
  io_uring_register_files_update(&uring->ring, place - 1, &none, 1);
  registered->files[place - 1] = -1;
  registered->places[fd] = 0;
  registered->file_count--;
  registered->next_free = place - 1;
}

// --- entries -------------------------------------------------------------------------------------

// The descriptor of |io| is that of an open file which the ring works on; not a directory in which
// a name is looked up, nor one that is closed.
static bool has_file(const rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_READ:
    case ROUSE__IO_WRITE:
    case ROUSE__IO_READ_SPANS:
    case ROUSE__IO_WRITE_SPANS:
    case ROUSE__IO_SYNC:
    case ROUSE__IO_ALLOCATE:
    case ROUSE__IO_POLL:
    case ROUSE__IO_ACCEPT:
    case ROUSE__IO_ACCEPT_MANY:
    case ROUSE__IO_CONNECT:
    case ROUSE__IO_RECEIVE:
    case ROUSE__IO_RECEIVE_MANY:
    case ROUSE__IO_SEND:
    case ROUSE__IO_SEND_ZERO_COPY:
    case ROUSE__IO_RECEIVE_SPANS:
    case ROUSE__IO_SEND_SPANS:
    case ROUSE__IO_RECEIVE_FROM:
    case ROUSE__IO_SEND_TO:
    case ROUSE__IO_SHUTDOWN:
      return true;
    default:
      return false;
  }
}

static bool use_file(const struct rouse__uring_registered *registered, struct io_uring_sqe *sqe) {
  const uint32_t place = place_of(registered, sqe->fd);
  if (!place) return false;
  sqe->fd = (int)place - 1;
  sqe->flags |= IOSQE_FIXED_FILE;
  return true;
}

void rouse__uring_use_registered_file(struct uring *uring, struct io_uring_sqe *sqe) {
  uring->backend.registered_uses += use_file(uring->registered, sqe);
}

void rouse__uring_use_registered(struct uring *uring, struct io_uring_sqe *sqe,
                                 const rouse_io *io) {
  const struct rouse__uring_registered *registered = uring->registered;
  bool uses = false;
  if (io->operation == ROUSE__IO_READ || io->operation == ROUSE__IO_WRITE) {
    const int buffer = buffer_of(registered, io);
    if (buffer >= 0) {
      const bool reads = io->operation == ROUSE__IO_READ;
      sqe->opcode = reads ? IORING_OP_READ_FIXED : IORING_OP_WRITE_FIXED;
      sqe->buf_index = (uint16_t)buffer;
      uses = true;
    }
  }
  if (has_file(io) && use_file(registered, sqe)) uses = true;
  uring->backend.registered_uses += uses;
}
