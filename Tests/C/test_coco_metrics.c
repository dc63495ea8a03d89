/* COCO's metrics, as a host sees them: figures, details, what is left out, and refused. */
#include "harness.h"

static const char truth[] =
    "{\"images\": [{\"id\": 7, \"file_name\": \"a.jpg\", \"width\": 200, \"height\": 100}],"
    " \"categories\": [{\"id\": 3, \"name\": \"a \\\"thing\\\"\"}],"
    " \"annotations\": ["
    "{\"id\": 1, \"image_id\": 7, \"category_id\": 3, \"bbox\": [0, 0, 40, 40], \"area\": 1600,"
    " \"iscrowd\": 0, \"segmentation\": [[0, 0, 40, 0, 40, 40, 0, 40]]},"
    "{\"id\": 2, \"image_id\": 7, \"category_id\": 3, \"bbox\": [100, 0, 40, 40], \"area\": 1600,"
    " \"iscrowd\": 0, \"segmentation\": [[100, 0, 140, 0, 140, 40, 100, 40]]}]}";

static const char found[] =
    "[{\"image_id\": 7, \"category_id\": 3, \"bbox\": [0, 0, 40, 40], \"score\": 0.9},"
    " {\"image_id\": 7, \"category_id\": 3, \"bbox\": [120, 0, 40, 40], \"score\": 0.5}]";

static const char unknown[] =
    "[{\"image_id\": 7, \"category_id\": 3, \"bbox\": [0, 0, 40, 40], \"score\": 0.9},"
    " {\"image_id\": 8, \"category_id\": 3, \"bbox\": [0, 0, 40, 40], \"score\": NaN}]";

typedef struct heard {
  size_t calls, byte_count;
  char text[20000];
} heard;

static void listen(const char *text, size_t byte_count, void *user) {
  heard *into = user;
  into->calls++;
  into->byte_count = byte_count;
  CHECK(strlen(text) == byte_count && byte_count < sizeof into->text);
  if (byte_count < sizeof into->text) memcpy(into->text, text, byte_count + 1);
}

static scrl_status evaluate(const char *detections, int32_t kind,
                            const scrl_coco_metrics_options *options,
                            scrl_coco_metrics *metrics) {
  return scrl_coco_evaluate(truth, sizeof truth - 1, detections, strlen(detections), kind, options,
                            metrics);
}

static int near(double value, double expected) {
  return value - expected < 1e-12 && expected - value < 1e-12;
}

CASE(half_the_objects_are_found) {
  const int32_t kinds[2] = {SCRL_COCO_BBOX, SCRL_COCO_SEGM};
  for (int i = 0; i < 2; i++) {
    scrl_coco_metrics metrics = {.struct_size = sizeof metrics};
    NEED(evaluate(found, kinds[i], NULL, &metrics));
    CHECK(near(metrics.ap, 51.0 / 101) && near(metrics.ap50, 51.0 / 101));
    CHECK(near(metrics.ap75, 51.0 / 101) && near(metrics.ap_medium, 51.0 / 101));
    CHECK(metrics.ap_small == -1 && metrics.ap_large == -1 && metrics.ar_large == -1);
    CHECK(metrics.ar1 == 0.5 && metrics.ar100 == 0.5 && metrics.ar_medium == 0.5);
    CHECK(metrics.categories == 1 && metrics.images == 1 && metrics.objects == 2);
    CHECK(metrics.crowds == 0 && metrics.detections == 2 && metrics.left_out_detections == 0);
    OK(evaluate(found, kinds[i], NULL, NULL));
    OK(evaluate("[]", kinds[i], NULL, &metrics));
    CHECK(metrics.ap == 0 && metrics.ar100 == 0 && metrics.detections == 0);
  }
}

CASE(detections_with_categories_go_by_name) {
  static const char named[] = "[{\"id\": 5, \"name\": \"other\"}, {\"id\": 3, \"name\": \"A \\\"Thing\\\"\"}]";
  static const char swapped[] = "{\"categories\": [{\"id\": 3, \"name\": \"other\"}, "
                                "{\"id\": 5, \"name\": \"a \\\"thing\\\"\"}]}";
  static const char foreign[] = "[{\"id\": 3, \"name\": \"other\"}]";
  scrl_coco_metrics_options options = {.struct_size = sizeof options};
  scrl_coco_metrics metrics = {.struct_size = sizeof metrics};
  NEED(evaluate(found, SCRL_COCO_BBOX, NULL, &metrics));
  CHECK(strcmp(metrics.matched_by, "ids") == 0 && metrics.absent_classes == 0);
  options.categories = named, options.category_bytes = sizeof named - 1;
  NEED(evaluate(found, SCRL_COCO_BBOX, &options, &metrics));
  CHECK(near(metrics.ap, 51.0 / 101) && strcmp(metrics.matched_by, "names") == 0);
  CHECK(metrics.detections == 2 && metrics.absent_detections == 0);
  options.categories = swapped, options.category_bytes = sizeof swapped - 1;
  NEED(evaluate(found, SCRL_COCO_BBOX, &options, &metrics)); /* they are of "other" then */
  CHECK(metrics.ap == 0 && metrics.detections == 0 && metrics.absent_detections == 2);
  CHECK(metrics.absent_classes == 1 && strcmp(metrics.absent_names, "[\"other\"]") == 0);
  options.categories = foreign, options.category_bytes = sizeof foreign - 1;
  ANSWERS(SCRL_E_DATA, evaluate(found, SCRL_COCO_BBOX, &options, &metrics));
  CHECK(strstr(scrl_last_error(), "'other'") != NULL);
  options.category_bytes = 5;
  ANSWERS(SCRL_E_FORMAT, evaluate(found, SCRL_COCO_BBOX, &options, &metrics));
  options.category_bytes = (size_t)-1;
  ANSWERS(SCRL_E_ARGUMENT, evaluate(found, SCRL_COCO_BBOX, &options, &metrics));
}

CASE(so_many_detections_count_as_are_asked_for) {
  static const int32_t wrong[][3] = {{0, 1, 2}, {1, 10, 10}, {100, 10, 1}, {-1, 1, 2}, {1, 2, 1000001}};
  scrl_coco_metrics_options options = {.struct_size = sizeof options, .max_detections = {1, 2, 3}};
  scrl_coco_metrics metrics = {.struct_size = sizeof metrics};
  static const char three[] =
      "[{\"image_id\": 7, \"category_id\": 3, \"bbox\": [60, 60, 10, 10], \"score\": 0.9},"
      " {\"image_id\": 7, \"category_id\": 3, \"bbox\": [0, 0, 40, 40], \"score\": 0.8},"
      " {\"image_id\": 7, \"category_id\": 3, \"bbox\": [100, 0, 40, 40], \"score\": 0.7},"
      " {\"image_id\": 7, \"category_id\": 3, \"bbox\": [1, 1, 3, 3], \"score\": 0.6}]";
  NEED(evaluate(three, SCRL_COCO_BBOX, &options, &metrics));
  CHECK(metrics.ar1 == 0 && metrics.ar10 == 0.5 && metrics.ar100 == 1 && metrics.uncounted == 1);
  CHECK(metrics.max_detections[0] == 1 && metrics.max_detections[2] == 3);
  NEED(evaluate(three, SCRL_COCO_BBOX, NULL, &metrics));
  CHECK(metrics.ar1 == 0 && metrics.ar10 == 1 && metrics.uncounted == 0);
  CHECK(metrics.max_detections[1] == 10 && metrics.max_detections[2] == 100);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    memcpy(options.max_detections, wrong[i], sizeof options.max_detections);
    ANSWERS(SCRL_E_ARGUMENT, evaluate(three, SCRL_COCO_BBOX, &options, &metrics));
  }
}

CASE(details_are_json_and_curves_come_when_asked_for) {
  static heard plain, curves;
  scrl_coco_metrics_options options = {.struct_size = sizeof options};
  options.details = listen, options.user = &plain;
  NEED(evaluate(found, SCRL_COCO_BBOX, &options, NULL));
  options.curves = 1, options.user = &curves;
  NEED(evaluate(found, SCRL_COCO_BBOX, &options, NULL));
  CHECK(plain.calls == 1 && curves.calls == 1 && curves.byte_count > plain.byte_count + 3000);
  CHECK(strstr(plain.text, "\"AP50\": 0.50495") != NULL);
  CHECK(strstr(plain.text, "\"name\": \"a \\\"thing\\\"\"") != NULL);
  CHECK(strstr(plain.text, "\"precision\"") == NULL);
  CHECK(strstr(curves.text, "\"precision\": [[1.0") != NULL ||
        strstr(curves.text, "\"precision\": [[0.99999") != NULL);
}

CASE(what_cannot_be_used_is_refused_or_counted) {
  static heard details;
  scrl_coco_metrics_options options = {.struct_size = sizeof options};
  scrl_coco_metrics metrics = {.struct_size = sizeof metrics};
  metrics.ap = 7;
  ANSWERS(SCRL_E_DATA, evaluate(unknown, SCRL_COCO_BBOX, NULL, &metrics));
  CHECK(metrics.ap == 7 && strstr(scrl_last_error(), "detection 1 of the list") != NULL);
  options.leave_out = 1, options.details = listen, options.user = &details;
  NEED(evaluate(unknown, SCRL_COCO_BBOX, &options, &metrics));
  CHECK(metrics.left_out_detections == 1 && metrics.left_out_truths == 0);
  CHECK(metrics.detections == 1 && near(metrics.ap, 51.0 / 101));
  CHECK(strstr(details.text, "\"list\": \"detections\"") != NULL);
}

CASE(a_shorter_struct_is_filled_as_far_as_it_reaches) {
  scrl_coco_metrics metrics;
  memset(&metrics, 0x55, sizeof metrics);
  double untouched = metrics.ap50;
  metrics.struct_size = offsetof(scrl_coco_metrics, ap50);
  NEED(evaluate(found, SCRL_COCO_BBOX, NULL, &metrics));
  CHECK(near(metrics.ap, 51.0 / 101));
  CHECK(memcmp(&metrics.ap50, &untouched, sizeof untouched) == 0);
}

CASE(null_and_wrong_arguments_are_refused) {
  scrl_coco_metrics metrics = {.struct_size = sizeof metrics}, unsized = {.struct_size = 4};
  scrl_coco_metrics_options wrong = {.struct_size = sizeof wrong};
  size_t length = strlen(found);
  ANSWERS(SCRL_E_ARGUMENT,
          scrl_coco_evaluate(NULL, 5, found, length, SCRL_COCO_BBOX, NULL, &metrics));
  ANSWERS(SCRL_E_ARGUMENT,
          scrl_coco_evaluate(truth, sizeof truth - 1, NULL, 5, SCRL_COCO_BBOX, NULL, &metrics));
  ANSWERS(SCRL_E_ARGUMENT,
          scrl_coco_evaluate(truth, SIZE_MAX, found, length, SCRL_COCO_BBOX, NULL, &metrics));
  ANSWERS(SCRL_E_ARGUMENT, evaluate(found, 2, NULL, &metrics));
  ANSWERS(SCRL_E_ARGUMENT, evaluate(found, -1, NULL, &metrics));
  ANSWERS(SCRL_E_ARGUMENT, evaluate(found, SCRL_COCO_BBOX, NULL, &unsized));
  wrong.leave_out = 2;
  ANSWERS(SCRL_E_ARGUMENT, evaluate(found, SCRL_COCO_BBOX, &wrong, &metrics));
  wrong.leave_out = 0, wrong.threads = -1;
  ANSWERS(SCRL_E_ARGUMENT, evaluate(found, SCRL_COCO_BBOX, &wrong, &metrics));
  wrong.threads = 0, wrong.struct_size = 0;
  ANSWERS(SCRL_E_ARGUMENT, evaluate(found, SCRL_COCO_BBOX, &wrong, &metrics));
}

CASE(text_that_is_no_coco_file_is_refused_with_its_place) {
  scrl_coco_metrics metrics = {.struct_size = sizeof metrics};
  ANSWERS(SCRL_E_FORMAT, evaluate("", SCRL_COCO_BBOX, NULL, &metrics));
  ANSWERS(SCRL_E_FORMAT, evaluate("{}", SCRL_COCO_BBOX, NULL, &metrics));
  ANSWERS(SCRL_E_FORMAT, evaluate("[1,\n 2,]", SCRL_COCO_BBOX, NULL, &metrics));
  CHECK(strstr(scrl_last_error(), "line 2") != NULL);
  ANSWERS(SCRL_E_FORMAT,
          scrl_coco_evaluate("{}", 2, found, strlen(found), SCRL_COCO_BBOX, NULL, &metrics));
  for (size_t length = 0; length < sizeof truth - 1; length += 7)
    ANSWERS(SCRL_E_FORMAT,
            scrl_coco_evaluate(truth, length, found, strlen(found), SCRL_COCO_BBOX, NULL, &metrics));
}

int main(void) {
  RUN(half_the_objects_are_found);
  RUN(detections_with_categories_go_by_name);
  RUN(so_many_detections_count_as_are_asked_for);
  RUN(details_are_json_and_curves_come_when_asked_for);
  RUN(what_cannot_be_used_is_refused_or_counted);
  RUN(a_shorter_struct_is_filled_as_far_as_it_reaches);
  RUN(null_and_wrong_arguments_are_refused);
  RUN(text_that_is_no_coco_file_is_refused_with_its_place);
  return summary("coco_metrics");
}
