/* Linear evaluation, as a host sees it: on features, on images, stopped, and refused. */
#include "harness.h"

#include <math.h>

enum { ROWS = 60, WIDTH = 6, CLASSES = 3 };

static float train_values[ROWS * WIDTH], test_values[ROWS * WIDTH];
static int32_t labels[ROWS];

/* Rows around a corner per class, far from 0; the same on every call. */
static void fill(float *values, unsigned seed) {
  for (int row = 0; row < ROWS; row++) {
    labels[row] = row % CLASSES;
    for (int c = 0; c < WIDTH; c++) {
      seed = seed * 1664525u + 1013904223u;
      values[row * WIDTH + c] =
          40 + 2.0f * (c % CLASSES == labels[row]) + (float)(seed >> 8) / 16777216.0f;
    }
  }
}

static scrl_tensor train_rows(void) {
  scrl_tensor tensor = {sizeof tensor, 2, train_values, {ROWS, WIDTH, 0, 0}, {0, 0, 0, 0}};
  fill(train_values, 1);
  return tensor;
}

static scrl_tensor test_rows(void) {
  scrl_tensor tensor = {sizeof tensor, 2, test_values, {ROWS, WIDTH, 0, 0}, {0, 0, 0, 0}};
  fill(test_values, 2);
  return tensor;
}

typedef struct listened {
  size_t calls, last_epoch, epochs, done, total, stop_in_epoch;
} listened;

static int32_t listen(size_t epoch, size_t epochs, size_t done, size_t total, double loss,
                      void *user) {
  listened *heard = user;
  heard->calls++;
  heard->last_epoch = epoch, heard->epochs = epochs;
  heard->done = done, heard->total = total;
  CHECK(isfinite(loss) && done <= total && epoch <= epochs);
  return heard->stop_in_epoch && epoch >= heard->stop_in_epoch;
}

CASE(a_plane_tells_separable_features_apart) {
  scrl_tensor train = train_rows(), test = test_rows();
  listened heard = {0, 0, 0, 0, 0, 0};
  scrl_linear_options options = {.struct_size = sizeof options};
  scrl_linear_report report = {.struct_size = sizeof report}, again = report, held_out = report;
  options.progress = listen, options.user = &heard;
  NEED(scrl_evaluate_linear_on(&train, labels, &test, labels, &options, &report));
  CHECK(report.accuracy == 1 && report.top5 == 1 && report.classes == CLASSES);
  CHECK(report.train_images == ROWS && report.test_images == ROWS);
  CHECK(report.batch == 8 && report.base_lr == 0.2 && report.seconds > 0);
  CHECK(report.best_epoch >= 1 && report.best_epoch <= 80 && report.best_accuracy == 1);
  CHECK(heard.last_epoch == 80 && heard.epochs == 80);
  CHECK(heard.done == heard.total && heard.total == 80 * ROWS);

  NEED(scrl_evaluate_linear_on(&train, labels, &test, labels, NULL, &again));
  CHECK(again.loss == report.loss && again.train_accuracy == report.train_accuracy);
  NEED(scrl_evaluate_linear_on(&train, labels, NULL, NULL, NULL, &held_out));
  CHECK(held_out.train_images == 48 && held_out.test_images == 12 && held_out.accuracy == 1);
  OK(scrl_evaluate_linear_on(&train, labels, &test, labels, NULL, NULL));
}

CASE(a_shorter_report_is_filled_as_far_as_it_reaches) {
  scrl_tensor train = train_rows();
  scrl_linear_report report;
  memset(&report, 0x55, sizeof report);
  report.struct_size = offsetof(scrl_linear_report, top5);
  NEED(scrl_evaluate_linear_on(&train, labels, NULL, NULL, NULL, &report));
  double untouched;
  memset(&untouched, 0x55, sizeof untouched);
  CHECK(report.struct_size == offsetof(scrl_linear_report, top5) && report.accuracy == 1);
  CHECK(memcmp(&report.top5, &untouched, sizeof untouched) == 0);
}

CASE(images_are_embedded_as_often_as_the_views_ask_for) {
  scrl_config *config = small_config("40", "1");
  scrl_dataset *dataset = small_dataset();
  scrl_model *model = NULL;
  NEED(scrl_model_new(config, &model));
  const int32_t crops[3] = {0, 2, -1};
  const size_t passes[3] = {4, 2, 1}; /* three epochs and one for the scale; two; one */
  for (int i = 0; i < 3; i++) {
    listened heard = {0, 0, 0, 0, 0, 0};
    scrl_linear_options options = {.struct_size = sizeof options};
    scrl_linear_report report = {.struct_size = sizeof report}, threaded = report;
    options.epochs = 3, options.crops = crops[i], options.batch = 4, options.view_threads = 1;
    options.progress = listen, options.user = &heard;
    NEED(scrl_evaluate_linear(model, dataset, dataset, &options, &report));
    CHECK(report.train_images == 12 && report.test_images == 12 && report.classes >= 2);
    CHECK(heard.done == 12 * passes[i] + 12 && heard.total == heard.done);
    options.view_threads = 4;
    NEED(scrl_evaluate_linear(model, dataset, dataset, &options, &threaded));
    CHECK(threaded.loss == report.loss && threaded.accuracy == report.accuracy);
  }
  scrl_model_free(model), scrl_dataset_free(dataset), scrl_config_free(config);
}

CASE(a_callback_stops_it_and_the_report_stays) {
  scrl_tensor train = train_rows();
  listened heard = {0, 0, 0, 0, 0, 3};
  scrl_linear_options options = {.struct_size = sizeof options};
  scrl_linear_report report = {.struct_size = sizeof report};
  report.accuracy = 0.125;
  options.progress = listen, options.user = &heard;
  ANSWERS(SCRL_E_CANCELLED,
          scrl_evaluate_linear_on(&train, labels, NULL, NULL, &options, &report));
  CHECK(heard.last_epoch == 3 && report.accuracy == 0.125);
}

CASE(hostile_options_are_refused) {
  scrl_tensor train = train_rows();
  const scrl_linear_options zero = {.struct_size = sizeof zero};
  struct {
    scrl_status expected;
    scrl_linear_options options;
  } cases[16];
  for (int i = 0; i < 16; i++) cases[i].expected = SCRL_E_ARGUMENT, cases[i].options = zero;
  cases[0].options.struct_size = 0;
  cases[1].options.epochs = -1;
  cases[2].options.epochs = INT32_MIN;
  cases[3].options.warmup_epochs = -2;
  cases[4].options.warmup_epochs = 80, cases[4].expected = SCRL_E_CONFIG;
  cases[5].options.crops = -2;
  cases[6].options.crops = 1001;
  cases[7].options.batch = UINT64_MAX;
  cases[8].options.batch = ROWS + 1, cases[8].expected = SCRL_E_DATA;
  cases[9].options.base_lr = strtod("nan", NULL);
  cases[10].options.base_lr = strtod("inf", NULL);
  cases[11].options.base_lr = -1;
  cases[12].options.quirks = 3;
  cases[13].options.size = UINT64_MAX;
  cases[14].options.view_threads = -1;
  cases[15].options.view_threads = 257;
  for (int i = 0; i < 16; i++) {
    scrl_linear_report report = {.struct_size = sizeof report};
    report.loss = 7;
    ANSWERS(cases[i].expected,
            scrl_evaluate_linear_on(&train, labels, NULL, NULL, &cases[i].options, &report));
    CHECK(report.loss == 7);
  }
}

CASE(hostile_rows_are_refused) {
  scrl_tensor train = train_rows(), test = test_rows(), narrow = test, flat = test, empty = test,
              no_data = test;
  narrow.shape[1] = WIDTH - 1, flat.rank = 1, empty.shape[0] = 0, no_data.data = NULL;
  int32_t one_class[ROWS] = {0}, none[ROWS], below[ROWS], sparse[ROWS];
  for (int i = 0; i < ROWS; i++)
    none[i] = -1, below[i] = i == 9 ? -7 : i % 2, sparse[i] = i % 2 ? INT32_MAX : 5;
  scrl_linear_report report = {.struct_size = sizeof report}, unsized = {.struct_size = 4};
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_linear_on(NULL, labels, NULL, NULL, NULL, &report));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_linear_on(&train, NULL, NULL, NULL, NULL, &report));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_linear_on(&train, labels, &test, NULL, NULL, &report));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_linear_on(&train, labels, NULL, labels, NULL, &report));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_linear_on(&train, labels, NULL, NULL, NULL, &unsized));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_linear_on(&no_data, labels, NULL, NULL, NULL, &report));
  ANSWERS(SCRL_E_SHAPE, scrl_evaluate_linear_on(&train, labels, &narrow, labels, NULL, &report));
  ANSWERS(SCRL_E_SHAPE, scrl_evaluate_linear_on(&flat, labels, NULL, NULL, NULL, &report));
  ANSWERS(SCRL_E_SHAPE, scrl_evaluate_linear_on(&empty, labels, NULL, NULL, NULL, &report));
  ANSWERS(SCRL_E_DATA, scrl_evaluate_linear_on(&train, one_class, NULL, NULL, NULL, &report));
  ANSWERS(SCRL_E_DATA, scrl_evaluate_linear_on(&train, none, NULL, NULL, NULL, &report));
  ANSWERS(SCRL_E_DATA, scrl_evaluate_linear_on(&train, labels, &test, none, NULL, &report));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_linear_on(&train, below, NULL, NULL, NULL, &report));
  OK(scrl_evaluate_linear_on(&train, sparse, NULL, NULL, NULL, &report));
  CHECK(report.classes == 2);
  test_values[17] = strtof("nan", NULL);
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_linear_on(&test, labels, NULL, NULL, NULL, &report));
  ANSWERS(SCRL_E_ARGUMENT,
          scrl_evaluate_linear_on(&train, labels, &test, labels, NULL, &report));
}

CASE(null_and_foreign_handles_are_refused) {
  scrl_config *config = small_config("40", "1");
  scrl_dataset *dataset = small_dataset();
  scrl_model *model = NULL;
  scrl_linear_options options = {.struct_size = sizeof options}, wide = options;
  scrl_linear_report report = {.struct_size = sizeof report};
  options.epochs = 2, options.crops = -1, wide.batch = 13, wide.crops = -1;
  NEED(scrl_model_new(config, &model));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_linear(NULL, dataset, NULL, &options, &report));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_linear(model, NULL, NULL, &options, &report));
  ANSWERS(SCRL_E_ARGUMENT,
          scrl_evaluate_linear((scrl_model *)config, dataset, NULL, &options, &report));
  ANSWERS(SCRL_E_ARGUMENT,
          scrl_evaluate_linear(model, dataset, (scrl_dataset *)config, &options, &report));
  ANSWERS(SCRL_E_DATA, scrl_evaluate_linear(model, dataset, dataset, &wide, &report));
  OK(scrl_evaluate_linear(model, dataset, NULL, &options, NULL));
  scrl_model_free(model), scrl_dataset_free(dataset), scrl_config_free(config);
}

CASE(features_that_are_not_finite_are_told) {
  scrl_config *config = small_config("40", "1");
  scrl_dataset *dataset = small_dataset();
  scrl_model *model = NULL;
  scrl_state *state = NULL;
  scrl_state_info info = {.struct_size = sizeof info};
  scrl_linear_options options = {.struct_size = sizeof options};
  scrl_linear_report report = {.struct_size = sizeof report};
  options.epochs = 2, options.crops = -1;
  NEED(scrl_model_new(config, &model));
  NEED(scrl_model_state(model, &state));
  NEED(scrl_state_at(state, 0, &info));
  float *huge = malloc((size_t)info.count * sizeof *huge);
  for (int64_t i = 0; i < info.count; i++) huge[i] = 3e38f;
  OK(scrl_state_write(state, info.name, huge, (size_t)info.count));
  ANSWERS(SCRL_E_DIVERGED, scrl_evaluate_linear(model, dataset, NULL, &options, &report));
  free(huge), scrl_state_free(state);
  scrl_model_free(model), scrl_dataset_free(dataset), scrl_config_free(config);
}

int main(void) {
  RUN(a_plane_tells_separable_features_apart);
  RUN(a_shorter_report_is_filled_as_far_as_it_reaches);
  RUN(images_are_embedded_as_often_as_the_views_ask_for);
  RUN(a_callback_stops_it_and_the_report_stays);
  RUN(hostile_options_are_refused);
  RUN(hostile_rows_are_refused);
  RUN(null_and_foreign_handles_are_refused);
  RUN(features_that_are_not_finite_are_told);
  return summary("evaluate");
}
