// All of rouse.
#ifndef ROUSE_ROUSE_H
#define ROUSE_ROUSE_H

#include <rouse/acceptor.h>
#include <rouse/chain.h>
#include <rouse/clock.h>
#include <rouse/errors.h>
#include <rouse/event.h>
#include <rouse/file.h>
#include <rouse/futex.h>
#include <rouse/handle.h>
#include <rouse/io.h>
#include <rouse/loop.h>
#include <rouse/mutex.h>
#include <rouse/pipe.h>
#include <rouse/probe.h>
#include <rouse/process.h>
#include <rouse/receiver.h>
#include <rouse/registered.h>
#include <rouse/run.h>
#include <rouse/semaphore.h>
#include <rouse/signal.h>
#include <rouse/socket.h>
#include <rouse/task.h>
#include <rouse/tcp.h>
#include <rouse/udp.h>
#include <rouse/unix.h>
#include <rouse/version.h>
#include <rouse/wait.h>
#include <rouse/waitqueue.h>

#endif
