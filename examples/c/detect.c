/*
 * detect: trains a detector on the images of a folder and a COCO annotation file, and prints what it
 * finds in them.
 *
 *   detect FOLDER ANNOTATIONS.json RUN [STEPS [WEIGHTS]]
 *
 * RUN.h5 is the packed dataset; RUN receives checkpoints and metrics.jsonl. A run that is already
 * there goes on. WEIGHTS is a checkpoint of pretraining (ResNet-18) to start from.
 * Ctrl-C and SIGTERM stop after the current step; nothing is lost.
 */
#include <scrl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static scrl_detector *volatile running;
static volatile sig_atomic_t interrupted;

/* scrl_detector_cancel() may be called in a signal handler: the run ends after its step, saved. */
static void on_signal(int number) {
  (void)number;
  interrupted = 1;
  scrl_detector_cancel(running);
}

static void must(scrl_status status) {
  if (status == SCRL_OK) return;
  fprintf(stderr, "detect: %s: %s\n", scrl_status_name(status), scrl_last_error());
  exit(1);
}

/* What of the annotation file is left out or cut is told, not fatal. */
static int32_t told(const scrl_coco_issue *issue, void *user) {
  (void)user;
  fprintf(stderr, "%s: %s\n", issue->file, issue->reason);
  return 0;
}

/* One line, rewritten at every step. Non-zero stops the run after this step. */
static int32_t progress(const scrl_detector_report *r, void *user) {
  double *pace = user; /* seconds per step, smoothed */
  *pace = *pace > 0 ? 0.9 * *pace + 0.1 * r->seconds : r->seconds;
  long left = (long)(*pace * (double)(r->total_steps - r->step));
  printf("\rstep %llu of %llu  loss %.3f (classes %.3f, boxes %.3f, masks %.3f)  %ld:%02ld left ",
         (unsigned long long)r->step, (unsigned long long)r->total_steps, r->loss,
         r->classification, r->box, r->mask, left / 60, left % 60);
  fflush(stdout);
  return 0;
}

static void pack(const char *folder, const char *annotations, const char *path) {
  scrl_writer *writer;
  scrl_coco_options options = {.struct_size = sizeof options, .issue = told};
  scrl_coco_report report = {.struct_size = sizeof report};
  must(scrl_writer_new(path, &writer));
  must(scrl_writer_add_coco(writer, folder, annotations, NULL, 0, &options, &report));
  must(scrl_writer_finish(writer));
  scrl_writer_free(writer);
  printf("%s: %zu images, %zu boxes\n", path, report.images, report.annotations);
}

/* The detections of one image, a line each: class, score, box. */
static void show(scrl_detector *detector, const scrl_dataset *dataset, size_t index) {
  size_t height, width, count;
  must(scrl_dataset_size(dataset, index, &height, &width));
  uint8_t *pixels = malloc(height * width * 3);
  if (!pixels) {
    fprintf(stderr, "detect: no memory for %zu × %zu pixels\n", height, width);
    exit(1);
  }
  must(scrl_dataset_read_rgb(dataset, index, pixels, height * width * 3));
  scrl_detections *found;
  must(scrl_detector_predict(detector, pixels, height, width, 0, &found));
  free(pixels);
  must(scrl_detections_count(found, &count));
  for (size_t i = 0; i < count; i++) {
    scrl_detection each = {.struct_size = sizeof each};
    const char *name;
    must(scrl_detections_at(found, i, &each));
    if (each.score < 0.5f) break; /* the highest score comes first */
    must(scrl_detector_class_at(detector, (size_t)each.label, &name, NULL));
    printf("image %zu: %s %.2f at %.0f %.0f %.0f %.0f\n", index, name, each.score, each.box[0],
           each.box[1], each.box[2], each.box[3]);
  }
  scrl_detections_free(found);
}

/* Whether a folder holds a run to go on with: then nothing may be packed over its dataset. */
static int holds_run(const char *folder) {
  char path[4096];
  snprintf(path, sizeof path, "%s/checkpoint.h5", folder);
  FILE *file = fopen(path, "rb");
  if (file) fclose(file);
  return file != NULL;
}

int main(int argc, char **argv) {
  if (argc < 4 || strlen(argv[3]) > 4000) {
    fprintf(stderr, "usage: detect FOLDER ANNOTATIONS.json RUN [STEPS [WEIGHTS]]\n");
    return 2;
  }
  char data_path[4096];
  snprintf(data_path, sizeof data_path, "%s.h5", argv[3]);
  scrl_detector *detector = NULL;
  scrl_dataset *dataset = NULL;
  if (holds_run(argv[3])) {
    must(scrl_detector_resume(argv[3], NULL, &detector));
  } else {
    pack(argv[1], argv[2], data_path);
    scrl_config *config;
    must(scrl_dataset_open(data_path, &dataset));
    must(scrl_config_new("detect-small", &config));
    if (argc > 4) must(scrl_config_set(config, "detect.steps", argv[4]));
    must(scrl_detector_new(config, dataset, argc > 5 ? argv[5] : NULL, argv[3], &detector));
    scrl_config_free(config);
  }

  running = detector;
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  double pace = 0;
  scrl_status status = scrl_detector_run(detector, 0, progress, &pace);
  puts("");
  if (status != SCRL_E_CANCELLED) must(status);
  printf("%s: %s/checkpoint.h5\n", interrupted ? "stopped, saved" : "done", argv[3]);

  size_t count;
  if (!dataset) must(scrl_dataset_open(data_path, &dataset));
  must(scrl_dataset_count(dataset, &count));
  for (size_t i = 0; i < count && i < 5; i++) show(detector, dataset, i);
  scrl_dataset_free(dataset);
  scrl_detector_free(detector);
  return 0;
}
