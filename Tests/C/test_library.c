/* What a program can ask before it has made anything. */
#include "harness.h"

CASE(no_error_before_the_first_failure) { CHECK(strcmp(scrl_last_error(), "") == 0); }

CASE(version_and_abi_are_those_of_the_header) {
  CHECK(strcmp(scrl_version(), SCRL_VERSION) == 0);
  CHECK(scrl_abi() == SCRL_ABI);
}

CASE(every_status_has_the_name_of_its_constant) {
#define NAMED(status) CHECK(strcmp(scrl_status_name(status), #status) == 0)
  NAMED(SCRL_OK), NAMED(SCRL_E_ARGUMENT), NAMED(SCRL_E_CONFIG), NAMED(SCRL_E_SHAPE);
  NAMED(SCRL_E_IO), NAMED(SCRL_E_FORMAT), NAMED(SCRL_E_DATA), NAMED(SCRL_E_MEMORY);
  NAMED(SCRL_E_DIVERGED), NAMED(SCRL_E_CANCELLED), NAMED(SCRL_E_STATE), NAMED(SCRL_E_FORKED);
  NAMED(SCRL_E_UNSUPPORTED), NAMED(SCRL_E_INTERNAL);
  CHECK(strcmp(scrl_status_name(1), "SCRL_E_?") == 0);
  CHECK(strcmp(scrl_status_name(-14), "SCRL_E_?") == 0);
  CHECK(strcmp(scrl_status_name(INT32_MIN), "SCRL_E_?") == 0);
}

CASE(statuses_keep_their_numbers) {
  CHECK(SCRL_OK == 0 && SCRL_E_ARGUMENT == -1 && SCRL_E_CONFIG == -2 && SCRL_E_SHAPE == -3);
  CHECK(SCRL_E_IO == -4 && SCRL_E_FORMAT == -5 && SCRL_E_DATA == -6 && SCRL_E_MEMORY == -7);
  CHECK(SCRL_E_DIVERGED == -8 && SCRL_E_CANCELLED == -9 && SCRL_E_STATE == -10);
  CHECK(SCRL_E_FORKED == -11 && SCRL_E_UNSUPPORTED == -12 && SCRL_E_INTERNAL == -13);
}

CASE(build_info_is_json_with_the_promised_members_and_stays_where_it_is) {
  static const char *const members[] = {"\"version\"",   "\"abi\"",  "\"backends\"", "\"blas\"",
                                        "\"blas_core\"", "\"onednn\"", "\"simd\"", "\"cpus\"",
                                        "\"bfloat16\""};
  const char *info = scrl_build_info();
  CHECK(info && info[0] == '{' && info[strlen(info) - 1] == '}');
  for (size_t i = 0; i < sizeof members / sizeof *members; i++)
    CHECK(strstr(info, members[i]) != NULL);
  CHECK(scrl_build_info() == info);
}

CASE(the_error_text_names_what_was_wrong) {
  scrl_config *config = NULL;
  NEED(scrl_config_new(NULL, &config));
  ANSWERS(SCRL_E_CONFIG, scrl_config_set(config, "train.bach", "4"));
  CHECK(strstr(scrl_last_error(), "train.bach") != NULL);
  OK(scrl_config_set(config, "train.batch", "4"));
  CHECK(strstr(scrl_last_error(), "train.bach") != NULL); /* kept until the next failure */
  scrl_config_free(config);
}

CASE(frees_take_null) {
  scrl_config_free(NULL), scrl_writer_free(NULL), scrl_dataset_free(NULL);
  scrl_model_free(NULL), scrl_trainer_free(NULL);
}

int main(void) {
  RUN(no_error_before_the_first_failure);
  RUN(version_and_abi_are_those_of_the_header);
  RUN(every_status_has_the_name_of_its_constant);
  RUN(statuses_keep_their_numbers);
  RUN(build_info_is_json_with_the_promised_members_and_stays_where_it_is);
  RUN(the_error_text_names_what_was_wrong);
  RUN(frees_take_null);
  return summary("library");
}
