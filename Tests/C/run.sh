#!/usr/bin/env bash
# Installs the built library into a temporary prefix and tests it there as a stranger would use it:
# header, pkg-config, CMake, exported symbols, and the test programs. Ends with "N passed, N failed".
#   Tests/C/run.sh [PROGRAM…]   such as: Tests/C/run.sh config trainer
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
passed=0
failed=0

# check NAME COMMAND…: one case; its output is shown only when it fails.
check() {
  local name=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "failed: $name"
    sed 's/^/  /' "$work/log" | tail -n 40
  fi
}

# program NAME: runs what build NAME made, in a folder of its own, $work/NAME.
program() {
  local folder=$work/$1 argument=
  [ "$1" = load ] && argument=$library
  mkdir "$folder" && "$work/make_images" "$folder" && cd "$folder" || return
  SCRATCH=$folder timeout 900 "$work/test_$1" ${argument:+"$argument"} >"$folder/log" 2>"$folder/err"
  echo $? >"$folder/status"
  cat "$folder/err" "$folder/log"
}
# count NAME: adds the program's own counts to ours.
count() {
  local counts
  counts=$(grep -oE '[0-9]+ passed, [0-9]+ failed' "$work/$1/log" | tail -1)
  if [ -z "$counts" ]; then
    echo "failed: $1 ended with status $(cat "$work/$1/status") before its counts"
    failed=$((failed + 1))
    return
  fi
  passed=$((passed + $(echo "$counts" | cut -d' ' -f1)))
  failed=$((failed + $(echo "$counts" | cut -d' ' -f3)))
}

make -C "$root" --no-print-directory install PREFIX="$prefix" >"$work/log" 2>&1 || {
  tail -n 40 "$work/log"
  echo "0 passed, 1 failed: make install"
  exit 1
}
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig LD_LIBRARY_PATH=$prefix/lib
library=$prefix/lib/libscrl.so
strict="-std=c99 -Wall -Wextra -pedantic -Werror"

# --- the installed files
cflags=$(pkg-config --cflags scrl)
libs=$(pkg-config --libs scrl)
version=$(sed -n 's/^#define SCRL_VERSION "\(.*\)"/\1/p' "$root/include/scrl.h")

exports_are_the_header() {
  "$here/declared.sh" "$prefix/include/scrl.h" >"$work/declared"
  [ -s "$work/declared" ] || return 1
  nm -D --defined-only "$library" | awk '$2 != "A" {sub(/@.*/, "", $3); print $3}' |
    LC_ALL=C sort >"$work/exported"
  diff "$work/declared" "$work/exported"
}
needs_no_swift() {
  readelf -d "$library" | grep NEEDED
  ! readelf -d "$library" | grep -E 'NEEDED.*(libswift|libdispatch|libFoundation|libBlocksRuntime)'
}
soname_is_abi() {
  readelf -d "$library" | grep SONAME
  readelf -d "$library" | grep -q "SONAME.*\[libscrl.so.$(awk '/define SCRL_ABI/ {print $3}' \
    "$root/include/scrl.h")\]"
}
every_export_is_versioned() { ! nm -D --defined-only "$library" | grep ' T ' | grep -v '@@SCRL_0$'; }
is_stripped() { ! readelf -S "$library" | grep -q '\.symtab'; }
compiles() { # $1 compiler, $2 flags, $3 language
  printf '#include <scrl.h>\n#include <scrl.h>\nint main(void) { return scrl_abi(); }\n' >"$work/h.$3"
  # shellcheck disable=SC2086
  $1 $2 -Wall -Wextra -pedantic -Werror $cflags -c "$work/h.$3" -o "$work/h.o"
}
example() { # shellcheck disable=SC2086
  cc $strict "$root/examples/c/$1.c" -o "$work/$1" $cflags $libs
}
cmake_finds_it() {
  cmake -S "$root/examples/c" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix" &&
    cmake --build "$work/cmake"
}
uninstalls() {
  make -C "$root" --no-print-directory install PREFIX=/usr DESTDIR="$work/stage" &&
    make -C "$root" --no-print-directory uninstall PREFIX=/usr DESTDIR="$work/stage" &&
    [ -z "$(find "$work/stage" -not -type d)" ]
}

if [ $# -eq 0 ]; then
  check "pkg-config tells the version" test "$(pkg-config --modversion scrl)" = "$version"
  check "the header compiles as C99" compiles cc -std=c99 c
  check "the header compiles as C11" compiles cc -std=c11 c
  check "the header compiles as C++17" compiles c++ -std=c++17 cpp
  check "the header means the same to C++" \
    c++ -std=c++17 -Wall -Wextra -Werror "$here/header.cpp" -o "$work/header" $cflags $libs
  check "the library exports exactly what the header declares" exports_are_the_header
  check "every export has the version SCRL_0" every_export_is_versioned
  check "the library needs no Swift library" needs_no_swift
  check "the soname carries the ABI number" soname_is_abi
  check "the library is stripped" is_stripped
  for name in quickstart pretrain features read_checkpoint detect; do
    check "examples/c/$name.c compiles strictly" example $name
  done
  if command -v cmake >/dev/null; then
    check "find_package(scrl) works" cmake_finds_it
  else
    echo "skipped: find_package(scrl): no cmake on this machine"
  fi
  check "make uninstall leaves no file" uninstalls
fi

# --- the programs
hdf5="$(pkg-config --cflags --libs hdf5)"
jpeg="$(pkg-config --cflags --libs libturbojpeg)"
# shellcheck disable=SC2086
cc $strict "$here/make_images.c" -o "$work/make_images" $jpeg && "$work/make_images" "$work" || {
  echo "$passed passed, $((failed + 1)) failed: make_images"
  exit 1
}

build() { # shellcheck disable=SC2086
  case $1 in
    trainer | detector)
      cc -std=c99 -Wall -Wextra -Werror -c "$here/same_datasets.c" -o "$work/same.o" \
        $(pkg-config --cflags hdf5) &&
        cc $strict "$here/test_$1.c" "$work/same.o" -o "$work/test_$1" -pthread \
          $cflags $libs $hdf5 -lm ;;
    load) cc -std=gnu99 -Wall -Wextra -Werror "$here/test_load.c" -o "$work/test_load" -ldl ;;
    *) cc $strict "$here/test_$1.c" -o "$work/test_$1" $cflags $libs -lm ;;
  esac
}

# Two at a time, the longest first: most of what a program does is on one core.
built=
for name in ${@:-trainer load runs library config files pictures guards coco model evaluate \
  judges coco_metrics detector bench}; do
  if build "$name" 2>"$work/log"; then
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
    program "$name" &
    built+=" $name"
  else
    echo "failed: test_$name does not build"
    tail -n 10 "$work/log"
    failed=$((failed + 1))
  fi
done
wait
for name in $built; do count "$name"; done

# --- the examples, on files
examples_run() {
  cd "$work" && ./pretrain photos run 2 && ./pretrain photos run &&
    ./features run run.h5 >features.csv && [ "$(wc -l <features.csv)" = 256 ] &&
    ./read_checkpoint run/checkpoint.h5 | tail -n 2
}
# Eight photos, one thing in each: $work/few and $work/few.json.
few_annotated() {
  local images= boxes= number
  mkdir "$work/few" && cp "$work"/photos/00[0-7].jpg "$work/few" || return 1
  for number in 0 1 2 3 4 5 6 7; do
    images+="${images:+, }{\"id\": $number, \"file_name\": \"00$number.jpg\", \"height\": 96, \"width\": 128}"
    boxes+="${boxes:+, }{\"id\": $number, \"image_id\": $number, \"category_id\": 7, \"iscrowd\": 0,
      \"area\": 5600, \"bbox\": [16, 12, 80, 70], \"segmentation\": [[16, 12, 96, 12, 96, 82, 16, 82]]}"
  done
  echo "{\"images\": [$images], \"annotations\": [$boxes],
    \"categories\": [{\"id\": 7, \"name\": \"thing\"}]}" >"$work/few.json"
}
# The best detection of image 0 is the annotated thing: intersection over union at least 0.7.
found_in_place() {
  awk '$1 == "image" && $2 == "0:" && $3 == "thing" {
    width = ($8 < 96 ? $8 : 96) - ($6 > 16 ? $6 : 16)
    height = ($9 < 82 ? $9 : 82) - ($7 > 12 ? $7 : 12)
    if (width < 0 || height < 0) exit
    shared = width * height
    found = shared >= 0.7 * (($8 - $6) * ($9 - $7) + 5600 - shared)
    exit
  } END { exit !found }' "$1"
}
# From a folder and a COCO file to detections; the second call finds the run finished.
detect_runs() {
  few_annotated && cd "$work" && ./detect few few.json few_run 40 >few.txt &&
    ./detect few few.json few_run >again.txt && cat few.txt &&
    found_in_place few.txt &&
    diff <(grep '^image' few.txt) <(grep '^image' again.txt)
}
if [ $# -eq 0 ]; then
  check "the examples run one after another" examples_run
  check "examples/c/detect.c finds what it has learnt" detect_runs
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
