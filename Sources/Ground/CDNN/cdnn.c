#define _GNU_SOURCE
#include "cdnn.h"

#if !defined(SCRL_NO_ONEDNN) && defined(__has_include)
#if __has_include(<dnnl.h>) && __has_include(<dnnl_version.h>)
#include <dnnl_version.h>
#if DNNL_VERSION_MAJOR == 2
#define CDNN_BUILT_IN 1
#endif
#endif
#endif

#ifndef CDNN_BUILT_IN

int cdnn_open(void) { return 0; }
const char *cdnn_error(void) { return "not built in: the header of oneDNN 2.x was missing"; }
const char *cdnn_version(void) { return ""; }
int cdnn_channel_block(void) { return 0; }
int cdnn_has_bfloat16(void) { return 0; }
cdnn_region_fn cdnn_region(void) { return NULL; }
cdnn_convolution *cdnn_convolution_new(const cdnn_shape *shape, char *reason, size_t capacity) {
  (void)shape;
  if (capacity) reason[0] = 0;
  return NULL;
}
void cdnn_convolution_free(cdnn_convolution *c) { (void)c; }
size_t cdnn_convolution_scratch(const cdnn_convolution *c) { return (void)c, 0; }
const char *cdnn_convolution_name(const cdnn_convolution *c) { return (void)c, ""; }
int cdnn_convolution_takes_weight(const cdnn_convolution *c) { return (void)c, 0; }
int cdnn_convolution_run(const cdnn_convolution *c, float *x, float *weight, float *y,
                         void *scratch) {
  return (void)c, (void)x, (void)weight, (void)y, (void)scratch, -1;
}
int cdnn_convolution_infer(const cdnn_convolution *c, float *x, float *weight, float *bias,
                           float *y, void *scratch) {
  return (void)c, (void)x, (void)weight, (void)bias, (void)y, (void)scratch, -1;
}
int cdnn_sgemm(int threads, int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k,
               const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
               int64_t ldc) {
  (void)threads, (void)transpose_a, (void)transpose_b, (void)m, (void)n, (void)k;
  (void)a, (void)lda, (void)b, (void)ldb, (void)beta, (void)c, (void)ldc;
  return -1;
}

#else

#include <dlfcn.h>
#include <dnnl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Every function of oneDNN that is called here, with the type that its header gives it.
#define FUNCTIONS(X)                                                                            \
  X(version) X(get_effective_cpu_isa) X(engine_create) X(stream_create) X(stream_wait)          \
  X(stream_destroy) X(memory_create) X(memory_destroy) X(memory_desc_init_by_tag)               \
  X(memory_desc_equal) X(memory_desc_get_size) X(memory_desc_permute_axes)                      \
  X(convolution_forward_desc_init)                                                              \
  X(convolution_backward_data_desc_init) X(convolution_backward_weights_desc_init)              \
  X(primitive_attr_create) X(primitive_attr_set_scratchpad_mode) X(primitive_attr_destroy)      \
  X(primitive_desc_create) X(primitive_desc_query) X(primitive_desc_query_md)                   \
  X(primitive_desc_destroy) X(reorder_primitive_desc_create) X(primitive_create)                \
  X(primitive_execute) X(primitive_destroy) X(sgemm) X(post_ops_create) X(post_ops_destroy)     \
  X(post_ops_append_sum) X(post_ops_append_eltwise) X(primitive_attr_set_post_ops)

static struct {
#define FIELD(name) __typeof__(dnnl_##name) *name;
  FUNCTIONS(FIELD)
#undef FIELD
  void (*set_threads)(int), (*set_dynamic)(int);
  int (*threads)(void), (*dynamic)(void);
  cdnn_region_fn region;
} dnnl;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static dnnl_engine_t engine;
static int is_open, channel_block, has_bfloat16;
static char version[32], error[256];
static _Atomic pid_t user;  // the process that used the runtime first; 0: none yet

static int fail(const char *text) {
  snprintf(error, sizeof error, "%s", text ? text : "libdnnl.so.2 cannot be opened");
  return 0;
}

static int find_functions(void *library) {
#define FIND(name)                                                            \
  dnnl.name = (__typeof__(dnnl_##name) *)dlsym(library, "dnnl_" #name);       \
  if (!dnnl.name) return fail("libdnnl.so.2 lacks dnnl_" #name);
  FUNCTIONS(FIND)
#undef FIND
  // Found through oneDNN's handle: the runtime that it was linked with, and no other.
  dnnl.region = (cdnn_region_fn)dlsym(library, "GOMP_parallel");
  dnnl.set_threads = (void (*)(int))dlsym(library, "omp_set_num_threads");
  dnnl.set_dynamic = (void (*)(int))dlsym(library, "omp_set_dynamic");
  dnnl.threads = (int (*)(void))dlsym(library, "omp_get_max_threads");
  dnnl.dynamic = (int (*)(void))dlsym(library, "omp_get_dynamic");
  if (!dnnl.region || !dnnl.set_threads || !dnnl.set_dynamic || !dnnl.threads || !dnnl.dynamic)
    return fail("libdnnl.so.2 does not run on OpenMP");
  return 1;
}

extern char **environ;

// libgomp's threads spin for milliseconds before they sleep, which on a busy machine takes the CPUs
// from the very thread that they wait for. It asks the environment for another count only while it
// is loaded: meanwhile `environ` is a copy with one entry more, so that no other thread that reads
// it sees it change. What the user has set, and a libgomp that the host has loaded, stay.
static void *open_with_short_spins(void) {
  static char spins[] = "GOMP_SPINCOUNT=4000";  // some 40 µs
  static char **with_spins;  // kept: another thread may still be reading it
  void *loaded = dlopen("libgomp.so.1", RTLD_NOW | RTLD_NOLOAD);
  if (loaded) dlclose(loaded);
  char **before = environ;
  size_t count = 0;
  while (before && before[count]) count++;
  if (!loaded && !getenv("GOMP_SPINCOUNT") && !getenv("OMP_WAIT_POLICY"))
    with_spins = malloc((count + 2) * sizeof *with_spins);
  if (with_spins) {
    for (size_t i = 0; i < count; i++) with_spins[i] = before[i];
    with_spins[count] = spins;
    with_spins[count + 1] = NULL;
    environ = with_spins;
  }
  void *library = dlopen("libdnnl.so.2", RTLD_NOW | RTLD_LOCAL);
  if (with_spins && environ == with_spins) environ = before;
  return library;
}

static int open_library(void) {
  void *library = open_with_short_spins();
  if (!library) return fail(dlerror());
  if (!find_functions(library)) return 0;
  const dnnl_version_t *found = dnnl.version();
  snprintf(version, sizeof version, "%d.%d.%d", found->major, found->minor, found->patch);
  if (found->major != 2 || found->cpu_runtime != DNNL_RUNTIME_OMP)
    return fail("libdnnl.so.2 is not oneDNN 2.x on OpenMP");
  int isa = (int)dnnl.get_effective_cpu_isa();
  if ((isa & dnnl_cpu_isa_avx2) != dnnl_cpu_isa_avx2)
    return fail("this CPU has no AVX2, without which oneDNN has no fast convolution");
  channel_block = (isa & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core ? 16 : 8;
  has_bfloat16 = (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
  if (dnnl.engine_create(&engine, dnnl_cpu, 0) != dnnl_success)
    return fail("oneDNN has no CPU engine");
  return 1;
}

static void open_once(void) { is_open = open_library(); }

int cdnn_open(void) {
  pthread_once(&once, open_once);
  pid_t first = atomic_load(&user);
  if (is_open && first != 0 && first != getpid())
    return fail("used before this process was forked");
  return is_open;
}

static void note_use(void) {
  pid_t none = 0;
  atomic_compare_exchange_strong(&user, &none, getpid());
}

const char *cdnn_error(void) { return error; }
const char *cdnn_version(void) { return version; }
int cdnn_channel_block(void) { return channel_block; }
int cdnn_has_bfloat16(void) { return has_bfloat16; }

cdnn_region_fn cdnn_region(void) {
  note_use();
  return dnnl.region;
}

// ---------------------------------------------------------------- the caller's OpenMP settings

struct settings { int threads, dynamic; };

// oneDNN takes its thread count from the calling thread's settings, which are the host's.
static struct settings borrow_threads(int threads) {
  note_use();
  struct settings before = {dnnl.threads(), dnnl.dynamic()};
  dnnl.set_dynamic(0);
  dnnl.set_threads(threads);
  return before;
}

static void give_back(struct settings before) {
  dnnl.set_threads(before.threads);
  dnnl.set_dynamic(before.dynamic);
}

// ---------------------------------------------------------------- convolution

// One of x, weight, y: as the caller has it, and as the primitive wants it.
struct operand {
  dnnl_memory_desc_t ours, wanted;
  dnnl_primitive_t reorder;  // NULL: it fits as it lies
  dnnl_memory_desc_t pad;    // scratchpad of the reorder
  size_t bytes, pad_bytes;   // of the reordered copy and the scratchpad, multiples of 64
};

enum { X, WEIGHT, Y, OPERANDS };

struct cdnn_convolution {
  cdnn_shape shape;
  int turned;  // computed as the forward pass from y to x by the transposed weight
  dnnl_primitive_t primitive;
  struct operand operands[OPERANDS];
  dnnl_memory_desc_t bias, pad;
  size_t pad_bytes;
  char name[64];
};

// The operand that a kind writes.
static int result_of(int kind) {
  return kind == CDNN_BACKWARD_DATA ? X : kind == CDNN_BACKWARD_WEIGHTS ? WEIGHT : Y;
}

static size_t rounded(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

// Products of bfloat16 are summed in float32: operands are read as the one, the result is the other.
static dnnl_data_type_t type_of(const cdnn_convolution *c, int operand) {
  int reads = c->shape.bfloat16 && operand != result_of(c->shape.kind);
  return reads ? dnnl_bf16 : dnnl_f32;
}

static int describe_tensors(cdnn_convolution *c) {
  const cdnn_shape *s = &c->shape;
  int wide = s->block == 16;
  dnnl_format_tag_t blocked = wide ? dnnl_nChw16c : dnnl_nChw8c;
  dnnl_format_tag_t weight = s->plain_input ? (wide ? dnnl_Ohwi16o : dnnl_Ohwi8o)
                                            : (wide ? dnnl_OIhw16i16o : dnnl_OIhw8i8o);
  dnnl_dims_t x = {s->images, s->inputs, s->height, s->width};
  dnnl_dims_t y = {s->images, s->outputs, s->output_height, s->output_width};
  dnnl_dims_t w = {s->outputs, s->inputs, s->kernel, s->kernel};
  dnnl_dims_t outputs = {s->outputs};
  dnnl_format_tag_t input = s->plain_input ? dnnl_nchw : blocked;
  struct operand *o = c->operands;
  // The weight may be wanted in any order; activations are wanted in ours.
  return dnnl.memory_desc_init_by_tag(&o[X].ours, 4, x, dnnl_f32, input) ||
         dnnl.memory_desc_init_by_tag(&o[X].wanted, 4, x, type_of(c, X), input) ||
         dnnl.memory_desc_init_by_tag(&o[Y].ours, 4, y, dnnl_f32, blocked) ||
         dnnl.memory_desc_init_by_tag(&o[Y].wanted, 4, y, type_of(c, Y), blocked) ||
         dnnl.memory_desc_init_by_tag(&c->bias, 1, outputs, dnnl_f32, dnnl_x) ||
         dnnl.memory_desc_init_by_tag(&o[WEIGHT].ours, 4, w, dnnl_f32, weight) ||
         dnnl.memory_desc_init_by_tag(&o[WEIGHT].wanted, 4, w, type_of(c, WEIGHT),
                                      dnnl_format_tag_any);
}

// The input's gradient of a pointwise convolution is a pointwise convolution too. On AVX2 oneDNN's
// forward kernel does it in less time where it makes as many channels as it reads, or more.
static int is_better_turned(const cdnn_shape *s) {
  return s->kind == CDNN_BACKWARD_DATA && s->block == 8 && s->kernel == 1 && s->stride == 1 &&
         s->padding == 0 && s->inputs >= s->outputs;
}

static int turn(cdnn_convolution *c) {
  struct operand *weight = &c->operands[WEIGHT];
  dnnl_memory_desc_t ours = weight->ours;
  dnnl_dims_t turned = {c->shape.inputs, c->shape.outputs, 1, 1};
  c->turned = 1;
  return dnnl.memory_desc_permute_axes(&weight->ours, &ours, (const int[]){1, 0, 2, 3}) ||
         dnnl.memory_desc_init_by_tag(&weight->wanted, 4, turned, type_of(c, WEIGHT),
                                      dnnl_format_tag_any);
}

static int describe_operation(const cdnn_convolution *c, dnnl_prop_kind_t kind,
                              dnnl_convolution_desc_t *operation) {
  const cdnn_shape *s = &c->shape;
  const dnnl_memory_desc_t *x = &c->operands[X].wanted, *weight = &c->operands[WEIGHT].wanted,
                           *y = &c->operands[Y].wanted;
  dnnl_alg_kind_t algorithm =
      s->algorithm == CDNN_WINOGRAD ? dnnl_convolution_winograd : dnnl_convolution_direct;
  dnnl_dims_t strides = {s->stride, s->stride}, before = {s->padding, s->padding};
  // Cells that no window reaches count as negative padding.
  dnnl_dims_t after = {
      (s->output_height - 1) * s->stride + s->kernel - s->height - s->padding,
      (s->output_width - 1) * s->stride + s->kernel - s->width - s->padding};
  if (c->turned)
    return dnnl.convolution_forward_desc_init(operation, dnnl_forward_training, algorithm, y,
                                              weight, NULL, x, strides, before, after);
  switch (kind) {
    case dnnl_backward_data:
      return dnnl.convolution_backward_data_desc_init(operation, algorithm, x, weight, y, strides,
                                                      before, after);
    case dnnl_backward_weights:
      return dnnl.convolution_backward_weights_desc_init(operation, algorithm, x, weight, NULL, y,
                                                         strides, before, after);
    default:
      return dnnl.convolution_forward_desc_init(
          operation, kind, algorithm, x, weight, s->kind == CDNN_INFERENCE ? &c->bias : NULL, y,
          strides, before, after);
  }
}

// Takes over `description`.
static int keep_primitive(dnnl_primitive_desc_t description, dnnl_primitive_t *primitive,
                          dnnl_memory_desc_t *pad, size_t *pad_bytes) {
  *pad = *dnnl.primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
  *pad_bytes = rounded(dnnl.memory_desc_get_size(pad));
  return dnnl.primitive_create(primitive, description);
}

// The order of an operand in the primitive, and the way there, or back for the result.
static int compile_operand(cdnn_convolution *c, int which, const dnnl_memory_desc_t *wanted,
                           const_dnnl_primitive_attr_t attributes) {
  struct operand *o = &c->operands[which];
  if (wanted) o->wanted = *wanted;
  if (dnnl.memory_desc_equal(&o->ours, &o->wanted)) return 0;
  int is_result = which == result_of(c->shape.kind);
  dnnl_primitive_desc_t description = NULL;
  int status = dnnl.reorder_primitive_desc_create(
      &description, is_result ? &o->wanted : &o->ours, engine, is_result ? &o->ours : &o->wanted,
      engine, attributes);
  if (status) return status;
  o->bytes = rounded(dnnl.memory_desc_get_size(&o->wanted));
  status = keep_primitive(description, &o->reorder, &o->pad, &o->pad_bytes);
  dnnl.primitive_desc_destroy(description);
  return status;
}

// A forward description of the same types, which backward ones ask for as a hint.
static int make_hint(const cdnn_convolution *c, const_dnnl_primitive_attr_t attributes,
                     dnnl_primitive_desc_t *hint) {
  cdnn_convolution forward = {.shape = c->shape};
  forward.shape.kind = CDNN_FORWARD;
  dnnl_convolution_desc_t operation;
  int status = describe_tensors(&forward);
  if (!status) status = describe_operation(&forward, dnnl_forward_training, &operation);
  if (!status) status = dnnl.primitive_desc_create(hint, &operation, attributes, engine, NULL);
  return status;
}

// plain: attributes without what is fused into the convolution.
static int compile(cdnn_convolution *c, const_dnnl_primitive_attr_t attributes,
                   const_dnnl_primitive_attr_t plain) {
  dnnl_convolution_desc_t operation;
  dnnl_primitive_desc_t hint = NULL, description = NULL;
  int kind = c->shape.kind, status = describe_tensors(c);
  if (!status && is_better_turned(&c->shape))
    status = turn(c);
  else if (!status && (kind == CDNN_BACKWARD_DATA || kind == CDNN_BACKWARD_WEIGHTS))
    status = make_hint(c, attributes, &hint);
  // Inference too is forward_training: the kernels are the same, and Winograd's then takes the
  // weight as it lies instead of asking for a form of its own per shape.
  if (!status)
    status = describe_operation(c,
                                kind == CDNN_BACKWARD_DATA      ? dnnl_backward_data
                                : kind == CDNN_BACKWARD_WEIGHTS ? dnnl_backward_weights
                                                                : dnnl_forward_training,
                                &operation);
  if (!status)
    status = dnnl.primitive_desc_create(&description, &operation, attributes, engine, hint);
  if (!status) {
    const char *name = NULL;
    dnnl.primitive_desc_query(description, dnnl_query_impl_info_str, 0, &name);
    snprintf(c->name, sizeof c->name, "%s", name ? name : "");
    status = keep_primitive(description, &c->primitive, &c->pad, &c->pad_bytes);
  }
  if (!status)
    status = compile_operand(
        c, WEIGHT,
        dnnl.primitive_desc_query_md(
            description,
            kind == CDNN_BACKWARD_WEIGHTS ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0),
        plain);
  if (!status) status = compile_operand(c, X, NULL, plain);
  if (!status) status = compile_operand(c, Y, NULL, plain);
  if (description) dnnl.primitive_desc_destroy(description);
  if (hint) dnnl.primitive_desc_destroy(hint);
  return status;
}

// What CDNN_INFERENCE does to an output while it is in registers.
static int fuse(dnnl_primitive_attr_t attributes, const cdnn_shape *s) {
  if (s->kind != CDNN_INFERENCE) return 0;
  dnnl_post_ops_t ops = NULL;
  int status = dnnl.post_ops_create(&ops);
  if (!status && s->adds) status = dnnl.post_ops_append_sum(ops, 1);
  if (!status && s->relu)
    status = dnnl.post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, 0, 0);
  if (!status) status = dnnl.primitive_attr_set_post_ops(attributes, ops);
  if (ops) dnnl.post_ops_destroy(ops);
  return status;
}

// Always the caller's scratch: oneDNN's own breaks when a primitive changes its thread.
static int new_attributes(dnnl_primitive_attr_t *attributes) {
  int status = dnnl.primitive_attr_create(attributes);
  if (status) return status;
  return dnnl.primitive_attr_set_scratchpad_mode(*attributes, dnnl_scratchpad_mode_user);
}

cdnn_convolution *cdnn_convolution_new(const cdnn_shape *shape, char *reason, size_t capacity) {
  cdnn_convolution *c = calloc(1, sizeof *c);
  dnnl_primitive_attr_t attributes = NULL, plain = NULL;
  int status = c ? new_attributes(&attributes) : dnnl_out_of_memory;
  if (!status) status = new_attributes(&plain);
  if (!status) {
    c->shape = *shape;
    status = fuse(attributes, shape);
    struct settings before = borrow_threads(shape->threads);
    if (!status) status = compile(c, attributes, plain);
    give_back(before);
  }
  if (attributes) dnnl.primitive_attr_destroy(attributes);
  if (plain) dnnl.primitive_attr_destroy(plain);
  // What no jit kernel takes goes to loops that are slower than any other way.
  if (!status && strncmp(c->name, "ref", 3) == 0) status = dnnl_unimplemented;
  if (!status) return c;
  snprintf(reason, capacity, status == dnnl_unimplemented ? "no kernel" : "status %d", status);
  cdnn_convolution_free(c);
  return NULL;
}

void cdnn_convolution_free(cdnn_convolution *c) {
  if (!c) return;
  if (c->primitive) dnnl.primitive_destroy(c->primitive);
  for (int i = 0; i < OPERANDS; i++)
    if (c->operands[i].reorder) dnnl.primitive_destroy(c->operands[i].reorder);
  free(c);
}

size_t cdnn_convolution_scratch(const cdnn_convolution *c) {
  size_t copies = 0, largest = c->pad_bytes;
  for (int i = 0; i < OPERANDS; i++) {
    copies += c->operands[i].bytes;
    if (c->operands[i].pad_bytes > largest) largest = c->operands[i].pad_bytes;
  }
  return copies + largest;
}

const char *cdnn_convolution_name(const cdnn_convolution *c) { return c->name; }
int cdnn_convolution_takes_weight(const cdnn_convolution *c) {
  return c->operands[WEIGHT].reorder == NULL;
}

// ---------------------------------------------------------------- execution

enum { MAX_ARGUMENTS = 5 };

struct arguments {
  int count, status;
  dnnl_exec_arg_t list[MAX_ARGUMENTS];
};

static void add(struct arguments *a, int name, const dnnl_memory_desc_t *description, void *data) {
  dnnl_memory_t memory = NULL;
  if (!a->status) a->status = dnnl.memory_create(&memory, description, engine, data);
  if (memory) a->list[a->count++] = (dnnl_exec_arg_t){name, memory};
}

static int execute(dnnl_primitive_t primitive, dnnl_stream_t stream, struct arguments *a) {
  if (!a->status) a->status = dnnl.primitive_execute(primitive, stream, a->count, a->list);
  if (!a->status) a->status = dnnl.stream_wait(stream);
  for (int i = 0; i < a->count; i++) dnnl.memory_destroy(a->list[i].memory);
  return a->status;
}

static int run_reorder(const struct operand *o, dnnl_stream_t stream, int is_result, void *ours,
                       void *wanted, void *pad) {
  struct arguments a = {0};
  add(&a, is_result ? DNNL_ARG_TO : DNNL_ARG_FROM, &o->ours, ours);
  add(&a, is_result ? DNNL_ARG_FROM : DNNL_ARG_TO, &o->wanted, wanted);
  if (o->pad_bytes) add(&a, DNNL_ARG_SCRATCHPAD, &o->pad, pad);
  return execute(o->reorder, stream, &a);
}

// data: x, weight and y as the primitive wants them.
static int run_convolution(const cdnn_convolution *c, dnnl_stream_t stream, void *const *data,
                           float *bias, void *pad) {
  static const int turned[OPERANDS] = {DNNL_ARG_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_SRC};
  static const int names[4][OPERANDS] = {
      {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
      {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST},
      {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST},
      {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST}};
  struct arguments a = {0};
  for (int i = 0; i < OPERANDS; i++)
    add(&a, c->turned ? turned[i] : names[c->shape.kind][i], &c->operands[i].wanted, data[i]);
  if (bias) add(&a, DNNL_ARG_BIAS, &c->bias, bias);
  if (c->pad_bytes) add(&a, DNNL_ARG_SCRATCHPAD, &c->pad, pad);
  return execute(c->primitive, stream, &a);
}

static int run(const cdnn_convolution *c, float *x, float *weight, float *bias, float *y,
               void *scratch) {
  float *ours[OPERANDS] = {x, weight, y};
  void *wanted[OPERANDS];
  char *place = scratch;
  for (int i = 0; i < OPERANDS; i++) {
    wanted[i] = c->operands[i].reorder ? (void *)place : (void *)ours[i];
    place += c->operands[i].bytes;
  }
  int result = result_of(c->shape.kind);
  dnnl_stream_t stream = NULL;
  struct settings before = borrow_threads(c->shape.threads);
  int status = dnnl.stream_create(&stream, engine, dnnl_stream_default_flags);
  for (int i = 0; i < OPERANDS && !status; i++)
    if (c->operands[i].reorder && i != result)
      status = run_reorder(&c->operands[i], stream, 0, ours[i], wanted[i], place);
  if (!status) status = run_convolution(c, stream, wanted, bias, place);
  if (!status && c->operands[result].reorder)
    status = run_reorder(&c->operands[result], stream, 1, ours[result], wanted[result], place);
  if (stream) dnnl.stream_destroy(stream);
  give_back(before);
  return status;
}

int cdnn_convolution_run(const cdnn_convolution *c, float *x, float *weight, float *y,
                         void *scratch) {
  return run(c, x, weight, NULL, y, scratch);
}

int cdnn_convolution_infer(const cdnn_convolution *c, float *x, float *weight, float *bias,
                           float *y, void *scratch) {
  return run(c, x, weight, bias, y, scratch);
}

int cdnn_sgemm(int threads, int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k,
               const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
               int64_t ldc) {
  struct settings before = borrow_threads(threads);
  int status = dnnl.sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, 1, a, lda, b,
                          ldb, beta, c, ldc);
  give_back(before);
  return status;
}
#endif
