atomics() {
  begin
  put src/base/atomics.h <<'C'
#define load_acquire(p) __atomic_load_n(&(p)->raw, __ATOMIC_ACQUIRE)
#define load_relaxed(p) __atomic_load_n(&(p)->raw, __ATOMIC_RELAXED)
#define cas_acq_rel_acquire(p, e, v) rouse__cas(p, e, v)
#define store_release(p, v) __atomic_store_n(&(p)->raw, (v), __ATOMIC_RELEASE)
C
}
file() {
  atomics
  put src/sync/a.c
}

file <<'C'
int f(word *w) { return load_acquire(w); }
C
bad "no ORDER" "src/sync/a.c:1: load_acquire() without ORDER(tag)"
file <<'C'
// ORDER(a): one
int f(word *w) { return load_acquire(w); }
// ORDER(a): two
1
2
3
4
5
6
void g(word *w) { store_release(w, 1); }
C
bad "ORDER seven lines above" "src/sync/a.c:10: store_release() without ORDER(tag)"
file <<'C'
int f(word *w) { return cas_acq_rel_acquire(w, 1, 2); }
C
bad "no ORDER at a compare-and-swap" "cas_acq_rel_acquire() without ORDER(tag)"
file <<'C'
// RELAXED: a relaxed reason is none for this
int f(word *w) { return load_acquire(w); }
C
bad "RELAXED is not ORDER" "load_acquire() without ORDER(tag)"
file <<'C'
int f(word *w) { return load_relaxed(w); }
C
bad "no RELAXED" "load_relaxed() without RELAXED"
file <<'C'
// ORDER(lonely): with what?
int f(word *w) { return load_acquire(w); }
C
bad "a tag without a partner" "src/sync/a.c:1: ORDER(lonely) has no partner"
file <<'C'
const char *s = "ORDER(a) ORDER(a)"; int f(word *w) { return load_acquire(w); }
C
bad "ORDER in a string" "load_acquire() without ORDER(tag)"
begin
put src/base/atomics.h <<'C'
#define nothing 1
C
bad "no operations known" "defines no ordered operation"

file <<'C'
// ORDER(a): with store_release() in g(); load_acquire(nobody) here is no call
int f(word *w) { return load_acquire(w); }
void g(word *w) {
  store_release(w, 1);  // ORDER(a): with f()
  int x = load_relaxed(w);  // RELAXED: a guess
}
C
good "a pair"
file <<'C'
// ORDER(ring): what was written before is seen by whom this
// is for, the kernel
void g(word *w) { store_release(w, 1); }
C
good "the kernel as a partner"
