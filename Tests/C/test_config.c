/* Keys as text: every one reads back, describes itself and refuses nonsense. */
#include "harness.h"

CASE(every_preset_opens_and_is_free_of_contradictions) {
  static const char *const promised[] = {"scrl-200ep", "scrl-1000ep", "byol-200ep",
                                         "byol-1000ep", "scrl-small", "byol-small"};
  size_t presets = scrl_config_preset_count();
  for (size_t k = 0; k < sizeof promised / sizeof *promised; k++) {
    int found = 0;
    for (size_t i = 0; i < presets; i++)
      found |= strcmp(scrl_config_preset_name(i), promised[k]) == 0;
    CHECK(found);
  }
  for (size_t i = 0; i < presets; i++) {
    scrl_config *config = NULL;
    NEED(scrl_config_new(scrl_config_preset_name(i), &config));
    OK(scrl_config_check(config));
    scrl_config_free(config);
  }
  CHECK(scrl_config_preset_name(presets) == NULL);
  CHECK(scrl_config_preset_name(SIZE_MAX) == NULL);
}

CASE(every_key_describes_itself_and_reads_back_what_it_is_given) {
  scrl_config *config = NULL;
  NEED(scrl_config_new(NULL, &config));
  CHECK(scrl_config_key_count() >= 25);
  for (size_t i = 0; i < scrl_config_key_count(); i++) {
    scrl_config_key key = {.struct_size = sizeof key};
    char value[256], again[256];
    NEED(scrl_config_key_at(i, &key));
    CHECK(key.name && key.type && key.range && key.preset && key.meaning);
    CHECK(strlen(key.meaning) > 5 && strchr(key.meaning, '\n') == NULL);
    CHECK(strstr("integer real boolean choice pair list text", key.type) != NULL);
    OK(scrl_config_get(config, key.name, value, sizeof value, NULL));
    CHECK(strcmp(value, key.preset) == 0);
    OK(scrl_config_set(config, key.name, value));
    OK(scrl_config_get(config, key.name, again, sizeof again, NULL));
    CHECK(strcmp(value, again) == 0);
  }
  scrl_config_free(config);
}

CASE(published_values_are_in_the_presets) {
  static const char *const expected[][3] = {
      {"scrl-200ep", "optimizer.base_lr", "0.45"},  {"scrl-200ep", "ema.momentum", "0.97"},
      {"scrl-200ep", "train.epochs", "200"},        {"scrl-200ep", "train.batch", "8192"},
      {"scrl-200ep", "head.hidden", "4096"},        {"scrl-200ep", "head.output", "256"},
      {"scrl-200ep", "boxes.per_image", "10"},      {"scrl-200ep", "boxes.min_size", "32"},
      {"scrl-1000ep", "optimizer.base_lr", "0.2"},  {"scrl-1000ep", "ema.momentum", "0.996"},
      {"scrl-1000ep", "train.epochs", "1000"},      {"byol-200ep", "method", "byol"},
      {"byol-1000ep", "train.warmup_epochs", "10"}, {"scrl-200ep", "model.arch", "resnet50"}};
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    scrl_config *config = NULL;
    char value[64] = "";
    NEED(scrl_config_new(expected[i][0], &config));
    OK(scrl_config_get(config, expected[i][1], value, sizeof value, NULL));
    CHECK(strtod(expected[i][2], NULL) == strtod(value, NULL));
    if (strtod(expected[i][2], NULL) == 0) CHECK(strcmp(expected[i][2], value) == 0);
    scrl_config_free(config);
  }
}

CASE(nonsense_is_refused_and_changes_nothing) {
  static const char *const bad[][2] = {
      {"train.batch", "0"},    {"train.batch", "-4"},          {"train.batch", "four"},
      {"train.batch", ""},     {"train.batch", "4 "},          {"train.batch", "99999999999999999999"},
      {"train.batch", "4.5"},  {"optimizer.base_lr", "nan"},   {"optimizer.base_lr", "inf"},
      {"method", "SCRL"},      {"model.arch", "resnet51"},     {"views.crop_scale", "0.2"},
      {"views.size", "0"},     {"views.crop_scale", "1:0.2"},  {"ema.momentum", "1.5"},
      {"seed", "-1"},          {"roi.aligned", "perhaps"},     {"optimizer.weight_decay", "-1"},
      {"roi.stage", "layer5"}, {"optimizer.momentum", "0.9x"}, {"loader.threads", "-1"}};
  scrl_config *config = NULL;
  NEED(scrl_config_new(NULL, &config));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char before[256], after[256];
    OK(scrl_config_get(config, bad[i][0], before, sizeof before, NULL));
    if (!ANSWERS(SCRL_E_CONFIG, scrl_config_set(config, bad[i][0], bad[i][1])))
      fprintf(stderr, "  with %s=%s\n", bad[i][0], bad[i][1]);
    CHECK(strstr(scrl_last_error(), bad[i][0]) != NULL);
    OK(scrl_config_get(config, bad[i][0], after, sizeof after, NULL));
    CHECK(strcmp(before, after) == 0);
  }
  scrl_config_free(config);
}

CASE(contradictions_are_refused_with_a_reason) {
  scrl_config *config = NULL;
  NEED(scrl_config_new("scrl-small", &config));
  OK(scrl_config_set(config, "views.size", "32"));
  OK(scrl_config_set(config, "boxes.min_size", "64"));
  ANSWERS(SCRL_E_CONFIG, scrl_config_check(config));
  scrl_config_free(config);
}

CASE(the_length_is_told_before_the_buffer_is_there) {
  scrl_config *config = NULL;
  NEED(scrl_config_new(NULL, &config));
  OK(scrl_config_set(config, "train.batch", "128"));
  size_t length = 0;
  OK(scrl_config_get(config, "train.batch", NULL, 0, &length));
  CHECK(length == 3);
  char text[5] = "~~~~";
  length = 0;
  ANSWERS(SCRL_E_ARGUMENT, scrl_config_get(config, "train.batch", text, 3, &length));
  CHECK(length == 3 && strcmp(text, "~~~~") == 0);
  OK(scrl_config_get(config, "train.batch", text, 4, NULL));
  CHECK(strcmp(text, "128") == 0);
  scrl_config_free(config);
}

CASE(a_clone_shares_nothing) {
  scrl_config *config = NULL, *copy = NULL;
  char value[16];
  NEED(scrl_config_new(NULL, &config));
  NEED(scrl_config_clone(config, &copy));
  OK(scrl_config_set(copy, "train.batch", "17"));
  scrl_config_free(copy);
  OK(scrl_config_get(config, "train.batch", value, sizeof value, NULL));
  CHECK(strcmp(value, "17") != 0);
  scrl_config_free(config);
}

CASE(results_are_untouched_by_failures) {
  scrl_config *const before = (scrl_config *)&cases_passed;
  scrl_config *config = before;
  ANSWERS(SCRL_E_CONFIG, scrl_config_new("no such preset", &config));
  CHECK(config == before);
  ANSWERS(SCRL_E_ARGUMENT, scrl_config_clone(NULL, &config));
  CHECK(config == before);
  scrl_config_key key, marked;
  memset(&key, 0x5A, sizeof key);
  key.struct_size = sizeof key;
  marked = key;
  ANSWERS(SCRL_E_ARGUMENT, scrl_config_key_at(scrl_config_key_count(), &key));
  CHECK(memcmp(&key, &marked, sizeof key) == 0);
}

CASE(null_is_an_argument_error) {
  scrl_config *config = NULL;
  scrl_config_key unsized = {.struct_size = 0};
  char text[8];
  NEED(scrl_config_new(NULL, &config));
  ANSWERS(SCRL_E_ARGUMENT, scrl_config_new(NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_config_clone(config, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_config_set(NULL, "seed", "1"));
  ANSWERS(SCRL_E_ARGUMENT, scrl_config_set(config, NULL, "1"));
  ANSWERS(SCRL_E_ARGUMENT, scrl_config_set(config, "seed", NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_config_get(NULL, "seed", text, sizeof text, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_config_get(config, NULL, text, sizeof text, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_config_get(config, "seed", NULL, 8, NULL));
  ANSWERS(SCRL_E_CONFIG, scrl_config_get(config, "sead", text, sizeof text, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_config_check(NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_config_key_at(0, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_config_key_at(0, &unsized));
  scrl_config_free(config);
}

int main(void) {
  RUN(every_preset_opens_and_is_free_of_contradictions);
  RUN(every_key_describes_itself_and_reads_back_what_it_is_given);
  RUN(published_values_are_in_the_presets);
  RUN(nonsense_is_refused_and_changes_nothing);
  RUN(contradictions_are_refused_with_a_reason);
  RUN(the_length_is_told_before_the_buffer_is_there);
  RUN(a_clone_shares_nothing);
  RUN(results_are_untouched_by_failures);
  RUN(null_is_an_argument_error);
  return summary("config");
}
