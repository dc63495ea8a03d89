/* The quick judges, as a host sees them: on features, on images, stopped, and refused. */
#include "harness.h"

#include <math.h>

enum { ROWS = 80, WIDTH = 6, CLASSES = 3 };

static float values[ROWS * WIDTH], others[ROWS * WIDTH];
static int32_t labels[ROWS], images[ROWS];

/* Rows around a corner per class; the same on every call. */
static scrl_tensor rows(float *to, unsigned seed) {
  scrl_tensor tensor = {sizeof tensor, 2, to, {ROWS, WIDTH, 0, 0}, {0, 0, 0, 0}};
  for (int row = 0; row < ROWS; row++) {
    labels[row] = row % CLASSES, images[row] = row / 4;
    for (int c = 0; c < WIDTH; c++) {
      seed = seed * 1664525u + 1013904223u;
      to[row * WIDTH + c] =
          4.0f * (c % CLASSES == labels[row]) + (float)(seed >> 8) / 16777216.0f - 0.5f;
    }
  }
  return tensor;
}

typedef struct heard {
  size_t calls, done, total, stop_at;
} heard;

static int32_t listen(size_t done, size_t total, void *user) {
  heard *state = user;
  CHECK(done <= total && done >= state->done);
  state->calls++, state->done = done, state->total = total;
  return state->stop_at && state->calls >= state->stop_at;
}

/* Small scenes of two kinds, one box inside and one outside each; image 7 has none. */
static scrl_dataset *boxes_dataset(int classes) {
  scrl_writer *writer = NULL;
  scrl_dataset *dataset = NULL;
  const char *path = in_scratch(classes == 2 ? "boxes.h5" : "one-class.h5");
  if (!OK(scrl_writer_new(path, &writer))) return NULL;
  static uint8_t pixels[48 * 40 * 3];
  unsigned seed = 5;
  for (int image = 0; image < 20; image++) {
    const int width = image % 2 ? 48 : 40, height = 40;
    const int label = classes == 2 ? image % 4 / 2 : 0;
    for (int i = 0; i < width * height * 3; i++) {
      seed = seed * 1664525u + 1013904223u;
      pixels[i] = (uint8_t)((seed >> 24) / 4 + (i % 3 == label ? 150 : 20));
    }
    const float box[8] = {4, 4, 30, 36, 100, 2, 138, 20}; /* the second outside */
    const int32_t kinds[2] = {label, 1};
    scrl_annotation note = {.struct_size = sizeof note, .label = label};
    note.box_count = image == 7 ? 0 : 2, note.boxes = box, note.box_labels = kinds;
    OK(scrl_writer_add_rgb(writer, pixels, (size_t)height, (size_t)width, 0, 90, &note));
  }
  OK(scrl_writer_finish(writer));
  scrl_writer_free(writer);
  OK(scrl_dataset_open(path, &dataset));
  return dataset;
}

/* Pictures of two colours, their classes called and numbered as told; NULL ends the names. */
static scrl_dataset *named(const char *file, const char *const *names, const int *colours) {
  scrl_writer *writer = NULL;
  scrl_dataset *dataset = NULL;
  static uint8_t pixels[40 * 40 * 3];
  if (!OK(scrl_writer_new(in_scratch(file), &writer))) return NULL;
  for (int label = 0; names[label]; label++) OK(scrl_writer_add_class(writer, names[label], NULL));
  for (int32_t label = 0; names[label]; label++)
    for (int image = 0; image < 8; image++) {
      for (int i = 0; i < 40 * 40 * 3; i++)
        pixels[i] = (uint8_t)((i * 7 + image * 13) % 40 + (i % 3 == colours[label] ? 180 : 10));
      const float box[4] = {4, 4, 36, 36};
      scrl_annotation note = {.struct_size = sizeof note, .label = label};
      note.box_count = 1, note.boxes = box, note.box_labels = &label;
      OK(scrl_writer_add_rgb(writer, pixels, 40, 40, 0, 95, &note));
    }
  OK(scrl_writer_finish(writer));
  scrl_writer_free(writer);
  OK(scrl_dataset_open(in_scratch(file), &dataset));
  return dataset;
}

static scrl_model *small_model(void) {
  scrl_config *config = small_config("40", "1");
  scrl_model *model = NULL;
  OK(scrl_model_new(config, &model));
  scrl_config_free(config);
  return model;
}

CASE(classes_of_two_files_go_by_name) {
  static const struct {
    const char *file, *names[4];
    int colours[3];
    uint64_t unseen, unknown, absent;
    const char *unknown_names, *absent_names;
  } tests[] = {
      {"swapped.h5", {"nut", "bolt"}, {2, 0}, 0, 0, 0, "[]", "[]"},
      {"subset.h5", {"nut"}, {2}, 0, 0, 1, "[]", "[\"bolt\"]"},
      {"more.h5", {"cog", "bolt", "nut"}, {1, 0, 2}, 8, 1, 0, "[\"cog\"]", "[]"},
      {"case.h5", {"Nut ", "BOLT"}, {2, 0}, 0, 0, 0, "[]", "[]"},
  };
  static const char *const known[] = {"bolt", "nut", NULL}, *const other[] = {"cat", "dog", NULL};
  const int colours[2] = {0, 2};
  scrl_dataset *train = named("named.h5", known, colours);
  scrl_dataset *foreign = named("foreign.h5", other, colours);
  scrl_model *model = small_model();
  scrl_knn_options few = {.struct_size = sizeof few, .neighbours = 3};
  scrl_linear_options quick = {.struct_size = sizeof quick, .epochs = 10, .crops = -1};
  scrl_region_options boxes = {.struct_size = sizeof boxes, .neighbours = 3, .epochs = 10};
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
    scrl_dataset *test = named(tests[i].file, tests[i].names, tests[i].colours);
    scrl_knn_report knn = {.struct_size = sizeof knn};
    scrl_linear_report linear = {.struct_size = sizeof linear};
    scrl_region_report regions = {.struct_size = sizeof regions};
    NEED(scrl_evaluate_knn(model, train, test, &few, &knn));
    NEED(scrl_evaluate_linear(model, train, test, &quick, &linear));
    NEED(scrl_evaluate_regions(model, train, test, &boxes, &regions));
    const double right = 1 - (double)tests[i].unseen / (double)knn.test_images;
    const double found[4] = {knn.accuracy, linear.accuracy, regions.knn_accuracy,
                             regions.linear_accuracy};
    for (int j = 0; j < 4; j++) CHECK(fabs(found[j] - right) < 1e-12);
#define MATCHED(report)                                                                     \
  CHECK(report.unseen == tests[i].unseen && strcmp(report.matched_by, "names") == 0);        \
  CHECK(report.unknown_classes == tests[i].unknown);                                         \
  CHECK(report.absent_classes == tests[i].absent);                                           \
  CHECK(strcmp(report.unknown_names, tests[i].unknown_names) == 0);                          \
  CHECK(strcmp(report.absent_names, tests[i].absent_names) == 0)
    MATCHED(knn);
    MATCHED(linear);
    MATCHED(regions);
#undef MATCHED
    scrl_dataset_free(test);
  }
  ANSWERS(SCRL_E_DATA, scrl_evaluate_knn(model, train, foreign, &few, NULL));
  CHECK(strstr(scrl_last_error(), "'bolt', 'nut'") && strstr(scrl_last_error(), "'cat', 'dog'"));
  ANSWERS(SCRL_E_DATA, scrl_evaluate_linear(model, train, foreign, &quick, NULL));
  ANSWERS(SCRL_E_DATA, scrl_evaluate_regions(model, train, foreign, &boxes, NULL));
  scrl_knn_report alone = {.struct_size = sizeof alone};
  OK(scrl_evaluate_knn(model, train, NULL, &few, &alone));
  CHECK(strcmp(alone.matched_by, "") == 0 && strcmp(alone.unknown_names, "[]") == 0);
  scrl_model_free(model), scrl_dataset_free(train), scrl_dataset_free(foreign);
}

CASE(neighbours_name_features_in_clumps) {
  scrl_tensor train = rows(values, 1), test = rows(others, 2);
  heard state = {0, 0, 0, 0};
  scrl_knn_options options = {.struct_size = sizeof options};
  scrl_knn_report report = {.struct_size = sizeof report}, again = report, held_out = report;
  options.progress = listen, options.user = &state;
  NEED(scrl_evaluate_knn_on(&train, labels, &test, labels, &options, &report));
  CHECK(report.accuracy == 1 && report.top5 == 1 && report.classes == CLASSES);
  CHECK(report.neighbours == ROWS && report.train_images == ROWS && report.test_images == ROWS);
  CHECK(fabs(report.chance - 27.0 / ROWS) < 1e-12 && report.seconds > 0);
  CHECK(state.done == ROWS && state.total == ROWS);
  NEED(scrl_evaluate_knn_on(&train, labels, &test, labels, NULL, &again));
  CHECK(again.accuracy == report.accuracy);
  NEED(scrl_evaluate_knn_on(&train, labels, NULL, NULL, NULL, &held_out));
  CHECK(held_out.train_images == 64 && held_out.test_images == 16);
  OK(scrl_evaluate_knn_on(&train, labels, &test, labels, NULL, NULL));
  state = (heard){0, 0, 0, 1}, report.accuracy = 0.125;
  ANSWERS(SCRL_E_CANCELLED, scrl_evaluate_knn_on(&train, labels, NULL, NULL, &options, &report));
  CHECK(report.accuracy == 0.125);
}

CASE(a_box_is_answered_by_its_class_in_other_images) {
  scrl_tensor features = rows(values, 1);
  scrl_retrieval_report report = {.struct_size = sizeof report};
  NEED(scrl_evaluate_retrieval_on(&features, labels, images, NULL, &report));
  CHECK(report.precision1 == 1 && report.precision5 == 1 && report.precision20 == 1);
  CHECK(report.mean_average_precision > 0.999 && report.boxes == ROWS && report.images == 20);
  CHECK(report.chance > 0.3 && report.chance < 0.36 && report.alone == 0);
  OK(scrl_evaluate_retrieval_on(&features, labels, images, NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_retrieval_on(&features, labels, NULL, NULL, &report));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_retrieval_on(&features, NULL, images, NULL, &report));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_retrieval_on(NULL, labels, images, NULL, &report));
  const int32_t one[ROWS] = {0};
  ANSWERS(SCRL_E_DATA, scrl_evaluate_retrieval_on(&features, labels, one, NULL, &report));
}

CASE(features_that_are_all_alike_are_called_collapsed) {
  scrl_tensor features = rows(values, 1), partners = rows(others, 2), narrow = partners;
  scrl_health_report report = {.struct_size = sizeof report};
  NEED(scrl_evaluate_health_on(&features, &partners, &report));
  CHECK(report.collapse == NULL && report.deviation > 0.3 && report.effective_rank > 1.5);
  CHECK(report.rank_limit == WIDTH && report.features == WIDTH && report.pairs == ROWS);
  CHECK(report.positive_similarity > report.negative_similarity);
  NEED(scrl_evaluate_health_on(&features, NULL, &report));
  CHECK(isnan(report.positive_similarity) && report.collapse == NULL);
  for (int i = 0; i < ROWS * WIDTH; i++) values[i] = 3;
  NEED(scrl_evaluate_health_on(&features, NULL, &report));
  CHECK(report.collapse && strncmp(report.collapse, "constant", 8) == 0);
  CHECK(report.deviation < 1e-6 && fabs(report.effective_rank - 1) < 1e-3);
  narrow.shape[1] = WIDTH - 1;
  ANSWERS(SCRL_E_SHAPE, scrl_evaluate_health_on(&features, &narrow, &report));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_health_on(NULL, NULL, &report));
  values[5] = strtof("inf", NULL);
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_health_on(&features, NULL, &report));
}

CASE(images_and_boxes_are_judged_through_a_model) {
  scrl_model *model = small_model();
  scrl_dataset *dataset = boxes_dataset(2);
  heard state = {0, 0, 0, 0};
  scrl_region_options region = {.struct_size = sizeof region};
  region.epochs = 20, region.progress = listen, region.user = &state;
  scrl_region_report found = {.struct_size = sizeof found}, threaded = found;
  NEED(scrl_evaluate_regions(model, dataset, dataset, &region, &found));
  CHECK(found.train_boxes == 19 && found.test_boxes == 19 && found.classes == 2);
  CHECK(found.train_images == 19 && found.left_out == 38 && found.unseen == 0);
  CHECK(found.knn_accuracy == 1 && found.linear_accuracy == 1 && found.knn_top5 == 1);
  CHECK(state.done == 38 && state.total == 38 && found.neighbours == 19);
  region.view_threads = 3;
  state = (heard){0, 0, 0, 0};
  NEED(scrl_evaluate_regions(model, dataset, dataset, &region, &threaded));
  CHECK(threaded.linear_accuracy == found.linear_accuracy);
  region.stage = "layer1", region.size = 20, region.train_images = 6, region.longest = 22;
  state = (heard){0, 0, 0, 0};
  NEED(scrl_evaluate_regions(model, dataset, NULL, &region, &found));
  CHECK(found.train_images == 6 && found.test_images == 3);
  state = (heard){0, 0, 0, 1}, found.chance = 7;
  ANSWERS(SCRL_E_CANCELLED, scrl_evaluate_regions(model, dataset, NULL, &region, &found));
  CHECK(found.chance == 7);

  scrl_retrieval_report answered = {.struct_size = sizeof answered};
  NEED(scrl_evaluate_retrieval(model, dataset, NULL, &answered));
  CHECK(answered.precision5 == 1 && answered.boxes == 19 && answered.left_out == 19);

  scrl_knn_options knn = {.struct_size = sizeof knn};
  scrl_knn_report named = {.struct_size = sizeof named};
  knn.neighbours = 3;
  NEED(scrl_evaluate_knn(model, dataset, NULL, &knn, &named));
  CHECK(named.accuracy == 1 && named.train_images == 16 && named.test_images == 4);

  scrl_pair_options pair = {.struct_size = sizeof pair};
  scrl_correspondence_report places = {.struct_size = sizeof places}, same = places;
  NEED(scrl_evaluate_correspondence(model, dataset, &pair, &places));
  CHECK(places.cells > 0 && places.images + places.left_out == 20);
  CHECK(places.least_error <= places.mean_error && places.chance_error > places.least_error);
  pair.view_threads = 4;
  NEED(scrl_evaluate_correspondence(model, dataset, &pair, &same));
  CHECK(same.mean_error == places.mean_error && same.median_error == places.median_error);
  scrl_health_report health = {.struct_size = sizeof health};
  pair.rows = 1;
  NEED(scrl_evaluate_health(model, dataset, &pair, &health));
  CHECK(health.images == 20 && health.pairs == 20 && health.collapse == NULL);
  scrl_dataset_free(dataset), scrl_model_free(model);
}

CASE(hostile_calls_are_refused) {
  scrl_tensor train = rows(values, 1), empty = train;
  scrl_model *model = small_model();
  scrl_dataset *dataset = boxes_dataset(2), *one_class = boxes_dataset(1);
  const scrl_knn_options knn = {.struct_size = sizeof knn};
  const scrl_region_options region = {.struct_size = sizeof region};
  const scrl_pair_options pair = {.struct_size = sizeof pair};
  scrl_knn_report report = {.struct_size = sizeof report};
  scrl_region_report regions = {.struct_size = sizeof regions};
  scrl_retrieval_report retrieval = {.struct_size = sizeof retrieval};
  scrl_correspondence_report places = {.struct_size = sizeof places};
  scrl_health_report health = {.struct_size = sizeof health};

  scrl_knn_options bad_knn[6] = {knn, knn, knn, knn, knn, knn};
  bad_knn[0].struct_size = 0, bad_knn[1].neighbours = -1, bad_knn[2].temperature = strtod("nan", 0);
  bad_knn[3].temperature = -1, bad_knn[4].size = UINT64_MAX, bad_knn[5].view_threads = -1;
  for (int i = 0; i < 6; i++)
    ANSWERS(SCRL_E_ARGUMENT,
            scrl_evaluate_knn_on(&train, labels, NULL, NULL, &bad_knn[i], &report));
  scrl_region_options bad_region[6] = {region, region, region, region, region, region};
  bad_region[0].stage = "layer7", bad_region[1].longest = UINT64_MAX, bad_region[2].epochs = -1;
  bad_region[3].base_lr = -1, bad_region[4].neighbours = -3, bad_region[5].size = 4097;
  for (int i = 0; i < 6; i++) {
    ANSWERS(SCRL_E_ARGUMENT,
            scrl_evaluate_regions(model, dataset, NULL, &bad_region[i], &regions));
    ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_retrieval(model, dataset, &bad_region[i], &retrieval));
  }
  scrl_pair_options bad_pair[4] = {pair, pair, pair, pair};
  bad_pair[0].stage = "", bad_pair[1].size = 15, bad_pair[2].view_threads = 257;
  bad_pair[3].struct_size = 3;
  for (int i = 0; i < 4; i++) {
    ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_correspondence(model, dataset, &bad_pair[i], &places));
    ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_health(model, dataset, &bad_pair[i], &health));
  }
  bad_pair[0] = pair, bad_pair[0].grid = -1, bad_pair[0].rows = 3;
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_correspondence(model, dataset, bad_pair, &places));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_health(model, dataset, bad_pair, &health));
  bad_pair[1] = pair, bad_pair[1].distort = 2;
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_correspondence(model, dataset, &bad_pair[1], &places));

  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_knn(NULL, dataset, NULL, NULL, &report));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_knn(model, NULL, NULL, NULL, &report));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_regions(NULL, dataset, NULL, NULL, &regions));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_regions(model, (scrl_dataset *)model, NULL, NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_retrieval(model, NULL, NULL, &retrieval));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_correspondence(NULL, dataset, NULL, &places));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_health(model, NULL, NULL, &health));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_knn_on(NULL, labels, NULL, NULL, NULL, &report));
  ANSWERS(SCRL_E_ARGUMENT, scrl_evaluate_knn_on(&train, NULL, NULL, NULL, NULL, &report));
  empty.shape[0] = 0;
  ANSWERS(SCRL_E_SHAPE, scrl_evaluate_knn_on(&empty, labels, NULL, NULL, NULL, &report));

  const int32_t same[ROWS] = {0};
  ANSWERS(SCRL_E_DATA, scrl_evaluate_knn_on(&train, same, NULL, NULL, NULL, &report));
  ANSWERS(SCRL_E_DATA, scrl_evaluate_regions(model, one_class, NULL, NULL, &regions));
  scrl_dataset *without = small_dataset(); /* labelled images, no boxes */
  ANSWERS(SCRL_E_DATA, scrl_evaluate_regions(model, without, NULL, NULL, &regions));
  ANSWERS(SCRL_E_DATA, scrl_evaluate_regions(model, dataset, without, NULL, &regions));
  ANSWERS(SCRL_E_DATA, scrl_evaluate_retrieval(model, without, NULL, &retrieval));
  scrl_dataset_free(without), scrl_dataset_free(one_class), scrl_dataset_free(dataset);
  scrl_model_free(model);
}

CASE(a_step_that_looks_reports_its_health) {
  scrl_config *config = small_config("40", "1");
  scrl_dataset *dataset = small_dataset();
  scrl_trainer *trainer = NULL;
  scrl_step_report report = {.struct_size = sizeof report};
  OK(scrl_config_set(config, "health.every", "2"));
  NEED(scrl_trainer_new(config, dataset, NULL, &trainer));
  NEED(scrl_trainer_step(trainer, &report));
  CHECK(isnan(report.deviation) && isnan(report.effective_rank) && report.collapse == NULL);
  NEED(scrl_trainer_step(trainer, &report));
  CHECK(report.deviation > 0.02 && report.collapse == NULL);
  CHECK(report.positive_similarity > report.negative_similarity);
  memset(&report, 0x55, sizeof report);
  report.struct_size = offsetof(scrl_step_report, collapse);
  NEED(scrl_trainer_step(trainer, &report));
  const char *untouched;
  memset(&untouched, 0x55, sizeof untouched);
  CHECK(report.collapse == untouched);
  scrl_trainer_free(trainer), scrl_dataset_free(dataset), scrl_config_free(config);
}

int main(void) {
  RUN(classes_of_two_files_go_by_name);
  RUN(neighbours_name_features_in_clumps);
  RUN(a_box_is_answered_by_its_class_in_other_images);
  RUN(features_that_are_all_alike_are_called_collapsed);
  RUN(images_and_boxes_are_judged_through_a_model);
  RUN(hostile_calls_are_refused);
  RUN(a_step_that_looks_reports_its_health);
  return summary("judges");
}
