/*
 * read_checkpoint: lists the backbone's weights in a checkpoint: name, shape, mean magnitude.
 *
 *   read_checkpoint CHECKPOINT
 *
 * The file is plain HDF5, so `h5dump -H CHECKPOINT` and h5py list the same names (and those of the
 * target network, the predictor and the optimiser) without this library.
 */
#include <scrl.h>
#include <stdio.h>
#include <stdlib.h>

static void must(scrl_status status) {
  if (status == SCRL_OK) return;
  fprintf(stderr, "read_checkpoint: %s: %s\n", scrl_status_name(status), scrl_last_error());
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 2) return fprintf(stderr, "usage: read_checkpoint CHECKPOINT\n"), 2;
  scrl_model *model;
  scrl_state *state;
  size_t tensors;
  must(scrl_model_load(argv[1], &model));
  must(scrl_model_state(model, &state));
  must(scrl_state_count(state, &tensors));

  int64_t trainable = 0;
  for (size_t i = 0; i < tensors; i++) {
    scrl_state_info info = {.struct_size = sizeof info};
    must(scrl_state_at(state, i, &info));
    float *values = malloc((size_t)info.count * sizeof *values);
    if (!values) return fprintf(stderr, "read_checkpoint: no memory\n"), 1;
    must(scrl_state_read(state, info.name, values, (size_t)info.count));

    double sum = 0;
    for (int64_t k = 0; k < info.count; k++) sum += values[k] < 0 ? -values[k] : values[k];
    free(values);

    char shape[96];
    int length = 0;
    for (int32_t axis = 0; axis < info.rank; axis++)
      length += snprintf(shape + length, sizeof shape - (size_t)length, "%s%lld",
                         axis ? " x " : "", (long long)info.shape[axis]);
    printf("%-48s %-20s %.6f%s\n", info.name, shape, sum / (double)info.count,
           info.trainable ? "" : "  (running statistic)");
    if (info.trainable) trainable += info.count;
  }
  printf("%lld trainable numbers\n", (long long)trainable);
  scrl_state_free(state);
  scrl_model_free(model);
  return 0;
}
