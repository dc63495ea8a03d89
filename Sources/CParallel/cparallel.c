#define _GNU_SOURCE
#include "cparallel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
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
static atomic_ulong published;  // pool.round, readable while spinning

static void take_tasks(void (*body)(void *, long), void *context, long count) {
  for (;;) {
    long i = atomic_fetch_add_explicit(&pool.next, 1, memory_order_relaxed);
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
    take_tasks(body, context, count);
    pthread_mutex_lock(&pool.lock);
    if (--pool.running == 0) pthread_cond_signal(&pool.done);
    pthread_mutex_unlock(&pool.lock);
  }
  return NULL;
}

// Under pool.lock. The host's signals stay the host's: workers block them all.
static void start_workers(int wanted) {
  if (wanted > MAX_WORKERS) wanted = MAX_WORKERS;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
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

void cparallel_run(int threads, long count, void (*body)(void *, long), void *context) {
  if (count <= 1 || threads <= 1 || inside) return run_alone(count, body, context);
  if (pthread_mutex_trylock(&pool.busy) != 0) return run_alone(count, body, context);
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
  take_tasks(body, context, count);
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
