/*
 * Two HDF5 files, dataset by dataset, byte by byte, read by libhdf5 and nothing of ours.
 * Its own translation unit, because hdf5.h and the pedantic flags of the other tests disagree.
 */
#ifndef SAME_DATASETS_H
#define SAME_DATASETS_H

/* Datasets compared when every one is in both files with equal bytes, else -1 and a line on
   stderr for each that differs. `group`: only what lies below it; NULL: the whole file. */
int same_datasets(const char *path_a, const char *path_b, const char *group);

#endif
