// What must work inside a host's signal handler and across its fork(): requests to stop a run, and
// the descriptors whose lock a forked child must not keep. Plain C: a handler may interrupt any
// code, also Swift's runtime and malloc.
#ifndef CHOST_H
#define CHOST_H

enum chost_kind { CHOST_TRAINER, CHOST_DETECTOR, CHOST_KINDS };

// A place in a list that only grows. It is given back, never freed, so that a signal handler can
// look through the list at any moment.
typedef struct chost_flag chost_flag;

// A lowered flag that stands for no handle yet; NULL without memory.
chost_flag *chost_flag_new(enum chost_kind kind);

// From now on a cancel of this handle raises the flag.
void chost_flag_bind(chost_flag *flag, const void *handle);

// Whether the flag was raised; it is lowered again.
int chost_flag_take(chost_flag *flag);

// The handle is gone: its address means nothing any more.
void chost_flag_free(chost_flag *flag);

// Closes a descriptor in every forked child: flock() belongs to the open file, which parent and
// child share, and would last as long as the child. At most 1024 at a time, others stay open there.
void chost_close_in_child(int descriptor);

// Before the descriptor is closed here.
void chost_keep_in_child(int descriptor);

#endif
