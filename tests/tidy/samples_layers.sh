one src/sync/a.c '#include "runtime/loop.h"'
bad "sync uses the runtime" "src/sync/a.c:1: sync includes runtime/loop.h"
one src/sync/a.c '#include <pthread.h>'
bad "sync uses the system" "sync includes <pthread.h>"
one src/runtime/a.c '#include <errno.h>'
bad "runtime uses the system" "runtime includes <errno.h>"
one src/base/a.c '#include "sync/queue.h"'
bad "base uses sync" "base includes sync/queue.h"
one src/runtime/a.c '#include "backend/poll/poller.h"'
bad "runtime uses a backend" "private header backend/poll/poller.h"
one src/backend/io_uring/a.c '#include "backend/poll/poller.h"'
bad "a backend uses another" "private header backend/poll/poller.h"
one src/backend/poll/a.c '#include "sync/queue.h"'
bad "a backend uses the core" "backend/poll includes sync/queue.h"
one src/sync/a.c '#if 1' '#endif'
bad "a condition in sync" "src/sync/a.c:1: a condition"
one src/sync/a.h '#ifdef FAST' '#define A 1' '#endif'
bad "a condition in a header of sync" "src/sync/a.h:1: a condition"
one src/sync/a.h '#ifndef FAST' 'int a;' '#endif'
bad "not a default" "src/sync/a.h:1: a condition"
one src/sync/a.c 'void f(void) {' '  int *p = malloc(4);' '}'
bad "malloc in sync" "src/sync/a.c:2: memory from the heap"
one src/sync/a.c 'void f(int *p) { free(p); }'
bad "free in sync" "memory from the heap"
one src/sync/a.c 'pthread_mutex_t m;'
bad "a mutex in sync" "threads of the system"
one src/runtime/a.c 'int f(int *p) { return __atomic_load_n(p, 0); }'
bad "a builtin outside atomics.h" "a builtin atomic"
one src/backend/poll/a.c '#include <stdatomic.h>'
bad "stdatomic.h" "atomics come from base/atomics.h"
one include/rouse/a.h '#include <errno.h>'
bad "a public header uses the system" "a public header includes <errno.h>"
one include/rouse/a.h '#include "sync/queue.h"'
bad "a public header uses a private one" "includes a private one"
one tools/rouse/a.c '#include "runtime/loop_internal.h"'
bad "a tool uses a private header" "uses the private header"

one src/base/atomics.h '#define load_relaxed(p) __atomic_load_n(p, __ATOMIC_RELAXED)'
good "the builtins' own file"
one src/runtime/a.c 'rouse__atomic_pointer mail;'
good "a type's name"
one src/sync/a.c '#include "sync/queue.h"' '#include <rouse/mutex.h>' '#include "base/assert.h"' \
  '// malloc() is not used, nor free(), nor __atomic_load_n()' 'const char *s = "free(";' \
  'void f(void) { set_free(1); }'
good "words in comments and strings"
one src/sync/a.h '#ifndef A_H' '#define A_H' '#ifndef BOUND' '#define BOUND 3' '#endif' '#endif'
good "a guard and a default"
one src/backend/poll/a.c '#include "poller.h"' '#include "backend/poll/poller.h"' '#include <poll.h>'
good "a backend's own"

one approaches/a.c '#include "runtime/loop_internal.h"'
bad "an approach uses the runtime" "an approach includes runtime/loop_internal.h"
one approaches/a.c '#include "sync/queue.h"'
bad "an approach uses the core" "an approach includes sync/queue.h"
one approaches/a.c '#include <pthread.h>'
bad "an approach uses the system" "an approach includes <pthread.h>"
one approaches/a.c 'int f(int *p) { return __atomic_load_n(p, 0); }'
bad "an approach uses a builtin" "a builtin atomic"
one approaches/a.c '#include "parts.h"' '#include "base/atomics.h"' '#include "platform/platform.h"' \
  '#include <rouse/waitqueue.h>' '#include <string.h>'
good "what approaches are made of"
one approaches/hybrid.c '#include <nsync.h>'
good "a kept library"
