// One thread pool for the process. Threads start at the first parallel loop, never at load.
#ifndef CPARALLEL_H
#define CPARALLEL_H

// Runs body(context, i) for every i in 0..<count on at most `threads` threads, the caller among
// them; returns when all are done. A second caller, a nested call and a forked child run their
// loop on the calling thread alone, so that nothing ever waits for a pool that cannot answer.
void cparallel_run(int threads, long count, void (*body)(void *context, long index),
                   void *context);

// Another runtime's threads become the pool: its GOMP_parallel runs task(argument) once on each
// thread of a team, the caller among them. Two pools would compete for the same cores. Loops of a
// process forked after this pool was used go back to threads of our own.
typedef void (*cparallel_region)(void (*task)(void *), void *argument, unsigned threads,
                                 unsigned flags);
void cparallel_use(cparallel_region region);

// How many threads a region of the calling thread gets when it asks for so many: fewer inside
// another region or under OMP_THREAD_LIMIT. New threads block the host's signals. Without a
// region: 1.
int cparallel_team(int threads);

// CPUs this process may use: affinity ∩ cgroup quota, at least 1.
int cparallel_cpu_count(void);

// 1 when this CPU has the instructions the library was compiled for.
int cparallel_cpu_is_supported(void);

// The vector instructions that the library was compiled for: "AVX-512", "AVX2", "SSE2", "other".
const char *cparallel_instruction_set(void);

#endif
