/* The bench: what it counts, what it hears, what it refuses. */
#include "harness.h"
#include <math.h>

static scrl_config *tiny_config(void) {
  scrl_config *config = small_config("1", "1");
  OK(scrl_config_set(config, "threads", "1"));
  OK(scrl_config_set(config, "train.batch", "1"));
  return config;
}

CASE(flops_are_counted_directly) {
  scrl_config *config = NULL;
  double image = 0, step = 0;
  NEED(scrl_config_new("scrl-200ep", &config));
  OK(scrl_config_set(config, "train.batch", "16"));
  OK(scrl_bench_flops(config, &image, &step));
  CHECK(fabs(image / 8.17e9 - 1) < 0.01); /* ResNet-50 at 224: 4.09 G multiply-adds */
  double first = 2.0 * 32 * 112 * 112 * 64 * 3 * 49; /* the image's gradient is not taken */
  CHECK(fabs(step / (4 * 32 * image - first) - 1) < 1e-9);
  OK(scrl_bench_flops(config, NULL, NULL));
  scrl_config_free(config);
}

CASE(a_product_has_a_speed) {
  scrl_config *config = tiny_config();
  double speed = 0;
  OK(scrl_bench_gemm(config, &speed));
  CHECK(speed > 1e8 && speed < 1e15);
  scrl_config_free(config);
}

typedef struct {
  int count, stop_at, well_formed;
  char first[2][16];
  double convolving;
} heard;

static int32_t hear(const scrl_kernel_report *report, void *user) {
  heard *all = user;
  if (all->count < 2) snprintf(all->first[all->count], sizeof all->first[0], "%s", report->kernel);
  all->well_formed &= report->struct_size == sizeof *report && report->seconds > 0 &&
                      report->share > 0 && (report->flops > 0) != (report->bytes > 0) &&
                      strlen(report->shape) > 0;
  if (strncmp(report->kernel, "convolution", 11) == 0)
    all->convolving += report->flops * (double)report->uses;
  return ++all->count == all->stop_at;
}

CASE(every_kernel_is_heard_of_and_the_convolutions_make_up_the_step) {
  scrl_config *config = tiny_config();
  heard all = {.well_formed = 1};
  double step = 0;
  NEED(scrl_bench_kernels(config, 1, hear, &all));
  CHECK(all.count > 20 && all.well_formed);
  CHECK(strcmp(all.first[0], "gemm") == 0 && strcmp(all.first[1], "copy") == 0);
  OK(scrl_bench_flops(config, NULL, &step));
  CHECK(fabs(all.convolving / step - 1) < 1e-9);
  scrl_config_free(config);
}

CASE(the_callback_stops_it) {
  scrl_config *config = tiny_config();
  heard all = {.stop_at = 1, .well_formed = 1};
  ANSWERS(SCRL_E_CANCELLED, scrl_bench_kernels(config, 1, hear, &all));
  CHECK(all.count == 1);
  scrl_config_free(config);
}

CASE(null_and_nonsense_are_refused) {
  scrl_config *config = tiny_config();
  double value = -1;
  heard all = {.well_formed = 1};
  ANSWERS(SCRL_E_ARGUMENT, scrl_bench_flops(NULL, &value, &value));
  ANSWERS(SCRL_E_ARGUMENT, scrl_bench_gemm(NULL, &value));
  ANSWERS(SCRL_E_ARGUMENT, scrl_bench_gemm(config, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_bench_kernels(NULL, 1, hear, &all));
  ANSWERS(SCRL_E_ARGUMENT, scrl_bench_kernels(config, 1, NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_bench_kernels(config, -1, hear, &all));
  ANSWERS(SCRL_E_ARGUMENT, scrl_bench_kernels(config, 1001, hear, &all));
  OK(scrl_config_set(config, "boxes.min_size", "64")); /* larger than the view */
  ANSWERS(SCRL_E_CONFIG, scrl_bench_flops(config, &value, &value));
  ANSWERS(SCRL_E_CONFIG, scrl_bench_gemm(config, &value));
  ANSWERS(SCRL_E_CONFIG, scrl_bench_kernels(config, 1, hear, &all));
  CHECK(value == -1 && all.count == 0);
  scrl_config_free(config);
}

int main(void) {
  RUN(flops_are_counted_directly);
  RUN(a_product_has_a_speed);
  RUN(every_kernel_is_heard_of_and_the_convolutions_make_up_the_step);
  RUN(the_callback_stops_it);
  RUN(null_and_nonsense_are_refused);
  return summary("bench");
}
