/*
 * A detector as a host drives it: trained, stopped from outside, resumed to the same bytes, used on
 * pixels, and refused where it has to be.
 */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <math.h>
#include <pthread.h>

#include "same_datasets.h"

enum { SIDE = 64, IMAGES = 6, BOX = 24 };

static uint8_t pixels[SIDE * SIDE * 3];

/* A grey picture with one square in it: red of class 0, blue of class 1. Returns its corner. */
static void paint(int number, int *x, int *y) {
  *x = 4 + number * 5 % 30, *y = 30 - number * 7 % 28;
  for (int row = 0; row < SIDE; row++)
    for (int column = 0; column < SIDE; column++) {
      uint8_t *pixel = pixels + 3 * (row * SIDE + column);
      int inside = row >= *y && row < *y + BOX && column >= *x && column < *x + BOX;
      memset(pixel, 100 + (row * 7 + column * 3) % 20, 3);
      if (inside) pixel[number % 2 ? 2 : 0] = 250;
    }
}

/* COCO's compressed runs of a square: as the column-major runs 0 … 1 … 0 …, differences of two. */
static void compress(int x, int y, char *text) {
  unsigned counts[2 * BOX + 1];
  int n = 0;
  counts[n++] = (unsigned)(x * SIDE + y);
  for (int column = 0; column < BOX; column++) {
    counts[n++] = BOX;
    counts[n++] = column < BOX - 1 ? SIDE - BOX
                                   : (unsigned)(SIDE * (SIDE - x - BOX + 1) - y - BOX);
  }
  for (int i = 0; i < n; i++) {
    long rest = (long)counts[i] - (i > 2 ? (long)counts[i - 2] : 0);
    int more = 1;
    while (more) {
      long chunk = rest & 31;
      rest >>= 5;
      more = rest != ((chunk & 16) ? -1 : 0);
      *text++ = (char)(48 + (more ? chunk | 32 : chunk));
    }
  }
  *text = 0;
}

/* SWAPPED and the later ones: the same squares with blue as class 0, blue alone, red and blue after
   a third class, with other names; HALF_EMPTY: without the boxes of odd pictures. */
typedef enum contents {
  MASKS, BOXES, NOTHING, SWAPPED, BLUE_ALONE, THREE, FOREIGN, HALF_EMPTY
} contents;

/* What a dataset calls its classes, and the class of red and of blue, −1: it has none. */
static const struct {
  const char *names[3];
  int32_t red, blue;
} classes_of[] = {
    {{"red", "blue", NULL}, 0, 1},  {{"red", "blue", NULL}, 0, 1}, {{"red", "blue", NULL}, 0, 1},
    {{"blue", "red", NULL}, 1, 0},  {{"blue", NULL, NULL}, -1, 0}, {{"green", "red", "blue"}, 1, 2},
    {{"cat", "dog", NULL}, 0, 1},   {{"red", "blue", NULL}, 0, 1},
};

static scrl_dataset *squares(const char *path, contents what) {
  scrl_writer *writer = NULL;
  scrl_dataset *dataset = NULL;
  if (!exists(path)) {
    if (!OK(scrl_writer_new(path, &writer))) return NULL;
    for (int i = 0; i < 3 && classes_of[what].names[i]; i++)
      OK(scrl_writer_add_class(writer, classes_of[what].names[i], NULL));
    for (int i = 0; i < IMAGES; i++) {
      int x, y;
      char runs[1024];
      paint(i, &x, &y);
      compress(x, y, runs);
      const float box[4] = {(float)x, (float)y, (float)(x + BOX), (float)(y + BOX)};
      const int32_t label = i % 2 ? classes_of[what].blue : classes_of[what].red;
      const char *const masks[1] = {runs};
      scrl_annotation note = {.struct_size = sizeof note, .label = -1};
      if (what != NOTHING && label >= 0 && !(what == HALF_EMPTY && i % 2))
        note.box_count = 1, note.boxes = box, note.box_labels = &label;
      if (what == MASKS) note.masks = masks;
      OK(scrl_writer_add_rgb(writer, pixels, SIDE, SIDE, 0, 95, &note));
    }
    OK(scrl_writer_finish(writer));
    scrl_writer_free(writer);
  }
  OK(scrl_dataset_open(path, &dataset));
  return dataset;
}

static scrl_config *tiny_config(const char *steps) {
  static const char *const values[][2] = {
      {"detect.batch", "2"},        {"detect.min_size", "64"},     {"detect.test_size", "64"},
      {"detect.max_size", "128"},   {"detect.channels", "16"},     {"detect.fc", "32"},
      {"detect.mask_channels", "16"}, {"detect.proposals", "50"},  {"loader.threads", "2"},
      {"seed", "7"}};
  scrl_config *config = NULL;
  if (!OK(scrl_config_new("detect-small", &config))) return NULL;
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    OK(scrl_config_set(config, values[i][0], values[i][1]));
  OK(scrl_config_set(config, "detect.steps", steps));
  return config;
}

static scrl_detector *new_detector(const char *steps, const char *run_folder) {
  scrl_dataset *dataset = squares(in_scratch("det-squares.h5"), MASKS);
  scrl_config *config = tiny_config(steps);
  scrl_detector *detector = NULL;
  OK(scrl_detector_new(config, dataset, NULL, run_folder, &detector));
  scrl_config_free(config);
  scrl_dataset_free(dataset); /* the detector keeps what it needs */
  return detector;
}

static int32_t check_step(const scrl_detector_report *report, void *user) {
  uint64_t *last = user;
  double sum = report->rpn_objectness + report->rpn_box + report->classification + report->box +
               report->mask;
  CHECK(report->step == *last + 1 && report->total_steps == 6 && report->did_step == 1);
  CHECK(report->epoch == (report->step - 1) / 3); /* 6 images in batches of 2 */
  CHECK(report->loss > 0 && fabs(report->loss - sum) < 1e-9 * sum && report->mask > 0);
  CHECK(report->boxes == 2 && report->skipped == 0 && report->learning_rate > 0);
  CHECK(report->seconds >= report->wait_seconds && report->gradient_norm > 0);
  *last = report->step;
  return 0;
}

CASE(three_and_three_steps_equal_six) {
  uint64_t last = 0, step = 0, total = 0;
  scrl_detector *detector = new_detector("6", in_scratch("det-whole"));
  OK(scrl_detector_run(detector, 0, check_step, &last));
  CHECK(last == 6);
  ANSWERS(SCRL_E_STATE, scrl_detector_step(detector, NULL));
  OK(scrl_detector_save(detector, in_scratch("det-whole.h5")));
  scrl_detector_free(detector);

  last = 0;
  detector = new_detector("6", in_scratch("det-parts"));
  OK(scrl_detector_run(detector, 3, check_step, &last));
  scrl_detector_free(detector);
  detector = NULL;
  NEED(scrl_detector_resume(in_scratch("det-parts"), NULL, &detector));
  OK(scrl_detector_progress(detector, &step, &total));
  CHECK(step == 3 && total == 6);
  OK(scrl_detector_run(detector, 0, check_step, &last));
  scrl_detector_free(detector);
  CHECK(same_datasets(in_scratch("det-whole.h5"), in_scratch("det-parts/checkpoint.h5"), NULL) >
        200);
  CHECK(exists(in_scratch("det-parts/metrics.jsonl")));
}

CASE(a_loaded_detector_looks_at_pictures_and_is_not_trained) {
  enum { HEIGHT = 40, WIDTH = 100, STRIDE = 3 * WIDTH + 5 };
  static uint8_t wide[HEIGHT * STRIDE];
  scrl_detector *detector = NULL;
  scrl_detections *found = NULL;
  size_t count = 0, classes = 0;
  const char *name = NULL;
  int64_t category = 0;
  uint64_t step = 9;
  memset(wide, 120, sizeof wide);
  NEED(scrl_detector_load(in_scratch("det-whole.h5"), &detector));
  ANSWERS(SCRL_E_STATE, scrl_detector_step(detector, NULL));
  ANSWERS(SCRL_E_STATE, scrl_detector_run(detector, 1, NULL, NULL));
  OK(scrl_detector_progress(detector, &step, NULL));
  CHECK(step == 0);
  OK(scrl_detector_class_count(detector, &classes));
  OK(scrl_detector_class_at(detector, 1, &name, &category));
  CHECK(classes == 2 && name && strcmp(name, "blue") == 0 && category == 2);
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_class_at(detector, 2, &name, NULL));
  NEED(scrl_detector_predict(detector, wide, HEIGHT, WIDTH, STRIDE, &found));
  NEED(scrl_detections_count(found, &count));
  float before = 1;
  for (size_t i = 0; i < count; i++) {
    scrl_detection each = {.struct_size = sizeof each};
    NEED(scrl_detections_at(found, i, &each));
    CHECK(each.score <= before && each.score >= 0 && each.label >= 0 && each.label < 2);
    CHECK(each.box[0] >= 0 && each.box[2] <= WIDTH && each.box[1] >= 0 && each.box[3] <= HEIGHT);
    CHECK(each.box[0] < each.box[2] && each.box[1] < each.box[3] && each.mask && *each.mask);
    before = each.score;
  }
  scrl_detection beyond = {.struct_size = sizeof beyond, .label = 77};
  ANSWERS(SCRL_E_ARGUMENT, scrl_detections_at(found, count, &beyond));
  CHECK(beyond.label == 77);
  OK(scrl_detector_save(detector, in_scratch("det-inference.h5")));
  scrl_detector *trained = NULL;
  ANSWERS(SCRL_E_FORMAT, scrl_detector_resume(in_scratch("det-inference.h5"), NULL, &trained));
  CHECK(same_datasets(in_scratch("det-inference.h5"), in_scratch("det-whole.h5"), "/model") > 100);
  scrl_detections_free(found), scrl_detector_free(detector);
}

typedef struct stop {
  scrl_detector *detector;
  pthread_mutex_t lock;
  pthread_cond_t started;
  int steps;
} stop;

static int32_t tell_started(const scrl_detector_report *report, void *user) {
  stop *s = user;
  (void)report;
  pthread_mutex_lock(&s->lock);
  s->steps++;
  pthread_cond_signal(&s->started);
  pthread_mutex_unlock(&s->lock);
  return 0;
}

static void *cancel_after_two_steps(void *user) {
  stop *s = user;
  pthread_mutex_lock(&s->lock);
  while (s->steps < 2) pthread_cond_wait(&s->started, &s->lock);
  pthread_mutex_unlock(&s->lock);
  OK(scrl_detector_cancel(s->detector));
  return NULL;
}

CASE(another_thread_can_stop_a_run_and_the_run_can_go_on) {
  stop s = {new_detector("5000", in_scratch("det-stopped")), PTHREAD_MUTEX_INITIALIZER,
            PTHREAD_COND_INITIALIZER, 0};
  pthread_t thread;
  uint64_t step = 0, later = 0;
  pthread_create(&thread, NULL, cancel_after_two_steps, &s);
  ANSWERS(SCRL_E_CANCELLED, scrl_detector_run(s.detector, 0, tell_started, &s));
  pthread_join(thread, NULL);
  OK(scrl_detector_progress(s.detector, &step, NULL));
  CHECK(step >= 2 && step < 5000);
  CHECK(exists(in_scratch("det-stopped/checkpoint.h5")));
  OK(scrl_detector_run(s.detector, 1, NULL, NULL));
  OK(scrl_detector_progress(s.detector, &later, NULL));
  CHECK(later == step + 1);
  scrl_detector_free(s.detector);
}

CASE(weights_go_in_and_out_by_name) {
  scrl_detector *detector = new_detector("6", NULL);
  static const char *const names[] = {
      "encoder.conv1.weight", "encoder.layer4.1.bn2.running_var", "fpn.lateral2.weight",
      "fpn.output5.bias", "rpn.conv.weight", "rpn.objectness.bias", "rpn.deltas.weight",
      "box_head.fc1.weight", "box_head.fc2.bias", "box_predictor.scores.weight",
      "box_predictor.deltas.bias", "mask_head.conv1.weight", "mask_head.upsample.weight",
      "mask_head.predictor.bias"};
  scrl_state *state = NULL;
  size_t count = 0, found = 0;
  float scores[3], huge[16 * 16 * 9];
  NEED(scrl_detector_state(detector, &state));
  NEED(scrl_state_count(state, &count));
  for (size_t i = 0; i < count; i++) {
    scrl_state_info info = {.struct_size = sizeof info};
    NEED(scrl_state_at(state, i, &info));
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
      found += strcmp(info.name, names[k]) == 0;
  }
  CHECK(found == sizeof names / sizeof *names);
  OK(scrl_state_read(state, "box_predictor.scores.bias", scores, 3));
  ANSWERS(SCRL_E_SHAPE,
          scrl_state_read(state, "box_predictor.scores.bias", scores, 2));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_read(state, "fpn.none", scores, 3));
  scores[1] = strtof("nan", NULL);
  ANSWERS(SCRL_E_ARGUMENT,
          scrl_state_write(state, "box_predictor.scores.bias", scores, 3));
  for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) huge[i] = 3e38f;
  OK(scrl_state_write(state, "rpn.conv.weight", huge, sizeof huge / sizeof *huge));
  ANSWERS(SCRL_E_DIVERGED, scrl_detector_step(detector, NULL));
  scrl_state_free(state), scrl_detector_free(detector);
}

CASE(a_pretrained_backbone_is_taken_over) {
  scrl_config *config = tiny_config("6"), *other = NULL;
  scrl_dataset *dataset = squares(in_scratch("det-squares.h5"), MASKS);
  scrl_model *model = NULL;
  scrl_state *state = NULL;
  scrl_detector *detector = NULL;
  static float theirs[64 * 64 * 9], mine[64 * 64 * 9];
  enum { COUNT = 64 * 64 * 9 };
  OK(scrl_config_new("scrl-small", &other));
  OK(scrl_config_set(other, "seed", "5"));
  NEED(scrl_model_new(other, &model));
  OK(scrl_model_save(model, in_scratch("det-backbone.h5")));
  NEED(scrl_model_state(model, &state));
  OK(scrl_state_read(state, "online.encoder.layer1.0.conv1.weight", theirs, COUNT));
  NEED(scrl_detector_new(config, dataset, in_scratch("det-backbone.h5"), NULL, &detector));
  scrl_state_free(state);
  NEED(scrl_detector_state(detector, &state));
  OK(scrl_state_read(state, "encoder.layer1.0.conv1.weight", mine, COUNT));
  CHECK(memcmp(theirs, mine, sizeof mine) == 0);
  scrl_state_free(state), scrl_detector_free(detector);
  detector = NULL;
  OK(scrl_config_set(config, "model.arch", "resnet34"));
  ANSWERS(SCRL_E_CONFIG,
          scrl_detector_new(config, dataset, in_scratch("det-backbone.h5"), NULL, &detector));
  ANSWERS(SCRL_E_IO,
          scrl_detector_new(config, dataset, in_scratch("det-none.h5"), NULL, &detector));
  ANSWERS(SCRL_E_FORMAT,
          scrl_detector_new(config, dataset, in_scratch("det-squares.h5"), NULL, &detector));
  CHECK(!detector);
  ANSWERS(SCRL_E_FORMAT, scrl_detector_load(in_scratch("det-backbone.h5"), &detector));
  scrl_model_free(model), scrl_config_free(config), scrl_config_free(other);
  scrl_dataset_free(dataset);
}

typedef struct heard {
  size_t calls, total, stop_at;
} heard;

static int32_t hear(size_t done, size_t total, void *user) {
  heard *h = user;
  CHECK(done == ++h->calls && done <= total);
  h->total = total;
  return h->stop_at && done >= h->stop_at;
}

CASE(a_detector_is_measured_on_a_dataset) {
  scrl_dataset *dataset = squares(in_scratch("det-squares.h5"), MASKS);
  scrl_dataset *boxes_only = squares(in_scratch("det-boxes.h5"), BOXES);
  scrl_dataset *empty = squares(in_scratch("det-nothing.h5"), NOTHING);
  scrl_detector *detector = NULL;
  scrl_coco_metrics boxes = {.struct_size = sizeof boxes}, masks = boxes, again = boxes;
  scrl_coco_metrics unsized = {.struct_size = 0};
  heard whole = {0, 0, 0}, part = {0, 0, 2};
  const char *results = in_scratch("det-results.json");
  NEED(scrl_detector_load(in_scratch("det-whole.h5"), &detector));
  scrl_measure_options options = {.struct_size = sizeof options, .results = results};
  options.progress = hear, options.user = &whole;
  NEED(scrl_detector_measure(detector, dataset, &options, &boxes, &masks));
  CHECK(whole.calls == IMAGES && whole.total == IMAGES && exists(results));
  CHECK(boxes.images == IMAGES && boxes.objects == IMAGES && boxes.crowds == 0);
  CHECK(boxes.categories == 2 && boxes.detections == masks.detections);
  CHECK(boxes.ap >= 0 && boxes.ap <= boxes.ap50 && boxes.ap50 <= 1 && masks.ap >= 0);
  CHECK(boxes.ap_large == -1); /* all squares have 24² pixels */
  OK(scrl_detector_measure(detector, boxes_only, NULL, &again, NULL));
  CHECK(again.ap == boxes.ap && again.ar100 == boxes.ar100);
  OK(scrl_detector_measure(detector, dataset, NULL, NULL, NULL));
  ANSWERS(SCRL_E_DATA, scrl_detector_measure(detector, boxes_only, NULL, NULL, &masks));
  ANSWERS(SCRL_E_DATA, scrl_detector_measure(detector, empty, NULL, &again, NULL));
  options.results = in_scratch("det-half.json"), options.user = &part;
  ANSWERS(SCRL_E_CANCELLED, scrl_detector_measure(detector, dataset, &options, &again, NULL));
  CHECK(part.calls == 2 && !exists(in_scratch("det-half.json")));
  options.results = in_scratch("no/such/r.json"), options.progress = NULL;
  ANSWERS(SCRL_E_IO, scrl_detector_measure(detector, dataset, &options, &again, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_measure(NULL, dataset, NULL, &again, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_measure(detector, NULL, NULL, &again, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_measure(detector, dataset, NULL, &unsized, NULL));
  options.struct_size = 0;
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_measure(detector, dataset, &options, &again, NULL));
  static const int32_t limits[][3] = {{1, 10, 0}, {-1, 1, 2}, {10, 10, 100}, {1, 2, 2147483647}};
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    scrl_measure_options bad = {.struct_size = sizeof bad};
    memcpy(bad.max_detections, limits[i], sizeof bad.max_detections);
    ANSWERS(SCRL_E_ARGUMENT, scrl_detector_measure(detector, dataset, &bad, &again, NULL));
  }
  scrl_measure_options one = {.struct_size = sizeof one, .max_detections = {1, 2, 3}};
  OK(scrl_detector_measure(detector, dataset, &one, &again, NULL));
  CHECK(again.max_detections[2] == 3 && boxes.max_detections[2] == 100 && boxes.uncounted == 0);
  CHECK(again.detections == boxes.detections && again.ar1 == boxes.ar1);
  scrl_detector_free(detector), scrl_dataset_free(dataset);
  scrl_dataset_free(boxes_only), scrl_dataset_free(empty);
}

CASE(a_detectors_classes_go_by_name) {
  static const struct {
    const char *file;
    contents what;
    int32_t labels[2]; /* of red and blue in the dataset */
    uint64_t unknown, absent, objects;
  } rows[] = {
      {"det-swapped.h5", SWAPPED, {1, 0}, 0, 0, IMAGES},
      {"det-blue.h5", BLUE_ALONE, {-1, 0}, 0, 1, IMAGES / 2},
      {"det-three.h5", THREE, {1, 2}, 0, 0, IMAGES},
  };
  scrl_dataset *own = squares(in_scratch("det-squares.h5"), MASKS);
  scrl_detector *detector = NULL, *other = NULL;
  scrl_coco_metrics mine = {.struct_size = sizeof mine};
  NEED(scrl_detector_load(in_scratch("det-whole.h5"), &detector));
  NEED(scrl_detector_measure(detector, own, NULL, &mine, NULL));
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    scrl_dataset *dataset = squares(in_scratch(rows[i].file), rows[i].what);
    scrl_coco_metrics figures = {.struct_size = sizeof figures};
    int32_t labels[2] = {7, 7};
    int64_t ids[2] = {7, 7};
    size_t count = 0;
    NEED(scrl_detector_measure(detector, dataset, NULL, &figures, NULL));
    CHECK(strcmp(figures.matched_by, "names") == 0);
    CHECK(figures.unknown_classes == rows[i].unknown && figures.absent_classes == rows[i].absent);
    CHECK(figures.objects == rows[i].objects && figures.unknown_objects == 0);
    CHECK(figures.detections + figures.absent_detections == mine.detections);
    if (!rows[i].absent) CHECK(figures.ap == mine.ap && figures.ar100 == mine.ar100);
    CHECK(strcmp(figures.absent_names, rows[i].absent ? "[\"red\"]" : "[]") == 0);
    NEED(scrl_detector_match_classes(detector, dataset, labels, ids, 2, &count));
    CHECK(count == 2 && labels[0] == rows[i].labels[0] && labels[1] == rows[i].labels[1]);
    CHECK(ids[0] == (labels[0] < 0 ? -1 : labels[0] + 1) && ids[1] == labels[1] + 1);
    OK(scrl_detector_match_classes(detector, dataset, NULL, ids, 2, NULL));
    OK(scrl_detector_match_classes(detector, dataset, NULL, NULL, 0, &count));
    ANSWERS(SCRL_E_ARGUMENT, scrl_detector_match_classes(detector, dataset, labels, ids, 1, NULL));
    ANSWERS(SCRL_E_ARGUMENT, scrl_detector_match_classes(detector, dataset, NULL, NULL, 2, NULL));
    scrl_dataset_free(dataset);
  }
  scrl_dataset *foreign = squares(in_scratch("det-foreign.h5"), FOREIGN);
  int32_t labels[2];
  ANSWERS(SCRL_E_DATA, scrl_detector_measure(detector, foreign, NULL, &mine, NULL));
  CHECK(strstr(scrl_last_error(), "'red', 'blue'") && strstr(scrl_last_error(), "'cat', 'dog'"));
  ANSWERS(SCRL_E_DATA, scrl_detector_match_classes(detector, foreign, labels, NULL, 2, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_match_classes(NULL, own, labels, NULL, 2, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_match_classes(detector, NULL, labels, NULL, 2, NULL));
  /* The same pictures, boxes and numbers, but called otherwise: another dataset. */
  scrl_dataset *boxes = squares(in_scratch("det-boxes.h5"), BOXES);
  scrl_config *config = tiny_config("6");
  OK(scrl_config_set(config, "detect.kind", "faster"));
  NEED(scrl_detector_new(config, boxes, NULL, in_scratch("det-names"), &other));
  NEED(scrl_detector_run(other, 1, NULL, NULL));
  scrl_detector_free(other), other = NULL;
  ANSWERS(SCRL_E_DATA, scrl_detector_resume(in_scratch("det-names"), foreign, &other));
  CHECK(strstr(scrl_last_error(), "class 0 is 'cat'") && strstr(scrl_last_error(), "'red'"));
  OK(scrl_detector_resume(in_scratch("det-names"), boxes, &other));
  scrl_detector_free(other), scrl_detector_free(detector), scrl_config_free(config);
  scrl_dataset_free(own), scrl_dataset_free(foreign), scrl_dataset_free(boxes);
}

CASE(pictures_without_objects_are_background_when_asked_for) {
  scrl_dataset *dataset = squares(in_scratch("det-half-empty.h5"), HALF_EMPTY);
  for (int asked = 0; asked < 2; asked++) {
    scrl_config *config = tiny_config("3");
    scrl_detector *detector = NULL;
    scrl_detector_images images = {.struct_size = sizeof images};
    scrl_detector_report report = {.struct_size = sizeof report};
    uint64_t boxes = 0;
    OK(scrl_config_set(config, "detect.kind", "faster"));
    OK(scrl_config_set(config, "detect.empty", asked ? "true" : "false"));
    NEED(scrl_detector_new(config, dataset, NULL, NULL, &detector));
    NEED(scrl_detector_count_images(detector, &images));
    CHECK(images.images == (asked ? IMAGES : IMAGES / 2) && images.boxes == IMAGES / 2);
    CHECK(images.empty == (asked ? IMAGES / 2 : 0) && images.left_out_vague == 0);
    CHECK(images.left_out_empty == (asked ? 0 : IMAGES / 2) && images.masks == 0);
    for (int step = 0; step < 3; step++) {
      NEED(scrl_detector_step(detector, &report));
      CHECK(report.did_step == 1 && report.skipped == 0 && report.loss > 0);
      boxes += report.boxes;
    }
    CHECK(boxes == (asked ? IMAGES / 2 : IMAGES)); /* three batches of two */
    ANSWERS(SCRL_E_ARGUMENT, scrl_detector_count_images(NULL, &images));
    ANSWERS(SCRL_E_ARGUMENT, scrl_detector_count_images(detector, NULL));
    images.struct_size = 0;
    ANSWERS(SCRL_E_ARGUMENT, scrl_detector_count_images(detector, &images));
    scrl_detector_free(detector), scrl_config_free(config);
  }
  scrl_dataset_free(dataset);
}

CASE(datasets_that_cannot_be_learnt_are_refused) {
  scrl_config *config = tiny_config("6");
  scrl_dataset *empty = squares(in_scratch("det-nothing.h5"), NOTHING);
  scrl_dataset *boxes = squares(in_scratch("det-boxes.h5"), BOXES);
  scrl_detector *detector = NULL;
  scrl_detector_report report = {.struct_size = sizeof report};
  ANSWERS(SCRL_E_DATA, scrl_detector_new(config, empty, NULL, NULL, &detector));
  ANSWERS(SCRL_E_DATA, scrl_detector_new(config, boxes, NULL, NULL, &detector)); /* no masks */
  OK(scrl_config_set(config, "detect.classes", "1"));
  ANSWERS(SCRL_E_DATA, scrl_detector_new(config, boxes, NULL, NULL, &detector)); /* two of them */
  OK(scrl_config_set(config, "detect.classes", "0"));
  OK(scrl_config_set(config, "detect.kind", "faster"));
  NEED(scrl_detector_new(config, boxes, NULL, NULL, &detector));
  OK(scrl_detector_step(detector, &report));
  CHECK(report.did_step == 1 && report.mask == 0 && report.loss > 0);
  scrl_config *known = NULL;
  char text[16];
  OK(scrl_detector_config(detector, &known));
  OK(scrl_config_get(known, "detect.classes", text, sizeof text, NULL));
  CHECK(strcmp(text, "2") == 0);
  scrl_config_free(known), scrl_detector_free(detector);
  scrl_config_free(config), scrl_dataset_free(empty), scrl_dataset_free(boxes);
}

CASE(keys_that_contradict_each_other_are_refused) {
  scrl_config *config = tiny_config("6");
  static const char *const bad[][2] = {
      {"detect.milestones", "0.5:x"}, {"detect.milestones", ""},   {"detect.min_size", "8"},
      {"detect.min_size", "64:"},     {"detect.kind", "retina"},   {"detect.batch", "0"},
      {"detect.freeze_at", "6"},      {"detect.nms_threshold", "2"}, {"detect.clip", "nan"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ANSWERS(SCRL_E_CONFIG, scrl_config_set(config, bad[i][0], bad[i][1]));
  OK(scrl_config_check(config));
  OK(scrl_config_set(config, "detect.min_size", "64:129"));
  ANSWERS(SCRL_E_CONFIG, scrl_config_check(config)); /* detect.max_size is 128 */
  OK(scrl_config_set(config, "detect.min_size", "64:96"));
  OK(scrl_config_set(config, "detect.milestones", "0.5:7.5"));
  ANSWERS(SCRL_E_CONFIG, scrl_config_check(config));
  scrl_config_free(config);
}

CASE(null_and_wrong_input_are_refused) {
  scrl_detector *detector = new_detector("6", NULL);
  scrl_detector *const before = (scrl_detector *)&case_is_good;
  scrl_detector *other = before;
  scrl_config *config = tiny_config("6"), *copy = NULL;
  scrl_dataset *dataset = squares(in_scratch("det-squares.h5"), MASKS);
  scrl_detections *found = NULL;
  scrl_detector_report unsized = {.struct_size = 0};
  scrl_detection each = {.struct_size = 4};
  scrl_state *state = NULL;
  uint64_t step = 77;
  size_t size = 77;
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_new(NULL, dataset, NULL, NULL, &other));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_new(config, NULL, NULL, NULL, &other));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_new(config, dataset, NULL, NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_new(config, dataset, "\xff", NULL, &other));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_resume(NULL, NULL, &other));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_resume("x", NULL, NULL));
  ANSWERS(SCRL_E_IO, scrl_detector_resume(in_scratch("det-absent.h5"), NULL, &other));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_load(NULL, &other));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_load("x", NULL));
  ANSWERS(SCRL_E_IO, scrl_detector_load(in_scratch("det-absent.h5"), &other));
  ANSWERS(SCRL_E_FORMAT, scrl_detector_load(in_scratch("det-squares.h5"), &other));
  CHECK(other == before);
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_step(NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_step((scrl_detector *)dataset, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_step(detector, &unsized));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_run(NULL, 1, NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_cancel(NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_save(NULL, "x"));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_save(detector, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_progress(NULL, &step, NULL));
  OK(scrl_detector_progress(detector, NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_config(NULL, &copy));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_config(detector, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_class_count(NULL, &size));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_class_count(detector, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_class_at(NULL, 0, NULL, NULL));
  OK(scrl_detector_class_at(detector, 0, NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_predict(NULL, pixels, SIDE, SIDE, 0, &found));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_predict(detector, NULL, SIDE, SIDE, 0, &found));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_predict(detector, pixels, SIDE, SIDE, 0, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_predict(detector, pixels, 0, SIDE, 0, &found));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_predict(detector, pixels, SIDE, SIZE_MAX, 0, &found));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_predict(detector, pixels, SIDE, SIDE, SIDE, &found));
  CHECK(!found);
  ANSWERS(SCRL_E_ARGUMENT, scrl_detections_count(NULL, &size));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detections_at(NULL, 0, &each));
  NEED(scrl_detector_predict(detector, pixels, SIDE, SIDE, 0, &found));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detections_count(found, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detections_at(found, 0, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detections_at(found, 0, &each));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_state(NULL, &state));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_state(detector, NULL));
  CHECK(!state);
  CHECK(step == 77 && size == 77 && !copy);
  scrl_detections_free(found), scrl_detections_free(found); /* the second does nothing */
  scrl_detections_free(NULL), scrl_detector_free(NULL);
  scrl_detector_free(detector);
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_step(detector, NULL)); /* freed */
  scrl_config_free(config), scrl_dataset_free(dataset);
}

int main(void) {
  RUN(three_and_three_steps_equal_six);
  RUN(a_loaded_detector_looks_at_pictures_and_is_not_trained);
  RUN(another_thread_can_stop_a_run_and_the_run_can_go_on);
  RUN(weights_go_in_and_out_by_name);
  RUN(a_pretrained_backbone_is_taken_over);
  RUN(a_detector_is_measured_on_a_dataset);
  RUN(a_detectors_classes_go_by_name);
  RUN(pictures_without_objects_are_background_when_asked_for);
  RUN(datasets_that_cannot_be_learnt_are_refused);
  RUN(keys_that_contradict_each_other_are_refused);
  RUN(null_and_wrong_input_are_refused);
  return summary("test_detector");
}
