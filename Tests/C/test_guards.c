/* Guards: outputs replace only files of their own kind, foreign files are named, texts are one line. */
#define _XOPEN_SOURCE 700 /* symlink */
#include "harness.h"
#include <unistd.h>

static uint8_t gray[32 * 32 * 3];

static void put(const char *path, const void *bytes, size_t count) {
  FILE *file = fopen(path, "wb");
  CHECK(file && fwrite(bytes, 1, count, file) == count);
  if (file) fclose(file);
}

/* Whether the file holds just these bytes. */
static int holds(const char *path, const void *bytes, size_t count) {
  char *found = malloc(count + 1);
  FILE *file = fopen(path, "rb");
  size_t got = file ? fread(found, 1, count + 1, file) : 0;
  int same = file && got == count && memcmp(found, bytes, count) == 0;
  if (file) fclose(file);
  free(found);
  return same;
}

static int says(const char *words) { return strstr(scrl_last_error(), words) != NULL; }

/* Control characters and length of a text for people. */
static int is_one_line(const char *text) {
  for (const unsigned char *at = (const unsigned char *)text; *at; at++)
    if (*at < 0x20 || *at == 0x7F) return 0;
  return strlen(text) <= 1000;
}

static const char jpeg[] = "\xFF\xD8\xFF\xE0 a photo that nobody wants to lose";

/* Each way to write a file, at `path`. */
static scrl_status write_dataset(const char *path) {
  scrl_writer *writer = NULL;
  scrl_status status = scrl_writer_new(path, &writer);
  if (status != SCRL_OK) return status;
  OK(scrl_writer_add_rgb(writer, gray, 32, 32, 0, 0, NULL));
  status = scrl_writer_finish(writer);
  scrl_writer_free(writer);
  return status;
}
static scrl_status write_model(const char *path) {
  scrl_config *config = small_config("1", "1");
  scrl_model *model = NULL;
  OK(scrl_model_new(config, &model));
  scrl_status status = scrl_model_save(model, path);
  scrl_model_free(model);
  scrl_config_free(config);
  return status;
}
static scrl_status write_trainer(const char *path) {
  scrl_config *config = small_config("1", "1");
  scrl_trainer *trainer = NULL;
  OK(scrl_trainer_new(config, NULL, NULL, &trainer));
  scrl_status status = scrl_trainer_save(trainer, path);
  scrl_trainer_free(trainer);
  scrl_config_free(config);
  return status;
}
static scrl_status write_coco(const char *path) {
  scrl_dataset *dataset = small_dataset();
  scrl_status status = scrl_dataset_write_coco(dataset, path);
  scrl_dataset_free(dataset);
  return status;
}

typedef scrl_status (*write_fn)(const char *path);
static const write_fn writes[] = {write_dataset, write_model, write_trainer, write_coco};
static const int kinds[] = {0, 1, 1, 2}; /* what each writes: equal ones replace each other */
enum { WAYS = sizeof writes / sizeof *writes };

CASE(an_output_replaces_only_its_own_kind) {
  for (int way = 0; way < WAYS; way++) {
    const char *path = in_scratch("victim");
    put(path, jpeg, sizeof jpeg);
    ANSWERS(SCRL_E_STATE, writes[way](path));
    CHECK(says("is a JPEG picture") && says("would be lost") && says(path));
    CHECK(holds(path, jpeg, sizeof jpeg));
    put(path, "", 0); /* an empty file holds nothing */
    OK(writes[way](path));
    OK(writes[way](path));
    for (int other = 0; other < WAYS; other++) {
      if (kinds[other] == kinds[way]) continue;
      ANSWERS(SCRL_E_STATE, writes[other](path));
      CHECK(says("would be lost"));
    }
    unlink(path);
  }
}

CASE(a_writer_replaces_no_picture_that_it_packs) {
  const char *photo = in_scratch("images/red/0.jpg"), *link = in_scratch("link.jpg");
  scrl_writer *writer = NULL;
  if (!exists(photo)) photo = in_scratch("plain.jpg");
  put(photo, jpeg, sizeof jpeg);
  unlink(link);
  CHECK(symlink(photo, link) == 0);
  ANSWERS(SCRL_E_STATE, scrl_writer_new(photo, &writer));
  ANSWERS(SCRL_E_STATE, scrl_writer_new(link, &writer));
  CHECK(!writer && holds(photo, jpeg, sizeof jpeg));
  unlink(link);
}

CASE(a_file_that_came_meanwhile_stays) {
  const char *path = in_scratch("meanwhile.h5");
  scrl_writer *writer = NULL;
  NEED(scrl_writer_new(path, &writer));
  OK(scrl_writer_add_rgb(writer, gray, 32, 32, 0, 0, NULL));
  put(path, jpeg, sizeof jpeg);
  ANSWERS(SCRL_E_STATE, scrl_writer_finish(writer));
  CHECK(holds(path, jpeg, sizeof jpeg));
  scrl_writer_free(writer);
  CHECK(holds(path, jpeg, sizeof jpeg));
}

CASE(every_door_names_a_foreign_file) {
  static const struct {
    const char *bytes;
    size_t count;
    const char *name;
  } files[] = {
      {jpeg, sizeof jpeg, "is a JPEG picture"},
      {"\x89PNG\r\n\x1A\n....", 12, "is a PNG picture"},
      {"PK\3\4....................................", 40, "is a ZIP archive"},
      {"\x10\0\0\0\0\0\0\0{\"a\":{\"b\":1}}   ", 24, "is a safetensors file"},
      {"{\"images\": []}", 14, "is JSON text"},
      {"<!doctype html>", 15, "is an HTML page"},
      {"version https://git-lfs.github.com/spec/v1\n", 43, "is a Git LFS pointer"},
      {"", 0, "is empty"},
      {"\1\2\3\4", 4, "no known format (begins with 01 02 03 04)"},
  };
  const char *path = in_scratch("foreign");
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    scrl_dataset *dataset = NULL;
    scrl_model *model = NULL;
    scrl_trainer *trainer = NULL;
    scrl_detector *detector = NULL;
    char text[512];
    size_t length = 0;
    put(path, files[i].bytes, files[i].count);
    ANSWERS(SCRL_E_FORMAT, scrl_dataset_open(path, &dataset));
    CHECK(says(files[i].name) && says(path) && says("expected a dataset of libscrl"));
    ANSWERS(SCRL_E_FORMAT, scrl_model_load(path, &model));
    CHECK(says(files[i].name) && says("expected a checkpoint of libscrl"));
    ANSWERS(SCRL_E_FORMAT, scrl_trainer_resume(path, NULL, &trainer));
    CHECK(says(files[i].name));
    ANSWERS(SCRL_E_FORMAT, scrl_detector_load(path, &detector));
    CHECK(says(files[i].name));
    ANSWERS(SCRL_E_FORMAT, scrl_detector_resume(path, NULL, &detector));
    CHECK(says(files[i].name));
    OK(scrl_file_describe(path, NULL, text, sizeof text, &length));
    CHECK(strstr(text, files[i].name) && strlen(text) == length);
    CHECK(!dataset && !model && !trainer && !detector);
  }
}

CASE(descriptions_are_asked_for_rightly) {
  char text[256] = "before";
  size_t length = 77;
  const char *path = in_scratch("foreign");
  put(path, jpeg, sizeof jpeg);
  OK(scrl_file_describe(path, NULL, NULL, 0, &length));
  CHECK(length == strlen("is a JPEG picture"));
  ANSWERS(SCRL_E_ARGUMENT, scrl_file_describe(path, NULL, text, 3, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_file_describe(NULL, NULL, text, sizeof text, &length));
  ANSWERS(SCRL_E_ARGUMENT, scrl_file_describe(path, "nonsense", text, sizeof text, &length));
  ANSWERS(SCRL_E_IO, scrl_file_describe(in_scratch("missing"), NULL, text, sizeof text, &length));
  ANSWERS(SCRL_E_IO, scrl_file_describe(in_scratch("."), NULL, text, sizeof text, &length));
  CHECK(strcmp(text, "before") == 0);
  OK(scrl_file_describe(path, "dataset", text, sizeof text, NULL));
  CHECK(strstr(text, "`scrl pack` makes one of a folder of pictures"));
  scrl_dataset_free(small_dataset());
  OK(scrl_file_describe(in_scratch("shared.h5"), "checkpoint", text, sizeof text, NULL));
  CHECK(strstr(text, "is a libscrl dataset") && strstr(text, "exchanged"));
}

static int lines;
static void log_line(const char *line, void *user) {
  (void)user;
  CHECK(is_one_line(line));
  lines++;
}
static int32_t hear(const scrl_coco_issue *issue, void *user) {
  (void)user;
  CHECK(is_one_line(issue->reason) && is_one_line(issue->kind));
  CHECK(issue->file[0] == 0 || is_one_line(issue->file)); // "": a note on the whole file
  lines++;
  return 0;
}

CASE(texts_are_one_line_of_a_thousand_bytes) {
  enum { LONG = 1 << 20 };
  char *json = malloc(LONG + 256), *name = malloc(LONG + 1);
  scrl_dataset *dataset = NULL;
  scrl_writer *writer = NULL;
  scrl_config *config = NULL;
  scrl_coco_options options = {sizeof options, 0, hear, NULL, NULL, NULL};
  memset(name, 'k', LONG);
  name[LONG] = 0;
  ANSWERS(SCRL_E_IO, scrl_dataset_open("no\nsuch\t\x1B[31m\xE2\x80\xAE""file", &dataset));
  CHECK(is_one_line(scrl_last_error()) && says("no\\nsuch\\t\\u001b[31m\\u202efile"));
  ANSWERS(SCRL_E_CONFIG, scrl_config_new(name, &config));
  CHECK(is_one_line(scrl_last_error()) && says("\xE2\x80\xA6") && strlen(scrl_last_error()) > 900);
  OK(scrl_config_new(NULL, &config));
  ANSWERS(SCRL_E_CONFIG, scrl_config_set(config, name, "1"));
  CHECK(is_one_line(scrl_last_error()));
  ANSWERS(SCRL_E_CONFIG, scrl_config_set(config, "train.batch", name));
  CHECK(is_one_line(scrl_last_error()));

  NEED(scrl_writer_new(in_scratch("texts.h5"), &writer));
  int length = snprintf(json, LONG + 256,
                        "{\"images\": [{\"id\": 1, \"file_name\": \"a\\nb%s\", \"width\": 4, \"height\": 4}], "
                        "\"categories\": [], \"annotations\": []}", name);
  scrl_log_set(log_line, NULL);
  OK(scrl_writer_add_coco(writer, in_scratch("."), NULL, json, (size_t)length, &options, NULL));
  length = snprintf(json, LONG + 256, "{\"images\": 5, \"%s\": \"\x1B\"}", name);
  ANSWERS(SCRL_E_FORMAT, scrl_writer_add_coco(writer, in_scratch("."), NULL, json, (size_t)length,
                                              &options, NULL));
  CHECK(is_one_line(scrl_last_error()) && lines > 0);
  scrl_log_set(NULL, NULL);
  scrl_writer_free(writer);
  scrl_config_free(config);
  free(json);
  free(name);
}

int main(void) {
  RUN(an_output_replaces_only_its_own_kind);
  RUN(a_writer_replaces_no_picture_that_it_packs);
  RUN(a_file_that_came_meanwhile_stays);
  RUN(every_door_names_a_foreign_file);
  RUN(descriptions_are_asked_for_rightly);
  RUN(texts_are_one_line_of_a_thousand_bytes);
  return summary("guards");
}
