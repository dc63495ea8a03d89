/* Pictures that are not as they seem: turned, cut short, hidden, too large. What is done is told. */
#define _POSIX_C_SOURCE 200809L
#include <sys/stat.h>

#include "harness.h"

enum { LARGEST = 1 << 16, BYTES = 64 * 64 * 3 };

/* Four colours in the corners of a picture as it is looked at: red, green, blue, white. */
static const uint8_t corners[4][3] = {{220, 30, 30}, {30, 200, 30}, {30, 30, 220}, {230, 230, 230}};

/* The stored column and row of what is looked at in (x, y), by an orientation of EXIF. */
static void stored_place(int orientation, int width, int height, int x, int y, int *column, int *row) {
  static const int mirrored[9] = {0, 0, 1, 1, 0, 0, 0, 1, 1};
  static const int flipped[9] = {0, 0, 0, 1, 1, 0, 1, 1, 0};
  int swapped = orientation >= 5;
  *column = swapped ? y : x;
  *row = swapped ? x : y;
  if (mirrored[orientation]) *column = width - 1 - *column;
  if (flipped[orientation]) *row = height - 1 - *row;
}

/* width × height stored pixels that a viewer turns so that the corners are in their places. */
static void paint(uint8_t *pixels, int width, int height, int orientation) {
  int across = orientation >= 5 ? height : width, down = orientation >= 5 ? width : height;
  for (int y = 0; y < down; y++)
    for (int x = 0; x < across; x++) {
      int column, row;
      stored_place(orientation, width, height, x, y, &column, &row);
      memcpy(pixels + 3 * (row * width + column), corners[(x >= across / 2) + 2 * (y >= down / 2)], 3);
    }
}

static int is_upright(const uint8_t *pixels, size_t width, size_t height) {
  for (int corner = 0; corner < 4; corner++) {
    size_t x = corner % 2 ? width - 3 : 2, y = corner / 2 ? height - 3 : 2;
    for (int c = 0; c < 3; c++)
      if (abs(pixels[3 * (y * width + x) + (size_t)c] - corners[corner][c]) > 12) return 0;
  }
  return 1;
}

static void write_file(const char *path, const void *bytes, size_t count) {
  FILE *file = fopen(path, "wb");
  CHECK(file && fwrite(bytes, 1, count, file) == count);
  if (file) fclose(file);
}

/* The JPEG stream that the library makes of pixels. */
static size_t encode(const uint8_t *pixels, int width, int height, uint8_t *jpeg) {
  size_t count = 0;
  scrl_writer *writer = NULL;
  scrl_dataset *dataset = NULL;
  OK(scrl_writer_new(in_scratch("encode.h5"), &writer));
  OK(scrl_writer_add_rgb(writer, pixels, (size_t)height, (size_t)width, 0, 0, NULL));
  OK(scrl_writer_finish(writer));
  scrl_writer_free(writer);
  OK(scrl_dataset_open(in_scratch("encode.h5"), &dataset));
  OK(scrl_dataset_read_jpeg(dataset, 0, jpeg, LARGEST, &count));
  scrl_dataset_free(dataset);
  return count;
}

/* A JPEG file whose EXIF says `orientation` of pixels stored so. */
static void make_file(const char *path, int width, int height, int orientation) {
  static uint8_t pixels[BYTES], jpeg[LARGEST], file[LARGEST + 64];
  uint8_t exif[] = {0xFF, 0xE1, 0, 34, 'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8,
                    0,    1,    1, 18, 0,   3,   0,   0,   0, 1, 0,   0,   0, 0,  0, 0, 0, 0};
  exif[29] = (uint8_t)orientation;
  paint(pixels, width, height, orientation >= 1 && orientation <= 8 ? orientation : 1);
  size_t count = encode(pixels, width, height, jpeg);
  memcpy(file, jpeg, 2);
  memcpy(file + 2, exif, sizeof exif);
  memcpy(file + 2 + sizeof exif, jpeg + 2, count - 2);
  write_file(path, file, count + sizeof exif);
}

static size_t notes;
static char last_note[512], last_path[4096];
static void hear(const char *path, const char *note, void *user) {
  CHECK(path && note && strlen(note) > 5 && strchr(note, '\n') == NULL && user == &notes);
  snprintf(last_note, sizeof last_note, "%s", note);
  snprintf(last_path, sizeof last_path, "%s", path);
  notes++;
}

static scrl_picture_report report_of(scrl_writer *writer) {
  scrl_picture_report report = {.struct_size = sizeof report};
  OK(scrl_writer_report_pictures(writer, &report));
  return report;
}

/* Picture `index` of a finished file: its sides and whether the corners are in their places. */
static int picture_is(const char *path, size_t index, size_t width, size_t height, int upright) {
  static uint8_t pixels[BYTES];
  scrl_dataset *dataset = NULL;
  size_t h = 0, w = 0;
  if (!OK(scrl_dataset_open(path, &dataset))) return 0;
  OK(scrl_dataset_size(dataset, index, &h, &w));
  OK(scrl_dataset_read_rgb(dataset, index, pixels, sizeof pixels));
  scrl_dataset_free(dataset);
  return h == height && w == width && is_upright(pixels, w, h) == upright;
}

CASE(pictures_are_stored_as_they_are_shown) {
  /* Sides of whole coding blocks, which are turned without loss, and sides that are not. */
  static const int sides[2][2] = {{48, 32}, {45, 30}};
  for (int s = 0; s < 2; s++) {
    scrl_writer *writer = NULL;
    int w = sides[s][0], h = sides[s][1];
    char path[4096], file[4096]; /* in_scratch() keeps only its last eight */
    snprintf(path, sizeof path, "%s", in_scratch("turned.h5"));
    snprintf(file, sizeof file, "%s", in_scratch("turned.jpg"));
    NEED(scrl_writer_new(path, &writer));
    for (int orientation = 0; orientation <= 9; orientation++) {
      make_file(file, w, h, orientation);
      OK(scrl_writer_add_file(writer, file, NULL));
    }
    scrl_picture_report report = report_of(writer);
    CHECK(report.turned == 7 && report.not_turned == 0 && report.truncated == 0);
    CHECK(s == 0 ? report.encoded == 0 : report.encoded >= 1 && report.encoded <= 7);
    NEED(scrl_writer_finish(writer));
    scrl_writer_free(writer);
    for (int o = 0; o <= 9; o++) {
      int swapped = o >= 5 && o <= 8;
      CHECK(picture_is(path, (size_t)o, (size_t)(swapped ? h : w), (size_t)(swapped ? w : h), 1));
    }
  }
}

CASE(orientation_is_ignored_or_refused_when_asked) {
  scrl_writer *writer = NULL;
  const char *path = in_scratch("ignored.h5"), *file = in_scratch("ignored.jpg");
  scrl_picture_options options = {
      .struct_size = sizeof options, .orientation = SCRL_ORIENTATION_IGNORE};
  make_file(file, 48, 32, 6);
  NEED(scrl_writer_new(path, &writer));
  OK(scrl_writer_set_pictures(writer, &options));
  OK(scrl_writer_add_file(writer, file, NULL));
  options.orientation = SCRL_ORIENTATION_REFUSE;
  OK(scrl_writer_set_pictures(writer, &options));
  ANSWERS(SCRL_E_DATA, scrl_writer_add_file(writer, file, NULL));
  CHECK(strstr(scrl_last_error(), "orientation"));
  OK(scrl_writer_set_pictures(writer, NULL)); /* the defaults again */
  OK(scrl_writer_add_file(writer, file, NULL));
  scrl_picture_report report = report_of(writer);
  CHECK(report.turned == 1 && report.not_turned == 1);
  OK(scrl_writer_finish(writer));
  scrl_writer_free(writer);
  CHECK(picture_is(path, 0, 48, 32, 0) && picture_is(path, 1, 32, 48, 1));
}

CASE(pixels_of_other_files_are_turned_alike) {
  static uint8_t pixels[BYTES];
  scrl_writer *writer = NULL;
  const char *path = in_scratch("oriented.h5");
  NEED(scrl_writer_new(path, &writer));
  for (int o = 1; o <= 8; o++) {
    paint(pixels, 45, 30, o);
    OK(scrl_writer_add_oriented(writer, pixels, 30, 45, 0, 100, o, NULL));
  }
  static const int32_t wrong[] = {-1, 0, 9, INT32_MAX};
  for (int i = 0; i < 4; i++)
    ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_oriented(writer, pixels, 30, 45, 0, 0, wrong[i], NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_oriented(writer, NULL, 30, 45, 0, 0, 1, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_oriented(NULL, pixels, 30, 45, 0, 0, 1, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_add_oriented(writer, pixels, 30, 45, 44, 0, 1, NULL));
  CHECK(report_of(writer).turned == 7 && report_of(writer).encoded == 0);
  OK(scrl_writer_finish(writer));
  scrl_writer_free(writer);
  for (int o = 1; o <= 8; o++)
    CHECK(picture_is(path, (size_t)o - 1, o >= 5 ? 30 : 45, o >= 5 ? 45 : 30, 1));
}

CASE(coco_sizes_tell_which_pixels_are_meant) {
  /* Orientation, the sides told (0: none), turned or not, whether that is told. */
  static const int cases[][5] = {{6, 32, 48, 1, 0}, {6, 48, 32, 0, 1}, {3, 48, 32, 1, 1},
                                 {8, 0, 0, 1, 1},   {1, 48, 32, 0, 0}, {5, 32, 48, 1, 0}};
  scrl_picture_options options = {.struct_size = sizeof options, .note = hear, .user = &notes};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    const int *c = cases[k];
    char json[512], size[64] = "";
    scrl_writer *writer = NULL;
    scrl_coco_report coco = {.struct_size = sizeof coco};
    make_file(in_scratch("meant.jpg"), 48, 32, c[0]);
    if (c[1]) snprintf(size, sizeof size, ", \"width\": %d, \"height\": %d", c[1], c[2]);
    snprintf(json, sizeof json,
             "{\"images\": [{\"id\": 1, \"file_name\": \"meant.jpg\"%s}],"
             " \"categories\": [{\"id\": 1, \"name\": \"a\"}], \"annotations\": []}", size);
    notes = 0;
    NEED(scrl_writer_new(in_scratch("meant.h5"), &writer));
    OK(scrl_writer_set_pictures(writer, &options));
    OK(scrl_writer_add_coco(writer, in_scratch("."), NULL, json, strlen(json), NULL, &coco));
    CHECK(coco.images == 1 && notes == (size_t)c[4]);
    CHECK(!notes || strstr(last_path, "meant.jpg"));
    CHECK(report_of(writer).turned == (size_t)c[3]);
    CHECK(report_of(writer).not_turned == (size_t)(c[0] > 1 && !c[3]));
    OK(scrl_writer_finish(writer));
    scrl_writer_free(writer);
    int swapped = c[3] && c[0] >= 5;
    CHECK(picture_is(in_scratch("meant.h5"), 0, swapped ? 32 : 48, swapped ? 48 : 32,
                     c[0] == 1 || c[3]));
  }
}

CASE(a_file_that_ends_early_is_kept_when_asked) {
  static uint8_t pixels[BYTES], jpeg[LARGEST];
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 37 % 101 + 40);
  size_t count = encode(pixels, 64, 64, jpeg), whole = 0;
  scrl_writer *writer = NULL;
  scrl_dataset *dataset = NULL;
  const char *path = in_scratch("kept.h5"), *file = in_scratch("cut.jpg");
  scrl_picture_options options = {
      .struct_size = sizeof options, .keep_truncated = 1, .note = hear, .user = &notes};
  NEED(scrl_writer_new(path, &writer));
  const size_t lengths[] = {count - 2, count - 1, count / 2};
  for (int k = 0; k < 3; k++) {
    write_file(file, jpeg, lengths[k]);
    OK(scrl_writer_set_pictures(writer, NULL));
    ANSWERS(SCRL_E_DATA, scrl_writer_add_file(writer, file, NULL));
    OK(scrl_writer_set_pictures(writer, &options));
    notes = 0;
    OK(scrl_writer_add_file(writer, file, NULL));
    CHECK(notes == 1 && strstr(last_path, "cut.jpg"));
    CHECK(strstr(last_note, k < 2 ? "end marker" : "cut short") != NULL);
  }
  write_file(file, jpeg, 30); /* nothing of the picture */
  ANSWERS(SCRL_E_DATA, scrl_writer_add_file(writer, file, NULL));
  write_file(file, jpeg, 0);
  ANSWERS(SCRL_E_DATA, scrl_writer_add_file(writer, file, NULL));
  ANSWERS(SCRL_E_DATA, scrl_writer_add_jpeg(writer, jpeg, count - 2, NULL)); /* it is no file */
  CHECK(report_of(writer).truncated == 3 && report_of(writer).encoded == 1);
  OK(scrl_writer_finish(writer));
  scrl_writer_free(writer);
  NEED(scrl_dataset_open(path, &dataset));
  static uint8_t first[BYTES], again[LARGEST];
  OK(scrl_dataset_read_jpeg(dataset, 0, again, sizeof again, &whole));
  CHECK(whole == count && memcmp(again, jpeg, count) == 0);
  OK(scrl_dataset_read_rgb(dataset, 1, first, sizeof first));
  OK(scrl_dataset_read_rgb(dataset, 2, again, sizeof again));
  CHECK(again[sizeof first - 1] == 128 && first[sizeof first - 1] != 128);
  CHECK(abs(again[0] - first[0]) < 12); /* one more coding at quality 95 */
  scrl_dataset_free(dataset);
}

CASE(hidden_files_and_folders_are_left_out) {
  static const char *const hidden[] = {".x.jpg", "__MACOSX", "Thumbs.DB", "@eaDir", "desktop.ini",
                                       "$RECYCLE.BIN", "#recycle", "lost+found", ".git"};
  static const char *const shown[] = {"a.jpg", "thumbs", "eaDir", "x.", "recycle", ""};
  for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
    CHECK(scrl_name_is_hidden(hidden[i]) == 1);
  for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) CHECK(scrl_name_is_hidden(shown[i]) == 0);
  CHECK(scrl_name_is_hidden(NULL) == 0);

  scrl_writer *writer = NULL;
  scrl_picture_options options = {.struct_size = sizeof options, .note = hear, .user = &notes};
  scrl_folder_options walk = {.struct_size = sizeof walk, .labels_from_folders = 1};
  size_t added = 0, skipped = 0, classes = 0;
  static const char *const folders[] = {".root", ".root/cat", ".root/__MACOSX", ".root/cat/@eaDir"};
  static const char *const files[] = {".root/cat/1.jpg", ".root/__MACOSX/1.jpg",
                                      ".root/cat/@eaDir/1.jpg", ".root/cat/._1.jpg"};
  for (int i = 0; i < 4; i++) mkdir(in_scratch(folders[i]), 0700);
  for (int i = 0; i < 4; i++) make_file(in_scratch(files[i]), 48, 32, 1);
  notes = 0;
  NEED(scrl_writer_new(in_scratch("hidden.h5"), &writer));
  OK(scrl_writer_set_pictures(writer, &options));
  /* The root is walked though it is named so itself. */
  OK(scrl_writer_add_folder(writer, in_scratch(".root"), &walk, &added, &skipped));
  CHECK(added == 1 && skipped == 0 && notes == 3 && report_of(writer).hidden == 3);
  OK(scrl_writer_finish(writer));
  scrl_writer_free(writer);
  scrl_dataset *dataset = NULL;
  NEED(scrl_dataset_open(in_scratch("hidden.h5"), &dataset));
  OK(scrl_dataset_class_count(dataset, &classes));
  CHECK(classes == 1);
  scrl_dataset_free(dataset);
}

CASE(sides_beyond_the_limit_are_the_pictures_fault) {
  static uint8_t strip[100000 * 3 * 4];
  static const size_t sides[][2] = {{4, 100000}, {100000, 4}, {65501, 1}, {1, 65501},
                                    {60000, 60000}, {SIZE_MAX, 1}, {1, SIZE_MAX}, {16385, 16385}};
  scrl_writer *writer = NULL;
  size_t count = 7;
  NEED(scrl_writer_new(in_scratch("limits.h5"), &writer));
  for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
    ANSWERS(SCRL_E_DATA, scrl_writer_add_rgb(writer, strip, sides[i][0], sides[i][1], 0, 0, NULL));
    CHECK(strstr(scrl_last_error(), "expected sides up to 65500 and at most 268435456 pixels"));
    ANSWERS(SCRL_E_DATA,
            scrl_writer_add_oriented(writer, strip, sides[i][0], sides[i][1], 0, 0, 6, NULL));
  }
  OK(scrl_writer_count(writer, &count));
  CHECK(count == 0);
  OK(scrl_writer_add_rgb(writer, strip, 1, 65500, 0, 0, NULL));
  OK(scrl_writer_add_rgb(writer, strip, 1, 1, 0, 0, NULL));
  OK(scrl_writer_finish(writer));
  scrl_writer_free(writer);
}

CASE(wrong_settings_are_argument_errors) {
  scrl_writer *writer = NULL;
  scrl_picture_report report = {.struct_size = sizeof report, .turned = 77};
  NEED(scrl_writer_new(in_scratch("wrong.h5"), &writer));
  scrl_picture_options wrong[] = {{.struct_size = sizeof *wrong, .orientation = 3},
                                  {.struct_size = sizeof *wrong, .orientation = -1},
                                  {.struct_size = sizeof *wrong, .keep_truncated = 2},
                                  {.struct_size = 0}};
  for (int i = 0; i < 4; i++) ANSWERS(SCRL_E_ARGUMENT, scrl_writer_set_pictures(writer, &wrong[i]));
  wrong[0].orientation = 0;
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_set_pictures(NULL, &wrong[0]));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_report_pictures(NULL, &report));
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_report_pictures(writer, NULL));
  CHECK(report.turned == 77);
  report.struct_size = 1;
  ANSWERS(SCRL_E_ARGUMENT, scrl_writer_report_pictures(writer, &report));
  scrl_writer_free(writer);
}

int main(void) {
  RUN(pictures_are_stored_as_they_are_shown);
  RUN(orientation_is_ignored_or_refused_when_asked);
  RUN(pixels_of_other_files_are_turned_alike);
  RUN(coco_sizes_tell_which_pixels_are_meant);
  RUN(a_file_that_ends_early_is_kept_when_asked);
  RUN(hidden_files_and_folders_are_left_out);
  RUN(sides_beyond_the_limit_are_the_pictures_fault);
  RUN(wrong_settings_are_argument_errors);
  return summary("pictures");
}
