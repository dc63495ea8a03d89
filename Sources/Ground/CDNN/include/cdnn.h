// The door to oneDNN 2.x, the only code that sees its C API: opened at first use, never at load.
// Letters: N images, I input and O output channels, H×W cells, b channels per block.
// Activations (N, C/b, H, W, b); weights (O/b, I/b, h, w, b of I, b of O), or
// (O/b, h, w, I, b of O) when the input is plain (N,I,H,W). All float32. Without oneDNN's header at
// build time, or with -DSCRL_NO_ONEDNN, cdnn_open() answers 0 and "not built in".
#ifndef CDNN_H
#define CDNN_H
#include <stddef.h>
#include <stdint.h>

// 1 when oneDNN can be used in this process, else 0 (the text says why). Any thread. A forked
// child of a process that has computed with it gets 0: its runtime's threads stayed behind.
int cdnn_open(void);
const char *cdnn_error(void);

const char *cdnn_version(void);  // "2.6.3"; empty before a successful open
int cdnn_channel_block(void);    // what this CPU's kernels want: 16 (AVX-512) or 8 (AVX2)
int cdnn_has_bfloat16(void);     // 1: this CPU multiplies bfloat16 (AVX512_BF16)

// GOMP_parallel of the runtime that oneDNN runs on: whoever uses it shares oneDNN's threads.
typedef void (*cdnn_region_fn)(void (*task)(void *), void *argument, unsigned threads,
                               unsigned flags);
cdnn_region_fn cdnn_region(void);

enum cdnn_kind { CDNN_FORWARD, CDNN_BACKWARD_DATA, CDNN_BACKWARD_WEIGHTS, CDNN_INFERENCE };
enum cdnn_algorithm { CDNN_DIRECT, CDNN_WINOGRAD };  // Winograd: 3×3, stride 1

typedef struct {
  int32_t kind, algorithm;
  int32_t images, inputs, outputs;
  int32_t height, width;                // of the input
  int32_t output_height, output_width;
  int32_t kernel, stride, padding;
  int32_t block;                        // b of weight and output: 16 or 8; it divides outputs
  int32_t plain_input;                  // 1: (N,I,H,W), else b divides inputs
  int32_t threads;
  int32_t adds, relu;                   // of CDNN_INFERENCE alone
  int32_t bfloat16;                     // 1: operands are rounded to it, products summed in float32
} cdnn_shape;

// A compiled convolution: immutable, for any thread and several at a time.
typedef struct cdnn_convolution cdnn_convolution;

// NULL when oneDNN has none for this shape; reason (of `capacity` bytes) then says why.
cdnn_convolution *cdnn_convolution_new(const cdnn_shape *shape, char *reason, size_t capacity);
void cdnn_convolution_free(cdnn_convolution *convolution);

// Bytes of scratch, 64-byte aligned, that each running call needs.
size_t cdnn_convolution_scratch(const cdnn_convolution *convolution);

// oneDNN's name of the kernel, and whether it takes the weight as it lies (1) or needs a reorder.
const char *cdnn_convolution_name(const cdnn_convolution *convolution);
int cdnn_convolution_takes_weight(const cdnn_convolution *convolution);

// Forward writes y, backward data x, backward weights weight (nothing is added). The calling
// thread must be able to have `shape.threads` threads. 0, or oneDNN's status.
int cdnn_convolution_run(const cdnn_convolution *convolution, float *x, float *weight, float *y,
                         void *scratch);

// CDNN_INFERENCE: y ← conv(x) + bias (O), then + y as it was (`adds`), then max(…, 0) (`relu`), in
// one pass. The maximum of NaN and 0 is 0 here. The rest as above.
int cdnn_convolution_infer(const cdnn_convolution *convolution, float *x, float *weight,
                           float *bias, float *y, void *scratch);

// C ← op(A)·op(B) + beta·C, row-major, on `threads` threads. 0, or oneDNN's status.
int cdnn_sgemm(int threads, int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k,
               const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
               int64_t ldc);
#endif
