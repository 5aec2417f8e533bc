// Atomic operations with the order in the name. The only file that uses the compiler's builtins: a
// model checker's shim replaces it.
//
// The operands are the structures of <rouse/api.h>. A compare-and-swap is strong, stores what it
// found into *expected when it fails, and is relaxed in that case unless its name says otherwise.
//
// Every call outside this file carries a comment: ORDER(tag) with the tag of its partner, or
// RELAXED with the reason. A tidy test holds that.
#ifndef ROUSE_BASE_ATOMICS_H
#define ROUSE_BASE_ATOMICS_H

#include <rouse/api.h>

// The library claims that no call waits for another thread, which a lock inside these would break.
// (Words of 16 bits are not judged: where the compiler has none, its library uses wider ones.)
#if __GCC_ATOMIC_INT_LOCK_FREE != 2 || __GCC_ATOMIC_LLONG_LOCK_FREE != 2 ||                        \
    __GCC_ATOMIC_POINTER_LOCK_FREE != 2
#error "this processor has no lock-free words of 64 bits"
#endif

#define load_relaxed(p) __atomic_load_n(&(p)->raw, __ATOMIC_RELAXED)
#define load_acquire(p) __atomic_load_n(&(p)->raw, __ATOMIC_ACQUIRE)
#define store_relaxed(p, v) __atomic_store_n(&(p)->raw, (v), __ATOMIC_RELAXED)
#define store_release(p, v) __atomic_store_n(&(p)->raw, (v), __ATOMIC_RELEASE)

#define add_relaxed(p, v) __atomic_fetch_add(&(p)->raw, (v), __ATOMIC_RELAXED)
#define add_release(p, v) __atomic_fetch_add(&(p)->raw, (v), __ATOMIC_RELEASE)
#define add_acq_rel(p, v) __atomic_fetch_add(&(p)->raw, (v), __ATOMIC_ACQ_REL)
#define sub_relaxed(p, v) __atomic_fetch_sub(&(p)->raw, (v), __ATOMIC_RELAXED)
#define sub_release(p, v) __atomic_fetch_sub(&(p)->raw, (v), __ATOMIC_RELEASE)
#define sub_acq_rel(p, v) __atomic_fetch_sub(&(p)->raw, (v), __ATOMIC_ACQ_REL)
#define or_acq_rel(p, v) __atomic_fetch_or(&(p)->raw, (v), __ATOMIC_ACQ_REL)
#define and_acquire(p, v) __atomic_fetch_and(&(p)->raw, (v), __ATOMIC_ACQUIRE)
#define swap_acquire(p, v) __atomic_exchange_n(&(p)->raw, (v), __ATOMIC_ACQUIRE)
#define swap_release(p, v) __atomic_exchange_n(&(p)->raw, (v), __ATOMIC_RELEASE)
#define swap_acq_rel(p, v) __atomic_exchange_n(&(p)->raw, (v), __ATOMIC_ACQ_REL)

#define rouse__cas(p, expected, v, success, failure)                                               \
  __atomic_compare_exchange_n(&(p)->raw, (expected), (v), false, (success), (failure))
#define cas_relaxed(p, expected, v) rouse__cas(p, expected, v, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define cas_acquire(p, expected, v) rouse__cas(p, expected, v, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)
#define cas_release(p, expected, v) rouse__cas(p, expected, v, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define cas_acq_rel(p, expected, v) rouse__cas(p, expected, v, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)
// As cas_acq_rel; a failure acquires, too.
#define cas_acq_rel_acquire(p, expected, v)                                                        \
  rouse__cas(p, expected, v, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)

// A hint to the processor inside a short spin.
static inline void rouse__pause(void) {
#if defined __x86_64__ || defined __i386__
  __builtin_ia32_pause();
#elif defined __aarch64__
  __asm__ volatile("isb" ::: "memory");
#elif defined __riscv
  __asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010" ::: "memory");  // pause: elsewhere a no-op
#endif
}

#endif
