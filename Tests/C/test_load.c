/*
 * test_load LIBRARY: what a process notices when the library is loaded. Nothing: no thread, no
 * signal handler, no output, no changed working folder, locale or environment.
 * Not linked with the library: it is opened while we look.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;
static int passed, failed;

static void check(int good, const char *what) {
  good ? passed++ : failed++;
  if (!good) fprintf(stderr, "load: not true: %s\n", what);
}

static int threads(void) {
  DIR *folder = opendir("/proc/self/task");
  int count = 0;
  for (struct dirent *entry; folder && (entry = readdir(folder));) count += entry->d_name[0] != '.';
  if (folder) closedir(folder);
  return count;
}

static void signal_state(struct sigaction *state) {
  for (int number = 1; number <= 64; number++) sigaction(number, NULL, &state[number]);
}

/* Handler, flags and mask of every signal. The mask bit by bit: glibc fills only its first word. */
static int same_signals(const struct sigaction *a, const struct sigaction *b) {
  for (int number = 1; number <= 64; number++) {
    if (a[number].sa_handler != b[number].sa_handler) return 0;
    if (a[number].sa_flags != b[number].sa_flags) return 0;
    for (int bit = 1; bit <= 64; bit++)
      if (sigismember(&a[number].sa_mask, bit) != sigismember(&b[number].sa_mask, bit)) return 0;
  }
  return 1;
}

static size_t environment_size(void) {
  size_t size = 0;
  for (char **entry = environ; *entry; entry++) size += strlen(*entry) + 1;
  return size;
}

int main(int argc, char **argv) {
  if (argc != 2) return fprintf(stderr, "usage: test_load LIBRARY\n"), 2;
  static struct sigaction before[65], after[65];
  int threads_before = threads();
  size_t environment_before = environment_size();
  signal_state(before);

  /* Everything written to either stream while loading goes to a file that must stay empty. */
  FILE *file = tmpfile();
  int out = dup(1), err = dup(2);
  dup2(fileno(file), 1), dup2(fileno(file), 2);
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  const char *problem = library ? NULL : dlerror();
  const char *(*version)(void) =
      library ? (const char *(*)(void))dlsym(library, "scrl_version") : NULL;
  const char *answer = version ? version() : "";
  int threads_after = threads();
  signal_state(after);
  fflush(NULL);
  dup2(out, 1), dup2(err, 2);
  struct stat written;
  fstat(fileno(file), &written);

  if (problem) fprintf(stderr, "load: %s\n", problem);
  check(library != NULL, "the library opens");
  check(answer[0] == '0', "its first call answers");
  check(threads_after == threads_before, "loading starts no thread");
  check(same_signals(before, after), "loading changes no signal handler");
  check(written.st_size == 0, "loading prints nothing");
  check(environment_size() == environment_before, "loading changes no environment variable");
  check(library && dlclose(library) == 0, "it can be closed");
  check(version && version()[0] == '0', "and stays, because Swift code cannot be unloaded");
  printf("load: %d passed, %d failed\n", passed, failed);
  return failed != 0;
}
