#define _GNU_SOURCE
#include "cparallel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

enum { MAX_WORKERS = 255, SPINS = 2000 };

static struct {
  pthread_mutex_t busy;   // held by the one caller that uses the pool
  pthread_mutex_t lock;   // guards what follows
  pthread_cond_t work, done;
  pid_t owner;            // the process whose threads these are
  int started;            // workers alive
  int wanted;             // workers that take part in this loop
  unsigned long round;    // grows by one per loop
  int running;            // workers still inside this loop
  atomic_long next;
  long count;
  void (*body)(void *, long);
  void *context;
} pool = {.busy = PTHREAD_MUTEX_INITIALIZER,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .work = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};
static _Thread_local int inside;
static _Thread_local int is_caller;  // of the parallel region that this thread is in
static atomic_ulong published;  // pool.round, readable while spinning

static void take_tasks(atomic_long *next, void (*body)(void *, long), void *context, long count) {
  for (;;) {
    long i = atomic_fetch_add_explicit(next, 1, memory_order_relaxed);
    if (i >= count) return;
    body(context, i);
  }
}

static void *worker(void *argument) {
  int id = (int)(long)argument;
  unsigned long seen = 0;
  inside = 1;
  for (;;) {
    // Loops follow each other within microseconds while training: look before sleeping.
    for (int spin = 0; spin < SPINS && atomic_load(&published) == seen; spin++) sched_yield();
    pthread_mutex_lock(&pool.lock);
    while (pool.round == seen) pthread_cond_wait(&pool.work, &pool.lock);
    seen = pool.round;
    int mine = id < pool.wanted;
    void (*body)(void *, long) = pool.body;
    void *context = pool.context;
    long count = pool.count;
    pthread_mutex_unlock(&pool.lock);
    if (!mine) continue;
    take_tasks(&pool.next, body, context, count);
    pthread_mutex_lock(&pool.lock);
    if (--pool.running == 0) pthread_cond_signal(&pool.done);
    pthread_mutex_unlock(&pool.lock);
  }
  return NULL;
}

// The host's signals stay the host's: threads started in between block them all.
static void block_signals(sigset_t *before) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, before);
}

// Under pool.lock.
static void start_workers(int wanted) {
  if (wanted > MAX_WORKERS) wanted = MAX_WORKERS;
  sigset_t before;
  block_signals(&before);
  while (pool.started < wanted) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, worker, (void *)(long)pool.started) != 0) break;
    pthread_detach(thread);
    pool.started++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void run_alone(long count, void (*body)(void *, long), void *context) {
  for (long i = 0; i < count; i++) body(context, i);
}

// ---------------------------------------------------------------- another runtime's threads

static _Atomic cparallel_region shared_region;
static _Atomic pid_t region_owner;         // the process that ran the first region; 0: none yet
static _Thread_local int team_size;        // of this thread's last team

void cparallel_use(cparallel_region region) { atomic_store(&shared_region, region); }

// NULL: our own pool. A forked child has the runtime's notes about threads, but not the threads.
static cparallel_region usable_region(void) {
  cparallel_region region = atomic_load(&shared_region);
  if (!region) return NULL;
  pid_t none = 0, self = getpid();
  if (atomic_compare_exchange_strong(&region_owner, &none, self) || none == self) return region;
  return NULL;
}

static void count_one(void *count) { atomic_fetch_add((atomic_int *)count, 1); }

int cparallel_team(int threads) {
  cparallel_region region = usable_region();
  if (!region || threads <= 1 || inside) return 1;
  sigset_t before;
  atomic_int count = 0;
  block_signals(&before);
  region(count_one, &count, (unsigned)threads, 0);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  team_size = threads;
  return atomic_load(&count);
}

enum { CPU_WORDS = CPU_SETSIZE / 64 };

struct loop {
  _Atomic uint64_t cpus[CPU_WORDS];  // where the team's threads began this loop
  atomic_long next;
  long count;
  void (*body)(void *, long);
  void *context;
};

// Notes that a thread of the team is on this CPU; 1 when another one was there before.
static int meets_another(struct loop *loop, int cpu) {
  if (cpu < 0 || cpu >= CPU_SETSIZE) return 0;
  uint64_t bit = (uint64_t)1 << cpu % 64;
  return (atomic_fetch_or_explicit(&loop->cpus[cpu / 64], bit, memory_order_relaxed) & bit) != 0;
}

// Moves this thread to another CPU that it may use; it stays free to go anywhere.
static void leave(int cpu) {
  cpu_set_t all, others;
  if (sched_getaffinity(0, sizeof all, &all) != 0) return;
  others = all;
  CPU_CLR(cpu, &others);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0) return;
  sched_setaffinity(0, sizeof all, &all);
}

// On a busy machine the system likes to wake a thread where its waker runs: two threads of a team
// then take turns on one CPU and leave another to strangers. The runtime's threads move on; the
// caller, which is the host's, never does.
static void spread(struct loop *loop) {
  if (is_caller) return;
  int cpu = sched_getcpu();
  if (meets_another(loop, cpu)) leave(cpu);
}

static void take_share(void *argument) {
  struct loop *loop = argument;
  spread(loop);
  inside = 1;
  take_tasks(&loop->next, loop->body, loop->context, loop->count);
  inside = 0;
}

// Always the whole team, even for few tasks: the runtime ends threads that a smaller one leaves
// out, and would have to start them again.
static void run_in_region(cparallel_region region, int threads, long count,
                          void (*body)(void *, long), void *context) {
  if (team_size != threads) cparallel_team(threads);
  struct loop loop = {.count = count, .body = body, .context = context};
  meets_another(&loop, sched_getcpu());
  is_caller = 1;
  region(take_share, &loop, (unsigned)threads, 0);
  is_caller = 0;
}

// ----------------------------------------------------------------

void cparallel_run(int threads, long count, void (*body)(void *, long), void *context) {
  if (count <= 1 || threads <= 1 || inside) return run_alone(count, body, context);
  if (pthread_mutex_trylock(&pool.busy) != 0) {
    inside = 1;  // what it calls does not compete for the pool either
    run_alone(count, body, context);
    inside = 0;
    return;
  }
  cparallel_region region = usable_region();
  if (region) {
    run_in_region(region, threads, count, body, context);
    pthread_mutex_unlock(&pool.busy);
    return;
  }
  if (pool.owner != 0 && pool.owner != getpid()) {  // a forked child: the threads stayed behind
    pthread_mutex_unlock(&pool.busy);
    return run_alone(count, body, context);
  }
  pthread_mutex_lock(&pool.lock);
  pool.owner = getpid();
  int helpers = (count < threads ? (int)count : threads) - 1;
  if (pool.started < helpers) start_workers(helpers);
  if (helpers > pool.started) helpers = pool.started;
  pool.body = body;
  pool.context = context;
  pool.count = count;
  pool.wanted = pool.running = helpers;
  atomic_store(&pool.next, 0);
  pool.round++;
  atomic_store(&published, pool.round);
  pthread_cond_broadcast(&pool.work);
  pthread_mutex_unlock(&pool.lock);

  inside = 1;
  take_tasks(&pool.next, body, context, count);
  inside = 0;

  pthread_mutex_lock(&pool.lock);
  while (pool.running > 0) pthread_cond_wait(&pool.done, &pool.lock);
  pthread_mutex_unlock(&pool.lock);
  pthread_mutex_unlock(&pool.busy);
}

// cgroup v2 "quota period" or "max period"; 0 when there is no limit to read.
static int quota_cpus(void) {
  FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
  if (!file) return 0;
  long quota = 0, period = 0;
  int fields = fscanf(file, "%ld %ld", &quota, &period);
  fclose(file);
  return fields == 2 && quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

int cparallel_cpu_count(void) {
  cpu_set_t set;
  int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  int quota = quota_cpus();
  if (quota > 0 && quota < count) count = quota;
  return count > 0 ? count : 1;
}

int cparallel_cpu_is_supported(void) {
#if defined(__x86_64__) && defined(__AVX2__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return 1;
#endif
}

const char *cparallel_instruction_set(void) {
#if defined(__AVX512F__)
  return "AVX-512";
#elif defined(__AVX2__)
  return "AVX2";
#elif defined(__SSE2__)
  return "SSE2";
#else
  return "other";
#endif
}
