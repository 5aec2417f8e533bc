// Michael and Scott's queue as liburcu has it, with its "bulletproof" flavour of RCU, which
// registers threads by itself.
//
// An entry that was popped may still be looked at by a thread that read the queue's head or tail a
// moment ago. Such a thread is in a read-side critical section, and an entry is freed only when all
// that were under way have ended. That also rules out the ABA problem: no address comes back while
// anybody may compare with it.
//
// The queue always has one entry. When the last one is taken a dummy takes its place, which comes
// from the heap: an object that is used by one waiter at a time pays for a dummy with each wait.
//
// Why not Concurrency Kit's ck_fifo_mpmc, which needs no grace periods. It guards against ABA by
// counters beside the pointers. But ck_fifo_mpmc_enqueue() starts each entry's own counter at 0,
// and so an entry that is used again looks exactly as it did in its former life at the queue's end.
// A slow enqueue that holds such an old view links its entry behind one that is not in the queue
// yet, and returns: its entry cannot be found until the other is linked. A waker that looks in that
// moment finds an empty queue, and the wake is lost. (ck_hp_fifo links through the tail as it is at
// that moment, which is not the one that its hazard pointer protects.)
#define _LGPL_SOURCE  // the queue's inline form: its atomic operations can be counted then

#include "lockfree_fifo.h"

#include <stdlib.h>

#include "parts.h"
#include "tsan.h"

// The queue's dummies are counted as all memory is; what frees them runs on a thread of liburcu's.
static void *fifo_allocate(size_t size) { return approach_allocate(size); }
static void fifo_free(void *memory);

#include <urcu-bp.h>
#ifdef APPROACHES_COUNTED
#include "counted/urcu.h"
#endif
#define malloc(size) fifo_allocate(size)
#define free(memory) fifo_free(memory)
#include <urcu/rculfqueue.h>
#undef malloc
#undef free

// A grace period orders all readers before what is called after it: whoever calls for it, and
// whoever was in a read-side critical section when it began, such as the maker of a dummy that
// another has taken out already.
static unsigned char grace;
static void fifo_free(void *memory) {
  tsan_acquire(&grace);
  approach_free(memory);
}
static void after_grace(struct rcu_head *head, void (*function)(struct rcu_head *head)) {
  tsan_release(&grace);
  call_rcu(head, function);
}

struct fifo {
  struct cds_lfq_queue_rcu queue;
};
struct entry {
  struct cds_lfq_node_rcu node;
  struct rcu_head head;
};

_Static_assert(sizeof(struct fifo) <= sizeof(lockfree_fifo), "the queue must fit");
_Static_assert(sizeof(struct entry) <= sizeof(lockfree_entry), "the entry must fit");

static struct cds_lfq_queue_rcu *queue_of(lockfree_fifo *fifo) {
  return &((struct fifo *)fifo)->queue;
}

void lockfree_fifo_init(lockfree_fifo *fifo) { cds_lfq_init_rcu(queue_of(fifo), after_grace); }

void lockfree_fifo_finish(lockfree_fifo *fifo) {
  int left = cds_lfq_destroy_rcu(queue_of(fifo));
  ROUSE__ASSERT(!left, "a queue is finished that is not empty");
  (void)left;
}

void lockfree_fifo_push(lockfree_fifo *fifo, lockfree_entry *entry) {
  struct cds_lfq_node_rcu *node = &((struct entry *)entry)->node;
  cds_lfq_node_init_rcu(node);
  rcu_read_lock();
  cds_lfq_enqueue_rcu(queue_of(fifo), node);
  tsan_release(&grace);
  rcu_read_unlock();
  cmm_smp_mb();
}

lockfree_entry *lockfree_fifo_pop(lockfree_fifo *fifo) {
  cmm_smp_mb();
  rcu_read_lock();
  struct cds_lfq_node_rcu *node = cds_lfq_dequeue_rcu(queue_of(fifo));
  tsan_release(&grace);
  rcu_read_unlock();
  return (lockfree_entry *)node;
}

static void free_now(struct rcu_head *head) {
  fifo_free(caa_container_of(head, struct entry, head));
}

void lockfree_entry_free(lockfree_entry *entry) {
  after_grace(&((struct entry *)entry)->head, free_now);
}
