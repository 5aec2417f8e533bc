// Says to ThreadSanitizer what it cannot see inside libraries that it has not instrumented.
//
// tsan_release(p) before, and tsan_acquire(p) after, a call that orders what happens on its two
// sides. Nothing without the sanitizer.
#ifndef APPROACHES_TSAN_H
#define APPROACHES_TSAN_H

#if defined __SANITIZE_THREAD__
#define APPROACHES_TSAN 1
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define APPROACHES_TSAN 1
#endif
#endif

#ifdef APPROACHES_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define tsan_acquire(p) __tsan_acquire(p)
#define tsan_release(p) __tsan_release(p)
#else
#define tsan_acquire(p) ((void)(p))
#define tsan_release(p) ((void)(p))
#endif

#endif
