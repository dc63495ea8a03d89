#include <scrl.h>
#include <stdio.h>
int main(void) {
  scrl_writer *w; scrl_dataset *data; scrl_config *config; scrl_trainer *t;
  if (scrl_writer_new("photos.h5", &w) || scrl_writer_add_folder(w, "photos", 0, 0, 0) ||
      scrl_writer_finish(w) || scrl_dataset_open("photos.h5", &data) ||
      scrl_config_new("scrl-small", &config) || scrl_trainer_new(config, data, "run", &t) ||
      scrl_trainer_run(t, 20, 0, 0)) return fprintf(stderr, "%s\n", scrl_last_error()), 1;
  return puts("run/checkpoint.h5"), 0;
}
