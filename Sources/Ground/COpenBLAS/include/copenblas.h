// The door to OpenBLAS: opened at first use, never at load, because OpenBLAS starts its
// threads in its constructor and a library that is merely loaded must not.
// Kernel choice is corrected there: 0.3.21 takes its oldest kernels on CPUs it does not know.
#ifndef COPENBLAS_H
#define COPENBLAS_H
#include <stdint.h>

// 1 when OpenBLAS could be opened, else 0 (the text says why). Any thread, any number of times.
int copenblas_open(void);
const char *copenblas_error(void);

// The kernels in use ("SkylakeX", "Haswell", …); empty before a successful open.
const char *copenblas_core(void);
const char *copenblas_config(void);

// C ← alpha·op(A)·op(B) + beta·C, row-major, single-threaded (the pool of CParallel owns the
// threads). Calls from several threads are independent. copenblas_open() must have returned 1.
void copenblas_sgemm(int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                     const float *a, int lda, const float *b, int ldb, float beta, float *c,
                     int ldc);

// The min(rows, columns) singular values of a row-major matrix, largest first (LAPACK's dgesdd); the
// matrix is overwritten. 0: done; -1: no memory; -2: this OpenBLAS has no LAPACK; else dgesdd's info.
// Any thread; copenblas_open() must have returned 1.
int copenblas_singular_values(int rows, int columns, double *matrix, double *values);
#endif
