/*
 * pretrain: packs the JPEGs below a folder into one file, then pretrains a backbone on them.
 *
 *   pretrain FOLDER RUN [STEPS]
 *
 * RUN.h5 is the packed dataset; RUN receives checkpoints and metrics.jsonl. A run that is already
 * there goes on.
 * Ctrl-C and SIGTERM stop after the current step; nothing is lost.
 */
#include <scrl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static scrl_trainer *volatile running;
static volatile sig_atomic_t interrupted;

/* scrl_trainer_cancel() may be called in a signal handler: the run ends after its step, saved. */
static void on_signal(int number) {
  (void)number;
  interrupted = 1;
  scrl_trainer_cancel(running);
}

/* Every failing call leaves one line of text; a program that does nothing else with it shows it. */
static void must(scrl_status status) {
  if (status == SCRL_OK) return;
  fprintf(stderr, "pretrain: %s: %s\n", scrl_status_name(status), scrl_last_error());
  exit(1);
}

/* A file that is no usable JPEG is named, not fatal. 0: skip it. */
static int32_t skipped(const char *path, const char *reason, int32_t label, void *user) {
  (void)label, (void)user;
  fprintf(stderr, "skipped %s: %s\n", path, reason);
  return 0;
}

/* One line, rewritten at every step. Non-zero stops the run after this step. */
static int32_t progress(const scrl_step_report *r, void *user) {
  double *pace = user; /* seconds per step, smoothed: one slow step should not scare anybody */
  *pace = *pace > 0 ? 0.9 * *pace + 0.1 * r->seconds : r->seconds;
  long left = (long)(*pace * (double)(r->total_steps - r->step));
  printf("\rstep %llu of %llu  loss %.4f  %.2f steps/s  %ld:%02ld:%02ld left ",
         (unsigned long long)r->step, (unsigned long long)r->total_steps, r->loss, 1 / *pace,
         left / 3600, left / 60 % 60, left % 60);
  fflush(stdout);
  return 0;
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
  if (argc < 3 || strlen(argv[2]) > 4000)
    return fprintf(stderr, "usage: pretrain FOLDER RUN [STEPS]\n"), 2;
  char data_path[4096];
  snprintf(data_path, sizeof data_path, "%s.h5", argv[2]);

  scrl_trainer *trainer = NULL;
  if (holds_run(argv[2])) {
    must(scrl_trainer_resume(argv[2], NULL, &trainer));
  } else {
    scrl_writer *writer;
    scrl_folder_options options = {.struct_size = sizeof options, .skipped = skipped};
    size_t added;
    must(scrl_writer_new(data_path, &writer));
    must(scrl_writer_add_folder(writer, argv[1], &options, &added, NULL));
    must(scrl_writer_finish(writer));
    scrl_writer_free(writer);
    printf("%s: %zu images\n", data_path, added);

    scrl_dataset *dataset;
    scrl_config *config;
    must(scrl_dataset_open(data_path, &dataset));
    must(scrl_config_new("scrl-small", &config));
    if (argc > 3) must(scrl_config_set(config, "train.steps", argv[3]));
    must(scrl_trainer_new(config, dataset, argv[2], &trainer));
    scrl_config_free(config);
    scrl_dataset_free(dataset); /* the trainer keeps what it needs */
  }

  running = trainer;
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  double pace = 0;
  scrl_status status = scrl_trainer_run(trainer, 0, progress, &pace);
  puts("");
  if (status != SCRL_E_CANCELLED) must(status);
  printf("%s: %s/checkpoint.h5\n", interrupted ? "stopped, saved" : "done", argv[2]);
  scrl_trainer_free(trainer);
  return 0;
}
