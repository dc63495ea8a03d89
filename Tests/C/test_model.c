/* Views, RoIAlign and the backbone, as a host sees them. */
#include "harness.h"

#include <math.h>

enum { SIDE = 32, BOXES = 10 };

typedef struct views {
  float view1[3 * SIDE * SIDE], view2[3 * SIDE * SIDE], boxes1[BOXES * 4], boxes2[BOXES * 4];
  scrl_view_pair pair;
} views;

static void clear(views *v) {
  memset(v, 0, sizeof *v);
  v->pair.struct_size = sizeof v->pair;
  v->pair.view1 = v->view1, v->pair.view2 = v->view2;
  v->pair.boxes1 = v->boxes1, v->pair.boxes2 = v->boxes2;
}

/* A box of view v in source pixels: undo the mirror, then the zoom, then the crop's origin. */
static void to_source(const float box[4], const int32_t crop[4], int32_t flip, double out[4]) {
  double x0 = flip ? SIDE - box[2] : box[0], x1 = flip ? SIDE - box[0] : box[2];
  out[0] = crop[1] + x0 * crop[3] / SIDE, out[2] = crop[1] + x1 * crop[3] / SIDE;
  out[1] = crop[0] + (double)box[1] * crop[2] / SIDE;
  out[3] = crop[0] + (double)box[3] * crop[2] / SIDE;
}

CASE(matched_boxes_are_the_same_region_of_the_source) {
  scrl_dataset *dataset = small_dataset();
  scrl_config *config = small_config("40", "1");
  static views v;
  size_t with_boxes = 0;
  for (size_t epoch = 0; epoch < 4; epoch++)
    for (size_t index = 0; index < 12; index++) {
      clear(&v);
      NEED(scrl_views_make(dataset, config, epoch, index, &v.pair));
      CHECK(v.pair.box_count == 0 || v.pair.box_count == BOXES);
      with_boxes += v.pair.box_count > 0;
      for (size_t k = 0; k < v.pair.box_count; k++) {
        double a[4], b[4];
        to_source(v.boxes1 + 4 * k, v.pair.crop1, v.pair.flip1, a);
        to_source(v.boxes2 + 4 * k, v.pair.crop2, v.pair.flip2, b);
        /* The intersection is rounded to whole working pixels, so clipping may cut half a pixel
           in one view alone: 0.5 · 117/32 = 1.83 source pixels. float32 adds 1e-5 at most. */
        for (int e = 0; e < 4; e++) CHECK(fabs(a[e] - b[e]) < 1.84);
        for (int e = 0; e < 4; e++) CHECK(v.boxes1[4 * k + e] >= 0 && v.boxes1[4 * k + e] <= SIDE);
      }
    }
  CHECK(with_boxes > 24);
  scrl_config_free(config);
  scrl_dataset_free(dataset);
}

CASE(views_depend_on_their_address_alone) {
  scrl_dataset *dataset = small_dataset();
  scrl_config *config = small_config("40", "1");
  static views a, b, c;
  clear(&a), clear(&b), clear(&c);
  NEED(scrl_views_make(dataset, config, 3, 5, &a.pair));
  NEED(scrl_views_make(dataset, config, 4, 5, &c.pair));
  NEED(scrl_views_make(dataset, config, 3, 5, &b.pair));
  CHECK(memcmp(a.view1, b.view1, sizeof a.view1) == 0);
  CHECK(memcmp(a.view2, b.view2, sizeof a.view2) == 0);
  CHECK(memcmp(a.boxes2, b.boxes2, sizeof a.boxes2) == 0);
  CHECK(memcmp(a.view1, c.view1, sizeof a.view1) != 0);
  scrl_config_free(config);
  scrl_dataset_free(dataset);
}

static float ramp_cells[2 * 8 * 8];
static scrl_tensor ramp(void) {
  for (int c = 0; c < 2; c++)
    for (int y = 0; y < 8; y++)
      for (int x = 0; x < 8; x++) ramp_cells[(c * 8 + y) * 8 + x] = (float)(c ? y : x);
  scrl_tensor tensor = {sizeof tensor, 4, ramp_cells, {1, 2, 8, 8}, {0, 0, 0, 0}};
  return tensor;
}

CASE(roi_align_of_a_ramp_returns_the_ramp_at_the_cell_centres) {
  scrl_tensor features = ramp();
  const float box[5] = {0, 2, 4, 6, 12};
  scrl_roi_align_options options = {sizeof options, 2, 2, 0.5f, 2, 1};
  float pooled[8];
  NEED(scrl_roi_align(&features, box, 1, &options, pooled, 8));
  /* aligned: x runs over [0.5, 2.5], y over [1.5, 5.5]; two cells each, centres at 1/4 and 3/4.
     Sums of small halves and quarters: exact in float32. */
  const float expected[8] = {1, 2, 1, 2, 2.5f, 2.5f, 4.5f, 4.5f};
  for (int i = 0; i < 8; i++) CHECK(fabsf(pooled[i] - expected[i]) < 1e-6f);

  /* The same features given with strides, channels last. */
  static float last[8 * 8 * 2];
  for (int c = 0; c < 2; c++)
    for (int i = 0; i < 64; i++) last[2 * i + c] = ramp_cells[64 * c + i];
  scrl_tensor strided = {sizeof strided, 4, last, {1, 2, 8, 8}, {128, 1, 16, 2}};
  float again[8];
  NEED(scrl_roi_align(&strided, box, 1, &options, again, 8));
  CHECK(memcmp(pooled, again, sizeof pooled) == 0);
}

CASE(roi_align_backward_spreads_what_it_is_given) {
  const float box[5] = {0, 2, 4, 6, 12};
  scrl_roi_align_options options = {sizeof options, 2, 2, 0.5f, 2, 1};
  float ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  scrl_tensor gradient = {sizeof gradient, 4, ones, {1, 2, 2, 2}, {0, 0, 0, 0}};
  const int64_t shape[4] = {1, 2, 8, 8};
  static float spread[128];
  NEED(scrl_roi_align_backward(&gradient, box, 1, &options, shape, spread, 128));
  double sum = 0;
  for (int i = 0; i < 128; i++) sum += spread[i];
  CHECK(fabs(sum - 8) < 1e-5); /* bilinear weights of a sample inside the map add up to 1 */
}

CASE(roi_align_refuses_what_names_no_place) {
  scrl_tensor features = ramp();
  scrl_tensor flat = {sizeof flat, 2, ramp_cells, {8, 8, 0, 0}, {0, 0, 0, 0}};
  scrl_roi_align_options options = {sizeof options, 2, 2, 0.5f, 2, 1}, no_cells = options,
                         unsized = options;
  no_cells.output_height = 0, unsized.struct_size = 0;
  float box[5] = {0, 2, 4, 6, 12}, other_image[5] = {1, 2, 4, 6, 12}, infinite[5] = {0, 2, 4, 6, 0};
  infinite[4] = strtof("inf", NULL);
  float pooled[8] = {7, 7, 7, 7, 7, 7, 7, 7};
  const int64_t shape[4] = {1, 2, 8, 8};
  ANSWERS(SCRL_E_ARGUMENT, scrl_roi_align(NULL, box, 1, &options, pooled, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_roi_align(&features, NULL, 1, &options, pooled, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_roi_align(&features, box, 1, NULL, pooled, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_roi_align(&features, box, 1, &unsized, pooled, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_roi_align(&features, box, 1, &no_cells, pooled, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_roi_align(&features, box, 1, &options, NULL, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_roi_align(&features, box, 1, &options, pooled, 7));
  ANSWERS(SCRL_E_ARGUMENT, scrl_roi_align(&features, other_image, 1, &options, pooled, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_roi_align(&features, infinite, 1, &options, pooled, 8));
  ANSWERS(SCRL_E_SHAPE, scrl_roi_align(&flat, box, 1, &options, pooled, 8));
  ANSWERS(SCRL_E_ARGUMENT,
          scrl_roi_align_backward(NULL, box, 1, &options, shape, pooled, 8));
  ANSWERS(SCRL_E_SHAPE,
          scrl_roi_align_backward(&features, box, 1, &options, shape, pooled, 8));
  for (int i = 0; i < 8; i++) CHECK(pooled[i] == 7);
}

CASE(weights_follow_torchvision_and_survive_a_file) {
  scrl_config *config = small_config("40", "1");
  scrl_model *model = NULL, *loaded = NULL;
  scrl_state *state = NULL, *same = NULL;
  size_t count = 0, again = 0;
  NEED(scrl_model_new(config, &model));
  NEED(scrl_model_save(model, in_scratch("model.h5")));
  NEED(scrl_model_load(in_scratch("model.h5"), &loaded));
  NEED(scrl_model_state(model, &state));
  NEED(scrl_model_state(loaded, &same));
  OK(scrl_state_count(state, &count));
  OK(scrl_state_count(same, &again));
  CHECK(count == again && count >= 100); /* ResNet-18: 20 convolutions, 20 norms of 4 or more */
  int stem = 0;
  for (size_t i = 0; i < count; i++) {
    scrl_state_info info = {.struct_size = sizeof info};
    NEED(scrl_state_at(state, i, &info));
    size_t elements = (size_t)info.count;
    int64_t product = 1;
    for (int32_t k = 0; k < info.rank; k++) product *= info.shape[k];
    CHECK(product == info.count);
    size_t suffix = strlen("encoder.conv1.weight"), length = strlen(info.name);
    if (length >= suffix && strcmp(info.name + length - suffix, "encoder.conv1.weight") == 0)
      stem = info.shape[0] == 64 && info.shape[1] == 3 && info.shape[2] == 3;
    float *a = malloc(elements * sizeof *a), *b = malloc(elements * sizeof *b);
    OK(scrl_state_read(state, info.name, a, elements));
    OK(scrl_state_read(same, info.name, b, elements));
    CHECK(memcmp(a, b, elements * sizeof *a) == 0);
    free(a), free(b);
  }
  CHECK(stem);
  scrl_state_free(state), scrl_state_free(same);
  scrl_model_free(model), scrl_model_free(loaded), scrl_config_free(config);
}

CASE(a_tensor_reads_back_what_was_written) {
  scrl_config *config = small_config("40", "1");
  scrl_model *model = NULL;
  scrl_state *state = NULL, *other = NULL;
  scrl_state_info info = {.struct_size = sizeof info};
  NEED(scrl_model_new(config, &model));
  NEED(scrl_model_state(model, &state));
  NEED(scrl_state_at(state, 0, &info));
  size_t count = (size_t)info.count;
  float *values = malloc(count * sizeof *values), *back = malloc(count * sizeof *back);
  for (size_t i = 0; i < count; i++) values[i] = (float)i * 0.5f;
  OK(scrl_state_write(state, info.name, values, count));
  OK(scrl_state_read(state, info.name, back, count));
  CHECK(memcmp(values, back, count * sizeof *values) == 0);
  values[0] = strtof("nan", NULL);
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_write(state, info.name, values, count));
  ANSWERS(SCRL_E_SHAPE, scrl_state_write(state, info.name, back, count - 1));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_write(state, "no.such.name", back, count));
  ANSWERS(SCRL_E_SHAPE, scrl_state_read(state, info.name, back, count + 1));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_read(state, "no.such.name", back, count));
  NEED(scrl_model_state(model, &other)); /* another view sees the same tensors */
  memset(values, 0, count * sizeof *values);
  OK(scrl_state_read(other, info.name, values, count));
  CHECK(memcmp(values, back, count * sizeof *values) == 0);
  scrl_state_free(other);
  scrl_model_free(model); /* a view outlives its owner */
  OK(scrl_state_read(state, info.name, values, count));
  CHECK(memcmp(values, back, count * sizeof *values) == 0);
  scrl_state_free(state);
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_read(state, "x", values, count)); /* freed */
  free(values), free(back);
  scrl_config_free(config);
}

static void count_ranges(const char *line, void *user) {
  if (strstr(line, "0 … 1")) ++*(size_t *)user;
}

CASE(an_embedding_is_the_mean_of_layer4) {
  scrl_config *config = small_config("40", "1");
  scrl_model *model = NULL;
  OK(scrl_config_set(config, "roi.stage", "layer4"));
  static float image[2 * 3 * SIDE * SIDE];
  for (size_t i = 0; i < sizeof image / sizeof *image; i++)
    image[i] = sinf((float)i * 0.01f) + (i < sizeof image / sizeof *image / 2 ? 0.5f : 0);
  scrl_tensor input = {sizeof input, 4, image, {2, 3, SIDE, SIDE}, {0, 0, 0, 0}};
  int64_t shape[4];
  size_t length = 0, region_length = 0;
  NEED(scrl_model_new(config, &model));
  NEED(scrl_model_feature_shape(model, "layer4", 2, SIDE, SIDE, shape));
  OK(scrl_model_embedding_size(model, &length));
  OK(scrl_model_region_size(model, &region_length));
  CHECK(shape[0] == 2 && shape[1] == 512 && length == 512 && region_length == 512);
  size_t cells = (size_t)(shape[2] * shape[3]), count = 2 * 512 * cells;
  float *map = malloc(count * sizeof *map);
  static float embedding[2 * 512];
  OK(scrl_model_features(model, &input, "layer4", map, count));
  OK(scrl_model_embed(model, &input, embedding, 2 * 512));
  for (size_t k = 0; k < 2 * 512; k++) {
    double mean = 0;
    for (size_t i = 0; i < cells; i++) mean += map[k * cells + i];
    mean /= (double)cells;
    /* `cells` float32 additions: each at most 2^-24 of the running sum. */
    CHECK(fabs(mean - embedding[k]) <= 1e-6 * (double)cells * (1 + fabs(mean)));
  }
  CHECK(memcmp(embedding, embedding + 512, 512 * sizeof *embedding) != 0);

  /* Bytes as floats are no normalised pixels; bytes divided by 255 are told of, once. */
  static float raw[2 * 3 * SIDE * SIDE];
  const float region_box[5] = {0, 4, 4, 28, 28};
  scrl_tensor wrong = {sizeof wrong, 4, raw, {2, 3, SIDE, SIDE}, {0, 0, 0, 0}};
  for (size_t i = 0; i < sizeof raw / sizeof *raw; i++) raw[i] = (float)(i % 256);
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_features(model, &wrong, "layer4", map, count));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_embed(model, &wrong, embedding, 2 * 512));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_embed_regions(model, &wrong, region_box, 1, embedding, 512));
  CHECK(strstr(scrl_last_error(), "0.0 … 255.0") && strstr(scrl_last_error(), "scrl_image_prepare"));
  for (size_t i = 0; i < sizeof raw / sizeof *raw; i++) raw[i] /= 255;
  size_t told = 0;
  scrl_log_set(count_ranges, &told);
  OK(scrl_model_embed(model, &input, embedding, 2 * 512));
  CHECK(told == 0);
  OK(scrl_model_embed(model, &wrong, embedding, 2 * 512));
  OK(scrl_model_embed(model, &wrong, embedding, 2 * 512));
  CHECK(told == 1);
  scrl_log_set(NULL, NULL);

  static float region[512];
  const float box[5] = {1, 4, 4, 28, 28};
  OK(scrl_model_embed_regions(model, &input, box, 1, region, 512));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_embed_regions(model, &input, box, 1, region, 511));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_embed_regions(model, &input, NULL, 1, region, 512));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_embed_regions(model, &input, box, 1, NULL, 512));
  free(map);
  scrl_model_free(model), scrl_config_free(config);
}

CASE(prepared_pixels_are_normalised) {
  static uint8_t gray[50 * 70 * 3];
  static float image[3 * SIDE * SIDE];
  const double mean[3] = {0.485, 0.456, 0.406}, deviation[3] = {0.229, 0.224, 0.225};
  memset(gray, 128, sizeof gray);
  NEED(scrl_image_prepare(gray, 50, 70, SIDE, image, sizeof image / sizeof *image));
  for (size_t c = 0; c < 3; c++)
    for (size_t i = 0; i < SIDE * SIDE; i++) {
      double expected = (128 / 255.0 - mean[c]) / deviation[c];
      /* Resampling weights add to 1 within a few 2^-24; a rounded pixel would be off by 0. */
      CHECK(fabs(image[c * SIDE * SIDE + i] - expected) < 1e-4);
    }
  ANSWERS(SCRL_E_ARGUMENT, scrl_image_prepare(NULL, 50, 70, SIDE, image, 3 * SIDE * SIDE));
  ANSWERS(SCRL_E_ARGUMENT, scrl_image_prepare(gray, 0, 70, SIDE, image, 3 * SIDE * SIDE));
  ANSWERS(SCRL_E_ARGUMENT, scrl_image_prepare(gray, 50, 70, 0, image, 3 * SIDE * SIDE));
  ANSWERS(SCRL_E_ARGUMENT, scrl_image_prepare(gray, 50, 70, SIDE, NULL, 3 * SIDE * SIDE));
  ANSWERS(SCRL_E_ARGUMENT, scrl_image_prepare(gray, 50, 70, SIDE, image, 3 * SIDE * SIDE - 1));
}

CASE(null_and_wrong_input_are_refused) {
  scrl_config *config = small_config("40", "1"), *copy = NULL;
  scrl_dataset *dataset = small_dataset();
  scrl_model *model = NULL, *const before = (scrl_model *)ramp_cells, *other = before;
  scrl_tensor input = ramp(), no_data = input;
  static views v;
  int64_t shape[4];
  size_t size = 77;
  float values[8] = {0};
  const char *known = "online.encoder.bn1.bias";
  scrl_state *state = NULL;
  scrl_state_info info = {.struct_size = sizeof info}, unsized = {.struct_size = 0};
  no_data.data = NULL;
  clear(&v);
  NEED(scrl_model_new(config, &model));
  ANSWERS(SCRL_E_ARGUMENT, scrl_views_make(NULL, config, 0, 0, &v.pair));
  ANSWERS(SCRL_E_ARGUMENT, scrl_views_make(dataset, NULL, 0, 0, &v.pair));
  ANSWERS(SCRL_E_ARGUMENT, scrl_views_make(dataset, config, 0, 0, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_views_make(dataset, config, 0, 12, &v.pair));
  v.pair.view2 = NULL;
  ANSWERS(SCRL_E_ARGUMENT, scrl_views_make(dataset, config, 0, 0, &v.pair));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_new(NULL, &other));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_new(config, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_load(NULL, &other));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_load("x", NULL));
  ANSWERS(SCRL_E_IO, scrl_model_load(in_scratch("absent.h5"), &other));
  ANSWERS(SCRL_E_FORMAT, scrl_model_load(in_scratch("images/dots/00.jpg"), &other));
  ANSWERS(SCRL_E_FORMAT, scrl_model_load(in_scratch("shared.h5"), &other));
  CHECK(other == before);
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_save(NULL, "x"));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_save(model, NULL));
  ANSWERS(SCRL_E_IO, scrl_model_save(model, in_scratch("no folder/model.h5")));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_config(NULL, &copy));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_config(model, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_state(NULL, &state));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_state(model, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_state((scrl_model *)dataset, &state));
  CHECK(!state);
  NEED(scrl_model_state(model, &state));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_count(NULL, &size));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_count(state, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_count((scrl_state *)model, &size));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_at(NULL, 0, &info));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_at(state, 0, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_at(state, 0, &unsized));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_at(state, SIZE_MAX, &info));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_read(NULL, known, values, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_read(state, NULL, values, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_read(state, "x", values, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_read(state, known, NULL, 64));
  ANSWERS(SCRL_E_SHAPE, scrl_state_read(state, known, values, SIZE_MAX));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_write(NULL, known, values, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_write(state, NULL, values, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_write(state, known, NULL, 64));
  ANSWERS(SCRL_E_SHAPE, scrl_state_write(state, known, values, SIZE_MAX));
  scrl_state_free(state), scrl_state_free(NULL), scrl_state_free((scrl_state *)model);
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_feature_shape(NULL, "layer4", 1, 32, 32, shape));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_feature_shape(model, NULL, 1, 32, 32, shape));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_feature_shape(model, "layer9", 1, 32, 32, shape));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_feature_shape(model, "layer4", 1, 32, 32, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_features(NULL, &input, "layer4", values, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_features(model, NULL, "layer4", values, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_features(model, &no_data, "layer4", values, 8));
  ANSWERS(SCRL_E_SHAPE, scrl_model_features(model, &input, "layer4", values, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_embedding_size(NULL, &size));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_embedding_size(model, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_region_size(NULL, &size));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_region_size(model, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_embed(NULL, &input, values, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_embed(model, NULL, values, 8));
  ANSWERS(SCRL_E_SHAPE, scrl_model_embed(model, &input, values, 8));
  ANSWERS(SCRL_E_ARGUMENT, scrl_model_embed_regions(NULL, &input, values, 1, values, 8));
  ANSWERS(SCRL_E_SHAPE, scrl_model_embed_regions(model, &input, values, 1, values, 8));
  CHECK(size == 77 && copy == NULL);
  scrl_model_free(model), scrl_config_free(config), scrl_dataset_free(dataset);
}

int main(void) {
  RUN(matched_boxes_are_the_same_region_of_the_source);
  RUN(views_depend_on_their_address_alone);
  RUN(roi_align_of_a_ramp_returns_the_ramp_at_the_cell_centres);
  RUN(roi_align_backward_spreads_what_it_is_given);
  RUN(roi_align_refuses_what_names_no_place);
  RUN(weights_follow_torchvision_and_survive_a_file);
  RUN(a_tensor_reads_back_what_was_written);
  RUN(an_embedding_is_the_mean_of_layer4);
  RUN(prepared_pixels_are_normalised);
  RUN(null_and_wrong_input_are_refused);
  return summary("model");
}
