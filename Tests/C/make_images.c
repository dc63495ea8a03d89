/*
 * make_images FOLDER: the JPEG files of the C tests, the same bytes every time.
 *   FOLDER/images/{dots,stripes}/NN.jpg   12 pictures, 96 × 80 to 117 × 95 pixels
 *   FOLDER/photos/NNN.jpg                 256 pictures, 128 × 96: more than a preset's batch
 *   FOLDER/mixed/                          good ones among bad ones, see below
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <turbojpeg.h>
#include <unistd.h>

static uint8_t *picture(int number, int width, int height, int subsampling, int flags,
                        unsigned long *bytes) {
  uint8_t *pixels = malloc((size_t)width * (size_t)height * 3);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      uint8_t *pixel = pixels + 3 * (y * width + x);
      int stripe = ((x * (1 + number % 3) + y * (number % 5)) / 8) % 2;
      pixel[0] = (uint8_t)(stripe ? 200 : 40 + 10 * number);
      pixel[1] = (uint8_t)((x * 255 / width + 20 * number) % 256);
      pixel[2] = (uint8_t)((y * 255 / height) ^ (stripe ? 0x3F : 0));
    }
  tjhandle handle = tjInitCompress();
  uint8_t *jpeg = NULL;
  if (tjCompress2(handle, pixels, width, 0, height, TJPF_RGB, &jpeg, bytes, subsampling, 90,
                  flags) != 0) {
    fprintf(stderr, "make_images: %s\n", tjGetErrorStr2(handle));
    exit(1);
  }
  uint8_t *copy = malloc(*bytes);
  memcpy(copy, jpeg, *bytes);
  tjFree(jpeg);
  tjDestroy(handle);
  free(pixels);
  return copy;
}

static void folder(const char *path) {
  if (mkdir(path, 0777) != 0 && errno != EEXIST) perror(path), exit(1);
}

static void store(const char *path, const void *bytes, size_t count) {
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes, 1, count, file) != count || fclose(file) != 0) perror(path), exit(1);
}

int main(int argc, char **argv) {
  if (argc != 2) return fprintf(stderr, "usage: make_images FOLDER\n"), 2;
  if (chdir(argv[1]) != 0) return perror(argv[1]), 1;
  unsigned long bytes;
  char path[64];
  folder("images"), folder("images/dots"), folder("images/stripes"), folder("mixed");
  folder("photos");

  for (int i = 0; i < 12; i++) {
    uint8_t *jpeg = picture(i, 96 + (7 * i) % 22, 80 + (5 * i) % 16, TJSAMP_420, 0, &bytes);
    snprintf(path, sizeof path, "images/%s/%02d.jpg", i % 2 ? "stripes" : "dots", i);
    store(path, jpeg, bytes);
    free(jpeg);
  }

  for (int i = 0; i < 256; i++) {
    uint8_t *jpeg = picture(i, 128, 96, TJSAMP_420, 0, &bytes);
    snprintf(path, sizeof path, "photos/%03d.jpg", i);
    store(path, jpeg, bytes);
    free(jpeg);
  }

  /* Usable: plain, gray, progressive, 4:4:4, a name that is not UTF-8, a capital extension. */
  uint8_t *jpeg = picture(1, 70, 60, TJSAMP_420, 0, &bytes);
  store("mixed/plain.jpg", jpeg, bytes);
  store("mixed/\xFF\xFE.jpg", jpeg, bytes);
  store("mixed/CAPITAL.JPEG", jpeg, bytes);
  store("mixed/truncated.jpg", jpeg, 200); /* inside the tables: nothing can be decoded */
  free(jpeg);
  jpeg = picture(2, 70, 60, TJSAMP_GRAY, 0, &bytes);
  store("mixed/gray.jpg", jpeg, bytes);
  free(jpeg);
  jpeg = picture(3, 70, 60, TJSAMP_444, TJFLAG_PROGRESSIVE, &bytes);
  store("mixed/progressive.jpg", jpeg, bytes);
  free(jpeg);

  /* Not usable, beside truncated.jpg: each must be listed with its reason. */
  store("mixed/empty.jpg", "", 0);
  store("mixed/text.jpg", "this is no picture\n", 19);
  static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 0, 0, 0, 0};
  store("mixed/picture.png", png, sizeof png);
  if (symlink("../mixed", "mixed/loop") != 0 && errno != EEXIST) perror("mixed/loop");
  if (symlink("nowhere.jpg", "mixed/dangling.jpg") != 0 && errno != EEXIST) perror("dangling");
  return 0;
}
