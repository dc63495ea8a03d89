// scrl_trainer_cancel() and scrl_detector_cancel() are here and not in Swift: they are called from
// signal handlers. They read and write lock-free atomics; they allocate, lock and print nothing.

#include "chost.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../../include/scrl.h"

_Static_assert(ATOMIC_POINTER_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2 &&
                   ATOMIC_INT_LOCK_FREE == 2,
               "a signal handler may use only lock-free atomics");

// A flag's state: its generation above two bits. A flag that has passed to another handle has
// another generation, so a cancel that was late does not reach the wrong run.
enum { RAISED = 1, FORKED = 2, GENERATION = 4 };

struct chost_flag {
  _Atomic(const void *) handle;  // NULL: it stands for none
  atomic_ullong state;
  atomic_int taken;
};

enum { FLAGS = 32, CHILD_DESCRIPTORS = 1024 };

struct block {
  struct chost_flag flags[FLAGS];
  _Atomic(struct block *) next;
};

static struct block lists[CHOST_KINDS];
static atomic_int descriptors[CHILD_DESCRIPTORS];  // descriptor + 1; 0: none
static pthread_once_t once = PTHREAD_ONCE_INIT;

// In the child: what the parent runs is not here to be stopped, and its locks are its own.
static void in_child(void) {
  for (int kind = 0; kind < CHOST_KINDS; kind++) {
    for (struct block *block = &lists[kind]; block; block = atomic_load(&block->next)) {
      for (int i = 0; i < FLAGS; i++) {
        if (atomic_load(&block->flags[i].handle)) {
          atomic_fetch_or(&block->flags[i].state, FORKED);
        }
      }
    }
  }
  for (int i = 0; i < CHILD_DESCRIPTORS; i++) {
    int descriptor = atomic_exchange(&descriptors[i], 0);
    if (descriptor) close(descriptor - 1);
  }
}

static void listen_for_forks(void) { pthread_atfork(NULL, NULL, in_child); }

chost_flag *chost_flag_new(enum chost_kind kind) {
  pthread_once(&once, listen_for_forks);
  for (struct block *block = &lists[kind];;) {
    for (int i = 0; i < FLAGS; i++) {
      int no = 0;
      if (atomic_compare_exchange_strong(&block->flags[i].taken, &no, 1)) return &block->flags[i];
    }
    struct block *next = atomic_load(&block->next);
    if (!next) {
      struct block *made = calloc(1, sizeof *made);
      if (!made) return NULL;
      if (atomic_compare_exchange_strong(&block->next, &next, made)) {
        next = made;
      } else {
        free(made);  // another thread was first: `next` is its block
      }
    }
    block = next;
  }
}

void chost_flag_bind(chost_flag *flag, const void *handle) {
  if (flag) atomic_store(&flag->handle, handle);
}

int chost_flag_take(chost_flag *flag) {
  return flag && (atomic_fetch_and(&flag->state, ~(unsigned long long)RAISED) & RAISED) != 0;
}

void chost_flag_free(chost_flag *flag) {
  if (!flag) return;
  unsigned long long generation = atomic_load(&flag->state) / GENERATION + 1;
  atomic_store(&flag->handle, NULL);
  atomic_store(&flag->state, generation * GENERATION);
  atomic_store(&flag->taken, 0);
}

static scrl_status cancel(enum chost_kind kind, const void *handle) {
  if (!handle) return SCRL_E_ARGUMENT;
  for (struct block *block = &lists[kind]; block; block = atomic_load(&block->next)) {
    for (int i = 0; i < FLAGS; i++) {
      struct chost_flag *flag = &block->flags[i];
      unsigned long long state = atomic_load(&flag->state);
      if (atomic_load(&flag->handle) != handle) continue;
      if (state & FORKED) return SCRL_E_FORKED;
      unsigned long long generation = state / GENERATION;
      while (state / GENERATION == generation) {
        if (atomic_compare_exchange_weak(&flag->state, &state, state | RAISED)) return SCRL_OK;
      }
      return SCRL_E_ARGUMENT;
    }
  }
  return SCRL_E_ARGUMENT;
}

scrl_status scrl_trainer_cancel(scrl_trainer *trainer) { return cancel(CHOST_TRAINER, trainer); }

scrl_status scrl_detector_cancel(scrl_detector *detector) {
  return cancel(CHOST_DETECTOR, detector);
}

void chost_close_in_child(int descriptor) {
  pthread_once(&once, listen_for_forks);
  for (int i = 0; i < CHILD_DESCRIPTORS; i++) {
    int none = 0;
    if (atomic_compare_exchange_strong(&descriptors[i], &none, descriptor + 1)) return;
  }
}

void chost_keep_in_child(int descriptor) {
  for (int i = 0; i < CHILD_DESCRIPTORS; i++) {
    int known = descriptor + 1;
    if (atomic_compare_exchange_strong(&descriptors[i], &known, 0)) return;
  }
}
