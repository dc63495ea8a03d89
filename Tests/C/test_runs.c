/*
 * Every way to stop is a stop, and a run folder is never a dead end: requests to stop in a signal
 * handler, one run a folder at a time, runs killed before their first checkpoint, what killed
 * writers leave behind, other lines in metrics.jsonl, changes on resume.
 */
#define _DEFAULT_SOURCE
#define _XOPEN_SOURCE 700
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static scrl_trainer *new_trainer(const char *steps, const char *run_folder) {
  scrl_dataset *dataset = small_dataset();
  scrl_config *config = small_config(steps, "1");
  scrl_trainer *trainer = NULL;
  OK(scrl_config_set(config, "threads", "1"));
  OK(scrl_config_set(config, "checkpoint.every", "1000"));
  OK(scrl_trainer_new(config, dataset, run_folder, &trainer));
  scrl_config_free(config), scrl_dataset_free(dataset);
  return trainer;
}

static uint64_t steps_of(scrl_trainer *trainer) {
  uint64_t step = 0;
  OK(scrl_trainer_progress(trainer, &step, NULL));
  return step;
}

/* The text of a file in the scratch folder, "" without one. */
static const char *text_of(const char *name) {
  static char text[1 << 16];
  FILE *file = fopen(in_scratch(name), "rb");
  size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
  if (file) fclose(file);
  text[length] = 0;
  return text;
}

static void write_text(const char *name, const char *mode, const char *text) {
  FILE *file = fopen(in_scratch(name), mode);
  CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static int lines_of(const char *name) {
  int lines = 0;
  for (const char *text = text_of(name); *text; text++) lines += *text == '\n';
  return lines;
}

/* Runs a body in a child process; answers how that ended, as waitpid() tells. */
static int in_child(void (*body)(void)) {
  int status = -1;
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(120);
    body();
    _exit(case_is_good ? 0 : 1);
  }
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  return status;
}

/* ------------------------------------------------------------ requests to stop */

static scrl_trainer *volatile asked;
static volatile sig_atomic_t requests, refused;

static void ask(int number) {
  int before = errno;
  (void)number;
  if (scrl_trainer_cancel(asked) != SCRL_OK) refused = 1;
  if (scrl_trainer_cancel(NULL) != SCRL_E_ARGUMENT) refused = 1;
  if (scrl_trainer_cancel((scrl_trainer *)&before) != SCRL_E_ARGUMENT) refused = 1;
  if (scrl_detector_cancel((scrl_detector *)asked) != SCRL_E_ARGUMENT) refused = 1;
  requests++;
  errno = before;
}

static void every_kind_of_call(int round) {
  scrl_config *config = small_config("40", "1"), *copy = NULL;
  scrl_dataset *dataset = small_dataset();
  scrl_trainer *other = NULL;
  scrl_state *state = NULL;
  size_t count = 0;
  char text[64];
  void *blocks[64];
  OK(scrl_config_clone(config, &copy));
  OK(scrl_config_get(copy, "train.batch", text, sizeof text, NULL));
  ANSWERS(SCRL_E_CONFIG, scrl_config_set(config, "no.key", "1"));
  OK(scrl_dataset_count(dataset, &count));
  CHECK(count == 12);
  CHECK(strstr(scrl_build_info(), "version") != NULL);
  for (int i = 0; i < 64; i++) blocks[i] = malloc((size_t)(1 + i) * 97);
  for (int i = 0; i < 64; i++) free(blocks[i]);
  if (round % 8 == 0) {
    OK(scrl_trainer_new(config, dataset, NULL, &other));
    scrl_trainer_free(other);
    OK(scrl_trainer_save(asked, in_scratch("asked.h5")));
  }
  OK(scrl_trainer_step(asked, NULL));
  OK(scrl_trainer_state(asked, &state));
  OK(scrl_state_count(state, &count));
  scrl_state_free(state);
  scrl_config_free(config), scrl_config_free(copy), scrl_dataset_free(dataset);
}

static void stress(void) {
  struct sigaction action = {.sa_handler = ask}; /* without SA_RESTART: calls see EINTR too */
  struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
  int stopped = 0, rounds = 0;
  asked = new_trainer("1000000", in_scratch("asked"));
  if (!asked) return;
  sigaction(SIGALRM, &action, NULL);
  alarm(0);
  setitimer(ITIMER_REAL, &often, NULL);
  for (; rounds < 400 && requests < 2000; rounds++) {
    every_kind_of_call(rounds);
    scrl_status code = scrl_trainer_run(asked, 1, NULL, NULL);
    CHECK(code == SCRL_OK || code == SCRL_E_CANCELLED);
    stopped += code == SCRL_E_CANCELLED;
  }
  setitimer(ITIMER_REAL, &never, NULL);
  CHECK(requests > 200 && !refused);
  CHECK(stopped > rounds / 2);
  scrl_trainer_free(asked);
}

static int guarded(void (*body)(void), unsigned seconds) {
  int status = -1;
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    body();
    _exit(case_is_good ? 0 : 1);
  }
  for (unsigned tenths = 0; tenths < 10 * seconds; tenths++) { /* SIGALRM is the body's own */
    struct timespec tenth = {0, 100000000};
    if (waitpid(child, &status, WNOHANG) == child) return status;
    nanosleep(&tenth, NULL);
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return status;
}

CASE(a_request_to_stop_in_a_signal_handler_harms_no_call) {
  int status = guarded(stress, 240);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

CASE(a_request_before_a_run_stops_it_before_its_first_step_and_only_it) {
  scrl_trainer *trainer = new_trainer("40", in_scratch("early"));
  OK(scrl_trainer_cancel(trainer));
  OK(scrl_trainer_cancel(trainer));
  ANSWERS(SCRL_E_CANCELLED, scrl_trainer_run(trainer, 0, NULL, NULL));
  CHECK(steps_of(trainer) == 0 && exists(in_scratch("early/checkpoint.h5")));
  OK(scrl_trainer_run(trainer, 2, NULL, NULL));
  CHECK(steps_of(trainer) == 2);
  OK(scrl_trainer_cancel(trainer)); /* between two runs: it is not lost */
  OK(scrl_trainer_step(trainer, NULL));
  ANSWERS(SCRL_E_CANCELLED, scrl_trainer_run(trainer, 2, NULL, NULL));
  CHECK(steps_of(trainer) == 3);
  scrl_trainer_free(trainer);
}

CASE(a_request_knows_living_trainers_of_this_process_only) {
  enum { MANY = 70 }; /* more than a block of flags */
  scrl_trainer *many[MANY];
  scrl_config *config = small_config("4", "1");
  char before[200];
  for (int i = 0; i < MANY; i++) NEED(scrl_trainer_new(config, NULL, NULL, &many[i]));
  for (int i = 0; i < MANY; i++) OK(scrl_trainer_cancel(many[i]));
  for (int i = 1; i < MANY; i++) scrl_trainer_free(many[i]);
  ANSWERS(SCRL_E_CONFIG, scrl_config_set(config, "no.key", "1"));
  snprintf(before, sizeof before, "%s", scrl_last_error());
  for (int i = 1; i < MANY; i++) CHECK(scrl_trainer_cancel(many[i]) == SCRL_E_ARGUMENT);
  CHECK(scrl_trainer_cancel(NULL) == SCRL_E_ARGUMENT);
  CHECK(scrl_trainer_cancel((scrl_trainer *)config) == SCRL_E_ARGUMENT);
  CHECK(scrl_detector_cancel((scrl_detector *)many[0]) == SCRL_E_ARGUMENT);
  CHECK(strcmp(before, scrl_last_error()) == 0);
  scrl_trainer *fresh = NULL; /* gets a flag of before: lowered */
  scrl_dataset *dataset = small_dataset();
  NEED(scrl_trainer_new(config, dataset, NULL, &fresh));
  OK(scrl_trainer_run(fresh, 1, NULL, NULL));
  pid_t child = fork();
  if (child == 0) _exit(scrl_trainer_cancel(fresh) == SCRL_E_FORKED ? 0 : 1);
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  OK(scrl_trainer_run(fresh, 1, NULL, NULL));
  scrl_trainer_free(fresh), scrl_trainer_free(many[0]);
  scrl_config_free(config), scrl_dataset_free(dataset);
}

/* ------------------------------------------------------------- one run a folder */

static void refused_as_in_use(const char *folder, const char *holder) {
  scrl_dataset *dataset = small_dataset();
  scrl_config *config = small_config("40", "1");
  scrl_trainer *trainer = NULL;
  ANSWERS(SCRL_E_STATE, scrl_trainer_new(config, dataset, folder, &trainer));
  CHECK(strstr(scrl_last_error(), "in use by") && strstr(scrl_last_error(), holder));
  if (exists(in_scratch("shared-run/checkpoint.h5"))) {
    ANSWERS(SCRL_E_STATE, scrl_trainer_resume(folder, dataset, &trainer));
    CHECK(strstr(scrl_last_error(), "in use by") && strstr(scrl_last_error(), holder));
  }
  CHECK(trainer == NULL);
  scrl_config_free(config), scrl_dataset_free(dataset);
}

static pid_t owner;
static void refused_in_another_process(void) {
  char holder[40];
  snprintf(holder, sizeof holder, "process %ld on ", (long)owner);
  refused_as_in_use(in_scratch("shared-run"), holder);
}

static int begun[2]; /* a pipe: the folder is held */
static void hold_and_wait(void) {
  scrl_trainer *trainer = NULL;
  OK(scrl_trainer_resume(in_scratch("shared-run"), NULL, &trainer));
  if (fork() == 0) { /* a grandchild that outlives its parent must not hold the folder */
    CHECK(write(begun[1], "g", 1) == 1);
    alarm(60);
    for (;;) pause();
  }
  CHECK(write(begun[1], "c", 1) == 1);
  for (;;) pause();
}

CASE(a_second_run_in_a_folder_is_refused_while_the_first_lives) {
  char told[2] = "", *at = told;
  scrl_trainer *trainer = new_trainer("40", in_scratch("shared-run"));
  owner = getpid();
  CHECK(in_child(refused_in_another_process) == 0);
  OK(scrl_trainer_run(trainer, 2, NULL, NULL));
  refused_as_in_use(in_scratch("shared-run"), "a trainer of this process");
  CHECK(in_child(refused_in_another_process) == 0);
  scrl_trainer_free(trainer);
  CHECK(!exists(in_scratch("shared-run/.lock")));

  CHECK(pipe(begun) == 0);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) hold_and_wait();
  while (at < told + 2 && read(begun[0], at, 1) == 1) at++;
  owner = child;
  refused_in_another_process();
  kill(child, SIGKILL); /* its own child lives on */
  waitpid(child, NULL, 0);
  trainer = NULL;
  NEED(scrl_trainer_resume(in_scratch("shared-run"), NULL, &trainer));
  OK(scrl_trainer_run(trainer, 1, NULL, NULL));
  CHECK(steps_of(trainer) == 3);
  scrl_trainer_free(trainer);
  close(begun[0]), close(begun[1]);
}

/* ------------------------------------------------------------ killed and begun again */

static void two_steps_then_killed(void) {
  scrl_trainer *trainer = new_trainer("40", in_scratch("killed"));
  OK(scrl_trainer_step(trainer, NULL));
  OK(scrl_trainer_step(trainer, NULL));
  raise(SIGKILL);
}

CASE(a_run_killed_before_its_first_checkpoint_is_begun_again) {
  scrl_trainer *trainer = NULL;
  for (int again = 1; again <= 2; again++) {
    CHECK(WIFSIGNALED(in_child(two_steps_then_killed)));
    CHECK(lines_of("killed/metrics.jsonl") == 2);
    ANSWERS(SCRL_E_IO, scrl_trainer_resume(in_scratch("killed"), NULL, &trainer));
    CHECK(strstr(scrl_last_error(), "no checkpoint yet"));
    CHECK(strstr(scrl_last_error(), "begun again"));
    CHECK(lines_of("killed/metrics.jsonl") == 2);
  }
  trainer = new_trainer("40", in_scratch("killed"));
  OK(scrl_trainer_run(trainer, 1, NULL, NULL));
  scrl_trainer_free(trainer);
  CHECK(lines_of("killed/metrics.jsonl") == 1);
  CHECK(lines_of("killed/metrics-1.jsonl") == 2 && lines_of("killed/metrics-2.jsonl") == 2);
}

static const char *left(const char *name) {
  static char path[200];
  snprintf(path, sizeof path, "left/%s", name);
  return path;
}

CASE(what_killed_writers_leave_is_removed_and_nothing_else) {
  static const char *const gone[] = {".checkpoint.h5.3k9.tmp", ".checkpoint-00000007.h5.a0z.tmp",
                                     ".metrics.jsonl.1.tmp"};
  static const char *const kept[] = {".checkpoint.h5.held.tmp", ".other.h5.3k9.tmp",
                                     ".checkpoint.h5.Not.tmp",  "checkpoint.h5.3k9.tmp",
                                     ".checkpoint.h5.3k9.tmpx"};
  scrl_trainer *trainer = new_trainer("40", in_scratch("left"));
  OK(scrl_trainer_run(trainer, 1, NULL, NULL));
  scrl_trainer_free(trainer);
  trainer = NULL;
  for (int i = 0; i < 3; i++) write_text(left(gone[i]), "w", "x");
  for (int i = 0; i < 5; i++) write_text(left(kept[i]), "w", "x");
  int held = open(in_scratch("left/.checkpoint.h5.held.tmp"), O_RDWR);
  CHECK(held >= 0 && flock(held, LOCK_SH) == 0);
  NEED(scrl_trainer_resume(in_scratch("left"), NULL, &trainer));
  scrl_trainer_free(trainer);
  for (int i = 0; i < 3; i++) CHECK(!exists(in_scratch(left(gone[i]))));
  for (int i = 0; i < 5; i++) CHECK(exists(in_scratch(left(kept[i]))));
  close(held);

  scrl_writer *writer = NULL; /* and so beside a dataset */
  write_text(".packed.h5.9q.tmp", "w", "x"), write_text(".packed2.h5.9q.tmp", "w", "x");
  NEED(scrl_writer_new(in_scratch("packed.h5"), &writer));
  scrl_writer_free(writer);
  CHECK(!exists(in_scratch(".packed.h5.9q.tmp")) && exists(in_scratch(".packed2.h5.9q.tmp")));
}

CASE(another_working_directory_changes_nothing) {
  char before[4096];
  scrl_dataset *dataset = small_dataset(), *near = NULL;
  scrl_config *config = small_config("40", "1");
  scrl_trainer *trainer = NULL;
  CHECK(getcwd(before, sizeof before) != NULL);
  CHECK(mkdir(in_scratch("here"), 0777) == 0 && mkdir(in_scratch("there"), 0777) == 0);
  scrl_dataset_free(dataset);
  CHECK(chdir(in_scratch("here")) == 0);
  NEED(scrl_dataset_open("../shared.h5", &near));
  NEED(scrl_trainer_new(config, near, "run", &trainer));
  CHECK(chdir(in_scratch("there")) == 0);
  OK(scrl_trainer_run(trainer, 2, NULL, NULL));
  scrl_trainer_free(trainer), scrl_dataset_free(near);
  CHECK(exists(in_scratch("here/run/checkpoint.h5")) && !exists(in_scratch("there/run")));
  trainer = NULL;
  NEED(scrl_trainer_resume("../here/run", NULL, &trainer));
  CHECK(chdir(before) == 0);
  OK(scrl_trainer_run(trainer, 1, NULL, NULL));
  scrl_trainer_free(trainer);
  CHECK(lines_of("here/run/metrics.jsonl") == 3 && !exists(in_scratch("here/run/.lock")));
  scrl_config_free(config);
}

CASE(a_dataset_that_has_moved_is_asked_for) {
  scrl_trainer *trainer = new_trainer("40", in_scratch("moved")), *next = NULL;
  scrl_dataset *dataset = NULL;
  OK(scrl_trainer_run(trainer, 1, NULL, NULL));
  scrl_trainer_free(trainer);
  CHECK(rename(in_scratch("shared.h5"), in_scratch("shared-elsewhere.h5")) == 0);
  ANSWERS(SCRL_E_IO, scrl_trainer_resume(in_scratch("moved"), NULL, &next));
  CHECK(strstr(scrl_last_error(), "/shared.h5") && strstr(scrl_last_error(), "--data"));
  NEED(scrl_dataset_open(in_scratch("shared-elsewhere.h5"), &dataset));
  NEED(scrl_trainer_resume(in_scratch("moved"), dataset, &next));
  OK(scrl_trainer_step(next, NULL));
  scrl_trainer_free(next), scrl_dataset_free(dataset);
  CHECK(rename(in_scratch("shared-elsewhere.h5"), in_scratch("shared.h5")) == 0);
}

/* --------------------------------------------------------------- metrics.jsonl */

CASE(lines_of_others_in_the_metrics_stay) {
  scrl_trainer *trainer = new_trainer("40", in_scratch("noted"));
  OK(scrl_trainer_run(trainer, 2, NULL, NULL));
  write_text("noted/metrics.jsonl", "a", "# a note\r\n{\"step\": 2, \"val\": 0.5}\n");
  OK(scrl_trainer_step(trainer, NULL)); /* beyond the checkpoint */
  scrl_trainer_free(trainer);
  write_text("noted/metrics.jsonl", "a", "{\"other\": \"tool\"}\n\xFF\xFE{\n{\"step\": 4, \"epo");
  trainer = NULL;
  NEED(scrl_trainer_resume(in_scratch("noted"), NULL, &trainer));
  OK(scrl_trainer_run(trainer, 1, NULL, NULL));
  scrl_trainer_free(trainer);
  const char *text = text_of("noted/metrics.jsonl");
  const char *first = strstr(text, "{\"step\": 1, \"epoch\"");
  const char *last = strstr(text, "{\"step\": 3, \"epoch\"");
  const char *note = strstr(text, "# a note\r\n{\"step\": 2, \"val\": 0.5}\n");
  const char *tool = strstr(text, "{\"other\": \"tool\"}\n");
  CHECK(first == text && note && tool && last && note > first && tool > note && last > tool);
  CHECK(last && !strstr(last + 1, "{\"step\"") && lines_of("noted/metrics.jsonl") == 6);
  CHECK(strcmp(text_of("noted/metrics-foreign.jsonl"), "\xFF\xFE{\n") == 0);
}

CASE(metrics_that_cannot_be_used_do_not_keep_a_run_from_going_on) {
  scrl_trainer *trainer = new_trainer("40", in_scratch("strange"));
  OK(scrl_trainer_run(trainer, 1, NULL, NULL));
  scrl_trainer_free(trainer);
  for (int kind = 0; kind < 3; kind++) { /* a folder, a link to nowhere, a pipe */
    CHECK(remove(in_scratch("strange/metrics.jsonl")) == 0);
    if (kind == 0) CHECK(mkdir(in_scratch("strange/metrics.jsonl"), 0777) == 0);
    if (kind == 1) CHECK(symlink("/no/where", in_scratch("strange/metrics.jsonl")) == 0);
    if (kind == 2) CHECK(mkfifo(in_scratch("strange/metrics.jsonl"), 0666) == 0);
    trainer = NULL;
    NEED(scrl_trainer_resume(in_scratch("strange"), NULL, &trainer));
    OK(scrl_trainer_run(trainer, 1, NULL, NULL));
    scrl_trainer_free(trainer);
    CHECK(lines_of("strange/metrics.jsonl") == 1);
  }
  struct stat status;
  CHECK(lstat(in_scratch("strange/metrics-1.jsonl"), &status) == 0 && S_ISDIR(status.st_mode));
  CHECK(lstat(in_scratch("strange/metrics-2.jsonl"), &status) == 0 && S_ISLNK(status.st_mode));
  CHECK(lstat(in_scratch("strange/metrics-3.jsonl"), &status) == 0 && S_ISFIFO(status.st_mode));
}

/* ----------------------------------------------------------- changes on resume */

CASE(a_run_goes_on_with_what_may_change_and_the_rest_is_refused_by_name) {
  static const struct {
    const char *key, *value, *why; /* NULL: it may change */
  } rows[] = {{"train.steps", "41", NULL},        {"optimizer.base_lr", "0.3", NULL},
              {"checkpoint.every", "2", NULL},    {"checkpoint.minutes", "0.5", NULL},
              {"loader.threads", "2", NULL},      {"threads", "2", NULL},
              {"health.every", "5", NULL},        {"model.arch", "resnet18", NULL}, /* as it is */
              {"model.arch", "resnet50", "weights"}, {"train.batch", "2", "batches"},
              {"seed", "8", "drawn"},             {"views.size", "48", "step"},
              {"method", "byol", "weights"},      {"detect.steps", "9", "pretraining"},
              {"no.key", "1", "unknown"},         {"train.steps", "many", "expected"}};
  scrl_trainer *trainer = new_trainer("40", in_scratch("changed"));
  OK(scrl_trainer_run(trainer, 1, NULL, NULL));
  scrl_trainer_free(trainer);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const char *changes[] = {rows[i].key, rows[i].value, NULL};
    scrl_config *config = NULL;
    char value[64] = "";
    trainer = NULL;
    scrl_status expected = rows[i].why ? SCRL_E_CONFIG : SCRL_OK;
    ANSWERS(expected, scrl_trainer_resume_with(in_scratch("changed"), NULL, changes, &trainer));
    if (rows[i].why) {
      CHECK(strstr(scrl_last_error(), rows[i].key) && strstr(scrl_last_error(), rows[i].why));
      continue;
    }
    OK(scrl_trainer_config(trainer, &config));
    OK(scrl_config_get(config, rows[i].key, value, sizeof value, NULL));
    CHECK(strcmp(value, rows[i].value) == 0);
    OK(scrl_trainer_step(trainer, NULL));
    scrl_config_free(config), scrl_trainer_free(trainer);
  }
  const char *longer[] = {"train.steps", "3", "optimizer.base_lr", "0.25", NULL};
  uint64_t total = 0;
  trainer = NULL;
  NEED(scrl_trainer_resume_with(in_scratch("changed"), NULL, longer, &trainer));
  OK(scrl_trainer_progress(trainer, NULL, &total));
  CHECK(total == 3);
  OK(scrl_trainer_run(trainer, 0, NULL, NULL));
  scrl_trainer_free(trainer), trainer = NULL;
  NEED(scrl_trainer_resume(in_scratch("changed"), NULL, &trainer)); /* and it has kept them */
  OK(scrl_trainer_progress(trainer, NULL, &total));
  CHECK(total == 3 && steps_of(trainer) == 3);
  scrl_trainer_free(trainer), trainer = NULL;

  const char *odd[] = {"train.steps", NULL}, *none[] = {NULL}, *wrong[] = {"\xFF", "1", NULL};
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_resume_with(in_scratch("changed"), NULL, odd, &trainer));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_resume_with(in_scratch("changed"), NULL, wrong, &trainer));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_resume_with(NULL, NULL, none, &trainer));
  ANSWERS(SCRL_E_ARGUMENT, scrl_trainer_resume_with(in_scratch("changed"), NULL, none, NULL));
  ANSWERS(SCRL_E_ARGUMENT, scrl_detector_resume_with(NULL, NULL, none, NULL));
  CHECK(trainer == NULL);
  NEED(scrl_trainer_resume_with(in_scratch("changed"), NULL, none, &trainer));
  scrl_trainer_free(trainer);
}

CASE(every_key_says_whether_it_may_change) {
  int free_keys = 0, fixed_keys = 0;
  for (size_t i = 0; i < scrl_config_key_count(); i++) {
    scrl_config_key key = {.struct_size = sizeof key};
    NEED(scrl_config_key_at(i, &key));
    if (key.fixed) CHECK(strlen(key.fixed) > 10);
    *(key.fixed ? &fixed_keys : &free_keys) += 1;
    if (strncmp(key.name, "loader.", 7) == 0 || strncmp(key.name, "checkpoint.", 11) == 0)
      CHECK(!key.fixed);
    if (strncmp(key.name, "model.", 6) == 0) CHECK(key.fixed);
  }
  CHECK(free_keys > 10 && fixed_keys > 20);
}

int main(void) {
  scrl_dataset_free(small_dataset());
  RUN(a_request_to_stop_in_a_signal_handler_harms_no_call);
  RUN(a_request_before_a_run_stops_it_before_its_first_step_and_only_it);
  RUN(a_request_knows_living_trainers_of_this_process_only);
  RUN(a_second_run_in_a_folder_is_refused_while_the_first_lives);
  RUN(a_run_killed_before_its_first_checkpoint_is_begun_again);
  RUN(what_killed_writers_leave_is_removed_and_nothing_else);
  RUN(another_working_directory_changes_nothing);
  RUN(a_dataset_that_has_moved_is_asked_for);
  RUN(lines_of_others_in_the_metrics_stay);
  RUN(metrics_that_cannot_be_used_do_not_keep_a_run_from_going_on);
  RUN(a_run_goes_on_with_what_may_change_and_the_rest_is_refused_by_name);
  RUN(every_key_says_whether_it_may_change);
  return summary("runs");
}
