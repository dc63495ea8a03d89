/*
 * A test program: CASE bodies made of CHECKs, RUN one by one, counts at the end.
 * A case fails when one of its checks does; the other cases still run.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <scrl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int cases_passed, cases_failed, case_is_good, complaints;

#define CASE(name) static void name(void)
#define RUN(name) run_case(#name, name)

#define CHECK(condition)                                                          \
  ((condition) ? (void)0                                                          \
               : (void)(case_is_good = 0,                                         \
                        complaints++ < 5 && fprintf(stderr, "%s:%d: not true: %s\n", \
                                                    __FILE__, __LINE__, #condition)))

/* The call answers exactly this status, and a failure leaves a text that says something. */
#define ANSWERS(expected, call)                                                   \
  answers(expected, call, #call, __FILE__, __LINE__)
#define OK(call) ANSWERS(SCRL_OK, call)

/* For what later lines of the case cannot do without. */
#define NEED(call)                                                                \
  do {                                                                            \
    if (!ANSWERS(SCRL_OK, call)) return;                                          \
  } while (0)

static inline int answers(scrl_status expected, scrl_status got, const char *call,
                          const char *file, int line) {
  const char *text = scrl_last_error();
  if (got == expected && (got == SCRL_OK || strlen(text) > 10)) return 1;
  case_is_good = 0;
  fprintf(stderr, "%s:%d: %s\n  answered %s, expected %s; last error: %s\n", file, line, call,
          scrl_status_name(got), scrl_status_name(expected), text);
  return 0;
}

static inline void run_case(const char *name, void (*body)(void)) {
  case_is_good = 1;
  complaints = 0; /* a loop of failing checks says enough with its first few */
  body();
  if (case_is_good) {
    cases_passed++;
  } else {
    cases_failed++;
    fprintf(stderr, "failed: %s\n", name);
  }
}

static inline int summary(const char *program) {
  printf("%s: %d passed, %d failed\n", program, cases_passed, cases_failed);
  return cases_failed != 0;
}

/* Where the test may write, and the images that make_images put there. */
static inline const char *in_scratch(const char *name) {
  static char paths[8][4096];
  static int turn;
  char *path = paths[turn++ % 8];
  const char *folder = getenv("SCRATCH");
  snprintf(path, sizeof paths[0], "%s/%s", folder ? folder : ".", name);
  return path;
}

static inline int exists(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file) fclose(file);
  return file != NULL;
}

/* The smallest run that is still the whole path: ResNet-18, small stem, 32 pixels, batch 4. */
static inline scrl_config *small_config(const char *steps, const char *loader_threads) {
  static const char *const values[][2] = {
      {"model.arch", "resnet18"}, {"model.stem", "small"},      {"roi.stage", "layer2"},
      {"views.size", "32"},       {"boxes.min_size", "8"},      {"head.hidden", "64"},
      {"head.output", "32"},      {"train.batch", "4"},         {"train.warmup_epochs", "1"},
      {"seed", "7"}};
  scrl_config *config = NULL;
  if (scrl_config_new("scrl-small", &config) != SCRL_OK) return NULL;
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    OK(scrl_config_set(config, values[i][0], values[i][1]));
  OK(scrl_config_set(config, "train.steps", steps));
  OK(scrl_config_set(config, "loader.threads", loader_threads));
  return config;
}

/* The dataset of make_images' good folder, packed once per program. */
static inline scrl_dataset *small_dataset(void) {
  scrl_dataset *dataset = NULL;
  const char *path = in_scratch("shared.h5");
  if (!exists(path)) {
    scrl_writer *writer = NULL;
    scrl_folder_options options = {sizeof options, 1, NULL, NULL, NULL};
    if (!OK(scrl_writer_new(path, &writer))) return NULL;
    OK(scrl_writer_add_folder(writer, in_scratch("images"), &options, NULL, NULL));
    OK(scrl_writer_finish(writer));
    scrl_writer_free(writer);
  }
  OK(scrl_dataset_open(path, &dataset));
  return dataset;
}

#endif
