// Stores that go past the caches. An ordinary store first reads the line it writes: for a result
// larger than the caches that is a third pass over memory. Swift cannot spell such a store.
#ifndef CSTREAM_H
#define CSTREAM_H

// Eight floats; `to` is aligned to 32 bytes.
static inline __attribute__((always_inline)) void cstream_store8(float *to, const float *from) {
  typedef float lanes __attribute__((vector_size(32)));
  typedef float loose __attribute__((vector_size(32), aligned(4)));
  __builtin_nontemporal_store((lanes) * (const loose *)from, (lanes *)to);
}

// Makes them visible to other threads before any later store.
static inline __attribute__((always_inline)) void cstream_fence(void) {
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#else
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

#endif
