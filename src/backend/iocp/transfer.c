// Reads and writes on handles: files, pipes, devices.
//
// An overlapped handle has no position of its own: for ROUSE_OFFSET_CURRENT the file object's is
// read before and set after.
//
// Several spans are moved one after the other. A read from what is no file ends with the first span
// that leaves nothing behind in the pipe: the next might wait for ever, with data in hand.
#include "backend/iocp/iocp.h"

#include "platform/socket.h"

static bool is_read(const rouse_io *io) {
  return io->operation == ROUSE__IO_READ || io->operation == ROUSE__IO_READ_SPANS;
}

static bool has_spans(const rouse_io *io) {
  return io->operation == ROUSE__IO_READ_SPANS || io->operation == ROUSE__IO_WRITE_SPANS;
}

static rouse_span piece_of(rouse_io *io) {
  rouse_span piece = {io->address, io->length};
  if (has_spans(io)) piece = ((const rouse_span *)io->address)[rouse__flight(io)->span];
  if (piece.size > ROUSE_IO_SIZE_MAX) piece.size = ROUSE_IO_SIZE_MAX;
  return piece;
}

static bool is_disk(HANDLE handle) { return GetFileType(handle) == FILE_TYPE_DISK; }

static uint64_t position_of(HANDLE handle) {
  LARGE_INTEGER position = {.QuadPart = 0};
  IO_STATUS_BLOCK block;
  rouse__nt()->query_information_file(handle, &block, &position, sizeof position,
                                      ROUSE__FILE_POSITION);
  return (uint64_t)position.QuadPart;
}

static void set_position(HANDLE handle, uint64_t offset) {
  LARGE_INTEGER position = {.QuadPart = (LONGLONG)offset};
  IO_STATUS_BLOCK block;
  rouse__nt()->set_information_file(handle, &block, &position, sizeof position,
                                    ROUSE__FILE_POSITION);
}

// Where the operation began; the current position, once that is known, is kept in |io|.
static uint64_t begin_of(const rouse_io *io) {
  return io->offset == ROUSE_OFFSET_CURRENT ? 0 : io->offset;
}

static int64_t launch(struct rouse__iocp *iocp, rouse_io *io) {
  HANDLE handle = rouse__handle(io->fd);
  struct rouse__flight *flight = rouse__flight(io);
  uint64_t moved = flight->moved;
  int64_t prepared = rouse__iocp_prepare(iocp, io, handle);
  if (prepared != ROUSE__IOCP_STARTED) return prepared;
  rouse_span piece = piece_of(io);
  uint64_t offset = begin_of(io) + moved;
  flight->overlapped.Offset = (DWORD)offset;
  flight->overlapped.OffsetHigh = (DWORD)(offset >> 32);
  BOOL done = is_read(io)
                  ? ReadFile(handle, piece.data, (DWORD)piece.size, NULL, &flight->overlapped)
                  : WriteFile(handle, piece.data, (DWORD)piece.size, NULL, &flight->overlapped);
  DWORD error = done ? 0 : GetLastError();
  if (error == ERROR_HANDLE_EOF || (is_read(io) && error == ERROR_BROKEN_PIPE)) {
    int64_t result = rouse__iocp_launched(io, error);
    return result == ROUSE__IOCP_STARTED ? result : 0;
  }
  int64_t result = rouse__iocp_launched(io, error);
  if (result >= 0 || result == ROUSE__IOCP_STARTED) return result;
  return rouse__transfer_failure(handle, (int)result);
}

// The result of the operation, of which the last piece gave |result|.
static int64_t finish(rouse_io *io, int64_t result) {
  struct rouse__flight *flight = rouse__flight(io);
  if (flight->moved && result < 0) result = 0;
  if (result >= 0) result += (int64_t)flight->moved;
  if (flight->positioned) {
    if (result > 0) set_position(rouse__handle(io->fd), begin_of(io) + (uint64_t)result);
    io->offset = ROUSE_OFFSET_CURRENT;
  }
  return result;
}

int64_t rouse__iocp_transfer_start(struct rouse__iocp *iocp, rouse_io *io) {
  struct rouse__flight *flight = rouse__flight(io);
  if (has_spans(io) && rouse__socket_is(io->fd)) return rouse__iocp_socket_spans(iocp, io);
  flight->moved = 0;
  flight->span = 0;
  HANDLE handle = rouse__handle(io->fd);
  flight->positioned = io->offset == ROUSE_OFFSET_CURRENT && is_disk(handle);
  if (flight->positioned) io->offset = position_of(handle);
  int64_t result = launch(iocp, io);
  if (result == ROUSE__IOCP_STARTED) return result;
  if (result == ROUSE__IOCP_POOL) {  // it keeps the position by itself
    if (flight->positioned) io->offset = ROUSE_OFFSET_CURRENT;
    return result;
  }
  return finish(io, result);
}

// Whether the next span is to be moved, after one of which |moved| bytes were.
static bool goes_on(rouse_io *io, uint32_t moved) {
  struct rouse__flight *flight = rouse__flight(io);
  if (!has_spans(io) || moved < piece_of(io).size) return false;
  if (flight->span + 1 >= io->length) return false;
  HANDLE handle = rouse__handle(io->fd);
  DWORD left = 0;
  if (!is_read(io) || is_disk(handle)) return true;
  return PeekNamedPipe(handle, NULL, 0, NULL, &left, NULL) && left;
}

int64_t rouse__iocp_transfer_end(struct rouse__iocp *iocp, rouse_io *io, NTSTATUS status,
                                 uint32_t moved) {
  struct rouse__flight *flight = rouse__flight(io);
  bool ended =
      status == ROUSE__STATUS_END_OF_FILE || (is_read(io) && status == ROUSE__STATUS_PIPE_BROKEN);
  if (ended) return finish(io, 0);
  // A message that did not fit is there as far as it did.
  if (status < 0 && status != ROUSE__STATUS_BUFFER_OVERFLOW) {
    return finish(io, rouse__iocp_failure(io, status));
  }
  if (!goes_on(io, moved)) return finish(io, moved);
  flight->moved += moved;
  flight->span++;
  int64_t result = launch(iocp, io);
  return result == ROUSE__IOCP_STARTED ? result : finish(io, result);
}
