#include "same_datasets.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct walk {
  hid_t other;
  int compared, different, reads_bytes;
} walk;

/* Type, shape and raw bytes of one dataset; the caller frees. Variable-length text is compared
   through its string, everything else as it lies in the file. */
static unsigned char *contents(hid_t file, const char *name, size_t *count, hid_t *type) {
  hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
  if (dataset < 0) return NULL;
  *type = H5Dget_type(dataset);
  hid_t space = H5Dget_space(dataset);
  hssize_t elements = H5Sget_simple_extent_npoints(space);
  *count = (size_t)elements * H5Tget_size(*type);
  unsigned char *bytes = malloc(*count + 1);
  if (H5Dread(dataset, *type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) < 0) {
    free(bytes);
    bytes = NULL;
  } else if (H5Tis_variable_str(*type) > 0 && elements == 1) {
    char *text = *(char **)bytes;
    free(bytes);
    bytes = (unsigned char *)text;
    *count = text ? strlen(text) : 0;
  }
  H5Sclose(space);
  H5Dclose(dataset);
  return bytes;
}

static herr_t visit(hid_t group, const char *name, const H5O_info_t *info, void *user) {
  walk *w = user;
  if (info->type != H5O_TYPE_DATASET) return 0;
  w->compared++;
  if (H5Lexists(w->other, name, H5P_DEFAULT) <= 0) {
    fprintf(stderr, "only in one file: %s\n", name);
    w->different++;
    return 0;
  }
  if (!w->reads_bytes) return 0;
  size_t count_a = 0, count_b = 0;
  hid_t type_a = -1, type_b = -1;
  unsigned char *a = contents(group, name, &count_a, &type_a);
  unsigned char *b = contents(w->other, name, &count_b, &type_b);
  if (!a || !b || count_a != count_b || H5Tequal(type_a, type_b) <= 0 ||
      memcmp(a, b, count_a) != 0) {
    fprintf(stderr, "differs: %s (%zu and %zu bytes)\n", name, count_a, count_b);
    w->different++;
  }
  free(a), free(b);
  H5Tclose(type_a), H5Tclose(type_b);
  return 0;
}

int same_datasets(const char *path_a, const char *path_b, const char *group) {
  if (!group) group = "/";
  hid_t a = H5Fopen(path_a, H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t b = H5Fopen(path_b, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (a < 0 || b < 0) return -1;
  hid_t in_a = H5Gopen2(a, group, H5P_DEFAULT), in_b = H5Gopen2(b, group, H5P_DEFAULT);
  walk forth = {in_b, 0, 0, 1}, back = {in_a, 0, 0, 0};
  int walked = in_a >= 0 && in_b >= 0 &&
               H5Ovisit2(in_a, H5_INDEX_NAME, H5_ITER_INC, visit, &forth, H5O_INFO_BASIC) >= 0 &&
               H5Ovisit2(in_b, H5_INDEX_NAME, H5_ITER_INC, visit, &back, H5O_INFO_BASIC) >= 0;
  H5Gclose(in_a), H5Gclose(in_b), H5Fclose(a), H5Fclose(b);
  return walked && !forth.different && !back.different ? forth.compared : -1;
}
