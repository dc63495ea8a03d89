/* COCO import and export: what fits comes back, what does not is told or refused. */
#include "harness.h"

enum { WIDTH = 40, HEIGHT = 30 };

/* Two JPEG files of 40 × 30 pixels in a folder of their own, made by the library itself. */
static const char *pictures(void) {
  static int made;
  static char folder[4096];
  snprintf(folder, sizeof folder, "%s", in_scratch("."));
  if (made++) return folder;
  static uint8_t pixels[WIDTH * HEIGHT * 3], jpeg[1 << 16];
  const char *path = in_scratch("pictures.h5");
  scrl_writer *writer = NULL;
  scrl_dataset *dataset = NULL;
  size_t count = 0;
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i / 3 % WIDTH * 6);
  OK(scrl_writer_new(path, &writer));
  OK(scrl_writer_add_rgb(writer, pixels, HEIGHT, WIDTH, 0, 0, NULL));
  OK(scrl_writer_finish(writer));
  scrl_writer_free(writer);
  OK(scrl_dataset_open(path, &dataset));
  OK(scrl_dataset_read_jpeg(dataset, 0, jpeg, sizeof jpeg, &count));
  scrl_dataset_free(dataset);
  const char *const names[] = {"one.jpg", "two.jpg"};
  for (int i = 0; i < 2; i++) {
    FILE *file = fopen(in_scratch(names[i]), "wb");
    CHECK(file && fwrite(jpeg, 1, count, file) == count);
    if (file) fclose(file);
  }
  FILE *file = fopen(in_scratch("other.png"), "wb");
  CHECK(file && fwrite("no JPEG", 1, 7, file) == 7);
  if (file) fclose(file);
  return folder;
}

static const char sound[] =
    "{\"images\": [{\"id\": 70, \"file_name\": \"two.jpg\", \"width\": 40, \"height\": 30},"
    " {\"id\": 7, \"file_name\": \"one.jpg\"}],"
    " \"categories\": [{\"id\": 90, \"name\": \"dog\"}, {\"id\": 18, \"name\": \"cat\"}],"
    " \"annotations\": ["
    "  {\"id\": 1, \"image_id\": 70, \"category_id\": 90, \"bbox\": [1.5, 2, 20.25, 10],"
    "   \"area\": 100.5, \"iscrowd\": 0, \"segmentation\": [[1, 2, 20, 2, 20, 12, 1, 12]]},"
    "  {\"id\": 2, \"image_id\": 70, \"category_id\": 18, \"bbox\": [0, 0, 40, 30], \"iscrowd\": 1,"
    "   \"segmentation\": {\"size\": [30, 40], \"counts\": \"T3X6Tl0\"}},"
    "  {\"id\": 3, \"image_id\": 7, \"category_id\": 18, \"bbox\": [3, 4, 5, 6]}]}";

static const char flawed[] =
    "{\"images\": [{\"id\": 1, \"file_name\": \"one.jpg\", \"width\": 40, \"height\": 30},"
    " {\"id\": 2, \"file_name\": \"two.jpg\", \"width\": 41, \"height\": 30},"
    " {\"id\": 3, \"file_name\": \"none.jpg\"}, {\"id\": 4, \"file_name\": \"other.png\"},"
    " {\"id\": 5, \"file_name\": \"../one.jpg\"}],"
    " \"categories\": [{\"id\": 1, \"name\": \"a\"}, {\"id\": 2, \"name\": \"b\"},"
    "  {\"id\": 2, \"name\": \"c\"}],"
    " \"annotations\": ["
    "  {\"id\": 1, \"image_id\": 1, \"category_id\": 1, \"bbox\": [1, 2, 3, 4]},"
    "  {\"id\": 2, \"image_id\": 1, \"category_id\": 1, \"bbox\": [NaN, 2, 3, 4]},"
    "  {\"id\": 3, \"image_id\": 1, \"category_id\": 1, \"bbox\": [30, 2, 30, 4]},"
    "  {\"id\": 4, \"image_id\": 1, \"category_id\": 2, \"bbox\": [1, 2, 3, 4]},"
    "  {\"id\": 5, \"image_id\": 2, \"category_id\": 1, \"bbox\": [1, 2, 3, 4]},"
    "  {\"id\": 6, \"image_id\": 4, \"category_id\": 1, \"bbox\": [1, 2, 3, 4]}]}";

static size_t told[4][4], lost; /* by entry and action; objects */
static int32_t count_issues(const scrl_coco_issue *issue, void *user) {
  CHECK(issue->struct_size == sizeof *issue && issue->entry >= 0 && issue->entry <= 3);
  CHECK(issue->action >= 0 && issue->action <= 3);
  CHECK(issue->id > 0 || issue->action == SCRL_COCO_NOTED || issue->entry == SCRL_COCO_FILE);
  CHECK(issue->file && issue->reason && strlen(issue->reason) > 5);
  CHECK(strchr(issue->reason, '\n') == NULL && issue->kind && strlen(issue->kind) > 5);
  told[issue->entry][issue->action]++;
  lost += issue->objects;
  return user == told ? 0 : -1;
}
static int32_t stop(const scrl_coco_issue *issue, void *user) {
  (void)issue, (void)user;
  return 1;
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
/* A host that can read every format: it adds a picture of its own. */
static scrl_writer *hosts_writer;
static int32_t add_instead(const char *path, const char *reason, int32_t label, void *user) {
  static uint8_t pixels[WIDTH * HEIGHT * 3];
  (void)user;
  CHECK(strstr(path, "other.png") && strlen(reason) > 5 && label == -1);
  return scrl_writer_add_rgb(hosts_writer, pixels, HEIGHT, WIDTH, 0, 0, NULL) == SCRL_OK;
}
static int32_t stop_reading(const char *path, const char *reason, int32_t label, void *user) {
  (void)path, (void)reason, (void)label, (void)user;
  return -1;
}

CASE(a_coco_file_comes_back) {
  const char *folder = pictures(), *path = in_scratch("coco.h5"), *json = in_scratch("coco.json");
  scrl_writer *writer = NULL;
  scrl_coco_report report = {.struct_size = sizeof report};
  scrl_coco_options options = {
      .struct_size = sizeof options, .refuse = 1, .issue = count_issues, .progress = watch};
  NEED(scrl_writer_new(path, &writer));
  NEED(scrl_writer_add_coco(writer, folder, NULL, sound, strlen(sound), &options, &report));
  CHECK(report.images == 2 && report.annotations == 3 && last_total == 2);
  CHECK(report.skipped_images + report.skipped_annotations + report.clipped_annotations == 0);
  OK(scrl_writer_finish(writer));
  scrl_writer_free(writer);

  scrl_dataset *dataset = NULL;
  size_t count = 0, length = 0;
  int64_t id = 0;
  int32_t labels[2] = {9, 9}, category = 0;
  float boxes[8], areas[2];
  uint8_t flags[2];
  char text[64];
  const char *name = NULL;
  NEED(scrl_dataset_open(path, &dataset));
  OK(scrl_dataset_image_id(dataset, 0, &id));
  CHECK(id == 70);
  OK(scrl_dataset_name(dataset, 0, text, sizeof text, &length));
  CHECK(strcmp(text, "two.jpg") == 0 && length == 7);
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_name(dataset, 0, text, 7, NULL));
  OK(scrl_dataset_class_name(dataset, 0, &name));
  CHECK(name && strcmp(name, "cat") == 0); /* by id */
  OK(scrl_dataset_class_id(dataset, 1, &category));
  CHECK(category == 90);
  OK(scrl_dataset_boxes(dataset, 0, boxes, labels, 2, &count));
  CHECK(count == 2 && labels[0] == 1 && labels[1] == 0);
  CHECK(boxes[0] == 1.5F && boxes[2] == 21.75F && boxes[3] == 12);
  OK(scrl_dataset_box_flags(dataset, 0, flags, 2, NULL));
  CHECK(flags[0] == 0 && flags[1] == SCRL_BOX_CROWD);
  OK(scrl_dataset_box_areas(dataset, 0, areas, 2, NULL));
  CHECK(areas[0] == 100.5F && areas[1] == 200); /* the second from its mask */
  ANSWERS(SCRL_E_ARGUMENT, scrl_dataset_box_areas(dataset, 0, areas, 1, NULL));
  OK(scrl_dataset_mask(dataset, 0, 0, NULL, 0, &length));
  CHECK(length > 0);
  OK(scrl_dataset_write_coco(dataset, json));
  scrl_dataset_free(dataset);

  /* What was written is read again, from its file. */
  writer = NULL;
  NEED(scrl_writer_new(in_scratch("again.h5"), &writer));
  OK(scrl_writer_add_coco(writer, folder, json, NULL, 0, &options, &report));
  CHECK(report.images == 2 && report.annotations == 3);
  scrl_writer_free(writer);
}

CASE(what_does_not_fit_is_told_and_the_rest_is_used) {
  const char *folder = pictures();
  scrl_coco_report report = {.struct_size = sizeof report};
  scrl_coco_options options = {
      .struct_size = sizeof options, .issue = count_issues, .user = told};
  memset(told, 0, sizeof told);
  lost = 0;
  NEED(scrl_writer_new(in_scratch("flawed.h5"), &hosts_writer));
  OK(scrl_writer_add_coco(
      hosts_writer, folder, NULL, flawed, strlen(flawed), &options, &report));
  CHECK(report.images == 1 && report.skipped_images == 4 && report.annotations == 2);
  CHECK(report.clipped_annotations == 1 && report.skipped_categories == 2);
  CHECK(report.changed_annotations == 1 && report.changed_images == 0);
  CHECK(report.skipped_annotations == 4); /* two bad ones, and one of each skipped image */
  CHECK(lost == 4);
  CHECK(told[SCRL_COCO_IMAGE][SCRL_COCO_SKIPPED] == 4);
  CHECK(told[SCRL_COCO_CATEGORY][SCRL_COCO_SKIPPED] == 2);
  CHECK(told[SCRL_COCO_ANNOTATION][SCRL_COCO_SKIPPED] == 2);
  CHECK(told[SCRL_COCO_ANNOTATION][SCRL_COCO_CLIPPED] == 1);
  scrl_writer_free(hosts_writer);

  /* The host adds what is no JPEG, and it gets its boxes. */
  size_t count = 0;
  scrl_dataset *dataset = NULL;
  options.unreadable = add_instead;
  hosts_writer = NULL;
  NEED(scrl_writer_new(in_scratch("flawed.h5"), &hosts_writer));
  OK(scrl_writer_add_coco(
      hosts_writer, folder, NULL, flawed, strlen(flawed), &options, &report));
  CHECK(report.images == 2 && report.skipped_images == 3 && report.annotations == 3);
  OK(scrl_writer_finish(hosts_writer));
  scrl_writer_free(hosts_writer);
  NEED(scrl_dataset_open(in_scratch("flawed.h5"), &dataset));
  OK(scrl_dataset_boxes(dataset, 1, NULL, NULL, 0, &count));
  CHECK(count == 1);
  scrl_dataset_free(dataset);
}

CASE(a_host_can_refuse_and_stop) {
  const char *folder = pictures();
  scrl_coco_options refusing = {.struct_size = sizeof refusing, .refuse = 1};
  scrl_coco_options by_issue = {.struct_size = sizeof by_issue, .issue = stop};
  scrl_coco_options by_walk = {.struct_size = sizeof by_walk, .progress = stop_walk};
  scrl_coco_options by_file = {.struct_size = sizeof by_file, .unreadable = stop_reading};
  scrl_coco_report report = {.struct_size = sizeof report, .images = 77};
  scrl_writer *writer = NULL;
  const size_t size = strlen(flawed);
  NEED(scrl_writer_new(in_scratch("stopped.h5"), &writer));
  ANSWERS(SCRL_E_DATA, scrl_writer_add_coco(writer, folder, NULL, flawed, size, &refusing, &report));
  CHECK(strstr(scrl_last_error(), "category 2") != NULL);
  ANSWERS(SCRL_E_CANCELLED,
          scrl_writer_add_coco(writer, folder, NULL, flawed, size, &by_issue, &report));
  ANSWERS(SCRL_E_CANCELLED,
          scrl_writer_add_coco(writer, folder, NULL, flawed, size, &by_walk, &report));
  ANSWERS(SCRL_E_CANCELLED,
          scrl_writer_add_coco(writer, folder, NULL, flawed, size, &by_file, &report));
  CHECK(report.images == 77);
  scrl_writer_free(writer);
  CHECK(!exists(in_scratch("stopped.h5")));
}

CASE(an_issue_within_an_image_is_refused_with_its_name) {
  static const char text[] =
      "{\"images\": [{\"id\": 1, \"file_name\": \"one.jpg\"}],"
      " \"categories\": [{\"id\": 1, \"name\": \"a\"}], \"annotations\": ["
      "  {\"id\": 12, \"image_id\": 1, \"category_id\": 1, \"bbox\": [40, 2, 3, 4]}]}";
  scrl_coco_options options = {.struct_size = sizeof options, .refuse = 1};
  scrl_writer *writer = NULL;
  NEED(scrl_writer_new(in_scratch("stopped.h5"), &writer));
  ANSWERS(SCRL_E_DATA, scrl_writer_add_coco(
                           writer, pictures(), NULL, text, strlen(text), &options, NULL));
  CHECK(strstr(scrl_last_error(), "add_coco: annotation 12 of one.jpg: ") == scrl_last_error());
  scrl_writer_free(writer);
}

CASE(wrong_input_is_an_error) {
  const char *folder = pictures();
  scrl_writer *writer = NULL;
  scrl_coco_options no_size = {.refuse = 1};
  scrl_coco_report report = {.struct_size = sizeof report}, short_report = {.struct_size = 3};
  NEED(scrl_writer_new(in_scratch("wrong.h5"), &writer));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_coco(NULL, folder, NULL, sound, 1, NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_coco(writer, NULL, NULL, sound, 1, NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_coco(writer, folder, NULL, NULL, 0, NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_coco(writer, folder, "x", sound, 1, NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_coco(writer, folder, NULL, sound, 1, &no_size, NULL));
  ANSWERS(SCRL_E_ARGUMENT,
          scrl_writer_add_coco(writer, folder, NULL, sound, 1, NULL, &short_report));
  ANSWERS(SCRL_E_IO, scrl_writer_add_coco(
                         writer, folder, in_scratch("none.json"), NULL, 0, NULL, &report));
  ANSWERS(SCRL_E_FORMAT, scrl_writer_add_coco(writer, folder, NULL, sound, 0, NULL, &report));
  ANSWERS(SCRL_E_FORMAT, scrl_writer_add_coco(writer, folder, NULL, sound, 99, NULL, &report));
  CHECK(strstr(scrl_last_error(), "line 1, column 100") != NULL);
  ANSWERS(SCRL_E_FORMAT, scrl_writer_add_coco(writer, folder, NULL, "{}", 2, NULL, &report));
  ANSWERS(SCRL_E_FORMAT, scrl_writer_add_coco(
                             writer, folder, in_scratch("one.jpg"), NULL, 0, NULL, &report));
  size_t count = 9;
  OK(scrl_writer_count(writer, &count));
  CHECK(count == 0 && report.images == 0);
  /* A category that contradicts the writer's classes. */
  OK(scrl_writer_add_coco(writer, folder, NULL, sound, strlen(sound), NULL, NULL));
  static const char clash[] =
      "{\"images\": [], \"annotations\": [], \"categories\": [{\"id\": 4, \"name\": \"cat\"}]}";
  ANSWERS(SCRL_E_DATA,
          scrl_writer_add_coco(writer, folder, NULL, clash, strlen(clash), NULL, NULL));
  scrl_writer_free(writer);
}

/* What is meant is taken: two images of one object each, but for what is changed. */
typedef struct meant {
  const char *name, *images, *categories, *annotations;
  size_t used, changed, dropped, notes;
} meant;
#define TWO "{\"id\": 1, \"file_name\": \"one.jpg\"}, {\"id\": 2, \"file_name\": \"two.jpg\"}"
#define FISH "[{\"id\": 1, \"name\": \"fish\"}]"
#define ON(image, more) \
  "{\"image_id\": " image ", \"category_id\": 1, \"bbox\": [1, 2, 3, 4]" more "}"
#define BOTH(first) first ", " ON("2", ", \"id\": 2")
static const meant table[] = {
    {"plain", TWO, FISH, BOTH(ON("1", ", \"id\": 1")), 2, 0, 0, 0},
    {"null fields", TWO, FISH,
     BOTH(ON("1", ", \"id\": 1, \"iscrowd\": null, \"area\": null, \"segmentation\": null")), 2, 0, 0,
     0},
    {"fields of no use", TWO, FISH,
     BOTH(ON("1", ", \"id\": 1, \"iscrowd\": \"x\", \"area\": -1, \"segmentation\": 3")), 2, 1, 0,
     0},
    {"ids repeat", TWO, FISH, BOTH(ON("1", ", \"id\": 2")), 2, 0, 0, 1},
    {"no id", TWO, FISH, BOTH(ON("1", "")), 2, 0, 0, 1},
    {"a bad piece", TWO, FISH,
     BOTH(ON("1", ", \"id\": 1, \"segmentation\": [[1, 2, 9, 2, 9, 9], [1, 2]]")), 2, 1, 0, 0},
    {"ids are text",
     "{\"id\": \"a\", \"file_name\": \"one.jpg\"}, {\"id\": \"2\", \"file_name\": \"two.jpg\"}",
     FISH, BOTH(ON("\"a\"", ", \"id\": 1")), 2, 0, 0, 2},
    {"a root category", TWO, "[{\"id\": 0, \"name\": \"fish\"}, {\"id\": 1, \"name\": \"fish\"}]",
     BOTH(ON("1", ", \"id\": 1")), 2, 0, 0, 1},
    {"no categories", TWO, "null", BOTH(ON("1", ", \"id\": 1")), 2, 0, 0, 1},
    {"sizes of no use",
     "{\"id\": 1, \"file_name\": \"one.jpg\", \"width\": null, \"height\": null},"
     " {\"id\": 2, \"file_name\": \"./two.jpg\", \"width\": 0, \"height\": 0}",
     FISH, BOTH(ON("1", ", \"id\": 1")), 2, 0, 0, 0},
    {"a bad box", TWO, FISH,
     "{\"id\": 1, \"image_id\": 1, \"category_id\": 1, \"bbox\": [1, 2, 0, 0]}, "
     ON("2", ", \"id\": 2"),
     1, 0, 1, 0},
    {"a mask for a bad box", TWO, FISH,
     "{\"id\": 1, \"image_id\": 1, \"category_id\": 1, \"bbox\": null,"
     " \"segmentation\": [1, 2, 9, 2, 9, 9]}, " ON("2", ", \"id\": 2"), 2, 1, 0, 1},
};

CASE(what_is_meant_is_taken) {
  const char *folder = pictures();
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    char text[2048];
    scrl_writer *writer = NULL;
    scrl_coco_report report = {.struct_size = sizeof report};
    scrl_coco_options options = {
        .struct_size = sizeof options, .issue = count_issues, .user = told};
    memset(told, 0, sizeof told);
    const int length = snprintf(
        text, sizeof text,
        "\xEF\xBB\xBF{\"images\": [%s], \"categories\": %s, \"annotations\": [%s]}",
        table[i].images, table[i].categories, table[i].annotations);
    NEED(scrl_writer_new(in_scratch("meant.h5"), &writer));
    OK(scrl_writer_add_coco(writer, folder, NULL, text, (size_t)length, &options, &report));
    const int is_right =
        report.images == 2 && report.annotations == table[i].used &&
        report.changed_annotations == table[i].changed &&
        report.skipped_annotations == table[i].dropped &&
        told[SCRL_COCO_FILE][SCRL_COCO_NOTED] == table[i].notes + 1; /* the byte order mark */
    if (!is_right) fprintf(stderr, "%s: %s\n", table[i].name, text);
    CHECK(is_right);
    scrl_writer_free(writer);
  }
}

CASE(a_file_without_annotations_is_one_of_images) {
  static const char text[] = "{\"images\": [" TWO "]}";
  scrl_coco_report report = {.struct_size = sizeof report};
  scrl_writer *writer = NULL;
  NEED(scrl_writer_new(in_scratch("meant.h5"), &writer));
  OK(scrl_writer_add_coco(writer, pictures(), NULL, text, strlen(text), NULL, &report));
  CHECK(report.images == 2 && report.annotations == 0 && report.skipped_annotations == 0);
  scrl_writer_free(writer);
}

int main(void) {
  RUN(what_is_meant_is_taken);
  RUN(a_file_without_annotations_is_one_of_images);
  RUN(a_coco_file_comes_back);
  RUN(what_does_not_fit_is_told_and_the_rest_is_used);
  RUN(a_host_can_refuse_and_stop);
  RUN(an_issue_within_an_image_is_refused_with_its_name);
  RUN(wrong_input_is_an_error);
  return summary("coco");
}
