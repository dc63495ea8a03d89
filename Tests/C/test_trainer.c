/*
 * Training as a host drives it: resume is exact, loader threads change nothing, a run can be
 * stopped from outside, a forked child is told instead of hanging.
 */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <math.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "same_datasets.h"

static scrl_trainer *new_trainer(const char *steps, const char *loader_threads,
                                 const char *run_folder) {
  scrl_dataset *dataset = small_dataset();
  scrl_config *config = small_config(steps, loader_threads);
  scrl_trainer *trainer = NULL;
  OK(scrl_trainer_new(config, dataset, run_folder, &trainer));
  scrl_config_free(config);
  scrl_dataset_free(dataset); /* the trainer keeps what it needs */
  return trainer;
}

static int32_t check_step(const scrl_step_report *report, void *user) {
  uint64_t *last = user;
  CHECK(report->step == *last + 1 && report->total_steps == 40);
  CHECK(report->epoch == (report->step - 1) / 3); /* 12 images in batches of 4 */
  CHECK(!report->did_step || (report->loss >= 0 && report->loss <= 8 && report->boxes > 0));
  CHECK(report->learning_rate >= 0 && report->ema_momentum > 0 && report->ema_momentum <= 1);
  CHECK(report->seconds >= report->wait_seconds && report->wait_seconds >= 0);
  *last = report->step;
  return 0;
}

/* 40 steps; stopped, saved and resumed after 20 when `in_two` is 1. */
static void train_forty(int in_two, const char *loader_threads, const char *folder,
                        const char *result) {
  uint64_t last = 0, step = 0, total = 0;
  scrl_trainer *trainer = new_trainer("40", loader_threads, folder);
  if (!trainer) return;
  if (in_two) {
    OK(scrl_trainer_run(trainer, 20, check_step, &last));
    OK(scrl_trainer_save(trainer, in_scratch("at20.h5")));
    scrl_trainer_free(trainer);
    trainer = NULL;
    NEED(scrl_trainer_resume(in_scratch("at20.h5"), NULL, &trainer));
    OK(scrl_trainer_progress(trainer, &step, &total));
    CHECK(step == 20 && total == 40);
  }
  OK(scrl_trainer_run(trainer, 0, check_step, &last));
  CHECK(last == 40);
  ANSWERS(SCRL_E_STATE, scrl_trainer_step(trainer, NULL));
  OK(scrl_trainer_save(trainer, result));
  scrl_trainer_free(trainer);
}

CASE(twenty_and_twenty_steps_equal_forty_with_one_loader_thread) {
  train_forty(0, "1", in_scratch("run-whole-1"), in_scratch("whole-1.h5"));
  train_forty(1, "1", in_scratch("run-parts-1"), in_scratch("parts-1.h5"));
  CHECK(same_datasets(in_scratch("whole-1.h5"), in_scratch("parts-1.h5"), NULL) > 200);
}

CASE(twenty_and_twenty_steps_equal_forty_with_two_loader_threads) {
  train_forty(0, "2", in_scratch("run-whole-2"), in_scratch("whole-2.h5"));
  train_forty(1, "2", NULL, in_scratch("parts-2.h5"));
  CHECK(same_datasets(in_scratch("whole-2.h5"), in_scratch("parts-2.h5"), NULL) > 200);
}

CASE(loader_threads_change_no_weight) {
  CHECK(same_datasets(in_scratch("whole-1.h5"), in_scratch("whole-2.h5"), "/model") > 100);
}

CASE(a_run_folder_goes_on_from_its_newest_checkpoint) {
  scrl_trainer *trainer = new_trainer("40", "1", in_scratch("run-folder"));
  uint64_t step = 0;
  OK(scrl_trainer_run(trainer, 20, NULL, NULL));
  scrl_trainer_free(trainer);
  trainer = NULL;
  NEED(scrl_trainer_resume(in_scratch("run-folder"), NULL, &trainer));
  OK(scrl_trainer_progress(trainer, &step, NULL));
  CHECK(step == 20);
  OK(scrl_trainer_run(trainer, 0, NULL, NULL));
  scrl_trainer_free(trainer);
  CHECK(exists(in_scratch("run-folder/checkpoint.h5")));
  CHECK(exists(in_scratch("run-folder/metrics.jsonl")));
  CHECK(same_datasets(in_scratch("run-folder/checkpoint.h5"),
                      in_scratch("run-whole-1/checkpoint.h5"), NULL) > 200);

  scrl_dataset *dataset = small_dataset();
  scrl_config *config = small_config("40", "1");
  scrl_trainer *const before = (scrl_trainer *)dataset;
  trainer = before;
  CHECK(scrl_trainer_new(config, dataset, in_scratch("run-folder"), &trainer) != SCRL_OK);
  CHECK(trainer == before); /* a folder that holds a run is never written over */
  scrl_config_free(config);
  scrl_dataset_free(dataset);
}

static void keep_line(const char *line, void *user) {
  char *text = user;
  size_t length = strlen(text);
  snprintf(text + length, 2000 - length, "%s\n", line);
}

CASE(a_damaged_checkpoint_is_passed_over_and_the_log_tells_which) {
  static char told[2000];
  scrl_trainer *trainer = NULL;
  uint64_t step = 0;
  FILE *file = fopen(in_scratch("run-folder/checkpoint.h5"), "r+b"); /* of the case above */
  CHECK(file && fwrite("torn", 1, 4, file) == 4 && fclose(file) == 0);
  scrl_log_set(keep_line, told);
  NEED(scrl_trainer_resume(in_scratch("run-folder"), NULL, &trainer));
  OK(scrl_trainer_progress(trainer, &step, NULL));
  scrl_trainer_free(trainer);
  CHECK(step > 0 && step < 40); /* an older one; checkpoint.h5 is a link to that of step 40 */
  CHECK(strstr(told, "checkpoint-00000040.h5 passed over") != NULL);
  size_t length = strlen(told);
  scrl_log_set(NULL, NULL);
  NEED(scrl_trainer_resume(in_scratch("run-folder"), NULL, &trainer));
  scrl_trainer_free(trainer);
  CHECK(strlen(told) == length);
}

/* ------------------------------------------------------------------- stopping */

typedef struct stop {
  scrl_trainer *trainer;
  pthread_mutex_t lock;
  pthread_cond_t started;
  int steps;
} stop;

static int32_t tell_started(const scrl_step_report *report, void *user) {
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
  OK(scrl_trainer_cancel(s->trainer));
  return NULL;
}

CASE(another_thread_can_stop_a_run_and_the_run_can_go_on) {
  stop s = {new_trainer("5000", "1", in_scratch("run-stopped")), PTHREAD_MUTEX_INITIALIZER,
            PTHREAD_COND_INITIALIZER, 0};
  pthread_t thread;
  uint64_t step = 0, later = 0;
  pthread_create(&thread, NULL, cancel_after_two_steps, &s);
  ANSWERS(SCRL_E_CANCELLED, scrl_trainer_run(s.trainer, 0, tell_started, &s));
  pthread_mutex_lock(&s.lock);
  s.steps = 2; /* a run that failed at once leaves nobody waiting */
  pthread_cond_signal(&s.started);
  pthread_mutex_unlock(&s.lock);
  pthread_join(thread, NULL);
  OK(scrl_trainer_progress(s.trainer, &step, NULL));
  CHECK(step >= 2 && step < 5000);
  CHECK(exists(in_scratch("run-stopped/checkpoint.h5")));
  OK(scrl_trainer_run(s.trainer, 1, NULL, NULL));
  OK(scrl_trainer_progress(s.trainer, &later, NULL));
  CHECK(later == step + 1);
  scrl_trainer_free(s.trainer);
}

static int32_t stop_now(const scrl_step_report *report, void *user) {
  (void)report, (void)user;
  return 1;
}

CASE(a_callback_can_stop_a_run) {
  scrl_trainer *trainer = new_trainer("40", "1", NULL);
  uint64_t step = 0;
  ANSWERS(SCRL_E_CANCELLED, scrl_trainer_run(trainer, 0, stop_now, NULL));
  OK(scrl_trainer_progress(trainer, &step, NULL));
  CHECK(step == 1);
  scrl_trainer_free(trainer);
}

/* Whether scrl_build_info() lists a backend as working. */
static int has_backend(const char *quoted) {
  const char *list = strstr(scrl_build_info(), "\"backends\": [");
  const char *end = list ? strchr(list, ']') : NULL, *found = list ? strstr(list, quoted) : NULL;
  return found && end && found < end;
}

CASE(each_backend_trains_or_says_that_it_is_missing) {
  static const char *const names[] = {"openblas", "onednn", "auto"};
  float losses[3] = {0};
  CHECK(has_backend("\"openblas\""));
  for (int i = 0; i < 3; i++) {
    scrl_dataset *dataset = small_dataset();
    scrl_config *config = small_config("40", "1");
    scrl_trainer *trainer = NULL;
    scrl_step_report report = {.struct_size = sizeof report};
    OK(scrl_config_set(config, "compute.backend", names[i]));
    if (i == 1 && !has_backend("\"onednn\"")) {
      ANSWERS(SCRL_E_UNSUPPORTED, scrl_trainer_new(config, dataset, NULL, &trainer));
      CHECK(strstr(scrl_last_error(), "onednn: ") != NULL);
    } else {
      OK(scrl_trainer_new(config, dataset, NULL, &trainer));
      OK(scrl_trainer_step(trainer, &report));
      losses[i] = report.loss;
    }
    scrl_trainer_free(trainer), scrl_dataset_free(dataset), scrl_config_free(config);
  }
  /* 2e-3 of a loss near 2 to 4: rounding, which layers let grow, not another computation. */
  if (losses[1] > 0) CHECK(fabsf(losses[1] - losses[0]) < 2e-3f && losses[2] == losses[1]);
}

CASE(a_forked_child_is_told_and_new_handles_work_there) {
  scrl_trainer *trainer = new_trainer("40", "2", NULL);
  scrl_dataset *dataset = small_dataset();
  scrl_config *config = small_config("40", "1");
  OK(scrl_trainer_step(trainer, NULL)); /* loader threads and the pool are alive now */
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(60); /* a hang would end here */
    size_t count = 0;
    char text[16];
    ANSWERS(SCRL_E_FORKED, scrl_trainer_step(trainer, NULL));
    ANSWERS(SCRL_E_FORKED, scrl_trainer_save(trainer, in_scratch("forked.h5")));
    ANSWERS(SCRL_E_FORKED, scrl_dataset_count(dataset, &count));
    ANSWERS(SCRL_E_FORKED, scrl_config_get(config, "seed", text, sizeof text, NULL));
    scrl_trainer_free(trainer), scrl_dataset_free(dataset), scrl_config_free(config);
    trainer = new_trainer("40", "1", NULL);
    OK(scrl_trainer_step(trainer, NULL));
    scrl_trainer_free(trainer);
    /* oneDNN's threads stayed with the parent: there is none of it here, and that is said. */
    config = small_config("40", "1");
    OK(scrl_config_set(config, "compute.backend", "onednn"));
    ANSWERS(SCRL_E_UNSUPPORTED, scrl_trainer_new(config, NULL, NULL, &trainer));
    _exit(case_is_good ? 0 : 1);
  }
  int status = -1;
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  OK(scrl_trainer_step(trainer, NULL)); /* the parent goes on */
  scrl_trainer_free(trainer), scrl_dataset_free(dataset), scrl_config_free(config);
}

/* ---------------------------------------------------------------- by the host */

CASE(a_host_can_step_on_its_own_views) {
  enum { N = 2, S = 32, COUNT = N * 3 * S * S };
  static float one[COUNT], two[COUNT];
  for (int i = 0; i < COUNT; i++) one[i] = sinf((float)i * 0.02f), two[i] = cosf((float)i * 0.03f);
  scrl_tensor view1 = {sizeof view1, 4, one, {N, 3, S, S}, {0, 0, 0, 0}}, view2 = view1;
  view2.data = two;
  const float boxes[3 * 5] = {0, 2, 2, 20, 20, 1, 4, 4, 30, 30, 1, 0, 0, 16, 32};
  const float elsewhere[5] = {2, 0, 0, 16, 16}; /* image 2 of 0 … 1 */
  scrl_config *config = small_config("10", "1");
  scrl_trainer *trainer = NULL;
  scrl_step_report report = {.struct_size = sizeof report};
  NEED(scrl_trainer_new(config, NULL, NULL, &trainer));
  OK(scrl_trainer_step_on(trainer, &view1, &view2, boxes, boxes, 3, NULL, &report));
  CHECK(report.did_step == 1 && report.step == 1 && report.boxes == 3 && report.loss <= 8);
  ANSWERS(SCRL_E_ARGUMENT,
          scrl_trainer_step_on(trainer, &view1, &view2, elsewhere, elsewhere, 1, NULL, &report));
  ANSWERS(SCRL_E_ARGUMENT,
          scrl_trainer_step_on(trainer, NULL, &view2, boxes, boxes, 3, NULL, &report));
  ANSWERS(SCRL_E_ARGUMENT,
          scrl_trainer_step_on(trainer, &view1, &view2, boxes, NULL, 3, NULL, &report));
  two[7] = 200; /* a byte, no normalised pixel */
  ANSWERS(SCRL_E_ARGUMENT,
          scrl_trainer_step_on(trainer, &view1, &view2, boxes, boxes, 3, NULL, &report));
  CHECK(strstr(scrl_last_error(), "view2"));
  view2.shape[0] = 1;
  ANSWERS(SCRL_E_SHAPE,
          scrl_trainer_step_on(trainer, &view1, &view2, boxes, boxes, 3, NULL, &report));
  CHECK(report.step == 1);
  ANSWERS(SCRL_E_STATE, scrl_trainer_step(trainer, NULL)); /* it has no dataset */
  scrl_trainer_free(trainer), scrl_config_free(config);
}

CASE(a_host_can_train_by_labels) {
  enum { N = 3, S = 32, COUNT = N * 3 * S * S };
  static float one[COUNT];
  for (int i = 0; i < COUNT; i++) one[i] = sinf((float)i * 0.02f);
  scrl_tensor view = {sizeof view, 4, one, {N, 3, S, S}, {0, 0, 0, 0}};
  const int32_t labels[N] = {1, -1, 0}, beyond[N] = {1, 2, 0}, none[N] = {-1, -1, -1};
  scrl_config *config = small_config("10", "1");
  scrl_trainer *trainer = NULL;
  scrl_step_report report = {.struct_size = sizeof report};
  OK(scrl_config_set(config, "method", "supervised"));
  ANSWERS(SCRL_E_CONFIG, scrl_trainer_new(config, NULL, NULL, &trainer)); /* how many classes? */
  OK(scrl_config_set(config, "train.classes", "2"));
  NEED(scrl_trainer_new(config, NULL, NULL, &trainer));
  OK(scrl_trainer_step_on(trainer, &view, &view, NULL, NULL, 0, labels, &report));
  CHECK(report.did_step == 1 && report.boxes == 2 && report.skipped == 1);
  CHECK(report.accuracy >= 0 && report.accuracy <= 1 && report.probe_loss == 0);
  OK(scrl_trainer_step_on(trainer, &view, &view, NULL, NULL, 0, none, &report));
  CHECK(report.did_step == 0 && report.steps_skipped == 1 && isnan(report.accuracy));
  ANSWERS(SCRL_E_ARGUMENT,
          scrl_trainer_step_on(trainer, &view, &view, NULL, NULL, 0, NULL, &report));
  ANSWERS(SCRL_E_ARGUMENT,
          scrl_trainer_step_on(trainer, &view, &view, NULL, NULL, 0, beyond, &report));
  scrl_trainer_free(trainer), scrl_config_free(config);
}

CASE(a_weight_that_is_not_finite_is_refused_and_a_diverged_loss_changes_nothing) {
  scrl_trainer *trainer = new_trainer("40", "1", NULL);
  const char *name = "online.encoder.conv1.weight";
  enum { COUNT = 64 * 3 * 3 * 3 };
  scrl_state *state = NULL;
  static float huge[COUNT], back[COUNT];
  for (int i = 0; i < COUNT; i++) huge[i] = 3e38f;
  NEED(scrl_trainer_state(trainer, &state));
  OK(scrl_state_write(state, name, huge, COUNT)); /* products overflow to inf */
  ANSWERS(SCRL_E_DIVERGED, scrl_trainer_step(trainer, NULL));
  OK(scrl_state_read(state, name, back, COUNT));
  CHECK(memcmp(huge, back, sizeof huge) == 0);
  huge[0] = strtof("nan", NULL);
  ANSWERS(SCRL_E_ARGUMENT, scrl_state_write(state, name, huge, COUNT));
  scrl_state_free(state), scrl_trainer_free(trainer);
}

CASE(all_three_networks_list_their_weights) {
  static const char *const names[] = {
      "online.encoder.layer1.0.conv1.weight", "online.projector.fc1.weight",
      "online.projector.bn.running_mean",     "predictor.fc2.weight",
      "target.encoder.layer4.1.bn2.bias",     "target.projector.fc2.weight"};
  scrl_trainer *trainer = new_trainer("40", "1", NULL);
  scrl_state *state = NULL;
  size_t count = 0, found = 0;
  NEED(scrl_trainer_state(trainer, &state));
  NEED(scrl_state_count(state, &count));
  for (size_t i = 0; i < count; i++) {
    scrl_state_info info = {.struct_size = sizeof info};
    NEED(scrl_state_at(state, i, &info));
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
      found += strcmp(info.name, names[k]) == 0;
  }
  CHECK(found == sizeof names / sizeof *names);
  scrl_state_free(state), scrl_trainer_free(trainer);
}

CASE(null_and_wrong_input_are_refused) {
  scrl_trainer *trainer = new_trainer("40", "1", NULL);
  scrl_trainer *const before = (scrl_trainer *)&case_is_good;
  scrl_trainer *other = before;
  scrl_config *config = small_config("40", "1"), *copy = NULL;
  scrl_dataset *dataset = small_dataset();
  scrl_step_report unsized = {.struct_size = 0};
  scrl_state *state = NULL;
  uint64_t step = 77;
  char text[2048];
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_new(NULL, dataset, NULL, &other));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_new(config, dataset, NULL, NULL));
  OK(scrl_config_set(config, "train.batch", "13"));
  ANSWERS(SCRL_E_DATA, scrl_trainer_new(config, dataset, NULL, &other));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_resume(NULL, NULL, &other));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_resume("x", NULL, NULL));
  ANSWERS(SCRL_E_IO, scrl_trainer_resume(in_scratch("absent.h5"), NULL, &other));
  ANSWERS(SCRL_E_FORMAT, scrl_trainer_resume(in_scratch("shared.h5"), NULL, &other));
  CHECK(other == before);
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_step(NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_step(trainer, &unsized));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_step_on(NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_run(NULL, 1, NULL, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_cancel(NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_save(NULL, "x"));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_save(trainer, NULL));
  ANSWERS(SCRL_E_IO, scrl_trainer_save(trainer, in_scratch("no folder/checkpoint.h5")));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_progress(NULL, &step, &step));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_config(NULL, &copy));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_config(trainer, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_state(NULL, &state));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_state(trainer, NULL));
  CHECK(!state);
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_profile(NULL, text, sizeof text, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_profile(trainer, NULL, 8, NULL));
  CHECK(step == 77 && copy == NULL);
  OK(scrl_trainer_step(trainer, NULL));
  OK(scrl_trainer_profile(trainer, text, sizeof text, NULL));
  CHECK(text[0] == '{' && strstr(text, "\"backward\"") != NULL);
  scrl_trainer_free(trainer), scrl_config_free(config), scrl_dataset_free(dataset);
}

int main(void) {
  RUN(twenty_and_twenty_steps_equal_forty_with_one_loader_thread);
  RUN(twenty_and_twenty_steps_equal_forty_with_two_loader_threads);
  RUN(loader_threads_change_no_weight);
  RUN(a_run_folder_goes_on_from_its_newest_checkpoint);
  RUN(a_damaged_checkpoint_is_passed_over_and_the_log_tells_which);
  RUN(another_thread_can_stop_a_run_and_the_run_can_go_on);
  RUN(a_callback_can_stop_a_run);
  RUN(each_backend_trains_or_says_that_it_is_missing);
  RUN(a_forked_child_is_told_and_new_handles_work_there);
  RUN(a_host_can_step_on_its_own_views);
  RUN(a_host_can_train_by_labels);
  RUN(a_weight_that_is_not_finite_is_refused_and_a_diverged_loss_changes_nothing);
  RUN(all_three_networks_list_their_weights);
  RUN(null_and_wrong_input_are_refused);
  return summary("trainer");
}
