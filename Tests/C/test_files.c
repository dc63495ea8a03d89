/* Packing and reading: what goes in comes out, what cannot is listed, nothing is left half done. */
#include "harness.h"


enum { WIDTH = 40, HEIGHT = 30, PIXELS = WIDTH * HEIGHT * 3 };
static uint8_t ramp[PIXELS];

static void make_ramp(void) {
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++)
      for (int c = 0; c < 3; c++)
        ramp[3 * (y * WIDTH + x) + c] = (uint8_t)(c == 0 ? 6 * x : c == 1 ? 8 * y : 90);
}

CASE(pixels_boxes_masks_and_classes_come_back) {
  const char *path = in_scratch("annotated.h5");
  const float boxes[8] = {1, 2, 20, 22, 5, 5, 39, 29};
  const int32_t labels[2] = {1, 0};
  /* 100 zeros, 200 ones, 900 zeros: 30 × 40 cells in COCO's letters. */
  const char *masks[2] = {"T3X6Tl0", NULL};
  const float areas[2] = {77.5F, strtof("nan", NULL)};
  const uint8_t flags[2] = {SCRL_BOX_CROWD, SCRL_BOX_DIFFICULT};
  scrl_annotation annotation = {sizeof annotation, 1, 2, boxes, labels, masks, areas, flags};
  scrl_writer *writer = NULL;
  int32_t id = -7;
  size_t count = 0;
  NEED(scrl_writer_new(path, &writer));
  OK(scrl_writer_add_class(writer, "cat", &id));
  CHECK(id == 0);
  OK(scrl_writer_add_class(writer, "dog", NULL));
  OK(scrl_writer_add_rgb(writer, ramp, HEIGHT, WIDTH, 0, 100, &annotation));
  OK(scrl_writer_add_rgb(writer, ramp, HEIGHT, WIDTH / 2, WIDTH * 3, 0, NULL));
  OK(scrl_writer_count(writer, &count));
  CHECK(count == 2);
  CHECK(!exists(path)); /* nothing under the final name before finish */
  NEED(scrl_writer_finish(writer));
  CHECK(exists(path));
  ANSWERS(SCRL_E_STATE, scrl_writer_finish(writer));
  ANSWERS(SCRL_E_STATE, scrl_writer_add_rgb(writer, ramp, HEIGHT, WIDTH, 0, 0, NULL));
  scrl_writer_free(writer);

  scrl_dataset *dataset = NULL;
  size_t height, width, boxes_found = 0, length = 0, classes = 0;
  int32_t label, box_labels[2];
  float box_values[8];
  const char *name = NULL;
  char mask[16];
  static uint8_t pixels[PIXELS];
  NEED(scrl_dataset_open(path, &dataset));
  OK(scrl_dataset_count(dataset, &count));
  CHECK(count == 2);
  OK(scrl_dataset_size(dataset, 0, &height, &width));
  CHECK(height == HEIGHT && width == WIDTH);
  OK(scrl_dataset_size(dataset, 1, &height, &width));
  CHECK(height == HEIGHT && width == WIDTH / 2);
  OK(scrl_dataset_read_rgb(dataset, 0, pixels, sizeof pixels));
  double difference = 0;
  for (int i = 0; i < PIXELS; i++) difference += abs(pixels[i] - ramp[i]);
  CHECK(difference / PIXELS < 4); /* quality 100 with 4:2:0 colour: a ramp moves little */
  OK(scrl_dataset_label(dataset, 0, &label));
  CHECK(label == 1);
  OK(scrl_dataset_label(dataset, 1, &label));
  CHECK(label == -1);
  OK(scrl_dataset_boxes(dataset, 0, box_values, box_labels, 2, &boxes_found));
  CHECK(boxes_found == 2 && memcmp(box_values, boxes, sizeof boxes) == 0);
  CHECK(box_labels[0] == 1 && box_labels[1] == 0);
  OK(scrl_dataset_boxes(dataset, 1, NULL, NULL, 0, &boxes_found));
  CHECK(boxes_found == 0);
  OK(scrl_dataset_mask(dataset, 0, 0, mask, sizeof mask, &length));
  CHECK(length == strlen(masks[0]) && strcmp(mask, masks[0]) == 0);
  OK(scrl_dataset_mask(dataset, 0, 1, mask, sizeof mask, &length));
  CHECK(length == 0);
  OK(scrl_dataset_class_count(dataset, &classes));
  CHECK(classes == 2);
  OK(scrl_dataset_class_name(dataset, 1, &name));
  CHECK(name && strcmp(name, "dog") == 0);

  uint8_t found_flags[2] = {9, 9};
  float found_areas[2];
  int64_t image_id = 5;
  int32_t class_id = 5;
  OK(scrl_dataset_box_flags(dataset, 0, NULL, 0, &boxes_found));
  CHECK(boxes_found == 2);
  OK(scrl_dataset_box_flags(dataset, 0, found_flags, 2, NULL));
  CHECK(found_flags[0] == SCRL_BOX_CROWD && found_flags[1] == SCRL_BOX_DIFFICULT);
  OK(scrl_dataset_box_areas(dataset, 0, found_areas, 2, NULL));
  CHECK(found_areas[0] == 77.5F && found_areas[1] == 34 * 24); /* no mask: the box's */
  OK(scrl_dataset_image_id(dataset, 0, &image_id));
  CHECK(image_id == -1);
  OK(scrl_dataset_class_id(dataset, 1, &class_id));
  CHECK(class_id == -1);
  OK(scrl_dataset_name(dataset, 0, mask, sizeof mask, &length));
  CHECK(length == 0 && mask[0] == 0);

  size_t bytes = 0;
  OK(scrl_dataset_read_jpeg(dataset, 0, NULL, 0, &bytes));
  CHECK(bytes > 100);
  uint8_t *jpeg = malloc(bytes);
  OK(scrl_dataset_read_jpeg(dataset, 0, jpeg, bytes, NULL));
  CHECK(bytes > 2 && jpeg[0] == 0xFF && jpeg[1] == 0xD8);
  free(jpeg);
  scrl_dataset_free(dataset);
}

static size_t reasons;
static int32_t count_reasons(const char *path, const char *reason, int32_t label, void *user) {
  (void)label, (void)user;
  reasons += path && reason && strlen(reason) > 5 && strchr(reason, '\n') == NULL;
  return 0;
}
static int32_t stop_at_once(const char *path, const char *reason, int32_t label, void *user) {
  (void)path, (void)reason, (void)label, (void)user;
  return -1;
}
static size_t last_total;
static int32_t watch(size_t added, size_t seen, size_t total, void *user) {
  (void)user;
  CHECK(added <= seen && seen <= total);
  last_total = total;
  return 0;
}
static int32_t stop_walk(size_t added, size_t seen, size_t total, void *user) {
  (void)added, (void)seen, (void)total, (void)user;
  return 1;
}

CASE(bad_files_in_a_folder_are_listed_and_the_rest_is_used) {
  scrl_writer *writer = NULL;
  scrl_folder_options options = {sizeof options, 0, count_reasons, watch, NULL};
  size_t added = 0, skipped = 0;
  reasons = 0;
  NEED(scrl_writer_new(in_scratch("mixed.h5"), &writer));
  OK(scrl_writer_add_folder(writer, in_scratch("mixed"), &options, &added, &skipped));
  CHECK(added == 5); /* plain, \xFF\xFE, CAPITAL, gray, progressive */
  /* empty, text, truncated, png, dangling; the loop may be told or passed over in silence */
  CHECK(skipped == reasons && skipped >= 5 && skipped <= 6);
  CHECK(last_total >= added);
  OK(scrl_writer_finish(writer));
  scrl_writer_free(writer);
}

CASE(a_host_can_stop_a_walk) {
  scrl_writer *writer = NULL;
  scrl_folder_options by_skip = {sizeof by_skip, 0, stop_at_once, NULL, NULL};
  scrl_folder_options by_walk = {sizeof by_walk, 0, NULL, stop_walk, NULL};
  NEED(scrl_writer_new(in_scratch("stopped.h5"), &writer));
  ANSWERS(SCRL_E_CANCELLED,
          scrl_writer_add_folder(writer, in_scratch("mixed"), &by_skip, NULL, NULL));
  ANSWERS(SCRL_E_CANCELLED,
          scrl_writer_add_folder(writer, in_scratch("mixed"), &by_walk, NULL, NULL));
  scrl_writer_free(writer);
  CHECK(!exists(in_scratch("stopped.h5")));
}

CASE(folders_name_classes_in_the_order_of_their_bytes) {
  scrl_dataset *dataset = small_dataset();
  size_t count = 0, classes = 0;
  const char *first = NULL, *second = NULL;
  int32_t label = -5;
  NEED(scrl_dataset_count(dataset, &count));
  CHECK(count == 12);
  OK(scrl_dataset_class_count(dataset, &classes));
  CHECK(classes == 2);
  OK(scrl_dataset_class_name(dataset, 0, &first));
  OK(scrl_dataset_class_name(dataset, 1, &second));
  CHECK(first && second && strcmp(first, "dots") == 0 && strcmp(second, "stripes") == 0);
  OK(scrl_dataset_label(dataset, 0, &label));
  CHECK(label == 0);
  OK(scrl_dataset_label(dataset, 11, &label));
  CHECK(label == 1);
  scrl_dataset_free(dataset);
}

CASE(unusable_input_is_refused_and_not_counted) {
  scrl_writer *writer = NULL;
  size_t count = 9;
  const float reversed[4] = {20, 20, 10, 10};
  float not_finite[4] = {0, 0, 10, 10};
  not_finite[2] = strtof("nan", NULL);
  const float *const bad[] = {reversed, not_finite};
  NEED(scrl_writer_new(in_scratch("refused.h5"), &writer));
  ANSWERS(SCRL_E_DATA, scrl_writer_add_jpeg(writer, "no jpeg at all", 14, NULL));
  ANSWERS(SCRL_E_DATA, scrl_writer_add_file(writer, in_scratch("mixed/truncated.jpg"), NULL));
  ANSWERS(SCRL_E_IO, scrl_writer_add_file(writer, in_scratch("no such file.jpg"), NULL));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    scrl_annotation annotation = {
        .struct_size = sizeof annotation, .label = -1, .box_count = 1, .boxes = bad[i]};
    ANSWERS(SCRL_E_DATA, scrl_writer_add_rgb(writer, ramp, HEIGHT, WIDTH, 0, 0, &annotation));
  }
  const float sound[4] = {0, 0, 10, 10}, areas[1] = {-1};
  const uint8_t flags[1] = {4};
  const char *masks[1] = {"T3X6Tl0"}; /* of 30 × 40 pixels */
  scrl_annotation bad_area = {
      .struct_size = sizeof bad_area, .label = -1, .box_count = 1, .boxes = sound, .areas = areas};
  scrl_annotation bad_flags = {
      .struct_size = sizeof bad_flags, .label = -1, .box_count = 1, .boxes = sound, .flags = flags};
  scrl_annotation bad_mask = {
      .struct_size = sizeof bad_mask, .label = -1, .box_count = 1, .boxes = sound, .masks = masks};
  ANSWERS(SCRL_E_DATA, scrl_writer_add_rgb(writer, ramp, HEIGHT, WIDTH, 0, 0, &bad_area));
  ANSWERS(SCRL_E_DATA, scrl_writer_add_rgb(writer, ramp, HEIGHT, WIDTH, 0, 0, &bad_flags));
  ANSWERS(SCRL_E_DATA, scrl_writer_add_rgb(writer, ramp, HEIGHT, WIDTH / 2, WIDTH * 3, 0, &bad_mask));
  scrl_annotation no_boxes = {.struct_size = sizeof no_boxes, .label = -1, .box_count = 1};
  scrl_annotation no_size = {.label = -1};
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_rgb(writer, ramp, HEIGHT, WIDTH, 0, 0, &no_boxes));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_rgb(writer, ramp, HEIGHT, WIDTH, 0, 0, &no_size));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_rgb(writer, ramp, 0, WIDTH, 0, 0, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_rgb(writer, ramp, HEIGHT, WIDTH, 10, 0, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_rgb(writer, ramp, HEIGHT, WIDTH, 0, 101, NULL));
  OK(scrl_writer_count(writer, &count));
  CHECK(count == 0);
  ANSWERS(SCRL_E_STATE, scrl_writer_finish(writer));
  scrl_writer_free(writer);
  CHECK(!exists(in_scratch("refused.h5")));
}

CASE(a_writer_that_cannot_begin_says_so) {
  scrl_writer *const before = (scrl_writer *)ramp;
  scrl_writer *writer = before;
  ANSWERS(SCRL_E_IO, scrl_writer_new(in_scratch("no folder/data.h5"), &writer));
  CHECK(writer == before);
}

static void write_file(const char *path, const void *bytes, size_t count) {
  FILE *file = fopen(path, "wb");
  CHECK(file && fwrite(bytes, 1, count, file) == count);
  if (file) fclose(file);
}

CASE(foreign_and_damaged_files_are_refused) {
  scrl_dataset *const before = (scrl_dataset *)ramp;
  scrl_dataset *dataset = before;
  write_file(in_scratch("text.h5"), "no HDF5 file, only text", 23);
  write_file(in_scratch("nothing.h5"), "", 0);
  ANSWERS(SCRL_E_IO, scrl_dataset_open(in_scratch("absent.h5"), &dataset));
  ANSWERS(SCRL_E_FORMAT, scrl_dataset_open(in_scratch("text.h5"), &dataset));
  ANSWERS(SCRL_E_FORMAT, scrl_dataset_open(in_scratch("nothing.h5"), &dataset));

  /* Cut short in the middle: HDF5 or we must notice. */
  scrl_dataset *whole = small_dataset();
  scrl_dataset_free(whole);
  FILE *file = fopen(in_scratch("shared.h5"), "rb");
  static char bytes[1 << 20];
  size_t count = file ? fread(bytes, 1, sizeof bytes, file) : 0;
  if (file) fclose(file);
  CHECK(count > 1000 && count < sizeof bytes);
  write_file(in_scratch("cut.h5"), bytes, count / 2);
  ANSWERS(SCRL_E_FORMAT, scrl_dataset_open(in_scratch("cut.h5"), &dataset));
  CHECK(dataset == before);
}

CASE(an_older_file_stays_until_the_new_one_is_whole) {
  const char *path = in_scratch("replaced.h5");
  size_t count = 0;
  scrl_dataset *dataset = NULL;
  for (int images = 1; images <= 2; images++) {
    scrl_writer *writer = NULL;
    NEED(scrl_writer_new(path, &writer));
    for (int i = 0; i < images; i++)
      OK(scrl_writer_add_rgb(writer, ramp, HEIGHT, WIDTH, 0, 0, NULL));
    OK(scrl_writer_finish(writer));
    scrl_writer_free(writer);
  }
  scrl_writer *abandoned = NULL;
  NEED(scrl_writer_new(path, &abandoned));
  OK(scrl_writer_add_rgb(abandoned, ramp, HEIGHT, WIDTH, 0, 0, NULL));
  scrl_writer_free(abandoned);
  NEED(scrl_dataset_open(path, &dataset));
  OK(scrl_dataset_count(dataset, &count));
  CHECK(count == 2);
  scrl_dataset_free(dataset);
}

CASE(null_and_out_of_range_are_argument_errors) {
  scrl_writer *writer = NULL;
  scrl_dataset *dataset = small_dataset();
  size_t a = 77, b = 77;
  int32_t label = 77;
  float boxes[4];
  char text[4];
  uint8_t pixel[3] = {1, 2, 3};
  const char *name = "before";
  NEED(scrl_writer_new(in_scratch("null.h5"), &writer));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_new(NULL, &writer));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_new(in_scratch("null.h5"), NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_class(NULL, "x", NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_class(writer, NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_jpeg(NULL, "x", 1, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_jpeg(writer, NULL, 1, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_file(NULL, "x", NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_file(writer, NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_rgb(NULL, ramp, 1, 1, 0, 0, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_rgb(writer, NULL, 1, 1, 0, 0, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_folder(NULL, "x", NULL, NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_folder(writer, NULL, NULL, NULL, NULL));
  ANSWERS(SCRL_E_IO, scrl_writer_add_folder(writer, in_scratch("absent"), NULL, &a, &b));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_count(NULL, &a));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_count(writer, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_finish(NULL));
  scrl_writer_free(writer);

  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_open(NULL, &dataset));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_open("x", NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_count(NULL, &a));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_count(dataset, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_size(NULL, 0, &a, &b));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_size(dataset, 0, NULL, &b));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_size(dataset, 0, &a, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_size(dataset, 12, &a, &b));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_size(dataset, SIZE_MAX, &a, &b));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_read_rgb(NULL, 0, pixel, 3));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_read_rgb(dataset, 0, NULL, 3));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_read_rgb(dataset, 0, pixel, 3));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_read_rgb(dataset, 12, pixel, 3));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_read_jpeg(NULL, 0, NULL, 0, &a));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_read_jpeg(dataset, 12, NULL, 0, &a));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_read_jpeg(dataset, 0, NULL, 8, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_read_jpeg(dataset, 0, pixel, 3, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_label(NULL, 0, &label));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_label(dataset, 0, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_label(dataset, 12, &label));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_boxes(NULL, 0, boxes, NULL, 1, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_boxes(dataset, 12, boxes, NULL, 1, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_boxes(dataset, 0, NULL, NULL, 1, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_mask(NULL, 0, 0, text, 4, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_mask(dataset, 0, 0, text, 4, NULL));
  int64_t wide = 77;
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_box_flags(NULL, 0, pixel, 3, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_box_flags(dataset, 12, pixel, 3, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_box_flags(dataset, 0, NULL, 3, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_box_areas(NULL, 0, boxes, 4, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_box_areas(dataset, 12, boxes, 4, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_box_areas(dataset, 0, NULL, 4, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_image_id(NULL, 0, &wide));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_image_id(dataset, 0, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_image_id(dataset, 12, &wide));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_name(NULL, 0, text, 4, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_name(dataset, 12, text, 4, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_class_id(NULL, 0, &label));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_class_id(dataset, 0, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_class_id(dataset, 2, &label));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_write_coco(NULL, in_scratch("null.json")));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_write_coco(dataset, NULL));
  ANSWERS(SCRL_E_IO, scrl_dataset_write_coco(dataset, in_scratch("no folder/null.json")));
  CHECK(wide == 77 && !exists(in_scratch("null.json")));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_class_count(NULL, &a));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_class_count(dataset, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_class_name(NULL, 0, &name));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_class_name(dataset, 0, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_class_name(dataset, 2, &name));
  CHECK(a == 77 && b == 77 && label == 77 && strcmp(name, "before") == 0);
  CHECK(pixel[0] == 1 && pixel[1] == 2 && pixel[2] == 3);
  scrl_dataset_free(dataset);
}

int main(void) {
  make_ramp();
  RUN(pixels_boxes_masks_and_classes_come_back);
  RUN(bad_files_in_a_folder_are_listed_and_the_rest_is_used);
  RUN(a_host_can_stop_a_walk);
  RUN(folders_name_classes_in_the_order_of_their_bytes);
  RUN(unusable_input_is_refused_and_not_counted);
  RUN(a_writer_that_cannot_begin_says_so);
  RUN(foreign_and_damaged_files_are_refused);
  RUN(an_older_file_stays_until_the_new_one_is_whole);
  RUN(null_and_out_of_range_are_argument_errors);
  return summary("files");
}
