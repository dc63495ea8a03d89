/*
 * features: one line of comma-separated values per image: index, label, then its embedding.
 *
 *   features CHECKPOINT DATASET > features.csv
 *
 * CHECKPOINT is a file or a run folder. The embedding is the feature map of the last trained stage
 * (roi.stage; layer4 unless told) averaged over its cells; scrl_model_features() gives the map.
 */
#include <scrl.h>
#include <stdio.h>
#include <stdlib.h>

static void must(scrl_status status) {
  if (status == SCRL_OK) return;
  fprintf(stderr, "features: %s: %s\n", scrl_status_name(status), scrl_last_error());
  exit(1);
}

static void *memory(size_t bytes) {
  void *pointer = malloc(bytes);
  if (!pointer) fprintf(stderr, "features: no memory for %zu bytes\n", bytes), exit(1);
  return pointer;
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: features CHECKPOINT DATASET\n"), 2;
  scrl_model *model;
  scrl_dataset *dataset;
  scrl_config *config;
  must(scrl_model_load(argv[1], &model));
  must(scrl_dataset_open(argv[2], &dataset));

  /* The side the backbone was trained at. */
  char text[32];
  must(scrl_model_config(model, &config));
  must(scrl_config_get(config, "views.size", text, sizeof text, NULL));
  scrl_config_free(config);
  size_t side = (size_t)strtoul(text, NULL, 10), length, count;
  must(scrl_model_embedding_size(model, &length));
  must(scrl_dataset_count(dataset, &count));

  float *image = memory(3 * side * side * sizeof *image);
  float *embedding = memory(length * sizeof *embedding);
  scrl_tensor input = {.struct_size = sizeof input, .rank = 4, .data = image,
                       .shape = {1, 3, (int64_t)side, (int64_t)side}};

  for (size_t i = 0; i < count; i++) {
    size_t height, width;
    int32_t label;
    must(scrl_dataset_size(dataset, i, &height, &width));
    must(scrl_dataset_label(dataset, i, &label));
    uint8_t *pixels = memory(height * width * 3);
    scrl_status status = scrl_dataset_read_rgb(dataset, i, pixels, height * width * 3);
    if (status == SCRL_E_DATA) { /* a damaged stream: say so, go on with the next image */
      fprintf(stderr, "image %zu: %s\n", i, scrl_last_error());
      free(pixels);
      continue;
    }
    must(status);
    must(scrl_image_prepare(pixels, height, width, side, image, 3 * side * side));
    free(pixels);
    must(scrl_model_embed(model, &input, embedding, length));
    printf("%zu,%ld", i, (long)label);
    for (size_t k = 0; k < length; k++) printf(",%.7g", (double)embedding[k]);
    putchar('\n');
  }

  free(embedding);
  free(image);
  scrl_dataset_free(dataset);
  scrl_model_free(model);
  return 0;
}
