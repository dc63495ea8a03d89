// One thread pool for the process. Threads start at the first parallel loop, never at load.
#ifndef CPARALLEL_H
#define CPARALLEL_H

// Runs body(context, i) for every i in 0..<count on at most `threads` threads, the caller among
// them; returns when all are done. A second caller, a nested call and a forked child run their
// loop on the calling thread alone, so that nothing ever waits for a pool that cannot answer.
void cparallel_run(int threads, long count, void (*body)(void *context, long index),
                   void *context);

// CPUs this process may use: affinity ∩ cgroup quota, at least 1.
int cparallel_cpu_count(void);

// 1 when this CPU has the instructions the library was compiled for.
int cparallel_cpu_is_supported(void);

// The vector instructions that the library was compiled for: "AVX-512", "AVX2", "SSE2", "other".
const char *cparallel_instruction_set(void);

#endif
