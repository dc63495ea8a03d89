#include "copenblas.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };

typedef void (*sgemm_fn)(int order, int ta, int tb, int m, int n, int k, float alpha,
                         const float *a, int lda, const float *b, int ldb, float beta, float *c,
                         int ldc);

// Fortran: every argument by address, matrices by column.
typedef void (*dgesdd_fn)(const char *job, const int *m, const int *n, double *a, const int *lda,
                          double *s, double *u, const int *ldu, double *vt, const int *ldvt,
                          double *work, const int *lwork, int *iwork, int *info);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static sgemm_fn sgemm;
static dgesdd_fn dgesdd; // NULL where OpenBLAS was built without LAPACK
static char core[64], config[256], error[256];

// The best kernel set of this OpenBLAS for a CPU with these features; NULL: leave its choice.
static const char *preferred_core(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return "SkylakeX";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
  return NULL;
}

// Kernel sets without AVX2: what OpenBLAS falls back to on a CPU newer than itself.
static int is_fallback(const char *name) {
  static const char *const old[] = {"Prescott", "Core2", "Penryn", "Dunnington", "Nehalem",
                                    "Katmai", "Coppermine", "Northwood", "Banias", "Atom",
                                    "Athlon", "Opteron", "Opteron_SSE3", "Barcelona"};
  for (size_t i = 0; i < sizeof old / sizeof *old; i++)
    if (strcmp(name, old[i]) == 0) return 1;
  return 0;
}

static void open_library(void) {
  void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *text = dlerror();
    snprintf(error, sizeof error, "%s", text ? text : "libopenblas.so.0 cannot be opened");
    return;
  }
  sgemm_fn found = (sgemm_fn)dlsym(library, "cblas_sgemm");
  char *(*get_core)(void) = (char *(*)(void))dlsym(library, "openblas_get_corename");
  char *(*get_config)(void) = (char *(*)(void))dlsym(library, "openblas_get_config");
  void (*set_threads)(int) = (void (*)(int))dlsym(library, "openblas_set_num_threads");
  if (!found || !get_core || !set_threads) {
    snprintf(error, sizeof error, "libopenblas.so.0 lacks cblas_sgemm or openblas_* functions");
    return;
  }
  const char *wanted = preferred_core();
  void (*quit)(void) = (void (*)(void))dlsym(library, "gotoblas_dynamic_quit");
  void (*init)(void) = (void (*)(void))dlsym(library, "gotoblas_dynamic_init");
  const char *chosen_by_user = getenv("OPENBLAS_CORETYPE");
  if (wanted && quit && init && !chosen_by_user && is_fallback(get_core())) {
    setenv("OPENBLAS_CORETYPE", wanted, 1);
    quit();
    init();
    unsetenv("OPENBLAS_CORETYPE");
  }
  set_threads(1);
  snprintf(core, sizeof core, "%s", get_core());
  snprintf(config, sizeof config, "%s", get_config ? get_config() : "");
  dgesdd = (dgesdd_fn)dlsym(library, "dgesdd_");
  sgemm = found;
}

int copenblas_open(void) {
  pthread_once(&once, open_library);
  return sgemm != NULL;
}

const char *copenblas_error(void) { return error; }
const char *copenblas_core(void) { return core; }
const char *copenblas_config(void) { return config; }

void copenblas_sgemm(int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                     const float *a, int lda, const float *b, int ldb, float beta, float *c,
                     int ldc) {
  sgemm(ROW_MAJOR, transpose_a ? TRANSPOSE : NO_TRANSPOSE,
        transpose_b ? TRANSPOSE : NO_TRANSPOSE, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

// A row-major matrix is its transpose by column, which has the same singular values.
int copenblas_singular_values(int rows, int columns, double *matrix, double *values) {
  if (!dgesdd) return -2;
  const int m = columns, n = rows, one = 1, ask = -1;
  const int shorter = m < n ? m : n;
  double unused = 0, wanted = 0;
  int info = 0;
  int *integers = malloc(8 * (size_t)shorter * sizeof *integers);
  if (!integers) return -1;
  dgesdd("N", &m, &n, matrix, &m, values, &unused, &one, &unused, &one, &wanted, &ask, integers,
         &info);
  double *work = info == 0 ? malloc((size_t)wanted * sizeof *work) : NULL;
  if (info == 0 && work) {
    const int length = (int)wanted;
    dgesdd("N", &m, &n, matrix, &m, values, &unused, &one, &unused, &one, work, &length, integers,
           &info);
  } else if (info == 0) {
    info = -1;
  }
  free(work);
  free(integers);
  return info;
}
