// Stores that go past the caches. An ordinary store first reads the line it writes: for a result
// larger than the caches that is a third pass over memory. Swift cannot spell such a store.
#ifndef CSTREAM_H
#define CSTREAM_H

// Sixteen floats; `to` is aligned to 32 bytes.
static inline __attribute__((always_inline)) void cstream_store16(void *to, const void *from) {
  typedef float lanes __attribute__((vector_size(32)));
  typedef float loose __attribute__((vector_size(32), aligned(4)));
  const loose *source = (const loose *)from;
  __builtin_nontemporal_store((lanes)source[0], (lanes *)to);
  __builtin_nontemporal_store((lanes)source[1], (lanes *)to + 1);
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
