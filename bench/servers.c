// The echo servers that examples/echo.c is compared with, each as its interface is best used for
// this.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "server.h"

#ifdef ROUSE_BENCH_HAVE_LIBURING
#include <liburing.h>
#endif
#ifdef ROUSE_BENCH_HAVE_LIBUV
#include <uv.h>
#endif

enum { BUFFER = 16384 };

// --- connections ---------------------------------------------------------------------------------

struct connection {
  int fd;
  size_t size, sent;  // of what is going back
  char buffer[BUFFER];
};

// --- liburing ------------------------------------------------------------------------------------

#ifdef ROUSE_BENCH_HAVE_LIBURING

enum { ENTRIES = 1024 };

static struct io_uring_sqe *entry_of(struct io_uring *ring) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  if (sqe) return sqe;
  io_uring_submit(ring);
  return io_uring_get_sqe(ring);
}

static void uring_accept(struct io_uring *ring, int listener) {
  struct io_uring_sqe *sqe = entry_of(ring);
  io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
  io_uring_sqe_set_data(sqe, NULL);
}

static void uring_receive(struct io_uring *ring, struct connection *connection) {
  struct io_uring_sqe *sqe = entry_of(ring);
  connection->size = connection->sent = 0;
  io_uring_prep_recv(sqe, connection->fd, connection->buffer, BUFFER, 0);
  io_uring_sqe_set_data(sqe, connection);
}

static void uring_send(struct io_uring *ring, struct connection *connection) {
  struct io_uring_sqe *sqe = entry_of(ring);
  io_uring_prep_send(sqe, connection->fd, connection->buffer + connection->sent,
                     connection->size - connection->sent, MSG_NOSIGNAL);
  io_uring_sqe_set_data(sqe, connection);
}

static void uring_event(struct io_uring *ring, const struct io_uring_cqe *cqe, int listener) {
  struct connection *connection = io_uring_cqe_get_data(cqe);
  if (!connection) {
    connection = cqe->res >= 0 ? malloc(sizeof *connection) : NULL;
    if (!(cqe->flags & IORING_CQE_F_MORE)) uring_accept(ring, listener);
    if (!connection) return;
    connection->fd = cqe->res;
    uring_receive(ring, connection);
  } else if (cqe->res <= 0) {
    close(connection->fd);
    free(connection);
  } else if (!connection->size) {
    connection->size = (size_t)cqe->res;
    uring_send(ring, connection);
  } else {
    connection->sent += (size_t)cqe->res;
    if (connection->sent < connection->size) {
      uring_send(ring, connection);
    } else {
      uring_receive(ring, connection);
    }
  }
}

// One system call a turn: it submits all, and waits for one completion at least.
void bench_serve_liburing(int listener) {
  struct io_uring ring;
  struct io_uring_params params = {
      .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
      .cq_entries = 4 * ENTRIES};
  if (io_uring_queue_init_params(ENTRIES, &ring, &params)) return;
  io_uring_register_ring_fd(&ring);
  uring_accept(&ring, listener);
  for (;;) {
    io_uring_submit_and_wait(&ring, 1);
    struct io_uring_cqe *cqe;
    unsigned head, count = 0;
    io_uring_for_each_cqe(&ring, head, cqe) {
      uring_event(&ring, cqe, listener);
      count++;
    }
    io_uring_cq_advance(&ring, count);
  }
}

#else
void bench_serve_liburing(int listener) { (void)listener; }
#endif

// --- libuv ---------------------------------------------------------------------------------------

#ifdef ROUSE_BENCH_HAVE_LIBUV

struct uv_connection {
  uv_tcp_t tcp;
  uv_write_t write;
  char buffer[BUFFER];
};

static void uv_give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *out_buffer) {
  (void)suggested;
  struct uv_connection *connection = (struct uv_connection *)handle;
  *out_buffer = uv_buf_init(connection->buffer, BUFFER);
}

static void uv_closed(uv_handle_t *handle) { free(handle); }

static void uv_received(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer);

static void uv_written(uv_write_t *write, int status) {
  if (!status) uv_read_start(write->handle, uv_give_buffer, uv_received);
}

// What can't be written at once is written later, and nothing is read until then.
static void uv_received(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer) {
  struct uv_connection *connection = (struct uv_connection *)stream;
  if (size < 0) {
    uv_close((uv_handle_t *)stream, uv_closed);
    return;
  }
  if (size == 0) return;
  uv_buf_t bytes = uv_buf_init(buffer->base, (unsigned)size);
  int sent = uv_try_write(stream, &bytes, 1);
  if (sent == size) return;
  if (sent > 0) {
    bytes.base += sent;
    bytes.len -= (size_t)sent;
  }
  uv_read_stop(stream);
  uv_write(&connection->write, stream, &bytes, 1, uv_written);
}

static void uv_called(uv_stream_t *server, int status) {
  struct uv_connection *connection = status ? NULL : malloc(sizeof *connection);
  if (!connection) return;
  uv_tcp_init(server->loop, &connection->tcp);
  uv_accept(server, (uv_stream_t *)&connection->tcp);
  uv_read_start((uv_stream_t *)&connection->tcp, uv_give_buffer, uv_received);
}

void bench_serve_libuv(int listener) {
  uv_loop_t loop;
  uv_tcp_t server;
  if (uv_loop_init(&loop)) return;
  uv_tcp_init(&loop, &server);
  if (uv_tcp_open(&server, listener) || uv_listen((uv_stream_t *)&server, 4096, uv_called)) return;
  uv_run(&loop, UV_RUN_DEFAULT);
}

#else
void bench_serve_libuv(int listener) { (void)listener; }
#endif

// --- epoll ---------------------------------------------------------------------------------------

static void epoll_close(struct connection *connection) {
  close(connection->fd);
  free(connection);
}

// Writes as much as goes. While some is left the connection is watched for that alone.
static void epoll_write(int epoll, struct connection *connection, bool waited) {
  ssize_t sent = send(connection->fd, connection->buffer + connection->sent,
                      connection->size - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN) {
    epoll_close(connection);
    return;
  }
  if (sent > 0) connection->sent += (size_t)sent;
  bool left = connection->sent < connection->size;
  if (!left) connection->size = connection->sent = 0;
  if (left == waited) return;
  struct epoll_event event = {.events = left ? EPOLLOUT : EPOLLIN, .data.ptr = connection};
  epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

static void epoll_event(int epoll, struct connection *connection) {
  if (connection->size) {
    epoll_write(epoll, connection, true);
    return;
  }
  ssize_t got = recv(connection->fd, connection->buffer, BUFFER, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    epoll_close(connection);
    return;
  }
  connection->size = (size_t)got;
  epoll_write(epoll, connection, false);
}

static void epoll_accept(int epoll, int listener) {
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
    struct connection *connection = malloc(sizeof *connection);
    if (!connection) {
      close(fd);
      return;
    }
    connection->fd = fd;
    connection->size = connection->sent = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
}

void bench_serve_epoll(int listener) {
  struct epoll_event events[256], event = {.events = EPOLLIN};
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event)) return;
  fcntl(listener, F_SETFL, O_NONBLOCK);
  for (;;) {
    int count = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < count; i++) {
      if (events[i].data.ptr) {
        epoll_event(epoll, events[i].data.ptr);
      } else {
        epoll_accept(epoll, listener);
      }
    }
  }
}
